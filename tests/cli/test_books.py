"""Which price book a command uses, how it says so, and when its prices are too old."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from costmodel.cli.books import used_prices
from costmodel.decision.run import read_run
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.shelf import Shelf
from costmodel.pricing.snapshot import PRICE_COLUMNS, Part, read_rows

SNAPSHOT = PriceBook.shipped()
FETCHED = "2026-11-20T08:00:00Z"
INSTANCE = ["BoxUsage:m7g.large", "--region", "eu-west-1", "--service", "AmazonEC2"]
USAGE = """\
period: 2026-11
usage:
  - {service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1, quantity: 100}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own for every test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(folder))
    return folder


def refreshed(price_usd: str, retrieved_at: str = FETCHED, as_of: str | None = None) -> PriceBook:
    """Put a book on the shelf in which every instance in Ireland costs the same."""
    (file,) = [file for file in SNAPSHOT.manifest.files if file.path == "AmazonEC2/eu-west-1.csv"]
    rows = [
        (*row[:7], price_usd, *row[8:11], as_of or row[11])
        for row in read_rows(SNAPSHOT.folder, file, PRICE_COLUMNS)
    ]
    part = Part(
        file.path, file.kind, PRICE_COLUMNS, rows, file.service_code, file.region_id, "bulk", retrieved_at
    )
    return Shelf().add([part])


@pytest.fixture
def usage(tmp_path: Path) -> Path:
    file = tmp_path / "usage.yaml"
    file.write_text(USAGE)
    return file


def test_every_command_uses_the_refreshed_book(cli: Any, usage: Path) -> None:
    book = refreshed("7")
    assert " 7  Hrs" in cli("prices", "show", *INSTANCE).out
    assert "700.00" in cli("price", usage).out
    status = json.loads(cli("prices", "status", "--format", "json").out)
    assert (status["digest"], status["in_force"]) == (book.digest, book.folder.name)


def test_an_older_book_is_named_by_date_or_folder(cli: Any, usage: Path) -> None:
    first = refreshed("7", "2026-11-20T08:00:00Z")
    refreshed("8", "2026-11-22T08:00:00Z")
    assert "9.10" in cli("price", usage, "--prices", "2026-11-19").out
    assert "700.00" in cli("price", usage, "--prices", "2026-11-21").out
    assert "700.00" in cli("price", usage, "--prices", first.folder).out
    assert "800.00" in cli("price", usage).out
    assert first.digest[:12] in cli("prices", "status", "--prices", "2026-11-21").out.splitlines()[-2]


def test_a_run_says_which_prices_it_used(cli: Any, tmp_path: Path) -> None:
    saved, old = tmp_path / "run.json", tmp_path / "old.json"
    book = refreshed("0.05")
    outcome = cli("simulate", "small-shop", "--region", "eu-west-1", "--save", saved)
    assert f"(book {book.digest[:12]})" in " ".join(outcome.out.split())
    assert read_run(saved).price_book.digest == book.digest
    cli("simulate", "small-shop", "--region", "eu-west-1", "--prices", "2026-11-01", "--save", old)
    assert read_run(old).price_book.digest == SNAPSHOT.digest


@pytest.mark.parametrize("which", ["2020-01-01", "2026-02-30", "nowhere"])
def test_a_book_that_is_not_there_is_named(cli: Any, usage: Path, which: str) -> None:
    for words in (
        ["price", usage],
        ["simulate", "small-shop"],
        ["prices", "show", "x"],
        ["prices", "status"],
    ):
        outcome = cli(*words, "--prices", which)
        assert (outcome.code, outcome.out) == (1, "")
        assert which in outcome.err


def test_stale_prices_warn_in_one_line_and_say_what_to_type(cli: Any, usage: Path) -> None:
    outcome = cli("price", usage, stale_after_days=300)
    assert outcome.code == 0
    assert outcome.err == (
        "Warning: prices of AmazonEC2 (2025-12-06) were last confirmed over 300 days ago. "
        "Fetch today's with: costmodel prices refresh\n"
    )
    assert cli("price", usage, stale_after_days=353).err == ""
    shown = cli("prices", "show", "hosted", "--prices", "2026-11-01", stale_after_days=300)
    assert shown.err.count("\n") == 1
    assert cli("simulate", "small-shop", stale_after_days=400).err == (
        "Warning: prices of AmazonCloudFront (2025-07-01) and 3 more were last confirmed over 400 days ago. "
        "Fetch today's with: costmodel prices refresh\n"
    )


def test_a_list_that_aws_confirmed_lately_is_not_stale_though_published_long_ago(
    cli: Any, usage: Path
) -> None:
    refreshed("7", as_of="2026-08-01", retrieved_at="2026-11-20T08:00:00Z")
    assert cli("price", usage, stale_after_days=30).err == ""
    assert cli("price", usage, "--max-price-age", 4).code == 0
    assert cli("price", usage, "--max-price-age", 3).code == 1


def test_too_old_is_an_error_that_names_each_service(cli: Any, usage: Path, tmp_path: Path) -> None:
    usage.write_text(
        USAGE + '  - {service: awskms, meter: "KMS-Requests", region: eu-west-1, quantity: 100}\n'
    )
    found = json.loads(cli("prices", "show", "awskms", "--region", "eu-west-1", "--format", "json").out)
    usage.write_text(usage.read_text().replace("KMS-Requests", found[0]["usage_type"]))
    outcome = cli("price", usage, "--max-price-age", 90, "--no-free-tier")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "Error: prices were last confirmed more than 90 days ago: awskms on 2025-08-28 (453 days), "
        "AmazonEC2 on 2025-12-06 (353 days). Fetch today's with: costmodel prices refresh, or allow more with "
        "--max-price-age.\n"
    )
    saved = tmp_path / "run.json"
    outcome = cli("simulate", "small-shop", "--max-price-age", 0, "--save", saved)
    assert (outcome.code, outcome.out, saved.exists()) == (1, "", False)
    assert "AmazonCloudFront on 2025-07-01" in outcome.err


def test_only_prices_in_the_result_count(cli: Any) -> None:
    """The search looks at many prices; volumes of 2024 among them, which the small shop does not run on."""
    outcome = cli("simulate", "small-shop", "--max-price-age", 520)
    assert outcome.code == 0
    outcome = cli("prices", "show", "VolumeUsage.gp3", "--max-price-age", 520)
    assert "AmazonEC2 on 2024-07-18" in outcome.err


def test_a_clock_behind_the_prices_is_said(cli: Any, usage: Path) -> None:
    behind = {"today": date(2026, 1, 1), "stale_after_days": 400}
    outcome = cli("price", usage, **behind)
    assert outcome.code == 0
    told = "the price book is dated 2026-10-06, after today, 2026-01-01: the clock of this computer or"
    assert f"Warning: {told}" in outcome.err
    outcome = cli("price", usage, "--max-price-age", 100, **behind)
    assert (outcome.code, outcome.out) == (1, "")
    assert f"Error: {told}" in outcome.err
    assert f"Warning: {told}" in cli("prices", "status", **behind).err


def test_used_prices_are_those_of_the_charges() -> None:
    book = PriceBook(SNAPSHOT.folder)
    wanted = PriceQuery("AWSELB", "eu-west-1", "LCUUsage", (("load_balancer", "application"),))
    price = book.price(wanted)
    book.price(PriceQuery("AWSELB", "eu-west-1", "LCUUsage", (("load_balancer", "network"),)))
    assert used_prices(book, [f"{wanted} from 0", f"{wanted} from 10", "Own from 0"]) == [price]
    assert used_prices(book, [f"{wanted} free an_allowance"]) == [price]
    assert used_prices(book, []) == []


def test_status_shows_every_book_and_why_one_is_in_force(cli: Any) -> None:
    first, second = refreshed("7"), refreshed("8")
    outcome = cli("prices", "status")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split() for line in outcome.out.splitlines()]
    assert ["snapshot", "2026-10-06", SNAPSHOT.digest[:12]] in lines
    assert [first.folder.name, "2026-11-20", first.digest[:12]] in lines
    assert ["*", second.folder.name, "2026-11-20", second.digest[:12]] in lines
    told = "since it was refreshed last, and the snapshot is not newer (2026-10-06)."
    assert told in " ".join(outcome.out.split())
    (ec2,) = [line for line in lines if line[:1] == ["AmazonEC2"]]
    assert ec2[-3:] == ["bulk+snapshot", "2026-11-20", "859"]


def test_a_damaged_book_in_force_stops_every_command(cli: Any, usage: Path) -> None:
    book = refreshed("7")
    (book.folder / "manifest.json").write_text("{}")
    for words in (["price", usage], ["prices", "status"], ["simulate", "small-shop"]):
        outcome = cli(*words)
        assert (outcome.code, outcome.out) == (1, "")
        assert str(book.folder) in outcome.err
        assert "delete the folder" in outcome.err
    assert cli("price", usage, "--prices", SNAPSHOT.folder).code == 0
