"""DynamoDB's request units: what one read, one write and one API call count as."""

from __future__ import annotations

import math
from dataclasses import dataclass

from costmodel.demand.demand import FanOut
from costmodel.scenario.model import Database
from costmodel.units import BYTES_PER_KB

READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
TRANSACTION_WRITE_RATIO = 2.0
EVENTUAL_READ_RATIO = 0.5
"""Unit arithmetic. Source: Amazon DynamoDB Developer Guide, "Read/write capacity mode" (2023-06)."""


def read_units(item_bytes: float, *, consistent: bool) -> float:
    """Units of one read: one per 4 KB, rounded up, half of it when eventually consistent.

    Source: Amazon DynamoDB Developer Guide, "Read/write capacity mode" (2023-06).
    """
    units = max(1, math.ceil(item_bytes / READ_UNIT_BYTES))
    return units * (1.0 if consistent else EVENTUAL_READ_RATIO)


def write_units(item_bytes: float, *, transactional: bool) -> float:
    """Units of one write to the table: one per KB, rounded up, twice in a transaction.

    Source: Amazon DynamoDB Developer Guide, "Read/write capacity mode" (2023-06).
    """
    units = max(1, math.ceil(item_bytes / WRITE_UNIT_BYTES))
    return units * (TRANSACTION_WRITE_RATIO if transactional else 1.0)


@dataclass(frozen=True, slots=True)
class CallUnits:
    """Mean request units of one API call."""

    reads: float
    table_writes: float
    index_writes: float
    """On each index; an index pays no transaction surcharge."""


def call_units(fan_out: FanOut, work: Database) -> CallUnits:
    """Units of one API call. Every write changes every index and projects the whole item."""
    read_bytes = work.read_item_kb * BYTES_PER_KB
    write_bytes = work.write_item_kb * BYTES_PER_KB
    consistent, transactional = work.consistent_read_ratio, work.transaction_write_ratio
    per_read = consistent * read_units(read_bytes, consistent=True)
    per_read += (1.0 - consistent) * read_units(read_bytes, consistent=False)
    plain = write_units(write_bytes, transactional=False)
    per_write = transactional * write_units(write_bytes, transactional=True) + (1.0 - transactional) * plain
    return CallUnits(
        reads=fan_out.reads_per_api_call * per_read,
        table_writes=fan_out.writes_per_api_call * per_write,
        index_writes=fan_out.writes_per_api_call * plain,
    )
