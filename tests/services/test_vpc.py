"""VPC: NAT, addresses and bytes by path, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.services._base import Footprint, PlatformDesign
from costmodel.services.vpc import SERVICE
from costmodel.units import FOCUS_UNITS
from shops.platform import REGIONS, demand_of, quantities, scenario_of


def design(scenario: Scenario, footprint: Footprint | None = None) -> PlatformDesign:
    return SERVICE.design(scenario, footprint or Footprint.none(30))


def footprint_of(load: float, days: int = 30) -> Footprint:
    daily = np.full(days, load)
    return replace(
        Footprint.none(days),
        outside_gb=daily,
        database_gb=daily,
        internet_egress_gb=daily,
    )


def test_quantities_by_hand() -> None:
    footprint = replace(
        footprint_of(10.0), private_subnets=True, zonal_database=True, public_ipv4_addresses=3
    )
    scenario = scenario_of(network={"second_region": "us-east-1", "availability_zones": 2})
    got = quantities(design(scenario, footprint).usage(demand_of(1.0), footprint))
    assert got == {
        ("eu-west-1", "NatGateway-Hours"): Decimal(2 * 720),
        ("eu-west-1", "NatGateway-Bytes"): Decimal(300),
        ("eu-west-1", "VpcEndpoint-Hours"): Decimal(0),
        ("eu-west-1", "VpcEndpoint-Bytes"): Decimal(0),
        ("eu-west-1", "PublicIPv4:InUseAddress"): Decimal(5 * 720),
        ("eu-west-1", "DataTransfer-Regional-Bytes"): Decimal(300),
        ("eu-west-1", "DataTransfer-Out-Bytes"): Decimal(300),
    }


@pytest.mark.parametrize(
    ("private_subnets", "zonal_database", "gateways"),
    [(False, False, 0), (True, False, 2), (False, True, 2), (True, True, 2)],
)
def test_nat_gateways_stand_where_compute_is_private_or_must_join_its_database(
    private_subnets: bool, zonal_database: bool, gateways: int
) -> None:
    footprint = replace(
        footprint_of(10.0),
        private_subnets=private_subnets,
        zonal_database=zonal_database,
    )
    network = design(scenario_of(network={"availability_zones": 2}), footprint)
    got = quantities(network.usage(demand_of(1.0), footprint))
    assert got["eu-west-1", "NatGateway-Hours"] == gateways * 720
    assert got["eu-west-1", "NatGateway-Bytes"] == (300 if gateways else 0)
    assert got["eu-west-1", "DataTransfer-Regional-Bytes"] == (300 if zonal_database else 0)
    (variable,) = network.terraform()
    values = {attribute.name: attribute.value for attribute in variable.attributes}
    assert values["enable_nat_gateway"] is (gateways > 0)


@pytest.mark.parametrize(("endpoints", "nat_gb", "endpoint_gb"), [(0, 900, 0), (3, 300, 600)])
def test_log_lines_take_an_interface_endpoint_where_there_is_one(
    endpoints: int, nat_gb: int, endpoint_gb: int
) -> None:
    footprint = replace(
        Footprint.none(30),
        private_subnets=True,
        outside_gb=np.full(30, 10.0),
        log_gb=np.full(30, 20.0),
    )
    network = design(
        scenario_of(network={"availability_zones": 2, "interface_endpoints": endpoints}), footprint
    )
    got = quantities(network.usage(demand_of(1.0), footprint))
    assert got["eu-west-1", "NatGateway-Bytes"] == nat_gb
    assert got["eu-west-1", "VpcEndpoint-Bytes"] == endpoint_gb
    assert got["eu-west-1", "VpcEndpoint-Hours"] == endpoints * 2 * 720


def test_no_tier_behind_nat_means_no_gateway() -> None:
    got = quantities(design(scenario_of()).usage(demand_of(1.0), Footprint.none(30)))
    assert set(got.values()) == {Decimal(0)}


def test_zones_are_named_as_the_region_names_them() -> None:
    (variable,) = design(scenario_of("ap-northeast-1", network={"availability_zones": 2})).terraform()
    values = {attribute.name: attribute.value for attribute in variable.attributes}
    assert values["azs"] == ("ap-northeast-1a", "ap-northeast-1c")
    assert values["one_nat_gateway_per_az"] is True
    assert values["single_nat_gateway"] is False


@settings(max_examples=25, deadline=None)
@given(views=st.floats(0, 1e8), load=st.floats(0, 1e6), factor=st.floats(1.0, 50.0))
def test_more_load_never_means_less_usage(views: float, load: float, factor: float) -> None:
    known = design(scenario_of(network={"second_region": "us-east-1"}))
    few = quantities(known.usage(demand_of(views), footprint_of(load)))
    many = quantities(known.usage(demand_of(views * factor), footprint_of(load * factor)))
    assert few.keys() == many.keys()
    assert all(Decimal(0) <= few[key] <= many[key] for key in few)
    assert quantities(known.usage(demand_of(views), footprint_of(load))) == few


@pytest.mark.parametrize("region", REGIONS)
def test_every_meter_has_a_price_in_its_unit(region: str) -> None:
    book = PriceBook.shipped()
    usages = design(
        scenario_of(region, network={"second_region": "eu-west-1" if region != "eu-west-1" else "sa-east-1"})
    ).usage(demand_of(1440.0), footprint_of(1.0))
    for usage in usages:
        price = book.price(usage.meter.query)
        assert FOCUS_UNITS[price.pricing_unit] == usage.meter.consumed_unit
    assert len(usages) == 7
