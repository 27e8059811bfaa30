import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.demand import draw
from costmodel.demand.noise import (
    burst_factor,
    count_arrivals,
    octave_variances,
    random_stream,
    round_at_random,
)

MONTH = 30 * 1440


def chances(stream, minutes: int) -> list[float]:
    """The chance, 0 to 1, that each minute's random number stands for."""
    with np.errstate(over="ignore"):
        words = [draw._word(stream[0], stream[1], np.uint32(minute)) for minute in range(minutes)]
        return [draw._chance(int(draw._sum_of_four(word))) for word in words]


def exact_poisson_quantile(rate: float, probability: float) -> int:
    k, term = 0, math.exp(-rate)
    below = term
    while below < probability:
        k += 1
        term *= rate / k
        below += term
    return k


def around_31_minutes(series):
    mean = np.convolve(series, np.ones(31) / 31, "valid")
    return series[15:-15] / mean - 1, mean


@pytest.mark.parametrize(("minute_noise", "drift"), [(0.10, 0.12), (0.05, 0.3), (0.3, 0.3)])
def test_noise_has_the_asked_sizes_and_mean_one(minute_noise, drift) -> None:
    inside, slow, means = [], [], []
    for seed in range(12):
        factor = burst_factor(MONTH, seed, minute_noise, drift)
        residual, mean = around_31_minutes(factor)
        inside.append(residual.std())
        slow.append(mean.std() / mean.mean())
        means.append(factor.mean())
        assert factor.min() > 0
    assert np.mean(inside) == pytest.approx(minute_noise, rel=0.05)
    assert np.mean(slow) == pytest.approx(drift, rel=0.08)
    # The longest octave has 42 knots a month: one month's mean strays by about a tenth of the drift.
    assert np.mean(means) == pytest.approx(1, abs=0.1 * drift)


def test_no_noise_is_exactly_one() -> None:
    assert np.all(burst_factor(500, 1, 0, 0) == 1)


def test_each_part_can_be_switched_off() -> None:
    assert octave_variances(0.0, 0.12)[0] == 0
    assert octave_variances(0.1, 0.0)[1] == 0


def test_counts_are_burstier_than_poisson_and_more_so_over_longer_windows() -> None:
    rate = 600.0 * burst_factor(MONTH * 3, 7, 0.10, 0.12)
    counts = count_arrivals(rate, random_stream(7, "europe", "shoppers"))
    dispersion = []
    for window in (1, 5, 15, 60, 300):
        sums = counts[: len(counts) // window * window].reshape(-1, window).sum(axis=1)
        dispersion.append(sums.var() / sums.mean())
    assert dispersion[0] > 5
    assert all(longer > 1.2 * shorter for shorter, longer in itertools.pairwise(dispersion))


def test_swings_have_a_long_memory() -> None:
    log_factor = np.log(burst_factor(MONTH * 3, 3, 0.10, 0.12))
    lag = {k: np.corrcoef(log_factor[:-k], log_factor[k:])[0, 1] for k in (1, 30, 240, 2880)}
    assert lag[1] > lag[30] > lag[240] > 0.04
    assert abs(lag[2880]) < 0.1


def test_counting_alone_is_poisson() -> None:
    for rate in (0.3, 4.0, 15.0, 40.0, 900.0):
        counts = count_arrivals(np.full(200_000, rate), random_stream(1, "europe", "shoppers"))
        assert counts.mean() == pytest.approx(rate, rel=0.01)
        assert counts.var() == pytest.approx(rate, rel=0.02)
        assert np.array_equal(counts, np.floor(counts))


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.7, 3.0, 9.5, 15.99])
def test_small_rates_are_inverted_exactly(rate) -> None:
    stream = random_stream(5, "europe", "shoppers")
    # The root of a rate is kept in single precision.
    kept = float(np.sqrt(np.float32(rate))) ** 2
    expected = [exact_poisson_quantile(kept, chance) for chance in chances(stream, 3000)]
    assert count_arrivals(np.full(3000, rate), stream).tolist() == expected


@pytest.mark.parametrize("rate", [16.0, 30.0, 200.0, 600.0])
def test_large_rates_are_right_to_one_count_and_nearly_always_exact(rate) -> None:
    stream = random_stream(5, "europe", "shoppers")
    expected = np.array([exact_poisson_quantile(rate, chance) for chance in chances(stream, 3000)])
    error = np.abs(count_arrivals(np.full(3000, rate), stream) - expected)
    assert error.max() <= 1
    assert error.mean() < 0.03


@given(
    st.integers(0, 10**6),
    st.lists(st.floats(0, 1e7), min_size=2, max_size=60),
    st.lists(st.floats(10, 30), min_size=2, max_size=60),
)
@settings(max_examples=150, deadline=None)
def test_a_higher_rate_never_gives_a_lower_count(seed, anywhere, near_the_seam) -> None:
    stream = random_stream(seed, "europe", "shoppers")
    rates = np.sort(np.array(anywhere + near_the_seam))
    counts = np.array([count_arrivals(np.array([rate]), stream)[0] for rate in rates])
    assert np.all(np.diff(counts) >= 0)
    assert counts.min() >= 0
    assert np.all(np.isfinite(counts))


@given(st.integers(0, 10**6), st.lists(st.floats(0, 1e7), min_size=2, max_size=60))
@settings(max_examples=150, deadline=None)
def test_a_higher_rate_is_never_rounded_to_a_lower_number(seed, found) -> None:
    stream = random_stream(seed, "europe", "jobs")
    rates = np.sort(np.array(found))
    numbers = np.array([round_at_random(np.array([rate]), stream)[0] for rate in rates])
    assert np.all(np.diff(numbers) >= 0)
    assert np.all(np.isin(numbers - np.floor(rates), (0.0, 1.0)))


@pytest.mark.parametrize("rate", [0.003, 0.25, 7.9, 1_000.5])
def test_rounding_keeps_the_mean(rate) -> None:
    """Over 100 000 minutes the rounding alone scatters by the root of their number, times at most a half."""
    numbers = round_at_random(np.full(100_000, rate), random_stream(1, "europe", "jobs"))
    part = rate % 1.0
    assert numbers.mean() == pytest.approx(rate, abs=4 * math.sqrt(part * (1 - part) / numbers.size))
    assert numbers.var() == pytest.approx(part * (1 - part), rel=0.2)


def test_what_is_whole_stays_whole() -> None:
    whole = np.arange(50_000.0)
    assert np.array_equal(round_at_random(whole, random_stream(1, "europe", "jobs")), whole)


def test_streams_are_keyed_by_name_and_stable_between_processes() -> None:
    assert random_stream(1, "europe", "shoppers").tolist() == [3000681902, 4033532927]
    keys = {
        tuple(random_stream(seed, place, purpose).tolist())
        for seed in (1, 2, 12)
        for place in ("europe", "japan")
        for purpose in ("shoppers", "bots", "octave 1")
    }
    assert len(keys) == 18


BYTES_OF_A_DRAW = """
import hashlib
import numpy as np
from costmodel.demand.noise import burst_factor, count_arrivals, random_stream
factor = burst_factor(5_000, 20260801, 0.1, 0.12)
rate = np.linspace(0, 4_000, 5_000) * factor
counts = count_arrivals(rate, random_stream(20260801, "europe", "shoppers"))
print(*(hashlib.sha256(array.tobytes()).hexdigest()[:16] for array in (factor, counts)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["", "haswell", "x86-64"])
def test_a_draw_has_the_same_bytes_on_every_processor(processor, tmp_path) -> None:
    """Compiled for this processor, for AVX2 and for SSE2, which hold 16, 8 and 4 numbers."""
    environment = os.environ | {"NUMBA_CPU_NAME": processor, "NUMBA_CACHE_DIR": str(tmp_path)}
    words = [sys.executable, "-c", BYTES_OF_A_DRAW]
    found = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
    assert found.split() == ["4b4c2df588c34665", "96d3b02a9bf6a07c"]


def test_octaves_a_trace_already_holds_are_left_out() -> None:
    assert np.all(burst_factor(1000, 1, 0.1, 0.12, below_minutes=1) == 1)
    fine = burst_factor(MONTH, 1, 0.1, 0.12, below_minutes=5)
    assert 0.05 < fine.std() < 0.12
    hourly = fine.reshape(-1, 60).mean(axis=1)
    assert hourly.std() < 0.03


def test_a_longer_run_begins_alike() -> None:
    assert np.array_equal(burst_factor(3 * MONTH, 4, 0.1, 0.12)[:MONTH], burst_factor(MONTH, 4, 0.1, 0.12))
