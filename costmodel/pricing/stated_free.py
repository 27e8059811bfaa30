"""Which free allowances AWS itself stated, and where: so that one that it no longer states is noticed.

The allowances that bills take off stand in `free_tier.csv`; where AWS states one, it must be the same. What
a list stated stays beside its prices, in `<service>/<region>.free.csv`. AWS states an allowance as a first
step at 0 or as a product of its own. The latter are outside the regions, so that not every way of asking
meets them.

Source: AmazonCloudFront offer (2025-07-01): term code A429C66SYZ with `appliesTo`; first steps at 0 in the
price lists of AmazonRoute53 and AmazonDynamoDB (2025-08-28).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from costmodel.errors import AllowanceChanged, PriceCacheCorrupt
from costmodel.pricing.book import PriceBook
from costmodel.pricing.origin import Source
from costmodel.pricing.price import FreeAllowance, Price
from costmodel.pricing.snapshot import (
    FREE,
    STATED_FREE_COLUMNS,
    WHAT_NEXT,
    Part,
    PriceFile,
    partition_path,
)


class Form(StrEnum):
    """How AWS states an allowance."""

    STEP = "step"
    """As a first step at 0 of the price itself."""
    PRODUCT = "product"
    """As a product of its own that names others."""


@dataclass(frozen=True, slots=True, order=True)
class StatedFree:
    """AWS states that so much of a usage type is free."""

    allowance_id: str
    usage_type: str
    form: Form
    quantity: str
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Unstated:
    """An allowance that bills take off, and of which AWS's answer said nothing."""

    allowance_id: str
    as_of: str
    """Since when nobody has confirmed it: YYYY-MM-DD."""


def held_statements(
    book: PriceBook, service_code: str, region_id: str
) -> tuple[PriceFile, list[StatedFree]] | None:
    """What the answer before stated of this service and place; None if there was none. Raises PriceCacheCorrupt."""
    path = partition_path(service_code, region_id, FREE)
    file = next((file for file in book.manifest.files if file.path == path), None)
    if file is None:
        return None
    rows = book.table(path, STATED_FREE_COLUMNS)
    try:
        return file, [StatedFree(row[0], row[1], Form(row[2]), *row[3:]) for row in rows]
    except ValueError as error:
        raise PriceCacheCorrupt(f"{book.folder / path}: {error}. {WHAT_NEXT}") from error


def statements_part(
    stated: Iterable[StatedFree],
    service_code: str,
    region_id: str,
    *,
    origin: str,
    retrieved_at: str,
    edition: str,
) -> Part:
    """What an answer stated, as a file of a price folder."""
    return Part(
        path=partition_path(service_code, region_id, FREE),
        kind=FREE,
        columns=STATED_FREE_COLUMNS,
        rows=[
            (of.allowance_id, of.usage_type, of.form, of.quantity, of.source, of.as_of)
            for of in sorted(stated)
        ],
        service_code=service_code,
        region_id=region_id,
        origin=origin,
        retrieved_at=retrieved_at,
        edition=edition,
    )


def refuse_vanished(
    stated: Iterable[StatedFree],
    prices: Iterable[Price],
    held: tuple[PriceFile, list[StatedFree]] | None,
    source: Source,
) -> None:
    """Raises AllowanceChanged where the answer before stated an allowance on a price, and this one does not.

    A price that is gone takes its allowance along. Products of their own are only missed where the answer
    before came the same way: by questions, or as a whole list.
    """
    if held is None:
        return
    file, before = held
    same_way = (file.origin == Source.API) == (source is Source.API)
    now = {(of.allowance_id, of.usage_type) for of in stated}
    listed = {price.query.usage_type for price in prices}
    for of in before:
        gone = of.usage_type in listed and (of.allowance_id, of.usage_type) not in now
        if gone and (of.form is Form.STEP or same_way):
            raise AllowanceChanged(
                f"free allowance {of.allowance_id}",
                f"AWS stated on {of.as_of} that up to {of.quantity} of {of.usage_type} are free, and no longer does",
            )


def unstated(
    allowances: Iterable[FreeAllowance], prices: Collection[Price], stated: Iterable[StatedFree]
) -> Iterator[Unstated]:
    """Allowances that cover one of these prices and were not stated."""
    known = {of.allowance_id for of in stated}
    for allowance in allowances:
        if allowance.allowance_id not in known and any(allowance.covers(price.query) for price in prices):
            yield Unstated(allowance.allowance_id, allowance.as_of)
