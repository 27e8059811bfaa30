"""The price files on disk: their layout, and reading and writing them with their checksums.

    manifest.json                          dates, and per file its rows and SHA-256
    <service>/<region>.csv                 on-demand prices and flat-rate plans
    <service>/<region>.reserved.csv        reserved terms, read only when asked for
    <service>/<region>.savings.csv         Savings Plans rates, likewise
    <service>/<region>.spot.csv            spot price history, likewise
    <service>/<region>.free.csv            free allowances that AWS's own list stated, likewise
    free_tier.csv                          always-free allowances
    plan_allowances.csv, spot_savings.csv, savings_plans.csv

A `:` in a region id (`edge:europe`) is written `-` in a file name.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from costmodel.errors import MalformedListing, PriceCacheCorrupt
from costmodel.pricing.price import Price, PriceTier

FORMAT_VERSION = 2
MANIFEST = "manifest.json"
FREE_TIER = "free_tier.csv"
PLAN_ALLOWANCES = "plan_allowances.csv"
SPOT_SAVINGS = "spot_savings.csv"
SAVINGS_PLANS = "savings_plans.csv"
WITHOUT_END = "Inf"
CURRENCY = "USD"
SNAPSHOT = "snapshot"
"""Origin of a file that came with the package."""

PRICES = "prices"
RESERVED = "reserved"
SAVINGS = "savings"
SPOT = "spot"
PRICE_KINDS = (PRICES, RESERVED, SAVINGS, SPOT)
"""Kinds of file whose rows are prices."""
FREE = "free"
"""Kind of the files of what AWS stated to be free (`stated_free`)."""
ALLOWANCES = "allowances"
DISCOUNTS = "discounts"

PRICE_COLUMNS = (
    "usage_type",
    "attributes",
    "term",
    "description",
    "unit",
    "tier_start",
    "tier_end",
    "price_usd",
    "sku",
    "rate_code",
    "source",
    "as_of",
)
ALLOWANCE_COLUMNS = (
    "id",
    "service_code",
    "usage_types",
    "unit",
    "quantity",
    "per_region",
    "source",
    "as_of",
    "note",
)
STATED_FREE_COLUMNS = ("allowance", "usage_type", "form", "quantity", "source", "as_of")
PLAN_ALLOWANCE_COLUMNS = ("plan", "allowance", "unit", "quantity", "source", "as_of")
SPOT_SAVING_COLUMNS = (
    "region_id",
    "instance_type",
    "savings_percent",
    "interruption_frequency",
    "source",
    "as_of",
)
SAVINGS_PLAN_COLUMNS = ("plan", "applies_to", "term", "discount_percent", "source", "as_of")

WHAT_NEXT = "Reinstall costmodel if this is its snapshot; if it is a refreshed book, delete the folder and refresh again."

Row = tuple[str, ...]

MOST_DIGITS = 28
"""Digits of a number, before and behind its point together. Source: engineering choice; AWS states ten decimals, and
Python's decimal arithmetic rounds what has more than 28 digits.
"""

_PLAIN_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class PriceFile:
    """One file of the snapshot, as the manifest lists it."""

    path: str
    """Relative to the price folder, with `/`."""
    kind: str
    """`prices`, `reserved`, `savings`, `spot`, `free`, `allowances` or `discounts`."""
    service_code: str
    """Empty for a file that spans services."""
    region_id: str
    """Empty for a file that spans regions."""
    rows: int
    sha256: str
    oldest_as_of: str
    newest_as_of: str
    origin: str
    """`snapshot`, or how AWS was asked: `api`, `bulk`, `list`."""
    retrieved_at: str
    """When AWS was asked, ISO 8601 in UTC; empty for the snapshot."""
    edition: str
    """Version of AWS's price list, a UTC time in 14 digits; empty for the snapshot."""

    def confirmed_on(self, source: str, as_of: str) -> str:
        """The last day on which a row of this file was known to be AWS's, from where it comes and its date.

        A row that AWS's list did not tell was left as it was: it is of no edition, or of an older one.
        """
        edition = source.rpartition(" ")[2]
        left = bool(self.edition) and not (edition.isdigit() and edition >= self.edition)
        return as_of if left else max(as_of, self.retrieved_at[:10])


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a price folder before it is written."""

    path: str
    kind: str
    columns: Sequence[str]
    rows: Sequence[Row]
    service_code: str = ""
    region_id: str = ""
    origin: str = SNAPSHOT
    retrieved_at: str = ""
    edition: str = ""

    def content(self) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue().encode()

    def entry(self) -> PriceFile:
        """What the manifest says of this file."""
        date_column = self.columns.index("as_of")
        dates = [row[date_column] for row in self.rows]
        return PriceFile(
            path=self.path,
            kind=self.kind,
            service_code=self.service_code,
            region_id=self.region_id,
            rows=len(self.rows),
            sha256=hashlib.sha256(self.content()).hexdigest(),
            oldest_as_of=min(dates, default=""),
            newest_as_of=max(dates, default=""),
            origin=self.origin,
            retrieved_at=self.retrieved_at,
            edition=self.edition,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the price folder holds."""

    book_date: str
    """The day these prices were put together: YYYY-MM-DD. Of the snapshot, the newest date on any row."""
    regions: tuple[str, ...]
    """Region codes every regional service is priced in."""
    note: str
    files: tuple[PriceFile, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over path and checksum of every file, and so over every price."""
        listed = "".join(f"{file.sha256} {file.path}\n" for file in sorted(self.files, key=lambda f: f.path))
        return hashlib.sha256(listed.encode()).hexdigest()

    @property
    def confirmed_on(self) -> str:
        """The last day on which any of these prices was known to be AWS's: YYYY-MM-DD."""
        return max([self.book_date, *(file.retrieved_at[:10] for file in self.files)])

    def content(self) -> bytes:
        """The manifest as it is written."""
        return sealed(
            {
                "format_version": FORMAT_VERSION,
                "book_date": self.book_date,
                "currency": CURRENCY,
                "regions": self.regions,
                "note": self.note,
                "files": [asdict(file) for file in self.files],
            }
        )


def sealed(document: dict[str, Any]) -> bytes:
    """A document as JSON that ends in the checksum of everything before it."""
    body = json.dumps(document, indent=1).removesuffix("\n}").encode()
    return body + _seal(body)


def _seal(body: bytes) -> bytes:
    return f',\n "checksum": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


_SEAL_BYTES = len(_seal(b""))


def partition_kind(term: str) -> str:
    """The kind of file that prices of a term are kept in."""
    starts = {"Reserved": RESERVED, "SavingsPlan": SAVINGS, "Spot": SPOT}
    return next((kind for start, kind in starts.items() if term.startswith(start)), PRICES)


def partition_path(service_code: str, region_id: str, kind: str = PRICES) -> str:
    """Where the prices of one service in one region are, relative to the price folder."""
    suffix = ".csv" if kind == PRICES else f".{kind}.csv"
    return f"{service_code}/{region_id.replace(':', '-')}{suffix}"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a price folder. Raises PriceCacheCorrupt if it is missing or unusable."""
    path = folder / MANIFEST
    content = _read_bytes(path)
    try:
        document = json.loads(content)
        version = document["format_version"]
        if version != FORMAT_VERSION:
            raise PriceCacheCorrupt(
                f"{path}: format version {version}, this costmodel reads version {FORMAT_VERSION}. {WHAT_NEXT}"
            )
        if content[-_SEAL_BYTES:] != _seal(content[:-_SEAL_BYTES]):
            raise PriceCacheCorrupt(f"{path}: changed or cut short since it was written. {WHAT_NEXT}")
        if document["currency"] != CURRENCY:
            raise PriceCacheCorrupt(
                f"{path}: prices in {document['currency']}, not in {CURRENCY}. {WHAT_NEXT}"
            )
        return Manifest(
            book_date=str(document["book_date"]),
            regions=tuple(str(region) for region in document["regions"]),
            note=str(document["note"]),
            files=tuple(_price_file(entry) for entry in document["files"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PriceCacheCorrupt(f"{path}: not a price manifest ({error}). {WHAT_NEXT}") from error


def read_verified(folder: Path, file: PriceFile) -> bytes:
    """The content of one file. Raises PriceCacheCorrupt if it is missing or differs from its checksum."""
    path = folder / file.path
    content = _read_bytes(path)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise PriceCacheCorrupt(f"{path}: changed or cut short since the manifest was written. {WHAT_NEXT}")
    return content


def read_rows(folder: Path, file: PriceFile, columns: Sequence[str]) -> list[Row]:
    """Read the rows of one file, header left out, every row as long as `columns`.

    Raises PriceCacheCorrupt if the file is missing, differs from its checksum, or has other columns.
    """
    path = folder / file.path
    content = read_verified(folder, file)
    rows = [tuple(row) for row in csv.reader(io.StringIO(content.decode(), newline=""))]
    if rows[:1] != [tuple(columns)] or any(len(row) != len(columns) for row in rows):
        raise PriceCacheCorrupt(f"{path}: columns are not {', '.join(columns)}. {WHAT_NEXT}")
    return rows[1:]


def write_folder(folder: Path, parts: Iterable[Part], manifest: Manifest) -> None:
    """Write the files and their manifest into a folder, which must not exist yet. Raises OSError."""
    for part in parts:
        path = folder / part.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part.content())
    (folder / MANIFEST).write_bytes(manifest.content())


def ladder(steps: Sequence[tuple[str, str, str, str]]) -> tuple[PriceTier, ...]:
    """Tiers from (start, end, price, rate code) texts in ascending order.

    Raises ValueError for a number that is not a plain decimal, a negative price, a first tier
    that does not start at 0, a gap, an overlap, or a last tier with an end.
    """
    tiers: list[PriceTier] = []
    expected: Decimal | None = Decimal(0)
    for start_text, end_text, price_text, rate_code in steps:
        start = decimal(start_text)
        end = None if end_text == WITHOUT_END else decimal(end_text)
        if start != expected:
            after = "no end" if expected is None else f"{expected}"
            raise ValueError(f"a tier starts at {start}; the tiers before it reach {after}")
        if end is not None and end <= start:
            raise ValueError(f"a tier ends at {end}, not after its start {start}")
        tiers.append(PriceTier(start, end, decimal(price_text), rate_code))
        expected = end
    if expected is not None:
        raise ValueError(f"no price beyond {expected}; the last tier must end at {WITHOUT_END}")
    return tuple(tiers)


def price_rows(price: Price) -> list[Row]:
    """A price as rows of a price file, one per tier. Raises MalformedListing for a text that cannot be printed."""
    _refuse_unprintable(price)
    query = price.query
    attributes = ";".join(f"{name}={value}" for name, value in query.attributes)
    return [
        (
            query.usage_type,
            attributes,
            query.term,
            price.description,
            price.pricing_unit,
            f"{tier.begin:f}",
            WITHOUT_END if tier.end is None else f"{tier.end:f}",
            f"{tier.list_unit_price:f}",
            price.sku_id,
            tier.rate_code,
            price.source,
            price.as_of,
        )
        for tier in price.tiers
    ]


def _refuse_unprintable(price: Price) -> None:
    """Raises MalformedListing for a code or name that nobody could look up, or that would write to a terminal at will."""
    query = price.query
    texts = {
        "usage type": query.usage_type,
        "attributes": " ".join(f"{name}={value}" for name, value in query.attributes),
        "term": query.term,
        "description": price.description,
        "SKU": price.sku_id,
        "rate code": " ".join(tier.rate_code for tier in price.tiers),
    }
    for name, text in texts.items():
        if not text.isprintable():
            subject = ascii(str(query))[1:-1]
            raise MalformedListing(subject, f"its {name} {text!a} holds a character that cannot be printed")


def decimal(text: str) -> Decimal:
    """A plain decimal of at least 0. Raises ValueError for anything else: `1e-7`, `NaN`, `-1`, ``, 29 digits."""
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal number")
    if text.startswith("-"):
        raise ValueError(f"{text} is negative")
    digits = len(text) - text.count(".")
    if digits > MOST_DIGITS:
        raise ValueError(
            f"{text[: MOST_DIGITS + 2]}... has {digits} digits, a number here at most {MOST_DIGITS}"
        )
    return Decimal(text)


def _price_file(entry: dict[str, Any]) -> PriceFile:
    file = PriceFile(**entry)
    for name, value in entry.items():
        expected = int if name == "rows" else str
        if not isinstance(value, expected):
            raise TypeError(f"{name} of {file.path!r} is {value!r}")
    return file


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PriceCacheCorrupt(f"{path}: {error.strerror or error}. {WHAT_NEXT}") from error
