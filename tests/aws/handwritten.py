"""Reads `handwritten_offers.txt`: offers and the price rows they must become, neither made from a filter."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Document = dict[str, Any]

VERSION = "20261007120000"
PUBLICATION_DATE = "2026-10-07T12:00:00Z"
PLACES = {
    "eu-west-1": ("EU (Ireland)", "AWS Region", "eu-west-1"),
    "eu-west-2": ("EU (London)", "AWS Region", "eu-west-2"),
    "eu-south-2": ("EU (Spain)", "AWS Region", "eu-south-2"),
    "anywhere": ("Any", "AWS Region", ""),
}
FORMS = {
    "4NA7Y494T4": ("1yr", "standard", "No Upfront"),
    "HU7G6KETJZ": ("1yr", "standard", "Partial Upfront"),
    "38NPMPTW36": ("3yr", "standard", "Partial Upfront"),
    "YTVHEVGPBZ": ("1yr", "standard", "Heavy Utilization"),
    "VG8YD49WWM": ("3yr", "standard", "Heavy Utilization"),
}
"""Reserved terms by their codes."""
RATE = re.compile(r"(\S+)  (\S+) (\S+) (\S+)")


@dataclass
class Offer:
    """One offer."""

    products: list[Document] = field(default_factory=list)
    """As decoded GetProducts products."""
    rows: list[str] = field(default_factory=list)
    """`place | usage type | attributes | term | unit | begin | end | US dollars`."""
    kept: set[str] = field(default_factory=set)
    """SKUs of the products that the rows stand under."""


def offers() -> dict[str, Offer]:
    """Every offer by its code."""
    found: dict[str, Offer] = {}
    code = ""
    text = Path(__file__).with_name("handwritten_offers.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        match line[:1]:
            case "[":
                code = line.strip("[]")
                found[code] = Offer()
            case "+":
                found[code].products.append(_product(code, *line[2:].split("  ", 1)))
            case "-":
                _add_term(found[code].products[-1], *line[2:].split("  ", 1))
            case "~":
                _add_plan(found[code].products[-1], *line[2:].split())
            case "=":
                found[code].rows.append(line[2:])
                found[code].kept.add(found[code].products[-1]["product"]["sku"])
    return found


def _product(code: str, sku: str, attributes: str) -> Document:
    given = {"servicecode": code, "servicename": f"Name of {code}"}
    for pair in attributes.split("; "):
        name, _, value = pair.partition("=")
        if pair in ("@nowhere", ""):
            continue
        if pair.startswith("@"):
            given |= dict(zip(("location", "locationType", "regionCode"), PLACES[pair[1:]], strict=True))
        else:
            given[name] = value
    product = {"sku": sku, "productFamily": "Some Family", "attributes": given}
    return {
        "product": product,
        "serviceCode": code,
        "terms": {},
        "version": VERSION,
        "publicationDate": PUBLICATION_DATE,
    }


def _add_term(product: Document, term_code: str, rates: str) -> None:
    sku = product["product"]["sku"]
    rates, _, named = rates.partition("  on ")
    term: Document = {
        "sku": sku,
        "offerTermCode": term_code,
        "effectiveDate": "2026-10-01T00:00:00Z",
        "priceDimensions": {},
        "termAttributes": {},
    }
    for number, (unit, begin, end, usd) in enumerate(RATE.findall(rates)):
        rate_code = f"{sku}.{term_code}.RATE{number}"
        term["priceDimensions"][rate_code] = {
            "rateCode": rate_code,
            "description": f"{usd} per {unit}",
            "unit": unit,
            "pricePerUnit": {"USD": usd},
            "appliesTo": named.split(", ") if named else [],
        } | ({} if begin == "-" else {"beginRange": begin, "endRange": end})
    kind = "OnDemand"
    if term_code in FORMS:
        kind = "Reserved"
        names = ("LeaseContractLength", "OfferingClass", "PurchaseOption")
        term["termAttributes"] = dict(zip(names, FORMS[term_code], strict=True))
    product["terms"].setdefault(kind, {})[f"{sku}.{term_code}"] = term


def _add_plan(product: Document, plan_code: str, usd: str) -> None:
    sku = product["product"]["sku"]
    price = {"rateCode": f"{sku}.{plan_code}", "description": plan_code, "pricePerUnit": {"USD": usd}}
    plan = {"sku": sku, "planCode": plan_code, "planFamilyCode": "CloudFrontPlan", "subscriptionPrice": price}
    product["terms"]["FlatRate"] = {"plans": [plan]}
