"""Free allowances that AWS stated: remembered, missed when they are gone, and named where AWS states none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aws.cloud import NEEDS, TODAY, Cloud, small_aws, whole_aws
from aws.fixtures import answered_by, price_list_files
from costmodel.errors import AllowanceChanged
from costmodel.pricing.book import PriceBook
from costmodel.pricing.download import Patience
from costmodel.pricing.origin import Source
from costmodel.pricing.price import GLOBAL
from costmodel.pricing.price_files import PublicIndex
from costmodel.pricing.refresh import Refresh, Refreshed
from costmodel.pricing.shelf import Shelf
from costmodel.pricing.stated_free import Form, held_statements
from costmodel.services.needs import PRICE_NEEDS

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DNS = "AmazonRoute53"
CDN = "AmazonCloudFront"
KEYS = "awskms"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    with small_aws(monkeypatch, tmp_path) as cloud:
        yield cloud


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache")


def refresh(shelf: Shelf, service_code: str, source: Source = Source.API, needs=NEEDS) -> Refreshed:
    quick = PublicIndex(Patience(tries_without_progress=2, first_wait_s=0.0))
    return Refresh(shelf, needs, source, NOW, lambda *_: None, index=quick).run((), [service_code])


def without_step(cloud: Cloud) -> None:
    """AWS charges for health checks from the first on."""
    products = json.loads(json.dumps(cloud.price_lists.products))
    for product in products[DNS]:
        for term in product["terms"].get("OnDemand", {}).values():
            rates = term["priceDimensions"]
            free = [code for code, rate in rates.items() if not float(rate["pricePerUnit"]["USD"])]
            if len(rates) > len(free) > 0:
                for code in free:
                    del rates[code]
                min(rates.values(), key=lambda rate: float(rate["beginRange"]))["beginRange"] = "0"
    cloud.price_lists.products = products
    cloud.price_lists.files = cloud.price_lists.files | price_list_files(products)


def test_what_aws_stated_stays_beside_the_prices(cloud: Cloud, shelf: Shelf) -> None:
    book = refresh(shelf, DNS).book
    held = held_statements(book, DNS, GLOBAL)
    assert held is not None
    (stated,) = held[1]
    assert (stated.allowance_id, stated.usage_type) == ("route53-health-checks", "Health-Check-AWS")
    assert (stated.form, stated.quantity) == (Form.STEP, "50")
    assert (book.folder / DNS / "global.free.csv").is_file()
    book.verify()
    assert refresh(shelf, DNS).book.digest == book.digest


@pytest.mark.parametrize("source", [Source.API, Source.BULK])
def test_a_first_step_that_is_gone_is_refused(cloud: Cloud, shelf: Shelf, source: Source) -> None:
    refresh(shelf, DNS)
    without_step(cloud)
    outcome = refresh(shelf, DNS, source)
    (failure,) = outcome.failures
    assert isinstance(failure.error, AllowanceChanged)
    assert (
        "free allowance route53-health-checks: AWS stated on 2026-10-07 that up to 50 of Health-Check-AWS are free, "
        "and no longer does"
    ) in str(failure.error)
    assert [change.path for change in outcome.files] == [f"{DNS}/eu-west-1.csv"]


def test_an_allowance_that_no_answer_states_is_named(cloud: Cloud, shelf: Shelf) -> None:
    (unstated,) = refresh(shelf, KEYS).unstated
    assert (unstated.allowance_id, unstated.as_of) == ("kms-requests", "2026-09-11")
    without_step(cloud)
    assert [of.allowance_id for of in refresh(shelf, DNS).unstated] == ["route53-health-checks"]


def test_a_price_that_is_gone_takes_its_allowance_along(cloud: Cloud, shelf: Shelf) -> None:
    refresh(shelf, DNS)
    left = tuple(price for price in TODAY.stated if price.query.usage_type != "Health-Check-AWS")
    cloud.charge(type(TODAY)(left, TODAY.allowances))
    outcome = refresh(shelf, DNS)
    assert outcome.unstated == ()
    held = held_statements(outcome.book, DNS, GLOBAL)
    assert held is not None
    assert held[1] == []


def test_a_product_that_grants_an_allowance_is_missed_in_the_same_kind_of_list(
    monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    """The list of all regions has it. Questions with filters may never meet it."""
    needs = answered_by(PriceBook.shipped(), PRICE_NEEDS)
    with whole_aws(monkeypatch) as cloud:
        outcome = refresh(shelf, CDN, Source.BULK, needs)
        held = held_statements(outcome.book, CDN, GLOBAL)
        assert held is not None
        assert "cloudfront-transfer-out" in {of.allowance_id for of in held[1] if of.form is Form.PRODUCT}
        assert outcome.unstated == ()
        left = [
            product
            for product in cloud.price_lists.products[CDN]
            if product["product"]["attributes"]["usagetype"] != "Global-DataTransfer-Out-Bytes"
        ]
        cloud.price_lists.products = cloud.price_lists.products | {CDN: left}
        cloud.price_lists.files = cloud.price_lists.files | {
            path: text for path, text in price_list_files({CDN: left}).items() if CDN in path
        }
        failures = [failure.error for failure in refresh(shelf, CDN, Source.BULK, needs).failures]
        assert [type(error) for error in failures] == [AllowanceChanged]
        assert "free allowance cloudfront-transfer-out: AWS stated" in str(failures[0])
        (unstated,) = refresh(shelf, CDN, Source.API, needs).unstated
        assert unstated.allowance_id == "cloudfront-transfer-out"
