from datetime import UTC, datetime

import numpy as np
import pytest

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.outages import served_ratio, with_returning
from costmodel.demand.synthesise import synthesise
from costmodel.scenario.events import RegionalOutage

NOVEMBER = Calendar.of(BillingPeriod(2026, 11), 1)
START = 9 * 1440 + 12 * 60
OUTAGE = {"kind": "regional_outage", "start": "2026-11-10T12:00Z"}
BOTS = {"kind": "bot_scrape", "start": "2026-11-10T11:00Z", "peak_multiplier": 5, "hold_minutes": 600}


def outage(minute: float = 0, **figures: float) -> RegionalOutage:
    start = datetime(2026, 11, 10, 12, int(minute), int(minute % 1 * 60), tzinfo=UTC)
    return RegionalOutage(kind="regional_outage", start=start, **figures)


def test_nothing_is_served_then_ever_more_minute_by_minute(model_row) -> None:
    served = served_ratio([outage(hold_minutes=10, ramp_minutes=4)], NOVEMBER)
    assert served[START - 1] == 1
    assert served[START : START + 10].tolist() == [0] * 10
    # A line from 0 to 1 over 4 minutes has the means 1/8, 3/8, 5/8 and 7/8 in them.
    assert served[START + 10 : START + 15] == pytest.approx([0.125, 0.375, 0.625, 0.875, 1])
    lost_minutes = (1 - served).sum()
    assert lost_minutes == pytest.approx(12)  # 10 and half of 4
    model_row(
        "Demand",
        "Regional outage",
        rule="nothing is served for a time, then a share that rises along a line; half of the shoppers return",
        source="design figures; AWS post-event summaries, Amazon S3 (2017) and N. Virginia (2025)",
        oracle="minutes by hand",
        tolerance="1e-9",
        observed_error=abs(lost_minutes - 12),
    )


def test_an_outage_within_a_minute_without_a_ramp() -> None:
    served = served_ratio([outage(0.75, hold_minutes=1.5, ramp_minutes=0)], NOVEMBER)
    assert served[START : START + 4] == pytest.approx([0.75, 0, 0.75, 1])


def test_the_worse_of_two_outages_decides() -> None:
    short, long = outage(hold_minutes=5, ramp_minutes=0), outage(hold_minutes=1, ramp_minutes=8)
    both = served_ratio([short, long], NOVEMBER)
    assert np.array_equal(both, np.minimum(served_ratio([short], NOVEMBER), served_ratio([long], NOVEMBER)))


def test_who_returns_by_hand() -> None:
    rate = np.full(NOVEMBER.minutes, 10.0)
    back = with_returning(rate, [outage(hold_minutes=10, half_life_minutes=5)], NOVEMBER) - rate
    # 10 a minute x 10 minutes are turned away; half of the 100 return, 25 of them in 5 minutes.
    assert back[: START + 10].sum() == 0
    assert back.sum() == pytest.approx(50)
    assert back[START + 10 : START + 15].sum() == pytest.approx(25)
    assert back[START + 15 : START + 20].sum() == pytest.approx(12.5)


def test_who_is_turned_away_twice_gives_up() -> None:
    rate = np.full(NOVEMBER.minutes, 10.0)
    first = outage(hold_minutes=10, returning_ratio=1, half_life_minutes=5)
    later = outage(10, hold_minutes=1_000, returning_ratio=0)
    twice = with_returning(rate, [later, first], NOVEMBER) * served_ratio([later, first], NOVEMBER)
    assert twice.sum() == pytest.approx(10 * (NOVEMBER.minutes - 1_010 - 30))  # a ramp of 60 loses 30


def test_pages_asked_for_are_served_or_lost(shop) -> None:
    visitors = {"europe": 3e5, "japan": 1e6}
    quiet = synthesise(shop(monthly_visitors=visitors, events=(BOTS,)))
    stayed = synthesise(shop(monthly_visitors=visitors, events=(BOTS, {**OUTAGE, "returning_ratio": 0.0})))
    assert stayed.outage_loss is not None
    assert np.array_equal(stayed.page_views + stayed.outage_loss.page_views, quiet.page_views)
    down = slice(START, START + 240)
    assert not stayed.page_views[:, down].any()
    assert not stayed.model_views[:, down].any()
    assert stayed.outage_loss.minutes == pytest.approx(240 + 30)
    calls = quiet.fan_out.api_calls_per_page_view
    assert stayed.lost_api_requests == pytest.approx(calls * (quiet.page_views - stayed.page_views).sum())
    assert stayed.lost_ratio == pytest.approx(stayed.lost_api_requests / quiet.api_requests.sum())


def test_a_crowd_comes_back_but_no_bots(shop) -> None:
    steady = {"minute_noise_ratio": 0, "drift_ratio": 0}
    without = synthesise(shop(monthly_visitors={"europe": 3e6}, **steady))
    after = synthesise(shop(monthly_visitors={"europe": 3e6}, events=(OUTAGE,), **steady))
    crawled = synthesise(shop(monthly_visitors={"europe": 3e6}, events=(OUTAGE, BOTS), **steady))
    assert after.outage_loss is not None
    came_back = after.page_views.sum() + after.outage_loss.page_views.sum() - without.page_views.sum()
    turned_away = without.page_views[:, START : START + 240].sum()
    assert came_back == pytest.approx(turned_away / 2, rel=0.01)
    late = slice(START + 700, NOVEMBER.minutes)  # the crawler has left
    assert np.array_equal(crawled.page_views[:, late], after.page_views[:, late])


def test_without_an_outage_nothing_is_lost(shop) -> None:
    demand = synthesise(shop())
    assert demand.outage_loss is None
    assert (demand.lost_api_requests, demand.lost_ratio) == (0.0, 0.0)


def test_a_load_factor_keeps_the_shape_and_the_random_numbers(shop) -> None:
    scenario = shop(monthly_visitors={"europe": 3e5}, events=(BOTS,))
    base, same, ten = (synthesise(scenario, load_factor=factor) for factor in (1.0, 1.0, 10.0))
    busier = synthesise(shop(monthly_visitors={"europe": 3e6}, events=(BOTS,)))
    assert np.array_equal(base.page_views, same.page_views)
    assert np.abs(ten.page_views - busier.page_views).max() <= 1  # the same rate, but for rounding
    assert (ten.page_views >= base.page_views).all()
    assert np.array_equal(base.asset_stored_gb, ten.asset_stored_gb)


def test_part_of_the_traffic_loses_its_part_of_the_calls(shop) -> None:
    whole = synthesise(shop(monthly_visitors={"europe": 3e6}, events=(OUTAGE,)))
    half = whole.scaled(0.5)
    assert half.lost_api_requests == pytest.approx(whole.lost_api_requests / 2)
    assert half.lost_ratio == pytest.approx(whole.lost_ratio)
