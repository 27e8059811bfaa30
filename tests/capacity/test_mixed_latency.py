"""Percentiles of calls that take one of two ways, against calls drawn one by one and against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.capacity.cold_starts import InitTime, cold_start_latency
from costmodel.capacity.queueing import mixed_latency, response_latency, surely_below, unqueued_latency
from costmodel.capacity.result import NO_LATENCY, Latency

DRAWS = 400_000


def busy(load: float, service_ms: float = 40.0) -> Latency:
    return response_latency(np.array([1e6]), np.array([4.0]), np.array([load]), service_ms, fixed_ms=20.0)


def test_against_calls_drawn_one_by_one(model_row: Callable[..., None]) -> None:
    """A group of 4 vCPUs at 90 % takes 80 of 100 calls, a function with 5 % cold starts the rest."""
    random = np.random.default_rng(7)
    init = InitTime(800.0, 1_500.0)
    mixed = mixed_latency([(80.0, busy(3.6)), (20.0, cold_start_latency(20.0, 60.0, 0.05, init))])
    at_group = random.random(DRAWS) < 0.8
    waits = random.random(DRAWS) < 0.787752  # Erlang C of 4 servers and 3.6 erlangs
    group_ms = 20 + random.exponential(40, DRAWS) + waits * random.exponential(40 / (4 - 3.6), DRAWS)
    starts_ms = (random.random(DRAWS) < 0.05) * random.lognormal(math.log(800.0), init.sigma, DRAWS)
    drawn_ms = np.where(at_group, group_ms, 20 + random.exponential(60, DRAWS) + starts_ms)
    expected = [drawn_ms.mean(), *np.percentile(drawn_ms, [50, 95, 99])]
    found = [mixed.mean_ms, mixed.p50_ms, mixed.p95_ms, mixed.p99_ms]
    assert found == pytest.approx(expected, rel=0.01)
    model_row(
        "Hybrid of EC2 and Lambda",
        "response time over both halves",
        rule="percentiles of the mixture of both distributions, weighted by the calls that each half answers",
        source="total probability",
        oracle="400 000 calls drawn one by one: a group of 4 vCPUs at 90 %, a function with 5 % cold starts",
        tolerance="1 % of mean, p50, p95 and p99",
        observed_error=max(abs(ours / theirs - 1) for ours, theirs in zip(found, expected, strict=True)),
    )


@given(st.floats(0.01, 0.99), st.floats(1, 500), st.floats(1, 500), st.floats(0.05, 3.9))
def test_a_percentile_is_passed_by_the_share_it_says(share, fast_ms, slow_ms, load) -> None:
    ways = [(share, unqueued_latency(1.0, fast_ms)), (1 - share, busy(load, slow_ms))]
    mixed = mixed_latency(ways)
    for slower, time_ms in ((0.5, mixed.p50_ms), (0.05, mixed.p95_ms), (0.01, mixed.p99_ms)):
        passed = sum(weight * way.slower_ratio(time_ms) for weight, way in ways if way.slower_ratio)
        assert passed == pytest.approx(slower, rel=1e-4)
        assert mixed.slower_ratio is not None
        assert mixed.slower_ratio(time_ms) == pytest.approx(passed, rel=1e-12)
    assert mixed.mean_ms == pytest.approx(sum(weight * way.mean_ms for weight, way in ways))
    below = surely_below(mixed)
    assert below.p99_ms < mixed.p99_ms


def test_a_way_that_nobody_takes_changes_nothing() -> None:
    alone = busy(2.0)
    assert mixed_latency([(5.0, alone), (0.0, NO_LATENCY)]) is alone
    assert mixed_latency([(0.0, alone), (0.0, alone)]) == NO_LATENCY


def test_two_equal_ways_are_as_fast_as_either() -> None:
    mixed, alone = mixed_latency([(1.0, busy(2.0)), (3.0, busy(2.0))]), busy(2.0)
    for percentile in ("mean_ms", "p50_ms", "p95_ms", "p99_ms"):
        assert getattr(mixed, percentile) == pytest.approx(getattr(alone, percentile), rel=3e-6)


def test_percentiles_alone_cannot_be_mixed() -> None:
    with pytest.raises(ValueError, match="only the percentiles"):
        mixed_latency([(1.0, busy(1.0)), (1.0, Latency(1.0, 1.0, 1.0, 1.0))])
