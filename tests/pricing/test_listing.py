"""One GetProducts text: AWS's own example, a real product, and texts that are none."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from aws.samples import CLOUDFRONT_EUROPE, published_example
from costmodel.errors import MalformedListing
from costmodel.pricing.listing import read_listing
from costmodel.pricing.offer import Dimension, Edition, Product


def test_the_published_example() -> None:
    (text,) = published_example("GetProducts")["output"]["PriceList"]
    offered = read_listing(text)
    assert offered.edition == Edition("AmazonEC2", "20170901182201", "2017-09-01T18:22:01Z")
    assert offered.edition.as_of == "2017-09-01"
    assert (offered.product.sku, offered.product.product_family) == ("WQGC34PB2AWS8R4U", "Storage")
    assert offered.product.usage_type == "CAN1-EBS:VolumeUsage.piops"
    ((term,),) = offered.terms.values()
    assert (term.offer_term_code, term.is_grant) == ("JRTCKXETXF", False)
    assert tuple(term.price_dimensions.values()) == (
        Dimension(
            rate_code="WQGC34PB2AWS8R4U.JRTCKXETXF.6YS6EN2CT7",
            unit="GB-Mo",
            price_per_unit={"USD": "0.1380000000"},
            stated_description="$0.138 per GB-month of Provisioned IOPS SSD (io1)  provisioned storage - Canada (Central)",
            stated_begin="0",
            stated_end="Inf",
            stated_applies_to=[],
        ),
    )


def test_a_real_product_of_cloudfront() -> None:
    offered = read_listing(json.dumps(CLOUDFRONT_EUROPE))
    (term,) = offered.terms["OnDemand"]
    assert len(term.price_dimensions) == 7
    assert offered.product.attributes["fromLocation"] == "Europe"


def test_a_product_without_family_or_terms() -> None:
    document = copy.deepcopy(CLOUDFRONT_EUROPE)
    del document["product"]["productFamily"], document["terms"]
    offered = read_listing(json.dumps(document))
    assert offered.product == Product("VU3485RNDU6HBQF6", CLOUDFRONT_EUROPE["product"]["attributes"])
    assert offered.terms == {}


def test_flat_rate_plans_stand_in_a_list() -> None:
    plan = {
        "sku": "VU3485RNDU6HBQF6",
        "planCode": "Pro",
        "planFamilyCode": "CloudFrontPlan",
        "features": [{"featureCode": "Requests", "usageQuota": {"unit": "Requests", "value": "10000000"}}],
        "subscriptionPrice": {
            "rateCode": "PLAN.R",
            "description": "Pro plan",
            "pricePerUnit": {"USD": "15.00"},
        },
    }
    offered = read_listing(json.dumps(CLOUDFRONT_EUROPE | {"terms": {"FlatRate": {"plans": [plan]}}}))
    (term,) = offered.terms["FlatRate"]
    assert term.term_attributes == {"planCode": "Pro", "planFamilyCode": "CloudFrontPlan"}
    assert term.price_dimensions["PLAN.R"].price_per_unit == {"USD": "15.00"}


@pytest.mark.parametrize(("usd", "grants"), [("0.0000000000", True), ("0.0850000000", False)])
def test_a_grant_is_told_by_its_term_code_or_by_what_it_applies_to(usd: str, grants: bool) -> None:
    """And by its price: what costs something is never an allowance."""
    document = copy.deepcopy(CLOUDFRONT_EUROPE)
    (term,) = document["terms"]["OnDemand"].values()
    for rate in term["priceDimensions"].values():
        rate["pricePerUnit"]["USD"] = usd
    term["offerTermCode"] = "A429C66SYZ"
    (by_code,) = read_listing(json.dumps(document)).terms["OnDemand"]
    term["offerTermCode"] = "JRTCKXETXF"
    (ordinary,) = read_listing(json.dumps(document)).terms["OnDemand"]
    next(iter(term["priceDimensions"].values()))["appliesTo"] = ["GTNGTASZWM5Y2YH6"]
    (by_target,) = read_listing(json.dumps(document)).terms["OnDemand"]
    assert (by_code.is_grant, ordinary.is_grant, by_target.is_grant) == (grants, False, grants)


def test_a_term_of_another_sku_is_refused() -> None:
    document = copy.deepcopy(CLOUDFRONT_EUROPE)
    (term,) = document["terms"]["OnDemand"].values()
    term["sku"] = "OTHER"
    with pytest.raises(
        MalformedListing, match="product VU3485RNDU6HBQF6: one of its OnDemand terms is of SKU OTHER"
    ):
        read_listing(json.dumps(document))


def test_a_version_of_another_day_than_its_publication_is_refused() -> None:
    document = CLOUDFRONT_EUROPE | {"publicationDate": "2025-08-01T21:16:47Z"}
    with pytest.raises(MalformedListing, match="are of different days"):
        read_listing(json.dumps(document))


WHOLE = json.dumps(CLOUDFRONT_EUROPE)


@pytest.mark.parametrize(("name", "text"), [("sku", '"OTHER"'), ("USD", '"0.1"'), ("beginRange", '"7"')])
def test_what_is_listed_twice_is_refused(name: str, text: str) -> None:
    """JSON does not say which one counts."""
    twice = WHOLE.replace(f'"{name}": ', f'"{name}": {text}, "{name}": ', 1)
    with pytest.raises(MalformedListing, match=f"'{name}' is listed twice"):
        read_listing(twice)


@pytest.mark.parametrize("length", [0, 1, 60, len(WHOLE) // 2, len(WHOLE) - 1])
def test_a_text_that_is_cut_short(length: int) -> None:
    with pytest.raises(MalformedListing, match="not a product with its terms"):
        read_listing(WHOLE[:length])


@pytest.mark.parametrize(
    "change",
    [
        {"product": None},
        {"product": {"sku": "A"}},
        {"product": {"sku": "A", "attributes": {"usagetype": 5}}},
        {"version": None},
        {"terms": []},
        {"terms": {"OnDemand": []}},
        {"terms": {"OnDemand": {"A": {"sku": "A", "offerTermCode": "B"}}}},
        {"terms": {"FlatRate": {"plans": {}}}},
    ],
)
def test_a_text_of_another_shape(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedListing, match="not a product with its terms"):
        read_listing(json.dumps(CLOUDFRONT_EUROPE | change))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("publicationDate", "not a date", "publication date 'not a date' is not a UTC time"),
        (
            "publicationDate",
            "2026-02-31T00:00:00Z",
            "publication date '2026-02-31T00:00:00Z' is not a UTC time",
        ),
        ("publicationDate", "2026-02-28", "publication date '2026-02-28' is not a UTC time"),
        ("version", "20261399999999", "version '20261399999999' is not a time in 14 digits"),
        ("version", "00000000000000", "version '00000000000000' is not a time in 14 digits"),
        ("version", "2026", "version '2026' is not a time in 14 digits"),
    ],
)
def test_a_date_that_is_none_is_refused(name: str, text: str, told: str) -> None:
    with pytest.raises(MalformedListing) as error:
        read_listing(json.dumps(CLOUDFRONT_EUROPE | {name: text}))
    assert told in str(error.value)
