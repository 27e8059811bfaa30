"""Commitments as part of the answer: what to buy of the plans that a scenario allows, and what that saves.

What covers the same use is decided together. Of one use the stack over one and three years is exact
(`commitment_levels.ladder`), and so is any one plan alone over all its uses. Of several uses these are the
portfolios that are compared: the exact stack of each use apart, and one plan for all uses with and without
the stacks of narrower plans below it. What is chosen is costed as AWS applies it, so it is never better than
stated; `tests/decision/test_plans.py` measures how far from the optimum that is.

A saving is stated for each use as a share of what it costs on demand over the span of the longest plan, and
counts in the bill of the simulated months as that share of it. No time value: a dollar upfront is a dollar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import numpy as np

from costmodel.billing.rates import OwnRates
from costmodel.decision.commitment_levels import ladder, left_on_demand_usd, mean_ratio, plan_curve
from costmodel.decision.commitments import ALL_IT_CAN, LEAST_PLAN_USD, covered_by
from costmodel.decision.security_bundle import WAF_CODE, BundledSpend, bundled_spend
from costmodel.decision.term_use import CommittableUse, TermPattern, committable_uses
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.pricing.commitment import (
    PLAN_UPFRONT_RATIO,
    Commitment,
    CommitmentKind,
    CommittedPrice,
    Offers,
    Payment,
)
from costmodel.pricing.price import ON_DEMAND
from costmodel.scenario.model import Plan, Scenario
from costmodel.services._base import Usage
from costmodel.units import HOURS_PER_YEAR, MONTHS_PER_YEAR

KINDS = {
    "compute_savings_plan": CommitmentKind.COMPUTE_PLAN,
    "instance_savings_plan": CommitmentKind.INSTANCE_PLAN,
    "database_savings_plan": CommitmentKind.DATABASE_PLAN,
    "security_savings_bundle": CommitmentKind.SECURITY_BUNDLE,
}
BUNDLE_DIGITS = 2
LEVEL_DIGITS = 3
"""Of a Savings Plan's dollars an hour: those of the smallest plan."""
STEP_SLACK = 1e-9
"""A level this share below a whole step is that step."""
POOLS = (
    (CommitmentKind.INSTANCE_PLAN, CommitmentKind.COMPUTE_PLAN),
    (CommitmentKind.DATABASE_PLAN,),
)
"""Plans by the hour that cover some use in common. No use is covered by plans of two pools."""


def commitment_named(plan: Plan) -> Commitment:
    """What a scenario's name of a plan stands for: `compute_savings_plan_3yr_no_upfront`."""
    kind, _, terms = plan.rpartition("yr_")
    name, _, years = kind.rpartition("_")
    return Commitment(KINDS[name], int(years), Payment(terms.replace("_", " ").title()))


@dataclass(frozen=True, slots=True)
class Purchase:
    """One plan to buy."""

    commitment: Commitment
    covers: str
    starts_year: int
    """0 for now, 1 for a year after."""
    level_usd: float
    """Per hour; per month for the bundle."""
    upfront_usd: float
    """Paid at its start."""

    @property
    def per(self) -> str:
        """What the level is committed for."""
        return "month" if self.commitment.kind is CommitmentKind.SECURITY_BUNDLE else "hour"


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What to buy and what it saves."""

    purchases: tuple[Purchase, ...]
    saves_usd: Decimal
    """A mean month of the run."""
    saved_by_price_usd: Mapping[str, float] = field(compare=False)
    """The same over the whole run, by the on-demand price whose use it is saved on (as charges name it, without
    their tier). It adds up to `saves_usd` but for the rounding of floats."""

    @property
    def now(self) -> tuple[Purchase, ...]:
        """What is bought at the start."""
        return tuple(purchase for purchase in self.purchases if purchase.starts_year == 0)

    @property
    def upfront_usd(self) -> float:
        """Paid at the start."""
        return sum(purchase.upfront_usd for purchase in self.now)

    def __add__(self, other: Portfolio) -> Portfolio:
        """Both. No use is covered by plans of two."""
        return Portfolio(
            self.purchases + other.purchases,
            self.saves_usd + other.saves_usd,
            {**self.saved_by_price_usd, **other.saved_by_price_usd},
        )


NOTHING = Portfolio((), Decimal(0), {})


class _Key(NamedTuple):
    """What is bought once: one plan, for what, from when."""

    commitment: Commitment
    covers: str
    starts_year: int


class Place(NamedTuple):
    """Where a price stands in a book."""

    service_code: str
    region_id: str


_Levels = Mapping[_Key, float]
"""Dollars per hour of each plan."""


_Covered = Sequence[tuple[CommittableUse, Sequence[CommittedPrice]]]
"""Uses and the plans that cover each."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Uses that plans cover in common, over the span of the longest plan."""

    on_demand_usd: FloatArray
    """Shape (uses, years, hours of a year)."""
    ratios: tuple[Mapping[tuple[Commitment, str], float], ...]
    """For each use its rate over the on-demand price, a mean over the span, by plan and what that covers."""

    @property
    def years(self) -> int:
        return int(self.on_demand_usd.shape[1])

    def cheapest(self) -> _Levels:
        """The cheapest of the portfolios that are compared, in whole steps."""
        return min(map(_in_steps, self._portfolios()), key=self.cost_usd)

    def _portfolios(self) -> Iterator[_Levels]:
        yield {}
        yield self._stacks(lambda covers: True)
        if len(self.ratios) == 1:
            return  # the stack of one use is exact
        narrow = self._stacks(lambda covers: covers != ALL_IT_CAN)
        for below in ({}, narrow) if narrow else ({},):
            left_usd, _ = self._applied(below)
            for wide in dict.fromkeys(
                plan for ratios in self.ratios for plan in ratios if plan[1] == ALL_IT_CAN
            ):
                yield {**below, **self._alone(wide, left_usd)}

    def cost_usd(self, levels: _Levels) -> float:
        """What a portfolio and the use beside it cost over the span, as AWS applies it."""
        paid_usd = sum(level * key.commitment.hours for key, level in levels.items())
        return paid_usd + float(self._applied(levels)[0].sum())

    def saved_ratios(self, levels: _Levels) -> FloatArray:
        """Share of its on-demand cost that each use saves: on what is covered, less its part of what is not used.

        Never more than the saving on its rate.
        """
        on_demand_usd = self.on_demand_usd.sum(axis=(1, 2))
        _, gained_usd = self._applied(levels)
        unused_usd = gained_usd.sum() - (on_demand_usd.sum() - self.cost_usd(levels))
        return np.asarray(gained_usd / on_demand_usd - unused_usd / on_demand_usd.sum())

    def _applied(self, levels: _Levels) -> tuple[FloatArray, FloatArray]:
        """What is still billed on demand, like `on_demand_usd`, and what each use gained, shape (uses,).

        Narrow plans apply before wide ones; of alike ones the cheaper first.
        """
        left_usd = self.on_demand_usd.copy()
        gained_usd = np.zeros(len(self.ratios))
        for key in sorted(levels, key=self._precedence):
            plan = (key.commitment, key.covers)
            rows = [place for place, ratios in enumerate(self.ratios) if plan in ratios]
            span = slice(key.starts_year, key.starts_year + key.commitment.years)
            before_usd = left_usd[rows, span].reshape(len(rows), -1)
            rates = np.array([[self.ratios[place][plan]] for place in rows])
            level_usd = np.full(before_usd.shape[1], levels[key])
            after_usd = left_on_demand_usd(before_usd, before_usd * rates, level_usd)
            gained_usd[rows] += (before_usd - after_usd).sum(axis=1) * (1.0 - rates[:, 0])
            left_usd[rows, span] = after_usd.reshape(left_usd[rows, span].shape)
        return left_usd, gained_usd

    def _precedence(self, key: _Key) -> tuple[bool, float]:
        plan = (key.commitment, key.covers)
        return key.covers == ALL_IT_CAN, min(ratios[plan] for ratios in self.ratios if plan in ratios)

    def _stacks(self, wanted: Callable[[str], bool]) -> _Levels:
        """The exact stack of each use by itself, added up."""
        levels: defaultdict[_Key, float] = defaultdict(float)
        for use_usd, known in zip(self.on_demand_usd, self.ratios, strict=True):
            ratios = {plan: ratio for plan, ratio in known.items() if wanted(plan[1])}
            yearly = _cheapest(ratios, 1)
            whole = _cheapest(ratios, self.years) if self.years > 1 else None
            found = ladder(
                use_usd,
                yearly_ratio=ratios[yearly] if yearly else None,
                whole_span_ratio=ratios[whole] if whole else None,
            )
            if whole:
                levels[_Key(*whole, 0)] += found.whole_span_usd * ratios[whole]
            if yearly:
                for year, of_year_usd in enumerate(found.yearly_usd):
                    levels[_Key(*yearly, year)] += of_year_usd * ratios[yearly]
        return levels

    def _alone(self, plan: tuple[Commitment, str], left_usd: FloatArray) -> _Levels:
        """The best level of one plan on what is left, each time it is bought. Exact."""
        rows = [place for place, ratios in enumerate(self.ratios) if plan in ratios]
        rates = np.array([[self.ratios[place][plan]] for place in rows])
        levels = {}
        for start in range(0, self.years, plan[0].years):
            term_usd = left_usd[rows, start : start + plan[0].years].reshape(len(rows), -1)
            curve = plan_curve(term_usd, term_usd * rates)
            levels[_Key(*plan, start)] = _dollars(curve.best_count(LEAST_PLAN_USD))
        return levels


def _cheapest(ratios: Mapping[tuple[Commitment, str], float], years: int) -> tuple[Commitment, str] | None:
    """The lowest rate of so many years; None where there is none."""
    return min(
        (plan for plan in ratios if plan[0].years == years), key=lambda plan: ratios[plan], default=None
    )


def _dollars(steps: int) -> float:
    """A level as it is written: 0.036, not 36 times the float nearest to 0.001."""
    return round(steps * LEAST_PLAN_USD, LEVEL_DIGITS)


def _in_steps(levels: _Levels) -> _Levels:
    """Levels in whole steps of what is sold, rounded down, without what is then nothing."""
    steps = {key: int(level / LEAST_PLAN_USD + STEP_SLACK) for key, level in levels.items()}
    return {key: _dollars(count) for key, count in steps.items() if count}


@dataclass(frozen=True, eq=False)
class Planner:
    """Chooses among the plans that a scenario allows, for any candidate's usages."""

    scenario: Scenario
    calendar: Calendar
    known: Offers
    own_rates: OwnRates

    @cached_property
    def allowed(self) -> frozenset[Commitment]:
        return frozenset(map(commitment_named, self.scenario.constraints.plans))

    def portfolio(self, usages: Sequence[Usage]) -> Portfolio:
        """What to buy for everything a candidate uses. Raises PriceNotFound, UnitMismatch, PriceCacheCorrupt."""
        if not self.allowed:
            return NOTHING
        uses = committable_uses(usages, self.known, self.calendar, self.own_rates, free_tier=self._free_tier)
        whole = self._bundle(usages) if self._bundle_allowed else NOTHING
        for kinds in POOLS:
            whole += self._of_pool(self._covered(kinds, uses))
        return whole

    def saves_usd(self, bought: Portfolio, usages: Sequence[Usage]) -> float:
        """What plans bought already save a mean month of other usages; below 0 where they are paid and not used."""
        if not bought.purchases:
            return 0.0
        uses = committable_uses(usages, self.known, self.calendar, self.own_rates, free_tier=self._free_tier)
        levels = {
            _Key(one.commitment, one.covers, one.starts_year): one.level_usd for one in bought.purchases
        }
        saved_usd = Decimal(0)
        for kinds in POOLS:
            of_pool = {key: level for key, level in levels.items() if key.commitment.kind in kinds}
            if of_pool:
                saved_usd += self._saving(of_pool, self._covered(kinds, uses))
        for key, level_usd in levels.items():
            if key.commitment.kind is CommitmentKind.SECURITY_BUNDLE:
                saved_usd += self._bundle_saving(self._spend(usages), key, level_usd)
        return float(saved_usd)

    def most_saved_ratio(self, usage: Usage) -> float:
        """The largest share of a usage's cost that any allowed plan can save."""
        allowed, query = self.allowed, usage.meter.query
        if query.term != ON_DEMAND:
            return 0.0
        if query.service_code == WAF_CODE and self._bundle_allowed:
            return 1.0
        known = [offer for offer in self.known.of(query) if offer.commitment in allowed]
        if not known:
            return 0.0
        price = self.known.book.price(query)
        contracted = self.own_rates.contracted(price, usage.billing_period)
        ratios = [
            float(offer.rate_at(tier.begin).effective_unit_price / tier.contracted_unit_price)
            for offer in known
            for tier in contracted.tiers
            if tier.contracted_unit_price
        ]
        return max(0.0, 1.0 - min(ratios, default=1.0))

    def unpriced(self, usages: Iterable[Usage]) -> Mapping[Commitment, tuple[Place, ...]]:
        """Allowed plans that cover some of the usages and have no rate for it, and where, in the order of the scenario.

        Raises PriceNotFound, AmbiguousPrice, PriceCacheCorrupt.
        """
        found: defaultdict[Commitment, dict[Place, None]] = defaultdict(dict)
        for usage in usages:
            query = usage.meter.query
            if usage.consumed_quantity and query.term == ON_DEMAND:
                for commitment in self.known.unpriced(query):
                    found[commitment][Place(query.service_code, query.region_id)] = None
        in_order = map(commitment_named, self.scenario.constraints.plans)
        return {commitment: tuple(found[commitment]) for commitment in in_order if commitment in found}

    @cached_property
    def _bundle_allowed(self) -> bool:
        return any(one.kind is CommitmentKind.SECURITY_BUNDLE for one in self.allowed)

    @property
    def _free_tier(self) -> bool:
        return self.scenario.account.free_tier

    @cached_property
    def _patterns(self) -> dict[int, TermPattern]:
        growth = float(self.scenario.traffic.growth_per_month_ratio)
        return {
            years: TermPattern.of(self.scenario, self.calendar, years, growth)
            for years in {one.years for one in self.allowed}
        }

    def _covered(self, kinds: Collection[CommitmentKind], uses: Sequence[CommittableUse]) -> _Covered:
        """Uses that allowed plans of these kinds cover, with the offers."""
        found = (
            (use, tuple(o for o in use.offers if o.commitment in self.allowed and o.commitment.kind in kinds))
            for use in uses
        )
        return tuple((use, offers) for use, offers in found if offers)

    def _pool(self, covered: _Covered) -> Pool:
        return _pool(
            covered, self._patterns[max(offer.commitment.years for _, offers in covered for offer in offers)]
        )

    def _of_pool(self, covered: _Covered) -> Portfolio:
        if not covered:
            return NOTHING
        pool = self._pool(covered)
        levels = pool.cheapest()
        if not levels:
            return NOTHING
        ratios, run_usd = pool.saved_ratios(levels), _run_usd(covered)
        prices = (use.price for use, _ in covered)
        return Portfolio(
            tuple(_purchase(key, level_usd) for key, level_usd in sorted(levels.items(), key=_order)),
            self._a_month(float(ratios @ run_usd)),
            dict(zip(prices, map(float, ratios * run_usd), strict=True)),
        )

    def _saving(self, levels: _Levels, covered: _Covered) -> Decimal:
        """A mean month of the run; what covers no use is paid all the same."""
        known = {(offer.commitment, covered_by(offer)) for _, offers in covered for offer in offers}
        used = {key: level for key, level in levels.items() if (key.commitment, key.covers) in known}
        idle_usd = sum(level for key, level in levels.items() if key not in used and not key.starts_year)
        saved_usd = -Decimal(repr(idle_usd * HOURS_PER_YEAR / MONTHS_PER_YEAR))
        if covered:
            saved_usd += self._a_month(float(self._pool(covered).saved_ratios(used) @ _run_usd(covered)))
        return saved_usd

    def _spend(self, usages: Sequence[Usage]) -> BundledSpend | None:
        return bundled_spend(usages, self.known, self.calendar, self.own_rates, free_tier=self._free_tier)

    def _bundle(self, usages: Sequence[Usage]) -> Portfolio:
        spend = self._spend(usages)
        if spend is None:
            return NOTHING
        commitment = spend.offer.commitment
        level_usd = round(spend.curve(self._patterns[commitment.years]).best_level_usd, BUNDLE_DIGITS)
        if not level_usd:
            return NOTHING
        purchase = Purchase(commitment, ALL_IT_CAN, 0, level_usd, 0.0)
        saved_usd = spend.run_saved_usd(self._patterns[commitment.years], level_usd)
        return Portfolio((purchase,), self._a_month(sum(saved_usd)), spend.by_price_usd(*saved_usd))

    def _bundle_saving(self, spend: BundledSpend | None, key: _Key, level_usd: float) -> Decimal:
        if spend is None:
            return -Decimal(repr(level_usd))
        return self._a_month(sum(spend.run_saved_usd(self._patterns[key.commitment.years], level_usd)))

    def _a_month(self, run_usd: float) -> Decimal:
        return Decimal(repr(run_usd / len(self.calendar.periods)))


def _run_usd(covered: _Covered) -> FloatArray:
    """What each use costs on demand over the run, shape (uses,)."""
    return np.array([use.run_usd for use, _ in covered])


def _pool(covered: _Covered, pattern: TermPattern) -> Pool:
    on_demand_usd, ratios = [], []
    for use, known in covered:
        use_usd = pattern.cost_usd(use, use.on_demand_usd)
        on_demand_usd.append(use_usd.reshape(-1, HOURS_PER_YEAR))
        ratios.append(
            {
                (offer.commitment, covered_by(offer)): mean_ratio(
                    use_usd, pattern.cost_usd(use, use.committed_usd(offer))
                )
                for offer in known
            }
        )
    return Pool(np.stack(on_demand_usd), tuple(ratios))


def _order(item: tuple[_Key, float]) -> tuple[int, str, str]:
    return item[0].starts_year, str(item[0].commitment), item[0].covers


def _purchase(key: _Key, level_usd: float) -> Purchase:
    upfront_usd = level_usd * key.commitment.hours * float(PLAN_UPFRONT_RATIO[key.commitment.payment])
    return Purchase(key.commitment, key.covers, key.starts_year, level_usd, upfront_usd)
