from __future__ import annotations

import csv
from pathlib import Path

import pytest

from costmodel.capacity import instances
from costmodel.capacity.instances import database_class, instance_type, instance_types
from costmodel.errors import CostModelError, UnknownInstanceType

ROWS = list(
    csv.DictReader(
        Path(instances.__file__).with_name("instances.csv").read_text(encoding="utf-8").splitlines()
    )
)


def test_a_known_type() -> None:
    m7g = instance_type("m7g.large")
    assert (m7g.vcpu, m7g.memory_gib, m7g.architecture, m7g.threads_per_core) == (2, 8.0, "arm64", 1)
    assert (m7g.network_baseline_gbps, m7g.network_burst_gbps) == (0.937, 12.5)
    assert (m7g.ebs_baseline_mbps, m7g.ebs_baseline_iops) == (630.0, 3600.0)
    assert (m7g.family, m7g.size) == ("m7g", "large")
    assert m7g.compute_units == pytest.approx(2 * 1.45)
    assert not m7g.burstable
    assert m7g.cpu_baseline_ratio is None


def test_a_database_class() -> None:
    r6i = database_class("db.r6i.xlarge")
    assert (r6i.vcpu, r6i.memory_gib, r6i.family, r6i.size) == (4, 32.0, "db.r6i", "xlarge")
    assert r6i.relative_vcpu_speed == instance_type("r6i.xlarge").relative_vcpu_speed


# vCPU, credits an hour, baseline: Amazon EC2 User Guide, burstable performance instances (2023-06).
BURSTABLE = {
    "nano": (2, 6, 0.05),
    "micro": (2, 12, 0.10),
    "small": (2, 24, 0.20),
    "medium": (2, 24, 0.20),
    "large": (2, 36, 0.30),
    "xlarge": (4, 96, 0.40),
    "2xlarge": (8, 192, 0.40),
}


@pytest.mark.parametrize("family", ["t3", "t3a", "t4g"])
def test_burstable_types_earn_their_baseline(family: str) -> None:
    found = {
        row.size: (row.vcpu, row.cpu_credits_per_hour, row.cpu_baseline_ratio)
        for row in instance_types([family])
    }
    assert found == BURSTABLE
    for row in instance_types([family]):
        assert row.cpu_credits_per_hour == pytest.approx(60 * row.vcpu * (row.cpu_baseline_ratio or 0))


def test_types_come_by_family_then_from_small_to_large() -> None:
    names = [row.name for row in instance_types(["t3", "db.t4g", "m8g"])]
    assert names[:6] == [
        f"db.t4g.{size}" for size in ("micro", "small", "medium", "large", "xlarge", "2xlarge")
    ]
    assert names[6:9] == ["m8g.medium", "m8g.large", "m8g.xlarge"]
    assert names[-7:] == [f"t3.{size}" for size in BURSTABLE]


def test_relative_speeds_are_the_planning_values() -> None:
    speeds = {
        row.family: row.relative_vcpu_speed
        for row in instance_types(["m5", "m6g", "m7g", "m8g", "m6i", "t3a"])
    }
    assert speeds == {"m5": 1.0, "m6g": 1.15, "m7g": 1.45, "m8g": 1.8, "m6i": 1.298, "t3a": 0.806}


def test_every_row_names_its_sources_and_is_complete() -> None:
    for row in ROWS:
        assert row["speed_source"], row
        assert row["capacity_source"], row
        assert "SpareCores" not in " ".join(row.values())
        burstable = row["name"].removeprefix("db.").startswith("t")
        blank = {name for name, value in row.items() if not value}
        assert blank == (set() if burstable else {"cpu_baseline_ratio", "cpu_credits_per_hour"}), row["name"]


def test_a_family_has_one_speed_and_sizes_keep_their_ratio() -> None:
    families = {row["name"].rpartition(".")[0] for row in ROWS}
    for family in families:
        rows = instance_types([family])
        assert len({row.relative_vcpu_speed for row in rows}) == 1, family
        assert len({row.architecture for row in rows}) == 1, family
        vcpu = [row.vcpu for row in rows]
        assert vcpu == sorted(vcpu)


@pytest.mark.parametrize(
    ("find", "name", "hint"),
    [
        (instance_type, "m7g.lrge", "m7g.large"),
        (instance_type, "db.m7g.large", "m7g.large"),
        (database_class, "m7g.large", "db.m7g.large"),
        (database_class, "db.r7g.4xlarg", "db.r7g.4xlarge"),
        (lambda name: instance_types([name, "m5"]), "m7gg", "m7g"),
    ],
)
def test_unknown_names_get_the_nearest(find: object, name: str, hint: str) -> None:
    with pytest.raises(UnknownInstanceType, match=hint) as caught:
        find(name)  # type: ignore[operator]
    assert repr(name) in str(caught.value)
    assert isinstance(caught.value, CostModelError)
