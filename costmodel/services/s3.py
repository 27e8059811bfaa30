"""Amazon S3: the bucket that holds 3D models, textures and images, and its copy in another region.

Reads reach the bucket only when every CloudFront cache misses; bytes from S3 to CloudFront are free.
Source: Amazon S3 pricing, "Data transfer" (2025-12). Filling the bucket for the first time is work of
the migration, not of a month, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from costmodel.capacity.energy import Energy, moved, stored, unmeasured
from costmodel.demand.calendar import Calendar, FloatArray, prorated
from costmodel.demand.content import static_files, static_stored_gb
from costmodel.demand.demand import Demand
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import Scenario
from costmodel.scenario.resources import Objects
from costmodel.services import needs
from costmodel.services._base import (
    USAGE_TYPE_CODES,
    Footprint,
    Meter,
    Metered,
    PlatformService,
    Reliability,
    Role,
    Setting,
    TerraformVariable,
    Usage,
    also,
    between,
    beyond,
    flag,
    meter_usage,
    one_of,
    region_to_region,
)
from costmodel.units import HOURS_PER_DAY, KB_PER_GB, plain

SERVICE_NAME = "Amazon Simple Storage Service"
SERVICE_CODE = "AmazonS3"
ARCHIVE_CODE = "AmazonS3GlacierDeepArchive"
"""Glacier Deep Archive is an offer of its own."""
STORAGE = ("Standard storage", "TimedStorage-ByteHrs", "GB-Months")
WRITES = ("PUT, COPY, POST and LIST requests", "Requests-Tier1", "Requests")
READS = ("GET and other requests", "Requests-Tier2", "Requests")

NONCURRENT_DAYS = 30
"""Days that a replaced version is kept.

Source: AWS Well-Architected, REL09 and COST (2023-04): version, and expire what is noncurrent.
"""

ABORT_MULTIPART_DAYS = 7
"""Days after which an upload that never finished is thrown away.

Source: AWS Trusted Advisor check reference, c1cj39rr6v (AWS Support User Guide, 2026 copy).
"""


LARGEST_OBJECT_KB = 50 * 1024**3
"""50 TB. Source: AWS News, Amazon S3 increases the maximum object size to 50 TB (2025-12)."""


@dataclass(frozen=True, slots=True)
class StorageClass:
    """How a storage class counts what it holds."""

    usage_type: str
    """Meter of its storage, in GB-months."""
    service_code: str = SERVICE_CODE
    least_kb: int = 0
    """A smaller object is billed as one of this size."""
    least_days: int = 0
    """An object deleted, overwritten or moved on earlier is billed for this long."""
    archive_kb: int = 0
    """Added to every object at the class's own rate: index and metadata."""
    standard_kb: int = 0
    """Added to every object at the Standard rate: its name, so that it can still be listed."""


WATCHED_FROM_KB = 128
"""Intelligent-Tiering neither watches nor moves a smaller object: it stays in frequent access.

Source: Amazon S3 pricing, S3 Intelligent-Tiering (2025-12).
"""
FREQUENT = StorageClass("TimedStorage-INT-FA-ByteHrs")
ACCESS_TIERS = {
    "frequent": FREQUENT,
    "infrequent": StorageClass("TimedStorage-INT-IA-ByteHrs"),
    "archive_instant": StorageClass("TimedStorage-INT-AIA-ByteHrs"),
}
"""Access tiers of Intelligent-Tiering, each at a rate of its own. Source: see `WATCHED_FROM_KB`."""
STORAGE_CLASSES = {
    "STANDARD": StorageClass("TimedStorage-ByteHrs"),
    "STANDARD_IA": StorageClass("TimedStorage-SIA-ByteHrs", least_kb=128, least_days=30),
    "ONEZONE_IA": StorageClass("TimedStorage-ZIA-ByteHrs", least_kb=128, least_days=30),
    "GLACIER_IR": StorageClass("TimedStorage-GIR-ByteHrs", least_kb=128, least_days=90),
    "GLACIER": StorageClass("TimedStorage-GlacierByteHrs", least_days=90, archive_kb=32, standard_kb=8),
    "DEEP_ARCHIVE": StorageClass(
        "TimedStorage-GDA-ByteHrs", ARCHIVE_CODE, least_days=180, archive_kb=32, standard_kb=8
    ),
}
"""Storage classes by the name the S3 API gives them, but for Intelligent-Tiering.

Source: Amazon S3 pricing, storage, and Amazon S3 User Guide, "Using Amazon S3 storage classes" (2023-06).
"""


RESTORES = {
    (SERVICE_CODE, "Standard-Retrieval-Bytes"): ("Requests-Tier3", (("restore", "Glacier Flexible"),)),
    (SERVICE_CODE, "Expedited-Retrieval-Bytes"): ("Requests-Tier6", ()),
    (ARCHIVE_CODE, "Standard-Retrieval-Bytes"): ("Requests-GDA-Tier3", ()),
    (ARCHIVE_CODE, "Bulk-Retrieval-Bytes"): ("Requests-GDA-Tier5", ()),
}
"""Meter of the bytes out of an archive -> meter and attributes of the requests that ask for them.

Source: Amazon S3 User Guide, "Understanding your AWS billing and usage reports for Amazon S3" (2023-06).
"""


@dataclass(frozen=True, slots=True)
class AssetBucket:
    """A versioned Standard bucket behind CloudFront, with a replica when a second region is named."""

    region_id: str
    second_region_id: str | None
    catalogue_files: float
    """Current files of 3D models: products times stored files per product."""
    files_per_upload: float
    """Objects written per uploaded file: the original and what is made from it."""
    uploads_per_month: float
    deployed_files_per_month: float
    """Images, scripts and styles that deploys replace."""
    deployed_gb_per_month: float
    static_gb: float
    """Current bytes of images, scripts and styles, part of what is stored."""
    noncurrent_ratio: float
    """Bytes of replaced versions over bytes of current ones."""

    @property
    def role(self) -> Role:
        return Role.STORAGE

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "assets"

    @property
    def label(self) -> str:
        copy = f", replicated to {self.second_region_id}" if self.second_region_id else ""
        return f"S3 Standard, versioned{copy}"

    @property
    def reliability(self) -> Reliability:
        return Reliability(0.999, "Amazon S3 Service Level Agreement, Standard class (2019)")

    def settings(self) -> Mapping[str, Setting]:
        return {
            "storage_class": "STANDARD",
            "versioning": True,
            "noncurrent_days": NONCURRENT_DAYS,
            "abort_incomplete_multipart_days": ABORT_MULTIPART_DAYS,
            "replica_region": self.second_region_id or "none",
        }

    def energy(self, demand: Demand, footprint: Footprint) -> Energy:
        """Stored bytes in every region, and those sent to the replica. Requests have no figure, and are few
        behind CloudFront.
        """
        gb_hours = float(self._stored_gb(demand, footprint).sum()) * HOURS_PER_DAY
        drawn = stored(self.region_id, "hdd", "copies_s3", gb_hours)
        if self.second_region_id is not None:
            sent_gb = float(self._sent_gb(demand, footprint).sum())
            drawn += stored(self.second_region_id, "hdd", "copies_s3", gb_hours)
            drawn += moved(self.region_id, sent_gb)
        return drawn + unmeasured("requests to the bucket")

    def _stored_gb(self, demand: Demand, footprint: Footprint) -> FloatArray:
        """Bytes of all versions in one region, level of each day."""
        return (demand.asset_stored_gb + footprint.reformatted_gb) * (1 + self.noncurrent_ratio)

    def _sent_gb(self, demand: Demand, footprint: Footprint) -> FloatArray:
        """Bytes sent to the replica, shape (days,)."""
        share = demand.calendar.month_share_per_day
        current = demand.asset_stored_gb + footprint.reformatted_gb
        uploaded = self.uploads_per_month * self.files_per_upload * share
        sent = uploaded * (current - self.static_gb) / self.catalogue_files
        return sent + self.deployed_gb_per_month * share

    def usage(self, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]:
        """Storage, writes, reads and, with a second region, the replica and the bytes sent to it."""
        calendar = demand.calendar
        kept = self._stored_gb(demand, footprint) * calendar.month_share_per_day
        uploaded = self.uploads_per_month * self.files_per_upload * calendar.month_share_per_day
        versions = f"GB stored each day x (1 + {self.noncurrent_ratio:g} of old versions) / days of the month"
        credit = footprint.included_storage_gb
        credited = f", less {credit:g} GB-months that the CloudFront plan credits" if credit else ""
        put = (
            f"{self.uploads_per_month:g} uploads a month x {self.files_per_upload:g} objects each "
            f"+ {self.deployed_files_per_month:g} files that deploys replace"
        )
        writes = uploaded + self.deployed_files_per_month * calendar.month_share_per_day
        rendered = " + rendered pictures" if footprint.asset_writes.any() else ""
        usages = (
            *self._meter(
                STORAGE, self.region_id, calendar, less_credit(calendar, kept, credit), versions + credited
            ),
            *self._meter(
                WRITES, self.region_id, calendar, writes + footprint.asset_writes, f"{put}{rendered}"
            ),
            *self._meter(
                READS,
                self.region_id,
                calendar,
                footprint.origin_requests,
                "object requests that miss every CloudFront cache, and of rendering jobs",
            ),
        )
        if self.second_region_id is None:
            return usages
        return (
            *usages,
            *self._meter(STORAGE, self.second_region_id, calendar, kept, f"replica: {versions}"),
            *self._meter(WRITES, self.second_region_id, calendar, writes, f"replica: {put}"),
            *meter_usage(
                region_to_region(self.region_id, self.second_region_id),
                self.resource_name,
                calendar,
                self._sent_gb(demand, footprint),
                f"{put}, each x its mean size",
            ),
        )

    def _meter(
        self, kind: tuple[str, str, str], region_id: str, calendar: Calendar, daily: FloatArray, formula: str
    ) -> tuple[Usage, ...]:
        name, usage_type, unit = kind
        query = PriceQuery(SERVICE_CODE, region_id, usage_type)
        meter = Meter(name, SERVICE_NAME, "Storage", unit, query)
        return meter_usage(meter, self.resource_name, calendar, daily, formula)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return (
            TerraformVariable(
                "s3_bucket",
                "Asset bucket: private, versioned, encrypted; inputs of terraform-aws-modules/s3-bucket.",
                (
                    flag("versioning", True),
                    flag("bucket_key_enabled", True),
                    between("noncurrent_version_expiration_days", NONCURRENT_DAYS, 1, 3650),
                    between("abort_incomplete_multipart_upload_days", ABORT_MULTIPART_DAYS, 1, 365),
                    also(
                        flag("replication", self.second_region_id is not None),
                        '{value} == (var.s3_bucket.replica_region != "none")',
                        "be true when s3_bucket.replica_region names a region, false when it is none",
                    ),
                    also(
                        one_of(
                            "replica_region", self.second_region_id or "none", ("none", *USAGE_TYPE_CODES)
                        ),
                        "{value} != var.region",
                        "differ from region",
                    ),
                ),
            ),
        )


def object_limits(objects: Objects) -> tuple[Rule, ...]:
    """What objects of a usage file state beyond what S3 holds."""
    return beyond(
        "kb",
        objects.kb,
        0,
        LARGEST_OBJECT_KB,
        "KB",
        "AWS News, Amazon S3 increases the maximum object size to 50 TB, 2025-12",
    )


def metered_objects(objects: Objects, days_of_month: int) -> list[Metered]:
    """GB-months of stored objects, and how many of them Intelligent-Tiering watches."""
    if objects.storage_class == "INTELLIGENT_TIERING":
        return _metered_tiering(objects, days_of_month)
    return _metered_storage(objects, STORAGE_CLASSES[objects.storage_class], days_of_month)


def restore_requests(retrieval: PriceQuery) -> PriceQuery | None:
    """The requests that AWS bills beside bytes out of an archive, one for each object; None for anything else."""
    found = RESTORES.get((retrieval.service_code, retrieval.usage_type))
    if found is None:
        return None
    usage_type, attributes = found
    return PriceQuery(retrieval.service_code, retrieval.region_id, usage_type, attributes)


def _metered_tiering(objects: Objects, days_of_month: int) -> list[Metered]:
    if objects.kb < WATCHED_FROM_KB:
        return _metered_storage(objects, FREQUENT, days_of_month)
    stored = _metered_storage(objects, ACCESS_TIERS[objects.access_tier or "frequent"], days_of_month)
    watched = _metered(
        SERVICE_CODE,
        objects.region,
        "Monitoring-Automation-INT",
        "Objects",
        objects.count,
        f"{plain(objects.count)} watched, as each has {WATCHED_FROM_KB} KB or more",
    )
    return [*stored, watched]


def _metered_storage(objects: Objects, held: StorageClass, days_of_month: int) -> list[Metered]:
    """GB-months at the rate of the class, and at the Standard rate where the class adds a name to each object.

    No minimum duration holds for the name: only the cold classes have meters of early deletion. Source: Amazon S3 User
    Guide, "Understanding your AWS billing and usage reports for Amazon S3" (2023-06).
    """
    own_kb = max(objects.kb, Decimal(held.least_kb)) + held.archive_kb
    size = f"{plain(own_kb)} KB"
    if objects.kb < held.least_kb:
        size += " (the least that is billed)"
    if held.archive_kb:
        size += f" ({held.archive_kb} of them index and metadata)"
    stored_days = Decimal(days_of_month) if objects.days is None else objects.days
    days, time = _billed_days(objects, held, stored_days)
    parts = [(held.service_code, held.usage_type, own_kb, size, days, time)]
    if held.standard_kb:
        _, standard, _ = STORAGE
        name = f"{held.standard_kb} KB (its name, at the Standard rate)"
        parts.append(
            (SERVICE_CODE, standard, Decimal(held.standard_kb), name, stored_days, plain(stored_days))
        )
    return [
        _metered(
            code,
            objects.region,
            usage_type,
            "GB-Months",
            prorated(objects.count * kb / KB_PER_GB, days, days_of_month),
            f"{plain(objects.count)} x {words} / {KB_PER_GB:,} x {time} / {days_of_month} days of the month",
        )
        for code, usage_type, kb, words, days, time in parts
    ]


def _billed_days(objects: Objects, held: StorageClass, days: Decimal) -> tuple[Decimal, str]:
    """Days billed in the month, those owed of a minimum included, and the same in words."""
    age = objects.deleted_after_days
    if age is None or age >= held.least_days:
        return days, plain(days)
    owed = held.least_days - age
    return days + owed, f"({plain(days)} + {plain(owed)} owed of the {held.least_days} billed at least)"


def _metered(
    code: str, region_id: str, usage_type: str, unit: str, quantity: Decimal, formula: str
) -> Metered:
    meter = Meter(usage_type, SERVICE_NAME, "Storage", unit, PriceQuery(code, region_id, usage_type))
    return Metered(meter, quantity, formula)


def less_credit(calendar: Calendar, daily_gb_months: FloatArray, credit_gb: float) -> FloatArray:
    """GB-months left to pay per day, shape (days,), after a monthly credit.

    The credit comes off each month's total; what remains is spread over the days as it was used.
    """
    billable = np.array(daily_gb_months)
    for _, days in calendar.day_slices:
        total = float(billable[days].sum())
        if total > 0:
            billable[days] *= max(0.0, 1 - credit_gb / total)
    return billable


def design(scenario: Scenario, footprint: Footprint) -> AssetBucket:
    """The bucket of a scenario."""
    content = scenario.content
    deployed_per_month = float(content.deploys_per_month) * float(content.deploy_changed_ratio)
    return AssetBucket(
        region_id=scenario.region,
        second_region_id=scenario.network.second_region,
        catalogue_files=content.catalogue_products * content.variants_stored,
        files_per_upload=content.variants_stored,
        uploads_per_month=content.uploads_per_month,
        deployed_files_per_month=deployed_per_month * static_files(content),
        deployed_gb_per_month=deployed_per_month * static_stored_gb(content),
        static_gb=static_stored_gb(content),
        noncurrent_ratio=content.noncurrent_ratio,
    )


SERVICE = PlatformService(SERVICE_NAME, SERVICE_CODE, Role.STORAGE, design, needs.S3)
