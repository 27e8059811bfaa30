"""`costmodel compare`: two runs or scenarios, and why one costs more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.books import PricesOption, open_book
from costmodel.cli.console import Format, print_result, progress_bar, write_json
from costmodel.cli.gates import BudgetOption, FailIfOption, judge_gates, read_gates
from costmodel.cli.options import format_option
from costmodel.cli.own_rates import RatesFileOption, read_own_rates
from costmodel.cli.simulate import answer

if TYPE_CHECKING:
    from costmodel.billing.rates import OwnRates
    from costmodel.decision.run import Run
    from costmodel.pricing.book import PriceBook

RUN_FILE = (
    "A run saved by simulate --save (a name that ends in .json), a scenario file, or an example's name."
)


def compare(
    before: Annotated[str, typer.Argument(metavar="A", help=RUN_FILE, show_default=False)],
    after: Annotated[
        str,
        typer.Argument(metavar="B", help="What A is compared with, in the same form.", show_default=False),
    ],
    output: Annotated[Format, format_option("the result")] = Format.TABLE,
    rates: RatesFileOption = None,
    prices: PricesOption = None,
    budget: BudgetOption = None,
    fail_if: FailIfOption = None,
) -> None:
    """Say why B costs more or less than A.

    Splits the difference into price, traffic, configuration, plans and model, which add up exactly, for
    every service too. Scenarios are simulated first, at the prices of --prices and --rates; a saved run keeps
    its own, and needs --rates again when it used own rates.

    \b
    Metrics of --fail-if:
        more_usd, more_ratio, and of B all those of simulate (costmodel simulate -h)
    """  # noqa: D301 - the backspace tells the help not to join the lines after it
    from costmodel.cli.compare_tables import as_json, contrast_tables
    from costmodel.decision.compare import compare as split
    from costmodel.decision.gates import CONTRAST_METRICS

    gates = read_gates(budget, fail_if, CONTRAST_METRICS)
    own_rates = read_own_rates(rates)
    first, second = (_run(argument, own_rates, prices) for argument in (before, after))
    with progress_bar() as progress:
        found = split(first, second, lambda run: _prices_of(run, own_rates, prices), progress)
    if output is Format.JSON:
        write_json(as_json(found))
    else:
        print_result(*contrast_tables(found))
    judge_gates(gates, found, CONTRAST_METRICS)


def _run(argument: str, own_rates: OwnRates, prices: str | None) -> Run:
    """A saved run, or the run of a scenario."""
    if argument.endswith(".json"):
        from costmodel.decision.run import read_run

        return read_run(Path(argument))
    return answer(argument, {}, own_rates, prices=prices)


def _prices_of(run: Run, own_rates: OwnRates, prices: str | None) -> tuple[PriceBook, OwnRates]:
    """The very book and own rates that a run was billed at. Raises PriceBookNotFound or RunNotRepeatable."""
    from costmodel.billing.rates import NO_OWN_RATES
    from costmodel.errors import RunNotRepeatable
    from costmodel.pricing.shelf import Shelf

    digest = run.price_book.digest
    named = open_book(prices)
    book = named if named.digest == digest else Shelf().holding(digest)
    if run.own_rates is None:
        return book, NO_OWN_RATES
    if run.own_rates.digest != own_rates.digest:
        raise RunNotRepeatable(
            f"B was billed at the own rates {run.own_rates.name} (file {run.own_rates.digest[:12]}). "
            "Give that file with --rates."
        )
    return book, own_rates
