import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.demand.noise import burst_factor, count_arrivals, octave_variances, random_stream

MONTH = 30 * 1440


class Fixed:
    """A stream whose normal numbers are given."""

    def __init__(self, normal) -> None:
        self.normal = normal

    def standard_normal(self, size):
        return np.broadcast_to(self.normal, size).astype(float)


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
    normal = np.random.default_rng(5).standard_normal(3000)
    expected = [exact_poisson_quantile(rate, NormalDist().cdf(z)) for z in normal]
    assert count_arrivals(np.full(3000, rate), Fixed(normal)).tolist() == expected


@pytest.mark.parametrize("rate", [16.0, 30.0, 200.0, 600.0])
def test_large_rates_are_right_to_one_count_and_nearly_always_exact(rate) -> None:
    normal = np.random.default_rng(5).standard_normal(3000)
    expected = np.array([exact_poisson_quantile(rate, NormalDist().cdf(z)) for z in normal])
    error = np.abs(count_arrivals(np.full(3000, rate), Fixed(normal)) - expected)
    assert error.max() <= 1
    assert error.mean() < 0.02


@given(
    st.floats(-9, 9),
    st.lists(st.floats(0, 1e7), min_size=2, max_size=60),
    st.lists(st.floats(10, 22), min_size=2, max_size=60),
)
@settings(max_examples=150, deadline=None)
def test_a_higher_rate_never_gives_a_lower_count(normal, anywhere, near_the_seam) -> None:
    rates = np.sort(np.array(anywhere + near_the_seam))
    counts = count_arrivals(rates, Fixed(normal))
    assert np.all(np.diff(counts) >= 0)
    assert counts.min() >= 0
    assert np.all(np.isfinite(counts))


def test_streams_are_keyed_by_name_and_stable_between_processes() -> None:
    assert random_stream(1, "europe", "shoppers").integers(10**9, size=2).tolist() == [999377606, 738220339]
    drawn = {
        float(random_stream(seed, place, purpose).random())
        for seed in (1, 2, 12)
        for place in ("europe", "japan")
        for purpose in ("shoppers", "bots", "octave 1")
    }
    assert len(drawn) == 18


def test_octaves_a_trace_already_holds_are_left_out() -> None:
    assert np.all(burst_factor(1000, 1, 0.1, 0.12, below_minutes=1) == 1)
    fine = burst_factor(MONTH, 1, 0.1, 0.12, below_minutes=5)
    assert 0.05 < fine.std() < 0.12
    hourly = fine.reshape(-1, 60).mean(axis=1)
    assert hourly.std() < 0.03


def test_a_longer_run_begins_alike() -> None:
    assert np.array_equal(burst_factor(3 * MONTH, 4, 0.1, 0.12)[:MONTH], burst_factor(MONTH, 4, 0.1, 0.12))
