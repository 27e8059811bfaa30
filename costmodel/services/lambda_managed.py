"""AWS Lambda on Managed Instances: the same functions on EC2 instances in the account that Lambda runs.

Many requests share an execution environment, nothing starts cold and nothing scales to zero. The bill is
that of the instances, a fee for their management and one for requests; there are no GB-seconds.

Source: AWS Lambda Developer Guide, "Lambda Managed Instances" and "Scaling Lambda Managed Instances" (2026-01).

Not modelled: reservations and Savings Plans, which the instances may have; memory that Lambda keeps for
itself on an instance, and the block storage of instances, neither of which AWS publishes. Of which types
Lambda takes, the guide says "current-generation"; families of 2, 4 or 8 GiB per vCPU without CPU credits are
taken to be among them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from costmodel.capacity.api_work import waiting_ms, work_cpu_s
from costmodel.capacity.energy import Energy, fleet, unmeasured
from costmodel.capacity.instances import InstanceType, instance_types
from costmodel.capacity.managed_instances import (
    CONCURRENCY_PER_VCPU,
    LEAST_INSTANCES,
    LEAST_MEMORY_MB,
    MEMORY_GIB_PER_VCPU,
    MOST_MEMORY_MB,
    MOST_VCPUS,
    ManagedGroup,
    ManagedRun,
    run_managed,
)
from costmodel.capacity.payload import Way, body_limit
from costmodel.capacity.queueing import response_latency
from costmodel.capacity.result import Capacity, Limit
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.fields import Rule
from costmodel.scenario.load import refuse
from costmodel.scenario.model import Api, Database, Scenario
from costmodel.services import needs
from costmodel.services._base import (
    SENT_RATIO,
    Footprint,
    Meter,
    Reliability,
    Role,
    Setting,
    Share,
    Strategy,
    TerraformVariable,
    TierService,
    Usage,
    between,
    ec2_type_list,
    meter_usage,
    one_of,
)
from costmodel.units import (
    BYTES_PER_GB,
    BYTES_PER_KB,
    BYTES_PER_MB,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
)

SERVICE_NAME = "AWS Lambda"
SERVICE_CODE = "AWSLambda"
SERVICE_CATEGORY = "Compute"
INSTANCE_SERVICE_NAME = "Amazon Elastic Compute Cloud"
INSTANCE_SERVICE_CODE = "AmazonEC2"

KB_PER_GB = BYTES_PER_GB / BYTES_PER_KB
FEE_RATIO = 0.15
"""Management fee over the on-demand price of an instance, whatever is paid for the instance itself.

Source: AWS Lambda pricing, Lambda Managed Instances, "15% premium on the EC2 on-demand instance price"
(as read on 2026-09-20).
"""
TARGET_RATIOS = (0.5, 0.7)
"""CPU targets considered: the first leaves the headroom of Lambda's default, traffic that doubles.

Source: AWS Lambda Developer Guide, "Scaling Lambda Managed Instances", target resource utilization (2026-01).
"""
SIZES = ("large", "xlarge", "2xlarge", "4xlarge")
MOST_INSTANCES_AT_PEAK = 30
"""Above this a larger size is looked at instead. Engineering guess."""
HEADROOM_FACTOR = 1.5
"""Most instances over what the busiest minute needs; our choice."""
CONNECTIONS_PER_VCPU = 10
"""Pooled database connections: an environment a vCPU, ten each.

Source: node-postgres documentation, `Pool` default `max` of 10 (2024); HikariCP's default is 10 too.
"""
LONGEST_RUN_S = 900.0
"""Source: AWS Lambda Developer Guide, quotas, timeout (2023-10)."""
ALARMS = 2
"""Errors and throttles. Source: AWS Lambda Developer Guide, working with function metrics (2023-10)."""
TERRAFORM_RUNTIMES = tuple(sorted(CONCURRENCY_PER_VCPU))


@dataclass(frozen=True, slots=True)
class ManagedFunctions:
    """API calls on functions of one capacity provider with instances of one type.

    The instances stand in private subnets, at least one in each of three zones.
    """

    region_id: str
    instance: InstanceType
    target_ratio: float
    """Use of the CPU that Lambda keeps to."""
    max_instances: int
    vcpu_quota: int
    """Most on-demand vCPUs the account may run in the region."""
    api: Api
    database: Database

    def __post_init__(self) -> None:
        """Raises ValueError for functions that AWS would not create."""
        guide = "(AWS Lambda Developer Guide, Lambda Managed Instances, 2026-01)"
        if self.instance.burstable or self.memory_gib_per_vcpu not in MEMORY_GIB_PER_VCPU:
            raise ValueError(
                f"managed instances have 2, 4 or 8 GiB per vCPU and no CPU credits {guide}: not {self.instance.name}"
            )
        if self.api.lambda_runtime not in CONCURRENCY_PER_VCPU:
            known = ", ".join(CONCURRENCY_PER_VCPU)
            raise ValueError(f"managed instances run {known}, not {self.api.lambda_runtime} {guide}")
        self._group()

    @property
    def role(self) -> Role:
        return Role.COMPUTE

    @property
    def kind(self) -> str:
        return "lambda_managed"

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "api"

    @property
    def label(self) -> str:
        return (
            f"Lambda on {LEAST_INSTANCES} to {self.max_instances} managed {self.instance.name}"
            f" at {self.target_ratio:.0%} CPU"
        )

    @property
    def reliability(self) -> Reliability:
        """With the instances spread over three zones, two thirds of them are left when one is lost."""
        return Reliability(
            sla_ratio=0.9995,
            source="AWS Lambda Service Level Agreement, as listed by cloudonaut (2019)",
            rto_minutes=0.0,
            rpo_minutes=0.0,
        )

    def under(self, scenario: Scenario) -> ManagedFunctions:
        """The same settings under another scenario's figures."""
        return replace(self, api=scenario.api, database=scenario.database)

    @property
    def memory_gib_per_vcpu(self) -> int:
        return round(self.instance.memory_gib / self.instance.vcpu)

    @property
    def memory_mb(self) -> int:
        """Memory of an environment of one vCPU; environments are taken to fill the instance."""
        return max(LEAST_MEMORY_MB, 1024 * self.memory_gib_per_vcpu)

    @property
    def concurrency_per_vcpu(self) -> int:
        return CONCURRENCY_PER_VCPU[self.api.lambda_runtime]

    @property
    def cpu_ms(self) -> float:
        """Mean CPU time of an API call on one vCPU."""
        return self.api.cpu_ms_per_call / self.instance.relative_vcpu_speed

    @property
    def duration_s(self) -> float:
        """Mean time an API call takes a slot."""
        return (waiting_ms(self.api, self.database) + self.cpu_ms) / 1000.0

    def settings(self) -> Mapping[str, Setting]:
        return {
            "instance_type": self.instance.name,
            "min_instances": LEAST_INSTANCES,
            "max_instances": self.max_instances,
            "target_cpu_ratio": self.target_ratio,
            "memory_mb": self.memory_mb,
            "concurrency_per_vcpu": self.concurrency_per_vcpu,
            "runtime": self.api.lambda_runtime,
        }

    def terraform(self) -> tuple[TerraformVariable, ...]:
        """Inputs of the capacity provider and of its function, named as in Lambda's API."""
        return (
            TerraformVariable(
                "lambda_capacity_provider",
                "Managed instances that the functions run on",
                (
                    ec2_type_list("allowed_instance_types", (self.instance.name,)),
                    between("max_vcpu_count", self.max_instances * self.instance.vcpu, 2, 15_000),
                    between("target_value", round(100 * self.target_ratio), 1, 100),
                ),
            ),
            TerraformVariable(
                "lambda_managed",
                "Function that answers API calls on managed instances",
                (
                    between("memory_size", self.memory_mb, LEAST_MEMORY_MB, MOST_MEMORY_MB),
                    one_of(
                        "execution_environment_memory_gib_per_vcpu",
                        self.memory_gib_per_vcpu,
                        MEMORY_GIB_PER_VCPU,
                    ),
                    between("per_execution_environment_max_concurrency", self.concurrency_per_vcpu, 1, 1_600),
                    between("min_execution_environments", LEAST_INSTANCES, 1, 15_000),
                    between("timeout", max(1, math.ceil(self.api.timeout_s)), 1, LONGEST_RUN_S),
                    one_of("runtime", self.api.lambda_runtime, TERRAFORM_RUNTIMES),
                ),
            ),
        )

    def simulate(self, demand: Demand) -> Capacity:
        """Run the instances through the demand. Latency is of an API call without its database work.

        Each minute is a queue in front of all vCPUs together (M/M/c).
        """
        run = self._run(demand)
        requests = demand.api_requests
        failed = read_only(requests * run.refused_ratio)
        vcpus = run.instances * self.instance.vcpu
        busy = np.minimum(self._busy_vcpus(demand), vcpus)
        peak_vcpus = float(vcpus.max())
        return Capacity(
            servers=run.instances,
            utilisation=read_only(busy / vcpus),
            requests=requests,
            failed_requests=failed,
            latency=response_latency(
                requests - failed, vcpus, busy, self.cpu_ms, fixed_ms=self.api.wait_ms_per_call
            ),
            saturation_requests_per_s=self._saturation_requests_per_s(demand),
            limits=self._limits(demand, peak_vcpus),
            peak_connections=peak_vcpus * min(CONNECTIONS_PER_VCPU, self.concurrency_per_vcpu),
        )

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """A standby runs the least instances there are. Two regions that serve keep half their CPU free."""
        there = replace(self, region_id=other_region_id)
        if strategy is Strategy.WARM_STANDBY:
            return (Share(self, 1.0), Share(there, 0.0))
        if strategy is Strategy.ACTIVE_ACTIVE:
            half = replace(self, target_ratio=self.target_ratio / 2)
            return (Share(half, 0.5), Share(replace(half, region_id=other_region_id), 0.5))
        return (Share(self, 1.0),)

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Instance-hours, the management fee on them, and requests answered.

        The price list has no row for the fee that is known here; AWS states it as a share of the on-demand
        price. So it is metered as that share of the instance-hours, at the on-demand price. Requests are
        taken at the price of other functions, which is the same per million.

        Source: AWS Lambda pricing, Lambda Managed Instances (as read on 2026-09-20).
        """
        calendar = demand.calendar
        hours = calendar.per_hour(capacity.servers) / MINUTES_PER_HOUR
        instance = PriceQuery(INSTANCE_SERVICE_CODE, self.region_id, f"BoxUsage:{self.instance.name}")
        suffix = "-ARM" if self.instance.architecture == "arm64" else ""
        request = PriceQuery(SERVICE_CODE, self.region_id, f"Request{suffix}")
        answered = calendar.per_day(capacity.requests - capacity.failed_requests)
        lines = (
            (
                Meter("Managed instance hours", INSTANCE_SERVICE_NAME, SERVICE_CATEGORY, "Hours", instance),
                hours,
                "sum over minutes of running instances / 60",
            ),
            (
                Meter("Management fee", SERVICE_NAME, SERVICE_CATEGORY, "Hours", instance),
                calendar.hours_to_days(hours) * FEE_RATIO,
                f"{FEE_RATIO:.0%} of the instance hours at their on-demand price: AWS states the fee as that share",
            ),
            (
                Meter("Managed requests", SERVICE_NAME, SERVICE_CATEGORY, "Requests", request),
                answered,
                "API calls answered",
            ),
        )
        return tuple(
            usage
            for meter, quantity, formula in lines
            for usage in meter_usage(meter, self.resource_name, calendar, quantity, formula)
        )

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        return fleet(self.region_id, self.instance, capacity) + unmeasured("volumes of managed instances")

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """Log lines, calls to other companies through NAT gateways, database bytes, alarms."""
        calls = demand.daily(capacity.requests - capacity.failed_requests)
        database_kb_per_call = (
            self.database.reads_per_call * self.database.read_item_kb
            + self.database.writes_per_call * self.database.write_item_kb
        )
        external_gb = calls * self.api.external_kb_per_call / KB_PER_GB
        return replace(
            Footprint.none(demand.days),
            vended_log_gb=calls * self.api.log_kb_per_call / KB_PER_GB,
            outside_gb=external_gb,
            internet_egress_gb=external_gb * SENT_RATIO,
            database_gb=calls * database_kb_per_call / KB_PER_GB,
            alarms=ALARMS,
            private_subnets=True,
        )

    def _group(self) -> ManagedGroup:
        return ManagedGroup(
            instance_vcpus=self.instance.vcpu,
            slots=self.instance.vcpu * self.concurrency_per_vcpu,
            target_ratio=self.target_ratio,
            maximum=self.max_instances,
        )

    def _run(self, demand: Demand) -> ManagedRun:
        in_flight = demand.api_requests / SECONDS_PER_MINUTE * self.duration_s
        return run_managed(self._busy_vcpus(demand), in_flight, self._group())

    def _busy_vcpus(self, demand: Demand) -> FloatArray:
        """Virtual CPUs of the instance type that the load keeps busy, shape (minutes,)."""
        cpu_s = work_cpu_s(demand, self.api)
        return cpu_s / SECONDS_PER_MINUTE / self.instance.relative_vcpu_speed

    def _saturation_requests_per_s(self, demand: Demand) -> float:
        calls = float(demand.api_requests.sum())
        cpu_s = float(work_cpu_s(demand, self.api).sum())
        cpu_s_per_call = cpu_s / calls if calls > 0 else self.api.cpu_ms_per_call / 1000.0
        for_cpu = self.instance.compute_units / cpu_s_per_call
        for_slots = self.instance.vcpu * self.concurrency_per_vcpu / self.duration_s
        return self.max_instances * min(for_cpu, for_slots)

    def _limits(self, demand: Demand, peak_vcpus: float) -> tuple[Limit, ...]:
        fan_out = demand.fan_out
        body_mb = max(fan_out.api_request_bytes, fan_out.api_response_bytes) / BYTES_PER_MB
        return (
            body_limit(Way.LOAD_BALANCER, body_mb),
            Limit("time of an API call", self.duration_s, min(LONGEST_RUN_S, self.api.timeout_s), "s"),
            Limit(
                "EC2 vCPU quota of the account",
                peak_vcpus,
                float(self.vcpu_quota),
                "vCPU",
                "account.ec2_vcpus",
            ),
        )


def designs(scenario: Scenario, demand: Demand) -> tuple[ManagedFunctions, ...]:
    """The smallest manageable size of each allowed family that Lambda takes, at each target.

    Raises ScenarioError for a runtime that managed instances do not run.
    """
    if "lambda_managed" not in scenario.constraints.compute:
        return ()
    refuse(runtime_rules(scenario), scenario.name)
    work = work_cpu_s(demand, scenario.api)
    peak_vcpus = float(work.max()) / SECONDS_PER_MINUTE
    found = []
    for family in scenario.constraints.instance_families:
        sizes = [instance for instance in instance_types([family]) if _taken(instance)]
        for target_ratio in TARGET_RATIOS if sizes else ():
            instance = next(
                (i for i in sizes if _needed(i, peak_vcpus, target_ratio) <= MOST_INSTANCES_AT_PEAK),
                sizes[-1],
            )
            wanted = math.ceil(HEADROOM_FACTOR * _needed(instance, peak_vcpus, target_ratio))
            found.append(
                ManagedFunctions(
                    region_id=scenario.region,
                    instance=instance,
                    target_ratio=target_ratio,
                    max_instances=max(LEAST_INSTANCES, min(wanted, MOST_VCPUS // instance.vcpu)),
                    vcpu_quota=scenario.account.ec2_vcpus,
                    api=scenario.api,
                    database=scenario.database,
                )
            )
    return tuple(found)


def runtime_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule when managed instances are allowed that do not run the language of the functions.

    Source: see `CONCURRENCY_PER_VCPU`.
    """
    runtime = scenario.api.lambda_runtime
    if "lambda_managed" not in scenario.constraints.compute or runtime in CONCURRENCY_PER_VCPU:
        return []
    known = ", ".join(CONCURRENCY_PER_VCPU)
    problem = f"must be one of {known} when constraints.compute allows lambda_managed"
    return [Rule(("api", "lambda_runtime"), problem, runtime)]


def _taken(instance: InstanceType) -> bool:
    """Whether Lambda runs functions on it, and we look at its size."""
    ratio = round(instance.memory_gib / instance.vcpu)
    return instance.size in SIZES and not instance.burstable and ratio in MEMORY_GIB_PER_VCPU


def _needed(instance: InstanceType, peak_vcpus: float, target_ratio: float) -> int:
    """Instances that hold the busiest minute at the target."""
    return max(LEAST_INSTANCES, math.ceil(peak_vcpus / (instance.compute_units * target_ratio)))


"""Source: see `ManagedFunctions.usage`."""

SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.COMPUTE, designs, needs.MANAGED_FUNCTIONS)
