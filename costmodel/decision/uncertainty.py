"""How sure the answer is: finalists tried in drawn worlds until the choice between them is stable.

All finalists are tried in the same worlds, so that what differs between them is not luck. One that was dearer than
the choice in every draw, and by far, is tried no further, unless it is the cheaper one under the middle inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.decision.choice import Choice, Sample, choose
from costmodel.decision.measures import (
    best_ratio,
    explained_ratio,
    measuring_usd,
    quantiles,
    regrets,
    standard_error,
    tail_mean,
)
from costmodel.decision.run import CostRange, Driver, FinalistNote, Settling
from costmodel.decision.search import THREADS, Progress, silent
from costmodel.decision.trials import Finalist, Trial, try_in
from costmodel.decision.worlds import FIRST_DRAWS, World, draw_world, end_of
from costmodel.demand.calendar import FloatArray
from costmodel.pricing.book import PriceBook
from costmodel.scenario.assumptions import uncertain_inputs
from costmodel.scenario.model import Scenario

BATCH_DRAWS = 8
LEAST_DRAWS = 32
MOST_DRAWS = 256
"""Where drawing ends when nobody states how many draws to take."""
SETTLED_ERROR_RATIO = 0.02
"""Standard error of the mean, as a share of it, at which the figures are good enough to stop."""
SMALL_STAKE_RATIO = 0.01
"""How much better another finalist may still be, as a share of the score, when drawing ends."""
FAR_ERRORS, FAR_ERRORS_AT_FIRST = 6.0, 15.0
"""Standard errors by which a finalist must be dearer than the choice, in every draw, to be tried no further.

With as few as four draws the error is itself not well known: by luck alone Student's t with 3 degrees of freedom is above
15 as rarely as that with 7 is above 6, once in 3,000 times.
"""

Runner = Callable[[Callable[[World], tuple[Trial, ...]], Sequence[World]], Iterator[tuple[Trial, ...]]]
"""Runs a trial in each world and gives the results in order: on threads here, on a cluster elsewhere."""


def on_threads(
    trial: Callable[[World], tuple[Trial, ...]], worlds: Sequence[World]
) -> Iterator[tuple[Trial, ...]]:
    """Side by side on this machine."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(trial, worlds)


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """What drawing found."""

    choice: Choice
    """By place among the finalists."""
    cost_range: CostRange
    """Of the choice."""
    drivers: tuple[Driver, ...]
    """Largest effect on the choice's cost first."""
    finalists: tuple[FinalistNote, ...]
    """In the order they were given."""
    ranked_draws: tuple[int, ...]
    """Numbers of the draws, in order of what the choice costs there."""
    places: Mapping[Finalist, int]

    def note_of(self, finalist: Finalist) -> FinalistNote | None:
        """What one of the finalists came to; None for a candidate that was none."""
        place = self.places.get(finalist)
        return None if place is None else self.finalists[place]


def doubt(
    scenario: Scenario,
    finalists: Sequence[Finalist],
    book: PriceBook,
    progress: Progress = silent,
    own_rates: OwnRates = NO_OWN_RATES,
    *,
    draws: int | None = None,
    run: Runner = on_threads,
) -> Doubt:
    """Try finalists in `draws` worlds, or in as many as the choice needs to settle when None.

    The result depends on the scenario, its seed and the number of draws, never on `run`.
    """
    study = Study(scenario, finalists, book, own_rates, run)
    most = draws or MOST_DRAWS
    while study.draws < most:
        study.draw(min(_batch(study.draws), most - study.draws))
        progress("drawing worlds", study.draws, most)
        if draws is None and study.settled:
            break
    return study.result(progress)


class Study:
    """The draws made so far. Finalists that are out of the race keep what they came to until then."""

    def __init__(
        self,
        scenario: Scenario,
        finalists: Sequence[Finalist],
        book: PriceBook,
        own_rates: OwnRates = NO_OWN_RATES,
        run: Runner = on_threads,
    ) -> None:
        self.scenario, self.finalists = scenario, finalists
        self._book, self._own_rates, self._run = book, own_rates, run
        self.racing = list(range(len(finalists)))
        """Places of the finalists that are tried on, and which the choice is between."""
        self.deviates: list[tuple[float, ...]] = []
        """Of each world. The worlds themselves are drawn again where they are needed."""
        self.cut_draws = 0
        self.trials: list[list[Trial]] = [[] for _ in finalists]
        """Of each finalist, one a draw."""
        self.choices: list[Choice] = []
        """After each batch, by place among all finalists."""
        self.settling: list[Settling] = []

    @property
    def draws(self) -> int:
        return len(self.deviates)

    @property
    def choice(self) -> Choice:
        return self.choices[-1]

    @property
    def settled(self) -> bool:
        """Whether the same finalist led twice, little is at stake between it and others, and its mean is known well enough."""
        if self.draws < LEAST_DRAWS or self.choices[-2].place != self.choice.place:
            return False
        now = self.settling[-1]
        certain = self.choice.stake_ratio <= SMALL_STAKE_RATIO
        return certain and now.standard_error_usd <= SETTLED_ERROR_RATIO * now.mean_usd

    def draw(self, draws: int) -> None:
        """One more batch."""
        worlds = [draw_world(self.scenario, number) for number in range(self.draws, self.draws + draws)]
        for found in self._try(self.racing, worlds):
            for place, trial in zip(self.racing, found, strict=True):
                self.trials[place].append(trial)
        self.deviates += [world.deviates for world in worlds]
        self.cut_draws += sum(world.cut for world in worlds)
        sample = self._sample()
        choice = choose(sample, self.scenario.objectives)
        self.choices.append(
            replace(
                choice,
                place=self.racing[choice.place],
                tied=tuple(self.racing[place] for place in choice.tied),
            )
        )
        usd = sample.billed_usd[:, choice.place]
        p10, p90 = quantiles(usd, (0.1, 0.9))
        self.settling.append(
            Settling(len(usd), float(usd.mean()), _error(usd), float(p10), float(p90), self.choice.place)
        )
        if choice.enough and self.scenario.objectives.aim != "latency":
            middle_usd = np.array([self.finalists[place].middle_usd for place in self.racing])
            self.racing = [self.racing[place] for place in _still_racing(sample, choice, middle_usd)]

    def result(self, progress: Progress = silent) -> Doubt:
        """What the draws say."""
        usd = self._billed_usd(self.choice.place)
        return Doubt(
            choice=self.choice,
            cost_range=self._range(usd),
            drivers=self._drivers(progress),
            finalists=tuple(self._notes()),
            ranked_draws=tuple(np.argsort(usd, kind="stable").tolist()),
            places={finalist: place for place, finalist in enumerate(self.finalists)},
        )

    def _try(self, places: Sequence[int], worlds: Sequence[World]) -> Iterator[tuple[Trial, ...]]:
        trial = partial(
            try_in,
            finalists=[self.finalists[place] for place in places],
            book=self._book,
            own_rates=self._own_rates,
        )
        return self._run(trial, worlds)

    def _sample(self) -> Sample:
        """Of those in the race, who were tried in every draw."""
        return Sample.of([self.trials[place] for place in self.racing])

    def _billed_usd(self, place: int) -> FloatArray:
        return np.array([trial.monthly_usd for trial in self.trials[place]])

    def _range(self, usd: FloatArray) -> CostRange:
        budget = self.scenario.constraints.monthly_budget_usd
        breaks = Counter(trial.breaks for trial in self.trials[self.choice.place] if trial.breaks)
        p10, p50, p90 = (float(value) for value in quantiles(usd, (0.1, 0.5, 0.9)))
        return CostRange(
            draws=len(usd),
            cut_draws=self.cut_draws,
            mean_usd=float(usd.mean()),
            p10_usd=p10,
            p50_usd=p50,
            p90_usd=p90,
            cvar_usd=float(tail_mean(usd[:, None])[0]),
            standard_error_usd=_error(usd),
            budget_breach_ratio=None if budget is None else float((usd > budget).mean()),
            holds_ratio=1 - breaks.total() / len(usd),
            breaks_first=breaks.most_common(1)[0][0] if breaks else "",
            breaks={constraint: count / len(usd) for constraint, count in sorted(breaks.items())},
            settling=tuple(self.settling),
        )

    def _notes(self) -> Iterator[FinalistNote]:
        sample = self._sample()
        best = self._best_ratios()
        regret_usd = regrets(sample.usd, sample.broken).mean(axis=0)
        for place, trials in enumerate(self.trials):
            one = Sample.of([trials])
            at = self.racing.index(place) if place in self.racing else None
            p10, p50, p90 = (float(value) for value in quantiles(one.billed_usd[:, 0], (0.1, 0.5, 0.9)))
            finalist = self.finalists[place]
            yield FinalistNote(
                label=finalist.label,
                kinds=finalist.kinds,
                draws=len(trials),
                mean_usd=float(one.billed_usd.mean()),
                p10_usd=p10,
                p50_usd=p50,
                p90_usd=p90,
                cvar_usd=float(tail_mean(one.billed_usd)[0]),
                missed_usd=float(np.mean([trial.missed_usd for trial in trials])),
                best_ratio=float(best[place]),
                regret_usd=None if at is None else float(regret_usd[at]),
                holds_ratio=float(one.holds_ratio[0]),
                api_p99_ms=float(one.api_p99_ms.mean()),
                chosen=place == self.choice.place,
                tied=place in self.choice.tied,
            )

    def _best_ratios(self) -> FloatArray:
        """Of each finalist over its own draws, shape (finalists,), against all that were tried there."""
        draws = np.array([len(trials) for trials in self.trials])
        times_best = np.zeros(len(self.trials))
        begin = 0
        for end in np.unique(draws).tolist():
            tried = np.flatnonzero(draws >= end)
            sample = Sample.of([self.trials[place][begin:end] for place in tried])
            times_best[tried] += best_ratio(sample.usd, sample.broken) * (end - begin)
            begin = end
        found: FloatArray = times_best / draws
        return found

    def _drivers(self, progress: Progress) -> tuple[Driver, ...]:
        """What each uncertain input does when it moves alone, and what it would be worth to know it."""
        inputs = uncertain_inputs(self.scenario)
        ends = [
            end_of(self.scenario, path, end)
            for path, given in inputs.items()
            for end in (given.low, given.high)
        ]
        places = self.racing
        chosen = places.index(self.choice.place)
        tried = []
        for found in self._try(places, ends):
            tried.append(found)
            progress("moving one input at a time", len(tried), len(ends))
        usd = self._sample().usd
        drivers = []
        for number, path in enumerate(inputs):
            deviates = np.array([known[number] for known in self.deviates])
            low, high = tried[2 * number : 2 * number + 2]
            drivers.append(
                Driver(
                    path=path,
                    low_usd=low[chosen].monthly_usd,
                    high_usd=high[chosen].monthly_usd,
                    explained_ratio=explained_ratio(usd[:, chosen], deviates),
                    measuring_usd=measuring_usd(usd, deviates, chosen),
                    low_best=places[_cheapest(low)],
                    high_best=places[_cheapest(high)],
                )
            )
        drivers.sort(key=lambda driver: (-abs(driver.high_usd - driver.low_usd), driver.path))
        return tuple(drivers)


def _batch(drawn: int) -> int:
    """How many worlds are drawn next: the first eight in two steps, so that most finalists are tried in four."""
    return FIRST_DRAWS if drawn < BATCH_DRAWS else BATCH_DRAWS


def _cheapest(trials: Sequence[Trial]) -> int:
    """Place of the cheapest that breaks nothing; of the cheapest of all where all break something."""
    return min(
        range(len(trials)),
        key=lambda place: (bool(trials[place].breaks), trials[place].whole_usd),
    )


def _still_racing(sample: Sample, choice: Choice, middle_usd: FloatArray) -> list[int]:
    """Places of all but those dearer than the choice under the middle inputs and in every draw, and on average by
    `FAR_ERRORS` errors.
    """
    behind = sample.usd - sample.usd[:, choice.place : choice.place + 1]
    if len(behind) < FIRST_DRAWS:
        return list(range(behind.shape[1]))
    errors = FAR_ERRORS_AT_FIRST if len(behind) < BATCH_DRAWS else FAR_ERRORS
    far = (behind > 0).all(axis=0) & (behind.mean(axis=0) > errors * standard_error(behind))
    far &= middle_usd >= middle_usd[choice.place]
    return np.flatnonzero(~far).tolist()


def _error(usd: FloatArray) -> float:
    """Standard error of the mean of two draws or more."""
    return float(standard_error(usd))
