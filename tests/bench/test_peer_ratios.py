"""The ratios of docs/performance.md against another planner of capacity. Skipped where that is not installed.

The peer is service-capacity-modeling (Apache-2.0), called as its own documentation does. It plans a steady state, one
point a simulation; here every minute of a year stands for one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.test_ratios import CATALOGUE, YEAR, drawn
from costmodel.capacity.group import ScalingGroup
from costmodel.capacity.screening import LANES, Screened, screen

pytestmark = pytest.mark.filterwarnings("ignore:::service_capacity_modeling", "ignore::DeprecationWarning")
"""What the peer is warned of is not ours to mend."""

Record = Callable[..., None]
YEARS = 1_024
STORED_YEARS = 64
"""Years kept in memory; each is run through as often as it takes to make `YEARS`."""
FLEETS = 52


@pytest.fixture(scope="module")
def peer_s() -> float:
    """Wall-clock of the peer's plan for a stateless service, with as many simulations as years here."""
    interface = pytest.importorskip("service_capacity_modeling.interface", reason="the peer is not installed")
    from service_capacity_modeling.capacity_planner import planner

    def between(low: float, mid: float, high: float) -> object:
        return interface.Interval(low=low, mid=mid, high=high, confidence=0.9)

    desires = interface.CapacityDesires(
        service_tier=1,
        query_pattern=interface.QueryPattern(
            estimated_read_per_second=between(1_000, 2_000, 10_000),
            estimated_write_per_second=between(100, 500, 1_000),
        ),
        data_shape=interface.DataShape(estimated_state_size_gib=interface.certain_int(1)),
    )

    def plan(simulations: int) -> None:
        planner.plan(
            model_name="org.netflix.stateless-java",
            region="us-east-1",
            desires=desires,
            simulations=simulations,
        )

    plan(2)
    return wall_s(lambda: plan(YEARS))


@pytest.fixture(scope="module")
def years() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """CPU work of each minute, shape (minutes, years)."""
    traces = np.empty((YEAR, STORED_YEARS), dtype=np.float32)
    for number in range(STORED_YEARS):
        traces[:, number] = drawn(number, YEAR) * 0.3
    return traces


def wall_s(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_a_thousand_years_of_one_fleet(
    benchmark: BenchmarkFixture,
    ratio: Record,
    peer_s: float,
    years: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    lanes = np.ascontiguousarray(np.tile(years, LANES // STORED_YEARS))
    fleet: list[ScalingGroup] = CATALOGUE[:1] * LANES

    def ours() -> list[Screened]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda _: screen(lanes, fleet), range(YEARS // LANES)))

    screen(lanes[:10], fleet)
    taken_s = wall_s(ours)
    ratio(
        "1,024 simulated years of one fleet / the peer's plan with 1,024 simulations",
        peer_s / taken_s,
        40,
        f"wall-clock, two threads, {STORED_YEARS} stored years again and again; {taken_s:.2f} s against {peer_s:.1f} s",
    )
    benchmark.pedantic(ours, rounds=1)


def test_a_thousand_years_of_many_fleets(
    benchmark: BenchmarkFixture,
    ratio: Record,
    peer_s: float,
    years: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    traces = np.ascontiguousarray(years.T)
    fleets = CATALOGUE[:FLEETS]

    def ours() -> list[Screened]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda number: screen(traces[number % STORED_YEARS], fleets), range(YEARS)))

    screen(traces[0, :10], fleets)
    taken_s = wall_s(ours)
    ratio(
        f"1,024 years of {FLEETS} fleets / the same plan of the peer",
        peer_s / taken_s,
        1.5,
        f"wall-clock, two threads, stored years; {taken_s:.1f} s against {peer_s:.1f} s",
    )
    benchmark.pedantic(ours, rounds=1)
