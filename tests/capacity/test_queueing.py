from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import queueing
from costmodel.capacity.result import NO_LATENCY, Latency

MMC = [  # servers, utilisation, Erlang C, mean wait, p50, p95, p99 of wait and service, service time 1
    (1, 0.7, 0.7000, 2.3333, 2.310, 9.986, 15.351),
    (2, 0.5, 0.3333, 0.3333, 0.974, 3.816, 5.666),
    (2, 0.8, 0.7111, 1.7778, 2.040, 7.911, 11.937),
    (4, 0.7, 0.4287, 0.3572, 1.029, 3.752, 5.493),
    (4, 0.9, 0.7878, 1.9694, 2.255, 8.166, 12.193),
    (8, 0.8, 0.4576, 0.2860, 0.986, 3.508, 5.152),
    (16, 0.9, 0.5913, 0.3696, 1.078, 3.624, 5.270),
    (64, 0.9, 0.3107, 0.0485, 0.748, 3.052, 4.661),
]


@pytest.mark.parametrize(("servers", "utilisation", "waiting", "wait", "p50", "p95", "p99"), MMC)
def test_mmc_table(
    servers: int, utilisation: float, waiting: float, wait: float, p50: float, p95: float, p99: float
) -> None:
    load = servers * utilisation
    assert queueing.erlang_c(servers, load) == pytest.approx(waiting, abs=6e-5)
    assert queueing.mean_wait(servers, load, 1.0) == pytest.approx(wait, abs=6e-5)
    for share, expected in ((0.50, p50), (0.95, p95), (0.99, p99)):
        assert queueing.sojourn_percentile(servers, load, 1.0, share) == pytest.approx(expected, abs=6e-4)


def exact_erlang_b(servers: int, load: Fraction) -> Fraction:
    terms = [load**busy / math.factorial(busy) for busy in range(servers + 1)]
    return terms[-1] / sum(terms)


@pytest.mark.parametrize("servers", [1, 2, 5, 17, 40])
@pytest.mark.parametrize("utilisation", [Fraction(1, 10), Fraction(1, 2), Fraction(9, 10), Fraction(99, 100)])
def test_erlang_formulas_agree_with_exact_fractions(
    servers: int, utilisation: Fraction, model_row: Callable[..., None]
) -> None:
    load = servers * utilisation
    blocked = exact_erlang_b(servers, load)
    assert queueing.erlang_b(servers, float(load)) == pytest.approx(float(blocked), rel=1e-12)
    waiting = blocked / (1 - utilisation * (1 - blocked))
    assert queueing.erlang_c(servers, float(load)) == pytest.approx(float(waiting), rel=1e-12)
    model_row(
        "Queueing",
        "Erlang B and C",
        rule="the stable recursion of Erlang B, and Erlang C from it",
        source="Kleinrock, Queueing Systems I (1975)",
        oracle="exact fractions, 1 to 40 servers, 10 to 99 % busy",
        tolerance="1e-12",
        observed_error=abs(queueing.erlang_b(servers, float(load)) / float(blocked) - 1),
    )


def test_erlang_b_under_overload() -> None:
    # One server, two erlangs: B = 2 / (1 + 2).
    assert queueing.erlang_b(1, 2.0) == pytest.approx(2 / 3, rel=1e-15)
    assert queueing.erlang_c(1, 2.0) == 1.0


@pytest.mark.parametrize(("servers", "load"), [(0, 1.0), (-1, 0.0), (2, -0.1)])
def test_erlang_refuses_nonsense(servers: int, load: float) -> None:
    with pytest.raises(ValueError, match="one server or more"):
        queueing.erlang_b(servers, load)


def test_one_server_is_exponential(model_row: Callable[..., None]) -> None:
    # M/M/1: the response is exponential with rate mu - lambda = (1 - 0.8) / 0.25 = 0.8.
    for time in (0.1, 1.0, 10.0, 900.0):
        assert queueing.sojourn_tail(1, 0.8, 0.25, time) == pytest.approx(math.exp(-0.8 * time), rel=1e-9)
    for share in (0.01, 0.5, 0.99, 0.9999):
        expected = -math.log(1 - share) / 0.8
        assert queueing.sojourn_percentile(1, 0.8, 0.25, share) == pytest.approx(expected, rel=1e-9)
    model_row(
        "Queueing",
        "Sojourn tail and percentiles",
        rule="P(T > t) of wait and service together, inverted",
        source="Kleinrock, Queueing Systems I (1975)",
        oracle="M/M/1: exponential with rate mu - lambda",
        tolerance="1e-9",
        observed_error=abs(queueing.sojourn_tail(1, 0.8, 0.25, 10.0) / math.exp(-8.0) - 1),
    )


def test_tail_where_the_general_formula_divides_by_zero() -> None:
    # Three servers, two erlangs: d = 0 and C = 4/9, so P(T > t) = exp(-t) (1 + C t).
    assert queueing.erlang_c(3, 2.0) == pytest.approx(4 / 9, rel=1e-12)
    assert queueing.sojourn_tail(3, 2.0, 1.0, 1.5) == pytest.approx(
        math.exp(-1.5) * (1 + 1.5 * 4 / 9), rel=1e-12
    )
    beside = queueing.sojourn_tail(3, 2.0 + 1e-7, 1.0, 1.5)
    assert beside == pytest.approx(queueing.sojourn_tail(3, 2.0, 1.0, 1.5), rel=1e-6)


def test_wait_percentile_is_the_inverse_of_its_tail() -> None:
    # Two servers at 0.8: C = 32/45, rate (2 - 1.6) / S.
    wait = queueing.wait_percentile(2, 1.6, 3.0, 0.95)
    assert 32 / 45 * math.exp(-0.4 * wait / 3.0) == pytest.approx(0.05, rel=1e-9)
    assert queueing.wait_percentile(2, 1.6, 3.0, 0.25) == 0.0


def test_overload_never_ends() -> None:
    assert queueing.mean_wait(2, 2.0, 1.0) == math.inf
    assert queueing.wait_percentile(2, 2.0, 1.0, 0.5) == math.inf
    assert queueing.sojourn_percentile(2, 2.5, 1.0, 0.5) == math.inf
    assert queueing.sojourn_tail(2, 2.0, 1.0, 1e9) == 1.0
    assert queueing.gg_c_wait(2, 2.0, 1.0, arrival_scv=1.0, service_scv=1.0) == math.inf
    assert queueing.shared_processor_mean(1.0, 1.0) == math.inf


@pytest.mark.parametrize(
    ("servers", "utilisation", "wait"), [(1, 0.7, 2.3333), (4, 0.8, 0.772), (8, 0.9, 0.888)]
)
def test_allen_cunneen_with_sakasegawa(servers: int, utilisation: float, wait: float) -> None:
    def found(arrival_scv: float, service_scv: float) -> float:
        return queueing.gg_c_wait(
            servers, servers * utilisation, 1.0, arrival_scv=arrival_scv, service_scv=service_scv
        )

    assert found(1.0, 1.0) == pytest.approx(wait, abs=6e-4)
    assert found(1.0, 0.0) == pytest.approx(found(1.0, 1.0) / 2)
    assert found(4.0, 2.0) == pytest.approx(found(1.0, 1.0) * 3)


@pytest.mark.parametrize(
    ("beta", "waiting"),
    [(0.5, 0.504), (1.0, 0.223), (1.16, 0.167), (1.5, 0.085), (1.76, 0.048), (2.375, 0.010)],
)
def test_square_root_staffing(beta: float, waiting: float) -> None:
    assert queueing.wait_probability(beta) == pytest.approx(waiting, abs=6e-4)
    servers = queueing.square_root_staffing(10_000.0, beta)
    assert servers == math.ceil(10_000 + 100 * beta)
    assert queueing.erlang_c(servers, 10_000.0) == pytest.approx(waiting, abs=0.004)


def test_shared_processor() -> None:
    assert queueing.shared_processor_mean(0.75, 10.0) == pytest.approx(40.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.floats(1e-6, 0.9999))
def test_fast_erlang_c_agrees_with_the_recursion(servers: int, utilisation: float) -> None:
    load = servers * utilisation
    expected = queueing.erlang_c(servers, load)
    fast = queueing._wait_probability_python(float(servers), load)
    assert fast == pytest.approx(expected, rel=1e-9, abs=1e-15)


@settings(max_examples=60, deadline=None)
@given(st.floats(1.0, 3000.0), st.floats(0.0, 0.9999), st.floats(0.0, 500.0))
def test_kernels_agree_with_their_twins(servers: float, utilisation: float, time: float) -> None:
    load = servers * utilisation
    waiting = queueing._wait_probability_python(servers, load)
    assert queueing._wait_probability(servers, load) == pytest.approx(waiting, rel=1e-12)
    tail = queueing._tail_python(time, servers - load, waiting)
    assert queueing._tail(time, servers - load, waiting) == pytest.approx(tail, rel=1e-12, abs=1e-300)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.floats(0.01, 0.99), st.floats(0.01, 0.98))
def test_servers_between_whole_numbers_lie_between_them(
    servers: int, part: float, utilisation: float
) -> None:
    load = servers * utilisation
    fewer, between, more = (
        queueing._wait_probability_python(count, load) for count in (servers, servers + part, servers + 1.0)
    )
    assert more <= between <= fewer


def exact_mixture(
    requests: np.ndarray, servers: np.ndarray, load: np.ndarray, delay: np.ndarray
) -> tuple[float, float, float, float]:
    """Mean, p50, p95, p99 minute by minute, with the textbook recursion and plain bisection."""
    weight = requests / requests.sum()
    utilisation = np.minimum(load / servers, queueing.MAXIMUM_UTILISATION)
    capped = utilisation * servers
    waiting = np.array([queueing.erlang_c(int(c), a) for c, a in zip(servers, capped, strict=True)])
    spare = servers - 1 - capped
    spare = np.where(np.abs(spare) < 1e-9, 1e-9, spare)

    def tail(time: float) -> float:
        left = np.maximum(time - delay, 0.0)
        queued = (np.exp(-left) - np.exp(-left * (servers - capped))) / spare
        return float(weight @ np.where(time > delay, np.exp(-left) + waiting * queued, 1.0))

    def percentile(share: float) -> float:
        low, high = 0.0, 1e6
        for _ in range(80):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if tail(middle) > 1 - share else (low, middle)
        return high

    mean = float(weight @ (1 + delay + waiting / (servers - capped)))
    return mean, percentile(0.5), percentile(0.95), percentile(0.99)


def as_tuple(latency: Latency) -> tuple[float, float, float, float]:
    return latency.mean_ms, latency.p50_ms, latency.p95_ms, latency.p99_ms


@st.composite
def runs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    minutes = draw(st.integers(1, 300))
    most = draw(st.sampled_from([1, 3, 16, 63, 70, 200, 900]))
    servers = generator.integers(1, most + 1, minutes).astype(float)
    centre = draw(st.floats(0.05, 1.05))
    utilisation = np.abs(generator.normal(centre, draw(st.sampled_from([0.001, 0.02, 0.3])), minutes))
    requests = generator.lognormal(3.0, draw(st.floats(0.0, 2.0)), minutes)
    return requests, servers, utilisation * servers


@settings(max_examples=60, deadline=None)
@given(runs())
def test_grouping_minutes_moves_no_percentile_by_half_a_percent(
    run: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    requests, servers, load = run
    found = as_tuple(queueing.response_latency(requests, servers, load, 1.0))
    assert found == pytest.approx(exact_mixture(requests, servers, load, np.zeros_like(load)), rel=5e-3)


@settings(max_examples=30, deadline=None)
@given(runs(), st.floats(0.01, 1e4))
def test_grouping_backlogs_moves_no_percentile_by_two_percent(
    run: tuple[np.ndarray, np.ndarray, np.ndarray], scale: float
) -> None:
    requests, servers, load = run
    delay = np.where(load > 0.9 * servers, scale * np.linspace(0.1, 1.0, load.size), 0.0)
    found = queueing.response_latency(requests, servers, load, 1.0, backlog_delay_ms=delay)
    assert as_tuple(found) == pytest.approx(exact_mixture(requests, servers, load, delay), rel=2e-2)


@settings(max_examples=30, deadline=None)
@given(runs(), st.floats(0.01, 1e4), st.sampled_from([0.50, 0.95, 0.99]))
def test_compiled_percentile_is_the_plain_search_bit_for_bit(
    run: tuple[np.ndarray, np.ndarray, np.ndarray], scale: float, share: float
) -> None:
    """The same search, and one that calls the compiled tail from outside."""
    requests, servers, load = run
    delay = np.where(load > 0.9 * servers, scale * np.linspace(0.1, 1.0, load.size), 0.0)
    mixture = queueing._mixture(requests, servers, load, delay, 1.0)
    groups = (mixture.share, mixture.rate, mixture.delay, mixture.waiting)
    found = mixture.percentile(share)
    assert found == queueing._mixture_time_python(1.0 - share, *groups)
    assert found == queueing._invert(mixture.tail, 1.0 - share, queueing._CLOSE)


def test_one_percentile_of_grouped_loads_is_that_of_their_latency() -> None:
    requests, load = np.array([0.0, 5.0, 2.0]), np.array([1.0, 1.5, 3.9])
    latency = queueing.grouped_latency(requests, 4.0, load, 20.0)
    for share, expected_ms in ((0.50, latency.p50_ms), (0.95, latency.p95_ms), (0.99, latency.p99_ms)):
        assert queueing.grouped_percentile_ms(requests, 4.0, load, 20.0, share) == expected_ms
    assert queueing.grouped_percentile_ms(0.0 * requests, 4.0, load, 20.0, 0.95) == NO_LATENCY.p95_ms


def test_one_kind_of_minute_is_plain_mmc() -> None:
    minutes = np.ones(1440)
    latency = queueing.response_latency(50 * minutes, 4 * minutes, 3.6 * minutes, 20.0, fixed_ms=5.0)
    # Table above: p50 2.255, p95 8.166, p99 12.193, mean 1 + 1.9694 service times.
    assert latency.mean_ms == pytest.approx(5 + 20 * 2.9694, abs=0.01)
    assert latency.p50_ms == pytest.approx(5 + 20 * 2.255, abs=0.02)
    assert latency.p95_ms == pytest.approx(5 + 20 * 8.166, abs=0.02)
    assert latency.p99_ms == pytest.approx(5 + 20 * 12.193, abs=0.02)


def test_busy_minutes_count_by_their_requests() -> None:
    # 99 % of requests see M/M/1 at 0.5 (rate 0.5), 1 % wait 1000 first: the p99 lies on the edge.
    requests = np.array([990.0, 10.0])
    one = np.ones(2)
    delay = np.array([0.0, 1000.0])
    latency = queueing.response_latency(requests, one, 0.5 * one, 1.0, backlog_delay_ms=delay)
    assert latency.mean_ms == pytest.approx(2 + 10, rel=1e-6)
    # 0.99 exp(-t / 2) + 0.01 = 0.05  ->  t = 2 ln(0.99 / 0.04)
    assert latency.p95_ms == pytest.approx(2 * math.log(0.99 / 0.04), rel=1e-5)


def test_overloaded_minutes_wait_behind_their_backlog() -> None:
    one = np.ones(10)
    latency = queueing.response_latency(one, 100 * one, 150 * one, 10.0, backlog_delay_ms=30_000 * one)
    assert latency.p50_ms > 30_000
    # At the cap 100 (1 - 0.999) = 0.1 erlang is spare: a mean wait of about 10 service times.
    assert latency.mean_ms == pytest.approx(30_000 + 10 * (1 + 10), abs=5)


def test_minutes_without_requests_do_not_count() -> None:
    requests = np.array([0.0, 10.0])
    servers = np.array([0.0, 1.0])
    load = np.array([0.0, 0.5])
    busy = queueing.response_latency(requests[1:], servers[1:], load[1:], 8.0)
    assert queueing.response_latency(requests, servers, load, 8.0) == busy
    assert busy.mean_ms == pytest.approx(16.0)
    assert queueing.response_latency(np.zeros(2), servers, load, 8.0, fixed_ms=9.0) == NO_LATENCY


def test_requests_without_a_server_are_refused() -> None:
    with pytest.raises(ValueError, match="less than one server"):
        queueing.response_latency(np.ones(2), np.array([1.0, 0.0]), np.zeros(2), 8.0)


def exponential(mean_ms: float) -> Latency:
    return Latency(mean_ms, mean_ms * math.log(2), mean_ms * math.log(20), mean_ms * math.log(100))


def test_sum_of_steps() -> None:
    step = exponential(10.0)
    fixed = Latency(3.0, 3.0, 3.0, 3.0)
    assert as_tuple(queueing.percentiles_of_sum([step])) == pytest.approx(as_tuple(step))
    shifted = queueing.percentiles_of_sum([step, fixed])
    assert as_tuple(shifted) == pytest.approx([value + 3.0 for value in as_tuple(step)])
    # Two equal exponentials are gamma(2): percentiles 1.678, 4.744, 6.638 means.
    both = queueing.percentiles_of_sum([step, step])
    assert both.mean_ms == pytest.approx(20.0)
    assert both.p50_ms == pytest.approx(16.78, rel=0.08)
    assert both.p95_ms == pytest.approx(47.44, rel=0.03)
    assert both.p99_ms == pytest.approx(66.38, rel=0.08)
    assert as_tuple(queueing.percentiles_of_sum([])) == (0.0, 0.0, 0.0, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.floats(0.05, 0.95), st.floats(1.01, 1.5))
def test_more_load_is_never_faster_and_more_servers_never_slower(
    servers: int, utilisation: float, factor: float
) -> None:
    one = np.ones(3)

    def latency(count: float, load: float) -> tuple[float, float, float, float]:
        return as_tuple(queueing.response_latency(one, count * one, load * one, 1.0))

    now = latency(servers, servers * utilisation)
    for slower, faster in (
        (latency(servers, servers * utilisation * factor), now),
        (now, latency(servers + 1, servers * utilisation)),
    ):
        assert all(a >= b * (1 - 1e-6) for a, b in zip(slower, faster, strict=True))


class TestQueueOrBacklog:
    """8 servers of 120 ms: a queue settles in 4 minutes up to (1 - sqrt(0.12 / (240 x 8)))^2 = 98.4 %."""

    settled = (1 - (0.12 / 1920) ** 0.5) ** 2

    def of(self, utilisation, backlog_delay_ms, servers=8.0, service_time_ms=120.0):
        load, delay_ms = queueing.queue_or_backlog(
            np.array([servers]), np.array([utilisation]), service_time_ms, np.array([backlog_delay_ms])
        )
        return float(load[0]), float(delay_ms[0])

    def test_a_queue_that_settles_is_left_as_it_is(self):
        assert self.of(0.7, 0.0) == (pytest.approx(5.6), 0.0)
        assert self.of(0.98, 0.0) == (pytest.approx(7.84), 0.0)

    def test_a_slower_one_is_taken_where_it_still_settles(self):
        assert self.of(1.0, 0.0) == (pytest.approx(8 * self.settled), 0.0)

    def test_the_longer_of_queue_and_backlog_counts(self):
        """At 98.4 % those who wait do so for 120 / (8 x 0.0158) = 952 ms."""
        assert self.of(1.0, 940.0) == (pytest.approx(8 * self.settled), 0.0)
        assert self.of(1.0, 960.0) == (0.0, 960.0)

    def test_one_slow_server_has_no_queue_of_its_own(self):
        """A service of 4 minutes: whatever waits, waits from minute to minute."""
        assert self.of(1.0, 0.0, servers=1.0, service_time_ms=240_000.0) == (0.0, 0.0)

    def test_without_servers_there_is_no_load(self):
        assert self.of(0.0, 0.0, servers=0.0) == (0.0, 0.0)
