"""Prices that no book has yet: reservations beside on demand, types beside their family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aws.books import book_of, price
from aws.cloud import NEEDS, REGION, TODAY, Cloud, Truth, small_aws
from costmodel.errors import ImplausiblePrice
from costmodel.pricing.book import PriceBook
from costmodel.pricing.newcomers import Doubt, doubts, refuse_doubts
from costmodel.pricing.origin import Source
from costmodel.pricing.price import UPFRONT_FEE, Price
from costmodel.pricing.refresh import Refresh, Refreshed
from costmodel.pricing.shelf import Shelf
from costmodel.pricing.verify import Severity, verify

EC2 = "AmazonEC2"
M7G = "BoxUsage:m7g.large"
TERM = "Reserved standard 1yr Partial Upfront"
HOUR = price(EC2, M7G, "0.10")


def reserved(usd: str, fee: str, term: str = TERM) -> list[Price]:
    return [
        price(EC2, M7G, usd, term=term),
        price(EC2, M7G, fee, term=term, unit="Quantity", attributes=(UPFRONT_FEE,)),
    ]


def new(*prices: Price, known: tuple[Price, ...] = ()) -> list[Doubt]:
    return list(doubts(prices, {of.query: of for of in known}.get))


@pytest.mark.parametrize(
    ("usd", "fee", "doubted"),
    [
        ("0.00001", "1", True),  # 0.000124 an hour: saves 99.9 %
        ("90", "1", True),
        ("0.06", "351", True),  # 0.06 + 351 / 8 760 is dearer than on demand by 0.00007
        ("0.06", "350", False),
        ("0", "876", False),
        ("0.015", "0", False),
        ("0.0149", "0", True),
    ],
)
def test_a_new_reservation_saves_no_more_than_aws_has_ever_sold_and_not_less_than_nothing(
    usd: str, fee: str, doubted: bool
) -> None:
    rate, its_fee = reserved(usd, fee)
    found = new(HOUR, rate, its_fee, known=(HOUR,))
    assert [doubt.price for doubt in found] == ([rate] if doubted else [])


def test_a_doubted_reservation_says_what_it_costs_with_its_fee() -> None:
    (doubt,) = new(HOUR, *reserved("0.00001", "1"))
    assert doubt.problem == "0.0001242 per Hrs, 0.10 on demand: not between 0.15 and 1 times that"


def test_a_reservation_that_is_known_is_held_against_itself_alone() -> None:
    rate, fee = reserved("0.00001", "1")
    assert new(HOUR, rate, fee, known=(HOUR, rate, fee)) == []
    assert len(new(HOUR, rate, fee, known=(HOUR, rate))) == 1


def test_a_reservation_of_which_a_part_is_missing_is_not_judged() -> None:
    rate, fee = reserved("0.00001", "1")
    assert new(HOUR, rate) == new(rate, fee) == new(HOUR, fee) == []


def box(instance_type: str, usd: str) -> Price:
    return price(EC2, f"BoxUsage:{instance_type}", usd)


FAMILY = (HOUR, box("m7g.xlarge", "0.20"), box("m7g.2xlarge", "0.40"))


@pytest.mark.parametrize(
    ("usd", "doubted"), [("0.00024", True), ("0.47", True), ("0.48", False), ("12", False), ("12.1", True)]
)
def test_a_new_type_costs_by_its_size_what_its_family_does(usd: str, doubted: bool) -> None:
    found = new(*FAMILY, box("m7g.12xlarge", usd), known=FAMILY)
    assert len(found) == doubted
    if doubted:
        assert "2.400 by size in its family: not between 0.2 and 5 times that" in found[0].problem


def test_the_types_of_a_new_family_are_held_against_each_other() -> None:
    (doubt,) = new(*FAMILY, box("m7g.12xlarge", "0.0024"))
    assert doubt.price.query.usage_type == "BoxUsage:m7g.12xlarge"
    assert new(box("m9g.large", "0.00001")) == []  # alone


def test_sizes_of_databases_are_read_as_they_are_written_there() -> None:
    known = tuple(
        price("AmazonRDS", f"InstanceUsage:db.r7g.{size}", usd)
        for size, usd in [("large", "0.2"), ("xl", "0.4")]
    )
    (doubt,) = new(*known, price("AmazonRDS", "InstanceUsage:db.r7g.16xl", "0.0064"), known=known)
    assert doubt.beside == Decimal("6.4")


def test_nothing_that_shipped_is_doubted_even_if_all_of_it_were_new() -> None:
    assert new(*PriceBook.shipped().prices()) == []


@pytest.mark.parametrize("named", [f"{EC2} us-east-1 {M7G} ({TERM})", "SKU1"])
def test_what_is_doubted_is_refused_until_it_is_accepted(named: str) -> None:
    rate, fee = reserved("0.00001", "1")
    answer = [HOUR, replace(rate, sku_id="SKU1"), fee]
    with pytest.raises(ImplausiblePrice, match=r"on demand.*--accept-moved"):
        refuse_doubts(answer, {}.get, frozenset())
    (taken,) = refuse_doubts(answer, {}.get, frozenset({named}))
    assert (taken.known, taken.where, taken.accepted) == (Decimal("0.10"), "on demand", True)


def test_a_check_of_the_book_warns_of_what_it_doubts(tmp_path: Path) -> None:
    shipped = book_of(tmp_path / "shipped", *FAMILY)
    book = book_of(tmp_path / "book", *FAMILY, *reserved("90", "1"), box("m7g.12xlarge", "0.00024"))
    warned = {
        finding.subject
        for finding in verify(book, shipped, date(2026, 11, 28))
        if finding.severity is Severity.WARNING
    }
    assert warned == {f"{EC2} us-east-1 {M7G} ({TERM})", f"{EC2} us-east-1 BoxUsage:m7g.12xlarge"}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    with small_aws(monkeypatch, tmp_path) as cloud:
        yield cloud


def refresh(shelf: Shelf, *accepted: str) -> Refreshed:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    refreshing = Refresh(shelf, NEEDS, Source.API, now, lambda *_: None, frozenset(accepted))
    return refreshing.run((), [EC2])


def test_a_refresh_refuses_a_new_type_that_is_unlike_its_family(cloud: Cloud, tmp_path: Path) -> None:
    large = next(of for of in TODAY.stated if of.query.usage_type == M7G and of.query.term == "OnDemand")
    query = replace(large.query, usage_type="BoxUsage:m7g.12xlarge")
    tier = replace(large.tiers[0], list_unit_price=Decimal("0.0000910000"))
    cloud.charge(Truth((*TODAY.stated, replace(large, query=query, tiers=(tier,))), TODAY.allowances))
    shelf = Shelf(tmp_path / "cache")
    (failure,) = refresh(shelf).failures
    assert isinstance(failure.error, ImplausiblePrice)
    assert "by size in its family" in str(failure.error)
    assert refresh(shelf, str(query)).book.price(query).tiers[0].list_unit_price == Decimal("0.000091")
    assert query.region_id == REGION
