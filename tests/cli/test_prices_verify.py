"""`costmodel prices verify`: what is an error, what is a warning, and the exit code that follows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aws.cloud import Cloud
from costmodel.pricing.book import PriceBook
from costmodel.pricing.shelf import Shelf
from costmodel.pricing.snapshot import (
    ALLOWANCE_COLUMNS,
    FREE_TIER,
    MANIFEST,
    PRICE_COLUMNS,
    Manifest,
    Part,
    Row,
    read_rows,
)

SNAPSHOT = PriceBook.shipped()
KMS = "awskms/eu-west-1.csv"
UNIT, TIER_END, USD = (PRICE_COLUMNS.index(name) for name in ("unit", "tier_end", "price_usd"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own for every test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(folder))
    return folder


def refreshed(
    change: Callable[[Row], list[Row]], path: str = KMS, retrieved_at: str = "2026-11-20T08:00:00Z"
) -> PriceBook:
    """Put a book on the shelf with one file of the snapshot changed row by row."""
    (file,) = [file for file in SNAPSHOT.manifest.files if file.path == path]
    rows = [new for row in read_rows(SNAPSHOT.folder, file, PRICE_COLUMNS) for new in change(row)]
    part = Part(path, file.kind, PRICE_COLUMNS, rows, file.service_code, file.region_id, "api", retrieved_at)
    return Shelf().add([part])


def at(row: Row, column: int, text: str) -> Row:
    return (*row[:column], text, *row[column + 1 :])


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_snapshot_can_be_trusted(cli: Any) -> None:
    outcome = cli("prices", "verify")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"Book {SNAPSHOT.digest[:12]} of 2026-10-06: 0 errors, 0 warnings.\n"


def test_what_is_unusual_is_a_warning_and_no_error(cli: Any) -> None:
    """A key at 3 dollars instead of 1, and one kind of request missing."""

    def change(row: Row) -> list[Row]:
        if row[0] == "KMS-Keys":
            return [at(row, USD, "3")]
        return [] if row[0] == "KMS-Requests-Asymmetric" else [row]

    refreshed(change)
    outcome = cli("prices", "verify", columns=200)
    assert (outcome.code, outcome.err) == (0, "")
    told = words(outcome.out)
    assert "warning awskms eu-west-1 KMS-Keys 3 per Keys, in the snapshot 1: 3.00 times as much" in told
    assert (
        "KMS-Requests-Asymmetric is in the snapshot and missing here; a bill that needs it is refused" in told
    )
    assert told.endswith("0 errors, 2 warnings.")


def test_twice_as_much_is_not_unusual(cli: Any) -> None:
    refreshed(lambda row: [at(row, USD, "2")] if row[0] == "KMS-Keys" else [row])
    assert cli("prices", "verify").out.endswith("0 errors, 0 warnings.\n")


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        (USD, "0", "0 per Keys, in the snapshot 1: nothing becomes free unannounced"),
        (UNIT, "Hrs", "counts in Hrs, in the snapshot in Keys"),
        (UNIT, "Furlongs", "counts in 'Furlongs', which is no known unit"),
    ],
)
def test_what_makes_a_bill_wrong_is_an_error(cli: Any, column: int, text: str, told: str) -> None:
    book = refreshed(lambda row: [at(row, column, text)] if row[0] == "KMS-Keys" else [row])
    outcome = cli("prices", "verify", "--format", "json")
    assert outcome.code == 1
    document = json.loads(outcome.out)
    assert document["digest"] == book.digest
    assert {"severity": "error", "subject": "awskms eu-west-1 KMS-Keys", "problem": told} in document[
        "findings"
    ]
    errors = sum(finding["severity"] == "error" for finding in document["findings"])
    assert outcome.err == (
        f"Error: the price book in {book.folder} has {errors} error{'s' * (errors > 1)}. "
        "Delete this folder, then run: costmodel prices refresh. Or use another book with --prices.\n"
    )


def test_a_dearer_tier_is_unusual(cli: Any) -> None:
    def change(row: Row) -> list[Row]:
        if row[0] != "KMS-Keys":
            return [row]
        upper = at(at(row, USD, "1.5"), TIER_END - 1, "100")
        return [at(row, TIER_END, "100"), upper]

    refreshed(change)
    told = words(cli("prices", "verify", columns=200).out)
    assert "warning awskms eu-west-1 KMS-Keys costs more above 100: 1.5 after 1" in told


def test_a_damaged_file_is_an_error_and_the_rest_is_still_checked(cli: Any) -> None:
    book = refreshed(lambda row: [at(row, USD, "3")] if row[0] == "KMS-Keys" else [row])
    s3 = book.folder / "AmazonS3" / "eu-west-1.csv"
    s3.write_bytes(s3.read_bytes().replace(b"0.023", b"0.022", 1))
    outcome = cli("prices", "verify", "--format", "json")
    assert outcome.code == 1
    findings = json.loads(outcome.out)["findings"]
    (error,) = [finding for finding in findings if finding["severity"] == "error"]
    assert error["subject"] == "AmazonS3/eu-west-1.csv"
    assert "changed or cut short since the manifest was written" in error["problem"]
    (warning,) = [finding for finding in findings if finding["severity"] == "warning"]
    assert warning["problem"] == "3 per Keys, in the snapshot 1: 3.00 times as much"


def test_a_book_after_today_is_an_error(cli: Any) -> None:
    refreshed(lambda row: [row], retrieved_at="2026-12-01T08:00:00Z")
    outcome = cli("prices", "verify", columns=200)
    assert outcome.code == 1
    assert f"error {KMS} dated 2026-12-01, after today, 2026-11-24: one of the clocks is wrong" in words(
        outcome.out
    )
    assert cli("prices", "verify", today=date(2026, 12, 1)).code == 0


def test_another_book_can_be_checked(cli: Any) -> None:
    refreshed(lambda row: [at(row, USD, "0")] if row[0] == "KMS-Keys" else [row])
    assert cli("prices", "verify").code == 1
    assert cli("prices", "verify", "--prices", "snapshot").code == 0
    outcome = cli("prices", "verify", "--prices", "nowhere")
    assert (outcome.code, outcome.out) == (1, "")
    assert "'nowhere' is neither" in outcome.err


def test_many_findings_are_cut_and_counted(cli: Any) -> None:
    refreshed(lambda row: [at(row, USD, "99")], "AmazonEC2/eu-west-1.csv")
    outcome = cli("prices", "verify", columns=200)
    whole = json.loads(cli("prices", "verify", "--format", "json").out)["findings"]
    assert len(whole) > 200
    assert f"{len(whole) - 40} more: print them all with --format json." in words(outcome.out)


S3 = "AmazonS3/eu-west-1.csv"
BEGIN = PRICE_COLUMNS.index("tier_start")


def found(cli: Any, *options: str) -> set[tuple[str, str, str]]:
    document = json.loads(cli("prices", "verify", "--format", "json", *options).out)
    return {(each["severity"], each["subject"], each["problem"]) for each in document["findings"]}


@pytest.mark.parametrize(
    ("change", "severity", "told"),
    [
        (
            lambda row: at(row, USD, "0.00022") if row[BEGIN] == "51200" else row,
            "warning",
            "0.00022 per GB-Mo above 51200, in the snapshot 0.022: 0.01 times as much",
        ),
        (
            lambda row: at(row, USD, "0") if row[BEGIN] == "512000" else row,
            "error",
            "0 per GB-Mo above 512000, in the snapshot 0.021: nothing becomes free unannounced",
        ),
        (
            lambda row: at(row, USD, "0.0235") if row[BEGIN] == "51200" else row,
            "warning",
            "it rises above 51200, from 0.023 to 0.0235; in the snapshot it did not, from 0.023 to 0.022",
        ),
        (
            lambda row: tuple("51" if text == "51200" else text for text in row),
            "warning",
            "its tiers begin at 0, 51, 512000, in the snapshot at 0, 51200, 512000",
        ),
    ],
)
def test_every_tier_is_compared(cli: Any, change: Callable[[Row], Row], severity: str, told: str) -> None:
    refreshed(lambda row: [change(row) if row[0] == "TimedStorage-ByteHrs" else row], S3)
    assert (severity, "AmazonS3 eu-west-1 TimedStorage-ByteHrs", told) in found(cli)


def resealed(change: Callable[[Manifest], Manifest]) -> None:
    """A refreshed book whose manifest was changed, with its checksum."""
    book = refreshed(lambda row: [row])
    (book.folder / MANIFEST).write_bytes(change(book.manifest).content())


def entry_changed(manifest: Manifest, **said: Any) -> Manifest:
    files = tuple(replace(file, **said) if file.path == KMS else file for file in manifest.files)
    return replace(manifest, files=files)


@pytest.mark.parametrize(
    "said", [{"rows": 7}, {"oldest_as_of": "2020-01-01"}, {"newest_as_of": "2026-11-01"}]
)
def test_a_manifest_that_is_wrong_about_a_file_is_an_error(cli: Any, said: dict[str, Any]) -> None:
    resealed(lambda manifest: entry_changed(manifest, **said))
    assert any(
        (severity, subject) == ("error", KMS) and "; the manifest says " in problem
        for severity, subject, problem in found(cli)
    )


def test_a_book_newer_than_anything_in_it_is_an_error(cli: Any) -> None:
    resealed(lambda manifest: replace(manifest, book_date="2026-11-22"))
    told = "the book is dated 2026-11-22, and nothing in it is newer than 2026-11-20"
    assert ("error", MANIFEST, told) in found(cli)


def test_two_files_for_one_place_are_refused(cli: Any) -> None:
    def twice(manifest: Manifest) -> Manifest:
        (file,) = [file for file in manifest.files if file.path == KMS]
        return replace(manifest, files=(*manifest.files, replace(file, path="awskms/other.csv")))

    resealed(twice)
    for command in (["prices", "verify"], ["prices", "show", "KMS-Keys"]):
        outcome = cli(*command)
        assert (outcome.code, outcome.out) == (1, "")
        assert "of the same service, region and kind twice" in outcome.err


def test_tiers_in_several_units_are_an_error(cli: Any) -> None:
    """Changed in place, with checksum and manifest rewritten."""
    book = refreshed(lambda row: [row], S3)
    (file,) = [file for file in book.manifest.files if file.path == S3]
    rows = [
        at(row, UNIT, "Hrs") if (row[0], row[BEGIN]) == ("TimedStorage-ByteHrs", "51200") else row
        for row in read_rows(book.folder, file, PRICE_COLUMNS)
    ]
    part = Part(
        S3, file.kind, PRICE_COLUMNS, rows, file.service_code, file.region_id, "api", file.retrieved_at
    )
    (book.folder / S3).write_bytes(part.content())
    files = tuple(part.entry() if each.path == S3 else each for each in book.manifest.files)
    (book.folder / MANIFEST).write_bytes(replace(book.manifest, files=files).content())
    assert any(
        (severity, subject) == ("error", S3) and "TimedStorage-ByteHrs count in GB-Mo and Hrs" in problem
        for severity, subject, problem in found(cli)
    )


@pytest.mark.parametrize(
    ("more", "subject", "told"),
    [
        ({}, FREE_TIER, "the allowance kms-requests is listed twice"),
        (
            {"id": "more"},
            FREE_TIER,
            "kms-requests and more both cover awskms KMS-Requests",
        ),
        (
            {"id": "more", "usage_types": "KMS-Keys"},
            "free allowance more",
            "is not in the snapshot: nothing becomes free unannounced",
        ),
    ],
)
def test_an_allowance_too_many_is_an_error(cli: Any, more: dict[str, str], subject: str, told: str) -> None:
    book = refreshed(lambda row: [row])
    rows = book.table(FREE_TIER, ALLOWANCE_COLUMNS)
    (kms,) = [dict(zip(ALLOWANCE_COLUMNS, row, strict=True)) for row in rows if row[0] == "kms-requests"]
    part = Part(FREE_TIER, "allowances", ALLOWANCE_COLUMNS, [*rows, tuple((kms | more).values())])
    (book.folder / FREE_TIER).write_bytes(part.content())
    files = tuple(part.entry() if each.path == FREE_TIER else each for each in book.manifest.files)
    (book.folder / MANIFEST).write_bytes(replace(book.manifest, files=files).content())
    assert ("error", subject, told) in found(cli, "--prices", book.folder.name)


def test_the_way_out_of_an_unsound_book_works(aws: Cloud, cli: Any) -> None:
    """A book that is damaged cannot be built upon: it has to go first."""
    assert cli("prices", "refresh", "--service", "awskms").code == 0
    book = Shelf().open()
    file = book.folder / KMS
    file.write_bytes(file.read_bytes()[:-20])
    assert cli("prices", "refresh", "--service", "awskms").code == 1
    told = cli("prices", "verify", columns=300).err
    assert told.endswith(
        "Delete this folder, then run: costmodel prices refresh. Or use another book with --prices.\n"
    )
    shutil.rmtree(book.folder)
    assert cli("prices", "refresh", "--service", "awskms").code == 0
    assert cli("prices", "verify", "--format", "json").code == 0


def test_an_unsound_snapshot_is_installed_anew(cli: Any) -> None:
    """To a clock that is behind, its rows are dated after today."""
    told = cli("prices", "verify", columns=300, today=date(2026, 10, 1)).err
    assert told.endswith("It came with costmodel: reinstall costmodel, or use another book with --prices.\n")
