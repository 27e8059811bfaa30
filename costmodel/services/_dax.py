"""The part of DynamoDB that is DAX: what a cluster promises, costs and limits in front of a table.

Source: Amazon DynamoDB Developer Guide, "In-memory acceleration with DAX" (2023-06) and "Sizing your DAX
cluster" (2025).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from costmodel.capacity.accelerator import (
    CACHE_RATIO,
    MOST_NODES,
    MULTI_ZONE_NODES,
    NODE_TYPES,
    Cluster,
    cluster_work,
    read_through,
)
from costmodel.capacity.result import Limit
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import Database
from costmodel.services._base import (
    Meter,
    Reliability,
    Setting,
    TerraformVariable,
    Usage,
    between,
    meter_usage,
    one_of,
)
from costmodel.units import HOURS_PER_DAY, SECONDS_PER_MINUTE

SERVICE_NAME = "Amazon DynamoDB"
SERVICE_CODE = "AmazonDAX"
"""Offer with the prices of nodes.

Source: Amazon DynamoDB Developer Guide, "Understanding your AWS billing and usage reports for DynamoDB" (2025).
"""

SLA_RATIOS = {False: 0.995, True: 0.9999}
"""Monthly uptime of a cluster in one zone, and over several.

Source: Amazon DynamoDB Accelerator Service Level Agreement (2024-05-20).
"""

NEW_PRIMARY_MINUTES = 1.0
NEW_NODE_MINUTES = 15.0
"""Time until a replica takes over from a lost primary, and until a lost single node is replaced. Our guesses:
AWS says "quickly" of the first and nothing of the second.
"""


def smallest_cluster(demand: Demand, work: Database) -> Cluster:
    """Three of the smallest nodes that hold the working set and the work of the busiest minute with one of them
    lost; else three of the largest.
    """
    working_set_gb = work.working_set_ratio * float(demand.database_stored_gb.max())
    for node in NODE_TYPES:
        cluster = Cluster(node)
        hit_ratio = read_through(demand, work, 1.0, cluster).hit_ratio
        (limit,) = cluster_limits(cluster, cluster_work(cluster, work, demand, hit_ratio))
        if node.memory_gib * CACHE_RATIO >= working_set_gb and not limit.broken:
            return cluster
    return Cluster(NODE_TYPES[-1])


def with_cluster(table: Reliability, cluster: Cluster | None) -> Reliability:
    """What a table promises behind a cluster, which every call passes."""
    if cluster is None:
        return table
    spread = cluster.nodes >= MULTI_ZONE_NODES
    return Reliability(
        table.sla_ratio * SLA_RATIOS[spread],
        f"{table.source}, and Amazon DynamoDB Accelerator Service Level Agreement (2024-05-20)",
        rto_minutes=NEW_PRIMARY_MINUTES if spread else NEW_NODE_MINUTES,
    )


def cluster_limits(cluster: Cluster | None, work: FloatArray) -> tuple[Limit, ...]:
    """What the cluster can do at the busiest minute, a node lost; nothing without a cluster.

    `work` are the normalised requests of each minute, shape (minutes,).
    """
    if cluster is None:
        return ()
    words = "DAX cluster with a node lost" if cluster.nodes > 1 else "DAX cluster"
    busiest_per_s = float(work.max()) / SECONDS_PER_MINUTE
    return (Limit(words, busiest_per_s, cluster.safe_work_per_s, "normalised requests per second"),)


def cluster_usage(
    cluster: Cluster | None, demand: Demand, region_ids: Collection[str], resource_name: str
) -> tuple[Usage, ...]:
    """Node-hours of a cluster in each of these regions; nothing without one.

    Source: Amazon DynamoDB pricing, DynamoDB Accelerator (2025): every node by the hour.
    """
    if cluster is None:
        return ()
    hours = np.full(demand.days, float(HOURS_PER_DAY * cluster.nodes))
    formula = f"{cluster.nodes} nodes x every hour of the month"
    usages: list[Usage] = []
    for region_id in region_ids:
        query = PriceQuery(SERVICE_CODE, region_id, f"NodeUsage:{cluster.node.name}")
        meter = Meter("DAX node hours", SERVICE_NAME, "Databases", "Hours", query)
        usages += meter_usage(meter, resource_name, demand.calendar, hours, formula)
    return tuple(usages)


def cluster_words(cluster: Cluster | None) -> str:
    """What a label says of a cluster."""
    return f", DAX of {cluster.nodes} {cluster.node.name}" if cluster else ""


def cluster_settings(cluster: Cluster | None) -> Mapping[str, Setting]:
    """The cluster in front of the table; nothing without one."""
    if cluster is None:
        return {}
    return {
        "dax_node_type": cluster.node.name,
        "dax_nodes": cluster.nodes,
        "dax_item_ttl_s": cluster.ttl_s,
    }


def cluster_variables(cluster: Cluster | None) -> tuple[TerraformVariable, ...]:
    """Arguments of `aws_dax_cluster` and of its parameter group; nothing without a cluster."""
    if cluster is None:
        return ()
    attributes = (
        one_of("node_type", cluster.node.name, tuple(node.name for node in NODE_TYPES)),
        between("replication_factor", cluster.nodes, 1, MOST_NODES),
        between("record_ttl_millis", 1000 * cluster.ttl_s, 0, 2**31 - 1),
        one_of("cluster_endpoint_encryption_type", "TLS", ("NONE", "TLS")),
    )
    words = "Cluster in front of the table: arguments of aws_dax_cluster and its parameter group."
    return (TerraformVariable("dax_cluster", words, attributes),)
