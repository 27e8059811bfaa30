"""Finding price list files in the public index and through the Price List API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aws.server import AwsServer, Fault
from costmodel.errors import (
    ApiFailed,
    DownloadFailed,
    FileUnavailable,
    MalformedListing,
    OlderPriceFile,
    PriceFileCorrupt,
    PriceFileNotFound,
)
from costmodel.pricing.download import Patience, download
from costmodel.pricing.price_files import (
    BASE_URL,
    BASE_URL_VARIABLE,
    SERVICE_INDEX,
    FileFormat,
    PriceFileLocation,
    PublicIndex,
    base_url,
    dated_price_file,
)

QUICK = Patience(tries_without_progress=2, first_wait_s=0.0)
EC2 = "/offers/v1.0/aws/AmazonEC2"
PLANS = "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan"
VERSION = "20261001000000"

FILES = {
    SERVICE_INDEX: {
        "formatVersion": "v1.0",
        "publicationDate": "2026-10-01T00:00:00Z",
        "offers": {
            "AmazonEC2": {
                "offerCode": "AmazonEC2",
                "versionIndexUrl": f"{EC2}/index.json",
                "currentVersionUrl": f"{EC2}/current/index.json",
                "currentRegionIndexUrl": f"{EC2}/current/region_index.json",
                "currentSavingsPlanIndexUrl": f"{PLANS}/current/region_index.json",
            },
            "AmazonECR": {"offerCode": "AmazonECR", "currentVersionUrl": "/offers/v1.0/aws/AmazonECR/current/index.json"},
            "awskms": {"offerCode": "awskms", "currentVersionUrl": "/offers/v1.0/aws/awskms/current/index.json"},
        },
    },
    f"{EC2}/current/region_index.json": {
        "formatVersion": "v1.0",
        "regions": {
            region: {"regionCode": region, "currentVersionUrl": f"{EC2}/{VERSION}/{region}/index.json"}
            for region in ("us-east-1", "us-west-2", "eu-west-1", "eu-west-2")
        },
    },
    f"{PLANS}/current/region_index.json": {
        "regions": [{"regionCode": "eu-west-1", "versionUrl": f"{PLANS}/{VERSION}/eu-west-1/index.json"}],
    },
}  # fmt: skip


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with AwsServer(files={path: json.dumps(each).encode() for path, each in FILES.items()}) as server:
        monkeypatch.setenv(BASE_URL_VARIABLE, server.url)
        yield server


def test_aws_itself_is_asked_unless_another_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE_URL_VARIABLE, raising=False)
    assert base_url() == BASE_URL == "https://pricing.us-east-1.amazonaws.com"
    monkeypatch.setenv(BASE_URL_VARIABLE, "https://mirror.example")
    assert base_url() == "https://mirror.example"


@pytest.mark.parametrize(
    "stated",
    ["http://127.0.0.1:8080", "https://mirror.example/", "HTTPS://Mirror.example", "http://[::1]:80"],
)
def test_a_server_may_be_named_with_its_port(monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    monkeypatch.setenv(BASE_URL_VARIABLE, stated)
    assert base_url() == stated


@pytest.mark.parametrize(
    "stated",
    [
        "garbage",
        "mirror.example",
        "//mirror.example",
        "http://",
        "https:///offers",
        "ftp://mirror.example",
        "https://mirror.example/aws",
        "https://mirror.example?a=b",
        "https://mirror example",
        "https://mirror.example:99999",
        "https://mirror.example:port",
        "https://[::1",
        "https://mirror.example\x1b[31m",
        " ",
    ],
)
def test_what_names_no_server_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder, stated: str
) -> None:
    """It names the variable and what would be valid; urllib3 warned of garbage, and dropped a path in silence."""
    monkeypatch.setenv(BASE_URL_VARIABLE, stated)
    with pytest.raises(DownloadFailed) as caught:
        PublicIndex(QUICK).price_file("awskms", None)
    assert str(caught.value) == (
        f"cannot fetch the price list files: COSTMODEL_PRICE_LIST_URL is {stated!a}, which is no address of a server. Set it "
        "to http:// or https:// and a host, if need be with a port, and no path, such as "
        "https://pricing.us-east-1.amazonaws.com; or unset it to ask AWS."
    )
    assert not recwarn.list


@pytest.mark.parametrize("file_format", list(FileFormat))
def test_the_current_file_of_a_region_is_found(aws: AwsServer, file_format: FileFormat) -> None:
    found = PublicIndex(QUICK).price_file("AmazonEC2", "eu-west-1", file_format=file_format)
    url = f"{aws.url}{EC2}/{VERSION}/eu-west-1/index.{file_format}"
    assert found == PriceFileLocation("AmazonEC2", "eu-west-1", url, VERSION)


def test_the_file_of_all_regions_is_found(aws: AwsServer) -> None:
    found = PublicIndex(QUICK).price_file("awskms", None)
    assert found == PriceFileLocation(
        "awskms", None, f"{aws.url}/offers/v1.0/aws/awskms/current/index.json", None
    )


def test_the_file_of_a_savings_plan_is_found(aws: AwsServer) -> None:
    found = PublicIndex(QUICK).savings_plan_file("AWSComputeSavingsPlan", "eu-west-1")
    assert found.url == f"{aws.url}{PLANS}/{VERSION}/eu-west-1/index.json"
    assert found.version == VERSION


@pytest.mark.parametrize(
    ("service_code", "region_id", "message"),
    [
        ("AmazonEC", "eu-west-1", r"no price list of 'AmazonEC'\. Closest: AmazonEC(R|2), AmazonEC(2|R)"),
        ("ec2", "eu-west-1", r"no price list of 'ec2'\. Closest: AmazonEC2"),
        ("Blockchain", "eu-west-1", r"no price list of 'Blockchain'\. It has, among 3: AmazonEC2"),
        ("AmazonEC2", "eu-west-3", r"AmazonEC2 for region 'eu-west-3'\. Closest: eu-west-"),
        ("AmazonEC2", "EU-WEST-1", r"region 'EU-WEST-1'\. Closest: eu-west-1"),
        ("awskms", "eu-west-1", r"awskms is priced for all regions together"),
    ],
)
def test_what_aws_does_not_have_is_named_with_what_comes_close(
    aws: AwsServer, service_code: str, region_id: str, message: str
) -> None:
    with pytest.raises(PriceFileNotFound, match=message):
        PublicIndex(QUICK).price_file(service_code, region_id)


def test_an_unknown_savings_plan_and_region_are_named(aws: AwsServer) -> None:
    with pytest.raises(
        PriceFileNotFound, match=r"AWSComputeSavingsPlan for region 'eu-west-9'\. Closest: eu-west-1"
    ):
        PublicIndex(QUICK).savings_plan_file("AWSComputeSavingsPlan", "eu-west-9")
    with pytest.raises(PriceFileNotFound, match="404"):
        PublicIndex(QUICK).savings_plan_file("AWSKitchenSavingsPlan", "eu-west-1")


def test_an_older_edition_is_refused(aws: AwsServer) -> None:
    def find(held_version: str) -> PriceFileLocation:
        return PublicIndex(QUICK).price_file("AmazonEC2", "us-east-1", held_version=held_version)

    assert find("20260930235959").version == find(VERSION).version == VERSION
    with pytest.raises(
        OlderPriceFile,
        match=f"AmazonEC2 us-east-1: AWS offers edition {VERSION}, older than edition 20261001000001",
    ):
        find("20261001000001")
    with pytest.raises(OlderPriceFile):
        PublicIndex(QUICK).savings_plan_file(
            "AWSComputeSavingsPlan", "eu-west-1", held_version="20270101000000"
        )


def test_a_page_of_the_index_is_fetched_once(aws: AwsServer) -> None:
    index = PublicIndex(QUICK)
    index.price_file("AmazonEC2", "us-east-1")
    asked = len(aws.seen)
    index.price_file("AmazonEC2", "eu-west-1")
    assert len(aws.seen) == asked


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"offers": []}', b'{"offers": {"AmazonEC2": {}}}'])
def test_an_index_that_cannot_be_read_is_named(aws: AwsServer, content: bytes) -> None:
    aws.files[SERVICE_INDEX] = content
    with pytest.raises(PriceFileCorrupt, match="the index"):
        PublicIndex(QUICK).price_file("AmazonEC2", "us-east-1")


def test_an_index_that_names_a_region_twice_is_refused(aws: AwsServer) -> None:
    """Nobody could tell which of the two editions counts."""
    path = f"{EC2}/current/region_index.json"
    older = json.dumps({"currentVersionUrl": f"{EC2}/20240301000000/eu-west-1/index.json"})
    aws.files[path] = aws.files[path].replace(
        b'"eu-west-1": {', b'"eu-west-1": %s, "eu-west-1": {' % older.encode(), 1
    )
    with pytest.raises(PriceFileCorrupt, match="the index: 'eu-west-1' is listed twice"):
        PublicIndex(QUICK).price_file("AmazonEC2", "eu-west-1")


def test_an_index_of_a_plan_that_names_a_region_twice_is_refused(aws: AwsServer) -> None:
    path = f"{PLANS}/current/region_index.json"
    (region,) = json.loads(aws.files[path])["regions"]
    older = {**region, "versionUrl": f"{PLANS}/20240301000000/eu-west-1/index.json"}
    aws.files[path] = json.dumps({"regions": [region, older]}).encode()
    with pytest.raises(PriceFileCorrupt, match="the index: 'eu-west-1' is listed twice"):
        PublicIndex(QUICK).savings_plan_file("AWSComputeSavingsPlan", "eu-west-1")
    aws.files[path] = json.dumps({"regions": [region, region]}).encode()
    assert PublicIndex(QUICK).savings_plan_file("AWSComputeSavingsPlan", "eu-west-1").version == VERSION


def test_a_server_that_fails_is_named(aws: AwsServer) -> None:
    aws.fault = lambda _: Fault(status=500)
    with pytest.raises(DownloadFailed, match="500"):
        PublicIndex(QUICK).price_file("AmazonEC2", "us-east-1")


def listed(region_id: str, formats: list[str], version: str = "20240301000000") -> dict[str, Any]:
    return {
        "PriceListArn": f"arn:aws:pricing:::price-list/aws/AmazonEC2/USD/{version}/{region_id}",
        "RegionCode": region_id,
        "CurrencyCode": "USD",
        "FileFormats": formats,
        "ServiceCode": "AmazonEC2",
        "Path": f"{EC2}/{version}/{region_id}/index",
    }


@pytest.fixture
def client(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import boto3

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    entries = [listed("us-east-1", ["json", "csv"]), listed("eu-west-1", ["csv"])]
    aws.price_lists = {entry["PriceListArn"]: entry for entry in entries}
    made = boto3.client(
        "pricing",
        region_name="us-east-1",
        endpoint_url=aws.url,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example",
    )
    yield made
    made.close()


def test_the_file_of_a_day_is_found_through_the_api(aws: AwsServer, client: Any) -> None:
    found = dated_price_file(client, "AmazonEC2", "us-east-1", date(2024, 3, 9))
    assert found == PriceFileLocation(
        "AmazonEC2", "us-east-1", f"{aws.url}{EC2}/20240301000000/us-east-1/index.json", "20240301000000"
    )
    question = next(seen for seen in aws.seen if seen.operation == "ListPriceLists").arguments
    assert question["EffectiveDate"] == 1_709_942_400  # 2024-03-09T00:00:00Z
    assert question["CurrencyCode"] == "USD"


@pytest.mark.parametrize(
    "away", ["http://evil.example/x.json", "//evil.example/x.json", "ftp://evil.example/x"]
)
def test_an_index_told_over_https_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch, away: str) -> None:
    """Another host over https is AWS's to name; one over http is anybody's to answer for."""
    index = json.loads(json.dumps(FILES))
    region = index[f"{EC2}/current/region_index.json"]["regions"]["us-east-1"]
    region["currentVersionUrl"] = away

    def fetched(url: str, path: Path, **_: object) -> None:
        path.write_text(json.dumps(index[url.removeprefix("https://prices.example")]))

    monkeypatch.setenv(BASE_URL_VARIABLE, "https://prices.example")
    monkeypatch.setattr("costmodel.pricing.price_files.download", fetched)
    if away.startswith("//"):
        assert PublicIndex().price_file("AmazonEC2", "us-east-1").url == "https://evil.example/x.json"
        return
    with pytest.raises(PriceFileCorrupt, match=f"'{away}.*' leads away from https"):
        PublicIndex().price_file("AmazonEC2", "us-east-1")


def test_an_address_told_over_https_leads_nowhere_else(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.meta, "_endpoint_url", client.meta.endpoint_url.replace("http:", "https:"))
    with pytest.raises(MalformedListing, match="leads away from https"):
        dated_price_file(client, "AmazonEC2", "us-east-1", date(2024, 3, 9))


def test_what_the_api_does_not_have_is_named(client: Any) -> None:
    day = date(2024, 3, 9)
    with pytest.raises(PriceFileNotFound, match="no price list of 'AmazonEKS' for 2024-03-09"):
        dated_price_file(client, "AmazonEKS", "us-east-1", day)
    with pytest.raises(PriceFileNotFound, match=r"region 'us-east-9'\. Closest: us-east-1"):
        dated_price_file(client, "AmazonEC2", "us-east-9", day)
    with pytest.raises(PriceFileNotFound, match="for eu-west-1 comes in csv, not in json"):
        dated_price_file(client, "AmazonEC2", "eu-west-1", day)
    with pytest.raises(OlderPriceFile):
        dated_price_file(client, "AmazonEC2", "us-east-1", day, held_version="20240302000000")


def test_two_price_lists_of_one_region_are_refused(aws: AwsServer, client: Any) -> None:
    entries = [listed("us-east-1", ["json"], version) for version in ("20240301000000", "20240302000000")]
    aws.price_lists = {entry["PriceListArn"]: entry for entry in entries}
    with pytest.raises(MalformedListing, match="AmazonEC2 has two price lists for us-east-1 on 2024-03-09"):
        dated_price_file(client, "AmazonEC2", "us-east-1", date(2024, 3, 9))


@pytest.mark.parametrize(
    "entry", ["null", "{}", '{"RegionCode": "eu-west-1"}', '{"RegionCode": "eu-west-1", "PriceListArn": 5}']
)
def test_a_file_entry_of_another_form_has_a_name(aws: AwsServer, client: Any, entry: str) -> None:
    aws.fault = lambda _: Fault(body=b'{"PriceLists": [%s]}' % entry.encode())
    with pytest.raises(ApiFailed, match=r"ListPriceLists: .* or of another form"):
        dated_price_file(client, "AmazonEC2", "us-east-1", date(2024, 3, 9))


def test_an_address_that_is_none_has_a_name(tmp_path: Path) -> None:
    for url in ("http://[::1", "http://127.0.0.1:99999/list"):
        with pytest.raises(FileUnavailable, match="this is no address"):
            download(url, tmp_path / "list")
