"""From AWS's wire to a new book on the shelf, all three ways, and what may go wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aws.cloud import Cloud, whole_aws
from aws.fixtures import answered_by
from costmodel.pricing.book import PriceBook
from costmodel.pricing.difference import Kind, difference
from costmodel.pricing.download import Patience
from costmodel.pricing.origin import Source
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.price_files import PublicIndex
from costmodel.pricing.refresh import Refresh, Refreshed
from costmodel.pricing.shelf import Shelf
from costmodel.pricing.snapshot import SPOT
from costmodel.services.needs import PRICE_NEEDS

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REGION = "eu-west-1"
KMS_KEY = PriceQuery("awskms", REGION, "KMS-Keys")
NEEDS = answered_by(PriceBook.shipped(), PRICE_NEEDS)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with whole_aws(monkeypatch) as cloud:
        yield cloud


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache")


def refresh(shelf: Shelf, source: Source, **asked: Any) -> Refreshed:
    quick = PublicIndex(Patience(tries_without_progress=2, first_wait_s=0.0))
    return Refresh(shelf, NEEDS, source, NOW, lambda *_: None, index=quick).run(**asked)


def same_prices(shelf: Shelf, book: PriceBook) -> None:
    """As in the snapshot, and beyond it Savings Plans, and on demand what it knows reserved only."""
    found = difference(shelf.open("snapshot"), book)
    assert found.allowances == ()
    for move in found.prices:
        assert move.kind is Kind.ADDED
        query = move.query
        assert query.term.startswith("SavingsPlan ") or query.usage_type.startswith("BoxUsage:")


@pytest.mark.parametrize("source", Source)
def test_the_snapshot_comes_back_as_the_same_prices(aws: Cloud, shelf: Shelf, source: Source) -> None:
    outcome = refresh(shelf, source, region_ids=[REGION])
    assert outcome.failures == ()
    same_prices(shelf, outcome.book)
    refreshed = [file for file in outcome.book.manifest.files if file.origin != "snapshot"]
    assert {file.origin for file in refreshed if file.kind != SPOT} == {source.value}
    services = {need.service_code for need in NEEDS}
    assert {file.service_code for file in refreshed} == services
    assert {file.region_id for file in refreshed if not file.region_id.startswith("edge:")} == {
        REGION,
        "global",
    }
    assert all(file.retrieved_at == "2026-11-24T12:00:00Z" for file in refreshed)
    assert all((change.changed, change.gone) == (0, ()) for change in outcome.files)
    price = outcome.book.price(KMS_KEY)
    assert price.sku_id
    assert price.tiers[0].rate_code
    assert shelf.open().digest == outcome.book.digest


def test_a_price_that_no_need_covers_keeps_its_own_date(aws: Cloud, shelf: Shelf) -> None:
    """A product of Lambda whose name at AWS is unknown; the price list is fetched, and does not tell it."""
    book = refresh(shelf, Source.BULK, region_ids=[REGION], service_codes=["AWSLambda"]).book
    kept = book.price(PriceQuery("AWSLambda", REGION, "response-streaming-bytes-beyond-6-mb-per-request"))
    assert book.confirmed_on(kept) == kept.as_of == "2025-12-02"
    asked = book.price(PriceQuery("AWSLambda", REGION, "Lambda-GB-Second"))
    assert book.confirmed_on(asked) == "2026-11-24"
    (functions,) = [of for of in book.coverage() if of.service_code == "AWSLambda"]
    assert functions.kept_rows >= 1
    assert functions.confirmed_on == "2025-12-02"
