from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from costmodel.decision.run import Run, read_run
from costmodel.review.actuals import ActualBill, ActualCharge, SetAside, read_bill
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
    moved = {(found.from_service, found.to_service): found.billed_cost for found in month.regrouped}
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
