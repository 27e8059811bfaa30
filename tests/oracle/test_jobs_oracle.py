"""The fluid queue of jobs against a simulation of every single job, on the same workers."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
import pytest

from costmodel.capacity.jobs import JobRun, WorkerGroup, run_jobs

DAYS = 3
DAY = 1_440
MINUTE_MS = 60_000.0


class Simulated(NamedTuple):
    """What became of each job, in minutes from its arrival until it was done, and who waited when."""

    finish_minutes: np.ndarray
    waiting: np.ndarray
    """Jobs that wait at the end of each minute."""


def simulate(run: JobRun, generator: np.random.Generator) -> Simulated:
    """First come, first served: a job takes a free slot of the workers that serve at that moment.

    Jobs come at random within their minute. Workers come and go at the start of a minute; one that goes
    finishes what it has in hand.
    """
    minutes = run.arrived.size
    arrivals = np.sort(
        np.repeat(np.arange(minutes), run.arrived.astype(int)) + generator.random(int(run.arrived.sum()))
    )
    slots = run.serving * run.group.slots
    begun = np.full(arrivals.size, np.inf)
    done: list[float] = []  # when each busy slot is free again
    next_job = 0
    for minute in range(minutes):
        now = float(minute)
        while next_job < arrivals.size:
            while done and done[0] <= now:
                heapq.heappop(done)
            if len(done) < slots[minute] and arrivals[next_job] <= now:
                begun[next_job] = now
                heapq.heappush(done, now + run.group.job_minutes)
                next_job += 1
                continue
            later = [arrivals[next_job]] if arrivals[next_job] > now else []
            if len(done) >= slots[minute]:
                later = [max([*later, done[0]])] if done else []
            if not later or later[0] >= minute + 1:
                break
            now = later[0]
    in_queue = np.searchsorted(arrivals, np.arange(1, minutes + 1)) - np.searchsorted(
        begun, np.arange(1, minutes + 1)
    )
    finished = np.isfinite(begun)
    return Simulated(begun[finished] - arrivals[finished] + run.group.job_minutes, in_queue)


def day_of_jobs(mean_per_minute: float, generator: np.random.Generator) -> np.ndarray:
    """Poisson jobs that come and go with the hour, from nearly none to nearly twice the mean."""
    hour = np.arange(DAYS * DAY) / 60
    return generator.poisson(mean_per_minute * (1 + 0.9 * np.sin(hour * np.pi / 12))).astype(float)


CASES = {
    # name: jobs a minute, group, allowed relative error of the mean and of the tail.
    "short jobs, many workers": (
        40.0,
        WorkerGroup(2, 0.15, 0, 12, 60.0, 2),
        0.02,
        0.02,
    ),
    "jobs of minutes": (
        4.0,
        WorkerGroup(4, 3.0, 0, 10, 12.0, 2),
        0.08,
        0.08,
    ),
    "too few workers for the peak": (
        30.0,
        WorkerGroup(1, 0.2, 1, 7, 20.0, 3),
        0.005,
        0.005,
    ),
    "a fixed group, busy to 80 %": (
        4.0,
        WorkerGroup(1, 1.0, 10, 10, 1.0, 0),
        0.01,
        0.05,
    ),
    "rare jobs": (
        0.02,
        WorkerGroup(1, 0.5, 0, 2, 5.0, 2),
        0.08,
        0.02,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_times_to_finish_and_backlog(name, model_row) -> None:
    mean_per_minute, group, mean_tolerance, tail_tolerance = CASES[name]
    generator = np.random.default_rng(20261127)
    run = run_jobs(day_of_jobs(mean_per_minute, generator), group)
    simulated = simulate(run, generator)
    finish = run.time_to_finish()
    mean_error = finish.mean_ms / MINUTE_MS / simulated.finish_minutes.mean() - 1
    p95, p99 = np.quantile(simulated.finish_minutes, [0.95, 0.99])
    tail_error = max(abs(finish.p95_ms / MINUTE_MS / p95 - 1), abs(finish.p99_ms / MINUTE_MS / p99 - 1))
    backlog_error = np.abs(run.waiting - simulated.waiting).mean() / run.arrived.mean()
    model_row(
        "Rendering",
        f"Queue of jobs: {name}",
        rule="first come first served on slots that come and go; within a minute a fluid",
        source="Amazon EC2 Auto Scaling User Guide, scaling based on Amazon SQS (2023-06)",
        oracle="every job simulated on the same workers: mean, 95th and 99th percentile of the time to finish",
        tolerance=f"{mean_tolerance:.0%} of the mean, {tail_tolerance:.0%} of the percentiles",
        observed_error=f"{mean_error:+.2%}, {tail_error:.2%}; backlog {backlog_error:.2f} minutes of arrivals",
    )
    assert abs(mean_error) < mean_tolerance
    assert tail_error < tail_tolerance
    assert simulated.finish_minutes.size == pytest.approx(run.begun_jobs, rel=0.01, abs=group.slots * 12)
