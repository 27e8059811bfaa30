"""Amazon Aurora for PostgreSQL and MySQL: provisioned clusters and Serverless v2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from costmodel.capacity.credits import lowest_cpu_credit_balance
from costmodel.capacity.database_classes import aurora_sizes, class_names, classes_for, family_rules
from costmodel.capacity.energy import Energy, instances, stored, unmeasured
from costmodel.capacity.failover import AURORA_ALONE, AURORA_READER, FailoverWindow, Outages, outages
from costmodel.capacity.instances import InstanceType, database_class, type_pattern
from costmodel.capacity.overload import Patience
from costmodel.capacity.relational import (
    NodeLoad,
    aurora_connections,
    busy_vcpu_hours,
    changed_gb_per_day,
    check_replicas,
    connection_calls_per_minute,
    latencies,
    load_histogram,
    mean_per_call,
    miss_ratio,
    most_waiting,
    node_loads,
    per_minute,
    saturation_per_s,
    serve,
    speed_of,
    together,
)
from costmodel.capacity.result import Capacity, Limit
from costmodel.capacity.serverless import (
    ACU_GIB,
    ACU_PER_VCPU,
    ACU_STEP,
    HEADROOM_RATIO,
    LARGEST_ACU,
    LONGEST_PAUSE_AFTER_S,
    SHORTEST_PAUSE_AFTER_S,
    SMALLEST_MAXIMUM_ACU,
    AcuRange,
    follow_load,
    resumes,
)
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.load import refuse
from costmodel.scenario.model import Database, Scenario
from costmodel.services import needs
from costmodel.services._base import (
    Footprint,
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
    between,
    flag,
    matching,
    meter_usage,
    one_of,
    region_to_region,
)
from costmodel.units import BYTES_PER_GB, BYTES_PER_KB, HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE

SERVICE_NAME = "Amazon Relational Database Service"
"""Aurora's charges carry the name of RDS. Source: FOCUS 1.0 sample file of AWS (2024-09)."""
SERVICE_CODE = "AmazonRDS"

LARGEST_GB = 131_072.0
"""A cluster volume grows to 128 TiB. Source: Amazon Aurora User Guide, "Amazon Aurora storage" (2023-06)."""

LEAST_BUSY_S = 1e-12
"""Below this a call asks for nothing."""

LOW_MINIMUM_CONNECTIONS = 2_000.0
LOW_MINIMUM_ACU = 0.5
"""PostgreSQL connections are capped when the minimum is 0 or 0.5 ACU.

Source: Amazon Aurora User Guide, "Performance and scaling for Aurora Serverless v2" (recalled).
"""

SERVERLESS_CLASS = "db.r6g.large"
"""The r class whose vCPU is worth `ACU_PER_VCPU` ACUs. Source: see `ACU_PER_VCPU`; the generation is our guess."""

BORROWED_CREDIT_HOURS = 24.0
"""Hours of earning that a burstable class may borrow without a charge.

Source: Amazon EC2 User Guide, "Unlimited mode concepts" (2023-06); RDS runs T classes in unlimited mode.
"""

_ENGINE_NAMES = {"postgresql": "Aurora PostgreSQL", "mysql": "Aurora MySQL"}
_TERRAFORM_ENGINES = {"postgresql": "aurora-postgresql", "mysql": "aurora-mysql"}
_TERRAFORM_STORAGE = {False: "aurora", True: "aurora-iopt1"}


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What provisioned and serverless clusters share: storage, I/O, backups, failover."""

    region_id: str
    readers: int
    io_optimized: bool
    work: Database
    patience: Patience

    def __post_init__(self) -> None:
        """Raises ValueError for a cluster that AWS would not make."""
        check_replicas(self.readers, "readers of an Aurora cluster")

    @property
    def failover(self) -> FailoverWindow:
        """How long there is no writer when the writer or its zone is lost."""
        return AURORA_READER if self.readers else AURORA_ALONE

    @property
    def label_ending(self) -> str:
        """Readers and storage, as they end a label."""
        readers = {0: "", 1: " with 1 reader"}.get(self.readers, f" with {self.readers} readers")
        return readers + (", I/O-Optimized" if self.io_optimized else "")

    def under(self, scenario: Scenario) -> Self:
        """The same settings under another scenario's figures."""
        return replace(self, work=scenario.database, patience=Patience.of(scenario.api))

    @property
    def role(self) -> Role:
        return Role.DATABASE

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "database"

    @property
    def engine_name(self) -> str:
        """The engine as the price list names it."""
        return _ENGINE_NAMES[self.work.engine]

    @property
    def reliability(self) -> Reliability:
        """Source: Amazon Aurora Service Level Agreement (2022-05-19): 99.99 % over two zones, 99.9 % in
        one. Amazon Aurora User Guide, "High availability for Amazon Aurora" (2023-06): a reader takes
        over in under a minute; without one a new writer takes under ten. Six copies: nothing is lost.
        """
        source = "Amazon Aurora Service Level Agreement (2022-05-19)"
        if self.readers:
            return Reliability(0.9999, source, rto_minutes=1.0, rpo_minutes=0.0)
        return Reliability(0.999, source, rto_minutes=10.0, rpo_minutes=0.0)

    def loads(self, demand: Demand) -> tuple[NodeLoad, NodeLoad | None]:
        """Work of one API call on the writer and on each reader."""
        return node_loads(demand.fan_out, self.work, self.readers, readers_repeat_writes=False)

    def storage_usage(self, demand: Demand, capacity: Capacity, missed: FloatArray) -> tuple[Usage, ...]:
        """Storage by use, I/O requests where they are charged, and backups beyond the free part.

        `missed` is the share of reads that go to storage, shape (minutes,).
        """
        calendar, work = demand.calendar, self.work
        share = calendar.month_share_per_day
        stored_gb = demand.database_stored_gb
        usage_type = "Aurora:IO-OptimizedStorageUsage" if self.io_optimized else "Aurora:StorageUsage"
        usages = list(
            meter_usage(
                self._meter("Storage", usage_type, "GB-Months"),
                self.resource_name,
                calendar,
                stored_gb * share,
                "GB stored each day / days of the month",
            )
        )
        if not self.io_optimized:
            served = capacity.requests - capacity.failed_requests
            call = NodeLoad(demand.fan_out.reads_per_api_call, demand.fan_out.writes_per_api_call)
            usages += meter_usage(
                self._meter("I/O requests", "Aurora:StorageIOUsage", "I/O Requests"),
                self.resource_name,
                calendar,
                calendar.per_day(served * call.ios(work, missed)),
                f"API calls x ({call.reads:g} reads x share that misses memory"
                f" + {call.writes:g} writes x {work.io_per_write:g} I/O)",
            )
        days = work.backup_retention_days
        changed_gb = changed_gb_per_day(demand.daily(demand.writes), stored_gb, work)
        charged_gb = charged_backup_gb(changed_gb, stored_gb, days)
        if charged_gb.any():
            usages += meter_usage(
                self._meter("Backup storage", "Aurora:BackupUsage", "GB-Months"),
                self.resource_name,
                calendar,
                charged_gb * share,
                f"(GB stored {days} days before + GB written in {days} days - GB stored, which is free)"
                " / days of the month",
            )
        return tuple(usages)

    def _meter(self, name: str, usage_type: str, unit: str, *, of_engine: bool = False) -> Meter:
        attributes = (("engine", self.engine_name),) if of_engine else ()
        query = PriceQuery(SERVICE_CODE, self.region_id, usage_type, attributes)
        return Meter(name, SERVICE_NAME, "Databases", unit, query)

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """A secondary cluster of a global database, with one node. Only one region can write, so that two cannot
        serve.

        Source: Amazon Aurora User Guide, "Using Amazon Aurora global databases" (2023-06).
        """
        if strategy is Strategy.ACTIVE_ACTIVE:
            return ()
        if strategy in (Strategy.PILOT_LIGHT, Strategy.WARM_STANDBY):
            return (Share(self, 1.0), Share(self._secondary(other_region_id), 0.0))
        return (Share(self, 1.0),)

    def _secondary(self, other_region_id: str) -> Self:
        return replace(self, region_id=other_region_id, readers=0)

    def copied(self, demand: Demand, other_region_id: str, strategy: Strategy) -> tuple[Usage, ...]:
        """Daily snapshots, of which the newest is kept and each copy is a full one; or replicated writes.

        Where no cluster stands, no backup storage is free. Write I/O is charged again for the other region, at home,
        I/O-Optimized or not; a cluster that only reads writes nothing of its own there.

        Source: Amazon Aurora User Guide, "Copying a DB cluster snapshot" (2023-06): always full copies; "Amazon
        CloudWatch metrics for Amazon Aurora", `AuroraGlobalDBReplicatedWriteIO` (2023-06): the bill of the primary
        region counts what is replicated; Amazon Aurora pricing, "Global Database", replicated write I/Os (2026).
        """
        if strategy is Strategy.NONE:
            return ()
        if strategy is Strategy.BACKUP_RESTORE:
            stored_gb = demand.database_stored_gb
            backups = PriceQuery(SERVICE_CODE, other_region_id, "Aurora:BackupUsage")
            kept = Meter("Backup storage", SERVICE_NAME, "Databases", "GB-Months", backups)
            return self._sent(
                demand, stored_gb, other_region_id, f"a full copy a day to {other_region_id}"
            ) + meter_usage(
                kept,
                self.resource_name,
                demand.calendar,
                stored_gb * demand.calendar.month_share_per_day,
                f"copy of the newest snapshot in {other_region_id}: GB stored each day / days of the month",
            )
        writes = demand.daily(demand.writes)
        written_gb = writes * self.work.write_item_kb * BYTES_PER_KB / BYTES_PER_GB
        repeated = self._meter("Replicated write I/O", "Aurora:ReplicatedWriteIO", "I/O Requests")
        words = f"writes x {self.work.write_item_kb:g} KB to {other_region_id}"
        return self._sent(demand, written_gb, other_region_id, words) + meter_usage(
            repeated,
            self.resource_name,
            demand.calendar,
            writes * self.work.io_per_write,
            f"writes x {self.work.io_per_write:g} I/O, repeated in {other_region_id}",
        )

    def _sent(self, demand: Demand, daily_gb: FloatArray, region_id: str, words: str) -> tuple[Usage, ...]:
        meter = region_to_region(self.region_id, region_id)
        return meter_usage(meter, self.resource_name, demand.calendar, daily_gb, words)

    def energy_of(
        self, demand: Demand, capacity: Capacity, instance: InstanceType, instance_hours: float
    ) -> Energy:
        """Nodes of this class for so long, and the volume they share, in its six copies."""
        speed = speed_of(instance, self.work.engine)
        busy = busy_vcpu_hours(self.loads(demand), self.readers, self.work, capacity, speed)
        gb_hours = float(demand.database_stored_gb.sum()) * HOURS_PER_DAY
        return (
            instances(self.region_id, instance, instance_hours, busy)
            + stored(self.region_id, "ssd", "copies_aurora", gb_hours)
            + unmeasured("Aurora's storage nodes beyond their disks", "backups of the database")
        )

    def storage_limit(self, demand: Demand) -> Limit:
        return Limit("database storage", float(demand.database_stored_gb.max()), LARGEST_GB, "GB")

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """Nothing but its place in a zone: replication between zones is free, backups and volumes use keys that
        Aurora caches, and the bytes of API calls are counted by the compute tier.

        Source: Amazon Aurora pricing, "Data transfer" (2025-12).
        """
        return replace(Footprint.none(demand.days), zonal_database=True)

    def _terraform(self, instance_class: str) -> TerraformVariable:
        names = ("writer", *(f"reader-{number}" for number in range(1, self.readers + 1)))
        return TerraformVariable(
            "rds_aurora",
            "Aurora cluster: inputs of terraform-aws-modules/rds-aurora.",
            (
                one_of("engine", _TERRAFORM_ENGINES[self.work.engine], tuple(_TERRAFORM_ENGINES.values())),
                one_of("engine_mode", "provisioned", ("provisioned",)),
                matching(
                    "cluster_instance_class",
                    instance_class,
                    type_pattern(
                        ("db.serverless", *class_names(aurora_sizes(self.region_id, self.work.engine)))
                    ),
                    "must be a database class that Aurora has here, such as db.r7g.large, or db.serverless",
                ),
                TerraformAttribute(
                    "instances",
                    "list(string)",
                    names,
                    "length({value}) >= 1 && length({value}) <= 16 && length(distinct({value})) == length({value})"
                    ' && alltrue([for name in {value} : can(regex("^[a-z](-?[a-z0-9])*$", name))])',
                    "must name from 1 to 16 instances, each once, in lower-case letters, digits and single hyphens",
                ),
                one_of(
                    "storage_type", _TERRAFORM_STORAGE[self.io_optimized], tuple(_TERRAFORM_STORAGE.values())
                ),
                between("backup_retention_period", self.work.backup_retention_days, 1, 35),
                flag("storage_encrypted", True),
                flag("deletion_protection", True),
            ),
        )


@dataclass(frozen=True, slots=True)
class AuroraCluster(_Cluster):
    """A writer and its readers, all of one class."""

    instance_class: str
    """Class with its prefix: `db.r7g.large`."""

    @property
    def instance(self) -> InstanceType:
        return database_class(self.instance_class)

    @property
    def kind(self) -> str:
        return "aurora"

    @property
    def label(self) -> str:
        return f"{self.engine_name} {self.instance_class}{self.label_ending}"

    def settings(self) -> Mapping[str, Setting]:
        return {
            "engine": self.work.engine,
            "instance_class": self.instance_class,
            "readers": self.readers,
            "io_optimized": self.io_optimized,
            "backup_retention_days": self.work.backup_retention_days,
        }

    def simulate(self, demand: Demand, gone: Outages | None = None) -> Capacity:
        """CPU or connections of the busiest node set the pace: the shared storage has no IOPS to buy.

        There is no writer in `gone`.

        Source: Amazon Aurora User Guide, "Amazon Aurora storage" (2023-06).
        """
        instance, work = self.instance, self.work
        rate_per_s = demand.api_requests / SECONDS_PER_MINUTE
        writer, reader = loads = self.loads(demand)
        speed = speed_of(instance, work.engine)
        writer_cpu = writer.cpu_ms(work) / 1000.0 / (instance.vcpu * speed)
        reader_cpu = reader.cpu_ms(work) / 1000.0 / (instance.vcpu * speed) if reader else 0.0
        connections = aurora_connections(work.engine, instance.memory_gib)
        held = SECONDS_PER_MINUTE / connection_calls_per_minute(connections, loads, work, speed)
        busy_per_call = max(writer_cpu, reader_cpu, held, LEAST_BUSY_S)
        calls_per_minute = np.full(demand.minutes, SECONDS_PER_MINUTE / busy_per_call)
        served = serve(demand.api_requests, calls_per_minute, self.patience, gone=gone)

        late = bool(served.delay_ms.any())
        histogram = load_histogram(demand)
        rates = rate_per_s if late else histogram.rate_per_s
        at_writer, at_reader = latencies(
            demand.api_requests if late else histogram.requests,
            np.full(demand.minutes, float(instance.vcpu)) if late else float(instance.vcpu),
            loads,
            (writer_cpu * rates, reader_cpu * rates),
            work,
            speed=speed,
            missed_ratio=mean_per_call(self._missed(demand), demand),
            readers=self.readers,
            backlog_delay_ms=served.delay_ms if late else None,
            arrival_scv=demand.arrival_scv,
        )
        return Capacity(
            servers=read_only(np.full(demand.minutes, 1.0 + self.readers)),
            utilisation=served.utilisation,
            requests=demand.api_requests,
            failed_requests=read_only(demand.api_requests * served.lost_ratio),
            peak_waiting_calls=most_waiting(demand.api_requests, served.delay_ms),
            latency=together(at_writer, at_reader),
            remedy="a larger instance class or more readers",
            saturation_requests_per_s=saturation_per_s(np.array([max(writer_cpu, reader_cpu, held)])),
            limits=self._limits(demand, rate_per_s * max(writer_cpu, reader_cpu)),
            max_connections=connections,
        )

    def _missed(self, demand: Demand) -> FloatArray:
        return miss_ratio(demand.database_stored_gb, self.instance.memory_gib, self.work)

    def _limits(self, demand: Demand, utilisation: FloatArray) -> tuple[Limit, ...]:
        earned = self.instance.cpu_credits_per_hour
        if earned is None:
            return (self.storage_limit(demand),)
        balance = lowest_cpu_credit_balance(self.instance, np.minimum(utilisation, 1.0))
        return (
            self.storage_limit(demand),
            Limit(
                "CPU credits borrowed",
                max(0.0, -balance),
                BORROWED_CREDIT_HOURS * earned,
                "credits",
                remedy="a class that is not burstable",
            ),
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Instance hours of every node, storage, I/O and backups."""
        form = "InstanceUsageIOOptimized" if self.io_optimized else "InstanceUsage"
        size = self.instance_class.replace("xlarge", "xl")
        count = 1 + self.readers
        hours = meter_usage(
            self._meter("Instance hours", f"{form}:{size}", "Hours", of_engine=True),
            self.resource_name,
            demand.calendar,
            np.full(demand.calendar.hours, float(count)),
            f"{count} x {HOURS_PER_DAY} hours a day",
        )
        return (*hours, *self.storage_usage(demand, capacity, per_minute(self._missed(demand))))

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        node_hours = float(demand.days * HOURS_PER_DAY * (1 + self.readers))
        return self.energy_of(demand, capacity, self.instance, node_hours)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        """Inputs of terraform-aws-modules/rds-aurora 10.2.0; `instances` there is a map with these keys."""
        return (self._terraform(self.instance_class),)


@dataclass(frozen=True, slots=True)
class AuroraServerless(_Cluster):
    """A writer and readers of promotion tier 1, which scale with it, between two capacities.

    Source: Amazon Aurora User Guide, "How Aurora Serverless v2 works" (2023-06).
    """

    min_acu: float
    """0 to let the cluster pause when nobody calls."""
    max_acu: float

    def __post_init__(self) -> None:
        """Raises ValueError for a cluster that AWS would not make."""
        _Cluster.__post_init__(self)
        AcuRange(self.min_acu, self.max_acu)

    def _secondary(self, other_region_id: str) -> Self:
        """A secondary cluster replicates all the time and so does not pause."""
        least = max(self.min_acu, ACU_STEP)
        return replace(self, region_id=other_region_id, readers=0, min_acu=least)

    @property
    def acu(self) -> AcuRange:
        """Between which capacities it scales."""
        return AcuRange(self.min_acu, self.max_acu)

    @property
    def kind(self) -> str:
        return "aurora_serverless"

    @property
    def label(self) -> str:
        acu = f"{self.min_acu:g} to {self.max_acu:g} ACU"
        return f"{self.engine_name} Serverless v2, {acu}{self.label_ending}"

    def settings(self) -> Mapping[str, Setting]:
        return {
            "engine": self.work.engine,
            "min_acu": self.min_acu,
            "max_acu": self.max_acu,
            "readers": self.readers,
            "io_optimized": self.io_optimized,
            "backup_retention_days": self.work.backup_retention_days,
        }

    def simulate(self, demand: Demand, gone: Outages | None = None) -> Capacity:
        """Capacity follows the busiest node; below one vCPU's worth, queries still run at a vCPU's speed.

        `servers` counts the ACUs of all nodes. There is no writer in `gone`, nor while a paused cluster
        resumes.
        """
        work = self.work
        rate_per_s = demand.api_requests / SECONDS_PER_MINUTE
        loads = self.loads(demand)
        acu_per_call = [acu_seconds(load, work) if load else 0.0 for load in loads]
        busiest = max(*acu_per_call, LEAST_BUSY_S)
        needed_acu = busiest * rate_per_s
        running_acu = follow_load(needed_acu, self.acu)
        present_acu = np.maximum(running_acu, ACU_STEP)

        speed = speed_of(database_class(SERVERLESS_CLASS), work.engine)
        most_connected = connection_calls_per_minute(self.max_connections, loads, work, speed)
        calls_per_minute = np.minimum(present_acu * SECONDS_PER_MINUTE / busiest, most_connected)
        served = serve(
            demand.api_requests, calls_per_minute, self.patience, gone=_both(gone, _resuming(running_acu))
        )
        missed = miss_ratio(per_minute(demand.database_stored_gb), ACU_GIB * present_acu, work)
        at_writer, at_reader = latencies(
            demand.api_requests,
            np.maximum(1.0, present_acu / ACU_PER_VCPU),
            loads,
            (acu_per_call[0] * rate_per_s / present_acu, acu_per_call[1] * rate_per_s / present_acu),
            work,
            speed=speed,
            missed_ratio=float(np.average(missed, weights=demand.api_requests + 1e-12)),
            readers=self.readers,
            backlog_delay_ms=served.delay_ms,
            arrival_scv=demand.arrival_scv,
        )
        return Capacity(
            servers=read_only(running_acu * (1 + self.readers)),
            utilisation=served.utilisation,
            requests=demand.api_requests,
            failed_requests=read_only(demand.api_requests * served.lost_ratio),
            peak_waiting_calls=most_waiting(demand.api_requests, served.delay_ms),
            latency=together(at_writer, at_reader),
            remedy="a higher maximum of ACUs",
            saturation_requests_per_s=saturation_per_s(
                np.array([busiest / self.max_acu, SECONDS_PER_MINUTE / most_connected])
            ),
            limits=(self.storage_limit(demand),),
            max_connections=self.max_connections,
        )

    @property
    def max_connections(self) -> float:
        """Fixed by the maximum capacity. Source: Amazon Aurora User Guide, "Performance and scaling" (2023-06)."""
        most = aurora_connections(self.work.engine, ACU_GIB * self.max_acu)
        capped = self.work.engine == "postgresql" and self.min_acu <= LOW_MINIMUM_ACU
        return min(most, LOW_MINIMUM_CONNECTIONS) if capped else most

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """ACU-hours of every node, storage, I/O and backups."""
        usage_type = "ServerlessV2IOOptimizedUsage" if self.io_optimized else "ServerlessV2Usage"
        hours = meter_usage(
            self._meter("Serverless v2 capacity", f"Aurora:{usage_type}", "ACU-Hours", of_engine=True),
            self.resource_name,
            demand.calendar,
            demand.calendar.per_hour(capacity.servers) / MINUTES_PER_HOUR,
            f"ACUs of {1 + self.readers} node(s) each minute / 60",
        )
        memory_gib = ACU_GIB * capacity.servers / (1 + self.readers)
        missed = miss_ratio(per_minute(demand.database_stored_gb), memory_gib, self.work)
        return (*hours, *self.storage_usage(demand, capacity, missed))

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """ACUs are taken as parts of a node of `SERVERLESS_CLASS`. Source: see `ACU_PER_VCPU`."""
        instance = database_class(SERVERLESS_CLASS)
        acu_hours = float(capacity.servers.sum()) / MINUTES_PER_HOUR
        return self.energy_of(demand, capacity, instance, acu_hours / ACU_PER_VCPU / instance.vcpu)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        """Inputs of terraform-aws-modules/rds-aurora 10.2.0; the second variable is one nested input."""
        return (
            self._terraform("db.serverless"),
            TerraformVariable(
                "rds_aurora_serverlessv2_scaling_configuration",
                "serverlessv2_scaling_configuration of terraform-aws-modules/rds-aurora.",
                (
                    between("min_capacity", self.min_acu, 0, LARGEST_ACU, step=ACU_STEP),
                    between(
                        "max_capacity",
                        self.max_acu,
                        SMALLEST_MAXIMUM_ACU,
                        LARGEST_ACU,
                        step=ACU_STEP,
                        at_least="var.rds_aurora_serverlessv2_scaling_configuration.min_capacity",
                    ),
                    *(
                        ()
                        if self.min_acu
                        else (
                            between(
                                "seconds_until_auto_pause",
                                self.acu.pause_after_s,
                                SHORTEST_PAUSE_AFTER_S,
                                LONGEST_PAUSE_AFTER_S,
                            ),
                        )
                    ),
                ),
            ),
        )


def charged_backup_gb(changed_gb: FloatArray, stored_gb: FloatArray, retention_days: int) -> FloatArray:
    """GB of continuous backups charged on each day, shape (days,), like `changed_gb` and `stored_gb`.

    Any moment of the retention can be restored: that takes the volume as it was before and every change
    since, at most the volumes of all those days. As much as the volume holds now is free, and with it a
    retention of one day. Before the run each day is taken to be like the first.

    Source: Amazon Aurora User Guide, "Understanding Amazon Aurora backup storage usage" (2023-06).
    """
    volumes_gb = np.concatenate([np.full(retention_days, stored_gb[0]), stored_gb])
    changes_gb = np.concatenate([np.full(retention_days, changed_gb[0]), changed_gb])
    before_gb = volumes_gb[:-retention_days]
    retained_gb = np.minimum(before_gb + _sums(changes_gb, retention_days), _sums(volumes_gb, retention_days))
    return np.maximum(0.0, retained_gb - stored_gb)


def _sums(per_day: FloatArray, days: int) -> FloatArray:
    """Sum of each day and the days before it, `days` in all, for every day but the first `days`."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(per_day[1:], days).sum(axis=1))


def _resuming(running_acu: FloatArray) -> Outages | None:
    """When a paused cluster resumes; None for one that never does."""
    minutes, seconds = resumes(running_acu)
    return outages(running_acu.size, minutes, seconds) if minutes.size else None


def _both(first: Outages | None, second: Outages | None) -> Outages | None:
    """No writer in either."""
    if first is None or second is None:
        return first or second
    return Outages(
        read_only(first.up_ratio * second.up_ratio), read_only(np.maximum(first.io_factor, second.io_factor))
    )


def acu_seconds(load: NodeLoad, work: Database) -> float:
    """ACU-seconds that one API call needs on a node at full use."""
    speed = speed_of(database_class(SERVERLESS_CLASS), work.engine)
    return load.cpu_ms(work) / 1000.0 / speed * ACU_PER_VCPU


def designs(scenario: Scenario, demand: Demand) -> tuple[AuroraCluster | AuroraServerless, ...]:
    """Provisioned and serverless clusters, with and without a reader, on both kinds of storage.

    Raises ScenarioError for a database family that AWS does not offer.
    """
    refuse(family_rules(scenario), scenario.name)
    kinds = scenario.constraints.database
    provisioned = _provisioned(scenario, demand) if "aurora" in kinds else ()
    serverless = _serverless(scenario, demand) if "aurora_serverless" in kinds else ()
    return (*provisioned, *serverless)


def _provisioned(scenario: Scenario, demand: Demand) -> tuple[AuroraCluster, ...]:
    work = scenario.database
    sizes = aurora_sizes(scenario.region, work.engine)
    found = []
    for readers in scenario.constraints.read_replicas or (0, 1):
        loads = node_loads(demand.fan_out, work, readers, readers_repeat_writes=False)
        for instance in classes_for(scenario, demand, loads, sizes):
            for io_optimized in (False, True):
                found.append(
                    AuroraCluster(
                        scenario.region, readers, io_optimized, work, Patience.of(scenario.api), instance.name
                    )
                )
    return tuple(found)


def _serverless(scenario: Scenario, demand: Demand) -> tuple[AuroraServerless, ...]:
    work = scenario.database
    peak_rate_per_s = float(demand.api_requests.max()) / SECONDS_PER_MINUTE
    pausing = () if demand.api_requests.all() else (0.0,)
    found = []
    for readers in scenario.constraints.read_replicas or (0, 1):
        loads = node_loads(demand.fan_out, work, readers, readers_repeat_writes=False)
        peak_acu = max(acu_seconds(load, work) for load in loads if load) * peak_rate_per_s
        max_acu = min(LARGEST_ACU, max(2.0, float(math.ceil(HEADROOM_RATIO * peak_acu))))
        warm_acu = max(1.0, math.ceil(max_acu / 4.0))
        for min_acu in dict.fromkeys((*pausing, ACU_STEP, warm_acu)):
            for io_optimized in (False, True):
                found.append(
                    AuroraServerless(
                        scenario.region,
                        readers,
                        io_optimized,
                        work,
                        Patience.of(scenario.api),
                        min_acu,
                        max_acu,
                    )
                )
    return tuple(found)


SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.DATABASE, designs, needs.AURORA)
