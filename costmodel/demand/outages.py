"""Regional outages: what share of the calls the region serves, and who comes back afterwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.scenario.events import RegionalOutage
from costmodel.units import SECONDS_PER_MINUTE


@dataclass(frozen=True, slots=True, eq=False)
class OutageLoss:
    """What regional outages keep from the shop; no design in the region can serve it."""

    minutes: float
    """Minutes lost: those without any service, and the unserved share of those in which it comes back."""
    page_views: FloatArray
    """Pages asked for in vain, shape (geographies, minutes)."""


def served_ratio(outages: Sequence[RegionalOutage], calendar: Calendar) -> FloatArray:
    """Share of the calls of each minute that reach a region that serves, 0 to 1, shape (minutes,).

    Nothing is served while an outage holds; then the share rises along a straight line. Where outages
    overlap, the worse one decides.
    """
    served = np.ones(calendar.minutes)
    for outage in outages:
        hold, ramp = float(outage.hold_minutes), float(outage.ramp_minutes)
        elapsed = _edges(outage, calendar)
        rising = np.clip(elapsed - hold, 0.0, ramp)
        lost = np.clip(elapsed, 0.0, hold) + rising
        if ramp > 0:
            lost -= rising * rising / (2.0 * ramp)
        np.minimum(served, 1.0 - np.diff(lost), out=served)
    return np.clip(served, 0.0, 1.0, out=served)


def with_returning(rate: FloatArray, outages: Sequence[RegionalOutage], calendar: Calendar) -> FloatArray:
    """The rate of shoppers a minute, shape (minutes,), with those who were turned away and come back.

    Of everyone who comes while an outage holds, a share comes again from its end on, ever fewer, half
    of them within each half-life. Who is turned away once more, in the recovery or by a later outage that
    begins before, gives up.
    """
    for outage in sorted(outages, key=lambda outage: outage.start):
        hold = float(outage.hold_minutes)
        elapsed = _edges(outage, calendar)
        held = np.diff(np.clip(elapsed, 0.0, hold))
        returning = float(outage.returning_ratio) * float(rate @ held)
        decay_per_minute = math.log(2.0) / float(outage.half_life_minutes)
        back = -np.expm1(-decay_per_minute * np.maximum(elapsed - hold, 0.0))
        rate = rate + returning * np.diff(back)
    return rate


def _edges(outage: RegionalOutage, calendar: Calendar) -> FloatArray:
    """Minutes since the outage's start at the edges of every minute, shape (minutes + 1,)."""
    offset = (outage.start - calendar.start).total_seconds() / SECONDS_PER_MINUTE
    return np.arange(calendar.minutes + 1, dtype=np.float64) - offset
