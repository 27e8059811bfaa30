from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from costmodel.capacity.boot import boot_minutes, start_minutes
from costmodel.capacity.instances import instance_type
from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.scenario.model import Scenario
from costmodel.services._base import Role
from costmodel.services.ec2 import SERVICE as EC2
from costmodel.services.rendering import (
    GPU_WORKERS,
    SERVICE,
    Ec2Workers,
    LambdaWorkers,
    NoRendering,
    Worker,
)

DAY = 1_440
MINUTES = 30 * DAY


def demand_of(jobs_per_minute):
    """November 2026 with the given rendering jobs in every minute: one a page view."""
    calendar = Calendar.of(BillingPeriod(2026, 11), 1)
    pages = np.broadcast_to(np.asarray(jobs_per_minute, float), (1, calendar.minutes))
    fan_out = FanOut(0, 0, 0, 0, 1.0, 1024, 8192, 0.1, 2.0, 0.5, 1.0, 0.2)
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


def workers_of(**changes):
    """c6g.large: 2 vCPU at 1.15 m5, 4 GB. A job needs 3 GB, so one at a time has both: 8 / 2.3 s."""
    scenario = scenario_of()
    values = {
        "region_id": "eu-west-1",
        "worker": Worker.of(instance_type("c6g.large")),
        "spot": False,
        "min_size": 0,
        "max_size": 4,
        "backlog_per_instance": 50.0,
        "zones": 2,
        "vcpu_quota": 640,
        "quota_key": "account.ec2_vcpus",
        "reclaimed_ratio": 0.15,
        "seed": 1,
        "api": scenario.api,
        "rendering": scenario.rendering,
    }
    return Ec2Workers(**(values | changes))


def function_of(**changes):
    scenario = scenario_of()
    values = {
        "region_id": "eu-west-1",
        "architecture": "x86_64",
        "maximum_concurrency": 100,
        "api": scenario.api,
        "rendering": scenario.rendering,
    }
    return LambdaWorkers(**(values | changes))


def rendering_of(**fields):
    return scenario_of(rendering=fields).rendering


def quantities(design, demand):
    usages = design.usage(demand, design.simulate(demand))
    return {usage.meter.query.usage_type: usage.consumed_quantity for usage in usages}


def broken(capacity):
    return {limit.constraint for limit in capacity.limits if limit.broken}


class TestWorker:
    def test_jobs_share_the_cpus_of_an_instance(self):
        """c6g.large holds one job of 3 GB; m6g.xlarge (4 vCPU, 16 GB) one a vCPU; of 7 GB two, with 2 vCPUs each."""
        assert workers_of().job_s == pytest.approx(8 / (2 * 1.15))
        large = Worker.of(instance_type("m6g.xlarge"))
        assert large.slots(rendering_of()) == 4
        assert workers_of(worker=large).job_s == pytest.approx(8 / 1.15)
        heavy = rendering_of(memory_gb_per_job=7)
        assert large.slots(heavy) == 2
        assert workers_of(worker=large, rendering=heavy).job_s == pytest.approx(8 / (2 * 1.15))

    def test_a_gpu_takes_one_job_at_a_time(self):
        """15 m5 vCPUs a GPU: 8 / 15 s. Where the GPU is of no use, the four vCPUs render."""
        (gpu,) = GPU_WORKERS
        assert workers_of(worker=gpu).job_s == pytest.approx(8 / 15)
        assert workers_of(worker=gpu, rendering=rendering_of(gpu_speedup=0)).job_s == pytest.approx(2)


class TestEc2:
    def test_a_job_a_day_wakes_a_worker_for_a_quarter_of_an_hour(self):
        """A worker runs for 16 minutes (see tests/capacity/test_jobs.py), 30 times: 8 hours.

        Its slot is free for 14 minutes, less a job of 3.478 s: 30 x (42 - 0.1739 polls) and 3 requests a job.
        """
        jobs = np.zeros(MINUTES)
        jobs[600::DAY] = 1
        found = quantities(workers_of(), demand_of(jobs))
        assert found["BoxUsage:c6g.large"] == 8
        assert float(found["EBS:VolumeUsage.gp3"]) == pytest.approx(20 * 8 / 720, abs=1e-8)
        assert float(found["Requests-Tier1"]) == pytest.approx(30 * (42 - 3.478 / 20 + 3), abs=1)

    def test_spot_has_a_meter_of_its_own(self):
        found = quantities(workers_of(spot=True, min_size=1), demand_of(0.01))
        assert set(found) == {"SpotUsage:c6g.large", "EBS:VolumeUsage.gp3", "Requests-Tier1"}

    def test_reclaims_make_work_twice(self):
        """With 95 % reclaimed in a month and two pools, one job of an hour is lost on the way, and begun again."""
        long = rendering_of(cpu_s_per_job=8_280, deadline_minutes=600)
        jobs = np.zeros(MINUTES)
        jobs[24::50] = 1
        demand = demand_of(jobs)
        calm, rough = (workers_of(spot=True, rendering=long, reclaimed_ratio=ratio) for ratio in (0.0, 0.95))
        runs = [design._run(demand) for design in (calm, rough)]
        assert runs[0].retried.sum() == 0
        assert runs[1].retried.sum() == pytest.approx(1)
        assert runs[1].started.sum() - runs[0].started.sum() == pytest.approx(
            runs[1].retried.sum() - runs[1].left_jobs + runs[0].left_jobs
        )
        reads = rough.footprint(demand, rough.simulate(demand)).origin_requests.sum()
        assert reads == pytest.approx(runs[1].started.sum())

    def test_footprint_of_a_busy_month(self):
        """1 job a minute: 1 440 a day, a log of 0.5 KB and a read each, a picture each; 2 KB a request through NAT."""
        design, demand = workers_of(min_size=1), demand_of(1)
        footprint = design.footprint(demand, design.simulate(demand))
        assert footprint.origin_requests[5] == pytest.approx(1_440)
        assert footprint.asset_writes[5] == 1_440
        assert footprint.log_gb[5] == pytest.approx(1_440 * 0.5 / 2**20)
        assert footprint.monitored_instance_hours[5] == 24
        # One slot is free for 1 440 - 1 440 x 3.478 / 60 = 1 356.5 minutes of the day: 3 polls each.
        assert footprint.outside_gb[5] == pytest.approx((3 * 1_440 + 3 * 1_356.52) * 2 / 2**20, rel=1e-4)
        assert footprint.private_subnets
        assert footprint.alarms == 2

    def test_limits(self):
        busy = demand_of(10)
        assert broken(workers_of(max_size=4).simulate(busy)) == set()
        assert broken(workers_of(max_size=4, vcpu_quota=1).simulate(busy)) == {
            "EC2 vCPU quota of the account"
        }
        heavy = rendering_of(memory_gb_per_job=3.5)
        assert broken(workers_of(rendering=heavy).simulate(busy)) == {"memory of a worker with a job"}
        endless = rendering_of(cpu_s_per_job=86_400, deadline_minutes=10_080)
        slow = Worker("t0.slow", 1, 8.0, 1.0)
        found = broken(
            workers_of(worker=slow, rendering=endless, backlog_per_instance=1.0, max_size=9).simulate(
                demand_of(0.001)
            )
        )
        assert found == {"time of a rendering job"}

    def test_a_job_of_more_than_a_function_holds_runs_on_an_instance(self):
        """12 GB and the system fit into the 16 GB of an m6g.xlarge."""
        heavy = rendering_of(memory_gb_per_job=12)
        worker = Worker.of(instance_type("m6g.xlarge"))
        assert broken(workers_of(worker=worker, rendering=heavy).simulate(demand_of(1))) == set()

    def test_too_few_workers_are_late(self):
        """One worker does 17.25 jobs a minute; 30 come."""
        capacity = workers_of(max_size=1).simulate(demand_of(30))
        assert broken(capacity) == {"late rendering jobs"}
        assert capacity.limits[0].observed > 0.9
        assert capacity.limits[0].key == "rendering.deadline_minutes"
        assert capacity.saturation_requests_per_s == pytest.approx(17.25 / 60)

    def test_latency_is_the_time_until_a_job_is_done(self):
        capacity = workers_of(min_size=2, max_size=2).simulate(demand_of(2))
        assert capacity.latency.p99_ms == pytest.approx(8_000 / 2.3)

    def test_terraform(self):
        queue, workers = workers_of(spot=True).terraform()
        values = {attribute.name: attribute.value for attribute in workers.attributes}
        assert (queue.name, workers.name) == ("rendering_queue", "rendering_workers")
        assert values["on_demand_percentage_above_base_capacity"] == 0
        assert (values["min_size"], values["max_size"]) == (0, 4)
        assert {a.name: a.value for a in queue.attributes}["create"] is True


class TestLambda:
    def test_memory_is_what_a_job_needs_and_all_its_vcpus_work(self):
        """3 GB = 3 072 MB are 1.7366 vCPUs: 8 s of work take 4.607 s."""
        assert function_of().memory_mb == 3072
        assert function_of().job_s == pytest.approx(8 * 1769 / 3072)
        assert function_of(architecture="arm64").job_s == pytest.approx(8 * 1769 / 3072 / 1.15)

    @pytest.mark.parametrize(("memory_gb", "refused"), [(10, False), (10.01, True), (12, True)])
    def test_a_job_that_no_function_holds_is_refused(self, memory_gb, refused):
        heavy = function_of(rendering=rendering_of(memory_gb_per_job=memory_gb))
        assert ("memory of a function with a job" in broken(heavy.simulate(demand_of(1)))) is refused

    def test_month(self, monkeypatch):
        """6 jobs a minute are 259 200 of 4 607 ms, rounded up by half a millisecond, on 3 GB.

        The queue sees 3 requests each and 5 pollers that ask 3 times a minute: 777 600 + 648 000.
        """
        monkeypatch.setattr("costmodel.services.rendering.cold_start_ratio", lambda *_: 0.0)
        found = quantities(function_of(), demand_of(6))
        assert found["Request"] == Decimal(259_200)
        assert float(found["Lambda-GB-Second"]) == pytest.approx(
            259_200 * 3 * (8 * 1769 / 3072 + 0.0005), rel=1e-7
        )
        assert found["Requests-Tier1"] == Decimal(777_600 + 648_000)

    def test_jobs_wait_beyond_the_maximum_concurrency(self):
        """2 at once do 26 a minute; 20 come, then 40."""
        assert broken(function_of(maximum_concurrency=2).simulate(demand_of(20))) == set()
        assert broken(function_of(maximum_concurrency=2).simulate(demand_of(40))) == {"late rendering jobs"}

    def test_a_job_of_more_than_fifteen_minutes(self):
        long = rendering_of(cpu_s_per_job=1_600, deadline_minutes=60)
        assert broken(function_of(rendering=long).simulate(demand_of(0.1))) == {"time of a rendering job"}

    def test_it_stands_outside_the_network(self):
        design, demand = function_of(), demand_of(1)
        footprint = design.footprint(demand, design.simulate(demand))
        assert not footprint.private_subnets
        assert not footprint.outside_gb.any()
        assert footprint.vended_log_gb[0] == pytest.approx(1_440 * 0.5 / 2**20)

    def test_terraform(self):
        """Ten times 4.6 s are 47 s, and the queue hides a message for six times that."""
        queue, function = function_of().terraform()
        values = {attribute.name: attribute.value for attribute in function.attributes}
        assert (values["memory_size"], values["timeout"], values["maximum_concurrency"]) == (3072, 47, 100)
        assert {a.name: a.value for a in queue.attributes}["visibility_timeout_seconds"] == 282


class TestDesigns:
    def test_functions_and_groups(self):
        found = SERVICE.designs(scenario_of(), demand_of(1))
        assert [design.label for design in found] == [
            "rendering on Lambda 3072 MB x86_64",
            "rendering on Lambda 3072 MB arm64",
            "rendering on 0 to 2 c7g.large on demand",
            "rendering on 0 to 2 m7g.large on demand",
            "rendering on 0 to 2 g4dn.xlarge on demand",
            "rendering on 0 to 2 c7g.large spot",
            "rendering on 0 to 2 m7g.large spot",
            "rendering on 0 to 2 g4dn.xlarge spot",
        ]
        assert {design.role for design in found} == {Role.RENDERING}

    def test_kinds_may_be_left_out(self):
        only = scenario_of(constraints={"rendering": ["spot_workers"]}, rendering={"gpu_speedup": 0})
        assert {design.kind for design in SERVICE.designs(only, demand_of(1))} == {"spot_workers"}
        assert len(SERVICE.designs(only, demand_of(1))) == 2

    def test_burstable_families_do_not_render(self):
        assert self.types_of(["t4g", "m7g"]) == {"m7g.large"}

    def test_only_allowed_families_render_with_and_without_gpus(self):
        assert self.types_of(["m7g", "g4dn"]) == {"m7g.large", "g4dn.xlarge"}
        assert self.types_of(["g4dn"]) == {"g4dn.xlarge"}
        assert self.types_of(["t4g"]) == set()

    def types_of(self, families):
        """Types of the workers when only these families are allowed."""
        scenario = scenario_of(constraints={"instance_families": families})
        return {d.worker.name for d in SERVICE.designs(scenario, demand_of(1)) if isinstance(d, Ec2Workers)}

    def test_the_target_is_half_of_what_the_deadline_leaves(self):
        """c7g.large does 2.9 x 60 / 8 = 21.75 jobs a minute. A launch takes 4 minutes until the alarm and 2 to boot,
        a job 2.76 s: 15 - 6 - 0.046 = 8.954 minutes are left, half of them at 21.75 a minute are 97.37 jobs.
        """
        design = next(d for d in SERVICE.designs(scenario_of(), demand_of(1)) if isinstance(d, Ec2Workers))
        assert design.backlog_per_instance == pytest.approx(97.37, abs=0.01)

    def test_without_time_for_a_launch_the_group_is_kept(self):
        """Within 5 minutes nobody boots: 60 jobs a minute need 2.76, so 3, and half as many again, always on."""
        scenario = scenario_of(rendering={"deadline_minutes": 5})
        design = next(d for d in SERVICE.designs(scenario, demand_of(60)) if isinstance(d, Ec2Workers))
        assert (design.min_size, design.max_size) == (5, 5)
        assert broken(design.simulate(demand_of(60))) == set()

    def test_larger_instances_where_many_small_ones_were_needed(self):
        """1 000 jobs a minute need 46 c7g.large, or 23 c7g.xlarge."""
        design = next(
            d for d in SERVICE.designs(scenario_of(), demand_of(1_000)) if isinstance(d, Ec2Workers)
        )
        assert (design.worker.name, design.max_size) == ("c7g.xlarge", 35)

    def test_what_is_looked_at_holds_a_sale(self):
        """Ten times the load for two hours, within a quarter of an hour: every group keeps its deadline."""
        jobs = np.full(MINUTES, 2.0)
        jobs[10 * DAY : 10 * DAY + 120] = 20.0
        demand = demand_of(jobs)
        for design in SERVICE.designs(scenario_of(), demand):
            assert broken(design.simulate(demand)) == set(), design.label

    def test_no_jobs_no_queue(self):
        (nothing,) = SERVICE.designs(scenario_of(), demand_of(0))
        assert nothing == NoRendering()
        capacity = nothing.simulate(demand_of(0))
        assert nothing.usage(demand_of(0), capacity) == ()
        assert broken(capacity) == set()
        assert broken(nothing.simulate(demand_of(1))) == {"rendering jobs without a worker"}

    def test_a_job_that_may_come_has_a_queue(self):
        """One job in 23 months is expected, and none comes in this one."""
        demand = demand_of(1e-6)
        assert not demand.render_jobs.any()
        assert len(SERVICE.designs(scenario_of(), demand)) == 8

    def test_the_fleet_of_the_api_no_longer_renders(self):
        """Its designs are the same with and without jobs."""
        scenario = scenario_of()
        with_jobs = demand_of(100)
        without = replace(with_jobs, fan_out=replace(with_jobs.fan_out, render_jobs_per_page_view=0.0))
        assert EC2.designs(scenario, with_jobs) == EC2.designs(scenario, without)


def test_workers_do_not_wait_for_a_load_balancer():
    """Launch 7 s, system 15 s, bootstrap 90 s: 112 s are 2 minutes. With the 15 s of a health check they would be 3."""
    api = scenario_of(api={"bootstrap_s": 90}).api
    assert (start_minutes(90.0), boot_minutes(90.0)) == (2, 3)
    assert workers_of(api=api).group.boot_minutes == 2
