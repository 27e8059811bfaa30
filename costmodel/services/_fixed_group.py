"""Groups of EC2 instances that do not scale: the steady half of a hybrid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from costmodel.capacity.instances import InstanceType
from costmodel.demand.demand import Demand
from costmodel.scenario.model import Scenario
from costmodel.services.ec2 import MOST_INSTANCES, Ec2Fleet, sizes_by_family
from costmodel.units import SECONDS_PER_MINUTE

CARRIED_QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.98)
"""Of the minutes' calls: what a fixed group is sized to carry. Engineering guess: an instance pays from about a
fifth of the time at work on, so that sizes above the busiest fiftieth of the minutes are left to scaling groups.
"""
FEW_INSTANCES = 16
"""The smallest size of a family is taken that needs no more than these. Engineering guess: finer steps save little."""


def fixed_groups(scenario: Scenario, demand: Demand) -> Iterator[tuple[Ec2Fleet, int]]:
    """Groups of one size of each allowed family, with the calls a minute that each carries at its CPU target.

    They run at the highest allowed target, which is the one for steady load. Burstable types are left out:
    at such a target they spend more credits than they earn. Raises ScenarioError as `sizes_by_family` does.
    """
    wanted = np.unique(np.quantile(demand.api_requests, CARRIED_QUANTILES))
    for sizes in sizes_by_family(scenario):
        able = [instance for instance in sizes if not instance.burstable]
        if able:
            yield from _of_family(scenario, demand, able, wanted.tolist())


def _of_family(
    scenario: Scenario, demand: Demand, sizes: list[InstanceType], wanted: list[float]
) -> Iterator[tuple[Ec2Fleet, int]]:
    one_each = [_group(scenario, instance) for instance in sizes]
    one = next((one for one in one_each if _needed(one, demand, wanted[-1]) <= FEW_INSTANCES), one_each[-1])
    allowed = scenario.constraints
    least = allowed.min_instances or one.zones
    most = allowed.max_instances or MOST_INSTANCES
    counts = {min(max(_needed(one, demand, calls), least), most) for calls in wanted}
    for purchase in allowed.purchases:
        for count in sorted(counts):
            group = replace(one, min_size=count, max_size=count, purchase=purchase)
            yield group, max(1, math.floor(_carried(one, demand) * count))


def _group(scenario: Scenario, instance: InstanceType) -> Ec2Fleet:
    return Ec2Fleet(
        region_id=scenario.region,
        instance=instance,
        target_ratio=max(scenario.constraints.cpu_target_ratios),
        min_size=1,
        max_size=1,
        zones=scenario.network.availability_zones,
        purchase="on_demand",
        vcpu_quota=scenario.account.ec2_vcpus,
        api=scenario.api,
        database=scenario.database,
    )


def _carried(one: Ec2Fleet, demand: Demand) -> float:
    """Calls a minute that a group of one instance carries at its target."""
    return one.target_ratio * one.sustained_requests_per_s(demand) * SECONDS_PER_MINUTE


def _needed(one: Ec2Fleet, demand: Demand, calls: float) -> int:
    """Instances that carry so many calls a minute, one or more."""
    return max(1, math.ceil(calls / _carried(one, demand)))
