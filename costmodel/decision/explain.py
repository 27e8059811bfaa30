"""A saved run explained: its bill line by line, each line down to the price, and why every other option lost.

A line is one meter of one resource at one price, over all months. Its charges are the parts of it that
lie in one month and one tier, or that a free allowance covers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from costmodel.billing.charge import EXACT, dollars
from costmodel.decision.run import ChargeNote, Comparison, RejectionNote, Run
from costmodel.errors import AmbiguousLine, LineNotFound, LineUnsound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import Price
from costmodel.pricing.price_id import named_price, query_text
from costmodel.units import figure


@dataclass(frozen=True, slots=True)
class Line:
    """One meter of one resource at one price, over all months of a run."""

    number: int
    """Place among the lines, the dearest first, from 1."""
    service_name: str
    resource_name: str
    region_id: str
    sku_meter: str
    price_name: str
    """The price's query in words, as `costmodel prices show` takes it."""
    billed_cost: Decimal
    """Over the whole run, exact."""
    charges: tuple[ChargeNote, ...]

    @property
    def formulas(self) -> tuple[str, ...]:
        """How its quantity comes about, in the words of the service; one unless months differ."""
        return tuple(dict.fromkeys(charge.x_formula for charge in self.charges))

    def __str__(self) -> str:
        return f"{self.service_name}, {self.resource_name}, {self.sku_meter}, {self.region_id}"


@dataclass(frozen=True, slots=True)
class Step:
    """One charge of a line: a multiplication that has been done again and agrees."""

    charge: ChargeNote
    rate_code: str
    """AWS's code of the price's step; empty where the price book does not carry it, or nothing is paid."""

    @property
    def part(self) -> str:
        """Which part of the quantity it is about."""
        charge = self.charge
        if charge.x_free:
            return "free"
        return f"from {figure(float(charge.x_tier_begin))}" if charge.x_tier_begin else "from 0"

    @property
    def sum_words(self) -> str:
        """The multiplication to the last digit: `744 Hours x $0.0225 = $16.74`."""
        charge = self.charge
        return (
            f"{plain(charge.pricing_quantity)} {charge.pricing_unit} x ${plain(charge.contracted_unit_price)}"
            f" = ${plain(charge.billed_cost)}"
        )


@dataclass(frozen=True, slots=True)
class Walk:
    """Where one line's dollars come from."""

    line: Line
    price: Price | None
    """What the price book says; None without the book that the run was made with."""
    steps: tuple[Step, ...]


def lines(run: Run) -> tuple[Line, ...]:
    """The lines of the bill, the dearest first; equal ones in the order of the bill."""
    alike: defaultdict[tuple[str, ...], list[ChargeNote]] = defaultdict(list)
    for charge in run.charges:
        alike[
            charge.service_name,
            charge.resource_name,
            charge.region_id,
            charge.sku_meter,
            query_text(charge.sku_price_id),
        ].append(charge)
    ranked = sorted(alike.values(), key=_sum, reverse=True)
    return tuple(_line(number, charges) for number, charges in enumerate(ranked, start=1))


def _line(number: int, charges: Sequence[ChargeNote]) -> Line:
    first = charges[0]
    return Line(
        number,
        first.service_name,
        first.resource_name,
        first.region_id,
        first.sku_meter,
        query_text(first.sku_price_id),
        _sum(charges),
        tuple(charges),
    )


def find_line(run: Run, text: str) -> Line:
    """The line with this number, or the one whose service, resource, meter, region and price hold all these words.

    Raises LineNotFound, and AmbiguousLine where several lines do.
    """
    known = lines(run)
    if text.isascii() and text.isdigit():
        found = [line for line in known if str(line.number) == text]
    else:
        words = text.casefold().split()
        found = [line for line in known if words and all(word in _words(line) for word in words)]
    if not found:
        raise LineNotFound(f"the bill has no line {text[:60]!r}. It has:\n{_listed(known)}")
    if len(found) > 1:
        raise AmbiguousLine(
            f"{len(found)} lines match {text[:60]!r}. Give a number, or more words:\n{_listed(found)}"
        )
    return found[0]


def walk(line: Line, book: PriceBook | None) -> Walk:
    """Follow a line down to the prices of the book that its run was made with, checking every step.

    Raises LineUnsound where the line's multiplications or its list prices do not hold.
    """
    price = None if book is None else named_price(book, line.price_name)
    if book is not None and price is None:
        raise LineUnsound(f"{line}: its price book has no price {line.price_name!r}")
    steps = tuple(_step(line, charge, price) for charge in line.charges)
    return Walk(line, price, steps)


def _step(line: Line, charge: ChargeNote, price: Price | None) -> Step:
    with localcontext(EXACT):
        cost = charge.contracted_unit_price * charge.pricing_quantity
    if cost != charge.billed_cost:
        raise LineUnsound(
            f"{line}: in {charge.billing_period}, {plain(charge.pricing_quantity)} x "
            f"{plain(charge.contracted_unit_price)} is {plain(cost)}, not {plain(charge.billed_cost)}"
        )
    if price is None or charge.x_free:
        return Step(charge, "")
    tier = next(tier for tier in reversed(price.tiers) if tier.begin <= charge.x_tier_begin)
    if tier.list_unit_price != charge.list_unit_price:
        raise LineUnsound(
            f"{line}: the run's list price is {plain(charge.list_unit_price)}, that of its price book "
            f"{plain(tier.list_unit_price)}"
        )
    return Step(charge, tier.rate_code)


@dataclass(frozen=True, slots=True)
class Loss:
    """Options that lost for one reason."""

    option: str
    reason: str
    designs: int = 1
    """How many designs, or combinations of designs, it is about."""

    def __str__(self) -> str:
        more = f" and {self.designs - 1:,} more like it" if self.designs > 1 else ""
        return f"{self.option}{more}: {self.reason}."


def losing_kinds(run: Run) -> Iterator[Loss]:
    """Every kind of a role that was not recommended, with the one reason."""
    for row in run.comparisons:
        if row.why != "recommended":
            yield Loss(_kind_words(row), row.why)


def rejected(run: Run) -> Iterator[Loss]:
    """Every rejected design or combination by what it breaks; of those alike the one that came nearest to holding."""
    alike: defaultdict[tuple[object, ...], list[RejectionNote]] = defaultdict(list)
    for rejection in run.rejections:
        alike[rejection.constraint, rejection.unit, rejection.kinds].append(rejection)
    for group in sorted(alike.values(), key=lambda group: -sum(rejection.candidates for rejection in group)):
        nearest = min(group, key=lambda rejection: rejection.excess)
        yield Loss(nearest.subject, nearest.reason, len(group))


def _kind_words(row: Comparison) -> str:
    kind = row.kind.replace("_", " ")
    return f"{kind} ({row.label})" if row.label else kind


def _sum(charges: Sequence[ChargeNote]) -> Decimal:
    with localcontext(EXACT):
        return sum((charge.billed_cost for charge in charges), Decimal(0))


def _words(line: Line) -> str:
    return f"{line} {line.price_name}".casefold()


def _listed(found: Sequence[Line]) -> str:
    """Lines by number, a row each."""
    return "\n".join(f"  {line.number}  {line}: {dollars(line.billed_cost)}" for line in found)


def plain(amount: Decimal) -> str:
    """An exact amount without exponent and without zeros at the end."""
    return f"{amount.normalize(EXACT):f}" if amount else "0"
