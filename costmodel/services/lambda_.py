"""AWS Lambda: one function answers API calls, a second one renders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from costmodel.capacity.concurrency import (
    REQUESTS_PER_S_PER_CONCURRENCY,
    ConcurrencyRun,
    InitTime,
    billed_init_ms,
    billed_ms,
    busiest_moment,
    cold_start_latency,
    cold_start_ratio,
    run_concurrency,
)
from costmodel.capacity.result import NO_LATENCY, Capacity, Limit
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.need import PriceNeed
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import Api, Database, Rendering, Scenario
from costmodel.services._base import (
    SENT_RATIO,
    Footprint,
    Meter,
    Reliability,
    Role,
    Setting,
    TerraformAttribute,
    TerraformVariable,
    TierService,
    Usage,
    between,
    meter_usage,
    one_of,
)
from costmodel.units import (
    BYTES_PER_GB,
    BYTES_PER_KB,
    BYTES_PER_MB,
    HOURS_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
)

SERVICE_NAME = "AWS Lambda"
SERVICE_CODE = "AWSLambda"
SERVICE_CATEGORY = "Compute"

Architecture = Literal["x86_64", "arm64"]

KB_PER_GB = BYTES_PER_GB / BYTES_PER_KB
MB_PER_GB = BYTES_PER_GB / BYTES_PER_MB
MB_PER_VCPU = 1769.0
"""Memory that comes with one vCPU. Source: AWS Lambda Developer Guide, configuring memory (2023-10)."""
MEMORY_MB = (512, 1024, 1769, 3008)
LEAST_MEMORY_MB = 128
MOST_MEMORY_MB = 10_240
"""Source: AWS Lambda Developer Guide, quotas, 128 to 10 240 MB (2023-10)."""
LONGEST_RUN_S = 900.0
"""Source: AWS Lambda Developer Guide, quotas, timeout (2023-10)."""
LARGEST_BODY_MB = 1.0
"""Request or response body between a load balancer and a function.

Source: Application Load Balancer User Guide, Lambda functions as targets (2023-06).
"""
UNRESERVABLE_CONCURRENCY = 100
"""Part of the account's quota that stays unreserved. Source: AWS Lambda Developer Guide, quotas (2023-10)."""
PROVISIONED_STEP_S = 300
"""Provisioned concurrency is billed from when it is switched on until it is switched off, in steps of 5 minutes.

Source: AWS Lambda pricing, provisioned concurrency (2025-12).
"""
DATABASE_ROUND_TRIP_MS = 2.0
"""Time a function waits, and is billed, for one read or write of the database.

Engineering guess: 1 ms for a relational database in the region, 2 to 5 ms for DynamoDB.
"""
ALARMS = 2
"""Errors and throttles. Source: AWS Lambda Developer Guide, working with function metrics (2023-10)."""
RELATIVE_SPEED: dict[Architecture, float] = {"x86_64": 1.0, "arm64": 1.15}
"""Work of one vCPU over that of an m5 vCPU; arm64 is Graviton2.

Source: aws/aws-graviton-getting-started, Lambda (2026-07): up to 34 % better price and performance at a
price 20 % lower; 1.15 is a cautious reading.
"""
INIT_TIMES: dict[Architecture, dict[str, InitTime]] = {
    "x86_64": {
        "rust": InitTime(16, 28),
        "go": InitTime(51, 61),
        "python3.13": InitTime(94, 134),
        "nodejs22.x": InitTime(146, 187),
        "java21": InitTime(243, 318),
        "ruby3.4": InitTime(229, 426),
        "dotnet8": InitTime(257, 382),
    },
    "arm64": {
        "rust": InitTime(14, 21),
        "go": InitTime(42, 44),
        "python3.13": InitTime(81, 102),
        "nodejs22.x": InitTime(128, 142),
        "java21": InitTime(246, 275),
        "ruby3.4": InitTime(223, 396),
        "dotnet8": InitTime(294, 599),
    },
}
"""Start of a hello-world zip function; memory makes no difference.

Source: maxday/lambda-perf, daily measurements from 2026-05-28 to 2026-08-22.
"""
TERRAFORM_RUNTIMES = {"rust": "provided.al2023", "go": "provided.al2023"}
"""Runtimes that Lambda knows under another name. Source: AWS Lambda Developer Guide, runtimes (2023-10)."""


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """API calls on one function, rendering jobs on another of its own memory size.

    The functions are attached to private subnets, to reach a relational database; so calls to
    other companies pass NAT gateways. One environment handles one request at a time.
    """

    region_id: str
    memory_mb: int
    architecture: Architecture
    provisioned_concurrency: int
    """API environments kept ready all the time; 0 for none."""
    concurrency_quota: int
    """Concurrent executions the account may have in the region."""
    zones: int
    api: Api
    rendering: Rendering
    database: Database

    @property
    def role(self) -> Role:
        return Role.COMPUTE

    @property
    def kind(self) -> str:
        return "lambda"

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "api"

    @property
    def label(self) -> str:
        provisioned = f", {self.provisioned_concurrency} provisioned" if self.provisioned_concurrency else ""
        return f"Lambda {self.memory_mb} MB {self.architecture}{provisioned}"

    @property
    def reliability(self) -> Reliability:
        return Reliability(
            sla_ratio=0.9995,
            source="AWS Lambda Service Level Agreement, as listed by cloudonaut (2019)",
            rto_minutes=0.0,
            rpo_minutes=0.0,
        )

    def under(self, scenario: Scenario) -> LambdaFunction:
        """The same settings under another scenario's figures."""
        return replace(self, api=scenario.api, rendering=scenario.rendering, database=scenario.database)

    def settings(self) -> Mapping[str, Setting]:
        return {
            "memory_mb": self.memory_mb,
            "architecture": self.architecture,
            "provisioned_concurrency": self.provisioned_concurrency,
            "reserved_concurrency": 0,
            "runtime": self.api.lambda_runtime,
            "rendering_memory_mb": self.rendering_memory_mb,
            "availability_zones": self.zones,
        }

    def terraform(self) -> tuple[TerraformVariable, ...]:
        provisioned = self.provisioned_concurrency or -1
        return (
            TerraformVariable(
                "lambda",
                "Function that answers API calls",
                (
                    *self._function_attributes(self.memory_mb, self.api.timeout_s),
                    between("provisioned_concurrent_executions", provisioned, -1, self.concurrency_quota),
                ),
            ),
            TerraformVariable(
                "lambda_rendering",
                "Function that renders 3D models",
                self._function_attributes(
                    self.rendering_memory_mb, min(LONGEST_RUN_S, 10 * self.rendering_duration_s)
                ),
            ),
        )

    @property
    def cpu_ms(self) -> float:
        """Mean CPU part of an API call: one thread on the vCPU share that the memory brings, at most one."""
        share = min(1.0, self.memory_mb / MB_PER_VCPU)
        return self.api.cpu_ms_per_call / share / RELATIVE_SPEED[self.architecture]

    @property
    def waiting_ms(self) -> float:
        """Time an API call waits for others while its environment is billed, the database included."""
        accesses = self.database.reads_per_call + self.database.writes_per_call
        return self.api.wait_ms_per_call + accesses * DATABASE_ROUND_TRIP_MS

    @property
    def duration_s(self) -> float:
        """Mean time an API call keeps an environment busy once it is warm."""
        return (self.waiting_ms + self.cpu_ms) / 1000.0

    @property
    def rendering_memory_mb(self) -> int:
        needed = math.ceil(self.rendering.memory_gb_per_job * MB_PER_GB)
        return min(MOST_MEMORY_MB, max(LEAST_MEMORY_MB, needed))

    @property
    def rendering_duration_s(self) -> float:
        """Mean time of a rendering job, which uses every vCPU its memory brings."""
        vcpus = self.rendering_memory_mb / MB_PER_VCPU
        return self.rendering.cpu_s_per_job / vcpus / RELATIVE_SPEED[self.architecture]

    @property
    def init(self) -> InitTime:
        """Time to start an environment with the shop's own code and libraries."""
        hello_world = INIT_TIMES[self.architecture][self.api.lambda_runtime]
        return hello_world.scaled(self.api.lambda_init_scale)

    def simulate(self, demand: Demand) -> Capacity:
        """Run both functions through the demand. Latency is of an API call without its database work."""
        run = self._run(demand)
        rendering = self._rendering_environments(demand)
        requests = demand.api_requests
        environments = read_only(np.maximum(run.environments, self.provisioned_concurrency) + rendering)
        answered = float((requests - run.throttled_requests).sum())
        latency = NO_LATENCY
        if answered > 0:
            latency = cold_start_latency(
                self.api.wait_ms_per_call, self.cpu_ms, float(run.cold_starts.sum()) / answered, self.init
            )
        return Capacity(
            servers=environments,
            utilisation=read_only(np.minimum(1.0, environments / self.concurrency_quota)),
            requests=requests,
            failed_requests=run.throttled_requests,
            latency=latency,
            saturation_requests_per_s=self._saturation_requests_per_s(demand),
            limits=self._limits(demand, float(rendering.max())),
            peak_connections=float(
                max(self.provisioned_concurrency, math.ceil(float(run.environments.max())))
            ),
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Requests and GB-seconds of both functions, and provisioned concurrency where there is any.

        Every duration is rounded up to a millisecond and every initialisation is billed. Requests
        that are throttled are not billed. What runs on provisioned concurrency has its own rate,
        without tiers and without a free allowance.

        Source: AWS Lambda pricing (2025-12); AWS Compute Blog, billing for the INIT phase (2025-04).
        """
        run = self._run(demand)
        calendar = demand.calendar
        memory_gb = self.memory_mb / MB_PER_GB
        call_ms = billed_ms(self.waiting_ms, self.cpu_ms)
        init_ms = billed_init_ms(self.init)
        answered = capacity.requests - capacity.failed_requests
        provisioned_calls = answered * run.provisioned_ratio
        on_demand_ms = (answered - provisioned_calls) * call_ms + run.cold_starts * init_ms
        jobs = calendar.per_day(demand.render_jobs)
        job_gb_s = self.rendering_memory_mb / MB_PER_GB * self._billed_job_s(demand)
        usages = (
            self._usage(
                "Requests", "Request", "Requests", demand, calendar.per_day(answered), "API calls answered"
            )
            + self._usage(
                "Duration",
                "Lambda-GB-Second",
                "GB-Seconds",
                demand,
                calendar.per_day(on_demand_ms) / 1000.0 * memory_gb,
                f"(calls x {call_ms:.3f} ms + cold starts x {init_ms:.3f} ms) x {memory_gb:g} GB",
            )
            + self._usage(
                "Requests", "Request", "Requests", demand, jobs, "rendering jobs", resource_name="rendering"
            )
            + self._usage(
                "Duration",
                "Lambda-GB-Second",
                "GB-Seconds",
                demand,
                jobs * job_gb_s,
                f"rendering jobs x {job_gb_s:.3f} GB-s",
                resource_name="rendering",
            )
        )
        if not self.provisioned_concurrency:
            return usages
        seconds_per_day = HOURS_PER_DAY * MINUTES_PER_HOUR * SECONDS_PER_MINUTE
        reserved_gb_s = self.provisioned_concurrency * memory_gb * provisioned_billed_s(seconds_per_day)
        return (
            usages
            + self._usage(
                "Provisioned concurrency",
                "Lambda-Provisioned-Concurrency",
                "GB-Seconds",
                demand,
                np.full(calendar.days, reserved_gb_s),
                f"{self.provisioned_concurrency} environments x {memory_gb:g} GB x every second of the month",
            )
            + self._usage(
                "Duration on provisioned concurrency",
                "Lambda-Provisioned-GB-Second",
                "GB-Seconds",
                demand,
                calendar.per_day(provisioned_calls) * call_ms / 1000.0 * memory_gb,
                f"calls on provisioned environments x {call_ms:.3f} ms x {memory_gb:g} GB",
            )
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """What the functions leave to other services: log lines, calls to other companies, alarms.

        The functions join the network only beside a database that stands in it; then their calls to
        other companies pass NAT gateways.
        """
        calls = demand.daily(capacity.requests - capacity.failed_requests)
        invocations = calls + demand.daily(demand.render_jobs)
        database_kb_per_call = (
            self.database.reads_per_call * self.database.read_item_kb
            + self.database.writes_per_call * self.database.write_item_kb
        )
        external_gb = calls * self.api.external_kb_per_call / KB_PER_GB
        return replace(
            Footprint.none(demand.days),
            vended_log_gb=invocations * self.api.log_kb_per_call / KB_PER_GB,
            outside_gb=external_gb,
            internet_egress_gb=external_gb * SENT_RATIO,
            database_gb=calls * database_kb_per_call / KB_PER_GB,
            alarms=ALARMS,
        )

    @lru_cache(maxsize=2)  # noqa: B019 - simulate and usage ask for the same run, one after the other
    def _run(self, demand: Demand) -> ConcurrencyRun:
        left = np.maximum(1.0, self.concurrency_quota - self._rendering_environments(demand))
        return run_concurrency(
            demand.api_requests,
            self.duration_s,
            left,
            provisioned=self.provisioned_concurrency,
            requests_per_s_limit=self.concurrency_quota * REQUESTS_PER_S_PER_CONCURRENCY,
        )

    def _rendering_environments(self, demand: Demand) -> FloatArray:
        """Environments that render at the busiest moment of each minute, shape (minutes,)."""
        return busiest_moment(demand.render_jobs / SECONDS_PER_MINUTE * self.rendering_duration_s)

    def _billed_job_s(self, demand: Demand) -> float:
        """Mean billed time of a rendering job; jobs start cold as often as at their mean rate."""
        rate_per_s = float(demand.render_jobs.mean()) / SECONDS_PER_MINUTE
        cold_ratio = cold_start_ratio(rate_per_s, self.rendering_duration_s) if rate_per_s > 0 else 0.0
        return (
            billed_ms(0.0, self.rendering_duration_s * 1000.0) + cold_ratio * billed_init_ms(self.init)
        ) / 1000.0

    def _saturation_requests_per_s(self, demand: Demand) -> float:
        calls = float(demand.api_requests.sum())
        jobs_per_call = float(demand.render_jobs.sum()) / calls if calls > 0 else 0.0
        busy_s_per_call = self.duration_s + jobs_per_call * self.rendering_duration_s
        return self.concurrency_quota * min(1.0 / busy_s_per_call, REQUESTS_PER_S_PER_CONCURRENCY)

    def _limits(self, demand: Demand, peak_rendering: float) -> tuple[Limit, ...]:
        fan_out = demand.fan_out
        body_mb = max(fan_out.api_request_bytes, fan_out.api_response_bytes) / BYTES_PER_MB
        return (
            Limit("body between load balancer and function", body_mb, LARGEST_BODY_MB, "MB"),
            Limit("time of an API call", self.duration_s, min(LONGEST_RUN_S, self.api.timeout_s), "s"),
            Limit("time of a rendering job", self.rendering_duration_s, LONGEST_RUN_S, "s"),
            Limit("concurrency of rendering", peak_rendering, float(self.concurrency_quota), "environments"),
        )

    def _usage(
        self,
        name: str,
        usage_type: str,
        unit: str,
        demand: Demand,
        daily_quantity: FloatArray,
        formula: str,
        *,
        resource_name: str = "api",
    ) -> tuple[Usage, ...]:
        suffix = "-ARM" if self.architecture == "arm64" else ""
        query = PriceQuery(SERVICE_CODE, self.region_id, usage_type + suffix)
        meter = Meter(f"{name} {self.architecture}", SERVICE_NAME, SERVICE_CATEGORY, unit, query)
        return meter_usage(meter, resource_name, demand.calendar, daily_quantity, formula)

    def _function_attributes(self, memory_mb: int, timeout_s: float) -> tuple[TerraformAttribute, ...]:
        runtime = self.api.lambda_runtime
        known = sorted({TERRAFORM_RUNTIMES.get(name, name) for name in INIT_TIMES[self.architecture]})
        return (
            between("memory_size", memory_mb, LEAST_MEMORY_MB, MOST_MEMORY_MB),
            between("timeout", max(1, math.ceil(timeout_s)), 1, LONGEST_RUN_S),
            one_of("runtime", TERRAFORM_RUNTIMES.get(runtime, runtime), tuple(known)),
            TerraformAttribute(
                "architectures",
                "list(string)",
                (self.architecture,),
                'length({value}) == 1 && alltrue([for name in {value} : contains(["x86_64", "arm64"], name)])',
                "must be a list of one of x86_64, arm64",
            ),
        )


def provisioned_billed_s(enabled_s: float) -> int:
    """Seconds billed for provisioned concurrency that was on for `enabled_s`: every step begun is paid.

    Source: see `PROVISIONED_STEP_S`.
    """
    return math.ceil(enabled_s / PROVISIONED_STEP_S) * PROVISIONED_STEP_S


def designs(scenario: Scenario, demand: Demand) -> tuple[LambdaFunction, ...]:
    """Memory sizes x architectures, each on demand and with provisioned concurrency.

    Provisioned concurrency holds the busiest moment of the median minute: half of the time all
    calls are warm, the rest spills over to on-demand environments.
    """
    if "lambda" not in scenario.constraints.compute:
        return ()
    quota = scenario.account.lambda_concurrency
    found = []
    for memory_mb in MEMORY_MB:
        for architecture in RELATIVE_SPEED:
            on_demand = LambdaFunction(
                region_id=scenario.region,
                memory_mb=memory_mb,
                architecture=architecture,
                provisioned_concurrency=0,
                concurrency_quota=quota,
                zones=scenario.network.availability_zones,
                api=scenario.api,
                rendering=scenario.rendering,
                database=scenario.database,
            )
            found.append(on_demand)
            median_erlangs = np.median(demand.api_requests) / SECONDS_PER_MINUTE * on_demand.duration_s
            wanted = math.ceil(float(busiest_moment(np.asarray(median_erlangs))))
            provisioned = min(wanted, quota - UNRESERVABLE_CONCURRENCY)
            if provisioned > 0:
                found.append(replace(on_demand, provisioned_concurrency=provisioned))
    return tuple(found)


PRICES = (
    PriceNeed(
        SERVICE_CODE,
        (
            r"Request(-ARM)?",
            r"Lambda-(GB-Second|Provisioned-Concurrency|Provisioned-GB-Second|Storage-GB-Second)(-ARM)?",
        ),
    ),
)
"""Source: AWSLambda offer, usage types as of 2026-10-01."""

SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.COMPUTE, designs, PRICES)
