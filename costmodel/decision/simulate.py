"""The whole line in one call: a scenario, a price book and own rates in, a run out."""

from __future__ import annotations

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.decision.commitments import commitment_notes
from costmodel.decision.recommend import recommend
from costmodel.decision.run import Run
from costmodel.decision.search import Progress, search, silent, whole_usages
from costmodel.decision.uncertainty import cost_range_of
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario


def simulate(
    scenario: Scenario,
    book: PriceBook,
    progress: Progress = silent,
    own_rates: OwnRates = NO_OWN_RATES,
) -> Run:
    """Simulate a scenario and recommend the cheapest candidate that meets its objectives.

    Raises Infeasible when there is none, PriceNotFound when something cannot be priced, UnitMismatch when
    an own price counts in another unit than the list's.
    """
    own_rates = own_rates.under(scenario)
    demand = synthesise(scenario)
    result = search(scenario, demand, book, progress, own_rates)
    cost_range, drivers = cost_range_of(scenario, result.best, book, progress, own_rates)
    usages = whole_usages(scenario, demand, result.best)
    commitments = commitment_notes(scenario, usages, book, demand.calendar, own_rates)
    return recommend(scenario, demand, book, result, cost_range, drivers, commitments, own_rates)
