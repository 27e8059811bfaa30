"""The till, for bills worked out by hand: lines of a usage file, or what a design used.

Unit prices in the worked bills were copied from the price tables, not asked of the price book, and every
quantity is written out, so a bill can be checked with a pocket calculator.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from costmodel.billing.charge import Bill, to_cents
from costmodel.billing.plain import PricedUsage, price_usage
from costmodel.billing.rate import bill
from costmodel.pricing.book import PriceBook
from costmodel.scenario.usage_file import parse_usage_file
from costmodel.services._base import Usage

SHIPPED = PriceBook.shipped()


def priced(lines: str, *, free_tier: bool = True, period: str = "2026-10") -> PricedUsage:
    """Lines of a usage file, through the path of `costmodel price`."""
    return priced_file(f"usage:\n{lines}", free_tier=free_tier, period=period)


def priced_file(body: str, *, free_tier: bool = True, period: str = "2026-10") -> PricedUsage:
    """A usage file that names its own lists: plain lines, objects, volumes, databases, functions."""
    head = f"period: {period}\nfree_tier: {str(free_tier).lower()}\n"
    return price_usage(parse_usage_file(head + body, "worked bill"), SHIPPED)


def cents(lines: str, *, free_tier: bool = True, period: str = "2026-10") -> Decimal:
    """What lines of a usage file come to, rounded as it is shown."""
    return to_cents(priced(lines, free_tier=free_tier, period=period).billed_cost)


def file_cents(body: str, *, free_tier: bool = True, period: str = "2026-10") -> Decimal:
    """What a usage file comes to, rounded as it is shown."""
    return to_cents(priced_file(body, free_tier=free_tier, period=period).billed_cost)


def billed(usages: Iterable[Usage], *, free_tier: bool = True) -> Bill:
    """The bill of what designs used."""
    return bill(usages, SHIPPED, free_tier=free_tier)


def billed_cents(usages: Iterable[Usage], *, free_tier: bool = True) -> Decimal:
    """What designs used, rounded as it is shown."""
    return to_cents(billed(usages, free_tier=free_tier).billed_cost)
