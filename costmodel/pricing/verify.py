"""Checks on a whole price book: what would make a bill wrong without anybody noticing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from costmodel.errors import PriceCacheCorrupt
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import Price, PriceQuery
from costmodel.pricing.snapshot import PRICES, RESERVED, PriceFile
from costmodel.units import FOCUS_UNITS

OUTLIER_FACTOR = Decimal(2)
"""A price more than this many times above or below the snapshot's is an outlier.

Source: engineering choice. The largest change of a list price that the snapshot's sources record is the
halving of DynamoDB on-demand requests (AWS announcement, 2024-11-14), which still passes.
"""


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """A bill made with this book may be wrong."""
    WARNING = "warning"
    """Worth a look: unusual, but AWS may mean it."""


@dataclass(frozen=True, slots=True)
class PriceFinding:
    """One thing that is wrong or unusual in a price book."""

    severity: Severity
    subject: str
    """The price, or the file."""
    problem: str


def verify(book: PriceBook, reference: PriceBook, today: date) -> tuple[PriceFinding, ...]:
    """Check a book by itself and against a reference, usually the shipped snapshot.

    Checked are: checksums; tiers (each begins where the one before ends, the first at 0, the last
    without end, none dearer than the one before); units and currency; dates; prices that the
    reference has and the book lacks, or that differ from it in unit or by more than OUTLIER_FACTOR.
    Errors come first.
    """
    findings: list[PriceFinding] = []
    prices: dict[PriceQuery, Price] = {}
    for file in book.manifest.files:
        try:
            book.verify_file(file)
            if file.kind in (PRICES, RESERVED):
                prices |= {price.query: price for price in book.prices_of(file)}
        except PriceCacheCorrupt as error:
            findings.append(PriceFinding(Severity.ERROR, file.path, str(error)))
        findings += _file_findings(file, today)
    for price in prices.values():
        findings += _price_findings(price)
    for known in reference.prices():
        findings += _reference_findings(known, prices.get(known.query))
    return tuple(sorted(findings, key=lambda finding: finding.severity))


def _file_findings(file: PriceFile, today: date) -> Iterator[PriceFinding]:
    if file.newest_as_of > today.isoformat():
        yield PriceFinding(
            Severity.ERROR,
            file.path,
            f"dated {file.newest_as_of}, after today, {today}: one of the clocks is wrong",
        )


def _price_findings(price: Price) -> Iterator[PriceFinding]:
    subject = str(price.query)
    if price.pricing_unit not in FOCUS_UNITS:
        yield PriceFinding(
            Severity.ERROR, subject, f"counts in {price.pricing_unit!r}, which is no known unit"
        )
    if price.currency != "USD":
        yield PriceFinding(Severity.ERROR, subject, f"is in {price.currency}, not in USD")
    for lower, upper in pairwise(price.tiers):
        if upper.list_unit_price > lower.list_unit_price:
            yield PriceFinding(
                Severity.WARNING,
                subject,
                f"costs more above {upper.begin:f}: {upper.list_unit_price:f} after {lower.list_unit_price:f}",
            )


def _reference_findings(known: Price, found: Price | None) -> Iterator[PriceFinding]:
    subject = str(known.query)
    if found is None:
        yield PriceFinding(Severity.ERROR, subject, "is in the snapshot and missing here")
    elif found.pricing_unit != known.pricing_unit:
        problem = f"counts in {found.pricing_unit}, in the snapshot in {known.pricing_unit}"
        yield PriceFinding(Severity.ERROR, subject, problem)
    else:
        yield from _outlier(known, found)


def _outlier(known: Price, found: Price) -> Iterator[PriceFinding]:
    old, new = known.tiers[0].list_unit_price, found.tiers[0].list_unit_price
    if old == new:
        return
    told = f"{new:f} per {found.pricing_unit}, in the snapshot {old:f}"
    if not old or not new:
        yield PriceFinding(Severity.ERROR, str(known.query), f"{told}: one of them is free")
    elif not 1 / OUTLIER_FACTOR <= new / old <= OUTLIER_FACTOR:
        yield PriceFinding(Severity.WARNING, str(known.query), f"{told}: {new / old:.2f} times as much")
