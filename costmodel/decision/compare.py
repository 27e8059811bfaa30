"""Two runs, and why the second costs more or less than the first.

The way from A to B is walked in steps that change one thing each. Every step is the difference of two
bills, so the steps add up to the whole difference, exactly and for every service:

    A as saved
    price          A's use at B's price book, own rates, supposed price changes and free allowances
    model          A's designs and inputs, simulated anew by this version
    traffic        A's designs under B's months, shoppers, content, calls, jobs and data
    configuration  B's designs in B's region, network and account, simulated anew by this version
    model          B as saved

    plans          what B's plans save instead of A's

The bills up to there are those before plans. Plans are a step of their own: both are what the runs chose for their own use,
so the step holds all that the plans save differently, whatever it comes from. It is there where a run buys plans or the
scenarios allow others.

The two model steps are shown as one. They are 0 when this version saved both runs: the same input gives the
same bytes. Another order would split the same difference in other shares, for what two changes do together
falls to the later one; so the order is part of the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from enum import StrEnum
from typing import Any, NamedTuple

from costmodel.billing.charge import EXACT, Bill, Charge
from costmodel.billing.rates import OwnRates
from costmodel.decision.candidate import Candidate
from costmodel.decision.constraints import joint_limits, single_tier_limits, worst
from costmodel.decision.rebill import rebill
from costmodel.decision.recovery import Recovery, Stage
from costmodel.decision.run import ChargeNote, DesignNote, Run
from costmodel.decision.search import Evaluation, Progress, evaluate, silent, simulate_design
from costmodel.decision.worlds import draw_world
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.errors import CostModelError, RunNotRepeatable
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price_id import query_text
from costmodel.scenario.load import validate
from costmodel.scenario.model import PLANS, Scenario
from costmodel.services._base import TIER_ROLES, Setting, Strategy, TierDesign
from costmodel.services.registry import TIER_SERVICES
from costmodel.units import figure

SHARE_STEP = Decimal("1e-30")
"""Finest step of a month's share of a cost. A single month is not rounded: its costs have fewer decimals."""
_SHARES = Context(prec=80, rounding=ROUND_HALF_EVEN)

TRAFFIC_KEYS = ("start", "months", "seed", "traffic", "content", "api", "rendering", "database")
"""Top-level keys of a scenario that make its demand: what people do, and what that takes."""
CONFIGURED_KEYS = {
    "content": ("asset_format", "cache_ttl_hours"),
    "api": ("lambda_runtime",),
    "database": ("engine", "backup_retention_days"),
}
"""Keys among those that a team sets, rather than its shoppers."""
WITHOUT_EFFECT = ("name", "story")

Costs = Mapping[str, Decimal]
"""Mean cost of a calendar month, by service."""
PricesOf = Callable[[Run], tuple[PriceBook, OwnRates]]
"""The price book and the own rates that a run was billed at. Raises CostModelError when they are not at hand."""


class Cause(StrEnum):
    """What a part of the difference comes from, in the order of the steps."""

    PRICE = "price"
    TRAFFIC = "traffic"
    CONFIGURATION = "configuration"
    PLANS = "plans"
    MODEL = "model"
    NOT_SPLIT = "not split"


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the difference."""

    cause: Cause
    by_service: Costs
    """Services whose cost it changes."""

    @property
    def usd(self) -> Decimal:
        return total_usd(self.by_service)


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key that has another value; None where it does not stand."""

    key: str
    cause: Cause
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class DesignChange:
    """A part of the stack that is another one, or set otherwise; an empty label where there is none."""

    role: str
    before: str
    after: str
    settings: tuple[tuple[str, Setting | None, Setting | None], ...]
    """Name, before and after of every setting that differs; None where it does not stand."""


@dataclass(frozen=True, slots=True)
class PriceShift:
    """What other prices do to the cost of one thing that A uses."""

    price: str
    """Service, place and usage type, as in the price book."""
    before_usd: Decimal
    """Mean price of a unit over A's use, its free part included."""
    after_usd: Decimal
    unit: str
    monthly_usd: Decimal
    """What it adds to a month."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Run B beside run A."""

    before: Run
    after: Run
    before_costs: Costs
    """With the plans that A buys: its effective cost."""
    after_costs: Costs
    before_billed: Costs
    """Before plans."""
    after_billed: Costs
    steps: tuple[Step, ...]
    """In the order of `Cause`. They add up to `more_usd`, for every service too."""
    not_split: str
    """Why a part could not be told apart; empty when all is."""
    overload: str
    """What A's designs break under B's traffic; empty when they hold."""
    keys: tuple[KeyChange, ...]
    designs: tuple[DesignChange, ...]
    prices: tuple[PriceShift, ...]
    """Largest effect first."""

    @property
    def more_usd(self) -> Decimal:
        """What B costs a month more than A, each with its plans."""
        with localcontext(EXACT):
            return total_usd(self.after_costs) - total_usd(self.before_costs)

    @property
    def more_ratio(self) -> Decimal | None:
        """The same as a share of A; None when A costs nothing."""
        whole_usd = total_usd(self.before_costs)
        return self.more_usd / whole_usd if whole_usd else None


def total_usd(costs: Costs) -> Decimal:
    """The sum over all services, exactly."""
    with localcontext(EXACT):
        return sum(costs.values(), Decimal(0))


def compare(before: Run, after: Run, prices_of: PricesOf, progress: Progress = silent) -> Contrast:
    """Split what `after` costs more than `before` by its causes.

    What cannot be told apart (a price book that is gone, a design that this version does not offer) stays
    together under `Cause.NOT_SPLIT`, with the reason. Raises ScenarioError for a run whose scenario is damaged.
    """
    home, goal = (
        validate(run.scenario, f"the scenario of run {name}") for run, name in ((before, "A"), (after, "B"))
    )
    first, last = monthly_costs(before.charges, before), monthly_costs(after.charges, after)
    paid_first, paid_last = effective_monthly_costs(before), effective_monthly_costs(after)
    keys = tuple(_key_changes(home.model_dump(mode="json"), goal.model_dump(mode="json")))
    parts: dict[Cause, Costs] = {}
    here, rest, reason, overload = first, Cause.MODEL, "", ""
    prices: tuple[PriceShift, ...] = ()
    try:
        for done, station in enumerate(_stations(before, after, home, goal, prices_of)):
            progress("comparing", done + 1, STATIONS)
            parts[station.cause] = _difference(here, station.costs)
            here, overload = station.costs, overload or station.overload
            if station.cause is Cause.PRICE:
                prices = tuple(_price_shifts(before, station.bill))
    except CostModelError as error:
        rest, reason = Cause.NOT_SPLIT, str(error)
    parts[rest] = _sum(parts.get(rest, {}), _difference(here, last))
    if before.plan or after.plan or any(change.cause is Cause.PLANS for change in keys):
        parts[Cause.PLANS] = _difference(_difference(first, paid_first), _difference(last, paid_last))
    return Contrast(
        before=before,
        after=after,
        before_costs=paid_first,
        after_costs=paid_last,
        before_billed=first,
        after_billed=last,
        steps=tuple(Step(cause, parts[cause]) for cause in Cause if cause in parts),
        not_split=reason,
        overload=overload,
        keys=keys,
        designs=tuple(_design_changes(before.designs, after.designs)),
        prices=prices,
    )


STATIONS = 4
AGAIN = "Simulate it again with: costmodel simulate SCENARIO --save RUN.json"


class _Station(NamedTuple):
    """A place on the way from A to B: what the bill is there, and the cause that led to it."""

    cause: Cause
    bill: Bill
    costs: Costs
    overload: str = ""


def _stations(
    before: Run, after: Run, home: Scenario, goal: Scenario, prices_of: PricesOf
) -> Iterator[_Station]:
    """The bills between the two that were saved. Raises CostModelError where the way ends."""
    book, own_rates = prices_of(after)
    own_rates = own_rates.under(goal)
    free_tier = goal.account.free_tier
    billed = rebill(before, book, own_rates, free_tier=free_tier)
    yield _Station(Cause.PRICE, billed, monthly_costs(billed.charges, before))

    home = home.model_copy(update={"account": home.account.model_copy(update={"free_tier": free_tier})})
    demand = synthesise(home)
    stack = _rebuilt(before, home, demand)
    yield _station(Cause.MODEL, _run(stack, home, demand, book, own_rates), before)

    visited = with_traffic_of(home, goal)
    demand = synthesise(visited)
    stack = _Stack(stack.strategy, tuple(design.under(visited) for design in stack.designs))
    yield _station(Cause.TRAFFIC, _run(stack, visited, demand, book, own_rates), after, visited)

    demand = synthesise(goal)
    yield _station(
        Cause.CONFIGURATION, _run(_rebuilt(after, goal, demand), goal, demand, book, own_rates), after
    )


def _station(cause: Cause, found: Evaluation, run: Run, visited: Scenario | None = None) -> _Station:
    overload = _broken(found, visited) if visited else ""
    return _Station(cause, found.bill, monthly_costs(found.bill.charges, run), overload)


def with_traffic_of(home: Scenario, goal: Scenario) -> Scenario:
    """`home` with everything of `goal` that makes demand, and its own region, network, objectives and constraints.

    The two halves need not agree as a scenario's must, so nothing is checked: fixed designs are run on it.
    """
    parts = {key: getattr(goal, key) for key in TRAFFIC_KEYS}
    for part, keys in CONFIGURED_KEYS.items():
        kept = {key: getattr(getattr(home, part), key) for key in keys}
        parts[part] = parts[part].model_copy(update=kept)
    return home.model_copy(update=parts)


class _Stack(NamedTuple):
    """The decided part of a candidate."""

    strategy: Strategy
    designs: tuple[TierDesign, ...]
    """One for each tier role, as the search found them."""


def _rebuilt(run: Run, scenario: Scenario, demand: Demand) -> _Stack:
    """The designs of a run, found again among those its scenario offers. Raises RunNotRepeatable."""
    strategy_name = run.recovery.strategy if run.recovery else Strategy.NONE
    if strategy_name not in list(Strategy):
        raise RunNotRepeatable(f"this version knows no recovery strategy {strategy_name[:40]!r}. {AGAIN}")
    strategy = Strategy(strategy_name)
    stage = Stage(scenario, demand)
    notes = {note.role: note for note in run.designs}
    found: dict[str, TierDesign] = {}
    for design in _offered(run, scenario, demand):
        here, note = stage.at_home(design, strategy), notes.get(design.role)
        if here is not None and note is not None and _is_noted(here, note):
            found.setdefault(design.role, design)
        if len(found) == len(TIER_ROLES):
            return _Stack(strategy, tuple(found[role] for role in TIER_ROLES))
    missing = next(role for role in TIER_ROLES if role not in found)
    like = f" like {notes[missing].label!r}" if missing in notes else " that the run does not name"
    raise RunNotRepeatable(
        f"this version offers no {missing.replace('_', ' ')}{like} to {run.scenario_name!r}, whose run version "
        f"{run.version} saved. {AGAIN}"
    )


def _offered(run: Run, scenario: Scenario, demand: Demand) -> Iterator[TierDesign]:
    """Designs worth considering for a scenario; then those for its draws, where a run may have had to look further."""
    for service in TIER_SERVICES:
        yield from service.designs(scenario, demand)
    if scenario.objectives.least_hold_ratio:
        for number in range(run.cost_range.draws):
            world = draw_world(scenario, number)
            there = synthesise(world.scenario, seed=world.seed)
            for service in TIER_SERVICES:
                yield from (design.under(scenario) for design in service.designs(world.scenario, there))


def _is_noted(design: TierDesign, note: DesignNote) -> bool:
    return (design.role, design.kind, design.label, dict(design.settings())) == (
        note.role,
        note.kind,
        note.label,
        note.settings,
    )


def _run(
    stack: _Stack, scenario: Scenario, demand: Demand, book: PriceBook, own_rates: OwnRates
) -> Evaluation:
    """Simulate fixed designs on a demand and bill them whole."""
    tiers = [simulate_design(design, demand) for design in stack.designs]
    standing = Stage(scenario, demand).stand(Candidate(*tiers), stack.strategy)
    recovery = Recovery(stack.strategy, stack.designs, standing, ())
    return evaluate(scenario, demand, book, standing.candidate, own_rates, recovery)


def _broken(found: Evaluation, scenario: Scenario) -> str:
    """The objective or limit that is missed by most, in words; empty when all hold."""
    candidate = found.candidate
    limits = [limit for tier in candidate.tiers for limit in single_tier_limits(tier, scenario.objectives)]
    broken = worst([*limits, *joint_limits(candidate, scenario.objectives)])
    if broken is None:
        return ""
    return f"{broken.constraint} is {figure(broken.observed)}, allowed {figure(broken.limit)} {broken.unit}"


def monthly_costs(charges: Iterable[Charge | ChargeNote], run: Run) -> Costs:
    """Billed cost by service in a mean month of a run, in the order of the charges."""
    return _by_service(((charge.service_name, charge.billed_cost) for charge in charges), run)


def effective_monthly_costs(run: Run) -> Costs:
    """The same of a run's own charges with its plans."""
    return _by_service(((charge.service_name, charge.effective_cost) for charge in run.charges), run)


def _by_service(costs: Iterable[tuple[str, Decimal]], run: Run) -> Costs:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for name, cost in costs:
            sums[name] += cost
    months = len(run.months)
    return {name: _share(whole, months) for name, whole in sums.items()}


def _share(whole: Decimal, months: int) -> Decimal:
    with localcontext(_SHARES):
        return (whole / months).quantize(SHARE_STEP).normalize()


def _difference(before: Costs, after: Costs) -> Costs:
    zero = Decimal(0)
    with localcontext(EXACT):
        moved = {
            name: after.get(name, zero) - before.get(name, zero) for name in dict.fromkeys((*before, *after))
        }
    return {name: usd for name, usd in moved.items() if usd}


def _sum(one: Costs, other: Costs) -> Costs:
    return _difference({name: -usd for name, usd in one.items()}, other)


def _key_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[KeyChange]:
    old, new = (dict(_leaves(tree, "")) for tree in (before, after))
    for key in dict.fromkeys((*old, *new)):
        if key not in WITHOUT_EFFECT and old.get(key) != new.get(key):
            yield KeyChange(key, _cause_of(key, before, after), old.get(key), new.get(key))


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value by its key. A range and a list of plain values are one value each; an empty list holds none."""
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(tree, dict) and tree.keys() != {"low", "mid", "high"}:
        parts = tree.items()
    elif isinstance(tree, list) and all(isinstance(item, dict) for item in tree):
        parts = enumerate(tree)
    else:
        yield path, tree
    for key, value in parts:
        yield from _leaves(value, f"{path}.{key}" if path else str(key))


def _cause_of(key: str, *scenarios: Mapping[str, Any]) -> Cause:
    """The step in which a key counts."""
    part, *rest = key.split(".")
    if key == "account.free_tier" or _is_price_change(rest, scenarios):
        return Cause.PRICE
    if key == "constraints.commitments" and _differ_in_plans(*scenarios):
        return Cause.PLANS
    if part in TRAFFIC_KEYS and not (rest and rest[0] in CONFIGURED_KEYS.get(part, ())):
        return Cause.TRAFFIC
    return Cause.CONFIGURATION


def _differ_in_plans(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether scenarios allow other plans and the same designs."""
    allowed, other = (set(scenario["constraints"]["commitments"]) for scenario in (before, after))
    return allowed ^ other <= set(PLANS)


def _is_price_change(rest: list[str], scenarios: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a key below `traffic` is about an event that changes prices."""
    if len(rest) < 2 or rest[0] != "events":
        return False
    events = [scenario["traffic"]["events"] for scenario in scenarios]
    place = int(rest[1])
    kinds = {given[place]["kind"] for given in events if place < len(given)}
    return kinds == {"price_list_change"}


def _design_changes(before: Iterable[DesignNote], after: Iterable[DesignNote]) -> Iterator[DesignChange]:
    old, new = ({note.role: note for note in notes} for notes in (before, after))
    for role in dict.fromkeys((*old, *new)):
        one, other = old.get(role), new.get(role)
        here, there = (note.settings if note else {} for note in (one, other))
        moved = tuple(
            (name, here.get(name), there.get(name))
            for name in dict.fromkeys((*here, *there))
            if here.get(name) != there.get(name)
        )
        first, last = (note.label if note else "" for note in (one, other))
        if moved or first != last:
            yield DesignChange(role, first, last, moved)


def _price_shifts(before: Run, billed: Bill) -> list[PriceShift]:
    """What moved in cost when the same use was billed at other prices."""
    old, new = _by_price(before.charges), _by_price(billed.charges)
    months = len(before.months)
    shifts = []
    with localcontext(_SHARES):
        for price, (cost, quantity, unit) in old.items():
            after = new[price][0]
            if after != cost:
                shifts.append(
                    PriceShift(price, cost / quantity, after / quantity, unit, (after - cost) / months)
                )
    return sorted(shifts, key=lambda shift: (-abs(shift.monthly_usd), shift.price))


def _by_price(charges: Iterable[Charge | ChargeNote]) -> dict[str, tuple[Decimal, Decimal, str]]:
    """Billed cost, quantity and unit of each price."""
    sums: dict[str, tuple[Decimal, Decimal, str]] = {}
    with localcontext(EXACT):
        for charge in charges:
            price = query_text(charge.sku_price_id)
            cost, quantity, _ = sums.get(price, (Decimal(0), Decimal(0), ""))
            sums[price] = (cost + charge.billed_cost, quantity + charge.pricing_quantity, charge.pricing_unit)
    return sums
