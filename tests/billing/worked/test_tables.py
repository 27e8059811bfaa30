"""Worked bills of Lambda on Managed Instances, of tables for infrequent access, and of DAX."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from costmodel.capacity.accelerator import NODE_TYPES, Cluster
from costmodel.capacity.instances import instance_type
from costmodel.services.dynamodb import OnDemandTable, ProvisionedTable
from costmodel.services.lambda_managed import ManagedFunctions
from shops.calls import demand_of_calls, scenario_of_calls
from shops.database import demand_of, shop
from shops.till import billed

D = Decimal


def test_managed_instances_pay_for_hours_fee_and_requests() -> None:
    """Three m7g.large in Ireland all November at 0.091 an hour, and the fee of 15 %; 10 calls a second.

    3 x 720 h = 2 160 h x 0.091 = 196.56; 0.15 x 2 160 = 324 h x 0.091 = 29.484.
    25.92 million requests, less the free million, x 0.20 = 4.984. In all 231.028, and no GB-seconds.
    """
    scenario = scenario_of_calls(rendering={"jobs_per_1000_page_views": 0})
    design = ManagedFunctions(
        region_id="eu-west-1",
        instance=instance_type("m7g.large"),
        target_ratio=0.5,
        max_instances=10,
        vcpu_quota=640,
        api=scenario.api,
        database=scenario.database,
    )
    demand = demand_of_calls(10)
    bill = billed(design.usage(demand, design.simulate(demand)))
    assert bill.by("sku_meter") == {
        "Managed instance hours": D("196.56"),
        "Management fee": D("29.484"),
        "Managed requests": D("4.984"),
    }
    assert bill.billed_cost == D("231.028")


def test_a_table_for_infrequent_access() -> None:
    """One read of 1 KB that must be newest and one plain write of 1 KB a call, no index, 43.2 million calls, 50 GiB.

    43.2 million x 0.155 = 6.696; 43.2 million x 0.78 = 33.696; 50 GiB = 53.6870912 GB, and 100 bytes on each
    1 024: x 1.09765625 = 58.929971 GB x 0.10 with nothing free = 5.8929971; recovery x 0.2 = 11.7859942.
    """
    scenario = shop(
        database={
            "reads_per_call": 1,
            "writes_per_call": 1,
            "read_item_kb": 1,
            "consistent_read_ratio": 1,
            "transaction_write_ratio": 0,
            "secondary_indexes": 0,
        }
    )
    design = OnDemandTable(scenario.region, scenario.database, table_class="STANDARD_INFREQUENT_ACCESS")
    demand = demand_of(scenario, 1_000.0)
    bill = billed(design.usage(demand, design.simulate(demand)))
    costs = {name: round(usd, 6) for name, usd in bill.by("sku_meter").items()}
    assert costs == {
        "Read requests": D("6.696"),
        "Write requests": D("33.696"),
        "Storage": D("5.892997"),
        "Point-in-time recovery": D("11.785994"),
    }


def test_provisioned_capacity_for_infrequent_access_has_nothing_free() -> None:
    """100 calls a second with one read of 1 unit at 50 %: 200 units x 720 h x 0.00016 = 23.04."""
    scenario = shop(
        database={
            "reads_per_call": 1,
            "writes_per_call": 0,
            "read_item_kb": 1,
            "consistent_read_ratio": 1,
            "secondary_indexes": 0,
        }
    )
    table = ProvisionedTable(
        scenario.region,
        scenario.database,
        *(0.5, 1, 1_000, 1, 1, 1, 1),
        table_class="STANDARD_INFREQUENT_ACCESS",
    )
    demand = demand_of(scenario, 6_000.0)
    bill = billed(table.usage(demand, table.simulate(demand)))
    assert bill.by("sku_meter")["Provisioned reads"] == D("23.04")


def test_a_cluster_is_billed_by_the_node_hour_and_spares_reads() -> None:
    """Three nodes all November are 2 160 node-hours, for which the shipped book has no price.

    1 000 items of 2 KB, all equally wanted, at 80 reads a second that may be cached: 24 of 25 are hits, and what is
    left is 50 calls x 2 reads x (0.8 x 0.5 / 25 + 0.2) = 21.6 units a second: 55.9872 million x 0.125 = 6.9984.
    """
    scenario = shop(database={"hottest_key_ratio": 0.001, "secondary_indexes": 0})
    design = replace(OnDemandTable(scenario.region, scenario.database), cluster=Cluster(NODE_TYPES[0]))
    demand = demand_of(scenario, 3_000.0, 2_000 / 1024**2)
    used = {u.meter.name: u for u in design.usage(demand, design.simulate(demand))}
    nodes = used["DAX node hours"]
    assert (nodes.consumed_quantity, nodes.meter.query.service_code) == (2_160, "AmazonDAX")
    assert billed([used["Read requests"]]).billed_cost == D("6.9984")
