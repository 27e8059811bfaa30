"""Two target groups behind one listener: which share of the calls each gets, minute by minute.

A function that a schedule starts every minute reads the load balancer's last published minute of calls, and
sets the weights so that the steady group would have got what it carries. So weights follow the load of
`LAG_MINUTES` before: a rise hits the steady group first, whole.

Source: AWS CloudFormation User Guide, ListenerRule TargetGroupTuple, weights of 0 to 999 (2023-06);
Application Load Balancer User Guide, CloudWatch metrics in 60-second intervals (2023-06).
"""

from __future__ import annotations

import numpy as np

from costmodel.capacity.scaling import METRIC_DELAY_MINUTES
from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.memory import remembered

MOST_WEIGHT = 999
"""Source: see the module's."""
LAG_MINUTES = 1 + METRIC_DELAY_MINUTES
"""From a minute of calls to the minute that its weights rule: it has to end, and to be published."""


def steady_share(calls: FloatArray, steady_calls_per_minute: float) -> FloatArray:
    """Share of each minute's calls that goes to the steady group, shape (minutes,), in steps of a weight.

    `calls` has shape (minutes,). The run starts as if its first minute had gone on before. A published minute
    without calls leaves everything to the steady group. Weights are rounded towards the other group.
    Raises ValueError for a negative or undefined `steady_calls_per_minute`.
    """
    if not steady_calls_per_minute >= 0:
        raise ValueError(f"a group must carry 0 calls a minute or more, not {steady_calls_per_minute}")
    seen = np.concatenate([np.repeat(calls[:1], LAG_MINUTES), calls])[: calls.size]
    wanted = np.ones(calls.size)
    np.divide(steady_calls_per_minute, seen, out=wanted, where=seen > steady_calls_per_minute)
    return read_only(np.floor(wanted * MOST_WEIGHT) / MOST_WEIGHT)


@remembered
def split(demand: Demand, steady_calls_per_minute: float) -> tuple[Demand, Demand]:
    """What the steady group sees of a demand, and what the other one does. Together they are the demand.

    Clients that try again are taken to reach the group that failed them, which is on the safe side.
    """
    share = steady_share(demand.api_requests, steady_calls_per_minute)
    return demand.part(share), demand.part(1.0 - share)
