"""`costmodel sweep`: table, JSON, chart, and what is refused before anything is simulated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from costmodel.decision.run import read_run
from costmodel.errors import Infeasible
from shops.quick import quick_tree

VISITORS = "traffic.monthly_visitors.europe=1_000:100_000:3:log"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sweep") / "shop.yaml"
    choices = {"constraints.delivery": ["flat_rate", "pay_as_you_go"], "constraints.lambda_memory_mb": [512]}
    file.write_text(yaml.safe_dump(quick_tree(choices)))
    return file


def test_each_value_is_the_simulation_of_that_scenario(cli: Any, shop: Path, tmp_path: Path) -> None:
    outcome = cli("sweep", shop, "--vary", VISITORS, "--seed", "5", "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    document = json.loads(outcome.out)
    assert (document["scenario_name"], document["seed"]) == ("a quick shop", 5)
    assert [point["values"] for point in document["points"]] == [
        {"traffic.monthly_visitors.europe": value} for value in (1_000, 10_000, 100_000)
    ]
    alone = tmp_path / "alone.yaml"
    tree = yaml.safe_load(shop.read_text())
    tree["traffic"]["monthly_visitors"]["europe"] = 10_000
    alone.write_text(yaml.safe_dump(tree))
    cli("simulate", alone, "--seed", "5", "--save", tmp_path / "run.json")
    run = read_run(tmp_path / "run.json")
    point = document["points"][1]
    assert (point["monthly_usd"], point["p90_usd"]) == (f"{run.monthly_usd:f}", run.cost_range.p90_usd)
    (flip,) = document["flips"]
    assert flip["changes"] == [{"before": "flat_rate", "after": "pay_as_you_go"}]
    assert cli("sweep", shop, "--vary", VISITORS, "--seed", "5", "--format", "json") == outcome


def test_the_table_marks_the_flip(cli: Any, shop: Path) -> None:
    out = cli("sweep", shop, "--vary", VISITORS, columns=120).out
    lines = out.splitlines()
    assert lines[0] == "a quick shop, varying traffic.monthly_visitors.europe: the choice flips 1 time."
    (marked,) = [line for line in lines if line.rstrip().endswith("<- flips")]
    assert marked.split()[0] == "10,000"
    assert any(
        line.split() == ["1,000", "10,000", "flat", "rate", "->", "pay", "as", "you", "go"] for line in lines
    )
    assert "3 simulations, each with seed 1" in lines[-1]


def test_a_grid_and_its_chart(cli: Any, shop: Path, tmp_path: Path) -> None:
    chart = tmp_path / "new" / "grid.svg"
    varied = (
        "--vary",
        "traffic.monthly_visitors.europe=1000,50000",
        "--vary",
        "api.cpu_ms_per_call=10,50_000",
    )
    outcome = cli("sweep", shop, *varied, "--chart", chart, columns=120)
    assert outcome.code == 0
    assert outcome.err == f"wrote {chart}\n"
    assert b"<svg" in chart.read_bytes()
    rows = [line.split() for line in outcome.out.splitlines()]
    assert ["Value", "10", "50,000"] in rows
    (first,) = [row for row in rows if row[:1] == ["1,000"] and "none" in row]
    assert first[2:] == ["A", "none", "-"]
    assert any(
        line.startswith("At 1,000, 50,000: nothing meets the objectives") for line in outcome.out.splitlines()
    )
    document = json.loads(cli("sweep", shop, *varied, "--format", "json").out)
    assert [point["feasible"] for point in document["points"]] == [True, False, True, False]
    assert "nothing meets the objectives" in document["points"][1]["why_none"]


def test_a_chart_can_be_a_picture(cli: Any, shop: Path, tmp_path: Path) -> None:
    chart = tmp_path / "chart.PNG"
    assert cli("sweep", shop, "--vary", "security.kms_keys=1:3:2", "--chart", chart).code == 0
    assert chart.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "Missing option '--vary'"),
        (["--vary", "trafic.x=1:2:3"], 2, "did you mean traffic?"),
        (["--vary", "months=1:2:x"], 2, '"x" is no number'),
        (["--vary", "months=1,2", "--vary", "months=3,4"], 2, "--vary months: is given twice"),
        (["--vary", "months=1,2", "--vary", "seed=1,2", "--vary", "region=eu-west-1"], 2, "at most 2 keys"),
        (
            ["--vary", "seed=1:900:900", "--vary", "api.cpu_ms_per_call=1:900:900"],
            2,
            "810,000 points; at most 10,000",
        ),
        (["--vary", "traffic.events.3.peak_multiplier=2,3"], 2, "'a quick shop' has no such place"),
        (["--vary", "api.cpu_ms_per_call.mid=2,3"], 2, "'a quick shop' has no such place"),
        (["--vary", "months=1,99"], 1, "months: must be a whole number from 1 to 36 (found 99)"),
        (["--vary", "months=1,99"], 1, "Correct --vary months."),
        (["--vary", "region=mars,eu-west-1"], 1, "region: must be one of the names below"),
        (["--vary", "objectives.api_p95_ms=100:2_000:3"], 1, "must not exceed api_p99_ms"),
        (["--vary", "months=1,2", "--chart", "chart.pdf"], 2, "the name must end in .svg or .png"),
        (
            ["--vary", "months=1,2", "--chart", "/dev/null/chart.svg"],
            1,
            "cannot write /dev/null/chart.svg",
        ),
    ],
)
def test_faults_are_told_before_anything_is_simulated(
    cli: Any, shop: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, told: str
) -> None:
    monkeypatch.setattr("costmodel.decision.sweep.simulate", lambda *_, **__: pytest.fail("simulated"))
    outcome = cli("sweep", shop, *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err
    assert "Traceback" not in outcome.err


def test_an_exchange_of_regions_is_told_once(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every point reads the scenario; the first that is answered ends the sweep here."""

    def no_answer(*_: object, **__: object) -> object:
        raise Infeasible("nothing is simulated")

    monkeypatch.setattr("costmodel.decision.sweep.sweep", no_answer)
    outcome = cli("sweep", "two-regions", "--region", "us-east-1", "--vary", "seed=1:3:3")
    assert outcome.err.count("the two change places: network.second_region is eu-west-1.") == 1
