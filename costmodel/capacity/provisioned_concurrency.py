"""Provisioned concurrency that follows its utilisation, minute by minute, and the time it is billed for.

Application Auto Scaling tracks the share of the ready environments that are busy. What finds them all
busy spills over to environments on demand.

Source: AWS Lambda Developer Guide, configuring provisioned concurrency (2023-10), and Application Auto
Scaling User Guide, target tracking (2023-06). The alarms (3 of 3 and 15 of 15 one-minute points, low
threshold at 0.9 of the target) are not documented; they are what public console captures show for
targets of Application Auto Scaling (2020 to 2026).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.capacity.cold_starts import MOST_ERLANGS
from costmodel.capacity.loss import compiled_loss
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import SECONDS_PER_MINUTE

HIGH_ALARM_POINTS = 3
LOW_ALARM_POINTS = 15
LOW_FACTOR = 0.9
"""Low threshold over target: 63 for 70, 45 for 50. Source: see the module's."""
METRIC_DELAY_MINUTES = 1
"""Minutes until a point can be seen by an alarm: CloudWatch's publishing lag. Engineering guess."""
READY_MINUTES = 2
"""Minutes from the request until new environments take calls.

Source: AWS Lambda Developer Guide, configuring provisioned concurrency (2023-10): a minute or two.
"""
RECOMMENDED_TARGET_RATIO = 0.7
"""Source: AWS Lambda Developer Guide, managing provisioned concurrency with Application Auto Scaling (2023-10)."""
BILLED_STEP_MINUTES = 5
"""Provisioned concurrency is billed from when it is switched on until it is switched off, every step begun.

Source: AWS Lambda pricing, provisioned concurrency (2025-12).
"""


@dataclass(frozen=True, slots=True)
class ProvisionedScaling:
    """A target-tracking policy on the utilisation of provisioned concurrency, and its bounds."""

    minimum: int
    maximum: int
    target_ratio: float = RECOMMENDED_TARGET_RATIO
    """Share of the ready environments to keep busy, above 0 and at most 1."""

    def __post_init__(self) -> None:
        """Raises ValueError for a policy that could not exist."""
        if not 0 < self.target_ratio <= 1:
            raise ValueError(
                f"the target of provisioned concurrency must be above 0 and at most 1, not {self.target_ratio}"
                " (AWS Lambda Developer Guide, LambdaProvisionedConcurrencyUtilization, 2023-10)"
            )
        if not 1 <= self.minimum <= self.maximum <= MOST_ERLANGS:
            raise ValueError(
                "provisioned concurrency must satisfy 1 <= minimum <= maximum, not"
                f" {self.minimum} and {self.maximum} (Lambda API Reference, PutProvisionedConcurrencyConfig)"
            )


@dataclass(frozen=True, slots=True, eq=False)
class ProvisionedRun:
    """What the policy did, minute by minute. Arrays have shape (minutes,) and are read-only."""

    configured: FloatArray
    """Environments asked for: those ready and those on their way."""
    ready: FloatArray
    """Environments that take calls without a start."""
    billed_s: FloatArray
    """Environment-seconds billed, every environment for whole steps of 5 minutes."""

    @property
    def started(self) -> FloatArray:
        """Environments newly asked for in each minute; those of the first minute were there before."""
        return np.maximum(0.0, np.diff(self.configured, prepend=self.configured[:1]))


def follow_utilisation(erlangs: FloatArray, scaling: ProvisionedScaling) -> ProvisionedRun:
    """Scale provisioned concurrency after the mean number busy in each minute, shape (minutes,).

    The policy starts at the size its target asks for in the first minute. A minute without calls
    has no point: no alarm counts over it. While new environments are on their way nothing is
    decided. Of the environments the newest are given back first, which costs least.

    Raises ValueError for a load that is negative, undefined or above `MOST_ERLANGS`.
    """
    erlangs = np.ascontiguousarray(erlangs, dtype=np.float64)
    if not np.all((erlangs >= 0) & (erlangs <= MOST_ERLANGS)):
        raise ValueError(f"erlangs must be from 0 to {MOST_ERLANGS:g} in every minute")
    configured, ready = _compiled_follow(
        erlangs, scaling.target_ratio, float(scaling.minimum), float(scaling.maximum)
    )
    billed = _compiled_billed(configured) * SECONDS_PER_MINUTE
    return ProvisionedRun(*(read_only(column) for column in (configured, ready, billed)))


def hold_provisioned(count: int, minutes: int) -> ProvisionedRun:
    """The same number all the time; it is neither switched on nor off while the run goes on."""
    fixed, billed_s = (
        np.broadcast_to(number, minutes) for number in (float(count), count * float(SECONDS_PER_MINUTE))
    )
    return ProvisionedRun(fixed, fixed, billed_s)


def _follow(
    erlangs: FloatArray, target_ratio: float, minimum: float, maximum: float
) -> tuple[FloatArray, FloatArray]:
    """Step through every minute: environments become ready, utilisation is measured, alarms are read.

    Calls find an environment busy as in a group without a queue, so that erlangs x (1 - Erlang B) are
    busy. The step is proportional: ready environments x metric / target, rounded up, both of the minute
    the metric belongs to, so that what was added or removed since is not added or removed twice.
    """
    minutes = erlangs.shape[0]
    configured_in = np.empty(minutes)
    ready_in = np.empty(minutes)
    utilisation = np.empty(minutes)
    first = erlangs[0] / target_ratio if minutes > 0 else 0.0
    configured = min(max(float(math.ceil(first)), minimum), maximum)
    ready = configured
    arrives = 0
    high_points = 0
    low_points = 0
    for minute in range(minutes):
        if minute >= arrives:
            ready = configured
        configured_in[minute] = configured
        ready_in[minute] = ready
        utilisation[minute] = erlangs[minute] * (1.0 - compiled_loss(erlangs[minute], ready)) / ready

        seen = minute - METRIC_DELAY_MINUTES
        if seen < 0:
            continue
        point = utilisation[seen]
        called = erlangs[seen] > 0.0
        high_points = high_points + 1 if called and point > target_ratio else 0
        low_points = low_points + 1 if called and point < LOW_FACTOR * target_ratio else 0
        if configured > ready:
            continue
        wanted = float(math.ceil(ready_in[seen] * point / target_ratio - 1e-9))
        if high_points >= HIGH_ALARM_POINTS and min(wanted, maximum) > configured:
            configured = min(wanted, maximum)
            arrives = minute + 1 + READY_MINUTES
        elif low_points >= LOW_ALARM_POINTS and ready_in[seen] == ready and max(wanted, minimum) < configured:
            configured = max(wanted, minimum)
            ready = configured
    return configured_in, ready_in


def _billed(configured: FloatArray) -> FloatArray:
    """Environment-minutes billed in each minute: what is given back stays on the bill until its step ends."""
    minutes = configured.shape[0]
    billed = configured.copy()
    since = np.empty(minutes, dtype=np.int64)
    counts = np.empty(minutes)
    held = 0
    before = 0.0
    for minute in range(minutes):
        change = configured[minute] - before
        before = configured[minute]
        if change > 0.0:
            since[held] = minute
            counts[held] = change
            held += 1
        while change < 0.0:
            given_back = min(counts[held - 1], -change)
            rest = -(minute - since[held - 1]) % BILLED_STEP_MINUTES
            for later in range(minute, min(minutes, minute + rest)):
                billed[later] += given_back
            counts[held - 1] -= given_back
            change += given_back
            if counts[held - 1] == 0.0:
                held -= 1
    return billed


_compiled_follow = njit(cache=True, nogil=True)(_follow)
_compiled_billed = njit(cache=True, nogil=True)(_billed)
