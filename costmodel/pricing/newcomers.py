"""Whether a price that no book has yet can be true: a reservation beside on demand, a type beside its family.

What is known is held against itself (`plausible`); what is new has nothing of its own to be held against.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median

from costmodel.errors import ImplausiblePrice
from costmodel.pricing.commitment import commitment_of, size_factor
from costmodel.pricing.difference import UnitPriceMove
from costmodel.pricing.plausible import LARGEST_CHANGE_FACTOR, Moved, is_accepted, moved
from costmodel.pricing.price import ON_DEMAND, RESERVED, UPFRONT_FEE, Price, PriceQuery

RESERVED_SHARES = (Decimal("0.15"), Decimal(1))
"""A reservation, its fee spread over its hours, costs at least and at most so much of on demand; else it is a mistake.

Source: EC2 Reserved Instances page (2025): they save up to 72 %; reserved DynamoDB capacity up to 77 % (2025). That 85 %
is the most is an engineering choice. In the snapshot they save 14 to 64 %.
"""
_TYPE = re.compile(r"(?P<family>.+:(?:[a-z]+\.)?[a-z][a-z0-9-]*)\.(?P<size>[a-z0-9]+)")
"""`BoxUsage:m7g.large`, `InstanceUsage:db.r7g.2xl`, `NodeUsage:dax.r5.large`."""

KnownPrice = Callable[[PriceQuery], Price | None]
"""The price that is known of a query, if any."""
_Family = tuple[str, tuple[tuple[str, str], ...], str]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A new price that is far from what is like it."""

    price: Price
    now: Decimal
    """US dollars for one unit."""
    beside: Decimal
    """What it is held against, alike."""
    where: str
    """What that is: `on demand`, `by size in its family`."""
    beyond: str
    """Which bound it breaks."""

    @property
    def problem(self) -> str:
        unit = self.price.pricing_unit
        return (
            f"{_shown(self.now)} per {unit}, {_shown(self.beside)} {self.where}: not {self.beyond} times that"
        )


def refuse_doubts(prices: Iterable[Price], known: KnownPrice, accepted: Collection[str]) -> list[Moved]:
    """What of an answer is doubtful and was accepted. Raises ImplausiblePrice for what nobody accepted, together."""
    taken, refused = [], []
    for doubt in doubts(prices, known):
        if is_accepted(doubt.price, accepted):
            step = UnitPriceMove(Decimal(0), doubt.beside, doubt.now)
            taken.append(moved(doubt.price, step, doubt.where, accepted=True))
        else:
            refused.append(ImplausiblePrice(f"{doubt.price.query}", doubt.problem))
    if refused:
        first, *others = refused
        raise first.together_with(others)
    return taken


def doubts(prices: Iterable[Price], known: KnownPrice) -> Iterator[Doubt]:
    """New reservations that AWS has never sold so cheap or so dear, and new types that are unlike their family."""
    listed = {price.query: price for price in prices}
    yield from _unlike_on_demand(listed, known)
    yield from _unlike_family(listed, known)


def _unlike_on_demand(listed: Mapping[PriceQuery, Price], known: KnownPrice) -> Iterator[Doubt]:
    least, most = RESERVED_SHARES
    for query, price in listed.items():
        if not query.term.startswith(RESERVED) or UPFRONT_FEE in query.attributes:
            continue
        on_demand = listed.get(replace(query, term=ON_DEMAND))
        parts = [price, *_fee(query, listed)]
        if on_demand is None or all(known(part.query) for part in parts):
            continue
        now = _effective_unit_price(parts)
        dearest = max(tier.list_unit_price for tier in on_demand.tiers)
        if now is not None and dearest and not least * dearest <= now <= most * dearest:
            yield Doubt(price, now, dearest, "on demand", f"between {least:f} and {most:f}")


def _fee(query: PriceQuery, listed: Mapping[PriceQuery, Price]) -> Iterator[Price]:
    fee = query.upfront_fee and listed.get(query.upfront_fee)
    if fee:
        yield fee


def _effective_unit_price(parts: list[Price]) -> Decimal | None:
    """A reservation's rate with its fee spread over the hours of the term; None where the fee or the term is unknown."""
    rate, *fees = parts
    commitment = commitment_of(rate.query.service_code, rate.query.term)
    if commitment is None or (rate.query.upfront_fee is not None and not fees):
        return None
    upfront = sum((fee.tiers[0].list_unit_price for fee in fees), Decimal(0))
    return rate.tiers[0].list_unit_price + upfront / commitment.hours


def _unlike_family(listed: Mapping[PriceQuery, Price], known: KnownPrice) -> Iterator[Doubt]:
    """New types beside those of their family that are known; in a new family beside each other."""
    families: dict[_Family, list[tuple[Price, Decimal]]] = defaultdict(list)
    for query, price in listed.items():
        found = _family_and_size(query)
        if found is not None:
            family, size = found
            families[family].append((price, size))
    for members in families.values():
        old = [(price, size) for price, size in members if known(price.query) is not None]
        usual = median(price.tiers[0].list_unit_price / size for price, size in old or members)
        for price, size in members:
            now, beside = price.tiers[0].list_unit_price, usual * size
            apart = not beside <= now * LARGEST_CHANGE_FACTOR <= beside * LARGEST_CHANGE_FACTOR**2
            if apart and known(price.query) is None:
                bounds = f"between {1 / LARGEST_CHANGE_FACTOR:f} and {LARGEST_CHANGE_FACTOR:f}"
                yield Doubt(price, now, beside, "by size in its family", bounds)


def _family_and_size(query: PriceQuery) -> tuple[_Family, Decimal] | None:
    """What a type belongs to, and its size; None for what is no type on demand."""
    found = _TYPE.fullmatch(query.usage_type) if query.term == ON_DEMAND else None
    size = found and size_factor(found["size"])
    if not found or not size:
        return None
    return (f"{query.service_code} {found['family']}", query.attributes, query.region_id), size


def _shown(usd: Decimal) -> str:
    """A price to four significant digits at least: effective prices have no end."""
    return f"{Decimal(f'{usd:.4g}'):f}"
