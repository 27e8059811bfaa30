"""Break-even: at which load the cheaper of two kinds changes, and how far from there the shop is.

The load of every minute is multiplied, its shape, events and swings kept (`synthesise`), and at each
load the whole search is made again: the cheapest stack with each kind that meets the objectives then. A
kind that meets them with no design counts as infeasible there. What is stored stays as it is, and the
budget is not looked at.

Loads are first tried on a geometric grid, since costs may cross several times; between two neighbours
where another kind is cheaper the border is closed in on, to two percent. Crossings that come and go
between two neighbours of the grid are not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.decision.hunt import Winner
from costmodel.decision.reasons import why_none
from costmodel.decision.search import Progress, hunt_down, nothing_feasible, recoverable, silent
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services._base import Role, TierDesign
from costmodel.units import BYTES_PER_GB, SECONDS_PER_MINUTE, figure

LOADS = tuple(2.0**step for step in range(-6, 7))
"""Loads tried first, in multiples of the scenario's own: 1/64 to 64."""
SPAN = f"1/{1 / LOADS[0]:g} to {LOADS[-1]:g} times yours"
PRECISION = 1.02
"""Largest ratio between the two loads that a border is known to lie between."""
NUDGE = 1.009
"""How far beyond the load where costs should meet the next one is tried: the border is then caught from both sides."""
RESERVED = ("reserved_1yr_no_upfront", "reserved_3yr_no_upfront")
RELATIONAL = ("rds", "aurora", "aurora_serverless")
COMPUTE_NAMES = {
    "ec2": "EC2",
    "lambda": "Lambda",
    "lambda_managed": "Lambda Managed Instances",
    "hybrid": "EC2 with Lambda for the overflow",
}
API_CALLS = "API calls a second on average"
DELIVERED = "GB delivered a month"


@dataclass(frozen=True, slots=True)
class Side:
    """One of two kinds that are compared: the stacks whose design of a role is of these kinds."""

    name: str
    role: Role
    kinds: tuple[str, ...]
    purchases: tuple[str, ...] = ()
    """Only designs bought like this; any when empty."""

    def has(self, design: TierDesign) -> bool:
        return (
            design.role is self.role
            and design.kind in self.kinds
            and (not self.purchases or design.settings().get("purchase") in self.purchases)
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two kinds that are compared, and what their load is told in."""

    first: Side
    second: Side
    measure: str
    """`API_CALLS` or `DELIVERED`."""

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.first, self.second


@dataclass(frozen=True, slots=True)
class Best:
    """The cheapest stack of one side at one load."""

    monthly_usd: float
    label: str
    """Its design of the side's role."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What the sides of one scenario cost at one load."""

    load: float
    """Times the scenario's own."""
    best: Mapping[Side, Best]
    """By side; without those that meet the objectives with no design."""
    why_none: Mapping[Side, str]
    """Of the sides that are missing, the nearest miss."""

    def cheaper(self, pair: Pair) -> Side | None:
        """The side that costs less, or alone is feasible; the first of equals, None where neither is."""
        feasible = [side for side in pair.sides if side in self.best]
        return min(feasible, key=lambda side: self.best[side].monthly_usd, default=None)

    def gap(self, pair: Pair) -> float | None:
        """Logarithm of how many times the first costs what the second does; None unless both cost something."""
        usd = [self.best[side].monthly_usd for side in pair.sides if side in self.best]
        return math.log(usd[0] / usd[1]) if len(usd) == 2 and min(usd) > 0 else None


@dataclass(frozen=True, slots=True)
class Border:
    """Two loads, close together, between which the cheaper side changes."""

    below_load: float
    above_load: float
    below: Side | None
    """The cheaper side below; None where neither is feasible."""
    above: Side | None

    @property
    def load(self) -> float:
        return math.sqrt(self.below_load * self.above_load)


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where two kinds change places as the load grows."""

    pair: Pair
    own_measure: float
    """The scenario's own load in the pair's measure."""
    costs: tuple[Costs, ...]
    """At every load that was tried, the smallest first."""
    borders: tuple[Border, ...]

    @property
    def cheaper(self) -> Side | None:
        """The cheaper side at the scenario's own load."""
        return next(costs.cheaper(self.pair) for costs in self.costs if costs.load == 1)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer in words: how long the cheaper side stays it, and where a side is infeasible."""
        return (*_crossing_words(self), *_feasibility_words(self))


def pairs_of(scenario: Scenario) -> tuple[Pair, ...]:
    """The kinds to compare, as far as the constraints allow both of them."""
    return tuple(_pairs(scenario))


def _pairs(scenario: Scenario) -> Iterator[Pair]:
    allowed = scenario.constraints
    compute = [Side(COMPUTE_NAMES[kind], Role.COMPUTE, (kind,)) for kind in allowed.compute]
    for first, second in combinations(compute, 2):
        yield Pair(first, second, API_CALLS)
    relational = tuple(kind for kind in allowed.database if kind in RELATIONAL)
    tables = tuple(kind for kind in allowed.database if kind not in RELATIONAL)
    if relational and tables:
        names = dict.fromkeys("RDS" if kind == "rds" else "Aurora" for kind in relational)
        yield Pair(
            Side(" or ".join(names), Role.DATABASE, relational),
            Side("DynamoDB", Role.DATABASE, tables),
            API_CALLS,
        )
    if len(allowed.delivery) > 1:
        yield Pair(
            Side("CloudFront paid as you go", Role.DELIVERY, ("pay_as_you_go",)),
            Side("CloudFront's flat-rate plan", Role.DELIVERY, ("flat_rate",)),
            DELIVERED,
        )
    reserved = tuple(term for term in allowed.commitments if term in RESERVED)
    if reserved and "on_demand" in allowed.commitments:
        for name, role, kind in (("EC2", Role.COMPUTE, "ec2"), ("RDS", Role.DATABASE, "rds")):
            if kind in (*allowed.compute, *allowed.database):
                yield Pair(
                    Side(f"{name} on demand", role, (kind,), ("on_demand",)),
                    Side(f"{name} reserved", role, (kind,), reserved),
                    API_CALLS,
                )


def break_even(
    scenario: Scenario,
    book: PriceBook,
    progress: Progress = silent,
    own_rates: OwnRates = NO_OWN_RATES,
) -> tuple[BreakEven, ...]:
    """Find the loads at which the cheaper of two kinds changes, for each pair that the constraints allow.

    Plans that the scenario allows are left out: what they save at another load is another question.

    Raises Infeasible when nothing meets the objectives at the scenario's own load, PriceNotFound,
    UnitMismatch and ScenarioError as the search does.
    """
    scenario = without_plans(scenario)
    pairs = pairs_of(scenario)
    bench = Bench(
        scenario, book, own_rates, tuple(dict.fromkeys(side for pair in pairs for side in pair.sides))
    )
    bench.at(1.0)
    if not pairs:
        return ()
    for done, load in enumerate(LOADS):
        progress("searching at other loads", done, len(LOADS))
        bench.at(load)
    progress("searching at other loads", len(LOADS), len(LOADS))
    borders = []
    for done, pair in enumerate(pairs):
        progress("closing in", done, len(pairs))
        borders.append(tuple(find_borders(pair, bench)))
    progress("closing in", len(pairs), len(pairs))
    tried = tuple(bench.costs[load] for load in sorted(bench.costs))
    return tuple(
        BreakEven(pair, bench.own[pair.measure], tried, found)
        for pair, found in zip(pairs, borders, strict=True)
    )


def without_plans(scenario: Scenario) -> Scenario:
    """The scenario with nothing committed to but instances."""
    constraints = scenario.constraints.model_copy(update={"commitments": scenario.constraints.purchases})
    return scenario.model_copy(update={"constraints": constraints})


@dataclass(slots=True)
class Bench:
    """Searches one scenario at any load, each once."""

    scenario: Scenario
    book: PriceBook
    own_rates: OwnRates
    sides: tuple[Side, ...]
    costs: dict[float, Costs] = field(default_factory=dict)
    """By load, as far as they have been asked for."""
    own: dict[str, float] = field(default_factory=dict)
    """The scenario's own load by measure, once it has been searched."""

    def at(self, load: float) -> Costs:
        """What each side costs at a load."""
        if load not in self.costs:
            self.costs[load] = self._search(load)
        return self.costs[load]

    def _search(self, load: float) -> Costs:
        demand = synthesise(self.scenario, load_factor=load)
        hunt, _ = hunt_down(
            self.scenario,
            demand,
            self.book,
            own_rates=self.own_rates,
            kind_of=self._kind_of,
            wants_front=False,
        )
        rejections = [*hunt.rejections, *hunt.joint_rejections()]
        if load == 1:
            if not hunt.feasible:
                raise nothing_feasible(hunt, rejections)
            months = len(demand.calendar.periods)
            self.own[API_CALLS] = float(demand.api_requests.mean()) / SECONDS_PER_MINUTE
            self.own[DELIVERED] = float(demand.asset_bytes.sum()) / BYTES_PER_GB / months
        winners, fallen = recoverable(hunt)
        rejections += fallen
        best = _cheapest(winners.values(), self.sides)
        missing = {side: why_none(side.kinds, rejections) for side in self.sides if side not in best}
        return Costs(load, best, missing)

    def _kind_of(self, design: TierDesign) -> str:
        """Kinds as fine as the sides tell them apart."""
        bought = next((side.name for side in self.sides if side.purchases and side.has(design)), "")
        return f"{design.kind} {bought}"


def _cheapest(winners: Iterable[Winner], sides: Sequence[Side]) -> dict[Side, Best]:
    """The cheapest stack of each side."""
    best: dict[Side, Best] = {}
    for winner in winners:
        for design in (tier.design for tier in winner.candidate.tiers):
            for side in sides:
                if side.has(design) and (side not in best or winner.usd < best[side].monthly_usd):
                    best[side] = Best(winner.usd, design.label)
    return best


def find_borders(pair: Pair, bench: Bench) -> Iterator[Border]:
    """Every border between two neighbours of the grid where the cheaper side differs."""
    for low, high in pairwise(LOADS):
        while bench.at(low).cheaper(pair) != bench.at(high).cheaper(pair):
            border = _close_in(pair, bench, low, high)
            yield border
            low = border.above_load


def _close_in(pair: Pair, bench: Bench, low: float, high: float) -> Border:
    """The first change of side seen between two loads.

    Costs change nearly in proportion to the load, so that the load where they meet can be told from both
    ends; where a step of that kind closes too little, as at a jump, the bracket is halved.
    """
    below = bench.at(low).cheaper(pair)
    halve = False
    while high > low * PRECISION:
        width = high / low
        tried = math.sqrt(low * high) if halve else _meeting(pair, bench.at(low), bench.at(high))
        if bench.at(tried).cheaper(pair) == below:
            low = tried
        else:
            high = tried
        halve = high / low > math.sqrt(width)
    return Border(low, high, below, bench.at(high).cheaper(pair))


def _meeting(pair: Pair, low: Costs, high: Costs) -> float:
    """Where costs should meet, a little beyond it as seen from the nearer end; the middle where they tell nothing."""
    gaps = low.gap(pair), high.gap(pair)
    if gaps[0] is None or gaps[1] is None or gaps[0] == gaps[1]:
        return math.sqrt(low.load * high.load)
    share = gaps[0] / (gaps[0] - gaps[1])
    guess = math.exp(math.log(low.load) + share * math.log(high.load / low.load))
    return guess * NUDGE if share < 1 / 2 else guess / NUDGE


def _crossing_words(found: BreakEven) -> Iterator[str]:
    """Up to where and down to where the cheaper side is it, beside the scenario's own load."""
    if not found.borders:
        yield _always(found)
        return
    own = next(costs for costs in found.costs if costs.load == 1)
    above = next((border for border in found.borders if border.load > 1), None)
    below = next((border for border in reversed(found.borders) if border.load < 1), None)
    here = f"you are at {tell(found.own_measure)}"
    if above:
        yield (
            f"{_stays(found.pair, own)} up to {_at(found, above)}{_ends(found, above)}; {here} "
            f"({tell(above.load)} x to go)."
        )
    if below:
        yield (
            f"Below {_at(found, below)} {_is_cheaper(found, below)}; {here} "
            f"({tell(1 / below.load)} times that)."
        )
    if len(found.borders) > (above is not None) + (below is not None):
        places = ", ".join(tell(border.load * found.own_measure) for border in found.borders)
        yield (
            f"They change places {len(found.borders)} times from {SPAN}: at {places} {found.pair.measure}."
        )


def _always(found: BreakEven) -> str:
    """One side, or none, at every load."""
    cheaper, other = found.cheaper, _other(found.pair, found.cheaper)
    if cheaper is None:
        return (
            f"Neither {found.pair.first.name} nor {other.name} meets the objectives at any load from {SPAN}."
        )
    if not any(other in costs.best for costs in found.costs):
        return f"{cheaper.name} is the only choice at every load from {SPAN}: {other.name} never meets the objectives."
    return f"{cheaper.name} is cheaper than {other.name} at every load from {SPAN}."


def _stays(pair: Pair, own: Costs) -> str:
    cheaper, other = own.cheaper(pair), _other(pair, own.cheaper(pair))
    if cheaper is None:
        return f"Neither {pair.first.name} nor {pair.second.name} meets the objectives"
    if other not in own.best:
        return f"{cheaper.name} stays the choice, as {other.name} does not meet the objectives,"
    return f"{cheaper.name} stays cheaper than {other.name}"


def _ends(found: BreakEven, border: Border) -> str:
    """What happens above a border, where it is more than that the other side is cheaper."""
    costs = next(costs for costs in found.costs if costs.load == border.above_load)
    if border.above is None:
        return ", above which neither meets the objectives"
    if border.below is not None and border.below not in costs.best:
        return f", where it stops meeting the objectives ({costs.why_none[border.below]})"
    return ""


def _is_cheaper(found: BreakEven, border: Border) -> str:
    """Who is cheaper below a border."""
    costs = next(costs for costs in found.costs if costs.load == border.below_load)
    if border.below is None:
        return "neither meets the objectives"
    if _other(found.pair, border.below) not in costs.best:
        return f"{border.below.name} alone meets the objectives"
    return f"{border.below.name} is cheaper"


def _feasibility_words(found: BreakEven) -> Iterator[str]:
    """At which loads a side counts as infeasible, and the nearest miss at the first of them from the scenario's own."""
    grid = [costs for costs in found.costs if costs.load in LOADS]
    for side in found.pair.sides:
        missing = [costs for costs in grid if side not in costs.best]
        if not missing:
            continue
        nearest = min(missing, key=lambda costs: abs(math.log(costs.load)))
        if len(missing) == len(grid):
            where = "at none of the loads tried"
        elif missing == grid[-len(missing) :]:
            where = f"no longer at {_times(missing[0].load)} your load"
        elif missing == grid[: len(missing)]:
            where = f"not yet at {_times(missing[-1].load)} your load"
        else:
            where = f"not at {', '.join(_times(costs.load) for costs in missing)} your load"
        yield f"{side.name} meets the objectives {where}: {nearest.why_none[side]}."


def _other(pair: Pair, side: Side | None) -> Side:
    return pair.first if side == pair.second else pair.second


def _at(found: BreakEven, border: Border) -> str:
    return f"{tell(border.load * found.own_measure)} {found.pair.measure}"


def _times(load: float) -> str:
    return f"{multiple(load)} of" if load < 1 else f"{multiple(load)} times"


def multiple(load: float) -> str:
    """A load of the grid: `1/64` or `4`."""
    return f"1/{1 / load:g}" if load < 1 else f"{load:g}"


def tell(value: float) -> str:
    """Three digits: a border is known to two percent."""
    return figure(float(f"{value:.3g}"))
