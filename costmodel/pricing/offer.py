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
from typing import Any

import msgspec

RESERVED = "Reserved"
FLAT_RATE = "FlatRate"
ORDINARY_TERM = "JRTCKXETXF"
"""Term code of every on-demand price. Source: AmazonCloudFront offer (2025-07-01) and GetProducts samples."""


_ZERO = re.compile(r"0+(\.0+)?")


class Dimension(msgspec.Struct, frozen=True, rename="camel"):
    """One step of a term's price: so much per unit between two monthly quantities."""

    rate_code: str
    unit: str
    price_per_unit: dict[str, str]
    """Currency code to decimal text."""
    description: str = ""
    begin_range: str = "0"
    end_range: str = "Inf"
    applies_to: list[str] = []
    """SKUs that an allowance is granted on; empty for an ordinary price."""

    @property
    def is_free(self) -> bool:
        return all(_ZERO.fullmatch(price) for price in self.price_per_unit.values())


class Term(msgspec.Struct, frozen=True, rename="camel"):
    """One way to buy a product: on demand, or one form of reservation."""

    sku: str
    offer_term_code: str
    price_dimensions: dict[str, Dimension]
    """Unordered on the wire."""
    effective_date: str = ""
    """When the price begins to hold, ISO 8601 in UTC; a day alone in a CSV file; empty where nothing is said."""
    term_attributes: dict[str, str] = {}

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
            term_attributes={"planCode": self.plan_code, "planFamilyCode": self.plan_family_code},
        )


class Plans(msgspec.Struct, frozen=True):
    """What stands under `FlatRate`: a list, where other kinds of term have an object."""

    plans: list[Plan]


class Product(msgspec.Struct, frozen=True, rename="camel"):
    """What is sold. Many real products have no family."""

    sku: str
    attributes: dict[str, str]
    product_family: str = ""

    @property
    def usage_type(self) -> str:
        """AWS's usage type with its region prefix; empty where the product has none."""
        return self.attributes.get("usagetype", "")


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


def refuse_repeats(content: str | bytes) -> None:
    """Raises ValueError where an object of JSON has a member twice: nobody could tell which one counts."""
    once = msgspec.json.encode(msgspec.json.decode(content))
    text = content.encode() if isinstance(content, str) else content
    if msgspec.json.format(text, indent=-1) != once:  # a member is gone, or written in another way
        json.loads(content, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is listed twice")
    return found
