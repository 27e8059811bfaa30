"""Alarms that DynamoDB auto scaling keeps, for every table and index in every region."""

from __future__ import annotations

from collections.abc import Iterable

from costmodel.demand.calendar import Calendar
from costmodel.services._base import Usage, meter_usage, standard_alarms

ALARMS_PER_TARGET = 4
"""Alarms that auto scaling keeps per scaled dimension: high and low of consumption and of capacity.

Source: Amazon DynamoDB Developer Guide, "Managing throughput capacity automatically" (2023-06).
"""


def table_alarms(secondary_indexes: int) -> int:
    """Alarms of a table in one region: for reads and for writes, of itself and of each index."""
    return 2 * ALARMS_PER_TARGET * (1 + secondary_indexes)


def replica_alarms(
    region_ids: Iterable[str], alarms: int, resource_name: str, calendar: Calendar
) -> tuple[Usage, ...]:
    """Alarms where replicas stand, which are kept there even if nothing else of the shop is watched.

    Source: Amazon DynamoDB Developer Guide, "Throughput capacity planning for global tables" (2023-06): auto
    scaling adjusts each region by its own use.
    """
    return tuple(
        usage
        for region_id in region_ids
        for usage in meter_usage(
            standard_alarms(region_id),
            f"{resource_name}-{region_id}",
            calendar,
            alarms * calendar.month_share_per_day,
            f"{alarms} of auto scaling x share of the month",
        )
    )
