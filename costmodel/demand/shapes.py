"""The usual load: how a month's page views spread over its minutes, before events and noise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from costmodel.demand.calendar import BillingPeriod, Calendar, FloatArray
from costmodel.demand.clock import ZONES, local_week_minutes
from costmodel.scenario.fields import Geography
from costmodel.scenario.model import Traffic
from costmodel.units import MINUTES_PER_DAY, MINUTES_PER_HOUR

CONSUMER_HOUR_WEIGHTS = (
    0.78, 0.52, 0.34, 0.26, 0.23, 0.27, 0.42, 0.63, 0.83, 1.01, 1.13, 1.20,
    1.25, 1.25, 1.20, 1.17, 1.17, 1.23, 1.35, 1.56, 1.77, 1.79, 1.51, 1.13,
)  # fmt: skip
"""Load by local hour of day, mean 1: a broad afternoon and a peak from 20 to 22 h.

Source: engineering fit to what single-country consumer shops show: peak over mean 1.6 to 1.9,
trough over mean 0.15 to 0.3. No public trace of a consumer shop by hour was found; the afternoon
follows NYC taxi demand (Numenta Anomaly Benchmark, nyc_taxi, 2014-07 to 2015-01).
"""

CONSUMER_WEEKDAY_WEIGHTS = (1.08, 1.00, 0.98, 0.97, 0.92, 0.95, 1.10)
"""Load by local weekday, Monday first, mean 1: Sunday and Monday high.

Source: engineering guess within the plus or minus 10 to 20 % usual for consumer shops.
"""

RETAIL_MONTH_WEIGHTS = (
    0.898, 0.892, 1.009, 0.992, 1.044, 1.017, 1.014, 1.034, 0.964, 0.993, 0.999, 1.163,
)  # fmt: skip
"""Monthly totals, January first, relative to the trend.

Source: US Census Bureau, retail sales 1992 to 2016 (example_retail_sales of facebook/prophet),
trend of 4.0 % a year removed.
"""


def monthly_page_views(traffic: Traffic, geography: Geography) -> float:
    """Page views of one geography in the first month, expected before events and noise."""
    visitors = float(traffic.monthly_visitors[geography])
    return visitors * float(traffic.sessions_per_visitor) * float(traffic.page_views_per_session)


def usual_rate(traffic: Traffic, geography: Geography, calendar: Calendar) -> FloatArray:
    """Expected page views per minute from the profiles, without events and noise; shape (minutes,).

    Month k totals exactly `monthly_page_views x (1 + growth)^k x month weight k / month weight 0`.
    Within a month the load follows local hour and weekday, and growth compounds continuously.
    """
    week = week_profile(
        _weights(traffic.hour_weights, CONSUMER_HOUR_WEIGHTS),
        _weights(traffic.weekday_weights, CONSUMER_WEEKDAY_WEIGHTS),
    )
    rate = week[local_week_minutes(calendar, ZoneInfo(ZONES[geography].name))]
    totals = monthly_page_views(traffic, geography) * month_factors(traffic, calendar, RETAIL_MONTH_WEIGHTS)
    for (period, minutes), total in zip(_minute_slices(calendar), totals, strict=True):
        rate[minutes] *= growth_within(traffic, period)
        rate[minutes] *= total / rate[minutes].sum()
    return rate


def hour_of_day_factor(traffic: Traffic, geography: Geography, calendar: Calendar) -> FloatArray:
    """Load by local hour alone, mean 1 over a day; shape (minutes,)."""
    hours = _weights(traffic.hour_weights, CONSUMER_HOUR_WEIGHTS)
    week = week_profile(hours, np.ones(7))
    return week[local_week_minutes(calendar, ZoneInfo(ZONES[geography].name))]


def trend(traffic: Traffic, calendar: Calendar) -> FloatArray:
    """Growth, and the months' weights where the scenario states them; shape (minutes,).

    The first month has mean 1. For measured traffic: a trace carries its own season, so that the
    built-in retail year is left out.
    """
    factors = month_factors(traffic, calendar, np.ones(12))
    months = [
        factor * growth_within(traffic, period)
        for factor, period in zip(factors, calendar.periods, strict=True)
    ]
    return np.concatenate(months)


def month_factors(
    traffic: Traffic, calendar: Calendar, default_month_weights: Sequence[float] | FloatArray
) -> FloatArray:
    """Each month's total over the first month's, from growth and season; shape (months,)."""
    weights = _weights(traffic.month_weights, default_month_weights)
    season = weights[[period.month - 1 for period in calendar.periods]]
    growth = (1.0 + float(traffic.growth_per_month_ratio)) ** np.arange(len(calendar.periods))
    return np.asarray(growth * season / season[0])


def growth_within(traffic: Traffic, period: BillingPeriod) -> FloatArray:
    """Continuous growth over one month, mean 1; shape (minutes of the month,), read-only."""
    return _growth_within(float(traffic.growth_per_month_ratio), period.days)


@lru_cache(maxsize=8)
def _growth_within(per_month_ratio: float, days: int) -> FloatArray:
    """The same for all geographies and for every month of so many days."""
    minutes = days * MINUTES_PER_DAY
    position = (np.arange(minutes) + 0.5) / minutes
    growth = (1.0 + per_month_ratio) ** position
    growth /= growth.mean()
    growth.flags.writeable = False
    return np.asarray(growth)


def week_profile(hour_weights: FloatArray, weekday_weights: FloatArray) -> FloatArray:
    """Load at each minute of the week, Monday first, mean 1; shape (10080,).

    Between the middles of two hours the load moves from one weight to the next along
    3x^2 - 2x^3: smooth, never outside the two weights, and it keeps the week's mean exactly
    because what one hour gives the other takes.
    """
    hours = np.outer(weekday_weights, hour_weights).ravel()
    blend = smoothstep((np.arange(MINUTES_PER_HOUR) + 0.5) / MINUTES_PER_HOUR)
    from_middles = np.outer(hours, 1.0 - blend) + np.outer(np.roll(hours, -1), blend)
    profile = np.roll(from_middles.ravel(), MINUTES_PER_HOUR // 2)
    return np.asarray(profile / profile.mean())


def smoothstep(x: FloatArray) -> FloatArray:
    """3x^2 - 2x^3 on 0..1: from 0 to 1 with level ends."""
    return x * x * (3.0 - 2.0 * x)


def _minute_slices(calendar: Calendar) -> list[tuple[BillingPeriod, slice]]:
    return [
        (period, slice(days.start * MINUTES_PER_DAY, days.stop * MINUTES_PER_DAY))
        for period, days in calendar.day_slices
    ]


def _weights(stated: Sequence[float] | None, default: Sequence[float] | FloatArray) -> FloatArray:
    return np.array(default if stated is None else stated, dtype=np.float64)
