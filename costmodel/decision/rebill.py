"""What a saved run's use would cost at other prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from costmodel.billing.charge import Bill
from costmodel.billing.rate import bill
from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.decision.run import ChargeNote, Run
from costmodel.demand.calendar import BillingPeriod
from costmodel.errors import PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.price_id import named_price, query_text
from costmodel.services._base import Meter, Usage


def rebill(
    run: Run,
    book: PriceBook,
    own_rates: OwnRates = NO_OWN_RATES,
    *,
    free_tier: bool | None = None,
) -> Bill:
    """Bill the use behind a run's charges again, with or without free allowances: as in the run when not said.

    Raises PriceNotFound, naming every price that the book does not have, and UnitMismatch.
    """
    by_use: dict[tuple[str, ...], list[ChargeNote]] = defaultdict(list)
    for charge in run.charges:
        by_use[
            charge.billing_period,
            charge.resource_name,
            charge.sku_meter,
            query_text(charge.sku_price_id),
            charge.x_formula,
        ].append(charge)
    queries = _queries(book, run.charges)
    usages = [_usage(charges, queries[query_text(charges[0].sku_price_id)]) for charges in by_use.values()]
    if free_tier is None:
        free_tier = bool(run.scenario["account"]["free_tier"])
    return bill(usages, book, free_tier=free_tier, own_rates=own_rates)


def _queries(book: PriceBook, charges: Iterable[ChargeNote]) -> dict[str, PriceQuery]:
    """The book's query for each text. Raises PriceNotFound."""
    wanted = {query_text(charge.sku_price_id) for charge in charges}
    places = {tuple(text.split(" ", 2)[:2]) for text in wanted}
    known = {
        str(price.query): price.query
        for service_code, region_id in sorted(places)
        for price in book.prices(region_id, service_code)
    }
    worked_out = {text: named_price(book, text) for text in sorted(wanted - known.keys())}
    known |= {text: price.query for text, price in worked_out.items() if price}
    missing = sorted(wanted - known.keys())
    if missing:
        raise PriceNotFound(
            f"the price book of {book.manifest.book_date} has no price for {', '.join(missing)}. "
            "See what it has with: costmodel prices status"
        )
    return {text: known[text] for text in wanted}


def _usage(charges: list[ChargeNote], query: PriceQuery) -> Usage:
    """The use of one meter in one month, put together again from its tiers."""
    first = charges[0]
    period = BillingPeriod.parse(first.billing_period)
    return Usage(
        meter=Meter(first.sku_meter, first.service_name, first.service_category, first.consumed_unit, query),
        resource_name=first.resource_name,
        billing_period=period,
        consumed_quantity=sum((charge.consumed_quantity for charge in charges), Decimal(0)),
        daily_quantity=np.ones(period.days),
        formula=first.x_formula,
    )
