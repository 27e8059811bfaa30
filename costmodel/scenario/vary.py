"""Values that one key of a scenario takes in turn: `api.cpu_ms_per_call=5:40:8`, `region=eu-west-1,us-east-1`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from pydantic import BaseModel

from costmodel.errors import OptionFault
from costmodel.scenario.document import Scalar, as_json, short
from costmodel.scenario.estimate import Range
from costmodel.scenario.faults import did_you_mean
from costmodel.scenario.model import Scenario

MOST_VALUES = 1_000
"""Values of one key beyond which a count is a slip: each is a whole simulation."""
LOG_DIGITS = 4
"""Significant digits of values in between on a logarithmic scale, so that they can be typed again."""
LOG = "log"
_FORM = "write key=from:to:count, key=from:to:count:log, or key=value,value,..."

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """One key and the values it takes, in the order given."""

    key: str
    values: tuple[Scalar, ...]
    log: bool = False
    """Whether neighbours are a ratio apart rather than a difference."""

    @property
    def numeric(self) -> bool:
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


def parse_axis(text: str) -> Axis:
    """The axis that `--vary` names. Values are checked only when they stand in a scenario.

    A key of whole numbers gets whole numbers, each once. Raises OptionFault, which lists the valid keys where
    there is no such one.
    """
    key, equals, given = (part.strip() for part in text.partition("="))
    if not equals or not key or not given:
        raise OptionFault(f"--vary {short(text)}: {_FORM}")
    leaves = _schemas_at(key)
    if "," in given or ":" not in given:
        return Axis(key, _listed(key, given))
    numbers = [leaf["type"] for leaf in leaves if leaf.get("type") in ("number", "integer")]
    if not numbers:
        raise OptionFault(f"--vary {short(text)}: {key} takes no number; write key=value,value,...")
    start, end, count, log = _range(text, given)
    spaced = _logarithmic(start, end, count) if log else _linear(start, end, count)
    if "number" not in numbers:
        spaced = [round(value) for value in spaced]
    return Axis(key, tuple(dict.fromkeys(spaced)), log)


def check_place(axis: Axis, scenario: Scenario) -> None:
    """Raises OptionFault where a scenario has no place for the key: an event, or a range, that it does not have."""
    found: Any = scenario
    for part in axis.key.split("."):
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, tuple):
            found = found[int(part)] if int(part) < len(found) else _MISSING
        elif isinstance(found, BaseModel | Range):
            found = getattr(found, part, None)
        elif found is not None:
            found = _MISSING
        if found is _MISSING:
            raise OptionFault(f"--vary {axis.key}: {scenario.name!r} has no such place")


_MISSING = object()


def _listed(key: str, given: str) -> tuple[Scalar, ...]:
    values = tuple(as_json(word.strip()) for word in given.split(","))
    if None in values:
        raise OptionFault(f"--vary {key}: a value is empty in {short(given)}; {_FORM}")
    if len(values) > MOST_VALUES:
        raise OptionFault(f"--vary {key}: {len(values):,} values; at most {MOST_VALUES:,}")
    for place, value in enumerate(values):
        if value in values[:place]:
            raise OptionFault(f"--vary {key}: {short(value)} is named twice; keep one")
    return values


def _range(text: str, given: str) -> tuple[Fraction, Fraction, int, bool]:
    """Ends, count and spacing of `from:to:count:log`."""
    words = [word.strip() for word in given.split(":")]
    log = len(words) == 4 and words[3] == LOG
    if len(words) != 3 and not log:
        raise OptionFault(f"--vary {short(text)}: {_FORM}")
    start, end, count = (_number(text, word) for word in words[:3])
    if count != int(count) or not 2 <= count <= MOST_VALUES:
        raise OptionFault(f"--vary {short(text)}: count must be a whole number from 2 to {MOST_VALUES:,}")
    if start == end:
        raise OptionFault(f"--vary {short(text)}: from and to are the same")
    if log and min(start, end) <= 0:
        raise OptionFault(f"--vary {short(text)}: on a logarithmic scale both ends must be above 0")
    return start, end, int(count), log


def _number(text: str, word: str) -> Fraction:
    """A number exactly as written, so that 0.1:0.5:5 has 0.3 in the middle."""
    value = as_json(word)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise OptionFault(f"--vary {short(text)}: {short(word)} is no number; {_FORM}")
    return Fraction(repr(value))


def _linear(start: Fraction, end: Fraction, count: int) -> list[float]:
    return [float(start + (end - start) * step / (count - 1)) for step in range(count)]


def _logarithmic(start: Fraction, end: Fraction, count: int) -> list[float]:
    ratio = float(end / start)
    between = (float(start) * ratio ** (step / (count - 1)) for step in range(1, count - 1))
    return [float(start), *(float(f"{value:.{LOG_DIGITS}g}") for value in between), float(end)]


def _schemas_at(key: str) -> list[Schema]:
    """What a key takes, in JSON Schema. Raises OptionFault where there is no such key, or it is a group."""
    whole = _whole_schema()
    found = [whole]
    parts = key.split(".")
    for place, part in enumerate(parts):
        below = [inner for node in found for inner in _below(node, part)]
        if not below:
            raise OptionFault(_unknown(parts[:place], part, found))
        found = [option for node in below for option in _options(node, whole)]
    if all(node.get("type") in ("object", "array") for node in found):
        keys = list(_keys(found))
        kind = f"is a group; add one of {', '.join(keys)}" if keys else "takes a list, which cannot be varied"
        raise OptionFault(f"--vary {key}: {kind}")
    return found


@cache
def _whole_schema() -> Schema:
    return Scenario.model_json_schema()


def _below(node: Schema, part: str) -> Iterator[Schema]:
    """The schemas of one key of a group, or of one entry of a list."""
    if part in node.get("properties", {}):
        yield node["properties"][part]
    elif part in node.get("propertyNames", {}).get("enum", ()):
        yield node["additionalProperties"]
    elif "items" in node and re.fullmatch("[0-9]{1,3}", part):
        yield node["items"]


def _options(node: Schema, whole: Schema) -> Iterator[Schema]:
    """The schemas that a schema allows to choose from."""
    if "$ref" in node:
        yield from _options(whole["$defs"][node["$ref"].rpartition("/")[2]], whole)
        return
    choices = node.get("anyOf") or node.get("oneOf")
    if choices is None:
        yield node
        return
    for choice in choices:
        yield from _options(choice, whole)


def _keys(nodes: Sequence[Schema]) -> Iterator[str]:
    for node in nodes:
        yield from node.get("properties", {})
        yield from node.get("propertyNames", {}).get("enum", ())
        if "items" in node and node["items"].get("oneOf"):
            yield "0"


def _unknown(path: Sequence[str], part: str, nodes: Sequence[Schema]) -> str:
    keys = list(dict.fromkeys(_keys(nodes)))
    where = ".".join(path)
    if not keys:
        return f"--vary {where}.{part}: {where} has no keys below it"
    near = did_you_mean(part, keys)
    return f"--vary {'.'.join((*path, part))}: unknown key{near}; valid keys of {where or 'a scenario'}: {', '.join(keys)}"
