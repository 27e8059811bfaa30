"""The shipped snapshot: figures typed in by hand from the published tables, and rules all prices obey."""

import csv
import hashlib
import json
from datetime import date
from decimal import Decimal

import pytest

from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.shipped import shipped
from costmodel.units import FOCUS_UNITS

BOOK = PriceBook.shipped()
FOLDER = shipped("pricing_cache")
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
APPLICATION, NETWORK, CLASSIC = ((("load_balancer", kind),) for kind in ("application", "network", "classic"))
POSTGRESQL, MYSQL = (("engine", "PostgreSQL"),), (("engine", "MySQL"),)
AURORA = (("engine", "Aurora PostgreSQL"),)

FIRST_STEP = [
    ("AmazonEC2", "BoxUsage:t3.medium", (), "0.0416 0.0416 0.0456 0.048 0.0528 0.0544 0.0448 0.0672"),
    ("AmazonEC2", "BoxUsage:m7g.large", (), "0.0816 0.0816 0.091 0.0978 0.102 0.1054 0.0583 0.1301"),
    ("AmazonEC2", "BoxUsage:m7i.large", (), "0.1008 0.1008 0.11235 0.12075 0.126 0.1302 0.10605 0.16065"),
    ("AmazonEC2", "BoxUsage:c8g.large", (), "0.07976 0.07976 0.08528 0.0907 0.09164 0.10006 0.05398 0.12218"),
    ("AmazonEC2", "EBS:VolumeUsage.gp3", (), "0.08 0.08 0.088 0.0952 0.096 0.096 0.0912 0.152"),
    (
        "AmazonEC2",
        "EBS:VolumeP-Throughput.gp3",
        (),
        "40.96 40.96 45.056 48.7424 49.152 49.152 46.6944 77.824",
    ),
    ("AmazonEC2", "EBS:SnapshotUsage", (), "0.05 0.05 0.05 0.054 0.05 0.05 0.05 0.068"),
    ("AmazonEC2", "NatGateway-Hours", (), "0.045 0.045 0.048 0.052 0.059 0.062 0.056 0.093"),
    ("AmazonEC2", "NatGateway-Bytes", (), "0.045 0.045 0.048 0.052 0.059 0.062 0.056 0.093"),
    ("AmazonVPC", "PublicIPv4:InUseAddress", (), "0.005 0.005 0.005 0.005 0.005 0.005 0.005 0.005"),
    ("AmazonVPC", "VpcEndpoint-Hours", (), "0.01 0.01 0.011 0.012 0.013 0.014 0.013 0.021"),
    ("AWSELB", "LoadBalancerUsage", APPLICATION, "0.0225 0.0225 0.0252 0.027 0.0252 0.0243 0.0239 0.034"),
    ("AWSELB", "LCUUsage", APPLICATION, "0.008 0.008 0.008 0.008 0.008 0.008 0.008 0.011"),
    ("AWSELB", "LCUUsage", NETWORK, "0.006 0.006 0.006 0.006 0.006 0.006 0.006 0.00825"),
    ("AWSELB", "LoadBalancerUsage", CLASSIC, "0.025 0.025 0.028 0.03 0.028 0.027 0.0266 0.034"),
    (
        "AWSLambda",
        "Lambda-Provisioned-Concurrency",
        (),
        "0.0000041667 0.0000041667 0.000004646 0.0000050147 0.0000051991 0.0000053835 0.0000044985 0.0000066372",
    ),
    (
        "AmazonDynamoDB",
        "WriteRequestUnits",
        (),
        "6.25e-7 6.25e-7 7.05e-7 7.625e-7 7.1e-7 7.15e-7 7.1e-7 9.375e-7",
    ),
    (
        "AmazonDynamoDB",
        "ReadRequestUnits",
        (),
        "1.25e-7 1.25e-7 1.415e-7 1.525e-7 1.425e-7 1.425e-7 1.425e-7 1.875e-7",
    ),
    (
        "AmazonDynamoDB",
        "WriteCapacityUnit-Hrs",
        (),
        "0.00065 0.00065 0.000735 0.000793 0.00074 0.000742 0.00074 0.000975",
    ),
    ("AmazonDynamoDB", "TimedStorage-ByteHrs", (), "0.25 0.25 0.283 0.306 0.285 0.285 0.285 0.375"),
    ("AmazonDynamoDB", "TimedPITRStorage-ByteHrs", (), "0.2 0.2 0.22 0.2448 0.228 0.228 0.228 0.3"),
    ("AmazonDynamoDB", "Streams-Requests", (), "2e-7 2e-7 2.26e-7 2.45e-7 2.28e-7 2.28e-7 2.28e-7 3e-7"),
    ("AmazonS3", "TimedStorage-ByteHrs", (), "0.023 0.023 0.023 0.0245 0.025 0.025 0.025 0.0405"),
    ("AmazonS3", "TimedStorage-SIA-ByteHrs", (), "0.0125 0.0125 0.0125 0.0135 0.0138 0.0138 0.0138 0.0221"),
    ("AmazonS3", "Requests-Tier1", (), "5e-6 5e-6 5e-6 5.4e-6 5e-6 4.7e-6 5e-6 7e-6"),
    ("AmazonS3", "Requests-Tier2", (), "4e-7 4e-7 4e-7 4.3e-7 4e-7 3.7e-7 4e-7 5.6e-7"),
    (
        "AmazonS3",
        "Requests-Tier3",
        (("transition", "Deep Archive"),),
        "0.00005 0.00005 0.000055 0.00006 0.00006 0.000065 0.00007 0.0001",
    ),
    (
        "AmazonS3",
        "Requests-Tier3",
        (("restore", "Glacier Flexible"),),
        "0.00005 0.00005 0.000055 0.00006 0.00006 0.0000571 0.00006 0.00007",
    ),
    ("AmazonS3", "Requests-Tier6", (), "0.01 0.01 0.011 0.012 0.012 0.011 0.012 0.014"),
    ("AmazonS3", "Expedited-Retrieval-Bytes", (), "0.03 0.03 0.03 0.036 0.036 0.033 0.036 0.042"),
    (
        "AmazonS3GlacierDeepArchive",
        "Requests-GDA-Tier3",
        (),
        "0.0001 0.0001 0.00011 0.00012 0.00012 0.0001142 0.00012 0.00014",
    ),
    (
        "AmazonS3GlacierDeepArchive",
        "Requests-GDA-Tier5",
        (),
        "0.000025 0.000025 0.000025 0.00003 0.00003 0.000025 0.00003 0.000035",
    ),
    (
        "AmazonS3GlacierDeepArchive",
        "Bulk-Retrieval-Bytes",
        (),
        "0.0025 0.0025 0.003 0.005 0.005 0.005 0.005 0.008",
    ),
    (
        "AmazonS3GlacierDeepArchive",
        "TimedStorage-GDA-ByteHrs",
        (),
        "0.00099 0.00099 0.00099 0.0018 0.002 0.002 0.002 0.0032",
    ),
    ("AmazonCloudWatch", "DataProcessing-Bytes", (), "0.5 0.5 0.57 0.63 0.7 0.76 0.67 0.9"),
    ("AmazonCloudWatch", "CW:AlarmMonitorUsage", (), "0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.135"),
    ("AmazonCloudWatch", "TimedStorage-ByteHrs", (), "0.03 0.03 0.03 0.0324 0.03 0.033 0.03 0.0408"),
    ("awswaf", "WebACLV2", (), "5 5 5 5 5 5 5 5"),
    ("awswaf", "RequestV2-Tier1", (), "6e-7 6e-7 6e-7 6e-7 6e-7 6e-7 6e-7 6e-7"),
    ("awswaf", "AMR-BotControl-Request", (), "1e-6 1e-6 1e-6 1e-6 1e-6 1e-6 1e-6 1e-6"),
    ("AWSQueueService", "Requests-Tier1", (), "4e-7 4e-7 4e-7 4e-7 4e-7 4e-7 4e-7 4e-7"),
    ("awskms", "KMS-Keys", (), "1 1 1 1 1 1 1 1"),
    ("awskms", "KMS-Requests", (), "3e-6 3e-6 3e-6 3e-6 3e-6 3e-6 3e-6 3e-6"),
    ("awskms", "KMS-Requests-Asymmetric-RSA_2048", (), "3e-6 3e-6 3e-6 3e-6 3e-6 3e-6 3e-6 3e-6"),
    ("AWSDataTransfer", "DataTransfer-Out-Bytes", (), "0.09 0.09 0.09 0.09 0.12 0.114 0.1093 0.15"),
    ("AWSDataTransfer", "DataTransfer-Regional-Bytes", (), "0.01 0.01 0.01 0.01 0.01 0.01 0.01 0.01"),
    ("AWSDataTransfer", "USE2-AWS-Out-Bytes", (), "0.01 0.02 0.02 0.02 0.09 0.09 0.086 0.138"),
    (
        "AmazonRDS",
        "InstanceUsage:db.t4g.medium",
        POSTGRESQL,
        "0.065 0.065 0.069 0.074 0.102 0.101 0.084 0.137",
    ),
    ("AmazonRDS", "InstanceUsage:db.m7g.large", POSTGRESQL, "0.168 0.168 0.186 0.2 0.234 0.234 0.24 0.221"),
]
"""First unit price in each region, as the published tables give it."""


@pytest.mark.parametrize(("service_code", "usage_type", "attributes", "figures"), FIRST_STEP)
def test_figures_of_the_published_tables(service_code, usage_type, attributes, figures):
    for region_id, figure in zip(REGIONS, figures.split(), strict=True):
        price = BOOK.price(PriceQuery(service_code, region_id, usage_type, attributes))
        assert price.tiers[0].list_unit_price == Decimal(figure), region_id


def steps(price) -> list[tuple[int, str]]:
    return [(int(tier.begin), f"{tier.list_unit_price:f}") for tier in price.tiers]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            PriceQuery("AmazonS3", "sa-east-1", "TimedStorage-ByteHrs"),
            [(0, "0.0405"), (51200, "0.039"), (512000, "0.037")],
        ),
        (
            PriceQuery("AWSLambda", "eu-west-1", "Lambda-GB-Second"),
            [(0, "0.0000166667"), (6 * 10**9, "0.000015"), (15 * 10**9, "0.0000133334")],
        ),
        (
            PriceQuery("AWSLambda", "eu-west-1", "Lambda-GB-Second-ARM"),
            [(0, "0.0000133334"), (75 * 10**8, "0.0000120001"), (1875 * 10**7, "0.0000106667")],
        ),
        (
            PriceQuery("AmazonCloudFront", "edge:europe", "DataTransfer-Out-Bytes"),
            [
                (0, "0.085"),
                (10240, "0.08"),
                (51200, "0.06"),
                (153600, "0.04"),
                (512000, "0.03"),
                (1048576, "0.025"),
                (5242880, "0.02"),
            ],
        ),
        (
            PriceQuery("AWSDataTransfer", "ap-south-1", "DataTransfer-Out-Bytes"),
            [(0, "0.1093"), (10240, "0.085"), (51200, "0.082"), (153600, "0.08")],
        ),
        (PriceQuery("AmazonRoute53", "global", "HostedZone"), [(0, "0.5"), (25, "0.1")]),
        (PriceQuery("AmazonRoute53", "global", "DNS-Queries"), [(0, "0.0000004"), (10**9, "0.0000002")]),
        (PriceQuery("AmazonRoute53", "global", "Health-Check-AWS"), [(0, "0.5")]),
        (
            PriceQuery("AmazonCloudWatch", "sa-east-1", "CW:MetricMonitorUsage"),
            [(0, "0.3"), (10**4, "0.1"), (25 * 10**4, "0.05"), (10**6, "0.02")],
        ),
        (
            PriceQuery("AmazonVPC", "us-east-1", "VpcEndpoint-Bytes"),
            [(0, "0.01"), (1048576, "0.006"), (5242880, "0.004")],
        ),
        (PriceQuery("AmazonCloudFront", "global", "Executions-CloudFrontFunctions"), [(0, "0.0000001")]),
        (PriceQuery("AmazonCloudFront", "global", "Invalidations"), [(0, "0.005")]),
        (PriceQuery("AmazonCloudFront", "sa-east-1", "Requests-OriginShield"), [(0, "0.0000016")]),
        (PriceQuery("AmazonEC2", "us-east-1", "EBS:VolumeP-IOPS.io2.tier2"), [(0, "0.0455")]),
        (PriceQuery("CloudFrontPlans", "global", "Business", term="FlatRate"), [(0, "200")]),
        (PriceQuery("CloudFrontPlans", "global", "Premium 600 TB", term="FlatRate"), [(0, "10000")]),
        (PriceQuery("AmazonRDS", "us-east-1", "Aurora:ServerlessV2Usage", AURORA), [(0, "0.12")]),
        (PriceQuery("AmazonRDS", "us-east-1", "RDS:Multi-AZ-GP3-Storage"), [(0, "0.23")]),
        (
            PriceQuery("AmazonRDS", "us-east-1", "InstanceUsageIOOptimized:db.r7g.large", AURORA),
            [(0, "0.359")],
        ),
    ],
)
def test_ladders_of_the_published_tables(query, expected):
    assert steps(BOOK.price(query)) == expected


EDGES = {
    "united_states": ("0.085", "0.00000075", "0.000001"),
    "canada": ("0.085", "0.00000075", "0.000001"),
    "europe": ("0.085", "0.0000009", "0.0000012"),
    "japan": ("0.114", "0.0000009", "0.0000012"),
    "australia": ("0.114", "0.0000009", "0.00000125"),
    "asia_pacific": ("0.12", "0.0000009", "0.0000012"),
    "india": ("0.109", "0.0000009", "0.0000012"),
    "south_america": ("0.11", "0.0000016", "0.0000022"),
    "middle_east": ("0.11", "0.0000009", "0.0000012"),
    "south_africa": ("0.11", "0.0000009", "0.0000012"),
}


@pytest.mark.parametrize(("geography", "figures"), EDGES.items())
def test_cloudfront_geographies(geography, figures):
    names = ("DataTransfer-Out-Bytes", "Requests-Tier1", "Requests-Tier2-HTTPS")
    found = [BOOK.price(PriceQuery("AmazonCloudFront", f"edge:{geography}", name)).tiers[0] for name in names]
    assert tuple(f"{tier.list_unit_price:f}" for tier in found) == figures


ALLOWANCES = {
    "cloudfront-functions": ("2000000", False),
    "cloudfront-invalidations": ("1000", False),
    "cloudfront-keyvaluestore-reads": ("2000000", False),
    "cloudfront-requests": ("10000000", False),
    "cloudfront-transfer-out": ("1024", False),
    "cloudwatch-alarms": ("10", False),
    "cloudwatch-canary-runs": ("100", False),
    "cloudwatch-dashboards": ("3", False),
    "cloudwatch-api-requests": ("1000000", False),
    "cloudwatch-log-scans": ("5", False),
    "cloudwatch-log-storage": ("5", False),
    "cloudwatch-logs": ("5", False),
    "cloudwatch-metrics": ("10", False),
    "dynamodb-read-capacity": ("18600", True),
    "dynamodb-replicated-write-capacity": ("18600", True),
    "dynamodb-storage": ("25", True),
    "dynamodb-streams": ("2500000", True),
    "dynamodb-write-capacity": ("18600", True),
    "internet-egress": ("100", False),
    "kms-requests": ("20000", False),
    "lambda-duration": ("400000", False),
    "lambda-requests": ("1000000", False),
    "lambda-response-streaming": ("100", False),
    "route53-health-checks": ("50", False),
    "sqs-requests": ("1000000", False),
    "waf-bot-control-common": ("10000000", True),
    "waf-bot-control-targeted": ("1000000", True),
}


def test_allowances_are_complete():
    found = {a.allowance_id: (f"{a.quantity:f}", a.per_region) for a in BOOK.allowances}
    assert found == ALLOWANCES


def test_allowances_cover_what_they_should_and_no_more():
    by_id = {allowance.allowance_id: allowance for allowance in BOOK.allowances}
    duration = by_id["lambda-duration"]
    assert duration.covers(PriceQuery("AWSLambda", "sa-east-1", "Lambda-GB-Second"))
    assert duration.covers(PriceQuery("AWSLambda", "eu-west-1", "Lambda-GB-Second-ARM"))
    assert not duration.covers(PriceQuery("AWSLambda", "eu-west-1", "Lambda-Provisioned-GB-Second"))
    requests = by_id["cloudfront-requests"]
    assert requests.covers(PriceQuery("AmazonCloudFront", "edge:india", "Requests-Tier2-HTTPS"))
    assert requests.covers(PriceQuery("AmazonCloudFront", "edge:europe", "Requests-HTTP-Proxy"))
    assert not requests.covers(PriceQuery("AmazonCloudFront", "eu-west-1", "Requests-OriginShield"))
    egress, transfer = by_id["internet-egress"], by_id["cloudfront-transfer-out"]
    assert egress.covers(PriceQuery("AWSDataTransfer", "us-east-1", "DataTransfer-Out-Bytes"))
    assert not egress.covers(PriceQuery("AmazonCloudFront", "edge:europe", "DataTransfer-Out-Bytes"))
    assert transfer.covers(PriceQuery("AmazonCloudFront", "edge:europe", "DataTransfer-Out-Bytes"))
    assert by_id["cloudwatch-logs"].covers(PriceQuery("AmazonCloudWatch", "eu-west-1", "VendedLog-Bytes"))


@pytest.mark.parametrize("allowance", BOOK.allowances, ids=lambda allowance: allowance.allowance_id)
def test_every_usage_type_of_an_allowance_is_priced_in_its_unit(allowance):
    for usage_type in allowance.usage_types:
        found = [
            price
            for price in BOOK.search(usage_type, service_code=allowance.service_code)
            if price.query.usage_type == usage_type
        ]
        assert found
        assert {price.pricing_unit for price in found} == {allowance.pricing_unit}


def test_every_price_is_a_ladder_from_zero_without_end():
    """Over the whole snapshot, reserved terms included."""
    prices = list(BOOK.prices())
    assert len(prices) == 19348
    for price in prices:
        assert price.tiers[0].begin == 0
        assert price.tiers[-1].end is None
        for before, after in zip(price.tiers, price.tiers[1:], strict=False):
            assert before.end == after.begin
        assert price.pricing_unit in FOCUS_UNITS
        assert price.source
        assert date.fromisoformat(price.as_of) <= date(2026, 10, 31)
        assert all(tier.list_unit_price >= 0 for tier in price.tiers)


def test_a_price_of_zero_is_one_that_aws_publishes_as_zero():
    free = {
        price.query.usage_type
        for price in BOOK.search("")
        if all(t.list_unit_price == 0 for t in price.tiers)
    }
    assert free == {
        "DataTransfer-In-Bytes",
        "Free",
        "Intra-AWS-DNS-Queries",
        "CloudFront-Out-Bytes",
    }


def test_every_regional_service_is_priced_in_all_eight_regions():
    regional = {
        "AWSDataTransfer",
        "AWSELB",
        "AWSLambda",
        "AmazonCloudWatch",
        "AmazonDynamoDB",
        "AmazonEC2",
        "AmazonRDS",
        "AmazonS3",
        "AmazonS3GlacierDeepArchive",
        "AmazonVPC",
        "awskms",
        "awswaf",
    }
    covered = {service.service_code: set(service.region_ids) for service in BOOK.coverage()}
    assert all(set(REGIONS) <= covered[service] for service in regional)


def test_the_manifest_tells_the_truth_about_every_file():
    document = json.loads((FOLDER / "manifest.json").read_bytes())
    listed = {entry["path"]: entry for entry in document["files"]}
    present = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert present == listed.keys() | {"manifest.json"}
    for path, entry in listed.items():
        content = (FOLDER / path).read_bytes()
        assert b"\r" not in content
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        rows = list(csv.DictReader(content.decode().splitlines()))
        dates = [row["as_of"] for row in rows]
        assert (len(rows), min(dates), max(dates)) == (
            entry["rows"],
            entry["oldest_as_of"],
            entry["newest_as_of"],
        )
        assert all(row["source"] for row in rows)
    assert {entry["origin"] for entry in listed.values()} == {"snapshot"}
    paths = "".join(f"{listed[path]['sha256']} {path}\n" for path in sorted(listed))
    assert BOOK.digest == hashlib.sha256(paths.encode()).hexdigest()
    assert document["book_date"] == "2026-10-06"
