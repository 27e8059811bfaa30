"""What can go wrong, by name.

    CostModelError                 one clear sentence; exit code 1
    ├── FaultyInput                lists every fault of one document at once
    │   ├── ScenarioError          a scenario or trace that cannot be used
    │   ├── UsageFileError         a plain usage file that cannot be priced
    │   ├── RunFileError           a saved run that cannot be read back
    │   ├── BillFileError          an actual bill that cannot be read
    │   └── FindingsError          saved Trusted Advisor output that cannot be read
    ├── PriceError
    │   ├── PriceNotFound          nobody published a price for this
    │   ├── AmbiguousPrice         more than one price answers the query
    │   └── PriceCacheCorrupt      a price file does not match its checksum or its format
    ├── UnknownInstanceType        no such EC2 instance type, family or database class
    ├── UnitMismatch               a meter and its price count in different units
    ├── Infeasible                 no candidate meets the objectives; exit code 3
    └── OutputError                the result cannot be written where it should go

Designs that cannot work are values (`decision.Rejection`), not exceptions: an exception means
that the run as a whole has no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class CostModelError(Exception):
    """Base of every error the tool raises on purpose. `str(error)` is fit to show to a user."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document: where it stands, what stands there, what would be valid."""

    path: str
    """Place in the document, such as `traffic.monthly_visitors.europe`; empty for the whole of it."""
    problem: str
    """What is wrong and what would be valid, as one sentence without a full stop."""
    value: str = ""
    """The value found there, shortened; empty when nothing stands there."""
    line: int | None = None
    """Line of the file, counted from 1, where it is known."""

    def __str__(self) -> str:
        line = f" (line {self.line})" if self.line else ""
        place = f"{self.path}{line}: " if self.path else ""
        found = f" (found {self.value})" if self.value else ""
        return f"{place}{self.problem}{found}"


class FaultyInput(CostModelError):
    """A document with one or more faults, all of them listed."""

    def __init__(self, source: str, faults: Sequence[Fault], next_step: str = "") -> None:
        self.source = source
        self.faults = tuple(faults)
        noun = "fault" if len(self.faults) == 1 else "faults"
        lines = [f"{source}: {len(self.faults)} {noun}"]
        lines += [f"  - {fault}" for fault in self.faults]
        if next_step:
            lines.append(next_step)
        super().__init__("\n".join(lines))


class ScenarioError(FaultyInput):
    """A scenario, or the trace it names, cannot be used."""


class UsageFileError(FaultyInput):
    """A plain usage file cannot be priced."""


class RunFileError(FaultyInput):
    """A saved run cannot be read back."""


class BillFileError(FaultyInput):
    """An actual bill cannot be read, or speaks of nothing we can compare."""


class FindingsError(FaultyInput):
    """Saved Trusted Advisor output cannot be read."""


class PriceError(CostModelError):
    """Base of everything that can be wrong with a price."""


class PriceNotFound(PriceError):
    """No price in the book answers the query. Never answered with another region's price."""


class AmbiguousPrice(PriceError):
    """More than one price in the book answers the query."""


class PriceCacheCorrupt(PriceError):
    """A price file does not match its checksum or cannot be parsed."""


class UnknownInstanceType(CostModelError):
    """No instance type, family or database class of that name."""

    def __init__(self, kind: str, name: str, nearest: Sequence[str]) -> None:
        super().__init__(f"no {kind} is called {name!r}; did you mean {', '.join(nearest)}?")


class UnitMismatch(CostModelError):
    """A meter counts in one unit and its price in another."""


class Infeasible(CostModelError):
    """No candidate meets the objectives and constraints."""

    exit_code = 3


class OutputError(CostModelError):
    """A result cannot be written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot write {path}: {reason}. Choose another place with --output or --save.")
