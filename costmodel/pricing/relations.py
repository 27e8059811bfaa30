"""Relations between prices that AWS's list keeps: who binds for longer pays less, two zones cost more than one.

A lie about a price that moved by less than is plausible shows beside other prices of the same list: terms that were
swapped, reservations dearer than on demand, a size at the price of the next one.

Source: every relation holds for all of the shipped snapshot (2026-10-06) unless it names its exceptions; a test measures
them again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise, permutations

from costmodel.pricing.commitment import Commitment, CommitmentKind, Payment, commitment_of
from costmodel.pricing.newcomers import (
    RESERVED_SHARES,
    Comparison,
    Newcomers,
    effective_unit_price,
    refuse_doubts,
    shown,
)
from costmodel.pricing.peers import Family, family_and_size
from costmodel.pricing.plausible import Moved, plan_shares
from costmodel.pricing.price import ON_DEMAND, RESERVED, UPFRONT_FEE, Price, PriceQuery

MEASURED_SHARES = {
    ("AmazonEC2", "Reserved convertible 1yr No Upfront"): (Decimal("0.65"), Decimal("0.87")),
    ("AmazonEC2", "Reserved convertible 3yr No Upfront"): (Decimal("0.41"), Decimal("0.63")),
    ("AmazonEC2", "Reserved standard 1yr No Upfront"): (Decimal("0.56"), Decimal("0.69")),
    ("AmazonEC2", "Reserved standard 3yr No Upfront"): (Decimal("0.36"), Decimal("0.52")),
    ("AmazonRDS", "Reserved 1yr No Upfront"): (Decimal("0.57"), Decimal("0.81")),
    ("AmazonRDS", "Reserved 3yr Partial Upfront"): (Decimal("0.36"), Decimal("0.61")),
}
"""Service and term -> the least and the most that a reservation, its fee spread, costs of on demand in the snapshot."""
SHARE_MARGIN = Decimal("1.25")
"""A share may be so many times beyond the measured ones, even above 1: a cut of on-demand prices by a fifth passes, which
reservations follow later. Source: engineering choice: larger cuts are rare; half the price is noticed for any reservation.
"""
FEE_SHARES = (Decimal("0.4"), Decimal("0.6"))
"""The fee of a partial payment is at least and at most so much of the whole.

Source: EC2 Reserved Instances page (2025): about half is paid upfront. In the snapshot it is 0.498 to 0.502.
"""
FEE_ROUNDING_USD = Decimal("0.5")
"""A fee is a whole number of dollars, so that it may be half of one too high or too low. Source: the snapshot's fees."""
ACCELERATED = frozenset({"g", "gr", "p", "inf", "trn", "dl", "vt", "f"})
"""Kinds of EC2 families whose size says nothing of how many accelerators a type has.

Source: the snapshot: g5, g6 and g6e.12xlarge have four GPUs and cost more than 16xlarge with one (EC2 instance types
page, 2026).
"""
DEARER_NAMES = (
    ("Multi-AZUsage:", "InstanceUsage:", "two zones cost at least what one does"),
    ("Multi-AZ-", "", "two zones cost at least what one does"),
    ("IOOptimized", "", "with its reads and writes included it costs at least as much"),
)
"""Part of a usage type, what stands in its place for the cheaper use, and the rule. Source: the snapshot's usage types of
AmazonRDS: `Multi-AZUsage:db.m7g.large`, `RDS:Multi-AZ-GP3-Storage`, `Aurora:ServerlessV2IOOptimizedUsage`.
"""
LCU_ORDER = ("gateway", "network", "application")
"""Load balancers by what a unit of their capacity costs, the cheapest first. Source: the snapshot, all regions."""

_UPFRONT = {Payment.NO_UPFRONT: 0, Payment.PARTIAL_UPFRONT: 1, Payment.ALL_UPFRONT: 2}
_NARROW = (CommitmentKind.STANDARD_RESERVATION, CommitmentKind.INSTANCE_PLAN)
"""Kinds that bind to more than the other one of their sort: convertible reservations, Compute Savings Plans."""

Lookup = Callable[[PriceQuery], Price | None]


@dataclass(frozen=True, slots=True)
class Relation:
    """`factor` times the price `low` is at most the price `high`, each with its fee spread over the term."""

    low: PriceQuery
    high: PriceQuery
    why: str
    """The rule in words."""
    factor: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Broken:
    """A relation that two prices do not keep."""

    relation: Relation
    low_usd: Decimal
    high_usd: Decimal

    @property
    def problem(self) -> str:
        """Beside the name of `low`: `0.2 dollars a unit, 0.1 for AmazonRDS ...: two zones cost at least what one does`."""
        relation = self.relation
        return f"{shown(self.low_usd)} dollars a unit, {shown(self.high_usd)} for {relation.high}: {relation.why}"


def relations(queries: Collection[PriceQuery]) -> Iterator[Relation]:
    """What must hold among the prices of these queries."""
    listed = dict.fromkeys(sorted(queries))
    by_use: dict[tuple[PriceQuery, bool], list[tuple[PriceQuery, Commitment]]] = defaultdict(list)
    for query in sorted(listed):
        commitment = commitment_of(query.service_code, query.term)
        if commitment is not None and UPFRONT_FEE not in query.attributes:
            on_demand = replace(query, term=ON_DEMAND)
            by_use[on_demand, query.term.startswith(RESERVED)].append((query, commitment))
            if on_demand in listed:
                yield from _beside_on_demand(query, on_demand)
            if commitment.payment is Payment.PARTIAL_UPFRONT and query.upfront_fee in listed:
                yield from _beside_fee(query, query.upfront_fee)
    for offers in by_use.values():
        yield from _by_what_binds(offers)
    yield from _by_name(listed)
    yield from _by_size(listed)
    yield from _by_balancer(listed)


def broken(found: Iterable[Relation], known: Lookup) -> Iterator[Broken]:
    """Those that the known prices do not keep; what is unknown or free is not compared."""
    for relation in found:
        low, high = effective_unit_price(relation.low, known), effective_unit_price(relation.high, known)
        if low and high and relation.factor * low > high + _rounding(relation):
            yield Broken(relation, low, high)


def newly_broken(prices: Mapping[PriceQuery, Price], before: Lookup) -> Iterator[Comparison]:
    """Relations that these prices break and the ones before kept, each told of the price that moved more; and orders
    that two new ones break.

    A pair of which one is new is not refused: what is new is compared with what is like it.
    """
    for of in broken(relations(prices), prices.get):
        relation = of.relation
        low, high = effective_unit_price(relation.low, before), effective_unit_price(relation.high, before)
        if low and high and not any(broken((relation,), before)):
            sides = [(relation.low, of.low_usd, low), (relation.high, of.high_usd, high)]
            (query, now, _), (other, beside, _) = sorted(sides, key=_moved_by, reverse=True)
        elif low is None and high is None and relation.factor == 1:
            query, now, other, beside = relation.low, of.low_usd, relation.high, of.high_usd
        else:
            continue
        price = prices[query]
        problem = f"{shown(now)} per {price.pricing_unit}, {shown(beside)} for {other}: {relation.why}"
        yield Comparison(price, now, beside, f"for {other}", problem, change=problem)


def refuse_newly_broken(
    prices: Iterable[Price], before: Iterable[Price], accepted: Collection[str]
) -> list[Moved]:
    """What breaks a relation and was accepted. Raises ImplausiblePrice for what nobody accepted, together."""
    once: dict[PriceQuery, Comparison] = {}
    known = {price.query: price for price in before}
    for doubt in newly_broken({price.query: price for price in prices}, known.get):
        once.setdefault(doubt.price.query, doubt)
    return refuse_doubts(Newcomers(tuple(once.values()), ()), accepted)


def _moved_by(side: tuple[PriceQuery, Decimal, Decimal]) -> Decimal:
    _, now, before = side
    return max(now / before, before / now)


def _rounding(relation: Relation) -> Decimal:
    """US dollars an hour by which the rounding of fees may break a relation."""
    total = Decimal(0)
    for query in (relation.low, relation.high):
        commitment = commitment_of(query.service_code, query.term)
        if commitment is not None and (query.upfront_fee is not None or UPFRONT_FEE in query.attributes):
            total += FEE_ROUNDING_USD / commitment.hours
    return total


def _beside_on_demand(query: PriceQuery, on_demand: PriceQuery) -> Iterator[Relation]:
    least, most = _shares(query)
    bounds = f"it costs {least:.2f} to {most:.2f} times on demand"
    yield Relation(on_demand, query, bounds, least)
    yield Relation(query, on_demand, bounds, 1 / most)


def _shares(query: PriceQuery) -> tuple[Decimal, Decimal]:
    measured = MEASURED_SHARES.get((query.service_code, query.term))
    if measured is not None:
        return measured[0] / SHARE_MARGIN, measured[1] * SHARE_MARGIN
    return RESERVED_SHARES if query.term.startswith(RESERVED) else plan_shares(query)


def _beside_fee(query: PriceQuery, fee: PriceQuery) -> Iterator[Relation]:
    least, most = FEE_SHARES
    bounds = f"the fee is {least:f} to {most:f} of what a partial payment costs in all"
    yield Relation(query, fee, bounds, least)
    yield Relation(fee, query, bounds, 1 / most)


def _by_what_binds(offers: Iterable[tuple[PriceQuery, Commitment]]) -> Iterator[Relation]:
    """What binds for longer, to more or with more money costs at most what binds less."""
    for (query, one), (other_query, other) in permutations(offers, 2):
        if one != other and all(more >= less for more, less in zip(_binds(one), _binds(other), strict=True)):
            yield Relation(
                query, other_query, "who binds for longer, to more or pays earlier pays at most as much"
            )


def _binds(commitment: Commitment) -> tuple[int, ...]:
    return commitment.years, _UPFRONT.get(commitment.payment, 0), int(commitment.kind in _NARROW)


def _by_name(listed: Collection[PriceQuery]) -> Iterator[Relation]:
    for query in listed:
        for dearer, cheaper, why in DEARER_NAMES:
            other = replace(query, usage_type=query.usage_type.replace(dearer, cheaper))
            if other != query and other in listed and UPFRONT_FEE not in query.attributes:
                yield Relation(other, query, why)


def _by_size(listed: Iterable[PriceQuery]) -> Iterator[Relation]:
    families: dict[Family, list[tuple[Decimal, PriceQuery]]] = defaultdict(list)
    for query in listed:
        found = family_and_size(query)
        if found is not None and found[0].kind not in ACCELERATED:
            family, size = found
            families[family].append((size, query))
    for members in families.values():
        for (size, smaller), (larger_size, larger) in pairwise(sorted(members)):
            if size < larger_size:
                yield Relation(smaller, larger, "a larger size costs at least what a smaller one does")


def _by_balancer(listed: Collection[PriceQuery]) -> Iterator[Relation]:
    for query in listed:
        if query.usage_type == "LCUUsage":
            for cheaper, dearer in pairwise(LCU_ORDER):
                other = replace(query, attributes=(("load_balancer", dearer),))
                if query.attributes == (("load_balancer", cheaper),) and other in listed:
                    yield Relation(
                        query, other, f"a unit of the {dearer} load balancer costs at least as much"
                    )
