"""Charts of a decision say what the run says, and are the same bytes each time."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import matplotlib.image
import pytest

from costmodel.decision.run import Run
from costmodel.export.decision_charts import front_chart, settling_chart


def texts(svg: bytes) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg.decode())


def test_the_front_names_the_kinds_on_it(example_run: Run) -> None:
    told = texts(front_chart(example_run, "svg"))
    for member in example_run.front:
        assert f"{member.kinds[0]} with {member.kinds[1]}".replace("_", " ") in told
    assert "recommended" in told
    assert f"{example_run.scenario_name}: what nothing else betters, USD a month" in told


def test_the_draws_end_where_the_run_does(example_run: Run) -> None:
    steps = example_run.cost_range.settling
    assert steps[-1].draws == example_run.cost_range.draws
    assert steps[-1].mean_usd == pytest.approx(example_run.cost_range.mean_usd)
    told = texts(settling_chart(example_run, "svg"))
    assert {"mean", "P10 and P90", "give or take two standard errors"} <= set(told)


@pytest.mark.parametrize("draw", [front_chart, settling_chart])
def test_the_same_run_is_drawn_the_same(example_run: Run, draw: object) -> None:
    assert callable(draw)
    assert draw(example_run, "svg") == draw(example_run, "svg")
    picture = draw(example_run, "png")
    assert picture == draw(example_run, "png")
    height, width, _ = matplotlib.image.imread(io.BytesIO(picture)).shape
    assert width > height > 400


def test_the_ring_is_at_the_cost_with_plans_as_the_front_is(example_run: Run) -> None:
    dear = replace(example_run.chosen, monthly_usd=example_run.chosen.monthly_usd * 2)
    assert front_chart(replace(example_run, chosen=dear), "svg") == front_chart(example_run, "svg")
