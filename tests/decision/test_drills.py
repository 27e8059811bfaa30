"""Drills against minute tables worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from costmodel.capacity.instances import instance_type
from costmodel.capacity.overload import Patience
from costmodel.decision.drills import (
    BUSIEST,
    FAILOVER,
    LAUNCHES_FAIL,
    MEAN,
    ZONE_LOST,
    busiest_minute,
    drill,
    mean_minute,
)
from costmodel.decision.run import Drill, ExpectedLoss
from costmodel.demand.demand import Demand
from costmodel.scenario.model import Scenario
from costmodel.services._base import TierDesign
from costmodel.services.dynamodb import OnDemandTable
from costmodel.services.ec2 import Ec2Fleet
from costmodel.services.lambda_ import designs as functions
from costmodel.services.rds import RdsInstance
from shops.database import demand_of, shop

SCENARIO = shop(api={"cpu_ms_per_call": 10, "timeout_s": 10}, rendering={"jobs_per_1000_page_views": 0})


def fleet(scenario: Scenario = SCENARIO, *, instances: int = 4, zones: int = 2) -> Ec2Fleet:
    """m5.large with two vCPUs each, always as many."""
    return Ec2Fleet(
        region_id=scenario.region,
        instance=instance_type("m5.large"),
        target_ratio=0.5,
        min_size=instances,
        max_size=instances,
        zones=zones,
        purchase="on_demand",
        vcpu_quota=640,
        api=scenario.api,
        database=scenario.database,
    )


def instance(*, multi_az: bool) -> RdsInstance:
    return RdsInstance(
        "us-east-1",
        "db.m7g.4xlarge",
        multi_az,
        0,
        63.0,
        0.0,
        0.0,
        "on_demand",
        SCENARIO.database,
        Patience(10.0),
    )


def table() -> OnDemandTable:
    return OnDemandTable("us-east-1", SCENARIO.database)


def drilled(
    compute: TierDesign, database: TierDesign, demand: Demand
) -> tuple[dict[tuple[str, str], Drill], ExpectedLoss]:
    drills, expected = drill(compute, database, demand)
    return {(found.event, found.moment): found for found in drills}, expected


def test_functions_and_a_table_ride_it_out() -> None:
    demand = demand_of(SCENARIO, 6_000.0)
    lambda_ = functions(shop(constraints={"compute": ["lambda"]}), demand)[0]
    found, expected = drilled(lambda_, table(), demand)
    assert set(found) == {(ZONE_LOST, BUSIEST), (ZONE_LOST, MEAN)}
    assert all(one.lost_requests == one.impaired_minutes == one.slow_minutes == 0 for one in found.values())
    assert expected.minutes_per_month == expected.requests_per_month == 0.0


def test_a_fleet_with_room_loses_one_minute_of_its_share() -> None:
    """12 000 calls a minute at 10 ms are 2 of 8 vCPUs. Two of four instances go: 6 000 calls are lost until the
    load balancer notices, then two instances carry it at 50 %.

    New ones help from the third minute on; if none can be launched, two minutes after the zone is back (120).
    0.2 a zone and year x 2 zones / 12 = 1/30 a month x 6 000 = 200 calls, or 200 / 12 000 minutes.
    """
    found, expected = drilled(fleet(), table(), demand_of(SCENARIO, 12_000.0))
    for moment in (BUSIEST, MEAN):
        lost, stuck = found[ZONE_LOST, moment], found[LAUNCHES_FAIL, moment]
        assert (lost.impaired_minutes, lost.lost_requests, lost.slow_minutes) == (1, 6_000.0, 3)
        assert (stuck.impaired_minutes, stuck.lost_requests, stuck.slow_minutes) == (1, 6_000.0, 123)
    assert expected.requests_per_month == pytest.approx(200.0)
    assert expected.minutes_per_month == pytest.approx(200 / 12_000)


def test_three_zones_lose_a_third() -> None:
    """Six instances in three zones: two go, a third of 12 000 calls."""
    found, expected = drilled(fleet(instances=6, zones=3), table(), demand_of(SCENARIO, 12_000.0))
    assert found[ZONE_LOST, BUSIEST].lost_requests == pytest.approx(4_000.0)
    assert expected.requests_per_month == pytest.approx(0.2 * 3 / 12 * 4_000)


def test_a_full_fleet_against_a_minute_table(model_row: Callable[..., None]) -> None:
    """36 000 calls a minute are 6 of 8 vCPUs; two instances carry 24 000.

    minute 0: half of the calls meet lost instances                  18 000 lost
    minute 1: 12 000 too many, of which 10 s of work (4 000) can wait  8 000 lost
    minute 2 until instances help again: 12 000 too many each         12 000 lost
    """
    demand = demand_of(SCENARIO, 36_000.0)
    found, _ = drilled(fleet(), table(), demand)
    worst = 0.0
    for event, minutes in ((ZONE_LOST, 3), (LAUNCHES_FAIL, 123)):
        one = found[event, BUSIEST]
        by_hand = 18_000 + 8_000 + 12_000 * (minutes - 2)
        assert one.impaired_minutes == minutes
        assert one.lost_requests == pytest.approx(by_hand)
        worst = max(worst, abs(one.lost_requests / by_hand - 1))
    model_row(
        "Availability",
        "loss of a zone",
        rule="a zone's instances vanish at once; their share of the minute's calls is lost, the rest is carried by"
        " what is left until replacements serve",
        source="ALB User Guide, target group health checks (2023-06); AWS Well-Architected REL11-BP05 (2026-05)",
        oracle="minute tables by hand: a fleet with room, and a full one, with and without launches",
        tolerance="1e-6",
        observed_error=worst,
    )


def test_a_failover_of_90_s(model_row: Callable[..., None]) -> None:
    """6 000 calls a minute: a whole minute and half of the next are lost, 9 000 calls.

    The cache is warm again 10 minutes after 1.5: the last minute that begins before is the eleventh.
    1.5 failovers a year: 1.5 / 12 x 9 000 = 1 125 calls a month.
    """
    demand = demand_of(SCENARIO, 6_000.0)
    lambda_ = functions(shop(constraints={"compute": ["lambda"]}), demand)[0]
    found, expected = drilled(lambda_, instance(multi_az=True), demand)
    one = found[FAILOVER, BUSIEST]
    assert (one.impaired_minutes, one.slow_minutes) == (2, 11)
    assert one.lost_requests == pytest.approx(9_000.0)
    assert found[ZONE_LOST, BUSIEST] == replace(one, event=ZONE_LOST)
    assert expected.requests_per_month == pytest.approx(1_125.0)
    model_row(
        "Availability",
        "database failover",
        rule="no writer for the middle of the documented window, then a cold cache for 10 minutes",
        source="Amazon RDS User Guide, Multi-AZ DB instance deployments (2023-06): 60 to 120 s",
        oracle="minute table by hand: 90 s at 6 000 calls a minute",
        tolerance="1e-9",
        observed_error=abs(one.lost_requests / 9_000.0 - 1),
    )


def test_a_database_alone_is_gone_for_longer_but_less_often() -> None:
    """10 to 60 minutes, 35 in the middle, x 6 000 calls = 210 000; 0.235 / 12 x 210 000 = 4 112.5 a month."""
    demand = demand_of(SCENARIO, 6_000.0)
    lambda_ = functions(shop(constraints={"compute": ["lambda"]}), demand)[0]
    found, expected = drilled(lambda_, instance(multi_az=False), demand)
    assert found[FAILOVER, MEAN].lost_requests == pytest.approx(210_000.0)
    assert expected.requests_per_month == pytest.approx(4_112.5)


def test_a_zone_takes_instances_and_the_writer_together() -> None:
    """Minute 0: no writer, all 12 000 lost; minute 1: half of the minute without one, 6 000. Instances: half of
    minute 0, which is lost already. In the expectation they count apart: 200 + 1.5 / 12 x 18 000.
    """
    found, expected = drilled(fleet(), instance(multi_az=True), demand_of(SCENARIO, 12_000.0))
    assert found[ZONE_LOST, BUSIEST].lost_requests == pytest.approx(18_000.0)
    assert expected.requests_per_month == pytest.approx(200.0 + 2_250.0)


def test_moments() -> None:
    """The busiest minute is the first of its height. Three hours at the mean of 100 begin at minute 600."""
    calls = np.full(43_200, 60.0)
    calls[600:780] = 100.0
    calls[20_000:20_010] = (100 * 43_200 - 60 * (43_200 - 190) - 100 * 180) / 10  # what the mean lacks
    demand = demand_of(SCENARIO, calls)
    assert demand.api_requests.mean() == pytest.approx(100.0)
    assert busiest_minute(demand) == 20_000
    assert mean_minute(demand) == 600


def test_a_loss_at_the_end_is_cut() -> None:
    """The busiest minute is the last: only its own calls can be lost."""
    calls = np.full(43_200, 6_000.0)
    calls[-1] = 12_000.0
    found, _ = drilled(fleet(), table(), demand_of(SCENARIO, calls))
    assert found[ZONE_LOST, BUSIEST].minute == 43_199
    assert found[ZONE_LOST, BUSIEST].lost_requests == pytest.approx(6_000.0)


def test_without_traffic_nothing_is_lost() -> None:
    found, expected = drilled(fleet(), instance(multi_az=True), demand_of(SCENARIO, 0.0))
    assert all(one.lost_requests == one.impaired_minutes == 0 for one in found.values())
    assert expected.minutes_per_month == 0.0
