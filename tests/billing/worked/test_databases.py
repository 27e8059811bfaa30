"""Worked bills of RDS, Aurora and DynamoDB."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from costmodel.billing.charge import to_cents
from costmodel.capacity.overload import Patience
from costmodel.demand.demand import Demand
from costmodel.scenario.model import Scenario
from costmodel.services._base import Usage
from costmodel.services.aurora import AuroraCluster, AuroraServerless
from costmodel.services.dynamodb import OnDemandTable, ProvisionedTable
from costmodel.services.rds import RdsInstance, charged_iops
from shops.database import demand_of, shop
from shops.till import billed, billed_cents, cents, file_cents, priced_file

D = Decimal
MINUTES_OF_NOVEMBER = 30 * 1440


def used(design: Any, demand: Demand, *usage_types: str) -> tuple[Usage, ...]:
    """What a design used; of these usage types only, where some are named."""
    usages: tuple[Usage, ...] = design.usage(demand, design.simulate(demand))
    return tuple(u for u in usages if not usage_types or u.meter.query.usage_type in usage_types)


def instance(scenario: Scenario, **changes: Any) -> RdsInstance:
    """db.m7g.large, Single-AZ, with 63 GB of gp3."""
    base = RdsInstance(
        scenario.region,
        "db.m7g.large",
        False,
        0,
        63.0,
        0.0,
        0.0,
        "on_demand",
        scenario.database,
        Patience(10.0),
    )
    return replace(base, **changes)


def cluster(scenario: Scenario, **changes: Any) -> AuroraCluster:
    """One db.r7g.large on Standard storage."""
    base = AuroraCluster(scenario.region, 0, False, scenario.database, Patience(10.0), "db.r7g.large")
    return replace(base, **changes)


def on_demand(scenario: Scenario) -> OnDemandTable:
    return OnDemandTable(scenario.region, scenario.database)


def provisioned(scenario: Scenario, **changes: Any) -> ProvisionedTable:
    base = ProvisionedTable(scenario.region, scenario.database, 0.7, 1, 40_000, 1, 40_000, 1, 40_000)
    return replace(base, **changes)


# --- RDS -------------------------------------------------------------------------------------------


def test_rds_postgresql_multi_az_in_frankfurt() -> None:
    """A Multi-AZ instance and its storage have prices of their own; backups beyond the free part cost.

    744 h x 0.401 = 298.344; 200 GB x 0.274 = 54.80; 50 GB x 0.103 = 5.15; in all 358.294.
    """
    total = cents("""
      - service: AmazonRDS
        region: eu-central-1
        meter: "Multi-AZUsage:db.m7g.large"
        attributes: {engine: PostgreSQL}
        quantity: 744
        unit: Hrs
      - {service: AmazonRDS, region: eu-central-1, meter: "RDS:Multi-AZ-GP3-Storage", quantity: 200}
      - {service: AmazonRDS, region: eu-central-1, meter: "RDS:ChargedBackupUsage", quantity: 50}
    """)
    assert total == to_cents(744 * D("0.401") + 200 * D("0.274") + 50 * D("0.103")) == D("358.29")


def test_rds_single_az_in_virginia_for_a_month_of_30_days() -> None:
    """720 h x 0.239 = 172.08, and 100 GB x 0.115 = 11.50."""
    total = cents("""
      - service: AmazonRDS
        region: us-east-1
        meter: "InstanceUsage:db.r7g.large"
        attributes: {engine: PostgreSQL}
        quantity: 720
      - {service: AmazonRDS, region: us-east-1, meter: "RDS:GP3-Storage", quantity: 100}
    """)
    assert total == 720 * D("0.239") + 100 * D("0.115") == D("183.58")


def test_instance_hours_are_decimal_because_rds_bills_by_the_second() -> None:
    """3 h 20 min 15 s are 3.3375 h; a start of four minutes is billed as ten, 600 s / 3 600 = 0.1666... h.

    (3.3375 + 0.166666667) h x 1.148 (db.r7g.xlarge Multi-AZ in Tokyo) = 4.02278333...
    """
    database = "{region: ap-northeast-1, engine: MySQL, class: db.r7g.xlarge, multi_az: true, ran_minutes: [200.25, 4]}"
    (line,) = priced_file(f"databases: [{database}]").lines
    assert line.quantity == D("3.504166667")
    assert to_cents(line.billed_cost) == to_cents(D("3.504166667") * D("1.148")) == D("4.02")


def test_every_start_is_billed_for_ten_minutes() -> None:
    """Started 300 times for three minutes: 300 x 600 s / 3 600 = 50 h x 0.574 (Single-AZ) = 28.70, not 15 h x 0.574."""
    runs = ", ".join(["3"] * 300)
    database = f"{{region: ap-northeast-1, engine: MySQL, class: db.r7g.xlarge, multi_az: false, ran_minutes: [{runs}]}}"
    assert file_cents(f"databases: [{database}]") == 50 * D("0.574") == D("28.70")


def test_engines_of_one_class_have_prices_of_their_own() -> None:
    """720 h of db.m6g.large in Ireland: PostgreSQL x 0.176 = 126.72, MySQL x 0.168 = 120.96."""
    totals = []
    for engine in ("postgresql", "mysql"):
        scenario = shop(region="eu-west-1", database={"engine": engine})
        design = instance(scenario, instance_class="db.m6g.large")
        totals.append(billed(used(design, demand_of(scenario, 0.0), "InstanceUsage:db.m6g.large")))
    assert [total.billed_cost for total in totals] == [D("126.72"), D("120.96")]


def test_a_standby_is_billed_at_the_multi_az_rate_and_not_at_twice_the_single_one() -> None:
    """db.r7g.xlarge in Ireland: 720 h x 1.071 = 771.12, where twice 0.536 would be 771.84.

    63 GB for the pair x 0.254 = 16.002. In all 787.122.
    """
    scenario = shop(region="eu-west-1")
    design = instance(scenario, instance_class="db.r7g.xlarge", multi_az=True)
    total = billed(used(design, demand_of(scenario, 0.0))).billed_cost
    assert total == 720 * D("1.071") + 63 * D("0.254") == D("787.122")


def test_every_replica_pays_for_its_own_instance_and_storage() -> None:
    """A Multi-AZ primary and two replicas in a single zone each, in Virginia, November.

    Primary: 720 h x 0.337 = 242.64 and 63 GB x 0.23 = 14.49.
    Replicas: 2 x 720 h x 0.168 = 241.92 and 2 x 63 GB x 0.115 = 14.49. In all 513.54.
    """
    scenario = shop()
    bill = billed(used(instance(scenario, multi_az=True, read_replicas=2), demand_of(scenario, 60.0)))
    assert bill.by("resource_name") == {"database": D("257.13"), "database-replica": D("256.41")}
    assert bill.billed_cost == D("513.54")


def test_below_400_gb_gp3_sells_neither_iops_nor_throughput() -> None:
    """399 GB x 0.115 = 45.885 and no more: the 3 000 IOPS and 125 MiB/s are fixed, and more is not sold."""
    scenario = shop()
    for bought in ({"iops": 15_000.0}, {"throughput_mibps": 600.0}):
        with pytest.raises(ValueError, match=r"sold with gp3 of 400 GB .* not with gp3 of 399 GB"):
            instance(scenario, storage_gb=399.0, **bought)
    design = instance(scenario, storage_gb=399.0)
    assert billed(used(design, demand_of(scenario, 0.0))[1:]).billed_cost == 399 * D("0.115") == D("45.885")


def test_from_400_gb_gp3_bills_what_exceeds_12000_iops_and_500_mib_per_second() -> None:
    """400 GB x 0.115 = 46; (15 000 - 12 000) x 0.02 = 60; (600 - 500) x 0.08 = 8. In all 114."""
    scenario = shop()
    demand = demand_of(scenario, 0.0)
    bought = instance(scenario, storage_gb=400.0, iops=15_000.0, throughput_mibps=600.0)
    included = instance(scenario, storage_gb=400.0, iops=12_000.0, throughput_mibps=500.0)
    assert billed(used(bought, demand)[1:]).billed_cost == D("114")
    assert billed(used(included, demand)[1:]).billed_cost == D("46")


def test_a_standby_needs_the_bought_iops_and_throughput_too() -> None:
    """Ireland, Multi-AZ: 400 GB x 0.254 = 101.60; 3 000 IOPS x 0.044 = 132; 100 MiB/s x 0.177 = 17.70."""
    scenario = shop(region="eu-west-1")
    design = instance(scenario, multi_az=True, storage_gb=400.0, iops=15_000.0, throughput_mibps=600.0)
    total = billed(used(design, demand_of(scenario, 0.0))[1:]).billed_cost
    assert total == 400 * D("0.254") + 3_000 * D("0.044") + 100 * D("0.177") == D("251.30")


def test_storage_that_grows_in_the_month_is_prorated() -> None:
    """100 GB hold 90 for ten days; then 91 leave less than a tenth free, and 110 GB stand for twenty days.

    (10 x 100 + 20 x 110) / 30 = 106.666666667 GB-months x 0.115 = 12.2666666667.
    """
    scenario = shop()
    demand = demand_of(scenario, 0.0, np.array([90.0] * 10 + [91.0] * 20))
    usages = used(instance(scenario, storage_gb=100.0), demand, "RDS:GP3-Storage")
    assert [u.consumed_quantity for u in usages] == [D("106.666666667")]
    assert billed_cents(usages) == D("12.27")


@pytest.mark.parametrize(
    ("retention_days", "replicas", "expected"),
    [
        (1, 0, "32.87"),  # 390 + 1 x 390 - 434 = 346 GB x 0.095 = 32.87
        (14, 0, "514.52"),  # 390 + 14 x 390 - 434 = 5 416 GB x 0.095
        (14, 1, "473.29"),  # 390 + 14 x 390 - 2 x 434 = 4 982 GB x 0.095
        (1, 1, "0"),  # 780 GB of backups fit 868 GB
    ],
)
def test_backups_are_free_up_to_what_the_instances_have_allocated(
    retention_days: int, replicas: int, expected: str
) -> None:
    """All 390 GB are written anew every day: a full copy, and 390 GB for each day kept.

    6 000 000 calls a minute x 1 440 x 0.15 writes of 1 KB are 1 236 GiB, which is more than the 390 there are.
    """
    scenario = shop(database={"backup_retention_days": retention_days})
    design = instance(scenario, storage_gb=434.0, read_replicas=replicas)
    usages = used(design, demand_of(scenario, 6e6, 390.0), "RDS:ChargedBackupUsage")
    assert billed(usages).billed_cost == D(expected)


def test_a_reserved_instance_is_paid_by_the_hour_of_the_month_at_the_reserved_rate() -> None:
    """One year, no upfront payment: 720 h x 0.1297 = 93.384, where on demand is 720 x 0.168 = 120.96."""
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    reserved = used(
        instance(scenario, purchase="reserved_1yr_no_upfront"), demand, "InstanceUsage:db.m7g.large"
    )
    bill = billed(reserved)
    assert bill.billed_cost == 720 * D("0.1297") == D("93.384")
    assert {charge.pricing_category for charge in bill.charges} == {"Committed"}
    on_demand_hours = used(instance(scenario), demand, "InstanceUsage:db.m7g.large")
    assert billed(on_demand_hours).billed_cost == D("120.96")


def test_io1_and_io2_bill_every_provisioned_iops() -> None:
    """Frankfurt, no IOPS included: Single-AZ io1 with 100 GB x 0.149 = 14.90 and 1 000 IOPS x 0.119 = 119;
    Multi-AZ io2 with 500 GB x 0.298 = 149 and 20 000 IOPS x 0.238 = 4 760. In all 5 042.90.
    """

    def charged(storage_type: str, iops: float, gb: float) -> str:
        (all_month,) = set(charged_iops(storage_type, iops, np.full(30, gb)))
        return f"{all_month:.0f}"

    total = cents(f"""
      - {{service: AmazonRDS, region: eu-central-1, meter: "RDS:PIOPS-Storage", quantity: 100}}
      - {{service: AmazonRDS, region: eu-central-1, meter: "RDS:PIOPS", quantity: {charged("io1", 1_000, 100)}}}
      - {{service: AmazonRDS, region: eu-central-1, meter: "RDS:Multi-AZ-PIOPS-Storage-IO2", quantity: 500}}
      - service: AmazonRDS
        region: eu-central-1
        meter: "RDS:Multi-AZ-PIOPS"
        quantity: {charged("io2", 20_000, 500)}
    """)
    single = 100 * D("0.149") + 1_000 * D("0.119")
    assert total == single + 500 * D("0.298") + 20_000 * D("0.238") == D("5042.90")


# --- Aurora ----------------------------------------------------------------------------------------


def test_aurora_with_one_replica_in_virginia() -> None:
    """Two instances of one price; 2 x 744 h x 0.276 = 410.688; 200 GB x 0.10 = 20; 300 million I/O x 0.20 = 60."""
    total = cents("""
      - service: AmazonRDS
        region: us-east-1
        meter: "InstanceUsage:db.r7g.large"
        attributes: {engine: Aurora PostgreSQL}
        quantity: 1488
      - {service: AmazonRDS, region: us-east-1, meter: "Aurora:StorageUsage", quantity: 200}
      - {service: AmazonRDS, region: us-east-1, meter: "Aurora:StorageIOUsage", quantity: 300000000}
    """)
    assert total == to_cents(2 * 744 * D("0.276") + 200 * D("0.10") + 300 * D("0.20")) == D("490.69")


def test_aurora_serverless_in_ireland() -> None:
    """Capacity units by the second: 3.5 on average over 744 h are 2 604 ACU-hours x 0.14."""
    total = cents("""
      - service: AmazonRDS
        region: eu-west-1
        meter: "Aurora:ServerlessV2Usage"
        attributes: {engine: Aurora MySQL}
        quantity: 2604
        unit: ACU-Hr
    """)
    assert total == 744 * D("3.5") * D("0.14") == D("364.56")


def test_a_cluster_shares_one_volume_and_bills_its_io() -> None:
    """A writer and a reader for 720 h, 1 000 calls a minute, 50 GB with every hot page in memory.

    2 x 720 h x 0.276 = 397.44; 50 GB once x 0.10 = 5.
    I/O of a call: 2 reads x 1 % missed + 0.15 writes x 2.1 = 0.335; x 43.2 million = 14.472 million x 0.20 = 2.8944.
    Backups: 1.44 million calls x 0.15 KB = 0.2059936523 GiB a day, seven days = 1.441955566 x 0.021 = 0.0302810669.
    In all 405.3646810669.
    """
    scenario = shop()
    usages = used(cluster(scenario, readers=1), demand_of(scenario, 1_000.0))
    backups = D("1.441955566") * D("0.021")
    total = 2 * 720 * D("0.276") + 50 * D("0.10") + D("14.472") * D("0.20") + backups
    assert billed(usages).billed_cost == total
    assert billed_cents(usages) == D("405.36")


def test_io_optimized_pays_more_for_nodes_and_storage_and_nothing_for_io() -> None:
    """The same load on one node: 720 h x 0.359 = 258.48; 50 GB x 0.225 = 11.25; backups 0.0302810669."""
    scenario = shop()
    usages = used(cluster(scenario, io_optimized=True), demand_of(scenario, 1_000.0))
    assert billed_cents(usages) == to_cents(720 * D("0.359") + 50 * D("0.225") + D("0.03028")) == D("269.76")


def test_serverless_capacity_is_billed_as_it_runs() -> None:
    """1 000 calls a second need 2.99 ACU; a third more in halves is 4.0, for 720 h.

    4 x 720 x 0.12 = 345.60; 50 GB x 0.10 = 5; 2 592 million calls x 0.335 I/O = 868.32 million x 0.20 = 173.664.
    Backups: 86.4 million calls x 0.15 KB = 12.359619140625 GiB a day, seven days = 86.517333984 x 0.021 =
    1.816864013664. In all 526.080864013664.
    """
    scenario = shop()
    design = AuroraServerless(scenario.region, 0, False, scenario.database, Patience(10.0), 0.5, 16.0)
    usages = used(design, demand_of(scenario, 60_000.0))
    total = 4 * 720 * D("0.12") + 50 * D("0.10") + D("868.32") * D("0.20") + D("86.517333984") * D("0.021")
    assert billed(usages).billed_cost == total
    assert billed_cents(usages) == D("526.08")


def test_a_volume_is_billed_by_what_it_holds_each_day() -> None:
    """50 GB on the first day and one more each day: 64.5 on average x 0.10 = 6.45, beside 720 h x 0.276 = 198.72.

    Nothing is read or written, so no I/O and no backups beyond the free copy.
    """
    scenario = shop()
    usages = used(cluster(scenario), demand_of(scenario, 0.0, np.arange(50.0, 80.0)))
    assert billed(usages).billed_cost == D("198.72") + D("6.45") == D("205.17")


@pytest.mark.parametrize(
    ("retention_days", "expected"),
    [
        (1, "0"),  # a retention of one day is free
        (7, "1.47"),  # 150 GB before + 7 x 10 - 150 GB free = 70 GB x 0.021
        (35, "7.35"),  # 35 x 10 = 350 GB x 0.021
    ],
)
def test_continuous_backups_bill_the_changes_of_the_retention(retention_days: int, expected: str) -> None:
    """A volume of 150 GB of which 10 GB change every day: 10 x 2^20 writes of 1 KB over 1 440 minutes."""
    scenario = shop(
        database={"backup_retention_days": retention_days, "writes_per_call": 1, "write_item_kb": 1}
    )
    usages = used(cluster(scenario), demand_of(scenario, 10 * 2**20 / 1440, 150.0), "Aurora:BackupUsage")
    assert billed(usages).billed_cost == D(expected)


def test_backups_of_a_volume_that_changes_wholly_are_charged_for_the_other_days() -> None:
    """At most the volumes of all days kept, 7 x 150 = 1 050 GB, less the 150 that are free: 900 GB x 0.021."""
    scenario = shop(database={"backup_retention_days": 7})
    usages = used(cluster(scenario), demand_of(scenario, 6e6, 150.0), "Aurora:BackupUsage")
    assert billed(usages).billed_cost == 900 * D("0.021") == D("18.90")


# --- DynamoDB --------------------------------------------------------------------------------------


def test_dynamodb_on_demand_in_singapore() -> None:
    """40 million writes x 0.71 = 28.40; 200 million reads x 0.1425 = 28.50; 60 GB of recovery x 0.228 = 13.68.

    Storage: (60 - 25 free) x 0.285 = 9.975, in all 80.555, and half a cent rounds up; 60 x 0.285 = 17.10 without.
    """
    lines = """
      - {service: AmazonDynamoDB, region: ap-southeast-1, meter: WriteRequestUnits, quantity: 40000000}
      - {service: AmazonDynamoDB, region: ap-southeast-1, meter: ReadRequestUnits, quantity: 200000000}
      - {service: AmazonDynamoDB, region: ap-southeast-1, meter: TimedStorage-ByteHrs, quantity: 60}
      - {service: AmazonDynamoDB, region: ap-southeast-1, meter: TimedPITRStorage-ByteHrs, quantity: 60}
    """
    throughput = 40 * D("0.71") + 200 * D("0.1425")
    recovery = 60 * D("0.228")
    assert cents(lines) == to_cents(throughput + (60 - 25) * D("0.285") + recovery) == D("80.56")
    assert cents(lines, free_tier=False) == throughput + 60 * D("0.285") + recovery == D("87.68")


def test_dynamodb_provisioned_in_oregon_after_its_free_unit_hours() -> None:
    """Writes: (100 x 744 - 18 600) x 0.00065 = 36.27; reads: (200 x 744 - 18 600) x 0.00013 = 16.926."""
    total = cents("""
      - {service: AmazonDynamoDB, region: us-west-2, meter: WriteCapacityUnit-Hrs, quantity: 74400}
      - {service: AmazonDynamoDB, region: us-west-2, meter: ReadCapacityUnit-Hrs, quantity: 148800}
    """)
    writes = (100 * 744 - 18_600) * D("0.00065")
    reads = (200 * 744 - 18_600) * D("0.00013")
    assert total == to_cents(writes + reads) == D("53.20")


@pytest.mark.parametrize(
    ("read_item_kb", "consistent_ratio", "expected"),
    [
        (4, 1, "5.40"),  # 1 unit: 43.2 million
        (4, 0, "2.70"),  # half a unit: 21.6 million
        (4.1, 1, "10.80"),  # 4.1 KB round up to 8: 86.4 million
        (4.1, 0, "5.40"),  # half of 2 units
        (0.1, 0, "2.70"),  # the least there is: half a unit
        (400, 1, "540.00"),  # 100 units
    ],
)
def test_reads_are_counted_in_4_kb_and_halved_when_eventual(
    read_item_kb: float, consistent_ratio: float, expected: str
) -> None:
    """43.2 million reads in November; a million units cost 0.125."""
    work = {
        "read_item_kb": read_item_kb,
        "reads_per_call": 1,
        "writes_per_call": 0,
        "consistent_read_ratio": consistent_ratio,
    }
    scenario = shop(database=work)
    usages = used(on_demand(scenario), demand_of(scenario, 1_000.0), "ReadRequestUnits")
    assert billed(usages).billed_cost == D(expected)


@pytest.mark.parametrize(
    ("write_item_kb", "transaction_ratio", "indexes", "expected"),
    [
        (1, 0, 0, "27.00"),  # 1 unit: 43.2 million
        (1, 1, 0, "54.00"),  # 2 units in a transaction
        (1.5, 1, 0, "108.00"),  # 1.5 KB round up to 2, doubled
        (1.5, 1, 2, "216.00"),  # 4 units, and 2 on each of two indexes, which pay no surcharge
        (0.1, 0, 3, "108.00"),  # 1 unit and 1 on each of three indexes
    ],
)
def test_writes_are_counted_in_1_kb_and_doubled_in_transactions_but_not_on_indexes(
    write_item_kb: float, transaction_ratio: float, indexes: int, expected: str
) -> None:
    """43.2 million writes in November; a million units cost 0.625."""
    work = {
        "write_item_kb": write_item_kb,
        "reads_per_call": 0,
        "writes_per_call": 1,
        "transaction_write_ratio": transaction_ratio,
        "secondary_indexes": indexes,
    }
    scenario = shop(database=work)
    usages = used(on_demand(scenario), demand_of(scenario, 1_000.0), "WriteRequestUnits")
    assert billed(usages).billed_cost == D(expected)


def test_an_on_demand_month_of_mixed_calls() -> None:
    """One read of 5 KB and one write of 1.5 KB a call, 43.2 million calls, one index, 50 GiB.

    A read: 25 % at 2 units, 75 % at 1 = 1.25; 54 million x 0.125 = 6.75.
    A write: 50 % at 4, 50 % at 2, and 2 on the index = 5; 216 million x 0.625 = 135.
    50 GiB = 53.6870912 GB, and 2 x 100 bytes on each 5 120: x 1.0390625 = 55.7842432 GB.
    (55.7842432 - 25) x 0.25 = 7.6960608; recovery of all x 0.2 = 11.15684864. In all 160.60290944.
    """
    work = {
        "read_item_kb": 5,
        "write_item_kb": 1.5,
        "reads_per_call": 1,
        "writes_per_call": 1,
        "consistent_read_ratio": 0.25,
        "transaction_write_ratio": 0.5,
        "secondary_indexes": 1,
    }
    scenario = shop(database=work)
    usages = used(on_demand(scenario), demand_of(scenario, 1_000.0))
    assert billed(usages).billed_cost == D("160.60290944")


def test_throttled_reads_on_demand_are_free_and_every_served_one_is_billed() -> None:
    """6 000 reads a second all month, but 24 000 for one hour: twice the peak, 12 000, is served for 30 minutes,
    then twice that. One unit a read.

    43 140 minutes x 360 000 + 30 x 720 000 + 30 x 1 440 000 = 15 595.2 million x 0.125 = 1 949.40.
    What was asked for would be 15 616.8 million, 1 952.10; without the busy hour it is 15 530.4 million, 1 941.30.
    """
    scenario = shop(
        database={"reads_per_call": 1, "writes_per_call": 0, "consistent_read_ratio": 1, "read_item_kb": 1}
    )
    calls = np.full(MINUTES_OF_NOVEMBER, 360_000.0)
    calls[5_000:5_060] = 1_440_000.0
    usages = used(on_demand(scenario), demand_of(scenario, calls), "ReadRequestUnits")
    assert [u.consumed_quantity for u in usages] == [15_595_200_000]
    assert billed(usages).billed_cost == D("1949.40")


def test_throttled_writes_on_demand_are_free_on_the_table_and_on_its_index() -> None:
    """2 000 writes a second, but 8 000 for one hour: 4 000 served for 30 minutes, then 8 000; an index repeats each.

    2 x (43 140 x 120 000 + 30 x 240 000 + 30 x 480 000) = 10 396.8 million units x 0.625 = 6 498.
    """
    scenario = shop(
        database={
            "reads_per_call": 0,
            "writes_per_call": 1,
            "transaction_write_ratio": 0,
            "secondary_indexes": 1,
        }
    )
    calls = np.full(MINUTES_OF_NOVEMBER, 120_000.0)
    calls[5_000:5_060] = 480_000.0
    usages = used(on_demand(scenario), demand_of(scenario, calls), "WriteRequestUnits")
    assert billed(usages).billed_cost == D("6498")


def test_a_provisioned_month_pays_for_what_stands_ready() -> None:
    """1 000 calls a second at a target of 70 %: 1 200 reads need 1 715 units, 165 writes 236, 150 index writes 215.

    Reads, with one on each of two indexes: (1 717 x 720 - 18 600) x 0.00013 = 158.2932.
    Writes, with both indexes: ((236 + 430) x 720 - 18 600) x 0.00065 = 299.598.
    53.6870912 GB x (1 + 300 / 2 048) = 61.5514112: (61.5514112 - 25) x 0.25 = 9.1378528, and x 0.2 = 12.31028224.
    In all 479.33933504.
    """
    scenario = shop()
    usages = used(provisioned(scenario), demand_of(scenario, 60_000.0))
    throughput = (1_717 * 720 - 18_600) * D("0.00013") + (666 * 720 - 18_600) * D("0.00065")
    assert billed(usages).billed_cost == throughput + D("9.1378528") + D("12.31028224") == D("479.33933504")


def test_an_hour_in_which_capacity_rose_is_billed_at_its_highest() -> None:
    """50 reads a second keep 100 units at a target of 50 %; from minute 30 of hour 10 on, 100 reads need 200.

    They stand from minute 35, after two minutes above target and three of change, and hour 10 is billed at 200:
    (10 x 100 + 710 x 200 - 18 600) x 0.00013 = 124 400 x 0.00013 = 16.172.
    """
    scenario = shop(
        database={
            "reads_per_call": 1,
            "writes_per_call": 0,
            "consistent_read_ratio": 1,
            "secondary_indexes": 0,
        }
    )
    calls = np.full(MINUTES_OF_NOVEMBER, 50 * 60.0)
    calls[10 * 60 + 30 :] = 100 * 60.0
    design = provisioned(scenario, target_ratio=0.5)
    reads = design.runs(demand_of(scenario, calls))[0].provisioned_units
    assert (reads[10 * 60 + 30], reads[11 * 60 - 1]) == (100, 200)
    usages = used(design, demand_of(scenario, calls), "ReadCapacityUnit-Hrs")
    assert billed(usages).billed_cost == D("16.172")


@pytest.mark.parametrize(
    ("period", "units", "expected"),
    [
        ("2026-10", 25, "0.00"),  # 25 x 744 h = 18 600, all of it free
        ("2026-10", 26, "0.48"),  # 744 x 0.00065 = 0.4836
        ("2026-11", 25, "0.00"),  # 25 x 720 h = 18 000: 600 are left, and lost
        ("2026-11", 26, "0.08"),  # (26 x 720 - 18 600) x 0.00065 = 0.078
    ],
)
def test_25_write_units_are_free_as_18600_unit_hours_a_month(period: str, units: int, expected: str) -> None:
    hours = 744 if period == "2026-10" else 720
    line = f"""
      - {{service: AmazonDynamoDB, region: us-east-1, meter: WriteCapacityUnit-Hrs, quantity: {units * hours}}}
    """
    assert cents(line, period=period) == D(expected)


def test_storage_is_decimal_and_counts_100_bytes_an_item() -> None:
    """100 GiB = 107.3741824 GB in items of 2 048 bytes, each with 100 more: x 1.048828125 = 112.6170624 GB.

    (112.6170624 - 25) x 0.25 = 21.9042656; recovery x 0.2 = 22.52341248. In all 44.42767808.
    """
    scenario = shop(database={"secondary_indexes": 0, "read_item_kb": 2})
    usages = used(on_demand(scenario), demand_of(scenario, 0.0, 100.0))
    assert billed(usages).billed_cost == D("44.42767808")


def test_the_infrequent_access_class_has_its_own_rates_and_no_free_storage() -> None:
    """Mumbai: 1 000 GB x 0.114 = 114; 10 million writes x 0.89 = 8.90; 50 million reads x 0.178 = 8.90."""
    total = cents("""
      - {service: AmazonDynamoDB, region: ap-south-1, meter: IA-TimedStorage-ByteHrs, quantity: 1000}
      - {service: AmazonDynamoDB, region: ap-south-1, meter: IA-WriteRequestUnits, quantity: 10000000}
      - {service: AmazonDynamoDB, region: ap-south-1, meter: IA-ReadRequestUnits, quantity: 50000000}
    """)
    assert total == 1_000 * D("0.114") + 10 * D("0.89") + 50 * D("0.178") == D("131.80")


def test_a_global_table_writes_and_stores_in_every_region() -> None:
    """43.2 million writes of one unit, replicated in each of two regions at its rate: x 0.625 = 27, x 0.705 = 30.456.

    50 GiB = 53.6870912 GB, and 100 + 48 bytes on each 1 024: x 1.14453125 = 61.446554 GB in each, with 25 GB free
    in each: 36.446554 x 0.25 = 9.111638 and x 0.283 = 10.314375.
    """
    scenario = shop(
        database={
            "reads_per_call": 0,
            "writes_per_call": 1,
            "read_item_kb": 1,
            "write_item_kb": 1,
            "transaction_write_ratio": 0,
            "secondary_indexes": 0,
        }
    )
    table = replace(on_demand(scenario), replica_region_ids=("eu-west-1",))
    usages = used(table, demand_of(scenario, 1_000.0), "ReplWriteRequestUnits", "TimedStorage-ByteHrs")
    bill = billed(usages)
    assert {usage.meter.query.region_id for usage in usages} == {"us-east-1", "eu-west-1"}
    assert {name: round(usd, 6) for name, usd in bill.by("region_id").items()} == {
        "us-east-1": D("27") + D("9.111638"),
        "eu-west-1": D("30.456") + D("10.314375"),
    }


def test_streams_backups_restores_and_exports() -> None:
    """São Paulo: (10 - 2.5) million stream reads x 0.30 = 2.25; then 200 GB each of backup x 0.15 = 30,
    restore x 0.225 = 45 and export x 0.15 = 30. In all 107.25.
    """
    total = cents("""
      - {service: AmazonDynamoDB, region: sa-east-1, meter: Streams-Requests, quantity: 10000000}
      - {service: AmazonDynamoDB, region: sa-east-1, meter: TimedBackupStorage-ByteHrs, quantity: 200}
      - {service: AmazonDynamoDB, region: sa-east-1, meter: RestoreDataSize-Bytes, quantity: 200}
      - {service: AmazonDynamoDB, region: sa-east-1, meter: ExportDataSize-Bytes, quantity: 200}
    """)
    assert total == D("7.5") * D("0.30") + 200 * (D("0.15") + D("0.225") + D("0.15")) == D("107.25")
