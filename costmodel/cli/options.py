"""Values that options take. One that none takes is wrong usage: exit code 2 and a sentence that says what is valid."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

import typer

from costmodel.cli.console import Format

Kind = TypeVar("Kind", bound=StrEnum)


def format_option(what: str) -> Any:
    """The option `--format`; `what` says what it prints."""
    return typer.Option("--format", parser=member_of(Format), help=f"How to print {what}.")


def member_of(kind: type[Kind]) -> Callable[[str], Kind]:
    """A parser of the values of an enumeration."""
    return lambda text: kind(one_of(text, kind))


def one_of(text: str, names: Iterable[str], option: str | None = None) -> str:
    """The text, if it is one of the names. Raises BadParameter; a parser need not say for which option."""
    from costmodel.scenario.faults import did_you_mean

    known = [str(name) for name in names]
    if text not in known:
        problem = f"{text!r} is not one of {', '.join(map(repr, known))}{did_you_mean(text, known)}."
        raise typer.BadParameter(problem, param_hint=option and f"'{option}'")
    return text


def region_code(text: str) -> str:
    """A region that a shop can be served from. Raises BadParameter."""
    from typing import get_args

    from costmodel.scenario.model import RegionId

    return one_of(text, get_args(RegionId))


def preset_name(text: str) -> str:
    """A preset of the objectives. Raises BadParameter."""
    from typing import get_args

    from costmodel.scenario.model import Preset

    return one_of(text, get_args(Preset))


def number_for(key: str) -> Callable[[str], int]:
    """A parser of the whole numbers that a key of a scenario takes."""

    def parse(text: str) -> int:
        from costmodel.scenario.load import problem_of

        number = _whole(text)
        problem = problem_of(key, number)
        if number is None or problem:
            raise typer.BadParameter(f"{problem}, not {text!r}.")
        return number

    return parse


def whole_between(least: int, most: int) -> Callable[[str], int]:
    """A parser of the whole numbers in a range."""

    def parse(text: str) -> int:
        number = _whole(text)
        if number is None or not least <= number <= most:
            raise typer.BadParameter(f"must be a whole number from {least} to {most}, not {text!r}.")
        return number

    return parse


def count(text: str) -> int:
    """A whole number from 0 on. Raises BadParameter."""
    number = _whole(text)
    if number is None or number < 0:
        raise typer.BadParameter(f"must be a whole number of 0 or more, not {text!r}.")
    return number


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[-+]?[0-9]{1,30}", text) else None
