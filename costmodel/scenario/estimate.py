"""Numbers that a scenario may state as one value or as a range, and defaults that carry a source."""

from __future__ import annotations

import math
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

    def __new__(cls, low: float, mid: float, high: float) -> Range:
        number = super().__new__(cls, mid)
        number.low = low
        number.high = high
        return number

    @property
    def mid(self) -> float:
        return float(self)

    def __repr__(self) -> str:
        return f"Range(low={self.low!r}, mid={float(self)!r}, high={self.high!r})"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Annotation of a float field that also takes `{low, mid, high}`; bounds are included."""

    ge: float = -math.inf
    le: float = math.inf

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._parse,
            serialization=core_schema.plain_serializer_function_ser_schema(_plain),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number: dict[str, Any] = {"type": "number"}
        if self.ge > -math.inf:
            number["minimum"] = self.ge
        if self.le < math.inf:
            number["maximum"] = self.le
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
            raise PydanticCustomError("range_keys", "a range needs exactly low, mid and high")
        low, mid, high = (self._number(value[key]) for key in ("low", "mid", "high"))
        if not low <= mid <= high:
            raise PydanticCustomError("range_order", "a range needs low <= mid <= high")
        return Range(low, mid, high)

    def _number(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PydanticCustomError("estimate_type", "must be a number or a range {{low, mid, high}}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise PydanticCustomError("finite_number", "must be a finite number")
        if not self.ge <= number <= self.le:
            raise PydanticCustomError(
                "out_of_bounds",
                "must be {bounds}",
                {"bounds": describe_bounds(self.ge, self.le)},
            )
        return number


def describe_bounds(ge: float, le: float) -> str:
    """Bounds in words: `from 0 to 1`, `0 or more`, `at most 5`."""
    if le == math.inf:
        return f"{ge:g} or more"
    if ge == -math.inf:
        return f"at most {le:g}"
    return f"from {ge:g} to {le:g}"


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
    extra: dict[str, Any] = {"x_unit": unit, "x_source": source, "x_as_of": as_of}
    if callable(default):
        return Field(default_factory=default, json_schema_extra=extra)
    return Field(default=default, json_schema_extra=extra)
