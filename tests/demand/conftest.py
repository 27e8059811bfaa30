from collections.abc import Callable
from typing import Any

import pytest

from costmodel.scenario.model import Scenario


@pytest.fixture(scope="session")
def shop() -> Callable[..., Scenario]:
    """Make a scenario: `shop(months=2, content={...}, growth_per_month_ratio=0.1)`."""

    def make(start: str = "2026-11", months: int = 1, seed: int = 1, **parts: Any) -> Scenario:
        rooms = {
            name: parts.pop(name) for name in ("content", "api", "database", "rendering") if name in parts
        }
        parts.setdefault("monthly_visitors", {"europe": 100_000})
        return Scenario(
            name="shop", region="eu-west-1", start=start, months=months, seed=seed, traffic=parts, **rooms
        )

    return make
