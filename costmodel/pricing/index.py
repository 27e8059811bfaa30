"""A price book as one SQLite file: what a look-up reads instead of whole CSV files.

The CSV files stay the truth. An index is built from them once, verified by their checksums, and can be
deleted at any time. Every entry carries a checksum over the book's digest, its own key and its rows, and one
entry of a file lists its usage types: damage is an error, never another price and never no price.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

from platformdirs import user_cache_path

from costmodel.errors import PriceCacheCorrupt
from costmodel.pricing.snapshot import Row

FORMAT_VERSION = 2
SEAL_BYTES = 8
LISTS = ""
"""Stands for the file in the keys of the entries that list the usage types of a file each."""

Partitions = Iterable[tuple[str, Mapping[str, list[Row]]]]
"""Path of a price file, and its rows by usage type."""

_TABLE = (
    "CREATE TABLE prices (path TEXT, usage_type TEXT, entry BLOB, PRIMARY KEY (path, usage_type))"
    " WITHOUT ROWID"
)
_LOOK_UP = "SELECT entry FROM prices WHERE path = ? AND usage_type = ?"


def cache_folder() -> Path:
    """The user's folder of cached prices; may not exist yet. `COSTMODEL_CACHE_DIR` names another."""
    named = os.environ.get("COSTMODEL_CACHE_DIR")
    return Path(named) if named else user_cache_path("costmodel", appauthor=False)


def index_folder(cache: Path) -> Path:
    """Where a cache folder keeps its indexes."""
    return cache / "index"


def index_path(folder: Path, digest: str) -> Path:
    """Where the index of the book with this digest is, in the folder of indexes."""
    return folder / f"{digest}.{FORMAT_VERSION}.sqlite"


class PriceIndex:
    """The rows of a book by file and usage type. May be asked from several threads."""

    def __init__(self, path: Path, digest: str) -> None:
        """Open an index for reading only. Raises OSError where there is none that can be read."""
        self.path = path
        self._digest = digest
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.OperationalError as error:
            raise FileNotFoundError(f"{path}: {error}") from error
        weakref.finalize(self, self._connection.close)
        self._lock = threading.Lock()
        self._listed: dict[str, frozenset[str]] = {}

    def rows(self, path: str, usage_type: str) -> list[Row]:
        """Rows of one usage type in the order of the file; none where the file has none.

        Raises PriceCacheCorrupt for a damaged index or entry.
        """
        content = self._content(path, usage_type)
        if content is not None:
            return [tuple(row) for row in json.loads(content)]
        if usage_type in self._usage_types(path):
            raise self.damaged(f"lacks {usage_type} in {path}")
        return []

    def _usage_types(self, path: str) -> frozenset[str]:
        if path not in self._listed:
            content = self._content(LISTS, path)
            if content is None:
                raise self.damaged(f"lacks the usage types of {path}")
            self._listed[path] = frozenset(json.loads(content))
        return self._listed[path]

    def _content(self, path: str, usage_type: str) -> bytes | None:
        """What an entry holds, its checksum verified; None where there is none."""
        try:
            with self._lock:
                found = self._connection.execute(_LOOK_UP, (path, usage_type)).fetchone()
        except (sqlite3.Error, UnicodeError, MemoryError) as error:
            raise self.damaged(str(error)) from error
        if found is None:
            return None
        (entry,) = found
        if not isinstance(entry, bytes):
            raise self.damaged(f"{usage_type} in {path} is no entry")
        seal, content = entry[:SEAL_BYTES], entry[SEAL_BYTES:]
        if seal != _seal(self._digest, path, usage_type, content):
            raise self.damaged(f"{usage_type} in {path} does not match its checksum")
        return content

    def damaged(self, problem: str) -> PriceCacheCorrupt:
        """The error for something wrong in the index."""
        return PriceCacheCorrupt(
            f"{self.path}: {problem}. Delete this file; it is built anew from the price files."
        )


def open_or_build(folder: Path, digest: str, partitions: Partitions) -> PriceIndex | None:
    """The index of the book with this digest, built where there is none.

    None where it can neither be read nor written: a full disk or a read-only folder costs speed,
    not answers. Several processes may build at once; each moves a whole file into place.
    """
    path = index_path(folder, digest)
    with suppress(OSError):
        return PriceIndex(path, digest)
    try:
        _build(path, digest, partitions)
        return PriceIndex(path, digest)
    except (OSError, sqlite3.Error):
        return None


def _build(path: Path, digest: str, partitions: Partitions) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "rb+") as file:
            with closing(sqlite3.connect(beside)) as connection:
                connection.execute("PRAGMA journal_mode = OFF")  # nobody reads the file before it is whole
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(_TABLE)
                connection.executemany("INSERT INTO prices VALUES (?, ?, ?)", _entries(digest, partitions))
                connection.commit()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _entries(digest: str, partitions: Partitions) -> Iterator[tuple[str, str, bytes]]:
    for path, rows_by_usage_type in partitions:
        usage_types = sorted(rows_by_usage_type)
        yield _entry(digest, LISTS, path, usage_types)
        for usage_type in usage_types:
            yield _entry(digest, path, usage_type, rows_by_usage_type[usage_type])


def _entry(digest: str, path: str, usage_type: str, held: object) -> tuple[str, str, bytes]:
    content = json.dumps(held, separators=(",", ":")).encode()
    return path, usage_type, _seal(digest, path, usage_type, content) + content


def _seal(digest: str, path: str, usage_type: str, content: bytes) -> bytes:
    sealed = "\0".join((digest, path, usage_type, "")).encode() + content
    return hashlib.blake2b(sealed, digest_size=SEAL_BYTES).digest()
