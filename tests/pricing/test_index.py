"""The index: the same prices as the files, or an error; never another price."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from costmodel.errors import PriceCacheCorrupt, PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.index import cache_folder, index_path, open_or_build
from costmodel.pricing.price import Price, PriceQuery
from costmodel.pricing.snapshot import PRICE_KINDS
from costmodel.shipped import shipped
from shops.shelves import REGIONS, RESERVATION, USAGE_TYPES, prices_in, snapshot

QUERIES = [
    PriceQuery("AmazonEC2", region_id, name, term=term)
    for region_id in REGIONS
    for name in USAGE_TYPES
    for term in ("OnDemand", RESERVATION)
]
EUROPE = ("AmazonEC2", "eu-west-1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return snapshot(tmp_path / "book")


def answers(book: PriceBook) -> list[Price]:
    return [book.price(query) for query in QUERIES]


def test_every_shipped_price_is_the_same_with_and_without_an_index(tmp_path: Path) -> None:
    plain, indexed = PriceBook(shipped("pricing_cache")), PriceBook(shipped("pricing_cache"), tmp_path)
    for price in plain.prices(kinds=PRICE_KINDS):
        assert indexed.price(price.query) == price
        assert indexed.committed(price.query) == plain.committed(price.query)


def test_a_built_index_is_all_that_a_look_up_reads(folder: Path, tmp_path: Path) -> None:
    expected = answers(PriceBook(folder, tmp_path / "index"))
    book = PriceBook(folder, tmp_path / "index")
    for path in folder.glob("*/*.csv"):
        path.unlink()
    assert answers(book) == expected


def test_an_index_is_named_by_the_digest_and_leaves_nothing_beside(folder: Path, tmp_path: Path) -> None:
    book = PriceBook(folder, tmp_path / "index")
    assert not (tmp_path / "index").exists()
    answers(book)
    assert list((tmp_path / "index").iterdir()) == [index_path(tmp_path / "index", book.digest)]


def test_what_is_not_there_is_not_there(folder: Path, tmp_path: Path) -> None:
    book = PriceBook(folder, tmp_path / "index")
    with pytest.raises(PriceNotFound, match="Closest names there: Thing:"):
        book.price(PriceQuery(*EUROPE, "Thing:99"))
    assert book.committed(PriceQuery(*EUROPE, "Thing:99")) == ()


def test_a_damaged_book_gets_no_index(folder: Path, tmp_path: Path) -> None:
    path = folder / "AmazonS3" / "us-east-1.csv"
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    with pytest.raises(PriceCacheCorrupt, match=r"us-east-1\.csv: changed"):
        PriceBook(folder, tmp_path / "index").price(QUERIES[0])
    assert list((tmp_path / "index").iterdir()) == []


def test_another_books_index_under_this_name_is_noticed(folder: Path, tmp_path: Path) -> None:
    indexes = tmp_path / "index"
    other = PriceBook(snapshot(tmp_path / "other", "2026-02-01"), indexes)
    answers(other)
    book = PriceBook(folder, indexes)
    index_path(indexes, other.digest).rename(index_path(indexes, book.digest))
    with pytest.raises(PriceCacheCorrupt, match=r"does not match its checksum\. Delete this file"):
        book.price(QUERIES[0])


def test_no_flipped_byte_anywhere_changes_a_price(folder: Path, tmp_path: Path) -> None:
    """One byte in every fifty of the file, one after the other; then a whole page of it."""
    indexes = tmp_path / "index"
    book = PriceBook(folder, indexes)
    expected = answers(book)
    path = index_path(indexes, book.digest)
    content = path.read_bytes()
    noticed = 0
    places = [(start, 1) for start in range(0, len(content), 50)]
    places += [(start, 512) for start in range(0, len(content), 512)]
    for start, length in places:
        damaged = bytearray(content)
        for place in range(start, min(start + length, len(content))):
            damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            assert answers(PriceBook(folder, indexes)) == expected
        except PriceCacheCorrupt as error:
            assert str(path) in str(error)  # noqa: PT017
            assert "Delete this file" in str(error)  # noqa: PT017
            noticed += 1
    assert noticed > len(places) / 4  # the rest lies in prices not asked for, or between them


@pytest.mark.parametrize("kept", [0, 1, 100, 512, 4096, -4096, -1])
def test_an_index_cut_short_changes_no_price(folder: Path, tmp_path: Path, kept: int) -> None:
    indexes = tmp_path / "index"
    book = PriceBook(folder, indexes)
    expected = answers(book)
    path = index_path(indexes, book.digest)
    path.write_bytes(path.read_bytes()[:kept])
    try:
        assert answers(PriceBook(folder, indexes)) == expected
    except PriceCacheCorrupt as error:
        assert "Delete this file" in str(error)  # noqa: PT017
    path.unlink()
    assert answers(PriceBook(folder, indexes)) == expected


def test_an_entry_that_is_gone_is_noticed(folder: Path, tmp_path: Path) -> None:
    indexes = tmp_path / "index"
    book = PriceBook(folder, indexes)
    answers(book)
    with sqlite3.connect(index_path(indexes, book.digest)) as connection:
        connection.execute("DELETE FROM prices WHERE usage_type = 'Thing:3'")
    connection.close()
    again = PriceBook(folder, indexes)
    with pytest.raises(PriceCacheCorrupt, match=r"lacks Thing:3 in AmazonEC2.eu-west-1\.csv\. Delete"):
        again.price(PriceQuery(*EUROPE, "Thing:3"))
    with pytest.raises(PriceCacheCorrupt, match="lacks Thing:3"):
        again.committed(PriceQuery(*EUROPE, "Thing:3"))
    assert again.price(PriceQuery(*EUROPE, "Thing:4")).tiers[0].list_unit_price == 1


def test_what_the_book_lacks_needs_no_file_to_say_so(folder: Path, tmp_path: Path) -> None:
    answers(PriceBook(folder, tmp_path / "index"))
    book = PriceBook(folder, tmp_path / "index")
    for path in folder.glob("*/*.csv"):
        path.unlink()
    assert book.committed(PriceQuery(*EUROPE, "Nothing")) == ()


def test_a_list_of_usage_types_that_is_gone_or_shortened_is_noticed(folder: Path, tmp_path: Path) -> None:
    indexes = tmp_path / "index"
    book = PriceBook(folder, indexes)
    answers(book)
    for change in ("DELETE FROM prices", "UPDATE prices SET entry = substr(entry, 1, 30)"):
        with sqlite3.connect(index_path(indexes, book.digest)) as connection:
            connection.execute(f"{change} WHERE path = ''")
        connection.close()
        again = PriceBook(folder, indexes)
        with pytest.raises(PriceCacheCorrupt, match="Delete this file"):
            again.committed(PriceQuery(*EUROPE, "Nothing"))
        index_path(indexes, book.digest).unlink()
        answers(book := PriceBook(folder, indexes))


def test_without_a_place_to_write_prices_come_from_the_files(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    book = PriceBook(folder, tmp_path / "file" / "index")
    assert prices_in(book, *EUROPE) == {Decimal(1)}


@pytest.mark.parametrize("failing", ["mkstemp", "fsync", "replace", "execute"])
def test_a_build_that_fails_costs_no_answer_and_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise (
            sqlite3.OperationalError("database or disk is full")
            if failing == "execute"
            else OSError(28, "full")
        )

    target = {
        "mkstemp": "costmodel.pricing.index.tempfile.mkstemp",
        "fsync": "costmodel.pricing.index.os.fsync",
        "replace": "pathlib.Path.replace",
        "execute": "costmodel.pricing.index._entries",
    }[failing]
    with monkeypatch.context() as patched:
        patched.setattr(target, fail)
        assert prices_in(PriceBook(folder, tmp_path / "index"), *EUROPE) == {Decimal(1)}
    assert list((tmp_path / "index").iterdir()) == []
    answers(PriceBook(folder, tmp_path / "index"))
    assert len(list((tmp_path / "index").iterdir())) == 1


def test_many_threads_build_and_ask_at_once(folder: Path, tmp_path: Path) -> None:
    expected = answers(PriceBook(folder))
    books = [PriceBook(folder, tmp_path / "index") for _ in range(4)]
    wrong: list[int] = []

    def ask(number: int) -> None:
        if answers(books[number % 4]) != expected:
            wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(list((tmp_path / "index").iterdir())) == 1


def test_an_index_that_vanishes_does_not_matter(folder: Path, tmp_path: Path) -> None:
    book = PriceBook(folder, tmp_path / "index")
    first = book.price(QUERIES[0])
    shutil.rmtree(tmp_path / "index")
    assert book.price(QUERIES[1]).tiers == first.tiers


def test_odd_folder_names_are_no_uri(folder: Path, tmp_path: Path) -> None:
    indexes = tmp_path / "a?mode=rw&b#c%20d ü"
    assert (
        answers(PriceBook(folder, indexes))
        == answers(PriceBook(folder, indexes))
        == answers(PriceBook(folder))
    )
    assert open_or_build(indexes, PriceBook(folder).digest, ()) is not None


def test_the_cache_folder_is_the_users_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("COSTMODEL_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder().name == "costmodel"
