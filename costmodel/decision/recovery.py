"""What a candidate keeps ready in a second region, what that costs, and the cheapest that meets the objectives.

The strategy is chosen for the cheapest candidate of each combination of kinds, after the search, and billed
whole with it. Within such a group another candidate could be cheaper together with its strategy (a fleet with a
smaller standby, say); between groups the comparison is fair, for each carries a strategy of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from costmodel.capacity.availability import REGION_IMPAIRMENT
from costmodel.capacity.result import Limit
from costmodel.decision.candidate import Candidate, SimulatedDesign
from costmodel.decision.run import RecoveryOption
from costmodel.demand.demand import Demand
from costmodel.errors import PriceNotFound
from costmodel.scenario.model import Objectives, Scenario
from costmodel.services._base import (
    USAGE_TYPE_CODES,
    Copied,
    Footprint,
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


@dataclass(frozen=True, slots=True, eq=False)
class Recovery:
    """The chosen strategy of a candidate."""

    strategy: Strategy
    designs: tuple[TierDesign, ...]
    """Of the candidate as the search found it, in the order of its tiers."""
    standing: Standing
    options: tuple[RecoveryOption, ...]
    """Every strategy; empty without a second region."""


MonthlyUsd = Callable[[Standing], float]
"""What a candidate costs a month with what stands elsewhere. Raises PriceNotFound."""


def can_stand(scenario: Scenario, designs: Iterable[TierDesign], strategy: Strategy) -> bool:
    """Whether every one of these designs can do what the strategy asks."""
    region_id = scenario.network.second_region
    return region_id is None or all(_shares(design, region_id, strategy) for design in designs)


def stand(
    scenario: Scenario, demand: Demand, tiers: Sequence[SimulatedDesign], strategy: Strategy
) -> Standing:
    """Tiers of a candidate under a strategy that they can stand under, simulated where they differ."""
    region_id = scenario.network.second_region
    if region_id is None or strategy is Strategy.NONE:
        return Standing(Candidate(*tiers), ())
    loads = {1.0: demand}
    home: list[SimulatedDesign] = []
    away: list[SimulatedDesign] = []
    usages: list[Usage] = []
    for tier in tiers:
        design = tier.design
        shares = _shares(design, region_id, strategy)
        for share in shares:
            if share.ratio not in loads:
                loads[share.ratio] = demand.scaled(share.ratio)
        simulated = [
            tier if share == (design, 1.0) else _simulated(share.design, loads[share.ratio])
            for share in shares
        ]
        home.append(simulated[0])
        away += simulated[1:]
        if isinstance(design, Copied):
            usages += design.copied(demand, region_id, strategy)
    for there in away:
        usages += there.usages
    usages += _platform(scenario, region_id, demand, away, strategy)
    return Standing(Candidate(*home), tuple(usages))


def choose(
    scenario: Scenario, demand: Demand, candidate: Candidate, monthly_usd: MonthlyUsd
) -> Recovery | Limit:
    """The cheapest strategy that meets the regional objectives; the limit missed by least when none does."""
    designs = tuple(tier.design for tier in candidate.tiers)
    plain = Standing(candidate, ())
    if scenario.network.second_region is None:
        return Recovery(Strategy.NONE, designs, plain, ())
    plain_usd = monthly_usd(plain)
    best: tuple[float, Strategy, Standing] | None = None
    options: list[RecoveryOption] = []
    missed: list[Limit] = []
    for strategy in Strategy:
        if not can_stand(scenario, designs, strategy):
            options.append(_option(strategy, None, "the database can be written in one region only"))
            continue
        standing = stand(scenario, demand, candidate.tiers, strategy)
        try:
            usd = monthly_usd(standing)
        except PriceNotFound as error:
            options.append(_option(strategy, None, str(error)))
            continue
        broken = [limit for limit in _limits(strategy, scenario.objectives) if limit.broken]
        missed += broken[:1]
        why = f"misses the objective: {broken[0].constraint}" if broken else "meets the objectives"
        options.append(_option(strategy, usd - plain_usd, why))
        if not broken and (best is None or usd < best[0]):
            best = (usd, strategy, standing)
    if best is None:
        return _nearest(scenario, missed)
    _, chosen, standing = best
    noted = tuple(
        replace(option, why="chosen") if option.strategy == chosen else option for option in options
    )
    return Recovery(chosen, designs, standing, noted)


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


def _shares(design: TierDesign, region_id: str, strategy: Strategy) -> tuple[Share, ...]:
    return design.spread(region_id, strategy) if isinstance(design, Spread) else (Share(design, 1.0),)


def _simulated(design: TierDesign, demand: Demand) -> SimulatedDesign:
    capacity = design.simulate(demand)
    return SimulatedDesign(
        design, capacity.summary(), design.usage(demand, capacity), design.footprint(demand, capacity)
    )


def _platform(
    scenario: Scenario, region_id: str, demand: Demand, away: Sequence[SimulatedDesign], strategy: Strategy
) -> Iterator[Usage]:
    """The platform beside what stands in the second region; dashboards there would show the same again."""
    there = scenario.model_copy(
        update={
            "region": region_id,
            "network": scenario.network.model_copy(update={"second_region": None}),
            "monitoring": scenario.monitoring.model_copy(update={"dashboards": 0}),
        }
    )
    footprint = sum((tier.footprint for tier in away), Footprint.none(demand.days))
    for service in PLATFORM_SERVICES:
        if service.role in _PLATFORM_ROLES[strategy]:
            yield from service.design(there, footprint).usage(demand, footprint)


def _limits(strategy: Strategy, objectives: Objectives) -> Iterator[Limit]:
    restoration = RESTORATIONS[strategy]
    for what, observed, key in (
        ("recovery time", restoration.rto_minutes, "region_rto_minutes"),
        ("recovery point", restoration.rpo_minutes, "region_rpo_minutes"),
    ):
        allowed = getattr(objectives, key)
        if allowed is not None:
            yield Limit(
                f"{what} after the loss of the region", observed, allowed, "minutes", f"objectives.{key}"
            )


def _nearest(scenario: Scenario, missed: Sequence[Limit]) -> Limit:
    """The limit missed by least; a missing price where no strategy could be had at all."""
    finite = [limit for limit in missed if math.isfinite(limit.observed)]
    if not finite:
        place = scenario.network.second_region
        return Limit(f"published price of a recovery in {place}", 1, 0, "missing prices")
    return min(finite, key=lambda limit: limit.observed - limit.limit)


def _option(strategy: Strategy, more_usd: float | None, why: str) -> RecoveryOption:
    restoration = RESTORATIONS[strategy]
    impaired_minutes = REGION_IMPAIRMENT.mean_hours * MINUTES_PER_HOUR
    out_minutes = REGION_IMPAIRMENT.per_month * min(impaired_minutes, restoration.rto_minutes)
    return RecoveryOption(
        strategy=strategy.value,
        rto_minutes=_finite(restoration.rto_minutes),
        rpo_minutes=_finite(restoration.rpo_minutes),
        more_usd=more_usd,
        expected_minutes_per_month=None if more_usd is None else out_minutes,
        why=why,
    )


def _finite(minutes: float) -> float | None:
    return minutes if math.isfinite(minutes) else None
