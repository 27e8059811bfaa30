"""Availability maths: worked figures, enumeration, Monte Carlo, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.capacity.availability import (
    REGION_IMPAIRMENT,
    ZONE_IMPAIRMENT,
    Impairment,
    k_of_n,
    lost_minutes_per_month,
    parallel,
    series,
    steady_state,
    two_regions,
    with_common_cause,
    with_soft_dependency,
)

RATIO = st.floats(0.0, 1.0)


@pytest.mark.parametrize(
    ("chain", "ratio", "minutes"),
    [
        # CloudFront 99.9, ALB 99.99, EC2 99.99, RDS Multi-AZ 99.95: 0.999 x 0.9999 x 0.9999 x 0.9995.
        ((0.999, 0.9999, 0.9999, 0.9995), 0.99830, 74),
        # CloudFront 99.9, API Gateway 99.95, Lambda 99.95, DynamoDB 99.99: 2.1 thousandths less 1.5 millionths.
        ((0.999, 0.9995, 0.9995, 0.9999), 0.99790, 92),
        # ALB 99.99, Lambda 99.95, DynamoDB 99.99.
        ((0.9999, 0.9995, 0.9999), 0.99930, 31),
    ],
)
def test_the_worked_chains(chain: tuple[float, ...], ratio: float, minutes: int) -> None:
    assert series(chain) == pytest.approx(ratio, abs=5e-6)
    assert round(lost_minutes_per_month(series(chain))) == minutes


def test_error_budgets_of_a_month_of_730_hours() -> None:
    """43 800 minutes: 99.9 % leave 43.8, 99.95 % 21.9, 99.99 % 4.38, 99.999 % 0.438 min = 26.28 s."""
    budgets = [lost_minutes_per_month(objective) for objective in (0.999, 0.9995, 0.9999, 0.99999)]
    assert budgets == pytest.approx([43.8, 21.9, 4.38, 26.28 / 60])


def test_one_zone_of_three_may_fail() -> None:
    """2 of 3 at 0.9: 3 x 0.81 x 0.1 + 0.729 = 0.972; any of 2 at 0.9 and 0.8: 1 - 0.1 x 0.2 = 0.98."""
    assert k_of_n(2, 3, 0.9) == pytest.approx(0.972)
    assert parallel([0.9, 0.8]) == pytest.approx(0.98)


def test_soft_dependency_common_cause_and_repair() -> None:
    """A soft part at 0.9 that carries 20 %: 0.99 x (1 - 0.2 x 0.1) = 0.9702.

    Copies at 0.9999 in a region at 0.999 with beta 0.1: 1 - 0.9 x 0.0001 - 0.1 x 0.001 = 0.99981.
    999 hours of work, one of repair: 0.999.
    """
    assert with_soft_dependency(0.99, 0.9, 0.2) == pytest.approx(0.9702)
    assert with_common_cause(0.9999, 0.999, 0.1) == pytest.approx(0.99981)
    assert steady_state(999.0, 1.0) == pytest.approx(0.999)


def test_two_regions_are_down_together_for_a_tenth_of_failures_and_by_chance() -> None:
    """Each at 0.99: 1 - 0.9 x 0.01^2 - 0.1 x 0.01 = 0.99891. The better each is, the better both are."""
    assert two_regions(0.99) == pytest.approx(0.99891)
    found = [two_regions(each) for each in (0.0, 0.9, 0.999, 0.9999, 1.0)]
    assert found == sorted(found)
    assert found[-1] == 1.0


def test_impairments_last_longer_in_the_mean_than_in_the_median() -> None:
    """Lognormal: 2 h x e^(0.8^2 / 2) = 2 h x 1.3771 = 2.754 h; of a year with 0.2 of them, 0.551 h."""
    assert ZONE_IMPAIRMENT.mean_hours == pytest.approx(2.7542, abs=1e-4)
    assert (1 - ZONE_IMPAIRMENT.availability_ratio) * 8760 == pytest.approx(0.2 * 2.7542, abs=1e-4)
    assert REGION_IMPAIRMENT.mean_hours == pytest.approx(2 * 2.75426, abs=1e-4)
    assert REGION_IMPAIRMENT.per_month == pytest.approx(0.1 / 12)


def test_the_mean_duration_against_draws() -> None:
    drawn = np.random.default_rng(1).lognormal(np.log(2.0), 0.8, 400_000)
    assert Impairment(1.0, 2.0, 0.8, "").mean_hours == pytest.approx(drawn.mean(), rel=0.01)


@given(st.integers(0, 8), st.integers(0, 8), RATIO)
def test_k_of_n_is_the_sum_over_all_states(needed: int, count: int, ratio: float) -> None:
    if needed > count:
        with pytest.raises(ValueError, match="needed"):
            k_of_n(needed, count, ratio)
        return
    states = product((True, False), repeat=count)
    enumerated = sum(
        prod(ratio if works else 1.0 - ratio for works in state) for state in states if sum(state) >= needed
    )
    assert k_of_n(needed, count, ratio) == pytest.approx(enumerated, abs=1e-12)


def test_k_of_n_against_enumeration_and_draws(model_row: Callable[..., None]) -> None:
    worst = 0.0
    for count in range(1, 7):
        for needed in range(count + 1):
            for ratio in (0.5, 0.9, 0.999):
                enumerated = sum(
                    prod(ratio if works else 1.0 - ratio for works in state)
                    for state in product((True, False), repeat=count)
                    if sum(state) >= needed
                )
                worst = max(worst, abs(k_of_n(needed, count, ratio) - enumerated))
    assert worst < 1e-12
    draws = np.random.default_rng(2).random((1_000_000, 3)) < 0.95
    assert k_of_n(2, 3, 0.95) == pytest.approx((draws.sum(axis=1) >= 2).mean(), abs=5e-4)
    model_row(
        "Availability",
        "k of n",
        rule="the probability that at least k of n alike parts work is the binomial tail",
        source="standard reliability theory; AWS Well-Architected, Availability (2023-04)",
        oracle="enumeration of all states up to n = 6; a million draws for 2 of 3",
        tolerance="1e-12 against enumeration, 5e-4 against draws",
        observed_error=worst,
    )


@given(st.lists(RATIO, min_size=1, max_size=5), RATIO, RATIO)
def test_bounds(ratios: list[float], shared: float, beta: float) -> None:
    """A chain is no better than its weakest part, a parallel no worse than its best, a mix lies between."""
    assert 0.0 <= series(ratios) <= min(ratios)
    assert max(ratios) - 1e-12 <= parallel(ratios) <= 1.0
    mixed = with_common_cause(ratios[0], shared, beta)
    assert min(ratios[0], shared) - 1e-12 <= mixed <= max(ratios[0], shared) + 1e-12
    assert with_soft_dependency(ratios[0], shared, beta) <= ratios[0]


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_no_availability_outside_0_to_1(ratio: float) -> None:
    for refused in (
        lambda: series([0.5, ratio]),
        lambda: parallel([ratio]),
        lambda: k_of_n(1, 2, ratio),
        lambda: with_soft_dependency(0.9, ratio, 0.5),
        lambda: with_common_cause(0.9, 0.9, ratio),
        lambda: lost_minutes_per_month(ratio),
    ):
        with pytest.raises(ValueError, match="from 0 to 1"):
            refused()


@pytest.mark.parametrize(("mtbf", "mttr"), [(0.0, 1.0), (1.0, -1.0), (float("inf"), 1.0)])
def test_no_repair_without_time(mtbf: float, mttr: float) -> None:
    with pytest.raises(ValueError, match="mtbf_hours"):
        steady_state(mtbf, mttr)
