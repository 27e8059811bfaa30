"""Load that may rise faster than a group of instances grows."""

from __future__ import annotations

import numpy as np

from costmodel.demand.calendar import FloatArray
from costmodel.units import SECONDS_PER_MINUTE

REACTION_MINUTES = 7
"""From a step in load until new instances help: 3 points, 1 minute of lag, launch and boot.

Source: Amazon EC2 Auto Scaling User Guide, target tracking (2023-06), and `capacity.boot`, added up.
"""
SMOOTHED_MINUTES = 5
"""Over which load is averaged before it is asked whether it outruns a group. Engineering guess."""


class RisingLoad:
    """What is asked of a group, as far as it decides which groups are looked at."""

    def __init__(self, work_cpu_s: FloatArray) -> None:
        """`work_cpu_s` is CPU-seconds of one m5 vCPU, shape (minutes,)."""
        self.work_cpu_s = work_cpu_s
        self.peak_vcpus = float(work_cpu_s.max()) / SECONDS_PER_MINUTE
        until = np.concatenate([[0.0], np.cumsum(work_cpu_s)])
        smooth = (until[SMOOTHED_MINUTES:] - until[:-SMOOTHED_MINUTES]) / SMOOTHED_MINUTES
        self._before, self._after = smooth[:-REACTION_MINUTES], smooth[REACTION_MINUTES:]

    def outruns(self, least_cpu_s: float, target_ratio: float) -> bool:
        """Whether it rises within `REACTION_MINUTES` above all that instances held at the target can do.

        `least_cpu_s` is what the smallest group does in a minute.
        """
        held = np.maximum(self._before / target_ratio, least_cpu_s)
        return bool((self._after > held).any())
