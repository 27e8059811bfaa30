"""`costmodel prices refresh`: today's prices from AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.console import Format, messages, print_result, table_of, write_json
from costmodel.pricing.origin import Source

if TYPE_CHECKING:
    from rich.console import RenderableType

    from costmodel.pricing.refresh import Refreshed, Tell


def refresh(
    service: Annotated[
        list[str] | None,
        typer.Option(help="Only this service code, such as AmazonEC2; may be given several times."),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="Only this region, such as eu-central-1; may be given several times."),
    ] = None,
    source: Annotated[
        Source,
        typer.Option(
            help="api asks GetProducts and list asks ListPriceLists, both with your AWS credentials; "
            "bulk reads AWS's public price list files, which are large."
        ),
    ] = Source.API,
    output: Annotated[Format, typer.Option("--format", help="How to print the outcome.")] = Format.TABLE,
) -> None:
    """Fetch today's prices from AWS and put them on the shelf as a new book.

    Everything is checked before it counts; a service that fails stays as it was. Savings Plans rates
    come along, and spot prices where credentials allow.
    """
    from costmodel.errors import RefreshIncomplete
    from costmodel.pricing.refresh import Refresh
    from costmodel.pricing.shelf import Shelf
    from costmodel.services.registry import PRICE_NEEDS

    with _progress() as tell:
        outcome = Refresh(Shelf(), PRICE_NEEDS, source, datetime.now(UTC), tell).run(
            region or (), service or ()
        )
    if output is Format.JSON:
        import json

        write_json(json.dumps(_plain(outcome), indent=2).encode() + b"\n")
    else:
        print_result(*_tables(outcome))
    if outcome.failures:
        raise RefreshIncomplete({failure.subject: str(failure.error) for failure in outcome.failures})


@contextmanager
def _progress() -> Iterator[Tell]:
    """What is being asked, on stderr; bytes and time left while a file is on its way."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = messages()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def tell(subject: str, done: int, total: int | None) -> None:
            bar.update(task, description=subject, completed=done, total=total)

        yield tell


def _tables(outcome: Refreshed) -> Iterator[RenderableType]:
    columns = ("File", "Prices", "Changed", "Added", "Gone", "AWS edition")
    table = table_of(*columns, right=columns[1:5], whole=("File",))
    for file in outcome.files:
        counts = (file.prices, file.changed, file.added, file.gone)
        table.add_row(file.path, *(f"{count:,}" for count in counts), file.edition or "-")
    yield table
    book = outcome.book
    yield (
        f"Book {book.digest[:12]} of {book.manifest.book_date} is in force. "
        "See what moved with: costmodel prices diff snapshot"
    )


def _plain(outcome: Refreshed) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "digest": outcome.book.digest,
        "book_date": outcome.book.manifest.book_date,
        "folder": str(outcome.book.folder),
        "files": [asdict(file) for file in outcome.files],
        "failures": {failure.subject: str(failure.error) for failure in outcome.failures},
    }
