"""Make costmodel/capacity/instances.csv from a table of instance capabilities.

    python tools/build_instances.py CAPABILITY.csv costmodel/capacity/instances.csv

Kept: what a type can do (vCPU, memory, network, EBS, CPU credits) and Netflix's relative speed per
vCPU. Left out: every measured speed under a share-alike licence, and processor strings that come with
them. A blank speed is filled from the same processor in another family, or from a planning value for
Graviton; `speed_source` says which. Families whose processor has neither are left out.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

NETFLIX = (
    "Netflix-Skunkworks/service-capacity-modeling dc693073 (Apache-2.0, 2026-08): GHz x IPC, 1.5 without SMT"
)
CAPACITY = "DescribeInstanceTypes as copied in moto 5.2.1 instance_types"
RDS_CAPACITY = "as the EC2 type of the same name (Amazon RDS User Guide, Concepts.DBInstanceClass, 2023-06); "
CREDITS = "; credits: Amazon EC2 User Guide, burstable credits and baseline concepts (2023-06)"

GRAVITON_SPEED = {
    2: (1.15, "planning value for Graviton2 web work, below Netflix's 1.21 for db.r6g"),
    3: (1.45, "planning value for Graviton3 web work; Netflix has 1.26 for db.r7g, AWS claims more"),
    4: (
        1.8,
        "planning value for Graviton4: Graviton3 x 1.25, below the 40 % AWS claims for RDS (Database Blog, 2024)",
    ),
}
GRAVITON_FAMILIES = {
    2: ("t4g", "m6g", "c6g", "c6gn", "r6g", "x2gd"),
    3: ("m7g", "c7g", "c7gn", "r7g"),
    4: ("m8g", "c8g", "c8gn", "r8g"),
}
SAME_PROCESSOR = {
    "t3": ("m5", "Intel Skylake-SP or Cascade Lake, speed while bursting"),
    "t3a": ("m5a", "AMD EPYC 7571, speed while bursting"),
    "r5a": ("m5a", "AMD EPYC 7571"),
    "c6in": ("c6i", "Intel Ice Lake"),
    "m7i-flex": ("m7i", "Intel Sapphire Rapids, speed while not throttled to the flex baseline"),
    "c7i-flex": ("c7i", "Intel Sapphire Rapids, speed while not throttled to the flex baseline"),
    "m8i-flex": ("m8i", "Intel Granite Rapids, speed while not throttled to the flex baseline"),
    "c8i-flex": ("c8i", "Intel Granite Rapids, speed while not throttled to the flex baseline"),
    "r8i-flex": ("r8i", "Intel Granite Rapids, speed while not throttled to the flex baseline"),
}
COLUMNS = (
    "name",
    "vcpu",
    "memory_gib",
    "architecture",
    "threads_per_core",
    "network_baseline_gbps",
    "network_burst_gbps",
    "ebs_baseline_mbps",
    "ebs_baseline_iops",
    "relative_vcpu_speed",
    "cpu_baseline_ratio",
    "cpu_credits_per_hour",
    "speed_source",
    "capacity_source",
)


def family(name: str) -> str:
    """EC2 family of a type or of a database class."""
    return name.removeprefix("db.").rsplit(".", 1)[0]


def speeds(rows: list[dict[str, str]]) -> dict[str, tuple[str, str]]:
    """Relative speed per vCPU and its source, by EC2 family."""
    known = {
        family(row["instance_type"]): (row["rel_netflix"], NETFLIX) for row in rows if row["rel_netflix"]
    }
    for generation, families in GRAVITON_FAMILIES.items():
        known |= dict.fromkeys(
            families, (f"{GRAVITON_SPEED[generation][0]:g}", GRAVITON_SPEED[generation][1])
        )
    for name, (twin, processor) in SAME_PROCESSOR.items():
        known[name] = (known[twin][0], f"as {twin}, same processor: {processor}; {NETFLIX}")
    return known


def build(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows of instances.csv, sorted by name."""
    speed_of = speeds(rows)
    built = []
    for row in rows:
        name = row["instance_type"]
        if family(name) not in speed_of:
            continue
        speed, speed_source = speed_of[family(name)]
        percent, credits_per_hour = row["cpu_baseline_pct"], row["cpu_credits_per_hour"]
        prefix = RDS_CAPACITY if name.startswith("db.") else ""
        built.append(
            {
                "name": name,
                "vcpu": row["vcpu"],
                "memory_gib": row["mem_gib"],
                "architecture": row["arch"],
                "threads_per_core": row["threads_per_core"],
                "network_baseline_gbps": row["network_baseline_gbps"],
                "network_burst_gbps": row["network_burst_gbps"],
                "ebs_baseline_mbps": row["ebs_baseline_mbps"],
                "ebs_baseline_iops": row["ebs_baseline_iops"],
                "relative_vcpu_speed": speed,
                "cpu_baseline_ratio": f"{float(percent) / 100:g}" if percent else "",
                "cpu_credits_per_hour": credits_per_hour,
                "speed_source": speed_source,
                "capacity_source": prefix + CAPACITY + (CREDITS if percent else ""),
            }
        )
    return sorted(built, key=lambda row: row["name"])


def main(source: Path, target: Path) -> None:
    with source.open(newline="") as file:
        rows = build(list(csv.DictReader(file)))
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} types written to {target}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
