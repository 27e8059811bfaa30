"""Stress: by what factor the load can grow before each tier of a candidate breaks, and what breaks first.

The load of every minute is multiplied, its shape, events and swings kept (`synthesise`); the designs stay
as they are. A tier breaks when it misses an objective on its own or exceeds a limit of its own; the tiers
together break when the whole candidate misses an objective or runs out of database connections. The
budget is not looked at: it does not break a shop.

Factors are first doubled, then bisected between the last that holds and the first that breaks, to one
percent. That finds the smallest factor where more load never heals what less load broke; the ladder goes a
step beyond the break to see whether it does, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from costmodel.capacity.energy import Energy
from costmodel.capacity.result import Limit
from costmodel.decision.candidate import Candidate, SimulatedDesign
from costmodel.decision.constraints import joint_limits, single_tier_limits, worst
from costmodel.decision.search import THREADS, Evaluation, Progress, silent
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.scenario.model import Objectives, Scenario
from costmodel.services._base import Footprint, Role, TierDesign
from costmodel.units import SECONDS_PER_MINUTE

LADDER = tuple(2.0**step for step in range(11))
"""Factors tried first: 1 to 1 024."""
STEPS_BEYOND = 1
"""Steps of the ladder tried beyond the first that breaks."""
PRECISION = 1.01
"""Largest ratio between the factor that breaks and the largest below it that was seen to hold."""
TOGETHER = "together"


class Peak(NamedTuple):
    """The busiest minute of a load."""

    page_views_per_s: float
    api_calls_per_s: float


@dataclass(frozen=True, slots=True)
class Break:
    """The first limit that a growing load breaks."""

    factor: float
    """Times the scenario's load."""
    peak: Peak
    """Load of the busiest minute at that factor."""
    limit: Limit
    """Of the limits broken at that factor, the one missed by most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How far one tier goes, or the tiers of a candidate together."""

    part: str
    """Role of the tier, or `together`."""
    label: str
    held_factor: float
    """Largest factor seen to hold below the break; 0 when the scenario's own load breaks it."""
    first: Break | None
    """None when it holds at the largest factor tried."""
    heals_at_factor: float | None
    """A larger factor at which nothing is broken, if one was seen: the break is then not the only border."""


@dataclass(frozen=True, slots=True)
class Stress:
    """How far one candidate goes."""

    candidate: Candidate
    peak: Peak
    """Busiest minute of the scenario's own load."""
    findings: tuple[Finding, ...]
    """One for each tier in the order of a candidate, then the tiers together."""

    @property
    def weakest(self) -> Finding:
        """What breaks first; of equals, a tier before the whole."""
        return min(self.findings, key=lambda finding: finding.first.factor if finding.first else math.inf)


def stress(
    scenario: Scenario, candidates: Sequence[Candidate], progress: Progress = silent
) -> tuple[Stress, ...]:
    """Find where each candidate breaks under the growing load of a scenario.

    A design that several candidates share is tried once. Raises ScenarioError for a trace that cannot be used.
    """
    parts = list(dict.fromkeys(part for candidate in candidates for part in _parts(candidate)))
    bench = _Bench(scenario)
    verdicts: dict[_Part, list[_Verdict]] = {part: [] for part in parts}
    for step, factor in enumerate(LADDER):
        progress("raising the load", step, len(LADDER))
        trying = [part for part in parts if not _beyond(verdicts[part])]
        for part, verdict in zip(trying, bench.verdicts(trying, factor), strict=True):
            verdicts[part].append(verdict)
    progress("raising the load", len(LADDER), len(LADDER))
    found: dict[_Part, Finding] = {}
    for done, part in enumerate(parts):
        progress("closing in", done, len(parts))
        found[part] = _finding(bench, part, verdicts[part])
    progress("closing in", len(parts), len(parts))
    return tuple(
        Stress(candidate, bench.peaks[LADDER[0]], tuple(found[part] for part in _parts(candidate)))
        for candidate in candidates
    )


def side_by_side(best: Evaluation, rivals: Iterable[Evaluation]) -> tuple[Candidate, ...]:
    """The recommended candidate, then the cheapest one with each other kind of compute, database and delivery."""
    chosen = dict.fromkeys(enumerate(best.candidate.kinds), best.candidate)
    for rival in rivals:
        for kind in enumerate(rival.candidate.kinds):
            chosen.setdefault(kind, rival.candidate)
    return tuple(dict.fromkeys(chosen.values()))


@dataclass(frozen=True, slots=True)
class _Part:
    """What is tried: one tier's design, or those of a whole candidate."""

    name: str
    designs: tuple[TierDesign, ...]

    @property
    def label(self) -> str:
        return " with ".join(design.label for design in self.designs)

    def limits(self, tiers: Sequence[SimulatedDesign], objectives: Objectives) -> Iterator[Limit]:
        """What the part must stay under. Balancer and delivery fail nothing, so their peak is held against
        what they keep up with.
        """
        if len(tiers) > 1:
            yield from joint_limits(Candidate(*tiers), objectives)
            return
        (tier,) = tiers
        yield from single_tier_limits(tier, objectives)
        if tier.design.role in (Role.LOAD_BALANCER, Role.DELIVERY):
            run = tier.capacity
            constraint = "requests in the busiest minute"
            yield Limit(
                constraint,
                run.peak_requests_per_s,
                run.saturation_requests_per_s,
                "requests/s",
                remedy=run.remedy,
            )


def _parts(candidate: Candidate) -> tuple[_Part, ...]:
    designs = tuple(tier.design for tier in candidate.tiers)
    return (*(_Part(design.role.value, (design,)) for design in designs), _Part(TOGETHER, designs))


class _Verdict(NamedTuple):
    factor: float
    peak: Peak
    broken: Limit | None


@dataclass(slots=True)
class _Bench:
    """Runs designs on the load of any factor, each once; of the loads themselves only the last one is kept."""

    scenario: Scenario
    peaks: dict[float, Peak] = field(default_factory=dict)
    _runs: dict[tuple[float, TierDesign], SimulatedDesign] = field(default_factory=dict)

    def verdicts(self, parts: Sequence[_Part], factor: float) -> list[_Verdict]:
        """The limit of each part that is missed by most at a factor, if any is."""
        self._run(factor, dict.fromkeys(design for part in parts for design in part.designs))
        objectives = self.scenario.objectives
        return [
            _Verdict(
                factor,
                self.peaks[factor],
                worst(part.limits([self._runs[factor, design] for design in part.designs], objectives)),
            )
            for part in parts
        ]

    def _run(self, factor: float, designs: Iterable[TierDesign]) -> None:
        new = [design for design in designs if (factor, design) not in self._runs]
        if not new:
            return
        demand = synthesise(self.scenario, load_factor=factor)
        pages, calls = (float(minutes.max()) for minutes in (demand.total_page_views, demand.api_requests))
        self.peaks[factor] = Peak(pages / SECONDS_PER_MINUTE, calls / SECONDS_PER_MINUTE)
        with ThreadPoolExecutor(THREADS) as pool:
            for design, run in zip(
                new, pool.map(lambda design: _simulated(design, demand), new), strict=True
            ):
                self._runs[factor, design] = run


def _simulated(design: TierDesign, demand: Demand) -> SimulatedDesign:
    """The design on a load. What it uses and draws is not metered, as nothing is billed."""
    summary = replace(design.simulate(demand).summary(), lost_ratio=demand.lost_ratio)
    return SimulatedDesign(design, summary, (), Footprint.none(demand.days), Energy())


def _first_broken(verdicts: Sequence[_Verdict]) -> int | None:
    return next((place for place, verdict in enumerate(verdicts) if verdict.broken), None)


def _beyond(verdicts: Sequence[_Verdict]) -> bool:
    """Whether the ladder has gone far enough beyond the break."""
    place = _first_broken(verdicts)
    return place is not None and len(verdicts) > place + STEPS_BEYOND


def _finding(bench: _Bench, part: _Part, verdicts: Sequence[_Verdict]) -> Finding:
    place = _first_broken(verdicts)
    if place is None:
        return Finding(part.name, part.label, verdicts[-1].factor, None, None)
    healed = next((verdict.factor for verdict in verdicts[place:] if verdict.broken is None), None)
    held, first = verdicts[place - 1].factor if place else 0.0, verdicts[place]
    while held and first.factor > held * PRECISION:
        (tried,) = bench.verdicts([part], math.sqrt(held * first.factor))
        if tried.broken is None:
            held = tried.factor
        else:
            first = tried
    assert first.broken is not None
    return Finding(part.name, part.label, held, Break(first.factor, first.peak, first.broken), healed)
