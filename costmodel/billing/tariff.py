"""The screening cost: what `bill` would come to, in floats, fast enough to compare thousands of candidates.

A design's usage compiles once. What has one price and no allowance is summed on the spot; what
shares tiers or an allowance with other designs stays a quantity until the candidate is complete.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from costmodel.billing.rate import Prices, check_unit, covering_allowance
from costmodel.billing.rates import NO_OWN_RATES, ContractedPrice, OwnRates
from costmodel.demand.calendar import BillingPeriod
from costmodel.pricing.price import FreeAllowance, Price, PriceQuery
from costmodel.services._base import Usage

_Step = tuple[float, float, float, float]
"""End, begin and unit price of a tier, and what everything below it costs."""
_NO_POOL = 0
"""The pool of nothing, for ladders that no allowance covers."""


@dataclass(frozen=True, slots=True)
class CostSketch:
    """The usage of one design, ready to be costed together with other designs."""

    alone_usd: float
    """Cost of what shares neither tiers nor allowances."""
    shared: tuple[tuple[int, float], ...]
    """Quantities of the rest, by the number its tariff gave their ladder."""


@dataclass(frozen=True, slots=True)
class _Ladder:
    """One price in one billing period."""

    number: int
    price: Price
    steps: tuple[_Step, ...]
    pool: int
    """Number of the allowance that covers it; `_NO_POOL` for none."""

    @property
    def flat(self) -> bool:
        """Whether the cost of a usage does not depend on other usages."""
        return len(self.steps) == 1 and self.pool == _NO_POOL


class Tariff:
    """A price book and own rates with their ladders compiled to floats; sketches belong to the tariff that made them."""

    def __init__(self, book: Prices, *, free_tier: bool, own_rates: OwnRates = NO_OWN_RATES) -> None:
        self._book = book
        self._own_rates = own_rates
        self._allowances = book.allowances if free_tier else ()
        self._asked: dict[tuple[PriceQuery, BillingPeriod], _Ladder] = {}
        self._ladders: dict[tuple[PriceQuery, BillingPeriod], _Ladder] = {}
        self._compiled: list[tuple[tuple[_Step, ...], int]] = []
        """Steps and pool of every ladder, by its number."""
        self._least: list[tuple[tuple[_Step, ...], int]] = []
        """The same with agreed steps at their cheapest."""
        self._pools: dict[tuple[BillingPeriod, FreeAllowance, str], int] = {}
        self._free_quantities = [0.0]
        """Quantity of every pool, by its number."""

    def sketch(self, usages: Iterable[Usage]) -> CostSketch:
        """Compile the usage of a design, or of several.

        Raises PriceNotFound, AmbiguousPrice or UnitMismatch, as `bill` does.
        """
        alone_usd = 0.0
        shared: dict[int, float] = {}
        for usage in usages:
            quantity = float(usage.consumed_quantity)
            if not quantity:
                continue
            ladder = self._ladder(usage)
            if ladder.flat:
                alone_usd += quantity * ladder.steps[0][2]
            else:
                shared[ladder.number] = shared.get(ladder.number, 0.0) + quantity
        return CostSketch(alone_usd, tuple(shared.items()))

    def cost_usd(self, sketches: Iterable[CostSketch]) -> float:
        """What `bill` of all the sketched usages together comes to, up to float rounding: of a shared allowance that is
        counted one by one, up to a part of one.
        """
        return self._sum_usd(sketches, self._compiled)

    def least_usd(self, sketches: Iterable[CostSketch]) -> float:
        """A cost that the usages do not fall below, however far others beside them climb agreed steps."""
        return self._sum_usd(sketches, self._least)

    def _sum_usd(
        self, sketches: Iterable[CostSketch], compiled: Sequence[tuple[tuple[_Step, ...], int]]
    ) -> float:
        cost = 0.0
        quantities: dict[int, float] = {}
        for sketch in sketches:
            cost += sketch.alone_usd
            for number, quantity in sketch.shared:
                quantities[number] = quantities.get(number, 0.0) + quantity
        pooled = [0.0] * len(self._free_quantities)
        for number, quantity in quantities.items():
            pooled[compiled[number][1]] += quantity
        covered_ratios = [
            min(1.0, free / quantity) if quantity else 0.0
            for free, quantity in zip(self._free_quantities, pooled, strict=True)
        ]
        for number, quantity in quantities.items():
            steps, pool = compiled[number]
            cost += _climb_usd(steps, quantity)
            if pool:
                cost -= _climb_usd(steps, quantity * covered_ratios[pool])
        return cost

    def _ladder(self, usage: Usage) -> _Ladder:
        asked = (usage.meter.query, usage.billing_period)
        ladder = self._asked.get(asked)
        if ladder is None:
            price = self._book.price(usage.meter.query)
            answered = (price.query, usage.billing_period)
            if answered not in self._ladders:
                self._ladders[answered] = self._compile(price, usage.billing_period)
            ladder = self._asked[asked] = self._ladders[answered]
        check_unit(usage.meter, ladder.price)
        return ladder

    def _compile(self, price: Price, period: BillingPeriod) -> _Ladder:
        contracted = self._own_rates.contracted(price, period)
        ladder = _Ladder(len(self._compiled), price, _steps(contracted), self._pool(price, period))
        self._compiled.append((ladder.steps, ladder.pool))
        cheapest = min(unit_price for _, _, unit_price, _ in ladder.steps)
        least = ((math.inf, 0.0, cheapest, 0.0),) if contracted.own_tiers else ladder.steps
        self._least.append((least, ladder.pool))
        return ladder

    def _pool(self, price: Price, period: BillingPeriod) -> int:
        allowance = covering_allowance(self._allowances, price)
        if allowance is None:
            return _NO_POOL
        pool = (period, allowance, price.query.region_id if allowance.per_region else "")
        if pool not in self._pools:
            self._pools[pool] = len(self._free_quantities)
            self._free_quantities.append(float(allowance.quantity))
        return self._pools[pool]


def _steps(price: ContractedPrice) -> tuple[_Step, ...]:
    steps = []
    below_usd = 0.0
    for tier in price.tiers:
        begin, unit_price = float(tier.begin), float(tier.contracted_unit_price)
        end = math.inf if tier.end is None else float(tier.end)
        steps.append((end, begin, unit_price, below_usd))
        below_usd += (end - begin) * unit_price if tier.end is not None else 0.0
    return tuple(steps)


def _climb_usd(steps: tuple[_Step, ...], quantity: float) -> float:
    """Cost of a quantity that starts at the bottom of the tiers."""
    for end, begin, unit_price, below_usd in steps:
        if quantity <= end:
            return below_usd + (quantity - begin) * unit_price
    raise AssertionError("the last tier has no end")
