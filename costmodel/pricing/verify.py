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
from costmodel.pricing.snapshot import FREE_TIER, PRICE_KINDS, PriceFile
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
    without end, none dearer than the one before); units and currency; dates; free allowances; prices
    that the reference has and the book lacks, or that differ from it in unit or by more than
    OUTLIER_FACTOR. Errors come first.
    """
    findings: list[PriceFinding] = []
    prices: dict[PriceQuery, Price] = {}
    for file in book.manifest.files:
        try:
            book.verify_file(file)
            if file.kind in PRICE_KINDS:
                prices |= {price.query: price for price in book.prices_of(file)}
        except PriceCacheCorrupt as error:
            findings.append(PriceFinding(Severity.ERROR, file.path, str(error)))
        findings += _file_findings(file, today)
    for price in prices.values():
        findings += _price_findings(price)
    findings += _allowance_findings(book, reference)
    for known in reference.prices():
        findings += _reference_findings(known, prices.get(known.query))
    return tuple(sorted(findings, key=lambda finding: finding.severity))


def _file_findings(file: PriceFile, today: date) -> Iterator[PriceFinding]:
    newest = max(file.newest_as_of, file.retrieved_at[:10])
    if newest > today.isoformat():
        problem = f"dated {newest}, after today, {today}: one of the clocks is wrong"
        yield PriceFinding(Severity.ERROR, file.path, problem)


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


def _allowance_findings(book: PriceBook, reference: PriceBook) -> Iterator[PriceFinding]:
    try:
        found = {allowance.allowance_id: allowance for allowance in book.allowances}
    except (PriceCacheCorrupt, ValueError) as error:
        yield PriceFinding(Severity.ERROR, FREE_TIER, str(error))
        return
    for known in reference.allowances:
        allowance = found.get(known.allowance_id)
        quantity = allowance.quantity if allowance else Decimal(0)
        if quantity != known.quantity:
            problem = f"{quantity:f} {known.pricing_unit} are free, in the snapshot {known.quantity:f}"
            yield PriceFinding(Severity.WARNING, f"free allowance {known.allowance_id}", problem)


def _reference_findings(known: Price, found: Price | None) -> Iterator[PriceFinding]:
    subject = str(known.query)
    if found is None:
        problem = "is in the snapshot and missing here; a bill that needs it is refused"
        yield PriceFinding(Severity.WARNING, subject, problem)
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
    if not new:
        yield PriceFinding(Severity.ERROR, str(known.query), f"{told}: nothing becomes free unannounced")
    elif not old:
        yield PriceFinding(Severity.WARNING, str(known.query), f"{told}: it was free")
    elif not 1 / OUTLIER_FACTOR <= new / old <= OUTLIER_FACTOR:
        yield PriceFinding(Severity.WARNING, str(known.query), f"{told}: {new / old:.2f} times as much")
