"""The chart of break-even points: the cheapest stack of both kinds against the load, a panel for each pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from costmodel.decision.break_even import BreakEven, Side, multiple, tell
from costmodel.export.pictures import COLOURS, INK, PAPER, Picture, picture

_WIDTH_INCHES, _PANEL_INCHES = 10.0, 3.2


def break_even_chart(found: Sequence[BreakEven], kind: Picture) -> bytes:
    """Break-even points as a file, their borders marked."""

    def draw(figure: Any) -> None:
        rows = figure.subplots(len(found), squeeze=False)[:, 0]
        for axes, pair in zip(rows, found, strict=True):
            axes.set_facecolor(PAPER)
            _costs_by_load(axes, pair)

    return picture(draw, (_WIDTH_INCHES, _PANEL_INCHES * len(found)), kind)


def _costs_by_load(axes: Any, found: BreakEven) -> None:
    ends = []
    for side, colour in zip(found.pair.sides, COLOURS, strict=False):
        loads, usd = _line(found, side)
        axes.plot(loads, usd, color=colour, linewidth=2, solid_capstyle="round")
        known = [cost for cost in usd if not math.isnan(cost)]
        ends.append((known[-1] if known else 0.0, side.name, colour))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    first, last = found.costs[0].load, found.costs[-1].load
    axes.set_xlim(first, last)
    _name_lines(axes, ends)
    axes.axvline(1, color=INK, linewidth=1)
    axes.annotate(
        "you", (1, 1), (4, -11), xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=11
    )
    for place, border in enumerate(found.borders):
        axes.axvline(border.load, color=INK, linewidth=1, linestyle=(0, (2, 3)))
        at = tell(border.load * found.own_measure)
        axes.annotate(
            at,
            (border.load, 1),
            (0, 4 + 13 * (place % 2)),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=11,
            ha="center",
        )
    _load_scale(axes, found)


def _line(found: BreakEven, side: Side) -> tuple[list[float], list[float]]:
    """Loads and costs; a gap where the side is infeasible."""
    usd = [costs.best[side].monthly_usd if side in costs.best else math.nan for costs in found.costs]
    return [costs.load for costs in found.costs], usd


def _name_lines(axes: Any, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names beside the panel in the order in which the lines end, the dearer above."""
    for place, (_, name, colour) in enumerate(sorted(ends, reverse=True)):
        axes.annotate(
            name,
            (1, 0.95 - 0.12 * place),
            (10, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=12,
            color=colour,
            va="center",
            weight="bold",
        )


def _load_scale(axes: Any, found: BreakEven) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda load, _: f"{multiple(load)} x"))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda usd, _: f"${usd:,.0f}" if usd >= 1 else f"${usd:,.2f}")
    )
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=11)
    axes.grid(axis="y")
    axes.set_xlabel(f"Load; 1 x is {tell(found.own_measure)} {found.pair.measure}", fontsize=11)
    axes.set_title("Cheapest stack, USD a month", fontsize=11, loc="left", pad=34)
