from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.clock import ZONES, local_week_minutes, offset_table
from costmodel.scenario.fields import Geography


def test_every_geography_has_a_zone_with_a_reason() -> None:
    assert set(ZONES) == set(get_args(Geography))
    for zone in ZONES.values():
        assert ZoneInfo(zone.name).key == zone.name
        assert zone.reason


@pytest.mark.parametrize(
    "zone_name", ["Europe/Berlin", "America/Chicago", "Asia/Kolkata", "Australia/Sydney"]
)
def test_local_week_minutes_agree_with_zoneinfo_through_clock_changes(zone_name: str) -> None:
    calendar = Calendar.of(BillingPeriod(2027, 3), 2)
    zone = ZoneInfo(zone_name)
    minutes = local_week_minutes(calendar, zone)
    assert minutes.shape == (calendar.minutes,)
    for i in range(0, calendar.minutes, 97):
        local = (calendar.start + timedelta(minutes=i)).astimezone(zone)
        assert minutes[i] == local.weekday() * 1440 + local.hour * 60 + local.minute


def test_clock_change_is_found_to_the_second() -> None:
    start = datetime(2027, 3, 1, tzinfo=UTC)
    table = offset_table(
        ZoneInfo("Europe/Berlin"), int(start.timestamp()), int((start + timedelta(days=31)).timestamp())
    )
    assert table.offset_s.tolist() == [3600, 7200]
    assert table.start_s[1] == datetime(2027, 3, 28, 1, tzinfo=UTC).timestamp()
