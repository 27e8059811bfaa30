"""The shelf: price books kept in the user's cache folder, over the snapshot that ships with the package.

    books-<format>/000007-2026-11-24-1a2b3c4d5e6f/    one whole book: number, date, start of its digest
    index/                                            see `index.py`
    lock                                              held while a book is made

A book is whole from the moment its folder has its name: it is written beside, synced, read back and
renamed. Nothing points at it, so nothing can point at half a book. Its price files never change after that;
its manifest is replaced when AWS was asked again and gave the same prices.

An upgrade brings another snapshot. File by file, what was confirmed later counts: where that is partly the
snapshot's and partly the last book's, a book of both is put on the shelf.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from costmodel.errors import OlderPrices, PriceBookNotFound, PriceCacheCorrupt, PriceCacheUnwritable
from costmodel.pricing.book import PriceBook
from costmodel.pricing.index import cache_folder, index_folder
from costmodel.pricing.snapshot import (
    FORMAT_VERSION,
    MANIFEST,
    PRICE_KINDS,
    PRICES,
    Manifest,
    Part,
    PriceFile,
    read_manifest,
    read_verified,
)
from costmodel.shipped import shipped

LOCK_WAIT_S = 60.0
"""Making a book takes about a second; whoever holds the lock longer is stuck."""

UNFINISHED = ".new"
LAST_DAY = "9999-12-31"
DIGEST_DIGITS = 12

_NAME = re.compile(
    r"(?P<number>[0-9]{6})-(?P<book_date>[0-9]{4}-[0-9]{2}-[0-9]{2})-(?P<digest_start>[0-9a-f]{12})"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Copy:
    """A book that is at hand, before it is opened."""

    name: str
    """Its folder's name on the shelf; `snapshot` for the one that ships."""
    folder: Path
    number: int
    """Place on the shelf in the order of arrival; 0 for the snapshot."""
    book_date: str
    """YYYY-MM-DD."""
    digest_start: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which book prices are taken from, and why."""

    copy: Copy
    reason: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """The snapshot and the last book on the shelf."""

    snapshot: Copy
    ships: Manifest
    """What the snapshot holds."""
    last: Copy | None
    held: Manifest | None
    """What the last book holds."""

    @property
    def counting(self) -> list[PriceFile]:
        """Files of the last book that count more than the snapshot's."""
        return [] if self.held is None else _counting(self.held, self.ships)

    @property
    def union(self) -> Manifest | None:
        """The book of both, where both count and the last one is not that already."""
        union = _merged(self.ships, self.counting)
        return union if self.counting and self.held and union.digest != self.held.digest else None

    @property
    def choice(self) -> Choice:
        if self.last is None or self.held is None:
            return Choice(self.snapshot, "there are no refreshed prices")
        if not self.counting:
            return Choice(
                self.snapshot, f"it is newer than the last refreshed book, of {self.held.confirmed_on}"
            )
        if self.snapshot.book_date > max(file.retrieved_at[:10] for file in self.held.files):
            return Choice(
                self.last, "it holds refreshed prices that were confirmed after those of the snapshot"
            )
        return Choice(
            self.last, f"it was refreshed last, and the snapshot is not newer ({self.snapshot.book_date})"
        )


class Shelf:
    """The price books at hand. Several processes may read and add at once."""

    def __init__(self, folder: Path | None = None) -> None:
        """The shelf in a cache folder, which need not exist; the user's own by default."""
        self.folder = cache_folder() if folder is None else folder
        self._books = self.folder / f"books-{FORMAT_VERSION}"
        self._indexes = index_folder(self.folder)

    @property
    def downloads(self) -> Path:
        """Where price list files are on their way."""
        return self.folder / "downloads"

    def copies(self) -> tuple[Copy, ...]:
        """The snapshot, then the books on the shelf in the order of arrival. Raises PriceCacheCorrupt."""
        folder = shipped("pricing_cache")
        manifest = read_manifest(folder)
        snapshot = Copy("snapshot", folder, 0, manifest.book_date, manifest.digest[:DIGEST_DIGITS])
        return (snapshot, *self._shelved())

    def choice(self) -> Choice:
        """The book in force: the last on the shelf, or the snapshot where each of its files counts.

        Where files of both count, a book of both is put on the shelf first. Raises PriceCacheUnwritable where
        that cannot be; PriceCacheCorrupt when the last book cannot be read: an older one never takes its
        place unasked.
        """
        standing = self._standing()
        if standing.union is not None:
            with self._writing():
                self._unite()
            standing = self._standing()
        return standing.choice

    def open(self, which: str | None = None) -> PriceBook:
        """A price book: the one in force, the newest not later than a date YYYY-MM-DD, one by name, or a folder's.

        Raises PriceBookNotFound, PriceCacheCorrupt and, of the one in force, what `choice` raises.
        """
        if which is None:
            return self._open(self.choice().copy.folder)
        if _DATE.fullmatch(which):
            return self._open(self._of_date(which))
        named = [copy.folder for copy in self.copies() if copy.name == which]
        if named:
            return self._open(named[0])
        folder = Path(which).expanduser()
        if not (folder / MANIFEST).exists():
            raise PriceBookNotFound(
                f"{which!r} is neither a date (YYYY-MM-DD), the name of a book, nor a folder with a {MANIFEST}. "
                "See which books there are with: costmodel prices status"
            )
        return PriceBook(folder)

    def holding(self, digest: str) -> PriceBook:
        """The book with this digest, the very prices that a saved run names. Raises PriceBookNotFound, PriceCacheCorrupt."""
        for copy in self.copies():
            if digest.startswith(copy.digest_start):
                book = self._open(copy.folder)
                if book.digest == digest:
                    return book
        raise PriceBookNotFound(
            f"the price book {digest[:DIGEST_DIGITS]} is not at hand. Name its folder with --prices, or see which "
            "books there are with: costmodel prices status"
        )

    def add(self, parts: Sequence[Part]) -> PriceBook:
        """Put a new book on the shelf: the one in force with some of its files replaced, and open it.

        Files that AWS had confirmed before and that are the same now only get a later `retrieved_at`:
        the book stays. Raises OlderPrices, PriceCacheCorrupt for parts that cannot be read back as
        prices, and PriceCacheUnwritable. Whatever is raised, the books at hand stay as they were.
        """
        with self._writing():
            return self._add(parts)

    def _standing(self) -> _Standing:
        snapshot, *shelved = self.copies()
        last = shelved[-1] if shelved else None
        return _Standing(
            snapshot,
            read_manifest(snapshot.folder),
            last,
            None if last is None else read_manifest(last.folder),
        )

    def _unite(self) -> None:
        """Put the book of the snapshot and the last book on the shelf, where both count and none is that already."""
        standing = self._standing()
        union, last, held = standing.union, standing.last, standing.held
        if union is None or last is None or held is None:
            return

        def content(file: PriceFile) -> bytes:
            return read_verified(last.folder if file in held.files else standing.snapshot.folder, file)

        self._shelve(union, content, union.files)

    def _shelved(self) -> Iterator[Copy]:
        try:
            names = sorted(path.name for path in self._books.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise PriceCacheCorrupt(
                f"{self._books}: {error.strerror or error}. Make it readable, or name another cache folder "
                "in COSTMODEL_CACHE_DIR."
            ) from error
        for name in names:
            if match := _NAME.fullmatch(name):
                number, book_date, digest_start = match.groups()
                yield Copy(name, self._books / name, int(number), book_date, digest_start)

    def _open(self, folder: Path) -> PriceBook:
        return PriceBook(folder, self._indexes)

    def _of_date(self, wanted: str) -> Path:
        try:
            date.fromisoformat(wanted)
        except ValueError:
            raise PriceBookNotFound(f"there is no day {wanted}; write a date as YYYY-MM-DD.") from None
        copies = self.copies()
        known = [copy for copy in copies if copy.book_date <= wanted]
        if not known:
            dates = ", ".join(sorted({copy.book_date for copy in copies}))
            raise PriceBookNotFound(f"no price book of {wanted} or before; there are books of {dates}.")
        return max(known, key=lambda copy: (copy.book_date, copy.number)).folder

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the shelf, swept. Raises PriceCacheUnwritable."""
        try:
            self._books.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock", timeout=LOCK_WAIT_S):
                self._sweep()
                yield
        except Timeout:
            raise PriceCacheUnwritable(
                self.folder, f"another costmodel has been writing to it for {LOCK_WAIT_S:.0f} s"
            ) from None
        except OSError as error:
            raise PriceCacheUnwritable(self.folder, error.strerror or str(error)) from error

    def _sweep(self) -> None:
        """Remove what killed processes left, and the indexes of books that are gone."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._books / UNFINISHED)
        kept = {copy.digest_start for copy in self.copies()}
        for path in self._indexes.glob("*"):
            if path.name[:DIGEST_DIGITS] not in kept:
                path.unlink(missing_ok=True)

    def _add(self, parts: Sequence[Part]) -> PriceBook:
        self._unite()
        copy = self._standing().choice.copy
        base = self._open(copy.folder)
        entries = [part.entry() for part in parts]
        today = self._today(entries)
        held = _without_future(base.manifest, today)
        _refuse_older(held, entries, today)
        manifest = _merged(held, entries)
        if copy.number and manifest.digest == base.digest and base.manifest.book_date <= today:
            return self._confirm(copy, replace(manifest, book_date=base.manifest.book_date))
        contents = {part.path: part.content() for part in parts}

        def content(file: PriceFile) -> bytes:
            return contents[file.path] if file.path in contents else read_verified(base.folder, file)

        return self._shelve(manifest, content, entries)

    def _confirm(self, copy: Copy, manifest: Manifest) -> PriceBook:
        """The same prices again: only the days on which AWS said so move."""
        unfinished = self._books / UNFINISHED
        try:
            _write(unfinished / MANIFEST, manifest.content())
            return self._open(_move(unfinished / MANIFEST, copy.folder / MANIFEST).parent)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _shelve(
        self, manifest: Manifest, content: Callable[[PriceFile], bytes], new: Sequence[PriceFile]
    ) -> PriceBook:
        """Write a book beside, read it back and give it its name; the prices of its `new` files are checked."""
        unfinished = self._books / UNFINISHED
        try:
            _write_book(unfinished, manifest, content)
            _read_back(unfinished, manifest, new)
            number = max(copy.number for copy in self.copies()) + 1
            name = f"{number:06}-{manifest.book_date}-{manifest.digest[:DIGEST_DIGITS]}"
            return self._open(_move(unfinished, self._books / name))
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _today(self, entries: Sequence[PriceFile]) -> str:
        """The day of asking. A clock that is behind the snapshot is wrong: no day is then after today."""
        today = max((entry.retrieved_at[:10] for entry in entries), default="")
        snapshot, *_ = self.copies()
        return today if today >= snapshot.book_date else LAST_DAY


def _counting(last: Manifest, snapshot: Manifest) -> list[PriceFile]:
    """Files of the last book that count more than the snapshot's: they were confirmed later.

    A file that AWS was asked for gives way to one of which every price is dated after that; one of an older
    snapshot to the one that ships now.
    """
    ships = {file.path: file for file in snapshot.files}
    return [file for file in last.files if not _gives_way(file, ships.get(file.path))]


def _gives_way(file: PriceFile, ships: PriceFile | None) -> bool:
    if file.retrieved_at:
        return ships is not None and ships.oldest_as_of > max(file.newest_as_of, file.retrieved_at[:10])
    return ships is None or ships.newest_as_of >= file.newest_as_of


def _without_future(held: Manifest, today: str) -> Manifest:
    """What is at hand, without the days that a clock has told when it was ahead."""
    latest_edition = today.replace("-", "") + "235959"
    files = tuple(
        replace(
            file,
            retrieved_at=file.retrieved_at if file.retrieved_at[:10] <= today else "",
            edition=file.edition if file.edition <= latest_edition else "",
        )
        for file in held.files
    )
    return replace(held, book_date=min(held.book_date, today), files=files)


def _refuse_older(held: Manifest, entries: Sequence[PriceFile], today: str) -> None:
    """Editions are compared with editions; else the newest new price with the oldest one it replaces.

    The dates of a snapshot's rows are partly those of capture, later than AWS's publication: a list is
    surely older only where it was published before all of them. Rates that AWS tells without an edition
    bear the day on which it was asked, so a list with an edition may be of an earlier day and no older.
    Prices of a day after today were dated by a clock that was ahead, and may be replaced.
    """
    known = {file.path: file for file in held.files}
    older = {}
    for entry in entries:
        file = known.get(entry.path)
        if file is None:
            continue
        dated_by_asking = bool(file.retrieved_at) and not file.edition
        if entry.edition and file.edition:
            if entry.edition < file.edition:
                older[entry.path] = f"is edition {entry.edition}, before {file.edition}"
        elif entry.newest_as_of < file.oldest_as_of <= today and not (entry.edition and dated_by_asking):
            older[entry.path] = f"is of {entry.newest_as_of or 'no date'}, before {file.oldest_as_of}"
    if older:
        raise OlderPrices(older)


def _merged(base: Manifest, entries: Sequence[PriceFile]) -> Manifest:
    files = {file.path: file for file in (*base.files, *entries)}
    merged = tuple(files[path] for path in sorted(files))
    return Manifest(
        book_date=max([base.book_date, *(entry.retrieved_at[:10] for entry in entries)]),
        regions=_regions(base, merged),
        note=base.note,
        files=merged,
    )


def _regions(base: Manifest, files: Sequence[PriceFile]) -> tuple[str, ...]:
    """The base's regions, and every other in which all services are priced that are priced in all of those."""
    services: dict[str, set[str]] = {}
    for file in files:
        if file.kind == PRICES:
            services.setdefault(file.region_id, set()).add(file.service_code)
    if not base.regions:
        return ()
    needed = set.intersection(*(services.get(region_id, set()) for region_id in base.regions))
    added = [
        region_id
        for region_id, there in sorted(services.items())
        if needed and needed <= there and region_id not in base.regions
    ]
    return (*base.regions, *added)


def _write_book(folder: Path, manifest: Manifest, content: Callable[[PriceFile], bytes]) -> None:
    for file in manifest.files:
        _write(folder / file.path, content(file))
    _write(folder / MANIFEST, manifest.content())
    for path in folder.rglob("*"):
        if path.is_dir():
            _sync_folder(path)
    _sync_folder(folder)


def _read_back(folder: Path, manifest: Manifest, entries: Sequence[PriceFile]) -> None:
    """Raises PriceCacheCorrupt unless a book is on disk as it was meant, and its new prices are prices."""
    book = PriceBook(folder)
    if book.manifest != manifest:
        raise PriceCacheCorrupt(f"{folder / MANIFEST}: reads back other than written. Check this disk.")
    book.verify()
    for entry in entries:
        if entry.kind in PRICE_KINDS:
            for _ in book.prices_of(entry):
                pass


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move(path: Path, target: Path) -> Path:
    """Move into place. From then on it counts; that the move itself outlives a power cut is not needed."""
    path.replace(target)
    with suppress(OSError):
        _sync_folder(target.parent)
    return target


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
