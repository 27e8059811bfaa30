"""DynamoDB provisioned capacity with auto scaling, minute by minute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import MINUTES_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE

SCALE_OUT_MINUTES = 2
"""Consecutive minutes above the target that raise capacity.

Source: Amazon DynamoDB Developer Guide, "Managing throughput capacity automatically" (2023-06).
"""

SCALE_IN_MINUTES = 15
"""Consecutive minutes below the lower threshold that cut capacity.

Source: Amazon DynamoDB Developer Guide, "Managing throughput capacity automatically" (2023-06).
"""

SCALE_IN_GAP_RATIO = 0.20
"""How far below the target the lower threshold lies. Source: AWS re:Post knowledge centre, "DynamoDB auto scaling"."""

UPDATE_DELAY_MINUTES = 3
"""Minutes from the alarm until the new capacity serves.

Source: Amazon DynamoDB Developer Guide (2023-06): alarms and table updates "take several minutes"; 3 is our guess.
"""

BURST_SECONDS = 300.0
"""Seconds of unused capacity a table keeps for bursts.

Source: Amazon DynamoDB Developer Guide, "Best practices for designing partition keys" (2023-06).
"""

FREE_DECREASES_PER_DAY = 4
"""Decreases allowed at any time of a UTC day; then one more after each hour without a decrease, 27 at most.

Source: Amazon DynamoDB Developer Guide, "Service, account, and table quotas" (2023-06).
"""

SMALLEST_TARGET_RATIO = 0.2
LARGEST_TARGET_RATIO = 0.9
"""Bounds of the utilisation to track.

Source: Amazon DynamoDB Developer Guide, "Managing throughput capacity automatically" (2023-06): 20 to 90 percent.
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most capacity units per second that auto scaling may set."""

    minimum_units: float
    maximum_units: float

    def __post_init__(self) -> None:
        """Raises ValueError for bounds that auto scaling does not take."""
        if not 1.0 <= self.minimum_units <= self.maximum_units < math.inf:
            raise ValueError(
                "capacity units must satisfy 1 <= minimum <= maximum (Amazon DynamoDB Developer Guide,"
                f" quotas, 2023-06), not {self.minimum_units} and {self.maximum_units}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class ProvisionedRun:
    """What a scaled dimension (reads or writes of a table or index) did. Arrays have shape (minutes,)."""

    provisioned_units: FloatArray
    """Capacity units (per second) in force in the minute."""
    served_units: FloatArray
    """Units consumed in the minute, not per second."""
    throttled_units: FloatArray
    """Units refused in the minute."""

    @property
    def refused_ratio(self) -> FloatArray:
        """Share of the units asked for that were refused, shape (minutes,)."""
        return self.throttled_units / np.maximum(self.served_units + self.throttled_units, 1e-12)

    @property
    def fullness(self) -> FloatArray:
        """What was asked for over what was provisioned, shape (minutes,)."""
        asked = self.served_units + self.throttled_units
        return asked / (SECONDS_PER_MINUTE * self.provisioned_units)


def nothing_scaled(minutes: int) -> ProvisionedRun:
    """A dimension that does not exist."""
    nothing = read_only(np.zeros(minutes))
    return ProvisionedRun(nothing, nothing, nothing)


def check_target(target_ratio: float) -> None:
    """Raises ValueError for a utilisation that auto scaling does not track."""
    if not SMALLEST_TARGET_RATIO <= target_ratio <= LARGEST_TARGET_RATIO:
        raise ValueError(
            f"target_ratio must be from {SMALLEST_TARGET_RATIO:g} to {LARGEST_TARGET_RATIO:g} (Amazon DynamoDB"
            f" Developer Guide, auto scaling, 2023-06), not {target_ratio}"
        )


def follow_target(
    needed_units: FloatArray, target_ratio: float, minimum_units: float, maximum_units: float
) -> ProvisionedRun:
    """Scale one dimension after `needed_units` (units wanted in each minute, shape (minutes,)).

    See `follow_target_together`.
    """
    (run,) = follow_target_together(
        needed_units, (1.0,), target_ratio, (Bounds(minimum_units, maximum_units),)
    )
    return run


def follow_target_together(
    operations: FloatArray,
    units_per_operation: Sequence[float],
    target_ratio: float,
    bounds: Sequence[Bounds],
) -> tuple[ProvisionedRun, ...]:
    """Scale dimensions that every operation needs: a write takes units of its table and of each index.

    An operation that one dimension refuses consumes nothing of the others. Each dimension starts at the
    size it would have settled on for its first minute, with a full burst bucket: the table did not begin
    its life with the run.

    Args:
        operations: operations asked for in each minute, shape (minutes,).
        units_per_operation: units one operation takes of each dimension.
        target_ratio: utilisation to track, 0.2 to 0.9.
        bounds: what auto scaling may set, of each dimension.

    Raises ValueError for operations or units that are negative, infinite or undefined, and for a target or
    bounds that AWS does not take.

    Source: Amazon DynamoDB Developer Guide, "Managing throughput capacity automatically", "Service,
    account, and table quotas" and "Using global secondary indexes" (2023-06): an index short of capacity
    throttles its table. AWS documents burst capacity as best effort; here it is always there.
    """
    check_target(target_ratio)
    wanted = np.ascontiguousarray(operations, dtype=np.float64)
    units = np.array(units_per_operation, dtype=np.float64)
    if not (np.isfinite(wanted).all() and np.isfinite(units).all()):
        raise ValueError("operations and units must be finite")
    if (wanted < 0.0).any() or (units < 0.0).any():
        raise ValueError("operations and units must not be negative")
    if wanted.size and not math.isfinite(float(wanted.max()) * float(units.max())):
        raise ValueError("operations times units must be finite")
    provisioned, served = _follow_target(
        wanted,
        units,
        float(target_ratio),
        np.array([float(b.minimum_units) for b in bounds]),
        np.array([float(b.maximum_units) for b in bounds]),
    )
    return tuple(
        ProvisionedRun(
            read_only(provisioned[i]), read_only(served * each), read_only((wanted - served) * each)
        )
        for i, each in enumerate(units)
    )


def _follow_target_python(
    operations: FloatArray,
    units: FloatArray,
    target_ratio: float,
    minimum_units: FloatArray,
    maximum_units: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Capacity of each dimension, shape (dimensions, minutes), and operations served, shape (minutes,)."""
    minutes = operations.shape[0]
    dimensions = units.shape[0]
    provisioned = np.empty((dimensions, minutes))
    served_operations = np.empty(minutes)

    capacity = np.empty(dimensions)
    offered = np.empty(dimensions)  # units a minute
    largest_bucket = np.empty(dimensions)
    bucket = np.empty(dimensions)
    pending = np.zeros(dimensions)  # capacity on its way; 0 when none is
    arrives = np.full(dimensions, minutes)
    streak = np.zeros(
        dimensions, dtype=np.int64
    )  # minutes above the target, or below the low one if negative
    free_decreases = np.zeros(dimensions, dtype=np.int64)
    day = np.full(dimensions, -1)
    last_decrease = np.full(dimensions, -MINUTES_PER_DAY)
    low_ratio = target_ratio - SCALE_IN_GAP_RATIO
    for i in range(dimensions):
        first = operations[0] * units[i] / SECONDS_PER_MINUTE / target_ratio if minutes > 0 else 0.0
        capacity[i] = min(max(np.ceil(min(first, maximum_units[i])), minimum_units[i]), maximum_units[i])
        offered[i] = capacity[i] * SECONDS_PER_MINUTE
        largest_bucket[i] = capacity[i] * BURST_SECONDS
        bucket[i] = largest_bucket[i]
    for minute in range(minutes):
        served = operations[minute]
        for i in range(dimensions):
            if minute >= arrives[i]:
                capacity[i] = pending[i]
                pending[i] = 0.0
                arrives[i] = minutes
                offered[i] = capacity[i] * SECONDS_PER_MINUTE
                largest_bucket[i] = capacity[i] * BURST_SECONDS
                bucket[i] = min(bucket[i], largest_bucket[i])
                streak[i] = 0
            provisioned[i, minute] = capacity[i]
            most = offered[i] + bucket[i]
            if served * units[i] > most:
                served = most / units[i]
        served_operations[minute] = served

        for i in range(dimensions):
            most = offered[i] + bucket[i]
            used = min(served * units[i], most)
            bucket[i] = min(largest_bucket[i], most - used)

            if used > target_ratio * offered[i]:
                streak[i] = max(streak[i], 0) + 1
            elif used < low_ratio * offered[i]:
                streak[i] = min(streak[i], 0) - 1
            else:
                streak[i] = 0
            if -SCALE_IN_MINUTES < streak[i] < SCALE_OUT_MINUTES or pending[i] > 0.0:
                continue
            wanted = np.ceil(used / SECONDS_PER_MINUTE / target_ratio)
            wanted = min(max(wanted, minimum_units[i]), maximum_units[i])
            if streak[i] > 0 and wanted > capacity[i]:
                pending[i] = wanted
                arrives[i] = minute + 1 + UPDATE_DELAY_MINUTES
            elif streak[i] < 0 and wanted < capacity[i]:
                if minute // MINUTES_PER_DAY > day[i]:
                    day[i] = minute // MINUTES_PER_DAY
                    free_decreases[i] = FREE_DECREASES_PER_DAY
                if free_decreases[i] > 0:
                    free_decreases[i] -= 1
                elif minute - last_decrease[i] < MINUTES_PER_HOUR:
                    continue
                last_decrease[i] = minute
                pending[i] = wanted
                arrives[i] = minute + 1 + UPDATE_DELAY_MINUTES
    return provisioned, served_operations


_follow_target = njit(cache=True, nogil=True)(_follow_target_python)
