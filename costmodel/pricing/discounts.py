"""What AWS publishes as percentages and allowances instead of prices: three files of the price folder."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from costmodel.errors import PriceCacheCorrupt
from costmodel.pricing.snapshot import (
    PLAN_ALLOWANCE_COLUMNS,
    PLAN_ALLOWANCES,
    SAVINGS_PLAN_COLUMNS,
    SAVINGS_PLANS,
    SPOT_SAVING_COLUMNS,
    SPOT_SAVINGS,
    WHAT_NEXT,
    decimal,
)

if TYPE_CHECKING:
    from costmodel.pricing.book import PriceBook

ALLOWANCES_OF_PLANS = {
    "requests": "requests per month",
    "transfer_gb": "data transfer per month",
    "dns_queries": "Route 53 DNS queries per month",
    "storage_gb": "S3 Standard storage credit",
}
"""Field of `PlanAllowances` -> what the file calls it."""


@dataclass(frozen=True, slots=True)
class PlanDiscount:
    """How much less than on demand a Savings Plan costs, for one kind of use."""

    plan: str
    """`ComputeSP`, `EC2InstanceSP`, `DatabaseSP:1yrNoUpfront`."""
    applies_to: str
    term: str
    """`SavingsPlan 1yr No Upfront`, `SavingsPlan range`, or `SavingsPlan up to`."""
    saving_ratio: Decimal
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class SpotSaving:
    """What the Spot Advisor says of one instance type in one region."""

    region_id: str
    instance_type: str
    saving_ratio: Decimal
    """Mean saving over on demand in the month before."""
    interruption_band: str
    """Share of instances reclaimed in the month before: `<5%`, `5-10%`, `10-15%`, `15-20%`, `>20%`."""
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class PlanAllowances:
    """What a CloudFront flat-rate plan includes in a month."""

    plan: str
    """What the price list calls it: `Pro`, `Premium 75 TB`."""
    requests: int
    transfer_gb: int
    dns_queries: int
    storage_gb: int
    """Credit of S3 Standard, in GB-months."""
    source: str
    as_of: str
    """The oldest date on any of these figures."""


def plan_discounts(book: PriceBook) -> tuple[PlanDiscount, ...]:
    """Every Savings Plans discount that is known as a percentage. Raises PriceCacheCorrupt."""
    return tuple(
        PlanDiscount(plan, applies_to, term, _number(book, SAVINGS_PLANS, percent) / 100, source, as_of)
        for plan, applies_to, term, percent, source, as_of in book.table(SAVINGS_PLANS, SAVINGS_PLAN_COLUMNS)
    )


def spot_saving(book: PriceBook, instance_type: str, region_id: str) -> SpotSaving | None:
    """What the Spot Advisor says of Linux on this type; None if it says nothing. Raises PriceCacheCorrupt."""
    for row in book.table(SPOT_SAVINGS, SPOT_SAVING_COLUMNS):
        if (row[0], row[1]) == (region_id, instance_type):
            _, _, percent, band, source, as_of = row
            ratio = _number(book, SPOT_SAVINGS, percent) / 100
            return SpotSaving(region_id, instance_type, ratio, band, source, as_of)
    return None


def plan_allowances(book: PriceBook) -> dict[str, PlanAllowances]:
    """What each flat-rate plan includes, by name. Raises PriceCacheCorrupt, also if a figure is missing.

    A usage level such as `Premium 75 TB` states requests and transfer only; the rest is that of its
    plan, `Premium`.
    """
    rows = {
        (plan, allowance): (int(_number(book, PLAN_ALLOWANCES, quantity)), source, as_of)
        for plan, allowance, _, quantity, source, as_of in book.table(PLAN_ALLOWANCES, PLAN_ALLOWANCE_COLUMNS)
    }
    try:
        return {plan: _allowances(rows, plan) for plan in sorted({plan for plan, _ in rows})}
    except KeyError as missing:
        plan, allowance = missing.args[0]
        raise PriceCacheCorrupt(
            f"{book.folder / PLAN_ALLOWANCES}: no {allowance} for plan {plan}. {WHAT_NEXT}"
        ) from missing


def _allowances(rows: dict[tuple[str, str], tuple[int, str, str]], plan: str) -> PlanAllowances:
    """Raises KeyError with the (plan, allowance) that is missing."""
    level_of = plan.partition(" ")[0]
    found = {
        name: rows.get((plan, allowance)) or rows[level_of, allowance]
        for name, allowance in ALLOWANCES_OF_PLANS.items()
    }
    return PlanAllowances(
        plan=plan,
        **{name: quantity for name, (quantity, _, _) in found.items()},
        source="; ".join(dict.fromkeys(source for _, source, _ in found.values())),
        as_of=min(as_of for _, _, as_of in found.values()),
    )


def _number(book: PriceBook, path: str, text: str) -> Decimal:
    try:
        return decimal(text)
    except ValueError as error:
        raise PriceCacheCorrupt(f"{book.folder / path}: {error}. {WHAT_NEXT}") from error
