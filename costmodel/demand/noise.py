"""What makes real traffic rough: long-memory swings of the rate, and counting.

Poisson arrivals on a smooth curve are far too calm: measured counts vary more, and the more so the
longer the window. So the rate itself swings (a sum of octaves, like a self-similar process), and
counts are then drawn from it. Source: Leland et al., "On the Self-Similar Nature of Ethernet
Traffic" (1994); Crovella and Bestavros, "Self-Similarity in World Wide Web Traffic" (1997).
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.demand.shapes import smoothstep

FAST_OCTAVES_MINUTES = (1, 4, 16)
SLOW_OCTAVES_MINUTES = (64, 256, 1024)
OCTAVES_MINUTES = FAST_OCTAVES_MINUTES + SLOW_OCTAVES_MINUTES

WINDOW_MINUTES = 31
"""Width of the moving mean that parts minute noise from slow swings, as in the scenario's fields."""

HURST = 0.75
"""How slowly correlation fades: variance of an octave is proportional to period^(2H - 2).

Source: AWS load-balancer trace (Numenta Anomaly Benchmark, elb_request_count_8c0756, 2014-04),
Hurst exponent 0.75.
"""

EVERYWHERE = "everywhere"
"""Stands for all geographies in the key of a random stream."""

EXACT_BELOW = 16.0
"""Counts are drawn from the exact Poisson distribution below this rate per minute."""

_FARTHEST = 7.0  # standard deviations; farther out the expansion is not monotone at a rate of 16
_STEPS_PER_SIGMA = 4096
_BLOCK = 16_384  # minutes that stay in the processor's cache together


def random_stream(seed: int, geography: str, purpose: str) -> np.random.Generator:
    """A random stream of its own for each seed, geography and purpose.

    One stream never depends on which others exist or how long they are, so that adding a geography,
    a month or an event leaves all other draws as they were.
    """
    key = hashlib.blake2b(f"{seed}/{geography}/{purpose}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "big")))


def burst_factor(
    minutes: int,
    seed: int,
    minute_noise_ratio: float,
    drift_ratio: float,
    below_minutes: float = math.inf,
) -> FloatArray:
    """Factor on the rate in each minute, mean 1, lognormal; shape (minutes,).

    Of the factor, one minute around its 31-minute mean has the coefficient of variation
    `minute_noise_ratio`, and the 31-minute mean has `drift_ratio`. One factor serves all
    geographies, because both ratios are measured on whole sites. Octaves of `below_minutes` or
    longer are left out: a trace with that step already holds them.
    """
    log_factor = np.zeros(minutes)
    fast, slow = octave_variances(minute_noise_ratio, drift_ratio)
    variances = (fast,) * len(FAST_OCTAVES_MINUTES) + (slow,) * len(SLOW_OCTAVES_MINUTES)
    for period, scale in zip(OCTAVES_MINUTES, variances, strict=True):
        variance = scale * _spectrum(period)
        if variance == 0 or period >= below_minutes:
            continue
        stream = random_stream(seed, EVERYWHERE, f"octave {period}")
        log_factor += math.sqrt(variance) * _octave(minutes, period, stream)
        log_factor -= variance / 2.0
    return np.exp(log_factor, out=log_factor)


@lru_cache
def octave_variances(minute_noise_ratio: float, drift_ratio: float) -> tuple[float, float]:
    """Scale of the variance of the fast and of the slow octaves of the logarithm.

    Both kinds appear on both sides of the 31-minute mean, so two linear equations are solved. Where
    the slow swings alone exceed the minute noise asked for, the fast ones are left out.
    """
    around, mean = (math.log1p(ratio**2) for ratio in (minute_noise_ratio, drift_ratio))
    fast_around, fast_mean = _split(FAST_OCTAVES_MINUTES)
    slow_around, slow_mean = _split(SLOW_OCTAVES_MINUTES)
    determinant = fast_around * slow_mean - slow_around * fast_mean
    fast = (around * slow_mean - slow_around * mean) / determinant
    slow = (fast_around * mean - around * fast_mean) / determinant
    if fast < 0:
        return 0.0, mean / slow_mean
    if slow < 0:
        return around / fast_around, 0.0
    return fast, slow


def count_arrivals(rate: FloatArray, stream: np.random.Generator) -> FloatArray:
    """Poisson counts of the given rates, from one fixed random number per minute; whole numbers.

    A higher rate never gives a lower count for the same stream. Below 16 a minute the distribution
    function is inverted; above, its Cornish-Fisher expansion is, right to within one count. Source:
    Cornish and Fisher, "Moments and Cumulants in the Specification of Distributions" (1938).
    """
    normal = np.clip(stream.standard_normal(len(rate)), -_FARTHEST, _FARTHEST)
    counts = np.empty(len(rate))
    low = rate < EXACT_BELOW
    if low.any():
        counts[low] = _poisson_quantile(rate[low], _normal_distribution(normal[low]))
    if not low.all():
        high = ~low
        expanded = _poisson_expansion(rate[high], normal[high])
        # Keeps the two halves in order: never below the exact count at the rate where they meet.
        counts[high] = np.maximum(expanded, np.searchsorted(_meeting_thresholds(), normal[high]))
    return counts


def _octave(minutes: int, period: int, stream: np.random.Generator) -> FloatArray:
    """Standard normal knots every `period` minutes, blended in between at constant variance."""
    knots = stream.standard_normal(minutes // period + 2)
    from_left, from_right = _blend(period)
    field = np.outer(knots[:-1], from_left)
    field += np.outer(knots[1:], from_right)
    return field.ravel()[:minutes]


def _blend(period: int) -> tuple[FloatArray, FloatArray]:
    right = smoothstep(np.arange(period) / period)
    length = np.hypot(1.0 - right, right)
    return (1.0 - right) / length, right / length


def _spectrum(period: int) -> float:
    return float(period ** (2.0 * HURST - 2.0))


@lru_cache
def _split(periods: tuple[int, ...]) -> tuple[float, float]:
    """Variance around the 31-minute mean, and of that mean, of octaves scaled to 1."""
    around = mean = 0.0
    for period in periods:
        span = period + WINDOW_MINUTES - 1
        minute = np.arange(span)
        from_left, from_right = _blend(period)
        weights = np.zeros((span, (span - 1) // period + 2))
        weights[minute, minute // period] = from_left[minute % period]
        weights[minute, minute // period + 1] += from_right[minute % period]
        sums = np.vstack([np.zeros(weights.shape[1]), weights.cumsum(axis=0)])
        means = (sums[WINDOW_MINUTES:] - sums[:-WINDOW_MINUTES]) / WINDOW_MINUTES
        centre = weights[WINDOW_MINUTES // 2 :][:period]
        around += _spectrum(period) * float(((centre - means) ** 2).sum(axis=1).mean())
        mean += _spectrum(period) * float((means**2).sum(axis=1).mean())
    return around, mean


def _poisson_quantile(rate: FloatArray, probability: FloatArray) -> FloatArray:
    """Smallest k with P(N <= k) >= probability, by summing the distribution from 0."""
    counts = np.zeros(len(rate))
    for begin in range(0, len(rate), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        term = np.exp(-rate[block])
        missing = probability[block] - term
        k = 0
        while (short := missing > 0.0).any():
            k += 1
            counts[block] += short
            term *= rate[block]
            term /= k
            missing -= term
    return counts


def _poisson_expansion(rate: FloatArray, normal: FloatArray) -> FloatArray:
    root = np.sqrt(rate)
    square = normal * normal
    expanded = rate + root * normal
    expanded += (square - 1.0) / 6.0 + normal * (4.0 - square) / (72.0 * root) + 0.5
    return np.floor(expanded, out=expanded)


def _normal_distribution(normal: FloatArray) -> FloatArray:
    """Standard normal distribution function from a table, right to 2e-9 and 4e-7 of itself."""
    table = _normal_table()
    position = (normal + _FARTHEST) * _STEPS_PER_SIGMA
    left = np.minimum(position.astype(np.int64), len(table) - 2)
    position -= left
    return np.asarray(table[left] * (1.0 - position) + table[left + 1] * position)


@lru_cache
def _normal_table() -> FloatArray:
    sigmas = np.linspace(-_FARTHEST, _FARTHEST, int(2 * _FARTHEST * _STEPS_PER_SIGMA) + 1)
    return np.array([math.erfc(-sigma * math.sqrt(0.5)) / 2.0 for sigma in sigmas.tolist()])


@lru_cache
def _meeting_thresholds() -> FloatArray:
    """Standard normal values at which the exact count at the meeting rate goes up by one."""
    thresholds = []
    term = below = math.exp(-EXACT_BELOW)
    k = 0
    while below < 1.0 - 1e-13:
        thresholds.append(NormalDist().inv_cdf(below))
        k += 1
        term *= EXACT_BELOW / k
        below += term
    return np.array(thresholds)
