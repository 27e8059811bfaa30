"""Random counts of whole months in one compiled pass: swings of the rate, and arrivals counted from it.

Every random number is a function of a key and a counter, never of the number drawn before it. So minutes
can be drawn many at a time, and no stream depends on another or on how long it is.

The same key gives the same bytes on every machine: a minute's numbers are added, multiplied, divided and
rooted in the order written here, each correctly rounded, and integers wrap. Nothing is summed over
minutes, no library's exponential is called, and the compiler is not allowed to reorder or to fuse.

Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011), for keys and counters;
Wellons, "Prospecting for Hash Functions" (2018), for the mixing of a word.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

from costmodel.demand.calendar import FloatArray

SingleArray = npt.NDArray[np.float32]
KeyArray = npt.NDArray[np.uint32]

BLOCK = 1024
"""Minutes drawn together: the longest octave, and few enough for the processor's first cache."""
FOURTHS = BLOCK // 4
OCTAVES = 6
"""Of 1, 4, 16, 64, 256 and 1,024 minutes."""

_FIRST_FACTOR, _SECOND_FACTOR = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_BITS_8, _BITS_15, _BITS_16 = np.uint32(8), np.uint32(15), np.uint32(16)
_LOW_HALF, _EVERY_SECOND_BYTE = np.uint32(0xFFFF), np.uint32(0x00FF00FF)

_SHARE_OF_WORDS = 1.0 / 2.0**32
_NUMBERS = 65_536
MIDDLE = 2 * (_NUMBERS - 1)
"""Mean of the sum of four 16-bit numbers."""
_SHARE_OF_WAYS = 1.0 / 48.0 / float(_NUMBERS) ** 4
_MIDDLE, _SIGMAS = np.float32(MIDDLE), np.float32(1.0 / math.sqrt((_NUMBERS**2 - 1) / 3.0))
_MIDDLE_OF_BYTES, _SIGMAS_OF_BYTES = np.float32(510.0), np.float32(1.0 / math.sqrt((256**2 - 1) / 3.0))
_BELL_1, _BELL_3 = np.float32(0.956802), np.float32(0.018964)
_BELL_5, _BELL_7 = np.float32(-0.00255484), np.float32(0.000345881)
"""Powers of the sum that are closest to the normal number at the same chance; fitted up to 3.5 sigmas."""

EXACT_BELOW = 16.0
"""Counts are drawn from the exact Poisson distribution below this rate per minute."""
_LEAST_CHANCE = 1e-12
"""Rarer sums count as if they were this rare: rounding leaves less of the chance of all counts together."""
EXACT_ROOT = np.float32(4.0)
SEAM_ROOT = np.float32(5.0)
"""From this root of the rate on, the expansion is never below the exact count at `EXACT_BELOW`."""

_ONE, _TWO, _THREE, _FOUR = (np.float32(number) for number in range(1, 5))
_HALF, _FOURTH, _TWELFTH, _SIXTEENTH = (np.float32(1.0 / number) for number in (2, 4, 12, 16))
_TAYLOR = tuple(1.0 / math.factorial(power) for power in range(12))
_SINGLE_TAYLOR = tuple(np.float32(factor) for factor in _TAYLOR[:6])


@register_jitable
def _word(key: np.uint32, other_key: np.uint32, counter: np.uint32) -> np.uint32:
    """32 random bits of a counter and of a key of 64 bits, which must be a digest: like keys give like bits."""
    word = np.uint32(counter + key)
    word = np.uint32(np.uint32(word ^ (word >> _BITS_16)) * _FIRST_FACTOR)
    word = np.uint32(np.uint32(word ^ (word >> _BITS_15) ^ other_key) * _SECOND_FACTOR)
    return np.uint32(word ^ (word >> _BITS_16))


@register_jitable
def _sum_of_four(word: np.uint32) -> np.int32:
    """Sum of four 16-bit numbers made of a word: nearly normal, with chances that are known."""
    other = np.uint32(np.uint32(word ^ (word >> _BITS_15)) * _FIRST_FACTOR)
    other = np.uint32(other ^ (other >> _BITS_16))
    halves = np.uint32((word & _LOW_HALF) + (word >> _BITS_16))
    return np.int32(halves + np.uint32((other & _LOW_HALF) + (other >> _BITS_16)))


@register_jitable
def _bell(x: np.float32) -> np.float32:
    """The standard normal number at the chance of a sum of four, in sigmas: to 0.003 up to 3.5; ends at 4.9."""
    square = x * x
    return x * (_BELL_1 + square * (_BELL_3 + square * (_BELL_5 + square * _BELL_7)))


@register_jitable
def _normal_of(total: np.int32) -> np.float32:
    return _bell((np.float32(total) - _MIDDLE) * _SIGMAS)


@register_jitable
def _knot(word: np.uint32) -> np.float32:
    """Standard normal number of the four bytes of a word, in steps of 0.007: enough for a swing."""
    pairs = np.uint32((word & _EVERY_SECOND_BYTE) + (np.uint32(word >> _BITS_8) & _EVERY_SECOND_BYTE))
    total = np.int32((pairs & _LOW_HALF) + (pairs >> _BITS_16))
    return _bell((np.float32(total) - _MIDDLE_OF_BYTES) * _SIGMAS_OF_BYTES)


@register_jitable
def _chance(total: int | np.int32) -> float:
    """Chance of a smaller sum, and half of that of the same one: between 0 and 1, and to neither nearer than 1e-12."""
    folded = float(min(total, 2 * MIDDLE - total))
    below = max((_ways(folded) + _ways(folded - 1.0)) * _SHARE_OF_WAYS, _LEAST_CHANCE)
    return below if total <= MIDDLE else 1.0 - below


@register_jitable
def _ways(most: float) -> float:
    """How many fours of 16-bit numbers have a sum of at most `most`, itself at most the middle; x 24."""
    ways = (most + 4.0) * (most + 3.0) * (most + 2.0) * (most + 1.0)
    beyond = most - _NUMBERS
    if beyond >= 0.0:
        ways -= 4.0 * ((beyond + 4.0) * (beyond + 3.0) * (beyond + 2.0) * (beyond + 1.0))
    return ways


@register_jitable
def _exponential(x: np.float32) -> np.float32:
    """e^x to 2e-6 up to 2, to 3e-5 up to 5: a Taylor series of x / 16, squared four times."""
    part = x * _SIXTEENTH
    series = _SINGLE_TAYLOR[4] + part * _SINGLE_TAYLOR[5]
    series = _SINGLE_TAYLOR[2] + part * (_SINGLE_TAYLOR[3] + part * series)
    series = _ONE + part * (_ONE + part * series)
    series *= series
    series *= series
    series *= series
    return series * series


@register_jitable
def _nobody(rate: float) -> float:
    """e^-rate for small rates, to 1e-14: a Taylor series of rate / 64, squared six times.

    In pairs rather than from the inside out: the steps of a pair do not wait for one another.
    """
    x = rate * -0.015625
    square = x * x
    fourth = square * square
    low = (1.0 + x) + square * (_TAYLOR[2] + x * _TAYLOR[3])
    middle = (_TAYLOR[4] + x * _TAYLOR[5]) + square * (_TAYLOR[6] + x * _TAYLOR[7])
    high = (_TAYLOR[8] + x * _TAYLOR[9]) + square * (_TAYLOR[10] + x * _TAYLOR[11])
    series = low + fourth * (middle + fourth * high)
    for _ in range(6):
        series *= series
    return series


@register_jitable
def _exact_count(rate: float, chance: float) -> int:
    """Smallest k with P(N <= k) >= chance, N Poisson, by summing from 0."""
    term = _nobody(rate)
    missing = chance - term
    k = 0
    while missing > 0.0:
        k += 1
        term *= rate / k
        missing -= term
    return k


@register_jitable
def _expanded_count(root: np.float32, normal: np.float32) -> np.float32:
    """Cornish-Fisher to its second term, completed to a square so that it cannot fall as the root grows.

    That takes a root of at least 4 and normal numbers up to 4.9, which also keep it from being negative.
    """
    shifted = root + _HALF * normal
    return np.float32(np.floor(shifted * shifted + (_FOUR - normal * normal) * _TWELFTH))


@register_jitable
def _low_count(root: np.float32, total: np.int32) -> float:
    """The Poisson quantile at the sum's chance; up to the seam not below the one where exactness ends."""
    chance = _chance(total)
    if root < EXACT_ROOT:
        return float(_exact_count(_squared(root), chance))
    return max(float(_expanded_count(root, _normal_of(total))), float(_exact_count(EXACT_BELOW, chance)))


@register_jitable
def _swing_block(
    first: np.uint32,
    keys: KeyArray,
    sizes: SingleArray,
    from_left: SingleArray,
    from_right: SingleArray,
    offset: np.float32,
    knots: SingleArray,
    out: SingleArray,
) -> None:
    """Factor on the root of the rate in the minutes of one block; `knots` is room to work in.

    Octaves of 16 minutes and more are added up at every fourth minute, with straight lines in between.
    """
    for octave in range(1, OCTAVES):
        row = knots[octave]
        first_knot = first >> np.uint32(2 * octave)
        for knot in range(BLOCK // 4**octave + 1):
            word = _word(keys[octave, 0], keys[octave, 1], np.uint32(first_knot + np.uint32(knot)))
            row[knot] = sizes[octave] * _knot(word)
    slow = knots[0]
    for place in range(FOURTHS + 1):
        slow[place] = offset
    for octave in range(2, OCTAVES):
        steps = 4 ** (octave - 1)
        row, left_share, right_share = knots[octave], from_left[octave], from_right[octave]
        for knot in range(FOURTHS // steps):
            left, right = row[knot], row[knot + 1]
            for step in range(steps):
                slow[knot * steps + step] += left * left_share[step] + right * right_share[step]
        slow[FOURTHS] += row[FOURTHS // steps]
    fast, left_share, right_share = knots[1], from_left[1], from_right[1]
    for place in range(FOURTHS):
        left, right = fast[place], fast[place + 1]
        level = slow[place]
        slope = (slow[place + 1] - level) * _FOURTH
        out[4 * place] = left + level
        out[4 * place + 1] = left * left_share[1] + right * right_share[1] + (level + slope)
        out[4 * place + 2] = left * left_share[2] + right * right_share[2] + (level + slope * _TWO)
        out[4 * place + 3] = left * left_share[3] + right * right_share[3] + (level + slope * _THREE)
    for minute in range(BLOCK):
        word = _word(keys[0, 0], keys[0, 1], np.uint32(first + np.uint32(minute)))
        out[minute] = _exponential(out[minute] + sizes[0] * _knot(word))


@register_jitable
def _count_block(
    first: np.uint32,
    key: np.uint32,
    other_key: np.uint32,
    rates: FloatArray,
    swing: SingleArray,
    out: FloatArray,
) -> None:
    """Count the minutes together by the expansion, then one by one those where it does not hold."""
    low = np.uint32(0)
    for minute in range(out.shape[0]):
        root = _root(rates[minute], swing[minute])
        total = _sum_of_four(_word(key, other_key, np.uint32(first + np.uint32(minute))))
        out[minute] = _expanded_count(root, _normal_of(total))
        low |= np.uint32(root < SEAM_ROOT)
    if low:
        for minute in range(out.shape[0]):
            root = _root(rates[minute], swing[minute])
            if root < SEAM_ROOT:
                word = _word(key, other_key, np.uint32(first + np.uint32(minute)))
                out[minute] = _low_count(root, _sum_of_four(word))


@register_jitable
def _root(rate: float, swing: np.float32) -> np.float32:
    """Root of the rate a swing leads to. Each step can only grow with the rate."""
    return np.float32(np.sqrt(np.float32(rate * _squared(swing))))


@register_jitable
def _squared(root: np.float32) -> float:
    return np.float64(root) * np.float64(root)


def _swing_python(
    keys: KeyArray,
    sizes: SingleArray,
    from_left: SingleArray,
    from_right: SingleArray,
    offset: np.float32,
    out: FloatArray,
) -> None:
    """Factor on the rate in every minute; `out`, shape (minutes,), is written to."""
    swing, knots = np.empty(BLOCK, dtype=np.float32), np.empty((OCTAVES, FOURTHS + 1), dtype=np.float32)
    for begin in range(0, out.shape[0], BLOCK):
        _swing_block(np.uint32(begin), keys, sizes, from_left, from_right, offset, knots, swing)
        for minute in range(begin, min(begin + BLOCK, out.shape[0])):
            out[minute] = _squared(swing[minute - begin])


def _count_python(rates: FloatArray, stream: KeyArray, out: FloatArray) -> None:
    """Arrivals of every minute; rates and `out`, which is written to, have shape (minutes,)."""
    steady = np.ones(BLOCK, dtype=np.float32)
    for begin in range(0, rates.shape[0], BLOCK):
        end = min(begin + BLOCK, rates.shape[0])
        _count_block(np.uint32(begin), stream[0], stream[1], rates[begin:end], steady, out[begin:end])


def _draw_python(
    rates: FloatArray,
    streams: KeyArray,
    keys: KeyArray,
    sizes: SingleArray,
    from_left: SingleArray,
    from_right: SingleArray,
    offset: np.float32,
    out: FloatArray,
) -> None:
    """What `swing` and `count` come to for rates of shape (rows, minutes), which swing together.

    Block by block, so that nothing but the counts goes through memory.
    """
    swing, knots = np.empty(BLOCK, dtype=np.float32), np.empty((OCTAVES, FOURTHS + 1), dtype=np.float32)
    minutes = rates.shape[1]
    for begin in range(0, minutes, BLOCK):
        end = min(begin + BLOCK, minutes)
        first = np.uint32(begin)
        _swing_block(first, keys, sizes, from_left, from_right, offset, knots, swing)
        for row in range(rates.shape[0]):
            key, other_key = streams[row, 0], streams[row, 1]
            _count_block(first, key, other_key, rates[row, begin:end], swing, out[row, begin:end])


def _round_python(rates: FloatArray, stream: KeyArray, out: FloatArray) -> None:
    """Every rate rounded down or up; rates and `out`, which is written to, have shape (minutes,)."""
    for minute in range(rates.shape[0]):
        chance = np.float64(_word(stream[0], stream[1], np.uint32(minute))) * _SHARE_OF_WORDS
        out[minute] = np.floor(rates[minute] + chance)


_compiled = njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
swing = _compiled(_swing_python)
count = _compiled(_count_python)
draw = _compiled(_draw_python)
round_up_or_down = _compiled(_round_python)
