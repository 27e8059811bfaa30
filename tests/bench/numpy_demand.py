"""The demand draw as one would write it in NumPy: same swings, same coupling of counts and rates.

What the compiled draw is measured against. It draws other numbers, of the same distribution.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.demand.noise import OCTAVES_MINUTES, Swings

EXACT_BELOW = 16.0
FARTHEST = 7.0
STEPS_PER_SIGMA = 4096


def swing(minutes: int, swings: Swings, generator: np.random.Generator) -> FloatArray:
    """Factor on the rate; lognormal, of six octaves."""
    log_factor = np.full(minutes, 2.0 * float(swings.offset))
    for period, size in zip(OCTAVES_MINUTES, swings.sizes, strict=True):
        right = np.linspace(0.0, 1.0, period, endpoint=False)
        right = right * right * (3.0 - 2.0 * right)
        length = np.hypot(1.0 - right, right)
        knots = 2.0 * float(size) * generator.standard_normal(minutes // period + 2)
        field = np.outer(knots[:-1], (1.0 - right) / length)
        field += np.outer(knots[1:], right / length)
        log_factor += field.ravel()[:minutes]
    return np.exp(log_factor, out=log_factor)


def count(rate: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Poisson counts that never fall as the rate grows, for the same random numbers."""
    normal = np.clip(generator.standard_normal(len(rate)), -FARTHEST, FARTHEST)
    counts = np.empty(len(rate))
    low = rate < EXACT_BELOW
    if low.any():
        counts[low] = _quantile(rate[low], _chance(normal[low]))
    if not low.all():
        root, high = np.sqrt(rate[~low]), normal[~low]
        square = high * high
        expanded = rate[~low] + root * high
        expanded += (square - 1.0) / 6.0 + high * (4.0 - square) / (72.0 * root) + 0.5
        counts[~low] = np.maximum(np.floor(expanded), np.searchsorted(THRESHOLDS, high))
    return counts


def _quantile(rate: FloatArray, chance: FloatArray) -> FloatArray:
    counts = np.zeros(len(rate))
    term = np.exp(-rate)
    missing = chance - term
    k = 0
    while (short := missing > 0.0).any():
        k += 1
        counts += short
        term *= rate / k
        missing -= term
    return counts


def _chance(normal: FloatArray) -> FloatArray:
    position = (normal + FARTHEST) * STEPS_PER_SIGMA
    left = np.minimum(position.astype(np.int64), len(CHANCES) - 2)
    position -= left
    return np.asarray(CHANCES[left] * (1.0 - position) + CHANCES[left + 1] * position)


def _thresholds() -> FloatArray:
    """Normal numbers at which the exact count at `EXACT_BELOW` goes up by one."""
    thresholds = []
    term = below = math.exp(-EXACT_BELOW)
    while below < 1.0 - 1e-13:
        thresholds.append(NormalDist().inv_cdf(below))
        term *= EXACT_BELOW / len(thresholds)
        below += term
    return np.array(thresholds)


THRESHOLDS = _thresholds()
CHANCES = np.array(
    [
        math.erfc(-sigma * math.sqrt(0.5)) / 2.0
        for sigma in np.linspace(-FARTHEST, FARTHEST, int(2 * FARTHEST * STEPS_PER_SIGMA) + 1).tolist()
    ]
)
