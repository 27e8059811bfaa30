"""`costmodel report`: a saved run as pages people read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costmodel.cli.console import messages, write_files

app = typer.Typer(help="Write reports about a saved run.", no_args_is_help=True)

RunFile = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run saved by: costmodel simulate SCENARIO --save RUN.json")
]


@app.callback()
def root() -> None:
    """Write reports about a saved run."""


@app.command("monthly")
def monthly(
    run_file: RunFile,
    actuals: Annotated[
        Path | None,
        typer.Option(
            help="An AWS bill to compare with: FOCUS, legacy CUR or CUR 2.0, as CSV, CSV.gz or Parquet."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path("reports"),
) -> None:
    """Write the monthly report as HTML and as Markdown.

    The HTML page is self-contained: it holds its charts and needs no network.
    """
    from costmodel.decision.run import read_run
    from costmodel.export.report import monthly_report, report_folder
    from costmodel.review.actuals import read_bill
    from costmodel.review.variance import variance

    run = read_run(run_file)
    compared = None if actuals is None else variance(run, read_bill(actuals))
    folder = output / report_folder(run)
    files = monthly_report(run, compared)
    write_files(folder, files)
    for name in files:
        messages().print(f"wrote {folder / name}")
