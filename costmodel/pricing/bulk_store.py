"""What is kept of a price list file while the rest of it streams past.

Prices stand far behind their products in a price list file, so kept products must wait for their
terms. They wait encoded, in memory while they are few and in an unnamed temporary file beyond that:
memory stays bounded even when everything in the file is wanted.
"""

from __future__ import annotations

import struct
import weakref
from array import array
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

MEMORY_BYTES = 8 * 1024 * 1024

PRODUCT = ""
"""Kind of the record that holds the product itself; the others are kinds of term."""

_NOT_KEPT = -1
_HEAD = struct.Struct("<qqq")
"""Place of the record before it, number of its kind, length."""

Record = tuple[str, bytes]
"""Kind and encoded content."""


class EntryStore:
    """Every SKU of a file, and the records of the kept ones."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - closed with the store
        weakref.finalize(self, self._file.close)
        self._end = 0
        self._kinds: list[str] = [PRODUCT]
        self._numbers: dict[str, int] = {}
        self._newest = array("q")
        self._kinds_seen = array("Q")
        self._without_product: set[str] = set()

    def __contains__(self, sku: str) -> bool:
        return sku in self._numbers

    @property
    def products(self) -> int:
        """How many products the file has."""
        return len(self._numbers)

    @property
    def kept(self) -> int:
        """How many of them are kept."""
        return len(self._newest) - self._newest.count(_NOT_KEPT)

    @property
    def products_without_terms(self) -> int:
        """How many products have no term of any kind."""
        return self._kinds_seen.count(0)

    @property
    def terms_without_product(self) -> int:
        """How many SKUs have terms and no product."""
        return len(self._without_product)

    def add_product(self, sku: str, content: bytes | memoryview | None) -> None:
        """Note a product that is not in the store yet; keep it when there is content."""
        self._numbers[sku] = len(self._newest)
        self._newest.append(_NOT_KEPT)
        self._kinds_seen.append(0)
        if content is not None:
            self._write(self._numbers[sku], 0, content)

    def keeps(self, sku: str) -> bool:
        """Whether the product of this SKU is there and kept."""
        number = self._numbers.get(sku)
        return number is not None and self._newest[number] != _NOT_KEPT

    def note_terms(self, sku: str, kind: str) -> bool:
        """Note that a SKU has terms of this kind; False when that was known already."""
        number = self._numbers.get(sku)
        if number is None:
            known = sku in self._without_product
            self._without_product.add(sku)
            return not known
        bit = 1 << self._number_of(kind)
        known = bool(self._kinds_seen[number] & bit)
        self._kinds_seen[number] |= bit
        return not known

    def add_terms(self, sku: str, kind: str, content: bytes | memoryview) -> None:
        """Keep terms of a kept product."""
        self._write(self._numbers[sku], self._number_of(kind), content)

    def __iter__(self) -> Iterator[list[Record]]:
        """Records of each kept product in the order of the file, the product itself first."""
        for newest in self._newest:
            if newest != _NOT_KEPT:
                yield self._records(newest)

    def _number_of(self, kind: str) -> int:
        if kind not in self._kinds:
            self._kinds.append(kind)
        return self._kinds.index(kind)

    def _write(self, number: int, kind: int, content: bytes | memoryview) -> None:
        head = _HEAD.pack(self._newest[number], kind, len(content))
        self._file.write(head)
        self._file.write(content)
        self._newest[number] = self._end
        self._end += len(head) + len(content)

    def _records(self, newest: int) -> list[Record]:
        records = []
        while newest != _NOT_KEPT:
            self._file.seek(newest)
            newest, kind, length = _HEAD.unpack(self._file.read(_HEAD.size))
            records.append((self._kinds[kind], self._file.read(length)))
        return records[::-1]
