"""Answers are kept with what they are about: asked once, few at a time, and gone with it."""

from __future__ import annotations

import weakref

import numpy as np

from costmodel.demand.demand import Demand
from costmodel.demand.memory import KEPT_ANSWERS, remembered
from shops.calls import demand_of_calls

ASKED: list[float] = []


class Total(float):
    """A number that can be watched."""


@remembered
def total(demand: Demand, factor: float) -> Total:
    ASKED.append(factor)
    return Total(demand.total_api_requests * factor)


def test_an_answer_is_worked_out_once_and_for_each_demand() -> None:
    ASKED.clear()
    one, other = demand_of_calls(1.0), demand_of_calls(2.0)
    assert total(one, 3.0) is total(one, 3.0)
    assert total(other, 3.0) == 2 * total(one, 3.0)
    assert ASKED == [3.0, 3.0]


def test_what_was_asked_for_long_ago_is_worked_out_again() -> None:
    ASKED.clear()
    demand = demand_of_calls(1.0)
    factors = [float(factor) for factor in range(KEPT_ANSWERS + 1)]
    for factor in (*factors, factors[-1], factors[0]):
        total(demand, factor)
    assert [*factors, factors[0]] == ASKED
    assert len(demand.answers) == KEPT_ANSWERS


def test_answers_go_when_forgotten_and_with_their_demand() -> None:
    demand = demand_of_calls(1.0)
    forgotten = weakref.ref(total(demand, 1.0))
    demand.forget()
    assert forgotten() is None
    lost = weakref.ref(total(demand, 1.0))
    del demand
    assert lost() is None


def test_a_part_of_several_geographies_adds_up_as_they_do() -> None:
    """To the last bit, as the result of a run depends on it."""
    rng = np.random.default_rng(1)
    demand = demand_of_calls(1.0)
    views = rng.gamma(2.0, 5.0, (6, demand.minutes))
    demand = Demand(
        demand.calendar,
        tuple("abcdef"),
        views,
        views / 3.0,
        demand.fan_out,
        demand.asset_stored_gb,
        demand.database_stored_gb,
    )
    share = rng.random(demand.minutes)
    part = demand.part(share)
    assert np.array_equal(part.total_page_views, (views * share).sum(axis=0))
    assert np.array_equal(part.model_views, (views / 3.0 * share).sum(axis=0)[np.newaxis])
