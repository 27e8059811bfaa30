"""Charts that are files of their own: one look, and the same bytes for the same figures. Text in an SVG stays text."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Picture = Literal["svg", "png"]
"""Kinds of files."""

INK, FAINT, RANGE, LINE, PAPER = "#1c2127", "#59636e", "#a3adb8", "#d6dbe1", "#ffffff"
COLOURS = ("#0072b2", "#d55e00", "#00805d", "#b5548a", "#a87400", "#5b5bd6")
"""Told apart by readers who see few colours, as in the report."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "costmodel",
    "text.parse_math": False,
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
}
DOTS_PER_INCH = 144


def kind_of(file: Path) -> Picture:
    """What a file is by its name."""
    return "png" if file.suffix.lower() == ".png" else "svg"


def picture(draw: Callable[[Any], None], inches: tuple[float, float], kind: Picture) -> bytes:
    """The bytes of a file with what `draw` puts on a figure of so many inches; without date or program name."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        # Names may hold letters that the measuring font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=inches, facecolor=PAPER, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        target = io.BytesIO()
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type") if kind == "svg" else ("Software",))
        figure.savefig(target, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    return target.getvalue()
