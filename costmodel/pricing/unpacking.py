"""Unpacking gzip: every member of it, to its end, a small piece at a time, and never without a bound.

Source: RFC 1952, sections 2.2 and 2.3: a gzip stream is one member or several, each with a checksum and a
length at its end. RFC 9110, section 8.4.1.3: so is a body whose content coding is gzip.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC = b"\x1f\x8b"
PIECE_BYTES = 64 * 1024
"""The most that is unpacked at once: gzip can hold a thousand times its size."""
LARGEST_FILE_BYTES = 2 * 1024**3
"""No price list file is longer, unpacked; what goes on is not one.

Source: engineering choice. The largest file that a refresh asks for, EC2 in one large region, has about
450 MB (AWS price list, 2026-07).
"""


def unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a gzip stream that comes in chunks, piece by piece.

    Raises zlib.error for damaged content, for a stream that ends early, and for anything behind its end
    that is not one more member.
    """
    member = _member()
    for chunk in chunks:
        rest = chunk
        while rest:
            if member.eof:
                member = _member()
            yield member.decompress(rest, PIECE_BYTES)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    while not member.eof:
        piece = member.decompress(b"", PIECE_BYTES)
        if not piece:
            raise zlib.error("it ends early")
        yield piece


def _member() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


class UnpackedFile(RawIOBase):
    """The content of a gzip file on disk. Reading raises OSError where it goes on beyond a bound."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._file = gzip.open(path)  # noqa: SIM115 - closed with this one
        self._left_bytes = self._most_bytes = most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._file.readinto(buffer)
        self._left_bytes -= count
        if self._left_bytes < 0:
            raise OSError(f"it unpacks to more than {self._most_bytes:,} bytes, which no price list has")
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def open_unpacked(path: Path) -> BufferedReader:
    """The content of a gzip file on disk, of LARGEST_FILE_BYTES at most."""
    return BufferedReader(UnpackedFile(path, LARGEST_FILE_BYTES), PIECE_BYTES)
