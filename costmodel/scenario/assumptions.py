"""What a scenario rests on: the defaults in force, and the inputs that are only known as ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from costmodel.scenario.estimate import Assumption, Range
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario

_REPLACED_BY_TRACE = ("traffic.hour_weights", "traffic.weekday_weights")


def assumptions(scenario: Scenario) -> tuple[Assumption[Any], ...]:
    """Every default in force, in the order of the model: what the user left out, at any depth."""
    replaced = _REPLACED_BY_TRACE if scenario.traffic.trace else ()
    return tuple(known for known in _defaults(scenario, "") if known.path not in replaced)


def uncertain_inputs(scenario: Scenario) -> dict[str, Range]:
    """Every range by its dotted path, in the order of the model: `traffic.events.0.peak_multiplier`."""
    return dict(_ranges(scenario, ()))


def with_values(scenario: Scenario, values: Mapping[str, float]) -> Scenario:
    """A re-validated copy in which the inputs at these dotted paths are plain numbers.

    Raises ScenarioError when a value is out of its field's bounds, KeyError when a path names no range.
    """
    known = uncertain_inputs(scenario)
    tree = scenario.model_dump(mode="json", exclude_unset=True)
    for path, value in values.items():
        if path not in known:
            raise KeyError(f"{path} is no uncertain input of {scenario.name!r}; those are {sorted(known)}")
        *parents, last = path.split(".")
        part: Any = tree
        for key in parents:
            part = part[int(key)] if isinstance(part, list) else part[key]
        part[last] = value
    return validate(tree, scenario.name)


def _defaults(part: BaseModel, path: str) -> Iterator[Assumption[Any]]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        place = f"{path}{name}"
        if isinstance(value, BaseModel):
            yield from _defaults(value, f"{place}.")
        elif isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
            for index, item in enumerate(value):
                yield from _defaults(item, f"{place}.{index}.")
        elif name not in part.model_fields_set and isinstance(extra := field.json_schema_extra, dict):
            shown = "built in" if value is None else value
            unit, source, as_of = (str(extra[key]) for key in ("x_unit", "x_source", "x_as_of"))
            yield Assumption(place, shown, unit, source, as_of)


def _ranges(value: Any, place: tuple[str, ...]) -> Iterator[tuple[str, Range]]:
    if isinstance(value, Range):
        yield ".".join(place), value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _ranges(getattr(value, name), (*place, name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _ranges(item, (*place, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _ranges(item, (*place, str(index)))
