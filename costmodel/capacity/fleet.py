"""An EC2 Auto Scaling group, minute by minute: what its policies see, what runs, what is served.

Work is measured in CPU-seconds of one reference vCPU (m5), so that a faster instance simply does more
of it in a minute. Instances of a group are alike and
share the load evenly. So they become unhealthy together, and a load balancer whose targets are all
unhealthy sends to all of them: an overloaded group keeps its load. (Source: Application Load Balancer
User Guide, target group health checks, 2023-06.)

Source: Amazon EC2 Auto Scaling User Guide, default instance warm-up, warm pools, health checks,
mixed instances groups, termination policies (2023-06). Policies have their sources in `scaling`, losses
in `disruptions`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

from costmodel.capacity import disruptions as happening
from costmodel.capacity import scaling
from costmodel.capacity.disruptions import Disruption, InstanceFailure, SpotReclaim
from costmodel.capacity.group import (
    MOST_INSTANCES,
    MOST_WORK_PER_MINUTE,
    MOST_ZONES,
    ScalingGroup,
)
from costmodel.capacity.overload import give_up, repeated, try_again
from costmodel.capacity.scaling import (
    METRIC_DELAY_MINUTES,
    TargetTracking,
    policy_tables,
)
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import SECONDS_PER_MINUTE

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FleetRun:
    """What a group did, minute by minute. Arrays have shape (minutes,) and are read-only."""

    running: FloatArray
    """Instances billed: booting, warming, serving and draining, on demand and spot."""
    serving: FloatArray
    """Instances that take requests."""
    utilisation: FloatArray
    """Work done over what the serving instances could do, 0 to 1."""
    backlog_delay_ms: FloatArray
    """Mean wait behind work that earlier arrivals left, on top of queueing within the minute."""
    failed_ratio: FloatArray
    """Share of the minute's work that failed for good: its client gave up, or its instance was lost, 0 to 1."""
    spot_running: FloatArray
    """Those of `running` that are spot."""
    stopped: FloatArray
    """Instances of the warm pool that wait; they are billed for their volumes."""
    surplus_credits: FloatArray
    """CPU credits that AWS charges for: unlimited mode beyond a day's earning, or left at the end."""


RUNNING, SERVING, UTILISATION, DELAY_MS, FAILED_RATIO, SPOT_RUNNING, STOPPED, SURPLUS = range(8)
# Rows of the kernel's table of pools; a column is one purchase option in one zone.
ALIVE, IN_SERVICE, WARM, DOOMED, CLOSED, ZONE, SPOT = range(7)
RING = 64
"""Longer than any lag in minutes, and a power of two."""
MASK = RING - 1
ROUNDING = 1e-9
"""A capacity this close above a whole number is that number; metrics this close to a bound are on it."""


class Plan(NamedTuple):
    """The numbers a run needs besides its tables; an absent mechanism is 0."""

    instance_cpu_s: float
    min_size: int
    max_size: int
    start_size: int
    boot_minutes: int
    warmup_minutes: int
    timeout_minutes: float
    retries: int
    abandoned_ratio: float
    deregistration_minutes: int
    on_demand_base: int
    on_demand_ratio: float
    warm_pool_boot_minutes: int
    prepared_capacity: int
    prepared_least: int
    vcpu: float
    earned_credits: float
    unlimited: bool
    baseline_gbit: float
    burst_gbit: float
    bucket_gbit: float
    gbit_per_cpu_s: float
    skips: bool
    """Stretches in which nothing can happen are taken in one go, with the same result."""


def run_fleet(
    work_cpu_s: FloatArray,
    group: ScalingGroup,
    *,
    requests: FloatArray | None = None,
    disruptions: Sequence[Disruption] = (),
) -> FleetRun:
    """Run a group through per-minute work, shape (minutes,), in reference CPU-seconds.

    The group starts at the size its targets ask for in the first minute. `requests`, shape (minutes,),
    is what a policy on requests sees; it may be left out without such a policy.

    Raises ValueError for work or requests that are negative, infinite or undefined, for a missing
    `requests`, and for a disruption of a zone or pool that the group does not have.
    """
    work = _checked("work", work_cpu_s)
    seen = work if requests is None else _checked("requests", requests)
    if requests is None and any(policy.metric == "requests_per_target" for policy in group.policies):
        raise ValueError("a policy on requests per target needs the requests of every minute")
    if seen.shape != work.shape or work.ndim != 1 or work.size == 0:
        raise ValueError("work and requests must have one value for each of the same minutes")
    policies, steps = policy_tables(group.policies)
    out = np.zeros((8, work.size))
    _compiled(
        work,
        seen,
        plan(group, _start_size(group, float(work[0]), float(seen[0]))),
        policies,
        steps,
        _events(group, disruptions),
        _pools(group),
        out,
    )
    return FleetRun(*(read_only(column) for column in out))


def plan(group: ScalingGroup, start_size: int, *, skips: bool = True) -> Plan:
    """The kernel's numbers. Skipping is left out where a mechanism acts every minute."""
    pool, credits, network, spot = group.warm_pool, group.cpu_credits, group.network, group.spot
    calm = (
        len(group.policies) == 1
        and isinstance(group.policies[0], TargetTracking)
        and group.policies[0].metric == "cpu"
        and pool is None
        and credits is None
        and network is None
    )
    prepared = (
        0 if pool is None else group.max_size if pool.prepared_capacity is None else pool.prepared_capacity
    )
    return Plan(
        instance_cpu_s=float(group.instance_cpu_s_per_minute),
        min_size=group.min_size,
        max_size=group.max_size,
        start_size=start_size,
        boot_minutes=group.boot_minutes,
        warmup_minutes=group.warmup_minutes,
        timeout_minutes=group.patience.timeout_minutes,
        retries=group.patience.retries,
        abandoned_ratio=group.patience.abandoned_work_ratio,
        deregistration_minutes=group.deregistration_minutes,
        on_demand_base=group.max_size if spot is None else spot.on_demand_base,
        on_demand_ratio=1.0 if spot is None else float(spot.on_demand_ratio_above_base),
        warm_pool_boot_minutes=0 if pool is None else pool.boot_minutes,
        prepared_capacity=prepared,
        prepared_least=0 if pool is None else pool.min_size,
        vcpu=1.0 if credits is None else float(credits.vcpu),
        earned_credits=0.0 if credits is None else credits.credits_per_hour / 60.0,
        unlimited=credits is not None and credits.unlimited,
        baseline_gbit=0.0 if network is None else network.baseline_gbps * SECONDS_PER_MINUTE,
        burst_gbit=0.0 if network is None else network.burst_gbps * SECONDS_PER_MINUTE,
        bucket_gbit=(
            0.0
            if network is None
            else (network.burst_gbps - network.baseline_gbps) * SECONDS_PER_MINUTE * network.burst_minutes
        ),
        gbit_per_cpu_s=0.0 if network is None else float(network.gbit_per_cpu_s),
        skips=skips and calm,
    )


def _checked(name: str, values: FloatArray) -> FloatArray:
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.size and not (array.min() >= 0.0 and array.max() <= MOST_WORK_PER_MINUTE):
        raise ValueError(f"{name} must be a number from 0 to {MOST_WORK_PER_MINUTE:g} in every minute")
    return array


def _start_size(group: ScalingGroup, work: float, requests: float) -> int:
    """What the targets ask for in the first minute; the minimum without one."""
    wanted = group.min_size
    for policy in group.policies:
        if isinstance(policy, TargetTracking):
            load = work / group.instance_cpu_s_per_minute if policy.metric == "cpu" else requests
            wanted = max(wanted, math.ceil(min(load / policy.target, group.max_size)))
    return min(wanted, group.max_size)


def _pools(group: ScalingGroup) -> IntArray:
    """One column for each purchase option: on demand in every zone, then the spot pools zone by zone."""
    spot_pools = 0 if group.spot is None else group.spot.pools_per_zone
    pools = np.zeros((7, group.zones * (1 + spot_pools)), dtype=np.int64)
    for zone in range(group.zones):
        pools[ZONE, zone] = zone
    for pool in range(group.zones * spot_pools):
        pools[ZONE, group.zones + pool] = pool // spot_pools
        pools[SPOT, group.zones + pool] = 1
    return pools


def _events(group: ScalingGroup, disruptions: Sequence[Disruption]) -> IntArray:
    spot_pools = 0 if group.spot is None else group.zones * group.spot.pools_per_zone
    for one in disruptions:
        if isinstance(one, SpotReclaim):
            if one.pool >= spot_pools:
                raise ValueError(f"the group has {spot_pools} spot pools; there is no pool {one.pool}")
        elif one.zone >= group.zones:
            raise ValueError(f"the group has {group.zones} zones; there is no zone {one.zone}")
        if isinstance(one, InstanceFailure) and one.instances > MOST_INSTANCES:
            raise ValueError(f"no more than {MOST_INSTANCES:,} instances can fail")
    rows = [
        (action.minute, happening.SIZES, *(-1 if size is None else size for size in sizes))
        for action in group.scheduled
        for sizes in [(action.min_size, action.max_size, action.desired_size)]
    ]
    if group.predictive is not None:
        rows += [
            (minute, happening.FLOOR, min(floor, MOST_INSTANCES), 0, 0)
            for minute, floor in group.predictive.floors()
        ]
    rebalancing = group.spot is not None and group.spot.rebalancing
    rows += happening.event_rows(disruptions, rebalancing=rebalancing)
    offset = group.zones
    shifted = [
        (minute, kind, first + offset, second, third)
        if kind in (happening.NOTICE, happening.RECLAIM, happening.POOL_OPENS)
        else (minute, kind, first, second, third)
        for minute, kind, first, second, third in sorted(rows)
    ]
    return np.array(shifted, dtype=np.int64).reshape(-1, 5)


@register_jitable
def _on_demand_of(size: int, base: int, ratio: float) -> int:
    """Instances of a group of `size` that are on demand."""
    return min(size, base + max(0, math.ceil((size - base) * ratio - ROUNDING)))


@register_jitable
def _pool_to_launch_in(pools: IntArray, zones: IntArray, on_demand_left: int) -> int:
    """The open pool of the zone with the fewest instances; -1 when there is none.

    `zones` holds the instances of each zone. With several open pools in that zone, the emptiest.
    """
    spot = 0 if on_demand_left > 0 else 1
    found = -1
    for pool in range(pools.shape[1]):
        if pools[SPOT, pool] != spot or pools[CLOSED, pool] > 0:
            continue
        if found < 0:
            found = pool
            continue
        here, there = zones[pools[ZONE, pool]], zones[pools[ZONE, found]]
        if here < there or (here == there and pools[ALIVE, pool] < pools[ALIVE, found]):
            found = pool
    return found


@register_jitable
def _pool_to_terminate_in(pools: IntArray, zones: IntArray, on_demand_surplus: int) -> int:
    """The pool of the zone with the most instances, of the purchase option that has too many; or -1.

    Only warm instances go; those that are warming are let go once they are warm.
    """
    spot = 0 if on_demand_surplus > 0 else 1
    found = -1
    for pool in range(pools.shape[1]):
        if pools[ALIVE, pool] == 0 or pools[WARM, pool] == 0:
            continue
        if found < 0:
            found = pool
            continue
        fits, fitted = pools[SPOT, pool] == spot, pools[SPOT, found] == spot
        here, there = zones[pools[ZONE, pool]], zones[pools[ZONE, found]]
        if (fits and not fitted) or (fits == fitted and here > there):
            found = pool
    return found


@register_jitable
def _stepped(base: int, kind: float, adjustment: float, least: float) -> int:
    """Capacity a step asks for. Percent: beyond 1 towards 0, below 1 away from it, at least `least`."""
    most = float(MOST_INSTANCES)
    if kind == scaling.EXACT:
        return int(min(adjustment, most))
    change = min(max(adjustment, -most), most)
    if kind == scaling.PERCENT:
        change = min(max(base * (adjustment / 100.0), -most), most)
        if change > 0.0:
            change = max(1.0, math.floor(change + ROUNDING), least)
        elif change < 0.0:
            change = min(-1.0, math.ceil(change - ROUNDING), -least)
    return int(min(max(base + change, 0.0), most))


@register_jitable
def _calm(
    work: FloatArray,
    start: int,
    end: int,
    instance_cpu_s: float,
    size: int,
    least: int,
    most: int,
    threshold: float,
    low_threshold: float,
    seen: float,
    high_points: int,
    low_points: int,
    utilisation: FloatArray,
) -> tuple[int, int, int, float]:
    """Pass minutes in which a settled group keeps up and no alarm changes it.

    Returns the first minute that is not such a one, the alarms' points before it, and the metric of
    the minute before it.
    """
    capacity = size * instance_cpu_s
    for minute in range(start, end):
        high = high_points + 1 if seen > threshold else 0
        low = low_points + 1 if seen < low_threshold else 0
        wanted = size * seen / threshold - ROUNDING
        grows = high >= scaling.HIGH_ALARM_POINTS and size < most and wanted > size
        shrinks = low >= scaling.LOW_ALARM_POINTS and size > least and wanted <= size - 1
        if grows or shrinks or work[minute] > capacity:
            return minute, high_points, low_points, seen
        high_points, low_points = high, low
        seen = work[minute] / capacity
        utilisation[minute] = seen
    return end, high_points, low_points, seen


def _minutes(
    work_cpu_s: FloatArray,
    requests: FloatArray,
    plan: Plan,
    policies: FloatArray,
    steps: FloatArray,
    events: IntArray,
    pools: IntArray,
    out: FloatArray,
) -> None:
    """Step through every minute: instances arrive or go, work is done, alarms are read, the group is sized.

    Target tracking is proportional: instances in the metric x metric / target, rounded up. The
    instance count belongs to the same minute as the metric, so that capacity which was added or
    removed after the measurement is neither added nor removed twice. `pools` and `out` are written to.
    """
    minutes = work_cpu_s.shape[0]
    kinds = pools.shape[1]
    instance_cpu_s = plan.instance_cpu_s
    boot_minutes = plan.boot_minutes
    timeout_minutes = plan.timeout_minutes
    earned, vcpu = plan.earned_credits, plan.vcpu
    most_credits = earned * 1440.0
    gbit_per_cpu_s = plan.gbit_per_cpu_s
    min_size, max_size, floor = plan.min_size, plan.max_size, 0
    has_warm_pool = plan.prepared_capacity + plan.prepared_least > 0

    in_service_due = np.zeros((RING, kinds), dtype=np.int64)
    warm_due = np.zeros((RING, kinds), dtype=np.int64)
    arrivals_due = np.zeros(RING, dtype=np.int64)
    gone_due = np.zeros((RING, 2), dtype=np.int64)
    prepared_due = np.zeros(RING, dtype=np.int64)
    cpu_at = np.zeros(RING)
    serving_at = np.zeros(RING, dtype=np.int64)
    warm_at = np.zeros(RING, dtype=np.int64)
    settled_at = np.zeros(RING, dtype=np.int64)
    high_points = np.zeros(policies.shape[0], dtype=np.int64)
    low_points = np.zeros(policies.shape[0], dtype=np.int64)
    blocked_until = np.zeros(policies.shape[0], dtype=np.int64)
    zones = np.zeros(MOST_ZONES, dtype=np.int64)

    desired = plan.start_size
    group = serving = warm = on_demand = 0
    for _ in range(desired):
        wanted_on_demand = _on_demand_of(group + 1, plan.on_demand_base, plan.on_demand_ratio)
        pool = _pool_to_launch_in(pools, zones, wanted_on_demand - on_demand)
        pools[ALIVE, pool] += 1
        pools[IN_SERVICE, pool] += 1
        pools[WARM, pool] += 1
        zones[pools[ZONE, pool]] += 1
        on_demand += 1 - pools[SPOT, pool]
        group += 1
    serving = warm = group
    doomed = doomed_spot = draining = draining_spot = 0
    preparing = prepared = 0
    if has_warm_pool:
        prepared = max(plan.prepared_least, plan.prepared_capacity - desired, 0)
    launches_fail = 0
    short = False
    backlog = abandoned = retrying = credits = 0.0
    trying = np.zeros(plan.retries + 1)
    repeats_at = np.zeros(RING)
    bucket = plan.bucket_gbit
    next_event = 0
    minute = 0
    while minute < minutes:
        slot = minute & MASK
        joined = 0
        if arrivals_due[slot] > 0:
            arrivals_due[slot] = 0
            for pool in range(kinds):
                joined += in_service_due[slot, pool]
                pools[IN_SERVICE, pool] += in_service_due[slot, pool]
                warm += warm_due[slot, pool]
                pools[WARM, pool] += warm_due[slot, pool]
                in_service_due[slot, pool] = 0
                warm_due[slot, pool] = 0
        if draining > 0:
            draining -= gone_due[slot, 0] + gone_due[slot, 1]
            draining_spot -= gone_due[slot, 1]
            gone_due[slot, 0] = 0
            gone_due[slot, 1] = 0
        if preparing > 0:
            preparing -= prepared_due[slot]
            prepared += prepared_due[slot]
            prepared_due[slot] = 0
        if joined > 0:
            serving += joined
            credits = credits * (serving - joined) / serving
            bucket = (bucket * (serving - joined) + plan.bucket_gbit * joined) / serving

        lost = 0
        left_serving = 0
        while next_event < events.shape[0] and events[next_event, 0] <= minute:
            kind, first, second, third = (
                events[next_event, 1],
                events[next_event, 2],
                events[next_event, 3],
                events[next_event, 4],
            )
            next_event += 1
            if kind == happening.SIZES:
                min_size = first if first >= 0 else min_size
                max_size = second if second >= 0 else max_size
                desired = third if third >= 0 else desired
            elif kind == happening.FLOOR:
                floor = first
            elif kind == happening.LAUNCHES_FAIL:
                launches_fail += 1
            elif kind == happening.LAUNCHES_WORK:
                launches_fail -= 1
            for pool in range(kinds):
                if (kind == happening.POOL_OPENS and pool == first) or (
                    kind == happening.ZONE_RETURNS and pools[ZONE, pool] == first
                ):
                    pools[CLOSED, pool] -= 1
                elif kind == happening.NOTICE and pool == first:
                    pools[CLOSED, pool] += 1
                    group -= pools[ALIVE, pool]
                    zones[pools[ZONE, pool]] -= pools[ALIVE, pool]
                    doomed += pools[ALIVE, pool]
                    doomed_spot += pools[ALIVE, pool]
                    pools[DOOMED, pool] += pools[ALIVE, pool]
                    pools[ALIVE, pool] = 0
                elif kind == happening.FAILURE and pools[ZONE, pool] == first:
                    failing = min(second, pools[WARM, pool], pools[ALIVE, pool])
                    second -= failing
                    lost += failing
                    left_serving += failing
                    group -= failing
                    warm -= failing
                    on_demand -= failing * (1 - pools[SPOT, pool])
                    zones[first] -= failing
                    pools[ALIVE, pool] -= failing
                    pools[IN_SERVICE, pool] -= failing
                    pools[WARM, pool] -= failing
                elif (kind == happening.RECLAIM and pool == first) or (
                    kind == happening.ZONE_LOST and pools[ZONE, pool] == first
                ):
                    left_serving += pools[IN_SERVICE, pool]
                    if kind == happening.ZONE_LOST or pools[DOOMED, pool] == 0:
                        lost += pools[IN_SERVICE, pool]
                    if kind == happening.ZONE_LOST or second == 0:
                        pools[CLOSED, pool] += 1
                    group -= pools[ALIVE, pool]
                    warm -= pools[WARM, pool]
                    on_demand -= pools[ALIVE, pool] * (1 - pools[SPOT, pool])
                    zones[pools[ZONE, pool]] -= pools[ALIVE, pool]
                    doomed -= pools[DOOMED, pool]
                    doomed_spot -= pools[DOOMED, pool]
                    for due in range(RING):
                        in_service_due[due, pool] = 0
                        warm_due[due, pool] = 0
                    for row in (ALIVE, IN_SERVICE, WARM, DOOMED):
                        pools[row, pool] = 0
        if left_serving > 0:
            serving -= left_serving
            out[SURPLUS, minute] += left_serving * max(0.0, -credits)

        previous = (minute - METRIC_DELAY_MINUTES) & MASK
        if (
            plan.skips
            and minute >= METRIC_DELAY_MINUTES
            and group == desired
            and max(min_size, floor) <= desired <= max_size
            and group == warm
            and group == serving
            and draining + doomed == 0
            and backlog + abandoned + retrying == 0.0
            and lost == 0
            and settled_at[previous] == 1
            and warm_at[previous] == group
            and serving_at[previous] == group
        ):
            start = minute
            end = minutes
            if next_event < events.shape[0]:
                end = min(end, events[next_event, 0])
            minute, high_points[0], low_points[0], cpu = _calm(
                work_cpu_s,
                start,
                end,
                instance_cpu_s,
                group,
                max(min_size, floor),
                max_size,
                policies[0, scaling.THRESHOLD],
                policies[0, scaling.LOW_THRESHOLD],
                cpu_at[previous],
                high_points[0],
                low_points[0],
                out[UTILISATION],
            )
            if minute > start:
                out[RUNNING, start:minute] = group
                out[SERVING, start:minute] = group
                if group > on_demand:
                    out[SPOT_RUNNING, start:minute] = group - on_demand
                previous = (minute - METRIC_DELAY_MINUTES) & MASK
                cpu_at[previous] = cpu
                serving_at[previous] = group
                warm_at[previous] = group
                settled_at[previous] = 1
                repeats_at[previous] = 0.0
                slot = minute & MASK
                if minute == end:
                    continue

        arriving = work_cpu_s[minute]
        repeats_at[slot] = 0.0
        if retrying > 0.0:
            arriving += repeated(trying, work_cpu_s, minute)
            repeats_at[slot] = repeated(trying, requests, minute)
        full = serving * instance_cpu_s
        capacity = full
        if earned > 0.0 and not plan.unlimited:
            capacity = full * min(1.0, (credits + earned) / vcpu)
        able = capacity
        if gbit_per_cpu_s > 0.0:
            allowed_gbit = serving * min(plan.burst_gbit, plan.baseline_gbit + bucket)
            if allowed_gbit < capacity * gbit_per_cpu_s:
                capacity = allowed_gbit / gbit_per_cpu_s
        reachable = arriving
        if lost > 0:
            reachable = arriving - arriving * lost / (serving + lost)
        wasted = min(abandoned, capacity)
        offered = backlog + reachable
        done = min(offered, capacity - wasted)
        left = offered - done
        failed = min(max(left - capacity * timeout_minutes, 0.0), reachable)
        kept = left - failed
        abandoned = min(
            abandoned - wasted + failed * plan.abandoned_ratio, capacity * max(1.0, timeout_minutes)
        )

        running = group + doomed + draining + preparing
        spot_running = group - on_demand + doomed_spot + draining_spot
        cpu = 0.0
        out[RUNNING, minute] = running
        out[SERVING, minute] = serving
        if spot_running > 0:
            out[SPOT_RUNNING, minute] = spot_running
        if prepared > 0:
            out[STOPPED, minute] = prepared
        if capacity > 0.0:
            cpu = (done + wasted) / full
            out[UTILISATION, minute] = (done + wasted) / able if offered + wasted <= capacity else 1.0
            out[DELAY_MS, minute] = (backlog + kept) / 2.0 / capacity * 60_000.0
        elif arriving > 0.0:
            out[UTILISATION, minute] = 1.0
        lost_ratio = min(1.0, (failed + (arriving - reachable)) / arriving) if arriving > 0.0 else 0.0
        retrying = try_again(trying, lost_ratio, out[FAILED_RATIO], minute)
        backlog = kept

        if earned > 0.0 and serving > 0:
            credits = min(most_credits, credits + earned - vcpu * cpu)
            if plan.unlimited and credits < -most_credits:
                out[SURPLUS, minute] += serving * (-most_credits - credits)
                credits = -most_credits
            elif not plan.unlimited:
                credits = max(0.0, credits)
        if gbit_per_cpu_s > 0.0 and serving > 0:
            sent_gbit = done * gbit_per_cpu_s / serving
            bucket = min(plan.bucket_gbit, max(0.0, bucket + plan.baseline_gbit - sent_gbit))

        cpu_at[slot] = cpu
        serving_at[slot] = serving
        warm_at[slot] = warm
        settled_at[slot] = 1 if group == warm else 0

        seen_minute = minute - METRIC_DELAY_MINUTES
        wants_out = False
        largest = 0
        tracked_in = stepped_in = -1
        all_track_in = True
        if seen_minute >= 0:
            seen = seen_minute & MASK
            settled = group == warm and settled_at[seen] == 1
            for p in range(policies.shape[0]):
                if serving_at[seen] == 0:
                    high_points[p] = 0
                    low_points[p] = 0
                    all_track_in = False
                    continue
                metric = cpu_at[seen]
                if policies[p, scaling.METRIC] == scaling.REQUESTS:
                    metric = (requests[seen_minute] + repeats_at[seen]) / serving_at[seen]
                threshold = policies[p, scaling.THRESHOLD]
                if policies[p, scaling.KIND] == scaling.TRACK:
                    low_threshold = policies[p, scaling.LOW_THRESHOLD]
                    high_points[p] = high_points[p] + 1 if metric > threshold else 0
                    low_points[p] = low_points[p] + 1 if metric < low_threshold else 0
                    is_high = high_points[p] >= policies[p, scaling.HIGH_POINTS]
                    is_low = low_points[p] >= policies[p, scaling.LOW_POINTS]
                    if is_high or is_low:
                        wanted = max_size
                        exact = warm_at[seen] * metric / threshold
                        if exact < max_size:
                            wanted = math.ceil(exact - ROUNDING)
                        if is_high:
                            wants_out = True
                            largest = max(largest, wanted)
                        else:
                            tracked_in = max(tracked_in, wanted)
                    if not is_low and low_threshold != scaling.NEVER:
                        all_track_in = False
                    continue
                above = policies[p, scaling.KIND] == scaling.STEP_ABOVE
                breaching = metric >= threshold - ROUNDING if above else metric <= threshold + ROUNDING
                high_points[p] = high_points[p] + 1 if breaching else 0
                if high_points[p] < policies[p, scaling.HIGH_POINTS] or minute < blocked_until[p]:
                    continue
                distance = metric - threshold
                for s in range(int(policies[p, scaling.FIRST_STEP]), int(policies[p, scaling.END_STEP])):
                    if above:
                        within = steps[s, 0] <= distance + ROUNDING and distance + ROUNDING < steps[s, 1]
                    else:
                        within = steps[s, 0] < distance - ROUNDING and distance - ROUNDING <= steps[s, 1]
                    if not within:
                        continue
                    adjusts = policies[p, scaling.ADJUSTMENT]
                    shrinks = steps[s, 2] < 0.0 or (adjusts == scaling.EXACT and steps[s, 2] < desired)
                    base = warm + draining if shrinks else warm_at[seen]
                    size = _stepped(base, adjusts, steps[s, 2], policies[p, scaling.LEAST])
                    acts = False
                    if shrinks and settled and size < desired:
                        stepped_in = max(stepped_in, size)
                        acts = True
                    elif not shrinks and steps[s, 2] > 0.0 and size > desired:
                        wants_out = True
                        largest = max(largest, size)
                        acts = True
                    if acts and policies[p, scaling.COOLDOWN] > 0.0:
                        blocked_until[p] = minute + 1 + int(policies[p, scaling.COOLDOWN])
                        if not shrinks:
                            blocked_until[p] += boot_minutes
            if wants_out:
                desired = max(desired, largest)
            elif settled and (group == desired or short):
                smaller = tracked_in if all_track_in else -1
                smaller = max(smaller, stepped_in)
                if smaller >= 0:
                    desired = min(desired, smaller)
        desired = min(max(desired, min_size, floor), max_size)
        short = False

        if group < desired and launches_fail > 0:
            short = True
        elif group < desired:
            in_service_slot = (minute + 1 + boot_minutes) & MASK
            prepared_slot = (minute + 1 + plan.warm_pool_boot_minutes) & MASK
            warm_slot = (minute + 1 + plan.warmup_minutes) & MASK
            while group < desired:
                wanted_on_demand = _on_demand_of(group + 1, plan.on_demand_base, plan.on_demand_ratio)
                pool = _pool_to_launch_in(pools, zones, wanted_on_demand - on_demand)
                if pool < 0:
                    short = True
                    break
                due = in_service_slot
                if prepared > 0:
                    prepared -= 1
                    due = prepared_slot
                in_service_due[due, pool] += 1
                warm_due[warm_slot, pool] += 1
                arrivals_due[due] = 1
                arrivals_due[warm_slot] = 1
                pools[ALIVE, pool] += 1
                zones[pools[ZONE, pool]] += 1
                on_demand += 1 - pools[SPOT, pool]
                group += 1
        elif group > desired:
            gone_slot = (minute + 1 + plan.deregistration_minutes) & MASK
            while group > desired:
                wanted_on_demand = _on_demand_of(group - 1, plan.on_demand_base, plan.on_demand_ratio)
                pool = _pool_to_terminate_in(pools, zones, on_demand - wanted_on_demand)
                if pool < 0:
                    break
                pools[ALIVE, pool] -= 1
                pools[IN_SERVICE, pool] -= 1
                pools[WARM, pool] -= 1
                zones[pools[ZONE, pool]] -= 1
                on_demand -= 1 - pools[SPOT, pool]
                group -= 1
                serving -= 1
                warm -= 1
                if plan.deregistration_minutes > 0:
                    gone_due[gone_slot, pools[SPOT, pool]] += 1
                    draining += 1
                    draining_spot += pools[SPOT, pool]
                if credits < 0.0:
                    out[SURPLUS, minute] -= credits
        if has_warm_pool:
            refill = max(plan.prepared_least, plan.prepared_capacity - desired, 0) - prepared - preparing
            if refill > 0 and launches_fail == 0:
                preparing += refill
                prepared_due[(minute + 1 + boot_minutes) & MASK] += refill
            elif refill < 0:
                prepared = max(0, prepared + refill)
        minute += 1
    give_up(trying, out[FAILED_RATIO])


_compiled = njit(cache=True, nogil=True)(_minutes)
