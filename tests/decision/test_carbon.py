"""Carbon of a candidate by hand, what an unknown region does, and what a price for carbon changes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from costmodel.capacity.energy import Energy, moved
from costmodel.decision import carbon
from costmodel.decision.candidate import combine
from costmodel.decision.carbon import carbon_of, carbon_usd, kg_per_kwh, regional, unknown_regions
from costmodel.decision.constraints import joint_limits, single_tier_limits
from costmodel.decision.front import coordinates
from costmodel.decision.run import Run, encode
from costmodel.decision.search import Evaluation, evaluate, search, simulate_all
from costmodel.decision.simulate import simulate
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.errors import UnknownGrid
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services._base import USAGE_TYPE_CODES, Role, Strategy

BOOK = PriceBook.shipped()
DEAR = 200_000.0
"""USD a tonne at which grams of a small shop's carbon outweigh cents of its bill."""


def shop(usd_per_tonne: float | None = None, region: str = "eu-west-1", **parts: object) -> Scenario:
    tree: dict[str, object] = {
        "name": "a shop",
        "region": region,
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"europe": 60_000}},
        "constraints": {
            "instance_families": ["m7g", "c7i"],
            "cpu_target_ratios": [0.5],
            "database": ["rds", "dynamodb_on_demand"],
            "database_families": ["t4g"],
            "delivery": ["flat_rate"],
        },
    }
    if usd_per_tonne is not None:
        tree["objectives"] = {"carbon_usd_per_tonne": usd_per_tonne}
    return validate(tree | parts, "test")


def test_kwh_through_building_and_grid() -> None:
    """1 000 GB between data centres are 1 kWh; in Ireland x 1.10 x 0.2786 kg."""
    found = carbon_of(moved("eu-west-1", 1000.0))
    assert found.kwh.likely == pytest.approx(1.0)
    assert found.operational_kg.likely == pytest.approx(1.10 * 0.2786)
    assert found.operational_kg.high == pytest.approx(4.0 * 1.11 * 0.4034)
    assert found.making_kg.likely == 0.0


def test_two_regions_each_with_its_own_grid() -> None:
    both = moved("eu-west-1", 1000.0) + moved("ap-south-1", 1000.0)
    assert carbon_of(both).operational_kg.likely == pytest.approx(1.10 * 0.2786 + 1.40 * 0.7082)


def test_every_region_of_a_scenario_has_both_figures() -> None:
    assert {region_id for _, region_id in regional()} == set(USAGE_TYPE_CODES)
    for region_id in USAGE_TYPE_CODES:
        factor = kg_per_kwh(region_id)
        assert 0 < factor.low <= factor.likely <= factor.high
    for known in regional().values():
        assert known.source
        assert known.as_of[:2] == "20"


def test_a_region_without_figures_is_an_error_not_a_number() -> None:
    there = moved("mars-north-1", 1.0)
    assert unknown_regions([there, moved("eu-west-1", 1.0)]) == ("mars-north-1",)
    with pytest.raises(UnknownGrid, match=r"mars-north-1 is unknown.*carbon\.csv"):
        carbon_of(there)
    assert carbon_usd(there, None) == 0.0
    with pytest.raises(UnknownGrid):
        carbon_usd(there, 100.0)


@pytest.fixture
def grid_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {key: row for key, row in regional().items() if key != ("grid", "eu-west-1")}
    monkeypatch.setattr(carbon, "regional", lambda: known)


@pytest.mark.usefixtures("grid_lost")
def test_a_run_says_that_its_carbon_is_unknown() -> None:
    run = simulate(shop(), BOOK)
    assert run.carbon.kg_per_month is None
    assert run.carbon_kg_per_month is None
    assert run.carbon.unknown_regions == ("eu-west-1",)
    assert run.carbon.parts == ()
    assert "unknown" in run.carbon.summary
    assert "eu-west-1" in run.carbon.summary
    assert all(option.carbon_kg_per_month is None for option in run.alternatives)


@pytest.mark.usefixtures("grid_lost")
def test_a_price_for_unknown_carbon_stops_the_search() -> None:
    with pytest.raises(UnknownGrid, match=r"objectives\.carbon_usd_per_tonne"):
        simulate(shop(100.0), BOOK)


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(shop(), BOOK)


def test_parts_add_up_to_the_whole(run: Run) -> None:
    note = run.carbon
    assert note.kg_per_month is not None
    for end in ("low", "likely", "high"):
        parts = sum(
            getattr(part.operational_kg_per_month, end) + getattr(part.making_kg_per_month, end)
            for part in note.parts
        )
        assert parts == pytest.approx(getattr(note.kg_per_month, end))
    assert note.kg_per_month.low < note.kg_per_month.likely < note.kg_per_month.high
    assert run.carbon_kg_per_month == note.kg_per_month.likely
    assert {part.name for part in note.parts} >= {"compute", "database", "storage", "network"}


def test_what_is_left_out_is_named_and_what_is_used_has_a_source(run: Run) -> None:
    assert {"load balancer nodes", "edge locations", "DNS servers and health checkers"} <= set(
        run.carbon.not_modelled
    )
    assert {"carbon.grid eu-west-1", "carbon.pue eu-west-1", "carbon.copies_s3"} <= {
        known.path for known in run.carbon.coefficients
    }
    assert all(known.source and known.as_of for known in run.carbon.coefficients)
    assert run.carbon.to_viewers_kwh_per_month.likely > 0


def test_the_same_run_gives_the_same_bytes(run: Run) -> None:
    assert encode(simulate(shop(), BOOK)) == encode(run)


def every_evaluation(scenario: Scenario, demand: Demand) -> list[Evaluation]:
    """Every candidate that meets the objectives, billed whole."""
    tiers = {
        role: [
            tier
            for tier in simulated
            if not any(limit.broken for limit in single_tier_limits(tier, scenario.objectives))
        ]
        for role, simulated in simulate_all(scenario, demand).items()
    }
    return [
        evaluate(scenario, demand, BOOK, candidate)
        for candidate in combine(tiers)
        if not any(limit.broken for limit in joint_limits(candidate, scenario.objectives))
    ]


def weighed_usd(evaluation: Evaluation, usd_per_tonne: float) -> float:
    return float(evaluation.monthly_usd) + carbon_of(evaluation.energy).total_kg.likely / 1000 * usd_per_tonne


KINDS = {
    "constraints": {
        "instance_families": ["m7g", "c7i"],
        "cpu_target_ratios": [0.5],
        "database": ["rds", "dynamodb_on_demand"],
        "database_families": ["t4g"],
        "delivery": ["flat_rate"],
        "rendering": ["lambda_workers"],
    }
}
ONLY_EC2 = {
    "constraints": {
        "compute": ["ec2"],
        "instance_families": ["r7g", "c7i"],
        "cpu_target_ratios": [0.5],
        "database": ["rds"],
        "database_families": ["t4g", "m7g"],
        "delivery": ["flat_rate"],
    }
}


@pytest.mark.parametrize("parts", [KINDS, ONLY_EC2], ids=["kinds", "ec2"])
def test_the_search_finds_what_weighing_every_candidate_finds(parts: dict[str, object]) -> None:
    """What a candidate emits and is billed does not depend on a price for carbon."""
    scenario = shop(**parts)
    demand = synthesise(scenario)
    evaluations = every_evaluation(scenario, demand)
    for usd_per_tonne in (100.0, DEAR):
        agree(shop(usd_per_tonne, **parts), demand, evaluations, usd_per_tonne)


def place(evaluation: Evaluation, usd_per_tonne: float) -> tuple[float, ...]:
    """Weighed dollars to the cent, then every other coordinate of the front."""
    return (round(weighed_usd(evaluation, usd_per_tonne), 2), *coordinates(evaluation.placed))


def agree(scenario: Scenario, demand: Demand, evaluations: list[Evaluation], usd_per_tonne: float) -> None:
    """The search finds the least weighed cost of all, and of each combination of kinds."""
    found = search(scenario, demand, BOOK)
    first: dict[tuple[str, ...], tuple[float, ...]] = {}
    for evaluation in evaluations:
        kinds, here = evaluation.candidate.kinds, place(evaluation, usd_per_tonne)
        first[kinds] = min(first.get(kinds, here), here)
    assert place(found.best, usd_per_tonne) == min(first.values())
    for evaluation in (found.best, *found.rivals):
        assert place(evaluation, usd_per_tonne) == first[evaluation.candidate.kinds]
    assert found.pruned > 0


def test_a_price_changes_the_choice_and_leaves_the_bill_alone() -> None:
    """r7g.medium costs 24 USD less than c7i.large; with twice the memory, and a third of the vCPUs to a server, it emits more."""
    plain, dear = (simulate(shop(price, **ONLY_EC2), BOOK) for price in (None, DEAR))
    assert plain.chosen.compute != dear.chosen.compute or plain.chosen.database != dear.chosen.database
    assert dear.monthly_usd > plain.monthly_usd
    assert plain.carbon_kg_per_month is not None
    assert dear.carbon_kg_per_month is not None
    assert dear.carbon_kg_per_month < plain.carbon_kg_per_month
    billed = sum((charge.billed_cost for charge in dear.charges), Decimal(0))
    assert dear.monthly_usd == billed
    assert dear.carbon.usd_per_tonne == DEAR
    assert "which the choice counts and the bill does not" in dear.carbon.summary


def test_a_price_of_nothing_is_no_price(run: Run) -> None:
    free = simulate(shop(0.0), BOOK)
    assert free.chosen == run.chosen
    assert free.carbon == run.carbon


def test_the_same_shop_emits_by_its_grid() -> None:
    emitted = {}
    for region_id in ("eu-west-1", "ap-south-1"):
        scenario = shop(region=region_id, **ONLY_EC2)
        demand = synthesise(scenario)
        tier = simulate_all(scenario, demand)[Role.COMPUTE][0]
        emitted[region_id] = carbon_of(tier.energy).operational_kg.likely
    ratio = kg_per_kwh("ap-south-1").likely / kg_per_kwh("eu-west-1").likely
    assert emitted["ap-south-1"] == pytest.approx(emitted["eu-west-1"] * ratio)


def test_a_second_region_that_serves_draws_there_too() -> None:
    scenario = shop(
        network={"second_region": "us-west-2"},
        objectives={"region_rto_minutes": 15, "region_rpo_minutes": 2},
        constraints={
            "compute": ["ec2"],
            "instance_families": ["m7g"],
            "database": ["rds"],
            "database_families": ["t4g"],
            "delivery": ["flat_rate"],
        },
    )
    best = search(scenario, synthesise(scenario), BOOK).best
    assert best.strategy is Strategy.WARM_STANDBY
    there = best.energies["second region"]
    assert {use.region_id for use in there.uses} == {"us-west-2"}
    assert carbon_of(there).total_kg.likely > 0
    assert best.energy.uses == sum(best.energies.values(), Energy()).uses
