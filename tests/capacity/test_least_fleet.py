"""The bound on a group's instances against the group itself, whatever load, policy and clients."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.capacity.fleet import run_fleet
from costmodel.capacity.group import CpuCredits, ScalingGroup
from costmodel.capacity.least_fleet import least_instances, work_begun_in_time
from costmodel.capacity.overload import Patience
from costmodel.capacity.scaling import TargetTracking

HOURS = 48
PERIODS = [slice(0, 24), slice(24, 48)]


def load(luck: np.random.Generator) -> np.ndarray:
    """CPU-seconds a minute: levels by hour, noise, and a burst that no group keeps up with."""
    level = np.repeat(10 ** luck.uniform(0, 3.5, HOURS), 60)
    work = level * luck.lognormal(0, luck.uniform(0, 0.6), level.size)
    start = luck.integers(0, work.size - 90)
    work[start : start + luck.integers(1, 90)] *= luck.choice([1, 5, 50])
    return work


@pytest.mark.parametrize("seed", range(120))
def test_no_group_gets_by_with_fewer(seed: int) -> None:
    luck = np.random.default_rng(seed)
    work, cpu_s = load(luck), float(luck.choice([60.0, 240.0]))
    least, target = int(luck.integers(1, 5)), float(luck.uniform(0.2, 0.95))
    most = least + int(luck.integers(0, 60))
    patience = Patience(
        float(luck.choice([1, 10, 120])), int(luck.choice([0, 0, 1, 5])), float(luck.choice([0, 0.5]))
    )
    credits = CpuCredits(2.0, 24.0, unlimited=False) if luck.random() < 0.2 else None
    group = ScalingGroup(
        cpu_s, (TargetTracking("cpu", target),), least, most, 2, 6, patience, cpu_credits=credits
    )
    run = run_fleet(work, group)
    failing = float((work * run.failed_ratio).sum())
    bound = least_instances(
        work_begun_in_time(work, patience), cpu_s, least, most, patience, failing, PERIODS
    )
    running = run.running.reshape(HOURS, 60).mean(axis=1)
    for hours in PERIODS:
        assert bound[hours].sum() <= running[hours].sum() * (1 + 1e-9)
    assert bound.min() >= least


def test_a_busy_group_at_its_capacity_is_bounded_closely() -> None:
    """240 CPU-seconds a minute on instances of 60 at a target of 95 %: 4 at least, 5 are run."""
    work = np.full(HOURS * 60, 240.0)
    patience = Patience(1.0)
    bound = least_instances(work_begun_in_time(work, patience), 60.0, 1, 6, patience, 0.0, PERIODS)
    running = run_fleet(
        work, ScalingGroup(60.0, (TargetTracking("cpu", 0.95),), 1, 6, 2, 6, patience)
    ).running
    assert bound == pytest.approx(np.full(HOURS, 4.0), rel=1e-3)
    assert running.mean() == pytest.approx(5.0, rel=0.01)
