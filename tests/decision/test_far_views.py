"""A narrow price class is cheap where it serves from afar: the headline says what that costs in waiting."""

from __future__ import annotations

import re
from typing import Any

from costmodel.decision.run import Run
from costmodel.decision.simulate import simulate
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate


def shop_in(geography: str, **objectives: float) -> Run:
    tree: dict[str, Any] = {
        "name": "a shop",
        "region": "ap-south-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {geography: 200_000}},
        "constraints": {
            "compute": ["lambda"],
            "lambda_memory_mb": [1024],
            "database": ["dynamodb_on_demand"],
            "delivery": ["pay_as_you_go"],
        },
        "objectives": objectives,
    }
    return simulate(validate(tree, "test"), PriceBook.shipped(), draws=2)


def price_class(run: Run) -> str:
    found = re.search(r"price class (\w+)", run.headline)
    assert found
    return found[1]


def test_a_shop_served_from_afar_reads_how_long_its_viewers_wait() -> None:
    run = shop_in("india")
    assert price_class(run) == "100"
    told = re.search(
        r"First views of a 3D model in india take ([\d.]+) s at the 95th percentile, "
        r"with all edge locations ([\d.]+) s: set objectives\.first_view_p95_ms",
        run.headline,
    )
    assert told
    far_s, near_s = map(float, told.groups())
    assert f"{run.first_view_ms['india'][1] / 1000:.1f}" == told[1]
    assert far_s > near_s + 0.2


def test_where_the_objective_is_set_or_the_edge_is_near_nothing_is_said() -> None:
    assert "First views" not in shop_in("india", first_view_p95_ms=60_000).headline
    assert "First views" not in shop_in("europe").headline
