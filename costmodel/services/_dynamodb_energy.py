"""The part of DynamoDB that is electricity: assumed, since AWS publishes nothing of what stands behind a table."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.capacity.accelerator import Cluster
from costmodel.capacity.energy import BUSY_RATIO, Energy, instances, moved, stored, table_requests
from costmodel.capacity.instances import instance_type
from costmodel.demand.demand import Demand
from costmodel.units import BYTES_PER_GB, BYTES_PER_KB, HOURS_PER_DAY


def table_energy(
    demand: Demand,
    region_ids: Sequence[str],
    cluster: Cluster | None,
    *,
    read_units: float,
    write_units: float,
    gb_hours: float,
) -> Energy:
    """Requests, storage and nodes over the run. A global table repeats writes and keeps all bytes in every region.

    Reads are divided among the regions, though it may be that one answers them all. What one region
    sends to another is the written units, of 1 KB each.
    """
    drawn = Energy()
    sent_gb = write_units * BYTES_PER_KB / BYTES_PER_GB * (len(region_ids) - 1)
    for region_id in region_ids:
        drawn += table_requests(region_id, read_units / len(region_ids) + write_units)
        drawn += stored(region_id, "ssd", "copies_table", gb_hours)
        drawn += moved(region_id, sent_gb / len(region_ids))
        if cluster is not None:
            drawn += _cluster_energy(region_id, cluster, float(demand.days * HOURS_PER_DAY))
    return drawn


def _cluster_energy(region_id: str, cluster: Cluster, hours: float) -> Energy:
    """Nodes of DAX as EC2 instances of the type in their name, at the use AWS takes for its own processors."""
    instance = instance_type(cluster.node.name.removeprefix("dax."))
    node_hours = hours * cluster.nodes
    return instances(region_id, instance, node_hours, node_hours * instance.vcpu * BUSY_RATIO)
