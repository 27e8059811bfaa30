"""What each EC2 instance type and database class can do."""

from __future__ import annotations

import csv
import difflib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from costmodel.errors import UnknownInstanceType

Architecture = Literal["x86_64", "arm64"]

DATABASE_PREFIX = "db."
SUGGESTIONS = 4
GPU_FAMILIES = ("g4dn",)
"""Families for rendering jobs alone (`services/rendering.py`): no type of theirs answers API calls."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    """Capacity of one type or class.

    Source: DescribeInstanceTypes as copied in moto 5.2.1; relative speeds from Netflix
    service-capacity-modeling (2026-08); each row of `instances.csv` names its own sources.
    """

    name: str
    vcpu: int
    memory_gib: float
    architecture: Architecture
    threads_per_core: int
    network_baseline_gbps: float
    """What the type sustains; small types burst above it for some minutes only."""
    network_burst_gbps: float
    ebs_baseline_mbps: float
    """Megabits per second."""
    ebs_baseline_iops: float
    relative_vcpu_speed: float
    """Throughput of one vCPU over that of an m5 (Skylake) vCPU."""
    cpu_baseline_ratio: float | None
    """Share of each vCPU that burstable types sustain; None for other types."""
    cpu_credits_per_hour: float | None
    """Credits a burstable type earns; one credit is one vCPU at full speed for a minute."""
    speed_source: str
    capacity_source: str

    @property
    def family(self) -> str:
        """`m7g` of `m7g.large`, `db.m7g` of `db.m7g.large`."""
        return self.name.rpartition(".")[0]

    @property
    def size(self) -> str:
        """`large` of `m7g.large`."""
        return self.name.rpartition(".")[2]

    @property
    def burstable(self) -> bool:
        return self.cpu_credits_per_hour is not None

    @property
    def compute_units(self) -> float:
        """Throughput in m5 vCPUs."""
        return self.vcpu * self.relative_vcpu_speed


def instance_type(name: str) -> InstanceType:
    """The EC2 type called `name`, such as `m7g.large`. Raises UnknownInstanceType."""
    return _find(name, "EC2 instance type", database=False)


def database_class(name: str) -> InstanceType:
    """The RDS or Aurora class called `name`, such as `db.r7g.large`. Raises UnknownInstanceType."""
    return _find(name, "database class", database=True)


def instance_types(families: Iterable[str]) -> tuple[InstanceType, ...]:
    """Every type of `families` (`m7g`, or `db.m7g` for classes), by family, then from small to large.

    Those of a GPU family are left out. Raises UnknownInstanceType for a family that is not known.
    """
    wanted = set(families)
    known = {row.family for row in _table().values()} | set(GPU_FAMILIES)
    if unknown := sorted(wanted - known):
        family = unknown[0]
        alike = [
            name for name in known if name.startswith(DATABASE_PREFIX) == family.startswith(DATABASE_PREFIX)
        ]
        raise UnknownInstanceType("instance family", family, _nearest(family, alike))
    rows = [row for row in _table().values() if row.family in wanted]
    return tuple(sorted(rows, key=lambda row: (row.family, row.vcpu, row.memory_gib)))


def ec2_types() -> tuple[str, ...]:
    """The name of every EC2 type."""
    return tuple(name for name in _table() if not name.startswith(DATABASE_PREFIX))


def type_pattern(names: Iterable[str]) -> str:
    """An RE2 pattern of these types or classes and no other, families with the same sizes side by side."""
    sizes: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        family, _, size = name.rpartition(".")
        sizes[family.replace(".", "[.]")].append(size)
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for family, found in sizes.items():
        alike["|".join(found)].append(family)
    parts = [f"({'|'.join(families)})[.]({found})" for found, families in alike.items()]
    return f"^({'|'.join(parts)})$"


def _find(name: str, kind: str, *, database: bool) -> InstanceType:
    found = _table().get(name)
    if found is None or name.startswith(DATABASE_PREFIX) != database:
        names = [other for other in _table() if other.startswith(DATABASE_PREFIX) == database]
        raise UnknownInstanceType(kind, name, _nearest(name, names))
    return found


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, names, n=SUGGESTIONS, cutoff=0.0)


@cache
def _table() -> dict[str, InstanceType]:
    with Path(__file__).with_name("instances.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: _parse(row) for row in csv.DictReader(file)}


def _parse(row: dict[str, str]) -> InstanceType:
    return InstanceType(
        name=row["name"],
        vcpu=int(row["vcpu"]),
        memory_gib=float(row["memory_gib"]),
        architecture=cast(Architecture, row["architecture"]),
        threads_per_core=int(row["threads_per_core"]),
        network_baseline_gbps=float(row["network_baseline_gbps"]),
        network_burst_gbps=float(row["network_burst_gbps"]),
        ebs_baseline_mbps=float(row["ebs_baseline_mbps"]),
        ebs_baseline_iops=float(row["ebs_baseline_iops"]),
        relative_vcpu_speed=float(row["relative_vcpu_speed"]),
        cpu_baseline_ratio=_optional(row["cpu_baseline_ratio"]),
        cpu_credits_per_hour=_optional(row["cpu_credits_per_hour"]),
        speed_source=row["speed_source"],
        capacity_source=row["capacity_source"],
    )


def _optional(text: str) -> float | None:
    return float(text) if text else None
