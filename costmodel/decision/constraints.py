"""What a whole candidate promises, and the objectives it must meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from costmodel.capacity.availability import lost_minutes_per_month, series
from costmodel.capacity.result import Limit
from costmodel.decision.candidate import INSIDE_ROLES, Candidate, SimulatedDesign
from costmodel.scenario.model import Objectives


@dataclass(frozen=True, slots=True)
class Promise:
    """How a candidate performs and recovers, its tiers taken together."""

    api_p50_ms: float
    api_p95_ms: float
    api_p99_ms: float
    availability_ratio: float
    """Product of the service-level agreements of load balancer, compute and database."""
    availability_with_delivery_ratio: float
    error_ratio: float
    """Share of the calls that reach the region and fail."""
    lost_ratio: float
    """Share of all calls that came while the region did not serve."""
    rto_minutes: float
    rpo_minutes: float


def promise(candidate: Candidate) -> Promise:
    """Compose the tiers of a candidate.

    Latency: percentiles of compute and database are added, which bounds the percentile of the sum
    from above when the two are slow at the same time, as they are at a peak. It is measured inside
    the region; the viewer's network comes on top.
    Availability: components in series multiply. Source: AWS Well-Architected, REL "Availability"
    (2023-04); each agreement is named by its design.
    Errors: a call fails when either tier fails it, taken as independent.
    """
    inside = (candidate.load_balancer, candidate.compute, candidate.database)
    availability = series(tier.design.reliability.sla_ratio for tier in inside)
    served = (1 - candidate.compute.capacity.error_ratio) * (1 - candidate.database.capacity.error_ratio)
    latencies = [tier.capacity.latency for tier in inside]
    return Promise(
        api_p50_ms=sum(latency.p50_ms for latency in latencies),
        api_p95_ms=sum(latency.p95_ms for latency in latencies),
        api_p99_ms=sum(latency.p99_ms for latency in latencies),
        availability_ratio=availability,
        availability_with_delivery_ratio=availability * candidate.delivery.design.reliability.sla_ratio,
        error_ratio=1 - served,
        lost_ratio=max(tier.capacity.lost_ratio for tier in inside),
        rto_minutes=max(tier.design.reliability.rto_minutes for tier in candidate.tiers),
        rpo_minutes=max(tier.design.reliability.rpo_minutes for tier in candidate.tiers),
    )


def single_tier_limits(tier: SimulatedDesign, objectives: Objectives) -> Iterator[Limit]:
    """Objectives that one tier breaks whatever stands beside it, and its own limits."""
    yield from tier.capacity.limits
    reliability = tier.design.reliability
    yield Limit(
        "recovery time", reliability.rto_minutes, objectives.rto_minutes, "minutes", "objectives.rto_minutes"
    )
    yield Limit(
        "recovery point", reliability.rpo_minutes, objectives.rpo_minutes, "minutes", "objectives.rpo_minutes"
    )
    remedy = tier.capacity.remedy
    yield error_share(tier.capacity.error_ratio, objectives, tier.capacity.lost_ratio, remedy)
    if tier.design.role in INSIDE_ROLES:
        latency = tier.capacity.latency
        yield from latencies(latency.p95_ms, latency.p99_ms, objectives, remedy)
        yield unavailability(reliability.sla_ratio, objectives)


def joint_limits(candidate: Candidate, objectives: Objectives) -> Iterator[Limit]:
    """Objectives and ceilings that only a whole candidate can break."""
    together = promise(candidate)
    inside = (candidate.compute, candidate.database)
    slowest = max(inside, key=lambda tier: tier.capacity.latency.p99_ms).capacity.remedy
    failing = max(inside, key=lambda tier: tier.capacity.error_ratio).capacity.remedy
    yield from latencies(together.api_p95_ms, together.api_p99_ms, objectives, slowest)
    yield unavailability(together.availability_ratio, objectives)
    yield error_share(together.error_ratio, objectives, together.lost_ratio, failing)
    yield Limit(
        "calls waiting for the database",
        candidate.database.capacity.peak_waiting_calls,
        candidate.compute.capacity.call_slots,
        "calls at once",
        remedy="a larger database, or more workers to wait for it",
    )
    yield Limit(
        "database connections",
        candidate.compute.capacity.peak_connections,
        candidate.database.capacity.max_connections,
        "connections",
        remedy="a larger database class",
    )


def broken_limits(candidate: Candidate, objectives: Objectives) -> Iterator[Limit]:
    """Objectives and ceilings that a candidate or one of its tiers breaks."""
    for tier in candidate.tiers:
        yield from (limit for limit in single_tier_limits(tier, objectives) if limit.broken)
    yield from (limit for limit in joint_limits(candidate, objectives) if limit.broken)


def worst(limits: Iterable[Limit]) -> Limit | None:
    """The broken limit that is missed by the largest factor; None when all hold."""
    return max((limit for limit in limits if limit.broken), key=lambda limit: limit.excess, default=None)


def latencies(p95_ms: float, p99_ms: float, objectives: Objectives, remedy: str = "") -> Iterator[Limit]:
    """Both objectives about the time of an API call."""
    key = "objectives.api_p95_ms"
    yield Limit("API latency, 95th percentile", p95_ms, objectives.api_p95_ms, "ms", key, remedy)
    key = "objectives.api_p99_ms"
    yield Limit("API latency, 99th percentile", p99_ms, objectives.api_p99_ms, "ms", key, remedy)


def error_share(
    error_ratio: float, objectives: Objectives, lost_ratio: float = 0.0, remedy: str = ""
) -> Limit:
    """The objective about failed calls; those lost to a regional outage fail too where they are to count."""
    key = "objectives.error_ratio"
    if objectives.count_outages and lost_ratio:
        error_ratio, key = 1 - (1 - error_ratio) * (1 - lost_ratio), "objectives.count_outages"
    return Limit("error ratio", error_ratio, objectives.error_ratio, "of calls", key, remedy)


def unavailability(availability_ratio: float, objectives: Objectives) -> Limit:
    """Availability as a ceiling on minutes lost in a 730-hour month."""
    return Limit(
        "unavailability",
        round(lost_minutes_per_month(availability_ratio), 6),
        round(lost_minutes_per_month(objectives.availability_ratio), 6),
        "minutes a month",
        "objectives.availability_ratio",
    )
