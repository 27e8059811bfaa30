"""A shop and its load for tests of database services."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.content import asset_stored_gb
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.scenario.model import RegionId, Scenario

REGIONS = get_args(RegionId)


def shop(**parts: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "shop",
            "region": "us-east-1",
            "start": "2026-11",
            "traffic": {"monthly_visitors": {"europe": 1000}},
            **parts,
        }
    )


def demand_of(scenario: Scenario, calls_per_minute: Any, stored_gb: Any = 50.0) -> Demand:
    """A demand of so many API calls a minute: a number, or an array of shape (minutes,)."""
    calendar = Calendar.of(BillingPeriod.parse(scenario.start), scenario.months)
    calls = np.broadcast_to(np.asarray(calls_per_minute, float), (1, calendar.minutes))
    work = scenario.database
    fan_out = FanOut(0, 0, 0, 0, 1, 0, 0, 0.1, work.reads_per_call, work.writes_per_call, 0, 0)
    return Demand(
        calendar,
        ("europe",),
        read_only(calls.copy()),
        read_only(np.zeros_like(calls)),
        fan_out,
        read_only(asset_stored_gb(scenario.content, calendar)),
        read_only(np.broadcast_to(np.asarray(stored_gb, float), (calendar.days,)).copy()),
    )


def wave(mean_per_minute: float, minutes: int = 43_200, seed: int = 0) -> np.ndarray:
    """Days with a quiet night and noisy minutes."""
    time = np.arange(minutes)
    noise = np.random.default_rng(seed).gamma(50.0, 1 / 50.0, minutes)
    return mean_per_minute * (1 - 0.8 * np.cos(2 * np.pi * time / 1440)) * noise


def quantities(usages: Any) -> dict[str, float]:
    return {f"{u.resource_name} {u.meter.query.usage_type}": float(u.consumed_quantity) for u in usages}
