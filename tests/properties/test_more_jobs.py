"""More jobs save a group of rendering workers no more than the wakes they spare; see `shops.savings`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings, target
from hypothesis import strategies as st

from costmodel.billing.tariff import Tariff
from costmodel.capacity.jobs import WorkerGroup, run_jobs
from costmodel.decision.search import simulate_design
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services import rendering
from costmodel.services.rendering import Ec2Workers
from shops.savings import most_fallen, most_saved_minutes, most_saved_usd

TARIFF = Tariff(PriceBook.shipped(), free_tier=False)
STEPS = (1.0, 1.001, 1.01, 1.05, 1.3)

SHOPS = st.fixed_dictionaries(
    {
        "visitors": st.floats(3, 7).map(lambda power: int(10**power)),
        "noise": st.sampled_from((0.0, 0.1, 0.3, 1.0, 2.0)),
        "bootstrap_s": st.sampled_from((0, 30, 90, 240, 600)),
        "jobs": st.floats(-1, 1.5).map(lambda power: 10**power),
        "cpu_s": st.floats(-1, 3.5).map(lambda power: 10**power),
        "memory_gb": st.sampled_from((0.5, 3.0, 6.0)),
        "deadline_minutes": st.sampled_from((15, 60, 600)),
        "reclaimed": st.sampled_from((0.05, 0.9)),
        "seed": st.integers(0, 2**31),
        "resampled": st.booleans(),
    }
)
"""Logarithms of visitors, jobs and job times, so that rare and frequent, short and long ones come alike."""


def scenario_of(found: dict[str, Any]) -> Scenario:
    return validate(
        {
            "name": "a shop that renders",
            "region": "ap-northeast-1",
            "start": "2026-02",
            "seed": found["seed"],
            "traffic": {
                "monthly_visitors": {"japan": found["visitors"]},
                "minute_noise_ratio": found["noise"],
            },
            "api": {"bootstrap_s": found["bootstrap_s"]},
            "rendering": {
                "jobs_per_1000_page_views": found["jobs"],
                "cpu_s_per_job": found["cpu_s"],
                "memory_gb_per_job": found["memory_gb"],
                "deadline_minutes": found["deadline_minutes"],
            },
            "account": {"spot_reclaimed_ratio": found["reclaimed"]},
            "constraints": {"rendering": ["ec2_workers", "spot_workers"]},
        },
        "test",
    )


def loads(scenario: Scenario, demand: Demand, *, resampled: bool) -> list[Demand]:
    """The demand at each of `STEPS`: as it was drawn and more, or drawn anew at a higher rate."""
    if resampled:
        return [synthesise(scenario, load_factor=step) for step in STEPS]
    return [demand.scaled(step) for step in STEPS]


def share_saved(design: Ec2Workers, less: Demand, more: Demand) -> float:
    """Worker minutes saved over what may be saved, which nothing exceeds."""
    fewer, later = design._run(less), design._run(more)
    most_minutes = most_saved_minutes(fewer, later)
    for worker_minutes, of_later in ((fewer.running, later.running), (fewer.serving, later.serving)):
        assert worker_minutes.sum() - of_later.sum() <= most_minutes, design.label
    before, after = (simulate_design(design, demand) for demand in (less, more))
    cost_usd, later_usd = (TARIFF.cost_usd([TARIFF.sketch(tier.usages)]) for tier in (before, after))
    assert cost_usd - later_usd <= most_saved_usd(design, less, more, cost_usd, TARIFF), design.label
    for field in ("monitored_instance_hours", "outside_gb"):
        total, of_more = (float(getattr(tier.footprint, field).sum()) for tier in (before, after))
        assert total - of_more <= most_fallen(design, field, less, more, total), f"{design.label}: {field}"
    return float(fewer.running.sum() - later.running.sum()) / most_minutes if most_minutes else 0.0


def worst_share(found: dict[str, Any]) -> float:
    scenario = scenario_of(found)
    demand = synthesise(scenario)
    steps = loads(scenario, demand, resampled=found["resampled"])
    return max(
        share_saved(design, less, more)
        for design in rendering.designs(scenario, demand)
        for less, more in pairwise(steps)
    )


@given(SHOPS)
@example(
    {
        "visitors": 4_795_399,
        "noise": 0.1,
        "bootstrap_s": 240,
        "jobs": 0.7772746348525115,
        "cpu_s": 2433.4414686045557,
        "memory_gb": 6.0,
        "deadline_minutes": 15,
        "reclaimed": 0.05,
        "seed": 216,
        "resampled": False,
    }
)
@settings(max_examples=8, deadline=None)
def test_made_up_shops(found) -> None:
    """The first one is the worst that was found by some hundreds of others: long jobs for many workers."""
    target(worst_share(found), label="share of what may be saved")


def test_one_job_spares_one_wake() -> None:
    """A job in minute 5 wakes the worker for 16 minutes, 9 to 24, and one in minute 25 wakes it for 16 more.

    With a job in minute 23 it is awake one minute longer, and there for the last one: 17 minutes.
    """
    group = WorkerGroup(
        slots=1, job_minutes=0.5, min_workers=0, max_workers=1, backlog_per_worker=20.0, boot_minutes=3
    )
    jobs = np.zeros((2, 60))
    jobs[:, [5, 25]] = 1.0
    jobs[1, 23] = 1.0
    fewer, more = (run_jobs(row, group) for row in jobs)
    assert (fewer.running.sum(), more.running.sum()) == (32, 17)
    assert most_saved_minutes(fewer, more) == pytest.approx(3 + 16)


def test_ordinary_shops_are_bounded_well_below_two_percent(shops) -> None:
    """Of their worker minutes, for 1 % more load; none of them saves anything."""
    for shop in shops:
        designs = rendering.designs(shop.scenario, shop.demand)
        for design in (design for design in designs if isinstance(design, Ec2Workers)):
            fewer, more = (design._run(demand) for demand in (shop.demand, shop.demand.scaled(1.01)))
            assert more.running.sum() >= fewer.running.sum()
            assert most_saved_minutes(fewer, more) <= 0.0125 * fewer.running.sum(), design.label
