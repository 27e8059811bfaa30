"""Finalists tried in one possible world: what each costs there, what it fails to serve, and what it breaks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.billing.tariff import CostSketch, Tariff
from costmodel.decision.candidate import Candidate, SimulatedDesign
from costmodel.decision.carbon import carbon_usd
from costmodel.decision.constraints import broken_limits, promise, worst
from costmodel.decision.plans import NOTHING, Planner, Portfolio
from costmodel.decision.pricer import platform_designs, platform_usages
from costmodel.decision.recovery import Stage, Standing
from costmodel.decision.search import Evaluation, simulate_design
from costmodel.decision.worlds import World
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import Offers
from costmodel.scenario.model import Scenario
from costmodel.services._base import Role, Strategy, TierDesign


@dataclass(frozen=True, slots=True)
class Finalist:
    """One design per tier and a recovery strategy, to be tried as they are in any world."""

    designs: tuple[TierDesign, ...]
    strategy: Strategy
    plans: Portfolio = NOTHING
    """Bought before anybody knows the world."""
    labels: tuple[str, ...] = field(default=(), compare=False)
    """Of what the designs become at home; those of the designs where none are given."""
    middle_usd: float = field(default=math.inf, compare=False)
    """A month with its plans under the middle inputs; infinite where that is not known."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> Finalist:
        return cls(
            evaluation.designs,
            evaluation.strategy,
            evaluation.portfolio,
            evaluation.candidate.labels,
            float(evaluation.effective_monthly_usd),
        )

    @property
    def label(self) -> str:
        return " with ".join(self.labels or (design.label for design in self.designs))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of compute, database, delivery and rendering."""
        return tuple(design.kind for design in self.designs if design.role is not Role.LOAD_BALANCER)


@dataclass(frozen=True, slots=True)
class Trial:
    """What one finalist comes to in one world."""

    monthly_usd: float
    """Mean cost per calendar month: the bill, less what the plans save there."""
    missed_usd: float
    """Margin of the orders that failed calls prevent, a month; 0 where no margin is stated."""
    carbon_usd: float
    """What its likely emission of a month is worth to the scenario; 0 where it gives carbon no price."""
    api_p99_ms: float
    breaks: str
    """The constraint missed by most; empty when every objective and limit holds."""

    @property
    def whole_usd(self) -> float:
        """The bill and what stands beside it."""
        return self.monthly_usd + self.missed_usd + self.carbon_usd


def try_in(
    world: World, finalists: Sequence[Finalist], book: PriceBook, own_rates: OwnRates = NO_OWN_RATES
) -> tuple[Trial, ...]:
    """Simulate and cost each finalist, unchanged, in a world; a design that several share is simulated once."""
    scenario = world.scenario
    demand = synthesise(scenario, seed=world.seed)
    stage = Stage(scenario, demand)
    planner = Planner(scenario, demand.calendar, Offers(book), own_rates)
    tariff = Tariff(book, free_tier=scenario.account.free_tier, own_rates=own_rates)

    @cache
    def simulated(design: TierDesign) -> SimulatedDesign:
        found = simulate_design(design.under(scenario), demand)
        demand.forget()
        return found

    @cache
    def sketch(tier: SimulatedDesign) -> CostSketch:
        return tariff.sketch(tier.usages)

    def trial(finalist: Finalist) -> Trial:
        found = Candidate(*(simulated(design) for design in finalist.designs))
        standing = stage.stand(found, finalist.strategy)
        candidate = standing.candidate
        beside = (*platform_usages(scenario, demand, candidate.footprint), *standing.usages)
        broken = worst(broken_limits(candidate, scenario.objectives)) or stage.missed(
            found, finalist.strategy
        )
        cost_usd = tariff.cost_usd([*map(sketch, candidate.tiers), tariff.sketch(beside)])
        saved_usd = planner.saves_usd(finalist.plans, (*candidate.usages, *beside))
        return Trial(
            monthly_usd=cost_usd / len(demand.calendar.periods) - saved_usd,
            missed_usd=missed_margin_usd(scenario, demand, candidate),
            carbon_usd=_carbon_monthly_usd(scenario, demand, standing),
            api_p99_ms=promise(candidate).api_p99_ms,
            breaks=broken.constraint if broken else "",
        )

    return tuple(map(trial, finalists))


def missed_margin_usd(scenario: Scenario, demand: Demand, candidate: Candidate) -> float:
    """Margin a month of the orders that are not placed because calls fail; 0 where no margin is stated.

    A failed call is taken to lose the share of its session that it is, and so that share of an order.
    """
    margin_usd = scenario.traffic.margin_per_order_usd
    calls = float(demand.api_requests.sum())
    if margin_usd is None or calls == 0.0:
        return 0.0
    orders = float(demand.sessions.sum()) * scenario.traffic.conversion_ratio
    months = len(demand.calendar.periods)
    return promise(candidate).error_ratio * orders * margin_usd / months


def _carbon_monthly_usd(scenario: Scenario, demand: Demand, standing: Standing) -> float:
    usd_per_tonne = scenario.objectives.carbon_usd_per_tonne
    if not usd_per_tonne:
        return 0.0
    footprint = standing.candidate.footprint
    energies = [tier.energy for tier in standing.candidate.tiers]
    energies += [design.energy(demand, footprint) for design in platform_designs(scenario, footprint)]
    whole_usd = sum(carbon_usd(energy, usd_per_tonne) for energy in (*energies, standing.energy))
    return whole_usd / len(demand.calendar.periods)
