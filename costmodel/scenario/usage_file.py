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

from collections import Counter
from pathlib import Path

from pydantic import Field, StrictBool, field_validator
from pydantic_core import PydanticCustomError

from costmodel.errors import UsageFileError
from costmodel.scenario.document import Form, as_text, read_bytes
from costmodel.scenario.faults import validated
from costmodel.scenario.fields import Model
from costmodel.scenario.model import Month
from costmodel.scenario.rates_file import Name, Quantity, RateTiers
from costmodel.units import BYTES_PER_MB

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


class UsageFile(Model):
    """A month of usage, line by line."""

    period: Month
    """The billing month, `YYYY-MM`: tiers and allowances start anew each month."""
    free_tier: StrictBool = True
    """Whether AWS's always-free allowances apply."""
    usage: tuple[UsageLine, ...] = Field(min_length=1, max_length=100_000)
    """The quantities to price."""
    rates: tuple[OwnRate, ...] = ()
    """Own rates in place of list prices."""

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
    return validated(UsageFile, read_bytes(path, USAGE_FILE), str(path), USAGE_FILE, _NEXT_STEP)


def parse_usage_file(text: str, source: str) -> UsageFile:
    """Validate the text of a usage file; `source` names it in messages. Raises UsageFileError."""
    content = text.encode("utf-8", errors="surrogatepass")
    return validated(UsageFile, content, source, USAGE_FILE, _NEXT_STEP)
