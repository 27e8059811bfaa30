"""Charts of the monthly report, inline SVG in a wide and a narrow drawing, coloured by the page.

Text stays text and takes the page's font, and every colour is a CSS variable, so that one drawing serves light,
dark and paper. The same figures give the same bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from typing import Any

from costmodel.decision.run import Settling

LARGEST_SERVICES = 6
"""Services with a colour of their own; the rest is drawn as one."""
OTHER = "Other services"
OTHER_KINDS = "Other kinds"
OTHER_COLOUR = "other"

_WIDE_PT = 920
_NARROW_PT = 340
_LABEL_LENGTH = 44

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
    room = 90 / (width_pt - 90) * ((high - low) or 1.0)
    axes.set_xlim(low - (room if low < 0 else 0), high + room)
    axes.set_ylim(group_pt * len(groups), 0)
    axes.axis("off")
    least = (high - low) * 0.002
    for row, (name, bars) in enumerate(groups):
        top = row * group_pt
        axes.text(low, top + name_pt - 5, _short(name), fontsize=12)
        for line, (value, colour) in enumerate(bars):
            middle = top + name_pt + line * (bar_pt + 2) + bar_pt / 2
            drawn = value if abs(value) >= least or not value else least
            axes.barh(middle, drawn, height=bar_pt, color=colour)
            axes.annotate(
                f"${value:,.2f}" if value >= 0 else f"-${-value:,.2f}",
                (max(drawn, 0), middle),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=12,
            )
    return figure


def _stack(series: Mapping[str, Sequence[float]], first_day: date, width_pt: int) -> Any:
    figure = _figure(width_pt, 300 if width_pt == _WIDE_PT else 240)
    axes = figure.add_axes(_frame(figure), facecolor="none")
    colours = ["#0000b0" if name == OTHER else f"#0000b{rank}" for rank, name in enumerate(series, start=1)]
    steps = [(*values, values[-1]) for values in series.values()]
    days = len(steps[0]) - 1
    tallest = max(map(sum, zip(*steps, strict=True)))
    axes.stackplot(range(days + 1), steps, step="post", colors=colours, edgecolor=_PAPER, linewidth=0.6)
    _scale(axes, first_day, days, "${x:,.0f}" if tallest >= 5 else "${x:,.2f}")
    return figure


def _panels(series: Mapping[str, Sequence[float]], first_day: date, width_pt: int) -> Any:
    panel_pt = 130
    figure = _figure(width_pt, panel_pt * len(series))
    left, _, width, _ = _frame(figure)
    share = 1 / len(series)
    for row, (name, values) in enumerate(series.items()):
        bottom = 1 - (row + 1) * share
        axes = figure.add_axes(
            (left, bottom + 24 / panel_pt * share, width, 74 / panel_pt * share), facecolor="none"
        )
        axes.fill_between(
            range(len(values) + 1), (*values, values[-1]), step="post", color="#0000b1", linewidth=0
        )
        _scale(axes, first_day, len(values), "{x:,.0f}" if max(values) >= 5 else "{x:,.2f}")
        axes.text(-_margin_pt(figure), 88, name, transform=_points_of(axes), fontsize=12)
    return figure


def _points(
    groups: Sequence[Sequence[tuple[float, float]]], chosen: tuple[float, float], width_pt: int
) -> Any:
    figure = _figure(width_pt, 300)
    axes = figure.add_axes(_frame(figure), facecolor="none")
    for rank, points in enumerate(groups, start=1):
        axes.plot(*zip(*points, strict=True), "o", markersize=7, color=f"#0000b{rank}")
    axes.plot(*chosen, "o", markersize=14, markerfacecolor="none", markeredgecolor=_INK)
    axes.set_ylim(bottom=0)
    _number_scale(axes, "{x:,.0f} ms")
    return figure


def _settling(steps: Sequence[Settling], width_pt: int) -> Any:
    figure = _figure(width_pt, 240)
    axes = figure.add_axes(_frame(figure), facecolor="none")
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
    _number_scale(axes, "{x:,.0f} draws")
    return figure


def _curves(curves: Sequence[Curve], width_pt: int) -> Any:
    panel_pt = 190
    figure = _figure(width_pt, panel_pt * len(curves))
    left, _, width, _ = _frame(figure)
    share = 1 / len(curves)
    for row, curve in enumerate(curves):
        bottom = 1 - (row + 1) * share
        axes = figure.add_axes(
            (left, bottom + 24 / panel_pt * share, width, 130 / panel_pt * share), facecolor="none"
        )
        axes.plot(*zip(*curve.points, strict=True), color="#0000b1", linewidth=1.8)
        axes.plot(*curve.best, "o", markersize=8, color="#0000b2")
        _number_scale(axes, "${x:,.3g}" + f" {curve.per}")
        axes.text(-_margin_pt(figure), 146, _short(curve.name), transform=_points_of(axes), fontsize=12)
    return figure


def _number_scale(axes: Any, form: str) -> None:
    """Dollars upwards, and another quantity from nothing to the right."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.set_xlim(left=0)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(StrMethodFormatter("${x:,.0f}" if high - low >= 5 else "${x:,.2f}"))
    axes.xaxis.set_major_locator(MaxNLocator(4 if axes.figure.get_figwidth() * 72 > _NARROW_PT else 3))
    axes.xaxis.set_major_formatter(StrMethodFormatter(form))
    axes.tick_params(labelsize=11)
    axes.grid(axis="y")


def _frame(figure: Any) -> tuple[float, float, float, float]:
    """Room for the axes, leaving points for tick labels."""
    width_pt, height_pt = figure.get_figwidth() * 72, figure.get_figheight() * 72
    left = _margin_pt(figure) / width_pt
    bottom = 24 / height_pt
    return left, bottom, 1 - left - 14 / width_pt, 1 - bottom - 10 / height_pt


def _margin_pt(figure: Any) -> float:
    return 72.0 if figure.get_figwidth() * 72 > _NARROW_PT else 58.0


def _points_of(axes: Any) -> Any:
    """A transform whose unit is the point and whose origin is the axes' lower left corner."""
    from matplotlib.transforms import Affine2D, ScaledTranslation

    box = axes.get_position()
    figure = axes.figure
    corner = ScaledTranslation(
        box.x0 * figure.get_figwidth(), box.y0 * figure.get_figheight(), figure.dpi_scale_trans
    )
    return Affine2D().scale(1 / 72) + figure.dpi_scale_trans + corner


def _scale(axes: Any, first_day: date, days: int, form: str) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.set_xlim(0, days)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(StrMethodFormatter(form))
    axes.tick_params(labelsize=11)
    axes.grid(axis="y")
    starts = _labelled_days(first_day, days)
    axes.set_xticks(starts, [_day_label(first_day + timedelta(days=start), days) for start in starts])


def _labelled_days(first_day: date, days: int) -> list[int]:
    """Every week of a month, or the first days of months, at most six of them."""
    if days <= 31:
        return list(range(0, days, 7))
    firsts = [day for day in range(days) if (first_day + timedelta(days=day)).day == 1]
    return firsts[:: -(-len(firsts) // 6)]


def _day_label(day: date, days: int) -> str:
    """A day without the words of the machine's language: `3 Nov`, or `Nov 2025` over several months."""
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][
        day.month - 1
    ]
    return f"{day.day} {month}" if days <= 31 else f"{month} {day.year}"


def _short(name: str) -> str:
    return name if len(name) <= _LABEL_LENGTH else name[: _LABEL_LENGTH - 1] + "…"


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
