"""Bills worked out by hand from published price tables, through the path of `costmodel price`.

The unit prices in the expressions were copied from the price tables, not asked of the price book;
the quantity at each is written out, so a bill can be checked with a pocket calculator.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from costmodel.billing.charge import to_cents
from costmodel.billing.plain import PricedUsage, price_usage
from costmodel.pricing.book import PriceBook
from costmodel.scenario.usage_file import parse_usage_file

SHIPPED = PriceBook.shipped()
D = Decimal


def priced(lines: str, *, free_tier: bool = True, period: str = "2026-10") -> PricedUsage:
    head = f"period: {period}\nfree_tier: {str(free_tier).lower()}\nusage:\n"
    return price_usage(parse_usage_file(head + lines, "worked bill"), SHIPPED)


def cents(lines: str, *, free_tier: bool = True) -> Decimal:
    return to_cents(priced(lines, free_tier=free_tier).billed_cost)


def test_s3_in_frankfurt_crosses_50_tb() -> None:
    total = cents("""
      - {service: AmazonS3, region: eu-central-1, meter: TimedStorage-ByteHrs, quantity: 60000, unit: GB-Mo}
      - {service: AmazonS3, region: eu-central-1, meter: Requests-Tier1, quantity: 100000}
      - {service: AmazonS3, region: eu-central-1, meter: Requests-Tier2, quantity: 5000000}
    """)
    storage = 51_200 * D("0.0245") + 8_800 * D("0.0235")  # 1 254.40 + 206.80
    requests = 100 * D("0.0054") + 5_000 * D("0.00043")  # per thousand: 0.54 + 2.15
    assert total == storage + requests == D("1463.89")


def test_s3_in_sao_paulo_crosses_500_tb_and_keeps_an_archive() -> None:
    total = cents("""
      - {service: AmazonS3, region: sa-east-1, meter: TimedStorage-ByteHrs, quantity: 600000}
      - {service: AmazonS3, region: sa-east-1, meter: TimedStorage-GIR-ByteHrs, quantity: 2000}
      - {service: AmazonS3, region: sa-east-1, meter: Retrieval-GIR, quantity: 10}
    """)
    # 2 073.60 + 460 800 x 0.039 = 17 971.20 + 88 000 x 0.037 = 3 256.00 + 16.60 + 0.30
    standard = 51_200 * D("0.0405") + 460_800 * D("0.039") + 88_000 * D("0.037")
    assert total == standard + 2_000 * D("0.0083") + 10 * D("0.03") == D("23317.70")


@pytest.mark.parametrize(
    ("terabytes", "free_tier", "expected"),
    [
        (10, True, "783.36"),  # 9 216 x 0.085: the free terabyte is the bottom of the first tier
        (10, False, "870.40"),  # 10 240 x 0.085
        (50, True, "4060.16"),  # 9 216 x 0.085 + 40 960 x 0.08
        (50, False, "4147.20"),  # 10 240 x 0.085 + 40 960 x 0.08
    ],
)
def test_cloudfront_in_the_united_states_at_the_edges_of_its_tiers(
    terabytes: int, free_tier: bool, expected: str
) -> None:
    line = f"""
      - service: AmazonCloudFront
        meter: DataTransfer-Out-Bytes
        region: "edge:united_states"
        quantity: {terabytes * 1024}
        unit: GB
    """
    assert cents(line, free_tier=free_tier) == D(expected)


def test_cloudfront_on_two_continents_shares_the_free_terabyte_and_the_free_requests() -> None:
    total = cents("""
      - {service: AmazonCloudFront, region: "edge:europe", meter: DataTransfer-Out-Bytes, quantity: 3072}
      - {service: AmazonCloudFront, region: "edge:japan", meter: DataTransfer-Out-Bytes, quantity: 1024}
      - {service: AmazonCloudFront, region: "edge:europe", meter: Requests-Tier2-HTTPS, quantity: 30000000}
      - {service: AmazonCloudFront, region: "edge:japan", meter: Requests-Tier2-HTTPS, quantity: 10000000}
    """)
    transfer = (3_072 - 768) * D("0.085") + (1_024 - 256) * D("0.114")  # 195.84 + 87.552
    requests = (3_000 - 750) * D("0.012") + (1_000 - 250) * D("0.012")  # ten thousands: 27 + 9
    assert total == to_cents(transfer + requests) == D("319.39")


def test_cloudfront_in_south_america_with_an_origin_shield_and_no_free_tier() -> None:
    total = cents(
        """
      - {service: AmazonCloudFront, region: "edge:south_america", meter: DataTransfer-Out-Bytes, quantity: 20480}
      - {service: AmazonCloudFront, region: sa-east-1, meter: Requests-OriginShield, quantity: 1000000}
      - {service: AmazonCloudFront, region: global, meter: Invalidations, quantity: 1500}
    """,
        free_tier=False,
    )
    transfer = 10_240 * D("0.11") + 10_240 * D("0.105")  # 1 126.40 + 1 075.20
    assert total == transfer + D("1.60") + 1_500 * D("0.005") == D("2210.70")


def test_a_cloudfront_plan_is_one_flat_rate() -> None:
    line = "- {service: CloudFrontPlans, region: global, meter: Pro, term: FlatRate, quantity: 1}"
    assert cents(line) == D("15.00")


def test_two_instances_in_ireland_for_a_month_of_31_days() -> None:
    total = cents("""
      - {service: AmazonEC2, region: eu-west-1, meter: "BoxUsage:m7g.large", quantity: 1488, unit: Hours}
      - {service: AmazonEC2, region: eu-west-1, meter: "EBS:VolumeUsage.gp3", quantity: 60, unit: GB-Mo}
      - {service: AmazonEC2, region: eu-west-1, meter: "EBS:VolumeP-IOPS.gp3", quantity: 1000}
    """)
    servers = 2 * 744 * D("0.091")  # 135.408
    volumes = 2 * 30 * D("0.088") + 1_000 * D("0.0055")  # 5.28 + 5.50
    assert total == to_cents(servers + volumes) == D("146.19")


def test_one_instance_in_virginia_on_demand_and_reserved() -> None:
    on_demand = "- {service: AmazonEC2, region: us-east-1, meter: 'BoxUsage:m7g.large', quantity: 744}"
    reserved = on_demand.replace("quantity", "term: Reserved standard 1yr No Upfront, quantity")
    assert cents(on_demand) == to_cents(744 * D("0.0816")) == D("60.71")
    assert cents(reserved) == to_cents(744 * D("0.054")) == D("40.18")
    assert {charge.pricing_category for charge in priced(reserved).bill.charges} == {"Committed"}


def test_lambda_in_tokyo_crosses_six_billion_gigabyte_seconds() -> None:
    lines = """
      - {service: AWSLambda, region: ap-northeast-1, meter: Lambda-GB-Second, quantity: 7000000000}
      - {service: AWSLambda, region: ap-northeast-1, meter: Request, quantity: 500000000}
    """
    # per million: 99 993.53332 + 15 000, and 499 x 0.20 = 99.80
    duration = (6_000 - D("0.4")) * D("16.6667") + 1_000 * D("15")
    assert cents(lines) == to_cents(duration + 499 * D("0.2")) == D("115093.33")
    assert (
        cents(lines, free_tier=False)
        == 6_000 * D("16.6667") + 1_000 * D("15") + 500 * D("0.2")
        == D("115100.20")
    )


def test_lambda_shares_its_free_tier_over_both_architectures() -> None:
    total = cents("""
      - {service: AWSLambda, region: eu-west-1, meter: Lambda-GB-Second, quantity: 600000}
      - {service: AWSLambda, region: eu-west-1, meter: Lambda-GB-Second-ARM, quantity: 1000000}
      - {service: AWSLambda, region: eu-west-1, meter: Lambda-Provisioned-Concurrency-ARM, quantity: 2678400}
      - {service: AWSLambda, region: eu-west-1, meter: Request, quantity: 900000}
    """)
    # of 400 000 free GB-s x86 gets 150 000 and arm64 250 000; all requests are free
    duration = D("0.45") * D("16.6667") + D("0.75") * D("13.3334")  # 7.500015 + 10.00005
    provisioned = D("2.6784") * D("3.7168")  # one environment of 1 GB for 31 days: 9.95507712
    assert total == to_cents(duration + provisioned) == D("27.46")


def test_rds_postgresql_multi_az_in_frankfurt() -> None:
    total = cents("""
      - service: AmazonRDS
        region: eu-central-1
        meter: "Multi-AZUsage:db.m7g.large"
        attributes: {engine: PostgreSQL}
        quantity: 744
        unit: Hrs
      - {service: AmazonRDS, region: eu-central-1, meter: "RDS:Multi-AZ-GP3-Storage", quantity: 200}
      - {service: AmazonRDS, region: eu-central-1, meter: "RDS:ChargedBackupUsage", quantity: 50}
    """)
    assert total == to_cents(744 * D("0.401") + 200 * D("0.274") + 50 * D("0.103")) == D("358.29")


def test_rds_single_az_in_virginia_for_a_month_of_30_days() -> None:
    total = cents("""
      - service: AmazonRDS
        region: us-east-1
        meter: "InstanceUsage:db.r7g.large"
        attributes: {engine: PostgreSQL}
        quantity: 720
      - {service: AmazonRDS, region: us-east-1, meter: "RDS:GP3-Storage", quantity: 100}
    """)
    assert total == 720 * D("0.239") + 100 * D("0.115") == D("183.58")


def test_aurora_with_one_replica_in_virginia() -> None:
    total = cents("""
      - service: AmazonRDS
        region: us-east-1
        meter: "InstanceUsage:db.r7g.large"
        attributes: {engine: Aurora PostgreSQL}
        quantity: 1488
      - {service: AmazonRDS, region: us-east-1, meter: "Aurora:StorageUsage", quantity: 200}
      - {service: AmazonRDS, region: us-east-1, meter: "Aurora:StorageIOUsage", quantity: 300000000}
    """)
    assert total == to_cents(2 * 744 * D("0.276") + 200 * D("0.10") + 300 * D("0.20")) == D("490.69")


def test_aurora_serverless_in_ireland() -> None:
    total = cents("""
      - service: AmazonRDS
        region: eu-west-1
        meter: "Aurora:ServerlessV2Usage"
        attributes: {engine: Aurora MySQL}
        quantity: 2604
        unit: ACU-Hr
    """)
    assert total == 744 * D("3.5") * D("0.14") == D("364.56")


def test_dynamodb_on_demand_in_singapore() -> None:
    lines = """
      - {service: AmazonDynamoDB, region: ap-southeast-1, meter: WriteRequestUnits, quantity: 40000000}
      - {service: AmazonDynamoDB, region: ap-southeast-1, meter: ReadRequestUnits, quantity: 200000000}
      - {service: AmazonDynamoDB, region: ap-southeast-1, meter: TimedStorage-ByteHrs, quantity: 60}
      - {service: AmazonDynamoDB, region: ap-southeast-1, meter: TimedPITRStorage-ByteHrs, quantity: 60}
    """
    throughput = 40 * D("0.71") + 200 * D("0.1425")  # 28.40 + 28.50
    recovery = 60 * D("0.228")  # 13.68
    # 80.555: half a cent rounds up
    assert cents(lines) == to_cents(throughput + (60 - 25) * D("0.285") + recovery) == D("80.56")
    assert cents(lines, free_tier=False) == throughput + 60 * D("0.285") + recovery == D("87.68")


def test_dynamodb_provisioned_in_oregon_after_its_free_unit_hours() -> None:
    total = cents("""
      - {service: AmazonDynamoDB, region: us-west-2, meter: WriteCapacityUnit-Hrs, quantity: 74400}
      - {service: AmazonDynamoDB, region: us-west-2, meter: ReadCapacityUnit-Hrs, quantity: 148800}
    """)
    writes = (100 * 744 - 18_600) * D("0.00065")  # 36.27
    reads = (200 * 744 - 18_600) * D("0.00013")  # 16.926
    assert total == to_cents(writes + reads) == D("53.20")


def test_load_balancers_in_mumbai_and_sao_paulo() -> None:
    total = cents("""
      - service: AWSELB
        region: ap-south-1
        meter: LoadBalancerUsage
        attributes: {load_balancer: application}
        quantity: 744
      - {service: AWSELB, region: ap-south-1, meter: LCUUsage, attributes: {load_balancer: application}, quantity: 1500}
      - {service: AWSELB, region: sa-east-1, meter: LoadBalancerUsage, attributes: {load_balancer: network}, quantity: 744}
      - {service: AWSELB, region: sa-east-1, meter: LCUUsage, attributes: {load_balancer: network}, quantity: 1000}
    """)
    mumbai = 744 * D("0.0239") + 1_500 * D("0.008")  # 17.7816 + 12
    sao_paulo = 744 * D("0.034") + 1_000 * D("0.00825")  # 25.296 + 8.25
    assert total == to_cents(mumbai + sao_paulo) == D("63.33")


def test_route_53_crosses_25_zones_and_a_billion_queries() -> None:
    lines = """
      - {service: AmazonRoute53, region: global, meter: HostedZone, quantity: 30}
      - {service: AmazonRoute53, region: global, meter: DNS-Queries, quantity: 1200000000}
      - {service: AmazonRoute53, region: global, meter: Intra-AWS-DNS-Queries, quantity: 900000000}
      - {service: AmazonRoute53, region: global, meter: Health-Check-AWS, quantity: 60}
    """
    zones = 25 * D("0.50") + 5 * D("0.10")  # 13.00
    queries = 1_000 * D("0.40") + 200 * D("0.20")  # 440.00; alias queries are free
    assert cents(lines) == zones + queries + (60 - 50) * D("0.50") == D("458.00")
    assert cents(lines, free_tier=False) == zones + queries + 60 * D("0.50") == D("483.00")


def test_cloudwatch_in_ireland_crosses_ten_thousand_metrics() -> None:
    total = cents("""
      - {service: AmazonCloudWatch, region: eu-west-1, meter: "CW:MetricMonitorUsage", quantity: 12000}
      - {service: AmazonCloudWatch, region: eu-west-1, meter: "CW:AlarmMonitorUsage", quantity: 25}
      - {service: AmazonCloudWatch, region: eu-west-1, meter: DataProcessing-Bytes, quantity: 105, unit: GB}
      - {service: AmazonCloudWatch, region: eu-west-1, meter: TimedStorage-ByteHrs, quantity: 300}
      - {service: AmazonCloudWatch, region: global, meter: DashboardsUsageHour, quantity: 4}
    """)
    metrics = (10_000 - 10) * D("0.30") + 2_000 * D("0.10")  # 2 997 + 200
    alarms = (25 - 10) * D("0.10")
    logs = (105 - 5) * D("0.57") + 300 * D("0.03")  # 57 + 9
    assert total == metrics + alarms + logs + (4 - 3) * 3 == D("3267.50")


def test_internet_egress_from_oregon_crosses_10_tb() -> None:
    line = "- {service: AWSDataTransfer, region: us-west-2, meter: DataTransfer-Out-Bytes, quantity: 12288}"
    assert cents(line) == (10_240 - 100) * D("0.09") + 2_048 * D("0.085") == D("1086.68")
    assert cents(line, free_tier=False) == 10_240 * D("0.09") + 2_048 * D("0.085") == D("1095.68")


def test_the_network_of_two_zones_in_ireland() -> None:
    total = cents("""
      - {service: AmazonEC2, region: eu-west-1, meter: NatGateway-Hours, quantity: 1440}
      - {service: AmazonEC2, region: eu-west-1, meter: NatGateway-Bytes, quantity: 500}
      - {service: AmazonVPC, region: eu-west-1, meter: "PublicIPv4:InUseAddress", quantity: 2160}
      - {service: AmazonVPC, region: eu-west-1, meter: VpcEndpoint-Hours, quantity: 1440}
      - {service: AWSDataTransfer, region: eu-west-1, meter: DataTransfer-Regional-Bytes, quantity: 800}
    """)
    nat = 2 * 720 * D("0.048") + 500 * D("0.048")  # 69.12 + 24.00
    addresses = 3 * 720 * D("0.005")
    between_zones = 2 * 400 * D("0.01")  # 400 GB, billed on both sides
    assert total == nat + addresses + 2 * 720 * D("0.011") + between_zones == D("127.76")


def test_firewall_and_keys_in_mumbai() -> None:
    total = cents("""
      - {service: awswaf, region: ap-south-1, meter: WebACLV2, quantity: 1}
      - {service: awswaf, region: ap-south-1, meter: RuleV2, quantity: 4}
      - {service: awswaf, region: ap-south-1, meter: RequestV2-Tier1, quantity: 50000000}
      - {service: awskms, region: ap-south-1, meter: KMS-Keys, quantity: 2}
      - {service: awskms, region: ap-south-1, meter: KMS-Requests, quantity: 100000}
    """)
    firewall = 5 + 4 * 1 + 50 * D("0.60")
    keys = 2 * 1 + (10 - 2) * D("0.03")  # ten thousands of requests, two of them free
    assert total == firewall + keys == D("41.24")
