"""Formulas against simulations of single events, seeded."""

from __future__ import annotations

import heapq
from collections import OrderedDict

import numpy as np
import pytest

from costmodel.capacity.caching import cache_layers, hit_ratio, lru_hit_ratio, ttl_hit_ratio
from costmodel.capacity.queueing import response_latency


def simulate_mmc(servers: int, load: float, customers: int, generator: np.random.Generator) -> np.ndarray:
    """Wait and service of every customer of one queue, service time 1, first come first served."""
    arrivals = np.cumsum(generator.exponential(1.0 / load, customers)).tolist()
    services = generator.exponential(1.0, customers).tolist()
    free_at = [0.0] * servers
    responses = np.empty(customers)
    for i, (arrival, service) in enumerate(zip(arrivals, services, strict=True)):
        done = max(arrival, free_at[0]) + service
        heapq.heapreplace(free_at, done)
        responses[i] = done - arrival
    return responses[customers // 10 :]


@pytest.mark.parametrize(
    ("servers", "utilisation", "tolerance"), [(1, 0.6, 0.03), (4, 0.8, 0.03), (32, 0.9, 0.02)]
)
def test_one_queue(servers: int, utilisation: float, tolerance: float) -> None:
    simulated = simulate_mmc(servers, servers * utilisation, 200_000, np.random.default_rng(20260801))
    one = np.ones(3)
    latency = response_latency(one, servers * one, servers * utilisation * one, 1.0)
    expected = [simulated.mean(), *np.quantile(simulated, [0.5, 0.95, 0.99])]
    found = [latency.mean_ms, latency.p50_ms, latency.p95_ms, latency.p99_ms]
    assert found == pytest.approx(expected, rel=tolerance)


def test_a_run_of_quiet_and_busy_minutes() -> None:
    generator = np.random.default_rng(7)
    kinds = [(2, 0.3, 60_000), (4, 0.7, 150_000), (8, 0.9, 150_000)]
    simulated = np.concatenate([simulate_mmc(c, c * rho, count, generator) for c, rho, count in kinds])
    servers, utilisation, requests = (np.array(column, dtype=float) for column in zip(*kinds, strict=True))
    latency = response_latency(requests, servers, servers * utilisation, 1.0)
    expected = [simulated.mean(), *np.quantile(simulated, [0.5, 0.95, 0.99])]
    found = [latency.mean_ms, latency.p50_ms, latency.p95_ms, latency.p99_ms]
    assert found == pytest.approx(expected, rel=0.04)


class Cache:
    """Drops an object `ttl_s` after it was fetched, or once nobody asked for `residence_s`."""

    def __init__(self, ttl_s: float, residence_s: float = np.inf) -> None:
        self.ttl_s = ttl_s
        self.residence_s = residence_s
        self.fetched: dict[int, float] = {}
        self.asked: dict[int, float] = {}

    def hit(self, thing: int, now_s: float) -> bool:
        kept = (
            now_s - self.fetched.get(thing, -np.inf) <= self.ttl_s
            and now_s - self.asked.get(thing, -np.inf) <= self.residence_s
        )
        if not kept:
            self.fetched[thing] = now_s
        self.asked[thing] = now_s
        return kept


def zipf_requests(
    objects: int, exponent: float, rate_per_s: float, count: int, generator: np.random.Generator
) -> tuple[list[int], list[float]]:
    weight = np.arange(1, objects + 1, dtype=float) ** -exponent
    things = generator.choice(objects, count, p=weight / weight.sum())
    return things.tolist(), np.cumsum(generator.exponential(1.0 / rate_per_s, count)).tolist()


COUNT = 150_000
WARM = 50_000


@pytest.mark.parametrize(("exponent", "ttl_s"), [(0.6, 60.0), (0.8, 300.0), (1.1, 60.0)])
def test_ttl_cache(exponent: float, ttl_s: float) -> None:
    things, times_s = zipf_requests(3_000, exponent, 10.0, COUNT, np.random.default_rng(1))
    cache = Cache(ttl_s)
    hits = [cache.hit(thing, now_s) for thing, now_s in zip(things, times_s, strict=True)]
    assert ttl_hit_ratio(3_000, exponent, 10.0, ttl_s) == pytest.approx(np.mean(hits[WARM:]), abs=0.006)


@pytest.mark.parametrize(("exponent", "capacity"), [(0.6, 300), (0.8, 200), (1.0, 50)])
def test_lru_cache(exponent: float, capacity: int) -> None:
    things, _ = zipf_requests(2_000, exponent, 1.0, COUNT, np.random.default_rng(2))
    kept: OrderedDict[int, None] = OrderedDict()
    hits = np.empty(COUNT, dtype=bool)
    for i, thing in enumerate(things):
        hits[i] = thing in kept
        kept[thing] = None
        kept.move_to_end(thing)
        if len(kept) > capacity:
            kept.popitem(last=False)
    assert lru_hit_ratio(2_000, exponent, capacity) == pytest.approx(hits[WARM:].mean(), abs=0.006)


@pytest.mark.parametrize("residence_s", [30.0, 100.0, 400.0])
def test_ttl_with_eviction_is_a_close_upper_bound(residence_s: float) -> None:
    things, times_s = zipf_requests(3_000, 0.8, 10.0, COUNT, np.random.default_rng(3))
    cache = Cache(100.0, residence_s)
    hits = [cache.hit(thing, now_s) for thing, now_s in zip(things, times_s, strict=True)]
    formula = hit_ratio(3_000, 0.8, 10.0, 100.0, residence_s)
    simulated = float(np.mean(hits[WARM:]))
    assert simulated - 0.006 <= formula <= simulated + 0.06


@pytest.mark.parametrize(
    ("ttl_s", "edge_count", "regional_count", "residence_s"),
    [(200.0, 6, 2, 400.0), (1_000.0, 20, 3, 200.0), (50.0, 6, 2, np.inf)],
)
def test_caches_behind_caches(ttl_s: float, edge_count: int, regional_count: int, residence_s: float) -> None:
    generator = np.random.default_rng(4)
    things, times_s = zipf_requests(2_000, 0.8, 20.0, COUNT, generator)
    edges = [Cache(ttl_s, residence_s) for _ in range(edge_count)]
    regions = [Cache(ttl_s) for _ in range(regional_count)]
    shield = Cache(ttl_s)
    missed = [0, 0, 0]
    viewers = generator.integers(0, edge_count, COUNT).tolist()
    for i, (thing, now_s, edge) in enumerate(zip(things, times_s, viewers, strict=True)):
        past_edge = not edges[edge].hit(thing, now_s)
        past_region = past_edge and not regions[edge % regional_count].hit(thing, now_s)
        past_shield = past_region and not shield.hit(thing, now_s)
        if i >= WARM:
            missed[0] += past_edge
            missed[1] += past_region
            missed[2] += past_shield
    found = cache_layers(
        2_000,
        0.8,
        20.0,
        ttl_s,
        edge_locations=edge_count,
        regional_caches=regional_count,
        edge_residence_s=residence_s,
        origin_shield=True,
    )
    layers = [found.edge_miss_ratio, found.regional_miss_ratio, found.origin_miss_ratio]
    assert layers == pytest.approx([count / (COUNT - WARM) for count in missed], rel=0.08)
