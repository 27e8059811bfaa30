"""The AWS price list on the wire: what a product and its terms look like, however they were fetched.

Source: AWS Billing User Guide, "Reading the service price list files" and the `pricing` API model of
botocore 1.44.5 (2017-10-15). The Query API answers one `Listing` per product, as a JSON text; a
price list file holds all products first and all terms behind them, one nesting level deeper.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

FLAT_RATE = "FlatRate"
ORDINARY_TERM = "JRTCKXETXF"
"""Term code of every on-demand price. Source: AmazonCloudFront offer (2025-07-01) and GetProducts samples."""

LONGEST_BETWEEN = timedelta(days=1)
"""A version and the publication that it names are no further apart.

Source: engineering choice. In the files at hand they are the same second: AmazonEC2 20170721022911 of 2017-07-21T02:29:11Z,
AmazonCloudFront 20250701211647 of 2025-07-01T21:16:47Z; AWS does not promise it.
"""

_encode = msgspec.json.Encoder().encode
_VERSION = re.compile("[0-9]{14}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z")
_ZERO = re.compile(r"0+(\.0+)?")


class Dimension(msgspec.Struct, frozen=True, rename="camel"):
    """One step of a term's price: so much per unit between two monthly quantities.

    `stated_...` is what the text says, if anything; the property without it fills in what is meant then.
    """

    rate_code: str
    unit: str
    price_per_unit: dict[str, str]
    """Currency code to decimal text."""
    stated_description: str | UnsetType = msgspec.field(default=UNSET, name="description")
    stated_begin: str | UnsetType = msgspec.field(default=UNSET, name="beginRange")
    stated_end: str | UnsetType = msgspec.field(default=UNSET, name="endRange")
    stated_applies_to: list[str] | UnsetType = msgspec.field(default=UNSET, name="appliesTo")

    @property
    def description(self) -> str:
        return self.stated_description or ""

    @property
    def begin_range(self) -> str:
        return "0" if self.stated_begin is UNSET else self.stated_begin

    @property
    def end_range(self) -> str:
        return "Inf" if self.stated_end is UNSET else self.stated_end

    @property
    def applies_to(self) -> list[str]:
        """SKUs that an allowance is granted on; empty for an ordinary price."""
        return self.stated_applies_to or []

    @property
    def is_free(self) -> bool:
        return all(_ZERO.fullmatch(price) for price in self.price_per_unit.values())


class Term(msgspec.Struct, frozen=True, rename="camel"):
    """One way to buy a product: on demand, or one form of reservation."""

    sku: str
    offer_term_code: str
    price_dimensions: dict[str, Dimension]
    """Unordered on the wire."""
    stated_effective_date: str | UnsetType = msgspec.field(default=UNSET, name="effectiveDate")
    stated_attributes: dict[str, str] | UnsetType = msgspec.field(default=UNSET, name="termAttributes")

    @property
    def effective_date(self) -> str:
        """When the price begins to hold, ISO 8601 in UTC; a day alone in a CSV file; empty where nothing is said."""
        return self.stated_effective_date or ""

    @property
    def term_attributes(self) -> dict[str, str]:
        return self.stated_attributes or {}

    @property
    def is_grant(self) -> bool:
        """Of an on-demand term: whether it states a free allowance on other products, not a price.

        Source: AmazonCloudFront offer (2025-07-01): term code A429C66SYZ, everything at 0, and `appliesTo`
        names the products it is granted on. Price list files in CSV leave `appliesTo` out.
        """
        special = self.offer_term_code != ORDINARY_TERM or self.names_others
        return special and all(of.is_free for of in self.price_dimensions.values())

    @property
    def names_others(self) -> bool:
        """Whether it applies to other products."""
        return any(of.applies_to for of in self.price_dimensions.values())


class Subscription(msgspec.Struct, frozen=True, rename="camel"):
    """What a flat-rate plan costs a month."""

    price_per_unit: dict[str, str]
    rate_code: str = ""
    description: str = ""
    unit: str = ""


class Plan(msgspec.Struct, frozen=True, rename="camel"):
    """A flat-rate plan. Source: `terms.FlatRate` of the CloudFrontPlans offer (2026-09-11)."""

    sku: str
    plan_code: str
    subscription_price: Subscription
    plan_family_code: str = ""

    def as_term(self) -> Term:
        """The plan as a term of its product, with the plan's codes as attributes."""
        price = self.subscription_price
        dimension = Dimension(price.rate_code, price.unit, price.price_per_unit, price.description)
        return Term(
            sku=self.sku,
            offer_term_code=self.plan_code,
            price_dimensions={price.rate_code: dimension},
            stated_attributes={"planCode": self.plan_code, "planFamilyCode": self.plan_family_code},
        )


class Plans(msgspec.Struct, frozen=True):
    """What stands under `FlatRate`: a list, where other kinds of term have an object."""

    plans: list[Plan]


class Product(msgspec.Struct, frozen=True, rename="camel"):
    """What is sold. Many real products have no family."""

    sku: str
    attributes: dict[str, str]
    stated_family: str | UnsetType = msgspec.field(default=UNSET, name="productFamily")

    @property
    def product_family(self) -> str:
        return self.stated_family or ""

    @property
    def usage_type(self) -> str:
        """AWS's usage type with its region prefix; empty where the product has none."""
        return self.attributes.get("usagetype", "")


def is_time(text: str) -> bool:
    """Whether a text is a time in UTC that there is, as AWS writes it: `2025-07-01T21:16:47Z`."""
    return _TIME.fullmatch(text) is not None and _exists(f"{text[:19]}Z")


def refuse_no_edition(version: str, publication_date: str) -> None:
    """Raises ValueError for a version that is no time in 14 digits, a publication date that is no time in UTC, or one of
    another day than the version's: prices bear the one, and which list is newer is told by the other.
    """
    if not _VERSION.fullmatch(version) or not _exists(f"{version[:8]}T{version[8:]}Z"):
        raise ValueError(f"version {version!r} is not a time in 14 digits")
    if not is_time(publication_date):
        raise ValueError(f"publication date {publication_date!r} is not a UTC time")
    stated = datetime.fromisoformat(f"{version[:8]}T{version[8:]}Z")
    if abs(stated - datetime.fromisoformat(f"{publication_date[:19]}Z")) > LONGEST_BETWEEN:
        raise ValueError(
            f"version {version!r} and publication date {publication_date!r} are of different days"
        )


def refuse_other_edition(version: str, named: str | None) -> None:
    """Raises ValueError for a file of another version than what led to it names; None where that names none."""
    if named is not None and version != named:
        raise ValueError(f"version {version!r}, and what led to the file names {named!r}")


def _exists(time: str) -> bool:
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True


def day_of_version(version: str) -> str:
    """The day of a version of 14 digits: YYYY-MM-DD."""
    return f"{version[:4]}-{version[4:6]}-{version[6:8]}"


@dataclass(frozen=True, slots=True)
class Edition:
    """Which issue of a service's price list something comes from."""

    service_code: str
    version: str
    """AWS's version, a UTC time in 14 digits: `20250701211647`."""
    publication_date: str
    """ISO 8601: `2025-07-01T21:16:47Z`."""

    @property
    def as_of(self) -> str:
        """Date of publication: YYYY-MM-DD."""
        return self.publication_date[:10]

    @property
    def day(self) -> str:
        """The later of publication and version: YYYY-MM-DD."""
        return max(self.as_of, day_of_version(self.version))


@dataclass(frozen=True, slots=True)
class OfferedProduct:
    """A product with every term it is offered under."""

    product: Product
    terms: Mapping[str, tuple[Term, ...]]
    """`OnDemand`, `Reserved`, `FlatRate` -> terms."""
    edition: Edition


def refuse_repeats(content: str | bytes, decoded: Product | dict[str, Term] | None = None) -> None:
    """Raises ValueError where an object of JSON has a member twice: nobody could tell which one counts.

    `decoded` is what was decoded from it. Where nothing is escaped, every string of a text has two quotes:
    a text with as many as what was decoded, written anew, has no member twice. That is quick to see.
    """
    text = content.encode() if isinstance(content, str) else content
    if decoded is not None and b"\\" not in text and _encode(decoded).count(b'"') == text.count(b'"'):
        return
    once = _encode(msgspec.json.decode(text))
    if msgspec.json.format(text, indent=-1) != once:  # a member is gone, or written in another way
        json.loads(text, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is listed twice")
    return found
