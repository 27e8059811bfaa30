"""The chart of a sweep: a whole file in either format, the same each time, with every flip in it."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from itertools import product
from xml.etree import ElementTree as Xml

import matplotlib.image
import pytest

from costmodel.decision.run import CostRange, Run
from costmodel.decision.sweep import Answer, Point, Sweep
from costmodel.export.sweep_chart import sweep_chart
from costmodel.scenario.vary import Axis


def made(example_run: Run, axes: tuple[Axis, ...], kinds: str) -> Sweep:
    """A sweep with one letter of compute for each point; a dash stands for nothing feasible."""
    points = []
    for place, (values, kind) in enumerate(zip(product(*(axis.values for axis in axes)), kinds, strict=True)):
        chosen = replace(
            example_run.chosen, compute_kind=f"{kind}_compute", monthly_usd=Decimal(100 + 30 * place)
        )
        spread = replace(example_run.cost_range, p10_usd=90.0 + 30 * place, p90_usd=130.0 + 30 * place)
        assert isinstance(spread, CostRange)
        answer = Answer(None, None, "nothing") if kind == "-" else Answer(chosen, spread, "")
        points.append(Point(values, answer))
    return Sweep(axes, tuple(points))


VISITORS = Axis("traffic.monthly_visitors.europe", (1_000.0, 10_000.0, 100_000.0, 1_000_000.0), log=True)
REGIONS = Axis("region", ("eu-west-1", "us-east-1"))


def texts(svg: bytes) -> list[str]:
    return [
        "".join(node.itertext()).strip() for node in Xml.fromstring(svg).iter() if node.tag.endswith("}text")
    ]


def test_a_line_shows_its_flips_its_stacks_and_what_is_infeasible(example_run: Run) -> None:
    told = texts(sweep_chart(made(example_run, (VISITORS,), "aab-"), "A $hop", "svg"))
    assert "A $hop: monthly cost by traffic.monthly_visitors.europe" in told
    assert {
        "1",
        "1: a compute → b compute",
        "2",
        "2: nothing feasible",
        "nothing feasible",
        "P10 to P90",
    } <= {*told}
    assert sum(text.startswith(("a compute, ", "b compute, ")) for text in told) == 2
    assert {"1,000", "1,000,000", "USD a month"} <= {*told}


def test_a_line_without_a_flip_has_none(example_run: Run) -> None:
    told = texts(sweep_chart(made(example_run, (VISITORS,), "aaaa"), "shop", "svg"))
    assert not any("→" in text or text == "1" for text in told)
    assert "nothing feasible" not in told


def test_a_grid_has_a_line_for_each_value_of_the_second_key(example_run: Run) -> None:
    told = texts(sweep_chart(made(example_run, (VISITORS, REGIONS), "aaabbb--"), "shop", "svg"))
    assert {"region eu-west-1", "region us-east-1", "the choice has flipped"} <= {*told}
    assert "nothing feasible on one line at least" in told


def test_words_stand_side_by_side(example_run: Run) -> None:
    told = texts(sweep_chart(made(example_run, (REGIONS,), "ab"), "shop", "svg"))
    assert {"eu-west-1", "us-east-1"} <= {*told}


@pytest.mark.parametrize("kinds", ["abab", "----"])
def test_png_is_a_picture_and_both_are_the_same_each_time(example_run: Run, kinds: str) -> None:
    sweep = made(example_run, (VISITORS,), kinds)
    for file_format in ("png", "svg"):
        assert sweep_chart(sweep, "shop", file_format) == sweep_chart(sweep, "shop", file_format)
    picture = matplotlib.image.imread(io.BytesIO(sweep_chart(sweep, "shop", "png")))
    height, width, _ = picture.shape
    assert width > 1_000
    assert height > 500
