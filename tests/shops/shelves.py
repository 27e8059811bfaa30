"""A small snapshot and new prices for it: what the tests of the price cache put on a shelf."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.snapshot import (
    ALLOWANCE_COLUMNS,
    ALLOWANCES,
    FREE_TIER,
    PRICE_COLUMNS,
    PRICES,
    RESERVED,
    Manifest,
    Part,
    partition_path,
    write_folder,
)

SNAPSHOT_DATE = "2026-01-31"
SERVICES = ("AmazonEC2", "AmazonS3")
REGIONS = ("eu-west-1", "us-east-1")
RESERVATION = "Reserved standard 1yr No Upfront"
USAGE_TYPES = tuple(f"Thing:{number}" for number in range(12))


def part(
    service_code: str,
    region_id: str,
    price_usd: str,
    *,
    kind: str = PRICES,
    as_of: str = "2026-03-01",
    edition: str = "",
    retrieved_at: str = "2026-03-02T10:00:00Z",
    origin: str = "api",
) -> Part:
    """One file in which everything costs the same."""
    term = RESERVATION if kind == RESERVED else "OnDemand"
    rows = [
        (name, "", term, "a thing", "Hrs", "0", "Inf", price_usd, "SKU", "SKU.RATE", "AWS Price List", as_of)
        for name in USAGE_TYPES
    ]
    path = partition_path(service_code, region_id, kind)
    return Part(path, kind, PRICE_COLUMNS, rows, service_code, region_id, origin, retrieved_at, edition)


def snapshot(
    folder: Path, book_date: str = SNAPSHOT_DATE, newest: tuple[str, str, str] | None = None
) -> Path:
    """Write a snapshot of two services in two regions at a dollar each, as it would ship.

    `newest` names a service, a region and the later day of its rows, by which the snapshot is then dated.
    """
    dated = {"as_of": book_date, "retrieved_at": "", "origin": "snapshot"}
    parts = [part(service, region, "1", **dated) for service in SERVICES for region in REGIONS]
    if newest is not None:
        service, region, book_date = newest
        later = part(service, region, "1", **(dated | {"as_of": book_date}))
        parts = [later if of.path == later.path else of for of in parts]
    parts += [part("AmazonEC2", region, "1", kind=RESERVED, **dated) for region in REGIONS]
    parts.append(Part(FREE_TIER, ALLOWANCES, ALLOWANCE_COLUMNS, []))
    files = tuple(part.entry() for part in parts)
    write_folder(folder, parts, Manifest(book_date, REGIONS, "made up", files))
    return folder


def prices_in(book: PriceBook, service_code: str, region_id: str, kind: str = PRICES) -> set[Decimal]:
    """Every price of one file: one figure, unless two refreshes were mixed."""
    term = RESERVATION if kind == RESERVED else "OnDemand"
    queries = (PriceQuery(service_code, region_id, name, term=term) for name in USAGE_TYPES)
    return {book.price(query).tiers[0].list_unit_price for query in queries}


def contents(folders: Iterable[Path]) -> dict[Path, str]:
    """SHA-256 of every file in folders."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
