"""AWS WAF: one web ACL in front of the distribution, which inspects every request at the edge.

A web ACL for CloudFront lives in us-east-1 whatever the region of the shop.
Source: AWS WAF Developer Guide, "How AWS WAF works with Amazon CloudFront features" (2023-06).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from costmodel.capacity.energy import Energy, unmeasured
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
    TerraformVariable,
    Usage,
    between,
    flag,
    meter_usage,
)

SERVICE_NAME = "AWS WAF"
SERVICE_CODE = "awswaf"
CLOUDFRONT_SCOPE_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class WebAcl:
    """A web ACL of at most 1 500 capacity units, or none."""

    enabled: bool
    rules: int

    @property
    def role(self) -> Role:
        return Role.FIREWALL

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "firewall"

    @property
    def label(self) -> str:
        return f"web ACL with {self.rules} rules" if self.enabled else "no web ACL"

    @property
    def reliability(self) -> Reliability:
        return Reliability(0.9995, "AWS WAF Service Level Agreement (2020)")

    def settings(self) -> Mapping[str, Setting]:
        return {"enabled": self.enabled, "rules": self.rules}

    def energy(self, demand: Demand, footprint: Footprint) -> Energy:
        return unmeasured("the firewall at the edge")

    def usage(self, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]:
        """Web ACL, rules and every request at the edge; nothing when off or included in a plan."""
        if not self.enabled or Role.FIREWALL in footprint.included_roles:
            return ()
        calendar = demand.calendar
        share = calendar.month_share_per_day
        requests = (demand.daily_asset_requests + demand.daily_api_requests).sum(axis=0)
        return (
            *self._meter(
                ("Web ACLs", "WebACLV2", "Web ACLs"), calendar, np.array(share), "1 x share of the month"
            ),
            *self._meter(
                ("Rules", "RuleV2", "Rules"),
                calendar,
                self.rules * share,
                f"{self.rules} rules x share of the month",
            ),
            *self._meter(
                ("Inspected requests", "RequestV2-Tier1", "Requests"),
                calendar,
                requests,
                "asset requests and API calls at the edge, cached or not",
            ),
        )

    def _meter(
        self, kind: tuple[str, str, str], calendar: Calendar, daily: FloatArray, formula: str
    ) -> tuple[Usage, ...]:
        name, usage_type, unit = kind
        query = PriceQuery(SERVICE_CODE, CLOUDFRONT_SCOPE_REGION, usage_type)
        meter = Meter(name, SERVICE_NAME, "Security", unit, query)
        return meter_usage(meter, self.resource_name, calendar, daily, formula)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return (
            TerraformVariable(
                "waf",
                "Web ACL of scope CLOUDFRONT, created in us-east-1.",
                (flag("enabled", self.enabled), between("rules", self.rules, 0, 1500)),
            ),
        )


def design(scenario: Scenario, footprint: Footprint) -> WebAcl:
    """The web ACL of a scenario."""
    return WebAcl(scenario.security.waf, scenario.security.waf_rules)


SERVICE = PlatformService(SERVICE_NAME, SERVICE_CODE, Role.FIREWALL, design, needs.WAF)
