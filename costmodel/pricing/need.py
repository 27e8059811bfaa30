"""What a service needs from the AWS price list: the one place where a filter is written down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from costmodel.pricing.offer import Product
from costmodel.pricing.price import ON_DEMAND


class Place(StrEnum):
    """How a price is placed: in one region, at an edge geography, or everywhere alike."""

    REGION = "region"
    EDGE = "edge"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Distinction:
    """What AWS keeps apart under one usage type: our attribute and the wire's words for its values."""

    name: str
    """Attribute of our price query: `engine`."""
    wire_name: str
    """Attribute of the product: `databaseEngine`, or `operation`."""
    values: Mapping[str, str]
    """Wire value to ours; a product with another value is not needed."""


@dataclass(frozen=True, slots=True)
class PriceNeed:
    """Products of one offer that a service is billed on.

    A product is needed when one of the usage-type patterns matches its usage type (without region
    prefix) from end to end and all attributes of `where` hold.
    """

    service_code: str
    """The offer's code, such as `AmazonEC2`."""
    usage_types: tuple[str, ...]
    """Regular expressions over usage types without region prefix."""
    where: tuple[tuple[str, str], ...] = ()
    """(attribute, value) pairs a product must have; the Query API filters on them."""
    distinctions: tuple[Distinction, ...] = ()
    place: Place = Place.REGION
    terms: tuple[str, ...] = (ON_DEMAND,)
    """Kinds of term to keep: `OnDemand`, `Reserved`, `FlatRate`."""

    def wants(self, product: Product, usage_type: str) -> bool:
        """Whether this product, whose usage type without prefix is given, is needed."""
        return (
            any(re.fullmatch(pattern, usage_type) for pattern in self.usage_types)
            and all(product.attributes.get(name) == value for name, value in self.where)
            and all(
                product.attributes.get(distinction.wire_name) in distinction.values
                for distinction in self.distinctions
            )
        )
