"""How a charge names its price: the text of the query, then the tier's begin or the free allowance."""

from __future__ import annotations

import re

from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import Price
from costmodel.pricing.snapshot import PRICE_KINDS

_PRICE_ID = re.compile(r"(?P<query>\S+ \S+ .*) (from|free) \S+")


def query_text(price_id: str) -> str:
    """The query's part of a charge's `sku_price_id`; a text that is none, as it is.

    `AmazonEC2 eu-west-1 BoxUsage:m7g.large from 0` is about `AmazonEC2 eu-west-1 BoxUsage:m7g.large`.
    """
    found = _PRICE_ID.fullmatch(price_id)
    return found["query"] if found else price_id


def named_price(book: PriceBook, text: str) -> Price | None:
    """The price of a book that a `sku_price_id`, or a query's text, names; None if there is none.

    Raises PriceCacheCorrupt.
    """
    wanted = query_text(text)
    service_code, region_id, *_ = [*wanted.split(" ", 2), "", ""]
    prices = book.prices(region_id, service_code, PRICE_KINDS)
    return next((price for price in prices if str(price.query) == wanted), None)
