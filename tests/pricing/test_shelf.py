"""The shelf: whole books or none, the newest in force and said why, whatever fails in between."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from costmodel.errors import (
    OlderPrices,
    PriceBookNotFound,
    PriceCacheCorrupt,
    PriceCacheUnwritable,
)
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.shelf import Shelf
from shops.shelves import SNAPSHOT_DATE, contents, part, prices_in, snapshot

EC2 = ("AmazonEC2", "eu-west-1")
S3 = ("AmazonS3", "us-east-1")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = snapshot(tmp_path / "shipped")
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: folder)
    return folder


@pytest.fixture
def shelf(shipped: Path, tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache")


def books(shelf: Shelf) -> list[Path]:
    return [copy.folder for copy in shelf.copies() if copy.number]


def test_without_refreshed_prices_the_snapshot_is_in_force(shelf: Shelf, shipped: Path) -> None:
    assert shelf.open().folder == shipped
    assert shelf.choice().reason == "there are no refreshed prices"
    assert not list(shelf.folder.glob("books*"))


def test_a_new_book_is_whole_and_in_force(shelf: Shelf, shipped: Path) -> None:
    before = contents([shipped])
    book = shelf.add([part(*EC2, "2", edition="20260301000000")])
    assert prices_in(book, *EC2) == {Decimal(2)}
    assert prices_in(book, *S3) == {Decimal(1)}
    assert book.manifest.book_date == "2026-03-02"
    book.verify()
    assert shelf.open().folder == book.folder
    assert book.folder.name == f"000001-2026-03-02-{book.digest[:12]}"
    assert contents([shipped]) == before
    (file,) = [file for file in book.manifest.files if file.origin == "api"]
    assert (file.path, file.edition) == ("AmazonEC2/eu-west-1.csv", "20260301000000")


def test_a_later_book_keeps_what_an_earlier_one_brought(shelf: Shelf) -> None:
    first = shelf.add([part(*EC2, "2")])
    before = contents([first.folder])
    second = shelf.add([part(*S3, "3")])
    assert (prices_in(second, *EC2), prices_in(second, *S3)) == ({Decimal(2)}, {Decimal(3)})
    assert contents([first.folder]) == before


def test_the_same_prices_again_make_no_new_book_but_a_later_confirmation(shelf: Shelf) -> None:
    first = shelf.add([part(*EC2, "2")])
    files = {path: digest for path, digest in contents([first.folder]).items() if path.suffix == ".csv"}
    again = shelf.add([part(*EC2, "2", retrieved_at="2026-09-01T00:00:00Z", origin="bulk")])
    assert (again.folder, again.digest) == (first.folder, first.digest)
    assert len(books(shelf)) == 1
    assert {
        path: digest for path, digest in contents([first.folder]).items() if path.suffix == ".csv"
    } == files
    price = again.price(PriceQuery(*EC2, "Thing:0"))
    assert (price.as_of, again.confirmed_on(price)) == ("2026-03-01", "2026-09-01")
    assert (again.manifest.book_date, again.manifest.confirmed_on) == ("2026-03-02", "2026-09-01")
    other = again.price(PriceQuery(*S3, "Thing:0"))
    assert again.confirmed_on(other) == SNAPSHOT_DATE


def test_a_newer_snapshot_wins_over_older_refreshed_prices(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed = shelf.add([part(*EC2, "2")])
    upgraded = snapshot(tmp_path / "upgraded", "2026-03-03")
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: upgraded)
    assert shelf.open().folder == upgraded
    assert shelf.choice().reason == "it is newer than the last refreshed book, of 2026-03-02"
    assert shelf.open("2026-03-02").folder == refreshed.folder
    later = shelf.add([part(*S3, "3", as_of="2026-05-01", retrieved_at="2026-05-02T00:00:00Z")])
    assert prices_in(later, *EC2) == {Decimal(1)}
    assert shelf.open().folder == later.folder
    assert shelf.choice().reason == "it was refreshed last, and the snapshot is not newer (2026-03-03)"


def test_prices_confirmed_after_the_snapshot_stay_in_force(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file by itself: what AWS was asked for stays, what came with the old snapshot is the new one's."""
    shelf.add([part(*EC2, "2")])
    confirmed = shelf.add([part(*EC2, "2", retrieved_at="2026-09-01T00:00:00Z")])
    before = contents([confirmed.folder])
    upgraded = snapshot(tmp_path / "upgraded", "2026-08-01")
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: upgraded)
    book = shelf.open()
    assert prices_in(book, *EC2) == {Decimal(2)}
    assert book.confirmed_on(book.price(PriceQuery(*EC2, "Thing:0"))) == "2026-09-01"
    assert book.price(PriceQuery(*S3, "Thing:0")).as_of == "2026-08-01"
    assert shelf.open().folder == book.folder == books(shelf)[-1]
    assert len(books(shelf)) == 2
    assert contents([confirmed.folder]) == before
    assert shelf.holding(book.digest).folder == book.folder


def test_a_newer_snapshot_puts_no_older_row_over_a_refreshed_price(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot is dated by its newest row; most of its rows are older, and so are most of its files."""
    shelf.add([part(*EC2, "2", retrieved_at="2026-09-20T00:00:00Z")])
    upgraded = snapshot(tmp_path / "upgraded", "2025-12-02", newest=(*S3, "2026-10-06"))
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: upgraded)
    book = shelf.open()
    assert prices_in(book, *EC2) == {Decimal(2)}
    assert book.price(PriceQuery(*S3, "Thing:0")).as_of == "2026-10-06"
    assert (
        shelf.choice().reason == "it holds refreshed prices that were confirmed after those of the snapshot"
    )
    again = shelf.add([part(*EC2, "3", as_of="2026-10-07", retrieved_at="2026-10-07T00:00:00Z")])
    assert (prices_in(again, *EC2), again.price(PriceQuery(*S3, "Thing:0")).as_of) == (
        {Decimal(3)},
        "2026-10-06",
    )


def test_an_older_version_of_the_tool_brings_back_no_older_prices(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = shelf.add([part(*EC2, "2")])
    downgraded = snapshot(tmp_path / "downgraded", "2025-01-01")
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: downgraded)
    assert shelf.open().folder == held.folder


def test_a_book_of_both_that_cannot_be_written_is_named(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = shelf.add([part(*EC2, "2", retrieved_at="2026-09-20T00:00:00Z")])
    upgraded = snapshot(tmp_path / "upgraded", "2026-08-01")
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: upgraded)
    before = contents([shelf.folder / "books-2"])
    faults = Faults(monkeypatch)
    for place in range(1, 1000):
        faults.calls, faults.failing = 0, place
        try:
            book = shelf.open()
        except PriceCacheUnwritable:
            assert contents([shelf.folder / "books-2"]) == before
            continue
        break
    assert (place > 10, prices_in(book, *EC2), prices_in(book, *S3)) == (True, {Decimal(2)}, {Decimal(1)})
    assert shelf.open(held.folder.name).digest == held.digest


@pytest.mark.parametrize("price_usd", ["2", "3"])
def test_a_clock_that_was_ahead_leaves_no_trace_in_the_next_book(shelf: Shelf, price_usd: str) -> None:
    of_then = {"as_of": "2031-01-01", "retrieved_at": "2031-01-01T00:00:00Z"}
    ahead = shelf.add([part(*EC2, "2", retrieved_at="2031-01-01T00:00:00Z"), part(*S3, "2", **of_then)])
    assert ahead.manifest.book_date == "2031-01-01"
    after = shelf.add([part(*EC2, price_usd)])
    assert (after.manifest.book_date, after.manifest.confirmed_on) == ("2026-03-02", "2026-03-02")
    assert after.folder.name.startswith("000002-2026-03-02-")
    assert shelf.open().folder == shelf.open("2026-03-02").folder == after.folder
    assert prices_in(shelf.add([part(*S3, "3")]), *S3) == {Decimal(3)}


def test_an_edition_of_the_future_stops_no_later_one(shelf: Shelf) -> None:
    shelf.add([part(*EC2, "2", edition="20991231000000")])
    book = shelf.add([part(*EC2, "3", edition="20260301000000")])
    assert prices_in(book, *EC2) == {Decimal(3)}


def test_a_clock_behind_the_snapshot_puts_no_book_out_of_order(shelf: Shelf) -> None:
    before = shelf.add([part(*EC2, "2")])
    after = shelf.add([part(*EC2, "3", retrieved_at="2019-01-01T00:00:00Z")])
    assert before.manifest.book_date == after.manifest.book_date == "2026-03-02"
    assert shelf.open().folder == after.folder


def test_a_date_opens_the_newest_book_not_later(shelf: Shelf, shipped: Path) -> None:
    first = shelf.add([part(*EC2, "2", retrieved_at="2026-03-02T10:00:00Z")])
    second = shelf.add([part(*EC2, "3", retrieved_at="2026-03-02T11:00:00Z")])
    third = shelf.add([part(*EC2, "4", retrieved_at="2026-06-01T00:00:00Z")])
    assert [shelf.open(day).folder for day in ("2026-01-31", "2026-03-01", "2026-03-02", "2026-05-31")] == [
        shipped, shipped, second.folder, second.folder,
    ]  # fmt: skip
    assert shelf.open("2026-06-01").folder == third.folder
    assert shelf.open(str(first.folder)).digest == first.digest
    with pytest.raises(PriceBookNotFound) as error:
        shelf.open("2026-01-30")
    assert str(error.value) == (
        "no price book of 2026-01-30 or before; there are books of 2026-01-31, 2026-03-02, 2026-06-01."
    )


@pytest.mark.parametrize(
    ("which", "told"), [("2026-02-30", "there is no day 2026-02-30"), ("nowhere", "'nowhere' is neither")]
)
def test_what_is_no_book_is_named(shelf: Shelf, which: str, told: str) -> None:
    with pytest.raises(PriceBookNotFound, match=told):
        shelf.open(which)


@pytest.mark.parametrize(
    ("held", "offered", "told"),
    [
        (
            {"edition": "20260301000000"},
            {"edition": "20260228235959"},
            "is edition 20260228235959, before 2026",
        ),
        ({}, {"as_of": "2026-02-28"}, "is of 2026-02-28, before 2026-03-01"),
        ({"edition": "20260301000000"}, {"as_of": "2025-01-01"}, "is of 2025-01-01, before 2026-03-01"),
    ],
    ids=["editions", "dates", "an edition and a date"],
)
def test_older_prices_are_refused_and_the_shelf_stays(
    shelf: Shelf, held: dict[str, str], offered: dict[str, str], told: str
) -> None:
    shelf.add([part(*EC2, "2", **held)])
    before = contents([shelf.folder])
    with pytest.raises(OlderPrices, match=rf"AmazonEC2/eu-west-1\.csv {told}") as error:
        shelf.add([part(*EC2, "3", **offered), part(*S3, "3")])
    assert error.value.paths == ("AmazonEC2/eu-west-1.csv",)
    assert contents([shelf.folder]) == before


def test_an_edition_as_old_as_some_rows_of_the_snapshot_is_not_older(shelf: Shelf) -> None:
    book = shelf.add([part(*EC2, "2", as_of=SNAPSHOT_DATE)])
    assert prices_in(book, *EC2) == {Decimal(2)}


@pytest.mark.parametrize("price_usd", ["free", "-1", "1e3", ""])
def test_prices_that_are_none_never_get_on_the_shelf(shelf: Shelf, price_usd: str) -> None:
    shelf.add([part(*S3, "3")])
    before = contents([shelf.folder])
    with pytest.raises(PriceCacheCorrupt, match=r"plain decimal|negative"):
        shelf.add([part(*EC2, price_usd)])
    assert contents([shelf.folder]) == before
    assert [path.name for path in books(shelf)[0].parent.iterdir()] == [books(shelf)[0].name]


def test_a_region_priced_in_every_service_is_a_region_of_the_book(shelf: Shelf) -> None:
    book = shelf.add([part("AmazonEC2", "eu-north-1", "2"), part("AmazonS3", "mx-central-1", "2")])
    assert book.regions() == ("eu-west-1", "us-east-1")
    book = shelf.add([part("AmazonS3", "eu-north-1", "2")])
    assert book.regions() == ("eu-west-1", "us-east-1", "eu-north-1")


@pytest.mark.parametrize("damaged", ["manifest.json", "AmazonS3/us-east-1.csv"])
def test_a_damaged_book_is_never_built_upon_nor_passed_over(shelf: Shelf, damaged: str) -> None:
    book = shelf.add([part(*EC2, "2")])
    path = book.folder / damaged
    path.write_bytes(path.read_bytes()[:-30])
    before = contents([shelf.folder])
    with pytest.raises(PriceCacheCorrupt, match=f"{damaged}: (changed|not a).*delete the folder"):
        shelf.add([part(*S3, "3") if damaged == "manifest.json" else part(*EC2, "3")])
    assert contents([shelf.folder]) == before
    with pytest.raises(PriceCacheCorrupt, match="delete the folder"):
        shelf.open().price(PriceQuery(*EC2, "Thing:0"))


def test_a_damaged_older_book_is_in_nobodys_way(shelf: Shelf) -> None:
    first = shelf.add([part(*EC2, "2")])
    shelf.add([part(*EC2, "3")])
    (first.folder / "manifest.json").write_bytes(b"")
    assert prices_in(shelf.add([part(*S3, "4")]), *EC2) == {Decimal(3)}


def test_what_is_no_book_on_the_shelf_is_left_alone(shelf: Shelf) -> None:
    book = shelf.add([part(*EC2, "2")])
    for name in ("999999-notes", "README", "1-2026-01-01-abc"):
        (book.folder.parent / name).mkdir()
    assert books(shelf) == [book.folder]


def test_a_cache_folder_that_is_a_file_is_named(shipped: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(
        PriceCacheUnwritable, match=r"cannot write the price cache .*file: .*COSTMODEL_CACHE_DIR"
    ):
        Shelf(file).add([part(*EC2, "2")])
    with pytest.raises(PriceCacheCorrupt, match=r"Not a directory.*COSTMODEL_CACHE_DIR"):
        Shelf(file).open()
    assert file.read_text() == "mine"


def test_a_stuck_writer_is_named(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.add([part(*EC2, "2")])
    monkeypatch.setattr("costmodel.pricing.shelf.LOCK_WAIT_S", 0.05)
    with (
        FileLock(shelf.folder / "lock"),
        pytest.raises(PriceCacheUnwritable, match="another costmodel has been writing"),
    ):
        shelf.add([part(*EC2, "3")])
    assert prices_in(shelf.open(), *EC2) == {Decimal(2)}


def test_indexes_of_books_that_are_gone_are_swept(shelf: Shelf) -> None:
    book = shelf.add([part(*EC2, "2")])
    book.price(PriceQuery(*EC2, "Thing:0"))
    (stray,) = (shelf.folder / "index").iterdir()
    (shelf.folder / "index" / f"{'0' * 64}.1.sqlite").write_bytes(b"")
    shelf.add([part(*EC2, "3")])
    assert list((shelf.folder / "index").iterdir()) == [stray]


class Faults:
    """Lets the n-th write, sync, rename or new folder fail; counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.failing = -1
        self.code = errno.ENOSPC
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "mkdir"), (Path, "open")):
            monkeypatch.setattr(owner, name, self._wrapped(getattr(owner, name), name))

    def _wrapped(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if name != "open" or "wb" in arguments:
                self.calls += 1
                if self.calls == self.failing:
                    raise OSError(self.code, os.strerror(self.code))
            return original(*arguments, **options)

        return wrapped


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("confirming", [False, True], ids=["new prices", "the same prices"])
def test_whatever_fails_on_the_way_the_book_before_is_intact(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, code: int, confirming: bool
) -> None:
    held = shelf.add([part(*EC2, "2")])
    before = contents([shelf.folder / "books-2"])
    new = part(*EC2, "2" if confirming else "3", retrieved_at="2026-04-01T00:00:00Z")
    for place in range(1, 1000):
        with monkeypatch.context() as patched:
            faults = Faults(patched)
            faults.failing, faults.code = place, code
            try:
                shelf.add([new])
            except PriceCacheUnwritable as error:
                assert os.strerror(code) in str(error)  # noqa: PT017
            else:
                break
        assert contents([shelf.folder / "books-2"]) == before
        assert shelf.open().folder == held.folder
    assert place > (4 if confirming else 20)  # every file is written, synced and in a folder
    assert shelf.open().manifest.confirmed_on == "2026-04-01"
    shelf.open().verify()
    if not confirming:
        assert contents([held.folder]) == before


def drill(name: str, folder: Path) -> dict[str, Any]:
    """Run one exercise of `shelf_drill.py` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "shops.shelf_drill", name, str(folder)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


def test_kill_9_at_any_moment_leaves_whole_books(tmp_path: Path) -> None:
    result = drill("killed", tmp_path)
    assert result["kills"] == 100
    assert result["unfinished"] > 20  # not all of them fell between two books
    assert result["books"] > 20


def test_two_processes_with_different_prices_lose_nothing(tmp_path: Path) -> None:
    assert drill("different", tmp_path) == {"rounds": 20}


def test_two_processes_with_the_same_file_never_mix(tmp_path: Path) -> None:
    result = drill("same", tmp_path)
    assert result["rounds"] == 20


def test_a_full_disk_leaves_the_book_before(tmp_path: Path) -> None:
    result = drill("full", tmp_path)
    assert result["refused"] > 10
    assert result["added"] >= 1


def test_a_book_is_found_by_the_digest_that_a_run_names(shelf: Shelf, shipped: Path) -> None:
    """An older one as well; and a digest that only begins like one is another book's."""
    snapshot_digest = shelf.open().digest
    first = shelf.add([part(*EC2, "2", edition="20260301000000")])
    second = shelf.add([part(*EC2, "3", edition="20260401000000")])
    assert shelf.open().digest == second.digest
    for digest, folder in (
        (snapshot_digest, shipped),
        (first.digest, first.folder),
        (second.digest, second.folder),
    ):
        assert shelf.holding(digest).folder == folder
    for digest in (first.digest[:12] + "0" * 52, "f" * 64, "", "x"):
        with pytest.raises(PriceBookNotFound, match="costmodel prices status"):
            shelf.holding(digest)
