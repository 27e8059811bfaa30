import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import concurrency
from costmodel.capacity.concurrency import ConcurrencyLimits, busiest_moment, run_concurrency
from costmodel.capacity.loss import compiled_loss, loss
from costmodel.capacity.queueing import erlang_b

UNLIMITED = 1e9


def run(requests_per_s, duration_s=1.0, limit=UNLIMITED, **options):
    requests = np.asarray(requests_per_s, dtype=float) * 60
    return run_concurrency(requests, duration_s, np.full(requests.size, float(limit)), **options)


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

    def test_growth_is_also_ten_thousand_requests_a_second_every_ten_seconds(self):
        """65 000/s of 10 ms need 650 environments, but 55 000, 45 000, ... 5 000 a second are too fast:
        180 000 of 390 000. Behind them come 5 000/s more, on top of the 60 000 reached."""
        result = run([0] * 7 + [65_000, 65_000], duration_s=0.01)
        assert result.throttled_requests[7] == pytest.approx(65_000 * 60 * 180_000 / 390_000)
        assert result.throttled_requests[8] == 0

    def test_ready_environments_need_no_growth(self):
        """6 000 of 6 500 are provisioned: 500 more are there within the first slice."""
        cold = run([0] * 7 + [6500], provisioned=6000)
        assert cold.throttled_requests[7] == 0
        assert cold.environments[7] == pytest.approx(6500 + 3 * math.sqrt(6500))

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


def test_calls_spill_over_when_every_provisioned_environment_is_busy():
    """Erlang B: one busy on average and one provisioned refuse half; 5 and 5, 28.49 %."""
    assert run([1], provisioned=1).provisioned_ratio[0] == pytest.approx(0.5, rel=1e-12)
    assert run([5], provisioned=5).provisioned_ratio[0] == pytest.approx(1 - 0.284867, abs=1e-6)
    assert run([100], provisioned=300).provisioned_ratio[0] == pytest.approx(1.0)
    assert not run([1]).provisioned_ratio.any()


@given(limit=st.integers(1, 400), erlangs=st.floats(0.01, 800))
@settings(max_examples=100, deadline=None)
def test_loss_equals_the_full_erlang_b_recursion(limit, erlangs):
    assert loss(erlangs, float(limit)) == pytest.approx(erlang_b(limit, erlangs), rel=1e-12, abs=1e-15)


rates = st.lists(st.floats(0, 20_000), min_size=1, max_size=40)
durations = st.sampled_from([0.02, 0.5, 3.0])


@given(
    rates_per_s=rates,
    duration_s=durations,
    provisioned=st.sampled_from([0.0, 7.0, 500.0]),
    limit=st.sampled_from([1.0, 10.5, 1_000.0, 50_000.0]),
)
@settings(max_examples=60, deadline=None)
def test_compiled_minutes_equal_plain_python_bit_for_bit(rates_per_s, duration_s, provisioned, limit):
    rate = np.array(rates_per_s)
    erlangs = rate * duration_s
    ready = np.where(np.arange(rate.size) % 3, provisioned, 0.0)
    arguments = (erlangs, busiest_moment(erlangs), rate, np.full(rate.size, limit), ready, 6)
    for fast, plain in zip(
        concurrency._compiled_minutes(*arguments), concurrency._minutes(*arguments), strict=True
    ):
        np.testing.assert_array_equal(fast, plain)
    for load in erlangs:
        assert compiled_loss(load, limit) == loss(load, limit)


@given(rates_per_s=rates, duration_s=durations, provisioned=st.sampled_from([0, 7, 500]))
@settings(max_examples=60, deadline=None)
def test_every_minute_is_sane(rates_per_s, duration_s, provisioned):
    result = run(rates_per_s, duration_s, 1_000, provisioned=provisioned, requests_per_s_limit=10_000)
    check_sane(result, np.array(rates_per_s) * 60, 1_000)


@given(
    rates_per_s=st.lists(st.floats(0, 1e290), min_size=1, max_size=5),
    duration_s=st.floats(1e-6, 1e6),
    limit=st.floats(1, 1e5),
    provisioned=st.floats(0, 1e5),
)
@settings(max_examples=60, deadline=None)
def test_nothing_undefined_or_infinite_leaves_however_large_the_load(
    rates_per_s, duration_s, limit, provisioned
):
    result = run(rates_per_s, duration_s, limit, provisioned=provisioned, requests_per_s_limit=10 * limit)
    check_sane(result, np.array(rates_per_s) * 60, limit)


def check_sane(result, requests, limit):
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
    assert result.environments.max() <= limit * (1 + 1e-12)
    assert result.provisioned_ratio.max() <= 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"requests": [-1.0]}, "requests must be finite"),
        ({"requests": [math.nan]}, "requests must be finite"),
        ({"requests": [math.inf]}, "requests must be finite"),
        ({"requests": [1e308], "duration_s": 1e300}, "requests must be finite"),
        ({"duration_s": 0.0}, "duration above 0 s"),
        ({"duration_s": math.nan}, "duration above 0 s"),
        ({"limit": [0.5]}, "limit must be from 1"),
        ({"limit": [math.nan]}, "limit must be from 1"),
        ({"limit": [1.0, 1.0]}, "limit must be from 1"),
        ({"provisioned": -1.0}, "provisioned must be from 0"),
        ({"provisioned": math.nan}, "provisioned must be from 0"),
        ({"requests_per_s_limit": 0.0}, "requests_per_s_limit must be above 0"),
    ],
)
def test_input_that_cannot_be_is_refused(changes, words):
    arguments = {"requests": [1.0], "duration_s": 1.0, "limit": [10.0]} | changes
    arguments["requests"] = np.array(arguments["requests"])
    arguments["limit"] = np.array(arguments["limit"])
    with pytest.raises(ValueError, match=words), np.errstate(over="ignore"):
        run_concurrency(**arguments)


class TestLimits:
    def test_a_function_without_a_reservation_shares_the_account(self):
        limits = ConcurrencyLimits(1_000)
        assert limits.requests_per_s == 10_000
        assert limits.environments(np.array([0.0, 300.0, 2_000.0])).tolist() == [1_000, 700, 1]

    def test_a_reservation_is_cap_and_guarantee(self):
        limits = ConcurrencyLimits(1_000, reserved=40)
        assert limits.requests_per_s == 400
        assert limits.environments(np.array([0.0, 990.0])).tolist() == [40, 40]

    @pytest.mark.parametrize(("quota", "reserved"), [(1_000, 901), (100, 1), (1_000, -1)])
    def test_a_hundred_stay_unreserved(self, quota, reserved):
        with pytest.raises(ValueError, match=r"stay unreserved .*Lambda Developer Guide"):
            ConcurrencyLimits(quota, reserved)
        assert ConcurrencyLimits(1_000, 900).reserved == 900

    @pytest.mark.parametrize("quota", [0, -5, math.nan])
    def test_a_quota_is_at_least_one(self, quota):
        with pytest.raises(ValueError, match=r"at least 1.*Lambda Developer Guide"):
            ConcurrencyLimits(quota)

    def test_provisioned_concurrency_stays_within_the_reservation_or_leaves_a_hundred(self):
        ConcurrencyLimits(1_000).check_provisioned(900)
        ConcurrencyLimits(1_000, 40).check_provisioned(40)
        for limits, count in [(ConcurrencyLimits(1_000), 901), (ConcurrencyLimits(1_000, 40), 41)]:
            with pytest.raises(ValueError, match=r"provisioned concurrency must be .*Developer Guide"):
                limits.check_provisioned(count)
