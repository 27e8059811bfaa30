from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.caching import CacheLayers, cache_layers, hit_ratio, lru_hit_ratio, ttl_hit_ratio

DAY_S = 86_400.0


def shares(objects: int, exponent: float) -> np.ndarray:
    weight = np.arange(1, objects + 1, dtype=float) ** -exponent
    return weight / weight.sum()


@pytest.mark.parametrize(
    ("exponent", "objects", "ratios"),
    [
        (0.6, 10_000, (0.17, 0.55, 0.90, 0.99)),
        (0.8, 1_000, (0.61, 0.91, 0.99, 1.00)),
        (0.8, 10_000, (0.32, 0.63, 0.91, 0.99)),
        (0.8, 100_000, (0.16, 0.35, 0.64, 0.91)),
        (1.0, 10_000, (0.52, 0.74, 0.92, 0.99)),
    ],
)
def test_table_of_one_ttl_cache(exponent: float, objects: int, ratios: tuple[float, ...]) -> None:
    found = [ttl_hit_ratio(objects, exponent, rate, DAY_S) for rate in (0.01, 0.1, 1.0, 10.0)]
    assert found == pytest.approx(ratios, abs=0.0051)


def test_two_objects_by_hand() -> None:
    # Shares 2/3 and 1/3; in one time to live 3 requests come: 2 and 1. Hits 2/3 x 2/3 + 1/3 x 1/2.
    assert ttl_hit_ratio(2, 1.0, 0.03, 100.0) == pytest.approx(4 / 9 + 1 / 6)


@pytest.mark.parametrize("exponent", [0.0, 0.6, 0.8, 1.0, 1.1, 2.0])
@pytest.mark.parametrize("objects", [1, 1024, 1025, 5_000, 300_000])
def test_buckets_agree_with_one_by_one(objects: int, exponent: float) -> None:
    expected = shares(objects, exponent) * 2.0 * DAY_S
    found = ttl_hit_ratio(objects, exponent, 2.0, DAY_S)
    assert found == pytest.approx(
        float(np.sum(shares(objects, exponent) * expected / (1 + expected))), abs=5e-6
    )


@pytest.mark.parametrize(("exponent", "ratio"), [(0.6, 0.24), (0.8, 0.44), (1.0, 0.68)])
def test_table_of_lru(exponent: float, ratio: float) -> None:
    assert lru_hit_ratio(10_000, exponent, 1_000) == pytest.approx(ratio, abs=0.005)


def test_lru_of_equal_objects_hits_by_its_size() -> None:
    # Equal popularity: the chance that an object is there is the share of objects that fit.
    assert lru_hit_ratio(50_000, 0.0, 12_500) == pytest.approx(0.25, rel=1e-9)
    assert lru_hit_ratio(2_000, 0.8, 200) == pytest.approx(0.3997, abs=5e-5)
    assert lru_hit_ratio(2_000, 0.8, 2_000) == 1.0


def test_eviction_and_time_to_live_together() -> None:
    arguments = (10_000, 0.8, 1.0)
    assert hit_ratio(*arguments, DAY_S, 1e12) == pytest.approx(ttl_hit_ratio(*arguments, DAY_S))
    p = shares(10_000, 0.8)
    evicted = float(np.sum(p * -np.expm1(-p * DAY_S)))
    # Without an end to life the residence alone counts.
    assert hit_ratio(*arguments, 1e15, DAY_S) == pytest.approx(evicted, abs=1e-6)
    assert hit_ratio(*arguments, DAY_S, DAY_S / 4) < ttl_hit_ratio(*arguments, DAY_S)


def layers(
    requests_per_s: float,
    *,
    shield: bool = False,
    edges: float = 4.0,
    regions: float = 2.0,
    change_every_s: float = np.inf,
) -> CacheLayers:
    return cache_layers(
        1,
        0.8,
        requests_per_s,
        100.0,
        edge_locations=edges,
        regional_caches=regions,
        edge_residence_s=1e12,
        origin_shield=shield,
        changes_per_s=1.0 / change_every_s,
    )


def test_layers_by_hand() -> None:
    # One object at 0.4/s over 4 edges: 0.1/s each, 10 a life, so each passes on 0.1/11 = 1/110 per s.
    # When a region's copy dies, the edge that fetched it asks after u with chance e^(-u/10), its neighbour
    # has not asked until u with chance 1 - u/110 up to 100 s, then e^-(u - 100)/10 / 11. The integral of
    # the product is 10 - 100/110 = 100/11 s, and 5/11 e^-10 s more. So a fetch every 1200/11 s and region.
    found = layers(0.4)
    assert found.edge_miss_ratio == pytest.approx(1 / 11)
    assert found.regional_miss_ratio == pytest.approx(2 * 11 / 1200 / 0.4, rel=1e-5)
    assert found.origin_miss_ratio == found.regional_miss_ratio
    # When the shield's copy dies the other region has not asked until u with chance 1 - 11 u/1200:
    # 10 - 100 (1/110 + 11/1200) + 2 000 (1/110 x 11/1200) = 8.34091 s, so a fetch every 108.34091 s.
    shielded = layers(0.4, shield=True)
    assert shielded.regional_miss_ratio == found.regional_miss_ratio
    assert shielded.origin_miss_ratio == pytest.approx(1 / 108.34091 / 0.4, rel=1e-4)
    assert shielded.hit_ratio == pytest.approx(1 - 1 / 108.34091 / 0.4)


def test_changes_by_hand() -> None:
    # One cache, 0.1/s, a life of 100 s at most and a change every 50 s: it lives 50 (1 - e^-2) = 43.2332 s
    # and is away for 10, so it misses once in 53.2332 s: 0.187853 of the requests instead of 1/11.
    found = layers(0.1, shield=True, edges=1.0, regions=1.0, change_every_s=50.0)
    assert found.edge_miss_ratio == pytest.approx(0.187853, abs=1e-6)
    assert found.origin_miss_ratio == pytest.approx(0.187853, abs=1e-6)
    # Four edges of 0.1/s each. A region is away for 1/0.2 = 5 s after a change (chance 1 - e^-2) and for
    # 100/11 s, as without changes, after its time: 43.2332 + 0.864665 x 5 + 0.135335 x 9.0909 = 48.7869 s.
    layered = layers(0.4, change_every_s=50.0)
    assert layered.edge_miss_ratio == pytest.approx(0.187853, abs=1e-6)
    assert layered.regional_miss_ratio == pytest.approx(2 / 48.7869 / 0.4, rel=1e-5)


def test_one_cache_behind_one_cache_of_the_same_life_changes_nothing() -> None:
    found = layers(0.4, shield=True, edges=1.0, regions=1.0)
    assert found.edge_miss_ratio == pytest.approx(1 / 41)
    assert found.origin_miss_ratio == pytest.approx(1 / 41)


@pytest.mark.parametrize(("edges", "regions"), [(2.0, 3.0), (2.0, 0.5)])
def test_layers_that_cannot_be_are_refused(edges: float, regions: float) -> None:
    with pytest.raises(ValueError, match="regional caches <="):
        layers(1.0, edges=edges, regions=regions)


def test_a_cache_nobody_uses_hits_nothing() -> None:
    assert layers(0.0, shield=True) == CacheLayers(1.0, 1.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 10**8),
    st.floats(0.0, 1.5),
    st.floats(1e-4, 1e5),
    st.floats(1.0, 1e7),
    st.floats(1.0, 100.0),
    st.floats(60.0, 1e6),
)
def test_each_layer_helps_and_more_traffic_helps(
    objects: int, exponent: float, rate: float, ttl_s: float, edges: float, residence_s: float
) -> None:
    def found(requests_per_s: float, *, shield: bool) -> CacheLayers:
        return cache_layers(
            objects,
            exponent,
            requests_per_s,
            ttl_s,
            edge_locations=edges,
            regional_caches=max(1.0, edges / 6),
            edge_residence_s=residence_s,
            origin_shield=shield,
        )

    now = found(rate, shield=True)
    passed = (0.0, now.origin_miss_ratio, now.regional_miss_ratio, now.edge_miss_ratio, 1.0)
    assert all(inner <= outer * (1 + 1e-9) + 1e-12 for inner, outer in pairwise(passed))
    assert now.origin_miss_ratio <= found(rate, shield=False).origin_miss_ratio * (1 + 1e-9)
    assert found(rate * 2, shield=True).edge_miss_ratio <= now.edge_miss_ratio + 1e-12


def test_an_empty_catalogue_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one object"):
        ttl_hit_ratio(0, 0.8, 1.0, 1.0)
