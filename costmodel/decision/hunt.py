"""The hunt for the cheapest candidate of each combination of kinds, and for the front, as designs come in.

A design comes in simulated, or waits as a stand-in that bounds what it comes to. After each arrival the new
candidates (those with a new design) are made in order of a bound on their cost, and making them ends when the
next bound exceeds the best of their kinds: the rest is proven dearer. Waiting designs are held
against the same best: one goes for good once in every combination of kinds its own bound, with the
cheapest of everything beside it, exceeds the best found there, and once no point it could have is off the
front. Bests only fall and the front only moves towards better points, so what is gone cannot come back, and
what is left when nothing waits is exact.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from itertools import product

import numpy as np

from costmodel.capacity.result import MISSING_PRICES, Limit
from costmodel.decision.candidate import (
    INSIDE_ROLES,
    OUTSIDE_ROLES,
    Candidate,
    Inside,
    SimulatedDesign,
    count_combinations,
    fits,
    insides,
)
from costmodel.decision.constraints import joint_limits, single_tier_limits, worst
from costmodel.decision.front import (
    CENTS,
    NOWHERE,
    Front,
    Member,
    Point,
    coordinates,
    least_cents_usd,
    matches,
    unrounded,
)
from costmodel.decision.pricer import Pricer, Regions
from costmodel.decision.run import KINDS_OF_A_CANDIDATE
from costmodel.errors import PriceNotFound
from costmodel.services._base import TIER_ROLES, Role, Strategy, TierDesign

HALF_CENT_USD = 0.005
FLOAT_SLACK = 1e-9
"""Relative error that a float cost may have against the exact bill."""

Kinds = tuple[str, str, str, str]
"""Kinds of compute, database, delivery and rendering; what load balancer fits follows from the first.

They are those of the designs, or finer ones that the hunt is told to tell apart."""
KIND_ROLES = (Role.COMPUTE, Role.DATABASE, Role.DELIVERY, Role.RENDERING)

KindOf = Callable[[TierDesign], str]
"""The kind that a design counts as."""


def own_kind(design: TierDesign) -> str:
    """Every design by the kind it says it is."""
    return design.kind


Part = tuple[SimulatedDesign, ...]
"""Designs chosen together: those that an API call passes, or one of another role."""


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
        return self.limit.excess


@dataclass(frozen=True, slots=True, eq=False)
class Winner:
    """The cheapest candidate of its kinds so far; of those that cost the same to the cent, the first by coordinates."""

    candidate: Candidate
    strategy: Strategy
    usd: float
    """A month, all in."""
    point: Point


class Hunt:
    """What has come in, what waits, and the best of it."""

    def __init__(
        self,
        pricer: Pricer,
        designs: Mapping[Role, Sequence[TierDesign]],
        kind_of: KindOf = own_kind,
        *,
        wants_front: bool = True,
    ) -> None:
        self.scenario = pricer.scenario
        self.pricer = pricer
        self.designs = designs
        self.wants_front = wants_front
        """Without, nothing is kept for the front alone."""
        self._kinds = {id(design): kind_of(design) for listed in designs.values() for design in listed}
        self._compute_kinds = {self._kind_of(design): design.kind for design in designs[Role.COMPUTE]}
        self.rejected: set[int] = set()
        """Designs, by `id`."""
        self.sound: dict[Role, list[SimulatedDesign]] = {role: [] for role in TIER_ROLES}
        self.waiting: dict[Role, list[SimulatedDesign]] = {role: [] for role in TIER_ROLES}
        self.feasible: list[Inside] = []
        self.winners: dict[Kinds, Winner] = {}
        self.front = Front()
        self.rejections: list[Rejection] = []
        self.unpriced: dict[Role, PriceNotFound] = {}
        self._fallen: dict[tuple[SimulatedDesign, SimulatedDesign], tuple[Limit, int]] = {}
        """Compute with a database that break a limit together, and with how many load balancers."""
        self._floors: dict[tuple[Kinds, Strategy], float] = {}
        self._smallest: dict[tuple[Role, str, Strategy], Regions | None] = {}
        self._alone_usd = cache(self._sum_usd)
        self._points: dict[tuple[Part, Strategy], Point] = {}
        self.strategies = pricer.stage.strategies() or (Strategy.NONE,)

    def wait(self, stand_in: SimulatedDesign) -> None:
        """Let a design wait that was not simulated."""
        if self._has_price(stand_in):
            self.waiting[stand_in.design.role].append(stand_in)

    def near(self, role: Role, closer: Iterable[SimulatedDesign]) -> None:
        """Let designs that wait do so with what bounds them closely; what breaks a limit even so falls."""
        by_design = {id(tier.design): tier for tier in closer}
        nearer = (by_design.get(id(tier.design), tier) for tier in self.waiting[role])
        self.waiting[role] = [
            tier for tier in nearer if id(tier.design) not in by_design or self._is_sound(tier)
        ]

    def take(self, role: Role, simulated: Iterable[SimulatedDesign]) -> None:
        """Take up designs of one role that were simulated, and look at every candidate that they make possible."""
        new = [tier for tier in simulated if self._is_sound(tier) and self._has_price(tier)]
        self.sound[role] += new
        arrived = self.sound | {role: new}
        if role in INSIDE_ROLES:
            fresh = list(self._feasible(insides(arrived)))
            self.feasible += fresh
        else:
            fresh = self.feasible
        for kinds, parts in self._groups(fresh, arrived):
            for strategy in self._strategies(kinds):
                self._cheapen(kinds, parts, strategy)
            for strategy in self.strategies if self.wants_front else ():
                self._stand_out(kinds, parts, strategy)

    def let_go(self) -> None:
        """Drop what waits and can neither win nor stand out."""
        for role, waiting in self.waiting.items():
            if waiting:
                may_win, may_stand_out = self._may_win(role), self._may_stand_out(role)
                self.waiting[role] = [
                    tier for tier in waiting if may_win(tier) or (self.wants_front and may_stand_out(tier))
                ]

    def due(self) -> list[SimulatedDesign]:
        """What waits in the first role in which anything does, by what it costs at least."""
        waiting: Iterable[SimulatedDesign] = next(filter(None, self.waiting.values()), ())
        return sorted(waiting, key=self._least_usd)

    def cheapest_plain(self, kinds: Kinds) -> Winner | None:
        """The cheapest of its kinds without any recovery; None where nothing is feasible."""
        for found, parts in self._groups(self.feasible, self.sound):
            if found == kinds:
                return self._cheapest(kinds, parts, Strategy.NONE, None)
        return None

    def count_alive(self, kinds: Kinds) -> int:
        """Candidates of these kinds that no rejection is about, simulated or not."""
        of_kinds = {
            role: [design for design in self._open(role) if self._plays(design, role, kinds)]
            for role in TIER_ROLES
        }
        beside = math.prod(len(of_kinds[role]) for role in OUTSIDE_ROLES)
        fallen = sum(
            balancers
            for (compute, database), (_, balancers) in self._fallen.items()
            if (self._kind_of(compute.design), self._kind_of(database.design)) == kinds[:2]
        )
        return count_combinations(of_kinds) - fallen * beside

    def _open(self, role: Role) -> list[TierDesign]:
        """Designs that no rejection is about, simulated or not."""
        return [design for design in self.designs[role] if id(design) not in self.rejected]

    def all_kinds(self) -> Iterator[Kinds]:
        """Every combination of kinds of designs that no rejection is about."""
        compute, database, delivery, rendering = (
            dict.fromkeys(map(self._kind_of, self._open(role))) for role in KIND_ROLES
        )
        return product(compute, database, delivery, rendering)

    def joint_rejections(self) -> Iterator[Rejection]:
        """Compute and databases that break a limit only together."""
        beside = math.prod(len(self._open(role)) for role in OUTSIDE_ROLES)
        for (compute, database), (limit, balancers) in self._fallen.items():
            subject = f"{compute.design.label} with {database.design.label}"
            kinds = (compute.design.kind, database.design.kind)
            yield Rejection(subject, kinds, limit, balancers * beside)

    def _is_sound(self, tier: SimulatedDesign) -> bool:
        broken = worst(single_tier_limits(tier, self.scenario.objectives))
        if broken is not None:
            self._reject(tier.design, broken)
        return broken is None

    def _has_price(self, tier: SimulatedDesign) -> bool:
        try:
            self.pricer.check_prices(tier)
        except PriceNotFound as error:
            self.unpriced[tier.design.role] = error
            limit = Limit(f"published price in {self.scenario.region}", 1, 0, MISSING_PRICES)
            self._reject(tier.design, limit)
            return False
        return True

    def _reject(self, design: TierDesign, limit: Limit) -> None:
        containing = count_combinations({**self.designs, design.role: [design]})
        self.rejections.append(Rejection(design.label, (design.kind,), limit, containing))
        self.rejected.add(id(design))

    def _feasible(self, combined: Iterable[Inside]) -> Iterator[Inside]:
        """Those that meet the objectives together. Only what a call passes enters these."""
        beside = [next(iter((*self.sound[role], *self.waiting[role])), None) for role in OUTSIDE_ROLES]
        others = [tier for tier in beside if tier is not None]
        if len(others) < len(beside):
            return
        for inside in combined:
            broken = worst(joint_limits(Candidate(*inside, *others), self.scenario.objectives))
            if broken is None:
                yield inside
            else:
                pair = (inside[0], inside[2])
                self._fallen[pair] = (broken, self._fallen.get(pair, (broken, 0))[1] + 1)

    def _cheapen(self, kinds: Kinds, parts: Sequence[Sequence[Part]], strategy: Strategy) -> None:
        winner = self._cheapest(kinds, parts, strategy, self.winners.get(kinds))
        if winner is not None:
            self.winners[kinds] = winner

    def _cheapest(
        self, kinds: Kinds, parts: Sequence[Sequence[Part]], strategy: Strategy, best: Winner | None
    ) -> Winner | None:
        """The cheapest of the best so far and every choice of one of each of the parts."""
        floor_usd = self._floor_usd(kinds, strategy)
        for candidate, parts_usd in self._by_cost(parts, strategy):
            others = self._coordinates(candidate.tiers, strategy)
            least = (least_cents_usd(floor_usd + parts_usd), *others)
            if best is not None and least >= best.point:
                if least[0] > best.point[0]:
                    break
                continue
            usd = self.pricer.whole(candidate, strategy).usd
            if usd < math.inf:
                point = (round(usd, CENTS), *others)
                if best is None or point < best.point:
                    best = Winner(candidate, strategy, usd, point)
        return best

    def _stand_out(self, kinds: Kinds, parts: Sequence[Sequence[Part]], strategy: Strategy) -> None:
        """Offer the front every choice of one of each of the parts that it may want."""
        inside, *outside = parts
        beside_usd = self._floor_usd(kinds, strategy)
        beside_usd += sum(min(self._alone_usd(part, strategy) for part in choices) for choices in outside)
        points = np.array(
            [
                (
                    least_cents_usd(self._alone_usd(part, strategy) + beside_usd),
                    *self._coordinates(part, strategy),
                )
                for part in inside
            ]
        )
        wanted = points[:, 0] <= self._most_usd
        wanted &= ~self.front.beaten(points)
        for at in sorted(np.flatnonzero(wanted).tolist(), key=lambda at: tuple(points[at])):
            if not self.front.beats(tuple(points[at])):
                self._offer([[inside[at]], *outside], kinds, strategy)

    def _offer(self, parts: Sequence[Sequence[Part]], kinds: Kinds, strategy: Strategy) -> None:
        """Offer the front the choices around one inside part, cheapest first, until it wants none."""
        floor_usd = self._floor_usd(kinds, strategy)
        least = self._coordinates(parts[0][0], strategy)
        for candidate, parts_usd in self._by_cost(parts, strategy):
            least_usd = least_cents_usd(floor_usd + parts_usd)
            if least_usd > self._most_usd or self.front.beats((least_usd, *least)):
                break
            whole = self.pricer.whole(candidate, strategy)
            placed = self.pricer.stage.placed(candidate.tiers, strategy)
            if placed and whole.usd < math.inf and round(whole.paid_usd, CENTS) <= self._budget_usd:
                point = (round(whole.usd, CENTS), *coordinates(placed))
                self.front.offer(Member(point, candidate, placed))

    def _coordinates(self, part: Part, strategy: Strategy) -> Point:
        """Every coordinate but cost of some tiers as they stand under a strategy."""
        known = (part, strategy)
        if known not in self._points:
            placed = self.pricer.stage.placed(part, strategy)
            self._points[known] = coordinates(placed) if placed else NOWHERE
        return self._points[known]

    @property
    def _budget_usd(self) -> float:
        budget_usd = self.scenario.constraints.monthly_budget_usd
        return math.inf if budget_usd is None else budget_usd

    @property
    def _most_usd(self) -> float:
        """What candidates may cost at most, all in. At a price for carbon the budget is about less than that."""
        return math.inf if self.scenario.objectives.carbon_usd_per_tonne else self._budget_usd

    def _by_cost(
        self, parts: Sequence[Sequence[Part]], strategy: Strategy
    ) -> Iterator[tuple[Candidate, float]]:
        """Choices of one of each of the parts, with what these cost alone, cheapest first."""
        columns = []
        for choices in parts:
            costed = [(self._alone_usd(part, strategy), part) for part in choices]
            columns.append(sorted((pair for pair in costed if pair[0] < math.inf), key=lambda pair: pair[0]))
        for places, usd in cheapest_first([[cost for cost, _ in column] for column in columns]):
            chosen = (column[place][1] for column, place in zip(columns, places, strict=True))
            yield Candidate(*(tier for part in chosen for tier in part)), usd

    def _sum_usd(self, part: Part, strategy: Strategy) -> float:
        """What the designs of a part cost alone."""
        return sum(self.pricer.alone_usd(tier, strategy) for tier in part)

    def _least_usd(self, tier: SimulatedDesign) -> float:
        return min(self.pricer.alone_usd(tier, strategy) for strategy in self.strategies)

    def _strategies(self, kinds: Kinds) -> tuple[Strategy, ...]:
        """Strategies to compare these kinds under. Where they can stand under none of those that meet the objectives,
        they are compared without any, so that the one that comes nearest can be named.
        """
        able = (strategy for strategy in self.strategies if self._floor_usd(kinds, strategy) < math.inf)
        return tuple(able) or (Strategy.NONE,)

    def _floor_usd(self, kinds: Kinds, strategy: Strategy) -> float:
        """The platform beside any candidate of these kinds. Designs that come in later are those that wait now."""
        if (kinds, strategy) not in self._floors:
            left = [self._left_behind(role, kinds, strategy) for role in TIER_ROLES]
            self._floors[kinds, strategy] = self.pricer.platform_usd(left, strategy)
        return self._floors[kinds, strategy]

    def _left_behind(self, role: Role, kinds: Kinds, strategy: Strategy) -> Regions | None:
        """The smallest footprints of what can play a role in a candidate of these kinds."""
        known = (role, kinds[KIND_ROLES.index(role)] if role in KIND_ROLES else kinds[0], strategy)
        if known not in self._smallest:
            self._smallest[known] = self.pricer.smallest(self._known(role, kinds), strategy)
        return self._smallest[known]

    def _known(self, role: Role, kinds: Kinds) -> list[SimulatedDesign]:
        """What came in or waits and can play a role in a candidate of these kinds."""
        known = (*self.sound[role], *self.waiting[role])
        return [tier for tier in known if self._plays(tier.design, role, kinds)]

    def _possible_kinds(self, role: Role, kind: str) -> Iterator[Kinds]:
        """Combinations of kinds that a design of this kind can be part of."""
        listed = [
            dict.fromkeys(self._kind_of(tier.design) for tier in (*self.sound[known], *self.waiting[known]))
            for known in KIND_ROLES
        ]
        for compute, database, delivery, rendering in product(*listed):
            kinds = (compute, database, delivery, rendering)
            if role not in KIND_ROLES or kinds[KIND_ROLES.index(role)] == kind:
                yield kinds

    def _beside_usd(self, kinds: Kinds, roles: Iterable[Role], strategy: Strategy) -> float:
        """What the platform and the cheapest designs of these roles cost at least."""
        usd = self._floor_usd(kinds, strategy)
        for role in roles:
            alone = (self.pricer.alone_usd(tier, strategy) for tier in self._known(role, kinds))
            usd += min(alone, default=math.inf)
        return usd

    def _may_win(self, role: Role) -> Callable[[SimulatedDesign], bool]:
        """Tells whether a waiting design may be part of a cheaper candidate than the best of its kinds."""
        others = [other for other in TIER_ROLES if other is not role]

        @cache
        def most_usd(kind: str, strategy: Strategy) -> float:
            """What a design may cost at least and still win somewhere."""
            most = -math.inf
            for kinds in self._possible_kinds(role, kind):
                if strategy not in self._strategies(kinds):
                    continue
                best = self.winners.get(kinds)
                beside_usd = self._beside_usd(kinds, others, strategy)
                if beside_usd < math.inf:
                    whole_usd = (
                        math.inf if best is None else (best.point[0] + HALF_CENT_USD) * (1 + FLOAT_SLACK)
                    )
                    most = max(most, whole_usd - beside_usd)
            return most

        return lambda tier: any(
            self.pricer.alone_usd(tier, strategy)
            <= most_usd(self._kind_of(tier.design), strategy) + FLOAT_SLACK
            for strategy in dict.fromkeys((*self.strategies, Strategy.NONE))
        )

    def _may_stand_out(self, role: Role) -> Callable[[SimulatedDesign], bool]:
        """Tells whether a point that a waiting design could have is off the front."""

        @cache
        def partners(kind: str, strategy: Strategy) -> list[tuple[float, Part]]:
            return list(self._partners(role, kind, strategy))

        def off_the_front(tier: SimulatedDesign, strategy: Strategy) -> bool:
            alone_usd = self.pricer.alone_usd(tier, strategy)
            for beside_usd, part in partners(self._kind_of(tier.design), strategy):
                least_usd = least_cents_usd(alone_usd + beside_usd)
                if least_usd <= self._most_usd and not self.front.beats(
                    (least_usd, *self._coordinates((tier, *part), strategy))
                ):
                    return True
            return False

        return lambda tier: any(off_the_front(tier, strategy) for strategy in self.strategies)

    def _partners(self, role: Role, kind: str, strategy: Strategy) -> Iterator[tuple[float, Part]]:
        """What may stand beside a design where a call passes, without what is matched at no more cost.

        With each comes what everything but the design costs at least.
        """
        inside = [other for other in INSIDE_ROLES if other is not role]
        outside = [other for other in OUTSIDE_ROLES if other is not role]
        found: dict[Part, float] = {}
        for kinds in self._possible_kinds(role, kind):
            beside_usd = self._beside_usd(kinds, outside, strategy)
            for part in product(*(self._known(other, kinds) for other in inside)):
                usd = beside_usd + self._alone_usd(part, strategy)
                found[part] = min(found.get(part, math.inf), usd)
        best: list[tuple[Point, Part]] = []
        for part, usd in sorted(found.items(), key=lambda item: item[1]):
            placed = self.pricer.stage.placed(part, strategy)
            if placed is None or usd == math.inf:
                continue
            point = (usd, *unrounded(placed))
            if not any(matches(known, point) for known, _ in best):
                best.append((point, part))
                yield usd, part

    def _kind_of(self, design: TierDesign) -> str:
        return self._kinds[id(design)]

    def _plays(self, design: TierDesign, role: Role, kinds: Kinds) -> bool:
        """Whether a design of a role can be part of a candidate of these kinds."""
        if role in KIND_ROLES:
            return self._kind_of(design) == kinds[KIND_ROLES.index(role)]
        return fits(self._compute_kinds[kinds[0]], design)

    def _groups(
        self, combined: Iterable[Inside], tiers: Mapping[Role, Collection[SimulatedDesign]]
    ) -> Iterator[tuple[Kinds, tuple[list[Part], ...]]]:
        """The parts to choose from, for each combination of kinds."""
        by_kinds: defaultdict[tuple[str, str], list[Part]] = defaultdict(list)
        for inside in combined:
            by_kinds[self._kind_of(inside[0].design), self._kind_of(inside[2].design)].append(inside)
        outside = [self._by_kind(tiers[role]) for role in OUTSIDE_ROLES]
        for (compute, database), inside_parts in by_kinds.items():
            for chosen in product(*(found.items() for found in outside)):
                (delivery, deliveries), (rendering, renderings) = chosen
                yield (compute, database, delivery, rendering), (inside_parts, deliveries, renderings)

    def _by_kind(self, tiers: Iterable[SimulatedDesign]) -> dict[str, list[Part]]:
        found: defaultdict[str, list[Part]] = defaultdict(list)
        for tier in tiers:
            found[self._kind_of(tier.design)].append((tier,))
        return dict(found)


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
