"""Worked bills of what stands ready in Ireland for a shop in Virginia. November, without free allowances."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from costmodel.billing.charge import to_cents
from costmodel.capacity.instances import instance_type
from costmodel.capacity.overload import Patience
from costmodel.decision.candidate import Candidate
from costmodel.decision.pricer import platform_usages
from costmodel.decision.recovery import Stage
from costmodel.decision.search import simulate_design
from costmodel.demand.demand import Demand
from costmodel.scenario.model import Scenario
from costmodel.services._base import Strategy, Usage
from costmodel.services.aurora import AuroraCluster
from costmodel.services.cloudfront import designs as deliveries
from costmodel.services.dynamodb import OnDemandTable, ProvisionedTable
from costmodel.services.ec2 import Ec2Fleet
from costmodel.services.elb import ApplicationLoadBalancer
from costmodel.services.lambda_ import LambdaFunction
from costmodel.services.rds import RdsInstance
from costmodel.services.rendering import NoRendering
from shops.database import demand_of, shop
from shops.till import billed

D = Decimal
IRELAND = "eu-west-1"

SCENARIO = shop(
    network={"second_region": IRELAND},
    database={"reads_per_call": 2, "writes_per_call": 1, "write_item_kb": 64, "consistent_read_ratio": 0},
    rendering={"jobs_per_1000_page_views": 0},
    api={"external_kb_per_call": 0, "log_kb_per_call": 0},
)
WRITES_A_DAY = 16_384
"""At 64 KB each, 1 GB a day: 30 GB in November."""


def traffic(scenario: Scenario = SCENARIO) -> Demand:
    """16 384 calls a day, a write each, over 50 GB."""
    return demand_of(scenario, WRITES_A_DAY / 1440)


def instance(scenario: Scenario = SCENARIO) -> RdsInstance:
    return RdsInstance(
        scenario.region,
        "db.m6g.large",
        True,
        0,
        63.0,
        0.0,
        0.0,
        "on_demand",
        scenario.database,
        Patience(10.0),
    )


def table(scenario: Scenario = SCENARIO) -> OnDemandTable:
    return OnDemandTable(scenario.region, scenario.database)


def fleet(scenario: Scenario = SCENARIO) -> Ec2Fleet:
    """4 to 8 m5.large in two zones, four of them reserved."""
    return Ec2Fleet(
        region_id=scenario.region,
        instance=instance_type("m5.large"),
        target_ratio=0.5,
        min_size=4,
        max_size=8,
        zones=2,
        purchase="reserved_1yr_no_upfront",
        vcpu_quota=640,
        api=scenario.api,
        database=scenario.database,
    )


def functions(scenario: Scenario = SCENARIO) -> LambdaFunction:
    return LambdaFunction(scenario.region, 512, "arm64", 0, 1_000, 2, scenario.api, scenario.database)


def balancer(serves: Any) -> ApplicationLoadBalancer:
    return ApplicationLoadBalancer(SCENARIO.region, 2, serves)


def elsewhere(design: Any, strategy: Strategy, demand: Demand) -> tuple[Usage, ...]:
    """What a design has standing in Ireland under a strategy."""
    _, there = design.spread(IRELAND, strategy)
    load = demand.scaled(there.ratio)
    usages: tuple[Usage, ...] = there.design.usage(load, there.design.simulate(load))
    return usages


def paid(usages: tuple[Usage, ...]) -> Decimal:
    return to_cents(billed(usages, free_tier=False).billed_cost)


def test_a_snapshot_of_rds_is_copied_by_what_changed_and_kept_whole() -> None:
    """30 GB sent x 0.02 = 0.60; 50 GB kept in Ireland x 0.095 = 4.75, none of it free."""
    usages = instance().copied(traffic(), IRELAND, Strategy.BACKUP_RESTORE)
    assert paid(usages) == 30 * D("0.02") + 50 * D("0.095") == D("5.35")


def test_a_snapshot_of_aurora_is_copied_whole_every_day() -> None:
    """30 days x 50 GB x 0.02 = 30.00; 50 GB kept x 0.021 = 1.05."""
    cluster = AuroraCluster(SCENARIO.region, 1, False, SCENARIO.database, Patience(10.0), "db.r7g.large")
    usages = cluster.copied(traffic(), IRELAND, Strategy.BACKUP_RESTORE)
    assert paid(usages) == 1500 * D("0.02") + 50 * D("0.021") == D("31.05")


def test_a_backup_of_a_table_is_copied_whole_every_day() -> None:
    """30 days x 50 GB x 0.02 = 30.00. Kept: 50 x 2^30 bytes are 53.687 decimal GB; items of 2 KB with two index
    entries add 3 x 100 / 2 048, in all 53.687 x 1.146484 = 61.551 GB: x 0.10 = 6.16 at home, where each is made,
    and x 0.11 = 6.77 in Ireland.
    """
    usages = table().copied(traffic(), IRELAND, Strategy.BACKUP_RESTORE)
    kept = 50 * D(2**30) / D(10**9) * (1 + D(300) / D(2048))
    assert paid(usages) == to_cents(30 * 50 * D("0.02") + kept * (D("0.10") + D("0.11"))) == D("42.93")
    stored = [u for u in usages if u.meter.query.usage_type == "TimedBackupStorage-ByteHrs"]
    assert [u.meter.query.region_id for u in stored] == [SCENARIO.region, IRELAND]


def test_a_replica_of_rds_in_another_region_stands_in_one_zone_on_demand() -> None:
    """720 h x 0.176 = 126.72 and 63 GB x 0.127 = 8.001 in Ireland; 30 GB on their way x 0.02 = 0.60."""
    demand = traffic()
    usages = elsewhere(instance(), Strategy.PILOT_LIGHT, demand)
    usages += instance().copied(demand, IRELAND, Strategy.PILOT_LIGHT)
    assert paid(usages) == to_cents(720 * D("0.176") + 63 * D("0.127") + 30 * D("0.02")) == D("135.32")


def test_a_global_aurora_cluster_pays_its_writes_again_at_home() -> None:
    """491 520 writes x 2.1 I/O = 1 032 192, x 0.0000002 = 0.2064 in Virginia; 30 GB on their way x 0.02 = 0.60.

    In Ireland 720 h x 0.304 = 218.88 for one node and 50 GB x 0.11 = 5.50; nothing is written there.
    """
    demand = traffic()
    cluster = AuroraCluster(SCENARIO.region, 1, False, SCENARIO.database, Patience(10.0), "db.r7g.large")
    for strategy in (Strategy.PILOT_LIGHT, Strategy.WARM_STANDBY):
        copied = cluster.copied(demand, IRELAND, strategy)
        (repeated,) = [u for u in copied if u.meter.query.usage_type == "Aurora:ReplicatedWriteIO"]
        assert repeated.meter.query.region_id == SCENARIO.region
        assert repeated.consumed_quantity == 491_520 * D("2.1") == 1_032_192
        by_hand = 1_032_192 * D("0.0000002") + 30 * D("0.02") + 720 * D("0.304") + 50 * D("0.11")
        usages = copied + elsewhere(cluster, strategy, demand)
        assert paid(usages) == to_cents(by_hand) == D("225.19")


def test_an_io_optimized_global_cluster_pays_replicated_writes_as_well() -> None:
    """1 032 192 x 0.0000002 = 0.2064, and no other I/O."""
    demand = traffic()
    cluster = AuroraCluster(SCENARIO.region, 1, True, SCENARIO.database, Patience(10.0), "db.r7g.large")
    usages = cluster.copied(demand, IRELAND, Strategy.PILOT_LIGHT)
    usages += cluster.usage(demand, cluster.simulate(demand))
    of_io = tuple(u for u in usages if u.meter.consumed_unit == "I/O Requests")
    assert paid(of_io) == to_cents(1_032_192 * D("0.0000002")) == D("0.21")


def test_a_table_that_serves_in_two_regions_splits_its_reads_and_repeats_its_writes() -> None:
    """491 520 calls. Reads: 2 x half a unit each are 491 520 units, half in either region.

    Writes: 64 units, a tenth of them twice in a transaction, are 70.4 x 491 520 = 34 603 008 replicated units in
    both regions; two indexes x 64 x 491 520 = 62 914 560 plain ones in both. 15 GB are sent either way.
    """
    home = table().spread(IRELAND, Strategy.ACTIVE_ACTIVE)[0].design
    demand = traffic()
    usages = home.usage(demand, home.simulate(demand))
    requests = [u for u in usages if "Timed" not in u.meter.query.usage_type]
    reads = 245_760 * (D("0.000000125") + D("0.0000001415"))
    writes = (34_603_008 + 62_914_560) * (D("0.000000625") + D("0.000000705"))
    sent = 15 * D("0.02") + 15 * D("0.02")
    assert paid(tuple(requests)) == to_cents(reads + writes + sent)


@pytest.mark.parametrize("strategy", [Strategy.PILOT_LIGHT, Strategy.WARM_STANDBY, Strategy.ACTIVE_ACTIVE])
def test_auto_scaling_keeps_the_alarms_of_a_replica_in_its_own_region(strategy: Strategy) -> None:
    """Reads and writes of a table and two indexes, 4 alarms each: 24 x 0.10 = 2.40 in Ireland.

    The 24 in Virginia are left to the monitoring there. A table on demand keeps none.
    """
    scaled = ProvisionedTable(SCENARIO.region, SCENARIO.database, 0.7, 1, 100, 1, 100, 1, 100)
    demand = traffic()

    def alarms(design: Any) -> tuple[Usage, ...]:
        home = design.spread(IRELAND, strategy)[0].design
        usages = home.usage(demand, home.simulate(demand))
        return tuple(u for u in usages if u.meter.query.usage_type == "CW:AlarmMonitorUsage")

    (there,) = alarms(scaled)
    assert (there.meter.query.region_id, there.resource_name) == (IRELAND, f"database-{IRELAND}")
    assert paid((there,)) == 24 * D("0.10") == D("2.40")
    assert scaled.footprint(demand, scaled.simulate(demand)).alarms == 24
    assert alarms(table()) == ()


def test_functions_that_wait_cost_nothing() -> None:
    """No calls, no bill; and of a shop that serves from two regions, each bills half of the requests.

    245 760 requests x 0.0000002 = 0.049152 in Ireland.
    """
    demand = traffic()
    assert paid(elsewhere(functions(), Strategy.WARM_STANDBY, demand)) == 0
    usages = elsewhere(functions(), Strategy.ACTIVE_ACTIVE, demand)
    requests = tuple(u for u in usages if u.meter.query.usage_type == "Request-ARM")
    assert billed(requests, free_tier=False).billed_cost == 245_760 * D("0.0000002") == D("0.049152")


def test_a_fleet_that_could_take_over_runs_twice() -> None:
    """12 000 calls a minute at 12 ms are 2.4 vCPUs of an m5, at 50 % of two each 3 instances, so the least of 4.

    In Ireland half of that comes in at half the target: 4 as well. 720 h x 4 at the reserved rate there, 0.067,
    and 4 x 20 GB x 0.088 = 7.04.
    """
    usages = elsewhere(fleet(), Strategy.ACTIVE_ACTIVE, demand_of(SCENARIO, 12_000.0))
    volumes = tuple(u for u in usages if u.meter.name == "gp3 volume storage")
    hours = {u.meter.name: u.consumed_quantity for u in usages}
    assert hours["Reserved instance hours"] == 2_880
    assert hours["Instance hours"] == 0
    assert paid(volumes) == 4 * 20 * D("0.088") == D("7.04")


def test_a_warm_standby_whole() -> None:
    """Everything in Ireland beside a fleet and RDS in Virginia:

    2 m5.large x 720 h x 0.107 = 154.08, 2 x 20 GB x 0.088 = 3.52; ALB 720 h x 0.0252 = 18.144;
    replica 720 h x 0.176 = 126.72, 63 GB x 0.127 = 8.001, 30 GB x 0.02 = 0.60;
    2 NAT gateways x 720 h x 0.048 = 69.12; 4 addresses x 720 h x 0.005 = 14.40;
    20 + 2 x 7 metrics x 0.30 = 10.20; 10 + 2 + 2 alarms x 0.10 = 1.40; 43 200 requests x 0.00001 = 0.432;
    2 keys x 1.00 = 2.00, and 30 of their requests.
    In Virginia one more health check with HTTPS: 0.50 + 1.00.
    """
    demand = traffic()
    delivery = deliveries(SCENARIO, demand)[0]
    tiers = [
        simulate_design(part, demand)
        for part in (fleet(), balancer("ec2"), instance(), delivery, NoRendering())
    ]
    plain = Candidate(*tiers)
    standing = Stage(SCENARIO, demand).stand(plain, Strategy.WARM_STANDBY)
    by_hand = (
        2 * 720 * D("0.107") + 2 * 20 * D("0.088") + 720 * D("0.0252") + 720 * D("0.176") + 63 * D("0.127")
        + 30 * D("0.02") + 2 * 720 * D("0.048") + 4 * 720 * D("0.005") + 34 * D("0.30") + 14 * D("0.10")
        + D("0.432") + 2 + 30 * D("0.000003")
    )  # fmt: skip
    assert paid(standing.usages) == to_cents(by_hand) == D("408.62")
    platforms = [
        billed(platform_usages(SCENARIO, demand, known.footprint), free_tier=False).billed_cost
        for known in (plain, standing.candidate)
    ]
    assert platforms[1] - platforms[0] == D("1.50")
