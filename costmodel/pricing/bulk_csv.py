"""A price list file in CSV: five rows of metadata, the column names, then one row for each rate.

Source: AWS Billing User Guide, "Reading the service price list file for an AWS service" (CSV file);
column names of the AmazonEC2 (2025-09-12), comprehend (2026-01-16) and AmazonRDS (2026-04-28) files.

The CSV says less than the JSON: it does not tell an absent attribute from an empty one, dates have no
time, and the SKUs that a free allowance applies to are missing. A file cut exactly behind a row looks
whole, so `download` refuses a file of which nothing tells where it ends.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import UNSET

from costmodel.errors import PriceFileCorrupt
from costmodel.pricing.bulk_store import EntryStore
from costmodel.pricing.offer import Dimension, Product, Term

METADATA = {
    "FormatVersion": "formatVersion",
    "Disclaimer": "disclaimer",
    "Publication Date": "publicationDate",
    "Version": "version",
    "OfferCode": "offerCode",
}
"""First column of the rows before the column names -> name of the same field in the JSON."""

NEEDED_COLUMNS = (
    "SKU",
    "OfferTermCode",
    "RateCode",
    "TermType",
    "PriceDescription",
    "EffectiveDate",
    "StartingRange",
    "EndingRange",
    "Unit",
    "PricePerUnit",
    "Currency",
)
TERM_ATTRIBUTES = ("LeaseContractLength", "OfferingClass", "PurchaseOption")
PRODUCT_FAMILY = "Product Family"
_NOT_OF_THE_PRODUCT = {*NEEDED_COLUMNS, *TERM_ATTRIBUTES, PRODUCT_FAMILY, "RelatedTo"}

LONGEST_LINE_BYTES = 1024 * 1024
"""A row is about a kilobyte; beyond this the file is no price list."""

Row = list[str]


def lines_of(stream: BinaryIO) -> Iterator[str]:
    """Lines with their ends. Raises csv.Error for one that is too long, and behind one without its end."""
    line = b"\n"
    while more := stream.readline(LONGEST_LINE_BYTES):
        if len(more) == LONGEST_LINE_BYTES:
            raise csv.Error(f"a line is longer than {LONGEST_LINE_BYTES:,} bytes")
        line = more
        yield line.decode()
    if not line.endswith(b"\n"):
        raise csv.Error("the last row is cut short")


def metadata_of(rows: Iterator[Row]) -> dict[str, str]:
    """The rows before the column names, by their names in the JSON. Raises csv.Error."""
    expected = f"{', '.join(METADATA)} expected in the first {len(METADATA)} rows"
    found: dict[str, str] = {}
    for row in islice(rows, len(METADATA)):
        if len(row) != 2 or row[0] not in METADATA or METADATA[row[0]] in found:
            raise csv.Error(expected)
        found[METADATA[row[0]]] = row[1]
    return found


def attribute_name(column: str) -> str:
    """The JSON name of an attribute from its column: `Pre Installed S/W` is `preInstalledSw`.

    A single word is lower case in the JSON, however it is written here: `usageType` is `usagetype`.
    """
    first, *others = re.sub(r"[^A-Za-z0-9 ]", "", column).split()
    return first.lower() + "".join(word.capitalize() for word in others)


def read_csv(
    stream: BinaryIO,
    path: Path,
    wanted: Callable[[Product], bool],
    kinds: Collection[str],
) -> tuple[EntryStore, dict[str, str]]:
    """Read a whole file; the store of wanted products with their terms of these kinds, and the metadata.

    Raises PriceFileCorrupt for a file that is cut short within a row, malformed, without a column that
    prices need, with a rate listed twice, or with two descriptions of one SKU.
    """
    reading = _Reading(path, wanted, kinds)
    rows = csv.reader(lines_of(stream), strict=True)
    try:
        reading.run(rows)
    except (csv.Error, UnicodeDecodeError) as error:
        raise reading.fault(rows.line_num, str(error)) from error
    return reading.store, reading.head


class _Reading:
    """One pass over one file."""

    def __init__(self, path: Path, wanted: Callable[[Product], bool], kinds: Collection[str]) -> None:
        self.path, self.wanted, self.kinds = path, wanted, kinds
        self.store = EntryStore()
        self.head: dict[str, str] = {}
        self._columns: Mapping[str, int] = {}
        self._product_columns: Sequence[tuple[str, int]] = ()
        self._descriptions: dict[str, int] = {}
        """Kept SKU -> hash of its product's columns."""
        self._rates: set[tuple[str, str, str]] = set()
        """Kind, rate code and currency of every kept rate."""

    def run(self, rows: Iterator[Row]) -> None:
        self.head = metadata_of(rows)
        self._name_columns(next(rows, []))
        width = len(self._columns)
        sku_at, kind_at = self._columns["SKU"], self._columns["TermType"]
        for number, row in enumerate(rows, len(METADATA) + 2):
            if len(row) != width:
                raise self.fault(number, f"{len(row)} columns, the header has {width}")
            sku, kind = row[sku_at], row[kind_at]
            if sku not in self.store:
                self._add_product(sku, row)
            self.store.note_terms((sku,), kind)
            if sku in self._descriptions:
                self._check_product(number, sku, row)
                if kind in self.kinds:
                    self._add_rate(number, sku, kind, row)

    def fault(self, row_number: int, problem: str) -> PriceFileCorrupt:
        return PriceFileCorrupt(self.path, f"row {row_number}", problem)

    def _name_columns(self, header: Row) -> None:
        number = len(METADATA) + 1
        self._columns = {name: at for at, name in enumerate(header)}
        missing = [name for name in NEEDED_COLUMNS if name not in self._columns]
        if missing:
            raise self.fault(number, f"no column {', '.join(missing)}")
        if len(self._columns) != len(header):
            raise self.fault(number, "a column is named twice")
        if not all(re.search("[A-Za-z0-9]", name) for name in header):
            raise self.fault(number, "a column has no name")
        self._product_columns = [
            (attribute_name(name), at)
            for name, at in self._columns.items()
            if name not in _NOT_OF_THE_PRODUCT
        ]

    def _add_product(self, sku: str, row: Row) -> None:
        attributes = {name: row[at] for name, at in self._product_columns if row[at]}
        product = Product(sku, attributes, self._family(row))
        keep = self.wanted(product)
        self.store.add_products((sku,), [(sku, msgspec.json.encode(product))] if keep else ())
        if keep:
            self._descriptions[sku] = self._description(row)

    def _check_product(self, number: int, sku: str, row: Row) -> None:
        if self._description(row) != self._descriptions[sku]:
            raise self.fault(number, f"product {sku} is described differently than in a row before")

    def _description(self, row: Row) -> int:
        return hash((self._family(row), *(row[at] for _, at in self._product_columns)))

    def _family(self, row: Row) -> str:
        at = self._columns.get(PRODUCT_FAMILY)
        return "" if at is None else row[at]

    def _add_rate(self, number: int, sku: str, kind: str, row: Row) -> None:
        cells = {name: row[at] for name, at in self._columns.items() if name in _NOT_OF_THE_PRODUCT}
        rate = (kind, cells["RateCode"], cells["Currency"])
        if rate in self._rates:
            raise self.fault(number, f"rate {cells['RateCode']} is listed twice")
        self._rates.add(rate)
        term = Term(
            sku=sku,
            offer_term_code=cells["OfferTermCode"],
            price_dimensions={cells["RateCode"]: _dimension(cells)},
            stated_effective_date=cells["EffectiveDate"],
            stated_attributes={name: cells[name] for name in TERM_ATTRIBUTES if cells.get(name)},
        )
        self.store.add_terms(kind, [(sku, msgspec.json.encode({f"{sku}.{term.offer_term_code}": term}))])


def _dimension(cells: Mapping[str, str]) -> Dimension:
    return Dimension(
        rate_code=cells["RateCode"],
        unit=cells["Unit"],
        price_per_unit={cells["Currency"]: cells["PricePerUnit"]},
        stated_description=cells["PriceDescription"],
        stated_begin=cells["StartingRange"] or UNSET,
        stated_end=cells["EndingRange"] or UNSET,
        stated_applies_to=[],
    )
