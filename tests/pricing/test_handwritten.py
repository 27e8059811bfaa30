"""Offers written by hand become the rows written by hand: the filters of the services checked from outside.

The fixtures of the round trip are made from the same needs that the refresh asks with, so that a wrong
filter would be right on both sides. Here nothing is made from a need.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aws.cloud import CREDENTIALS, NO_OTHERS
from aws.fixtures import offer_file
from aws.handwritten import offers
from aws.server import AwsServer
from costmodel.pricing.book import PriceBook
from costmodel.pricing.bulk import read_offer
from costmodel.pricing.conversion import Known, converted
from costmodel.pricing.need import wanted
from costmodel.pricing.offer import OfferedProduct
from costmodel.pricing.price import Price
from costmodel.pricing.query_api import fetch
from costmodel.pricing.snapshot import price_rows
from costmodel.services.needs import PRICE_NEEDS

BOOK = PriceBook.shipped()
KNOWN = Known(BOOK, BOOK, datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
REGION = "eu-west-1"
OFFERS = offers()


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with AwsServer({code: offer.products for code, offer in OFFERS.items()}) as server:
        yield server


def rows(products: Iterable[OfferedProduct], code: str) -> list[str]:
    needs = [need for need in PRICE_NEEDS if need.service_code == code]
    return [row for price in converted(products, needs, REGION, KNOWN).prices for row in _rows(price)]


def _rows(price: Price) -> Iterator[str]:
    for usage_type, attributes, term, _, unit, begin, end, usd, *_ in price_rows(price):
        yield " | ".join((price.query.region_id, usage_type, attributes, term, unit, begin, end, usd))


def test_every_offer_and_every_need_is_written_by_hand() -> None:
    """Each need finds a product below, so that none of its filters goes unchecked."""
    assert OFFERS.keys() == {need.service_code for need in PRICE_NEEDS}
    all_kept = {code for code, offer in OFFERS.items() if len(offer.kept) == len(offer.products)}
    assert all_kept == {"AmazonDAX", "CloudFrontPlans"}  # of the others a look-alike is left out


@pytest.mark.parametrize("code", sorted(OFFERS))
def test_questions_find_exactly_these_rows(
    aws: AwsServer, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    for name, value in (CREDENTIALS | NO_OTHERS | {"AWS_ENDPOINT_URL_PRICING": aws.url}).items():
        monkeypatch.setenv(name, value)
    needs = [need for need in PRICE_NEEDS if need.service_code == code]
    assert sorted(rows(list(fetch(needs, REGION)), code)) == sorted(OFFERS[code].rows)


@pytest.mark.parametrize("code", sorted(OFFERS))
def test_a_whole_file_has_exactly_these_rows(tmp_path: Path, code: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(json.dumps(offer_file(code, OFFERS[code].products), indent=2))
    needs = [need for need in PRICE_NEEDS if need.service_code == code]
    found = list(read_offer(path, wanted(needs, REGION), service_code=code))
    assert sorted(rows(found, code)) == sorted(OFFERS[code].rows)
