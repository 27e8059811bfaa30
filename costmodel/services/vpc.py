"""Amazon VPC: NAT gateways, public IPv4 addresses, and bytes between zones and to the internet.

Gateway endpoints for S3 and DynamoDB are free and always on, so that traffic never reaches a NAT
gateway. Source: Amazon VPC User Guide, "Gateway endpoints" (2023-06). Bytes from origins to
CloudFront are free too. Source: Amazon CloudFront pricing (2025-07).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from costmodel.capacity.energy import Energy, moved, unmeasured
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.demand import Demand
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import Scenario
from costmodel.services import needs
from costmodel.services._base import (
    Footprint,
    Meter,
    PlatformService,
    Reliability,
    Role,
    Setting,
    TerraformAttribute,
    TerraformVariable,
    Usage,
    flag,
    log_retention,
    meter_usage,
)
from costmodel.units import HOURS_PER_DAY

SERVICE_NAME = "Amazon Virtual Private Cloud"
SERVICE_CODE = "AmazonVPC"
TRANSFER_NAME = "AWS Data Transfer"
TRANSFER_CODE = "AWSDataTransfer"

BILLED_SIDES = 2
"""Sides that pay for a byte between zones: the sender and the receiver.

Source: Amazon EC2 on-demand pricing, "Data transfer within the same AWS Region" (2025-12).
"""
ZONE_LETTERS = {"ap-northeast-1": "acd"}
"""Zones open to new accounts where they are not `abc`.

Source: AWS Regions and Availability Zones, Asia Pacific (Tokyo) (2023-06).
"""


@dataclass(frozen=True, slots=True)
class Network:
    """One VPC over two or three zones; a NAT gateway in each when any tier needs one."""

    region_id: str
    zones: int
    flow_log_retention_days: int
    interface_endpoints: int
    """AWS services reached through an interface endpoint in each zone; logs are the first of them."""
    nat_gateways: int
    """One in each zone when compute stands in private subnets or must join a database there; else none."""

    @property
    def role(self) -> Role:
        return Role.NETWORK

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "network"

    @property
    def label(self) -> str:
        return f"VPC over {self.zones} zones"

    @property
    def reliability(self) -> Reliability:
        return Reliability(0.9999, "Amazon VPC NAT Gateway Service Level Agreement (2022)")

    def settings(self) -> Mapping[str, Setting]:
        return {
            "availability_zones": self.zones,
            "nat_gateways": self.nat_gateways,
            "gateway_endpoints": "s3, dynamodb",
            "interface_endpoints": self.interface_endpoints,
            "flow_log_retention_days": self.flow_log_retention_days,
        }

    def energy(self, demand: Demand, footprint: Footprint) -> Energy:
        """Bytes between zones, each once, though both sides pay for it."""
        crossing_gb = float(self._crossing_gb(footprint).sum())
        return moved(self.region_id, crossing_gb) + unmeasured("NAT gateways and interface endpoints")

    def _crossing_gb(self, footprint: Footprint) -> FloatArray:
        """Bytes to and from a database in one zone that cross to it from others, shape (days,)."""
        return footprint.database_gb * ((self.zones - 1) / self.zones) * footprint.zonal_database

    def usage(self, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]:
        """Hours and bytes of NAT, address-hours, and bytes by path. What S3 copies to another region it bills itself."""
        calendar = demand.calendar
        gateways = self.nat_gateways
        endpoints = self.interface_endpoints * self.zones
        log_gb = footprint.log_gb
        nat_gb = (footprint.outside_gb + (0.0 if endpoints else log_gb)) * bool(gateways)
        inter_az_gb = footprint.database_gb * (self.zones - 1) / self.zones
        addresses = footprint.public_ipv4_addresses + gateways
        return (
            *self._meter(
                ("NAT gateway hours", "AmazonEC2", "NatGateway-Hours", "Hours"),
                calendar,
                np.full(calendar.days, float(gateways * HOURS_PER_DAY)),
                f"{gateways} NAT gateways x hours",
            ),
            *self._meter(
                ("NAT gateway data", "AmazonEC2", "NatGateway-Bytes", "GB"),
                calendar,
                nat_gb,
                "bytes to and from the outside" + ("" if endpoints else " and log lines of instances"),
            ),
            *self._meter(
                ("Interface endpoint hours", SERVICE_CODE, "VpcEndpoint-Hours", "Hours"),
                calendar,
                np.full(calendar.days, float(endpoints * HOURS_PER_DAY)),
                f"{self.interface_endpoints} endpoints x {self.zones} zones x hours",
            ),
            *self._meter(
                ("Interface endpoint data", SERVICE_CODE, "VpcEndpoint-Bytes", "GB"),
                calendar,
                log_gb * bool(endpoints),
                "log lines of instances",
            ),
            *self._meter(
                ("Public IPv4 addresses", SERVICE_CODE, "PublicIPv4:InUseAddress", "Hours"),
                calendar,
                np.full(calendar.days, float(addresses * HOURS_PER_DAY)),
                f"({footprint.public_ipv4_addresses} of the tiers + {gateways} of NAT gateways) x hours",
            ),
            *self._meter(
                ("Transfer between zones", TRANSFER_CODE, "DataTransfer-Regional-Bytes", "GB"),
                calendar,
                BILLED_SIDES * inter_az_gb * footprint.zonal_database,
                f"bytes to and from the database x {self.zones - 1}/{self.zones} from other zones"
                f" x {BILLED_SIDES}: sender and receiver pay",
            ),
            *self._meter(
                ("Transfer to the internet", TRANSFER_CODE, "DataTransfer-Out-Bytes", "GB"),
                calendar,
                footprint.internet_egress_gb,
                "bytes to the internet that do not pass CloudFront",
            ),
        )

    def _meter(
        self, kind: tuple[str, str, str, str], calendar: Calendar, daily: FloatArray, formula: str
    ) -> tuple[Usage, ...]:
        name, code, usage_type, unit = kind
        service_name = TRANSFER_NAME if code == TRANSFER_CODE else SERVICE_NAME
        meter = Meter(name, service_name, "Networking", unit, PriceQuery(code, self.region_id, usage_type))
        return meter_usage(meter, self.resource_name, calendar, daily, formula)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        letters = ZONE_LETTERS.get(self.region_id, "abc")[: self.zones]
        return (
            TerraformVariable(
                "vpc",
                "Network over several zones; inputs of terraform-aws-modules/vpc.",
                (
                    TerraformAttribute(
                        "azs",
                        "list(string)",
                        tuple(f"{self.region_id}{letter}" for letter in letters),
                        "length({value}) >= 2 && length({value}) <= 3"
                        " && length(distinct({value})) == length({value})"
                        ' && alltrue([for zone in {value} : can(regex(format("^%s[a-z]$", var.region), zone))])',
                        "must name two or three different Availability Zones of region",
                    ),
                    flag("enable_nat_gateway", self.nat_gateways > 0),
                    flag("single_nat_gateway", False),
                    flag("one_nat_gateway_per_az", True),
                    flag("enable_flow_log", True),
                    log_retention(
                        "flow_log_cloudwatch_log_group_retention_in_days", self.flow_log_retention_days
                    ),
                ),
            ),
        )


def design(scenario: Scenario, footprint: Footprint) -> Network:
    """The network of a scenario."""
    zones = scenario.network.availability_zones
    return Network(
        region_id=scenario.region,
        zones=zones,
        flow_log_retention_days=scenario.monitoring.log_retention_days,
        interface_endpoints=scenario.network.interface_endpoints,
        nat_gateways=zones if footprint.private_subnets or footprint.zonal_database else 0,
    )


SERVICE = PlatformService(SERVICE_NAME, SERVICE_CODE, Role.NETWORK, design, needs.VPC)
