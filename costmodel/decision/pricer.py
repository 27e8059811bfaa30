"""What candidates cost a month, and what they cost at least, in floats; the winners are then billed exactly."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, fields

import numpy as np

from costmodel.billing.tariff import CostSketch, Tariff
from costmodel.decision.candidate import Candidate, SimulatedDesign
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
    least_usd: float
    """Alone, over the whole run."""


@dataclass(frozen=True, slots=True, eq=False)
class Pricer:
    """Costs of whole candidates under a recovery strategy, and bounds on them from their parts.

    A bound is the sum over the tiers of what each costs alone, with the free allowances all to itself and agreed
    steps at their cheapest, which it may reach only together with others; and of the platform beside the
    smallest footprint of any candidate in question. No whole candidate costs less: its tiers share the
    allowances, prices of a step are never below 0, and platform charges never fall as a footprint grows.
    """

    scenario: Scenario
    demand: Demand
    tariff: Tariff
    stage: Stage
    parts: dict[tuple[SimulatedDesign, Strategy], _Part | None] = field(default_factory=dict)
    wholes: dict[tuple[tuple[SimulatedDesign, ...], Strategy], float] = field(default_factory=dict)
    platforms: dict[tuple[object, ...], tuple[CostSketch, ...] | None] = field(default_factory=dict)

    def check_prices(self, tier: SimulatedDesign) -> None:
        """Raises PriceNotFound when the tier cannot be billed at home."""
        sketch = self.tariff.sketch(tier.usages)
        self.parts[tier, Strategy.NONE] = self._part_of(Stood(tier, (), ()), sketch)

    def alone_usd(self, tier: SimulatedDesign, strategy: Strategy) -> float:
        """What a tier costs a month at least; infinite where it cannot stand or be billed under the strategy."""
        part = self._part(tier, strategy)
        return math.inf if part is None else part.least_usd / self._months

    def platform_usd(self, groups: Iterable[Collection[SimulatedDesign]], strategy: Strategy) -> float:
        """What the platform costs a month at least beside any choice of one tier from each group."""
        home = away = Footprint.none(self.demand.days)
        for tiers in groups:
            stood = [part.stood for tier in tiers if (part := self._part(tier, strategy)) is not None]
            if not stood:
                return math.inf
            home += Footprint.smallest([found.home.footprint for found in stood])
            if all(found.away for found in stood):
                away += Footprint.smallest([_away(found, self.demand.days) for found in stood])
        sketches = self._platform(home, away, strategy)
        return math.inf if sketches is None else self.tariff.least_usd(sketches) / self._months

    def whole_usd(self, candidate: Candidate, strategy: Strategy) -> float:
        """What a candidate costs a month, all in; infinite where it cannot stand or be billed so."""
        known = (candidate.tiers, strategy)
        if known not in self.wholes:
            self.wholes[known] = self._whole_usd(candidate, strategy)
        return self.wholes[known]

    def standing_usd(self, standing: Standing) -> float:
        """What a candidate costs a month with what stands in a second region. Raises PriceNotFound."""
        home = standing.candidate
        platform = platform_usages(self.scenario, self.demand, home.footprint)
        usages = (home.usages, platform, standing.usages)
        return self.tariff.cost_usd(self.tariff.sketch(part) for part in usages) / self._months

    def _whole_usd(self, candidate: Candidate, strategy: Strategy) -> float:
        parts = [self._part(tier, strategy) for tier in candidate.tiers]
        home = away = Footprint.none(self.demand.days)
        sketches = []
        for part in parts:
            if part is None:
                return math.inf
            home += part.stood.home.footprint
            away += _away(part.stood, self.demand.days)
            sketches.append(part.sketch)
        platform = self._platform(home, away, strategy)
        return math.inf if platform is None else self.tariff.cost_usd([*sketches, *platform]) / self._months

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
        return _Part(stood, sketch, self.tariff.least_usd([sketch]))

    def _platform(
        self, home: Footprint, away: Footprint, strategy: Strategy
    ) -> tuple[CostSketch, ...] | None:
        """Platforms of both regions beside these footprints; None without a price in the second."""
        known = (strategy, *_content(home), *_content(away))
        if known not in self.platforms:
            at_home = self.tariff.sketch(platform_usages(self.scenario, self.demand, home))
            try:
                there = self.tariff.sketch(self.stage.platform_usages(away, strategy))
            except PriceNotFound:
                self.platforms[known] = None
            else:
                self.platforms[known] = (at_home, there)
        return self.platforms[known]

    @property
    def _months(self) -> int:
        return len(self.demand.calendar.periods)


def _away(stood: Stood, days: int) -> Footprint:
    return sum((tier.footprint for tier in stood.away), Footprint.none(days))


def _content(footprint: Footprint) -> Iterator[object]:
    """The values of a footprint, as they can be told apart: many candidates leave the same behind."""
    for known in fields(footprint):
        value = getattr(footprint, known.name)
        yield value.tobytes() if isinstance(value, np.ndarray) else value
