"""Elastic Load Balancing: an Application or a Network Load Balancer in front of the compute tier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from costmodel.capacity.energy import Energy, unmeasured
from costmodel.capacity.result import NO_LATENCY, Capacity
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.need import Distinction, PriceNeed
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import ComputeKind, Scenario
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
from costmodel.units import BYTES_PER_GB, HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE

SERVICE_NAME = "Elastic Load Balancing"
SERVICE_CODE = "AWSELB"
SERVICE_CATEGORY = "Networking"

CONNECTIONS_PER_REQUEST = 0.1
"""New connections for each request: CloudFront keeps its connections and reuses them.

Engineering guess between 0.05 and 0.2; 1 without connection reuse.
"""
CONNECTION_LIFE_S = 60.0
"""An idle connection is closed after 60 s. Source: Application Load Balancer User Guide, idle timeout (2023-06)."""
FREE_RULES = 10
"""Rules evaluated without charge for each request. Source: Elastic Load Balancing pricing (2025-12)."""
LISTENER_RULES = 5
"""Rules of one shop: API, checkout, rendering, health, default. Engineering guess."""
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
}
"""Terraform's types of load balancer that can stand before a kind of compute."""
_TARGETS: dict[ComputeKind, str] = {
    "ec2": "instances",
    "lambda": "functions",
    "lambda_managed": "functions on managed instances",
}


@dataclass(frozen=True, slots=True)
class CapacityUnit:
    """What one load balancer capacity unit (LCU) holds in an hour."""

    new_connections_per_s: float
    active_connections: float
    processed_gb_per_hour: float
    rule_evaluations_per_s: float

    def needed(
        self,
        new_connections_per_s: FloatArray,
        active_connections: FloatArray,
        processed_gb_per_hour: FloatArray,
        rule_evaluations_per_s: FloatArray,
    ) -> FloatArray:
        """Units billed for each hour: the largest of the four dimensions, not their sum.

        Arguments are means over each hour, shape (hours,).

        Source: Elastic Load Balancing pricing, as in vantage-sh/handbook (2025-01).
        """
        dimensions = np.stack(
            [
                new_connections_per_s / self.new_connections_per_s,
                active_connections / self.active_connections,
                processed_gb_per_hour / self.processed_gb_per_hour,
                rule_evaluations_per_s / self.rule_evaluations_per_s,
            ]
        )
        return np.asarray(dimensions.max(axis=0))


ALB_UNITS: dict[ComputeKind, CapacityUnit] = {
    "ec2": CapacityUnit(25.0, 3_000.0, 1.0, 1_000.0),
    "lambda": CapacityUnit(25.0, 3_000.0, 0.4, 1_000.0),
    "lambda_managed": CapacityUnit(25.0, 3_000.0, 0.4, 1_000.0),
}
"""Source: Elastic Load Balancing pricing, ALB LCU details (2025-12)."""
NLB_TCP_UNIT = CapacityUnit(800.0, 100_000.0, 1.0, np.inf)
"""Source: Elastic Load Balancing pricing, NLB LCU details for TCP; an NLB has no rules (2025-12)."""


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
        units_per_hour = self._unit.needed(*_hourly_load(demand))
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


def _hourly_load(demand: Demand) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Hourly means of new connections/s, active connections, processed GB and rule evaluations/s."""
    requests_per_s = demand.calendar.mean_per_hour(demand.api_requests) / SECONDS_PER_MINUTE
    new_connections_per_s = requests_per_s * CONNECTIONS_PER_REQUEST
    bytes_per_request = demand.fan_out.api_request_bytes + demand.fan_out.api_response_bytes
    return (
        new_connections_per_s,
        new_connections_per_s * CONNECTION_LIFE_S,
        requests_per_s * SECONDS_PER_MINUTE * MINUTES_PER_HOUR * bytes_per_request / BYTES_PER_GB,
        requests_per_s * max(0, LISTENER_RULES - FREE_RULES),
    )


APPLICATION = (("operation", ("LoadBalancing:Application",)),)
PRICES = (
    PriceNeed(
        SERVICE_CODE,
        (r"LoadBalancerUsage", r"LCUUsage"),
        distinctions=(
            Distinction(
                "load_balancer",
                "operation",
                {
                    "LoadBalancing": "classic",
                    "LoadBalancing:Application": "application",
                    "LoadBalancing:Gateway": "gateway",
                    "LoadBalancing:Network": "network",
                },
            ),
        ),
    ),
    PriceNeed(SERVICE_CODE, (r"ReservedLCUUsage", r"TS-LoadBalancerUsage"), where=APPLICATION),
    PriceNeed(SERVICE_CODE, (r"DataProcessing-Bytes",), where=(("operation", ("LoadBalancing",)),)),
)
"""Source: AWSELB offer, usage types and operations as in infracost, internal/resources/aws/lb.go (2026-05)."""

SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.LOAD_BALANCER, designs, PRICES)
