"""Block storage of EC2 instances: its prices. The root volumes of the shop get by with what gp3 includes; `costmodel price`
bills other volumes, and IOPS and throughput, from stated quantities.
"""

from __future__ import annotations

from costmodel.pricing.need import PriceNeed

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
