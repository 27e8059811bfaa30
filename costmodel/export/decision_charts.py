"""Charts of a decision: the front it was taken on, and how its figures came to rest over the draws."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from costmodel.decision.run import FrontNote, Run
from costmodel.export.pictures import COLOURS, FAINT, INK, MARKERS, PAPER, RANGE, Picture, picture

_INCHES = (9.0, 4.6)


def front_chart(run: Run, kind: Picture) -> bytes:
    """Cost against latency of every candidate that no other one betters; a marker for each pair of kinds."""

    def draw(figure: Any) -> None:
        axes = figure.add_subplot(facecolor=PAPER)
        for rank, (kinds, members) in enumerate(_by_kinds(run.front).items()):
            axes.plot(
                [member.api_p99_ms for member in members],
                [float(member.compared_monthly_usd) for member in members],
                linestyle="none",
                marker=MARKERS[rank % len(MARKERS)],
                markersize=7,
                color=COLOURS[rank % len(COLOURS)],
                label=" with ".join(kind.replace("_", " ") for kind in kinds),
            )
        chosen = run.chosen
        axes.plot(
            chosen.api_p99_ms,
            float(chosen.effective_monthly_usd),
            linestyle="none",
            marker="o",
            markersize=14,
            markerfacecolor="none",
            markeredgecolor=INK,
            label="recommended",
        )
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.grid(axis="y")
        axes.set_xlabel("API call, 99th percentile, ms")
        axes.set_title(
            f"{run.scenario_name}: what nothing else betters, USD a month", loc="left", fontsize=13, pad=12
        )
        _dollars(axes)
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.15), ncols=2, fontsize=10, borderaxespad=0)

    return picture(draw, _INCHES, kind)


def settling_chart(run: Run, kind: Picture) -> bytes:
    """Mean with two standard errors, and the range from P10 to P90, after each batch of draws."""

    def draw(figure: Any) -> None:
        axes = figure.add_subplot(facecolor=PAPER)
        steps = run.cost_range.settling
        draws = [step.draws for step in steps]
        lows = [step.mean_usd - 2 * step.standard_error_usd for step in steps]
        highs = [step.mean_usd + 2 * step.standard_error_usd for step in steps]
        axes.fill_between(
            draws, lows, highs, color=RANGE, linewidth=0, label="give or take two standard errors"
        )
        axes.plot(draws, [step.mean_usd for step in steps], color=COLOURS[0], marker="o", label="mean")
        for ends, words in (
            ([step.p10_usd for step in steps], "P10 and P90"),
            ([step.p90_usd for step in steps], None),
        ):
            axes.plot(draws, ends, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), label=words)
        for before, after in pairwise(steps):
            if before.finalist != after.finalist:
                axes.axvline(after.draws, color=INK, linewidth=1, linestyle=(0, (1, 3)))
        axes.grid(axis="y")
        axes.set_xlabel("Draws of inputs and traffic")
        axes.set_title(
            f"{run.scenario_name}: how the monthly cost came to rest", loc="left", fontsize=13, pad=12
        )
        _dollars(axes)
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.15), ncols=3, fontsize=10, borderaxespad=0)

    return picture(draw, _INCHES, kind)


def _by_kinds(front: Sequence[FrontNote]) -> dict[tuple[str, str], list[FrontNote]]:
    """Members by their kinds of compute and database, in order of cost."""
    found: dict[tuple[str, str], list[FrontNote]] = {}
    for member in front:
        found.setdefault((member.kinds[0], member.kinds[1]), []).append(member)
    return found


def _dollars(axes: Any) -> None:
    from matplotlib.ticker import StrMethodFormatter

    low, high = axes.get_ylim()
    axes.yaxis.set_major_formatter(StrMethodFormatter("${x:,.0f}" if high - low >= 5 else "${x:,.2f}"))
