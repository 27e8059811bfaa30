"""A price list file in JSON, read in one pass through a small window.

AWS writes these files indented, one product or one product's terms after another. So a window can be
cut behind the last entry that ends in it, at the line break and indentation that end an entry, and
typed decoding reads all entries of the window at once. A cut at a wrong place would leave unbalanced
braces, which decoding refuses; a file that is laid out differently is then read entry by entry, about
as fast as `json.load` and in as little memory.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

import msgspec

from costmodel.errors import PriceFileCorrupt
from costmodel.pricing.bulk_store import EntryStore
from costmodel.pricing.offer import FLAT_RATE, Plans, Product, Term

WINDOW_BYTES = 128 * 1024
"""Engineering choice: between 32 and 256 kB the size hardly matters."""
LARGEST_VALUE_BYTES = 8 * 1024 * 1024
"""A single product or block of terms is a few kilobytes; beyond this the file is not a price list."""

T = TypeVar("T")
Entries = dict[str, msgspec.Raw]
"""SKU -> its product or its terms, checked to be JSON and not yet decoded."""

_SPACE = re.compile(rb"[ \t\r\n]*")
_LAYOUT = re.compile(rb'[ \t\r\n]*\{(\r?\n)([ \t]+)"[^"\\]*"([ \t]*:[ \t]*)')
_VALUE = json.JSONDecoder()
_PRODUCT = msgspec.json.Decoder(Product)
_ENTRIES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PLANS = msgspec.json.Decoder(Plans)
_TEXT = msgspec.json.Decoder(str)
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)


class _LaidOutDifferently(Exception):
    """The file is not indented as AWS indents, or is faulty: reading it entry by entry will tell."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file is indented."""

    line_break: bytes
    step: bytes
    colon: bytes
    """With the spaces around it."""

    def end_of_entry(self, depth: int) -> bytes:
        """What ends an entry of an object that is so many objects deep in the file."""
        return self.line_break + self.step * (depth + 1) + b"}"

    def length(self, entries: Entries, depth: int, *, first: bool) -> int:
        """How long these entries are in the file; a SKU that stands there twice would make it longer."""
        line = len(self.line_break) + len(self.step) * (depth + 1)
        around = line + len(b'"",') + len(self.colon)
        inside = sum(map(len, entries)) + sum([len(memoryview(content)) for content in entries.values()])
        return inside + around * len(entries) - len(b",") - (line if first else 0)


def _layout(window: Window) -> _Layout:
    window.peek()
    found = _LAYOUT.match(window.data, window.at, window.end)
    if found is None:
        raise _LaidOutDifferently
    return _Layout(*found.groups())


@dataclass(slots=True)
class JsonOffer:
    """What one pass over a JSON file found."""

    store: EntryStore = field(default_factory=EntryStore)
    head: dict[str, str] = field(default_factory=dict)
    """Texts at the top of the file: `formatVersion`, `offerCode`, `version`, ..."""


def read_json(
    open_file: Callable[[], BufferedReader],
    path: Path,
    wanted: Callable[[Product], bool],
    kinds: Collection[str],
    window_bytes: int = WINDOW_BYTES,
) -> JsonOffer:
    """Read a whole file, keeping wanted products and their terms of these kinds.

    Raises PriceFileCorrupt for a file that is cut short, malformed, without products or terms, with
    a SKU listed twice, or with terms before products (AWS writes products first).
    """
    with open_file() as stream:
        try:
            return _Reading(Window(path, stream, window_bytes), wanted, kinds, by_indentation=True).run()
        except (_LaidOutDifferently, PriceFileCorrupt):
            pass
    with open_file() as stream:
        return _Reading(Window(path, stream, window_bytes), wanted, kinds, by_indentation=False).run()


class Window:
    """The part of the file in memory: `data[at:end]` is read and not yet used.

    Before it there is always a byte to write on. The next part is read into another buffer, so that what was
    decoded from this one stays as it is until the one after.
    """

    def __init__(self, path: Path, stream: BufferedReader, size_bytes: int) -> None:
        self.path, self.stream, self.size_bytes = path, stream, size_bytes
        self.data, self._other = bytearray(1 + size_bytes), bytearray(1 + 2 * size_bytes)
        self.at = self.end = 1
        self._before = -1
        self._text: str | None = None

    @property
    def place(self) -> int:
        """How many bytes of the file are used."""
        return self._before + self.at

    def grow(self) -> bool:
        """Drop what is used and read on; False at the end of the file."""
        rest = self.end - self.at
        if rest > LARGEST_VALUE_BYTES:
            raise self.fault(f"something longer than {LARGEST_VALUE_BYTES} bytes starts here")
        needed = 1 + rest + max(self.size_bytes, rest)
        data = self._other if len(self._other) >= needed else bytearray(needed)
        data[1 : 1 + rest] = memoryview(self.data)[self.at : self.end]
        more = self.stream.readinto(memoryview(data)[1 + rest : needed])
        self._before += self.at - 1
        self.data, self._other, self._text = data, self.data, None
        self.at, self.end = 1, 1 + rest + more
        return more > 0

    def peek(self) -> bytes:
        """The next byte that is not a space; empty at the end of the file."""
        while True:
            self.at = _SPACE.match(self.data, self.at, self.end).end()  # type: ignore[union-attr]
            if self.at < self.end or not self.grow():
                return bytes(self.data[self.at : min(self.at + 1, self.end)])

    def take(self, mark: bytes) -> None:
        """Step over this byte. Raises PriceFileCorrupt if another one, or none, comes next."""
        found = self.peek()
        if found != mark:
            raise self.fault(f"{mark.decode()!r} expected" if found else "the file ends here, cut short")
        self.at += 1

    def value(self) -> bytes:
        """The text of the next JSON value."""
        self.peek()
        while True:
            if self._text is None:
                # One character per byte, so the end found in the text is the end in the data.
                self._text = str(memoryview(self.data)[: self.end], "latin-1")
            try:
                _, end = _VALUE.raw_decode(self._text, self.at)
            except json.JSONDecodeError as error:
                if not _may_be_cut(error) or not self.grow():
                    raise self.fault("a value starts here that is cut short or malformed") from error
                continue
            except (ValueError, RecursionError) as error:
                raise self.fault(f"a value starts here that cannot be read ({error})") from error
            if end == self.end and self.grow():
                continue
            found, self.at = bytes(self.data[self.at : end]), end
            return found

    def members(self) -> Iterator[str]:
        """Keys of the object that starts here; take the value of each before asking for the next."""
        self.take(b"{")
        following = self.peek() != b"}"
        while following:
            name = _decoded(_TEXT, self.value(), self)
            self.take(b":")
            yield name
            following = self.peek() == b","
            if following:
                self.take(b",")
        self.take(b"}")

    def members_once(self, seen: set[str]) -> Iterator[str]:
        """Keys of an object with few of them, noted in `seen`. Raises PriceFileCorrupt for one that comes again."""
        for name in self.members():
            if name in seen:
                raise self.fault(f"{name!r} is listed twice")
            seen.add(name)
            yield name

    def fault(self, problem: str) -> PriceFileCorrupt:
        return PriceFileCorrupt(self.path, f"byte {self.place}", problem)


def _may_be_cut(error: json.JSONDecodeError) -> bool:
    """Whether more text may heal it: an open string, or a fault so near the end that a token may be cut there."""
    longest_token = len("-Infinity")
    return error.msg.startswith("Unterminated") or error.pos + longest_token >= len(error.doc)


def _decoded(
    decoder: msgspec.json.Decoder[T], content: bytes | msgspec.Raw, window: Window, what: str = ""
) -> T:
    try:
        return decoder.decode(content)
    except (ValueError, RecursionError) as error:
        raise window.fault(f"{what}{error}") from error


class _Reading:
    """One pass over one file."""

    def __init__(
        self,
        window: Window,
        wanted: Callable[[Product], bool],
        kinds: Collection[str],
        *,
        by_indentation: bool,
    ) -> None:
        self.window, self.wanted, self.kinds = window, wanted, kinds
        self.layout = _layout(window) if by_indentation else None
        self.offer = JsonOffer()

    def run(self) -> JsonOffer:
        window = self.window
        seen: set[str] = set()
        for name in window.members_once(seen):
            if name == "products":
                self._read_products()
            elif name == "terms":
                if "products" not in seen:
                    raise window.fault("terms stand before products; AWS writes products first")
                self._read_terms()
            else:
                self._read_field(name)
        if window.peek():
            raise window.fault("the file goes on behind its end")
        for name in ("products", "terms"):
            if name not in seen:
                raise window.fault(f"no {name} in the file")
        return self.offer

    def _read_field(self, name: str) -> None:
        content = self.window.value()
        if content.startswith(b'"'):
            self.offer.head[name] = _decoded(_TEXT, content, self.window)
        else:
            _decoded(_ANYTHING, content, self.window, f"{name}: ")

    def _read_products(self) -> None:
        store, wanted, decode = self.offer.store, self.wanted, _PRODUCT.decode
        for entries in self._entries(depth=1):
            if again := store.first_known(entries):
                raise self.window.fault(f"product {again} is listed twice")
            kept = []
            for sku, content in entries.items():
                try:
                    product = decode(content)
                except (ValueError, RecursionError) as error:
                    raise self.window.fault(f"product {sku}: {error}") from error
                if product.sku != sku:
                    raise self.window.fault(f"product {sku} calls itself {product.sku}")
                if wanted(product):
                    kept.append((sku, memoryview(content)))
            store.add_products(entries, kept)

    def _read_terms(self) -> None:
        for kind in self.window.members_once(set()):
            if kind == FLAT_RATE:
                self._read_plans()
            else:
                self._read_terms_of(kind)

    def _read_terms_of(self, kind: str) -> None:
        store = self.offer.store
        keep = kind in self.kinds
        for entries in self._entries(depth=2):
            if again := store.note_terms(entries, kind):
                raise self.window.fault(f"{kind} terms of {again} are listed twice")
            if keep:
                store.add_terms(kind, ((sku, memoryview(entries[sku])) for sku in store.kept_of(entries)))

    def _read_plans(self) -> None:
        """Flat-rate plans stand in a list; each becomes a term of its SKU, with the plan's codes as attributes."""
        store = self.offer.store
        by_sku: dict[str, dict[str, Term]] = defaultdict(dict)
        for plan in _decoded(_PLANS, self.window.value(), self.window, f"{FLAT_RATE}: ").plans:
            key = f"{plan.sku}.{plan.plan_code}"
            if key in by_sku[plan.sku]:
                raise self.window.fault(f"{FLAT_RATE} plan {key} is listed twice")
            by_sku[plan.sku][key] = plan.as_term()
        store.note_terms(by_sku, FLAT_RATE)
        if FLAT_RATE in self.kinds:
            kept = store.kept_of(by_sku)
            store.add_terms(FLAT_RATE, ((sku, msgspec.json.encode(by_sku[sku])) for sku in kept))

    def _entries(self, depth: int) -> Iterator[Entries]:
        """Entries of the object that starts here, one or more at a time."""
        if self.layout is None:
            return self._one_by_one()
        return self._by_windows(self.layout, depth)

    def _one_by_one(self) -> Iterator[Entries]:
        for sku in self.window.members():
            yield {sku: _decoded(_ANYTHING, self.window.value(), self.window, f"{sku}: ")}

    def _by_windows(self, layout: _Layout, depth: int) -> Iterator[Entries]:
        end = layout.end_of_entry(depth)
        end_of_all = end + layout.end_of_entry(depth - 1)
        window = self.window
        window.take(b"{")
        if window.peek() == b"}":
            window.take(b"}")
            return
        first = True
        while True:
            entries, cut = self._until(window.data.rfind(end + b",", window.at, window.end), end)
            last = entries is None
            if entries is None:
                entries, cut = self._until(window.data.find(end_of_all, window.at, window.end), end)
            if entries is None:
                if not window.grow():
                    raise _LaidOutDifferently
                continue
            if layout.length(entries, depth, first=first) != cut - window.at:
                raise _LaidOutDifferently
            yield entries
            first = False
            window.at = cut
            window.take(b"}" if last else b",")
            if last:
                return

    def _until(self, start_of_end: int, end: bytes) -> tuple[Entries | None, int]:
        """Entries up to this end of one, and the place behind it; None if the end is not one of theirs.

        They are decoded where they are, between braces that stand there for so long.
        """
        if start_of_end < 0:
            return None, 0
        data, first, cut = self.window.data, self.window.at - 1, start_of_end + len(end)
        around = data[first], data[cut]
        data[first], data[cut] = b"{}"
        try:
            return _ENTRIES.decode(memoryview(data)[first : cut + 1]), cut
        except (ValueError, RecursionError):
            return None, 0
        finally:
            data[first], data[cut] = around
