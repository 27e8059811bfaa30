"""Numbers at the very ends of what the reference says a scenario takes: every design answers, none breaks down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from costmodel.decision.pricer import platform_usages
from costmodel.demand.synthesise import synthesise
from costmodel.errors import ScenarioError
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services._base import Footprint
from costmodel.services.registry import TIER_SERVICES

Path = tuple[str, ...]
SCHEMA = Scenario.model_json_schema()


def part(entry: dict[str, Any]) -> dict[str, Any]:
    """What an entry of the schema says, or the first that it says of several: a number, and not its range."""
    while "$ref" in entry or "anyOf" in entry:
        entry = entry["anyOf"][0] if "anyOf" in entry else SCHEMA["$defs"][entry["$ref"].rpartition("/")[2]]
    return entry


def ends(group: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, tuple[float, float]]]:
    """Every number in a group of keys, with the least and the most it may be."""
    for name, entry in group["properties"].items():
        found = part(entry)
        if "properties" in found:
            yield from ends(found, (*path, name))
        elif "minimum" in found:
            yield (*path, name), (found["minimum"], found["maximum"])


ENDS = {path: bounds for path, bounds in ends(SCHEMA) if path != ("months",)}
JOBS = ("rendering", "jobs_per_1000_page_views")
EXTREMES = st.dictionaries(st.sampled_from(sorted(ENDS)), st.sampled_from([0, 1]), min_size=2, max_size=12)


def extreme(visitors: float, places: dict[Path, int]) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "name": "extreme",
        "region": "eu-central-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"europe": visitors}},
        "constraints": {"instance_families": ["c7g", "t4g"], "load_balancer": ["alb", "nlb"], "spot": True},
    }
    for path, place in places.items():
        *groups, last = path
        group = tree
        for name in groups:
            group = group.setdefault(name, {})
        group[last] = ENDS[path][place]
    return tree


def test_the_ends_are_those_of_the_reference() -> None:
    assert len(ENDS) > 80
    assert ENDS["rendering", "cpu_s_per_job"] == (0.001, 86_400)


@example(5_000, {JOBS: 1, ("rendering", "cpu_s_per_job"): 1, ("rendering", "deadline_minutes"): 0}, 0)
@example(1e9, {JOBS: 1, ("traffic", "sessions_per_visitor"): 0, ("traffic", "page_views_per_session"): 1}, 0)
@settings(max_examples=20, deadline=None)
@given(st.sampled_from([1, 5_000, 1e7, 1e10]), EXTREMES, st.integers(0, 10_000))
def test_extremes_are_answered(visitors: float, places: dict[Path, int], pick: int) -> None:
    try:
        scenario = validate(extreme(visitors, places), "extreme")
    except ScenarioError:
        return
    demand = synthesise(scenario)
    total = Footprint.none(demand.days)
    for service in TIER_SERVICES:
        designs = service.designs(scenario, demand)
        for design in {
            kind.kind: kind for kind in (*designs, *designs[: pick % max(1, len(designs))])
        }.values():
            capacity = design.simulate(demand)
            assert all(usage.consumed_quantity.is_finite() for usage in design.usage(demand, capacity))
            assert all(limit.observed >= 0 for limit in capacity.limits)
            total = total + design.footprint(demand, capacity)
    assert all(usage.consumed_quantity.is_finite() for usage in platform_usages(scenario, demand, total))


@pytest.mark.parametrize("cpu_s_per_job", [43_200, 86_400])
def test_more_workers_than_any_account_runs_are_no_group(cpu_s_per_job: float) -> None:
    """Such jobs are late, or beyond the quota: what the search rejects."""
    tree = extreme(5_000, {JOBS: 1, ("rendering", "deadline_minutes"): 0})
    tree["rendering"]["cpu_s_per_job"] = cpu_s_per_job
    scenario = validate(tree, "extreme")
    demand = synthesise(scenario)
    (rendering,) = (service for service in TIER_SERVICES if service.code == "AWSQueueService")
    for design in rendering.designs(scenario, demand):
        assert any(limit.broken for limit in design.simulate(demand).limits), design.label
