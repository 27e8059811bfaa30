"""What a higher load may save the same design: nothing, but where a control loop is named, and then how much."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from costmodel.billing.tariff import Tariff
from costmodel.capacity.jobs import JobRun
from costmodel.capacity.scaling import LOW_ALARM_POINTS, METRIC_DELAY_MINUTES
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand
from costmodel.services._base import Usage
from costmodel.services.lambda_ import LambdaFunction
from costmodel.services.rendering import (
    KB_PER_GB,
    KB_PER_REQUEST,
    LONG_POLL_S,
    SERVICE_CODE,
    Ec2Workers,
)
from costmodel.units import MINUTES_PER_HOUR, SECONDS_PER_MINUTE

FLOAT_ERROR = 1e-12
BILLED_TO = 1e-9
"""Quantities are billed to nine decimals, and costs are floats."""


class Loop(NamedTuple):
    """A control loop that may make a slightly higher load cheaper."""

    most_saved_ratio: float
    """Most that a step up may save a design that answers every call; measured, and rounded up."""
    why: str


CONTROL_LOOPS = {
    "ec2": Loop(
        1e-3,
        "The low alarm rings below 0.7 of the target. A load that stays just above it keeps its instances; with a "
        "little more the group had been one larger, falls below the alarm, and is cut to fit. Measured in 900 made-up "
        "shops, many with a sale, and steps of 0.1 to 30 %: 0.08 %.",
    ),
    "dynamodb_provisioned": Loop(
        4e-3,
        "Capacity is cut once use falls 20 points below the target, to what is used then; a load that rings "
        "the alarm a minute later is cut to less. Decreases are limited to four, then one an hour. Measured in "
        "twenty thousand made-up shops: 0.31 %.",
    ),
}
"""Loops whose savings are measured. What functions and rendering workers may save follows from their own runs."""

CACHED_RATIO_PER_STEP = 6e-3
"""What a step up takes off the requests to the bucket at most, over the step: a hundredth more load, 0.006 %.

Edge locations drop what nobody asks for in three days, and fetch it anew for the next visitor; with more visitors it
stays. Measured in 600 made-up shops and steps of 1, 5 and 30 %: 0.50 % over the step, and rounded up.
"""

BY_CHANCE_RATIO = 1e-2
"""What wakes that only come at other times may save beside a whole one, of all worker minutes: chance, both ways.

Measured in 1 800 made-up shops and steps of 0.1 to 30 %: 0.60 %, and rounded up.
"""


def most_saved_usd(design: Any, less: Demand, more: Demand, cost_usd: float, tariff: Tariff) -> float:
    """What `more` may cost a design less than `less`, which costs `cost_usd`."""
    if isinstance(design, Ec2Workers):
        saved_usd = _spared_wakes_usd(design, less, more, tariff)
    elif isinstance(design, LambdaFunction):
        saved_usd = _spared_starts_usd(design, less, more, tariff)
    else:
        loop = CONTROL_LOOPS.get(design.kind)
        saved_usd = loop.most_saved_ratio * cost_usd if loop else 0.0
    return saved_usd + FLOAT_ERROR * cost_usd


def most_fallen(design: Any, field: str, less: Demand, more: Demand, total: float) -> float:
    """How much less of a field of its footprint, `total` under `less`, a design may leave under `more`."""
    fallen = 0.0
    if isinstance(design, Ec2Workers):
        runs = design._run(less), design._run(more)
        if field == "monitored_instance_hours":
            fallen = most_saved_minutes(*runs) / MINUTES_PER_HOUR
        elif field == "outside_gb":
            fallen = most_saved_polls(*runs) * KB_PER_REQUEST / KB_PER_GB
    elif (design.kind, field) == ("ec2", "monitored_instance_hours"):
        fallen = CONTROL_LOOPS["ec2"].most_saved_ratio * total
    elif (design.role, field) == ("delivery", "origin_requests"):
        step = float(more.page_views.sum() / less.page_views.sum()) - 1.0
        fallen = CACHED_RATIO_PER_STEP * step * total
    return fallen + FLOAT_ERROR * total


def _spared_starts_usd(function: LambdaFunction, less: Demand, more: Demand, tariff: Tariff) -> float:
    """The starts of environments that `more` does without: calls that come more often find them warm.

    All else that is billed is billed for each answered call, and more of them are answered.
    """
    starts, later = (float(function._run(demand).cold_starts.sum()) for demand in (less, more))
    if later >= starts:
        return 0.0
    usages = function.usage(less, function.simulate(less))
    durations = [usage for usage in usages if "Lambda-GB-Second" in usage.meter.query.usage_type]
    restores = [usage for usage in usages if "Restored" in usage.meter.query.usage_type]
    start_gb_s = function.billed_start_ms / 1000.0 * function.memory_mb / 1024.0
    start_usd = (
        start_gb_s * _unit_usd(tariff, durations) + tariff.cost_usd([tariff.sketch(restores)]) / starts
    )
    return (starts - later) * start_usd


def _spared_wakes_usd(workers: Ec2Workers, less: Demand, more: Demand, tariff: Tariff) -> float:
    """Worker minutes and requests to the queue at what they cost under `less`."""
    runs = workers._run(less), workers._run(more)
    usages = workers.usage(less, workers.simulate(less))
    queue = [usage for usage in usages if usage.meter.query.service_code == SERVICE_CODE]
    others = [usage for usage in usages if usage not in queue]
    hours = float(runs[0].running.sum()) / MINUTES_PER_HOUR
    worker_hour_usd = tariff.cost_usd([tariff.sketch(others)]) / hours if hours else 0.0
    whole_requests = most_saved_polls(*runs) + len(queue)
    return (
        most_saved_minutes(*runs) / MINUTES_PER_HOUR * worker_hour_usd
        + whole_requests * _unit_usd(tariff, queue)
        + BILLED_TO
    )


def most_saved_minutes(less: JobRun, more: JobRun) -> float:
    """Worker minutes that added jobs save a group at most.

    A group that sleeps pays for every wake: its boot, and the quarter of an hour until the low alarm rings; its work
    is to be done in any case. As in AWS, more jobs can find it awake where fewer would have woken it anew. More load
    only adds jobs (`tests/demand/test_synthesise.py`). A single worker falls asleep in the first minute without a job
    after its low alarm, whichever job woke it. So of two runs on the same jobs the one that sleeps first wakes first
    or together with the other: their sleeps alternate, and a job that only one of them has spares no more than one
    wake. Nor are wakes spared that the other run makes in the same minute. Larger groups might do worse, and
    were not found to: of what is allowed here, none of 1 800 made-up shops saved more than 91 %.
    """
    wake_minutes = less.group.boot_minutes + LOW_ALARM_POINTS + METRIC_DELAY_MINUTES
    added_jobs = float((more.arrived - less.arrived).sum())
    made_elsewhere = float(np.maximum(0.0, _launches(less) - _launches(more)).sum())
    return min(
        wake_minutes * added_jobs,
        wake_minutes * made_elsewhere,
        wake_minutes + BY_CHANCE_RATIO * float(less.running.sum()),
    )


def most_saved_polls(less: JobRun, more: JobRun) -> float:
    """Requests to the queue that added jobs save a group at most: a slot polls while it is awake and has no job."""
    group = less.group
    worked_minutes = group.job_minutes * max(0.0, float((more.started - less.started).sum()))
    slot_minutes = group.slots * most_saved_minutes(less, more) + worked_minutes
    return slot_minutes * SECONDS_PER_MINUTE / LONG_POLL_S


def _launches(run: JobRun) -> FloatArray:
    """Workers launched in each minute."""
    return np.maximum(0.0, np.diff(run.running, prepend=run.group.min_workers))


def _unit_usd(tariff: Tariff, usages: list[Usage]) -> float:
    quantity = _quantity(usages)
    return tariff.cost_usd([tariff.sketch(usages)]) / quantity if quantity else 0.0


def _quantity(usages: Iterable[Usage]) -> float:
    return float(sum(usage.consumed_quantity for usage in usages))
