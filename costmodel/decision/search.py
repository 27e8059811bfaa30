"""The search: simulate designs and cost candidates until the rest is proven dearer.

Candidates are compared within groups of the same kinds (EC2 or Lambda, RDS or DynamoDB, ...), so that
the cheapest of every group stands beside the recommendation. Designs that bound what they come to wait, and
are simulated by their bound, a few at first and twice as many each time, while any could still win a group
or be on the front. `hunt` has the argument that nothing is missed, `pricer` what cost is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal

from costmodel.billing.charge import Bill
from costmodel.billing.rate import Biller
from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.billing.tariff import Tariff
from costmodel.capacity.energy import Energy
from costmodel.capacity.result import Limit
from costmodel.decision.candidate import (
    INSIDE_ROLES,
    OUTSIDE_ROLES,
    Candidate,
    Depth,
    Placed,
    SimulatedDesign,
    count_combinations,
    metered,
    stand_in,
)
from costmodel.decision.constraints import Promise, promise
from costmodel.decision.front import CENTS, Member, coordinates
from costmodel.decision.hunt import Hunt, KindOf, Kinds, Rejection, Winner, own_kind
from costmodel.decision.plans import NOTHING, Planner, Portfolio
from costmodel.decision.pricer import Pricer, platform_designs
from costmodel.decision.recovery import Recovery, Stage
from costmodel.decision.relax import Needs, way_in_words, ways_out
from costmodel.demand.demand import Demand
from costmodel.errors import Infeasible, PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import Offers
from costmodel.scenario.model import Scenario
from costmodel.services._base import (
    TIER_ROLES,
    Footprint,
    PlatformDesign,
    Role,
    Strategy,
    TierDesign,
    Usage,
    is_bounded,
)
from costmodel.services.registry import TIER_SERVICES
from costmodel.units import figure

THREADS = 2
"""Designs simulated side by side. The compiled kernels and array operations run outside the interpreter lock."""

FIRST_RUNS = 8
"""Runs of each kind that are simulated first of those that wait; enough for bests that spare most others."""

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
    portfolio: Portfolio = NOTHING
    """The allowed plans to buy for it; they are not on the bill."""

    @property
    def effective_monthly_usd(self) -> Decimal:
        """What it costs a month with the plans: what candidates are compared by."""
        return self.monthly_usd - self.portfolio.saves_usd

    @property
    def strategy(self) -> Strategy:
        return self.recovery.strategy if self.recovery else Strategy.NONE

    @property
    def placed(self) -> Placed:
        """Tiers in both regions."""
        return self.recovery.standing.placed if self.recovery else Placed(self.candidate.tiers)

    @property
    def designs(self) -> tuple[TierDesign, ...]:
        """Tiers as the search found them, before a recovery strategy changed any."""
        return self.recovery.designs if self.recovery else tuple(tier.design for tier in self.candidate.tiers)

    @property
    def energy(self) -> Energy:
        return sum(self.energies.values(), Energy())


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """What the search found. `considered == rejected + pruned + priced`."""

    best: Evaluation
    rivals: tuple[Evaluation, ...]
    """The cheapest candidate of every other combination of kinds, cheapest first, at the price for carbon if any."""
    front: tuple[Member, ...]
    """Candidates that no other one matches in every coordinate and betters in one, cheapest first."""
    rejections: tuple[Rejection, ...]
    considered: int
    rejected: int
    """Proven to break a limit or an objective, alone, together, or as the cheapest of their kinds does."""
    pruned: int
    """Proven not to be needed without being costed whole; many were not even simulated."""
    priced: int
    never_simulated: tuple[TierDesign, ...]
    """Designs whose bound was enough."""


def simulate_design(design: TierDesign, demand: Demand) -> SimulatedDesign:
    """Run one tier design over the demand and meter it."""
    return simulate_alike([design], demand)[0]


def simulate_alike(designs: Sequence[TierDesign], demand: Demand) -> list[SimulatedDesign]:
    """Run the first of designs that run alike over the demand, and meter each."""
    capacity = designs[0].simulate(demand)
    return [metered(design, demand, capacity) for design in designs]


def _run_unqueued(designs: Sequence[TierDesign], demand: Demand) -> list[SimulatedDesign]:
    """The same without queues: what each costs, and a latency that it does not fall below."""
    first = designs[0]
    assert is_bounded(first), "what waits has a bound"
    capacity = first.unqueued(demand)
    return [metered(design, demand, capacity, Depth.UNQUEUED) for design in designs]


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
    hunt, never_simulated = hunt_down(scenario, demand, book, progress, own_rates)
    pricer = hunt.pricer
    winners, fallen = _bill_winners(hunt, book, own_rates)
    rejections = [*hunt.rejections, *hunt.joint_rejections(), *fallen]
    if not winners:
        raise nothing_feasible(hunt, rejections)
    considered = count_combinations(hunt.designs)
    alive = sum(hunt.count_alive(kinds) for kinds in winners)
    priced = sum(Candidate(*tiers).kinds in winners for tiers in {tiers for tiers, _ in pricer.wholes})
    ranked = sorted(winners.values(), key=lambda found: _place(pricer, found))
    return SearchResult(
        best=_with_options(pricer, ranked[0]),
        rivals=tuple(ranked[1:]),
        front=tuple(hunt.front.in_order()),
        rejections=tuple(
            sorted(rejections, key=lambda rejection: (-rejection.candidates, rejection.subject))
        ),
        considered=considered,
        rejected=considered - alive,
        pruned=alive - priced,
        priced=priced,
        never_simulated=never_simulated,
    )


def hunt_down(
    scenario: Scenario,
    demand: Demand,
    book: PriceBook,
    progress: Progress = silent,
    own_rates: OwnRates = NO_OWN_RATES,
    kind_of: KindOf = own_kind,
    *,
    wants_front: bool = True,
) -> tuple[Hunt, tuple[TierDesign, ...]]:
    """Look for the cheapest of every combination of kinds, and say what needed no simulation; budgets fell nothing yet.

    Raises PriceNotFound when no design of a tier can be priced in the region, UnitMismatch when an own
    price counts in another unit than the list's, UnknownGrid when carbon has a price and a region no figures.
    """
    pricer = Pricer(
        scenario,
        demand,
        Tariff(book, free_tier=scenario.account.free_tier, own_rates=own_rates),
        Stage(scenario, demand),
        Planner(scenario, demand.calendar, Offers(book), own_rates),
    )
    hunt = Hunt(pricer, list_designs(scenario, demand), kind_of, wants_front=wants_front)
    never_simulated = _run(hunt, demand, progress)
    for role, error in hunt.unpriced.items():
        if not hunt.sound[role]:
            raise _fetch(error)
    return hunt, never_simulated


def _fetch(error: PriceNotFound) -> PriceNotFound:
    """The same with what may bring the price."""
    return PriceNotFound(
        lambda: f"{error} With an AWS account, fetch what AWS lists today: costmodel prices refresh"
    )


def list_designs(scenario: Scenario, demand: Demand) -> dict[Role, list[TierDesign]]:
    """Every design that the scenario allows, by role."""
    designs: dict[Role, list[TierDesign]] = {role: [] for role in TIER_ROLES}
    for service in TIER_SERVICES:
        for design in service.designs(scenario, demand):
            designs[design.role].append(design)
    return designs


def simulate_all(
    scenario: Scenario, demand: Demand, progress: Progress = silent
) -> dict[Role, list[SimulatedDesign]]:
    """Simulate every design that the scenario allows, once, whatever it is bound to come to."""
    designs = list_designs(scenario, demand)
    with ThreadPoolExecutor(THREADS) as pool:
        return {
            role: _simulate(simulate_alike, [[design] for design in listed], demand, pool, progress)
            for role, listed in designs.items()
        }


def _run(hunt: Hunt, demand: Demand, progress: Progress) -> tuple[TierDesign, ...]:
    """Simulate what has no bound, then what waits for as long as it may matter; what it never comes to is returned."""
    served_ratio = 1 - hunt.scenario.objectives.error_ratio
    certain: dict[Role, list[TierDesign]] = {}
    for role, listed in hunt.designs.items():
        certain[role] = [design for design in listed if not is_bounded(design)]
        for design in listed:
            if is_bounded(design):
                hunt.wait(stand_in(design, design.least(demand, served_ratio)))
    spared = {id(tier.design): tier.design for waiting in hunt.waiting.values() for tier in waiting}
    runs_as = {known: design.runs_as() for known, design in spared.items() if is_bounded(design)}
    near: set[int] = set()
    with ThreadPoolExecutor(THREADS) as pool:
        for role in (*OUTSIDE_ROLES, *INSIDE_ROLES):
            single = [[design] for design in certain[role]]
            hunt.take(role, _simulate(simulate_alike, single, demand, pool, progress))
        most = FIRST_RUNS
        hunt.let_go()
        while due := hunt.due():
            role = due[0].design.role
            runs = _alike(due, runs_as, most)
            far = [run for run in runs if id(run[0]) not in near]
            if far:
                near |= {id(design) for run in far for design in run}
                hunt.near(role, _simulate(_run_unqueued, far, demand, pool, progress))
            else:
                for design in (design for run in runs for design in run):
                    del spared[id(design)]
                hunt.waiting[role] = [tier for tier in hunt.waiting[role] if id(tier.design) in spared]
                hunt.take(role, _simulate(simulate_alike, runs, demand, pool, progress))
                most *= 2
            hunt.let_go()
    return tuple(design for known, design in spared.items() if known not in hunt.rejected)


def _alike(
    due: Sequence[SimulatedDesign], runs_as: Mapping[int, Hashable], most: int
) -> list[list[TierDesign]]:
    """The first runs of each kind, each with every design that runs alike. `runs_as` goes by `id` of a design."""
    runs: defaultdict[str, dict[Hashable, list[TierDesign]]] = defaultdict(dict)
    for tier in due:
        of_kind, run_as = runs[tier.design.kind], runs_as[id(tier.design)]
        if run_as in of_kind or len(of_kind) < most:
            of_kind.setdefault(run_as, []).append(tier.design)
    return [run for of_kind in runs.values() for run in of_kind.values()]


def _simulate(
    simulated: Callable[[Sequence[TierDesign], Demand], list[SimulatedDesign]],
    runs: Sequence[Sequence[TierDesign]],
    demand: Demand,
    pool: Executor,
    progress: Progress,
) -> list[SimulatedDesign]:
    found = []
    for done, tiers in enumerate(pool.map(lambda run: simulated(run, demand), runs)):
        progress("simulating designs", done + 1, len(runs))
        found += tiers
    return found


def recoverable(hunt: Hunt) -> tuple[dict[Kinds, Winner], list[Rejection]]:
    """The winner of each combination of kinds that some strategy can recover; or why none can."""
    stage, bill_usd = hunt.pricer.stage, hunt.pricer.bill_usd
    able: dict[Kinds, Winner] = {}
    fallen: list[Rejection] = []
    for kinds in hunt.all_kinds():
        winner = hunt.winners.get(kinds) or hunt.cheapest_plain(kinds)
        if winner is None:
            continue
        if winner.strategy in stage.strategies():
            able[kinds] = winner
        else:
            best = winner.candidate
            miss = stage.nearest_miss(best, bill_usd)
            fallen.append(Rejection(best.kind_words, best.kinds, miss, hunt.count_alive(kinds)))
    return able, fallen


def _bill_winners(
    hunt: Hunt, book: PriceBook, own_rates: OwnRates
) -> tuple[dict[Kinds, Evaluation], list[Rejection]]:
    """The winner of each combination of kinds, billed exactly; or why all of them fall."""
    pricer = hunt.pricer
    scenario, demand = pricer.scenario, pricer.demand
    biller = Biller(book, free_tier=scenario.account.free_tier, own_rates=own_rates)
    able, fallen = recoverable(hunt)
    winners: dict[Kinds, Evaluation] = {}
    for kinds, winner in able.items():
        recovery = pricer.stage.recovery(winner.candidate, winner.strategy, pricer.bill_usd)
        home = recovery.standing.candidate
        found = _billed(scenario, demand, biller, home, recovery, pricer.planner)
        budget_usd = scenario.constraints.monthly_budget_usd
        if budget_usd is None or found.effective_monthly_usd <= Decimal(repr(budget_usd)):
            winners[kinds] = found
        else:
            fallen.append(_over_budget(found, budget_usd, hunt.count_alive(kinds)))
    return winners, fallen


def _place(pricer: Pricer, found: Evaluation) -> tuple[Decimal | float, ...]:
    """Where an evaluation stands among others: by cents, then by coordinates, as on the front."""
    usd = pricer.weighed_usd(found.effective_monthly_usd, found.energy)
    return (round(usd, CENTS), *coordinates(found.placed))


def _with_options(pricer: Pricer, best: Evaluation) -> Evaluation:
    """The best with every recovery strategy beside its own, where the choice needed none of them."""
    if pricer.scenario.network.second_region is None or best.recovery is None or best.recovery.options:
        return best
    options = tuple(pricer.stage.options(best.candidate, pricer.bill_usd))
    return replace(best, recovery=replace(best.recovery, options=options))


def evaluate(
    scenario: Scenario,
    demand: Demand,
    book: PriceBook,
    candidate: Candidate,
    own_rates: OwnRates = NO_OWN_RATES,
    recovery: Recovery | None = None,
    planner: Planner | None = None,
) -> Evaluation:
    """Bill a whole candidate: tiers and allowances are shared between its services and regions.

    With a planner it also gets the best portfolio of the plans that the scenario allows.
    """
    biller = Biller(book, free_tier=scenario.account.free_tier, own_rates=own_rates)
    return _billed(scenario, demand, biller, candidate, recovery, planner)


def _billed(
    scenario: Scenario,
    demand: Demand,
    biller: Biller,
    candidate: Candidate,
    recovery: Recovery | None,
    planner: Planner | None,
) -> Evaluation:
    footprint = candidate.footprint
    platform = platform_designs(scenario, footprint)
    usages = _usages(demand, candidate, platform, footprint, recovery)
    whole = biller.bill(usages)
    monthly_usd = whole.billed_cost / len(demand.calendar.periods)
    portfolio = planner.portfolio(usages) if planner else NOTHING
    energies = {tier.design.role.value: tier.energy for tier in candidate.tiers}
    energies |= {design.role.value: design.energy(demand, footprint) for design in platform}
    if recovery and recovery.strategy is not Strategy.NONE:
        energies["second region"] = recovery.standing.energy
    return Evaluation(
        candidate, platform, promise(candidate), whole, monthly_usd, energies, recovery, portfolio
    )


def whole_usages(demand: Demand, found: Evaluation) -> tuple[Usage, ...]:
    """Everything that is on the bill of an evaluated candidate."""
    candidate = found.candidate
    return _usages(demand, candidate, found.platform, candidate.footprint, found.recovery)


def _usages(
    demand: Demand,
    candidate: Candidate,
    platform: Iterable[PlatformDesign],
    footprint: Footprint,
    recovery: Recovery | None,
) -> tuple[Usage, ...]:
    beside = tuple(usage for design in platform for usage in design.usage(demand, footprint))
    return candidate.usages + beside + (recovery.standing.usages if recovery else ())


def _over_budget(best: Evaluation, budget_usd: float, members: int) -> Rejection:
    cost_usd = float(best.effective_monthly_usd)
    limit = Limit("monthly budget", cost_usd, budget_usd, "USD", "constraints.monthly_budget_usd")
    return Rejection(best.candidate.kind_words, best.candidate.kinds, limit, members)


def nothing_feasible(hunt: Hunt, rejections: Sequence[Rejection]) -> Infeasible:
    """The error that says which objective cannot be met and what to relax, which is looked for when it is read."""
    demand = hunt.pricer.demand

    def simulated(scenario: Scenario, role: Role) -> list[SimulatedDesign]:
        runs = [[design] for design in list_designs(scenario, demand)[role]]
        with ThreadPoolExecutor(THREADS) as pool:
            return _simulate(simulate_alike, runs, demand, pool, silent)

    def explain() -> str:
        return _explain(hunt.scenario, hunt.designs, rejections, lambda: ways_out(hunt.pricer, simulated))

    return Infeasible(explain)


_ALLOWING = {
    Role.COMPUTE: ("compute", "instance_families"),
    Role.LOAD_BALANCER: ("load_balancer",),
    Role.DATABASE: ("database", "database_families"),
    Role.DELIVERY: ("delivery",),
    Role.RENDERING: ("rendering", "instance_families"),
}
"""Keys of `constraints` that say which designs of a role are looked at."""


def _explain(
    scenario: Scenario,
    designs: Mapping[Role, Sequence[TierDesign]],
    rejections: Sequence[Rejection],
    ways: Callable[[], Sequence[Needs]],
) -> str:
    """Which objective cannot be met, by how much the nearest misses, and what to relax."""
    empty = [role for role, listed in designs.items() if not listed]
    if empty:
        words = " and no ".join(role.value.replace("_", " ") for role in empty)
        keys = dict.fromkeys(f"constraints.{key}" for role in empty for key in _ALLOWING[role])
        return (
            f"no {words} design fits the constraints of {scenario.name!r}. Allow more in {' or '.join(keys)}."
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
    found = [f"  - {way_in_words(needs)}" for needs in ways()]
    this = "one of these" if len(found) > 1 else "this"
    more = "allow more under `constraints`"
    lines += [f"Relax {this} in the scenario, or {more}:", *found] if found else [f"No key helps; {more}."]
    return "\n".join(lines)
