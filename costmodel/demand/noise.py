"""What makes real traffic rough: long-memory swings of the rate, and counting.

Poisson arrivals on a smooth curve are far too calm: measured counts vary more, and the more so the
longer the window. So the rate itself swings (a sum of octaves, like a self-similar process), and
counts are then drawn from it, by the kernels in `draw`. Source: Leland et al., "On the Self-Similar Nature of Ethernet
Traffic" (1994); Crovella and Bestavros, "Self-Similarity in World Wide Web Traffic" (1997).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from costmodel.demand import draw
from costmodel.demand.calendar import FloatArray
from costmodel.demand.draw import KeyArray, SingleArray
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

STRAIGHT_MINUTES = 4
"""Octaves longer than this run straight between every fourth minute."""


def random_stream(seed: int, geography: str, purpose: str) -> KeyArray:
    """Key of a random stream of its own for each seed, geography and purpose; shape (2,).

    One stream never depends on which others exist or how long they are, so that adding a geography,
    a month or an event leaves all other draws as they were.
    """
    key = hashlib.blake2b(f"{seed}/{geography}/{purpose}".encode(), digest_size=8).digest()
    return np.frombuffer(key, dtype=">u4").astype(np.uint32)


class Swings(NamedTuple):
    """What moves the rate up and down, as the kernels of `draw` take it."""

    keys: KeyArray
    sizes: SingleArray
    """Standard deviation of half the logarithm by octave, shape (octaves,)."""
    from_left: SingleArray
    from_right: SingleArray
    offset: np.float32
    """Added to half the logarithm so that the factor has mean 1."""


def swings(
    seed: int, minute_noise_ratio: float, drift_ratio: float, below_minutes: float = math.inf
) -> Swings:
    """Swings of one seed; see `burst_factor`."""
    fast, slow = octave_variances(minute_noise_ratio, drift_ratio)
    scales = (fast,) * len(FAST_OCTAVES_MINUTES) + (slow,) * len(SLOW_OCTAVES_MINUTES)
    variances = np.array(
        [
            scale * _spectrum(period) if period < below_minutes else 0.0
            for period, scale in zip(OCTAVES_MINUTES, scales, strict=True)
        ]
    )
    return Swings(
        np.stack([random_stream(seed, EVERYWHERE, f"octave {period}") for period in OCTAVES_MINUTES]),
        (np.sqrt(variances) / 2.0).astype(np.float32),
        *_blends(),
        np.float32(-variances.sum() / 4.0),
    )


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
    factor = np.empty(minutes)
    draw.swing(*swings(seed, minute_noise_ratio, drift_ratio, below_minutes), factor)
    return factor


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


def count_arrivals(rate: FloatArray, stream: KeyArray) -> FloatArray:
    """Poisson counts of the given rates, shape (minutes,), from one random number per minute; whole numbers.

    A higher rate never gives a lower count for the same stream. Below 16 a minute the distribution
    function is inverted, right to a chance of 1e-5; above, its Cornish-Fisher expansion is, right to within
    one count and 0.3 % of the root of the rate. Source: Cornish and Fisher, "Moments and Cumulants in the
    Specification of Distributions" (1938).
    """
    counts = np.empty(len(rate))
    draw.count(np.ascontiguousarray(rate), stream, counts)
    return counts


def round_at_random(rate: FloatArray, stream: KeyArray) -> FloatArray:
    """Whole numbers with the mean of the rate, shape (minutes,), from one random number per minute.

    Each rate is rounded down or up: a tenth becomes 1 in one of ten minutes, and 2 stays 2. So what follows from
    counts scatters by what is rounded, and not again as a count would. A higher rate never gives a lower number for
    the same stream.
    """
    numbers = np.empty(len(rate))
    draw.round_up_or_down(np.ascontiguousarray(rate), stream, numbers)
    return numbers


def count_swinging(rates: FloatArray, streams: Sequence[KeyArray], together: Swings) -> FloatArray:
    """Counts of rates that swing together, shape (rows, minutes), from a stream for each row.

    The same as `count_arrivals(rate * burst_factor(...), stream)` of each row, in one pass.
    """
    counts = np.empty_like(rates)
    draw.draw(rates, np.stack(streams), *together, counts)
    return counts


def _blend(period: int) -> tuple[FloatArray, FloatArray]:
    """Shares of the knots to the left and to the right in each minute between them; their squares add up to 1.

    Long octaves have these shares at every fourth minute, and straight lines in between.
    """
    minute = np.arange(period + 1)
    right = smoothstep(minute / period)
    length = np.hypot(1.0 - right, right)
    shares = ((1.0 - right) / length, right / length)
    if period > STRAIGHT_MINUTES:
        fourth = minute[::STRAIGHT_MINUTES]
        shares = (np.interp(minute, fourth, shares[0][fourth]), np.interp(minute, fourth, shares[1][fourth]))
    return shares[0][:-1], shares[1][:-1]


@lru_cache
def _blends() -> tuple[SingleArray, SingleArray]:
    """Shares of left and right knots as the kernels need them: by minute, or by every fourth; a row an octave."""
    tables = np.zeros((2, len(OCTAVES_MINUTES), draw.FOURTHS), dtype=np.float32)
    for octave, period in enumerate(OCTAVES_MINUTES):
        step = STRAIGHT_MINUTES if period > STRAIGHT_MINUTES else 1
        for table, shares in zip(tables, _blend(period), strict=True):
            table[octave, : period // step] = shares[::step]
    return tables[0], tables[1]


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
