"""Worked bills of load balancers, NAT gateways, addresses, endpoints and data transfer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from costmodel.billing.charge import to_cents
from costmodel.capacity import balancer_units
from costmodel.demand.demand import Demand
from costmodel.scenario.model import ComputeKind
from costmodel.services import vpc
from costmodel.services._base import Footprint, Usage, meter_usage, region_to_region
from costmodel.services.elb import ALB_UNITS, NLB_TCP_UNIT, ApplicationLoadBalancer, NetworkLoadBalancer
from costmodel.services.hybrid import usage_beside
from shops.calls import MINUTES_OF_NOVEMBER, demand_of_calls, scenario_of_calls
from shops.till import billed, billed_cents, cents

D = Decimal
REGION = "us-east-1"
NOVEMBER = demand_of_calls(0).calendar


# --- Load balancers --------------------------------------------------------------------------------


def used_by(design: ApplicationLoadBalancer | NetworkLoadBalancer, demand: Demand) -> tuple[Usage, ...]:
    return design.usage(demand, design.simulate(demand))


def test_load_balancers_in_mumbai_and_sao_paulo() -> None:
    """Hours and capacity units, at the rates of the kind of load balancer and of the region.

    Mumbai: 744 h x 0.0239 = 17.7816 and 1 500 x 0.008 = 12. São Paulo: 744 h x 0.034 = 25.296 and
    1 000 x 0.00825 = 8.25. In all 63.3276.
    """
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
    mumbai = 744 * D("0.0239") + 1_500 * D("0.008")
    sao_paulo = 744 * D("0.034") + 1_000 * D("0.00825")
    assert total == to_cents(mumbai + sao_paulo) == D("63.33")


def test_a_load_balancer_without_traffic_pays_every_hour() -> None:
    """720 h x 0.0225 = 16.20, and not one capacity unit."""
    total = billed(used_by(ApplicationLoadBalancer(REGION, 2, "ec2"), demand_of_calls(0))).billed_cost
    assert total == 720 * D("0.0225") == D("16.20")


def test_bytes_are_what_an_application_load_balancer_is_billed_for() -> None:
    """1 000 calls/s of 9 KB are 30.8990478515625 GB an hour, more than 4 units of new connections.

    30.8990478515625 x 720 = 22 247.314453125 LCU-hours x 0.008 = 177.978516; 720 h x 0.0225 = 16.20.
    """
    demand = demand_of_calls(1_000)
    total = billed_cents(used_by(ApplicationLoadBalancer(REGION, 2, "ec2"), demand))
    assert total == to_cents(D("22247.314453125") * D("0.008") + D("16.20")) == D("194.18")


@pytest.mark.parametrize("serves", ["lambda", "lambda_managed"])
def test_functions_fill_a_capacity_unit_with_two_fifths_of_the_bytes(serves: ComputeKind) -> None:
    """0.4 GB an hour in front of Lambda: 22 247.314453125 / 0.4 = 55 618.2861328125 LCU-hours x 0.008
    = 444.946289; 720 h x 0.0225 = 16.20.
    """
    demand = demand_of_calls(1_000)
    total = billed_cents(used_by(ApplicationLoadBalancer(REGION, 2, serves), demand))
    assert total == to_cents(D("55618.2861328125") * D("0.008") + D("16.20")) == D("461.15")


def test_instances_and_functions_behind_one_load_balancer() -> None:
    """600 calls/s to instances, 400 to functions: 13 348.388671875 + 22 247.314453125 = 35 595.703125 LCU-hours.

    35 595.703125 x 0.008 = 284.765625; 720 h x 0.0225 = 16.20.
    """
    demand = demand_of_calls(1_000)
    balancer = ApplicationLoadBalancer(REGION, 2, "hybrid")
    beside = usage_beside(REGION, demand, demand.scaled(0.4))
    more = [usage for usage in beside if usage.resource_name == balancer.resource_name]
    total = billed_cents((*used_by(balancer, demand), *more))
    assert total == to_cents(D("35595.703125") * D("0.008") + D("16.20")) == D("300.97")


def test_network_capacity_units_are_cheaper() -> None:
    """The same bytes behind a Network Load Balancer: 22 247.314453125 x 0.006 = 133.483887; 16.20 for hours."""
    demand = demand_of_calls(1_000)
    total = billed_cents(used_by(NetworkLoadBalancer(REGION, 2, "ec2"), demand))
    assert total == to_cents(D("22247.314453125") * D("0.006") + D("16.20")) == D("149.68")


def test_new_connections_are_billed_where_calls_are_small() -> None:
    """Empty calls: 1 000/s x 0.1 = 100 new connections/s = 4 units; 6 000 active ones are 2; no bytes.

    4 x 720 x 0.008 = 23.04; 720 h x 0.0225 = 16.20; in all 39.24.
    """
    demand = demand_of_calls(1_000, request_bytes=0, response_bytes=0)
    assert billed_cents(used_by(ApplicationLoadBalancer(REGION, 2, "ec2"), demand)) == D("39.24")


def test_a_burst_is_spread_over_its_hour() -> None:
    """Units are means over the hour: a minute of 60 000 calls/s counts as 1 000/s for an hour.

    30.8990478515625 LCU-hours, once, x 0.008 = 0.247192; 720 h x 0.0225 = 16.20.
    """
    calls_per_s = np.zeros(MINUTES_OF_NOVEMBER)
    calls_per_s[90] = 60_000
    total = billed_cents(used_by(ApplicationLoadBalancer(REGION, 2, "ec2"), demand_of_calls(calls_per_s)))
    assert total == to_cents(D("30.8990478515625") * D("0.008") + D("16.20")) == D("16.45")


@pytest.mark.parametrize("serves", ["ec2", "lambda", "lambda_managed"])
def test_every_hour_is_billed_by_its_own_largest_dimension(serves: ComputeKind) -> None:
    """Three hours of an Application Load Balancer, each with another dimension in front.

    500 new connections/s / 25 = 20 units; 30 000 active / 3 000 = 10; 16 000 rule evaluations/s / 1 000
    = 16 (30 rules, 10 of them free, x 800 calls/s). 46 LCU-hours x 0.008 = 0.368; 3 h x 0.0225 = 0.0675.
    Adding up all dimensions would come to 76.8 units, one dimension for all hours to 25 at the most. In front of
    functions, where a unit holds 0.4 GB, bytes come to 17.5, 5 and 12.5 units, which is the largest in no hour.
    """
    units = ALB_UNITS[serves].needed(
        new_connections_per_s=np.array([500.0, 100.0, 25.0]),
        active_connections=np.array([30_000.0, 30_000.0, 3_000.0]),
        processed_gb_per_hour=np.array([7.0, 2.0, 5.0]),
        rule_evaluations_per_s=np.array([0.0, 800.0, (30 - balancer_units.FREE_RULES) * 800.0]),
    )
    assert units.tolist() == [20, 10, 16]
    total = cents(f"""
      - {{service: AWSELB, region: {REGION}, meter: LoadBalancerUsage, attributes: {{load_balancer: application}}, quantity: 3}}
      - {{service: AWSELB, region: {REGION}, meter: LCUUsage, attributes: {{load_balancer: application}}, quantity: {units.sum():.0f}}}
    """)
    assert total == to_cents(46 * D("0.008") + 3 * D("0.0225")) == D("0.44")


def test_a_network_unit_holds_800_new_flows_or_100_000_active_ones() -> None:
    """TCP: 1 600 new flows/s are 2 units, 250 000 active 2.5, 1 GB an hour 1: the largest, 2.5, for 720 h.

    1 800 NLCU-hours x 0.006 = 10.80; 720 h x 0.0225 = 16.20; in all 27.00.
    """
    (units,) = NLB_TCP_UNIT.needed(
        np.array([1_600.0]), np.array([250_000.0]), np.array([1.0]), np.array([9_999.0])
    )
    total = cents(f"""
      - {{service: AWSELB, region: {REGION}, meter: LoadBalancerUsage, attributes: {{load_balancer: network}}, quantity: 720}}
      - {{service: AWSELB, region: {REGION}, meter: LCUUsage, attributes: {{load_balancer: network}}, quantity: {720 * units}}}
    """)
    assert total == D("10.80") + D("16.20") == D("27.00")


# --- Network of a shop -----------------------------------------------------------------------------


def used_by_network(footprint: Footprint, **network: Any) -> tuple[Usage, ...]:
    """What the network of a shop in Ireland used in November beside tiers with this footprint."""
    scenario = scenario_of_calls(network={"availability_zones": 2, **network})
    return vpc.SERVICE.design(scenario, footprint).usage(demand_of_calls(0), footprint)


def leaving(**daily: float) -> Footprint:
    """A footprint of so many GB a day."""
    return replace(Footprint.none(30), **{name: np.full(30, gb) for name, gb in daily.items()})


def test_the_network_of_two_zones_in_ireland() -> None:
    """NAT by hour and GB, addresses and endpoints by hour, and zones on both sides of a byte.

    NAT: 2 x 720 h x 0.048 = 69.12 and 500 GB x 0.048 = 24.00. Addresses: 3 x 720 h x 0.005 = 10.80.
    Endpoint in 2 zones: 2 x 720 h x 0.011 = 15.84. 400 GB between zones, twice x 0.01 = 8.00. In all 127.76.
    """
    total = cents("""
      - {service: AmazonEC2, region: eu-west-1, meter: NatGateway-Hours, quantity: 1440}
      - {service: AmazonEC2, region: eu-west-1, meter: NatGateway-Bytes, quantity: 500}
      - {service: AmazonVPC, region: eu-west-1, meter: "PublicIPv4:InUseAddress", quantity: 2160}
      - {service: AmazonVPC, region: eu-west-1, meter: VpcEndpoint-Hours, quantity: 1440}
      - {service: AWSDataTransfer, region: eu-west-1, meter: DataTransfer-Regional-Bytes, quantity: 800}
    """)
    nat = 2 * 720 * D("0.048") + 500 * D("0.048")
    addresses = 3 * 720 * D("0.005")
    between_zones = 2 * 400 * D("0.01")
    assert total == nat + addresses + 2 * 720 * D("0.011") + between_zones == D("127.76")


def test_instances_in_private_subnets_pay_for_nat_in_every_zone() -> None:
    """Each zone has a gateway with an address of its own; its bytes are paid beside the egress.

    2 gateways x 720 h x 0.048 = 69.12; 10 GB a day x 30 x 0.048 = 14.40; 2 addresses of gateways and 2 of
    the load balancer x 720 h x 0.005 = 14.40; 5 GB a day to the internet: 150 GB less 100 free x 0.09 = 4.50.
    """
    footprint = replace(
        leaving(outside_gb=10.0, internet_egress_gb=5.0), private_subnets=True, public_ipv4_addresses=2
    )
    bill = billed(used_by_network(footprint))
    assert bill.by("sku_meter") == {
        "NAT gateway hours": D("69.12"),
        "NAT gateway data": D("14.40"),
        "Public IPv4 addresses": D("14.40"),
        "Transfer to the internet": D("4.50"),
    }
    assert to_cents(bill.billed_cost) == D("102.42")


def test_log_lines_through_endpoints_spare_the_nat_gateways() -> None:
    """An interface endpoint is paid by the hour in every zone, and by the GB.

    3 endpoints x 2 zones x 720 h x 0.011 = 47.52; 20 GB of log lines a day x 30 x 0.01 = 6.00.
    NAT: 2 x 720 h x 0.048 = 69.12 and 10 GB x 30 x 0.048 = 14.40. Addresses: 2 x 720 x 0.005 = 7.20.
    """
    footprint = replace(leaving(outside_gb=10.0, log_gb=20.0), private_subnets=True)
    total = billed_cents(used_by_network(footprint, interface_endpoints=3))
    assert total == D("47.52") + D("6.00") + D("69.12") + D("14.40") + D("7.20") == D("144.24")


def test_log_lines_without_endpoints_pass_the_nat_gateways() -> None:
    """The same lines through NAT: (10 + 20) GB x 30 x 0.048 = 43.20; hours 69.12; addresses 7.20."""
    footprint = replace(leaving(outside_gb=10.0, log_gb=20.0), private_subnets=True)
    assert billed_cents(used_by_network(footprint)) == D("43.20") + D("69.12") + D("7.20") == D("119.52")


@pytest.mark.parametrize(("zones", "expected"), [(2, "3.00"), (3, "4.00")])
def test_bytes_between_zones_are_paid_by_sender_and_receiver(zones: int, expected: str) -> None:
    """Calls from other zones than the database's: 300 GB x 1/2 x 2 sides x 0.01 = 3.00 over two zones,
    300 GB x 2/3 x 2 sides x 0.01 = 4.00 over three.
    """
    footprint = replace(leaving(database_gb=10.0), zonal_database=True)
    between = billed(used_by_network(footprint, availability_zones=zones)).by("sku_meter")
    assert to_cents(between["Transfer between zones"]) == D(expected)


def test_a_regional_database_costs_no_transfer() -> None:
    """DynamoDB is reached through a gateway endpoint: no gateway, no hour, no byte to pay."""
    assert billed_cents(used_by_network(leaving(database_gb=10.0))) == D("0.00")


def test_interface_endpoint_bytes_cross_a_petabyte() -> None:
    """0.01 up to 1 048 576 GB = 10 485.76; 0.006 up to 5 242 880 GB = 25 165.824; 0.004 above.

    6 000 000 GB: 10 485.76 + 25 165.824 + 757 120 x 0.004 = 3 028.48; in all 38 680.064.
    """
    line = "- {service: AmazonVPC, region: us-east-1, meter: VpcEndpoint-Bytes, quantity: 6000000}"
    tiers = 1_048_576 * D("0.01") + 4_194_304 * D("0.006") + 757_120 * D("0.004")
    assert cents(line) == to_cents(tiers) == D("38680.06")


def test_an_idle_address_costs_as_much_as_one_in_use() -> None:
    """Public IPv4 since 2024-02: (2 idle + 4 in use) x 744 h x 0.005 = 22.32."""
    total = cents("""
      - {service: AmazonVPC, region: sa-east-1, meter: "PublicIPv4:IdleAddress", quantity: 1488}
      - {service: AmazonVPC, region: sa-east-1, meter: "PublicIPv4:InUseAddress", quantity: 2976}
    """)
    assert total == 6 * 744 * D("0.005") == D("22.32")


# --- Data transfer ---------------------------------------------------------------------------------


def test_internet_egress_from_oregon_crosses_10_tb() -> None:
    """100 GB are free: 10 140 GB x 0.09 = 912.60; 2 048 GB x 0.085 = 174.08. Without them 9.00 more."""
    line = "- {service: AWSDataTransfer, region: us-west-2, meter: DataTransfer-Out-Bytes, quantity: 12288}"
    assert cents(line) == (10_240 - 100) * D("0.09") + 2_048 * D("0.085") == D("1086.68")
    assert cents(line, free_tier=False) == 10_240 * D("0.09") + 2_048 * D("0.085") == D("1095.68")


def test_internet_egress_climbs_all_four_tiers() -> None:
    """200 TB: 10 140 x 0.09 = 912.60; 40 960 x 0.085 = 3 481.60; 102 400 x 0.07 = 7 168.00;
    51 200 x 0.05 = 2 560.00; in all 14 122.20.
    """
    line = "- {service: AWSDataTransfer, region: us-east-1, meter: DataTransfer-Out-Bytes, quantity: 204800}"
    tiers = 10_140 * D("0.09") + 40_960 * D("0.085") + 102_400 * D("0.07") + 51_200 * D("0.05")
    assert cents(line) == tiers == D("14122.20")


def test_the_free_hundred_gigabytes_are_pooled_over_regions() -> None:
    """The allowance is the account's: 300 GB in Virginia and 100 GB in São Paulo share it as 75 and 25.

    225 x 0.09 = 20.25; 75 x 0.15 = 11.25; in all 31.50. Tiers do not pool: each region begins at 0.
    """
    total = cents("""
      - {service: AWSDataTransfer, region: us-east-1, meter: DataTransfer-Out-Bytes, quantity: 300}
      - {service: AWSDataTransfer, region: sa-east-1, meter: DataTransfer-Out-Bytes, quantity: 100}
    """)
    assert total == 225 * D("0.09") + 75 * D("0.15") == D("31.50")


def test_egress_tiers_count_region_by_region() -> None:
    """8 TB from each of two regions stay below 10 TB: 2 x 8 192 x 0.09 = 1 474.56. From one region
    10 240 x 0.09 + 6 144 x 0.085 = 921.60 + 522.24 = 1 443.84.
    """
    line = "- {service: AWSDataTransfer, region: %s, meter: DataTransfer-Out-Bytes, quantity: %d}\n"
    apart = line % ("us-east-1", 8_192) + line % ("eu-west-1", 8_192)
    assert cents(apart, free_tier=False) == D("1474.56")
    assert cents(line % ("us-east-1", 16_384), free_tier=False) == D("1443.84")


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        ("us-east-1", "eu-west-1", "10.00"),  # 500 x 0.02
        ("ap-northeast-1", "us-east-1", "45.00"),  # 500 x 0.09
        ("us-east-1", "ap-northeast-1", "10.00"),  # 500 x 0.02: the sender's rate, not the receiver's
        ("sa-east-1", "eu-central-1", "69.00"),  # 500 x 0.138
    ],
)
def test_between_regions_the_sender_pays(source: str, destination: str, expected: str) -> None:
    """500 GB at the one rate of the region they leave."""
    usages = meter_usage(
        region_to_region(source, destination), "copies", NOVEMBER, np.full(30, 500 / 30), "500 GB"
    )
    assert billed_cents(usages) == D(expected)


def test_what_comes_in_and_what_goes_to_cloudfront_is_free() -> None:
    """Ingress from the internet x 0, and origin to CloudFront x 0: no dollar for a petabyte of each."""
    total = cents("""
      - {service: AWSDataTransfer, region: ap-south-1, meter: DataTransfer-In-Bytes, quantity: 1048576}
      - {service: AWSDataTransfer, region: ap-south-1, meter: CloudFront-Out-Bytes, quantity: 1048576}
    """)
    assert total == D("0.00")
