"""`costmodel prices`: what is in the book, and what to type when it is not there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from aws.books import book_with, price
from costmodel.pricing.book import PriceBook
from costmodel.pricing.snapshot import PRICE_COLUMNS, PRICES, Part, price_rows
from costmodel.shipped import shipped
from shops.clock import TODAY, stop_clock

BOOK = PriceBook.shipped()


def words(text: str) -> str:
    return " ".join(text.split())


def test_status_counts_and_dates_every_service(cli: Any) -> None:
    outcome = cli("prices", "status")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    for service in BOOK.coverage():
        (line,) = [line for line in lines if line.startswith(f"{service.service_code} ")]
        assert line.split()[1:-1] == [
            str(len(service.region_ids)), f"{service.rows:,}", service.oldest_as_of, service.newest_as_of,
            "snapshot", "-",
        ]  # fmt: skip
    assert f"checksums hold, book {BOOK.digest[:12]}" in words(outcome.out)


def test_status_does_not_count_what_was_kept_as_confirmed(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS was asked in November, and its list told one of the two prices."""
    stop_clock(monkeypatch)
    told, kept = (
        replace(price("AmazonS3", name, "1"), source=source, as_of=day)
        for name, source, day in (
            ("TimedStorage-ByteHrs", "AWS price list AmazonS3 20261007120000", "2026-10-07"),
            ("Retrieval-GIR", "aws-price-watcher@c4a0470f:s3", "2025-12-02"),
        )
    )
    rows = [row for of in (told, kept) for row in price_rows(of)]
    part = Part(
        *("AmazonS3/us-east-1.csv", PRICES, PRICE_COLUMNS, rows, "AmazonS3", "us-east-1", "bulk"),
        retrieved_at="2026-11-24T12:00:00Z",
        edition="20261007120000",
    )
    book = book_with(tmp_path, part)
    assert (book.confirmed_on(told), book.confirmed_on(kept)) == ("2026-11-24", "2025-12-02")
    outcome = cli("prices", "status", "--prices", str(book.folder))
    told_at_end = "Kept with their own dates, because AWS's lists do not tell them: 1 of AmazonS3."
    assert words(outcome.out).endswith(told_at_end)
    (service,) = json.loads(cli("prices", "status", "--prices", str(book.folder), "--format", "json").out)[
        "services"
    ]
    assert (service["confirmed_on"], service["kept_rows"]) == ("2025-12-02", 1)
    assert service["age_days"] == (TODAY - date(2025, 12, 2)).days


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
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: book)
    outcome = cli("prices", "status")
    assert (outcome.code, outcome.out) == (1, "")
    assert str(damaged) in outcome.err


def test_a_missing_price_folder_is_named(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: tmp_path / "gone")
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


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_no_unit_is_broken_within_a_word(cli: Any, columns: int) -> None:
    shown = cli("prices", "show", "ReplWriteCapacityUnit-Hrs", "--region", "eu-west-1", columns=columns).out
    assert "  ReplicatedWriteCapacityUnit-Hrs  " in shown


def test_show_tells_apart_what_shares_a_usage_type(cli: Any) -> None:
    shown = cli("prices", "show", "InstanceUsage:db.m7g.large", "--region", "eu-west-1").out
    assert "  engine: MySQL" in shown
    assert "  engine: PostgreSQL" in shown
    assert "Reserved" not in shown


def test_show_puts_commitments_under_each_price(cli: Any) -> None:
    outcome = cli(
        "prices", "show", "Multi-AZUsage:db.m7g.large", "--region", "us-east-1", "--commitments", columns=120
    )
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines.count("AmazonRDS in us-east-1, as of 2025-12-06") == 2  # one heading for each engine
    told = [" ".join(line.split()) for line in lines]
    assert (
        told.count("Reserved database instance 3yr Partial Upfront 2435 0.0927 0.185356 45.0 % published")
        == 2
    )
    assert told.count("Database Savings Plan 1yr No Upfront 0 0.2696 0.2696 20.0 % inferred") == 2
    assert (
        words(outcome.out).count("1yr All Upfront, 3yr All Upfront: the price book has no rate for it") == 2
    )
    assert "List price less 20 % for RDS PostgreSQL/MySQL/MariaDB gen7+ instances" in words(outcome.out)


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_no_figure_of_a_commitment_is_cut(cli: Any, columns: int) -> None:
    shown = words(
        cli(
            "prices",
            "show",
            "Lambda-GB-Second-ARM",
            "--region",
            "us-east-1",
            "--commitments",
            columns=columns,
        ).out
    )
    for figure in ("0.0000117334", "0.0000105601", "0.0000093867", "18,750,000,000", "12.0 %", "inferred"):
        assert figure in shown
    assert "12 % to 17 %" in shown


def test_show_says_where_no_commitment_helps(cli: Any) -> None:
    shown = cli("prices", "show", "NatGateway-Hours", "--region", "us-east-1", "--commitments").out
    assert "No commitment covers it." in shown


def test_show_says_what_a_flat_rate_plan_includes(cli: Any) -> None:
    shown = words(cli("prices", "show", "Premium 75 TB", "--commitments").out)
    assert "Includes 750,000,000 requests, 76,800 GB, 100,000,000 DNS queries and 5,120 GB of S3" in shown


def test_commitments_as_json_are_exact(cli: Any) -> None:
    (price,) = json.loads(
        cli(
            "prices",
            "show",
            "BoxUsage:m7g.large",
            "--region",
            "us-east-1",
            "--commitments",
            "--format",
            "json",
        ).out
    )
    assert len(price["commitments"]) == 8
    assert len(price["without_rate"]) == 16
    (plan,) = [of for of in price["commitments"] if (of["kind"], of["years"]) == ("Compute Savings Plan", 1)]
    assert plan["rates"] == [
        {
            "begin": "0",
            "end": None,
            "upfront": "0.0000",
            "unit_price": "0.0599",
            "effective_unit_price": "0.0599",
            "saving_ratio": f"{1 - Decimal('0.0599') / Decimal('0.0816'):f}",
        }
    ]
    assert (plan["published"], plan["any_compute"], plan["same_region"]) == (False, True, False)
    assert plan["terms"].startswith("A spend per hour, at the plan's rates")
    (flat,) = json.loads(
        cli(
            "prices", "show", "Business", "--service", "CloudFrontPlans", "--commitments", "--format", "json"
        ).out
    )
    assert flat["flat_rate_plan"]["requests"] == 125_000_000
    assert flat["commitments"] == []


def test_show_as_json_is_exact(cli: Any) -> None:
    (price,) = json.loads(
        cli("prices", "show", "BoxUsage:m7g.large", "--region", "eu-west-1", "--format", "json").out
    )
    assert price == {
        "name": "AmazonEC2 eu-west-1 BoxUsage:m7g.large",
        "service_code": "AmazonEC2",
        "region_id": "eu-west-1",
        "usage_type": "BoxUsage:m7g.large",
        "attributes": {},
        "term": "OnDemand",
        "description": "m7g.large Linux shared",
        "pricing_unit": "Hrs",
        "currency": "USD",
        "tiers": [{"begin": "0", "end": None, "list_unit_price": "0.091", "rate_code": ""}],
        "sku_id": "",
        "source": "aws-price-watcher@c4a0470f:ec2",
        "as_of": "2025-12-06",
        "confirmed_on": "2025-12-06",
        "inferred": False,
        "file": {
            "path": "AmazonEC2/eu-west-1.csv",
            "origin": "snapshot",
            "retrieved_at": "",
            "edition": "",
        },
        "upfront_fee": None,
        "free_allowance": None,
    }


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
        (["m99.huge", "--region", "global"], "no price matches 'm99.huge' in global. Try"),
        (["m99.huge", "--service", "awskms"], "no price matches 'm99.huge' of awskms. Try"),
    ],
)
def test_what_is_not_there_says_what_to_type(cli: Any, arguments: list[str], told: str) -> None:
    outcome = cli("prices", "show", *arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert told in outcome.err
    assert "costmodel prices status" in outcome.err


@pytest.mark.parametrize("command", [("prices", "show", "BoxUsage"), ("prices", "diff", "snapshot")])
@pytest.mark.parametrize(
    ("option", "name", "known"),
    [
        ("--region", "mars", ("eu-west-1", "edge:europe", "global")),
        ("--service", "AmazonEC3", ("AmazonEC2", "awskms")),
    ],
)
def test_a_region_or_service_that_the_book_does_not_know_is_wrong_usage(
    cli: Any, command: tuple[str, ...], option: str, name: str, known: tuple[str, ...]
) -> None:
    outcome = cli(*command, option, name)
    assert (outcome.code, outcome.out) == (2, "")
    error = outcome.err.splitlines()[-1]
    assert error.startswith(f"Error: Invalid value for '{option}': {name!r} is not one of ")
    assert all(repr(place) in error for place in known)
