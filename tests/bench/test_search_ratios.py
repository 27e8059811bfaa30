"""The ratios of docs/performance.md about the search. Nothing here passes or fails on time; results are compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import accumulate

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from costmodel.decision import search as searching
from costmodel.decision.hunt import cheapest_first
from costmodel.decision.search import SearchResult, search
from costmodel.demand.calendar import FloatArray
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.services._base import Role

Record = Callable[..., None]
COMPUTE_SPACE = {
    "name": "a year of groups",
    "region": "us-east-1",
    "start": "2026-01",
    "months": 12,
    "traffic": {"monthly_visitors": {"united_states": 3_000_000}},
    "constraints": {
        "compute": ["ec2"],
        "database": ["dynamodb_on_demand"],
        "delivery": ["pay_as_you_go"],
        "rendering": ["lambda_workers"],
        "instance_families": ["c7g", "m7g", "c7i", "m7i", "c6g", "m6g", "t4g", "c6i", "m6i", "r7g"],
        "cpu_target_ratios": [0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        "commitments": ["on_demand", "reserved_1yr_no_upfront", "reserved_3yr_no_upfront"],
    },
}


def never(design: object) -> bool:
    """Stands in for the check whether a design bounds what it comes to."""
    return False


def test_compute_search(benchmark: BenchmarkFixture, ratio: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, book = validate(COMPUTE_SPACE, "bench"), PriceBook.shipped()
    demand = synthesise(scenario)
    designs = len(searching.list_designs(scenario, demand)[Role.COMPUTE])

    def run() -> tuple[SearchResult, float]:
        start = time.process_time()
        found = search(scenario, demand, book)
        return found, time.process_time() - start

    run()
    pruned, pruned_s = run()
    done(benchmark, run)
    monkeypatch.setattr(searching, "is_bounded", never)
    whole, whole_s = run()
    assert pruned.best.monthly_usd == whole.best.monthly_usd
    assert [member.point for member in pruned.front] == [member.point for member in whole.front]
    ratio(
        "compute search, every design simulated / pruned",
        whole_s / pruned_s,
        25,
        f"processor time of the whole search over a year: {designs:,} EC2 groups,"
        f" {designs - len(pruned.never_simulated):,} of them simulated; same optimum, same front",
    )


def test_joint_choice(benchmark: BenchmarkFixture, ratio: Record) -> None:
    """Five tiers of made-up costs and latencies, 54 million stacks, one latency budget."""
    draw = np.random.default_rng(1)
    tiers = [tier(draw, *of) for of in ((5_400, 3_500, 30), (40, 9_000, 20), (12, 1_500, 50), (7, 2_500, 8), (3, 4_000, 30))]  # fmt: skip
    most_ms = 120.0

    def by_bound() -> float:
        worth = [not_matched(choices) for choices in tiers]
        for places, usd in cheapest_first([choices[:, 0].tolist() for choices in worth]):
            if sum(choices[place, 1] for choices, place in zip(worth, places, strict=True)) <= most_ms:
                return usd
        raise AssertionError("nothing is fast enough")

    def by_product() -> float:
        rest = list(accumulate(tiers[1:], lambda left, right: (left[:, None] + right[None]).reshape(-1, 2)))[
            -1
        ]
        best = np.inf
        for usd, latency_ms in tiers[0]:
            fast = rest[rest[:, 1] + latency_ms <= most_ms, 0]
            best = min(best, usd + fast.min(initial=np.inf))
        return float(best)

    assert by_bound() == pytest.approx(by_product(), rel=1e-12)
    fast, slow = seconds(by_bound), seconds(by_product)
    stacks = int(np.prod([len(choices) for choices in tiers]))
    ratio(
        "joint choice by bounds / NumPy's whole product",
        slow / fast,
        50,
        f"{stacks / 1e6:.0f} million stacks of five tiers under a latency budget, same optimum",
    )
    done(benchmark, by_bound)


def tier(draw: np.random.Generator, designs: int, least_usd: float, latency_ms: float) -> FloatArray:
    """Costs and latencies, shape (designs, 2): what is dearer is faster, give or take."""
    dearer = np.exp(draw.uniform(0, 2.5, designs))
    return np.stack([least_usd * dearer, latency_ms * dearer**-0.8 * np.exp(draw.normal(0, 0.3, designs))], 1)


def not_matched(choices: FloatArray) -> FloatArray:
    """Those that no cheaper one matches in latency, cheapest first."""
    ordered = choices[np.lexsort((choices[:, 1], choices[:, 0]))]
    fastest = np.minimum.accumulate(ordered[:, 1])
    return ordered[np.concatenate([[True], ordered[1:, 1] < fastest[:-1]])]


def seconds(work: Callable[[], object]) -> float:
    """Best of five, of this thread's processor time."""
    taken = []
    for _ in range(5):
        start = time.thread_time()
        work()
        taken.append(time.thread_time() - start)
    return min(taken)


def done(benchmark: BenchmarkFixture, work: Callable[[], object]) -> None:
    benchmark.pedantic(work, rounds=1)
