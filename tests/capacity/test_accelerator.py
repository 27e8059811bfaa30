from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.accelerator import CACHE_RATIO, NODE_TYPES, Cluster, Items, NodeType, cluster_work
from costmodel.capacity.caching import lru_hit_ratio, lru_residence_requests, zipf_exponent_of
from shops.database import demand_of, shop

LARGE = Cluster(NODE_TYPES[0])


def small_cluster(objects: float, item_kb: float) -> Cluster:
    """A cluster with room for so many items."""
    return Cluster(NodeType("tiny", objects * item_kb / CACHE_RATIO / 1024**2, 1_000.0))


def replay(items: Items, room: int, reads_per_s: float, ttl_s: float, reads: int) -> float:
    """Share of hits of a cache that drops items after `ttl_s` or when `room` is full, read by read."""
    random = np.random.default_rng(7)
    weights = np.arange(1, items.count + 1) ** -zipf_exponent_of(items.count, items.hottest_ratio)
    asked = random.choice(items.count, size=reads, p=weights / weights.sum())
    times = np.cumsum(random.exponential(1 / reads_per_s, reads))
    fetched: dict[int, float] = {}
    used: dict[int, float] = {}
    order: list[tuple[float, int]] = []
    hits = 0
    for item, now in zip(asked.tolist(), times.tolist(), strict=True):
        hits += item in fetched and now - fetched[item] < ttl_s
        if item not in fetched or now - fetched[item] >= ttl_s:
            fetched[item] = now
        used[item] = now
        heapq.heappush(order, (now, item))
        while len(fetched) > room:
            last, oldest = heapq.heappop(order)
            if used.get(oldest) == last:
                del fetched[oldest], used[oldest]
    return hits / reads


def test_against_a_cache_read_by_read(model_row: Callable[..., None]) -> None:
    # 2 000 items of which the first gets 3 % of the reads; room for 500; 40 reads a second, kept 300 s or 30 s.
    items = Items(2_000, 2.0, 0.03)
    errors = []
    for ttl_s in (300.0, 30.0):
        cluster = replace(small_cluster(500, 2.0), ttl_s=ttl_s)
        found = float(items.hit_ratios(cluster, np.array([40.0]))[0])
        simulated = replay(items, 500, 40.0, ttl_s, 150_000)
        errors.append(found - simulated)
        # The smaller of both ratios for each item bounds it from above.
        assert -0.01 < found - simulated < 0.05
    model_row(
        "DynamoDB",
        "DAX: reads answered by the item cache",
        rule="an item is kept 5 minutes unless others push it out; reads that must be newest pass through",
        source="Amazon DynamoDB Developer Guide, DAX: How it works (2023-06)",
        oracle="a least-recently-used cache with a time to live, 150 000 reads one by one",
        tolerance="0.05 of the reads, from above",
        observed_error=max(errors, key=abs),
    )


def test_an_exponent_gives_the_first_item_its_share() -> None:
    # Two items, the first asked for twice as often: 1 / 2^s = 1/2, so s = 1. Ten equal ones: 0.
    assert zipf_exponent_of(2, 2 / 3) == pytest.approx(1.0)
    assert zipf_exponent_of(10, 0.1) == 0.0
    assert zipf_exponent_of(10, 0.01) == 0.0
    assert zipf_exponent_of(10, 1.0) == pytest.approx(16.0)


def test_residence_is_what_the_hit_ratio_of_a_full_cache_comes_from() -> None:
    # Equal popularity: each of 1 000 items stays until 1 - exp(-T / 1 000) of them are in, 500: T = 1 000 ln 2.
    assert lru_residence_requests(1_000, 0.0, 500) == pytest.approx(1_000 * np.log(2))
    assert lru_hit_ratio(1_000, 0.0, 500) == pytest.approx(0.5)
    assert lru_residence_requests(1_000, 0.0, 1_000) == np.inf


def test_work_of_misses_and_writes() -> None:
    """Misses count ten times and writes 25 times on every node, all per KB, rounded up."""
    # 1 000 calls with 2 reads of 1.5 KB, counted as 2, and 0.15 writes of 1 KB: with three quarters of hits
    # 2 x 1 500 + 2 x 10 x 500 + 150 x 25 x 3 nodes.
    scenario = shop(database={"read_item_kb": 1.5})
    demand = demand_of(scenario, 1_000.0)
    work = cluster_work(LARGE, scenario.database, demand, np.full(demand.minutes, 0.75))
    assert set(work) == {3_000 + 10_000 + 11_250}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 10**8),
    st.floats(0.001, 400),
    st.floats(0, 1),
    st.lists(st.floats(0, 1e7), min_size=1, max_size=5),
)
def test_ratios_stay_ratios_and_never_fall_with_the_rate(
    count: int, item_kb: float, hottest: float, rates: list[float]
) -> None:
    items = Items(count, item_kb, hottest)
    ratios = items.hit_ratios(LARGE, np.sort(np.array(rates)))
    assert np.all((ratios >= 0) & (ratios <= 1))
    assert np.all(np.diff(ratios) >= -1e-9)
    alone = items.hottest_hit_ratios(LARGE, np.array(rates))
    assert np.all((alone >= 0) & (alone <= 1))


@pytest.mark.parametrize("changes", [{"nodes": 0}, {"nodes": 12}, {"ttl_s": 0.0}, {"ttl_s": float("inf")}])
def test_clusters_aws_would_not_make(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not"):
        replace(LARGE, **changes)
