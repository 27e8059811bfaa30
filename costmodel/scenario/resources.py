"""What a usage file says there is, for services to turn into metered lines by AWS's rules.

    objects:
      - {region: eu-west-1, storage_class: GLACIER, count: 1000, kb: 10, days: 20, deleted_after_days: 20}
    volumes:
      - {region: eu-west-1, type: io2, gb: 500, iops: 40000, count: 2}
    databases:
      - {region: eu-west-1, engine: PostgreSQL, class: db.t4g.medium, multi_az: true, ran_minutes: [3, 3, 45]}
    functions:
      - {region: eu-west-1, invocations: 1000000, duration_ms: 120, memory_mb: 512, cold_starts: 8000, init_ms: 240}

Here a number is a number; how large AWS lets it be is for the service to say.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from costmodel.scenario.fields import Model, Rule, obeying
from costmodel.scenario.rates_file import Exactly, Name, Quantity
from costmodel.units import MINUTES_PER_DAY, plain

LONGEST_MONTH_DAYS = 31
Count = Annotated[Decimal, BeforeValidator(Exactly(Decimal(10**12), decimals=0, least=Decimal(1)))]
CountOrNone = Annotated[Decimal, BeforeValidator(Exactly(Decimal(10**12), decimals=0))]
Days = Annotated[Decimal, BeforeValidator(Exactly(Decimal(LONGEST_MONTH_DAYS), decimals=9, above_zero=True))]
Milliseconds = Annotated[Decimal, BeforeValidator(Exactly(Decimal(10**18), decimals=9, above_zero=True))]
Minutes = Annotated[
    Decimal, BeforeValidator(Exactly(Decimal(LONGEST_MONTH_DAYS * MINUTES_PER_DAY), decimals=9))
]

StorageClass = Literal[
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
]
"""Storage classes of S3 by the name its API gives them. Source: Amazon S3 API Reference, StorageClass (2023-06)."""
AccessTier = Literal["frequent", "infrequent", "archive_instant"]
VolumeType = Literal["gp2", "gp3", "io1", "io2", "st1", "sc1"]


class _Resource(Model):
    """What stands in one region."""

    region: Name
    """AWS region code."""

    @property
    def stated_days(self) -> tuple[str, Decimal] | None:
        """Where the file says how much of the month it was there: by which key, and the days that it comes to."""
        return None


class _Standing(_Resource):
    """What is billed for as long as it stands."""

    days: Days | None = None
    """Days of this month on which it stands; the whole month when left out."""

    @property
    def stated_days(self) -> tuple[str, Decimal] | None:
        return None if self.days is None else ("days", self.days)


class Objects(_Standing):
    """Objects of one size in S3. Requests, transitions and retrievals are lines of their own."""

    storage_class: StorageClass
    """Storage class, as the S3 API names it."""
    access_tier: AccessTier | None = None
    """Tier of INTELLIGENT_TIERING in which the objects lie; AWS puts new ones into the frequent one."""
    count: Count
    """How many objects."""
    kb: Quantity
    """Size of each object, in KB of 1 024 bytes."""
    deleted_after_days: Quantity | None = None
    """Days from being written to being deleted, overwritten or moved on in this month; left out while they stay."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        rules = []
        if self.access_tier is not None and self.storage_class != "INTELLIGENT_TIERING":
            problem = "belongs to the storage class INTELLIGENT_TIERING; delete it"
            rules.append(Rule(("access_tier",), problem, self.access_tier))
        if self.deleted_after_days is not None and self.days is None:
            problem = "is missing; of what is deleted, say on how many days of this month it was stored"
            rules.append(Rule(("days",), problem, None))
        if self.deleted_after_days is not None and self.deleted_after_days < (self.days or 0):
            problem = (
                f"must be at least {plain(self.days or Decimal(0))}, as days has: until then they are stored"
            )
            rules.append(Rule(("deleted_after_days",), problem, plain(self.deleted_after_days)))
        return obeying(self, rules)


class Volumes(_Standing):
    """Block storage of EC2 instances: volumes of one kind."""

    type: VolumeType
    """Volume type."""
    gb: Count
    """Size of each volume, in GiB, which AWS bills as GB."""
    iops: Count | None = None
    """Provisioned IOPS of each volume: io1 and io2 need them, gp3 has 3 000 when left out."""
    mibps: Count | None = None
    """Provisioned throughput of each gp3 volume, in MiB/s; 125 when left out."""
    count: Count = Field(default=Decimal(1), validate_default=False)
    """How many volumes."""


class Databases(_Resource):
    """Instance hours of one RDS database. Storage, I/O and backups are lines of their own."""

    engine: Name
    """Engine as the price list names it, such as `PostgreSQL`."""
    instance_class: Name = Field(alias="class")
    """Instance class, such as db.t4g.medium."""
    multi_az: StrictBool
    """Whether a standby runs in a second zone."""
    ran_minutes: Annotated[tuple[Minutes, ...], Field(min_length=1, max_length=100_000)]
    """Minutes that it ran in this month after each start or change of its class."""

    @property
    def stated_days(self) -> tuple[str, Decimal] | None:
        return "ran_minutes", sum(self.ran_minutes, Decimal(0)) / MINUTES_PER_DAY


class Functions(_Resource):
    """Calls of one Lambda function, without provisioned concurrency."""

    invocations: Count
    """Calls in this month."""
    duration_ms: Milliseconds
    """Duration of each call without a cold start's INIT phase, in ms; AWS rounds it up."""
    cold_starts: CountOrNone | None = None
    """How many of the calls met a cold start; 0 where none did. Without it no INIT phase is billed, and that is said."""
    init_ms: Milliseconds | None = None
    """Duration of the INIT phase of each cold start, in ms: `Init Duration` of Lambda's REPORT lines."""
    memory_mb: Count
    """Memory, in MB."""
    ephemeral_mb: Count = Field(default=Decimal(512), validate_default=False)
    """Ephemeral storage, in MB: 512 when left out. Source: AWS Lambda Developer Guide, ephemeral storage (2023-10)."""
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Processor: x86_64 when left out. Source: AWS Lambda Developer Guide, instruction set architectures (2023-10)."""
    response_mb: Quantity = Field(default=Decimal(0), validate_default=False)
    """MB that each call streams back; nothing when left out, as AWS charges no other response."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        rules = []
        starts = self.cold_starts or Decimal(0)
        if starts > self.invocations:
            problem = f"must be at most {plain(self.invocations)}, as invocations has: a start answers a call"
            rules.append(Rule(("cold_starts",), problem, plain(starts)))
        if starts and self.init_ms is None:
            problem = "is missing; say how long the INIT phase of a cold start takes, such as `init_ms: 250`"
            rules.append(Rule(("init_ms",), problem, None))
        if self.init_ms is not None and not starts:
            problem = "belongs to cold starts; say how many in cold_starts, or delete it"
            rules.append(Rule(("init_ms",), problem, plain(self.init_ms)))
        return obeying(self, rules)


Resource = Objects | Volumes | Databases | Functions
