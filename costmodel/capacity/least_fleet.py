"""How few instances a group can have got by with, found without stepping through its minutes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from costmodel.capacity.overload import Patience
from costmodel.demand.calendar import FloatArray
from costmodel.units import MINUTES_PER_HOUR


def work_begun_in_time(work_per_minute: FloatArray, patience: Patience) -> FloatArray:
    """Work that comes early enough in its hour for every further attempt to fall in it too, shape (hours,)."""
    early = MINUTES_PER_HOUR - patience.retries
    return np.asarray(work_per_minute.reshape(-1, MINUTES_PER_HOUR)[:, :early].sum(axis=1))


def least_instances(
    hourly_work_cpu_s: FloatArray,
    instance_cpu_s_per_minute: float,
    min_size: int,
    max_size: int,
    patience: Patience,
    failing_cpu_s: float,
    periods: Iterable[slice],
) -> FloatArray:
    """Instances that ran in each hour at least, on average, shape (hours,), of a group that lost no instance.

    `hourly_work_cpu_s` is `work_begun_in_time`; of all work at most `failing_cpu_s` fails for good. Summed
    over any of `periods` (slices of hours), instances above `min_size` are proven not to be fewer in
    `fleet.run_fleet`, whatever its policies, because:

    1. A group never has fewer than `min_size` instances running.
    2. In a minute it does no more work than its running instances can.
    3. Work of an hour that is neither done in it nor failed waits in the backlog at its end. Whatever
       would wait longer than the client does has failed, so no more waits than `max_size` instances do
       within the timeout.

    So an hour's instances do at least its work less the fullest backlog and less what failed. Which hours
    the failed work falls in is unknown: it is taken off every period once.
    """
    backlog = max_size * patience.timeout_minutes / MINUTES_PER_HOUR
    hour_cpu_s = instance_cpu_s_per_minute * MINUTES_PER_HOUR
    above = np.maximum(hourly_work_cpu_s / hour_cpu_s - backlog - min_size, 0.0)
    failing = failing_cpu_s / hour_cpu_s
    for hours in periods:
        whole = float(above[hours].sum())
        above[hours] *= max(0.0, 1.0 - failing / whole) if whole > 0.0 else 0.0
    return above + min_size
