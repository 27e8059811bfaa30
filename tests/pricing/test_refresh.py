"""From AWS's wire to a new book on the shelf, all three ways, and what may go wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aws.commitments_server import CommitmentsServer
from aws.fixtures import VERSION, Document, answered_by, price_list_files, wire_products
from aws.server import AwsServer
from costmodel.pricing.book import PriceBook
from costmodel.pricing.difference import Kind, difference
from costmodel.pricing.download import Patience
from costmodel.pricing.origin import Source
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.price_files import PublicIndex
from costmodel.pricing.refresh import Refresh, Refreshed
from costmodel.pricing.shelf import Shelf
from costmodel.services.registry import PRICE_NEEDS

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REGION = "eu-west-1"
KMS_KEY = PriceQuery("awskms", REGION, "KMS-Keys")
NEEDS = answered_by(PriceBook.shipped(), PRICE_NEEDS)


@pytest.fixture(scope="module")
def products() -> dict[str, list[Document]]:
    """The whole snapshot as AWS would list it, among decoys."""
    return wire_products(PriceBook.shipped(), NEEDS)


@pytest.fixture(scope="module")
def files(products: dict[str, list[Document]]) -> dict[str, bytes]:
    return price_list_files(products)


@pytest.fixture
def aws(
    products: dict[str, list[Document]], files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[AwsServer]:
    """All of AWS's price services on loopback, credentials that they take, and retries that do not wait."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with AwsServer(products=dict(products), files=dict(files)) as server, CommitmentsServer() as others:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAVINGSPLANS", others.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", others.url)
        monkeypatch.setenv("COSTMODEL_PRICE_LIST_URL", server.url)
        server.price_lists = {
            f"arn:aws:pricing:::price-list/aws/{service}/USD/{VERSION}/{region}": {
                "PriceListArn": f"arn:aws:pricing:::price-list/aws/{service}/USD/{VERSION}/{region}",
                "RegionCode": region,
                "CurrencyCode": "USD",
                "FileFormats": ["json"],
                "ServiceCode": service,
                "Path": f"/offers/v1.0/aws/{service}/{VERSION}/{region}/index",
            }
            for service in products
            for region in PriceBook.shipped().regions()
        }
        yield server


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache")


def refresh(shelf: Shelf, source: Source, **asked: Any) -> Refreshed:
    quick = PublicIndex(Patience(tries_without_progress=2, first_wait_s=0.0))
    return Refresh(shelf, NEEDS, source, NOW, lambda *_: None, quick).run(**asked)


def same_prices(shelf: Shelf, book: PriceBook) -> None:
    """As in the snapshot, but for instance types it knows reserved only: on the wire they have more."""
    found = difference(shelf.open("snapshot"), book)
    assert found.allowances == ()
    for move in found.prices:
        assert move.kind is Kind.ADDED
        assert move.query.usage_type.startswith("BoxUsage:")


@pytest.mark.parametrize("source", Source)
def test_the_snapshot_comes_back_as_the_same_prices(aws: AwsServer, shelf: Shelf, source: Source) -> None:
    outcome = refresh(shelf, source, region_ids=[REGION])
    same_prices(shelf, outcome.book)
    refreshed = [file for file in outcome.book.manifest.files if file.origin == source.value]
    services = {need.service_code for need in NEEDS}
    assert {file.service_code for file in refreshed} == services
    assert {file.region_id for file in refreshed if not file.region_id.startswith("edge:")} == {
        REGION,
        "global",
    }
    assert all(file.retrieved_at == "2026-11-24T12:00:00Z" for file in refreshed)
    assert all(change.changed == change.gone == 0 for change in outcome.files)
    price = outcome.book.price(KMS_KEY)
    assert price.sku_id
    assert price.tiers[0].rate_code
    assert shelf.open().digest == outcome.book.digest
