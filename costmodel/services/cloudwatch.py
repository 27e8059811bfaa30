"""Amazon CloudWatch: metrics, alarms, dashboards, logs.

Logs start empty on the first simulated day, so what is kept grows until the retention is reached.
"""

from __future__ import annotations

import math
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
    Footprint,
    Meter,
    PlatformService,
    Reliability,
    Role,
    Setting,
    TerraformVariable,
    Usage,
    between,
    log_retention,
    meter_usage,
    standard_alarms,
)
from costmodel.units import HOURS_PER_DAY, MINUTES_PER_DAY

SERVICE_NAME = "AmazonCloudWatch"
"""As AWS writes it in FOCUS files."""
SERVICE_CODE = "AmazonCloudWatch"

METRICS_PER_INSTANCE = 7
"""Metrics that detailed monitoring of one EC2 instance is billed for, by the hour.

Source: Amazon CloudWatch pricing, "EC2 Detailed Monitoring" (2025-12).
"""
METRICS_PER_PUT = 1_000
"""Metrics that one PutMetricData request may carry. Source: Amazon CloudWatch quotas (2023-06)."""
STORED_RATIO = 0.15
"""Bytes of archived logs over bytes ingested, after compression.

Source: AWS Pricing Calculator, Amazon CloudWatch, "0.15 Storage compression factor" (2021-09).
"""
FLOW_LOG_RATIO = 0.002
"""VPC flow log bytes over bytes that compute exchanges with the outside and with the database.

Source: record of about 120 bytes, Amazon VPC User Guide, "Logging IP traffic with VPC Flow Logs"
(2023-06); one record for each 64 KB is an engineering guess.
"""


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Metrics, alarms, dashboards and log groups of one region."""

    region_id: str
    custom_metrics: int
    alarms: int
    """Alarms beyond those the tiers keep themselves."""
    dashboards: int
    retention_days: int

    @property
    def role(self) -> Role:
        return Role.MONITORING

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "monitoring"

    @property
    def label(self) -> str:
        return f"{self.custom_metrics} metrics, {self.alarms} alarms, logs kept {self.retention_days} days"

    @property
    def reliability(self) -> Reliability:
        return Reliability(0.999, "Amazon CloudWatch Service Level Agreement (2019)")

    def settings(self) -> Mapping[str, Setting]:
        return {
            "custom_metrics": self.custom_metrics,
            "alarms": self.alarms,
            "dashboards": self.dashboards,
            "log_retention_days": self.retention_days,
        }

    def energy(self, demand: Demand, footprint: Footprint) -> Energy:
        return unmeasured("metrics, alarms and logs")

    def usage(self, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]:
        """Metrics and alarms by the hour, requests that publish metrics, dashboards, logs in and kept."""
        calendar = demand.calendar
        share = calendar.month_share_per_day
        monitored = footprint.monitored_instance_hours / HOURS_PER_DAY
        alarms = self.alarms + footprint.alarms
        puts_per_minute = math.ceil(self.custom_metrics / METRICS_PER_PUT)
        flow_logs = FLOW_LOG_RATIO * (footprint.outside_gb + footprint.database_gb)
        vended = footprint.vended_log_gb + flow_logs
        return (
            *self._meter(
                ("Metrics", "CW:MetricMonitorUsage", "Metrics"),
                calendar,
                (self.custom_metrics + METRICS_PER_INSTANCE * monitored) * share,
                f"({self.custom_metrics} custom + {METRICS_PER_INSTANCE} x instances with detailed "
                "monitoring) x share of the month",
            ),
            *meter_usage(
                standard_alarms(self.region_id),
                self.resource_name,
                calendar,
                alarms * share,
                f"({self.alarms} own + {footprint.alarms} of the tiers) x share of the month",
            ),
            *self._meter(
                ("API requests", "CW:Requests", "Requests"),
                calendar,
                np.full(calendar.days, float(puts_per_minute * MINUTES_PER_DAY)),
                f"{puts_per_minute} PutMetricData a minute, up to {METRICS_PER_PUT} metrics each",
            ),
            *self._meter(
                ("Dashboards", "DashboardsUsageHour", "Dashboards"),
                calendar,
                self.dashboards * share,
                f"{self.dashboards} dashboards x share of the month",
                GLOBAL,
            ),
            *self._meter(
                ("Logs ingested", "DataProcessing-Bytes", "GB"),
                calendar,
                footprint.log_gb,
                "application log bytes",
            ),
            *self._meter(
                ("Vended logs ingested", "VendedLog-Bytes", "GB"),
                calendar,
                vended,
                f"logs of AWS services + {FLOW_LOG_RATIO:g} x bytes moved in the VPC (flow logs)",
            ),
            *self._meter(
                ("Logs kept", "TimedStorage-ByteHrs", "GB-Months"),
                calendar,
                kept_gb(footprint.log_gb + vended, self.retention_days) * share,
                f"GB ingested in the last {self.retention_days} days x {STORED_RATIO:g} after compression"
                " / days of the month",
            ),
        )

    def _meter(
        self,
        kind: tuple[str, str, str],
        calendar: Calendar,
        daily: FloatArray,
        formula: str,
        region_id: str = "",
    ) -> tuple[Usage, ...]:
        name, usage_type, unit = kind
        query = PriceQuery(SERVICE_CODE, region_id or self.region_id, usage_type)
        meter = Meter(name, SERVICE_NAME, "Management and Governance", unit, query)
        return meter_usage(meter, self.resource_name, calendar, daily, formula)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return (
            TerraformVariable(
                "cloudwatch",
                "Retention of log groups; inputs of terraform-aws-modules/cloudwatch.",
                (
                    log_retention("retention_in_days", self.retention_days),
                    between("dashboards", self.dashboards, 0, 1_000),
                ),
            ),
        )


def kept_gb(ingested_gb: FloatArray, retention_days: int) -> FloatArray:
    """GB of compressed logs kept at the end of each day, shape (days,), from none at the start."""
    total = np.cumsum(ingested_gb)
    expired = np.zeros_like(total)
    expired[retention_days:] = total[:-retention_days]
    return np.maximum(total - expired, 0.0) * STORED_RATIO


def metric_readings(metrics: int, every_minutes: int, days: int) -> int:
    """How many metrics are billed when so many are asked for with GetMetricData, or sent by a metric stream,
    again and again: each of them every time. No design does either.

    Source: Amazon CloudWatch pricing, API requests and metric streams (2025-12-03).
    """
    return metrics * days * MINUTES_PER_DAY // every_minutes


def design(scenario: Scenario, footprint: Footprint) -> Monitoring:
    """Monitoring of a scenario; the retention is the next one that CloudWatch offers."""
    wanted = scenario.monitoring
    return Monitoring(
        region_id=scenario.region,
        custom_metrics=wanted.custom_metrics,
        alarms=wanted.alarms,
        dashboards=wanted.dashboards,
        retention_days=wanted.log_retention_days,
    )


SERVICE = PlatformService(SERVICE_NAME, SERVICE_CODE, Role.MONITORING, design, needs.CLOUDWATCH)
