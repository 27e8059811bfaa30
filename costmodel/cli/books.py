"""Which price book a command uses, and whether its prices are too old: the one place that asks the clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.console import messages
from costmodel.cli.options import count, one_of

if TYPE_CHECKING:
    from costmodel.pricing.book import PriceBook
    from costmodel.pricing.price import Price

STALE_AFTER_DAYS = 400
"""Prices nobody has confirmed for longer draw a warning.

Source: engineering choice. AWS announces most price changes once a year, around its conference in
December; after thirteen months a price has surely missed one such round.
"""

PricesOption = Annotated[
    str | None,
    typer.Option(
        "--prices",
        metavar="DATE|PATH",
        help="Use the newest price book of that day or before, or the one in that folder.",
        show_default=False,
    ),
]
MaxPriceAgeOption = Annotated[
    int | None,
    typer.Option(
        "--max-price-age",
        metavar="DAYS",
        parser=count,
        help=f"Fail when a price used was last confirmed longer ago; without this, {STALE_AFTER_DAYS} days warn.",
        show_default=False,
    ),
]

REFRESH = "Fetch today's with: costmodel prices refresh"


def today() -> date:
    """The day in UTC, as this computer's clock has it."""
    return datetime.now(UTC).date()


def open_book(which: str | None) -> PriceBook:
    """The price book that `--prices` names; without it the one in force."""
    from costmodel.pricing.shelf import Shelf

    return Shelf().open(which)


def check_places(books: Iterable[PriceBook], region: str | None, service: str | None) -> None:
    """Raise BadParameter when none of the books has that region, or nothing of that service."""
    held = [service_held for book in books for service_held in book.coverage()]
    if region is not None:
        one_of(region, sorted({place for of in held for place in of.region_ids}), "--region")
    if service is not None:
        one_of(service, sorted({of.service_code for of in held}), "--service")


def used_prices(book: PriceBook, price_ids: Iterable[str]) -> list[Price]:
    """Prices of the book that charges with these `sku_price_id`s were made from. Own rates are not the book's."""
    from costmodel.pricing.price_id import query_text

    used = {query_text(price_id) for price_id in price_ids}
    return [price for price in book.given if str(price.query) in used]


def check_ages(book: PriceBook, prices: Iterable[Price], max_age_days: int | None) -> None:
    """Warn on stderr, or with a greatest age raise PricesTooOld, when a price is too old.

    A price is as old as the day it was last known to be AWS's. Where the book is dated after today
    no age can be told, and that is said instead.
    """
    from costmodel.errors import PricesTooOld

    limit = STALE_AFTER_DAYS if max_age_days is None else max_age_days
    oldest: dict[str, str] = {}
    for price in prices:
        service_code, confirmed_on = price.query.service_code, book.confirmed_on(price)
        oldest[service_code] = min(oldest.get(service_code, confirmed_on), confirmed_on)
    too_old = {
        service_code: day
        for service_code, day in sorted(oldest.items(), key=lambda item: item[1])
        if age_days(day) > limit
    }
    problem = clock_problem(book) if oldest else ""
    if max_age_days is None:
        if too_old:
            service_code, day = next(iter(too_old.items()))
            more = f" and {len(too_old) - 1} more" if len(too_old) > 1 else ""
            problem = problem or (
                f"prices of {service_code} ({day}){more} were last confirmed over {limit} days ago. {REFRESH}"
            )
        if problem:
            warn(problem)
        return
    if problem:
        raise PricesTooOld(f"{problem} Set the clock right, or leave out --max-price-age.")
    if too_old:
        listed = ", ".join(f"{code} on {day} ({age_days(day)} days)" for code, day in too_old.items())
        raise PricesTooOld(
            f"prices were last confirmed more than {limit} days ago: {listed}. {REFRESH}, or allow more with "
            "--max-price-age."
        )


def age_days(day: str) -> int:
    """Days from a day (YYYY-MM-DD) to today."""
    return (today() - date.fromisoformat(day)).days


def clock_problem(book: PriceBook) -> str:
    """One sentence when the book is dated after today, else nothing."""
    confirmed_on = book.manifest.confirmed_on
    if confirmed_on <= today().isoformat():
        return ""
    return (
        f"the price book is dated {confirmed_on}, after today, {today()}: the clock of this computer or of the one "
        "that fetched the prices is wrong, and their age cannot be told."
    )


def warn(problem: str) -> None:
    """One line on stderr."""
    messages().print(f"Warning: {problem}", soft_wrap=True)
