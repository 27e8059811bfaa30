"""What a function's memory size and processor buy: vCPUs, and so time.

Source: AWS Lambda Developer Guide, configuring function memory and quotas (2023-10).
"""

from __future__ import annotations

from typing import Literal

Architecture = Literal["x86_64", "arm64"]

MB_PER_VCPU = 1769.0
"""Memory that comes with one vCPU. Source: see the module's."""
LEAST_MEMORY_MB = 128
MOST_MEMORY_MB = 10_240
"""Source: AWS Lambda Developer Guide, quotas, 128 to 10 240 MB in steps of 1 MB (2023-10)."""
LONGEST_RUN_S = 900.0
"""Source: AWS Lambda Developer Guide, quotas, timeout (2023-10)."""
RELATIVE_SPEED: dict[Architecture, float] = {"x86_64": 1.0, "arm64": 1.15}
"""Work of one vCPU over that of an m5 vCPU; arm64 is Graviton2.

Source: aws/aws-graviton-getting-started, Lambda (2026-07): up to 34 % better price and performance at a
price 20 % lower; 1.15 is a cautious reading.
"""


def check_memory(memory_mb: int) -> None:
    """Raises ValueError for a memory size that no function can have."""
    if not LEAST_MEMORY_MB <= memory_mb <= MOST_MEMORY_MB or memory_mb != int(memory_mb):
        raise ValueError(
            f"a function's memory must be a whole number from {LEAST_MEMORY_MB} to {MOST_MEMORY_MB} MB,"
            f" not {memory_mb} (AWS Lambda Developer Guide, quotas, 2023-10)"
        )


def vcpus(memory_mb: int) -> float:
    """The vCPUs that come with a memory size: 1 at 1 769 MB, 5.8 at the most.

    Raises ValueError for a memory size that no function can have.
    """
    check_memory(memory_mb)
    return memory_mb / MB_PER_VCPU


def usable_vcpus(memory_mb: int, threads: float) -> float:
    """The vCPUs that code of so many threads can keep busy: one thread gains nothing beyond 1 769 MB.

    Raises ValueError for a memory size that no function can have and for less than one thread.
    """
    if not threads >= 1:
        raise ValueError(f"a function runs at least one thread, not {threads}")
    return min(vcpus(memory_mb), float(threads))
