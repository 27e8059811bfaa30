"""Measures over draws: how dear, how sure, how much is at stake. Every finalist is tried in the same draws.

Costs and what is broken have shape (draws, finalists); costs are in US dollars a month.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from costmodel.demand.calendar import FloatArray

BoolArray = npt.NDArray[np.bool_]

TAIL_RATIO = 0.1
"""The dearest share of draws that the conditional value at risk is the mean of."""
FITTED_TERMS = 2
"""Of a parabola, beside its mean."""
JACKKNIFE_GROUPS = 32
"""Groups of draws left out in turn; their number limits how sure the error itself is, to 13 %."""


def quantiles(costs: FloatArray, levels: float | tuple[float, ...]) -> FloatArray:
    """Quantiles of one finalist's draws, such that the next draw lies below the p-quantile with probability p.

    Source: Hyndman and Fan, "Sample quantiles in statistical packages", type 6 (1996). The usual type 7 gives
    intervals that are too narrow by two draws in n + 1.
    """
    found: FloatArray = np.quantile(costs, levels, axis=0, method="weibull")
    return found


def tail_mean(costs: FloatArray) -> FloatArray:
    """Conditional value at risk, shape (finalists,): the mean of each one's dearest tenth of draws.

    Where a tenth is no whole number of draws, the last of them counts in part.
    Source: Rockafellar and Uryasev, "Optimization of conditional value-at-risk" (2000).
    """
    dearest = np.sort(costs, axis=0)[::-1]
    wanted = TAIL_RATIO * len(costs)
    weights = np.clip(wanted - np.arange(len(costs)), 0.0, 1.0)
    found: FloatArray = weights @ dearest / wanted
    return found


def standard_error(values: FloatArray) -> FloatArray:
    """Standard error of the mean over independent draws, along the first axis."""
    found: FloatArray = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return found


def jackknifed_error(draws: int, statistic: Callable[[npt.NDArray[np.intp]], FloatArray]) -> FloatArray:
    """Standard error of any statistic of the draws: how much it moves when a group of them is left out.

    `statistic` takes the numbers of the draws that are kept. For a mean it comes to `standard_error`, roughly.
    Source: Efron and Tibshirani, "An introduction to the bootstrap", chapter 11, the jackknife by groups (1993).
    """
    groups = min(JACKKNIFE_GROUPS, draws)
    number = np.arange(draws)
    left = np.array([statistic(number[number % groups != group]) for group in range(groups)])
    found: FloatArray = np.sqrt((groups - 1) / groups * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    return found


def least_of_holding(costs: FloatArray, broken: BoolArray) -> FloatArray:
    """Cost of the cheapest finalist of each draw that holds there, shape (draws, 1); of all where none holds."""
    holding = np.where(broken, np.inf, costs).min(axis=1, keepdims=True)
    found: FloatArray = np.where(np.isfinite(holding), holding, costs.min(axis=1, keepdims=True))
    return found


def best_ratio(costs: FloatArray, broken: BoolArray) -> FloatArray:
    """Share of the draws in which each finalist is the cheapest that holds, shape (finalists,); equals share a draw."""
    least = (costs == least_of_holding(costs, broken)) & (~broken | broken.all(axis=1, keepdims=True))
    found: FloatArray = (least / least.sum(axis=1, keepdims=True)).mean(axis=0)
    return found


def regrets(costs: FloatArray, broken: BoolArray) -> FloatArray:
    """What each finalist costs above the cheapest that holds in each draw, shape (draws, finalists).

    One that does not hold there itself, and is cheaper for that, regrets nothing. The mean for the choice is the
    expected value of perfect information: what it would be worth to know everything before choosing.
    """
    found: FloatArray = np.maximum(costs - least_of_holding(costs, broken), 0.0)
    return found


def explained_ratio(costs: FloatArray, deviates: FloatArray) -> float:
    """Share of the variance of one finalist's cost that one input explains: adjusted r² of a parabola in its deviates."""
    spread = float(costs.var())
    if spread == 0.0:
        return 0.0
    return min(1.0, float(_fitted(costs[:, None], deviates)[:, 0].var()) / spread)


def measuring_usd(costs: FloatArray, deviates: FloatArray, chosen: int) -> float:
    """What it would be worth a month to know one input before choosing, and nothing else.

    The expected value of partial perfect information: for each draw the finalist that would be chosen, knowing
    the input, by parabolas fitted to the differences from the choice.
    Source: Strong, Oakley and Brennan, "Estimating multiparameter partial expected value of perfect information:
    a nonparametric regression approach" (2014).
    """
    differences = costs - costs[:, chosen : chosen + 1]
    known = _fitted(differences, deviates).min(axis=1).mean()
    unknown = differences.mean(axis=0).min()
    return max(0.0, float(unknown - known))


def _fitted(values: FloatArray, deviates: FloatArray) -> FloatArray:
    """Least-squares parabolas in the deviates, for every column of values, less what a parabola fits by luck.

    Each is drawn towards its mean until the variance it explains is the adjusted r²: none where a few draws of
    pure luck would fit as well. Source: Theil, "Economic forecasts and policy", adjusted r² (1961).
    """
    terms = np.vander(deviates, 3)
    raw = terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    spread, explained = values.var(axis=0), raw.var(axis=0)
    draws = len(values)
    free = draws - 1 - FITTED_TERMS
    if free <= 0:
        return np.broadcast_to(values.mean(axis=0), values.shape).copy()
    adjusted = np.maximum(0.0, explained - (spread - explained) * FITTED_TERMS / free)
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(explained > 0, np.sqrt(adjusted / explained), 0.0)
    mean = raw.mean(axis=0)
    found: FloatArray = mean + (raw - mean) * np.minimum(kept, 1.0)
    return found
