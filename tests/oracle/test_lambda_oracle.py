"""Functions against an event-by-event simulation, closed forms and tables made by hand."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from costmodel.capacity.cold_starts import InitTime, billed_init_ms, billed_ms, cold_start_ratio
from costmodel.capacity.concurrency import busiest_moment, run_concurrency
from costmodel.capacity.provisioned_concurrency import ProvisionedScaling, follow_utilisation
from costmodel.capacity.queueing import erlang_b

PART = "Lambda"
GUIDE = "AWS Lambda Developer Guide"


@dataclass
class Function:
    """One function, one request at a time: provisioned first, then the most recently used environment.

    Of what is idle for longer than `idle_s` nothing is left. Without a free environment one is started,
    unless `limit` are busy or the slice of 10 s has no start left; then the request is refused.
    """

    idle_s: float = 360.0
    limit: float = math.inf
    provisioned: int = 0
    starts_per_slice: float = math.inf
    refused: int = 0
    cold: int = 0
    on_provisioned: int = 0
    busy_s: float = 0.0
    ready: int = field(init=False)
    idle_since: list[float] = field(default_factory=list)
    ends: list[tuple[float, bool]] = field(default_factory=list)
    slice: int = -1
    starts_left: float = 0.0

    def __post_init__(self) -> None:
        self.ready = self.provisioned

    def free_until(self, now_s: float) -> None:
        while self.ends and self.ends[0][0] <= now_s:
            end_s, was_provisioned = heapq.heappop(self.ends)
            if was_provisioned:
                self.ready += 1
            else:
                self.idle_since.append(end_s)

    def call(self, now_s: float, duration_s: float) -> None:
        self.free_until(now_s)
        if len(self.ends) >= self.limit:
            self.refused += 1
            return
        if self.ready:
            self.ready -= 1
            self.on_provisioned += 1
            heapq.heappush(self.ends, (now_s + duration_s, True))
        elif self.idle_since and now_s - self.idle_since[-1] <= self.idle_s:
            self.idle_since.pop()
            heapq.heappush(self.ends, (now_s + duration_s, False))
        elif self.may_start(now_s):
            self.idle_since.clear()
            self.cold += 1
            heapq.heappush(self.ends, (now_s + duration_s, False))
        else:
            self.refused += 1
            return
        self.busy_s += duration_s

    def may_start(self, now_s: float) -> bool:
        if now_s // 10 != self.slice:
            self.slice, self.starts_left = int(now_s // 10), self.starts_per_slice
        self.starts_left -= 1
        return self.starts_left >= 0


def poisson(
    rate_per_s: float, duration_s: float, calls: int, generator: np.random.Generator
) -> Iterator[tuple[float, float]]:
    """Time and exponential duration of each call of steady traffic."""
    times_s = np.cumsum(generator.exponential(1.0 / rate_per_s, calls)).tolist()
    return zip(times_s, generator.exponential(duration_s, calls).tolist(), strict=True)


def poisson_minutes(
    calls_per_minute: np.ndarray, duration_s: float, generator: np.random.Generator
) -> Iterator[tuple[int, float, float]]:
    """Minute, time and exponential duration of each call of traffic that changes from minute to minute."""
    for minute, mean in enumerate(calls_per_minute.tolist()):
        count = int(generator.poisson(mean))
        times_s = np.sort(generator.uniform(60.0 * minute, 60.0 * minute + 60.0, count)).tolist()
        for now_s, lasting_s in zip(times_s, generator.exponential(duration_s, count).tolist(), strict=True):
            yield minute, now_s, lasting_s


def test_cold_starts_of_steady_traffic(model_row: Callable[..., None]) -> None:
    """Within 10 % and three standard errors up to one busy on average, within a quarter up to five."""
    generator = np.random.default_rng(20261101)
    worst = 0.0
    for rate_per_s, duration_s, idle_s, calls, tolerance in [
        (0.001, 0.2, 360.0, 20_000, 0.10),
        (0.003, 0.2, 360.0, 60_000, 0.10),
        (0.01, 0.2, 360.0, 200_000, 0.10),
        (0.1, 0.2, 360.0, 200_000, 0.10),
        (0.1, 2.0, 360.0, 200_000, 0.10),
        (1.0, 0.2, 360.0, 400_000, 0.10),
        (1.0, 1.0, 360.0, 400_000, 0.15),
        (5.0, 1.0, 300.0, 600_000, 0.25),
    ]:
        function = Function(idle_s)
        for now_s, lasting_s in poisson(rate_per_s, duration_s, calls, generator):
            function.call(now_s, lasting_s)
        formula = cold_start_ratio(rate_per_s, duration_s, idle_s=idle_s)
        error = abs(formula * calls - function.cold) / function.cold
        assert error <= tolerance + 3.0 / math.sqrt(function.cold), (rate_per_s, duration_s)
        worst = max(worst, error)
    model_row(
        PART,
        "Cold starts of steady traffic",
        rule="(1 / rate) x sum over k of nu_k exp(-tau nu_k / F_k), environments most recently used first",
        source="M/M/infinity occupancy; tau 360 s: Copik et al., SeBS (2021)",
        oracle="event simulation, 8 loads from 0.0002 to 5 busy, 20 000 to 600 000 calls",
        tolerance="10 % up to 1 busy, 25 % at 5, each plus 3 standard errors",
        observed_error=worst,
    )


def test_cold_starts_of_traffic_that_changes(model_row: Callable[..., None]) -> None:
    generator = np.random.default_rng(7)
    minute = np.arange(360)
    cases = {
        "step": np.where(minute < 60, 100.0, 800.0),
        "day": 60.0 * (20.0 + 15.0 * np.sin(minute / 360 * 2 * np.pi)),
        "spikes": 300.0 + 3_000.0 * (minute % 60 == 30),
        "ramp": 60.0 + 10.0 * minute,
    }
    worst = 0.0
    for name, duration_s, tolerance in [
        ("step", 1.0, 0.15),
        ("day", 0.3, 0.35),
        ("spikes", 0.5, 0.15),
        ("ramp", 1.0, 0.35),
    ]:
        calls = cases[name]
        counted = []
        for _ in range(4):
            function = Function(360.0)
            warm_until = 20
            for at, now_s, lasting_s in poisson_minutes(calls, duration_s, generator):
                if at == warm_until:
                    function.cold, warm_until = 0, -1
                function.call(now_s, lasting_s)
            counted.append(function.cold)
        found = run_concurrency(calls, duration_s, np.full(calls.size, 1e6)).cold_starts[20:].sum()
        error = abs(float(found) / float(np.mean(counted)) - 1.0)
        worst = max(worst, error)
        assert error <= tolerance, name
    model_row(
        PART,
        "Cold starts of traffic that changes",
        rule="what the busiest moment (a + 3 sqrt a) needs beyond the last 6 minutes, plus the steady share",
        source="see Cold starts of steady traffic; z = 3 is an engineering guess",
        oracle="event simulation of a step, a day, spikes and a ramp of 6 hours, 4 runs each",
        tolerance="15 % for step and spikes, 35 % for day and ramp",
        observed_error=worst,
    )


def test_throttles_at_the_concurrency_limit(model_row: Callable[..., None]) -> None:
    generator = np.random.default_rng(3)
    worst_formula = worst_events = 0.0
    for limit, erlangs in [(1, 0.5), (10, 8.0), (10, 14.0), (50, 50.0), (200, 210.0), (1_000, 1_010.0)]:
        requests = np.array([erlangs * 60.0])
        run = run_concurrency(requests, 1.0, np.array([float(limit)]))
        found = float(run.throttled_requests[0] / requests[0])
        exact = erlang_b(limit, erlangs)
        worst_formula = max(worst_formula, abs(found / exact - 1.0))
        function = Function(limit=limit)
        calls = 200_000
        for now_s, lasting_s in poisson(erlangs, 1.0, calls, generator):
            function.call(now_s, lasting_s)
        worst_events = max(worst_events, abs(found - function.refused / calls))
    assert worst_formula <= 1e-9
    assert worst_events <= 0.01
    model_row(
        PART,
        "Throttles at the concurrency limit",
        rule="Erlang B of the limit and the load, above the limit too",
        source=f"{GUIDE}, quotas (2023-10); Kleinrock (1975), M/G/c/c",
        oracle="the full recursion; event simulation of 200 000 calls at 6 limits from 1 to 1 000",
        tolerance="1e-9 of the recursion; 0.01 of all calls",
        observed_error=f"{worst_formula:.1e}; {worst_events:.4f}",
    )


def test_throttles_while_environments_are_added(model_row: Callable[..., None]) -> None:
    """3 500 busy from nothing: 1 000 more every 10 s, and no unused start is saved for later."""
    generator = np.random.default_rng(5)
    calls = np.array([0.0] * 7 + [3_500.0 * 60.0])
    function = Function(starts_per_slice=1_000)
    for _, now_s, lasting_s in poisson_minutes(calls, 1.0, generator):
        function.call(now_s, lasting_s)
    run = run_concurrency(calls, 1.0, np.full(calls.size, 1e6))
    error = abs(float(run.throttled_requests.sum()) / function.refused - 1.0)
    assert error <= 0.06
    model_row(
        PART,
        "Concurrency ramp",
        rule="1 000 environments, or 10 000 requests a second, every 10 s; integrated slice by slice",
        source=f"{GUIDE}, Lambda scaling behavior (2023-11)",
        oracle="event simulation with 1 000 starts a slice, 210 000 calls",
        tolerance="6 % of the throttled calls",
        observed_error=error,
    )


def test_request_rate_limit_is_ten_times_the_quota(model_row: Callable[..., None]) -> None:
    """Worked by hand: 25 000/s of 5 ms on a quota of 2 000 need 125 environments; 20 000/s may start."""
    run = run_concurrency(
        np.array([25_000 * 60.0]), 0.005, np.array([2_000.0]), requests_per_s_limit=10.0 * 2_000
    )
    error = abs(float(run.throttled_requests[0]) / (5_000 * 60.0) - 1.0)
    assert error <= 1e-12
    model_row(
        PART,
        "Request rate limit",
        rule="10 requests a second for each unit of the quota, or of the function's reservation",
        source=f"{GUIDE}, quotas (2023-10)",
        oracle="worked by hand",
        tolerance="1e-12",
        observed_error=error,
    )


def test_concurrency_is_rate_times_duration(model_row: Callable[..., None]) -> None:
    generator = np.random.default_rng(11)
    worst_mean = worst_peak = 0.0
    for rate_per_s, duration_s in [(2.0, 0.5), (50.0, 0.2), (20.0, 5.0)]:
        function = Function()
        minutes = 200
        peaks = np.zeros(minutes)
        for minute, now_s, lasting_s in poisson_minutes(
            np.full(minutes, 60.0 * rate_per_s), duration_s, generator
        ):
            function.call(now_s, lasting_s)
            peaks[minute] = max(peaks[minute], len(function.ends))
        erlangs = rate_per_s * duration_s
        worst_mean = max(worst_mean, abs(function.busy_s / (60.0 * minutes) / erlangs - 1.0))
        peak = float(busiest_moment(np.array([erlangs]))[0])
        worst_peak = max(worst_peak, abs(peak / float(peaks[1:].mean()) - 1.0))
    assert worst_mean <= 0.05
    assert worst_peak <= 0.25
    model_row(
        PART,
        "Concurrency",
        rule="mean busy = rate x duration; busiest moment of a minute a + 3 sqrt a",
        source=f"{GUIDE}, Lambda scaling behavior (2023-11); Little's law",
        oracle="event simulation of 200 minutes at 1, 10 and 100 busy",
        tolerance="5 % of the mean; 25 % of the busiest moment",
        observed_error=f"{worst_mean:.3f}; {worst_peak:.3f}",
    )


def test_spill_over_from_provisioned_to_on_demand(model_row: Callable[..., None]) -> None:
    generator = np.random.default_rng(13)
    worst_share = worst_cold = 0.0
    for rate_per_s, duration_s, provisioned, calls in [
        (1.0, 1.0, 2, 400_000),
        (5.0, 1.0, 5, 400_000),
        (20.0, 0.5, 8, 400_000),
        (20.0, 0.5, 16, 400_000),
        (0.1, 2.0, 1, 200_000),
    ]:
        function = Function(provisioned=provisioned)
        for now_s, lasting_s in poisson(rate_per_s, duration_s, calls, generator):
            function.call(now_s, lasting_s)
        run = run_concurrency(
            np.array([60.0 * rate_per_s]), duration_s, np.array([1e6]), provisioned=provisioned
        )
        share = float(run.provisioned_ratio[0])
        worst_share = max(worst_share, abs(share - function.on_provisioned / calls))
        formula = cold_start_ratio(rate_per_s, duration_s, provisioned=provisioned) * calls
        error = abs(formula / function.cold - 1.0)
        worst_cold = max(worst_cold, error)
    assert worst_share <= 0.01
    assert worst_cold <= 0.50
    model_row(
        PART,
        "Spill-over from provisioned concurrency",
        rule="Erlang B of the provisioned environments runs on demand, with Riordan's variance",
        source=f"{GUIDE}, configuring provisioned concurrency (2023-10); Wilkinson, BSTJ 35 (1956)",
        oracle="event simulation of 200 000 to 400 000 calls at 5 loads",
        tolerance="0.01 of all calls; 50 % of their cold starts, which are overstated",
        observed_error=f"{worst_share:.4f}; {worst_cold:.3f}",
    )


SATURATED = 1e5
"""So many calls that whatever is ready is busy."""
BY_HAND = [
    # load, ready, configured; target 0.7, low threshold 0.63, minimum 40, maximum 250
    *[(0.7e2, 100, 100)] * 3,  # settled: 70 / 0.7
    *[(SATURATED, 100, 100)] * 4,  # points of minutes 3, 4, 5 are all seen in minute 6
    *[(SATURATED, 100, 143)] * 2,  # 100 / 0.7 = 142.9, two minutes on their way
    (SATURATED, 143, 143),  # minute 9: its point is seen in minute 10
    (SATURATED, 143, 143),
    *[(SATURATED, 143, 205)] * 2,  # 143 / 0.7 = 204.3
    *[(SATURATED, 205, 205)] * 2,
    *[(SATURATED, 205, 250)] * 2,  # 205 / 0.7 = 292.9, but 250 is the most
    *[(SATURATED, 250, 250)] * 3,
    *[(140.0, 250, 250)] * 16,  # 0.56: points of minutes 20 to 34 are all seen in minute 35
    *[(140.0, 200, 200)] * 10,  # 140 / 0.7; 0.7 is no longer below 0.63
    *[(0.0, 200, 200)] * 30,  # nobody calls: no points, no alarm
    *[(20.0, 200, 200)] * 16,  # 0.1
    *[(20.0, 40, 40)] * 5,  # 28.6 would do, but 40 is the least
]


def test_provisioned_concurrency_follows_its_target(model_row: Callable[..., None]) -> None:
    load, ready, configured = (np.array(column, dtype=float) for column in zip(*BY_HAND, strict=True))
    run = follow_utilisation(load, ProvisionedScaling(40, 250, 0.7))
    wrong = int(np.sum((run.ready != ready) | (run.configured != configured)))
    np.testing.assert_array_equal(run.ready, ready)
    np.testing.assert_array_equal(run.configured, configured)
    model_row(
        PART,
        "Provisioned concurrency, target tracking",
        rule="3 of 3 points above the target add, 15 of 15 below 0.9 x target remove; ready after 2 minutes",
        source=f"{GUIDE}, provisioned concurrency (2023-10); console captures of alarms (2020 to 2026)",
        oracle=f"table of {len(BY_HAND)} minutes made by hand",
        tolerance="equal",
        observed_error=f"{wrong} minutes differ",
    )


def test_init_billing(model_row: Callable[..., None]) -> None:
    """REPORT lines as AWS wrote them: duration, start, billed duration, in ms."""
    worst = 0.0
    lines = [
        (1049.63, 1293.83, 2344),
        (1058.15, 1307.68, 2366),
        (31414.74, 548.72, 31964),
        (138999.20, 711.04, 139711),
        (76357.99, 640.46, 76999),
    ]
    for duration_ms, init_ms, billed in lines:
        start = InitTime(init_ms, init_ms * (1.0 + 1e-13))
        found = billed_ms(duration_ms, 1e-9) + billed_init_ms(duration_ms, 1e-9, start)
        worst = max(worst, abs(found - billed))
    assert worst <= 1e-6
    model_row(
        PART,
        "Billing of the INIT phase",
        rule="start + duration, rounded up once to a millisecond",
        source="AWS Compute Blog, INIT billing (2025-04); REPORT lines in public logs (2022-04 to 2026-05)",
        oracle=f"{len(lines)} REPORT lines",
        tolerance="1e-6 ms",
        observed_error=worst,
    )
