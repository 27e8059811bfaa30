"""CloudFront flat-rate plans: what each includes in a month."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from costmodel.pricing.book import PriceBook
from costmodel.pricing.discounts import plan_allowances


@dataclass(frozen=True, slots=True)
class Plan:
    """What a flat-rate plan covers in a month."""

    code: str
    """What the price list calls it: `Pro`, `Premium 75 TB`."""
    tier: str
    """What the subscription API calls it."""
    requests: int
    transfer_gb: int
    dns_queries: int
    storage_gb: int
    """Credit of S3 Standard, in GB-months."""
    custom_cache_policy: bool
    firewall_rules: int
    """Most rules of its web ACL."""


PLAN_FORMS = {
    "Free": ("FREE", False, 5),
    "Pro": ("PRO", False, 25),
    "Business": ("BUSINESS", True, 50),
    **dict.fromkeys(
        (
            "Premium",
            "Premium 75 TB",
            "Premium 125 TB",
            "Premium 200 TB",
            "Premium 350 TB",
            "Premium 600 TB",
        ),
        ("PREMIUM", True, 75),
    ),
}
"""Plan or usage level -> its name in the subscription API, whether custom cache policies come with it, and
most rules of its web ACL.

Below Business, the objects' own Cache-Control headers set the time to live. Source: Amazon CloudFront
Developer Guide, "CloudFront flat-rate pricing plans" (2026-09-05); rules as in OptimNow,
cloud-finops-skills, tier summary of August 2026, the first two also in other public repositories.
"""


@cache
def plans() -> tuple[Plan, ...]:
    """Flat-rate plans: one distribution, one apex domain, with WAF, DNS and storage credit.

    Source: the shipped `plan_allowances.csv`, which names the source and date of every figure.
    """
    included = plan_allowances(PriceBook.shipped())
    return tuple(
        Plan(
            code,
            tier,
            included[code].requests,
            included[code].transfer_gb,
            included[code].dns_queries,
            included[code].storage_gb,
            custom_cache_policy,
            firewall_rules,
        )
        for code, (tier, custom_cache_policy, firewall_rules) in PLAN_FORMS.items()
    )
