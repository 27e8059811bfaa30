import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.cold_starts import INIT_TIMES, cold_start_ratio
from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.scenario.model import Scenario
from costmodel.services.lambda_ import SERVICE, LambdaFunction

MINUTES = 30 * 1440
DAY = 1440


def demand_of(requests_per_s, jobs_per_call=0.0, response_bytes=8 * 1024):
    """November 2026 with the given API calls per second in every minute."""
    calendar = Calendar.of(BillingPeriod(2026, 11), 1)
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
        "api": {"cpu_ms_per_call": 10, "wait_ms_per_call": 5.5},
        "database": {"reads_per_call": 2, "writes_per_call": 0.5},
    }
    return Scenario(**(values | parts))


def function_of(**changes):
    scenario = scenario_of()
    values = {
        "region_id": "eu-west-1",
        "memory_mb": 1769,
        "architecture": "x86_64",
        "provisioned_concurrency": 0,
        "concurrency_quota": 1_000,
        "zones": 2,
        "api": scenario.api,
        "database": scenario.database,
    }
    return LambdaFunction(**(values | changes))


def quantities(function, demand):
    usages = function.usage(demand, function.simulate(demand))
    return {(usage.resource_name, usage.meter.query.usage_type): usage.consumed_quantity for usage in usages}


def broken(capacity):
    return {limit.constraint for limit in capacity.limits if limit.broken}


class TestDuration:
    @pytest.mark.parametrize(
        ("memory_mb", "architecture", "cpu_ms"),
        [
            (1769, "x86_64", 10.0),
            (3008, "x86_64", 10.0),
            (512, "x86_64", 10 * 1769 / 512),
            (1769, "arm64", 10 / 1.15),
        ],
    )
    def test_memory_buys_speed_up_to_one_vcpu(self, memory_mb, architecture, cpu_ms):
        function = function_of(memory_mb=memory_mb, architecture=architecture)
        assert function.cpu_ms == pytest.approx(cpu_ms)
        # 5.5 ms for others and 2.5 accesses of the database at 2 ms.
        assert function.duration_s == pytest.approx((5.5 + 5 + cpu_ms) / 1000)


class TestBilling:
    def test_steady_month(self):
        """100 calls/s for 30 days are 259 200 000; each 10.5 ms and an exponential 10 ms.

        Rounded up, the mean is 11 + exp(-0.05) / (1 - exp(-0.1)) = 20.99583 ms on 1.7275390625 GB.
        """
        found = quantities(function_of(), demand_of(100))
        assert found["api", "Request"] == Decimal(259_200_000)
        call_ms = 11 + math.exp(-0.05) / (1 - math.exp(-0.1))
        assert call_ms == pytest.approx(20.99583, abs=1e-5)
        cold_ms = cold_start_ratio(100, 0.0205) * (2.5 * INIT_TIMES["x86_64"]["nodejs22.x"].mean_ms)
        expected = 259_200_000 * (call_ms + cold_ms) / 1000 * 1769 / 1024
        assert float(found["api", "Lambda-GB-Second"]) == pytest.approx(expected, rel=1e-8)

    def test_arm_has_meters_of_its_own(self):
        found = quantities(function_of(architecture="arm64", provisioned_concurrency=1), demand_of(1))
        assert {usage_type for _, usage_type in found} == {
            "Request-ARM",
            "Lambda-GB-Second-ARM",
            "Lambda-Provisioned-Concurrency-ARM",
            "Lambda-Provisioned-GB-Second-ARM",
        }

    def test_provisioned_concurrency_is_paid_all_month_and_takes_the_calls(self):
        """50 x 1 GB x 2 592 000 s. With 2.7 busy on average no call is left for on demand."""
        found = quantities(function_of(memory_mb=1024, provisioned_concurrency=50), demand_of(100))
        assert found["api", "Lambda-Provisioned-Concurrency"] == Decimal(129_600_000)
        cpu_ms = 10 * 1769 / 1024
        call_ms = 11 + math.exp(-0.5 / cpu_ms) / (1 - math.exp(-1 / cpu_ms))
        assert float(found["api", "Lambda-Provisioned-GB-Second"]) == pytest.approx(
            259_200_000 * call_ms / 1000, rel=1e-9
        )
        assert float(found["api", "Lambda-GB-Second"]) == pytest.approx(0, abs=1e-3)

    def test_a_step_bills_its_initialisations(self):
        """From 1 000 to 4 000 calls/s: 20.5 to 82 busy, (82 + 3 sqrt 82) - (20.5 + 3 sqrt 20.5) = 75.08 starts."""
        rate = np.full(MINUTES, 1_000.0)
        rate[10 * DAY :] = 4_000.0
        function = function_of()
        steady = quantities(function, demand_of(1_000)), quantities(function, demand_of(4_000))
        without = float(steady[0]["api", "Lambda-GB-Second"]) / 3
        without += float(steady[1]["api", "Lambda-GB-Second"]) * 2 / 3
        found = float(quantities(function, demand_of(rate))["api", "Lambda-GB-Second"])
        starts = (82 + 3 * math.sqrt(82)) - (20.5 + 3 * math.sqrt(20.5))
        init_s = (2.5 * INIT_TIMES["x86_64"]["nodejs22.x"].mean_ms) / 1000
        assert found - without == pytest.approx(starts * init_s * 1769 / 1024, rel=1e-3)

    def test_throttled_calls_are_not_billed(self):
        """A quota of 10 starts 100 calls a second; 300 arrive."""
        function = function_of(concurrency_quota=10)
        demand = demand_of(300)
        capacity = function.simulate(demand)
        assert capacity.summary().error_ratio == pytest.approx(2 / 3)
        assert quantities(function, demand)["api", "Request"] == Decimal(86_400_000 * 3)


class TestCapacity:
    def test_saturation_is_the_tighter_of_concurrency_and_rate(self):
        """20.5 ms on 1 000 environments would be 48 780/s, but the account may start 10 000/s."""
        assert function_of().simulate(demand_of(1)).saturation_requests_per_s == 10_000
        slow = function_of(memory_mb=512)
        slow = replace(slow, api=slow.api.model_copy(update={"wait_ms_per_call": 500.0}))
        assert slow.simulate(demand_of(1)).saturation_requests_per_s == pytest.approx(1_000 / slow.duration_s)

    def test_latency_leaves_the_database_out(self):
        latency = function_of().simulate(demand_of(1_000)).latency
        assert latency.p95_ms == pytest.approx(5.5 + 10 * math.log(20), rel=1e-3)

    def test_rare_calls_are_cold(self):
        """One call every 50 minutes: exp(-360 / 3000) = 88.7 % wait for a start of 365 ms at the median."""
        latency = function_of().simulate(demand_of(1 / 3_000)).latency
        assert latency.p50_ms == pytest.approx(5.5 + 365, rel=0.05)

    def test_connections_are_the_busiest_moment(self):
        """2.05 busy + 3 x sqrt(2.05) = 6.35, so 7; provisioned environments connect all the time."""
        assert function_of().simulate(demand_of(100)).peak_connections == 7
        ready = function_of(provisioned_concurrency=50).simulate(demand_of(100))
        assert ready.peak_connections == 50

    def test_no_calls_at_all(self):
        capacity = function_of().simulate(demand_of(0))
        assert capacity.summary().error_ratio == 0
        assert capacity.latency.p99_ms == 0
        assert capacity.saturation_requests_per_s == 10_000


class TestLimits:
    def test_ordinary_shop_breaks_none(self):
        assert broken(function_of().simulate(demand_of(100, 0.0005))) == set()

    def test_large_bodies(self):
        capacity = function_of().simulate(demand_of(1, response_bytes=2 * 2**20))
        assert broken(capacity) == {"body between load balancer and function"}

    def test_slow_calls(self):
        api = scenario_of(api={"cpu_ms_per_call": 4_000}).api
        capacity = function_of(api=api, memory_mb=512).simulate(demand_of(1))
        assert broken(capacity) == {"time of an API call"}


def test_footprint_of_a_steady_month():
    """1 024 calls/s: 0.5 KB of log and 0.2 KB outside a call make 42.1875 and 16.875 GB a day."""
    function, demand = function_of(), demand_of(1024)
    footprint = function.footprint(demand, function.simulate(demand))
    assert footprint.vended_log_gb[0] == pytest.approx(42.1875)
    assert footprint.outside_gb[0] == pytest.approx(16.875)
    assert footprint.database_gb[0] == pytest.approx(1024 * 86_400 * 4.5 / 2**20)
    assert (footprint.alarms, footprint.public_ipv4_addresses) == (2, 0)
    assert not footprint.log_gb.any()


class TestDesigns:
    def test_memory_by_architecture_by_provisioning(self):
        designs = SERVICE.designs(scenario_of(), demand_of(100))
        assert len(designs) == 24
        assert len({design.label for design in designs}) == 24
        ready = {
            (d.memory_mb, d.architecture): d.provisioned_concurrency
            for d in designs
            if d.provisioned_concurrency
        }
        # 100/s x 20.5 ms = 2.05 busy, at the busiest moment 2.05 + 3 sqrt(2.05) = 6.35; at 512 MB
        # 45.05 ms: 4.505 + 3 sqrt(4.505) = 10.87; on arm64 40.55 ms: 4.055 + 3 sqrt(4.055) = 10.10.
        assert ready[1769, "x86_64"] == 7
        assert ready[512, "x86_64"] == 11
        assert ready[512, "arm64"] == 11

    def test_provisioned_concurrency_leaves_a_hundred_free(self):
        scenario = scenario_of(account={"lambda_concurrency": 105})
        designs = SERVICE.designs(scenario, demand_of(1_000))
        assert {design.provisioned_concurrency for design in designs} == {0, 5}
        tiny = scenario_of(account={"lambda_concurrency": 100})
        assert {d.provisioned_concurrency for d in SERVICE.designs(tiny, demand_of(1_000))} == {0}

    def test_provisioned_concurrency_may_follow_its_use(self):
        # Up to 100/s x 20.5 ms / 0.7 = 2.93 environments at 1769 MB; 45.05 ms: 6.44 at 512 MB.
        scaled = [d for d in SERVICE.designs(scenario_of(), demand_of(100)) if d.provisioned_scaling]
        most = {(d.memory_mb, d.architecture): d.provisioned_scaling.maximum for d in scaled}
        assert (most[1769, "x86_64"], most[512, "x86_64"]) == (3, 7)
        assert {d.provisioned_scaling.minimum for d in scaled} == {1}
        variables = {v.name: {a.name: a.value for a in v.attributes} for v in scaled[0].terraform()}
        assert variables["lambda"]["provisioned_concurrent_executions"] == 1
        assert variables["lambda_provisioned_scaling"] == {
            "min_capacity": 1,
            "max_capacity": 7,
            "target_value": 0.7,
        }

    def test_snap_start_where_it_is_free(self):
        java = scenario_of(api={"lambda_runtime": "java21"})
        found = [d for d in SERVICE.designs(java, demand_of(0.001)) if d.snap_start]
        assert len(found) == 8
        usual = replace(found[0], snap_start=False)
        demand = demand_of(0.001)
        # Nearly every call is cold: a restore of 500 ms in the place of 243 x 2.5 ms of INIT, and 135 ms billed.
        assert found[0].simulate(demand).latency.p50_ms < usual.simulate(demand).latency.p50_ms
        usages = quantities(found[0], demand)
        assert usages.keys() == quantities(usual, demand).keys()
        assert usages["api", "Lambda-GB-Second"] < quantities(usual, demand)["api", "Lambda-GB-Second"]
        for runtime in ("nodejs22.x", "python3.13"):
            scenario = scenario_of(api={"lambda_runtime": runtime})
            assert not any(d.snap_start for d in SERVICE.designs(scenario, demand))

    def test_a_tenth_of_the_quota_is_kept_for_functions_that_render(self):
        """1 000 less 100; not where only instances may render, nor without jobs."""
        instances_render = scenario_of(constraints={"rendering": ["ec2_workers"]})
        found = [
            {design.concurrency_quota for design in SERVICE.designs(scenario, demand)}
            for scenario, demand in [
                (scenario_of(), demand_of(1, 0.001)),
                (instances_render, demand_of(1, 0.001)),
                (scenario_of(), demand_of(1)),
            ]
        ]
        assert found == [{900}, {1_000}, {1_000}]

    def test_other_compute_excludes(self):
        assert SERVICE.designs(scenario_of(constraints={"compute": ["ec2"]}), demand_of(1)) == ()


def test_every_runtime_of_the_scenario_has_an_init_time():
    choices = scenario_of().api.__class__.model_fields["lambda_runtime"].annotation.__args__
    for table in INIT_TIMES.values():
        assert set(choices) == set(table)


def test_terraform_speaks_the_module_inputs():
    (api,) = function_of(provisioned_concurrency=8).terraform()
    values = {attribute.name: attribute.value for attribute in api.attributes}
    assert api.name == "lambda"
    assert values == {
        "memory_size": 1769,
        "timeout": 10,
        "runtime": "nodejs22.x",
        "architectures": ("x86_64",),
        "provisioned_concurrent_executions": 8,
    }


@given(hours=st.lists(st.floats(0.1, 20_000), min_size=24, max_size=24), factor=st.floats(1, 4))
@settings(max_examples=10, deadline=None)
def test_more_load_never_costs_less_and_everything_stays_sane(hours, factor):
    """Holds from one call every 10 seconds on: below, rarer calls are colder and cost more each."""
    rate = np.zeros(MINUTES) + 0.1
    rate[:DAY] = np.repeat(hours, 60)
    function = function_of(concurrency_quota=1_000_000)
    less, more = demand_of(rate, 0.0005), demand_of(rate * factor, 0.0005)
    capacity = function.simulate(more)
    assert np.all(capacity.failed_requests <= capacity.requests)
    assert np.isfinite([capacity.servers.sum(), capacity.utilisation.sum(), capacity.latency.p99_ms]).all()
    first, second = quantities(function, less), quantities(function, more)
    assert all(second[key] >= first[key] >= 0 for key in first)
    assert quantities(function, more) == second
