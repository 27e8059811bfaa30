from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import boot, fleet
from costmodel.capacity.disruptions import InstanceFailure, SpotReclaim, ZoneLoss
from costmodel.capacity.fleet import FleetRun, run_fleet
from costmodel.capacity.group import (
    LONGEST_WARMUP_MINUTES,
    CpuCredits,
    NetworkBudget,
    ScalingGroup,
    SpotMix,
    WarmPool,
)
from costmodel.capacity.overload import Patience
from costmodel.capacity.scaling import (
    PredictiveScaling,
    ScheduledAction,
    Step,
    StepScaling,
    TargetTracking,
    policy_tables,
)

INSTANCE_CPU_S = 60.0
BOOT, WARMUP = 2, 6


def group(target_ratio=0.5, **changes):
    values = {
        "instance_cpu_s_per_minute": INSTANCE_CPU_S,
        "policies": (TargetTracking("cpu", target_ratio),),
        "min_size": 1,
        "max_size": 100,
        "boot_minutes": BOOT,
        "warmup_minutes": WARMUP,
        "patience": Patience(30.0),
    }
    return ScalingGroup(**(values | changes))


def cpu(instances, ratio, minutes):
    """Work that keeps `instances` instances `ratio` busy for `minutes` minutes."""
    return np.full(minutes, instances * ratio * INSTANCE_CPU_S)


def steps(*parts):
    return np.concatenate(parts)


class TestWorkedDecisions:
    @pytest.mark.parametrize(("before", "ratio", "after"), [(10, 0.62, 13), (4, 0.80, 7)])
    def test_scales_out_in_proportion_and_rounds_up(self, before, ratio, after):
        run = run_fleet(steps(cpu(before, 0.5, 1), cpu(before, ratio, 30)), group())
        assert run.running[0] == before
        assert run.running.max() == after
        assert run.running[-1] == after

    def test_scales_in_only_below_seven_tenths_of_the_target(self):
        above = run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.36, 60)), group())
        below = run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.30, 60)), group())
        assert set(above.running) == {10}
        assert below.running[-1] == 6

    def test_a_busy_instance_helps_in_the_eighth_minute_of_a_step(self):
        """High in minutes 1 to 3, seen at the end of minute 4, billed from 5, serving from 7."""
        run = run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.62, 30)), group())
        assert list(run.running[:9]) == [10, 10, 10, 10, 10, 13, 13, 13, 13]
        assert list(run.serving[:9]) == [10, 10, 10, 10, 10, 10, 10, 13, 13]

    def test_an_idle_instance_goes_after_fifteen_points_and_drains_five_minutes(self):
        """Low in minutes 1 to 15, seen at the end of 16, out of service from 17, billed up to 21."""
        run = run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.30, 40)), group())
        assert list(run.serving[15:19]) == [10, 10, 6, 6]
        assert list(run.running[15:24]) == [10, 10, 10, 10, 10, 10, 10, 6, 6]

    def test_two_high_minutes_do_nothing(self):
        run = run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.9, 2), cpu(10, 0.5, 30)), group())
        assert set(run.running) == {10}

    def test_fourteen_low_minutes_do_nothing(self):
        run = run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.1, 14), cpu(10, 0.5, 30)), group())
        assert set(run.running) == {10}

    def test_a_saturated_group_doubles_once_per_warm_up(self):
        """CPU cannot show more than 100 %: 2 becomes 4, and 8 only when the first two count.

        The first alarm falls at the end of minute 4, so two instances are billed from minute 5 and
        count from minute 11; that minute is seen at the end of 12, four more are billed from 13.
        """
        run = run_fleet(steps(cpu(2, 0.5, 1), np.full(60, 5_000.0)), group(patience=Patience(1.0)))
        assert list(run.running[[4, 5, 12, 13, 20, 21]]) == [2, 4, 4, 8, 8, 16]

    def test_never_leaves_its_bounds(self):
        work = steps(cpu(4, 0.5, 5), cpu(4, 5.0, 60), np.zeros(60))
        run = run_fleet(work, group(min_size=3, max_size=7))
        assert run.serving.min() == 3
        assert run.serving.max() == 7

    def test_scale_in_waits_until_new_instances_are_warm(self):
        """Four high minutes launch at the end of minute 4; with 30 minutes of warm-up nothing may go before 35."""
        work = steps(cpu(10, 0.5, 1), cpu(10, 0.9, 4), cpu(10, 0.1, 60))
        run = run_fleet(work, group(warmup_minutes=30))
        assert set(run.serving[7:36]) == {18}
        assert run.serving[37] == 2

    def test_no_load_keeps_the_minimum(self):
        run = run_fleet(np.zeros(100), group(min_size=2))
        assert set(run.running) == {2}
        assert not run.utilisation.any()
        assert not run.failed_ratio.any()

    def test_a_group_that_may_not_scale_in_keeps_what_it_has(self):
        out_only = group(policies=(TargetTracking("cpu", 0.5, scale_in=False),))
        assert set(run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.1, 60)), out_only).running) == {10}


class TestRequestsPerTarget:
    """60 CPU-s an instance and 1 CPU-s a request: 30 requests a minute are 50 % CPU."""

    policy = TargetTracking("requests_per_target", 30.0)

    def test_sees_past_saturation_and_grows_in_one_step(self):
        """2 instances asked for 5 000 requests: 167 at 30 each, where CPU only ever doubles."""
        work = steps(np.full(1, 60.0), np.full(30, 5_000.0))
        run = run_fleet(
            work, group(policies=(self.policy,), max_size=500, patience=Patience(1.0)), requests=work
        )
        assert list(run.running[[4, 5, 30]]) == [2, 167, 167]

    def test_scales_in_below_nine_tenths(self):
        for ratio, after in [(0.91, 10), (0.89, 9)]:
            work = steps(np.full(1, 300.0), np.full(60, 300.0 * ratio))
            run = run_fleet(work, group(policies=(self.policy,)), requests=work)
            assert run.running[-1] == after

    def test_needs_requests(self):
        with pytest.raises(ValueError, match="needs the requests"):
            run_fleet(np.ones(3), group(policies=(self.policy,)))

    def test_with_cpu_beside_it_the_larger_wins_and_both_must_want_in(self):
        """Requests stay at target while CPU is idle: nothing goes. Requests ask for 20, CPU for 13: 20."""
        both = group(policies=(TargetTracking("cpu", 0.5), self.policy))
        idle = run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.1, 60)), both, requests=np.full(61, 290.0))
        busy = run_fleet(steps(cpu(10, 0.5, 1), cpu(10, 0.62, 60)), both, requests=np.full(61, 600.0))
        assert set(idle.running) == {10}
        assert busy.running[-1] == 20


PERCENT_OUT = StepScaling(
    "cpu", 0.5, True, (Step(0, 0.1, 0), Step(0.1, 0.2, 10), Step(0.2, np.inf, 30)), "percent"
)
PERCENT_IN = StepScaling(
    "cpu", 0.5, False, (Step(-np.inf, -0.2, -30), Step(-0.2, -0.1, -10), Step(-0.1, 0, 0)), "percent"
)


def stepping(*policies, size=10, **changes):
    return group(policies=policies, min_size=1, scheduled=(ScheduledAction(0, desired_size=size),), **changes)


def settled(work, **options):
    """Sizes after the group has reached the ten instances of its schedule, in minute 20 and later."""
    return steps(cpu(10, 0.55, 20), work), options


class TestStepScaling:
    @pytest.mark.parametrize(
        ("ratio", "after"), [(0.59, 10), (0.60, 11), (0.62, 11), (0.69, 11), (0.70, 13), (0.99, 13)]
    )
    def test_bands_above_the_threshold_hold_their_lower_bound(self, ratio, after):
        """AWS's example: 10 % of 10 from 60 %, 30 % from 70 %. One minute over is enough for a point of 1."""
        run = run_fleet(steps(cpu(10, 0.55, 20), cpu(10, ratio, 1), cpu(10, 0.5, 9)), stepping(PERCENT_OUT))
        assert set(run.running[10:21]) == {10}
        assert run.running[-1] == after

    @pytest.mark.parametrize(("ratio", "after"), [(0.41, 10), (0.40, 9), (0.31, 9), (0.30, 7), (0.05, 7)])
    def test_bands_below_the_threshold_hold_their_upper_bound(self, ratio, after):
        run = run_fleet(steps(cpu(10, 0.45, 20), cpu(10, ratio, 1), cpu(10, 0.5, 9)), stepping(PERCENT_IN))
        assert run.running[-1] == after

    def test_repeated_breaches_in_one_band_are_one_action_and_a_higher_band_adds_the_rest(self):
        """AWS's example: 60 % adds 1; 62 % while it warms adds none; 70 % then adds 2 more, 13 in all."""
        work = steps(
            cpu(10, 0.55, 20), cpu(10, 0.60, 1), cpu(10, 0.62, 1), cpu(10, 0.70, 1), cpu(13, 0.5, 20)
        )
        run = run_fleet(work, stepping(PERCENT_OUT))
        assert list(run.running[[21, 22, 23, 24, 40]]) == [10, 11, 11, 13, 13]

    @pytest.mark.parametrize(
        ("base", "percent", "least", "after"),
        [
            (100, 12.7, 0, 112),
            (1, 67, 0, 2),
            (1, -58, 0, 0),
            (10, -66.7, 0, 4),
            (4, 25, 2, 6),
            (10, 0, 3, 10),
        ],
    )
    def test_percent_is_rounded_as_documented(self, base, percent, least, after):
        """12.7 is 12, 0.67 is 1, -0.58 is -1, -6.67 is -6; MinAdjustmentMagnitude 2 makes 25 % of 4 two."""
        assert fleet._stepped(base, 2.0, float(percent), float(least)) == after

    @pytest.mark.parametrize(("kind", "adjustment", "after"), [("change", 5, 15), ("exact", 12, 12)])
    def test_change_and_exact(self, kind, adjustment, after):
        policy = StepScaling("cpu", 0.7, True, (Step(0, np.inf, adjustment),), kind)
        run = run_fleet(steps(cpu(10, 0.5, 20), cpu(10, 0.8, 1), cpu(10, 0.5, 20)), stepping(policy))
        assert run.running[-1] == after

    def test_nothing_is_removed_twice_while_instances_drain(self):
        policy = StepScaling("cpu", 0.5, False, (Step(-np.inf, 0, -2),), "change")
        run = run_fleet(steps(cpu(10, 0.6, 20), cpu(10, 0.1, 4)), stepping(policy))
        assert run.serving[-1] == 8

    def test_simple_scaling_waits_for_the_instances_and_its_cooldown(self):
        """Alarm seen at the end of 21: 1 more; then boot 2 + cooldown 5 pass before the next, at the end of 29."""
        policy = StepScaling("cpu", 0.7, True, (Step(0, np.inf, 1),), "change", cooldown_minutes=5)
        run = run_fleet(steps(cpu(10, 0.5, 20), cpu(10, 0.99, 14)), stepping(policy, warmup_minutes=2))
        assert list(run.running[[21, 22, 28, 29, 30]]) == [10, 11, 11, 11, 12]


class TestScheduleAndForecast:
    def test_a_schedule_sets_size_and_bounds(self):
        scheduled = (
            ScheduledAction(10, min_size=5),
            ScheduledAction(20, desired_size=8),
            ScheduledAction(60, min_size=1, max_size=3),
        )
        run = run_fleet(np.zeros(90), group(scheduled=scheduled))
        assert list(run.serving[[10, 13, 20, 23, 60, 61]]) == [1, 5, 5, 8, 5, 1]

    def test_a_lower_maximum_lets_instances_go(self):
        run = run_fleet(cpu(8, 0.5, 30), group(scheduled=(ScheduledAction(10, max_size=3),)))
        assert list(run.serving[[10, 11]]) == [8, 3]

    def test_a_forecast_launches_before_the_hour_and_never_shrinks(self):
        """4 instances from minute 60, decided at the end of minute 50; the alarm takes them off again."""
        forecast = PredictiveScaling(np.array([1.0, 3.2, 1.0]), buffer_minutes=10)
        run = run_fleet(np.zeros(180), group(predictive=forecast))
        assert list(run.serving[[50, 52, 53, 60, 119]]) == [1, 1, 4, 4, 4]
        assert run.serving[-1] == 1
        assert forecast.floors() == [(0, 1), (50, 4), (120, 1)]

    def test_a_forecast_stays_within_the_maximum(self):
        run = run_fleet(np.zeros(90), group(max_size=3, predictive=PredictiveScaling(np.array([9.0, 9.0]))))
        assert run.serving.max() == 3


class TestWarmPool:
    def test_stopped_instances_serve_sooner_and_are_refilled(self):
        """Ten instances, 13 wanted at the end of minute 4: serving after 1 minute instead of 4."""
        work = steps(cpu(10, 0.5, 1), cpu(10, 0.62, 30))
        options = {"boot_minutes": 4, "max_size": 14}
        cold = run_fleet(work, group(**options))
        fast = run_fleet(work, group(**options, warm_pool=WarmPool(1)))
        assert list(cold.serving[[5, 8, 9]]) == [10, 10, 13]
        assert list(fast.serving[[5, 6]]) == [10, 13]
        assert list(fast.stopped[[0, 4, 5, 30]]) == [4, 4, 1, 1]

    def test_a_refill_boots_at_full_price_and_then_waits(self):
        """Room for 20 prepared: the 3 taken at the end of minute 4 leave 7 wanted, which are there."""
        work = steps(cpu(10, 0.5, 1), cpu(10, 0.62, 30))
        run = run_fleet(work, group(warm_pool=WarmPool(1, prepared_capacity=0, min_size=2)))
        assert list(run.stopped[[4, 5, 7, 8]]) == [2, 0, 2, 2]
        assert list(run.running[[4, 5, 6, 7]]) == [10, 15, 15, 13]


class TestSpot:
    mix = SpotMix(on_demand_base=2, on_demand_ratio_above_base=0.25)

    def test_base_and_share_above_it(self):
        """2 + 25 % of 8 are 4 on demand, 6 spot; of 11, 2 + 2.25 rounded up are 5."""
        run = run_fleet(cpu(10, 0.5, 3), group(zones=3, spot=self.mix))
        assert set(run.spot_running) == {6}
        run = run_fleet(cpu(11, 0.5, 3), group(zones=3, spot=self.mix))
        assert set(run.spot_running) == {6}

    def test_a_reclaim_is_replaced_at_the_notice(self):
        """6 spot over 3 zones: pool 0 loses 2 in minute 30; the notice in 28 launches 2, serving from 31."""
        run = run_fleet(cpu(10, 0.5, 60), group(zones=3, spot=self.mix), disruptions=[SpotReclaim(30, 0)])
        assert list(run.running[[28, 29, 30, 31]]) == [10, 12, 10, 10]
        assert list(run.serving[[28, 29, 30, 31]]) == [10, 10, 8, 10]
        assert not run.failed_ratio.any()

    def test_without_rebalancing_requests_fail_for_a_minute(self):
        mix = SpotMix(2, 0.25, rebalancing=False)
        run = run_fleet(cpu(10, 0.5, 60), group(zones=3, spot=mix), disruptions=[SpotReclaim(30, 0)])
        assert list(run.serving[[29, 30, 32, 33]]) == [10, 8, 8, 10]
        assert run.failed_ratio[30] == pytest.approx(0.2)
        assert not run.failed_ratio[31:].any()

    def test_spot_that_no_pool_has_is_not_replaced_by_on_demand(self):
        reclaims = [SpotReclaim(30, pool, closed_minutes=20) for pool in range(3)]
        run = run_fleet(cpu(10, 0.5, 90), group(zones=3, spot=self.mix), disruptions=reclaims)
        assert set(run.serving[30:50]) == {4}
        assert run.spot_running[40] == 0
        assert run.serving[53] == 10


class TestLosses:
    def test_a_lost_zone_takes_a_third_and_is_replaced_in_the_others(self):
        """9 over 3 zones, 3 lost in minute 20, replacements decided at its end, serving from 23."""
        run = run_fleet(cpu(9, 0.5, 60), group(zones=3), disruptions=[ZoneLoss(20, 1, 30)])
        assert list(run.serving[[19, 20, 22, 23]]) == [9, 6, 6, 9]
        assert run.failed_ratio[20] == pytest.approx(1 / 3)
        assert not run.failed_ratio[21:].any()

    def test_a_statically_stable_group_needs_no_launch(self):
        """Three zones at 50 %: 75 % on the six that are left, though nothing can be launched."""
        loss = ZoneLoss(20, 2, 30, launches_fail=True)
        run = run_fleet(cpu(9, 0.5, 60), group(zones=3), disruptions=[loss])
        assert set(run.serving[20:50]) == {6}
        assert set(run.utilisation[21:50]) == {0.75}
        assert not run.failed_ratio[21:].any()
        tight = run_fleet(cpu(9, 0.7, 60), group(0.7, zones=3), disruptions=[loss])
        assert tight.failed_ratio[31:50].min() > 0

    def test_without_any_zone_everything_fails(self):
        run = run_fleet(cpu(4, 0.5, 60), group(), disruptions=[ZoneLoss(20, 0, 10)])
        assert set(run.failed_ratio[20:30]) == {1.0}
        assert set(run.serving[20:30]) == {0}
        assert run.serving[-1] >= 4

    def test_a_failed_instance_is_replaced(self):
        run = run_fleet(cpu(10, 0.5, 40), group(zones=2), disruptions=[InstanceFailure(20, 0, 1)])
        assert list(run.serving[[19, 20, 22, 23]]) == [10, 9, 9, 10]

    @pytest.mark.parametrize("disruption", [ZoneLoss(1, 3, 1), SpotReclaim(1, 0), InstanceFailure(1, 7, 1)])
    def test_refuses_what_the_group_does_not_have(self, disruption):
        with pytest.raises(ValueError, match="there is no"):
            run_fleet(np.ones(3), group(zones=3), disruptions=[disruption])


class TestCpuCredits:
    def test_an_hour_flat_out_borrows_what_the_worked_table_says(self):
        """t3.large: 120 spent, 36 earned, 84 borrowed = 1.4 vCPU-hours. Charged when the instance ends."""
        credits = CpuCredits(2.0, 36.0, unlimited=True)
        scheduled = (ScheduledAction(0, desired_size=2), ScheduledAction(59, min_size=1, max_size=1))
        lone = group(
            policies=(TargetTracking("cpu", 1.0),), boot_minutes=0, cpu_credits=credits, scheduled=scheduled
        )
        run = run_fleet(np.full(60, 120.0), lone)
        assert run.surplus_credits[:59].sum() == 0
        assert run.surplus_credits[59] == pytest.approx(84, abs=1.5)

    def test_surplus_beyond_a_day_of_earning_is_charged_at_once(self):
        """A day at full speed: 2 880 spent, 864 earned, 864 lent, 1 152 charged."""
        run = run_fleet(
            np.full(1440, 60.0), group(1.0, max_size=1, cpu_credits=CpuCredits(2.0, 36.0, unlimited=True))
        )
        assert run.surplus_credits.sum() == pytest.approx(2880 - 864 - 864)
        assert set(run.utilisation) == {1.0}

    def test_standard_mode_falls_to_the_baseline_and_the_alarm_does_not_see_it(self):
        """Empty, a t3.large does 30 %: half of 60 % load fails, CPU shows 30 % and never reaches the target."""
        run = run_fleet(
            cpu(1, 0.6, 600),
            group(0.65, patience=Patience(1.0), cpu_credits=CpuCredits(2.0, 36.0, unlimited=False)),
        )
        assert set(run.running) == {1}
        assert run.failed_ratio[100] == pytest.approx(0.5, abs=0.01)
        assert not run.surplus_credits.any()

    def test_idle_hours_pay_for_busy_ones(self):
        """24 h idle earn 864; 60 % above 30 % spends 0.6 a minute: 1 440 minutes of it."""
        work = steps(np.zeros(1440), cpu(1, 0.6, 1400), cpu(1, 0.6, 100))
        run = run_fleet(work, group(0.65, cpu_credits=CpuCredits(2.0, 36.0, unlimited=False)))
        assert not run.failed_ratio[:2840].any()
        assert run.failed_ratio[2900:].any()


class TestNetwork:
    budget = NetworkBudget(baseline_gbps=1.0, burst_gbps=5.0, gbit_per_cpu_s=10.0, burst_minutes=5)

    def test_burst_lasts_its_minutes_and_then_the_baseline_holds(self):
        """30 CPU-s send 300 Gbit, the burst of a minute; after 5 minutes 6 CPU-s a minute are left."""
        run = run_fleet(
            np.full(20, 30.0), group(1.0, max_size=1, patience=Patience(1.0), network=self.budget)
        )
        assert not run.failed_ratio[:5].any()
        assert run.failed_ratio[10] == pytest.approx(1 - 6 / 30)
        assert run.backlog_delay_ms[10] == pytest.approx(1000)

    def test_below_the_baseline_nothing_changes(self):
        plain = run_fleet(np.full(99, 6.0), group(1.0))
        metered = run_fleet(np.full(99, 6.0), group(1.0, network=self.budget))
        np.testing.assert_array_equal(plain.utilisation, metered.utilisation)
        np.testing.assert_array_equal(plain.failed_ratio, metered.failed_ratio)


def test_an_overloaded_group_keeps_its_load():
    """All targets fail their checks together, so the load balancer fails open: all of them go on working."""
    run = run_fleet(np.full(120, 600.0), group(max_size=2))
    assert set(run.serving[10:]) == {2}
    assert set(run.utilisation[10:]) == {1.0}
    assert run.failed_ratio[-1] == pytest.approx(0.8)


def test_work_beyond_the_timeout_fails_and_the_rest_waits():
    """One instance does 60 CPU-s a minute and 30 s of patience holds 30 of them.

    Minute 0: 120 arrive, 60 done, 30 wait, 30 of 120 fail; the mean wait is half of 30 s. Minute 1:
    30 + 120, 60 done, 30 wait, 60 of 120 fail; the wait stays 30 s. Minute 2: the 30 left are done.
    """
    run = run_fleet(np.array([120.0, 120.0, 0.0]), group(max_size=1))
    assert list(run.failed_ratio) == [0.25, 0.5, 0.0]
    assert list(run.backlog_delay_ms) == [15_000.0, 30_000.0, 15_000.0]
    assert list(run.utilisation) == [1.0, 1.0, 0.5]


def test_boot_pipeline_adds_up_its_phases():
    assert boot.boot_s(60.0) == 2 + 5 + 15 + 60 + 15
    assert boot.boot_minutes(60.0) == 2
    assert boot.warmup_s(60.0) == 300
    assert boot.warmup_minutes(60.0) == 6
    assert boot.warm_pool_boot_minutes() == 1


@given(bootstrap_s=st.floats(0, 3600))
def test_an_instance_is_never_warm_before_it_serves(bootstrap_s):
    assert boot.warmup_minutes(bootstrap_s) >= boot.boot_minutes(bootstrap_s)
    assert 300 <= boot.warmup_s(bootstrap_s) <= 3600
    assert boot.warmup_minutes(bootstrap_s) <= LONGEST_WARMUP_MINUTES


@pytest.mark.parametrize(
    "changes",
    [
        {"min_size": 0},
        {"min_size": 5, "max_size": 4},
        {"max_size": 10**9},
        {"boot_minutes": 7},
        {"warmup_minutes": 62},
        {"deregistration_minutes": 61},
        {"instance_cpu_s_per_minute": 0.0},
        {"instance_cpu_s_per_minute": float("inf")},
        {"zones": 7},
        {"scheduled": (ScheduledAction(0, min_size=1),) * 126},
        {"warm_pool": WarmPool(1), "spot": SpotMix(0, 0.5)},
        {"warm_pool": WarmPool(7)},
    ],
)
def test_refuses_a_group_that_cannot_exist(changes):
    with pytest.raises(ValueError, match=r"must|cannot"):
        group(**changes)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SpotMix(-1, 0.5),
        lambda: SpotMix(0, 1.1),
        lambda: SpotMix(0, 0.5, pools_per_zone=0),
        lambda: WarmPool(-1),
        lambda: CpuCredits(2, 0, unlimited=True),
        lambda: CpuCredits(2, 121, unlimited=True),
        lambda: NetworkBudget(2, 1, 1),
        lambda: NetworkBudget(1, 2, float("nan")),
        lambda: NetworkBudget(1, 2, 1, burst_minutes=61),
    ],
)
def test_refuses_parts_that_cannot_exist(make):
    with pytest.raises(ValueError, match=r"must|needs|lasts"):
        make()


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), 1e300])
def test_refuses_work_that_is_not_a_number(bad):
    with pytest.raises(ValueError, match="must be a number from 0"):
        run_fleet(np.array([1.0, bad]), group())
    with pytest.raises(ValueError, match="must be a number from 0"):
        run_fleet(np.array([1.0, 1.0]), group(), requests=np.array([1.0, bad]))


@st.composite
def loads(draw):
    levels = draw(st.lists(st.floats(0, 3_000), min_size=1, max_size=8))
    lengths = draw(st.lists(st.integers(1, 60), min_size=len(levels), max_size=len(levels)))
    return np.repeat(np.array(levels), lengths)


patient = st.builds(
    Patience, st.sampled_from([0.5, 10.0, 900.0]), st.integers(0, 3), st.sampled_from([0.0, 0.4, 1.0])
)

groups = st.builds(
    group,
    target_ratio=st.sampled_from([0.3, 0.5, 0.7, 1.0]),
    min_size=st.integers(1, 5),
    max_size=st.integers(5, 60),
    boot_minutes=st.integers(0, 4),
    warmup_minutes=st.integers(4, 12),
    patience=patient,
)

policies = st.lists(
    st.one_of(
        st.builds(TargetTracking, st.just("cpu"), st.sampled_from([0.3, 0.5, 1.0]), st.booleans()),
        st.builds(TargetTracking, st.just("requests_per_target"), st.sampled_from([1e-9, 20.0, 1e12])),
        st.sampled_from([PERCENT_OUT, PERCENT_IN]),
        st.builds(
            StepScaling,
            st.sampled_from(["cpu", "requests_per_target"]),
            st.sampled_from([0.0, 0.6, 40.0]),
            st.booleans(),
            st.builds(
                lambda adjustment: (Step(-np.inf, np.inf, adjustment),), st.sampled_from([0.0, 3.0, 1e300])
            ),
            st.sampled_from(["change", "exact", "percent"]),
            cooldown_minutes=st.integers(0, 9),
        ),
        st.builds(StepScaling, st.just("cpu"), st.just(0.4), st.just(False),
                  st.just((Step(-np.inf, 0, -1e300),)), st.sampled_from(["change", "percent"])),
    ),
    min_size=1,
    max_size=3,
).map(tuple)  # fmt: skip

schedules = st.lists(
    st.builds(ScheduledAction, st.integers(0, 300), desired_size=st.integers(0, 80))
    | st.builds(
        ScheduledAction, st.integers(0, 300), min_size=st.integers(0, 9), max_size=st.integers(9, 80)
    ),
    max_size=4,
).map(tuple)


@st.composite
def full_groups(draw):
    """Groups with any mixture of mechanisms, and disruptions they can have."""
    zones = draw(st.integers(1, 4))
    spot = draw(
        st.none() | st.builds(SpotMix, st.integers(0, 5), st.floats(0, 1), st.integers(1, 2), st.booleans())
    )
    pool = draw(
        st.none() | st.builds(WarmPool, st.integers(0, 2), st.none() | st.integers(0, 40), st.integers(0, 4))
    )
    scaling = group(
        policies=draw(policies),
        min_size=draw(st.integers(1, 5)),
        max_size=draw(st.integers(5, 60)),
        boot_minutes=draw(st.integers(0, 4)),
        warmup_minutes=draw(st.integers(4, 12)),
        patience=draw(patient),
        zones=zones,
        deregistration_minutes=draw(st.integers(0, 60)),
        scheduled=draw(schedules),
        predictive=draw(
            st.none()
            | st.builds(
                lambda hours, buffer: PredictiveScaling(np.array(hours), buffer),
                st.lists(st.floats(0, 90), min_size=1, max_size=6),
                st.integers(0, 60),
            )
        ),
        spot=spot,
        warm_pool=None if spot else pool,
        cpu_credits=draw(
            st.none() | st.builds(CpuCredits, st.just(2.0), st.floats(1, 120), unlimited=st.booleans())
        ),
        network=draw(st.none() | st.builds(NetworkBudget, st.just(0.5), st.floats(0.5, 9), st.floats(0, 9))),
    )
    happens = [
        st.builds(
            ZoneLoss, st.integers(0, 300), st.integers(0, zones - 1), st.integers(1, 90), st.booleans()
        ),
        st.builds(InstanceFailure, st.integers(0, 300), st.integers(0, zones - 1), st.integers(1, 9)),
    ]
    if spot is not None:
        pools = zones * spot.pools_per_zone
        happens.append(
            st.builds(SpotReclaim, st.integers(0, 300), st.integers(0, pools - 1), st.integers(0, 90))
        )
    return scaling, draw(st.lists(st.one_of(happens), max_size=5))


def by_kernel(kernel, work, scaling, disruptions=(), *, skips=True):
    """The run of any kernel with the arguments that `run_fleet` gives the compiled one."""
    tables = policy_tables(scaling.policies)
    start = fleet._start_size(scaling, work[0], work[0])
    out = np.zeros((8, work.size))
    kernel(
        work,
        work,
        fleet.plan(scaling, start, skips=skips),
        *tables,
        fleet._events(scaling, disruptions),
        fleet._pools(scaling),
        out,
    )
    return out


@given(work=loads(), scaling=full_groups())
@settings(max_examples=120, deadline=None)
def test_compiled_kernel_equals_plain_python(work, scaling):
    assert fleet._compiled.py_func is fleet._minutes
    compiled = by_kernel(fleet._compiled, work, *scaling)
    np.testing.assert_array_equal(compiled, by_kernel(fleet._minutes, work, *scaling))


@given(work=loads(), scaling=groups)
@settings(max_examples=100, deadline=None)
def test_skipping_quiet_stretches_changes_nothing(work, scaling):
    every_minute = by_kernel(fleet._compiled, work, scaling, skips=False)
    np.testing.assert_array_equal(by_kernel(fleet._compiled, work, scaling), every_minute)
    np.testing.assert_array_equal(by_kernel(fleet._minutes, work, scaling), every_minute)


@given(work=loads(), scaling=full_groups())
@settings(max_examples=150, deadline=None)
def test_skipping_changes_nothing_whatever_happens(work, scaling):
    every_minute = by_kernel(fleet._compiled, work, *scaling, skips=False)
    np.testing.assert_array_equal(by_kernel(fleet._compiled, work, *scaling), every_minute)


@given(work=loads(), scaling=full_groups())
@settings(max_examples=150, deadline=None)
def test_whatever_happens_every_figure_stays_finite_and_in_its_range(work, scaling):
    group_, disruptions = scaling
    run = run_fleet(work, group_, requests=work, disruptions=disruptions)
    columns = np.stack([getattr(run, name) for name in FleetRun.__slots__])
    assert np.isfinite(columns).all()
    assert columns.min() >= 0
    assert run.utilisation.max() <= 1
    assert run.failed_ratio.max() <= 1
    assert np.all(run.running >= run.serving)
    assert np.all(run.running >= run.spot_running)
    for name in ("running", "serving", "spot_running", "stopped"):
        column = getattr(run, name)
        np.testing.assert_array_equal(column, np.round(column))
    if group_.spot is None:
        assert not run.spot_running.any()


@given(work=loads(), scaling=groups)
@settings(max_examples=60, deadline=None)
def test_every_minute_is_sane_and_no_work_appears_or_vanishes(work, scaling):
    scaling = replace(scaling, patience=Patience(scaling.patience.timeout_s))
    run = run_fleet(work, scaling)
    assert np.all(run.serving >= scaling.min_size)
    assert np.all(run.serving <= scaling.max_size)
    done = (run.utilisation * run.serving * INSTANCE_CPU_S).sum()
    failed = (run.failed_ratio * work).sum()
    waiting = work.sum() - done - failed
    assert waiting >= -1e-6 * max(1.0, work.sum())
    assert waiting <= scaling.patience.timeout_s / 60 * scaling.max_size * INSTANCE_CPU_S + 1e-6


@given(work=loads(), scaling=groups, factor=st.floats(1, 4))
@settings(max_examples=80, deadline=None)
def test_more_load_costs_less_only_within_the_dead_band(work, scaling, factor):
    """Between 0.7 of the target and the target nothing happens.

    So a lower load may keep instances that a higher one, after another history, has let go: up to
    30 % of them, and up to one alarm, warm-up and draining period longer.
    """
    less, more = run_fleet(work, scaling), run_fleet(work * factor, scaling)
    late_minutes = 15 + 1 + scaling.warmup_minutes + 5
    slack = late_minutes * (less.running.max() - scaling.min_size)
    assert more.running.sum() >= 0.7 * less.running.sum() - slack
