"""What candidates cost a month, and what they cost at least, in floats; the winners are then billed exactly.

Cost is the bill, less what the allowed plans save on it, and at a price for carbon (`objectives.carbon_usd_per_tonne`)
what the likely emission is worth, in every comparison and bound; the bill itself stays what AWS charges.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal

import numpy as np

from costmodel.billing.tariff import CostSketch, Tariff
from costmodel.capacity.energy import Energy
from costmodel.decision.candidate import Candidate, SimulatedDesign
from costmodel.decision.carbon import carbon_usd
from costmodel.decision.plans import Planner
from costmodel.decision.recovery import Stage, Standing, Stood
from costmodel.demand.demand import Demand
from costmodel.errors import PriceNotFound
from costmodel.scenario.model import Scenario
from costmodel.services._base import Footprint, PlatformDesign, Strategy, Usage
from costmodel.services.registry import PLATFORM_SERVICES


def platform_designs(scenario: Scenario, footprint: Footprint) -> tuple[PlatformDesign, ...]:
    """The platform that stands beside tiers with this footprint."""
    return tuple(service.design(scenario, footprint) for service in PLATFORM_SERVICES)


def platform_usages(scenario: Scenario, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]:
    """What the platform services of a candidate use."""
    designs = platform_designs(scenario, footprint)
    return tuple(usage for design in designs for usage in design.usage(demand, footprint))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One tier under one strategy, ready to be costed together with others."""

    stood: Stood
    sketch: CostSketch
    carbon_usd: float
    """Over the whole run, as the next."""
    least_usd: float
    """Alone, all in."""


@dataclass(frozen=True, slots=True, eq=False)
class _Platform:
    """Platforms of both regions beside some footprints, over the whole run."""

    sketches: tuple[CostSketch, ...]
    carbon_usd: float
    least_usd: float
    """All in."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What a candidate costs a month; infinite where it cannot stand or be billed."""

    usd: float
    """All in: what candidates are compared by."""
    paid_usd: float
    """Without carbon: what the budget is about."""


NOWHERE = Whole(math.inf, math.inf)

Regions = tuple[Footprint, Footprint]
"""What is left behind at home and in a second region."""


@dataclass(frozen=True, slots=True, eq=False)
class Pricer:
    """Costs of whole candidates under a recovery strategy, and bounds on them from their parts.

    A bound is the sum over the tiers of what each costs alone, with the free allowances all to itself and agreed
    steps at their cheapest, which it may reach only together with others; and of the platform beside the
    smallest footprint of any candidate in question. No whole candidate costs less: its tiers share the
    allowances, prices of a step are never below 0, and platform charges never fall as a footprint grows.

    Carbon is never below 0 and adds up over tiers, so each brings its own, a stand-in what it emits at least; that of
    the platform behaves as its charges. With plans each usage costs its part less the largest saving on its rate, and no plan saves
    more of it; parts of a bill costed apart, each with the free allowances to itself, never exceed the whole.
    """

    scenario: Scenario
    demand: Demand
    tariff: Tariff
    stage: Stage
    planner: Planner
    parts: dict[tuple[SimulatedDesign, Strategy], _Part | None] = field(default_factory=dict)
    wholes: dict[tuple[tuple[SimulatedDesign, ...], Strategy], Whole] = field(default_factory=dict)
    platforms: dict[tuple[object, ...], _Platform | None] = field(default_factory=dict)
    saved: dict[tuple[tuple[SimulatedDesign, ...], Strategy], float] = field(default_factory=dict)
    """What the allowed plans save over the run, by the designs whose use they cover together."""

    def check_prices(self, tier: SimulatedDesign) -> None:
        """Raises PriceNotFound when the tier cannot be billed at home, UnknownGrid when its carbon has no figures."""
        sketch = self.tariff.sketch(tier.usages)
        self.parts[tier, Strategy.NONE] = self._part_of(
            Stood(tier, (), (), Footprint.none(self.demand.days)), sketch
        )

    def alone_usd(self, tier: SimulatedDesign, strategy: Strategy) -> float:
        """What a tier costs a month at least; infinite where it cannot stand or be billed under the strategy."""
        part = self._part(tier, strategy)
        return math.inf if part is None else part.least_usd / self._months

    def smallest(self, tiers: Collection[SimulatedDesign], strategy: Strategy) -> Regions | None:
        """What any of some tiers leaves behind at least, at home and away; None where none can stand."""
        stood = [part.stood for tier in tiers if (part := self._part(tier, strategy)) is not None]
        if not stood:
            return None
        return (
            Footprint.smallest([found.home.footprint for found in stood]),
            Footprint.smallest([found.footprint_away for found in stood]),
        )

    def platform_usd(self, left: Iterable[Regions | None], strategy: Strategy) -> float:
        """What the platform costs a month at least beside tiers that leave so much behind; infinite where one is None."""
        home = away = Footprint.none(self.demand.days)
        for regions in left:
            if regions is None:
                return math.inf
            home, away = home + regions[0], away + regions[1]
        platform = self._platform(home, away, strategy)
        return math.inf if platform is None else platform.least_usd / self._months

    def whole(self, candidate: Candidate, strategy: Strategy) -> Whole:
        """What a candidate costs under a strategy; infinite where a part of the traffic breaks an objective, too."""
        known = (candidate.tiers, strategy)
        if known not in self.wholes:
            holds = self.stage.missed(candidate, strategy) is None
            self.wholes[known] = self.cost(candidate, strategy) if holds else NOWHERE
        return self.wholes[known]

    def weighed_usd(self, paid_usd: Decimal, energy: Energy) -> Decimal:
        """An exact cost a month, and what the carbon of a whole run is worth beside it."""
        return paid_usd + Decimal(repr(self._carbon_usd(energy) / self._months))

    def bill_usd(self, standing: Standing) -> float:
        """What a candidate with what stands in a second region is billed a month. Raises PriceNotFound."""
        home = standing.candidate
        platform = platform_usages(self.scenario, self.demand, home.footprint)
        usages = (home.usages, platform, standing.usages)
        return self.tariff.cost_usd(self.tariff.sketch(part) for part in usages) / self._months

    def cost(self, candidate: Candidate, strategy: Strategy) -> Whole:
        """What a candidate costs under a strategy, whatever it breaks."""
        parts = [part for tier in candidate.tiers if (part := self._part(tier, strategy)) is not None]
        if len(parts) < len(candidate.tiers):
            return NOWHERE
        nothing = Footprint.none(self.demand.days)
        home = sum((part.stood.home.footprint for part in parts), nothing)
        away = sum((part.stood.footprint_away for part in parts), nothing)
        platform = self._platform(home, away, strategy)
        if platform is None:
            return NOWHERE
        paid_usd = self.tariff.cost_usd([*(part.sketch for part in parts), *platform.sketches])
        paid_usd -= self._saved_usd(candidate, strategy, home)
        whole_usd = paid_usd + sum(part.carbon_usd for part in parts) + platform.carbon_usd
        return Whole(whole_usd / self._months, paid_usd / self._months)

    def _saved_usd(self, candidate: Candidate, strategy: Strategy, footprint: Footprint) -> float:
        """What the allowed plans save on a candidate over the run.

        No plan covers use of compute or rendering together with that of another tier; the bundle covers
        delivery, and the firewall, whose requests depend on nothing else of a candidate and are met at home.
        """
        if not self.planner.allowed:
            return 0.0
        saved_usd = self._saved_together_usd((candidate.compute, candidate.rendering), strategy, None)
        saved_usd += self._saved_together_usd((candidate.database,), strategy, None)
        return saved_usd + self._saved_together_usd((candidate.delivery,), strategy, footprint)

    def _saved_together_usd(
        self, tiers: tuple[SimulatedDesign, ...], strategy: Strategy, footprint: Footprint | None
    ) -> float:
        """What plans save on some tiers, with the platform beside a footprint where there is one."""
        known = (tiers, strategy)
        if known not in self.saved:
            parts = (self._part(tier, strategy) for tier in tiers)
            usages = [usage for part in parts if part is not None for usage in part.stood.usages]
            if footprint is not None:
                usages += platform_usages(self.scenario, self.demand, footprint)
            self.saved[known] = float(self.planner.portfolio(usages).saves_usd) * self._months
        return self.saved[known]

    def _least_usd(self, usages: Iterable[Usage]) -> float:
        """What usages cost over the run at least, with every plan that covers them at its best in every hour."""
        by_saving: defaultdict[float, list[Usage]] = defaultdict(list)
        for usage in usages:
            by_saving[self.planner.most_saved_ratio(usage)].append(usage)
        return sum(
            (1.0 - ratio) * self.tariff.least_usd([self.tariff.sketch(alike)])
            for ratio, alike in by_saving.items()
        )

    def _carbon_usd(self, energy: Energy) -> float:
        return carbon_usd(energy, self.scenario.objectives.carbon_usd_per_tonne)

    def _part(self, tier: SimulatedDesign, strategy: Strategy) -> _Part | None:
        if (tier, strategy) not in self.parts:
            self.parts[tier, strategy] = self._sketched(tier, strategy)
        return self.parts[tier, strategy]

    def _sketched(self, tier: SimulatedDesign, strategy: Strategy) -> _Part | None:
        stood = self.stage.stood(tier, strategy)
        if stood is None:
            return None
        try:
            sketch = self.tariff.sketch(stood.usages)
        except PriceNotFound:
            return None
        return self._part_of(stood, sketch)

    def _part_of(self, stood: Stood, sketch: CostSketch) -> _Part:
        emitted_usd = self._carbon_usd(stood.home.energy) + self._carbon_usd(stood.energy_away)
        return _Part(stood, sketch, emitted_usd, self._bound_usd(stood.usages, [sketch]) + emitted_usd)

    def _bound_usd(self, usages: Iterable[Usage], sketches: Iterable[CostSketch]) -> float:
        """What usages, also given as sketches, cost over the run at least, without carbon."""
        return self._least_usd(usages) if self.planner.allowed else self.tariff.least_usd(sketches)

    def _platform(self, home: Footprint, away: Footprint, strategy: Strategy) -> _Platform | None:
        """Platforms of both regions beside these footprints; None without a price in the second."""
        known = (strategy, *_content(home), *_content(away))
        if known not in self.platforms:
            self.platforms[known] = self._platform_of(home, away, strategy)
        return self.platforms[known]

    def _platform_of(self, home: Footprint, away: Footprint, strategy: Strategy) -> _Platform | None:
        here = platform_designs(self.scenario, home)
        there = tuple(self.stage.platform(away, strategy))
        used_here = [usage for design in here for usage in design.usage(self.demand, home)]
        used_there = [usage for design in there for usage in design.usage(self.demand, away)]
        at_home = self.tariff.sketch(used_here)
        try:
            sketches = (at_home, self.tariff.sketch(used_there))
        except PriceNotFound:
            return None
        emitted_usd = 0.0
        if self.scenario.objectives.carbon_usd_per_tonne:
            emitted_usd += sum(self._carbon_usd(design.energy(self.demand, home)) for design in here)
            emitted_usd += sum(self._carbon_usd(design.energy(self.demand, away)) for design in there)
        least_usd = self._bound_usd([*used_here, *used_there], sketches)
        return _Platform(sketches, emitted_usd, least_usd + emitted_usd)

    @property
    def _months(self) -> int:
        return len(self.demand.calendar.periods)


def _content(footprint: Footprint) -> Iterator[object]:
    """The values of a footprint, as they can be told apart: many candidates leave the same behind."""
    for known in fields(footprint):
        value = getattr(footprint, known.name)
        yield value.tobytes() if isinstance(value, np.ndarray) else value
