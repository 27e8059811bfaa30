"""Every label of the report's charts is whole and apart from the others, in both widths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import combinations

import pytest
from matplotlib.textpath import TextPath

from costmodel.decision.run import Settling
from costmodel.export import charts
from costmodel.export.charts import Chart, Curve

_TEXT = re.compile(r'<text style="(?P<style>[^"]*)"(?P<place>[^>]*)>(?P<text>[^<]*)')


@dataclass(frozen=True, slots=True)
class Label:
    text: str
    left: float
    right: float
    baseline: float


def labels(svg: str) -> list[Label]:
    """Every text of a drawing with its ends, as wide as in DejaVu Sans."""
    return [_label(*found.group("style", "place", "text")) for found in _TEXT.finditer(svg)]


def _label(style: str, place: str, text: str) -> Label:
    size = float(re.findall(r"font-size: ([\d.]+)px", style)[0])
    x, y = (
        float(number)
        for number in re.findall(r"(?:translate\(|rotate\([^ ]* )([-\d.]+) ([-\d.]+)", place)[-1]
    )
    width = TextPath((0, 0), text.replace("$", r"\$"), size=size).get_extents().x1
    before = {"start": 0.0, "middle": 0.5, "end": 1.0}[
        (re.findall("text-anchor: ([a-z]+)", style) or ["start"])[0]
    ]
    return Label(text, x - before * width, x + (1 - before) * width, y)


def texts(svg: str) -> list[str]:
    return [label.text for label in labels(svg)]


def year(most: float) -> list[float]:
    return [most * (day + 1) / 365 for day in range(365)]


def steps(scale: float) -> list[Settling]:
    return [Settling(draws, scale, scale / 50, scale * 0.8, scale * 1.3, 0) for draws in (4, 8)]


FIRST = date(2026, 1, 1)
DRAWN: dict[str, Chart] = {
    "services": charts.service_bars(
        {"Amazon Relational Database Service": Decimal("1234567.89"), "AWS WAF": Decimal(3)}, "Bill"
    ),
    "load": charts.daily_load({"API calls a day": year(26e6), "Page views a day": year(3.4e6), "GB": year(4)}, FIRST, "Load"),
    "month": charts.daily_load({"API calls a day": year(26e6)[:31]}, FIRST, "Load"),
    "three years": charts.daily_load({"API calls a day": year(26e6) * 3}, FIRST, "Load"),
    "cost": charts.daily_cost({"AWS WAF": year(987_654), "Amazon S3": year(4)}, FIRST, "Cost"),
    "front": charts.front_points({"ec2": [(55.0, 5_600.0), (232.0, 2_050.0)]}, (232.0, 2_050.0), "Front"),
    "draws": charts.settling(steps(2_000), "Draws"),
    "curves": charts.level_curves(
        [
            Curve("CloudFront Security Savings Bundle, 1 yr Monthly", "a month", ((0, 1600), (1250, 1700)), (600, 1200)),
            Curve("Compute Savings Plan, 3 yr Partial Upfront", "an hour", ((0, 12.5), (0.074, 14)), (0.03, 11)),
        ],
        "Curves",
    ),
}  # fmt: skip


@pytest.mark.parametrize("width_pt", [920, 340])
@pytest.mark.parametrize("name", DRAWN)
def test_labels_are_whole_and_apart(name: str, width_pt: int) -> None:
    """Seen in Chromium as well, at 320, 375, 414 and 1000 pixels."""
    svg = DRAWN[name].wide if width_pt == 920 else DRAWN[name].narrow
    found = labels(svg)
    assert len(found) > 3
    for label in found:
        assert label.left >= -0.1, label
        assert label.right <= width_pt + 0.1, label
    for one, other in combinations(found, 2):
        if abs(one.baseline - other.baseline) < 9:
            assert one.right < other.left or other.right < one.left, (one, other)


def test_numbers_are_short_and_say_what_they_are() -> None:
    for svg in (DRAWN["load"].narrow, DRAWN["load"].wide):
        assert {"0", "8 M", "16 M", "24 M", "1 M", "3 M"} <= set(texts(svg))
    assert "$1,000 a month" in texts(DRAWN["curves"].narrow)
    tried = [text for text in texts(DRAWN["draws"].wide) if text.endswith(" draws")]
    assert tried == ["0 draws", "3 draws", "6 draws"], "a draw is whole: no 2.5 shown as 2"


def test_a_narrow_picture_names_fewer_months() -> None:
    wide, narrow = (
        [text for text in texts(svg) if text.endswith(" 2026")]
        for svg in (DRAWN["cost"].wide, DRAWN["cost"].narrow)
    )
    assert wide == ["Jan 2026", "Mar 2026", "May 2026", "Jul 2026", "Sep 2026", "Nov 2026"]
    assert narrow == ["Jan 2026", "Apr 2026", "Jul 2026", "Oct 2026"]


def test_a_single_dear_day_of_a_year_is_not_hidden_by_edges() -> None:
    month = charts.daily_cost({"AWS WAF": year(4)[:31]}, FIRST, "Cost")
    for chart, edged in ((DRAWN["cost"], False), (month, True)):
        for svg in (chart.wide, chart.narrow):
            assert ("stroke: var(--paper); stroke-width: 0.6" in svg) is edged


def test_a_name_is_cut_only_where_it_has_no_room() -> None:
    name = "CloudFront Security Savings Bundle, 1 yr Monthly"
    assert name in texts(DRAWN["curves"].wide)
    assert name in texts(DRAWN["curves"].narrow)
    long = charts.service_bars({"x" * 90: Decimal(1)}, "Bill")
    assert "x" * 90 in texts(long.wide)
    assert "x" * 47 + "…" in texts(long.narrow)
