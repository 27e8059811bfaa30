import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import provisioned_concurrency
from costmodel.capacity.provisioned_concurrency import (
    ProvisionedScaling,
    follow_utilisation,
    hold_provisioned,
)

POLICY = ProvisionedScaling(minimum=10, maximum=1_000)


def follow(erlangs, policy=POLICY):
    return follow_utilisation(np.asarray(erlangs, dtype=float), policy)


class TestFollowing:
    def test_starts_settled(self):
        """70 busy at a target of 70 % need 100."""
        assert follow([70.0]).ready[0] == 100
        assert follow([1.0]).ready[0] == 10
        assert follow([5_000.0]).ready[0] == 1_000

    def test_scales_out_after_three_points_and_two_minutes(self):
        """All 100 busy from minute 10 on: points of minutes 10, 11, 12 are seen one minute later.

        100 x 100 % / 70 % = 142.9: 143 are asked for after minute 13, billed from 14 and ready in 16.
        """
        run = follow([70.0] * 10 + [300.0] * 10)
        assert run.configured[:14].tolist() == [100] * 14
        assert run.configured[14] == 143
        assert run.ready[15] == 100
        assert run.ready[16] == 143

    def test_one_step_grows_by_at_most_the_reciprocal_of_the_target(self):
        """Utilisation stops at 100 %: 100, 143, 205, 293, whatever the load."""
        run = follow([70.0] * 5 + [900.0] * 40)
        assert list(dict.fromkeys(run.ready.tolist()))[:4] == [100, 143, 205, 293]

    def test_scales_in_after_fifteen_points(self):
        """35 busy of 100 from minute 10 on: 50 are enough, and given back as soon as it is decided."""
        run = follow([70.0] * 10 + [35.0] * 30)
        assert run.ready[25] == 100
        assert run.ready[26] == 50
        assert run.ready[39] == 50

    def test_between_the_thresholds_nothing_happens(self):
        """64 of 100 lie between 63 and 70."""
        assert set(follow([70.0] * 5 + [64.0] * 60).ready.tolist()) == {100}

    def test_minutes_without_calls_have_no_point(self):
        """Without data no alarm counts: what is provisioned stays, all night long."""
        assert set(follow([70.0] * 5 + [0.0] * 600).configured.tolist()) == {100}
        assert set(follow(([70.0] * 2 + [0.0]) * 40).configured.tolist()) == {100}

    def test_bounds_hold(self):
        run = follow([70.0] * 5 + [5_000.0] * 200 + [0.1] * 200)
        assert run.configured.max() == 1_000
        assert run.configured.min() == 10

    def test_started_are_the_increases(self):
        run = follow([70.0] * 10 + [300.0] * 6)
        assert run.started.sum() == 43
        assert run.started[14] == 43


class TestBilling:
    def test_what_is_given_back_stays_on_the_bill_until_its_step_ends(self):
        """10 more from minute 3 to minute 10 are on for 7 minutes and billed for 10, to minute 12."""
        configured = np.array([20.0] * 3 + [30.0] * 7 + [20.0] * 10)
        billed = provisioned_concurrency._billed(configured)
        assert billed.tolist() == [20] * 3 + [30] * 10 + [20] * 7

    def test_the_newest_go_first(self):
        """5 from minute 1, 5 from minute 4; 5 leave in minute 6: those of minute 4, billed up to minute 8."""
        configured = np.array([1.0, 6, 6, 6, 11, 11, 6, 6, 6, 6])
        assert provisioned_concurrency._billed(configured).tolist() == [1, 6, 6, 6, 11, 11, 11, 11, 11, 6]

    def test_held_all_the_time(self):
        run = hold_provisioned(7, 1440)
        assert run.billed_s.sum() == 7 * 86_400
        assert not run.started.any()

    @given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
    def test_never_less_than_what_is_on_nor_more_than_a_step_each_time(self, levels):
        configured = np.array(levels, dtype=float)
        billed = provisioned_concurrency._compiled_billed(configured)
        np.testing.assert_array_equal(billed, provisioned_concurrency._billed(configured))
        given_back = np.maximum(0.0, -np.diff(configured)).sum()
        assert np.all(billed >= configured)
        assert billed.sum() <= configured.sum() + 4 * given_back


@given(
    erlangs=st.lists(st.floats(0, 2_000), min_size=0, max_size=120),
    target=st.sampled_from([0.1, 0.5, 0.7, 1.0]),
    bounds=st.sampled_from([(1, 5), (10, 1_000), (300, 300)]),
)
@settings(max_examples=60, deadline=None)
def test_compiled_policy_equals_plain_python_bit_for_bit_and_stays_in_bounds(erlangs, target, bounds):
    loads = np.array(erlangs)
    arguments = (loads, target, float(bounds[0]), float(bounds[1]))
    fast = provisioned_concurrency._compiled_follow(*arguments)
    for one, other in zip(fast, provisioned_concurrency._follow(*arguments), strict=True):
        np.testing.assert_array_equal(one, other)
    run = follow_utilisation(loads, ProvisionedScaling(*bounds, target_ratio=target))
    for column in (run.configured, run.ready, run.billed_s):
        assert np.isfinite(column).all()
    assert np.all((run.ready >= bounds[0]) & (run.ready <= run.configured))
    assert np.all(run.configured <= bounds[1])
    assert np.all(run.configured == np.round(run.configured))


@pytest.mark.parametrize("target", [0, -0.1, 1.01, math.nan, math.inf])
def test_a_target_outside_0_to_1_is_refused(target):
    with pytest.raises(ValueError, match=r"above 0 and at most 1.*Developer Guide"):
        ProvisionedScaling(1, 5, target)


@pytest.mark.parametrize("bounds", [(0, 5), (6, 5), (-1, 1), (1, 10**12)])
def test_bounds_that_cannot_be_are_refused(bounds):
    with pytest.raises(ValueError, match=r"1 <= minimum <= maximum.*API Reference"):
        ProvisionedScaling(*bounds)


@pytest.mark.parametrize("load", [-1.0, math.nan, math.inf, 1e10])
def test_a_load_that_cannot_be_is_refused(load):
    with pytest.raises(ValueError, match="erlangs must be from 0"):
        follow([load])
