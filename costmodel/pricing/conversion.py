"""From what AWS offers to our prices: which product answers which query, and what could be wrong with it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from costmodel.errors import (
    AllowanceChanged,
    BrokenTiers,
    ConflictingPrices,
    ImplausiblePrice,
    MalformedListing,
    NoOnDemandTerm,
    NothingOffered,
    NotInForce,
    OtherCurrency,
    PlaceholderPrice,
    UnusableUnit,
)
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import CommitmentKind, commitment_of
from costmodel.pricing.need import Place, PriceNeed
from costmodel.pricing.newcomers import Newcomers, compared, refuse_doubts
from costmodel.pricing.offer import (
    FLAT_RATE,
    ORDINARY_TERM,
    Dimension,
    Edition,
    OfferedProduct,
    Term,
    is_time,
)
from costmodel.pricing.peers import Peers
from costmodel.pricing.plausible import Moved, moved_far
from costmodel.pricing.price import (
    NO_UPFRONT,
    ON_DEMAND,
    RESERVED,
    UPFRONT_FEE,
    FreeAllowance,
    Price,
    PriceQuery,
    PriceTier,
)
from costmodel.pricing.snapshot import CURRENCY, WITHOUT_END, decimal, ladder, partition_kind
from costmodel.pricing.stated_free import Form, StatedFree
from costmodel.units import FOCUS_UNITS

UNITS = {"Month": "Mo", "Request": "Requests"}
"""Units of the wire that say the same as another one.

Source: Lambda@Edge requests of the AmazonCloudFront offer (2025-07-01); awswaf offer (2026-09-14).
"""
PLAN_UNIT = "Mo"
"""A flat-rate plan is paid by the month; its subscription price names no unit on the wire."""
FEE_UNIT = "Quantity"
"""Unit of a reservation's one-off fee."""
ONE_OFFERING_CLASS = frozenset({"AmazonRDS"})
"""Services that sell reservations of one class only, so that their terms are named without it."""
GRANT_PREFIX = "Global-"
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Known:
    """What an answer is held against."""

    book: PriceBook
    """The prices at hand."""
    snapshot: PriceBook
    """The prices that shipped."""
    now: datetime
    """With a time zone."""
    accepted: frozenset[str] = frozenset()
    """Names or SKUs of prices that may be far from those known."""


@dataclass(frozen=True, slots=True, order=True)
class LeftOut:
    """Something that AWS lists on a needed product and that no bill here can make use of: told, not taken."""

    subject: str
    """Whose list it is in: `AmazonEC2 eu-west-1`."""
    problem: str
    """What it is and why it is left out, as one sentence without a full stop."""


@dataclass(slots=True)
class _Reading:
    """What has been found so far."""

    needs: Sequence[PriceNeed]
    region_id: str
    known: Known
    candidates: dict[PriceQuery, list[Price]] = field(default_factory=lambda: defaultdict(list))
    free: set[PriceQuery] = field(default_factory=set)
    """Queries that AWS may charge nothing for."""
    answered: set[PriceNeed] = field(default_factory=set)
    usage_types: dict[str, PriceQuery] = field(default_factory=dict)
    """Query by SKU of every needed product."""
    grants: list[tuple[OfferedProduct, Dimension]] = field(default_factory=list)
    charging_others: list[tuple[OfferedProduct, Term]] = field(default_factory=list)
    """On-demand terms that name other products, and not for nothing."""
    stated: set[StatedFree] = field(default_factory=set)
    moved: list[Moved] = field(default_factory=list)
    unknown_terms: dict[str, set[PriceQuery]] = field(default_factory=lambda: defaultdict(set))
    """On-demand queries of products by the terms they are reserved under that AWS is not known to sell."""
    unknown_grants: dict[tuple[str, str, str], set[PriceQuery]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """Queries by what is granted on them, quantity and unit, of which no allowance is known."""
    _by_place: dict[tuple[Path, str, str], Mapping[PriceQuery, Price]] = field(default_factory=dict)
    """Prices by book, service and place."""

    def before(self, query: PriceQuery) -> Price | None:
        """The book's price of the same query."""
        return self._price_in(self.known.book, query)

    def first(self, query: PriceQuery) -> Price | None:
        """The snapshot's price of the same query."""
        return self._price_in(self.known.snapshot, query)

    def last_known(self, query: PriceQuery) -> Price | None:
        """The book's price of the same query, else the snapshot's."""
        return self.before(query) or self.first(query)

    @property
    def now(self) -> str:
        """ISO 8601 in UTC, to the second."""
        return f"{self.known.now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _price_in(self, book: PriceBook, query: PriceQuery) -> Price | None:
        place = book.folder, query.service_code, query.region_id
        if place not in self._by_place:
            prices = book.prices(query.region_id, query.service_code)
            self._by_place[place] = {price.query: price for price in prices}
        return self._by_place[place].get(query)


@dataclass(frozen=True, slots=True)
class Converted:
    """What AWS's products say."""

    prices: tuple[Price, ...]
    """In the order of their queries."""
    stated: frozenset[StatedFree]
    """Free allowances that were stated along with them."""
    moved: tuple[Moved, ...]
    """Prices that are far from those known: accepted by the user, or to be told."""
    uncompared: tuple[Price, ...]
    """New prices that nothing in the book is like."""
    left_out: tuple[LeftOut, ...]
    """What AWS lists and nothing here knows, to be told."""


def converted(
    products: Iterable[OfferedProduct], needs: Iterable[PriceNeed], region_id: str, known: Known
) -> Converted:
    """The prices that these products state for what is needed in a region, at the edge and everywhere.

    Free allowances and units must be the ones the book has; prices not many times those that the book or the
    snapshot has, nor their tiers of another shape; new ones not far from what is like them; unless they were
    accepted. A price the book knows keeps its description. Products nobody needs are left out, and so are
    placeholders of 0 beside a real price. Always-free products are compared with the book's allowances; one
    that no allowance covers is left out and told, as are reservations of a term that AWS is not known to sell.
    Of several prices of one product the one that began last holds; one that begins after now does not hold yet.

    Raises PriceListFault: NothingOffered, NoOnDemandTerm, NotInForce, ConflictingPrices, BrokenTiers,
    UnusableUnit, OtherCurrency, PlaceholderPrice, ImplausiblePrice, AllowanceChanged, MalformedListing.
    """
    reading = _Reading(tuple(needs), region_id, known)
    for offered in products:
        _read(reading, offered)
    for need in reading.needs:
        if need not in reading.answered:
            raise NothingOffered(f"{need.service_code} {_place(need, region_id)}", _missing(need, reading))
    _refuse_charges_on_others(reading)
    _check_grants(reading)
    prices = _all_chosen(reading)
    newcomers = _newcomers(reading, prices)
    reading.moved += refuse_doubts(newcomers, known.accepted)
    return Converted(
        prices=tuple(prices),
        stated=frozenset(reading.stated),
        moved=tuple(reading.moved),
        uncompared=newcomers.uncompared,
        left_out=tuple(sorted(_left_out(reading))),
    )


def _newcomers(reading: _Reading, prices: Sequence[Price]) -> Newcomers:
    """What is new beside the prices at hand, of which no more is read than what may be like it."""
    new = {
        (of.query.service_code, partition_kind(of.query.term))
        for of in prices
        if reading.last_known(of.query) is None
    }
    held = (of for code, kind in sorted(new) for of in reading.known.book.prices(None, code, (kind,)))
    return compared(prices, reading.last_known, Peers(held))


def _read(reading: _Reading, offered: OfferedProduct) -> None:
    """Note the prices of one product, and the allowances it grants."""
    on_demand = offered.terms.get(ON_DEMAND, ())
    reading.grants += [
        (offered, dimension)
        for term in on_demand
        if term.is_grant
        for dimension in term.price_dimensions.values()
    ]
    reading.charging_others += [
        (offered, term) for term in on_demand if term.names_others and not term.is_grant
    ]
    for need in reading.needs:
        if need.service_code != offered.edition.service_code:
            continue
        query = need.query_of(offered.product, reading.region_id)
        if query is None:
            continue
        reading.answered.add(need)
        reading.usage_types[offered.product.sku] = query
        if ON_DEMAND in need.terms and not any(
            term.price_dimensions and not term.is_grant for term in on_demand
        ):
            raise NoOnDemandTerm(f"{query}", f"product {offered.product.sku} has no on-demand term")
        for price in _prices(reading, need, query, offered):
            reading.candidates[price.query].append(price)
            if need.free:
                reading.free.add(price.query)


def _prices(
    reading: _Reading, need: PriceNeed, query: PriceQuery, offered: OfferedProduct
) -> Iterator[Price]:
    for kind in need.terms:
        by_name: dict[PriceQuery, list[Term]] = defaultdict(list)
        for term in offered.terms.get(kind, ()):
            named = replace(query, term=_term_name(kind, term, query))
            if kind == RESERVED and not _is_sold(named):
                reading.unknown_terms[_stated_term(term)].add(query)
            elif not (kind == ON_DEMAND and term.is_grant):
                by_name[named].append(term)
        for named, terms in by_name.items():
            holding = _holding(reading, named, terms)
            if holding is not None:
                yield from _prices_of_term(reading, need, named, holding, offered)


def _prices_of_term(
    reading: _Reading, need: PriceNeed, query: PriceQuery, term: Term, offered: OfferedProduct
) -> Iterator[Price]:
    """The rate of a term, and its one-off fee."""
    dimensions = tuple(term.price_dimensions.values())
    if not dimensions:
        raise BrokenTiers(f"{query}", f"its term {term.offer_term_code} has no tier at all")
    reserved = query.term.startswith(RESERVED)
    fees = tuple(of for of in dimensions if reserved and of.unit == FEE_UNIT)
    rates = tuple(of for of in dimensions if of not in fees)
    if fees and term.term_attributes.get("PurchaseOption") == NO_UPFRONT:
        raise UnusableUnit(f"{query}", f"counts in {FEE_UNIT!r}, as a fee does, and has none")
    if rates:
        yield _price(reading, need, query, rates, offered)
    if fees:
        attributes = tuple(sorted((*query.attributes, UPFRONT_FEE)))
        yield _price(reading, need, replace(query, attributes=attributes), fees, offered)


def _holding(reading: _Reading, query: PriceQuery, terms: Sequence[Term]) -> Term | None:
    """The term that is in force: of those that have begun, the one that began last.

    None for something new whose first price is still to come. Raises NotInForce where the book has a price
    of it; ConflictingPrices for terms that began together at different prices, of which one does not say when,
    or of which one with conditions began after the ordinary one: that is a price for some, not the list price.
    """
    begun = [(_begins(query, term), term) for term in terms]
    current = [(begin, term) for begin, term in begun if begin <= reading.now]
    if not current:
        if reading.before(query) is None:
            return None
        raise NotInForce(f"{query}", f"its price is in force from {min(begin for begin, _ in begun)} on")
    last = max(begin for begin, _ in current)
    latest = [term for begin, term in current if begin in ("", last)]
    if len({_charged(term) for term in latest}) > 1:
        codes = " and ".join(sorted(term.offer_term_code for term in latest))
        raise ConflictingPrices(f"{query}", f"its terms {codes} are both in force, at different prices")
    ordinary = [term for _, term in current if term.offer_term_code == ORDINARY_TERM]
    special = [term for term in latest if query.term == ON_DEMAND and term.term_attributes]
    if ordinary and special and _charged(ordinary[-1]) != _charged(special[0]):
        conditions = ", ".join(f"{name} {value}" for name, value in special[0].term_attributes.items())
        raise ConflictingPrices(
            f"{query}", f"its latest term {special[0].offer_term_code} is for some alone ({conditions})"
        )
    return min(latest, key=lambda term: (term.offer_term_code != ORDINARY_TERM, term.offer_term_code))


def _begins(query: PriceQuery, term: Term) -> str:
    """When a term begins to be in force, so that texts compare like times; empty where it does not say."""
    date = term.effective_date
    begins = f"{date}T00:00:00Z" if _DAY.fullmatch(date) else date
    if begins and not is_time(begins):
        raise MalformedListing(f"{query}", f"in force from {date!r}, which is no time in UTC")
    return f"{begins[:19]}Z" if begins else ""


def _charged(term: Term) -> frozenset[tuple[str, str, str, frozenset[tuple[str, str]]]]:
    """What a term charges, whatever its rates are called."""
    return frozenset(
        (
            of.unit,
            _plain(of.begin_range),
            _plain(of.end_range),
            frozenset((currency, _plain(usd)) for currency, usd in of.price_per_unit.items()),
        )
        for of in term.price_dimensions.values()
    )


def _term_name(kind: str, term: Term, query: PriceQuery) -> str:
    """Our name of a term: `OnDemand`, `FlatRate`, `Reserved standard 1yr No Upfront`."""
    if kind != RESERVED:
        return kind
    found = term.term_attributes
    offering_class = "" if query.service_code in ONE_OFFERING_CLASS else found.get("OfferingClass", "")
    words = (RESERVED, offering_class, found.get("LeaseContractLength", ""), found.get("PurchaseOption", ""))
    return " ".join(word for word in words if word)


def _is_sold(query: PriceQuery) -> bool:
    """Whether AWS is known to sell a reservation of this term; where there are several classes, it names one."""
    commitment = commitment_of(query.service_code, query.term)
    if commitment is None:
        return False
    unnamed = not query.term.startswith((f"{RESERVED} standard ", f"{RESERVED} convertible "))
    return not (unnamed and commitment.kind is CommitmentKind.STANDARD_RESERVATION)


def _stated_term(term: Term) -> str:
    """A reservation's term as AWS states it, with what is empty: `LeaseContractLength '5yr', PurchaseOption ''`."""
    names = ("LeaseContractLength", "OfferingClass", "PurchaseOption")
    return ", ".join(f"{name} {term.term_attributes.get(name, '')!a}" for name in names)


def _price(
    reading: _Reading,
    need: PriceNeed,
    query: PriceQuery,
    dimensions: Sequence[Dimension],
    offered: OfferedProduct,
) -> Price:
    before = reading.before(query)
    return Price(
        query=query,
        # AWS's own texts hold a line break or a tab now and then, which mean nothing.
        description=before.description if before else " ".join(dimensions[0].description.split()),
        pricing_unit=_unit(need, query, dimensions, before),
        tiers=_tiers(reading, query, dimensions, offered.edition),
        source=_source(offered.edition),
        as_of=offered.edition.as_of,
        sku_id=offered.product.sku,
    )


def _source(edition: Edition) -> str:
    return f"AWS price list {edition.service_code} {edition.version}"


def _unit(need: PriceNeed, query: PriceQuery, dimensions: Sequence[Dimension], before: Price | None) -> str:
    listed = {dimension.unit for dimension in dimensions}
    if len(listed) > 1:
        raise UnusableUnit(f"{query}", f"its tiers count in different units: {', '.join(sorted(listed))}")
    wire = listed.pop()
    unit = PLAN_UNIT if query.term == FLAT_RATE else need.units.get(wire) or UNITS.get(wire, wire)
    if unit not in FOCUS_UNITS:
        raise UnusableUnit(f"{query}", f"unknown unit {wire!r}")
    if before and unit != before.pricing_unit:
        raise UnusableUnit(f"{query}", f"counts in {wire!r} now, in {before.pricing_unit!r} before")
    return unit


def _tiers(
    reading: _Reading, query: PriceQuery, dimensions: Sequence[Dimension], edition: Edition
) -> tuple[PriceTier, ...]:
    """The ladder, ascending from 0. A leading free step must be an allowance of the book; it is left out."""
    try:
        steps = sorted(
            (
                (_plain(of.begin_range), _plain(of.end_range), _plain(_usd(query, of)), of.rate_code)
                for of in dimensions
            ),
            key=lambda step: decimal(step[0]),
        )
        if decimal(steps[0][2]) == 0 and any(decimal(price) for _, _, price, _ in steps):
            begin, quantity, _, _ = steps.pop(0)
            if decimal(begin):
                raise ValueError(f"what is free starts at {begin}")
            allowance = _check_allowance(query, quantity, reading.known.book.allowances)
            reading.stated.add(_stated(allowance, query, Form.STEP, edition))
            if steps[0][0] == quantity:
                steps[0] = ("0", *steps[0][1:])
        return ladder(steps)
    except ValueError as error:
        raise BrokenTiers(f"{query}", f"{error}") from error


def _usd(query: PriceQuery, dimension: Dimension) -> str:
    if CURRENCY not in dimension.price_per_unit:
        listed = ", ".join(sorted(dimension.price_per_unit)) or "no currency"
        raise OtherCurrency(f"{query}", f"priced in {listed}, not in {CURRENCY}")
    return dimension.price_per_unit[CURRENCY]


def _plain(text: str) -> str:
    """A number without trailing zeros: `0.0850000000` is `0.085`. Anything else is left for `ladder` to refuse."""
    try:
        return f"{decimal(text).normalize():f}"
    except ValueError:
        return text


def _all_chosen(reading: _Reading) -> list[Price]:
    """The price of every query. What moved too far is refused together, so that it can be accepted together."""
    chosen, refused = [], []
    for query in sorted(reading.candidates):
        try:
            chosen.append(_chosen(reading, query))
        except ImplausiblePrice as error:
            refused.append(error)
    if refused:
        first, *others = refused
        raise first.together_with(others)
    return chosen


def _chosen(reading: _Reading, query: PriceQuery) -> Price:
    """The one price of several products; equal prices are one price, with the first SKU in the alphabet."""
    candidates = reading.candidates[query]
    if query not in reading.free:
        charged = [price for price in candidates if _is_charged(price)]
        if not charged and not _is_paid_upfront(reading, query):
            raise PlaceholderPrice(f"{query}", "the only price listed is 0")
        candidates = charged or candidates
    by_price: dict[tuple[object, ...], list[Price]] = defaultdict(list)
    for price in candidates:
        by_price[price.pricing_unit, *((t.begin, t.end, t.list_unit_price) for t in price.tiers)].append(
            price
        )
    if len(by_price) > 1:
        listed = ", ".join(_summary(prices[0]) for prices in by_price.values())
        raise ConflictingPrices(f"{query}", f"products with different prices: {listed}")
    chosen = min(candidates, key=lambda price: price.sku_id)
    if query not in reading.free:
        _refuse_free_tiers(chosen)
    before, first = reading.before(query), reading.first(query)
    reading.moved += moved_far(chosen, before, first, reading.known.accepted)
    return chosen


def _is_paid_upfront(reading: _Reading, query: PriceQuery) -> bool:
    """Whether a rate may be 0 because a one-off fee pays for it."""
    fee = replace(query, attributes=tuple(sorted((*query.attributes, UPFRONT_FEE))))
    return any(_is_charged(price) for price in reading.candidates.get(fee, ()))


def _refuse_free_tiers(price: Price) -> None:
    """Raises PlaceholderPrice for a tier at 0 among others."""
    for tier in price.tiers:
        if not tier.list_unit_price and _is_charged(price):
            raise PlaceholderPrice(f"{price.query}", f"the price listed from {tier.begin:f} on is 0")


def _is_charged(price: Price) -> bool:
    return any(tier.list_unit_price for tier in price.tiers)


def _summary(price: Price) -> str:
    return f"{price.sku_id} at {price.tiers[0].list_unit_price:f} per {price.pricing_unit}"


def _check_grants(reading: _Reading) -> None:
    """Compare every always-free product with the allowance of the book on the products it is granted on.

    A product without an allowance is noted, but for one that another term of its own gives away without end.
    """
    for offered, dimension in reading.grants:
        for query in _granted_on(reading, offered, dimension):
            covering = [of for of in reading.known.book.allowances if of.covers(query)]
            for allowance in covering:
                _check_allowance(query, dimension.end_range, (allowance,))
                reading.stated.add(_stated(allowance, query, Form.PRODUCT, offered.edition))
            if not covering and (dimension.applies_to or dimension.end_range != WITHOUT_END):
                granted = offered.product.usage_type, dimension.end_range, dimension.unit
                reading.unknown_grants[granted].add(query)


def _left_out(reading: _Reading) -> Iterator[LeftOut]:
    """What was noted beside the prices, one entry for all products alike."""
    for stated, queries in reading.unknown_terms.items():
        problem = (
            f"reservations of {stated} on {_several(queries)}; known are 1yr and 3yr, standard and convertible, "
            "No, Partial and All Upfront, and Heavy Utilization of DynamoDB. They have no price here"
        )
        yield LeftOut(_list_of(queries), problem)
    for (granting, quantity, unit), queries in reading.unknown_grants.items():
        problem = (
            f"{granting!a} grants up to {quantity} {unit} free on {_several(queries)}, and no allowance is known for it. "
            "Bills charge for all of it, as for what AWS grants to new accounts alone"
        )
        yield LeftOut(_list_of(queries), problem)


def _several(queries: Collection[PriceQuery]) -> str:
    """Products by the first of them and how many more there are."""
    more = f" and {len(queries) - 1:,} more" if len(queries) > 1 else ""
    return f"{min(queries).usage_type}{more}"


def _list_of(queries: Iterable[PriceQuery]) -> str:
    first = min(queries)
    return f"{first.service_code} {first.region_id}"


def _refuse_charges_on_others(reading: _Reading) -> None:
    """Raises ConflictingPrices where a needed product has a second price, by a term that names other products."""
    for offered, term in reading.charging_others:
        named = {sku for of in term.price_dimensions.values() for sku in of.applies_to}
        for sku in sorted({offered.product.sku, *named} & reading.usage_types.keys()):
            what = f"term {term.offer_term_code} of product {offered.product.sku} charges for it as well"
            raise ConflictingPrices(f"{reading.usage_types[sku]}", what)


def _granted_on(reading: _Reading, offered: OfferedProduct, dimension: Dimension) -> list[PriceQuery]:
    """What a grant applies to: the products it names or, in a CSV file without names, those of its usage type."""
    if dimension.applies_to:
        named = (reading.usage_types.get(sku) for sku in dimension.applies_to)
        return [query for query in named if query is not None]
    usage_type = offered.product.usage_type.removeprefix(GRANT_PREFIX)
    return [
        query
        for query in reading.usage_types.values()
        if (query.service_code, query.usage_type) == (offered.edition.service_code, usage_type)
    ]


def _stated(allowance: FreeAllowance, query: PriceQuery, form: Form, edition: Edition) -> StatedFree:
    quantity = f"{allowance.quantity:f}"
    source = _source(edition)
    return StatedFree(allowance.allowance_id, query.usage_type, form, quantity, source, edition.as_of)


def _check_allowance(query: PriceQuery, free: str, allowances: Iterable[FreeAllowance]) -> FreeAllowance:
    """The allowance of the book that grants exactly the quantity that is free. Raises AllowanceChanged."""
    granted = next((allowance for allowance in allowances if allowance.covers(query)), None)
    if granted is None:
        raise AllowanceChanged(f"{query}", f"up to {free} are free now, which the price book does not know")
    if _plain(free) != f"{granted.quantity:f}":
        raise AllowanceChanged(
            f"{query}",
            f"up to {free} are free now, {granted.quantity:f} were before ({granted.allowance_id})",
        )
    return granted


def _place(need: PriceNeed, region_id: str) -> str:
    return region_id if need.place is Place.REGION else need.place.value


def _missing(need: PriceNeed, reading: _Reading) -> str:
    """What AWS's answer lacks, by the names of the prices at hand that it should have confirmed."""
    held = {
        price.query.usage_type
        for price in reading.known.book.prices(service_code=need.service_code)
        if need.covers(price.query)
        and (need.place is not Place.REGION or price.query.region_id == reading.region_id)
    }
    names = sorted(held)
    if not names:
        return "AWS lists none of the products that costmodel needs here"
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"AWS lists nothing like {names[0]}{others}"
