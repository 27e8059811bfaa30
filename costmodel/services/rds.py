"""Amazon RDS for PostgreSQL and MySQL: one instance, its standby, its read replicas, its gp3 storage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

import numpy as np

from costmodel.capacity.credits import lowest_cpu_credit_balance
from costmodel.capacity.database_classes import (
    PLANNED_PEAK_UTILISATION,
    RDS_SIZES,
    class_names,
    classes_for,
    family_rules,
)
from costmodel.capacity.energy import Energy, instances, moved, unmeasured, volumes
from costmodel.capacity.failover import RDS_ALONE, RDS_STANDBY, FailoverWindow, Outages
from costmodel.capacity.instances import InstanceType, database_class, type_pattern
from costmodel.capacity.overload import Patience
from costmodel.capacity.relational import (
    PAGE_KB,
    NodeLoad,
    StorageQueue,
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
    rds_connections,
    reads_dominate,
    replica_lag_s,
    saturation_per_s,
    serve,
    speed_of,
    together,
)
from costmodel.capacity.result import Capacity, Latency, Limit
from costmodel.capacity.volumes import (
    Bucket,
    GrownStorage,
    IoPath,
    ebs_bucket,
    gp2_bucket,
    gp3_bucket,
    grow_storage,
)
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.price import ON_DEMAND, PriceQuery
from costmodel.scenario.load import refuse
from costmodel.scenario.model import Database, Scenario
from costmodel.scenario.resources import Databases
from costmodel.services import needs
from costmodel.services._base import (
    Footprint,
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
    flag,
    matching,
    meter_usage,
    one_of,
    region_to_region,
)
from costmodel.units import (
    BITS_PER_BYTE,
    HOURS_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
    plain,
    to_nine_decimals,
)

SERVICE_NAME = "Amazon Relational Database Service"
SERVICE_CODE = "AmazonRDS"
RESERVED_TERM = "Reserved 1yr No Upfront"

Purchase = Literal["on_demand", "reserved_1yr_no_upfront"]
StorageType = Literal["gp3", "gp2"]

FREE_STORAGE_RATIO = 0.20
"""Free space in a new allocation; our choice, twice what starts storage autoscaling."""

SMALLEST_GB = 20.0
LARGEST_GB = 65_536.0
"""Bounds of a gp3 volume. Source: Amazon RDS User Guide, "Amazon RDS DB instance storage" (2023-06)."""

LEAST_CEILING_RATIO = 1.1
"""Where storage autoscaling may end, over what is allocated.

Source: Amazon RDS User Guide, "Managing capacity automatically with storage autoscaling" (2023-06).
"""

PRIMARY_IDENTIFIER = "database"
"""What the primary instance is called in Terraform."""

STRIPED_FROM_GB = 400.0
BASE_IOPS = 3_000.0
STRIPED_IOPS = 12_000.0
LARGEST_IOPS = 64_000.0
IOPS_STEP = 1_000.0
BASE_MIBPS = 125.0
STRIPED_MIBPS = 500.0
LARGEST_MIBPS = 4_000.0
IOPS_PER_MIBPS = 4
"""gp3 baseline below and from 400 GiB, the most one can buy, and the IOPS that a MiB/s takes at least.

Source: Amazon RDS User Guide, "Amazon RDS DB instance storage", gp3 table (2023-06).
"""

STANDBY_P99_RATIO = 2.0
STANDBY_MEAN_RATIO = 1.06
"""What the synchronous standby does to writes.

Source: ClickHouse/PostgresBench, RDS results (2026-07): 0 to 6 % less throughput, p99 about twice.
"""

LARGEST_IOPS_PER_GB = 500.0
"""IOPS that a gp3 volume takes at most for each GiB. Source: Amazon RDS User Guide, gp3 table (2023-06)."""

GROWN_AT_MOST = 10.0
"""Storage autoscaling stops at this many times the first allocation; our choice."""

LEAST_BILLED_S = 600
"""An instance is billed by the second, and for ten minutes after each start or change of its class at least.

Source: Amazon RDS User Guide, "On-Demand DB instances for Amazon RDS" (2023-06).
"""

LEAST_BUSY_S = 1e-12
"""Below this a call asks for nothing."""

LONGEST_LAG_S = 60.0
"""A read replica further behind is of no use to a shop; our choice, AWS sets no bound."""

BORROWED_CREDIT_HOURS = 24.0
"""Hours of earning that a burstable class may borrow without a charge; RDS runs T classes in unlimited mode.

Source: Amazon RDS User Guide, "DB instance class types"; Amazon EC2 User Guide, "Unlimited mode concepts" (2023-06).
"""

RESERVED_FAMILIES = frozenset({"t4g", "m6g", "m7g", "r6g", "r7g"})
RESERVED_GAPS = frozenset({("m7g", "sa-east-1"), ("r7g", "sa-east-1")})
"""Families with a one-year no-upfront price, and regions where it is missing.

Source: RDS reserved instance rates, ec2.shop (2025-04-04). AWS sells three years only with an upfront part.
"""

SNAPSHOTS_PER_DAY = 1
"""Source: Amazon RDS User Guide, "Working with backups" (2023-06): one daily snapshot, each with its data key."""

_ENGINE_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL"}
_TERRAFORM_ENGINES = {"postgresql": "postgres", "mysql": "mysql"}


@dataclass(frozen=True, slots=True)
class RdsInstance:
    """One primary, a standby in another zone if `multi_az`, and read replicas in a single zone each."""

    region_id: str
    instance_class: str
    """Class with its prefix: `db.m7g.large`."""
    multi_az: bool
    read_replicas: int
    storage_gb: float
    """Allocated at the start; it grows by itself."""
    iops: float
    """Provisioned in all; 0 for what the storage includes."""
    throughput_mibps: float
    """Provisioned in all; 0 for what the storage includes."""
    purchase: Purchase
    work: Database
    patience: Patience
    storage_type: StorageType = "gp3"

    def __post_init__(self) -> None:
        """Raises ValueError for an instance that AWS would not make."""
        check_replicas(self.read_replicas, "read replicas of an RDS instance")
        guide = "(Amazon RDS User Guide, Amazon RDS DB instance storage, 2023-06)"
        if not SMALLEST_GB <= self.storage_gb <= LARGEST_GB:
            raise ValueError(
                f"storage_gb must be from {SMALLEST_GB:g} to {LARGEST_GB:g} {guide}, not {self.storage_gb:g}"
            )
        bought = self.iops > 0 or self.throughput_mibps > 0
        if bought and (self.storage_type == "gp2" or self.storage_gb < STRIPED_FROM_GB):
            raise ValueError(
                f"IOPS and throughput are sold with gp3 of {STRIPED_FROM_GB:g} GB and more {guide},"
                f" not with {self.storage_type} of {self.storage_gb:g} GB"
            )
        most_iops = min(LARGEST_IOPS, LARGEST_IOPS_PER_GB * self.storage_gb)
        if self.iops and not STRIPED_IOPS <= self.iops <= most_iops:
            raise ValueError(
                f"iops must be 0 or from {STRIPED_IOPS:g} to {most_iops:g} {guide}, not {self.iops:g}"
            )
        most_mibps = min(LARGEST_MIBPS, max(self.iops, STRIPED_IOPS) / IOPS_PER_MIBPS)
        if self.throughput_mibps and not STRIPED_MIBPS <= self.throughput_mibps <= most_mibps:
            raise ValueError(
                f"throughput_mibps must be 0 or from {STRIPED_MIBPS:g} to {most_mibps:g} {guide},"
                f" not {self.throughput_mibps:g}"
            )
        reached = float(self._way_to_storage(1).burst_per_s[0])
        if self.iops > max(reached, STRIPED_IOPS):
            raise ValueError(
                f"{self.instance_class} passes at most {reached:g} I/O per second (Amazon EC2 User Guide, Amazon"
                f" EBS-optimized instances, 2023-06), so {self.iops:g} IOPS cannot be used"
            )

    def _way_to_storage(self, days: int) -> Bucket:
        return ebs_bucket(self.instance, days, PAGE_KB[self.work.engine])

    @property
    def failover(self) -> FailoverWindow:
        """How long there is no writer when the instance or its zone is lost."""
        return RDS_STANDBY if self.multi_az else RDS_ALONE

    @property
    def instance(self) -> InstanceType:
        return database_class(self.instance_class)

    @property
    def kind(self) -> str:
        return "rds"

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
    def label(self) -> str:
        form = "Multi-AZ" if self.multi_az else "Single-AZ"
        replicas = {0: "", 1: " and 1 read replica"}.get(
            self.read_replicas, f" and {self.read_replicas} read replicas"
        )
        reserved = ", reserved for a year" if self.purchase != "on_demand" else ""
        return f"RDS {self.engine_name} {self.instance_class} {form}{replicas}{reserved}"

    @property
    def reliability(self) -> Reliability:
        """Source: Amazon RDS Service Level Agreement (2024-01-22); Amazon RDS User Guide, "Multi-AZ DB
        instance deployments" (60 to 120 s) and "Restoring to a specified time" (five minutes, 2023-06).
        The hour that a restore takes is our guess: 10 to 60 minutes and replay.
        """
        source = "Amazon RDS Service Level Agreement (2024-01-22)"
        if self.multi_az:
            return Reliability(0.9995, source, rto_minutes=2.0, rpo_minutes=0.0)
        return Reliability(0.995, source, rto_minutes=60.0, rpo_minutes=5.0)

    def under(self, scenario: Scenario) -> RdsInstance:
        """The same settings under another scenario's figures."""
        return replace(self, work=scenario.database, patience=Patience.of(scenario.api))

    def settings(self) -> Mapping[str, Setting]:
        return {
            "engine": self.work.engine,
            "instance_class": self.instance_class,
            "multi_az": self.multi_az,
            "read_replicas": self.read_replicas,
            "storage_gb": self.storage_gb,
            "storage_type": self.storage_type,
            "iops": self.iops,
            "throughput_mibps": self.throughput_mibps,
            "backup_retention_days": self.work.backup_retention_days,
            "purchase": self.purchase,
        }

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """A read replica in one zone of the other region, on demand. Only one region can write, so that two
        cannot serve.

        Source: Amazon RDS User Guide, "Creating a read replica in a different AWS Region" (2023-06).
        """
        if strategy is Strategy.ACTIVE_ACTIVE:
            return ()
        if strategy in (Strategy.PILOT_LIGHT, Strategy.WARM_STANDBY):
            replica = replace(
                self, region_id=other_region_id, multi_az=False, read_replicas=0, purchase="on_demand"
            )
            return (Share(self, 1.0), Share(replica, 0.0))
        return (Share(self, 1.0),)

    def copied(self, demand: Demand, other_region_id: str, strategy: Strategy) -> tuple[Usage, ...]:
        """Daily snapshots, of which the newest is kept, or replication. Either sends what was written: copies
        of snapshots are incremental. Where no instance stands, no backup storage is free.

        Source: Amazon RDS User Guide, "Copying a DB snapshot", "Creating a read replica in a different AWS
        Region", and "Working with backups" (2023-06).
        """
        if strategy is Strategy.NONE:
            return ()
        changed_gb = changed_gb_per_day(demand.daily(demand.writes), demand.database_stored_gb, self.work)
        sent = meter_usage(
            region_to_region(self.region_id, other_region_id),
            self.resource_name,
            demand.calendar,
            changed_gb,
            f"writes x {self.work.write_item_kb:g} KB to {other_region_id}, at most the whole database a day",
        )
        if strategy is not Strategy.BACKUP_RESTORE:
            return sent
        query = PriceQuery(SERVICE_CODE, other_region_id, "RDS:ChargedBackupUsage")
        return sent + meter_usage(
            Meter("Backup storage", SERVICE_NAME, "Databases", "GB-Months", query),
            self.resource_name,
            demand.calendar,
            demand.database_stored_gb * demand.calendar.month_share_per_day,
            f"copy of the newest snapshot in {other_region_id}: GB stored each day / days of the month",
        )

    def simulate(self, demand: Demand, gone: Outages | None = None) -> Capacity:
        """CPU, connections, I/O and throughput of primary and replicas; the tightest of them sets the pace.

        Storage passes what it includes or buys, and the instance its EBS baseline, or its burst while the
        half hour a day lasts. The database stands still while its storage is full, and in `gone`.
        """
        instance, work = self.instance, self.work
        rate_per_s = demand.api_requests / SECONDS_PER_MINUTE
        writer, reader = loads = self._loads(demand)
        speed = speed_of(instance, work.engine)
        writer_cpu = writer.cpu_ms(work) / 1000.0 / (instance.vcpu * speed)
        reader_cpu = reader.cpu_ms(work) / 1000.0 / (instance.vcpu * speed) if reader else 0.0
        connections = rds_connections(work.engine, instance.memory_gib)
        held = SECONDS_PER_MINUTE / connection_calls_per_minute(connections, loads, work, speed)
        busy_per_call = max(writer_cpu, reader_cpu, held, LEAST_BUSY_S)

        storage = self.storage(demand)
        missed = miss_ratio(demand.database_stored_gb, instance.memory_gib, work)
        ios = writer.ios(work, missed)
        if reader:
            ios = np.maximum(ios, reader.ios(work, missed))
        io = self._io_path(ios, storage.allocated_gb)
        calls_per_minute = np.full(demand.minutes, SECONDS_PER_MINUTE / busy_per_call)
        served = serve(demand.api_requests, calls_per_minute, self.patience, io, gone)
        lost_ratio = served.lost_ratio
        if storage.full_ratio.any():
            lost_ratio = np.maximum(lost_ratio, per_minute(storage.full_ratio))

        late = bool(served.delay_ms.any())
        histogram = load_histogram(demand)
        rates = rate_per_s if late else histogram.rate_per_s
        pace = io.steady_ios_per_s if late else io.burst_ios_per_s
        at_primary, at_replica = latencies(
            demand.api_requests if late else histogram.requests,
            np.full(demand.minutes, float(instance.vcpu)) if late else float(instance.vcpu),
            loads,
            (writer_cpu * rates, reader_cpu * rates),
            work,
            speed=speed,
            missed_ratio=mean_per_call(missed, demand),
            readers=self.read_replicas,
            backlog_delay_ms=served.delay_ms if late else None,
            arrival_scv=demand.arrival_scv,
            storage=StorageQueue(float(pace.min()), rates),
        )
        if self.multi_az:
            at_primary = behind_standby(at_primary, writer, work)
        return Capacity(
            servers=read_only(np.full(demand.minutes, 1.0 + self.read_replicas)),
            utilisation=served.utilisation,
            requests=demand.api_requests,
            failed_requests=read_only(demand.api_requests * lost_ratio),
            peak_waiting_calls=most_waiting(demand.api_requests, served.delay_ms),
            latency=together(at_primary, at_replica),
            remedy="a larger instance class, more read replicas or more IOPS",
            saturation_requests_per_s=saturation_per_s(
                np.maximum(max(writer_cpu, reader_cpu, held), ios / io.steady_ios_per_s)
            ),
            limits=self._limits(demand, rate_per_s * max(writer_cpu, reader_cpu)),
            max_connections=connections,
        )

    def _loads(self, demand: Demand) -> tuple[NodeLoad, NodeLoad | None]:
        return node_loads(demand.fan_out, self.work, self.read_replicas, readers_repeat_writes=True)

    def storage(self, demand: Demand) -> GrownStorage:
        """What storage autoscaling makes of the allocation, per copy of the data."""
        return grow_storage(demand.database_stored_gb, self.storage_gb, self.largest_storage_gb)

    def allocated_gb(self, demand: Demand) -> FloatArray:
        """Allocated on each day, shape (days,), per copy of the data: what the day ends with."""
        return self.storage(demand).allocated_gb

    @property
    def largest_storage_gb(self) -> float:
        """Where storage autoscaling stops."""
        return min(LARGEST_GB, GROWN_AT_MOST * self.storage_gb)

    def lag_s(self, demand: Demand) -> FloatArray:
        """How far each read replica is behind, shape (minutes,). It answers reads first, and repeats writes with
        the CPU that leaves.
        """
        _, reader = self._loads(demand)
        if reader is None:
            return read_only(np.zeros(demand.minutes))
        cpu_ms = self.instance.vcpu * speed_of(self.instance, self.work.engine) * SECONDS_PER_MINUTE * 1000.0
        reading = NodeLoad(reader.reads, 0.0).cpu_ms(self.work) * demand.api_requests
        writing = NodeLoad(0.0, reader.writes).cpu_ms(self.work) * demand.api_requests
        return replica_lag_s(writing, np.maximum(0.0, cpu_ms - reading))

    def _io_path(self, ios_per_call: FloatArray, allocated_gb: FloatArray) -> IoPath:
        page_kb = PAGE_KB[self.work.engine]
        if self.storage_type == "gp2":
            volume = gp2_bucket(allocated_gb, page_kb)
        else:
            striped = allocated_gb >= STRIPED_FROM_GB
            iops = np.maximum(np.where(striped, STRIPED_IOPS, BASE_IOPS), self.iops)
            mibps = np.maximum(np.where(striped, STRIPED_MIBPS, BASE_MIBPS), self.throughput_mibps)
            volume = gp3_bucket(iops, mibps, page_kb)
        return IoPath(ios_per_call, (volume, self._way_to_storage(allocated_gb.size)))

    def _limits(self, demand: Demand, cpu_utilisation: FloatArray) -> tuple[Limit, ...]:
        most_stored_gb = float(demand.database_stored_gb.max())
        limits = [Limit("database storage", most_stored_gb, self.largest_storage_gb, "GB")]
        if self.read_replicas:
            lag_s = float(self.lag_s(demand).max())
            limits.append(
                Limit("read replica lag", lag_s, LONGEST_LAG_S, "s", remedy="a larger instance class")
            )
        earned = self.instance.cpu_credits_per_hour
        if earned is not None:
            balance = lowest_cpu_credit_balance(self.instance, np.minimum(cpu_utilisation, 1.0))
            limits.append(
                Limit(
                    "CPU credits borrowed",
                    max(0.0, -balance),
                    BORROWED_CREDIT_HOURS * earned,
                    "credits",
                    remedy="a class that is not burstable",
                )
            )
        return tuple(limits)

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Instance hours, storage, bought I/O and backups of the primary, and the same of replicas."""
        kind = self.storage_type.upper()
        primary_form, storage_form = (
            ("Multi-AZUsage", f"Multi-AZ-{kind}") if self.multi_az else ("InstanceUsage", kind)
        )
        usages = [
            *self._instance_hours(demand, primary_form, self.resource_name, 1),
            *self._storage(demand, storage_form, self.resource_name, 1),
        ]
        if self.read_replicas:
            name = f"{self.resource_name}-replica"
            usages += self._instance_hours(demand, "InstanceUsage", name, self.read_replicas)
            usages += self._storage(demand, kind, name, self.read_replicas)
        return (*usages, *self._backups(demand))

    def _instance_hours(self, demand: Demand, form: str, resource_name: str, count: int) -> tuple[Usage, ...]:
        query = PriceQuery(
            SERVICE_CODE,
            self.region_id,
            f"{form}:{price_list_class(self.instance_class)}",
            (("engine", self.engine_name),),
            ON_DEMAND if self.purchase == "on_demand" else RESERVED_TERM,
        )
        meter = Meter("Instance hours", SERVICE_NAME, "Databases", "Hours", query)
        hours = np.full(demand.calendar.hours, float(count))
        formula = f"{count} x {HOURS_PER_DAY} hours a day"
        return meter_usage(meter, resource_name, demand.calendar, hours, formula)

    def _storage(self, demand: Demand, form: str, resource_name: str, count: int) -> list[Usage]:
        allocated_gb = self.allocated_gb(demand)
        share = demand.calendar.month_share_per_day * count
        extra_iops = charged_iops(self.storage_type, self.iops, allocated_gb)
        striped = allocated_gb >= STRIPED_FROM_GB
        extra_mibps = np.where(striped, max(0.0, self.throughput_mibps - STRIPED_MIBPS), 0.0)
        copies = f"{count} x " if count > 1 else ""
        rows = (
            ("Storage", "Storage", "GB-Months", allocated_gb, "GB allocated"),
            ("Provisioned IOPS", "PIOPS", "IOPS-Months", extra_iops, f"IOPS above {STRIPED_IOPS:g}"),
            (
                "Provisioned throughput",
                "Throughput",
                "MBps-Months",
                extra_mibps,
                f"MiB/s above {STRIPED_MIBPS:g}",
            ),
        )
        usages: list[Usage] = []
        for name, suffix, unit, amount, words in rows:
            if amount.any():
                meter = self._meter(name, f"RDS:{form}-{suffix}", unit)
                formula = f"{copies}{words} each day / days of the month"
                usages += meter_usage(meter, resource_name, demand.calendar, amount * share, formula)
        return usages

    def _backups(self, demand: Demand) -> tuple[Usage, ...]:
        """Backups of the primary, beyond as much as all instances have allocated in the region.

        A standby's copy of the storage is not counted as allocated, which is never less than AWS charges.
        Source: AWS Database Blog, "Demystifying Amazon RDS backup storage costs" (2023).
        """
        stored_gb = demand.database_stored_gb
        days = self.work.backup_retention_days
        changed_gb = changed_gb_per_day(demand.daily(demand.writes), stored_gb, self.work)
        free_gb = self.allocated_gb(demand) * (1 + self.read_replicas)
        charged_gb = np.maximum(0.0, stored_gb + changed_gb * days - free_gb)
        if not charged_gb.any():
            return ()
        return meter_usage(
            self._meter("Backup storage", "RDS:ChargedBackupUsage", "GB-Months"),
            self.resource_name,
            demand.calendar,
            charged_gb * demand.calendar.month_share_per_day,
            f"(GB stored + {days} days x GB written a day - GB allocated to {1 + self.read_replicas} instance(s),"
            " which is free) / days of the month",
        )

    def _meter(self, name: str, usage_type: str, unit: str) -> Meter:
        query = PriceQuery(SERVICE_CODE, self.region_id, usage_type)
        return Meter(name, SERVICE_NAME, "Databases", unit, query)

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """Every node, the standby idle, with its own volume, and the writes sent to each copy."""
        copies = self.read_replicas + int(self.multi_az)
        nodes = 1 + copies
        volume_gb_hours = float(self.allocated_gb(demand).sum()) * HOURS_PER_DAY * nodes
        written_gb = changed_gb_per_day(demand.daily(demand.writes), demand.database_stored_gb, self.work)
        return (
            instances(
                self.region_id,
                self.instance,
                float(demand.days * HOURS_PER_DAY * nodes),
                busy_vcpu_hours(
                    self._loads(demand),
                    self.read_replicas,
                    self.work,
                    capacity,
                    speed_of(self.instance, self.work.engine),
                ),
            )
            + volumes(self.region_id, volume_gb_hours)
            + moved(self.region_id, float(written_gb.sum()) * copies)
            + unmeasured("backups of the database")
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        """Data keys of daily snapshots. Replication between zones is free, and the bytes of
        API calls are counted by the compute tier.

        Source: Amazon RDS User Guide, "Amazon RDS pricing"; Amazon RDS pricing, "Data transfer" (2025-12).
        """
        nodes = 1 + self.read_replicas
        return replace(
            Footprint.none(demand.days),
            zonal_database=True,
            kms_requests=read_only(np.full(demand.days, float(SNAPSHOTS_PER_DAY * nodes))),
        )

    def terraform(self) -> tuple[TerraformVariable, ...]:
        """Inputs of terraform-aws-modules/rds 7.2.0; each replica is a module call of its own."""
        replicas = tuple(
            TerraformVariable(
                f"rds_replica_{number}",
                f"Read replica {number}: inputs of terraform-aws-modules/rds.",
                (
                    _replica_identifier(number),
                    also(
                        identifier("replicate_source_db", PRIMARY_IDENTIFIER),
                        "{value} == var.rds.identifier",
                        "be rds.identifier",
                    ),
                    self._class_attribute(),
                    one_of("storage_type", self.storage_type, ("gp3", "gp2")),
                    flag("multi_az", False),
                    flag("publicly_accessible", False),
                    flag("deletion_protection", True),
                ),
            )
            for number in range(1, self.read_replicas + 1)
        )
        return (self._primary_variable(), *replicas)

    def _primary_variable(self) -> TerraformVariable:
        attributes = [
            identifier("identifier", PRIMARY_IDENTIFIER),
            one_of("engine", _TERRAFORM_ENGINES[self.work.engine], tuple(_TERRAFORM_ENGINES.values())),
            self._class_attribute(),
            between("allocated_storage", self.storage_gb, SMALLEST_GB, LARGEST_GB),
            self._storage_ceiling(),
            one_of("storage_type", self.storage_type, ("gp3", "gp2")),
        ]
        if self.iops:
            attributes.append(_striped(between("iops", self.iops, STRIPED_IOPS, LARGEST_IOPS)))
        if self.throughput_mibps:
            throughput = between(
                "storage_throughput",
                math.floor(self.throughput_mibps),
                STRIPED_MIBPS,
                LARGEST_MIBPS,
                at_most=f"var.rds.iops / {IOPS_PER_MIBPS}" if self.iops else "",
            )
            attributes.append(_striped(throughput))
        attributes += [
            flag("multi_az", self.multi_az),
            between("backup_retention_period", self.work.backup_retention_days, 1, 35),
            flag("storage_encrypted", True),
            flag("publicly_accessible", False),
            flag("deletion_protection", True),
        ]
        return TerraformVariable(
            "rds", "Database instance: inputs of terraform-aws-modules/rds.", tuple(attributes)
        )

    def _storage_ceiling(self) -> TerraformAttribute:
        """Where storage autoscaling ends; off when the allocation leaves no room for a first step."""
        ceiling_gb = self.largest_storage_gb
        allocated = "var.rds.allocated_storage"
        return TerraformAttribute(
            "max_allocated_storage",
            "number",
            int(ceiling_gb) if ceiling_gb >= LEAST_CEILING_RATIO * self.storage_gb else 0,
            f"{{value}} == 0 || ({{value}} >= {LEAST_CEILING_RATIO:g} * {allocated} && "
            f"{{value}} <= {LARGEST_GB:.0f} && floor({{value}}) == {{value}})",
            f"must be a whole number at least 10 % above rds.allocated_storage and at most {LARGEST_GB:.0f}, "
            "or 0 for no storage autoscaling",
        )

    def _class_attribute(self) -> TerraformAttribute:
        return matching(
            "instance_class",
            self.instance_class,
            type_pattern(class_names(RDS_SIZES)),
            "must be a database class that RDS has, such as db.m7g.large",
        )


def identifier(name: str, value: str) -> TerraformAttribute:
    """An RDS identifier. Source: Amazon RDS API Reference, CreateDBInstance (2023-06)."""
    return also(
        matching(
            name,
            value,
            "^[a-z](-?[a-z0-9])*$",
            "must be lower-case letters, digits and single hyphens, a letter first and no hyphen last",
        ),
        "length({value}) <= 63",
        "have at most 63 characters",
    )


def _replica_identifier(number: int) -> TerraformAttribute:
    """Names another instance than the primary and the replicas before it."""
    others = ["rds", *(f"rds_replica_{before}" for before in range(1, number))]
    taken = ", ".join(f"var.{other}.identifier" for other in others)
    return also(
        identifier("identifier", f"{PRIMARY_IDENTIFIER}-replica-{number}"),
        f"contains([{taken}], {{value}}) == false",
        f"differ from {taken.replace('var.', '')}",
    )


def _striped(attribute: TerraformAttribute) -> TerraformAttribute:
    """Bought IOPS and throughput: only striped volumes take them. Source: see `STRIPED_FROM_GB`."""
    return also(
        attribute,
        f"var.rds.allocated_storage >= {STRIPED_FROM_GB:.0f}",
        f"go with rds.allocated_storage of {STRIPED_FROM_GB:.0f} or more",
    )


def charged_iops(storage_type: str, iops: float, allocated_gb: FloatArray) -> FloatArray:
    """Provisioned IOPS charged on each day, shape (days,), for one copy of the data.

    gp3 includes 12 000 from 400 GB on, and sells none below; io1 and io2 include none.
    Source: see `STRIPED_IOPS`; Amazon RDS pricing, database storage (2025-12-05).
    """
    if storage_type in ("io1", "io2"):
        return np.full(allocated_gb.shape, iops)
    return np.where(allocated_gb >= STRIPED_FROM_GB, max(0.0, iops - STRIPED_IOPS), 0.0)


def price_list_class(instance_class: str) -> str:
    """`db.m7g.2xlarge` -> `db.m7g.2xl`, as usage types abbreviate it. Source: AWS price list, AmazonRDS usage types."""
    return instance_class.replace("xlarge", "xl")


def metered_databases(databases: Databases) -> list[Metered]:
    """Hours of an instance that ran for so long after each start, to nine decimals. Source: see `LEAST_BILLED_S`."""
    deployment = "Multi-AZUsage" if databases.multi_az else "InstanceUsage"
    usage_type = f"{deployment}:{price_list_class(databases.instance_class)}"
    query = PriceQuery(SERVICE_CODE, databases.region, usage_type, (("engine", databases.engine),))
    least = Decimal(LEAST_BILLED_S) / SECONDS_PER_MINUTE
    minutes = sum((max(least, ran) for ran in databases.ran_minutes), Decimal(0))
    short = sum(ran < least for ran in databases.ran_minutes)
    words = f"{plain(minutes)} minutes / {MINUTES_PER_HOUR}"
    if short:
        words += (
            f", {short} of {len(databases.ran_minutes)} starts billed as {plain(least)} minutes, the least"
        )
    hours = to_nine_decimals(minutes / MINUTES_PER_HOUR)
    return [Metered(Meter(usage_type, SERVICE_NAME, "Databases", "Hours", query), hours, words)]


def behind_standby(latency: Latency, load: NodeLoad, work: Database) -> Latency:
    """Latency with a synchronous standby: the share of work that writes do gets slower."""
    total_ms = load.cpu_ms(work)
    write_share = load.writes * work.write_cpu_ms / total_ms if total_ms else 0.0
    return replace(
        latency,
        mean_ms=latency.mean_ms * (1.0 + write_share * (STANDBY_MEAN_RATIO - 1.0)),
        p99_ms=latency.p99_ms * (1.0 + write_share * (STANDBY_P99_RATIO - 1.0)),
    )


def designs(scenario: Scenario, demand: Demand) -> tuple[RdsInstance, ...]:
    """Classes near the peak, Single-AZ and Multi-AZ, and with one replica where reads dominate.

    Raises ScenarioError for a database family that AWS does not offer.
    """
    refuse(family_rules(scenario), scenario.name)
    constraints, work = scenario.constraints, scenario.database
    if "rds" not in constraints.database:
        return ()
    helpful = (0, 1) if reads_dominate(demand.fan_out, work) else (0,)
    replicas_of = constraints.read_replicas or helpful
    forms = [
        (multi_az, count) for count in replicas_of for multi_az in (False, True) if multi_az or not count
    ]
    return tuple(
        _sized(scenario, demand, instance, multi_az, replicas, purchase)
        for multi_az, replicas in forms
        for instance in _classes(scenario, demand, replicas)
        for purchase in _purchases(scenario, instance)
    )


def _classes(scenario: Scenario, demand: Demand, replicas: int) -> tuple[InstanceType, ...]:
    loads = node_loads(demand.fan_out, scenario.database, replicas, readers_repeat_writes=True)
    return classes_for(scenario, demand, loads, RDS_SIZES)


def _purchases(scenario: Scenario, instance: InstanceType) -> tuple[Purchase, ...]:
    family = instance.family.removeprefix("db.")
    offered = family in RESERVED_FAMILIES and (family, scenario.region) not in RESERVED_GAPS
    purchases: tuple[Purchase, ...] = ("on_demand", "reserved_1yr_no_upfront")
    return tuple(
        p for p in purchases if p in scenario.constraints.commitments and (p == "on_demand" or offered)
    )


def _sized(
    scenario: Scenario,
    demand: Demand,
    instance: InstanceType,
    multi_az: bool,
    read_replicas: int,
    purchase: Purchase,
) -> RdsInstance:
    """An instance whose storage holds the data and carries the busiest minute's I/O, if gp3 can."""
    work = scenario.database
    loads = node_loads(demand.fan_out, work, read_replicas, readers_repeat_writes=True)
    missed = miss_ratio(demand.database_stored_gb, instance.memory_gib, work)
    ios_per_call = max(float(load.ios(work, missed).max()) for load in loads if load)
    needed_iops = ios_per_call * demand.api_requests.max() / SECONDS_PER_MINUTE / PLANNED_PEAK_UTILISATION
    needed_mibps = needed_iops * PAGE_KB[work.engine] / 1024.0
    storage_gb = max(SMALLEST_GB, math.ceil(demand.database_stored_gb[0] / (1.0 - FREE_STORAGE_RATIO)))
    iops = throughput_mibps = 0.0
    if needed_iops > BASE_IOPS or needed_mibps > BASE_MIBPS:
        storage_gb = max(storage_gb, STRIPED_FROM_GB)
    if needed_iops > STRIPED_IOPS:
        iops = min(math.ceil(needed_iops / IOPS_STEP) * IOPS_STEP, LARGEST_IOPS, instance.ebs_baseline_iops)
        iops = max(iops, STRIPED_IOPS)
    if needed_mibps > STRIPED_MIBPS:
        throughput_mibps = min(
            float(math.ceil(needed_mibps)),
            LARGEST_MIBPS,
            instance.ebs_baseline_mbps / BITS_PER_BYTE,
            max(iops, STRIPED_IOPS) / IOPS_PER_MIBPS,
        )
        throughput_mibps = max(throughput_mibps, STRIPED_MIBPS)
    return RdsInstance(
        region_id=scenario.region,
        instance_class=instance.name,
        multi_az=multi_az,
        read_replicas=read_replicas,
        storage_gb=min(storage_gb, LARGEST_GB),
        iops=iops,
        throughput_mibps=throughput_mibps,
        purchase=purchase,
        work=work,
        patience=Patience.of(scenario.api),
    )


SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.DATABASE, designs, needs.RDS)
