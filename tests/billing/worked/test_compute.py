"""Worked bills of EC2, EBS and Lambda."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from costmodel.billing.charge import to_cents
from costmodel.capacity.cold_starts import INIT_TIMES, InitTime
from costmodel.capacity.concurrency import ConcurrencyRun
from costmodel.capacity.instances import instance_type
from costmodel.capacity.provisioned_concurrency import ProvisionedScaling
from costmodel.demand.demand import Demand
from costmodel.services import cloudwatch, lambda_
from costmodel.services._base import Usage
from costmodel.services.ec2 import Ec2Fleet, SpotShare
from costmodel.services.lambda_ import LambdaFunction
from shops.calls import MINUTES_OF_NOVEMBER, demand_of_calls, scenario_of_calls
from shops.till import billed, billed_cents, cents, file_cents, priced, priced_file

D = Decimal


# --- EC2 and EBS -----------------------------------------------------------------------------------


def used_by_fleet(demand: Demand, **changes: Any) -> tuple[Usage, ...]:
    """What two or more m5.large in Ireland used; each call takes 10 ms of one of their two vCPUs."""
    scenario = scenario_of_calls(api={"cpu_ms_per_call": 10, "wait_ms_per_call": 5})
    settings = {
        "region_id": "eu-west-1",
        "instance": instance_type("m5.large"),
        "target_ratio": 0.5,
        "min_size": 2,
        "max_size": 20,
        "zones": 2,
        "purchase": "on_demand",
        "vcpu_quota": 640,
        "api": scenario.api,
        "database": scenario.database,
    }
    fleet = Ec2Fleet(**(settings | changes))
    return fleet.usage(demand, fleet.simulate(demand))


def test_two_instances_in_ireland_for_a_month_of_31_days() -> None:
    """Instances by the hour, gp3 by the GB-month, and IOPS above the 3 000 that gp3 includes.

    2 x 744 h x 0.091 = 135.408; 2 x 30 GB x 0.088 = 5.28; of one volume 4 000 - 3 000 IOPS x 0.0055 = 5.50;
    in all 146.188.
    """
    total = file_cents("""
usage:
  - {service: AmazonEC2, region: eu-west-1, meter: "BoxUsage:m7g.large", quantity: 1488, unit: Hours}
volumes:
  - {region: eu-west-1, type: gp3, gb: 30}
  - {region: eu-west-1, type: gp3, gb: 30, iops: 4000}
""")
    servers = 2 * 744 * D("0.091")
    volumes = 2 * 30 * D("0.088") + 1_000 * D("0.0055")
    assert total == to_cents(servers + volumes) == D("146.19")


def test_one_instance_in_virginia_on_demand_and_reserved() -> None:
    """A reservation has an hourly rate of its own.

    744 h x 0.0816 = 60.7104 on demand; 744 h x 0.054 = 40.176 reserved for a year without upfront.
    """
    on_demand = "- {service: AmazonEC2, region: us-east-1, meter: 'BoxUsage:m7g.large', quantity: 744}"
    reserved = on_demand.replace("quantity", "term: Reserved standard 1yr No Upfront, quantity")
    assert cents(on_demand) == to_cents(744 * D("0.0816")) == D("60.71")
    assert cents(reserved) == to_cents(744 * D("0.054")) == D("40.18")
    assert {charge.pricing_category for charge in priced(reserved).bill.charges} == {"Committed"}


def test_a_quiet_fleet_pays_for_every_hour_of_the_month() -> None:
    """An instance costs the same busy or idle, and so does its root volume.

    2 x 720 h x 0.107 = 154.08; 2 x 20 GB for the whole month x 0.088 = 3.52; in all 157.60.
    """
    assert billed_cents(used_by_fleet(demand_of_calls(10))) == D("154.08") + D("3.52") == D("157.60")


def test_a_fleet_that_grows_for_a_day_pays_by_the_minute() -> None:
    """Billing is per second with 60 s at least, so a minute of an instance is a sixtieth of its hour.

    From 100 to 400 calls/s through the second day: 2 more instances for 1 457 minutes, from the
    minute after the alarm until they are drained. 2 x 720 h + 2 x 1 457 min / 60 = 1 488.566666667 h
    x 0.107 = 159.276633. Volumes: 40 GB-months + 2 x 20 GB x 1 457 / 43 200 min = 41.349074074
    GB-months x 0.088 = 3.638719. In all 162.915352.
    """
    calls_per_s = np.full(MINUTES_OF_NOVEMBER, 100.0)
    calls_per_s[1440:2880] = 400.0
    total = billed(used_by_fleet(demand_of_calls(calls_per_s))).billed_cost
    assert total == D("1488.566666667") * D("0.107") + D("41.349074074") * D("0.088")
    assert to_cents(total) == D("162.92")


def test_spot_hours_cost_on_demand_less_the_spot_advisors_saving() -> None:
    """1 000 calls a second are 10 vCPU, at 50 % of 2 each 10 instances: 2 + a quarter of 8 on demand, 6 spot.

    The Spot Advisor saw 57 % saved on m5.large in Ireland: 6 x 720 h x 0.107 x (1 - 57 %).
    """
    spot = SpotShare((instance_type("m5.large"),), reclaimed_ratio=0.0, seed=1)
    usages = used_by_fleet(demand_of_calls(1_000), spot=spot)
    charges = {charge.sku_meter: charge for charge in billed(usages).charges}
    hours = charges["Spot instance hours, m5.large"]
    assert hours.billed_cost == 6 * 720 * D("0.107") * (1 - D("0.57"))
    assert hours.pricing_category == "Dynamic"
    assert charges["Instance hours"].billed_cost == 4 * 720 * D("0.107")


def test_a_stopped_instance_costs_its_volume() -> None:
    """2 run, 18 wait stopped: 2 x 720 h x 0.107 = 154.08, and 20 volumes of 20 GB at 0.088 are 35.20."""
    usages = used_by_fleet(demand_of_calls(10), warm_pool=True)
    assert billed_cents(usages) == to_cents(2 * 720 * D("0.107") + 20 * 20 * D("0.088")) == D("189.28")


def test_a_reservation_is_paid_beside_the_instances_beyond_it() -> None:
    """A No Upfront reservation is paid for every hour of the month; what runs beyond it is on demand.

    4 instances, 2 of them reserved: 1 440 h x 0.067 = 96.48; 1 440 h x 0.107 = 154.08;
    4 x 20 GB x 0.088 = 7.04; in all 257.60.
    """
    bill = billed(used_by_fleet(demand_of_calls(400), purchase="reserved_1yr_no_upfront"))
    assert bill.by("sku_meter") == {
        "Instance hours": D("154.08"),
        "Reserved instance hours": D("96.48"),
        "gp3 volume storage": D("7.04"),
    }
    assert to_cents(bill.billed_cost) == D("257.60")


def test_months_have_their_own_hours_but_a_volume_month_is_a_month() -> None:
    """November: 1 440 h x 0.107 + 3.52 = 157.60. December: 1 488 h x 0.107 + 3.52 = 162.736."""
    months = billed(used_by_fleet(demand_of_calls(10, months=2))).by("billing_period")
    assert months == {"2026-11": D("157.60"), "2026-12": D("162.736")}


def test_a_volume_that_stands_for_half_a_day_pays_its_share_of_the_month() -> None:
    """Volumes are billed by the second: 2 000 GB x 12 h / 720 h = 33.333333333 GB-months x 0.08 = 2.67."""
    volume = "volumes: [{region: us-east-1, type: gp3, gb: 2000, days: 0.5}]"
    (line,) = priced_file(volume, period="2026-11").lines
    assert line.quantity == D("33.333333333")
    assert file_cents(volume, period="2026-11") == D("2.67")


def test_gp3_includes_3000_iops_and_125_mib_per_second() -> None:
    """Two volumes of 1 000 GB, 10 000 IOPS and 500 MiB/s; the price list counts throughput in GiB/s.

    2 000 GB x 0.08 = 160.00; 2 x (10 000 - 3 000) = 14 000 IOPS x 0.005 = 70.00;
    2 x (500 - 125) / 1 024 = 0.732421875 GiB/s x 40.96 = 30.00; in all 260.00.
    """
    volumes = "volumes: [{region: us-east-1, type: gp3, gb: 1000, count: 2, iops: %s, mibps: %s}]"
    assert file_cents(volumes % (10_000, 500)) == D("160.00") + D("70.00") + D("30.00") == D("260.00")
    assert file_cents(volumes % (3_000, 125)) == D("160.00")
    assert file_cents("volumes: [{region: us-east-1, type: gp3, gb: 1000, count: 2}]") == D("160.00")


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        # 32 000 x 0.065 + 32 000 x 0.0455 + 16 000 x 0.03185 = 2 080 + 1 456 + 509.60
        ("gb: 500, iops: 80000", "4108.10"),
        # 2 x (32 000 x 0.065 + 8 000 x 0.0455) = 2 x (2 080 + 364)
        ("gb: 250, iops: 40000, count: 2", "4950.50"),
        # 32 000 x 0.065 is the end of the first tier
        ("gb: 500, iops: 32000", "2142.50"),
        # and 2 080 + 32 000 x 0.0455 that of the second
        ("gb: 500, iops: 64000", "3598.50"),
        # what a volume takes at most: 2 080 + 1 456 + 192 000 x 0.03185
        ("gb: 500, iops: 256000", "9713.70"),
    ],
)
def test_every_io2_volume_climbs_the_iops_tiers_on_its_own(volumes: str, expected: str) -> None:
    """0.065 up to 32 000 IOPS of a volume, 0.0455 up to 64 000, 0.03185 above; 500 GB x 0.125 = 62.50."""
    assert file_cents(f"volumes: [{{region: us-east-1, type: io2, {volumes}}}]") == D(expected)


# --- Lambda ----------------------------------------------------------------------------------------


def function_of(**changes: Any) -> LambdaFunction:
    """1 GB on x86 in Ireland. A call takes 10.5 ms: 5.5 ms of waiting and 2.5 database accesses of 2 ms."""
    scenario = scenario_of_calls(
        api={"cpu_ms_per_call": 0.001, "wait_ms_per_call": 5.499},
        database={"reads_per_call": 2, "writes_per_call": 0.5},
    )
    settings = {
        "region_id": "eu-west-1",
        "memory_mb": 1024,
        "architecture": "x86_64",
        "provisioned_concurrency": 0,
        "concurrency_quota": 1_000,
        "zones": 2,
        "api": scenario.api,
        "database": scenario.database,
    }
    return LambdaFunction(**(settings | changes))


def used_by_function(function: LambdaFunction, demand: Demand) -> tuple[Usage, ...]:
    return function.usage(demand, function.simulate(demand))


def starts_each_minute(
    monkeypatch: pytest.MonkeyPatch, *, cold: float = 0, throttled_ratio: float = 0
) -> None:
    """So many cold starts in every minute and such a share of calls refused, whatever the load."""

    def run(requests: Any, *_: object, **__: object) -> ConcurrencyRun:
        none = np.zeros_like(requests)
        return ConcurrencyRun(none, none + cold, requests * throttled_ratio, none)

    monkeypatch.setattr(lambda_, "run_concurrency", run)


def test_every_call_is_rounded_up_to_a_millisecond_and_every_start_is_billed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Duration is billed in whole milliseconds, rounded up, the INIT phase included (since 2025-08).

    100 calls/s for 30 days are 259 200 000 calls of 10.5 ms, billed as 11 ms: 2 851 200 GB-s.
    One cold start a minute: 43 200 starts of 499.3 ms. Start and call make 509.8 ms, billed as 510 ms,
    499 ms more than a warm call: 21 556.8 GB-s. 400 000 GB-s and a million requests are free:
    2 472 756.8 x 0.0000166667 = 41.212696; 258.2 million x 0.20 = 51.64.
    """
    starts_each_minute(monkeypatch, cold=1)
    monkeypatch.setitem(INIT_TIMES["x86_64"], "nodejs22.x", InitTime(199.72, 199.72 * (1 + 1e-12)))
    bill = billed(used_by_function(function_of(), demand_of_calls(100)))
    assert to_cents(bill.billed_cost) == to_cents(D("41.212696") + D("51.64")) == D("92.85")
    assert float(bill.by("sku_meter")["Duration x86_64"]) == pytest.approx(41.212696, abs=1e-6)


def test_calls_that_are_throttled_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the calls are refused: 129 600 000 are billed.

    x 11 ms x 1 GB = 1 425 600 GB-s, less 400 000, x 0.0000166667 = 17.093368; 128.6 million x 0.20 = 25.72.
    """
    starts_each_minute(monkeypatch, throttled_ratio=0.5)
    total = billed_cents(used_by_function(function_of(), demand_of_calls(100)))
    assert total == to_cents(D("17.093368") + D("25.72")) == D("42.81")


def test_provisioned_concurrency_is_paid_all_month_and_its_calls_at_their_own_rate() -> None:
    """Neither has tiers or a free allowance; requests cost what they always cost.

    20 x 1 GB x 2 592 000 s = 51 840 000 GB-s x 0.000004646 = 240.84864. 259 200 000 calls x 11 ms x 1 GB
    = 2 851 200 GB-s x 0.0000108407 = 30.909004. 258.2 million requests x 0.20 = 51.64. In all 323.397644.
    """
    bill = billed(used_by_function(function_of(provisioned_concurrency=20), demand_of_calls(100)))
    assert bill.by("sku_meter")["Provisioned concurrency x86_64"] == D("240.84864")
    assert to_cents(bill.billed_cost) == to_cents(D("240.84864") + D("30.909004") + D("51.64")) == D("323.40")


def test_provisioned_concurrency_is_billed_in_steps_of_five_minutes() -> None:
    """20 environments all month, and 9 more that are on for 22 minutes and billed for 25.

    All 20 are busy from minute 600 on: three points are seen a minute later, 20 / 0.7 = 28.6, so that 9 more are on
    from minute 604. The burst ends before minute 610; fifteen low points are seen by minute 625, and the 9 are given
    back in minute 626. 20 x 2 592 000 s + 9 x 1 500 s = 51 853 500 GB-s x 0.000004646 = 240.911361; by the minute
    it would be 9 x 1 320 s and 240.90.
    """
    calls_per_s = np.full(MINUTES_OF_NOVEMBER, 100.0)
    calls_per_s[600:610] = 100_000.0
    scaling = ProvisionedScaling(minimum=20, maximum=29)
    function = function_of(provisioned_scaling=scaling, concurrency_quota=10_000)
    bill = billed(used_by_function(function, demand_of_calls(calls_per_s)))
    assert bill.by("sku_meter")["Provisioned concurrency x86_64"] == D("240.911361")


def test_auto_scaling_of_provisioned_concurrency_keeps_two_alarms_more() -> None:
    """Errors and throttles, and a high and a low alarm of the policy: 4 x 0.10 = 0.40. A fixed number has no policy."""
    scenario = scenario_of_calls(monitoring={"alarms": 0})
    demand = demand_of_calls(np.full(MINUTES_OF_NOVEMBER, 100.0))

    def alarms_usd(function: LambdaFunction) -> Decimal:
        left = function.footprint(demand, function.simulate(demand))
        usages = cloudwatch.SERVICE.design(scenario, left).usage(demand, left)
        return billed(usages, free_tier=False).by("sku_meter")["Alarms"]

    scaled = function_of(provisioned_scaling=ProvisionedScaling(1, 29))
    assert alarms_usd(scaled) == 4 * D("0.10") == D("0.40")
    assert alarms_usd(function_of(provisioned_concurrency=29)) == 2 * D("0.10") == D("0.20")


def test_lambda_in_tokyo_crosses_six_billion_gigabyte_seconds() -> None:
    """Tiers count the GB-seconds of a region and an architecture in a month.

    (6 000 - 0.4) million x 16.6667 = 99 993.53332; 1 000 million x 15 = 15 000; 499 million requests x 0.20
    = 99.80. Without the free tier 100 000.20 + 15 000 + 100.
    """
    lines = """
      - {service: AWSLambda, region: ap-northeast-1, meter: Lambda-GB-Second, quantity: 7000000000}
      - {service: AWSLambda, region: ap-northeast-1, meter: Request, quantity: 500000000}
    """
    duration = (6_000 - D("0.4")) * D("16.6667") + 1_000 * D("15")
    assert cents(lines) == to_cents(duration + 499 * D("0.2")) == D("115093.33")
    assert (
        cents(lines, free_tier=False)
        == 6_000 * D("16.6667") + 1_000 * D("15") + 500 * D("0.2")
        == D("115100.20")
    )


def test_x86_reaches_its_third_tier_at_15_billion() -> None:
    """6 000 x 16.6667 = 100 000.20; 9 000 x 15 = 135 000; 1 000 x 13.3334 = 13 333.40 (millions of GB-s)."""
    line = "- {service: AWSLambda, region: us-east-1, meter: Lambda-GB-Second, quantity: 16000000000}"
    assert cents(line, free_tier=False) == D("100000.20") + 135_000 + D("13333.40") == D("248333.60")


def test_arm_has_tiers_a_quarter_wider() -> None:
    """7 500 x 13.3334 = 100 000.50; 11 250 x 12.0001 = 135 001.125; 1 250 x 10.6667 = 13 333.375.

    With the free tier 0.4 x 13.3334 = 5.33336 less: 248 335.00 - 5.33336 = 248 329.66664.
    """
    line = "- {service: AWSLambda, region: us-east-1, meter: Lambda-GB-Second-ARM, quantity: 20000000000}"
    total = D("100000.50") + D("135001.125") + D("13333.375")
    assert cents(line, free_tier=False) == total == D("248335.00")
    assert cents(line) == to_cents(total - D("5.33336")) == D("248329.67")


def test_lambda_tiers_begin_anew_in_every_region_and_architecture() -> None:
    """7 000 million GB-s in one place pass the tier at 6 000; 3 500 in each of two do not.

    6 000 x 16.6667 + 1 000 x 15 = 115 000.20; 2 x 3 500 x 16.6667 = 116 666.90; with arm64 for one half
    3 500 x 16.6667 + 3 500 x 13.3334 = 58 333.45 + 46 666.90 = 105 000.35.
    """

    def line(region: str, meter: str, quantity: int) -> str:
        return f"- {{service: AWSLambda, region: {region}, meter: {meter}, quantity: {quantity}}}\n"

    half = line("us-east-1", "Lambda-GB-Second", 3_500_000_000)
    one = line("us-east-1", "Lambda-GB-Second", 7_000_000_000)
    two = half + line("eu-west-1", "Lambda-GB-Second", 3_500_000_000)
    mixed = half + line("us-east-1", "Lambda-GB-Second-ARM", 3_500_000_000)
    assert cents(one, free_tier=False) == D("115000.20")
    assert cents(two, free_tier=False) == D("116666.90")
    assert cents(mixed, free_tier=False) == D("105000.35")


def test_lambda_shares_its_free_tier_over_both_architectures() -> None:
    """400 000 GB-s are free for both together, in proportion: 150 000 of 600 000 and 250 000 of 1 000 000.

    0.45 million x 16.6667 = 7.500015; 0.75 x 13.3334 = 10.00005. One provisioned environment of 1 GB on
    arm64 for 31 days: 2.6784 million x 3.7168 = 9.95507712. All 900 000 requests are free.
    """
    total = cents("""
      - {service: AWSLambda, region: eu-west-1, meter: Lambda-GB-Second, quantity: 600000}
      - {service: AWSLambda, region: eu-west-1, meter: Lambda-GB-Second-ARM, quantity: 1000000}
      - {service: AWSLambda, region: eu-west-1, meter: Lambda-Provisioned-Concurrency-ARM, quantity: 2678400}
      - {service: AWSLambda, region: eu-west-1, meter: Request, quantity: 900000}
    """)
    duration = D("0.45") * D("16.6667") + D("0.75") * D("13.3334")
    provisioned = D("2.6784") * D("3.7168")
    assert total == to_cents(duration + provisioned) == D("27.46")


def test_ephemeral_storage_is_billed_above_512_mb() -> None:
    """10 million jobs of 10 s with 10 240 MB: (10 240 - 512) / 1 024 = 9.5 GB x 100 million s.

    950 million GB-s x 0.0000000309 = 29.355; 9 million requests x 0.20 a million = 1.80; 128 MB of memory are
    12.5 million GB-s, less 400 000, x 0.0000166667 = 201.66707. In all 232.82207; with 512 MB 203.46707.
    """
    jobs = """
functions:
  - {region: us-east-1, invocations: 10000000, duration_ms: 10000, memory_mb: 128, ephemeral_mb: %d}
"""
    assert file_cents(jobs % 10_240) == to_cents(D("29.355") + D("1.80") + D("201.66707")) == D("232.82")
    assert file_cents(jobs % 512) == to_cents(D("1.80") + D("201.66707")) == D("203.47")


def test_streamed_bytes_beyond_six_megabytes_a_response() -> None:
    """The first 6 MB of a response are free, and 100 GB a month beyond them.

    A million responses of 10 MB: 4 million MB / 1 024 = 3 906.25 GB, less 100, x 0.008 = 30.45. As many of
    6 MB cost nothing. Requests and 125 GB-s are free, too; without what is free 31.25 + 0.20 + 0.0020833375.
    """
    calls = """
functions:
  - {region: us-east-1, invocations: 1000000, duration_ms: 1, memory_mb: 128, response_mb: %d}
"""
    assert file_cents(calls % 10) == D("3806.25") * D("0.008") == D("30.45")
    assert file_cents(calls % 6) == D("0.00")
    assert file_cents(calls % 10, free_tier=False) == to_cents(D("31.4520833375")) == D("31.45")


def test_stated_cold_starts_are_billed_with_the_call_that_they_answer() -> None:
    """A billion calls of 10.2 ms with 1 GB, a hundredth of them after 250.3 ms of INIT: 990 million of 11 ms and 10 million
    of ceil(260.5) = 261 ms are 10.89 + 2.61 = 13.5 million s, less 400 000, x 0.0000166667 = 218.33377; 999 million requests
    x 0.20 a million = 199.80. Rounded up one by one they would be 262 ms.
    """
    calls = "region: us-east-1, invocations: 1000000000, duration_ms: 10.2, memory_mb: 1024"
    total = file_cents(f"functions: [{{{calls}, cold_starts: 10000000, init_ms: 250.3}}]")
    assert total == to_cents(D("13100000") * D("0.0000166667") + D("199.80")) == D("418.13")


def test_a_stated_call_is_rounded_up_to_a_millisecond() -> None:
    """A billion calls of 10.2 ms with 1 GB on arm64: 11 million GB-s, less 400 000, x 0.0000133334 = 141.33404; 999
    million requests x 0.20 a million = 199.80.
    """
    calls = "{region: us-east-1, invocations: 1000000000, duration_ms: 10.2, memory_mb: 1024, architecture: arm64}"
    total = file_cents(f"functions: [{calls}]")
    assert total == to_cents(D("10600000") * D("0.0000133334") + D("199.80")) == D("341.13")
