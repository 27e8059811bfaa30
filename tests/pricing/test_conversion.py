"""Offered products as prices: what is taken, what is left out, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws.fixtures import answered_by, on_demand_for, wire_products
from aws.samples import CLOUDFRONT_EUROPE, published_example
from costmodel.errors import (
    AllowanceChanged,
    BrokenTiers,
    ConflictingPrices,
    ImplausiblePrice,
    MalformedListing,
    NoOnDemandTerm,
    NothingOffered,
    NotInForce,
    OtherCurrency,
    PlaceholderPrice,
    UnusableUnit,
)
from costmodel.pricing.book import PriceBook
from costmodel.pricing.conversion import Known, LeftOut, converted
from costmodel.pricing.listing import read_listing
from costmodel.pricing.need import Distinction, Place, PriceNeed
from costmodel.pricing.offer import OfferedProduct
from costmodel.pricing.price import GLOBAL, Price, PriceQuery
from costmodel.pricing.snapshot import price_rows
from costmodel.services.needs import PRICE_NEEDS

BOOK = PriceBook.shipped()
KNOWN = Known(BOOK, BOOK, datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
NEEDS = answered_by(BOOK, PRICE_NEEDS)
REGION = "us-east-1"
INSTANCES = next(need for need in PRICE_NEEDS if need.containing == "BoxUsage:")
STORAGE = next(need for need in PRICE_NEEDS if need.containing == "EBS:")
LARGE = PriceQuery("AmazonEC2", REGION, "BoxUsage:m7g.large")

Step = tuple[str, str, str]


def listing(
    usage_type: str,
    steps: Sequence[Step] = (("0", "Inf", "0.0816000000"),),
    *,
    unit: str = "Hrs",
    sku: str = "SKU1",
    service_code: str = "AmazonEC2",
    currency: str = "USD",
    term_code: str = "JRTCKXETXF",
    applies_to: Sequence[str] = (),
    **attributes: str,
) -> dict[str, Any]:
    """A GetProducts product with one on-demand term; `attributes` beside those of a Linux instance."""
    linux = {
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "operation": "RunInstances",
        "locationType": "AWS Region",
        "regionCode": REGION,
    }
    return {
        "product": {
            "sku": sku,
            "attributes": {"servicecode": service_code, "usagetype": usage_type} | linux | attributes,
        },
        "serviceCode": service_code,
        "version": "20261007120000",
        "publicationDate": "2026-10-07T12:00:00Z",
        "terms": {
            "OnDemand": {f"{sku}.{term_code}": term(sku, term_code, steps, unit, currency, applies_to)}
        },
    }


def term(
    sku: str, code: str, steps: Sequence[Step], unit: str, currency: str, applies_to: Sequence[str]
) -> dict[str, Any]:
    dimensions = [
        {
            "rateCode": f"{sku}.{code}.{number}",
            "description": f"${price} per {unit}",
            "beginRange": begin,
            "endRange": end,
            "unit": unit,
            "pricePerUnit": {currency: price},
            "appliesTo": list(applies_to),
        }
        for number, (begin, end, price) in enumerate(steps)
    ]
    return {
        "sku": sku,
        "offerTermCode": code,
        "priceDimensions": {dimension["rateCode"]: dimension for dimension in dimensions},
        "termAttributes": {},
    }


def offered(*documents: dict[str, Any]) -> list[OfferedProduct]:
    return [read_listing(json.dumps(document)) for document in documents]


def prices(need: PriceNeed, *documents: dict[str, Any], region_id: str = REGION) -> list[Price]:
    return list(converted(offered(*documents), (need,), region_id, KNOWN).prices)


def ladder(price: Price) -> list[tuple[str, str, str]]:
    return [(f"{t.begin}", f"{t.end}", f"{t.list_unit_price}") for t in price.tiers]


def test_an_instance_with_its_sku_and_rate_code() -> None:
    (price,) = prices(INSTANCES, listing("BoxUsage:m7g.large"))
    assert price.query == LARGE
    assert ladder(price) == [("0", "None", "0.0816")]
    assert (price.sku_id, price.tiers[0].rate_code) == ("SKU1", "SKU1.JRTCKXETXF.0")
    assert (price.pricing_unit, price.currency, price.as_of) == ("Hrs", "USD", "2026-10-07")
    assert price.source == "AWS price list AmazonEC2 20261007120000"
    assert price.description == BOOK.price(LARGE).description


def test_a_new_price_is_described_in_aws_words() -> None:
    (price,) = prices(INSTANCES, listing("BoxUsage:m99g.large"))
    assert price.description == "$0.0816000000 per Hrs"


def test_the_published_example() -> None:
    (text,) = published_example("GetProducts")["output"]["PriceList"]
    (price,) = converted([read_listing(text)], (STORAGE,), "ca-central-1", KNOWN).prices
    assert price.query == PriceQuery("AmazonEC2", "ca-central-1", "EBS:VolumeUsage.piops")
    assert ladder(price) == [("0", "None", "0.138")]
    assert (price.pricing_unit, price.as_of) == ("GB-Mo", "2017-09-01")
    assert price.tiers[0].rate_code == "WQGC34PB2AWS8R4U.JRTCKXETXF.6YS6EN2CT7"


def test_a_real_product_of_cloudfront_is_the_price_of_the_snapshot() -> None:
    need = PriceNeed("AmazonCloudFront", (r"DataTransfer-Out-Bytes",), place=Place.EDGE)
    (price,) = prices(need, CLOUDFRONT_EUROPE)
    query = PriceQuery("AmazonCloudFront", "edge:europe", "DataTransfer-Out-Bytes")
    assert price.query == query
    assert ladder(price) == ladder(BOOK.price(query))
    assert price.tiers[6].rate_code == "VU3485RNDU6HBQF6.JRTCKXETXF.SW9U2ZKBYX"


@given(st.permutations(range(4)))
def test_tiers_in_any_order(order: list[int]) -> None:
    steps = [("0", "9", "4"), ("9", "10", "3"), ("10", "100", "2.50"), ("100", "Inf", "1.0000000000")]
    (price,) = prices(INSTANCES, listing("BoxUsage:a.b", [steps[at] for at in order]))
    assert ladder(price) == [("0", "9", "4"), ("9", "10", "3"), ("10", "100", "2.5"), ("100", "None", "1")]


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([("0", "10", "1"), ("20", "Inf", "2")], "a tier starts at 20; the tiers before it reach 10"),
        ([("0", "10", "1"), ("5", "Inf", "2")], "a tier starts at 5; the tiers before it reach 10"),
        ([("0", "Inf", "1"), ("0", "Inf", "2")], "a tier starts at 0; the tiers before it reach no end"),
        ([("0", "10", "1")], "no price beyond 10"),
        ([("1", "Inf", "1")], "a tier starts at 1; the tiers before it reach 0"),
        ([("0", "Inf", "-1")], "-1 is negative"),
        ([("0", "Inf", "1e-7")], "'1e-7' is not a plain decimal number"),
        ([("0", "Inf", "")], "'' is not a plain decimal number"),
        ([("0", "many", "1")], "'many' is not a plain decimal number"),
        ([("Inf", "Inf", "1")], "'Inf' is not a plain decimal number"),
    ],
)
def test_broken_tiers_are_refused(steps: list[Step], problem: str) -> None:
    with pytest.raises(BrokenTiers, match=problem):
        prices(INSTANCES, listing("BoxUsage:m7g.large", steps))


DECOYS = {
    "capacitystatus": {"capacitystatus": "AllocatedCapacityReservation"},
    "unused reservation": {"capacitystatus": "UnusedCapacityReservation"},
    "dedicated tenancy": {"tenancy": "Dedicated"},
    "dedicated host": {"tenancy": "Host"},
    "Windows": {"operatingSystem": "Windows", "operation": "RunInstances:0002"},
    "SQL Server": {"preInstalledSw": "SQL Web"},
    "Local Zone": {"locationType": "AWS Local Zone", "regionCode": "us-west-2-lax-1"},
    "Outpost": {"locationType": "AWS Outposts"},
    "GovCloud": {"regionCode": "us-gov-west-1"},
    "another region": {"regionCode": "eu-west-1", "usagetype": "EU-BoxUsage:m7g.large"},
    "another service": {"servicecode": "AmazonEKS"},
    "bare metal": {"usagetype": "BoxUsage:m7g.metal"},
    "spot": {"usagetype": "SpotUsage:m7g.large"},
}


@pytest.mark.parametrize("changes", DECOYS.values(), ids=DECOYS.keys())
@pytest.mark.parametrize("price", ["0.0000000000", "0.0816000000", "99.9900000000"])
def test_look_alikes_of_an_instance_are_ignored(changes: dict[str, str], price: str) -> None:
    decoy = listing("BoxUsage:m7g.large", [("0", "Inf", price)], sku="A")
    decoy["product"]["attributes"] |= changes
    (found,) = prices(INSTANCES, decoy, listing("BoxUsage:m7g.large"))
    assert (found.query, found.sku_id) == (LARGE, "SKU1")


@pytest.mark.parametrize(
    ("usage_type", "others", "digits"),
    [
        ("WriteRequestUnits", ["IA-WriteRequestUnits", "ReplWriteRequestUnits"], "0.00000062"),
        ("TimedStorage-ByteHrs", ["IA-TimedStorage-ByteHrs", "TimedStorage-ByteHrs-Outposts"], "0.2"),
    ],
)
def test_variants_of_dynamodb_are_kept_apart(usage_type: str, others: list[str], digits: str) -> None:
    need = PriceNeed("AmazonDynamoDB", (usage_type,))
    unit = "WriteRequestUnits" if "Write" in usage_type else "GB-Mo"
    documents = [
        listing(
            f"USE1-{name}",
            [("0", "Inf", f"{digits}{at}")],
            unit=unit,
            sku=name,
            service_code="AmazonDynamoDB",
        )
        for at, name in enumerate([usage_type, *others])
    ]
    (found,) = prices(need, *documents)
    assert found.sku_id == usage_type


def test_a_placeholder_of_zero_beside_the_price_is_ignored() -> None:
    zero = listing("BoxUsage:m7g.large", [("0", "Inf", "0.0000000000")], sku="A")
    (found,) = prices(INSTANCES, zero, listing("BoxUsage:m7g.large"))
    assert found.sku_id == "SKU1"


def test_a_placeholder_of_zero_alone_is_refused() -> None:
    with pytest.raises(PlaceholderPrice, match=r"BoxUsage:m7g.large: the only price listed is 0"):
        prices(INSTANCES, listing("BoxUsage:m7g.large", [("0", "Inf", "0.0000000000")]))


def test_a_tier_at_zero_among_others_is_refused() -> None:
    steps = [("0", "10", "0.08"), ("10", "Inf", "0.0000000000")]
    with pytest.raises(PlaceholderPrice, match=r"BoxUsage:m7g.large: the price listed from 10 on is 0"):
        prices(INSTANCES, listing("BoxUsage:m7g.large", steps))


@pytest.mark.parametrize("usd", ["0.0163200000", "0.4080000000"])
def test_a_fifth_and_five_times_the_price_before_are_taken(usd: str) -> None:
    (found,) = prices(INSTANCES, listing("BoxUsage:m7g.large", [("0", "Inf", usd)]))
    assert ladder(found) == [("0", "None", usd.rstrip("0"))]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([("0", "Inf", "0.0163100000")], "0.01631 per Hrs from 0 on, 0.0816 before"),
        ([("0", "Inf", "0.4080000001")], "0.4080000001 per Hrs from 0 on, 0.0816 before"),
        ([("0", "10", "0.08"), ("10", "Inf", "0.008")], "0.008 per Hrs from 10 on, 0.0816 before"),
    ],
    ids=["down", "up", "in one tier"],
)
def test_a_price_beyond_that_is_taken_for_a_mistake(steps: list[Step], told: str) -> None:
    with pytest.raises(
        ImplausiblePrice, match=f"m7g.large: {told}: more than 5 times apart.*Try again.*accept"
    ):
        prices(INSTANCES, listing("BoxUsage:m7g.large", steps))


def test_a_new_price_is_not_any() -> None:
    with pytest.raises(
        ImplausiblePrice, match=r"m99g.large: 4711 per Hrs, 0\.07700 to 0\.1217 by size in other"
    ):
        prices(INSTANCES, listing("BoxUsage:m99g.large", [("0", "Inf", "4711")]))


def test_a_new_price_that_is_like_nothing_is_taken_and_named() -> None:
    need = PriceNeed("AmazonDAX", (r"NodeUsage:dax\.r5\.large",))
    node = listing("NodeUsage:dax.r5.large", [("0", "Inf", "4711")], service_code="AmazonDAX")
    answer = converted(offered(node), (need,), REGION, KNOWN)
    assert answer.uncompared == answer.prices


def test_a_price_of_a_new_region_is_held_against_the_other_regions() -> None:
    def volume(usd: str) -> dict[str, Any]:
        steps = [("0", "Inf", usd)]
        return listing("EUW2-EBS:VolumeUsage.gp3", steps, unit="GB-Mo", regionCode="eu-west-2")

    name = "AmazonEC2 eu-west-2 EBS:VolumeUsage.gp3"
    (found,) = prices(STORAGE, volume("0.0928"), region_id="eu-west-2")
    assert ladder(found) == [("0", "None", "0.0928")]
    with pytest.raises(
        ImplausiblePrice,
        match=f"{name}: 0.928 per GB-Mo, 0.08 to 0.152 in other regions: more than 2.46 times beyond that.*"
        f"--accept-moved '{name}'",
    ):
        prices(STORAGE, volume("0.928"), region_id="eu-west-2")
    accepting = replace(KNOWN, accepted=frozenset({name}))
    (told,) = converted(offered(volume("0.928")), (STORAGE,), "eu-west-2", accepting).moved
    assert (told.name, told.known, told.where) == (name, Decimal("0.152"), "in other regions")


def test_zero_is_the_price_of_what_aws_does_not_charge() -> None:
    need = PriceNeed("AmazonEC2", (r"DataTransfer-In-Bytes",), free=True)
    (found,) = prices(need, listing("USE1-DataTransfer-In-Bytes", [("0", "Inf", "0")], unit="GB"))
    assert ladder(found) == [("0", "None", "0")]


def test_the_same_price_under_several_skus_is_one_price() -> None:
    """As with S3 requests, which AWS lists for each operation (AmazonS3 offer, 2026-06-12)."""
    twins = [listing("BoxUsage:m7g.large", sku=sku) for sku in ("B", "A", "C")]
    twins[0]["product"]["attributes"]["operation"] = "RunInstances"
    (found,) = prices(INSTANCES, *twins)
    assert found.sku_id == "A"


def test_several_skus_with_different_prices_are_refused() -> None:
    other = listing("BoxUsage:m7g.large", [("0", "Inf", "0.09")], sku="SKU2")
    with pytest.raises(ConflictingPrices, match=r"SKU1 at 0.0816 per Hrs, SKU2 at 0.09 per Hrs"):
        prices(INSTANCES, listing("BoxUsage:m7g.large"), other)


def test_a_sku_that_comes_twice_is_one_price() -> None:
    """Two questions may find the same product."""
    assert len(prices(INSTANCES, listing("BoxUsage:m7g.large"), listing("BoxUsage:m7g.large"))) == 1


def test_units() -> None:
    with pytest.raises(UnusableUnit, match="unknown unit 'Furlongs'"):
        prices(INSTANCES, listing("BoxUsage:m7g.large", unit="Furlongs"))
    with pytest.raises(UnusableUnit, match="counts in 'GB' now, in 'Hrs' before"):
        prices(INSTANCES, listing("BoxUsage:m7g.large", unit="GB"))
    mixed = listing("BoxUsage:x.y", [("0", "1", "1"), ("1", "Inf", "2")])
    next(iter(mixed["terms"]["OnDemand"].values()))["priceDimensions"]["SKU1.JRTCKXETXF.0"]["unit"] = "GB"
    with pytest.raises(UnusableUnit, match="its tiers count in different units: GB, Hrs"):
        prices(INSTANCES, mixed)


def test_units_that_say_the_same() -> None:
    edge = PriceNeed("AmazonCloudFront", (r"Lambda-Edge-Request",))
    request = listing(
        "Lambda-Edge-Request", [("0", "Inf", "0.0000006")], unit="Request", service_code="AmazonCloudFront"
    )
    assert prices(edge, request)[0].pricing_unit == "Requests"
    acl = PriceNeed("awswaf", (r"WebACLV2",), units={"Month": "WebACL-Mo"})
    web_acl = listing("USE1-WebACLV2", [("0", "Inf", "5")], unit="Month", service_code="awswaf")
    assert prices(acl, web_acl)[0].pricing_unit == "WebACL-Mo"


def test_another_currency_is_refused() -> None:
    with pytest.raises(OtherCurrency, match="priced in CNY, not in USD"):
        prices(INSTANCES, listing("BoxUsage:m7g.large", currency="CNY"))


def test_nothing_for_a_need_is_refused() -> None:
    """In words: by the names of the prices that AWS should have confirmed, not by the pattern that finds them."""
    told = r"AmazonEC2 us-east-1: AWS lists nothing like BoxUsage:[a-z0-9.-]+ and [0-9]+ more\. "
    with pytest.raises(NothingOffered, match=told):
        prices(INSTANCES, listing("BoxUsage:m7g.large", tenancy="Dedicated"))


def test_nothing_for_a_need_that_the_book_has_no_price_of_is_told_in_words() -> None:
    need = PriceNeed("AmazonEC2", (r"Elastic(IP|Inference):[a-z]+",))
    with pytest.raises(NothingOffered, match="AWS lists none of the products that costmodel needs here"):
        prices(need, listing("BoxUsage:m7g.large"))


def test_a_product_nobody_can_buy_is_refused() -> None:
    document = listing("BoxUsage:m7g.large")
    del document["terms"]["OnDemand"]
    with pytest.raises(NoOnDemandTerm, match="product SKU1 has no on-demand term"):
        prices(INSTANCES, document)


RESERVED = {
    "4NA7Y494T4": ("1yr", "standard", "No Upfront", [("0", "Inf", "0.0540000000", "Hrs")]),
    "HU7G6KETJZ": (
        "1yr",
        "standard",
        "Partial Upfront",
        [("", "", "225", "Quantity"), ("0", "Inf", "0.0257000000", "Hrs")],
    ),
    "VJWZNREJX2": (
        "1yr",
        "convertible",
        "All Upfront",
        [("0", "Inf", "0.0000000000", "Hrs"), ("", "", "505", "Quantity")],
    ),
}


def with_reserved(document: dict[str, Any]) -> dict[str, Any]:
    document["terms"]["Reserved"] = {
        f"SKU1.{code}": {
            "sku": "SKU1",
            "offerTermCode": code,
            "termAttributes": {
                "LeaseContractLength": lease,
                "OfferingClass": offering_class,
                "PurchaseOption": option,
            },
            "priceDimensions": {
                f"SKU1.{code}.{number}": {
                    "rateCode": f"SKU1.{code}.{number}",
                    "unit": unit,
                    "pricePerUnit": {"USD": usd},
                }
                | ({"beginRange": begin, "endRange": end} if begin else {})
                for number, (begin, end, usd, unit) in enumerate(dimensions)
            },
        }
        for code, (lease, offering_class, option, dimensions) in RESERVED.items()
    }
    return document


def test_reserved_terms_with_their_upfront_fees() -> None:
    found = {
        (price.query.term, price.query.attributes, price.pricing_unit): ladder(price)
        for price in prices(INSTANCES, with_reserved(listing("BoxUsage:m7g.large")))
    }
    fee = (("fee", "upfront"),)
    assert found == {
        ("OnDemand", (), "Hrs"): [("0", "None", "0.0816")],
        ("Reserved standard 1yr No Upfront", (), "Hrs"): [("0", "None", "0.054")],
        ("Reserved standard 1yr Partial Upfront", (), "Hrs"): [("0", "None", "0.0257")],
        ("Reserved standard 1yr Partial Upfront", fee, "Quantity"): [("0", "None", "225")],
        ("Reserved convertible 1yr All Upfront", (), "Hrs"): [("0", "None", "0")],
        ("Reserved convertible 1yr All Upfront", fee, "Quantity"): [("0", "None", "505")],
    }


@pytest.mark.parametrize(
    ("code", "changes", "error", "told"),
    [
        ("4NA7Y494T4", {"usd": "0"}, PlaceholderPrice, "1yr No Upfront.: the only price listed is 0"),
        ("VJWZNREJX2", {"usd": "0"}, PlaceholderPrice, "1yr All Upfront.: the only price listed is 0"),
        ("4NA7Y494T4", {"unit": "Quantity"}, UnusableUnit, "1yr No Upfront.: counts in 'Quantity', as a fee"),
    ],
    ids=["an hour at zero", "neither an hour nor a fee", "hours as a fee"],
)
def test_a_reserved_term_nobody_pays_as_its_name_says_is_refused(
    code: str, changes: dict[str, str], error: type[Exception], told: str
) -> None:
    document = with_reserved(listing("BoxUsage:m7g.large"))
    for dimension in document["terms"]["Reserved"][f"SKU1.{code}"]["priceDimensions"].values():
        if "usd" in changes:
            dimension["pricePerUnit"] = {"USD": changes["usd"]}
        dimension |= {name: value for name, value in changes.items() if name == "unit"}
    with pytest.raises(error, match=told):
        prices(INSTANCES, document)


def test_reserved_terms_of_rds_are_named_without_their_one_class() -> None:
    need = PriceNeed(
        "AmazonRDS",
        (r"InstanceUsage:db\.m7g\.large",),
        distinctions=(Distinction("engine", "databaseEngine", {"PostgreSQL": "PostgreSQL"}),),
        terms=("Reserved",),
    )
    document = with_reserved(
        listing("InstanceUsage:db.m7g.large", service_code="AmazonRDS", databaseEngine="PostgreSQL")
    )
    found = {(price.query.term, price.query.attributes) for price in prices(need, document)}
    engine, fee = ("engine", "PostgreSQL"), ("fee", "upfront")
    assert found == {
        ("Reserved 1yr No Upfront", (engine,)),
        ("Reserved 1yr Partial Upfront", (engine,)),
        ("Reserved 1yr Partial Upfront", (engine, fee)),
        ("Reserved 1yr All Upfront", (engine,)),
        ("Reserved 1yr All Upfront", (engine, fee)),
    }


STREAMS = PriceNeed("AmazonDynamoDB", (r"Streams-Requests",))
"""2 500 000 a month and region are free."""


def streams(*steps: Step) -> dict[str, Any]:
    return listing("USE1-Streams-Requests", steps, unit="Requests", service_code="AmazonDynamoDB")


def test_a_first_free_step_is_the_allowance_and_not_a_price() -> None:
    (found,) = prices(STREAMS, streams(("2500000", "Inf", "0.0000002"), ("0", "2500000", "0.0000000000")))
    assert ladder(found) == [("0", "None", "2E-7")]
    assert found.tiers[0].rate_code == "SKU1.JRTCKXETXF.0"


@pytest.mark.parametrize(
    ("steps", "error", "problem"),
    [
        (
            [("0", "5000000", "0"), ("5000000", "Inf", "1")],
            AllowanceChanged,
            "up to 5000000 are free now, 2500000 were before",
        ),
        ([("0", "2500000", "0"), ("3000000", "Inf", "1")], BrokenTiers, "a tier starts at 3000000"),
        ([("7", "2500000", "0"), ("2500000", "Inf", "1")], BrokenTiers, "what is free starts at 7"),
        ([("0", "9", "1"), ("9", "Inf", "0"), ("9", "Inf", "0")], BrokenTiers, "a tier starts at 9"),
    ],
)
def test_a_first_free_step_that_is_not_the_allowance(
    steps: list[Step], error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        prices(STREAMS, streams(*steps))


def test_a_free_step_the_book_has_no_allowance_for_is_refused() -> None:
    steps = [("0", "750", "0"), ("750", "Inf", "0.0816")]
    with pytest.raises(AllowanceChanged, match="up to 750 are free now, which the price book does not know"):
        prices(INSTANCES, listing("BoxUsage:m7g.large", steps))


KEYS = PriceNeed("awskms", (r"KMS-Requests",))
"""20 000 requests a month are free, over all regions."""


def kms(*grants: dict[str, Any]) -> list[dict[str, Any]]:
    priced = listing(
        "us-east-1-KMS-Requests", [("0", "Inf", "0.000003")], unit="Requests", service_code="awskms"
    )
    return [*grants, priced]


def grant(quantity: str, *applies_to: str, term_code: str = "A429C66SYZ") -> dict[str, Any]:
    return listing(
        "Global-KMS-Requests",
        [("0", quantity, "0.0000000000")],
        unit="Requests",
        sku="FREE",
        service_code="awskms",
        term_code=term_code,
        applies_to=applies_to,
        regionCode="",
        location="Any",
    )


@pytest.mark.parametrize("applies_to", [("SKU1",), ("OTHER", "SKU1"), ()])
def test_an_allowance_of_its_own_is_no_price(applies_to: tuple[str, ...]) -> None:
    """Without `appliesTo`, as in a CSV file, its usage type tells what it is granted on."""
    (found,) = prices(KEYS, *kms(grant("20000", *applies_to)))
    assert ladder(found) == [("0", "None", "0.000003")]


@pytest.mark.parametrize("applies_to", [("SKU1",), ()])
def test_an_allowance_that_has_changed_is_refused(applies_to: tuple[str, ...]) -> None:
    with pytest.raises(
        AllowanceChanged, match=r"up to 30000 are free now, 20000 were before \(kms-requests\)"
    ):
        prices(KEYS, *kms(grant("30000", *applies_to)))


def test_a_grant_that_no_allowance_is_known_for_is_told() -> None:
    """Bills go on charging for what it covers; nobody should have to find that out from an invoice."""
    key = listing("us-east-1-KMS-Keys", [("0", "Inf", "1")], unit="Keys", service_code="awskms", sku="SKU2")
    free = grant("3", "SKU2")
    free["product"]["attributes"]["usagetype"] = "Global-KMS-Keys"
    needs = (KEYS, PriceNeed("awskms", (r"KMS-Keys",)))
    found = converted(offered(*kms(free, grant("20000", "SKU1")), key), needs, REGION, KNOWN)
    told = (
        "'Global-KMS-Keys' grants up to 3 Requests free on KMS-Keys, and no allowance is known for it. Bills charge for all "
        "of it, as for what AWS grants to new accounts alone"
    )
    assert found.left_out == (LeftOut("awskms us-east-1", told),)
    assert [of.allowance_id for of in found.stated] == ["kms-requests"]
    assert {price.query.usage_type for price in found.prices} == {"KMS-Requests", "KMS-Keys"}


def test_a_grant_on_the_product_itself_is_no_price() -> None:
    """A free term beside the ordinary one, on one SKU."""
    document = listing("BoxUsage:m7g.large")
    free = term("SKU1", "A429C66SYZ", [("0", "750", "0.0000000000")], "Hrs", "USD", ())
    document["terms"]["OnDemand"]["SKU1.A429C66SYZ"] = free
    assert [ladder(price) for price in prices(INSTANCES, document)] == [[("0", "None", "0.0816")]]


TODAY, BEFORE, LATER = "2026-11-24T12:00:00Z", "2026-10-01T00:00:00Z", "2026-11-24T12:00:01Z"


def in_time(*terms: tuple[str, str, str], usage_type: str = "BoxUsage:m7g.large") -> dict[str, Any]:
    """A product with on-demand terms of these codes, that begin then, at these prices."""
    document = listing(usage_type)
    document["terms"]["OnDemand"] = {
        f"SKU1.{code}": term("SKU1", code, [("0", "Inf", usd)], "Hrs", "USD", ()) | {"effectiveDate": begins}
        for code, begins, usd in terms
    }
    return document


@pytest.mark.parametrize(
    "terms",
    [
        [("JRTCKXETXF", BEFORE, "0.07"), ("NEWER", TODAY, "0.08")],
        [("NEWER", TODAY, "0.08"), ("JRTCKXETXF", BEFORE, "0.07")],
        [("JRTCKXETXF", TODAY, "0.08"), ("OLDER", BEFORE, "0.07"), ("COMING", LATER, "0.09")],
        [("JRTCKXETXF", TODAY, "0.08"), ("SAME", TODAY, "0.0800")],
        [("JRTCKXETXF", "2026-11-24", "0.08"), ("OLDER", "2026-11-23T23:59:59.999Z", "0.07")],
        [("ONLY", TODAY, "0.08")],
        [("JRTCKXETXF", "", "0.08")],
    ],
)
def test_the_price_that_began_last_holds(terms: list[tuple[str, str, str]]) -> None:
    (price,) = prices(INSTANCES, in_time(*terms))
    assert ladder(price) == [("0", "None", "0.08")]


@pytest.mark.parametrize(
    ("terms", "error", "problem"),
    [
        (
            [("JRTCKXETXF", TODAY, "0.08"), ("OTHER", TODAY, "0.09")],
            ConflictingPrices,
            "its terms JRTCKXETXF and OTHER are both in force, at different prices",
        ),
        (
            [("JRTCKXETXF", TODAY, "0.08"), ("UNDATED", "", "0.09")],
            ConflictingPrices,
            "its terms JRTCKXETXF and UNDATED are both in force",
        ),
        ([("JRTCKXETXF", LATER, "0.08")], NotInForce, f"its price is in force from {LATER} on"),
        ([("JRTCKXETXF", "soon", "0.08")], MalformedListing, "in force from 'soon', which is no time in UTC"),
        (
            [("JRTCKXETXF", "2026-13-45T99:99:99Z", "0.08")],
            MalformedListing,
            "in force from '2026-13-45T99:99:99Z', which is no time in UTC",
        ),
        (
            [("JRTCKXETXF", "2026-02-30", "0.08")],
            MalformedListing,
            "in force from '2026-02-30', which is no time in UTC",
        ),
    ],
)
def test_prices_that_hold_together_or_not_yet_are_refused(
    terms: list[tuple[str, str, str]], error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        prices(INSTANCES, in_time(*terms))


def test_something_new_that_is_to_come_is_left_out() -> None:
    coming = in_time(("JRTCKXETXF", LATER, "0.08"), usage_type="BoxUsage:m99g.large")
    coming["product"]["sku"] = "SKU2"
    coming["terms"] = json.loads(json.dumps(coming["terms"]).replace("SKU1", "SKU2"))
    (price,) = prices(INSTANCES, coming, listing("BoxUsage:m7g.large"))
    assert price.query == LARGE


def test_a_reserved_term_that_is_to_come_is_not_used() -> None:
    document = listing("BoxUsage:m7g.large")
    form = {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "No Upfront"}
    document["terms"]["Reserved"] = {
        f"SKU1.{code}": term("SKU1", code, [("0", "Inf", usd)], "Hrs", "USD", ())
        | {"effectiveDate": begins, "termAttributes": form}
        for code, begins, usd in (("4NA7Y494T4", BEFORE, "0.054"), ("COMING", LATER, "0.044"))
    }
    _, reserved = prices(INSTANCES, document)
    assert reserved.query.term == "Reserved standard 1yr No Upfront"
    assert ladder(reserved) == [("0", "None", "0.054")]


SOLD = {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "No Upfront"}


@pytest.mark.parametrize(
    ("odd", "stated"),
    [
        ({"LeaseContractLength": "5yr"}, "LeaseContractLength '5yr', OfferingClass 'standard', PurchaseOption 'No Upfront'"),
        ({"LeaseContractLength": ""}, "LeaseContractLength '', OfferingClass 'standard', PurchaseOption 'No Upfront'"),
        ({"OfferingClass": ""}, "LeaseContractLength '1yr', OfferingClass '', PurchaseOption 'No Upfront'"),
        ({"OfferingClass": "gold"}, "LeaseContractLength '1yr', OfferingClass 'gold', PurchaseOption 'No Upfront'"),
        ({"PurchaseOption": ""}, "LeaseContractLength '1yr', OfferingClass 'standard', PurchaseOption ''"),
        ({"PurchaseOption": "Heavy Utilization"},
         "LeaseContractLength '1yr', OfferingClass 'standard', PurchaseOption 'Heavy Utilization'"),
        ({"PurchaseOption": "No Upfront\x1b"},
         "LeaseContractLength '1yr', OfferingClass 'standard', PurchaseOption 'No Upfront\\x1b'"),
    ],
)  # fmt: skip
def test_a_reservation_of_a_term_that_nobody_sells_is_told_and_left_out(
    odd: dict[str, str], stated: str
) -> None:
    documents = [listing("BoxUsage:m7g.large"), listing("BoxUsage:c7g.large", sku="SKU2")]
    for document in documents:
        sku = document["product"]["sku"]
        document["terms"]["Reserved"] = {
            f"{sku}.{code}": term(sku, code, [("0", "Inf", "0.054")], "Hrs", "USD", ())
            | {"termAttributes": form}
            for code, form in (("4NA7Y494T4", SOLD), ("ODDODDODDO", SOLD | odd))
        }
    found = converted(offered(*documents), (INSTANCES,), REGION, KNOWN)
    assert {price.query.term for price in found.prices} == {"OnDemand", "Reserved standard 1yr No Upfront"}
    (left,) = found.left_out
    assert left.subject == "AmazonEC2 us-east-1"
    assert left.problem.startswith(
        f"reservations of {stated} on BoxUsage:c7g.large and 1 more; known are 1yr and 3yr, "
    )


@pytest.mark.parametrize("needed", [True, False])
def test_a_term_that_charges_for_another_product_is_refused(needed: bool) -> None:
    """Only at 0 does it state an allowance."""
    other = kms(grant("20000", "SKU1"))[0]
    if needed:
        other["product"]["attributes"]["usagetype"] = "us-east-1-KMS-Requests"
        other["product"]["attributes"]["regionCode"] = REGION
    (wire,) = other["terms"]["OnDemand"].values()
    for rate in wire["priceDimensions"].values():
        rate["pricePerUnit"] = {"USD": "0.0000010000"}
        rate["endRange"] = "Inf"
    with pytest.raises(ConflictingPrices, match="of product FREE charges for it as well"):
        prices(KEYS, *kms(other))


def test_plans_are_named_by_their_code() -> None:
    need = next(need for need in PRICE_NEEDS if need.service_code == "CloudFrontPlans")
    document = listing("Global-CloudFrontPlan-Pro", service_code="CloudFrontPlans")
    document["product"]["attributes"] = {
        "servicecode": "CloudFrontPlans",
        "usagetype": "Global-CloudFrontPlan-Pro",
        "operation": "CloudFrontPlan",
    }
    plan = {
        "sku": "SKU1",
        "planCode": "Pro",
        "subscriptionPrice": {"rateCode": "R", "pricePerUnit": {"USD": "15.00"}},
    }
    document["terms"] = {"FlatRate": {"plans": [plan]}}
    (found,) = prices(need, document)
    assert found.query == PriceQuery("CloudFrontPlans", GLOBAL, "Pro", (), "FlatRate")
    assert (ladder(found), found.pricing_unit) == ([("0", "None", "15")], "Mo")


def test_every_price_of_the_snapshot_among_decoys() -> None:
    """Straight from products to prices, without the Query API's filters; see test_query_api for those."""
    region_id = "eu-west-1"
    every = wire_products(BOOK, NEEDS, seed=2)
    found = converted(
        offered(*(product for of_service in every.values() for product in of_service)),
        NEEDS,
        region_id,
        KNOWN,
    ).prices
    here = {
        price.query: (ladder(price), price.pricing_unit, price.currency)
        for price in BOOK.prices()
        if price.query.region_id in (region_id, GLOBAL) or price.query.region_id.startswith("edge:")
        if any(need.covers(price.query) for need in NEEDS)
    }
    taken = {price.query: (ladder(price), price.pricing_unit, price.currency) for price in found}
    assert {query: taken.get(query) for query in here} == here
    added = {query for query in taken if query not in here}
    reserved = [price for price in BOOK.prices() if price.query.term.startswith("Reserved")]
    made_up = {(of.query, of.tiers) for of in map(on_demand_for, reserved)}
    assert added, "of products with reserved terms alone"
    assert {
        (price.query, tuple(replace(tier, rate_code="") for tier in price.tiers))
        for price in found
        if price.query in added
    } <= made_up


def test_the_fixtures_repeat_themselves_and_hold_decoys() -> None:
    needs = [need for need in PRICE_NEEDS if need.service_code in ("awskms", "AWSELB")]
    first, again = wire_products(BOOK, needs, seed=3), wire_products(BOOK, needs, seed=3)
    plain = wire_products(BOOK, needs, seed=3, decoys=False)
    assert first == again
    assert first != wire_products(BOOK, needs, seed=4)
    assert len(first["awskms"]) > 2 * len(plain["awskms"])


@pytest.mark.parametrize("what", ["rate code", "SKU", "usage type"])
@pytest.mark.parametrize("character", ["\x1b[31m", "\n", "\x00", "\u202e"])
def test_a_code_that_cannot_be_printed_gets_into_no_book(what: str, character: str) -> None:
    document = listing("BoxUsage:m7g.large")
    text = json.dumps(document)
    bad = json.dumps(character)[1:-1]
    (changed,) = {
        "rate code": [text.replace('"rateCode": "SKU1', f'"rateCode": "{bad}SKU1')],
        "SKU": [text.replace("SKU1", f"SKU1{bad}")],
        "usage type": [text.replace("m7g.large", f"m7g.large{bad}")],
    }[what]
    need = replace(INSTANCES, usage_types=(r"(?s:BoxUsage:.+)",))
    (price,) = prices(need, json.loads(changed))
    with pytest.raises(
        MalformedListing, match=f"its {what} .* holds a character that cannot be printed"
    ) as told:
        price_rows(price)
    assert str(told.value).isprintable()


def test_a_description_of_several_lines_is_one() -> None:
    document = listing("BoxUsage:m99g.large")
    (rate,) = document["terms"]["OnDemand"]["SKU1.JRTCKXETXF"]["priceDimensions"].values()
    rate["description"] = " $0.08 per\tOn Demand\r\nLinux\u00a0m99g.large "
    (price,) = prices(INSTANCES, document)
    assert price.description == "$0.08 per On Demand Linux m99g.large"


def test_a_price_that_would_have_to_be_rounded_is_refused() -> None:
    """28 digits are kept as they are; more were once rounded, and nobody was told."""
    (found,) = prices(INSTANCES, listing("BoxUsage:m7g.large", [("0", "Inf", f"0.08{'1' * 25}")]))
    assert f"{found.tiers[0].list_unit_price:f}" == f"0.08{'1' * 25}"
    with pytest.raises(BrokenTiers, match=r"0\.08111111.*\.\.\. has 29 digits, a number here at most 28"):
        prices(INSTANCES, listing("BoxUsage:m7g.large", [("0", "Inf", f"0.08{'1' * 26}")]))
