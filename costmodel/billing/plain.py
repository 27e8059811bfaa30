"""Pricing usage files, plain lines and what resources are metered on: the till without a simulation in front of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal, Inexact, localcontext
from typing import Any, Protocol

import numpy as np

from costmodel.billing.charge import EXACT, Bill, Charge
from costmodel.billing.rate import Prices, bill
from costmodel.billing.rates import NO_OWN_RATES, ContractedPrice, OwnRates, attributes_text
from costmodel.demand.calendar import BillingPeriod
from costmodel.errors import AmbiguousPrice, PriceNotFound, UsageFileError
from costmodel.pricing.price import ON_DEMAND, RESERVED, FreeAllowance, Price, PriceQuery, PriceTier
from costmodel.scenario.document import dotted
from costmodel.scenario.faults import did_you_mean, rule_faults
from costmodel.scenario.fields import Rule
from costmodel.scenario.rates_file import Currency
from costmodel.scenario.usage_file import FIND_PRICES, OwnRate, Rows, UsageFile, UsageLine
from costmodel.services._base import Meter, Usage
from costmodel.services.needs import SERVICE_CODES, attribute_names
from costmodel.services.registry import (
    billed_beside,
    least_run_s,
    metered,
    quantity_note,
    resource_limits,
    resource_note,
)
from costmodel.units import (
    COUNTED_UNITS,
    COUNTED_USAGE_TYPES,
    FOCUS_UNITS,
    FULL_HOUR_USAGE_TYPES,
    HALVED_UNITS,
    PAID_WHOLE_UNITS,
    QUANTITY_STEP,
    SECONDS_PER_HOUR,
    plain,
    to_nine_decimals,
)

OWN_RATE = "Own rate"
"""Term of a query that the usage file's own rate answers; no free allowance covers it, no discount comes off it."""

_SERVICES = {
    "AWSDataTransfer": ("AWS Data Transfer", "Networking"),
    "AWSELB": ("Elastic Load Balancing", "Networking"),
    "AWSLambda": ("AWS Lambda", "Compute"),
    "AmazonCloudFront": ("Amazon CloudFront", "Networking"),
    "AmazonCloudWatch": ("AmazonCloudWatch", "Management and Governance"),
    "AmazonDynamoDB": ("Amazon DynamoDB", "Databases"),
    "AmazonEC2": ("Amazon Elastic Compute Cloud", "Compute"),
    "AmazonRDS": ("Amazon Relational Database Service", "Databases"),
    "AmazonRoute53": ("Amazon Route 53", "Networking"),
    "AmazonS3": ("Amazon Simple Storage Service", "Storage"),
    "AmazonS3GlacierDeepArchive": ("Amazon Simple Storage Service", "Storage"),
    "AmazonVPC": ("Amazon Virtual Private Cloud", "Networking"),
    "CloudFrontPlans": ("Amazon CloudFront", "Networking"),
    "awskms": ("AWS Key Management Service", "Identity"),
    "awswaf": ("AWS WAF", "Security"),
}
"""FOCUS ServiceName and ServiceCategory by price-list code. Source: AWS FOCUS 1.0 sample export (2024-10)."""


@dataclass(frozen=True, slots=True)
class PricedTier:
    """The part of a line that lies within one tier, or that an allowance covers."""

    begin: Decimal
    quantity: Decimal
    list_unit_price: Decimal
    contracted_unit_price: Decimal
    list_cost: Decimal
    billed_cost: Decimal
    free: bool


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One line of a usage file, stated or metered, with what it costs beside the other lines."""

    path: str
    """Place in the file: `usage.0`, `volumes.2`."""
    service_code: str
    meter: str
    region_id: str
    attributes: Mapping[str, str]
    term: str
    description: str
    quantity: Decimal
    unit: str
    """FOCUS unit."""
    formula: str
    """How the quantity comes about."""
    tiers: tuple[PricedTier, ...]
    upfront_fee: Price | None
    """What a reservation costs at the start for each unit, in no amount here; None where there is none."""
    contracted_fee_usd: Decimal | None
    """The same at own rates."""
    rate_name: str
    """The rate of the agreement that applies; empty where none does."""
    list_cost: Decimal
    billed_cost: Decimal
    source: str
    as_of: str


@dataclass(frozen=True, slots=True, eq=False)
class PricedUsage:
    """A whole usage file, priced."""

    period: BillingPeriod
    free_tier: bool
    own_rates: OwnRates
    bill: Bill
    lines: tuple[PricedLine, ...]
    unused_rates: tuple[str, ...]
    """Own rates that no line asked for, by their place in the usage file or their name: often a misspelt meter."""
    outdone_rates: tuple[str, ...]
    """Own rates that cover lines, each of which a more exact one covers as well."""
    notes: tuple[str, ...]
    """What AWS bills beside lines of the file and no line of it states, and what a quantity must leave out."""

    @property
    def billed_cost(self) -> Decimal:
        return self.bill.billed_cost

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values; every number is an exact decimal string."""
        return {
            "period": str(self.period),
            "free_tier": self.free_tier,
            "billing_currency": "USD",
            "list_cost": _text(self.bill.list_cost),
            "billed_cost": _text(self.billed_cost),
            "own_rates": _rates_dict(self.own_rates) if self.own_rates.name else None,
            "converted": self.own_rates.currency and _converted_dict(self.bill, self.own_rates.currency),
            "lines": [_line_dict(line) for line in self.lines],
            "unused_rates": list(self.unused_rates),
            "notes": list(self.notes),
        }


class Listing(Prices, Protocol):
    """What pricing a usage file needs of a price book: its own rates are held against all that AWS lists."""

    def on_demand(self, query: PriceQuery) -> tuple[Price, ...]:
        """Every on-demand price of a usage type in one place, whatever its attributes."""


def price_usage(
    file: UsageFile,
    book: Listing,
    *,
    source: str = "usage file",
    free_tier: bool | None = None,
    own_rates: OwnRates = NO_OWN_RATES,
) -> PricedUsage:
    """Price every line of a usage file together, stated or metered: lines of one price share its tiers and allowance.

    A rate in the usage file replaces the list price of the same service, meter, region and attributes; one for a
    meter that AWS does not list may leave the attributes out, and then stands for all of them. `own_rates` are laid
    over the list prices that are left. `free_tier` overrides the file's. Raises UsageFileError, naming every line whose price is
    missing or ambiguous or counts in another unit, and what AWS does not offer; UnitMismatch where an own price does, AmbiguousOwnRate where one
    fits several list prices.
    """
    free_tier = file.free_tier if free_tier is None else free_tier
    period = BillingPeriod.parse(file.period)
    prices = _PricesWithOwn(file.rows.rates, book)
    found, broken = _look_up(file.rows, prices)
    if broken:
        raise UsageFileError(source, rule_faults(broken, {}), FIND_PRICES)
    usages = [_usage(line, period) for line in found]
    whole = bill(usages, prices, free_tier=free_tier, own_rates=own_rates)
    outdone = own_rates.outdone((line.price for line in found), period)
    stated = {line.price.query for line in found}
    beside = (_fee_beside(line.price, stated, prices) for line in found)
    fees = [None if fee is None else own_rates.contracted(fee, period) for fee in beside]
    told = {*outdone, *(fee.rate_name for fee in fees if fee)}
    charges = defaultdict(list)
    for charge in whole.charges:
        charges[charge.resource_name, charge.sku_meter].append(charge)
    return PricedUsage(
        period=period,
        free_tier=free_tier,
        own_rates=own_rates,
        bill=whole,
        lines=tuple(
            _priced_line(line, fee, charges[line.path, line.meter.name])
            for line, fee in zip(found, fees, strict=True)
        ),
        unused_rates=(*prices.unused(), *(name for name in own_rates.unused(whole) if name not in told)),
        outdone_rates=outdone,
        notes=(
            *_left_out(found),
            *_counted_from(found),
            *_unsaid(file.rows),
            *_of_later_dates(found, file.period),
        ),
    )


def price_rules(rows: Rows, book: Listing) -> list[Rule]:
    """What keeps rows from being priced: a price missing or ambiguous, a unit unknown or not the price's, a limit of AWS's."""
    return _look_up(rows, _PricesWithOwn(rows.rates, book))[1]


@dataclass(frozen=True, slots=True)
class _Found:
    """A line, stated or metered, with its price."""

    path: str
    meter: Meter
    quantity: Decimal
    formula: str
    price: Price


def _look_up(rows: Rows, prices: _PricesWithOwn) -> tuple[list[_Found], list[Rule]]:
    """Every line with its price, and what is wrong with the others, with resources and with own rates."""
    stated, faults_stated = _look_up_stated(rows.usage, prices)
    metered, faults_metered = _look_up_metered(rows, prices)
    return [*stated, *metered], [*_unknown_units(rows.rates), *prices.faults, *faults_stated, *faults_metered]


def _look_up_stated(
    lines: Mapping[int, UsageLine], prices: _PricesWithOwn
) -> tuple[list[_Found], list[Rule]]:
    found: list[_Found] = []
    broken: list[Rule] = []
    for place, line in lines.items():
        asked = _query(line, line.term or ON_DEMAND)
        try:
            price = prices.price(asked if line.term else prices.own_or_listed(asked))
            _fee(price, prices)
        except (PriceNotFound, AmbiguousPrice) as error:
            broken.append(Rule(("usage", place), str(error), None))
            continue
        found.append(_stated(f"usage.{place}", line, price))
        pricing_unit = price.pricing_unit
        unit = FOCUS_UNITS.get(pricing_unit, "")
        if line.unit not in (None, unit, pricing_unit):
            problem = f"must be {_either(unit, pricing_unit)}, as the price is"
            broken.append(Rule(("usage", place, "unit"), problem, line.unit))
        problem = "" if price.query.term == OWN_RATE else _never_billed(line.quantity, unit, price.query)
        if problem:
            broken.append(Rule(("usage", place, "quantity"), problem, _text(line.quantity)))
    return found, broken


def _never_billed(quantity: Decimal, unit: str, query: PriceQuery) -> str:
    """What is wrong with a quantity that AWS never bills: a part of a whole, less than the least; empty where nothing is."""
    return _part_of_one(quantity, unit, query) or _too_short(quantity, query)


def _too_short(quantity: Decimal, query: PriceQuery) -> str:
    """What is wrong with hours of an instance that are fewer than those of a single start."""
    least_s = least_run_s(query)
    least_hours = Decimal(least_s) / SECONDS_PER_HOUR
    if not 0 < quantity < least_hours.quantize(QUANTITY_STEP, ROUND_DOWN):
        return ""
    least = plain(to_nine_decimals(least_hours))
    return f"must be 0 or at least {least}, as AWS bills every start for {least_s} seconds at least"


def _part_of_one(quantity: Decimal, unit: str, query: PriceQuery) -> str:
    """What is wrong with a part of something that AWS bills in wholes; empty where nothing is."""
    if unit in HALVED_UNITS:
        return "must be a multiple of 0.5, as AWS counts half units and no less" if quantity * 2 % 1 else ""
    if unit in PAID_WHOLE_UNITS and quantity % 1:
        return f"must be a whole number, as AWS bills {unit} for the whole month"
    if query.term.startswith(RESERVED) and unit == "Hours" and quantity % 1:
        return "must be a whole number, as a reservation is paid for every hour of the month"
    if query.usage_type in FULL_HOUR_USAGE_TYPES and quantity % 1:
        return "must be a whole number, as AWS bills every hour begun as a full hour"
    counted = query.usage_type if query.usage_type in COUNTED_USAGE_TYPES else unit
    if (counted != unit or unit in COUNTED_UNITS) and quantity % 1:
        return f"must be a whole number, as AWS counts {counted} one by one"
    return ""


def _look_up_metered(rows: Rows, prices: _PricesWithOwn) -> tuple[list[_Found], list[Rule]]:
    found: list[_Found] = []
    broken: list[Rule] = []
    for place, resource in rows.resources.items():
        limits = resource_limits(resource)
        broken += [rule._replace(place=(*place, *rule.place)) for rule in limits]
        lines = () if limits else metered(resource, BillingPeriod.parse(rows.period).days)
        for meter, quantity, formula in lines:
            query = prices.own_or_listed(meter.query)
            try:
                price = prices.price(query)
            except (PriceNotFound, AmbiguousPrice) as error:
                broken.append(Rule(place, str(error), None))
                continue
            found.append(_Found(dotted(place), replace(meter, query=query), quantity, formula, price))
    return found, broken


def _left_out(found: Sequence[_Found]) -> Iterator[str]:
    """What the file lacks of what AWS bills beside its lines, and the line to add."""
    stated = {replace(line.price.query, term=ON_DEMAND) for line in found if line.quantity}
    for line in found:
        beside = billed_beside(line.price.query)
        if beside is None or beside in stated or not line.quantity:
            continue
        attributes = f", attributes: {{{attributes_text(beside)}}}" if beside.attributes else ""
        yield (
            f"{line.path}, {line.meter.name}: AWS bills the requests for it as well, and no line has them. Add "
            f"`{{service: {beside.service_code}, meter: {beside.usage_type}, region: {beside.region_id}{attributes}}}` "
            "with how many as its quantity."
        )


def _counted_from(found: Sequence[_Found]) -> Iterator[str]:
    """Quantities of which AWS counts less than there is, by no rule that the price list could state."""
    for line in found:
        told = quantity_note(line.price.query)
        if told and line.quantity:
            yield f"{line.path}, {line.meter.name}: {told}"


def _unsaid(rows: Rows) -> Iterator[str]:
    """What AWS bills of resources and the file does not say."""
    for place, resource in rows.resources.items():
        told = resource_note(resource, rows.period)
        if told:
            yield f"{dotted(place)}: {told}"


def _of_later_dates(found: Sequence[_Found], month: str) -> Iterator[str]:
    """That a month is priced at lists that are younger than it is."""
    later = sorted(
        line.price.as_of
        for line in found
        if line.price.query.term != OWN_RATE and line.price.as_of[:7] > month
    )
    if later:
        yield (
            f"{month} lies before the date of {len(later)} of these prices ({later[0]} and later): AWS may have charged "
            "otherwise then. An older book is taken with --prices DATE."
        )


def _stated(path: str, line: UsageLine, price: Price) -> _Found:
    service_name, category = _SERVICES.get(line.service, (line.service, "Other"))
    unit = FOCUS_UNITS.get(price.pricing_unit, "")
    meter = Meter(line.meter, service_name, category, unit, price.query)
    return _Found(path, meter, line.quantity, "as stated in the usage file", price)


def _fee(price: Price, prices: Prices) -> Price | None:
    """The fee that belongs to a reservation's rate. Raises PriceNotFound where the book lacks it: half is no price."""
    query = price.query.upfront_fee
    return None if query is None else prices.price(query)


def _fee_beside(price: Price, stated: Collection[PriceQuery], prices: Prices) -> Price | None:
    """The fee of a line's reservation, unless a line of the file is that fee."""
    fee = _fee(price, prices)
    return None if fee is None or fee.query in stated else fee


class _PricesWithOwn:
    """A price book in which own rates stand in for list prices; those that contradict it do not."""

    def __init__(self, rates: Mapping[int, OwnRate], book: Listing) -> None:
        self.book = book
        broken = {place: _contradiction(place, rate, book) for place, rate in rates.items()}
        self.faults = [rule for rule in broken.values() if rule is not None]
        self._own = {
            _query(rate, OWN_RATE): _own_price(rate, f"rates.{place}")
            for place, rate in rates.items()
            if broken[place] is None
        }
        self._used: set[PriceQuery] = set()

    @property
    def allowances(self) -> tuple[FreeAllowance, ...]:
        return self.book.allowances

    def own_or_listed(self, asked: PriceQuery) -> PriceQuery:
        """What to ask for a list price: its own rate where there is one, else itself."""
        own = replace(asked, term=OWN_RATE)
        if own in self._own:
            return own
        for_all = replace(own, attributes=())
        if for_all in self._own and not self.book.on_demand(asked):
            return for_all
        return asked

    def price(self, query: PriceQuery) -> Price:
        own = self._own.get(query)
        if own is None:
            return self.book.price(query)
        self._used.add(query)
        return own

    def unused(self) -> tuple[str, ...]:
        return tuple(price.source for query, price in self._own.items() if query not in self._used)


def _unknown_units(rates: Mapping[int, OwnRate]) -> Iterator[Rule]:
    for place, rate in rates.items():
        if _pricing_unit(rate.unit) is None:
            known = ", ".join(sorted(FOCUS_UNITS))
            yield Rule(("rates", place, "unit"), f"is not a known unit; known are {known}", rate.unit)


def _contradiction(place: int, rate: OwnRate, book: Listing) -> Rule | None:
    """Where an own rate names less than AWS tells its prices apart by, or something else, or counts in another unit."""
    listed = book.on_demand(_query(rate, ON_DEMAND))
    foreign = _foreign_attributes(place, rate, listed)
    if foreign is not None:
        return foreign
    unnamed = [dict(price.query.attributes).keys() - rate.attributes.keys() for price in listed]
    if listed and all(unnamed):
        problem = (
            f"must say for which {' and '.join(sorted(unnamed[0]))} it is, as AWS prices {rate.meter} by that, "
            f"such as {{{attributes_text(listed[0].query)}}}, in one rate for each"
        )
        return Rule(("rates", place, "attributes"), problem, None)
    units = {price.pricing_unit: FOCUS_UNITS[price.pricing_unit] for price in listed}
    if not units or _pricing_unit(rate.unit) is None or rate.unit in {*units, *units.values()}:
        return None
    expected = " or ".join(_either(unit, pricing_unit) for pricing_unit, unit in units.items())
    return Rule(("rates", place, "unit"), f"must be {expected}, as AWS counts this meter", rate.unit)


def _foreign_attributes(place: int, rate: OwnRate, listed: Sequence[Price]) -> Rule | None:
    """Where an own rate names an attribute by which no prices of its meter, or of its service, are told apart.

    A service of which nothing is known here may have any.
    """
    if listed:
        known = [frozenset(dict(price.query.attributes)) for price in listed]
    elif rate.service in SERVICE_CODES:
        known = [attribute_names(rate.service)]
    else:
        return None
    if any(rate.attributes.keys() <= names for names in known):
        return None
    what = rate.meter if listed else rate.service
    valid = sorted(frozenset().union(*known))
    foreign = sorted(rate.attributes.keys() - frozenset(valid))
    if foreign and valid:
        told = f"{foreign[0]!r} tells no prices of {what} apart{did_you_mean(foreign[0], valid)}; valid: {', '.join(valid)}"
    elif foreign:
        told = f"{foreign[0]!r} tells no prices of {what} apart; delete it, as no attribute does"
    else:
        told = f"{' and '.join(sorted(rate.attributes))} tell no prices of {what} apart together; name one of them"
    return Rule(("rates", place, "attributes"), told, None)


def _either(unit: str, pricing_unit: str) -> str:
    return unit if unit == pricing_unit else f"{unit} or {pricing_unit}"


def _query(priced: UsageLine | OwnRate, term: str) -> PriceQuery:
    return PriceQuery(
        priced.service, priced.region, priced.meter, tuple(sorted(priced.attributes.items())), term
    )


def _own_price(rate: OwnRate, path: str) -> Price:
    ends = [tier.begin for tier in rate.tiers[1:]]
    return Price(
        query=_query(rate, OWN_RATE),
        description=f"{rate.meter}, own rate",
        pricing_unit=_pricing_unit(rate.unit) or rate.unit,
        tiers=tuple(
            PriceTier(tier.begin, end, tier.price)
            for tier, end in zip(rate.tiers, [*ends, None], strict=True)
        ),
        source=path,
        as_of="",
    )


def _pricing_unit(unit: str) -> str | None:
    """The price-list unit that a price-list or FOCUS unit names; None when it names none."""
    if unit in FOCUS_UNITS:
        return unit
    return next((pricing_unit for pricing_unit, focus in FOCUS_UNITS.items() if focus == unit), None)


def _usage(line: _Found, period: BillingPeriod) -> Usage:
    daily_quantity = np.full(period.days, float(line.quantity) / period.days)
    daily_quantity.flags.writeable = False
    return Usage(line.meter, line.path, period, line.quantity, daily_quantity, line.formula)


def _priced_line(line: _Found, fee: ContractedPrice | None, charges: list[Charge]) -> PricedLine:
    price = line.price
    with localcontext(EXACT):
        list_cost = sum((charge.list_cost for charge in charges), Decimal(0))
        billed_cost = sum((charge.billed_cost for charge in charges), Decimal(0))
    return PricedLine(
        path=line.path,
        service_code=price.query.service_code,
        meter=line.meter.name,
        region_id=price.query.region_id,
        attributes=dict(price.query.attributes),
        term=price.query.term,
        description=price.description,
        quantity=line.quantity,
        unit=line.meter.consumed_unit,
        formula=line.formula,
        tiers=tuple(_priced_tier(charge) for charge in charges),
        upfront_fee=None if fee is None else fee.price,
        contracted_fee_usd=None if fee is None else fee.tiers[0].contracted_unit_price,
        rate_name=next((charge.x_rate_name for charge in charges if charge.x_rate_name), ""),
        list_cost=list_cost,
        billed_cost=billed_cost,
        source=price.source,
        as_of=price.as_of,
    )


def _priced_tier(charge: Charge) -> PricedTier:
    return PricedTier(
        charge.x_tier_begin,
        charge.pricing_quantity,
        charge.list_unit_price,
        charge.contracted_unit_price,
        charge.list_cost,
        charge.billed_cost,
        charge.x_free,
    )


def _line_dict(line: PricedLine) -> dict[str, Any]:
    return {
        "path": line.path,
        "service_code": line.service_code,
        "meter": line.meter,
        "region_id": line.region_id,
        "attributes": dict(line.attributes),
        "term": line.term,
        "description": line.description,
        "quantity": _text(line.quantity),
        "unit": line.unit,
        "formula": line.formula,
        "tiers": [
            {
                "begin": _text(tier.begin),
                "quantity": _text(tier.quantity),
                "list_unit_price": _text(tier.list_unit_price),
                "contracted_unit_price": _text(tier.contracted_unit_price),
                "list_cost": _text(tier.list_cost),
                "billed_cost": _text(tier.billed_cost),
                "free": tier.free,
            }
            for tier in line.tiers
        ],
        "upfront_fee": line.upfront_fee and _fee_dict(line.upfront_fee, line.contracted_fee_usd),
        "rate_name": line.rate_name,
        "list_cost": _text(line.list_cost),
        "billed_cost": _text(line.billed_cost),
        "source": line.source,
        "as_of": line.as_of,
    }


def _fee_dict(fee: Price, contracted_usd: Decimal | None) -> dict[str, Any]:
    return {
        "unit_price": _text(fee.tiers[0].list_unit_price),
        "contracted_unit_price": contracted_usd and _text(contracted_usd),
        "attributes": dict(fee.query.attributes),
        "source": fee.source,
        "as_of": fee.as_of,
    }


def _rates_dict(own_rates: OwnRates) -> dict[str, Any]:
    stated = own_rates.currency
    return {
        "name": own_rates.name,
        "digest": own_rates.digest,
        "currency": stated
        and {
            "code": stated.code,
            "per_usd": _text(stated.per_usd),
            "date": stated.day.isoformat(),
            "source": stated.source,
        },
    }


def _converted_dict(whole: Bill, stated: Currency) -> dict[str, str]:
    """The totals in the currency of the own rates, exactly."""
    with localcontext(EXACT) as context:
        context.traps[Inexact] = False
        list_cost, billed_cost = whole.list_cost * stated.per_usd, whole.billed_cost * stated.per_usd
    return {"currency": stated.code, "list_cost": _text(list_cost), "billed_cost": _text(billed_cost)}


def _text(number: Decimal) -> str:
    """A number without exponent or trailing zeros."""
    with localcontext(EXACT):
        return f"{number.normalize():f}"
