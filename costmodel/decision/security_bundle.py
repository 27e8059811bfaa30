"""The CloudFront Security Savings Bundle: a commitment by the month, for what CloudFront and WAF cost at the edge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

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

    def run_saved_usd(self, pattern: TermPattern, level_usd: float) -> float:
        """What a level saves over the run, if each month of it saved the share that the months of the term do."""
        committable_usd = self.committable_usd(pattern)
        waf_usd = self.waf_usd[pattern.months] * pattern.month_factors
        used_usd = np.minimum(level_usd, committable_usd)
        gained_usd = float(used_usd.sum()) * (1.0 / RATE - 1.0)
        credited_usd = float(np.minimum(level_usd * float(BUNDLE_WAF_RATIO), waf_usd).sum())
        cloudfront_usd = float(committable_usd.sum()) / RATE
        unused_ratio = float((level_usd - used_usd).sum()) / cloudfront_usd
        run_usd = float(self.cloudfront_usd.sum()) * (gained_usd / cloudfront_usd - unused_ratio)
        if waf_usd.any():
            run_usd += float(self.waf_usd.sum()) * credited_usd / float(waf_usd.sum())
        return run_usd


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

    def monthly_usd(of: Sequence[Usage]) -> FloatArray:
        months = dict.fromkeys(calendar.periods, Decimal(0))
        for charge in bill(of, known.book, free_tier=free_tier, own_rates=own_rates).charges:
            months[charge.billing_period] += charge.billed_cost
        return np.array([float(cost_usd) for cost_usd in months.values()])

    cloudfront_usd = monthly_usd(bundled)
    return BundledSpend(found, cloudfront_usd, monthly_usd(inspected)) if cloudfront_usd.any() else None


def _bundle(known: Offers, usage: Usage) -> CommittedPrice | None:
    covering = known.of(usage.meter.query)
    return next(
        (offer for offer in covering if offer.commitment.kind is CommitmentKind.SECURITY_BUNDLE), None
    )
