"""Load balancer capacity units (LCU): what one holds, and how many an hour of API calls needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.demand.demand import Demand
from costmodel.units import BYTES_PER_GB, MINUTES_PER_HOUR, SECONDS_PER_MINUTE

CONNECTIONS_PER_REQUEST = 0.1
"""New connections for each request: CloudFront keeps its connections and reuses them.

Engineering guess between 0.05 and 0.2; 1 without connection reuse.
"""
CONNECTION_LIFE_S = 60.0
"""An idle connection is closed after 60 s. Source: Application Load Balancer User Guide, idle timeout (2023-06)."""
FREE_RULES = 10
"""Rules evaluated without charge for each request. Source: Elastic Load Balancing pricing (2025-12)."""
LISTENER_RULES = 5
"""Rules of one shop: API, checkout, rendering, health, default. Engineering guess."""


@dataclass(frozen=True, slots=True)
class CapacityUnit:
    """What one load balancer capacity unit (LCU) holds in an hour."""

    new_connections_per_s: float
    active_connections: float
    processed_gb_per_hour: float
    rule_evaluations_per_s: float

    def needed(
        self,
        new_connections_per_s: FloatArray,
        active_connections: FloatArray,
        processed_gb_per_hour: FloatArray,
        rule_evaluations_per_s: FloatArray,
    ) -> FloatArray:
        """Units billed for each hour: the largest of the four dimensions, not their sum.

        Arguments are means over each hour, shape (hours,).

        Source: Elastic Load Balancing pricing, as in vantage-sh/handbook (2025-01).
        """
        dimensions = np.stack(
            [
                new_connections_per_s / self.new_connections_per_s,
                active_connections / self.active_connections,
                processed_gb_per_hour / self.processed_gb_per_hour,
                rule_evaluations_per_s / self.rule_evaluations_per_s,
            ]
        )
        return np.asarray(dimensions.max(axis=0))


ALB_INSTANCE_UNIT = CapacityUnit(25.0, 3_000.0, 1.0, 1_000.0)
ALB_FUNCTION_UNIT = CapacityUnit(25.0, 3_000.0, 0.4, 1_000.0)
"""Of an Application Load Balancer, by its targets. Source: Elastic Load Balancing pricing, ALB LCU details (2025-12)."""
NLB_TCP_UNIT = CapacityUnit(800.0, 100_000.0, 1.0, np.inf)
"""Source: Elastic Load Balancing pricing, NLB LCU details for TCP; an NLB has no rules (2025-12)."""


def hourly_load(demand: Demand) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Hourly means of new connections/s, active connections, processed GB and rule evaluations/s."""
    requests_per_s = demand.calendar.mean_per_hour(demand.api_requests) / SECONDS_PER_MINUTE
    new_connections_per_s = requests_per_s * CONNECTIONS_PER_REQUEST
    bytes_per_request = demand.fan_out.api_request_bytes + demand.fan_out.api_response_bytes
    return (
        new_connections_per_s,
        new_connections_per_s * CONNECTION_LIFE_S,
        requests_per_s * SECONDS_PER_MINUTE * MINUTES_PER_HOUR * bytes_per_request / BYTES_PER_GB,
        requests_per_s * max(0, LISTENER_RULES - FREE_RULES),
    )


def more_for_functions(demand: Demand, to_functions: Demand) -> FloatArray:
    """Units of each hour beyond those of instances alone, when a part of the calls goes to functions, shape (hours,).

    The bytes of either kind of target fill their own share of a unit, 1 GB or 0.4 GB, and add up; the
    other dimensions are the same. Source: Elastic Load Balancing pricing, ALB LCU details (2025-12), our
    reading of processed bytes "for EC2 instances and 0.4 GB per hour for Lambda functions as targets".
    """
    load = hourly_load(demand)
    gb = load[2]
    function_gb = hourly_load(to_functions)[2]
    weighed_gb = gb + function_gb * (
        ALB_INSTANCE_UNIT.processed_gb_per_hour / ALB_FUNCTION_UNIT.processed_gb_per_hour - 1.0
    )
    with_functions = ALB_INSTANCE_UNIT.needed(load[0], load[1], weighed_gb, load[3])
    return np.asarray(with_functions - ALB_INSTANCE_UNIT.needed(*load))
