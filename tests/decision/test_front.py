"""Where a candidate is on the front is bounded by what is known of its designs before they are simulated."""

from __future__ import annotations

import random
from typing import Any

import pytest

from costmodel.billing.rates import NO_OWN_RATES
from costmodel.billing.tariff import Tariff
from costmodel.decision.candidate import Depth, SimulatedDesign, metered, stand_in
from costmodel.decision.front import unrounded
from costmodel.decision.plans import Planner
from costmodel.decision.pricer import Pricer
from costmodel.decision.recovery import Stage
from costmodel.decision.search import list_designs
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import Offers
from costmodel.scenario.load import validate
from costmodel.services._base import Role, Strategy, TierDesign, is_bounded

BOOK = PriceBook.shipped()
TRIED = 12
SALE = {"kind": "flash_sale", "start": "2026-02-10T12:00:00Z", "peak_multiplier": 8}
TRAFFIC: tuple[dict[str, Any], ...] = (
    {"monthly_visitors": {"europe": 60_000}},
    {"monthly_visitors": {"europe": 900_000}, "events": [SALE]},
)


def known_of(design: TierDesign, demand: Demand) -> tuple[SimulatedDesign, SimulatedDesign, SimulatedDesign]:
    """The same design, roughest first."""
    assert is_bounded(design)
    exact = metered(design, demand, design.simulate(demand))
    return (
        stand_in(design, design.least(demand, 1 - exact.capacity.error_ratio)),
        metered(design, demand, design.unqueued(demand), Depth.UNQUEUED),
        exact,
    )


@pytest.mark.parametrize("compute", ["ec2", "hybrid"])
@pytest.mark.parametrize("traffic", TRAFFIC, ids=["quiet", "sale"])
def test_what_is_known_early_is_never_above_what_it_comes_to(traffic: dict[str, Any], compute: str) -> None:
    """Under every strategy, in cost and in every other coordinate."""
    tree = {
        "name": "a shop",
        "region": "us-east-1",
        "start": "2026-02",
        "traffic": traffic,
        "network": {"second_region": "eu-west-1"},
        "constraints": {
            "compute": [compute],
            "instance_families": ["m7g", "t4g"],
            "lambda_memory_mb": [1024],
        },
    }
    scenario = validate(tree, "test")
    demand = synthesise(scenario)
    pricer = Pricer(
        scenario,
        demand,
        Tariff(BOOK, free_tier=True),
        Stage(scenario, demand),
        Planner(scenario, demand.calendar, Offers(BOOK), NO_OWN_RATES),
    )
    designs = list_designs(scenario, demand)[Role.COMPUTE]
    assert designs
    for design in random.Random(1).sample(designs, min(TRIED, len(designs))):
        *early_tiers, exact = known_of(design, demand)
        for strategy in Strategy:
            most = point(pricer, exact, strategy)
            for tier in early_tiers:
                for early, late in zip(point(pricer, tier, strategy), most, strict=True):
                    assert early <= late * (1 + 1e-9), (design.label, tier.depth, strategy)


def point(pricer: Pricer, tier: SimulatedDesign, strategy: Strategy) -> tuple[float, ...]:
    placed = pricer.stage.placed((tier,), strategy)
    assert placed is not None
    return (pricer.alone_usd(tier, strategy), *unrounded(placed))
