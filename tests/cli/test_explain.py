"""`costmodel explain` and `costmodel break-even`: what is printed, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from costmodel.billing.charge import dollars
from costmodel.decision.explain import lines
from costmodel.decision.run import Run, encode, read_run
from costmodel.decision.simulate import simulate
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load

SHOP = yaml.safe_load(find("small-shop").read_text())


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("explain") / "run.json"
    file.write_bytes(encode(simulate(load(find("small-shop")), PriceBook.shipped())))
    return file


@pytest.fixture(scope="module")
def run(run_file: Path) -> Run:
    return read_run(run_file)


def words(text: str) -> str:
    return " ".join(text.split())


def test_without_a_line_it_says_why(cli: Any, run_file: Path, run: Run) -> None:
    outcome = cli("explain", run_file, columns=300)
    assert (outcome.code, outcome.err) == (0, "")
    for part in ("Why it won: of", "Why the other kinds lost", "Rejected", "Dearest lines of the bill"):
        assert part in outcome.out
    assert words(run.headline)[:60] in words(outcome.out)
    for number, line in enumerate(lines(run)[:5], start=1):
        (row,) = [row for row in outcome.out.splitlines() if row.split()[:1] == [str(number)]]
        assert line.sku_meter in row
        assert row.rstrip().endswith(dollars(line.billed_cost / len(run.months)))


def test_a_line_is_told_down_to_its_price(cli: Any, run_file: Path, run: Run) -> None:
    for line in (lines(run)[0], lines(run)[-1]):
        outcome = cli("explain", run_file, line.number, columns=300)
        assert (outcome.code, outcome.err) == (0, "")
        assert f"Line {line.number}, {line}" in outcome.out
        assert line.price_name in outcome.out
        assert "What feeds it" in outcome.out or "No number of the scenario moves it" in outcome.out
        for part in ("Quantity: ", "Rounding: ", "SKU", "Rate code", "Source", "as of", "Confirmed"):
            assert part in outcome.out
        (total,) = [row for row in outcome.out.splitlines() if row.startswith("Sum")]
        assert total.split()[-1] == dollars(line.billed_cost)


def test_words_name_a_line_as_well(cli: Any, run_file: Path, run: Run) -> None:
    first = lines(run)[0]
    assert cli("explain", run_file, *str(first).split()) == cli("explain", run_file, 1)


def test_json_holds_the_same_walk(cli: Any, run_file: Path, run: Run) -> None:
    told = json.loads(cli("explain", run_file, "--format", "json").out)
    assert [line["billed_cost"] for line in told["lines"]] == [
        f"{line.billed_cost.normalize():f}" if line.billed_cost else "0" for line in lines(run)
    ]
    for line in told["lines"][::8]:
        walk = json.loads(cli("explain", run_file, line["number"], "--format", "json").out)
        costs = [
            Decimal(charge["pricing_quantity"]) * Decimal(charge["contracted_unit_price"])
            for charge in walk["charges"]
        ]
        assert costs == [Decimal(charge["billed_cost"]) for charge in walk["charges"]]
        assert sum(costs) == Decimal(walk["billed_cost"])
        assert walk["price"]["name"] == walk["price_name"]


def test_what_is_no_line_is_refused(cli: Any, run_file: Path) -> None:
    unknown = cli("explain", run_file, "mainframe")
    assert (unknown.code, unknown.out) == (1, "")
    assert "the bill has no line 'mainframe'. It has:" in unknown.err
    several = cli("explain", run_file, "database")
    assert (several.code, several.out) == (1, "")
    assert "lines match 'database'. Give a number, or more words:" in several.err


def test_a_run_that_cannot_be_made_again_still_shows_its_price(cli: Any, run: Run, tmp_path: Path) -> None:
    renamed = tmp_path / "run.json"
    designs = tuple(replace(note, label=f"{note.label} of old") for note in run.designs)
    renamed.write_bytes(encode(replace(run, designs=designs)))
    outcome = cli("explain", renamed, "1")
    assert outcome.code == 0
    assert "which inputs feed the line cannot be told" in outcome.err
    assert "Source" in outcome.out


def test_another_price_book_is_refused_and_a_missing_one_said(
    cli: Any, run_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "book"
    shutil.copytree(PriceBook.shipped().folder, other)
    manifest = other / "manifest.json"
    changed = tmp_path / "run.json"
    text = run_file.read_text()
    digest = read_run(run_file).price_book.digest
    changed.write_text(text.replace(digest, "0" * len(digest)))
    assert manifest.exists()
    refused = cli("explain", changed, "1", "--prices", other)
    assert refused.code == 1
    assert "the run was made with price book 000000000000" in refused.err
    missing = cli("explain", changed, "1")
    assert missing.code == 0
    assert "is not at hand" in missing.err
    assert "Source" in missing.out


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop with little to choose from, so that each search is short."""
    file = tmp_path_factory.mktemp("break-even") / "shop.yaml"
    constraints = {
        "compute": ["lambda"],
        "database": ["dynamodb_on_demand"],
        "delivery": ["flat_rate", "pay_as_you_go"],
    }
    file.write_text(yaml.safe_dump(SHOP | {"constraints": constraints}))
    return file


def test_break_even_is_told_tabulated_and_drawn(cli: Any, shop: Path, tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    outcome = cli("break-even", shop, "--chart", chart, columns=200)
    assert outcome.code == 0
    assert "CloudFront's flat-rate plan stays cheaper than CloudFront paid as you go up to" in outcome.out
    assert [row.split()[0] for row in outcome.out.splitlines() if "$" in row] == [
        "1/64", "1/32", "1/16", "1/8", "1/4", "1/2", "1", "2", "4", "8", "16", "32", "64"
    ]  # fmt: skip
    assert f"wrote {chart}" in outcome.err
    drawn = chart.read_bytes()
    assert b"CloudFront paid as you go" in drawn
    again = tmp_path / "again.svg"
    cli("break-even", shop, "--chart", again)
    assert again.read_bytes() == drawn


def test_break_even_json_has_the_same_figures(cli: Any, shop: Path, tmp_path: Path) -> None:
    chart = tmp_path / "chart.png"
    told = json.loads(cli("break-even", shop, "--format", "json", "--chart", chart).out)
    assert chart.read_bytes().startswith(b"\x89PNG")
    (pair,) = told["pairs"]
    (border,) = pair["borders"]
    assert border["above_load"] <= border["below_load"] * told["precision_ratio"]
    assert (border["below"], border["above"]) == ("CloudFront's flat-rate plan", "CloudFront paid as you go")
    assert pair["cheaper"] == "CloudFront's flat-rate plan"
    assert {row["load"] for row in pair["costs"]} >= set(told["loads"])


def test_nothing_to_compare_is_said(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    one = {"compute": ["lambda"], "database": ["dynamodb_on_demand"], "delivery": ["flat_rate"]}
    file.write_text(yaml.safe_dump(SHOP | {"constraints": one}))
    outcome = cli("break-even", file, "--chart", tmp_path / "chart.svg", columns=200)
    assert outcome.code == 0
    assert "there is nothing to compare" in outcome.out
    assert "nothing to draw" in outcome.err
    assert not (tmp_path / "chart.svg").exists()


def test_another_kind_of_chart_is_refused_before_the_search(cli: Any, tmp_path: Path) -> None:
    outcome = cli("break-even", "no-such-shop", "--chart", tmp_path / "chart.pdf")
    assert outcome.code == 2
    assert "neither in .svg nor in .png" in outcome.err


def test_an_unreadable_run_is_refused(cli: Any, tmp_path: Path) -> None:
    damaged = tmp_path / "run.json"
    damaged.write_text('{"format": "costmodel-run/4"')
    for path in (damaged, tmp_path / "none.json"):
        outcome = cli("explain", path)
        assert (outcome.code, outcome.out) == (1, "")
        assert "Write it again with: costmodel simulate SCENARIO --save RUN.json" in outcome.err


@pytest.mark.parametrize("command", [["break-even"], ["sweep", "--vary", "seed=1,2"]])
def test_a_chart_that_cannot_be_written_names_its_own_option(
    cli: Any, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "taken").write_text("")
    outcome = cli(command[0], "small-shop", *command[1:], "--chart", tmp_path / "taken" / "x.svg")
    assert outcome.code == 1
    assert outcome.err.rstrip().endswith("Choose another place with --chart.")
