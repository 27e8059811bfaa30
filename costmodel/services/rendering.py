"""Rendering jobs: previews, thumbnails and other formats wait in an SQS queue for workers.

The API sends each job as one message; a worker receives it, reads the model from the asset bucket, renders,
puts the picture back and deletes the message. Workers are functions, EC2 instances on demand or EC2 spot
instances, with CPUs or a GPU. A job that is not done within its deadline is late; a design may be late
with one job in a hundred.

Quotas are checked tier by tier: rendering on EC2 is held against the account's vCPUs without the API's
fleet, and functions that render have a share of the account's concurrency to themselves
(`capacity.concurrency.rendering_concurrency`), which API calls then do not have.

Source: Amazon SQS Developer Guide, quotas, visibility timeout, long polling (2024); Amazon EC2 Auto Scaling
User Guide, scaling based on Amazon SQS (2023-06); AWS Lambda Developer Guide, scaling behavior for SQS
event source mappings (2024).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from costmodel.capacity.boot import start_minutes, warmup_s
from costmodel.capacity.cold_starts import INIT_TIMES, billed_init_ms, billed_ms, cold_start_ratio
from costmodel.capacity.concurrency import (
    LEAST_MAXIMUM_CONCURRENCY,
    MOST_MAXIMUM_CONCURRENCY,
    busiest_moment,
    rendering_concurrency,
)
from costmodel.capacity.disruptions import spot_reclaims
from costmodel.capacity.energy import (
    Energy,
    busy_server_hours,
    gpus,
    server_hours,
    servers,
    unmeasured,
    volumes,
)
from costmodel.capacity.function_size import (
    LEAST_MEMORY_MB,
    LONGEST_RUN_S,
    MOST_MEMORY_MB,
    RELATIVE_SPEED,
    Architecture,
    vcpus,
)
from costmodel.capacity.instances import InstanceType, ec2_types, instance_types, type_pattern
from costmodel.capacity.jobs import MOST_JOBS, MOST_WORKERS, REACTION_MINUTES, JobRun, WorkerGroup, run_jobs
from costmodel.capacity.result import NO_LATENCY, Capacity, Limit
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.memory import remembered
from costmodel.pricing.price import ON_DEMAND, SPOT, PriceQuery
from costmodel.scenario.estimate import lowest
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import Api, Rendering, Scenario
from costmodel.services import needs
from costmodel.services._base import (
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
    function_attributes,
    matching,
    meter_usage,
    one_of,
)
from costmodel.units import (
    BYTES_PER_GB,
    BYTES_PER_KB,
    MB_PER_GB,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
)

SERVICE_NAME = "Amazon Simple Queue Service"
SERVICE_CODE = "AWSQueueService"

SECONDS_PER_HOUR = SECONDS_PER_MINUTE * MINUTES_PER_HOUR
KB_PER_GB = BYTES_PER_GB / BYTES_PER_KB
LATE_RATIO = 0.01
"""Jobs that may miss their deadline. Engineering guess; see `rendering.deadline_minutes`."""

LONG_POLL_S = 20.0
"""Longest wait of one receive; an idle worker asks again after it. Source: Amazon SQS Developer Guide, long polling (2024)."""
LEAST_VISIBILITY_S = 60
LONGEST_VISIBILITY_S = 43_200
"""A message that is worked on stays hidden for at most 12 hours. Source: Amazon SQS Developer Guide, quotas (2024)."""
RETENTION_S = 1_209_600
"""Source: Amazon SQS Developer Guide, quotas, message retention of at most 14 days (2024)."""
MOST_RECEIVES = 5
"""Attempts at a job before its message goes to the dead-letter queue. Engineering guess."""
KB_PER_REQUEST = 2.0
"""Headers, signature and body of one request to the queue, both ways. Engineering guess."""
POLLERS = 5
"""Pollers that Lambda keeps on a queue with a maximum concurrency. Source: AWS Lambda Developer Guide, as above."""
VISIBILITY_OVER_TIMEOUT = 6
"""Visibility timeout over function timeout.

Source: AWS Lambda Developer Guide, using Lambda with Amazon SQS (2024): at least six times.
"""

SYSTEM_MEMORY_GB = 1.0
"""Memory the system keeps for itself beside rendering jobs. Engineering guess."""
VOLUME_GB = 20
"""Root volume, gp3: system, application and one model at a time. Engineering guess."""
ALARMS = 2
"""A high and a low one of target tracking, or errors and throttles of a function.

Source: Amazon EC2 Auto Scaling User Guide, target tracking (2023-06).
"""
CPU_FAMILIES = 2
"""Families looked at: the first allowed ones that are not burstable. Engineering guess: they differ little."""
SIZES = ("large", "xlarge", "2xlarge", "4xlarge")
MOST_WORKERS_AT_PEAK = 30
"""Above this a larger size is looked at instead, as for the API. Engineering guess."""
HEADROOM_FACTOR = 1.5
"""Maximum over what the busiest hour needs. Source: AWS Well-Architected REL11-BP05, as for the API (2026-05)."""
WAIT_SHARE = 0.5
"""Part of the time left after a launch that jobs may spend waiting. Engineering guess."""
MOST_INSTANCES = 5_000
"""Largest `max_size` an export accepts without a second look. Engineering guess, to catch slips."""


_QUEUE = unmeasured("the queue of rendering jobs")


@dataclass(frozen=True, slots=True)
class Worker:
    """An instance type as a place to render: what it does at once and how fast."""

    name: str
    vcpu: int
    memory_gib: float
    m5_vcpus: float
    """Throughput of its CPUs."""
    gpus: int = 0

    @classmethod
    def of(cls, instance: InstanceType) -> Worker:
        return cls(instance.name, instance.vcpu, instance.memory_gib, instance.compute_units)

    @property
    def family(self) -> str:
        """`c7g` of `c7g.large`."""
        return self.name.rpartition(".")[0]

    def speed(self, rendering: Rendering) -> float:
        """Throughput in m5 vCPUs: of its GPUs, unless its CPUs do more."""
        return max(self.m5_vcpus, self.gpus * rendering.gpu_speedup)

    def slots(self, rendering: Rendering) -> int:
        """Jobs at once: one a GPU, or one a vCPU as far as memory goes; each has its share of the CPUs."""
        fitting = int((self.memory_gib - SYSTEM_MEMORY_GB) / rendering.memory_gb_per_job)
        return max(1, min(self.gpus or self.vcpu, fitting))


GPU_WORKERS = (Worker("g4dn.xlarge", 4, 16.0, 4.0, gpus=1),)
"""One NVIDIA T4, and CPUs as fast as an m5's; larger sizes have more CPUs and the same GPU.

Source: Amazon EC2 instance types, G4dn (2023); vCPU and memory as DescribeInstanceTypes in moto 5.2.5 (2026-10).
"""


@dataclass(frozen=True, slots=True)
class Ec2Workers:
    """An Auto Scaling group that follows the backlog per instance, on demand or spot, over `zones` zones.

    It scales to zero where the deadline leaves time to launch a worker for the first job; otherwise
    it keeps what the busiest hour needs. Messages in flight count as backlog, which metric math
    allows, and instances are protected from scale-in while they work. What a reclaimed spot instance had in
    hand is rendered again from the start once its message is visible again.

    Source: Amazon EC2 Auto Scaling User Guide, scaling based on Amazon SQS, metric math (2023-06).
    """

    region_id: str
    worker: Worker
    spot: bool
    min_size: int
    max_size: int
    backlog_per_instance: float
    """Target: acceptable wait times jobs an instance does in a minute."""
    zones: int
    vcpu_quota: int
    quota_key: str
    reclaimed_ratio: float
    """Share of the spot instances that EC2 takes back in a month."""
    seed: int
    """Fixes when spot pools are reclaimed."""
    api: Api
    rendering: Rendering

    @property
    def role(self) -> Role:
        return Role.RENDERING

    @property
    def kind(self) -> str:
        return "spot_workers" if self.spot else "ec2_workers"

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "rendering"

    @property
    def label(self) -> str:
        sizes = (
            f"{self.min_size}" if self.min_size == self.max_size else f"{self.min_size} to {self.max_size}"
        )
        return f"rendering on {sizes} {self.worker.name} {'spot' if self.spot else 'on demand'}"

    @property
    def reliability(self) -> Reliability:
        """Jobs wait while no worker runs, and a message is kept in several zones: nothing is lost with one.

        How late a loss makes them is the deadline's affair, not the recovery time of the shop.
        """
        return Reliability(
            0.9999, "Amazon Compute Service Level Agreement, region level, as listed by cloudonaut (2019)"
        )

    def under(self, scenario: Scenario) -> Ec2Workers:
        """The same settings under another scenario's figures."""
        return replace(
            self,
            api=scenario.api,
            rendering=scenario.rendering,
            seed=scenario.seed,
            reclaimed_ratio=scenario.account.spot_reclaimed_ratio,
        )

    def settings(self) -> Mapping[str, Setting]:
        return {
            "instance_type": self.worker.name,
            "spot": self.spot,
            "min_size_instances": self.min_size,
            "max_size_instances": self.max_size,
            "backlog_per_instance_jobs": self.backlog_per_instance,
            "jobs_at_once": self.worker.slots(self.rendering),
            "availability_zones": self.zones,
            "volume_gb": VOLUME_GB,
        }

    @property
    def job_s(self) -> float:
        """Time of one job: each has its slot's share of the instance."""
        slots = self.worker.slots(self.rendering)
        return self.rendering.cpu_s_per_job * slots / self.worker.speed(self.rendering)

    @property
    def group(self) -> WorkerGroup:
        return WorkerGroup(
            slots=self.worker.slots(self.rendering),
            job_minutes=self.job_s / SECONDS_PER_MINUTE,
            min_workers=self.min_size,
            max_workers=self.max_size,
            backlog_per_worker=self.backlog_per_instance,
            boot_minutes=start_minutes(self.api.bootstrap_s),
            spot_pools=self.zones if self.spot else 1,
        )

    def simulate(self, demand: Demand) -> Capacity:
        """Run the jobs through the queue. Latency is the time from a job's request until it is done."""
        run = self._run(demand)
        most = float(run.running.max())
        memory_gb = self.rendering.memory_gb_per_job + SYSTEM_MEMORY_GB
        name = "EC2 vCPU quota of the account"
        limits = (
            late_jobs(run, self.rendering),
            Limit("time of a rendering job", self.job_s, LONGEST_VISIBILITY_S, "s"),
            Limit("memory of a worker with a job", memory_gb, self.worker.memory_gib, "GB"),
            Limit(name, most * self.worker.vcpu, float(self.vcpu_quota), "vCPU", self.quota_key),
        )
        busy = run.started * self.group.job_minutes
        slots = run.serving * self.group.slots
        used = np.divide(busy, slots, out=np.zeros_like(busy), where=slots > 0)
        return Capacity(
            servers=run.running,
            utilisation=read_only(np.minimum(1.0, used)),
            requests=run.arrived,
            failed_requests=read_only(np.zeros_like(run.arrived)),
            latency=run.time_to_finish(),
            saturation_requests_per_s=self.max_size * self.group.jobs_per_worker_minute / SECONDS_PER_MINUTE,
            limits=limits,
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Instance hours, their volumes, and requests to the queue.

        Spot is billed per second like on demand, at the spot price. Source: Amazon EC2 User Guide,
        Spot Instances, and billing per second (2023-06).
        """
        calendar = demand.calendar
        hours = calendar.per_hour(capacity.servers) / MINUTES_PER_HOUR
        volume_gb_months = calendar.mean_per_day(capacity.servers) * VOLUME_GB * calendar.month_share_per_day
        name, usage_type, term = "Instance hours", f"BoxUsage:{self.worker.name}", ON_DEMAND
        if self.spot:
            name, usage_type, term = "Spot instance hours", f"SpotUsage:{self.worker.name}", SPOT
        return (
            *meter_usage(
                self._ec2_meter(name, "Hours", usage_type, term),
                self.resource_name,
                calendar,
                hours,
                "sum over minutes of running workers / 60",
            ),
            *meter_usage(
                self._ec2_meter("gp3 volume storage", "GB-Months", "EBS:VolumeUsage.gp3"),
                self.resource_name,
                calendar,
                volume_gb_months,
                f"mean running workers x {VOLUME_GB} GB x share of the month",
            ),
            *queue_usage(
                self.region_id,
                demand,
                self._queue_requests(demand),
                "a send and a delete for each job, a receive for each attempt, "
                f"and one every {LONG_POLL_S:g} s for each idle slot",
            ),
        )

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """Workers with their GPUs and volumes; the CPUs of a worker with a GPU are taken to be as busy as it."""
        hours, busy_hours, worker = server_hours(capacity), busy_server_hours(capacity), self.worker
        drawn = servers(
            self.region_id,
            worker.family,
            vcpu_hours=hours * worker.vcpu,
            busy_vcpu_hours=busy_hours * worker.vcpu,
            memory_gb_per_vcpu=worker.memory_gib / worker.vcpu,
        )
        if worker.gpus:
            drawn += gpus(self.region_id, hours * worker.gpus, busy_hours * worker.gpus)
        return drawn + volumes(self.region_id, hours * VOLUME_GB) + _QUEUE

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """What the workers leave to other services.

        The queue is reached through NAT from private subnets, the bucket through a gateway endpoint, free.
        """
        run = self._run(demand)
        attempts = demand.daily(run.started)
        return replace(
            Footprint.none(demand.days),
            monitored_instance_hours=demand.daily(capacity.servers) / MINUTES_PER_HOUR,
            log_gb=attempts * self.api.log_kb_per_call / KB_PER_GB,
            outside_gb=self._queue_requests(demand) * KB_PER_REQUEST / KB_PER_GB,
            origin_requests=attempts,
            asset_writes=demand.daily(run.arrived),
            alarms=ALARMS,
            private_subnets=True,
        )

    def terraform(self) -> tuple[TerraformVariable, ...]:
        most = max(MOST_INSTANCES, self.max_size)
        in_time = self.group.jobs_per_worker_minute * self.rendering.deadline_minutes
        backlog = max(self.backlog_per_instance, math.ceil(in_time))  # with more the last is late
        visibility_s = min(LONGEST_VISIBILITY_S, max(LEAST_VISIBILITY_S, math.ceil(2 * self.job_s)))
        least, largest = "var.rendering_workers.min_size", "var.rendering_workers.max_size"
        return (
            queue_variable(create=True, visibility_s=visibility_s),
            TerraformVariable(
                "rendering_workers",
                "Auto Scaling group of the rendering workers",
                (
                    matching(
                        "name",
                        self.resource_name,
                        "^[A-Za-z0-9-]{1,64}$",
                        "must be 1 to 64 letters, digits or -",
                    ),
                    matching(
                        "instance_type",
                        self.worker.name,
                        type_pattern((*ec2_types(), *(worker.name for worker in GPU_WORKERS))),
                        "must be an EC2 instance type that costmodel knows, such as c7g.large",
                    ),
                    between("min_size", self.min_size, 0, most),
                    between("max_size", self.max_size, 1, most, at_least=least),
                    between("desired_capacity", self.min_size, 0, most, at_least=least, at_most=largest),
                    between("target_backlog_per_instance", self.backlog_per_instance, 1, backlog, step=0),
                    between("default_instance_warmup", warmup_s(self.api.bootstrap_s), 0, 3600),
                    between("on_demand_percentage_above_base_capacity", 0 if self.spot else 100, 0, 100),
                    one_of(
                        "spot_allocation_strategy",
                        "price-capacity-optimized",
                        ("price-capacity-optimized", "capacity-optimized", "lowest-price"),
                    ),
                    flag("protect_from_scale_in", True),
                    between("volume_size", VOLUME_GB, 1, 16_384),
                    one_of("volume_type", "gp3", ("gp2", "gp3")),
                    flag("enable_monitoring", True),
                ),
            ),
        )

    @remembered
    def _run(self, demand: Demand) -> JobRun:
        reclaims = (
            spot_reclaims(demand.minutes, self.zones, self.reclaimed_ratio, self.seed) if self.spot else ()
        )
        return run_jobs(demand.render_jobs, self.group, reclaims)

    def _queue_requests(self, demand: Demand) -> FloatArray:
        """Requests to the queue, shape (days,)."""
        run = self._run(demand)
        slots = demand.daily(run.serving) * self.group.slots
        idle_minutes = np.maximum(0.0, slots - demand.daily(run.started) * self.group.job_minutes)
        sent_and_deleted = 2 * demand.daily(run.arrived)
        polls = idle_minutes * SECONDS_PER_MINUTE / LONG_POLL_S
        return np.asarray(sent_and_deleted + demand.daily(run.started) + polls)

    def _ec2_meter(self, name: str, unit: str, usage_type: str, term: str = ON_DEMAND) -> Meter:
        query = PriceQuery("AmazonEC2", self.region_id, usage_type, term=term)
        return Meter(name, "Amazon Elastic Compute Cloud", "Compute", unit, query)


@dataclass(frozen=True, slots=True)
class LambdaWorkers:
    """A function that the queue invokes for each job, with so much memory as a job needs.

    `maximum_concurrency` is its share of the account's concurrent executions. The queue starts
    with five invocations at once and adds 300 a minute, which is not modelled: it is at its share
    within four minutes.

    Source: AWS Lambda Developer Guide, scaling behavior for SQS event source mappings (2024).
    """

    region_id: str
    architecture: Architecture
    maximum_concurrency: int
    api: Api
    rendering: Rendering

    @property
    def role(self) -> Role:
        return Role.RENDERING

    @property
    def kind(self) -> str:
        return "lambda_workers"

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "rendering"

    @property
    def label(self) -> str:
        return f"rendering on Lambda {self.memory_mb} MB {self.architecture}"

    @property
    def reliability(self) -> Reliability:
        return Reliability(
            0.9995, "AWS Lambda Service Level Agreement, as listed by cloudonaut (2019)", 0.0, 0.0
        )

    def under(self, scenario: Scenario) -> LambdaWorkers:
        """The same settings under another scenario's figures."""
        return replace(self, api=scenario.api, rendering=scenario.rendering)

    def settings(self) -> Mapping[str, Setting]:
        return {
            "memory_mb": self.memory_mb,
            "architecture": self.architecture,
            "maximum_concurrency": self.maximum_concurrency,
            "runtime": self.api.lambda_runtime,
        }

    @property
    def memory_mb(self) -> int:
        needed = math.ceil(self.rendering.memory_gb_per_job * MB_PER_GB)
        return min(MOST_MEMORY_MB, max(LEAST_MEMORY_MB, needed))

    @property
    def job_s(self) -> float:
        """Time of one job, which uses every vCPU its memory brings."""
        return self.rendering.cpu_s_per_job / (vcpus(self.memory_mb) * RELATIVE_SPEED[self.architecture])

    def simulate(self, demand: Demand) -> Capacity:
        """Run the jobs through the queue. Latency is the time from a job's request until it is done."""
        run = self._run(demand)
        busy = run.started * run.group.job_minutes
        environments = np.minimum(self.maximum_concurrency, busiest_moment(busy))
        most_gb = MOST_MEMORY_MB / MB_PER_GB
        limits = (
            late_jobs(run, self.rendering),
            Limit("memory of a function with a job", self.rendering.memory_gb_per_job, most_gb, "GB"),
            Limit("time of a rendering job", self.job_s, LONGEST_RUN_S, "s"),
        )
        return Capacity(
            servers=read_only(environments),
            utilisation=read_only(np.minimum(1.0, environments / self.maximum_concurrency)),
            requests=run.arrived,
            failed_requests=read_only(np.zeros_like(run.arrived)),
            latency=run.time_to_finish(),
            saturation_requests_per_s=self.maximum_concurrency / self.job_s,
            limits=limits,
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Requests and GB-seconds of the function, and requests to the queue.

        Lambda's pollers ask the queue at the account's cost, also while it is empty.

        Source: AWS Lambda pricing (2025-12); AWS Lambda Developer Guide, using Lambda with Amazon SQS (2024).
        """
        started = self._run(demand).started
        attempts = demand.daily(started)
        job_gb_s = self.memory_mb / MB_PER_GB * self._billed_job_s(demand)
        polls = np.full(demand.days, POLLERS * 24.0 * 3600.0 / LONG_POLL_S)
        sent_and_deleted = 2 * demand.daily(capacity.requests)
        return (
            *self._usage("Requests", "Request", "Requests", demand, attempts, "rendering jobs"),
            *self._usage(
                "Duration",
                "Lambda-GB-Second",
                "GB-Seconds",
                demand,
                demand.calendar.per_hour(started) * job_gb_s,
                f"rendering jobs x {job_gb_s:.3f} GB-s",
            ),
            *queue_usage(
                self.region_id,
                demand,
                sent_and_deleted + attempts + polls,
                f"a send, a receive and a delete for each job, and {POLLERS} pollers that ask every {LONG_POLL_S:g} s",
            ),
        )

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """Every vCPU that the memory brings, busy for as long as jobs are billed."""
        share = vcpus(self.memory_mb)
        hours = float(self._run(demand).started.sum()) * self._billed_job_s(demand) / SECONDS_PER_HOUR
        return (
            servers(
                self.region_id,
                f"lambda-{self.architecture}",
                vcpu_hours=hours * share,
                busy_vcpu_hours=hours * share,
                memory_gb_per_vcpu=self.memory_mb / MB_PER_GB / share,
            )
            + _QUEUE
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """What the function leaves to other services; it stands outside the network."""
        attempts = demand.daily(self._run(demand).started)
        return replace(
            Footprint.none(demand.days),
            vended_log_gb=attempts * self.api.log_kb_per_call / KB_PER_GB,
            origin_requests=attempts,
            asset_writes=demand.daily(capacity.requests),
            alarms=ALARMS,
        )

    def terraform(self) -> tuple[TerraformVariable, ...]:
        timeout_s = min(LONGEST_RUN_S, max(1, math.ceil(10 * self.job_s)))
        visibility_s = max(LEAST_VISIBILITY_S, VISIBILITY_OVER_TIMEOUT * int(timeout_s))
        return (
            queue_variable(create=True, visibility_s=visibility_s, function="lambda_rendering"),
            TerraformVariable(
                "lambda_rendering",
                "Function that renders 3D models",
                (
                    *function_attributes(
                        memory_mb=self.memory_mb,
                        architecture=self.architecture,
                        runtime=self.api.lambda_runtime,
                        runtimes=INIT_TIMES[self.architecture],
                        timeout_s=timeout_s,
                    ),
                    between(
                        "maximum_concurrency",
                        self.maximum_concurrency,
                        LEAST_MAXIMUM_CONCURRENCY,
                        MOST_MAXIMUM_CONCURRENCY,
                    ),
                    between("batch_size", 1, 1, 10),
                ),
            ),
        )

    @remembered
    def _run(self, demand: Demand) -> JobRun:
        group = WorkerGroup(
            slots=1,
            job_minutes=self.job_s / SECONDS_PER_MINUTE,
            min_workers=self.maximum_concurrency,
            max_workers=self.maximum_concurrency,
            backlog_per_worker=1.0,
        )
        return run_jobs(demand.render_jobs, group)

    def _billed_job_s(self, demand: Demand) -> float:
        """Mean billed time of a job; jobs start cold as often as at their mean rate."""
        most_per_s = self.maximum_concurrency / self.job_s
        rate_per_s = min(most_per_s, float(demand.render_jobs.mean()) / SECONDS_PER_MINUTE)
        cold_ratio = cold_start_ratio(rate_per_s, self.job_s) if rate_per_s > 0 else 0.0
        job_ms = self.job_s * 1000.0
        init = INIT_TIMES[self.architecture][self.api.lambda_runtime].scaled(self.api.lambda_init_scale)
        return (billed_ms(0.0, job_ms) + cold_ratio * billed_init_ms(0.0, job_ms, init)) / 1000.0

    def _usage(
        self, name: str, usage_type: str, unit: str, demand: Demand, quantity: FloatArray, formula: str
    ) -> tuple[Usage, ...]:
        suffix = "-ARM" if self.architecture == "arm64" else ""
        query = PriceQuery("AWSLambda", self.region_id, usage_type + suffix)
        meter = Meter(f"{name} {self.architecture}", "AWS Lambda", "Compute", unit, query)
        return meter_usage(meter, self.resource_name, demand.calendar, quantity, formula)


@dataclass(frozen=True, slots=True)
class NoRendering:
    """The only design of a shop without rendering jobs: no queue, no worker, no cost.

    Also of one with more jobs than can be counted, which breaks its limit.
    """

    @property
    def role(self) -> Role:
        return Role.RENDERING

    @property
    def kind(self) -> str:
        return "no_rendering"

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "rendering"

    @property
    def label(self) -> str:
        return "no rendering"

    @property
    def reliability(self) -> Reliability:
        return Reliability(1.0, "no jobs, so nothing that could fail (2026-11)")

    def under(self, scenario: Scenario) -> NoRendering:
        return self

    def settings(self) -> Mapping[str, Setting]:
        return {"queue": False}

    def simulate(self, demand: Demand) -> Capacity:
        """Nothing runs. Jobs that come all the same are a broken limit."""
        nothing = read_only(np.zeros(demand.minutes))
        jobs = float(demand.render_jobs.sum())
        return Capacity(
            servers=nothing,
            utilisation=nothing,
            requests=nothing,
            failed_requests=nothing,
            latency=NO_LATENCY,
            saturation_requests_per_s=math.inf,
            limits=(Limit("rendering jobs without a worker", jobs, 0.0, "jobs"),),
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        return ()

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        return Energy()

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        return Footprint.none(demand.days)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return (queue_variable(create=False, visibility_s=LEAST_VISIBILITY_S),)


def late_jobs(run: JobRun, rendering: Rendering) -> Limit:
    """The objective about jobs: the share done after the deadline."""
    late = run.late_ratio(rendering.deadline_minutes)
    return Limit("late rendering jobs", late, LATE_RATIO, "of jobs", "rendering.deadline_minutes")


def queue_usage(
    region_id: str, demand: Demand, daily_requests: FloatArray, formula: str
) -> tuple[Usage, ...]:
    """Requests to the queue, shape (days,), as usage. A message of up to 64 KB is one request.

    Source: Amazon SQS pricing, requests of a standard queue (2025-07).
    """
    query = PriceQuery(SERVICE_CODE, region_id, "Requests-Tier1")
    meter = Meter("Queue requests", SERVICE_NAME, "Integration", "Requests", query)
    return meter_usage(meter, "rendering", demand.calendar, daily_requests, formula)


def queue_variable(*, create: bool, visibility_s: int, function: str = "") -> TerraformVariable:
    """The queue and its dead-letter queue; inputs of terraform-aws-modules/sqs.

    A queue whose messages come back before `function`, the variable of what takes them, may time out is refused.
    Source: AWS Lambda Developer Guide, using Lambda with Amazon SQS, queue visibility timeout (2023-10).
    """
    visibility = between("visibility_timeout_seconds", visibility_s, 0, LONGEST_VISIBILITY_S)
    if function:
        visibility = also(
            visibility, f"{{value}} >= var.{function}.timeout", f"be at least {function}.timeout"
        )
    return TerraformVariable(
        "rendering_queue",
        "Queue of rendering jobs",
        (
            flag("create", create),
            visibility,
            between("message_retention_seconds", RETENTION_S, 60, RETENTION_S),
            between("receive_wait_time_seconds", LONG_POLL_S, 0, LONG_POLL_S),
            between("max_receive_count", MOST_RECEIVES, 1, 1_000),
            flag("sqs_managed_sse_enabled", True),
        ),
    )


RenderingDesign = Ec2Workers | LambdaWorkers | NoRendering


def memory_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule for a job that is too large for functions, where nothing else may render it.

    Source: AWS Lambda Developer Guide, quotas (2023-10).
    """
    memory_gb, most_gb = scenario.rendering.memory_gb_per_job, MOST_MEMORY_MB / MB_PER_GB
    renders = lowest(scenario.rendering.jobs_per_1000_page_views) > 0
    if not renders or lowest(memory_gb) <= most_gb or scenario.constraints.rendering != ("lambda_workers",):
        return []
    problem = (
        f"must be at most {most_gb:g} GB where constraints.rendering is lambda_workers only: a function has "
        "128 to 10 240 MB (AWS Lambda Developer Guide, quotas, 2023-10)"
    )
    return [Rule(("rendering", "memory_gb_per_job"), problem, float(memory_gb))]


def designs(scenario: Scenario, demand: Demand) -> tuple[RenderingDesign, ...]:
    """Functions on both processors, and for each worker type a group on demand and one of spot instances."""
    if not demand.has_rendering or demand.render_jobs.sum() > MOST_JOBS:
        return (NoRendering(),)
    kinds = scenario.constraints.rendering
    found: list[RenderingDesign] = []
    if "lambda_workers" in kinds:
        found += [
            LambdaWorkers(
                region_id=scenario.region,
                architecture=architecture,
                maximum_concurrency=rendering_concurrency(scenario.account.lambda_concurrency),
                api=scenario.api,
                rendering=scenario.rendering,
            )
            for architecture in RELATIVE_SPEED
        ]
    for spot in (False, True):
        if ("spot_workers" if spot else "ec2_workers") in kinds:
            found += [_group(scenario, demand, worker, spot=spot) for worker in _workers(scenario, demand)]
    return tuple(found)


def _workers(scenario: Scenario, demand: Demand) -> Iterator[Worker]:
    """Of the allowed families: a size of each with CPUs that is looked at, and GPU types if a job can use one."""
    allowed = scenario.constraints.instance_families
    families: dict[str, list[Worker]] = {}
    for family in allowed:
        sizes = [
            Worker.of(instance)
            for instance in instance_types([family])
            if instance.size in SIZES and not instance.burstable
        ]
        if sizes and len(families) < CPU_FAMILIES:
            families[family] = sizes
    for sizes in families.values():
        yield next(
            (
                worker
                for worker in sizes
                if worker.memory_gib >= scenario.rendering.memory_gb_per_job + SYSTEM_MEMORY_GB
                and _needed(scenario.rendering, demand, worker) <= MOST_WORKERS_AT_PEAK
            ),
            sizes[-1],
        )
    if scenario.rendering.gpu_speedup > 0:
        yield from (worker for worker in GPU_WORKERS if worker.family in allowed)


def _needed(rendering: Rendering, demand: Demand, worker: Worker) -> int:
    """Workers that keep up with the busiest hour, one or more."""
    busiest_per_minute = float(demand.calendar.mean_per_hour(demand.render_jobs).max())
    jobs_per_worker_minute = worker.speed(rendering) * SECONDS_PER_MINUTE / rendering.cpu_s_per_job
    return max(1, math.ceil(busiest_per_minute / jobs_per_worker_minute))


def _group(scenario: Scenario, demand: Demand, worker: Worker, *, spot: bool) -> Ec2Workers:
    rendering = scenario.rendering
    slots = worker.slots(rendering)
    jobs_per_worker_minute = worker.speed(rendering) * SECONDS_PER_MINUTE / rendering.cpu_s_per_job
    launch_minutes = REACTION_MINUTES + start_minutes(scenario.api.bootstrap_s)
    spare_minutes = rendering.deadline_minutes - launch_minutes - slots / jobs_per_worker_minute
    # A group that would need more is late with its jobs, and beyond the account's vCPUs.
    most = min(MOST_WORKERS, math.ceil(_needed(rendering, demand, worker) * HEADROOM_FACTOR))
    wait_minutes = max(1.0, spare_minutes * WAIT_SHARE)
    account = scenario.account
    return Ec2Workers(
        region_id=scenario.region,
        worker=worker,
        spot=spot,
        min_size=0 if spare_minutes > 0 else most,
        max_size=most,
        backlog_per_instance=round(max(float(slots), jobs_per_worker_minute * wait_minutes), 2),
        zones=scenario.network.availability_zones,
        vcpu_quota=account.ec2_gpu_vcpus if worker.gpus else account.ec2_vcpus,
        quota_key="account.ec2_gpu_vcpus" if worker.gpus else "account.ec2_vcpus",
        reclaimed_ratio=account.spot_reclaimed_ratio,
        seed=scenario.seed,
        api=scenario.api,
        rendering=rendering,
    )


SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.RENDERING, designs, needs.RENDERING)
