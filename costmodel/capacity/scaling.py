"""Policies that size an Auto Scaling group: target tracking, step, simple, scheduled and predictive.

Source: Amazon EC2 Auto Scaling User Guide, target tracking, step and simple scaling, scheduled and
predictive scaling, quotas (2023-06). The alarms of target tracking (3 of 3 and 15 of 15 one-minute
points) are not documented; they are what public console captures show (2026-04).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.units import HOURS_PER_DAY, MINUTES_PER_DAY, MINUTES_PER_HOUR

Metric = Literal["cpu", "requests_per_target"]
"""CPU as a ratio, which stops at 1; requests in a minute over serving instances, which does not stop."""
Adjustment = Literal["change", "exact", "percent"]
"""ChangeInCapacity, ExactCapacity and PercentChangeInCapacity."""

HIGH_ALARM_POINTS = 3
LOW_ALARM_POINTS = 15
LOW_FACTOR = 0.7
"""Low threshold over target of a group that tracks CPU: 49 for 70, 35 for 50. Source: see the module's."""
REQUEST_LOW_FACTOR = 0.9
"""Low threshold over target of a group that tracks requests: 1 350 for 1 500. Source: as above, on ECS."""
METRIC_DELAY_MINUTES = 1
"""Minutes until a point can be seen by an alarm: CloudWatch's publishing lag. Engineering guess."""

MOST_POLICIES = 50
MOST_STEPS = 20
MOST_SCHEDULED_ACTIONS = 125
"""Source: Amazon EC2 Auto Scaling User Guide, quotas: per group, per policy, per group (2023-06)."""
LONGEST_BUFFER_MINUTES = 60
"""Source: EC2 Auto Scaling API Reference, SchedulingBufferTime of 0 to 3 600 s (2023-06)."""
HISTORY_DAYS = 14
"""Source: Amazon EC2 Auto Scaling User Guide, predictive scaling: up to 14 days of history (2023-06)."""
DEFAULT_COOLDOWN_MINUTES = 5
"""Source: Amazon EC2 Auto Scaling User Guide, default cooldown of 300 s, simple scaling only (2023-06)."""

# One row of the kernel's policy table.
(KIND, METRIC, THRESHOLD, LOW_THRESHOLD, HIGH_POINTS, LOW_POINTS, ADJUSTMENT, LEAST, COOLDOWN, FIRST_STEP, END_STEP) = range(11)  # fmt: skip
TRACK, STEP_ABOVE, STEP_BELOW = 0.0, 1.0, 2.0
CPU, REQUESTS = 0.0, 1.0
CHANGE, EXACT, PERCENT = 0.0, 1.0, 2.0
_METRICS: dict[Metric, float] = {"cpu": CPU, "requests_per_target": REQUESTS}
_ADJUSTMENTS: dict[Adjustment, float] = {"change": CHANGE, "exact": EXACT, "percent": PERCENT}
NEVER = -1.0
"""Low threshold of a policy that does not scale in: no metric is below it."""


@dataclass(frozen=True, slots=True)
class TargetTracking:
    """Keep a metric at a target: out above it for 3 minutes, in well below it for 15."""

    metric: Metric
    target: float
    """CPU ratio above 0 and at most 1, or requests a minute for each serving instance."""
    scale_in: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for a target that no metric can have."""
        if not (0 < self.target < math.inf and (self.metric != "cpu" or self.target <= 1)):
            raise ValueError(
                f"a target must be above 0, and at most 1 for CPU, not {self.target} (EC2 Auto Scaling, target tracking)"
            )

    def row(self) -> list[float]:
        low = self.target * (LOW_FACTOR if self.metric == "cpu" else REQUEST_LOW_FACTOR)
        return [
            TRACK,
            _METRICS[self.metric],
            self.target,
            low if self.scale_in else NEVER,
            HIGH_ALARM_POINTS,
            LOW_ALARM_POINTS,
            *(0.0, 0.0, 0.0, 0.0, 0.0),
        ]


@dataclass(frozen=True, slots=True)
class Step:
    """What to do when the metric is this far from the alarm's threshold; bounds are relative to it."""

    lower: float
    """-inf for the lowest step of an alarm below its threshold."""
    upper: float
    """inf for the highest step of an alarm above its threshold."""
    adjustment: float


@dataclass(frozen=True, slots=True)
class StepScaling:
    """One alarm and what it does at each distance from its threshold.

    Above the threshold a step holds its lower bound but not its upper one, below it the other way
    round. With `cooldown_minutes` it is simple scaling: nothing more until the new instances are in
    service and the cooldown has passed.
    """

    metric: Metric
    threshold: float
    above: bool
    """True: alarm at or above the threshold; False: at or below it."""
    steps: tuple[Step, ...]
    adjustment: Adjustment
    points: int = 1
    """One-minute points in a row that must breach."""
    least_adjustment: int = 0
    """MinAdjustmentMagnitude: percent steps change at least so many instances."""
    cooldown_minutes: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for steps that AWS would refuse."""
        if not 1 <= len(self.steps) <= MOST_STEPS:
            raise ValueError(
                f"a policy has 1 to {MOST_STEPS} steps, not {len(self.steps)} (EC2 Auto Scaling quotas)"
            )
        if not 0 <= self.threshold < math.inf:
            raise ValueError(f"a threshold must be finite and not negative, not {self.threshold}")
        if self.points < 1 or self.least_adjustment < 0 or self.cooldown_minutes < 0:
            raise ValueError(
                "an alarm needs 1 point or more, and neither cooldown nor least change may be negative"
            )
        if self.least_adjustment and self.adjustment != "percent":
            raise ValueError(
                "MinAdjustmentMagnitude is for PercentChangeInCapacity only (EC2 Auto Scaling, step scaling)"
            )
        if self.cooldown_minutes and len(self.steps) != 1:
            raise ValueError(
                "simple scaling has one adjustment, not steps (EC2 Auto Scaling, simple scaling)"
            )
        if not all(math.isfinite(step.adjustment) and step.lower < step.upper for step in self.steps):
            raise ValueError("a step needs a finite adjustment and a lower bound below its upper bound")
        if self.adjustment == "exact" and any(step.adjustment < 0 for step in self.steps):
            raise ValueError("ExactCapacity must not be negative (EC2 Auto Scaling, step scaling)")
        for one, other in zip(self.steps, self.steps[1:], strict=False):
            if one.upper != other.lower:
                raise ValueError("steps may neither overlap nor leave a gap (EC2 Auto Scaling, step scaling)")
        open_end = self.steps[-1].upper == math.inf if self.above else self.steps[0].lower == -math.inf
        if not open_end:
            raise ValueError("the outermost step must have no outer bound (EC2 Auto Scaling, step scaling)")

    def row(self, first_step: int) -> list[float]:
        return [
            STEP_ABOVE if self.above else STEP_BELOW,
            _METRICS[self.metric],
            self.threshold,
            self.threshold,
            self.points,
            self.points,
            _ADJUSTMENTS[self.adjustment],
            self.least_adjustment,
            self.cooldown_minutes,
            first_step,
            first_step + len(self.steps),
        ]


Policy = TargetTracking | StepScaling


@dataclass(frozen=True, slots=True)
class ScheduledAction:
    """New bounds or a new size from one minute on; None leaves a value as it is."""

    minute: int
    min_size: int | None = None
    max_size: int | None = None
    desired_size: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for an action that sets nothing, or sizes that cannot be."""
        sizes = [size for size in (self.min_size, self.desired_size, self.max_size) if size is not None]
        if self.minute < 0 or not sizes or sizes != sorted(sizes) or sizes[0] < 0:
            raise ValueError(
                f"a scheduled action needs a minute and sizes with 0 <= min <= desired <= max, not {self}"
            )


def raised_minimums(spans: Sequence[tuple[int, int, int]], least: int) -> tuple[ScheduledAction, ...]:
    """Actions that hold a minimum from one minute to another, for each (from, to, instances); `least` otherwise.

    Where spans overlap the largest holds. Raises ValueError for more actions than a group can have.
    """
    actions = []
    held = least
    for minute in sorted({edge for start, end, _ in spans for edge in (start, end)}):
        wanted = max([least, *(size for start, end, size in spans if start <= minute < end)])
        if wanted != held:
            actions.append(ScheduledAction(minute, min_size=wanted))
            held = wanted
    if len(actions) > MOST_SCHEDULED_ACTIONS:
        raise ValueError(
            f"a group must not have more than {MOST_SCHEDULED_ACTIONS} scheduled actions (quotas)"
        )
    return tuple(actions)


@dataclass(frozen=True, slots=True, eq=False)
class PredictiveScaling:
    """Instances a forecast asks for by hour; the group grows to them early and never shrinks for them."""

    instances_by_hour: FloatArray
    """Shape (hours,), rounded up; hour 0 starts with the run."""
    buffer_minutes: int = 0
    """How long before the hour the instances are launched: SchedulingBufferTime."""

    def __post_init__(self) -> None:
        """Raises ValueError for a forecast that is not one."""
        if not (np.isfinite(self.instances_by_hour).all() and (self.instances_by_hour >= 0).all()):
            raise ValueError("a forecast must be finite and not negative")
        if not 0 <= self.buffer_minutes <= LONGEST_BUFFER_MINUTES:
            raise ValueError(
                f"a launch buffer is 0 to {LONGEST_BUFFER_MINUTES} minutes, not {self.buffer_minutes}"
                " (EC2 Auto Scaling, SchedulingBufferTime)"
            )

    def floors(self) -> list[tuple[int, int]]:
        """(minute, instances) whenever what the forecast asks for changes.

        During the buffer the higher of this hour and the next one holds.
        """
        hours = np.ceil(self.instances_by_hour).astype(int).tolist()
        found: dict[int, int] = {}
        for hour, here in enumerate(hours):
            before = hours[hour - 1] if hour else 0
            if here > before:
                found[max(0, hour * MINUTES_PER_HOUR - self.buffer_minutes)] = here
            elif here < before or hour == 0:
                found[hour * MINUTES_PER_HOUR] = here
        return sorted(found.items())


def forecast_from_history(
    work: FloatArray, instance_work_per_minute: float, target: float, *, error_ratio: float = 0.0
) -> FloatArray:
    """Instances that the days before let expect, shape (hours,), for `PredictiveScaling`.

    `work` has shape (minutes,), whole days. What is expected of a day is the mean of the 14 days before
    it, minute by minute, and an hour asks for its busiest expected minute at the target. Before the first
    fortnight of a run is over, its other days stand in for those before the run. A day is never part of
    its own forecast, so neither its noise nor its events are foreseen; a run of one day has no forecast.
    `error_ratio` comes on top of what days differ by: -0.1 forecasts a tenth too little.

    Source: Amazon EC2 Auto Scaling User Guide, predictive scaling: hourly, from 14 days (2023-06). The
    forecast's own algorithm is not published; the mean of days is an engineering guess.
    """
    days = work.size // MINUTES_PER_DAY
    by_day = work.reshape(days, MINUTES_PER_DAY)
    first = min(days, HISTORY_DAYS)
    until = np.vstack([np.zeros(MINUTES_PER_DAY), np.cumsum(by_day, axis=0)])
    expected = np.empty_like(by_day)
    expected[:first] = (until[first] - by_day[:first]) / max(first - 1, 1)
    expected[first:] = (until[first:-1] - until[: days - first]) / HISTORY_DAYS
    peak = expected.reshape(days * HOURS_PER_DAY, MINUTES_PER_HOUR).max(axis=1)
    return np.asarray(np.maximum(peak, 0.0) * (1.0 + error_ratio) / (instance_work_per_minute * target))


def policy_tables(policies: Sequence[Policy]) -> tuple[FloatArray, FloatArray]:
    """The kernel's tables: one row a policy, and one row a step (lower, upper, adjustment).

    Raises ValueError for more policies than a group can have.
    """
    if not 1 <= len(policies) <= MOST_POLICIES:
        raise ValueError(
            f"a group has 1 to {MOST_POLICIES} policies, not {len(policies)} (EC2 Auto Scaling quotas)"
        )
    rows: list[list[float]] = []
    steps: list[tuple[float, float, float]] = []
    for policy in policies:
        if isinstance(policy, TargetTracking):
            rows.append(policy.row())
        else:
            rows.append(policy.row(len(steps)))
            steps += [(step.lower, step.upper, step.adjustment) for step in policy.steps]
    return np.array(rows, dtype=np.float64), np.array(steps, dtype=np.float64).reshape(-1, 3)
