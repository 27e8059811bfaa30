"""Events: extra load that rises, holds and fades."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.scenario.events import LoadEvent
from costmodel.units import MINUTES_PER_DAY, SECONDS_PER_MINUTE

_FADED_HALF_LIVES = 60


@dataclass(frozen=True, slots=True)
class EventShape:
    """How the extra load of one event runs: a straight ramp, a level hold, then halving."""

    peak_multiplier: float
    """Load at the peak over the usual load of the day; 1 adds nothing."""
    ramp_minutes: float
    hold_minutes: float
    half_life_minutes: float
    source: str = ""
    """Where default figures come from; empty when the scenario states all of them."""

    @property
    def end_minutes(self) -> float:
        """Minutes from the start after which the extra load is too small to matter."""
        return self.ramp_minutes + self.hold_minutes + _FADED_HALF_LIVES * self.half_life_minutes

    def load(self, edges_minutes: FloatArray) -> FloatArray:
        """Mean extra load between consecutive edges, as a share of the peak, 0 to 1.

        `edges_minutes`: minutes since the event's start, one apart, shape (n + 1,); result (n,).
        """
        return np.diff(self._area(edges_minutes))

    def _area(self, elapsed: FloatArray) -> FloatArray:
        rising = np.clip(elapsed, 0.0, self.ramp_minutes)
        area = np.clip(elapsed - self.ramp_minutes, 0.0, self.hold_minutes)
        if self.ramp_minutes > 0:
            area += rising * rising / (2.0 * self.ramp_minutes)
        fading = np.maximum(elapsed - self.ramp_minutes - self.hold_minutes, 0.0)
        decay_per_minute = math.log(2.0) / self.half_life_minutes
        return np.asarray(area - np.expm1(-decay_per_minute * fading) / decay_per_minute)


EventKind = Literal["flash_sale", "launch", "viral_spike", "campaign", "bot_scrape"]

DEFAULT_SHAPES: dict[EventKind, EventShape] = {
    "flash_sale": EventShape(
        4.0,
        1.0,
        60.0,
        50.0,
        "4 x: Black Friday peaks of 2 to 6 x (Platform.sh, 12 000 sites, 2022: +80 % over the week; "
        "VStream Labs, Holiday Shopping 2024: +340 % at the peak; plan 10 x for stress). Sales that "
        "open at a set time rise within a minute; flash crowds fade with a time constant of 30 to "
        "120 min (Ari et al. 2003). Hold: engineering guess",
    ),
    "launch": EventShape(
        10.0,
        30.0,
        0.0,
        10.0,
        "10 x: planned for promoted brands (agency case study of a 10 x spike). AAPL mentions, eight "
        "largest surges (Numenta Anomaly Benchmark, 2015): 10 to 90 % rise in 5 to 45 min, which a "
        "straight ramp of 6 to 56 min has, and a half-life of 5 to 15 min",
    ),
    "viral_spike": EventShape(
        8.1,
        150.0,
        0.0,
        14.0,
        "World Cup 1998 access logs (Arlitt and Jin), twelve largest surges: 8.1 x, 10 to 90 % rise "
        "in 120 min, which a straight ramp of 150 min has, half-life 14 min",
    ),
    "campaign": EventShape(
        1.8,
        720.0,
        7_200.0,
        720.0,
        "1.8 x over a week: Black Friday week on 12 000 sites (Platform.sh, 2022). Five days of hold "
        "and half a day either side: engineering guess",
    ),
    "bot_scrape": EventShape(
        3.0,
        1.0,
        120.0,
        5.0,
        "engineering guess: a crawler starts and stops at once and adds twice the usual load",
    ),
}
"""Shapes where the scenario states none: multiplier, ramp, hold and half-life in minutes, source."""


def event_shape(event: LoadEvent) -> EventShape:
    """The shape of an event: what the scenario states, and the kind's default for the rest."""
    default = DEFAULT_SHAPES[event.kind]
    stated = (event.peak_multiplier, event.ramp_minutes, event.hold_minutes, event.half_life_minutes)
    return EventShape(
        _first(event.peak_multiplier, default.peak_multiplier),
        _first(event.ramp_minutes, default.ramp_minutes),
        _first(event.hold_minutes, default.hold_minutes),
        _first(event.half_life_minutes, default.half_life_minutes),
        default.source if None in stated else "",
    )


def add_event(extra: FloatArray, event: LoadEvent, usual: FloatArray, calendar: Calendar) -> None:
    """Add the event's load to `extra` in place; both arrays have shape (minutes,), page views a minute.

    The extra load is (multiplier - 1) x the day's mean of the usual load x the shape. The mean of the
    UTC day, not the load of the minute, because people come for the event: one at night is still one.
    """
    shape = event_shape(event)
    offset = (event.start - calendar.start).total_seconds() / SECONDS_PER_MINUTE
    first = min(max(math.floor(offset), 0), calendar.minutes)
    last = max(first, min(math.ceil(offset + shape.end_minutes), calendar.minutes))
    load = shape.load(np.arange(first, last + 1, dtype=np.float64) - offset)
    day_mean = calendar.mean_per_day(usual)[np.arange(first, last) // MINUTES_PER_DAY]
    extra[first:last] += (shape.peak_multiplier - 1.0) * day_mean * load


def _first(stated: float | None, default: float) -> float:
    return default if stated is None else float(stated)
