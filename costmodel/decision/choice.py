"""The choice between finalists that were tried in the same draws: what is minimised, and how sure the choice is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from costmodel.decision.measures import BoolArray, jackknifed_error, quantiles, regrets, tail_mean
from costmodel.decision.trials import Trial
from costmodel.demand.calendar import FloatArray
from costmodel.scenario.model import Aim, Objectives

DEARER_RATIO = 0.25
"""How far above the least expected cost a candidate may lie that is chosen for its latency."""
SURE_ERRORS = 3.0
"""Standard errors by which the choice must lead: luck does that once in 700 times."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What finalists came to in the draws so far. Arrays have shape (draws, finalists)."""

    billed_usd: FloatArray
    beside_usd: FloatArray
    """What failed calls and carbon cost the shop, as far as the scenario gives them a price."""
    api_p99_ms: FloatArray
    broken: BoolArray

    @classmethod
    def of(cls, trials: Sequence[Sequence[Trial]]) -> Sample:
        """From the trials of each finalist, one a draw."""

        def table(figure: str) -> FloatArray:
            return np.array([[getattr(trial, figure) for trial in column] for column in trials]).T

        broken = np.array([[bool(trial.breaks) for trial in column] for column in trials]).T
        beside_usd = table("missed_usd") + table("carbon_usd")
        return cls(table("monthly_usd"), beside_usd, table("api_p99_ms"), broken)

    @property
    def usd(self) -> FloatArray:
        """What a month costs, the bill and what stands beside it."""
        return self.billed_usd + self.beside_usd

    @property
    def holds_ratio(self) -> FloatArray:
        """Share of draws in which each finalist meets every objective, shape (finalists,)."""
        found: FloatArray = 1.0 - self.broken.mean(axis=0)
        return found

    def rows(self, chosen: npt.NDArray[np.intp]) -> Sample:
        """The same finalists in some of the draws."""
        return Sample(
            self.billed_usd[chosen], self.beside_usd[chosen], self.api_p99_ms[chosen], self.broken[chosen]
        )

    def columns(self, chosen: Sequence[int]) -> Sample:
        """Some of the finalists in the same draws."""
        at = list(chosen)
        return Sample(
            self.billed_usd[:, at], self.beside_usd[:, at], self.api_p99_ms[:, at], self.broken[:, at]
        )


def _expected(sample: Sample) -> FloatArray:
    found: FloatArray = sample.usd.mean(axis=0)
    return found


def _p90(sample: Sample) -> FloatArray:
    return quantiles(sample.usd, 0.9)


def _tail(sample: Sample) -> FloatArray:
    return tail_mean(sample.usd)


def _regret(sample: Sample) -> FloatArray:
    return tail_mean(regrets(sample.usd, sample.broken))


def _latency(sample: Sample) -> FloatArray:
    """Mean of the 99th percentile; infinite for finalists too dear to be chosen for it."""
    expected = _expected(sample)
    found: FloatArray = np.where(
        expected <= (1 + DEARER_RATIO) * expected.min(), sample.api_p99_ms.mean(axis=0), np.inf
    )
    return found


SCORES: dict[Aim, Callable[[Sample], FloatArray]] = {
    "expected_cost": _expected,
    "p90_cost": _p90,
    "cvar_cost": _tail,
    "regret": _regret,
    "latency": _latency,
}
"""What each aim makes small, shape (finalists,): dollars a month, or milliseconds.

Regret is the mean of its greatest tenth: what the choice costs above the best one where it is most wrong. Its mean
over all draws is least where the expected cost is, and so no aim of its own.
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which finalist the draws so far speak for."""

    place: int
    tied: tuple[int, ...]
    """Others that may be better: behind by less than `SURE_ERRORS` standard errors of the difference."""
    stake_ratio: float
    """How much better one of those may be, as a share of the choice's score; 0 without a tie."""
    enough: bool
    """Whether it holds in the share of draws that is asked for. Where no finalist does, it is the one that holds most."""


def choose(sample: Sample, objectives: Objectives) -> Choice:
    """The finalist with the least score of those that hold often enough; of a tie, the one that holds most often."""
    holds = sample.holds_ratio
    wanted = objectives.least_hold_ratio
    able = np.flatnonzero(holds >= wanted)
    if not able.size:
        return Choice(int(holds.argmax()), (), 0.0, enough=False)
    score = SCORES[objectives.aim]
    among = sample.columns(able.tolist())
    scores = score(among)
    first = int(scores.argmin())

    def behind(part: Sample) -> FloatArray:
        found = score(part)
        lead: FloatArray = found - found[first]
        return lead

    with np.errstate(invalid="ignore"):
        errors = jackknifed_error(among.usd.shape[0], lambda kept: behind(among.rows(kept)))
        near = scores - scores[first] <= SURE_ERRORS * errors
    level = np.flatnonzero(near)
    place = max(level, key=lambda one: (holds[able[one]], one == first))
    others = level[level != place]
    ahead = SURE_ERRORS * errors[others] + scores[place] - scores[others]
    stake = float(ahead.max(initial=0.0) / scores[place]) if scores[place] else 0.0
    return Choice(int(able[place]), tuple(able[others].tolist()), stake, enough=True)
