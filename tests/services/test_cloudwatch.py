"""CloudWatch: metrics, alarms, requests, logs in and kept, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services._base import Footprint, PlatformDesign
from costmodel.services.cloudwatch import SERVICE, kept_gb
from costmodel.units import FOCUS_UNITS
from shops.platform import REGIONS, demand_of, quantities, scenario_of


def design(scenario: Scenario, footprint: Footprint | None = None) -> PlatformDesign:
    return SERVICE.design(scenario, footprint or Footprint.none(30))


def footprint_of(load: float, days: int = 30) -> Footprint:
    daily = np.full(days, load)
    return replace(
        Footprint.none(days),
        monitored_instance_hours=daily,
        log_gb=daily,
        vended_log_gb=daily,
        outside_gb=daily,
        database_gb=daily,
        internet_egress_gb=daily,
    )


def test_quantities_by_hand() -> None:
    scenario = scenario_of(
        monitoring={"custom_metrics": 1500, "alarms": 12, "dashboards": 4, "log_retention_days": 30}
    )
    footprint = replace(
        Footprint.none(30),
        monitored_instance_hours=np.full(30, 72.0),
        log_gb=np.full(30, 10.0),
        vended_log_gb=np.full(30, 4.0),
        outside_gb=np.full(30, 200.0),
        database_gb=np.full(30, 300.0),
        internet_egress_gb=np.full(30, 100.0),
        alarms=8,
    )
    got = quantities(design(scenario).usage(demand_of(1.0), footprint))
    # Three instances on average x 7 metrics; 500 GB a day moved x 0.002 of flow logs.
    assert float(got["eu-west-1", "CW:MetricMonitorUsage"]) == pytest.approx(1_521, abs=1e-8)
    assert float(got["eu-west-1", "CW:AlarmMonitorUsage"]) == pytest.approx(20, abs=1e-8)
    assert got["eu-west-1", "CW:Requests"] == 2 * 1_440 * 30
    assert float(got["global", "DashboardsUsageHour"]) == pytest.approx(4, abs=1e-8)
    assert got["eu-west-1", "DataProcessing-Bytes"] == Decimal(300)
    assert float(got["eu-west-1", "VendedLog-Bytes"]) == pytest.approx(150, abs=1e-8)
    # 15 GB a day, 0.15 kept: 2.25 GB after day 1 ... 67.5 GB after day 30, mean 34.875 GB.
    assert float(got["eu-west-1", "TimedStorage-ByteHrs"]) == pytest.approx(34.875, abs=1e-8)


def test_logs_kept_grow_until_the_retention_and_then_stay() -> None:
    kept = kept_gb(np.full(10, 2.0), 3)
    assert kept == pytest.approx([0.3, 0.6, *[0.9] * 8])


def test_logs_kept_fall_when_old_ones_expire() -> None:
    assert kept_gb(np.array([100.0, 0.0, 0.0, 0.0]), 2) == pytest.approx([15.0, 15.0, 0.0, 0.0])


def test_retention_is_one_that_a_log_group_can_have() -> None:
    assert design(scenario_of(monitoring={"log_retention_days": 60})).retention_days == 60
    assert design(scenario_of(monitoring={"log_retention_days": 3653})).retention_days == 3653
    for wanted, above in ((45, 60), (31, 60), (2, 3), (3652, 3653)):
        with pytest.raises(
            ValidationError, match=rf"one of 1, 3, .*, 3653 \(.*\); the next above is {above}"
        ):
            scenario_of(monitoring={"log_retention_days": wanted})


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
    assert len(usages) == 7
