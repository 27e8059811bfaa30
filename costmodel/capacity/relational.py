"""What PostgreSQL and MySQL ask of a database node: CPU, memory, I/O, connections; and overload."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit

from costmodel.capacity.instances import InstanceType, database_class
from costmodel.capacity.queueing import percentiles_of_sum, response_latency
from costmodel.capacity.result import Latency
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.errors import Fault, ScenarioError
from costmodel.scenario.model import Database, Scenario
from costmodel.units import BYTES_PER_GB, MINUTES_PER_DAY, SECONDS_PER_MINUTE

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


def aurora_connections(engine: str, memory_gib: float) -> float:
    """Connections an Aurora node of this memory accepts by default."""
    if engine == "postgresql":
        return rds_connections(engine, memory_gib)
    smallest = AURORA_MYSQL_CONNECTIONS[0][1]
    return float(max((n for gib, n in AURORA_MYSQL_CONNECTIONS if gib <= memory_gib), default=smallest))


@dataclass(frozen=True, slots=True, eq=False)
class Overload:
    """What work left over does. Arrays have shape (minutes,)."""

    delay_ms: FloatArray
    """Mean delay behind the backlog of a request arriving in the minute."""
    lost_ratio: FloatArray
    """Share of the minute's requests that would wait longer than the client does."""


def overload(utilisation: FloatArray, timeout_s: float) -> Overload:
    """Fluid backlog of a tier at `utilisation` (work arriving over work done, shape (minutes,)).

    Work beyond capacity waits; what would wait longer than `timeout_s` fails.

    Source: fluid limit of a single queue; Kleinrock, Queueing Systems II (1976), chapter 2.
    """
    if not np.any(utilisation > 1.0):
        nothing = read_only(np.zeros(utilisation.shape))
        return Overload(nothing, nothing)
    delay_ms, lost = _overload(np.ascontiguousarray(utilisation), timeout_s / SECONDS_PER_MINUTE)
    return Overload(read_only(delay_ms), read_only(lost))


@njit(cache=True, nogil=True)
def _overload(utilisation: FloatArray, patience_minutes: float) -> tuple[FloatArray, FloatArray]:
    minutes = utilisation.shape[0]
    delay_ms = np.zeros(minutes)
    lost_ratio = np.zeros(minutes)
    backlog = 0.0  # minutes of work
    for minute in range(minutes):
        arriving = utilisation[minute]
        left = max(0.0, backlog + arriving - 1.0)
        kept = min(left, patience_minutes)
        if left > kept:
            lost_ratio[minute] = (left - kept) / arriving
        delay_ms[minute] = 0.5 * (backlog + kept) * 60_000.0
        backlog = kept
    return delay_ms, lost_ratio


def latencies(
    requests: FloatArray,
    servers: FloatArray,
    loads: tuple[NodeLoad, NodeLoad | None],
    busy: tuple[FloatArray, FloatArray],
    work: Database,
    *,
    speed: float,
    missed_ratio: float,
    readers: int,
    backlog_delay_ms: FloatArray,
) -> tuple[Latency, Latency | None]:
    """Time one API call spends on the writer, and on readers (None without them).

    The operations of a call run one after another. On a node they queue as one job, which keeps the mean
    of every wait and overstates the tail a little. Nobody waits for a reader to repeat writes.

    Args:
        requests: API calls answered in the minute, shape (minutes,).
        servers: vCPUs of one node, shape (minutes,).
        loads: operations of one call on the writer and on each reader.
        busy: CPU in use over CPU there is, of the writer and of each reader, shape (minutes,) each.
        work: what an operation costs.
        speed: throughput of one vCPU, from `speed_of`.
        missed_ratio: share of reads that go to storage.
        readers: how many share the call's reads.
        backlog_delay_ms: delay behind work left over, shape (minutes,); it is met once, at the writer.
    """
    writer, reader = loads
    at_writer = _node_latency(requests, servers, busy[0], writer, work, speed, missed_ratio, backlog_delay_ms)
    if reader is None:
        return at_writer, None
    reads = NodeLoad(reader.reads * readers, 0.0)
    return at_writer, _node_latency(requests, servers, busy[1], reads, work, speed, missed_ratio, None)


def _node_latency(
    requests: FloatArray,
    servers: FloatArray,
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


def check_families(scenario: Scenario) -> None:
    """Refuse database families that no engine offers. Raises ScenarioError naming each, and the valid ones."""
    known = sorted(RDS_SIZES.keys() | AURORA_SIZES.keys())
    faults = [
        Fault(f"constraints.database_families[{i}]", f"must be one of {', '.join(known)}", family)
        for i, family in enumerate(scenario.constraints.database_families)
        if family not in known
    ]
    if faults:
        raise ScenarioError(scenario.name, faults)


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
