"""Whether a price can be true: beside the one before, the snapshot's, and what the same use costs on demand.

What moves too far, and a ladder of another shape, is refused until the user accepts it by name. What has moved
far, step by step, from the price that shipped is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from costmodel.errors import ImplausiblePrice, UnusableUnit
from costmodel.pricing.commitment import CommitmentKind, commitment_of
from costmodel.pricing.difference import UnitPriceMove, unit_price_moves, what_is_charged
from costmodel.pricing.ladder_shape import changes_of_shape
from costmodel.pricing.price import ON_DEMAND, SPOT, Price, PriceQuery

LARGEST_CHANGE_FACTOR = Decimal(5)
"""A price that is more than so many times above or below the one before is taken for a mistake.

Source: engineering choice. The largest change of a list price that the snapshot's sources record is the
halving of DynamoDB on-demand requests (AWS announcement, 2024-11-14); a misplaced decimal point is a
factor of 10.
"""
OUTLIER_FACTOR = Decimal(2)
"""A unit price more than this many times above or below the snapshot's at the same quantity is an outlier.

Source: engineering choice, as above: that halving still passes.
"""
PLAN_SHARES = (Decimal("0.2"), Decimal(1))
"""A Savings Plans rate is at least and at most so much of its on-demand price; else it is a mistake.

Source: AWS Savings Plans page (2026): they save up to 72 %, which leaves 0.28. That a fifth is the least is
an engineering choice.
"""
PLAN_SAVINGS = {
    (CommitmentKind.INSTANCE_PLAN, "AmazonEC2"): Decimal("0.72"),
    (CommitmentKind.COMPUTE_PLAN, "AmazonEC2"): Decimal("0.66"),
    (CommitmentKind.COMPUTE_PLAN, "AWSLambda"): Decimal("0.17"),
    (CommitmentKind.DATABASE_PLAN, "AmazonRDS"): Decimal("0.35"),
    (CommitmentKind.DATABASE_PLAN, "AmazonDynamoDB"): Decimal("0.18"),
}
"""Kind of plan and service -> the most that it is known to save.

Source: `savings_plans.csv` of the snapshot (2026-03 to 2026-08), as in docs/commitments.md; a test compares them.
"""
PLAN_MARGIN = Decimal("0.05")
"""A plan may save so much more of the on-demand price than is known. Source: engineering choice."""
SPOT_SHARES = (Decimal("0.05"), Decimal("1.1"))
"""A spot price is at least and at most so much of its on-demand price; else it is a mistake.

Source: engineering choice. Spot instances save up to 90 % (EC2 Spot page, 2026), which leaves a tenth, and
the on-demand price is the most that is paid unless the buyer names another maximum (EC2 User Guide).
"""
ON_DEMAND_MOVE = Decimal(2)
"""How many times the on-demand price may have moved since the book was made, where AWS has not told it anew.

Source: engineering choice. The largest recorded change is a halving (`LARGEST_CHANGE_FACTOR`).
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """A price that is far from one known before, and was taken all the same."""

    name: str
    begin: Decimal
    """From this quantity of the month on."""
    pricing_unit: str
    known: Decimal
    """US dollars for one unit."""
    now: Decimal
    where: str
    """Where the known one stands: `before`, `in the snapshot`, `on demand`."""
    accepted: bool
    """The user named it; else it is only told."""
    sku_id: str
    change: str = ""
    """What of it was accepted, in words, where that is not how far it moved: its tiers, or its unit."""


def moved_far(
    price: Price, before: Price | None, first: Price | None, accepted: Collection[str]
) -> tuple[Moved, ...]:
    """What there is to tell about a list price, beside the one before and the snapshot's.

    Raises ImplausiblePrice where its tiers are of another shape than those of the one before, or else of the
    snapshot's; and where it is more than LARGEST_CHANGE_FACTOR times above or below either at any quantity;
    and the user has not accepted it. One that stays as it was is not asked about again: small steps that add
    up are noticed at the one that goes too far.
    """
    reshaped = _refuse_reshaped(price, before, first, accepted)
    taken = None if before is None else refuse_moved(price, before, "before", accepted)
    if first is not None and taken is None and not _same(price, before):
        taken = refuse_moved(price, first, "in the snapshot", accepted)
        step = _too_far(price, first, OUTLIER_FACTOR)
        if taken is None and step is not None:
            taken = moved(price, step, "in the snapshot", accepted=False)
    return tuple(of for of in (reshaped, taken) if of is not None)


def _refuse_reshaped(
    price: Price, before: Price | None, first: Price | None, accepted: Collection[str]
) -> Moved | None:
    """What the user accepted, if anything. Raises ImplausiblePrice for tiers of another shape that nobody accepted.

    Source: engineering choice. AWS announces a ladder of another shape, and seldom (AWS announcement, Lambda tiered
    pricing, 2022-08-08), so that asking each time costs little.
    """
    known, where = (before, "before") if before is not None else (first, "in the snapshot")
    changes = () if known is None else changes_of_shape(price, known, where)
    if known is None or not changes:
        return None
    step = _too_far(price, known, LARGEST_CHANGE_FACTOR)
    if not is_accepted(price, accepted):
        too_far = () if step is None else (_apart(price, step, where),)
        raise ImplausiblePrice(f"{price.query}", "; ".join((*too_far, *changes)))
    steps = unit_price_moves(known.tiers, price.tiers)
    first_step = next((of for of in steps if of.before != of.after), steps[0])
    return replace(moved(price, first_step, where, accepted=True), change="; ".join(changes))


def refuse_moved(price: Price, known: Price, where: str, accepted: Collection[str]) -> Moved | None:
    """What the user accepted, if anything. Raises ImplausiblePrice for a move too far that nobody accepted.

    A price of 0 is not compared. `where` says where the known one stands.
    """
    step = _too_far(price, known, LARGEST_CHANGE_FACTOR)
    if step is None:
        return None
    if not is_accepted(price, accepted):
        raise ImplausiblePrice(f"{price.query}", _apart(price, step, where))
    return moved(price, step, where, accepted=True)


def _apart(price: Price, step: UnitPriceMove, where: str) -> str:
    return (
        f"{step.after:f} per {price.pricing_unit} from {step.begin:f} on, {step.before:f} {where}: "
        f"more than {LARGEST_CHANGE_FACTOR:f} times apart"
    )


def check_against_on_demand(
    prices: Iterable[Price],
    shares_of: Callable[[PriceQuery], tuple[Decimal, Decimal]],
    known: Mapping[PriceQuery, Price],
    told: Mapping[PriceQuery, Price],
    accepted: Collection[str],
) -> list[Moved]:
    """Compare Savings Plans rates or spot prices with the on-demand prices of the same uses.

    Those are what AWS has just told, else the book's `known`, from which the price may have moved. Of several
    tiers the dearest counts. Returns what is beyond the shares and was accepted. Raises UnusableUnit where one
    counts in another unit, and ImplausiblePrice.
    """
    taken = []
    for price in prices:
        query = _on_demand(price.query)
        on_demand = told.get(query) or known.get(query)
        if on_demand is None:
            continue
        if price.pricing_unit != on_demand.pricing_unit:
            raise UnusableUnit(
                f"{price.query}", f"counts in {price.pricing_unit!r}, on demand in {on_demand.pricing_unit!r}"
            )
        shares = shares_of(price.query)
        move = Decimal(1) if query in told else ON_DEMAND_MOVE
        least, most = shares[0] / move, shares[1] * move
        dearest = max(tier.list_unit_price for tier in on_demand.tiers)
        beyond = [
            tier
            for tier in price.tiers
            if dearest and not least * dearest <= tier.list_unit_price <= most * dearest
        ]
        for tier in beyond[:1]:
            if not is_accepted(price, accepted):
                raise ImplausiblePrice(
                    f"{price.query}",
                    f"{tier.list_unit_price:f} per {price.pricing_unit}, {dearest:f} on demand: "
                    f"not between {least:f} and {most:f} times that",
                )
            step = UnitPriceMove(tier.begin, dearest, tier.list_unit_price)
            taken.append(moved(price, step, "on demand", accepted=True))
    return taken


def plan_shares(query: PriceQuery) -> tuple[Decimal, Decimal]:
    """How much of its on-demand price a Savings Plans rate is, at least and at most."""
    commitment = commitment_of(query.service_code, query.term)
    saved = commitment and PLAN_SAVINGS.get((commitment.kind, query.service_code))
    least, most = PLAN_SHARES
    return (1 - saved - PLAN_MARGIN if saved else least), most


def spot_shares(_: PriceQuery) -> tuple[Decimal, Decimal]:
    """How much of its on-demand price a spot price is, at least and at most."""
    return SPOT_SHARES


def without_on_demand(prices: Iterable[Price], known: Collection[PriceQuery]) -> list[Price]:
    """Those whose use has no price on demand among the known ones, to be compared with."""
    return [price for price in prices if _on_demand(price.query) not in known]


def _on_demand(query: PriceQuery) -> PriceQuery:
    """What the same use is called on demand."""
    attributes = () if query.term == SPOT else query.attributes
    usage_type = query.usage_type.replace("SpotUsage:", "BoxUsage:")
    return replace(query, usage_type=usage_type, attributes=attributes, term=ON_DEMAND)


def _same(price: Price, before: Price | None) -> bool:
    return before is not None and what_is_charged(before) == what_is_charged(price)


def is_accepted(price: Price, accepted: Collection[str]) -> bool:
    """Whether the user named a price or its SKU."""
    return str(price.query) in accepted or (price.sku_id != "" and price.sku_id in accepted)


def _too_far(price: Price, known: Price, factor: Decimal) -> UnitPriceMove | None:
    """The first step at which a price is more than `factor` times above or below a known one."""
    for step in unit_price_moves(known.tiers, price.tiers):
        if step.before and step.after and not 1 / factor <= step.after / step.before <= factor:
            return step
    return None


def moved(price: Price, step: UnitPriceMove, where: str, *, accepted: bool) -> Moved:
    """What there is to tell about a price that is far from a known one."""
    known, now = step.before or Decimal(0), step.after or Decimal(0)
    return Moved(str(price.query), step.begin, price.pricing_unit, known, now, where, accepted, price.sku_id)
