"""The builder: what a tiny folder of tables becomes, what it refuses, and that it repeats itself."""

import csv
import importlib.util
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.snapshot import PRICE_COLUMNS, read_manifest, read_rows
from costmodel.shipped import shipped

ROOT = Path(__file__).parents[2]
TABLES = ROOT.parent / "shared" / "data" / "prices"
OWN_TABLES = ROOT / "tools" / "prices"

HEADER = "service,region,usage_type,dimension,unit,tier_start,tier_end,price_usd,term,source,as_of"
END = "OnDemand,a feed,2025-01-02"

STORAGE = f"""\
AmazonS3,eu-west-1,EU-TimedStorage-ByteHrs,Standard storage,GB-Mo,51200,Inf,0.022,{END}
AmazonS3,eu-west-1,EU-TimedStorage-ByteHrs,Standard storage,GB-Mo,0,51200,0.023,{END}
AmazonS3,us-east-1,TimedStorage-ByteHrs,Standard storage,GB-Mo,0,Inf,0.021,{END}
"""


def load_builder():
    spec = importlib.util.spec_from_file_location("build_snapshot", ROOT / "tools" / "build_snapshot.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


builder = load_builder()


@pytest.fixture
def build(tmp_path):
    """Build a book from rows of one table, or from several tables by file name."""

    def run(tables: str | dict[str, str]) -> PriceBook:
        source = tmp_path / "tables"
        source.mkdir(exist_ok=True)
        if isinstance(tables, str):
            tables = {"prices.csv": f"{HEADER}\n{tables}"}
        for name, text in tables.items():
            (source / name).write_text(text, encoding="utf-8")
        builder.build([source], tmp_path / "cache")
        return PriceBook(tmp_path / "cache")

    return run


def tiers(book: PriceBook, *query: str, **more) -> list[tuple[str, str, str]]:
    found = book.price(PriceQuery(*query, **more)).tiers
    return [(str(t.begin), str(t.end), f"{t.list_unit_price:f}") for t in found]


def test_round_trip_keeps_prices_tiers_and_provenance(build):
    book = build(STORAGE)
    price = book.price(PriceQuery("AmazonS3", "eu-west-1", "TimedStorage-ByteHrs"))
    assert tiers(book, "AmazonS3", "eu-west-1", "TimedStorage-ByteHrs") == [
        ("0", "51200", "0.023"),
        ("51200", "None", "0.022"),
    ]
    assert (price.pricing_unit, price.source, price.as_of) == ("GB-Mo", "a feed", "2025-01-02")
    assert tiers(book, "AmazonS3", "us-east-1", "TimedStorage-ByteHrs") == [("0", "None", "0.021")]
    assert book.regions() == ("us-east-1", "eu-west-1")


def test_files_are_sorted_text_with_line_feeds(build):
    book = build(STORAGE)
    content = (book.folder / "AmazonS3" / "eu-west-1.csv").read_bytes()
    assert content == (
        b"usage_type,attributes,term,description,unit,tier_start,tier_end,price_usd,sku,rate_code,source,as_of\n"
        b"TimedStorage-ByteHrs,,OnDemand,Standard storage,GB-Mo,0,51200,0.023,,,a feed,2025-01-02\n"
        b"TimedStorage-ByteHrs,,OnDemand,Standard storage,GB-Mo,51200,Inf,0.022,,,a feed,2025-01-02\n"
    )


def test_row_order_of_the_tables_does_not_matter(build):
    first = {path: path.read_bytes() for path in sorted(build(STORAGE).folder.rglob("*.csv"))}
    again = {
        path: path.read_bytes()
        for path in sorted(build("\n".join(reversed(STORAGE.splitlines())) + "\n").folder.rglob("*.csv"))
    }
    assert again == first


def test_prefixes_go_into_the_region(build):
    book = build(
        f"AmazonCloudFront,edge:Asia Pacific,AP-Requests-Tier1,GET,Requests,0,Inf,0.0000009,{END}\n"
        f"AmazonCloudFront,edge:US East (Ohio),USE2-Requests-OriginShield,OS,Requests,0,Inf,0.00000075,{END}\n"
        f"AWSDataTransfer,us-east-1,USE1-EU-AWS-Out-Bytes,Inter-region to eu-west-1,GB,0,Inf,0.02,{END}\n"
        f"awskms,ap-south-1,ap-south-1-KMS-Keys,Key,Keys,0,Inf,1,{END}\n"
    )
    assert tiers(book, "AmazonCloudFront", "edge:asia_pacific", "Requests-Tier1") == [
        ("0", "None", "0.0000009")
    ]
    assert tiers(book, "AmazonCloudFront", "us-east-2", "Requests-OriginShield") == [
        ("0", "None", "0.00000075")
    ]
    assert tiers(book, "AWSDataTransfer", "us-east-1", "EU-AWS-Out-Bytes") == [("0", "None", "0.02")]
    assert tiers(book, "awskms", "ap-south-1", "KMS-Keys") == [("0", "None", "1")]


def test_a_rate_that_a_table_states_for_two_usage_types_is_named_after_its_own(build):
    """`KMS-Requests` are requests with symmetric keys; those with RSA-2048 keys have a usage type of their own."""
    requests = "Symmetric / RSA-2048 request,Requests,0,Inf,0.000003"
    book = build(f"awskms,us-east-1,us-east-1-KMS-Requests,{requests},{END}\n")
    price = book.price(PriceQuery("awskms", "us-east-1", "KMS-Requests"))
    assert price.description == "Symmetric request"


def test_attributes_keep_engines_and_load_balancers_apart(build):
    book = build(
        f"AWSELB,us-east-1,LCUUsage,ALB LCU-hour (operation LoadBalancing:Application),LCU-Hrs,0,Inf,0.008,{END}\n"
        f"AWSELB,us-east-1,LCUUsage,NLB LCU-hour (operation LoadBalancing:Network),LCU-Hrs,0,Inf,0.006,{END}\n"
        f"AmazonRDS,us-east-1,InstanceUsage:db.r7g.xl,PostgreSQL db.r7g.xlarge Single-AZ,Hrs,0,Inf,0.478,{END}\n"
        f"AmazonRDS,us-east-1,InstanceUsage:db.r7g.xl,Aurora MySQL db.r7g.xlarge Standard,Hrs,0,Inf,0.553,{END}\n"
        f"AmazonS3,us-east-1,Requests-Tier4,Lifecycle transition into GIR (operation S3-GIRTransition),"
        f"Requests,0,Inf,0.00002,{END}\n"
    )
    lcu, instance = ("AWSELB", "us-east-1", "LCUUsage"), ("AmazonRDS", "us-east-1", "InstanceUsage:db.r7g.xl")
    assert tiers(book, *lcu, (("load_balancer", "network"),)) == [("0", "None", "0.006")]
    assert tiers(book, *instance, (("engine", "PostgreSQL"),)) == [("0", "None", "0.478")]
    assert tiers(book, *instance, (("engine", "Aurora MySQL"),)) == [("0", "None", "0.553")]
    assert tiers(book, "AmazonS3", "us-east-1", "Requests-Tier4", (("transition", "GIR"),)) == [
        ("0", "None", "0.00002")
    ]


def test_a_row_without_usage_type_gets_the_one_its_dimension_is_known_by(build):
    book = build(f"AmazonRDS,us-east-1,,Snapshot export to S3,GB,0,Inf,0.01,{END}\n")
    assert tiers(book, "AmazonRDS", "us-east-1", "RDS:SnapshotExportToS3") == [("0", "None", "0.01")]


def test_a_row_without_usage_type_and_name_is_refused(build):
    with pytest.raises(
        builder.SourceFault, match=r"prices.csv line 2: no usage type; name it in USAGE_TYPES"
    ):
        build(f"AmazonRDS,us-east-1,,Snapshot import,GB,0,Inf,0.01,{END}\n")


def test_rows_that_cannot_be_refreshed_and_bill_nothing_are_left_out(build):
    book = build(
        f"awswaf,us-east-1,,CAPTCHA attempts,Requests,0,Inf,0.0004,{END}\n"
        f"awswaf,us-east-1,USE1-RuleV2,Rule-month,Rule-Mo,0,Inf,1,{END}\n"
    )
    assert [price.query.usage_type for price in book.prices()] == ["RuleV2"]


def test_leading_free_steps_become_allowances(build):
    book = build(
        f"AmazonDynamoDB,us-east-1,TimedStorage-ByteHrs,Storage (after 25 GB free),GB-Mo,25,Inf,0.25,{END}\n"
        f"AmazonCloudFront,global,Invalidations,Invalidation,URL,0,1000,0,{END}\n"
        f"AmazonCloudFront,global,Invalidations,Invalidation,URL,1000,Inf,0.005,{END}\n"
        "AmazonDynamoDB,global,,Storage,GB-Mo,0,25,0,FreeTier,a page,2025-03-04\n"
    )
    assert tiers(book, "AmazonDynamoDB", "us-east-1", "TimedStorage-ByteHrs") == [("0", "None", "0.25")]
    assert tiers(book, "AmazonCloudFront", "global", "Invalidations") == [("0", "None", "0.005")]
    assert (
        book.price(PriceQuery("AmazonDynamoDB", "us-east-1", "TimedStorage-ByteHrs")).description == "Storage"
    )
    paths, storage = book.allowances
    assert (paths.allowance_id, paths.quantity, paths.per_region) == (
        "cloudfront-invalidations",
        Decimal(1000),
        False,
    )
    assert (storage.allowance_id, storage.quantity, storage.per_region) == (
        "dynamodb-storage",
        Decimal(25),
        True,
    )
    assert (storage.source, storage.as_of) == ("a page", "2025-03-04")


def test_reserved_terms_have_their_own_file_and_plans_their_levels(build):
    reserved = "AmazonRDS,us-east-1,InstanceUsage:db.r7g.xl,PostgreSQL db.r7g.xlarge Single-AZ"
    partial = "Reserved 3yr Partial Upfront,a feed,2025-01-02"
    plan = "FlatRate,a page,2025-01-02"
    book = build(
        f"{reserved} hourly,Hrs,0,Inf,0.15,{partial}\n"
        f"{reserved} upfront fee,Quantity,,,3900,{partial}\n"
        f"CloudFrontPlans,global,Premium,Monthly subscription per distribution,Mo,,,1000,{plan}\n"
        f"CloudFrontPlans,global,Premium,Usage level 75 TB / 750000000 requests,Mo,,76800,1450,{plan}\n"
        f"CloudFrontPlans,global,Premium,Allowance: data transfer per month,GB,,51200,0,{plan}\n"
    )
    assert [file.path for file in book.manifest.files if file.service_code == "AmazonRDS"] == [
        "AmazonRDS/us-east-1.reserved.csv"
    ]
    rds, term = ("AmazonRDS", "us-east-1", "InstanceUsage:db.r7g.xl"), "Reserved 3yr Partial Upfront"
    assert tiers(book, *rds, (("engine", "PostgreSQL"),), term=term) == [("0", "None", "0.15")]
    fee = PriceQuery(*rds, (("engine", "PostgreSQL"), ("fee", "upfront")), term)
    assert book.price(fee).pricing_unit == "Quantity"
    assert book.price(fee).tiers[0].list_unit_price == 3900
    assert tiers(book, "CloudFrontPlans", "global", "Premium", term="FlatRate") == [("0", "None", "1000")]
    assert tiers(book, "CloudFrontPlans", "global", "Premium 75 TB", term="FlatRate") == [
        ("0", "None", "1450")
    ]
    assert (book.folder / "plan_allowances.csv").read_text().splitlines()[1:] == [
        "Premium,data transfer per month,GB,51200,a page,2025-01-02",
        "Premium 75 TB,data transfer per month,GB,76800,a page,2025-01-02",
        "Premium 75 TB,requests per month,Requests,750000000,a page,2025-01-02",
    ]


def test_discounts_have_their_own_files(build):
    spot = "service,region,instance_type,savings_percent_vs_on_demand,interruption_frequency,source,as_of\n"
    book = build(
        {
            "ec2_spot_savings.csv": f"{spot}AmazonEC2,us-east-1,m7g.large,64,<5%,advisor,2025-07-28\n"
            "AmazonEC2,us-east-1,m7g.metal,60,<5%,advisor,2025-07-28\n",
            "plans.csv": f"{HEADER}\nComputeSavingsPlans,any,ComputeSP,Up to,discount_percent,,,66,"
            "SavingsPlan up to,a page,2025-01-02\n",
            "ec2_specs.csv": "instance_type,vcpu\nm7g.large,2\n",
        }
    )
    assert (book.folder / "spot_savings.csv").read_text().splitlines()[1:] == [
        "us-east-1,m7g.large,64,<5%,advisor,2025-07-28"
    ]
    assert (book.folder / "savings_plans.csv").read_text().splitlines()[1:] == [
        "ComputeSP,Up to,SavingsPlan up to,66,a page,2025-01-02"
    ]


def test_bare_metal_is_left_out(build):
    book = build(
        f"{STORAGE}AmazonEC2,us-east-1,BoxUsage:m5.metal,m5.metal Linux shared,Hrs,0,Inf,4.6,{END}\n"
    )
    assert "Bare-metal" in book.manifest.note
    assert not book.search("metal")


HOUR = "AmazonEC2,us-east-1,NatGateway-Hours,NAT,"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (f"{HOUR}Fortnights,0,Inf,1,{END}", "prices.csv line 2: unknown unit 'Fortnights'"),
        (f"{HOUR}Hrs,0,Inf,-1,{END}", "-1 is negative"),
        (f"{HOUR}Hrs,0,Inf,1e-7,{END}", "'1e-7' is not a plain decimal"),
        (f"{HOUR}Hrs,0,Inf,NaN,{END}", "'NaN' is not a plain decimal"),
        (f"{HOUR}Hrs,0,Inf,,{END}", "'' is not a plain decimal"),
        (f"{HOUR}Hrs,zero,Inf,1,{END}", "'zero' is not a plain decimal"),
        (
            f"{HOUR}Hrs,0,10,1,{END}\n{HOUR}Hrs,20,Inf,1,{END}",
            "a tier starts at 20; the tiers before it reach 10",
        ),
        (
            f"{HOUR}Hrs,0,30,1,{END}\n{HOUR}Hrs,20,Inf,1,{END}",
            "a tier starts at 20; the tiers before it reach 30",
        ),
        (f"{HOUR}Hrs,0,Inf,1,{END}\n{HOUR}Hrs,20,Inf,1,{END}", "the tiers before it reach no end"),
        (f"{HOUR}Hrs,0,10,1,{END}", "no price beyond 10"),
        (f"{HOUR}Hrs,0,0,1,{END}\n{HOUR}Hrs,0.0,Inf,1,{END}", "line 3: duplicate of prices.csv line 2"),
        (f"{HOUR}Hrs,0,Inf,1,{END}\n{HOUR}Hrs,0,Inf,1,{END}", "line 3: duplicate of prices.csv line 2"),
        (f"{HOUR}Hrs,5,Inf,1,{END}", "no allowance rule"),
        (f"{HOUR}Hrs,0,10,1,{END}\n{HOUR}GB,10,Inf,1,{END}", "count in different units"),
        (f"{HOUR}Hrs,0,Inf,1,OnDemand,,2025-01-02", "no source"),
        (f"{HOUR}Hrs,0,Inf,1,OnDemand,a feed,2025-01", "as_of '2025-01' is not a date"),
        (f"{HOUR}Hrs,0,Inf,1,Spot,a feed,2025-01-02", "unknown term 'Spot'"),
        (f"{HOUR}Hrs,0,Inf,1", "the number of columns must be 11"),
        (f"AmazonEC2,mars-1,NatGateway-Hours,NAT,Hrs,0,Inf,1,{END}", "unknown region 'mars-1'"),
        (f"AWSELB,us-east-1,LCUUsage,XLB,LCU-Hrs,0,Inf,1,{END}", "must begin with one of ALB, NLB"),
        (
            "AWSLambda,global,,Coffee,GB,0,1,0,FreeTier,a feed,2025-01-02",
            "no allowance rule for AWSLambda 'Coffee'",
        ),
        (
            "AmazonDynamoDB,global,,Storage,GB-Mo,0,20,0,FreeTier,a page,2025-03-04\n"
            f"AmazonDynamoDB,us-east-1,TimedStorage-ByteHrs,Storage,GB-Mo,25,Inf,0.25,{END}",
            "allowance dynamodb-storage: its quantities differ: 20 (prices.csv line 2), 25 (prices.csv line 3)",
        ),
        (
            "awskms,global,,Requests per month,Requests,0,20000,0,FreeTier,a page,2025-03-04\n"
            f"awskms,us-east-1,us-east-1-KMS-Requests,Request,Keys,0,Inf,1,{END}",
            "allowance kms-requests: KMS-Requests counts in Keys, not in Requests",
        ),
    ],
)
def test_refuses_a_row_that_cannot_be_priced_honestly(build, tmp_path, rows, message):
    build(STORAGE)
    before = (tmp_path / "cache" / "manifest.json").read_bytes()
    with pytest.raises(builder.SourceFault) as fault:
        build(f"{rows}\n")
    assert message in str(fault.value)
    assert (tmp_path / "cache" / "manifest.json").read_bytes() == before


def test_refuses_duplicate_spot_rows_foreign_columns_and_an_empty_folder(build, tmp_path):
    spot = "service,region,instance_type,savings_percent_vs_on_demand,interruption_frequency,source,as_of\n"
    row = "AmazonEC2,us-east-1,m7g.large,64,<5%,advisor,2025-07-28\n"
    with pytest.raises(builder.SourceFault, match=r"duplicate row: us-east-1 m7g\.large"):
        build({"ec2_spot_savings.csv": spot + row + row})
    with pytest.raises(builder.SourceFault, match="savings of 101 percent"):
        build({"ec2_spot_savings.csv": spot + row.replace(",64,", ",101,")})
    with pytest.raises(builder.SourceFault, match=r"other\.csv: columns must be service"):
        build({"ec2_spot_savings.csv": spot + row, "other.csv": "a,b\n1,2\n"})
    with pytest.raises(builder.SourceFault, match="no price tables"):
        builder.build([tmp_path / "nowhere"], tmp_path / "cache")


def test_never_replaces_a_folder_that_is_not_a_snapshot(build, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "thesis.txt").write_text("years of work")
    with pytest.raises(builder.SourceFault, match="holds something else"):
        build(STORAGE)
    assert (tmp_path / "cache" / "thesis.txt").read_text() == "years of work"


def test_command_line_reports_a_fault_and_exits_with_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["build_snapshot.py", str(tmp_path), "--output", str(tmp_path / "cache")]
    )
    assert builder.main() == 1
    assert capsys.readouterr().err == f"error: {tmp_path}: no price tables (*.csv) in this folder\n"


needs_tables = pytest.mark.skipif(
    not TABLES.is_dir(), reason="the price tables (../shared/data/prices) are not here"
)


@needs_tables
def test_builder_reproduces_the_committed_snapshot_byte_for_byte(tmp_path):
    builder.build([TABLES, OWN_TABLES], tmp_path / "cache")
    rebuilt = {
        str(p.relative_to(tmp_path / "cache")): p.read_bytes() for p in (tmp_path / "cache").rglob("*.*")
    }
    committed = {
        str(p.relative_to(shipped("pricing_cache"))): p for p in shipped("pricing_cache").rglob("*.*")
    }
    assert rebuilt.keys() == committed.keys()
    assert [name for name in rebuilt if rebuilt[name] != committed[name].read_bytes()] == []


@needs_tables
def test_no_price_is_lost_or_changed_on_the_way():
    """The sum of all published prices, and their number by term, survive; only zero-priced free steps go."""
    source_sum, source_rows = Decimal(0), 0
    for path in (*TABLES.glob("*.csv"), *OWN_TABLES.glob("*.csv")):
        if path.name in ("ec2_specs.csv", "ec2_spot_savings.csv", "savings_plans.csv", "free_tier.csv"):
            continue
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                free_step = row["price_usd"] == "0" and row["tier_end"] not in ("", "Inf")
                if not free_step and (row["service"], row["dimension"]) not in builder.LEFT_OUT:
                    source_sum += Decimal(row["price_usd"])
                    source_rows += 1
    folder = shipped("pricing_cache")
    prices = [
        Decimal(row[7])
        for file in read_manifest(folder).files
        if file.kind in ("prices", "reserved")
        for row in read_rows(folder, file, PRICE_COLUMNS)
    ]
    assert len(prices) == source_rows
    assert sum(prices) == source_sum


@needs_tables
def test_every_instance_price_of_the_tables_is_answered():
    """2134 EC2, 2944 RDS and 1658 Aurora prices, asked for by the names in their descriptions."""
    book = PriceBook.shipped()
    answered = 0
    for name in ("ec2_ondemand.csv", "rds_instances.csv", "aurora.csv"):
        with (TABLES / name).open(newline="") as file:
            for row in csv.DictReader(file):
                words = row["dimension"].split()
                instance = next((w for w in words if w.startswith("db.") or name.startswith("ec2")), None)
                if instance is None:
                    continue
                size = instance.rpartition(".")[2]
                short = size.replace("xlarge", "xl")
                if name.startswith("ec2"):
                    usage_type, attributes = f"BoxUsage:{instance}", ()
                else:
                    kind = {
                        "Single-AZ": "InstanceUsage",
                        "Multi-AZ": "Multi-AZUsage",
                        "Standard": "InstanceUsage",
                        "I/O-Optimized": "InstanceUsageIOOptimized",
                    }[words[-1]]
                    usage_type = f"{kind}:{instance.rpartition('.')[0]}.{short}"
                    attributes = (("engine", " ".join(words[: words.index(instance)])),)
                price = book.price(PriceQuery(row["service"], row["region"], usage_type, attributes))
                assert [tier.list_unit_price for tier in price.tiers] == [Decimal(row["price_usd"])]
                answered += 1
    assert answered == 2134 + 2944 + 1658
