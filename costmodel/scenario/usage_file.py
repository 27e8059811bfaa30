"""Plain usage files: quantities to price, and own rates to price them at.

    period: 2026-11
    free_tier: true
    usage:
      - {service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1, quantity: 744, unit: Hrs}
    rates:
      - service: AmazonCloudFront
        meter: DataTransfer-Out-Bytes
        region: edge:europe
        unit: GB
        tiers: [{from: 0, price: 0.05}, {from: 102400, price: 0.03}]

Numbers go from the text straight to `Decimal`; no float is ever made of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, StrictBool, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from costmodel.errors import Fault, UsageFileError
from costmodel.scenario.model import Model
from costmodel.units import BYTES_PER_MB

_DECIMAL = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LONGEST_NUMBER = 40
_LARGEST_BYTES = 16 * BYTES_PER_MB
_SHOWN_CHARACTERS = 60
_NEXT_STEP = "Correct these and price the file again. Its form: costmodel price --help"


@dataclass(frozen=True, slots=True)
class _Exactly:
    """Reads a number exactly as written, up to a limit and a number of decimals."""

    limit: Decimal
    decimals: int

    def __call__(self, value: object) -> Decimal:
        if not isinstance(value, str) or len(value) > _LONGEST_NUMBER or not _DECIMAL.fullmatch(value):
            raise PydanticCustomError("decimal", "must be a decimal number such as 1200 or 0.25")
        number = Decimal(value)
        if not 0 <= number <= self.limit:
            raise PydanticCustomError("bounds", "must be from 0 to {limit}", {"limit": f"{self.limit:,}"})
        if number != round(number, self.decimals):
            raise PydanticCustomError(
                "decimals", "must have at most {decimals} decimals", {"decimals": self.decimals}
            )
        return number or Decimal(0)


Quantity = Annotated[Decimal, BeforeValidator(_Exactly(Decimal(10**18), decimals=9))]
UnitPrice = Annotated[Decimal, BeforeValidator(_Exactly(Decimal(10**9), decimals=15))]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[ -~]+$")]


class _Priced(Model):
    """What names a price, in a usage line and in an own rate."""

    service: Name
    """Price-list service code, such as `AmazonEC2`."""
    meter: Name
    """AWS usage type without its region prefix, such as `BoxUsage:m7g.large`."""
    region: Name
    """AWS region code, `global`, or `edge:<geography>` for CloudFront."""
    attributes: dict[Name, Name] = Field(default_factory=dict)
    """What AWS keeps apart under one usage type, such as `engine: PostgreSQL`."""


class UsageLine(_Priced):
    """A quantity used in the period."""

    quantity: Quantity
    unit: Name | None = None
    """Unit of the quantity; when given it must be the price's."""
    term: Name | None = None
    """`Reserved 1yr No Upfront`, `FlatRate`, ...; on demand when left out."""


class RateTier(Model):
    """One step of an own rate."""

    begin: Quantity = Field(alias="from")
    """Monthly quantity at which the step begins."""
    price: UnitPrice
    """USD per unit."""


class OwnRate(_Priced):
    """A rate that stands in for the list price. Free allowances do not apply to it."""

    unit: Name
    tiers: tuple[RateTier, ...] = Field(min_length=1)

    @field_validator("tiers")
    @classmethod
    def _climb(cls, tiers: tuple[RateTier, ...]) -> tuple[RateTier, ...]:
        begins = [tier.begin for tier in tiers]
        if begins[0] != 0:
            raise PydanticCustomError("first_tier", "the first tier must be from 0")
        if any(later <= earlier for earlier, later in pairwise(begins)):
            raise PydanticCustomError("tier_order", "every tier must be from more than the one before")
        return tiers


class UsageFile(Model):
    """A month of usage, line by line."""

    period: Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
    """The billing month, `YYYY-MM`: tiers and allowances start anew each month."""
    free_tier: StrictBool = True
    """Whether AWS's always-free allowances apply."""
    usage: tuple[UsageLine, ...] = Field(min_length=1, max_length=100_000)
    rates: tuple[OwnRate, ...] = ()

    @field_validator("rates")
    @classmethod
    def _one_rate_each(cls, rates: tuple[OwnRate, ...]) -> tuple[OwnRate, ...]:
        counts = Counter((r.service, r.meter, r.region, *sorted(r.attributes.items())) for r in rates)
        twice = [str(key[1]) for key, count in counts.items() if count > 1]
        if twice:
            raise PydanticCustomError(
                "rate_twice", "rated more than once: {meters}", {"meters": ", ".join(twice)}
            )
        return rates


def load_usage_file(path: Path) -> UsageFile:
    """Read and validate a usage file.

    Raises UsageFileError, listing every fault, when the file cannot be read, is not YAML of this
    form, names a key twice, or holds a value out of bounds.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_BYTES + 1)
        if len(content) > _LARGEST_BYTES:
            raise _refused(str(path), Fault("", f"is larger than {_LARGEST_BYTES // BYTES_PER_MB} MB"))
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise _refused(str(path), Fault("", f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise _refused(str(path), Fault("", "is not UTF-8 text")) from error
    return parse_usage_file(text, str(path))


def parse_usage_file(text: str, source: str) -> UsageFile:
    """Validate the text of a usage file; `source` names it in messages. Raises UsageFileError."""
    try:
        document = yaml.load(text, Loader=_TextLoader)
    except RecursionError as error:
        raise _refused(source, Fault("", "is nested too deeply")) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _refused(source, _yaml_fault(error)) from error
    if not isinstance(document, dict):
        raise _refused(source, Fault("", "must be a mapping with the keys period and usage"))
    try:
        return UsageFile.model_validate(document)
    except ValidationError as error:
        found = [_fault(details) for details in error.errors() if _tells(details)]
        raise _refused(source, *found) from error


def _refused(source: str, *faults: Fault) -> UsageFileError:
    return UsageFileError(source, faults, _NEXT_STEP)


class _TextLoader(yaml.SafeLoader):
    """Reads every plain value but true, false and null as text, and takes no key twice."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML declares it so

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("no aliases (*name); repeat the text", event.start_mark)
        if event.tag is not None:
            raise _refusal("no tags (!name); delete them", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal("a key must be plain text", key.start_mark)
            if key.value in seen:
                raise _refusal(f"key {_shortened(key.value)} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _refusal(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


_TextLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_TextLoader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)


def _yaml_fault(error: Exception) -> Fault:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        place = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        return Fault(place, f"is not valid YAML: {error.problem or error.context}")
    return Fault("", f"is not valid YAML: {str(error).splitlines()[0]}")


_PROBLEMS = {
    "missing": "is missing",
    "string_pattern_mismatch": "must be plain text without special characters",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "too_short": "must hold at least one entry",
}
"""Pydantic's error types in our words; its own message for the others."""


def _tells(details: ErrorDetails) -> bool:
    """Not when pydantic calls a list empty because every entry of it is already at fault."""
    return details["type"] != "too_short" or not details["input"]


def _fault(details: ErrorDetails) -> Fault:
    place, kind, value = details["loc"], details["type"], details["input"]
    path = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        return Fault(path, f"is not a key here; valid are {', '.join(_keys(place))}")
    shown = _shortened(value) if isinstance(value, str | bool) else ""
    if path == "period" and kind != "missing":
        return Fault(path, "must be a month, YYYY-MM", shown)
    return Fault(path, _PROBLEMS.get(kind, details["msg"]), shown)


def _keys(place: tuple[int | str, ...]) -> list[str]:
    """Valid keys beside the one at `place`."""
    model: type[Model] = UsageFile
    if "tiers" in place:
        model = RateTier
    elif len(place) > 1:
        model = UsageLine if place[0] == "usage" else OwnRate
    return [field.alias or name for name, field in model.model_fields.items()]


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
