import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import fleet
from costmodel.capacity.fleet import ScalingGroup, run_fleet

INSTANCE_CPU_S = 60.0
BOOT, WARMUP = 2, 6


def group(**changes):
    values = {
        "instance_cpu_s_per_minute": INSTANCE_CPU_S,
        "target_ratio": 0.5,
        "min_size": 1,
        "max_size": 100,
        "boot_minutes": BOOT,
        "warmup_minutes": WARMUP,
        "timeout_s": 30.0,
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
        run = run_fleet(steps(cpu(2, 0.5, 1), np.full(60, 5_000.0)), group(timeout_s=1.0))
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
    assert fleet.boot_s(60.0) == 2 + 5 + 15 + 60 + 15
    assert fleet.boot_minutes(60.0) == 2
    assert fleet.warmup_s(60.0) == 300
    assert fleet.warmup_minutes(60.0) == 6


@given(bootstrap_s=st.floats(0, 3600))
def test_an_instance_is_never_warm_before_it_serves(bootstrap_s):
    assert fleet.warmup_minutes(bootstrap_s) >= fleet.boot_minutes(bootstrap_s)
    assert 300 <= fleet.warmup_s(bootstrap_s) <= 3600


@pytest.mark.parametrize(
    "changes",
    [
        {"target_ratio": 0.0},
        {"target_ratio": 1.1},
        {"min_size": 0},
        {"min_size": 5, "max_size": 4},
        {"boot_minutes": 7},
        {"instance_cpu_s_per_minute": 0.0},
        {"timeout_s": float("nan")},
    ],
)
def test_refuses_a_group_that_cannot_exist(changes):
    with pytest.raises(ValueError, match=r"must|cannot"):
        group(**changes)


@st.composite
def loads(draw):
    levels = draw(st.lists(st.floats(0, 3_000), min_size=1, max_size=8))
    lengths = draw(st.lists(st.integers(1, 60), min_size=len(levels), max_size=len(levels)))
    return np.repeat(np.array(levels), lengths)


groups = st.builds(
    group,
    target_ratio=st.sampled_from([0.3, 0.5, 0.7, 1.0]),
    min_size=st.integers(1, 5),
    max_size=st.integers(5, 60),
    boot_minutes=st.integers(0, 4),
    warmup_minutes=st.integers(4, 12),
    timeout_s=st.sampled_from([0.5, 10.0, 900.0]),
)


@given(work=loads(), scaling=groups)
@settings(max_examples=60, deadline=None)
def test_compiled_kernel_equals_plain_python(work, scaling):
    arguments = (
        work,
        scaling.instance_cpu_s_per_minute,
        scaling.target_ratio,
        scaling.min_size,
        scaling.max_size,
        scaling.min_size,
        scaling.boot_minutes,
        scaling.warmup_minutes,
        scaling.timeout_s / 60,
    )
    compiled = fleet._compiled_minutes
    assert compiled.py_func is fleet._minutes
    for fast, plain in zip(compiled(*arguments), fleet._minutes(*arguments), strict=True):
        np.testing.assert_array_equal(fast, plain)


@given(work=loads(), scaling=groups)
@settings(max_examples=60, deadline=None)
def test_every_minute_is_sane_and_no_work_appears_or_vanishes(work, scaling):
    run = run_fleet(work, scaling)
    columns = np.stack([run.running, run.serving, run.utilisation, run.backlog_delay_ms, run.failed_ratio])
    assert np.isfinite(columns).all()
    assert columns.min() >= 0
    assert run.utilisation.max() <= 1
    assert run.failed_ratio.max() <= 1
    assert np.all(run.serving >= scaling.min_size)
    assert np.all(run.serving <= scaling.max_size)
    assert np.all(run.running >= run.serving)
    done = (run.utilisation * run.serving * INSTANCE_CPU_S).sum()
    failed = (run.failed_ratio * work).sum()
    waiting = work.sum() - done - failed
    assert waiting >= -1e-6 * max(1.0, work.sum())
    assert waiting <= scaling.timeout_s / 60 * scaling.max_size * INSTANCE_CPU_S + 1e-6


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
