"""Which commands there are.

Heavy libraries are imported inside the command that needs them, so that `--help` stays quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.cli import (
    advisor,
    break_even,
    compare,
    demo,
    explain,
    export,
    price,
    prices,
    report,
    scenario,
    simulate,
    stress,
    sweep,
)
from costmodel.cli.app import Flags
from costmodel.cli.console import printing
from costmodel.version import VERSION

app = typer.Typer(
    name="costmodel",
    help="What a 3D web shop on AWS will cost, which configuration to run, and why.",
    epilog="Start with: costmodel demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich alone doubles the time that --help takes
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("compare")(compare.compare)
app.command("sweep")(sweep.sweep)
app.command("stress")(stress.stress)
app.command("break-even")(break_even.break_even)
app.command("explain")(explain.explain)
app.command("price")(price.price)
app.add_typer(scenario.app, name="scenario")
app.add_typer(prices.app, name="prices")
app.add_typer(export.app, name="export")
app.add_typer(report.app, name="report")
app.add_typer(advisor.app, name="advisor")


def _show_version(wanted: bool) -> None:
    if wanted:
        with printing():
            typer.echo(f"costmodel {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """What a 3D web shop on AWS will cost, which configuration to run, and why."""
    context.find_object(Flags).debug = debug  # type: ignore[union-attr]
