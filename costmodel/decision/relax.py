"""What to relax when nothing meets the objectives: the fewest keys, and how far, that let a candidate through.

Every design is simulated, and what it breaks becomes needs: the value that each key of the scenario would have to
take. Where a strategy divides the traffic between two regions, what a design breaks with its part counts, too. A limit
that no key moves fells the design for good. The needs of the designs of a candidate are put together;
of candidates that need the same keys one stands for all, and keys that hold all the keys of another are not offered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import product

from costmodel.capacity.availability import MINUTES_PER_MONTH
from costmodel.capacity.result import Limit
from costmodel.decision.candidate import INSIDE_ROLES, OUTSIDE_ROLES, Candidate, SimulatedDesign, insides
from costmodel.decision.constraints import joint_limits, single_tier_limits
from costmodel.decision.pricer import Pricer
from costmodel.decision.recovery import regional_limits
from costmodel.errors import PriceNotFound, ScenarioError
from costmodel.scenario.load import changed
from costmodel.scenario.model import Objectives, Scenario
from costmodel.services._base import Role, Strategy
from costmodel.units import SECONDS_PER_MINUTE

AVAILABILITY, BUDGET = "objectives.availability_ratio", "constraints.monthly_budget_usd"
COUNT_OUTAGES, ERROR_RATIO = "objectives.count_outages", "objectives.error_ratio"
DEADLINE = "rendering.deadline_minutes"
DEADLINES_TRIED = 3
"""Rendering is simulated again under so many later deadlines. Engineering guess."""
MOST_OFFERED = 4
"""As many ways out are named. Engineering guess: what one reads."""
DIGITS = 4
"""Significant digits of a value that is named, rounded to the side that lets through."""
WORST_EXCESS = 1e9

Needs = Mapping[str, float]
"""The value that each key of a scenario has to take; a switch that has to be off is False."""
Simulated = Callable[[Scenario, Role], list[SimulatedDesign]]
"""Every design of a role that a scenario allows, simulated."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Designs that go together, and what they need."""

    tiers: tuple[SimulatedDesign, ...]
    needs: Needs
    excess: float
    """How far they are off: the logarithms of observed over allowed, summed; under several loads by the worst."""
    usd: float
    """What they cost a month: each alone, which is the least, or the whole candidate as it is billed."""
    strategy: Strategy = Strategy.NONE

    def keys(self) -> frozenset[str]:
        return frozenset(self.needs)

    def keys_and_kinds(self) -> tuple[frozenset[str], tuple[str, ...]]:
        return self.keys(), tuple(tier.design.kind for tier in self.tiers)

    def __add__(self, other: _Part) -> _Part:
        strategy = self.strategy if other.strategy is Strategy.NONE else other.strategy
        return _Part(
            (*self.tiers, *other.tiers),
            _merged(self.needs, other.needs),
            self.excess + other.excess,
            self.usd + other.usd,
            strategy,
        )


def ways_out(pricer: Pricer, simulated: Simulated) -> list[Needs]:
    """What to relax, the fewest keys first and then the nearest misses; empty when no key helps."""
    scenario = pricer.scenario
    found = list(_offers(pricer, simulated, scenario.objectives, {}))
    if scenario.objectives.count_outages:
        uncounted = scenario.objectives.model_copy(update={"count_outages": False})
        found += _offers(pricer, simulated, uncounted, {COUNT_OUTAGES: False})
    found.sort(key=lambda part: (len(part.needs), part.excess))
    ways: list[Needs] = []
    for part in found:
        if not any(way.keys() <= part.needs.keys() for way in ways):
            ways.append(part.needs)
    return ways[:MOST_OFFERED]


def way_in_words(needs: Needs) -> str:
    """`objectives.api_p95_ms to 42 and objectives.api_p99_ms to 61, together`."""
    each = [
        f"{key} to {'false' if value is False else format(value, '.10g')}" for key, value in needs.items()
    ]
    return f"{', '.join(each[:-1])} and {each[-1]}, together" if each[1:] else each[0]


def _offers(pricer: Pricer, simulated: Simulated, objectives: Objectives, given: Needs) -> Iterator[_Part]:
    """Candidates that a valid change of the scenario lets through, with all that it changes."""
    scenario = pricer.scenario
    for whole in sorted(_candidates(pricer, simulated, objectives), key=lambda whole: len(whole.needs)):
        usd = whole.usd
        budget_usd = scenario.constraints.monthly_budget_usd
        over = {BUDGET: usd} if budget_usd is not None and usd > budget_usd else {}
        needs = {key: _rounded(key, value) for key, value in {**whole.needs, **over}.items()}
        needs.update(given)
        try:
            changed(scenario, needs)
        except ScenarioError:
            continue
        excess = whole.excess + (math.log(usd / budget_usd) if over and budget_usd else 0.0)
        yield _Part(whole.tiers, needs, excess, usd, whole.strategy)


def _candidates(pricer: Pricer, simulated: Simulated, objectives: Objectives) -> list[_Part]:
    """For each set of keys the candidate that needs them: the cheapest under a budget, else the nearest miss."""
    scenario = pricer.scenario
    has_budget = scenario.constraints.monthly_budget_usd is not None

    def order(part: _Part) -> tuple[float, float]:
        return (part.usd, part.excess) if has_budget else (part.excess, part.usd)

    def best(parts: Iterable[_Part], alike: Callable[[_Part], Hashable]) -> list[_Part]:
        chosen: dict[Hashable, _Part] = {}
        for part in parts:
            known = alike(part)
            if known not in chosen or order(part) < order(chosen[known]):
                chosen[known] = part
        return list(chosen.values())

    tiers = {role: simulated(scenario, role) for role in (*INSIDE_ROLES, *OUTSIDE_ROLES)}
    later = list(_later_deadlines(pricer, simulated, tiers[Role.RENDERING], objectives))

    def under(strategy: _Part) -> Iterator[_Part]:
        judge = _Judge(pricer, objectives, strategy.strategy)
        single = {role: list(judge.single(found)) for role, found in tiers.items()}
        relaxed = (part + given for given, found in later for part in filter(_on_time, judge.single(found)))
        single[Role.RENDERING] = [*filter(_on_time, single[Role.RENDERING]), *relaxed]
        outside = [best(single[role], _Part.keys_and_kinds) for role in OUTSIDE_ROLES]
        if all(outside):
            beside = tuple(parts[0].tiers[0] for parts in outside)
            inside = best(judge.inside(single, beside), _Part.keys_and_kinds)
            yield from (sum(parts, start=strategy) for parts in product(inside, *outside))

    wholes = (whole for strategy in _strategies(objectives) for whole in under(strategy))
    return best(_billed(pricer, wholes), _Part.keys)


def _billed(pricer: Pricer, wholes: Iterable[_Part]) -> Iterator[_Part]:
    """Those candidates that can stand and be billed, with what they cost a month."""
    for whole in wholes:
        usd = pricer.cost(Candidate(*whole.tiers), whole.strategy).paid_usd
        if usd < math.inf:
            yield replace(whole, usd=usd)


def _on_time(part: _Part) -> bool:
    return DEADLINE not in part.needs


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """What designs need under one strategy, with the whole traffic and with each part of it that is divided."""

    pricer: Pricer
    objectives: Objectives
    strategy: Strategy

    def single(self, tiers: Iterable[SimulatedDesign]) -> Iterator[_Part]:
        """Designs of one role that can stand, have a price and that keys let through."""
        for tier in tiers:
            try:
                self.pricer.check_prices(tier)
            except PriceNotFound:
                continue
            found = (known for (known,) in self._loads((tier,)))
            limits = (limit for known in found for limit in single_tier_limits(known, self.objectives))
            part = _part((tier,), limits, self.pricer.alone_usd(tier, self.strategy))
            if part is not None:
                yield part

    def inside(
        self, single: Mapping[Role, list[_Part]], beside: tuple[SimulatedDesign, ...]
    ) -> Iterator[_Part]:
        """What an API call passes, with what it needs together; `beside` is any design of each other role."""
        parts = {part.tiers[0]: part for role in INSIDE_ROLES for part in single[role]}
        for tiers in insides({role: [part.tiers[0] for part in single[role]] for role in INSIDE_ROLES}):
            compute, balancer, database = (parts[tier] for tier in tiers)
            candidates = (Candidate(*found) for found in self._loads((*tiers, *beside)))
            limits = (limit for found in candidates for limit in joint_limits(found, self.objectives))
            together = _part((), limits, 0.0)
            if together is not None:
                yield compute + balancer + database + together

    def _loads(self, tiers: tuple[SimulatedDesign, ...]) -> tuple[tuple[SimulatedDesign, ...], ...]:
        """The tiers as they are under every load that the search holds them against."""
        return (tiers, *self.pricer.stage.halves(tiers, self.strategy))


def _later_deadlines(
    pricer: Pricer, simulated: Simulated, tiers: Iterable[SimulatedDesign], objectives: Objectives
) -> Iterator[tuple[_Part, list[SimulatedDesign]]]:
    """Deadlines that 99 of 100 jobs of a late design would meet, and rendering under each: other groups are made for it.

    A deadline comes as a part without designs.
    """
    late = _Judge(pricer, objectives, Strategy.NONE).single(tiers)
    waits = {part.tiers[0].capacity.latency.p99_ms for part in late if not _on_time(part)}
    minutes = {_rounded(DEADLINE, wait / 1000 / SECONDS_PER_MINUTE) for wait in waits if wait > 0}
    for deadline in sorted(minutes)[:DEADLINES_TRIED]:
        needs = {DEADLINE: deadline}
        try:
            relaxed = changed(pricer.scenario, needs)
        except ScenarioError:
            continue
        yield _Part((), needs, 0.0, 0.0), simulated(relaxed, Role.RENDERING)


def _strategies(objectives: Objectives) -> Iterator[_Part]:
    """Recovery strategies as parts without designs; none is needed without regional objectives."""
    without_any = not any(regional_limits(Strategy.NONE, objectives))
    for strategy in (Strategy.NONE,) if without_any else tuple(Strategy):
        part = _part((), regional_limits(strategy, objectives), 0.0)
        if part is not None:
            yield _Part((), part.needs, part.excess, 0.0, strategy)


def _part(tiers: tuple[SimulatedDesign, ...], limits: Iterable[Limit], usd: float) -> _Part | None:
    """Designs with what they need, None where a broken limit has no key or no end."""
    needs: Needs = {}
    excess: dict[str, float] = {}
    for limit in limits:
        if limit.broken:
            if not limit.key or limit.observed == math.inf:
                return None
            needs = _merged(needs, _need(limit))
            off = math.log(min(limit.excess, WORST_EXCESS))
            excess[limit.constraint] = max(off, excess.get(limit.constraint, off))
    return None if usd == math.inf else _Part(tiers, needs, sum(excess.values()), usd)


def _need(limit: Limit) -> Needs:
    if limit.key == AVAILABILITY:
        return {AVAILABILITY: 1 - limit.observed / MINUTES_PER_MONTH}
    return {ERROR_RATIO if limit.key == COUNT_OUTAGES else limit.key: limit.observed}


def _merged(one: Needs, other: Needs) -> Needs:
    """The needs of both: of a key in both, the value that lets both through."""
    wider = {key: (min if key == AVAILABILITY else max)(one[key], other[key]) for key in one if key in other}
    return {**one, **other, **wider}


def _rounded(key: str, value: float) -> float:
    """A value with a few digits that lets at least as much through."""
    exact = Decimal(repr(value))
    if key == AVAILABILITY:
        return float(exact.quantize(Decimal("1e-6"), ROUND_FLOOR))
    step = Decimal(1).scaleb(exact.adjusted() - DIGITS + 1)
    return float(exact.quantize(step, ROUND_CEILING)) if exact else 0.0
