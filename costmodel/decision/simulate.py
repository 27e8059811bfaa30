"""The whole line in one call: a scenario, a price book and own rates in, a run out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.decision.candidate import Candidate
from costmodel.decision.choice import DEARER_RATIO
from costmodel.decision.commitments import commitment_notes
from costmodel.decision.constraints import broken_limits
from costmodel.decision.plans import Planner
from costmodel.decision.recommend import recommend
from costmodel.decision.recovery import Recovery, Stage
from costmodel.decision.run import Run
from costmodel.decision.search import (
    Evaluation,
    Progress,
    SearchResult,
    evaluate,
    search,
    silent,
    simulate_design,
    whole_usages,
)
from costmodel.decision.trials import Finalist
from costmodel.decision.uncertainty import Doubt, Runner, doubt, on_threads
from costmodel.decision.worlds import draw_world
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.errors import Infeasible
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import Offers
from costmodel.scenario.model import Scenario
from costmodel.units import figure

FINALISTS = 12
"""How many of the best candidates of their kinds are tried in drawn worlds, cheapest first."""


def simulate(
    scenario: Scenario,
    book: PriceBook,
    progress: Progress = silent,
    own_rates: OwnRates = NO_OWN_RATES,
    *,
    draws: int | None = None,
    run: Runner = on_threads,
) -> Run:
    """Simulate a scenario and recommend the candidate that its objectives make the best one.

    `draws` is how many worlds the finalists are tried in; as many as the choice needs to settle when None.

    Raises Infeasible when nothing meets the objectives, PriceNotFound when something cannot be priced,
    UnitMismatch when an own price counts in another unit than the list's.
    """
    own_rates = own_rates.under(scenario)
    demand = synthesise(scenario)
    result = search(scenario, demand, book, progress, own_rates)
    demand.forget()

    def tried(evaluations: Sequence[Evaluation]) -> Doubt:
        finalists = [Finalist.of(evaluation) for evaluation in evaluations]
        return doubt(scenario, finalists, book, progress, own_rates, draws=draws, run=run)

    finalists = [result.best, *result.rivals][:FINALISTS]
    if scenario.objectives.aim == "latency":
        finalists = _distinct(finalists, _faster(scenario, demand, book, own_rates, result))
    found = tried(finalists)
    if not found.choice.enough:
        finalists = _distinct(finalists, _hardier(scenario, demand, book, own_rates, found.ranked_draws))
        found = tried(finalists)
        if not found.choice.enough:
            raise Infeasible(_holds_too_rarely(scenario, found))
    best = finalists[found.choice.place]
    others = _distinct((result.best, *result.rivals), finalists)
    rivals = sorted(
        (evaluation for evaluation in others if Finalist.of(evaluation) != Finalist.of(best)),
        key=lambda evaluation: evaluation.effective_monthly_usd,
    )
    usages = whole_usages(demand, best)
    commitments = commitment_notes(scenario, usages, book, demand.calendar, own_rates)
    result = replace(result, best=best, rivals=tuple(rivals))
    return recommend(scenario, demand, book, result, found, commitments, own_rates)


def _distinct(known: Sequence[Evaluation], more: Iterable[Evaluation]) -> list[Evaluation]:
    """Those known, and of the others what is not the same finalist again."""
    found = {Finalist.of(evaluation): evaluation for evaluation in (*known, *more)}
    return list(found.values())


def _faster(
    scenario: Scenario, demand: Demand, book: PriceBook, own_rates: OwnRates, result: SearchResult
) -> Iterator[Evaluation]:
    """What is on the front and no dearer than a choice for its latency may be."""
    most_usd = (1 + DEARER_RATIO) * result.front[0].point[0]
    for member in result.front:
        if member.point[0] <= most_usd:
            designs = tuple(tier.design for tier in member.candidate.tiers)
            yield from _at_home(scenario, demand, book, own_rates, Finalist(designs, member.placed.strategy))


def _hardier(
    scenario: Scenario,
    demand: Demand,
    book: PriceBook,
    own_rates: OwnRates,
    ranked_draws: Sequence[int],
) -> Iterator[Evaluation]:
    """What is best in harder worlds, as it does at home: from the share of worlds that it must hold in, upwards.

    A dearer world is a busier one, nearly always; what holds there holds in those below.
    """
    wanted = scenario.objectives.least_hold_ratio
    hardest = len(ranked_draws) - 1
    share = min(hardest, math.ceil(wanted * len(ranked_draws)))
    for place in dict.fromkeys((share, (share + hardest) // 2, hardest)):
        world = draw_world(scenario, ranked_draws[place])
        there = synthesise(world.scenario, seed=world.seed)
        try:
            found = search(world.scenario, there, book, own_rates=own_rates)
        except Infeasible:
            continue
        for evaluation in (found.best, *found.rivals):
            yield from _at_home(scenario, demand, book, own_rates, Finalist.of(evaluation))


def _at_home(
    scenario: Scenario, demand: Demand, book: PriceBook, own_rates: OwnRates, finalist: Finalist
) -> Iterator[Evaluation]:
    """A finalist under the scenario's middle inputs; nothing when it breaks an objective or the budget there."""
    designs = tuple(design.under(scenario) for design in finalist.designs)
    found = Candidate(*(simulate_design(design, demand) for design in designs))
    stage = Stage(scenario, demand)
    if any(broken_limits(found, scenario.objectives)) or stage.missed(found, finalist.strategy):
        return
    standing = stage.stand(found, finalist.strategy)
    recovery = Recovery(finalist.strategy, designs, standing, ())
    planner = Planner(scenario, demand.calendar, Offers(book), own_rates)
    evaluation = evaluate(scenario, demand, book, standing.candidate, own_rates, recovery, planner)
    budget = scenario.constraints.monthly_budget_usd
    if budget is None or evaluation.effective_monthly_usd <= Decimal(repr(budget)):
        yield evaluation


def _holds_too_rarely(scenario: Scenario, found: Doubt) -> str:
    nearest = found.finalists[found.choice.place]
    breaks = found.cost_range.breaks_first
    return (
        f"nothing meets the objectives of {scenario.name!r} in enough of the draws. The nearest, {nearest.label}, "
        f"holds in {nearest.holds_ratio:.0%} of {nearest.draws}, allowed at least "
        f'{figure(100 * scenario.objectives.least_hold_ratio)} %; in the others the first limit to break is "{breaks}".\n'
        "Relax objectives.hold_ratio (or objectives.preset) or what breaks, narrow the uncertain inputs, or allow "
        "more under `constraints`."
    )
