"""Erlang B at speed: the chance to find every environment busy, in a time that grows with its square root.

Source: Kleinrock, Queueing Systems I (1975), M/G/c/c; the recursion is that of `queueing.erlang_b`.
"""

from __future__ import annotations

import math

from numba import njit

_LOSS_Z = 9.0
_TAIL_LEVELS = 20
_SETTLING_STEPS = 100.0
_SETTLING_Z = 4.0


def loss(erlangs: float, limit: float) -> float:
    """Erlang B for a whole number of servers, by the stable recursion from where its start is forgotten."""
    servers = math.floor(limit)
    spread = _LOSS_Z * math.sqrt(erlangs)
    if erlangs + spread + _TAIL_LEVELS < servers:
        return 0.0
    settling = _SETTLING_STEPS + _SETTLING_Z * math.sqrt(servers)
    first = math.floor(min(erlangs - spread, servers - settling))
    if first <= 0:
        first = 0
        blocked = 1.0
    else:
        blocked = 1.0 - first / erlangs
    for count in range(first + 1, servers + 1):
        blocked = erlangs * blocked / (count + erlangs * blocked)
    return blocked


compiled_loss = njit(cache=True, nogil=True)(loss)
