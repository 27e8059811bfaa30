"""Slow start by hand, quantiles of a mixture by sampling."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.capacity.caching import CacheLayers
from costmodel.capacity.first_view import (
    Way,
    arrivals,
    first_view_latency,
    median,
    quantile_ms,
    slow_start_ms,
)
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


def test_where_a_model_waits_by_hand() -> None:
    # The chances of the places are the layers' own, each split into open and new connections.
    layers = CacheLayers(edge_miss_ratio=0.4, regional_miss_ratio=0.1, origin_miss_ratio=0.1)
    near = arrivals(
        "europe", "europe", "eu-west-1", layers, bucket_ratio=0.25, file_bytes=0.0, size_sigma=1.0
    )
    # No bytes: a request of 25 ms, 40 to the regional cache, 30 to the region, 150 for the bucket.
    expected = [
        *((0.54, 25.0), (0.06, 75.0)),
        *((0.27, 65.0), (0.03, 115.0)),
        *((0.0675, 95.0), (0.0075, 145.0)),
        *((0.0225, 245.0), (0.0025, 295.0)),
    ]
    assert [way.chance for way in near] == pytest.approx([chance for chance, _ in expected])
    assert [way.delay_ms for way in near] == pytest.approx([delay_ms for _, delay_ms in expected])
    # Australia served from Asia Pacific under price class 200: 35 + 95 ms there and 180 to Ireland.
    far = arrivals(
        "australia", "asia_pacific", "eu-west-1", layers, bucket_ratio=1.0, file_bytes=0.0, size_sigma=1.0
    )
    assert far[-1].delay_ms == pytest.approx(130.0 + 40.0 + 180.0 + 150.0 + 2 * 130.0)
