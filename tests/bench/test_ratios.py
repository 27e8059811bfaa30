"""The ratios of docs/performance.md. Nothing here passes or fails on time; results are compared, though."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import numpy_demand
from costmodel.capacity import fleet, provisioned
from costmodel.capacity.concurrency import run_concurrency
from costmodel.capacity.group import ScalingGroup
from costmodel.capacity.load_profile import LoadProfile
from costmodel.capacity.many import Designs, FunctionSize, Node, TableBounds, run_draws
from costmodel.capacity.overload import Patience
from costmodel.capacity.queueing import grouped_latency, response_latency
from costmodel.capacity.scaling import TargetTracking, policy_tables
from costmodel.capacity.screening import LANES, screen
from costmodel.demand import draw
from costmodel.demand.calendar import FloatArray
from costmodel.demand.noise import count_swinging, random_stream, swings

MONTH, YEAR = 44_640, 525_600
Work = Callable[[], object]
Record = Callable[..., None]


def shop_day(minutes: int) -> FloatArray:
    """Calls a minute over days and weeks, without noise."""
    minute = np.arange(minutes)
    week = np.where(minute // 1440 % 7 >= 5, 0.72, 1.0)
    return 3_000.0 * (1 + 0.55 * np.sin(2 * np.pi * minute / 1440)) * week


def drawn(seed: int, minutes: int) -> FloatArray:
    rates = shop_day(minutes)[None]
    return count_swinging(rates, [random_stream(seed, "europe", "shoppers")], swings(seed, 0.10, 0.12))[0]


def group(cpu_s: float = 120.0, target: float = 0.5) -> ScalingGroup:
    return ScalingGroup(cpu_s, (TargetTracking("cpu", target),), 2, 60, 2, 6, Patience(10.0))


CATALOGUE = [
    group(cpu_s, target) for cpu_s in np.linspace(60, 240, 16).tolist() for target in (0.4, 0.5, 0.6, 0.7)
]


def run_kernel(work: FloatArray, one: ScalingGroup, *, skips: bool, plain: bool = False) -> FloatArray:
    """`run_fleet` without its checks, with or without skipping, compiled or not."""
    policies, steps = policy_tables(one.policies)
    out = np.zeros((8, work.size))
    size = fleet._start_size(one, float(work[0]), float(work[0]))
    kernel = fleet._minutes if plain else fleet._compiled
    kernel(
        work,
        work,
        fleet.plan(one, size, skips=skips),
        policies,
        steps,
        fleet._events(one, ()),
        fleet._pools(one),
        out,
    )
    return out


def seconds(*works: Work, clock: Callable[[], float] = time.thread_time, rounds: int = 7) -> list[float]:
    """Median time of each, taken in turns."""
    taken: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    for _ in range(rounds):
        for place, work in enumerate(works):
            start = clock()
            work()
            taken[place].append(clock() - start)
    return [median(times) for times in taken]


def once_s(work: Work) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def done(benchmark: BenchmarkFixture, work: Work) -> None:
    benchmark.pedantic(work, rounds=1)


def test_exact_fleet(benchmark: BenchmarkFixture, ratio: Record) -> None:
    work, one = drawn(1, MONTH) * 0.3, group()

    def compiled() -> FloatArray:
        return run_kernel(work, one, skips=False)

    def plain() -> FloatArray:
        return run_kernel(work, one, skips=False, plain=True)

    assert np.array_equal(compiled(), plain())
    (fast,) = seconds(compiled)
    slow = median(once_s(plain) for _ in range(3))
    ratio(
        "exact fleet kernel / its plain Python twin",
        slow / fast,
        25,
        "one core, bit-equal, every minute stepped",
    )
    done(benchmark, compiled)


def test_screening_lanes(benchmark: BenchmarkFixture, ratio: Record) -> None:
    """Goal of performance.md: 250 times plain Python on one core, 450 on two."""
    work, short = drawn(1, YEAR // 4) * 0.3, drawn(1, 10_000) * 0.3
    groups = [*CATALOGUE, *CATALOGUE][: 2 * LANES]

    def lanes() -> object:
        return screen(work, groups)

    def both() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: screen(work, groups), range(2)))

    (fast,) = seconds(lanes, rounds=5)
    (wall,) = seconds(both, rounds=5, clock=time.perf_counter)
    plain = [once_s(partial(run_kernel, short, one, skips=False, plain=True)) for one in groups[:3]]
    per_minute = median(plain) / short.size
    ratio(
        f"screening, {len(groups)} fleets / plain Python",
        per_minute * work.size * len(groups) / fast,
        250,
        "one core, single precision; instance-minutes within 5e-3",
    )
    ratio(
        "screening on two threads / plain Python",
        per_minute * work.size * len(groups) * 2 / wall,
        450,
        "wall-clock against one core's plain Python",
    )
    done(benchmark, lanes)


def test_stored_traces(benchmark: BenchmarkFixture, ratio: Record) -> None:
    minutes = YEAR // 4
    traces = np.stack([drawn(seed, minutes) * 0.3 for seed in range(LANES)], axis=1).astype(np.float32)
    groups = [group()] * LANES

    def lanes() -> object:
        return screen(traces, groups)

    simulated, summed = seconds(lanes, lambda: traces.sum(axis=0), rounds=5)
    ratio(
        f"simulate {LANES} stored traces / NumPy's sum of the same array",
        simulated / summed,
        4,
        "one core, single precision",
        at_most=True,
    )
    done(benchmark, lanes)


def test_event_skipping(benchmark: BenchmarkFixture, ratio: Record) -> None:
    work, groups = drawn(1, YEAR // 4) * 0.3, CATALOGUE[::2]

    def skipping() -> object:
        return [run_kernel(work, one, skips=True) for one in groups]

    def stepping() -> object:
        return [run_kernel(work, one, skips=False) for one in groups]

    for one in groups[:8]:
        assert np.array_equal(run_kernel(work, one, skips=True), run_kernel(work, one, skips=False))
    fast, slow = seconds(skipping, stepping)
    ratio(
        "exact fleet with skipping / stepping",
        slow / fast,
        1.8,
        f"{len(groups)} fleets over a quarter of a year, same bytes",
    )
    done(benchmark, skipping)


def test_stateless_forms(benchmark: BenchmarkFixture, ratio: Record) -> None:
    calls = drawn(1, YEAR)
    profile = LoadProfile.of(calls)
    limit = np.full(calls.size, 12.0)

    def by_profile() -> float:
        return profile.throttled_requests(0.2, 12.0)

    def by_minute() -> float:
        return float(run_concurrency(calls, 0.2, limit).throttled_requests.sum())

    error = abs(by_profile() / by_minute() - 1)
    fast, slow = seconds(by_profile, by_minute, rounds=5)
    ratio(
        "Lambda throttles by load profile / minute loop",
        slow / fast,
        300,
        f"1,024 bins, error {error:.1g}; the profile is built once a trace",
    )
    busy = calls / 60 * 0.02

    def grouped() -> float:
        requests = profile.bin_minutes * profile.bin_per_s
        return grouped_latency(requests, 4.0, profile.bin_per_s * 0.02, 20.0).p95_ms

    def each() -> float:
        return response_latency(calls, np.full(calls.size, 4.0), busy, 20.0).p95_ms

    error = abs(grouped() / each() - 1)
    fast, slow = seconds(grouped, each, rounds=5)
    ratio(
        "database latency by histogram / grouping every minute",
        slow / fast,
        20,
        f"1,024 bins, p95 error {error:.1g}; the minutes are grouped too, so less is to be gained",
    )
    done(benchmark, by_profile)


@pytest.mark.parametrize("geographies", [1, 2, 8])
def test_demand_draw(benchmark: BenchmarkFixture, ratio: Record, geographies: int) -> None:
    """Whole months one after the other into the same memory, as a search over draws reads them."""
    rates = np.stack([shop_day(MONTH)] * geographies)
    streams = np.stack([random_stream(1, str(row), "shoppers") for row in range(geographies)])
    parts, out = swings(1, 0.10, 0.12), np.empty_like(rates)
    generator = np.random.default_rng(1)

    def ours() -> None:
        for _ in range(10):
            draw.draw(rates, streams, *parts, out)

    def coupled() -> None:
        factor = numpy_demand.swing(MONTH, parts, generator)
        for row in range(geographies):
            out[row] = numpy_demand.count(rates[row] * factor, generator)

    def library() -> None:
        out[:] = generator.poisson(rates * numpy_demand.swing(MONTH, parts, generator))

    fast, slow, sampler = seconds(ours, coupled, library)
    words = f"{geographies} {'geography' if geographies == 1 else 'geographies'}"
    ratio(
        f"demand draw, {words} / the same draw in NumPy",
        slow / (fast / 10),
        50,
        f"one core; {sampler / (fast / 10):.0f} x NumPy's own Poisson sampler, under which counts may fall as rates rise",
    )
    done(benchmark, ours)


@pytest.mark.parametrize("skips", [False, True])
def test_two_threads(benchmark: BenchmarkFixture, ratio: Record, skips: bool) -> None:
    work = drawn(1, MONTH) * 0.3

    def run(one: ScalingGroup) -> FloatArray:
        return run_kernel(work, one, skips=skips)

    def on(threads: int) -> list[FloatArray]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(run, CATALOGUE))

    alone, together = seconds(lambda: on(1), lambda: on(2), clock=time.perf_counter, rounds=9)
    assert all(np.array_equal(one, other) for one, other in zip(on(1), on(2), strict=True))
    how = "skipping" if skips else "stepping"
    ratio(f"two threads / one, exact fleet {how}", alone / together, 1.8, "wall-clock, same bytes")
    done(benchmark, lambda: on(2))


def test_dynamodb_provisioned(benchmark: BenchmarkFixture, ratio: Record) -> None:
    needed = drawn(1, MONTH) * 4.0
    units, least, most = np.ones(1), np.array([10.0]), np.array([4_000.0])

    def compiled() -> object:
        return provisioned._follow_target(needed, units, 0.7, least, most)

    def plain() -> object:
        return provisioned._follow_target_python(needed, units, 0.7, least, most)

    for one, other in zip(compiled(), plain(), strict=True):
        assert np.array_equal(one, other)
    (fast,) = seconds(compiled)
    slow = median(once_s(plain) for _ in range(3))
    ratio("DynamoDB provisioned kernel / its plain Python twin", slow / fast, 100, "one core, bit-equal")
    done(benchmark, compiled)


@pytest.mark.parametrize(
    ("minutes", "fleets", "draws", "words"),
    [(YEAR, 64, 100, "a year"), (MONTH, 164, 1_000, "a month")],
    ids=["year", "month"],
)
def test_many_designs_and_draws(
    benchmark: BenchmarkFixture, ratio: Record, minutes: int, fleets: int, draws: int, words: str
) -> None:
    """Fleets, 16 functions, 4 tables and 16 database nodes; each figure is checked in test_many."""
    rates = np.stack([shop_day(minutes), 0.6 * shop_day(minutes)])
    places = ("europe", "united_states")
    designs = Designs(
        fleets=[
            group(cpu_s, target)
            for cpu_s in np.linspace(60, 240, fleets // 4).tolist()
            for target in (0.4, 0.5, 0.6, 0.7)
        ],
        cpu_s_per_call=0.3,
        functions=[FunctionSize(duration_s, 1_000) for duration_s in np.linspace(0.05, 0.4, 16).tolist()],
        tables=[TableBounds(units, target, 5, 40_000) for units in (1, 4) for target in (0.6, 0.7)],
        nodes=[Node(vcpus, busy / 1000) for vcpus in (4, 8, 16, 32) for busy in (5, 8, 10, 12)],
    )

    def one(number: int) -> FloatArray:
        streams = [random_stream(number, place, "shoppers") for place in places]
        return count_swinging(rates, streams, swings(number, 0.10, 0.12)).sum(axis=0)

    def many() -> object:
        return run_draws(one, draws, designs)

    run_draws(one, 1, designs)
    processor, wall = time.process_time(), time.perf_counter()
    done(benchmark, many)
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    ratio(
        f"{words} of minutes, {fleets + 36} designs, {draws:,} draws",
        wall,
        10,
        f"wall-clock, two threads; {processor:.1f} s of processor time, {processor / 2:.1f} s on two free cores",
        at_most=True,
        unit="s",
    )
