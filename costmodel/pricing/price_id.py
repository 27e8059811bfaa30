"""How a charge names its price: the text of the query, then the tier's begin or the free allowance."""

from __future__ import annotations

import re

from costmodel.errors import PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import SPOT, Price, PriceQuery
from costmodel.pricing.snapshot import PRICE_KINDS

_PRICE_ID = re.compile(r"(?P<query>\S+ \S+ .*) (?P<part>from|free) (?P<which>\S+)")
_SPOT_ENDING = f" ({SPOT})"


def query_text(price_id: str) -> str:
    """The query's part of a charge's `sku_price_id`; a text that is none, as it is.

    `AmazonEC2 eu-west-1 BoxUsage:m7g.large from 0` is about `AmazonEC2 eu-west-1 BoxUsage:m7g.large`.
    """
    found = _PRICE_ID.fullmatch(price_id)
    return found["query"] if found else price_id


def named_price(book: PriceBook, text: str) -> Price | None:
    """The price of a book that a `sku_price_id`, or a query's text, names; None if there is none.

    There is none either where the price has no tier that begins there, or the allowance does not cover
    it. Spot hours over all zones stand in no file: they are worked out, as for a bill. Raises PriceCacheCorrupt.
    """
    wanted = query_text(text)
    service_code, region_id, usage = [*wanted.split(" ", 2), "", ""][:3]
    prices = book.prices(region_id, service_code, PRICE_KINDS)
    price = next((price for price in prices if str(price.query) == wanted), None)
    if price is None and usage.endswith(_SPOT_ENDING):
        query = PriceQuery(service_code, region_id, usage.removesuffix(_SPOT_ENDING), term=SPOT)
        price = _worked_out(book, query)
    return price if price and _has_part(book, price, text) else None


def _worked_out(book: PriceBook, query: PriceQuery) -> Price | None:
    try:
        return book.price(query)
    except PriceNotFound:
        return None


def _has_part(book: PriceBook, price: Price, text: str) -> bool:
    """Whether a price has the tier or the free allowance that a `sku_price_id` names; a query's text names none."""
    found = _PRICE_ID.fullmatch(text)
    if found is None:
        return True
    if found["part"] == "from":
        return found["which"] in {f"{tier.begin:f}" for tier in price.tiers}
    return any(
        found["which"] == allowance.allowance_id and allowance.covers(price.query)
        for allowance in book.allowances
    )
