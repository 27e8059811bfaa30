"""What PostgreSQL and MySQL ask of a database node: CPU, memory, I/O, connections; overload, lag and failover."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit

from costmodel.capacity.failover import Outages
from costmodel.capacity.instances import InstanceType
from costmodel.capacity.overload import Patience, give_up, repeated, try_again
from costmodel.capacity.queueing import (
    grouped_latency,
    percentiles_of_sum,
    queue_or_backlog,
    response_latency,
    wait_variability,
)
from costmodel.capacity.result import NO_LATENCY, Capacity, Latency
from costmodel.capacity.volumes import IoPath
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.demand.memory import remembered
from costmodel.scenario.model import Database
from costmodel.units import (
    BYTES_PER_GB,
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


MOST_REPLICAS = 15
"""Read replicas of an RDS instance, and readers of an Aurora cluster.

Source: Amazon RDS User Guide, "Working with DB instance read replicas" (2023-06); Amazon Aurora User Guide,
"Replication with Amazon Aurora" (2023-06).
"""

AURORA_LAG_S = 0.1
"""How far Aurora readers are behind. Source: Amazon Aurora User Guide, "Replication" (2023-06): usually much
less than 100 milliseconds after the writer."""

EXPONENTIAL_SCV = 1.0
"""Squared coefficient of variation of the work of a call: taken as exponential. Engineering guess."""

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


def busy_vcpu_hours(
    loads: tuple[NodeLoad, NodeLoad | None], readers: int, work: Database, capacity: Capacity, speed: float
) -> float:
    """CPU time of the answered calls on the writer and on all readers, in hours of a vCPU of this speed."""
    writer, reader = loads
    cpu_ms = writer.cpu_ms(work) + (readers * reader.cpu_ms(work) if reader else 0.0)
    answered = float((capacity.requests - capacity.failed_requests).sum())
    return answered * cpu_ms / 1000.0 / speed / (SECONDS_PER_MINUTE * MINUTES_PER_HOUR)


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
    patience: Patience,
    io: IoPath | None = None,
    gone: Outages | None = None,
) -> Served:
    """Calls against everything that limits a node at once: the tightest of them sets the pace.

    Calls beyond it wait; what would wait longer than the client does fails, and so does every call that finds
    no writer. What fails comes again as the client has it; `overload` says how.

    Args:
        calls: calls in each minute, shape (minutes,).
        calls_per_minute: calls that CPU and connections allow in each minute, shape (minutes,), above 0.
        patience: how long a client waits, and what it does then.
        io: I/O of a call and the pace of storage; None where storage sets no pace.
        gone: when there is no writer, and the I/O that a cold cache adds; None for never.

    Raises ValueError for calls that are negative, infinite or undefined, and for a pace that is not above 0.

    Source: fluid limit of a single queue; Kleinrock, Queueing Systems II (1976), chapter 2. Credits of EBS:
    see `EBS_BURST` and `GP2_IOPS_PER_GB`.
    """
    arriving = np.ascontiguousarray(calls, dtype=np.float64)
    most = np.ascontiguousarray(calls_per_minute, dtype=np.float64)
    if not np.isfinite(arriving).all() or (arriving < 0.0).any():
        raise ValueError("calls must be finite and not negative")
    if not (most > 0.0).all():
        raise ValueError("calls_per_minute must be above 0")
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
        patience.timeout_minutes,
        patience.retries,
        patience.abandoned_work_ratio,
        ios_per_call,
        np.ascontiguousarray(columns),
        np.ascontiguousarray(gone.up_ratio),
        np.ascontiguousarray(gone.io_factor),
    )
    return Served(*(read_only(column) for column in found))


def _serve_python(
    calls: FloatArray,
    calls_per_minute: FloatArray,
    timeout_minutes: float,
    retries: int,
    abandoned_ratio: float,
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
    backlog = abandoned = retrying = 0.0
    trying = np.zeros(retries + 1)
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
        asking = calls[minute]
        if retrying > 0.0:
            asking += repeated(trying, calls, minute)
        arriving = asking * up
        wasted = min(abandoned, most * up)
        done = min(backlog + arriving, most * up - wasted)
        left = max(0.0, backlog + arriving - done)
        failed = min(max(left - most * timeout_minutes, 0.0), arriving)
        kept = left - failed
        abandoned = min(abandoned - wasted + failed * abandoned_ratio, most * max(1.0, timeout_minutes))
        failing_ratio = 0.0
        if asking > 0.0:
            failing_ratio = min(1.0, (failed + asking * (1.0 - up)) / asking)
            utilisation[minute] = min(1.0, (arriving + wasted) / (most * up)) if most * up > 0.0 else 1.0
        retrying = try_again(trying, failing_ratio, lost_ratio, minute)
        delay_ms[minute] = 0.5 * (backlog + kept) / most * 60_000.0
        backlog = kept

        for i in range(count):
            steady = stages[i, 0, day] * SECONDS_PER_MINUTE
            spare = steady - (done + wasted) * ios
            earned = min(spare, stages[i, 3, day] * SECONDS_PER_MINUTE)
            credits[i] = min(stages[i, 2, day], max(0.0, credits[i] + earned))
    give_up(trying, lost_ratio)
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


LOAD_BINS = 1_024
"""Bins of a load histogram: mean waits stay within 0.01 % of minute by minute, measured in tests/oracle."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadHistogram:
    """How often a demand asks for how much, shape (bins,) each; empty bins are left out."""

    requests: FloatArray
    """API calls of the bin's minutes."""
    rate_per_s: FloatArray
    """Calls per second that the mean of those calls meets."""


@remembered
def load_histogram(demand: Demand) -> LoadHistogram:
    """Minutes of a demand by how busy they are: for tiers whose answer to a minute depends on nothing else."""
    rate_per_s = demand.api_requests / SECONDS_PER_MINUTE
    highest = float(rate_per_s.max(initial=0.0))
    if highest == 0.0:
        return LoadHistogram(read_only(np.zeros(0)), read_only(np.zeros(0)))
    bins = np.minimum((rate_per_s / highest * LOAD_BINS).astype(np.int64), LOAD_BINS - 1)
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
    arrival_scv: float = 1.0,
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
        arrival_scv: how bursty calls are within a minute; 1 for independent ones.
        storage: the queue in front of a volume; None where storage sets no pace.
    """
    writer, reader = loads
    variability = wait_variability(arrival_scv, EXPONENTIAL_SCV)
    at_writer = _node_latency(
        requests, servers, busy[0], writer, work, speed, missed_ratio, variability, backlog_delay_ms
    )
    if storage is not None:
        queue = storage.latency(requests, writer, writer, work, missed_ratio)
        at_writer = percentiles_of_sum((at_writer, queue))
    if reader is None:
        return at_writer, None
    reads = NodeLoad(reader.reads * readers, 0.0)
    at_reader = _node_latency(requests, servers, busy[1], reads, work, speed, missed_ratio, variability, None)
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
    variability: float,
    backlog_delay_ms: FloatArray | None,
) -> Latency:
    operations = load.reads + load.writes
    fixed_ms = operations * NETWORK_MS_PER_OPERATION + (load.reads * missed_ratio + load.writes) * IO_MS
    service_ms = load.cpu_ms(work) / speed
    if service_ms == 0.0:
        return Latency(fixed_ms, fixed_ms, fixed_ms, fixed_ms)
    if isinstance(servers, float):
        return grouped_latency(
            requests, servers, busy * servers, service_ms, fixed_ms=fixed_ms, variability=variability
        )
    delay_ms = np.zeros(requests.shape) if backlog_delay_ms is None else backlog_delay_ms
    erlangs, delay_ms = queue_or_backlog(servers, busy, service_ms, delay_ms)
    return response_latency(
        requests,
        servers,
        erlangs,
        service_ms,
        fixed_ms=fixed_ms,
        backlog_delay_ms=delay_ms,
        variability=variability,
    )


def most_waiting(calls: FloatArray, delay_ms: FloatArray) -> float:
    """Calls that wait behind a backlog at once, at the worst minute (Little's law)."""
    return float((calls / SECONDS_PER_MINUTE * delay_ms / 1000.0).max(initial=0.0))


def together(writer: Latency, reader: Latency | None) -> Latency:
    """Latency of a call that visits the writer, then a reader."""
    return writer if reader is None else percentiles_of_sum((writer, reader))


def reads_dominate(fan_out: FanOut, work: Database) -> bool:
    """Whether reads that a reader may answer make up most of the CPU."""
    total = NodeLoad(fan_out.reads_per_api_call, fan_out.writes_per_api_call).cpu_ms(work)
    spread = fan_out.reads_per_api_call * (1.0 - work.consistent_read_ratio) * work.read_cpu_ms
    return spread > 0.5 * total


def mean_per_call(per_day: FloatArray, demand: Demand) -> float:
    """Mean over API calls of a quantity of shape (days,); its plain mean when there are no calls."""
    calls = demand.daily(demand.api_requests)
    return float(np.average(per_day, weights=calls if calls.any() else None))


def saturation_per_s(busy_s_per_call: FloatArray) -> float:
    """API calls per second at which a tier whose calls keep it busy this long (per day) is full."""
    busiest = float(busy_s_per_call.max())
    return 1.0 / busiest if busiest > 0 else math.inf
