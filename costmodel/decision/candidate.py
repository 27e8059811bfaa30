"""Candidates: one design per tier, and the rules for which designs go together."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import product
from math import prod

from costmodel.capacity.energy import Energy
from costmodel.capacity.result import Capacity, CapacitySummary
from costmodel.decision.carbon import likely_kg
from costmodel.demand.demand import Demand
from costmodel.services._base import TIER_ROLES, Footprint, Least, Role, Strategy, TierDesign, Usage

INSIDE_ROLES = (Role.COMPUTE, Role.LOAD_BALANCER, Role.DATABASE)
"""Tiers that an API call passes inside the region: they must fit one another and meet objectives together."""
OUTSIDE_ROLES = tuple(role for role in TIER_ROLES if role not in INSIDE_ROLES)
"""Tiers that are chosen apart: any of their designs goes with any others."""


SLACK = 1e-9
"""Relative error that a bound on a sum may have."""


class Depth(Enum):
    """How far a design was simulated. What is known of it short of the whole is a bound: no more than it comes to."""

    BOUND = auto()
    """Not at all: it stands in for itself."""
    UNQUEUED = auto()
    """All but its queues: only the latency may be too low."""
    WHOLE = auto()


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedDesign:
    """One tier design with what it came to, used, left behind and drew. Made once per demand."""

    design: TierDesign
    capacity: CapacitySummary
    usages: tuple[Usage, ...]
    footprint: Footprint
    energy: Energy
    depth: Depth = Depth.WHOLE
    emitted_kg: float = field(init=False)
    """Likely CO2e of its energy over the run; 0, and so alike, where a region has no figures. A bound is less by
    what sums in another order may be off."""

    def __post_init__(self) -> None:
        surely = 1.0 - SLACK if self.depth is Depth.BOUND else 1.0
        object.__setattr__(self, "emitted_kg", (likely_kg(self.energy, 1) or 0.0) * surely)


def stand_in(design: TierDesign, least: Least) -> SimulatedDesign:
    """A design that was not simulated, as it would be at its best: nothing fails or is in short supply."""
    capacity = CapacitySummary(
        failed_requests=0.0,
        error_ratio=0.0,
        peak_requests_per_s=0.0,
        saturation_requests_per_s=math.inf,
        latency=least.latency,
        limits=(),
        peak_connections=0.0,
        call_slots=math.inf,
        peak_waiting_calls=0.0,
        max_connections=math.inf,
    )
    return SimulatedDesign(design, capacity, least.usages, least.footprint, least.energy, Depth.BOUND)


def metered(
    design: TierDesign, demand: Demand, capacity: Capacity, depth: Depth = Depth.WHOLE
) -> SimulatedDesign:
    """A design that came to this under a demand, with all that goes with it."""
    return SimulatedDesign(
        design,
        replace(capacity.summary(), lost_ratio=demand.lost_ratio),
        design.usage(demand, capacity),
        design.footprint(demand, capacity),
        design.energy(demand, capacity),
        depth,
    )


Tiers = Mapping[Role, Sequence[SimulatedDesign]]
"""Designs to choose from, by the role they play."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One simulated design per tier role."""

    compute: SimulatedDesign
    load_balancer: SimulatedDesign
    database: SimulatedDesign
    delivery: SimulatedDesign
    rendering: SimulatedDesign

    @property
    def tiers(self) -> tuple[SimulatedDesign, ...]:
        return (self.compute, self.load_balancer, self.database, self.delivery, self.rendering)

    @property
    def kinds(self) -> tuple[str, str, str, str]:
        """Kinds of compute, database, delivery and rendering: what the side-by-side comparison is about."""
        compared = (self.compute, self.database, self.delivery, self.rendering)
        compute, database, delivery, rendering = (tier.design.kind for tier in compared)
        return compute, database, delivery, rendering

    @property
    def kind_words(self) -> str:
        """The kinds as a reader tells candidates apart by them: `lambda, rds, flat rate, spot workers`."""
        return ", ".join(kind.replace("_", " ") for kind in self.kinds)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(tier.design.label for tier in self.tiers)

    @property
    def footprint(self) -> Footprint:
        total = self.compute.footprint
        for tier in self.tiers[1:]:
            total = total + tier.footprint
        return total

    @property
    def usages(self) -> tuple[Usage, ...]:
        return tuple(usage for tier in self.tiers for usage in tier.usages)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Some tiers of a candidate as they stand under one recovery strategy."""

    home: tuple[SimulatedDesign, ...]
    away: tuple[SimulatedDesign, ...] = ()
    """In a second region."""
    strategy: Strategy = Strategy.NONE


Inside = tuple[SimulatedDesign, SimulatedDesign, SimulatedDesign]
"""A compute, a load balancer and a database design that fit one another."""


def insides(tiers: Tiers) -> Iterator[Inside]:
    """Every combination of the tiers that an API call passes."""
    for compute, balancer in product(tiers[Role.COMPUTE], tiers[Role.LOAD_BALANCER]):
        if fits(compute.design.kind, balancer.design):
            for database in tiers[Role.DATABASE]:
                yield compute, balancer, database


def combine(tiers: Tiers) -> Iterator[Candidate]:
    """Every combination of one design per role in which the designs fit one another."""
    for inside in insides(tiers):
        for outside in product(*(tiers[role] for role in OUTSIDE_ROLES)):
            yield Candidate(*inside, *outside)


Designs = Mapping[Role, Collection[TierDesign]]
"""Designs by the role they play, simulated or not."""


def count_combinations(designs: Designs) -> int:
    """How many candidates `combine` would yield of these."""
    pairs = product(designs[Role.COMPUTE], designs[Role.LOAD_BALANCER])
    fitting = sum(1 for compute, balancer in pairs if fits(compute.kind, balancer))
    return fitting * len(designs[Role.DATABASE]) * prod(len(designs[role]) for role in OUTSIDE_ROLES)


def designs_of(tiers: Tiers) -> dict[Role, list[TierDesign]]:
    """What was simulated, by role."""
    return {role: [tier.design for tier in found] for role, found in tiers.items()}


def fits(compute_kind: str, balancer: TierDesign) -> bool:
    """A load balancer that serves one kind of targets, instances or functions, goes with that kind only."""
    return bool(getattr(balancer, "serves", compute_kind) == compute_kind)
