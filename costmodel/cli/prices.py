"""`costmodel prices`: what the price book holds and what a thing costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.books import (
    MaxPriceAgeOption,
    PricesOption,
    age_days,
    check_ages,
    check_places,
    clock_problem,
    open_book,
    warn,
)
from costmodel.cli.console import Format, kept_whole, messages, print_result, table_of, write_json
from costmodel.cli.options import format_option
from costmodel.cli.prices_diff import diff
from costmodel.cli.prices_refresh import refresh
from costmodel.cli.prices_verify import verify

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from costmodel.pricing.book import PriceBook, ServiceCoverage
    from costmodel.pricing.commitment import Commitment, CommittedPrice
    from costmodel.pricing.price import FreeAllowance, Price
    from costmodel.pricing.shelf import Choice, Copy

app = typer.Typer(help="Look into the price book, and refresh it from AWS.", no_args_is_help=True)
app.command("refresh")(refresh)
app.command("diff")(diff)
app.command("verify")(verify)

SHOWN_PRICES = 20


@app.command("status")
def status(
    prices: PricesOption = None,
    output: Annotated[Format, format_option("the status")] = Format.TABLE,
) -> None:
    """Say which prices are at hand and how old they are.

    Lists every price book, says which one is in force and why, and checks its files against their checksums.
    """
    from costmodel.pricing.shelf import Shelf

    shelf = Shelf()
    book = shelf.open(prices)
    book.verify()
    choice = shelf.choice()
    if output is Format.JSON:
        _print_json(_status(book, choice, shelf.copies()))
        return
    coverage = book.coverage()
    columns = ("Service", "Regions", "Rows", "Oldest", "Newest", "Origin", "Retrieved", "Age in days")
    table = table_of(*columns, right=("Regions", "Rows", "Age in days"), whole=columns)
    for service in coverage:
        table.add_row(
            service.service_code,
            str(len(service.region_ids)),
            f"{service.rows:,}",
            service.oldest_as_of,
            service.newest_as_of,
            "+".join(service.origins),
            service.retrieved_at[:10] or "-",
            str(age_days(service.confirmed_on)),
        )
    problem = clock_problem(book)
    if problem:
        warn(problem)
    print_result(
        _books(choice, shelf.copies()),
        f"In force: {choice.copy.name}, since {choice.reason}.\n",
        table,
        f"{sum(service.rows for service in coverage):,} rows, checksums hold, book {book.digest[:12]}. "
        f"Regions: {', '.join(book.regions())}.",
        *_kept(coverage),
    )


@app.command("show")
def show(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="Part of a usage type, description, attribute or service code; or a price as a charge names it, "
            "such as 'AmazonEC2 eu-west-1 BoxUsage:m7g.large from 0'.",
        ),
    ],
    region: Annotated[
        str | None, typer.Option(help="Only this region, `global`, or `edge:<geography>`.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="Only this service code, such as AmazonEC2.")] = None,
    commitments: Annotated[
        bool, typer.Option("--commitments", help="Also show what each price is under every commitment.")
    ] = False,
    prices: PricesOption = None,
    max_price_age: MaxPriceAgeOption = None,
    output: Annotated[Format, format_option("the prices")] = Format.TABLE,
) -> None:
    """Show prices with their tiers, units, sources and dates.

    A price that is found alone is explained: its SKU and rate codes, where it comes from, and what
    of it is free.
    """
    from costmodel.errors import PriceNotFound
    from costmodel.pricing.price_id import named_price

    book = open_book(prices)
    check_places([book], region, service)
    named = named_price(book, text)
    found = [named] if named else book.search(text, region, service)
    if not found:
        raise PriceNotFound(
            f"no price matches {text!r}"
            + (f" in {region}" if region else "")
            + (f" of {service}" if service else "")
            + ". Try a shorter text, leave out --region, or see what is there with: costmodel prices status"
        )
    check_ages(book, found, max_price_age)
    if output is Format.JSON:
        _print_json(
            [
                plain_price(book, price) | (_plain_commitments(book, price) if commitments else {})
                for price in found
            ]
        )
        return
    shown = found[:SHOWN_PRICES]
    print_result(*(_with_commitments(book, shown) if commitments else _tables(shown)))
    if len(found) == 1:
        print_result(*explanation(book, found[0]))
    if len(found) > SHOWN_PRICES:
        messages().print(
            f"{len(found) - SHOWN_PRICES} more: narrow it with --region, --service or a longer text"
        )


def _print_json(document: object) -> None:
    import json

    write_json(json.dumps(document, indent=2).encode() + b"\n")


def _kept(coverage: Iterable[ServiceCoverage]) -> Iterator[str]:
    """Rows that a refresh left as they were, because AWS's lists do not tell them."""
    kept = [f"{of.kept_rows:,} of {of.service_code}" for of in coverage if of.kept_rows]
    if kept:
        yield f"Kept with their own dates, because AWS's lists do not tell them: {', '.join(kept)}."


def _books(choice: Choice, copies: Iterable[Copy]) -> Table:
    """Every book at hand, the one in force marked."""
    table = table_of("", "Book", "Dated", "Digest", whole=("Book", "Dated", "Digest"))
    for copy in copies:
        mark = "*" if copy == choice.copy else ""
        table.add_row(mark, copy.name, copy.book_date, copy.digest_start)
    return table


def _status(book: PriceBook, choice: Choice, copies: Iterable[Copy]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "books": [
            {"name": copy.name, "book_date": copy.book_date, "folder": str(copy.folder)} for copy in copies
        ],
        "in_force": choice.copy.name,
        "reason": choice.reason,
        "folder": str(book.folder),
        "digest": book.digest,
        "oldest_as_of": book.oldest_as_of,
        "newest_as_of": book.newest_as_of,
        "regions": book.regions(),
        "services": [
            asdict(service) | {"age_days": age_days(service.confirmed_on)} for service in book.coverage()
        ],
    }


def plain_price(book: PriceBook, price: Price) -> dict[str, Any]:
    """A price of a book as JSON values, with its source, its dates and what of it is free."""
    file, allowance, fee = book.file_of(price), _allowance(book, price), _fee(book, price)
    return {
        "name": str(price.query),
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
                "rate_code": tier.rate_code,
            }
            for tier in price.tiers
        ],
        "sku_id": price.sku_id,
        "source": price.source,
        "as_of": price.as_of,
        "confirmed_on": book.confirmed_on(price),
        "inferred": book.is_inferred(price),
        "file": {
            "path": file.path,
            "origin": file.origin,
            "retrieved_at": file.retrieved_at,
            "edition": file.edition,
        },
        "upfront_fee": fee and f"{fee.tiers[0].list_unit_price:f}",
        "free_allowance": allowance and _plain_allowance(allowance),
    }


def _allowance(book: PriceBook, price: Price) -> FreeAllowance | None:
    return next((allowance for allowance in book.allowances if allowance.covers(price.query)), None)


def _fee(book: PriceBook, price: Price) -> Price | None:
    """What a reservation costs at the start for one unit; None where there is no fee, or the book lacks it."""
    return next((fee for fee in book.committed(price.query) if fee.query == price.query.upfront_fee), None)


def _plain_allowance(allowance: FreeAllowance) -> dict[str, Any]:
    return {
        "allowance_id": allowance.allowance_id,
        "quantity": f"{allowance.quantity:f}",
        "pricing_unit": allowance.pricing_unit,
        "per_region": allowance.per_region,
        "usage_types": sorted(allowance.usage_types),
        "source": allowance.source,
        "as_of": allowance.as_of,
    }


def _plain_commitments(book: PriceBook, price: Price) -> dict[str, Any]:
    from costmodel.pricing.commitment import commitments, plan_of

    plan = plan_of(book, price)
    found = commitments(book, price)
    document: dict[str, Any] = {
        "commitments": [_plain_offer(offer) for offer in found.offers],
        "without_rate": [
            {**_plain_commitment(absent.commitment), "reason": absent.reason} for absent in found.absent
        ],
    }
    if plan:
        of = plan.allowances
        document["flat_rate_plan"] = {
            "requests": of.requests,
            "transfer_gb": of.transfer_gb,
            "dns_queries": of.dns_queries,
            "storage_gb": of.storage_gb,
            "terms": plan.terms.sentence,
            "source": of.source,
            "as_of": of.as_of,
        }
    return document


def _plain_commitment(commitment: Commitment) -> dict[str, Any]:
    return {"kind": commitment.kind, "years": commitment.years, "payment": commitment.payment}


def _plain_offer(offer: CommittedPrice) -> dict[str, Any]:
    terms = offer.commitment.terms
    return {
        **_plain_commitment(offer.commitment),
        "rates": [
            {
                "begin": str(rate.begin),
                "end": None if rate.end is None else str(rate.end),
                "upfront": f"{rate.upfront:f}",
                "unit_price": f"{rate.unit_price:f}",
                "effective_unit_price": f"{rate.effective_unit_price:f}",
                "saving_ratio": f"{rate.saving_ratio:f}",
            }
            for rate in offer.rates
        ],
        "saving_up_to_ratio": None if offer.saving_up_to_ratio is None else f"{offer.saving_up_to_ratio:f}",
        "published": offer.published,
        "basis": offer.basis,
        "source": offer.source,
        "as_of": offer.as_of,
        "covers": terms.covers,
        "same_region": terms.same_region,
        "size_flexible": terms.size_flexible,
        "any_compute": terms.any_compute,
        "terms": terms.sentence,
        "terms_source": terms.source,
    }


def _with_commitments(book: PriceBook, prices: Sequence[Price]) -> Iterator[RenderableType]:
    """Each price with a table of its commitments below."""
    from rich.text import Text

    from costmodel.cli.commitment_tables import commitment_tables, plan_line
    from costmodel.pricing.commitment import commitments, plan_of

    for price in prices:
        yield Text(_place(price), style="bold")
        yield _table([price])
        plan = plan_of(book, price)
        if plan:
            yield plan_line(plan)
        else:
            yield from commitment_tables(commitments(book, price))


def explanation(book: PriceBook, price: Price) -> Iterator[RenderableType]:
    """Where one price comes from, and what of it is free."""
    file, allowance = book.file_of(price), _allowance(book, price)
    codes = [f"{tier.rate_code} from {tier.begin:,}" for tier in price.tiers if tier.rate_code]
    asked = f", fetched {file.retrieved_at}" if file.retrieved_at else ""
    edition = f", AWS edition {file.edition}" if file.edition else ""
    table = table_of("Where it comes from", "", whole=("Where it comes from",))
    table.add_row("Price", str(price.query))
    if price.query.upfront_fee is not None:
        table.add_row("Upfront", _upfront(_fee(book, price)))
    table.add_row("SKU", price.sku_id or "not told by this source")
    table.add_row(
        "Rate codes" if len(codes) > 1 else "Rate code", "\n".join(codes) or "not told by this source"
    )
    table.add_row("Source", f"{price.source}, as of {price.as_of}")
    table.add_row("File", f"{file.path}, from {file.origin}{asked}{edition}")
    table.add_row(*_how_sure(book, price))
    table.add_row("Free", _free(allowance) if allowance else "no always-free allowance covers it")
    yield table


def _upfront(fee: Price | None) -> str:
    if fee is None:
        return "a fee at the start as well, which this book does not tell"
    return f"{fee.tiers[0].list_unit_price:,f} USD at the start for each unit as well: {fee.query}"


def _how_sure(book: PriceBook, price: Price) -> tuple[str, str]:
    """When a price was last known to be AWS's, or that it is not AWS's at all."""
    day = book.confirmed_on(price)
    if book.is_inferred(price):
        return "Inferred", f"not told by AWS's price history; {price.description}, of {day}"
    return "Confirmed", f"{day}, the last day it was known to be AWS's price"


def _free(allowance: FreeAllowance) -> str:
    where = "in each region" if allowance.per_region else "over the whole account"
    shared = (
        f", shared by {', '.join(sorted(allowance.usage_types))}" if len(allowance.usage_types) > 1 else ""
    )
    return (
        f"the first {allowance.quantity:,f} {allowance.pricing_unit} a month {where}{shared} "
        f"({allowance.allowance_id}; {allowance.source}, as of {allowance.as_of})"
    )


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

    table = table_of(
        "Usage type", "From", "USD", "per", "What", right=("From", "USD"), whole=("Usage type", "per")
    )
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
    return kept_whole(table)
