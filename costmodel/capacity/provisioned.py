"""DynamoDB provisioned capacity with auto scaling, minute by minute."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import MINUTES_PER_DAY, SECONDS_PER_MINUTE

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


@dataclass(frozen=True, slots=True, eq=False)
class ProvisionedRun:
    """What a scaled dimension (reads or writes of a table or index) did. Arrays have shape (minutes,)."""

    provisioned_units: FloatArray
    """Capacity units (per second) in force in the minute."""
    served_units: FloatArray
    """Units consumed in the minute, not per second."""
    throttled_units: FloatArray
    """Units refused in the minute."""


def follow_target(
    needed_units: FloatArray, target_ratio: float, minimum_units: float, maximum_units: float
) -> ProvisionedRun:
    """Scale provisioned capacity after `needed_units` (units wanted in each minute, shape (minutes,)).

    The dimension starts at the size it would have settled on for its first minute, with a full burst
    bucket: the table did not begin its life with the run.

    Source: Amazon DynamoDB Developer Guide, "Managing throughput capacity automatically" and
    "Service, account, and table quotas" (2023-06). AWS documents burst capacity as best effort;
    here it is always there.
    """
    provisioned, throttled = _follow_target(
        np.ascontiguousarray(needed_units, dtype=np.float64), target_ratio, minimum_units, maximum_units
    )
    return ProvisionedRun(
        read_only(provisioned), read_only(np.maximum(needed_units - throttled, 0.0)), read_only(throttled)
    )


@njit(cache=True, nogil=True)
def _follow_target(
    needed_units: FloatArray, target_ratio: float, minimum_units: float, maximum_units: float
) -> tuple[FloatArray, FloatArray]:
    minutes = needed_units.shape[0]
    provisioned = np.empty(minutes)
    throttled = np.zeros(minutes)

    first = needed_units[0] / SECONDS_PER_MINUTE / target_ratio if minutes > 0 else 0.0
    capacity = min(max(math.ceil(first), minimum_units), maximum_units)
    bucket = BURST_SECONDS * capacity
    above = below = 0
    pending = 0.0  # capacity on its way; 0 when none is
    arrives = 0
    free_decreases = FREE_DECREASES_PER_DAY
    last_decrease = -MINUTES_PER_DAY
    for minute in range(minutes):
        if minute % MINUTES_PER_DAY == 0:
            free_decreases = FREE_DECREASES_PER_DAY
        if pending > 0.0 and minute >= arrives:
            capacity = pending
            pending = 0.0
            bucket = min(bucket, BURST_SECONDS * capacity)
            above = below = 0
        provisioned[minute] = capacity

        offered = capacity * SECONDS_PER_MINUTE
        needed = needed_units[minute]
        if needed <= offered:
            served = needed
            bucket = min(BURST_SECONDS * capacity, bucket + offered - needed)
        else:
            burst = min(needed - offered, bucket)
            bucket -= burst
            served = offered + burst
            throttled[minute] = needed - served

        consumed_ratio = served / offered
        above = above + 1 if consumed_ratio > target_ratio else 0
        below = below + 1 if consumed_ratio < target_ratio - SCALE_IN_GAP_RATIO else 0
        if pending > 0.0:
            continue
        wanted = math.ceil(served / SECONDS_PER_MINUTE / target_ratio)
        wanted = min(max(wanted, minimum_units), maximum_units)
        if above >= SCALE_OUT_MINUTES and wanted > capacity:
            pending = wanted
            arrives = minute + 1 + UPDATE_DELAY_MINUTES
        elif below >= SCALE_IN_MINUTES and wanted < capacity:
            if free_decreases > 0:
                free_decreases -= 1
            elif minute - last_decrease < 60:
                continue
            last_decrease = minute
            pending = wanted
            arrives = minute + 1 + UPDATE_DELAY_MINUTES
    return provisioned, throttled
