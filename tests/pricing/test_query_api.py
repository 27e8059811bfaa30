"""The Query API through unmodified boto3: against a loopback server with faults, and against botocore's stub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random

import pytest
from botocore.stub import Stubber

from aws.fixtures import Document, answered_by, wire_products
from aws.samples import published_example
from aws.server import AwsServer, Fault, FaultHook, Seen, every, in_turn
from costmodel.errors import (
    AccessDenied,
    ApiFailed,
    ApiThrottled,
    ApiUnreachable,
    ClockSkewed,
    CredentialsExpired,
    CredentialsInvalid,
    MalformedListing,
    NoCredentials,
    NothingOffered,
    PriceError,
    RequestRefused,
    UnknownOffer,
)
from costmodel.pricing import aws_client, query_api
from costmodel.pricing.aws_client import CALL_ATTEMPTS
from costmodel.pricing.book import PriceBook
from costmodel.pricing.conversion import Known, converted
from costmodel.pricing.need import PriceNeed
from costmodel.pricing.price import Price, PriceQuery
from costmodel.pricing.query_api import QUESTION_ATTEMPTS, endpoint_region, fetch
from costmodel.services.needs import PRICE_NEEDS

BOOK = PriceBook.shipped()
KNOWN = Known(BOOK, BOOK, datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
REGION = "us-east-1"
NEEDS = answered_by(BOOK, PRICE_NEEDS)
KEYS = tuple(need for need in PRICE_NEEDS if need.service_code == "awskms")
BUCKETS = tuple(need for need in PRICE_NEEDS if need.service_code == "AmazonS3")[:1]
INSTANCES = tuple(need for need in PRICE_NEEDS if need.containing == "BoxUsage:")


@pytest.fixture(scope="module")
def products() -> dict[str, list[Document]]:
    """The whole snapshot as AWS would list it, among decoys."""
    return wire_products(BOOK, NEEDS)


@pytest.fixture
def aws(products: dict[str, list[Document]], monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    """A Price List on loopback, credentials that it takes, and retries that do not wait."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with AwsServer(products=dict(products)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
        yield server


def skus(needs: tuple[PriceNeed, ...] = KEYS) -> list[str]:
    return sorted(offered.product.sku for offered in fetch(needs, REGION))


def asked(aws: AwsServer, operation: str) -> list[Document]:
    return [seen.arguments for seen in aws.seen if seen.operation == operation]


def of_operation(operation: str, fault: Fault) -> FaultHook:
    return lambda seen: fault if seen.operation == operation else None


def terms(price: Price) -> tuple[object, ...]:
    steps = tuple((tier.begin, tier.end, tier.list_unit_price) for tier in price.tiers)
    return price.query, steps, price.pricing_unit, price.currency


def test_the_snapshot_comes_back_unchanged_for_all_regions_and_edges(aws: AwsServer) -> None:
    needed = {
        price.query: terms(price)
        for price in BOOK.prices()
        if any(need.service_code == price.query.service_code and need.covers(price.query) for need in NEEDS)
    }
    assert len(needed) == 19340
    places = {query.region_id for query in needed if query.region_id.count("-") == 2}
    assert len(places) == 13
    found: dict[PriceQuery, tuple[object, ...]] = {}
    for region_id in sorted(places):
        needs = [n for n in NEEDS if region_id in BOOK.regions() or n.service_code.startswith("AmazonCl")]
        needs = [n for n in needs if region_id in BOOK.regions() or n.service_code != "AmazonCloudWatch"]
        for price in converted(fetch(needs, region_id), needs, region_id, KNOWN).prices:
            assert found.setdefault(price.query, terms(price)) == terms(price)
            if price.query in needed:
                assert price.sku_id
                assert all(tier.rate_code for tier in price.tiers)
    assert {query: found.get(query) for query in needed} == needed
    assert {query.service_code for query in found.keys() - needed.keys()} <= {"AmazonEC2"}


def test_each_question_is_asked_once_a_page_at_a_time(aws: AwsServer) -> None:
    found = skus(INSTANCES)
    questions = asked(aws, "GetProducts")
    assert len(questions) == -(-len(found) // 100) > 3
    assert {question["MaxResults"] for question in questions} == {100}
    assert [question.get("NextToken") is None for question in questions] == [
        True,
        *[False] * (len(questions) - 1),
    ]
    assert questions[0]["Filters"] == [
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"},
        {"Type": "TERM_MATCH", "Field": "operatingSystem", "Value": "Linux"},
        {"Type": "TERM_MATCH", "Field": "tenancy", "Value": "Shared"},
        {"Type": "TERM_MATCH", "Field": "preInstalledSw", "Value": "NA"},
        {"Type": "TERM_MATCH", "Field": "capacitystatus", "Value": "Used"},
        {"Type": "TERM_MATCH", "Field": "operation", "Value": "RunInstances"},
        {"Type": "CONTAINS", "Field": "usagetype", "Value": "BoxUsage:"},
    ]
    assert [question["ServiceCode"] for question in asked(aws, "DescribeServices")] == ["AmazonEC2"]


def test_needs_with_the_same_filters_share_a_question(aws: AwsServer) -> None:
    needs = tuple(PriceNeed("awskms", (name,)) for name in ("KMS-Keys", "KMS-Requests"))
    list(fetch(needs, REGION))
    assert len(asked(aws, "GetProducts")) == 1


@pytest.mark.parametrize(
    ("region_id", "endpoint"),
    [
        ("us-east-1", "us-east-1"),
        ("us-west-2", "us-east-1"),
        ("sa-east-1", "us-east-1"),
        ("ca-central-1", "us-east-1"),
        ("eu-west-1", "eu-central-1"),
        ("eu-central-1", "eu-central-1"),
        ("ap-northeast-1", "ap-south-1"),
        ("ap-south-1", "ap-south-1"),
    ],
)
def test_only_the_three_endpoints_are_asked(
    region_id: str, endpoint: str, aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint_region(region_id) == endpoint
    monkeypatch.delenv("AWS_ENDPOINT_URL_PRICING")
    client = aws_client.open_client("pricing", endpoint_region(region_id))
    assert client.meta.endpoint_url == f"https://api.pricing.{endpoint}.amazonaws.com"
    client.close()


RECOVERABLE: dict[str, Callable[[], FaultHook]] = {
    "throttled": lambda: in_turn(*[Fault(code="ThrottlingException")] * (CALL_ATTEMPTS - 1)),
    "internal error": lambda: in_turn(Fault(code="InternalErrorException", status=500)),
    "bad gateway": lambda: in_turn(None, Fault(status=502, body=b"<html>bad gateway</html>")),
    "unavailable": lambda: in_turn(None, Fault(status=503, body=b"")),
    "reset": lambda: in_turn(None, Fault(cut_after_bytes=-1)),
    "cut before the body": lambda: in_turn(None, Fault(cut_after_bytes=0)),
    "cut in the body": lambda: in_turn(None, Fault(cut_after_bytes=300), None, Fault(cut_after_bytes=1)),
    "page expired": lambda: in_turn(None, None, Fault(code="ExpiredNextTokenException")),
    "cut twice": lambda: every(Fault(cut_after_bytes=50), of=(2, 7)),
}


@pytest.mark.parametrize("faults", RECOVERABLE.values(), ids=RECOVERABLE.keys())
def test_a_passing_fault_changes_nothing(
    aws: AwsServer, faults: Callable[[], FaultHook], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_api, "PAGE_SIZE", 10)
    expected = skus(BUCKETS)
    assert len(asked(aws, "GetProducts")) > 3
    aws.fault = faults()
    assert skus(BUCKETS) == expected


PERMANENT: dict[str, tuple[Fault, type[PriceError], str]] = {
    "expired token": (
        Fault(code="ExpiredTokenException", message="The security token included in the request is expired"),
        CredentialsExpired,
        r"AWS GetProducts: the AWS credentials have expired .* aws sso login.*--source bulk",
    ),
    "unknown key": (
        Fault(code="UnrecognizedClientException", message="The security token is invalid."),
        CredentialsInvalid,
        r"does not accept the credentials \(AWS says Unrecog.*\). Set them: aws configure",
    ),
    "not allowed": (
        Fault(code="AccessDeniedException", message="User is not authorized"),
        AccessDenied,
        r"lack the IAM action pricing:GetProducts. Ask for it.*--source bulk",
    ),
    "clock": (
        Fault(
            code="InvalidSignatureException", message="Signature expired: 20261007 is now earlier than 2026"
        ),
        ClockSkewed,
        r"this machine's clock is off .*Set the clock",
    ),
    "clock ahead": (Fault(code="RequestTimeTooSkewed"), ClockSkewed, "clock is off"),
    "throttled": (
        Fault(code="ThrottlingException", message="Rate exceeded"),
        ApiThrottled,
        r"AWS asks to slow down, again and again .*Try again later",
    ),
    "internal error": (
        Fault(code="InternalErrorException", status=500),
        ApiFailed,
        r"AWS says InternalErrorException.*Try again later",
    ),
    "unavailable": (Fault(status=503, body=b""), ApiFailed, "AWS says 503.*Try again later"),
    "parameter": (
        Fault(code="InvalidParameterException", message="Input Parameters are invalid"),
        RequestRefused,
        "AWS says InvalidParameterException: Input Parameters are invalid. costmodel may need an update",
    ),
    "no such service": (Fault(code="NotFoundException"), UnknownOffer, "AWS says NotFoundException"),
    "page expired": (Fault(code="ExpiredNextTokenException"), ApiFailed, "ExpiredNextTokenException"),
    "reset": (Fault(cut_after_bytes=-1), ApiUnreachable, "Check the network and any proxy.*--source bulk"),
    "cut": (Fault(cut_after_bytes=40), ApiFailed, "the answer is cut short, again and again"),
    "empty object": (Fault(body=b"{}"), ApiFailed, "the answer is cut short, again and again"),
    "null": (Fault(body=b"null"), ApiFailed, "the answer is cut short, again and again"),
    "numbers": (
        Fault(body=b'{"FormatVersion": "aws_v1", "PriceList": [1]}'),
        ApiFailed,
        "or of another form",
    ),
    "nulls": (
        Fault(body=b'{"FormatVersion": "aws_v1", "PriceList": [null]}'),
        ApiFailed,
        "or of another form",
    ),
    "deep": (Fault(body=b'{"PriceList": ' + b"[" * 100_000), ApiFailed, "or of another form"),
    "other format": (
        Fault(body=b'{"FormatVersion": "aws_v2", "PriceList": []}'),
        ApiFailed,
        "it answers in format 'aws_v2', this costmodel reads 'aws_v1'. costmodel needs an update",
    ),
    "malformed product": (
        Fault(body=b'{"FormatVersion": "aws_v1", "PriceList": ["{"]}'),
        MalformedListing,
        "not a product with its terms",
    ),
    "nothing": (
        Fault(body=b'{"FormatVersion": "aws_v1", "PriceList": []}'),
        NothingOffered,
        "awskms with regionCode 'us-east-1': AWS lists nothing",
    ),
}


@pytest.mark.parametrize("entry", [b"null", b"{}", b"7", b'{"ServiceCode": 7}'])
def test_a_service_of_another_form_has_a_name(aws: AwsServer, entry: bytes) -> None:
    aws.fault = of_operation("DescribeServices", Fault(body=b'{"Services": [%s]}' % entry))
    with pytest.raises(ApiFailed, match=r"DescribeServices: .* or of another form"):
        skus()


@pytest.mark.parametrize(("fault", "error", "words"), PERMANENT.values(), ids=PERMANENT.keys())
def test_a_fault_that_stays_is_named_with_the_next_step(
    aws: AwsServer, fault: Fault, error: type[PriceError], words: str
) -> None:
    aws.fault = of_operation("GetProducts", fault)
    with pytest.raises(error, match=words):
        skus()


def test_throttled_calls_are_made_six_times(aws: AwsServer) -> None:
    aws.fault = of_operation("GetProducts", Fault(code="ThrottlingException"))
    with pytest.raises(ApiThrottled):
        skus()
    assert len(asked(aws, "GetProducts")) == CALL_ATTEMPTS


def test_a_cut_answer_is_asked_for_three_times(aws: AwsServer) -> None:
    aws.fault = of_operation("GetProducts", Fault(cut_after_bytes=40))
    with pytest.raises(ApiFailed):
        skus()
    assert len(asked(aws, "GetProducts")) == QUESTION_ATTEMPTS


def test_a_page_that_says_there_is_no_next_one_must_be_whole(
    aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """botocore takes an answer it cannot decode for one without fields, so also without a next page."""
    monkeypatch.setattr(query_api, "PAGE_SIZE", 10)
    whole = skus(BUCKETS)
    for position in (1, 2, 3):
        aws.fault = in_turn(*[None] * position, Fault(cut_after_bytes=2000))
        assert skus(BUCKETS) == whole


def test_no_answer_in_time(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_client, "READ_TIMEOUT_S", 0.05)
    aws.fault = of_operation("GetProducts", Fault(delay_s=30))
    with pytest.raises(ApiUnreachable, match="Read timeout on endpoint URL"):
        skus()


def test_no_server(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsServer() as gone:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", gone.url)
    with pytest.raises(ApiUnreachable, match=r"Could not connect.*Check the network and any proxy"):
        skus()


def test_no_credentials(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    words = r"no usable AWS credentials .*aws configure.*costmodel prices refresh --source bulk"
    with pytest.raises(NoCredentials, match=words):
        skus()
    assert aws.seen == []


def test_a_profile_that_does_not_exist(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "payroll")
    with pytest.raises(NoCredentials, match="payroll"):
        skus()


def test_a_service_without_price_list(aws: AwsServer) -> None:
    with pytest.raises(UnknownOffer, match="there is no price list of a service 'AmazonTea'"):
        list(fetch((PriceNeed("AmazonTea", ("Cups",)),), REGION))


def test_a_region_where_nothing_is_listed(aws: AwsServer) -> None:
    words = r"AWS lists nothing; regionCode is one of ap-northeast-1, .*us-west-2"
    with pytest.raises(NothingOffered, match=words):
        list(fetch(KEYS, "eu-north-9"))


def test_an_attribute_that_aws_no_longer_has(aws: AwsServer) -> None:
    """As with `regionCode` of RDS in March 2022: the filter would find nothing (boto3 issue 3200)."""
    words = "the price list of awskms has no attribute colour any more. costmodel needs an update"
    with pytest.raises(UnknownOffer, match=words):
        list(fetch((PriceNeed("awskms", ("KMS-Keys",), where=(("colour", ("red",)),)),), REGION))


def test_random_faults_never_change_a_price(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong: the same prices, or an error by name."""
    client = aws_client.open_client("pricing", REGION)
    monkeypatch.setattr(query_api, "open_client", lambda *_: client)
    monkeypatch.setattr(query_api, "PAGE_SIZE", 3)
    expected = [terms(price) for price in converted(fetch(KEYS, REGION), KEYS, REGION, KNOWN).prices]
    outcomes: dict[bool, int] = {True: 0, False: 0}
    for seed in range(25):
        aws.fault = chaos(Random(seed))
        try:
            found = converted(fetch(KEYS, REGION), KEYS, REGION, KNOWN).prices
        except PriceError:
            outcomes[False] += 1
        else:
            outcomes[True] += 1
            assert [terms(price) for price in found] == expected, f"seed {seed}"
    assert min(outcomes.values()) > 3


def chaos(random: Random) -> FaultHook:
    """Faults at random, in some runs few and in others many."""
    likely = random.choice((0.1, 0.3, 0.6))
    codes = (
        "ThrottlingException",
        "InternalErrorException",
        "ExpiredNextTokenException",
        "AccessDeniedException",
    )

    def fault(_: Seen) -> Fault | None:
        if random.random() > likely:
            return None
        return random.choice(
            (
                Fault(code=random.choice(codes)),
                Fault(status=random.choice((500, 502, 503, 504)), body=b""),
                Fault(cut_after_bytes=random.choice((-1, 0, 1, 20, 500, 5000))),
                Fault(body=random.choice((b"", b"{}", b"[]", b"null", b"{", b'{"FormatVersion": "aws_v1"}'))),
            )
        )

    return fault


def test_exactly_these_calls_are_made(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against botocore's stub, which checks question and answer by the API's model."""
    example = published_example("GetProducts")["output"]
    client = aws_client.open_client("pricing", "us-east-1")
    monkeypatch.setattr(query_api, "open_client", lambda *_: client)
    need = PriceNeed("AmazonEC2", (r"EBS:VolumeUsage\.piops",), containing="EBS:")
    with Stubber(client) as stub:
        service = {"ServiceCode": "AmazonEC2", "AttributeNames": ["regionCode", "usagetype", "volumeType"]}
        stub.add_response(
            "describe_services",
            {"FormatVersion": "aws_v1", "Services": [service]},
            {"FormatVersion": "aws_v1", "MaxResults": 100, "ServiceCode": "AmazonEC2"},
        )
        stub.add_response(
            "get_products",
            {"FormatVersion": "aws_v1", "PriceList": example["PriceList"]},
            {
                "FormatVersion": "aws_v1",
                "MaxResults": 100,
                "ServiceCode": "AmazonEC2",
                "Filters": [
                    {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "ca-central-1"},
                    {"Type": "CONTAINS", "Field": "usagetype", "Value": "EBS:"},
                ],
            },
        )
        (price,) = converted(fetch((need,), "ca-central-1"), (need,), "ca-central-1", KNOWN).prices
        stub.assert_no_pending_responses()
    assert price.query == PriceQuery("AmazonEC2", "ca-central-1", "EBS:VolumeUsage.piops")
    assert aws.seen == []


def test_the_next_page_is_asked_for_with_its_token(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on DescribeServices, where the published example comes with a token."""
    client = aws_client.open_client("pricing", "us-east-1")
    monkeypatch.setattr(query_api, "open_client", lambda *_: client)
    (text,) = published_example("GetProducts")["output"]["PriceList"]
    second = json.dumps(json.loads(text) | {"version": "20170901182202"})
    question = {"FormatVersion": "aws_v1", "MaxResults": 100, "ServiceCode": "AmazonEC2"}
    filters = {"Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": REGION}]}
    services = published_example("DescribeServices")["output"]
    services["Services"][0]["AttributeNames"].append("regionCode")
    with Stubber(client) as stub:
        stub.add_response("describe_services", services, question)
        stub.add_response(
            "describe_services",
            {"FormatVersion": "aws_v1", "Services": []},
            question | {"NextToken": services["NextToken"]},
        )
        first = {"FormatVersion": "aws_v1", "PriceList": [text], "NextToken": "page 2"}
        last = {"FormatVersion": "aws_v1", "PriceList": [second]}
        stub.add_response("get_products", first, question | filters)
        stub.add_response("get_products", last, question | filters | {"NextToken": "page 2"})
        versions = [offered.edition.version for offered in fetch((PriceNeed("AmazonEC2", (".*",)),), REGION)]
    assert versions == ["20170901182201", "20170901182202"]
