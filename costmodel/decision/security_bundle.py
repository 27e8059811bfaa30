"""The CloudFront Security Savings Bundle: a commitment by the month, for what CloudFront and WAF cost at the edge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from costmodel.billing.charge import Charge, billed_by_price_usd
from costmodel.billing.rate import bill
from costmodel.billing.rates import OwnRates
from costmodel.decision.commitment_levels import LevelCurve
from costmodel.decision.term_use import TermPattern
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.pricing.commitment import (
    BUNDLE_SAVING_RATIO,
    BUNDLE_WAF_RATIO,
    ONE,
    CommitmentKind,
    CommittedPrice,
    Offers,
)
from costmodel.pricing.price import ON_DEMAND
from costmodel.services._base import Usage

WAF_CODE = "awswaf"
RATE = float(ONE - BUNDLE_SAVING_RATIO)
"""Committed dollars for a dollar of CloudFront at list price."""


@dataclass(frozen=True, slots=True, eq=False)
class BundledSpend:
    """What the bundle can pay for, by month of the run; shapes (months,)."""

    offer: CommittedPrice
    cloudfront_usd: FloatArray
    waf_usd: FloatArray
    """Requests that the firewall inspects."""
    cloudfront_by_price_usd: Mapping[str, float]
    """The same over the run, by price (as charges name it, without their tier)."""
    waf_by_price_usd: Mapping[str, float]

    def committable_usd(self, pattern: TermPattern) -> FloatArray:
        """The level that each month of the term uses up, shape (months of the term,)."""
        return np.asarray(self.cloudfront_usd[pattern.months] * pattern.month_factors * RATE)

    def curve(self, pattern: TermPattern) -> LevelCurve:
        """A level pays for more than itself of CloudFront, and for a share of itself of WAF on top."""
        corners_usd = self.committable_usd(pattern)
        waf_usd = self.waf_usd[pattern.months] * pattern.month_factors
        waf_worth = float(BUNDLE_WAF_RATIO)
        return LevelCurve.of(
            np.concatenate([corners_usd, waf_usd / waf_worth]),
            np.concatenate([np.full(corners_usd.size, 1.0 / RATE), np.full(waf_usd.size, waf_worth)]),
            corners_usd.size,
        )

    def run_saved_usd(self, pattern: TermPattern, level_usd: float) -> tuple[float, float]:
        """What a level saves over the run on CloudFront and on WAF, if each month of it saved the share that the
        months of the term do.

        What is not used of the level counts against CloudFront.
        """
        committable_usd = self.committable_usd(pattern)
        waf_usd = self.waf_usd[pattern.months] * pattern.month_factors
        used_usd = np.minimum(level_usd, committable_usd)
        gained_usd = float(used_usd.sum()) * (1.0 / RATE - 1.0)
        credited_usd = float(np.minimum(level_usd * float(BUNDLE_WAF_RATIO), waf_usd).sum())
        cloudfront_usd = float(committable_usd.sum()) / RATE
        unused_ratio = float((level_usd - used_usd).sum()) / cloudfront_usd
        saved_usd = float(self.cloudfront_usd.sum()) * (gained_usd / cloudfront_usd - unused_ratio)
        if not waf_usd.any():
            return saved_usd, 0.0
        return saved_usd, float(self.waf_usd.sum()) * credited_usd / float(waf_usd.sum())

    def by_price_usd(self, cloudfront_saved_usd: float, waf_saved_usd: float) -> dict[str, float]:
        """A saving over the run by the price it is made on."""
        return {
            **_shared(cloudfront_saved_usd, self.cloudfront_by_price_usd),
            **_shared(waf_saved_usd, self.waf_by_price_usd),
        }


def bundled_spend(
    usages: Iterable[Usage], known: Offers, calendar: Calendar, own_rates: OwnRates, *, free_tier: bool
) -> BundledSpend | None:
    """What of the usages the bundle covers; None where CloudFront costs nothing by use.

    Raises PriceNotFound, UnitMismatch, PriceCacheCorrupt.
    """
    bundled, inspected = [], []
    found: CommittedPrice | None = None
    for usage in usages:
        query = usage.meter.query
        if not usage.consumed_quantity or query.term != ON_DEMAND:
            continue
        if query.service_code == WAF_CODE and usage.meter.consumed_unit == "Requests":
            inspected.append(usage)
        elif offer := _bundle(known, usage):
            bundled.append(usage)
            found = found or offer
    if found is None:
        return None

    def charges(of: Sequence[Usage]) -> tuple[Charge, ...]:
        return bill(of, known.book, free_tier=free_tier, own_rates=own_rates).charges

    cloudfront, waf = charges(bundled), charges(inspected)
    cloudfront_usd = _by_month(cloudfront, calendar)
    if not cloudfront_usd.any():
        return None
    return BundledSpend(
        found,
        cloudfront_usd,
        _by_month(waf, calendar),
        billed_by_price_usd(cloudfront),
        billed_by_price_usd(waf),
    )


def _by_month(charges: Iterable[Charge], calendar: Calendar) -> FloatArray:
    months = dict.fromkeys(calendar.periods, Decimal(0))
    for charge in charges:
        months[charge.billing_period] += charge.billed_cost
    return np.array([float(cost_usd) for cost_usd in months.values()])


def _shared(saved_usd: float, costs: Mapping[str, float]) -> dict[str, float]:
    """A saving on prices together, shared by what is paid at each."""
    whole_usd = sum(costs.values())
    return {price: saved_usd * cost_usd / whole_usd for price, cost_usd in costs.items()} if whole_usd else {}


def _bundle(known: Offers, usage: Usage) -> CommittedPrice | None:
    covering = known.of(usage.meter.query)
    return next(
        (offer for offer in covering if offer.commitment.kind is CommitmentKind.SECURITY_BUNDLE), None
    )
