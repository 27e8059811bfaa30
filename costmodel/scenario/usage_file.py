"""Plain usage files: quantities to price, what there is to meter and price, and own rates to price it at.

    period: 2026-11
    free_tier: true
    usage:
      - {service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1, quantity: 744, unit: Hrs}
    volumes:
      - {region: eu-west-1, type: io2, gb: 500, iops: 40000}
    rates:
      - service: AmazonCloudFront
        meter: DataTransfer-Out-Bytes
        region: edge:europe
        unit: GB
        tiers: [{from: 0, price: 0.05}, {from: 102400, price: 0.03}]

Numbers go from the text straight to `Decimal`; no float is ever made of them.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import (
    BaseModel,
    Field,
    StrictBool,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from costmodel.errors import UsageFileError
from costmodel.scenario.document import Form, as_text, parse_document, read_bytes
from costmodel.scenario.faults import modelled, rule_faults
from costmodel.scenario.fields import Model, Rule, obeying
from costmodel.scenario.model import Month
from costmodel.scenario.rates_file import Name, Quantity, RateTiers
from costmodel.scenario.resources import Databases, Functions, Objects, Resource, Volumes
from costmodel.units import BYTES_PER_MB, plain, to_nine_decimals

USAGE_FILE = Form(
    name="usage file",
    error=UsageFileError,
    resolve=as_text,
    max_bytes=16 * BYTES_PER_MB,
    max_nodes=2_000_000,
    first_key="period: 2026-11",
    example="costmodel price --help",
)
_NEXT_STEP = "Correct these and price the file again. Its form: costmodel price --help"
FIND_PRICES = "Find what AWS prices with: costmodel prices show TEXT"

M = TypeVar("M", bound=BaseModel)


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
    """How much was used."""
    unit: Name | None = None
    """Unit of the quantity; when given it must be the price's."""
    term: Name | None = None
    """`Reserved 1yr No Upfront`, `FlatRate`, ...; on demand when left out."""


class OwnRate(_Priced):
    """A rate that stands in for the list price. Free allowances do not apply to it."""

    unit: Name
    """Unit that the tiers count."""
    tiers: RateTiers
    """USD per unit by monthly quantity."""


Entries = Field(default=(), max_length=100_000)


class UsageFile(Model):
    """A month of usage, line by line."""

    period: Month
    """The billing month, `YYYY-MM`: tiers and allowances start anew each month."""
    free_tier: StrictBool = True
    """Whether AWS's always-free allowances apply."""
    usage: tuple[UsageLine, ...] = Entries
    """The quantities to price."""
    objects: tuple[Objects, ...] = Entries
    """Objects in S3, to be metered and priced."""
    volumes: tuple[Volumes, ...] = Entries
    """EBS volumes, to be metered and priced."""
    databases: tuple[Databases, ...] = Entries
    """RDS instances, to be metered and priced."""
    functions: tuple[Functions, ...] = Entries
    """Lambda functions, to be metered and priced."""
    rates: tuple[OwnRate, ...] = ()
    """Own rates in place of list prices."""

    @property
    def rows(self) -> Rows:
        """Lines, resources and rates by their place."""
        resources: dict[tuple[str, int], Resource] = {
            (key, place): resource for key in RESOURCES for place, resource in enumerate(getattr(self, key))
        }
        return Rows(dict(enumerate(self.usage)), resources, dict(enumerate(self.rates)), self.period)

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

    @model_validator(mode="after")
    def _fits_the_month(self) -> Self:
        rows = self.rows
        if not rows.usage and not rows.resources:
            problem = f"must hold at least one entry, here or in {', '.join(RESOURCES)}"
            return obeying(self, [Rule(("usage",), problem, None)])
        year, month = map(int, self.period.split("-"))
        _, days = calendar.monthrange(year, month)
        rules = []
        for place, resource in rows.resources.items():
            if resource.stated_days is None:
                continue
            key, stated = resource.stated_days
            if stated > days:
                problem = f"must come to at most {days} days, as {self.period} has no more"
                rules.append(Rule((*place, key), problem, f"{plain(to_nine_decimals(stated))} days"))
        return obeying(self, rules)


RESOURCES: Mapping[str, type[Resource]] = {
    "objects": Objects,
    "volumes": Volumes,
    "databases": Databases,
    "functions": Functions,
}
"""What there may be beside plain lines, by its key in the file."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Usage lines, resources and own rates by their place in the file."""

    usage: Mapping[int, UsageLine]
    resources: Mapping[tuple[str, int], Resource]
    rates: Mapping[int, OwnRate]
    period: str
    """The billing month; where resources are named, it is sound."""


FurtherRules = Callable[[Rows], Sequence[Rule]]
"""What rows break that are sound in themselves: names that only another room knows."""


def _none(rows: Rows) -> tuple[Rule, ...]:
    return ()


def load_usage_file(path: Path, further: FurtherRules = _none) -> UsageFile:
    """Read and validate a usage file.

    `further` is asked about the rows that are sound in themselves, even where others are not. Raises
    UsageFileError, listing every fault, when the file cannot be read, is not YAML of this form, names
    a key twice, holds a value out of bounds, or breaks a further rule.
    """
    return _read(read_bytes(path, USAGE_FILE), str(path), further)


def parse_usage_file(text: str, source: str) -> UsageFile:
    """Validate the text of a usage file; `source` names it in messages. Raises UsageFileError."""
    return _read(text.encode("utf-8", errors="surrogatepass"), source, _none)


def _read(content: bytes, source: str, further: FurtherRules) -> UsageFile:
    document = parse_document(content, source, USAGE_FILE)
    file, found = modelled(UsageFile, document)
    rows = file.rows if file else _sound_rows(document.tree)
    broken = rule_faults(further(rows), document.lines)
    if file is None or found or broken:
        steps = [step for step, faults in ((_NEXT_STEP, found), (FIND_PRICES, broken)) if faults]
        in_order = sorted((*found, *broken), key=lambda fault: fault.line or 0)
        raise UsageFileError(source, in_order, "\n".join(steps))
    return file


def _sound_rows(tree: Mapping[str, Any]) -> Rows:
    """The rows of a faulty file that can be looked up: not the lines that a faulty rate may be meant for.

    What resources are metered on is not known here, so that they wait until every rate and the month are sound.
    """
    usage, rates = _sound(tree.get("usage"), UsageLine), _sound(tree.get("rates"), OwnRate)
    faulty = [row for place, row in enumerate(_listed(tree.get("rates"))) if place not in rates]
    named = [row.get("meter") if isinstance(row, dict) else None for row in faulty]
    meters = {meter if isinstance(meter, str) else None for meter in named}
    sure = {place: line for place, line in usage.items() if not meters & {line.meter, None}}
    try:
        period = TypeAdapter(Month).validate_python(tree.get("period"))
    except ValidationError:
        return Rows(sure, {}, rates, "")
    resources: dict[tuple[str, int], Resource] = {
        (key, place): resource
        for key, model in RESOURCES.items()
        for place, resource in _sound(tree.get(key), model).items()
        if not faulty
    }
    return Rows(sure, resources, rates, period)


def _sound(rows: Any, model: type[M]) -> dict[int, M]:
    found = {}
    for place, row in enumerate(_listed(rows)):
        with suppress(ValidationError):
            found[place] = model.model_validate(row)
    return found


def _listed(rows: Any) -> list[Any]:
    """Rows as a list; what should be one and is not, as one row that is not sound."""
    return rows if isinstance(rows, list) else [] if rows is None else [rows]
