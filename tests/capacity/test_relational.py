from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity import relational
from costmodel.capacity.relational import (
    RDS_SIZES,
    aurora_connections,
    classes_in_reach,
    miss_ratio,
    overload,
    rds_connections,
)
from costmodel.scenario.model import Database


def test_overload_waits_as_long_as_the_client_does_and_loses_the_rest() -> None:
    # 1.25 minutes of work a minute; ten seconds of patience hold 1/6 minute of it.
    # Minute 0 leaves 0.25: 1/6 kept, 1/12 of 1.25 lost; then 0.25 of 1.25 is lost each minute.
    over = overload(np.array([1.25, 1.25, 1.25, 0.5]), 10.0)
    assert over.lost_ratio.tolist() == pytest.approx([(0.25 - 1 / 6) / 1.25, 0.2, 0.2, 0.0])
    assert over.delay_ms.tolist() == pytest.approx([5_000.0, 10_000.0, 10_000.0, 5_000.0])


def test_a_tier_that_keeps_up_delays_nobody() -> None:
    over = overload(np.array([0.2, 1.0, 0.9]), 10.0)
    assert not over.delay_ms.any()
    assert not over.lost_ratio.any()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=100), st.floats(0.1, 900))
def test_compiled_overload_equals_plain_python(busy: list[float], timeout_s: float) -> None:
    utilisation = np.array(busy)
    compiled = relational._overload(utilisation, timeout_s / 60)
    plain = relational._overload.py_func(utilisation, timeout_s / 60)
    assert np.array_equal(compiled[0], plain[0])
    assert np.array_equal(compiled[1], plain[1])
    assert np.all((compiled[1] >= 0) & (compiled[1] <= 1))
    assert np.all(compiled[0] <= timeout_s * 1000 + 1e-6)


def test_connections_follow_the_published_formulas() -> None:
    # 8 GiB less 7.5 %: 7 945 689 497.6 bytes / 9 531 392 = 833.6; / 12 582 880 = 631.5
    assert rds_connections("postgresql", 8.0) == 833
    assert rds_connections("mysql", 8.0) == 631
    assert rds_connections("postgresql", 512.0) == 5_000
    assert [aurora_connections("mysql", gib) for gib in (1, 4, 16, 32, 48, 512)] == [
        45,
        90,
        1_000,
        2_000,
        2_000,
        5_000,
    ]


def test_what_does_not_fit_memory_misses() -> None:
    work = Database(working_set_ratio=0.1)
    # 100 GB hold a working set of 10; 8 GiB cache 6 of it: 40 % miss, and 1 % of the other reads.
    assert miss_ratio(np.array([100.0]), 8.0, work)[0] == pytest.approx(1 - 0.6 * 0.99)
    assert miss_ratio(np.array([50.0]), 8.0, work)[0] == pytest.approx(0.01)


def test_classes_are_near_the_need() -> None:
    names = [
        c.name
        for c in classes_in_reach(("m7g", "r7g"), RDS_SIZES, peak_units=4.0, mean_units=2.0, memory_gib=20.0)
    ]
    # 4 / 0.8 = 5 m5 vCPUs: xlarge has 4 x 1.45 = 5.8. m7g.xlarge caches in 16 GiB, so 2xlarge too;
    # r7g.xlarge has 32 GiB, and the next size is within four times the need.
    assert names == ["db.m7g.xlarge", "db.m7g.2xlarge", "db.r7g.xlarge", "db.r7g.2xlarge"]


def test_a_burstable_class_must_carry_the_mean_at_its_baseline() -> None:
    # Every small t4g has 2 vCPU (2.3 units), but medium sustains 20 % and large 30 % of them.
    found = classes_in_reach(("t4g",), RDS_SIZES, peak_units=1.0, mean_units=0.5, memory_gib=1.0)
    assert found[0].name == "db.t4g.large"


def test_a_load_beyond_every_class_gets_the_largest() -> None:
    found = classes_in_reach(("m7g",), RDS_SIZES, peak_units=1e6, mean_units=1e6, memory_gib=1.0)
    assert [c.name for c in found] == ["db.m7g.16xlarge"]
