"""Retries and abandoned work: worked by hand, conserved, and the state from which a node does not come back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.fleet import run_fleet
from costmodel.capacity.group import ScalingGroup
from costmodel.capacity.overload import MOST_RETRIES, Patience
from costmodel.capacity.relational import Served, serve
from costmodel.capacity.scaling import TargetTracking

PACE = 100.0
"""Calls a minute that the node of these tests can do."""


def served(calls: list[float] | np.ndarray, patience: Patience) -> Served:
    loads = np.asarray(calls, dtype=np.float64)
    return serve(loads, np.full(loads.size, PACE), patience)


def test_what_fails_comes_again_a_minute_later() -> None:
    """No patience to speak of, one retry. Minute 0: 150 come, 100 are done, a third fails and comes again.

    Minute 1: 90 and those 50 are 140: 100 are done, 2/7 of all fail. Of minute 0 that is 1/3 x 2/7 for good.
    Minute 2: nobody but the 90 x 2/7 = 25.7 of minute 1, which are done.
    """
    found = served([150, 90, 0, 0], Patience(1e-9, retries=1))
    assert found.lost_ratio.tolist() == pytest.approx([2 / 21, 0.0, 0.0, 0.0])
    assert found.utilisation.tolist() == pytest.approx([1.0, 1.0, 90 * 2 / 7 / 100, 0.0])


def test_without_retries_a_third_is_lost_at_once() -> None:
    assert served([150, 90], Patience(1e-9)).lost_ratio.tolist() == pytest.approx([1 / 3, 0.0])


def test_what_is_still_trying_at_the_end_counts_as_lost() -> None:
    found = served([0, 150], Patience(1e-9, retries=2))
    assert found.lost_ratio.tolist() == pytest.approx([0.0, 1 / 3])


def test_abandoned_work_takes_the_place_of_work_for_somebody() -> None:
    """A minute of patience, all abandoned work is done. Minute 0: 300 come; 100 done, 100 wait, 100 fail.

    Minute 1: nobody comes; the abandoned 100 fill the minute, so that the 100 who wait go on waiting.
    Minute 2: they are done.
    """
    found = served([300, 0, 0, 0], Patience(60.0, abandoned_work_ratio=1.0))
    assert found.lost_ratio.tolist() == pytest.approx([1 / 3, 0.0, 0.0, 0.0])
    # Waits: half of one minute; one minute; half of one minute.
    assert found.delay_ms.tolist() == pytest.approx([30_000, 60_000, 30_000, 0])


@pytest.mark.parametrize(("calls_a_minute", "recovers"), [(30.0, True), (45.0, False)])
def test_metastable(calls_a_minute: float, recovers: bool, model_row: Callable[..., None]) -> None:
    """Two retries: three times 30 calls are below the pace of 100, three times 45 are above.

    Both loads alone are below the pace, and both run well until a spike of an hour. After it the first
    recovers and the second stays down for the rest of the day, with every call failing.
    """
    calls = np.full(1_440, calls_a_minute)
    calls[300:360] = 500.0
    found = served(calls, Patience(30.0, retries=2, abandoned_work_ratio=1.0))
    assert found.lost_ratio[:290].max() == 0.0
    late = found.lost_ratio[1_000:1_400]
    assert late.max() == 0.0 if recovers else late.min() > 0.9
    if not recovers:
        model_row(
            "Overload",
            "Retries and the metastable state",
            rule="A failed call comes again a minute later; a node that does abandoned work stays down until "
            "(retries + 1) x load is below its capacity",
            source="Amazon Builders' Library, Timeouts, retries, and backoff with jitter (2019); Bronson et al., HotOS 2021",
            oracle="closed form: recovery for 3 x 30 < 100, none for 3 x 45 > 100",
            tolerance="exact",
            observed_error=0.0,
        )


def test_without_retries_abandoned_work_alone_lets_the_node_recover() -> None:
    calls = np.full(1_440, 45.0)
    calls[300:360] = 500.0
    found = served(calls, Patience(30.0, retries=0, abandoned_work_ratio=1.0))
    assert found.lost_ratio[400:].max() == 0.0


@given(
    st.lists(st.floats(0, 400), min_size=1, max_size=60),
    st.integers(0, MOST_RETRIES),
    st.sampled_from([1e-9, 30.0, 120.0]),
)
@settings(max_examples=60, deadline=None)
def test_a_steady_overload_serves_what_it_can(loads: list[float], retries: int, timeout_s: float) -> None:
    """Without abandoned work, whatever is lost was more than the node could do: nothing vanishes."""
    calls = np.array(loads)
    found = served(calls, Patience(timeout_s, retries=retries))
    lost = float((found.lost_ratio * calls).sum())
    assert lost >= calls.sum() - PACE * (calls.size + timeout_s / 60) - 1e-6
    assert lost <= calls.sum() + 1e-9
    if calls.max() <= PACE:
        assert lost == 0.0


@given(st.lists(st.floats(0, 200), min_size=1, max_size=40), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_another_try_never_loses_more_calls(loads: list[float], retries: int) -> None:
    """Of calls that leave no work behind: what is tried again finds room or is lost anyway."""
    calls = np.array([*loads, *[0.0] * (MOST_RETRIES + 1)])
    fewer = served(calls, Patience(1e-9, retries=retries))
    more = served(calls, Patience(1e-9, retries=retries + 1))
    assert (more.lost_ratio * calls).sum() <= (fewer.lost_ratio * calls).sum() + 1e-6


class TestFleet:
    def group(self, patience: Patience) -> ScalingGroup:
        return ScalingGroup(60.0, (TargetTracking("cpu", 0.7),), 2, 2, 1, 1, patience)

    def test_a_group_that_cannot_grow_stays_down_like_a_node(self) -> None:
        """Two instances of 60 CPU-seconds a minute; 50 are asked for, and 600 in the spike: 3 x 50 > 120."""
        work = np.full(1_440, 50.0)
        work[300:360] = 600.0
        down = run_fleet(work, self.group(Patience(30.0, retries=2, abandoned_work_ratio=1.0)))
        assert down.failed_ratio[1_000:1_400].min() > 0.9
        assert down.utilisation[1_000:1_400].min() == 1.0
        back = run_fleet(work, self.group(Patience(30.0, retries=1, abandoned_work_ratio=1.0)))
        assert back.failed_ratio[1_000:1_400].max() == 0.0

    def test_a_group_that_grows_frees_itself(self) -> None:
        work = np.full(1_440, 50.0)
        work[300:360] = 600.0
        patience = Patience(30.0, retries=2, abandoned_work_ratio=1.0)
        group = ScalingGroup(60.0, (TargetTracking("cpu", 0.7),), 2, 20, 1, 1, patience)
        assert run_fleet(work, group).failed_ratio[1_000:1_400].max() == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout_s": 0.0},
        {"timeout_s": float("nan")},
        {"timeout_s": float("inf")},
        {"retries": -1},
        {"retries": MOST_RETRIES + 1},
        {"abandoned_work_ratio": 1.1},
        {"abandoned_work_ratio": float("nan")},
    ],
)
def test_clients_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Patience(**({"timeout_s": 10.0} | wrong))  # type: ignore[arg-type]
