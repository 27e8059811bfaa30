import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import jit

from costmodel.capacity import screening
from costmodel.capacity.fleet import run_fleet
from costmodel.capacity.group import ScalingGroup, SpotMix
from costmodel.capacity.overload import Patience
from costmodel.capacity.scaling import Step, StepScaling, TargetTracking
from costmodel.capacity.screening import LANES, screen

MINUTES = 3 * 1440


def group(cpu_s=60.0, target=0.5, least=2, most=40, **changes):
    values = {"boot_minutes": 2, "warmup_minutes": 6, "patience": Patience(10.0)} | changes
    return ScalingGroup(cpu_s, (TargetTracking("cpu", target),), least, most, **values)


def trace(seed, minutes=MINUTES):
    """Days with noise and one flash crowd."""
    generator = np.random.default_rng(seed)
    day = 1 + 0.6 * np.sin(np.arange(minutes) / 1440 * 2 * np.pi)
    work = 500 * day * generator.gamma(100, 1 / 100, minutes)
    crowd = generator.integers(minutes - 200)
    work[crowd : crowd + 100] *= 8
    return work


def exact(work, scaling):
    run = run_fleet(work, scaling)
    return run.running.sum(), (run.failed_ratio * work).sum()


groups = st.builds(
    group,
    cpu_s=st.sampled_from([60.0, 97.5, 240.0]),
    target=st.sampled_from([0.3, 0.5, 0.7, 1.0]),
    least=st.integers(1, 5),
    most=st.integers(5, 90),
    patience=st.builds(Patience, st.sampled_from([0.5, 10.0, 900.0])),
)


@given(st.lists(groups, min_size=1, max_size=2 * LANES), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_double_precision_runs_the_same_instances_and_fails_the_same_work(found, seed):
    work = trace(seed, 1440)
    screened = screen(work, found, precision="double")
    instances, failed = np.array([exact(work, one) for one in found]).T
    np.testing.assert_array_equal(screened.instance_minutes, instances)
    np.testing.assert_allclose(screened.failed_cpu_s, failed, rtol=1e-12, atol=1e-6)


@given(st.integers(0, 4), st.integers(0, 9), st.integers(0, 60), st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_any_lag_is_the_exact_kernels(boot, warming, draining, seed):
    one = group(boot_minutes=boot, warmup_minutes=boot + warming, deregistration_minutes=draining)
    work = trace(seed, 1440)
    assert screen(work, [one], precision="double").instance_minutes[0] == exact(work, one)[0]


def test_single_precision_is_close(model_row):
    generator = np.random.default_rng(5)
    found = [
        group(float(cpu), float(target), 2, int(most))
        for cpu, target, most in zip(
            generator.uniform(40, 240, 128),
            generator.choice([0.3, 0.4, 0.5, 0.6, 0.7], 128),
            generator.integers(10, 90, 128),
            strict=True,
        )
    ]
    work = trace(1, 30 * 1440)
    screened = screen(work, found)
    instances, failed = np.array([exact(work, one) for one in found]).T
    errors = np.abs(screened.instance_minutes / instances - 1)
    assert errors.max() < 5e-3
    assert np.median(errors) < 2e-4
    assert np.abs(screened.failed_cpu_s - failed).max() < 1e-3 * work.sum()
    model_row(
        "EC2 fleet",
        "screening lanes, single precision",
        rule="the minute kernel without branches, 64 groups at once",
        source="own",
        oracle="exact kernel, 128 groups, 30 days with a flash crowd",
        tolerance="instance-minutes 5e-3, median 2e-4; double precision equal",
        observed_error=f"worst {errors.max():.2g}, median {np.median(errors):.2g}",
    )


def test_each_group_may_have_a_trace_of_its_own():
    work = np.stack([trace(seed) for seed in range(LANES + 3)], axis=1)
    one = group()
    screened = screen(work, [one] * (LANES + 3), precision="double")
    instances = [exact(np.ascontiguousarray(column), one)[0] for column in work.T]
    np.testing.assert_array_equal(screened.instance_minutes, instances)


@pytest.mark.parametrize("number", [np.float32, np.float64])
@pytest.mark.parametrize("dimensions", [1, 2])
def test_the_compiler_uses_vector_registers(number, dimensions):
    """Both loops over the lanes divide, the second one rounds as often as it divides.

    A compiler that gave up on one of them would do its numbers one by one. Compiled anew, as code from the
    cache cannot be looked into, with the options of the kernel: `jit` takes `nopython`, which is one of them.
    """
    kernel = jit(**screening._lanes.targetoptions)(screening._lanes.py_func)
    work = np.ones((1, LANES)[2 - dimensions :] if dimensions == 2 else 1, dtype=number)
    state = screening._state(np.ones(LANES), np.ones((6, LANES)), number)
    ring = np.zeros(screening.RING * LANES, dtype=number)
    kernel(work, state, ring, 2, 6, 5, number(1e-4), np.zeros((4, LANES)))
    (code,) = kernel.inspect_llvm().values()
    name, short = ("float", "f32") if number is np.float32 else ("double", "f64")
    divisions = [int(width) for width in re.findall(rf"= fdiv [^<\n]*<(\d+) x {name}>", code)]
    roundings = re.findall(rf"call [^\n]*@llvm\.ceil\.v\d+{short}\(", code)
    assert min(divisions) >= 2
    assert len(divisions) > len(roundings) > 0


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_no_register_crosses_a_cache_line(number):
    """Memory as it comes begins anywhere: of many pieces some would be off the line."""
    states = [screening._state(np.ones(LANES), np.ones((6, LANES)), number) for _ in range(20)]
    rings = [screening._zeros(screening.RING * LANES, number) for _ in range(20)]
    assert all(piece.ctypes.data % 64 == 0 for piece in [*states, *rings])
    assert all(piece.flags.c_contiguous and piece.dtype == number for piece in [*states, *rings])


def test_refuses_what_it_cannot_screen():
    with pytest.raises(ValueError, match="one trace for all"):
        screen(np.ones((9, 3)), [group()])
    with pytest.raises(ValueError, match="same boot"):
        screen(np.ones(9), [group(), group(boot_minutes=3)])
    steps = StepScaling("cpu", 0.5, True, (Step(0, np.inf, 1),), "change")
    for one in (
        group(spot=SpotMix(0, 0.5)),
        group(patience=Patience(10.0, retries=1)),
        ScalingGroup(60.0, (steps,), 1, 9, 2, 6, Patience(10.0)),
        ScalingGroup(60.0, (TargetTracking("cpu", 0.5), steps), 1, 9, 2, 6, Patience(10.0)),
    ):
        with pytest.raises(ValueError, match="nothing else"):
            screen(np.ones(9), [one])
