"""What moved between two price books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import FreeAllowance, Price, PriceQuery, PriceTier
from costmodel.pricing.snapshot import PRICES, RESERVED, SAVINGS

COMPARED = (PRICES, RESERVED, SAVINGS)
"""Kinds of price that are stated until AWS changes them; a spot price is never twice the same."""


class Kind(StrEnum):
    """What happened to a price."""

    ADDED = "added"
    GONE = "gone"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class UnitPriceMove:
    """A unit price before and after, beyond some quantity of the month."""

    begin: Decimal
    before: Decimal | None
    after: Decimal | None

    @property
    def change_ratio(self) -> Decimal | None:
        """Change relative to before; None where there is no such ratio."""
        if self.before is None or self.after is None or not self.before:
            return None
        return (self.after - self.before) / self.before


@dataclass(frozen=True, slots=True)
class PriceMove:
    """One price that is not the same in both books."""

    query: PriceQuery
    kind: Kind
    before: Price | None
    after: Price | None

    @property
    def steps(self) -> tuple[UnitPriceMove, ...]:
        """Unit prices before and after from each quantity at which either has a tier."""
        before, after = (price.tiers if price else () for price in (self.before, self.after))
        return unit_price_moves(before, after)

    @property
    def largest_step(self) -> UnitPriceMove:
        """The step that changes most, the first of several; the first where there is nothing to compare."""
        return max(self.steps, key=lambda step: abs(step.change_ratio or Decimal(0)))


@dataclass(frozen=True, slots=True)
class AllowanceMove:
    """One always-free allowance that is not the same in both books."""

    allowance_id: str
    before: FreeAllowance | None
    after: FreeAllowance | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs between two books, by query and by allowance id."""

    prices: tuple[PriceMove, ...]
    allowances: tuple[AllowanceMove, ...]
    compared: int
    """Price queries that at least one of the books answers."""


def difference(
    before: PriceBook, after: PriceBook, region_id: str | None = None, service_code: str | None = None
) -> Difference:
    """Compare every price of two books, or those of one region or service; spot prices are left out.

    Prices are the same when unit, currency and tiers agree; where they come from, their date and
    their SKU may differ. Raises PriceCacheCorrupt for a damaged book.
    """
    old, new = (
        {price.query: price for price in book.prices(region_id, service_code, COMPARED)}
        for book in (before, after)
    )
    queries = sorted(old.keys() | new.keys())
    moves = [PriceMove(query, *_compare(old.get(query), new.get(query))) for query in queries]
    return Difference(
        prices=tuple(move for move in moves if _moved(move)),
        allowances=tuple(_allowance_moves(before, after, service_code)),
        compared=len(queries),
    )


def unit_price_moves(before: Sequence[PriceTier], after: Sequence[PriceTier]) -> tuple[UnitPriceMove, ...]:
    """Unit prices of two ladders from each quantity at which either has a tier."""
    begins = sorted({tier.begin for tier in (*before, *after)})
    return tuple(
        UnitPriceMove(begin, _unit_price(before, begin), _unit_price(after, begin)) for begin in begins
    )


def _unit_price(tiers: Sequence[PriceTier], quantity: Decimal) -> Decimal | None:
    """What the next unit costs after so many of them."""
    return next((tier.list_unit_price for tier in reversed(tiers) if tier.begin <= quantity), None)


def _compare(before: Price | None, after: Price | None) -> tuple[Kind, Price | None, Price | None]:
    if before is None:
        return Kind.ADDED, before, after
    return (Kind.GONE if after is None else Kind.CHANGED), before, after


def _moved(move: PriceMove) -> bool:
    return (
        move.before is None
        or move.after is None
        or what_is_charged(move.before) != what_is_charged(move.after)
    )


def what_is_charged(price: Price) -> tuple[object, ...]:
    """What makes two prices of one query the same: unit, currency and tiers."""
    steps = tuple((tier.begin, tier.end, tier.list_unit_price) for tier in price.tiers)
    return price.pricing_unit, price.currency, steps


def _allowance_moves(
    before: PriceBook, after: PriceBook, service_code: str | None
) -> Iterator[AllowanceMove]:
    old = {allowance.allowance_id: allowance for allowance in before.allowances}
    new = {allowance.allowance_id: allowance for allowance in after.allowances}
    for allowance_id in sorted(old.keys() | new.keys()):
        was, now = old.get(allowance_id), new.get(allowance_id)
        either = was or now
        if either is None or service_code not in (None, either.service_code):
            continue
        if was is None or now is None or _grant(was) != _grant(now):
            yield AllowanceMove(allowance_id, was, now)


def _grant(allowance: FreeAllowance) -> tuple[object, ...]:
    return allowance.quantity, allowance.pricing_unit, allowance.usage_types, allowance.per_region
