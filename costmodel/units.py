"""Constants and units, each with its source. The only home of sizes, times and price-list units."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

SECONDS_PER_MINUTE = 60
MINUTES_PER_HOUR = 60
SECONDS_PER_HOUR = 3_600
MINUTES_PER_DAY = 24 * MINUTES_PER_HOUR
HOURS_PER_DAY = 24

HOURS_PER_MONTH = 730
"""Hours in AWS's average month, for rates published "per month" and billed by the hour.

Source: AWS Pricing Calculator, "730 hours in a month" (2026). A simulated month is the real
calendar month; this constant only converts figures that AWS itself states per average month.
"""

MONTHS_PER_YEAR = 12
HOURS_PER_YEAR = 8_760
"""Hours over which an upfront fee is spread, for each year of a term.

Source: AWS Cost Management User Guide, effective hourly rate of a reservation (2023-06).
"""

BYTES_PER_KB = 1024
BYTES_PER_MB = 1024**2
BYTES_PER_GB = 2**30
"""Bytes in a billed "GB" of storage or transfer.

Source: AWS tier tables step at multiples of 1 024 (10 240 GB = 10 TB), Amazon S3 and CloudFront
pricing pages (2025-12).
"""

KB_PER_GB = 1024**2
MB_PER_GB = 1024
"""Also MiB/s in a billed GiB/s of EBS throughput. Source: as above; Amazon EBS pricing (2024-07)."""

DYNAMODB_BYTES_PER_GB = 10**9
"""Bytes in a billed GB of DynamoDB table storage, which is decimal.

Source: aws/agent-toolkit-for-aws, `calculate_costs.py` (2026-08-20), checked by AWS on live tables.
"""

BITS_PER_BYTE = 8

FOCUS_UNITS: dict[str, str] = {
    "ACU-Hr": "ACU-Hours",
    "API Requests": "Requests",
    "Alarms": "Alarms",
    "ChangeDataCaptureUnits": "Change Data Capture Units",
    "Dashboards": "Dashboards",
    "EdgeReads": "Requests",
    "Events": "Events",
    "FunctionExecutions": "Requests",
    "GB": "GB",
    "GB-Mo": "GB-Months",
    "GiBps-mo": "GiBps-Months",
    "HostedZone": "Hosted Zones",
    "Hrs": "Hours",
    "IOPS-Mo": "IOPS-Months",
    "IOs": "I/O Requests",
    "Keys": "Keys",
    "LCU-Hrs": "LCU-Hours",
    "Lambda-GB-Second": "GB-Seconds",
    "MBPS-Mo": "MBps-Months",
    "MetricUpdates": "Metric Updates",
    "Metrics": "Metrics",
    "Mo": "Months",
    "Objects": "Objects",
    "Queries": "Queries",
    "Quantity": "Quantity",
    "RRSets-Mo": "Record Sets",
    "ReadCapacityUnit-Hrs": "Read Capacity Unit-Hours",
    "ReadRequestUnits": "Read Request Units",
    "RealTimeLogLines": "Log Lines",
    "ReplicatedWriteCapacityUnit-Hrs": "Replicated Write Capacity Unit-Hours",
    "ReplicatedWriteRequestUnits": "Replicated Write Request Units",
    "Requests": "Requests",
    "Rule-Mo": "Rules",
    "Runs": "Runs",
    "URL": "Paths",
    "WebACL-Mo": "Web ACLs",
    "WriteCapacityUnit-Hrs": "Write Capacity Unit-Hours",
    "WriteRequestUnits": "Write Request Units",
    "change-records": "Change Records",
}
"""Price-list unit -> FOCUS 1.2 unit. Source: units seen in the shipped snapshot; FOCUS 1.2 Unit Format."""

COUNTED_UNITS = frozenset(
    {
        "Change Data Capture Units",
        "Change Records",
        "Events",
        "I/O Requests",
        "Log Lines",
        "Metric Updates",
        "Paths",
        "Quantity",
        "Queries",
        "Read Request Units",
        "Replicated Write Request Units",
        "Requests",
        "Runs",
        "Write Request Units",
    }
)
"""FOCUS units that AWS counts one by one, so a billed quantity is a whole number. `Quantity` is how many are reserved."""

COUNTED_USAGE_TYPES = frozenset({"CW:GMD-Metrics"})
"""Usage types that AWS counts one by one in a unit that it prorates elsewhere.

Source: Amazon CloudWatch pricing, GetMetricData is billed by the metric asked for (2025-12-03).
"""

HALVED_UNITS = frozenset({"Read Request Units"})
"""Counted units of which a use may be half of one: an eventually consistent read of up to 4 KB.

Source: Amazon DynamoDB Developer Guide, "On-demand capacity mode", read request units (2023-06).
"""

PAID_WHOLE_UNITS = frozenset({"Hosted Zones"})
"""FOCUS units that are paid for the whole month, however short they stand.

Source: Amazon Route 53 Developer Guide, "I was billed twice for the same hosted zone" (2023-06).
"""

FULL_HOUR_USAGE_TYPES = frozenset(
    {"LoadBalancerUsage", "NatGateway-Hours", "TransitGateway-Hours", "VpcEndpoint-Hours"}
)
"""Usage types of which every hour begun is a full hour.

Source: AWS PrivateLink pricing, "each partial VPC endpoint-hour consumed is billed as a full hour" (read 2026-11); the
same in Amazon VPC pricing of NAT gateways, AWS Transit Gateway pricing and Elastic Load Balancing pricing (2025-12).
"""

LEAST_INSTANCE_S = 60
"""An EC2 instance is billed by the second, and for a minute after each start at least.

Source: Amazon EC2 User Guide, concepts, billing per second (2023-06).
"""

QUANTITY_STEP = Decimal("0.000000001")
"""Finest step kept of a billed quantity that is not counted one by one."""

CENT = Decimal("0.01")


def two_digits(value: float) -> str:
    """A number with two significant digits, for estimates: 41, 1,200, 0.53."""
    return f"{Decimal(f'{value:.2g}'):,f}"


def to_nine_decimals(quantity: Decimal) -> Decimal:
    """A billed quantity that is not counted one by one, rounded half up."""
    return quantity.quantize(QUANTITY_STEP, rounding=ROUND_HALF_UP)


def plain(number: Decimal) -> str:
    """A number with separators and every digit it has: 1,048,576, 0.5."""
    return f"{number.normalize():,f}"


def figure(value: float) -> str:
    """A number as a reader expects it: with separators, without exponent, four digits where it is small."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{Decimal(f'{value:.4g}'):,f}"
