"""Savings Plans rates: both file forms and the API, in the shapes seen on the wire, among look-alikes."""

import csv
import gzip
import io
import json
import tracemalloc
import zlib
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from aws.books import book_with
from aws.commitments_server import CommitmentsServer
from aws.faults.plans import PLAN_BODIES
from costmodel.errors import (
    AccessDenied,
    ApiFailed,
    ApiThrottled,
    ConflictingPrices,
    CredentialsExpired,
    MalformedListing,
    NoCredentials,
    NothingOffered,
    OtherCurrency,
    PriceError,
    PriceFileCorrupt,
    UnusableUnit,
)
from costmodel.pricing.aws_client import open_client
from costmodel.pricing.commitment import Commitment, CommitmentKind, Payment, commitments
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.savings_plans import (
    HOME_REGION,
    OPERATION,
    offering_rates,
    read_plan_file,
    savings_parts,
)
from costmodel.services.needs import PRICE_NEEDS

REGION = "ap-northeast-1"
TODAY = "2026-11-24"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
YEAR_S = 365 * 86_400
HEAD = (
    ("FormatVersion", "v1.0"),
    ("Disclaimer", "for information only"),
    ("Publication Date", "2026-04-22T19:42:03Z"),
    ("Version", "20260422194203"),
    ("OfferCode", "AWSComputeSavingsPlan"),
)
COLUMNS = (
    "SKU", "RateCode", "Unit", "EffectiveDate", "DiscountedRate", "Currency", "DiscountedSKU",
    "DiscountedServiceCode", "DiscountedUsageType", "DiscountedOperation", "PurchaseOption",
    "LeaseContractLength", "LeaseContractLengthUnit", "ServiceCode", "UsageType", "Operation", "Description",
    "Instance Family", "Location", "Location Type", "Granularity", "Product Family", "DiscountedRegionCode",
    "DiscountedInstanceType",
)  # fmt: skip
"""Of the AWSDatabaseSavingsPlans file of ap-south-2, 2026-04-22."""

COMPUTE = ("BB7BKBSC6NZW7P5B", "ComputeSavingsPlans", "No Upfront", 1)
INSTANCE = ("HG9V2UBQC2P9GB3T", "EC2InstanceSavingsPlans", "All Upfront", 3)
DATABASE = ("DZCHH8H3SPVYZ2Z4", "DatabaseSavingsPlans", "No Upfront", 1)
MACHINE_LEARNING = ("3YPXFW2FJXS3D9VM", "MachineLearningSavingsPlans", "Partial Upfront", 1)


def rate(
    plan, usage_type, operation, figure, *, service="AmazonEC2", unit="Hrs", region=REGION, currency="USD"
):
    """One rate as it is told apart on the wire."""
    sku = f"{zlib.crc32(f'{usage_type} {operation}'.encode()):016d}"
    return plan, usage_type, operation, figure, service, unit, region, currency, sku


WANTED = (
    rate(COMPUTE, "APN1-BoxUsage:c5.xlarge", "RunInstances", "0.1540000000"),
    rate(INSTANCE, "APN1-BoxUsage:c5.xlarge", "RunInstances", "0.088"),
    rate(DATABASE, "APN1-Multi-AZUsage:db.r7g.2xl", "CreateDBInstance:0002", "1.7408", service="AmazonRDS"),
    rate(DATABASE, "APN1-InstanceUsage:db.r7g.large", "CreateDBInstance:0021", "0.2504", service="AmazonRDS"),
    rate(
        DATABASE, "APN1-WriteRequestUnits", "PayPerRequestThroughput", "0.0000005822",
        service="AmazonDynamoDB", unit="WriteRequestUnits",
    ),
    rate(COMPUTE, "APN1-Lambda-GB-Second-ARM", "Invoke", "0.0000117335", service="AWSLambda", unit="Lambda-GB-Second"),
)  # fmt: skip
DECOYS = (
    # Figures and usage types of the AWSComputeSavingsPlan file of ap-northeast-1, 2024-07-01.
    rate(INSTANCE, "APN1-UnusedDed:c5.xlarge", "RunInstances:0010", "0.151"),
    rate(INSTANCE, "APN1-DedicatedUsage:c5.xlarge", "RunInstances:0014", "0.631"),
    rate(INSTANCE, "APN1-DedicatedUsage:c5.xlarge", "RunInstances", "0.0940"),
    rate(INSTANCE, "APN1-UnusedBox:c5.xlarge", "RunInstances", "0.088"),
    rate(INSTANCE, "APN1-HostBoxUsage:c5.xlarge", "RunInstances", "0"),
    rate(INSTANCE, "APN1-BoxUsage:c5.xlarge", "RunInstances:0002", "0.272"),
    rate(INSTANCE, "APN1-BoxUsage:c5.xlarge", "RunInstances:0002:box", "0.0881"),
    rate(COMPUTE, "EU-BoxUsage:c5.xlarge", "RunInstances", "0.15", region="eu-west-1"),
    rate(COMPUTE, "APN1-Fargate-vCPU-Hours:perCPU", "FargateTask", "0.04", service="AmazonECS"),
    rate(MACHINE_LEARNING, "APN1-Studio:KernelGateway-ml.r5.24xlarge", "RunInstance", "5", service="AmazonSageMaker"),
    rate(DATABASE, "APN1-Multi-AZUsage:db.r7i.2xl", "CreateDBInstance:0005", "1.824", service="AmazonRDS"),
    rate(DATABASE, "APN1-NodeUsage:cache.m7g.xlarge", "CreateCacheCluster:Valkey", "0.21", service="AmazonElastiCache"),
    rate(DATABASE, "APN1-InstanceUsg:dms.c7i.2xlarge", "CreateDMSInstance", "0.648", service="AWSDatabaseMigrationSvc"),
)  # fmt: skip
EXPECTED = {
    "BoxUsage:c5.xlarge (SavingsPlan Compute 1yr No Upfront)": "0.154",
    "BoxUsage:c5.xlarge (SavingsPlan EC2 Instance 3yr All Upfront)": "0.088",
    "InstanceUsage:db.r7g.large engine=Aurora PostgreSQL (SavingsPlan Database 1yr No Upfront)": "0.2504",
    "Lambda-GB-Second-ARM (SavingsPlan Compute 1yr No Upfront)": "0.0000117335",
    "Multi-AZUsage:db.r7g.2xl engine=MySQL (SavingsPlan Database 1yr No Upfront)": "1.7408",
    "WriteRequestUnits (SavingsPlan Database 1yr No Upfront)": "0.0000005822",
}


def as_csv(rates, head=HEAD, columns=COLUMNS) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([*head, columns])
    for (
        sku,
        family,
        payment,
        years,
    ), usage_type, operation, figure, service, unit, region, currency, of in rates:
        cells = dict.fromkeys(COLUMNS, "") | {
            "SKU": sku, "RateCode": f"{sku}.{of}", "Unit": unit, "EffectiveDate": "2026-04-20T21:53:43Z",
            "DiscountedRate": figure, "Currency": currency, "DiscountedSKU": of,
            "DiscountedServiceCode": service, "DiscountedUsageType": usage_type,
            "DiscountedOperation": operation, "PurchaseOption": payment, "LeaseContractLength": str(years),
            "LeaseContractLengthUnit": "year", "Location": "Any", "Granularity": "hourly",
            "Product Family": family, "DiscountedRegionCode": region,
        }  # fmt: skip
        writer.writerow([cells[name] for name in columns])
    return text.getvalue().encode()


def as_document(rates) -> dict:
    plans = list(dict.fromkeys(found[0] for found in rates))
    return {
        "version": "20260422194203",
        "publicationDate": "2026-04-22T19:42:03Z",
        "regionCode": REGION,
        "products": [
            {
                "sku": sku, "productFamily": family, "serviceCode": "ComputeSavingsPlans",
                "usageType": f"ComputeSP:{years}yr{payment.replace(' ', '')}", "operation": "",
                "attributes": {"purchaseOption": payment, "purchaseTerm": f"{years}yr", "location": "Any",
                               "granularity": "hourly", "locationType": "AWS Region"},
            }
            for sku, family, payment, years in plans
        ],
        "terms": {"savingsPlan": [
            {
                "sku": plan[0], "description": f"{plan[3]} year {plan[2]} Savings Plan",
                "effectiveDate": "2026-04-20T21:53:43Z",
                "leaseContractLength": {"duration": plan[3], "unit": "year"},
                "rates": [
                    {
                        "discountedSku": of, "discountedUsageType": usage_type, "discountedOperation": operation,
                        "discountedServiceCode": service, "rateCode": f"{plan[0]}.{of}", "unit": unit,
                        "discountedRate": {"price": figure, "currency": currency},
                        "discountedRegionCode": region, "discountedInstanceType": "c5.xlarge",
                    }
                    for of_plan, usage_type, operation, figure, service, unit, region, currency, of in rates
                    if of_plan == plan
                ],
            }
            for plan in plans
        ]},
    }  # fmt: skip


def as_json(rates) -> bytes:
    return json.dumps(as_document(rates), indent=2).encode()


def on_the_wire(rates) -> list[dict]:
    """Results of DescribeSavingsPlansOfferingRates."""
    types = {
        "ComputeSavingsPlans": "Compute",
        "EC2InstanceSavingsPlans": "EC2Instance",
        "DatabaseSavingsPlans": "Database",
    }
    return [
        {
            "savingsPlanOffering": {
                "offeringId": "0f0f0f0f-0000-1111-2222-333344445555", "paymentOption": payment,
                "planType": types.get(family, "SageMaker"), "durationSeconds": years * YEAR_S,
                "currency": currency, "planDescription": "a plan",
            },
            "rate": figure, "unit": unit, "productType": "EC2", "serviceCode": service,
            "usageType": usage_type, "operation": operation,
            "properties": [{"name": "region", "value": region}, {"name": "tenancy", "value": "shared"},
                           {"name": "productDescription", "value": "Linux/UNIX"}],
        }
        for (_, family, payment, years), usage_type, operation, figure, service, unit, region, currency, _ in rates
    ]  # fmt: skip


def write(folder: Path, content: bytes) -> Path:
    path = folder / "rates"
    path.write_bytes(content)
    return path


def told(rates) -> dict[str, str]:
    return {
        str(price.query).removeprefix(
            f"{price.query.service_code} {REGION} "
        ): f"{price.tiers[0].list_unit_price:f}"
        for price in rates.prices
    }


FORMS = pytest.mark.parametrize(
    "form", [as_csv, as_json, lambda rates: gzip.compress(as_csv(rates)), lambda rates: gzip.compress(as_json(rates))],
    ids=["csv", "json", "csv.gz", "json.gz"],
)  # fmt: skip


@FORMS
def test_needed_rates_are_read_and_decoys_are_not(tmp_path, form):
    rates = read_plan_file(write(tmp_path, form((*DECOYS, *WANTED))), REGION, PRICE_NEEDS, NOW)
    assert told(rates) == EXPECTED
    assert rates.version == "20260422194203"
    assert {price.as_of for price in rates.prices} == {"2026-04-22"}
    assert {price.source for price in rates.prices} == {"AWS Savings Plans list 20260422194203"}
    plan = next(price for price in rates.prices if "EC2 Instance" in price.query.term)
    assert plan.sku_id == INSTANCE[0]
    assert plan.tiers[0].rate_code.startswith(f"{INSTANCE[0]}.")


def test_csv_and_json_say_the_same(tmp_path):
    one = read_plan_file(write(tmp_path, as_csv(WANTED)), REGION, PRICE_NEEDS, NOW)
    other = read_plan_file(write(tmp_path, as_json(WANTED)), REGION, PRICE_NEEDS, NOW)
    assert one == other


def test_only_what_is_needed_is_kept(tmp_path):
    path = write(tmp_path, as_csv(WANTED))
    needs = [need for need in PRICE_NEEDS if need.service_code == "AmazonDynamoDB"]
    assert list(told(read_plan_file(path, REGION, needs, NOW))) == [
        "WriteRequestUnits (SavingsPlan Database 1yr No Upfront)"
    ]


def test_a_file_without_any_needed_rate_is_not_the_one_that_was_meant(tmp_path):
    path = write(tmp_path, as_csv(DECOYS))
    with pytest.raises(NothingOffered, match=f"Savings Plans in {REGION}: none of 12 rates"):
        read_plan_file(path, REGION, PRICE_NEEDS, NOW)
    with pytest.raises(NothingOffered, match="Savings Plans in sa-east-1"):
        read_plan_file(write(tmp_path, as_csv(WANTED)), "sa-east-1", PRICE_NEEDS, NOW)


def test_a_file_of_another_region_is_not_the_one_that_was_meant(tmp_path):
    """Even where its rates say that they are of this one."""
    path = write(tmp_path, json.dumps(as_document(WANTED) | {"regionCode": "sa-east-1"}).encode())
    with pytest.raises(PriceFileCorrupt, match=f"its head: it is of 'sa-east-1', not of {REGION}"):
        read_plan_file(path, REGION, PRICE_NEEDS, NOW)


@pytest.mark.parametrize("form", [as_csv, as_json])
def test_a_file_of_another_edition_is_not_the_one_that_was_meant(tmp_path, form):
    path = write(tmp_path, form(WANTED))
    assert read_plan_file(path, REGION, PRICE_NEEDS, NOW, named_version="20260422194203").prices
    with pytest.raises(PriceFileCorrupt, match="what led to the file names '20260423000000'"):
        read_plan_file(path, REGION, PRICE_NEEDS, NOW, named_version="20260423000000")


def test_rows_of_the_real_database_file(tmp_path):
    """Rows as they stand in AWSDatabaseSavingsPlans of ap-south-2, 2026-04-22, with ap-south-1's prefix and code."""
    rows = """
DZCHH8H3SPVYZ2Z4,DZCHH8H3SPVYZ2Z4.2D295RGWS6EH7YGE,Hrs,2026-04-20T21:53:43Z,3.0668800000,USD,2D295RGWS6EH7YGE,AmazonRDS,APS3-Multi-AZUsage:db.m7g.4xl,CreateDBInstance:0002,No Upfront,1,year,DatabaseSavingsPlans,DatabaseSP:1yrNoUpfront,,1 year No Upfront Database Savings Plan,,Any,AWS Region,hourly,DatabaseSavingsPlans,ap-south-1,M7G
DZCHH8H3SPVYZ2Z4,DZCHH8H3SPVYZ2Z4.25B2RB2TJW9VCXZ6,Hrs,2026-04-20T21:53:43Z,1.824,USD,25B2RB2TJW9VCXZ6,AmazonRDS,APS3-Multi-AZUsage:db.r7i.2xl,CreateDBInstance:0005,No Upfront,1,year,DatabaseSavingsPlans,DatabaseSP:1yrNoUpfront,,1 year No Upfront Database Savings Plan,,Any,AWS Region,hourly,DatabaseSavingsPlans,ap-south-1,db.r7i.2xlarge
DZCHH8H3SPVYZ2Z4,DZCHH8H3SPVYZ2Z4.S6VHXPYYQRUDJCZ9,WriteCapacityUnit-Hrs,2026-04-20T21:53:43Z,0.0008184,USD,S6VHXPYYQRUDJCZ9,AmazonDynamoDB,APS3-IA-WriteCapacityUnit-Hrs,CommittedThroughput,No Upfront,1,year,DatabaseSavingsPlans,DatabaseSP:1yrNoUpfront,,1 year No Upfront Database Savings Plan,,Any,AWS Region,hourly,DatabaseSavingsPlans,ap-south-1,
DZCHH8H3SPVYZ2Z4,DZCHH8H3SPVYZ2Z4.4BP5RBG6CEQTNZX4,DCU-Hr,2026-04-20T21:53:43Z,0.0823242480,USD,4BP5RBG6CEQTNZX4,AWSDatabaseMigrationSvc,APS3-DMSServerlessRepCapacityUsg:1,CreateDMSInstance,No Upfront,1,year,DatabaseSavingsPlans,DatabaseSP:1yrNoUpfront,,1 year No Upfront Database Savings Plan,,Any,AWS Region,hourly,DatabaseSavingsPlans,ap-south-1,
"""
    rates = read_plan_file(
        write(tmp_path, as_csv(()) + rows.lstrip().encode()), "ap-south-1", PRICE_NEEDS, NOW
    )
    assert rates.read == 4
    assert {(price.query.usage_type, f"{price.tiers[0].list_unit_price:f}") for price in rates.prices} == {
        ("Multi-AZUsage:db.m7g.4xl", "3.06688"),
        ("IA-WriteCapacityUnit-Hrs", "0.0008184"),
    }


def changed(change) -> bytes:
    document = as_document(WANTED)
    change(document)
    return json.dumps(document, indent=2).encode()


def twice(member: bytes, before: bytes) -> bytes:
    """The file with another member of the same name, or of another one that stands above, before this one."""
    assert member in as_json(WANTED)
    return as_json(WANTED).replace(member, before + member, 1)


ANOTHER_LENGTH = {"purchaseOption": "No Upfront", "purchaseTerm": "3yr"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no column SKU"),
        (b"<html>busy</html>", "expected in the first 5 rows"),
        (b"{}", "no savingsPlan terms"),
        (b"[]", "expected in the first 5 rows"),
        (as_json(WANTED)[:-40], "cut short"),
        (as_json(WANTED)[:700], "cut short"),
        (as_json(WANTED) + b"{}", "goes on behind its end"),
        (gzip.compress(as_json(WANTED))[:-20], "reading it"),
        (as_csv(WANTED)[:-30], "columns, the header has 24"),
        (as_csv(WANTED, columns=COLUMNS[:4] + COLUMNS[5:]), "no column DiscountedRate"),
        (as_csv(WANTED, head=HEAD[:4]), "expected in the first 5 rows"),
        (as_csv(WANTED, head=(*HEAD[:3], ("Version", "7"), HEAD[4])), "is not a time in 14 digits"),
        (as_csv(WANTED).replace(b",1,year,", b",5,year,", 1), "'5year' and 'No Upfront'"),
        (as_csv(WANTED).replace(b"All Upfront", b"Most Upfront", 1), "'3year' and 'Most Upfront'"),
        (as_csv(WANTED).replace(b"Hrs", b"\xff\xfe", 1), "invalid"),
        (changed(lambda d: d.pop("version")), "is not a time in 14 digits"),
        (changed(lambda d: d.pop("terms")), "no savingsPlan terms"),
        (changed(lambda d: d["terms"].update(OnDemand={})), "OnDemand terms in a Savings Plans file"),
        (changed(lambda d: d["products"].pop(0)), "which is no product of the file"),
        (changed(lambda d: d["products"][0].pop("attributes")), "missing required field `attributes`"),
        (
            changed(lambda d: d["terms"]["savingsPlan"][0]["rates"][0].pop("discountedRate")),
            "missing required field `discountedRate`",
        ),
        (changed(lambda d: d.update(products=d.pop("products"))), "terms stand before products"),
        (twice(b'"price": "', b'"price": "0.01", '), "'price' is listed twice"),
        (twice(b'"rates": [', b'"sku": "X", '), "'sku' is listed twice"),
        (twice(b'"purchaseTerm": ', b'"purchaseTerm": "3yr", '), "'purchaseTerm' is listed twice"),
        (twice(b'"version": ', b'"version": "20260422194204", '), "'version' is listed twice"),
        (twice(b'"terms": ', b'"terms": {"savingsPlan": []}, '), "'terms' is listed twice"),
        (
            changed(lambda d: d["products"].append(d["products"][0] | {"attributes": ANOTHER_LENGTH})),
            f"product {COMPUTE[0]} is listed twice",
        ),
        (
            changed(lambda d: d["terms"]["savingsPlan"][0]["leaseContractLength"].update(duration=3)),
            "rates bind for 3 year, their plan for 1yr",
        ),
        (
            as_csv(WANTED, head=(*HEAD[:3], ("Version", "20261301000000"), HEAD[4])),
            "is not a time in 14 digits",
        ),
        (
            changed(lambda d: d.update(publicationDate="2026-02-31T00:00:00Z")),
            "'2026-02-31T00:00:00Z' is not a UTC time",
        ),
        (
            changed(lambda d: d["terms"]["savingsPlan"][0].update(effectiveDate="2026-13-01T00:00:00Z")),
            "rates begin on '2026-13-01T00:00:00Z', which is not a UTC time",
        ),
        (changed(lambda d: d.update(publicationDate="2026-04-24T00:00:00Z")), "are of different days"),
        (as_csv(WANTED).replace(b"2026-04-20T", b"2026-04-31T", 1), "rates begin on '2026-04-31T21:53:43Z'"),
        (as_csv(WANTED).replace(b"DiscountedInstanceType", b"DiscountedRate", 1), "a column is named twice"),
        (
            as_csv(WANTED, head=(HEAD[3], ("Version", "20260422194204"), *HEAD[2:4], HEAD[4])),
            "expected in the first 5",
        ),
        (
            as_csv((*WANTED, rate((*COMPUTE[:3], 3), "APN1-BoxUsage:c5.large", "RunInstances", "0.04"))),
            f"product {COMPUTE[0]} is described differently",
        ),
    ],
)
def test_a_broken_file_is_refused(tmp_path, content, told):
    path = write(tmp_path, content)
    with pytest.raises(PriceFileCorrupt) as error:
        read_plan_file(path, REGION, PRICE_NEEDS, NOW)
    assert told in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("rates", "fault", "told"),
    [
        (
            (rate(COMPUTE, "APN1-BoxUsage:c5.large", "RunInstances", "0.7", currency="CNY"),),
            OtherCurrency,
            "in CNY",
        ),
        (
            (rate(COMPUTE, "APN1-BoxUsage:c5.large", "RunInstances", "0.7", unit="Weeks"),),
            UnusableUnit,
            "'Weeks'",
        ),
        (
            (rate(COMPUTE, "APN1-BoxUsage:c5.large", "RunInstances", "free"),),
            MalformedListing,
            "'free' is not",
        ),
        (
            (rate(COMPUTE, "APN1-BoxUsage:c5.large", "RunInstances", "-1"),),
            MalformedListing,
            "-1 is negative",
        ),
        ((rate(COMPUTE, "APN1-BoxUsage:c5.large", "RunInstances", "1e-3"),), MalformedListing, "'1e-3'"),
        (
            (WANTED[0], rate(COMPUTE, "APN1-BoxUsage:c5.xlarge", "RunInstances", "0.155")),
            ConflictingPrices,
            "at 0.154 per Hrs",
        ),
    ],
)
@pytest.mark.parametrize("form", [as_csv, as_json])
def test_a_rate_that_cannot_be_used_is_named(tmp_path, form, rates, fault, told):
    with pytest.raises(fault) as error:
        read_plan_file(write(tmp_path, form(rates)), REGION, PRICE_NEEDS, NOW)
    assert told in str(error.value)
    assert "SavingsPlan Compute 1yr No Upfront" in str(error.value)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), form=st.sampled_from((as_csv, as_json)))
def test_a_damaged_file_is_read_as_it_was_or_refused(tmp_path_factory, data, form):
    """Structure only: a digit may change unnoticed here, which the checksum of the download is for."""
    content = bytearray(form(WANTED))
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] = data.draw(st.sampled_from(b'{}[]",:\n\x00'))
    path = write(tmp_path_factory.mktemp("rates"), bytes(content))
    try:
        rates = read_plan_file(path, REGION, PRICE_NEEDS, NOW)
    except PriceError:
        return
    assert rates.read <= len(WANTED)
    assert all(price.tiers[0].list_unit_price >= 0 for price in rates.prices)


@pytest.mark.parametrize("form", [as_csv, as_json])
def test_memory_does_not_grow_with_the_file(tmp_path, form):
    def peak(decoys: int) -> int:
        path = write(tmp_path, form((*WANTED, *(DECOYS[:6] * decoys))))
        tracemalloc.start()
        try:
            assert len(read_plan_file(path, REGION, PRICE_NEEDS, NOW).prices) == len(WANTED)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(100), peak(2_000)
    assert large < 1.5 * small + 200_000


def test_rates_become_files_of_a_price_folder_and_offers(tmp_path):
    rates = read_plan_file(write(tmp_path, as_csv(WANTED)), REGION, PRICE_NEEDS, NOW)
    parts = savings_parts(rates, origin="bulk", retrieved_at="2026-11-24T10:00:00Z")
    assert [part.path for part in parts] == [
        f"AWSLambda/{REGION}.savings.csv", f"AmazonDynamoDB/{REGION}.savings.csv",
        f"AmazonEC2/{REGION}.savings.csv", f"AmazonRDS/{REGION}.savings.csv",
    ]  # fmt: skip
    assert {part.edition for part in parts} == {"20260422194203"}
    book = book_with(tmp_path, *parts)
    for price in rates.prices:
        assert book.price(price.query) == price
    shipped_price = book_price("AmazonEC2", "BoxUsage:c5.xlarge")
    (offer,) = [
        offer
        for offer in commitments(book, shipped_price).offers
        if offer.commitment == Commitment(CommitmentKind.COMPUTE_PLAN, 1, Payment.NO_UPFRONT)
    ]
    assert (offer.unit_price, offer.published) == (Decimal("0.154"), True)


def book_price(service_code, usage_type):
    from costmodel.pricing.book import PriceBook

    return PriceBook.shipped().price(PriceQuery(service_code, REGION, usage_type))


@pytest.fixture
def aws(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("costmodel.pricing.aws_client.CALL_ATTEMPTS", 2)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    with CommitmentsServer(on_the_wire((*DECOYS, *WANTED))) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAVINGSPLANS", server.url)
        yield server


def asked():
    with closing(open_client("savingsplans", HOME_REGION)) as client:
        return offering_rates(client, REGION, PRICE_NEEDS, TODAY)


@pytest.mark.parametrize("page_size", [1000, 1, 2])
def test_the_api_says_the_same_as_the_files(aws, page_size):
    aws.page_size = page_size
    rates = asked()
    assert told(rates) == EXPECTED
    assert {price.as_of for price in rates.prices} == {TODAY}
    assert {price.source for price in rates.prices} == {"savingsplans DescribeSavingsPlansOfferingRates"}
    assert rates.version == ""


def test_the_api_is_asked_for_little(aws):
    asked()
    assert [(q["savingsPlanTypes"], q["serviceCodes"]) for q in aws.questions] == [
        (["Compute"], ["AmazonEC2"]), (["Compute"], ["AWSLambda"]), (["EC2Instance"], ["AmazonEC2"]),
        (["Database"], ["AmazonRDS"]), (["Database"], ["AmazonDynamoDB"]),
    ]  # fmt: skip
    assert all(q["filters"] == [{"name": "region", "values": [REGION]}] for q in aws.questions)
    assert all(q["maxResults"] == 1000 for q in aws.questions)
    assert aws.questions[0]["operations"] == ["RunInstances"]


def test_one_throttled_call_is_made_again(aws):
    aws.faults = [(429, "ThrottlingException")]
    assert told(asked()) == EXPECTED


@pytest.mark.parametrize(
    ("status", "code", "error", "words"),
    [
        (403, "AccessDeniedException", AccessDenied, "savingsplans:DescribeSavingsPlansOfferingRates"),
        (429, "ThrottlingException", ApiThrottled, "slow down"),
        (403, "ExpiredTokenException", CredentialsExpired, "expired"),
        (500, "InternalServerException", ApiFailed, "InternalServerException"),
    ],
)
def test_what_aws_refuses_has_a_name_and_a_next_step(aws, status, code, error, words):
    aws.faults = [(status, code)] * 5
    with pytest.raises(error) as caught:
        asked()
    assert words in str(caught.value)
    assert "DescribeSavingsPlansOfferingRates" in str(caught.value)


def test_without_credentials_the_next_step_is_told(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NoCredentials, match="aws configure"):
        asked()


def test_an_answer_without_its_list_is_no_empty_answer(aws):
    aws.bare = True
    with pytest.raises(ApiFailed, match="cut short"):
        asked()


def test_pages_that_lead_back_end(aws):
    aws.loop = True
    with pytest.raises(ApiFailed, match="lead back"):
        asked()


@pytest.mark.parametrize("body", PLAN_BODIES)
def test_an_answer_of_another_form_has_a_name(aws, body):
    aws.bodies = {"savingsplans": body}
    with pytest.raises((ApiFailed, MalformedListing), match=OPERATION):
        asked()


@pytest.mark.parametrize("missing", ["rate", "unit", "usageType", "savingsPlanOffering"])
def test_a_rate_without_a_field_is_malformed(missing):
    """Stubbed: botocore checks the answer against its model."""
    with closing(
        boto3.client(
            "savingsplans", region_name=HOME_REGION, aws_access_key_id="x", aws_secret_access_key="x"
        )
    ) as client:
        answer = on_the_wire(WANTED[:1])
        del answer[0][missing]
        with Stubber(client) as stub:
            stub.add_response("describe_savings_plans_offering_rates", {"searchResults": answer})
            with pytest.raises(MalformedListing, match="without a usable"):
                offering_rates(client, REGION, PRICE_NEEDS, TODAY)


@pytest.mark.parametrize("form", [as_json, as_csv])
@pytest.mark.parametrize(
    ("begins", "holds"), [("2026-11-24T12:00:00Z", True), ("2026-11-24T12:00:01Z", False)]
)
def test_rates_that_are_not_in_force_yet_are_left_out(tmp_path, form, begins, holds):
    """Those of one plan begin later; in a CSV file each row tells."""
    content = form(WANTED[1:2]).replace(b"2026-04-20T21:53:43Z", begins.encode())
    if holds:
        assert len(read_plan_file(write(tmp_path, content), REGION, PRICE_NEEDS, NOW).prices) == 1
    else:
        with pytest.raises(NothingOffered, match="none of"):
            read_plan_file(write(tmp_path, content), REGION, PRICE_NEEDS, NOW)


def test_rates_before_the_day_on_which_they_begin_are_refused(tmp_path):
    document = as_document(WANTED)
    for term in document["terms"]["savingsPlan"]:
        del term["effectiveDate"]
        term["effectiveDate"] = "2027-01-01T00:00:00Z"
    path = write(tmp_path, json.dumps(document).encode())
    with pytest.raises(PriceFileCorrupt, match="rates stand before the day on which they begin"):
        read_plan_file(path, REGION, PRICE_NEEDS, NOW)
