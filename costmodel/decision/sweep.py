"""Sweep: a scenario with one or two keys varied, each point a whole simulation with the same seed.

Points know nothing of one another, so that they can be run anywhere: `sweep` takes the function that answers
one scenario, and what maps it over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.decision.run import CostRange, Option
from costmodel.decision.search import Progress, silent
from costmodel.decision.simulate import simulate
from costmodel.errors import Infeasible, PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.scenario.document import Scalar
from costmodel.scenario.model import Scenario
from costmodel.scenario.vary import Axis


@dataclass(frozen=True, slots=True)
class Answer:
    """What one scenario comes to."""

    chosen: Option | None
    """None when nothing can be recommended."""
    cost_range: CostRange | None
    why_none: str
    """What nothing meets, or which price is missing; empty with a recommendation."""
    price_ids: tuple[str, ...] = ()
    """Prices that the recommendation is billed at."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of compute, database, delivery and rendering; empty without a recommendation."""
        if self.chosen is None:
            return ()
        chosen = self.chosen
        return (chosen.compute_kind, chosen.database_kind, chosen.delivery_kind, chosen.rendering_kind)


AnswerOne = Callable[[Scenario], Answer]
Mapper = Callable[[AnswerOne, Sequence[Scenario]], Iterable[Answer]]
"""Applies a function to every scenario and gives the answers in the same order, as `map` and a `Cluster` do."""


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of values, one for each axis."""

    values: tuple[Scalar, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Flip:
    """Two neighbours on the first axis with other kinds recommended."""

    before: Point
    after: Point

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """Every kind that gives way, with the one that follows it; nothing where one of the two has none."""
        pairs = zip(self.before.answer.kinds, self.after.answer.kinds, strict=False)
        return tuple((old, new) for old, new in pairs if old != new)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Every point of a grid."""

    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    """In the order of the values, those of the last axis fastest."""

    @property
    def lines(self) -> tuple[tuple[Point, ...], ...]:
        """The points along the first axis, one line for each value of the second."""
        width = len(self.points) // len(self.axes[0].values)
        return tuple(self.points[place::width] for place in range(width))

    @property
    def flips(self) -> tuple[Flip, ...]:
        """Where the choice changes along the first axis, line by line."""
        return tuple(
            Flip(before, after)
            for line in self.lines
            for before, after in pairwise(line)
            if before.answer.kinds != after.answer.kinds
        )

    @property
    def stacks(self) -> tuple[tuple[str, ...], ...]:
        """Every combination of kinds that is recommended somewhere, in the order of the points."""
        return tuple(dict.fromkeys(point.answer.kinds for point in self.points if point.answer.chosen))


def sweep_point(scenario: Scenario, book: PriceBook, own_rates: OwnRates = NO_OWN_RATES) -> Answer:
    """Simulate one scenario. Nothing feasible, or a price that is missing, is an answer too."""
    try:
        run = simulate(scenario, book, own_rates=own_rates)
    except (Infeasible, PriceNotFound) as error:
        return Answer(None, None, str(error))
    price_ids = tuple(sorted({charge.sku_price_id for charge in run.charges}))
    return Answer(run.chosen, run.cost_range, "", price_ids)


def sweep(
    axes: Sequence[Axis],
    combinations: Sequence[tuple[Scalar, ...]],
    scenarios: Sequence[Scenario],
    answer_one: AnswerOne,
    mapper: Mapper = map,
    progress: Progress = silent,
) -> Sweep:
    """Answer every scenario; each belongs to the combination of values in the same place."""
    points = []
    progress("simulating points", 0, len(scenarios))
    answers = _counted(mapper(answer_one, scenarios), len(scenarios), progress)
    for values, answer in zip(combinations, answers, strict=True):
        points.append(Point(values, answer))
    return Sweep(tuple(axes), tuple(points))


def _counted(answers: Iterable[Answer], total: int, progress: Progress) -> Iterator[Answer]:
    for done, answer in enumerate(answers, start=1):
        progress("simulating points", done, total)
        yield answer
