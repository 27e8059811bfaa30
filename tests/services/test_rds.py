from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from costmodel.capacity.database_classes import RDS_SIZES
from costmodel.capacity.overload import Patience
from costmodel.capacity.result import NO_LATENCY, Capacity
from costmodel.demand.demand import Demand
from costmodel.errors import ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services import rds
from costmodel.services.rds import RdsInstance, charged_iops
from costmodel.units import FOCUS_UNITS
from shops.database import REGIONS, demand_of, quantities, shop, wave


def instance(scenario: Scenario, **changes: Any) -> RdsInstance:
    base = RdsInstance(
        region_id=scenario.region,
        instance_class="db.m7g.large",
        multi_az=False,
        read_replicas=0,
        storage_gb=63.0,
        iops=0.0,
        throughput_mibps=0.0,
        purchase="on_demand",
        work=scenario.database,
        patience=Patience(10.0),
    )
    return replace(base, **changes)


def test_cpu_sets_the_pace_and_the_queue() -> None:
    # 2 reads x 0.25 + 0.15 writes x 1.25 = 0.6875 ms of m5; m7g 1.45 less 20 % for VACUUM = 1.16.
    # Two vCPUs: 2 x 1.16 / 0.6875 ms = 3 374.5 calls/s. At 80 % of that, M/M/2 of section "c=2, rho=0.8":
    # mean 2.7778 S, p95 7.911 S, with S = 0.6875 / 1.16 ms. Fixed: 2.15 ms of network, 2 reads x 1 % and
    # 0.15 commits x 1 ms of storage = 0.17 ms. Before the volume, 2 x 1 % + 0.15 x 2.1 = 0.335 I/O queue for
    # 3 000 a second: 0.111667 ms each, 0.8 x 3 374.5 x 0.335 / 3 000 = 30.146 % busy. That is M/M/1: mean
    # 0.111667 / (1 - 0.30146) = 0.15986 ms, p95 ln 20 times as much. Means add, and p95's distances from them
    # add as squares.
    scenario = shop()
    full_per_s = 2 * 1.16 / 0.6875e-3
    demand = demand_of(scenario, 0.8 * full_per_s * 60)
    ran = instance(scenario).simulate(demand)
    service_ms = 0.6875 / 1.16
    volume_ms = 1_000 * 0.335 / 3_000 / (1 - 0.8 * full_per_s * 0.335 / 3_000)
    assert volume_ms == pytest.approx(0.15986, rel=1e-4)
    mean_ms = 2.32 + 2.7778 * service_ms + volume_ms
    p95_over_mean_ms = math.hypot((7.911 - 2.7778) * service_ms, (math.log(20) - 1) * volume_ms)
    assert ran.saturation_requests_per_s == pytest.approx(full_per_s)
    assert ran.latency.mean_ms == pytest.approx(mean_ms, rel=1e-5)
    assert ran.latency.p95_ms == pytest.approx(mean_ms + p95_over_mean_ms, rel=1e-4)
    assert ran.failed_requests.sum() == 0
    assert np.allclose(ran.utilisation, 0.8)


def test_overload_fails_what_cannot_be_served() -> None:
    scenario = shop()
    full_per_s = 2 * 1.16 / 0.6875e-3
    ran = instance(scenario).simulate(demand_of(scenario, 1.25 * full_per_s * 60))
    assert ran.summary().error_ratio == pytest.approx(0.2, rel=1e-3)
    assert ran.utilisation.max() == 1.0
    assert ran.latency.p99_ms > 10_000


def test_iops_bind_when_the_working_set_does_not_fit() -> None:
    # 1 000 GB with 10 % hot against 6 GB of cache: 94.06 % of reads miss. Per call 2 x 0.9406 + 0.15 x 2.1
    # = 2.1962 I/O. 400 GB and more give 12 000 IOPS, but db.m7g.large sustains 3 600 on EBS.
    scenario = shop()
    ran = instance(scenario, storage_gb=1_250.0).simulate(demand_of(scenario, 60.0, 1_000.0))
    assert ran.saturation_requests_per_s == pytest.approx(3_600 / 2.1962)


def test_small_storage_gives_three_thousand_iops() -> None:
    scenario = shop(database={"working_set_ratio": 1.0})
    large = instance(scenario, instance_class="db.m7g.2xlarge")
    demand = demand_of(scenario, 60.0, 250.0)
    # 32 GiB cache 24 of 250 GB: 1 - 0.096 x 0.99 = 90.496 % miss; 1.80992 + 0.315 I/O per call.
    small_gp3 = replace(large, storage_gb=399.0).simulate(demand)
    striped = replace(large, storage_gb=400.0).simulate(demand)
    assert small_gp3.saturation_requests_per_s == pytest.approx(3_000 / 2.12492)
    assert striped.saturation_requests_per_s == pytest.approx(12_000 / 2.12492)


def test_replicas_take_eventual_reads_and_repeat_writes() -> None:
    # Of 2 reads 1.6 may lag. Primary: 0.4 x 0.25 + 0.15 x 1.25 = 0.2875 ms. One replica: 0.4 + 0.1875 = 0.5875 ms.
    # Two: 0.2 + 0.1875 = 0.3875 ms each.
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    one = instance(scenario, read_replicas=1).simulate(demand)
    two = instance(scenario, read_replicas=2).simulate(demand)
    assert one.saturation_requests_per_s == pytest.approx(2 * 1.16 / 0.5875e-3)
    assert two.saturation_requests_per_s == pytest.approx(2 * 1.16 / 0.3875e-3)
    assert one.servers[0] == 2.0


def test_a_standby_slows_the_tail_of_writes() -> None:
    # Writes are 0.1875 of 0.6875 ms: 27.27 % of the work, so p99 grows by as much and the mean by 6 % of it.
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    alone = instance(scenario).simulate(demand).latency
    paired = instance(scenario, multi_az=True).simulate(demand).latency
    assert paired.p99_ms == pytest.approx(alone.p99_ms * (1 + 0.1875 / 0.6875))
    assert paired.mean_ms == pytest.approx(alone.mean_ms * (1 + 0.06 * 0.1875 / 0.6875))
    assert paired.p50_ms == alone.p50_ms


def test_storage_grows_by_a_tenth_when_a_tenth_is_left() -> None:
    # 100 GB allocated: 90 stored leaves 10 %, 91 leaves less: + max(10, 10 % of 100) = 110, which holds 99.
    scenario = shop()
    stored = np.array([90.0, 91.0, 99.0, 99.5] + [150.0] * 26)
    allocated = instance(scenario, storage_gb=100.0).allocated_gb(demand_of(scenario, 60.0, stored))
    assert allocated[:4].tolist() == [100.0, 110.0, 110.0, 121.0]
    # 150 after 99.5 is 50.5 a day, 14.73 in seven hours. Three steps in a day, six hours apart:
    # + max(10, 12.1, 14.73) = 15 is 136; + max(10, 13.6, 14.73) = 15 is 151; + max(10, 15.1, 14.73) = 16 is 167,
    # of which 17 are free, more than a tenth.
    assert allocated[4:].tolist() == [167.0] * 26


def test_bill_of_a_multi_az_instance_with_a_replica() -> None:
    # November: 720 hours; 63 GB once for the pair and once for the replica; backups fit the free allocation.
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    design = instance(scenario, multi_az=True, read_replicas=1)
    assert quantities(design.usage(demand, design.simulate(demand))) == {
        "database Multi-AZUsage:db.m7g.large": 720.0,
        "database RDS:Multi-AZ-GP3-Storage": 63.0,
        "database-replica InstanceUsage:db.m7g.large": 720.0,
        "database-replica RDS:GP3-Storage": 63.0,
    }


def test_bought_iops_and_excess_backups_are_billed() -> None:
    # 15 000 IOPS are 3 000 above the 12 000 of 400 GB. 14 days x min(GB written, 390): 6e6 calls a minute
    # x 1 440 x 0.15 writes x 1 KB = 1 235.96 GiB > 390; 390 + 14 x 390 - 434 free = 5 416 GB.
    scenario = shop(database={"backup_retention_days": 14})
    demand = demand_of(scenario, 6e6, 390.0)
    design = instance(scenario, storage_gb=434.0, iops=15_000.0)
    bill = quantities(design.usage(demand, design.simulate(demand)))
    assert bill["database RDS:GP3-PIOPS"] == pytest.approx(3_000.0)
    assert bill["database RDS:ChargedBackupUsage"] == pytest.approx(5_416.0)
    assert "database RDS:GP3-Throughput" not in bill


def test_backups_are_free_up_to_what_every_instance_has_allocated() -> None:
    # As above, with 5 850 GB of backups: two replicas bring the free part from 434 to 3 x 434 = 1 302 GB.
    scenario = shop(database={"backup_retention_days": 14})
    demand = demand_of(scenario, 6e6, 390.0)
    design = instance(scenario, storage_gb=434.0, read_replicas=2)
    bill = quantities(design.usage(demand, design.simulate(demand)))
    assert bill["database RDS:ChargedBackupUsage"] == pytest.approx(390 + 14 * 390 - 1_302)


def test_reservations_change_the_term_and_sizes_are_abbreviated() -> None:
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    design = instance(scenario, instance_class="db.m7g.2xlarge", purchase="reserved_1yr_no_upfront")
    query = design.usage(demand, design.simulate(demand))[0].meter.query
    assert (query.usage_type, query.term) == ("InstanceUsage:db.m7g.2xl", "Reserved 1yr No Upfront")
    assert query.attributes == (("engine", "PostgreSQL"),)


def test_a_burstable_class_that_lives_on_credit_is_refused() -> None:
    # t4g.medium: 2 vCPU of 1.15 less 20 %; 24 credits an hour pay for 20 %. At 50 % it spends
    # 2 x 0.5 - 0.4 = 0.6 credits a minute: 25 920 in November against 24 x 24 = 576 it may borrow.
    scenario = shop()
    full_per_s = 2 * 1.15 * 0.8 / 0.6875e-3
    t4g = instance(scenario, instance_class="db.t4g.medium")
    idle = t4g.simulate(demand_of(scenario, 0.15 * full_per_s * 60))
    busy = t4g.simulate(demand_of(scenario, 0.5 * full_per_s * 60))
    assert [limit for limit in idle.limits if limit.broken] == []
    (broken,) = [limit for limit in busy.limits if limit.broken]
    assert broken.constraint == "CPU credits borrowed"
    assert broken.observed == pytest.approx(0.6 * 43_200)
    assert broken.limit == 576


def test_promises() -> None:
    scenario = shop()
    single, paired = instance(scenario).reliability, instance(scenario, multi_az=True).reliability
    assert (single.sla_ratio, single.rto_minutes, single.rpo_minutes) == (0.995, 60.0, 5.0)
    assert (paired.sla_ratio, paired.rto_minutes, paired.rpo_minutes) == (0.9995, 2.0, 0.0)


def test_designs_are_few_and_near_the_load() -> None:
    scenario = shop()
    demand = demand_of(scenario, wave(60_000.0))
    found = rds.designs(scenario, demand)
    assert 8 <= len(found) <= 30
    assert {d.multi_az for d in found} == {False, True}
    assert {d.read_replicas for d in found} == {0, 1}
    for design in found:
        assert design.simulate(demand).summary().error_ratio < 0.001


def test_storage_is_bought_for_the_busiest_minute() -> None:
    # MySQL, everything hot, 5 000 calls/s: more than 500 MiB/s of 16 KB pages on classes that can take it.
    scenario = shop(
        database={"engine": "mysql", "working_set_ratio": 1.0, "stored_gb": 3_000},
        constraints={"database_families": ["m7g"]},
    )
    small, large = demand_of(scenario, 600.0, 3_000.0), demand_of(scenario, 1_200_000.0, 3_000.0)
    assert {(d.iops, d.throughput_mibps) for d in rds.designs(scenario, small)} == {(0.0, 0.0)}
    bought = rds.designs(scenario, large)
    assert any(d.iops > 12_000 and d.throughput_mibps > 500 for d in bought)
    for design in bought:
        assert design.storage_gb == 3_750
        assert design.iops == int(design.iops) <= 64_000
        assert design.throughput_mibps == int(design.throughput_mibps) <= 4_000


def test_designs_exist_for_a_silent_shop() -> None:
    scenario = shop()
    demand = demand_of(scenario, 0.0)
    for design in rds.designs(scenario, demand):
        ran = design.simulate(demand)
        assert ran.latency == NO_LATENCY
        assert ran.summary().error_ratio == 0.0


def test_designs_honour_constraints() -> None:
    only_dynamodb = shop(constraints={"database": ["dynamodb_on_demand"]})
    assert rds.designs(only_dynamodb, demand_of(only_dynamodb, 60.0)) == ()
    both_terms = shop(
        region="sa-east-1",
        constraints={
            "database_families": ["m7g", "m6g", "m7i"],
            "commitments": ["on_demand", "reserved_1yr_no_upfront"],
        },
    )
    reserved = {
        d.instance_class.split(".")[1]
        for d in rds.designs(both_terms, demand_of(both_terms, 60_000.0))
        if d.purchase != "on_demand"
    }
    assert reserved == {"m6g"}


def test_an_unknown_family_is_a_fault_that_names_the_valid_ones() -> None:
    scenario = shop(constraints={"database_families": ["m7g", "m99x"]})
    with pytest.raises(ScenarioError) as caught:
        rds.designs(scenario, demand_of(scenario, 60.0))
    (fault,) = caught.value.faults
    assert fault.path == "constraints.database_families.1"
    assert fault.value == '"m99x"'
    assert "r7g" in fault.problem


@pytest.mark.parametrize("region_id", REGIONS)
@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_every_meter_has_a_price_in_its_unit(region_id: str, engine: str) -> None:
    scenario = shop(
        region=region_id,
        database={"engine": engine, "backup_retention_days": 35},
        constraints={
            "database_families": sorted(RDS_SIZES),
            "commitments": ["on_demand", "reserved_1yr_no_upfront"],
        },
    )
    demand = demand_of(scenario, 60_000.0)
    book = PriceBook.shipped()
    extra = instance(scenario, storage_gb=400.0, iops=20_000.0, throughput_mibps=900.0)
    for design in (*rds.designs(scenario, demand), extra, replace(extra, multi_az=True)):
        for usage in design.usage(demand, demand_capacity(demand)):
            assert FOCUS_UNITS[book.price(usage.meter.query).pricing_unit] == usage.meter.consumed_unit


def demand_capacity(demand: Demand) -> Capacity:
    nothing = np.zeros(demand.minutes)
    return Capacity(nothing, nothing, demand.api_requests, nothing, NO_LATENCY, 1.0)


@settings(max_examples=6, deadline=None)
@given(st.floats(0, 1e6), st.integers(0, 2), st.booleans(), st.integers(0, 99))
@example(sys.float_info.min * 1e-5, 0, False, 0)
def test_properties(mean: float, replicas: int, multi_az: bool, seed: int) -> None:
    scenario = shop()
    design = instance(scenario, read_replicas=replicas, multi_az=multi_az)
    load = wave(mean, seed=seed)
    demand, more = demand_of(scenario, load), demand_of(scenario, 1.7 * load)
    ran, again, busier = design.simulate(demand), design.simulate(demand), design.simulate(more)
    assert np.array_equal(ran.failed_requests, again.failed_requests)
    assert ran.latency == again.latency
    for array in (ran.servers, ran.utilisation, ran.failed_requests):
        assert np.all(np.isfinite(array))
        assert np.all(array >= 0)
    assert np.all(ran.failed_requests <= ran.requests)
    assert ran.latency.p50_ms <= ran.latency.p95_ms <= ran.latency.p99_ms
    assert busier.failed_requests.sum() >= ran.failed_requests.sum()
    less, bill = quantities(design.usage(demand, ran)), quantities(design.usage(more, busier))
    assert all(bill[name] >= amount for name, amount in less.items())


def test_footprint_and_terraform() -> None:
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    design = instance(scenario, multi_az=True, read_replicas=2)
    footprint = design.footprint(demand, demand_capacity(demand))
    assert footprint.kms_requests.tolist() == [3.0] * 30
    assert footprint.zonal_database
    assert footprint.database_gb.sum() == 0
    variables = {v.name: {a.name: a.value for a in v.attributes} for v in design.terraform()}
    assert list(variables) == ["rds", "rds_replica_1", "rds_replica_2"]
    assert variables["rds"]["instance_class"] == "db.m7g.large"
    assert variables["rds"]["multi_az"] is True
    assert variables["rds"]["allocated_storage"] == 63
    assert variables["rds_replica_2"]["replicate_source_db"] == "database"
    assert design.settings()["read_replicas"] == 2


def test_iops_are_charged_by_the_kind_of_storage() -> None:
    grown_gb = np.array([399.0, 400.0])
    assert charged_iops("gp3", 15_000.0, grown_gb).tolist() == [0.0, 3_000.0]
    assert charged_iops("gp3", 12_000.0, grown_gb).tolist() == [0.0, 0.0]
    assert charged_iops("io1", 1_000.0, grown_gb).tolist() == [1_000.0, 1_000.0]
