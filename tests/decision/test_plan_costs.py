"""What charges cost with the plans bought for them: by price, by month and by day, and added up to what is told."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from costmodel.billing.charge import EXACT
from costmodel.decision.plan_costs import effective_costs
from costmodel.decision.plans import NOTHING
from costmodel.decision.run import Run, encode, read_run
from costmodel.decision.search import Evaluation, search
from costmodel.decision.simulate import simulate
from costmodel.demand.synthesise import synthesise
from costmodel.errors import RunFileError
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price_id import query_text
from shops.quick import quick_shop

BOOK = PriceBook.shipped()
SHOP = quick_shop(
    {
        "months": 2,
        "traffic.monthly_visitors": {"europe": 300_000},
        "constraints.commitments": [
            "on_demand",
            "compute_savings_plan_1yr_no_upfront",
            "database_savings_plan_1yr_no_upfront",
            "security_savings_bundle_1yr_monthly",
        ],
        "constraints.compute": ["ec2"],
        "constraints.instance_families": ["m7g"],
        "constraints.database": ["rds"],
        "constraints.database_families": ["r7g"],
    }
)
COVERED = {"AmazonEC2", "AmazonRDS", "AmazonCloudFront", "awswaf"}


@pytest.fixture(scope="module")
def best() -> Evaluation:
    return search(SHOP, synthesise(SHOP), BOOK).best


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(SHOP, BOOK)


def test_what_is_taken_off_the_charges_is_what_the_plans_save_to_the_last_digit(best: Evaluation) -> None:
    costs = effective_costs(best.bill.charges, best.portfolio, 2)
    with localcontext(EXACT):
        saved = best.bill.billed_cost - sum(costs, Decimal(0))
        assert saved == best.portfolio.saves_usd * 2 > 0
    by_service: defaultdict[str, Decimal] = defaultdict(Decimal)
    for charge, cost in zip(best.bill.charges, costs, strict=True):
        by_service[charge.sku_price_id.split(" ")[0]] += charge.billed_cost - cost
    assert {service for service, usd in by_service.items() if abs(usd) > Decimal("1e-9")} == COVERED
    assert len(best.portfolio.purchases) == 3


def test_each_price_saves_what_the_portfolio_says_of_it_and_the_same_share_in_every_month(
    best: Evaluation,
) -> None:
    costs = effective_costs(best.bill.charges, best.portfolio, 2)
    saved: defaultdict[str, Decimal] = defaultdict(Decimal)
    shares: defaultdict[str, set[float]] = defaultdict(set)
    for charge, cost in zip(best.bill.charges, costs, strict=True):
        price = query_text(charge.sku_price_id)
        saved[price] += charge.billed_cost - cost
        if charge.billed_cost:
            shares[price].add(round(float(cost / charge.billed_cost), 9))
    expected = {price: usd for price, usd in best.portfolio.saved_by_price_usd.items() if usd}
    assert {price: float(usd) for price, usd in saved.items() if usd} == pytest.approx(expected)
    assert all(len(found) <= 1 for found in shares.values())


def test_without_plans_a_charge_costs_what_is_billed(best: Evaluation) -> None:
    billed = tuple(charge.billed_cost for charge in best.bill.charges)
    assert effective_costs(best.bill.charges, NOTHING, 2) == billed


def test_charges_and_days_of_a_run_add_up_to_its_cost_with_plans(run: Run) -> None:
    effective = sum((charge.effective_cost for charge in run.charges), Decimal(0))
    assert effective / 2 == pytest.approx(run.chosen.effective_monthly_usd, rel=Decimal("1e-25"))
    by_day = sum(map(sum, run.daily_cost_usd.values()))
    assert by_day == pytest.approx(2 * float(run.chosen.effective_monthly_usd), rel=1e-9)
    assert sum(charge.billed_cost for charge in run.charges) > effective


def test_a_saved_run_whose_charges_do_not_add_up_with_plans_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(encode(run))
    assert read_run(path) == run
    first, *rest = run.charges
    wrong = replace(first, effective_cost=first.effective_cost + 1)
    path.write_bytes(encode(replace(run, charges=(wrong, *rest))))
    with pytest.raises(RunFileError, match="must be the charges' effective_cost a month"):
        read_run(path)


def test_costs_before_plans_and_with_them_have_names_of_their_own(run: Run) -> None:
    """`monthly_usd` is before plans wherever it stands; all that is with plans is called otherwise."""
    (recommended,) = (row for row in run.comparisons if row.role == "database" and row.why == "recommended")
    assert recommended.effective_monthly_usd == run.chosen.effective_monthly_usd < run.chosen.monthly_usd
    assert run.front[0].compared_monthly_usd == round(run.chosen.effective_monthly_usd, 2)
    assert not any(hasattr(one, "monthly_usd") for one in (*run.comparisons, *run.front))
