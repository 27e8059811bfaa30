"""Elastic Load Balancing: an Application or a Network Load Balancer in front of the compute tier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from costmodel.capacity.balancer_units import (
    ALB_FUNCTION_UNIT,
    ALB_INSTANCE_UNIT,
    CONNECTION_LIFE_S,
    NLB_TCP_UNIT,
    CapacityUnit,
    hourly_load,
)
from costmodel.capacity.energy import Energy, unmeasured
from costmodel.capacity.result import NO_LATENCY, Capacity
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import ComputeKind, Scenario
from costmodel.services import needs
from costmodel.services._base import (
    Footprint,
    Meter,
    Reliability,
    Role,
    Setting,
    Share,
    Strategy,
    TerraformAttribute,
    TerraformVariable,
    TierService,
    Usage,
    between,
    flag,
    meter_usage,
    one_of,
)
from costmodel.units import HOURS_PER_DAY, MINUTES_PER_HOUR

SERVICE_NAME = "Elastic Load Balancing"
SERVICE_CODE = "AWSELB"
SERVICE_CATEGORY = "Networking"

ALARMS = 2
"""Server errors, and unhealthy targets or rejected connections. Engineering guess."""
ZONE_LOSS_RECOVERY_MINUTES = 2.0
"""Two failed health checks 30 s apart, then the 60 s life of the load balancer's DNS answer.

Source: ALB User Guide, target group health checks (2023-06); Route 53 Developer Guide, alias records (2023-06).
"""

BalancerKind = Literal["alb", "nlb"]

_TYPES: dict[ComputeKind, tuple[str, ...]] = {
    "ec2": ("application", "network"),
    "lambda": ("application",),
    "lambda_managed": ("application",),
    "hybrid": ("application",),
}
"""Terraform's types of load balancer that can stand before a kind of compute."""
_TARGETS: dict[ComputeKind, str] = {
    "ec2": "instances",
    "lambda": "functions",
    "lambda_managed": "functions on managed instances",
    "hybrid": "instances and functions",
}


ALB_UNITS: dict[ComputeKind, CapacityUnit] = {
    "ec2": ALB_INSTANCE_UNIT,
    "lambda": ALB_FUNCTION_UNIT,
    "lambda_managed": ALB_FUNCTION_UNIT,
    "hybrid": ALB_INSTANCE_UNIT,
}
"""What a hybrid's calls to functions need beyond that is metered by the hybrid, which knows how many there are."""


@dataclass(frozen=True, slots=True)
class _LoadBalancer(ABC):
    """What both kinds share: hours, capacity units, one public address a zone."""

    kind: ClassVar[BalancerKind]
    price_attribute: ClassVar[str]
    terraform_type: ClassVar[str]
    dimensions: ClassVar[str]
    """What a capacity unit is the largest of."""

    region_id: str
    zones: int
    serves: ComputeKind
    """Kind of compute behind it."""
    other_region_id: str = ""
    """Region with another one that DNS may lead shoppers to instead; empty without."""

    def under(self, scenario: Scenario) -> Self:
        """A load balancer holds no figure of a scenario that could differ."""
        return self

    @property
    def role(self) -> Role:
        return Role.LOAD_BALANCER

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "load-balancer"

    @property
    def label(self) -> str:
        return f"{self.kind.upper()} over {self.zones} zones in front of {_TARGETS[self.serves]}"

    @property
    def reliability(self) -> Reliability:
        return Reliability(
            sla_ratio=0.9999,
            source="Elastic Load Balancing Service Level Agreement, as listed by cloudonaut (2019)",
            rto_minutes=ZONE_LOSS_RECOVERY_MINUTES,
            rpo_minutes=0.0,
        )

    @property
    @abstractmethod
    def _unit(self) -> CapacityUnit: ...

    @property
    @abstractmethod
    def _extra_attributes(self) -> tuple[TerraformAttribute, ...]: ...

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """Another one where compute stands; the hours of a standby are charged like any other's."""
        if strategy in (Strategy.WARM_STANDBY, Strategy.ACTIVE_ACTIVE):
            ratio = 0.5 if strategy is Strategy.ACTIVE_ACTIVE else 0.0
            home = replace(self, other_region_id=other_region_id)
            return (Share(home, 1.0 - ratio), Share(replace(self, region_id=other_region_id), ratio))
        return (Share(self, 1.0),)

    def settings(self) -> Mapping[str, Setting]:
        return {
            "load_balancer_type": self.terraform_type,
            "targets": self.serves,
            "availability_zones": self.zones,
        }

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return (
            TerraformVariable(
                "alb",
                "Load balancer in front of the compute tier",
                (
                    one_of("load_balancer_type", self.terraform_type, _TYPES[self.serves]),
                    flag("internal", False),
                    flag("enable_deletion_protection", True),
                    *self._extra_attributes,
                ),
            ),
        )

    def simulate(self, demand: Demand) -> Capacity:
        """Capacity units of each hour, repeated for its minutes. Nothing fails here.

        AWS scales a load balancer by itself and publishes neither a ceiling nor the time it adds to
        a request, so saturation is infinite and the latency zero.
        """
        units_per_hour = self._unit.needed(*hourly_load(demand))
        zeros = read_only(np.zeros(demand.minutes))
        return Capacity(
            servers=read_only(np.repeat(units_per_hour, MINUTES_PER_HOUR)),
            utilisation=zeros,
            requests=demand.api_requests,
            failed_requests=zeros,
            latency=NO_LATENCY,
            saturation_requests_per_s=float("inf"),
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Load balancer hours and capacity-unit hours; a partial hour counts as a whole one."""
        calendar = demand.calendar
        units_per_hour = calendar.mean_per_hour(capacity.servers)
        return meter_usage(
            self._meter("Load balancer hours", "Hours", "LoadBalancerUsage"),
            self.resource_name,
            calendar,
            np.full(calendar.days, float(HOURS_PER_DAY)),
            "1 load balancer x every hour of the month",
        ) + meter_usage(
            self._meter("Load balancer capacity units", "LCU-Hours", "LCUUsage"),
            self.resource_name,
            calendar,
            calendar.hours_to_days(units_per_hour),
            f"sum over hours of the largest of {self.dimensions}",
        )

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        return unmeasured("load balancer nodes")

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """A public address in each zone and two alarms; answers to CloudFront cost no transfer."""
        return replace(
            Footprint.none(demand.days),
            alarms=ALARMS,
            public_ipv4_addresses=self.zones,
            watched_endpoints=int(bool(self.other_region_id)),
        )

    def _meter(self, name: str, unit: str, usage_type: str) -> Meter:
        query = PriceQuery(
            SERVICE_CODE, self.region_id, usage_type, (("load_balancer", self.price_attribute),)
        )
        return Meter(name, SERVICE_NAME, SERVICE_CATEGORY, unit, query)


@dataclass(frozen=True, slots=True)
class ApplicationLoadBalancer(_LoadBalancer):
    """Routes HTTP by host and path. Balances over all zones, without a charge for crossing them.

    Source: Application Load Balancer User Guide, target groups, cross-zone load balancing (2023-06).
    """

    kind: ClassVar[BalancerKind] = "alb"
    price_attribute: ClassVar[str] = "application"
    terraform_type: ClassVar[str] = "application"
    dimensions: ClassVar[str] = "new connections, active connections, bytes and rule evaluations"

    @property
    def _unit(self) -> CapacityUnit:
        return ALB_UNITS[self.serves]

    @property
    def _extra_attributes(self) -> tuple[TerraformAttribute, ...]:
        return (
            between("idle_timeout", CONNECTION_LIFE_S, 1, 4_000),
            flag("drop_invalid_header_fields", True),
        )


@dataclass(frozen=True, slots=True)
class NetworkLoadBalancer(_LoadBalancer):
    """Passes TCP through to instances, which end TLS themselves. Stays within each zone.

    Source: Network Load Balancer User Guide, cross-zone load balancing is off by default (2023-06).
    """

    kind: ClassVar[BalancerKind] = "nlb"
    price_attribute: ClassVar[str] = "network"
    terraform_type: ClassVar[str] = "network"
    dimensions: ClassVar[str] = "new connections, active connections and bytes"

    def __post_init__(self) -> None:
        """Raises ValueError for functions, which cannot stand behind a Network Load Balancer."""
        if self.serves != "ec2":
            raise ValueError("a Network Load Balancer cannot have functions behind it")

    @property
    def _unit(self) -> CapacityUnit:
        return NLB_TCP_UNIT

    @property
    def _extra_attributes(self) -> tuple[TerraformAttribute, ...]:
        return (flag("enable_cross_zone_load_balancing", False),)


def designs(scenario: Scenario, demand: Demand) -> tuple[_LoadBalancer, ...]:
    """One load balancer for every allowed kind and every kind of compute that can stand behind it."""
    region_id, zones = scenario.region, scenario.network.availability_zones
    found: list[_LoadBalancer] = []
    for kind in scenario.constraints.load_balancer:
        for serves in scenario.constraints.compute:
            if kind == "alb":
                found.append(ApplicationLoadBalancer(region_id, zones, serves))
            elif serves == "ec2":
                found.append(NetworkLoadBalancer(region_id, zones, serves))
    return tuple(found)


SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.LOAD_BALANCER, designs, needs.ELB)
