"""How AWS's price list names places: regions in front of usage types, edge geographies by their name."""

from __future__ import annotations

REGION_PREFIXES = {
    "af-south-1": "AFS1",
    "ap-east-1": "APE1",
    "ap-northeast-1": "APN1",
    "ap-northeast-2": "APN2",
    "ap-northeast-3": "APN3",
    "ap-south-1": "APS3",
    "ap-southeast-1": "APS1",
    "ap-southeast-2": "APS2",
    "ca-central-1": "CAN1",
    "eu-central-1": "EUC1",
    "eu-north-1": "EUN1",
    "eu-south-1": "EUS1",
    "eu-south-2": "EUS2",
    "eu-west-1": "EU",
    "eu-west-2": "EUW2",
    "eu-west-3": "EUW3",
    "sa-east-1": "SAE1",
    "us-east-1": "USE1",
    "us-east-2": "USE2",
    "us-west-1": "USW1",
    "us-west-2": "USW2",
}
"""Region code -> what it puts before its usage types, where it puts anything there.

Source: usage types of the AmazonCloudFront offer (2025-07-01) and the AmazonS3 offer of eu-south-2
(2026-06-12); AWS Cost and Usage Report User Guide, billing region codes.
"""

EDGE_PREFIXES = {
    "Asia Pacific": "AP",
    "Australia": "AU",
    "Canada": "CA",
    "Europe": "EU",
    "India": "IN",
    "Japan": "JP",
    "Middle East": "ME",
    "South Africa": "ZA",
    "South America": "SA",
    "United States": "US",
}
"""CloudFront edge geography -> what it puts before its usage types. Source: AmazonCloudFront offer (2025-07-01)."""


def edge_id(geography: str) -> str:
    """Our region id of a CloudFront geography: `South America` is `edge:south_america`."""
    return "edge:" + geography.lower().replace(" ", "_")


def region_of_prefix(usage_type: str) -> str | None:
    """The region that a usage type is prefixed with; None if it has no region's prefix."""
    first, dash, _ = usage_type.partition("-")
    return next((region for region, prefix in REGION_PREFIXES.items() if dash and prefix == first), None)


def without_prefix(usage_type: str, place: str) -> str:
    """A usage type without the prefix of the region or geography it belongs to.

    Most usage types carry the region's short code, those of us-east-1 often none, those of KMS the
    region's own name.
    """
    return usage_type.removeprefix(f"{prefix_of(place)}-").removeprefix(f"{place}-")


def prefix_of(place: str) -> str:
    """What a region (`eu-west-1`) or an edge geography (`Europe`) puts before its usage types."""
    return REGION_PREFIXES.get(place) or EDGE_PREFIXES.get(place) or place
