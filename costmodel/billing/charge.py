"""Charges and bills: FOCUS 1.2 rows whose sums agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, localcontext
from typing import Literal

from costmodel.demand.calendar import BillingPeriod, FloatArray
from costmodel.pricing.price_id import query_text
from costmodel.units import CENT

EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, DivisionByZero])
"""Decimal context of all money: a result that had to be rounded is an error, never a smaller sum."""

ChargeField = Literal[
    "service_name", "service_category", "resource_name", "region_id", "sku_meter", "billing_period"
]

SMALLEST_UNIT_DIGITS = dict.fromkeys(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ],
    0,
) | dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
"""Decimals of currencies that have not two. Source: ISO 4217, list one, "minor unit" (2024-06)."""


@dataclass(frozen=True, slots=True, eq=False)
class Charge:
    """One FOCUS row: one price tier of one meter of one resource in one billing period.

    `list_cost == list_unit_price * pricing_quantity`, exactly, and so with the contracted price and cost,
    which carry an own rate; what is contracted is billed. The part of a quantity that an always-free
    allowance covers stands in its own row at a unit price of 0.
    """

    billing_period: BillingPeriod
    service_name: str
    service_category: str
    resource_name: str
    region_id: str
    sku_meter: str
    sku_price_id: str
    """What names the price: the query and the tier's begin."""
    charge_description: str
    consumed_quantity: Decimal
    consumed_unit: str
    pricing_quantity: Decimal
    pricing_unit: str
    list_unit_price: Decimal
    list_cost: Decimal
    contracted_unit_price: Decimal
    contracted_cost: Decimal
    effective_cost: Decimal
    billed_cost: Decimal
    pricing_category: str
    """Standard, Committed for a reservation, or Dynamic for spot. Source: FOCUS 1.2, PricingCategory (2025-05)."""
    x_tier_begin: Decimal
    x_free: bool
    """True for the part an always-free allowance covers."""
    x_rate_name: str
    """The own rate behind the contracted price; empty where none applies."""
    x_price_change: str
    """The supposed change of the list price behind the contracted price; empty where none applies."""
    x_formula: str
    x_price_source: str
    x_price_as_of: str
    daily_cost: FloatArray
    """`billed_cost` by day of the period, shape (days of the period,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Bill:
    """Charges of one candidate over the whole run. Sums are exact."""

    charges: tuple[Charge, ...]

    @property
    def list_cost(self) -> Decimal:
        with localcontext(EXACT):
            return sum((charge.list_cost for charge in self.charges), Decimal(0))

    @property
    def contracted_cost(self) -> Decimal:
        with localcontext(EXACT):
            return sum((charge.contracted_cost for charge in self.charges), Decimal(0))

    @property
    def effective_cost(self) -> Decimal:
        with localcontext(EXACT):
            return sum((charge.effective_cost for charge in self.charges), Decimal(0))

    @property
    def billed_cost(self) -> Decimal:
        with localcontext(EXACT):
            return sum((charge.billed_cost for charge in self.charges), Decimal(0))

    def by(self, field: ChargeField) -> dict[str, Decimal]:
        """Billed cost by the values of one field, in the order they first appear."""
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        with localcontext(EXACT):
            for charge in self.charges:
                sums[str(getattr(charge, field))] += charge.billed_cost
        return dict(sums)


def billed_by_price_usd(charges: Iterable[Charge]) -> dict[str, float]:
    """What charges cost over the run by their price, whatever its tier, in the order they first appear."""
    costs: defaultdict[str, float] = defaultdict(float)
    for charge in charges:
        costs[query_text(charge.sku_price_id)] += float(charge.billed_cost)
    return dict(costs)


def to_cents(amount_usd: Decimal) -> Decimal:
    """An amount as it is shown: two decimals, half a cent rounded up."""
    with localcontext(EXACT) as context:
        context.traps[Inexact] = False
        return amount_usd.quantize(CENT, rounding=ROUND_HALF_UP)


def dollars(amount: Decimal | float) -> str:
    """An amount in US dollars, rounded half up to the cent: `$1,234.50`."""
    rounded = to_cents(Decimal(amount))
    return f"{'-' if rounded < 0 else ''}${rounded.copy_abs():,.2f}"


def converted(amount_usd: Decimal, per_usd: Decimal, code: str) -> str:
    """A dollar amount in another currency, rounded half up to that currency's smallest unit: `1,234.50`."""
    with localcontext(EXACT) as context:
        context.traps[Inexact] = False
        smallest = Decimal(1).scaleb(-SMALLEST_UNIT_DIGITS.get(code, 2))
        return f"{(amount_usd * per_usd).quantize(smallest, rounding=ROUND_HALF_UP):,}"
