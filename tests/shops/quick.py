"""Shops with little to choose from, so that a whole simulation takes a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario

SHOP: dict[str, Any] = {
    "name": "a quick shop",
    "region": "eu-west-1",
    "start": "2026-02",
    "traffic": {"monthly_visitors": {"europe": 20_000}},
    "rendering": {"jobs_per_1000_page_views": 0},
    "constraints": {
        "compute": ["lambda"],
        "lambda_memory_mb": [512, 1769],
        "database": ["dynamodb_on_demand"],
        "delivery": ["pay_as_you_go"],
    },
}


def quick_tree(changes: Mapping[str, object] = {}) -> dict[str, Any]:
    """The quick shop with values replaced by their dotted key."""
    tree = dict(SHOP)
    for key, value in changes.items():
        *parents, last = key.split(".")
        part = tree
        for parent in parents:
            part[parent] = dict(part.get(parent, {}))
            part = part[parent]
        part[last] = value
    return tree


def quick_shop(changes: Mapping[str, object] = {}) -> Scenario:
    return validate(quick_tree(changes), "test")
