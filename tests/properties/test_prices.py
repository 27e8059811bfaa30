"""Every meter of every design has a price in its own unit, in all eight regions, billed where it should be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from costmodel.billing.rate import check_unit
from costmodel.decision.pricer import platform_usages
from costmodel.errors import PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.services._base import Usage
from costmodel.services.registry import TIER_SERVICES

BOOK = PriceBook.shipped()

OTHER_REGION = {"us-west-2": "eu-west-1"}
"""Second region of a shop in this region; us-west-2 for all others."""

NOT_SOLD = {"sa-east-1": {("rds", "db.m7g"), ("rds", "db.r7g")}}
"""One-year reservations without upfront that AWS does not sell: region -> (kind, family). None is offered there.

Source: RDS reserved instance rates, ec2.shop (2025-04-04).
"""

ELSEWHERE = {
    "AmazonCloudFront": "edge locations, and one price for what is global",
    "CloudFrontPlans": "one price for the world",
    "AmazonRoute53": "one price for the world",
    "awswaf": "a web ACL of CloudFront lives in us-east-1",
    "AmazonCloudWatch": "dashboards have one price for the world",
}
"""Service codes whose prices may stand outside the shop's region, and why."""


@pytest.fixture(params=BOOK.regions(), scope="module")
def region_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def moved(shop: Any, region_id: str) -> Any:
    """The shop's scenario in another region. Nobody's traffic depends on where it is served."""
    network = shop.scenario.network
    if network.second_region is not None:
        second = OTHER_REGION.get(region_id, "us-west-2")
        network = network.model_copy(update={"second_region": second})
    return shop.scenario.model_copy(update={"region": region_id, "network": network})


@cache
def usage_in_all_regions(
    shop: Any,
) -> Mapping[str, Mapping[str, tuple[Mapping[str, Any], tuple[Usage, ...]]]]:
    """Region, then label of a design, to its settings and usage. What a design runs is the same everywhere."""
    found: dict[str, dict[str, tuple[Mapping[str, Any], tuple[Usage, ...]]]] = defaultdict(dict)
    for service in TIER_SERVICES:
        capacities = {}
        for region_id in BOOK.regions():
            for design in service.designs(moved(shop, region_id), shop.demand):
                if design.label not in capacities:
                    capacities[design.label] = design.simulate(shop.demand)
                usages = design.usage(shop.demand, capacities[design.label])
                found[region_id][design.label] = ({"kind": design.kind, **design.settings()}, usages)
    return found


def usage_in(shop: Any, region_id: str) -> Mapping[str, tuple[Mapping[str, Any], tuple[Usage, ...]]]:
    return usage_in_all_regions(shop)[region_id]


def test_the_book_has_eight_regions() -> None:
    assert len(set(BOOK.regions())) == 8


def test_every_meter_has_a_price_in_its_unit(priced_shop, region_id) -> None:
    scenario = moved(priced_shop, region_id)
    usages = [usage for _, used in usage_in(priced_shop, region_id).values() for usage in used]
    for candidate in priced_shop.candidates:
        usages += platform_usages(scenario, priced_shop.demand, candidate.footprint)
    meters = {usage.meter for usage in usages}
    assert [str(meter.query) for meter in meters if not is_priced(meter.query)] == []
    for meter in meters:
        check_unit(meter, BOOK.price(meter.query))


def test_meters_are_billed_in_the_region_of_the_shop(priced_shop, region_id) -> None:
    scenario = moved(priced_shop, region_id)
    for label, (_, usages) in usage_in(priced_shop, region_id).items():
        for usage in usages:
            query = usage.meter.query
            assert query.region_id == region_id or query.service_code in ELSEWHERE, f"{label}: {query}"
    regions = {region_id, scenario.network.second_region}
    for candidate in priced_shop.candidates:
        for usage in platform_usages(scenario, priced_shop.demand, candidate.footprint):
            query = usage.meter.query
            assert query.region_id in regions or query.service_code in ELSEWHERE, str(query)


def test_every_region_offers_the_same_but_for_what_aws_does_not_sell(priced_shop, region_id) -> None:
    everywhere = usage_in(priced_shop, "us-east-1")
    here = usage_in(priced_shop, region_id)
    assert set(here) <= set(everywhere)
    missing = [settings for label, (settings, _) in everywhere.items() if label not in here]
    assert all(settings["purchase"] == "reserved_1yr_no_upfront" for settings in missing)
    families = {(settings["kind"], settings["instance_class"].rpartition(".")[0]) for settings in missing}
    assert families == NOT_SOLD.get(region_id, set())


def is_priced(query: PriceQuery) -> bool:
    try:
        BOOK.price(query)
    except PriceNotFound:
        return False
    return True
