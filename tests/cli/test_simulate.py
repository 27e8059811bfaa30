"""`costmodel simulate` and `costmodel demo`: what is printed, saved, overridden and refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from costmodel.decision.run import encode
from costmodel.scenario.examples import find

SMALL_SHOP = find("small-shop").read_text()


def scenario(folder: Path, **changes: object) -> Path:
    """The small shop in a file of its own, with top-level keys replaced."""
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(SMALL_SHOP) | changes))
    return file


def test_the_result_is_on_stdout_alone(small_shop: Any) -> None:
    outcome = small_shop.outcome
    assert (outcome.code, outcome.err) == (0, "")
    parts = [
        "Small shop · eu-central-1 · 2026-05",
        "Monthly bill by service",
        "Five requirements",
        "Side by side",
    ]
    places = [outcome.out.index(part) for part in parts]
    assert places == sorted(places)


def test_json_is_the_saved_run(cli: Any, small_shop: Any, no_simulation: Any) -> None:
    outcome = cli("simulate", "small-shop", "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.encode() == small_shop.file.read_bytes() == encode(small_shop.run)
    document = json.loads(outcome.out)
    assert document["headline"].startswith("Run ")
    assert document["seed"] == 1


def test_two_runs_print_the_same_bytes(cli: Any, small_shop: Any) -> None:
    again = cli("simulate", "small-shop", "--format", "json")
    assert again.out.encode() == small_shop.file.read_bytes()


def test_options_override_the_scenario(cli: Any, no_simulation: list[Any]) -> None:
    cli("simulate", "small-shop")
    options = ["--region", "us-west-2", "--months", "2", "--seed", "7", "--no-free-tier"]
    assert cli("simulate", "small-shop", *options).code == 0
    plain, changed = no_simulation
    assert (plain.region, plain.months, plain.seed, plain.account.free_tier) == ("eu-central-1", 1, 1, True)
    assert (changed.region, changed.months, changed.seed, changed.account.free_tier) == (
        "us-west-2",
        2,
        7,
        False,
    )
    assert changed.account.model_copy(update={"free_tier": True}) == plain.account


def test_the_free_tier_can_be_switched_on(cli: Any, no_simulation: list[Any], tmp_path: Path) -> None:
    file = scenario(tmp_path, account={"free_tier": False})
    assert cli("simulate", file).code == cli("simulate", file, "--free-tier").code == 0
    assert [asked.account.free_tier for asked in no_simulation] == [False, True]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--months", "0"], "must be a whole number from 1 to 36, not '0'."),
        (["--months", "-3"], "must be a whole number from 1 to 36, not '-3'."),
        (["--months", "two"], "must be a whole number from 1 to 36, not 'two'."),
        (["--months", "1.0"], "must be a whole number from 1 to 36, not '1.0'."),
        (["--seed", "-1"], "must be a whole number from 0 to 9223372036854775807, not '-1'."),
        (["--seed", str(2**63)], f"must be a whole number from 0 to 9223372036854775807, not '{2**63}'."),
        (["--region", "mars"], "'mars' is not one of 'us-east-1', "),
        (["--region", ""], "'' is not one of 'us-east-1', "),
        (["--region", "us-east1"], "'sa-east-1' (did you mean us-east-1?)."),
        (["--max-price-age", "-1"], "must be a whole number of 0 or more, not '-1'."),
    ],
)
def test_a_wrong_option_is_wrong_usage_and_says_what_is_valid(
    cli: Any, no_simulation: list[Any], tmp_path: Path, option: list[str], told: str
) -> None:
    """In one sentence, whatever is wrong with the file."""
    for file in ("small-shop", scenario(tmp_path, story=5)):
        outcome = cli("simulate", file, *option)
        assert (outcome.code, outcome.out, no_simulation) == (2, "", [])
        assert outcome.err.startswith("Usage: costmodel simulate ")
        last = outcome.err.splitlines()[-1]
        assert last.startswith(f"Error: Invalid value for '{option[0]}': ")
        assert told in last


def test_the_second_region_changes_places_with_the_region(cli: Any, no_simulation: list[Any]) -> None:
    outcome = cli("simulate", "two-regions", "--region", "us-east-1")
    (asked,) = no_simulation
    assert outcome.code == 0
    assert (asked.region, asked.network.second_region) == ("us-east-1", "eu-west-1")
    assert outcome.err.splitlines() == [
        "us-east-1 is the scenario's second region, so the two change places: network.second_region is eu-west-1."
    ]


@pytest.mark.parametrize("region", ["eu-west-1", "ap-south-1"])
def test_any_other_region_leaves_the_second_where_it_is(
    cli: Any, no_simulation: list[Any], region: str
) -> None:
    outcome = cli("simulate", "two-regions", "--region", region)
    (asked,) = no_simulation
    assert (asked.region, asked.network.second_region) == (region, "us-east-1")
    assert outcome.err == ""


@pytest.mark.parametrize("options", [(), ("--region", "eu-west-1")])
def test_a_file_that_names_one_region_twice_is_at_fault(
    cli: Any, no_simulation: list[Any], tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = scenario(tmp_path, region="eu-west-1", network={"second_region": "eu-west-1"})
    outcome = cli("simulate", file, *options)
    assert (outcome.code, outcome.out, no_simulation) == (1, "", [])
    assert "network.second_region" in outcome.err
    assert "must differ from region" in outcome.err


def test_an_override_does_not_hide_a_group_of_the_wrong_kind(cli: Any, tmp_path: Path) -> None:
    outcome = cli("simulate", scenario(tmp_path, account="gold"), "--no-free-tier")
    assert outcome.code == 1
    assert "account" in outcome.err
    assert '"gold"' in outcome.err


def test_saving_makes_the_folder_and_says_nothing(cli: Any, no_simulation: Any, tmp_path: Path) -> None:
    saved = tmp_path / "runs" / "may" / "run.json"
    outcome = cli("simulate", "small-shop", "--save", saved)
    assert (outcome.code, outcome.err) == (0, "")
    assert [path.name for path in saved.parent.iterdir()] == ["run.json"]


def test_an_unwritable_place_is_refused_before_simulating(
    cli: Any, no_simulation: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "run.json"):
        outcome = cli("simulate", "small-shop", "--save", place)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith(f"Error: cannot write {place}: ")
        assert "Choose another place with --output or --save." in outcome.err
    assert no_simulation == []


def test_nothing_feasible_is_exit_code_3_and_names_what_to_relax(cli: Any, tmp_path: Path) -> None:
    impossible = scenario(tmp_path, objectives={"api_p95_ms": 1, "api_p99_ms": 1})
    saved = tmp_path / "run.json"
    outcome = cli("simulate", impossible, "--save", saved)
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("Error: nothing meets the objectives")
    assert "API latency" in outcome.err
    assert re.search(
        r"\nRelax this .*:\n  - objectives.api_p95_ms to [0-9.]+ and objectives.api_p99_ms to [0-9.]+, together\n$",
        outcome.err,
    )
    assert not saved.exists()


def test_a_trace_that_is_missing_or_empty_is_named(cli: Any, tmp_path: Path) -> None:
    tree = yaml.safe_load(find("replayed-fortnight").read_text())
    tree["traffic"]["trace"]["file"] = "gone.csv"
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    missing = cli("simulate", file)
    assert missing.code == 1
    assert "traffic.trace.file" in missing.err
    assert "gone.csv" in missing.err
    (tmp_path / "gone.csv").write_text("")
    empty = cli("simulate", file)
    assert (empty.code, empty.out) == (1, "")
    assert "gone.csv" in empty.err
    assert "fault in costmodel" not in empty.err


def test_demo_shows_a_full_result(cli: Any, no_simulation: list[Any], small_shop: Any) -> None:
    outcome = cli("demo")
    assert outcome.code == 0
    assert outcome.err == "$ costmodel simulate steady-furniture-shop\n"
    assert outcome.out == small_shop.outcome.out
    assert [asked.name for asked in no_simulation] == ["Steady furniture shop"]
