"""AWS's price list as it would state a price book: real products among look-alikes.

Every price of the book becomes a product with the traits seen on the wire: the region's prefix before
the usage type, tiers in no order, prices with ten decimals, often no `productFamily`, transfers with
`fromLocation`, allowances as products of their own or as a first tier of 0. Around them stand decoys
at `DECOY_PRICE` or 0, which nobody may take for a price. The same seed gives the same products.

Source: shared notes on the wire format (GetProducts and price list files), from the AmazonCloudFront
offer of 2025-07-01, the AmazonS3 offer of 2026-06-12 and botocore's own example.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from costmodel.pricing.book import PriceBook
from costmodel.pricing.need import FROM_REGION, TO_REGION, Place, PriceNeed
from costmodel.pricing.offer import FLAT_RATE
from costmodel.pricing.places import EDGE_PREFIXES, REGION_PREFIXES, edge_id
from costmodel.pricing.price import GLOBAL, ON_DEMAND, RESERVED, FreeAllowance, Price, PriceQuery, PriceTier

Document = dict[str, Any]

VERSION = "20261007120000"
PUBLICATION_DATE = "2026-10-07T12:00:00Z"
ORDINARY = "JRTCKXETXF"
GRANT = "A429C66SYZ"
"""Term code of free allowances in the AmazonCloudFront offer (2025-07-01)."""
RESERVED_CODES = {
    ("1yr", "standard", "No Upfront"): "4NA7Y494T4",
    ("1yr", "standard", "Partial Upfront"): "HU7G6KETJZ",
    ("1yr", "standard", "All Upfront"): "6QCMYABX3D",
    ("3yr", "standard", "No Upfront"): "BPH4J8HBKS",
    ("3yr", "standard", "Partial Upfront"): "38NPMPTW36",
    ("3yr", "standard", "All Upfront"): "NQ3QZPMQV9",
    ("1yr", "convertible", "No Upfront"): "7NE97W5U4E",
    ("1yr", "convertible", "Partial Upfront"): "CUZHX8X6JH",
    ("1yr", "convertible", "All Upfront"): "VJWZNREJX2",
    ("3yr", "convertible", "No Upfront"): "Z2E3P23VKM",
    ("3yr", "convertible", "Partial Upfront"): "R5XV2EPZQZ",
    ("3yr", "convertible", "All Upfront"): "MZU6U2429S",
}
OTHER_TIMES = {"BEF0REBEF0": "2025-01-01T00:00:00Z", "AFTERAFTER": "2999-01-01T00:00:00Z"}
"""Made-up codes of terms that were in force before the ordinary one, or will be, and since when."""
SOLE_RATE, FEE_RATE = "6YS6EN2CT7", "2TG2D8R56U"
DECOY_PRICE = Decimal("99.99")


@dataclass(frozen=True, slots=True)
class Sold:
    """One product of the wire and what it was made from."""

    need: PriceNeed
    query: PriceQuery
    """Its on-demand query, or that of its plan."""
    prices: tuple[Price, ...]
    wire: Document


def answered_by(book: PriceBook, needs: Iterable[PriceNeed]) -> tuple[PriceNeed, ...]:
    """Needs from offers that the book has prices of: what can be sold back on the wire."""
    offers = {coverage.service_code for coverage in book.coverage()}
    return tuple(need for need in needs if need.service_code in offers)


def wire_products(
    book: PriceBook, needs: Sequence[PriceNeed], *, seed: int = 1, decoys: bool = True
) -> dict[str, list[Document]]:
    """Every price of the book that is needed, as decoded GetProducts products by service code."""
    random = Random(seed)
    sold = [_sold(need, prices, book, random) for need, prices in _by_product(book, needs)]
    products = [(one.query.service_code, one.wire) for one in sold]
    products += [(allowance.service_code, _grant(allowance, sold)) for allowance in _granted_apart(book)]
    if decoys:
        for one in sold:
            _add_other_times(one.wire, random)
        products += [(one.query.service_code, decoy) for one in sold for decoy in _decoys(one, book, random)]
    random.shuffle(products)
    by_service: dict[str, list[Document]] = defaultdict(list)
    for service_code, product in products:
        by_service[service_code].append(product)
    return dict(by_service)


def offer_file(service_code: str, products: Iterable[Document]) -> Document:
    """Products as a price list file: all products first, then all terms, one nesting level deeper."""
    document: Document = {
        "formatVersion": "v1.0",
        "disclaimer": "This pricing list is for informational purposes only.",
        "offerCode": service_code,
        "version": VERSION,
        "publicationDate": PUBLICATION_DATE,
        "products": {},
        "terms": {},
    }
    for product in products:
        sku = product["product"]["sku"]
        document["products"][sku] = product["product"]
        for kind, terms in product["terms"].items():
            if kind == FLAT_RATE:
                document["terms"].setdefault(kind, {"plans": []})["plans"] += terms["plans"]
            else:
                document["terms"].setdefault(kind, {})[sku] = terms
    return document


def price_list_files(products: dict[str, list[Document]]) -> dict[str, bytes]:
    """Index, region indexes and JSON offer files by path.

    A region's file holds the products of that region; `aws-other` those of no region.
    """
    files: dict[str, bytes] = {}
    offers: Document = {}
    for service_code, found in products.items():
        by_region: dict[str, list[Document]] = defaultdict(list)
        for product in found:
            by_region[_region(product) or "aws-other"].append(product)
        root = f"/offers/v1.0/aws/{service_code}"
        offers[service_code] = {
            "offerCode": service_code,
            "versionIndexUrl": f"{root}/index.json",
            "currentVersionUrl": f"{root}/current/index.json",
            "currentRegionIndexUrl": f"{root}/current/region_index.json",
        }
        files[f"{root}/current/index.json"] = _text(offer_file(service_code, found))
        regions: Document = {}
        for region, of_region in sorted(by_region.items()):
            path = f"{root}/{VERSION}/{region}/index.json"
            regions[region] = {"regionCode": region, "currentVersionUrl": path}
            files[path] = _text(offer_file(service_code, of_region))
        files[f"{root}/current/region_index.json"] = _text(
            {"formatVersion": "v1.0", "publicationDate": PUBLICATION_DATE, "regions": regions}
        )
    files["/offers/v1.0/aws/index.json"] = _text(
        {"formatVersion": "v1.0", "publicationDate": PUBLICATION_DATE, "offers": offers}
    )
    return files


def _text(document: Document) -> bytes:
    return json.dumps(document, indent=2).encode()


def _region(product: Document) -> str:
    attributes = product["product"]["attributes"]
    return next((attributes[f] for f in ("regionCode", FROM_REGION, TO_REGION) if attributes.get(f)), "")


def _by_product(book: PriceBook, needs: Sequence[PriceNeed]) -> Iterable[tuple[PriceNeed, tuple[Price, ...]]]:
    """Prices that are terms of one product, with the need they answer; prices nobody needs are left out."""
    by_service: dict[str, list[PriceNeed]] = defaultdict(list)
    for need in needs:
        by_service[need.service_code].append(need)
    groups: dict[tuple[object, ...], list[Price]] = defaultdict(list)
    for price in book.prices():
        query = price.query
        attributes = tuple(pair for pair in query.attributes if pair[0] != "fee")
        groups[query.service_code, query.region_id, query.usage_type, attributes].append(price)
    for prices in groups.values():
        query = prices[0].query
        need = next((need for need in by_service[query.service_code] if need.covers(query)), None)
        if need is not None:
            yield need, tuple(prices)


def _sold(need: PriceNeed, prices: tuple[Price, ...], book: PriceBook, random: Random) -> Sold:
    first = prices[0].query
    attributes = tuple(pair for pair in first.attributes if pair[0] != "fee")
    term = FLAT_RATE if FLAT_RATE in need.terms else ON_DEMAND
    query = PriceQuery(first.service_code, first.region_id, first.usage_type, attributes, term)
    sku = sku_of(f"{query}")
    product: Document = {"sku": sku, "attributes": _attributes(need, query, random)}
    if random.random() < 0.5:
        product["productFamily"] = random.choice(("Storage", "Compute Instance", "API Request"))
    # A real product can always be bought on demand; the book may only know its reserved terms.
    terms = _terms(sku, need, prices, book, random)
    return Sold(need, query, prices, _listing(query.service_code, product, terms))


def _listing(service_code: str, product: Document, terms: Document) -> Document:
    return {
        "product": product,
        "serviceCode": service_code,
        "terms": terms,
        "version": VERSION,
        "publicationDate": PUBLICATION_DATE,
    }


def sku_of(text: str) -> str:
    """The SKU of what is named so: a real product is named by its query, a decoy otherwise."""
    return hashlib.sha256(text.encode()).hexdigest()[:16].upper()


def _attributes(need: PriceNeed, query: PriceQuery, random: Random) -> dict[str, str]:
    found = {
        "servicecode": query.service_code,
        "servicename": f"Name of {query.service_code}",
        "operation": "",
    }
    found |= _place(need, query, random)
    found |= {name: random.choice(values) for name, values in need.where}
    ours = dict(query.attributes)
    for of in need.distinctions:
        found[of.wire_name] = next(wire for wire, our in of.values.items() if our == ours[of.name])
    found["usagetype"] = _prefix(need, query, random) + need.prefix + query.usage_type
    pairs = list(found.items())
    random.shuffle(pairs)
    return dict(pairs)


def _prefix(need: PriceNeed, query: PriceQuery, random: Random) -> str:
    if need.place is Place.GLOBAL:
        return ""
    if need.place is Place.EDGE:
        return f"{EDGE_PREFIXES[_geography(query)]}-"
    if query.service_code == "awskms":
        return f"{query.region_id}-"
    if query.region_id == "us-east-1" and not query.usage_type.endswith("-AWS-Out-Bytes"):
        return random.choice(("", "USE1-"))
    return f"{REGION_PREFIXES[query.region_id]}-"


def _geography(query: PriceQuery) -> str:
    return next(name for name in EDGE_PREFIXES if edge_id(name) == query.region_id)


def _place(need: PriceNeed, query: PriceQuery, random: Random) -> dict[str, str]:
    """Where the product is sold, in one of the ways AWS says it. Location names are not to be relied on."""
    if need.place is Place.GLOBAL:
        anywhere = {"location": "Any", "locationType": "AWS Region", "regionCode": ""}
        return random.choice(({}, anywhere))
    transfer = "Transfer" in query.usage_type or need.region_field != "regionCode"
    name, kind, code = f"Old Name ({query.region_id})", "AWS Region", query.region_id
    if need.place is Place.EDGE:
        name, kind, code = _geography(query), "AWS Edge Location", ""
    if not transfer:
        return {"location": name, "locationType": kind, "regionCode": code}
    here = {"fromLocation": name, "fromLocationType": kind, "fromRegionCode": code}
    there = {"toLocation": "External", "toLocationType": "Other", "toRegionCode": ""}
    if need.region_field == TO_REGION:
        here = {"toLocation": name, "toLocationType": kind, "toRegionCode": code}
        there = {"fromLocation": "External", "fromLocationType": "Other", "fromRegionCode": ""}
    return here | there


def _terms(sku: str, need: PriceNeed, prices: Iterable[Price], book: PriceBook, random: Random) -> Document:
    terms: Document = {}
    by_term: dict[str, list[Price]] = defaultdict(list)
    for price in prices:
        by_term[price.query.term].append(price)
    if FLAT_RATE in need.terms:
        return {FLAT_RATE: {"plans": [_plan(sku, price) for price in prices]}}
    if ON_DEMAND not in by_term:
        instead = next(iter(by_term.values()))[0]
        by_term[ON_DEMAND] = [on_demand_for(instead)]
    for name, of_term in by_term.items():
        kind, code, attributes = _term_of(name)
        dimensions = [
            dimension for price in of_term for dimension in _dimensions(f"{sku}.{code}", price, book)
        ]
        random.shuffle(dimensions)
        terms.setdefault(kind, {})[f"{sku}.{code}"] = {
            "sku": sku,
            "offerTermCode": code,
            "effectiveDate": "2026-10-01T00:00:00Z",
            "priceDimensions": {dimension["rateCode"]: dimension for dimension in dimensions},
            "termAttributes": attributes,
        }
    return terms


def on_demand_for(reserved: Price) -> Price:
    """An on-demand price, twice the reserved one, for a product the book has reserved terms of only."""
    query = PriceQuery(reserved.query.service_code, reserved.query.region_id, reserved.query.usage_type)
    tier = PriceTier(Decimal(0), None, 2 * reserved.tiers[0].list_unit_price)
    return Price(query, "", "Hrs", (tier,), "", "")


def _term_of(name: str) -> tuple[str, str, dict[str, str]]:
    """Kind, code and attributes of one of our terms; RDS sells the standard class only."""
    if name == ON_DEMAND:
        return ON_DEMAND, ORDINARY, {}
    words = name.split()
    offering_class = words[1] if words[1] in ("standard", "convertible") else "standard"
    lease, option = words[-3], " ".join(words[-2:])
    attributes = {
        "LeaseContractLength": lease,
        "OfferingClass": offering_class,
        "PurchaseOption": option,
    }
    return RESERVED, RESERVED_CODES[lease, offering_class, option], attributes


def _dimensions(term: str, price: Price, book: PriceBook) -> list[Document]:
    if ("fee", "upfront") in price.query.attributes:
        fee = price.tiers[0].list_unit_price
        return [_dimension(f"{term}.{FEE_RATE}", "Quantity", f"{fee.normalize():f}", None)]
    tiers = list(price.tiers)
    free = next((a for a in book.allowances if a.covers(price.query) and _within_ladder(a, price)), None)
    if free is not None:
        tiers[0] = PriceTier(free.quantity, tiers[0].end, tiers[0].list_unit_price)
        tiers.insert(0, PriceTier(Decimal(0), free.quantity, Decimal(0)))
    suffixes = [SOLE_RATE] if len(tiers) == 1 else [sku_of(f"{term} {i}")[:10] for i in range(len(tiers))]
    return [
        _dimension(
            f"{term}.{suffix}",
            price.pricing_unit,
            f"{tier.list_unit_price:.10f}",
            (f"{tier.begin:f}", "Inf" if tier.end is None else f"{tier.end:f}"),
        )
        for suffix, tier in zip(suffixes, tiers, strict=True)
    ]


def _dimension(rate_code: str, unit: str, usd: str, steps: tuple[str, str] | None) -> Document:
    document: Document = {
        "rateCode": rate_code,
        "description": f"${usd} per {unit}",
        "unit": unit,
        "pricePerUnit": {"USD": usd},
        "appliesTo": [],
    }
    if steps is not None:
        document |= {"beginRange": steps[0], "endRange": steps[1]}
    return document


def _plan(sku: str, price: Price) -> Document:
    usd = f"{price.tiers[0].list_unit_price:.2f}"
    return {
        "sku": sku,
        "planCode": price.query.usage_type,
        "planFamilyCode": "CloudFrontPlan",
        "features": [{"featureCode": "Requests", "usageQuota": {"value": "1", "unit": "Requests"}}],
        "subscriptionPrice": {
            "rateCode": f"{sku}.PLAN.{SOLE_RATE}",
            "description": f"{price.query.usage_type} plan",
            "pricePerUnit": {"USD": usd},
        },
    }


def _within_ladder(allowance: FreeAllowance, price: Price) -> bool:
    """Whether AWS states this allowance as a first tier of 0, not as a product of its own."""
    return allowance.per_region or price.query.region_id == GLOBAL


def _granted_apart(book: PriceBook) -> list[FreeAllowance]:
    own_ladder = {"cloudfront-functions", "cloudfront-invalidations", "cloudfront-keyvaluestore-reads"}
    own_ladder |= {"cloudwatch-dashboards", "route53-health-checks"}
    return [a for a in book.allowances if not a.per_region and a.allowance_id not in own_ladder]


def _grant(allowance: FreeAllowance, sold: Iterable[Sold]) -> Document:
    """A product that is free up to a quantity and names the products this is granted on."""
    usage_type = f"Global-{sorted(allowance.usage_types)[0]}"
    sku = sku_of(allowance.allowance_id)
    dimension = _dimension(
        f"{sku}.{GRANT}.HWDSBTNJX9",
        allowance.pricing_unit,
        "0.0000000000",
        ("0", f"{allowance.quantity:f}"),
    )
    dimension["appliesTo"] = [one.wire["product"]["sku"] for one in sold if allowance.covers(one.query)]
    term = {
        "sku": sku,
        "offerTermCode": GRANT,
        "effectiveDate": "2026-10-01T00:00:00Z",
        "priceDimensions": {dimension["rateCode"]: dimension},
        "termAttributes": {"Restriction": "Limited SKU Usage"},
    }
    attributes = {
        "servicecode": allowance.service_code,
        "usagetype": usage_type,
        "location": "Any",
        "regionCode": "",
        "operation": "",
    }
    product = {"sku": sku, "productFamily": "Request", "attributes": attributes}
    return _listing(allowance.service_code, product, {ON_DEMAND: {f"{sku}.{GRANT}": term}})


Change = Callable[[dict[str, str]], dict[str, str]]


def _decoys(one: Sold, book: PriceBook, random: Random) -> list[Document]:
    """Look-alikes of a product: the kinds that fit it, of which some are drawn.

    A price of 0 is no placeholder where an allowance covers the product: there it says how much is free.
    """
    may_be_free = one.need.free or any(of.covers(one.query) for of in book.allowances)
    found = one.wire["product"]["attributes"]
    kinds = _LOOK_ALIKES["any"] + (_LOOK_ALIKES["instance"] if "BoxUsage" in found["usagetype"] else [])
    decoys = [
        _copy(one.wire, f"{name} {one.query}", change(found), DECOY_PRICE)
        for name, change in random.sample(kinds, k=2)
        if change(found) != found
    ]
    if random.random() < 0.2 and not may_be_free:
        decoys.append(_copy(one.wire, f"placeholder {one.query}", found, Decimal(0)))
    if random.random() < 0.1:
        decoys.append(_copy(one.wire, f"other operation {one.query}", found, None))
    return decoys


def _add_other_times(wire: Document, random: Random) -> None:
    """Sometimes what a product cost before, and what it will cost, stand beside what it costs."""
    terms = wire["terms"].get(ON_DEMAND)
    if not terms:
        return
    (ordinary,) = terms.values()
    for code, begins in OTHER_TIMES.items():
        if random.random() < 0.1:
            key = f"{ordinary['sku']}.{code}"
            other = json.loads(json.dumps(ordinary).replace(f"{ordinary['sku']}.{ORDINARY}", key))
            terms[key] = other | {"offerTermCode": code, "effectiveDate": begins}
            _reprice(terms[key], f"{DECOY_PRICE:.10f}")


def _copy(wire: Document, name: str, attributes: dict[str, str], price: Decimal | None) -> Document:
    """The same product under another SKU, with other attributes and, if given, another price in all terms."""
    decoy = copy.deepcopy(wire)
    old, sku = wire["product"]["sku"], sku_of(name)
    decoy["product"]["attributes"] = attributes
    decoy["terms"] = json.loads(json.dumps(decoy["terms"]).replace(old, sku))
    decoy["product"]["sku"] = sku
    if price is not None:
        _reprice(decoy["terms"], f"{price:.10f}")
    return decoy


def _reprice(terms: Any, usd: str) -> None:
    if isinstance(terms, dict):
        for name, value in terms.items():
            if name == "pricePerUnit":
                terms[name] = dict.fromkeys(value, usd)
            else:
                _reprice(value, usd)
    elif isinstance(terms, list):
        for value in terms:
            _reprice(value, usd)


def _moved(code: str, kind: str) -> Change:
    """The same thing in another kind of place, or in a part of AWS with other prices."""

    def change(found: dict[str, str]) -> dict[str, str]:
        fields = ("location", "locationType", "regionCode")
        if found.get("regionCode"):
            return found | dict(
                zip(fields, (f"There ({code})", kind, code or found["regionCode"]), strict=True)
            )
        if found.get(FROM_REGION):
            return found | {FROM_REGION: code or found[FROM_REGION], "fromLocationType": kind}
        if found.get(TO_REGION):
            return found | {TO_REGION: code or found[TO_REGION], "toLocationType": kind}
        return (
            found
            | dict(zip(fields, (f"There ({code})", kind, code or "us-east-1"), strict=True))
            | {"fromLocation": f"There ({code})"}
        )

    return change


def _renamed(pattern: str) -> Change:
    return lambda found: found | {"usagetype": pattern.format(found["usagetype"])}


def _with(**attributes: str) -> Change:
    return lambda found: found | attributes


_LOOK_ALIKES: dict[str, list[tuple[str, Change]]] = {
    "any": [
        ("GovCloud", _moved("us-gov-west-1", "AWS Region")),
        ("Local Zone", _moved("us-west-2-lax-1", "AWS Local Zone")),
        ("Outpost", _moved("", "AWS Outposts")),
        ("other service", _with(servicecode="AWSOther")),
        ("Shield", _renamed("ShieldProtected-{}")),
        ("look-alike", _renamed("{}-Special")),
        ("unknown region", _renamed("XYZ9-{}")),
    ],
    "instance": [
        ("dedicated", _with(tenancy="Dedicated")),
        ("host", _with(tenancy="Host")),
        ("Windows", _with(operatingSystem="Windows", operation="RunInstances:0002")),
        ("SQL Server", _with(preInstalledSw="SQL Std", operation="RunInstances:0004")),
        ("allocated reservation", _with(capacitystatus="AllocatedCapacityReservation")),
        ("unused reservation", _with(capacitystatus="UnusedCapacityReservation")),
        ("bare metal", _with(usagetype="BoxUsage:m5.metal")),
    ],
}
"""Kinds of decoy: what differs from the real product."""
