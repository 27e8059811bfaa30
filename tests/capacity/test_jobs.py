"""The queue of jobs: minute tables worked out by hand, the plain twin, and what must always hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import jobs
from costmodel.capacity.disruptions import SpotReclaim
from costmodel.capacity.jobs import JobRun, WorkerGroup, run_jobs

MINUTE_MS = 60_000


def group_of(**changes: Any) -> WorkerGroup:
    values = {
        "slots": 1,
        "job_minutes": 1.0,
        "min_workers": 1,
        "max_workers": 1,
        "backlog_per_worker": 5.0,
    }
    return WorkerGroup(**(values | changes))


def jobs_at(minutes: int, counts: dict[int, float]) -> np.ndarray:
    found = np.zeros(minutes)
    for minute, count in counts.items():
        found[minute] = count
    return found


class TestQueue:
    def test_three_jobs_for_one_worker(self):
        """One a minute is begun. The jobs of minute 0 come at 0 to 1 and begin at 0 to 3: they wait 0 to 2 minutes.

        Done after 1 minute more: 2 minutes in the mean; half within 1 + 1, all but 1 % within 1 + 1.98.
        Of a deadline of 2.5 minutes 1.5 may be waited: three quarters do it.
        """
        run = run_jobs(jobs_at(4, {0: 3}), group_of())
        assert run.started.tolist() == [1, 1, 1, 0]
        assert run.waiting.tolist() == [2, 1, 0, 0]
        finish = run.time_to_finish()
        found = [finish.mean_ms, finish.p50_ms, finish.p95_ms, finish.p99_ms]
        assert found == pytest.approx([2 * MINUTE_MS, 2 * MINUTE_MS, 2.9 * MINUTE_MS, 2.98 * MINUTE_MS])
        assert run.late_ratio(2.5) == pytest.approx(0.25)
        assert run.late_ratio(3) == 0
        assert run.late_ratio(0.9) == 1

    def test_a_queue_that_empties_within_the_minute(self):
        """Minute 0 leaves 1 job, minute 1 brings 1, and 4 can be begun: the old one by 1.25, where those that have
        come since wait no more than 0.25. At 1 + y the new ones come, at 1.25 + y/4 they can begin: even at y = 1/3.
        """
        arrived = jobs_at(2, {0: 5, 1: 1})
        run = run_jobs(arrived, group_of(slots=4))
        new = run.pieces[run.pieces[:, 3] > 1]
        # Columns: jobs, wait of the first, wait of the last, mean minute of arrival.
        assert new == pytest.approx(np.array([[2 / 3, 0, 0, 5 / 3], [1 / 3, 0.25, 0, 7 / 6]]))
        assert run.begun_jobs == 6

    def test_jobs_left_at_the_end_are_late_once_too_old(self):
        """4 jobs, half a job a minute: one is begun, and the others have waited 1.5 minutes when the run ends.

        The begun ones waited 0 to 0.875 and 0.875 to 1.75 minutes. A deadline of 3.4 minutes leaves 1.4 to wait:
        too little for three jobs and for 0.5 x 0.35 / 0.875 = 0.2 of the one begun. A deadline of 3.8 is met by all.
        """
        run = run_jobs(jobs_at(2, {0: 4}), group_of(job_minutes=2.0))
        assert (run.begun_jobs, run.left_jobs) == (1, 3)
        assert run.late_ratio(3.4) == pytest.approx(3.2 / 4)
        assert run.late_ratio(3.8) == 0

    def test_no_jobs(self):
        run = run_jobs(np.zeros(3), group_of())
        assert run.late_ratio(1) == 0
        assert run.time_to_finish().p99_ms == 0

    def test_a_pause_is_for_those_who_wait(self):
        run = run_jobs(jobs_at(3, {0: 1, 1: 2}), group_of(longest_pause_minutes=5.0))
        assert run.pieces[:, 1].tolist() == [0, 0, 5.5]


class TestScaling:
    def test_a_rare_job_wakes_a_worker(self):
        """Nobody runs. A job comes in minute 5; its point is seen in minutes 6 to 8, so that a worker is launched
        in minute 9 and takes the job in minute 11. From minute 10 on the alarm sees less than 0.9 x 10 a worker;
        15 points later, after minute 24, the worker goes.
        """
        group = group_of(slots=2, job_minutes=0.2, min_workers=0, backlog_per_worker=10.0, boot_minutes=2)
        run = run_jobs(jobs_at(40, {5: 1}), group)
        assert np.flatnonzero(run.running).tolist() == list(range(9, 25))
        assert np.flatnonzero(run.serving).tolist() == list(range(11, 25))
        assert np.flatnonzero(run.started).tolist() == [11]
        assert run.pieces == pytest.approx(np.array([[1.0, 6.0, 5.1, 5.5]]))

    def test_backlog_over_target_is_the_number_of_workers(self):
        """4 jobs a minute, one worker begins 1. Backlog, with the one in hand, is 4, 7, 10, 13, 16, ... after each
        minute; above 5 a worker from minute 1 on, seen a minute later. The third point, 13, asks for 3 workers
        from minute 5; then 16 for 4; 19 for 4 (3 run); 22 for 5.
        """
        run = run_jobs(np.full(9, 4.0), group_of(max_workers=10, boot_minutes=2))
        assert run.running.tolist() == [1, 1, 1, 1, 1, 3, 4, 4, 5]
        assert run.serving.tolist() == [1, 1, 1, 1, 1, 1, 1, 3, 4]

    def test_never_more_than_the_maximum(self):
        run = run_jobs(np.full(200, 50.0), group_of(max_workers=7))
        assert run.running.max() == 7
        assert run.started[100:].tolist() == [7.0] * 100

    def test_workers_with_a_job_in_hand_stay(self):
        """3 jobs of an hour for 3 workers; the low alarm rings after 15 minutes, but all three are busy to minute 60."""
        group = group_of(job_minutes=60.0, min_workers=0, max_workers=3, backlog_per_worker=1.0)
        run = run_jobs(jobs_at(200, {0: 3}), group)
        begun = np.cumsum(run.started)
        in_hand = begun - np.concatenate([np.zeros(60), begun[:-60]])
        assert np.all(run.running[5:] >= in_hand[4:-1] - 1e-9)
        assert run.running[-1] == 0


class TestReclaims:
    def test_what_was_in_hand_is_done_again(self):
        """2 workers in 2 pools begin 0.2 jobs of 10 minutes a minute. When pool 0 goes in minute 5 one job is in
        hand, half of it there. It is replaced from pool 1 at once. The half that was begun last had come at 0.45,
        0.35 and 0.25 (0.2, 0.2 and 0.1 jobs), on average at 0.37: 5.13 minutes before it comes again at 5.5.
        """
        group = group_of(job_minutes=10.0, min_workers=2, max_workers=2, spot_pools=2)
        run = run_jobs(jobs_at(30, {0: 2}), group, [SpotReclaim(5, 0)])
        assert run.retried.tolist() == pytest.approx(jobs_at(30, {5: 0.5}).tolist())
        assert run.running.tolist() == [2] * 30
        assert run.started.sum() == pytest.approx(2.5)
        assert run.begun_jobs == pytest.approx(2)
        again = run.pieces[-3:]  # begun in minutes 10, 11 and 12, the last of them at 12.5
        assert again[:, 0] == pytest.approx([0.2, 0.2, 0.1])
        assert np.average(again[:, 3], weights=again[:, 0]) == pytest.approx(0.37)
        assert again[-1, 2] == pytest.approx(12.5 - 6 + 5.13)

    def test_while_every_pool_is_closed_nobody_works(self):
        """The only pool goes in minute 10 and opens in minute 70; the launch of then takes jobs in minute 72."""
        group = group_of(min_workers=1, boot_minutes=2)
        run = run_jobs(np.full(100, 0.5), group, [SpotReclaim(10, 0)])
        assert np.flatnonzero(run.running == 0).tolist() == list(range(10, 70))
        assert np.flatnonzero(run.serving == 0).tolist() == list(range(10, 72))
        assert run.waiting[71] == pytest.approx(62 * 0.5 + run.retried[10])

    def test_a_reclaim_of_an_idle_pool_costs_no_job(self):
        run = run_jobs(np.zeros(10), group_of(), [SpotReclaim(3, 0, 0)])
        assert run.retried.sum() == 0
        assert run.running.tolist() == [1] * 10

    def test_a_pool_that_is_not_there(self):
        with pytest.raises(ValueError, match="pool 2"):
            run_jobs(np.zeros(3), group_of(spot_pools=2), [SpotReclaim(1, 2)])


@pytest.mark.parametrize(
    "changes",
    [
        {"slots": 0},
        {"job_minutes": 0.0},
        {"job_minutes": float("nan")},
        {"min_workers": 2},
        {"min_workers": -1},
        {"max_workers": 0, "min_workers": 0},
        {"backlog_per_worker": 0.0},
        {"boot_minutes": -1},
        {"spot_pools": 0},
        {"longest_pause_minutes": float("inf")},
    ],
)
def test_refuses_groups_that_cannot_be(changes):
    with pytest.raises(ValueError, match="not"):
        group_of(**changes)


@pytest.mark.parametrize("count", [-1.0, float("nan"), float("inf"), 1e16])
def test_refuses_jobs_that_cannot_be(count):
    with pytest.raises(ValueError, match="finite"):
        run_jobs(np.array([1.0, count]), group_of())


groups = st.builds(
    group_of,
    slots=st.integers(1, 6),
    job_minutes=st.floats(0.01, 200),
    min_workers=st.integers(0, 4),
    max_workers=st.integers(4, 40),
    backlog_per_worker=st.floats(0.5, 100),
    boot_minutes=st.integers(0, 12),
    spot_pools=st.integers(1, 3),
)
loads = st.lists(
    st.one_of(st.just(0.0), st.integers(1, 300).map(float), st.floats(0, 1e6)), min_size=1, max_size=150
)
events = st.lists(st.tuples(st.integers(0, 160), st.integers(0, 2), st.integers(0, 70)), max_size=6)


def reclaims_of(group: WorkerGroup, found: list[tuple[int, int, int]]) -> list[SpotReclaim]:
    return [SpotReclaim(minute, pool % group.spot_pools, closed) for minute, pool, closed in found]


@given(loads, groups, events)
@settings(max_examples=300, deadline=None)
def test_the_plain_twin_agrees_bit_for_bit(load, group, found):
    arguments = (
        np.array(load),
        np.array(sorted(found), dtype=np.int64).reshape(-1, 3) % np.array([200, group.spot_pools, 100]),
        float(group.slots),
        float(group.job_minutes),
        float(group.backlog_per_worker),
        group.min_workers,
        group.max_workers,
        group.boot_minutes,
        group.spot_pools,
    )
    plain, compiled = jobs._run_python(*arguments), jobs._run(*arguments)
    assert [part.tobytes() for part in plain] == [part.tobytes() for part in compiled]


@given(loads, groups, events, st.floats(0.5, 500))
@settings(max_examples=200, deadline=None)
def test_no_job_is_lost_and_no_figure_either(load, group, found, deadline_minutes):
    run = run_jobs(np.array(load), group, reclaims_of(group, found))
    assert_sound(run)
    jobs_in = run.arrived.sum()
    assert run.begun_jobs + run.left_jobs == pytest.approx(jobs_in, rel=1e-9, abs=1e-6)
    assert run.started.sum() == pytest.approx(jobs_in + run.retried.sum() - run.left_jobs, rel=1e-9, abs=1e-6)
    assert run.waiting[-1] == pytest.approx(run.left_jobs, rel=1e-6, abs=1e-6)
    assert 0 <= run.late_ratio(deadline_minutes) <= 1
    assert run.late_ratio(deadline_minutes) >= run.late_ratio(2 * deadline_minutes) - 1e-12
    finish = run.time_to_finish()
    assert finish.p50_ms <= finish.p95_ms + 1e-6 <= finish.p99_ms + 2e-6
    if run.begun_jobs:
        assert finish.p50_ms >= group.job_minutes * MINUTE_MS * (1 - 1e-12)


def assert_sound(run: JobRun) -> None:
    for values in (run.running, run.serving, run.started, run.retried, run.waiting, run.pieces, run.left):
        assert np.isfinite(values).all()
        assert (values >= -1e-9).all()
        assert not values.flags.writeable
    assert (run.serving <= run.running).all()
    assert (run.running <= run.group.max_workers).all()
    assert (run.started <= run.serving * run.group.jobs_per_worker_minute * (1 + 1e-12)).all()
