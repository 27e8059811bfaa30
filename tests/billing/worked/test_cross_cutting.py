"""Worked bills of the rules that hold for every service: tiers, allowances, months, rounding."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.billing.charge import to_cents
from costmodel.capacity.overload import Patience
from costmodel.demand.demand import Demand
from costmodel.errors import UsageFileError
from costmodel.scenario.model import Scenario
from costmodel.services import cloudwatch, kms, route53, vpc, waf
from costmodel.services._base import Footprint, Usage
from costmodel.services.rds import RdsInstance
from shops import platform
from shops.database import demand_of, shop
from shops.till import billed, billed_cents, cents, priced

D = Decimal


def database_of(scenario: Scenario, demand: Demand, **changes: Any) -> tuple[tuple[Usage, ...], Footprint]:
    """What a Single-AZ db.m7g.large with 63 GB of gp3 used, and what it leaves to other services."""
    base = RdsInstance(
        scenario.region,
        "db.m7g.large",
        False,
        0,
        63.0,
        0.0,
        0.0,
        "on_demand",
        scenario.database,
        Patience(10.0),
    )
    design = replace(base, **changes)
    ran = design.simulate(demand)
    return design.usage(demand, ran), design.footprint(demand, ran)


def again(usage: Usage, resource_name: str, quantity: Decimal) -> Usage:
    """The same meter, used by another resource."""
    return replace(usage, resource_name=resource_name, consumed_quantity=quantity)


def egress_of(daily_gb: float) -> Usage:
    """A network in Virginia that sends this many GB a day to the internet in November."""
    demand = demand_of(shop(), 0.0)
    footprint = replace(Footprint.none(30), internet_egress_gb=np.full(30, daily_gb))
    usages = vpc.SERVICE.design(shop(), footprint).usage(demand, footprint)
    (egress,) = (usage for usage in usages if usage.meter.query.usage_type == "DataTransfer-Out-Bytes")
    return egress


# --- Tiers -----------------------------------------------------------------------------------------


def test_services_that_send_to_the_internet_climb_one_ladder_and_share_its_cost() -> None:
    """The network sends 8 192 GB, another service 4 096 from the same region: 12 288 GB climb together.

    (10 240 - 100 free) x 0.09 = 912.60; 2 048 x 0.085 = 174.08; in all 1 086.68.
    By quantity two thirds of every part are the network's: 724.453333..., and 362.226666... the other's.
    Apart they would not leave the first tier: 12 188 x 0.09 = 1 096.92.
    """
    network = replace(egress_of(1.0), consumed_quantity=D(8_192))
    whole = billed((network, again(network, "mail", D(4_096))))
    assert whole.billed_cost == D("1086.68")
    parts = {name: to_cents(cost) for name, cost in whole.by("resource_name").items()}
    assert parts == {"network": D("724.45"), "mail": D("362.23")}


def test_tiers_begin_anew_in_every_region() -> None:
    """30 000 GB of vended logs in Ireland and in Frankfurt stay in the second tier of each.

    Ireland: 10 240 x 0.57 + 19 760 x 0.285 = 5 836.80 + 5 631.60. Frankfurt: 10 240 x 0.63 + 19 760 x 0.315
    = 6 451.20 + 6 224.40. In all 24 144, without the free tier.
    """
    lines = """
      - {service: AmazonCloudWatch, region: eu-west-1, meter: VendedLog-Bytes, quantity: 30000}
      - {service: AmazonCloudWatch, region: eu-central-1, meter: VendedLog-Bytes, quantity: 30000}
    """
    assert cents(lines, free_tier=False) == D("11468.40") + D("12675.60") == D("24144.00")


def test_tiers_of_a_global_service_do_not_begin_anew() -> None:
    """Two resources with 20 zones each are 40 zones of the account: 25 x 0.50 + 15 x 0.10 = 14."""
    total = cents("""
      - {service: AmazonRoute53, region: global, meter: HostedZone, quantity: 20}
      - {service: AmazonRoute53, region: global, meter: HostedZone, quantity: 20}
    """)
    assert total == D("14.00")


def test_tiers_and_allowances_begin_anew_every_month() -> None:
    """200 GB of vended logs a day are 6 000 GB in November and 6 200 in December: never a second tier.

    (6 000 - 5) x 0.50 = 2 997.50 in November, (6 200 - 5) x 0.50 = 3 097.50 in December; in one
    ladder 1 960 GB would cost half.
    """
    footprint = replace(Footprint.none(61), vended_log_gb=np.full(61, 200.0))
    scenario = shop(months=2)
    usages = cloudwatch.SERVICE.design(scenario, footprint).usage(demand_of(scenario, 0.0), footprint)
    vended = [usage for usage in usages if usage.meter.query.usage_type == "VendedLog-Bytes"]
    assert billed(vended).by("billing_period") == {"2026-11": D("2997.50"), "2026-12": D("3097.50")}


def test_the_free_part_counts_towards_the_position_in_the_tiers() -> None:
    """10 241 GB of egress: 100 free and 10 140 x 0.09 = 912.60 fill the first tier; one GB x 0.085 follows."""
    whole = priced(
        "- {service: AWSDataTransfer, region: us-east-1, meter: DataTransfer-Out-Bytes, quantity: 10241}"
    )
    (line,) = whole.lines
    assert [(tier.quantity, tier.list_unit_price, tier.free) for tier in line.tiers] == [
        (100, 0, True),
        (10_140, D("0.09"), False),
        (1, D("0.085"), False),
    ]
    assert whole.billed_cost == D("912.685")


# --- Allowances ------------------------------------------------------------------------------------


def test_an_allowance_of_the_account_is_shared_over_regions_in_proportion() -> None:
    """30 000 requests in Virginia and 10 000 in Ireland: of 20 000 free ones 15 000 and 5 000.

    15 000 x 0.03 per ten thousand = 0.045, and 5 000 = 0.015.
    """
    whole = priced("""
      - {service: awskms, region: us-east-1, meter: KMS-Requests, quantity: 30000}
      - {service: awskms, region: eu-west-1, meter: KMS-Requests, quantity: 10000}
    """)
    assert [line.billed_cost for line in whole.lines] == [D("0.045"), D("0.015")]


def test_an_allowance_of_a_region_is_not_shared() -> None:
    """40 GB of DynamoDB in Oregon and 20 in Tokyo, 25 free in each: (40 - 25) x 0.25 = 3.75 and nothing."""
    whole = priced("""
      - {service: AmazonDynamoDB, region: us-west-2, meter: TimedStorage-ByteHrs, quantity: 40}
      - {service: AmazonDynamoDB, region: ap-northeast-1, meter: TimedStorage-ByteHrs, quantity: 20}
    """)
    assert [line.billed_cost for line in whole.lines] == [D("3.75"), D("0")]


def test_what_a_resource_does_not_use_of_an_allowance_another_does() -> None:
    """Two networks of one account send 60 GB each: 100 of 120 GB are free, 10 of each cost 0.90."""
    network = replace(egress_of(1.0), consumed_quantity=D(60))
    whole = billed((network, again(network, "mail", D(60))))
    assert whole.by("resource_name") == {"network": D("0.90"), "mail": D("0.90")}


# --- Months ----------------------------------------------------------------------------------------


def test_hours_follow_the_calendar_and_monthly_fees_do_not() -> None:
    """February and March 2027: 28 x 24 = 672 h and 31 x 24 = 744 h x 0.168; 63 GB x 0.115 = 7.245 in either.

    112.896 + 7.245 = 120.141; 124.992 + 7.245 = 132.237.
    """
    scenario = shop(start="2027-02", months=2)
    usages, _ = database_of(scenario, demand_of(scenario, 0.0))
    assert billed(usages).by("billing_period") == {"2027-02": D("120.141"), "2027-03": D("132.237")}


def test_a_year_bills_each_of_its_months() -> None:
    """November 2026 to October 2027 are 365 days: 8 760 h x 0.168 = 1 471.68 and 12 x 7.245 = 86.94."""
    scenario = shop(months=12)
    usages, _ = database_of(scenario, demand_of(scenario, 0.0))
    assert billed(usages).billed_cost == D("1471.68") + D("86.94") == D("1558.62")


def test_february_of_a_leap_year_has_29_days() -> None:
    """2028-02: 29 x 24 = 696 h x 0.168 = 116.928, and 7.245 of storage."""
    scenario = shop(start="2028-02")
    usages, _ = database_of(scenario, demand_of(scenario, 0.0))
    assert billed(usages).billed_cost == D("116.928") + D("7.245") == D("124.173")


def test_a_part_of_a_month_pays_its_share() -> None:
    """200 GB for 10 of 31 days are 64.516129032 GB-months x 0.115 = 7.41935483868."""
    line = "- {service: AmazonRDS, region: us-east-1, meter: 'RDS:GP3-Storage', quantity: 64.516129032}"
    assert priced(line).billed_cost == D("7.41935483868")
    assert cents(line) == D("7.42")


# --- Rounding --------------------------------------------------------------------------------------


def test_half_a_cent_rounds_up() -> None:
    """Route 53: 12 500 queries x 0.40 per million = 0.005 -> 0.01; 12 499 = 0.0049996 -> 0.00."""
    line = "- {{service: AmazonRoute53, region: global, meter: DNS-Queries, quantity: {}}}"
    assert cents(line.format(12_500)) == D("0.01")
    assert cents(line.format(12_499)) == D("0.00")


def test_only_the_total_is_rounded() -> None:
    """1 334 KMS requests in each of three regions x 0.03 per ten thousand = 0.004002 each, 0.012006 in all.

    Each alone is shown as nothing; together they are one cent.
    """
    regions = ("us-east-1", "eu-west-1", "ap-south-1")
    lines = [
        f"- {{service: awskms, region: {region}, meter: KMS-Requests, quantity: 1334}}\n"
        for region in regions
    ]
    assert [cents(line, free_tier=False) for line in lines] == [D("0.00")] * 3
    whole = priced("".join(lines), free_tier=False)
    assert whole.billed_cost == D("0.012006")
    assert to_cents(whole.billed_cost) == D("0.01")


def test_what_is_counted_one_by_one_is_billed_in_whole_numbers() -> None:
    """1 001 pages a day x 0.25 sessions x 1.5 look-ups x 0.1 x 30 days = 1 126.125 standard queries: 1 126 are billed.

    1 126 x 0.40 per million = 0.0004504.
    """
    usages = route53.SERVICE.design(shop(), Footprint.none(30)).usage(
        platform.demand_of(1_001.0), Footprint.none(30)
    )
    (queries,) = (usage for usage in usages if usage.meter.query.usage_type == "DNS-Queries")
    assert queries.consumed_quantity == 1_126
    assert billed((queries,)).billed_cost == D("0.0004504")


PARTS_OF_A_WHOLE = [
    ("AWSELB", "LoadBalancerUsage", "attributes: {load_balancer: application}", "0.5", "hour begun"),
    ("AmazonEC2", "NatGateway-Hours", "", "719.5", "hour begun"),
    ("AmazonVPC", "VpcEndpoint-Hours", "", "0.5", "hour begun"),
    ("AmazonVPC", "TransitGateway-Hours", "", "0.5", "hour begun"),
    ("AmazonCloudWatch", "CW:GMD-Metrics", "", "0.3", "one by one"),
    ("AmazonDynamoDB", "ReadRequestUnits", "", "0.3", "half units"),
    ("AmazonRoute53", "HostedZone", "", "0.5", "whole month"),
    ("AmazonEC2", "BoxUsage:m7g.large", "", "0.0166", "60 seconds at least"),
    (
        "AmazonRDS",
        "InstanceUsage:db.m7g.large",
        "attributes: {engine: PostgreSQL}",
        "0.16",
        "600 seconds at least",
    ),
]


@pytest.mark.parametrize(("code", "meter", "attributes", "quantity", "told"), PARTS_OF_A_WHOLE)
def test_a_file_that_states_less_than_aws_bills_is_refused(
    code: str, meter: str, attributes: str, quantity: str, told: str
) -> None:
    """What stands in a file is what AWS meters: a part of a whole, or less than the least, is a slip."""
    region = "global" if code == "AmazonRoute53" else "us-east-1"
    line = f'- {{service: {code}, meter: "{meter}", region: {region}, {attributes}{", " if attributes else ""}quantity: %s}}\n'
    with pytest.raises(UsageFileError, match=told):
        priced(line % quantity)
    assert priced(line % 1).billed_cost >= 0


def test_an_eventually_consistent_read_is_half_a_unit() -> None:
    """1 000 000.5 units x 0.125 a million = 0.1250000625."""
    line = "- {service: AmazonDynamoDB, meter: ReadRequestUnits, region: us-east-1, quantity: 1000000.5}\n"
    assert priced(line).billed_cost == D("0.1250000625")


# --- A whole shop ----------------------------------------------------------------------------------


def test_a_small_shop_from_database_to_monitoring() -> None:
    """Virginia, November, 1 000 API calls a minute, every service beside the others, without the free tier.

    RDS: 720 h x 0.168 = 120.96; 63 GB x 0.115 = 7.245.
    WAF: 5, four rules 4, 43.2 million requests x 0.60 = 25.92.
    KMS: two keys 2; one data key a day, 30 x 0.03 per ten thousand = 0.00009.
    Route 53: zone 0.50; two checks 1; HTTPS on both 2.
    CloudWatch: 20 metrics 6; 10 alarms 1; a dashboard 3; 43 200 requests x 0.01 per thousand = 0.432.
    In all 179.05709.
    """
    scenario = shop()
    demand = demand_of(scenario, 1_000.0)
    usages, footprint = database_of(scenario, demand)
    for service in (waf, kms, route53, cloudwatch):
        usages += service.SERVICE.design(scenario, footprint).usage(demand, footprint)
    by_service = billed(usages, free_tier=False).by("service_name")
    assert by_service == {
        "Amazon Relational Database Service": D("128.205"),
        "AWS WAF": D("34.92"),
        "AWS Key Management Service": D("2.00009"),
        "Amazon Route 53": D("3.50"),
        "AmazonCloudWatch": D("10.432"),
    }
    assert billed_cents(usages, free_tier=False) == D("179.06")


# --- Laws ------------------------------------------------------------------------------------------

LADDERS = {
    "VendedLog-Bytes": ((0, "0.50"), (10_240, "0.25"), (30_720, "0.10"), (51_200, "0.05")),
    "CW:MetricMonitorUsage": ((0, "0.30"), (10_000, "0.10"), (250_000, "0.05"), (1_000_000, "0.02")),
}
"""Begin and unit price of the tiers of CloudWatch in Virginia, copied from its price page."""


def climbed(steps: tuple[tuple[int, str], ...], quantity: Decimal, free: Decimal) -> Decimal:
    """What a quantity costs, one tier after the other."""
    total = D(0)
    ends = [D(begin) for begin, _ in steps[1:]] + [D("Infinity")]
    for (begin, price), end in zip(steps, ends, strict=True):
        total += max(D(0), min(quantity, end) - max(D(begin), free)) * D(price)
    return total


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(LADDERS)),
    st.lists(st.decimals(0, 2_000_000, places=3), min_size=1, max_size=4),
    st.booleans(),
)
def test_however_a_quantity_is_divided_it_climbs_the_published_tiers(
    usage_type: str, parts: list[Decimal], free_tier: bool
) -> None:
    """The lines of one price cost what their sum costs on one ladder, for any division and any quantity."""
    lines = "".join(
        f"- {{service: AmazonCloudWatch, region: us-east-1, meter: '{usage_type}', quantity: {part}}}\n"
        for part in parts
    )
    free = D(0) if not free_tier else {"VendedLog-Bytes": D(5)}.get(usage_type, D(10))
    total = sum(parts, D(0))
    expected = climbed(LADDERS[usage_type], total, free)
    assert priced(lines, free_tier=free_tier).billed_cost == expected
