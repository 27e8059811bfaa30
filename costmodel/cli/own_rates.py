"""The `--rates` option: own rates in place of list prices."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli import books
from costmodel.cli.console import messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from costmodel.billing.rates import OwnRates
    from costmodel.decision.run import CurrencyNote
    from costmodel.scenario.rates_file import Currency

RatesFileOption = Annotated[
    Path | None,
    typer.Option(
        "--rates",
        metavar="FILE",
        help="Own rates agreed with AWS, and a currency to show: a YAML file such as docs/examples/rates.yaml.",
    ),
]


def read_own_rates(path: Path | None) -> OwnRates:
    """The own rates of a file; list prices without one. Raises RatesFileError, also for a rate of a day to come."""
    from costmodel.billing.rates import NO_OWN_RATES, OwnRates

    if path is None:
        return NO_OWN_RATES
    rates = OwnRates.of_file(path)
    if rates.currency is not None:
        _refuse_future(path, rates.currency)
    return rates


def _refuse_future(path: Path, stated: Currency) -> None:
    """Raises RatesFileError for an exchange rate of a day that has not come anywhere on Earth."""
    from costmodel.errors import Fault, RatesFileError

    latest = books.today() + timedelta(days=1)
    if stated.day > latest:
        problem = f"must not be after today, {books.today()}: nobody has published that rate yet"
        raise RatesFileError(str(path), [Fault("currency.date", problem, stated.day.isoformat())])


def note_unused(rate_names: Iterable[str], verdict: str) -> None:
    """Say on stderr which own rates apply to nothing."""
    for name in rate_names:
        messages().print(f"Note: {name} {verdict}", soft_wrap=True)


def currency_sentence(stated: Currency | CurrencyNote) -> str:
    """The rate that amounts are converted at, and who published it when."""
    return f"{stated.code} at {stated.per_usd.normalize():f} a dollar: {stated.source}, {stated.day}."
