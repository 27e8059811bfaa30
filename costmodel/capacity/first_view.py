"""How long a file takes to arrive: where it waits, how TCP opens its window, sizes and speeds that vary.

Source: RFC 6928 and RFC 5681 as named below; that sizes and speeds are lognormal is our assumption.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from costmodel.capacity.caching import CacheLayers
from costmodel.capacity.edges import (
    AWAY_RTT_MS,
    COLD_CONNECTION_RATIO,
    CONNECTION_ROUND_TRIPS,
    DETOUR_RTT_MS,
    HOME_RTT_MS,
    REGION_GEOGRAPHY,
    REGIONAL_FETCH_MS,
    SPEED_SIGMA,
    STORE_FIRST_BYTE_MS,
    VIEWERS,
)
from costmodel.capacity.result import NO_LATENCY, Latency
from costmodel.units import BITS_PER_BYTE

INITIAL_WINDOW_BYTES = 10 * 1_460
"""Sent before the first acknowledgement comes back; twice as much with every round trip after it.

Source: RFC 6928, initial window of 10 segments (2013-04); RFC 5681, slow start, also after idling (2009-09).
"""


class Way(NamedTuple):
    """One way a model arrives: its chance, a fixed delay, and a lognormal transfer time."""

    chance: float
    delay_ms: float
    median_ms: float
    sigma: float


def median(mean: float, sigma: float) -> float:
    """Median of a lognormal quantity."""
    return mean * math.exp(-(sigma**2) / 2)


def slow_start_ms(file_bytes: float, bytes_per_ms: float, rtt_ms: float) -> float:
    """Time that a transfer takes beyond its bytes over the speed, while TCP opens its window.

    Each round trip sends one window, the first of `INITIAL_WINDOW_BYTES`, each next one twice as large.
    As long as a window is sent in less than a round trip and the file is not out, the line then waits.
    Losses are left out. Source: RFC 5681, slow start (2009-09).
    """
    waited_ms, sent_bytes, window_bytes = 0.0, 0.0, float(INITIAL_WINDOW_BYTES)
    while window_bytes < bytes_per_ms * rtt_ms and sent_bytes + window_bytes < file_bytes:
        waited_ms += rtt_ms - window_bytes / bytes_per_ms
        sent_bytes += window_bytes
        window_bytes *= 2
    return waited_ms


def arrivals(
    geography: str,
    edge: str,
    region_id: str,
    layers: CacheLayers,
    bucket_ratio: float,
    file_bytes: float,
    size_sigma: float,
) -> tuple[Way, ...]:
    """Ways in which a file arrives at a viewer, with their chances, which add up to one.

    It waits in the edge location, in the regional cache, in Origin Shield, or in the bucket, and the
    connection is open or new. The transfer time is the file's size over the viewer's speed, both
    lognormal, so lognormal too.

    Args:
        geography: where the viewer is.
        edge: geography of the edge location that serves the viewer.
        region_id: where bucket and Origin Shield stand.
        layers: what each layer of caches passes on.
        bucket_ratio: share of what passes the regional caches that no Origin Shield answers.
        file_bytes: mean size of a file.
        size_sigma: log standard deviation of the sizes.
    """
    viewers = VIEWERS[geography]
    sigma = math.hypot(size_sigma, SPEED_SIGMA)
    rtt_ms = viewers.rtt_ms + DETOUR_RTT_MS.get((geography, edge), 0.0)
    median_bytes = median(file_bytes, size_sigma)
    bytes_per_ms = median(viewers.mean_mbps, SPEED_SIGMA) * 1e6 / BITS_PER_BYTE / 1000
    edge_ms = rtt_ms + slow_start_ms(median_bytes, bytes_per_ms, rtt_ms)
    regional_ms = edge_ms + REGIONAL_FETCH_MS
    away_ms = regional_ms + (HOME_RTT_MS if REGION_GEOGRAPHY[region_id] == edge else AWAY_RTT_MS)
    missed_edge, missed_regional = layers.edge_miss_ratio, layers.regional_miss_ratio
    places = (
        (1.0 - missed_edge, edge_ms),
        (missed_edge - missed_regional, regional_ms),
        (missed_regional * (1.0 - bucket_ratio), away_ms),
        (missed_regional * bucket_ratio, away_ms + STORE_FIRST_BYTE_MS),
    )
    connections = (
        (1.0 - COLD_CONNECTION_RATIO, 0.0),
        (COLD_CONNECTION_RATIO, CONNECTION_ROUND_TRIPS * rtt_ms),
    )
    return tuple(
        Way(max(0.0, chance) * share, delay_ms + opening_ms, median_bytes / bytes_per_ms, sigma)
        for chance, delay_ms in places
        for share, opening_ms in connections
    )


@lru_cache(maxsize=4096)
def quantile_ms(ways: tuple[Way, ...], share: float) -> float:
    """Time in ms by which `share` of the arrivals are complete, by bisection to a hundredth of a ms.

    Chances are weighed against their sum. Raises ZeroDivisionError when all are zero.
    """
    total = sum(way.chance for way in ways)
    low, high = 0.0, 1.0
    while _complete(ways, high) / total < share:
        low, high = high, 2 * high
    while high - low > 0.01:
        middle = (low + high) / 2
        if _complete(ways, middle) / total < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _complete(ways: tuple[Way, ...], time_ms: float) -> float:
    """Chance-weighted share of arrivals complete after `time_ms`."""
    done = 0.0
    for chance, delay_ms, median_ms, sigma in ways:
        if time_ms <= delay_ms:
            continue
        if median_ms == 0:
            done += chance
        else:
            done += (
                chance / 2 * (1 + math.erf(math.log((time_ms - delay_ms) / median_ms) / sigma / math.sqrt(2)))
            )
    return done


def first_view_latency(by_geography: Mapping[str, tuple[float, tuple[Way, ...]]]) -> Latency:
    """First views of all geographies together, weighted by views; zero when there are none."""
    ways = tuple(
        way._replace(chance=views * way.chance) for views, ways in by_geography.values() for way in ways
    )
    total = sum(way.chance for way in ways)
    if total == 0:
        return NO_LATENCY
    mean_ms = sum(way.chance * (way.delay_ms + way.median_ms * math.exp(way.sigma**2 / 2)) for way in ways)
    return Latency(mean_ms / total, quantile_ms(ways, 0.50), quantile_ms(ways, 0.95), quantile_ms(ways, 0.99))
