"""The best level of commitments against HiGHS, which knows nothing of quantiles or slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from costmodel.decision.commitment_levels import (
    LevelCurve,
    ladder,
    left_on_demand_usd,
    plan_curve,
)
from costmodel.demand.calendar import FloatArray

RELATIVE = 1e-9


def random_use(rng: np.random.Generator, uses: int, periods: int) -> FloatArray:
    """Use with flat, idle and busy hours; some of it in whole numbers, so that levels tie."""
    use = rng.gamma(rng.uniform(0.3, 4), 2.0, (uses, periods)) * (rng.random((uses, periods)) < 0.8)
    whole = rng.random(uses) < 0.5
    use[whole] = np.ceil(use[whole])
    return use


def solved_plan(on_demand_usd: FloatArray, committed_usd: FloatArray, unit_usd: float | None = None) -> float:
    """Least cost of one plan: a level, and how much of it each use takes in each hour. Whole units if given."""
    uses, periods = on_demand_usd.shape
    committed, on_demand = committed_usd.T.ravel(), on_demand_usd.T.ravel()
    worth = np.divide(on_demand, committed, out=np.zeros_like(on_demand), where=committed > 0)
    level_cost = periods * (unit_usd or 1.0)
    rows = np.repeat(np.arange(periods), uses)
    taken = csr_array((np.ones(rows.size), (rows, 1 + np.arange(rows.size))), shape=(periods, 1 + rows.size))
    level = csr_array(
        (np.full(periods, -(unit_usd or 1.0)), (np.arange(periods), np.zeros(periods, int))),
        shape=taken.shape,
    )
    bounds = np.concatenate([[np.inf], committed])
    found = milp(
        np.concatenate([[level_cost], -worth]),
        integrality=np.concatenate([[1 if unit_usd else 0], np.zeros(committed.size)]),
        bounds=(np.zeros(bounds.size), bounds),
        constraints=LinearConstraint(taken + level, -np.inf, 0.0),
        options={"mip_rel_gap": 0.0},
    )
    assert found.success
    return float(found.fun + on_demand.sum())


@pytest.mark.parametrize("seed", range(100))
def test_the_best_level_of_a_plan_costs_what_highs_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    uses, hours = int(rng.integers(1, 5)), int(rng.integers(1, 60))
    on_demand_usd = random_use(rng, uses, hours) * rng.uniform(0.01, 3, (uses, 1))
    committed_usd = on_demand_usd * rng.uniform(0.3, 1.1, (uses, 1))
    curve = plan_curve(on_demand_usd, committed_usd)
    best_usd = curve.cost_usd(curve.best_level_usd)
    assert best_usd == pytest.approx(solved_plan(on_demand_usd, committed_usd), rel=RELATIVE, abs=1e-9)
    level = np.full(hours, curve.best_level_usd)
    left_usd = left_on_demand_usd(on_demand_usd, committed_usd, level)
    assert level.sum() + left_usd.sum() == pytest.approx(best_usd, rel=RELATIVE, abs=1e-9)


@pytest.mark.parametrize("seed", range(60))
def test_the_best_count_of_reservations_costs_what_highs_finds(seed: int) -> None:
    """Instances of several sizes of one family: all are covered in proportion to their size."""
    rng = np.random.default_rng(1_000 + seed)
    uses, hours = int(rng.integers(1, 4)), int(rng.integers(1, 40))
    sizes = 2.0 ** np.arange(uses)[:, None]
    on_demand_usd = random_use(rng, uses, hours) * sizes * 0.1
    ratio = rng.uniform(0.4, 0.95)
    curve = plan_curve(on_demand_usd, on_demand_usd * ratio)
    unit_usd = 0.1 * ratio
    best_usd = curve.cost_usd(curve.best_count(unit_usd) * unit_usd)
    solved_usd = solved_plan(on_demand_usd, on_demand_usd * ratio, unit_usd)
    assert best_usd == pytest.approx(solved_usd, rel=1e-7, abs=1e-9)


def solved_ladder(on_demand_usd: FloatArray, yearly_ratio: float | None, span_ratio: float | None) -> float:
    """Least cost over levels for the span, for each year, and what is left in each hour."""
    years, hours = on_demand_usd.shape
    levels = [years * hours * (span_ratio or 0.0), *[hours * (yearly_ratio or 0.0)] * years]
    allowed = [None if span_ratio else 0.0, *[None if yearly_ratio else 0.0] * years]
    covers = np.zeros((years * hours, 1 + years + years * hours))
    covers[:, 0] = -1
    for year in range(years):
        covers[year * hours : (year + 1) * hours, 1 + year] = -1
    covers[:, 1 + years :] = -np.eye(years * hours)
    found = linprog(
        [*levels, *np.ones(years * hours)],
        A_ub=covers,
        b_ub=-on_demand_usd.ravel(),
        bounds=[*[(0, most) for most in allowed], *[(0, None)] * (years * hours)],
    )
    assert found.success
    return float(found.fun)


@pytest.mark.parametrize("seed", range(60))
def test_the_best_stack_over_years_costs_what_highs_finds(seed: int) -> None:
    rng = np.random.default_rng(2_000 + seed)
    years, hours = int(rng.integers(1, 4)), int(rng.integers(1, 30))
    growth = (1 + rng.uniform(-0.5, 1.0)) ** np.arange(years)
    on_demand_usd = random_use(rng, years, hours) * growth[:, None]
    yearly = float(rng.uniform(0.5, 1.05)) if rng.random() < 0.8 else None
    span = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.8 else None
    found = ladder(on_demand_usd, yearly_ratio=yearly, whole_span_ratio=span)
    assert found.cost_usd == pytest.approx(solved_ladder(on_demand_usd, yearly, span), rel=1e-7, abs=1e-7)
    held_usd = found.whole_span_usd + np.array(found.yearly_usd)
    paid_usd = hours * ((span or 0) * years * found.whole_span_usd + (yearly or 0) * sum(found.yearly_usd))
    left_usd = np.maximum(0, on_demand_usd - held_usd[:, None]).sum()
    assert paid_usd + left_usd == pytest.approx(found.cost_usd, rel=RELATIVE, abs=1e-9)


uses_and_hours = st.tuples(st.integers(1, 3), st.integers(1, 12))


@st.composite
def problems(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    shape = draw(uses_and_hours)
    cells = st.floats(0, 1e4, allow_subnormal=False).map(lambda value: round(value, 4))
    flat = draw(st.lists(cells, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    ratios = draw(st.lists(st.floats(0.2, 1.2), min_size=shape[0], max_size=shape[0]))
    on_demand_usd = np.array(flat).reshape(shape)
    return on_demand_usd, on_demand_usd * np.array(ratios)[:, None]


@given(problems(), st.lists(st.floats(0, 2e4), min_size=1, max_size=5))
def test_no_other_level_costs_less(problem: tuple[FloatArray, FloatArray], levels: list[float]) -> None:
    curve = plan_curve(*problem)
    best_usd = curve.cost_usd(curve.best_level_usd)
    slack = 1e-9 * (1 + abs(best_usd))
    assert all(curve.cost_usd(level) >= best_usd - slack for level in levels)


@given(problems())
def test_the_curve_is_convex_and_starts_at_the_bill_on_demand(problem: tuple[FloatArray, FloatArray]) -> None:
    curve = plan_curve(*problem)
    assert np.all(np.diff(curve.slopes) >= -1e-9)
    assert curve.cost_usd(0.0) == pytest.approx(problem[0].sum())


def test_no_use_is_no_commitment() -> None:
    nothing = np.zeros((2, 24))
    curve = plan_curve(nothing, nothing)
    assert curve.best_level_usd == 0
    assert curve.best_count(0.1) == 0
    assert curve.cost_usd(0.0) == 0
    assert ladder(nothing, yearly_ratio=0.7, whole_span_ratio=0.5).cost_usd == 0


def test_worked_a_level_is_a_quantile() -> None:
    """Four hours that cost 1, 2, 3 and 4 dollars on demand, a plan at 60 % of that.

    A level pays while more than 60 % of the hours use it: the dollar from 1 to 2 is used in 3 of 4 hours (75 %),
    the one from 2 to 3 in 2 of 4 (50 %). So 2 on-demand dollars, or 1.20 an hour at the plan's rates:
    4 x 1.20 = 4.80, and on demand 0 + 0 + 1 + 2 = 3.00: 7.80 in place of 10.00.
    """
    on_demand_usd = np.array([[1.0, 2.0, 3.0, 4.0]])
    curve = plan_curve(on_demand_usd, 0.6 * on_demand_usd)
    assert curve.best_level_usd == pytest.approx(1.20)
    assert curve.cost_usd(1.20) == pytest.approx(7.80)


def test_worked_the_highest_saving_is_paid_first() -> None:
    """One hour: 10 dollars at 50 % off and 10 at 10 % off. A level of 5 pays for the first alone: 5 + 10 = 15."""
    on_demand_usd = np.array([[10.0], [10.0]])
    committed_usd = np.array([[9.0], [5.0]])
    assert plan_curve(on_demand_usd, committed_usd).cost_usd(5.0) == pytest.approx(15.0)
    left_usd = left_on_demand_usd(on_demand_usd, committed_usd, np.array([5.0]))
    assert left_usd[:, 0] == pytest.approx([10.0, 0.0])


def test_worked_a_stack_over_three_years() -> None:
    """Use of 10 dollars an hour that grows to 20 and 30; 70 % of it by the year, 50 % for three years.

    The first 10 are used all three years: 3 x 0.50. The next 10 in two of three: three years cost 1.50, two
    single years 1.40. The last 10 in one: 0.70. For each hour of a year: 15 + 14 + 7 = 36, against 60.
    """
    use = np.array([[10.0] * 4, [20.0] * 4, [30.0] * 4])
    found = ladder(use, yearly_ratio=0.7, whole_span_ratio=0.5)
    assert found.whole_span_usd == pytest.approx(10)
    assert found.yearly_usd == pytest.approx((0, 10, 20))
    assert found.cost_usd == pytest.approx(4 * 36)


def test_of_equal_levels_the_lowest_is_taken() -> None:
    """Half of the hours use it at half the price: every level from 0 to 1 costs the same."""
    curve = LevelCurve.of(np.array([0.5]), np.array([2.0]), 2)
    assert curve.best_level_usd == 0
    assert curve.cost_usd(0.0) == curve.cost_usd(0.5) == 1.0
