"""Block storage of EC2 instances: its prices, and the tiers of provisioned IOPS."""

from __future__ import annotations

from costmodel.pricing.need import PriceNeed

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
