"""Whether a price that no book has yet can be true: beside on demand, its family, its kind and the other regions.

What is known is held against itself (`plausible`); what is new has nothing of its own to be held against. What is
like nothing at all is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median

from costmodel.errors import ImplausiblePrice
from costmodel.pricing.commitment import commitment_of
from costmodel.pricing.difference import UnitPriceMove
from costmodel.pricing.ladder_shape import changes_of_shape, unit_price_at
from costmodel.pricing.peers import FEW, Family, Peers, family_and_size
from costmodel.pricing.plausible import LARGEST_CHANGE_FACTOR, Moved, is_accepted, moved
from costmodel.pricing.price import ON_DEMAND, RESERVED, UPFRONT_FEE, Price, PriceQuery

RESERVED_SHARES = (Decimal("0.15"), Decimal(1))
"""A reservation, its fee spread over its hours, costs at least and at most so much of on demand; else it is a mistake.

Source: EC2 Reserved Instances page (2025): they save up to 72 %; reserved DynamoDB capacity up to 77 % (2025). That 85 %
is the most is an engineering choice. In the snapshot they save 14 to 64 %.
"""
REGIONS_APART = {
    "AWSDataTransfer": Decimal("2"),
    "AWSELB": Decimal("1.38"),
    "AWSLambda": Decimal("1.59"),
    "AWSQueueService": Decimal("1.19"),
    "AmazonCloudFront": Decimal("1.78"),
    "AmazonCloudWatch": Decimal("1.4"),
    "AmazonDynamoDB": Decimal("1.24"),
    "AmazonEC2": Decimal("1.64"),
    "AmazonRDS": Decimal("1.73"),
    "AmazonRoute53": Decimal("1"),
    "AmazonS3": Decimal("1.7"),
    "AmazonS3GlacierDeepArchive": Decimal("1.6"),
    "AmazonVPC": Decimal("1.5"),
    "awskms": Decimal("1"),
    "awswaf": Decimal("1"),
}
"""Service code -> how many times a region costs at most above the dearest, or below the cheapest, of the others.

Source: the eight regions of the shipped snapshot (2026-10-06), each beside the other seven at every quantity, the largest
of all uses, rounded up: sa-east-1 for most, ap-south-1 for Graviton and AMD instances, us-east-1 for what leaves for
us-east-2. CloudFront's are its ten edge geographies and the thirteen regions of Origin Shield. A test measures them again.
"""
REGION_MARGIN = Decimal("1.5")
"""A region that is new may be so many times further from the others than those that shipped; else it is a mistake.

Source: engineering choice. AWS sells in more than thirty regions, of which eight were measured. With it a price ten times
too high or too low is noticed for every use of the snapshot, but for transfer between regions, whose prices are 14 times
apart, and CloudFront's origin transfer, 8 times.
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A new price beside what is like it."""

    price: Price
    now: Decimal
    """US dollars for one unit."""
    beside: Decimal
    """What it is held against, alike."""
    where: str
    """What that is: `on demand`, `by size in its family`."""
    problem: str
    """Why it cannot be true, in words; empty where it can."""
    begin: Decimal = Decimal(0)
    """From this quantity of the month on."""
    change: str = ""
    """What is another than elsewhere, in words, where that is not how far the price is: its tiers, or its unit."""


@dataclass(frozen=True, slots=True)
class Newcomers:
    """What is to be said of new prices."""

    doubts: tuple[Comparison, ...]
    """Those that are far from what is like them, each price once."""
    uncompared: tuple[Price, ...]
    """Those that nothing known is like."""


KnownPrice = Callable[[PriceQuery], Price | None]
"""The price that is known of a query, if any."""


def refuse_doubts(newcomers: Newcomers, accepted: Collection[str]) -> list[Moved]:
    """What is doubtful and was accepted. Raises ImplausiblePrice for what nobody accepted, together."""
    taken, refused = [], []
    for doubt in newcomers.doubts:
        if is_accepted(doubt.price, accepted):
            step = UnitPriceMove(doubt.begin, doubt.beside, doubt.now)
            taken.append(replace(moved(doubt.price, step, doubt.where, accepted=True), change=doubt.change))
        else:
            refused.append(ImplausiblePrice(f"{doubt.price.query}", doubt.problem))
    if refused:
        first, *others = refused
        raise first.together_with(others)
    return taken


def compared(prices: Iterable[Price], known: KnownPrice, peers: Peers) -> Newcomers:
    """Hold the new ones of an answer or a book against what is like them.

    A reservation is held against on demand; a type against the known ones of its family by size, the types of a new
    family against each other and against families of the nearest kind; everything against the same use in other regions.
    """
    listed = {price.query: price for price in prices}
    by_query: dict[PriceQuery, list[Comparison]] = defaultdict(list)
    for comparison in (
        *_beside_on_demand(listed, known),
        *_beside_family(listed, known, peers),
        *_beside_regions(listed, known, peers),
    ):
        by_query[comparison.price.query].append(comparison)
    doubted = (next((of for of in each if of.problem), None) for each in by_query.values())
    uncompared = (of for query, of in listed.items() if query not in by_query and known(query) is None)
    return Newcomers(tuple(of for of in doubted if of is not None), tuple(uncompared))


def _beside_on_demand(listed: Mapping[PriceQuery, Price], known: KnownPrice) -> Iterator[Comparison]:
    """New reservations beside on demand: AWS has never sold them so cheap or so dear."""
    least, most = RESERVED_SHARES
    for query, price in listed.items():
        if not query.term.startswith(RESERVED) or UPFRONT_FEE in query.attributes:
            continue
        on_demand = listed.get(replace(query, term=ON_DEMAND))
        fee = query.upfront_fee and listed.get(query.upfront_fee)
        parts = [price, fee] if fee else [price]
        if on_demand is None or all(known(part.query) for part in parts):
            continue
        now = effective_unit_price(query, listed.get)
        dearest = max(tier.list_unit_price for tier in on_demand.tiers)
        if now is None or not dearest:
            continue
        apart = not least * dearest <= now <= most * dearest
        told = f"{_per_unit(price, now)}, {shown(dearest)} on demand: not between {least:f} and {most:f} times that"
        yield Comparison(price, now, dearest, "on demand", told if apart else "")
        for fee in parts[1:]:
            yield Comparison(fee, now, dearest, "on demand", "")


def effective_unit_price(query: PriceQuery, known: KnownPrice) -> Decimal | None:
    """US dollars for a unit of the dearest tier: a reservation's with its fee spread over the hours of the term, a fee's
    spread alike; None where the price, the fee or the term is unknown.
    """
    price = known(query)
    if price is None:
        return None
    usd = max(tier.list_unit_price for tier in price.tiers)
    if query.term == ON_DEMAND:
        return usd
    commitment = commitment_of(query.service_code, query.term)
    if commitment is None:
        return None
    if UPFRONT_FEE in query.attributes:
        return usd / commitment.hours
    if query.upfront_fee is None:
        return usd
    fee = known(query.upfront_fee)
    return None if fee is None else usd + fee.tiers[0].list_unit_price / commitment.hours


_Sized = tuple[Price, Decimal]
"""A type's price, and its size."""


def _beside_family(
    listed: Mapping[PriceQuery, Price], known: KnownPrice, peers: Peers
) -> Iterator[Comparison]:
    """New types beside those of their family that are known; in a new family beside each other and its kind."""
    families: dict[Family, list[_Sized]] = defaultdict(list)
    for query, price in listed.items():
        found = family_and_size(query)
        if found is not None:
            family, size = found
            families[family].append((price, size))
    for family, members in families.items():
        old = [(price, size) for price, size in members if known(price.query) is not None]
        new = [(price, size) for price, size in members if known(price.query) is None]
        beside_family = list(_beside_types(new, old or members))
        if old:
            yield from beside_family
        else:
            yield from (of for of in beside_family if of.problem)  # alike among themselves is no proof
            yield from _beside_kind(new, peers.of_kind(family))


def _beside_types(new: Iterable[_Sized], family: Iterable[_Sized]) -> Iterator[Comparison]:
    usual = median(price.tiers[0].list_unit_price / size for price, size in family)
    for price, size in new:
        now, beside = price.tiers[0].list_unit_price, usual * size
        apart = not beside <= now * LARGEST_CHANGE_FACTOR <= beside * LARGEST_CHANGE_FACTOR**2
        bounds = f"between {1 / LARGEST_CHANGE_FACTOR:f} and {LARGEST_CHANGE_FACTOR:f}"
        told = f"{_per_unit(price, now)}, {shown(beside)} by size in its family: not {bounds} times that"
        yield Comparison(price, now, beside, "by size in its family", told if apart else "")


def _beside_kind(new: Iterable[_Sized], kind: Sequence[Decimal]) -> Iterator[Comparison]:
    """The types of a new family beside what the families of the nearest kind cost for a size of 1."""
    for price, size in new:
        if kind:
            usual = [usd * size for usd in kind]
            yield _within(price, Decimal(0), usual, "by size in other families", LARGEST_CHANGE_FACTOR)


def _beside_regions(
    listed: Mapping[PriceQuery, Price], known: KnownPrice, peers: Peers
) -> Iterator[Comparison]:
    """New prices beside the same use in other regions; what leaves for a region, beside what leaves for others."""
    for query, price in listed.items():
        if known(query) is None:
            for others, where in (
                (peers.to_other_regions(query), "to other regions"),
                (peers.elsewhere(query), "in other regions"),
            ):
                if others:
                    yield _beside_same_use(price, others, where)


def _beside_same_use(price: Price, others: Sequence[Price], where: str) -> Comparison:
    """Its unit, its unit price at every quantity, and its tiers, which one of the others must share."""
    alike = [of for of in others if of.pricing_unit == price.pricing_unit]
    if not alike:
        change = f"it counts in {price.pricing_unit}, {where} in {others[0].pricing_unit}"
        now, beside = price.tiers[0].list_unit_price, others[0].tiers[0].list_unit_price
        return Comparison(price, now, beside, where, change, change=change)
    factor = _largest_factor(price.query.service_code, {of.query.region_id for of in alike})
    steps = [
        _within(price, tier.begin, [unit_price_at(of, tier.begin) for of in alike], where, factor)
        for tier in price.tiers
    ]
    worst = next((step for step in steps if step.problem), steps[0])
    changes = [changes_of_shape(price, of, f"in {of.query.region_id}") for of in alike]
    if () in changes:
        return worst
    problem = "; ".join(filter(None, (worst.problem, *changes[0])))
    return replace(worst, problem=problem, change=problem)


def _largest_factor(service_code: str, region_ids: Collection[str]) -> Decimal:
    """How far beyond the prices of these regions that of one more may be."""
    apart = REGIONS_APART.get(service_code)
    return LARGEST_CHANGE_FACTOR if apart is None or len(region_ids) < FEW else apart * REGION_MARGIN


def _within(
    price: Price, begin: Decimal, usual: Collection[Decimal], where: str, factor: Decimal
) -> Comparison:
    """A unit price beside the cheapest and the dearest of others: not more than `factor` times beyond them."""
    now, cheapest, dearest = unit_price_at(price, begin), min(usual), max(usual)
    apart = not cheapest <= now * factor <= dearest * factor**2
    above = f" above {begin:f}" if begin else ""
    told = (
        f"{_per_unit(price, now)}{above}, {shown(cheapest)} to {shown(dearest)} {where}: "
        f"more than {factor.normalize():f} times beyond that"
    )
    beside = cheapest if now < cheapest else dearest
    return Comparison(price, now, beside, where, told if apart else "", begin)


def _per_unit(price: Price, usd: Decimal) -> str:
    return f"{shown(usd)} per {price.pricing_unit}"


def shown(usd: Decimal) -> str:
    """A price to four significant digits at least: effective prices have no end."""
    return f"{Decimal(f'{usd:.4g}'):f}"
