"""How sure the cost is: the recommended candidate under uncertain inputs and traffic luck.

Each uncertain input has a random stream of its own, keyed by its path, so that adding an input does
not reshuffle the others. `low` and `high` are read as 10th and 90th percentile.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.billing.tariff import Tariff
from costmodel.decision.candidate import Candidate
from costmodel.decision.constraints import joint_limits, single_tier_limits, worst
from costmodel.decision.pricer import platform_usages
from costmodel.decision.recovery import Stage
from costmodel.decision.run import CostRange, Driver
from costmodel.decision.search import (
    THREADS,
    Evaluation,
    Progress,
    silent,
    simulate_design,
)
from costmodel.demand.synthesise import synthesise
from costmodel.errors import ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.scenario.assumptions import uncertain_inputs, with_values
from costmodel.scenario.estimate import Range
from costmodel.scenario.model import Scenario

DRAWS = 16
CUT_HALVINGS = 20
"""Steps in which a draw outside what a scenario may say is moved to its edge: to a millionth of the way."""
P90_DEVIATES = NormalDist().inv_cdf(0.9)


def cost_range_of(
    scenario: Scenario,
    chosen: Evaluation,
    book: PriceBook,
    progress: Progress = silent,
    own_rates: OwnRates = NO_OWN_RATES,
) -> tuple[CostRange, tuple[Driver, ...]]:
    """Simulate and bill the chosen candidate again under other inputs and other traffic.

    Returns the range over `DRAWS` draws, and each uncertain input's effect when it moves alone,
    largest first.
    """
    inputs = uncertain_inputs(scenario)
    drawn = _stratified(scenario.seed, inputs)
    cases = [
        (_draw(inputs, {path: float(drawn[path][draw]) for path in inputs}), _draw_seed(scenario.seed, draw))
        for draw in range(DRAWS)
    ]
    for path, given in inputs.items():
        cases += [(_towards(path, given, end), scenario.seed) for end in (given.low, given.high)]
    nearest = [nearest_valid(scenario, values_at) for values_at, _ in cases]
    cut = sum(moved for _, moved in nearest[:DRAWS])
    variants = [(variant, seed) for (variant, _), (_, seed) in zip(nearest, cases, strict=True)]
    outcomes = []
    with ThreadPoolExecutor(THREADS) as pool:
        runs = pool.map(
            lambda case: outcome(case[0], chosen, book, seed=case[1], own_rates=own_rates), variants
        )
        for done, found in enumerate(runs):
            progress("measuring uncertainty", done + 1, len(cases))
            outcomes.append(found)
    ends = [found.monthly_usd for found in outcomes[DRAWS:]]
    drivers = [Driver(path, *ends[2 * place : 2 * place + 2]) for place, path in enumerate(inputs)]
    drivers.sort(key=lambda driver: (-abs(driver.high_usd - driver.low_usd), driver.path))
    return _range(scenario, outcomes[:DRAWS], cut), tuple(drivers)


ValuesAt = Callable[[float], Mapping[str, float]]
"""Values of uncertain inputs by path, from their middles at 0 to what is wanted at 1."""


def _draw(inputs: Mapping[str, Range], deviates: Mapping[str, float]) -> ValuesAt:
    return lambda share: {path: quantile(given, share * deviates[path]) for path, given in inputs.items()}


def _towards(path: str, given: Range, end: float) -> ValuesAt:
    return lambda share: {path: end if share == 1 else given.mid + share * (end - given.mid)}


def nearest_valid(scenario: Scenario, values_at: ValuesAt) -> tuple[Scenario, bool]:
    """The scenario with the values at 1, and whether they had to be moved.

    Each value is within its own bounds, but together they may make no scenario: less than one page view in
    a month, an event where nobody comes. They are then moved towards their middles, only as far as needed.
    """
    try:
        return with_values(scenario, values_at(1)), False
    except ScenarioError:
        pass
    nearest, valid, invalid = scenario, 0.0, 1.0
    for _ in range(CUT_HALVINGS):
        share = (valid + invalid) / 2
        try:
            nearest, valid = with_values(scenario, values_at(share)), share
        except ScenarioError:
            invalid = share
    return nearest, True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the chosen designs, unchanged, come to under another scenario or seed."""

    monthly_usd: float
    breaks: str
    """The constraint missed by most; empty when every objective and limit holds."""


def outcome(
    scenario: Scenario,
    chosen: Evaluation,
    book: PriceBook,
    *,
    seed: int,
    own_rates: OwnRates = NO_OWN_RATES,
) -> Outcome:
    """Simulate and cost the chosen designs under another scenario."""
    demand = synthesise(scenario, seed=seed)
    tiers = [simulate_design(design.under(scenario), demand) for design in chosen.designs]
    standing = Stage(scenario, demand).stand(Candidate(*tiers), chosen.strategy)
    candidate = standing.candidate
    usages = (*platform_usages(scenario, demand, candidate.footprint), *standing.usages)
    tariff = Tariff(book, free_tier=scenario.account.free_tier, own_rates=own_rates)
    sketches = [tariff.sketch(tier.usages) for tier in candidate.tiers]
    cost_usd = tariff.cost_usd([*sketches, tariff.sketch(usages)])
    broken = worst(
        [
            *(limit for tier in candidate.tiers for limit in single_tier_limits(tier, scenario.objectives)),
            *joint_limits(candidate, scenario.objectives),
        ]
    )
    return Outcome(cost_usd / len(demand.calendar.periods), broken.constraint if broken else "")


def quantile(given: Range, z: float) -> float:
    """The value of an uncertain input at a standard normal deviate.

    Two half-bells that meet at the median, in logarithms where all three values are positive, cut at
    the input's own bounds.
    """
    outer = given.high if z >= 0 else given.low
    share = abs(z) / P90_DEVIATES
    if given.low > 0:
        value = given.mid * math.exp(share * math.log(outer / given.mid))
    else:
        value = given.mid + share * (outer - given.mid)
    return min(max(value, given.least), given.most)


def _stratified(seed: int, inputs: Mapping[str, Range]) -> dict[str, np.ndarray]:
    """Standard normal deviates per input, one from each of `DRAWS` equally likely strata, in random order."""
    bell = NormalDist()
    drawn = {}
    for path in inputs:
        stream = np.random.default_rng([seed, zlib.crc32(path.encode())])
        levels = (stream.permutation(DRAWS) + stream.random(DRAWS)) / DRAWS
        drawn[path] = np.array([bell.inv_cdf(min(max(level, 1e-9), 1 - 1e-9)) for level in levels])
    return drawn


def _draw_seed(seed: int, draw: int) -> int:
    return int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])


def _range(scenario: Scenario, outcomes: Sequence[Outcome], cut: int) -> CostRange:
    costs = np.array([found.monthly_usd for found in outcomes])
    budget = scenario.constraints.monthly_budget_usd
    breaks = Counter(found.breaks for found in outcomes if found.breaks)
    p10, p50, p90 = (float(value) for value in np.quantile(costs, [0.1, 0.5, 0.9]))
    return CostRange(
        draws=len(costs),
        cut_draws=cut,
        mean_usd=float(costs.mean()),
        p10_usd=p10,
        p50_usd=p50,
        p90_usd=p90,
        standard_error_usd=float(costs.std(ddof=1) / math.sqrt(len(costs))),
        budget_breach_ratio=None if budget is None else float((costs > budget).mean()),
        holds_ratio=1 - breaks.total() / len(outcomes),
        breaks_first=breaks.most_common(1)[0][0] if breaks else "",
    )
