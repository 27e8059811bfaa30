"""Amazon EBS: what a usage file's volumes are billed on. Root volumes of the shop are part of EC2 and get by with what gp3
includes.

Sources: Amazon EBS pricing (2024-07); Amazon EBS User Guide, "Amazon EBS volume types" (2025-09), for what a volume takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from costmodel.demand.calendar import prorated
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.fields import Rule
from costmodel.scenario.resources import Volumes
from costmodel.services._base import Meter, Metered, beyond
from costmodel.units import MB_PER_GB, plain

SERVICE_NAME = "Amazon Elastic Compute Cloud"
SERVICE_CODE = "AmazonEC2"

GP3_IOPS = 3_000
GP3_MIBPS = 125
"""IOPS and MiB/s that every gp3 volume includes, whatever its size. Source: Amazon EBS pricing (2024-07)."""
GP3_MOST_MIBPS = 2_000
GP3_IOPS_PER_MIBPS = 4
"""Most MiB/s of a gp3 volume, and the IOPS that each of them needs. Source: Amazon EC2 API Reference,
CreateVolume, as botocore 1.44.5 ships it (2026).
"""
IO2_METERS = (
    (32_000, "EBS:VolumeP-IOPS.io2"),
    (64_000, "EBS:VolumeP-IOPS.io2.tier2"),
    (256_000, "EBS:VolumeP-IOPS.io2.tier3"),
)
"""How far up the provisioned IOPS of one io2 volume each meter goes; the last is the most a volume takes.

Source: Amazon EBS pricing, io2 IOPS tiers (2024-07); Amazon EBS User Guide, io2 Block Express (2024-07).
"""
LIMITS_SOURCE = "Amazon EBS User Guide, Amazon EBS volume types, 2025-09"


@dataclass(frozen=True, slots=True)
class VolumeType:
    """What volumes of a type are billed on and may be."""

    usage_type: str
    """Meter of their size, in GB-months."""
    least_gb: int
    most_gb: int
    least_iops: int = 0
    most_iops: int = 0
    """Provisioned IOPS of a volume; 0 where none can be bought."""
    iops_per_gb: int = 0
    """Most provisioned IOPS for each GiB of a volume that needs more than the least."""


VOLUME_TYPES = {
    "gp2": VolumeType("EBS:VolumeUsage.gp2", 1, 16_384),
    "gp3": VolumeType("EBS:VolumeUsage.gp3", 1, 65_536, GP3_IOPS, 80_000, 500),
    "io1": VolumeType("EBS:VolumeUsage.piops", 4, 16_384, 100, 64_000, 50),
    "io2": VolumeType("EBS:VolumeUsage.io2", 4, 65_536, 100, IO2_METERS[-1][0], 1_000),
    "st1": VolumeType("EBS:VolumeUsage.st1", 125, 16_384),
    "sc1": VolumeType("EBS:VolumeUsage.sc1", 125, 16_384),
}
"""Volume types by the name the EC2 API gives them.

Source: Amazon EC2 API Reference, CreateVolume, as botocore 1.44.5 ships it (2026).
"""


def volume_limits(volumes: Volumes) -> tuple[Rule, ...]:
    """What volumes of a usage file state beyond what EBS has."""
    kind = VOLUME_TYPES[volumes.type]
    return (
        *beyond("gb", volumes.gb, kind.least_gb, kind.most_gb, f"GiB of {volumes.type}", LIMITS_SOURCE),
        *_iops_limits(volumes, kind),
        *_throughput_limits(volumes),
    )


def _iops_limits(volumes: Volumes, kind: VolumeType) -> tuple[Rule, ...]:
    if volumes.iops is None:
        if volumes.type in ("io1", "io2"):
            problem = f"is required: {volumes.type} volumes are billed for the IOPS they are given"
            return (Rule(("iops",), problem, None),)
        return ()
    if not kind.most_iops:
        problem = f"cannot be bought for {volumes.type}; delete it ({LIMITS_SOURCE})"
        return (Rule(("iops",), problem, f"{volumes.iops:f}"),)
    most = min(kind.most_iops, max(kind.least_iops, int(volumes.gb) * kind.iops_per_gb))
    what = f"IOPS of {volumes.type} with {plain(volumes.gb)} GiB"
    return beyond("iops", volumes.iops, kind.least_iops, most, what, LIMITS_SOURCE)


def _throughput_limits(volumes: Volumes) -> tuple[Rule, ...]:
    if volumes.mibps is None:
        return ()
    if volumes.type != "gp3":
        problem = f"cannot be bought for {volumes.type}; delete it ({LIMITS_SOURCE})"
        return (Rule(("mibps",), problem, f"{volumes.mibps:f}"),)
    iops = GP3_IOPS if volumes.iops is None else int(volumes.iops)
    most = max(GP3_MIBPS, min(GP3_MOST_MIBPS, iops // GP3_IOPS_PER_MIBPS))
    what = f"MiB/s of gp3 with {iops:,} IOPS"
    return beyond("mibps", volumes.mibps, GP3_MIBPS, most, what, LIMITS_SOURCE)


def metered_volumes(volumes: Volumes, days_of_month: int) -> list[Metered]:
    """GB-months of volumes, and the IOPS-months and GiB/s-months that are billed beside them."""
    days = Decimal(days_of_month) if volumes.days is None else volumes.days
    size = (VOLUME_TYPES[volumes.type].usage_type, "GB-Months", volumes.gb, f"{plain(volumes.gb)} GB")
    return [
        Metered(
            Meter(
                usage_type,
                SERVICE_NAME,
                "Storage",
                unit,
                PriceQuery(SERVICE_CODE, volumes.region, usage_type),
            ),
            prorated(volumes.count * each, days, days_of_month),
            f"{plain(volumes.count)} x {words} x {plain(days)} / {days_of_month} days of the month",
        )
        for usage_type, unit, each, words in (size, *_performance(volumes))
    ]


def _performance(volumes: Volumes) -> Iterator[tuple[str, str, Decimal, str]]:
    """Meter, unit, quantity of one volume for a month and words, for the IOPS and throughput that are billed."""
    if volumes.type == "gp3":
        yield from _gp3_extra(volumes.iops or Decimal(GP3_IOPS), volumes.mibps or Decimal(GP3_MIBPS))
    elif volumes.iops is not None and volumes.type == "io2":
        yield from _io2_iops(volumes.iops)
    elif volumes.iops is not None:
        yield "EBS:VolumeP-IOPS.piops", "IOPS-Months", volumes.iops, f"{plain(volumes.iops)} IOPS"


def _gp3_extra(iops: Decimal, mibps: Decimal) -> Iterator[tuple[str, str, Decimal, str]]:
    """What exceeds the included, of every volume on its own: two of 3 000 IOPS cost nothing, one of 6 000 does.

    Source: see `GP3_IOPS`; that the price list counts throughput in GiB/s, Amazon EBS pricing (2024-07).
    """
    if iops > GP3_IOPS:
        words = f"({plain(iops)} - {GP3_IOPS:,} included) IOPS"
        yield "EBS:VolumeP-IOPS.gp3", "IOPS-Months", iops - GP3_IOPS, words
    if mibps > GP3_MIBPS:
        words = f"({plain(mibps)} - {GP3_MIBPS} included) MiB/s / {MB_PER_GB:,}"
        yield "EBS:VolumeP-Throughput.gp3", "GiBps-Months", (mibps - GP3_MIBPS) / MB_PER_GB, words


def _io2_iops(iops: Decimal) -> Iterator[tuple[str, str, Decimal, str]]:
    """Every volume climbs the tiers on its own: two volumes of 40 000 IOPS cost more than one of 80 000.

    Source: see `IO2_METERS`.
    """
    below = 0
    for end, usage_type in IO2_METERS:
        if iops > below:
            part = min(iops, Decimal(end)) - below
            words = f"{plain(part)} IOPS (of {plain(iops)}, those from {below:,} to {end:,})"
            yield usage_type, "IOPS-Months", part, words
        below = end
