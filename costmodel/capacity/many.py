"""Many designs under many draws of the demand, minute by minute: the totals to compare them by.

Each draw is made once, and every design runs through it before the next one is made, so that a year of
minutes never leaves the processor's caches for long. Fleets run side by side (`screening`), functions and
databases by what a load profile or a histogram holds of the draw, tables by their own kernel. Billing,
latency of fleets and everything that is rarer are for the few designs that are chosen then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from costmodel.capacity.group import ScalingGroup
from costmodel.capacity.load_profile import LoadProfile
from costmodel.capacity.provisioned import follow_target
from costmodel.capacity.queueing import grouped_percentile_ms
from costmodel.capacity.screening import screen
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only


@dataclass(frozen=True, slots=True)
class FunctionSize:
    """A function as far as its totals need: how long a call keeps an environment, and how many there may be."""

    duration_s: float
    limit: float
    provisioned: int = 0


@dataclass(frozen=True, slots=True)
class TableBounds:
    """A table whose capacity follows its use."""

    units_per_call: float
    target_ratio: float
    minimum_units: float
    maximum_units: float


@dataclass(frozen=True, slots=True)
class Node:
    """A database server of fixed size."""

    vcpus: float
    busy_s_per_call: float


@dataclass(frozen=True, slots=True)
class Designs:
    """What is run. Fleets must be alike in boot, warm-up and deregistration, and track CPU alone."""

    fleets: Sequence[ScalingGroup] = ()
    cpu_s_per_call: float = 0.0
    functions: Sequence[FunctionSize] = ()
    tables: Sequence[TableBounds] = ()
    nodes: Sequence[Node] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Totals of whole draws. Arrays have shape (draws, designs of the kind) and are read-only."""

    instance_minutes: FloatArray
    failed_cpu_s: FloatArray
    cold_starts: FloatArray
    throttled_calls: FloatArray
    unit_minutes: FloatArray
    throttled_units: FloatArray
    node_p95_ms: FloatArray


def run_draws(draw: Callable[[int], FloatArray], draws: int, designs: Designs, *, threads: int = 2) -> Totals:
    """Run every design through each of the draws.

    `draw` gives the API calls of each minute of one draw by its number, shape (minutes,). The result does
    not depend on `threads`. Errors against the exact kernels: instance-minutes as `screening.screen`,
    cold starts, throttles and latencies below 0.1 %, tables none.

    Raises ValueError for fleets that cannot be screened together.
    """
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda number: _run(draw(number), designs), range(draws)))
    return Totals(*(read_only(np.array(rows)) for rows in zip(*found, strict=True)))


def _run(calls: FloatArray, designs: Designs) -> tuple[list[float] | FloatArray, ...]:
    """One row of each array of `Totals`."""
    instance_minutes: list[float] | FloatArray = []
    failed: list[float] | FloatArray = []
    if designs.fleets:
        screened = screen(calls * designs.cpu_s_per_call, designs.fleets)
        instance_minutes, failed = screened.instance_minutes, screened.failed_cpu_s
    profile = LoadProfile.of(calls)
    tables = [_table_totals(calls, table) for table in designs.tables]
    return (
        instance_minutes,
        failed,
        [profile.cold_starts(one.duration_s, one.provisioned) for one in designs.functions],
        [profile.throttled_requests(one.duration_s, one.limit) for one in designs.functions],
        [unit_minutes for unit_minutes, _ in tables],
        [throttled_units for _, throttled_units in tables],
        [_node_p95_ms(profile, node) for node in designs.nodes],
    )


def _table_totals(calls: FloatArray, table: TableBounds) -> tuple[float, float]:
    """Unit-minutes and units refused. The run's minutes do not outlive this: fresh memory is dear."""
    run = follow_target(
        calls * table.units_per_call, table.target_ratio, table.minimum_units, table.maximum_units
    )
    return float(run.provisioned_units.sum()), float(run.throttled_units.sum())


def _node_p95_ms(profile: LoadProfile, node: Node) -> float:
    return grouped_percentile_ms(
        profile.bin_minutes * profile.bin_per_s,
        node.vcpus,
        profile.bin_per_s * node.busy_s_per_call,
        node.busy_s_per_call * 1000.0,
        0.95,
    )
