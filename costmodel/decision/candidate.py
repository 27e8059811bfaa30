"""Candidates: one design per tier, and the rules for which designs go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Protocol, runtime_checkable

from costmodel.capacity.energy import Energy
from costmodel.capacity.result import CapacitySummary
from costmodel.services._base import TIER_ROLES, Footprint, Role, TierDesign, Usage

INSIDE_ROLES = (Role.COMPUTE, Role.LOAD_BALANCER, Role.DATABASE)
"""Tiers that an API call passes inside the region: they must fit one another and meet objectives together."""
OUTSIDE_ROLES = tuple(role for role in TIER_ROLES if role not in INSIDE_ROLES)
"""Tiers that are chosen apart: any of their designs goes with any others."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedDesign:
    """One tier design with what it came to, used, left behind and drew. Made once per demand."""

    design: TierDesign
    capacity: CapacitySummary
    usages: tuple[Usage, ...]
    footprint: Footprint
    energy: Energy


Tiers = Mapping[Role, Sequence[SimulatedDesign]]
"""Designs to choose from, by the role they play."""


@runtime_checkable
class Serving(Protocol):
    """A design in front of another one, which works with one kind only."""

    @property
    def serves(self) -> str: ...


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


Inside = tuple[SimulatedDesign, SimulatedDesign, SimulatedDesign]
"""A compute, a load balancer and a database design that fit one another."""


def insides(tiers: Tiers) -> Iterator[Inside]:
    """Every combination of the tiers that an API call passes."""
    for compute, balancer in _fitting_pairs(tiers):
        for database in tiers[Role.DATABASE]:
            yield compute, balancer, database


def combine(tiers: Tiers) -> Iterator[Candidate]:
    """Every combination of one design per role in which the designs fit one another."""
    for inside in insides(tiers):
        for outside in product(*(tiers[role] for role in OUTSIDE_ROLES)):
            yield Candidate(*inside, *outside)


def count_combinations(tiers: Tiers) -> int:
    """How many candidates `combine` would yield."""
    pairs = sum(1 for _ in _fitting_pairs(tiers))
    return pairs * len(tiers[Role.DATABASE]) * prod(len(tiers[role]) for role in OUTSIDE_ROLES)


def _fitting_pairs(tiers: Tiers) -> Iterator[tuple[SimulatedDesign, SimulatedDesign]]:
    for compute, balancer in product(tiers[Role.COMPUTE], tiers[Role.LOAD_BALANCER]):
        if fits(compute.design, balancer.design):
            yield compute, balancer


def fits(compute: TierDesign, balancer: TierDesign) -> bool:
    """A load balancer has targets of one kind: instances or functions."""
    return not isinstance(balancer, Serving) or balancer.serves == compute.kind
