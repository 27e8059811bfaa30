"""A world is a year of minutes in many arrays: none outlives its trial, whichever service was tried in it."""

from __future__ import annotations

import gc
import weakref
from typing import Any, get_args

import pytest

from costmodel.decision import trials
from costmodel.decision.search import list_designs, simulate_design
from costmodel.decision.trials import Finalist, try_in
from costmodel.decision.worlds import World
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import ComputeKind, DatabaseKind
from costmodel.services._base import Strategy, TierService
from costmodel.services.registry import TIER_SERVICES

SHOP = validate(
    {
        "name": "a shop",
        "region": "eu-west-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"europe": 3_000_000, "canada": 500_000}},
        "content": {"uploads_per_month": 1_000},
        "constraints": {"compute": get_args(ComputeKind), "database": get_args(DatabaseKind)},
    },
    "test",
)


@pytest.mark.parametrize("service", TIER_SERVICES, ids=lambda service: service.name)
def test_a_demand_goes_when_the_designs_run_on_it_are_metered(service: TierService) -> None:
    demand = synthesise(SHOP)
    by_kind = {design.kind: design for design in service.designs(SHOP, demand)}
    metered = [simulate_design(design, demand) for design in by_kind.values()]
    finished = weakref.ref(demand)
    del demand
    gc.collect()
    assert metered
    assert finished() is None


def test_a_world_goes_with_its_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds: list[weakref.ref[Demand]] = []

    def watched(*given: Any, **more: Any) -> Demand:
        demand = synthesise(*given, **more)
        worlds.append(weakref.ref(demand))
        return demand

    monkeypatch.setattr(trials, "synthesise", watched)
    cheap = SHOP.model_copy(update={"constraints": type(SHOP.constraints)()})
    listed = list_designs(cheap, synthesise(cheap))
    finalists = [
        Finalist(tuple(designs[place] for designs in listed.values()), Strategy.NONE) for place in (0, -1)
    ]
    assert len(try_in(World(cheap, 1, (), cut=False), finalists, PriceBook.shipped())) == len(finalists)
    gc.collect()
    assert [world() for world in worlds] == [None]
