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
from typing import NamedTuple

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only

_EXACT_OBJECTS = 128
"""The most popular objects are counted one by one; the others in buckets of similar rank."""
_BUCKETS_PER_LOG_RANK = 50.0
_BISECTIONS = 200
_STEEPEST = 16.0
_EXPONENT_BISECTIONS = 40
_NO_REQUESTS_PER_S = 1e-60
_BELOW_ONE = 1.0 - 2.0**-40
"""Where rounding would reach 1 for an object asked for more than 10^12 times in the life of a copy."""
_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(12)
_LEAST_ASKED, _MOST_ASKED = 1e-9, 600.0
"""Requests within one residence: so few that none comes, so many that the next always comes in time."""


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
    objects: int,
    zipf_exponent: float,
    requests_per_s: float,
    ttl_s: float,
    residence_s: float,
    changes_per_s: float = 0.0,
) -> float:
    """Hit ratio of a cache that drops objects after `ttl_s`, once nobody asked for `residence_s`, or on a change.

    `changes_per_s` is how often one object is replaced or invalidated. See `_hits_of_a_copy`.
    """
    popularity = _popularity(objects, zipf_exponent)
    hits = _hits_of_a_copy(popularity.share * requests_per_s, ttl_s, residence_s, changes_per_s)
    return popularity.mean(hits / (1.0 + hits))


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
    changes_per_s: float = 0.0,
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
        changes_per_s: how often one object is replaced or invalidated, at random times and as often
            for an asked-for object as for any other. No layer keeps what was there before.

    Regional caches and Origin Shield are larger and drop nothing before its time. A copy there lives
    as `_life_s` says; then the object is away until somebody asks. Who asks depends on how the copy
    ended. After a change every cache in front has lost it too, so the next viewer passes them all. After
    its time is up the cache that fetched it loses it at the same moment, unless it dropped it before, so
    the next request of its viewers passes both; the others ask when their own copies end (`_Cycle`).
    A simulation agrees within 3 % at every layer (tests/oracle/test_cache_oracle.py). Without requests
    every ratio is 1, its limit.

    Raises ValueError unless 1 <= `regional_caches` <= `edge_locations`.
    """
    if not 1.0 <= regional_caches <= edge_locations:
        raise ValueError(f"needs 1 <= {regional_caches} regional caches <= {edge_locations} edge locations")
    if requests_per_s < _NO_REQUESTS_PER_S:
        return CacheLayers(1.0, 1.0, 1.0)
    popularity = _popularity(objects, zipf_exponent)
    edges_each = edge_locations / regional_caches
    rate = popularity.share * requests_per_s / edge_locations
    edge = rate / (1.0 + _hits_of_a_copy(rate, ttl_s, edge_residence_s, changes_per_s))
    unchanged_edge = rate / (1.0 + _hits_of_a_copy(rate, ttl_s, edge_residence_s, 0.0))
    edges = _Cycle(unchanged_edge, min(ttl_s, edge_residence_s))
    kept_ratio = _still_there(rate, ttl_s, edge_residence_s)

    def fetches_per_s(asked: FloatArray, changes_per_s: float, *others: tuple[float, _Cycle]) -> FloatArray:
        """How often a cache behind fetches an object: once per life of a copy and wait for a request."""
        others = ((edges_each - 1.0, edges), *others)
        together_s = _wait_s((1.0, _Cycle(rate, 0.0)), *others)
        apart_s = _wait_s((1.0, edges), *others)
        wait_s = kept_ratio * together_s + (1.0 - kept_ratio) * apart_s
        changed_ratio = -math.expm1(-changes_per_s * ttl_s)
        away_s = changed_ratio / asked + (1.0 - changed_ratio) * wait_s
        return 1.0 / (_life_s(ttl_s, changes_per_s) + away_s)

    regional = fetches_per_s(edges_each * rate, changes_per_s)
    origin = regional_caches * regional
    if origin_shield:
        regions = _Cycle(fetches_per_s(edges_each * rate, 0.0), ttl_s)
        origin = fetches_per_s(edge_locations * rate, changes_per_s, (regional_caches - 1.0, regions))
    return CacheLayers(
        edge_miss_ratio=edge_locations * popularity.total(edge) / requests_per_s,
        regional_miss_ratio=regional_caches * popularity.total(regional) / requests_per_s,
        origin_miss_ratio=popularity.total(origin) / requests_per_s,
    )


class _Cycle(NamedTuple):
    """How a cache in front asks for an object: at `rate_per_s`, never twice within `least_s`.

    Seen at a moment that has nothing to do with it, the next time it asks is later than u with chance
    1 - rate x u up to `least_s`, the mean excess of a renewal process, and falls exponentially from
    there on without a jump of its pace. Exact for a copy that lives for `least_s` and Poisson requests.

    Source: Cox, Renewal Theory (1962), the residual life of a renewal process in equilibrium.
    """

    rate_per_s: FloatArray
    least_s: float

    def log_chance_later(self, u_s: FloatArray) -> FloatArray:
        """Logarithm of the chance that it has not asked until `u_s`."""
        least_s = np.minimum(u_s, self.least_s)
        pace = self.rate_per_s / (1.0 - np.minimum(self.rate_per_s * self.least_s, _BELOW_ONE))
        return np.log1p(-np.minimum(self.rate_per_s * least_s, _BELOW_ONE)) - pace * (u_s - least_s)


def _wait_s(*askers: tuple[float, _Cycle]) -> FloatArray:
    """Mean time until the first of so many askers of each kind asks.

    The integral of the product of their chances, which falls at least as fast as it begins to, so that
    Gauss-Laguerre quadrature in units of its first pace is accurate to 1e-4.
    """
    first_pace = sum(count * cycle.rate_per_s for count, cycle in askers)
    u_s = _NODES[:, np.newaxis] / first_pace
    log_chance = sum(count * cycle.log_chance_later(u_s) for count, cycle in askers)
    wait: FloatArray = _WEIGHTS @ np.exp(_NODES[:, np.newaxis] + log_chance) / first_pace
    return wait


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


def _life_s(ttl_s: float, changes_per_s: float) -> float:
    """Mean life of a copy that ends after `ttl_s` or at the next change: E min(ttl, Exp(changes)).

    A cache that drops nothing else is a renewal process: fetch, life, wait of 1/rate for the next
    request. So it misses rate / (1 + rate x life) times a second, exactly, and a change costs
    rate / (1 + rate x life) - rate / (1 + rate x ttl) more than none. Never more than one fetch a change.
    """
    if changes_per_s == 0.0:
        return ttl_s
    return -math.expm1(-changes_per_s * ttl_s) / changes_per_s


def _hits_of_a_copy(
    rate_per_s: FloatArray, ttl_s: float, residence_s: float, changes_per_s: float
) -> FloatArray:
    """Requests that a copy answers before its time is up, it is changed, or nobody asked for `residence_s`.

    Requests are Poisson, so a copy answers rate x the integral of its chance to be there. Up to
    `residence_s` nobody can have failed to ask for that long: the chance is that of no change. From
    then on it falls about exponentially, at the pace that gives the known mean without other ends,
    (e^(rate x residence) - 1) / rate. Exact without a time to live, without a residence, and for a
    time to live below the residence; in between within 1 % of a simulation.

    Source: the mean is that of the busy period of a queue M/D/infinity, Takacs, Introduction to the
    Theory of Queues (1962); the exponential tail is our approximation.
    """
    least_s = min(ttl_s, residence_s)
    answering_s = _life_s(least_s, changes_per_s)
    if ttl_s <= residence_s:
        return rate_per_s * answering_s
    more_s = _life_beyond_residence_s(rate_per_s, residence_s)
    ending = 1.0 / more_s + changes_per_s
    unchanged = math.exp(-changes_per_s * residence_s)
    return rate_per_s * (answering_s - unchanged * np.expm1(-(ttl_s - residence_s) * ending) / ending)


def _still_there(rate_per_s: FloatArray, ttl_s: float, residence_s: float) -> FloatArray:
    """Chance that a copy was asked for often enough to be there when its time is up."""
    if ttl_s <= residence_s:
        return np.ones_like(rate_per_s)
    return np.exp((residence_s - ttl_s) / _life_beyond_residence_s(rate_per_s, residence_s))


def _life_beyond_residence_s(rate_per_s: FloatArray, residence_s: float) -> FloatArray:
    """Mean time beyond `residence_s` until nobody asked for `residence_s`."""
    asked = np.clip(rate_per_s * residence_s, _LEAST_ASKED, _MOST_ASKED)
    return residence_s * (np.expm1(asked) / asked - 1.0)


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
