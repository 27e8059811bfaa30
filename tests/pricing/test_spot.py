"""Spot prices: worked means of a history, the loopback API, and the inference from the Spot Advisor."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from aws.books import book_of, book_with, price
from aws.commitments_server import CommitmentsServer
from aws.faults.plans import SPOT_BODIES
from costmodel.errors import (
    AccessDenied,
    ApiFailed,
    MalformedListing,
    NothingOffered,
    PlaceholderPrice,
    PriceNotFound,
)
from costmodel.pricing.aws_client import open_client
from costmodel.pricing.book import PriceBook
from costmodel.pricing.spot import OPERATION, _statistics, spot_history, spot_part, spot_price

REGION = "us-east-1"
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 11, tzinfo=UTC)
BOOK = PriceBook.shipped()


def change(day, figure, *, zone="use1-az1", instance_type="m7g.large", product="Linux/UNIX", **more):
    """A price change on a day of November 2026; day 0 is the last of October."""
    at = START + timedelta(days=day - 1)
    return {
        "instanceType": instance_type,
        "productDescription": product,
        "spotPrice": figure,
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "availabilityZone": "us-east-1a",
        "availabilityZoneId": zone,
        **more,
    }


@pytest.fixture
def aws(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setattr("costmodel.pricing.aws_client.CALL_ATTEMPTS", 2)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    with CommitmentsServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url)
        yield server


def asked(*instance_types):
    with closing(open_client("ec2", REGION)) as client:
        return spot_history(client, REGION, instance_types or ("m7g.large",), START, END)


def told(prices) -> dict[str, str]:
    return {str(of.query): f"{of.tiers[0].list_unit_price:f}" for of in prices}


@pytest.mark.parametrize(
    ("changes", "mean", "lowest", "highest"),
    [
        # One price all the time, set before the start.
        ([(-3, "0.031")], "0.031000", "0.031", "0.031"),
        # 0.030 for 4 days, 0.040 for 6: (0.12 + 0.24) / 10.
        ([(-1, "0.030"), (5, "0.040")], "0.036000", "0.030", "0.040"),
        # 0.02 for 1 day, 0.05 for 2, 0.03 for 7: (0.02 + 0.10 + 0.21) / 10; in any order.
        ([(4, "0.03"), (-9, "0.02"), (2, "0.05")], "0.033000", "0.02", "0.05"),
        # First offered on the 6th: 0.04 for 2 of the 5 days left, 0.03 for 3.
        ([(6, "0.04"), (8, "0.03")], "0.034000", "0.03", "0.04"),
        # A price that held only before the start does not count: 1 / 3 rounded to six decimals.
        ([(-5, "9.99"), (-2, "0.333333")], "0.333333", "0.333333", "0.333333"),
    ],
)
def test_worked_means(aws, changes, mean, lowest, highest):
    aws.spot = [change(day, figure) for day, figure in changes]
    start = f"AmazonEC2 {REGION} SpotUsage:m7g.large statistic="
    assert told(asked()) == {
        f"{start}mean zone=use1-az1 (Spot)": mean,
        f"{start}lowest zone=use1-az1 (Spot)": lowest,
        f"{start}highest zone=use1-az1 (Spot)": highest,
    }


def test_history_page_by_page_without_decoys(aws):
    aws.spot = [
        change(-1, "0.030"),
        change(-1, "0.034", zone="use1-az2"),
        change(-1, "0.2", product="Windows", decoy=True),
        change(-1, "0.3", product="Linux/UNIX (Amazon VPC)", decoy=True),
        change(-1, "0.9", instance_type="c5.large"),
        change(5, "0.040"),
    ]
    aws.page_size = 2
    prices = asked()
    assert {dict(of.query.attributes)["zone"] for of in prices} == {"use1-az1", "use1-az2"}
    assert max(of.tiers[0].list_unit_price for of in prices) == Decimal("0.040")
    assert {(of.as_of, of.source, of.pricing_unit) for of in prices} == {
        ("2026-11-11", "ec2 DescribeSpotPriceHistory, 10 days", "Hrs")
    }
    assert len(aws.questions) == 3


def test_a_type_without_prices_is_left_out(aws):
    aws.spot = [change(-1, "0.03")]
    assert asked("z1d.metal", "m7g.large") == asked("m7g.large")
    with pytest.raises(NothingOffered, match="none of 1 types"):
        asked("z1d.metal")


def test_many_types_are_asked_for_in_several_questions(aws):
    types = [f"m{number}.large" for number in range(250)]
    aws.spot = [change(-1, "0.03", instance_type=name) for name in types]
    assert len(asked(*types)) == 3 * 250
    assert [sum(name.startswith("InstanceType.") for name in q) for q in aws.questions] == [100, 100, 50]


@pytest.mark.parametrize(
    ("start", "end"), [(END, START), (START, START), (START - timedelta(days=91), START)]
)
def test_a_time_span_that_cannot_be_asked_for(start, end):
    with pytest.raises(ValueError, match="AWS keeps 90 days"):
        spot_history(None, REGION, ("m7g.large",), start, end)


def test_what_aws_refuses_has_a_name(aws):
    aws.faults = [(403, "UnauthorizedOperation")] * 3
    with pytest.raises(AccessDenied, match="ec2:DescribeSpotPriceHistory"):
        asked()


def test_a_throttled_call_is_made_again(aws):
    aws.faults = [(503, "RequestLimitExceeded")]
    aws.spot = [change(-1, "0.03")]
    assert len(asked()) == 3


def test_pages_that_lead_back_end(aws):
    aws.spot = [change(-1, "0.03")]
    aws.loop = True
    with pytest.raises(ApiFailed, match="same next token"):
        asked()


@pytest.mark.parametrize("body", SPOT_BODIES)
def test_an_answer_of_another_form_has_a_name(aws, body):
    aws.bodies = {"ec2": body}
    with pytest.raises((ApiFailed, MalformedListing), match=OPERATION):
        asked()


@pytest.mark.parametrize("broken", [{"SpotPrice": "free"}, {"SpotPrice": "-0.1"}, {"InstanceType": None}])
def test_a_price_that_is_none_is_malformed(broken):
    answer = {
        "AvailabilityZone": "us-west-1a",
        "InstanceType": "m7g.large",
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": "0.080000",
        "Timestamp": START,
    } | broken
    answer = {name: value for name, value in answer.items() if value is not None}
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    with closing(boto3.client("ec2", region_name=REGION, **keys)) as client, Stubber(client) as stub:
        stub.add_response("describe_spot_price_history", {"SpotPriceHistory": [answer]})
        with pytest.raises(MalformedListing, match="without a usable"):
            spot_history(client, REGION, ("m7g.large",), START, END)


def test_a_price_of_zero_is_a_placeholder(aws):
    aws.spot = [change(-1, "0.03"), change(1, "0.000000")]
    with pytest.raises(PlaceholderPrice, match=r"m7g.large in .*: the price listed is 0"):
        asked()


def test_botocores_own_example():
    """The example of DescribeSpotPriceHistory in botocore 1.44.5, but for its product."""
    start, end = datetime(2014, 1, 6, 7, 8, 9, tzinfo=UTC), datetime(2014, 1, 6, 8, 9, 10, tzinfo=UTC)
    history = [
        {
            "AvailabilityZone": zone,
            "InstanceType": "m1.xlarge",
            "ProductDescription": "Linux/UNIX",
            "SpotPrice": "0.080000",
            "Timestamp": at,
        }
        for zone, at in (
            ("us-west-1a", datetime(2014, 1, 6, 4, 32, 53, tzinfo=UTC)),
            ("us-west-1c", datetime(2014, 1, 5, 11, 28, 26, tzinfo=UTC)),
        )
    ]
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    with closing(boto3.client("ec2", region_name="us-west-1", **keys)) as client, Stubber(client) as stub:
        stub.add_response("describe_spot_price_history", {"SpotPriceHistory": history})
        prices = spot_history(client, "us-west-1", ("m1.xlarge",), start, end)
    assert len(prices) == 6
    assert {of.tiers[0].list_unit_price for of in prices} == {Decimal("0.080000")}


changes_strategy = st.lists(
    st.tuples(
        st.integers(-31 * 86_400, 9 * 86_400).map(lambda s: START + timedelta(seconds=s)),
        st.decimals("0.000100", "50", places=6),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda of: of[0],
)


@given(changes_strategy)
def test_the_mean_lies_between_lowest_and_highest(changes):
    found = _statistics(changes, START, END)
    assert found["lowest"] <= found["mean"] <= found["highest"]
    assert found == _statistics(reversed(changes), START, END)


def test_the_books_history_is_the_price(tmp_path, aws):
    aws.spot = [
        change(-1, "0.030"),
        change(5, "0.040"),
        change(-1, "0.034", zone="use1-az2"),
    ]
    listed = price("AmazonEC2", "BoxUsage:m7g.large", "0.0816")
    parts = spot_part(asked(), REGION, origin="api", retrieved_at="2026-11-11T00:00:00Z")
    assert (parts.path, parts.kind) == (f"AmazonEC2/{REGION}.spot.csv", "spot")
    history = list(book_with(tmp_path, parts).prices(kinds=("spot",)))
    found = spot_price(book_of(tmp_path / "2", listed, *history), "m7g.large", REGION)
    # Means of the zones are 0.036 and 0.034.
    assert found.unit_price == Decimal("0.035000")
    assert (found.lowest_unit_price, found.highest_unit_price) == (Decimal("0.030"), Decimal("0.040"))
    assert found.published
    assert found.basis == "price history, mean of 2 zones"
    # 1 - 0.035 / 0.0816
    assert round(found.saving_ratio, 4) == Decimal("0.5711")
    assert found.interruption_band


def test_without_a_history_the_spot_advisor_is_asked():
    """ap-northeast-1 c5.large: 0.107 on demand, 66 % saving, more than 20 % reclaimed in a month."""
    found = spot_price(BOOK, "c5.large", "ap-northeast-1")
    assert found.unit_price == Decimal("0.107") * Decimal("0.34")
    assert (found.published, found.interruption_band) == (False, ">20%")
    assert found.basis == "on demand less 66 %, the Spot Advisor's mean saving"
    assert (found.source, found.as_of) == ("spotinfo@05e9331 spot-advisor-data", "2025-07-28")
    assert found.saving_ratio == Decimal("0.66")
    assert found.lowest_unit_price is None


def test_where_neither_is_known_the_next_step_is_told(tmp_path):
    listed = price("AmazonEC2", "BoxUsage:x9.large", "1")
    with pytest.raises(
        PriceNotFound, match="costmodel prices refresh --service AmazonEC2 --region us-east-1"
    ):
        spot_price(book_of(tmp_path, listed), "x9.large", REGION)
    with pytest.raises(PriceNotFound, match=r"BoxUsage:m99\.huge"):
        spot_price(BOOK, "m99.huge", REGION)
