"""Amazon Route 53: one hosted zone, look-ups of the shop's names, health checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from costmodel.capacity.energy import Energy, unmeasured
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.demand import Demand
from costmodel.pricing.price import GLOBAL, PriceQuery
from costmodel.scenario.model import Scenario
from costmodel.services import needs
from costmodel.services._base import (
    DNS_QUERIES_PER_SESSION,
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
    one_of,
)

SERVICE_NAME = "Amazon Route 53"
SERVICE_CODE = "AmazonRoute53"

RECORD_SETS = "Global-RRSets"
FREE_RECORDS = 10_000
"""Records of a zone that cost nothing. Source: Amazon Route 53 pricing page, hosted zones (2026-09-20)."""
STANDARD_QUERY_RATIO = 0.1
"""Look-ups of records that cannot be an alias (mail, verification, third parties) over all look-ups.

The shop's own name is an alias record of the CloudFront distribution, whose look-ups are free.
Source: Amazon Route 53 Developer Guide, "Choosing between alias and non-alias records" (2023-06) for
the rule; the ratio is an engineering guess.
"""
HEALTH_CHECKS = 2
"""One for the distribution, one for the API behind it."""
CHECK_FEATURES = 1
"""Optional features of each: HTTPS."""
CHECK_INTERVAL_S = 30
CHECK_INTERVALS_S = (10, 30)
"""Seconds between checks: the default, and what AWS offers.

Source: Amazon Route 53 Developer Guide, "Values that you specify when you create or update health
checks" (2023-06).
"""
FAILURE_THRESHOLD = 3
"""Checks in a row that must fail; the default. Source: as above."""
ANSWER_LIFE_S = 60
"""How long resolvers keep an alias answer.

Source: Amazon Route 53 Developer Guide, "Choosing between alias and non-alias records" (2023-06).
"""
FAILOVER_S = CHECK_INTERVAL_S * FAILURE_THRESHOLD + ANSWER_LIFE_S
"""From the loss of an entrance until shoppers are led to another one.

Source: Amazon Route 53 Developer Guide, "How Route 53 determines whether a health check is healthy" (2023-06).
"""


@dataclass(frozen=True, slots=True)
class HostedZone:
    """The shop's public zone: alias to CloudFront, and HTTPS health checks on AWS endpoints."""

    health_checks: int = HEALTH_CHECKS

    @property
    def role(self) -> Role:
        return Role.DNS

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "dns"

    @property
    def label(self) -> str:
        return f"one zone, alias to CloudFront, {self.health_checks} health checks"

    @property
    def reliability(self) -> Reliability:
        return Reliability(1.0, "Amazon Route 53 Service Level Agreement (2019)")

    def settings(self) -> Mapping[str, Setting]:
        return {
            "hosted_zones": 1,
            "routing_policy": "simple" if self.health_checks == HEALTH_CHECKS else "failover",
            "health_checks": self.health_checks,
            "health_check_interval_s": CHECK_INTERVAL_S,
            "health_check_failure_threshold": FAILURE_THRESHOLD,
        }

    def energy(self, demand: Demand, footprint: Footprint) -> Energy:
        return unmeasured("DNS servers and health checkers")

    def usage(self, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]:
        """Zone and look-ups, unless a CloudFront plan includes them; health checks always."""
        calendar = demand.calendar
        share = calendar.month_share_per_day
        names = ("Health checks on AWS endpoints", "Optional features of health checks")
        charged = health_check_months(self.health_checks, CHECK_FEATURES, on_aws=True)
        checks = tuple(
            usage
            for name, what, (usage_type, months) in zip(
                names, ("", "HTTPS on "), charged.items(), strict=True
            )
            for usage in self._meter(
                (name, usage_type, "Months"),
                calendar,
                months * share,
                f"{what}{self.health_checks} endpoints x share of the month",
            )
        )
        if Role.DNS in footprint.included_roles:
            return checks
        queries = demand.daily(demand.sessions) * DNS_QUERIES_PER_SESSION
        seen = f"sessions x {DNS_QUERIES_PER_SESSION:g} look-ups that no resolver has cached"
        return (
            *self._meter(
                ("Hosted zones", "HostedZone", "Hosted Zones"),
                calendar,
                np.array(share),
                "1 zone x share of the month",
            ),
            *self._meter(
                ("Alias queries", "Intra-AWS-DNS-Queries", "Queries"),
                calendar,
                queries * (1 - STANDARD_QUERY_RATIO),
                f"{seen} x {1 - STANDARD_QUERY_RATIO:g} of the alias to CloudFront",
            ),
            *self._meter(
                ("Standard queries", "DNS-Queries", "Queries"),
                calendar,
                queries * STANDARD_QUERY_RATIO,
                f"{seen} x {STANDARD_QUERY_RATIO:g} of other records",
            ),
            *checks,
        )

    def _meter(
        self, kind: tuple[str, str, str], calendar: Calendar, daily: FloatArray, formula: str
    ) -> tuple[Usage, ...]:
        name, usage_type, unit = kind
        query = PriceQuery(SERVICE_CODE, GLOBAL, usage_type)
        meter = Meter(name, SERVICE_NAME, "Networking", unit, query)
        return meter_usage(meter, self.resource_name, calendar, daily, formula)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return (
            TerraformVariable(
                "route53",
                "Public hosted zone and health checks; inputs of terraform-aws-modules/route53.",
                (
                    flag("create_zone", True),
                    flag("alias_to_cloudfront", True),
                    between("health_checks", self.health_checks, 0, 200),
                    one_of("health_check_interval_s", CHECK_INTERVAL_S, CHECK_INTERVALS_S),
                    between("health_check_failure_threshold", FAILURE_THRESHOLD, 1, 10),
                ),
            ),
        )


def health_check_months(endpoints: int, features: int, *, on_aws: bool) -> dict[str, int]:
    """Health checks of so many endpoints, and their optional features, for one month, by usage type.

    Every feature of every check is billed: HTTPS, string matching, fast intervals, latency. Checks of
    endpoints outside AWS have rates of their own. Source: Amazon Route 53 pricing, health checks (2025-08-28).
    """
    where = "AWS" if on_aws else "Non-AWS"
    return {f"Health-Check-{where}": endpoints, f"Health-Check-Option-{where}": endpoints * features}


def quantity_note(query: PriceQuery) -> str:
    """What a quantity of record sets counts, which no plain quantity can know; empty for anything else."""
    if (query.service_code, query.usage_type) != (SERVICE_CODE, RECORD_SETS):
        return ""
    return f"counts the records of each zone above {FREE_RECORDS:,}; the first {FREE_RECORDS:,} of a zone do not belong to it."


def design(scenario: Scenario, footprint: Footprint) -> HostedZone:
    """The zone of a scenario, with a health check for each entrance that DNS may lead to."""
    return HostedZone(HEALTH_CHECKS + footprint.watched_endpoints)


SERVICE = PlatformService(SERVICE_NAME, SERVICE_CODE, Role.DNS, design, needs.ROUTE53)
