"""Checks on a whole price book: what would make a bill wrong without anybody noticing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import combinations, pairwise

from costmodel.errors import PriceCacheCorrupt
from costmodel.pricing.book import PriceBook
from costmodel.pricing.difference import UnitPriceMove, unit_price_moves
from costmodel.pricing.ladder_shape import changes_of_shape
from costmodel.pricing.newcomers import compared
from costmodel.pricing.peers import Peers
from costmodel.pricing.plausible import OUTLIER_FACTOR
from costmodel.pricing.price import FreeAllowance, Price, PriceQuery
from costmodel.pricing.relations import broken, relations
from costmodel.pricing.snapshot import (
    FREE_TIER,
    MANIFEST,
    PRICE_KINDS,
    Manifest,
    PriceFile,
    partition_kind,
    read_verified,
)
from costmodel.units import FOCUS_UNITS


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

    Checked are: checksums; what the manifest says of each file; tiers (each begins where the one before
    ends, the first at 0, the last without end, none dearer than the one before, all in one unit); units
    and currency; dates; free allowances; prices that the reference has and the book lacks, or that differ
    from it in unit, in the shape of its tiers, or at any quantity by more than OUTLIER_FACTOR; prices that the
    reference lacks and that are far from what is like them there; and relations that AWS's prices keep between them,
    where neither price is told for another reason. Errors come first.
    """
    findings = [*_book_date_findings(book.manifest)]
    prices: dict[PriceQuery, Price] = {}
    unread: set[tuple[str, str, str]] = set()
    for file in book.manifest.files:
        try:
            findings += _listing_findings(file, read_verified(book.folder, file))
            if file.kind in PRICE_KINDS:
                prices |= {price.query: price for price in book.prices_of(file)}
        except (PriceCacheCorrupt, ValueError) as error:
            findings.append(PriceFinding(Severity.ERROR, file.path, str(error)))
            unread.add((file.service_code, file.region_id, file.kind))
        findings += _file_findings(file, today)
    for price in prices.values():
        findings += _price_findings(price)
    findings += _allowance_findings(book, reference)
    shipped = {price.query: price for price in reference.prices()}
    for known in shipped.values():
        query = known.query
        if (query.service_code, query.region_id, partition_kind(query.term)) in unread:
            continue  # what could not be read may well hold it
        findings += _reference_findings(known, prices.get(known.query))
    newcomers = compared(prices.values(), shipped.get, Peers(shipped.values()))
    findings += [
        PriceFinding(Severity.WARNING, str(doubt.price.query), doubt.problem) for doubt in newcomers.doubts
    ]
    told = {finding.subject for finding in findings}
    findings += [
        PriceFinding(Severity.WARNING, str(of.relation.low), of.problem)
        for of in broken(relations(prices), prices.get)
        if not {str(of.relation.low), str(of.relation.high)} & told
    ]
    return tuple(sorted(findings, key=lambda finding: finding.severity))


def _file_findings(file: PriceFile, today: date) -> Iterator[PriceFinding]:
    newest = max(file.newest_as_of, file.retrieved_at[:10])
    if newest > today.isoformat():
        problem = f"dated {newest}, after today, {today}: one of the clocks is wrong"
        yield PriceFinding(Severity.ERROR, file.path, problem)


def _book_date_findings(manifest: Manifest) -> Iterator[PriceFinding]:
    """A book is as new as the newest thing in it, or older where it was confirmed since."""
    newest = max((max(file.newest_as_of, file.retrieved_at[:10]) for file in manifest.files), default="")
    if manifest.book_date > newest:
        problem = f"the book is dated {manifest.book_date}, and nothing in it is newer than {newest}"
        yield PriceFinding(Severity.ERROR, MANIFEST, problem)


def _listing_findings(file: PriceFile, content: bytes) -> Iterator[PriceFinding]:
    """Whether a file holds as many rows, of such dates, as the manifest says."""
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    dates = [row.get("as_of") or "" for row in rows]
    stray = next((day for day in (*dates, file.retrieved_at[:10]) if day and not _is_day(day)), None)
    if stray is not None:
        yield PriceFinding(Severity.ERROR, file.path, f"dated {stray!r}, which is no day")
    found = _listing(len(dates), min(dates, default=""), max(dates, default=""))
    stated = _listing(file.rows, file.oldest_as_of, file.newest_as_of)
    if found != stated:
        yield PriceFinding(Severity.ERROR, file.path, f"holds {found}; the manifest says {stated}")


def _listing(rows: int, oldest: str, newest: str) -> str:
    return f"{rows} rows of {oldest or 'no day'} to {newest or 'no day'}"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


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
        allowances = book.allowances
    except (PriceCacheCorrupt, ValueError) as error:
        yield PriceFinding(Severity.ERROR, FREE_TIER, str(error))
        return
    yield from _granted_twice(allowances)
    found = {allowance.allowance_id: allowance for allowance in allowances}
    known = {allowance.allowance_id: allowance for allowance in reference.allowances}
    for allowance_id in sorted(found.keys() | known.keys()):
        yield from _allowance_change(known.get(allowance_id), found.get(allowance_id))


def _granted_twice(allowances: Sequence[FreeAllowance]) -> Iterator[PriceFinding]:
    """A use draws on one allowance at most."""
    for one, other in combinations(allowances, 2):
        both = one.usage_types & other.usage_types if one.service_code == other.service_code else frozenset()
        if one.allowance_id == other.allowance_id:
            problem = f"the allowance {one.allowance_id} is listed twice"
            yield PriceFinding(Severity.ERROR, FREE_TIER, problem)
        elif both:
            what = f"{one.service_code} {', '.join(sorted(both))}"
            problem = f"{one.allowance_id} and {other.allowance_id} both cover {what}"
            yield PriceFinding(Severity.ERROR, FREE_TIER, problem)


def _allowance_change(known: FreeAllowance | None, found: FreeAllowance | None) -> Iterator[PriceFinding]:
    either = known or found
    if either is None:
        return
    subject = f"free allowance {either.allowance_id}"
    if known is None:
        problem = "is not in the snapshot: nothing becomes free unannounced"
        yield PriceFinding(Severity.ERROR, subject, problem)
        return
    quantity = found.quantity if found else Decimal(0)
    if quantity != known.quantity:
        problem = f"{quantity:f} {known.pricing_unit} are free, in the snapshot {known.quantity:f}"
        yield PriceFinding(Severity.WARNING, subject, problem)
    if found and _grant(found) != _grant(known):
        problem = f"is granted on {_grant(found)}, in the snapshot on {_grant(known)}"
        yield PriceFinding(Severity.ERROR, subject, problem)


def _grant(allowance: FreeAllowance) -> str:
    where = "in each region" if allowance.per_region else "over the whole account"
    what = f"{allowance.service_code} {', '.join(sorted(allowance.usage_types))}"
    return f"{what} in {allowance.pricing_unit} {where}"


def _reference_findings(known: Price, found: Price | None) -> Iterator[PriceFinding]:
    subject = str(known.query)
    if found is None:
        problem = "is in the snapshot and missing here; a bill that needs it is refused"
        yield PriceFinding(Severity.WARNING, subject, problem)
    elif found.pricing_unit != known.pricing_unit:
        problem = f"counts in {found.pricing_unit}, in the snapshot in {known.pricing_unit}"
        yield PriceFinding(Severity.ERROR, subject, problem)
    else:
        for change in changes_of_shape(found, known, "in the snapshot"):
            yield PriceFinding(Severity.WARNING, subject, change)
        for step in unit_price_moves(known.tiers, found.tiers):
            yield from _outlier(found, step)


def _outlier(found: Price, step: UnitPriceMove) -> Iterator[PriceFinding]:
    old, new = step.before, step.after
    if old is None or new is None or old == new:
        return
    above = f" above {step.begin:f}" if step.begin else ""
    subject, told = str(found.query), f"{new:f} per {found.pricing_unit}{above}, in the snapshot {old:f}"
    if not new:
        yield PriceFinding(Severity.ERROR, subject, f"{told}: nothing becomes free unannounced")
    elif not old:
        yield PriceFinding(Severity.WARNING, subject, f"{told}: it was free")
    elif not 1 / OUTLIER_FACTOR <= new / old <= OUTLIER_FACTOR:
        yield PriceFinding(Severity.WARNING, subject, f"{told}: {new / old:.2f} times as much")
