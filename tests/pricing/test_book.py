"""The price book: one answer, the right region, or an error that says what to do."""

import csv
import pickle
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import AmbiguousPrice, PriceError, PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.shipped import shipped

BOOK = PriceBook.shipped()
REGIONS = (
    "us-east-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-1",
    "ap-northeast-1",
    "ap-south-1",
    "sa-east-1",
)


def published() -> dict[PriceQuery, tuple[Decimal, ...]]:
    """Every on-demand price of the committed files, read without the package."""
    prices: dict[PriceQuery, tuple[Decimal, ...]] = {}
    for path in sorted(shipped("pricing_cache").glob("*/*.csv")):
        if path.name.endswith(".reserved.csv"):
            continue
        region_id = path.stem.replace("edge-", "edge:")
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                attributes = tuple(tuple(pair.split("=")) for pair in row["attributes"].split(";") if pair)
                query = PriceQuery(path.parent.name, region_id, row["usage_type"], attributes, row["term"])
                prices[query] = (*prices.get(query, ()), Decimal(row["price_usd"]))
    return prices


PUBLISHED = published()
PLACES = sorted({query.region_id for query in PUBLISHED} | {"eu-north-9", "edge:moon", ""})


@settings(max_examples=300, deadline=None)
@given(query=st.sampled_from(sorted(PUBLISHED)), region_id=st.sampled_from(PLACES))
def test_no_other_regions_price_is_ever_returned(query, region_id):
    asked = PriceQuery(query.service_code, region_id, query.usage_type, query.attributes, query.term)
    if asked in PUBLISHED:
        price = BOOK.price(asked)
        assert price.query == asked
        assert tuple(tier.list_unit_price for tier in price.tiers) == PUBLISHED[asked]
    else:
        with pytest.raises(PriceNotFound) as error:
            BOOK.price(asked)
        assert str(error.value).startswith(f"no price for {asked}")


texts = st.text(max_size=8) | st.sampled_from(sorted({query.usage_type for query in PUBLISHED}))


@settings(max_examples=200, deadline=None)
@given(
    service_code=st.text(max_size=4) | st.sampled_from(["AmazonRDS", "AWSELB", "AmazonEC2"]),
    region_id=st.text(max_size=4) | st.sampled_from(REGIONS),
    usage_type=texts,
    attributes=st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=2),
    term=st.text(max_size=4) | st.sampled_from(["OnDemand", "Reserved", "FlatRate"]),
)
def test_any_query_gets_an_exact_answer_or_a_named_error(
    service_code, region_id, usage_type, attributes, term
):
    query = PriceQuery(service_code, region_id, usage_type, tuple(sorted(attributes)), term)
    try:
        price = BOOK.price(query)
    except PriceError as error:
        assert str(query) in str(error)  # noqa: PT017
    else:
        assert price.query == query


def test_the_same_question_gets_the_same_object():
    query = PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large")
    assert BOOK.price(query) is BOOK.price(PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large"))


def test_missing_attributes_are_ambiguous_and_listed():
    with pytest.raises(AmbiguousPrice) as error:
        BOOK.price(PriceQuery("AWSELB", "eu-west-1", "LCUUsage"))
    assert str(error.value) == (
        "3 prices for AWSELB eu-west-1 LCUUsage: "
        "AWSELB eu-west-1 LCUUsage load_balancer=application, "
        "AWSELB eu-west-1 LCUUsage load_balancer=gateway, "
        "AWSELB eu-west-1 LCUUsage load_balancer=network. Name the attributes to choose one."
    )


def test_a_missing_attribute_is_not_filled_in_even_if_only_one_price_is_left():
    """In ap-southeast-1 db.r8g is priced for one engine only, which may not be the one meant."""
    query = PriceQuery("AmazonRDS", "ap-southeast-1", "InstanceUsage:db.r8g.large")
    with pytest.raises(
        PriceNotFound, match=r"the book has: .* InstanceUsage:db\.r8g\.large engine=Aurora PostgreSQL\."
    ):
        BOOK.price(query)


def test_a_wrong_attribute_is_not_found_and_the_right_ones_are_named():
    with pytest.raises(PriceNotFound, match=r"Under that usage type the book has: .* engine=Aurora MySQL"):
        BOOK.price(
            PriceQuery("AmazonRDS", "eu-west-1", "InstanceUsage:db.r7g.large", (("engine", "Oracle"),))
        )


def test_a_misspelt_usage_type_names_the_closest_ones_and_the_next_step():
    with pytest.raises(PriceNotFound) as error:
        BOOK.price(PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.lrage"))
    assert str(error.value) == (
        "no price for AmazonEC2 eu-west-1 BoxUsage:m7g.lrage. "
        "Closest names there: BoxUsage:m7g.large, BoxUsage:m7g.xlarge, BoxUsage:m7g.8xlarge. "
        "See `costmodel prices show BoxUsage:m7g.large --region eu-west-1`."
    )


def test_a_name_like_no_other_says_so():
    with pytest.raises(
        PriceNotFound, match=r"No name there comes close\. See `costmodel prices show AmazonEC2 --reg"
    ):
        BOOK.price(PriceQuery("AmazonEC2", "eu-west-1", "§"))


def test_an_unknown_region_lists_the_known_ones():
    with pytest.raises(PriceNotFound) as error:
        BOOK.price(PriceQuery("AmazonEC2", "eu-north-1", "BoxUsage:m7g.large"))
    assert all(region in str(error.value) for region in REGIONS)
    assert "no prices for AmazonEC2 in 'eu-north-1'" in str(error.value)


def test_an_unknown_service_lists_the_known_ones():
    with pytest.raises(
        PriceNotFound, match=r"no service 'AmazonEC3' in the price book, which has AWSDataTransfer, "
    ):
        BOOK.price(PriceQuery("AmazonEC3", "eu-west-1", "BoxUsage:m7g.large"))


def test_a_global_price_asked_for_by_region_is_not_given_but_pointed_to():
    with pytest.raises(PriceNotFound, match="it is priced in region_id 'global'"):
        BOOK.price(PriceQuery("AmazonRoute53", "eu-west-1", "HostedZone"))


def test_a_price_absent_from_one_region_is_absent():
    """io2 volumes have no price in the source for sa-east-1."""
    io2 = "EBS:VolumeUsage.io2"
    assert BOOK.price(PriceQuery("AmazonEC2", "ap-south-1", io2)).tiers[0].list_unit_price == Decimal("0.131")
    with pytest.raises(PriceNotFound):
        BOOK.price(PriceQuery("AmazonEC2", "sa-east-1", io2))


def test_reserved_files_are_read_only_for_reserved_terms(monkeypatch):
    read: list[str] = []
    original = PriceBook._read

    def spy(self, file):
        read.append(file.path)
        return original(self, file)

    monkeypatch.setattr(PriceBook, "_read", spy)
    book = PriceBook(shipped("pricing_cache"))
    book.price(PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large"))
    book.search("m7g.large", region_id="eu-west-1")
    assert not [path for path in read if "reserved" in path]
    term = "Reserved standard 1yr No Upfront"
    price = book.price(PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large", term=term))
    assert price.query.term == term
    assert price.tiers[0].list_unit_price < Decimal("0.091")
    assert read[-1] == "AmazonEC2/eu-west-1.reserved.csv"


def test_a_service_without_reserved_terms_says_so():
    with pytest.raises(PriceNotFound, match="no reserved prices for AmazonS3 in any region"):
        BOOK.price(
            PriceQuery("AmazonS3", "eu-west-1", "TimedStorage-ByteHrs", term="Reserved 1yr No Upfront")
        )


def test_search_looks_at_every_field_in_any_case():
    found = BOOK.search("AURORA postgresql DB.R7G.LARGE", region_id="eu-west-1")
    assert [price.query.usage_type for price in found] == [
        "InstanceUsage:db.r7g.large",
        "InstanceUsageIOOptimized:db.r7g.large",
    ]
    assert {price.query.service_code for price in BOOK.search("engine=MySQL", "us-east-1")} == {"AmazonRDS"}
    assert len(BOOK.search("HostedZone")) == 1
    assert BOOK.search("no such thing") == []


def test_search_narrows_by_service_and_region():
    everywhere = BOOK.search("m7g.large", service_code="AmazonEC2")
    assert [price.query.region_id for price in everywhere] == sorted(REGIONS)
    assert {price.query.term for price in everywhere} == {"OnDemand"}


def test_the_committed_prices_of_a_use_are_found_by_its_usage_type():
    query = PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large")
    assert [price.query.term for price in BOOK.committed(query)] == [
        "Reserved convertible 1yr No Upfront",
        "Reserved convertible 3yr No Upfront",
        "Reserved standard 1yr No Upfront",
        "Reserved standard 3yr No Upfront",
    ]
    assert BOOK.committed(PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:none.large")) == ()
    assert BOOK.committed(PriceQuery("AmazonS3", "eu-west-1", "TimedStorage-ByteHrs")) == ()


def test_coverage_adds_up_to_the_manifest():
    coverage = {service.service_code: service for service in BOOK.coverage()}
    ec2 = coverage["AmazonEC2"]
    # 2134 instances, 100 EBS and 16 NAT prices on demand; 7992 reserved.
    assert (ec2.rows, ec2.files) == (2134 + 100 + 16 + 7992, 16)
    assert set(ec2.region_ids) == set(REGIONS)
    assert (ec2.oldest_as_of, ec2.newest_as_of) == ("2024-07-18", "2026-07-20")
    assert coverage["CloudFrontPlans"].region_ids == ("global",)
    assert sum(service.rows for service in coverage.values()) == sum(
        file.rows for file in BOOK.manifest.files if file.service_code
    )
    # The oldest row of all is a free allowance: CloudWatch's 5 GB of logs, from a bill of November 2021.
    assert (BOOK.oldest_as_of, BOOK.newest_as_of) == ("2021-11-12", "2026-10-06")
    assert BOOK.regions() == REGIONS


def test_a_book_that_was_read_can_be_sent_to_another_process():
    """It opens the same folder there, and gives the same answers."""
    book = PriceBook.shipped()
    query = PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large")
    price = book.price(query)
    sent = pickle.loads(pickle.dumps(book))
    assert (sent.folder, sent.digest) == (book.folder, book.digest)
    assert sent.price(query) == price
