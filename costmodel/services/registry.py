"""The services the tool knows. Adding one is a new file beside this one and a line in its tuple here."""

from __future__ import annotations

from decimal import localcontext

from costmodel.capacity import database_classes
from costmodel.pricing.price import ON_DEMAND, SPOT, PriceQuery
from costmodel.scenario.estimate import lowest
from costmodel.scenario.events import PriceListChange
from costmodel.scenario.faults import did_you_mean
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import Scenario
from costmodel.scenario.resources import Databases, Functions, Objects, Resource, Volumes
from costmodel.services import (
    _fixed_group,
    aurora,
    cloudfront,
    cloudwatch,
    dynamodb,
    ebs,
    ec2,
    elb,
    hybrid,
    kms,
    lambda_,
    lambda_managed,
    needs,
    rds,
    rendering,
    route53,
    s3,
    vpc,
    waf,
)
from costmodel.services._base import Metered, PlatformService, TierService
from costmodel.services.needs import SERVICE_CODES
from costmodel.units import LEAST_INSTANCE_S

HYBRID = hybrid.service(
    _fixed_group.fixed_groups,
    lambda_.overflow_functions,
    (*needs.EC2, *needs.LAMBDA, *needs.ELB, *needs.CLOUDWATCH),
)
"""The one service whose designs are made of others'; it knows neither, and is handed both here."""

TIER_SERVICES: tuple[TierService, ...] = (
    ec2.SERVICE,
    lambda_.SERVICE,
    lambda_managed.SERVICE,
    HYBRID,
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


QUANTITY_DIGITS = 80
"""Digits of a quantity before it is rounded once: a whole account's largest has 40."""


def resource_limits(resource: Resource) -> tuple[Rule, ...]:
    """What a resource of a usage file states beyond what AWS allows."""
    match resource:
        case Objects():
            return s3.object_limits(resource)
        case Volumes():
            return ebs.volume_limits(resource)
        case Functions():
            return lambda_.function_limits(resource)
        case Databases():
            return ()  # what runs is looked up by its price


def metered(resource: Resource, days_of_month: int) -> list[Metered]:
    """What a resource of a usage file is billed on in a month, by AWS's rules. It must keep within `resource_limits`."""
    with localcontext(prec=QUANTITY_DIGITS):
        match resource:
            case Objects():
                return s3.metered_objects(resource, days_of_month)
            case Volumes():
                return ebs.metered_volumes(resource, days_of_month)
            case Databases():
                return rds.metered_databases(resource)
            case Functions():
                return lambda_.metered_functions(resource)


def billed_beside(query: PriceQuery) -> PriceQuery | None:
    """What AWS never bills a quantity without, where that is a quantity of its own; None for most."""
    return s3.restore_requests(query)


def quantity_note(query: PriceQuery) -> str:
    """What a stated quantity of this must leave out, as AWS does; empty for nearly everything."""
    return route53.quantity_note(query)


def resource_note(resource: Resource, period: str) -> str:
    """What a resource of a usage file leaves unsaid that AWS bills in this month (YYYY-MM); empty for most."""
    return lambda_.start_note(resource, period) if isinstance(resource, Functions) else ""


def least_run_s(query: PriceQuery) -> int:
    """Seconds that AWS bills each start of this for at least; 0 where nothing starts. A reservation pays every hour.

    Source: see `LEAST_INSTANCE_S` and `rds.LEAST_BILLED_S`.
    """
    if query.term not in (ON_DEMAND, SPOT):
        return 0
    if query.service_code == ec2.SERVICE_CODE and query.usage_type.startswith(("BoxUsage:", "SpotUsage:")):
        return LEAST_INSTANCE_S
    if query.service_code == rds.SERVICE_CODE and query.usage_type.startswith(
        ("InstanceUsage", "Multi-AZUsage")
    ):
        return rds.LEAST_BILLED_S
    return 0


def scenario_rules(scenario: Scenario) -> list[Rule]:
    """What a valid scenario names that AWS or this tool does not have, or asks of a service beyond its limits."""
    return [
        *ec2.family_rules(scenario),
        *database_classes.family_rules(scenario),
        *ec2.quota_rules(scenario),
        *lambda_.body_rules(scenario),
        *lambda_managed.runtime_rules(scenario),
        *rendering.memory_rules(scenario),
        *cloudfront.timeout_rules(scenario),
        *_storage_rules(scenario),
        *_price_change_rules(scenario),
    ]


_LARGEST_STORED_GB = {
    "rds": (rds.LARGEST_GB, "Amazon RDS User Guide, Amazon RDS DB instance storage, 2023-06"),
    "aurora": (aurora.LARGEST_GB, "Amazon Aurora User Guide, Amazon Aurora storage, 2023-06"),
    "aurora_serverless": (aurora.LARGEST_GB, "Amazon Aurora User Guide, Amazon Aurora storage, 2023-06"),
}
"""What a kind of database holds, with its source; a table in DynamoDB has no end."""


def _storage_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule when the database outgrows every allowed kind within the run."""
    kinds, database = scenario.constraints.database, scenario.database
    if not set(kinds) <= set(_LARGEST_STORED_GB):
        return []
    largest_gb, source = max(_LARGEST_STORED_GB[kind] for kind in kinds)
    stored_gb = lowest(database.stored_gb) + (scenario.months - 1) * lowest(database.growth_gb_per_month)
    if stored_gb <= largest_gb:
        return []
    problem = f"leads to {stored_gb:,.0f} GB, and {' or '.join(kinds)} holds at most {largest_gb:,.0f} GB ({source})"
    return [Rule(("database", "stored_gb"), problem, float(database.stored_gb))]


def _price_change_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule for each change of prices of a service that nothing is billed on."""
    return [
        Rule(
            ("traffic", "events", index, "service"),
            f"is no service code of the price list here{did_you_mean(event.service, SERVICE_CODES)}; "
            f"valid: {', '.join(SERVICE_CODES)}",
            event.service,
        )
        for index, event in enumerate(scenario.traffic.events)
        if isinstance(event, PriceListChange) and event.service not in SERVICE_CODES
    ]
