"""Whether the shipped prices answer everything that designs may be billed on, also in a second region."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.demand.synthesise import synthesise
from costmodel.errors import PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.load import validate
from costmodel.services._base import Copied, Spread, Strategy, Usage
from costmodel.services.registry import TIER_SERVICES

NOT_AT_HAND = {
    ("AmazonDynamoDB", "IA-ReplWriteCapacityUnit-Hrs"),
    ("AmazonDAX", "NodeUsage"),
}
"""Asked for and nowhere among the tables that the snapshot is made of; docs/billing.md says so."""


def asked(region: str, second_region: str) -> Iterator[PriceQuery]:
    """Every query of every design of a shop, alone and under every recovery strategy."""
    databases = [
        "rds",
        "aurora",
        "aurora_serverless",
        "dynamodb_on_demand",
        "dynamodb_provisioned",
        "dynamodb_dax",
    ]
    scenario = validate(
        {
            "name": "asks",
            "region": region,
            "start": "2026-02",
            "traffic": {"monthly_visitors": {"europe": 30_000}},
            "network": {"second_region": second_region},
            "security": {"kms_keys": 2},
            "constraints": {"database": databases, "spot": True},
        },
        "test",
    )
    demand = synthesise(scenario)
    for service in TIER_SERVICES:
        for design in service.designs(scenario, demand):
            usages: list[Usage] = []
            for strategy in Strategy:
                if isinstance(design, Copied):
                    usages += design.copied(demand, second_region, strategy)
                shares = design.spread(second_region, strategy) if isinstance(design, Spread) else ()
                for share in shares:
                    load = demand.scaled(share.ratio)
                    usages += share.design.usage(load, share.design.simulate(load))
            usages += design.usage(demand, design.simulate(demand))
            yield from (usage.meter.query for usage in usages)


def test_only_known_prices_are_asked_for_and_lacking() -> None:
    book, lacking = PriceBook.shipped(), set()
    for query in set(asked("sa-east-1", "eu-west-1")):
        try:
            book.price(query)
        except PriceNotFound:
            lacking.add((query.service_code, query.usage_type.partition(":")[0]))
    assert lacking == NOT_AT_HAND
