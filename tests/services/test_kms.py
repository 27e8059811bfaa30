"""AWS KMS: keys and requests, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services._base import Footprint, PlatformDesign
from costmodel.services.kms import SERVICE
from costmodel.units import FOCUS_UNITS
from shops.platform import REGIONS, demand_of, quantities, scenario_of


def design(scenario: Scenario, footprint: Footprint | None = None) -> PlatformDesign:
    return SERVICE.design(scenario, footprint or Footprint.none(30))


def footprint_of(load: float, days: int = 30) -> Footprint:
    daily = np.full(days, load)
    return replace(Footprint.none(days), origin_requests=daily, kms_requests=daily)


def test_quantities_by_hand() -> None:
    scenario = scenario_of(security={"kms_keys": 3})
    got = quantities(design(scenario).usage(demand_of(1.0), footprint_of(5_000.0)))
    # Bucket keys leave one KMS request in a hundred S3 reads: 30 x (5 000 + 50).
    assert float(got["eu-west-1", "KMS-Keys"]) == pytest.approx(3, abs=1e-8)
    assert got["eu-west-1", "KMS-Requests"] == 151_500


def test_without_own_keys_only_the_tiers_requests_remain() -> None:
    known = design(scenario_of(security={"kms_keys": 0}))
    got = quantities(known.usage(demand_of(1.0), footprint_of(5_000.0)))
    assert got == {("eu-west-1", "KMS-Requests"): Decimal(150_000)}
    assert known.label == "AWS-owned keys"


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
    assert len(usages) == 2
