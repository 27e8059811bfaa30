import math

import numpy as np
import pytest

from costmodel.capacity.scaling import (
    PredictiveScaling,
    ScheduledAction,
    Step,
    StepScaling,
    TargetTracking,
    forecast_from_history,
    policy_tables,
    raised_minimums,
)

UP = (Step(0, math.inf, 1),)


def step_policy(**changes):
    values = {"metric": "cpu", "threshold": 0.5, "above": True, "steps": UP, "adjustment": "change"}
    return StepScaling(**(values | changes))


@pytest.mark.parametrize(
    ("metric", "target"), [("cpu", 0), ("cpu", 1.01), ("cpu", math.nan), ("requests_per_target", math.inf)]
)
def test_refuses_a_target_no_metric_can_have(metric, target):
    with pytest.raises(ValueError, match="target tracking"):
        TargetTracking(metric, target)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": ()}, "1 to 20 steps"),
        ({"steps": (*(Step(i, i + 1, 1) for i in range(20)), Step(20, math.inf, 1))}, "1 to 20 steps"),
        ({"threshold": math.nan}, "threshold"),
        ({"points": 0}, "1 point"),
        ({"least_adjustment": 1}, "PercentChangeInCapacity only"),
        ({"steps": (Step(0, 1, 1), Step(1, math.inf, 2)), "cooldown_minutes": 5}, "simple scaling"),
        ({"steps": (Step(0, math.inf, math.nan),)}, "finite adjustment"),
        ({"steps": (Step(1, 1, 1),)}, "lower bound below"),
        ({"steps": (Step(0, math.inf, -1),), "adjustment": "exact"}, "ExactCapacity"),
        ({"steps": (Step(0, 1, 1), Step(2, math.inf, 2))}, "gap"),
        ({"steps": (Step(0, 1, 1),)}, "outermost"),
        ({"above": False}, "outermost"),
    ],
)
def test_refuses_steps_that_aws_would_refuse(changes, words):
    with pytest.raises(ValueError, match=words):
        step_policy(**changes)


@pytest.mark.parametrize(
    "sizes", [{}, {"min_size": -1}, {"min_size": 5, "max_size": 4}, {"desired_size": 9, "max_size": 8}]
)
def test_refuses_a_schedule_that_cannot_be(sizes):
    with pytest.raises(ValueError, match="scheduled action"):
        ScheduledAction(0, **sizes)


def test_refuses_a_forecast_that_is_not_one():
    with pytest.raises(ValueError, match="finite"):
        PredictiveScaling(np.array([1.0, math.nan]))
    with pytest.raises(ValueError, match="0 to 60 minutes"):
        PredictiveScaling(np.ones(3), 61)


def test_a_group_has_up_to_fifty_policies():
    for count in (0, 51):
        with pytest.raises(ValueError, match="1 to 50 policies"):
            policy_tables([step_policy()] * count)
    policies, steps = policy_tables([TargetTracking("cpu", 0.5), step_policy(), step_policy()])
    assert policies.shape == (3, 11)
    assert steps.shape == (2, 3)
    assert list(policies[:, 9:].ravel()) == [0, 0, 0, 1, 1, 2]


def days(*levels):
    """One level of load for each day."""
    return np.repeat(np.array(levels, dtype=float), 1440)


class TestForecast:
    def test_floors_change_with_the_hour_and_early_in_the_buffer(self):
        assert PredictiveScaling(np.array([3.0, 8.0, 2.0, 9.0]), 60).floors() == [(0, 8), (120, 9)]

    def test_a_day_is_expected_to_be_the_mean_of_the_fourteen_before(self):
        """Days of 0, 1, ... 19: day 16 expects (2 + ... + 15) / 14 = 8.5, and an instance does 2 at the target."""
        found = forecast_from_history(days(*range(20)), 4.0, 0.5).reshape(20, 24)
        assert set(found[16]) == {8.5 / 2}
        assert set(found[19]) == {11.5 / 2}

    def test_in_the_first_fortnight_its_other_days_stand_for_those_before(self):
        """0 to 13 sum to 91: day 3 expects (91 - 3) / 13. Of three days, day 0 expects (1 + 2) / 2."""
        assert forecast_from_history(days(*range(20)), 1.0, 1.0)[3 * 24] == pytest.approx(88 / 13)
        assert forecast_from_history(days(0, 1, 2), 1.0, 1.0)[0] == 1.5

    def test_an_hour_asks_for_its_busiest_minute_and_the_error_comes_on_top(self):
        day = np.full(1440, 30.0)
        day[119] = 95.0
        work = np.tile(day, 15)
        found = forecast_from_history(work, 60.0, 0.5, error_ratio=-0.1)
        assert found[14 * 24] == pytest.approx(0.9)
        assert found[14 * 24 + 1] == pytest.approx(0.9 * 95 / 30)

    @pytest.mark.parametrize("day", [0, 5, 13, 14, 29])
    def test_a_day_is_not_in_its_own_forecast(self, day):
        """Nor are later days, once a fortnight has passed."""
        work = np.random.default_rng(1).uniform(0, 9, 30 * 1440)
        spoilt = work.copy()
        spoilt[day * 1440 : (day + 1) * 1440] = 1e6
        if day >= 14:
            spoilt[day * 1440 :] = 1e6
        before, after = forecast_from_history(work, 1.0, 1.0), forecast_from_history(spoilt, 1.0, 1.0)
        hours = slice(day * 24, (day + 1) * 24)
        np.testing.assert_allclose(after[hours], before[hours], atol=1e-8)

    def test_one_day_has_no_history(self):
        assert not forecast_from_history(days(9), 1.0, 1.0).any()


class TestRaisedMinimums:
    def test_the_largest_of_what_overlaps_holds(self):
        """2 usually; 5 from 10 to 30, 9 from 20 to 40, 5 again nowhere."""
        assert raised_minimums([(10, 30, 5), (20, 40, 9)], 2) == (
            ScheduledAction(10, min_size=5),
            ScheduledAction(20, min_size=9),
            ScheduledAction(40, min_size=2),
        )

    def test_what_the_minimum_holds_anyway_needs_no_action(self):
        assert raised_minimums([(10, 30, 2), (50, 60, 1)], 2) == ()

    def test_a_group_has_its_quota_of_actions(self):
        with pytest.raises(ValueError, match="125 scheduled actions"):
            raised_minimums([(10 * k, 10 * k + 5, 3) for k in range(63)], 1)
