"""Totals of a function over a whole trace without stepping through its minutes.

A profile is built once per trace; after that every design costs a look into 1 024 bins and into the
few minutes that are busier than all shortly before them. The minute loop of `concurrency` is the
reference; the profile knows no growth limit, which a shop of fewer than 1 000 environments never meets.

Source: as `concurrency` and `cold_starts`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.capacity.cold_starts import IDLE_MINUTES, rate_grid, steady_ratios
from costmodel.capacity.concurrency import BUSIEST_MOMENT_Z
from costmodel.capacity.loss import compiled_loss
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import SECONDS_PER_MINUTE

BINS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class LoadProfile:
    """A trace's arrivals per second: binned, and where they rise above the last minutes."""

    bin_minutes: FloatArray
    """Minutes of each bin that holds any, shape (bins,)."""
    bin_per_s: FloatArray
    """Mean arrivals per second of each bin, shape (bins,), rising."""
    grid_per_s: FloatArray
    """Arrivals per second at which cold starts are worked out, shape (points,)."""
    rising_per_s: FloatArray
    """Arrivals per second of minutes that are busier than the `IDLE_MINUTES` before, shape (rises,)."""
    surpassed_per_s: FloatArray
    """The busiest of the minutes before each of those, shape (rises,)."""

    @classmethod
    def of(cls, requests: FloatArray) -> LoadProfile:
        """The profile of requests in each minute, shape (minutes,).

        Raises ValueError for requests that are negative, undefined or infinite, and for none at all.
        """
        rate_per_s = np.ascontiguousarray(requests, dtype=np.float64) / SECONDS_PER_MINUTE
        if rate_per_s.size == 0 or not np.all((rate_per_s >= 0) & (rate_per_s < math.inf)):
            raise ValueError("a profile needs at least one minute of finite, not negative requests")
        widest = float(rate_per_s.max())
        scale = BINS / widest if widest > 0 else 0.0
        places = np.minimum(BINS - 1, rate_per_s * scale).astype(np.int64)
        minutes = np.bincount(places, minlength=BINS).astype(np.float64)
        totals = np.bincount(places, weights=rate_per_s, minlength=BINS)
        filled = minutes > 0
        surpassed = np.full(rate_per_s.size, -math.inf)
        for lag in range(1, min(IDLE_MINUTES, rate_per_s.size - 1) + 1):
            np.maximum(surpassed[lag:], rate_per_s[:-lag], out=surpassed[lag:])
        surpassed[0] = rate_per_s[0]  # a run starts warm
        rising = rate_per_s > surpassed
        bin_per_s = totals[filled] / minutes[filled]
        return cls(
            read_only(minutes[filled]),
            read_only(bin_per_s),
            read_only(rate_grid(bin_per_s)),
            read_only(rate_per_s[rising]),
            read_only(surpassed[rising]),
        )

    def throttled_requests(
        self, duration_s: float, limit: float, requests_per_s_limit: float = math.inf
    ) -> float:
        """Requests refused in the whole trace at a limit on environments and one on requests per second."""
        return SECONDS_PER_MINUTE * float(
            _compiled_throttled(
                self.bin_minutes, self.bin_per_s, duration_s, float(limit), float(requests_per_s_limit)
            )
        )

    def cold_starts(self, duration_s: float, provisioned: int = 0) -> float:
        """Requests of the whole trace that wait for a new environment, when none is refused."""
        on_grid, _ = steady_ratios(self.grid_per_s, duration_s, provisioned)
        cold_ratio = np.interp(self.bin_per_s, self.grid_per_s, on_grid)
        steady = float(np.sum(self.bin_minutes * self.bin_per_s * cold_ratio)) * SECONDS_PER_MINUTE
        started = _compiled_started(self.rising_per_s, self.surpassed_per_s, duration_s, float(provisioned))
        return steady + float(started)


def _throttled(
    minutes: FloatArray, rate_per_s: FloatArray, duration_s: float, limit: float, most_per_s: float
) -> float:
    """Requests refused, as minutes x requests per second."""
    refused = 0.0
    for place in range(rate_per_s.shape[0]):
        rate = rate_per_s[place]
        too_fast = max(0.0, rate - most_per_s)
        refused += minutes[place] * max(too_fast, rate * compiled_loss(rate * duration_s, limit))
    return refused


def _started(
    rising_per_s: FloatArray, surpassed_per_s: FloatArray, duration_s: float, provisioned: float
) -> float:
    """Environments started because more are needed than at any moment of the last minutes."""
    started = 0.0
    for place in range(rising_per_s.shape[0]):
        load = rising_per_s[place] * duration_s
        before = surpassed_per_s[place] * duration_s
        needed = load + BUSIEST_MOMENT_Z * math.sqrt(load)
        warm = before + BUSIEST_MOMENT_Z * math.sqrt(before)
        started += max(0.0, needed - max(provisioned, warm))
    return started


_compiled_throttled = njit(cache=True, nogil=True)(_throttled)
_compiled_started = njit(cache=True, nogil=True)(_started)
