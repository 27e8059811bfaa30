from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.managed_instances import (
    MOST_LOAD,
    ManagedGroup,
    _compiled_minutes,
    _minutes,
    run_managed,
)
from costmodel.capacity.queueing import erlang_b

GROUP = ManagedGroup(instance_vcpus=2, slots=128, target_ratio=0.5, maximum=100)
NOBODY = np.zeros(60)
LOADS = st.lists(st.floats(0, MOST_LOAD), min_size=1, max_size=60)


def test_growth_doubles_in_five_minutes_and_leaves_after_fifteen(model_row: Callable[..., None]) -> None:
    # An instance has 2 vCPUs and is filled to 1. Two busy vCPUs would need 2 instances: 3 are kept. Minute 10
    # has 6 busy, which fill the three; 11 to 29 have 18, for which 18 instances are wanted.
    busy = np.full(60, 2.0)
    busy[10] = 6.0
    busy[11:30] = 18.0
    run = run_managed(busy, NOBODY, GROUP)
    # Known a minute late: 6 in minute 11, which is as much as twice minute 6. Twice minute 11 comes with 16,
    # twice that would be 24 with 21. Minute 30 still works off 29, and it leaves the last fifteen with 45.
    instances = [3] * 11 + [6] * 5 + [12] * 5 + [18] * 24 + [3] * 15
    assert run.instances.tolist() == instances
    # 6 instances have 12 vCPUs for 18 busy ones: a third is refused.
    refused = [0.0] * 11 + [1 / 3] * 5 + [0.0] * 44
    assert run.refused_ratio.tolist() == pytest.approx(refused, abs=1e-12)
    model_row(
        "Lambda",
        "Managed Instances: growth and throttles",
        rule="3 instances at least; capacity at most doubles in 5 minutes; what finds no room is refused",
        source="AWS Lambda Developer Guide, Scaling Lambda Managed Instances (2026-01)",
        oracle="minute table worked by hand, 60 minutes",
        tolerance="exact",
        observed_error=float(np.abs(run.instances - instances).max()),
    )


def test_traffic_that_doubles_within_five_minutes_is_served() -> None:
    # Half of the CPU is free, which is what AWS promises: no throttles up to a doubling.
    busy = np.concatenate([np.full(20, 10.0), np.full(20, 20.0), np.full(20, 40.0)])
    assert run_managed(busy, NOBODY, GROUP).refused_ratio.max() == 0.0
    busy[20:] *= 1.5
    assert run_managed(busy, NOBODY, GROUP).refused_ratio[20] == pytest.approx(1 / 3)


def test_requests_in_flight_call_for_instances_too() -> None:
    # 640 in flight on instances of 128 slots, half full: 10 instances, whatever the CPU does.
    assert run_managed(NOBODY, np.full(60, 640.0), GROUP).instances.tolist() == [10.0] * 60


def test_what_finds_every_slot_taken_is_lost() -> None:
    # 3 instances with 2 slots at most: Erlang B of 6 servers under 5 erlangs.
    small = replace(GROUP, slots=2, maximum=3)
    refused = run_managed(NOBODY, np.full(60, 5.0), small).refused_ratio
    assert refused.tolist() == pytest.approx([erlang_b(6, 5.0)] * 60)


@settings(max_examples=50, deadline=None)
@given(LOADS, LOADS, st.integers(1, 192), st.integers(1, 12_288), st.floats(0.01, 1.0), st.integers(3, 400))
def test_compiled_is_the_plain_twin_and_keeps_its_bounds(
    busy: list[float], flying: list[float], vcpus: int, slots: int, target: float, maximum: int
) -> None:
    minutes = min(len(busy), len(flying))
    loads = np.array(busy[:minutes]), np.minimum(np.array(flying[:minutes]), 1e5)
    arguments = (*loads, float(vcpus), float(slots), target, float(maximum))
    for compiled, plain in zip(_compiled_minutes(*arguments), _minutes(*arguments), strict=True):
        assert compiled.tobytes() == plain.tobytes()
    run = run_managed(*loads, ManagedGroup(vcpus, slots, target, maximum))
    assert np.all((run.instances >= 3) & (run.instances <= maximum))
    assert np.all((run.refused_ratio >= 0) & (run.refused_ratio <= 1))
    assert np.all(run.instances[5:] <= 2 * run.instances[:-5])


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, 2 * MOST_LOAD])
def test_loads_that_cannot_be(bad: float) -> None:
    for loads in ((NOBODY + bad, NOBODY), (NOBODY, NOBODY + bad)):
        with pytest.raises(ValueError, match="loads must be from 0"):
            run_managed(*loads, GROUP)
    with pytest.raises(ValueError, match="same minutes"):
        run_managed(NOBODY, NOBODY[1:], GROUP)


@pytest.mark.parametrize(
    "changes",
    [{"maximum": 2}, {"target_ratio": 0.0}, {"target_ratio": 1.1}, {"slots": 0}, {"instance_vcpus": 0}],
)
def test_groups_that_could_not_serve(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"not|too small"):
        replace(GROUP, **changes)
