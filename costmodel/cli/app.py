"""The command line: which commands there are, and how an error reaches the user.

Heavy libraries are imported inside the command that needs them, so that `--help` stays quick.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer

from costmodel import __version__
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
from costmodel.errors import CostModelError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""

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


@dataclass(slots=True)
class Flags:
    """What was asked for before the command."""

    debug: bool = False


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"costmodel {__version__}")
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


def main() -> None:
    """Run the command line and leave. After Ctrl-C at once: Python would wait for what still runs in threads, and
    another Ctrl-C then would end it with a traceback or by the signal.
    """
    try:
        run()
    except (SystemExit, KeyboardInterrupt) as leaving:
        if isinstance(leaving, SystemExit) and leaving.code != INTERRUPTED:
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(INTERRUPTED)


def run() -> None:
    """Run the command line. Every error becomes one clear message and the design's exit codes.

    Raises SystemExit.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    flags = Flags()
    try:
        app(prog_name="costmodel", obj=flags)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            sys.stderr.write("Interrupted.\n")
        raise
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)
    except Exception as error:
        if _interrupted(error):
            sys.stderr.write("Interrupted.\n")
            sys.exit(INTERRUPTED)
        if flags.debug:
            import traceback

            traceback.print_exc()
        sys.stderr.write(f"Error: {_message(error)}\n")
        sys.exit(error.exit_code if isinstance(error, CostModelError) else 1)


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: Python 3.11 wraps what is raised while a class is made."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _message(error: Exception) -> str:
    if isinstance(error, CostModelError):
        return str(error)
    where = "See where it happened with: costmodel --debug COMMAND ..."
    if isinstance(error, OSError):
        return f"the operating system refused: {error}. {where}"
    kind = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": .")
    return f"{kind}. This is a fault in costmodel, not in your input. {where}"
