"""`costmodel prices refresh`: today's prices from AWS."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.console import Format, messages, print_result, table_of, write_json
from costmodel.cli.options import format_option, member_of, one_of
from costmodel.pricing.origin import Source

if TYPE_CHECKING:
    from rich.console import RenderableType

    from costmodel.pricing.plausible import Moved
    from costmodel.pricing.refresh import Refreshed, Tell

SHOWN_GONE = 10
SHOWN_MOVED = 10
SHOWN_UNCOMPARED = 10
SHOWN_LEFT_OUT = 10


def _service_code(text: str) -> str:
    """A service that something is billed by. Raises BadParameter."""
    from costmodel.services.needs import PRICE_NEEDS

    return one_of(text, sorted({need.service_code for need in PRICE_NEEDS}))


def _region_code(text: str) -> str:
    """A region whose price list can be read. Raises BadParameter."""
    from costmodel.pricing.places import REGION_PREFIXES

    return one_of(text, sorted(REGION_PREFIXES))


def refresh(
    service: Annotated[
        list[str] | None,
        typer.Option(
            parser=_service_code,
            help="Only this service code, such as AmazonEC2; may be given several times.",
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            parser=_region_code, help="Only this region, such as eu-central-1; may be given several times."
        ),
    ] = None,
    source: Annotated[
        Source,
        typer.Option(
            parser=member_of(Source),
            help="api asks GetProducts and list asks ListPriceLists, both with your AWS credentials; "
            "bulk reads AWS's public price list files, which are large.",
        ),
    ] = Source.API,
    accept_moved: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|SKU",
            help="Take this price though it is many times the one before or its tiers are others, or let it be gone, "
            "as the refusal names it; may be given several times.",
        ),
    ] = None,
    output: Annotated[Format, format_option("the outcome")] = Format.TABLE,
) -> None:
    """Fetch today's prices from AWS into a new book.

    Everything is checked before it counts; a service that fails stays as it was. Savings Plans rates
    come along, and spot prices where credentials allow.
    """
    from costmodel.errors import RefreshIncomplete
    from costmodel.pricing.refresh import Refresh
    from costmodel.pricing.shelf import Shelf
    from costmodel.services.needs import PRICE_NEEDS

    shelf = Shelf()
    before = shelf.choice().copy.name
    with _progress() as tell:
        refreshing = Refresh(
            shelf, PRICE_NEEDS, source, datetime.now(UTC), tell, frozenset(accept_moved or ())
        )
        outcome = refreshing.run(region or (), service or ())
    if output is Format.JSON:
        import json

        write_json(json.dumps(_plain(outcome), indent=2).encode() + b"\n")
    else:
        print_result(*_tables(outcome, before))
    for name in accept_moved or ():
        if name not in outcome.accepted_gone and not any(
            of.accepted and name in (of.name, of.sku_id) for of in outcome.moved
        ):
            messages().print(f"--accept-moved {name!r} was not needed.", soft_wrap=True)
    if outcome.failures:
        raise RefreshIncomplete({failure.label: str(failure.error) for failure in outcome.failures})


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


def _tables(outcome: Refreshed, before: str) -> Iterator[RenderableType]:
    moved = [file for file in outcome.files if file.changed or file.added or file.gone]
    if moved:
        columns = ("File", "Prices", "Changed", "Added", "Gone", "AWS edition")
        table = table_of(*columns, right=columns[1:5], whole=("File",))
        for file in moved:
            counts = (file.prices, file.changed, file.added, len(file.gone))
            table.add_row(file.path, *(f"{count:,}" for count in counts), file.edition or "-")
        yield table
    gone = [name for file in outcome.files for name in file.gone]
    for name in gone[:SHOWN_GONE]:
        yield f"AWS no longer lists {name}: a bill that needs it is refused from now on."
    if len(gone) > SHOWN_GONE:
        yield f"{len(gone) - SHOWN_GONE:,} more are no longer listed: print them all with --format json."
    for of in outcome.moved[:SHOWN_MOVED]:
        yield _moved(of)
    if len(outcome.moved) > SHOWN_MOVED:
        yield f"{len(outcome.moved) - SHOWN_MOVED:,} more are far from what was known: see --format json."
    for left in outcome.left_out[:SHOWN_LEFT_OUT]:
        yield f"Left out, {left.subject}: {left.problem}."
    if len(outcome.left_out) > SHOWN_LEFT_OUT:
        yield f"{len(outcome.left_out) - SHOWN_LEFT_OUT:,} more are left out: see --format json."
    if outcome.unstated:
        named = ", ".join(f"{of.allowance_id} ({of.as_of})" for of in outcome.unstated)
        yield f"AWS's answers state nothing of these free allowances; bills go on taking them off as of: {named}."
    if outcome.uncompared:
        yield _uncompared(outcome.uncompared)
    book = outcome.book
    step = f" See what moved with: costmodel prices diff {before}" if moved else ""
    yield (
        f"Prices from AWS: {sum(file.prices for file in outcome.files):,}, in {len(outcome.files)} files. "
        f"Files with other prices than before: {len(moved)}."
    )
    yield f"Book {book.digest[:12]} of {book.manifest.book_date} is in force.{step}"


def _uncompared(names: Sequence[str]) -> str:
    prices = "1 new price" if len(names) == 1 else f"{len(names):,} new prices"
    more = len(names) - SHOWN_UNCOMPARED
    others = f" and {more:,} more, all with --format json" if more > 0 else ""
    return (
        f"{prices} could not be compared with anything: {', '.join(names[:SHOWN_UNCOMPARED])}{others}. "
        f"Hold them against AWS's pricing pages; to see one: costmodel prices show {shlex.quote(names[0])}"
    )


def _moved(of: Moved) -> str:
    if of.change:
        return f"Accepted: {of.name}: {of.change}."
    factor = f": {of.now / of.known:.3g} times as much" if of.known else ""
    above = f" above {of.begin:f}" if of.begin else ""
    taken = "Accepted" if of.accepted else "Far from the snapshot"
    return (
        f"{taken}: {of.name} costs {of.now:f} per {of.pricing_unit}{above}, {of.known:f} {of.where}{factor}."
    )


def _plain(outcome: Refreshed) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "digest": outcome.book.digest,
        "book_date": outcome.book.manifest.book_date,
        "folder": str(outcome.book.folder),
        "files": [asdict(file) for file in outcome.files],
        "moved": [
            asdict(of) | {name: f"{getattr(of, name):f}" for name in ("begin", "known", "now")}
            for of in outcome.moved
        ],
        "uncompared": outcome.uncompared,
        "left_out": [asdict(of) for of in outcome.left_out],
        "unstated_allowances": [asdict(of) for of in outcome.unstated],
        "failures": [
            {"subject": failure.subject, "problem": str(failure.error), "unasked": failure.unasked}
            for failure in outcome.failures
        ],
    }
