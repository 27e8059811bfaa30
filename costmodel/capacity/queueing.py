"""Waiting in front of many servers: exact formulas, and the response time of a whole run.

Words: `offered_load_erlangs` is arrival rate times mean service time, that is the mean number of busy
servers; `utilisation` is that over the number of servers.

Source: Kleinrock, Queueing Systems I (1975), M/M/c; Allen, Probability, Statistics and Queueing
Theory (1990), and Sakasegawa (1977), G/G/c; Halfin and Whitt, Operations Research 29(3) (1981),
square-root staffing; Harchol-Balter, Performance Modeling and Design of Computer Systems (2013), PS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numba.extending import register_jitable

from costmodel.capacity.result import NO_LATENCY, Latency
from costmodel.demand.calendar import FloatArray
from costmodel.units import SECONDS_PER_MINUTE

MAXIMUM_UTILISATION = 0.999
"""A minute that is busier is queued as if it were this busy; its backlog is a delay of its own."""

SETTLING_MINUTES = 4.0
"""How long a queue may take to settle for its minute to count as settled.

Source: engineering choice; of 1, 2, 4, 8 and 16 minutes the closest to an event-by-event group of instances
in a flash crowd and near saturation (tests/oracle/test_fleet_oracle.py).
"""

_UTILISATION_CELLS = 96
_CELLS_PER_UTILISATION = _UTILISATION_CELLS / -math.log(1.0 - MAXIMUM_UTILISATION)
_EXACT_SERVERS = 64
"""Up to here every number of servers is a cell of its own; beyond, cells are 6 % wide."""
_CELLS_PER_LOG_SERVERS = 16.0
_CELLS_PER_LOG_DELAY = 32.0
"""Backlog delays 3 % apart share a cell, and all below a thousandth of a service time do."""
_LEAST_DELAY = 1e-3
_NEGLIGIBLE = 1e16
_CERTAIN_STEPS = 9.0
"""Erlang B forgets its start after this many standard deviations of the number busy."""
_LEAST_VARIABILITY = 1e-6
_LEAST_TAIL = 1e-300
_EXACT = 1e-13
_CLOSE = 1e-6
"""Relative tolerance of a percentile of a mixture: well below what grouping costs."""


def erlang_b(servers: int, offered_load_erlangs: float) -> float:
    """Chance that an arrival finds every server busy and leaves (M/G/c/c)."""
    _check(servers, offered_load_erlangs)
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = offered_load_erlangs * blocked / (busy + offered_load_erlangs * blocked)
    return blocked


def erlang_c(servers: int, offered_load_erlangs: float) -> float:
    """Chance that an arrival has to wait (M/M/c). 1 when the servers cannot keep up."""
    if offered_load_erlangs >= servers:
        return 1.0
    blocked = erlang_b(servers, offered_load_erlangs)
    return blocked / (1.0 - offered_load_erlangs / servers * (1.0 - blocked))


def mean_wait(servers: int, offered_load_erlangs: float, service_time: float) -> float:
    """Mean wait before service in M/M/c, in the unit of `service_time`; infinite when overloaded."""
    if offered_load_erlangs >= servers:
        return math.inf
    return erlang_c(servers, offered_load_erlangs) * service_time / (servers - offered_load_erlangs)


def wait_percentile(servers: int, offered_load_erlangs: float, service_time: float, share: float) -> float:
    """Wait that `share` (0 to 1) of arrivals do not exceed in M/M/c, in the unit of `service_time`."""
    if offered_load_erlangs >= servers:
        return math.inf
    waiting = erlang_c(servers, offered_load_erlangs)
    if waiting <= 1.0 - share:
        return 0.0
    return math.log(waiting / (1.0 - share)) * service_time / (servers - offered_load_erlangs)


def sojourn_tail(servers: int, offered_load_erlangs: float, service_time: float, time: float) -> float:
    """Chance that wait and service together last longer than `time` in M/M/c."""
    if offered_load_erlangs >= servers:
        return 1.0
    waiting = erlang_c(servers, offered_load_erlangs)
    return _tail_python(time / service_time, servers - offered_load_erlangs, waiting)


def sojourn_percentile(servers: int, offered_load_erlangs: float, service_time: float, share: float) -> float:
    """Wait and service that `share` (0 to 1) of requests do not exceed in M/M/c."""
    if offered_load_erlangs >= servers:
        return math.inf
    waiting = erlang_c(servers, offered_load_erlangs)

    def tail(time: float) -> float:
        return _tail_python(time, servers - offered_load_erlangs, waiting)

    return _invert(tail, 1.0 - share, _EXACT) * service_time


def gg_c_wait(
    servers: int,
    offered_load_erlangs: float,
    service_time: float,
    *,
    arrival_scv: float,
    service_scv: float,
) -> float:
    """Mean wait with bursty arrivals or uneven service: Allen-Cunneen with Sakasegawa's power.

    `arrival_scv` and `service_scv` are squared coefficients of variation, 1 for Poisson arrivals and
    exponential service. Within a few percent of exact above half load.
    """
    _check(servers, offered_load_erlangs)
    if offered_load_erlangs >= servers:
        return math.inf
    utilisation = offered_load_erlangs / servers
    variability = (arrival_scv + service_scv) / 2.0
    power = math.pow(utilisation, math.sqrt(2.0 * (servers + 1)) - 1.0)
    return service_time * variability * power / (servers * (1.0 - utilisation))


def square_root_staffing(offered_load_erlangs: float, beta: float) -> int:
    """Servers that keep the chance of waiting near `wait_probability(beta)`."""
    return math.ceil(offered_load_erlangs + beta * math.sqrt(offered_load_erlangs))


def wait_probability(beta: float) -> float:
    """Chance of waiting with `beta` spare servers per root of the load, many servers (Halfin-Whitt)."""
    below = 0.5 * math.erfc(-beta / math.sqrt(2.0))
    density = math.exp(-0.5 * beta * beta) / math.sqrt(2.0 * math.pi)
    return 1.0 / (1.0 + beta * below / density)


def shared_processor_mean(utilisation: float, service_time: float) -> float:
    """Mean response of one processor shared by all its requests (M/G/1-PS); infinite when overloaded."""
    return service_time / (1.0 - utilisation) if utilisation < 1.0 else math.inf


def queue_or_backlog(
    servers: FloatArray, utilisation: FloatArray, service_time_ms: float, backlog_delay_ms: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Offered load and backlog delay of each minute, shape (minutes,), for `response_latency`.

    M/M/c forgets its start within a relaxation time of S / (sqrt(c) - sqrt(a))^2. A queue that takes longer than
    `SETTLING_MINUTES` has no time to grow to what the formula says of ever after, so it is taken at the
    utilisation that takes as long; its slower swings are in the minutes' own load and in the backlog between
    them. A request waits behind this queue or behind the backlog, whichever is longer, not behind both.

    Source: Kleinrock, Queueing Systems I (1975), M/M/1 transients; Halfin and Whitt (1981), many servers.
    """
    count = np.maximum(servers, 1.0)
    slow = np.sqrt(service_time_ms / (SETTLING_MINUTES * SECONDS_PER_MINUTE * 1000.0 * count))
    settled = np.minimum(utilisation, np.maximum(1.0 - slow, 0.0) ** 2)
    behind_backlog = backlog_delay_ms * count * (1.0 - settled) > service_time_ms
    return (
        np.where(behind_backlog, 0.0, settled * servers),
        np.where(behind_backlog, backlog_delay_ms, 0.0),
    )


def response_latency(
    requests: FloatArray,
    servers: FloatArray,
    offered_load_erlangs: FloatArray,
    service_time_ms: float,
    *,
    fixed_ms: float = 0.0,
    backlog_delay_ms: FloatArray | None = None,
    variability: float = 1.0,
) -> Latency:
    """Response time over a run: each minute is M/M/c, or G/G/c; minutes count by their requests.

    Args:
        requests: requests answered in the minute, shape (minutes,); the weights.
        servers: parallel servers, shape (minutes,), at least 1 wherever there are requests.
        offered_load_erlangs: mean busy servers asked for, shape (minutes,). A minute at or above
            its servers is queued at `MAXIMUM_UTILISATION`.
        service_time_ms: mean time on a server.
        fixed_ms: time that every request takes besides, such as the network.
        backlog_delay_ms: delay behind work left over from before, shape (minutes,); none when omitted.
        variability: `wait_variability` of arrivals and service; 1 for Poisson and exponential.

    Minutes alike in servers (equal up to 64, then within 6 %), in idle capacity (within 7 %) and in
    delay (within 3 %) are taken together at their mean. Against minute by minute that moves a
    percentile by 0.5 % at most, and by 2 % where a backlog makes it. `NO_LATENCY` without requests.

    Raises ValueError when a minute with requests has no server.
    """
    served = np.flatnonzero(requests > 0.0)
    if served.size == 0:
        return NO_LATENCY
    mixture = _mixture(
        requests[served],
        servers[served],
        offered_load_erlangs[served],
        None if backlog_delay_ms is None else backlog_delay_ms[served] / service_time_ms,
        variability,
    )
    return _latency_of(mixture, service_time_ms, fixed_ms)


def wait_variability(arrival_scv: float, service_scv: float) -> float:
    """How much longer a wait is than in M/M/c: the mean of both squared coefficients of variation.

    Whether one waits stays as it is; how long, stays exponential. Source: Allen (1990), the Allen-Cunneen
    approximation with the exact Erlang C in place of Sakasegawa's power.
    """
    return max((arrival_scv + service_scv) / 2.0, _LEAST_VARIABILITY)


def grouped_latency(
    requests: FloatArray,
    servers: float,
    offered_load_erlangs: FloatArray,
    service_time_ms: float,
    *,
    fixed_ms: float = 0.0,
    variability: float = 1.0,
) -> Latency:
    """Response time of `servers` that see each of a few loads for so many requests, shape (loads,) each.

    Like `response_latency` for minutes that were grouped already, as by `relational.load_histogram`.
    """
    mixture = _grouped(requests, servers, offered_load_erlangs, variability)
    return NO_LATENCY if mixture is None else _latency_of(mixture, service_time_ms, fixed_ms)


def grouped_percentile_ms(
    requests: FloatArray,
    servers: float,
    offered_load_erlangs: FloatArray,
    service_time_ms: float,
    share: float,
) -> float:
    """Response time that `share` (0 to 1) of the requests of `grouped_latency` do not exceed; 0 without requests."""
    mixture = _grouped(requests, servers, offered_load_erlangs, 1.0)
    return 0.0 if mixture is None else service_time_ms * mixture.percentile(share)


def unqueued_latency(requests: float, service_time_ms: float, *, fixed_ms: float = 0.0) -> Latency:
    """What `response_latency` does not fall below, however many servers there are: nobody waits.

    `NO_LATENCY` without requests, as there.
    """
    if not requests > 0.0:
        return NO_LATENCY
    p50, p95, p99 = (-math.log1p(-share) * (1.0 - _CLOSE) for share in (0.50, 0.95, 0.99))
    return Latency(
        mean_ms=fixed_ms + service_time_ms,
        p50_ms=fixed_ms + service_time_ms * p50,
        p95_ms=fixed_ms + service_time_ms * p95,
        p99_ms=fixed_ms + service_time_ms * p99,
        slower_ratio=_SlowerUnqueued(service_time_ms, fixed_ms),
    )


def percentiles_of_sum(parts: Sequence[Latency]) -> Latency:
    """Response time of steps one after the other, taken as independent.

    Means add; the distances of a percentile from the mean add as squares. Exact for one step, for
    fixed times and for normal ones; within 8 % for two equal exponential steps, the worst case.
    """
    mean_ms = sum(part.mean_ms for part in parts)

    def percentile_ms(values_ms: Sequence[float]) -> float:
        distances = [value - part.mean_ms for value, part in zip(values_ms, parts, strict=True)]
        squares = sum(math.copysign(distance * distance, distance) for distance in distances)
        return max(0.0, mean_ms + math.copysign(math.sqrt(abs(squares)), squares))

    return Latency(
        mean_ms=mean_ms,
        p50_ms=percentile_ms([part.p50_ms for part in parts]),
        p95_ms=percentile_ms([part.p95_ms for part in parts]),
        p99_ms=percentile_ms([part.p99_ms for part in parts]),
    )


def mixed_latency(parts: Sequence[tuple[float, Latency]]) -> Latency:
    """Response time when a request takes one of several ways, from how many requests took each.

    Percentiles are those of the mixture itself, to one in a million, and not a mean of percentiles. Ways that
    nobody took do not count; `NO_LATENCY` when all are such. Raises ValueError for a latency of which only
    the percentiles are known.
    """
    taken = [(requests, latency) for requests, latency in parts if requests > 0.0]
    if len(taken) < 2:
        return taken[0][1] if taken else NO_LATENCY
    total = math.fsum(requests for requests, _ in taken)
    slower_ratio = _SlowerOnAnyWay(tuple((requests / total, latency) for requests, latency in taken))
    scale_ms = max(latency.p95_ms for _, latency in taken)

    def percentile_ms(share: float) -> float:
        return _invert(lambda time: slower_ratio(time * scale_ms), 1.0 - share, _CLOSE) * scale_ms

    return Latency(
        mean_ms=sum(requests / total * latency.mean_ms for requests, latency in taken),
        p50_ms=percentile_ms(0.50),
        p95_ms=percentile_ms(0.95),
        p99_ms=percentile_ms(0.99),
        slower_ratio=slower_ratio,
    )


def surely_below(latency: Latency) -> Latency:
    """The same, less what two percentiles may be off: a bound on whatever is at least as slow."""
    factor = 1.0 - 2.0 * _CLOSE
    return Latency(
        latency.mean_ms * factor, latency.p50_ms * factor, latency.p95_ms * factor, latency.p99_ms * factor
    )


@dataclass(frozen=True, slots=True)
class _SlowerOnAnyWay:
    """Share of requests that take longer than a time, from each way's share of them and its latency."""

    ways: tuple[tuple[float, Latency], ...]

    def __call__(self, time_ms: float) -> float:
        total = 0.0
        for share, latency in self.ways:
            if latency.slower_ratio is None:
                raise ValueError("a latency of which only the percentiles are known cannot be mixed")
            total += share * latency.slower_ratio(time_ms)
        return total


@dataclass(frozen=True, slots=True)
class _Mixture:
    """Groups of minutes that are alike; times in service times. Arrays of shape (groups,)."""

    share: FloatArray
    rate: FloatArray
    """At which a queue moves on: idle servers, over the variability."""
    delay: FloatArray
    waiting: FloatArray

    def mean(self) -> float:
        return float(np.sum(self.share * (1.0 + self.delay + self.waiting / self.rate)))

    def percentile(self, share: float) -> float:
        return float(_mixture_time(1.0 - share, self.share, self.rate, self.delay, self.waiting))

    def tail(self, time: float) -> float:
        return float(_mixture_tail(time, self.share, self.rate, self.delay, self.waiting))


@dataclass(frozen=True, slots=True)
class _SlowerThan:
    """Share of the requests of a mixture that take longer than a time."""

    mixture: _Mixture
    service_time_ms: float
    fixed_ms: float

    def __call__(self, time_ms: float) -> float:
        return self.mixture.tail((time_ms - self.fixed_ms) / self.service_time_ms)


@dataclass(frozen=True, slots=True)
class _SlowerUnqueued:
    """The same where nobody waits."""

    service_time_ms: float
    fixed_ms: float

    def __call__(self, time_ms: float) -> float:
        return math.exp(-max(0.0, time_ms - self.fixed_ms) / self.service_time_ms)


def _latency_of(mixture: _Mixture, service_time_ms: float, fixed_ms: float) -> Latency:
    p50, p95, p99 = (mixture.percentile(share) for share in (0.50, 0.95, 0.99))
    return Latency(
        mean_ms=fixed_ms + service_time_ms * mixture.mean(),
        p50_ms=fixed_ms + service_time_ms * p50,
        p95_ms=fixed_ms + service_time_ms * p95,
        p99_ms=fixed_ms + service_time_ms * p99,
        slower_ratio=_SlowerThan(mixture, service_time_ms, fixed_ms),
    )


def _grouped(
    requests: FloatArray, servers: float, offered_load_erlangs: FloatArray, variability: float
) -> _Mixture | None:
    """One group for each load that has requests; None when none has."""
    used = np.flatnonzero(requests > 0.0)
    if used.size == 0:
        return None
    weight = requests[used]
    load = servers * np.minimum(offered_load_erlangs[used] / servers, MAXIMUM_UTILISATION)
    each = np.full(used.size, float(servers))
    return _Mixture(
        weight / weight.sum(),
        (each - load) / variability,
        np.zeros(used.size),
        _wait_probabilities(each, load),
    )


def _mixture(
    requests: FloatArray,
    servers: FloatArray,
    load: FloatArray,
    delay: FloatArray | None,
    variability: float,
) -> _Mixture:
    if servers.min() < 1.0:
        raise ValueError("a minute with requests has less than one server")
    utilisation = np.minimum(load / servers, MAXIMUM_UTILISATION)
    cell = (-_CELLS_PER_UTILISATION * np.log1p(-utilisation)).astype(np.int64)
    cell += (_UTILISATION_CELLS + 1) * _server_cell(servers)
    backlog = delay is not None and bool(delay.any())
    if delay is not None and backlog:
        late = np.flatnonzero(delay)
        delay_cell = _CELLS_PER_LOG_DELAY * np.log(np.maximum(delay[late] / _LEAST_DELAY, 1.0))
        cells = cell.max() + 1
        cell[late] += cells * delay_cell.astype(np.int64)
        cell[late] = cells + np.unique(cell[late], return_inverse=True)[1]
    weight = np.bincount(cell, requests)
    used = np.flatnonzero(weight)
    weight = weight[used]

    def mean_of(values: FloatArray) -> FloatArray:
        return np.bincount(cell, requests * values)[used] / weight

    mean_servers = mean_of(servers)
    mean_load = mean_of(utilisation) * mean_servers
    return _Mixture(
        share=weight / weight.sum(),
        rate=(mean_servers - mean_load) / variability,
        delay=mean_of(delay) if delay is not None and backlog else np.zeros_like(weight),
        waiting=_wait_probabilities(mean_servers, mean_load),
    )


def _server_cell(servers: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    beyond = _CELLS_PER_LOG_SERVERS * np.log(np.maximum(servers / _EXACT_SERVERS, 1.0))
    return (np.minimum(servers, float(_EXACT_SERVERS)) + beyond).astype(np.int64)


@register_jitable
def _invert(tail: Callable[..., float], target: float, tolerance: float, *parameters: FloatArray) -> float:
    """Time (of the order of 1) at which a falling `tail` of a time and `parameters` passes `target`.

    False position on the logarithm, which is nearly straight, with a bisection every third step.
    """

    def excess(time: float) -> float:
        return math.log(max(tail(time, *parameters), _LEAST_TAIL) / target)

    low, high = 0.0, 1.0
    above, below = excess(low), excess(high)
    while below > 0.0:
        low, above = high, below
        high *= 2.0
        below = excess(high)
    step = 0
    while high - low > tolerance * high:
        step += 1
        ratio = 0.5 if step % 3 == 0 else above / (above - below)
        middle = low + ratio * (high - low)
        found = excess(middle)
        if abs(found) <= tolerance:
            return middle
        if found > 0.0:
            low, above = middle, found
        else:
            high, below = middle, found
    return 0.5 * (low + high)


def _check(servers: int, offered_load_erlangs: float) -> None:
    if servers < 1 or offered_load_erlangs < 0.0:
        raise ValueError(
            f"needs one server or more and no negative load, not {servers} and {offered_load_erlangs}"
        )


def _wait_probability_python(servers: float, load: float) -> float:
    """Erlang C for load < servers, also between whole numbers of servers.

    Runs 1 / Erlang B upwards, which is stable, from where its start no longer matters; above the load
    it only grows, so the run stops once nobody waits.
    """
    if load <= 0.0:
        return 0.0
    whole = math.floor(servers)
    first = math.floor(load - _CERTAIN_STEPS * math.sqrt(load))
    fraction = servers - whole
    if first > 0:
        count = first + fraction
        inverse = load / (load - count)
    else:
        first = 0
        count = fraction
        inverse = (count + 2.0 * load + load * load) / ((2.0 - count) * load + load * load)
    for _ in range(first, whole):
        count += 1.0
        inverse = 1.0 + count / load * inverse
        if inverse > _NEGLIGIBLE:
            return 0.0
    return servers / (servers * inverse - load * (inverse - 1.0))


def _tail_python(time: float, rate: float, waiting: float) -> float:
    """P(wait + service > time), times in service times: exponential service, and with the chance `waiting` an
    exponential wait before it. No overflow at any rate above 0.
    """
    served = math.exp(-time)
    if waiting == 0.0:
        return served
    spare = rate - 1.0
    product = time * spare
    if abs(product) < 1e-8:
        extra = time * served
    elif abs(product) < 1.0:
        extra = -served * math.expm1(-product) / spare
    else:
        extra = (served - math.exp(-time * rate)) / spare
    return served + waiting * extra


_tail = njit(cache=True, nogil=True)(_tail_python)
_wait_probability = njit(cache=True, nogil=True)(_wait_probability_python)


@njit(cache=True, nogil=True)
def _wait_probabilities(servers: FloatArray, load: FloatArray) -> FloatArray:
    out = np.empty(servers.size)
    for i in range(servers.size):
        out[i] = _wait_probability(servers[i], load[i])
    return out


@register_jitable
def _mixture_tail_python(
    time: float, share: FloatArray, rate: FloatArray, delay: FloatArray, waiting: FloatArray
) -> float:
    total = 0.0
    for i in range(share.size):
        left = time - delay[i]
        total += share[i] * (1.0 if left <= 0.0 else _tail(left, rate[i], waiting[i]))
    return total


def _mixture_time_python(
    tail: float, share: FloatArray, rate: FloatArray, delay: FloatArray, waiting: FloatArray
) -> float:
    """Time that a share `tail` of a mixture exceeds."""
    return _invert(_mixture_tail_python, tail, _CLOSE, share, rate, delay, waiting)


_mixture_tail = njit(cache=True, nogil=True)(_mixture_tail_python)
_mixture_time = njit(cache=True, nogil=True)(_mixture_time_python)
