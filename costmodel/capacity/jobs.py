"""A queue of jobs and the workers that take them, minute by minute: backlog, worker count, time to finish.

Jobs are whole, first come first served, and alike; within a minute they arrive and start evenly (a
fluid). A worker has `slots` places for jobs, which each take `job_minutes` there. In the fluid an idle
worker begins its first jobs over the time of one job instead of at once, so a wait is overstated by up to
one job time. Chance within a minute is left out, which understates it by seconds.

Words: *backlog* is every job not finished, waiting or being worked on. *Serving* workers take jobs,
*running* ones are billed and may still boot.

Source: Amazon EC2 Auto Scaling User Guide, scaling based on Amazon SQS, backlog per instance; target
tracking with metric math (2023-06). The alarms' points are those of `scaling`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

from costmodel.capacity.disruptions import SpotReclaim
from costmodel.capacity.result import NO_LATENCY, Latency
from costmodel.capacity.scaling import (
    HIGH_ALARM_POINTS,
    LOW_ALARM_POINTS,
    METRIC_DELAY_MINUTES,
    REQUEST_LOW_FACTOR,
)
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import SECONDS_PER_MINUTE

IntArray = npt.NDArray[np.int64]

REACTION_MINUTES = HIGH_ALARM_POINTS + METRIC_DELAY_MINUTES
"""Minutes from the first job of an empty group until a worker is launched for it."""
MOST_WORKERS = 100_000
"""No account runs so many; what is larger is a mistake."""
MOST_JOBS = 1e15
"""Beyond it, sums would lose whole jobs. Engineering guess."""
ROUNDING = 1e-9
"""Part of a job that is nothing but the rounding of sums."""
BISECTIONS = 50
"""Halvings in which a quantile is found: to a digit that nothing shows."""

_MASS, _FIRST_WAIT, _LAST_WAIT, _ARRIVED = range(4)


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """Workers of one kind. Their number follows the backlog per worker between two bounds.

    With no worker at all any job counts as too much backlog, or the first would wait for ever: the
    metric divides by the workers, and says what to do where there are none.
    """

    slots: int
    """Jobs a worker has in hand at once."""
    job_minutes: float
    """Time of a job on a worker."""
    min_workers: int
    max_workers: int
    backlog_per_worker: float
    """Target: acceptable latency over time per job, times slots."""
    boot_minutes: int = 0
    """Whole minutes from a launch until the worker takes jobs."""
    spot_pools: int = 1
    """Pools of spot capacity, one a zone; what is reclaimed is reclaimed pool by pool."""
    longest_pause_minutes: float = 0.0
    """What a job that must wait may lose beyond its turn, until it is tried again."""

    def __post_init__(self) -> None:
        """Raises ValueError for a group that could not be or could never finish a job."""
        if not 1 <= self.slots <= MOST_WORKERS or not 0 < self.job_minutes < math.inf:
            raise ValueError(f"a worker needs 1 slot or more and jobs that take time, not {self}")
        if not 0 <= self.min_workers <= self.max_workers <= MOST_WORKERS or self.max_workers < 1:
            raise ValueError(
                f"a group has 0 <= min <= max workers, and max from 1 to {MOST_WORKERS}, not {self}"
                " (EC2 Auto Scaling, MinSize and MaxSize)"
            )
        if not 0 < self.backlog_per_worker < math.inf:
            raise ValueError(
                f"backlog per worker must be above 0, not {self.backlog_per_worker}"
                " (EC2 Auto Scaling, target tracking)"
            )
        if self.boot_minutes < 0 or self.spot_pools < 1 or not 0 <= self.longest_pause_minutes < math.inf:
            raise ValueError(f"a group has a boot time, pools and pauses that are not negative, not {self}")

    @property
    def jobs_per_worker_minute(self) -> float:
        return self.slots / self.job_minutes


@dataclass(frozen=True, slots=True, eq=False)
class JobRun:
    """What became of the jobs. Arrays over minutes have shape (minutes,); all are read-only."""

    group: WorkerGroup
    arrived: FloatArray
    """Jobs that came in the minute."""
    running: FloatArray
    """Workers running in the minute, booting ones included."""
    serving: FloatArray
    """Workers that take jobs."""
    started: FloatArray
    """Jobs begun in the minute, those begun again included."""
    retried: FloatArray
    """Jobs that lost their worker in the minute and went back into the queue."""
    waiting: FloatArray
    """Jobs that wait at the end of the minute."""
    pieces: FloatArray
    """Jobs by what they waited, shape (pieces, 4): jobs, wait of the first and of the last of them and mean
    minute of arrival; waits are of the last attempt, from the job's first arrival on."""
    left: FloatArray
    """Jobs still waiting at the end of the run, shape (lots, 2): jobs, and how long they have waited."""

    @property
    def begun_jobs(self) -> float:
        """Jobs whose last attempt has begun."""
        return float(self.pieces[:, _MASS].sum())

    @property
    def left_jobs(self) -> float:
        """Jobs still waiting at the end of the run."""
        return float(self.left[:, 0].sum())

    def late_ratio(self, deadline_minutes: float) -> float:
        """Share of all jobs not done within the deadline; 0 without jobs.

        What still waits at the end of the run is late if it is already too old to make it.
        """
        jobs = float(self.arrived.sum())
        if jobs == 0.0:
            return 0.0
        longest_wait = deadline_minutes - self.group.job_minutes
        on_time = _within(self.pieces, longest_wait)
        still_on_time = float(self.left[self.left[:, 1] <= longest_wait, 0].sum())
        return max(0.0, min(1.0, 1.0 - (on_time + still_on_time) / jobs))

    def time_to_finish(self) -> Latency:
        """Mean and percentiles of the time from a job's arrival until it is done, over the jobs begun."""
        jobs = self.begun_jobs
        if jobs == 0.0:
            return NO_LATENCY
        mass, first, last = self.pieces[:, _MASS], self.pieces[:, _FIRST_WAIT], self.pieces[:, _LAST_WAIT]
        mean = float((mass * (first + last)).sum()) / 2.0 / jobs
        waits = (mean, *self._wait_quantiles((0.5, 0.95, 0.99), jobs))
        to_ms = SECONDS_PER_MINUTE * 1000.0
        mean_ms, p50_ms, p95_ms, p99_ms = ((wait + self.group.job_minutes) * to_ms for wait in waits)
        return Latency(mean_ms, p50_ms, p95_ms, p99_ms)

    def _wait_quantiles(self, shares: Sequence[float], jobs: float) -> Iterator[float]:
        longest = np.maximum(self.pieces[:, _FIRST_WAIT], self.pieces[:, _LAST_WAIT])
        waiting = self.pieces[longest > 0.0]
        without_wait = float(self.pieces[longest <= 0.0, _MASS].sum())
        most = float(longest.max())
        for share in shares:
            yield _wait_of(waiting, share * jobs - without_wait, most)


def _wait_of(waiting: FloatArray, jobs: float, most: float) -> float:
    """Wait, up to `most`, that so many jobs of the pieces do not exceed."""
    if jobs <= 0.0:
        return 0.0
    low, high = 0.0, most
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _within(waiting, middle) >= jobs:
            high = middle
        else:
            low = middle
    return high


def _within(pieces: FloatArray, wait_minutes: float) -> float:
    """Jobs that waited at most so long. The waits of a piece are spread evenly between its ends."""
    first, last = pieces[:, _FIRST_WAIT], pieces[:, _LAST_WAIT]
    least, most = np.minimum(first, last), np.maximum(first, last)
    spread = most - least
    inside = np.divide(wait_minutes - least, spread, out=np.ones_like(spread), where=spread > 0)
    share = np.where(wait_minutes >= most, 1.0, np.where(wait_minutes < least, 0.0, inside))
    return float((pieces[:, _MASS] * share).sum())


def run_jobs(jobs_per_minute: FloatArray, group: WorkerGroup, reclaims: Sequence[SpotReclaim] = ()) -> JobRun:
    """Run jobs, shape (minutes,), through a group of workers, losing whole spot pools at `reclaims`.

    A worker that is reclaimed loses the jobs it has in hand: they go back into the queue, behind those
    that wait, and their work is done again from the start. A group that shrinks lets its workers finish
    what they have in hand (scale-in protection).

    Raises ValueError for jobs that are negative, infinite or undefined, or too many to count.

    Source: Amazon EC2 Auto Scaling User Guide, scaling based on Amazon SQS (2023-06): protection of
    instances that work; Amazon SQS Developer Guide, visibility timeout (2024).
    """
    arrived = np.ascontiguousarray(jobs_per_minute, dtype=np.float64)
    if not np.isfinite(arrived).all() or (arrived < 0.0).any() or arrived.sum() > MOST_JOBS:
        raise ValueError(f"jobs must be finite, not negative and at most {MOST_JOBS:g} together")
    events = sorted((one.minute, one.pool, one.closed_minutes) for one in reclaims)
    rows = np.array(events, dtype=np.int64).reshape(-1, 3)
    if rows.size and int(rows[:, 1].max()) >= group.spot_pools:
        raise ValueError(f"a reclaim is of pool {int(rows[:, 1].max())}, the group has {group.spot_pools}")
    by_minute, pieces, left = _run(
        arrived,
        rows,
        float(group.slots),
        float(group.job_minutes),
        float(group.backlog_per_worker),
        group.min_workers,
        group.max_workers,
        group.boot_minutes,
        group.spot_pools,
    )
    waits = pieces[:, _FIRST_WAIT : _LAST_WAIT + 1]
    waits[waits > 0.0] += group.longest_pause_minutes
    running, serving, started, retried, waiting = (read_only(row) for row in by_minute)
    return JobRun(
        group,
        read_only(arrived),
        running,
        serving,
        started,
        retried,
        waiting,
        read_only(pieces),
        read_only(left),
    )


@register_jitable
def _in_hand(begun: FloatArray, minute: int, job_minutes: float) -> float:
    """Jobs begun within the last job time before a minute, from the jobs begun until each minute."""
    since = minute - job_minutes
    if since <= 0.0:
        return float(begun[minute])
    whole = int(since)
    return float(begun[minute] - (begun[whole] + (since - whole) * (begun[whole + 1] - begun[whole])))


@register_jitable
def _emptiest(serving: IntArray, booting: IntArray, opens: IntArray, minute: int) -> int:
    """The pool with capacity that has fewest workers; -1 if none has capacity."""
    chosen, least = -1, 0
    for pool in range(serving.shape[0]):
        workers = serving[pool] + booting[:, pool].sum()
        if opens[pool] <= minute and (chosen < 0 or workers < least):
            chosen, least = pool, workers
    return chosen


@register_jitable
def _fullest(serving: IntArray) -> int:
    chosen = 0
    for pool in range(1, serving.shape[0]):
        if serving[pool] > serving[chosen]:
            chosen = pool
    return chosen


@register_jitable
def _note(
    pieces: FloatArray,
    count: int,
    jobs: float,
    first_wait: float,
    last_wait: float,
    arrived: float,
    returned: float,
    age: float,
) -> int:
    """Note jobs begun; the share that had been begun before is `age` minutes older. The new count."""
    for older in range(2):
        mass = jobs * returned if older else jobs * (1.0 - returned)
        more = age if older else 0.0
        if mass > 0.0:
            pieces[count, _MASS] = mass
            pieces[count, _FIRST_WAIT] = first_wait + more
            pieces[count, _LAST_WAIT] = last_wait + more
            pieces[count, _ARRIVED] = arrived - more
            count += 1
    return count


@register_jitable
def _take_back(pieces: FloatArray, count: int, jobs: float) -> tuple[float, float]:
    """Take jobs out of the latest pieces: how many there were, and the sum of their minutes of arrival."""
    taken, arrived_sum = 0.0, 0.0
    place = count - 1
    while place >= 0 and taken < jobs:
        part = min(pieces[place, _MASS], jobs - taken)
        pieces[place, _MASS] -= part
        taken += part
        arrived_sum += part * pieces[place, _ARRIVED]
        place -= 1
    return taken, arrived_sum


def _run_python(
    arrived: FloatArray,
    reclaims: IntArray,
    slots: float,
    job_minutes: float,
    target: float,
    min_workers: int,
    max_workers: int,
    boot_minutes: int,
    pools: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Five rows by minute (running, serving, started, retried, waiting), pieces and what is left."""
    minutes = arrived.shape[0]
    rate = slots / job_minutes
    ring = boot_minutes + 1
    by_minute = np.zeros((5, minutes))
    # A minute finishes a lot or stops within one, and cuts its own lot at most once; lots with jobs that came
    # back are noted twice.
    pieces = np.zeros((3 * minutes * (2 if reclaims.shape[0] else 1), 4))
    count = 0
    begun = np.zeros(minutes + 1)  # jobs begun until the start of a minute
    again = np.zeros(minutes)  # jobs that came back in a minute
    age = np.zeros(minutes)  # how long before it they had first come, on average
    serving = np.zeros(pools, dtype=np.int64)
    booting = np.zeros((ring, pools), dtype=np.int64)
    opens = np.zeros(pools, dtype=np.int64)
    for worker in range(min_workers):
        serving[worker % pools] += 1
    desired = min_workers
    event = 0
    lot = 0  # the minute whose jobs are next
    lot_done = 0.0
    waiting = 0.0
    in_hand = 0.0
    seen_backlog, seen_running, seen_in_hand = 0.0, float(min_workers), 0.0
    high, low = 0, 0
    for minute in range(minutes):
        while event < reclaims.shape[0] and reclaims[event, 0] <= minute:
            pool = reclaims[event, 1]
            opens[pool] = max(opens[pool], reclaims[event, 0] + reclaims[event, 2])
            if serving[pool] > 0:
                lost_jobs = in_hand * serving[pool] / serving.sum()
                in_hand -= lost_jobs
                taken, arrived_sum = _take_back(pieces, count, lost_jobs)
                if taken > 0.0:
                    older = again[minute] * age[minute] + taken * (minute + 0.5) - arrived_sum
                    again[minute] += taken
                    age[minute] = older / again[minute]
            serving[pool] = 0
            booting[:, pool] = 0
            event += 1
        for pool in range(pools):
            serving[pool] += booting[minute % ring, pool]
            booting[minute % ring, pool] = 0
        running = serving.sum() + booting.sum()
        while running < desired:
            pool = _emptiest(serving, booting, opens, minute)
            if pool < 0:
                break
            if boot_minutes > 0:
                booting[(minute + boot_minutes) % ring, pool] += 1
            else:
                serving[pool] += 1
            running += 1

        able = serving.sum() * rate
        offered = waiting + arrived[minute] + again[minute]
        begin = min(offered, able)
        used = 0.0
        while used < begin and lot <= minute:
            mass = arrived[lot] + again[lot]
            rest = mass - lot_done
            take = min(rest, begin - used)
            if take > 0.0:
                came, came_last = lot + lot_done / mass, lot + (lot_done + take) / mass
                wait = max(0.0, minute + used / able - came)
                wait_last = minute + (used + take) / able - came_last
                returned = again[lot] / mass
                queued = take
                if wait_last < 0.0:
                    # The queue is empty at some time within the minute: from then on no job waits.
                    queued = take * wait / (wait - wait_last)
                    cut = came + (came_last - came) * queued / take
                    middle = (cut + came_last) / 2
                    count = _note(pieces, count, take - queued, 0.0, 0.0, middle, returned, age[lot])
                    came_last, wait_last = cut, 0.0
                middle = (came + came_last) / 2
                count = _note(pieces, count, queued, wait, wait_last, middle, returned, age[lot])
            used += take
            if take < rest:
                lot_done += take
                break
            lot += 1
            lot_done = 0.0
        begun[minute + 1] = begun[minute] + begin
        waiting = offered - begin
        by_minute[0, minute] = running
        by_minute[1, minute] = serving.sum()
        by_minute[2, minute] = begin
        by_minute[3, minute] = again[minute]
        by_minute[4, minute] = waiting

        # The alarms see what the minute before ended with.
        if seen_backlog > target * seen_running + ROUNDING:
            high, low = high + 1, 0
        elif seen_backlog < REQUEST_LOW_FACTOR * target * seen_running - ROUNDING:
            high, low = 0, low + 1
        else:
            high, low = 0, 0
        wanted = math.ceil(min(seen_backlog / target, float(max_workers)) - ROUNDING)
        if high >= HIGH_ALARM_POINTS:
            desired = max(desired, min(max_workers, max(1, wanted)))
        elif low >= LOW_ALARM_POINTS:
            busy = math.ceil(seen_in_hand / slots - ROUNDING)
            desired = min(desired, max(min_workers, wanted, busy))
        while running > desired and serving.sum() > 0:
            serving[_fullest(serving)] -= 1
            running -= 1
        in_hand = max(0.0, min(_in_hand(begun, minute + 1, job_minutes), slots * serving.sum()))
        seen_backlog, seen_running, seen_in_hand = waiting + in_hand, float(running), in_hand

    left = np.zeros((2 * (minutes - lot), 2))
    for place in range(minutes - lot):
        mass = arrived[lot + place] + again[lot + place]
        if mass > 0.0:
            rest = mass - (lot_done if place == 0 else 0.0)
            returned = again[lot + place] / mass
            old = minutes - (lot + place + 0.5)
            left[2 * place, 0], left[2 * place, 1] = rest * (1.0 - returned), old
            left[2 * place + 1, 0], left[2 * place + 1, 1] = rest * returned, old + age[lot + place]
    return by_minute, pieces[:count].copy(), left


_run = njit(cache=True, nogil=True)(_run_python)
