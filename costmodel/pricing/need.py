"""What a service needs from the AWS price list: the one place where a filter is written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from costmodel.pricing.offer import Product
from costmodel.pricing.places import EDGE_PREFIXES, edge_id, region_of_prefix, without_prefix
from costmodel.pricing.price import GLOBAL, ON_DEMAND, PriceQuery

REGION_CODE = "regionCode"
FROM_REGION = "fromRegionCode"
TO_REGION = "toRegionCode"

_LOCATIONS = {
    REGION_CODE: ("location", "locationType"),
    FROM_REGION: ("fromLocation", "fromLocationType"),
    TO_REGION: ("toLocation", "toLocationType"),
}
"""Attribute with a region's code -> attributes with the name and the kind of the same place."""
_IN_A_REGION = ("", "AWS Region")
"""Kinds of place that count as a region; a Local Zone or an Outpost does not."""
_NOWHERE_IN_PARTICULAR = ("", "Any")
_GRANT_PREFIX = "Global-"


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
    values: Mapping[str, str] = field(hash=False)
    """Wire value to ours; a product with another value is not needed."""


@dataclass(frozen=True, slots=True)
class PriceNeed:
    """Products of one offer that a service is billed on."""

    service_code: str
    """The offer's code, such as `AmazonEC2`."""
    usage_types: tuple[str, ...]
    """Regular expressions over usage types without prefix; one of them matches from end to end."""
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Attributes a product must have, each with the values that will do."""
    distinctions: tuple[Distinction, ...] = ()
    place: Place = Place.REGION
    region_field: str = REGION_CODE
    """Attribute with the region that pays: transfers carry `fromRegionCode` and `toRegionCode`."""
    prefix: str = ""
    """What stands before these usage types on the wire beside a region's prefix."""
    containing: str = ""
    """Text within each of these usage types, for the Query API to narrow a large offer on."""
    terms: tuple[str, ...] = (ON_DEMAND,)
    """Kinds of term to keep: `OnDemand`, `Reserved`, `FlatRate`."""
    units: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The wire's unit to ours, where they differ for these usage types alone."""
    free: bool = False
    """AWS charges nothing for these: a price of 0 is a price, not a placeholder."""

    def query_of(self, product: Product, region_id: str) -> PriceQuery | None:
        """The on-demand query this product answers, seen from a region; None if it is not needed."""
        found = product.attributes
        if found.get("servicecode", self.service_code) != self.service_code:
            return None
        if self.containing not in product.usage_type:
            return None
        if any(found.get(name) not in values for name, values in self.where):
            return None
        place = self._place_of(product)
        if place is None or (self.place is Place.REGION and place != region_id):
            return None
        usage_type = without_prefix(product.usage_type, place).removeprefix(self.prefix)
        if not any(re.fullmatch(pattern, usage_type) for pattern in self.usage_types):
            return None
        if any(found.get(of.wire_name) not in of.values for of in self.distinctions):
            return None
        attributes = sorted((of.name, of.values[found[of.wire_name]]) for of in self.distinctions)
        place_id = edge_id(place) if self.place is Place.EDGE else place
        return PriceQuery(self.service_code, place_id, usage_type, tuple(attributes))

    def covers(self, query: PriceQuery) -> bool:
        """Whether a price with this query is one of those needed, wherever its region is."""
        places = {Place.EDGE: query.region_id.startswith("edge:"), Place.GLOBAL: query.region_id == GLOBAL}
        here = places.get(self.place, query.region_id != GLOBAL and not query.region_id.startswith("edge:"))
        given = dict(query.attributes)
        given.pop("fee", None)
        return (
            here
            and query.service_code == self.service_code
            and any(query.term.startswith(term) for term in self.terms)
            and any(re.fullmatch(pattern, query.usage_type) for pattern in self.usage_types)
            and given.keys() == {of.name for of in self.distinctions}
            and all(given[of.name] in of.values.values() for of in self.distinctions)
        )

    def _place_of(self, product: Product) -> str | None:
        """Region code, name of an edge geography or `global`; None if it is of another kind of place."""
        found = product.attributes
        if self.place is Place.GLOBAL:
            return GLOBAL if _is_global(found) else None
        if self.place is Place.EDGE:
            geography = found.get("location") or found.get("fromLocation", "")
            return geography if geography in EDGE_PREFIXES else None
        _, kind = _LOCATIONS[self.region_field]
        if found.get(kind, "") not in _IN_A_REGION:
            return None
        if self.region_field in found:
            return found[self.region_field]
        # Products without a region code were seen in 2017 and 2022: https://github.com/boto/boto3/issues/3200
        return region_of_prefix(product.usage_type)


def wanted(needs: Iterable[PriceNeed], region_id: str) -> Callable[[Product], bool]:
    """What to keep of an offer: products that are needed, and those that may state a free allowance."""
    all_needs = tuple(needs)

    def keep(product: Product) -> bool:
        if product.usage_type.startswith(_GRANT_PREFIX):
            return True
        return any(need.query_of(product, region_id) is not None for need in all_needs)

    return keep


def _is_global(attributes: Mapping[str, str]) -> bool:
    """Whether a product is sold everywhere alike: it names no region and no location but `Any`."""
    return all(
        not attributes.get(code) and attributes.get(location, "") in _NOWHERE_IN_PARTICULAR
        for code, (location, _) in _LOCATIONS.items()
    )
