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


def test_keys_that_aws_owns_cost_nothing_and_count_no_requests() -> None:
    known = design(scenario_of(security={"kms_keys": 0}))
    assert known.usage(demand_of(1.0), footprint_of(5_000.0)) == ()
    assert known.label == "AWS-owned keys"


def test_the_first_two_yearly_rotations_add_a_key_month_each() -> None:
    # From November 2026: the first rotation 365 days later, on 2027-11-01; the second after 730 days, on
    # 2028-10-31, the last day of that month, because 2028 has a 29 February. 36 months see no third one.
    known = design(scenario_of(security={"kms_keys": 2}), Footprint.none(1_096))
    usages = known.usage(demand_of(1.0, months=36), footprint_of(0.0, 1_096))
    months = [float(u.consumed_quantity) for u in usages if u.meter.query.usage_type == "KMS-Keys"]
    assert months[:12] == pytest.approx([2.0] * 12)
    assert months[12:23] == pytest.approx([4.0] * 11)
    assert months[23] == pytest.approx(4.0 + 2.0 / 31)
    assert months[24:] == pytest.approx([6.0] * 12)


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
