from __future__ import annotations

import pytest

from costmodel.decision.run import Run
from costmodel.decision.simulate import simulate
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load


@pytest.fixture(scope="session")
def example_run() -> Run:
    """The steady furniture shop, simulated once."""
    return simulate(load(find("steady-furniture-shop")), PriceBook.shipped())
