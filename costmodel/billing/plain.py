"""Pricing plain usage files: the till without a simulation in front of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from costmodel.billing.charge import EXACT, Bill, Charge
from costmodel.billing.rate import Prices, bill
from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.demand.calendar import BillingPeriod
from costmodel.errors import AmbiguousPrice, PriceNotFound, UsageFileError
from costmodel.pricing.price import ON_DEMAND, FreeAllowance, Price, PriceQuery, PriceTier
from costmodel.scenario.faults import rule_faults
from costmodel.scenario.fields import Rule
from costmodel.scenario.usage_file import FIND_PRICES, OwnRate, Rows, UsageFile, UsageLine
from costmodel.services._base import Meter, Usage
from costmodel.units import COUNTED_UNITS, FOCUS_UNITS

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
    """One line of a usage file with what it costs beside the other lines."""

    path: str
    """Place in the file: `usage.0`."""
    service_code: str
    meter: str
    region_id: str
    attributes: Mapping[str, str]
    term: str
    description: str
    quantity: Decimal
    unit: str
    """FOCUS unit."""
    tiers: tuple[PricedTier, ...]
    upfront_fee: Price | None
    """What a reservation costs at the start for each unit, in no amount here; None where there is none."""
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
            "lines": [_line_dict(line) for line in self.lines],
            "unused_rates": list(self.unused_rates),
        }


def price_usage(
    file: UsageFile,
    book: Prices,
    *,
    source: str = "usage file",
    free_tier: bool | None = None,
    own_rates: OwnRates = NO_OWN_RATES,
) -> PricedUsage:
    """Price every line of a usage file together: lines of one price share its tiers and allowance.

    A rate in the usage file replaces the list price of the same service, meter, region and attributes;
    one without attributes stands for all of them. `own_rates` are laid over the list prices that are
    left. `free_tier` overrides the file's. Raises UsageFileError, naming every line whose price is
    missing or ambiguous or counts in another unit; UnitMismatch where an own price does, AmbiguousOwnRate where one
    fits several list prices.
    """
    free_tier = file.free_tier if free_tier is None else free_tier
    period = BillingPeriod.parse(file.period)
    prices = _PricesWithOwn(file.rows.rates, book)
    found, broken = _look_up(file.rows, prices)
    if broken:
        raise UsageFileError(source, rule_faults(broken, {}), FIND_PRICES)
    priced = [(f"usage.{place}", file.usage[place], price) for place, price in found.items()]
    whole = bill(
        [_usage(path, line, price, period) for path, line, price in priced],
        prices,
        free_tier=free_tier,
        own_rates=own_rates,
    )
    outdone = own_rates.outdone((price for _, _, price in priced), period)
    charges = defaultdict(list)
    for charge in whole.charges:
        charges[charge.resource_name].append(charge)
    return PricedUsage(
        period=period,
        free_tier=free_tier,
        own_rates=own_rates,
        bill=whole,
        lines=tuple(
            _priced_line(path, line, price, _fee_beside(price, found, prices), charges[path])
            for path, line, price in priced
        ),
        unused_rates=(*prices.unused(), *(name for name in own_rates.unused(whole) if name not in outdone)),
        outdone_rates=outdone,
    )


def price_rules(rows: Rows, book: Prices) -> list[Rule]:
    """What keeps rows from being priced: a price missing or ambiguous, a unit unknown or not the price's."""
    return _look_up(rows, _PricesWithOwn(rows.rates, book))[1]


def _look_up(rows: Rows, prices: _PricesWithOwn) -> tuple[dict[int, Price], list[Rule]]:
    """The price of each line by its place, and what is wrong with the others and with own rates."""
    found: dict[int, Price] = {}
    broken = [*_unknown_units(rows.rates), *_contradictions(rows.rates, prices.book)]
    for place, line in rows.usage.items():
        try:
            found[place] = prices.price(prices.query(line))
            _fee(found[place], prices)
        except (PriceNotFound, AmbiguousPrice) as error:
            broken.append(Rule(("usage", place), str(error), None))
            continue
        pricing_unit = found[place].pricing_unit
        unit = FOCUS_UNITS.get(pricing_unit, "")
        if line.unit not in (None, unit, pricing_unit):
            problem = f"must be {_either(unit, pricing_unit)}, as the price is"
            broken.append(Rule(("usage", place, "unit"), problem, line.unit))
        if unit in COUNTED_UNITS and line.quantity % 1 and found[place].query.term != OWN_RATE:
            problem = f"must be a whole number, as AWS counts {unit} one by one"
            broken.append(Rule(("usage", place, "quantity"), problem, _text(line.quantity)))
    return found, broken


def _fee(price: Price, prices: Prices) -> Price | None:
    """The fee that belongs to a reservation's rate. Raises PriceNotFound where the book lacks it: half is no price."""
    query = price.query.upfront_fee
    return None if query is None else prices.price(query)


def _fee_beside(price: Price, found: Mapping[int, Price], prices: Prices) -> Price | None:
    """The fee of a line's reservation, unless another line of the file is that fee."""
    fee = _fee(price, prices)
    return None if fee in found.values() else fee


class _PricesWithOwn:
    """A price book in which own rates stand in for list prices."""

    def __init__(self, rates: Mapping[int, OwnRate], book: Prices) -> None:
        self.book = book
        self._own = {
            _query(rate, OWN_RATE): _own_price(rate, f"rates.{place}") for place, rate in rates.items()
        }
        self._used: set[PriceQuery] = set()

    @property
    def allowances(self) -> tuple[FreeAllowance, ...]:
        return self.book.allowances

    def query(self, line: UsageLine) -> PriceQuery:
        """What to ask for a line: its own rate where there is one, else the list price."""
        if line.term is None and self._own:
            for attributes in (line.attributes, {}):
                own = _query(line.model_copy(update={"attributes": attributes}), OWN_RATE)
                if own in self._own:
                    return own
        return _query(line, line.term or ON_DEMAND)

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


def _contradictions(rates: Mapping[int, OwnRate], book: Prices) -> Iterator[Rule]:
    """Own rates in another unit than the list price of the same meter, where there is one."""
    for place, rate in rates.items():
        try:
            listed = book.price(_query(rate, ON_DEMAND))
        except (PriceNotFound, AmbiguousPrice):
            continue
        unit = FOCUS_UNITS[listed.pricing_unit]
        if _pricing_unit(rate.unit) and rate.unit not in (unit, listed.pricing_unit):
            expected = _either(unit, listed.pricing_unit)
            yield Rule(("rates", place, "unit"), f"must be {expected}, as AWS counts this meter", rate.unit)


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


def _usage(path: str, line: UsageLine, price: Price, period: BillingPeriod) -> Usage:
    service_name, category = _SERVICES.get(line.service, (line.service, "Other"))
    daily_quantity = np.full(period.days, float(line.quantity) / period.days)
    daily_quantity.flags.writeable = False
    meter = Meter(line.meter, service_name, category, FOCUS_UNITS[price.pricing_unit], price.query)
    return Usage(meter, path, period, line.quantity, daily_quantity, "as stated in the usage file")


def _priced_line(
    path: str, line: UsageLine, price: Price, fee: Price | None, charges: list[Charge]
) -> PricedLine:
    with localcontext(EXACT):
        list_cost = sum((charge.list_cost for charge in charges), Decimal(0))
        billed_cost = sum((charge.billed_cost for charge in charges), Decimal(0))
    return PricedLine(
        path=path,
        service_code=line.service,
        meter=line.meter,
        region_id=line.region,
        attributes=dict(price.query.attributes),
        term=price.query.term,
        description=price.description,
        quantity=line.quantity,
        unit=FOCUS_UNITS[price.pricing_unit],
        tiers=tuple(_priced_tier(charge) for charge in charges),
        upfront_fee=fee,
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
        "upfront_fee": line.upfront_fee and _fee_dict(line.upfront_fee),
        "rate_name": line.rate_name,
        "list_cost": _text(line.list_cost),
        "billed_cost": _text(line.billed_cost),
        "source": line.source,
        "as_of": line.as_of,
    }


def _fee_dict(fee: Price) -> dict[str, Any]:
    return {
        "unit_price": _text(fee.tiers[0].list_unit_price),
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


def _text(number: Decimal) -> str:
    """A number without exponent or trailing zeros."""
    with localcontext(EXACT):
        return f"{number.normalize():f}"
