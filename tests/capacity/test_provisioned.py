from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import on_demand, provisioned
from costmodel.capacity.on_demand import allowed_on_demand
from costmodel.capacity.provisioned import (
    UPDATE_DELAY_MINUTES,
    Bounds,
    follow_target,
    follow_target_together,
)

DAY = 1440


def minutes_at(*pieces: tuple[int, float]) -> np.ndarray:
    """Units per minute from (minutes, units per second) pieces."""
    return np.concatenate([np.full(minutes, per_s * 60.0) for minutes, per_s in pieces])


def test_steady_load_at_target_changes_nothing() -> None:
    run = follow_target(minutes_at((200, 70.0)), 0.7, 1, 1000)
    assert run.provisioned_units.tolist() == [100.0] * 200
    assert run.throttled_units.sum() == 0


def test_two_minutes_above_target_raise_capacity_after_the_update_delay() -> None:
    # 100 units hold 70/s. From minute 20, 150/s: alarm after minutes 20 and 21, 150 / 0.7 = 214.3 -> 215
    # units serve from minute 25. Five minutes over by 50 x 60 take 15 000 of the 30 000 in the bucket.
    run = follow_target(minutes_at((20, 70.0), (20, 150.0)), 0.7, 1, 1000)
    assert run.provisioned_units.tolist() == [100.0] * 25 + [215.0] * 15
    assert run.throttled_units.sum() == 0


def test_what_the_burst_bucket_does_not_hold_is_throttled() -> None:
    # 600/s = 36 000 a minute against 6 000: minute 20 empties the bucket of 300 s x 100 = 30 000 exactly.
    # The alarm sees 6 000 served in minute 21: 100 / 0.7 -> 143 units, which serve 8 580 from minute 25.
    run = follow_target(minutes_at((20, 70.0), (6, 600.0)), 0.7, 1, 1000)
    assert run.throttled_units[20:].tolist() == [0.0, 30_000.0, 30_000.0, 30_000.0, 30_000.0, 27_420.0]
    assert run.provisioned_units[25] == 143.0
    assert run.served_units[25] == 8_580.0


def test_fifteen_minutes_twenty_points_below_cut_capacity() -> None:
    # 20/s of 100 units is below 0.7 - 0.2 from minute 1; alarm at minute 15, 20 / 0.7 -> 29 from minute 19.
    run = follow_target(minutes_at((1, 70.0), (60, 20.0)), 0.7, 1, 1000)
    assert run.provisioned_units.tolist() == [100.0] * 19 + [29.0] * 42


def test_a_small_dip_within_twenty_points_keeps_capacity() -> None:
    run = follow_target(minutes_at((1, 70.0), (300, 51.0)), 0.7, 1, 1000)
    assert set(run.provisioned_units) == {100.0}


def test_capacity_stays_within_its_bounds() -> None:
    run = follow_target(minutes_at((60, 0.0), (60, 900.0), (60, 0.0)), 0.7, 5, 300)
    assert run.provisioned_units.min() == 5.0
    assert run.provisioned_units.max() == 300.0


def test_four_decreases_a_day_are_free_and_then_one_an_hour() -> None:
    saw = minutes_at(*([(20, 700.0), (20, 70.0)] * 108))
    run = follow_target(saw, 0.7, 1, 40_000)
    fell = np.flatnonzero(np.diff(run.provisioned_units) < 0) + 1
    decided = fell - 1 - UPDATE_DELAY_MINUTES
    for day in range(3):
        of_day = decided[decided // DAY == day]
        assert 4 < len(of_day) <= 27
        assert np.all(np.diff(of_day)[3:] >= 60)
    assert np.all(np.diff(decided[:4]) < 60)


def test_an_index_short_of_capacity_throttles_its_table() -> None:
    # 60 writes a second of 1 unit of the table and 2 of the index. The table has 60 / 0.7 -> 86 units. The index
    # would want 120 / 0.7 -> 172 and may have 100: 6 000 a minute, and 30 000 in its bucket. 7 200 a minute take
    # 1 200 from the bucket, which lasts 25 minutes; then the index passes 3 000 of 3 600 writes a minute.
    table, index = follow_target_together(
        np.full(30, 3_600.0), (1.0, 2.0), 0.7, (Bounds(1, 1_000), Bounds(1, 100))
    )
    assert table.provisioned_units.tolist() == [86.0] * 30
    assert index.provisioned_units.tolist() == [100.0] * 30
    assert index.throttled_units.tolist() == [0.0] * 25 + [1_200.0] * 5
    assert table.throttled_units.tolist() == [0.0] * 25 + [600.0] * 5
    assert table.served_units.tolist() == [3_600.0] * 25 + [3_000.0] * 5


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_impossible_operations_units_targets_and_bounds_are_refused(wrong: float) -> None:
    bounds = (Bounds(1, 10),)
    with pytest.raises(ValueError, match="operations and units must"):
        follow_target_together(np.array([1.0, wrong]), (1.0,), 0.7, bounds)
    with pytest.raises(ValueError, match="operations and units must"):
        follow_target_together(np.array([1.0]), (wrong,), 0.7, bounds)
    with pytest.raises(ValueError, match="operations times units must be finite"):
        follow_target_together(np.array([1e200]), (1e200,), 0.7, bounds)
    for target in (wrong, 0.19, 0.91):
        with pytest.raises(ValueError, match=r"target_ratio must be from 0\.2 to 0\.9"):
            follow_target_together(np.array([1.0]), (1.0,), target, bounds)
    for low, high in ((wrong, 10), (1, wrong), (0, 10), (10, 9)):
        with pytest.raises(ValueError, match="1 <= minimum <= maximum"):
            Bounds(low, high)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=200),
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 1.0, 3.0, 400.0]), st.integers(1, 500), st.integers(500, 40_000)
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([0.2, 0.5, 0.7, 0.9]),
)
def test_compiled_provisioned_kernel_equals_plain_python(
    operations: list[float], dimensions: list[tuple[float, int, int]], target: float
) -> None:
    load = np.array(operations)
    units, low, high = (np.array(column, dtype=float) for column in zip(*dimensions, strict=True))
    compiled = provisioned._follow_target(load, units, target, low, high)
    plain = provisioned._follow_target_python(load, units, target, low, high)
    for one, other in zip(compiled, plain, strict=True):
        assert one.tobytes() == other.tobytes()
    bounds = [Bounds(least, most) for _, least, most in dimensions]
    for run, each, limits in zip(
        follow_target_together(load, units.tolist(), target, bounds), units, bounds, strict=True
    ):
        assert np.allclose(run.served_units + run.throttled_units, load * each)
        for column in (run.provisioned_units, run.served_units, run.throttled_units):
            assert np.isfinite(column).all()
            assert np.all(column >= 0)
        assert np.all(run.provisioned_units >= limits.minimum_units)
        assert np.all(run.provisioned_units <= limits.maximum_units)


def test_on_demand_doubles_what_it_served_half_an_hour_ago() -> None:
    # Warm 4 000. From minute 10, 9 000/s wanted: 4 000 served until minute 40, then 2 x 4 000, then 2 x 8 000.
    allowed = allowed_on_demand(np.array([1_000.0] * 10 + [9_000.0] * 80), 4_000.0, 40_000.0)
    assert allowed.tolist() == [4_000.0] * 40 + [8_000.0] * 30 + [16_000.0] * 20


def test_on_demand_stops_at_the_quota_and_keeps_its_warmth() -> None:
    busy_then_idle = np.array([30_000.0] * 40 + [0.0] * 40)
    assert allowed_on_demand(busy_then_idle, 12_000.0, 40_000.0).tolist() == [40_000.0] * 80


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=120))
def test_compiled_on_demand_kernel_equals_plain_python(needed: list[float]) -> None:
    load = np.array(needed)
    compiled = on_demand._allowed(load, 4_000.0, 40_000.0)
    assert np.array_equal(compiled, on_demand._allowed.py_func(load, 4_000.0, 40_000.0))
    assert np.array_equal(compiled, allowed_on_demand(load, 4_000.0, 40_000.0)) or load.max() <= 4_000.0
    assert np.all(np.diff(compiled) >= 0)


def test_results_cannot_be_changed() -> None:
    run = follow_target(minutes_at((5, 70.0)), 0.7, 1, 1000)
    with pytest.raises(ValueError, match="read-only"):
        run.provisioned_units[0] = 0.0
