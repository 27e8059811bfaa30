"""EC2 Auto Scaling group behind a load balancer: API calls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from costmodel.capacity.boot import boot_minutes, boot_s, warmup_minutes, warmup_s
from costmodel.capacity.credits import lowest_cpu_credit_balance
from costmodel.capacity.fleet import ScalingGroup, run_fleet
from costmodel.capacity.instances import InstanceType, instance_types
from costmodel.capacity.queueing import response_latency
from costmodel.capacity.result import Capacity, Limit
from costmodel.capacity.scaling import TargetTracking
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.errors import UnknownInstanceType
from costmodel.pricing.need import PriceNeed
from costmodel.pricing.offer import RESERVED
from costmodel.pricing.price import ON_DEMAND, PriceQuery
from costmodel.scenario.load import refuse
from costmodel.scenario.model import Api, Commitment, Database, Rule, Scenario
from costmodel.services._base import (
    SENT_RATIO,
    Footprint,
    Meter,
    Reliability,
    Role,
    Setting,
    TerraformVariable,
    TierService,
    Usage,
    also,
    between,
    flag,
    matching,
    meter_usage,
    one_of,
)
from costmodel.units import (
    BITS_PER_BYTE,
    BYTES_PER_GB,
    BYTES_PER_KB,
    HOURS_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
)

SERVICE_NAME = "Amazon Elastic Compute Cloud"
SERVICE_CODE = "AmazonEC2"
SERVICE_CATEGORY = "Compute"

KB_PER_GB = BYTES_PER_GB / BYTES_PER_KB
VOLUME_GB = 20
"""Root volume, gp3 with its included 3 000 IOPS. Engineering guess: system, application and logs."""
IO2_METERS = (
    (32_000, "EBS:VolumeP-IOPS.io2"),
    (64_000, "EBS:VolumeP-IOPS.io2.tier2"),
    (256_000, "EBS:VolumeP-IOPS.io2.tier3"),
)
"""How far up the provisioned IOPS of one io2 volume each meter goes; the last is the most a volume takes.

Source: Amazon EBS pricing, io2 IOPS tiers (2024-07); Amazon EBS User Guide, io2 Block Express (2024-07).
"""
CONNECTIONS_PER_VCPU = 10
"""Pooled database connections: one worker process a vCPU, ten each.

Source: node-postgres documentation, `Pool` default `max` of 10 (2024); HikariCP's default is 10 too.
"""
DETECTION_S = 60.0
"""Two failed health checks, 30 s apart. Source: ALB User Guide, target group health checks (2023-06)."""
TRACKING_ALARMS = 2
"""Target tracking keeps one high and one low alarm.

Source: Amazon EC2 Auto Scaling User Guide, target tracking (2023-06).
"""
MOST_INSTANCES = 5_000
"""Largest `max_size` an export accepts without a second look. Engineering guess, to catch slips."""
TARGET_RATIOS = (0.5, 0.7)
HEADROOM_FACTOR = 1.5
"""`max_size` over what the busiest minute needs: room for growth and for losing one zone of three.

Source: AWS Well-Architected REL11-BP05, static stability: three zones need 1.5 times the capacity (2026-05).
"""
SIZES = ("large", "xlarge", "2xlarge", "4xlarge")
BURSTABLE_SIZES = ("medium", *SIZES)
SIZES_PER_FAMILY = 2
MOST_INSTANCES_AT_PEAK = 30
"""Above this a larger size is looked at instead: volumes and monitoring are paid per instance. Engineering guess."""

RESERVED_TERMS: dict[Commitment, str] = {
    "reserved_1yr_no_upfront": "Reserved standard 1yr No Upfront",
    "reserved_3yr_no_upfront": "Reserved standard 3yr No Upfront",
}
PURCHASE_LABELS: dict[Commitment, str] = {
    "on_demand": "on demand",
    "reserved_1yr_no_upfront": "the first {} reserved for 1 year",
    "reserved_3yr_no_upfront": "the first {} reserved for 3 years",
}


@dataclass(frozen=True, slots=True)
class Ec2Fleet:
    """An Auto Scaling group of one instance type that tracks its CPU utilisation.

    The instances stand in private subnets over `zones` zones. Losing one zone leaves
    (zones - 1) / zones of them, so a group that must ride that out without launching anything
    needs a target of at most (zones - 1) / zones and a `min_size` that is a multiple of `zones`.
    Others recover once replacements have booted, which is the recovery time stated here.

    Source: AWS Well-Architected REL11-BP05, static stability (2026-05).
    """

    region_id: str
    instance: InstanceType
    target_ratio: float
    min_size: int
    max_size: int
    zones: int
    purchase: Commitment
    vcpu_quota: int
    """Most on-demand vCPUs the account may run in the region."""
    api: Api
    database: Database
    volume_gb: int = VOLUME_GB

    @property
    def role(self) -> Role:
        return Role.COMPUTE

    @property
    def kind(self) -> str:
        return "ec2"

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "web"

    @property
    def label(self) -> str:
        purchase = PURCHASE_LABELS[self.purchase].format(self.min_size)
        sizes = (
            f"{self.min_size}" if self.min_size == self.max_size else f"{self.min_size} to {self.max_size}"
        )
        return f"EC2 fleet of {sizes} {self.instance.name} at {self.target_ratio * 100:.0f} % CPU, {purchase}"

    @property
    def reliability(self) -> Reliability:
        return Reliability(
            sla_ratio=0.9999,
            source="Amazon Compute Service Level Agreement, region level, as listed by cloudonaut (2019)",
            rto_minutes=(DETECTION_S + boot_s(self.api.bootstrap_s)) / SECONDS_PER_MINUTE,
            rpo_minutes=0.0,
        )

    def under(self, scenario: Scenario) -> Ec2Fleet:
        """The same settings under another scenario's figures."""
        return replace(self, api=scenario.api, database=scenario.database)

    def settings(self) -> Mapping[str, Setting]:
        return {
            "instance_type": self.instance.name,
            "min_size_instances": self.min_size,
            "max_size_instances": self.max_size,
            "target_cpu_ratio": self.target_ratio,
            "default_instance_warmup_s": warmup_s(self.api.bootstrap_s),
            "availability_zones": self.zones,
            "volume_gb": self.volume_gb,
            "purchase": self.purchase,
        }

    def terraform(self) -> tuple[TerraformVariable, ...]:
        most = max(MOST_INSTANCES, self.max_size)
        attributes = [
            matching(
                "name", self.resource_name, "^[A-Za-z0-9-]{1,64}$", "must be 1 to 64 letters, digits or -"
            ),
            matching(
                "instance_type",
                self.instance.name,
                "^[a-z][a-z0-9-]*[.][a-z0-9-]+$",
                "must be an EC2 instance type such as m7g.large",
            ),
            between("min_size", self.min_size, 1, most),
            between("max_size", self.max_size, 1, most, at_least="var.autoscaling.min_size"),
            between(
                "desired_capacity",
                self.min_size,
                1,
                most,
                at_least="var.autoscaling.min_size",
                at_most="var.autoscaling.max_size",
            ),
            between("target_cpu_percent", self.target_ratio * 100, 10, 90, step=0),
            between("default_instance_warmup", warmup_s(self.api.bootstrap_s), 0, 3600),
            between("volume_size", self.volume_gb, 1, 16_384),
            one_of("volume_type", "gp3", ("gp2", "gp3")),
            flag("enable_monitoring", True),
            one_of("health_check_type", "ELB", ("EC2", "ELB")),
        ]
        if self.instance.burstable:
            attributes.append(
                also(
                    one_of("cpu_credits", "unlimited", ("standard", "unlimited")),
                    'can(regex("^t[0-9]", var.autoscaling.instance_type))',
                    "go with an instance_type of a burstable family such as t4g",
                )
            )
        return (
            TerraformVariable("autoscaling", "Auto Scaling group of the API instances", tuple(attributes)),
        )

    def simulate(self, demand: Demand) -> Capacity:
        """Run the group through the demand. Latency is of an API call without its database work.

        Each minute is a queue in front of all vCPUs together (M/M/c).
        """
        run = run_fleet(_work_cpu_s(demand, self.api), self._group())
        requests = demand.api_requests
        failed = read_only(requests * run.failed_ratio)
        vcpus = run.serving * self.instance.vcpu
        latency = response_latency(
            requests - failed,
            vcpus,
            run.utilisation * vcpus,
            self.api.cpu_ms_per_call / self.instance.relative_vcpu_speed,
            fixed_ms=self.api.wait_ms_per_call,
            backlog_delay_ms=run.backlog_delay_ms,
        )
        peak_vcpus = float(run.running.max()) * self.instance.vcpu
        return Capacity(
            servers=run.running,
            utilisation=run.utilisation,
            requests=requests,
            failed_requests=failed,
            latency=latency,
            saturation_requests_per_s=(
                self.max_size * self.instance.compute_units / (self.api.cpu_ms_per_call / 1000.0)
            ),
            limits=self._limits(demand, run.serving, run.utilisation, peak_vcpus),
            peak_connections=peak_vcpus * CONNECTIONS_PER_VCPU,
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Instance-hours and volume GB-months of every minute an instance runs.

        Billing is per second from a minimum of 60 s, which whole minutes always meet. A reservation
        covers `min_size` instances in every hour of the month.

        Source: Amazon EC2 User Guide, concepts, billing per second (2023-06).
        """
        calendar = demand.calendar
        reserved = 0 if self.purchase == "on_demand" else self.min_size
        box_usage = f"BoxUsage:{self.instance.name}"
        on_demand_hours = calendar.per_day(capacity.servers - reserved) / MINUTES_PER_HOUR
        usages = meter_usage(
            self._meter("Instance hours", "Hours", box_usage),
            self.resource_name,
            calendar,
            on_demand_hours,
            "sum over minutes of running instances"
            + (f" beyond the {reserved} reserved" if reserved else "")
            + " / 60",
        )
        if reserved:
            usages += meter_usage(
                self._meter("Reserved instance hours", "Hours", box_usage, RESERVED_TERMS[self.purchase]),
                self.resource_name,
                calendar,
                np.full(calendar.days, float(reserved * HOURS_PER_DAY)),
                f"{reserved} reserved instances x every hour of the month, used or not",
            )
        volume_gb_months = (
            calendar.mean_per_day(capacity.servers) * self.volume_gb * calendar.month_share_per_day
        )
        return usages + meter_usage(
            self._meter("gp3 volume storage", "GB-Months", "EBS:VolumeUsage.gp3"),
            self.resource_name,
            calendar,
            volume_gb_months,
            f"mean running instances x {self.volume_gb} GB x share of the month",
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """What the instances leave to other services.

        Log lines reach CloudWatch through NAT or an interface endpoint; the network decides. Requests
        and responses cost no transfer: an ALB does not charge between zones, CloudFront is free.
        """
        calls = demand.daily(demand.api_requests)
        log_gb = calls * self.api.log_kb_per_call / KB_PER_GB
        external_gb = calls * self.api.external_kb_per_call / KB_PER_GB
        return replace(
            Footprint.none(demand.days),
            monitored_instance_hours=demand.daily(capacity.servers) / MINUTES_PER_HOUR,
            log_gb=log_gb,
            outside_gb=external_gb,
            internet_egress_gb=external_gb * SENT_RATIO,
            database_gb=_database_gb(demand, self.database),
            alarms=TRACKING_ALARMS,
            private_subnets=True,
        )

    def _group(self) -> ScalingGroup:
        return ScalingGroup(
            instance_cpu_s_per_minute=self.instance.compute_units * SECONDS_PER_MINUTE,
            policies=(TargetTracking("cpu", self.target_ratio),),
            min_size=self.min_size,
            max_size=self.max_size,
            boot_minutes=boot_minutes(self.api.bootstrap_s),
            warmup_minutes=warmup_minutes(self.api.bootstrap_s),
            timeout_s=self.api.timeout_s,
        )

    def _limits(
        self, demand: Demand, serving: FloatArray, utilisation: FloatArray, peak_vcpus: float
    ) -> tuple[Limit, ...]:
        sent_gbit = demand.api_requests * demand.fan_out.api_response_bytes * BITS_PER_BYTE / 1e9
        limits = [
            Limit(
                "network bandwidth of an instance",
                float((sent_gbit / SECONDS_PER_MINUTE / serving).max()),
                self.instance.network_baseline_gbps,
                "Gbit/s",
            ),
            Limit(
                "EC2 vCPU quota of the account",
                peak_vcpus,
                float(self.vcpu_quota),
                "vCPU",
                "account.ec2_vcpus",
            ),
        ]
        if self.instance.burstable:
            borrowed = max(0.0, -lowest_cpu_credit_balance(self.instance, utilisation))
            limits.append(Limit("CPU credits borrowed by an instance", borrowed, 0.0, "credits"))
        return tuple(limits)

    def _meter(self, name: str, unit: str, usage_type: str, term: str = ON_DEMAND) -> Meter:
        query = PriceQuery(SERVICE_CODE, self.region_id, usage_type, term=term)
        return Meter(name, SERVICE_NAME, SERVICE_CATEGORY, unit, query)


def designs(scenario: Scenario, demand: Demand) -> tuple[Ec2Fleet, ...]:
    """Groups worth comparing: allowed families x two sizes x CPU targets x purchases.

    `min_size` is one instance a zone. `max_size` holds the busiest minute at the target with
    `HEADROOM_FACTOR` to spare. Each family also gets one group that never falls below what the
    busiest minute needs, for load that rises faster than instances boot.

    Raises ScenarioError when a family is unknown or has no size that is looked at.
    """
    if "ec2" not in scenario.constraints.compute:
        return ()
    peak_vcpus = float(_work_cpu_s(demand, scenario.api).max()) / SECONDS_PER_MINUTE
    zones = scenario.network.availability_zones
    found: list[Ec2Fleet] = []
    for sizes in _sizes_by_family(scenario):
        chosen = _worthwhile(sizes, peak_vcpus)
        shapes = [
            (instance, target, zones, _needed(instance, target, peak_vcpus))
            for instance in chosen
            for target in TARGET_RATIOS
        ]
        held = _needed(chosen[0], TARGET_RATIOS[-1], peak_vcpus)
        if held > zones:
            shapes.append((chosen[0], TARGET_RATIOS[-1], held, held))
        for instance, target, min_size, needed in shapes:
            found += [
                Ec2Fleet(
                    region_id=scenario.region,
                    instance=instance,
                    target_ratio=target,
                    min_size=min_size,
                    max_size=max(min_size, math.ceil(needed * HEADROOM_FACTOR)),
                    zones=zones,
                    purchase=purchase,
                    vcpu_quota=scenario.account.ec2_vcpus,
                    api=scenario.api,
                    database=scenario.database,
                )
                for purchase in scenario.constraints.commitments
            ]
    return tuple(found)


def io2_iops(provisioned_iops: int) -> dict[str, int]:
    """IOPS-months of one io2 volume for one month, by usage type.

    Every volume climbs the tiers on its own: two volumes of 40 000 IOPS cost more than one of 80 000.
    Raises ValueError for more IOPS than a volume can have, or fewer than none.

    Source: see `IO2_METERS`.
    """
    most = IO2_METERS[-1][0]
    if not 0 <= provisioned_iops <= most:
        raise ValueError(f"an io2 volume has from 0 to {most:,} IOPS, not {provisioned_iops:,}")
    billed = {}
    below = 0
    for end, usage_type in IO2_METERS:
        if provisioned_iops > below:
            billed[usage_type] = min(provisioned_iops, end) - below
        below = end
    return billed


def family_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule for each allowed instance family that is unknown or has no size we look at."""
    rules = []
    for index, family in enumerate(scenario.constraints.instance_families):
        place = ("constraints", "instance_families", index)
        try:
            if not _sizes_of(family):
                problem = f"must be a family with one of the sizes {', '.join(SIZES)}"
                rules.append(Rule(place, problem, family))
        except UnknownInstanceType as error:
            rules.append(Rule(place, str(error), family))
    return rules


def _sizes_by_family(scenario: Scenario) -> list[list[InstanceType]]:
    """Instance types to look at for each allowed family, from small to large. Raises ScenarioError."""
    refuse(family_rules(scenario), scenario.name)
    return [_sizes_of(family) for family in scenario.constraints.instance_families]


def _sizes_of(family: str) -> list[InstanceType]:
    return [
        instance
        for instance in instance_types([family])
        if instance.size in (BURSTABLE_SIZES if instance.burstable else SIZES)
    ]


def _worthwhile(sizes: list[InstanceType], peak_vcpus: float) -> list[InstanceType]:
    """The two smallest sizes that hold the busiest minute with a manageable number of instances."""
    manageable = [
        instance
        for instance in sizes
        if _needed(instance, TARGET_RATIOS[0], peak_vcpus) <= MOST_INSTANCES_AT_PEAK
    ]
    return manageable[:SIZES_PER_FAMILY] if len(manageable) > 1 else sizes[-SIZES_PER_FAMILY:]


def _needed(instance: InstanceType, target_ratio: float, peak_vcpus: float) -> int:
    """Instances that hold the busiest minute at the target, one or more."""
    return max(1, math.ceil(peak_vcpus / (instance.compute_units * target_ratio)))


def _work_cpu_s(demand: Demand, api: Api) -> FloatArray:
    """CPU-seconds of one m5 vCPU asked for, shape (minutes,)."""
    return demand.api_requests * api.cpu_ms_per_call / 1000.0


def _database_gb(demand: Demand, database: Database) -> FloatArray:
    """Bytes between the instances and the database, shape (days,)."""
    read_kb = demand.daily(demand.reads) * database.read_item_kb
    write_kb = demand.daily(demand.writes) * database.write_item_kb
    return (read_kb + write_kb) / KB_PER_GB


PRICES = (
    PriceNeed(
        SERVICE_CODE,
        (r"BoxUsage:[a-z0-9-]+\.(?!metal)[a-z0-9]+",),
        where=(
            ("operatingSystem", ("Linux",)),
            ("tenancy", ("Shared",)),
            ("preInstalledSw", ("NA",)),
            ("capacitystatus", ("Used",)),
            ("operation", ("RunInstances",)),
        ),
        containing="BoxUsage:",
        terms=(ON_DEMAND, RESERVED),
    ),
    PriceNeed(
        SERVICE_CODE,
        (
            r"EBS:VolumeUsage\.(gp2|gp3|io2|piops|sc1|st1)",
            r"EBS:VolumeP-IOPS\.(gp3|piops|io2|io2\.tier[23])",
            r"EBS:VolumeP-Throughput\.gp3",
            r"EBS:SnapshotUsage",
        ),
        containing="EBS:",
    ),
)
"""Linux instances without licence, on shared hardware; block storage.

Source: infracost, internal/resources/aws (2026-05); AWS lists the bands of io2 IOPS as products of their own.
"""

SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.COMPUTE, designs, PRICES)
