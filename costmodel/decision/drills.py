"""Drills: a zone is lost, a database fails over. What that does to a candidate, and how often it is to be expected.

Each drill runs the candidate's own tiers through the whole demand with the disruption in it, and compares
with the undisturbed run. Lambda, load balancers and DynamoDB stand in several zones and ride a zone out.
(Source: AWS Lambda Developer Guide, resilience; Amazon DynamoDB Developer Guide, resilience, 2023-06.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from costmodel.capacity.availability import (
    LAUNCHES_FAIL_RATIO,
    REGION_IMPAIRMENT,
    ZONE_IMPAIRMENT,
)
from costmodel.capacity.disruptions import ZoneLoss
from costmodel.capacity.failover import FailoverWindow, Outages, outages
from costmodel.capacity.result import Capacity
from costmodel.decision.run import Drill, ExpectedLoss
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand
from costmodel.services._base import TierDesign
from costmodel.units import MINUTES_PER_HOUR, MONTHS_PER_YEAR, SECONDS_PER_MINUTE

LOSS_MINUTES = round(ZONE_IMPAIRMENT.median_hours * MINUTES_PER_HOUR)
"""How long the zone stays lost: the median of what is assumed."""
WATCHED_MINUTES = LOSS_MINUTES + MINUTES_PER_HOUR
"""How long after the start the run is compared: the loss, and an hour in which the zone comes back."""
BUSY_PERCENTILE = 95.0
"""A minute is as fast as usual when it is no busier than 95 of 100 minutes of the undisturbed run; our choice."""
LEAST_LOST_RATIO = 1e-6
"""Share of a minute's calls below which nobody notices; rounding is far below."""

ZONE_LOST = "zone lost"
LAUNCHES_FAIL = "zone lost, launches fail"
FAILOVER = "database fails over"
BUSIEST = "busiest minute"
MEAN = "mean minute"


@runtime_checkable
class Zonal(Protocol):
    """A fleet whose instances stand in zones and can be taken away."""

    @property
    def zones(self) -> int: ...
    def simulate(self, demand: Demand) -> Capacity: ...
    def without_zone(self, demand: Demand, loss: ZoneLoss) -> Capacity: ...


@runtime_checkable
class FailsOver(Protocol):
    """A database that has no writer for a while when it loses one."""

    @property
    def failover(self) -> FailoverWindow: ...
    def simulate(self, demand: Demand, gone: Outages | None = None) -> Capacity: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Aftermath:
    """What a disruption does to one tier. Arrays have shape (minutes,)."""

    lost_ratio: FloatArray
    """Share of calls lost that the undisturbed run does not lose."""
    slow: FloatArray
    """1 where the tier is busier than usual or its caches are cold."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """A disruption that may begin at any minute, and how often it does."""

    event: str
    per_month: float
    run: Callable[[int], _Aftermath]
    """What it does to the tier it strikes itself when it begins at this minute."""


def drill(
    compute: TierDesign, database: TierDesign, demand: Demand
) -> tuple[tuple[Drill, ...], ExpectedLoss]:
    """Every drill of these two tiers, and what is to be expected in a month.

    In the drills the lost zone holds the database's writer. The expectation takes the mean minute; the
    zone's part in failovers is in their rate, so there the two count apart.
    """
    fleet = compute if isinstance(compute, Zonal) else None
    zone_trials = (
        _zone_trials(fleet, demand) if fleet else [_Trial(ZONE_LOST, 0.0, lambda _: _unharmed(demand))]
    )
    failover = _failover_trial(database, demand) if isinstance(database, FailsOver) else None
    drills: list[Drill] = []
    lost_per_month = 0.0
    for moment, minute in ((BUSIEST, busiest_minute(demand)), (MEAN, mean_minute(demand))):
        writer = failover.run(minute) if failover else _unharmed(demand)
        for trial in zone_trials:
            instances = trial.run(minute)
            drills.append(_drill(trial.event, moment, demand, minute, _together(instances, writer)))
            if moment == MEAN:
                lost_per_month += trial.per_month * _lost_requests(demand, minute, instances)
        if failover:
            drills.append(_drill(failover.event, moment, demand, minute, writer))
            if moment == MEAN:
                lost_per_month += failover.per_month * _lost_requests(demand, minute, writer)
    mean_per_minute = float(demand.api_requests.mean())
    return tuple(drills), ExpectedLoss(
        minutes_per_month=lost_per_month / mean_per_minute if mean_per_minute else 0.0,
        requests_per_month=lost_per_month,
        region_minutes_per_month=REGION_IMPAIRMENT.per_month
        * REGION_IMPAIRMENT.mean_hours
        * MINUTES_PER_HOUR,
    )


def _zone_trials(fleet: Zonal, demand: Demand) -> list[_Trial]:
    """The loss of one zone, with and without launches in the others."""
    usual = fleet.simulate(demand)

    def loses(launches_fail: bool) -> Callable[[int], _Aftermath]:
        return lambda minute: _compared(
            usual, fleet.without_zone(demand, ZoneLoss(minute, 0, LOSS_MINUTES, launches_fail))
        )

    per_month = ZONE_IMPAIRMENT.per_month * fleet.zones
    return [
        _Trial(ZONE_LOST, per_month * (1.0 - LAUNCHES_FAIL_RATIO), loses(launches_fail=False)),
        _Trial(LAUNCHES_FAIL, per_month * LAUNCHES_FAIL_RATIO, loses(launches_fail=True)),
    ]


def _failover_trial(database: FailsOver, demand: Demand) -> _Trial:
    """The loss of the writer, for as long as in the mean."""
    usual = database.simulate(demand)
    window = database.failover

    def run(minute: int) -> _Aftermath:
        gone = outages(demand.minutes, [float(minute)], [window.middle_s])
        found = _compared(usual, database.simulate(demand, gone))
        cold = (gone.io_factor > 1.0) | (gone.up_ratio < 1.0)
        return _Aftermath(found.lost_ratio, np.maximum(found.slow, cold))

    return _Trial(FAILOVER, window.per_year / MONTHS_PER_YEAR, run)


def busiest_minute(demand: Demand) -> int:
    """The first minute with the most API calls."""
    return int(demand.api_requests.argmax())


def mean_minute(demand: Demand) -> int:
    """The first minute from which on the watched time brings the mean load of the run, as nearly as any."""
    calls = demand.api_requests
    watched = min(WATCHED_MINUTES, calls.size)
    total = np.concatenate([[0.0], np.cumsum(calls)])
    following = (total[watched:] - total[:-watched]) / watched
    return int(np.abs(following - calls.mean()).argmin())


def _unharmed(demand: Demand) -> _Aftermath:
    nothing = np.zeros(demand.minutes)
    return _Aftermath(nothing, nothing)


def _compared(usual: Capacity, disturbed: Capacity) -> _Aftermath:
    calls = np.maximum(usual.requests, 1e-12)
    lost = np.clip((disturbed.failed_requests - usual.failed_requests) / calls, 0.0, 1.0)
    busy = np.maximum(usual.utilisation, np.percentile(usual.utilisation, BUSY_PERCENTILE))
    return _Aftermath(
        np.where(lost > LEAST_LOST_RATIO, lost, 0.0),
        np.where(disturbed.utilisation > busy + LEAST_LOST_RATIO, 1.0, 0.0),
    )


def _together(first: _Aftermath, second: _Aftermath) -> _Aftermath:
    """A call is lost when either tier loses it, and slow when either is."""
    lost = 1.0 - (1.0 - first.lost_ratio) * (1.0 - second.lost_ratio)
    return _Aftermath(lost, np.maximum(first.slow, second.slow))


def _lost_requests(demand: Demand, minute: int, aftermath: _Aftermath) -> float:
    watched = slice(minute, minute + WATCHED_MINUTES)
    return float((aftermath.lost_ratio[watched] * demand.api_requests[watched]).sum())


def _drill(event: str, moment: str, demand: Demand, minute: int, aftermath: _Aftermath) -> Drill:
    watched = slice(minute, minute + WATCHED_MINUTES)
    losing = (aftermath.lost_ratio[watched] > 0.0) & (demand.api_requests[watched] > 0.0)
    unusual = np.flatnonzero(losing | (aftermath.slow[watched] > 0.0))
    return Drill(
        event=event,
        moment=moment,
        minute=minute,
        requests_per_s=float(demand.api_requests[minute]) / SECONDS_PER_MINUTE,
        impaired_minutes=int(losing.sum()),
        lost_requests=_lost_requests(demand, minute, aftermath),
        slow_minutes=int(unusual[-1]) + 1 if unusual.size else 0,
    )
