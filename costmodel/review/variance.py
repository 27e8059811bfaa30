"""Forecast against actual: a run's bill beside an invoice, by service and month.

Both sides are put on the services an AWS invoice has, which is not where our pages put everything:
NAT gateways and data transfer are billed under Amazon EC2. What moved is listed as such.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TypeVar

from costmodel.billing.charge import EXACT
from costmodel.decision.run import ChargeNote, Run
from costmodel.review.actuals import PURCHASE, USAGE, ActualBill, ActualCharge, SetAside

EC2 = "Amazon Elastic Compute Cloud"

INVOICE_SERVICES: dict[str, str] = {
    "AWS Data Transfer": EC2,
    "AWSDataTransfer": EC2,
    "AWSELB": "Elastic Load Balancing",
    "AWSLambda": "AWS Lambda",
    "AWSQueueService": "Amazon Simple Queue Service",
    "AmazonCloudFront": "Amazon CloudFront",
    "AmazonCloudWatch": "AmazonCloudWatch",
    "AmazonDynamoDB": "Amazon DynamoDB",
    "AmazonEC2": EC2,
    "AmazonRDS": "Amazon Relational Database Service",
    "AmazonRoute53": "Amazon Route 53",
    "AmazonS3": "Amazon Simple Storage Service",
    "AmazonVPC": "Amazon Virtual Private Cloud",
    "CloudFrontPlans": "Amazon CloudFront",
    "awskms": "AWS Key Management Service",
    "awswaf": "AWS WAF",
}
"""Service code of a price or a bill's row -> service on the invoice; a service not named here keeps its name.

Transfer between zones, regions and to the internet has a price list of its own but stands on the
invoice under the service that sent it; for a shop that is mostly EC2. NAT gateways are priced and
billed under EC2, Aurora under RDS.
Source: FOCUS 1.0 sample data, `ServiceName` of NAT gateway and data transfer rows (2024-09); legacy Cost
and Usage Report sample of focus_converters, `lineItem/ProductCode` beside `product/servicecode` (2023-11).
"""

_COMPARED = (USAGE, PURCHASE)

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class VarianceRow:
    """One service in one month. A side that does not know the service is None, not zero."""

    service_name: str
    forecast_usd: Decimal | None
    actual_usd: Decimal | None
    forecast_as: tuple[str, ...] = ()
    """What our bill calls the forecast, where none of it has the name of this service."""

    @property
    def difference_usd(self) -> Decimal:
        """Actual less forecast."""
        return _difference(self.actual_usd, self.forecast_usd)

    @property
    def difference_ratio(self) -> Decimal | None:
        """Difference over the forecast; None without a forecast."""
        return _ratio(self.difference_usd, self.forecast_usd)

    @property
    def standing(self) -> str:
        """Which side knows the service."""
        if self.actual_usd is None:
            return "only in the forecast"
        return "only in the bill" if self.forecast_usd is None else "in both"


@dataclass(frozen=True, slots=True)
class Regrouped:
    """Forecast cost that our bill shows under one service and the invoice under another."""

    from_service: str
    to_service: str
    billed_cost: Decimal


@dataclass(frozen=True, slots=True)
class MonthVariance:
    """One month of the actual bill beside one month of the run."""

    actual_month: str
    forecast_month: str
    first_day: str
    last_day: str
    rows: tuple[VarianceRow, ...]
    """Services, dearest first."""
    apart_usd: dict[str, Decimal]
    """Billed cost that no forecast covers, by charge category: Tax, Credit, Refund, Adjustment."""
    effective_usd: Decimal
    """Effective cost of the services, beside their billed cost in `actual_usd`."""
    regrouped: tuple[Regrouped, ...]

    @property
    def same_month(self) -> bool:
        return self.actual_month == self.forecast_month

    @property
    def forecast_usd(self) -> Decimal:
        return _sum(row.forecast_usd for row in self.rows)

    @property
    def actual_usd(self) -> Decimal:
        """Billed cost of the services: usage and purchases."""
        return _sum(row.actual_usd for row in self.rows)

    @property
    def invoice_usd(self) -> Decimal:
        """Billed cost of everything in the month, what stands apart included."""
        return _sum((self.actual_usd, *self.apart_usd.values()))

    @property
    def difference_usd(self) -> Decimal:
        return _difference(self.actual_usd, self.forecast_usd)

    @property
    def difference_ratio(self) -> Decimal | None:
        return _ratio(self.difference_usd, self.forecast_usd)


@dataclass(frozen=True, slots=True)
class Variance:
    """A run's forecast against an actual bill."""

    source: str
    format_name: str
    months: tuple[MonthVariance, ...]
    """One per month of the bill, in order."""
    set_aside: tuple[SetAside, ...]


def variance(run: Run, bill: ActualBill) -> Variance:
    """Compare each month of a bill with the same month of the run, or with the run's first month.

    Billed cost stands against billed cost. Every service of either side has a row, so that the sums of
    the rows are the sums of the inputs, exactly.
    """
    months = sorted({charge.billing_period for charge in bill.charges})
    return Variance(
        source=bill.source,
        format_name=bill.format_name,
        months=tuple(_month_variance(run, bill, month) for month in months),
        set_aside=bill.set_aside,
    )


def invoice_service(service_name: str, service_code: str) -> str:
    """The service under which an AWS invoice shows a charge: by code where known, by name otherwise."""
    return INVOICE_SERVICES.get(service_code) or INVOICE_SERVICES.get(service_name, service_name)


def _month_variance(run: Run, bill: ActualBill, month: str) -> MonthVariance:
    forecast_month = month if month in run.months else run.months[0]
    forecast = [charge for charge in run.charges if charge.billing_period == forecast_month]
    actual = [charge for charge in bill.charges if charge.billing_period == month]
    compared = [charge for charge in actual if charge.charge_category in _COMPARED]
    apart = [charge for charge in actual if charge.charge_category not in _COMPARED]
    return MonthVariance(
        actual_month=month,
        forecast_month=forecast_month,
        first_day=min(charge.day for charge in actual),
        last_day=max(charge.day for charge in actual),
        rows=_rows(forecast, compared),
        apart_usd=_totals((charge.charge_category, charge.billed_cost) for charge in apart),
        effective_usd=_sum(charge.effective_cost for charge in compared),
        regrouped=_regrouped(forecast),
    )


def _rows(forecast: list[ChargeNote], actual: list[ActualCharge]) -> tuple[VarianceRow, ...]:
    expected = _totals((_forecast_service(charge), charge.billed_cost) for charge in forecast)
    billed = _totals(
        (invoice_service(charge.service_name, charge.service_code), charge.billed_cost) for charge in actual
    )
    ours = {(_forecast_service(charge), charge.service_name) for charge in forecast}
    rows = (
        VarianceRow(name, expected.get(name), billed.get(name), _other_names(name, ours))
        for name in expected | billed
    )
    return tuple(sorted(rows, key=_dearest_first))


def _other_names(service: str, ours: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """What our bill calls the charges of an invoice's service; nothing where one of them has that name."""
    names = sorted(name for invoiced, name in ours if invoiced == service)
    return () if service in names else tuple(names)


def _dearest_first(row: VarianceRow) -> tuple[Decimal, str]:
    return -max(abs(row.forecast_usd or Decimal(0)), abs(row.actual_usd or Decimal(0))), row.service_name


def _forecast_service(charge: ChargeNote) -> str:
    """A price's name starts with its service code, and an invoice groups by that code."""
    return invoice_service(charge.service_name, charge.sku_price_id.split(" ", 1)[0])


def _regrouped(forecast: list[ChargeNote]) -> tuple[Regrouped, ...]:
    moved = _totals(
        ((charge.service_name, _forecast_service(charge)), charge.billed_cost)
        for charge in forecast
        if _forecast_service(charge) != charge.service_name
    )
    return tuple(Regrouped(*names, cost) for names, cost in sorted(moved.items()))


def _totals(pairs: Iterable[tuple[Key, Decimal]]) -> dict[Key, Decimal]:
    totals: defaultdict[Key, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for key, cost in pairs:
            totals[key] += cost
    return dict(totals)


def _sum(costs: Iterable[Decimal | None]) -> Decimal:
    with localcontext(EXACT):
        return sum((cost for cost in costs if cost is not None), Decimal(0))


def _difference(actual_usd: Decimal | None, forecast_usd: Decimal | None) -> Decimal:
    with localcontext(EXACT):
        return (actual_usd or Decimal(0)) - (forecast_usd or Decimal(0))


def _ratio(difference_usd: Decimal, forecast_usd: Decimal | None) -> Decimal | None:
    return difference_usd / forecast_usd if forecast_usd else None
