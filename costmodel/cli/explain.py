"""`costmodel explain`: why a saved run recommends what it does, and where each of its dollars comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.books import PricesOption, warn
from costmodel.cli.console import Format, print_result, progress_bar, table_of, write_json
from costmodel.cli.options import format_option
from costmodel.cli.report import RunFile

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from costmodel.decision.explain import Line, Walk
    from costmodel.decision.feeds import Feed
    from costmodel.decision.run import Run
    from costmodel.pricing.book import PriceBook

DEAREST_LINES = 5
SHOWN_FEEDS = 8


def explain(
    run_file: RunFile,
    line: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LINE",
            help="A line of the bill: its number, or words of its service, resource, meter, region or price.",
            show_default=False,
        ),
    ] = None,
    prices: PricesOption = None,
    output: Annotated[Format, format_option("it")] = Format.TABLE,
) -> None:
    """Explain a run, or one line of its bill.

    Without LINE: the reasons for the recommendation and against every other option, and the dearest lines
    of the bill by number. With LINE: where its dollars come from, each step worked out again before it is
    shown.
    """
    from costmodel.decision.explain import find_line, walk
    from costmodel.decision.run import read_run

    run = read_run(run_file)
    if not line:
        if output is Format.JSON:
            _write_json(_plain_reasons(run))
        else:
            print_result(*_reasons(run))
        return
    found = find_line(run, " ".join(line))
    book = _book_of(run, prices)
    walked = walk(found, book)
    fed = _feeds(run, found)
    if output is Format.JSON:
        _write_json(_plain_walk(run, walked, book) | {"inputs": _plain_feeds(fed)})
    else:
        print_result(*_walk_parts(run, walked, book, fed))


def _feeds(run: Run, line: Line) -> tuple[Feed, ...] | None:
    """The inputs that feed a line; None, with a warning, where the run cannot be made again."""
    from costmodel.decision.feeds import feeds
    from costmodel.errors import RunOutdated, ScenarioError

    try:
        with progress_bar() as progress:
            return feeds(run, line, progress)
    except (RunOutdated, ScenarioError) as error:
        warn(f"which inputs feed the line cannot be told. {error}")
        return None


def _book_of(run: Run, prices: str | None) -> PriceBook | None:
    """The price book that a run was made with; None, with a warning, where it is not at hand.

    Raises PriceBookNotFound when the book that the user names is another one.
    """
    from costmodel.errors import PriceBookNotFound
    from costmodel.pricing.shelf import Shelf

    shelf, digest = Shelf(), run.price_book.digest
    if prices is not None:
        book = shelf.open(prices)
        if book.digest != digest:
            raise PriceBookNotFound(
                f"the run was made with price book {digest[:12]}; {prices!r} is {book.digest[:12]}. "
                "See which books there are with: costmodel prices status"
            )
        return book
    for copy in shelf.copies():
        if digest.startswith(copy.digest_start):
            return shelf.open(copy.name if copy.number else str(copy.folder))
    warn(
        f"the price book of this run, {digest[:12]}, is not at hand: SKU and rate code are left out, and its list "
        "prices are not checked. Name its folder with --prices."
    )
    return None


def _reasons(run: Run) -> Iterator[RenderableType]:
    """The recommendation, why it won, why each other option lost, the dearest lines and the drivers."""
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.text import Text

    from costmodel.cli.run_tables import BLANK_LINE_ABOVE, drivers_table
    from costmodel.decision.explain import losing_kinds, rejected

    title = Text(f"{run.scenario_name} · {run.region_id}")
    yield Panel(Text(run.headline), title=title, title_align="left")
    yield Text(_why_it_won(run))
    parts: list[RenderableType] = []
    losses = [str(loss) for loss in losing_kinds(run)]
    fallen = [str(loss) for loss in rejected(run)]
    if losses:
        parts.append(_sentences("Why the other kinds lost", losses))
    if fallen:
        parts.append(_sentences("Rejected, of those alike the nearest miss", fallen))
    parts.append(_dearest(run))
    if run.drivers:
        parts.append(drivers_table(run))
    for part in parts:
        yield Padding(part, BLANK_LINE_ABOVE)


def _why_it_won(run: Run) -> str:
    counts = run.counts
    return (
        f"Why it won: of {counts.considered:,} candidates {counts.rejected:,} break an objective or a limit; of the "
        f"{counts.considered - counts.rejected:,} others it is the cheapest: {counts.priced:,} were billed whole, "
        f"{counts.pruned:,} proven dearer than one of their own kinds."
    )


def _sentences(title: str, sentences: list[str]) -> Table:
    table = table_of(title)
    for sentence in sentences:
        table.add_row(sentence)
    return table


def _dearest(run: Run) -> Table:
    from costmodel.billing.charge import dollars
    from costmodel.decision.explain import lines

    known = lines(run)
    table = table_of(
        "Line", "Service", "Resource", "Meter", "Region", "USD a month",
        right=("Line", "USD a month"), title="Dearest lines of the bill",
    )  # fmt: skip
    for line in known[:DEAREST_LINES]:
        monthly = dollars(line.billed_cost / len(run.months))
        table.add_row(
            str(line.number), line.service_name, line.resource_name, line.sku_meter, line.region_id, monthly
        )
    if len(known) > DEAREST_LINES:
        table.add_row("", f"and {len(known) - DEAREST_LINES} more, to line {known[-1].number}", style="dim")
    return table


def _walk_parts(
    run: Run, walked: Walk, book: PriceBook | None, fed: tuple[Feed, ...] | None
) -> Iterator[RenderableType]:
    """One line from what feeds it down to the cent."""
    from rich.padding import Padding
    from rich.text import Text

    from costmodel.cli.prices import explanation
    from costmodel.cli.run_tables import BLANK_LINE_ABOVE

    line = walked.line
    yield Text(_title(run, line), style="bold")
    for formula in line.formulas:
        yield Text(f"Quantity: {formula}.")
    if fed:
        yield Padding(_feeds_table(fed), BLANK_LINE_ABOVE)
    elif fed is not None:
        yield Text("No number of the scenario moves it: it comes with the design.")
    yield Padding(_steps_table(walked), BLANK_LINE_ABOVE)
    yield Text(_rounding(line))
    for note in _notes(line):
        yield Text(note)
    if walked.price is not None and book is not None:
        for table in explanation(book, walked.price):
            yield Padding(table, BLANK_LINE_ABOVE)
    else:
        yield Padding(_told_by_the_run(line), BLANK_LINE_ABOVE)


def _feeds_table(fed: tuple[Feed, ...]) -> Table:
    from costmodel.units import figure

    numbers = ("From", "To", "Quantity")
    table = table_of(
        "Input", *numbers, right=numbers, title="What feeds it: the quantity when one input alone is moved"
    )
    for feed in fed[:SHOWN_FEEDS]:
        table.add_row(feed.path, figure(feed.value), figure(feed.moved), f"{feed.change_ratio:+.2%}")
    if len(fed) > SHOWN_FEEDS:
        table.add_row(f"and {len(fed) - SHOWN_FEEDS} weaker ones: --format json has all", style="dim")
    return table


def _title(run: Run, line: Line) -> str:
    from costmodel.billing.charge import dollars

    monthly = line.billed_cost / len(run.months)
    share = f", {monthly / run.monthly_usd:.0%} of the bill" if run.monthly_usd else ""
    return f"Line {line.number}, {line}: {dollars(monthly)} a month{share}"


def _steps_table(walked: Walk) -> Table:
    from costmodel.billing.charge import dollars

    numbers = ("USD",)
    table = table_of("Month", "Part", "Quantity x unit price", *numbers, right=numbers, whole=("Month",))
    for step in walked.steps:
        charge = step.charge
        table.add_row(charge.billing_period, step.part, step.sum_words, dollars(charge.billed_cost))
    table.add_row("Sum", "", "", dollars(walked.line.billed_cost), style="bold")
    return table


def _rounding(line: Line) -> str:
    from costmodel.units import QUANTITY_STEP

    unit = line.charges[0].pricing_unit
    return (
        f"Rounding: the quantity is metered in steps of {QUANTITY_STEP:f} {unit}; costs are exact, added up exactly, "
        "and rounded to the cent, half up, only where they are shown. Checked: every product is the cost in the bill."
    )


def _notes(line: Line) -> Iterator[str]:
    """Own rates and supposed prices behind what is billed."""
    from costmodel.decision.explain import plain

    for rate_name in dict.fromkeys(charge.x_rate_name for charge in line.charges if charge.x_rate_name):
        listed = next(charge.list_unit_price for charge in line.charges if charge.x_rate_name == rate_name)
        yield f"Own rate {rate_name} stands in the place of the list price, ${plain(listed)}."
    for change in dict.fromkeys(charge.x_price_change for charge in line.charges if charge.x_price_change):
        yield f"Supposed, not AWS's price list: {change}."


def _told_by_the_run(line: Line) -> Table:
    """What a run alone knows of its price."""
    table = table_of("Where it comes from", "", whole=("Where it comes from",))
    table.add_row("Price", line.price_name)
    sources = dict.fromkeys(
        f"{charge.x_price_source}, as of {charge.x_price_as_of}" for charge in line.charges
    )
    table.add_row("Source", "\n".join(sources))
    return table


def _plain_reasons(run: Run) -> dict[str, Any]:
    from costmodel.decision.explain import lines, losing_kinds, rejected

    return {
        "scenario_name": run.scenario_name,
        "region_id": run.region_id,
        "headline": run.headline,
        "why": _why_it_won(run),
        "losing_kinds": [{"option": loss.option, "reason": loss.reason} for loss in losing_kinds(run)],
        "rejected": [
            {"option": loss.option, "reason": loss.reason, "designs": loss.designs} for loss in rejected(run)
        ],
        "lines": [_plain_line(line) for line in lines(run)],
        "drivers": [
            {"path": driver.path, "low_usd": driver.low_usd, "high_usd": driver.high_usd}
            for driver in run.drivers
        ],
    }


def _plain_line(line: Line) -> dict[str, Any]:
    from costmodel.decision.explain import plain

    return {
        "number": line.number,
        "service_name": line.service_name,
        "resource_name": line.resource_name,
        "region_id": line.region_id,
        "sku_meter": line.sku_meter,
        "price_name": line.price_name,
        "billed_cost": plain(line.billed_cost),
    }


def _plain_walk(run: Run, walked: Walk, book: PriceBook | None) -> dict[str, Any]:
    from costmodel.cli.prices import plain_price
    from costmodel.decision.explain import plain

    line = walked.line
    return {
        **_plain_line(line),
        "months": len(run.months),
        "formulas": line.formulas,
        "charges": [
            {
                "billing_period": step.charge.billing_period,
                "part": step.part,
                "free": step.charge.x_free,
                "tier_begin": plain(step.charge.x_tier_begin),
                "pricing_quantity": plain(step.charge.pricing_quantity),
                "pricing_unit": step.charge.pricing_unit,
                "list_unit_price": plain(step.charge.list_unit_price),
                "contracted_unit_price": plain(step.charge.contracted_unit_price),
                "billed_cost": plain(step.charge.billed_cost),
                "rate_code": step.rate_code,
                "rate_name": step.charge.x_rate_name,
                "price_change": step.charge.x_price_change,
                "source": step.charge.x_price_source,
                "as_of": step.charge.x_price_as_of,
            }
            for step in walked.steps
        ],
        "price": plain_price(book, walked.price) if book and walked.price else None,
    }


def _plain_feeds(fed: tuple[Feed, ...] | None) -> list[dict[str, Any]] | None:
    from dataclasses import asdict

    return None if fed is None else [asdict(feed) for feed in fed]


def _write_json(document: object) -> None:
    import json

    write_json(json.dumps(document, indent=2).encode() + b"\n")
