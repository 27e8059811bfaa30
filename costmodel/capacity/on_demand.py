"""DynamoDB on-demand capacity: it doubles what it has seen, half an hour later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only

DOUBLING_MINUTES = 30
"""Minutes within which traffic may double without throttling.

Source: Amazon DynamoDB Developer Guide, "Read/write capacity mode" (2023-06): on-demand instantly
takes up to twice the previous peak; more than twice within 30 minutes can throttle.
"""


WARM_READ_UNITS_PER_S = 12_000.0
WARM_WRITE_UNITS_PER_S = 4_000.0
"""What a new on-demand table takes at once.

Source: Amazon DynamoDB Developer Guide, "Read/write capacity mode" (2023-06); "Understanding DynamoDB warm throughput".
"""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Reads or writes of an on-demand table. Arrays have shape (minutes,)."""

    served_per_s: FloatArray
    refused_ratio: FloatArray
    fullness: FloatArray
    """What is asked for over what is allowed."""


def serve_on_demand(
    needed_per_s: FloatArray, hot_refused: FloatArray, warm_per_s: float, quota_per_s: float
) -> Flow:
    """What a table serves of the units asked for, of which a share is refused for its hottest key's sake.

    See `allowed_on_demand`.
    """
    spread_per_s = needed_per_s * (1.0 - hot_refused)
    allowed_per_s = allowed_on_demand(spread_per_s, warm_per_s, quota_per_s)
    fullness = spread_per_s / allowed_per_s
    return Flow(
        served_per_s=np.minimum(spread_per_s, allowed_per_s),
        refused_ratio=1.0 - (1.0 - hot_refused) / np.maximum(fullness, 1.0),
        fullness=fullness,
    )


def allowed_on_demand(needed_per_s: FloatArray, warm_per_s: float, quota_per_s: float) -> FloatArray:
    """Units per second an on-demand table accepts in each minute, shape (minutes,).

    `allowed = min(quota, max(warm, 2 x highest rate served more than 30 minutes ago))`. The table has
    served the first minute's rate before the run. Warm throughput never falls again.

    Raises ValueError for a rate that is negative, infinite or undefined, and unless
    `0 < warm_per_s` and `0 < quota_per_s`, both finite.

    Source: Amazon DynamoDB Developer Guide, "Read/write capacity mode" and "Service, account, and
    table quotas" (2023-06); "Understanding DynamoDB warm throughput".
    """
    needed = np.ascontiguousarray(needed_per_s, dtype=np.float64)
    if not (0.0 < warm_per_s < np.inf and 0.0 < quota_per_s < np.inf):
        raise ValueError(f"warm throughput and quota must be above 0, not {warm_per_s} and {quota_per_s}")
    if not np.isfinite(needed).all() or (needed < 0.0).any():
        raise ValueError("needed_per_s must be finite and not negative")
    if not np.any(needed > warm_per_s):
        return read_only(np.full(needed.shape, min(warm_per_s, quota_per_s)))
    return read_only(_allowed(needed, warm_per_s, quota_per_s))


def _allowed_python(needed_per_s: FloatArray, warm_per_s: float, quota_per_s: float) -> FloatArray:
    minutes = needed_per_s.shape[0]
    allowed = np.empty(minutes)
    peak = min(needed_per_s[0], quota_per_s)
    for minute in range(minutes):
        past = minute - DOUBLING_MINUTES
        if past >= 0:
            peak = max(peak, min(needed_per_s[past], allowed[past]))
        allowed[minute] = min(quota_per_s, max(warm_per_s, 2.0 * peak))
    return allowed


_allowed = njit(cache=True, nogil=True)(_allowed_python)
