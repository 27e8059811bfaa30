"""How many environments functions may run at once, how fast the number grows, and what is refused.

Words: an *environment* is one running copy of a function and takes one request at a time; `erlangs`
is the mean number of busy ones (arrival rate x mean duration).

Source: AWS Lambda Developer Guide, Lambda scaling behavior (2023-11) and quotas (2023-10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodel.capacity.cold_starts import IDLE_MINUTES, steady_state
from costmodel.capacity.loss import compiled_loss
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import SECONDS_PER_MINUTE

ENVIRONMENTS_PER_SLICE = 1000
REQUESTS_PER_S_PER_SLICE = 10_000
SLICES_PER_MINUTE = 6
"""A function may grow by 1 000 environments, or 10 000 requests a second, every 10 seconds.

Source: see the module's. What is not used in one slice is not saved for the next.
"""
REQUESTS_PER_S_PER_CONCURRENCY = 10.0
"""An account may start 10 requests a second for each unit of its concurrency quota. Source: see the module's."""
UNRESERVABLE_CONCURRENCY = 100
"""Part of the account's quota that stays unreserved. Source: AWS Lambda Developer Guide, quotas (2023-10)."""
RENDERING_SHARE = 10
"""One in so many concurrent executions is kept for rendering where functions may render. Engineering guess."""
LEAST_MAXIMUM_CONCURRENCY = 2
MOST_MAXIMUM_CONCURRENCY = 1_000
"""Bounds of what a queue may invoke at the same time.

Source: AWS Lambda Developer Guide, scaling behavior for SQS event source mappings (2024).
"""
BUSIEST_MOMENT_Z = 3.0
"""Standard deviations by which the busiest moment of a minute exceeds its mean. Engineering guess."""
MOST_ENVIRONMENTS = 1e9
"""No account has such a quota: what is larger is a mistake and not a limit."""

_LEAST_ERLANGS = 1e-14


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
    """Share of the accepted requests that run on provisioned environments."""


@dataclass(frozen=True, slots=True)
class ConcurrencyLimits:
    """What an account allows one function: its share of the quota and its requests per second."""

    account_quota: int
    """Concurrent executions of all functions of the account in the region."""
    reserved: int = 0
    """Concurrency kept for this function, which is also the most it may use; 0 for none."""

    def __post_init__(self) -> None:
        """Raises ValueError for limits that AWS would not accept."""
        if not 1 <= self.account_quota <= MOST_ENVIRONMENTS:
            raise ValueError(
                f"the account's concurrency quota must be at least 1, not {self.account_quota}"
                " (AWS Lambda Developer Guide, quotas, 2023-10: 1 000 unless raised)"
            )
        most = max(0, self.account_quota - UNRESERVABLE_CONCURRENCY)
        if not 0 <= self.reserved <= most:
            raise ValueError(
                f"reserved concurrency must be from 0 to {most}, not {self.reserved}: of the quota of"
                f" {self.account_quota}, {UNRESERVABLE_CONCURRENCY} stay unreserved"
                " (AWS Lambda Developer Guide, configuring reserved concurrency, 2023-10)"
            )

    @property
    def requests_per_s(self) -> float:
        """Most requests a second that may start.

        Source: AWS Lambda Developer Guide, quotas (2023-10): 10 x the concurrency; a reservation
        has its own.
        """
        return REQUESTS_PER_S_PER_CONCURRENCY * (self.reserved or self.account_quota)

    def environments(self, used_by_others: FloatArray) -> FloatArray:
        """Most environments the function may have beside other functions, shape (minutes,), at least 1."""
        if self.reserved:
            return np.full_like(used_by_others, float(self.reserved))
        return np.maximum(1.0, self.account_quota - used_by_others)

    def check_provisioned(self, provisioned: int) -> None:
        """Raises ValueError for more provisioned concurrency than may be configured."""
        most = self.reserved or max(0, self.account_quota - UNRESERVABLE_CONCURRENCY)
        if not 0 <= provisioned <= most:
            raise ValueError(
                f"provisioned concurrency must be from 0 to {most}, not {provisioned}: it stays within"
                f" the function's reservation, or leaves {UNRESERVABLE_CONCURRENCY} of the quota unreserved"
                " (AWS Lambda Developer Guide, configuring provisioned concurrency, 2023-10)"
            )


def rendering_concurrency(account_quota: int) -> int:
    """Concurrent executions that rendering jobs may use; API calls have the rest of the account's quota."""
    share = account_quota // RENDERING_SHARE
    return min(MOST_MAXIMUM_CONCURRENCY, max(LEAST_MAXIMUM_CONCURRENCY, share))


def busiest_moment(erlangs: FloatArray) -> FloatArray:
    """Environments busy at the busiest moment of a minute, from the mean number busy."""
    return erlangs + BUSIEST_MOMENT_Z * np.sqrt(erlangs)


def run_concurrency(
    requests: FloatArray,
    duration_s: float,
    limit: FloatArray,
    *,
    provisioned: float | FloatArray = 0.0,
    requests_per_s_limit: float = math.inf,
) -> ConcurrencyRun:
    """Run one function through per-minute requests, shape (minutes,).

    An environment is new when more are needed than at any moment of the last `IDLE_MINUTES`; to
    those come the cold starts that steady traffic has anyway. Requests are refused by whichever is
    worst: the growth limits, slice by slice of 10 s; the concurrency limit (Erlang B); the limit on
    requests per second. The run starts warm.

    Args:
        requests: requests arriving in each minute.
        duration_s: mean time one request keeps an environment busy.
        limit: environments the function may have, shape (minutes,), at least 1.
        provisioned: environments kept ready, all the time or in each minute.
        requests_per_s_limit: arrivals per second beyond which requests are refused.

    Raises ValueError for anything negative, undefined or infinite, and for a limit below 1.
    """
    rate_per_s = np.ascontiguousarray(requests, dtype=np.float64) / SECONDS_PER_MINUTE
    ready = np.ascontiguousarray(np.broadcast_to(np.asarray(provisioned, dtype=np.float64), rate_per_s.shape))
    limit = np.ascontiguousarray(limit, dtype=np.float64)
    erlangs = rate_per_s * duration_s
    _check(rate_per_s, duration_s, erlangs, limit, ready, requests_per_s_limit)
    environments, started, refused_ratio = _compiled_minutes(
        erlangs, busiest_moment(erlangs), rate_per_s, limit, ready, IDLE_MINUTES
    )
    over_rate_ratio = _ratio(np.maximum(0.0, rate_per_s - requests_per_s_limit), rate_per_s)
    refused = requests * np.minimum(1.0, np.maximum(refused_ratio, over_rate_ratio))
    accepted = requests - refused
    carried_per_s = np.minimum(erlangs, limit) / duration_s
    cold_ratio, spilled_ratio = steady_state(carried_per_s, duration_s, ready)
    return ConcurrencyRun(
        environments=read_only(environments),
        cold_starts=read_only(np.minimum(accepted, started + accepted * cold_ratio)),
        throttled_requests=read_only(refused),
        provisioned_ratio=read_only(1.0 - spilled_ratio),
    )


def _check(
    rate_per_s: FloatArray,
    duration_s: float,
    erlangs: FloatArray,
    limit: FloatArray,
    provisioned: FloatArray,
    requests_per_s_limit: float,
) -> None:
    if not np.all(np.isfinite(erlangs) & (rate_per_s >= 0)) or not 0 < duration_s < math.inf:
        raise ValueError("requests must be finite and not negative, and their duration above 0 s")
    if limit.shape != rate_per_s.shape or not np.all((limit >= 1) & (limit <= MOST_ENVIRONMENTS)):
        raise ValueError(f"limit must be from 1 to {MOST_ENVIRONMENTS:g} environments in every minute")
    if not np.all((provisioned >= 0) & (provisioned <= MOST_ENVIRONMENTS)):
        raise ValueError(f"provisioned must be from 0 to {MOST_ENVIRONMENTS:g} environments")
    if not requests_per_s_limit > 0:
        raise ValueError(f"requests_per_s_limit must be above 0, not {requests_per_s_limit}")


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """`part / whole`, and 0 where the whole is practically nothing."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > _LEAST_ERLANGS)


def _minutes(
    erlangs: FloatArray,
    needed: FloatArray,
    rate_per_s: FloatArray,
    limit: FloatArray,
    provisioned: FloatArray,
    idle_minutes: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Environments in use, environments started, and share of requests refused, minute by minute."""
    minutes = erlangs.shape[0]
    used = np.empty(minutes)
    started = np.empty(minutes)
    refused_ratio = np.empty(minutes)
    on_demand = np.empty(minutes)
    reached_per_s = np.empty(minutes)
    for minute in range(minutes):
        ready = provisioned[minute]
        wanted = min(needed[minute], limit[minute])
        beyond = max(0.0, wanted - ready)
        warm = beyond if minute == 0 else 0.0
        rate = rate_per_s[minute]
        usual = rate if minute == 0 else REQUESTS_PER_S_PER_CONCURRENCY * ready
        for earlier in range(max(0, minute - idle_minutes), minute):
            warm = max(warm, on_demand[earlier])
            usual = max(usual, reached_per_s[earlier])
        on_demand[minute] = min(beyond, warm + ENVIRONMENTS_PER_SLICE * SLICES_PER_MINUTE)
        reached_per_s[minute] = min(rate, usual + REQUESTS_PER_S_PER_SLICE * SLICES_PER_MINUTE)
        used[minute] = min(wanted, ready) + on_demand[minute]
        started[minute] = max(0.0, on_demand[minute] - warm)
        load = erlangs[minute]
        missing = 0.0
        missing_per_s = 0.0
        for step in range(1, SLICES_PER_MINUTE + 1):
            missing += max(0.0, load - ready - warm - ENVIRONMENTS_PER_SLICE * step)
            missing_per_s += max(0.0, rate - usual - REQUESTS_PER_S_PER_SLICE * step)
        growth_ratio = missing / (SLICES_PER_MINUTE * load) if load > 0.0 else 0.0
        rate_ratio = missing_per_s / (SLICES_PER_MINUTE * rate) if rate > 0.0 else 0.0
        refused_ratio[minute] = max(max(growth_ratio, rate_ratio), compiled_loss(load, limit[minute]))
    return used, started, refused_ratio


_compiled_minutes = njit(cache=True, nogil=True)(_minutes)
