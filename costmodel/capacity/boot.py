"""How long an instance takes from the scaling decision until it helps."""

from __future__ import annotations

import math

from costmodel.units import SECONDS_PER_MINUTE

LAUNCH_S = 2.0 + 5.0
"""From the decision to `running`: API call and pending. Source: daemonology, EC2 boot time (2021-08)."""
OPERATING_SYSTEM_S = 15.0
"""From `running` to a network that answers. Source: brevdev/ec2-coldboot-research (2026-02)."""
FIRST_HEALTH_CHECK_S = 15.0
"""Half of the load balancer's 30 s interval: one passing check is needed.

Source: Application Load Balancer User Guide, target group health checks (2023-06).
"""
STOPPED_START_S = 21.0
"""From the decision until a stopped instance answers. Source: brevdev/ec2-coldboot-research (2026-02)."""
DEFAULT_WARMUP_S = 300
"""Source: Amazon EC2 Auto Scaling User Guide, default cooldown, used as warm-up when nothing is set (2023-06)."""
LONGEST_WARMUP_S = 3600
"""Source: Amazon EC2 Auto Scaling User Guide, default instance warm-up, range 0 to 3 600 s (2023-06)."""


def start_s(bootstrap_s: float) -> float:
    """Seconds from the scaling decision until an instance has bootstrapped."""
    return LAUNCH_S + OPERATING_SYSTEM_S + bootstrap_s


def boot_s(bootstrap_s: float) -> float:
    """Seconds from the scaling decision until a load balancer finds an instance healthy and it serves."""
    return start_s(bootstrap_s) + FIRST_HEALTH_CHECK_S


def warmup_s(bootstrap_s: float) -> int:
    """Default instance warm-up to configure: 300 s, or the whole minutes a slower boot takes.

    The warm-up starts when the instance is in service, which is when it is running.
    """
    booting_s = math.ceil((boot_s(bootstrap_s) - LAUNCH_S) / SECONDS_PER_MINUTE) * SECONDS_PER_MINUTE
    return min(LONGEST_WARMUP_S, max(DEFAULT_WARMUP_S, booting_s))


def boot_minutes(bootstrap_s: float) -> int:
    """Whole minutes from the scaling decision until an instance serves."""
    return math.ceil(boot_s(bootstrap_s) / SECONDS_PER_MINUTE)


def start_minutes(bootstrap_s: float) -> int:
    """Whole minutes from the scaling decision until an instance takes work from a queue: nothing checks it first."""
    return math.ceil(start_s(bootstrap_s) / SECONDS_PER_MINUTE)


def warm_pool_boot_minutes() -> int:
    """Whole minutes until an instance from the warm pool serves: it has bootstrapped before it was stopped."""
    return math.ceil((STOPPED_START_S + FIRST_HEALTH_CHECK_S) / SECONDS_PER_MINUTE)


def warmup_minutes(bootstrap_s: float) -> int:
    """Whole minutes from the scaling decision until an instance counts in the group's metric."""
    return math.ceil((LAUNCH_S + warmup_s(bootstrap_s)) / SECONDS_PER_MINUTE)
