"""AWS Key Management Service: customer-managed keys and the requests that use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from costmodel.capacity.energy import Energy, unmeasured
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.demand import Demand
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import Scenario
from costmodel.services import needs
from costmodel.services._base import (
    Footprint,
    Meter,
    PlatformService,
    Reliability,
    Role,
    Setting,
    TerraformVariable,
    Usage,
    between,
    flag,
    meter_usage,
)

SERVICE_NAME = "AWS Key Management Service"
SERVICE_CODE = "awskms"

BUCKET_KEY_REQUEST_RATIO = 0.01
"""KMS requests per S3 object request with a bucket key.

Source: Amazon S3 User Guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys" (2023-06): up
to 99 percent fewer requests.
"""
ROTATION_DAYS = 365
BILLED_ROTATIONS = 2
"""A key that rotates keeps its old material: the first and the second rotation add a key-month a month each,
later ones nothing.

Source: AWS KMS Developer Guide, "Rotating AWS KMS keys" (2023-06) for the year; AWS KMS pricing, "Key
storage" (2026) for the price.
"""
DELETION_WINDOW_DAYS = 30
"""Days between the order to delete a key and its end; the default, 7 to 30.

Source: AWS KMS Developer Guide, "Deleting AWS KMS keys" (2023-06).
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """Symmetric customer-managed keys with yearly rotation, made on the first simulated day; without any,
    AWS-owned keys are used.
    """

    region_id: str
    keys: int

    @property
    def role(self) -> Role:
        return Role.ENCRYPTION

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return "keys"

    @property
    def label(self) -> str:
        if not self.keys:
            return "AWS-owned keys"
        return f"{self.keys} customer-managed key{'s' if self.keys > 1 else ''}"

    @property
    def reliability(self) -> Reliability:
        return Reliability(0.99999, "AWS Key Management Service, Service Level Agreement (2023)")

    def settings(self) -> Mapping[str, Setting]:
        return {"customer_managed_keys": self.keys, "bucket_key": self.keys > 0}

    def energy(self, demand: Demand, footprint: Footprint) -> Energy:
        return unmeasured("the modules that keep keys")

    def usage(self, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]:
        """Key-months, requests of the tiers, and S3 reads thinned by the bucket key.

        AWS-owned keys cost nothing, and what uses them counts no requests.
        Source: AWS KMS Developer Guide, "AWS KMS concepts", AWS owned keys (2023-06).
        """
        if self.keys == 0:
            return ()
        calendar = demand.calendar
        rotations = np.minimum(np.arange(calendar.days) // ROTATION_DAYS, BILLED_ROTATIONS)
        return (
            *self._meter(
                ("Customer-managed keys", "KMS-Keys", "Keys"),
                calendar,
                self.keys * (1 + rotations) * calendar.month_share_per_day,
                f"{self.keys} keys, and as many again after each of the first {BILLED_ROTATIONS} yearly"
                " rotations, x share of the month",
            ),
            *self._meter(
                ("Requests", "KMS-Requests", "Requests"),
                calendar,
                footprint.kms_requests + BUCKET_KEY_REQUEST_RATIO * footprint.origin_requests,
                f"requests of the tiers + {BUCKET_KEY_REQUEST_RATIO:g} x S3 object requests (bucket key)",
            ),
        )

    def _meter(
        self, kind: tuple[str, str, str], calendar: Calendar, daily: FloatArray, formula: str
    ) -> tuple[Usage, ...]:
        name, usage_type, unit = kind
        query = PriceQuery(SERVICE_CODE, self.region_id, usage_type)
        meter = Meter(name, SERVICE_NAME, "Identity", unit, query)
        return meter_usage(meter, self.resource_name, calendar, daily, formula)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return (
            TerraformVariable(
                "kms",
                "Customer-managed keys; inputs of terraform-aws-modules/kms.",
                (
                    between("keys", self.keys, 0, 10_000),
                    flag("enable_key_rotation", True),
                    between("deletion_window_in_days", DELETION_WINDOW_DAYS, 7, 30),
                ),
            ),
        )


def design(scenario: Scenario, footprint: Footprint) -> Keys:
    """The keys of a scenario."""
    return Keys(scenario.region, scenario.security.kms_keys)


SERVICE = PlatformService(SERVICE_NAME, SERVICE_CODE, Role.ENCRYPTION, design, needs.KMS)
