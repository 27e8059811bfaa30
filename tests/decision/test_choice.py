from __future__ import annotations

import numpy as np
import pytest

from costmodel.decision.choice import DEARER_RATIO, Sample, choose
from costmodel.demand.calendar import FloatArray
from costmodel.scenario.model import PRESETS, Aim, Objectives

DRAWS = 200
LUCK = np.random.default_rng(8).normal(size=DRAWS)


def sample(
    billed: list[FloatArray],
    missed: list[float] | None = None,
    p99_ms: list[float] | None = None,
    breaks_every: list[int] | None = None,
) -> Sample:
    """Finalists by their cost in each draw; one with `breaks_every` 4 breaks in each fourth draw, 0 in none."""
    count = len(billed)
    every = breaks_every or [0] * count
    number = np.arange(DRAWS)
    return Sample(
        np.stack(billed, axis=1),
        np.tile(np.array(missed or [0.0] * count), (DRAWS, 1)),
        np.tile(np.array(p99_ms or [100.0] * count), (DRAWS, 1)),
        np.stack([number % step == 0 if step else number < 0 for step in every], axis=1),
    )


def flat(usd: float) -> FloatArray:
    return np.full(DRAWS, usd)


def aiming(aim: Aim, **more: float) -> Objectives:
    return Objectives(minimise=aim, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("aim", "place"),
    [
        ("expected_cost", 0),  # 100 on average against 104
        ("p90_cost", 1),  # 100 + 1.28 x 20 = 126 against 104
        ("cvar_cost", 1),
        ("regret", 1),  # it is never more than 104 - 60, the other up to 150 - 104
    ],
)
def test_what_is_made_small_decides(aim: Aim, place: int) -> None:
    wild, calm = 100 + 20 * LUCK, flat(104.0)
    wild = np.where(LUCK > 1.5, 250.0, wild - 12)
    assert choose(sample([wild, calm]), aiming(aim)).place == place


def test_latency_wins_as_long_as_it_is_not_too_dear() -> None:
    three = [flat(100.0), flat(100 * (1 + DEARER_RATIO)), flat(100 * (1 + DEARER_RATIO) + 1)]
    drawn = sample(three, p99_ms=[90.0, 50.0, 10.0])
    assert choose(drawn, aiming("latency")).place == 1


def test_failed_calls_cost_what_they_lose() -> None:
    drawn = sample([flat(100.0), flat(110.0)], missed=[20.0, 0.0])
    assert choose(drawn, aiming("expected_cost")).place == 1


def test_only_what_holds_often_enough_is_chosen() -> None:
    drawn = sample([flat(100.0), flat(120.0), flat(140.0)], breaks_every=[2, 20, 0])
    assert choose(drawn, aiming("expected_cost")).place == 0
    assert choose(drawn, aiming("expected_cost", hold_ratio=0.9)).place == 1
    assert choose(drawn, aiming("expected_cost", hold_ratio=0.99)).place == 2
    never = sample([flat(100.0), flat(120.0)], breaks_every=[2, 5])
    nearest = choose(never, aiming("expected_cost", hold_ratio=0.9))
    assert (nearest.place, nearest.enough) == (1, False)


def test_a_tie_is_what_the_draws_cannot_tell_apart() -> None:
    other_luck = np.random.default_rng(9).normal(size=DRAWS)
    close = sample([100 + 20 * LUCK, 101 + 20 * other_luck])
    found = choose(close, aiming("expected_cost"))
    assert found.tied == (1 - found.place,)
    # Of two that are level, the one that holds more often is recommended, whichever is ahead by luck.
    for breaks in ([10, 0], [0, 10]):
        level = sample([100 + 20 * LUCK, 100.5 + 20 * other_luck], breaks_every=breaks)
        assert choose(level, aiming("expected_cost")).place == breaks.index(0)
    # In the same worlds a difference of 1 is plain, however wild both are.
    paired = sample([100 + 20 * LUCK, 101 + 20 * LUCK + 0.1 * other_luck])
    assert choose(paired, aiming("expected_cost")) == choose(paired, aiming("expected_cost", hold_ratio=0.5))
    assert choose(paired, aiming("expected_cost")).tied == ()


def test_presets_say_what_is_made_small_and_how_often_it_holds() -> None:
    for preset, (aim, holds) in PRESETS.items():
        found = Objectives(preset=preset)
        assert (found.aim, found.least_hold_ratio) == (aim, holds)
    mixed = Objectives(preset="balanced", minimise="regret", hold_ratio=0.5)
    assert (mixed.aim, mixed.least_hold_ratio) == ("regret", 0.5)
