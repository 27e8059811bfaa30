"""What services declare they need: it covers the snapshot, and it tells look-alikes apart."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from costmodel.pricing.book import PriceBook
from costmodel.pricing.need import FROM_REGION, TO_REGION, Distinction, Place, PriceNeed, wanted
from costmodel.pricing.offer import Product
from costmodel.pricing.price import GLOBAL, PriceQuery
from costmodel.services.needs import PRICE_NEEDS
from costmodel.services.registry import SERVICES

ROOT = Path(__file__).parents[2]

NOT_SHIPPED = ("AmazonDAX",)
"""Offers of which the snapshot has no price: no dated source gives them, and public figures disagree."""

Needed = list[tuple[PriceQuery, list[PriceNeed]]]


def builder():
    spec = importlib.util.spec_from_file_location("snapshot_builder", ROOT / "tools" / "build_snapshot.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def needed() -> Needed:
    """Every price query of the snapshot with the needs that cover it, but for names of our own."""
    own_names = set(builder().OWN_NAMES.values())
    by_service = {
        service_code: [need for need in PRICE_NEEDS if need.service_code == service_code]
        for service_code in {need.service_code for need in PRICE_NEEDS}
    }
    return [
        (price.query, [need for need in by_service[price.query.service_code] if need.covers(price.query)])
        for price in PriceBook.shipped().prices()
        if price.query.usage_type not in own_names
    ]


def test_needs_cover_every_price_of_the_snapshot(needed: Needed) -> None:
    assert [query for query, needs in needed if not needs] == []


def test_no_price_of_the_snapshot_is_needed_in_two_ways(needed: Needed) -> None:
    """Two needs for one query could read different products as its price."""
    assert [query for query, needs in needed if len(needs) > 1] == []


def test_every_pattern_and_value_is_of_use(needed: Needed) -> None:
    """What no price of the snapshot answers to would be a filter nobody checked."""
    for need in (need for need in PRICE_NEEDS if need.service_code not in NOT_SHIPPED):
        covered = [query for query, needs in needed if need in needs]
        for pattern in need.usage_types:
            assert any(re.fullmatch(pattern, query.usage_type) for query in covered), pattern
        for of in need.distinctions:
            assert {dict(query.attributes)[of.name] for query in covered} == set(of.values.values())


def test_every_service_is_billed_on_something_once() -> None:
    """Instances and functions are needed by two services alike, and asked for once."""
    assert all(service.prices and len(service.prices) == len(set(service.prices)) for service in SERVICES)
    assert len(PRICE_NEEDS) == len({need for service in SERVICES for need in service.prices})


def test_the_text_to_narrow_on_is_in_every_usage_type_needed(needed: Needed) -> None:
    for query, needs in needed:
        assert all(need.containing in need.prefix + query.usage_type for need in needs)


def product(usage_type: str, **attributes: str) -> Product:
    return Product("SKU", {"usagetype": usage_type, "servicecode": "AmazonEC2"} | attributes)


STORAGE = PriceNeed("AmazonEC2", (r"EBS:VolumeUsage\.gp3",))


@pytest.mark.parametrize(
    ("usage_type", "region_id"),
    [
        ("EBS:VolumeUsage.gp3", "us-east-1"),
        ("USE1-EBS:VolumeUsage.gp3", "us-east-1"),
        ("EU-EBS:VolumeUsage.gp3", "eu-west-1"),
        ("EUC1-EBS:VolumeUsage.gp3", "eu-central-1"),
        ("us-east-1-EBS:VolumeUsage.gp3", "us-east-1"),
        ("NEW9-EBS:VolumeUsage.gp3", None),
    ],
)
def test_the_region_prefix_is_left_out(usage_type: str, region_id: str | None) -> None:
    place = region_id or "eu-north-9"
    found = STORAGE.query_of(product(usage_type, regionCode=place), place)
    assert found == (PriceQuery("AmazonEC2", place, "EBS:VolumeUsage.gp3") if region_id else None)


def test_nodes_of_dax_as_the_wire_names_them() -> None:
    """An offer of its own, of which the snapshot has no price to try it on."""
    need = next(need for need in PRICE_NEEDS if need.service_code == "AmazonDAX")
    small = product("EU-NodeUsage:dax.t3.small", servicecode="AmazonDAX", regionCode="eu-west-1")
    assert need.query_of(small, "eu-west-1") == PriceQuery("AmazonDAX", "eu-west-1", "NodeUsage:dax.t3.small")


@pytest.mark.parametrize(
    "other",
    [
        {"regionCode": "eu-west-1"},
        {"regionCode": "us-east-1", "locationType": "AWS Outposts"},
        {"regionCode": "us-east-1", "locationType": "AWS Local Zone"},
        {"regionCode": "us-gov-west-1"},
        {"regionCode": ""},
        {"regionCode": "us-east-1", "servicecode": "AWSDataTransfer"},
    ],
)
def test_other_places_and_other_services_are_not_needed(other: dict[str, str]) -> None:
    assert STORAGE.query_of(product("EBS:VolumeUsage.gp3", **other), "us-east-1") is None


def test_a_product_without_region_code_is_placed_by_its_prefix() -> None:
    """As the answers of 2017 were, and those of RDS in March 2022 (boto3 issue 3200)."""
    found = STORAGE.query_of(product("CAN1-EBS:VolumeUsage.gp3", location="Canada (Central)"), "ca-central-1")
    assert found == PriceQuery("AmazonEC2", "ca-central-1", "EBS:VolumeUsage.gp3")
    assert STORAGE.query_of(product("EBS:VolumeUsage.gp3"), "us-east-1") is None


def test_edge_prices_are_placed_by_geography() -> None:
    need = PriceNeed("AmazonEC2", (r"Requests-Tier1", r"DataTransfer-Out-Bytes"), place=Place.EDGE)
    requests = product("EU-Requests-Tier1", location="Europe", regionCode="")
    transfer = product("SA-DataTransfer-Out-Bytes", fromLocation="South America", fromRegionCode="")
    everywhere = product("Global-Requests-Tier1", location="Any", regionCode="")
    assert need.query_of(requests, "us-east-1") == PriceQuery("AmazonEC2", "edge:europe", "Requests-Tier1")
    assert need.query_of(transfer, "us-east-1") == PriceQuery(
        "AmazonEC2", "edge:south_america", "DataTransfer-Out-Bytes"
    )
    assert need.query_of(everywhere, "us-east-1") is None


def test_global_prices_name_no_place() -> None:
    need = PriceNeed("AmazonEC2", (r"Invalidations",), place=Place.GLOBAL)
    nowhere = PriceQuery("AmazonEC2", GLOBAL, "Invalidations")
    assert need.query_of(product("Invalidations"), "us-east-1") == nowhere
    assert need.query_of(product("Invalidations", location="Any", regionCode=""), "us-east-1") == nowhere
    assert need.query_of(product("Invalidations", regionCode="us-east-1"), "us-east-1") is None
    assert need.query_of(product("Invalidations", fromLocation="Europe"), "us-east-1") is None


def test_transfers_are_paid_where_they_start_or_end() -> None:
    out = PriceNeed("AmazonEC2", (r"USE1-AWS-Out-Bytes",), region_field=FROM_REGION)
    into = PriceNeed("AmazonEC2", (r"DataTransfer-In-Bytes",), region_field=TO_REGION)
    between = product("EU-USE1-AWS-Out-Bytes", fromRegionCode="eu-west-1", toRegionCode="us-east-1")
    inbound = product("EU-DataTransfer-In-Bytes", fromRegionCode="", toRegionCode="eu-west-1")
    assert out.query_of(between, "eu-west-1") == PriceQuery("AmazonEC2", "eu-west-1", "USE1-AWS-Out-Bytes")
    assert out.query_of(between, "us-east-1") is None
    assert into.query_of(inbound, "eu-west-1") == PriceQuery(
        "AmazonEC2", "eu-west-1", "DataTransfer-In-Bytes"
    )


def test_distinctions_become_attributes_and_unknown_values_are_not_needed() -> None:
    engine = Distinction("engine", "databaseEngine", {"PostgreSQL": "PostgreSQL"})
    need = PriceNeed("AmazonEC2", (r"InstanceUsage:db.m7g.large",), distinctions=(engine,))
    for wire, attributes in (("PostgreSQL", (("engine", "PostgreSQL"),)), ("Oracle", None), (None, None)):
        more = {"databaseEngine": wire} if wire else {}
        found = need.query_of(
            product("InstanceUsage:db.m7g.large", regionCode="us-east-1", **more), "us-east-1"
        )
        assert (found.attributes if found else None) == attributes


def test_products_that_may_grant_something_free_are_kept() -> None:
    keep = wanted((STORAGE,), "us-east-1")
    assert keep(product("EBS:VolumeUsage.gp3", regionCode="us-east-1"))
    assert keep(product("Global-DataTransfer-Out-Bytes"))
    assert not keep(product("EBS:VolumeUsage.gp3", regionCode="eu-west-1"))
    assert not keep(product("EBS:VolumeUsage.gp2", regionCode="us-east-1"))
