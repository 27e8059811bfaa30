from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from costmodel.decision.measures import (
    best_ratio,
    explained_ratio,
    jackknifed_error,
    least_of_holding,
    measuring_usd,
    quantiles,
    regrets,
    standard_error,
    tail_mean,
)
from costmodel.demand.calendar import FloatArray

COSTS = arrays(np.float64, (12, 3), elements=st.floats(0, 1e6))
NOTHING_BROKEN = np.zeros((4, 3), dtype=bool)
DRAWN = np.array([[10.0, 12, 30], [10, 8, 30], [10, 14, 9], [10, 10, 30]])


def test_a_quantile_has_its_share_of_future_draws_below_it() -> None:
    # Of 9 draws, the next one falls into each of the 10 gaps alike: 1 in 10 below the least.
    draws = np.arange(1.0, 10.0)
    assert quantiles(draws, (0.1, 0.5, 0.9)).tolist() == [1.0, 5.0, 9.0]


def test_the_tail_is_the_mean_of_the_dearest_tenth() -> None:
    # Of 25 draws a tenth is two and a half: (25 + 24 + 23 / 2) / 2.5 = 24.2.
    assert tail_mean(np.arange(1.0, 26.0)[:, None]).tolist() == pytest.approx([24.2])
    # Of 5 it is half a draw: the dearest alone.
    assert tail_mean(np.array([[1.0], [7.0], [3.0], [2.0], [5.0]])).tolist() == [7.0]


def test_the_best_and_what_others_cost_above_it() -> None:
    # The cheapest: second and first (a tie of 10), third, second, first: 10 10 9 8.
    assert best_ratio(DRAWN, NOTHING_BROKEN).tolist() == [1.5 / 4, 1.5 / 4, 0.25]
    assert regrets(DRAWN, NOTHING_BROKEN).mean(axis=0).tolist() == [0.75, 1.75, 15.5]


def test_what_breaks_is_not_the_best_unless_all_break() -> None:
    broken = np.array([[True, False, False], [False, True, False], [False] * 3, [True] * 3])
    assert least_of_holding(DRAWN, broken)[:, 0].tolist() == [12, 10, 9, 10]
    assert best_ratio(DRAWN, broken).tolist() == [1.5 / 4, 1.5 / 4, 0.25]
    assert regrets(DRAWN, broken)[0].tolist() == [0, 0, 18]


@given(COSTS)
def test_measures_of_any_costs(costs: FloatArray) -> None:
    whole = np.zeros(costs.shape, dtype=bool)
    assert best_ratio(costs, whole).sum() == pytest.approx(1)
    regret = regrets(costs, whole)
    assert np.all(regret >= 0)
    assert np.all(regret.min(axis=1) == 0)
    tail = tail_mean(costs)
    assert np.all(tail >= costs.mean(axis=0) - 1e-6)
    assert np.all(tail <= costs.max(axis=0) + 1e-6)
    # The order of the draws does not matter.
    assert tail_mean(costs[::-1]) == pytest.approx(tail)


def test_the_error_of_a_mean_by_leaving_out_groups_is_its_standard_error() -> None:
    values = np.random.default_rng(5).normal(100, 7, (320, 1))
    found = jackknifed_error(320, lambda kept: values[kept].mean(axis=0))
    # The groups are few, so the error is itself known to an eighth or so.
    assert found == pytest.approx(standard_error(values), rel=0.25)
    assert standard_error(values) == pytest.approx(7 / np.sqrt(320), rel=0.1)


def test_an_input_explains_what_follows_it() -> None:
    drawn = np.random.default_rng(3)
    input_, noise = drawn.normal(size=2000), drawn.normal(size=2000)
    assert explained_ratio(100 + 5 * input_, input_) == pytest.approx(1)
    assert explained_ratio(100 + 3 * input_ + 3 * noise, input_) == pytest.approx(0.5, abs=0.05)
    assert explained_ratio(100 + noise, input_) < 0.01
    assert explained_ratio(np.full(2000, 7.0), input_) == 0


def test_few_draws_of_luck_explain_nothing_on_average() -> None:
    """Plain r² of a parabola in 24 draws of pure luck is 2 / 23 = 9 % on average; adjusted, and not below 0, 3 or so."""
    drawn = np.random.default_rng(6)
    found = [explained_ratio(drawn.normal(size=24), drawn.normal(size=24)) for _ in range(400)]
    assert np.mean(found) < 0.05
    assert explained_ratio(drawn.normal(size=3), drawn.normal(size=3)) == 0


def test_knowing_an_input_is_worth_what_it_would_change() -> None:
    """Two candidates, 100 and 100 + 10 z: knowing z, one chooses the second whenever z < 0.

    Its worth is 10 E[max(0, -z)] = 10 / sqrt(2 pi) = 3.99.
    """
    z = np.random.default_rng(4).normal(size=20_000)
    costs = np.stack([np.full(z.size, 100.0), 100 + 10 * z], axis=1)
    assert measuring_usd(costs, z, 0) == pytest.approx(10 / np.sqrt(2 * np.pi), rel=0.03)
    # An input that moves neither against the other is worth nothing.
    other = np.random.default_rng(5).normal(size=20_000)
    assert measuring_usd(costs, other, 0) == pytest.approx(0, abs=0.2)
    # Nor is one that moves both alike, or that never turns the choice round.
    assert measuring_usd(costs + 50 * other[:, None], other, 0) == pytest.approx(0, abs=0.2)
    assert measuring_usd(costs + np.array([0, 1e3]), z, 0) == 0
