"""Slow start by hand, quantiles of a mixture by sampling."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.capacity.first_view import Way, first_view_latency, median, quantile_ms, slow_start_ms
from costmodel.capacity.result import NO_LATENCY


def test_slow_start_by_hand() -> None:
    # 8 Mb/s are 1 000 bytes a ms, 50 000 in a round trip of 50 ms. Windows of 14 600 and 29 200 bytes
    # leave the line idle for 50 - 14.6 = 35.4 and 50 - 29.2 = 20.8 ms; the third, 58 400, fills it.
    assert slow_start_ms(1_000_000, 1_000.0, 50.0) == pytest.approx(56.2)
    # 30 000 bytes are out with the second window: one wait.
    assert slow_start_ms(30_000, 1_000.0, 50.0) == pytest.approx(35.4)
    # Ten segments, or a line so slow that they fill it: none.
    assert slow_start_ms(14_600, 1_000.0, 50.0) == 0.0
    assert slow_start_ms(1_000_000, 250.0, 50.0) == 0.0


@given(st.floats(0, 1e9), st.floats(1e-3, 1e6), st.floats(0, 2_000))
def test_slow_start_costs_at_most_a_round_trip_per_doubling(
    file_bytes: float, bytes_per_ms: float, rtt_ms: float
) -> None:
    waited_ms = slow_start_ms(file_bytes, bytes_per_ms, rtt_ms)
    doublings = max(0.0, math.log2(max(1.0, bytes_per_ms * rtt_ms / 14_600)))
    assert 0.0 <= waited_ms <= (math.ceil(doublings) + 1) * rtt_ms
    assert waited_ms <= slow_start_ms(file_bytes * 2, bytes_per_ms, rtt_ms)


def test_the_median_of_a_lognormal_quantity() -> None:
    # Mean 1, log standard deviation 1: e^-0.5.
    assert median(1.0, 1.0) == pytest.approx(0.606531, abs=1e-6)


def test_all_views_together_are_weighted_by_views() -> None:
    at_once = {
        "europe": (3.0, (Way(1.0, 100.0, 0.0, 1.0),)),
        "japan": (1.0, (Way(1.0, 500.0, 0.0, 1.0),)),
    }
    latency = first_view_latency(at_once)
    assert latency.mean_ms == pytest.approx(200.0)
    assert latency.p50_ms == pytest.approx(100.0, abs=0.02)
    assert latency.p95_ms == pytest.approx(500.0, abs=0.02)
    assert first_view_latency({"europe": (0.0, at_once["europe"][1])}) == NO_LATENCY


def test_no_arrivals_have_no_quantile() -> None:
    with pytest.raises(ZeroDivisionError):
        quantile_ms((Way(0.0, 1.0, 1.0, 1.0),), 0.5)


def test_quantile_agrees_with_sampling() -> None:
    ways = (Way(3.0, 100.0, 300.0, 1.2), Way(1.0, 900.0, 500.0, 1.2))
    generator = random.Random(7)
    samples = sorted(
        (100 + 300 * math.exp(generator.gauss(0, 1.2)))
        if generator.random() < 0.75
        else (900 + 500 * math.exp(generator.gauss(0, 1.2)))
        for _ in range(40_000)
    )
    for share in (0.5, 0.95):
        assert quantile_ms(ways, share) == pytest.approx(samples[int(share * len(samples))], rel=0.03)
