"""`costmodel export`: a saved run in the form another tool reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costmodel.cli.console import messages, write_files

app = typer.Typer(help="Hand a saved run over to another tool.", no_args_is_help=True)

RunFile = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run saved by: costmodel simulate SCENARIO --save RUN.json")
]


@app.callback()
def root() -> None:
    """Hand a saved run over to another tool."""


@app.command("terraform")
def terraform(
    run_file: RunFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path("terraform"),
) -> None:
    """Write variables and recommended values for Terraform.

    `variables.tf` declares them with types and validations; `costmodel.auto.tfvars.json` holds the values.
    """
    from costmodel.decision.run import read_run
    from costmodel.export.terraform import terraform_files

    files = terraform_files(read_run(run_file))
    write_files(output, files)
    for name in files:
        messages().print(f"wrote {output / name}")
