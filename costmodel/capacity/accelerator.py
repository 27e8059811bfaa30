"""DynamoDB Accelerator (DAX): a cluster of caches in front of a table, and how many reads it answers.

One node is the primary, the others are replicas of its cache: a cluster remembers as much as one node, and
more nodes answer more reads but no more writes. Reads that need not see the last write are answered from the
item cache; the others, and all writes, pass through.

Source: Amazon DynamoDB Developer Guide, "DAX: How it works" and "DAX cluster components" (2023-06).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from costmodel.capacity.caching import hit_ratio, lru_residence_requests, zipf_exponent_of
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.scenario.model import Database
from costmodel.units import BYTES_PER_GB, BYTES_PER_KB, SECONDS_PER_MINUTE

ITEM_TTL_S = 300.0
"""Time an item is kept unless told otherwise. Source: Amazon DynamoDB Developer Guide, DAX parameter groups (2023-06)."""
MOST_NODES = 11
"""A primary and ten replicas. Source: Amazon DynamoDB Developer Guide, "Sizing your DAX cluster" (2025)."""
MULTI_ZONE_NODES = 3
"""Nodes that survive the loss of one, and of a zone. Source: as `MOST_NODES`."""
CACHE_RATIO = 0.75
"""Share of a node's memory that holds items. Engineering guess; AWS publishes the memory of the node."""
MISS_WORK = 10.0
WRITE_WORK = 25.0
"""Work of a node for a read that misses, and for a write on every node, over that for a hit; all per KB of
the item, rounded up.

Source: Amazon DynamoDB Developer Guide, "Sizing your DAX cluster", normalised requests per second (2025).
"""

_GRID_POINTS = 64
_LEAST_READS_PER_S = 1e-9


@dataclass(frozen=True, slots=True)
class NodeType:
    """A size of DAX nodes."""

    name: str
    memory_gib: float
    work_per_s: float
    """Hits of up to 1 KB that a node answers in a second."""


NODE_TYPES = (
    NodeType("dax.r5.large", 16.0, 75_000.0),
    NodeType("dax.r5.xlarge", 32.0, 150_000.0),
    NodeType("dax.r5.2xlarge", 64.0, 300_000.0),
    NodeType("dax.r5.4xlarge", 128.0, 600_000.0),
    NodeType("dax.r5.8xlarge", 256.0, 1_000_000.0),
)
"""Source: Amazon DynamoDB Developer Guide, "Sizing your DAX cluster", capacity by node type (2025), as copied in
a public cluster calculator. Larger nodes do no more work."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of equal nodes."""

    node: NodeType
    nodes: int = MULTI_ZONE_NODES
    ttl_s: float = ITEM_TTL_S

    def __post_init__(self) -> None:
        """Raises ValueError for a cluster that AWS would not make."""
        if not 1 <= self.nodes <= MOST_NODES:
            raise ValueError(
                f"a cluster has 1 to {MOST_NODES} nodes (Amazon DynamoDB Developer Guide, DAX clusters, 2025),"
                f" not {self.nodes}"
            )
        if not 0.0 < self.ttl_s < math.inf:
            raise ValueError(f"ttl_s must be above 0 and finite, not {self.ttl_s}")

    @property
    def safe_work_per_s(self) -> float:
        """What is left of the cluster's work when a node is lost; all of it for a single node."""
        return self.node.work_per_s * max(1, self.nodes - 1)


@dataclass(frozen=True, slots=True)
class Items:
    """What a table holds and how it is asked for."""

    count: int
    item_kb: float
    hottest_ratio: float
    """Share of the reads that go to the most wanted item; popularity falls off from there as Zipf's law says."""

    def hit_ratios(self, cluster: Cluster, reads_per_s: FloatArray) -> FloatArray:
        """Share of reads that the item cache answers, shape (minutes,), at these rates of cacheable reads.

        Smooth in the rate, so worked out on a logarithmic grid and read off in between. Writes through the
        cluster renew items too, which is left out: the ratio is not overstated for it. Without reads it is 0.

        Source: Jung, Berger and Balakrishnan, INFOCOM 2003, and Che, Tung and Wang, IEEE JSAC 20(7) 2002;
        see `capacity/caching.py`.
        """
        ratios = np.zeros_like(reads_per_s)
        asked = reads_per_s > _LEAST_READS_PER_S
        if not asked.any():
            return read_only(ratios)
        exponent = zipf_exponent_of(self.count, self.hottest_ratio)
        room = CACHE_RATIO * cluster.node.memory_gib * BYTES_PER_GB / (self.item_kb * BYTES_PER_KB)
        residence = lru_residence_requests(self.count, exponent, room)
        rates = reads_per_s[asked]
        grid = np.geomspace(rates.min(), rates.max(), _GRID_POINTS)
        known = [hit_ratio(self.count, exponent, rate, cluster.ttl_s, residence / rate) for rate in grid]
        ratios[asked] = np.interp(np.log(rates), np.log(grid), known)
        return read_only(ratios)

    def hottest_hit_ratios(self, cluster: Cluster, reads_per_s: FloatArray) -> FloatArray:
        """The same for reads of the most wanted item alone, which is never dropped before its time."""
        kept = self.hottest_ratio * reads_per_s * cluster.ttl_s
        return read_only(kept / (1.0 + kept))


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What is read of a table. Arrays have shape (minutes,) and are read-only."""

    units: FloatArray
    """Read units asked of the table in the minute."""
    hottest_units: FloatArray
    """Those of its hottest key."""
    hit_ratio: FloatArray
    """Share of all reads that a cluster answers and the table never sees."""


def read_through(demand: Demand, work: Database, units_per_call: float, cluster: Cluster | None) -> Reading:
    """Reads that reach a table, `units_per_call` of them in a call, through a cluster or straight.

    A read that need not see the last write costs half the units of one that must, and only it may be answered
    by the cluster. The items are those that the stored bytes have room for.

    Source: Amazon DynamoDB Developer Guide, "Read/write capacity mode" (2023-06), and the module's.
    """
    units = units_per_call * demand.api_requests
    hottest = work.hottest_key_ratio
    if cluster is None:
        return Reading(read_only(units), read_only(hottest * units), read_only(np.zeros(demand.minutes)))
    stored_bytes = float(demand.database_stored_gb.mean()) * BYTES_PER_GB
    items = Items(
        max(1, round(stored_bytes / (work.read_item_kb * BYTES_PER_KB))), work.read_item_kb, hottest
    )
    eventual = 1.0 - work.consistent_read_ratio
    eventual_units = eventual / (1.0 + work.consistent_read_ratio)
    reads_per_s = eventual * demand.reads / SECONDS_PER_MINUTE
    hits = items.hit_ratios(cluster, reads_per_s)
    hottest_hits = items.hottest_hit_ratios(cluster, reads_per_s)
    return Reading(
        read_only(units * (1.0 - eventual_units * hits)),
        read_only(hottest * units * (1.0 - eventual_units * hottest_hits)),
        read_only(eventual * hits),
    )


def cluster_work(cluster: Cluster, work: Database, demand: Demand, hit_ratio: FloatArray) -> FloatArray:
    """Normalised requests of a cluster in each minute, shape (minutes,), when it answers this share of the reads.

    Source: see `WRITE_WORK`.
    """
    read_kb, written_kb = math.ceil(work.read_item_kb), math.ceil(work.write_item_kb)
    per_read = read_kb * (hit_ratio + MISS_WORK * (1.0 - hit_ratio))
    return demand.reads * per_read + demand.writes * (WRITE_WORK * written_kb * cluster.nodes)
