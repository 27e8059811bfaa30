"""Route 53: zone, look-ups and health checks, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services._base import Footprint, PlatformDesign, Role
from costmodel.services.route53 import SERVICE
from costmodel.units import FOCUS_UNITS
from shops.platform import REGIONS, demand_of, quantities, scenario_of


def design(scenario: Scenario, footprint: Footprint | None = None) -> PlatformDesign:
    return SERVICE.design(scenario, footprint or Footprint.none(30))


def footprint_of(load: float, days: int = 30) -> Footprint:
    return replace(Footprint.none(days), origin_requests=np.full(days, load))


def test_quantities_by_hand() -> None:
    # 40 000 page views a day x 0.25 sessions x 30 days = 300 000 sessions; 1.5 look-ups each.
    got = quantities(design(scenario_of()).usage(demand_of(40_000.0), footprint_of(0.0)))
    assert got == {
        ("global", "HostedZone"): Decimal(1),
        ("global", "Intra-AWS-DNS-Queries"): Decimal(405_000),
        ("global", "DNS-Queries"): Decimal(45_000),
        ("global", "Health-Check-AWS"): Decimal(2),
        ("global", "Health-Check-Option-AWS"): Decimal(2),
    }


def test_a_plan_includes_zone_and_look_ups_but_not_health_checks() -> None:
    included = replace(footprint_of(0.0), included_roles=frozenset({Role.DNS}))
    got = quantities(design(scenario_of()).usage(demand_of(40_000.0), included))
    assert set(got) == {("global", "Health-Check-AWS"), ("global", "Health-Check-Option-AWS")}


def test_each_month_has_its_own_zone_month() -> None:
    usages = design(scenario_of()).usage(demand_of(1.0, months=3), footprint_of(0.0, 92))
    zones = [usage.consumed_quantity for usage in usages if usage.meter.query.usage_type == "HostedZone"]
    assert zones == [Decimal(1)] * 3


@settings(max_examples=25, deadline=None)
@given(views=st.floats(0, 1e8), load=st.floats(0, 1e6), factor=st.floats(1.0, 50.0))
def test_more_load_never_means_less_usage(views: float, load: float, factor: float) -> None:
    known = design(scenario_of())
    few = quantities(known.usage(demand_of(views), footprint_of(load)))
    many = quantities(known.usage(demand_of(views * factor), footprint_of(load * factor)))
    assert few.keys() == many.keys()
    assert all(Decimal(0) <= few[key] <= many[key] for key in few)
    assert quantities(known.usage(demand_of(views), footprint_of(load))) == few


@pytest.mark.parametrize("region", REGIONS)
def test_every_meter_has_a_price_in_its_unit(region: str) -> None:
    book = PriceBook.shipped()
    usages = design(scenario_of(region)).usage(demand_of(1440.0), footprint_of(1.0))
    for usage in usages:
        price = book.price(usage.meter.query)
        assert FOCUS_UNITS[price.pricing_unit] == usage.meter.consumed_unit
    assert len(usages) == 5
