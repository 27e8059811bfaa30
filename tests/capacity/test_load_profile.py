import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import load_profile
from costmodel.capacity.cold_starts import cold_start_ratio
from costmodel.capacity.concurrency import run_concurrency
from costmodel.capacity.load_profile import LoadProfile


def month(seed, mean_per_s=200.0):
    """A month with days and noise, 43 200 minutes."""
    random = np.random.default_rng(seed)
    minute = np.arange(43_200)
    day = 1.0 + 0.8 * np.sin(minute / 1_440 * 2 * np.pi)
    return 60.0 * mean_per_s * day * np.exp(random.normal(0, 0.1, minute.size))


def exact(requests, duration_s, limit, **options):
    return run_concurrency(requests, duration_s, np.full(requests.size, float(limit)), **options)


@pytest.mark.parametrize(("duration_s", "limit"), [(1.0, 250), (1.0, 350), (0.2, 60), (0.05, 30)])
def test_throttles_are_those_of_the_minute_loop(duration_s, limit):
    requests = month(1)
    found = LoadProfile.of(requests).throttled_requests(duration_s, limit)
    assert found == pytest.approx(exact(requests, duration_s, limit).throttled_requests.sum(), rel=1e-3)


def test_throttles_by_rate_are_those_of_the_minute_loop():
    requests = month(2)
    found = LoadProfile.of(requests).throttled_requests(0.001, 25, 250.0)
    looped = exact(requests, 0.001, 25, requests_per_s_limit=250.0).throttled_requests.sum()
    assert found == pytest.approx(looped, rel=1e-3)


@pytest.mark.parametrize(
    ("duration_s", "provisioned"), [(0.02, 0), (0.2, 0), (1.0, 0), (0.2, 30), (1.0, 250)]
)
def test_cold_starts_are_those_of_the_minute_loop(duration_s, provisioned):
    requests = month(3)
    found = LoadProfile.of(requests).cold_starts(duration_s, provisioned)
    looped = exact(requests, duration_s, 1e6, provisioned=provisioned).cold_starts.sum()
    assert found == pytest.approx(looped, rel=1e-3)


def test_environments_survive_six_idle_minutes_and_not_seven():
    """100 busy need 100 + 3 x sqrt 100 = 130 environments. With five quiet minutes between, the last request
    was six minutes ago at most and all of them are there; with six it was longer ago and 130 are new.

    To those come the cold starts that 3 x 6 000 requests of steady traffic have anyway.
    """
    steady = 3 * 6_000 * cold_start_ratio(100.0, 1.0)
    assert 1 < steady < 2
    for idle, started in [(5, 0), (6, 130)]:
        requests = np.array([6_000.0, 6_000.0] + [0.0] * idle + [6_000.0])
        found = LoadProfile.of(requests).cold_starts(1.0)
        assert found == pytest.approx(steady + started, rel=1e-9)
        assert found == pytest.approx(exact(requests, 1.0, 1e6).cold_starts.sum(), rel=1e-9)


@given(requests=st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
@settings(max_examples=60, deadline=None)
def test_compiled_totals_equal_plain_python_bit_for_bit(requests):
    profile = LoadProfile.of(np.array(requests))
    bins = (profile.bin_minutes, profile.bin_per_s, 0.3, 50.0, 900.0)
    assert load_profile._compiled_throttled(*bins) == load_profile._throttled(*bins)
    rises = (profile.rising_per_s, profile.surpassed_per_s, 0.3, 5.0)
    assert load_profile._compiled_started(*rises) == load_profile._started(*rises)
    assert profile.bin_minutes.sum() == len(requests)
    assert math.isfinite(profile.cold_starts(0.3))


@pytest.mark.parametrize("requests", [[], [-1.0], [math.nan], [math.inf]])
def test_requests_that_cannot_be_are_refused(requests):
    with pytest.raises(ValueError, match="at least one minute"):
        LoadProfile.of(np.array(requests))
