"""What a candidate keeps ready in a second region, what that costs, and the cheapest that meets the objectives.

The search costs every candidate that may win whole with each strategy that meets the objectives, as it compares all
others: with carbon at its price and with the allowed plans.
Rendering stays in the first region under every strategy: its jobs wait in their queue until it is back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from costmodel.capacity.availability import REGION_IMPAIRMENT
from costmodel.capacity.energy import Energy, unmeasured
from costmodel.capacity.result import MISSING_PRICES, Limit
from costmodel.decision.candidate import Candidate, Depth, Placed, SimulatedDesign, metered, stand_in
from costmodel.decision.constraints import broken_limits, worst
from costmodel.decision.run import RecoveryOption
from costmodel.demand.demand import Demand
from costmodel.errors import PriceNotFound
from costmodel.scenario.model import Objectives, Scenario
from costmodel.services._base import (
    USAGE_TYPE_CODES,
    Copied,
    Footprint,
    PlatformDesign,
    Reaching,
    Role,
    Share,
    Spread,
    Strategy,
    TerraformVariable,
    TierDesign,
    Usage,
    also,
    is_bounded,
    one_of,
)
from costmodel.services.registry import PLATFORM_SERVICES
from costmodel.services.route53 import FAILOVER_S
from costmodel.units import MINUTES_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE

ONE_WRITER = "the database can be written in one region only"
"""Why two regions cannot both serve from RDS and Aurora."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """How soon a strategy serves again after the loss of the region, and how much work goes with it."""

    rto_minutes: float
    rpo_minutes: float
    source: str


_SOURCE = "AWS Well-Architected REL13-BP02 (2023-04)"
RESTORATIONS = {
    Strategy.NONE: Restoration(math.inf, math.inf, "serves again when the region does"),
    Strategy.BACKUP_RESTORE: Restoration(
        float(MINUTES_PER_DAY),
        float(MINUTES_PER_DAY),
        f"{_SOURCE}: within 24 hours; a copy a day",
    ),
    Strategy.PILOT_LIGHT: Restoration(
        30.0, 5.0, f"{_SOURCE}: tens of minutes, minutes of work; 30 and 5 are our reading"
    ),
    Strategy.WARM_STANDBY: Restoration(
        10.0, 1.0, f"{_SOURCE}: minutes, seconds of work; 10 and 1 are our reading"
    ),
    Strategy.ACTIVE_ACTIVE: Restoration(
        FAILOVER_S / SECONDS_PER_MINUTE,
        1.0 / SECONDS_PER_MINUTE,
        f"{_SOURCE}: near zero; the time is that of Route 53's health checks and cached answers, the work the lag of"
        " DynamoDB global tables (Amazon DynamoDB Developer Guide, 2023-06)",
    ),
}

_PLATFORM_ROLES = {
    Strategy.NONE: (),
    Strategy.BACKUP_RESTORE: (Role.ENCRYPTION,),
    Strategy.PILOT_LIGHT: (Role.ENCRYPTION,),
    Strategy.WARM_STANDBY: (Role.ENCRYPTION, Role.NETWORK, Role.MONITORING),
    Strategy.ACTIVE_ACTIVE: (Role.ENCRYPTION, Role.NETWORK, Role.MONITORING),
}
"""Platform that a strategy needs in the second region: copies are encrypted there with keys of that region, and
what runs there has a network and is watched. DNS, the firewall and the copy of the assets serve both regions.

Source: Amazon RDS User Guide, "Copying a DB snapshot", encryption (2023-06).
"""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A candidate under one strategy."""

    placed: Placed
    usages: tuple[Usage, ...]
    """Everything used beside the candidate and its platform: designs and platform elsewhere, and copies."""
    energy: Energy
    """What the same draws."""

    @property
    def candidate(self) -> Candidate:
        """What stands at home."""
        return Candidate(*self.placed.home)


@dataclass(frozen=True, slots=True, eq=False)
class Stood:
    """One tier under one strategy."""

    home: SimulatedDesign
    away: tuple[SimulatedDesign, ...]
    copies: tuple[Usage, ...]
    footprint_away: Footprint
    """What it leaves to other services of the second region."""

    @property
    def usages(self) -> tuple[Usage, ...]:
        elsewhere = tuple(usage for tier in self.away for usage in tier.usages)
        return (*self.home.usages, *elsewhere, *self.copies)

    @property
    def energy_away(self) -> Energy:
        """What stands elsewhere, and that no figure is known for copies."""
        energies = [tier.energy for tier in self.away]
        energies += [unmeasured(COPIES)] if self.copies else []
        return sum(energies, Energy())


@dataclass(frozen=True, slots=True, eq=False)
class Recovery:
    """The chosen strategy of a candidate."""

    strategy: Strategy
    designs: tuple[TierDesign, ...]
    """Of the candidate as the search found it, in the order of its tiers."""
    standing: Standing
    options: tuple[RecoveryOption, ...]
    """Every strategy; empty without a second region."""


AFTER_LOSS = "after the loss of the region"
COPIES = "copies of the database on their way to and kept in a second region"

MonthlyUsd = Callable[[Standing], float]
"""What a candidate with what stands elsewhere is billed a month. Raises PriceNotFound."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Where candidates of one scenario are stood up; a design that several of them share is simulated once."""

    scenario: Scenario
    demand: Demand
    loads: dict[float, Demand] = field(default_factory=dict)
    """The demand by the share of it that is left."""
    simulated: dict[tuple[Share, Depth], SimulatedDesign] = field(default_factory=dict)
    tiers: dict[tuple[SimulatedDesign, Strategy], Stood | None] = field(default_factory=dict)

    def can_stand(self, candidate: Candidate, strategy: Strategy) -> bool:
        """Whether every design of the candidate can do what the strategy asks."""
        return all(self._shares(tier.design, strategy) for tier in candidate.tiers)

    def at_home(self, design: TierDesign, strategy: Strategy) -> TierDesign | None:
        """What a design becomes in the first region; None when it cannot do what the strategy asks."""
        shares = self._shares(design, strategy)
        return shares[0].design if shares else None

    def strategies(self) -> tuple[Strategy, ...]:
        """Those that meet the regional objectives; without any objective, none is needed."""
        if not self._has_objectives:
            return (Strategy.NONE,)
        return tuple(
            strategy
            for strategy in Strategy
            if not any(limit.broken for limit in regional_limits(strategy, self.scenario.objectives))
        )

    @property
    def _has_objectives(self) -> bool:
        objectives = self.scenario.objectives
        return objectives.region_rto_minutes is not None or objectives.region_rpo_minutes is not None

    def stood(self, tier: SimulatedDesign, strategy: Strategy) -> Stood | None:
        """A tier under a strategy, None where it cannot stand; what a bound becomes is a bound."""
        if (tier, strategy) not in self.tiers:
            shares = self._shares(tier.design, strategy)
            self.tiers[tier, strategy] = self._stood(tier, strategy, shares) if shares else None
        return self.tiers[tier, strategy]

    def _stood(self, tier: SimulatedDesign, strategy: Strategy, shares: Sequence[Share]) -> Stood:
        region_id = self.scenario.network.second_region
        home, *away = (self._taking(tier, share) for share in shares)
        copies: tuple[Usage, ...] = ()
        if region_id is not None and strategy is not Strategy.NONE and isinstance(tier.design, Copied):
            copies = tier.design.copied(self.demand, region_id, strategy)
        footprint_away = sum((other.footprint for other in away), Footprint.none(self.demand.days))
        if isinstance(home.design, Reaching):
            footprint_away += home.design.footprint_away(self.demand)
        return Stood(home, tuple(away), copies, footprint_away)

    def placed(self, tiers: Sequence[SimulatedDesign], strategy: Strategy) -> Placed | None:
        """Tiers as they stand under a strategy, None where one cannot; what a bound becomes is a bound."""
        stood = self._all_stood(tiers, strategy)
        return _placed(stood, strategy) if len(stood) == len(tiers) else None

    def _all_stood(self, tiers: Sequence[SimulatedDesign], strategy: Strategy) -> list[Stood]:
        """Those tiers that can stand under a strategy."""
        return [found for tier in tiers if (found := self.stood(tier, strategy)) is not None]

    def stand(self, candidate: Candidate, strategy: Strategy) -> Standing:
        """A candidate under a strategy that it can stand under, simulated where it differs."""
        stood = self._all_stood(candidate.tiers, strategy)
        placed = _placed(stood, strategy)
        footprint = sum((found.footprint_away for found in stood), Footprint.none(self.demand.days))
        platform = tuple(self.platform(footprint, strategy))
        usages = [usage for tier in placed.away for usage in tier.usages]
        usages += [usage for design in platform for usage in design.usage(self.demand, footprint)]
        usages += [usage for found in stood for usage in found.copies]
        energies = [found.energy_away for found in stood]
        energies += [design.energy(self.demand, footprint) for design in platform]
        return Standing(placed, tuple(usages), sum(energies, Energy()))

    def missed(self, candidate: Candidate, strategy: Strategy) -> Limit | None:
        """What a candidate breaks where only part of the traffic comes to it; None where every part holds.

        With half the traffic in each of two regions there are fewer servers to share the load of a moment.
        """
        halves = self.halves(candidate.tiers, strategy)
        return worst(
            limit for half in halves for limit in broken_limits(Candidate(*half), self.scenario.objectives)
        )

    def halves(
        self, tiers: Sequence[SimulatedDesign], strategy: Strategy
    ) -> tuple[tuple[SimulatedDesign, ...], ...]:
        """The tiers with the part of the traffic that comes to each region; nothing where one takes it all."""
        stood = self._all_stood(tiers, strategy)
        if strategy is not Strategy.ACTIVE_ACTIVE or len(stood) < len(tiers):
            return ()
        home = tuple(found.home for found in stood)
        return home, tuple(found.away[0] if found.away else found.home for found in stood)

    def recovery(self, candidate: Candidate, strategy: Strategy, bill_usd: MonthlyUsd) -> Recovery:
        """A strategy that meets the regional objectives, beside all others where there are any objectives."""
        designs = tuple(tier.design for tier in candidate.tiers)
        options = tuple(self.options(candidate, bill_usd)) if self._has_objectives else ()
        return Recovery(strategy, designs, self.stand(candidate, strategy), options)

    def nearest_miss(self, candidate: Candidate, bill_usd: MonthlyUsd) -> Limit:
        """Why a candidate can be had under no strategy that meets the objectives.

        A missing price where a strategy would do but for it; else the limit missed by least of one that can be had.
        """
        broken = [
            limit for strategy in self.strategies() if (limit := self.missed(candidate, strategy)) is not None
        ]
        if broken:
            return min(broken, key=lambda limit: limit.excess)
        place = self.scenario.network.second_region
        unpriced = Limit(f"published price of a recovery in {place}", 1, 0, MISSING_PRICES)
        options = tuple(self.options(candidate, bill_usd))
        if any(option.unavailable not in ("", ONE_WRITER) and not option.misses for option in options):
            return unpriced
        missed = [
            limit
            for option in options
            if option.more_usd is not None and option.rto_minutes is not None
            for limit in regional_limits(Strategy(option.strategy), self.scenario.objectives)
            if limit.broken
        ]
        if not missed:
            return unpriced
        return min(missed, key=lambda limit: limit.observed - limit.limit)

    def options(self, candidate: Candidate, bill_usd: MonthlyUsd) -> Iterator[RecoveryOption]:
        """Every strategy for a candidate, with what it costs above none or why it cannot be had."""
        plain_usd = bill_usd(Standing(Placed(candidate.tiers), (), Energy()))
        for strategy in Strategy:
            if not self.can_stand(candidate, strategy):
                yield self._option(strategy, None, ONE_WRITER)
                continue
            broken = self.missed(candidate, strategy)
            if broken is not None:
                yield self._option(strategy, None, f"half the traffic: {broken.miss}")
                continue
            try:
                usd = bill_usd(self.stand(candidate, strategy))
            except PriceNotFound as error:
                yield self._option(strategy, None, str(error))
            else:
                yield self._option(strategy, usd - plain_usd, "")

    def _option(self, strategy: Strategy, more_usd: float | None, unavailable: str) -> RecoveryOption:
        restoration = RESTORATIONS[strategy]
        impaired_minutes = REGION_IMPAIRMENT.mean_hours * MINUTES_PER_HOUR
        out_minutes = REGION_IMPAIRMENT.per_month * min(impaired_minutes, restoration.rto_minutes)
        broken = [
            limit.constraint for limit in regional_limits(strategy, self.scenario.objectives) if limit.broken
        ]
        suffix = f" {AFTER_LOSS}"
        return RecoveryOption(
            strategy=strategy.value,
            rto_minutes=_finite(restoration.rto_minutes),
            rpo_minutes=_finite(restoration.rpo_minutes),
            more_usd=more_usd,
            expected_minutes_per_month=None if more_usd is None else out_minutes,
            unavailable=unavailable,
            misses=" and ".join(constraint.removesuffix(suffix) for constraint in broken),
        )

    def _shares(self, design: TierDesign, strategy: Strategy) -> tuple[Share, ...]:
        region_id = self.scenario.network.second_region
        if region_id is None or not isinstance(design, Spread):
            return (Share(design, 1.0),)
        return design.spread(region_id, strategy)

    def _taking(self, tier: SimulatedDesign, share: Share) -> SimulatedDesign:
        """A tier's design as it comes to be under a share of the demand."""
        if share == (tier.design, 1.0):
            return tier
        known = (share, tier.depth)
        if known not in self.simulated:
            if share.ratio not in self.loads:
                self.loads[share.ratio] = self.demand.scaled(share.ratio)
            self.simulated[known] = _run(share.design, self.loads[share.ratio], tier.depth)
        return self.simulated[known]

    def platform(self, footprint: Footprint, strategy: Strategy) -> Iterator[PlatformDesign]:
        """The platform in the second region beside what leaves this footprint there.

        Dashboards there would show the same again.
        """
        region_id = self.scenario.network.second_region
        if region_id is None or not _PLATFORM_ROLES[strategy]:
            return
        scenario = self.scenario
        there = scenario.model_copy(
            update={
                "region": region_id,
                "network": scenario.network.model_copy(update={"second_region": None}),
                "monitoring": scenario.monitoring.model_copy(update={"dashboards": 0}),
            }
        )
        for service in PLATFORM_SERVICES:
            if service.role in _PLATFORM_ROLES[strategy]:
                yield service.design(there, footprint)


def _placed(stood: Sequence[Stood], strategy: Strategy) -> Placed:
    away = tuple(tier for found in stood for tier in found.away)
    return Placed(tuple(found.home for found in stood), away, strategy)


def _run(design: TierDesign, demand: Demand, depth: Depth) -> SimulatedDesign:
    """A design under a demand, simulated as far as it is told; a bound holds whatever it answers."""
    if depth is Depth.WHOLE or not is_bounded(design):
        return metered(design, demand, design.simulate(demand))
    if depth is Depth.UNQUEUED:
        return metered(design, demand, design.unqueued(demand), depth)
    return stand_in(design, design.least(demand, 0.0))


def _finite(minutes: float) -> float | None:
    return minutes if math.isfinite(minutes) else None


def regional_limits(strategy: Strategy, objectives: Objectives) -> Iterator[Limit]:
    """The objectives about the loss of the region, as far as there are any."""
    restoration = RESTORATIONS[strategy]
    for what, observed, key in (
        ("recovery time", restoration.rto_minutes, "region_rto_minutes"),
        ("recovery point", restoration.rpo_minutes, "region_rpo_minutes"),
    ):
        allowed = getattr(objectives, key)
        if allowed is not None:
            yield Limit(f"{what} {AFTER_LOSS}", observed, allowed, "minutes", f"objectives.{key}")


def recovery_variables(scenario: Scenario, strategy: Strategy) -> tuple[TerraformVariable, ...]:
    """What an export says about the second region; nothing without one."""
    region_id = scenario.network.second_region
    if region_id is None:
        return ()
    return (
        TerraformVariable(
            "recovery",
            "What stands ready in a second region.",
            (
                one_of("strategy", strategy.value, tuple(known.value for known in Strategy)),
                also(
                    one_of("region", region_id, tuple(USAGE_TYPE_CODES)),
                    "{value} != var.region",
                    "differ from region",
                ),
            ),
        ),
    )
