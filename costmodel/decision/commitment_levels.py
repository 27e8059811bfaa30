"""How much to commit to: what each level costs over a term, and the best level, exactly.

A Savings Plan is a spend per hour, at the plan's rates. In each hour it pays for the use whose saving is
highest first; what it does not reach is billed on demand, and what it does not use is lost. So the cost
is convex and piecewise linear in the level, with corners where an hour's use is just covered: one of
the corners is best, and no grid is needed. With one rate r on an on-demand price of 1 it is the level
that a share r of the hours exceeds.

Source: AWS Savings Plans User Guide, "Understanding How Savings Plans are Applied to Your Usage" (read 2026-11):
highest savings percentage first, then the lowest rate; EC2 Instance Savings Plans before Compute ones,
reservations before both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from costmodel.demand.calendar import FloatArray

SLOPE_SLACK = 1e-12
"""Relative error that a sum of slopes may have; of levels that cost the same the lowest is taken."""


@dataclass(frozen=True)
class LevelCurve:
    """What a term costs at every level, in US dollars; exact between the corners too."""

    levels_usd: FloatArray
    """Levels at which the slope changes, ascending from 0; US dollars per period."""
    costs_usd: FloatArray
    """Cost of the whole term at each of them: the commitment and what is billed on demand beside it."""
    slopes: FloatArray
    """Cost of one more dollar per period, above each of them."""
    periods: int
    """Hours or months of the term."""

    @classmethod
    def of(cls, corners_usd: FloatArray, worth: FloatArray, periods: int) -> LevelCurve:
        """The curve of `level x periods + sum of worth x max(0, corner - level)`, for non-negative arrays."""
        order = np.argsort(corners_usd, kind="stable")
        corners, falls = corners_usd[order], worth[order]
        levels = np.concatenate([[0.0], corners])
        above = _sums_after(falls)
        beyond_usd = _sums_after(falls * corners)
        return cls(levels, periods * levels + beyond_usd - above * levels, periods - above, periods)

    @cached_property
    def best_level_usd(self) -> float:
        """The lowest level of those that cost least."""
        enough = self.slopes >= -SLOPE_SLACK * self.periods
        return float(self.levels_usd[np.argmax(enough)])

    def cost_usd(self, level_usd: float) -> float:
        """Cost of the whole term at any level."""
        beyond_usd = max(0.0, level_usd - float(self.levels_usd[-1]))
        return float(np.interp(level_usd, self.levels_usd, self.costs_usd)) + beyond_usd * self.periods

    def best_count(self, unit_usd: float) -> int:
        """The best whole number of units of so many dollars per period; exact, as the curve is convex."""
        fewer = int(self.best_level_usd / unit_usd)
        return min((fewer, fewer + 1), key=lambda count: (self.cost_usd(count * unit_usd), count))


def _sums_after(values: FloatArray) -> FloatArray:
    """Sum of all values from each place on, and 0 after the last; one longer than `values`."""
    return np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])


def plan_curve(on_demand_usd: FloatArray, committed_usd: FloatArray) -> LevelCurve:
    """What each level of one commitment costs.

    Both arrays have shape (uses, periods): what each use costs in each period on demand, and at the
    commitment's rates.
    """
    worth = _worth(on_demand_usd, committed_usd)
    order = np.argsort(-worth, axis=0, kind="stable")
    sorted_worth = np.take_along_axis(worth, order, axis=0)
    corners_usd = np.cumsum(np.take_along_axis(committed_usd, order, axis=0), axis=0)
    less_worth = np.concatenate([sorted_worth[1:], np.zeros((1, worth.shape[1]))])
    return LevelCurve.of(corners_usd.ravel(), (sorted_worth - less_worth).ravel(), on_demand_usd.shape[1])


def left_on_demand_usd(
    on_demand_usd: FloatArray, committed_usd: FloatArray, level_usd: FloatArray
) -> FloatArray:
    """What is still billed on demand of each use in each period, at a level for each period.

    Shapes (uses, periods), (uses, periods) and (periods,).
    """
    order = np.argsort(-_worth(on_demand_usd, committed_usd), axis=0, kind="stable")
    sorted_usd = np.take_along_axis(committed_usd, order, axis=0)
    before_usd = np.cumsum(sorted_usd, axis=0) - sorted_usd
    paid_usd = np.clip(level_usd - before_usd, 0.0, sorted_usd)
    paid_ratio = np.divide(paid_usd, sorted_usd, out=np.zeros_like(paid_usd), where=sorted_usd > 0)
    left_ratio = np.empty_like(paid_ratio)
    np.put_along_axis(left_ratio, order, 1.0 - paid_ratio, axis=0)
    return np.asarray(on_demand_usd * left_ratio)


def _worth(on_demand_usd: FloatArray, committed_usd: FloatArray) -> FloatArray:
    """On-demand dollars that a committed dollar saves."""
    return np.divide(on_demand_usd, committed_usd, out=np.zeros_like(on_demand_usd), where=committed_usd > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """The best levels of commitments of one year and of the whole span, on one use, as on-demand dollars an hour."""

    whole_span_usd: float
    yearly_usd: tuple[float, ...]
    """On top of it, bought anew for each year."""
    cost_usd: float
    """Cost of the whole span: both, and what is billed on demand."""


def ladder(
    on_demand_usd: FloatArray, *, yearly_ratio: float | None, whole_span_ratio: float | None
) -> Ladder:
    """The cheapest stack of commitments over several years of one use, shape (years, hours of a year).

    The ratios are the rates over the on-demand price; None for what is not to be had. Each dollar of use
    an hour is a slice of the load-duration curve that is bought in the cheapest way: for the whole
    span, or for each year apart on demand or by the year. A higher slice is used less, so each way
    is one piece of the stack, the longest commitment at the bottom.
    """
    years, hours = on_demand_usd.shape
    edges = np.unique(np.concatenate([[0.0], on_demand_usd.ravel()]))
    widths, floors = np.diff(edges), edges[:-1]
    used_hours = np.stack(
        [hours - np.searchsorted(np.sort(of_year), floors, side="right") for of_year in on_demand_usd]
    ).astype(float)
    a_year = np.inf if yearly_ratio is None else yearly_ratio * hours
    by_year = np.minimum(used_hours, a_year)
    whole_span = np.inf if whole_span_ratio is None else whole_span_ratio * hours * years
    held = whole_span < by_year.sum(axis=0)
    bought = ~held & (a_year < used_hours)
    return Ladder(
        whole_span_usd=float(widths[held].sum()),
        yearly_usd=tuple(float(widths[of_year].sum()) for of_year in bought),
        cost_usd=float((widths * np.minimum(whole_span, by_year.sum(axis=0))).sum()),
    )


def mean_ratio(on_demand_usd: FloatArray, committed_usd: FloatArray) -> float:
    """Committed over on-demand dollars of all the use; 1 for no use, which nothing is saved on."""
    whole_usd = float(on_demand_usd.sum())
    return float(committed_usd.sum()) / whole_usd if whole_usd else 1.0
