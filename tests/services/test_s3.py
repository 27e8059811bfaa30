"""Amazon S3: storage, credit, requests and the replica, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services._base import Footprint, PlatformDesign
from costmodel.services.s3 import SERVICE, less_credit
from costmodel.units import FOCUS_UNITS
from shops.platform import REGIONS, demand_of, quantities, scenario_of


def design(scenario: Scenario, footprint: Footprint | None = None) -> PlatformDesign:
    return SERVICE.design(scenario, footprint or Footprint.none(30))


def footprint_of(origin_requests_per_day: float, days: int = 30) -> Footprint:
    return replace(Footprint.none(days), origin_requests=np.full(days, origin_requests_per_day))


MODELS_ONLY = {
    "catalogue_products": 1000,
    "variants_stored": 2,
    "uploads_per_month": 300,
    "deploys_per_month": 0,
    "static_kb_per_page_view": 0,
    "noncurrent_ratio": 0.5,
}


def test_quantities_by_hand() -> None:
    scenario = scenario_of(content=MODELS_ONLY)
    got = quantities(design(scenario).usage(demand_of(1.0), footprint_of(1000.0)))
    # 100 GB all month, and half as much of old versions.
    assert got["eu-west-1", "TimedStorage-ByteHrs"] == Decimal(150)
    assert got["eu-west-1", "Requests-Tier1"] == 600
    assert got["eu-west-1", "Requests-Tier2"] == 30_000
    assert len(got) == 3


def test_replica_is_stored_written_and_sent() -> None:
    scenario = scenario_of(
        content=MODELS_ONLY,
        network={"second_region": "us-west-2"},
    )
    got = quantities(design(scenario).usage(demand_of(1.0), footprint_of(0.0)))
    assert got["us-west-2", "TimedStorage-ByteHrs"] == Decimal(150)
    assert got["us-west-2", "Requests-Tier1"] == 600
    # 600 objects of 100 GB / 2 000 objects leave Ireland for Oregon.
    assert float(got["eu-west-1", "USW2-AWS-Out-Bytes"]) == pytest.approx(30.0, abs=1e-8)


def test_deploys_write_files_and_send_them_to_the_replica() -> None:
    # 15 000 files of 20 KB = 0.286102 GB. Four deploys replace a tenth of them each: 6 000 PUT, 0.114441 GB.
    content = MODELS_ONLY | {
        "static_requests_per_page_view": 15,
        "static_kb_per_page_view": 300,
        "deploys_per_month": 4,
        "deploy_changed_ratio": 0.1,
    }
    scenario = scenario_of(content=content, network={"second_region": "us-west-2"})
    got = quantities(design(scenario).usage(demand_of(1.0), footprint_of(0.0)))
    assert got["eu-west-1", "Requests-Tier1"] == got["us-west-2", "Requests-Tier1"] == 600 + 6_000
    # Models: 600 of 2 000 objects of the other 99.713898 GB.
    sent = 600 / 2_000 * 99.713898 + 0.114441
    assert float(got["eu-west-1", "USW2-AWS-Out-Bytes"]) == pytest.approx(sent, abs=1e-5)
    # Deploys move no stored bytes: they replace files.
    assert got["eu-west-1", "TimedStorage-ByteHrs"] == Decimal(150)


def test_every_miss_is_a_get_on_its_day() -> None:
    misses = np.arange(30.0) * 10
    usages = design(scenario_of()).usage(demand_of(1.0), replace(Footprint.none(30), origin_requests=misses))
    (read,) = [usage for usage in usages if usage.meter.query.usage_type == "Requests-Tier2"]
    assert read.daily_quantity == pytest.approx(misses)
    assert read.consumed_quantity == 4_350


def test_a_smaller_format_stores_less_here_and_in_the_replica() -> None:
    scenario = scenario_of(content=MODELS_ONLY, network={"second_region": "us-west-2"})
    smaller = replace(footprint_of(0.0), reformatted_gb=np.full(30, -40.0))
    got = quantities(design(scenario).usage(demand_of(1.0), smaller))
    assert got["eu-west-1", "TimedStorage-ByteHrs"] == got["us-west-2", "TimedStorage-ByteHrs"] == Decimal(90)
    assert float(got["eu-west-1", "USW2-AWS-Out-Bytes"]) == pytest.approx(0.3 * 60, abs=1e-8)


def test_a_plans_credit_comes_off_each_month_and_never_below_zero() -> None:
    scenario = scenario_of(content={"noncurrent_ratio": 0})
    with_credit = replace(footprint_of(0.0), included_storage_gb=30.0)
    usages = design(scenario).usage(demand_of(1.0), with_credit)
    stored = next(usage for usage in usages if usage.meter.query.usage_type == "TimedStorage-ByteHrs")
    assert stored.consumed_quantity == Decimal(70)
    assert "less 30 GB-months" in stored.formula
    all_of_it = replace(footprint_of(0.0), included_storage_gb=5_120.0)
    assert (
        quantities(design(scenario).usage(demand_of(1.0), all_of_it))["eu-west-1", "TimedStorage-ByteHrs"]
        == 0
    )


def test_credit_counts_the_month_not_the_day() -> None:
    # Empty in the first half of November, 60 GB in the second: 30 GB-months, of which 10 are credited.
    calendar = Calendar.of(BillingPeriod(2026, 11), 2)
    stored = np.concatenate([np.zeros(15), np.full(46, 60.0)]) * calendar.month_share_per_day
    left = less_credit(calendar, stored, 10.0)
    assert left[:30].sum() == pytest.approx(20.0)
    assert left[30:].sum() == pytest.approx(50.0)
    assert left[:15].sum() == 0


@settings(max_examples=25, deadline=None)
@given(views=st.floats(0, 1e8), load=st.floats(0, 1e6), factor=st.floats(1.0, 50.0))
def test_more_load_never_means_less_usage(views: float, load: float, factor: float) -> None:
    known = design(scenario_of(network={"second_region": "us-west-2"}))
    few = quantities(known.usage(demand_of(views), footprint_of(load)))
    many = quantities(known.usage(demand_of(views * factor), footprint_of(load * factor)))
    assert few.keys() == many.keys()
    assert all(Decimal(0) <= few[key] <= many[key] for key in few)
    assert quantities(known.usage(demand_of(views), footprint_of(load))) == few


@pytest.mark.parametrize("region", REGIONS)
def test_every_meter_has_a_price_in_its_unit(region: str) -> None:
    book = PriceBook.shipped()
    usages = design(
        scenario_of(region, network={"second_region": "eu-west-1" if region != "eu-west-1" else "sa-east-1"})
    ).usage(demand_of(1440.0), footprint_of(1.0))
    for usage in usages:
        price = book.price(usage.meter.query)
        assert FOCUS_UNITS[price.pricing_unit] == usage.meter.consumed_unit
    assert len(usages) == 6
