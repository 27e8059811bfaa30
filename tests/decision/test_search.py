"""The search against brute force, and what it says when nothing fits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import islice, product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.billing.tariff import Tariff
from costmodel.decision import search as searching
from costmodel.decision.candidate import Candidate, combine, count_combinations, designs_of
from costmodel.decision.constraints import joint_limits, promise, single_tier_limits
from costmodel.decision.front import coordinates
from costmodel.decision.hunt import cheapest_first
from costmodel.decision.search import Evaluation, evaluate, search, simulate_all
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.errors import Infeasible
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.scenario.rates_file import parse_rates_file
from costmodel.services._base import TIER_ROLES, Role

BOOK = PriceBook.shipped()


def shop(visitors: float = 60_000, **parts: object) -> Scenario:
    tree: dict[str, object] = {
        "name": "a shop",
        "region": "eu-west-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"europe": visitors}},
        "constraints": {"instance_families": ["m7g", "t4g"], "database_families": ["t4g"]},
    }
    return validate(tree | parts, "test")


def own_rates(*discounts: str) -> OwnRates:
    listed = "".join(f"  - {{{discount}}}\n" for discount in discounts)
    file = parse_rates_file(f"name: Agreement\ndiscounts:\n{listed}", "test")
    return OwnRates(file.name, "", file.discounts, file.currency)


def every_bill(scenario: Scenario, demand: Demand, rates: OwnRates = NO_OWN_RATES) -> list[Evaluation]:
    tiers = {
        role: [
            tier
            for tier in simulated
            if not any(limit.broken for limit in single_tier_limits(tier, scenario.objectives))
        ]
        for role, simulated in simulate_all(scenario, demand).items()
    }
    return [
        evaluate(scenario, demand, BOOK, candidate, rates)
        for candidate in combine(tiers)
        if not any(limit.broken for limit in joint_limits(candidate, scenario.objectives))
    ]


Place = tuple[Decimal | float, ...]
"""Dollars to the cent, then every other coordinate of the front."""


def place(evaluation: Evaluation) -> Place:
    return (round(evaluation.monthly_usd, 2), *coordinates(evaluation.placed))


def first_of_each(evaluations: list[Evaluation]) -> dict[tuple[str, ...], Place]:
    """The best place of each combination of kinds."""
    first: dict[tuple[str, ...], Place] = {}
    for evaluation in evaluations:
        kinds = evaluation.candidate.kinds
        first[kinds] = min(first.get(kinds, place(evaluation)), place(evaluation))
    return first


BOTS_AT_NIGHT = shop(
    traffic={
        "monthly_visitors": {"europe": 6_000_000},
        "events": [
            {"kind": "bot_scrape", "start": f"2026-02-{day:02d}T18:00:00Z", "peak_multiplier": 4}
            for day in range(3, 27, 3)
        ],
    },
    api={"cpu_ms_per_call": 80, "bootstrap_s": 600},
    rendering={"jobs_per_1000_page_views": 0},
    constraints={
        "instance_families": ["c7g"],
        "database": ["dynamodb_on_demand"],
        "delivery": ["pay_as_you_go"],
        "lambda_memory_mb": [1024, 1769],
    },
)
"""A steady base of heavy calls, and bots that nobody announces: instances would be ready ten minutes late."""


@pytest.mark.parametrize(
    "scenario",
    [
        shop(
            constraints={
                "instance_families": ["t4g"],
                "database": ["dynamodb_on_demand", "rds"],
                "database_families": ["t4g"],
                "delivery": ["flat_rate"],
            }
        ),
        shop(
            3_000,
            account={"free_tier": False},
            constraints={
                "compute": ["lambda"],
                "database": ["aurora", "dynamodb_provisioned"],
                "database_families": ["t4g"],
                "rendering": ["lambda_workers", "spot_workers"],
            },
        ),
        shop(
            400_000,
            constraints={
                "compute": ["ec2"],
                "instance_families": ["c7g"],
                "database": ["aurora_serverless"],
                "delivery": ["pay_as_you_go"],
            },
        ),
        shop(
            900_000,
            constraints={
                "database": ["dynamodb_on_demand"],
                "instance_families": ["m7g"],
                "delivery": ["pay_as_you_go"],
            },
        ),
        shop(
            30_000,
            constraints={
                "compute": ["lambda"],
                "database": ["dynamodb_on_demand"],
                "asset_formats": ["original", "draco_webp_2k", "meshopt_webp_1k"],
                "lambda_memory_mb": [512, 1769],
                "rendering": ["lambda_workers", "ec2_workers"],
            },
            network={"second_region": "us-west-2"},
        ),
        BOTS_AT_NIGHT,
    ],
    ids=["plans", "no free tier", "ec2 only", "pay as you go", "formats", "hybrid"],
)
def test_the_search_finds_what_billing_every_candidate_finds(scenario: Scenario) -> None:
    demand = synthesise(scenario)
    evaluations = every_bill(scenario, demand)
    found = search(scenario, demand, BOOK)
    assert place(found.best) == min(map(place, evaluations))
    assert {e.candidate.kinds: place(e) for e in (found.best, *found.rivals)} == first_of_each(evaluations)
    assert found.considered == found.rejected + found.pruned + found.priced
    assert found.considered - found.rejected >= len(evaluations) >= 20
    if not found.never_simulated:
        assert found.considered - found.rejected == len(evaluations)


def test_steady_load_with_spikes_that_nobody_announces_is_cheapest_on_a_hybrid() -> None:
    """Functions alone pay their rate for the base; a group pays all month for room that bots fill for hours."""
    found = search(BOTS_AT_NIGHT, synthesise(BOTS_AT_NIGHT), BOOK)
    usd = {e.candidate.compute.design.kind: e.monthly_usd for e in (found.best, *found.rivals)}
    assert list(usd) == ["hybrid", "lambda", "ec2"]
    assert usd["lambda"] / usd["hybrid"] > Decimal("1.02")
    assert usd["ec2"] / usd["hybrid"] > Decimal("1.1")
    assert found.best.candidate.compute.design.label == (
        "EC2 fleet of 5 c7g.large at 70 % CPU, on demand, with Lambda 1024 MB arm64 for the overflow"
    )
    assert 0 < found.best.promise.error_ratio < BOTS_AT_NIGHT.objectives.error_ratio


def test_an_objective_for_first_views_decides_about_formats() -> None:
    """As authored, models come too late: those designs fall, and the rejection names the geography."""
    constraints = {
        "compute": ["lambda"],
        "database": ["dynamodb_on_demand"],
        "delivery": ["flat_rate"],
        "asset_formats": ["draco_webp_2k", "original"],
    }
    scenario = shop(30_000, constraints=constraints, objectives={"first_view_p95_ms": 5_000})
    found = search(scenario, synthesise(scenario), BOOK)
    assert found.best.candidate.delivery.design.settings()["asset_format"] == "draco_webp_2k"
    slow = [rejection for rejection in found.rejections if rejection.subject.endswith("original models")]
    assert slow
    assert {rejection.limit.constraint for rejection in slow} <= {
        "first view in europe, 95th percentile",
        "plan requests",
        "plan data transfer",
    }
    tighter = shop(30_000, constraints=constraints, objectives={"first_view_p95_ms": 100})
    with pytest.raises(Infeasible, match=r"first view in europe[\s\S]*objectives\.first_view_p95_ms"):
        search(tighter, synthesise(tighter), BOOK)


SHARED_LADDERS = own_rates(
    "service: AWSDataTransfer, usage_type: DataTransfer-Regional-Bytes, unit: GB, "
    "tiers: [{from: 0, price: 0.5}, {from: 20, price: 0.001}]",
    "service: AmazonEC2, percent: 30",
    "service: AWSLambda, usage_type: Request-ARM, unit: Requests, tiers: [{from: 0, price: 0}, {from: 5000000, price: 1e-5}]",
    "service: AmazonVPC, percent: 50",
)
"""Steps that compute, database and platform climb together, falling steeply; and percentages beside them."""


@pytest.mark.parametrize(
    "constraints",
    [
        {
            "instance_families": ["t4g", "g4dn"],
            "database": ["dynamodb_on_demand", "rds"],
            "database_families": ["t4g"],
            "rendering": ["spot_workers"],
        },
        {
            "compute": ["lambda"],
            "lambda_memory_mb": [512, 1769],
            "database": ["aurora", "dynamodb_provisioned"],
            "database_families": ["t4g"],
            "rendering": ["lambda_workers"],
        },
    ],
)
def test_at_own_rates_the_search_still_finds_what_billing_every_candidate_finds(
    constraints: dict[str, object],
) -> None:
    scenario = shop(constraints=constraints | {"delivery": ["flat_rate"]})
    demand = synthesise(scenario)
    evaluations = every_bill(scenario, demand, SHARED_LADDERS)
    found = search(scenario, demand, BOOK, own_rates=SHARED_LADDERS)
    assert {e.candidate.kinds: place(e) for e in (found.best, *found.rivals)} == first_of_each(evaluations)
    assert found.best.bill.list_cost > found.best.bill.billed_cost


def test_own_rates_change_what_is_recommended() -> None:
    """Servers at a hundredth of their price: what is dearer at list prices is cheaper under the agreement."""
    scenario = shop(
        900_000,
        constraints={
            "instance_families": ["t4g"],
            "database": ["dynamodb_on_demand"],
            "delivery": ["flat_rate"],
        },
    )
    demand = synthesise(scenario)
    at_list = search(scenario, demand, BOOK).best
    agreed = search(scenario, demand, BOOK, own_rates=own_rates("service: AmazonEC2, percent: 99")).best
    assert (at_list.candidate.kinds[0], agreed.candidate.kinds[0]) == ("lambda", "ec2")
    assert agreed.monthly_usd < at_list.monthly_usd < agreed.bill.list_cost


def test_a_tier_alone_never_costs_more_than_its_part_of_the_whole() -> None:
    scenario = shop()
    demand = synthesise(scenario)
    tariff = Tariff(BOOK, free_tier=True)
    tiers = {role: simulated[:3] for role, simulated in simulate_all(scenario, demand).items()}
    checked = 0
    for candidate in combine(tiers):
        alone = sum(tariff.cost_usd([tariff.sketch(tier.usages)]) for tier in candidate.tiers)
        together = tariff.cost_usd([tariff.sketch(tier.usages) for tier in candidate.tiers])
        assert alone <= together * (1 + 1e-9) + 1e-9
        checked += 1
    assert checked == count_combinations(designs_of(tiers)) > 20


def test_combinations_are_counted_without_making_them() -> None:
    simulated = simulate_all(shop(), synthesise(shop()))
    assert count_combinations(designs_of(simulated)) == sum(1 for _ in combine(simulated))
    fitting = sum(
        balancer.design.serves == compute.design.kind  # type: ignore[attr-defined]
        for compute, balancer in product(simulated[Role.COMPUTE], simulated[Role.LOAD_BALANCER])
    )
    others = prod(len(simulated[role]) for role in (Role.DATABASE, Role.DELIVERY, Role.RENDERING))
    assert count_combinations(designs_of(simulated)) == fitting * others


def test_what_a_candidate_promises_is_the_composition_of_its_tiers() -> None:
    scenario = shop()
    demand = synthesise(scenario)
    best = search(scenario, demand, BOOK).best.candidate
    together = promise(best)
    inside = (best.load_balancer, best.compute, best.database)
    expected = 1.0
    for tier in inside:
        expected *= tier.design.reliability.sla_ratio
    assert together.availability_ratio == pytest.approx(expected, abs=1e-12)
    assert together.api_p99_ms == pytest.approx(sum(tier.capacity.latency.p99_ms for tier in inside))
    assert together.rto_minutes == max(tier.design.reliability.rto_minutes for tier in best.tiers)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"objectives": {"api_p95_ms": 2, "api_p99_ms": 2}}, "API latency"),
        ({"objectives": {"availability_ratio": 0.99999}}, "unavailability"),
        (
            {"objectives": {"rto_minutes": 0, "rpo_minutes": 0}, "constraints": {"database": ["rds"]}},
            "recovery",
        ),
    ],
)
def test_nothing_feasible_names_the_objective_and_the_nearest_miss(
    parts: dict[str, object], words: str
) -> None:
    scenario = shop(**parts)
    with pytest.raises(Infeasible) as caught:
        search(scenario, synthesise(scenario), BOOK)
    text = str(caught.value)
    assert caught.value.exit_code == 3
    assert words in text
    assert "Relax" in text
    assert "allowed" in text


def test_a_budget_below_everything_is_infeasible_and_says_the_price() -> None:
    scenario = shop(constraints={"monthly_budget_usd": 5})
    with pytest.raises(Infeasible, match=r"monthly budget.*needs [0-9.]+ USD, allowed 5"):
        search(scenario, synthesise(scenario), BOOK)


def test_a_family_without_a_price_in_the_region_falls_with_its_reason() -> None:
    scenario = shop(
        region="sa-east-1",
        constraints={"instance_families": ["m8i", "m7g"], "database": ["dynamodb_on_demand"]},
    )
    found = search(scenario, synthesise(scenario), BOOK)
    assert any(
        "m8i" in rejection.subject and rejection.limit.constraint == "published price in sa-east-1"
        for rejection in found.rejections
    )


def test_reservations_enter_only_when_allowed() -> None:
    parts = {
        "compute": ["ec2"],
        "database": ["rds"],
        "instance_families": ["m7g"],
        "database_families": ["m7g"],
    }
    on_demand = shop(constraints=parts)
    committed = shop(constraints=parts | {"commitments": ["on_demand", "reserved_1yr_no_upfront"]})
    plain = search(on_demand, synthesise(on_demand), BOOK).best
    reserved = search(committed, synthesise(committed), BOOK).best
    assert reserved.monthly_usd < plain.monthly_usd
    assert {charge.pricing_category for charge in plain.bill.charges} == {"Standard"}
    assert "Committed" in {charge.pricing_category for charge in reserved.bill.charges}


columns = st.lists(st.lists(st.floats(0, 100), max_size=5).map(sorted), min_size=1, max_size=4)


@given(columns)
def test_choices_come_cheapest_first_each_once(costs: list[list[float]]) -> None:
    made = list(cheapest_first(costs))
    assert sorted(place for place, _ in made) == list(product(*(range(len(column)) for column in costs)))
    sums = [cost for _, cost in made]
    assert sums == sorted(sums)
    for place, cost in made:
        assert cost == sum(column[at] for column, at in zip(costs, place, strict=True))


def test_choices_are_made_only_as_they_are_asked_for() -> None:
    thousand = [float(cost) for cost in range(1_000)]
    first = islice(cheapest_first([thousand] * 4), 3)  # of 10^12
    assert [cost for _, cost in first] == [0.0, 1.0, 1.0]


def test_a_slow_database_fills_the_workers_that_wait_for_it() -> None:
    """Little's law: what waits for the database at once must find a worker each."""
    scenario = shop()
    best = search(scenario, synthesise(scenario), BOOK).best.candidate
    stuck = replace(best.database.capacity, peak_waiting_calls=41.0)
    few = replace(best.compute.capacity, call_slots=40.0)
    candidate = Candidate(
        replace(best.compute, capacity=few),
        best.load_balancer,
        replace(best.database, capacity=stuck),
        best.delivery,
        best.rendering,
    )
    broken = [limit for limit in joint_limits(candidate, scenario.objectives) if limit.broken]
    assert [(limit.constraint, limit.observed, limit.limit) for limit in broken] == [
        ("calls waiting for the database", 41.0, 40.0)
    ]


def test_a_design_never_simulated_counts_as_pruned() -> None:
    scenario = shop(400_000, constraints={"compute": ["ec2"], "database": ["dynamodb_on_demand"]})
    found = search(scenario, synthesise(scenario), BOOK)
    assert len(found.never_simulated) > 50
    assert found.pruned > found.priced
    assert found.considered == found.rejected + found.pruned + found.priced
    spared = {design.label for design in found.never_simulated}
    assert not spared & {rejection.subject for rejection in found.rejections}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        # Cheaper than anything and faster than anything: each alone is out of reach, and both are named.
        (
            {
                "objectives": {"api_p95_ms": 30, "api_p99_ms": 40},
                "constraints": {"monthly_budget_usd": 60, "database": ["rds"]},
            },
            ["API latency", "objectives.api_p9"],
        ),
        # Nothing available enough stands in one zone, and what stands in two is above the budget.
        (
            {
                "objectives": {"rpo_minutes": 0, "rto_minutes": 5},
                "constraints": {"monthly_budget_usd": 40, "database": ["rds", "aurora"]},
            },
            ["recovery", "monthly budget", "constraints.monthly_budget_usd"],
        ),
    ],
    ids=["cheap and fast", "cheap and available"],
)
def test_contradictory_objectives_are_all_named_with_what_to_relax(
    parts: dict[str, object], words: list[str]
) -> None:
    scenario = shop(**parts)
    with pytest.raises(Infeasible) as caught:
        search(scenario, synthesise(scenario), BOOK)
    assert caught.value.exit_code == 3
    text = str(caught.value)
    assert "Relax this in the scenario" in text
    for word in words:
        assert word in text, text


def test_where_no_allowed_family_renders_the_keys_are_named() -> None:
    scenario = shop(
        constraints={"instance_families": ["t4g"], "rendering": ["ec2_workers"]},
        rendering={"jobs_per_1000_page_views": 20},
    )
    with pytest.raises(Infeasible) as caught:
        search(scenario, synthesise(scenario), BOOK)
    assert str(caught.value) == (
        "no rendering design fits the constraints of 'a shop'. "
        "Allow more in constraints.rendering or constraints.instance_families."
    )


def test_an_empty_space_says_which_part_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = shop()
    monkeypatch.setattr(searching, "list_designs", lambda scenario, demand: {role: [] for role in TIER_ROLES})
    with pytest.raises(
        Infeasible, match=r"no compute and no load balancer .*design fits the constraints"
    ) as caught:
        search(scenario, synthesise(scenario), BOOK)
    assert caught.value.exit_code == 3
