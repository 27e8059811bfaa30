"""`costmodel export terraform`, and what every command says about a run file that it cannot use."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from costmodel.decision.run import FORMAT
from costmodel.export.terraform import terraform_files

READERS = [["export", "terraform"], ["report", "monthly"], ["advisor", "compare", "--from", "findings.json"]]
AGAIN = "Write it again with: costmodel simulate SCENARIO --save RUN.json"


def test_terraform_writes_both_files_and_names_them(cli: Any, small_shop: Any, tmp_path: Path) -> None:
    outcome = cli("export", "terraform", small_shop.file, "--output", tmp_path / "tf", columns=300)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.splitlines() == [
        f"wrote {tmp_path / 'tf' / name}" for name in ("variables.tf", "costmodel.auto.tfvars.json")
    ]
    written = {path.name: path.read_bytes() for path in (tmp_path / "tf").iterdir()}
    assert written == terraform_files(small_shop.run)
    assert json.loads(written["costmodel.auto.tfvars.json"])["region"] == "eu-central-1"


def test_a_file_where_the_folder_should_be_is_refused(cli: Any, small_shop: Any, tmp_path: Path) -> None:
    (tmp_path / "tf").write_text("mine")
    outcome = cli("export", "terraform", small_shop.file, "-o", tmp_path / "tf")
    assert (outcome.code, outcome.out) == (1, "")
    assert "tf is not a folder. Choose another place with --output or --save." in outcome.err
    assert (tmp_path / "tf").read_text() == "mine"


@pytest.mark.parametrize("command", READERS, ids=" ".join)
@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda content: b"", "is not JSON"),
        (lambda content: content[:5000], "is not JSON"),
        (lambda content: b"[]", "Expected object"),
        (lambda content: b"{}", "missing required field format"),
        (lambda content: content.replace(FORMAT.encode(), b"costmodel-run/1"), f"must be {FORMAT}"),
        (lambda content: b'{"format": "costmodel-run/0"}', f"must be {FORMAT}"),
        (lambda content: content.replace(b'"seed"', b'"sead"'), "missing required field seed"),
        (lambda content: re.sub(rb'("months":\s*\[\s*)"2026-05"', rb'\1"May"', content), "matching regex"),
    ],
    ids=["empty", "truncated", "list", "object", "newer", "older", "renamed", "month"],
)
def test_an_unusable_run_says_how_to_write_it_again(
    cli: Any,
    small_shop: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    damage: Any,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "run.json"
    file.write_bytes(damage(small_shop.file.read_bytes()))
    outcome = cli(*command, file)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"Error: {file}: 1 fault\n")
    assert told in outcome.err
    assert outcome.err.splitlines()[-1] == AGAIN
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda tree: tree["chosen"].update(monthly_usd="NaN"),
            "chosen.monthly_usd: must be a plain amount (found NaN)",
        ),
        (
            lambda tree: tree["charges"][0].update(billed_cost="1e99999"),
            "charges.0.billed_cost: must be a plain",
        ),
        (
            lambda tree: tree["daily_load"]["sessions"].pop(),
            "daily_load.sessions: must hold one value for each of 31 days",
        ),
        (
            lambda tree: tree["designs"][0]["daily"]["requests"].append(1.0),
            "designs.0.daily.requests: must hold one value for each of 31 days",
        ),
        (lambda tree: tree.update(first_day="2026-04-01"), "first_day: must lie in the first month, 2026-05"),
        (lambda tree: tree.update(months=[]), "$.months"),
        (lambda tree: tree["terraform"][0].update(attributes=[]), "$.terraform[0].attributes"),
        (lambda tree: tree["terraform"][0].update(name='x" {}'), "$.terraform[0].name"),
        (lambda tree: tree.update(colour="blue"), "colour: unknown key"),
        (lambda tree: tree["chosen"].update(colour="blue"), "chosen.colour: unknown key"),
        (lambda tree: tree["charges"][2].update(colour="blue"), "charges.2.colour: unknown key"),
        (
            lambda tree: tree["terraform"][0]["attributes"][0].update(value=64),
            "terraform.0.attributes.0.value: must be a whole number from 128 to 10240, as lambda.memory_size (found 64)",
        ),
        (
            lambda tree: tree["terraform"][0]["attributes"][0].update(value="much"),
            "terraform.0.attributes.0.value: must be of type number (found much)",
        ),
        (
            lambda tree: tree["terraform"][0]["attributes"][0].update(type="any"),
            "terraform.0.attributes.0.type: must be one of string, number, bool, list(string) (found any)",
        ),
    ],
)
def test_a_run_changed_by_hand_names_the_place(
    cli: Any, small_shop: Any, tmp_path: Path, change: Any, told: str
) -> None:
    tree = json.loads(small_shop.file.read_bytes())
    change(tree)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(tree))
    outcome = cli("export", "terraform", file, "-o", tmp_path / "tf")
    assert (outcome.code, outcome.out) == (1, "")
    assert told in outcome.err
    assert not (tmp_path / "tf").exists()


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_every_unknown_key_is_named_but_the_scenarios_are_its_own(
    cli: Any, small_shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tree = json.loads(small_shop.file.read_bytes())
    tree["scenario"]["colour"] = {"of": "the door"}
    tree["counts"]["colour"] = tree["designs"][1]["shape"] = 1
    file = tmp_path / "run.json"
    file.write_text(json.dumps(tree))
    outcome = cli(*command, file)
    assert (outcome.code, outcome.out) == (1, "")
    first, *faults, _ = outcome.err.splitlines()
    assert first == f"Error: {file}: 2 faults"
    assert sorted(fault.partition(": ")[0] for fault in faults) == [
        "  - counts.colour",
        "  - designs.1.shape",
    ]


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_missing_run_a_folder_and_an_unreadable_run(
    cli: Any, small_shop: Any, tmp_path: Path, command: list[str]
) -> None:
    assert "cannot be read: No such file or directory" in cli(*command, tmp_path / "gone.json").err
    assert "cannot be read: Is a directory" in cli(*command, tmp_path).err
    with patch.object(Path, "read_bytes", side_effect=PermissionError(13, "Permission denied")):
        outcome = cli(*command, small_shop.file)
    assert outcome.code == 1
    assert "cannot be read: Permission denied" in outcome.err
    assert AGAIN in outcome.err


def test_a_scenario_is_not_a_run(cli: Any) -> None:
    outcome = cli("export", "terraform", "scenarios/small-shop.yaml")
    assert outcome.code == 1
    assert AGAIN in outcome.err
