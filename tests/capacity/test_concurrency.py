import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import concurrency
from costmodel.capacity.concurrency import (
    InitTime,
    billed_init_ms,
    billed_ms,
    busiest_moment,
    cold_start_latency,
    cold_start_ratio,
    run_concurrency,
)
from costmodel.capacity.queueing import erlang_b

UNLIMITED = 1e9


def run(requests_per_s, duration_s=1.0, limit=UNLIMITED, **options):
    requests = np.asarray(requests_per_s, dtype=float) * 60
    return run_concurrency(requests, duration_s, np.full(requests.size, float(limit)), **options)


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


class TestColdStarts:
    def test_a_step_costs_the_difference_of_the_busiest_moments(self):
        """100 to 200 busy: (200 + 3 sqrt 200) - (100 + 3 sqrt 100) = 242.43 - 130."""
        step = run([100] * 10 + [200] * 10)
        steady_before, steady_after = run([100] * 20), run([200] * 20)
        assert step.cold_starts[10] - steady_after.cold_starts[10] == pytest.approx(112.4264, abs=1e-3)
        assert step.cold_starts[9] == pytest.approx(steady_before.cold_starts[9])
        assert step.cold_starts[11] == pytest.approx(steady_after.cold_starts[11])

    def test_environments_survive_six_idle_minutes_and_not_seven(self):
        assert run([100, 100] + [0] * 5 + [100]).cold_starts[-1] < 1
        assert run([100, 100] + [0] * 6 + [100]).cold_starts[-1] == pytest.approx(130, abs=1)

    def test_a_run_starts_warm(self):
        assert run([100]).cold_starts[0] < 1

    def test_never_more_than_the_requests(self):
        result = run([0, 0, 0, 0, 0, 0, 0, 0.01, 0.01], duration_s=30)
        assert np.all(result.cold_starts <= np.array([0] * 7 + [0.6, 0.6]))


class TestThrottling:
    def test_growth_is_a_thousand_environments_every_ten_seconds(self):
        """6 500 busy from nothing: 5 500, 4 500, ... 500 are missing in the six slices: 18 000 of 39 000."""
        result = run([0] * 7 + [6500, 6500])
        assert result.environments[7] == 6000
        assert result.throttled_requests[7] == pytest.approx(6500 * 60 * 18_000 / 39_000)
        assert result.throttled_requests[8] == 0

    @pytest.mark.parametrize("erlangs", [900.0, 1000.0, 2000.0])
    def test_at_the_limit_the_loss_is_erlang_b(self, erlangs):
        result = run([erlangs], limit=1000)
        assert result.throttled_requests[0] / (erlangs * 60) == pytest.approx(
            erlang_b(1000, erlangs), rel=1e-9
        )

    def test_short_requests_are_refused_by_rate(self):
        """15 000 a second of 10 ms need 150 environments, but a quota of 1 000 starts 10 000 a second."""
        result = run([15_000], duration_s=0.01, limit=1000, requests_per_s_limit=10_000)
        assert result.throttled_requests[0] == pytest.approx(15_000 * 60 / 3)

    def test_well_below_every_limit_nothing_is_refused(self):
        assert not run([500, 600], limit=1000, requests_per_s_limit=10_000).throttled_requests.any()


def test_provisioned_share_is_the_mean_of_the_lowest_levels():
    """One busy on average, one provisioned: E[(N - 1)+] = 1 - 1 + exp(-1) runs beside it."""
    assert run([1], provisioned=1).provisioned_ratio[0] == pytest.approx(1 - math.exp(-1), rel=1e-9)
    assert not run([1]).provisioned_ratio.any()
    assert run([100], provisioned=50).provisioned_ratio[0] == pytest.approx(0.5, abs=1e-6)
    assert run([100], provisioned=300).provisioned_ratio[0] == pytest.approx(1.0)


@given(limit=st.integers(1, 400), erlangs=st.floats(0.01, 800))
@settings(max_examples=100, deadline=None)
def test_loss_equals_the_full_erlang_b_recursion(limit, erlangs):
    assert concurrency._loss(erlangs, float(limit)) == pytest.approx(
        erlang_b(limit, erlangs), rel=2e-3, abs=1e-12
    )


rates = st.lists(st.floats(0, 20_000), min_size=1, max_size=40)


@given(
    rates_per_s=rates, duration_s=st.sampled_from([0.02, 0.5, 3.0]), provisioned=st.sampled_from([0, 7, 500])
)
@settings(max_examples=60, deadline=None)
def test_compiled_kernels_equal_plain_python(rates_per_s, duration_s, provisioned):
    erlangs = np.array(rates_per_s) * duration_s
    arguments = (erlangs, busiest_moment(erlangs), np.full(erlangs.size, 1_000.0), float(provisioned), 6)
    for fast, plain in zip(
        concurrency._compiled_minutes(*arguments), concurrency._minutes(*arguments), strict=True
    ):
        np.testing.assert_allclose(fast, plain, rtol=1e-12)
    rate = max(rates_per_s[0], 1e-3)
    fast = concurrency._compiled_levels(rate, duration_s, 360.0, provisioned)
    plain = concurrency._levels(rate, duration_s, 360.0, provisioned)
    assert fast == pytest.approx(plain, rel=1e-9, abs=1e-9)


@given(
    rates_per_s=rates, duration_s=st.sampled_from([0.02, 0.5, 3.0]), provisioned=st.sampled_from([0, 7, 500])
)
@settings(max_examples=60, deadline=None)
def test_every_minute_is_sane(rates_per_s, duration_s, provisioned):
    result = run(rates_per_s, duration_s, 1_000, provisioned=provisioned, requests_per_s_limit=10_000)
    requests = np.array(rates_per_s) * 60
    columns = (
        result.environments,
        result.cold_starts,
        result.throttled_requests,
        result.provisioned_ratio,
    )
    assert np.isfinite(np.stack(columns)).all()
    assert np.stack(columns).min() >= 0
    assert np.all(result.throttled_requests <= requests)
    assert np.all(result.cold_starts <= requests - result.throttled_requests + 1e-9)
    assert result.environments.max() <= 1_000
    assert result.provisioned_ratio.max() <= 1


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
        assert billed_init_ms(InitTime(100.0, 100.0)) == 100.5
