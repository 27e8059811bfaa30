from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.accelerator import NODE_TYPES, Cluster
from costmodel.capacity.request_units import call_units, read_units, write_units
from costmodel.capacity.table_latency import call_latency
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services import dynamodb, kms
from costmodel.services._base import Strategy
from costmodel.services.dynamodb import (
    OnDemandTable,
    ProvisionedTable,
    hourly_highest,
)
from costmodel.units import FOCUS_UNITS
from shops.database import REGIONS, demand_of, quantities, shop, wave


def on_demand(scenario: Scenario) -> OnDemandTable:
    return OnDemandTable(scenario.region, scenario.database)


def provisioned(scenario: Scenario, **changes: Any) -> ProvisionedTable:
    base = ProvisionedTable(scenario.region, scenario.database, 0.7, 1, 40_000, 1, 40_000, 1, 40_000)
    return replace(base, **changes)


def test_published_unit_arithmetic() -> None:
    assert read_units(5_000, consistent=True) == 2
    assert read_units(5_000, consistent=False) == 1
    assert read_units(100, consistent=False) == 0.5
    assert write_units(1_500, transactional=False) == 2
    assert write_units(1_500, transactional=True) == 4
    assert write_units(1, transactional=False) == 1


@settings(max_examples=100, deadline=None)
@given(st.floats(0.001, 400 * 1024), st.floats(0, 1e5))
def test_units_are_whole_steps_that_never_fall(item_bytes: float, more_bytes: float) -> None:
    """An item of n steps costs n units, so that units hold its bytes and one unit less does not."""
    reads = read_units(item_bytes, consistent=True)
    writes = write_units(item_bytes, transactional=False)
    assert (reads - 1) * 4096 < item_bytes <= reads * 4096
    assert (writes - 1) * 1024 < item_bytes <= writes * 1024
    assert read_units(item_bytes, consistent=False) == reads / 2
    assert write_units(item_bytes, transactional=True) == 2 * writes
    assert read_units(item_bytes + more_bytes, consistent=True) >= reads
    assert write_units(item_bytes + more_bytes, transactional=False) >= writes


def test_units_of_a_call() -> None:
    # 2 reads of 2 KB: 20 % at 1, 80 % at 0.5 = 0.6 each. 0.15 writes of 1 KB: 10 % at 2, 90 % at 1 = 1.1 each;
    # an index takes 1 whatever the transaction.
    scenario = shop()
    units = call_units(demand_of(scenario, 60.0).fan_out, scenario.database)
    assert units.reads == pytest.approx(1.2)
    assert units.table_writes == pytest.approx(0.165)
    assert units.index_writes == pytest.approx(0.15)


def test_on_demand_bill_of_a_steady_month() -> None:
    # 43.2 M calls: x 1.2 = 51 840 000 reads; x (0.165 + 2 x 0.15) = 20 088 000 writes.
    # 50 GiB = 53.6870912 GB, and 3 x 100 bytes on each 2 048: x 1.146484375 = 61.5514...
    scenario = shop()
    demand = demand_of(scenario, 1_000.0)
    design = on_demand(scenario)
    ran = design.simulate(demand)
    assert quantities(design.usage(demand, ran)) == {
        "database ReadRequestUnits": 51_840_000.0,
        "database WriteRequestUnits": 20_088_000.0,
        "database TimedStorage-ByteHrs": pytest.approx(53.6870912 * 1.146484375),
        "database TimedPITRStorage-ByteHrs": pytest.approx(53.6870912 * 1.146484375),
    }
    assert ran.servers[0] == pytest.approx(1_000 / 60 * (1.2 + 0.465))
    assert ran.failed_requests.sum() == 0
    # 40 000 reads a second / 1.2, before 40 000 / 0.165 writes and the hot key's 1 000 / (0.005 x 0.165).
    assert ran.saturation_requests_per_s == pytest.approx(40_000 / 1.2)


def test_on_demand_throttles_more_than_double() -> None:
    # Steady 6 000 reads/s (5 000 calls/s), then 24 000: warm 12 000 = 2 x 6 000 holds half of them for 30
    # minutes, then 2 x 12 000 is allowed. Half of 2 reads a call refused = every call fails.
    scenario = shop()
    calls = np.full(43_200, 300_000.0)
    calls[5_000:5_060] = 1_200_000.0
    demand = demand_of(scenario, calls)
    design = on_demand(scenario)
    ran = design.simulate(demand)
    assert ran.failed_requests[5_000:5_030].tolist() == [1_200_000.0] * 30
    assert ran.failed_requests[5_030:].sum() == 0
    reads = quantities(design.usage(demand, ran))["database ReadRequestUnits"]
    # 30 minutes are billed at the 12 000 served, not at the 24 000 asked for.
    assert reads == pytest.approx(1.2 * calls.sum() - 30 * 60 * 12_000, abs=1)


def test_provisioned_bill_of_a_steady_month() -> None:
    # 1 000 calls/s: 1 200 reads / 0.7 -> 1 715; 165 / 0.7 -> 236; 150 / 0.7 -> 215 on each of two indexes.
    scenario = shop()
    demand = demand_of(scenario, 60_000.0)
    design = provisioned(scenario)
    ran = design.simulate(demand)
    bill = quantities(design.usage(demand, ran))
    assert bill["database ReadCapacityUnit-Hrs"] == (1_715 + 2) * 720
    assert bill["database WriteCapacityUnit-Hrs"] == (236 + 2 * 215) * 720
    assert set(ran.servers) == {1_715 + 236 + 2 * (215 + 1)}
    assert ran.failed_requests.sum() == 0
    assert ran.utilisation.max() == pytest.approx(1_200 / 1_715)


def test_an_hour_is_billed_at_its_highest() -> None:
    units = np.concatenate([np.full(59, 10.0), [25.0], np.full(60, 5.0)])
    assert hourly_highest(units).tolist() == [25.0, 5.0]


def test_a_flash_sale_throttles_provisioned_capacity() -> None:
    # 100 -> 1 000 calls/s: 172 RCU and 51 600 units of burst against 1 200 reads/s. Minute 1 000 takes
    # 72 000 - 10 320 = 61 680, of which 51 600 burst: 10 080 reads units refused, of 72 000 = 14 %.
    scenario = shop()
    calls = np.full(43_200, 6_000.0)
    calls[1_000:1_060] = 60_000.0
    ran = provisioned(scenario).simulate(demand_of(scenario, calls))
    assert ran.failed_requests[:1_000].sum() == 0
    refused_reads = 10_080 / 72_000
    # Writes of the table: 16.5 / 0.7 -> 24 WCU: 9 900 - 1 440 - 7 200 = 1 260 of 9 900 refused; an index has
    # 22 WCU: 9 000 - 1 320 - 6 600 = 1 080 of 9 000, which is less.
    refused_writes = 1_260 / 9_900
    lost = 60_000 * (2 * refused_reads + 0.15 * refused_writes)
    assert ran.failed_requests[1_000] == pytest.approx(lost)
    assert ran.failed_requests[1_030:].sum() == 0


def test_an_index_short_of_capacity_throttles_the_table() -> None:
    scenario = shop()
    ran = provisioned(scenario, index_maximum_units=10).simulate(demand_of(scenario, 60_000.0))
    # 150 index writes/s against 10: after the burst, 14 of 15 writes fail, 0.15 of them in a call.
    assert ran.failed_requests[-1] == pytest.approx(60_000 * 0.15 * 14 / 15)


def test_a_hot_key_breaks_its_partition() -> None:
    # 10 000 calls/s x 0.3 x 1.2 = 3 600 reads/s on one key.
    hot = shop(database={"hottest_key_ratio": 0.3})
    broken = [limit for limit in on_demand(hot).simulate(demand_of(hot, 600_000.0)).limits if limit.broken]
    assert [limit.constraint for limit in broken] == ["reads of the hottest key"]
    assert broken[0].observed == pytest.approx(3_600)
    assert broken[0].limit == 3_000


def test_the_table_quota_is_a_ceiling() -> None:
    # 40 000 calls/s x 1.2 = 48 000 reads/s.
    scenario = shop()
    broken = [
        x.constraint
        for x in on_demand(scenario).simulate(demand_of(scenario, 2_400_000.0)).limits
        if x.broken
    ]
    assert broken == ["table read quota"]


def test_latency_of_a_call() -> None:
    # 2 reads of 5 ms and 0.15 writes of 7.5 = 11.125 ms. Variance 2 x 2.5^2 + 0.15 x 3.75^2
    # + 0.15 x 0.85 x 7.5^2 = 21.78: a lognormal with sigma^2 = ln(1 + 21.78 / 123.77) = 0.16209.
    latency = call_latency(demand_of(shop(), 60.0).fan_out)
    assert latency.mean_ms == pytest.approx(11.125)
    assert latency.p50_ms == pytest.approx(11.125 * np.exp(-0.16209 / 2), rel=1e-4)
    assert latency.p99_ms == pytest.approx(
        11.125 * np.exp(-0.16209 / 2 + 2.326348 * np.sqrt(0.16209)), rel=1e-4
    )


def test_a_shop_without_database_work() -> None:
    scenario = shop(database={"reads_per_call": 0, "writes_per_call": 0})
    demand = demand_of(scenario, 1_000.0)
    for design in (on_demand(scenario), provisioned(scenario)):
        ran = design.simulate(demand)
        assert ran.failed_requests.sum() == 0
        assert ran.latency.p99_ms == 0
        assert np.isinf(ran.saturation_requests_per_s)


def test_designs_and_constraints() -> None:
    scenario = shop()
    found = dynamodb.designs(scenario, demand_of(scenario, wave(60_000.0)))
    kinds = ["dynamodb_on_demand", "dynamodb_provisioned", "dynamodb_provisioned"]
    assert [d.kind for d in found] == kinds * 2
    assert [d.table_class for d in found] == ["STANDARD"] * 3 + ["STANDARD_INFREQUENT_ACCESS"] * 3
    assert [d.target_ratio for d in found if isinstance(d, ProvisionedTable)] == [0.7, 0.5] * 2
    only = shop(constraints={"database": ["dynamodb_provisioned"]})
    assert {d.kind for d in dynamodb.designs(only, demand_of(only, 60.0))} == {"dynamodb_provisioned"}
    none = shop(constraints={"database": ["rds"]})
    assert dynamodb.designs(none, demand_of(none, 60.0)) == ()


def test_provisioned_bounds_follow_the_load() -> None:
    # A steady 1 000 calls/s: floor 1 200 / 0.7 -> 1 715, ceiling 1.5 times 1 200 / 0.7 -> 2 572.
    scenario = shop()
    design = dynamodb.designs(scenario, demand_of(scenario, 60_000.0))[1]
    assert isinstance(design, ProvisionedTable)
    assert (design.read_minimum_units, design.read_maximum_units) == (1_715, 2_572)
    assert (design.index_minimum_units, design.index_maximum_units) == (215, 322)


def test_the_infrequent_access_class_has_meters_of_its_own_but_for_recovery() -> None:
    scenario = shop()
    demand = demand_of(scenario, 1_000.0)
    for design in (on_demand(scenario), provisioned(scenario)):
        rare = replace(design, table_class="STANDARD_INFREQUENT_ACCESS")
        usual, rarely = (quantities(d.usage(demand, d.simulate(demand))) for d in (design, rare))
        renamed = {
            name if "PITR" in name else name.replace("base ", "base IA-"): n for name, n in usual.items()
        }
        assert rarely == renamed
        assert "infrequent access" in rare.label
        assert rare.terraform()[0].attributes[-4].value == "STANDARD_INFREQUENT_ACCESS"


def test_infrequent_access_pays_from_42_percent_of_throughput_in_storage() -> None:
    """Storage at 0.4 and requests at 1.25 of the price: even where 0.6 S = 0.25 T, S / T = 41.7 %.

    The published prices are rounded (0.155 and 0.78 for 0.15625 and 0.78125 per million), which moves it by 0.5 %.
    """
    scenario = shop(database={"secondary_indexes": 0})
    book = PriceBook.shipped()

    def parts(table: OnDemandTable, stored_gb: float) -> tuple[Decimal, Decimal]:
        demand = demand_of(scenario, 1_000.0, stored_gb)
        lines = [
            (
                u.meter.query.usage_type,
                u.consumed_quantity * book.price(u.meter.query).tiers[0].list_unit_price,
            )
            for u in table.usage(demand, table.simulate(demand))
        ]
        storage = sum((usd for name, usd in lines if "TimedStorage" in name), Decimal(0))
        return storage, sum((usd for name, usd in lines if "Request" in name), Decimal(0))

    usual, rare = on_demand(scenario), replace(on_demand(scenario), table_class="STANDARD_INFREQUENT_ACCESS")
    for stored_gb, rare_is_cheaper in ((15.0, False), (20.0, True)):
        storage, requests = parts(usual, stored_gb)
        assert (storage / requests > Decimal("0.4167")) is rare_is_cheaper
        assert (sum(parts(rare, stored_gb)) < storage + requests) is rare_is_cheaper


def accelerated(scenario: Scenario, **changes: Any) -> OnDemandTable:
    return replace(on_demand(scenario), cluster=Cluster(NODE_TYPES[0]), **changes)


def test_a_cluster_takes_the_reads_it_remembers_off_the_table() -> None:
    # 1 000 items of 2 KB fit whole, all equally wanted: at 80 cacheable reads/s each is asked for 24 times in the
    # 300 s it is kept, so 24 of 25 are hits. Units: 60 calls/s x 2 reads x (0.8 x 0.5 / 25 + 0.2 x 1) = 21.6 a second.
    scenario = shop(database={"hottest_key_ratio": 0.001, "transaction_write_ratio": 0})
    demand = demand_of(scenario, 3_000.0, 2_000 / 1024**2)
    design = accelerated(scenario)
    ran = design.simulate(demand)
    reads = quantities(design.usage(demand, ran))["database ReadRequestUnits"]
    per_s = 50 * 2 * (0.8 * 0.5 / 25 + 0.2 * 1)
    assert reads == pytest.approx(per_s * 2_592_000, rel=1e-9)
    assert quantities(design.usage(demand, ran))["database NodeUsage:dax.r5.large"] == 3 * 720
    # Writes go through: as many as without.
    plain = on_demand(scenario)
    both = [quantities(d.usage(demand, ran))["database WriteRequestUnits"] for d in (design, plain)]
    assert both[0] == both[1]
    # A hit of 0.5 ms in place of a read of 5: 2 x (0.232 x 5 + 0.768 x 0.5) + 0.15 x 7.5.
    assert ran.latency.mean_ms == pytest.approx(2 * (0.232 * 5 + 0.768 * 0.5) + 1.125)


def test_a_cluster_takes_the_load_off_a_hot_key() -> None:
    # 10 000 calls/s x 0.3 = 3 600 units/s of reads on one key; all but the 2 000 x 0.3 x 2 that must be newest,
    # 1 200 units, are answered by the cluster but for one in 1 440 000 (4 800 a second, kept 300 s).
    hot = shop(database={"hottest_key_ratio": 0.3})
    demand = demand_of(hot, 600_000.0)
    limits = {x.constraint: x.observed for x in accelerated(hot).simulate(demand).limits}
    assert limits["reads of the hottest key"] == pytest.approx(1_200 + 2_400 / 1_440_001)


def test_the_work_of_a_cluster_is_a_limit() -> None:
    # Nothing may be cached: 1 000 calls/s x 2 reads x 2 KB x 10 + 150 writes x 1 KB x 25 x 3 nodes = 51 250 units,
    # of which two nodes of three do 150 000.
    scenario = shop(database={"consistent_read_ratio": 1})
    limits = {x.constraint: x for x in accelerated(scenario).simulate(demand_of(scenario, 60_000.0)).limits}
    limit = limits["DAX cluster with a node lost"]
    assert (limit.observed, limit.limit) == (pytest.approx(51_250), 150_000)
    saturation = accelerated(scenario).simulate(demand_of(scenario, 60_000.0)).saturation_requests_per_s
    assert saturation == pytest.approx(1_000 * 150_000 / 51_250)


def test_dax_is_a_kind_of_its_own_that_reads_must_deserve() -> None:
    allowed = {"database": ["dynamodb_dax"]}
    scenario = shop(constraints=allowed)
    demand = demand_of(scenario, wave(60_000.0))
    found = dynamodb.designs(scenario, demand)
    assert [(d.kind, type(d)) for d in found] == [
        ("dynamodb_dax", OnDemandTable),
        ("dynamodb_dax", ProvisionedTable),
    ]
    plain = dynamodb.designs(shop(), demand)[1]
    assert isinstance(plain, ProvisionedTable)
    assert isinstance(found[1], ProvisionedTable)
    assert found[1].read_maximum_units < plain.read_maximum_units
    assert [v.name for v in found[0].terraform()] == ["dynamodb_table", "dax_cluster"]
    assert found[0].footprint(demand, found[0].simulate(demand)).private_subnets
    writes = shop(constraints=allowed, database={"writes_per_call": 2})
    assert dynamodb.designs(writes, demand_of(writes, 60.0)) == ()


def test_dax_has_an_agreement_of_its_own() -> None:
    three, one = accelerated(shop()), replace(on_demand(shop()), cluster=Cluster(NODE_TYPES[0], nodes=1))
    assert three.reliability.sla_ratio == pytest.approx(0.9999 * 0.9999)
    assert one.reliability.sla_ratio == pytest.approx(0.9999 * 0.995)
    assert one.reliability.rto_minutes > three.reliability.rto_minutes


@pytest.mark.parametrize("region_id", REGIONS)
def test_every_meter_has_a_price_in_its_unit(region_id: str) -> None:
    scenario = shop(region=region_id)
    demand = demand_of(scenario, 1_000.0)
    book = PriceBook.shipped()
    for design in dynamodb.designs(scenario, demand):
        for usage in design.usage(demand, design.simulate(demand)):
            assert FOCUS_UNITS[book.price(usage.meter.query).pricing_unit] == usage.meter.consumed_unit


def test_a_month_on_demand_costs_what_the_price_page_says() -> None:
    # 51.84 M reads x $0.125 + 20.088 M writes x $0.625 per million = $6.48 + $12.555.
    scenario = shop()
    demand = demand_of(scenario, 1_000.0)
    design = on_demand(scenario)
    book = PriceBook.shipped()
    reads, writes, *_ = design.usage(demand, design.simulate(demand))
    cost = [u.consumed_quantity * book.price(u.meter.query).tiers[0].list_unit_price for u in (reads, writes)]
    assert cost == [Decimal("6.48"), Decimal("12.555")]


@settings(max_examples=8, deadline=None)
@given(st.floats(0, 2e6), st.integers(0, 99))
def test_properties(mean: float, seed: int) -> None:
    """More load never uses fewer request units. Provisioned capacity is a control loop, so double load may
    in some hour hold less than single load did; over the month it stays within 5 % of more or equal.
    """
    scenario = shop()
    load = wave(mean, seed=seed)
    demand, more = demand_of(scenario, load), demand_of(scenario, 2.0 * load)
    for design, slack in ((on_demand(scenario), 1.0), (provisioned(scenario), 0.95)):
        ran, again, busier = design.simulate(demand), design.simulate(demand), design.simulate(more)
        assert np.array_equal(ran.servers, again.servers)
        for array in (ran.servers, ran.utilisation, ran.failed_requests):
            assert np.all(np.isfinite(array))
            assert np.all(array >= 0)
        assert np.all(ran.failed_requests <= ran.requests)
        assert ran.latency.p50_ms <= ran.latency.p95_ms <= ran.latency.p99_ms
        less, bill = quantities(design.usage(demand, ran)), quantities(design.usage(more, busier))
        assert all(bill[name] >= slack * amount for name, amount in less.items())


@pytest.mark.parametrize("keys", [0, 2])
@pytest.mark.parametrize("kind", ["dynamodb_on_demand", "dynamodb_provisioned"])
def test_the_exported_table_has_a_key_of_kms_where_its_requests_are_billed(keys: int, kind: str) -> None:
    scenario = shop(security={"kms_keys": keys}, constraints={"database": [kind]})
    demand = demand_of(scenario, 60.0)
    for design in dynamodb.SERVICE.designs(scenario, demand):
        left = design.footprint(demand, design.simulate(demand))
        billed = bool(kms.SERVICE.design(scenario, left).usage(demand, left))
        home = design.spread("eu-central-1", Strategy.PILOT_LIGHT)[0].design
        variables = {variable.name: variable for variable in home.terraform()}
        table, replicas = variables["dynamodb_table"], variables["dynamodb_table_replica_regions"]
        values = {attribute.name: attribute.value for attribute in table.attributes}
        assert values["server_side_encryption_enabled"] is billed is (keys > 0)
        assert ("server_side_encryption_kms_key_arn" in table.description) is billed
        assert ("kms_key_arn" in replicas.description) is billed


def test_footprint_promises_and_terraform() -> None:
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    table, scaled = on_demand(scenario), provisioned(scenario)
    # Reads and writes of the table and of two indexes: six scaled dimensions with four alarms each.
    assert scaled.footprint(demand, scaled.simulate(demand)).alarms == 24
    footprint = table.footprint(demand, table.simulate(demand))
    assert footprint.alarms == 0
    assert footprint.kms_requests.tolist() == [288.0] * 30
    assert footprint.database_gb.sum() == footprint.log_gb.sum() == 0
    assert not footprint.zonal_database
    assert (table.reliability.sla_ratio, table.reliability.rto_minutes) == (0.9999, 0.0)
    variables = {v.name: {a.name: a.value for a in v.attributes} for v in scaled.terraform()}
    assert variables["dynamodb_table"]["billing_mode"] == "PROVISIONED"
    assert variables["dynamodb_table_autoscaling_read"] == {"max_capacity": 40_000, "target_value": 70}
    assert variables["dynamodb_table_autoscaling_index"]["write_max_capacity"] == 40_000
    assert [v.name for v in table.terraform()] == ["dynamodb_table"]
    assert len(provisioned(shop(database={"secondary_indexes": 0})).terraform()) == 3
