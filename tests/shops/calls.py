"""A shop that does nothing but answer API calls, for tests of compute and load balancers."""

from __future__ import annotations

from typing import Any

import numpy as np

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.scenario.model import Scenario

MINUTES_OF_NOVEMBER = 30 * 1440


def demand_of_calls(
    calls_per_s: Any,
    *,
    jobs_per_call: float = 0.0,
    request_bytes: int = 1024,
    response_bytes: int = 8 * 1024,
    months: int = 1,
) -> Demand:
    """November 2026 onwards with the given API calls per second in every minute."""
    calendar = Calendar.of(BillingPeriod(2026, 11), months)
    pages = np.broadcast_to(np.asarray(calls_per_s, float) * 60, (1, calendar.minutes))
    fan_out = FanOut(0, 0, 0, 0, 1.0, request_bytes, response_bytes, 0.1, 2.0, 0.5, jobs_per_call, 0.2)
    days = read_only(np.ones(calendar.days))
    return Demand(calendar, ("europe",), read_only(pages), read_only(pages * 0), fan_out, days, days)


def scenario_of_calls(**parts: Any) -> Scenario:
    """A shop in Ireland that visitors of Europe open from November 2026 on."""
    return Scenario.model_validate(
        {
            "name": "shop",
            "region": "eu-west-1",
            "start": "2026-11",
            "traffic": {"monthly_visitors": {"europe": 1000}},
            **parts,
        }
    )
