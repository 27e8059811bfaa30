from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import serverless
from costmodel.capacity.serverless import AcuRange, follow_load, resumes

idle_loads = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.1, 7.0, 90.0]), min_size=1, max_size=200).map(
    np.array
)
loads = st.lists(st.floats(0, 300), min_size=1, max_size=120).map(np.array)


def test_a_steady_load_runs_at_thirty_percent_more_in_half_steps() -> None:
    # 4 x 1.3 = 5.2 -> 5.5
    assert follow_load(np.full(5, 4.0), AcuRange(0.5, 64.0)).tolist() == [5.5] * 5


def test_growth_within_the_minute(model_row: Callable[..., None]) -> None:
    # From 0.5 every ten seconds: 1, 1.5, 2.25, 3.375, 5.0625, 5.5; billed 1, 1.5, 2.5, 3.5, 5.5, 5.5.
    running = follow_load(np.array([0.0, 4.0, 4.0]), AcuRange(0.5, 64.0))
    assert running.tolist() == [0.5, pytest.approx(19.5 / 6), 5.5]
    model_row(
        "RDS and Aurora",
        "Serverless v2: growth",
        rule="every ten seconds half of the capacity, at least half an ACU; billed in half ACUs",
        source="Amazon Aurora User Guide, How Aurora Serverless v2 works (2023-06); rates: engineering guess",
        oracle="steps of ten seconds worked by hand",
        tolerance="1e-6",
        observed_error=abs(float(running[1]) - 19.5 / 6),
    )


def test_shrinking_by_a_tenth_a_minute() -> None:
    # 5.5 x 0.9 = 4.95 at the end of the minute; five of its six steps bill 5.5, the last 5.
    running = follow_load(np.array([4.0, 0.0]), AcuRange(0.5, 64.0))
    assert running[1] == pytest.approx((5 * 5.5 + 5.0) / 6)


def test_bounds_hold() -> None:
    running = follow_load(np.array([0.0, 500.0, 500.0, 500.0, 500.0, 0.0]), AcuRange(2.0, 16.0))
    assert running[0] == 2.0
    assert running.max() == 16.0


def test_a_cluster_that_nobody_calls_pauses_after_five_minutes_and_answers_15_seconds_late(
    model_row: Callable[..., None],
) -> None:
    # Five idle minutes at half an ACU, then nothing; the call in minute 8 waits 15 of its 60 seconds: one
    # step of ten seconds is lost whole and half of the second, the last four run.
    running = follow_load(np.array([0.1, *[0.0] * 7, 0.1, 0.1]), AcuRange(0.0, 1.0))
    assert running.tolist() == [0.5] * 6 + [0.0] * 2 + [pytest.approx(0.5 * 45 / 60), 0.5]
    minutes, seconds = resumes(running)
    assert (minutes.tolist(), seconds.tolist()) == ([8.0], [15.0])
    model_row(
        "RDS and Aurora",
        "Serverless v2: pause and resume",
        rule="paused and not billed after 300 s without a call; the next call waits 15 s",
        source="Amazon Aurora User Guide, Scaling to Zero ACUs (2024-11)",
        oracle="minute table worked by hand",
        tolerance="exact",
        observed_error=0.0,
    )


def test_after_more_than_a_day_of_pause_it_takes_thirty_seconds() -> None:
    idle = 5 + 1441
    running = follow_load(np.array([0.1, *[0.0] * idle, 0.1]), AcuRange(0.0, 1.0))
    assert running[-1] == pytest.approx(0.5 * 30 / 60)
    assert resumes(running)[1].tolist() == [30.0]


def test_a_minimum_above_zero_never_pauses() -> None:
    running = follow_load(np.zeros(60), AcuRange(0.5, 1.0))
    assert running.tolist() == [0.5] * 60
    assert resumes(running)[0].size == 0


@pytest.mark.parametrize(
    ("minimum", "maximum", "pause_after_s"),
    [(2.0, 1.0, 300), (-0.5, 1.0, 300), (0.0, 0.5, 300), (1.0, 300.0, 300), (0.3, 1.0, 300), (0.0, 1.0, 299)],
)
def test_ranges_that_aws_does_not_take(minimum: float, maximum: float, pause_after_s: int) -> None:
    with pytest.raises(ValueError, match="Amazon RDS API Reference"):
        AcuRange(minimum, maximum, pause_after_s)


@settings(max_examples=25, deadline=None)
@given(idle_loads, st.integers(0, 7))
def test_compiled_kernel_equals_plain_python(needed: np.ndarray, pause_after: int) -> None:
    compiled = serverless._follow_load(needed, 0.5, 128.0, pause_after)
    assert np.array_equal(compiled, serverless._follow_load.py_func(needed, 0.5, 128.0, pause_after))


@settings(max_examples=25, deadline=None)
@given(loads, st.floats(1, 3))
def test_more_load_never_runs_less(needed: np.ndarray, factor: float) -> None:
    assert np.all(
        follow_load(needed * factor, AcuRange(0.5, 128.0)) >= follow_load(needed, AcuRange(0.5, 128.0)) - 1e-9
    )
