"""A fixed group of instances for the steady load, functions for what is above, behind one load balancer.

Both halves are designs of their own, composed through their protocol: the calls are split between them minute
by minute (`capacity/weighted_split.py`), each half is simulated on its part, and what they use, leave and draw
is added up.

A function that a schedule starts every minute sets the weights of the two target groups. Weights follow the
calls alone: a lost zone does not move them, and a load balancer does not fail over from one target group to
another. So half of a failed hybrid fails its calls, which is on the safe side.

Source: Application Load Balancer User Guide, listener rules, weighted target groups, and Lambda functions as
targets (2023-06); Amazon EventBridge pricing: events of a schedule are not charged (2023-06).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from costmodel.capacity.balancer_units import more_for_functions
from costmodel.capacity.disruptions import ZoneLoss
from costmodel.capacity.energy import Energy
from costmodel.capacity.queueing import mixed_latency, surely_below
from costmodel.capacity.result import NO_LATENCY, Capacity, Latency
from costmodel.capacity.weighted_split import LAG_MINUTES, MOST_WEIGHT, split
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.need import PriceNeed
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import Scenario
from costmodel.services._base import (
    Bounded,
    Footprint,
    Least,
    Meter,
    Reliability,
    Role,
    Setting,
    Share,
    Strategy,
    TerraformVariable,
    TierDesign,
    TierService,
    Usage,
    between,
    matching,
    meter_usage,
    one_of,
)
from costmodel.units import MB_PER_GB, MINUTES_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE

SERVICE_NAME = "Amazon Elastic Compute Cloud"
SERVICE_CODE = "AmazonEC2"

WEIGHTS_NAME = "weights"
WEIGHTS_MEMORY_MB = 128
WEIGHTS_S = 0.5
"""The function that sets the weights: the smallest there is, and what two calls to AWS take. Engineering guess."""
MOST_CALLS_PER_MINUTE = 1e9
"""Most calls a minute that an export accepts without a second look. Engineering guess, to catch slips."""


class FixedGroup(Bounded, Protocol):
    """The steady half: instances in zones."""

    @property
    def zones(self) -> int: ...
    def without_zone(self, demand: Demand, loss: ZoneLoss) -> Capacity: ...
    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]: ...


class Overflow(TierDesign, Protocol):
    """The other half: what takes any number of calls at once."""

    def warm(self, demand: Demand, lost_calls: float) -> Least: ...
    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]: ...


@dataclass(frozen=True, slots=True)
class Hybrid:
    """Two designs of compute that share the calls."""

    region_id: str
    steady: FixedGroup
    overflow: Overflow
    steady_calls_per_minute: int
    """Calls a minute up to which everything goes to the steady half."""

    @property
    def role(self) -> Role:
        return Role.COMPUTE

    @property
    def kind(self) -> str:
        return "hybrid"

    @property
    def service_name(self) -> str:
        return self.steady.service_name

    @property
    def resource_name(self) -> str:
        return self.steady.resource_name

    @property
    def label(self) -> str:
        return f"{self.steady.label}, with {self.overflow.label} for the overflow"

    @property
    def reliability(self) -> Reliability:
        """A call takes one half or the other, so what is promised of it is no less than the weaker half promises."""
        halves = (self.steady.reliability, self.overflow.reliability)
        weaker = min(halves, key=lambda half: half.sla_ratio)
        return Reliability(
            sla_ratio=weaker.sla_ratio,
            source=weaker.source,
            rto_minutes=max(half.rto_minutes for half in halves),
            rpo_minutes=max(half.rpo_minutes for half in halves),
        )

    @property
    def zones(self) -> int:
        return self.steady.zones

    def under(self, scenario: Scenario) -> Hybrid:
        """The same settings, weights included, under another scenario's figures."""
        return self._of(self.steady.under(scenario), self.overflow.under(scenario))

    def settings(self) -> Mapping[str, Setting]:
        return {
            **self.overflow.settings(),
            **self.steady.settings(),
            "steady_calls_per_minute": self.steady_calls_per_minute,
            "weights_lag_minutes": LAG_MINUTES,
        }

    def terraform(self) -> tuple[TerraformVariable, ...]:
        """Both halves, and what the function that sets the weights needs to know."""
        attributes = (
            matching("name", WEIGHTS_NAME, "^[A-Za-z0-9-]{1,64}$", "must be 1 to 64 letters, digits or -"),
            between("steady_requests_per_minute", self.steady_calls_per_minute, 0, MOST_CALLS_PER_MINUTE),
            between("total_weight", MOST_WEIGHT, 1, MOST_WEIGHT),
            one_of("schedule_expression", "rate(1 minute)", ("rate(1 minute)",)),
            between("memory_size", WEIGHTS_MEMORY_MB, WEIGHTS_MEMORY_MB, 10_240),
        )
        weights = TerraformVariable(
            "target_group_weights", "Function that sets the weights of instances and functions", attributes
        )
        return (*self.steady.terraform(), *self.overflow.terraform(), weights)

    def simulate(self, demand: Demand) -> Capacity:
        """Run each half on its part. Latency is of an API call without its database work."""
        to_steady, to_overflow = self._parts(demand)
        return self._together(demand, self.steady.simulate(to_steady), self.overflow.simulate(to_overflow))

    def unqueued(self, demand: Demand) -> Capacity:
        """The same without the queues of the steady half: a latency that may be too low."""
        to_steady, to_overflow = self._parts(demand)
        found = self._together(demand, self.steady.unqueued(to_steady), self.overflow.simulate(to_overflow))
        return replace(found, latency=surely_below(found.latency))

    def without_zone(self, demand: Demand, loss: ZoneLoss) -> Capacity:
        """The same run with a zone lost in it; functions stand in several and ride it out."""
        to_steady, to_overflow = self._parts(demand)
        disturbed = self.steady.without_zone(to_steady, loss)
        return self._together(demand, disturbed, self.overflow.simulate(to_overflow))

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """What both halves become; of two regions that serve, each leaves its steady half as much less."""
        pairs = zip(
            self.steady.spread(other_region_id, strategy),
            self.overflow.spread(other_region_id, strategy),
            strict=True,
        )
        regions = (self.region_id, other_region_id)
        return tuple(
            Share(
                replace(
                    self._of(steady.design, overflow.design),
                    region_id=region_id,
                    steady_calls_per_minute=round(self.steady_calls_per_minute * (steady.ratio or 1.0)),
                ),
                steady.ratio,
            )
            for region_id, (steady, overflow) in zip(regions, pairs, strict=False)
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """What both halves use, what the weights cost, and what calls to functions add at the load balancer."""
        (to_steady, to_overflow), (steady, overflow) = self._parts(demand), _halves(capacity)
        return (
            *self.steady.usage(to_steady, steady),
            *self.overflow.usage(to_overflow, overflow),
            *usage_beside(self.region_id, demand, to_overflow),
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        (to_steady, to_overflow), (steady, overflow) = self._parts(demand), _halves(capacity)
        return self.steady.footprint(to_steady, steady) + self.overflow.footprint(to_overflow, overflow)

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """Of both halves. The function that sets the weights runs for seconds a day, beside either."""
        (to_steady, to_overflow), (steady, overflow) = self._parts(demand), _halves(capacity)
        return self.steady.energy(to_steady, steady) + self.overflow.energy(to_overflow, overflow)

    def runs_as(self) -> Hashable:
        """The same, with a steady half that is told apart by how it runs alone."""
        return self.steady.runs_as(), self.overflow, self.steady_calls_per_minute

    def least(self, demand: Demand, served_ratio: float) -> Least:
        """What both halves come to at least. How calls are split is known without simulating either.

        Of all calls at most `1 - served_ratio` fail, be it on one half or on the other; no mixture of two
        latencies has a percentile below that of the faster one.
        """
        to_steady, to_overflow = self._parts(demand)
        lost_calls = (1.0 - served_ratio) * demand.total_api_requests
        steady_calls = to_steady.total_api_requests
        steady_served_ratio = max(0.0, 1.0 - lost_calls / steady_calls) if steady_calls > 0 else 0.0
        steady = self.steady.least(to_steady, steady_served_ratio)
        overflow = self.overflow.warm(to_overflow, lost_calls)
        return Least(
            (*steady.usages, *overflow.usages, *usage_beside(self.region_id, demand, to_overflow)),
            steady.footprint + overflow.footprint,
            surely_below(_fastest(steady.latency, overflow.latency)),
            steady.energy + overflow.energy,
        )

    def _of(self, steady: Any, overflow: Any) -> Hybrid:
        """The same weights over what the halves became, which are still of their own kinds."""
        return replace(self, steady=steady, overflow=overflow)

    def _parts(self, demand: Demand) -> tuple[Demand, Demand]:
        return split(demand, float(self.steady_calls_per_minute))

    def _together(self, demand: Demand, steady: Capacity, overflow: Capacity) -> Capacity:
        """Instances and their CPU are those of the steady half; all else is of both."""
        halves = (steady, overflow)
        failed = steady.failed_requests + overflow.failed_requests
        return Capacity(
            servers=steady.servers,
            utilisation=steady.utilisation,
            requests=demand.api_requests,
            failed_requests=read_only(np.minimum(failed, demand.api_requests)),
            latency=mixed_latency([(_answered(half), half.latency) for half in halves]),
            saturation_requests_per_s=self._saturation_requests_per_s(steady, overflow),
            limits=steady.limits + overflow.limits,
            peak_connections=steady.peak_connections + overflow.peak_connections,
            call_slots=_call_slots(demand, halves),
            halves=halves,
            remedy=max(halves, key=lambda half: float(half.failed_requests.sum())).remedy,
        )

    def _saturation_requests_per_s(self, steady: Capacity, overflow: Capacity) -> float:
        """The steady half gets no more than its calls a minute, unless it cannot take even these."""
        steady_per_s = self.steady_calls_per_minute / SECONDS_PER_MINUTE
        if steady.saturation_requests_per_s < steady_per_s:
            return steady.saturation_requests_per_s
        return steady_per_s + overflow.saturation_requests_per_s


def usage_beside(region_id: str, demand: Demand, to_overflow: Demand) -> tuple[Usage, ...]:
    """What neither half uses: runs that read a minute's calls and set weights, and capacity units for functions."""
    calendar = demand.calendar
    runs = np.full(calendar.days, float(MINUTES_PER_DAY))
    memory_gb = WEIGHTS_MEMORY_MB / MB_PER_GB
    return (
        *_metered(_RUNS, region_id, calendar, runs, "one run a minute"),
        *_metered(
            _RUN_DURATION,
            region_id,
            calendar,
            np.full(calendar.hours, MINUTES_PER_HOUR * WEIGHTS_S * memory_gb),
            f"one run a minute x {WEIGHTS_S:g} s x {memory_gb:g} GB",
        ),
        *_metered(_READS, region_id, calendar, runs, "one GetMetricStatistics a minute"),
        *_metered(
            _MORE_UNITS,
            region_id,
            calendar,
            calendar.hours_to_days(more_for_functions(demand, to_overflow)),
            "sum over hours of what 0.4 GB in place of 1 GB a unit adds for bytes of functions",
        ),
    )


def _metered(
    priced: _Priced, region_id: str, calendar: Calendar, quantity: FloatArray, formula: str
) -> tuple[Usage, ...]:
    query = PriceQuery(priced.service_code, region_id, priced.usage_type, priced.attributes)
    meter = Meter(priced.name, priced.service_name, priced.service_category, priced.unit, query)
    return meter_usage(meter, priced.resource_name, calendar, quantity, formula)


class _Priced(NamedTuple):
    """What one of the shared meters counts and where its price stands."""

    name: str
    resource_name: str
    service_name: str
    service_category: str
    service_code: str
    unit: str
    usage_type: str
    attributes: tuple[tuple[str, str], ...] = ()


_RUNS = _Priced(
    "Runs that set weights", WEIGHTS_NAME, "AWS Lambda", "Compute", "AWSLambda", "Requests", "Request-ARM"
)
_RUN_DURATION = _Priced(
    "Duration of setting weights",
    WEIGHTS_NAME,
    "AWS Lambda",
    "Compute",
    "AWSLambda",
    "GB-Seconds",
    "Lambda-GB-Second-ARM",
)
_READS = _Priced(
    "Reads of the load",
    WEIGHTS_NAME,
    "AmazonCloudWatch",
    "Management and Governance",
    "AmazonCloudWatch",
    "Requests",
    "CW:Requests",
)
_MORE_UNITS = _Priced(
    "Capacity units for functions",
    "load-balancer",
    "Elastic Load Balancing",
    "Networking",
    "AWSELB",
    "LCU-Hours",
    "LCUUsage",
    (("load_balancer", "application"),),
)


def _halves(capacity: Capacity) -> tuple[Capacity, Capacity]:
    assert capacity.halves is not None, "a hybrid has two halves"
    return capacity.halves


def _answered(half: Capacity) -> float:
    return float((half.requests - half.failed_requests).sum())


def _call_slots(demand: Demand, halves: Iterable[Capacity]) -> float:
    """Calls that may wait at once, however they are split: a half is full at its slots over its largest share.

    That is on the safe side, as the two halves never have their largest shares in the same minute.
    """
    calls = np.maximum(demand.api_requests, 1e-300)
    shares = [(half.call_slots, float((half.requests / calls).max())) for half in halves]
    return min((slots / share for slots, share in shares if share > 0), default=math.inf)


def _fastest(one: Latency, other: Latency) -> Latency:
    """Percentile by percentile the lower of two; of a half without calls the other's."""
    if NO_LATENCY in (one, other):
        return other if one == NO_LATENCY else one
    return Latency(
        min(one.mean_ms, other.mean_ms),
        min(one.p50_ms, other.p50_ms),
        min(one.p95_ms, other.p95_ms),
        min(one.p99_ms, other.p99_ms),
    )


FixedGroups = Callable[[Scenario, Demand], Iterable[tuple[FixedGroup, int]]]
"""Steady halves to consider, each with the calls a minute that it carries."""
Functions = Callable[[Scenario, Demand], Iterable[Overflow]]


def service(fixed_groups: FixedGroups, functions: Functions, prices: tuple[PriceNeed, ...]) -> TierService:
    """The service whose designs are every fixed group with every function; empty unless the scenario allows `hybrid`."""

    def designs(scenario: Scenario, demand: Demand) -> tuple[Hybrid, ...]:
        if "hybrid" not in scenario.constraints.compute:
            return ()
        overflows = tuple(functions(scenario, demand))
        return tuple(
            Hybrid(scenario.region, group, overflow, calls)
            for group, calls in fixed_groups(scenario, demand)
            for overflow in overflows
        )

    return TierService(SERVICE_NAME, SERVICE_CODE, Role.COMPUTE, designs, prices)
