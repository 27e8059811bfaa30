"""`costmodel prices`: what is in the book, and what to type when it is not there."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from costmodel.pricing.book import PriceBook
from costmodel.shipped import shipped

BOOK = PriceBook.shipped()


def words(text: str) -> str:
    return " ".join(text.split())


def test_status_counts_and_dates_every_service(cli: Any) -> None:
    outcome = cli("prices", "status")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    for service in BOOK.coverage():
        (line,) = [line for line in lines if line.startswith(f"{service.service_code} ")]
        assert line.split()[1:] == [
            str(len(service.region_ids)), f"{service.rows:,}", service.oldest_as_of, service.newest_as_of,
        ]  # fmt: skip
    assert f"checksums hold, book {BOOK.digest[:12]}" in words(outcome.out)


def test_status_as_json(cli: Any) -> None:
    document = json.loads(cli("prices", "status", "--format", "json").out)
    assert document["digest"] == BOOK.digest
    assert document["regions"] == list(BOOK.regions())
    assert sum(service["rows"] for service in document["services"]) == sum(s.rows for s in BOOK.coverage())


def test_a_damaged_price_file_is_named(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = tmp_path / "pricing_cache"
    copytree(shipped("pricing_cache"), book)
    damaged = book / next(file.path for file in BOOK.manifest.files if file.rows)
    damaged.write_bytes(damaged.read_bytes()[:-20])
    monkeypatch.setattr("costmodel.pricing.book.shipped", lambda _: book)
    outcome = cli("prices", "status")
    assert (outcome.code, outcome.out) == (1, "")
    assert str(damaged) in outcome.err


def test_a_missing_price_folder_is_named(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costmodel.pricing.book.shipped", lambda _: tmp_path / "gone")
    for arguments in (["prices", "status"], ["simulate", "small-shop"]):
        outcome = cli(*arguments)
        assert outcome.code == 1
        assert str(tmp_path / "gone") in outcome.err
        assert "fault in costmodel" not in outcome.err


def test_show_gives_tiers_units_and_dates(cli: Any) -> None:
    outcome = cli("prices", "show", "DataTransfer-Out-Bytes", "--region", "edge:europe")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("AmazonCloudFront in edge:europe, as of 2025-07-01\n")
    assert "DataTransfer-Out-Bytes          0  0.085  GB" in outcome.out
    assert "5,242,880   0.02  GB" in outcome.out


def test_show_tells_apart_what_shares_a_usage_type(cli: Any) -> None:
    shown = cli("prices", "show", "InstanceUsage:db.m7g.large", "--region", "eu-west-1", "--reserved").out
    assert "  engine: MySQL" in shown
    assert "  engine: PostgreSQL" in shown
    assert "  Reserved 1yr No Upfront" in shown


def test_show_as_json_is_exact(cli: Any) -> None:
    (price,) = json.loads(
        cli("prices", "show", "BoxUsage:m7g.large", "--region", "eu-west-1", "--format", "json").out
    )
    assert price["tiers"] == [{"begin": "0", "end": None, "list_unit_price": "0.091"}]
    assert (price["service_code"], price["currency"], price["pricing_unit"]) == ("AmazonEC2", "USD", "Hrs")
    assert price["source"]


def test_show_says_how_many_more_there_are(cli: Any) -> None:
    outcome = cli("prices", "show", "BoxUsage")
    assert outcome.code == 0
    found = len(BOOK.search("BoxUsage"))
    assert outcome.err == f"{found - 20} more: narrow it with --region, --service or a longer text\n"
    everything = json.loads(cli("prices", "show", "BoxUsage", "--format", "json").out)
    assert len(everything) == found


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["m99.huge"], "no price matches 'm99.huge'. Try"),
        (["BoxUsage", "--region", "mars"], "no price matches 'BoxUsage' in mars. Try"),
        (["BoxUsage", "--service", "AmazonMars"], "no price matches 'BoxUsage' of AmazonMars. Try"),
    ],
)
def test_what_is_not_there_says_what_to_type(cli: Any, arguments: list[str], told: str) -> None:
    outcome = cli("prices", "show", *arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert told in outcome.err
    assert "costmodel prices status" in outcome.err
