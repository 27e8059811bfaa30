"""First views against views drawn one by one, each sent round trip by round trip at its own speed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from costmodel.capacity.caching import CacheLayers
from costmodel.capacity.edges import SPEED_SIGMA, VIEWERS
from costmodel.capacity.first_view import arrivals, quantile_ms

LAYERS = CacheLayers(edge_miss_ratio=0.5, regional_miss_ratio=0.2, origin_miss_ratio=0.2)
VIEWS = 40_000


def sent_in_round_trips(file_bytes: float, bytes_per_ms: float, rtt_ms: float) -> float:
    """Time from the first byte to the last: a window starts a round trip after the one before, or when
    the line is free of it."""
    now_ms, window = 0.0, 14_600.0
    while file_bytes > window:
        now_ms += max(rtt_ms, window / bytes_per_ms)
        file_bytes -= window
        window *= 2
    return now_ms + file_bytes / bytes_per_ms


def drawn_ms(geography: str, rtt_ms: float, bucket_ms: float, mean_bytes: float) -> np.ndarray:
    """Views of one geography: where the model waits, whether a connection is open, its size and the speed."""
    generator = np.random.default_rng(20261127)
    sizes = mean_bytes * np.exp(generator.normal(-(1.23**2) / 2, 1.23, VIEWS))
    mean_bytes_per_ms = VIEWERS[geography].mean_mbps * 125.0
    speeds = mean_bytes_per_ms * np.exp(generator.normal(-(SPEED_SIGMA**2) / 2, SPEED_SIGMA, VIEWS))
    waits = generator.choice([0.0, 40.0, 40.0 + bucket_ms], VIEWS, p=[0.5, 0.3, 0.2])
    opening = generator.choice([0.0, 2 * rtt_ms], VIEWS, p=[0.9, 0.1])
    sending = [sent_in_round_trips(size, speed, rtt_ms) for size, speed in zip(sizes, speeds, strict=True)]
    return waits + opening + rtt_ms + np.array(sending)


def test_first_views_by_geography(model_row: Callable[..., None]) -> None:
    """Formula: slow start at the median size and speed, then sizes and speeds as one lognormal."""
    worst = 0.0
    for geography, edge, rtt_ms, bucket_ms in [
        ("europe", "europe", 25.0, 30.0 + 150.0),
        ("india", "india", 50.0, 180.0 + 150.0),
        ("australia", "asia_pacific", 35.0 + 95.0, 180.0 + 150.0),
        ("asia_pacific", "united_states", 45.0 + 180.0, 180.0 + 150.0),
    ]:
        for mean_bytes in (0.45 * 2**20, 6.6 * 2**20):
            ways = arrivals(
                geography, edge, "eu-west-1", LAYERS, bucket_ratio=1.0, file_bytes=mean_bytes, size_sigma=1.23
            )
            drawn = drawn_ms(geography, rtt_ms, bucket_ms, mean_bytes)
            for share in (0.5, 0.95):
                simulated = float(np.quantile(drawn, share))
                error = abs(quantile_ms(ways, share) / simulated - 1.0)
                worst = max(worst, error)
                assert error <= 0.07, (geography, mean_bytes, share)
    model_row(
        "CloudFront and S3",
        "First view of a 3D model by geography",
        rule="cache mix + round trips + slow start at the median + size over speed, both lognormal",
        source="RFC 5681 (2009-09), RFC 6928 (2013-04), RFC 8446 (2018-08); speeds: Akamai (2017-05)",
        oracle="40 000 views drawn one by one and sent window by window, 4 geographies, 2 sizes, p50 and p95",
        tolerance="7 %",
        observed_error=worst,
    )
