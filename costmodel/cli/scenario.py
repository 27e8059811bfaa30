"""`costmodel scenario`: the input and what can be in it."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli.console import Format, print_result, table_of, write_json
from costmodel.cli.options import format_option
from costmodel.cli.simulate import note_trace, read_scenario

app = typer.Typer(help="Check scenarios, list examples, print the schema.", no_args_is_help=True)


@app.command("check")
def check(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of a shipped example.")
    ],
) -> None:
    """Read a scenario and list every fault in it."""
    from costmodel.scenario.assumptions import assumptions, uncertain_inputs

    read = read_scenario(scenario, {})
    note_trace(read)
    visitors = read.traffic.monthly_visitors
    print_result(
        f"{read.name}: fine. {sum(visitors.values()):,.0f} visitors a month from "
        f"{_count(len(visitors), 'geography', 'geographies')}; {_count(read.months, 'month', 'months')} from "
        f"{read.start} in {read.region}; {_count(len(uncertain_inputs(read)), 'uncertain input', 'uncertain inputs')}; "
        f"{_count(len(assumptions(read)), 'default', 'defaults')} in force."
    )


def _count(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of a scenario, for editors."""
    import json

    from costmodel.scenario.schema import json_schema

    write_json(json.dumps(json_schema(), indent=2).encode() + b"\n")


@app.command("list")
def list_examples(
    output: Annotated[Format, format_option("the list")] = Format.TABLE,
) -> None:
    """List the examples that ship with the tool.

    Any of their names can stand where a command wants a scenario.
    """
    import json

    from costmodel.scenario.examples import examples

    found = examples()
    if output is Format.JSON:
        rows = [{"name": example.name, "summary": example.summary} for example in found]
        write_json(json.dumps(rows, indent=2).encode() + b"\n")
        return
    table = table_of("Name", "Story", whole=("Name",))
    for example in found:
        table.add_row(example.name, example.summary)
    print_result(table)


@app.command("events")
def list_events(
    output: Annotated[Format, format_option("the list")] = Format.TABLE,
) -> None:
    """List the events that a scenario can include.

    Under traffic.events write, for example: {kind: flash_sale, start: 2026-11-27T08:00Z}. Any figure stated
    beside it replaces the one shown here.
    """
    import json
    from dataclasses import asdict

    from costmodel.demand.library import library

    found = library()
    if output is Format.JSON:
        write_json(json.dumps([asdict(event) for event in found], indent=2).encode() + b"\n")
        return
    table = table_of("Kind", "What happens", "Figures", "Source", whole=("Kind",))
    for event in found:
        figures = [f"{name} {figure:g}" for name, figure in event.figures.items()]
        table.add_row(
            event.kind, event.effect, ", ".join(figures) or f"state {', '.join(event.stated)}", event.source
        )
        table.add_row()
    print_result(table)
