"""The services the tool knows. Adding one is a new file beside this one and a line in its tuple here."""

from __future__ import annotations

from costmodel.capacity import relational
from costmodel.pricing.need import PriceNeed
from costmodel.scenario.model import Rule, Scenario
from costmodel.services import (
    aurora,
    cloudfront,
    cloudwatch,
    dynamodb,
    ec2,
    elb,
    kms,
    lambda_,
    rds,
    rendering,
    route53,
    s3,
    vpc,
    waf,
)
from costmodel.services._base import PlatformService, TierService

TIER_SERVICES: tuple[TierService, ...] = (
    ec2.SERVICE,
    lambda_.SERVICE,
    elb.SERVICE,
    rds.SERVICE,
    aurora.SERVICE,
    dynamodb.SERVICE,
    cloudfront.SERVICE,
    rendering.SERVICE,
)
PLATFORM_SERVICES: tuple[PlatformService, ...] = (
    s3.SERVICE,
    route53.SERVICE,
    cloudwatch.SERVICE,
    vpc.SERVICE,
    waf.SERVICE,
    kms.SERVICE,
)
SERVICES: tuple[TierService | PlatformService, ...] = TIER_SERVICES + PLATFORM_SERVICES

PRICE_NEEDS: tuple[PriceNeed, ...] = tuple(
    dict.fromkeys(need for service in SERVICES for need in service.prices)
)
"""Everything any service is billed on: what to ask AWS's price list for."""


def family_rules(scenario: Scenario) -> list[Rule]:
    """What is wrong with the instance families a scenario allows, for EC2 and for databases."""
    return [*ec2.family_rules(scenario), *relational.family_rules(scenario)]
