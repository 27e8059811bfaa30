"""CPU credits of burstable instances.

Source: Amazon EC2 User Guide, "Key concepts and definitions for burstable performance instances" and
"Unlimited mode concepts" (2023-06): a credit is one vCPU at full speed for a minute, credits are
earned continuously, and no more than 24 hours of earning is kept. T3, T3a and T4g get no launch credits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from costmodel.capacity.instances import InstanceType
from costmodel.demand.calendar import FloatArray
from costmodel.units import HOURS_PER_DAY, MINUTES_PER_HOUR


def lowest_cpu_credit_balance(instance: InstanceType, utilisation: FloatArray) -> float:
    """Lowest credit balance of one instance that starts empty and is `utilisation` (0 to 1) busy.

    `utilisation` has shape (minutes,). The result is 0 when the instance lives on what it earns.
    Below zero it would have been slowed to its baseline or, in unlimited mode, have run on surplus
    credits, which AWS charges once they exceed a day of earning or the instance ends. It starts
    empty because every instance that a fleet adds does.

    Raises ValueError for a type without CPU credits.
    """
    if instance.cpu_credits_per_hour is None:
        raise ValueError(f"{instance.name} has no CPU credits")
    earned = instance.cpu_credits_per_hour / MINUTES_PER_HOUR
    most = instance.cpu_credits_per_hour * HOURS_PER_DAY
    return float(_lowest_balance(np.asarray(utilisation, np.float64), float(instance.vcpu), earned, most))


def _lowest_balance_python(
    utilisation: FloatArray, vcpu: float, earned_per_minute: float, most: float
) -> float:
    balance = 0.0
    lowest = 0.0
    for i in range(utilisation.size):
        balance = min(most, balance + earned_per_minute - vcpu * utilisation[i])
        lowest = min(lowest, balance)
    return lowest


_lowest_balance = njit(cache=True, nogil=True)(_lowest_balance_python)
