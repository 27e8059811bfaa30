"""The growing marketplace, twelve months with six geographies, in every region but its own."""

from __future__ import annotations

import pytest

from costmodel.decision.simulate import simulate
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load

BOOK = PriceBook.shipped()


@pytest.mark.parametrize("region", [region for region in BOOK.regions() if region != "eu-west-1"])
def test_the_marketplace_has_an_answer_in_every_region(region: str) -> None:
    run = simulate(load(find("growing-marketplace"), {"region": region}), BOOK, draws=2)
    assert run.region_id == region
    assert len(run.months) == 12
    assert run.monthly_usd > 0
    assert run.counts.considered >= 200
