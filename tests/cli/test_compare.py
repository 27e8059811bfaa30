"""`costmodel compare`: what is printed, what is missing, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from costmodel.decision.run import Run, encode, read_run
from shops.quick import quick_tree

BUSIER = {"traffic.monthly_visitors.europe": 40_000, "security.kms_keys": 5}


@pytest.fixture(scope="module")
def files(cli: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two scenarios and their runs: a.yaml, a.json, b.yaml, b.json; r.json at own rates."""
    folder = tmp_path_factory.mktemp("compare")
    for name, changes in (("a", {}), ("b", BUSIER)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(quick_tree(changes)))
        assert cli("simulate", folder / f"{name}.yaml", "--save", folder / f"{name}.json").code == 0
    (folder / "rates.yaml").write_text("name: Agreement\ndiscounts:\n  - {service: AWSELB, percent: 10}\n")
    saving = ("--rates", folder / "rates.yaml", "--save", folder / "r.json")
    assert cli("simulate", folder / "a.yaml", *saving).code == 0
    return folder


def amounts(document: dict[str, Any]) -> dict[str, Decimal]:
    return {step["cause"]: Decimal(step["usd"]) for step in document["steps"]}


def test_json_adds_up_as_it_is_written(cli: Any, files: Path) -> None:
    outcome = cli("compare", files / "a.json", files / "b.json", "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    document = json.loads(outcome.out)
    before, after = (read_run(files / f"{name}.json") for name in "ab")
    assert Decimal(document["before"]["monthly_usd"]) == before.monthly_usd
    assert Decimal(document["more_usd"]) == after.monthly_usd - before.monthly_usd
    assert sum(amounts(document).values()) == Decimal(document["more_usd"])
    assert list(amounts(document)) == ["price", "traffic", "configuration", "model"]
    for name in {*document["before"]["by_service_usd"], *document["after"]["by_service_usd"]}:
        moved = [Decimal(step["by_service_usd"].get(name, "0")) for step in document["steps"]]
        ends = [Decimal(document[side]["by_service_usd"].get(name, "0")) for side in ("before", "after")]
        assert ends[0] + sum(moved) == ends[1]
    assert {change["key"]: change["counts_as"] for change in document["scenario"]} == {
        "traffic.monthly_visitors.europe": "traffic",
        "security.kms_keys": "configuration",
    }


def test_the_table_says_it_in_words(cli: Any, files: Path) -> None:
    outcome = cli("compare", files / "a.json", files / "b.json", columns=160)
    assert (outcome.code, outcome.err) == (0, "")
    first, *lines = outcome.out.splitlines()
    assert first.startswith("B, a quick shop in eu-west-1 (2026-02), costs $")
    assert "a month more than A, a quick shop in eu-west-1 (2026-02): $" in first
    document = json.loads(cli("compare", files / "a.json", files / "b.json", "--format", "json").out)
    shown = {line.split()[0]: line.split()[-1] for line in lines if line.startswith(tuple(amounts(document)))}
    assert shown["price"] == shown["model"] == "0"
    assert shown["traffic"] == f"+${amounts(document)['traffic']:.2f}"
    for heading in ("What the difference comes from", "By service", "What the scenarios say otherwise"):
        assert any(line.startswith(heading) for line in lines)
    assert any(
        line.split() == ["traffic.monthly_visitors.europe", "20,000", "40,000", "traffic"] for line in lines
    )


def test_scenarios_and_runs_go_together(cli: Any, files: Path) -> None:
    asked = [
        [files / f"a.{one}", files / f"b.{other}"] for one, other in (("json", "json"), ("yaml", "json"))
    ]
    first, second = (cli("compare", *arguments, "--format", "json") for arguments in asked)
    assert first == second


def test_a_run_beside_itself(cli: Any, files: Path) -> None:
    outcome = cli("compare", files / "a.json", files / "a.json", columns=160)
    assert outcome.code == 0
    assert "costs as much as A" in outcome.out
    assert "otherwise" not in outcome.out


def test_own_rates_have_to_be_given_again(cli: Any, files: Path) -> None:
    asked = ("compare", files / "a.json", files / "r.json", "--format", "json")
    without = json.loads(cli(*asked).out)
    assert "own rates Agreement" in without["not_split"]
    assert "--rates" in without["not_split"]
    assert amounts(without) == {"not split": Decimal(without["more_usd"])}
    document = json.loads(cli(*asked, "--rates", files / "rates.yaml").out)
    assert document["not_split"] == ""
    assert amounts(document) == {
        "price": Decimal(document["more_usd"]), "traffic": 0, "configuration": 0, "model": 0
    }  # fmt: skip
    run = read_run(files / "a.json")
    balancer = [
        charge.billed_cost for charge in run.charges if charge.service_name == "Elastic Load Balancing"
    ]
    assert Decimal(document["more_usd"]) == -sum(balancer) / 10


def changed(files: Path, name: str, run: Run) -> Path:
    file = files / f"{name}.json"
    file.write_bytes(encode(run))
    return file


def test_a_price_book_that_is_gone_is_said(cli: Any, files: Path) -> None:
    run = read_run(files / "b.json")
    lost = changed(
        files, "lost", replace(run, price_book=replace(run.price_book, digest="0123456789ab" + "0" * 52))
    )
    outcome = cli("compare", files / "a.json", lost, columns=160)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Not all of it can be split: the price book 0123456789ab is not at hand." in outcome.out
    assert any(line.startswith("not split") for line in outcome.out.splitlines())


def test_gates_judge_the_difference_and_b(cli: Any, files: Path) -> None:
    asked = ("compare", files / "a.json", files / "b.json", "--format", "json")
    plain = cli(*asked)
    outcome = cli(*asked, "--fail-if", "more_usd > 0", "--fail-if", "more_ratio > 1000", "--budget", "1")
    assert (outcome.code, outcome.out) == (4, plain.out)
    assert [line.split(" is ")[0] for line in outcome.err.splitlines()[1:]] == [
        "  - effective_monthly_usd",
        "  - more_usd",
    ]
    assert cli("compare", files / "b.json", files / "a.json", "--fail-if", "more_usd > 0").code == 0


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("gone.json", None, "cannot be read"),
        ("gone.yaml", None, "no such file or shipped example"),
        ("x.json", b"{}", "costmodel simulate SCENARIO --save RUN.json"),
        ("x.json", b"\xff\x00", "is not JSON"),
        ("x.yaml", b"\xff\x00", "is not UTF-8 text"),
        ("", None, "no such file or shipped example"),
    ],
)
def test_what_is_no_run_and_no_scenario_is_named(
    cli: Any, files: Path, tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    file = tmp_path / name if name else Path("nothing at all")
    if content is not None:
        file.write_bytes(content)
    for arguments in ([file, files / "a.json"], [files / "a.json", file]):
        outcome = cli("compare", *arguments)
        assert (outcome.code, outcome.out) == (1, "")
        assert told in outcome.err
        assert "Traceback" not in outcome.err


def test_a_run_whose_scenario_is_damaged_is_refused(cli: Any, files: Path) -> None:
    run = read_run(files / "b.json")
    damaged = changed(files, "damaged", replace(run, scenario=run.scenario | {"months": 99}))
    outcome = cli("compare", files / "a.json", damaged)
    assert (outcome.code, outcome.out) == (1, "")
    assert "the scenario of run B: 1 fault" in outcome.err
    assert "months: must be a whole number from 1 to 36" in outcome.err
