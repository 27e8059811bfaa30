"""What an Auto Scaling group is made of: its sizes and policies, its spot part, warm pool, credits and network.

Source: Amazon EC2 Auto Scaling User Guide, default instance warm-up, warm pools, mixed instances groups (2023-06).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from costmodel.capacity.boot import LONGEST_WARMUP_S
from costmodel.capacity.overload import Patience
from costmodel.capacity.scaling import (
    MOST_SCHEDULED_ACTIONS,
    Policy,
    PredictiveScaling,
    ScheduledAction,
)
from costmodel.units import SECONDS_PER_MINUTE

IntArray = npt.NDArray[np.int64]

DEREGISTRATION_MINUTES = 5
"""Minutes an instance still runs, and is billed, after the group lets it go: the default delay of 300 s.

Source: Elastic Load Balancing target groups, deregistration delay of 0 to 3 600 s (2023-06).
"""
LONGEST_DEREGISTRATION_MINUTES = 60
LONGEST_WARMUP_MINUTES = LONGEST_WARMUP_S // SECONDS_PER_MINUTE + 1
"""The longest warm-up, and the minute in which the launch takes its seconds."""
MOST_WORK_PER_MINUTE = 1e15
"""More than any group can be asked for; beyond, sums would lose whole requests. Engineering guess."""
MOST_INSTANCES = 1_000_000
MOST_ZONES = 6
"""Source: AWS Regions and Zones, us-east-1 has six (2025-12)."""


@dataclass(frozen=True, slots=True)
class SpotMix:
    """Which part of a group is spot: everything above a base, save a share.

    On-demand is rounded up. Spot capacity that no pool has is not replaced by on-demand; the group
    stays smaller until a pool has it again.

    Source: Amazon EC2 Auto Scaling User Guide, mixed instances groups (2023-06).
    """

    on_demand_base: int
    on_demand_ratio_above_base: float
    """0 to 1: OnDemandPercentageAboveBaseCapacity / 100."""
    pools_per_zone: int = 1
    """Instance types of the same size to choose from in each zone; the emptiest pool is used."""
    rebalancing: bool = True
    """Launch replacements at the notice rather than at the reclaim."""

    def __post_init__(self) -> None:
        """Raises ValueError for a mix that AWS would refuse."""
        if self.on_demand_base < 0 or not 0 <= self.on_demand_ratio_above_base <= 1:
            raise ValueError(
                "the on-demand base must not be negative and the share above it must be from 0 to 1"
                " (EC2 Auto Scaling, InstancesDistribution)"
            )
        if self.pools_per_zone < 1:
            raise ValueError("a spot mix needs 1 pool a zone or more")


@dataclass(frozen=True, slots=True)
class WarmPool:
    """Instances that have booted once and wait stopped: they cost their volumes only and start fast.

    Source: Amazon EC2 Auto Scaling User Guide, warm pools (2023-06).
    """

    boot_minutes: int
    """Whole minutes from the decision until an instance of the pool serves."""
    prepared_capacity: int | None = None
    """MaxGroupPreparedCapacity, group and pool together; None is the group's maximum."""
    min_size: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a pool that could not exist."""
        if self.boot_minutes < 0 or self.min_size < 0 or (self.prepared_capacity or 0) < 0:
            raise ValueError(
                "a warm pool's sizes and boot time must not be negative (EC2 Auto Scaling, warm pools)"
            )


@dataclass(frozen=True, slots=True)
class CpuCredits:
    """How a burstable type earns and spends, for each instance of the group alike.

    Source: Amazon EC2 User Guide, burstable performance instances (2023-06).
    """

    vcpu: float
    credits_per_hour: float
    unlimited: bool

    def __post_init__(self) -> None:
        """Raises ValueError for a type that does not earn, or earns more than it could spend."""
        if not 0 < self.credits_per_hour <= 60 * self.vcpu < math.inf:
            raise ValueError("credits earned in an hour must be above 0 and at most 60 for each vCPU")


@dataclass(frozen=True, slots=True)
class NetworkBudget:
    """What one instance may send: its baseline for ever, its burst while the allowance lasts.

    Source: Amazon EC2 User Guide, instance network bandwidth: bursts of 5 to 60 minutes (2023-06).
    """

    baseline_gbps: float
    burst_gbps: float
    gbit_per_cpu_s: float
    """Sent for each CPU-second of work."""
    burst_minutes: float = 5.0

    def __post_init__(self) -> None:
        """Raises ValueError for a budget that could not exist."""
        if not 0 < self.baseline_gbps <= self.burst_gbps < math.inf:
            raise ValueError("network bandwidth must satisfy 0 < baseline <= burst")
        if not (0 <= self.gbit_per_cpu_s <= MOST_WORK_PER_MINUTE and 0 <= self.burst_minutes <= 60):
            raise ValueError(
                "traffic must be finite and not negative; a burst lasts 60 minutes at most (EC2 network)"
            )


@dataclass(frozen=True, slots=True)
class ScalingGroup:
    """An Auto Scaling group, its policies, and how long an instance takes to help."""

    instance_cpu_s_per_minute: float
    """Reference CPU-seconds one instance can do in a minute: 60 x vCPU x relative speed."""
    policies: tuple[Policy, ...]
    min_size: int
    max_size: int
    boot_minutes: int
    """Whole minutes from launch until the instance serves; it is billed all the while."""
    warmup_minutes: int
    """Whole minutes from launch until the instance counts in the metric; not below `boot_minutes`."""
    patience: Patience
    zones: int = 1
    deregistration_minutes: int = DEREGISTRATION_MINUTES
    scheduled: tuple[ScheduledAction, ...] = ()
    """Each acts at the end of its minute."""
    predictive: PredictiveScaling | None = None
    spot: SpotMix | None = None
    warm_pool: WarmPool | None = None
    cpu_credits: CpuCredits | None = None
    network: NetworkBudget | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a group that could not exist."""
        if not 1 <= self.min_size <= self.max_size <= MOST_INSTANCES:
            raise ValueError(
                f"sizes must satisfy 1 <= min <= max <= {MOST_INSTANCES:,}, not {self.min_size} and {self.max_size}"
            )
        if not 0 <= self.boot_minutes <= self.warmup_minutes:
            raise ValueError("an instance cannot be warm before it has booted")
        if self.warmup_minutes > LONGEST_WARMUP_MINUTES:
            raise ValueError(
                f"a warm-up must not exceed {LONGEST_WARMUP_S} s (EC2 Auto Scaling, DefaultInstanceWarmup)"
            )
        if not 0 <= self.deregistration_minutes <= LONGEST_DEREGISTRATION_MINUTES:
            raise ValueError(
                "a deregistration delay must be from 0 to 3600 s (Elastic Load Balancing, target groups)"
            )
        if not 0 < self.instance_cpu_s_per_minute < MOST_WORK_PER_MINUTE:
            raise ValueError("instance_cpu_s_per_minute must be above 0 and finite")
        if not 1 <= self.zones <= MOST_ZONES:
            raise ValueError(f"a group must have 1 to {MOST_ZONES} zones, not {self.zones}")
        if len(self.scheduled) > MOST_SCHEDULED_ACTIONS:
            raise ValueError(
                f"a group must not have more than {MOST_SCHEDULED_ACTIONS} scheduled actions (quotas)"
            )
        if self.warm_pool is not None and self.spot is not None:
            raise ValueError("a warm pool cannot be used with mixed instances (EC2 Auto Scaling, warm pools)")
        if self.warm_pool is not None and self.warm_pool.boot_minutes > self.warmup_minutes:
            raise ValueError("an instance of the warm pool cannot be warm before it has booted")
