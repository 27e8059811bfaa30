"""What PostgreSQL and MySQL ask of a database node: CPU, memory, I/O, connections; overload, lag and failover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numba import njit

from costmodel.capacity.instances import InstanceType, database_class
from costmodel.capacity.queueing import grouped_latency, percentiles_of_sum, response_latency
from costmodel.capacity.result import NO_LATENCY, Latency
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.scenario.model import Database, Rule, Scenario
from costmodel.units import (
    BITS_PER_BYTE,
    BYTES_PER_GB,
    HOURS_PER_DAY,
    HOURS_PER_YEAR,
    MINUTES_PER_DAY,
    MINUTES_PER_HOUR,
    SECONDS_PER_MINUTE,
)

Engine = Literal["postgresql", "mysql"]

MAINTENANCE_CPU_RATIO: Mapping[str, float] = {"postgresql": 0.20, "mysql": 0.10}
"""CPU kept for VACUUM and purge.

Source: Netflix-Skunkworks/service-capacity-modeling, Aurora and RDS models (2026-08).
"""

PAGE_KB: Mapping[str, float] = {"postgresql": 8.0, "mysql": 16.0}
"""Bytes of one I/O. Source: PostgreSQL block_size and innodb_page_size, documented defaults (2026)."""

CACHE_MEMORY_RATIO = 0.75
"""Share of memory that caches data.

Source: default parameter innodb_buffer_pool_size = DBInstanceClassMemory x 3/4, and Aurora PostgreSQL
shared_buffers; Amazon RDS and Aurora User Guides (2023-06).
"""

COLD_READ_RATIO = 0.01
"""Reads that touch data outside the working set, and so miss whatever the memory; our guess."""

NETWORK_MS_PER_OPERATION = 1.0
"""Round trip to the database: half a millisecond in the zone, one to two across; our guess of the mean."""

IO_MS = 1.0
"""One read of a missing page, or the log flush of a commit.

Source: Amazon EBS User Guide: gp3 gives "single-digit millisecond latency" (2023-06); 1 ms is our guess.
"""

EBS_BURST: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("m5", "r5"), (4_750.0, 18_750.0)),
    **dict.fromkeys(("m6g", "r6g"), (4_750.0, 20_000.0)),
    **dict.fromkeys(("m6i", "m7g", "m7i", "r6i", "r7g", "r7i", "r8g"), (10_000.0, 40_000.0)),
    **dict.fromkeys(("t3", "t4g"), (2_780.0, 15_700.0)),
}
SMALL_T_SIZES = frozenset({"micro", "small", "medium"})
SMALL_T_BURST = (2_085.0, 11_800.0)
"""Megabits and I/O per second that the smaller sizes of a family reach for half an hour a day; sizes whose
baseline is as high keep it for ever.

Source: DescribeInstanceTypes as copied in moto 5.2.1, EbsOptimizedInfo; Amazon EC2 User Guide, "Amazon
EBS-optimized instances" (2023-06): maximum performance for 30 minutes at least once every 24 hours.
"""

EBS_BURST_S = 30 * 60.0
"""Seconds of maximum performance in 24 hours. Source: see `EBS_BURST`."""

GP2_IOPS_PER_GB = 3.0
GP2_LEAST_IOPS = 100.0
GP2_MOST_IOPS = 16_000.0
GP2_BURST_IOPS = 3_000.0
GP2_CREDITS = 5_400_000.0
GP2_LEAST_MIBPS = 128.0
GP2_MOST_MIBPS = 250.0
GP2_FULL_SPEED_GB = 334.0
"""gp2: three IOPS per GiB, bursts to 3 000 on 5.4 million credits, 250 MiB/s from 334 GiB on.

Source: Amazon RDS User Guide, "Amazon RDS DB instance storage"; Amazon EBS User Guide, "General Purpose SSD
volumes (gp2)" (2023-06). From 400 GiB on RDS joins four volumes, whose burst adds up; we leave that out.
"""

MOST_REPLICAS = 15
"""Read replicas of an RDS instance, and readers of an Aurora cluster.

Source: Amazon RDS User Guide, "Working with DB instance read replicas" (2023-06); Amazon Aurora User Guide,
"Replication with Amazon Aurora" (2023-06).
"""

AURORA_LAG_S = 0.1
"""How far Aurora readers are behind. Source: Amazon Aurora User Guide, "Replication" (2023-06): usually much
less than 100 milliseconds after the writer."""

USABLE_MEMORY_RATIO = 0.925
"""Part of a class's memory that `DBInstanceClassMemory` counts; the rest is the host's own.

Source: Amazon RDS User Guide, "Quotas and constraints" (2023-06): it is less than the class's memory;
5 to 10 % less as observed.
"""

POSTGRESQL_BYTES_PER_CONNECTION = 9_531_392
POSTGRESQL_CONNECTIONS = 5_000
MYSQL_BYTES_PER_CONNECTION = 12_582_880
"""max_connections: LEAST(memory/9531392, 5000) and memory/12582880.

Source: Amazon RDS User Guide, "Quotas and constraints", maximum number of database connections (2023-06).
"""

AURORA_MYSQL_CONNECTIONS = (
    (2.0, 45),
    (4.0, 90),
    (8.0, 135),
    (16.0, 1_000),
    (32.0, 2_000),
    (64.0, 3_000),
    (128.0, 4_000),
    (256.0, 5_000),
)
"""(memory in GiB, max_connections).

Source: Amazon Aurora User Guide, "Managing performance and scaling for Aurora MySQL" (2023-06).
"""

PLANNED_PEAK_UTILISATION = 0.8
"""CPU at the busiest minute that a class worth considering may reach; our guess."""

REACH = 4.0
"""Classes with more than this many times the CPU needed are not considered."""

_MICRO_UP = ("micro", "small", "medium", "large", "xlarge", "2xlarge")
_LARGE_UP = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")

RDS_SIZES: Mapping[str, tuple[str, ...]] = {
    "t3": _MICRO_UP,
    "t4g": _MICRO_UP,
    **dict.fromkeys(("m6g", "m7g", "r6g", "r7g"), _LARGE_UP),
    **dict.fromkeys(("m5", "m6i", "m7i", "r5", "r6i", "r7i"), (*_LARGE_UP, "24xlarge")),
}
"""Sizes by family. Source: Amazon RDS price list for PostgreSQL and MySQL (2025-12-06), all eight regions."""

AURORA_SIZES: Mapping[str, tuple[str, ...]] = {
    "t3": ("medium", "large"),
    "t4g": ("medium", "large"),
    **dict.fromkeys(("r6g", "r7g"), _LARGE_UP),
    **dict.fromkeys(("r5", "r6i", "r7i", "r8g"), (*_LARGE_UP, "24xlarge")),
}
"""Sizes by family. Source: Amazon Aurora price list (2025-12-06); `AURORA_GAPS` names what is missing where."""

AURORA_GAPS = frozenset(
    {("r8g", "sa-east-1", "postgresql"), ("r8g", "sa-east-1", "mysql"), ("r8g", "ap-southeast-1", "mysql")}
)
"""(family, region, engine) that Aurora does not sell. Source: Amazon Aurora price list (2025-12-06)."""


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """Mean operations of one API call on one node."""

    reads: float
    writes: float

    def cpu_ms(self, work: Database) -> float:
        """CPU of an m5 vCPU, in ms per API call."""
        return self.reads * work.read_cpu_ms + self.writes * work.write_cpu_ms

    def ios(self, work: Database, miss_ratio: FloatArray) -> FloatArray:
        """I/O requests per API call, shape of `miss_ratio`."""
        return self.reads * miss_ratio + self.writes * work.io_per_write


def node_loads(
    fan_out: FanOut, work: Database, readers: int, *, readers_repeat_writes: bool
) -> tuple[NodeLoad, NodeLoad | None]:
    """Work of one API call on the writer and on each reader (None without readers).

    The writer takes all writes and the reads that must be consistent: readers lag behind. RDS replicas
    repeat every write, and we charge them its full CPU; Aurora readers share the writer's storage.

    Source: Amazon RDS User Guide, "Working with read replicas"; Amazon Aurora User Guide,
    "Replication with Amazon Aurora" (2023-06).
    """
    reads, writes = fan_out.reads_per_api_call, fan_out.writes_per_api_call
    if readers == 0:
        return NodeLoad(reads, writes), None
    spread = reads * (1.0 - work.consistent_read_ratio)
    return (
        NodeLoad(reads - spread, writes),
        NodeLoad(spread / readers, writes if readers_repeat_writes else 0.0),
    )


def speed_of(instance: InstanceType, engine: str) -> float:
    """Throughput of one vCPU for queries, an m5 vCPU being 1, after the engine's own maintenance."""
    return instance.relative_vcpu_speed * (1.0 - MAINTENANCE_CPU_RATIO[engine])


def miss_ratio(stored_gb: FloatArray, memory_gib: FloatArray | float, work: Database) -> FloatArray:
    """Share of reads that go to storage, shape of the arguments.

    The working set is read evenly: what of it does not fit the cache misses.
    """
    working_set_gb = stored_gb * work.working_set_ratio
    cached = np.minimum(1.0, CACHE_MEMORY_RATIO * memory_gib / np.maximum(working_set_gb, 1e-9))
    return np.asarray(1.0 - cached * (1.0 - COLD_READ_RATIO))


def per_minute(per_day: FloatArray) -> FloatArray:
    """Repeat an array of shape (days,) for every minute, giving shape (minutes,)."""
    return np.repeat(per_day, MINUTES_PER_DAY)


def changed_gb_per_day(writes_per_day: FloatArray, stored_gb: FloatArray, work: Database) -> FloatArray:
    """Bytes that a day's backup adds, shape (days,): what was written, at most the whole database."""
    written_gb = writes_per_day * work.write_item_kb * 1024.0 / BYTES_PER_GB
    return np.minimum(written_gb, stored_gb)


def rds_connections(engine: str, memory_gib: float) -> float:
    """Connections an RDS, or Aurora PostgreSQL, node of this memory accepts by default."""
    usable_bytes = memory_gib * USABLE_MEMORY_RATIO * BYTES_PER_GB
    if engine == "mysql":
        return float(math.floor(usable_bytes / MYSQL_BYTES_PER_CONNECTION))
    return float(min(math.floor(usable_bytes / POSTGRESQL_BYTES_PER_CONNECTION), POSTGRESQL_CONNECTIONS))


def connection_calls_per_minute(
    connections: float, loads: tuple[NodeLoad, NodeLoad | None], work: Database, speed: float
) -> float:
    """API calls a minute at which all connections of the busiest node are in use (Little's law).

    A call holds a connection while its operations run one after another, at the least for as long as they
    take when nothing waits.
    """
    held_ms = max(
        load.cpu_ms(work) / speed
        + (load.reads + load.writes) * NETWORK_MS_PER_OPERATION
        + (load.reads * COLD_READ_RATIO + load.writes) * IO_MS
        for load in loads
        if load
    )
    return connections * SECONDS_PER_MINUTE * 1000.0 / held_ms if held_ms > 0.0 else math.inf


def check_replicas(count: int, what: str) -> None:
    """Raises ValueError for more copies of a database than AWS allows. Source: see `MOST_REPLICAS`."""
    if not 0 <= count <= MOST_REPLICAS:
        raise ValueError(
            f"{what} must be from 0 to {MOST_REPLICAS} (Amazon RDS and Aurora User Guides, replication, 2023-06),"
            f" not {count}"
        )


def aurora_connections(engine: str, memory_gib: float) -> float:
    """Connections an Aurora node of this memory accepts by default."""
    if engine == "postgresql":
        return rds_connections(engine, memory_gib)
    smallest = AURORA_MYSQL_CONNECTIONS[0][1]
    return float(max((n for gib, n in AURORA_MYSQL_CONNECTIONS if gib <= memory_gib), default=smallest))


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """A pace that may be exceeded on credit. Arrays have shape (days,)."""

    steady_per_s: FloatArray
    burst_per_s: FloatArray
    """Pace while credits last; `steady_per_s` for what never bursts."""
    largest_credits: FloatArray
    """Credits kept at most, and held at the start. One lets one I/O through above the steady pace."""
    refill_per_s: FloatArray
    """Credits earned for each second of which at least as much steady pace stays unused."""


@dataclass(frozen=True, slots=True, eq=False)
class IoPath:
    """The I/O that one call causes and what it passes: the volume, then the instance's way to it."""

    ios_per_call: FloatArray
    """Shape (days,)."""
    stages: tuple[Bucket, ...]

    @property
    def steady_ios_per_s(self) -> FloatArray:
        """I/O per second that every stage sustains, shape (days,)."""
        return np.asarray(np.minimum.reduce([stage.steady_per_s for stage in self.stages]))

    @property
    def burst_ios_per_s(self) -> FloatArray:
        """I/O per second that every stage lets through while credits last, shape (days,)."""
        return np.asarray(np.minimum.reduce([stage.burst_per_s for stage in self.stages]))

    @property
    def calls_per_minute(self) -> FloatArray:
        """Calls per minute that the steady pace carries, shape (days,)."""
        least = np.maximum(self.ios_per_call, 1e-12)
        return np.asarray(self.steady_ios_per_s * SECONDS_PER_MINUTE / least)

    @property
    def rested_calls_per_minute(self) -> FloatArray:
        """Calls that a minute carries when no credit has been spent before it, shape (days,)."""
        paces = [
            stage.steady_per_s * SECONDS_PER_MINUTE
            + np.minimum(stage.largest_credits, (stage.burst_per_s - stage.steady_per_s) * SECONDS_PER_MINUTE)
            for stage in self.stages
        ]
        return np.asarray(np.minimum.reduce(paces) / np.maximum(self.ios_per_call, 1e-12))


def gp3_bucket(iops: FloatArray, mibps: FloatArray, page_kb: float) -> Bucket:
    """A gp3 volume: it has a pace and no credits."""
    pace = np.minimum(iops, mibps * 1024.0 / page_kb)
    nothing = np.zeros_like(pace)
    return Bucket(pace, pace, nothing, nothing)


def gp2_bucket(allocated_gb: FloatArray, page_kb: float) -> Bucket:
    """A gp2 volume of this size, shape (days,). Source: see `GP2_IOPS_PER_GB`."""
    mibps = np.where(allocated_gb >= GP2_FULL_SPEED_GB, GP2_MOST_MIBPS, GP2_LEAST_MIBPS)
    by_bytes = mibps * 1024.0 / page_kb
    steady = np.clip(GP2_IOPS_PER_GB * allocated_gb, GP2_LEAST_IOPS, GP2_MOST_IOPS)
    burst = np.maximum(steady, GP2_BURST_IOPS)
    return Bucket(
        np.minimum(steady, by_bytes),
        np.minimum(burst, by_bytes),
        np.where(steady < GP2_BURST_IOPS, GP2_CREDITS, 0.0),
        steady,
    )


def ebs_bucket(instance: InstanceType, days: int, page_kb: float) -> Bucket:
    """The way from an instance to its volumes. Its credits come back within a day: AWS promises the half
    hour of burst once in 24 hours, and says no more. Source: see `EBS_BURST`.
    """
    family = instance.family.removeprefix("db.")
    mbps, iops = EBS_BURST.get(family, (0.0, 0.0))
    if instance.burstable and instance.size in SMALL_T_SIZES:
        mbps, iops = SMALL_T_BURST

    def pace(megabits_per_s: float, ios_per_s: float) -> float:
        return min(ios_per_s, megabits_per_s / BITS_PER_BYTE * 1024.0 / page_kb)

    steady = pace(instance.ebs_baseline_mbps, instance.ebs_baseline_iops)
    burst = max(steady, pace(mbps, iops))
    credits = (burst - steady) * EBS_BURST_S
    refill = credits / (MINUTES_PER_DAY * SECONDS_PER_MINUTE)
    return Bucket(*(np.full(days, value) for value in (steady, burst, credits, refill)))


@dataclass(frozen=True, slots=True)
class FailoverWindow:
    """How long a database has no writer when it loses one."""

    shortest_s: float
    longest_s: float
    source: str


RDS_STANDBY = FailoverWindow(
    60.0, 120.0, "Amazon RDS User Guide, Multi-AZ DB instance deployments (2023-06): typically 60 to 120 s"
)
RDS_ALONE = FailoverWindow(
    600.0,
    3_600.0,
    "Amazon RDS User Guide, restoring to a specified time (2023-06); 10 to 60 min is our guess",
)
AURORA_READER = FailoverWindow(
    20.0, 60.0, "Amazon Aurora User Guide, high availability (2023-06): under 60 s, often under 30 s"
)
AURORA_ALONE = FailoverWindow(
    120.0, 600.0, "Amazon Aurora User Guide, high availability (2023-06): typically under 10 minutes"
)

FAILOVERS_PER_YEAR = 1.5
"""Failovers of a database in a year, maintenance among them; our guess between one and two."""

COLD_IO_FACTOR = 3.0
COLD_MINUTES = 10
"""I/O of a new writer whose cache is empty, over that of a warm one, and how long it takes to warm up; our guess
between 2 and 5 times, and 5 and 15 minutes."""


@dataclass(frozen=True, slots=True, eq=False)
class Outages:
    """When a database has no writer. Arrays have shape (minutes,)."""

    up_ratio: FloatArray
    """Share of the minute with a writer."""
    io_factor: FloatArray
    """I/O of a call over that with a warm cache."""

    @property
    def minutes_lost(self) -> float:
        return float(self.up_ratio.size - self.up_ratio.sum())


def outages(
    minutes: int, starts_minute: Sequence[float] | FloatArray, seconds: Sequence[float] | FloatArray
) -> Outages:
    """Outages that begin at these minutes of the run and last so long; what falls outside the run is cut.

    Raises ValueError for a start or length that is negative, infinite or undefined.
    """
    both = np.array([starts_minute, seconds], dtype=np.float64)
    if not np.isfinite(both).all() or (both < 0.0).any():
        raise ValueError("outages need finite starts and lengths that are not negative")
    edges = np.arange(minutes + 1.0)
    up = np.ones(minutes)
    factor = np.ones(minutes)
    for start, length_s in zip(*both, strict=True):
        end = start + length_s / SECONDS_PER_MINUTE
        down = np.clip(np.minimum(end, edges[1:]) - np.maximum(start, edges[:-1]), 0.0, 1.0)
        up = np.maximum(0.0, up - down)
        since = edges[1:] - end
        cold = COLD_IO_FACTOR - (COLD_IO_FACTOR - 1.0) * since / COLD_MINUTES
        factor = np.where((since > 0.0) & (since < COLD_MINUTES), np.maximum(factor, cold), factor)
    return Outages(read_only(up), read_only(factor))


def drawn_outages(
    minutes: int,
    window: FailoverWindow,
    generator: np.random.Generator,
    failovers_per_year: float = FAILOVERS_PER_YEAR,
) -> Outages:
    """Failovers of a run: their number is Poisson, they start at any time and last evenly between bounds."""
    expected = failovers_per_year * minutes / (HOURS_PER_YEAR * MINUTES_PER_HOUR)
    count = int(generator.poisson(expected))
    starts = np.sort(generator.uniform(0.0, minutes, count))
    return outages(minutes, starts, generator.uniform(window.shortest_s, window.longest_s, count))


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """How a node kept up. Arrays have shape (minutes,)."""

    utilisation: FloatArray
    """Calls arriving over the calls it can do, at most 1."""
    delay_ms: FloatArray
    """Mean delay behind the backlog of a call arriving in the minute."""
    lost_ratio: FloatArray
    """Share of the minute's calls that find no writer or would wait longer than the client does."""


def serve(
    calls: FloatArray,
    calls_per_minute: FloatArray,
    timeout_s: float,
    io: IoPath | None = None,
    gone: Outages | None = None,
) -> Served:
    """Calls against everything that limits a node at once: the tightest of them sets the pace.

    Calls beyond it wait; what would wait longer than `timeout_s` fails, and so does every call that finds
    no writer.

    Args:
        calls: calls in each minute, shape (minutes,).
        calls_per_minute: calls that CPU and connections allow in each minute, shape (minutes,), above 0.
        timeout_s: how long a client waits.
        io: I/O of a call and the pace of storage; None where storage sets no pace.
        gone: when there is no writer, and the I/O that a cold cache adds; None for never.

    Raises ValueError for calls that are negative, infinite or undefined, and for a pace or a timeout that is
    not above 0.

    Source: fluid limit of a single queue; Kleinrock, Queueing Systems II (1976), chapter 2. Credits of EBS:
    see `EBS_BURST` and `GP2_IOPS_PER_GB`.
    """
    arriving = np.ascontiguousarray(calls, dtype=np.float64)
    most = np.ascontiguousarray(calls_per_minute, dtype=np.float64)
    if not np.isfinite(arriving).all() or (arriving < 0.0).any():
        raise ValueError("calls must be finite and not negative")
    if not (most > 0.0).all() or not 0.0 < timeout_s < math.inf:
        raise ValueError("calls_per_minute and timeout_s must be above 0")
    if gone is None:
        steady = rested = most
        if io is not None:
            steady = np.minimum(most, per_minute(io.calls_per_minute)[: most.size])
            rested = np.minimum(most, per_minute(io.rested_calls_per_minute)[: most.size])
        if (arriving <= steady).all():
            nothing = read_only(np.zeros(arriving.size))
            return Served(read_only(arriving / rested), nothing, nothing)
        always = np.ones(arriving.size)
        gone = Outages(always, always)
    days = -(-arriving.size // MINUTES_PER_DAY)
    ios_per_call = np.zeros(days) if io is None else np.ascontiguousarray(io.ios_per_call)
    stages = () if io is None else io.stages
    columns = np.array(
        [(s.steady_per_s, s.burst_per_s, s.largest_credits, s.refill_per_s) for s in stages]
    ).reshape(len(stages), 4, days)
    found = _serve(
        arriving,
        most,
        timeout_s / SECONDS_PER_MINUTE,
        ios_per_call,
        np.ascontiguousarray(columns),
        np.ascontiguousarray(gone.up_ratio),
        np.ascontiguousarray(gone.io_factor),
    )
    return Served(*(read_only(column) for column in found))


def _serve_python(
    calls: FloatArray,
    calls_per_minute: FloatArray,
    patience_minutes: float,
    ios_per_call: FloatArray,
    stages: FloatArray,
    up_ratio: FloatArray,
    io_factor: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Minutes of `serve`; `stages` has shape (stages, 4, days): the fields of a `Bucket`, in order."""
    minutes = calls.shape[0]
    count = stages.shape[0]
    utilisation = np.zeros(minutes)
    delay_ms = np.zeros(minutes)
    lost_ratio = np.zeros(minutes)
    credits = np.empty(count)
    for i in range(count):
        credits[i] = stages[i, 2, 0]
    backlog = 0.0
    for minute in range(minutes):
        day = minute // MINUTES_PER_DAY
        ios = ios_per_call[day] * io_factor[minute]
        most = calls_per_minute[minute]
        for i in range(count):
            credits[i] = min(credits[i], stages[i, 2, day])
            steady = stages[i, 0, day] * SECONDS_PER_MINUTE
            extra = min(credits[i], (stages[i, 1, day] - stages[i, 0, day]) * SECONDS_PER_MINUTE)
            if ios * most > steady + extra:
                most = (steady + extra) / ios

        up = up_ratio[minute]
        arriving = calls[minute] * up
        done = min(backlog + arriving, most * up)
        left = max(0.0, backlog + arriving - done)
        failed = min(max(left - most * patience_minutes, 0.0), arriving)
        kept = left - failed
        if calls[minute] > 0.0:
            lost_ratio[minute] = min(1.0, (failed + calls[minute] * (1.0 - up)) / calls[minute])
            utilisation[minute] = min(1.0, arriving / (most * up)) if most * up > 0.0 else 1.0
        delay_ms[minute] = 0.5 * (backlog + kept) / most * 60_000.0
        backlog = kept

        for i in range(count):
            steady = stages[i, 0, day] * SECONDS_PER_MINUTE
            spare = steady - done * ios
            earned = min(spare, stages[i, 3, day] * SECONDS_PER_MINUTE)
            credits[i] = min(stages[i, 2, day], max(0.0, credits[i] + earned))
    return utilisation, delay_ms, lost_ratio


_serve = njit(cache=True, nogil=True)(_serve_python)


def replica_lag_s(writes: FloatArray, writes_applied_at_most: FloatArray) -> FloatArray:
    """Age of the oldest write that a replica has not repeated, at the end of each minute, shape (minutes,).

    Writes arrive evenly within their minute and are repeated in order, as many a minute as the replica has
    room for beside its reads; the lag grows without end while that is fewer than arrive.

    Raises ValueError for figures that are negative, infinite or undefined.

    Source: Amazon RDS User Guide, "Working with DB instance read replicas" (2023-06): replication is
    asynchronous.
    """
    both = [np.ascontiguousarray(part, dtype=np.float64) for part in (writes, writes_applied_at_most)]
    if any(not np.isfinite(part).all() or (part < 0.0).any() for part in both):
        raise ValueError("writes must be finite and not negative")
    if (both[0] <= both[1]).all():
        return read_only(np.zeros(both[0].size))
    return read_only(_replica_lag(*both))


def _replica_lag_python(writes: FloatArray, applied_at_most: FloatArray) -> FloatArray:
    minutes = writes.shape[0]
    lag_s = np.zeros(minutes)
    oldest = 0  # the minute whose writes are being repeated
    left = 0.0  # of those, how many are not yet
    for minute in range(minutes):
        if oldest == minute:
            left = writes[minute]
        room = applied_at_most[minute]
        while oldest <= minute and left <= room:
            room -= left
            oldest += 1
            left = writes[oldest] if oldest < minutes else 0.0
        if oldest <= minute:
            left -= room
            repeated = 1.0 - left / writes[oldest]
            lag_s[minute] = (minute + 1 - oldest - repeated) * SECONDS_PER_MINUTE
    return lag_s


_replica_lag = njit(cache=True, nogil=True)(_replica_lag_python)


STORAGE_STEP_MINUTES = 5
GROW_BELOW_FREE_RATIO = 0.10
GROWTH_GB = 10.0
GROWTH_RATIO = 0.10
GROWTH_FORECAST_HOURS = 7.0
GROWTH_PAUSE_MINUTES = 6 * MINUTES_PER_HOUR
"""Storage autoscaling: after five minutes with less than 10 % free, and six hours after the last change, it adds
the largest of 10 GiB, 10 % and what the database is forecast to grow in seven hours.

Source: Amazon RDS User Guide, "Managing capacity automatically with storage autoscaling" (2023-06).
"""


@dataclass(frozen=True, slots=True, eq=False)
class GrownStorage:
    """What storage autoscaling made of a volume."""

    allocated_gb: FloatArray
    """At the end of each day, shape (days,)."""
    full_ratio: FloatArray
    """Share of each day in which the data did not fit, so that the database stood still, shape (days,)."""


def grow_storage(stored_gb: FloatArray, allocated_gb: float, most_gb: float) -> GrownStorage:
    """A volume of `allocated_gb` under data of `stored_gb`, shape (days,), the same all day.

    It never shrinks, and never grows beyond `most_gb`. The forecast goes on as from the day before.

    Raises ValueError for data that is negative, infinite or undefined.
    """
    stored = np.ascontiguousarray(stored_gb, dtype=np.float64)
    if not np.isfinite(stored).all() or (stored < 0.0).any():
        raise ValueError("stored_gb must be finite and not negative")
    if stored.size and allocated_gb - stored.max() >= GROW_BELOW_FREE_RATIO * allocated_gb:
        return GrownStorage(read_only(np.full(stored.size, allocated_gb)), read_only(np.zeros(stored.size)))
    allocated, full = _grow_storage(stored, float(allocated_gb), float(most_gb))
    return GrownStorage(read_only(allocated), read_only(full))


def _grow_storage_python(
    stored_gb: FloatArray, allocated_gb: float, most_gb: float
) -> tuple[FloatArray, FloatArray]:
    days = stored_gb.shape[0]
    steps = MINUTES_PER_DAY // STORAGE_STEP_MINUTES
    allocated_by_day = np.empty(days)
    full_ratio = np.zeros(days)
    allocated = allocated_gb
    since_change = GROWTH_PAUSE_MINUTES
    for day in range(days):
        stored = stored_gb[day]
        a_day = max(0.0, stored - stored_gb[day - 1]) if day > 0 else 0.0
        forecast = a_day / HOURS_PER_DAY * GROWTH_FORECAST_HOURS
        full = 0
        for _ in range(steps):
            full += 1 if stored > allocated else 0
            since_change += STORAGE_STEP_MINUTES
            low = allocated - stored < GROW_BELOW_FREE_RATIO * allocated
            if low and since_change >= GROWTH_PAUSE_MINUTES and allocated < most_gb:
                grown = allocated + math.ceil(max(GROWTH_GB, GROWTH_RATIO * allocated, forecast))
                allocated = min(most_gb, grown)
                since_change = 0
        allocated_by_day[day] = allocated
        full_ratio[day] = full / steps
    return allocated_by_day, full_ratio


_grow_storage = njit(cache=True, nogil=True)(_grow_storage_python)


LOAD_BINS = 1_024
"""Bins of a load histogram: mean waits stay within 0.01 % of minute by minute, measured in tests/oracle."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadHistogram:
    """How often a demand asks for how much, shape (bins,) each; empty bins are left out."""

    requests: FloatArray
    """API calls of the bin's minutes."""
    rate_per_s: FloatArray
    """Calls per second that the mean of those calls meets."""


@lru_cache(maxsize=2)
def load_histogram(demand: Demand) -> LoadHistogram:
    """Minutes of a demand by how busy they are: for tiers whose answer to a minute depends on nothing else."""
    rate_per_s = demand.api_requests / SECONDS_PER_MINUTE
    highest = float(rate_per_s.max(initial=0.0))
    if highest == 0.0:
        return LoadHistogram(read_only(np.zeros(0)), read_only(np.zeros(0)))
    bins = np.minimum((rate_per_s * (LOAD_BINS / highest)).astype(np.int64), LOAD_BINS - 1)
    requests: FloatArray = np.bincount(bins, demand.api_requests, LOAD_BINS).astype(np.float64)
    used = np.flatnonzero(requests)
    rates = np.bincount(bins, demand.api_requests * rate_per_s, LOAD_BINS)[used] / requests[used]
    return LoadHistogram(read_only(requests[used]), read_only(rates))


def latencies(
    requests: FloatArray,
    servers: FloatArray | float,
    loads: tuple[NodeLoad, NodeLoad | None],
    busy: tuple[FloatArray, FloatArray],
    work: Database,
    *,
    speed: float,
    missed_ratio: float,
    readers: int,
    backlog_delay_ms: FloatArray | None,
    storage: StorageQueue | None = None,
) -> tuple[Latency, Latency | None]:
    """Time one API call spends on the writer, and on readers (None without them).

    The operations of a call run one after another. On a node they queue as one job, which keeps the mean
    of every wait and overstates the tail a little. Nobody waits for a reader to repeat writes.

    Args:
        requests: API calls answered in the minute, shape (minutes,), or in the bin of a load histogram.
        servers: vCPUs of one node: of shape (minutes,), or one figure for the bins of a histogram.
        loads: operations of one call on the writer and on each reader.
        busy: CPU in use over CPU there is, of the writer and of each reader, shape of `requests` each.
        work: what an operation costs.
        speed: throughput of one vCPU, from `speed_of`.
        missed_ratio: share of reads that go to storage.
        readers: how many share the call's reads.
        backlog_delay_ms: delay behind work left over, shape (minutes,); it is met once, at the writer.
        storage: the queue in front of a volume; None where storage sets no pace.
    """
    writer, reader = loads
    at_writer = _node_latency(requests, servers, busy[0], writer, work, speed, missed_ratio, backlog_delay_ms)
    if storage is not None:
        queue = storage.latency(requests, writer, writer, work, missed_ratio)
        at_writer = percentiles_of_sum((at_writer, queue))
    if reader is None:
        return at_writer, None
    reads = NodeLoad(reader.reads * readers, 0.0)
    at_reader = _node_latency(requests, servers, busy[1], reads, work, speed, missed_ratio, None)
    if storage is not None:
        queue = storage.latency(requests, reader, reads, work, missed_ratio)
        at_reader = percentiles_of_sum((at_reader, queue))
    return at_writer, at_reader


@dataclass(frozen=True, slots=True, eq=False)
class StorageQueue:
    """A volume that lets I/O through at a pace: what comes faster waits, beside the time each I/O takes.

    Taken as M/M/1, which is above the even pace of a volume (M/D/1). Source: see `costmodel.capacity.queueing`.
    """

    ios_per_s: float
    rate_per_s: FloatArray
    """API calls per second, shape of the requests given to `latency`."""

    def latency(
        self, requests: FloatArray, load: NodeLoad, awaited: NodeLoad, work: Database, missed_ratio: float
    ) -> Latency:
        """Time that the I/O of one call spends in the queue of a node's own volume.

        Each call puts `load` on the volume and waits for `awaited`.
        """
        missed = np.array([missed_ratio])
        busy_s = float(load.ios(work, missed)[0]) / self.ios_per_s
        awaited_s = float(awaited.ios(work, missed)[0]) / self.ios_per_s
        if awaited_s == 0.0:
            return NO_LATENCY
        return grouped_latency(requests, 1.0, self.rate_per_s * busy_s, 1000.0 * awaited_s)


def _node_latency(
    requests: FloatArray,
    servers: FloatArray | float,
    busy: FloatArray,
    load: NodeLoad,
    work: Database,
    speed: float,
    missed_ratio: float,
    backlog_delay_ms: FloatArray | None,
) -> Latency:
    operations = load.reads + load.writes
    fixed_ms = operations * NETWORK_MS_PER_OPERATION + (load.reads * missed_ratio + load.writes) * IO_MS
    service_ms = load.cpu_ms(work) / speed
    if service_ms == 0.0:
        return Latency(fixed_ms, fixed_ms, fixed_ms, fixed_ms)
    if isinstance(servers, float):
        return grouped_latency(requests, servers, busy * servers, service_ms, fixed_ms=fixed_ms)
    return response_latency(
        requests,
        servers,
        busy * servers,
        service_ms,
        fixed_ms=fixed_ms,
        backlog_delay_ms=backlog_delay_ms,
    )


def together(writer: Latency, reader: Latency | None) -> Latency:
    """Latency of a call that visits the writer, then a reader."""
    return writer if reader is None else percentiles_of_sum((writer, reader))


def reads_dominate(fan_out: FanOut, work: Database) -> bool:
    """Whether reads that a reader may answer make up most of the CPU."""
    total = NodeLoad(fan_out.reads_per_api_call, fan_out.writes_per_api_call).cpu_ms(work)
    spread = fan_out.reads_per_api_call * (1.0 - work.consistent_read_ratio) * work.read_cpu_ms
    return spread > 0.5 * total


def family_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule for each allowed database family that no engine offers, naming the valid ones."""
    known = sorted(RDS_SIZES.keys() | AURORA_SIZES.keys())
    return [
        Rule(("constraints", "database_families", index), f"must be one of {', '.join(known)}", family)
        for index, family in enumerate(scenario.constraints.database_families)
        if family not in known
    ]


def mean_per_call(per_day: FloatArray, demand: Demand) -> float:
    """Mean over API calls of a quantity of shape (days,); its plain mean when there are no calls."""
    calls = demand.daily(demand.api_requests)
    return float(np.average(per_day, weights=calls if calls.any() else None))


def saturation_per_s(busy_s_per_call: FloatArray) -> float:
    """API calls per second at which a tier whose calls keep it busy this long (per day) is full."""
    busiest = float(busy_s_per_call.max())
    return 1.0 / busiest if busiest > 0 else math.inf


def classes_for(
    scenario: Scenario, demand: Demand, loads: Iterable[NodeLoad | None], sizes: Mapping[str, tuple[str, ...]]
) -> tuple[InstanceType, ...]:
    """Classes worth considering when every node of a design is of the same class."""
    work = scenario.database
    usable = 1.0 - MAINTENANCE_CPU_RATIO[work.engine]
    cpu_s = max(load.cpu_ms(work) for load in loads if load) / 1000.0 / usable
    rate_per_s = demand.api_requests / SECONDS_PER_MINUTE
    return classes_in_reach(
        scenario.constraints.database_families,
        sizes,
        peak_units=cpu_s * float(rate_per_s.max()),
        mean_units=cpu_s * float(rate_per_s.mean()),
        memory_gib=float(demand.database_stored_gb.max()) * work.working_set_ratio / CACHE_MEMORY_RATIO,
    )


def classes_in_reach(
    families: Iterable[str],
    sizes: Mapping[str, tuple[str, ...]],
    *,
    peak_units: float,
    mean_units: float,
    memory_gib: float,
) -> tuple[InstanceType, ...]:
    """Classes worth considering for a node, at most two per family, at least two in all if there are.

    Of each family: the smallest class whose CPU carries the peak (for burstable ones, whose baseline
    carries the mean too), and the smallest that also caches the working set, or else the next one up
    while it has no more than `REACH` times the CPU needed. Where no class is big enough, the largest.

    Args:
        families: family names without `db.`.
        sizes: sizes by family, small to large; families missing here are not sold and left out.
        peak_units: CPU of the busiest minute, in m5 vCPUs.
        mean_units: CPU of the mean minute, in m5 vCPUs.
        memory_gib: memory that caches the whole working set.
    """
    found: list[InstanceType] = []
    largest: list[InstanceType] = []
    spare: list[InstanceType] = []
    needed = peak_units / PLANNED_PEAK_UTILISATION
    for family in dict.fromkeys(families):
        classes = [database_class(f"db.{family}.{size}") for size in sizes.get(family, ())]
        enough = [c for c in classes if c.compute_units >= needed and _sustained_units(c) >= mean_units]
        largest += classes[-1:]
        if not enough:
            continue
        first, *larger = enough
        fitting = [c for c in larger if c.memory_gib >= memory_gib] if first.memory_gib < memory_gib else []
        near = [c for c in larger if c.compute_units <= REACH * needed]
        found += [first, *(fitting or near)[:1]]
        spare += larger[:1]
    if not found:
        return tuple(largest)
    if len(found) == 1:
        found += spare
    return tuple(found)


def _sustained_units(instance: InstanceType) -> float:
    return instance.compute_units * (instance.cpu_baseline_ratio or 1.0)
