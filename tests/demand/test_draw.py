"""The random numbers behind the demand: their quality, their plain twin, and that they are made many at a time."""

import math
import re
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from costmodel.demand import draw
from costmodel.demand.noise import burst_factor, count_arrivals, count_swinging, random_stream, swings

LAST = 2 * draw.MIDDLE

_word, _sum_of_four, _chance = draw._word, draw._sum_of_four, draw._chance
_normal_of, _knot, _exponential, _nobody = draw._normal_of, draw._knot, draw._exponential, draw._nobody
_low_count, _expanded_count = draw._low_count, draw._expanded_count
SEAM_ROOT = draw.SEAM_ROOT


@njit
def words(key, other_key, first, many):
    out = np.empty(many, dtype=np.uint32)
    for place in range(many):
        out[place] = _word(key, other_key, np.uint32(first + np.uint32(place)))
    return out


@njit
def sums(of_words):
    out = np.empty(of_words.size, dtype=np.int32)
    for place in range(of_words.size):
        out[place] = _sum_of_four(of_words[place])
    return out


@njit
def knots(of_words):
    out = np.empty(of_words.size, dtype=np.float32)
    for place in range(of_words.size):
        out[place] = _knot(of_words[place])
    return out


@njit
def bell_curve(last):
    """Chance and normal number of every sum of four."""
    out = np.empty((2, last + 1))
    for total in range(last + 1):
        out[0, total] = _chance(total)
        out[1, total] = _normal_of(np.int32(total))
    return out


@njit
def counts_at(roots, total):
    out = np.empty(roots.size)
    for place in range(roots.size):
        if roots[place] < SEAM_ROOT:
            out[place] = _low_count(roots[place], np.int32(total))
        else:
            out[place] = _expanded_count(roots[place], _normal_of(np.int32(total)))
    return out


@njit
def exponentials(values):
    out = np.empty((2, values.size))
    for place in range(values.size):
        out[0, place] = _exponential(np.float32(values[place]))
        out[1, place] = _nobody(values[place])
    return out


def drawn(seed=1, many=1 << 20, purpose="shoppers"):
    key = random_stream(seed, "europe", purpose)
    return words(key[0], key[1], np.uint32(0), many)


def surprise(observed, expected):
    """Chi-square in standard deviations from what is expected of it."""
    chi_square = ((observed - expected) ** 2 / expected).sum()
    freedom = observed.size - 1
    return (chi_square - freedom) / math.sqrt(2 * freedom)


def correlation(one, other):
    """In standard deviations of the correlation of independent numbers."""
    return np.corrcoef(one, other)[0, 1] * math.sqrt(one.size)


@pytest.mark.parametrize("shift", [0, 4, 8, 16, 20, 24])
def test_every_byte_is_even(shift):
    found = np.bincount((drawn() >> np.uint32(shift)) & np.uint32(255), minlength=256)
    assert abs(surprise(found, np.full(256, (1 << 20) / 256))) < 4


def test_successive_words_fill_the_square_evenly():
    high = (drawn() >> np.uint32(26)).astype(np.int64)
    pairs = np.bincount(high[:-1] * 64 + high[1:], minlength=4096)
    assert abs(surprise(pairs, np.full(4096, (high.size - 1) / 4096))) < 4


def test_no_two_words_of_a_year_are_more_alike_than_they_should_be():
    """A key of its own makes a permutation: no word twice in a stream, as few as by chance between streams."""
    year = 525_600
    one, other = drawn(many=year), drawn(seed=2, many=year)
    assert np.unique(one).size == year
    # 525 600^2 / 2^32 = 64.3 words in common by chance.
    assert 30 < np.intersect1d(one, other).size < 105


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 60, 1024, 1440])
def test_a_stream_does_not_follow_itself(lag):
    total = sums(drawn()).astype(float)
    assert abs(correlation(total[:-lag], total[lag:])) < 4
    spread = (total - draw.MIDDLE) ** 2
    assert abs(correlation(spread[:-lag], spread[lag:])) < 4


def test_streams_do_not_follow_each_other(model_row):
    streams = [drawn(seed, 1 << 18, purpose) for seed in range(12) for purpose in ("shoppers", "bots")]
    totals = [sums(one).astype(float) for one in streams]
    worst = max(
        abs(correlation(totals[one], totals[other])) for one in range(len(totals)) for other in range(one)
    )
    # The largest of 276 normal numbers is 3.1 on average, and 4.5 once in 500 times.
    assert worst < 4.5
    model_row(
        "demand",
        "random numbers",
        rule="each is a function of key and minute",
        source="Salmon et al. (2011); Wellons (2018)",
        oracle="chi-square, lags, 24 streams against each other",
        tolerance="4.5 standard deviations",
        observed_error=f"{worst:.2g} standard deviations",
    )


def test_the_halves_of_a_sum_are_independent():
    """The second word is made of the first: their bytes must not know of each other."""
    of_words = drawn()
    with np.errstate(over="ignore"):
        other = (of_words ^ (of_words >> np.uint32(15))) * draw._FIRST_FACTOR
        other ^= other >> np.uint32(16)
    for first in range(0, 32, 6):
        for second in range(0, 32, 6):
            one = (of_words >> np.uint32(first)).astype(np.int64) & 63
            two = (other >> np.uint32(second)).astype(np.int64) & 63
            found = np.bincount(one * 64 + two, minlength=4096)
            expected = (
                np.outer(np.bincount(one, minlength=64), np.bincount(two, minlength=64)) / of_words.size
            )
            used = expected.ravel() > 0
            assert abs(surprise(found[used], expected.ravel()[used])) < 5, (first, second)


@pytest.mark.parametrize("make", [lambda of_words: bell_curve(LAST)[1][sums(of_words)], knots])
def test_normal_numbers_have_a_bells_moments(make):
    normal = make(drawn()).astype(float)
    root = math.sqrt(normal.size)
    assert abs(normal.mean()) < 4 / root
    assert normal.var() == pytest.approx(1, abs=4 * math.sqrt(2) / root + 1e-4)
    assert (normal**3).mean() == pytest.approx(0, abs=4 * math.sqrt(15) / root)
    assert (normal**4).mean() == pytest.approx(3, abs=4 * math.sqrt(96) / root + 0.01)


def test_a_normal_number_has_the_chance_of_its_sum():
    chance, normal = bell_curve(LAST)
    assert np.all(np.diff(normal) > 0)
    assert np.all(np.diff(chance) >= 0)
    near = np.flatnonzero(np.abs(normal) < 3.5)[::50]
    expected = np.array([NormalDist().inv_cdf(one) for one in chance[near]])
    assert np.abs(normal[near] - expected).max() < 0.003


def test_chances_of_a_sum_are_counted_right():
    """Against the distribution of the sum of four numbers from 0 to 65 535, added up one after the other."""
    uniform = np.full(65_536, 1 / 65_536)
    size = 1 << 18
    spectrum = np.fft.rfft(uniform, size) ** 4
    exact = np.fft.irfft(spectrum, size)[: LAST + 1]
    below = np.cumsum(exact) - exact / 2
    assert np.abs(bell_curve(LAST)[0] - below).max() < 2e-12


def test_exponentials():
    values = np.linspace(0, 25, 1001)
    assert exponentials(values)[1] == pytest.approx(np.exp(-values), rel=1e-13)
    for most, error in ((2, 2e-6), (5, 3e-5)):
        values = np.linspace(-most, most, 1001)
        assert exponentials(values)[0] == pytest.approx(np.exp(values), rel=error)


def test_where_exactness_ends_no_count_falls():
    """For each of the 262 141 sums: at the seam the expansion is not below the exact count at 16 a minute."""
    low = np.array([3.999, 4.0, 4.2, 4.6, 4.999, 5.0, 5.001], dtype=np.float32)

    @njit
    def falls():
        fallen = 0
        for total in range(LAST + 1):
            fallen += np.any(np.diff(counts_at(low, total)) < 0)
        return fallen

    assert falls() == 0


@given(st.integers(0, LAST), st.lists(st.floats(0, 4_000, width=32), min_size=2, max_size=60))
@settings(max_examples=300, deadline=None)
def test_a_higher_root_never_gives_a_lower_count(total, found):
    roots = np.sort(np.array(found, dtype=np.float32))
    beside = np.sort(np.concatenate([roots, np.nextafter(roots, np.float32(np.inf))]))
    counts = counts_at(beside, total)
    assert np.all(np.diff(counts) >= 0)
    assert np.all(np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts)))


@pytest.mark.parametrize("rate", [0.3, 4.0, 15.5, 20.0, 24.0, 40.0])
def test_counts_are_poisson(rate, model_row):
    counts = np.concatenate(
        [count_arrivals(np.full(100_000, rate), random_stream(seed, "japan", "bots")) for seed in range(20)]
    ).astype(int)
    chances = [math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(120)]
    expected = counts.size * np.array(chances)
    usual = expected > 20
    observed = np.bincount(counts, minlength=120)[:120]
    if rate < draw.EXACT_BELOW:
        assert abs(surprise(observed[usual], expected[usual])) < 4
    error = np.abs(np.cumsum(observed - expected)).max() / counts.size
    # Two million draws: the largest gap of two distribution functions is 1.6 / sqrt(2e6) = 1.1e-3 once in 100 times.
    assert error < 2e-3
    model_row(
        "demand",
        f"counting at {rate:g} a minute",
        rule="Poisson quantile: exact below 16, Cornish-Fisher above",
        source="Cornish and Fisher (1938)",
        oracle="Poisson distribution, 2 million draws",
        tolerance="distribution functions 2e-3 apart",
        observed_error=error,
    )


def on_the_safe_side(many):
    """Keys and rates of any size, the small ones where counting is exact."""
    return st.lists(st.floats(0, 40) | st.floats(0, 1e6), min_size=1, max_size=many)


KEYS = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2).map(
    lambda pair: np.array(pair, dtype=np.uint32)
)


@given(on_the_safe_side(120), KEYS)
@settings(max_examples=30, deadline=None)
def test_counting_equals_plain_python_bit_for_bit(found, key):
    rates = np.array(found)
    compiled, plain = np.empty(rates.size), np.empty(rates.size)
    draw.count(rates, key, compiled)
    with np.errstate(over="ignore"):
        draw._count_python(rates, key, plain)
    assert np.array_equal(compiled, plain)


@given(on_the_safe_side(120), KEYS)
@settings(max_examples=30, deadline=None)
def test_rounding_equals_plain_python_bit_for_bit(found, key):
    rates = np.array(found)
    compiled, plain = np.empty(rates.size), np.empty(rates.size)
    draw.round_up_or_down(rates, key, compiled)
    with np.errstate(over="ignore"):
        draw._round_python(rates, key, plain)
    assert np.array_equal(compiled, plain)


@given(st.integers(0, 2**31), st.floats(0, 2), st.floats(0, 2), on_the_safe_side(40))
@settings(max_examples=8, deadline=None)
def test_swings_equal_plain_python_bit_for_bit(seed, noise, drift, found):
    parts = swings(seed, noise, drift)
    compiled, plain = np.empty(1_100), np.empty(1_100)
    draw.swing(*parts, compiled)
    rates = np.resize(np.array(found), (2, 1_100))
    streams = np.stack([random_stream(seed, "europe", purpose) for purpose in ("shoppers", "bots")])
    counted, slowly = np.empty_like(rates), np.empty_like(rates)
    draw.draw(rates, streams, *parts, counted)
    with np.errstate(over="ignore"):
        draw._swing_python(*parts, plain)
        draw._draw_python(rates, streams, *parts, slowly)
    assert np.array_equal(compiled, plain)
    assert np.array_equal(counted, slowly)
    assert np.all(np.isfinite(compiled) & (compiled > 0))


@pytest.mark.parametrize("mean", [0.3, 12.0, 26.0, 4_000.0])
def test_one_pass_draws_what_the_steps_do(mean):
    rates = mean * (1 + np.sin(np.arange(2 * 5_000).reshape(2, 5_000) / 200))
    streams = [random_stream(3, place, "shoppers") for place in ("europe", "japan")]
    factor = burst_factor(5_000, 3, 0.2, 0.3)
    together = count_swinging(rates, streams, swings(3, 0.2, 0.3))
    for row, stream in enumerate(streams):
        assert np.array_equal(together[row], count_arrivals(rates[row] * factor, stream))


def vector_widths(function, arguments, operation):
    """How many numbers each of the compiled `operation`s takes at once; 1 where it stands alone."""
    kernel = njit(nogil=True, boundscheck=False, error_model="numpy")(function)
    kernel(*arguments)
    (code,) = kernel.inspect_llvm().values()
    return [int(width or 1) for width in re.findall(operation, code)]


KEY, SWINGS = random_stream(1, "", ""), swings(1, 0.1, 0.1)
ROOT = r"call (?:<\d+ x )?float>? @(?:llvm\.sqrt\.v(\d+)f32|sqrtf)"
BYTES = r"= and (?:<(\d+) x )?i32>? [^\n]*16711935"
KERNELS = {
    "count": (draw._count_python, (np.ones(9), KEY, np.ones(9)), ROOT),
    "draw": (draw._draw_python, (np.ones((1, 9)), KEY[None], *SWINGS, np.ones((1, 9))), ROOT),
    "swing": (draw._swing_python, (*SWINGS, np.ones(9)), BYTES),
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_compiler_uses_vector_registers(kernel):
    """With AVX2 or AVX-512 alike. Compiled anew, as code from the cache cannot be looked into.

    Counting takes a root of every rate; a swing takes every second byte of the word of every knot.
    """
    assert max(vector_widths(*KERNELS[kernel])) >= 4


def test_a_kernel_that_does_one_by_one_would_be_found():
    def follows_itself(values):
        x = np.float32(2.0)
        for place in range(values.size):
            x = np.sqrt(x + np.float32(values[place]))
        return x

    assert max(vector_widths(follows_itself, (np.ones(9),), ROOT)) == 1
