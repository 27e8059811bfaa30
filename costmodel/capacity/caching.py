"""How many requests caches answer: popularity, time to live, eviction, and caches behind caches.

Words: objects are asked for independently, each at a steady rate; a *hit ratio* is a share of the
requests that reach a cache, a *miss ratio* of a layer is a share of what viewers ask for.

Source: Breslau et al., INFOCOM 1999 (Zipf-like popularity); Jung, Berger and Balakrishnan, INFOCOM
2003 (time-to-live caches); Che, Tung and Wang, IEEE JSAC 20(7) 2002 (least recently used); Amazon
CloudFront Developer Guide, "How CloudFront delivers content" and "Using Origin Shield" (2023-06).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only

_EXACT_OBJECTS = 1024
"""The most popular objects are counted one by one; the others in buckets of similar rank."""
_BUCKETS_PER_LOG_RANK = 50.0
_BISECTIONS = 200
_STEEPEST = 16.0
_EXPONENT_BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class CacheLayers:
    """What each layer of a delivery network passes on, as a share of the requests of viewers."""

    edge_miss_ratio: float
    """Requests that edge locations pass to regional caches."""
    regional_miss_ratio: float
    """Requests that regional caches pass to Origin Shield or, without it, to the origin."""
    origin_miss_ratio: float
    """Requests that reach the origin."""

    @property
    def hit_ratio(self) -> float:
        """Share of the requests of viewers that some cache answers."""
        return 1.0 - self.origin_miss_ratio


def ttl_hit_ratio(objects: int, zipf_exponent: float, requests_per_s: float, ttl_s: float) -> float:
    """Hit ratio of one cache that keeps every object for `ttl_s` after fetching it."""
    popularity = _popularity(objects, zipf_exponent)
    return popularity.mean(_ttl_hit(popularity.share * requests_per_s, ttl_s))


def lru_hit_ratio(objects: int, zipf_exponent: float, capacity_objects: float) -> float:
    """Hit ratio of one least-recently-used cache with room for `capacity_objects` of equal size."""
    if capacity_objects >= objects:
        return 1.0
    popularity = _popularity(objects, zipf_exponent)
    return popularity.mean(_lru_hit(popularity.share, _residence(popularity, capacity_objects)))


def lru_residence_requests(objects: int, zipf_exponent: float, capacity_objects: float) -> float:
    """How many requests pass before a least-recently-used cache with room for `capacity_objects` drops an
    object that nobody asks for; infinite when all of them fit.
    """
    if capacity_objects >= objects:
        return math.inf
    return _residence(_popularity(objects, zipf_exponent), capacity_objects)


@lru_cache(maxsize=64)
def zipf_exponent_of(objects: int, top_ratio: float) -> float:
    """The exponent at which the most popular of `objects` gets the share `top_ratio` of all requests.

    0, which is equal popularity, where that share is at most `1 / objects`; `_STEEPEST` where no exponent up
    to that gives so much.
    """
    low, high = 0.0, _STEEPEST
    if top_ratio * objects <= 1.0:
        return low
    for _ in range(_EXPONENT_BISECTIONS):
        middle = 0.5 * (low + high)
        if _popularity(objects, middle).share[0] < top_ratio:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def hit_ratio(
    objects: int, zipf_exponent: float, requests_per_s: float, ttl_s: float, residence_s: float
) -> float:
    """Hit ratio of a cache that drops objects after `ttl_s`, or once nobody asked for `residence_s`.

    Takes the smaller of both ratios for each object: an upper bound, good to a few percent.
    """
    popularity = _popularity(objects, zipf_exponent)
    return popularity.mean(_hit(popularity.share * requests_per_s, ttl_s, residence_s))


def cache_layers(
    objects: int,
    zipf_exponent: float,
    requests_per_s: float,
    ttl_s: float,
    *,
    edge_locations: float,
    regional_caches: float,
    edge_residence_s: float,
    origin_shield: bool,
) -> CacheLayers:
    """Layers of caches: edge locations, regional caches, then Origin Shield if there is one.

    Args:
        objects: different objects viewers ask for.
        zipf_exponent: 0 for equal popularity, about 0.8 for shops.
        requests_per_s: cacheable requests of all viewers together.
        ttl_s: how long an object may be kept after it was fetched.
        edge_locations: edge locations that share the viewers equally; requests concentrate, so this
            is far below the number that exists.
        regional_caches: regional caches that share the edge locations equally.
        edge_residence_s: time without a request after which an edge location drops an object.
        origin_shield: whether one more cache stands before the origin.

    Regional caches and Origin Shield are larger and drop nothing before its time. Misses are not
    Poisson: whoever made the cache behind fetch an object loses it at the same moment, so right then
    the next request of its viewers passes both. Leaving that out understates origin requests by up to
    a third; with it they come within 8 % of a simulation. Without requests every ratio is 1, its limit.

    Raises ValueError unless 1 <= `regional_caches` <= `edge_locations`.
    """
    if not 1.0 <= regional_caches <= edge_locations:
        raise ValueError(f"needs 1 <= {regional_caches} regional caches <= {edge_locations} edge locations")
    if requests_per_s == 0.0:
        return CacheLayers(1.0, 1.0, 1.0)
    popularity = _popularity(objects, zipf_exponent)
    rate = popularity.share * requests_per_s / edge_locations
    edge = rate * (1.0 - _hit(rate, ttl_s, edge_residence_s))
    evicted = _lru_hit(rate, edge_residence_s) < _ttl_hit(rate, ttl_s)
    reopened = np.where(evicted, edge, rate) + (edge_locations / regional_caches - 1.0) * edge
    regional = reopened * (1.0 - _ttl_hit(reopened, ttl_s))
    origin = regional_caches * regional
    if origin_shield:
        reopened = reopened + (regional_caches - 1.0) * regional
        origin = reopened * (1.0 - _ttl_hit(reopened, ttl_s))
    return CacheLayers(
        edge_miss_ratio=edge_locations * popularity.total(edge) / requests_per_s,
        regional_miss_ratio=regional_caches * popularity.total(regional) / requests_per_s,
        origin_miss_ratio=popularity.total(origin) / requests_per_s,
    )


@dataclass(frozen=True, slots=True)
class _Popularity:
    """Objects grouped by rank. Arrays of shape (groups,)."""

    share: FloatArray
    """Share of all requests that one object of the group gets."""
    count: FloatArray
    """Objects in the group."""

    def total(self, per_object: FloatArray) -> float:
        return float(np.sum(self.count * per_object))

    def mean(self, per_object: FloatArray) -> float:
        """Mean over requests."""
        return self.total(self.share * per_object)


@lru_cache(maxsize=64)
def _popularity(objects: int, zipf_exponent: float) -> _Popularity:
    if objects < 1:
        raise ValueError(f"a catalogue needs at least one object, not {objects}")
    alone = min(objects, _EXACT_OBJECTS)
    weight = np.arange(1, alone + 1, dtype=np.float64) ** -zipf_exponent
    count = np.ones(alone)
    if objects > alone:
        buckets = math.ceil(_BUCKETS_PER_LOG_RANK * math.log(objects / alone))
        edges = np.unique(np.rint(np.geomspace(alone, objects, buckets + 1)))
        sizes = np.diff(edges)
        weight = np.concatenate([weight, _power_integral(edges + 0.5, zipf_exponent) / sizes])
        count = np.concatenate([count, sizes])
    share = weight / np.sum(weight * count)
    return _Popularity(read_only(share), read_only(count))


def _power_integral(edges: FloatArray, exponent: float) -> FloatArray:
    """Integral of x ** -exponent between neighbouring edges: the sum over whole ranks in between."""
    antiderivative = np.log(edges) if exponent == 1.0 else edges ** (1.0 - exponent) / (1.0 - exponent)
    return np.diff(antiderivative)


def _ttl_hit(rate_per_s: FloatArray, ttl_s: float) -> FloatArray:
    kept = rate_per_s * ttl_s
    return kept / (1.0 + kept)


def _lru_hit(rate_per_s: FloatArray, residence_s: float) -> FloatArray:
    return -np.expm1(-rate_per_s * residence_s)


def _hit(rate_per_s: FloatArray, ttl_s: float, residence_s: float) -> FloatArray:
    return np.minimum(_lru_hit(rate_per_s, residence_s), _ttl_hit(rate_per_s, ttl_s))


def _residence(popularity: _Popularity, capacity_objects: float) -> float:
    """Che's characteristic time in requests: how many pass before an unused object is dropped."""
    low, high = 0.0, 1.0
    while popularity.total(_lru_hit(popularity.share, high)) < capacity_objects:
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if popularity.total(_lru_hit(popularity.share, middle)) < capacity_objects:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
