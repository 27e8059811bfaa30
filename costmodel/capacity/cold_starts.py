"""New environments: how often a request waits for one, how long, and what the wait costs.

Words: an *environment* is one running copy of a function; it is *idle* between two requests and is
taken away after a while; `erlangs` is the mean number of busy ones (arrival rate x mean duration).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numba import njit
from numba.extending import register_jitable

from costmodel.capacity.function_size import Architecture
from costmodel.capacity.loss import compiled_loss
from costmodel.capacity.result import Latency
from costmodel.demand.calendar import FloatArray
from costmodel.units import SECONDS_PER_MINUTE

IDLE_MINUTES = 6
"""Minutes an unused environment is kept; AWS publishes nothing, measurements run from 5 to 15.

Source: Copik et al., SeBS, Middleware 2021 (half evicted every 380 s); Shilkov, When Does Cold Start Happen on AWS Lambda? (5 to 7 min).
"""
MOST_ERLANGS = 1e9
"""No account has such a quota: what is larger is a mistake and not a load."""

_TAIL_Z = 12.0
_TAIL_LEVELS = 30
_GRID_POINTS = 64
_LEAST_RATE_PER_S = 1e-7
_PERCENTILE_STEPS = 60
_INIT_QUANTILES = 64
_LEAST_ERLANGS = 1e-14
_LEAST_EXPONENT = -746.0
"""The exponential of less is 0."""


@dataclass(frozen=True, slots=True)
class InitTime:
    """Time to start an environment: lognormal, from its median and 95th percentile."""

    p50_ms: float
    p95_ms: float

    def __post_init__(self) -> None:
        """Raises ValueError unless 0 < p50_ms <= p95_ms, both finite."""
        if not 0 < self.p50_ms <= self.p95_ms < math.inf:
            raise ValueError(
                f"percentiles of a start must satisfy 0 < p50 <= p95, not {self.p50_ms} and {self.p95_ms} ms"
            )

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


INIT_TIMES: dict[Architecture, dict[str, InitTime]] = {
    "x86_64": {
        "rust": InitTime(16, 28),
        "go": InitTime(51, 61),
        "python3.13": InitTime(94, 134),
        "nodejs22.x": InitTime(146, 187),
        "java21": InitTime(243, 318),
        "ruby3.4": InitTime(229, 426),
        "dotnet8": InitTime(257, 382),
    },
    "arm64": {
        "rust": InitTime(14, 21),
        "go": InitTime(42, 44),
        "python3.13": InitTime(81, 102),
        "nodejs22.x": InitTime(128, 142),
        "java21": InitTime(246, 275),
        "ruby3.4": InitTime(223, 396),
        "dotnet8": InitTime(294, 599),
    },
}
"""Start of a hello-world zip function; memory makes no difference.

Source: maxday/lambda-perf, daily measurements from 2026-05-28 to 2026-08-22.
"""


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
    `(1 / rate) x sum over k of nu_k x exp(-idle_s x nu_k / F_k)`. Only requests that find every
    provisioned environment busy come to them.

    Source: M/M/infinity occupancy, Kleinrock, Queueing Systems I (1975); overflow of a full group,
    Riordan's formula in Wilkinson, Bell System Technical Journal 35 (1956); checked against a
    discrete-event simulation of most-recently-used routing. Raises ValueError for a rate or a
    duration that is not above 0, for more than `MOST_ERLANGS`, and for a negative `idle_s` or `provisioned`.
    """
    if not (rate_per_s > 0 and duration_s > 0 and rate_per_s * duration_s <= MOST_ERLANGS):
        raise ValueError(
            f"rate and duration must be above 0 and keep at most {MOST_ERLANGS:g} environments busy,"
            f" not {rate_per_s} per s and {duration_s} s"
        )
    if not idle_s >= 0 or provisioned < 0:
        raise ValueError(f"idle_s and provisioned must not be negative, not {idle_s} and {provisioned}")
    return float(_compiled_levels(rate_per_s, duration_s, idle_s, provisioned)[0])


def steady_state(
    rate_per_s: FloatArray, duration_s: float, provisioned: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Cold-start ratio, and share of requests that spill over to environments on demand; shape (minutes,).

    Both are smooth in the rate, so for each number of provisioned environments they are worked out
    on `rate_grid` and read off in between.
    """
    cold_ratio = np.zeros_like(rate_per_s)
    spilled_ratio = np.zeros_like(rate_per_s)
    for level in np.unique(provisioned):
        here = (provisioned == level) & (rate_per_s > 0)
        if here.any():
            cold_ratio[here], spilled_ratio[here] = _read_off(rate_per_s[here], duration_s, int(level))
    return cold_ratio, spilled_ratio


def rate_grid(rate_per_s: FloatArray) -> FloatArray:
    """A logarithmic grid over those of some rates that are above 0, shape (points,), not falling."""
    high_per_s = max(float(rate_per_s.max()), _LEAST_RATE_PER_S)
    low_per_s = float(rate_per_s.min(where=rate_per_s > 0, initial=high_per_s))
    return np.geomspace(max(low_per_s, _LEAST_RATE_PER_S), high_per_s, _GRID_POINTS)


def steady_ratios(
    rate_per_s: FloatArray, duration_s: float, provisioned: int
) -> tuple[FloatArray, FloatArray]:
    """What `steady_state` reads off, worked out at each of a few rates above 0; shape (rates,)."""
    idle_s = float(IDLE_MINUTES * SECONDS_PER_MINUTE)
    cold_ratio, spilled_ratio = _compiled_ratios(rate_per_s, duration_s, idle_s, provisioned)
    return cold_ratio, spilled_ratio


def cold_start_latency(fixed_ms: float, cpu_ms: float, cold_ratio: float, init: InitTime) -> Latency:
    """Response time when CPU time is exponential and a share of requests first waits for `init`."""
    slower_ratio = _SlowerThan(fixed_ms, cpu_ms, cold_ratio, init)
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
    return Latency(mean_ms, p50_ms, p95_ms, p99_ms, slower_ratio)


@dataclass(frozen=True, slots=True)
class _SlowerThan:
    """Share of requests that take longer than a time, of those of `cold_start_latency`."""

    fixed_ms: float
    cpu_ms: float
    cold_ratio: float
    init: InitTime

    def __call__(self, time_ms: float) -> float:
        left_ms = time_ms - self.fixed_ms
        if left_ms <= 0.0:
            return 1.0
        inits_ms = self.init.quantiles_ms(_INIT_QUANTILES)
        cold = float(np.exp(-np.maximum(0.0, left_ms - inits_ms) / self.cpu_ms).mean())
        return (1.0 - self.cold_ratio) * math.exp(-left_ms / self.cpu_ms) + self.cold_ratio * cold


def billed_ms(fixed_ms: float, cpu_ms: float) -> float:
    """Mean duration of a request in whole milliseconds, each rounded up: fixed part and exponential part.

    Source: AWS Lambda pricing, duration is rounded up to the nearest 1 ms (2025-12). The expectation
    is exact: the sum over whole n of the chance that a request lasts longer than n.
    """
    whole = math.floor(fixed_ms)
    return whole + 1 + math.exp(-(whole + 1 - fixed_ms) / cpu_ms) / -math.expm1(-1.0 / cpu_ms)


def billed_init_ms(fixed_ms: float, cpu_ms: float, init: InitTime) -> float:
    """What a start adds on average to a request's billed duration.

    Start and duration are added first and rounded up once, as the `Billed Duration` of REPORT lines
    shows: 1 058.15 ms after a start of 1 307.68 ms are billed as 2 366 ms, and 138 999.20 ms after
    711.04 ms as 139 711 ms; rounded up one by one they would be 2 367 and 139 712.

    Source: AWS Compute Blog, AWS Lambda standardizes billing for the INIT phase (2025-04); REPORT
    lines in van Donkersgoed, When is the Lambda Init Phase Free (2022-04), and in public logs (2026-05).
    """
    inits_ms = init.quantiles_ms(_INIT_QUANTILES).tolist()
    rounding_ms = [billed_ms(fixed_ms + init_ms, cpu_ms) - (fixed_ms + init_ms) for init_ms in inits_ms]
    warm_rounding_ms = billed_ms(fixed_ms, cpu_ms) - fixed_ms
    return init.mean_ms + math.fsum(rounding_ms) / _INIT_QUANTILES - warm_rounding_ms


def _read_off(rate_per_s: FloatArray, duration_s: float, provisioned: int) -> tuple[FloatArray, FloatArray]:
    grid_per_s = rate_grid(rate_per_s)
    cold_ratio, spilled_ratio = steady_ratios(grid_per_s, duration_s, provisioned)
    return (
        np.interp(rate_per_s, grid_per_s, cold_ratio),
        np.interp(rate_per_s, grid_per_s, spilled_ratio),
    )


def _ratios(
    rate_per_s: FloatArray, duration_s: float, idle_s: float, provisioned: int
) -> tuple[FloatArray, FloatArray]:
    """`_levels` at each of some rates, shape (rates,)."""
    cold_ratio = np.empty(rate_per_s.size)
    spilled_ratio = np.empty(rate_per_s.size)
    for place in range(rate_per_s.size):
        cold_ratio[place], spilled_ratio[place] = _levels(rate_per_s[place], duration_s, idle_s, provisioned)
    return cold_ratio, spilled_ratio


@register_jitable
def _levels(rate_per_s: float, duration_s: float, idle_s: float, provisioned: int) -> tuple[float, float]:
    """Cold-start ratio, and share of requests that find no provisioned environment, at one steady rate.

    What spills over is burstier than Poisson: the number busy on demand has the mean and variance of
    Riordan's overflow and is taken as negative binomial, which is Poisson where nothing is provisioned.
    Its weights are built up from far below the mean, level by level, and then divided by their sum.
    """
    erlangs = rate_per_s * duration_s
    spilled_ratio = compiled_loss(erlangs, float(provisioned))
    mean = erlangs * spilled_ratio
    if mean < _LEAST_ERLANGS:
        return 0.0, spilled_ratio
    peakedness = max(1.0, 1.0 - mean + erlangs / (provisioned + 1.0 + mean - erlangs))
    burst = 1.0 - 1.0 / peakedness
    spread = _TAIL_Z * math.sqrt(mean * peakedness)
    first = max(0, math.floor(mean - spread))
    last = math.ceil(mean + spread + _TAIL_LEVELS * peakedness)
    steady = mean / peakedness
    total = 0.0
    weight = 1.0
    for busy in range(first, last):
        total += weight
        weight *= (steady + burst * busy) / (busy + 1.0)
    cold = 0.0
    below = 0.0
    chance = 1.0 / total
    for busy in range(first, last):
        below += chance
        climbing = chance * (steady + burst * busy)
        exponent = -idle_s / duration_s * climbing / below
        if exponent > _LEAST_EXPONENT:
            cold += climbing * math.exp(exponent)
        chance *= (steady + burst * busy) / (busy + 1.0)
    return min(spilled_ratio, cold / erlangs), spilled_ratio


_compiled_levels = njit(cache=True, nogil=True)(_levels)
_compiled_ratios = njit(cache=True, nogil=True)(_ratios)
