"""Answers about a demand or a run that are asked for again: kept with it, and so gone with it.

A cache of a module would keep finished demands alive, and each is a year of minutes in many arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar

KEPT_ANSWERS = 2
"""One for each of the two designs that are run side by side on one demand."""

P = ParamSpec("P")
T = TypeVar("T")

_lock = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Remembering:
    """Keeps what `remembered` functions worked out of it."""

    answers: dict[tuple[Hashable, ...], Any] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    """By function and its other arguments, the one asked for last at the end."""

    def forget(self) -> None:
        """Let go of all answers: none of them is asked for again soon."""
        self.answers.clear()


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """Keep the latest answers with the first argument that is `Remembering`.

    Arguments are hashable and given by position. An answer must not hold what it is kept with: the two
    would wait for the garbage collector.
    """

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        keeper = next(given for given in args if isinstance(given, Remembering))
        answers, asked = keeper.answers, (function, *(given for given in args if given is not keeper))
        with _lock:
            if asked in answers:
                known: T = answers.pop(asked)
                answers[asked] = known
                return known
        found = function(*args, **kwargs)
        with _lock:
            answers[asked] = found
            if len(answers) > KEPT_ANSWERS:
                del answers[next(iter(answers))]
        return found

    return answer
