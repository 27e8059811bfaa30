"""Worked bills of Route 53, CloudWatch, WAF and KMS."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from costmodel.billing.charge import to_cents
from costmodel.services import cloudwatch, kms, route53, waf
from costmodel.services._base import Footprint, Role, Usage
from costmodel.services.cloudwatch import metric_readings
from costmodel.services.dynamodb import ProvisionedTable
from costmodel.services.route53 import health_check_months
from shops import database
from shops.platform import demand_of, scenario_of
from shops.till import billed, billed_cents, cents, priced_file

D = Decimal


def left_behind(days: int = 30, **daily: Any) -> Footprint:
    """A footprint: arrays from one figure a day, everything else as given."""
    parts = {
        name: np.full(days, value) if isinstance(value, float) else value for name, value in daily.items()
    }
    return replace(Footprint.none(days), **parts)


def only(usages: tuple[Usage, ...], *usage_types: str) -> tuple[Usage, ...]:
    return tuple(usage for usage in usages if usage.meter.query.usage_type in usage_types)


# --- Route 53 --------------------------------------------------------------------------------------


def test_route_53_crosses_25_zones_and_a_billion_queries() -> None:
    """25 x 0.50 + 5 x 0.10 = 13; 1 000 million x 0.40 + 200 million x 0.20 = 440; alias queries are free.

    Health checks of AWS endpoints: (60 - 50 free) x 0.50 = 5, or 60 x 0.50 = 30 without the free ones.
    """
    lines = """
      - {service: AmazonRoute53, region: global, meter: HostedZone, quantity: 30}
      - {service: AmazonRoute53, region: global, meter: DNS-Queries, quantity: 1200000000}
      - {service: AmazonRoute53, region: global, meter: Intra-AWS-DNS-Queries, quantity: 900000000}
      - {service: AmazonRoute53, region: global, meter: Health-Check-AWS, quantity: 60}
    """
    zones = 25 * D("0.50") + 5 * D("0.10")
    queries = 1_000 * D("0.40") + 200 * D("0.20")
    assert cents(lines) == zones + queries + (60 - 50) * D("0.50") == D("458.00")
    assert cents(lines, free_tier=False) == zones + queries + 60 * D("0.50") == D("483.00")


def test_records_above_10_000_of_a_zone_are_counted_by_whoever_states_them() -> None:
    """A zone of 10 500 records: 500 x 0.0015 = 0.75. The price list has no step, as it counts zone by zone."""
    priced = priced_file(
        "usage: [{service: AmazonRoute53, region: global, meter: Global-RRSets, quantity: 500}]"
    )
    assert to_cents(priced.billed_cost) == D("0.75")
    assert priced.notes == (
        "usage.0, Global-RRSets: counts the records of each zone above 10,000; the first 10,000 of a zone do not belong to it.",
    )


@pytest.mark.parametrize(("free_tier", "expected"), [(True, "2.518"), (False, "3.518")])
def test_the_shops_own_zone(free_tier: bool, expected: str) -> None:
    """300 000 sessions look names up 450 000 times, a tenth of it not the free alias to CloudFront.

    Zone 0.50; 45 000 queries x 0.40 per million = 0.018; HTTPS on two checks, 2 x 1 = 2; the two checks
    themselves are among the free 50, or cost 2 x 0.50 = 1 without them.
    """
    usages = route53.SERVICE.design(scenario_of(), left_behind()).usage(demand_of(40_000.0), left_behind())
    assert billed(usages, free_tier=free_tier).billed_cost == D(expected)


def test_a_plan_that_includes_the_zone_leaves_the_options_of_health_checks() -> None:
    """2 x 1.00 for HTTPS; zone and look-ups are in the plan, and both checks are free."""
    included = left_behind(included_roles=frozenset({Role.DNS}))
    usages = route53.SERVICE.design(scenario_of(), included).usage(demand_of(40_000.0), included)
    assert billed(usages).billed_cost == D("2.00")


def test_every_month_pays_for_a_whole_zone() -> None:
    """A zone costs the same in November, December and January: 0.50 each; so do two HTTPS options, 2 each."""
    days = left_behind(92)
    usages = route53.SERVICE.design(scenario_of(), days).usage(demand_of(0.0, months=3), days)
    assert billed(usages).by("billing_period") == {
        "2026-11": D("2.50"),
        "2026-12": D("2.50"),
        "2027-01": D("2.50"),
    }


def test_every_kind_of_query_climbs_its_own_tiers() -> None:
    """Latency: 1 000 x 0.60 + 500 x 0.30 = 750. Geolocation: 1 000 x 0.70 + 200 x 0.35 = 770. Millions."""
    total = cents("""
      - {service: AmazonRoute53, region: global, meter: LBR-Queries, quantity: 1500000000}
      - {service: AmazonRoute53, region: global, meter: Geo-Queries, quantity: 1200000000}
    """)
    assert total == D("750") + D("770")


def test_checks_of_endpoints_outside_aws_are_never_free() -> None:
    """10 x 0.75 = 7.50; two of them with HTTPS and string matching, 4 optional features x 2 = 8."""
    plain = health_check_months(8, 0, on_aws=False)
    total = cents(
        "".join(
            f"- {{service: AmazonRoute53, region: global, meter: {meter}, quantity: {plain[meter] + more}}}\n"
            for meter, more in health_check_months(2, 2, on_aws=False).items()
        )
    )
    assert total == 10 * D("0.75") + 4 * D("2.00") == D("15.50")


# --- CloudWatch ------------------------------------------------------------------------------------


def test_cloudwatch_in_ireland_crosses_ten_thousand_metrics() -> None:
    """Metrics: 9 990 x 0.30 + 2 000 x 0.10 = 3 197, ten being free at the bottom of the first tier.

    Alarms: (25 - 10) x 0.10 = 1.50; logs: (105 - 5) GB x 0.57 = 57; dashboards: (4 - 3) x 3 = 3.
    """
    total = cents("""
      - {service: AmazonCloudWatch, region: eu-west-1, meter: "CW:MetricMonitorUsage", quantity: 12000}
      - {service: AmazonCloudWatch, region: eu-west-1, meter: "CW:AlarmMonitorUsage", quantity: 25}
      - {service: AmazonCloudWatch, region: eu-west-1, meter: DataProcessing-Bytes, quantity: 105, unit: GB}
      - {service: AmazonCloudWatch, region: global, meter: DashboardsUsageHour, quantity: 4}
    """)
    metrics = (10_000 - 10) * D("0.30") + 2_000 * D("0.10")
    assert total == metrics + 15 * D("0.10") + 100 * D("0.57") + 1 * 3 == D("3258.50")


def test_metrics_climb_all_four_tiers() -> None:
    """10 000 x 0.30 + 240 000 x 0.10 + 750 000 x 0.05 + 200 000 x 0.02 = 68 500; ten free ones less, 68 497."""
    line = """
      - {service: AmazonCloudWatch, region: us-east-1, meter: "CW:MetricMonitorUsage", quantity: 1200000}
    """
    assert cents(line, free_tier=False) == D("68500.00")
    assert cents(line) == D("68497.00")


def test_a_hundred_canary_runs_are_free_over_all_regions() -> None:
    """(80 + 120 - 100) runs x 0.0012 = 0.12; all 200 cost 0.24."""
    lines = "".join(
        f"- {{service: AmazonCloudWatch, region: {region}, meter: Canary-runs, quantity: {runs}}}\n"
        for region, runs in (("us-east-1", 80), ("us-west-2", 120))
    )
    assert cents(lines) == 100 * D("0.0012") == D("0.12")
    assert cents(lines, free_tier=False) == D("0.24")


def test_a_month_of_monitoring() -> None:
    """Ireland, November, without the free tier.

    Metrics: 1 500 of its own and 7 for each of three instances = 1 521 x 0.30 = 456.30.
    Alarms: 12 and 8 of the tiers x 0.10 = 2. Dashboards: 4 x 3 = 12.
    Requests: 1 500 metrics need two a minute, 86 400 x 0.01 per thousand = 0.864.
    Logs: 300 GB x 0.57 = 171; of services 4 x 30 + 0.002 x 500 x 30 = 150 GB x 0.57 = 85.50.
    Kept: 15 GB a day x 0.15, growing from 2.25 to 67.5 GB, 34.875 on average x 0.03 = 1.04625.
    In all 728.71025.
    """
    scenario = scenario_of(
        monitoring={"custom_metrics": 1500, "alarms": 12, "dashboards": 4, "log_retention_days": 30}
    )
    footprint = left_behind(
        monitored_instance_hours=72.0,
        log_gb=10.0,
        vended_log_gb=4.0,
        outside_gb=200.0,
        database_gb=300.0,
        alarms=8,
    )
    usages = cloudwatch.SERVICE.design(scenario, footprint).usage(demand_of(0.0), footprint)
    total = D("456.30") + 2 + 12 + D("0.864") + 171 + D("85.50") + D("1.04625")
    assert billed(usages, free_tier=False).billed_cost == total == D("728.71025")


def test_detailed_monitoring_is_billed_for_the_hours_an_instance_ran() -> None:
    """One instance for 12 of 24 hours: 7 x 0.5 = 3.5 metrics x 0.30 = 1.05, beside no metric of its own."""
    scenario = scenario_of(monitoring={"custom_metrics": 0})
    footprint = left_behind(monitored_instance_hours=12.0)
    usages = cloudwatch.SERVICE.design(scenario, footprint).usage(demand_of(0.0), footprint)
    assert billed(only(usages, "CW:MetricMonitorUsage"), free_tier=False).billed_cost == D("1.05")


def test_alarms_of_auto_scaling_are_billed_beside_the_shops_own() -> None:
    """São Paulo: a provisioned table with two indexes keeps 4 alarms x reads and writes x 3 = 24, the shop 10.

    (34 - 10 free) x 0.135 = 3.24.
    """
    scenario = database.shop(region="sa-east-1")
    demand = database.demand_of(scenario, 60.0)
    table = ProvisionedTable(scenario.region, scenario.database, 0.7, 1, 40_000, 1, 40_000, 1, 40_000)
    footprint = table.footprint(demand, table.simulate(demand))
    usages = cloudwatch.SERVICE.design(scenario, footprint).usage(demand, footprint)
    assert billed(only(usages, "CW:AlarmMonitorUsage")).billed_cost == D("3.24")


def test_high_resolution_and_composite_alarms_are_never_free() -> None:
    """5 x 0.30 = 1.50 and 2 x 0.50 = 1."""
    total = cents("""
      - {service: AmazonCloudWatch, region: us-east-1, meter: "CW:HighResAlarmMonitorUsage", quantity: 5}
      - {service: AmazonCloudWatch, region: us-east-1, meter: "CW:CompositeAlarmMonitorUsage", quantity: 2}
    """)
    assert total == 5 * D("0.30") + 2 * D("0.50") == D("2.50")


def test_vended_logs_climb_all_four_tiers() -> None:
    """60 000 GB in Virginia, 5 of them free at the bottom of the first tier:

    10 235 x 0.50 = 5 117.50; 20 480 x 0.25 = 5 120; 20 480 x 0.10 = 2 048; 8 800 x 0.05 = 440.
    """
    line = """
      - {service: AmazonCloudWatch, region: us-east-1, meter: VendedLog-Bytes, quantity: 60000}
    """
    assert cents(line) == D("5117.50") + 5_120 + 2_048 + 440 == D("12725.50")


def test_lambda_logs_and_flow_logs_climb_one_ladder() -> None:
    """400 GB a day of Lambda logs and 0.002 x 100 000 GB a day of flow logs: 12 000 + 6 000 GB in Virginia.

    10 240 x 0.50 = 5 120; 7 760 x 0.25 = 1 940.
    """
    scenario = scenario_of("us-east-1")
    footprint = left_behind(vended_log_gb=400.0, outside_gb=100_000.0)
    usages = cloudwatch.SERVICE.design(scenario, footprint).usage(demand_of(0.0), footprint)
    assert billed(only(usages, "VendedLog-Bytes"), free_tier=False).billed_cost == D("7060")


def test_application_logs_have_no_tiers_and_share_the_five_free_gigabytes() -> None:
    """15 360 GB of either kind; the 5 GB fall half on each.

    Of applications: 15 357.5 x 0.50 = 7 678.75.
    Of services: 10 237.5 x 0.50 = 5 118.75 and 5 120 x 0.25 = 1 280. In all 14 077.50.
    """
    total = cents("""
      - {service: AmazonCloudWatch, region: us-east-1, meter: DataProcessing-Bytes, quantity: 15360}
      - {service: AmazonCloudWatch, region: us-east-1, meter: VendedLog-Bytes, quantity: 15360}
    """)
    assert total == D("7678.75") + D("5118.75") + D("1280") == D("14077.50")


def test_logs_are_billed_compressed_and_until_they_expire() -> None:
    """10 GB a day x 0.15, kept three days: 1.5, 3.0, then 28 days at 4.5 = 130.5 / 30 = 4.35 GB-months x 0.03."""
    scenario = scenario_of(monitoring={"log_retention_days": 3})
    footprint = left_behind(log_gb=10.0)
    usages = cloudwatch.SERVICE.design(scenario, footprint).usage(demand_of(0.0), footprint)
    stored = only(usages, "TimedStorage-ByteHrs")
    assert billed(stored, free_tier=False).billed_cost == D("4.35") * D("0.03") == D("0.1305")


def test_the_first_stored_and_scanned_logs_and_a_million_requests_are_free() -> None:
    """Stored (12 - 5) x 0.03 = 0.21; scanned (25 - 5) x 0.005 = 0.10; requests 500 thousand x 0.01 = 5.

    Without what is free: 12 x 0.03 = 0.36, 25 x 0.005 = 0.125, 1 500 thousand x 0.01 = 15: 15.485, half up 15.49.
    """
    lines = """
      - {service: AmazonCloudWatch, region: us-east-1, meter: TimedStorage-ByteHrs, quantity: 12}
      - {service: AmazonCloudWatch, region: us-east-1, meter: DataScanned-Bytes, quantity: 25}
      - {service: AmazonCloudWatch, region: us-east-1, meter: "CW:Requests", quantity: 1500000}
    """
    assert cents(lines) == 7 * D("0.03") + 20 * D("0.005") + 500 * D("0.01") == D("5.31")
    assert cents(lines, free_tier=False) == D("15.49")


def test_asking_for_metrics_is_billed_by_the_metric() -> None:
    """GetMetricData asks for 500 metrics every five minutes: x 288 x 30 days = 4.32 million x 0.01 per thousand =
    43.20. A stream sends 200 metrics every minute: x 43 200 = 8.64 million updates x 0.003 = 25.92.
    """
    total = cents(f"""
      - service: AmazonCloudWatch
        region: us-east-1
        meter: "CW:GMD-Metrics"
        quantity: {metric_readings(500, 5, 30)}
      - service: AmazonCloudWatch
        region: us-east-1
        meter: "CW:MetricStreamUsage"
        quantity: {metric_readings(200, 1, 30)}
    """)
    assert total == 4_320 * D("0.01") + 8_640 * D("0.003") == D("69.12")


# --- WAF -------------------------------------------------------------------------------------------


def test_firewall_and_keys_in_mumbai() -> None:
    """ACL 5, four rules 4, 50 million requests x 0.60 = 30; two keys 2, (10 - 2) ten thousand requests x 0.03 = 0.24."""
    total = cents("""
      - {service: awswaf, region: ap-south-1, meter: WebACLV2, quantity: 1}
      - {service: awswaf, region: ap-south-1, meter: RuleV2, quantity: 4}
      - {service: awswaf, region: ap-south-1, meter: RequestV2-Tier1, quantity: 50000000}
      - {service: awskms, region: ap-south-1, meter: KMS-Keys, quantity: 2}
      - {service: awskms, region: ap-south-1, meter: KMS-Requests, quantity: 100000}
    """)
    firewall = 5 + 4 * 1 + 50 * D("0.60")
    keys = 2 * 1 + (10 - 2) * D("0.03")
    assert total == firewall + keys == D("41.24")


def test_the_web_acl_inspects_every_request_at_the_edge() -> None:
    """1 000 pages a day x (10 + 0.5 + 5 requests) x 30 = 465 000 x 0.60 per million = 0.279; ACL 5; six rules 6."""
    scenario = scenario_of(security={"waf_rules": 6})
    usages = waf.SERVICE.design(scenario, left_behind()).usage(demand_of(1_000.0), left_behind())
    assert {usage.meter.query.region_id for usage in usages} == {"us-east-1"}
    assert billed(usages).billed_cost == 5 + 6 + D("0.279") == D("11.279")


def test_a_plan_that_includes_the_firewall_leaves_nothing_to_pay() -> None:
    """Of 5 + 4 + 0.279 nothing is left where the CloudFront plan includes WAF, or where there is no web ACL."""
    plan = left_behind(included_roles=frozenset({Role.FIREWALL}))
    none = scenario_of(security={"waf": False})
    with_plan = waf.SERVICE.design(scenario_of(), plan).usage(demand_of(1_000.0), plan)
    without_acl = waf.SERVICE.design(none, left_behind()).usage(demand_of(1_000.0), left_behind())
    assert billed((*with_plan, *without_acl)).billed_cost == 0
    paid = waf.SERVICE.design(scenario_of(), left_behind()).usage(demand_of(1_000.0), left_behind())
    assert billed(paid).billed_cost == D("9.279")


# --- KMS -------------------------------------------------------------------------------------------


def test_keys_and_what_uses_them() -> None:
    """Three keys 3; 5 000 requests of the tiers and 1 % of 5 000 object reads a day are 151 500 in November.

    (151 500 - 20 000 free) x 0.03 per ten thousand = 0.3945.
    """
    scenario = scenario_of(security={"kms_keys": 3})
    footprint = left_behind(kms_requests=5_000.0, origin_requests=5_000.0)
    usages = kms.SERVICE.design(scenario, footprint).usage(demand_of(0.0), footprint)
    assert billed(usages).billed_cost == 3 + D("0.3945")
    assert billed(usages, free_tier=False).billed_cost == 3 + D("0.4545")


def test_keys_that_aws_owns_are_free_with_every_request() -> None:
    """No key, and none of the 151 500 requests is counted."""
    scenario = scenario_of(security={"kms_keys": 0})
    footprint = left_behind(kms_requests=5_000.0, origin_requests=5_000.0)
    usages = kms.SERVICE.design(scenario, footprint).usage(demand_of(0.0), footprint)
    assert billed(usages, free_tier=False).billed_cost == 0


def test_the_first_two_rotations_of_a_key_cost_a_key_month_each() -> None:
    """Two keys from November 2026: 2 a month in the first year, 4 from November 2027, 6 from November 2028.

    The second rotation falls on 31 October 2028: 4 + 2 / 31 = 4.0645 in that month.
    Twelve months x 2 + eleven x 4 + 4.064516129 + twelve x 6 = 144.064516129.
    """
    days = left_behind(1_096)
    usages = kms.SERVICE.design(scenario_of(), days).usage(demand_of(0.0, months=36), days)
    by_month = billed(usages).by("billing_period")
    assert (by_month["2027-10"], by_month["2027-11"], by_month["2028-11"]) == (2, 4, 6)
    assert billed(usages).billed_cost == D("144.064516129")


def test_a_key_of_ten_days_pays_ten_days() -> None:
    """10 / 31 of October x 1 = 0.322580645."""
    line = "- {service: awskms, region: us-east-1, meter: KMS-Keys, quantity: 0.322580645}"
    assert cents(line) == D("0.32")


def test_asymmetric_requests_are_dearer_and_never_free() -> None:
    """(30 000 - 20 000 free) x 0.03 per ten thousand = 0.03; 10 000 asymmetric x 0.15 = 0.15."""
    total = cents("""
      - {service: awskms, region: us-east-1, meter: KMS-Requests, quantity: 30000}
      - {service: awskms, region: us-east-1, meter: KMS-Requests-Asymmetric, quantity: 10000}
    """)
    assert total == to_cents(D("0.03") + D("0.15")) == D("0.18")


def test_requests_with_rsa_2048_keys_cost_as_symmetric_ones_and_are_never_free() -> None:
    """(30 000 - 20 000 free) x 0.03 per ten thousand = 0.03; 50 000 with RSA-2048 keys x 0.03 = 0.15, none of it free."""
    total = cents("""
      - {service: awskms, region: us-east-1, meter: KMS-Requests, quantity: 30000}
      - {service: awskms, region: us-east-1, meter: KMS-Requests-Asymmetric-RSA_2048, quantity: 50000}
    """)
    assert total == to_cents(D("0.03") + D("0.15")) == D("0.18")
    signatures = (
        "- {service: awskms, region: eu-west-1, meter: KMS-Requests-Asymmetric-RSA_2048, quantity: 20000}"
    )
    assert cents(signatures) == D("0.06")


def test_a_few_requests_of_a_daily_snapshot_are_within_the_allowance() -> None:
    """One data key a day for a database and its replica: 60 requests, all free, beside two keys."""
    footprint = left_behind(kms_requests=2.0)
    usages = kms.SERVICE.design(scenario_of(), footprint).usage(demand_of(0.0), footprint)
    assert billed_cents(usages) == D("2.00")
