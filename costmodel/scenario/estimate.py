"""Numbers that a scenario may state as one value or as a range, and defaults that carry a source."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

T = TypeVar("T")


class Range(float):
    """An uncertain number: it behaves as its middle value and remembers its bounds.

    `low` and `high` are read as the 10th and 90th percentile, `mid` as the median.
    """

    low: float
    high: float
    least: float
    """Smallest value the field takes."""
    most: float
    """Largest value the field takes."""

    def __new__(
        cls, low: float, mid: float, high: float, least: float = -math.inf, most: float = math.inf
    ) -> Range:
        number = super().__new__(cls, mid)
        number.low = low
        number.high = high
        number.least = least
        number.most = most
        return number

    def __getnewargs__(self) -> tuple[float, ...]:  # type: ignore[override]
        """What `__new__` takes: a range stays one in a copy and in another process."""
        return self.low, self.mid, self.high, self.least, self.most

    @property
    def mid(self) -> float:
        return float(self)

    def __repr__(self) -> str:
        return f"Range(low={self.low!r}, mid={float(self)!r}, high={self.high!r})"


def lowest(value: float) -> float:
    """Lower end of a number that may be a range."""
    return value.low if isinstance(value, Range) else value


def highest(value: float) -> float:
    """Upper end of a number that may be a range."""
    return value.high if isinstance(value, Range) else value


@dataclass(frozen=True, slots=True)
class Exact:
    """Annotation of a float field that takes one finite number; bounds are included.

    Text and booleans are not numbers; whole numbers are fine.
    """

    ge: float = -math.inf
    le: float = math.inf
    limit: str = ""
    """Whose limit the bounds are, with its source, where they are not this tool's own."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _number_schema("number", self.ge, self.le)

    def parse(self, value: Any) -> float:
        expected = f"must be a number {_bounds(self)}"
        if isinstance(value, dict):
            raise _refusal("no_range", f"{expected}; this key takes no range")
        return _bounded(value, self.ge, self.le, expected)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Annotation of a float field that also takes `{low, mid, high}`; bounds are included."""

    ge: float = -math.inf
    le: float = math.inf
    limit: str = ""
    """Whose limit the bounds are, with its source, where they are not this tool's own."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._parse,
            serialization=core_schema.plain_serializer_function_ser_schema(_plain),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = _number_schema("number", self.ge, self.le)
        return {
            "anyOf": [
                number,
                {
                    "type": "object",
                    "properties": {"low": number, "mid": number, "high": number},
                    "required": ["low", "mid", "high"],
                    "additionalProperties": False,
                },
            ]
        }

    def _parse(self, value: Any) -> float:
        if isinstance(value, Range):
            value = {"low": value.low, "mid": value.mid, "high": value.high}
        if not isinstance(value, dict):
            return self._number(value)
        if set(value) != {"low", "mid", "high"}:
            raise PydanticCustomError("range_keys", "a range needs exactly the keys low, mid and high")
        low, mid, high = (self._number(value[key]) for key in ("low", "mid", "high"))
        if not low <= mid <= high:
            raise PydanticCustomError("range_order", "a range needs low <= mid <= high")
        return Range(low, mid, high, self.ge, self.le)

    def _number(self, value: Any) -> float:
        expected = f"must be a number {_bounds(self)}, or a range {{low, mid, high}}"
        return _bounded(value, self.ge, self.le, expected)


@dataclass(frozen=True, slots=True)
class Whole:
    """Annotation of an int field; bounds are included. `1.0` is a whole number, `true` and `"1"` are not."""

    ge: int
    le: int
    limit: str = ""
    """Whose limit the bounds are, with its source, where they are not this tool's own."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _number_schema("integer", self.ge, self.le)

    def parse(self, value: Any) -> int:
        expected = f"must be a whole number {_bounds(self)}"
        number = _bounded(value, self.ge, self.le, expected)
        if number != int(number):
            raise _refusal("not_whole", expected)
        return int(value)


@dataclass(frozen=True, slots=True)
class Listed:
    """Annotation of an int field that takes one of some whole numbers, least first."""

    options: tuple[int, ...]
    limit: str
    """Whose list it is, with its source."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "integer", "enum": list(self.options)}

    def parse(self, value: Any) -> int:
        least, most = self.options[0], self.options[-1]
        expected = f"must be one of {', '.join(map(str, self.options))} ({self.limit})"
        number = _bounded(value, least, most, expected)
        if number not in self.options:
            longer = next(option for option in self.options if option > number)
            raise _refusal("not_listed", f"{expected}; the next above is {longer}")
        return int(value)


def _bounds(field: Exact | Estimate | Whole) -> str:
    """Bounds in words, with whose they are."""
    words = describe_bounds(field.ge, field.le)
    return f"{words} ({field.limit})" if field.limit else words


def describe_bounds(ge: float, le: float) -> str:
    """Bounds in words: `from 0 to 1`, `of 0 or more`, `of at most 5`."""
    if le == math.inf:
        return f"of {_digits(ge)} or more"
    if ge == -math.inf:
        return f"of at most {_digits(le)}"
    return f"from {_digits(ge)} to {_digits(le)}"


def _digits(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def _number_schema(kind: str, ge: float, le: float) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": kind}
    if ge > -math.inf:
        schema["minimum"] = ge
    if le < math.inf:
        schema["maximum"] = le
    return schema


def _bounded(value: Any, ge: float, le: float, expected: str) -> float:
    """A finite number within bounds. Raises PydanticCustomError whose text says what is expected."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = _text_hint(value) if isinstance(value, str) else ""
        raise _refusal("not_a_number", expected + hint)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _refusal("not_finite", f"{expected}; it must be finite")
    if not ge <= value <= le:
        percent = (ge, le) == (0, 1) and 1 < number <= 100
        raise _refusal(
            "out_of_bounds", expected + (f"; write {number:g} % as {number / 100:g}" if percent else "")
        )
    return number


def _text_hint(text: str) -> str:
    """What the writer of a number that arrived as text should change; empty when it looks like no number."""
    if re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", text):
        return "; write it without quotes"
    if re.fullmatch(r"[\d.]+\s*%", text):
        return "; write 25 % as 0.25"
    if re.fullmatch(r"[-+]?\d[\d,.' ]*([kKmMgG]|million|GB|MB|KB|ms|s)?", text):
        return "; write digits only, without separators or units"
    return ""


def _refusal(kind: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{message}", {"message": message})


def _plain(value: float) -> float | dict[str, float]:
    if isinstance(value, Range):
        return {"low": value.low, "mid": float(value), "high": value.high}
    return value


@dataclass(frozen=True, slots=True)
class Assumption(Generic[T]):
    """A number that is neither stated by the user, nor measured, nor priced."""

    path: str
    """Place in the scenario: `api.cpu_ms_per_call`."""
    value: T
    unit: str
    source: str
    as_of: str
    """Year and month of the source."""


def assumed(default: Any, unit: str, source: str, as_of: str = "2026-11") -> Any:
    """A pydantic field with a default that carries its unit, its source and the source's date."""
    return Field(default=default, json_schema_extra={"x_unit": unit, "x_source": source, "x_as_of": as_of})
