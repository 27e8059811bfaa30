"""The search: simulate each design once, drop what breaks an objective, cost until the rest is proven dearer.

Candidates are compared within groups of the same kinds (EC2 or Lambda, RDS or DynamoDB, ...), so that
the cheapest of every group stands beside the recommendation. Within a group candidates are made and
costed in order of a lower bound, and the group ends when the next bound exceeds the cheapest so far: all
others are never made.

With a price for carbon (`objectives.carbon_usd_per_tonne`) cost means the bill and the likely emission at that price,
in every comparison and bound; the bill itself stays what AWS charges.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from heapq import heappop, heappush
from itertools import product
from math import prod

from costmodel.billing.charge import Bill
from costmodel.billing.rate import bill
from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.billing.tariff import CostSketch, Tariff
from costmodel.capacity.energy import Energy
from costmodel.capacity.result import MISSING_PRICES, Limit
from costmodel.decision.candidate import (
    OUTSIDE_ROLES,
    Candidate,
    Inside,
    SimulatedDesign,
    Tiers,
    count_combinations,
    insides,
)
from costmodel.decision.carbon import carbon_usd
from costmodel.decision.constraints import Promise, joint_limits, promise, single_tier_limits
from costmodel.decision.recovery import Recovery, Stage, Standing
from costmodel.decision.run import KINDS_OF_A_CANDIDATE
from costmodel.demand.demand import Demand
from costmodel.errors import Infeasible, PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Objectives, Scenario
from costmodel.services._base import (
    TIER_ROLES,
    Footprint,
    PlatformDesign,
    Role,
    Strategy,
    TierDesign,
    Usage,
)
from costmodel.services.registry import PLATFORM_SERVICES, TIER_SERVICES
from costmodel.units import figure

THREADS = 2
"""Designs simulated side by side. The compiled kernels and array operations run outside the interpreter lock."""

FLOAT_SLACK = 1e-9
"""Relative error that a float cost may have against the exact bill."""

Progress = Callable[[str, int, int], None]
"""Told what is going on, how many steps are done and how many there are."""


def silent(step: str, done: int, total: int) -> None:
    """A `Progress` that tells nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A candidate that meets the objectives, with its whole bill."""

    candidate: Candidate
    platform: tuple[PlatformDesign, ...]
    promise: Promise
    bill: Bill
    monthly_usd: Decimal
    """Mean billed cost per calendar month."""
    energies: Mapping[str, Energy]
    """What the whole run draws, by role, and by `second region` for what stands there."""
    recovery: Recovery | None = None
    """What stands ready in a second region, billed whole with the rest; None where it was not asked for."""

    @property
    def strategy(self) -> Strategy:
        return self.recovery.strategy if self.recovery else Strategy.NONE

    @property
    def designs(self) -> tuple[TierDesign, ...]:
        """Tiers as the search found them, before a recovery strategy changed any."""
        return self.recovery.designs if self.recovery else tuple(tier.design for tier in self.candidate.tiers)

    @property
    def energy(self) -> Energy:
        return sum(self.energies.values(), Energy())


@dataclass(frozen=True, slots=True)
class Rejection:
    """A design or a combination of designs that cannot be recommended, and the one reason."""

    subject: str
    """The designs by their labels; a whole candidate by its kinds alone, which is what the reason is about."""
    kinds: tuple[str, ...]
    """Kinds of the designs it is about."""
    limit: Limit
    candidates: int
    """How many candidates it is part of."""

    @property
    def of_candidate(self) -> bool:
        """Whether it is about a whole candidate, and not about some of its designs."""
        return len(self.kinds) == KINDS_OF_A_CANDIDATE

    @property
    def excess(self) -> float:
        """Observed over allowed: how badly the limit is missed."""
        return _excess(self.limit)


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """What the search found. `considered == rejected + pruned + priced`."""

    best: Evaluation
    rivals: tuple[Evaluation, ...]
    """The cheapest candidate of every other combination of kinds, cheapest first, at the price for carbon if any."""
    rejections: tuple[Rejection, ...]
    considered: int
    rejected: int
    pruned: int
    priced: int


def simulate_design(design: TierDesign, demand: Demand) -> SimulatedDesign:
    """Run one tier design over the demand and meter it."""
    capacity = design.simulate(demand)
    return SimulatedDesign(
        design,
        replace(capacity.summary(), lost_ratio=demand.lost_ratio),
        design.usage(demand, capacity),
        design.footprint(demand, capacity),
        design.energy(demand, capacity),
    )


def search(
    scenario: Scenario,
    demand: Demand,
    book: PriceBook,
    progress: Progress = silent,
    own_rates: OwnRates = NO_OWN_RATES,
) -> SearchResult:
    """Find the candidate that meets the objectives and costs least at own rates, and the cheapest of every other kind.

    Raises Infeasible when nothing meets the objectives, PriceNotFound when no design of a tier can
    be priced in the region, UnitMismatch when an own price counts in another unit than the list's, UnknownGrid
    when carbon has a price and a region no figures.
    """
    simulated = simulate_all(scenario, demand, progress)
    considered = count_combinations(simulated)
    survivors, rejections = _keep_sound(scenario, simulated)
    tariff = Tariff(book, free_tier=scenario.account.free_tier, own_rates=own_rates)
    sketches, unpriced = _sketch_alone(scenario, survivors, tariff)
    rejections += unpriced
    survivors = {role: [tier for tier in tiers if tier in sketches] for role, tiers in survivors.items()}
    groups, joint = _keep_feasible(scenario, survivors)
    rejections += joint
    feasible = sum(len(group) for group in groups)
    pricer = _Pricer(scenario, demand, book, own_rates, tariff, sketches, Stage(scenario, demand))
    winners, over_budget, priced = _cheapest_of_each_kind(pricer, groups, progress)
    rejections += over_budget
    if not winners:
        raise Infeasible(_explain(scenario, simulated, rejections))
    ranked = sorted(winners, key=pricer.weighed_usd)
    return SearchResult(
        best=_with_options(pricer, ranked[0]),
        rivals=tuple(ranked[1:]),
        rejections=tuple(
            sorted(rejections, key=lambda rejection: (-rejection.candidates, rejection.subject))
        ),
        considered=considered,
        rejected=considered - feasible,
        pruned=feasible - priced,
        priced=priced,
    )


def simulate_all(
    scenario: Scenario, demand: Demand, progress: Progress = silent
) -> dict[Role, list[SimulatedDesign]]:
    """Simulate every design worth considering, once."""
    designs = [design for service in TIER_SERVICES for design in service.designs(scenario, demand)]
    simulated: dict[Role, list[SimulatedDesign]] = {role: [] for role in TIER_ROLES}
    with ThreadPoolExecutor(THREADS) as pool:
        runs = pool.map(lambda design: simulate_design(design, demand), designs)
        for done, tier in enumerate(runs):
            progress("simulating designs", done + 1, len(designs))
            simulated[tier.design.role].append(tier)
    return simulated


def _keep_sound(
    scenario: Scenario, simulated: Tiers
) -> tuple[dict[Role, list[SimulatedDesign]], list[Rejection]]:
    sound: dict[Role, list[SimulatedDesign]] = {role: [] for role in simulated}
    rejections = []
    for role, tiers in simulated.items():
        for tier in tiers:
            broken = worst(single_tier_limits(tier, scenario.objectives))
            if broken is None:
                sound[role].append(tier)
            else:
                rejections.append(_reject(tier, broken, simulated))
    return sound, rejections


def _sketch_alone(
    scenario: Scenario, tiers: Tiers, tariff: Tariff
) -> tuple[dict[SimulatedDesign, CostSketch], list[Rejection]]:
    """The usage of each design, compiled for costing; designs without a published price fall."""
    sketches: dict[SimulatedDesign, CostSketch] = {}
    rejections = []
    for role, designs in tiers.items():
        missing: PriceNotFound | None = None
        for tier in designs:
            try:
                sketches[tier] = tariff.sketch(tier.usages)
            except PriceNotFound as error:
                missing = error
                limit = Limit(f"published price in {scenario.region}", 1, 0, MISSING_PRICES)
                rejections.append(_reject(tier, limit, tiers))
        if missing is not None and not any(tier in sketches for tier in tiers[role]):
            raise missing
    return sketches, rejections


Part = tuple[SimulatedDesign, ...]
"""Designs chosen together: those that an API call passes, or one of another role."""


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Candidates of the same kinds: every choice of one item from each of its lists of parts."""

    parts: tuple[Sequence[Part], ...]

    def __len__(self) -> int:
        return prod(len(choices) for choices in self.parts)


def _keep_feasible(scenario: Scenario, tiers: Tiers) -> tuple[list[_Group], list[Rejection]]:
    """Candidates that meet the objectives as a whole, by kinds. Only what a call passes enters those."""
    outside = [tiers[role] for role in OUTSIDE_ROLES]
    beside = prod(len(designs) for designs in outside)
    if not beside:
        return [], []
    feasible: defaultdict[tuple[str, str], list[Inside]] = defaultdict(list)
    fallen: dict[tuple[SimulatedDesign, SimulatedDesign], tuple[Limit, int]] = {}
    others = [designs[0] for designs in outside]
    for inside in insides(tiers):
        compute, _, database = inside
        broken = worst(joint_limits(Candidate(*inside, *others), scenario.objectives))
        if broken is None:
            feasible[compute.design.kind, database.design.kind].append(inside)
        else:
            count = fallen.get((compute, database), (broken, 0))[1]
            fallen[compute, database] = (broken, count + beside)
    rejections = [
        Rejection(
            f"{compute.design.label} with {database.design.label}",
            (compute.design.kind, database.design.kind),
            limit,
            count,
        )
        for (compute, database), (limit, count) in fallen.items()
    ]
    kinds_outside = list(product(*(_by_kind(designs).values() for designs in outside)))
    return [
        _Group((of_kinds, *kinds)) for of_kinds in feasible.values() for kinds in kinds_outside
    ], rejections


def _by_kind(designs: Iterable[SimulatedDesign]) -> Mapping[str, list[Part]]:
    found: defaultdict[str, list[Part]] = defaultdict(list)
    for tier in designs:
        found[tier.design.kind].append((tier,))
    return found


def _cheapest_of_each_kind(
    pricer: _Pricer, groups: Sequence[_Group], progress: Progress
) -> tuple[list[Evaluation], list[Rejection], int]:
    winners: list[Evaluation] = []
    rejections: list[Rejection] = []
    priced = 0
    for done, group in enumerate(groups):
        progress("costing candidates", done, len(groups))
        best, cost_usd = None, math.inf
        for candidate, lower_bound_usd in pricer.by_lower_bound(group):
            if lower_bound_usd > cost_usd * (1 + FLOAT_SLACK):
                break
            whole_usd = pricer.cost_usd(candidate)
            priced += 1
            if best is None or whole_usd < cost_usd:
                best, cost_usd = candidate, whole_usd
        if best is None:
            continue
        recovery = pricer.stage.choose(best, pricer.standing_usd)
        if isinstance(recovery, Limit):
            rejections.append(Rejection(best.kind_words, best.kinds, recovery, len(group)))
            continue
        home = recovery.standing.candidate
        winner = evaluate(pricer.scenario, pricer.demand, pricer.book, home, pricer.own_rates, recovery)
        over = _over_budget(pricer.scenario, winner, len(group))
        if over is None:
            winners.append(winner)
        else:
            rejections.append(over)
    progress("costing candidates", len(groups), len(groups))
    return winners, rejections, priced


def cheapest_first(costs: Sequence[Sequence[float]]) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every choice of one place from each list, with the sum of its costs, cheapest first.

    The lists are sorted. Only as many choices are made as are asked for: after each the ones a step
    dearer follow, a step being taken no further left than the last one, so that none comes twice.
    """
    if not all(costs):
        return
    start = (0,) * len(costs)
    heap = [(sum(column[0] for column in costs), start)]
    while heap:
        cost, place = heappop(heap)
        yield place, cost
        moved = max((at for at, step in enumerate(place) if step), default=0)
        for at in range(moved, len(costs)):
            if place[at] + 1 < len(costs[at]):
                dearer = (*place[:at], place[at] + 1, *place[at + 1 :])
                heappush(
                    heap, (sum(column[step] for column, step in zip(costs, dearer, strict=True)), dearer)
                )


def _with_options(pricer: _Pricer, best: Evaluation) -> Evaluation:
    """The best with every recovery strategy beside its own, where the choice needed none of them."""
    if pricer.scenario.network.second_region is None or best.recovery is None or best.recovery.options:
        return best
    options = tuple(pricer.stage.options(best.candidate, pricer.standing_usd))
    return replace(best, recovery=replace(best.recovery, options=options))


@dataclass(frozen=True, slots=True, eq=False)
class _Pricer:
    """Costs of whole candidates and bounds on them, in floats; the winners are then billed exactly.

    Cost is the bill and, at a price for carbon, what the likely emission is worth.
    """

    scenario: Scenario
    demand: Demand
    book: PriceBook
    own_rates: OwnRates
    tariff: Tariff
    sketches: dict[SimulatedDesign, CostSketch]
    stage: Stage

    def cost_usd(self, candidate: Candidate) -> float:
        """What the whole candidate's bill and carbon come to."""
        platform = self._platform(candidate.footprint)
        billed_usd = self.tariff.cost_usd([*(self.sketches[tier] for tier in candidate.tiers), platform])
        carbon_usd = sum(self._carbon_usd(tier.energy) for tier in candidate.tiers)
        return billed_usd + carbon_usd + self._platform_carbon_usd(candidate.footprint)

    def weighed_usd(self, evaluation: Evaluation) -> Decimal:
        """The exact bill of the run and its carbon, a month."""
        carbon_usd = self._carbon_usd(evaluation.energy) / len(self.demand.calendar.periods)
        return evaluation.monthly_usd + Decimal(repr(carbon_usd))

    def _carbon_usd(self, energy: Energy) -> float:
        return carbon_usd(energy, self.scenario.objectives.carbon_usd_per_tonne)

    def _platform_carbon_usd(self, footprint: Footprint) -> float:
        if not self.scenario.objectives.carbon_usd_per_tonne:
            return 0.0
        designs = platform_designs(self.scenario, footprint)
        return sum(self._carbon_usd(design.energy(self.demand, footprint)) for design in designs)

    def standing_usd(self, standing: Standing) -> float:
        """What a candidate costs a month with what stands in a second region. Raises PriceNotFound."""
        tiers = (
            self.sketches.get(tier) or self.tariff.sketch(tier.usages) for tier in standing.candidate.tiers
        )
        platform = self._platform(standing.candidate.footprint)
        whole_usd = self.tariff.cost_usd([*tiers, platform, self.tariff.sketch(standing.usages)])
        return whole_usd / len(self.demand.calendar.periods)

    def _platform(self, footprint: Footprint) -> CostSketch:
        return self.tariff.sketch(platform_usages(self.scenario, self.demand, footprint))

    def by_lower_bound(self, group: _Group) -> Iterator[tuple[Candidate, float]]:
        """Members with what they cost at least, cheapest first.

        Each tier is costed alone, with the free allowances all to itself, and agreed steps at their
        cheapest, which it may reach only together with others. The platform is costed at
        the smallest footprint of any member: platform charges never fall as a footprint grows. Carbon
        is never below 0 and adds up over tiers, so each brings its own; that of the platform behaves as its charges.
        """
        by_role = [list(dict.fromkeys(column)) for part in group.parts for column in zip(*part, strict=True)]
        alone = {
            tier: self.tariff.least_usd([self.sketches[tier]]) + self._carbon_usd(tier.energy)
            for designs in by_role
            for tier in designs
        }
        lightest = Footprint.none(self.demand.days)
        for designs in by_role:
            lightest = lightest + Footprint.smallest([tier.footprint for tier in designs])
        platform_usd = self.tariff.least_usd([self._platform(lightest)])
        platform_usd += self._platform_carbon_usd(lightest)

        def cost_usd(part: Part) -> float:
            return sum(alone[tier] for tier in part)

        parts = [sorted(choices, key=cost_usd) for choices in group.parts]
        costs = [[cost_usd(part) for part in choices] for choices in parts]
        for places, sum_usd in cheapest_first(costs):
            tiers = [tier for choices, place in zip(parts, places, strict=True) for tier in choices[place]]
            yield Candidate(*tiers), platform_usd + sum_usd


def evaluate(
    scenario: Scenario,
    demand: Demand,
    book: PriceBook,
    candidate: Candidate,
    own_rates: OwnRates = NO_OWN_RATES,
    recovery: Recovery | None = None,
) -> Evaluation:
    """Bill a whole candidate: tiers and allowances are shared between its services and regions."""
    usages = candidate.usages + platform_usages(scenario, demand, candidate.footprint)
    usages += recovery.standing.usages if recovery else ()
    whole = bill(usages, book, free_tier=scenario.account.free_tier, own_rates=own_rates)
    monthly_usd = whole.billed_cost / len(demand.calendar.periods)
    platform = platform_designs(scenario, candidate.footprint)
    energies = {tier.design.role.value: tier.energy for tier in candidate.tiers}
    energies |= {design.role.value: design.energy(demand, candidate.footprint) for design in platform}
    if recovery and recovery.strategy is not Strategy.NONE:
        energies["second region"] = recovery.standing.energy
    return Evaluation(candidate, platform, promise(candidate), whole, monthly_usd, energies, recovery)


def platform_designs(scenario: Scenario, footprint: Footprint) -> tuple[PlatformDesign, ...]:
    """The platform that stands beside tiers with this footprint."""
    return tuple(service.design(scenario, footprint) for service in PLATFORM_SERVICES)


def platform_usages(scenario: Scenario, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]:
    """What the platform services of a candidate use."""
    designs = platform_designs(scenario, footprint)
    return tuple(usage for design in designs for usage in design.usage(demand, footprint))


def _over_budget(scenario: Scenario, best: Evaluation, members: int) -> Rejection | None:
    budget = scenario.constraints.monthly_budget_usd
    if budget is None or best.monthly_usd <= Decimal(repr(budget)):
        return None
    limit = Limit("monthly budget", float(best.monthly_usd), budget, "USD", "constraints.monthly_budget_usd")
    return Rejection(best.candidate.kind_words, best.candidate.kinds, limit, members)


def broken_limits(candidate: Candidate, objectives: Objectives) -> Iterator[Limit]:
    """Objectives and ceilings that a candidate or one of its tiers breaks."""
    for tier in candidate.tiers:
        yield from (limit for limit in single_tier_limits(tier, objectives) if limit.broken)
    yield from (limit for limit in joint_limits(candidate, objectives) if limit.broken)


def worst(limits: Iterable[Limit]) -> Limit | None:
    """The broken limit that is missed by the largest factor; None when all hold."""
    broken = [limit for limit in limits if limit.broken]
    if not broken:
        return None
    return max(broken, key=_excess)


def _excess(limit: Limit) -> float:
    return limit.observed / limit.limit if limit.limit > 0 else float("inf")


def _reject(tier: SimulatedDesign, limit: Limit, tiers: Tiers) -> Rejection:
    return Rejection(tier.design.label, (tier.design.kind,), limit, _containing(tier, tiers))


def _containing(tier: SimulatedDesign, tiers: Tiers) -> int:
    return count_combinations({**tiers, tier.design.role: [tier]})


def _explain(scenario: Scenario, simulated: Tiers, rejections: Sequence[Rejection]) -> str:
    """Which objective cannot be met, by how much the nearest misses, and what to relax."""
    empty = [role.value.replace("_", " ") for role, tiers in simulated.items() if not tiers]
    if empty:
        return (
            f"no {' and no '.join(empty)} design fits the constraints of {scenario.name!r}. "
            "Allow more under `constraints`."
        )
    nearest: dict[str, Rejection] = {}
    for rejection in rejections:
        known = nearest.get(rejection.limit.constraint)
        if known is None or rejection.excess < known.excess:
            nearest[rejection.limit.constraint] = rejection
    lines = [f"nothing meets the objectives of {scenario.name!r}. The nearest misses, by what they break:"]
    for constraint, rejection in nearest.items():
        limit = rejection.limit
        lines.append(
            f"  - {constraint}: {rejection.subject} needs {figure(limit.observed)} {limit.unit}, "
            f"allowed {figure(limit.limit)}"
        )
    keys = dict.fromkeys(rejection.limit.key for rejection in nearest.values() if rejection.limit.key)
    relax = f"Relax one of these in the scenario: {', '.join(keys)}; or allow" if keys else "Allow"
    lines.append(f"{relax} more under `constraints`.")
    return "\n".join(lines)
