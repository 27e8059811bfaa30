"""What a DynamoDB table and one partition of it can do, and what that refuses to the hottest key."""

from __future__ import annotations

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.units import SECONDS_PER_MINUTE

PARTITION_READ_UNITS_PER_S = 3_000.0
PARTITION_WRITE_UNITS_PER_S = 1_000.0
"""What one partition, and so one key, can do.

Source: Amazon DynamoDB Developer Guide, "Best practices for designing partition keys" (2023-06).
"""

TABLE_QUOTA_UNITS_PER_S = 40_000.0
"""Read and, apart, write units per second of a table or index; a quota that AWS raises on request.

Source: Amazon DynamoDB Developer Guide, "Service, account, and table quotas" (2023-06).
"""


def hot_refused(hottest_units: FloatArray, all_units: FloatArray, partition_units_per_s: float) -> FloatArray:
    """Share of a table's operations refused because they are of its hottest key, shape (minutes,).

    Of the units that its operations take in a minute, the key gets what one partition can do, burst or not,
    whatever the table has left: AWS isolates such a key in a partition of its own. Source: see
    `PARTITION_READ_UNITS_PER_S`.
    """
    beyond = np.maximum(hottest_units - partition_units_per_s * SECONDS_PER_MINUTE, 0.0)
    return np.asarray(beyond / np.maximum(all_units, 1e-12))
