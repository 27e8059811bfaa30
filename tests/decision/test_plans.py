"""Plans as part of the answer: portfolios against HiGHS, and the search with plans against billing every candidate."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import lil_array

from costmodel.billing.charge import dollars
from costmodel.billing.rates import NO_OWN_RATES
from costmodel.decision.candidate import combine
from costmodel.decision.commitments import ALL_IT_CAN
from costmodel.decision.constraints import joint_limits, single_tier_limits
from costmodel.decision.front import coordinates
from costmodel.decision.gates import RUN_METRICS, budget_gate, judge
from costmodel.decision.plans import Planner, Pool, commitment_named
from costmodel.decision.run import encode
from costmodel.decision.search import Evaluation, evaluate, search, simulate_all, whole_usages
from costmodel.decision.simulate import simulate
from costmodel.demand.synthesise import synthesise
from costmodel.errors import GatesFailed, ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import Commitment, CommitmentKind, Offers, Payment
from costmodel.scenario.load import validate
from costmodel.scenario.model import PLANS, Scenario

BOOK = PriceBook.shipped()
PROBLEMS = 60
GAP_RATIO = 0.05
"""How much more than the optimum a portfolio of several uses may cost; of one use nothing."""


def plan(kind: CommitmentKind, years: int) -> Commitment:
    return Commitment(kind, years, Payment.NO_UPFRONT)


def random_pool(seed: int, uses: int) -> Pool:
    """Fleets of a family each, which plans of one and three years cover by family or all together."""
    rng = np.random.default_rng(seed)
    years, hours = int(rng.choice([1, 3])), int(rng.integers(4, 14))
    growth = (1 + rng.uniform(-0.3, 0.6)) ** np.arange(years)
    daily = 1 + np.sin(np.linspace(0, 2 * np.pi, hours))
    use = rng.gamma(2.0, 2.0, (uses, years, hours)) * growth[None, :, None] * (0.2 + daily)
    ratios = []
    for place in range(uses):
        yearly = rng.uniform(0.6, 0.9)
        known = {(plan(CommitmentKind.COMPUTE_PLAN, 1), ALL_IT_CAN): yearly}
        if rng.random() < 0.7:
            known[plan(CommitmentKind.INSTANCE_PLAN, 1), f"family {place}"] = yearly - rng.uniform(0.05, 0.2)
        if years == 3:
            known[plan(CommitmentKind.COMPUTE_PLAN, 3), ALL_IT_CAN] = yearly - rng.uniform(0.1, 0.3)
        ratios.append(known)
    return Pool(use, tuple(ratios))


def solved(pool: Pool) -> float:
    """Least cost over all levels and all ways of sharing each plan among its uses in each hour."""
    uses, years, hours = pool.on_demand_usd.shape
    keys = sorted(
        {
            (str(commitment), covers, start): (commitment, covers, start)
            for ratios in pool.ratios
            for commitment, covers in ratios
            for start in range(0, years, commitment.years)
        }.items()
    )
    levels = [key for _, key in keys]
    costs = [float(commitment.years * hours) for commitment, _, _ in levels]
    takes = [
        (place, year, hour, index, ratio)
        for index, (commitment, covers, start) in enumerate(levels)
        for place, ratios in enumerate(pool.ratios)
        if (ratio := ratios.get((commitment, covers))) is not None
        for year in range(start, start + commitment.years)
        for hour in range(hours)
    ]
    costs += [-1.0 / ratio for *_, ratio in takes]
    columns = len(costs)
    capacity = {
        key: row
        for row, key in enumerate(dict.fromkeys((year, hour, index) for _, year, hour, index, _ in takes))
    }
    use_row = {
        key: len(capacity) + row
        for row, key in enumerate((p, y, h) for p in range(uses) for y in range(years) for h in range(hours))
    }
    rows = lil_array((len(capacity) + len(use_row), columns))
    bounds = np.zeros(len(capacity) + len(use_row))
    for (_, _, index), row in capacity.items():
        rows[row, index] = -1.0
    for column, (place, year, hour, index, ratio) in enumerate(takes, len(levels)):
        rows[capacity[year, hour, index], column] = 1.0
        rows[use_row[place, year, hour], column] = 1.0 / ratio
    for key, row in use_row.items():
        bounds[row] = pool.on_demand_usd[key]
    found = linprog(costs, A_ub=rows.tocsr(), b_ub=bounds, bounds=(0, None))
    assert found.success
    return float(found.fun + pool.on_demand_usd.sum())


@pytest.mark.parametrize("seed", range(PROBLEMS))
def test_a_portfolio_of_one_use_is_the_best_there_is(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = in_short_years(random_pool(seed, uses=1), monkeypatch)
    assert pool.cost_usd(pool.cheapest()) == pytest.approx(solved(pool), rel=1e-3)


@pytest.mark.parametrize("seed", range(PROBLEMS))
def test_a_portfolio_of_several_uses_is_close_to_the_best(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = in_short_years(random_pool(1_000 + seed, uses=3), monkeypatch)
    levels = pool.cheapest()
    cost_usd, best_usd = pool.cost_usd(levels), solved(pool)
    assert best_usd * (1 - 1e-9) <= cost_usd <= best_usd * (1 + GAP_RATIO)
    saved_usd = pool.saved_ratios(levels) @ pool.on_demand_usd.sum(axis=(1, 2))
    assert saved_usd == pytest.approx(pool.on_demand_usd.sum() - cost_usd)
    most = [1 - min(ratios.values()) for ratios in pool.ratios]
    assert np.all(pool.saved_ratios(levels) <= np.array(most) + 1e-12)


def in_short_years(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """A year of a few hours, so that HiGHS is quick."""
    hours = pool.on_demand_usd.shape[2]
    monkeypatch.setattr(Commitment, "hours", property(lambda self: hours * self.years))
    return pool


def shop(visitors: float, **constraints: object) -> Scenario:
    return validate(
        {
            "name": "a shop",
            "region": "eu-west-1",
            "start": "2026-02",
            "traffic": {"monthly_visitors": {"europe": visitors}},
            "constraints": constraints,
        },
        "test",
    )


FLEETS = shop(
    900_000,
    commitments=["on_demand", "instance_savings_plan_1yr_no_upfront", "compute_savings_plan_3yr_no_upfront"],
    compute=["ec2", "lambda"],
    lambda_memory_mb=[512],
    database=["dynamodb_on_demand"],
    instance_families=["m7g"],
    delivery=["pay_as_you_go"],
)
EVERYTHING = shop(
    400_000,
    commitments=["on_demand", *PLANS],
    compute=["lambda"],
    lambda_memory_mb=[512],
    database=["aurora_serverless", "dynamodb_on_demand"],
    read_replicas=[0],
    rendering=["lambda_workers"],
    delivery=["pay_as_you_go"],
)


def place(evaluation: Evaluation) -> tuple[Decimal | float, ...]:
    """Dollars with the plans to the cent, then every other coordinate of the front."""
    return (round(evaluation.effective_monthly_usd, 2), *coordinates(evaluation.placed))


@pytest.mark.parametrize("scenario", [FLEETS, EVERYTHING], ids=["fleets", "everything"])
def test_with_plans_the_search_finds_what_billing_every_candidate_finds(scenario: Scenario) -> None:
    demand = synthesise(scenario)
    planner = Planner(scenario, demand.calendar, Offers(BOOK), NO_OWN_RATES)
    tiers = {
        role: [
            tier
            for tier in simulated
            if not any(limit.broken for limit in single_tier_limits(tier, scenario.objectives))
        ]
        for role, simulated in simulate_all(scenario, demand).items()
    }
    first: dict[tuple[str, ...], tuple[Decimal | float, ...]] = {}
    for candidate in combine(tiers):
        if any(limit.broken for limit in joint_limits(candidate, scenario.objectives)):
            continue
        here = place(evaluate(scenario, demand, BOOK, candidate, planner=planner))
        first[candidate.kinds] = min(first.get(candidate.kinds, here), here)
    result = search(scenario, demand, BOOK)
    assert {e.candidate.kinds: place(e) for e in (result.best, *result.rivals)} == first
    planned = [e for e in (result.best, *result.rivals) if e.portfolio.purchases]
    assert planned
    assert all(e.effective_monthly_usd < e.monthly_usd for e in planned)


def test_a_plan_saves_no_more_than_its_rates_allow() -> None:
    """The bound of the search: no usage saves more than the best of its rates."""
    demand = synthesise(EVERYTHING)
    planner = Planner(EVERYTHING, demand.calendar, Offers(BOOK), NO_OWN_RATES)
    best = search(EVERYTHING, demand, BOOK).best
    usages = whole_usages(demand, best)
    costs = {usage: evaluate_alone_usd(usage) for usage in usages}
    most_usd = sum(planner.most_saved_ratio(usage) * usd for usage, usd in costs.items())
    assert 0 < float(best.portfolio.saves_usd) <= most_usd


def evaluate_alone_usd(usage: object) -> float:
    from costmodel.billing.rate import bill

    return float(bill([usage], BOOK, free_tier=False).billed_cost)  # type: ignore[list-item]


def test_every_plan_of_a_scenario_is_one_that_aws_sells() -> None:
    from costmodel.pricing.commitment import SOLD

    for name in PLANS:
        commitment = commitment_named(name)
        assert (commitment.years, commitment.payment) in SOLD[commitment.kind]


def test_a_plan_needs_use_on_demand() -> None:
    with pytest.raises(ScenarioError, match="must include on_demand beside a plan"):
        shop(1_000, commitments=["compute_savings_plan_1yr_no_upfront"])


def test_the_run_says_what_to_buy_and_the_bill_stays_what_it_is() -> None:
    plain = replace_commitments(EVERYTHING, ("on_demand",))
    run, without = simulate(EVERYTHING, BOOK), simulate(plain, BOOK)
    assert run.plan is not None
    assert without.plan is None
    assert without.chosen.effective_monthly_usd == without.monthly_usd
    assert run.chosen.effective_monthly_usd == run.monthly_usd - run.plan.saves_usd
    assert run.chosen.effective_monthly_usd <= without.monthly_usd
    assert "a Database Savings Plan (1yr No Upfront) of $" in run.headline
    assert [option.effective_monthly_usd for option in run.alternatives] == sorted(
        option.effective_monthly_usd for option in run.alternatives
    )
    assert encode(simulate(EVERYTHING, BOOK)) == encode(run)


def test_headline_requirement_budget_and_gate_are_about_one_cost_that_of_the_month_with_its_plans() -> None:
    run = simulate(EVERYTHING, BOOK)
    paid_usd, billed_usd = run.chosen.effective_monthly_usd, run.monthly_usd
    between_usd = float(paid_usd + billed_usd) / 2
    assert f": {dollars(paid_usd)} a month with its plans (80 %" in run.headline
    assert f"without them the month is {dollars(billed_usd)}." in run.headline
    assert run.cost_range.p10_usd < paid_usd < run.cost_range.p90_usd < billed_usd
    judge([budget_gate(str(between_usd), RUN_METRICS)], run, RUN_METRICS)
    with pytest.raises(GatesFailed, match="effective_monthly_usd is"):
        judge([budget_gate(str(float(paid_usd) - 1), RUN_METRICS)], run, RUN_METRICS)
    tree = EVERYTHING.model_dump(mode="json")
    tree["constraints"]["monthly_budget_usd"] = between_usd
    within = simulate(validate(tree, "test"), BOOK)
    (cost,) = (part for part in within.requirements if part.name == "cost")
    assert within.chosen.effective_monthly_usd == paid_usd
    assert cost.met
    assert cost.figures["effective_monthly_usd"] == float(paid_usd)
    assert cost.summary.startswith(f"{dollars(paid_usd)} a month")
    assert within.cost_range.budget_breach_ratio is not None
    assert within.cost_range.budget_breach_ratio < 0.5


def replace_commitments(scenario: Scenario, commitments: tuple[str, ...]) -> Scenario:
    tree = scenario.model_dump(mode="json")
    tree["constraints"]["commitments"] = list(commitments)
    return validate(tree, "test")


PLANNED = {
    "name": "plans",
    "region": "us-east-1",
    "start": "2026-02",
    "traffic": {"monthly_visitors": {"united_states": 100_000}},
    "rendering": {"jobs_per_1000_page_views": 0},
}
ONE_STACK = {
    "compute": ["ec2"],
    "database": ["rds"],
    "delivery": ["pay_as_you_go"],
    "instance_families": ["m7g"],
    "database_families": ["t4g"],
}


def allowing(*commitments: str) -> Scenario:
    return validate(
        PLANNED | {"constraints": ONE_STACK | {"commitments": ["on_demand", *commitments]}}, "test"
    )


def test_allowed_plans_without_a_rate_are_named_with_what_to_type() -> None:
    """The shipped reservations of EC2 are No Upfront ones, and no other tells the rate of a plan paid early."""
    plans = ("compute_savings_plan_3yr_all_upfront", "instance_savings_plan_1yr_partial_upfront")
    run = simulate(allowing(*plans), BOOK, draws=2)
    assert run.plan is None
    (said,) = [note for note in run.notes if "without a rate" in note]
    assert "Compute Savings Plan, 3yr All Upfront (AmazonEC2 in us-east-1)" in said
    assert "EC2 Instance Savings Plan, 1yr Partial Upfront (AmazonEC2 in us-east-1)" in said
    assert said.endswith("type: costmodel prices refresh --service AmazonEC2 --region us-east-1")


def test_plans_with_rates_and_plans_that_cover_nothing_are_not_called_unpriced() -> None:
    """Database plans leave T classes out, and no rate would change that."""
    plans = ("compute_savings_plan_1yr_no_upfront", "database_savings_plan_1yr_no_upfront")
    run = simulate(allowing(*plans), BOOK, draws=2)
    assert [note for note in run.notes if "without a rate" in note] == []
