"""AWS WAF: web ACL, rules and every request at the edge, worked by hand."""

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
from costmodel.services.waf import SERVICE
from costmodel.units import FOCUS_UNITS
from shops.platform import REGIONS, demand_of, quantities, scenario_of


def design(scenario: Scenario, footprint: Footprint | None = None) -> PlatformDesign:
    return SERVICE.design(scenario, footprint or Footprint.none(30))


def footprint_of(load: float, days: int = 30) -> Footprint:
    return replace(Footprint.none(days), origin_requests=np.full(days, load))


def test_quantities_by_hand() -> None:
    # 1 000 page views a day x (10 static + 0.5 models + 5 API calls) x 30 days.
    scenario = scenario_of(security={"waf_rules": 6})
    got = quantities(design(scenario).usage(demand_of(1_000.0), footprint_of(0.0)))
    assert got == {
        ("us-east-1", "WebACLV2"): Decimal(1),
        ("us-east-1", "RuleV2"): Decimal(6),
        ("us-east-1", "RequestV2-Tier1"): Decimal(465_000),
    }


def test_nothing_is_billed_when_off() -> None:
    known = design(scenario_of(security={"waf": False}))
    assert known.usage(demand_of(1_000.0), footprint_of(0.0)) == ()
    assert known.label == "no web ACL"


def test_nothing_is_billed_when_a_plan_includes_it() -> None:
    included = replace(footprint_of(0.0), included_roles=frozenset({Role.FIREWALL}))
    assert design(scenario_of()).usage(demand_of(1_000.0), included) == ()


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
    assert len(usages) == 3
