"""Totals of many designs under many draws, each held against the kernel that steps through every minute."""

import numpy as np
import pytest

from costmodel.capacity.concurrency import run_concurrency
from costmodel.capacity.fleet import run_fleet
from costmodel.capacity.group import ScalingGroup
from costmodel.capacity.many import Designs, FunctionSize, Node, TableBounds, Totals, run_draws
from costmodel.capacity.overload import Patience
from costmodel.capacity.provisioned import follow_target
from costmodel.capacity.queueing import response_latency
from costmodel.capacity.scaling import TargetTracking
from costmodel.demand.noise import count_swinging, random_stream, swings

MINUTES = 30 * 1440
RATES = 2_000 * (1 + 0.7 * np.sin(np.arange(2 * MINUTES).reshape(2, MINUTES) / 1440 * 2 * np.pi))
CPU_S_PER_CALL = 0.03


def draw(number):
    streams = [random_stream(number, place, "shoppers") for place in ("europe", "japan")]
    return count_swinging(RATES, streams, swings(number, 0.1, 0.12)).sum(axis=0)


def fleet(cpu_s, target):
    return ScalingGroup(cpu_s, (TargetTracking("cpu", target),), 2, 40, 2, 6, Patience(10.0))


DESIGNS = Designs(
    fleets=[fleet(cpu_s, target) for cpu_s in (60.0, 100.0, 240.0) for target in (0.4, 0.5, 0.7)],
    cpu_s_per_call=CPU_S_PER_CALL,
    functions=[FunctionSize(0.05, 1_000), FunctionSize(0.2, 25), FunctionSize(0.3, 1_000, 20)],
    tables=[TableBounds(2.0, 0.7, 5, 4_000), TableBounds(6.0, 0.5, 5, 300)],
    nodes=[Node(2, 0.01), Node(4, 0.02), Node(8, 0.05)],
)
DRAWS = 3


@pytest.fixture(scope="module")
def found():
    return run_draws(draw, DRAWS, DESIGNS)


def test_fleets(found, model_row):
    errors = [
        found.instance_minutes[number, place] / run_fleet(draw(number) * CPU_S_PER_CALL, group).running.sum()
        - 1
        for number in range(DRAWS)
        for place, group in enumerate(DESIGNS.fleets)
    ]
    worst = np.abs(errors).max()
    assert worst < 5e-3
    model_row(
        "many draws",
        "EC2 fleets",
        rule="screening lanes",
        source="own",
        oracle="exact kernel, 9 groups, 3 draws of 30 days",
        tolerance="instance-minutes 5e-3",
        observed_error=worst,
    )


def test_functions(found, model_row):
    worst = 0.0
    for number in range(DRAWS):
        for place, one in enumerate(DESIGNS.functions):
            calls = draw(number)
            run = run_concurrency(
                calls, one.duration_s, np.full(calls.size, float(one.limit)), provisioned=one.provisioned
            )
            throttled = run.throttled_requests.sum()
            assert found.throttled_calls[number, place] == pytest.approx(throttled, rel=1e-3, abs=1e-9)
            worst = max(worst, abs(found.throttled_calls[number, place] - throttled) / max(throttled, 1.0))
            if throttled == 0.0:
                assert found.cold_starts[number, place] == pytest.approx(run.cold_starts.sum(), rel=1e-3)
                worst = max(worst, abs(found.cold_starts[number, place] / run.cold_starts.sum() - 1))
    model_row(
        "many draws",
        "Lambda cold starts and throttles",
        rule="load profile of 1,024 bins and the minutes above the last six",
        source="own",
        oracle="minute by minute, 3 functions, 3 draws of 30 days",
        tolerance="1e-3",
        observed_error=worst,
    )


def test_tables(found):
    for number in range(DRAWS):
        for place, one in enumerate(DESIGNS.tables):
            needed = draw(number) * one.units_per_call
            run = follow_target(needed, one.target_ratio, one.minimum_units, one.maximum_units)
            assert found.unit_minutes[number, place] == run.provisioned_units.sum()
            assert found.throttled_units[number, place] == run.throttled_units.sum()
    assert found.throttled_units[:, 1].min() > 0


def test_nodes(found, model_row):
    worst = 0.0
    for number in range(DRAWS):
        calls = draw(number)
        for place, one in enumerate(DESIGNS.nodes):
            busy = calls / 60 * one.busy_s_per_call
            exact = response_latency(calls, np.full(calls.size, one.vcpus), busy, one.busy_s_per_call * 1000)
            assert found.node_p95_ms[number, place] == pytest.approx(exact.p95_ms, rel=5e-3)
            worst = max(worst, abs(found.node_p95_ms[number, place] / exact.p95_ms - 1))
    model_row(
        "many draws",
        "database latency",
        rule="load histogram of 1,024 bins",
        source="own",
        oracle="grouped minute by minute, 3 nodes, 3 draws of 30 days",
        tolerance="p95 5e-3",
        observed_error=worst,
    )


@pytest.mark.parametrize("threads", [1, 3, 7])
def test_threads_do_not_matter(found, threads):
    again = run_draws(draw, DRAWS, DESIGNS, threads=threads)
    for name in Totals.__slots__:
        assert np.array_equal(getattr(found, name), getattr(again, name)), name


def test_draws_differ_and_kinds_may_be_left_out():
    none = run_draws(draw, 2, Designs(tables=DESIGNS.tables))
    assert none.instance_minutes.shape == (2, 0)
    assert none.unit_minutes[0, 0] != none.unit_minutes[1, 0]
