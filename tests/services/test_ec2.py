from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.billing.rate import bill
from costmodel.capacity.disruptions import ADVISOR_BANDS, ZoneLoss
from costmodel.capacity.instances import instance_type, instance_types
from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.errors import PriceNotFound, ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.snapshot import SPOT_SAVING_COLUMNS, SPOT_SAVINGS
from costmodel.pricing.spot import spot_price
from costmodel.scenario.model import Scenario
from costmodel.services.ec2 import (
    SERVICE,
    Ec2Fleet,
    NewMinimum,
    SpotShare,
)
from costmodel.services.registry import scenario_rules

MINUTES = 30 * 1440


def demand_of(requests_per_s, jobs_per_call=0.0, response_bytes=8 * 1024, months=1):
    """November 2026 onwards with the given API calls per second in every minute."""
    calendar = Calendar.of(BillingPeriod(2026, 11), months)
    pages = np.broadcast_to(np.asarray(requests_per_s, float) * 60, (1, calendar.minutes))
    fan_out = FanOut(0, 0, 0, 0, 1.0, 1024, response_bytes, 0.1, 2.0, 0.5, jobs_per_call, 0.2)
    days = read_only(np.ones(calendar.days))
    return Demand(calendar, ("europe",), read_only(pages), read_only(pages * 0), fan_out, days, days)


def scenario_of(**parts):
    values = {
        "name": "shop",
        "region": "eu-west-1",
        "start": "2026-11",
        "traffic": {"monthly_visitors": {"europe": 1_000}},
    }
    return Scenario(**(values | parts))


def fleet_of(name="m5.large", **changes):
    scenario = scenario_of(api={"cpu_ms_per_call": 10, "wait_ms_per_call": 5})
    values = {
        "region_id": "eu-west-1",
        "instance": instance_type(name),
        "target_ratio": 0.5,
        "min_size": 2,
        "max_size": 20,
        "zones": 2,
        "purchase": "on_demand",
        "vcpu_quota": 640,
        "api": scenario.api,
        "database": scenario.database,
    }
    return Ec2Fleet(**(values | changes))


def quantities(usages):
    return {
        (usage.meter.query.usage_type, usage.meter.query.term): usage.consumed_quantity for usage in usages
    }


def broken(capacity):
    return {limit.constraint for limit in capacity.limits if limit.broken}


class TestBilling:
    def test_quiet_month_on_demand(self):
        """2 instances x 720 hours; 2 x 20 GB for one whole month."""
        fleet, demand = fleet_of(), demand_of(10)
        usages = fleet.usage(demand, fleet.simulate(demand))
        assert quantities(usages) == {
            ("BoxUsage:m5.large", "OnDemand"): Decimal(1440),
            ("EBS:VolumeUsage.gp3", "OnDemand"): Decimal(40),
        }
        assert [usage.meter.consumed_unit for usage in usages] == ["Hours", "GB-Months"]
        assert usages[0].meter.query == PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m5.large")

    def test_reservation_is_paid_used_or_not_and_the_rest_on_demand(self):
        """400 calls/s x 10 ms = 4 vCPU, at 50 % of 2 vCPU each 4 instances: 2 reserved, 2 on demand."""
        fleet, demand = fleet_of(purchase="reserved_1yr_no_upfront"), demand_of(400)
        assert quantities(fleet.usage(demand, fleet.simulate(demand))) == {
            ("BoxUsage:m5.large", "OnDemand"): Decimal(1440),
            ("BoxUsage:m5.large", "Reserved standard 1yr No Upfront"): Decimal(1440),
            ("EBS:VolumeUsage.gp3", "OnDemand"): Decimal(80),
        }

    def test_three_years_have_their_own_term(self):
        fleet, demand = fleet_of(purchase="reserved_3yr_no_upfront"), demand_of(1)
        found = quantities(fleet.usage(demand, fleet.simulate(demand)))
        assert found["BoxUsage:m5.large", "Reserved standard 3yr No Upfront"] == 1440
        assert found["BoxUsage:m5.large", "OnDemand"] == 0

    def test_months_are_billed_apart(self):
        """November has 720 hours, December 744; a volume-month is a month in both."""
        fleet, demand = fleet_of(), demand_of(10, months=2)
        usages = fleet.usage(demand, fleet.simulate(demand))
        assert [usage.consumed_quantity for usage in usages] == [1440, 1488, 40, 40]
        assert [str(usage.billing_period) for usage in usages[:2]] == ["2026-11", "2026-12"]

    def test_scaling_out_for_a_day_is_billed_by_the_minute(self):
        """From 100 to 400 calls/s in hour 24 and back in hour 48: 2 more instances from minute 1444.

        High in 1440 to 1442, seen at the end of 1443. Low (0.25 < 0.35) in 2880 to 2894, seen at the
        end of 2895, draining up to 2900: 1457 minutes of 2 instances.
        """
        rate = np.full(MINUTES, 100.0)
        rate[1440:2880] = 400.0
        fleet, demand = fleet_of(), demand_of(rate)
        capacity = fleet.simulate(demand)
        assert capacity.servers[1443] == 2
        assert capacity.servers[1444] == 4
        assert capacity.servers[2900] == 4
        assert capacity.servers[2901] == 2
        hours = quantities(fleet.usage(demand, capacity))["BoxUsage:m5.large", "OnDemand"]
        assert float(hours) == pytest.approx(1440 + 2 * 1457 / 60, abs=1e-9)


class TestCapacity:
    def test_speed_of_the_instance_counts(self):
        """m5 is the reference; a vCPU twice as fast is half as busy."""
        demand = demand_of(100)
        slow = fleet_of("m5.large").simulate(demand)
        fast_type = instance_type("m7g.large")
        fast = fleet_of("m7g.large").simulate(demand)
        assert slow.utilisation[0] == pytest.approx(100 * 0.010 / 4)
        assert fast.utilisation[0] == pytest.approx(0.25 / fast_type.relative_vcpu_speed)
        assert fast.latency.p95_ms < slow.latency.p95_ms

    def test_lightly_loaded_latency_is_service_and_wait(self):
        """M/M/4 at 2.5 %: hardly any queue, an exponential 10 ms behind 5 ms of waiting for others."""
        latency = fleet_of().simulate(demand_of(10)).latency
        assert latency.mean_ms == pytest.approx(15.0, abs=0.01)
        assert latency.p95_ms == pytest.approx(5 + 10 * np.log(20), rel=0.01)

    def test_overload_fails_and_shows(self):
        """4 vCPU serve 400 calls/s at most; of 800 half fail, once 10 s of work wait."""
        fleet, demand = fleet_of(max_size=2), demand_of(800)
        capacity = fleet.simulate(demand)
        assert capacity.summary().error_ratio == pytest.approx(0.5, abs=1e-3)
        assert capacity.summary().headroom_ratio == pytest.approx(1 - 800 / 400)
        assert capacity.latency.p50_ms > 9_000

    def test_connections_follow_the_most_instances(self):
        """4 instances x 2 vCPU x 10."""
        assert fleet_of().simulate(demand_of(400)).peak_connections == 80


class TestLimits:
    def test_quiet_group_breaks_none(self):
        assert broken(fleet_of().simulate(demand_of(10, 0.001))) == set()

    def test_network_beyond_its_baseline_lasts_as_long_as_the_burst(self):
        """100 calls/s x 2 MB over 2 instances: 0.839 Gbit/s each, of a baseline of 0.75 and 10 for 5 minutes.

        A bucket of 9.25 Gbit/s x 300 s at 0.089 lasts 31 230 s, or 520 minutes. Then 0.75 of 0.839 are sent.
        At 1 MB an instance stays below its baseline for ever.
        """
        fits = fleet_of().simulate(demand_of(100, response_bytes=2**20))
        assert not fits.failed_requests.any()
        assert fits.saturation_requests_per_s == pytest.approx(20 * 0.75e9 / (2**20 * 8))
        short = fleet_of().simulate(demand_of(100, response_bytes=2**21))
        assert not short.failed_requests[:520].any()
        assert short.failed_requests[600] / short.requests[600] == pytest.approx(
            1 - 0.75 / 0.8388608, rel=1e-6
        )

    def test_vcpu_quota(self):
        capacity = fleet_of(vcpu_quota=7).simulate(demand_of(400))
        assert broken(capacity) == {"EC2 vCPU quota of the account"}

    def test_burstable_below_and_above_its_baseline(self):
        """A t4g.large earns 30 % of each vCPU; at 35 % it borrows 0.1 credits a minute, 4 320 in November.

        A day's earning of 864 is lent, the rest of both instances would be charged, and has no price.
        """
        speed = instance_type("t4g.large").relative_vcpu_speed
        below = fleet_of("t4g.large").simulate(demand_of(400 * 0.29 * speed))
        above = fleet_of("t4g.large").simulate(demand_of(400 * 0.35 * speed))
        assert broken(below) == set()
        assert broken(above) == {"surplus CPU credits, for which there is no price"}
        assert above.limits[-1].observed == pytest.approx(2 * (4_320 - 864))

    def test_a_day_above_the_baseline_is_lent(self):
        """40 % for 10 hours borrows 0.2 x 600 = 120 of 864; the quiet rest of the month pays it back."""
        rate = np.zeros(MINUTES)
        rate[:600] = 400 * 0.40 * instance_type("t4g.large").relative_vcpu_speed
        assert broken(fleet_of("t4g.large").simulate(demand_of(rate))) == set()

    def test_standard_credits_throttle_instead(self):
        """At 40 % with nothing saved 30 % are done: a quarter fails, nothing is owed; 30 % is all it sustains."""
        speed = instance_type("t4g.large").relative_vcpu_speed
        fleet = fleet_of("t4g.large", credit_mode="standard")
        capacity = fleet.simulate(demand_of(400 * 0.40 * speed))
        assert broken(capacity) == set()
        assert capacity.summary().error_ratio == pytest.approx(0.25, abs=1e-3)
        assert capacity.saturation_requests_per_s == pytest.approx(20 * 200 * 0.30 * speed)


def test_footprint_of_a_quiet_month():
    """1 024 calls/s are 86 400 x 1 024 a day: 0.5 KB of log and 0.2 KB outside make 42.1875 and 16.875 GB."""
    fleet, demand = fleet_of(max_size=40), demand_of(1024)
    capacity = fleet.simulate(demand)
    footprint = fleet.footprint(demand, capacity)
    assert footprint.log_gb[0] == pytest.approx(42.1875)
    assert footprint.outside_gb[0] == pytest.approx(16.875)
    # 2 reads x 2 KB + 0.5 writes x 1 KB = 4.5 KB a call; half of it crosses to the other zone.
    assert footprint.database_gb[0] == pytest.approx(1024 * 86_400 * 4.5 / 2**20)
    # 10.24 vCPU at 50 % of 2 each: 11 instances.
    assert footprint.monitored_instance_hours[0] == pytest.approx(11 * 24)
    assert (footprint.alarms, footprint.public_ipv4_addresses) == (2, 0)
    assert not footprint.vended_log_gb.any()


class TestDesigns:
    def test_small_shop_compares_every_family(self):
        designs = SERVICE.designs(scenario_of(), demand_of(5))
        assert 90 <= len(designs) <= 110
        assert {design.instance.family for design in designs} == {
            "c7g", "m7g", "c7i", "m7i", "c6g", "m6g", "t4g",
        }  # fmt: skip
        assert {design.instance.size for design in designs if design.instance.family == "t4g"} == {
            "medium", "large", "xlarge", "2xlarge",
        }  # fmt: skip
        assert min(design.instance.memory_gib for design in designs) == 4.0
        assert {(design.min_size, design.target_ratio) for design in designs} == {(2, 0.5), (2, 0.7)}
        assert len({design.label for design in designs}) == len(designs)

    def test_every_size_comes_with_a_group_held_for_the_peak(self):
        """20 000 calls/s x 12 ms = 240 m5 vCPUs: 60 of 8 vCPUs at 50 %, 30 of 16, and a half more as headroom."""
        scenario = scenario_of(constraints={"instance_families": ["m5"]})
        designs = SERVICE.designs(scenario, demand_of(20_000))
        found = [(d.instance.size, d.target_ratio, d.min_size, d.max_size) for d in designs]
        assert [of_size for of_size in found if of_size[0] in ("2xlarge", "4xlarge")] == [
            ("2xlarge", 0.5, 2, 90),
            ("2xlarge", 0.7, 2, 65),
            ("2xlarge", 0.7, 43, 65),
            ("4xlarge", 0.5, 2, 45),
            ("4xlarge", 0.7, 2, 33),
            ("4xlarge", 0.7, 22, 33),
        ]
        sizes = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"]
        assert list(dict.fromkeys(d.instance.size for d in designs)) == sizes

    def test_sizes_that_would_be_too_many_are_left_out(self):
        """A million calls/s are 12 000 m5 vCPUs: 12 000 of 2 vCPUs at 50 % and a half more are above 5 000."""
        scenario = scenario_of(constraints={"instance_families": ["m5"]})
        designs = SERVICE.designs(scenario, demand_of(1_000_000))
        assert min(design.instance.vcpu for design in designs) == 8
        assert max(design.max_size for design in designs) <= 5_000

    def test_commitments_multiply_and_other_compute_excludes(self):
        demand = demand_of(5)
        one = SERVICE.designs(scenario_of(), demand)
        terms = ["on_demand", "reserved_1yr_no_upfront", "reserved_3yr_no_upfront"]
        three = SERVICE.designs(scenario_of(constraints={"commitments": terms}), demand)
        assert len(three) == 3 * len(one)
        assert SERVICE.designs(scenario_of(constraints={"compute": ["lambda"]}), demand) == ()

    def test_unknown_families_are_all_named(self):
        scenario = scenario_of(constraints={"instance_families": ["m7g", "m7", "zz9"]})
        with pytest.raises(ScenarioError) as caught:
            SERVICE.designs(scenario, demand_of(5))
        assert [fault.path for fault in caught.value.faults] == [
            "constraints.instance_families.1",
            "constraints.instance_families.2",
        ]
        assert "m7g" in caught.value.faults[0].problem

    def test_a_gpu_family_is_known_and_answers_no_calls(self):
        both = scenario_of(constraints={"compute": ["ec2"], "instance_families": ["m7g", "g4dn"]})
        one = scenario_of(constraints={"compute": ["ec2"], "instance_families": ["m7g"]})
        assert SERVICE.designs(both, demand_of(5)) == SERVICE.designs(one, demand_of(5))
        gpus_only = scenario_of(constraints={"compute": ["ec2"], "instance_families": ["g4dn"]})
        assert scenario_rules(gpus_only) == []
        assert SERVICE.designs(gpus_only, demand_of(5)) == ()


def rising_hourly(calls_per_s=2_000.0, quiet_per_s=20.0):
    """Quiet, but for an hour at noon every day that starts at once."""
    rate = np.full(MINUTES, quiet_per_s)
    rate.reshape(30, 1440)[:, 720:780] = calls_per_s
    return demand_of(rate)


class TestPolicies:
    def test_requests_are_tracked_past_saturation(self):
        """2 m5.large do 400 calls/s; 2 000 need 20 at 50 %. Requests ask for 20 at once, CPU for 4 and 8 first."""
        demand = rising_hourly()
        cpu = fleet_of(max_size=40).simulate(demand)
        requests = fleet_of(max_size=40, target_requests_per_minute=6_000).simulate(demand)
        noon = slice(720, 740)
        assert requests.servers[725] == 20
        assert cpu.servers[noon].max() < 20
        assert requests.summary().error_ratio < cpu.summary().error_ratio

    def test_a_forecast_is_there_before_the_hour(self):
        """Every other day looks the same: 0.9 x 20 = 18 instances, decided at the end of minute 715."""
        capacity = fleet_of(max_size=40, forecasts=True).simulate(rising_hourly())
        assert list(capacity.servers[[714, 715, 716, 719]]) == [2, 2, 18, 18]
        assert not capacity.failed_requests[720:].any()

    def test_a_scheduled_minimum_is_there_for_its_time(self):
        at = datetime(2026, 11, 3, 11, 45, tzinfo=UTC)
        scheduled = (NewMinimum(at, 20), NewMinimum(at + timedelta(hours=1), 2))
        capacity = fleet_of(max_size=40, scheduled=scheduled).simulate(rising_hourly())
        first = 2 * 1440 + 705
        assert capacity.servers[first] == 2
        assert set(capacity.servers[first + 1 : first + 75]) == {20.0}
        assert not capacity.failed_requests[first : first + 75].any()
        assert capacity.failed_requests[:1440].any()

    def test_disruptions_are_taken_from_outside(self):
        """2 zones, 4 instances, one zone gone for half an hour: 2 left, and as many as it takes launched there."""
        demand = demand_of(400)
        calm = fleet_of().simulate(demand)
        hit = fleet_of().simulate(demand, [ZoneLoss(1_000, 0, 30)])
        assert not calm.failed_requests.any()
        assert hit.failed_requests[1_000] / hit.requests[1_000] == pytest.approx(0.5)
        np.testing.assert_array_equal(hit.servers[:1_000], calm.servers[:1_000])

    def test_losing_every_zone_fails_every_call_and_nothing_else(self):
        losses = [ZoneLoss(1_000, zone, 10) for zone in (0, 1)]
        capacity = fleet_of().simulate(demand_of(10), losses)
        assert list(capacity.failed_requests[[999, 1_000, 1_009]]) == [0, 600, 600]
        assert capacity.latency.p99_ms < 100


class TestWarmPool:
    def test_a_stopped_instance_pays_its_volume_only(self):
        """2 run and 18 wait all month: 1 440 hours, and 20 volumes of 20 GB."""
        fleet, demand = fleet_of(warm_pool=True), demand_of(10)
        assert quantities(fleet.usage(demand, fleet.simulate(demand))) == {
            ("BoxUsage:m5.large", "OnDemand"): Decimal(1440),
            ("EBS:VolumeUsage.gp3", "OnDemand"): Decimal(400),
        }

    def test_it_helps_where_the_bootstrap_is_slow(self):
        api = scenario_of(api={"cpu_ms_per_call": 10, "bootstrap_s": 600}).api
        demand = rising_hourly(600.0, 100.0)
        cold, warm = (fleet_of(api=api, warm_pool=pool).simulate(demand) for pool in (False, True))
        assert warm.summary().error_ratio < 0.5 * cold.summary().error_ratio


class TestSpotShare:
    types = (instance_type("m5.large"), instance_type("m6i.large"))

    def spot(self, reclaimed_ratio=0.0, seed=1):
        return SpotShare(self.types, reclaimed_ratio, seed)

    def test_above_the_base_three_quarters_are_spot_in_equal_shares(self):
        """10 run: 2 and a quarter of 8 on demand; 6 x 720 hours of spot, half of each type."""
        fleet, demand = fleet_of(spot=self.spot()), demand_of(1_000)
        usages = fleet.usage(demand, fleet.simulate(demand))
        assert quantities(usages) == {
            ("BoxUsage:m5.large", "OnDemand"): Decimal(4 * 720),
            ("SpotUsage:m5.large", "Spot"): Decimal(3 * 720),
            ("SpotUsage:m6i.large", "Spot"): Decimal(3 * 720),
            ("EBS:VolumeUsage.gp3", "OnDemand"): Decimal(200),
        }

    def test_spot_is_billed_as_dynamic_at_what_the_spot_advisor_lets_infer(self):
        fleet, demand = fleet_of(spot=self.spot()), demand_of(1_000)
        book = PriceBook.shipped()
        charges = bill(fleet.usage(demand, fleet.simulate(demand)), book, free_tier=False).charges
        spot = [charge for charge in charges if charge.pricing_category == "Dynamic"]
        assert [charge.list_unit_price for charge in spot] == [
            spot_price(book, one.name, "eu-west-1").unit_price for one in self.types
        ]
        assert all("Spot Advisor" in charge.charge_description for charge in spot)

    def test_without_a_spot_price_there_is_no_bill(self):
        fleet, demand = fleet_of(spot=SpotShare((instance_type("c5n.large"),), 0.0, 1)), demand_of(1_000)
        with pytest.raises(PriceNotFound, match=r"c5n\.large"):
            bill(fleet.usage(demand, fleet.simulate(demand)), PriceBook.shipped(), free_tier=False)

    def test_a_reserved_base_is_the_on_demand_part(self):
        """Of 4 on demand 2 are reserved."""
        fleet = fleet_of(spot=self.spot(), purchase="reserved_1yr_no_upfront")
        demand = demand_of(1_000)
        found = quantities(fleet.usage(demand, fleet.simulate(demand)))
        assert found["BoxUsage:m5.large", "OnDemand"] == 1440
        assert found["BoxUsage:m5.large", "Reserved standard 1yr No Upfront"] == 1440

    def test_pools_are_taken_back_by_the_seed(self):
        demand = demand_of(1_000)
        runs = [fleet_of(spot=self.spot(0.9, seed)).simulate(demand).servers for seed in (1, 1, 2)]
        np.testing.assert_array_equal(runs[0], runs[1])
        assert (runs[0] != runs[2]).any()
        assert set(fleet_of(spot=self.spot()).simulate(demand).servers) == {10.0}
        assert len(set(runs[0])) > 1

    def test_quotas_count_on_demand_and_spot_apart(self):
        """4 on demand and 6 spot of 2 vCPUs."""
        capacity = fleet_of(spot=self.spot(), vcpu_quota=11).simulate(demand_of(1_000))
        assert broken(capacity) == {"EC2 spot vCPU quota of the account"}
        assert [limit.observed for limit in capacity.limits] == [8, 12]


def test_the_assumed_reclaims_are_the_mean_of_the_spot_advisors_bands():
    """Over the default families that answer API calls, from medium to 4xlarge, in eight regions: 0.153, assumed as 0.15."""
    scenario = scenario_of()
    sizes = ("medium", "large", "xlarge", "2xlarge", "4xlarge")
    families = scenario.constraints.instance_families
    names = {one.name for one in instance_types(families) if one.size in sizes}
    rows = PriceBook.shipped().table(SPOT_SAVINGS, SPOT_SAVING_COLUMNS)
    middles = [ADVISOR_BANDS[band] for _, name, _, band, _, _ in rows if name in names]
    assert len(middles) == 256
    assert scenario.account.spot_reclaimed_ratio == pytest.approx(np.mean(middles), abs=0.005)


class TestWhichPoliciesAreLookedAt:
    def labels(self, demand, **parts):
        """Groups of the size *large*."""
        scenario = scenario_of(**{"constraints": {"instance_families": ["m7g"], "spot": True}, **parts})
        designs = SERVICE.designs(scenario, demand)
        assert len({design.label for design in designs}) == len(designs)
        return [design.label for design in designs if design.instance.size == "large"]

    def test_steady_load_needs_none(self):
        assert not [
            label for label in self.labels(demand_of(200)) if "forecast" in label or "requests" in label
        ]

    def test_load_that_outruns_the_alarm_is_tracked_by_requests_and_forecast(self):
        """2 m7g.large at 70 %: 0.7 x 2 x 1.45 x 60 / 0.012 = 10 150 requests a minute each."""
        labels = self.labels(rising_hourly())
        assert sum("requests a minute each" in label for label in labels) == 1
        assert sum("forecast" in label for label in labels) == 1
        assert any("10,150 requests" in label for label in labels)

    @pytest.mark.parametrize(("kind", "known"), [("flash_sale", 1), ("launch", 1), ("viral_spike", 0)])
    def test_announced_events_raise_the_minimum(self, kind, known):
        event = {"kind": kind, "start": "2026-11-10T12:00:00Z", "ramp_minutes": 1, "hold_minutes": 59}
        traffic = {"monthly_visitors": {"europe": 1_000}, "events": [event]}
        scenario = scenario_of(traffic=traffic, constraints={"instance_families": ["m7g"]})
        designs = SERVICE.designs(scenario, rising_hourly())
        raised = [design for design in designs if design.scheduled and design.instance.size == "large"]
        assert len(raised) == known
        for design in raised:
            up, down = design.scheduled
            assert up.at == datetime(2026, 11, 10, 11, 45, tzinfo=UTC)
            # 2 000 x 12 ms = 24 m5 vCPUs, on 2 x 1.45 at 70 %: 12 instances.
            assert (up.min_size, down.min_size) == (12, 2)
            assert down.at > datetime(2026, 11, 10, 13, 0, tzinfo=UTC)

    def test_a_slow_bootstrap_brings_a_warm_pool(self):
        slow = {"bootstrap_s": 180}
        assert any("warm pool" in label for label in self.labels(rising_hourly(), api=slow))
        assert not any("warm pool" in label for label in self.labels(rising_hourly()))

    def test_spot_only_where_it_is_allowed_and_there_is_something_above_the_base(self):
        assert sum("spot above 2" in label for label in self.labels(rising_hourly())) == 2
        assert not any("spot" in label for label in self.labels(demand_of(1)))
        forbidden = {"constraints": {"instance_families": ["m7g"]}}
        assert not any("spot" in label for label in self.labels(rising_hourly(), **forbidden))

    def test_types_that_stand_in_are_as_large_and_as_fast(self):
        families = ["c6g", "m6g", "c7g", "m7g", "c7i"]
        scenario = scenario_of(constraints={"instance_families": families, "spot": True})
        designs = SERVICE.designs(scenario, rising_hourly())
        types = {one.spot.types[0].family: [t.family for t in one.spot.types] for one in designs if one.spot}
        assert types["c6g"] == ["c6g", "m6g", "c7g"]
        assert types["m7g"] == ["m7g"]
        assert types["c7i"] == ["c7i"]

    def test_standard_credits_where_the_peak_is_above_the_baseline(self):
        burstable = {"constraints": {"instance_families": ["t4g"]}}
        assert any("standard credits" in label for label in self.labels(demand_of(200), **burstable))
        assert not any("standard credits" in label for label in self.labels(demand_of(5), **burstable))


def test_terraform_says_what_a_policy_decides():
    at = datetime(2026, 11, 27, 12, 45, tzinfo=UTC)
    fleet = fleet_of(
        target_requests_per_minute=6_000,
        forecasts=True,
        scheduled=(NewMinimum(at, 12), NewMinimum(at + timedelta(hours=2), 2)),
        spot=SpotShare((instance_type("m5.large"), instance_type("m6i.large")), 0.1, 1),
    )
    (variable,) = fleet.terraform()
    values = {attribute.name: attribute.value for attribute in variable.attributes}
    assert "target_cpu_percent" not in values
    assert values["target_requests_per_target"] == 6_000
    assert (values["predictive_scaling_mode"], values["scheduling_buffer_time"]) == ("ForecastAndScale", 300)
    assert values["scheduled_min_sizes"] == ("2026-11-27T12:45:00Z=12", "2026-11-27T14:45:00Z=2")
    assert values["on_demand_base_capacity"] == 2
    assert values["on_demand_percentage_above_base_capacity"] == 25
    assert values["spot_allocation_strategy"] == "price-capacity-optimized"
    assert values["override_instance_types"] == ("m5.large", "m6i.large")
    (variable,) = fleet_of(warm_pool=True).terraform()
    assert {a.name: a.value for a in variable.attributes}["warm_pool_state"] == "Stopped"


def test_terraform_speaks_the_module_inputs():
    (variable,) = fleet_of("t4g.large", min_size=3, max_size=9).terraform()
    values = {attribute.name: attribute.value for attribute in variable.attributes}
    assert variable.name == "autoscaling"
    assert values == {
        "name": "web",
        "instance_type": "t4g.large",
        "min_size": 3,
        "max_size": 9,
        "desired_capacity": 3,
        "target_cpu_percent": 50.0,
        "default_instance_warmup": 300,
        "volume_size": 20,
        "volume_type": "gp3",
        "enable_monitoring": True,
        "health_check_type": "ELB",
        "cpu_credits": "unlimited",
    }


def test_recovery_is_detection_and_boot():
    """60 s of failed checks and 97 s of boot."""
    assert fleet_of().reliability.rto_minutes == pytest.approx(157 / 60)


@st.composite
def busy_days(draw):
    """Calls per second by hour of the first two days, quiet afterwards."""
    rate = np.zeros(MINUTES)
    hours = draw(st.lists(st.floats(0, 5_000), min_size=48, max_size=48))
    rate[: 48 * 60] = np.repeat(hours, 60)
    return rate


@given(rate=busy_days(), name=st.sampled_from(["m7g.large", "c7i.xlarge", "t4g.medium"]))
@settings(max_examples=10, deadline=None)
def test_any_load_gives_sane_and_repeatable_results(rate, name):
    fleet, demand = fleet_of(name), demand_of(rate, 0.0005)
    capacity = fleet.simulate(demand)
    again = fleet.simulate(demand_of(rate, 0.0005))
    assert capacity.latency == again.latency
    np.testing.assert_array_equal(capacity.servers, again.servers)
    assert np.all(capacity.failed_requests <= capacity.requests)
    assert np.isfinite([capacity.servers.sum(), capacity.utilisation.sum(), capacity.latency.p99_ms]).all()
    for usage in fleet.usage(demand, capacity):
        assert usage.consumed_quantity >= 0
        assert float(usage.consumed_quantity) == pytest.approx(usage.daily_quantity.sum(), abs=1e-6)


@given(rate=busy_days(), factor=st.floats(1, 5))
@settings(max_examples=10, deadline=None)
def test_more_load_costs_less_only_within_the_dead_band(rate, factor):
    """The group does nothing between 0.7 of its target and the target, so history may cost up to 30 %."""
    fleet = fleet_of("c7i.large", max_size=60)
    less, more = demand_of(rate), demand_of(rate * factor)
    hours = [
        float(fleet.usage(demand, fleet.simulate(demand))[0].consumed_quantity) for demand in (less, more)
    ]
    assert hours[1] >= 0.7 * hours[0]
