import math

import numpy as np
import pytest

from costmodel.capacity.scaling import (
    PredictiveScaling,
    ScheduledAction,
    Step,
    StepScaling,
    TargetTracking,
    forecast,
    policy_tables,
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


def test_a_forecast_holds_the_busiest_minute_of_each_hour():
    work = np.concatenate([np.full(60, 30.0), np.full(59, 60.0), [95.0], np.full(5, 10.0)])
    assert list(forecast(work, 60.0, 0.5)) == [1, 4, 1]
    assert PredictiveScaling(np.array([3.0, 8.0, 2.0, 9.0]), 60).floors() == [(0, 8), (120, 9)]
