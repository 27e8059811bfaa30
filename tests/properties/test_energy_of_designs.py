"""Every design draws something or says what it leaves out, more load never draws less, and each kind by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from costmodel.capacity.energy import Energy, Part, Span, coefficients, processor_of
from costmodel.capacity.relational import speed_of
from costmodel.decision.candidate import SimulatedDesign
from costmodel.decision.search import simulate_design
from costmodel.demand.synthesise import synthesise
from costmodel.services import rendering
from costmodel.services._base import Footprint, Role

LOADS = (0.25, 0.5, 1.0)
CONTROL_LOOPS = {"ec2": 1e-3, "ec2_workers": 2e-2, "spot_workers": 2e-2, "lambda": 5e-2}
"""What a higher load may draw less at most, by kind: see `CONTROL_LOOPS` of `test_more_load.py`."""
DESIGNS_PER_KIND = 3


def likely_kwh(energy: Energy, *parts: Part) -> float:
    return sum(use.kwh.likely for use in energy.uses if not parts or use.part in parts)


def making_kg(energy: Energy) -> float:
    return sum(use.making_kg.likely for use in energy.uses)


def few_of_each_kind(shop: Any) -> Iterator[Any]:
    by_kind = defaultdict(list)
    for tier in shop.all_tiers:
        by_kind[tier.design.kind].append(tier.design)
    for designs in by_kind.values():
        yield from designs[:: max(1, len(designs) // DESIGNS_PER_KIND)]


def test_every_tier_draws_or_says_so(shop) -> None:
    for tier in shop.all_tiers:
        energy = tier.energy
        if isinstance(tier.design, rendering.NoRendering):
            assert energy == Energy()
            continue
        if tier.design.role in (Role.LOAD_BALANCER, Role.DELIVERY):
            assert energy.not_modelled
            assert energy.uses == ()
            continue
        assert likely_kwh(energy) > 0, tier.design.label
        assert making_kg(energy) > 0, tier.design.label
        for use in energy.uses:
            assert 0 <= use.kwh.low <= use.kwh.likely <= use.kwh.high
            assert 0 <= use.making_kg.low <= use.making_kg.likely <= use.making_kg.high
            assert use.figures


def test_every_platform_draws_or_says_so(shop) -> None:
    footprint = Footprint.none(shop.demand.days)
    for design in shop.platform:
        energy = design.energy(shop.demand, footprint)
        assert likely_kwh(energy) > 0 or energy.not_modelled, design.label


def test_a_larger_footprint_never_draws_less(shop) -> None:
    """The bound of the search rests on it."""
    for candidate in shop.candidates:
        whole = candidate.footprint
        for design in shop.platform:
            less = design.energy(
                shop.demand, Footprint.smallest([tier.footprint for tier in candidate.tiers])
            )
            assert likely_kwh(design.energy(shop.demand, whole)) >= likely_kwh(less) * (1 - 1e-12)


def test_more_load_never_draws_less(shop) -> None:
    demands = []
    for load in LOADS:
        traffic = shop.scenario.traffic
        visitors = {name: count * load for name, count in traffic.monthly_visitors.items()}
        scenario = shop.scenario.model_copy(
            update={"traffic": traffic.model_copy(update={"monthly_visitors": visitors})}
        )
        demands.append(synthesise(scenario))
    for design in few_of_each_kind(shop):
        drawn = [likely_kwh(simulate_design(design, demand).energy) for demand in demands]
        slack = CONTROL_LOOPS.get(design.kind, 1e-12)
        assert all(more >= less * (1 - slack) for less, more in pairwise(drawn)), f"{design.label}: {drawn}"


@pytest.fixture(scope="module")
def by_kind(shops) -> dict[str, tuple[Any, SimulatedDesign]]:
    """The first design of each kind with its shop, of the shop with everything."""
    found: dict[str, tuple[Any, SimulatedDesign]] = {}
    for shop in (shops[1], *shops):
        for tier in shop.all_tiers:
            found.setdefault(tier.design.kind, (shop, tier))
    return found


def processors_kwh(family: str, vcpu_hours: float, busy_hours: float) -> float:
    processor = processor_of(family)
    idle, full = processor.idle_watts.likely, processor.full_watts.likely
    return (idle * (vcpu_hours - busy_hours) + full * busy_hours) / 1000


def likely(name: str) -> float:
    return coefficients()[name].span.likely


def storage_kwh(gb_hours: float, medium: str, copies: str) -> float:
    return gb_hours * 2**30 / 1e12 * likely(medium) * likely(copies) / 1000


def test_ec2_by_hand(by_kind) -> None:
    shop, tier = by_kind["ec2"]
    run, instance = tier.design.simulate(shop.demand), tier.design.instance
    hours = run.servers.sum() / 60
    busy = (run.servers * run.utilisation).sum() / 60 * instance.vcpu
    expected = processors_kwh(instance.family, hours * instance.vcpu, busy)
    assert likely_kwh(tier.energy, Part.PROCESSORS) == pytest.approx(expected)
    expected = storage_kwh(hours * tier.design.volume_gb, "ssd", "copies_volume")
    assert likely_kwh(tier.energy, Part.STORAGE) == pytest.approx(expected)


def test_lambda_by_hand(by_kind) -> None:
    """Held: calls x (waiting + CPU) rounded up to a ms, half a ms on average, and starts; busy: work and starts."""
    shop, tier = by_kind["lambda"]
    design, run = tier.design, tier.design._run(shop.demand)
    calls = (shop.demand.api_requests - run.throttled_requests).sum()
    starts_s = run.cold_starts.sum() * design.billed_start_ms / 1000
    held_s = calls * (design.waiting_ms + design.cpu_ms + 0.5) / 1000 + starts_s
    share = design.memory_mb / 1769
    speed = {"x86_64": 1.0, "arm64": 1.15}[design.architecture]
    busy_s = calls * design.api.cpu_ms_per_call / 1000 / speed + starts_s * share
    expected = processors_kwh(f"lambda-{design.architecture}", held_s * share / 3600, busy_s / 3600)
    assert likely_kwh(tier.energy, Part.PROCESSORS) == pytest.approx(expected, rel=1e-3)


def test_rds_by_hand(by_kind) -> None:
    """Primary, standby and replicas run all hours; the standby is idle, each has a volume of its own."""
    shop, tier = by_kind["rds"]
    design, work, demand = tier.design, tier.design.work, shop.demand
    nodes = 1 + design.multi_az + design.read_replicas
    run = design.simulate(demand)
    assert design.read_replicas == 0
    cpu_ms = (
        demand.fan_out.reads_per_api_call * work.read_cpu_ms
        + demand.fan_out.writes_per_api_call * work.write_cpu_ms
    )
    calls = (run.requests - run.failed_requests).sum()
    busy = calls * cpu_ms / 1000 / speed_of(design.instance, work.engine) / 3600
    vcpu_hours = demand.days * 24 * nodes * design.instance.vcpu
    expected = processors_kwh(design.instance.family, vcpu_hours, busy)
    assert likely_kwh(tier.energy, Part.PROCESSORS) == pytest.approx(expected)
    gb_hours = design.allocated_gb(demand).sum() * 24 * nodes
    assert likely_kwh(tier.energy, Part.STORAGE) == pytest.approx(
        storage_kwh(gb_hours, "ssd", "copies_volume")
    )


def test_a_standby_draws_more_than_none(shops) -> None:
    tiers = [tier for tier in shops[0].all_tiers if tier.design.kind == "rds"]
    alone = next(tier for tier in tiers if not tier.design.multi_az)
    twin = next(
        tier
        for tier in tiers
        if tier.design.multi_az
        and tier.design.read_replicas == 0
        and tier.design.instance_class == alone.design.instance_class
    )
    assert making_kg(twin.energy) == pytest.approx(2 * making_kg(alone.energy))
    assert likely_kwh(twin.energy) > likely_kwh(alone.energy)


def test_aurora_by_hand(by_kind) -> None:
    for kind in ("aurora", "aurora_serverless"):
        shop, tier = by_kind[kind]
        gb_hours = shop.demand.database_stored_gb.sum() * 24
        assert likely_kwh(tier.energy, Part.STORAGE) == pytest.approx(
            storage_kwh(gb_hours, "ssd", "copies_aurora")
        )
    processor = processor_of("db.r6g")
    acu_hours = tier.design.simulate(shop.demand).servers.sum() / 60
    per_vcpu_hour = processor.server_kg(8.0).likely * likely("wear") / 8760
    expected = per_vcpu_hour / processor.vcpus_per_chip / processor.chips * acu_hours / 4
    assert making_kg(tier.energy) == pytest.approx(expected)


def test_dynamodb_by_hand(by_kind) -> None:
    shop, tier = by_kind["dynamodb_on_demand"]
    gb_hours = tier.design.billed_gb(shop.demand).sum() * 24
    assert likely_kwh(tier.energy, Part.STORAGE) == pytest.approx(
        storage_kwh(gb_hours, "ssd", "copies_table")
    )
    reads, writes = tier.design.flows(shop.demand)
    assert reads.refused_ratio.max() == writes.refused_ratio.max() == 0
    served = tier.design.simulate(shop.demand).servers.sum() * 60
    expected = served * likely("table_request") / 3.6e6 * (0.74 + 3.5) / 1000
    assert likely_kwh(tier.energy, Part.PROCESSORS) == pytest.approx(expected)


def test_rendering_by_hand(by_kind) -> None:
    shop, tier = by_kind["lambda_workers"]
    design = tier.design
    hours = design._run(shop.demand).started.sum() * design._billed_job_s(shop.demand) / 3600
    vcpu_hours = hours * design.memory_mb / 1769
    expected = processors_kwh(f"lambda-{design.architecture}", vcpu_hours, vcpu_hours)
    assert likely_kwh(tier.energy, Part.PROCESSORS) == pytest.approx(expected)


def test_a_bucket_by_hand_and_its_copy(small_shop) -> None:
    bucket = next(design for design in small_shop.platform if design.role is Role.STORAGE)
    footprint = Footprint.none(small_shop.demand.days)
    energy = bucket.energy(small_shop.demand, footprint)
    gb_hours = small_shop.demand.asset_stored_gb.sum() * (1 + bucket.noncurrent_ratio) * 24
    expected = storage_kwh(gb_hours, "hdd", "copies_s3")
    kept = {use.region_id: use.kwh.likely for use in energy.uses if use.part is Part.STORAGE}
    assert kept == {
        "eu-west-1": pytest.approx(expected),
        "us-west-2": pytest.approx(expected),
    }
    assert likely_kwh(energy, Part.TRANSFER) > 0


def test_arm_draws_less_than_x86_at_the_same_load(shops) -> None:
    """The same group of the same size: m7g against c7i, at the load of the first shop."""
    tiers = [tier for tier in shops[0].all_tiers if tier.design.kind == "ec2"]
    drawn = {
        tier.design.instance.family: likely_kwh(tier.energy, Part.PROCESSORS)
        for tier in tiers
        if tier.design.instance.size == "large" and tier.design.min_size == 2
    }
    assert drawn["m7g"] < drawn["c7i"]


def test_bytes_to_viewers_are_in_no_total(shops) -> None:
    delivery = [tier for tier in shops[0].all_tiers if tier.design.role is Role.DELIVERY]
    assert all(tier.energy.uses == () for tier in delivery)
    assert all(tier.energy.to_viewers_kwh.likely > 0 for tier in delivery)
    assert isinstance(delivery[0].energy.to_viewers_kwh, Span)
