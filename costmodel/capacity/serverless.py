"""Aurora Serverless v2: capacity that follows the load within each minute."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only

ACU_STEP = 0.5
"""Smallest change of capacity. Source: Amazon Aurora User Guide, "How Aurora Serverless v2 works" (2023-06)."""

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

_STEPS_PER_MINUTE = 60 // STEP_SECONDS
_KEPT_PER_STEP = (1.0 - FALL_RATIO_PER_MINUTE) ** (1.0 / _STEPS_PER_MINUTE)


def follow_load(needed_acu: FloatArray, minimum_acu: float, maximum_acu: float) -> FloatArray:
    """ACUs that run (and are billed) in each minute: the mean over its seconds, shape (minutes,).

    `needed_acu` is the load in ACUs at full use, shape (minutes,). Capacity is re-evaluated every ten
    seconds, billed in half ACUs, and starts where the first minute needs it.

    Source: Amazon Aurora User Guide, "How Aurora Serverless v2 works" (2023-06).
    """
    needed = np.ascontiguousarray(needed_acu, dtype=np.float64)
    return read_only(_follow_load(needed, minimum_acu, maximum_acu))


@njit(cache=True, nogil=True)
def _follow_load(needed_acu: FloatArray, minimum_acu: float, maximum_acu: float) -> FloatArray:
    minutes = needed_acu.shape[0]
    running = np.empty(minutes)
    level = 0.0
    for minute in range(minutes):
        wanted = math.ceil(needed_acu[minute] * HEADROOM_RATIO / ACU_STEP) * ACU_STEP
        wanted = min(max(wanted, minimum_acu), maximum_acu)
        if minute == 0:
            level = wanted
        total = 0.0
        for _ in range(_STEPS_PER_MINUTE):
            if wanted > level:
                level = min(wanted, level + max(ACU_STEP, RISE_RATIO_PER_STEP * level))
            else:
                level = max(wanted, level * _KEPT_PER_STEP)
            total += math.ceil(level / ACU_STEP) * ACU_STEP
        running[minute] = total / _STEPS_PER_MINUTE
    return running
