"""`costmodel prices diff`: what moved between two books, and what that does to a saved run's bill."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costmodel.billing.charge import dollars
from costmodel.pricing.book import PriceBook
from costmodel.pricing.shelf import Shelf
from costmodel.pricing.snapshot import PRICE_COLUMNS, Part, Row, read_rows

SNAPSHOT = PriceBook.shipped()
KMS = "awskms/us-east-1.csv"
UNIT, TIER_START, TIER_END, USD = (
    PRICE_COLUMNS.index(name) for name in ("unit", "tier_start", "tier_end", "price_usd")
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own for every test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(folder))
    return folder


def refreshed(*paths: str, change: Callable[[Row], list[Row]]) -> PriceBook:
    """Put a book on the shelf with some files of the snapshot changed row by row."""
    parts = [
        Part(
            file.path,
            file.kind,
            PRICE_COLUMNS,
            [new for row in read_rows(SNAPSHOT.folder, file, PRICE_COLUMNS) for new in change(row)],
            file.service_code,
            file.region_id,
            "api",
            "2026-11-20T08:00:00Z",
        )
        for file in SNAPSHOT.manifest.files
        if file.path in paths
    ]
    assert len(parts) == len(paths)
    return Shelf().add(parts)


def at(row: Row, column: int, text: str) -> Row:
    return (*row[:column], text, *row[column + 1 :])


def kms(row: Row) -> list[Row]:
    """Keys a tenth dearer and cheaper above 100, symmetric requests gone, a new kind of request."""
    if row[0] == "KMS-Keys":
        lower = at(at(row, USD, "1.1"), TIER_END, "100")
        return [lower, at(at(row, USD, "0.4"), TIER_START, "100")]
    if row[0] == "KMS-Requests":
        return []
    if row[0] == "KMS-Requests-Asymmetric":
        return [row, at(row, 0, "KMS-Requests-Quantum")]
    return [row]


def cells(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_the_same_book_has_not_moved(cli: Any) -> None:
    outcome = cli("prices", "diff", "snapshot")
    assert (outcome.code, outcome.err) == (0, "")
    count = sum(1 for _ in SNAPSHOT.prices())
    assert outcome.out == f"{count:,} prices compared: 0 changed, 0 added, 0 gone.\n"


def test_changes_come_first_then_what_is_gone_then_what_is_new(cli: Any) -> None:
    """A key above 100 costs 0.4 instead of 1: the largest step of its price, -60 %."""
    refreshed(KMS, change=kms)
    outcome = cli("prices", "diff", "snapshot", "--service", "awskms", "--region", "us-east-1", columns=120)
    assert (outcome.code, outcome.err) == (0, "")
    head, *lines, last = cells(outcome.out)
    assert head == ["Price", "From", "Before", "After", "per", "Change"]
    assert lines == [
        ["awskms", "us-east-1", "KMS-Keys", "changed", "100", "1", "0.4", "Keys", "-60.0", "%"],
        ["awskms", "us-east-1", "KMS-Requests", "gone", "0", "0.000003", "-", "Requests"],
        ["awskms", "us-east-1", "KMS-Requests-Quantum", "added", "0", "-", "0.000015", "Requests"],
    ]
    assert " ".join(last) == "7 prices compared: 1 changed, 1 added, 1 gone."


def test_the_other_way_round(cli: Any) -> None:
    book = refreshed(KMS, change=kms)
    out = cli("prices", "diff", book.folder.name, "snapshot", "--service", "awskms", columns=120).out
    told = [" ".join(line) for line in cells(out)]
    assert "awskms us-east-1 KMS-Keys changed 100 0.4 1 Keys +150.0 %" in told
    assert "awskms us-east-1 KMS-Requests added 0 - 0.000003 Requests" in told


def test_another_unit_is_no_change_in_percent(cli: Any) -> None:
    refreshed(KMS, change=lambda row: [at(at(row, USD, "2"), UNIT, "Hrs")] if row[0] == "KMS-Keys" else [row])
    told = [" ".join(line) for line in cells(cli("prices", "diff", "snapshot", columns=120).out)]
    assert "awskms us-east-1 KMS-Keys changed 0 1 2 Keys -> Hrs" in told


def test_as_json(cli: Any) -> None:
    refreshed(KMS, change=kms)
    asked = ("--service", "awskms", "--region", "us-east-1", "--format", "json")
    document = json.loads(cli("prices", "diff", "snapshot", *asked).out)
    assert (document["compared"], document["allowances"], document["run_cost_usd"]) == (7, [], {})
    moves = {move["query"].split()[-1]: move for move in document["prices"]}
    assert {name: move["kind"] for name, move in moves.items()} == {
        "KMS-Keys": "changed",
        "KMS-Requests": "gone",
        "KMS-Requests-Quantum": "added",
    }
    keys = moves["KMS-Keys"]
    assert keys["before"]["tiers"] == [{"begin": "0", "list_unit_price": "1"}]
    assert keys["after"]["tiers"] == [
        {"begin": "0", "list_unit_price": "1.1"},
        {"begin": "100", "list_unit_price": "0.4"},
    ]
    assert moves["KMS-Requests"]["after"] is moves["KMS-Requests-Quantum"]["before"] is None


def test_many_moves_are_cut_and_counted(cli: Any) -> None:
    refreshed("AmazonEC2/us-east-1.csv", change=lambda row: [at(row, USD, f"{Decimal(row[USD]) * 2}")])
    outcome = cli("prices", "diff", "snapshot", columns=150)
    moved = len(json.loads(cli("prices", "diff", "snapshot", "--format", "json").out)["prices"])
    assert moved > 200
    assert f"{moved - 30} more: narrow it with --region or --service." in " ".join(outcome.out.split())
    assert outcome.out.count("+100.0 %") == 30


def test_a_saved_run_is_billed_at_both(cli: Any, small_shop: Any) -> None:
    """Twice the price of the load balancer: its cost doubles, and nothing else moves."""
    run = small_shop.run
    path = f"AWSELB/{run.region_id}.csv"
    refreshed(path, change=lambda row: [at(row, USD, f"{Decimal(row[USD]) * 2}")])
    asked = ("prices", "diff", "snapshot", "--run", small_shop.file)
    document = json.loads(cli(*asked, "--format", "json").out)
    costs = {
        name: (Decimal(of["before"]), Decimal(of["after"])) for name, of in document["run_cost_usd"].items()
    }
    balancer = "Elastic Load Balancing"
    charged = sum((of.list_cost for of in run.charges if of.service_name == balancer), Decimal(0))
    assert charged > 0
    assert costs.pop(balancer) == (charged, 2 * charged)
    assert all(before == after for before, after in costs.values())
    outcome = cli(*asked, columns=120)
    assert (outcome.code, outcome.err) == (0, "")
    told = [" ".join(line) for line in cells(outcome.out)]
    whole = sum((before for before, _ in costs.values()), charged)
    assert f"{balancer} {dollars(charged)} {dollars(2 * charged)} {dollars(charged)}" in told
    assert f"Total {dollars(whole)} {dollars(whole + charged)} {dollars(charged)}" in told


def test_a_run_that_a_book_cannot_bill_is_an_error(cli: Any, small_shop: Any) -> None:
    refreshed(
        f"AWSELB/{small_shop.run.region_id}.csv", change=lambda row: [] if row[0] == "LCUUsage" else [row]
    )
    outcome = cli("prices", "diff", "snapshot", "--run", small_shop.file)
    assert (outcome.code, outcome.out.count("Total")) == (1, 0)
    assert "no price for AWSELB" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["2020-01-01"], "no price book of 2020-01-01 or before"),
        (["snapshot", "nowhere"], "'nowhere' is neither a date"),
        (["snapshot", "--run", "gone.json"], "gone.json"),
    ],
)
def test_what_is_not_there_is_named(cli: Any, arguments: list[str], told: str) -> None:
    outcome = cli("prices", "diff", *arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert told in outcome.err
