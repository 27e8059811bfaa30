"""Brute force and search on small random problems: the same best of every kind, the same front, the same counts.

Some problems give carbon a price, some allow plans, some both. More of them have a second region, and every strategy
that keeps something there is on some front.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.billing.tariff import Tariff
from costmodel.capacity.availability import lost_minutes_per_month, two_regions
from costmodel.decision import search as searching
from costmodel.decision.candidate import INSIDE_ROLES, Candidate, SimulatedDesign, combine
from costmodel.decision.carbon import carbon_of
from costmodel.decision.constraints import joint_limits, promise, single_tier_limits, worst
from costmodel.decision.front import COORDINATES, Point, coordinates
from costmodel.decision.plans import Planner
from costmodel.decision.pricer import platform_designs, platform_usages
from costmodel.decision.recovery import Stage, Standing
from costmodel.decision.search import Evaluation, SearchResult, search
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.errors import Infeasible, PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import Offers
from costmodel.scenario.load import validate
from costmodel.scenario.model import PLANS, Scenario
from costmodel.scenario.rates_file import parse_rates_file
from costmodel.services._base import TIER_ROLES, Footprint, Role, Strategy, TierDesign, Usage
from costmodel.units import COUNTED_UNITS

BOOK = PriceBook.shipped()
SIMULATE, EVERY_DESIGN = searching.simulate_alike, searching.list_designs
PROBLEMS = 500
TWO_REGION_PROBLEMS = 100
BATCH = 50

TRAFFIC: tuple[dict[str, Any], ...] = (
    {"monthly_visitors": {"europe": 3_000}},
    {"monthly_visitors": {"united_states": 400_000}},
    {"monthly_visitors": {"europe": 6_000_000}, "page_views_per_session": 12},
    {
        "monthly_visitors": {"united_states": 900_000},
        "events": [
            {
                "kind": "flash_sale",
                "start": "2026-02-10T12:00:00Z",
                "peak_multiplier": 8,
                "ramp_minutes": 3,
                "hold_minutes": 60,
            }
        ],
    },
)
PLACES = (
    ("us-east-1", None),
    ("eu-west-1", None),
    ("us-east-1", "eu-west-1"),
    ("sa-east-1", "us-east-1"),
)
WEIGHTS = (5, 5, 2, 1)
TWO_REGIONS = PLACES[2:]
RATES = (
    "",
    "service: AmazonEC2, percent: 60",
    "service: AWSDataTransfer, usage_type: DataTransfer-Regional-Bytes, unit: GB, "
    "tiers: [{from: 0, price: 0.5}, {from: 20, price: 0.001}]",
    "service: AWSLambda, usage_type: Request-ARM, unit: Requests, "
    "tiers: [{from: 0, price: 1e-5}, {from: 1000000, price: 0}]",
)
MOST_DESIGNS = {
    Role.COMPUTE: 6,
    Role.LOAD_BALANCER: 2,
    Role.DATABASE: 3,
    Role.DELIVERY: 2,
    Role.RENDERING: 2,
}
MOST_WITH_PLANS = {
    Role.COMPUTE: 4,
    Role.LOAD_BALANCER: 1,
    Role.DATABASE: 2,
    Role.DELIVERY: 1,
    Role.RENDERING: 1,
}
"""The best portfolio of a candidate takes a while."""
PRICED_PLANS = [name for name in PLANS if not name.endswith(("all_upfront", "partial_upfront"))]
"""Plans of which the book has rates."""


@dataclass(frozen=True)
class Problem:
    scenario: Scenario
    demand: Demand
    rates: OwnRates
    designs: dict[Role, list[TierDesign]]
    platforms: dict[Any, tuple[Usage, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Best:
    """The best of some kinds."""

    point: Point
    usd: tuple[float, ...]
    """What candidates at this point cost all in, unrounded."""
    paid_usd: float


@dataclass(frozen=True)
class Whole:
    """A candidate under one strategy."""

    usd: float
    """All in, a mean month."""
    paid_usd: float
    """The same without carbon."""
    standing: Standing

    @property
    def point(self) -> Point:
        """What stands, coordinate by coordinate."""
        promised = promise(self.standing.candidate)
        ratio = promised.availability_ratio
        both_serve = self.standing.placed.strategy is Strategy.ACTIVE_ACTIVE
        tiers = (*self.standing.candidate.tiers, *self.standing.placed.away)
        energies = [tier.energy for tier in tiers if tier.design.role in INSIDE_ROLES]
        exact = (
            promised.api_p99_ms,
            lost_minutes_per_month(two_regions(ratio) if both_serve else ratio),
            sum(carbon_of(energy).total_kg.likely for energy in energies),
        )
        rounded = (known.rounded(value) for known, value in zip(COORDINATES, exact, strict=True))
        return (round(self.usd, 2), *rounded)


@dataclass(frozen=True)
class Truth:
    """What billing every feasible candidate finds."""

    best: dict[tuple[str, ...], Best]
    front: set[tuple[float, ...]]
    alive: int
    """Candidates of kinds that do not fall as a whole, and that what was simulated does not reject."""


def shop(place: tuple[str, str | None], traffic: dict[str, Any], **parts: Any) -> Scenario:
    tree: dict[str, Any] = {
        "name": "a shop",
        "region": place[0],
        "start": "2026-02",
        "traffic": traffic,
        "network": {"second_region": place[1]},
        "monitoring": {"custom_metrics": 0, "dashboards": 0},
        "security": {"waf": False, "waf_rules": 0},
        "rendering": {"jobs_per_1000_page_views": 0.1},
    }
    return validate(tree | parts, "test")


@cache
def demand_of(traffic: int) -> Demand:
    return synthesise(shop(PLACES[0], TRAFFIC[traffic]))


@cache
def rates_of(discount: str) -> OwnRates:
    if not discount:
        return NO_OWN_RATES
    file = parse_rates_file(f"name: Agreement\ndiscounts:\n  - {{{discount}}}\n", "test")
    return OwnRates(file.name, "", file.discounts, file.currency)


def problem(seed: int, *, two_regions: bool = False) -> Problem:
    """A random problem of at most a few hundred candidates."""
    luck = random.Random(seed)

    def some(options: list[Any], most: int) -> list[Any]:
        return luck.sample(options, luck.randint(1, min(most, len(options))))

    place = luck.choice(TWO_REGIONS) if two_regions else luck.choices(PLACES, WEIGHTS)[0]
    traffic = luck.randrange(len(TRAFFIC))
    constraints: dict[str, Any] = {
        "compute": some(["ec2", "lambda"], 2),
        "instance_families": some(["m7g", "c7g", "t4g", "c6g"], 2),
        "database": some(["rds", "aurora", "dynamodb_on_demand", "dynamodb_provisioned"], 2),
        "database_families": some(["t4g", "m7g"], 1),
        "cpu_target_ratios": some([0.3, 0.5, 0.7, 0.9], 2),
        "lambda_memory_mb": some([512, 1024, 3008], 2),
        "commitments": some(["on_demand", "reserved_1yr_no_upfront", "reserved_3yr_no_upfront"], 2),
        "spot": luck.random() < 0.2,
    }
    if luck.random() < 0.3:
        constraints["monthly_budget_usd"] = round(10 ** luck.uniform(1.5, 4.5), 2)
    if luck.random() < 0.2:
        constraints["min_instances"] = luck.choice([1, 3, 6])
    if luck.random() < 0.2:
        constraints["max_instances"] = luck.choice([6, 12, 100])
    objectives: dict[str, Any] = {
        "api_p95_ms": luck.choice([60, 100, 250, 1_000]),
        "api_p99_ms": luck.choice([1_000, 2_000]),
        "availability_ratio": luck.choice([0.99, 0.998, 0.999]),
        "error_ratio": luck.choice([0.0, 0.001, 0.05]),
    }
    if place[1] and luck.random() < 0.8:
        objectives["region_rto_minutes"] = luck.choice([2.5, 5, 10, 30, 1_440])
    if two_regions:
        objectives["region_rto_minutes"] = luck.choice([10, 1_440])
        constraints["database"] = ["dynamodb_on_demand", *some(["rds", "dynamodb_provisioned"], 1)]
    if luck.random() < 0.3:
        objectives["carbon_usd_per_tonne"] = luck.choice([100, 5_000, 200_000])
    most_designs = MOST_DESIGNS
    if luck.random() < 0.2:
        constraints["commitments"] = list({"on_demand": 0, **dict.fromkeys(constraints["commitments"])})
        constraints["commitments"] += some(PRICED_PLANS, 3)
        most_designs = MOST_WITH_PLANS
    scenario = shop(
        place,
        TRAFFIC[traffic],
        constraints=constraints,
        objectives=objectives,
        account={"free_tier": luck.random() < 0.5},
        api={"retries": luck.choice([0, 0, 2]), "cpu_ms_per_call": luck.choice([5, 20])},
    )
    demand = demand_of(traffic)
    every = EVERY_DESIGN(scenario, demand)
    designs = {
        role: listed
        if len(listed) <= most_designs[role]
        else [listed[at] for at in sorted(luck.sample(range(len(listed)), most_designs[role]))]
        for role, listed in every.items()
    }
    return Problem(scenario, demand, rates_of(luck.choice(RATES)), designs)


def brute_force(given: Problem, result: SearchResult | None) -> Truth:
    """Cost every candidate whole, under every strategy that meets the objectives."""
    spared = {id(design) for design in result.never_simulated} if result else set()
    objectives = given.scenario.objectives
    tariff = Tariff(BOOK, free_tier=given.scenario.account.free_tier, own_rates=given.rates)
    tiers = {role: [simulated(design, given.demand) for design in given.designs[role]] for role in TIER_ROLES}

    def rejected(tier: SimulatedDesign) -> bool:
        return worst(single_tier_limits(tier, objectives)) is not None or not priced(tier)

    def priced(tier: SimulatedDesign) -> bool:
        try:
            tariff.sketch(tier.usages)
        except PriceNotFound:
            return False
        return True

    broken = {id(tier.design) for found in tiers.values() for tier in found if rejected(tier)}
    unpriced = {id(tier.design) for found in tiers.values() for tier in found if not priced(tier)}
    alive: defaultdict[tuple[str, ...], int] = defaultdict(int)
    costed: defaultdict[tuple[str, ...], list[tuple[Point, Whole]]] = defaultdict(list)
    points = set()
    stage = Stage(given.scenario, given.demand)
    planner = Planner(given.scenario, given.demand.calendar, Offers(BOOK), given.rates)
    budget_usd = given.scenario.constraints.monthly_budget_usd or math.inf
    for candidate in combine(tiers):
        names = {id(tier.design) for tier in candidate.tiers}
        inside = {
            id(tier.design) for tier in (candidate.compute, candidate.load_balancer, candidate.database)
        }
        together = worst(joint_limits(candidate, objectives)) is not None
        known_to_break = names & (broken - (spared - unpriced)) or (together and not inside & spared)
        alive[candidate.kinds] += not known_to_break
        if names & broken or together:
            continue
        for whole in wholes(given, tariff, stage, planner, candidate):
            point = whole.point
            costed[candidate.kinds].append((point, whole))
            if whole.paid_usd <= budget_usd:
                points.add(point)
    standing = {
        kinds: best for kinds, found in costed.items() if (best := best_of(found)).paid_usd <= budget_usd
    }
    front = {point for point in points if not any(beats(other, point) for other in points)}
    return Truth(standing, front, sum(alive[kinds] for kinds in standing))


def best_of(costed: Sequence[tuple[Point, Whole]]) -> Best:
    """The cheapest to the cent, and of those the first by coordinates."""
    first = min(point for point, _ in costed)
    alike = [whole for point, whole in costed if point == first]
    return Best(first, tuple(whole.usd for whole in alike), min(whole.paid_usd for whole in alike))


def wholes(
    given: Problem, tariff: Tariff, stage: Stage, planner: Planner, candidate: Candidate
) -> Iterator[Whole]:
    """A candidate under each strategy that can be had."""
    for strategy in stage.strategies():
        if stage.can_stand(candidate, strategy) and stage.missed(candidate, strategy) is None:
            standing = stage.stand(candidate, strategy)
            home = standing.candidate
            usages = (*home.usages, *platform_of(given, home.footprint), *standing.usages)
            try:
                paid_usd = tariff.cost_usd([tariff.sketch(usages)])
            except PriceNotFound:
                continue
            paid_usd -= float(planner.portfolio(usages).saves_usd)
            yield Whole(paid_usd + emitted_usd(given, standing), paid_usd, standing)


def emitted_usd(given: Problem, standing: Standing) -> float:
    """What the likely emission of everything is worth."""
    usd_per_tonne = given.scenario.objectives.carbon_usd_per_tonne
    if not usd_per_tonne:
        return 0.0
    home = standing.candidate
    platform = platform_designs(given.scenario, home.footprint)
    energies = [tier.energy for tier in home.tiers] + [standing.energy]
    energies += [design.energy(given.demand, home.footprint) for design in platform]
    return sum(carbon_of(energy).total_kg.likely for energy in energies) / 1_000 * usd_per_tonne


def weighed_usd(given: Problem, found: Evaluation) -> float:
    usd_per_tonne = given.scenario.objectives.carbon_usd_per_tonne or 0.0
    tonnes = carbon_of(found.energy).total_kg.likely / 1_000
    return float(found.effective_monthly_usd) + tonnes * usd_per_tonne


def one_unit_usd(found: Evaluation) -> float:
    """What the bill may be off the screening: it shares an allowance in whole requests, less than one of each price."""
    counted = [charge for charge in found.bill.charges if charge.consumed_unit in COUNTED_UNITS]
    granted = {charge.service_name for charge in counted if charge.x_free}
    paid = {charge.sku_price_id: charge for charge in counted if charge.service_name in granted}
    return float(sum(charge.contracted_unit_price for charge in paid.values()))


def platform_of(given: Problem, footprint: Footprint) -> tuple[Usage, ...]:
    """Platform usage, made once for each footprint of a problem."""
    values = (getattr(footprint, known.name) for known in fields(footprint))
    content = tuple(value.tobytes() if isinstance(value, np.ndarray) else value for value in values)
    if content not in given.platforms:
        given.platforms[content] = platform_usages(given.scenario, given.demand, footprint)
    return given.platforms[content]


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(ours <= theirs for ours, theirs in zip(one, other, strict=True))


def simulated(design: TierDesign, demand: Demand) -> SimulatedDesign:
    return replace(simulated_once(design, demand), design=design)


simulated_once = cache(lambda design, demand: SIMULATE([design], demand)[0])
"""Equal designs recur from problem to problem."""


def simulate_alike(designs: Sequence[TierDesign], demand: Demand) -> list[SimulatedDesign]:
    return [simulated(design, demand) for design in designs]


@pytest.mark.parametrize("first", range(0, PROBLEMS, BATCH))
def test_brute_force_and_search_agree(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(first, first + BATCH):
        agree(seed, problem(seed), monkeypatch)


@pytest.mark.parametrize("first", range(0, TWO_REGION_PROBLEMS, BATCH))
def test_brute_force_and_search_agree_on_two_regions(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    strategies = set()
    for seed in range(first, first + BATCH):
        strategies |= agree(seed, problem(seed, two_regions=True), monkeypatch)
    assert strategies == set(Strategy) - {Strategy.NONE}


def agree(seed: int, given: Problem, monkeypatch: pytest.MonkeyPatch) -> set[Strategy]:
    """Strategies on the front, once it is the right one."""
    monkeypatch.setattr(searching, "list_designs", lambda scenario, demand: given.designs)
    monkeypatch.setattr(searching, "simulate_alike", simulate_alike)
    try:
        found = search(given.scenario, given.demand, BOOK, own_rates=given.rates)
    except (Infeasible, PriceNotFound):
        assert not brute_force(given, None).best, seed
        return set()
    truth = brute_force(given, found)
    winners = {e.candidate.kinds: e for e in (found.best, *found.rivals)}
    assert winners.keys() == truth.best.keys(), seed
    for kinds, evaluation in winners.items():
        best = truth.best[kinds]
        exact_usd = pytest.approx(weighed_usd(given, evaluation), rel=1e-9, abs=one_unit_usd(evaluation))
        assert any(usd == exact_usd for usd in best.usd), seed
        assert coordinates(evaluation.placed) == best.point[1:], seed
    assert {member.point for member in found.front} == truth.front, seed
    assert len(found.front) == len(truth.front), seed
    assert found.considered - found.rejected == truth.alive, seed
    assert found.considered == found.rejected + found.pruned + found.priced, seed
    assert min(found.rejected, found.pruned, found.priced) >= 0, seed
    return {member.placed.strategy for member in found.front}
