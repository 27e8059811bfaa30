"""`costmodel break-even`: at which load the cheaper of two kinds changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.books import PricesOption, open_book
from costmodel.cli.console import (
    Format,
    check_writable,
    messages,
    placed_by,
    print_result,
    progress_bar,
    table_of,
    write_file,
    write_json,
)
from costmodel.cli.options import format_option, number_for, region_code
from costmodel.cli.own_rates import RatesFileOption, read_own_rates
from costmodel.cli.simulate import note_trace, read_scenario

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from costmodel.decision.break_even import Border, BreakEven, Costs, Side
    from costmodel.scenario.model import Scenario

PICTURES = (".svg", ".png")
WITHOUT_PLANS = (
    "Costs here are before plans: the Savings Plans and bundles that the scenario allows are left out."
)


def break_even(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help="A scenario file, or the name of a shipped example (costmodel scenario list).",
            show_default=False,
        ),
    ],
    output: Annotated[Format, format_option("the result")] = Format.TABLE,
    chart: Annotated[
        Path | None,
        typer.Option(help="Also draw costs against load into this file, .svg or .png.", show_default=False),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=number_for("seed"), help="Seed of the traffic's randomness.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(parser=region_code, help="Serve from this region instead of the scenario's."),
    ] = None,
    rates: RatesFileOption = None,
    prices: PricesOption = None,
) -> None:
    """Find the load at which the cheaper kind changes.

    EC2 or Lambda, RDS and Aurora or DynamoDB, CloudFront paid as you go or at a flat rate, and on demand or
    reserved where the scenario allows it. All page views are multiplied, from 1/64 to 64 times, and at each
    load the whole search is made again. Savings Plans are left out.
    """
    from costmodel.decision.break_even import break_even as find_break_even

    if chart is not None:
        _check_picture(chart)
    overrides: dict[str, object] = {
        key: value for key, value in {"seed": seed, "region": region}.items() if value is not None
    }
    read = read_scenario(scenario, overrides)
    own_rates = read_own_rates(rates).under(read)
    book = open_book(prices)
    note_trace(read)
    with progress_bar() as progress:
        found = find_break_even(read, book, progress, own_rates)
    if chart is not None:
        _draw(found, chart)
    if output is Format.JSON:
        import msgspec

        write_json(msgspec.json.format(msgspec.json.encode(_plain(read, found)), indent=1) + b"\n")
    else:
        print_result(*_parts(read, found))


def _check_picture(chart: Path) -> None:
    """Raises BadParameter for another kind of file, OutputError where it cannot be written."""
    if chart.suffix.lower() not in PICTURES:
        raise typer.BadParameter(f"{chart.name} ends neither in .svg nor in .png", param_hint="--chart")
    with placed_by("--chart"):
        check_writable(chart)


def _draw(found: tuple[BreakEven, ...], chart: Path) -> None:
    from costmodel.export.break_even_chart import break_even_chart
    from costmodel.export.pictures import kind_of

    if not found:
        messages().print(f"nothing to draw: {chart} is not written")
        return
    with placed_by("--chart"):
        write_file(chart, break_even_chart(found, kind_of(chart)))
    messages().print(f"wrote {chart}", soft_wrap=True)


def _parts(scenario: Scenario, found: tuple[BreakEven, ...]) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    from costmodel.cli.run_tables import BLANK_LINE_ABOVE

    if not found:
        return [
            f"{scenario.name}: its constraints allow one kind of everything; there is nothing to compare."
        ]
    parts: list[RenderableType] = [Text(f"{scenario.name} · {scenario.region}", style="bold")]
    parts += [Text(sentence) for pair in found for sentence in pair.sentences]
    if scenario.constraints.plans:
        parts.append(Text(WITHOUT_PLANS))
    parts += [Padding(_costs_table(pair), BLANK_LINE_ABOVE) for pair in found]
    return parts


def _costs_table(found: BreakEven) -> Table:
    from costmodel.billing.charge import dollars
    from costmodel.decision.break_even import LOADS, multiple, tell

    sides = found.pair.sides
    names = tuple(side.name for side in sides)
    measure = found.pair.measure[0].upper() + found.pair.measure[1:]
    numbers = ("Times your load", measure, *names)
    table = table_of(*numbers, right=numbers, title="The cheapest stack with each, USD a month")
    for costs in found.costs:
        if costs.load in LOADS:
            usd = [
                dollars(costs.best[side].monthly_usd) if side in costs.best else "infeasible"
                for side in sides
            ]
            table.add_row(
                multiple(costs.load),
                tell(costs.load * found.own_measure),
                *usd,
                style="bold" if costs.load == 1 else None,
            )
    return table


def _plain(scenario: Scenario, found: tuple[BreakEven, ...]) -> dict[str, Any]:
    from costmodel.decision.break_even import LOADS, PRECISION

    return {
        "scenario_name": scenario.name,
        "region_id": scenario.region,
        "seed": scenario.seed,
        "loads": LOADS,
        "precision_ratio": PRECISION,
        "notes": [WITHOUT_PLANS] if scenario.constraints.plans else [],
        "pairs": [_plain_pair(pair) for pair in found],
    }


def _plain_pair(found: BreakEven) -> dict[str, Any]:
    return {
        "first": found.pair.first.name,
        "second": found.pair.second.name,
        "measure": found.pair.measure,
        "own_measure": found.own_measure,
        "cheaper": _name(found.cheaper),
        "sentences": found.sentences,
        "borders": [_plain_border(found, border) for border in found.borders],
        "costs": [_plain_costs(found, costs) for costs in found.costs],
    }


def _plain_border(found: BreakEven, border: Border) -> dict[str, Any]:
    return {
        "load": border.load,
        "measure": border.load * found.own_measure,
        "below_load": border.below_load,
        "above_load": border.above_load,
        "below": _name(border.below),
        "above": _name(border.above),
    }


def _plain_costs(found: BreakEven, costs: Costs) -> dict[str, Any]:
    return {
        "load": costs.load,
        "sides": [
            {"monthly_usd": costs.best[side].monthly_usd, "label": costs.best[side].label}
            if side in costs.best
            else {"infeasible": costs.why_none[side]}
            for side in found.pair.sides
        ],
    }


def _name(side: Side | None) -> str | None:
    return side.name if side else None
