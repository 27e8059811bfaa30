"""Databases without a writer: how long a failover takes, when it happens, and the cold cache after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import read_only
from costmodel.units import HOURS_PER_YEAR, MINUTES_PER_HOUR, SECONDS_PER_MINUTE

FAILOVERS_PER_YEAR = 1.5
"""Failovers of a database in a year, maintenance among them; our guess between one and two."""

LOSSES_PER_YEAR = 0.235
"""How often a database that stands alone loses its writer: 0.2 zone impairments and 0.035 hardware failures a year.

Source: engineering guess; AWS publishes neither rate. Maintenance restarts it in place and is left out.
"""


@dataclass(frozen=True, slots=True)
class FailoverWindow:
    """How long a database has no writer when it loses one, and how often that happens."""

    shortest_s: float
    longest_s: float
    source: str
    per_year: float = FAILOVERS_PER_YEAR

    @property
    def middle_s(self) -> float:
        """Mean length, taken as even between the bounds."""
        return (self.shortest_s + self.longest_s) / 2.0


RDS_STANDBY = FailoverWindow(
    60.0, 120.0, "Amazon RDS User Guide, Multi-AZ DB instance deployments (2023-06): typically 60 to 120 s"
)
RDS_ALONE = FailoverWindow(
    600.0,
    3_600.0,
    "Amazon RDS User Guide, restoring to a specified time (2023-06); 10 to 60 min is our guess",
    LOSSES_PER_YEAR,
)
AURORA_READER = FailoverWindow(
    20.0, 60.0, "Amazon Aurora User Guide, high availability (2023-06): under 60 s, often under 30 s"
)
AURORA_ALONE = FailoverWindow(
    120.0,
    600.0,
    "Amazon Aurora User Guide, high availability (2023-06): typically under 10 minutes",
    LOSSES_PER_YEAR,
)

COLD_IO_FACTOR = 3.0
COLD_MINUTES = 10
"""I/O of a new writer whose cache is empty, over that of a warm one, and how long it takes to warm up; our guess
between 2 and 5 times, and 5 and 15 minutes."""


@dataclass(frozen=True, slots=True, eq=False)
class Outages:
    """When a database has no writer. Arrays have shape (minutes,)."""

    up_ratio: FloatArray
    """Share of the minute with a writer."""
    io_factor: FloatArray
    """I/O of a call over that with a warm cache."""

    @property
    def minutes_lost(self) -> float:
        return float(self.up_ratio.size - self.up_ratio.sum())


def outages(
    minutes: int, starts_minute: Sequence[float] | FloatArray, seconds: Sequence[float] | FloatArray
) -> Outages:
    """Outages that begin at these minutes of the run and last so long; what falls outside the run is cut.

    Raises ValueError for a start or length that is negative, infinite or undefined.
    """
    both = np.array([starts_minute, seconds], dtype=np.float64)
    if not np.isfinite(both).all() or (both < 0.0).any():
        raise ValueError("outages need finite starts and lengths that are not negative")
    edges = np.arange(minutes + 1.0)
    up = np.ones(minutes)
    factor = np.ones(minutes)
    for start, length_s in zip(*both, strict=True):
        end = start + length_s / SECONDS_PER_MINUTE
        down = np.clip(np.minimum(end, edges[1:]) - np.maximum(start, edges[:-1]), 0.0, 1.0)
        up = np.maximum(0.0, up - down)
        since = edges[1:] - end
        cold = COLD_IO_FACTOR - (COLD_IO_FACTOR - 1.0) * since / COLD_MINUTES
        factor = np.where((since > 0.0) & (since < COLD_MINUTES), np.maximum(factor, cold), factor)
    return Outages(read_only(up), read_only(factor))


def drawn_outages(
    minutes: int,
    window: FailoverWindow,
    generator: np.random.Generator,
) -> Outages:
    """Failovers of a run: their number is Poisson, they start at any time and last evenly between bounds."""
    expected = window.per_year * minutes / (HOURS_PER_YEAR * MINUTES_PER_HOUR)
    count = int(generator.poisson(expected))
    starts = np.sort(generator.uniform(0.0, minutes, count))
    return outages(minutes, starts, generator.uniform(window.shortest_s, window.longest_s, count))
