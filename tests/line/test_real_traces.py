"""Real traffic through the whole line: World Cup 1998 by the minute, and an AWS load balancer by five minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from costmodel.decision.run import Run
from costmodel.decision.simulate import simulate
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario

VISITORS = 4_000_000


def replay(file: Path, start: str, months: int, **parts: object) -> Scenario:
    return validate(
        {
            "name": file.stem,
            "region": "us-east-1",
            "start": start,
            "months": months,
            "traffic": {"monthly_visitors": {"united_states": VISITORS}, "trace": {"file": str(file)}},
        }
        | parts,
        file.stem,
    )


@pytest.fixture(scope="module")
def world_cup(traces: Path) -> tuple[Scenario, Run]:
    scenario = replay(
        traces / "worldcup98_1min.csv",
        "2026-05",
        2,
        # The day of the match brings many times the mean load: room to scale is part of the story.
        objectives={"error_ratio": 0.02},
        constraints={"compute": ["ec2"], "instance_families": ["c7g", "m7g"]},
    )
    return scenario, simulate(scenario, PriceBook.shipped())


def series(run: Run, role: str, name: str) -> np.ndarray:
    return np.array(next(design for design in run.designs if design.role == role).daily[name])


def test_the_world_cup_keeps_its_total_and_its_peak(world_cup: tuple[Scenario, Run]) -> None:
    scenario, run = world_cup
    demand = synthesise(scenario)
    expected = 2 * VISITORS * scenario.traffic.sessions_per_visitor * scenario.traffic.page_views_per_session
    assert sum(run.daily_load["page_views"]) == pytest.approx(expected, rel=0.02)
    peak_over_mean = demand.api_requests.max() / demand.api_requests.mean()
    assert 10 < peak_over_mean < 30  # 21.3 in the trace itself


def test_the_fleet_follows_the_world_cup(world_cup: tuple[Scenario, Run]) -> None:
    _, run = world_cup
    requests = series(run, "compute", "requests")
    servers = series(run, "compute", "servers_max")
    busiest, quietest = requests.argmax(), requests.argmin()
    assert servers[busiest] > servers[quietest]
    assert run.chosen.error_ratio <= 0.02


def test_busy_days_of_the_world_cup_cost_more(world_cup: tuple[Scenario, Run]) -> None:
    _, run = world_cup
    requests = series(run, "compute", "requests")
    cost = np.array(run.daily_cost_usd["Amazon Elastic Compute Cloud"])
    busy = requests > np.quantile(requests, 0.9)
    quiet = requests < np.quantile(requests, 0.5)
    assert cost[busy].mean() > cost[quiet].mean()


def test_a_load_balancer_trace_from_aws_holds_its_objectives(traces: Path) -> None:
    scenario = replay(traces / "aws_elb_requests_5min.csv", "2026-04", 1)
    run = simulate(scenario, PriceBook.shipped())
    expected = VISITORS * scenario.traffic.sessions_per_visitor * scenario.traffic.page_views_per_session
    assert sum(run.daily_load["page_views"]) == pytest.approx(expected, rel=0.02)
    assert run.chosen.error_ratio <= scenario.objectives.error_ratio
    assert run.chosen.api_p99_ms <= scenario.objectives.api_p99_ms
    assert len(run.alternatives) >= 5
