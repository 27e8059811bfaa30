"""Local time: where the shoppers of a geography are and what their clocks show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from costmodel.demand.calendar import Calendar
from costmodel.units import MINUTES_PER_DAY, SECONDS_PER_MINUTE

IntArray = npt.NDArray[np.int64]

SECONDS_PER_DAY = MINUTES_PER_DAY * SECONDS_PER_MINUTE
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY
_THURSDAY = 3  # 1970-01-01 was a Thursday; weeks start on Monday.


class Zone(NamedTuple):
    """The time zone that stands for a whole geography."""

    name: str
    reason: str


ZONES: dict[str, Zone] = {
    "united_states": Zone("America/Chicago", "holds the mean centre of population, in Missouri"),
    "canada": Zone("America/Toronto", "Ontario and Quebec hold three of five Canadians"),
    "europe": Zone("Europe/Berlin", "Central European Time runs from Spain to Poland"),
    "japan": Zone("Asia/Tokyo", "the only zone of the country"),
    "australia": Zone("Australia/Sydney", "New South Wales and Victoria share this clock"),
    "asia_pacific": Zone("Asia/Singapore", "UTC+8, between Indonesia and Vietnam (+7) and Korea (+9)"),
    "india": Zone("Asia/Kolkata", "the only zone of the country"),
    "south_america": Zone("America/Sao_Paulo", "Brazil holds half of the continent's people"),
    "middle_east": Zone("Asia/Riyadh", "UTC+3, between Egypt (+2) and the Emirates (+4)"),
    "south_africa": Zone("Africa/Johannesburg", "the only zone of the country"),
}
"""One IANA time zone per CloudFront billing geography.

Source: IANA Time Zone Database (2025b); US Census Bureau, Centers of Population (2020); Statistics
Canada, Census of Population (2021); Australian Bureau of Statistics, Census (2021); United Nations,
World Population Prospects (2024). Members of a geography: Amazon CloudFront Developer Guide, price
class (2023-06). That one clock stands for a whole geography is a modelling choice.
"""


class OffsetTable(NamedTuple):
    """A zone's offsets from UTC over a span: one row per stretch between two changes."""

    start_s: IntArray
    """Unix time at which each stretch begins; the first begins no later than the span."""
    offset_s: IntArray
    """Seconds to add to UTC within the stretch."""


def offset_table(zone: ZoneInfo, start_s: int, end_s: int) -> OffsetTable:
    """Every change of `zone`'s offset from `start_s` to `end_s` (Unix times), to the second."""
    starts, offsets = [start_s], [_offset_s(zone, start_s)]
    for day_s in range(start_s, end_s, SECONDS_PER_DAY):
        before, after = day_s, min(day_s + SECONDS_PER_DAY, end_s)
        if _offset_s(zone, after) == offsets[-1]:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if _offset_s(zone, middle) == offsets[-1]:
                before = middle
            else:
                after = middle
        starts.append(after)
        offsets.append(_offset_s(zone, after))
    return OffsetTable(np.array(starts), np.array(offsets))


@lru_cache(maxsize=8)
def local_week_minutes(calendar: Calendar, zone: ZoneInfo) -> npt.NDArray[np.int16]:
    """Minute of the local week at every minute of the run, Monday 00:00 being 0; shape (minutes,), read-only.

    Kept for the other draws of a run, in as few bytes as hold it.
    """
    start_s = int(calendar.start.timestamp())
    end_s = start_s + calendar.minutes * SECONDS_PER_MINUTE
    table = offset_table(zone, start_s, end_s)
    utc_s = np.arange(start_s, end_s, SECONDS_PER_MINUTE)
    stretch = np.searchsorted(table.start_s, utc_s, side="right") - 1
    minutes = week_minute(utc_s + table.offset_s[stretch]).astype(np.int16)
    minutes.flags.writeable = False
    return minutes


def week_minute(local_s: IntArray) -> IntArray:
    """Minute of the week of times given as seconds since 1970-01-01 00:00 on the local clock."""
    minute = local_s // SECONDS_PER_MINUTE + _THURSDAY * MINUTES_PER_DAY
    return np.asarray(minute % MINUTES_PER_WEEK)


def _offset_s(zone: ZoneInfo, utc_s: int) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=utc_s)
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # a ZoneInfo always knows its offset
    return int(offset.total_seconds())
