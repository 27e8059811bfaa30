"""What is kept of a price list file while the rest of it streams past.

Prices stand far behind their products in a price list file, so kept products must wait for their
terms. They wait encoded, in memory while they are few and in an unnamed temporary file beyond that:
memory stays bounded even when everything in the file is wanted. Entries come many at a time, because a
call for each of a hundred thousand products is slow.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from itertools import count, repeat
from tempfile import TemporaryFile
from typing import IO
from weakref import finalize

MEMORY_BYTES = 8 * 1024 * 1024
READ_AHEAD_BYTES = 64 * 1024

PRODUCT = ""
"""Kind of the record that holds the product itself; the others are kinds of term."""

_NONE = -1

Content = bytes | memoryview
Record = tuple[str, bytes]
"""Kind and encoded content."""


class EntryStore:
    """Every SKU of a file, and the records of the kept ones."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._end = 0
        self._kinds: list[str] = [PRODUCT]
        self._numbers: dict[str, int] = {}
        self._newest = array("q")
        """Last record of each product, or none."""
        self._kinds_seen = array("Q")
        self._without_product: dict[str, int] = {}
        """SKUs that have terms and no product, with the kinds of them."""
        # Of each record: the one of its product before it, the number of its kind, its place and its length.
        self._before, self._kind_of = array("q"), array("B")
        self._starts, self._lengths = array("q"), array("L")
        self._ahead: dict[int, tuple[int, bytes]] = {}
        """Per kind of record, a place in the file and what was last read there."""

    @property
    def products(self) -> int:
        """How many products the file has."""
        return len(self._numbers)

    @property
    def kept(self) -> int:
        """How many of them are kept."""
        return len(self._newest) - self._newest.count(_NONE)

    @property
    def products_without_terms(self) -> int:
        """How many products have no term of any kind."""
        return self._kinds_seen.count(0)

    @property
    def without_product(self) -> Collection[str]:
        """SKUs that have terms and no product."""
        return self._without_product.keys()

    def __contains__(self, sku: str) -> bool:
        return sku in self._numbers

    def first_known(self, skus: Collection[str]) -> str:
        """The first of these that is a product of the store already; empty if none is."""
        if self._numbers.keys().isdisjoint(skus):
            return ""
        return next(sku for sku in skus if sku in self._numbers)

    def add_products(self, skus: Collection[str], kept: Iterable[tuple[str, Content]]) -> None:
        """Note products that are not in the store yet; keep those that have content."""
        self._numbers.update(zip(skus, count(len(self._numbers))))
        self._newest.extend(repeat(_NONE, len(skus)))
        self._kinds_seen.extend(repeat(0, len(skus)))
        self._write(0, kept)

    def kept_of(self, skus: Iterable[str]) -> list[str]:
        """Those of these whose product is there and kept."""
        numbers, newest = self._numbers, self._newest
        return [sku for sku in skus if sku in numbers and newest[numbers[sku]] != _NONE]

    def note_terms(self, skus: Iterable[str], kind: str) -> str:
        """Note that SKUs have terms of this kind; the first of which that was known already, empty if none was."""
        bit = 1 << self._number_of(kind)
        numbers, seen, without = self._numbers, self._kinds_seen, self._without_product
        known = ""
        for sku in skus:
            number = numbers.get(sku)
            if number is not None:
                if seen[number] & bit:
                    known = known or sku
                seen[number] |= bit
            else:
                kinds = without.get(sku, 0)
                if kinds & bit:
                    known = known or sku
                without[sku] = kinds | bit
        return known

    def add_terms(self, kind: str, terms: Iterable[tuple[str, Content]]) -> None:
        """Keep terms of kept products."""
        self._write(self._number_of(kind), terms)

    def __iter__(self) -> Iterator[list[Record]]:
        """Records of each kept product in the order of the file, the product itself first."""
        for newest in self._newest:
            if newest != _NONE:
                yield self._records(newest)

    def _number_of(self, kind: str) -> int:
        if kind not in self._kinds:
            self._kinds.append(kind)
        return self._kinds.index(kind)

    def _write(self, kind: int, entries: Iterable[tuple[str, Content]]) -> None:
        contents = []
        for sku, content in entries:
            number = self._numbers[sku]
            self._before.append(self._newest[number])
            self._newest[number] = len(self._starts)
            self._kind_of.append(kind)
            self._starts.append(self._end)
            self._lengths.append(len(content))
            self._end += len(content)
            contents.append(content)
        if not contents:
            return
        (self._memory.extend if self._file is None else self._file.write)(b"".join(contents))
        if self._file is None and self._end > MEMORY_BYTES:
            self._move_to_disk()

    def _move_to_disk(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed with the store
        finalize(self, self._file.close)
        self._file.write(self._memory)
        self._memory.clear()

    def _records(self, newest: int) -> list[Record]:
        records = []
        while newest != _NONE:
            start, length = self._starts[newest], self._lengths[newest]
            kind = self._kind_of[newest]
            records.append((self._kinds[kind], self._read(kind, start, length)))
            newest = self._before[newest]
        return records[::-1]

    def _read(self, kind: int, start: int, length: int) -> bytes:
        """One record. Those of a kind mostly come in the order in which they were written."""
        if self._file is None:
            return bytes(self._memory[start : start + length])
        at, ahead = self._ahead.get(kind, (0, b""))
        if not at <= start <= start + length <= at + len(ahead):
            self._file.seek(start)
            at, ahead = start, self._file.read(max(length, READ_AHEAD_BYTES))
            self._ahead[kind] = at, ahead
        return ahead[start - at : start - at + length]
