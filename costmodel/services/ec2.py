"""EC2 Auto Scaling group behind a load balancer: API calls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

import numpy as np

from costmodel.capacity.api_work import work_cpu_s
from costmodel.capacity.boot import (
    boot_minutes,
    boot_s,
    warm_pool_boot_minutes,
    warmup_minutes,
    warmup_s,
)
from costmodel.capacity.disruptions import Disruption, ZoneLoss, spot_reclaims
from costmodel.capacity.energy import Energy, fleet, instances, volumes
from costmodel.capacity.fleet import FleetRun, run_fleet
from costmodel.capacity.group import MOST_INSTANCES as LARGEST_GROUP
from costmodel.capacity.group import CpuCredits, NetworkBudget, ScalingGroup, SpotMix, WarmPool
from costmodel.capacity.instances import GPU_FAMILIES, InstanceType, ec2_types, instance_types, type_pattern
from costmodel.capacity.least_fleet import least_instances
from costmodel.capacity.overload import Patience
from costmodel.capacity.queueing import (
    queue_or_backlog,
    response_latency,
    unqueued_latency,
    wait_variability,
)
from costmodel.capacity.result import Capacity, Latency, Limit
from costmodel.capacity.rising_load import RisingLoad
from costmodel.capacity.scaling import (
    MOST_SCHEDULED_ACTIONS,
    PredictiveScaling,
    ScheduledAction,
    TargetTracking,
    forecast_from_history,
    raised_minimums,
)
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.events import event_shape
from costmodel.demand.memory import remembered
from costmodel.errors import UnknownInstanceType
from costmodel.pricing.price import ON_DEMAND, SPOT, PriceQuery
from costmodel.scenario.events import LoadEvent
from costmodel.scenario.fields import Rule
from costmodel.scenario.load import refuse
from costmodel.scenario.model import Api, Constraints, Database, Purchase, Scenario
from costmodel.services import needs
from costmodel.services._base import (
    Footprint,
    Least,
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
    also,
    between,
    ec2_type_list,
    flag,
    matching,
    meter_usage,
    one_of,
)
from costmodel.services._instance_calls import cpu_s_per_call, early_calls, gbit_per_request, left_by_calls
from costmodel.units import (
    HOURS_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
)

SERVICE_NAME = "Amazon Elastic Compute Cloud"
SERVICE_CODE = "AmazonEC2"
SERVICE_CATEGORY = "Compute"

VOLUME_GB = 20
"""Root volume, gp3 with its included 3 000 IOPS. Engineering guess: system, application and logs."""
CONNECTIONS_PER_VCPU = 10
"""Pooled database connections: one worker process a vCPU, ten each.

Source: node-postgres documentation, `Pool` default `max` of 10 (2024); HikariCP's default is 10 too.
"""
DETECTION_S = 60.0
"""Two failed health checks, 30 s apart. Source: ALB User Guide, target group health checks (2023-06)."""
MOST_INSTANCES = 5_000
"""Largest `max_size` an export accepts without a second look. Engineering guess, to catch slips."""
HEADROOM_FACTOR = 1.5
"""`max_size` over what the busiest minute needs: room for growth and for losing one zone of three.

Source: AWS Well-Architected REL11-BP05, static stability: three zones need 1.5 times the capacity (2026-05).
"""
LEAST_MEMORY_GIB = 4.0
"""Smallest type that is considered: the system and one worker process for each of two vCPUs. Engineering guess."""
FORECAST_ERROR_RATIO = -0.1
"""How far forecasts are off, on top of what days differ by: a tenth too low. Engineering guess, on the safe side."""
FORECAST_BUFFER_MINUTES = 5
"""Source: EC2 Auto Scaling API Reference, SchedulingBufferTime, default 300 s (2023-06)."""
ANNOUNCED_EVENTS = ("flash_sale", "launch")
"""Events whose time is known ahead; nobody tells of a viral spike or a bot. Engineering guess."""
EVENT_LEAD_MINUTES = 15
"""How long before an event its instances are there, or the warm-up where that is longer. Engineering guess."""
SLOW_BOOTSTRAP_S = 120.0
"""From here on a warm pool is looked at: it saves two minutes of a boot or more. Engineering guess."""
SPOT_ON_DEMAND_RATIO = 0.25
"""Share above the base that stays on demand, should every spot pool be taken. Engineering guess."""
SPOT_TYPES = 3
"""Types a spot group chooses from in each zone. Engineering guess; AWS advises to be flexible over many.

Source: Amazon EC2 User Guide, best practices for Spot (2023-06).
"""

CreditMode = Literal["standard", "unlimited"]

RESERVED_TERMS: dict[Purchase, str] = {
    "reserved_1yr_no_upfront": "Reserved standard 1yr No Upfront",
    "reserved_3yr_no_upfront": "Reserved standard 3yr No Upfront",
}
PURCHASE_LABELS: dict[Purchase, str] = {
    "on_demand": "on demand",
    "reserved_1yr_no_upfront": "the first {} reserved for 1 year",
    "reserved_3yr_no_upfront": "the first {} reserved for 3 years",
}


@dataclass(frozen=True, slots=True)
class SpotShare:
    """What a group runs on spot above `min_size`, and how often EC2 takes it back.

    A pool is one type in one zone. The group fills the pools of a zone evenly and counts a faster type
    as the group's own, so each type is billed an equal share of the spot hours. That stands for the
    price-capacity-optimized strategy, which is not published.

    Source: Amazon EC2 User Guide, allocation strategies for Spot (2023-06).
    """

    types: tuple[InstanceType, ...]
    """The group's own type first; the others have as many vCPUs, as fast, and as much memory."""
    reclaimed_ratio: float
    """Share of a pool's instances taken back in a month."""
    seed: int
    """Fixes when pools are taken back."""


@dataclass(frozen=True, slots=True)
class NewMinimum:
    """A scheduled action: the least size from a time on."""

    at: datetime
    """UTC."""
    min_size: int


@dataclass(frozen=True, slots=True)
class Ec2Fleet:
    """An Auto Scaling group that tracks its CPU utilisation, or the requests of each instance.

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
    purchase: Purchase
    vcpu_quota: int
    """Most on-demand vCPUs the account may run in the region."""
    api: Api
    database: Database
    volume_gb: int = VOLUME_GB
    target_requests_per_minute: int | None = None
    """Requests a minute for each instance to track in place of CPU."""
    forecasts: bool = False
    """Predictive scaling beside the tracking; see `forecast_from_history` for how it looks ahead."""
    scheduled: tuple[NewMinimum, ...] = ()
    """Minimums raised ahead of announced events, and lowered again."""
    warm_pool: bool = False
    """Keep booted instances stopped, up to `max_size` with the group."""
    credit_mode: CreditMode = "unlimited"
    """Of burstable types; others ignore it."""
    spot: SpotShare | None = None

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
        target = f"{self.target_ratio * 100:.0f} % CPU"
        if self.target_requests_per_minute:
            target = f"{self.target_requests_per_minute:,} requests a minute each"
        extras = "".join(f", {extra}" for extra in self._extras())
        return f"EC2 fleet of {sizes} {self.instance.name} at {target}{extras}, {purchase}"

    @property
    def reliability(self) -> Reliability:
        return Reliability(
            sla_ratio=0.9999,
            source="Amazon Compute Service Level Agreement, region level, as listed by cloudonaut (2019)",
            rto_minutes=(DETECTION_S + boot_s(self.api.bootstrap_s)) / SECONDS_PER_MINUTE,
            rpo_minutes=0.0,
        )

    def _extras(self) -> Iterator[str]:
        if self.forecasts:
            yield "forecast"
        if self.scheduled:
            yield "raised for events"
        if self.warm_pool:
            yield "warm pool"
        if self.instance.burstable and self.credit_mode == "standard":
            yield "standard credits"
        if self.spot:
            yield f"spot above {self.min_size}"

    def under(self, scenario: Scenario) -> Ec2Fleet:
        """The same settings under another scenario's figures."""
        spot = self.spot and replace(
            self.spot,
            reclaimed_ratio=float(scenario.account.spot_reclaimed_ratio),
            seed=scenario.seed,
        )
        return replace(self, api=scenario.api, database=scenario.database, spot=spot)

    def settings(self) -> Mapping[str, Setting]:
        settings: dict[str, Setting] = {
            "instance_type": self.instance.name,
            "min_size_instances": self.min_size,
            "max_size_instances": self.max_size,
            "target_cpu_ratio": self.target_ratio,
            "default_instance_warmup_s": warmup_s(self.api.bootstrap_s),
            "availability_zones": self.zones,
            "volume_gb": self.volume_gb,
            "purchase": self.purchase,
        }
        if self.target_requests_per_minute:
            settings["target_requests_per_minute"] = self.target_requests_per_minute
        if self.forecasts:
            settings["predictive_buffer_minutes"] = FORECAST_BUFFER_MINUTES
        if self.scheduled:
            settings["scheduled_actions"] = ", ".join(_scheduled_texts(self.scheduled))
        if self.warm_pool:
            settings["warm_pool_state"] = "Stopped"
        if self.instance.burstable:
            settings["cpu_credits"] = self.credit_mode
        if self.spot:
            settings["spot_types"] = ", ".join(one.name for one in self.spot.types)
            settings["on_demand_base_instances"] = self.min_size
            settings["on_demand_above_base_ratio"] = SPOT_ON_DEMAND_RATIO
        return settings

    def terraform(self) -> tuple[TerraformVariable, ...]:
        most = max(MOST_INSTANCES, self.max_size)
        attributes = [
            matching(
                "name", self.resource_name, "^[A-Za-z0-9-]{1,64}$", "must be 1 to 64 letters, digits or -"
            ),
            matching(
                "instance_type",
                self.instance.name,
                type_pattern(ec2_types()),
                "must be an EC2 instance type that costmodel knows, such as m7g.large",
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
            between("target_requests_per_target", self.target_requests_per_minute, 1, 1e9)
            if self.target_requests_per_minute
            else between("target_cpu_percent", self.target_ratio * 100, 10, 90, step=0),
            between("default_instance_warmup", warmup_s(self.api.bootstrap_s), 0, 3600),
            between("volume_size", self.volume_gb, 1, 16_384),
            one_of("volume_type", "gp3", ("gp2", "gp3")),
            flag("enable_monitoring", True),
            one_of("health_check_type", "ELB", ("EC2", "ELB")),
        ]
        if self.instance.burstable:
            attributes.append(
                also(
                    one_of("cpu_credits", self.credit_mode, ("standard", "unlimited")),
                    'can(regex("^t[0-9]", var.autoscaling.instance_type))',
                    "go with an instance_type of a burstable family such as t4g",
                )
            )
        attributes += self._scaling_attributes(most)
        return (
            TerraformVariable("autoscaling", "Auto Scaling group of the API instances", tuple(attributes)),
        )

    def _scaling_attributes(self, most: int) -> list[TerraformAttribute]:
        attributes = []
        if self.forecasts:
            attributes += [
                one_of("predictive_scaling_mode", "ForecastAndScale", ("ForecastAndScale", "ForecastOnly")),
                between("scheduling_buffer_time", FORECAST_BUFFER_MINUTES * SECONDS_PER_MINUTE, 0, 3600),
            ]
        if self.scheduled:
            attributes.append(
                TerraformAttribute(
                    "scheduled_min_sizes",
                    "list(string)",
                    _scheduled_texts(self.scheduled),
                    f"length({{value}}) >= 1 && length({{value}}) <= {MOST_SCHEDULED_ACTIONS} && "
                    'alltrue([for n in {value} : can(regex("^20[0-9-]{8}T[0-9:]{8}Z=[0-9]+$", n)) && '
                    'can(formatdate("YYYY", split("=", n)[0]))])',
                    f"must be 1 to {MOST_SCHEDULED_ACTIONS} times and sizes such as 2026-11-27T12:45:00Z=12",
                )
            )
        if self.warm_pool:
            attributes.append(one_of("warm_pool_state", "Stopped", ("Stopped", "Running", "Hibernated")))
        if self.spot:
            attributes += [
                between("on_demand_base_capacity", self.min_size, 0, most),
                between("on_demand_percentage_above_base_capacity", SPOT_ON_DEMAND_RATIO * 100, 0, 100),
                one_of(
                    "spot_allocation_strategy",
                    "price-capacity-optimized",
                    ("price-capacity-optimized", "capacity-optimized", "diversified", "lowest-price"),
                ),
                flag("capacity_rebalance", True),
                ec2_type_list("override_instance_types", tuple(one.name for one in self.spot.types)),
            ]
        return attributes

    def simulate(self, demand: Demand, disruptions: Sequence[Disruption] = ()) -> Capacity:
        """Run the group through the demand. Latency is of an API call without its database work.

        Each minute is a queue in front of all vCPUs together (M/M/c), as far as it settles. `disruptions` come
        on top of the spot reclaims that the design's seed draws.
        """
        run = self._run(demand, disruptions)
        vcpus = run.serving * self.instance.vcpu
        load, delay_ms = queue_or_backlog(vcpus, run.utilisation, self._service_ms, run.backlog_delay_ms)
        answered = demand.api_requests - demand.api_requests * run.failed_ratio
        latency = response_latency(
            np.where(run.serving > 0, answered, 0.0),
            vcpus,
            load,
            self._service_ms,
            fixed_ms=self.api.wait_ms_per_call,
            backlog_delay_ms=delay_ms,
            variability=wait_variability(demand.arrival_scv, float(self.api.cpu_scv)),
        )
        return self._capacity(demand, run, latency)

    def unqueued(self, demand: Demand) -> Capacity:
        """The same run without its queues, which take most of the time: a latency without any wait."""
        return self._capacity(demand, self._run(demand, ()), self._unqueued_latency(demand))

    def _capacity(self, demand: Demand, run: FleetRun, latency: Latency) -> Capacity:
        requests = demand.api_requests
        return Capacity(
            servers=run.running,
            utilisation=run.utilisation,
            requests=requests,
            failed_requests=read_only(requests * run.failed_ratio),
            latency=latency,
            saturation_requests_per_s=self.max_size * self.sustained_requests_per_s(demand),
            remedy="a higher maximum of instances or a larger type",
            limits=self._limits(demand, run),
            peak_connections=float(run.running.max()) * self.instance.vcpu * CONNECTIONS_PER_VCPU,
            call_slots=float(run.serving.max()) * self.instance.vcpu * CONNECTIONS_PER_VCPU,
            spot_servers=run.spot_running if self.spot else None,
            stopped_servers=run.stopped if self.warm_pool else None,
        )

    @property
    def _service_ms(self) -> float:
        return self.api.cpu_ms_per_call / self.instance.relative_vcpu_speed

    def _unqueued_latency(self, demand: Demand) -> Latency:
        return unqueued_latency(
            demand.total_api_requests, self._service_ms, fixed_ms=self.api.wait_ms_per_call
        )

    def without_zone(self, demand: Demand, loss: ZoneLoss) -> Capacity:
        """The same run with a zone lost in it."""
        return self.simulate(demand, (loss,))

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """A standby runs one instance a zone, on demand. Two regions that serve keep half their CPU free, at half
        the target: each can take over all traffic without a launch.

        Source: AWS Well-Architected REL11-BP05, static stability (2026-05): n / (n - 1) of what is needed.
        """
        if strategy is Strategy.WARM_STANDBY:
            smallest = min(self.zones, self.min_size)
            standby = replace(self, region_id=other_region_id, min_size=smallest, purchase="on_demand")
            return (Share(self, 1.0), Share(standby, 0.0))
        if strategy is Strategy.ACTIVE_ACTIVE:
            half = replace(self, target_ratio=self.target_ratio / 2)
            return (Share(half, 0.5), Share(replace(half, region_id=other_region_id), 0.5))
        return (Share(self, 1.0),)

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Instance-hours and volume GB-months of every minute an instance runs.

        Billing is per second from a minimum of 60 s, which whole minutes always meet. A reservation
        covers `min_size` instances in every hour of the month; hours in which fewer run, as after a loss,
        are not credited. A stopped instance of a warm pool pays for its volume only.

        Source: Amazon EC2 User Guide, concepts, billing per second (2023-06); Amazon EC2 Auto Scaling
        User Guide, warm pools (2023-06).
        """
        on_demand_hours, kept = _instances(capacity, demand.calendar, self._reserved)
        return self._metered(demand.calendar, on_demand_hours, self._spot_usage(demand, capacity), kept)

    def _metered(
        self,
        calendar: Calendar,
        on_demand_hours: FloatArray,
        spot_usages: tuple[Usage, ...],
        kept_instances: FloatArray,
    ) -> tuple[Usage, ...]:
        """On-demand instance-hours by hour or by day, and mean instances with a volume, shape (days,), as usage."""
        reserved = self._reserved
        box_usage = f"BoxUsage:{self.instance.name}"
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
        return (
            usages
            + spot_usages
            + meter_usage(
                self._meter("gp3 volume storage", "GB-Months", "EBS:VolumeUsage.gp3"),
                self.resource_name,
                calendar,
                kept_instances * self.volume_gb * calendar.month_share_per_day,
                f"mean {'running and stopped' if self.warm_pool else 'running'} instances"
                f" x {self.volume_gb} GB x share of the month",
            )
        )

    @property
    def _reserved(self) -> int:
        return 0 if self.purchase == "on_demand" else self.min_size

    def _spot_usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Spot instance-hours, an equal share of each type. Without a spot price the design falls."""
        if self.spot is None or capacity.spot_servers is None:
            return ()
        types = self.spot.types
        hours = demand.calendar.per_day(capacity.spot_servers) / MINUTES_PER_HOUR / len(types)
        return tuple(
            usage
            for one in types
            for usage in meter_usage(
                self._meter(f"Spot instance hours, {one.name}", "Hours", f"SpotUsage:{one.name}", SPOT),
                self.resource_name,
                demand.calendar,
                hours,
                "sum over minutes of running spot instances / 60"
                + (f" / {len(types)} types" if len(types) > 1 else ""),
            )
        )

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """Instances and volumes. Spot instances of other types are taken as the group's own."""
        return fleet(self.region_id, self.instance, capacity) + self._volumes(_kept_hours(capacity))

    def _volumes(self, kept_hours: float) -> Energy:
        return volumes(self.region_id, kept_hours * self.volume_gb)

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """What the instances leave to other services.

        Log lines reach CloudWatch through NAT or an interface endpoint; the network decides. Requests
        and responses cost no transfer: an ALB does not charge between zones, CloudFront is free.
        """
        return self._leaves(demand, demand.daily(capacity.servers) / MINUTES_PER_HOUR)

    def _leaves(self, demand: Demand, instance_hours: FloatArray) -> Footprint:
        return replace(
            left_by_calls(demand, self.api, self.database), monitored_instance_hours=instance_hours
        )

    def runs_as(self) -> Ec2Fleet:
        """The same group on demand, of a type that is told apart only by what it can do."""
        return replace(self, region_id="", purchase="on_demand", instance=_able(self.instance))

    def least(self, demand: Demand, served_ratio: float) -> Least:
        """What the group uses as long as `served_ratio` of its calls is answered, and what a call takes that
        never waits. `least_instances` has the proof; a group that loses spot instances may be smaller for a
        while and costs its volumes at least.
        """
        calendar = demand.calendar
        patience = Patience.of(self.api)
        cpu_s = cpu_s_per_call(self.api)
        running = least_instances(
            early_calls(demand, patience) * cpu_s,
            self.instance.compute_units * SECONDS_PER_MINUTE,
            0 if self.spot else self.min_size,
            self.max_size,
            patience,
            (1.0 - served_ratio) * demand.total_api_requests * cpu_s,
            [slice(days.start * HOURS_PER_DAY, days.stop * HOURS_PER_DAY) for _, days in calendar.day_slices],
        )
        hours = calendar.hours_to_days(running)
        bought = np.zeros(calendar.days) if self.spot else hours - self._reserved * HOURS_PER_DAY
        return Least(
            self._metered(calendar, bought, (), hours / HOURS_PER_DAY),
            self._leaves(demand, hours),
            self._unqueued_latency(demand),
            instances(self.region_id, self.instance, float(hours.sum()), busy_vcpu_hours=0.0)
            + self._volumes(float(hours.sum())),
        )

    def _run(self, demand: Demand, disruptions: Sequence[Disruption]) -> FleetRun:
        work = work_cpu_s(demand, self.api)
        if self.spot:
            pools = self.zones * len(self.spot.types)
            reclaims = spot_reclaims(work.size, pools, self.spot.reclaimed_ratio, self.spot.seed)
            disruptions = (*disruptions, *reclaims)
        requests = demand.api_requests if self.target_requests_per_minute else None
        return run_fleet(work, self._group(demand, work), requests=requests, disruptions=disruptions)

    def _group(self, demand: Demand, work: FloatArray) -> ScalingGroup:
        instance_cpu_s = self.instance.compute_units * SECONDS_PER_MINUTE
        boot = boot_minutes(self.api.bootstrap_s)
        tracking = TargetTracking("cpu", self.target_ratio)
        if self.target_requests_per_minute:
            tracking = TargetTracking("requests_per_target", float(self.target_requests_per_minute))
        predictive = None
        if self.forecasts:
            hours = forecast_from_history(
                work, instance_cpu_s, self.target_ratio, error_ratio=FORECAST_ERROR_RATIO
            )
            predictive = PredictiveScaling(hours, FORECAST_BUFFER_MINUTES)
        return ScalingGroup(
            instance_cpu_s_per_minute=instance_cpu_s,
            policies=(tracking,),
            min_size=self.min_size,
            max_size=self.max_size,
            boot_minutes=boot,
            warmup_minutes=warmup_minutes(self.api.bootstrap_s),
            patience=Patience.of(self.api),
            zones=self.zones,
            scheduled=_actions(self.scheduled, demand.calendar),
            predictive=predictive,
            spot=SpotMix(self.min_size, SPOT_ON_DEMAND_RATIO, len(self.spot.types)) if self.spot else None,
            warm_pool=WarmPool(min(warm_pool_boot_minutes(), boot)) if self.warm_pool else None,
            cpu_credits=self._cpu_credits(),
            network=self._network(demand),
        )

    def _cpu_credits(self) -> CpuCredits | None:
        earned = self.instance.cpu_credits_per_hour
        if earned is None:
            return None
        return CpuCredits(float(self.instance.vcpu), earned, unlimited=self.credit_mode == "unlimited")

    def _network(self, demand: Demand) -> NetworkBudget | None:
        """What an instance may send; None where it could not exceed its baseline flat out."""
        budget = NetworkBudget(
            self.instance.network_baseline_gbps,
            max(self.instance.network_baseline_gbps, self.instance.network_burst_gbps),
            gbit_per_request(demand) / cpu_s_per_call(self.api),
        )
        most_gbps = self.instance.compute_units * budget.gbit_per_cpu_s
        return budget if most_gbps > budget.baseline_gbps else None

    def sustained_requests_per_s(self, demand: Demand) -> float:
        """API calls one instance answers for good: without bursts and credits."""
        cpu = self.instance.compute_units / cpu_s_per_call(self.api)
        if self.credit_mode == "standard" and self.instance.cpu_baseline_ratio is not None:
            cpu *= self.instance.cpu_baseline_ratio
        gbit = gbit_per_request(demand)
        return min(cpu, self.instance.network_baseline_gbps / gbit) if gbit > 0 else cpu

    def _limits(self, demand: Demand, run: FleetRun) -> tuple[Limit, ...]:
        vcpu, quota = self.instance.vcpu, float(self.vcpu_quota)
        key = "account.ec2_vcpus"
        on_demand = float((run.running - run.spot_running).max()) * vcpu
        limits = [Limit("EC2 vCPU quota of the account", on_demand, quota, "vCPU", key)]
        if self.spot:
            spot = float(run.spot_running.max()) * vcpu
            limits.append(Limit("EC2 spot vCPU quota of the account", spot, quota, "vCPU", key))
        if self.instance.burstable and self.credit_mode == "unlimited":
            surplus = float(run.surplus_credits.sum())
            limits.append(
                Limit(
                    "surplus CPU credits, for which there is no price",
                    surplus,
                    0.0,
                    "credits",
                    remedy="a family that is not burstable, or more instances at least",
                )
            )
        return tuple(limits)

    def _meter(self, name: str, unit: str, usage_type: str, term: str = ON_DEMAND) -> Meter:
        query = PriceQuery(SERVICE_CODE, self.region_id, usage_type, term=term)
        return Meter(name, SERVICE_NAME, SERVICE_CATEGORY, unit, query)


def designs(scenario: Scenario, demand: Demand) -> tuple[Ec2Fleet, ...]:
    """Groups to compare: types of the allowed families x CPU targets x purchases, and a few of each type more.

    `min_size` is one instance a zone. `max_size` holds the busiest minute at the target with
    `HEADROOM_FACTOR` to spare. Each type also gets one group that never falls below what the
    busiest minute needs, for load that rises faster than instances boot; and, where they can win, groups
    that track requests, forecast, raise their minimum for announced events, keep a warm pool, spend
    standard CPU credits or run on spot. They are many, and `Ec2Fleet.least` spares the search most of them.

    Raises ScenarioError when a family is unknown or has no size that is looked at.
    """
    if "ec2" not in scenario.constraints.compute:
        return ()
    load = RisingLoad(work_cpu_s(demand, scenario.api))
    families = [_within_reach(sizes, scenario, load) for sizes in sizes_by_family(scenario)]
    types = [instance for sizes in families for instance in sizes]
    found = [
        replace(fleet, purchase=purchase)
        for instance in types
        for fleet in _groups(scenario, demand, instance, types, load)
        for purchase in scenario.constraints.purchases
    ]
    return tuple(dict.fromkeys(_within(fleet, scenario.constraints) for fleet in found))


def _groups(
    scenario: Scenario,
    demand: Demand,
    instance: InstanceType,
    types: Sequence[InstanceType],
    load: RisingLoad,
) -> Iterator[Ec2Fleet]:
    """Every group of one type, bought on demand."""
    zones = scenario.network.availability_zones
    targets = scenario.constraints.cpu_target_ratios
    tracking = [
        _fleet(scenario, instance, target, zones, _needed(instance, target, load.peak_vcpus))
        for target in targets
    ]
    yield from tracking
    for group in tracking:
        if _may_borrow(group, load.peak_vcpus):
            yield replace(group, credit_mode="standard")
    plain = tracking[targets.index(max(targets))]
    held = _needed(instance, plain.target_ratio, load.peak_vcpus)
    if held > zones:
        yield _fleet(scenario, instance, plain.target_ratio, held, held)
    yield from _faster(plain, scenario, demand, load)
    if scenario.constraints.spot and plain.max_size > zones and not instance.burstable:
        spot = _spot_share(scenario, instance, types)
        for group in tracking:
            yield replace(group, spot=spot)


def _within_reach(sizes: list[InstanceType], scenario: Scenario, load: RisingLoad) -> list[InstanceType]:
    """Sizes of which `MOST_INSTANCES` hold the busiest minute; the largest where none do."""
    least_target = min(scenario.constraints.cpu_target_ratios)
    most = MOST_INSTANCES / HEADROOM_FACTOR
    return [one for one in sizes if _needed(one, least_target, load.peak_vcpus) <= most] or sizes[-1:]


def _within(fleet: Ec2Fleet, constraints: Constraints) -> Ec2Fleet:
    """The group, no smaller and no larger than the scenario lets it be."""
    least = constraints.min_instances or 1
    most = constraints.max_instances or min(max(fleet.max_size, least), LARGEST_GROUP)
    return replace(
        fleet,
        min_size=min(max(fleet.min_size, least), most),
        max_size=min(max(fleet.max_size, least), most),
    )


def quota_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule when the account cannot run one instance of any allowed type in every zone."""
    if scenario.constraints.compute != ("ec2",) or family_rules(scenario):
        return []
    sizes = (instance for family in scenario.constraints.instance_families for instance in _sizes_of(family))
    least = min((one.vcpu for one in sizes), default=0) * scenario.network.availability_zones
    if scenario.account.ec2_vcpus >= least:
        return []
    problem = (
        f"must be at least {least}: one instance of the smallest allowed type in each of "
        f"{scenario.network.availability_zones} zones (AWS quota: Running On-Demand Standard instances, in vCPUs)"
    )
    return [Rule(("account", "ec2_vcpus"), problem, scenario.account.ec2_vcpus)]


def _fleet(
    scenario: Scenario, instance: InstanceType, target_ratio: float, min_size: int, needed: int
) -> Ec2Fleet:
    return Ec2Fleet(
        region_id=scenario.region,
        instance=instance,
        target_ratio=target_ratio,
        min_size=min_size,
        max_size=max(min_size, math.ceil(needed * HEADROOM_FACTOR)),
        zones=scenario.network.availability_zones,
        purchase="on_demand",
        vcpu_quota=scenario.account.ec2_vcpus,
        api=scenario.api,
        database=scenario.database,
    )


def _may_borrow(fleet: Ec2Fleet, peak_vcpus: float) -> bool:
    """Whether the busiest minute takes the smallest group above what its CPU credits sustain."""
    baseline = fleet.instance.cpu_baseline_ratio
    return baseline is not None and peak_vcpus > fleet.min_size * fleet.instance.compute_units * baseline


def _faster(plain: Ec2Fleet, scenario: Scenario, demand: Demand, load: RisingLoad) -> Iterator[Ec2Fleet]:
    """The same group with what helps it against load that rises faster than it grows."""
    if plain.max_size == plain.min_size:
        return
    instance_cpu_s = plain.instance.compute_units * SECONDS_PER_MINUTE
    if load.outruns(plain.min_size * instance_cpu_s, plain.target_ratio):
        requests = plain.target_ratio * instance_cpu_s / cpu_s_per_call(plain.api)
        yield replace(plain, target_requests_per_minute=max(1, round(requests)))
        yield replace(plain, forecasts=True)
    if scheduled := _raised_for_events(plain, scenario, demand, load.work_cpu_s):
        yield replace(plain, scheduled=scheduled)
    if plain.api.bootstrap_s >= SLOW_BOOTSTRAP_S:
        yield replace(plain, warm_pool=True)


def _raised_for_events(
    plain: Ec2Fleet, scenario: Scenario, demand: Demand, work: FloatArray
) -> tuple[NewMinimum, ...]:
    """Minimums that hold each announced event until its extra load has halved, sized as `max_size` is."""
    lead = max(EVENT_LEAD_MINUTES, warmup_minutes(plain.api.bootstrap_s))
    calendar = demand.calendar
    spans = []
    for event in scenario.traffic.events:
        if not isinstance(event, LoadEvent) or event.kind not in ANNOUNCED_EVENTS:
            continue
        shape = event_shape(event)
        start = int((event.start - calendar.start).total_seconds() // SECONDS_PER_MINUTE)
        busy = math.ceil(shape.ramp_minutes + shape.hold_minutes + shape.half_life_minutes)
        end = min(start + busy, work.size)
        peak_vcpus = float(work[start:end].max()) / SECONDS_PER_MINUTE
        needed = _needed(plain.instance, plain.target_ratio, peak_vcpus)
        spans.append((max(0, start - lead), end, needed))
    if len(spans) > MOST_SCHEDULED_ACTIONS // 2:
        return ()
    return tuple(
        NewMinimum(calendar.start + timedelta(minutes=action.minute), action.min_size or plain.min_size)
        for action in raised_minimums(spans, plain.min_size)
    )


def _actions(scheduled: Sequence[NewMinimum], calendar: Calendar) -> tuple[ScheduledAction, ...]:
    return tuple(
        ScheduledAction(
            max(0, int((new.at - calendar.start).total_seconds() // SECONDS_PER_MINUTE)), new.min_size
        )
        for new in scheduled
    )


def _scheduled_texts(scheduled: Sequence[NewMinimum]) -> tuple[str, ...]:
    return tuple(f"{new.at:%Y-%m-%dT%H:%M:%SZ}={new.min_size}" for new in scheduled)


def _spot_share(scenario: Scenario, own: InstanceType, allowed: Sequence[InstanceType]) -> SpotShare:
    """The group's own type, and others with as many vCPUs, as fast, with as much memory and network."""
    others = [
        one
        for one in allowed
        if one.name != own.name
        and (one.vcpu, one.architecture, one.burstable) == (own.vcpu, own.architecture, own.burstable)
        and one.relative_vcpu_speed >= own.relative_vcpu_speed
        and one.memory_gib >= own.memory_gib
        and one.network_baseline_gbps >= own.network_baseline_gbps
    ]
    return SpotShare(
        (own, *others[: SPOT_TYPES - 1]), float(scenario.account.spot_reclaimed_ratio), scenario.seed
    )


def family_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule for each allowed instance family that is unknown or has no size we look at."""
    rules = []
    for index, family in enumerate(scenario.constraints.instance_families):
        place = ("constraints", "instance_families", index)
        try:
            if family not in GPU_FAMILIES and not _sizes_of(family):
                problem = f"must be a family with a size of {LEAST_MEMORY_GIB:g} GiB or more"
                rules.append(Rule(place, problem, family))
        except UnknownInstanceType as error:
            rules.append(Rule(place, str(error), family))
    return rules


def sizes_by_family(scenario: Scenario) -> list[list[InstanceType]]:
    """Instance types to look at for each allowed family, from small to large. Raises ScenarioError."""
    refuse(family_rules(scenario), scenario.name)
    return [_sizes_of(family) for family in scenario.constraints.instance_families]


def _sizes_of(family: str) -> list[InstanceType]:
    return [instance for instance in instance_types([family]) if instance.memory_gib >= LEAST_MEMORY_GIB]


def _needed(instance: InstanceType, target_ratio: float, peak_vcpus: float) -> int:
    """Instances that hold the busiest minute at the target, one or more."""
    return max(1, math.ceil(peak_vcpus / (instance.compute_units * target_ratio)))


@remembered
def _instances(capacity: Capacity, calendar: Calendar, reserved: int) -> tuple[FloatArray, FloatArray]:
    """Instance-hours on demand, shape (hours,), and instances with a volume on average, shape (days,)."""
    spot = capacity.spot_servers
    bought = capacity.servers if spot is None else capacity.servers - spot
    on_demand_hours = calendar.per_hour(np.maximum(bought - reserved, 0.0)) / MINUTES_PER_HOUR
    return on_demand_hours, calendar.mean_per_day(_kept(capacity))


def _kept(capacity: Capacity) -> FloatArray:
    """Instances whose volumes are kept: running ones, and the stopped ones of a warm pool."""
    stopped = capacity.stopped_servers
    return capacity.servers if stopped is None else capacity.servers + stopped


@remembered
def _kept_hours(capacity: Capacity) -> float:
    return float(_kept(capacity).sum()) / MINUTES_PER_HOUR


@cache
def _able(instance: InstanceType) -> InstanceType:
    """What a type can do, without what else tells it from others."""
    return replace(
        instance,
        name="",
        memory_gib=0.0,
        architecture="x86_64",
        ebs_baseline_mbps=0.0,
        ebs_baseline_iops=0.0,
        speed_source="",
        capacity_source="",
    )


SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.COMPUTE, designs, needs.EC2)
