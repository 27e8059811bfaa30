"""Own rates: what was agreed with AWS in place of its list prices, and a currency to read amounts in.

    name: Enterprise agreement 2026
    discounts:
      - {service: AmazonEC2, family: m7g, percent: 12, from: 2026-11-01, until: 2027-10-31}
      - service: AmazonCloudFront
        usage_type: DataTransfer-Out-Bytes
        region: edge:europe
        unit: GB
        tiers: [{from: 0, price: 0.05}, {from: 102400, price: 0.03}]
    currency: {code: EUR, per_usd: 0.92, date: 2026-11-01, source: European Central Bank}

Numbers go from the text straight to `Decimal`; no float is ever made of them.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import combinations, pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from costmodel.errors import RatesFileError
from costmodel.scenario import fields, model
from costmodel.scenario.document import Form, as_text, read_bytes
from costmodel.scenario.faults import validated
from costmodel.scenario.fields import Model, Rule, obeying
from costmodel.units import BYTES_PER_MB, FOCUS_UNITS

RATES_FILE = Form(
    name="rates file",
    error=RatesFileError,
    resolve=as_text,
    max_bytes=BYTES_PER_MB,
    max_nodes=20_000,
    first_key="name: Agreement of 2026",
    example="docs/examples/rates.yaml",
)
_NEXT_STEP = "Correct these, then give the file to --rates again. One that works: docs/examples/rates.yaml"
_DECIMAL = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LONGEST_NUMBER = 40
_CURRENCY_CODE = re.compile("[A-Z]{3}")
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Exactly:
    """Reads a number exactly as written, within bounds and up to a number of decimals."""

    limit: Decimal
    decimals: int
    least: Decimal = Decimal(0)
    above_zero: bool = False
    """Whether nothing is no answer, where any fraction is one."""

    def __call__(self, value: object) -> Decimal:
        if not isinstance(value, str) or len(value) > _LONGEST_NUMBER or not _DECIMAL.fullmatch(value):
            raise PydanticCustomError("decimal", "must be a decimal number such as 1200 or 0.25")
        number = Decimal(value)
        if not self.least <= number <= self.limit:
            bounds = {"least": f"{self.least:,}", "limit": f"{self.limit:,}"}
            raise PydanticCustomError("bounds", "must be from {least} to {limit}", bounds)
        if self.above_zero and not number:
            raise PydanticCustomError(
                "above_zero", "must be more than 0, and at most {limit}", {"limit": f"{self.limit:,}"}
            )
        if not self.decimals and number % 1:
            raise PydanticCustomError("whole", "must be a whole number")
        if number != round(number, self.decimals):
            raise PydanticCustomError(
                "decimals", "must have at most {decimals} decimals", {"decimals": self.decimals}
            )
        return number or Decimal(0)


def _day(value: object) -> date:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # no such day: answered like any other text that is no date
    raise PydanticCustomError("day", "must be a date such as 2026-11-01")


def _first_of_month(day: date) -> date:
    if day.day != 1:
        raise PydanticCustomError(
            "first_day",
            "must be the first day of a month, such as {first}: AWS counts tiers over whole months",
            {"first": day.replace(day=1).isoformat()},
        )
    return day


def _last_of_month(day: date) -> date:
    last = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    if day != last:
        raise PydanticCustomError(
            "last_day",
            "must be the last day of a month, such as {last}: AWS counts tiers over whole months",
            {"last": last.isoformat()},
        )
    return day


def _unit(name: str) -> str:
    if name not in FOCUS_UNITS and name not in FOCUS_UNITS.values():
        raise PydanticCustomError(
            "unit", "is not a known unit; known are {units}", {"units": ", ".join(sorted(FOCUS_UNITS))}
        )
    return name


def _currency_code(code: str) -> str:
    if not _CURRENCY_CODE.fullmatch(code):
        raise PydanticCustomError("currency_code", "must be three capital letters, such as EUR")
    return code


Quantity = Annotated[Decimal, BeforeValidator(Exactly(Decimal(10**18), decimals=9))]
UnitPrice = Annotated[Decimal, BeforeValidator(Exactly(Decimal(10**9), decimals=15))]
Percent = Annotated[Decimal, BeforeValidator(Exactly(Decimal(100), decimals=9))]
PerUsd = Annotated[Decimal, BeforeValidator(Exactly(Decimal(10**6), decimals=9))]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[ -~]+$")]
Day = Annotated[date, BeforeValidator(_day)]


class RateTier(Model):
    """One step of an own rate."""

    begin: Quantity = Field(alias="from")
    """Monthly quantity at which the step begins."""
    price: UnitPrice
    """USD per unit."""


def _climbing(tiers: tuple[RateTier, ...]) -> tuple[RateTier, ...]:
    begins = [tier.begin for tier in tiers]
    if begins[0] != 0:
        raise PydanticCustomError("first_tier", "the first tier must be from 0")
    if any(later <= earlier for earlier, later in pairwise(begins)):
        raise PydanticCustomError("tier_order", "every tier must be from more than the one before")
    return tiers


RateTiers = Annotated[tuple[RateTier, ...], Field(min_length=1, max_length=100), AfterValidator(_climbing)]

Scope = tuple[str, str, str, tuple[tuple[str, str], ...], str, str]
"""Service, by which key what is selected within it, attributes, region and term; empty where any will do."""

ON_DEMAND = "OnDemand"
"""What a rate without a term covers, as the price list calls it. Source: term types of the AWS Price List (2026-11)."""


class Discount(Model):
    """One agreed rate: what it covers, in which months, and a percentage or a price."""

    service: Name
    """Price-list service code, such as `AmazonEC2`."""
    family: fields.Family | None = None
    """Only instances of this family of EC2 or RDS, such as m7g."""
    usage_type: Name | None = None
    """Only this AWS usage type, without its region prefix, such as `BoxUsage:m7g.large`."""
    attributes: dict[Name, Name] = Field(default_factory=dict)
    """Only prices with these attributes, which AWS tells apart under one usage type, such as `engine: PostgreSQL`."""
    sku: Name | None = None
    """Only this SKU of the price list."""
    region: Name | None = None
    """Only this region: an AWS region code, `global`, or `edge:<geography>` for CloudFront."""
    term: Name | None = None
    """`Reserved 1yr No Upfront`, `FlatRate`, ...; on-demand usage when left out."""
    percent: Percent | None = None
    """Percentage off the list price."""
    price: UnitPrice | None = None
    """USD per unit, in place of the list price."""
    tiers: RateTiers | None = None
    """USD per unit by monthly quantity, in place of the list price."""
    unit: Annotated[Name, AfterValidator(_unit)] | None = None
    """Unit of `price` and `tiers`; it must be the list price's."""
    first_day: Annotated[Day, AfterValidator(_first_of_month)] | None = Field(default=None, alias="from")
    """First day of the rate; without it there is no beginning."""
    last_day: Annotated[Day, AfterValidator(_last_of_month)] | None = Field(default=None, alias="until")
    """Last day of the rate; without it there is no end."""

    @property
    def scope(self) -> Scope:
        kind, selected = self._selected()
        return (
            self.service,
            kind,
            selected,
            tuple(sorted(self.attributes.items())),
            self.region or "",
            self.term or ON_DEMAND,
        )

    @property
    def specificity(self) -> tuple[int, int, bool]:
        """SKU over usage type over family over service; within these, more attributes, then a region over none."""
        kind, _ = self._selected()
        order = ("", "family", "usage_type", "sku")
        return order.index(kind), len(self.attributes), self.region is not None

    @property
    def label(self) -> str:
        """Scope, rate and months in words; no two rates that one file may hold have the same."""
        kind, selected = self._selected()
        apart = " ".join(f"{name}={value}" for name, value in sorted(self.attributes.items()))
        words = [self.service, f"{kind.replace('_', ' ')} {selected}".strip(), apart, self.region, self.term]
        effect = "own price" if self.percent is None else f"{self.percent.normalize():f} % off"
        since = f" from {self.first_day}" if self.first_day else ""
        until = f" until {self.last_day}" if self.last_day else ""
        return f"{' '.join(word for word in words if word)}: {effect}{since}{until}"

    def covers_month(self, first_day: date) -> bool:
        """Whether the rate holds in the month that begins on `first_day`."""
        return (self.first_day or date.min) <= first_day <= (self.last_day or date.max)

    def steps(self) -> tuple[tuple[Decimal, Decimal], ...]:
        """Begin and unit price of every step of an own price; nothing for a percentage."""
        if self.price is not None:
            return ((Decimal(0), self.price),)
        return tuple((tier.begin, tier.price) for tier in self.tiers or ())

    def overlaps(self, other: Discount) -> bool:
        """Whether there is a month in which both hold."""
        first = max(self.first_day or date.min, other.first_day or date.min)
        last = min(self.last_day or date.max, other.last_day or date.max)
        return first <= last

    def _selected(self) -> tuple[str, str]:
        """By which key a part of the service is selected, and the part; both empty for all of it."""
        given = {"sku": self.sku, "usage_type": self.usage_type, "family": self.family}
        return next(((kind, name) for kind, name in given.items() if name is not None), ("", ""))

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        rules = []
        selectors = [key for key in ("family", "usage_type", "sku") if getattr(self, key) is not None]
        if len(selectors) > 1:
            problem = f"{', '.join(selectors)} are given together; keep one, the most exact"
            rules.append(Rule((selectors[-1],), problem, getattr(self, selectors[-1])))
        rates = [key for key in ("percent", "price", "tiers") if getattr(self, key) is not None]
        if len(rates) != 1:
            place, found = (
                (rates[-1], f"and {rates[0]} are given together") if rates else ("percent", "is missing")
            )
            rules.append(Rule((place,), f"{found}; give one of percent, price and tiers", None))
        if rates == ["percent"] and self.unit is not None:
            rules.append(
                Rule(("unit",), "belongs to a price, and a percentage has none; delete it", self.unit)
            )
        if rates in (["price"], ["tiers"]):
            rules += self._price_rules()
        if self.first_day and self.last_day and self.last_day < self.first_day:
            problem = f"must not be before the first day, {self.first_day}"
            rules.append(Rule(("until",), problem, self.last_day.isoformat()))
        return obeying(self, rules)

    def _price_rules(self) -> list[Rule]:
        rules = []
        if self.unit is None:
            rules.append(Rule(("unit",), "is missing; a price needs one, such as `unit: GB`", None))
        if self.usage_type is None and self.sku is None:
            problem = (
                "is missing, and sku is; a price needs one of them, as what it covers must have one unit"
            )
            rules.append(Rule(("usage_type",), problem, None))
        return rules


class Currency(Model):
    """A currency to show amounts in beside US dollars, at a rate that the file states."""

    code: Annotated[str, AfterValidator(_currency_code)]
    """ISO 4217 code, such as EUR."""
    per_usd: PerUsd
    """What one US dollar costs in this currency."""
    day: Day = Field(alias="date")
    """Date of the rate."""
    source: model.Name
    """Who published the rate."""

    @model_validator(mode="after")
    def _converts(self) -> Self:
        rules = []
        if self.code == "USD":
            rules.append(Rule(("code",), "amounts are in USD already; name another currency", self.code))
        if not self.per_usd:
            rules.append(Rule(("per_usd",), "must be more than 0", "0"))
        return obeying(self, rules)


class RatesFile(Model):
    """Own rates under one name."""

    name: model.Name
    """What the agreement is called in results."""
    discounts: tuple[Discount, ...] = Field(default=(), max_length=1000)
    """Every agreed rate."""
    currency: Currency | None = None
    """A currency to show amounts in beside US dollars."""

    @model_validator(mode="after")
    def _one_rate_at_a_time(self) -> Self:
        alike: defaultdict[Scope, list[int]] = defaultdict(list)
        for place, discount in enumerate(self.discounts):
            alike[discount.scope].append(place)
        rules = [
            Rule(
                ("discounts", later),
                f"covers the same as discounts.{earlier} in months that both hold; end one before the other begins",
                self.discounts[later].label,
            )
            for places in alike.values()
            for earlier, later in combinations(places, 2)
            if self.discounts[earlier].overlaps(self.discounts[later])
        ]
        return obeying(self, rules)


def load_rates_file(path: Path) -> tuple[RatesFile, str]:
    """Read and validate a file of own rates; gives it with the SHA-256 of its bytes.

    Raises RatesFileError, listing every fault, when the file cannot be read, is not YAML of this
    form, names a key twice, holds a value out of bounds, or gives one thing two rates at a time.
    """
    content = read_bytes(path, RATES_FILE)
    file = validated(RatesFile, content, str(path), RATES_FILE, _NEXT_STEP)
    return file, hashlib.sha256(content).hexdigest()


def parse_rates_file(text: str, source: str) -> RatesFile:
    """Validate the text of a rates file; `source` names it in messages. Raises RatesFileError."""
    content = text.encode("utf-8", errors="surrogatepass")
    return validated(RatesFile, content, source, RATES_FILE, _NEXT_STEP)
