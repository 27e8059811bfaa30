"""A steady shop for tests of platform services."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.scenario.model import Scenario
from costmodel.services._base import Usage

REGIONS = (
    *("us-east-1", "us-west-2", "eu-west-1", "eu-central-1"),
    *("ap-southeast-1", "ap-northeast-1", "ap-south-1", "sa-east-1"),
)
FAN_OUT = FanOut(10.0, 2.0**20, 1.0, 2.0**20, 5.0, 1024.0, 8192.0, 0.2, 2.0, 0.1, 0.0, 0.25)


def demand_of(page_views_per_day: float, *, months: int = 1) -> Demand:
    """Steady demand from one geography, from November on; half the page views open a model."""
    calendar = Calendar.of(BillingPeriod(2026, 11), months)
    pages = np.full((1, calendar.minutes), page_views_per_day / 1440.0)
    stored = np.full(calendar.days, 100.0)
    return Demand(
        calendar,
        ("europe",),
        read_only(pages),
        read_only(pages / 2),
        FAN_OUT,
        read_only(stored),
        read_only(stored),
    )


def scenario_of(region: str = "eu-west-1", **more: object) -> Scenario:
    traffic = {"monthly_visitors": {"europe": 1000}}
    return Scenario.model_validate(
        {"name": "shop", "region": region, "start": "2026-11", "traffic": traffic, **more}
    )


def quantities(usages: tuple[Usage, ...]) -> dict[tuple[str, str], Decimal]:
    """Totals by region and usage type."""
    totals: dict[tuple[str, str], Decimal] = {}
    for usage in usages:
        key = (usage.meter.query.region_id, usage.meter.query.usage_type)
        totals[key] = totals.get(key, Decimal(0)) + usage.consumed_quantity
    return totals
