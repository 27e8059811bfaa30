from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from costmodel.decision.run import PlanNote, PurchaseNote, Run, read_run
from costmodel.review.actuals import ActualBill, ActualCharge, CoveredDays, SetAside, read_bill
from costmodel.review.variance import INVOICE_SERVICES, MonthVariance, VarianceRow, invoice_service, variance
from costmodel.services.registry import PLATFORM_SERVICES, TIER_SERVICES


@pytest.fixture(scope="module")
def run(root: Path) -> Run:
    """Two months of a made-up shop: 2025-11 and 2025-12."""
    return read_run(root / "tests" / "export" / "made_run.json")


def charge(
    service: str, usd: str, *, code: str = "", month: str = "2025-11", kind: str = "Usage"
) -> ActualCharge:
    cost = Decimal(usd)
    return ActualCharge(month, f"{month}-09", service, code, "eu-west-1", kind, cost, cost / 2)


def bill_of(*charges: ActualCharge, set_aside: Sequence[SetAside] = ()) -> ActualBill:
    return ActualBill("bill.csv", "FOCUS", len(charges), charges, tuple(set_aside))


def row_of(month: MonthVariance, service: str) -> VarianceRow:
    (row,) = [row for row in month.rows if row.service_name == service]
    return row


def test_services_are_joined_by_code_or_name(run: Run) -> None:
    bill = bill_of(
        charge("Amazon Elastic Compute Cloud", "200"),
        charge("whatever AWS calls it", "20", code="AmazonEC2"),
        charge("AmazonCloudWatch", "30"),
        charge("Elastic Load Balancing", "24.298"),
    )
    (month,) = variance(run, bill).months
    ec2 = row_of(month, "Amazon Elastic Compute Cloud")
    # Servers 1872.5 x 0.0725 and volumes, NAT gateways 1440 x 0.045 + 61.5 x 0.045, transfer 811.7 x 0.01.
    assert ec2.forecast_usd == Decimal("135.75625") + Decimal("4.1611111112") + Decimal("67.5675") + Decimal(
        "8.117"
    )
    assert ec2.actual_usd == 220
    assert ec2.difference_usd == Decimal("4.3981388888")
    watch = row_of(month, "AmazonCloudWatch")
    assert (watch.forecast_usd, watch.actual_usd, watch.standing) == (Decimal("28.1"), 30, "in both")
    balancer = row_of(month, "Elastic Load Balancing")
    assert (balancer.difference_usd, balancer.difference_ratio) == (0, 0)


def test_what_stands_elsewhere_on_an_invoice_is_listed(run: Run) -> None:
    (month,) = variance(run, bill_of(charge("AWS Lambda", "1"))).months
    moved = {(found.from_service, found.to_service): found.forecast_usd for found in month.regrouped}
    assert moved == {
        ("AWS Data Transfer", "Amazon Elastic Compute Cloud"): Decimal("8.117"),
        ("Amazon Virtual Private Cloud", "Amazon Elastic Compute Cloud"): Decimal("67.5675"),
    }


def test_a_service_that_our_bill_calls_otherwise_says_how(run: Run) -> None:
    (month,) = variance(run, bill_of(charge("AmazonEC2", "1"))).months
    assert all(row.forecast_as == () for row in month.rows)
    without = [found for found in run.charges if found.service_name != "Amazon Elastic Compute Cloud"]
    (month,) = variance(replace(run, charges=tuple(without)), bill_of(charge("AmazonEC2", "1"))).months
    assert {row.service_name: row.forecast_as for row in month.rows if row.forecast_as} == {
        "Amazon Elastic Compute Cloud": ("AWS Data Transfer", "Amazon Virtual Private Cloud")
    }


def test_a_service_of_one_side_is_never_dropped(run: Run) -> None:
    bill = bill_of(charge("Amazon Simple Queue Service", "0"), charge("AmazonS3", "3"))
    (month,) = variance(run, bill).months
    queue = row_of(month, "Amazon Simple Queue Service")
    assert (queue.forecast_usd, queue.standing, queue.difference_ratio) == (None, "only in the bill", None)
    firewall = row_of(month, "AWS WAF")
    assert (firewall.actual_usd, firewall.standing) == (None, "only in the forecast")
    assert (firewall.difference_usd, firewall.difference_ratio) == (Decimal("-29.750198"), -1)
    assert row_of(month, "Amazon Simple Storage Service").standing == "in both"


def test_sums_of_the_rows_are_the_sums_of_the_inputs(run: Run) -> None:
    bill = bill_of(
        charge("A", "0.1"),
        charge("B", "0.2", kind="Purchase"),
        charge("A", "0.019", kind="Tax"),
        charge("A", "-5", kind="Credit"),
        charge("C", "7", month="2025-12"),
    )
    november, december = variance(run, bill).months
    for month in (november, december):
        forecast = [found for found in run.charges if found.billing_period == month.forecast_month]
        assert month.forecast_usd == sum(found.billed_cost for found in forecast)
    assert november.actual_usd == Decimal("0.3")
    assert november.effective_usd == Decimal("0.15")
    assert november.apart_usd == {"Tax": Decimal("0.019"), "Credit": Decimal(-5)}
    assert november.invoice_usd == Decimal("-4.681")
    assert november.invoice_usd + december.invoice_usd == bill.billed_cost
    assert november.difference_usd == november.actual_usd - november.forecast_usd


def test_the_dearest_service_comes_first(run: Run) -> None:
    (month,) = variance(run, bill_of(charge("New", "9999"), charge("Zero", "0"))).months
    sizes = [max(abs(row.forecast_usd or 0), abs(row.actual_usd or 0)) for row in month.rows]
    assert month.rows[0].service_name == "New"
    assert sizes == sorted(sizes, reverse=True)


def test_a_month_the_run_lacks_is_compared_with_its_first(run: Run) -> None:
    bill = bill_of(charge("AWS WAF", "40", month="2025-12"), charge("AWS WAF", "30", month="2026-01"))
    inside, outside = variance(run, bill).months
    assert (inside.actual_month, inside.forecast_month, inside.same_month) == ("2025-12", "2025-12", True)
    assert (outside.actual_month, outside.forecast_month, outside.same_month) == ("2026-01", "2025-11", False)
    # 5 for the web ACL; 41,250,330 requests in November and a quarter more in December.
    assert row_of(inside, "AWS WAF").forecast_usd == Decimal("35.9377475")
    assert row_of(outside, "AWS WAF").forecast_usd == Decimal("29.750198")


def test_a_forecast_of_nothing_has_no_share(run: Run) -> None:
    free = replace(run, charges=tuple(replace(found, billed_cost=Decimal(0)) for found in run.charges))
    (month,) = variance(free, bill_of(charge("AWS WAF", "2"))).months
    assert (month.difference_usd, month.difference_ratio) == (2, None)
    assert row_of(month, "AWS WAF").difference_ratio is None


PLAN = PlanNote(
    (PurchaseNote("Compute Savings Plan", 1, "No Upfront", "all of its kind", 0, "hour", 0.1, 0.0),),
    Decimal("20"),
    0.0,
)


def planned(run: Run) -> Run:
    """The run with a plan that takes three tenths off its instance hours."""
    charges = tuple(
        replace(found, effective_cost=found.billed_cost * Decimal("0.7"))
        if "BoxUsage" in found.sku_price_id
        else found
        for found in run.charges
    )
    return replace(run, charges=charges, plan=PLAN)


def bought(run: Run, month: str) -> ActualBill:
    """What AWS bills for a month of it: covered use at nothing, and the plan's fee as a purchase."""
    use = [
        ActualCharge(
            *(month, f"{month}-01", found.service_name, found.sku_price_id.split(" ")[0], "", "Usage"),
            found.billed_cost if found.effective_cost == found.billed_cost else Decimal(0),
            found.effective_cost,
        )
        for found in run.charges
        if found.billing_period == month
    ]
    fee_usd = sum((one.effective_cost - one.billed_cost for one in use), Decimal(0))
    fee = ("Savings Plans for AWS Compute usage", "ComputeSavingsPlans", "", "Purchase", fee_usd, Decimal(0))
    return bill_of(*use, ActualCharge(month, f"{month}-01", *fee))


def test_a_bill_that_costs_what_the_run_does_with_its_plans_is_no_more_and_no_less(run: Run) -> None:
    with_plans = planned(run)
    bill = bought(with_plans, "2025-11")
    (month,) = variance(with_plans, bill).months
    cost_usd = sum(found.effective_cost for found in with_plans.charges if found.billing_period == "2025-11")
    assert month.column == "EffectiveCost"
    assert month.forecast_usd == month.actual_usd == month.billed_usd == cost_usd
    assert all((row.difference_usd, row.standing) == (0, "in both") for row in month.rows)
    # Three tenths of 1872.5 hours at 0.0725 are off.
    assert month.spread_usd == Decimal("135.75625") * Decimal("0.7")
    (before,) = variance(run, bill).months
    assert (before.column, before.spread_usd) == ("BilledCost", 0)
    assert before.difference_usd == -Decimal("135.75625") * Decimal("0.3")


def test_what_a_plan_does_not_use_up_keeps_its_row(run: Run) -> None:
    unused = charge("Savings Plans for AWS Compute usage", "3", kind="Purchase")
    (month,) = variance(planned(run), bill_of(unused)).months
    assert row_of(month, "Savings Plans for AWS Compute usage").actual_usd == Decimal("1.5")
    assert month.spread_usd == 0


def partial(bill: ActualBill, first: str, last: str) -> ActualBill:
    return replace(bill, covered={first[:7]: CoveredDays(first, last)})


def forecast_of_days(run: Run, month: str, days: slice) -> dict[str, float]:
    """By service of ours: what the month's charges cost, times what those days are of the month's daily costs."""
    first = 30 * run.months.index(month)
    length = 30 if month == "2025-11" else 31
    whole: dict[str, float] = {}
    for found in run.charges:
        if found.billing_period == month:
            whole[found.service_name] = whole.get(found.service_name, 0.0) + float(found.billed_cost)
    daily = {name: run.daily_cost_usd[name][first : first + length] for name in whole}
    return {name: cost * sum(daily[name][days]) / sum(daily[name]) for name, cost in whole.items()}


@pytest.mark.parametrize("month", ["2025-11", "2025-12"])
def test_a_bill_for_some_days_stands_against_the_forecast_of_those_days(run: Run, month: str) -> None:
    bill = partial(bill_of(charge("AWS WAF", "12", month=month)), f"{month}-03", f"{month}-14")
    (found,) = variance(run, bill).months
    expected = forecast_of_days(run, month, slice(2, 14))
    assert float(found.forecast_usd) == pytest.approx(sum(expected.values()))
    firewall = row_of(found, "AWS WAF").forecast_usd
    assert firewall is not None
    assert float(firewall) == pytest.approx(expected["AWS WAF"])
    whole = sum(one.billed_cost for one in run.charges if one.billing_period == month)
    assert (found.forecast_month_usd, found.whole_month) == (whole, False)


def test_the_days_of_a_month_add_up_to_the_whole(run: Run) -> None:
    bill = bill_of(charge("AWS WAF", "12"))
    halves = [
        variance(run, partial(bill, f"2025-11-{first}", f"2025-11-{last}")).months[0].forecast_usd
        for first, last in (("01", "14"), ("15", "30"))
    ]
    (whole,) = variance(run, partial(bill, "2025-11-01", "2025-11-30")).months
    assert whole.whole_month
    assert whole.forecast_usd == whole.forecast_month_usd == variance(run, bill).months[0].forecast_usd
    assert float(sum(halves)) == pytest.approx(float(whole.forecast_usd))


def test_days_of_a_month_the_run_lacks_are_those_of_its_first(run: Run) -> None:
    """31 January has no like in November, whose last day stands for it."""
    bill = partial(bill_of(charge("AWS WAF", "1", month="2026-01")), "2026-01-30", "2026-01-31")
    (month,) = variance(run, bill).months
    last_day = forecast_of_days(run, "2025-11", slice(29, 30))
    assert float(month.forecast_usd) == pytest.approx(sum(last_day.values()))


def test_the_real_bill_of_half_a_month(run: Run, bills: Path) -> None:
    (month,) = variance(run, read_bill(bills / "cur_legacy_anonymous_aws.csv")).months
    assert month.covered == CoveredDays("2023-11-01", "2023-11-14")
    assert not month.whole_month
    assert 0 < month.forecast_usd < month.forecast_month_usd


def test_set_aside_rows_are_passed_on(run: Run) -> None:
    aside = SetAside("provider Oracle", "USD", 3, Decimal(5))
    assert variance(run, bill_of(charge("AWS WAF", "2"), set_aside=[aside])).set_aside == (aside,)


def test_every_service_we_model_has_its_place_on_an_invoice() -> None:
    for service in (*TIER_SERVICES, *PLATFORM_SERVICES):
        assert INVOICE_SERVICES[service.code] == service.name
        assert invoice_service(service.name, "") == service.name


def test_the_real_focus_sample_beside_a_run(run: Run, bills: Path) -> None:
    (month,) = variance(run, read_bill(bills / "focus_1_0_sample.csv")).months
    assert not month.same_month
    assert month.apart_usd == {"Credit": Decimal("-2.6137")}
    assert month.invoice_usd == Decimal("18.0066386184")
    assert row_of(month, "Amazon Elastic Compute Cloud").actual_usd == Decimal("18.6553930505")
    assert row_of(month, "Elastic Load Balancing").standing == "in both"
    assert row_of(month, "Amazon Elastic File System").standing == "only in the bill"
    assert (month.first_day, month.last_day) == ("2024-09-01", "2024-09-30")
