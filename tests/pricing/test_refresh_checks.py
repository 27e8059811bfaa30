"""What a refresh compares an answer with before it is shelved: on demand, the price before, and the day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from aws.cloud import NEEDS, REGION, TODAY, Cloud, PlanRate, plan_rates, small_aws
from aws.fixtures import PUBLICATION_DATE, VERSION, sku_of
from costmodel.errors import (
    ClockSkewed,
    FileTooLarge,
    ImplausiblePrice,
    OlderPrices,
    PriceFileCorrupt,
    PricesWithdrawn,
)
from costmodel.pricing.conversion import LeftOut
from costmodel.pricing.download import Patience, download
from costmodel.pricing.origin import Source
from costmodel.pricing.price import SPOT, PriceQuery
from costmodel.pricing.price_files import PublicIndex
from costmodel.pricing.refresh import Refresh, Refreshed
from costmodel.pricing.shelf import Shelf

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EC2 = "AmazonEC2"
FACTORS = [Decimal(10), Decimal("0.1")]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    with small_aws(monkeypatch, tmp_path) as cloud:
        yield cloud


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache")


def refresh(shelf: Shelf, service_code: str, source: Source = Source.API, now: datetime = NOW) -> Refreshed:
    quick = PublicIndex(Patience(tries_without_progress=2, first_wait_s=0.0))
    return Refresh(shelf, NEEDS, source, now, lambda *_: None, index=quick).run((), [service_code])


def spot_hours(instance_type: str) -> PriceQuery:
    return PriceQuery(EC2, REGION, f"SpotUsage:{instance_type}", (), SPOT)


def publish(cloud: Cloud, service_code: str, version: str, published: str, factor: int = 1) -> None:
    """AWS's file of a service is of this version and day, at so many times its on-demand prices."""
    path = f"/offers/v1.0/aws/{service_code}/{VERSION}/{REGION}/index.json"
    document = json.loads(cloud.price_lists.files[path])
    for of_sku in document["terms"]["OnDemand"].values():
        for term in of_sku.values():
            for rate in term["priceDimensions"].values():
                rate["pricePerUnit"]["USD"] = f"{Decimal(rate['pricePerUnit']['USD']) * factor:.10f}"
    cloud.price_lists.files = cloud.price_lists.files | {path: json.dumps(document).encode()}
    cloud.reissue(f"/aws/{service_code}/", version, published)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("source", [Source.API, Source.BULK])
def test_a_plan_rate_that_its_on_demand_price_rules_out(
    cloud: Cloud, shelf: Shelf, source: Source, factor: Decimal
) -> None:
    first, *others = plan_rates(TODAY.of("AWSLambda").stated)
    cloud.sell([(*first[:3], first[3] * factor, first[4]), *others])
    (failure,) = refresh(shelf, "AWSLambda", source).failures
    assert isinstance(failure.error, ImplausiblePrice)
    assert "on demand: not between 0.78 and 1 times that" in str(failure.error)


@pytest.mark.parametrize("source", [Source.API, Source.BULK])
def test_plan_rates_of_a_whole_service_do_not_vanish(cloud: Cloud, shelf: Shelf, source: Source) -> None:
    """Where AWS says nothing of Lambda any more, the old rates stay and the answer is refused by name."""
    services = (EC2, "AWSLambda")
    refresh_all = partial(Refresh, shelf, NEEDS, source, NOW, lambda *_: None)
    assert not refresh_all().run((), services).failures
    cloud.sell(rate for rate in plan_rates(TODAY.stated) if rate[0] == EC2)
    outcome = refresh_all().run((), services)
    (failure,) = outcome.failures
    assert isinstance(failure.error, PricesWithdrawn)
    assert "AWSLambda/eu-west-1.savings.csv: AWS no longer lists 2 of 2" in str(failure.error)
    assert not any(change.path.endswith(".savings.csv") for change in outcome.files)
    # A service that was not asked about is not missed.
    assert not refresh(shelf, EC2, source).failures


@pytest.mark.parametrize("factor", FACTORS)
def test_a_plan_rate_without_an_on_demand_price_is_compared_with_the_one_before(
    cloud: Cloud, shelf: Shelf, factor: Decimal
) -> None:
    def sold(usd: Decimal) -> list[PlanRate]:
        return [*plan_rates(TODAY.stated), (EC2, "EU-BoxUsage:m5.large", "RunInstances", usd, "Hrs")]

    cloud.sell(sold(Decimal("0.05")))
    assert refresh(shelf, EC2).failures == ()
    cloud.sell(sold(Decimal("0.05") * factor))
    (failure,) = refresh(shelf, EC2).failures
    assert isinstance(failure.error, ImplausiblePrice)
    assert "0.05 before" in str(failure.error)


def test_plans_and_spot_prices_move_along_with_on_demand(cloud: Cloud, shelf: Shelf) -> None:
    refresh(shelf, EC2)
    cloud.charge(TODAY.times(Decimal("4.5")))
    assert refresh(shelf, EC2).failures == ()


@pytest.mark.parametrize("factor", FACTORS)
def test_a_spot_price_that_its_on_demand_price_rules_out(cloud: Cloud, shelf: Shelf, factor: Decimal) -> None:
    first, *others = cloud.commitments.spot
    usd = f"{Decimal(first['spotPrice']) * factor:.6f}"
    cloud.commitments.spot = [{**first, "spotPrice": usd}, *others]
    (failure,) = refresh(shelf, EC2).failures
    assert isinstance(failure.error, ImplausiblePrice)
    assert "on demand: not between 0.05 and 1.1 times that" in str(failure.error)


def test_types_that_the_spot_history_lacks_are_no_withdrawal(cloud: Cloud, shelf: Shelf) -> None:
    before = refresh(shelf, EC2).book.price(spot_hours("m7g.large"))
    cloud.commitments.spot = [
        change for change in cloud.commitments.spot if change["instanceType"] != "m7g.large"
    ]
    outcome = refresh(shelf, EC2)
    (failure,) = outcome.failures
    assert isinstance(failure.error, PricesWithdrawn)
    assert f"no longer lists 1 of 3 prices, such as {spot_hours('m7g.large')}" in str(failure.error)
    assert outcome.book.price(spot_hours("m7g.large")) == before


def test_a_type_may_move_to_another_zone(cloud: Cloud, shelf: Shelf) -> None:
    refresh(shelf, EC2)
    cloud.commitments.spot = [
        {**change, "availabilityZone": f"{REGION}b"} for change in cloud.commitments.spot
    ]
    assert refresh(shelf, EC2).failures == ()


def test_an_inferred_spot_price_is_as_old_as_the_spot_advisor(cloud: Cloud, shelf: Shelf) -> None:
    cloud.commitments.spot = [
        change for change in cloud.commitments.spot if change["instanceType"] != "m7g.large"
    ]
    book = refresh(shelf, EC2).book
    told, inferred = (book.price(spot_hours(name)) for name in ("c7g.large", "m7g.large"))
    assert book.confirmed_on(told) == "2026-11-24"
    assert book.confirmed_on(inferred) == inferred.as_of < "2026-11-24"


def test_a_clock_that_was_ahead_does_no_lasting_harm(cloud: Cloud, shelf: Shelf) -> None:
    ahead = refresh(shelf, EC2, now=datetime(2031, 1, 1, tzinfo=UTC)).book
    assert ahead.manifest.book_date == "2031-01-01"
    outcome = refresh(shelf, EC2)
    assert outcome.failures == ()
    book = shelf.open()
    assert (book.manifest.book_date, book.manifest.confirmed_on) == ("2026-11-24", "2026-11-24")
    assert book.newest_as_of == "2026-11-24"
    assert shelf.open("2026-11-24").folder == book.folder


def test_a_version_of_the_future_is_refused_whatever_its_date(cloud: Cloud, shelf: Shelf) -> None:
    publish(cloud, "awskms", "20991231000000", "2099-12-31T00:00:00Z")
    with pytest.raises(ClockSkewed, match="it is of 2099-12-31, after today"):
        refresh(shelf, "awskms", Source.BULK)
    cloud.charge(TODAY)
    publish(cloud, "awskms", "20991231000000", PUBLICATION_DATE)
    with pytest.raises(PriceFileCorrupt, match=f"'20991231000000' and publication date '{PUBLICATION_DATE}'"):
        refresh(shelf, "awskms", Source.BULK)


@pytest.mark.parametrize("source", [Source.BULK, Source.LIST])
def test_a_list_of_another_edition_than_the_index_names_is_refused(
    cloud: Cloud, shelf: Shelf, source: Source
) -> None:
    """A mirror that mixes two editions: prices would be dated by the one and found by the other."""
    path = f"/offers/v1.0/aws/awskms/{VERSION}/{REGION}/index.json"
    document = json.loads(cloud.price_lists.files[path])
    document |= {"version": "20261006120000", "publicationDate": "2026-10-06T12:00:00Z"}
    cloud.price_lists.files = cloud.price_lists.files | {path: json.dumps(document).encode()}
    with pytest.raises(PriceFileCorrupt, match=f"what led to the file names '{VERSION}'"):
        refresh(shelf, "awskms", source)


def test_an_older_list_changes_no_newer_price_of_the_snapshot(cloud: Cloud, shelf: Shelf) -> None:
    """The snapshot's prices of instances are of 2025-12, those of volumes of 2024-07."""
    published = ("20250501000000", "2025-05-01T00:00:00Z")
    publish(cloud, EC2, *published, factor=2)
    (failure,) = refresh(shelf, EC2, Source.BULK).failures
    assert isinstance(failure.error, OlderPrices)
    assert failure.error.paths == (f"{EC2}/{REGION}.csv",)
    assert "is of 2025-05-01, and would change AmazonEC2" in str(failure.error)
    cloud.charge(TODAY)
    publish(cloud, EC2, *published)
    assert refresh(shelf, EC2, Source.BULK).failures == ()


def test_a_list_that_unpacks_without_end_is_refused(
    cloud: Cloud, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("costmodel.pricing.refresh.download", partial(download, most_bytes=1_000))
    with pytest.raises(FileTooLarge, match="unpacked, more than 1,000 bytes"):
        refresh(shelf, "awskms", Source.BULK)
    assert shelf.choice().copy.name == "snapshot"


def lose(cloud: Cloud, skus: set[str]) -> None:
    """AWS's file of EC2 lacks these products, and has their terms."""
    path = f"/offers/v1.0/aws/{EC2}/{VERSION}/{REGION}/index.json"
    document = json.loads(cloud.price_lists.files[path])
    products = document["products"]
    assert skus <= products.keys()
    document["products"] = {sku: product for sku, product in products.items() if sku not in skus}
    cloud.price_lists.files = cloud.price_lists.files | {path: json.dumps(document, indent=2).encode()}


def test_a_file_that_lost_a_product_of_the_book_is_refused(cloud: Cloud, shelf: Shelf) -> None:
    """Its terms say that it was there: that is damage, no withdrawal."""
    book = refresh(shelf, EC2, Source.BULK).book
    (sku,) = {
        price.sku_id for price in book.prices(REGION, EC2) if "NatGateway-Hours" in price.query.usage_type
    }
    lose(cloud, {sku})
    outcome = refresh(shelf, EC2, Source.BULK)
    (failure,) = outcome.failures
    assert isinstance(failure.error, PriceFileCorrupt)
    assert f"no product: 1, 1 of them needed, such as {sku}; products are missing" in str(failure.error)
    assert not any(change.gone for change in outcome.files)


def test_a_first_file_that_lost_a_product_withdraws_nothing(cloud: Cloud, shelf: Shelf) -> None:
    """The snapshot knows no SKUs: that terms have no product and a price is gone is told apart from a withdrawal."""
    lose(cloud, {sku_of(f"{EC2} {REGION} NatGateway-Hours")})
    outcome = refresh(shelf, EC2, Source.BULK)
    (failure,) = outcome.failures
    assert isinstance(failure.error, PricesWithdrawn)
    assert "NatGateway-Hours" in str(failure.error)
    assert not any(change.gone for change in outcome.files)


def test_terms_of_no_product_are_told(cloud: Cloud, shelf: Shelf) -> None:
    """Of one SKU that nothing needs, with terms of two kinds."""
    path = f"/offers/v1.0/aws/{EC2}/{VERSION}/{REGION}/index.json"
    document = json.loads(cloud.price_lists.files[path])
    for of_kind in document["terms"].values():
        of_kind["STRAY"] = json.loads(
            json.dumps(next(iter(of_kind.values()))).replace(next(iter(of_kind)), "STRAY")
        )
    assert len(document["terms"]) > 1
    cloud.price_lists.files = cloud.price_lists.files | {path: json.dumps(document, indent=2).encode()}
    outcome = refresh(shelf, EC2, Source.BULK)
    assert outcome.failures == ()
    assert (
        LeftOut(f"{EC2} {REGION}", "terms of 1 SKU that no product of the file belongs to")
        in outcome.left_out
    )
