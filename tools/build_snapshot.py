"""Convert a folder of price tables into the snapshot that ships in `pricing_cache/`.

    python tools/build_snapshot.py SOURCE_DIR... [--output pricing_cache]

`tools/prices/` holds the tables that were collected here; it is one of the folders. The tables have the columns service, region, usage_type, dimension, unit, tier_start, tier_end,
price_usd, term, source, as_of. The same tables always give the same bytes. A row that cannot be
priced honestly (unknown unit, gap in its tiers, no date, ...) stops the build with its place.
"""

from __future__ import annotations

import argparse
import csv
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from costmodel.errors import CostModelError
from costmodel.pricing.places import EDGE_PREFIXES, edge_id, without_prefix
from costmodel.pricing.price import ON_DEMAND
from costmodel.pricing.snapshot import (
    ALLOWANCE_COLUMNS,
    ALLOWANCES,
    DISCOUNTS,
    FREE_TIER,
    MANIFEST,
    PLAN_ALLOWANCE_COLUMNS,
    PLAN_ALLOWANCES,
    PRICE_COLUMNS,
    PRICES,
    RESERVED,
    SAVINGS_PLAN_COLUMNS,
    SAVINGS_PLANS,
    SPOT_SAVING_COLUMNS,
    SPOT_SAVINGS,
    WITHOUT_END,
    Manifest,
    Part,
    decimal,
    ladder,
    partition_path,
    write_folder,
)
from costmodel.units import FOCUS_UNITS

REGIONS = (
    *("us-east-1", "us-west-2", "eu-west-1", "eu-central-1"),
    *("ap-southeast-1", "ap-northeast-1", "ap-south-1", "sa-east-1"),
)
"""The eight regions of the snapshot."""

ORIGIN_SHIELD_REGIONS = {
    "US East (N. Virginia)": "us-east-1",
    "US East (Ohio)": "us-east-2",
    "US West (N. California)": "us-west-1",
    "US West (Oregon)": "us-west-2",
    "EU (Ireland)": "eu-west-1",
    "EU (London)": "eu-west-2",
    "EU (Frankfurt)": "eu-central-1",
    "Asia Pacific (Mumbai)": "ap-south-1",
    "Asia Pacific (Seoul)": "ap-northeast-2",
    "Asia Pacific (Singapore)": "ap-southeast-1",
    "Asia Pacific (Sydney)": "ap-southeast-2",
    "Asia Pacific (Tokyo)": "ap-northeast-1",
    "South America (Sao Paulo)": "sa-east-1",
}
"""Location of a CloudFront Origin Shield row -> region code."""

USAGE_TYPES = {
    ("AWSDataTransfer", "Transfer from AWS origin to CloudFront"): "CloudFront-Out-Bytes",
    ("AmazonRDS", "Aurora Global Database replicated write I/O"): "Aurora:ReplicatedWriteIO",
    ("AmazonRDS", "Snapshot export to S3"): "RDS:SnapshotExportToS3",
    ("AmazonRDS", "io2 storage Multi-AZ"): "RDS:Multi-AZ-PIOPS-Storage-IO2",
    ("AmazonRoute53", "IP-based routing queries"): "Cidr-Queries",
    ("AmazonRoute53", "Resolver endpoint ENI-hour"): "ResolverNetworkInterface",
    ("AmazonRoute53", "Resource record set above 10000 per zone"): "Global-RRSets",
    ("AmazonRoute53", "Traffic flow policy record-month"): "Traffic-Flow-Policy-Records",
    ("AmazonS3", "Express One Zone GET"): "Requests-XZ-Tier2",
    ("AmazonS3", "Express One Zone PUT"): "Requests-XZ-Tier1",
    ("AmazonS3", "Express One Zone storage"): "TimedStorage-XZ-ByteHrs",
    ("AmazonS3GlacierDeepArchive", "Deep Archive PUT"): "Requests-GDA-Tier1",
    ("AmazonVPC", "Transit gateway VPC attachment"): "TransitGateway-Hours",
    ("AmazonVPC", "Transit gateway data"): "TransitGateway-Bytes",
    ("awswaf", "Account takeover prevention subscription"): "AMR-ATP",
    ("awswaf", "Bot Control common requests (first 10M free)"): "AMR-BotControl-Request",
    ("awswaf", "Bot Control subscription"): "AMR-BotControl",
    ("awswaf", "Bot Control targeted requests (first 1M free)"): "AMR-BotControl-Targeted-Request",
}
"""(service, dimension) of rows without a usage type -> AWS's usage type, without prefix.

Source: Amazon S3 User Guide, "AWS billing and usage reports for Amazon S3" (XZ, GDA, CloudFront-Out-Bytes);
notes on the price lists of AmazonRoute53 (2026-10-01: Cidr-Queries, Global-RRSets; 2026-09-24: the others),
awswaf (2026-09-14) and AmazonRDS (2026), found in public repositories; AWS Cost and Usage Report user queries
(TransitGateway-Hours, TransitGateway-Bytes, Aurora:ReplicatedWriteIO: a public mapping of AmazonRDS usage types calls it
"Replicated Write I/Os", read 2026-11).
"""

OWN_NAMES = {
    (
        "AWSLambda",
        "Response streaming bytes beyond 6 MB per request (100 GB/month free)",
    ): "response-streaming-bytes-beyond-6-mb-per-request",
}
"""Rows whose usage type could not be found out, but that bills are made of: a name of our own. AWS's price list
does not answer to it, so a refresh keeps the snapshot's price.
"""

LEFT_OUT = {
    (
        "AmazonRoute53",
        "Resolver endpoint queries",
    ): "the rate beyond the first 1 G a month is not in the source",
    ("awswaf", "CAPTCHA attempts"): "AWS's usage type is not known",
    ("awswaf", "Challenge responses served"): "AWS's usage type is not known",
}
"""Rows that no service is billed on and that AWS's price list could not refresh -> why they are left out."""

ENGINES = ("Aurora PostgreSQL", "Aurora MySQL", "PostgreSQL", "MySQL")
ENGINE_USAGE = ("InstanceUsage", "Multi-AZUsage", "Aurora:ServerlessV2")
LOAD_BALANCERS = {"ALB": "application", "NLB": "network", "CLB": "classic", "GWLB": "gateway"}

BANDS = {
    ("AmazonEC2", "EBS:VolumeP-IOPS.io2"): "io2 IOPS, first 32,000 of a volume",
    ("AmazonEC2", "EBS:VolumeP-IOPS.io2.tier2"): "io2 IOPS, 32,000 to 64,000 of a volume",
    ("AmazonEC2", "EBS:VolumeP-IOPS.io2.tier3"): "io2 IOPS, above 64,000 of a volume",
    ("AmazonRoute53", "Global-RRSets"): "Resource record set above 10000 per zone",
}
"""Usage types with bounds that are no steps of a monthly ladder: a band per volume or per zone has
a usage type of its own and counts from 0."""

RENAMED = {("awskms", "Symmetric / RSA-2048 request"): "Symmetric request"}
"""(service, dimension) that names more than its usage type bills -> what it does bill.

The table states one rate for both. AWS bills requests with RSA-2048 keys under `KMS-Requests-Asymmetric-RSA_2048`, which
stands in `tools/prices/kms.csv`. Source: awskms offer, usage types as in infracost, kms_key.go (2026-05).
"""

SOURCE_COLUMNS = (
    "service",
    "region",
    "usage_type",
    "dimension",
    "unit",
    "tier_start",
    "tier_end",
    "price_usd",
    "term",
    "source",
    "as_of",
)
SPOT_COLUMNS = (
    "service",
    "region",
    "instance_type",
    "savings_percent_vs_on_demand",
    "interruption_frequency",
    "source",
    "as_of",
)
SPOT_TABLE = "ec2_spot_savings.csv"
OTHER_TABLES = frozenset({"ec2_specs.csv"})
"""Tables that hold no prices."""

NOTE = (
    "List prices in USD without tax. Bare-metal instance types are left out: their published prices differ "
    "between sources. Reserved terms: EC2 No Upfront only; RDS 1yr No Upfront and 3yr Partial Upfront, as of "
    "April 2025. Spot and savings plans are percentages, not prices."
)


@dataclass(frozen=True, slots=True)
class Statement:
    """The quantity of an allowance that the price tables leave out, with where AWS states it."""

    quantity: str
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class AllowanceRule:
    """An always-free allowance: which usage types share it, and where the tables state it."""

    allowance_id: str
    service_code: str
    usage_types: tuple[str, ...]
    unit: str
    per_region: bool = False
    dimension: str = ""
    """Its `dimension` among the FreeTier rows; empty when only a leading free tier states it."""
    sku: str = ""
    """The usage type of the zero-priced SKU that states it, if any."""
    note: str = ""
    stated: Statement | None = None
    """Its quantity where no table does."""


ALLOWANCE_RULES = (
    AllowanceRule(
        "cloudfront-transfer-out",
        "AmazonCloudFront",
        ("DataTransfer-Out-Bytes",),
        "GB",
        dimension="Data transfer out per month (pay-as-you-go, always free)",
        sku="Global-DataTransfer-Out-Bytes",
        note="Shared by all edge geographies; applies before the tiers.",
    ),
    AllowanceRule(
        "cloudfront-requests",
        "AmazonCloudFront",
        ("Requests-HTTP-Proxy", "Requests-HTTPS-Proxy", "Requests-Tier1", "Requests-Tier2-HTTPS"),
        "Requests",
        dimension="HTTP/HTTPS requests per month (always free)",
        sku="Global-Requests-Tier1",
        note="Shared by all edge geographies.",
    ),
    AllowanceRule(
        "cloudfront-functions",
        "AmazonCloudFront",
        ("Executions-CloudFrontFunctions",),
        "FunctionExecutions",
        dimension="CloudFront Functions invocations per month",
    ),
    AllowanceRule(
        "cloudfront-invalidations",
        "AmazonCloudFront",
        ("Invalidations",),
        "URL",
        dimension="Invalidation paths per month",
    ),
    AllowanceRule(
        "cloudfront-keyvaluestore-reads", "AmazonCloudFront", ("KeyValueStore-EdgeReads",), "EdgeReads"
    ),
    AllowanceRule(
        "lambda-requests",
        "AWSLambda",
        ("Request", "Request-ARM"),
        "Requests",
        dimension="Requests per month (always free)",
        note="Shared by x86 and arm64 and by all regions.",
    ),
    AllowanceRule(
        "lambda-duration",
        "AWSLambda",
        ("Lambda-GB-Second", "Lambda-GB-Second-ARM"),
        "Lambda-GB-Second",
        dimension="GB-seconds per month (always free)",
        note="Shared by x86 and arm64 and by all regions; not for provisioned concurrency.",
    ),
    AllowanceRule(
        "lambda-response-streaming",
        "AWSLambda",
        ("response-streaming-bytes-beyond-6-mb-per-request",),
        "GB",
        dimension="Response-streaming GB per month",
    ),
    AllowanceRule(
        "internet-egress",
        "AWSDataTransfer",
        ("DataTransfer-Out-Bytes",),
        "GB",
        dimension="Internet egress per month, all services",
        sku="Global-DataTransfer-Out-Bytes",
        note="One allowance for the account, over all services and regions.",
    ),
    AllowanceRule(
        "dynamodb-storage",
        "AmazonDynamoDB",
        ("TimedStorage-ByteHrs",),
        "GB-Mo",
        per_region=True,
        dimension="Storage",
        note="Standard table class only.",
    ),
    AllowanceRule(
        "dynamodb-write-capacity",
        "AmazonDynamoDB",
        ("WriteCapacityUnit-Hrs",),
        "WriteCapacityUnit-Hrs",
        per_region=True,
        dimension="Provisioned WCU-hours (25 units x 744 h)",
        note="Standard table class, provisioned mode only.",
    ),
    AllowanceRule(
        "dynamodb-read-capacity",
        "AmazonDynamoDB",
        ("ReadCapacityUnit-Hrs",),
        "ReadCapacityUnit-Hrs",
        per_region=True,
        dimension="Provisioned RCU-hours (25 units x 744 h)",
        note="Standard table class, provisioned mode only.",
    ),
    AllowanceRule(
        "dynamodb-replicated-write-capacity",
        "AmazonDynamoDB",
        ("ReplWriteCapacityUnit-Hrs",),
        "ReplicatedWriteCapacityUnit-Hrs",
        per_region=True,
        note="Standard table class, provisioned mode only.",
    ),
    AllowanceRule("dynamodb-streams", "AmazonDynamoDB", ("Streams-Requests",), "Requests", per_region=True),
    AllowanceRule(
        "cloudwatch-metrics",
        "AmazonCloudWatch",
        ("CW:MetricMonitorUsage",),
        "Metrics",
        dimension="Custom metrics",
    ),
    AllowanceRule(
        "cloudwatch-alarms",
        "AmazonCloudWatch",
        ("CW:AlarmMonitorUsage",),
        "Alarms",
        dimension="Alarms",
        note="Standard-resolution alarms only.",
    ),
    AllowanceRule(
        "cloudwatch-logs",
        "AmazonCloudWatch",
        ("DataProcessing-Bytes", "VendedLog-Bytes"),
        "GB",
        dimension="Logs ingested",
        note="Standard and vended log ingestion share it.",
    ),
    AllowanceRule(
        "cloudwatch-log-storage",
        "AmazonCloudWatch",
        ("TimedStorage-ByteHrs",),
        "GB-Mo",
        stated=Statement(
            "5", "AWS bill, `First 5GB-mo per month of logs storage is free`, published copy", "2021-11-12"
        ),
    ),
    AllowanceRule(
        "cloudwatch-log-scans",
        "AmazonCloudWatch",
        ("DataScanned-Bytes",),
        "GB",
        stated=Statement(
            "5",
            "Amazon CloudWatch pricing page, free tier: Logs, 5 GB ingested, stored and scanned",
            "2026-05-04",
        ),
    ),
    AllowanceRule(
        "cloudwatch-api-requests",
        "AmazonCloudWatch",
        ("CW:Requests",),
        "Requests",
        note="GetMetricData, GetInsightRuleReport and GetMetricWidgetImage excepted.",
        stated=Statement("1000000", "Amazon CloudWatch pricing page, free tier: API requests", "2026-05-04"),
    ),
    AllowanceRule(
        "cloudwatch-canary-runs",
        "AmazonCloudWatch",
        ("Canary-runs",),
        "Runs",
        stated=Statement("100", "Amazon CloudWatch pricing page, free tier: Synthetics", "2026-05-04"),
    ),
    AllowanceRule(
        "cloudwatch-dashboards",
        "AmazonCloudWatch",
        ("DashboardsUsageHour",),
        "Dashboards",
        dimension="Dashboards",
        note="Dashboards with up to 50 metrics.",
    ),
    AllowanceRule(
        "kms-requests",
        "awskms",
        ("KMS-Requests",),
        "Requests",
        dimension="Requests per month",
        sku="Global-KMS-Requests",
        note="Requests with symmetric keys only, not with RSA-2048 ones; one allowance over all regions.",
    ),
    AllowanceRule(
        "route53-health-checks",
        "AmazonRoute53",
        ("Health-Check-AWS",),
        "Mo",
        dimension="Health checks on AWS endpoints",
        note="Basic health checks of AWS endpoints; optional features cost extra.",
    ),
    AllowanceRule(
        "sqs-requests",
        "AWSQueueService",
        ("Requests-Tier1",),
        "Requests",
        note="Shared by all queues and all regions.",
        stated=Statement(
            "1000000",
            "Amazon SQS pricing, free tier: 1 million requests a month, published copy",
            "2026-03-14",
        ),
    ),
    AllowanceRule(
        "waf-bot-control-common", "awswaf", ("AMR-BotControl-Request",), "Requests", per_region=True
    ),
    AllowanceRule(
        "waf-bot-control-targeted",
        "awswaf",
        ("AMR-BotControl-Targeted-Request",),
        "Requests",
        per_region=True,
    ),
)


class SourceFault(CostModelError):
    """A price table cannot be turned into a snapshot."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One row of a price table, in the words of the snapshot."""

    place: str
    """File and line it comes from."""
    service_code: str
    region_id: str
    usage_type: str
    attributes: str
    """`name=value` pairs, sorted, separated by `;`."""
    term: str
    description: str
    unit: str
    tier_start: str
    tier_end: str
    price_usd: str
    source: str
    as_of: str
    sku: str = ""
    rate_code: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        return (self.service_code, self.region_id, self.usage_type, self.attributes, self.term)


@dataclass(slots=True)
class Evidence:
    """The quantity of an allowance wherever the tables state it; source and date of the first statement."""

    quantities: dict[str, str] = field(default_factory=dict)
    """Place -> quantity."""
    source: str = ""
    as_of: str = ""

    def add(self, place: str, quantity: str, source: str, as_of: str) -> None:
        self.quantities[place] = quantity
        if not self.source:
            self.source, self.as_of = source, as_of


def build(source_dirs: Sequence[Path], output_dir: Path) -> None:
    """Write the snapshot of the tables in `source_dirs`, replacing `output_dir` once it is complete.

    Raises SourceFault for a table or row that cannot be used; `output_dir` is then left as it was.
    """
    tables = []
    for source_dir in source_dirs:
        found = sorted(path for path in source_dir.glob("*.csv") if path.name not in OTHER_TABLES)
        if not found:
            raise SourceFault(f"{source_dir}: no price tables (*.csv) in this folder")
        tables += found
    rows = [row for path in tables if path.name != SPOT_TABLE for row in _price_rows(path)]
    spot = [row for path in tables if path.name == SPOT_TABLE for row in _spot_rows(path)]

    by_term: dict[str, list[PriceRow]] = defaultdict(list)
    for row in rows:
        by_term[_term_kind(row)].append(row)
    evidence: dict[str, Evidence] = defaultdict(Evidence)
    for row in by_term["free"]:
        evidence[_rule_for(row).allowance_id].add(row.place, row.tier_end, row.source, row.as_of)
    prices = _complete_ladders(by_term["price"], evidence)
    priced = {(row.service_code, row.usage_type) for row in prices}
    for rule in ALLOWANCE_RULES:
        if rule.stated and any((rule.service_code, usage_type) in priced for usage_type in rule.usage_types):
            of = rule.stated
            evidence[rule.allowance_id].add("ALLOWANCE_RULES", of.quantity, of.source, of.as_of)
    plan_prices, plan_allowances = _plans(by_term["plan"])

    parts = [
        *_partitions(prices + plan_prices),
        Part(FREE_TIER, ALLOWANCES, ALLOWANCE_COLUMNS, _allowances(evidence, prices)),
        Part(PLAN_ALLOWANCES, ALLOWANCES, PLAN_ALLOWANCE_COLUMNS, plan_allowances),
        Part(SAVINGS_PLANS, DISCOUNTS, SAVINGS_PLAN_COLUMNS, _savings_plans(by_term["savings"])),
        Part(SPOT_SAVINGS, DISCOUNTS, SPOT_SAVING_COLUMNS, _without_duplicates(spot, 2)),
    ]
    _replace(output_dir, parts)


def _price_rows(path: Path) -> Iterable[PriceRow]:
    for place, record in _records(path, SOURCE_COLUMNS):
        usage_type = record["usage_type"]
        if ".metal" in usage_type:
            continue
        dimension = record["dimension"]
        if (record["service"], dimension) in LEFT_OUT:
            continue
        region_id, prefixing = _region(place, record["region"], usage_type)
        usage_type = without_prefix(usage_type, prefixing) or _usage_type(place, record)
        if record["unit"] not in FOCUS_UNITS and record["unit"] != "discount_percent":
            raise SourceFault(f"{place}: unknown unit {record['unit']!r}; add it to costmodel/units.py")
        yield PriceRow(
            place=place,
            service_code=record["service"],
            region_id=region_id,
            usage_type=usage_type,
            attributes=_attributes(place, record["service"], usage_type, dimension),
            term=record["term"],
            description=RENAMED.get((record["service"], dimension), dimension),
            unit=record["unit"],
            tier_start=record["tier_start"],
            tier_end=record["tier_end"],
            price_usd=record["price_usd"],
            source=record["source"],
            as_of=record["as_of"],
        )


def _spot_rows(path: Path) -> Iterable[tuple[str, ...]]:
    for place, record in _records(path, SPOT_COLUMNS):
        region_id, _ = _region(place, record["region"], "")
        percent = record["savings_percent_vs_on_demand"]
        if _number(place, percent) > 100:
            raise SourceFault(f"{place}: savings of {percent} percent; at most 100 is possible")
        if ".metal" not in record["instance_type"]:
            yield (
                region_id,
                record["instance_type"],
                percent,
                record["interruption_frequency"],
                record["source"],
                record["as_of"],
            )


def _records(path: Path, columns: Sequence[str]) -> Iterable[tuple[str, dict[str, str]]]:
    """Place and record of every row, with the checks that hold for all tables."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            raise SourceFault(f"{path.name}: columns must be {', '.join(columns)}")
        for record in reader:
            place = f"{path.name} line {reader.line_num}"
            if None in record or None in record.values():
                raise SourceFault(f"{place}: the number of columns must be {len(columns)}")
            if not record["source"]:
                raise SourceFault(f"{place}: no source")
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", record["as_of"]):
                raise SourceFault(f"{place}: as_of {record['as_of']!r} is not a date like 2025-12-31")
            yield place, record


def _region(place: str, region: str, usage_type: str) -> tuple[str, str]:
    """Region id of the snapshot, and the place whose prefix may stand before the usage type."""
    if region in ("global", "any") or region in REGIONS:
        return region, region
    location = region.removeprefix("edge:")
    if location in EDGE_PREFIXES:
        return edge_id(location), location
    if location in ORIGIN_SHIELD_REGIONS and usage_type.endswith("OriginShield"):
        return ORIGIN_SHIELD_REGIONS[location], ORIGIN_SHIELD_REGIONS[location]
    raise SourceFault(f"{place}: unknown region {region!r}; known are {', '.join(REGIONS)}")


def _usage_type(place: str, record: dict[str, str]) -> str:
    """The usage type of a row that states none; empty for an allowance, which has none."""
    key = record["service"], record["dimension"]
    found = USAGE_TYPES.get(key) or OWN_NAMES.get(key)
    if found is None and record["term"] != "FreeTier":
        raise SourceFault(f"{place}: no usage type; name it in USAGE_TYPES, or leave the row out in LEFT_OUT")
    return found or ""


def _attributes(place: str, service_code: str, usage_type: str, dimension: str) -> str:
    """What AWS keeps apart under one usage type."""
    if service_code == "AmazonRDS" and usage_type.startswith(ENGINE_USAGE):
        engine = _named_first(place, dimension, ENGINES)
        return f"engine={engine}" + (";fee=upfront" if dimension.endswith("upfront fee") else "")
    if service_code == "AWSELB" and usage_type in ("LoadBalancerUsage", "LCUUsage"):
        return f"load_balancer={LOAD_BALANCERS[_named_first(place, dimension, LOAD_BALANCERS)]}"
    if service_code == "AmazonS3" and dimension.startswith("Restore from Glacier Flexible, standard"):
        return "restore=Glacier Flexible"
    if service_code == "AmazonS3" and usage_type in ("Requests-Tier3", "Requests-Tier4"):
        target = dimension.removeprefix("Lifecycle transition into ").partition(" (")[0]
        return f"transition={target}"
    return ""


def _named_first(place: str, dimension: str, names: Iterable[str]) -> str:
    for name in names:
        if dimension.startswith(name):
            return name
    raise SourceFault(f"{place}: dimension {dimension!r} must begin with one of {', '.join(names)}")


def _term_kind(row: PriceRow) -> str:
    """Which part of the snapshot a row belongs to."""
    if row.term == "FreeTier" or any(rule.sku and _states(rule, row) for rule in ALLOWANCE_RULES):
        return "free"
    if row.term == "FlatRate":
        return "plan"
    if row.term.startswith("SavingsPlan"):
        return "savings"
    if row.term == ON_DEMAND or row.term.startswith("Reserved"):
        return "price"
    raise SourceFault(f"{row.place}: unknown term {row.term!r}")


def _states(rule: AllowanceRule, row: PriceRow) -> bool:
    if row.service_code != rule.service_code:
        return False
    return row.usage_type == rule.sku if row.term == ON_DEMAND else row.description == rule.dimension


def _rule_for(row: PriceRow) -> AllowanceRule:
    for rule in ALLOWANCE_RULES:
        if _states(rule, row):
            return rule
    raise SourceFault(f"{row.place}: no allowance rule for {row.service_code} {row.description!r}")


def _complete_ladders(rows: Iterable[PriceRow], evidence: dict[str, Evidence]) -> list[PriceRow]:
    """Every price as a ladder from 0 without end; leading free steps become evidence of allowances."""
    by_key: dict[tuple[str, ...], list[PriceRow]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    complete = []
    for steps in by_key.values():
        rows_of_price = _without_free_step(_sorted_steps(steps), evidence)
        first = rows_of_price[0]
        try:
            ladder([(row.tier_start, row.tier_end, row.price_usd, row.rate_code) for row in rows_of_price])
        except ValueError as error:
            raise SourceFault(f"{first.place}: {' '.join(first.key)}: {error}") from error
        if len({row.unit for row in rows_of_price}) > 1:
            raise SourceFault(f"{first.place}: {' '.join(first.key)}: its tiers count in different units")
        description = BANDS.get((first.service_code, first.usage_type)) or _plain_description(
            first.description
        )
        complete += [replace(row, description=description) for row in rows_of_price]
    return complete


def _sorted_steps(steps: list[PriceRow]) -> list[PriceRow]:
    """Tiers in ascending order. A one-off fee has none, so it is one step without end."""
    bounded = [
        replace(row, tier_start="0", tier_end=WITHOUT_END)
        if (row.service_code, row.usage_type) in BANDS or (row.tier_start, row.tier_end) == ("", "")
        else row
        for row in steps
    ]
    ordered = sorted(bounded, key=lambda row: _number(row.place, row.tier_start))
    for before, after in pairwise(ordered):
        if decimal(before.tier_start) == decimal(after.tier_start):
            raise SourceFault(f"{after.place}: duplicate of {before.place}: {' '.join(after.key)}")
    return ordered


def _without_free_step(steps: list[PriceRow], evidence: dict[str, Evidence]) -> list[PriceRow]:
    """The ladder from its first paid step, which then begins at 0."""
    first, *rest = steps
    if rest and _number(first.place, first.price_usd) == 0:
        free_quantity, paid = first.tier_end, rest
    elif _number(first.place, first.tier_start) > 0:
        free_quantity, paid = first.tier_start, steps
    else:
        return steps
    for rule in ALLOWANCE_RULES:
        if rule.service_code == first.service_code and first.usage_type in rule.usage_types:
            evidence[rule.allowance_id].add(first.place, free_quantity, first.source, first.as_of)
            if paid[0].tier_start != free_quantity:
                raise SourceFault(f"{paid[0].place}: {' '.join(first.key)}: gap after {free_quantity} free")
            return [replace(paid[0], tier_start="0"), *paid[1:]]
    raise SourceFault(f"{first.place}: {' '.join(first.key)}: no price from 0, and no allowance rule for it")


def _plain_description(dimension: str) -> str:
    """Without the tier and the free quantity, which the tiers and the allowances state."""
    return re.sub(r" tier \d+$", "", re.sub(r" \([^)]*\bfree[^)]*\)", "", dimension))


def _allowances(evidence: dict[str, Evidence], prices: Iterable[PriceRow]) -> list[tuple[str, ...]]:
    units = {(row.service_code, row.usage_type): row.unit for row in prices}
    return [
        _allowance(rule, evidence[rule.allowance_id], units)
        for rule in sorted(ALLOWANCE_RULES, key=lambda rule: rule.allowance_id)
        if rule.allowance_id in evidence
    ]


def _allowance(rule: AllowanceRule, found: Evidence, units: dict[tuple[str, str], str]) -> tuple[str, ...]:
    quantities = {_number(place, quantity) for place, quantity in found.quantities.items()}
    if len(quantities) > 1:
        stated = ", ".join(f"{quantity} ({place})" for place, quantity in found.quantities.items())
        raise SourceFault(f"allowance {rule.allowance_id}: its quantities differ: {stated}")
    for usage_type in rule.usage_types:
        unit = units.get((rule.service_code, usage_type), rule.unit)
        if unit != rule.unit:
            raise SourceFault(
                f"allowance {rule.allowance_id}: {usage_type} counts in {unit}, not in {rule.unit}"
            )
    return (
        rule.allowance_id,
        rule.service_code,
        ";".join(sorted(rule.usage_types)),
        rule.unit,
        f"{quantities.pop()}",
        "true" if rule.per_region else "false",
        found.source,
        found.as_of,
        rule.note,
    )


def _plans(rows: Iterable[PriceRow]) -> tuple[list[PriceRow], list[tuple[str, ...]]]:
    """Flat-rate plans: their monthly prices, and what each includes."""
    prices, allowances = [], []
    for row in rows:
        level = re.fullmatch(r"Usage level (\d+ TB) / (\d+) requests", row.description)
        if row.description.startswith("Allowance: "):
            name = row.description.removeprefix("Allowance: ")
            allowances.append((row.usage_type, name, row.unit, row.tier_end, row.source, row.as_of))
            continue
        if level:
            size, requests = level.groups()
            plan = f"{row.usage_type} {size}"
            allowances += [
                (plan, "data transfer per month", "GB", row.tier_end, row.source, row.as_of),
                (plan, "requests per month", "Requests", requests, row.source, row.as_of),
            ]
        else:
            plan = row.usage_type
        prices.append(replace(row, usage_type=plan, tier_start="", tier_end=""))
    return _complete_ladders(prices, {}), _without_duplicates(allowances, 2)


def _savings_plans(rows: Iterable[PriceRow]) -> list[tuple[str, ...]]:
    found = []
    for row in rows:
        if _number(row.place, row.price_usd) > 100:
            raise SourceFault(f"{row.place}: discount of {row.price_usd} percent; at most 100 is possible")
        found.append((row.usage_type, row.description, row.term, row.price_usd, row.source, row.as_of))
    return _without_duplicates(found, 3)


def _partitions(rows: Iterable[PriceRow]) -> list[Part]:
    """One part per service, region and kind. Rows are in the order of their keys, tiers ascending."""
    groups: dict[tuple[str, str, str], list[PriceRow]] = defaultdict(list)
    for row in rows:
        kind = RESERVED if row.term.startswith("Reserved") else PRICES
        groups[row.service_code, row.region_id, kind].append(row)
    return [
        Part(
            path=partition_path(service_code, region_id, kind),
            kind=kind,
            columns=PRICE_COLUMNS,
            rows=[
                tuple(getattr(row, column) for column in PRICE_COLUMNS)
                for row in sorted(group, key=lambda row: (*row.key, decimal(row.tier_start)))
            ],
            service_code=service_code,
            region_id=region_id,
        )
        for (service_code, region_id, kind), group in sorted(groups.items())
    ]


def _without_duplicates(rows: Iterable[tuple[str, ...]], key_columns: int) -> list[tuple[str, ...]]:
    """The rows sorted; raises SourceFault if two agree in their first `key_columns` columns."""
    ordered = sorted(rows)
    for before, after in pairwise(ordered):
        if before[:key_columns] == after[:key_columns]:
            raise SourceFault(f"duplicate row: {' '.join(after[:key_columns])}")
    return ordered


def _manifest(parts: Iterable[Part]) -> Manifest:
    entries = sorted((part.entry() for part in parts), key=lambda entry: entry.path)
    priced = {entry.region_id for entry in entries if entry.kind == PRICES}
    return Manifest(
        book_date=max(entry.newest_as_of for entry in entries),
        regions=tuple(region for region in REGIONS if region in priced),
        note=NOTE,
        files=tuple(entries),
    )


def _replace(output_dir: Path, parts: Sequence[Part]) -> None:
    """Write beside `output_dir`, then move into its place."""
    if output_dir.exists() and not (output_dir / MANIFEST).exists() and any(output_dir.iterdir()):
        raise SourceFault(f"{output_dir}: holds something else than a price snapshot; choose an empty folder")
    fresh = output_dir.with_name(output_dir.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    write_folder(fresh, parts, _manifest(parts))
    shutil.rmtree(output_dir, ignore_errors=True)
    fresh.rename(output_dir)


def _number(place: str, text: str) -> Decimal:
    try:
        return decimal(text)
    except ValueError as error:
        raise SourceFault(f"{place}: {error}") from error


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Convert a folder of price tables into the shipped snapshot."
    )
    parser.add_argument("source_dirs", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "pricing_cache")
    arguments = parser.parse_args()
    try:
        build(arguments.source_dirs, arguments.output)
    except SourceFault as fault:
        print(f"error: {fault}", file=sys.stderr)
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
