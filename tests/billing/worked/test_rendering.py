"""Worked bills of rendering: the queue, and the workers that take jobs from it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from costmodel.billing.charge import to_cents
from costmodel.capacity.concurrency import ConcurrencyRun
from costmodel.capacity.instances import instance_type
from costmodel.demand.demand import Demand
from costmodel.services import lambda_, rendering
from costmodel.services._base import Usage
from costmodel.services.lambda_ import LambdaFunction
from costmodel.services.rendering import GPU_WORKERS, Ec2Workers, LambdaWorkers, NoRendering, Worker
from shops.calls import MINUTES_OF_NOVEMBER, demand_of_calls, scenario_of_calls
from shops.till import billed, billed_cents, cents

D = Decimal


def used_by_workers(demand: Demand, **changes: Any) -> tuple[Usage, ...]:
    """What none to four c7g.large in Ireland used; they do 21.75 jobs of 8 s of work a minute each."""
    scenario = scenario_of_calls()
    settings = {
        "region_id": "eu-west-1",
        "worker": Worker.of(instance_type("c7g.large")),
        "spot": False,
        "min_size": 0,
        "max_size": 4,
        "backlog_per_instance": 100.0,
        "zones": 2,
        "vcpu_quota": 640,
        "quota_key": "account.ec2_vcpus",
        "reclaimed_ratio": 0.0,
        "seed": 1,
        "api": scenario.api,
        "rendering": scenario.rendering,
    }
    workers = Ec2Workers(**(settings | changes))
    return workers.usage(demand, workers.simulate(demand))


def test_a_worker_that_sleeps_is_not_paid() -> None:
    """A job a day wakes one for 16 minutes: 30 x 16 / 60 = 8 h x 0.0775 = 0.62.

    Its volume stands for 8 of 720 h: 20 GB x 8 / 720 x 0.088 = 0.019556. The queue's requests are free.
    """
    calls_per_s = np.zeros(MINUTES_OF_NOVEMBER)
    calls_per_s[600::1440] = 1 / 60
    total = billed_cents(used_by_workers(demand_of_calls(calls_per_s, jobs_per_call=1.0)))
    assert total == to_cents(D("0.62") + D("0.019556")) == D("0.64")


def test_spot_workers_pay_what_the_spot_advisor_lets_expect() -> None:
    """Two c7g.large for 720 h: on demand 1 440 x 0.0775 = 111.60; spot 52 % less, 1 440 x 0.0372 = 53.568.

    Their volumes cost the same: 40 GB x 0.088 = 3.52.
    """
    idle = demand_of_calls(0.0)
    on_demand = used_by_workers(idle, min_size=2)
    spot = used_by_workers(idle, min_size=2, spot=True)
    assert billed_cents(on_demand) == to_cents(D("111.60") + D("3.52")) == D("115.12")
    assert billed_cents(spot) == to_cents(D("53.568") + D("3.52")) == D("57.09")
    charges = {charge.sku_meter: charge for charge in billed(spot).charges}
    assert charges["Spot instance hours"].pricing_category == "Dynamic"
    assert "52 %" in charges["Spot instance hours"].charge_description


def test_a_gpu_has_its_own_rate() -> None:
    """One g4dn.xlarge in Ireland for 720 h: 720 x 0.587 = 422.64; spot 54 % less: 720 x 0.27002 = 194.4144.

    A volume of 20 GB x 0.088 = 1.76.
    """
    idle = demand_of_calls(0.0)
    of_gpu = {"worker": GPU_WORKERS[0], "min_size": 1}
    assert billed_cents(used_by_workers(idle, **of_gpu)) == to_cents(D("422.64") + D("1.76")) == D("424.40")
    spot = billed_cents(used_by_workers(idle, spot=True, **of_gpu))
    assert spot == to_cents(D("194.4144") + D("1.76")) == D("196.17")


def test_every_call_of_the_queue_is_a_request() -> None:
    """Two kept workers of two slots each (m7g.large, 1 GB a job) do 20 jobs a minute.

    A job has both slots' share for 2 x 8 / 2.9 = 5.517 s. 864 000 jobs: a send, a receive and a delete each are
    2 592 000 requests. 4 slots are free for 4 x 43 200 - 864 000 x 0.09195 = 93 351.7 minutes, and a free
    slot asks every 20 s: 280 055 requests. Less a million, 1 872 055 x 0.40 a million = 0.748822.
    """
    light = scenario_of_calls(rendering={"memory_gb_per_job": 1}).rendering
    usages = used_by_workers(
        demand_of_calls(20 / 60, jobs_per_call=1.0),
        worker=Worker("m7g.large", 2, 8.0, 2.9),
        rendering=light,
        min_size=2,
        max_size=2,
    )
    (requests,) = (usage for usage in usages if usage.meter.name == "Queue requests")
    assert requests.consumed_quantity == 2_592_000 + 280_055
    assert billed([requests]).billed_cost == 1_872_055 * D("0.0000004") == D("0.748822")


def test_the_queue_has_a_million_free_requests_and_three_tiers() -> None:
    """3 million in Frankfurt: 2 million x 0.40 = 0.80. 250 billion in Virginia: 99 999 million x 0.40 = 39 999.60,
    100 000 million x 0.30 = 30 000 and 50 000 million x 0.24 = 12 000.
    """
    line = "- {service: AWSQueueService, region: %s, meter: Requests-Tier1, quantity: %d}"
    assert cents(line % ("eu-central-1", 3_000_000)) == D("0.80")
    assert cents(line % ("us-east-1", 250 * 10**9)) == D("39999.60") + 30_000 + 12_000


def test_the_free_million_is_shared_by_regions() -> None:
    """Half a million in each of four regions: two million, of which one is free, x 0.40."""
    line = "      - {service: AWSQueueService, region: %s, meter: Requests-Tier1, quantity: 500000}\n"
    regions = ("us-east-1", "eu-west-1", "ap-south-1", "sa-east-1")
    assert cents("".join(line % region for region in regions)) == D("0.40")


def function_of(**changes: Any) -> LambdaWorkers:
    """3 GB on x86 in Ireland; a job takes 4 s there."""
    scenario = scenario_of_calls(rendering={"cpu_s_per_job": 4 * 3072 / 1769})
    settings = {
        "region_id": "eu-west-1",
        "architecture": "x86_64",
        "maximum_concurrency": 100,
        "api": scenario.api,
        "rendering": scenario.rendering,
    }
    return LambdaWorkers(**(settings | changes))


def test_pollers_ask_an_empty_queue() -> None:
    """Lambda's five pollers ask every 20 s: 5 x 3 x 43 200 = 648 000 requests. Without a free tier 0.2592."""
    workers, idle = function_of(), demand_of_calls(0.0)
    usages = workers.usage(idle, workers.simulate(idle))
    assert billed_cents(usages) == 0
    assert billed_cents(usages, free_tier=False) == to_cents(D("0.2592")) == D("0.26")


def test_rendering_and_calls_share_one_free_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    """The allowance belongs to the account, not to a function.

    259 200 000 calls x 11 ms x 1 GB = 2 851 200 GB-s. 259 200 jobs on 3 GB take 4 000 ms in the mean,
    spread exponentially, so 4 000.500021 ms rounded up: 777 600 GB x 4.000500021 s = 3 110 788.8162 GB-s.
    (5 961 988.8162 - 400 000) x 0.0000166667 = 92.699999; 258 459 200 requests x 0.20 a million = 51.69184.
    The queue: 3 x 259 200 + 648 000 = 1 425 600 requests, less a million, x 0.40 a million = 0.17024.
    """

    def steady(requests: Any, *_: object, **__: object) -> ConcurrencyRun:
        none = np.zeros_like(requests)
        return ConcurrencyRun(none, none, none, none)

    monkeypatch.setattr(lambda_, "run_concurrency", steady)
    monkeypatch.setattr(rendering, "cold_start_ratio", lambda *_: 0.0)
    scenario = scenario_of_calls(
        api={"cpu_ms_per_call": 0.001, "wait_ms_per_call": 5.499},
        database={"reads_per_call": 2, "writes_per_call": 0.5},
    )
    calls = LambdaFunction("eu-west-1", 1024, "x86_64", 0, 900, 2, scenario.api, scenario.database)
    jobs, demand = function_of(), demand_of_calls(100, jobs_per_call=0.001)
    usages = [usage for design in (calls, jobs) for usage in design.usage(demand, design.simulate(demand))]
    assert billed_cents(usages) == to_cents(D("92.699999") + D("51.69184") + D("0.17024")) == D("144.56")


def test_no_jobs_cost_nothing() -> None:
    """No queue is made, so nobody asks it."""
    nothing, idle = NoRendering(), demand_of_calls(100)
    assert nothing.usage(idle, nothing.simulate(idle)) == ()
