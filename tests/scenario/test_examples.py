import csv
import re
from datetime import datetime, timedelta
from math import cos, pi
from pathlib import Path
from typing import get_args

import pytest

from costmodel.errors import ScenarioError
from costmodel.scenario.assumptions import uncertain_inputs
from costmodel.scenario.examples import examples, find
from costmodel.scenario.load import load
from costmodel.scenario.model import RegionId

NAMES = [example.name for example in examples()]


def test_the_stories_the_tool_promises_are_there() -> None:
    assert {
        "steady-furniture-shop",
        "fashion-flash-sale",
        "gadget-launch-goes-viral",
        "growing-marketplace",
        "small-shop",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_a_readable_story_and_runs_in_every_region(name: str) -> None:
    path = find(name)
    text = path.read_text(encoding="utf-8")
    assert 30 <= len(text.splitlines()) <= 80
    assert text.startswith("# ")
    second = load(path).network.second_region
    for region in get_args(RegionId):
        if region != second:
            assert load(path, {"region": region}).region == region
    assert len(load(path).story) > 150


def test_most_examples_admit_what_is_not_known() -> None:
    assert sum(bool(uncertain_inputs(load(find(name)))) for name in NAMES) >= 5


def test_the_steady_shop_has_the_load_its_story_tells() -> None:
    scenario = load(find("steady-furniture-shop"))
    assert sum(scenario.traffic.monthly_visitors.values()) == 600_000
    assert scenario.months == 1
    assert scenario.traffic.events == ()


def test_the_summary_is_the_first_sentence() -> None:
    summaries = {example.name: example.summary for example in examples()}
    assert summaries["global-configurator"] == (
        "A kitchen maker lets customers on five continents plan a whole kitchen in the browser."
    )
    assert all(re.fullmatch(r"[A-Z][^\n]{40,160}\.", summary) for summary in summaries.values())


def test_the_shipped_trace_is_the_formula_its_scenario_tells() -> None:
    trace = load(find("replayed-fortnight")).traffic.trace
    assert trace is not None
    with trace.file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 336
    for n, row in enumerate(rows):
        moment = datetime.fromisoformat("2026-03-02T00:00:00") + timedelta(hours=n)
        h = moment.hour
        day = 1.15 if moment.weekday() >= 5 else 1
        usual = 5000 * day * (1 + 0.6 * cos(2 * pi * (h - 20) / 24) + 0.2 * cos(4 * pi * (h - 14) / 24))
        mention = 9000 * 0.5 ** ((n - 230) / 3) if n >= 230 else 0
        assert row["time"] == moment.isoformat()
        assert abs(int(row["requests"]) - (usual + mention)) <= 0.5 + 1e-6


def test_find_takes_names_and_paths(tmp_path: Path) -> None:
    assert find("small-shop").name == "small-shop.yaml"
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: x\n")
    assert find(str(mine)) == mine


@pytest.mark.parametrize("name", ["smal-shop", "", "no/such.yaml", "x" * 5_000, "a\0b"])
def test_find_names_the_examples_when_there_is_nothing(name: str) -> None:
    with pytest.raises(ScenarioError, match=r"examples: fashion-flash-sale, .*steady-furniture-shop"):
        find(name)
