"""Volumes under a database node: the pace they sustain, what they burst to on credit, and how they grow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.capacity.instances import InstanceType
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import (
    BITS_PER_BYTE,
    HOURS_PER_DAY,
    MINUTES_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
)

EBS_BURST: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("m5", "r5"), (4_750.0, 18_750.0)),
    **dict.fromkeys(("m6g", "r6g"), (4_750.0, 20_000.0)),
    **dict.fromkeys(("m6i", "m7g", "m7i", "r6i", "r7g", "r7i", "r8g"), (10_000.0, 40_000.0)),
    **dict.fromkeys(("t3", "t4g"), (2_780.0, 15_700.0)),
}
SMALL_T_SIZES = frozenset({"micro", "small", "medium"})
SMALL_T_BURST = (2_085.0, 11_800.0)
"""Megabits and I/O per second that the smaller sizes of a family reach for half an hour a day; sizes whose
baseline is as high keep it for ever.

Source: DescribeInstanceTypes as copied in moto 5.2.1, EbsOptimizedInfo; Amazon EC2 User Guide, "Amazon
EBS-optimized instances" (2023-06): maximum performance for 30 minutes at least once every 24 hours.
"""

EBS_BURST_S = 30 * 60.0
"""Seconds of maximum performance in 24 hours. Source: see `EBS_BURST`."""

GP2_IOPS_PER_GB = 3.0
GP2_LEAST_IOPS = 100.0
GP2_MOST_IOPS = 16_000.0
GP2_BURST_IOPS = 3_000.0
GP2_CREDITS = 5_400_000.0
GP2_LEAST_MIBPS = 128.0
GP2_MOST_MIBPS = 250.0
GP2_FULL_SPEED_GB = 334.0
"""gp2: three IOPS per GiB, bursts to 3 000 on 5.4 million credits, 250 MiB/s from 334 GiB on.

Source: Amazon RDS User Guide, "Amazon RDS DB instance storage"; Amazon EBS User Guide, "General Purpose SSD
volumes (gp2)" (2023-06). From 400 GiB on RDS joins four volumes, whose burst adds up; we leave that out.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """A pace that may be exceeded on credit. Arrays have shape (days,)."""

    steady_per_s: FloatArray
    burst_per_s: FloatArray
    """Pace while credits last; `steady_per_s` for what never bursts."""
    largest_credits: FloatArray
    """Credits kept at most, and held at the start. One lets one I/O through above the steady pace."""
    refill_per_s: FloatArray
    """Credits earned for each second of which at least as much steady pace stays unused."""


@dataclass(frozen=True, slots=True, eq=False)
class IoPath:
    """The I/O that one call causes and what it passes: the volume, then the instance's way to it."""

    ios_per_call: FloatArray
    """Shape (days,)."""
    stages: tuple[Bucket, ...]

    @property
    def steady_ios_per_s(self) -> FloatArray:
        """I/O per second that every stage sustains, shape (days,)."""
        return np.asarray(np.minimum.reduce([stage.steady_per_s for stage in self.stages]))

    @property
    def burst_ios_per_s(self) -> FloatArray:
        """I/O per second that every stage lets through while credits last, shape (days,)."""
        return np.asarray(np.minimum.reduce([stage.burst_per_s for stage in self.stages]))

    @property
    def calls_per_minute(self) -> FloatArray:
        """Calls per minute that the steady pace carries, shape (days,)."""
        least = np.maximum(self.ios_per_call, 1e-12)
        return np.asarray(self.steady_ios_per_s * SECONDS_PER_MINUTE / least)

    @property
    def rested_calls_per_minute(self) -> FloatArray:
        """Calls that a minute carries when no credit has been spent before it, shape (days,)."""
        paces = [
            stage.steady_per_s * SECONDS_PER_MINUTE
            + np.minimum(stage.largest_credits, (stage.burst_per_s - stage.steady_per_s) * SECONDS_PER_MINUTE)
            for stage in self.stages
        ]
        return np.asarray(np.minimum.reduce(paces) / np.maximum(self.ios_per_call, 1e-12))


def gp3_bucket(iops: FloatArray, mibps: FloatArray, page_kb: float) -> Bucket:
    """A gp3 volume: it has a pace and no credits."""
    pace = np.minimum(iops, mibps * 1024.0 / page_kb)
    nothing = np.zeros_like(pace)
    return Bucket(pace, pace, nothing, nothing)


def gp2_bucket(allocated_gb: FloatArray, page_kb: float) -> Bucket:
    """A gp2 volume of this size, shape (days,). Source: see `GP2_IOPS_PER_GB`."""
    mibps = np.where(allocated_gb >= GP2_FULL_SPEED_GB, GP2_MOST_MIBPS, GP2_LEAST_MIBPS)
    by_bytes = mibps * 1024.0 / page_kb
    steady = np.clip(GP2_IOPS_PER_GB * allocated_gb, GP2_LEAST_IOPS, GP2_MOST_IOPS)
    burst = np.maximum(steady, GP2_BURST_IOPS)
    return Bucket(
        np.minimum(steady, by_bytes),
        np.minimum(burst, by_bytes),
        np.where(steady < GP2_BURST_IOPS, GP2_CREDITS, 0.0),
        steady,
    )


def ebs_bucket(instance: InstanceType, days: int, page_kb: float) -> Bucket:
    """The way from an instance to its volumes. Its credits come back within a day: AWS promises the half
    hour of burst once in 24 hours, and says no more. Source: see `EBS_BURST`.
    """
    family = instance.family.removeprefix("db.")
    mbps, iops = EBS_BURST.get(family, (0.0, 0.0))
    if instance.burstable and instance.size in SMALL_T_SIZES:
        mbps, iops = SMALL_T_BURST

    def pace(megabits_per_s: float, ios_per_s: float) -> float:
        return min(ios_per_s, megabits_per_s / BITS_PER_BYTE * 1024.0 / page_kb)

    steady = pace(instance.ebs_baseline_mbps, instance.ebs_baseline_iops)
    burst = max(steady, pace(mbps, iops))
    credits = (burst - steady) * EBS_BURST_S
    refill = credits / (MINUTES_PER_DAY * SECONDS_PER_MINUTE)
    return Bucket(*(np.full(days, value) for value in (steady, burst, credits, refill)))


STORAGE_STEP_MINUTES = 5
GROW_BELOW_FREE_RATIO = 0.10
GROWTH_GB = 10.0
GROWTH_RATIO = 0.10
GROWTH_FORECAST_HOURS = 7.0
GROWTH_PAUSE_MINUTES = 6 * MINUTES_PER_HOUR
"""Storage autoscaling: after five minutes with less than 10 % free, and six hours after the last change, it adds
the largest of 10 GiB, 10 % and what the database is forecast to grow in seven hours.

Source: Amazon RDS User Guide, "Managing capacity automatically with storage autoscaling" (2023-06).
"""


@dataclass(frozen=True, slots=True, eq=False)
class GrownStorage:
    """What storage autoscaling made of a volume."""

    allocated_gb: FloatArray
    """At the end of each day, shape (days,)."""
    full_ratio: FloatArray
    """Share of each day in which the data did not fit, so that the database stood still, shape (days,)."""


def grow_storage(stored_gb: FloatArray, allocated_gb: float, most_gb: float) -> GrownStorage:
    """A volume of `allocated_gb` under data of `stored_gb`, shape (days,), the same all day.

    It never shrinks, and never grows beyond `most_gb`. The forecast goes on as from the day before.

    Raises ValueError for data that is negative, infinite or undefined.
    """
    stored = np.ascontiguousarray(stored_gb, dtype=np.float64)
    if not np.isfinite(stored).all() or (stored < 0.0).any():
        raise ValueError("stored_gb must be finite and not negative")
    if stored.size and allocated_gb - stored.max() >= GROW_BELOW_FREE_RATIO * allocated_gb:
        return GrownStorage(read_only(np.full(stored.size, allocated_gb)), read_only(np.zeros(stored.size)))
    allocated, full = _grow_storage(stored, float(allocated_gb), float(most_gb))
    return GrownStorage(read_only(allocated), read_only(full))


def _grow_storage_python(
    stored_gb: FloatArray, allocated_gb: float, most_gb: float
) -> tuple[FloatArray, FloatArray]:
    days = stored_gb.shape[0]
    steps = MINUTES_PER_DAY // STORAGE_STEP_MINUTES
    allocated_by_day = np.empty(days)
    full_ratio = np.zeros(days)
    allocated = allocated_gb
    since_change = GROWTH_PAUSE_MINUTES
    for day in range(days):
        stored = stored_gb[day]
        a_day = max(0.0, stored - stored_gb[day - 1]) if day > 0 else 0.0
        forecast = a_day / HOURS_PER_DAY * GROWTH_FORECAST_HOURS
        full = 0
        for _ in range(steps):
            full += 1 if stored > allocated else 0
            since_change += STORAGE_STEP_MINUTES
            low = allocated - stored < GROW_BELOW_FREE_RATIO * allocated
            if low and since_change >= GROWTH_PAUSE_MINUTES and allocated < most_gb:
                grown = allocated + math.ceil(max(GROWTH_GB, GROWTH_RATIO * allocated, forecast))
                allocated = min(most_gb, grown)
                since_change = 0
        allocated_by_day[day] = allocated
        full_ratio[day] = full / steps
    return allocated_by_day, full_ratio


_grow_storage = njit(cache=True, nogil=True)(_grow_storage_python)
