"""Amazon DynamoDB: one table and its indexes, on demand or provisioned with auto scaling.

Partitions: adaptive capacity is instant here, so that a table serves from one pool whatever its keys, up
to what one partition can do; what the hottest key asks for beyond that is refused, whatever the table
has left. AWS isolates such a key in a partition of its own. Source: Amazon DynamoDB Developer Guide,
"Best practices for designing partition keys" (2023-06).

Partitions are as many as throughput and storage ask for, which AWS sees to and nobody pays for, so that
their number never binds. Not modelled: warm throughput raised ahead of an event, which is charged once at a
price that the price list at hand does not have.

Throttles: the SDK retries a refused request within seconds, so retries inside a one-minute step win no
capacity that the minute does not have. What a minute refuses in sum is therefore what fails, and one
refused operation fails its API call. Source: Amazon DynamoDB Developer Guide, "Error handling" (2023-06).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np

from costmodel.capacity.accelerator import Cluster, Reading, cluster_work, read_through
from costmodel.capacity.energy import Energy
from costmodel.capacity.on_demand import (
    WARM_READ_UNITS_PER_S,
    WARM_WRITE_UNITS_PER_S,
    Flow,
    serve_on_demand,
)
from costmodel.capacity.partitions import (
    PARTITION_READ_UNITS_PER_S,
    PARTITION_WRITE_UNITS_PER_S,
    TABLE_QUOTA_UNITS_PER_S,
    hot_refused,
)
from costmodel.capacity.provisioned import (
    Bounds,
    ProvisionedRun,
    check_target,
    follow_target,
    follow_target_together,
    nothing_scaled,
)
from costmodel.capacity.request_units import CallUnits, call_units
from costmodel.capacity.result import Capacity, Latency, Limit
from costmodel.capacity.table_latency import call_latency
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.memory import remembered
from costmodel.pricing.price import PriceQuery
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
    TerraformVariable,
    TierService,
    Usage,
    meter_usage,
    region_to_region,
)
from costmodel.services._dax import (
    cluster_limits,
    cluster_settings,
    cluster_usage,
    cluster_variables,
    cluster_words,
    smallest_cluster,
    with_cluster,
)
from costmodel.services._dynamodb_alarms import replica_alarms, table_alarms
from costmodel.services._dynamodb_energy import table_energy
from costmodel.services._dynamodb_terraform import (
    on_demand_variable,
    provisioned_variables,
    replica_variables,
)
from costmodel.units import (
    BYTES_PER_GB,
    BYTES_PER_KB,
    DYNAMODB_BYTES_PER_GB,
    HOURS_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
)

SERVICE_NAME = "Amazon DynamoDB"
SERVICE_CODE = "AmazonDynamoDB"

ITEM_OVERHEAD_BYTES = 100
"""Storage billed per item and per index entry, beside its own bytes.

Source: Amazon DynamoDB Developer Guide, "Item sizes and formats" (2023-06); aws/agent-toolkit-for-aws (2026-08-20).
"""

ACCOUNT_QUOTA_UNITS_PER_S = 80_000.0
"""Provisioned read and, apart, write units per second of an account in a region, indexes included.

Source: Amazon DynamoDB Developer Guide, "Service, account, and table quotas" (2023-06); raised on request.
"""

TABLE_REMEDY = "AWS quota: DynamoDB throughput per table"
ACCOUNT_REMEDY = "AWS quota: DynamoDB provisioned throughput per account"
HOT_KEY_REMEDY = "database.hottest_key_ratio: spread the key over several"
"""What lets more load past each ceiling; a partition's is fixed. Source: as the ceilings."""

MOST_INDEXES = 20
"""Global secondary indexes of a table. Source: Amazon DynamoDB Developer Guide, "quotas" (2023-06)."""

REPLICA_ITEM_OVERHEAD_BYTES = 48
"""Storage billed per item of a global table, beside the overhead of every item.

Source: Amazon DynamoDB Developer Guide, "Item sizes and formats"; aws/agent-toolkit-for-aws (2026-08-20).
"""

REPLICATION_LAG_S = 1.0
"""How far the other regions of a global table usually are behind.

Source: Amazon DynamoDB Developer Guide, "Global tables" (2023-06): usually within a second.
"""

KMS_CALLS_PER_DAY = 288.0
"""One call every five minutes for the one role that uses the table.

Source: AWS KMS Developer Guide, "How Amazon DynamoDB uses AWS KMS" (2023-06): table keys are cached five minutes.
"""

INDEX_READ_UNITS = 1.0
"""Provisioned reads of each index: the least there is. All reads are counted at the table."""

FLOOR_PERCENTILE = 10.0
"""Auto scaling never goes below what this percentile of minutes needs; our choice."""

CEILING_RATIO = 1.5
"""Auto scaling goes up to this many times what the busiest minute needs; our choice."""

TableClass = Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"]
STANDARD: TableClass = "STANDARD"
INFREQUENT_ACCESS: TableClass = "STANDARD_INFREQUENT_ACCESS"
CLASS_PREFIXES: dict[TableClass, str] = {STANDARD: "", INFREQUENT_ACCESS: "IA-"}
"""What the usage types of a class's throughput and storage begin with; recovery costs the same in both.

Source: AmazonDynamoDB usage types as in infracost, internal/resources/aws/dynamodb_table.go (2026-05).
"""


@dataclass(frozen=True, slots=True)
class _Table:
    """What both capacity modes share: storage, point-in-time recovery, ceilings, promises."""

    region_id: str
    work: Database
    replica_region_ids: tuple[str, ...] = field(default=(), kw_only=True)
    """Other regions of a global table; none for a plain one."""
    replicas_serve: bool = field(default=False, kw_only=True)
    """Whether every region answers as many calls as any other, and could answer all; else the first does."""
    table_class: TableClass = field(default=STANDARD, kw_only=True)
    cluster: Cluster | None = field(default=None, kw_only=True)
    """DAX in front of the table, in every region; none for a table on its own."""
    own_key: bool = field(default=False, kw_only=True)
    """Whether a customer-managed key encrypts it, in each region one of that region; else one that AWS owns."""

    def __post_init__(self) -> None:
        """Raises ValueError for a table that AWS would not make."""
        if self.work.secondary_indexes > MOST_INDEXES:
            raise ValueError(
                f"a table has at most {MOST_INDEXES} global secondary indexes (Amazon DynamoDB Developer Guide,"
                f" quotas, 2023-06), not {self.work.secondary_indexes}"
            )
        if self.region_id in self.replica_region_ids or len(set(self.replica_region_ids)) < len(
            self.replica_region_ids
        ):
            raise ValueError("a global table has one replica in each of its regions")

    def under(self, scenario: Scenario) -> Self:
        """The same settings under another scenario's figures."""
        return replace(self, work=scenario.database, own_key=scenario.security.kms_keys > 0)

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """A global table holds all its regions; it takes the whole demand, wherever it comes in.

        Source: Amazon DynamoDB Developer Guide, "Global tables" (2023-06): every replica takes reads and writes.
        """
        if strategy in (Strategy.NONE, Strategy.BACKUP_RESTORE):
            return (Share(self, 1.0),)
        serve = strategy is Strategy.ACTIVE_ACTIVE
        return (Share(replace(self, replica_region_ids=(other_region_id,), replicas_serve=serve), 1.0),)

    def copied(self, demand: Demand, other_region_id: str, strategy: Strategy) -> tuple[Usage, ...]:
        """A full backup a day, kept at home until the next, and copied to the other region, which keeps the newest.

        Source: AWS Backup Developer Guide, "Creating backup copies across AWS Regions" (2023-06): what is copied is a
        recovery point at home; API reference, `Lifecycle` (2023-06): one is deleted whole days after it was made, so that
        of one a day one always stands. DynamoDB Developer Guide, "Backing up and restoring DynamoDB tables with AWS
        Backup" (2023-06): each holds the whole table, and costs as one that DynamoDB itself keeps; "Advanced DynamoDB
        backup" (2023-06). That each copy is a full one as well is our guess.
        """
        if strategy is not Strategy.BACKUP_RESTORE:
            return ()
        kept_gb_months = self.billed_gb(demand) * demand.calendar.month_share_per_day
        usages: list[Usage] = []
        for place, whose in (
            (self.region_id, "newest backup"),
            (other_region_id, "copy of the newest backup"),
        ):
            usages += self.metered(
                demand,
                "Backup storage",
                "TimedBackupStorage-ByteHrs",
                "GB-Months",
                kept_gb_months,
                f"{whose} in {place}: decimal GB each day / days of the month",
                place,
            )
        sent = meter_usage(
            region_to_region(self.region_id, other_region_id),
            self.resource_name,
            demand.calendar,
            demand.database_stored_gb,
            f"a full copy a day to {other_region_id}",
        )
        return (*usages, *sent)

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
    def reliability(self) -> Reliability:
        """A table lives in three zones, and the loss of one is not noticed.

        Source: Amazon DynamoDB Service Level Agreement (2019), Standard and Global Tables SLA; DynamoDB
        Developer Guide.
        """
        if self.replica_region_ids:
            table = Reliability(0.99999, "Amazon DynamoDB Service Level Agreement (2019), global tables")
        else:
            table = Reliability(0.9999, "Amazon DynamoDB Service Level Agreement (2019), single region")
        return with_cluster(table, self.cluster)

    def billed_gb(self, demand: Demand) -> FloatArray:
        """Decimal GB billed each day in each region, shape (days,): the bytes, 100 for each item and index
        entry, and 48 for each item of a global table.

        Source: Amazon DynamoDB Developer Guide, "Item sizes and formats" (2023-06); the decimal GB:
        see `units.DYNAMODB_BYTES_PER_GB`.
        """
        entries = 1 + self.work.secondary_indexes
        item_bytes = entries * ITEM_OVERHEAD_BYTES
        if self.replica_region_ids:
            item_bytes += REPLICA_ITEM_OVERHEAD_BYTES
        overhead = item_bytes / (self.work.read_item_kb * BYTES_PER_KB)
        return demand.database_stored_gb * (1.0 + overhead) * BYTES_PER_GB / DYNAMODB_BYTES_PER_GB

    def storage_usage(self, demand: Demand) -> tuple[Usage, ...]:
        """Table storage and continuous backups of the same size; every region of a global table keeps all."""
        gb_months = self.billed_gb(demand) * demand.calendar.month_share_per_day
        entries = 1 + self.work.secondary_indexes
        formula = (
            f"decimal GB each day with {entries} x {ITEM_OVERHEAD_BYTES} bytes per item / days of the month"
        )
        kinds = (
            ("Storage", f"{self.class_prefix}TimedStorage-ByteHrs"),
            ("Point-in-time recovery", "TimedPITRStorage-ByteHrs"),
        )
        usages: list[Usage] = []
        for region_id in (self.region_id, *self.replica_region_ids):
            for name, usage_type in kinds:
                usages += self.metered(demand, name, usage_type, "GB-Months", gb_months, formula, region_id)
        return tuple(usages)

    def writes_usage(
        self, demand: Demand, form: str, unit: str, table: FloatArray, indexes: FloatArray, formula: str
    ) -> tuple[Usage, ...]:
        """Writes in every region, `form` being the end of the usage type. A global table pays its own writes
        and each repetition of them as replicated ones; its indexes pay plain ones in every region. What is
        repeated also travels to the other region.

        Source: Amazon DynamoDB pricing, "Global tables" (2024-11).
        """
        if not self.replica_region_ids:
            name = "Provisioned writes" if "Capacity" in form else "Write requests"
            return self.metered(
                demand, name, f"{self.class_prefix}Write{form}", unit, table + indexes, formula
            )
        usages: list[Usage] = []
        for region_id in (self.region_id, *self.replica_region_ids):
            usages += self.metered(
                demand,
                "Replicated writes",
                f"{self.class_prefix}ReplWrite{form}",
                f"Replicated {unit}",
                table,
                formula,
                region_id,
            )
            if indexes.any():
                name = "Writes of indexes"
                usages += self.metered(
                    demand, name, f"{self.class_prefix}Write{form}", unit, indexes, formula, region_id
                )
        sent_gb = demand.daily(demand.writes) * self.work.write_item_kb * BYTES_PER_KB / BYTES_PER_GB
        for sender in self.serving_region_ids:
            for receiver in (self.region_id, *self.replica_region_ids):
                if receiver == sender:
                    continue
                usages += meter_usage(
                    region_to_region(sender, receiver),
                    self.resource_name,
                    demand.calendar,
                    sent_gb / len(self.serving_region_ids),
                    f"writes x {self.work.write_item_kb:g} KB to {receiver}{self.split_words}",
                )
        return tuple(usages)

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """Requests and storage in every region, and a cluster's nodes: see `table_energy`."""
        units = call_units(demand.fan_out, self.work)
        per_call = units.table_writes + self.work.secondary_indexes * units.index_writes
        answered = float((capacity.requests - capacity.failed_requests).sum())
        return table_energy(
            demand,
            (self.region_id, *self.replica_region_ids),
            self.cluster,
            read_units=float(self.reading(demand).units.sum()),
            write_units=answered * per_call,
            gb_hours=float(self.billed_gb(demand).sum()) * HOURS_PER_DAY,
        )

    @property
    def serving_region_ids(self) -> tuple[str, ...]:
        """Regions that calls come in at, the first one first."""
        return (self.region_id, *(self.replica_region_ids if self.replicas_serve else ()))

    @property
    def split_words(self) -> str:
        """How a formula says that regions share calls; nothing when one takes all."""
        count = len(self.serving_region_ids)
        return f" / {count} regions" if count > 1 else ""

    def metered(
        self,
        demand: Demand,
        name: str,
        usage_type: str,
        unit: str,
        quantity: FloatArray,
        formula: str,
        region_id: str = "",
    ) -> tuple[Usage, ...]:
        """One meter in the table's region, or in another of a global table."""
        query = PriceQuery(SERVICE_CODE, region_id or self.region_id, usage_type)
        meter = Meter(name, SERVICE_NAME, "Databases", unit, query)
        elsewhere = f"-{region_id}" if region_id not in ("", self.region_id) else ""
        return meter_usage(meter, self.resource_name + elsewhere, demand.calendar, quantity, formula)

    @property
    def class_prefix(self) -> str:
        """What the usage types of the table's class begin with."""
        return CLASS_PREFIXES[self.table_class]

    @remembered
    def reading(self, demand: Demand) -> Reading:
        """Reads of the table and of the cluster in front of it."""
        units = call_units(demand.fan_out, self.work).reads
        return read_through(demand, self.work, units, self.cluster)

    def hot_refused_of(self, demand: Demand, units: CallUnits) -> tuple[FloatArray, FloatArray]:
        """Shares of the table's reads and writes refused because they are of the hottest key, shape (minutes,)
        each. An index is taken to spread its writes as its table does.
        """
        reading = self.reading(demand)
        writing = units.table_writes * demand.api_requests
        return (
            hot_refused(reading.hottest_units, reading.units, PARTITION_READ_UNITS_PER_S),
            hot_refused(self.work.hottest_key_ratio * writing, writing, PARTITION_WRITE_UNITS_PER_S),
        )

    def failed_calls(
        self, demand: Demand, refused_reads: FloatArray, refused_writes: FloatArray
    ) -> FloatArray:
        """API calls lost in each minute, shape (minutes,), when the table refuses these shares of operations.

        Each refused operation fails a call of its own, at most all calls.
        """
        of_table = demand.reads * (1.0 - self.reading(demand).hit_ratio)
        lost = of_table * refused_reads + demand.writes * refused_writes
        return read_only(np.minimum(lost, demand.api_requests))

    def latency(self, demand: Demand) -> Latency:
        """Of all database work of a call; over the run, the cluster answers its share of all reads."""
        reads = float(demand.reads.sum())
        hits = float((demand.reads * self.reading(demand).hit_ratio).sum())
        return call_latency(demand.fan_out, hits / reads if reads > 0 else 0.0)

    def limits(self, demand: Demand, units: CallUnits) -> tuple[Limit, ...]:
        """Ceilings of one key, of one table and of a cluster at the busiest minute."""
        reading = self.reading(demand)
        writes_per_s = float(demand.api_requests.max()) / SECONDS_PER_MINUTE * units.table_writes
        hottest_per_s = float(reading.hottest_units.max()) / SECONDS_PER_MINUTE
        hot_writes_per_s = writes_per_s * self.work.hottest_key_ratio
        unit = "units per second"
        found = (
            Limit(
                "reads of the hottest key",
                hottest_per_s,
                PARTITION_READ_UNITS_PER_S,
                unit,
                remedy=HOT_KEY_REMEDY,
            ),
            Limit(
                "writes of the hottest key",
                hot_writes_per_s,
                PARTITION_WRITE_UNITS_PER_S,
                unit,
                remedy=HOT_KEY_REMEDY,
            ),
            Limit(
                "table read quota",
                float(reading.units.max()) / SECONDS_PER_MINUTE,
                TABLE_QUOTA_UNITS_PER_S,
                unit,
                remedy=TABLE_REMEDY,
            ),
            Limit("table write quota", writes_per_s, TABLE_QUOTA_UNITS_PER_S, unit, remedy=TABLE_REMEDY),
        )
        return (*found, *cluster_limits(self.cluster, self.work_of_cluster(demand)))

    def work_of_cluster(self, demand: Demand) -> FloatArray:
        """Normalised requests of the cluster in each minute, shape (minutes,); zeros without one."""
        if self.cluster is None:
            return np.zeros(demand.minutes)
        return cluster_work(self.cluster, self.work, demand, self.reading(demand).hit_ratio)

    def cluster_usage(self, demand: Demand) -> tuple[Usage, ...]:
        """Node-hours of the cluster in every region of the table."""
        return cluster_usage(
            self.cluster, demand, (self.region_id, *self.replica_region_ids), self.resource_name
        )

    @property
    def label_ending(self) -> str:
        """What the label says of class and cluster."""
        of_class = ", infrequent access" if self.table_class == INFREQUENT_ACCESS else ""
        return of_class + cluster_words(self.cluster)

    def replica_settings(self) -> Mapping[str, Setting]:
        """Other regions of a global table; nothing for a plain one."""
        return {"replica_regions": ", ".join(self.replica_region_ids)} if self.replica_region_ids else {}

    @property
    def replication_lag_s(self) -> float:
        """How far other regions are behind, and what the loss of this one would lose; 0 without any."""
        return REPLICATION_LAG_S if self.replica_region_ids else 0.0

    def saturation_per_s(
        self, demand: Demand, units: CallUnits, read_units_per_s: float, write_units_per_s: float
    ) -> float:
        """API calls per second at which the table, at these capacities, its hottest key or its cluster is full.

        A cache answers what it does at the busiest minute, and more at a higher rate: an understatement.
        """
        hottest = self.work.hottest_key_ratio
        busiest = int(demand.api_requests.argmax())
        calls = float(demand.api_requests[busiest])
        reads = hot_reads = work = 0.0
        if calls > 0:
            reading = self.reading(demand)
            reads = float(reading.units[busiest]) / calls
            hot_reads = float(reading.hottest_units[busiest]) / calls
            work = float(self.work_of_cluster(demand)[busiest]) / calls
        ratios = (
            reads / read_units_per_s,
            units.table_writes / write_units_per_s,
            hot_reads / PARTITION_READ_UNITS_PER_S,
            hottest * units.table_writes / PARTITION_WRITE_UNITS_PER_S,
            work / self.cluster.safe_work_per_s if self.cluster else 0.0,
        )
        return 1.0 / max(ratios) if max(ratios) > 0 else math.inf

    def footprint_with(self, demand: Demand, alarms: int) -> Footprint:
        """Key calls and alarms. Replication between zones is free, and clients reach the table through a
        gateway endpoint; DynamoDB writes no logs. A DAX cluster stands in the network, and so must its clients.

        Source: Amazon VPC User Guide, "Gateway endpoints" (2023-06); DynamoDB Developer Guide, "DAX" (2023-06).
        """
        return replace(self._left_in_a_region(demand), alarms=alarms)

    def footprint_away(self, demand: Demand) -> Footprint:
        """What each replica leaves in its region: key calls, and the network of its DAX cluster."""
        replicas = len(self.replica_region_ids)
        return sum([self._left_in_a_region(demand)] * replicas, Footprint.none(demand.days))

    def _left_in_a_region(self, demand: Demand) -> Footprint:
        calls = read_only(np.full(demand.days, KMS_CALLS_PER_DAY))
        return replace(
            Footprint.none(demand.days), kms_requests=calls, private_subnets=self.cluster is not None
        )


@dataclass(frozen=True, slots=True)
class OnDemandTable(_Table):
    """A table that pays per request."""

    @property
    def kind(self) -> str:
        return "dynamodb_dax" if self.cluster else "dynamodb_on_demand"

    @property
    def label(self) -> str:
        return f"DynamoDB on demand{self.label_ending}"

    def settings(self) -> Mapping[str, Setting]:
        return {
            "billing_mode": "PAY_PER_REQUEST",
            "table_class": self.table_class,
            "point_in_time_recovery": True,
            "secondary_indexes": self.work.secondary_indexes,
            **self.replica_settings(),
            **cluster_settings(self.cluster),
        }

    @remembered
    def flows(self, demand: Demand) -> tuple[Flow, Flow]:
        """Reads, and writes of the table. An index never asks for more than its table, which so decides."""
        units = call_units(demand.fan_out, self.work)
        rate_per_s = demand.api_requests / SECONDS_PER_MINUTE
        hot_reads, hot_writes = self.hot_refused_of(demand, units)
        return (
            serve_on_demand(
                self.reading(demand).units / SECONDS_PER_MINUTE,
                hot_reads,
                WARM_READ_UNITS_PER_S,
                TABLE_QUOTA_UNITS_PER_S,
            ),
            serve_on_demand(
                rate_per_s * units.table_writes, hot_writes, WARM_WRITE_UNITS_PER_S, TABLE_QUOTA_UNITS_PER_S
            ),
        )

    def simulate(self, demand: Demand) -> Capacity:
        """Twice the past peak is served; more is throttled. `servers` are units per second used."""
        units = call_units(demand.fan_out, self.work)
        reads, writes = self.flows(demand)
        return Capacity(
            servers=read_only(reads.served_per_s + writes.served_per_s * self._writes_per_table_write(units)),
            utilisation=read_only(np.minimum(np.maximum(reads.fullness, writes.fullness), 1.0)),
            requests=demand.api_requests,
            failed_requests=self.failed_calls(demand, reads.refused_ratio, writes.refused_ratio),
            latency=self.latency(demand),
            remedy=TABLE_REMEDY,
            saturation_requests_per_s=self.saturation_per_s(
                demand, units, TABLE_QUOTA_UNITS_PER_S, TABLE_QUOTA_UNITS_PER_S
            ),
            limits=self.limits(demand, units),
        )

    def _writes_per_table_write(self, units: CallUnits) -> float:
        """Write units in all, indexes included, per write unit of the table."""
        if units.table_writes == 0.0:
            return 1.0
        return 1.0 + self.work.secondary_indexes * units.index_writes / units.table_writes

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Request units served (throttled requests are free), storage, point-in-time recovery.

        Source: Amazon DynamoDB pricing, on-demand capacity (2025-08).
        """
        units = call_units(demand.fan_out, self.work)
        reads, writes = self.flows(demand)
        factor = self._writes_per_table_write(units)
        served_writes = demand.calendar.per_hour(writes.served_per_s * SECONDS_PER_MINUTE)
        indexes = self.work.secondary_indexes
        return (
            *(
                usage
                for region_id in self.serving_region_ids
                for usage in self.metered(
                    demand,
                    "Read requests",
                    f"{self.class_prefix}ReadRequestUnits",
                    "Read Request Units",
                    demand.calendar.per_hour(reads.served_per_s * SECONDS_PER_MINUTE)
                    / len(self.serving_region_ids),
                    f"API calls x {units.reads:g} read units, less what is throttled or cached{self.split_words}",
                    region_id,
                )
            ),
            *self.writes_usage(
                demand,
                "RequestUnits",
                "Write Request Units",
                served_writes,
                served_writes * (factor - 1.0),
                f"API calls x ({units.table_writes:g} + {indexes} indexes x {units.index_writes:g})"
                " write units, less what is throttled",
            ),
            *self.storage_usage(demand),
            *self.cluster_usage(demand),
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        return self.footprint_with(demand, alarms=0)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return (
            on_demand_variable(self.table_class, self.own_key),
            *replica_variables(self.replica_region_ids, self.own_key),
            *cluster_variables(self.cluster),
        )


@dataclass(frozen=True, slots=True)
class ProvisionedTable(_Table):
    """A table and indexes whose reads and writes are each scaled to a target."""

    target_ratio: float
    read_minimum_units: float
    read_maximum_units: float
    write_minimum_units: float
    write_maximum_units: float
    index_minimum_units: float
    """Writes of each index."""
    index_maximum_units: float

    def __post_init__(self) -> None:
        """Raises ValueError for a target or for units that AWS does not take."""
        _Table.__post_init__(self)
        check_target(self.target_ratio)
        for bounds in (self.read_bounds, self.write_bounds, self.index_bounds):
            if bounds.maximum_units > TABLE_QUOTA_UNITS_PER_S:
                raise ValueError(
                    f"a table or index has at most {TABLE_QUOTA_UNITS_PER_S:g} units per second (Amazon DynamoDB"
                    f" Developer Guide, quotas, 2023-06), not {bounds.maximum_units:g}"
                )

    @property
    def read_bounds(self) -> Bounds:
        return Bounds(self.read_minimum_units, self.read_maximum_units)

    @property
    def write_bounds(self) -> Bounds:
        return Bounds(self.write_minimum_units, self.write_maximum_units)

    @property
    def index_bounds(self) -> Bounds:
        return Bounds(self.index_minimum_units, self.index_maximum_units)

    @property
    def kind(self) -> str:
        return "dynamodb_dax" if self.cluster else "dynamodb_provisioned"

    @property
    def label(self) -> str:
        return (
            f"DynamoDB provisioned at {self.target_ratio:.0%}, {self.read_minimum_units:g} to"
            f" {self.read_maximum_units:g} RCU and {self.write_minimum_units:g} to {self.write_maximum_units:g} WCU"
            f"{self.label_ending}"
        )

    def settings(self) -> Mapping[str, Setting]:
        return {
            "billing_mode": "PROVISIONED",
            "table_class": self.table_class,
            "point_in_time_recovery": True,
            "secondary_indexes": self.work.secondary_indexes,
            **self.replica_settings(),
            **cluster_settings(self.cluster),
            "target_ratio": self.target_ratio,
            "read_minimum_units": self.read_minimum_units,
            "read_maximum_units": self.read_maximum_units,
            "write_minimum_units": self.write_minimum_units,
            "write_maximum_units": self.write_maximum_units,
            "index_minimum_units": self.index_minimum_units,
            "index_maximum_units": self.index_maximum_units,
        }

    @remembered
    def runs(self, demand: Demand) -> tuple[ProvisionedRun, ProvisionedRun, ProvisionedRun]:
        """Reads of the table, writes of the table, writes of one index, less what the hottest key is refused.

        A write that the table or an index refuses takes nothing of the other.
        """
        units = call_units(demand.fan_out, self.work)
        hot_reads, hot_writes = self.hot_refused_of(demand, units)
        calls, target = demand.api_requests, self.target_ratio
        reads = self.reading(demand).units * (1.0 - hot_reads)
        writing = calls * (1.0 - hot_writes)
        scaled = 2 if self.work.secondary_indexes else 1
        writes, *index = follow_target_together(
            writing,
            (units.table_writes, units.index_writes)[:scaled],
            target,
            (self.write_bounds, self.index_bounds)[:scaled],
        )
        return (
            follow_target(reads, target, self.read_minimum_units, self.read_maximum_units),
            writes,
            index[0] if index else nothing_scaled(demand.minutes),
        )

    def simulate(self, demand: Demand) -> Capacity:
        """Three control loops; an index short of capacity throttles its table.

        Source: Amazon DynamoDB Developer Guide, "Using global secondary indexes" (2023-06).
        `servers` are the capacity units of table and indexes.
        """
        units = call_units(demand.fan_out, self.work)
        hot_reads, hot_writes = self.hot_refused_of(demand, units)
        reads, writes, index = self.runs(demand)
        indexes = self.work.secondary_indexes
        fullness = np.maximum(reads.fullness, writes.fullness)
        return Capacity(
            servers=read_only(
                reads.provisioned_units
                + writes.provisioned_units
                + indexes * (index.provisioned_units + INDEX_READ_UNITS)
            ),
            utilisation=read_only(np.minimum(fullness, 1.0)),
            requests=demand.api_requests,
            failed_requests=self.failed_calls(
                demand,
                1.0 - (1.0 - hot_reads) * (1.0 - reads.refused_ratio),
                1.0 - (1.0 - hot_writes) * (1.0 - writes.refused_ratio),
            ),
            latency=self.latency(demand),
            remedy="higher maximum read and write units",
            saturation_requests_per_s=self.saturation_per_s(
                demand, units, self.read_maximum_units, self.write_maximum_units
            ),
            limits=(*self.limits(demand, units), *self._account_limits(reads, writes, index)),
        )

    def _account_limits(
        self, reads: ProvisionedRun, writes: ProvisionedRun, index: ProvisionedRun
    ) -> tuple[Limit, ...]:
        """The account's quotas, to which the indexes count too."""
        indexes = self.work.secondary_indexes
        most_reads = float(reads.provisioned_units.max()) + indexes * INDEX_READ_UNITS
        most_writes = float((writes.provisioned_units + indexes * index.provisioned_units).max())
        return tuple(
            Limit(
                f"account {do} quota",
                units,
                ACCOUNT_QUOTA_UNITS_PER_S,
                "units per second",
                remedy=ACCOUNT_REMEDY,
            )
            for do, units in (("read", most_reads), ("write", most_writes))
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Capacity unit-hours, storage, point-in-time recovery.

        AWS bills provisioned capacity by the hour; an hour in which it changed counts at its highest
        value, which is never less than AWS charges. Source: Amazon DynamoDB FAQ, "How will I be charged" (2023).
        """
        reads, writes, index = self.runs(demand)
        indexes = self.work.secondary_indexes
        read_units = reads.provisioned_units + indexes * INDEX_READ_UNITS
        highest = "highest capacity of each hour"
        hours = "Read Capacity Unit-Hours"
        return (
            *(
                usage
                for region_id in self.serving_region_ids
                for usage in self.metered(
                    demand,
                    "Provisioned reads",
                    f"{self.class_prefix}ReadCapacityUnit-Hrs",
                    hours,
                    hourly_highest(read_units),
                    f"{highest}: table and {indexes} indexes at {INDEX_READ_UNITS:g}",
                    region_id,
                )
            ),
            *self.writes_usage(
                demand,
                "CapacityUnit-Hrs",
                "Write Capacity Unit-Hours",
                hourly_highest(writes.provisioned_units),
                indexes * hourly_highest(index.provisioned_units),
                f"{highest}: table and {indexes} indexes",
            ),
            *(
                usage
                for region_id in self.replica_region_ids
                if region_id not in self.serving_region_ids
                for usage in self.metered(
                    demand,
                    "Provisioned reads",
                    f"{self.class_prefix}ReadCapacityUnit-Hrs",
                    hours,
                    np.full(demand.calendar.hours, (1 + indexes) * INDEX_READ_UNITS),
                    f"table and {indexes} indexes at {INDEX_READ_UNITS:g}: the first region answers all reads",
                    region_id,
                )
            ),
            *self.storage_usage(demand),
            *self.cluster_usage(demand),
            *replica_alarms(self.replica_region_ids, self.alarms, self.resource_name, demand.calendar),
        )

    @property
    def alarms(self) -> int:
        """Of auto scaling, in each region."""
        return table_alarms(self.work.secondary_indexes)

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        return self.footprint_with(demand, alarms=self.alarms)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        index = (INDEX_READ_UNITS, self.index_bounds) if self.work.secondary_indexes else None
        return (
            *provisioned_variables(
                self.table_class, self.own_key, self.target_ratio, self.read_bounds, self.write_bounds, index
            ),
            *replica_variables(self.replica_region_ids, self.own_key),
            *cluster_variables(self.cluster),
        )


def hourly_highest(units: FloatArray) -> FloatArray:
    """Highest value within each hour of an array of shape (minutes,), giving shape (hours,)."""
    return np.asarray(units.reshape(-1, MINUTES_PER_HOUR).max(axis=1))


def designs(scenario: Scenario, demand: Demand) -> tuple[OnDemandTable | ProvisionedTable, ...]:
    """On demand, and provisioned at each target, as far as the constraints allow; each in both classes; and
    with DAX where that is allowed and more items are read that need not be the newest than are written.
    """
    kinds, work = scenario.constraints.database, scenario.database
    targets = scenario.constraints.dynamodb_target_ratios
    on_demand = OnDemandTable(scenario.region, work)
    tables: list[OnDemandTable | ProvisionedTable] = []
    if "dynamodb_on_demand" in kinds:
        tables.append(on_demand)
    if "dynamodb_provisioned" in kinds:
        tables += [_provisioned(scenario, demand, target) for target in targets]
    tables += [replace(table, table_class=INFREQUENT_ACCESS) for table in tables]
    eventual_reads = work.reads_per_call * (1.0 - work.consistent_read_ratio)
    if "dynamodb_dax" in kinds and eventual_reads > work.writes_per_call:
        cluster = smallest_cluster(demand, work)
        tables += [replace(on_demand, cluster=cluster), _provisioned(scenario, demand, targets[0], cluster)]
    return tuple(table.under(scenario) for table in tables)


def _provisioned(
    scenario: Scenario, demand: Demand, target_ratio: float, cluster: Cluster | None = None
) -> ProvisionedTable:
    units = call_units(demand.fan_out, scenario.database)
    reads = OnDemandTable(scenario.region, scenario.database, cluster=cluster).reading(demand).units

    def bounds(needed_units: FloatArray) -> tuple[float, float]:
        quiet_per_s = float(np.percentile(needed_units, FLOOR_PERCENTILE)) / SECONDS_PER_MINUTE
        peak_per_s = float(needed_units.max()) / SECONDS_PER_MINUTE
        low = math.ceil(quiet_per_s / target_ratio)
        high = math.ceil(CEILING_RATIO * peak_per_s / target_ratio)
        return _within_quota(low), _within_quota(high)

    return ProvisionedTable(
        scenario.region,
        scenario.database,
        target_ratio,
        *bounds(reads),
        *bounds(demand.api_requests * units.table_writes),
        *bounds(demand.api_requests * units.index_writes),
        cluster=cluster,
    )


def _within_quota(units: float) -> float:
    return min(max(1.0, units), TABLE_QUOTA_UNITS_PER_S)


SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.DATABASE, designs, needs.DYNAMODB)
