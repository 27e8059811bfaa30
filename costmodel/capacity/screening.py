"""Many groups, or one group under many traces, side by side: totals to choose by, at a fraction of the time.

One group is one lane of the processor's vector registers. Only the common case is taken: target tracking of
CPU and nothing else. Chosen groups are run again by `fleet.run_fleet`, which decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numba import njit

from costmodel.capacity.fleet import MASK, RING, ROUNDING
from costmodel.capacity.group import ScalingGroup
from costmodel.capacity.scaling import HIGH_ALARM_POINTS, LOW_ALARM_POINTS, LOW_FACTOR, TargetTracking
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only

LanesArray = npt.NDArray[np.floating]
Precision = Literal["single", "double"]

LANES = 64
"""Four registers of 16 single-precision numbers; more hardly helps. Measured, see docs/performance.md."""
CHUNK_MINUTES = 1024
"""Sums of a chunk are kept in the lanes' precision, sums of chunks in double."""
SINGLE_ROUNDING = 1e-4
"""As `fleet.ROUNDING`, for single precision."""

_CACHE_LINE_BYTES = 64

# Rows of the state, LANES numbers each. One flat array, and two loops with few rows each: beyond 128
# checks of whether rows overlap the compiler gives up and silently does one lane at a time.
_SERVING, _WARM, _GROUP, _BACKLOG, _POINTS, _BUSY, _WARM_SEEN, _SETTLED = (row * LANES for row in range(8))
_SUMS = 8 * LANES
_INSTANCES, _FAILED, _LAUNCHES, _WAITING = (_SUMS + row * LANES for row in range(4))
_BUSY_NOW = 12 * LANES
_SETTINGS = 13 * LANES
_CPU, _TARGET, _LOW, _LEAST, _MOST, _TIMEOUT = (_SETTINGS + row * LANES for row in range(6))


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """Totals of a run for each group, or for each trace. Arrays have shape (groups,) and are read-only."""

    instance_minutes: FloatArray
    """Minutes billed, draining included."""
    failed_cpu_s: FloatArray
    """Work whose client gave up."""
    launches: FloatArray
    waiting_cpu_s_minutes: FloatArray
    """Work that waits at the end of a minute, summed over minutes."""


def screen(
    work_cpu_s: FloatArray, groups: Sequence[ScalingGroup], *, precision: Precision = "single"
) -> Screened:
    """Totals of each group under the same work, shape (minutes,), or each under its own, (minutes, groups).

    In double precision instance-minutes and launches are those of `run_fleet` and the other sums agree
    to 1e-12. In single precision a decision on the edge may fall the other way: instance-minutes of a
    month agree within 5e-3 for each group, and within 2e-4 for most.

    Raises ValueError for groups that differ in boot, warm-up or deregistration, or that have more than a
    CPU target.
    """
    shared = work_cpu_s.ndim == 1
    if not groups or (not shared and work_cpu_s.shape[1] != len(groups)):
        raise ValueError("screening needs groups, and one trace for all or one for each")
    lags = {(group.boot_minutes, group.warmup_minutes, group.deregistration_minutes) for group in groups}
    if len(lags) > 1:
        raise ValueError("groups screened together must have the same boot, warm-up and deregistration time")
    ((boot_minutes, warmup_minutes, deregistration_minutes),) = lags
    kind = np.float32 if precision == "single" else np.float64
    every = np.array([_settings(group) for group in groups]).T
    sums = np.zeros((4, -(-len(groups) // LANES) * LANES))
    for start in range(0, len(groups), LANES):
        settings = _padded(every[:, start : start + LANES])
        trace = work_cpu_s if shared else _padded(work_cpu_s[:, start : start + LANES])
        _lanes(
            np.ascontiguousarray(trace, dtype=kind),
            _state(_first_sizes(settings, trace[0]), settings, kind),
            _zeros(RING * LANES, kind),
            boot_minutes,
            warmup_minutes,
            deregistration_minutes,
            kind(ROUNDING if precision == "double" else SINGLE_ROUNDING),
            sums[:, start : start + LANES],
        )
    return Screened(*(read_only(row[: len(groups)].copy()) for row in sums))


def _settings(group: ScalingGroup) -> tuple[float, float, float, float, float, float]:
    """One group's column of the settings."""
    target = _cpu_target(group)
    return (
        group.instance_cpu_s_per_minute,
        target,
        target * LOW_FACTOR,
        group.min_size,
        group.max_size,
        group.patience.timeout_minutes,
    )


def _cpu_target(group: ScalingGroup) -> float:
    plain = not (
        group.scheduled
        or group.predictive
        or group.spot
        or group.warm_pool
        or group.cpu_credits
        or group.network
        or group.patience.retries
        or group.patience.abandoned_work_ratio
    )
    if plain and len(group.policies) == 1:
        policy = group.policies[0]
        if isinstance(policy, TargetTracking) and policy.metric == "cpu" and policy.scale_in:
            return policy.target
    raise ValueError("only groups that track CPU and nothing else can be screened")


def _first_sizes(settings: FloatArray, work_cpu_s: FloatArray) -> FloatArray:
    """Instances each group starts with for the work of the first minute, one for all or one for each."""
    cpu_s, target, _, least, most, _ = settings
    wanted = np.minimum(work_cpu_s / cpu_s / target, most)
    sizes: FloatArray = np.minimum(np.maximum(np.ceil(wanted), least), most)
    return sizes


def _padded(rows: FloatArray) -> FloatArray:
    """Fill the lanes that the last batch leaves free with copies of its last group."""
    missing = LANES - rows.shape[-1]
    if missing == 0:
        return rows
    return np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, missing)], mode="edge")


def _state(sizes: FloatArray, settings: FloatArray, kind: type[np.floating]) -> LanesArray:
    state = _zeros(_SETTINGS + settings.size, kind)
    state[_SETTINGS:] = settings.reshape(-1)
    for row in (_SERVING, _WARM, _GROUP, _WARM_SEEN):
        state[row : row + LANES] = sizes
    between_alarms = (settings[1] + settings[2]) / 2.0
    state[_BUSY : _BUSY + LANES] = between_alarms
    state[_SETTLED : _SETTLED + LANES] = 1.0
    return state


def _zeros(size: int, kind: type[np.floating]) -> LanesArray:
    """Zeros that begin at a cache line, shape (size,).

    A register that crosses the line costs twice: without this the lanes take half as long again.
    """
    room = np.zeros(size * np.dtype(kind).itemsize + _CACHE_LINE_BYTES, dtype=np.uint8)
    start = -room.ctypes.data % _CACHE_LINE_BYTES
    return room[start : start + size * np.dtype(kind).itemsize].view(kind)


@njit(cache=True, nogil=True, boundscheck=False, error_model="numpy", fastmath={"nnan", "ninf", "nsz"})
def _lanes(
    work: LanesArray,
    state: LanesArray,
    launched: LanesArray,
    boot_minutes: int,
    warmup_minutes: int,
    deregistration_minutes: int,
    rounding: np.floating,
    sums: FloatArray,
) -> None:
    """The minutes of `fleet`'s kernel without branches, LANES groups at once.

    A check of an index or a divisor, or a NaN in min and max, would be a branch: hence the options.

    The alarms are one counter: above 0 points over the target, below 0 points under the low threshold.
    """
    number = state.dtype.type
    zero, one = number(0.0), number(1.0)
    high, low = number(HIGH_ALARM_POINTS), number(-LOW_ALARM_POINTS)
    minutes = work.shape[0]
    begin = 0
    while begin < minutes:
        end = min(minutes, begin + CHUNK_MINUTES)
        for minute in range(begin, end):
            at_boot = ((minute - 1 - boot_minutes) & MASK) * LANES
            at_warm = ((minute - 1 - warmup_minutes) & MASK) * LANES
            at_now = (minute & MASK) * LANES
            booted = launched[at_boot : at_boot + LANES]
            warmed = launched[at_warm : at_warm + LANES]
            launches = launched[at_now : at_now + LANES]
            draining_minutes = number(min(deregistration_minutes, minutes - 1 - minute))
            trace = work[minute]
            for j in range(LANES):
                serving = state[_SERVING + j] + booted[j]
                arriving = trace if work.ndim == 1 else trace[j]
                capacity = serving * state[_CPU + j]
                offered = state[_BACKLOG + j] + arriving
                done = min(offered, capacity)
                left = offered - done
                failed = min(max(left - capacity * state[_TIMEOUT + j], zero), arriving)
                state[_SERVING + j] = serving
                state[_WARM + j] += warmed[j]
                state[_BACKLOG + j] = left - failed
                state[_WAITING + j] += left - failed
                state[_FAILED + j] += failed
                state[_BUSY_NOW + j] = done / capacity
            for j in range(LANES):
                warm = state[_WARM + j]
                group = state[_GROUP + j]
                busy = state[_BUSY + j]
                points = state[_POINTS + j]
                above = max(points, zero) + one
                below = min(points, zero) - one
                points = above if busy > state[_TARGET + j] else (below if busy < state[_LOW + j] else zero)
                wanted = np.ceil(state[_WARM_SEEN + j] * busy / state[_TARGET + j] - rounding)
                added = max(min(wanted, state[_MOST + j]) - group, zero)
                added = added if points >= high else zero
                settled = one if group == warm else zero
                removed = max(group - max(wanted, state[_LEAST + j]), zero)
                removed = removed if (points <= low) & (settled * state[_SETTLED + j] > zero) else zero
                state[_POINTS + j] = points
                state[_BUSY + j] = state[_BUSY_NOW + j]
                state[_WARM_SEEN + j] = warm
                state[_SETTLED + j] = settled
                state[_SERVING + j] -= removed
                state[_WARM + j] = warm - removed
                state[_GROUP + j] = group + added - removed
                state[_INSTANCES + j] += group + removed * draining_minutes
                state[_LAUNCHES + j] += added
                launches[j] = added
        for row in range(4):
            for j in range(LANES):
                sums[row, j] += state[_SUMS + row * LANES + j]
                state[_SUMS + row * LANES + j] = zero
        begin = end
