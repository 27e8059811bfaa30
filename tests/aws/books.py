"""Small price books for tests: some prices, and the tables of the snapshot."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import ON_DEMAND, Price, PriceQuery, PriceTier
from costmodel.pricing.snapshot import (
    DISCOUNTS,
    PLAN_ALLOWANCE_COLUMNS,
    PLAN_ALLOWANCES,
    PRICE_COLUMNS,
    SAVINGS_PLAN_COLUMNS,
    SAVINGS_PLANS,
    SPOT_SAVING_COLUMNS,
    SPOT_SAVINGS,
    Manifest,
    Part,
    partition_kind,
    partition_path,
    price_rows,
    write_folder,
)

TABLES = {
    PLAN_ALLOWANCES: PLAN_ALLOWANCE_COLUMNS,
    SAVINGS_PLANS: SAVINGS_PLAN_COLUMNS,
    SPOT_SAVINGS: SPOT_SAVING_COLUMNS,
}


def price(
    service_code: str,
    usage_type: str,
    figure: str,
    *,
    term: str = ON_DEMAND,
    unit: str = "Hrs",
    attributes: tuple[tuple[str, str], ...] = (),
    region_id: str = "us-east-1",
) -> Price:
    """A price of one tier."""
    return Price(
        query=PriceQuery(service_code, region_id, usage_type, attributes, term),
        description=usage_type,
        pricing_unit=unit,
        tiers=(PriceTier(Decimal(0), None, Decimal(figure)),),
        source="made for a test",
        as_of="2026-06-01",
    )


def book_of(folder: Path, *prices: Price, without: str = "") -> PriceBook:
    """A book with these prices and the snapshot's tables, but for the one left out."""
    by_partition: dict[tuple[str, str, str], list[Price]] = defaultdict(list)
    for found in prices:
        query = found.query
        by_partition[query.service_code, query.region_id, partition_kind(query.term)].append(found)
    parts = [
        Part(
            partition_path(service_code, region_id, kind),
            kind,
            PRICE_COLUMNS,
            [row for found in of for row in price_rows(found)],
            service_code,
            region_id,
        )
        for (service_code, region_id, kind), of in by_partition.items()
    ]
    return book_with(folder, *parts, without=without)


def book_with(folder: Path, *parts: Part, without: str = "") -> PriceBook:
    """A book with these files and the snapshot's tables, but for the one left out."""
    shipped = PriceBook.shipped()
    tables = [
        Part(path, DISCOUNTS, columns, shipped.table(path, columns))
        for path, columns in TABLES.items()
        if path != without
    ]
    every = (*parts, *tables)
    manifest = Manifest(
        "2026-06-01", ("us-east-1",), "made for a test", tuple(part.entry() for part in every)
    )
    write_folder(folder / "book", every, manifest)
    return PriceBook(folder / "book")
