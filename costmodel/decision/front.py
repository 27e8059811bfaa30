"""The Pareto front: candidates that no other one matches in every coordinate and betters in one.

Coordinates are compared as precisely as they are worth telling apart: costs by the cent, latencies by the
millisecond. Of candidates that are equal so, the first one found stands for all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import le

import numpy as np
import numpy.typing as npt

from costmodel.capacity.availability import lost_minutes_per_month, series, two_regions
from costmodel.capacity.energy import Energy
from costmodel.decision.candidate import INSIDE_ROLES, SLACK, Candidate, Placed, SimulatedDesign
from costmodel.demand.calendar import FloatArray
from costmodel.services._base import Strategy

CENTS = 2
CARBON_DIGITS = 2
"""Digits in which emissions are told apart: the figures they are worked out with are known no better."""


def by_decimals(digits: int) -> Callable[[float], float]:
    """Rounds to so many digits behind the point."""
    return lambda value: round(value, digits)


def by_digits(digits: int) -> Callable[[float], float]:
    """Rounds to so many significant digits."""
    return lambda value: float(f"{value:.{digits}g}")


@dataclass(frozen=True, slots=True)
class Coordinate:
    """Something to have little of, beside cost."""

    of: Callable[[Placed], float]
    """What some tiers of a candidate come to. Of some of its tiers it is never above that of all of them, and of
    what stands in for a design never above that of the design simulated. Which of two tiers in the same place
    does better does not depend on the others."""
    rounded: Callable[[float], float]
    """As it is compared."""


def _inside(tiers: Iterable[SimulatedDesign]) -> Iterable[SimulatedDesign]:
    return (tier for tier in tiers if tier.design.role in INSIDE_ROLES)


def api_p99_ms(placed: Placed) -> float:
    """99th percentile of an API call, as `constraints.promise` adds it up; two regions that serve are alike."""
    return sum(tier.capacity.latency.p99_ms for tier in _inside(placed.home))


def availability_ratio(placed: Placed) -> float:
    """What the agreements of what an API call passes compose to; of both regions where two serve."""
    each = series(tier.design.reliability.sla_ratio for tier in _inside(placed.home))
    return two_regions(each) if placed.strategy is Strategy.ACTIVE_ACTIVE else each


def unavailable_minutes(placed: Placed) -> float:
    """Minutes a month that the agreements of what an API call passes let it be down."""
    return lost_minutes_per_month(availability_ratio(placed))


def inside_energy(placed: Placed) -> Energy:
    """What an API call passes draws over the run, in both regions."""
    return sum((tier.energy for tier in _inside((*placed.home, *placed.away))), Energy())


def emitted_kg(placed: Placed) -> float:
    """Likely CO2e over the run of what an API call passes, in both regions."""
    return sum(tier.emitted_kg for tier in _inside((*placed.home, *placed.away)))


COORDINATES = (
    Coordinate(api_p99_ms, by_decimals(0)),
    Coordinate(unavailable_minutes, by_decimals(6)),
    Coordinate(emitted_kg, by_digits(CARBON_DIGITS)),
)

Point = tuple[float, ...]
"""US dollars a month, then each coordinate."""


NOWHERE: Point = (math.inf,) * len(COORDINATES)
"""Coordinates of what cannot stand."""


def coordinates(placed: Placed) -> Point:
    """Every coordinate but cost, as compared."""
    return tuple(coordinate.rounded(coordinate.of(placed)) for coordinate in COORDINATES)


def unrounded(placed: Placed) -> Point:
    """Every coordinate but cost."""
    return tuple(coordinate.of(placed) for coordinate in COORDINATES)


def least_cents_usd(usd: float) -> float:
    """A bound on a cost, to hold against costs by the cent."""
    return round(usd * (1 - SLACK), CENTS)


def matches(one: Point, other: Point) -> bool:
    """Whether one is as good as the other in every coordinate."""
    return all(map(le, one, other))


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A candidate that nothing beats, and where it stands."""

    point: Point
    candidate: Candidate
    """As the search found it."""
    placed: Placed
    """As it stands under its strategy."""


@dataclass(slots=True, eq=False)
class Front:
    """The front of all candidates offered so far."""

    members: list[Member] = field(default_factory=list)

    def beats(self, point: Point) -> bool:
        """Whether a member is as good in every coordinate: a candidate no better than this point is not needed."""
        return any(matches(member.point, point) for member in self.members)

    def beaten(self, points: FloatArray) -> npt.NDArray[np.bool_]:
        """`beats` for each row of `points`, shape (points, coordinates)."""
        if not self.members:
            return np.zeros(len(points), dtype=bool)
        ours = np.array([member.point for member in self.members])
        matched = np.all(np.less_equal(ours[None], points[:, None]), axis=2)
        return np.asarray(np.any(matched, axis=1))

    def offer(self, member: Member) -> None:
        """Take a candidate up unless it is beaten, and let go of those it beats."""
        if self.beats(member.point):
            return
        self.members = [known for known in self.members if not Front([member]).beats(known.point)]
        self.members.append(member)

    def in_order(self) -> list[Member]:
        """Cheapest first."""
        return sorted(self.members, key=lambda member: member.point)
