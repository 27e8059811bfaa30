"""The AWS price list on the wire: what a product and its terms look like, however they were fetched.

Source: AWS Billing User Guide, "Reading the service price list files" and the `pricing` API model of
botocore 1.44.5 (2017-10-15). The Query API answers one `Listing` per product, as a JSON text; a
price list file holds all products first and all terms behind them, one nesting level deeper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec


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


class Term(msgspec.Struct, frozen=True, rename="camel"):
    """One way to buy a product: on demand, or one form of reservation."""

    sku: str
    offer_term_code: str
    price_dimensions: dict[str, Dimension]
    """Unordered on the wire."""
    effective_date: str = ""
    term_attributes: dict[str, str] = {}


class Product(msgspec.Struct, frozen=True, rename="camel"):
    """What is sold. Many real products have no family."""

    sku: str
    attributes: dict[str, str]
    product_family: str = ""

    @property
    def usage_type(self) -> str:
        """AWS's usage type with its region prefix; empty where the product has none."""
        return self.attributes.get("usagetype", "")


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


@dataclass(frozen=True, slots=True)
class OfferedProduct:
    """A product with every term it is offered under."""

    product: Product
    terms: Mapping[str, tuple[Term, ...]]
    """`OnDemand`, `Reserved`, `FlatRate` -> terms."""
    edition: Edition
