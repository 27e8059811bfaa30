"""`costmodel advisor`: a saved run beside what AWS Trusted Advisor found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costmodel.cli.console import Format, print_result, write_json
from costmodel.cli.options import format_option

app = typer.Typer(help="Set a saved run beside AWS Trusted Advisor.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Set a saved run beside AWS Trusted Advisor."""


@app.command("compare")
def compare(
    run_file: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run saved by: costmodel simulate SCENARIO --save RUN.json"),
    ],
    findings_file: Annotated[
        Path,
        typer.Option(
            "--from",
            metavar="FINDINGS.json",
            help="Findings saved with the AWS command line, of either API; docs/advisor.md says how.",
        ),
    ],
    output: Annotated[Format, format_option("the result")] = Format.TABLE,
) -> None:
    """Say where AWS and a run agree and where they do not.

    Lists what only one of them sees, with both savings, and the published checks that the recommended design itself would trip.
    """
    import json

    from costmodel.decision.run import read_run
    from costmodel.review.advisor import compare as set_beside
    from costmodel.review.findings import read_findings

    comparison = set_beside(read_run(run_file), read_findings(findings_file))
    if output is Format.JSON:
        write_json(json.dumps(comparison.to_dict(), indent=2).encode() + b"\n")
    else:
        from costmodel.cli.advisor_tables import comparison_tables

        print_result(*comparison_tables(comparison))
