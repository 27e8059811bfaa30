from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import serverless
from costmodel.capacity.serverless import follow_load

loads = st.lists(st.floats(0, 300), min_size=1, max_size=120).map(np.array)


def test_a_steady_load_runs_at_thirty_percent_more_in_half_steps() -> None:
    # 4 x 1.3 = 5.2 -> 5.5
    assert follow_load(np.full(5, 4.0), 0.5, 64.0).tolist() == [5.5] * 5


def test_growth_within_the_minute() -> None:
    # From 0.5 every ten seconds: 1, 1.5, 2.25, 3.375, 5.0625, 5.5; billed 1, 1.5, 2.5, 3.5, 5.5, 5.5.
    running = follow_load(np.array([0.0, 4.0, 4.0]), 0.5, 64.0)
    assert running.tolist() == [0.5, pytest.approx(19.5 / 6), 5.5]


def test_shrinking_by_a_tenth_a_minute() -> None:
    # 5.5 x 0.9 = 4.95 at the end of the minute; five of its six steps bill 5.5, the last 5.
    running = follow_load(np.array([4.0, 0.0]), 0.5, 64.0)
    assert running[1] == pytest.approx((5 * 5.5 + 5.0) / 6)


def test_bounds_hold() -> None:
    running = follow_load(np.array([0.0, 500.0, 500.0, 500.0, 500.0, 0.0]), 2.0, 16.0)
    assert running[0] == 2.0
    assert running.max() == 16.0


@settings(max_examples=25, deadline=None)
@given(loads)
def test_compiled_kernel_equals_plain_python(needed: np.ndarray) -> None:
    compiled = serverless._follow_load(needed, 0.5, 128.0)
    assert np.array_equal(compiled, serverless._follow_load.py_func(needed, 0.5, 128.0))


@settings(max_examples=25, deadline=None)
@given(loads, st.floats(1, 3))
def test_more_load_never_runs_less(needed: np.ndarray, factor: float) -> None:
    assert np.all(follow_load(needed * factor, 0.5, 128.0) >= follow_load(needed, 0.5, 128.0) - 1e-9)
