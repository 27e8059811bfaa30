"""What is asked of a price list, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

ON_DEMAND = "OnDemand"
RESERVED = "Reserved"
NO_UPFRONT = "No Upfront"
UPFRONT_FEE = ("fee", "upfront")
"""Attribute of a reservation's one-off fee for one unit, which stands beside its hourly rate under the same term."""
SPOT = "Spot"
GLOBAL = "global"


@dataclass(frozen=True, slots=True, order=True)
class PriceQuery:
    """What is bought, without its price. Hashable: tiers accumulate over equal queries.

    `usage_type` is AWS's usage type without its region prefix (`BoxUsage:m7g.large`, not
    `EU-BoxUsage:m7g.large`): the region is a field of its own. `attributes` holds what AWS keeps
    apart under one usage type, such as the engine of a database instance.
    """

    service_code: str
    """Price-list service code, such as `AmazonEC2`."""
    region_id: str
    """AWS region code, `global`, or `edge:<geography>` for CloudFront."""
    usage_type: str
    attributes: tuple[tuple[str, str], ...] = ()
    """Sorted (name, value) pairs."""
    term: str = ON_DEMAND

    @property
    def upfront_fee(self) -> PriceQuery | None:
        """The one-off fee that belongs to a reservation's rate; None for a rate without, and for a fee itself.

        Source: payment options of the AWS price list: all but `No Upfront` begin with a fee (2026-11).
        """
        if not self.term.startswith(RESERVED) or self.term.endswith(NO_UPFRONT):
            return None
        if UPFRONT_FEE in self.attributes:
            return None
        return replace(self, attributes=tuple(sorted((*self.attributes, UPFRONT_FEE))))

    def __str__(self) -> str:
        extra = "".join(f" {name}={value}" for name, value in self.attributes)
        term = "" if self.term == ON_DEMAND else f" ({self.term})"
        return f"{self.service_code} {self.region_id} {self.usage_type}{extra}{term}"


@dataclass(frozen=True, slots=True)
class PriceTier:
    """One step of a ladder: the unit price between two cumulative monthly quantities."""

    begin: Decimal
    end: Decimal | None
    """None means without end."""
    list_unit_price: Decimal
    rate_code: str = ""
    """AWS's code of this step where the source carries one; empty in the shipped snapshot."""


@dataclass(frozen=True, slots=True)
class Price:
    """What AWS publishes for a query. Tiers start at 0, touch one another, and the last has no end."""

    query: PriceQuery
    description: str
    pricing_unit: str
    """The price list's own unit, such as `Hrs`; `units.FOCUS_UNITS` translates it."""
    tiers: tuple[PriceTier, ...]
    source: str
    as_of: str
    """Date of publication or, where unknown, of capture: YYYY-MM-DD."""
    currency: str = "USD"
    sku_id: str = ""
    """AWS SKU where the source carries one; empty in the shipped snapshot."""


@dataclass(frozen=True, slots=True)
class FreeAllowance:
    """An always-free monthly quantity, shared by every usage type it names.

    Source: the free-tier rows of the price list (AWS publishes them as separate SKUs that point
    at the discounted ones); see the row's own source and date.
    """

    allowance_id: str
    service_code: str
    usage_types: frozenset[str]
    """Usage types (without region prefix) that draw on the allowance."""
    pricing_unit: str
    quantity: Decimal
    per_region: bool
    """True when every region has its own allowance; False when the account shares one."""
    source: str
    as_of: str
    note: str = field(default="")

    def covers(self, query: PriceQuery) -> bool:
        return (
            query.service_code == self.service_code
            and query.usage_type in self.usage_types
            and query.term == ON_DEMAND
        )
