from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.database_classes import AURORA_SIZES
from costmodel.capacity.overload import Patience
from costmodel.capacity.result import NO_LATENCY, Capacity
from costmodel.demand.demand import Demand
from costmodel.errors import ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services import aurora
from costmodel.services.aurora import AuroraCluster, AuroraServerless, charged_backup_gb
from costmodel.units import FOCUS_UNITS
from shops.database import REGIONS, demand_of, quantities, shop, wave


def cluster(scenario: Scenario, **changes: Any) -> AuroraCluster:
    base = AuroraCluster(scenario.region, 0, False, scenario.database, Patience(10.0), "db.r7g.large")
    return replace(base, **changes)


def serverless(scenario: Scenario, **changes: Any) -> AuroraServerless:
    base = AuroraServerless(scenario.region, 0, False, scenario.database, Patience(10.0), 0.5, 16.0)
    return replace(base, **changes)


def test_readers_share_reads_and_repeat_no_writes() -> None:
    # Writer 0.4 x 0.25 + 0.15 x 1.25 = 0.2875 ms; one reader 1.6 x 0.25 = 0.4 ms, two 0.2 ms each.
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    capacity = 2 * 1.45 * 0.8
    found = [cluster(scenario, readers=n).simulate(demand).saturation_requests_per_s for n in (0, 1, 2)]
    assert found == pytest.approx([capacity / 0.6875e-3, capacity / 0.4e-3, capacity / 0.2875e-3])


def test_bill_of_a_standard_cluster() -> None:
    # 1 000 calls a minute, 43.2 M in November. 50 GB with 5 hot fit 12 GB of cache: 1 % of 2 reads and
    # 0.15 x 2.1 writes = 0.335 I/O a call = 14 472 000. Backups: 1.44 M calls x 0.15 KB = 0.205994 GiB a
    # day, kept seven days beside a free copy of the volume.
    scenario = shop()
    demand = demand_of(scenario, 1_000.0)
    design = cluster(scenario, readers=1)
    bill = quantities(design.usage(demand, design.simulate(demand)))
    assert bill == {
        "database InstanceUsage:db.r7g.large": 1_440.0,
        "database Aurora:StorageUsage": pytest.approx(50.0),
        "database Aurora:StorageIOUsage": 14_472_000.0,
        "database Aurora:BackupUsage": pytest.approx(7 * 1.44e6 * 0.15 / 2**20),
    }


def test_an_io_optimized_cluster_pays_no_io() -> None:
    scenario = shop()
    demand = demand_of(scenario, 1_000.0)
    design = cluster(scenario, io_optimized=True, instance_class="db.r7g.2xlarge")
    bill = quantities(design.usage(demand, design.simulate(demand)))
    assert bill["database InstanceUsageIOOptimized:db.r7g.2xl"] == 720.0
    assert bill["database Aurora:IO-OptimizedStorageUsage"] == pytest.approx(50.0)
    assert not any("StorageIOUsage" in name for name in bill)


def test_the_published_example_of_backups_charged_over_a_week() -> None:
    # Aurora User Guide, "Understanding Amazon Aurora backup storage usage": 90 GiB needed from before the
    # week, 120 GiB of changes in it, and a volume of 150 GiB in the end: 90 + 120 - 150 = 60 GiB.
    volumes = np.array([90.0, 100, 110, 125, 130, 140, 150, 150])
    changes = np.array([0.0, 10, 0, 25, 20, 10, 25, 30])
    assert charged_backup_gb(changes, volumes, 7)[-1] == 60.0
    assert charged_backup_gb(changes, volumes, 1).tolist() == [0.0] * 8


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1)), min_size=1, max_size=60),
    st.integers(2, 35),
)
def test_backups_are_charged_for_at_most_the_volumes_of_the_other_days(
    days: list[tuple[float, float]], retention_days: int
) -> None:
    volumes = np.array([volume for volume, _ in days])
    changes = volumes * np.array([changed for _, changed in days])
    charged = charged_backup_gb(changes, volumes, retention_days)
    assert charged.shape == volumes.shape
    assert np.all(charged >= 0)
    before = np.concatenate([np.full(retention_days, volumes[0]), volumes])
    for day, gb in enumerate(charged):
        assert gb <= before[day + 1 : day + retention_days].sum() * (1 + 1e-12) + 1e-9
    assert np.all(charged_backup_gb(changes / 2, volumes, retention_days) <= charged)


def test_serverless_bill_at_a_steady_load() -> None:
    # r6g 1.15 less 20 % = 0.92; 0.6875 ms / 0.92 x 4 ACU = 2.98913 ACU-s a call. 1 000 calls/s need
    # 2.98913 ACU, x 1.3 = 3.886 -> 4.0 running; two nodes with a reader: its 0.4 ms need 1.739 -> 2.5 each.
    scenario = shop()
    demand = demand_of(scenario, 60_000.0)
    alone, paired = serverless(scenario), serverless(scenario, readers=1)
    ran, ran_paired = alone.simulate(demand), paired.simulate(demand)
    assert set(ran.servers) == {4.0}
    assert set(ran_paired.servers) == {5.0}
    assert ran.utilisation[0] == pytest.approx(2.98913 / 4.0, rel=1e-5)
    assert quantities(alone.usage(demand, ran))["database Aurora:ServerlessV2Usage"] == 4.0 * 720
    assert quantities(paired.usage(demand, ran_paired))["database Aurora:ServerlessV2Usage"] == 5.0 * 720
    assert ran.saturation_requests_per_s == pytest.approx(16.0 / 2.98913e-3, rel=1e-5)


def test_small_memory_costs_io() -> None:
    # 200 GB hold 20 hot; 4 ACUs cache 6 of them: 1 - 0.3 x 0.99 = 70.3 % of 2 reads miss, + 0.315.
    scenario = shop()
    demand = demand_of(scenario, 60_000.0, 200.0)
    design = serverless(scenario)
    bill = quantities(design.usage(demand, design.simulate(demand)))
    assert bill["database Aurora:StorageIOUsage"] == pytest.approx(60_000 * 43_200 * (2 * 0.703 + 0.315))


def test_a_spike_overloads_serverless_until_it_has_grown() -> None:
    scenario = shop()
    calls = np.full(43_200, 600.0)
    calls[1_000:1_010] = 200_000.0
    ran = serverless(scenario).simulate(demand_of(scenario, calls))
    assert ran.utilisation[1_000] == 1.0
    assert ran.failed_requests[1_000] > 0
    assert ran.failed_requests[1_005:].sum() == 0
    assert ran.servers[1_005] > ran.servers[999]


def test_connections_follow_the_largest_capacity() -> None:
    scenario, mysql = shop(), shop(database={"engine": "mysql"})
    # 16 ACU = 32 GiB less 7.5 %: 31 782 757 990 / 9 531 392 = 3 334; capped at 2 000 by a minimum of 0.5.
    assert serverless(scenario).max_connections == 2_000
    assert serverless(scenario, min_acu=1.0).max_connections == 3_334
    assert serverless(mysql).max_connections == 2_000
    demand = demand_of(mysql, 60.0)
    assert cluster(mysql).simulate(demand).max_connections == 1_000


def test_promises() -> None:
    scenario = shop()
    alone, paired = cluster(scenario).reliability, serverless(scenario, readers=1).reliability
    assert (alone.sla_ratio, alone.rto_minutes, alone.rpo_minutes) == (0.999, 10.0, 0.0)
    assert (paired.sla_ratio, paired.rto_minutes, paired.rpo_minutes) == (0.9999, 1.0, 0.0)


def test_designs_carry_the_load() -> None:
    scenario = shop()
    demand = demand_of(scenario, wave(60_000.0))
    found = aurora.designs(scenario, demand)
    assert {d.kind for d in found} == {"aurora", "aurora_serverless"}
    assert 8 <= sum(d.kind == "aurora" for d in found) <= 20
    assert sum(d.kind == "aurora_serverless" for d in found) == 8
    families = {d.instance_class.split(".")[1] for d in found if isinstance(d, AuroraCluster)}
    assert families == {"t4g", "r7g", "r6g"}  # Aurora sells no m classes
    for design in found:
        assert design.simulate(demand).summary().error_ratio < 0.001


def test_designs_honour_constraints() -> None:
    scenario = shop(constraints={"database": ["aurora_serverless"]})
    assert {d.kind for d in aurora.designs(scenario, demand_of(scenario, 60.0))} == {"aurora_serverless"}
    unknown = shop(constraints={"database_families": ["z9"]})
    with pytest.raises(ScenarioError, match="must be one of m5, m6g"):
        aurora.designs(unknown, demand_of(unknown, 60.0))


@pytest.mark.parametrize("region_id", REGIONS)
@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_every_meter_has_a_price_in_its_unit(region_id: str, engine: str) -> None:
    scenario = shop(
        region=region_id,
        database={"engine": engine},
        constraints={"database_families": sorted(AURORA_SIZES)},
    )
    book = PriceBook.shipped()
    for load in (60.0, 600_000.0):
        demand = demand_of(scenario, load)
        for design in aurora.designs(scenario, demand):
            for usage in design.usage(demand, plain_capacity(demand)):
                assert FOCUS_UNITS[book.price(usage.meter.query).pricing_unit] == usage.meter.consumed_unit


def plain_capacity(demand: Demand) -> Capacity:
    nothing, one = np.zeros(demand.minutes), np.ones(demand.minutes)
    return Capacity(one, nothing, demand.api_requests, nothing, NO_LATENCY, 1.0)


@settings(max_examples=6, deadline=None)
@given(st.floats(0, 3e5), st.integers(0, 2), st.booleans(), st.integers(0, 99))
def test_properties(mean: float, readers: int, io_optimized: bool, seed: int) -> None:
    """More load never uses less, as long as none of it fails; what fails does no I/O."""
    scenario = shop()
    load = wave(mean, seed=seed)
    demand, more = demand_of(scenario, load), demand_of(scenario, 1.7 * load)
    for make in (cluster, serverless):
        design = make(scenario, readers=readers, io_optimized=io_optimized)
        ran, again, busier = design.simulate(demand), design.simulate(demand), design.simulate(more)
        assert np.array_equal(ran.servers, again.servers)
        assert ran.latency == again.latency
        for array in (ran.servers, ran.utilisation, ran.failed_requests):
            assert np.all(np.isfinite(array))
            assert np.all(array >= 0)
        assert np.all(ran.failed_requests <= ran.requests)
        assert ran.latency.p50_ms <= ran.latency.p95_ms <= ran.latency.p99_ms
        assert np.all(busier.servers >= ran.servers - 1e-9)
        less, bill = quantities(design.usage(demand, ran)), quantities(design.usage(more, busier))
        grown = [name for name in less if "StorageIO" not in name]
        assert all(bill[name] >= less[name] for name in grown)


def test_io_grows_with_load_until_memory_grows_too() -> None:
    # A provisioned node keeps its memory: I/O is proportional to load.
    scenario = shop()
    small, large = demand_of(scenario, 1_000.0, 400.0), demand_of(scenario, 3_000.0, 400.0)
    design = cluster(scenario)
    name = "database Aurora:StorageIOUsage"
    few = quantities(design.usage(small, design.simulate(small)))[name]
    many = quantities(design.usage(large, design.simulate(large)))[name]
    assert many == pytest.approx(3 * few, rel=1e-7)


def test_footprint_and_terraform() -> None:
    scenario = shop()
    demand = demand_of(scenario, 60.0)
    design = serverless(scenario, readers=1, io_optimized=True)
    footprint = design.footprint(demand, plain_capacity(demand))
    assert footprint.alarms == 0
    assert footprint.zonal_database
    assert footprint.database_gb.sum() == 0
    variables = {v.name: {a.name: a.value for a in v.attributes} for v in design.terraform()}
    assert variables["rds_aurora"]["cluster_instance_class"] == "db.serverless"
    assert variables["rds_aurora"]["storage_type"] == "aurora-iopt1"
    assert variables["rds_aurora"]["instances"] == ("writer", "reader-1")
    assert variables["rds_aurora_serverlessv2_scaling_configuration"] == {
        "min_capacity": 0.5,
        "max_capacity": 16.0,
    }
    (only,) = cluster(scenario).terraform()
    assert {a.name: a.value for a in only.attributes}["engine"] == "aurora-postgresql"
