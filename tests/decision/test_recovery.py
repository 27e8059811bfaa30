"""Which recovery strategy is chosen, what it changes, and what is said when none will do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from costmodel.billing.rate import bill
from costmodel.decision.candidate import Candidate
from costmodel.decision.carbon import carbon_of
from costmodel.decision.constraints import promise
from costmodel.decision.pricer import platform_usages
from costmodel.decision.recovery import RESTORATIONS, Stage
from costmodel.decision.search import SearchResult, evaluate, list_designs, search, simulate_design
from costmodel.decision.simulate import simulate
from costmodel.decision.trials import Finalist, try_in
from costmodel.decision.worlds import World
from costmodel.demand.synthesise import synthesise
from costmodel.errors import Infeasible, PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import Price, PriceQuery
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services._base import Role, Strategy, TierDesign
from costmodel.services.dynamodb import OnDemandTable

BOOK = PriceBook.shipped()
LAMBDA_AND_TABLE = {"compute": ["lambda"], "database": ["dynamodb_on_demand"], "delivery": ["pay_as_you_go"]}
FLEET_AND_RDS = {
    "compute": ["ec2"],
    "database": ["rds"],
    "delivery": ["pay_as_you_go"],
    "instance_families": ["m7g"],
    "database_families": ["t4g"],
}


def shop(constraints: dict[str, object], **objectives: float) -> Scenario:
    tree: dict[str, object] = {
        "name": "a shop",
        "region": "us-east-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"europe": 60_000}},
        "network": {"second_region": "eu-west-1"},
        "objectives": objectives,
        "constraints": constraints,
    }
    return validate(tree, "test")


def searched(scenario: Scenario) -> SearchResult:
    return search(scenario, synthesise(scenario), BOOK)


@pytest.mark.parametrize(
    ("objectives", "strategy"),
    [
        ({}, Strategy.NONE),
        # A day: the pilot light of a small table is cheaper than a full copy of it every day.
        ({"region_rto_minutes": 1_440}, Strategy.PILOT_LIGHT),
        ({"region_rto_minutes": 30, "region_rpo_minutes": 5}, Strategy.PILOT_LIGHT),
        ({"region_rto_minutes": 2.5}, Strategy.ACTIVE_ACTIVE),
        ({"region_rpo_minutes": 0.02}, Strategy.ACTIVE_ACTIVE),
    ],
)
def test_the_cheapest_strategy_that_meets_the_objectives(
    objectives: dict[str, float], strategy: Strategy
) -> None:
    best = searched(shop(LAMBDA_AND_TABLE, **objectives)).best
    assert best.strategy is strategy
    assert best.recovery is not None
    costs = {
        option.strategy: option.more_usd
        for option in best.recovery.options
        if option.more_usd is not None and not option.misses
    }
    assert costs[strategy] == min(costs.values())


def test_rds_with_a_fleet_pays_more_the_sooner_it_serves() -> None:
    result = searched(shop(FLEET_AND_RDS, region_rto_minutes=10))
    assert result.best.strategy is Strategy.WARM_STANDBY
    assert result.best.recovery is not None
    options = {option.strategy: option for option in result.best.recovery.options}
    costs = [options[name].more_usd for name in ("none", "backup_restore", "pilot_light", "warm_standby")]
    assert costs == sorted(costs, key=lambda usd: usd or 0.0)
    assert options["active_active"].more_usd is None
    assert options["active_active"].unavailable == "the database can be written in one region only"
    assert options["pilot_light"].misses == "recovery time"


def test_without_objectives_a_second_region_changes_nothing_but_the_table_of_strategies() -> None:
    scenario = shop(LAMBDA_AND_TABLE)
    best = searched(scenario).best
    plain = evaluate(scenario, synthesise(scenario), BOOK, best.candidate)
    assert best.monthly_usd == plain.monthly_usd
    assert best.recovery is not None
    assert [option.strategy for option in best.recovery.options] == [known.value for known in Strategy]


def test_what_a_strategy_is_said_to_cost_is_what_the_whole_bill_grows_by(
    model_row: Callable[..., None],
) -> None:
    """Tiers, platform and copies billed whole, exactly, with and without every strategy."""
    worst = 0.0
    for constraints in (LAMBDA_AND_TABLE, FLEET_AND_RDS):
        scenario = shop(constraints, region_rto_minutes=10)
        demand = synthesise(scenario)
        best = searched(scenario).best
        assert best.recovery is not None
        stage = Stage(scenario, demand)
        plain = Candidate(*(simulate_design(design, demand) for design in best.designs))
        base = evaluate(scenario, demand, BOOK, plain).monthly_usd
        for option in best.recovery.options:
            if option.more_usd is None:
                continue
            standing = stage.stand(plain, Strategy(option.strategy))
            usages = standing.candidate.usages + standing.usages
            usages += platform_usages(scenario, demand, standing.candidate.footprint)
            exact = bill(usages, BOOK, free_tier=True).billed_cost - base
            worst = max(worst, abs(float(exact) - option.more_usd))
    assert worst < 1e-6
    model_row(
        "Availability",
        "recovery strategies",
        rule="what stands in the second region is simulated under its share of the demand and billed there, whole",
        source="AWS Well-Architected REL13-BP02 (2023-04); prices of the second region",
        oracle="the exact bill of the whole candidate, with and without; by hand in tests/billing/worked",
        tolerance="1e-6 USD; to the cent by hand",
        observed_error=worst,
    )


def test_active_active_shows_what_stands_at_home() -> None:
    best = searched(shop(LAMBDA_AND_TABLE, region_rto_minutes=3)).best
    table = best.candidate.database.design
    assert table.settings()["replica_regions"] == "eu-west-1"
    assert table.reliability.sla_ratio == 0.99999
    assert best.designs[2].settings().get("replica_regions") is None


def test_an_objective_that_no_strategy_meets_is_named_with_the_nearest_miss() -> None:
    """A read replica is promoted within ten minutes at best; five were asked for."""
    with pytest.raises(Infeasible, match="recovery time after the loss of the region") as caught:
        searched(shop(FLEET_AND_RDS, region_rto_minutes=5))
    assert "needs 10 minutes, allowed 5" in str(caught.value)
    assert "objectives.region_rto_minutes" in str(caught.value)


AURORA = LAMBDA_AND_TABLE | {"database": ["aurora"], "database_families": ["t4g"]}


@pytest.mark.parametrize(
    ("objectives", "strategy"),
    [
        # A day: a copy of a snapshot costs less than a cluster that stands ready.
        ({"region_rto_minutes": 1_440}, Strategy.BACKUP_RESTORE),
        ({"region_rto_minutes": 60, "region_rpo_minutes": 10}, Strategy.PILOT_LIGHT),
        ({"region_rto_minutes": 10}, Strategy.WARM_STANDBY),
    ],
)
def test_aurora_recovers_as_a_global_database(objectives: dict[str, float], strategy: Strategy) -> None:
    best = searched(shop(AURORA, **objectives)).best
    assert best.strategy is strategy
    assert best.recovery is not None
    options = {option.strategy: option for option in best.recovery.options}
    more_usd = [options[name].more_usd for name in ("none", "backup_restore", "pilot_light", "warm_standby")]
    assert None not in more_usd
    assert more_usd == sorted(more_usd, key=lambda usd: usd or 0.0)
    assert options["active_active"].more_usd is None


@pytest.fixture
def without_replicated_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price book that lacks what Aurora bills for replicated writes, as the shipped one did until 2026-11."""
    priced = PriceBook.price

    def price(book: PriceBook, query: PriceQuery) -> Price:
        if query.usage_type == "Aurora:ReplicatedWriteIO":
            raise PriceNotFound(f"no price for {query.usage_type} in {query.region_id}")
        return priced(book, query)

    monkeypatch.setattr(PriceBook, "price", price)


@pytest.mark.usefixtures("without_replicated_writes")
def test_a_strategy_without_a_price_falls_with_the_reason() -> None:
    best = searched(shop(AURORA, region_rto_minutes=1_440)).best
    assert best.strategy is Strategy.BACKUP_RESTORE
    assert best.recovery is not None
    options = {option.strategy: option for option in best.recovery.options}
    assert options["pilot_light"].more_usd is None
    assert "ReplicatedWriteIO" in options["pilot_light"].unavailable


BESIDE_A_TABLE = LAMBDA_AND_TABLE | {
    "database": ["aurora", "dynamodb_on_demand"],
    "database_families": ["t4g"],
    "rendering": ["lambda_workers"],
}


@pytest.mark.usefixtures("without_replicated_writes")
def test_a_candidate_that_falls_is_named_by_its_kinds_alone() -> None:
    run = simulate(shop(BESIDE_A_TABLE, region_rto_minutes=10), BOOK)
    (fallen,) = [rejection for rejection in run.rejections if rejection.of_candidate]
    assert fallen.subject == "lambda, aurora, pay as you go, lambda workers"
    (aurora,) = [row for row in run.comparisons if row.kind == "aurora"]
    assert aurora.why == "no published price of a recovery in eu-west-1"


def test_aurora_with_a_second_region_is_compared_by_its_cost() -> None:
    run = simulate(shop(BESIDE_A_TABLE, region_rto_minutes=10), BOOK)
    assert [rejection for rejection in run.rejections if rejection.of_candidate] == []
    (aurora,) = [row for row in run.comparisons if row.kind == "aurora"]
    assert aurora.effective_monthly_usd is not None
    assert aurora.effective_monthly_usd > run.chosen.effective_monthly_usd


def test_a_budget_counts_the_second_region() -> None:
    free = shop(LAMBDA_AND_TABLE, region_rto_minutes=10)
    cost = float(searched(free).best.monthly_usd)
    tight = LAMBDA_AND_TABLE | {"monthly_budget_usd": cost - 1}
    with pytest.raises(Infeasible, match="monthly budget"):
        searched(shop(tight, region_rto_minutes=10))


@pytest.mark.parametrize("rto_minutes", [1_440, 10, 2.5])
def test_the_range_is_around_the_same_candidate(rto_minutes: float) -> None:
    """Without another input and with the same seed, a draw costs what the recommendation does."""
    scenario = shop(LAMBDA_AND_TABLE, region_rto_minutes=rto_minutes)
    best = searched(scenario).best
    world = World(scenario, scenario.seed, (), cut=False)
    (drawn,) = try_in(world, [Finalist.of(best)], BOOK)
    assert drawn.monthly_usd == pytest.approx(float(best.monthly_usd), rel=1e-9)


def test_the_run_tells_the_story() -> None:
    run = simulate(shop(LAMBDA_AND_TABLE, region_rto_minutes=10), BOOK)
    assert (
        "with warm standby in eu-west-1" in run.headline or "with active-active in eu-west-1" in run.headline
    )
    assert run.recovery is not None
    assert run.recovery.region_id == "eu-west-1"
    assert {"us-east-1", "eu-west-1"} <= {charge.region_id for charge in run.charges}
    variable = next(known for known in run.terraform if known.name == "recovery")
    values = {attribute.name: attribute.value for attribute in variable.attributes}
    assert values == {"strategy": run.recovery.strategy, "region": "eu-west-1"}
    assert not any("assets only" in note for note in run.notes)


def test_a_member_of_the_front_is_what_stands_in_both_regions() -> None:
    """With active-active: half of the traffic at home, the agreements of the pair, the power of both."""
    scenario = shop(LAMBDA_AND_TABLE, region_rto_minutes=2.5)
    run = simulate(scenario, BOOK, draws=2)
    best = searched(scenario).best
    assert best.strategy is Strategy.ACTIVE_ACTIVE
    first, chosen = run.front[0], run.chosen
    assert (first.compute, first.database) == (chosen.compute, chosen.database)
    assert first.api_p99_ms == chosen.api_p99_ms
    stands = (chosen.compute, chosen.load_balancer, chosen.database, chosen.delivery, chosen.rendering)
    assert [note.label for note in run.finalists if note.chosen] == [" with ".join(stands)]
    each = chosen.availability_ratio
    assert first.availability_ratio == pytest.approx(1 - 0.9 * (1 - each) ** 2 - 0.1 * (1 - each), abs=1e-12)
    inside = (*best.candidate.tiers[:3], *best.placed.away)
    kg = sum(carbon_of(tier.energy).total_kg.likely for tier in inside)
    assert first.calls_carbon_kg_per_month == pytest.approx(kg)
    assert kg > sum(tier.emitted_kg for tier in best.candidate.tiers[:3])


def test_sooner_is_never_later() -> None:
    """Strategies are listed from slow to fast, and the faster loses no more work."""
    found = [RESTORATIONS[strategy] for strategy in Strategy]
    assert [one.rto_minutes for one in found] == sorted((one.rto_minutes for one in found), reverse=True)
    assert [one.rpo_minutes for one in found] == sorted((one.rpo_minutes for one in found), reverse=True)


def test_each_half_of_the_traffic_must_meet_the_objectives() -> None:
    """Functions that half as many call are cold more often: what holds whole may be too slow in two halves."""
    parts: dict[str, object] = {
        **LAMBDA_AND_TABLE,
        "lambda_memory_mb": [512],
    }
    scenario = shop(parts, region_rto_minutes=2.5)
    demand = synthesise(scenario)
    plain = Candidate(*(simulate_design(design, demand) for design in searched(scenario).best.designs))
    half = Stage(scenario, demand).stand(plain, Strategy.ACTIVE_ACTIVE).candidate
    whole_ms, half_ms = promise(plain).api_p99_ms, promise(half).api_p99_ms
    assert half_ms > whole_ms + 0.5
    between = shop(parts, region_rto_minutes=2.5, api_p95_ms=150, api_p99_ms=(whole_ms + half_ms) / 2)
    assert Stage(scenario, demand).missed(plain, Strategy.ACTIVE_ACTIVE) is None
    missed = Stage(between, demand).missed(plain, Strategy.ACTIVE_ACTIVE)
    assert missed is not None
    assert missed.observed == pytest.approx(half_ms)
    other = searched(between).best
    assert other.designs != plain_designs(plain)
    assert promise(other.candidate).api_p99_ms <= between.objectives.api_p99_ms
    (trial,) = try_in(
        World(between, between.seed, (), cut=False),
        [Finalist(plain_designs(plain), Strategy.ACTIVE_ACTIVE)],
        BOOK,
    )
    assert trial.breaks == "API latency, 99th percentile"


def plain_designs(candidate: Candidate) -> tuple[TierDesign, ...]:
    return tuple(tier.design for tier in candidate.tiers)


@pytest.mark.parametrize("strategy", [Strategy.WARM_STANDBY, Strategy.ACTIVE_ACTIVE])
def test_what_a_global_table_leaves_in_the_second_region_is_on_the_bill(strategy: Strategy) -> None:
    """DAX answers in its network alone, so functions are in it and reach others through two NAT gateways, in both
    regions; and the replica calls its key every five minutes: 28 days x 288 calls.
    """
    scenario = shop(LAMBDA_AND_TABLE)
    demand = synthesise(scenario)
    found = searched(scenario).best
    (dax,) = (
        design
        for design in list_designs(shop({**LAMBDA_AND_TABLE, "database": ["dynamodb_dax"]}), demand)[
            Role.DATABASE
        ]
        if isinstance(design, OnDemandTable)
    )
    for database, nat_hours in ((found.candidate.database.design, 0), (dax, 2 * 672)):
        tiers = (
            simulate_design(database if tier.design.role is Role.DATABASE else tier.design, demand)
            for tier in found.candidate.tiers
        )
        standing = Stage(scenario, demand).stand(Candidate(*tiers), strategy)
        away = {
            usage.meter.query.usage_type: float(usage.consumed_quantity)
            for usage in standing.usages
            if usage.meter.query.region_id == "eu-west-1"
        }
        assert away.get("NatGateway-Hours", 0) == nat_hours
        assert away["KMS-Requests"] == 28 * 288
