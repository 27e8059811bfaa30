"""AWS Lambda: a function answers API calls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

import numpy as np

from costmodel.capacity.api_work import waiting_ms
from costmodel.capacity.cold_starts import (
    INIT_TIMES,
    InitTime,
    billed_init_ms,
    billed_ms,
    cold_start_latency,
)
from costmodel.capacity.concurrency import (
    UNRESERVABLE_CONCURRENCY,
    ConcurrencyLimits,
    ConcurrencyRun,
    busiest_moment,
    rendering_concurrency,
    run_concurrency,
)
from costmodel.capacity.energy import Energy, servers
from costmodel.capacity.function_size import (
    LEAST_MEMORY_MB,
    LONGEST_RUN_S,
    MOST_MEMORY_MB,
    RELATIVE_SPEED,
    Architecture,
    check_memory,
    usable_vcpus,
    vcpus,
)
from costmodel.capacity.payload import Way, body_limit
from costmodel.capacity.provisioned_concurrency import (
    RECOMMENDED_TARGET_RATIO,
    ProvisionedRun,
    ProvisionedScaling,
    follow_utilisation,
    hold_provisioned,
)
from costmodel.capacity.queueing import unqueued_latency
from costmodel.capacity.result import NO_LATENCY, Capacity, Limit
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.memory import remembered
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.estimate import lowest
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import Api, Database, Scenario
from costmodel.scenario.resources import Functions
from costmodel.services import needs
from costmodel.services._base import (
    SENT_RATIO,
    TRACKING_ALARMS,
    Footprint,
    Least,
    Meter,
    Metered,
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
    beyond,
    flag,
    function_attributes,
    meter_usage,
)
from costmodel.units import (
    BYTES_PER_GB,
    BYTES_PER_KB,
    BYTES_PER_MB,
    MB_PER_GB,
    MINUTES_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
    plain,
    to_nine_decimals,
)

SERVICE_NAME = "AWS Lambda"
SERVICE_CODE = "AWSLambda"
SERVICE_CATEGORY = "Compute"

SECONDS_PER_HOUR = SECONDS_PER_MINUTE * MINUTES_PER_HOUR
KB_PER_GB = BYTES_PER_GB / BYTES_PER_KB
KB_PER_MB = BYTES_PER_MB / BYTES_PER_KB
FREE_STORAGE_MB = 512
MOST_STORAGE_MB = 10_240
"""Ephemeral storage of an environment that costs nothing, and the most it may have.

Source: AWS Lambda pricing (2025-12); AWS Lambda Developer Guide, configuring ephemeral storage (2023-10).
"""
FREE_RESPONSE_MB = 6
"""MB of every streamed response that cost nothing. Source: AWS Lambda pricing, response streaming (2025-12)."""
MOST_RESPONSE_MB = 200
"""Most MB of a streamed response. Source: AWS News, AWS Lambda response streaming supports 200 MB (2025-07)."""
QUOTAS_SOURCE = "AWS Lambda Developer Guide, quotas, 2023-10"
LONGEST_INIT_MS = 10_000
"""A start on demand that takes longer is begun anew within the call, whose duration then holds it.

Source: AWS Lambda Developer Guide, execution environment lifecycle, Init phase (2023-10).
"""
INIT_BILLED_FROM = "2025-08"
"""Month from which the INIT phase is billed for all functions; before, for container images and custom runtimes.

Source: AWS Compute Blog, AWS Lambda standardizes billing for the INIT phase (2025-04): from 2025-08-01 on.
"""
ALARMS = 2
"""Errors and throttles. Source: AWS Lambda Developer Guide, working with function metrics (2023-10)."""
SNAP_START_RUNTIMES = {"java21": "free", "python3.13": "billed", "dotnet8": "billed"}
"""Runtimes that can start from a snapshot, and whether keeping and restoring it is billed.

Source: AWS Lambda Developer Guide, Lambda SnapStart (2025-07): Java 11, Python 3.12, .NET 8 and later.
"""
RESTORE = InitTime(500.0, 570.0)
"""Time to restore a snapshot, which takes the place of the start.

Source: REPORT lines of seven restores in public logs (2023-06 to 2026), 326 to 565 ms; a small sample.
"""
BILLED_RESTORE = InitTime(135.0, 303.0)
"""Part of a restore that is billed as duration: loading the runtime and its hooks.

Source: AWS Lambda Developer Guide, monitoring SnapStart (2025-07), "Billed Restore Duration"; the same
public logs, 26 to 303 ms. Shares of a restore that AWS does not document.
"""


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """API calls on one function.

    The function is attached to private subnets, to reach a relational database; so calls to
    other companies pass NAT gateways. One environment handles one request at a time.
    """

    region_id: str
    memory_mb: int
    architecture: Architecture
    provisioned_concurrency: int
    """API environments kept ready all the time; 0 for none."""
    concurrency_quota: int
    """Concurrent executions the account may have in the region, less those kept for rendering."""
    zones: int
    api: Api
    database: Database
    provisioned_scaling: ProvisionedScaling | None = None
    """Provisioned concurrency that follows its utilisation, instead of a fixed number."""
    reserved_concurrency: int = 0
    """Concurrency kept for API calls, which is also the most they may use; 0 for none."""
    snap_start: bool = False
    """API environments start from a snapshot."""

    def __post_init__(self) -> None:
        """Raises ValueError for a function that AWS would not create."""
        check_memory(self.memory_mb)
        if self.provisioned_concurrency and self.provisioned_scaling:
            raise ValueError("provisioned concurrency is either a fixed number or follows its utilisation")
        self.concurrency_limits.check_provisioned(self.most_provisioned)
        if self.snap_start:
            self._check_snap_start()

    @property
    def concurrency_limits(self) -> ConcurrencyLimits:
        """What the account allows API calls."""
        return ConcurrencyLimits(self.concurrency_quota, self.reserved_concurrency)

    @property
    def most_provisioned(self) -> int:
        """Provisioned concurrency at its largest."""
        return self.provisioned_scaling.maximum if self.provisioned_scaling else self.provisioned_concurrency

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
        if scaling := self.provisioned_scaling:
            provisioned = (
                f", {scaling.minimum} to {scaling.maximum} provisioned at {scaling.target_ratio:.0%} use"
            )
        snap_start = ", SnapStart" if self.snap_start else ""
        return f"Lambda {self.memory_mb} MB {self.architecture}{provisioned}{snap_start}"

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
        return replace(self, api=scenario.api, database=scenario.database)

    def settings(self) -> Mapping[str, Setting]:
        return {
            "memory_mb": self.memory_mb,
            "architecture": self.architecture,
            "provisioned_concurrency": self.provisioned_concurrency,
            "reserved_concurrency": self.reserved_concurrency,
            "runtime": self.api.lambda_runtime,
            "availability_zones": self.zones,
        } | self._settings_of_extras()

    def terraform(self) -> tuple[TerraformVariable, ...]:
        scaling = self.provisioned_scaling
        provisioned = (scaling.minimum if scaling else self.provisioned_concurrency) or -1
        return (
            TerraformVariable(
                "lambda",
                "Function that answers API calls",
                (
                    *function_attributes(
                        memory_mb=self.memory_mb,
                        architecture=self.architecture,
                        runtime=self.api.lambda_runtime,
                        runtimes=INIT_TIMES[self.architecture],
                        timeout_s=self.api.timeout_s,
                    ),
                    also(
                        between("provisioned_concurrent_executions", provisioned, -1, self.concurrency_quota),
                        "{value} != 0",
                        "not be 0: -1 stands for none",
                    ),
                    *self._terraform_of_extras(),
                ),
            ),
            *self._terraform_of_scaling(),
        )

    @property
    def cpu_ms(self) -> float:
        """Mean CPU part of an API call: one thread on the vCPU share that the memory brings, at most one."""
        share = usable_vcpus(self.memory_mb, threads=1)
        return self.api.cpu_ms_per_call / share / RELATIVE_SPEED[self.architecture]

    @property
    def waiting_ms(self) -> float:
        """Time an API call waits for others while its environment is billed, the database included."""
        return waiting_ms(self.api, self.database)

    @property
    def duration_s(self) -> float:
        """Mean time an API call keeps an environment busy once it is warm."""
        return (self.waiting_ms + self.cpu_ms) / 1000.0

    @property
    def start(self) -> InitTime:
        """Time an API call waits for a new environment: its initialisation, or the restore of a snapshot."""
        return RESTORE if self.snap_start else self.init

    @property
    def billed_start_ms(self) -> float:
        """What a new environment adds on average to the billed duration of the call that waits for it."""
        billed = BILLED_RESTORE if self.snap_start else self.init
        return billed_init_ms(self.waiting_ms, self.cpu_ms, billed)

    @property
    def init(self) -> InitTime:
        """Time to initialise an environment with the shop's own code and libraries."""
        hello_world = INIT_TIMES[self.architecture][self.api.lambda_runtime]
        return hello_world.scaled(self.api.lambda_init_scale)

    def simulate(self, demand: Demand) -> Capacity:
        """Run the function through the demand. Latency is of an API call without its database work."""
        run = self._run(demand)
        requests = demand.api_requests
        provisioned = self._provisioned(demand).configured
        environments = read_only(np.maximum(run.environments, provisioned))
        answered = float((requests - run.throttled_requests).sum())
        latency = NO_LATENCY
        if answered > 0:
            latency = cold_start_latency(
                self.api.wait_ms_per_call, self.cpu_ms, float(run.cold_starts.sum()) / answered, self.start
            )
        return Capacity(
            servers=environments,
            utilisation=read_only(np.minimum(1.0, environments / self.concurrency_quota)),
            requests=requests,
            failed_requests=run.throttled_requests,
            latency=latency,
            remedy="account.lambda_concurrency (AWS quota: Lambda concurrent executions)",
            saturation_requests_per_s=self._saturation_requests_per_s(),
            limits=self._limits(demand),
            call_slots=float(self.concurrency_quota),
            peak_connections=float(max(provisioned.max(), math.ceil(float(run.environments.max())))),
        )

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """Functions that wait cost nothing, so a standby is the same functions with nothing provisioned."""
        there = replace(self, region_id=other_region_id)
        if strategy is Strategy.WARM_STANDBY:
            idle = replace(there, provisioned_concurrency=0, provisioned_scaling=None)
            return (Share(self, 1.0), Share(idle, 0.0))
        if strategy is Strategy.ACTIVE_ACTIVE:
            return (Share(self, 0.5), Share(there, 0.5))
        return (Share(self, 1.0),)

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Requests and GB-seconds, and provisioned concurrency where there is any.

        Every initialisation is billed with the call that waits for it, and the sum is rounded up to
        a millisecond. Requests that are throttled are not billed. What runs on provisioned
        concurrency has its own rate, without tiers and without a free allowance; environments that
        are provisioned while the run goes on bill their initialisation at that rate.

        Source: AWS Lambda pricing (2025-12); AWS Compute Blog, billing for the INIT phase (2025-04).
        """
        run = self._run(demand)
        calendar = demand.calendar
        memory_gb = self.memory_mb / MB_PER_GB
        call_ms = self._call_ms
        answered = capacity.requests - capacity.failed_requests
        provisioned_calls = answered * run.provisioned_ratio
        on_demand_ms = (answered - provisioned_calls) * call_ms + run.cold_starts * self.billed_start_ms
        usages = self._called(demand, answered, on_demand_ms)
        if self.snap_start:
            usages += self._snapshot_usage(demand, run)
        if not self.most_provisioned:
            return usages
        provisioned = self._provisioned(demand)
        provisioned_ms = provisioned_calls * call_ms + provisioned.started * (self.init.mean_ms + 0.5)
        return (
            usages
            + self._usage(
                "Provisioned concurrency",
                "Lambda-Provisioned-Concurrency",
                "GB-Seconds",
                demand,
                calendar.per_hour(provisioned.billed_s) * memory_gb,
                self._provisioned_formula(memory_gb),
            )
            + self._usage(
                "Duration on provisioned concurrency",
                "Lambda-Provisioned-GB-Second",
                "GB-Seconds",
                demand,
                calendar.per_hour(provisioned_ms) / 1000.0 * memory_gb,
                f"calls on provisioned environments x {call_ms:.3f} ms x {memory_gb:g} GB",
            )
        )

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """The vCPUs that the memory brings, while they are billed. An environment that waits for calls unbilled
        is taken to draw nothing, as in Cloud Carbon Footprint.
        """
        run = self._run(demand)
        answered = capacity.requests - capacity.failed_requests
        starts_s = run.cold_starts * self.billed_start_ms / 1000.0
        called_s = answered * (1.0 - run.provisioned_ratio) * self._call_ms / 1000.0
        held_s = float((called_s + starts_s + self._provisioned(demand).billed_s).sum())
        starting_s = float(starts_s.sum()) * vcpus(self.memory_mb)
        return self._drawn(held_s, self._work_s(answered) + starting_s)

    def _work_s(self, answered: FloatArray) -> float:
        """vCPU-seconds of work in so many calls of each minute, shape (minutes,)."""
        return float(answered.sum()) * self.api.cpu_ms_per_call / 1000.0 / RELATIVE_SPEED[self.architecture]

    def _drawn(self, held_s: float, busy_vcpu_s: float) -> Energy:
        """Of environments held so long, in seconds of one."""
        share = vcpus(self.memory_mb)
        return servers(
            self.region_id,
            f"lambda-{self.architecture}",
            vcpu_hours=held_s * share / SECONDS_PER_HOUR,
            busy_vcpu_hours=busy_vcpu_s / SECONDS_PER_HOUR,
            memory_gb_per_vcpu=self.memory_mb / MB_PER_GB / share,
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """What the function leaves to other services: log lines, calls to other companies, alarms.

        The function joins the network only beside a database that stands in it; then its calls to
        other companies pass NAT gateways.
        """
        return self._left(demand, capacity.requests - capacity.failed_requests)

    def warm(self, demand: Demand, lost_calls: float) -> Least:
        """What a function on demand comes to at least, as long as no more than so many of its calls fail.

        No call waits for a start, and no start is billed. When the lost calls came is unknown: they are taken
        off every billing period once.
        """
        answered = demand.api_requests.copy()
        for _, days in demand.calendar.day_slices:
            period = slice(days.start * MINUTES_PER_DAY, days.stop * MINUTES_PER_DAY)
            calls = float(answered[period].sum())
            answered[period] *= max(0.0, 1.0 - lost_calls / calls) if calls > 0 else 0.0
        return Least(
            self._called(demand, answered, answered * self._call_ms),
            self._left(demand, answered),
            unqueued_latency(demand.total_api_requests, self.cpu_ms, fixed_ms=self.api.wait_ms_per_call),
            self._drawn(float(answered.sum()) * self._call_ms / 1000.0, self._work_s(answered)),
        )

    @property
    def _call_ms(self) -> float:
        """Mean billed duration of a warm call."""
        return billed_ms(self.waiting_ms, self.cpu_ms)

    def _called(self, demand: Demand, answered: FloatArray, on_demand_ms: FloatArray) -> tuple[Usage, ...]:
        """Requests and duration on demand, from calls and milliseconds of each minute, shape (minutes,)."""
        calendar = demand.calendar
        memory_gb = self.memory_mb / MB_PER_GB
        return self._usage(
            "Requests", "Request", "Requests", demand, calendar.per_day(answered), "API calls answered"
        ) + self._usage(
            "Duration",
            "Lambda-GB-Second",
            "GB-Seconds",
            demand,
            calendar.per_hour(on_demand_ms) / 1000.0 * memory_gb,
            f"(calls x {self._call_ms:.3f} ms + cold starts x {self.billed_start_ms:.3f} ms) x {memory_gb:g} GB",
        )

    def _left(self, demand: Demand, answered: FloatArray) -> Footprint:
        calls = demand.daily(answered)
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
            alarms=ALARMS + (TRACKING_ALARMS if self.provisioned_scaling else 0),
        )

    @remembered
    def _run(self, demand: Demand) -> ConcurrencyRun:
        limits = self.concurrency_limits
        return run_concurrency(
            demand.api_requests,
            self.duration_s,
            limits.environments(np.zeros(demand.minutes)),
            provisioned=self._provisioned(demand).ready,
            requests_per_s_limit=limits.requests_per_s,
        )

    @remembered
    def _provisioned(self, demand: Demand) -> ProvisionedRun:
        """What is provisioned in each minute: a policy's doing, or the fixed number all the time."""
        if self.provisioned_scaling:
            erlangs = demand.api_requests / SECONDS_PER_MINUTE * self.duration_s
            limit = float(self.concurrency_limits.reserved or self.concurrency_quota)
            return follow_utilisation(np.minimum(erlangs, limit), self.provisioned_scaling)
        return hold_provisioned(self.provisioned_concurrency, demand.api_requests.size)

    def _saturation_requests_per_s(self) -> float:
        limits = self.concurrency_limits
        return min((limits.reserved or limits.account_quota) / self.duration_s, limits.requests_per_s)

    def _limits(self, demand: Demand) -> tuple[Limit, ...]:
        fan_out = demand.fan_out
        body_mb = max(fan_out.api_request_bytes, fan_out.api_response_bytes) / BYTES_PER_MB
        return (
            body_limit(Way.LOAD_BALANCER, body_mb),
            Limit("time of an API call", self.duration_s, min(LONGEST_RUN_S, self.api.timeout_s), "s"),
        )

    def _usage(
        self,
        name: str,
        usage_type: str,
        unit: str,
        demand: Demand,
        quantity: FloatArray,
        formula: str,
        *,
        resource_name: str = "api",
    ) -> tuple[Usage, ...]:
        suffix = "-ARM" if self.architecture == "arm64" else ""
        query = PriceQuery(SERVICE_CODE, self.region_id, usage_type + suffix)
        meter = Meter(f"{name} {self.architecture}", SERVICE_NAME, SERVICE_CATEGORY, unit, query)
        return meter_usage(meter, resource_name, demand.calendar, quantity, formula)

    def _provisioned_formula(self, memory_gb: float) -> str:
        if self.provisioned_scaling:
            return f"environments asked for, minute by minute in steps of 5 minutes, x {memory_gb:g} GB"
        return f"{self.provisioned_concurrency} environments x {memory_gb:g} GB x every second of the month"

    def _snapshot_usage(self, demand: Demand, run: ConcurrencyRun) -> tuple[Usage, ...]:
        """Snapshot kept all the time and restored at every start; nothing for Java.

        Source: AWS Lambda pricing, SnapStart (2025-12); usage types as in public bills (2026).
        """
        if SNAP_START_RUNTIMES[self.api.lambda_runtime] == "free":
            return ()
        memory_gb = self.memory_mb / MB_PER_GB
        kept_gb_s = np.full(demand.calendar.days, memory_gb * MINUTES_PER_DAY * SECONDS_PER_MINUTE)
        restored_gb = demand.calendar.per_day(run.cold_starts) * memory_gb
        return self._usage(
            "Snapshot kept",
            "Lambda-SnapStart-Cached-GB-S",
            "GB-Seconds",
            demand,
            kept_gb_s,
            f"one published version x {memory_gb:g} GB x every second of the month",
        ) + self._usage(
            "Snapshot restored",
            "Lambda-SnapStart-Restored-GB",
            "GB",
            demand,
            restored_gb,
            f"cold starts x {memory_gb:g} GB",
        )

    def _check_snap_start(self) -> None:
        guide = "(AWS Lambda Developer Guide, Lambda SnapStart, 2025-07)"
        if self.api.lambda_runtime not in SNAP_START_RUNTIMES:
            known = ", ".join(SNAP_START_RUNTIMES)
            raise ValueError(f"SnapStart needs one of {known}, not {self.api.lambda_runtime} {guide}")
        if self.most_provisioned:
            raise ValueError(f"SnapStart and provisioned concurrency exclude each other {guide}")

    def _settings_of_extras(self) -> dict[str, Setting]:
        extras: dict[str, Setting] = {}
        if scaling := self.provisioned_scaling:
            extras |= {
                "provisioned_minimum": scaling.minimum,
                "provisioned_maximum": scaling.maximum,
                "provisioned_target_ratio": scaling.target_ratio,
            }
        if self.snap_start:
            extras["snap_start"] = True
        return extras

    def _terraform_of_extras(self) -> tuple[TerraformAttribute, ...]:
        extras: tuple[TerraformAttribute, ...] = ()
        if reserved := self.reserved_concurrency:
            most = self.concurrency_quota - UNRESERVABLE_CONCURRENCY
            extras += (between("reserved_concurrent_executions", reserved, -1, most),)
        if self.snap_start:
            extras += (flag("snap_start", True),)
        return extras

    def _terraform_of_scaling(self) -> tuple[TerraformVariable, ...]:
        """Arguments of `aws_appautoscaling_target` and its target-tracking policy; nothing without a policy."""
        scaling = self.provisioned_scaling
        if scaling is None:
            return ()
        name = "lambda_provisioned_scaling"
        most = self.concurrency_limits.reserved or self.concurrency_quota - UNRESERVABLE_CONCURRENCY
        attributes = (
            between("min_capacity", scaling.minimum, 1, most),
            between("max_capacity", scaling.maximum, 1, most, at_least=f"var.{name}.min_capacity"),
            between("target_value", scaling.target_ratio, 0.1, 0.9, step=0),
        )
        return (TerraformVariable(name, "Auto scaling of the provisioned concurrency", attributes),)


def function_limits(functions: Functions) -> tuple[Rule, ...]:
    """What functions of a usage file state beyond Lambda's quotas."""
    most_ms = int(LONGEST_RUN_S * 1000)
    return (
        *beyond("duration_ms", functions.duration_ms, None, most_ms, "ms", QUOTAS_SOURCE),
        *beyond(
            "init_ms",
            functions.init_ms or Decimal(0),
            None,
            LONGEST_INIT_MS,
            "ms",
            "AWS Lambda Developer Guide, execution environment lifecycle, 2023-10",
        ),
        *beyond("memory_mb", functions.memory_mb, LEAST_MEMORY_MB, MOST_MEMORY_MB, "MB", QUOTAS_SOURCE),
        *beyond(
            "ephemeral_mb",
            functions.ephemeral_mb,
            FREE_STORAGE_MB,
            MOST_STORAGE_MB,
            "MB",
            "AWS Lambda Developer Guide, configuring ephemeral storage, 2023-10",
        ),
        *beyond(
            "response_mb",
            functions.response_mb,
            0,
            MOST_RESPONSE_MB,
            "MB",
            "AWS Lambda Developer Guide, response streaming, 2025-07",
        ),
    )


def metered_functions(functions: Functions) -> list[Metered]:
    """Requests and GB-seconds of calls, and their storage and streamed responses beyond what is free.

    Source: AWS Lambda pricing, duration is rounded up to the nearest 1 ms (2025-12).
    """
    ran_s, ran = _billed_s(functions)
    suffix = "-ARM" if functions.architecture == "arm64" else ""
    return [
        _metered(functions, f"Request{suffix}", "Requests", functions.invocations, "one for each call"),
        _metered(
            functions,
            f"Lambda-GB-Second{suffix}",
            "GB-Seconds",
            to_nine_decimals(functions.memory_mb / MB_PER_GB * ran_s),
            f"{ran} x {plain(functions.memory_mb)} MB / {MB_PER_GB:,}",
        ),
        *_metered_storage(functions, f"Lambda-Storage-GB-Second{suffix}", ran_s, ran),
        *_metered_responses(functions),
    ]


def _billed_s(functions: Functions) -> tuple[Decimal, str]:
    """Seconds of all calls, and how they come about. Start and call are added first and rounded up once.

    Source: see `capacity.cold_starts.billed_init_ms`.
    """
    call_ms = functions.duration_ms.to_integral_value(ROUND_CEILING)
    warm = f"{plain(functions.invocations)} x {plain(call_ms)} ms"
    if not functions.cold_starts or functions.init_ms is None:
        return functions.invocations * call_ms / 1000, f"{warm} / 1,000"
    more_ms = (functions.duration_ms + functions.init_ms).to_integral_value(ROUND_CEILING) - call_ms
    cold = f"{plain(functions.cold_starts)} x {plain(more_ms)} ms of INIT"
    ran_ms = functions.invocations * call_ms + functions.cold_starts * more_ms
    return ran_ms / 1000, f"({warm} + {cold}) / 1,000"


def start_note(functions: Functions, period: str) -> str:
    """What functions leave unsaid of cold starts, or say of a month (YYYY-MM) in which not all were billed."""
    if functions.cold_starts is None and period >= INIT_BILLED_FROM:
        return (
            f"AWS bills the INIT phase of every cold start since {INIT_BILLED_FROM}-01, and nothing here says how many there "
            "were. Add `cold_starts` and `init_ms`, or `cold_starts: 0` where there were none."
        )
    if functions.cold_starts and period < INIT_BILLED_FROM:
        return (
            f"before {INIT_BILLED_FROM}-01 AWS billed the INIT phase of container images and custom runtimes alone. Leave out "
            "`cold_starts` and `init_ms` where the functions were others."
        )
    return ""


def _metered_storage(functions: Functions, usage_type: str, ran_s: Decimal, ran: str) -> Iterator[Metered]:
    """GB-seconds of the ephemeral storage that exceeds 512 MB. Source: see `FREE_STORAGE_MB`."""
    if functions.ephemeral_mb > FREE_STORAGE_MB:
        gb_s = to_nine_decimals((functions.ephemeral_mb - FREE_STORAGE_MB) / MB_PER_GB * ran_s)
        words = f"{ran} x ({plain(functions.ephemeral_mb)} - {FREE_STORAGE_MB} free) MB / {MB_PER_GB:,}"
        yield _metered(functions, usage_type, "GB-Seconds", gb_s, words)


def _metered_responses(functions: Functions) -> Iterator[Metered]:
    """GB of what exceeds 6 MB in each streamed response. Source: see `FREE_RESPONSE_MB`."""
    if functions.response_mb > FREE_RESPONSE_MB:
        charged_mb = functions.response_mb - FREE_RESPONSE_MB
        gb = to_nine_decimals(functions.invocations * charged_mb / MB_PER_GB)
        size = f"({plain(functions.response_mb)} - {FREE_RESPONSE_MB} free) MB / {MB_PER_GB:,}"
        usage_type = "response-streaming-bytes-beyond-6-mb-per-request"
        yield _metered(functions, usage_type, "GB", gb, f"{plain(functions.invocations)} x {size}")


def _metered(functions: Functions, usage_type: str, unit: str, quantity: Decimal, formula: str) -> Metered:
    query = PriceQuery(SERVICE_CODE, functions.region, usage_type)
    return Metered(Meter(usage_type, SERVICE_NAME, SERVICE_CATEGORY, unit, query), quantity, formula)


def body_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule for each body that is too large for functions behind a load balancer, where nothing else may run."""
    if not set(scenario.constraints.compute) <= {"lambda", "hybrid"}:
        return []
    most_kb = Way.LOAD_BALANCER.largest_mb * KB_PER_MB
    problem = (
        f"must be at most {most_kb:,.0f} KB where compute is {' or '.join(scenario.constraints.compute)} only "
        "(Application Load Balancer User Guide, Lambda functions as targets, 2023-06)"
    )
    sizes = {"request_kb": scenario.api.request_kb, "response_kb": scenario.api.response_kb}
    return [Rule(("api", key), problem, float(kb)) for key, kb in sizes.items() if lowest(kb) > most_kb]


def designs(scenario: Scenario, demand: Demand) -> tuple[LambdaFunction, ...]:
    """Memory sizes x architectures, each on demand, with provisioned concurrency, and with SnapStart where it is free.

    Provisioned concurrency holds the busiest moment of the median minute: half of the time all
    calls are warm, the rest spills over to on-demand environments. Or it follows its use, up to what
    the busiest minute needs at the target.
    """
    if "lambda" not in scenario.constraints.compute:
        return ()
    peak_per_s = float(demand.api_requests.max()) / SECONDS_PER_MINUTE
    found = []
    for on_demand in _on_demand(scenario, demand):
        most = on_demand.concurrency_quota - UNRESERVABLE_CONCURRENCY
        found.append(on_demand)
        median_erlangs = np.median(demand.api_requests) / SECONDS_PER_MINUTE * on_demand.duration_s
        wanted = math.ceil(float(busiest_moment(np.asarray(median_erlangs))))
        provisioned = min(wanted, most)
        if provisioned > 0:
            found.append(replace(on_demand, provisioned_concurrency=provisioned))
            busiest = math.ceil(peak_per_s * on_demand.duration_s / RECOMMENDED_TARGET_RATIO)
            scaling = ProvisionedScaling(1, min(max(1, busiest), most))
            found.append(replace(on_demand, provisioned_scaling=scaling))
        if SNAP_START_RUNTIMES.get(scenario.api.lambda_runtime) == "free":
            found.append(replace(on_demand, snap_start=True))
    return tuple(found)


def overflow_functions(scenario: Scenario, demand: Demand) -> tuple[LambdaFunction, ...]:
    """Functions on demand for what a fixed group of instances cannot take: of each architecture the one that bills
    the least GB-seconds a call, and the fastest.

    Nothing is provisioned: what comes seldom would pay for waiting. Engineering guess.
    """
    found = []
    for architecture in RELATIVE_SPEED:
        functions = [one for one in _on_demand(scenario, demand) if one.architecture == architecture]
        found.append(min(functions, key=lambda one: one.memory_mb * one.duration_s))
        found.append(min(functions, key=lambda one: one.duration_s))
    return tuple(dict.fromkeys(found))


def _on_demand(scenario: Scenario, demand: Demand) -> Iterator[LambdaFunction]:
    """Memory sizes x architectures, without anything provisioned."""
    quota = scenario.account.lambda_concurrency
    if demand.has_rendering and "lambda_workers" in scenario.constraints.rendering:
        quota -= rendering_concurrency(quota)
    for memory_mb in scenario.constraints.lambda_memory_mb:
        for architecture in RELATIVE_SPEED:
            yield LambdaFunction(
                region_id=scenario.region,
                memory_mb=memory_mb,
                architecture=architecture,
                provisioned_concurrency=0,
                concurrency_quota=quota,
                zones=scenario.network.availability_zones,
                api=scenario.api,
                database=scenario.database,
            )


SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.COMPUTE, designs, needs.LAMBDA)
