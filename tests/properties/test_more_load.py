"""A higher load never costs less for the same design, and where a control loop makes that untrue, by how much."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

from costmodel.billing.rate import bill
from costmodel.billing.tariff import Tariff
from costmodel.capacity.cold_starts import IDLE_MINUTES
from costmodel.capacity.provisioned import SCALE_IN_GAP_RATIO
from costmodel.capacity.request_units import call_units
from costmodel.capacity.scaling import LOW_FACTOR
from costmodel.decision.candidate import Candidate, SimulatedDesign
from costmodel.decision.pricer import platform_usages
from costmodel.decision.search import simulate_design
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services import rendering
from costmodel.services._base import Footprint

BOOK = PriceBook.shipped()
LOADS = (1.0, 1.3, 2.0, 4.0)
SMALL_STEPS = (0.3, 0.303, 0.33, 1.0, 1.01, 1.1)
FLOAT_ERROR = 1e-12


class Loop(NamedTuple):
    """A control loop that may make a slightly higher load cheaper."""

    most_saved_ratio: float
    """Most that a small step up may save.

    Measured in twenty thousand made-up shops and steps of 0.1 to 100 %, and rounded up: 0.013 % for
    EC2, 0.31 % for DynamoDB, 3.3 % for Lambda (of a bill of a tenth of a cent); 1.04 % for rendering workers.
    """
    why: str


SLEEPING_WORKERS = Loop(
    2e-2,
    "A group that scales to zero stays awake for a quarter of an hour after a job. A job that comes a little "
    "sooner finds it awake instead of waking it anew. Rare jobs and rough traffic make most of it: 1.04 % found.",
)

CONTROL_LOOPS = {
    "ec2_workers": SLEEPING_WORKERS,
    "spot_workers": SLEEPING_WORKERS,
    "ec2": Loop(
        1e-3,
        "The low alarm rings below 0.7 of the target. A load that stays just above it keeps its instances; "
        "with a little more the group had been one larger, falls below the alarm, and is cut to fit.",
    ),
    "dynamodb_provisioned": Loop(
        5e-3,
        "Capacity is cut once use falls 20 points below the target, to what is used then; a load that rings "
        "the alarm a minute later is cut to less. Decreases are limited to four, then one an hour.",
    ),
    "lambda": Loop(
        5e-2,
        "At a call every few minutes each one pays for the start of an environment; calls that come a little "
        "more often find it still warm.",
    ),
}

STANDARD_CREDITS = Loop(
    2e-2,
    "Without credits an instance shows its baseline CPU, which is below the target: the group fails calls and does "
    "not grow. Under less load it still had credits when the load rose, and grew.",
)
"""For burstable groups with standard credits, whatever the step, while they fail calls. Measured 0.6 %."""
FEWER_STARTS = {"lambda": 2e-6}
"""What a load beyond saturation saves at most: calls are answered to the limit, and fewer of them start cold."""

FALLING_FOOTPRINT = {
    ("ec2", "monitored_instance_hours"): 1e-3,
    ("ec2_workers", "monitored_instance_hours"): 5e-3,
    ("ec2_workers", "outside_gb"): 5e-3,
    ("spot_workers", "monitored_instance_hours"): 5e-3,
    ("spot_workers", "outside_gb"): 5e-3,
    ("pay_as_you_go", "origin_requests"): 1e-3,
    ("flat_rate", "origin_requests"): 1e-3,
}
"""What a small step up takes off a footprint at most: instances (as above) with their polls, and requests to the bucket, since
edge locations drop what nobody asks for in three days. (kind, field) -> ratio, measured and rounded up."""


@cache
def under_loads(shop: Any) -> tuple[tuple[Scenario, Demand], ...]:
    """The shop with its visitors at each of `LOADS`, the highest of which is the shop itself."""
    found = []
    for load in LOADS:
        traffic = shop.scenario.traffic
        visitors = {name: count * load / max(LOADS) for name, count in traffic.monthly_visitors.items()}
        traffic = traffic.model_copy(update={"monthly_visitors": visitors})
        scenario = shop.scenario.model_copy(update={"traffic": traffic})
        found.append((scenario, synthesise(scenario)))
    return tuple(found)


@cache
def tiers_under_loads(shop: Any) -> tuple[tuple[SimulatedDesign, ...], ...]:
    """Every design made for the highest load, simulated under each load: one tuple for each design."""
    return tuple(
        tuple(simulate_design(tier.design.under(scenario), demand) for scenario, demand in under_loads(shop))
        for tier in shop.priced_tiers
    )


def test_loads_are_as_stated(shop) -> None:
    totals = [float(demand.total_page_views.sum()) for _, demand in under_loads(shop)]
    for load, total in zip(LOADS, totals, strict=True):
        expected = load / max(LOADS) * totals[-1]
        assert total == pytest.approx(expected, rel=0.01, abs=4 * math.sqrt(expected))
    for (_, less), (_, more) in pairwise(under_loads(shop)):
        assert (less.page_views <= more.page_views).all()


@pytest.mark.parametrize("free_tier", [True, False])
def test_alone(shop, free_tier) -> None:
    for tiers in tiers_under_loads(shop):
        costs = [bill(tier.usages, BOOK, free_tier=free_tier).billed_cost for tier in tiers]
        for less, more, tier in zip(costs, costs[1:], tiers[1:], strict=False):
            throttled = (
                tier.design.settings().get("cpu_credits") == "standard" and tier.capacity.failed_requests
            )
            saved_ratio = STANDARD_CREDITS.most_saved_ratio if throttled else 0.0
            assert more >= less * (1 - Decimal(saved_ratio)), f"{tier.design.label}: {costs}"


@pytest.mark.parametrize("free_tier", [True, False])
def test_as_whole_candidates(shop, free_tier) -> None:
    by_design = {tiers[-1].design: tiers for tiers in tiers_under_loads(shop)}
    for candidate in shop.candidates:
        found = [by_design[tier.design] for tier in candidate.tiers]
        costs = [
            whole_usd(Candidate(*tiers), scenario, demand, free_tier=free_tier)
            for (scenario, demand), *tiers in zip(under_loads(shop), *found, strict=True)
        ]
        assert costs == sorted(costs), f"{candidate.labels}: {costs}"
        assert costs[0] < costs[-1], candidate.labels


def whole_usd(candidate: Candidate, scenario: Scenario, demand: Demand, *, free_tier: bool) -> Decimal:
    usages = candidate.usages + platform_usages(scenario, demand, candidate.footprint)
    return bill(usages, BOOK, free_tier=free_tier).billed_cost


@pytest.mark.parametrize(
    "kind",
    ["ec2", "lambda", "rds", "aurora", "aurora_serverless", "dynamodb_on_demand", "dynamodb_provisioned"],
)
def test_beyond_saturation(shops, kind) -> None:
    """What is refused is not billed, and yet refusing more never makes a design cheaper."""
    demand = shops[0].demand
    tariff = Tariff(BOOK, free_tier=False)
    tier = first(shops[0], kind)
    saturation_per_s = tier.capacity.saturation_requests_per_s
    tiers = [
        simulate_design(tier.design, constant(demand, load * saturation_per_s))
        for load in (0.5, 0.9, 1.1, 1.5, 3.0)
    ]
    costs = [tariff.cost_usd([tariff.sketch(tier.usages)]) for tier in tiers]
    for less, more in pairwise(costs):
        assert more >= less * (1 - FEWER_STARTS.get(kind, FLOAT_ERROR)), costs
    refused = [tier.capacity.error_ratio for tier in tiers]
    assert refused == sorted(refused)
    assert refused[-1] > 0.6


@pytest.fixture(scope="session")
def small_steps(shops) -> dict[str, list[tuple[SimulatedDesign, SimulatedDesign]]]:
    """Kind -> pairs of the same design under a load and under the next higher of `SMALL_STEPS`."""
    pairs: defaultdict[str, list[tuple[SimulatedDesign, SimulatedDesign]]] = defaultdict(list)
    for shop in shops:
        demands = [scaled(shop.demand, load) for load in SMALL_STEPS]
        for design in few_of_each_kind(shop):
            tiers = [simulate_design(design, demand) for demand in demands]
            pairs[design.kind] += pairwise(tiers)
    return dict(pairs)


def few_of_each_kind(shop: Any) -> Iterator[Any]:
    """Up to four designs of each kind, spread over all there are."""
    by_kind = defaultdict(list)
    for tier in shop.priced_tiers:
        by_kind[tier.design.kind].append(tier.design)
    for designs in by_kind.values():
        yield from designs[:: math.ceil(len(designs) / 4)]


def scaled(demand: Demand, load: float) -> Demand:
    return dataclasses.replace(
        demand,
        page_views=read_only(demand.page_views * load),
        model_views=read_only(demand.model_views * load),
    )


def test_small_steps_save_nothing_but_where_a_loop_is_named(small_steps) -> None:
    tariff = Tariff(BOOK, free_tier=False)
    saved: dict[str, float] = {}
    for kind, pairs in small_steps.items():
        for less, more in pairs:
            before, after = (tariff.cost_usd([tariff.sketch(tier.usages)]) for tier in (less, more))
            ratio = (before - after) / before if before else 0.0
            saved[kind] = max(saved.get(kind, 0.0), ratio)
    unnamed = {kind: ratio for kind, ratio in saved.items() if kind not in CONTROL_LOOPS}
    assert all(ratio <= FLOAT_ERROR for ratio in unnamed.values()), unnamed
    for kind, loop in CONTROL_LOOPS.items():
        assert saved[kind] <= loop.most_saved_ratio, f"{kind}: {saved[kind]}"


def test_small_steps_leave_no_smaller_footprint_but_where_named(small_steps) -> None:
    fell: defaultdict[tuple[str, str], float] = defaultdict(float)
    for kind, pairs in small_steps.items():
        for less, more in pairs:
            for field in dataclasses.fields(Footprint):
                before, after = (getattr(tier.footprint, field.name) for tier in (less, more))
                if isinstance(before, np.ndarray):
                    before, after = float(before.sum()), float(after.sum())
                    ratio = (before - after) / before if before else 0.0
                    fell[kind, field.name] = max(fell[kind, field.name], ratio)
                else:
                    assert before == after, f"{kind}: {field.name} follows the load"
    for place, ratio in fell.items():
        assert ratio <= FALLING_FOOTPRINT.get(place, FLOAT_ERROR), f"{place}: {ratio}"


class TestWhyLoopsSave:
    """The worst a named loop can do, on loads made for it, against the bound that its rule implies.

    Thresholds are ratios, so twice the load on twice the capacity is the same; what breaks that is that
    capacity comes in whole instances and units. Small fleets and tables therefore save most.
    """

    def test_ec2_stays_large_just_above_its_low_alarm(self, throttled_shop) -> None:
        """A group may idle at `LOW_FACTOR` of its target for good; one that is cut runs at its target."""
        tier = first(throttled_shop, "ec2")
        calls_per_instance = tier.capacity.saturation_requests_per_s / tier.design.max_size
        busy_calls_per_s = 20 * calls_per_instance * tier.design.target_ratio
        saved = most_saved(throttled_shop.demand, tier.design, busy_calls_per_s, LOW_FACTOR)
        bound = 1 - LOW_FACTOR
        assert 0.8 * bound < saved <= bound

    @pytest.mark.parametrize("target_ratio", [0.5, 0.7])
    def test_dynamodb_stays_large_just_above_its_lower_threshold(self, shops, target_ratio) -> None:
        designs = (tier.design for tier in shops[0].all_tiers if tier.design.kind == "dynamodb_provisioned")
        design, _of_other_class = (design for design in designs if design.target_ratio == target_ratio)
        design = dataclasses.replace(design, read_maximum_units=1_000.0)
        lowest_ratio = (target_ratio - SCALE_IN_GAP_RATIO) / target_ratio
        read_units = call_units(shops[0].demand.fan_out, design.work).reads
        busy_calls_per_s = 28.99 * target_ratio / read_units  # 29 units, and 30 with 1 % more
        saved = most_saved(shops[0].demand, design, busy_calls_per_s, lowest_ratio)
        bound = 1 - lowest_ratio
        assert 0.5 * bound < saved <= bound

    def test_lambda_pays_for_fewer_starts_when_calls_keep_it_warm(self, throttled_shop) -> None:
        """Starts of a first environment per second are `rate x exp(-rate x idle)`, at most 1 / (e x idle)."""
        functions = [tier.design for tier in throttled_shop.all_tiers if tier.design.kind == "lambda"]
        design = max(functions, key=lambda design: design.memory_mb)
        demand = throttled_shop.demand
        tariff = Tariff(BOOK, free_tier=False)
        costs = [
            tariff.cost_usd([tariff.sketch(simulate_design(design, constant(demand, rate)).usages)])
            for rate in np.geomspace(1e-3, 0.1, 30)
        ]
        drawdown_usd = max(np.maximum.accumulate(costs) - costs)
        starts = demand.minutes * 60 / (math.e * IDLE_MINUTES * 60)
        gb_s = starts * design.billed_start_ms / 1000 * design.memory_mb / 1024
        usd_per_gb_s = 0.0000166667
        assert 0.01 < drawdown_usd <= gb_s * usd_per_gb_s < 0.16


@pytest.fixture(scope="session")
def throttled_shop(shops) -> Any:
    """The shop with the largest fleets."""
    return next(shop for shop in shops if shop.scenario.name == "throttled")


def first(shop: Any, kind: str) -> SimulatedDesign:
    return next(tier for tier in shop.all_tiers if tier.design.kind == kind)


def most_saved(demand: Demand, design: Any, busy_calls_per_s: float, threshold_ratio: float) -> float:
    """Largest share of servers that 1 % more load saves, after two busy hours, at a level around a threshold."""
    saved = []
    for level in np.linspace(0.9, 1.1, 60) * threshold_ratio:
        load = np.full(demand.minutes, level)
        load[:120] = 1.0
        less, more = (
            float(design.simulate(calling(demand, load * busy_calls_per_s * step)).servers.sum())
            for step in (1.0, 1.01)
        )
        saved.append((less - more) / less)
    return max(saved)


def constant(demand: Demand, calls_per_s: float) -> Demand:
    return calling(demand, np.full(demand.minutes, calls_per_s))


def calling(demand: Demand, calls_per_s: FloatArray) -> Demand:
    """The same shop with these API calls per second, shape (minutes,), all from its first geography."""
    rows = np.zeros(demand.page_views.shape)
    rows[0] = calls_per_s * 60 / demand.fan_out.api_calls_per_page_view
    return dataclasses.replace(demand, page_views=read_only(rows), model_views=read_only(rows * 0.1))


def test_workers_stay_awake_between_jobs() -> None:
    """Rare jobs under five times the usual noise: 1 % more load pays a little less for waking."""
    scenario = validate(
        {
            "name": "a shop with rare jobs",
            "region": "ap-northeast-1",
            "start": "2026-02",
            "seed": 738433,
            "traffic": {
                "monthly_visitors": {"japan": 94728, "south_america": 33231},
                "minute_noise_ratio": 0.5,
            },
            "rendering": {"jobs_per_1000_page_views": 2},
        },
        "test",
    )
    demand, more = synthesise(scenario), synthesise(scenario, load_factor=1.01)
    designs = rendering.designs(scenario, demand)
    tariff = Tariff(BOOK, free_tier=True)
    saved = [
        1 - of_more / of_less
        for design in designs
        if design.kind == "ec2_workers"
        for of_less, of_more in [
            [
                tariff.cost_usd([tariff.sketch(simulate_design(design, load).usages)])
                for load in (demand, more)
            ]
        ]
    ]
    assert 5e-3 < max(saved) <= SLEEPING_WORKERS.most_saved_ratio
