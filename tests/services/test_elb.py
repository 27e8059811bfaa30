from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import Scenario
from costmodel.services.elb import (
    ALB_UNITS,
    NLB_TCP_UNIT,
    SERVICE,
    ApplicationLoadBalancer,
    NetworkLoadBalancer,
)

MINUTES = 30 * 1440
REGION = "us-east-1"


def demand_of(requests_per_s):
    """November 2026 with the given API calls per second, of 1 KB up and 8 KB down."""
    calendar = Calendar.of(BillingPeriod(2026, 11), 1)
    pages = np.broadcast_to(np.asarray(requests_per_s, float) * 60, (1, calendar.minutes))
    fan_out = FanOut(0, 0, 0, 0, 1.0, 1024, 8 * 1024, 0.1, 2.0, 0.5, 0.0, 0.2)
    days = read_only(np.ones(calendar.days))
    return Demand(calendar, ("europe",), read_only(pages), read_only(pages * 0), fan_out, days, days)


def scenario_of(**constraints):
    return Scenario(
        name="shop",
        region=REGION,
        start="2026-11",
        traffic={"monthly_visitors": {"europe": 1_000}},
        constraints=constraints,
    )


def billed(design, demand):
    hours, units = design.usage(demand, design.simulate(demand))
    return hours.consumed_quantity, float(units.consumed_quantity)


def units_of(unit, *dimensions):
    return float(unit.needed(*(np.array([value]) for value in dimensions))[0])


class TestCapacityUnits:
    def test_the_largest_dimension_counts(self):
        """500 connections/s, 30 000 active, 40 GB/h, 2 rules beyond the free 10 x 800/s: max(20, 10, 40, 1.6)."""
        assert units_of(ALB_UNITS["ec2"], 500, 30_000, 40, 1_600) == 40
        assert units_of(ALB_UNITS["ec2"], 500, 30_000, 4, 1_600) == 20
        assert units_of(ALB_UNITS["ec2"], 50, 30_000, 4, 1_600) == 10
        assert units_of(ALB_UNITS["ec2"], 5, 300, 0.4, 1_600) == 1.6

    def test_functions_fill_a_unit_with_less(self):
        assert units_of(ALB_UNITS["lambda"], 500, 30_000, 40, 1_600) == 100

    @given(
        load=st.lists(st.floats(0, 1e6), min_size=4, max_size=4),
        at=st.integers(0, 3),
        factor=st.floats(1, 10),
        unit=st.sampled_from([*ALB_UNITS.values(), NLB_TCP_UNIT]),
    )
    def test_units_hold_every_dimension_and_more_load_never_needs_fewer(self, load, at, factor, unit):
        """No dimension alone needs more than all of them together, and one of them needs as much."""
        alone = [units_of(unit, *(x if i == j else 0.0 for j, x in enumerate(load))) for i in range(4)]
        together = units_of(unit, *load)
        assert together == max(alone)
        more = [x * factor if i == at else x for i, x in enumerate(load)]
        assert units_of(unit, *more) >= together

    def test_network_units_hold_more_connections(self):
        assert units_of(NLB_TCP_UNIT, 1_600, 100_000, 0.5, 9_999) == 2


class TestBilling:
    def test_steady_month_in_front_of_instances(self):
        """1 000/s x 9 KB x 3 600 s = 30.8990478515625 GB an hour, 720 hours."""
        hours, units = billed(ApplicationLoadBalancer(REGION, 2, "ec2"), demand_of(1_000))
        assert hours == Decimal(720)
        assert units == pytest.approx(30.8990478515625 * 720)

    def test_functions_cost_two_and_a_half_times_the_units(self):
        demand = demand_of(1_000)
        _, instances = billed(ApplicationLoadBalancer(REGION, 2, "ec2"), demand)
        _, functions = billed(ApplicationLoadBalancer(REGION, 2, "lambda"), demand)
        assert functions == pytest.approx(2.5 * instances)

    def test_no_traffic_leaves_the_hours(self):
        assert billed(ApplicationLoadBalancer(REGION, 2, "ec2"), demand_of(0)) == (Decimal(720), 0)

    def test_an_hour_is_its_mean(self):
        """A minute of 60 000/s within an hour is 1 000/s over the hour."""
        rate = np.zeros(MINUTES)
        rate[90] = 60_000
        _, units = billed(NetworkLoadBalancer(REGION, 2, "ec2"), demand_of(rate))
        assert units == pytest.approx(30.8990478515625)

    def test_prices_are_asked_for_by_kind(self):
        demand = demand_of(1)
        for design, kind in (
            (ApplicationLoadBalancer(REGION, 2, "ec2"), "application"),
            (NetworkLoadBalancer(REGION, 2, "ec2"), "network"),
        ):
            attributes = (("load_balancer", kind),)
            usages = design.usage(demand, design.simulate(demand))
            assert [(usage.meter.query, usage.meter.consumed_unit) for usage in usages] == [
                (PriceQuery("AWSELB", REGION, "LoadBalancerUsage", attributes), "Hours"),
                (PriceQuery("AWSELB", REGION, "LCUUsage", attributes), "LCU-Hours"),
            ]

    @given(rate=st.floats(0, 1e5), factor=st.floats(1, 10))
    @settings(max_examples=20, deadline=None)
    def test_more_load_never_costs_less(self, rate, factor):
        for design in (
            ApplicationLoadBalancer(REGION, 2, "lambda"),
            NetworkLoadBalancer(REGION, 2, "ec2"),
        ):
            less, more = billed(design, demand_of(rate)), billed(design, demand_of(rate * factor))
            assert less[0] == more[0]
            assert less[1] <= more[1]


def test_nothing_fails_and_addresses_follow_the_zones():
    design, demand = ApplicationLoadBalancer(REGION, 3, "ec2"), demand_of(100)
    capacity = design.simulate(demand)
    footprint = design.footprint(demand, capacity)
    assert capacity.summary().error_ratio == 0
    assert capacity.summary().headroom_ratio == 1
    assert (footprint.public_ipv4_addresses, footprint.alarms) == (3, 2)
    assert not footprint.database_gb.any()


class TestDesigns:
    def test_one_for_each_kind_and_what_can_stand_behind_it(self):
        scenario = scenario_of(load_balancer=["alb", "nlb"], compute=["ec2", "lambda"])
        designs = SERVICE.designs(scenario, demand_of(1))
        assert [(design.kind, design.serves) for design in designs] == [
            ("alb", "ec2"),
            ("alb", "lambda"),
            ("nlb", "ec2"),
        ]

    def test_constraints_narrow_them(self):
        scenario = scenario_of(compute=["lambda"])
        assert [(d.kind, d.serves) for d in SERVICE.designs(scenario, demand_of(1))] == [("alb", "lambda")]
        scenario = scenario_of(load_balancer=["nlb"])
        assert [(d.kind, d.serves) for d in SERVICE.designs(scenario, demand_of(1))] == [("nlb", "ec2")]

    def test_functions_cannot_stand_behind_a_network_load_balancer(self):
        with pytest.raises(ValueError, match="cannot have functions"):
            NetworkLoadBalancer(REGION, 2, "lambda")


@pytest.mark.parametrize(
    ("design", "kind", "extra"),
    [
        (ApplicationLoadBalancer(REGION, 2, "ec2"), "application", "idle_timeout"),
        (NetworkLoadBalancer(REGION, 2, "ec2"), "network", "enable_cross_zone_load_balancing"),
    ],
)
def test_terraform_speaks_the_module_inputs(design, kind, extra):
    (variable,) = design.terraform()
    values = {attribute.name: attribute.value for attribute in variable.attributes}
    assert variable.name == "alb"
    assert values["load_balancer_type"] == kind
    assert extra in values


def test_the_formula_names_what_the_kind_counts() -> None:
    demand = demand_of(1)
    for kind, counted in ((ApplicationLoadBalancer, True), (NetworkLoadBalancer, False)):
        design = kind(REGION, 2, "ec2")
        (_, units) = design.usage(demand, design.simulate(demand))
        assert ("rule evaluations" in units.formula) == counted
