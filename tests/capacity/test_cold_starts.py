import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import cold_starts
from costmodel.capacity.cold_starts import (
    InitTime,
    billed_init_ms,
    billed_ms,
    cold_start_latency,
    cold_start_ratio,
    steady_state,
)


@pytest.mark.parametrize(
    ("rate_per_s", "duration_s", "idle_s", "expected"),
    [
        (0.001, 0.2, 600, "0.5489"),
        (0.01, 0.2, 600, "0.00445"),
        (0.1, 0.2, 600, "0.00624"),
        (1, 0.2, 600, "0.00062"),
        (1, 0.2, 300, "0.00096"),
        (10, 0.2, 600, "0.00010"),
        (5, 1.0, 300, "0.00062"),
        (100, 0.1, 600, "0.000017"),
    ],
)
def test_cold_start_formula_matches_its_published_table(rate_per_s, duration_s, idle_s, expected):
    decimals = len(expected.partition(".")[2])
    assert f"{cold_start_ratio(rate_per_s, duration_s, idle_s=idle_s):.{decimals}f}" == expected


def test_rare_requests_are_cold_when_nobody_came_within_the_idle_time():
    assert cold_start_ratio(0.001, 1e-6, idle_s=600) == pytest.approx(math.exp(-0.6), rel=1e-6)


def test_provisioned_environments_never_start():
    assert cold_start_ratio(0.001, 0.2, provisioned=5) < 1e-12
    falling = [cold_start_ratio(10, 0.2, provisioned=ready) for ready in (0, 9, 11, 20)]
    assert falling == sorted(falling, reverse=True)
    assert len(set(falling)) == 4


@pytest.mark.parametrize(
    "arguments",
    [(0, 1), (-1, 1), (1, 0), (math.nan, 1), (1, math.nan), (math.inf, 1), (1e6, 1e6)],
)
def test_a_load_that_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="rate and duration"):
        cold_start_ratio(*arguments)
    with pytest.raises(ValueError, match="must not be negative"):
        cold_start_ratio(1, 1, provisioned=-1)
    with pytest.raises(ValueError, match="must not be negative"):
        cold_start_ratio(1, 1, idle_s=math.nan)


class TestSteadyState:
    def test_reads_off_what_the_formula_says(self):
        rates = np.geomspace(1, 50, 200)
        provisioned = np.where(np.arange(200) % 2, 0.0, 12.0)
        cold_ratio, spilled = steady_state(rates, 0.3, provisioned)
        exact = np.array(
            [
                cold_starts._levels(rate, 0.3, 360.0, int(ready))
                for rate, ready in zip(rates, provisioned, strict=True)
            ]
        )
        np.testing.assert_allclose(cold_ratio, exact[:, 0], rtol=0.05, atol=1e-7)
        np.testing.assert_allclose(spilled, exact[:, 1], rtol=0.02, atol=1e-3)

    def test_nobody_comes(self):
        for ratio in steady_state(np.zeros(3), 0.3, np.zeros(3)):
            assert not ratio.any()


@given(rate=st.floats(1e-7, 1e5), duration_s=st.floats(1e-3, 100), provisioned=st.integers(0, 2_000))
@settings(max_examples=150, deadline=None)
def test_compiled_levels_equal_plain_python_bit_for_bit(rate, duration_s, provisioned):
    fast = cold_starts._compiled_levels(rate, duration_s, 360.0, provisioned)
    assert fast == cold_starts._levels(rate, duration_s, 360.0, provisioned)
    assert 0 <= fast[0] <= fast[1] <= 1
    assert provisioned or fast[1] == 1


def test_ratios_of_many_rates_are_those_of_each_bit_for_bit():
    rates = np.geomspace(1e-7, 1e4, 40)
    for duration_s, provisioned in [(0.01, 0), (0.3, 0), (0.3, 12), (20.0, 300)]:
        fast = cold_starts._compiled_ratios(rates, duration_s, 360.0, provisioned)
        plain = cold_starts._ratios(rates, duration_s, 360.0, provisioned)
        each = [cold_starts._compiled_levels(rate, duration_s, 360.0, provisioned) for rate in rates]
        np.testing.assert_array_equal(fast, plain)
        np.testing.assert_array_equal(fast, np.transpose(each))


def test_the_exponent_that_is_left_out_adds_nothing():
    assert math.exp(cold_starts._LEAST_EXPONENT) == 0.0


class TestLatency:
    INIT = InitTime(146.0, 187.0)

    def test_lognormal_parameters_follow_from_two_percentiles(self):
        assert self.INIT.sigma == pytest.approx(math.log(187 / 146) / 1.644854, rel=1e-6)
        assert self.INIT.mean_ms == pytest.approx(146 * math.exp(0.1504796**2 / 2), rel=1e-5)
        assert self.INIT.scaled(2.5) == InitTime(365.0, 467.5)

    def test_warm_requests_are_exponential_behind_the_fixed_part(self):
        latency = cold_start_latency(5.0, 12.0, 0.0, self.INIT)
        assert latency.mean_ms == pytest.approx(17.0)
        assert latency.p50_ms == pytest.approx(5 + 12 * math.log(2))
        assert latency.p95_ms == pytest.approx(5 + 12 * math.log(20))
        assert latency.p99_ms == pytest.approx(5 + 12 * math.log(100))

    @pytest.mark.parametrize("cold_ratio", [0.02, 0.4, 1.0])
    def test_mixture_agrees_with_sampling(self, cold_ratio):
        random = np.random.default_rng(7)
        size = 400_000
        init_ms = 146 * np.exp(random.normal(0, self.INIT.sigma, size))
        sample = 5 + random.exponential(12, size) + np.where(random.random(size) < cold_ratio, init_ms, 0)
        latency = cold_start_latency(5.0, 12.0, cold_ratio, self.INIT)
        assert latency.mean_ms == pytest.approx(sample.mean(), rel=0.01)
        for share, value in ((0.5, latency.p50_ms), (0.95, latency.p95_ms), (0.99, latency.p99_ms)):
            assert value == pytest.approx(np.quantile(sample, share), rel=0.02)


class TestBilledTime:
    @given(fixed_ms=st.floats(0, 50), cpu_ms=st.floats(0.01, 200))
    @settings(max_examples=50, deadline=None)
    def test_is_the_sum_of_the_chances_to_last_longer(self, fixed_ms, cpu_ms):
        longer = [
            math.exp(-max(0.0, whole - fixed_ms) / cpu_ms) for whole in range(int(fixed_ms + 40 * cpu_ms) + 2)
        ]
        assert billed_ms(fixed_ms, cpu_ms) == pytest.approx(sum(longer), rel=1e-9)

    def test_every_request_is_rounded_up(self):
        assert billed_ms(9.3, 1e-6) == 10.0
        assert billed_ms(0.0, 1000.0) == pytest.approx(1000.5, abs=1e-3)


class TestBilledStart:
    """REPORT lines: start and duration are added first and rounded up once."""

    @pytest.mark.parametrize(
        ("duration_ms", "init_ms", "billed"),
        [
            (1049.63, 1293.83, 2344),
            (1058.15, 1307.68, 2366),
            (31414.74, 548.72, 31964),
            (138999.20, 711.04, 139711),
            (76358.00, 640.46, 76999),
        ],
    )
    def test_public_report_lines(self, duration_ms, init_ms, billed):
        init = InitTime(init_ms, init_ms * (1 + 1e-13))
        duration_ms -= 1e-6  # a hair, so that the spread of 1e-9 does not cross a millisecond
        warm_ms = billed_ms(duration_ms, 1e-9)
        assert warm_ms == math.ceil(duration_ms)
        assert warm_ms + billed_init_ms(duration_ms, 1e-9, init) == pytest.approx(billed, abs=1e-6)

    def test_where_both_are_spread_a_start_adds_its_mean(self):
        init = InitTime(365.0, 467.5)
        assert billed_init_ms(10.5, 10.0, init) == pytest.approx(init.mean_ms, abs=0.01)

    def test_agrees_with_sampling(self):
        random = np.random.default_rng(3)
        init = InitTime(2.0, 3.0)
        starts = 2.0 * np.exp(random.normal(0, init.sigma, 400_000))
        durations = 0.3 + random.exponential(0.4, 400_000)
        added = np.ceil(starts + durations).mean() - np.ceil(durations).mean()
        assert billed_init_ms(0.3, 0.4, init) == pytest.approx(added, abs=0.02)


@pytest.mark.parametrize("percentiles", [(0, 1), (2, 1), (math.nan, 1), (1, math.inf), (-1, 1)])
def test_percentiles_of_a_start_that_cannot_be(percentiles):
    with pytest.raises(ValueError, match="0 < p50 <= p95"):
        InitTime(*percentiles)
