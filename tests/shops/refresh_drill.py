"""Whole refreshes in real processes: `python -m shops.refresh_drill EXERCISE FOLDER`.

Two clouds charge different prices; their environments come as JSON on stdin. This process imports once
and forks. It prints what it did as JSON; anything that should not be is an AssertionError.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

import boto3

from aws.cloud import NEEDS, TODAY, moved_truth, said, small_snapshot, stated
from costmodel.pricing import shelf as shelf_module
from costmodel.pricing.book import PriceBook
from costmodel.pricing.download import Patience
from costmodel.pricing.origin import Source
from costmodel.pricing.price_files import PublicIndex
from costmodel.pricing.refresh import Refresh
from costmodel.pricing.shelf import UNFINISHED, Shelf
from costmodel.pricing.snapshot import MANIFEST, PRICE_KINDS, SPOT
from shops.shelf_drill import at_once, forked, wait
from shops.shelves import contents

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TRUTHS = tuple(moved_truth(Random(seed)) for seed in (1, 2))
"""What the two clouds charge."""
STATED = tuple(stated(truth) for truth in (*TRUTHS, TODAY))
"""What files must say at either truth, or as in the snapshot."""
KILLS = 30


def refresh(shelf: Shelf, side: int, source: Source) -> None:
    """Refresh everything from one of the clouds."""
    os.environ.update(CLOUDS[side])
    quick = PublicIndex(Patience(tries_without_progress=3, first_wait_s=0.0))
    outcome = Refresh(shelf, NEEDS, source, NOW, lambda *_: None, index=quick).run()
    assert not outcome.failures, outcome.failures


def sides(book: PriceBook) -> set[int]:
    """The truths that a whole book's files tell; each of them tells one."""
    book.verify()
    found = set()
    for file in book.manifest.files:
        if file.kind in PRICE_KINDS:
            told = said(book, file)
            places = [place for place, truth in enumerate(STATED) if truth[file.path] == told]
            assert len(places) == 1, file.path
            assert (file.origin == "snapshot") == (places == [2])
            found.add(places[0])
    return found


def books(shelf: Shelf) -> list[PriceBook]:
    return [shelf.open(copy.name) for copy in shelf.copies() if copy.number]


def together(cache: Path) -> dict[str, int]:
    """Two refreshes let go at the same moment: both books are whole, and each tells one truth."""
    turns = list(itertools.product(Source, Source))
    for turn, sources in enumerate(turns):
        shelf = Shelf(cache / str(turn))
        at_once([partial(refresh, shelf, side, sources[side]) for side in (0, 1)])
        first, second = books(shelf)
        assert len(sides(first)) == 1
        in_force = sides(shelf.open())
        assert shelf.open().digest == second.digest
        # Files in bulk tell no spot prices: those of the other side stay.
        assert in_force in ({0}, {1}) or (Source.BULK in sources and in_force == {0, 1})
        kinds = {file.kind: file for file in second.manifest.files if file.origin != "snapshot"}
        assert (SPOT in kinds) == (sources != (Source.BULK, Source.BULK))
    return {"rounds": len(turns)}


def refresh_on(shelf: Shelf, sources: Iterator[Source], report: int) -> None:
    """Refresh again and again, from one cloud and the other, and report where one begins and ends."""
    for step in itertools.count(1):
        os.write(report, b"<")
        refresh(shelf, step % 2, next(sources))
        os.write(report, b">")


def killed(cache: Path) -> dict[str, int]:
    """Refreshes killed at any moment: what was there before is untouched, and all is whole."""
    chance = random.Random(1)
    held = cache / "held"
    for side in (1, 0):  # the first round loads botocore's files
        started = time.monotonic()
        for source in Source:
            refresh(Shelf(held), side, source)
    seconds = time.monotonic() - started
    kills = midway = unfinished = made = 0
    for turn in range(KILLS):
        shelf = Shelf(cache / str(turn))
        if turn % 3:
            shutil.copytree(held, shelf.folder)
        before = contents(copy.folder for copy in shelf.copies())
        reports, report = os.pipe()
        sources = itertools.cycle(chance.sample(list(Source), 3))

        child = forked(partial(refresh_on, shelf, sources, report))
        time.sleep(chance.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        kills += wait(child) == -signal.SIGKILL
        os.close(report)
        midway += os.read(reports, 1000).endswith(b"<")
        os.close(reports)
        unfinished += any(shelf.folder.glob(f"books-*/{UNFINISHED}"))
        after = contents(copy.folder for copy in shelf.copies())
        assert before.items() <= after.items()
        found = books(shelf)
        made += len(found) - bool(turn % 3)
        for book in found:
            sides(book)
        child = forked(partial(refresh, shelf, 1, next(sources)))
        assert wait(child) == 0
        in_force = shelf.open()
        # The manifest of a book that is confirmed is replaced; its prices never change.
        prices = {path: digest for path, digest in after.items() if path.name != MANIFEST}
        assert prices.items() <= contents(copy.folder for copy in shelf.copies()).items()
        assert sides(in_force) <= {0, 1}
        listed = [file for file in in_force.manifest.files if file.kind in PRICE_KINDS and file.kind != SPOT]
        assert all(said(in_force, file) == STATED[1][file.path] for file in listed)
        assert not any(shelf.folder.glob(f"books-*/{UNFINISHED}"))
    return {"kills": kills, "midway": midway, "unfinished": unfinished, "books": made}


if __name__ == "__main__":
    CLOUDS: list[dict[str, str]] = json.load(sys.stdin)
    exercise, folder = sys.argv[1], Path(sys.argv[2])
    shipped_folder = small_snapshot(folder / "shipped")
    shelf_module.shipped = lambda _: shipped_folder  # type: ignore[assignment]
    session = boto3.session.Session()  # each new one reads its data files again
    boto3.session.Session = lambda: session  # type: ignore[misc,assignment]
    print(json.dumps(globals()[exercise](folder / "cache")))
