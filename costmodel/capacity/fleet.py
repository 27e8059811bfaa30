"""An EC2 Auto Scaling group under CPU target tracking, minute by minute.

Work is measured in CPU-seconds of one reference vCPU (m5), so that API calls and rendering jobs
add up and a faster instance simply does more of it in a minute.

Source: Amazon EC2 Auto Scaling User Guide, target tracking and default instance warm-up (2023-06).
The alarms (3 of 3 and 15 of 15 one-minute points, low threshold at 0.7 of the target) are not
documented; they are what public console captures show for groups that track CPU (2026-04).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import SECONDS_PER_MINUTE

IntArray = npt.NDArray[np.int64]

HIGH_ALARM_POINTS = 3
LOW_ALARM_POINTS = 15
LOW_FACTOR = 0.7
"""Low threshold over target: 49 for 70, 35 for 50. Source: see the module's."""
METRIC_DELAY_MINUTES = 1
"""Minutes until a point can be seen by an alarm: CloudWatch's publishing lag. Engineering guess."""
DEREGISTRATION_MINUTES = 5
"""Minutes an instance still runs, and is billed, after the group lets it go: the default delay of 300 s.

Source: Elastic Load Balancing target groups, deregistration delay (2023-06).
"""
LAUNCH_S = 2.0 + 5.0
"""From the decision to `running`: API call and pending. Source: daemonology, EC2 boot time (2021-08)."""
OPERATING_SYSTEM_S = 15.0
"""From `running` to a network that answers. Source: brevdev/ec2-coldboot-research (2026-02)."""
FIRST_HEALTH_CHECK_S = 15.0
"""Half of the load balancer's 30 s interval: one passing check is needed.

Source: Application Load Balancer User Guide, target group health checks (2023-06).
"""
DEFAULT_WARMUP_S = 300
"""Source: Amazon EC2 Auto Scaling User Guide, default cooldown, used as warm-up when nothing is set (2023-06)."""
LONGEST_WARMUP_S = 3600
"""Source: Amazon EC2 Auto Scaling User Guide, default instance warm-up, range 0 to 3 600 s (2023-06)."""


@dataclass(frozen=True, slots=True)
class ScalingGroup:
    """An Auto Scaling group, its policy, and how long an instance takes to help."""

    instance_cpu_s_per_minute: float
    """Reference CPU-seconds one instance can do in a minute: 60 x vCPU x relative speed."""
    target_ratio: float
    """CPU utilisation to track, above 0 and at most 1."""
    min_size: int
    max_size: int
    boot_minutes: int
    """Whole minutes from launch until the instance serves; it is billed all the while."""
    warmup_minutes: int
    """Whole minutes from launch until the instance counts in the metric; not below `boot_minutes`."""
    timeout_s: float
    """Seconds after which a client gives up waiting."""

    def __post_init__(self) -> None:
        """Raises ValueError for a group that could not exist."""
        if not 0 < self.target_ratio <= 1:
            raise ValueError(f"target_ratio must be above 0 and at most 1, not {self.target_ratio}")
        if not 1 <= self.min_size <= self.max_size:
            raise ValueError(f"sizes must satisfy 1 <= min <= max, not {self.min_size} and {self.max_size}")
        if not 0 <= self.boot_minutes <= self.warmup_minutes:
            raise ValueError("an instance cannot be warm before it has booted")
        if not self.instance_cpu_s_per_minute > 0 or not self.timeout_s > 0:
            raise ValueError("instance_cpu_s_per_minute and timeout_s must be above 0")


@dataclass(frozen=True, slots=True, eq=False)
class FleetRun:
    """What a group did, minute by minute. Arrays have shape (minutes,) and are read-only."""

    running: FloatArray
    """Instances billed: booting, warming, serving and draining."""
    serving: FloatArray
    """Instances that take requests."""
    utilisation: FloatArray
    """Work done over what the serving instances could do, 0 to 1."""
    backlog_delay_ms: FloatArray
    """Mean wait behind work that earlier arrivals left, on top of queueing within the minute."""
    failed_ratio: FloatArray
    """Share of the minute's work whose client gave up, 0 to 1."""


def boot_s(bootstrap_s: float) -> float:
    """Seconds from the scaling decision until an instance serves, given its bootstrap time."""
    return LAUNCH_S + OPERATING_SYSTEM_S + bootstrap_s + FIRST_HEALTH_CHECK_S


def warmup_s(bootstrap_s: float) -> int:
    """Default instance warm-up to configure: 300 s, or the whole minutes a slower boot takes.

    The warm-up starts when the instance is in service, which is when it is running.
    """
    booting_s = math.ceil((boot_s(bootstrap_s) - LAUNCH_S) / SECONDS_PER_MINUTE) * SECONDS_PER_MINUTE
    return min(LONGEST_WARMUP_S, max(DEFAULT_WARMUP_S, booting_s))


def boot_minutes(bootstrap_s: float) -> int:
    """Whole minutes from the scaling decision until an instance serves."""
    return math.ceil(boot_s(bootstrap_s) / SECONDS_PER_MINUTE)


def warmup_minutes(bootstrap_s: float) -> int:
    """Whole minutes from the scaling decision until an instance counts in the group's metric."""
    return math.ceil((LAUNCH_S + warmup_s(bootstrap_s)) / SECONDS_PER_MINUTE)


def run_fleet(work_cpu_s: FloatArray, group: ScalingGroup) -> FleetRun:
    """Run a group through per-minute work, shape (minutes,), in reference CPU-seconds.

    The group starts at the size its target asks for in the first minute.
    """
    desired = work_cpu_s[0] / (group.instance_cpu_s_per_minute * group.target_ratio)
    start_size = min(max(math.ceil(desired), group.min_size), group.max_size)
    columns = _compiled_minutes(
        np.ascontiguousarray(work_cpu_s, dtype=np.float64),
        group.instance_cpu_s_per_minute,
        group.target_ratio,
        group.min_size,
        group.max_size,
        start_size,
        group.boot_minutes,
        group.warmup_minutes,
        group.timeout_s / SECONDS_PER_MINUTE,
    )
    return FleetRun(*(read_only(column) for column in columns))


def _minutes(
    work_cpu_s: FloatArray,
    instance_cpu_s: float,
    target_ratio: float,
    min_size: int,
    max_size: int,
    start_size: int,
    boot_minutes: int,
    warmup_minutes: int,
    timeout_minutes: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Step through every minute: instances arrive, work is done, alarms are read, the group is sized.

    The step is proportional: instances in the metric x metric / target, rounded up. The instance
    count belongs to the same minute as the metric, so that capacity which was added or removed
    after the measurement is neither added nor removed twice.
    """
    minutes = work_cpu_s.shape[0]
    running = np.empty(minutes)
    serving_in = np.empty(minutes)
    busy = np.empty(minutes)
    delay_ms = np.empty(minutes)
    failed_ratio = np.empty(minutes)
    warm_in = np.empty(minutes)
    settled_in = np.empty(minutes)
    launched = np.zeros(minutes, dtype=np.int64)
    terminated = np.zeros(minutes, dtype=np.int64)
    group = start_size
    serving = start_size
    warm = start_size
    draining = 0
    backlog = 0.0
    high_points = 0
    low_points = 0
    for minute in range(minutes):
        if minute > boot_minutes:
            serving += launched[minute - 1 - boot_minutes]
        if minute > warmup_minutes:
            warm += launched[minute - 1 - warmup_minutes]
        if minute > 0:
            draining += terminated[minute - 1]
        if minute > DEREGISTRATION_MINUTES:
            draining -= terminated[minute - 1 - DEREGISTRATION_MINUTES]

        arriving = work_cpu_s[minute]
        capacity = serving * instance_cpu_s
        offered = backlog + arriving
        done = min(offered, capacity)
        left = offered - done
        failed = min(max(left - capacity * timeout_minutes, 0.0), arriving)
        kept = left - failed

        running[minute] = group + draining
        serving_in[minute] = serving
        busy[minute] = done / capacity
        delay_ms[minute] = (backlog + kept) / 2.0 / capacity * 60_000.0
        failed_ratio[minute] = failed / arriving if arriving > 0.0 else 0.0
        warm_in[minute] = warm
        settled_in[minute] = 1.0 if group == warm else 0.0
        backlog = kept

        seen = minute - METRIC_DELAY_MINUTES
        if seen < 0:
            continue
        high_points = high_points + 1 if busy[seen] > target_ratio else 0
        low_points = low_points + 1 if busy[seen] < LOW_FACTOR * target_ratio else 0
        wanted = math.ceil(warm_in[seen] * busy[seen] / target_ratio - 1e-9)
        if high_points >= HIGH_ALARM_POINTS:
            added = min(wanted, max_size) - group
            if added > 0:
                launched[minute] = added
                group += added
        elif low_points >= LOW_ALARM_POINTS and group == warm and settled_in[seen] == 1.0:
            removed = group - max(wanted, min_size)
            if removed > 0:
                terminated[minute] = removed
                group -= removed
                serving -= removed
                warm -= removed
    return running, serving_in, busy, delay_ms, failed_ratio


_compiled_minutes = njit(cache=True, nogil=True)(_minutes)
