"""Use that a commitment can cover: by the hour as simulated, and over the years of a term.

A run simulates months and a commitment lasts years. Hours beyond the run repeat its whole weeks, and
follow the traffic: the growth of the scenario and the weights of its months. What is counted in hours
of something that runs (instances, capacity units) keeps its lowest simulated level: a fleet's minimum or
a database's class neither shrinks in a quiet season nor grows until someone changes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from costmodel.billing.charge import Charge
from costmodel.billing.rate import bill
from costmodel.billing.rates import OwnRates
from costmodel.demand.calendar import BillingPeriod, Calendar, FloatArray
from costmodel.demand.shapes import RETAIL_MONTH_WEIGHTS, month_factors
from costmodel.pricing.commitment import CommittedPrice, Offers
from costmodel.pricing.price import ON_DEMAND
from costmodel.scenario.model import Scenario, Traffic
from costmodel.services._base import Usage
from costmodel.units import HOURS_PER_DAY, HOURS_PER_YEAR, MONTHS_PER_YEAR

DAYS_PER_WEEK = 7
HOURS_PER_WEEK = DAYS_PER_WEEK * HOURS_PER_DAY
RUNNING_UNITS = "Hours"
"""What the FOCUS unit of a meter of running things ends with: Hours, ACU-Hours, Read Capacity Unit-Hours."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CommittableUse:
    """All use of one on-demand price in a run, and the commitments that cover it.

    Costs are at the prices in force, own rates among them, after free allowances; commitments at AWS's rates.
    """

    offers: tuple[CommittedPrice, ...]
    """One or more, all of the same on-demand price."""
    price: str
    """The on-demand price, as charges name it without their tier."""
    unit: str
    """FOCUS unit of the quantity."""
    hourly_quantity: FloatArray
    """Shape (hours of the run,)."""
    on_demand_usd: FloatArray
    """Cost of a unit, by month of the run: shape (months,)."""
    run_usd: float
    """Cost of the whole run on demand."""
    paid: tuple[tuple[tuple[Decimal, float], ...], ...]
    """For each month of the run, where each price tier begins and which share of the units is paid in it."""

    def committed_usd(self, offer: CommittedPrice) -> FloatArray:
        """Cost of a unit under an offer, upfront part and all, by month of the run: shape (months,)."""
        return np.array(
            [
                sum(share * float(offer.rate_at(begin).effective_unit_price) for begin, share in month)
                for month in self.paid
            ]
        )


def committable_uses(
    usages: Iterable[Usage], known: Offers, calendar: Calendar, own_rates: OwnRates, *, free_tier: bool
) -> tuple[CommittableUse, ...]:
    """What of the usages costs something and is covered by a commitment by the hour, by on-demand price.

    Raises PriceNotFound, UnitMismatch, PriceCacheCorrupt.
    """
    billed = [
        usage
        for usage in usages
        if usage.hourly_quantity is not None
        and usage.consumed_quantity
        and usage.meter.query.term == ON_DEMAND
        and known.of(usage.meter.query)
    ]
    charges: defaultdict[str, list[Charge]] = defaultdict(list)
    for charge in bill(billed, known.book, free_tier=free_tier, own_rates=own_rates).charges:
        if not charge.x_free:
            charges[charge.sku_price_id.rpartition(" from ")[0]].append(charge)
    by_price: defaultdict[str, list[Usage]] = defaultdict(list)
    for usage in billed:
        by_price[str(known.book.price(usage.meter.query).query)].append(usage)
    return tuple(
        _use(price, alike, charges[price], known, calendar)
        for price, alike in by_price.items()
        if charges[price]
    )


def _use(
    price: str, usages: Sequence[Usage], charges: Sequence[Charge], known: Offers, calendar: Calendar
) -> CommittableUse:
    """Usages of one price, as one."""
    months = dict(_hour_slices(calendar))
    hourly = np.zeros(calendar.hours)
    for usage in usages:
        assert usage.hourly_quantity is not None  # committable_uses takes no others
        hourly[months[usage.billing_period]] += usage.hourly_quantity
    on_demand_usd, paid, run_usd = [], [], 0.0
    for period, hours in months.items():
        quantity = float(hourly[hours].sum())
        of_month = [charge for charge in charges if charge.billing_period == period]
        cost_usd = float(sum((charge.billed_cost for charge in of_month), Decimal(0)))
        run_usd += cost_usd
        on_demand_usd.append(cost_usd / quantity if quantity else 0.0)
        paid.append(
            tuple((charge.x_tier_begin, float(charge.consumed_quantity) / quantity) for charge in of_month)
        )
    return CommittableUse(
        offers=known.of(usages[0].meter.query),
        price=price,
        unit=usages[0].meter.consumed_unit,
        hourly_quantity=hourly,
        on_demand_usd=np.array(on_demand_usd),
        run_usd=run_usd,
        paid=tuple(paid),
    )


def _hour_slices(calendar: Calendar) -> tuple[tuple[BillingPeriod, slice], ...]:
    return tuple(
        (period, slice(days.start * HOURS_PER_DAY, days.stop * HOURS_PER_DAY))
        for period, days in calendar.day_slices
    )


@dataclass(frozen=True, slots=True, eq=False)
class TermPattern:
    """How the simulated months go on over a term. Arrays have shape (hours of the term,) or (months of the term,)."""

    growth_per_month: float
    hours: IntArray
    """Which simulated hour each hour of the term repeats."""
    hour_factors: FloatArray
    """Traffic of each hour over that of the hour it repeats."""
    hour_months: IntArray
    """In which simulated month the repeated hour lies."""
    months: IntArray
    """Which simulated month each month of the term repeats."""
    month_factors: FloatArray
    """Traffic of each month over that of the month it repeats."""

    @classmethod
    def of(cls, scenario: Scenario, calendar: Calendar, years: int, growth_per_month: float) -> TermPattern:
        """The pattern of a term that begins with the run, at a growth of traffic.

        Growth and season are steps from month to month. Whole weeks are repeated, so that weekdays stay
        what they are.
        """
        term = Calendar.of(calendar.periods[0], years * MONTHS_PER_YEAR)
        totals = _month_totals(scenario.traffic, term, growth_per_month)
        rates = totals / [period.days for period in term.periods]
        month_of_hour = np.repeat(np.arange(len(term.periods)), [period.hours for period in term.periods])
        hours = np.arange(years * HOURS_PER_YEAR)
        weeks = calendar.hours // HOURS_PER_WEEK * HOURS_PER_WEEK
        sources = np.where(hours < calendar.hours, hours, hours % weeks)
        months = np.arange(len(term.periods))
        month_sources = months % len(calendar.periods)
        return cls(
            growth_per_month=growth_per_month,
            hours=sources,
            hour_factors=rates[month_of_hour[hours]] / rates[month_of_hour[sources]],
            hour_months=month_of_hour[sources],
            months=month_sources,
            month_factors=totals / totals[month_sources],
        )

    def quantity(self, use: CommittableUse) -> FloatArray:
        """The use in each hour of the term."""
        held = float(use.hourly_quantity.min()) if use.unit.endswith(RUNNING_UNITS) else 0.0
        return np.asarray(held + (use.hourly_quantity[self.hours] - held) * self.hour_factors)

    def cost_usd(self, use: CommittableUse, unit_usd: FloatArray) -> FloatArray:
        """What the use costs in each hour of the term, at unit prices by month of the run."""
        return np.asarray(self.quantity(use) * unit_usd[self.hour_months])


def _month_totals(traffic: Traffic, term: Calendar, growth_per_month: float) -> FloatArray:
    """Traffic of each month over the first's. A trace carries its own season."""
    season = RETAIL_MONTH_WEIGHTS if traffic.trace is None else np.ones(MONTHS_PER_YEAR)
    changed = (1.0 + growth_per_month) / (1.0 + float(traffic.growth_per_month_ratio))
    return np.asarray(month_factors(traffic, term, season) * changed ** np.arange(len(term.periods)))
