"""Which share of the calls the steady group gets, against a table worked by hand, and that no call is lost between."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.capacity.weighted_split import LAG_MINUTES, MOST_WEIGHT, split, steady_share
from shops.calls import demand_of_calls

JUMP = [
    # calls a minute, weight of the steady group of 999, calls to it when it carries 600 a minute
    (500, 999, 500.0),  # nothing above 600 was seen
    (500, 999, 500.0),
    (2_000, 999, 2_000.0),  # the jump: the last published minute is of two minutes ago, and had 500
    (2_000, 999, 2_000.0),  # still
    (2_000, 299, 598.598599),  # 2 000 are seen: 999 x 600 / 2 000 = 299.7, rounded down
    (600, 299, 179.579580),  # the fall: too little goes to the steady group
    (600, 299, 179.579580),
    (600, 999, 600.0),
    (0, 999, 0.0),
    (2_400, 999, 2_400.0),
    (2_400, 999, 2_400.0),  # nothing was seen two minutes ago: everything to the steady group
    (2_400, 249, 598.198198),
]


def test_weights_follow_the_load_two_minutes_late(model_row: Callable[..., None]) -> None:
    calls, weights, steady = (np.array(column, dtype=float) for column in zip(*JUMP, strict=True))
    share = steady_share(calls, 600)
    assert LAG_MINUTES == 2
    assert (share * MOST_WEIGHT).round(9).tolist() == weights.tolist()
    assert (calls * share).round(6).tolist() == steady.tolist()
    model_row(
        "Hybrid of EC2 and Lambda",
        "weights of the two target groups",
        rule="set every minute from the last published minute of calls, two minutes before; whole weights of 0 to 999",
        source="CloudFormation User Guide, TargetGroupTuple (2023-06); CloudWatch's publishing lag is our guess",
        oracle="minute table worked by hand, 12 minutes, a jump, a fall and a pause",
        tolerance="exact",
        observed_error=float(np.abs((share * MOST_WEIGHT).round(9) - weights).max()),
    )


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=40), st.floats(0, 1e9))
def test_a_share_is_a_share_and_steady_load_is_carried(calls: list[float], carried: float) -> None:
    load = np.array(calls)
    share = steady_share(load, carried)
    assert ((share >= 0) & (share <= 1)).all()
    level = steady_share(np.full(load.size, load[0]), carried)
    assert (load[0] * level <= max(carried, 0) * (1 + 1e-12)).all()


@pytest.mark.parametrize("carried", [-1.0, float("nan")])
def test_a_group_that_carries_less_than_nothing_is_refused(carried: float) -> None:
    with pytest.raises(ValueError, match="0 calls a minute or more"):
        steady_share(np.ones(3), carried)


def test_both_parts_together_are_the_demand() -> None:
    demand = demand_of_calls(np.random.default_rng(1).gamma(2.0, 5.0, 30 * 1440))
    steady, overflow = split(demand, 400.0)
    assert steady.api_requests + overflow.api_requests == pytest.approx(demand.api_requests, rel=1e-12)
    assert steady.reads + overflow.reads == pytest.approx(demand.reads, rel=1e-12)
    assert steady.daily_page_views + overflow.daily_page_views == pytest.approx(
        demand.daily_page_views, rel=1e-12
    )
    assert steady.asset_stored_gb is demand.asset_stored_gb
    assert overflow.total_api_requests > 0


def test_nothing_carried_and_everything_carried() -> None:
    demand = demand_of_calls(10.0)
    steady, overflow = split(demand, 0.0)
    assert steady.total_api_requests == 0
    assert np.array_equal(overflow.api_requests, demand.api_requests)
    steady, overflow = split(demand, 600.0)
    assert np.array_equal(steady.api_requests, demand.api_requests)
    assert overflow.total_api_requests == 0
