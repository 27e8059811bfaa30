"""Aurora Serverless v2: capacity that follows the load within each minute, and pauses when nobody calls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE

ACU_STEP = 0.5
"""Smallest change of capacity. Source: Amazon Aurora User Guide, "How Aurora Serverless v2 works" (2023-06)."""

LARGEST_ACU = 256.0
SMALLEST_MAXIMUM_ACU = 1.0
"""Source: "ServerlessV2ScalingConfiguration", Amazon RDS API Reference (2026); a minimum of 0 since 2024-11."""

ACU_PER_VCPU = 4.0
"""ACUs that do the work of one vCPU of an r class at full load.

Source: aws/agent-toolkit-for-aws, Aurora serverless advisory (2026-08-20); Cloud Carbon Footprint uses the same.
"""

ACU_GIB = 2.0
"""Memory of one ACU. Source: Amazon Aurora User Guide, "How Aurora Serverless v2 works" (2023-06)."""

HEADROOM_RATIO = 1.3
"""Capacity asked for over capacity needed.

Source: aws/agent-toolkit-for-aws, Aurora serverless advisory (2026-08-20): maximum = 1.3 x peak.
"""

STEP_SECONDS = 10
RISE_RATIO_PER_STEP = 0.5
"""Growth in ten seconds, at least one ACU step.

Source: the guide says that larger capacity grows faster and gives no rate (2023-06); this one is our guess.
"""

FALL_RATIO_PER_MINUTE = 0.10
"""Shrinkage per minute. Source: none is published; our guess."""

SHORTEST_PAUSE_AFTER_S = 300
LONGEST_PAUSE_AFTER_S = 86_400
"""Bounds of the time without a connection after which a cluster pauses, the shorter being the default.

Source: "ServerlessV2ScalingConfiguration", Amazon RDS API Reference (2026).
"""

RESUME_S = 15.0
LONG_RESUME_S = 30.0
LONG_PAUSE_MINUTES = HOURS_PER_DAY * MINUTES_PER_HOUR
"""How long a paused cluster takes to answer, and after more than a day of pause.

Source: Amazon Aurora User Guide, "Scaling to Zero ACUs with automatic pause and resume" (2024-11).
"""

_STEPS_PER_MINUTE = 60 // STEP_SECONDS
_KEPT_PER_STEP = (1.0 - FALL_RATIO_PER_MINUTE) ** (1.0 / _STEPS_PER_MINUTE)


@dataclass(frozen=True, slots=True)
class AcuRange:
    """Between which capacities a cluster scales, and when it pauses."""

    minimum: float
    """0 to let it pause, or 0.5 and more."""
    maximum: float
    pause_after_s: int = SHORTEST_PAUSE_AFTER_S
    """Seconds without a call after which a cluster whose minimum is 0 pauses."""

    def __post_init__(self) -> None:
        """Raises ValueError for a range that AWS does not take."""
        source = '("ServerlessV2ScalingConfiguration", Amazon RDS API Reference, 2026)'
        if not (0.0 <= self.minimum <= self.maximum and SMALLEST_MAXIMUM_ACU <= self.maximum <= LARGEST_ACU):
            raise ValueError(
                f"ACUs must satisfy 0 <= minimum <= maximum and {SMALLEST_MAXIMUM_ACU:g} <= maximum <="
                f" {LARGEST_ACU:g} {source}, not {self.minimum} and {self.maximum}"
            )
        if self.minimum % ACU_STEP or self.maximum % ACU_STEP:
            raise ValueError(
                f"ACUs go in steps of {ACU_STEP:g} {source}, not {self.minimum} and {self.maximum}"
            )
        if not SHORTEST_PAUSE_AFTER_S <= self.pause_after_s <= LONGEST_PAUSE_AFTER_S:
            raise ValueError(
                f"pause_after_s must be from {SHORTEST_PAUSE_AFTER_S} to {LONGEST_PAUSE_AFTER_S} {source},"
                f" not {self.pause_after_s}"
            )


def follow_load(needed_acu: FloatArray, acu: AcuRange) -> FloatArray:
    """ACUs that run (and are billed) in each minute: the mean over its seconds, shape (minutes,).

    `needed_acu` is the load in ACUs at full use, shape (minutes,). Capacity is re-evaluated every ten
    seconds, billed in half ACUs, and starts where the first minute needs it. With a minimum of 0 a
    cluster that nobody calls (a load of 0) goes down to half an ACU, pauses after `pause_after_s`, is not
    billed, and takes `RESUME_S` to answer the call that ends the pause; a first minute without a call
    finds it at half an ACU.

    Raises ValueError for a load that is negative, infinite or undefined.

    Source: Amazon Aurora User Guide, "How Aurora Serverless v2 works" (2023-06) and "Scaling to Zero ACUs
    with automatic pause and resume" (2024-11).
    """
    needed = np.ascontiguousarray(needed_acu, dtype=np.float64)
    if not np.isfinite(needed).all() or (needed < 0.0).any():
        raise ValueError("needed_acu must be finite and not negative")
    pause_after = math.ceil(acu.pause_after_s / SECONDS_PER_MINUTE) if acu.minimum == 0.0 else 0
    return read_only(
        _follow_load(np.minimum(needed, LARGEST_ACU), max(acu.minimum, ACU_STEP), acu.maximum, pause_after)
    )


def resumes(running_acu: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Minutes in which a paused cluster is called, and seconds until it answers, shape (resumes,) each.

    `running_acu` is what `follow_load` found: 0 in a minute means paused. Source: see `RESUME_S`.
    """
    paused = np.concatenate([[False], running_acu == 0.0, [False]])
    edges = np.flatnonzero(paused[1:] != paused[:-1])
    starts, ends = edges[::2], edges[1::2]
    called = ends < running_acu.size
    long = (ends - starts)[called] > LONG_PAUSE_MINUTES
    return ends[called].astype(np.float64), np.where(long, LONG_RESUME_S, RESUME_S)


def _follow_load_python(
    needed_acu: FloatArray, minimum_acu: float, maximum_acu: float, pause_after_minutes: int
) -> FloatArray:
    """`pause_after_minutes` is 0 for a cluster that never pauses."""
    minutes = needed_acu.shape[0]
    running = np.empty(minutes)
    level = 0.0
    idle = 0
    for minute in range(minutes):
        needed = needed_acu[minute]
        if needed > 0.0 or pause_after_minutes == 0:
            paused = idle - pause_after_minutes if pause_after_minutes > 0 else 0
            idle = 0
        else:
            paused = 0
            idle += 1
            if idle > pause_after_minutes:
                running[minute] = 0.0
                level = minimum_acu
                continue
        resuming_s = 0.0
        if paused > 0:
            resuming_s = LONG_RESUME_S if paused > LONG_PAUSE_MINUTES else RESUME_S

        wanted = math.ceil(needed * HEADROOM_RATIO / ACU_STEP) * ACU_STEP
        wanted = min(max(wanted, minimum_acu), maximum_acu)
        if minute == 0:
            level = wanted
        total = 0.0
        for _ in range(_STEPS_PER_MINUTE):
            up = 1.0
            if resuming_s > 0.0:
                up = max(0.0, 1.0 - resuming_s / STEP_SECONDS)
                resuming_s -= STEP_SECONDS
            if up > 0.0:
                if wanted > level:
                    level = min(wanted, level + max(ACU_STEP, RISE_RATIO_PER_STEP * level))
                else:
                    level = max(wanted, level * _KEPT_PER_STEP)
            total += up * math.ceil(level / ACU_STEP) * ACU_STEP
        running[minute] = total / _STEPS_PER_MINUTE
    return running


_follow_load = njit(cache=True, nogil=True)(_follow_load_python)
