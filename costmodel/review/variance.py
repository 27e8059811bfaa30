"""Forecast against actual: a run's bill beside an invoice, by service and month.

Both sides are put on the services an AWS invoice has, which is not where our pages put everything:
NAT gateways and data transfer are billed under Amazon EC2. What moved is listed as such.

Where the run recommends plans, effective cost stands against effective cost. A bill charges covered use at nothing and the
plan by itself, part of it perhaps at the start of a term; its EffectiveCost spreads both over the use they pay for,
which is what the run's cost with plans is. Elsewhere billed cost stands against billed cost.
Source: FOCUS specification 1.2, BilledCost and EffectiveCost (2025-05).

A bill that covers some days of its month stands against the forecast of those days.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import TypeVar

from costmodel.billing.charge import EXACT
from costmodel.decision.run import ChargeNote, Run
from costmodel.demand.calendar import BillingPeriod
from costmodel.review.actuals import PURCHASE, USAGE, ActualBill, ActualCharge, CoveredDays, SetAside

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

BILLED_COST = "BilledCost"
EFFECTIVE_COST = "EffectiveCost"

_COMPARED = (USAGE, PURCHASE)

_Forecast = Sequence[tuple[ChargeNote, Decimal]]
"""Charges of the run, and what each is expected to cost in the days that are compared."""

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
    forecast_usd: Decimal


@dataclass(frozen=True, slots=True)
class MonthVariance:
    """One month of the actual bill beside one month of the run."""

    actual_month: str
    forecast_month: str
    first_day: str
    last_day: str
    column: str
    """FOCUS column in which both sides are compared: `EffectiveCost` where the run recommends plans, else `BilledCost`."""
    covered: CoveredDays | None
    """The days of the month that the bill covers; None where it does not say."""
    forecast_month_usd: Decimal
    """Forecast of the whole month, of which the rows hold the days that the bill covers."""
    rows: tuple[VarianceRow, ...]
    """Services, dearest first."""
    apart_usd: dict[str, Decimal]
    """Billed cost that no forecast covers, by charge category: Tax, Credit, Refund, Adjustment."""
    billed_usd: Decimal
    """Billed cost of the services, whichever is compared."""
    effective_usd: Decimal
    """Effective cost of the services, whichever is compared."""
    spread_usd: Decimal
    """Billed cost of purchases that have no effective cost: fees that the bill spreads over the use they pay for.
    0 where billed costs are compared; no row has them."""
    regrouped: tuple[Regrouped, ...]

    @property
    def same_month(self) -> bool:
        return self.actual_month == self.forecast_month

    @property
    def whole_month(self) -> bool:
        """Whether the whole month's forecast is compared."""
        return (
            self.covered is None or _covered_days(self.covered) == BillingPeriod.parse(self.actual_month).days
        )

    @property
    def forecast_usd(self) -> Decimal:
        return _sum(row.forecast_usd for row in self.rows)

    @property
    def actual_usd(self) -> Decimal:
        """Cost of the services, usage and purchases, in the column that is compared."""
        return _sum(row.actual_usd for row in self.rows)

    @property
    def invoice_usd(self) -> Decimal:
        """Billed cost of everything in the month, what stands apart included."""
        return _sum((self.billed_usd, *self.apart_usd.values()))

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

    Every service of either side has a row, so that the sums of the rows are the sums of the inputs, exactly.
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
    column = EFFECTIVE_COST if run.plan else BILLED_COST
    covered = bill.covered.get(month)
    whole = [
        (charge, charge.effective_cost if run.plan else charge.billed_cost)
        for charge in run.charges
        if charge.billing_period == forecast_month
    ]
    forecast = _of_days(run, whole, BillingPeriod.parse(month), covered)
    actual = [charge for charge in bill.charges if charge.billing_period == month]
    services = [charge for charge in actual if charge.charge_category in _COMPARED]
    compared = [
        (charge, charge.effective_cost if run.plan else charge.billed_cost)
        for charge in services
        if not (run.plan and _is_spread(charge))
    ]
    apart = [charge for charge in actual if charge.charge_category not in _COMPARED]
    return MonthVariance(
        actual_month=month,
        forecast_month=forecast_month,
        first_day=min(charge.day for charge in actual),
        last_day=max(charge.day for charge in actual),
        column=column,
        covered=covered,
        forecast_month_usd=_sum(cost for _, cost in whole),
        rows=_rows(forecast, compared),
        apart_usd=_totals((charge.charge_category, charge.billed_cost) for charge in apart),
        billed_usd=_sum(charge.billed_cost for charge in services),
        effective_usd=_sum(charge.effective_cost for charge in services),
        spread_usd=_sum(charge.billed_cost for charge in services if run.plan and _is_spread(charge)),
        regrouped=_regrouped(forecast),
    )


def _is_spread(charge: ActualCharge) -> bool:
    """A fee that the bill spreads over the use it pays for."""
    return charge.charge_category == PURCHASE and bool(charge.billed_cost) and not charge.effective_cost


def _of_days(run: Run, whole: _Forecast, actual: BillingPeriod, covered: CoveredDays | None) -> _Forecast:
    """A month's forecast, or that of the days of it that a bill covers.

    The charges of a service cost in some days the share that the service does by the run's daily costs, which
    spread over all days what costs the same whatever happens.
    """
    if covered is None or not whole or _covered_days(covered) == actual.days:
        return whole
    period = BillingPeriod.parse(whole[0][0].billing_period)
    start = (date(period.year, period.month, 1) - date.fromisoformat(run.first_day)).days
    first, last = (min(int(day[-2:]), period.days) for day in (covered.first_day, covered.last_day))
    shares: dict[str, Decimal] = {}
    for service in dict.fromkeys(charge.service_name for charge, _ in whole):
        month = run.daily_cost_usd.get(service, ())[start : start + period.days]
        month_usd = math.fsum(month)
        days_ratio = (last - first + 1) / period.days
        shares[service] = Decimal(
            repr(math.fsum(month[first - 1 : last]) / month_usd if month_usd else days_ratio)
        )
    with localcontext(EXACT):
        return [(charge, cost * shares[charge.service_name]) for charge, cost in whole]


def _covered_days(covered: CoveredDays) -> int:
    first, last = (date.fromisoformat(day) for day in (covered.first_day, covered.last_day))
    return (last - first).days + 1


def _rows(forecast: _Forecast, actual: Iterable[tuple[ActualCharge, Decimal]]) -> tuple[VarianceRow, ...]:
    expected = _totals((_forecast_service(charge), cost) for charge, cost in forecast)
    paid = _totals(
        (invoice_service(charge.service_name, charge.service_code), cost) for charge, cost in actual
    )
    ours = {(_forecast_service(charge), charge.service_name) for charge, _ in forecast}
    rows = (
        VarianceRow(name, expected.get(name), paid.get(name), _other_names(name, ours))
        for name in expected | paid
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


def _regrouped(forecast: _Forecast) -> tuple[Regrouped, ...]:
    moved = _totals(
        ((charge.service_name, _forecast_service(charge)), cost)
        for charge, cost in forecast
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
