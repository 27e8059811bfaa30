import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.shapes import (
    CONSUMER_HOUR_WEIGHTS,
    CONSUMER_WEEKDAY_WEIGHTS,
    RETAIL_MONTH_WEIGHTS,
    hour_of_day_factor,
    usual_rate,
    week_profile,
)

ALL_MONTHS_ALIKE = (1.0,) * 12


def year_from(year: int, month: int, months: int = 12) -> Calendar:
    return Calendar.of(BillingPeriod(year, month), months)


@pytest.mark.parametrize("start", ["2026-11", "2027-02", "2027-03", "2028-02"])
@pytest.mark.parametrize("geography", ["europe", "india", "united_states"])
def test_first_month_has_the_stated_visitors(shop, start, geography) -> None:
    scenario = shop(
        start=start,
        monthly_visitors={geography: 250_000},
        sessions_per_visitor=1.2,
        page_views_per_session=5,
        growth_per_month_ratio=0.2,
    )
    calendar = Calendar.of(BillingPeriod.parse(start), 1)
    rate = usual_rate(scenario.traffic, geography, calendar)
    assert rate.sum() == pytest.approx(250_000 * 1.2 * 5, rel=1e-12)
    assert rate.min() >= 0


def test_later_months_follow_growth_and_the_retail_year_exactly(shop) -> None:
    traffic = shop(growth_per_month_ratio=0.1, sessions_per_visitor=1, page_views_per_session=1).traffic
    calendar = year_from(2026, 11)
    daily = calendar.per_day(usual_rate(traffic, "europe", calendar))
    for k, (period, days) in enumerate(calendar.day_slices):
        season = RETAIL_MONTH_WEIGHTS[period.month - 1] / RETAIL_MONTH_WEIGHTS[10]
        assert daily[days].sum() == pytest.approx(100_000 * 1.1**k * season, rel=1e-12)


def test_growth_is_continuous_over_the_border_of_two_equal_months(shop) -> None:
    traffic = shop(
        growth_per_month_ratio=0.5,
        hour_weights=(1,) * 24,
        weekday_weights=(1,) * 7,
        month_weights=ALL_MONTHS_ALIKE,
    ).traffic
    calendar = year_from(2027, 7, 2)
    rate = usual_rate(traffic, "europe", calendar)
    minutes = 31 * 1440
    assert rate[minutes] / rate[minutes - 1] == pytest.approx(1.5 ** (1 / minutes), rel=1e-9)
    assert rate[-1] / rate[0] == pytest.approx(1.5**2, rel=1e-4)


def test_default_profile_is_that_of_a_consumer_shop() -> None:
    week = week_profile(np.array(CONSUMER_HOUR_WEIGHTS), np.ones(7))
    day = week[:1440]
    assert 1.6 <= day.max() <= 1.9
    assert 0.15 <= day.min() <= 0.3
    assert 20 * 60 <= day.argmax() < 22 * 60
    assert np.mean(CONSUMER_WEEKDAY_WEIGHTS) == pytest.approx(1)
    assert np.mean(CONSUMER_HOUR_WEIGHTS) == pytest.approx(1, abs=0.002)


def test_peak_is_in_the_evening_of_each_geographys_own_clock(shop) -> None:
    traffic = shop(monthly_visitors={"japan": 1e5, "united_states": 1e5}, weekday_weights=(1,) * 7).traffic
    calendar = year_from(2026, 7, 1)
    tokyo = usual_rate(traffic, "japan", calendar)[:1440]
    chicago = usual_rate(traffic, "united_states", calendar)[:1440]
    # 21:00 in Tokyo (UTC+9) is 12:00 UTC; 21:00 in Chicago in summer (UTC-5) is 02:00 UTC.
    assert abs(int(tokyo.argmax()) - 12 * 60) <= 60
    assert abs(int(chicago.argmax()) - 2 * 60) <= 60


def test_hours_move_with_daylight_saving(shop) -> None:
    traffic = shop(hour_weights=(0,) * 12 + (1,) + (0,) * 11, weekday_weights=(1,) * 7).traffic
    rate = usual_rate(traffic, "europe", year_from(2027, 3, 1)).reshape(31, 1440)
    # Noon to one in Berlin: middle at 11:30 UTC in winter, 10:30 UTC after 28 March.
    assert rate[10].argmax() in (11 * 60 + 29, 11 * 60 + 30)
    assert rate[29].argmax() in (10 * 60 + 29, 10 * 60 + 30)


@given(arrays(float, 24, elements=st.floats(0, 100)), arrays(float, 7, elements=st.floats(0.01, 10)))
@settings(max_examples=40, deadline=None)
def test_week_profile_is_smooth_and_within_its_weights(hours, weekdays) -> None:
    if hours.max() < 1e-6:
        return
    week = week_profile(hours, weekdays)
    weights = np.outer(weekdays, hours).ravel()
    assert week.mean() == pytest.approx(1)
    assert week.min() >= weights.min() / weights.mean() - 1e-9
    assert week.max() <= weights.max() / weights.mean() + 1e-9
    steepest = 1.5 / 60 * np.abs(np.diff(weights, append=weights[0])).max() / weights.mean()
    assert np.abs(np.diff(week, append=week[0])).max() <= steepest + 1e-9


def test_weekday_weights_set_the_days(shop) -> None:
    traffic = shop(
        monthly_visitors={"japan": 1e5}, weekday_weights=(1, 1, 1, 1, 1, 3, 1), hour_weights=(1,) * 24
    )
    calendar = year_from(2026, 11, 1)
    daily = usual_rate(traffic.traffic, "japan", calendar)[15 * 60 :][: 28 * 1440].reshape(
        28, 1440
    )  # from 00:00 JST
    # 2 November 2026 is a Monday, so that index 5 is a Saturday; noon is clear of the blend at midnight.
    noon = daily[:, 720]
    assert noon[5] / noon[4] == pytest.approx(3)
    assert noon[6] / noon[5] == pytest.approx(1 / 3)


def test_hour_of_day_factor_has_mean_one(shop) -> None:
    factor = hour_of_day_factor(shop().traffic, "europe", year_from(2026, 11, 1))
    assert factor.mean() == pytest.approx(1)
