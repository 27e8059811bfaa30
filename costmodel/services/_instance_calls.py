"""What API calls ask of instances and leave to other services, whichever type they run on."""

from __future__ import annotations

from dataclasses import replace

from costmodel.capacity.least_fleet import work_begun_in_time
from costmodel.capacity.overload import Patience
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.memory import remembered
from costmodel.scenario.model import Api, Database
from costmodel.services._base import SENT_RATIO, TRACKING_ALARMS, Footprint
from costmodel.units import BITS_PER_BYTE, BYTES_PER_GB, BYTES_PER_KB

KB_PER_GB = BYTES_PER_GB / BYTES_PER_KB
BITS_PER_GBIT = 1e9


def gbit_per_request(demand: Demand) -> float:
    """What an instance sends for one API call."""
    return demand.fan_out.api_response_bytes * BITS_PER_BYTE / BITS_PER_GBIT


def cpu_s_per_call(api: Api) -> float:
    """CPU-seconds of one m5 vCPU that an API call takes."""
    return api.cpu_ms_per_call / 1000.0


@remembered
def left_by_calls(demand: Demand, api: Api, database: Database) -> Footprint:
    """What calls leave to other services on whichever instances: log lines, bytes to companies and the database."""
    calls = demand.daily(demand.api_requests)
    external_gb = calls * api.external_kb_per_call / KB_PER_GB
    read_kb = demand.daily(demand.reads) * database.read_item_kb
    write_kb = demand.daily(demand.writes) * database.write_item_kb
    return replace(
        Footprint.none(demand.days),
        log_gb=calls * api.log_kb_per_call / KB_PER_GB,
        outside_gb=external_gb,
        internet_egress_gb=external_gb * SENT_RATIO,
        database_gb=(read_kb + write_kb) / KB_PER_GB,
        alarms=TRACKING_ALARMS,
        private_subnets=True,
    )


@remembered
def early_calls(demand: Demand, patience: Patience) -> FloatArray:
    """Calls that come early enough in their hour for every further attempt to fall in it too, shape (hours,)."""
    return read_only(work_begun_in_time(demand.api_requests, patience))
