"""Functions that take one request at a time: environments, cold starts, throttling, billed time.

Words: an *environment* is one running copy of a function; `erlangs` is the mean number of busy ones
(arrival rate x mean duration).

Source: AWS Lambda Developer Guide, Lambda scaling behavior (2023-11) and quotas (2023-10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numba import njit

from costmodel.capacity.result import Latency
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import SECONDS_PER_MINUTE

ENVIRONMENTS_PER_SLICE = 1000
SLICES_PER_MINUTE = 6
"""A function may grow by 1 000 environments every 10 seconds. Source: see the module's."""
REQUESTS_PER_S_PER_CONCURRENCY = 10.0
"""An account may start 10 requests a second for each unit of its concurrency quota. Source: see the module's."""
IDLE_MINUTES = 6
"""Minutes an unused environment is kept; AWS publishes nothing, measurements run from 5 to 15.

Source: Copik et al., SeBS, Middleware 2021 (half evicted every 380 s); Shilkov, When Does Cold Start Happen on AWS Lambda? (5 to 7 min).
"""
BUSIEST_MOMENT_Z = 3.0
"""Standard deviations by which the busiest moment of a minute exceeds its mean. Engineering guess."""

_TAIL_Z = 12.0
_TAIL_LEVELS = 20
_GRID_POINTS = 64
_LEAST_RATE_PER_S = 1e-7
_LOSS_Z = 9.0
_SETTLING_STEPS = 100
_PERCENTILE_STEPS = 60
_INIT_QUANTILES = 64


@dataclass(frozen=True, slots=True, eq=False)
class ConcurrencyRun:
    """What one function did, minute by minute. Arrays have shape (minutes,) and are read-only."""

    environments: FloatArray
    """Environments in use at the busiest moment of the minute."""
    cold_starts: FloatArray
    """Requests that waited for a new environment."""
    throttled_requests: FloatArray
    """Requests refused because no environment could be had."""
    provisioned_ratio: FloatArray
    """Share of busy time spent on provisioned environments."""


@dataclass(frozen=True, slots=True)
class InitTime:
    """Time to start an environment: lognormal, from its median and 95th percentile."""

    p50_ms: float
    p95_ms: float

    @property
    def sigma(self) -> float:
        return math.log(self.p95_ms / self.p50_ms) / NormalDist().inv_cdf(0.95)

    @property
    def mean_ms(self) -> float:
        return self.p50_ms * math.exp(self.sigma**2 / 2)

    def scaled(self, factor: float) -> InitTime:
        """The same spread around a median `factor` times as long."""
        return InitTime(self.p50_ms * factor, self.p95_ms * factor)

    def quantiles_ms(self, count: int) -> FloatArray:
        """Midpoints of `count` equally likely classes, shape (count,)."""
        normal = NormalDist(0.0, self.sigma)
        return np.array(
            [self.p50_ms * math.exp(normal.inv_cdf((index + 0.5) / count)) for index in range(count)]
        )


def busiest_moment(erlangs: FloatArray) -> FloatArray:
    """Environments busy at the busiest moment of a minute, from the mean number busy."""
    return erlangs + BUSIEST_MOMENT_Z * np.sqrt(erlangs)


def run_concurrency(
    requests: FloatArray,
    duration_s: float,
    limit: FloatArray,
    *,
    provisioned: int = 0,
    requests_per_s_limit: float = math.inf,
) -> ConcurrencyRun:
    """Run one function through per-minute requests, shape (minutes,).

    An environment is new when more are needed than at any moment of the last `IDLE_MINUTES`; to
    those come the cold starts that steady traffic has anyway. Requests are refused by whichever is
    worst: the growth limit, the concurrency limit (Erlang B), or the limit on requests per second.
    The run starts warm.

    Args:
        requests: requests arriving in each minute.
        duration_s: mean time one request keeps an environment busy.
        limit: environments the function may have, shape (minutes,), above 0.
        provisioned: environments kept ready all the time.
        requests_per_s_limit: arrivals per second beyond which requests are refused.
    """
    rate_per_s = requests / SECONDS_PER_MINUTE
    erlangs = rate_per_s * duration_s
    environments, started, refused_ratio = _compiled_minutes(
        erlangs, busiest_moment(erlangs), np.ascontiguousarray(limit), float(provisioned), IDLE_MINUTES
    )
    over_rate_ratio = _ratio(np.maximum(0.0, rate_per_s - requests_per_s_limit), rate_per_s)
    refused = requests * np.maximum(refused_ratio, over_rate_ratio)
    accepted = requests - refused
    cold_ratio, overflow_erlangs = _steady_state(rate_per_s, duration_s, provisioned)
    on_demand_ratio = np.minimum(1.0, _ratio(overflow_erlangs, erlangs))
    return ConcurrencyRun(
        environments=read_only(environments),
        cold_starts=read_only(np.minimum(accepted, started + accepted * cold_ratio)),
        throttled_requests=read_only(refused),
        provisioned_ratio=read_only(1.0 - on_demand_ratio),
    )


def cold_start_ratio(
    rate_per_s: float,
    duration_s: float,
    *,
    idle_s: float = float(IDLE_MINUTES * SECONDS_PER_MINUTE),
    provisioned: int = 0,
) -> float:
    """Share of requests that start an environment under steady Poisson traffic.

    Environments are taken most recently used first, so level k is needed at the rate nu_k at which
    k - 1 are busy, and stands idle for F_k / nu_k on average:
    `(1 / rate) x sum over k of nu_k x exp(-idle_s x nu_k / F_k)`. Provisioned levels never start.

    Source: M/M/infinity occupancy, Kleinrock, Queueing Systems I (1975); checked against a
    discrete-event simulation of most-recently-used routing.
    """
    return float(_compiled_levels(rate_per_s, duration_s, idle_s, provisioned)[0])


def cold_start_latency(fixed_ms: float, cpu_ms: float, cold_ratio: float, init: InitTime) -> Latency:
    """Response time when CPU time is exponential and a share of requests first waits for `init`."""
    inits_ms = init.quantiles_ms(_INIT_QUANTILES)
    slower_ratios = np.array([0.50, 0.05, 0.01])
    low = np.zeros(3)
    high = inits_ms[-1] - cpu_ms * np.log(slower_ratios)
    for _ in range(_PERCENTILE_STEPS):
        middle = (low + high) / 2
        warm = np.exp(-middle / cpu_ms)
        cold = np.exp(-np.maximum(0.0, middle[:, None] - inits_ms) / cpu_ms).mean(axis=1)
        slower = (1.0 - cold_ratio) * warm + cold_ratio * cold > slower_ratios
        low, high = np.where(slower, middle, low), np.where(slower, high, middle)
    p50_ms, p95_ms, p99_ms = (fixed_ms + float(time_ms) for time_ms in high)
    mean_ms = fixed_ms + cpu_ms + cold_ratio * float(inits_ms.mean())
    return Latency(mean_ms, p50_ms, p95_ms, p99_ms)


def billed_ms(fixed_ms: float, cpu_ms: float) -> float:
    """Mean duration of a request in whole milliseconds, each rounded up: fixed part and exponential part.

    Source: AWS Lambda pricing, duration is rounded up to the nearest 1 ms (2025-12). The expectation
    is exact: the sum over whole n of the chance that a request lasts longer than n.
    """
    whole = math.floor(fixed_ms)
    return whole + 1 + math.exp(-(whole + 1 - fixed_ms) / cpu_ms) / -math.expm1(-1.0 / cpu_ms)


def billed_init_ms(init: InitTime) -> float:
    """Mean initialisation in whole milliseconds, each rounded up: half a millisecond on top of the mean.

    Source: AWS Compute Blog, AWS Lambda standardizes billing for the INIT phase (2025-04).
    """
    return init.mean_ms + 0.5


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """`part / whole`, and 0 where the whole is practically nothing."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > _LEAST_RATE_PER_S**2)


def _steady_state(
    rate_per_s: FloatArray, duration_s: float, provisioned: int
) -> tuple[FloatArray, FloatArray]:
    """Cold-start ratio and erlangs beyond the provisioned environments, for rates of shape (minutes,).

    Both are smooth in the rate, so they are worked out on a logarithmic grid and read off in between.
    """
    positive = rate_per_s[rate_per_s > 0]
    if positive.size == 0:
        return np.zeros_like(rate_per_s), np.zeros_like(rate_per_s)
    low = max(float(positive.min()), _LEAST_RATE_PER_S)
    grid = np.geomspace(low, max(float(positive.max()), low), _GRID_POINTS)
    idle_s = float(IDLE_MINUTES * SECONDS_PER_MINUTE)
    points = np.array([_compiled_levels(rate, duration_s, idle_s, provisioned) for rate in grid])
    return np.interp(rate_per_s, grid, points[:, 0]), np.interp(rate_per_s, grid, points[:, 1])


def _levels(rate_per_s: float, duration_s: float, idle_s: float, provisioned: int) -> tuple[float, float]:
    """Cold-start ratio and mean busy environments beyond the provisioned ones, at one steady rate."""
    erlangs = rate_per_s * duration_s
    spread = _TAIL_Z * math.sqrt(erlangs)
    first = max(0, math.floor(erlangs - spread))
    occupancy = math.exp(first * math.log(erlangs) - erlangs - math.lgamma(first + 1.0))
    below = 0.0
    cold = 0.0
    overflow = float(max(0, first - provisioned))
    for busy in range(first, math.ceil(erlangs + spread) + _TAIL_LEVELS):
        below += occupancy
        if busy >= provisioned:
            cold += occupancy * math.exp(-idle_s * rate_per_s * occupancy / below)
            overflow += max(0.0, 1.0 - below)
        occupancy *= erlangs / (busy + 1.0)
    return min(1.0, cold), overflow


def _minutes(
    erlangs: FloatArray, needed: FloatArray, limit: FloatArray, provisioned: float, idle_minutes: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Environments in use, environments started, and share of requests refused, minute by minute."""
    minutes = erlangs.shape[0]
    used = np.empty(minutes)
    started = np.empty(minutes)
    refused_ratio = np.empty(minutes)
    for minute in range(minutes):
        wanted = min(needed[minute], limit[minute])
        warm = provisioned if minute > 0 else max(provisioned, wanted)
        for earlier in range(max(0, minute - idle_minutes), minute):
            warm = max(warm, used[earlier])
        used[minute] = min(wanted, warm + ENVIRONMENTS_PER_SLICE * SLICES_PER_MINUTE)
        started[minute] = max(0.0, used[minute] - warm)
        load = erlangs[minute]
        missing = 0.0
        for step in range(1, SLICES_PER_MINUTE + 1):
            missing += max(0.0, load - warm - ENVIRONMENTS_PER_SLICE * step)
        growth_ratio = missing / (SLICES_PER_MINUTE * load) if load > 0.0 else 0.0
        refused_ratio[minute] = max(growth_ratio, _compiled_loss(load, limit[minute]))
    return used, started, refused_ratio


def _loss(erlangs: float, limit: float) -> float:
    """Erlang B for a whole number of servers, by the stable recursion from where its start is forgotten."""
    servers = math.floor(limit)
    spread = _LOSS_Z * math.sqrt(erlangs)
    if erlangs + spread + _TAIL_LEVELS < servers:
        return 0.0
    first = math.floor(min(erlangs - spread, servers - float(_SETTLING_STEPS)))
    if first <= 0:
        first = 0
        blocked = 1.0
    else:
        blocked = 1.0 - first / erlangs
    for count in range(first + 1, servers + 1):
        blocked = erlangs * blocked / (count + erlangs * blocked)
    return blocked


_compiled_levels = njit(cache=True, nogil=True)(_levels)
_compiled_loss = njit(cache=True, nogil=True)(_loss)
_compiled_minutes = njit(cache=True, nogil=True)(_minutes)
