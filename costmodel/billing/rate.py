"""Usage times price: tiers and free allowances over everything a candidate uses in a month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Protocol

import numpy as np

from costmodel.billing.charge import EXACT, Bill, Charge
from costmodel.billing.rates import NO_OWN_RATES, ContractedPrice, OwnRates
from costmodel.demand.calendar import BillingPeriod, FloatArray
from costmodel.errors import AmbiguousPrice, UnitMismatch
from costmodel.pricing.price import SPOT, FreeAllowance, Price, PriceQuery
from costmodel.services._base import Meter, Usage
from costmodel.units import COUNTED_UNITS, FOCUS_UNITS, QUANTITY_STEP

ZERO = Decimal(0)


class Prices(Protocol):
    """What billing needs of a price book; `pricing.book.PriceBook` is one."""

    @property
    def allowances(self) -> tuple[FreeAllowance, ...]: ...
    def price(self, query: PriceQuery) -> Price:
        """Raises PriceNotFound or AmbiguousPrice."""


@dataclass(frozen=True, slots=True)
class _Portion:
    """The part of a quantity that lies within one tier, or that an allowance covers."""

    begin: Decimal
    quantity: Decimal
    list_unit_price: Decimal
    contracted_unit_price: Decimal
    allowance: FreeAllowance | None = None


@dataclass(slots=True, eq=False)
class _Ladder:
    """Everything that climbs one price's tiers together: one query in one billing period."""

    period: BillingPeriod
    contracted: ContractedPrice
    allowance: FreeAllowance | None
    """What covers the price, if anything."""
    usages: list[tuple[int, Usage]] = field(default_factory=list)
    """Each usage with its place in the candidate."""
    quantity: Decimal = ZERO
    free: _Portion | None = None
    """What an allowance covers, at the bottom of the tiers."""

    @property
    def price(self) -> Price:
        return self.contracted.price

    @property
    def content(self) -> Hashable:
        """All that its charges depend on, beside price book and own rates."""
        return (
            self.period,
            self.price.query,
            self.free,
            *(
                (*_identity(usage), usage.meter, usage.formula, usage.daily_quantity.tobytes())
                for _, usage in self.usages
            ),
        )


class Biller:
    """Bills candidates at one price book. Charges made for one are not made again for another that shares its usage."""

    def __init__(self, book: Prices, *, free_tier: bool, own_rates: OwnRates = NO_OWN_RATES) -> None:
        self._book, self._own_rates = book, own_rates
        self._allowances = book.allowances if free_tier else ()
        self._priced: dict[
            tuple[BillingPeriod, PriceQuery], tuple[ContractedPrice, FreeAllowance | None]
        ] = {}
        self._charged: dict[Hashable, tuple[tuple[int, Charge], ...]] = {}
        """By content of a ladder; each charge with the place of its usage in the ladder."""

    def bill(self, usages: Iterable[Usage]) -> Bill:
        """What the function `bill` says of these usages."""
        with localcontext(EXACT):
            ladders = self._ladders(usages)
            _grant(ladders)
            placed = [charge for ladder in ladders for charge in self._charges(ladder)]
        placed.sort(key=lambda item: item[0])
        return Bill(tuple(charge for _, charge in placed))

    def _ladders(self, usages: Iterable[Usage]) -> list[_Ladder]:
        """Sorted, so that the order of the usages cannot move a billionth from one price to another."""
        ladders: dict[tuple[BillingPeriod, PriceQuery], _Ladder] = {}
        for place, usage in enumerate(usages):
            if not usage.consumed_quantity:
                continue
            price = self._book.price(usage.meter.query)
            check_unit(usage.meter, price)
            key = (usage.billing_period, price.query)
            if key not in ladders:
                ladders[key] = _Ladder(usage.billing_period, *self._rates(price, usage.billing_period))
            ladder = ladders[key]
            ladder.usages.append((place, usage))
            ladder.quantity += usage.consumed_quantity
        for ladder in ladders.values():
            ladder.usages.sort(key=lambda item: _identity(item[1]))
        return [ladders[key] for key in sorted(ladders)]

    def _rates(self, price: Price, period: BillingPeriod) -> tuple[ContractedPrice, FreeAllowance | None]:
        known = (period, price.query)
        if known not in self._priced:
            contracted = self._own_rates.contracted(price, period)
            self._priced[known] = (contracted, covering_allowance(self._allowances, price))
        return self._priced[known]

    def _charges(self, ladder: _Ladder) -> Iterator[tuple[int, Charge]]:
        """The charges of a ladder, each beside the place of its usage in the candidate."""
        content = ladder.content
        if content not in self._charged:
            self._charged[content] = tuple(_charges(ladder))
        for at, charge in self._charged[content]:
            yield ladder.usages[at][0], charge


def bill(
    usages: Iterable[Usage], book: Prices, *, free_tier: bool, own_rates: OwnRates = NO_OWN_RATES
) -> Bill:
    """Price all usage of one candidate together, exactly, at own rates where there are any.

    Usage of equal price queries in one billing period shares the price's tiers, and everything an
    always-free allowance covers shares the allowance, in proportion to quantity. Free quantity
    counts towards the position in the tiers: with 1 TB free, the first tier of 10 TB sells 9 TB.
    Usage of nothing makes no charge. Charges stand in the order of the usages, tiers from the
    bottom up.

    Raises PriceNotFound, AmbiguousPrice, UnitMismatch when meter, price and own rate count differently, or
    AmbiguousOwnRate.

    Source: Amazon CloudFront price list, "First 1 TB free, next 9 TB" per month (2025-07-01);
    AWS Price List, free-tier SKUs `appliesTo` the discounted SKUs (2025-07-01).
    """
    return Biller(book, free_tier=free_tier, own_rates=own_rates).bill(usages)


def check_unit(meter: Meter, price: Price) -> None:
    """Raises UnitMismatch when the meter does not count in the price's unit."""
    unit = FOCUS_UNITS.get(price.pricing_unit)
    if unit != meter.consumed_unit:
        known = unit or "unknown"
        raise UnitMismatch(
            f"{meter.name} counts {meter.consumed_unit}, but {price.query} is priced per"
            f" {price.pricing_unit} ({known}). Give the meter the unit of its price."
        )


def covering_allowance(allowances: Iterable[FreeAllowance], price: Price) -> FreeAllowance | None:
    """The allowance that covers a price, if any.

    Raises AmbiguousPrice when several do, UnitMismatch when it counts in another unit.
    """
    covering = [allowance for allowance in allowances if allowance.covers(price.query)]
    if not covering:
        return None
    if len(covering) > 1:
        names = ", ".join(allowance.allowance_id for allowance in covering)
        raise AmbiguousPrice(f"{price.query} is covered by more than one free allowance: {names}")
    if covering[0].pricing_unit != price.pricing_unit:
        raise UnitMismatch(
            f"free allowance {covering[0].allowance_id} counts {covering[0].pricing_unit},"
            f" but {price.query} is priced per {price.pricing_unit}"
        )
    return covering[0]


def _identity(usage: Usage) -> tuple[str, str, Decimal]:
    return usage.resource_name, usage.meter.name, usage.consumed_quantity


def _grant(ladders: Sequence[_Ladder]) -> None:
    """Share each allowance out over the ladders it covers, in proportion to their quantity."""
    pools: defaultdict[tuple[BillingPeriod, FreeAllowance, str], list[_Ladder]] = defaultdict(list)
    for ladder in ladders:
        allowance = ladder.allowance
        if allowance:
            region_id = ladder.price.query.region_id if allowance.per_region else ""
            pools[ladder.period, allowance, region_id].append(ladder)
    for (_, allowance, _), members in pools.items():
        wanted = [ladder.quantity for ladder in members]
        granted = min(allowance.quantity, sum(wanted, ZERO))
        in_wholes = _step(allowance.pricing_unit, (granted, *wanted)) == 1
        shares = share_wholes(granted, wanted) if in_wholes else share_out(granted, wanted, wanted)
        for ladder, share in zip(members, shares, strict=True):
            if share:
                ladder.free = _Portion(ZERO, share, ZERO, ZERO, allowance)


def _portions(ladder: _Ladder) -> Iterator[_Portion]:
    """Cut a month's quantity into its free part and its tiers, from the bottom up."""
    paid_from = ZERO
    if ladder.free:
        yield ladder.free
        paid_from = ladder.free.quantity
    for tier in ladder.contracted.tiers:
        low = max(tier.begin, paid_from)
        high = ladder.quantity if tier.end is None else min(tier.end, ladder.quantity)
        if high > low:
            yield _Portion(tier.begin, high - low, tier.list_unit_price, tier.contracted_unit_price)


def _charges(ladder: _Ladder) -> Iterator[tuple[int, Charge]]:
    """Split every portion over the ladder's usages; each part is a charge, beside the place of its usage there."""
    wanted = [usage.consumed_quantity for _, usage in ladder.usages]
    left = wanted
    for portion in _portions(ladder):
        step = _step(ladder.price.pricing_unit, (portion.quantity, *wanted))
        parts = share_out(portion.quantity, wanted, left, step)
        left = [room - part for room, part in zip(left, parts, strict=True)]
        for at, part in enumerate(parts):
            if part:
                yield at, _charge(ladder.usages[at][1], ladder.contracted, portion, part)


def _step(pricing_unit: str, amounts: Iterable[Decimal]) -> Decimal:
    """No bill has a part of a request: what AWS counts one by one is split into wholes, where it comes in wholes."""
    counted = FOCUS_UNITS.get(pricing_unit) in COUNTED_UNITS
    return Decimal(1) if counted and not any(amount % 1 for amount in amounts) else QUANTITY_STEP


def share_out(
    amount: Decimal, weights: Sequence[Decimal], rooms: Sequence[Decimal], step: Decimal = QUANTITY_STEP
) -> list[Decimal]:
    """Split an amount in proportion to weights, in steps of a billionth or of others; the parts add up exactly.

    No part exceeds its room; what rounding leaves over goes to the last part that has room.
    Needs `amount <= sum(rooms)` and a positive sum of weights.
    """
    scale = sum(weights, ZERO) * step
    parts = [min(amount * weight // scale * step, room) for weight, room in zip(weights, rooms, strict=True)]
    rest = amount - sum(parts, ZERO)
    for index in reversed(range(len(parts))):
        extra = min(rest, rooms[index] - parts[index])
        parts[index] += extra
        rest -= extra
    return parts


def share_wholes(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split a whole amount in proportion to whole weights, into wholes. What is left over goes, one by one, where most
    was cut off, so that no part is a whole one away from its share and dear members gain as often as cheap ones.

    Needs `amount <= sum(weights)`; then no part exceeds its weight.
    """
    scale = sum(weights, ZERO)
    parts = [amount * weight // scale for weight in weights]
    rest = int(amount - sum(parts, ZERO))
    most_cut = sorted(range(len(parts)), key=lambda at: amount * weights[at] % scale, reverse=True)
    for at in most_cut[:rest]:
        parts[at] += 1
    return parts


def _charge(usage: Usage, contracted: ContractedPrice, portion: _Portion, quantity: Decimal) -> Charge:
    meter, price, allowance = usage.meter, contracted.price, portion.allowance
    cost = portion.contracted_unit_price * quantity
    if allowance:
        description = f"{price.description}, free allowance {allowance.allowance_id}"
        price_id = f"{price.query} free {allowance.allowance_id}"
    else:
        above = f", above {portion.begin:f} {price.pricing_unit}" if portion.begin else ""
        description = f"{price.description}{above}"
        price_id = f"{price.query} from {portion.begin:f}"
    return Charge(
        billing_period=usage.billing_period,
        service_name=meter.service_name,
        service_category=meter.service_category,
        resource_name=usage.resource_name,
        region_id=meter.query.region_id,
        sku_meter=meter.name,
        sku_price_id=price_id,
        charge_description=description,
        consumed_quantity=quantity,
        consumed_unit=meter.consumed_unit,
        pricing_quantity=quantity,
        pricing_unit=meter.consumed_unit,
        list_unit_price=portion.list_unit_price,
        list_cost=portion.list_unit_price * quantity,
        contracted_unit_price=portion.contracted_unit_price,
        contracted_cost=cost,
        effective_cost=cost,
        billed_cost=cost,
        pricing_category=_pricing_category(price.query.term),
        x_tier_begin=portion.begin,
        x_free=allowance is not None,
        x_rate_name="" if allowance else contracted.rate_name,
        x_price_change="" if allowance else contracted.change_name,
        x_formula=usage.formula,
        x_price_source=(allowance or price).source,
        x_price_as_of=(allowance or price).as_of,
        daily_cost=_spread(cost, usage.daily_quantity),
    )


def _pricing_category(term: str) -> str:
    if term == SPOT:
        return "Dynamic"
    return "Committed" if term.startswith("Reserved") else "Standard"


def _spread(cost: Decimal, daily_quantity: FloatArray) -> FloatArray:
    """A cost over the days of a month, in proportion to what each day used."""
    used = float(daily_quantity.sum())
    share = daily_quantity / used if used else np.full(len(daily_quantity), 1.0 / len(daily_quantity))
    daily_cost = share * float(cost)
    daily_cost.flags.writeable = False
    return daily_cost
