"""Which inputs of the scenario feed one line of a saved run's bill, and how strongly.

Found by moving them: each number of the scenario is raised by a tenth, alone, the recommended designs are
simulated and metered again, unchanged but for the new figures, and the line's quantity is compared. So the
answer is the model's own, whatever service the line is of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from costmodel.decision.candidate import Candidate
from costmodel.decision.explain import Line
from costmodel.decision.pricer import platform_usages
from costmodel.decision.recovery import Stage
from costmodel.decision.run import DesignNote, Run
from costmodel.decision.search import Progress, silent, simulate_design
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.errors import RunOutdated, ScenarioError
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services._base import TIER_ROLES, Spread, Strategy, TierDesign, Usage
from costmodel.services.registry import TIER_SERVICES

STEP_RATIO = 0.1
"""Share by which each input is moved; a count by one where a tenth of it is less."""
LEAST_CHANGE = 1e-6
"""Relative change of the quantity below which an input does not feed it: the rounding of quantities."""
SAME = 1e-6
"""Relative difference at which a quantity metered again is still the run's own."""
SECTIONS = ("traffic", "content", "api", "rendering", "database", "network", "monitoring", "security")
"""Parts of a scenario that say what the shop is; the others say what is wanted and allowed."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One input that moves the line."""

    path: str
    value: float
    moved: float
    """What it was moved to: a tenth up, or down where no more is allowed."""
    change_ratio: float
    """By how much the line's quantity grows then: 0.1 for a tenth."""


def feeds(run: Run, line: Line, progress: Progress = silent) -> tuple[Feed, ...]:
    """The inputs that move a line's quantity, the strongest first.

    Raises RunOutdated where this version no longer meters what the run did, ScenarioError where its scenario
    cannot be used any more, such as for a trace that is gone.
    """
    scenario = validate(run.scenario, run.scenario_name)
    designs, strategy = _designs(run, scenario, synthesise(scenario)), _strategy(run)
    base = _quantity(scenario, designs, strategy, line)
    own = float(sum(charge.consumed_quantity for charge in line.charges))
    if abs(base - own) > SAME * own:
        raise RunOutdated(
            f"{line}: metered again it comes to {base:g}, in the run to {own:g}. The run is of version {run.version}; "
            "simulate the scenario again."
        )
    found = []
    numbers = list(_numbers(run.scenario))
    for done, (path, value) in enumerate(numbers):
        progress("moving inputs", done, len(numbers))
        for moved in _moves(value):
            try:
                other = validate(_with_value(run.scenario, path, moved), run.scenario_name)
            except ScenarioError:
                continue
            change = _quantity(other, designs, strategy, line) / base - 1
            if abs(change) > LEAST_CHANGE:
                found.append(Feed(".".join(path), value, moved, change))
            break
    progress("moving inputs", len(numbers), len(numbers))
    return tuple(sorted(found, key=lambda feed: (-abs(feed.change_ratio), feed.path)))


def _strategy(run: Run) -> Strategy:
    return Strategy(run.recovery.strategy) if run.recovery else Strategy.NONE


def _designs(run: Run, scenario: Scenario, demand: Demand) -> tuple[TierDesign, ...]:
    """The recommended designs as the search found them. Raises RunOutdated where the search knows one no more."""
    known = [design for service in TIER_SERVICES for design in service.designs(scenario, demand)]
    notes = {note.role: note for note in run.designs}
    return tuple(_design(run, scenario, known, notes[role.value]) for role in TIER_ROLES)


def _design(run: Run, scenario: Scenario, known: list[TierDesign], note: DesignNote) -> TierDesign:
    for design in known:
        home = _at_home(design, scenario, _strategy(run))
        if (home.role.value, home.kind, home.label) == (note.role, note.kind, note.label) and dict(
            home.settings()
        ) == note.settings:
            return design
    raise RunOutdated(
        f"{note.label} is no design of this version for the scenario any more; the run is of version "
        f"{run.version}. Simulate the scenario again."
    )


def _at_home(design: TierDesign, scenario: Scenario, strategy: Strategy) -> TierDesign:
    """What a design is at home under a recovery strategy; itself where it cannot stand under it."""
    region_id = scenario.network.second_region
    if region_id is None or strategy is Strategy.NONE or not isinstance(design, Spread):
        return design
    shares = design.spread(region_id, strategy)
    return shares[0].design if shares else design


def _quantity(scenario: Scenario, designs: tuple[TierDesign, ...], strategy: Strategy, line: Line) -> float:
    """What the line counts when the designs run the scenario."""
    demand = synthesise(scenario)
    tiers = [simulate_design(design.under(scenario), demand) for design in designs]
    standing = Stage(scenario, demand).stand(Candidate(*tiers), strategy)
    candidate = standing.candidate
    platform = platform_usages(scenario, demand, candidate.footprint)
    usages = (*candidate.usages, *platform, *standing.usages)
    return float(sum(usage.consumed_quantity for usage in usages if _is_of(usage, line)))


def _is_of(usage: Usage, line: Line) -> bool:
    return (
        usage.resource_name == line.resource_name
        and usage.meter.name == line.sku_meter
        and usage.meter.service_name == line.service_name
        and usage.meter.query.region_id == line.region_id
    )


def _numbers(scenario: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number of the shop's own sections by its path; of a range the middle."""
    for section in SECTIONS:
        yield from _below(scenario[section], (section,))


def _below(part: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(part, dict):
        if part.keys() == {"low", "mid", "high"}:
            yield path, part["mid"]
            return
        for key, inner in part.items():
            yield from _below(inner, (*path, key))
    elif isinstance(part, int | float) and not isinstance(part, bool):
        yield path, part


def _moves(value: float) -> Iterator[float]:
    """A tenth more, or less where more is not allowed; counts move by whole ones."""
    if isinstance(value, int):
        step = max(1, round(value * STEP_RATIO))
        yield from (value + step, value - step)
    elif value:
        yield from (value * (1 + STEP_RATIO), value * (1 - STEP_RATIO))


def _with_value(tree: Mapping[str, Any], path: tuple[str, ...], value: float) -> dict[str, Any]:
    copy = deepcopy(dict(tree))
    part: Any = copy
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return copy
