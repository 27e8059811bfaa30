"""The whole line in one call: a scenario and a price book in, a run out."""

from __future__ import annotations

from costmodel.decision.recommend import recommend
from costmodel.decision.run import Run
from costmodel.decision.search import Progress, search, silent
from costmodel.decision.uncertainty import cost_range_of
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario


def simulate(scenario: Scenario, book: PriceBook, progress: Progress = silent) -> Run:
    """Simulate a scenario and recommend the cheapest candidate that meets its objectives.

    Raises Infeasible when there is none, PriceNotFound when something cannot be priced.
    """
    demand = synthesise(scenario)
    result = search(scenario, demand, book, progress)
    cost_range, drivers = cost_range_of(scenario, result.best, book, progress)
    return recommend(scenario, demand, book, result, cost_range, drivers)
