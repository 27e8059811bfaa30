"""The chart of a sweep: cost along the first key, with the places where the choice flips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.decision.sweep import Flip, Point, Sweep
from costmodel.export.pictures import COLOURS, FAINT, INK, MARKERS, PAPER, RANGE, Picture, picture
from costmodel.scenario.document import Scalar

_INCHES = (9.0, 5.2)
_MOST_FLIPS_TOLD = 8
"""Flips beyond these have a number only; the table has them all."""
_MOST_LETTERS = 60
"""Letters of a label."""


def sweep_chart(found: Sweep, scenario_name: str, kind: Picture) -> bytes:
    """A sweep as a file."""
    return picture(
        lambda figure: _draw(figure.add_subplot(facecolor=PAPER), found, scenario_name), _INCHES, kind
    )


def _draw(axes: Any, found: Sweep, scenario_name: str) -> None:
    along = found.axes[0]
    places = {value: _place(found, value) for value in along.values}
    if along.log:
        axes.set_xscale("log")
    if len(found.axes) == 1:
        _one_line(axes, found, places)
    else:
        _many_lines(axes, found, places)
    _infeasible(axes, found, places)
    axes.set_ylim(bottom=0)
    _label(axes, found, places)
    axes.set_title(f"{scenario_name}: monthly cost by {along.key}", loc="left", fontsize=13, pad=22)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.15), ncols=2, fontsize=10, borderaxespad=0)


def _place(found: Sweep, value: Scalar) -> float:
    """Where a value stands: numbers to scale, words side by side."""
    along = found.axes[0]
    if along.numeric and isinstance(value, int | float):
        return float(value)
    return float(along.values.index(value))


def _one_line(axes: Any, found: Sweep, places: dict[Scalar, float]) -> None:
    """The cost with its range from P10 to P90; each point in the colour of its stack."""
    feasible = [point for point in found.points if point.answer.chosen]
    for run in _runs(found, found.points):
        at = [places[point.values[0]] for point in run]
        axes.plot(at, [_usd(point) for point in run], color=FAINT, linewidth=1.2, zorder=2)
    if feasible:
        ranges = [_range(point) for point in feasible]
        axes.vlines(
            [places[point.values[0]] for point in feasible],
            [low for low, _ in ranges],
            [high for _, high in ranges],
            color=RANGE,
            linewidth=5,
            label="P10 to P90",
            zorder=1,
        )
    for rank, stack in enumerate(found.stacks):
        points = [point for point in feasible if point.answer.kinds == stack]
        axes.plot(
            [places[point.values[0]] for point in points],
            [_usd(point) for point in points],
            linestyle="none",
            marker="o",
            markersize=7,
            color=COLOURS[rank % len(COLOURS)],
            label=_stack_words(stack),
            zorder=3,
        )
    _flip_lines(axes, found, places)


def _flip_lines(axes: Any, found: Sweep, places: dict[Scalar, float]) -> None:
    """A numbered line between the neighbours of each flip; the legend says what the number means."""
    for number, flip in enumerate(found.flips, start=1):
        middle = _middle(found, flip, places)
        told = number <= _MOST_FLIPS_TOLD
        style: dict[str, Any] = {"color": INK, "linewidth": 1, "linestyle": (0, (4, 3))}
        axes.axvline(middle, zorder=1, label=f"{number}: {_flip_words(flip)}" if told else None, **style)
        axes.text(
            middle,
            1.01,
            str(number),
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            fontsize=10,
        )


def _many_lines(axes: Any, found: Sweep, places: dict[Scalar, float]) -> None:
    """One line for each value of the second key, a marker for each stack, a ring after each flip."""
    beside = found.axes[1]
    for rank, (value, line) in enumerate(zip(beside.values, found.lines, strict=True)):
        colour = COLOURS[rank % len(COLOURS)]
        for part in _runs(found, line):
            axes.plot(
                [places[point.values[0]] for point in part],
                [_usd(point) for point in part],
                color=colour,
                linewidth=1.4,
                zorder=2,
            )
        axes.plot([], [], color=colour, linewidth=1.4, label=f"{beside.key} {_value(value)}")
        for point in line:
            if point.answer.chosen:
                marker = MARKERS[found.stacks.index(point.answer.kinds) % len(MARKERS)]
                axes.plot(
                    places[point.values[0]], _usd(point), marker=marker, color=colour, markersize=6, zorder=3
                )
    for rank, stack in enumerate(found.stacks):
        marker = MARKERS[rank % len(MARKERS)]
        axes.plot([], [], linestyle="none", marker=marker, color=FAINT, label=_stack_words(stack))
    ringed = [flip.after for flip in found.flips if flip.after.answer.chosen]
    if ringed:
        axes.plot(
            [places[point.values[0]] for point in ringed],
            [_usd(point) for point in ringed],
            linestyle="none",
            marker="o",
            markersize=13,
            markerfacecolor="none",
            markeredgecolor=INK,
            label="the choice has flipped",
            zorder=4,
        )


def _infeasible(axes: Any, found: Sweep, places: dict[Scalar, float]) -> None:
    """A cross on the axis wherever nothing is feasible."""
    at = sorted({places[point.values[0]] for point in found.points if not point.answer.chosen})
    if at:
        axes.plot(
            at,
            [0.0] * len(at),
            linestyle="none",
            marker="x",
            markersize=8,
            markeredgewidth=2,
            color=INK,
            clip_on=False,
            label="nothing feasible" if len(found.axes) == 1 else "nothing feasible on one line at least",
            zorder=5,
        )


def _label(axes: Any, found: Sweep, places: dict[Scalar, float]) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    along = found.axes[0]
    axes.set_xlabel(along.key)
    axes.grid(axis="y")
    cents = 0 if axes.get_ylim()[1] >= 10 else 2
    axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"${usd:,.{cents}f}"))
    axes.set_ylabel("USD a month")
    if along.numeric:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _value(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xticks(list(places.values()), [_cut(_value(value)) for value in places])


def _runs(found: Sweep, line: Sequence[Point]) -> list[list[Point]]:
    """Neighbours that are feasible, so that no line crosses a gap; none where words are no scale."""
    if not found.axes[0].numeric:
        return []
    runs: list[list[Point]] = [[]]
    for point in line:
        if point.answer.chosen:
            runs[-1].append(point)
        else:
            runs.append([])
    return [run for run in runs if run]


def _middle(found: Sweep, flip: Flip, places: dict[Scalar, float]) -> float:
    """Half way between the two neighbours of a flip, as the eye sees it."""
    before, after = (places[point.values[0]] for point in (flip.before, flip.after))
    return (before * after) ** 0.5 if found.axes[0].log else (before + after) / 2


def _usd(point: Point) -> float:
    assert point.answer.chosen is not None
    return float(point.answer.chosen.effective_monthly_usd)


def _range(point: Point) -> tuple[float, float]:
    spread = point.answer.cost_range
    assert spread is not None
    return spread.p10_usd, spread.p90_usd


def _flip_words(flip: Flip) -> str:
    if flip.changes:
        return _cut(", ".join(f"{_words(old)} → {_words(new)}" for old, new in flip.changes))
    return "nothing feasible" if flip.before.answer.chosen else "feasible"


def _stack_words(kinds: Sequence[str]) -> str:
    return ", ".join(_words(kind) for kind in kinds if kind != "no_rendering")


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def _value(value: Scalar) -> str:
    if isinstance(value, bool) or not isinstance(value, float | int):
        return str(value)
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:,.6g}"
