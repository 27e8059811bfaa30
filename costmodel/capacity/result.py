"""What ran, minute by minute, and how well it served."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from costmodel.demand.calendar import FloatArray
from costmodel.demand.memory import Remembering
from costmodel.units import SECONDS_PER_MINUTE, figure


@dataclass(frozen=True, slots=True)
class Latency:
    """Response time over a whole run, weighted by requests.

    Of a compute design: one API call without its database work. Of a database design: all the
    database work of one API call. Of a delivery design: the first view of a 3D model.
    """

    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    slower_ratio: Callable[[float], float] | None = field(default=None, compare=False, repr=False)
    """Share of requests that take longer than so many ms, 0 to 1; None where only the percentiles are known."""


NO_LATENCY = Latency(0.0, 0.0, 0.0, 0.0)

MISSING_PRICES = "missing prices"
"""Unit of the limit on what has no published price: none may be missing."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A ceiling that a design must stay under, with what was observed."""

    constraint: str
    """What is limited, in words a user knows: `plan data transfer`, `database connections`."""
    observed: float
    limit: float
    unit: str
    key: str = ""
    """Key of the scenario that sets it: `account.ec2_vcpus`; empty for a limit that no key moves."""
    remedy: str = ""
    """What would let a load past it: `a larger instance type`, or the quota that AWS can raise."""

    @property
    def way_out(self) -> str:
        """What to raise: the remedy and the key, as far as there are any."""
        return "; or ".join(way for way in (self.remedy, self.key) if way) or "nothing: it is fixed"

    @property
    def miss(self) -> str:
        """How it is broken, in words: `recovery time is 60, allowed 15 minutes`."""
        if self.unit == MISSING_PRICES:
            return f"no {self.constraint}"
        return (
            f"{self.constraint} is {figure(self.observed)}, allowed {figure(self.limit)} {self.unit}".rstrip()
        )

    @property
    def broken(self) -> bool:
        return self.observed > self.limit

    @property
    def excess(self) -> float:
        """Observed over allowed: how badly it is missed."""
        return self.observed / self.limit if self.limit > 0 else math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Capacity(Remembering):
    """What one design ran each minute. Arrays have shape (minutes,) and are read-only."""

    servers: FloatArray
    """Billed units running: instances, execution environments, ACUs or capacity units."""
    utilisation: FloatArray
    """Offered load over capacity, 0 to 1 when it keeps up; held at 1 when it does not."""
    requests: FloatArray
    """Requests offered in the minute."""
    failed_requests: FloatArray
    """Requests dropped, timed out or throttled in the minute."""
    latency: Latency
    saturation_requests_per_s: float
    """Steady arrival rate at which this design, scaled to its maximum, stops keeping up."""
    limits: tuple[Limit, ...] = ()
    """Ceilings specific to the design; any broken one makes it infeasible."""
    peak_connections: float = 0.0
    """Database connections a compute design opens at its busiest."""
    call_slots: float = math.inf
    """Calls a compute design can have in flight: what its workers, or the account's concurrency, hold."""
    peak_waiting_calls: float = 0.0
    """Calls that wait for a database design at once, at the worst minute."""
    max_connections: float = math.inf
    """Database connections a database design accepts."""
    spot_servers: FloatArray | None = None
    """Those of `servers` that are spot; None for a design without."""
    stopped_servers: FloatArray | None = None
    """Stopped instances beside `servers`, of which only volumes are paid; None for a design without."""
    halves: tuple[Capacity, Capacity] | None = None
    """What the two designs ran that share the requests; None for a design of one piece."""
    remedy: str = ""
    """What would let it serve more: a setting of the design, or the quota that AWS can raise."""

    def summary(self) -> CapacitySummary:
        """What the run comes to, without its minutes."""
        offered = float(self.requests.sum())
        failed = float(self.failed_requests.sum())
        return CapacitySummary(
            failed_requests=failed,
            error_ratio=failed / offered if offered > 0 else 0.0,
            peak_requests_per_s=float(self.requests.max()) / SECONDS_PER_MINUTE,
            saturation_requests_per_s=self.saturation_requests_per_s,
            latency=self.latency,
            limits=self.limits,
            peak_connections=self.peak_connections,
            call_slots=self.call_slots,
            peak_waiting_calls=self.peak_waiting_calls,
            max_connections=self.max_connections,
            remedy=self.remedy,
        )


@dataclass(frozen=True, slots=True)
class CapacitySummary:
    """What one design's run comes to. It is kept for every design; the minutes are not."""

    failed_requests: float
    """Requests dropped, timed out or throttled in the whole run."""
    error_ratio: float
    """Failed over offered requests in the whole run; 0 when nothing was offered."""
    peak_requests_per_s: float
    """Arrival rate of the busiest minute."""
    saturation_requests_per_s: float
    latency: Latency
    limits: tuple[Limit, ...]
    peak_connections: float
    call_slots: float
    peak_waiting_calls: float
    max_connections: float
    remedy: str = ""
    """What would let the design serve more."""
    lost_ratio: float = 0.0
    """Share of all calls that came while the region did not serve. They reach no tier and are none of its errors."""

    @property
    def headroom_ratio(self) -> float:
        """How far the busiest minute stays below saturation: 0.5 means it could be twice as busy."""
        peak = self.peak_requests_per_s
        return 1.0 if peak == 0 else 1.0 - peak / self.saturation_requests_per_s
