"""Exercises of the price cache in real processes: `python -m shops.shelf_drill EXERCISE FOLDER`.

This process imports once and forks, so that hundreds of processes take seconds. It prints what it
did as JSON; anything that should not be is an AssertionError.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from costmodel.errors import PriceCacheUnwritable
from costmodel.pricing import shelf as shelf_module
from costmodel.pricing.shelf import UNFINISHED, Shelf
from costmodel.pricing.snapshot import PRICES, RESERVED
from shops.shelves import contents, part, prices_in, snapshot

EC2 = ("AmazonEC2", "eu-west-1")
S3 = ("AmazonS3", "us-east-1")
WRITES_OF_SOME_BOOKS = 100
"""Writes, syncs, renames and new folders of about three books."""


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return child


def wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def add_both(shelf: Shelf, price_usd: int) -> None:
    """Two files that must always agree."""
    shelf.add([part(*EC2, str(price_usd)), part(*EC2, str(price_usd), kind=RESERVED)])


def check_whole(shelf: Shelf) -> None:
    book = shelf.open()
    book.verify()
    assert prices_in(book, *EC2) == prices_in(book, *EC2, RESERVED)
    assert len(prices_in(book, *EC2)) == 1


def killed(cache: Path) -> dict[str, int]:
    """Kill a process that adds book after book: by the clock in one turn, at one of its own writes in the next.

    A time to kill at is drawn from what adding a book takes on this machine now, counted from when the child
    has begun one. A fixed time would kill it before its first write where the machine is busy.
    """
    chance = random.Random(1)
    kills = unfinished = books = 0
    for turn in range(100):
        shelf = Shelf(cache / str(turn))
        begun = time.perf_counter()
        add_both(shelf, 1)
        seconds_of_a_book = time.perf_counter() - begun
        before = contents(copy.folder for copy in shelf.copies())
        if turn % 2:
            child = forked(partial(add_until, shelf, writes=chance.randrange(1, WRITES_OF_SOME_BOOKS)))
        else:
            child = killed_by_the_clock(shelf, chance, seconds_of_a_book)
        kills += wait(child) == -signal.SIGKILL
        unfinished += any(shelf.folder.glob(f"books-*/{UNFINISHED}"))
        after = contents(copy.folder for copy in shelf.copies())
        assert before.items() <= after.items()
        check_whole(shelf)
        books += len(shelf.copies()) - 2
        held = prices_in(shelf.open(), *EC2)
        shelf.add([part(*S3, "7")])
        assert prices_in(shelf.open(), *EC2) == held
        assert not any(shelf.folder.glob(f"books-*/{UNFINISHED}"))
    return {"kills": kills, "unfinished": unfinished, "books": books}


def killed_by_the_clock(shelf: Shelf, chance: random.Random, seconds_of_a_book: float) -> int:
    """A child that is killed somewhere within its first books."""
    reader, writer = os.pipe()

    def refresh() -> None:
        for step in range(2, 1000):
            os.write(writer, b".")
            add_both(shelf, step)

    child = forked(refresh)
    for _ in range(chance.randint(1, 3)):
        os.read(reader, 1)
    time.sleep(chance.uniform(0, seconds_of_a_book))
    os.kill(child, signal.SIGKILL)
    os.close(reader)
    os.close(writer)
    return child


def add_until(shelf: Shelf, writes: int) -> None:
    """Add book after book, and die at the start of so many-th write, sync, rename or new folder."""
    left = writes

    def deadly(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if original is not opened or "wb" in arguments:
                left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **options)

        return wrapped

    opened = Path.open
    for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "mkdir"), (Path, "open")):
        setattr(owner, name, deadly(getattr(owner, name)))
    for step in range(2, 1000):
        add_both(shelf, step)


def at_once(works: list[Callable[[], None]]) -> None:
    """Run each in a process of its own, all let go at the same moment."""
    gate, opener = os.pipe()

    def waiting(work: Callable[[], None]) -> Callable[[], None]:
        def start() -> None:
            os.close(opener)
            os.read(gate, 1)
            work()

        return start

    children = [forked(waiting(work)) for work in works]
    os.close(opener)
    assert [wait(child) for child in children] == [0] * len(works)
    os.close(gate)


def different(cache: Path) -> dict[str, int]:
    shelf = Shelf(cache)
    for turn in range(1, 21):
        price_usd = str(turn)
        at_once(
            [
                lambda price_usd=price_usd: shelf.add([part(*EC2, price_usd)]),
                lambda price_usd=price_usd: shelf.add([part(*S3, price_usd)]),
            ]
        )
        book = shelf.open()
        book.verify()
        assert prices_in(book, *EC2) == prices_in(book, *S3) == {Decimal(turn)}, turn
    return {"rounds": turn}


def same(cache: Path) -> dict[str, int]:
    shelf = Shelf(cache)
    for turn in range(20):
        at_once([lambda offered=2 * turn + way: add_both(shelf, offered) for way in (0, 1)])
        check_whole(shelf)
        assert prices_in(shelf.open(), *EC2, PRICES) <= {Decimal(2 * turn), Decimal(2 * turn + 1)}
    return {"rounds": turn + 1}


def full(cache: Path) -> dict[str, int]:
    """The kernel refuses to write a file beyond so many bytes, as on a disk that is full."""
    shelf = Shelf(cache)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    refused = added = 0
    for most_bytes in range(0, 4000, 200):
        before = contents(copy.folder for copy in shelf.copies())
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
        try:
            add_both(shelf, most_bytes)
            added += 1
        except PriceCacheUnwritable:
            refused += 1
            assert contents(copy.folder for copy in shelf.copies()) == before
        check_whole(shelf)  # without room for an index, straight from the files
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return {"refused": refused, "added": added}


if __name__ == "__main__":
    exercise, folder = sys.argv[1], Path(sys.argv[2])
    shipped_folder = snapshot(folder / "shipped")
    shelf_module.shipped = lambda _: shipped_folder  # type: ignore[assignment]
    print(json.dumps(globals()[exercise](folder / "cache")))
