"""Own rates: what was agreed with AWS, laid over what it publishes.

A percentage comes off every tier of the list price; an own price has tiers of its own, which are cut
where either ladder has a step. List prices stay beside contracted ones, so that the saving is a
difference of two exact sums.

A rate without a `term` covers on-demand usage; reservations and flat-rate plans are covered only by a rate
that names their term. AWS can take an agreement's discount off them as well, after their own; whether it does
is for the customer's contract to say, and where it is left out a bill is never too low.

A scenario may also ask what other list prices would do (`PriceListChange`): the price paid then differs, and the
list price stays AWS's own.

Source: FOCUS 1.2, Contracted Unit Price and Contracted Cost (2025-05); ProsperOps help centre, "How are RI
and SP savings calculations impacted by an EDP" (read 2026-11), for the order of the two discounts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from pathlib import Path

from costmodel.billing.charge import EXACT, Bill
from costmodel.demand.calendar import BillingPeriod
from costmodel.errors import AmbiguousOwnRate, UnitMismatch
from costmodel.pricing.price import ON_DEMAND, UPFRONT_FEE, Price, PriceQuery
from costmodel.scenario.events import PriceListChange
from costmodel.scenario.model import Scenario
from costmodel.scenario.rates_file import Currency, Discount, load_rates_file
from costmodel.units import FOCUS_UNITS

_INSTANCE_FAMILY = re.compile(r":(?:db\.)?([a-z][a-z0-9-]*)\.[a-z0-9-]+$")
"""`BoxUsage:m7g.large`, `Multi-AZUsage:db.r7g.large`; not `EBS:VolumeUsage.gp3`."""


@dataclass(frozen=True, slots=True)
class ContractedTier:
    """The unit prices between two cumulative monthly quantities."""

    begin: Decimal
    end: Decimal | None
    """None means without end."""
    list_unit_price: Decimal
    contracted_unit_price: Decimal


@dataclass(frozen=True, slots=True)
class ContractedPrice:
    """A published price in one month with what is paid for it. Tiers are gapless, as the price's are."""

    price: Price
    tiers: tuple[ContractedTier, ...]
    rate_name: str
    """The own rate that applies; empty when none does."""
    own_tiers: bool
    """Whether the steps are agreed rather than published."""
    change_name: str = ""
    """The change of the price list that applies; empty when none does."""


@dataclass(frozen=True, slots=True)
class OwnRates:
    """Everything agreed with AWS, by the most exact scope first."""

    name: str = ""
    digest: str = ""
    """SHA-256 of the file they come from."""
    discounts: tuple[Discount, ...] = ()
    currency: Currency | None = None
    changes: tuple[PriceListChange, ...] = ()
    """What a scenario supposes of the list prices that the rates are laid over."""

    @classmethod
    def of_file(cls, path: Path) -> OwnRates:
        """The own rates of a file. Raises RatesFileError."""
        file, digest = load_rates_file(path)
        return cls(file.name, digest, file.discounts, file.currency)

    def under(self, scenario: Scenario) -> OwnRates:
        """The same rates, laid over the price list that a scenario supposes."""
        changes = tuple(event for event in scenario.traffic.events if isinstance(event, PriceListChange))
        return replace(self, changes=changes) if changes else self

    def contracted(self, price: Price, period: BillingPeriod) -> ContractedPrice:
        """What is paid for a price in a month.

        Raises UnitMismatch when an own price counts in another unit than the list price; AmbiguousOwnRate when
        it does not say which of several list prices it replaces, or when several rates fit alike.
        """
        covering = [rate for rate in self.discounts if _covers(rate, price, period)]
        rate = _most_exact(covering, price)
        with localcontext(EXACT):
            if rate is not None and rate.percent is None:
                return _replaced(price, rate)
            return _scaled(price, self._change(price, period), rate)

    def _change(self, price: Price, period: BillingPeriod) -> PriceListChange | None:
        """The change of the price list in force: the most exact, of equally exact ones the latest."""
        in_force = [change for change in self.changes if _changes(change, price.query, period)]
        return max(in_force, key=lambda change: (change.specificity, change.start), default=None)

    def of_other_months(self, period: BillingPeriod) -> tuple[str, ...]:
        """Rates that do not hold in a month, by name."""
        return tuple(rate.label for rate in self.discounts if not rate.covers_month(period.start.date()))

    def unused(self, bill: Bill) -> tuple[str, ...]:
        """Rates that no charge of a bill carries, by name: misspelt, out of date or about something else."""
        used = {charge.x_rate_name for charge in bill.charges}
        return tuple(rate.label for rate in self.discounts if rate.label not in used)

    def outdone(self, prices: Iterable[Price], period: BillingPeriod) -> tuple[str, ...]:
        """Rates that cover a price, by name, and stand behind a more exact one wherever they do."""
        covered: set[str] = set()
        best: set[str] = set()
        for price in prices:
            covering = [rate for rate in self.discounts if _covers(rate, price, period)]
            covered |= {rate.label for rate in covering}
            best |= {max(covering, key=lambda rate: rate.specificity).label} if covering else set()
        return tuple(rate.label for rate in self.discounts if rate.label in covered - best)


NO_OWN_RATES = OwnRates()
"""List prices, as they are."""


def _most_exact(covering: Sequence[Discount], price: Price) -> Discount | None:
    """The rate that applies. Raises AmbiguousOwnRate."""
    most = max((rate.specificity for rate in covering), default=None)
    exact = [rate for rate in covering if rate.specificity == most]
    if len(exact) > 1:
        labels = " and ".join(repr(rate.label) for rate in exact)
        raise AmbiguousOwnRate(
            f"the own rates {labels} fit {price.query} alike. Give one of them more attributes."
        )
    return exact[0] if exact else None


def _check_attributes(query: PriceQuery, rate: Discount) -> None:
    """Raises AmbiguousOwnRate for an own price that names fewer attributes than AWS tells its list prices apart by."""
    unnamed = dict(query.attributes).keys() - rate.attributes.keys()
    if rate.sku is None and unnamed:
        raise AmbiguousOwnRate(
            f"the own price {rate.label!r} does not say for which {' and '.join(sorted(unnamed))} it is, and AWS prices "
            f"{query.usage_type} by that. Name it, such as `attributes: {{{attributes_text(query)}}}`, in one rate for each."
        )


def attributes_text(query: PriceQuery) -> str:
    """Attributes as a file of rates states them: `engine: MySQL`."""
    return ", ".join(f"{name}: {value}" for name, value in query.attributes)


def _covers(rate: Discount, price: Price, period: BillingPeriod) -> bool:
    return (
        _in_scope(rate, price.query)
        and rate.attributes.items() <= dict(price.query.attributes).items()
        and not _is_hourly_for_a_fee(rate, price.query)
        and (rate.term or ON_DEMAND) == price.query.term
        and rate.sku in (None, price.sku_id)
        and rate.covers_month(period.start.date())
    )


def _is_hourly_for_a_fee(rate: Discount, query: PriceQuery) -> bool:
    """Whether an own price that names no fee meets the fee of a reservation, which stands under the same term."""
    name, _ = UPFRONT_FEE
    return rate.percent is None and UPFRONT_FEE in query.attributes and name not in rate.attributes


def _changes(change: PriceListChange, query: PriceQuery, period: BillingPeriod) -> bool:
    """A reservation keeps the price it was bought at."""
    return _in_scope(change, query) and not query.term.startswith("Reserved") and change.start <= period.start


def _in_scope(part: Discount | PriceListChange, query: PriceQuery) -> bool:
    return (
        part.service == query.service_code
        and part.region in (None, query.region_id)
        and part.usage_type in (None, query.usage_type)
        and part.family in (None, instance_family(query.usage_type))
    )


def instance_family(usage_type: str) -> str:
    """The instance family in a usage type, such as m7g; empty where there is none."""
    found = _INSTANCE_FAMILY.search(usage_type)
    return found[1] if found else ""


def _scaled(price: Price, change: PriceListChange | None, rate: Discount | None) -> ContractedPrice:
    """The list price, changed and then reduced, as far as there is a change and a percentage."""
    ratio = Decimal(repr(change.change_ratio)) if change else Decimal(0)
    percent = rate.percent if rate and rate.percent else Decimal(0)
    tiers = tuple(
        ContractedTier(
            tier.begin, tier.end, tier.list_unit_price, _less(_more(tier.list_unit_price, ratio), percent)
        )
        for tier in price.tiers
    )
    return ContractedPrice(
        price,
        tiers,
        rate_name=rate.label if rate else "",
        own_tiers=False,
        change_name=change.label if change else "",
    )


def _more(unit_price: Decimal, ratio: Decimal) -> Decimal:
    """A unit price and a share of it, exactly; no change leaves even its digits alone."""
    return unit_price + unit_price * ratio if ratio else unit_price


def _less(unit_price: Decimal, percent: Decimal) -> Decimal:
    """A unit price less a percentage of it, exactly; nothing off leaves even its digits alone."""
    return unit_price - unit_price * percent / 100 if percent else unit_price


def _replaced(price: Price, rate: Discount) -> ContractedPrice:
    """An own price cut at the list price's steps as well as at its own."""
    _check_unit(price, rate)
    _check_attributes(price.query, rate)
    listed = [(tier.begin, tier.list_unit_price) for tier in price.tiers]
    own = rate.steps()
    begins = sorted({begin for begin, _ in [*listed, *own]})
    tiers = tuple(
        ContractedTier(begin, end, _unit_price_at(begin, listed), _unit_price_at(begin, own))
        for begin, end in zip(begins, [*begins[1:], None], strict=True)
    )
    return ContractedPrice(price, tiers, rate.label, own_tiers=True)


def _unit_price_at(quantity: Decimal, steps: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The unit price of what comes after a monthly quantity; the first step begins at 0."""
    return steps[bisect_right(steps, quantity, key=lambda step: step[0]) - 1][1]


def _check_unit(price: Price, rate: Discount) -> None:
    unit = FOCUS_UNITS.get(price.pricing_unit, price.pricing_unit)
    if rate.unit not in (price.pricing_unit, unit):
        raise UnitMismatch(
            f"the own rate {rate.label!r} is per {rate.unit}, but {price.query} is priced per"
            f" {price.pricing_unit} ({unit}). Give the rate the unit of the list price."
        )
