"""How long the reads and writes of one API call take in a key-value table."""

from __future__ import annotations

import math
from statistics import NormalDist

from costmodel.capacity.result import Latency
from costmodel.demand.demand import FanOut

READ_MS = 5.0
WRITE_MS = 7.5
LATENCY_VARIATION = 0.5
"""Mean of a read and a write, and the coefficient of variation of either.

Source: AWS states "single-digit millisecond" latency; 4 to 6 ms for reads and 5 to 10 ms for writes
are commonly seen; the variation is our guess.
"""

CACHED_READ_MS = 0.5
"""Mean time of a read that DAX answers.

Source: Amazon DynamoDB Developer Guide, "In-memory acceleration with DAX" (2023-06): microseconds; with the way
to the node half a millisecond is our guess.
"""


def call_latency(fan_out: FanOut, hit_ratio: float = 0.0) -> Latency:
    """All database work of one API call, one operation after another: constant until throttled.

    A fraction of an operation is one operation in that share of the calls. Moments add; percentiles
    are those of a lognormal with the same mean and variance. `hit_ratio` is the share of reads that a cache
    answers.
    """
    mean_ms = variance = 0.0
    reads = fan_out.reads_per_api_call
    operations = (
        (reads * (1.0 - hit_ratio), READ_MS),
        (reads * hit_ratio, CACHED_READ_MS),
        (fan_out.writes_per_api_call, WRITE_MS),
    )
    for count, each_ms in operations:
        part = count % 1.0
        mean_ms += count * each_ms
        variance += count * (LATENCY_VARIATION * each_ms) ** 2 + part * (1.0 - part) * each_ms**2
    if mean_ms == 0.0:
        return Latency(0.0, 0.0, 0.0, 0.0)
    spread = math.log1p(variance / mean_ms**2)
    middle = math.log(mean_ms) - spread / 2.0
    p50, p95, p99 = (
        math.exp(middle + math.sqrt(spread) * NormalDist().inv_cdf(share)) for share in (0.50, 0.95, 0.99)
    )
    return Latency(mean_ms, p50, p95, p99)
