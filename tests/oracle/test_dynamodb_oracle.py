"""DynamoDB's rules against tables of minutes worked out by hand from AWS's documents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from costmodel.capacity.on_demand import allowed_on_demand
from costmodel.capacity.provisioned import Bounds, follow_target, follow_target_together
from costmodel.services.dynamodb import OnDemandTable
from shops.database import demand_of, shop

PART = "DynamoDB"
GUIDE = "Amazon DynamoDB Developer Guide"
BY_HAND = "minute table worked by hand"


def units(*steps: tuple[int, float]) -> np.ndarray:
    """Units asked for in each minute: so many minutes at so many units a second."""
    return np.concatenate([np.full(minutes, 60.0 * per_s) for minutes, per_s in steps])


def test_on_demand_takes_twice_what_it_served_half_an_hour_ago(model_row: Callable[..., None]) -> None:
    # 3 000 a second were served before, so 6 000 are allowed at once; the jump to 10 000 in minute 10 is held to
    # them until minute 40, half an hour after 6 000 were served: 12 000. In minute 70 it is 2 x 10 000. The jump
    # to 30 000 in minute 80 serves 20 000 of them until minute 110, when 40 000 is the quota. It keeps what it
    # has, though nobody asks for it from minute 120.
    asked = units((10, 3_000), (70, 10_000), (40, 30_000), (30, 10)) / 60
    allowed = allowed_on_demand(asked, 4_000.0, 40_000.0)
    expected = [6_000] * 40 + [12_000] * 30 + [20_000] * 40 + [40_000] * 40
    assert allowed.tolist() == expected
    model_row(
        PART,
        "On demand: doubling",
        rule="twice the highest rate served at least 30 minutes ago, not below the warm throughput, up to the quota",
        source=f"{GUIDE}, Read/write capacity mode (2023-06); Understanding DynamoDB warm throughput",
        oracle=f"{BY_HAND}, 150 minutes, two jumps and a fall",
        tolerance="exact",
        observed_error=float(np.abs(allowed - expected).max()),
    )


def test_two_minutes_scale_out_and_fifteen_scale_in(model_row: Callable[..., None]) -> None:
    # Target 50 %: 5 units a second settle on 10. From minute 10 on 8 are asked for: 10 and 11 are above the target,
    # so that 8 / 0.5 = 16 are asked of the table after 11 and are there in 15, three minutes later. From 30 on it
    # is 1, below 30 % of 16: fifteen minutes end with 44, and 1 / 0.5 = 2 are there in 48.
    asked = units((10, 5), (20, 8), (30, 1))
    run = follow_target(asked, 0.5, 1.0, 100.0)
    expected = [10] * 15 + [16] * 33 + [2] * 12
    assert run.provisioned_units.tolist() == expected
    assert run.throttled_units.sum() == 0
    model_row(
        PART,
        "Provisioned: scale out and in",
        rule="2 minutes above the target raise capacity, 15 minutes 20 points below it cut it; 3 minutes to update",
        source=f"{GUIDE}, Managing throughput capacity automatically (2023-06); the 3 minutes are our guess",
        oracle=f"{BY_HAND}, 60 minutes",
        tolerance="exact",
        observed_error=float(np.abs(run.provisioned_units - expected).max()),
    )


def test_a_burst_lives_on_five_minutes_of_unused_capacity(model_row: Callable[..., None]) -> None:
    # 10 units a second stand: 600 a minute and a bucket of 3 000, which is full. 1 800 a minute take 1 200 of it in
    # minutes 10 and 11, and the last 600 in 12; then 1 200 are refused. Five quiet minutes fill it again: 3 600 are
    # served in minute 25, and 600 of 3 600 in 26.
    asked = units((10, 5), (10, 30), (5, 0), (2, 60))
    run = follow_target(asked, 0.7, 10.0, 10.0)
    expected = [0] * 12 + [600] + [1_200] * 7 + [0] * 6 + [3_000]
    assert run.throttled_units.tolist() == expected
    model_row(
        PART,
        "Provisioned: burst bucket",
        rule="unused capacity of up to 300 s is kept and serves what exceeds the capacity of a minute",
        source=f"{GUIDE}, Best practices for designing partition keys (2023-06)",
        oracle=f"{BY_HAND}, 27 minutes, two bursts",
        tolerance="exact",
        observed_error=float(np.abs(run.throttled_units - expected).max()),
    )


def test_27_decreases_a_day(model_row: Callable[..., None]) -> None:
    # The load halves whenever a cut arrives, so that another is always wanted 15 minutes later.
    # Day 1 begins with a minute at full load. Four cuts are free: after minutes 15, 33, 51 and 69 (15 minutes each,
    # and 3 to arrive). Then one an hour after the last: 129, 189, ... 1 389. Day 2 has four new ones at once: 1 440,
    # 1 458, 1 476 and 1 494, and then 1 554, 1 614, ... 2 874: 23. So 26 cuts, and then the 27 that AWS names.
    first = [15, 33, 51, 69, *range(129, 1_440, 60)]
    second = [1_440, 1_458, 1_476, 1_494, *range(1_554, 2_880, 60)]
    assert (len(first), len(second)) == (26, 27)
    arrivals = np.array([*first, *second]) + 4
    fallen = np.searchsorted(arrivals, np.arange(2_880), side="right") + 1
    fallen[0] = 0
    asked = 60.0 * 2.0 ** (56 - fallen)
    provisioned = follow_target(asked, 0.5, 1.0, 1e18).provisioned_units
    found = np.flatnonzero(np.diff(provisioned) < 0) + 1
    assert found.tolist() == arrivals[arrivals < 2_880].tolist()
    model_row(
        PART,
        "Provisioned: decreases a day",
        rule="4 at any time of a UTC day, then one after each hour without one: 27 at most",
        source=f"{GUIDE}, Service, account, and table quotas (2023-06)",
        oracle=f"{BY_HAND}, two days of a load that falls after every cut",
        tolerance="every minute of a cut exact",
        observed_error=0.0,
    )


def test_an_index_short_of_capacity_refuses_the_tables_writes(model_row: Callable[..., None]) -> None:
    # 20 writes a second; the table has 100 units, the index 10 and a bucket of 3 000: 1 200 a minute pass for five
    # minutes, then the 600 that the index takes. The table is asked for no more than passes.
    table, index = follow_target_together(
        np.full(10, 1_200.0), (1.0, 1.0), 0.7, (Bounds(100.0, 100.0), Bounds(10.0, 10.0))
    )
    expected = [1_200] * 5 + [600] * 5
    assert table.served_units.tolist() == index.served_units.tolist() == expected
    model_row(
        PART,
        "Provisioned: index back-pressure",
        rule="a write that an index refuses is refused by its table, and takes nothing of it",
        source=f"{GUIDE}, Using global secondary indexes (2023-06)",
        oracle=f"{BY_HAND}, 10 minutes",
        tolerance="exact",
        observed_error=float(np.abs(table.served_units - expected).max()),
    )


def test_a_hot_key_fails_its_calls_whatever_the_table_has_left(model_row: Callable[..., None]) -> None:
    # 10 000 calls a second with 2 reads of 0.6 units each: 12 000 units, of which the hottest key takes 30 %, 3 600,
    # and its partition serves 3 000. 600 of 12 000 units are 5 % of the reads: 0.1 in each call fails.
    scenario = shop(database={"hottest_key_ratio": 0.3})
    ran = OnDemandTable(scenario.region, scenario.database).simulate(demand_of(scenario, 600_000.0))
    error_ratio = ran.summary().error_ratio
    assert error_ratio == pytest.approx(0.1)
    model_row(
        PART,
        "Hot key",
        rule="one key gets 3 000 read and 1 000 write units a second; what it asks for beyond fails its calls",
        source=f"{GUIDE}, Best practices for designing partition keys (2023-06)",
        oracle="share of failed calls worked by hand",
        tolerance="1e-6 of it",
        observed_error=abs(error_ratio - 0.1),
    )
