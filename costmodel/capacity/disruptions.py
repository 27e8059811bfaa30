"""What takes instances away from a group: spot reclaims, the loss of a zone, hardware that fails.

They are drawn, or written down, before a run, so that a run is a pure function of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.units import HOURS_PER_MONTH, MINUTES_PER_HOUR

NOTICE_MINUTES = 2
"""Between the interruption notice and the reclaim. Source: Amazon EC2 User Guide, Spot interruptions (2023-06)."""
POOL_CLOSED_MINUTES = 60
"""How long a pool that was reclaimed has no capacity to launch from. Engineering guess."""
LARGEST_MONTHLY_RECLAIMS = 0.95

ADVISOR_BANDS = {
    "<5%": 0.025,
    "5-10%": 0.075,
    "10-15%": 0.125,
    "15-20%": 0.175,
    ">20%": 0.25,
}
"""Middle of each Spot Advisor band: share of instances reclaimed in the trailing month.

Source: EC2 Spot Instance Advisor bands, as quoted by Spare Cores (2024-04); the last band has no end, 0.25 is a guess.
"""


@dataclass(frozen=True, slots=True)
class SpotReclaim:
    """EC2 takes back every instance of one pool (a type in a zone)."""

    minute: int
    """When the instances stop; the notice comes `NOTICE_MINUTES` before."""
    pool: int
    """Spot pools are numbered zone by zone: zone x pools per zone + place."""
    closed_minutes: int = POOL_CLOSED_MINUTES

    def __post_init__(self) -> None:
        """Raises ValueError for a time or a pool before the first."""
        if self.minute < 0 or self.pool < 0 or self.closed_minutes < 0:
            raise ValueError(
                f"a reclaim needs a minute, a pool and a length that are not negative, not {self}"
            )


@dataclass(frozen=True, slots=True)
class ZoneLoss:
    """Every instance of a zone is gone at once; nothing can be launched there until it is back."""

    minute: int
    zone: int
    minutes: int
    launches_fail: bool = False
    """Nothing can be launched in other zones either: an impaired control plane.

    Source: AWS post-event summary, N. Virginia (2025-10): EC2 launches were impaired for hours.
    """

    def __post_init__(self) -> None:
        """Raises ValueError for a time or a zone before the first, or no length."""
        if self.minute < 0 or self.zone < 0 or self.minutes < 1:
            raise ValueError(f"a zone is lost from a minute on, for 1 minute or more, not {self}")


@dataclass(frozen=True, slots=True)
class InstanceFailure:
    """Some instances of a zone fail their health check and are replaced."""

    minute: int
    zone: int
    instances: int

    def __post_init__(self) -> None:
        """Raises ValueError for a time or a zone before the first, or no instance."""
        if self.minute < 0 or self.zone < 0 or self.instances < 1:
            raise ValueError(f"a failure needs a minute, a zone and 1 instance or more, not {self}")


Disruption = SpotReclaim | ZoneLoss | InstanceFailure


def reclaim_hazard_per_minute(monthly_reclaimed_ratio: float) -> float:
    """Rate at which a pool is reclaimed, from the share of instances reclaimed in a month of 730 hours.

    Raises ValueError for a share outside 0 to 0.95.
    """
    if not 0 <= monthly_reclaimed_ratio <= LARGEST_MONTHLY_RECLAIMS:
        raise ValueError(
            f"the share reclaimed in a month must be from 0 to {LARGEST_MONTHLY_RECLAIMS},"
            f" not {monthly_reclaimed_ratio} (Spot Advisor)"
        )
    return -math.log1p(-monthly_reclaimed_ratio) / (HOURS_PER_MONTH * MINUTES_PER_HOUR)


def spot_reclaims(
    minutes: int, pools: int, monthly_reclaimed_ratio: float, seed: int
) -> tuple[SpotReclaim, ...]:
    """Pool-wide reclaims of a run, drawn from a seed: the same seed, the same reclaims.

    An instance shares the fate of its pool, so the hazard of a pool is that of an instance. The Advisor
    counts per capacity launched, so this is a lower bound for instances that live long.
    """
    hazard = reclaim_hazard_per_minute(monthly_reclaimed_ratio)
    if hazard == 0.0:
        return ()
    found: list[SpotReclaim] = []
    for pool in range(pools):
        generator = np.random.Generator(np.random.Philox(key=[seed, pool]))
        at = generator.exponential(1.0 / hazard)
        while at < minutes:
            found.append(SpotReclaim(int(at), pool))
            at += generator.exponential(1.0 / hazard)
    return tuple(sorted(found, key=lambda reclaim: (reclaim.minute, reclaim.pool)))


# Kinds of rows of the kernel's event table, in the order in which they are applied within a minute.
POOL_OPENS, ZONE_RETURNS, LAUNCHES_WORK, LAUNCHES_FAIL, NOTICE, RECLAIM, ZONE_LOST, FAILURE = range(8)
SIZES, FLOOR = 8, 9


def event_rows(
    disruptions: Sequence[Disruption], *, rebalancing: bool
) -> list[tuple[int, int, int, int, int]]:
    """(minute, kind, three values) of each thing that happens, for the kernel.

    With capacity rebalancing replacements are launched at the notice, otherwise at the reclaim.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    for one in disruptions:
        if isinstance(one, SpotReclaim):
            if rebalancing:
                rows.append((max(0, one.minute - NOTICE_MINUTES), NOTICE, one.pool, 0, 0))
            rows.append((one.minute, RECLAIM, one.pool, int(rebalancing), 0))
            rows.append((one.minute + one.closed_minutes, POOL_OPENS, one.pool, int(rebalancing), 0))
        elif isinstance(one, ZoneLoss):
            rows.append((one.minute, ZONE_LOST, one.zone, 0, 0))
            rows.append((one.minute + one.minutes, ZONE_RETURNS, one.zone, 0, 0))
            if one.launches_fail:
                rows.append((one.minute, LAUNCHES_FAIL, 0, 0, 0))
                rows.append((one.minute + one.minutes, LAUNCHES_WORK, 0, 0, 0))
        else:
            rows.append((one.minute, FAILURE, one.zone, one.instances, 0))
    return rows
