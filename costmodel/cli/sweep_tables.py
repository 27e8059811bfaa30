"""A sweep as it appears in the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from string import ascii_uppercase
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from costmodel.billing.charge import dollars
from costmodel.cli.console import table_of
from costmodel.decision.sweep import Flip, Point, Sweep
from costmodel.scenario.document import Scalar

BLANK_LINE_ABOVE = (1, 0, 0, 0)
NONE = "none feasible"
_KEPT = ("no_rendering",)
"""Kinds that say nothing when they are everywhere."""


def sweep_tables(found: Sweep, scenario_name: str, seed: int) -> Iterator[RenderableType]:
    """The parts of a sweep, in reading order."""
    keys = " and ".join(axis.key for axis in found.axes)
    yield Text(f"{scenario_name}, varying {keys}: {_verdict(found)}")
    table = _line(found) if len(found.axes) == 1 else _grid(found)
    yield Padding(table, BLANK_LINE_ABOVE)
    if len(found.axes) > 1:
        for letter, stack in zip(_letters(found), found.stacks, strict=True):
            yield f"{letter}: {_stack_words(stack)}"
    if found.flips:
        yield Padding(_flips(found), BLANK_LINE_ABOVE)
    first = next((point for point in found.points if not point.answer.chosen), None)
    if first is not None:
        place = ", ".join(_value_words(value) for value in first.values)
        yield Padding(Text(f"At {place}: {first.answer.why_none}"), BLANK_LINE_ABOVE)
    yield Padding(
        Text(f"{len(found.points)} simulations, each with seed {seed}, without tax.", style="dim"),
        BLANK_LINE_ABOVE,
    )


def _verdict(found: Sweep) -> str:
    if not found.stacks:
        return "nothing is feasible anywhere."
    if len(found.stacks) == 1 and not found.flips:
        return f"{_stack_words(found.stacks[0])} is recommended throughout."
    flips = len(found.flips)
    return (
        f"the choice flips {flips} time{'s' if flips > 1 else ''}." if flips else "the choice does not flip."
    )


def _line(found: Sweep) -> Table:
    (axis,) = found.axes
    numbers = ("USD a month", "P10", "P90")
    table = table_of(
        "Value", *numbers, "Recommended", "", right=("Value", *numbers), whole=("",), title=f"By {axis.key}"
    )
    flipped = {flip.after.values for flip in found.flips}
    for point in found.points:
        chosen, spread = point.answer.chosen, point.answer.cost_range
        mark = "<- flips" if point.values in flipped else ""
        if chosen is None or spread is None:
            table.add_row(_value_words(point.values[0]), "-", "-", "-", NONE, mark, style="dim")
            continue
        table.add_row(
            _value_words(point.values[0]),
            *(dollars(usd) for usd in (chosen.effective_monthly_usd, spread.p10_usd, spread.p90_usd)),
            _stack_words(point.answer.kinds),
            mark,
        )
    return table


def _grid(found: Sweep) -> Table:
    """Costs with a letter for the stack: values of the first key down, of the second across."""
    rows, columns = found.axes
    heads = tuple(_value_words(value) for value in columns.values)
    title = f"USD a month, by {rows.key} downwards and {columns.key} to the right"
    table = table_of("Value", *heads, right=("Value", *heads), title=title)
    letters = dict(zip(found.stacks, _letters(found), strict=True))
    for value, *cells in zip(rows.values, *found.lines, strict=True):
        table.add_row(_value_words(value), *(_cell(point, letters) for point in cells))
    return table


def _cell(point: Point, letters: dict[tuple[str, ...], str]) -> str:
    chosen = point.answer.chosen
    return f"{dollars(chosen.effective_monthly_usd)} {letters[point.answer.kinds]}" if chosen else "none -"


def _letters(found: Sweep) -> list[str]:
    count = len(found.stacks)
    letters = [*ascii_uppercase, *(f"{one}{two}" for one in ascii_uppercase for two in ascii_uppercase)]
    return letters[:count]


def _flips(found: Sweep) -> Table:
    along, *beside = found.axes
    at = tuple(f"at {axis.key}" for axis in beside)
    table = table_of(
        "Between", "and", "Changes", *at, right=("Between", "and"), title=f"Flips along {along.key}"
    )
    for flip in found.flips:
        ends = (_value_words(flip.before.values[0]), _value_words(flip.after.values[0]))
        table.add_row(*ends, _flip_words(flip), *(_value_words(value) for value in flip.before.values[1:]))
    return table


def _flip_words(flip: Flip) -> str:
    """What gives way to what: `ec2 -> lambda`."""
    if not flip.changes:
        return "nothing is feasible any more" if flip.before.answer.chosen else "something is feasible"
    return ", ".join(f"{_words(old)} -> {_words(new)}" for old, new in flip.changes)


def _value_words(value: Scalar) -> str:
    """A value of a key as a reader expects it."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:,.12g}"


def _stack_words(kinds: tuple[str, ...]) -> str:
    return ", ".join(_words(kind) for kind in kinds if kind not in _KEPT)


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def as_json(found: Sweep, scenario_name: str, seed: int) -> bytes:
    """A sweep as indented JSON; monthly costs are exact text."""
    document = {
        "scenario_name": scenario_name,
        "seed": seed,
        "vary": [{"key": axis.key, "values": axis.values, "log": axis.log} for axis in found.axes],
        "points": [_plain_point(found, point) for point in found.points],
        "flips": [
            {
                "before": _values(found, flip.before),
                "after": _values(found, flip.after),
                "changes": [{"before": old, "after": new} for old, new in flip.changes],
            }
            for flip in found.flips
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _values(found: Sweep, point: Point) -> dict[str, Scalar]:
    return {axis.key: value for axis, value in zip(found.axes, point.values, strict=True)}


def _plain_point(found: Sweep, point: Point) -> dict[str, Any]:
    chosen, spread = point.answer.chosen, point.answer.cost_range
    plain: dict[str, Any] = {
        "values": _values(found, point),
        "feasible": chosen is not None,
        "why_none": point.answer.why_none,
    }
    if chosen is None or spread is None:
        return plain
    return plain | {
        "monthly_usd": f"{chosen.monthly_usd:f}",
        "effective_monthly_usd": f"{chosen.effective_monthly_usd:f}",
        "mean_usd": spread.mean_usd,
        "p10_usd": spread.p10_usd,
        "p50_usd": spread.p50_usd,
        "p90_usd": spread.p90_usd,
        "holds_ratio": spread.holds_ratio,
        "api_p99_ms": chosen.api_p99_ms,
        "kinds": list(point.answer.kinds),
        "designs": [
            chosen.compute,
            chosen.load_balancer,
            chosen.database,
            chosen.delivery,
            chosen.rendering,
        ],
    }
