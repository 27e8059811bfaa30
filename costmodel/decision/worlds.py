"""Possible worlds: one value for every uncertain input, and one traffic, drawn together.

Each input has a random stream of its own, keyed by its path, and each draw a place in it. So more draws go on
where fewer ended, another input reshuffles none of the others, and every candidate is tried in the same worlds.
The first few draws take each input from another part of its range, in an order of its own: what is decided after
them has seen a little and much of everything. `low` and `high` of an input are read as its 10th and 90th percentile.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from costmodel.errors import ScenarioError
from costmodel.scenario.assumptions import uncertain_inputs, with_values
from costmodel.scenario.estimate import Range
from costmodel.scenario.model import Scenario

CUT_HALVINGS = 20
"""Steps in which a draw outside what a scenario may say is moved to its edge: to a millionth of the way."""
BELL = NormalDist()
P90_DEVIATES = BELL.inv_cdf(0.9)
LEAST_LEVEL = 2.0**-53
"""Smallest level that a deviate is drawn for: 0 has none."""
FIRST_DRAWS = 4
"""Draws that share the range of each input between them, an equally likely part each.

Source: McKay, Beckman and Conover, Technometrics 21 (1979), Latin hypercube sampling: means stay unbiased.
"""

ValuesAt = Callable[[float], Mapping[str, float]]
"""Values of uncertain inputs by path, from their middles at 0 to what is wanted at 1."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """One draw of everything that is not known."""

    scenario: Scenario
    """The scenario with a plain number for every uncertain input."""
    seed: int
    """Of its traffic."""
    deviates: tuple[float, ...]
    """Standard normal deviate of each uncertain input, in the order of `uncertain_inputs`."""
    cut: bool
    """Whether the inputs together made no valid scenario and were moved to the edge of what does."""


def draw_world(scenario: Scenario, number: int) -> World:
    """The draw of this number, from 0 on; it depends on no other draw."""
    inputs = uncertain_inputs(scenario)
    deviates = {path: _deviate(scenario.seed, path, number) for path in inputs}

    def values_at(share: float) -> Mapping[str, float]:
        return {path: quantile(given, share * deviates[path]) for path, given in inputs.items()}

    drawn, cut = nearest_valid(scenario, values_at)
    return World(drawn, _traffic_seed(scenario.seed, number), tuple(deviates.values()), cut)


def end_of(scenario: Scenario, path: str, end: float) -> World:
    """The world of the scenario's own traffic in which one uncertain input lies at an end of its range."""
    mid = uncertain_inputs(scenario)[path].mid

    def values_at(share: float) -> Mapping[str, float]:
        return {path: end if share == 1 else mid + share * (end - mid)}

    moved, cut = nearest_valid(scenario, values_at)
    return World(moved, scenario.seed, (), cut)


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


def _deviate(seed: int, path: str, number: int) -> float:
    key = np.random.SeedSequence([seed, zlib.crc32(path.encode())])
    stream = np.random.Philox(key=key.generate_state(2, np.uint64))
    stream.advance(number)
    level = np.random.Generator(stream).random()
    if number < FIRST_DRAWS:
        parts = np.random.Generator(np.random.Philox(key.spawn(1)[0])).permutation(FIRST_DRAWS)
        level = (int(parts[number]) + level) / FIRST_DRAWS
    return BELL.inv_cdf(max(level, LEAST_LEVEL))


def _traffic_seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
