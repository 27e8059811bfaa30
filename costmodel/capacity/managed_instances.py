"""Lambda Managed Instances: EC2 capacity that Lambda runs and scales, minute by minute.

Words: an *instance* holds execution environments that fill it; each of them takes many requests at a
time, so that an instance has so many `slots` (vCPUs x concurrency per vCPU). Nothing starts when a
request arrives: there is no cold start, and a request that finds no room is refused.

Source: AWS Lambda Developer Guide, "Scaling Lambda Managed Instances" (2026-01).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.capacity.loss import compiled_loss
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only

LEAST_INSTANCES = 3
"""Instances that are always there, for resilience to the loss of a zone. Source: see the module's."""
GROWTH_RATIO = 2.0
GROWTH_MINUTES = 5
"""Traffic that more than doubles within five minutes may be throttled: so much capacity may grow.

Source: see the module's.
"""
SCALE_IN_MINUTES = 15
"""Minutes of less need before instances go. Our guess: the guide says "gradually" and gives no time."""
MOST_VCPUS = 400
"""vCPUs of one capacity provider unless more are asked for.

Source: aws/agent-toolkit-for-aws, Lambda Managed Instances configuration guide, `MaxVCpuCount` (2026-08).
"""
CONCURRENCY_PER_VCPU = {"nodejs22.x": 64, "java21": 32, "dotnet8": 32, "python3.13": 16}
"""Requests at a time that each runtime takes for each vCPU of an environment, unless told otherwise.

Source: aws/agent-toolkit-for-aws, Lambda Managed Instances configuration guide (2026-08). Rust can run
there too, with a concurrency that is not published.
"""
LEAST_MEMORY_MB = 2_048
MOST_MEMORY_MB = 32_768
MEMORY_GIB_PER_VCPU = (2, 4, 8)
"""Memory of a function, and its ratio to vCPUs, of which a function has one at least.

Source: see the module's; the most: AWS Lambda, 32 GB on Managed Instances (2026-03).
"""
MOST_LOAD = 1e9
"""No account has such a load: what is larger is a mistake."""


@dataclass(frozen=True, slots=True)
class ManagedGroup:
    """The instances of one capacity provider, all of one type."""

    instance_vcpus: int
    slots: int
    """Requests that one instance takes at a time."""
    target_ratio: float
    """Use of vCPUs and of slots that Lambda keeps to; 0.5 leaves the room that its default does."""
    maximum: int
    """Most instances."""

    def __post_init__(self) -> None:
        """Raises ValueError for a group that could not serve."""
        if self.instance_vcpus < 1 or self.slots < 1:
            raise ValueError(
                f"an instance has at least one vCPU and one slot, not {self.instance_vcpus} and {self.slots}"
            )
        if not 0.0 < self.target_ratio <= 1.0:
            raise ValueError(f"target_ratio must be above 0 and at most 1, not {self.target_ratio}")
        if self.maximum < LEAST_INSTANCES:
            raise ValueError(
                f"Lambda keeps {LEAST_INSTANCES} instances (AWS Lambda Developer Guide, Scaling Lambda Managed"
                f" Instances, 2026-01): a maximum of {self.maximum} is too small"
            )


@dataclass(frozen=True, slots=True, eq=False)
class ManagedRun:
    """What a group did, minute by minute. Arrays have shape (minutes,) and are read-only."""

    instances: FloatArray
    refused_ratio: FloatArray
    """Share of the requests of the minute that found no room."""


def run_managed(busy_vcpus: FloatArray, in_flight: FloatArray, group: ManagedGroup) -> ManagedRun:
    """Run a group through its load.

    The instances of a minute are those that the fullest of the last `SCALE_IN_MINUTES` needed, for its
    vCPUs or its requests in flight, at the target; the load of a minute is known when it is over, so new
    ones serve a minute late (our guess: AWS says that scaling is asynchronous and gives no time). They are
    at most `GROWTH_RATIO` times those of `GROWTH_MINUTES` ago. The run starts settled. Requests are refused
    beyond the vCPUs there are, or when all slots are taken (Erlang B), whichever is worse.

    Args:
        busy_vcpus: vCPUs of this type that the load keeps busy on average, shape (minutes,).
        in_flight: requests being served on average, shape (minutes,).
        group: what runs them.

    Raises ValueError for a load that is negative, undefined or above `MOST_LOAD`.
    """
    busy = np.ascontiguousarray(busy_vcpus, dtype=np.float64)
    flying = np.ascontiguousarray(in_flight, dtype=np.float64)
    if busy.shape != flying.shape:
        raise ValueError(f"loads must cover the same minutes, not {busy.shape} and {flying.shape}")
    if not all(np.all((load >= 0.0) & (load <= MOST_LOAD)) for load in (busy, flying)):
        raise ValueError(f"loads must be from 0 to {MOST_LOAD:g}")
    instances, refused_ratio = _compiled_minutes(
        busy,
        flying,
        float(group.instance_vcpus),
        float(group.slots),
        group.target_ratio,
        float(group.maximum),
    )
    return ManagedRun(read_only(instances), read_only(refused_ratio))


def _minutes(
    busy_vcpus: FloatArray,
    in_flight: FloatArray,
    vcpus: float,
    slots: float,
    target_ratio: float,
    maximum: float,
) -> tuple[FloatArray, FloatArray]:
    """Instances, and share of requests refused, minute by minute."""
    minutes = busy_vcpus.shape[0]
    needed = np.empty(minutes)
    instances = np.empty(minutes)
    refused_ratio = np.empty(minutes)
    for minute in range(minutes):
        seen = max(minute - 1, 0)
        for_cpu = math.ceil(busy_vcpus[seen] / (vcpus * target_ratio))
        for_slots = math.ceil(in_flight[seen] / (slots * target_ratio))
        needed[minute] = min(max(LEAST_INSTANCES, for_cpu, for_slots), maximum)
        running = needed[minute]
        for earlier in range(max(0, minute - SCALE_IN_MINUTES + 1), minute):
            running = max(running, needed[earlier])
        if minute > 0:
            running = min(running, GROWTH_RATIO * instances[max(0, minute - GROWTH_MINUTES)])
        instances[minute] = running
        room = running * vcpus
        over_ratio = 1.0 - room / busy_vcpus[minute] if busy_vcpus[minute] > room else 0.0
        refused_ratio[minute] = max(over_ratio, compiled_loss(in_flight[minute], running * slots))
    return instances, refused_ratio


_compiled_minutes = njit(cache=True, nogil=True)(_minutes)
