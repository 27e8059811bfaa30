"""Charts of the monthly report, inline SVG in a wide and a narrow drawing, coloured by the page.

Text stays text and takes the page's font, and every colour is a CSS variable, so that one drawing serves light,
dark and paper. The same figures give the same bytes.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from itertools import pairwise
from typing import Any

from costmodel.decision.run import Settling

LARGEST_SERVICES = 6
"""Services with a colour of their own; the rest is drawn as one."""
OTHER = "Other services"
OTHER_KINDS = "Other kinds"
OTHER_COLOUR = "other"

_WIDE_PT = 920
_NARROW_PT = 340
_CHARACTER_PT = 7
"""Width of a character of a name, in the mean."""
_LEAST_EDGED_PT = 3
"""Narrower days have no edges, which would hide them."""
_TICK_SIZE_PT = 11
_RIGHT_PT = 14
"""Room beside axes for a label that reaches beyond their right end."""
_BELOW_PT = 24
"""Room for a line of labels below axes."""
_PANEL_EDGES_PT = 56
"""Room above and below the axes of a panel, for its name and its labels."""
_LABEL_GAP_PT = 8
"""What is left between labels at the least."""

_INK, _LINE, _PAPER = "#0000a1", "#0000a2", "#0000a3"
_STAND_INS = {
    _INK: "currentColor",
    _LINE: "var(--line)",
    _PAPER: "var(--paper)",
    "#0000b0": "var(--other)",
} | {f"#0000b{number}": f"var(--series-{number})" for number in range(1, LARGEST_SERVICES + 1)}
"""Colours matplotlib draws with -> what the page shows instead."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 12,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _LINE,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": _LINE,
    "xtick.labelcolor": _INK,
    "ytick.color": _LINE,
    "ytick.labelcolor": _INK,
    "ytick.left": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.8,
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart in both widths, with its legend to be shown by the page."""

    wide: str
    narrow: str
    legend: tuple[tuple[str, str], ...] = ()
    """(CSS variable without dashes, label)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What each level of something costs, and where that is least."""

    name: str
    per: str
    """What the levels are committed for: `an hour`."""
    points: tuple[tuple[float, float], ...]
    best: tuple[float, float]


def service_bars(cost_usd: Mapping[str, Decimal], title: str) -> Chart:
    """One horizontal bar per service, in the order given, each labelled with its dollars."""
    groups = [(name, ((float(cost), "#0000b1"),)) for name, cost in cost_usd.items()]
    return _both(title, lambda width_pt: _bars(groups, width_pt))


def variance_bars(rows: Sequence[tuple[str, Decimal | None, Decimal | None]], title: str) -> Chart:
    """Two horizontal bars per service, forecast above actual; none for a side without the service."""
    colours = ("#0000b1", "#0000b2")
    groups = [
        (
            name,
            tuple(
                (float(cost), colour) for cost, colour in zip(pair, colours, strict=True) if cost is not None
            ),
        )
        for name, *pair in rows
    ]
    legend = (("series-1", "Forecast"), ("series-2", "Actual"))
    return _both(title, lambda width_pt: _bars(groups, width_pt), legend)


def daily_cost(series: Mapping[str, Sequence[float]], first_day: date, title: str) -> Chart:
    """Dollars per day, stacked by service. The last service may be `OTHER`."""
    colours = [
        OTHER_COLOUR if name == OTHER else f"series-{rank}" for rank, name in enumerate(series, start=1)
    ]
    legend = tuple(zip(colours, series, strict=True))
    return _both(title, lambda width_pt: _stack(series, first_day, width_pt), legend)


def daily_load(series: Mapping[str, Sequence[float]], first_day: date, title: str) -> Chart:
    """One panel per series over the days, each on its own scale from zero."""
    return _both(title, lambda width_pt: _panels(series, first_day, width_pt))


def front_points(
    groups: Mapping[str, Sequence[tuple[float, float]]], chosen: tuple[float, float], title: str
) -> Chart:
    """Dollars a month over milliseconds, a colour for each group of points, and a ring around the chosen one.

    There are at most `LARGEST_SERVICES` groups.
    """
    legend = tuple((f"series-{rank}", name) for rank, name in enumerate(groups, start=1))
    return _both(title, lambda width_pt: _points(list(groups.values()), chosen, width_pt), legend)


def settling(steps: Sequence[Settling], title: str) -> Chart:
    """Mean with two standard errors either way, and the range from P10 to P90, after each batch of draws."""
    legend = (("series-1", "Mean and two standard errors"), ("series-2", "P10 and P90"))
    return _both(title, lambda width_pt: _settling(steps, width_pt), legend)


def level_curves(curves: Sequence[Curve], title: str) -> Chart:
    """One panel per curve, each on its own scale, with a dot where it is lowest."""
    return _both(title, lambda width_pt: _curves(curves, width_pt))


def _both(title: str, draw: Callable[[int], Any], legend: tuple[tuple[str, str], ...] = ()) -> Chart:
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        wide, narrow = (_svg(draw(width_pt), title, width_pt) for width_pt in (_WIDE_PT, _NARROW_PT))
    return Chart(wide, narrow, legend)


def _figure(width_pt: int, height_pt: float) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_pt / 72, height_pt / 72), facecolor="none")
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    return figure


def _bars(groups: Sequence[tuple[str, Sequence[tuple[float, str]]]], width_pt: int) -> Any:
    """Groups of bars under their name, drawn in points so that any number of them keeps its size."""
    bar_pt, name_pt, gap_pt = 13, 18, 10
    tallest = max(len(bars) for _, bars in groups)
    group_pt = name_pt + tallest * (bar_pt + 2) + gap_pt
    figure = _figure(width_pt, group_pt * len(groups))
    axes = figure.add_axes((0, 0, 1, 1), facecolor="none")
    values = [value for _, bars in groups for value, _ in bars]
    low, high = min(0.0, *values), max(0.0, *values)
    room_pt = max(90.0, *(_text_width_pt(_dollars(value), 12) + 10 for value in values))
    room = room_pt / (width_pt - room_pt) * ((high - low) or 1.0)
    axes.set_xlim(low - (room if low < 0 else 0), high + room)
    axes.set_ylim(group_pt * len(groups), 0)
    axes.axis("off")
    least = (high - low) * 0.002
    for row, (name, bars) in enumerate(groups):
        top = row * group_pt
        axes.text(low, top + name_pt - 5, _short(name, width_pt), fontsize=12)
        for line, (value, colour) in enumerate(bars):
            middle = top + name_pt + line * (bar_pt + 2) + bar_pt / 2
            drawn = value if abs(value) >= least or not value else least
            axes.barh(middle, drawn, height=bar_pt, color=colour)
            axes.annotate(
                _dollars(value),
                (max(drawn, 0), middle),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=12,
            )
    return figure


def _dollars(value: float) -> str:
    return f"${value:,.2f}" if value >= 0 else f"-${-value:,.2f}"


def _stack(series: Mapping[str, Sequence[float]], first_day: date, width_pt: int) -> Any:
    figure = _figure(width_pt, 300 if width_pt == _WIDE_PT else 240)
    axes = _whole_axes(figure)
    colours = ["#0000b0" if name == OTHER else f"#0000b{rank}" for rank, name in enumerate(series, start=1)]
    steps = [(*values, values[-1]) for values in series.values()]
    days = len(steps[0]) - 1
    edge_pt = 0.6 if width_pt / days > _LEAST_EDGED_PT else 0
    axes.stackplot(range(days + 1), steps, step="post", colors=colours, edgecolor=_PAPER, linewidth=edge_pt)
    axes.set_ylim(bottom=0)
    _label_heights(axes, "$")
    _make_room(figure)
    _label_days(axes, first_day, days)
    return figure


def _panels(series: Mapping[str, Sequence[float]], first_day: date, width_pt: int) -> Any:
    figure = _figure(width_pt, (74 + _PANEL_EDGES_PT) * len(series))
    for axes, values in zip(_panel_axes(figure, list(series), 74), series.values(), strict=True):
        axes.fill_between(
            range(len(values) + 1), (*values, values[-1]), step="post", color="#0000b1", linewidth=0
        )
        axes.set_ylim(bottom=0)
        _label_heights(axes)
    _make_room(figure)
    for axes, values in zip(figure.axes, series.values(), strict=True):
        _label_days(axes, first_day, len(values))
    return figure


def _points(
    groups: Sequence[Sequence[tuple[float, float]]], chosen: tuple[float, float], width_pt: int
) -> Any:
    figure = _figure(width_pt, 300)
    axes = _whole_axes(figure)
    for rank, points in enumerate(groups, start=1):
        axes.plot(*zip(*points, strict=True), "o", markersize=7, color=f"#0000b{rank}")
    axes.plot(*chosen, "o", markersize=14, markerfacecolor="none", markeredgecolor=_INK)
    axes.set_ylim(bottom=0)
    _label_heights(axes, "$")
    _make_room(figure)
    _label_numbers(axes, after=" ms")
    return figure


def _settling(steps: Sequence[Settling], width_pt: int) -> Any:
    figure = _figure(width_pt, 240)
    axes = _whole_axes(figure)
    draws = [step.draws for step in steps]
    axes.errorbar(
        draws,
        [step.mean_usd for step in steps],
        yerr=[2 * step.standard_error_usd for step in steps],
        color="#0000b1",
        marker="o",
        markersize=4,
        capsize=3,
    )
    for ends in ([step.p10_usd for step in steps], [step.p90_usd for step in steps]):
        axes.plot(draws, ends, color="#0000b2", linewidth=1.2, linestyle=(0, (4, 3)))
    _label_heights(axes, "$")
    _make_room(figure)
    _label_numbers(axes, after=" draws", whole=True)
    return figure


def _curves(curves: Sequence[Curve], width_pt: int) -> Any:
    figure = _figure(width_pt, (130 + _PANEL_EDGES_PT) * len(curves))
    names = [curve.name for curve in curves]
    for axes, curve in zip(_panel_axes(figure, names, 130), curves, strict=True):
        axes.plot(*zip(*curve.points, strict=True), color="#0000b1", linewidth=1.8)
        axes.plot(*curve.best, "o", markersize=8, color="#0000b2")
        _label_heights(axes, "$")
    _make_room(figure)
    for axes, curve in zip(figure.axes, curves, strict=True):
        _label_numbers(axes, "$", f" {curve.per}")
    return figure


def _whole_axes(figure: Any) -> Any:
    """Axes over the height of a figure, with room for a line of labels below."""
    height_pt = _height_pt(figure)
    return figure.add_axes((0, _BELOW_PT / height_pt, 1, 1 - (_BELOW_PT + 10) / height_pt), facecolor="none")


def _panel_axes(figure: Any, names: Sequence[str], plot_pt: int) -> list[Any]:
    """Axes one below the other, each under its name."""
    height_pt = _height_pt(figure)
    panels = []
    for row, name in enumerate(names, start=1):
        bottom_pt = height_pt - row * (plot_pt + _PANEL_EDGES_PT) + _BELOW_PT
        panels.append(figure.add_axes((0, bottom_pt / height_pt, 1, plot_pt / height_pt), facecolor="none"))
        figure.text(
            0, (bottom_pt + plot_pt + 14) / height_pt, _short(name, round(_width_pt(figure))), fontsize=12
        )
    return panels


def _make_room(figure: Any) -> None:
    """Move the axes to the right of the longest label at their heights."""
    labels = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    width_pt = _width_pt(figure)
    left_pt = max(
        72.0 if width_pt > _NARROW_PT else 58.0,
        *(_text_width_pt(label, _TICK_SIZE_PT) + 10 for label in labels),
    )
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((left_pt / width_pt, box.y0, 1 - (left_pt + _RIGHT_PT) / width_pt, box.height))


def _label_heights(axes: Any, before: str = "") -> None:
    """Numbers at about four heights."""
    from matplotlib.ticker import MaxNLocator

    ticks = _inside(MaxNLocator(4), axes.get_ylim())
    axes.set_yticks(ticks, _number_labels(ticks, before))
    axes.tick_params(labelsize=_TICK_SIZE_PT)
    axes.grid(axis="y")


def _label_numbers(axes: Any, before: str = "", after: str = "", *, whole: bool = False) -> None:
    """Numbers below, from nothing to the right: at most five, and no more than stand apart."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(left=0)
    for count in (4, 3, 2, 1):
        ticks = _inside(MaxNLocator(count, integer=whole), axes.get_xlim())
        labels = _number_labels(ticks, before, after)
        if _stand_apart(axes, ticks, labels):
            break
    axes.set_xticks(ticks, labels)


def _label_days(axes: Any, first_day: date, days: int) -> None:
    """Every week of a month, or the first days of months: at most six of them, and no more than stand apart."""
    axes.set_xlim(0, days)
    starts = [
        day for day in range(days) if (day % 7 == 0 if days <= 31 else (first_day + timedelta(day)).day == 1)
    ]
    for step in range(-(-len(starts) // 6), len(starts) + 1):
        shown = starts[::step]
        labels = [_day_label(first_day + timedelta(start), days) for start in shown]
        if _stand_apart(axes, shown, labels):
            break
    axes.set_xticks(shown, labels)


def _inside(locator: Any, limits: tuple[float, float]) -> list[float]:
    """Round numbers within limits."""
    low, high = limits
    return [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]


def _number_labels(ticks: Sequence[float], before: str = "", after: str = "") -> list[str]:
    """Numbers with no more decimals than tell them apart; millions as `24 M`."""
    millions = max(map(abs, ticks)) >= 1e6
    scale, unit, decimals = (1e6, " M", (0, 1, 2, 3)) if millions else (1.0, "", (0, 2, 3, 4, 5, 6))
    scaled = [tick / scale for tick in ticks]
    places = next((n for n in decimals if all(math.isclose(round(v, n), v) for v in scaled)), decimals[-1])
    return [f"{before}{value:,.{places}f}{unit if value else ''}{after}" for value in scaled]


def _stand_apart(axes: Any, ticks: Sequence[float], labels: Sequence[str]) -> bool:
    """Whether labels below the axes leave room between them, and none reaches beyond the picture."""
    low, high = axes.get_xlim()
    plot_pt = axes.get_position().width * _width_pt(axes.figure)
    ends = []
    for tick, label in zip(ticks, labels, strict=True):
        middle_pt, half_pt = (tick - low) / (high - low) * plot_pt, _text_width_pt(label, _TICK_SIZE_PT) / 2
        ends.append((middle_pt - half_pt, middle_pt + half_pt))
    apart = all(right + _LABEL_GAP_PT <= left for (_, right), (left, _) in pairwise(ends))
    return apart and ends[-1][1] <= plot_pt + _RIGHT_PT


def _text_width_pt(text: str, size_pt: float) -> float:
    """In matplotlib's own font, which is wider than those that pages are read in."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=size_pt).get_extents().x1)


def _width_pt(figure: Any) -> float:
    return float(figure.get_figwidth()) * 72


def _height_pt(figure: Any) -> float:
    return float(figure.get_figheight()) * 72


def _day_label(day: date, days: int) -> str:
    """A day without the words of the machine's language: `3 Nov`, or `Nov 2025` over several months."""
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][
        day.month - 1
    ]
    return f"{day.day} {month}" if days <= 31 else f"{month} {day.year}"


def _short(name: str, width_pt: int) -> str:
    most = width_pt // _CHARACTER_PT
    return name if len(name) <= most else name[: most - 1] + "…"


def _svg(figure: Any, title: str, width_pt: int) -> str:
    """The drawing as an element to stand in a page: no prolog, no size, no metadata, ids of its own."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    prefix = re.sub(r"[^a-z]+", "-", title.lower()).strip("-") + f"-{width_pt}"
    target = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": prefix}), warnings.catch_warnings():
        # Names may hold letters that the measuring font lacks; the page's font draws them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(target, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawing = target.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(
        r"^<svg[^>]*>|<!--.*?-->|<style.*?</style>|<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL
    )
    drawing = re.sub(r"font-family: [^;\"]*;? ?", "", drawing)
    drawing = re.sub(r"\s*\n\s*", " ", drawing)
    drawing = re.sub(r"\bid=\"", f'id="{prefix}-', drawing)
    drawing = re.sub(r"(xlink:)?href=\"#", f'href="#{prefix}-', drawing)
    drawing = drawing.replace("url(#", f"url(#{prefix}-")
    for stand_in, colour in _STAND_INS.items():
        drawing = drawing.replace(stand_in, colour)
    height_pt = figure.get_figheight() * 72
    root = f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width_pt} {height_pt:g}">'
    return root + drawing.strip()
