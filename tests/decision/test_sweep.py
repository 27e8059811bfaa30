"""A sweep: points are whole simulations, run by whatever maps, and flips are where the choice changes."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product

import pytest

from costmodel.decision.run import Option
from costmodel.decision.simulate import simulate
from costmodel.decision.sweep import Answer, AnswerOne, Sweep, sweep, sweep_point
from costmodel.pricing.book import PriceBook
from costmodel.scenario.model import Scenario
from costmodel.scenario.vary import Axis, parse_axis
from shops.quick import quick_shop

BOOK = PriceBook.shipped()
CHOICES = {
    "constraints.delivery": ["flat_rate", "pay_as_you_go"],
    "constraints.lambda_memory_mb": [512],
    "api.cpu_ms_per_call": {"low": 8, "mid": 12, "high": 20},
}
VISITORS = parse_axis("traffic.monthly_visitors.europe=1_000:100_000:3:log")
answer_one = partial(sweep_point, book=BOOK)


def scenarios(axis: Axis) -> list[Scenario]:
    return [quick_shop(CHOICES | {axis.key: value}) for value in axis.values]


@pytest.fixture(scope="module")
def found() -> Sweep:
    return sweep([VISITORS], list(product(VISITORS.values)), scenarios(VISITORS), answer_one)


def test_each_point_is_a_simulation_of_its_own(found: Sweep) -> None:
    for point, scenario in zip(found.points, scenarios(VISITORS), strict=True):
        run = simulate(scenario, BOOK)
        assert point.answer.chosen == run.chosen
        assert point.answer.cost_range == run.cost_range
        assert set(point.answer.price_ids) == {charge.sku_price_id for charge in run.charges}


def test_the_choice_flips_where_a_plan_is_too_small(found: Sweep) -> None:
    kinds = [point.answer.kinds[2] for point in found.points]
    assert kinds == ["flat_rate", "pay_as_you_go", "pay_as_you_go"]
    (flip,) = found.flips
    assert (flip.before.values, flip.after.values) == ((1_000,), (10_000,))
    assert flip.changes == (("flat_rate", "pay_as_you_go"),)
    assert found.stacks == (found.points[0].answer.kinds, found.points[1].answer.kinds)


def test_any_mapper_that_keeps_the_order_will_do(found: Sweep) -> None:
    """What travels to a worker and back is plain: it can be pickled."""

    def sent(function: AnswerOne, tasks: Iterable[Scenario]) -> Iterable[Answer]:
        parcels = [pickle.dumps((function, task)) for task in tasks]
        with ThreadPoolExecutor(2) as pool:
            yield from pool.map(_unpacked, parcels)

    again = sweep([VISITORS], list(product(VISITORS.values)), scenarios(VISITORS), answer_one, sent)
    assert again == found


def _unpacked(parcel: bytes) -> Answer:
    function, task = pickle.loads(parcel)
    return pickle.loads(pickle.dumps(function(task)))  # type: ignore[no-any-return]


def test_progress_is_told_point_by_point() -> None:
    told: list[tuple[str, int, int]] = []
    tasks = scenarios(VISITORS)
    nothing = Answer(None, None, "nothing")
    sweep(
        [VISITORS],
        list(product(VISITORS.values)),
        tasks,
        lambda _: nothing,
        progress=lambda *now: told.append(now),
    )
    assert told == [("simulating points", done, 3) for done in range(4)]


def test_nothing_feasible_and_a_missing_price_are_answers() -> None:
    strict = quick_shop({"objectives.api_p95_ms": 1, "objectives.api_p99_ms": 1})
    answer = answer_one(strict)
    assert (answer.chosen, answer.cost_range, answer.kinds) == (None, None, ())
    assert "nothing meets the objectives" in answer.why_none
    unpriced = answer_one(quick_shop({"constraints.database": ["dynamodb_dax"]}))
    assert unpriced.why_none.endswith("fetch what AWS lists today: costmodel prices refresh")
    assert unpriced.chosen is None
    assert "price" in unpriced.why_none


def answer(kinds: str, like: Option) -> Answer:
    """An answer that recommends one letter for each kind; a dash recommends nothing."""
    if kinds == "-":
        return Answer(None, None, "nothing")
    compute, database = kinds
    return Answer(replace(like, compute_kind=compute, database_kind=database), None, "")


def test_flips_run_along_the_first_axis_line_by_line(found: Sweep) -> None:
    """Two lines: the first flips twice and then has nothing, the second stays."""
    like = found.points[0].answer.chosen
    assert like is not None
    axes = (Axis("months", (1, 2, 3, 4)), Axis("region", ("x", "y")))
    lines = {"x": ["aa", "ab", "bb", "-"], "y": ["aa", "aa", "aa", "aa"]}
    combinations = list(product(*(axis.values for axis in axes)))
    answers = iter([answer(lines[str(line)][int(str(month)) - 1], like) for month, line in combinations])
    grid = sweep(axes, combinations, [quick_shop()] * 8, lambda _: next(answers))
    assert [[point.values for point in line] for line in grid.lines] == [
        [(month, line) for month in (1, 2, 3, 4)] for line in ("x", "y")
    ]
    assert [(flip.before.values[0], flip.after.values[0], flip.changes) for flip in grid.flips] == [
        (1, 2, (("a", "b"),)),
        (2, 3, (("a", "b"),)),
        (3, 4, ()),
    ]
    assert len(grid.stacks) == 3
