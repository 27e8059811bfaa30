"""The shape of a ladder: where its tiers begin, and whether they rise or fall.

Unit prices move; the bounds of tiers hardly ever do. A bound in another unit, such as terabytes for gigabytes,
leaves every unit price as it was and makes every large bill wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from costmodel.pricing.price import Price


def changes_of_shape(price: Price, known: Price, where: str) -> tuple[str, ...]:
    """What sets the shape of a price apart from a known one, in words; nothing where unit prices alone differ.

    Told are bounds that moved, tiers that are gone or new, and steps that turned round: up where there was no step
    up, down where there was one. `where` says where the known one stands: `before`, `in the snapshot`.
    """
    return (*_moved_bounds(price, known, where), *_turned_steps(price, known, where))


def unit_price_at(price: Price, quantity: Decimal) -> Decimal:
    """What the next unit costs in US dollars after so many of them in a month."""
    return next(tier.list_unit_price for tier in reversed(price.tiers) if tier.begin <= quantity)


def _moved_bounds(price: Price, known: Price, where: str) -> Iterator[str]:
    if _begins(price) != _begins(known):
        yield f"its tiers begin at {_begins(price)}, {where} at {_begins(known)}"


def _begins(price: Price) -> str:
    return ", ".join(f"{tier.begin:f}" for tier in price.tiers)


def _turned_steps(price: Price, known: Price, where: str) -> Iterator[str]:
    begins = sorted({tier.begin for tier in (*price.tiers, *known.tiers)})
    for below, above in pairwise(begins):
        now = unit_price_at(price, below), unit_price_at(price, above)
        then = unit_price_at(known, below), unit_price_at(known, above)
        if _rises(now) and not _rises(then):
            yield f"it rises above {above:f}{_step(now)}; {where} it did not{_step(then)}"
        elif _falls(now) and _rises(then):
            yield f"it falls above {above:f}{_step(now)}; {where} it rose{_step(then)}"


def _rises(step: tuple[Decimal, Decimal]) -> bool:
    return step[0] < step[1]


def _falls(step: tuple[Decimal, Decimal]) -> bool:
    return step[0] > step[1]


def _step(step: tuple[Decimal, Decimal]) -> str:
    return f", from {step[0]:f} to {step[1]:f}"
