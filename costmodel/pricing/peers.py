"""What a book knows that is like a new price: the same use elsewhere, and types of other families."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from costmodel.pricing.commitment import size_factor
from costmodel.pricing.price import GLOBAL, ON_DEMAND, Price, PriceQuery

FEW = 3
"""Fewer regions, or families of a kind, say little about one more. Source: engineering choice."""
_TYPE = re.compile(r"(?P<sort>.+):(?P<family>(?:[a-z]+\.)?(?P<kind>[a-z]+)[a-z0-9-]*)\.(?P<size>[a-z0-9]+)")
"""`BoxUsage:m7g.large`, `InstanceUsage:db.r7g.2xl`, `NodeUsage:dax.r5.large`."""
_TO_A_REGION = re.compile(r"[A-Z]+[0-9]*-AWS-Out-Bytes")
"""What leaves for another region: `USE1-AWS-Out-Bytes`. Source: AWS Cost and Usage Report User Guide, data transfer."""
_EDGE = "edge:"

_Use = tuple[str, str, tuple[tuple[str, str], ...], str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """What types of all sizes belong to, in one place."""

    service_code: str
    sort: str
    """`BoxUsage`, `Multi-AZUsage`."""
    name: str
    """`m7g`, `db.r7g`."""
    kind: str
    """`m` of `m7g`: what the family is for. Source: Amazon EC2 User Guide, "Instance type naming" (2026)."""
    attributes: tuple[tuple[str, str], ...]
    region_id: str


def family_and_size(query: PriceQuery) -> tuple[Family, Decimal] | None:
    """What a type belongs to, and its size; None for what is no type on demand."""
    found = _TYPE.fullmatch(query.usage_type) if query.term == ON_DEMAND else None
    size = found and size_factor(found["size"])
    if not found or not size:
        return None
    named = found["sort"], found["family"], found["kind"]
    return Family(query.service_code, *named, query.attributes, query.region_id), size


class Peers:
    """Prices to hold a new one against, which is none of them."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._by_use: dict[_Use, list[Price]] = defaultdict(list)
        by_size: dict[Family, list[Decimal]] = defaultdict(list)
        for price in prices:
            self._by_use[_use(price.query)].append(price)
            found = family_and_size(price.query)
            if found is not None:
                family, size = found
                by_size[family].append(price.tiers[0].list_unit_price / size)
        self._by_family = {family: median(unit_prices) for family, unit_prices in by_size.items()}

    def elsewhere(self, query: PriceQuery) -> Sequence[Price]:
        """The same use in other regions, or at other edge geographies. What leaves for a region is one use."""
        alike = self._by_use.get(_use(query), ())
        return [price for price in alike if price.query.region_id != query.region_id]

    def to_other_regions(self, query: PriceQuery) -> Sequence[Price]:
        """What leaves the same region for others; nothing for any other use."""
        alike = self._by_use.get(_use(query), ())
        return [price for price in alike if price.query.region_id == query.region_id]

    def of_kind(self, family: Family) -> Sequence[Decimal]:
        """What families of the nearest kind cost in US dollars for a size of 1 (`small`), each the median of its types.

        Nearest is the same kind in the same region, then in all regions, then any kind there; fewer than FEW
        give way to the next.
        """
        usual: list[Decimal] = []
        for near in (("kind", "region_id"), ("kind",), ()):
            usual = [usd for known, usd in self._by_family.items() if _alike(known, family, near)]
            if len(usual) >= FEW:
                break
        return usual


def _alike(one: Family, other: Family, near: tuple[str, ...]) -> bool:
    return all(
        getattr(one, name) == getattr(other, name) for name in ("service_code", "sort", "attributes", *near)
    )


def _use(query: PriceQuery) -> _Use:
    """What a price is for, wherever it is bought."""
    place = _EDGE if query.region_id.startswith(_EDGE) else GLOBAL if query.region_id == GLOBAL else ""
    usage_type = "AWS-Out-Bytes" if _TO_A_REGION.fullmatch(query.usage_type) else query.usage_type
    return query.service_code, usage_type, query.attributes, query.term, place
