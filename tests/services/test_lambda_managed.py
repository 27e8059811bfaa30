from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from costmodel.capacity.instances import instance_type
from costmodel.errors import ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.services import lambda_managed
from costmodel.services.lambda_managed import ManagedFunctions
from costmodel.units import FOCUS_UNITS
from shops.calls import demand_of_calls, scenario_of_calls
from shops.database import quantities

ALLOWED = {"compute": ["lambda_managed"]}
API = {"cpu_ms_per_call": 20, "wait_ms_per_call": 45}


def functions(**parts: Any) -> ManagedFunctions:
    """Four m7g.large at most, each of 2 vCPUs as fast as `relative_vcpu_speed` says."""
    scenario = scenario_of_calls(**{"api": API, "rendering": {"jobs_per_1000_page_views": 0}, **parts})
    return ManagedFunctions(
        region_id=scenario.region,
        instance=instance_type("m7g.large"),
        target_ratio=0.5,
        max_instances=4,
        vcpu_quota=640,
        api=scenario.api,
        database=scenario.database,
    )


def test_a_steady_month_is_billed_by_instances_fee_and_requests() -> None:
    # 10 calls/s x 20 ms keep 0.2 m5 vCPUs busy: three instances stand all of November, 2 160 hours, with 15 % of
    # them as the fee; 25.92 M requests; nothing by the GB-second.
    design, demand = functions(), demand_of_calls(10)
    ran = design.simulate(demand)
    used = design.usage(demand, ran)
    assert [(u.meter.name, float(u.consumed_quantity)) for u in used] == [
        ("Managed instance hours", 2_160),
        ("Management fee", 324),
        ("Managed requests", 25_920_000),
    ]
    assert quantities(used).keys() == {"api BoxUsage:m7g.large", "api Request-ARM"}
    assert "15%" in used[1].formula
    assert ran.failed_requests.sum() == 0
    assert ran.latency.mean_ms > 45


def test_every_meter_has_a_price_in_its_unit() -> None:
    design, demand = functions(), demand_of_calls(10)
    book = PriceBook.shipped()
    for usage in design.usage(demand, design.simulate(demand)):
        assert FOCUS_UNITS[book.price(usage.meter.query).pricing_unit] == usage.meter.consumed_unit


def test_it_breaks_where_it_says() -> None:
    # Four instances of 2 vCPUs at the speed of the type, 20 ms of an m5 vCPU a call.
    design = functions()
    per_s = 8 * design.instance.relative_vcpu_speed / 0.020
    demand = demand_of_calls(2 * per_s)
    ran = design.simulate(demand)
    assert ran.saturation_requests_per_s == pytest.approx(per_s)
    assert ran.failed_requests[-1] == pytest.approx(ran.requests[-1] / 2)
    # The bill counts what was answered.
    requests = float(design.usage(demand, ran)[2].consumed_quantity)
    assert requests == pytest.approx((ran.requests - ran.failed_requests).sum(), abs=1)


def test_slots_bind_when_calls_only_wait() -> None:
    # Python takes 16 calls a vCPU: 4 x 32 slots; a call of 10 s waiting holds one for 10.0043 s or more.
    api = API | {
        "wait_ms_per_call": 10_000,
        "cpu_ms_per_call": 1,
        "lambda_runtime": "python3.13",
        "timeout_s": 30,
    }
    design = functions(api=api, objectives={"api_p95_ms": 20_000, "api_p99_ms": 20_000})
    assert design.simulate(demand_of_calls(1)).saturation_requests_per_s == pytest.approx(
        128 / design.duration_s
    )


def test_designs_are_the_families_lambda_takes() -> None:
    families = {"instance_families": ["m7g", "c7i", "t4g"]}
    scenario = scenario_of_calls(constraints=ALLOWED | families)
    found = lambda_managed.designs(scenario, demand_of_calls(10))
    assert [(d.instance.name, d.target_ratio) for d in found] == [
        ("m7g.large", 0.5),
        ("m7g.large", 0.7),
        ("c7i.large", 0.5),
        ("c7i.large", 0.7),
    ]
    assert lambda_managed.designs(scenario_of_calls(), demand_of_calls(10)) == ()


def test_impossible_functions() -> None:
    with pytest.raises(ValueError, match="CPU credits"):
        replace(functions(), instance=instance_type("t4g.large"))
    with pytest.raises(ValueError, match="managed instances run"):
        functions(api=API | {"lambda_runtime": "go"})
    go = scenario_of_calls(constraints=ALLOWED, api={"lambda_runtime": "go"})
    with pytest.raises(ScenarioError, match=r"when constraints\.compute allows lambda_managed"):
        lambda_managed.designs(go, demand_of_calls(10))


def test_functions_alone_need_an_application_load_balancer() -> None:
    document = {
        "name": "shop",
        "region": "eu-west-1",
        "start": "2026-11",
        "traffic": {"monthly_visitors": {"europe": 1000}},
        "constraints": {"compute": ["lambda", "lambda_managed"], "load_balancer": ["nlb"]},
    }
    with pytest.raises(ScenarioError, match="must include alb"):
        validate(document, "shop")
