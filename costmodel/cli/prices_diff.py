"""`costmodel prices diff`: what moved between two price books, and what that does to a run's bill."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.books import check_places
from costmodel.cli.console import Format, print_result, table_of, write_json
from costmodel.cli.options import format_option

if TYPE_CHECKING:
    from rich.console import RenderableType

    from costmodel.decision.run import Run
    from costmodel.pricing.book import PriceBook
    from costmodel.pricing.difference import Difference, PriceMove
    from costmodel.pricing.price import Price

SHOWN_MOVES = 30


def diff(
    before: Annotated[
        str,
        typer.Argument(metavar="A", help="A price book: a date, a name from `prices status`, or a folder."),
    ],
    after: Annotated[
        str | None, typer.Argument(metavar="B", help="Another one; by default the book in force.")
    ] = None,
    run_file: Annotated[
        Path | None, typer.Option("--run", metavar="RUN.json", help="Also bill this saved run at both.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Only this region.")] = None,
    service: Annotated[str | None, typer.Option(help="Only this service code, such as AmazonEC2.")] = None,
    output: Annotated[Format, format_option("the difference")] = Format.TABLE,
) -> None:
    """Show what differs between two price books.

    Prices and free allowances; with --run also what that does to a saved run's bill.
    """
    from costmodel.decision.run import read_run
    from costmodel.pricing.difference import difference
    from costmodel.pricing.shelf import Shelf

    shelf = Shelf()
    books = shelf.open(before), shelf.open(after)
    check_places(books, region, service)
    run = read_run(run_file) if run_file else None
    found = difference(*books, region, service)
    if output is Format.JSON:
        import json

        effect = _effect(run, *books) if run else {}
        write_json(json.dumps(_plain(found, effect), indent=2).encode() + b"\n")
        return
    print_result(*_tables(found))
    if run:
        print_result(_effect_table(run, _effect(run, *books)))


def _effect(run: Run, before: PriceBook, after: PriceBook) -> dict[str, tuple[Decimal, Decimal]]:
    """The run's cost by service at the list prices of both books."""
    from costmodel.decision.rebill import rebill

    old, new = rebill(run, before).by("service_name"), rebill(run, after).by("service_name")
    zero = Decimal(0)
    return {name: (old.get(name, zero), new.get(name, zero)) for name in dict.fromkeys((*old, *new))}


def _tables(found: Difference) -> Iterator[RenderableType]:
    counts = {kind: sum(move.kind == kind for move in found.prices) for kind in ("changed", "added", "gone")}
    if found.prices:
        numbers = ("From", "Before", "After", "Change")
        table = table_of("Price", "", "From", "Before", "After", "per", "Change", right=numbers)
        for move in _largest(found)[:SHOWN_MOVES]:
            table.add_row(*_row(move))
        yield table
    for granted in found.allowances:
        old, new = (
            "none" if of is None else f"{of.quantity:f} {of.pricing_unit}"
            for of in (granted.before, granted.after)
        )
        yield f"Free allowance {granted.allowance_id}: {old} before, {new} after."
    hidden = len(found.prices) - SHOWN_MOVES
    more = f" {hidden:,} more: narrow it with --region or --service." if hidden > 0 else ""
    yield (
        f"{found.compared:,} prices compared: {counts['changed']:,} changed, {counts['added']:,} added, "
        f"{counts['gone']:,} gone.{more}"
    )


def _largest(found: Difference) -> list[PriceMove]:
    """Changes from the largest to the smallest, then what is gone, then what is new."""
    return sorted(
        found.prices,
        key=lambda move: (
            move.kind != "changed",
            move.kind != "gone",
            -abs(move.largest_step.change_ratio or Decimal(0)),
        ),
    )


def _row(move: PriceMove) -> tuple[str, ...]:
    """A price at the step of its tiers that changes most."""
    step = move.largest_step
    units = dict.fromkeys(price.pricing_unit for price in (move.before, move.after) if price)
    change = "" if step.change_ratio is None or len(units) > 1 else f"{step.change_ratio * 100:+.1f} %"
    before, after = ("-" if of is None else f"{of:f}" for of in (step.before, step.after))
    return str(move.query), move.kind, f"{step.begin:,}", before, after, " -> ".join(units), change


def _effect_table(run: Run, effect: dict[str, tuple[Decimal, Decimal]]) -> RenderableType:
    from costmodel.billing.charge import dollars

    title = f"The bill of {run.scenario_name} over its months, at list prices"
    table = table_of("Service", "Before", "After", "Change", right=("Before", "After", "Change"), title=title)
    total = tuple(sum((pair[side] for pair in effect.values()), Decimal(0)) for side in (0, 1))
    for service_name, (old, new) in (*effect.items(), ("Total", total)):
        table.add_row(service_name, dollars(old), dollars(new), dollars(new - old))
    return table


def _plain(found: Difference, effect: dict[str, tuple[Decimal, Decimal]]) -> dict[str, Any]:
    return {
        "compared": found.compared,
        "prices": [
            {
                "query": str(move.query),
                "kind": move.kind.value,
                "before": _plain_price(move.before),
                "after": _plain_price(move.after),
            }
            for move in found.prices
        ],
        "allowances": [
            {
                "allowance_id": move.allowance_id,
                "before": None if move.before is None else f"{move.before.quantity:f}",
                "after": None if move.after is None else f"{move.after.quantity:f}",
            }
            for move in found.allowances
        ],
        "run_cost_usd": {
            name: {"before": f"{old:f}", "after": f"{new:f}"} for name, (old, new) in effect.items()
        },
    }


def _plain_price(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    return {
        "pricing_unit": price.pricing_unit,
        "tiers": [
            {"begin": f"{tier.begin:f}", "list_unit_price": f"{tier.list_unit_price:f}"}
            for tier in price.tiers
        ],
        "source": price.source,
        "as_of": price.as_of,
    }
