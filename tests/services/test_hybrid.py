"""A hybrid is its two halves: nothing is lost between them, nothing is added but what is said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest

from costmodel.billing.rate import bill
from costmodel.capacity.balancer_units import more_for_functions
from costmodel.capacity.disruptions import ZoneLoss
from costmodel.capacity.energy import Energy
from costmodel.capacity.result import NO_LATENCY, Capacity
from costmodel.capacity.weighted_split import split
from costmodel.decision.carbon import carbon_of
from costmodel.decision.search import simulate_design
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services import lambda_, registry
from costmodel.services._base import Footprint, Least, Reliability, Role, Share, Strategy, Usage
from costmodel.services._fixed_group import fixed_groups
from costmodel.services.ec2 import Ec2Fleet
from costmodel.services.hybrid import WEIGHTS_NAME, Hybrid
from costmodel.services.lambda_ import LambdaFunction
from shops.calls import MINUTES_OF_NOVEMBER, demand_of_calls, scenario_of_calls

MORE_UNITS = "Capacity units for functions"
SHARED = ("Runs that set weights", "Duration of setting weights", "Reads of the load", MORE_UNITS)
CONSTRAINTS = {
    "compute": ["hybrid"],
    "instance_families": ["c7g"],
    "lambda_memory_mb": [1769],
    "cpu_target_ratios": [0.7],
}


def scenario_of(**parts: Any) -> Scenario:
    return scenario_of_calls(**{"constraints": CONSTRAINTS, "api": {"cpu_ms_per_call": 30}} | parts)


@cache
def waves() -> Demand:
    """40 calls a second, more by day, with a spike of an hour to 400 on the tenth day."""
    minutes = np.arange(MINUTES_OF_NOVEMBER)
    calls = 40 * (1 + 0.5 * np.sin(minutes / 1440 * 2 * np.pi))
    calls[10 * 1440 : 10 * 1440 + 60] = 400
    return demand_of_calls(calls)


def hybrid_of(scenario: Scenario, demand: Demand, instances: int = 2, **settings: Any) -> Hybrid:
    """The first fixed group in another size, with the first function."""
    group, calls = next(iter(fixed_groups(scenario, demand)))
    fixed = replace(group, min_size=instances, max_size=instances)
    function = lambda_.overflow_functions(scenario, demand)[0]
    carried = calls // group.min_size * instances
    return Hybrid(**{"region_id": "eu-west-1", "steady": fixed, "overflow": function, "steady_calls_per_minute": carried} | settings)  # fmt: skip


def cents(usages: tuple[Usage, ...], *, free_tier: bool = False) -> Decimal:
    return bill(usages, PriceBook.shipped(), free_tier=free_tier).billed_cost.quantize(Decimal("0.01"))


def of_halves(usages: tuple[Usage, ...]) -> tuple[Usage, ...]:
    return tuple(usage for usage in usages if usage.meter.name not in SHARED)


@dataclass(frozen=True)
class NoGroup:
    """A fixed group of no instance."""

    zones: int = 2
    kind: str = "nothing"
    role: Role = Role.COMPUTE
    service_name: str = ""
    resource_name: str = "web"
    label: str = "no instance"

    @property
    def reliability(self) -> Reliability:
        return Reliability(1.0, "none (2026)")

    def settings(self) -> dict[str, Any]:
        return {}

    def terraform(self) -> tuple[()]:
        return ()

    def under(self, scenario: Scenario) -> NoGroup:
        return self

    def runs_as(self) -> NoGroup:
        return self

    def simulate(self, demand: Demand) -> Capacity:
        assert demand.total_api_requests == 0
        nothing = read_only(np.zeros(demand.minutes))
        return Capacity(nothing, nothing, nothing, nothing, NO_LATENCY, 0.0, call_slots=0.0)

    def unqueued(self, demand: Demand) -> Capacity:
        return self.simulate(demand)

    def without_zone(self, demand: Demand, loss: ZoneLoss) -> Capacity:
        return self.simulate(demand)

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        return ()

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        return Footprint.none(demand.days)

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        return Energy()

    def least(self, demand: Demand, served_ratio: float) -> Least:
        return Least((), Footprint.none(demand.days), NO_LATENCY, Energy())

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        return (Share(self, 1.0),)


def emitted_kg(energy: Energy) -> float:
    return carbon_of(energy).total_kg.likely


def same_bytes(one: Footprint, other: Footprint) -> bool:
    return bool(np.array_equal(one.vended_log_gb, other.vended_log_gb)) and bool(
        np.array_equal(one.log_gb, other.log_gb)
    )


def test_without_instances_it_is_the_function_alone_to_the_cent() -> None:
    scenario, demand = scenario_of(), waves()
    hybrid = hybrid_of(scenario, demand, steady=NoGroup(), steady_calls_per_minute=0)
    function = hybrid.overflow
    mine, alone = simulate_design(hybrid, demand), simulate_design(function, demand)
    assert mine.capacity.latency == alone.capacity.latency
    assert mine.capacity.failed_requests == alone.capacity.failed_requests
    assert mine.capacity.saturation_requests_per_s == alone.capacity.saturation_requests_per_s
    assert mine.capacity.call_slots == alone.capacity.call_slots
    assert mine.capacity.limits == alone.capacity.limits
    assert cents(of_halves(mine.usages)) == cents(alone.usages)
    assert same_bytes(mine.footprint, alone.footprint)
    assert mine.energy == alone.energy


def test_a_large_group_takes_all_to_the_cent() -> None:
    scenario, demand = scenario_of(), waves()
    hybrid = hybrid_of(scenario, demand, 40)
    mine, alone = simulate_design(hybrid, demand), simulate_design(hybrid.steady, demand)
    assert mine.capacity.latency == alone.capacity.latency
    assert mine.capacity.error_ratio == alone.capacity.error_ratio == 0
    assert mine.capacity.call_slots == alone.capacity.call_slots
    assert cents(of_halves(mine.usages)) == cents(alone.usages)
    assert all(usage.consumed_quantity == 0 for usage in mine.usages if usage.resource_name == "api")
    assert all(usage.consumed_quantity == 0 for usage in mine.usages if usage.meter.name == MORE_UNITS)
    assert np.array_equal(mine.footprint.log_gb, alone.footprint.log_gb)
    # What sets the weights: 43 200 runs of 0.5 s at 128 MB and as many reads of the load, by the list
    # 0.00864 for runs, 0.03600 for 2 700 GB-s, 0.43200 for reads; nothing within the free allowances.
    assert cents(mine.usages) - cents(of_halves(mine.usages)) == Decimal("0.48")
    assert cents(mine.usages, free_tier=True) == cents(alone.usages, free_tier=True)


@pytest.mark.parametrize("instances", [2, 3, 5])
def test_both_halves_add_up(instances: int) -> None:
    scenario, demand = scenario_of(), waves()
    hybrid = hybrid_of(scenario, demand, instances)
    mine = simulate_design(hybrid, demand)
    parts = split(demand, float(hybrid.steady_calls_per_minute))
    steady, overflow = simulate_design(hybrid.steady, parts[0]), simulate_design(hybrid.overflow, parts[1])
    assert parts[0].total_api_requests + parts[1].total_api_requests == pytest.approx(
        demand.total_api_requests
    )
    assert min(part.total_api_requests for part in parts) > 0
    assert cents(of_halves(mine.usages)) == cents(steady.usages + overflow.usages)
    halves = {(one.meter, one.consumed_quantity) for one in (*steady.usages, *overflow.usages)}
    assert {(one.meter, one.consumed_quantity) for one in of_halves(mine.usages)} == halves
    assert mine.capacity.failed_requests == pytest.approx(
        steady.capacity.failed_requests + overflow.capacity.failed_requests
    )
    assert mine.footprint.log_gb.sum() == steady.footprint.log_gb.sum()
    assert mine.footprint.vended_log_gb.sum() == overflow.footprint.vended_log_gb.sum()
    assert mine.footprint.alarms == steady.footprint.alarms + overflow.footprint.alarms
    assert mine.footprint.private_subnets
    assert mine.energy == steady.energy + overflow.energy
    low, high = sorted((steady.capacity.latency.p95_ms, overflow.capacity.latency.p95_ms))
    assert low <= mine.capacity.latency.p95_ms <= high


def test_a_spike_first_hits_the_fixed_group() -> None:
    """Two minutes of all calls: 400 a second on instances that do 133 between them, and then 10 minutes' patience."""
    scenario, demand = scenario_of(), waves()
    hybrid = hybrid_of(scenario, demand)
    spike = 10 * 1440
    capacity = hybrid.simulate(demand)
    assert capacity.halves is not None
    steady, overflow = capacity.halves
    carried = hybrid.steady_calls_per_minute
    assert steady.requests[spike : spike + 2] == pytest.approx([24_000, 24_000], rel=1 - carried / 2_400)
    assert steady.requests[spike + 2] == pytest.approx(carried, rel=0.01)
    assert overflow.requests[spike + 2] == pytest.approx(24_000 - carried, rel=0.01)
    lost = capacity.failed_requests
    assert lost[spike] > 5_000
    assert lost[spike + 1] > 5_000
    assert lost[spike + 30 : spike + 60].sum() == pytest.approx(0, abs=1)
    assert lost.sum() == pytest.approx(lost[spike : spike + 10].sum())
    assert (
        capacity.latency.p99_ms > replace(hybrid, steady_calls_per_minute=1).simulate(demand).latency.p50_ms
    )


@pytest.mark.parametrize("instances", [2, 4])
@pytest.mark.parametrize("served_ratio", [1.0, 0.999, 0.0])
def test_the_bound_is_one(instances: int, served_ratio: float) -> None:
    scenario, demand = scenario_of(), waves()
    hybrid = hybrid_of(scenario, demand, instances)
    least, true = hybrid.least(demand, served_ratio), simulate_design(hybrid, demand)
    if served_ratio > 1 - true.capacity.error_ratio:
        served_ratio = 1 - true.capacity.error_ratio
        least = hybrid.least(demand, served_ratio)
    assert [usage.meter for usage in least.usages] == [usage.meter for usage in true.usages]
    for below, usage in zip(least.usages, true.usages, strict=True):
        assert below.consumed_quantity <= usage.consumed_quantity, usage.meter.name
    for name in ("log_gb", "vended_log_gb", "outside_gb", "database_gb", "monitored_instance_hours"):
        assert (getattr(least.footprint, name) <= getattr(true.footprint, name) * (1 + 1e-12)).all(), name
    assert 0 < emitted_kg(least.energy) <= emitted_kg(true.energy) * (1 + 1e-12)
    unqueued = hybrid.unqueued(demand)
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        assert getattr(least.latency, name) <= getattr(unqueued.latency, name) * (1 + 1e-9)
        assert getattr(unqueued.latency, name) <= getattr(true.capacity.latency, name)
    assert hybrid.usage(demand, unqueued) == pytest.approx(true.usages) or cents(
        hybrid.usage(demand, unqueued)
    ) == cents(true.usages)


def test_bytes_of_functions_take_more_of_a_capacity_unit() -> None:
    """100 calls a second of 9 KB: 3.089905 GB an hour. With 40 % of it to functions
    0.6 x 3.089905 / 1 + 0.4 x 3.089905 / 0.4 = 4.943848 units instead of 3.089905.
    """
    demand = demand_of_calls(100.0)
    more = more_for_functions(demand, demand.scaled(0.4))
    assert more == pytest.approx(np.full(720, 4.943848 - 3.089905), abs=2e-6)
    assert (more_for_functions(demand, demand.scaled(0.0)) == 0).all()
    # Where connections decide, functions add nothing: 0.05 KB a call.
    small = demand_of_calls(100.0, request_bytes=25, response_bytes=25)
    assert more_for_functions(small, small.scaled(0.4)) == pytest.approx(0)


def test_what_is_listed() -> None:
    """One c7g.large carries 0.7 x 2 x 1.45 x 60 / 0.12 = 1 015 calls a minute; a quarter of the minutes bring up to
    1 551 calls, half up to 2 400, three quarters up to 3 252.
    """
    scenario, demand = scenario_of(api={"cpu_ms_per_call": 120}), waves()
    found = registry.HYBRID.designs(scenario, demand)
    assert [design.label for design in found] == [
        f"EC2 fleet of {count} c7g.large at 70 % CPU, on demand, with Lambda 1769 MB {architecture} for the overflow"
        for count in (2, 3, 4)
        for architecture in ("x86_64", "arm64")
    ]
    only_lambda = scenario_of(constraints={"compute": ["ec2", "lambda"]})
    assert registry.HYBRID.designs(only_lambda, demand) == ()
    burstable = scenario_of(constraints=CONSTRAINTS | {"instance_families": ["t4g"]})
    assert registry.HYBRID.designs(burstable, demand) == ()
    bounded = scenario_of(constraints=CONSTRAINTS | {"min_instances": 5, "max_instances": 5})
    steady = {design.steady for design in registry.HYBRID.designs(bounded, demand)}
    assert {(group.min_size, group.max_size) for group in steady} == {(5, 5)}


def test_a_second_region() -> None:
    scenario, demand = scenario_of(), waves()
    hybrid = hybrid_of(scenario, demand, 4)
    (alone,) = hybrid.spread("us-west-2", Strategy.PILOT_LIGHT)
    assert alone == Share(hybrid, 1.0)
    home, standby = hybrid.spread("us-west-2", Strategy.WARM_STANDBY)
    assert home == Share(hybrid, 1.0)
    assert (standby.ratio, standby.design.region_id, standby.design.steady.min_size) == (0.0, "us-west-2", 2)
    assert standby.design.overflow.region_id == standby.design.steady.region_id == "us-west-2"
    here, there = hybrid.spread("us-west-2", Strategy.ACTIVE_ACTIVE)
    assert (here.ratio, there.ratio) == (0.5, 0.5)
    assert here.design.steady_calls_per_minute == hybrid.steady_calls_per_minute // 2
    assert here.design.steady.target_ratio == 0.35
    assert {usage.meter.query.region_id for usage in simulate_design(there.design, demand).usages} == {
        "us-west-2"
    }


def test_a_lost_zone_is_lost_on_the_fixed_group_only() -> None:
    scenario, demand = scenario_of(), waves()
    hybrid = hybrid_of(scenario, demand)
    usual, struck = hybrid.simulate(demand), hybrid.without_zone(demand, ZoneLoss(5_000, 0, 60, True))
    assert usual.halves is not None
    assert struck.halves is not None
    assert struck.servers[5_010] == 1
    assert struck.failed_requests.sum() > usual.failed_requests.sum()
    assert np.array_equal(struck.halves[1].failed_requests, usual.halves[1].failed_requests)


def test_the_weaker_promise_counts() -> None:
    hybrid = hybrid_of(scenario_of(), waves())
    assert hybrid.reliability.sla_ratio == 0.9995
    assert hybrid.reliability.rto_minutes == hybrid.steady.reliability.rto_minutes > 0


def test_weights_stay_when_figures_change() -> None:
    demand = waves()
    hybrid = hybrid_of(scenario_of(), demand)
    heavier = hybrid.under(scenario_of(api={"cpu_ms_per_call": 60}))
    assert heavier.steady_calls_per_minute == hybrid.steady_calls_per_minute
    assert isinstance(heavier.steady, Ec2Fleet)
    assert isinstance(heavier.overflow, LambdaFunction)
    assert heavier.steady.api.cpu_ms_per_call == heavier.overflow.api.cpu_ms_per_call == 60
    assert heavier.simulate(demand).utilisation.max() >= hybrid.simulate(demand).utilisation.max()


def test_saturation_is_what_both_carry_or_what_the_group_cannot() -> None:
    scenario, demand = scenario_of(), waves()
    hybrid = hybrid_of(scenario, demand)
    function = hybrid.overflow.simulate(demand).saturation_requests_per_s
    group = hybrid.steady.simulate(demand).saturation_requests_per_s
    carried_per_s = hybrid.steady_calls_per_minute / 60
    assert hybrid.simulate(demand).saturation_requests_per_s == pytest.approx(carried_per_s + function)
    greedy = replace(hybrid, steady_calls_per_minute=1_000_000)
    assert greedy.simulate(demand).saturation_requests_per_s == group


def test_a_body_that_functions_cannot_take() -> None:
    (rule,) = registry.scenario_rules(scenario_of(api={"response_kb": 2_000}))
    assert "at most 1,024 KB where compute is hybrid only" in rule.problem
    demand = demand_of_calls(10.0, response_bytes=2 * 1024 * 1024)
    broken = [limit for limit in hybrid_of(scenario_of(), demand).simulate(demand).limits if limit.broken]
    assert [(limit.constraint, limit.limit) for limit in broken] == [
        ("body between load balancer and function", 1.0)
    ]


def test_terraform_has_both_halves_and_the_weights() -> None:
    hybrid = hybrid_of(scenario_of(), waves())
    variables = {variable.name: variable for variable in hybrid.terraform()}
    assert list(variables) == ["autoscaling", "lambda", "target_group_weights"]
    values = {attribute.name: attribute.value for attribute in variables["target_group_weights"].attributes}
    assert values["steady_requests_per_minute"] == hybrid.steady_calls_per_minute
    assert values["name"] == WEIGHTS_NAME
    sizes = {attribute.name: attribute.value for attribute in variables["autoscaling"].attributes}
    assert sizes["min_size"] == sizes["desired_capacity"] == sizes["max_size"] == 2


def test_a_demand_of_the_scenario_itself() -> None:
    """The designs of a made scenario are those of its own demand, once each."""
    scenario = scenario_of(traffic={"monthly_visitors": {"europe": 3_000_000}})
    found = registry.HYBRID.designs(scenario, synthesise(scenario))
    assert len({design.label for design in found}) == len(found) > 1
