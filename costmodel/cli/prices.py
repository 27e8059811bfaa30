"""`costmodel prices`: what the price book holds and what a thing costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.console import Format, messages, print_result, table_of, write_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from costmodel.pricing.book import PriceBook
    from costmodel.pricing.price import Price

app = typer.Typer(help="Look into the price book.", no_args_is_help=True)

SHOWN_PRICES = 20


@app.command("status")
def status(
    output: Annotated[Format, typer.Option("--format", help="How to print the status.")] = Format.TABLE,
) -> None:
    """Say which prices are at hand and how old they are.

    Also checks every price file against its checksum.
    """
    from costmodel.pricing.book import PriceBook

    book = PriceBook.shipped()
    book.verify()
    if output is Format.JSON:
        _print_json(_status(book))
        return
    coverage = book.coverage()
    table = table_of("Service", "Regions", "Rows", "Oldest", "Newest", right=("Regions", "Rows"))
    for service in coverage:
        table.add_row(
            service.service_code,
            str(len(service.region_ids)),
            f"{service.rows:,}",
            service.oldest_as_of,
            service.newest_as_of,
        )
    print_result(
        table,
        f"{sum(service.rows for service in coverage):,} rows, checksums hold, book {book.digest[:12]}. "
        f"Regions: {', '.join(book.regions())}.",
    )


@app.command("show")
def show(
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT", help="Part of a usage type, description, attribute or service code."),
    ],
    region: Annotated[
        str | None, typer.Option(help="Only this region, `global`, or `edge:<geography>`.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="Only this service code, such as AmazonEC2.")] = None,
    reserved: Annotated[bool, typer.Option("--reserved", help="Also search reservation rates.")] = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the prices.")] = Format.TABLE,
) -> None:
    """Show prices with their tiers, units, sources and dates."""
    from costmodel.errors import PriceNotFound
    from costmodel.pricing.book import PriceBook

    book = PriceBook.shipped()
    found = book.search(text, region, service, include_reserved=reserved)
    if not found:
        raise PriceNotFound(
            f"no price matches {text!r}"
            + (f" in {region}" if region else "")
            + (f" of {service}" if service else "")
            + ". Try a shorter text, leave out --region, or see what is there with: costmodel prices status"
        )
    if output is Format.JSON:
        _print_json([_plain(price) for price in found])
        return
    print_result(*_tables(found[:SHOWN_PRICES]))
    if len(found) > SHOWN_PRICES:
        messages().print(
            f"{len(found) - SHOWN_PRICES} more: narrow it with --region, --service or a longer text"
        )


def _print_json(document: object) -> None:
    import json

    write_json(json.dumps(document, indent=2).encode() + b"\n")


def _status(book: PriceBook) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "digest": book.digest,
        "oldest_as_of": book.oldest_as_of,
        "newest_as_of": book.newest_as_of,
        "regions": book.regions(),
        "services": [asdict(service) for service in book.coverage()],
    }


def _plain(price: Price) -> dict[str, Any]:
    return {
        "service_code": price.query.service_code,
        "region_id": price.query.region_id,
        "usage_type": price.query.usage_type,
        "attributes": dict(price.query.attributes),
        "term": price.query.term,
        "description": price.description,
        "pricing_unit": price.pricing_unit,
        "currency": price.currency,
        "tiers": [
            {
                "begin": str(tier.begin),
                "end": None if tier.end is None else str(tier.end),
                "list_unit_price": f"{tier.list_unit_price:f}",
            }
            for tier in price.tiers
        ],
        "source": price.source,
        "as_of": price.as_of,
    }


def _tables(prices: Sequence[Price]) -> Iterator[RenderableType]:
    """Prices below the service, region and date they share."""
    from rich.text import Text

    for place, group in groupby(prices, _place):
        yield Text(place, style="bold")
        yield _table(group)


def _place(price: Price) -> str:
    return f"{price.query.service_code} in {price.query.region_id}, as of {price.as_of}"


def _table(prices: Iterable[Price]) -> Table:
    """Prices tier by tier; what sets a price apart from others of its usage type stands below its name."""
    from costmodel.pricing.price import ON_DEMAND

    table = table_of("Usage type", "From", "USD", "per", "What", right=("From", "USD"), whole=("Usage type",))
    for price in prices:
        query = price.query
        apart = [f"  {name}: {value}" for name, value in query.attributes]
        apart += [] if query.term == ON_DEMAND else [f"  {query.term}"]
        for position, tier in enumerate(price.tiers):
            first = position == 0
            table.add_row(
                "\n".join([query.usage_type, *apart]) if first else "",
                f"{tier.begin:,}",
                f"{tier.list_unit_price:f}",
                price.pricing_unit,
                price.description if first else "",
            )
    return table
