from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import numpy as np
import pytest

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.events import DEFAULT_SHAPES, EventKind, EventShape, add_event, event_shape
from costmodel.scenario.events import LoadEvent

NOVEMBER = Calendar.of(BillingPeriod(2026, 11), 1)
FLAT = np.full(NOVEMBER.minutes, 10.0)


def extra_of(event: LoadEvent, usual=FLAT, calendar=NOVEMBER):
    extra = np.zeros(calendar.minutes)
    add_event(extra, event, usual, calendar)
    return extra


def at(day: int, hour: int = 12, **fields) -> LoadEvent:
    return LoadEvent(start=datetime(2026, 11, day, hour, tzinfo=UTC), **{"kind": "flash_sale", **fields})


SALE = {"peak_multiplier": 4, "ramp_minutes": 10, "hold_minutes": 30, "half_life_minutes": 20}


def test_total_of_an_event_by_hand() -> None:
    # 10 a minute x (4 - 1) x (10 / 2 + 30 + 20 / ln 2) = 30 x 63.8539 = 1915.617
    assert extra_of(at(10, **SALE)).sum() == pytest.approx(30 * (5 + 30 + 20 / np.log(2)), rel=1e-9)


def test_ramp_hold_and_half_life_minute_by_minute() -> None:
    extra = extra_of(at(10, **SALE))
    start = 9 * 1440 + 12 * 60
    assert extra[start - 1] == 0
    assert extra[start] == pytest.approx(30 * 0.05)  # mean of the ramp's first minute, from 0 to 0.1
    assert extra[start + 9] == pytest.approx(30 * 0.95)
    assert extra[start + 10 : start + 40] == pytest.approx(np.full(30, 30.0))
    assert extra[start + 60] / extra[start + 40] == pytest.approx(0.5)
    assert extra[start + 80] / extra[start + 40] == pytest.approx(0.25)


def test_an_event_at_night_is_still_an_event() -> None:
    usual = np.tile(np.concatenate([np.full(720, 1.0), np.full(720, 19.0)]), 30)  # mean 10, night 1
    assert extra_of(at(10, 3, **SALE), usual).max() == pytest.approx(30)


def test_no_ramp_starts_at_once() -> None:
    extra = extra_of(at(10, **{**SALE, "ramp_minutes": 0}))
    assert extra[9 * 1440 + 720] == pytest.approx(30)


def test_a_start_within_a_minute_splits_that_minute() -> None:
    event = LoadEvent(
        kind="launch", start=datetime(2026, 11, 10, 12, 0, 45, tzinfo=UTC), **{**SALE, "ramp_minutes": 0}
    )
    assert extra_of(event)[9 * 1440 + 720] == pytest.approx(30 * 0.25)


@pytest.mark.parametrize("start", [datetime(2026, 9, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)])
def test_an_event_outside_the_run_adds_nothing(start) -> None:
    assert extra_of(LoadEvent(kind="flash_sale", start=start, **SALE)).sum() == 0


def test_the_tail_of_an_earlier_event_and_the_head_of_a_late_one_count() -> None:
    before = extra_of(LoadEvent(kind="flash_sale", start=datetime(2026, 10, 31, 23, 40, tzinfo=UTC), **SALE))
    assert before[:20] == pytest.approx(np.full(20, 30.0))
    late = extra_of(at(30, 23, **{**SALE, "ramp_minutes": 60, "hold_minutes": 600}))
    assert late[-1] == pytest.approx(30 * 59.5 / 60)


def test_times_with_an_offset_and_without() -> None:
    naive = LoadEvent(
        kind="flash_sale", start=datetime(2026, 11, 10, 12, tzinfo=UTC).replace(tzinfo=None), **SALE
    )
    berlin = LoadEvent(
        kind="flash_sale", start=datetime(2026, 11, 10, 13, tzinfo=timezone(timedelta(hours=1))), **SALE
    )
    assert np.array_equal(extra_of(naive), extra_of(at(10, **SALE)))
    assert np.array_equal(extra_of(berlin), extra_of(at(10, **SALE)))


def test_multiplier_one_adds_nothing() -> None:
    assert extra_of(at(10, **{**SALE, "peak_multiplier": 1})).sum() == 0


def test_further_months_leave_an_event_as_it_was() -> None:
    longer = Calendar.of(BillingPeriod(2026, 11), 2)
    event = at(30, 22, kind="campaign")
    usual = np.linspace(1, 50, longer.minutes)
    long_run = extra_of(event, usual, longer)
    assert np.array_equal(long_run[: NOVEMBER.minutes], extra_of(event, usual[: NOVEMBER.minutes]))


def test_every_kind_has_a_sourced_default() -> None:
    assert (
        set(DEFAULT_SHAPES)
        == set(get_args(EventKind))
        == set(get_args(LoadEvent.model_fields["kind"].annotation))
    )
    for kind, shape in DEFAULT_SHAPES.items():
        assert shape.source
        assert event_shape(LoadEvent(kind=kind, start=datetime(2026, 11, 1, tzinfo=UTC))) == shape


def test_stated_figures_replace_defaults_one_by_one() -> None:
    shape = event_shape(at(1, kind="launch", peak_multiplier=25))
    default = DEFAULT_SHAPES["launch"]
    assert shape == EventShape(
        25.0, default.ramp_minutes, default.hold_minutes, default.half_life_minutes, default.source
    )
    assert event_shape(at(1, **SALE)).source == ""


def test_default_viral_spike_rises_and_fades_as_the_world_cup_did() -> None:
    shape = DEFAULT_SHAPES["viral_spike"]
    load = shape.load(np.arange(0, 401.0))
    rise = np.flatnonzero(load > 0.9)[0] - np.flatnonzero(load > 0.1)[0]
    fall = np.flatnonzero(load > 0.5)[-1] - load.argmax()
    assert rise == pytest.approx(120, abs=2)
    assert fall == pytest.approx(14, abs=1)
