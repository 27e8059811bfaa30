"""What is named as a way out is one: relaxed as it says, the search finds something, and with less it does not."""

from __future__ import annotations

import pickle
import re
from itertools import combinations

import pytest

from costmodel.decision.candidate import Candidate
from costmodel.decision.constraints import promise
from costmodel.decision.search import search, simulate_design
from costmodel.demand.synthesise import synthesise
from costmodel.errors import Infeasible, ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import changed, validate
from costmodel.scenario.model import Scenario
from costmodel.services._base import Strategy

BOOK = PriceBook.shipped()
SHOP = {
    "name": "a shop",
    "region": "eu-west-1",
    "start": "2026-02",
    "traffic": {"monthly_visitors": {"europe": 20_000}},
    "rendering": {"jobs_per_1000_page_views": 0},
    "constraints": {"instance_families": ["t4g"], "database_families": ["t4g"], "lambda_memory_mb": [1024]},
}
SLOW_JOBS = {"rendering": {"jobs_per_1000_page_views": 1, "cpu_s_per_job": 600, "deadline_minutes": 1}}
OUTAGE = {"kind": "regional_outage", "start": "2026-02-05T12:00:00Z", "hold_minutes": 240}


def shop(**parts: dict[str, object]) -> Scenario:
    return validate(SHOP | {key: SHOP.get(key, {}) | part for key, part in parts.items()}, "test")


def refusal(scenario: Scenario) -> str:
    with pytest.raises(Infeasible) as caught:
        search(scenario, synthesise(scenario), BOOK)
    return str(caught.value)


def relax_and_search(scenario: Scenario, values: dict[str, object]) -> None:
    relaxed = changed(scenario, values)
    search(relaxed, synthesise(relaxed), BOOK)


def ways_out(text: str) -> list[dict[str, object]]:
    """What a user reads and types."""
    _, _, listed = text.partition("\nRelax ")
    values = [re.findall(r"([a-z0-9_]+[.][a-z0-9_]+) to ([^ ,]+)", line) for line in listed.splitlines()[1:]]
    return [{key: value != "false" and float(value) for key, value in way} for way in values]


@pytest.mark.parametrize(
    ("parts", "keys"),
    [
        ({"constraints": {"monthly_budget_usd": 0.01}}, [{"constraints.monthly_budget_usd"}]),
        (
            {"objectives": {"api_p95_ms": 1, "api_p99_ms": 1}},
            [{"objectives.api_p95_ms", "objectives.api_p99_ms"}],
        ),
        ({"objectives": {"availability_ratio": 0.99999}}, [{"objectives.availability_ratio"}]),
        (
            {"objectives": {"rto_minutes": 0, "rpo_minutes": 0}, "constraints": {"database": ["rds"]}},
            [{"objectives.rto_minutes"}],
        ),
        (
            SLOW_JOBS
            | {"account": {"lambda_concurrency": 10, "ec2_vcpus": 1, "ec2_gpu_vcpus": 0}}
            | {"constraints": {"instance_families": ["t4g", "g4dn"]}},
            [{"rendering.deadline_minutes"}, {"account.ec2_gpu_vcpus"}],
        ),
        (
            {
                "objectives": {"region_rto_minutes": 0.1},
                "network": {"second_region": "eu-central-1"},
                "constraints": {"monthly_budget_usd": 60},
            },
            None,
        ),
        (
            {"traffic": {"events": [OUTAGE]}, "objectives": {"count_outages": True}},
            [{"objectives.count_outages"}, {"objectives.error_ratio"}],
        ),
    ],
    ids=["budget", "latency", "availability", "zone", "jobs", "region", "outage"],
)
def test_relaxed_as_it_says_something_is_found(
    parts: dict[str, dict[str, object]], keys: list[set[str]] | None
) -> None:
    scenario = shop(**parts)
    ways = ways_out(refusal(scenario))
    assert ways
    if keys is not None:
        assert [set(way) for way in ways] == keys
    for way in ways:
        relax_and_search(scenario, way)
        for fewer in combinations(way.items(), len(way) - 1):
            with pytest.raises((Infeasible, ScenarioError)):
                relax_and_search(scenario, dict(fewer))


FUNCTIONS = {"compute": ["lambda"], "lambda_memory_mb": [512], "database": ["dynamodb_on_demand"]}
SMALL_FLEET = {
    "compute": ["ec2"],
    "instance_families": ["m7g"],
    "cpu_target_ratios": [0.9],
    "max_instances": 2,
    "database": ["dynamodb_on_demand"],
}


def p99_ms_whole_and_half(scenario: Scenario) -> tuple[float, float]:
    """Of the recommendation with all of the traffic, and with the half of it that comes to either region."""
    demand = synthesise(scenario)
    best = search(scenario, demand, BOOK).best
    assert best.strategy is Strategy.ACTIVE_ACTIVE
    whole = Candidate(*(simulate_design(design, demand) for design in best.designs))
    return promise(whole).api_p99_ms, promise(best.candidate).api_p99_ms


@pytest.mark.parametrize(
    ("constraints", "visitors", "p99_ms", "half_is_slower"),
    [(FUNCTIONS, 60_000, 150, True), (SMALL_FLEET, 6_000_000, 60, False)],
    ids=["functions", "fleet"],
)
def test_where_two_regions_share_the_traffic_one_key_is_relaxed_just_enough(
    constraints: dict[str, object], visitors: int, p99_ms: float, half_is_slower: bool
) -> None:
    """Functions that half as many call are cold more often. Instances with half the CPU kept free queue less, but
    those of one region must do for all of the traffic, too. The loss of the region stays as short as it was.
    """
    key = "objectives.api_p99_ms"
    scenario = shop(
        traffic={"monthly_visitors": {"europe": visitors}},
        network={"second_region": "eu-central-1", "availability_zones": 2},
        account={"ec2_vcpus": 4},
        objectives={"region_rto_minutes": 2.5, "api_p95_ms": p99_ms, "api_p99_ms": p99_ms},
        constraints=constraints,
    )
    way = ways_out(refusal(scenario))[0]
    assert way.keys() == {key}
    whole_ms, half_ms = p99_ms_whole_and_half(changed(scenario, way))
    assert (half_ms > whole_ms) is half_is_slower
    less_ms = float(way[key]) * 0.999
    assert min(whole_ms, half_ms) < less_ms < max(whole_ms, half_ms)
    with pytest.raises(Infeasible):
        relax_and_search(scenario, {key: less_ms})


def test_keys_that_help_only_together_are_named_together() -> None:
    parts = {"api_p95_ms": 1, "api_p99_ms": 1}
    text = refusal(shop(objectives=parts))
    assert "Relax this in the scenario" in text
    assert text.endswith(", together")


def test_where_no_key_helps_none_is_named() -> None:
    scenario = shop(rendering={"jobs_per_1000_page_views": 1, "cpu_s_per_job": 86_400, "gpu_speedup": 0})
    text = refusal(changed(scenario, {"constraints.rendering": ["lambda_workers"]}))
    assert "time of a rendering job" in text or "late rendering jobs" in text
    assert text.endswith("No key helps; allow more under `constraints`.")


def test_what_to_relax_is_looked_for_once_and_goes_along_to_another_process() -> None:
    scenario = shop(constraints={"monthly_budget_usd": 0.01})
    with pytest.raises(Infeasible) as caught:
        search(scenario, synthesise(scenario), BOOK)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert str(caught.value) is str(caught.value)
