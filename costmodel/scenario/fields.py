"""What parts of a scenario are built from: the base of every part, rules between fields, and fields used in several."""

from __future__ import annotations

import re
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from costmodel.scenario.estimate import Estimate

Geography = Literal[
    "united_states",
    "canada",
    "europe",
    "japan",
    "australia",
    "asia_pacific",
    "india",
    "south_america",
    "middle_east",
    "south_africa",
]
"""CloudFront billing geographies. Source: CloudFront price list, `fromLocation` (2025-07-01)."""

T = TypeVar("T", bound=Hashable)
P = TypeVar("P")

Ratio = Annotated[float, Estimate(ge=0, le=1)]


class Rule(NamedTuple):
    """A broken rule between fields: where, relative to the part that checks it, and what would be valid."""

    place: tuple[str | int, ...]
    problem: str
    value: Any


def obeying(part: P, rules: list[Rule]) -> P:
    """The part itself. Raises one PydanticCustomError that carries every broken rule; `faults` unpacks it."""
    if rules:
        summary = "; ".join(f"{rule.place[-1]} {rule.problem}" for rule in rules)
        raise PydanticCustomError("rules", "{summary}", {"summary": summary, "rules": tuple(rules)})
    return part


def distinct(items: tuple[T, ...]) -> tuple[T, ...]:
    """The items themselves. Raises PydanticCustomError when there are none or one comes twice."""
    if not items:
        raise PydanticCustomError("empty_list", "must name at least one; leave the key out for the default")
    twice = [item for index, item in enumerate(items) if item in items[:index]]
    if twice:
        raise PydanticCustomError("repeated", "{item} is named twice; keep one", {"item": twice[0]})
    return items


def matching(pattern: str, meaning: str) -> AfterValidator:
    """A validator of text that matches a pattern as a whole; `meaning` says what would."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise PydanticCustomError("no_match", "must be {meaning}", {"meaning": meaning})
        return text

    return AfterValidator(check)


_MOMENT = r"20\d\d-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?"


def _moment(value: Any) -> datetime:
    """Text or a datetime as a time in UTC. Raises PydanticCustomError."""
    try:
        if isinstance(value, str) and re.fullmatch(_MOMENT, value, re.ASCII):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except ValueError:
        pass  # no such day or hour: answered like any other text that is no time
    raise PydanticCustomError("moment", "must be a date and time such as 2026-11-27T08:00:00Z")


Moment = Annotated[
    datetime,
    BeforeValidator(_moment, json_schema_input_type=Annotated[str, Field(pattern=f"^{_MOMENT}$")]),
]
PriceName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[ -~]+$")]
"""A name as AWS's price list has it."""
Family = Annotated[
    str,
    Field(json_schema_extra={"pattern": "^[a-z][a-z0-9-]*$"}),
    matching(r"[a-z][a-z0-9-]{0,30}", "an instance family in lower case, such as m7g"),
]


class Model(BaseModel):
    """Base of every part: unknown keys are faults, values cannot change."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )
