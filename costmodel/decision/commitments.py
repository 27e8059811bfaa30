"""What committing would save on a candidate's use: the best level of every commitment, and the curve around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from costmodel.billing.rates import OwnRates, instance_family
from costmodel.decision.commitment_levels import LevelCurve, mean_ratio, plan_curve
from costmodel.decision.run import CommitmentNote, CommitmentPoint, GrowthRegret
from costmodel.decision.security_bundle import BundledSpend, bundled_spend
from costmodel.decision.term_use import CommittableUse, TermPattern, committable_uses
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import (
    BUNDLE_SAVING_RATIO,
    ONE,
    Commitment,
    CommitmentKind,
    CommittedPrice,
    Offers,
    size_factor,
)
from costmodel.scenario.estimate import Range
from costmodel.scenario.model import Scenario
from costmodel.services._base import Usage
from costmodel.units import MONTHS_PER_YEAR

RESERVED_UNITS = {
    CommitmentKind.STANDARD_RESERVATION: 1,
    CommitmentKind.CONVERTIBLE_RESERVATION: 1,
    CommitmentKind.DATABASE_RESERVATION: 1,
    CommitmentKind.DYNAMODB_CAPACITY: 100,
}
"""Commitments of whole units in place of dollars, and how many are sold together.

Source: Amazon EC2 User Guide, "Reserved Instances" (2023-06); Amazon DynamoDB Developer Guide, "Reserved
capacity": blocks of 100 (2023-06).
"""

LEAST_PLAN_USD = 0.001
"""The smallest Savings Plan, in dollars an hour; levels are whole multiples of it.

Source: AWS Savings Plans API Reference, CreateSavingsPlan, `commitment` (2023-06); AWS takes two digits more.
"""

MULTI_AZ = "Multi-AZUsage"

ALL_IT_CAN = "all it can"
"""What a commitment covers that knows no family and no region."""

CURVE_RATIOS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
"""Levels that a curve shows, as far as they are sold, over the best one; over the mean use where none pays."""

GROWTH_DOUBT_RATIO = 0.01
"""How far growth a month may be off either way where the scenario gives no range. Engineering guess."""


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Use that one purchase covers together."""

    commitment: Commitment
    covers: str
    members: tuple[tuple[CommittableUse, CommittedPrice], ...]

    @property
    def smallest(self) -> CommittedPrice:
        """The offer of the smallest size: what is counted in where sizes are covered together."""
        return min(
            (offer for _, offer in self.members), key=lambda offer: (_size(offer), offer.effective_unit_price)
        )

    def committed_usd(self, use: CommittableUse, offer: CommittedPrice) -> FloatArray:
        """Cost of a unit of a use, by month of the run: of a reservation so many of the smallest size."""
        if self.commitment.kind not in RESERVED_UNITS or not self.commitment.terms.size_flexible:
            return use.committed_usd(offer)
        smallest = self.smallest
        return use.committed_usd(smallest) * (_size(offer) / _size(smallest))


@dataclass(frozen=True, slots=True, eq=False)
class TermCosts:
    """What uses cost in each hour of a term, on demand and committed; shapes (uses, hours)."""

    on_demand_usd: FloatArray
    committed_usd: FloatArray

    @classmethod
    def of(cls, scope: Scope, pattern: TermPattern) -> TermCosts:
        pairs = [
            (pattern.cost_usd(use, use.on_demand_usd), pattern.cost_usd(use, scope.committed_usd(use, offer)))
            for use, offer in scope.members
        ]
        return cls(np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs]))


def commitment_notes(
    scenario: Scenario, usages: Sequence[Usage], book: PriceBook, calendar: Calendar, own_rates: OwnRates
) -> tuple[CommitmentNote, ...]:
    """Every commitment that covers part of the usages, each at its best level, alone.

    The term begins with the run; `TermPattern` says how use goes on beyond it.
    Raises PriceNotFound, UnitMismatch, PriceCacheCorrupt.
    """
    free_tier, known = scenario.account.free_tier, Offers(book)
    uses = committable_uses(usages, known, calendar, own_rates, free_tier=free_tier)

    @cache
    def patterns(years: int) -> tuple[TermPattern, ...]:
        return tuple(TermPattern.of(scenario, calendar, years, growth) for growth in growths(scenario))

    notes = [_hourly_note(scope, patterns(scope.commitment.years)) for scope in scopes(uses)]
    spend = bundled_spend(usages, known, calendar, own_rates, free_tier=free_tier)
    if spend is not None:
        notes.append(_bundle_note(spend, patterns(spend.offer.commitment.years)))
    return tuple(notes)


def growths(scenario: Scenario) -> tuple[float, ...]:
    """Growth of traffic a month: expected, low, high."""
    growth = scenario.traffic.growth_per_month_ratio
    if isinstance(growth, Range):
        return (growth.mid, growth.low, growth.high)
    return (growth, growth - GROWTH_DOUBT_RATIO, growth + GROWTH_DOUBT_RATIO)


def _size(offer: CommittedPrice) -> float:
    """Normalisation factor of what an offer covers, that of a database with a standby twice; 1 where nothing has sizes."""
    usage_type = offer.on_demand.query.usage_type
    if not instance_family(usage_type):
        return 1.0
    form, _, instance = usage_type.rpartition(":")
    factor = size_factor(instance.rpartition(".")[2])
    if factor is None:
        raise ValueError(f"{usage_type} has no normalisation factor")
    return float(factor) * (2.0 if form == MULTI_AZ else 1.0)


def scopes(uses: Sequence[CommittableUse]) -> Iterator[Scope]:
    """Which uses each commitment covers together, in the order of the uses' offers."""
    members: defaultdict[tuple[Commitment, str], list[tuple[CommittableUse, CommittedPrice]]] = defaultdict(
        list
    )
    for use in uses:
        for offer in use.offers:
            members[offer.commitment, covered_by(offer)].append((use, offer))
    for (commitment, covers), covered in members.items():
        yield Scope(commitment, covers, tuple(covered))


def covered_by(offer: CommittedPrice) -> str:
    """What one purchase covers: everything, a family in a region, or one usage type in a region."""
    query, terms = offer.on_demand.query, offer.commitment.terms
    if not terms.same_region:
        return ALL_IT_CAN
    if not terms.size_flexible:
        return f"{query.usage_type} in {query.region_id}"
    engine = dict(query.attributes).get("engine")
    family = instance_family(query.usage_type)
    return f"{f'{engine} ' if engine else ''}{family} in {query.region_id}"


def _hourly_note(scope: Scope, patterns: Sequence[TermPattern]) -> CommitmentNote:
    terms = [TermCosts.of(scope, pattern) for pattern in patterns]
    unit_offer = scope.smallest
    inferred = [offer for _, offer in scope.members if not offer.published]
    return _note(
        (inferred or [unit_offer])[0],
        scope.covers,
        [plan_curve(term.on_demand_usd, term.committed_usd) for term in terms],
        terms[0].committed_usd.sum(axis=0),
        mean_ratio(terms[0].on_demand_usd, terms[0].committed_usd),
        [pattern.growth_per_month for pattern in patterns],
        *_unit(unit_offer),
    )


def _bundle_note(spend: BundledSpend, patterns: Sequence[TermPattern]) -> CommitmentNote:
    return _note(
        spend.offer,
        ALL_IT_CAN,
        [spend.curve(pattern) for pattern in patterns],
        spend.committable_usd(patterns[0]),
        float(ONE - BUNDLE_SAVING_RATIO),
        [pattern.growth_per_month for pattern in patterns],
        None,
        "",
    )


def _note(
    offer: CommittedPrice,
    covers: str,
    curves: Sequence[LevelCurve],
    committable_usd: FloatArray,
    break_even_ratio: float,
    growths_per_month: Sequence[float],
    unit_usd: float | None,
    unit: str,
) -> CommitmentNote:
    """One commitment at its best level; the first curve and growth are the expected ones.

    `committable_usd` is what the commitment can pay for in each period, at its rates. `unit_usd` is the step in
    which it is sold, `unit` what it is a step of; empty for dollars.
    """
    commitment, curve = offer.commitment, curves[0]
    best_usd = _best_usd(curve, unit_usd)
    months = commitment.years * MONTHS_PER_YEAR
    rate = offer.rates[0]
    shown_usd = best_usd or float(committable_usd.mean())
    return CommitmentNote(
        kind=commitment.kind,
        years=commitment.years,
        payment=commitment.payment,
        covers=covers,
        per="hour" if curve.periods == commitment.hours else "month",
        count=round(best_usd / unit_usd) * RESERVED_UNITS[commitment.kind] if unit and unit_usd else None,
        unit=unit,
        best=_point(curve, committable_usd, best_usd, best_usd, months),
        on_demand_usd=curve.cost_usd(0.0) / months,
        upfront_usd=best_usd * curve.periods * float(rate.upfront / rate.total_over_term),
        break_even_ratio=break_even_ratio,
        published=offer.published,
        basis=offer.basis,
        growth_per_month_ratio=growths_per_month[0],
        other_growth=tuple(
            _regret(growth, other, best_usd, unit_usd, months)
            for growth, other in zip(growths_per_month[1:], curves[1:], strict=True)
        ),
        curve=tuple(
            _point(curve, committable_usd, level_usd, best_usd, months)
            for level_usd in _shown_levels_usd(shown_usd, unit_usd)
        ),
    )


def _shown_levels_usd(usd: float, unit_usd: float | None) -> list[float]:
    """Levels around one, ascending; whole numbers of units where the commitment is sold in those."""
    levels_usd = (ratio * usd for ratio in CURVE_RATIOS)
    if unit_usd:
        levels_usd = (round(level_usd / unit_usd) * unit_usd for level_usd in levels_usd)
    return list(dict.fromkeys(levels_usd))


def _best_usd(curve: LevelCurve, unit_usd: float | None) -> float:
    """The best level; a whole number of units where the commitment is sold in those."""
    return curve.best_count(unit_usd) * unit_usd if unit_usd else curve.best_level_usd


def _unit(offer: CommittedPrice) -> tuple[float, str]:
    """The step in which a commitment by the hour is sold, in dollars, and what it is a step of."""
    block = RESERVED_UNITS.get(offer.commitment.kind)
    if block is None:
        return LEAST_PLAN_USD, ""
    form, _, unit = offer.on_demand.query.usage_type.rpartition(":")
    standby = " Multi-AZ" if form == MULTI_AZ else ""
    return float(offer.effective_unit_price) * block, f"{unit}{standby}"


def _point(
    curve: LevelCurve, committable_usd: FloatArray, level_usd: float, best_usd: float, months: int
) -> CommitmentPoint:
    cost_usd, on_demand_usd = curve.cost_usd(level_usd), curve.cost_usd(0.0)
    left_usd = cost_usd - level_usd * curve.periods
    unused_usd = float(np.maximum(0.0, level_usd - committable_usd).mean())
    return CommitmentPoint(
        level_usd=level_usd,
        monthly_usd=cost_usd / months,
        regret_usd=(cost_usd - curve.cost_usd(best_usd)) / months,
        covered_ratio=1.0 - left_usd / on_demand_usd if on_demand_usd else 0.0,
        unused_ratio=unused_usd / level_usd if level_usd else 0.0,
    )


def _regret(
    growth: float, curve: LevelCurve, chosen_usd: float, unit_usd: float | None, months: int
) -> GrowthRegret:
    best_usd = _best_usd(curve, unit_usd)
    regret_usd = (curve.cost_usd(chosen_usd) - curve.cost_usd(best_usd)) / months
    return GrowthRegret(growth, best_usd, regret_usd)
