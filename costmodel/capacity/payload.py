"""How large a request or response of a function may be, by the way it takes.

3D models are larger than most of these ways allow: they are served from S3 by CloudFront and never
by a function.
"""

from __future__ import annotations

import math
from enum import Enum

from costmodel.capacity.result import Limit


class Way(Enum):
    """A way to call a function: what a fault calls it, and the largest body in MB."""

    LOAD_BALANCER = "body between load balancer and function", 1.0
    """Source: Application Load Balancer User Guide, Lambda functions as targets (2023-06)."""
    INVOKE = "body of a synchronous call", 6.0
    """Source: AWS Lambda Developer Guide, quotas, 6 MB each for request and response (2023-10)."""
    STREAM = "streamed response", 200.0
    """Source: AWS Lambda Developer Guide, response streaming (2025-07): 200 MB, 20 MB before."""
    EVENT = "body of an asynchronous call", 1.0
    """Source: AWS announcement, asynchronous payloads of 1 MB instead of 256 KB (2025-10)."""

    def __init__(self, body: str, largest_mb: float) -> None:
        self.body = body
        self.largest_mb = largest_mb


STREAM_BURST_MB = 6.0
STREAM_MB_PER_S = 2.0
"""What is streamed beyond the first 6 MB comes at 2 MB a second, and is billed by the GB.

Source: AWS Lambda Developer Guide, response streaming (2025-07); AWS Lambda pricing (2025-12).
"""


def body_limit(way: Way, body_mb: float) -> Limit:
    """The limit on bodies of this size. Raises ValueError for a size below 0, infinite or undefined."""
    _check(body_mb)
    return Limit(way.body, body_mb, way.largest_mb, "MB")


def streaming_s(response_mb: float) -> float:
    """Least time to stream a response: its first 6 MB are not held back.

    Raises ValueError for a size below 0, infinite or undefined.
    """
    return streamed_billed_mb(response_mb) / STREAM_MB_PER_S


def streamed_billed_mb(response_mb: float) -> float:
    """MB of one streamed response that are billed. Raises ValueError like `streaming_s`."""
    _check(response_mb)
    return max(0.0, response_mb - STREAM_BURST_MB)


def _check(size_mb: float) -> None:
    if not 0 <= size_mb < math.inf:
        raise ValueError(f"a body must have a size from 0 MB up, not {size_mb}")
