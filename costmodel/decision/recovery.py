"""What a candidate keeps ready in a second region, what that costs, and the cheapest that meets the objectives.

The strategy is chosen for the cheapest candidate of each combination of kinds, after the search, and billed
whole with it. Within such a group another candidate could be cheaper together with its strategy (a fleet with a
smaller standby, say); between groups the comparison is fair, for each carries a strategy of its own. The strategy
is chosen on money alone, also where carbon has a price.
Rendering stays in the first region under every strategy: its jobs wait in their queue until it is back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from costmodel.capacity.availability import REGION_IMPAIRMENT
from costmodel.capacity.energy import Energy, unmeasured
from costmodel.capacity.result import MISSING_PRICES, Limit
from costmodel.decision.candidate import Candidate, SimulatedDesign
from costmodel.decision.run import RecoveryOption
from costmodel.demand.demand import Demand
from costmodel.errors import PriceNotFound
from costmodel.scenario.model import Objectives, Scenario
from costmodel.services._base import (
    USAGE_TYPE_CODES,
    Copied,
    Footprint,
    PlatformDesign,
    Role,
    Share,
    Spread,
    Strategy,
    TerraformVariable,
    TierDesign,
    Usage,
    also,
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

    candidate: Candidate
    """What stands at home."""
    usages: tuple[Usage, ...]
    """Everything used beside the candidate and its platform: designs and platform elsewhere, and copies."""
    energy: Energy
    """What the same draws."""


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
"""What a candidate costs a month with what stands elsewhere. Raises PriceNotFound."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Where candidates of one scenario are stood up; a design that several of them share is simulated once."""

    scenario: Scenario
    demand: Demand
    loads: dict[float, Demand] = field(default_factory=dict)
    """The demand by the share of it that is left."""
    simulated: dict[Share, SimulatedDesign] = field(default_factory=dict)

    def can_stand(self, candidate: Candidate, strategy: Strategy) -> bool:
        """Whether every design of the candidate can do what the strategy asks."""
        return all(self._shares(tier.design, strategy) for tier in candidate.tiers)

    def at_home(self, design: TierDesign, strategy: Strategy) -> TierDesign | None:
        """What a design becomes in the first region; None when it cannot do what the strategy asks."""
        shares = self._shares(design, strategy)
        return shares[0].design if shares else None

    def stand(self, candidate: Candidate, strategy: Strategy) -> Standing:
        """A candidate under a strategy that it can stand under, simulated where it differs."""
        region_id = self.scenario.network.second_region
        if region_id is None or strategy is Strategy.NONE:
            return Standing(candidate, (), Energy())
        home: list[SimulatedDesign] = []
        away: list[SimulatedDesign] = []
        copies: list[Usage] = []
        for tier in candidate.tiers:
            here, *there = (self._simulated(tier, share) for share in self._shares(tier.design, strategy))
            home.append(here)
            away += there
            if isinstance(tier.design, Copied):
                copies += tier.design.copied(self.demand, region_id, strategy)
        usages = [usage for tier in away for usage in tier.usages]
        footprint = sum((tier.footprint for tier in away), Footprint.none(self.demand.days))
        platform = tuple(self._platform(region_id, footprint, strategy))
        usages += [usage for design in platform for usage in design.usage(self.demand, footprint)]
        energies = [tier.energy for tier in away]
        energies += [design.energy(self.demand, footprint) for design in platform]
        energies += [unmeasured(COPIES)] if copies else []
        return Standing(Candidate(*home), (*usages, *copies), sum(energies, Energy()))

    def choose(self, candidate: Candidate, monthly_usd: MonthlyUsd) -> Recovery | Limit:
        """The cheapest strategy that meets the regional objectives; the limit missed by least when none does."""
        designs = tuple(tier.design for tier in candidate.tiers)
        objectives = self.scenario.objectives
        if objectives.region_rto_minutes is None and objectives.region_rpo_minutes is None:
            return Recovery(Strategy.NONE, designs, Standing(candidate, (), Energy()), ())
        options = tuple(self.options(candidate, monthly_usd))
        meeting = [option for option in options if option.more_usd is not None and not option.misses]
        if not meeting:
            return self._nearest(options)
        chosen = Strategy(min(meeting, key=lambda option: option.more_usd or 0.0).strategy)
        return Recovery(chosen, designs, self.stand(candidate, chosen), options)

    def options(self, candidate: Candidate, monthly_usd: MonthlyUsd) -> Iterator[RecoveryOption]:
        """Every strategy for a candidate, with what it costs above none or why it cannot be had."""
        plain_usd = monthly_usd(Standing(candidate, (), Energy()))
        for strategy in Strategy:
            if not self.can_stand(candidate, strategy):
                yield self._option(strategy, None, ONE_WRITER)
                continue
            try:
                usd = monthly_usd(self.stand(candidate, strategy))
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

    def _nearest(self, options: Iterable[RecoveryOption]) -> Limit:
        """A missing price where a strategy would do but for it; else the limit missed by least of one that can be had."""
        place = self.scenario.network.second_region
        unpriced = Limit(f"published price of a recovery in {place}", 1, 0, MISSING_PRICES)
        options = tuple(options)
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

    def _shares(self, design: TierDesign, strategy: Strategy) -> tuple[Share, ...]:
        region_id = self.scenario.network.second_region
        if region_id is None or not isinstance(design, Spread):
            return (Share(design, 1.0),)
        return design.spread(region_id, strategy)

    def _simulated(self, tier: SimulatedDesign, share: Share) -> SimulatedDesign:
        if share == (tier.design, 1.0):
            return tier
        if share not in self.simulated:
            if share.ratio not in self.loads:
                self.loads[share.ratio] = self.demand.scaled(share.ratio)
            design, demand = share.design, self.loads[share.ratio]
            capacity = design.simulate(demand)
            self.simulated[share] = SimulatedDesign(
                design,
                capacity.summary(),
                design.usage(demand, capacity),
                design.footprint(demand, capacity),
                design.energy(demand, capacity),
            )
        return self.simulated[share]

    def _platform(self, region_id: str, footprint: Footprint, strategy: Strategy) -> Iterator[PlatformDesign]:
        """The platform beside what stands in the second region; dashboards there would show the same again."""
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
