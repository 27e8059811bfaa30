"""`costmodel scenario`: every kind of unusable file gets its own clear answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from jsonschema import Draft202012Validator

from costmodel.scenario.assumptions import assumptions
from costmodel.scenario.examples import examples, find
from costmodel.scenario.load import load

NEXT_STEP = "costmodel scenario"


def test_list_names_every_example(cli: Any) -> None:
    outcome = cli("scenario", "list", columns=200)
    assert (outcome.code, outcome.err) == (0, "")
    for example in examples():
        (line,) = [line for line in outcome.out.splitlines() if line.startswith(example.name)]
        assert line.rstrip().endswith(example.summary)


def test_list_as_json(cli: Any) -> None:
    rows = json.loads(cli("scenario", "list", "--format", "json").out)
    assert rows == [{"name": example.name, "summary": example.summary} for example in examples()]


@pytest.mark.parametrize("name", [example.name for example in examples()])
def test_check_says_what_a_scenario_holds(cli: Any, name: str) -> None:
    by_name, by_path = cli("scenario", "check", name), cli("scenario", "check", find(name))
    assert by_name == by_path
    assert by_name.code == 0
    assert ": fine. " in by_name.out
    assert " defaults in force." in " ".join(by_name.out.split())


def test_check_counts_in_plain_english(cli: Any) -> None:
    defaults = len(assumptions(load(find("small-shop"))))
    assert cli("scenario", "check", "small-shop", columns=300).out == (
        "Small shop: fine. 5,000 visitors a month from 1 geography; 1 month from 2026-05 in eu-central-1; "
        f"1 uncertain input; {defaults} defaults in force.\n"
    )


def test_events_can_be_listed_with_figures_and_sources(cli: Any) -> None:
    outcome = cli("scenario", "events", columns=200)
    assert (outcome.code, outcome.err) == (0, "")
    rows = json.loads(cli("scenario", "events", "--format", "json").out)
    for row in rows:
        assert row["kind"] in outcome.out
        assert row["source"].split()[0] in outcome.out
        for name, figure in row["figures"].items():
            assert f"{name} {figure:g}".split()[0] in outcome.out
    assert {row["kind"] for row in rows} >= {"flash_sale", "regional_outage", "price_list_change"}


def test_a_price_change_of_an_unknown_service_is_a_fault(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    event = "{kind: price_list_change, start: 2026-05-01, service: AmazonEC3, change_ratio: 0.1}"
    file.write_text(find("small-shop").read_text().replace("traffic:\n", f"traffic:\n  events: [{event}]\n"))
    outcome = cli("scenario", "check", file)
    assert outcome.code == 1
    assert "traffic.events.0.service (line " in outcome.err
    assert "did you mean AmazonEC2?" in outcome.err


def test_schema_is_a_schema_that_the_examples_meet(cli: Any) -> None:
    schema = json.loads(cli("scenario", "schema").out)
    Draft202012Validator.check_schema(schema)
    assert "traffic" in schema["properties"]


@pytest.mark.parametrize("command", [("scenario", "check"), ("simulate",), ("stress",)])
def test_a_misspelt_example_is_answered_with_the_one_that_is_near(cli: Any, command: tuple[str, ...]) -> None:
    outcome = cli(*command, "steady-furnitur-shop")
    assert (outcome.code, outcome.out) == (1, "")
    assert "file: no such file or shipped example (did you mean steady-furniture-shop?); " in outcome.err
    assert "did you mean" not in cli(*command, "mine.yaml").err


def test_a_name_that_nobody_knows_lists_the_examples(cli: Any) -> None:
    outcome = cli("scenario", "check", "smal-shop")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("Error: smal-shop: 1 fault\n")
    for example in examples():
        assert example.name in outcome.err
    assert "costmodel scenario list" in outcome.err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"- a list", "the file must begin with keys"),
        (b"name: [unclosed", "is not YAML"),
        (b"\tname: x", "a tab"),
        (b"name: x\nname: y", "given twice, first on line 1"),
        (b"name: x\nfoo: 1", "unknown key"),
        (b"name: &a x\nstory: *a", "anchors (&) and aliases (*) are not read"),
        (b"name: !!python/object:os.system x", "tags (!) are not read"),
    ],
)
def test_a_broken_file_is_answered_with_place_and_next_step(
    cli: Any, tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_bytes(content)
    outcome = cli("scenario", "check", file)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"Error: {file}: ")
    assert told in outcome.err
    assert NEXT_STEP in outcome.err.splitlines()[-1]


def test_every_fault_is_listed_at_once(cli: Any, tmp_path: Path) -> None:
    text = find("small-shop").read_text()
    file = tmp_path / "shop.yaml"
    file.write_text(text.replace("region: eu-central-1", "region: moon") + "\nmonths: -1\ntypo: 1\n")
    outcome = cli("scenario", "check", file)
    assert outcome.code == 1
    faults = [line for line in outcome.err.splitlines() if line.startswith("  - ")]
    assert len(faults) >= 2
    assert all("(line " in fault for fault in faults)


def test_a_folder_is_not_a_file(cli: Any, tmp_path: Path) -> None:
    outcome = cli("scenario", "check", tmp_path)
    assert outcome.code == 1
    assert "is a folder, not a file" in outcome.err


def test_an_unreadable_file_says_why(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text("name: x")
    with patch.object(Path, "open", side_effect=PermissionError(13, "Permission denied")):
        outcome = cli("scenario", "check", file)
    assert outcome.code == 1
    assert "cannot be read: Permission denied" in outcome.err
    assert "Check the path and its permissions" in outcome.err


def test_a_name_with_brackets_is_printed_as_it_is(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(
        find("small-shop").read_text().replace("name: Small shop", 'name: "[/b] :smile: [red]shop"')
    )
    outcome = cli("scenario", "check", file)
    assert outcome.out.startswith("[/b] :smile: [red]shop: fine.")


@pytest.mark.parametrize("command", [("scenario", "check"), ("simulate",)])
def test_unknown_families_are_named_with_line_before_anything_is_simulated(
    cli: Any, no_simulation: list[Any], tmp_path: Path, command: tuple[str, ...]
) -> None:
    tree = yaml.safe_load(find("small-shop").read_text())
    tree["constraints"] = {"instance_families": ["m7g", "m7"], "database_families": ["r7g", "zz9"]}
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(tree, default_flow_style=False))
    line_of = {line.strip(): number for number, line in enumerate(file.read_text().splitlines(), start=1)}
    outcome = cli(*command, file)
    assert (outcome.code, outcome.out, no_simulation) == (1, "", [])
    first, *faults, step = outcome.err.splitlines()
    assert first == f"Error: {file}: 2 faults"
    told = dict(fault.removeprefix("  - ").split(": ", 1) for fault in faults)
    ec2 = told[f"constraints.instance_families.1 (line {line_of['- m7']})"]
    assert "m7g" in ec2
    assert "db." not in ec2
    assert ec2.endswith('(found "m7")')
    database = told[f"constraints.database_families.1 (line {line_of['- zz9']})"]
    assert database.startswith("must be one of ")
    assert database.endswith('(found "zz9")')
    assert NEXT_STEP in step


def test_faults_of_the_trace_stand_beside_those_of_the_scenario(cli: Any, tmp_path: Path) -> None:
    tree = yaml.safe_load(find("replayed-fortnight").read_text())
    tree["network"] = {"second_region": tree["region"]}
    tree["traffic"]["trace"] = {"file": "dst.csv", "timezone": "Europe/Berlin"}
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    (tmp_path / "dst.csv").write_text(
        "timestamp,value\n2026-03-29 01:00:00,5\n2026-03-29 02:00:00,5\n2026-03-29 03:00:00,5\n"
    )
    outcome = cli("scenario", "check", file)
    assert outcome.code == 1
    assert outcome.err.startswith(f"Error: {file}: 2 faults\n")
    line = tree_line(file, "file: dst.csv")
    assert (
        f"  - traffic.trace.file (line {line}): dst.csv, row 3: time does not exist in Europe/Berlin: clocks skip it "
        "(found 2026-03-29 02:00:00)\n"
    ) in outcome.err
    assert "network.second_region" in outcome.err

    (tmp_path / "dst.csv").write_text("timestamp,value\n2026-03-02T00:00Z,5\n2026-03-02T01:00Z,-1\n")
    outcome = cli("scenario", "check", file)
    assert "network.second_region" in outcome.err
    assert "dst.csv, row 3: value must be a number of 0 or more, at most 1e15 (found -1)" in outcome.err
    assert "costmodel scenario check" in outcome.err.splitlines()[-1]

    (tmp_path / "dst.csv").write_text("timestamp,value\n")
    outcome = cli("scenario", "check", file)
    assert (
        f"traffic.trace.file (line {line}): dst.csv: has 0 rows; a trace needs two or more\n" in outcome.err
    )

    tree["network"] = {}
    tree["traffic"]["trace"]["value_column"] = "load"
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    outcome = cli("simulate", file)
    assert outcome.err.startswith(f"Error: {file}: 1 fault\n  - traffic.trace.value_column (line ")
    assert "must be a column of the file: timestamp, value (found load)" in outcome.err


def tree_line(file: Path, text: str) -> int:
    """The line of a file that holds a text, counted from 1."""
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)
