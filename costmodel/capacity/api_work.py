"""What one API call asks of whatever runs the shop's code."""

from __future__ import annotations

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.memory import remembered
from costmodel.scenario.model import Api, Database

DATABASE_ROUND_TRIP_MS = 2.0
"""Time a function waits, and is billed, for one read or write of the database.

Engineering guess: 1 ms for a relational database in the region, 2 to 5 ms for DynamoDB.
"""


def waiting_ms(api: Api, database: Database) -> float:
    """Time an API call waits for others while it occupies a function, the database included."""
    accesses = database.reads_per_call + database.writes_per_call
    return api.wait_ms_per_call + accesses * DATABASE_ROUND_TRIP_MS


@remembered
def work_cpu_s(demand: Demand, api: Api) -> FloatArray:
    """CPU-seconds of one m5 vCPU that calls ask for, shape (minutes,), read-only."""
    return read_only(demand.api_requests * api.cpu_ms_per_call / 1000.0)
