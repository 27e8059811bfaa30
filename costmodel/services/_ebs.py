"""Block storage of EC2: its prices, and how the IOPS and throughput of a volume are billed.

The root volumes of the shop get by with what gp3 includes; `costmodel price` bills the rest from stated quantities.
"""

from __future__ import annotations

from decimal import Decimal

from costmodel.pricing.need import PriceNeed
from costmodel.units import MB_PER_GB, to_nine_decimals

GP3_IOPS = 3_000
GP3_MIBPS = 125
"""IOPS and MiB/s that every gp3 volume includes, whatever its size. Source: Amazon EBS pricing (2024-07)."""
IO2_METERS = (
    (32_000, "EBS:VolumeP-IOPS.io2"),
    (64_000, "EBS:VolumeP-IOPS.io2.tier2"),
    (256_000, "EBS:VolumeP-IOPS.io2.tier3"),
)
"""How far up the provisioned IOPS of one io2 volume each meter goes; the last is the most a volume takes.

Source: Amazon EBS pricing, io2 IOPS tiers (2024-07); Amazon EBS User Guide, io2 Block Express (2024-07).
"""

BLOCK_STORAGE = PriceNeed(
    "AmazonEC2",
    (
        r"EBS:VolumeUsage\.(gp2|gp3|io2|piops|sc1|st1)",
        r"EBS:VolumeP-IOPS\.(gp3|piops|io2|io2\.tier[23])",
        r"EBS:VolumeP-Throughput\.gp3",
        r"EBS:SnapshotUsage",
    ),
    containing="EBS:",
)
"""Source: infracost, internal/resources/aws (2026-05); AWS lists the bands of io2 IOPS as products of their own."""


def gp3_extra(iops: int, mibps: int) -> dict[str, Decimal]:
    """IOPS-months and GiB/s-months of one gp3 volume for one month, by usage type: what exceeds the included.
    Throughput has nine decimals.

    Every volume includes its own: two of 3 000 IOPS cost nothing, one of 6 000 does.
    Raises ValueError for less than a volume has. Source: see `GP3_IOPS`; that the price list counts throughput in GiB/s, Amazon EBS pricing (2024-07).
    """
    if iops < GP3_IOPS or mibps < GP3_MIBPS:
        raise ValueError(
            f"a gp3 volume has {GP3_IOPS:,} IOPS and {GP3_MIBPS} MiB/s at least, not {iops:,} and {mibps:,}"
        )
    return {
        "EBS:VolumeP-IOPS.gp3": Decimal(iops - GP3_IOPS),
        "EBS:VolumeP-Throughput.gp3": to_nine_decimals(Decimal(mibps - GP3_MIBPS) / MB_PER_GB),
    }


def io2_iops(provisioned_iops: int) -> dict[str, int]:
    """IOPS-months of one io2 volume for one month, by usage type.

    Every volume climbs the tiers on its own: two volumes of 40 000 IOPS cost more than one of 80 000.
    Raises ValueError for more IOPS than a volume can have, or fewer than none.

    Source: see `IO2_METERS`.
    """
    most = IO2_METERS[-1][0]
    if not 0 <= provisioned_iops <= most:
        raise ValueError(f"an io2 volume has from 0 to {most:,} IOPS, not {provisioned_iops:,}")
    billed = {}
    below = 0
    for end, usage_type in IO2_METERS:
        if provisioned_iops > below:
            billed[usage_type] = min(provisioned_iops, end) - below
        below = end
    return billed
