"""`costmodel stress`: what is printed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from costmodel.scenario.examples import find

SHOP = yaml.safe_load(find("small-shop").read_text())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop with little to choose from, so that the search is short."""
    file = tmp_path_factory.mktemp("stress") / "shop.yaml"
    constraints = {
        "compute": ["lambda"],
        "database": ["dynamodb_on_demand"],
        "delivery": ["flat_rate", "pay_as_you_go"],
    }
    file.write_text(yaml.safe_dump(SHOP | {"constraints": constraints}))
    return file


def test_the_table_names_every_tier_and_what_breaks_first(cli: Any, shop: Path) -> None:
    outcome = cli("stress", shop, columns=200)
    assert (outcome.code, outcome.err) == (0, "")
    assert "times the load" in outcome.out.splitlines()[0]
    for tier in ("compute", "load balancer", "database", "delivery", "together"):
        assert any(line.startswith(tier) for line in outcome.out.splitlines())
    assert "First to give way: delivery, plan requests." in outcome.out
    assert "a larger plan, or delivery that is paid as you go" in outcome.out
    assert "lambda, dynamodb on demand, pay as you go" in outcome.out


def test_what_does_not_break_is_said_in_plain_words(cli: Any, shop: Path) -> None:
    outcome = cli("stress", shop, columns=200)
    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert "load balancer holds nothing, up to 1,024 times the load" in rows
    assert "together holds no shared objective, up to 1,024 times the load" in rows
    assert (
        "lambda, dynamodb on demand, pay as you go, no rendering holds nothing, up to 1,024 times the load"
        in rows
    )
    assert "nothing found" not in outcome.out
    assert "> 1,024" not in outcome.out


def test_a_shop_in_which_nothing_breaks_says_how_far_that_was_tried(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    constraints = {
        "compute": ["lambda"],
        "database": ["dynamodb_on_demand"],
        "delivery": ["pay_as_you_go"],
    }
    file.write_text(yaml.safe_dump(SHOP | {"constraints": constraints}))
    headline = " ".join(cli("stress", file, columns=200).out.partition("\n\n")[0].split())
    assert headline.endswith(" holds. Nothing breaks up to 1,024 times the load.")


def test_json_has_the_same_figures_and_is_repeatable(cli: Any, shop: Path) -> None:
    outcome = cli("stress", shop, "--format", "json")
    assert outcome == cli("stress", shop, "--format", "json")
    document = json.loads(outcome.out)
    best = document["candidates"][0]
    parts = {finding["part"]: finding for finding in best["findings"]}
    first = parts[best["weakest"]]["break"]
    assert (
        parts[best["weakest"]]["held_factor"]
        < first["factor"]
        <= 1.01 * parts[best["weakest"]]["held_factor"]
    )
    assert first["observed"] > first["limit"]
    assert parts["load_balancer"]["break"] is None
    assert parts["load_balancer"]["held_factor"] == document["largest_factor"]
    assert all(finding["monotone"] for finding in best["findings"])
    assert f"breaks at {first['factor']:.2f} times" in " ".join(cli("stress", shop, columns=200).out.split())


def test_options_replace_what_the_scenario_says(cli: Any, shop: Path) -> None:
    document = json.loads(cli("stress", shop, "--region", "us-east-1", "--seed", "5", "--format", "json").out)
    assert (document["region_id"], document["seed"]) == ("us-east-1", 5)


def test_a_region_that_does_not_exist_is_refused(cli: Any, shop: Path) -> None:
    outcome = cli("stress", shop, "--region", "moon")
    assert (outcome.code, outcome.out) == (2, "")
    assert "Invalid value for '--region': 'moon' is not one of 'us-east-1', " in outcome.err


def test_nothing_feasible_has_its_own_code(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(SHOP | {"objectives": {"api_p95_ms": 1, "api_p99_ms": 1}}))
    outcome = cli("stress", file)
    assert (outcome.code, outcome.out) == (3, "")
    assert "nothing meets the objectives" in outcome.err
