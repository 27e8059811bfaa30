"""Prices that no book has yet: beside on demand, their family, its kind, and the other regions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aws.books import book_of, price
from aws.cloud import NEEDS, REGION, TODAY, Cloud, Truth, small_aws
from costmodel.errors import ImplausiblePrice
from costmodel.pricing.book import PriceBook
from costmodel.pricing.newcomers import (
    REGION_MARGIN,
    REGIONS_APART,
    Comparison,
    Newcomers,
    compared,
    refuse_doubts,
)
from costmodel.pricing.origin import Source
from costmodel.pricing.peers import Peers
from costmodel.pricing.price import GLOBAL, UPFRONT_FEE, Price, PriceTier
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


def seen(*prices: Price, known: Iterable[Price] = ()) -> Newcomers:
    """What is said of an answer, beside a book of the known ones."""
    held = tuple(known)
    return compared(prices, {of.query: of for of in held}.get, Peers(held))


def new(*prices: Price, known: Iterable[Price] = ()) -> list[Comparison]:
    return list(seen(*prices, known=known).doubts)


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


SHIPPED = tuple(PriceBook.shipped().prices())
REGIONS = PriceBook.shipped().regions()


def times(price: Price, factor: str) -> Price:
    tiers = (replace(tier, list_unit_price=tier.list_unit_price * Decimal(factor)) for tier in price.tiers)
    return replace(price, tiers=tuple(tiers))


@pytest.mark.parametrize("region_id", REGIONS)
def test_each_region_that_shipped_would_pass_as_a_new_one(region_id: str) -> None:
    here = [of for of in SHIPPED if of.query.region_id == region_id]
    found = seen(*here, known=[of for of in SHIPPED if of.query.region_id != region_id])
    assert found == Newcomers((), ())


APART = ("AWSDataTransfer", "AmazonCloudFront")
"""Their prices are so far apart between regions that ten times the price of a cheap one is that of a dear one."""


@pytest.mark.parametrize("factor", ["10", "0.1", "1024", "0.001"])
def test_a_new_region_whose_prices_are_all_a_digit_off_is_doubted_price_by_price(factor: str) -> None:
    """sa-east-1, the dearest; and all of it at once, so that nothing in the answer itself is odd."""
    for region_id in ("sa-east-1", "ap-south-1"):
        here = [of for of in SHIPPED if of.query.region_id == region_id]
        charged = [of for of in here if all(tier.list_unit_price for tier in of.tiers)]
        others = [of for of in SHIPPED if of.query.region_id != region_id]
        doubted = {of.price.query for of in new(*(times(of, factor) for of in here), known=others)}
        missed = {of.query.service_code for of in charged if of.query not in doubted}
        assert missed <= (set(APART) if factor in ("10", "0.1") else set()), missed


def test_how_far_regions_are_apart_is_what_the_snapshot_says() -> None:
    """Each region beside the others, as a new one is."""
    by_use: dict[tuple[str, ...], list[Price]] = {}
    for of in SHIPPED:
        query = of.query
        usage_type = "to a region" if "-AWS-Out-" in query.usage_type else query.usage_type
        place = query.region_id.partition(":")[0] if ":" in query.region_id else ""
        use = (query.service_code, usage_type, f"{query.attributes}", query.term, place)
        if query.region_id != GLOBAL:
            by_use.setdefault(use, []).append(of)
    measured = dict.fromkeys(REGIONS_APART, Decimal(1))
    for (service_code, *_), alike in by_use.items():
        for of in alike:
            others = [each for each in alike if each.query.region_id != of.query.region_id]
            for place, tier in enumerate(of.tiers if others else ()):
                usual, now = [each.tiers[place].list_unit_price for each in others], tier.list_unit_price
                if now:
                    apart = max(now / max(usual), min(usual) / now)
                    measured[service_code] = max(measured[service_code], apart)
    stated = {code: apart.quantize(Decimal("0.01"), "ROUND_CEILING") for code, apart in measured.items()}
    assert stated == REGIONS_APART


def gp3(region_id: str, usd: str) -> Price:
    return price(EC2, "EBS:VolumeUsage.gp3", usd, unit="GB-Mo", region_id=region_id)


VOLUMES = tuple(gp3(*of) for of in [("us-east-1", "0.08"), ("eu-west-1", "0.088"), ("sa-east-1", "0.152")])
LARGEST = REGIONS_APART[EC2] * REGION_MARGIN
"""2.46"""


@pytest.mark.parametrize(
    ("usd", "problem"),
    [
        ("0.373", ""),
        ("0.374", "0.374 per GB-Mo, 0.08 to 0.152 in other regions: more than 2.46 times beyond that"),
        ("0.0326", ""),
        ("0.0325", "0.0325 per GB-Mo, 0.08 to 0.152 in other regions: more than 2.46 times beyond that"),
    ],
)
def test_a_price_in_a_new_region_is_near_the_other_regions(usd: str, problem: str) -> None:
    assert [of.problem for of in new(gp3("eu-west-2", usd), known=VOLUMES)] == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("usd", "doubted"), [("0.4", False), ("0.41", True), ("0.016", False), ("0.0159", True)]
)
def test_fewer_than_three_regions_say_little(usd: str, doubted: bool) -> None:
    assert bool(new(gp3("eu-west-2", usd), known=VOLUMES[:1])) == doubted


def stored(region_id: str, *steps: tuple[str, str], unit: str = "GB-Mo") -> Price:
    ends = [Decimal(begin) for begin, _ in steps[1:]]
    tiers = tuple(
        PriceTier(Decimal(begin), end, Decimal(usd))
        for (begin, usd), end in zip(steps, [*ends, None], strict=True)
    )
    one = price("AmazonS3", "TimedStorage-ByteHrs", "1", unit=unit, region_id=region_id)
    return replace(one, tiers=tiers)


LADDER = (("0", "0.023"), ("51200", "0.022"), ("512000", "0.021"))
STORED = tuple(stored(region_id, *LADDER) for region_id in ("us-east-1", "us-west-2", "eu-west-1"))


@pytest.mark.parametrize(
    ("steps", "unit", "problem"),
    [
        (LADDER, "GB-Mo", ""),
        (
            (("0", "0.023"), ("50", "0.022"), ("500", "0.021")),
            "GB-Mo",
            "its tiers begin at 0, 50, 500, in us-east-1 at 0, 51200, 512000",
        ),
        ((("0", "0.023"),), "GB-Mo", "its tiers begin at 0, in us-east-1 at 0, 51200, 512000"),
        (LADDER, "GB", "it counts in GB, in other regions in GB-Mo"),
        (
            (("0", "0.23"), ("51200", "0.22")),
            "GB-Mo",
            "0.23 per GB-Mo, 0.023 to 0.023 in other regions: more than 2.55 times beyond that; "
            "its tiers begin at 0, 51200, in us-east-1 at 0, 51200, 512000",
        ),
        (
            (*LADDER[:2], ("512000", "0.0021")),
            "GB-Mo",
            "0.0021 per GB-Mo above 512000, 0.021 to 0.021 in other regions: more than 2.55 times beyond that",
        ),
    ],
)
def test_a_ladder_in_a_new_region_is_the_one_of_the_other_regions(
    steps: tuple[tuple[str, str], ...], unit: str, problem: str
) -> None:
    found = new(stored("eu-west-2", *steps, unit=unit), known=STORED)
    assert [of.problem for of in found] == ([problem] if problem else [])


def test_what_is_free_elsewhere_is_not_charged_in_a_new_region_unnoticed() -> None:
    inward = tuple(
        price("AWSDataTransfer", "DataTransfer-In-Bytes", "0", unit="GB", region_id=region_id)
        for region_id in ("us-east-1", "us-west-2", "eu-west-1")
    )
    (doubt,) = new(replace(times(inward[0], "0"), query=replace(inward[0].query, region_id="eu-west-2"),
        tiers=(PriceTier(Decimal(0), None, Decimal("0.09")),)), known=inward)  # fmt: skip
    assert doubt.problem.startswith("0.09 per GB, 0 to 0 in other regions")


@pytest.mark.parametrize(
    ("usd", "doubted"), [("0.02", False), ("0.1", False), ("0.2", True), ("0.0002", True)]
)
def test_what_leaves_for_one_more_region_costs_what_leaves_for_others(usd: str, doubted: bool) -> None:
    known = [of for of in SHIPPED if of.query.service_code == "AWSDataTransfer"]
    to = price("AWSDataTransfer", "EUW2-AWS-Out-Bytes", usd, unit="GB", region_id="eu-west-1")
    found = seen(to, known=known)
    assert (len(found.doubts), found.uncompared) == (doubted, ())


@pytest.mark.parametrize(
    ("instance_type", "usd", "doubted"),
    [
        ("m9g.large", "0.09", False),
        ("m9g.large", "0.9", True),
        ("m9g.large", "0.009", True),
        ("p6-b200.48xlarge", "113.9", False),  # kinds that the book has none of are dearer, or cheaper
        ("hpc6a.48xlarge", "2.88", False),
        ("p6-b200.48xlarge", "11390", True),
        ("g7e.2xlarge", "3.36", False),
    ],
)
def test_a_lone_type_of_a_new_family_is_held_against_its_kind(
    instance_type: str, usd: str, doubted: bool
) -> None:
    found = seen(box(instance_type, usd), known=SHIPPED)
    assert (len(found.doubts), found.uncompared) == (doubted, ())


def test_a_new_family_that_is_a_digit_off_as_a_whole_is_doubted() -> None:
    """Its types are alike among themselves."""
    family = [box("m9g.large", "0.9"), box("m9g.xlarge", "1.8"), box("m9g.2xlarge", "3.6")]
    assert [of.where for of in new(*family, known=SHIPPED)] == ["by size in other families"] * 3


def test_kinds_of_databases_are_held_against_the_same_engine() -> None:
    def hour(usd: str, engine: str = "PostgreSQL") -> Price:
        return price("AmazonRDS", "InstanceUsage:db.r9g.large", usd, attributes=(("engine", engine),))

    assert new(hour("0.25"), known=SHIPPED) == []
    (doubt,) = new(hour("2.5"), known=SHIPPED)
    assert doubt.problem.startswith("2.5 per Hrs, 0.2")
    assert seen(hour("0.25", "MariaDB"), known=SHIPPED).uncompared == (hour("0.25", "MariaDB"),)


def test_what_is_like_nothing_is_told() -> None:
    """Types of a family that is unheard-of are alike among themselves, which proves nothing."""
    nodes = [
        price("AmazonDAX", f"NodeUsage:dax.r5.{size}", usd) for size, usd in [("large", "1"), ("xlarge", "2")]
    ]
    assert seen(*nodes, known=SHIPPED) == Newcomers((), tuple(nodes))
    assert seen(*nodes, known=nodes) == Newcomers((), ())


@pytest.mark.parametrize("named", [f"{EC2} us-east-1 {M7G} ({TERM})", "SKU1"])
def test_what_is_doubted_is_refused_until_it_is_accepted(named: str) -> None:
    rate, fee = reserved("0.00001", "1")
    answer = [HOUR, replace(rate, sku_id="SKU1"), fee]
    with pytest.raises(ImplausiblePrice, match=r"on demand.*--accept-moved"):
        refuse_doubts(seen(*answer), frozenset())
    (taken,) = refuse_doubts(seen(*answer), frozenset({named}))
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
