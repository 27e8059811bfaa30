"""What can go wrong, by name.

    CostModelError                 one clear sentence; exit code 1
    ├── FaultyInput                lists every fault of one document at once
    │   ├── ScenarioError          a scenario or trace that cannot be used
    │   ├── UsageFileError         a plain usage file that cannot be priced
    │   ├── RatesFileError         a file of own rates that cannot be read
    │   ├── RunFileError           a saved run that cannot be read back
    │   ├── BillFileError          an actual bill that cannot be read
    │   └── FindingsError          saved Trusted Advisor output that cannot be read
    ├── PriceError
    │   ├── PriceNotFound          nobody published a price for this
    │   ├── AmbiguousPrice         more than one price answers the query
    │   ├── PriceCacheCorrupt      a price file does not match its checksum or its format
    │   ├── PriceFileCorrupt       a price list file from AWS is cut short, malformed or of another kind
    │   ├── PriceFileNotFound      AWS publishes no such price list: unknown service, region or date
    │   ├── OlderPriceFile         AWS offers an older edition than the one at hand
    │   ├── DownloadFailed         a price list file cannot be fetched
    │   │   └── FileUnavailable    the server is there, but does not give this one file whole
    │   │       └── FileTooLarge   more bytes come, or are unpacked, than any price list has
    │   ├── PriceBookNotFound      no price book of that date or in that folder
    │   ├── OlderPrices            prices to be cached are older than those at hand
    │   ├── PriceBookUnsound       a bill made with the price book may be wrong
    │   ├── RefreshIncomplete      some of the prices asked for could not be refreshed
    │   ├── PricesWithdrawn        AWS lists too little of what the price book has
    │   ├── PricesTooOld           a price in the result is older than the user allows
    │   ├── PriceCacheUnwritable   the price cache cannot be written; what it held is still there
    │   ├── PriceListFault         what AWS lists cannot be used as a price
    │   │   ├── MalformedListing   an answer is no price list product, or of an unknown format
    │   │   ├── NothingOffered     AWS lists nothing for something that is needed
    │   │   ├── NoOnDemandTerm     a needed product has no on-demand term
    │   │   ├── NotInForce         a needed product has no price yet that is in force
    │   │   ├── ConflictingPrices  several products answer one query with different prices
    │   │   ├── BrokenTiers        tiers overlap, leave a gap or end
    │   │   ├── UnusableUnit       a price counts in a unit that is unknown or not the one before
    │   │   ├── OtherCurrency      a price is not in US dollars
    │   │   ├── PlaceholderPrice   the only price listed is 0
    │   │   ├── ImplausiblePrice   a price is many times what it was
    │   │   └── AllowanceChanged   a free allowance is not the one the price book has
    │   └── PriceApiError          AWS does not answer a question about prices
    │       ├── NoCredentials      no AWS credentials on this machine
    │       ├── CredentialsExpired the credentials or the session behind them have expired
    │       ├── CredentialsInvalid AWS does not know the credentials, or their signature is wrong
    │       ├── AccessDenied       the credentials lack an IAM action
    │       ├── ClockSkewed        this machine's clock is off
    │       ├── ApiThrottled       AWS asks to slow down, again and again
    │       ├── ApiUnreachable     no connection to the endpoint
    │       ├── UnknownOffer       AWS has no price list of that service, or not in that region
    │       ├── RequestRefused     AWS does not accept the question
    │       └── ApiFailed          any other failure on AWS's side
    ├── UnknownInstanceType        no such EC2 instance type, family or database class
    ├── UnitMismatch               a meter and its price count in different units
    ├── AmbiguousOwnRate           an own price fits several list prices, or several own rates fit one
    ├── LineNotFound               a saved run's bill has no such line
    ├── AmbiguousLine              several lines of a saved run's bill are meant
    ├── LineUnsound                a line of a saved run's bill does not follow from its prices
    ├── RunOutdated                this version no longer meters what a saved run did
    ├── Infeasible                 no candidate meets the objectives; exit code 3
    ├── RunNotRepeatable           a saved run cannot be simulated again by this version
    ├── OptionFault                what an option says cannot be read; exit code 2
    ├── GatesFailed                a result is there, but not as the user demands; exit code 4
    ├── ClusterFailed              a Dask cluster cannot be used, or was lost
    ├── OutputError                the result cannot be written where it should go
    └── StdoutFailed               nor printed

Designs that cannot work are values (`decision.Rejection`), not exceptions: an exception means
that the run as a whole has no answer.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
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
        self.next_step = next_step
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


class RatesFileError(FaultyInput):
    """A file of own rates cannot be read."""


class RunFileError(FaultyInput):
    """A saved run cannot be read back."""


class BillFileError(FaultyInput):
    """An actual bill cannot be read, or speaks of nothing we can compare."""


class FindingsError(FaultyInput):
    """Saved Trusted Advisor output cannot be read."""


class PriceError(CostModelError):
    """Base of everything that can be wrong with a price."""


class LateReason(CostModelError):
    """Base of errors whose reason may take long to find, and is then a function that is asked when it is read."""

    def __init__(self, reason: str | Callable[[], str]) -> None:
        super().__init__(reason)
        self._reason = reason

    def __str__(self) -> str:
        if not isinstance(self._reason, str):
            self._reason = self._reason()
        return self._reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self),)


class PriceNotFound(PriceError, LateReason):
    """No price in the book answers the query. Never answered with another region's price."""


class AmbiguousPrice(PriceError):
    """More than one price in the book answers the query."""


class PriceCacheCorrupt(PriceError):
    """A price file does not match its checksum or cannot be parsed."""


class PriceFileCorrupt(PriceError):
    """A price list file is cut short, malformed, or not the file it should be."""

    def __init__(self, path: Path | str, place: str, problem: str) -> None:
        super().__init__(
            f"{path}, {place}: {problem}. Nothing of it is used; fetch it again with `costmodel prices refresh`."
        )


class PriceFileNotFound(PriceError):
    """AWS publishes no such price list."""


class OlderPriceFile(PriceError):
    """AWS offers an older edition of a price list than the one at hand."""

    def __init__(self, name: str, offered: str, held: str) -> None:
        super().__init__(
            f"{name}: AWS offers edition {offered}, older than edition {held} at hand. The prices stay as they are; "
            "try again later."
        )


class DownloadFailed(PriceError):
    """A price list file cannot be fetched. What arrived is kept, so that the next try can go on."""

    def __init__(self, url: str, problem: str, next_step: str) -> None:
        super().__init__(f"cannot fetch {url.partition('?')[0]}: {problem}. {next_step}")


class FileUnavailable(DownloadFailed):
    """The server is there, but does not give this one file whole; it may give others."""


class FileTooLarge(FileUnavailable):
    """More bytes come, or are unpacked, than any price list has. Nothing of it is kept."""


class PriceBookNotFound(PriceError):
    """No price book of that date, or in that folder."""


class OlderPrices(PriceError):
    """Prices to be cached are older than those they would replace."""

    def __init__(self, older: Mapping[str, str]) -> None:
        self.paths = tuple(older)
        """Files of the price folder that would go back in time."""
        listed = "; ".join(f"{path} {what}" for path, what in older.items())
        super().__init__(
            f"older than the prices at hand: {listed}. The cache stays as it is. "
            "Compare with: costmodel prices status"
        )


class PriceBookUnsound(PriceError):
    """A price book has faults that may make a bill wrong."""


class RefreshIncomplete(PriceError):
    """Some of the prices asked for could not be refreshed; they stay as they were."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        listed = "\n".join(f"  - {subject}: {problem}" for subject, problem in failures.items())
        super().__init__(f"not everything was refreshed. These prices stay as they were:\n{listed}")


ACCEPTED_AT_ONCE = 10
"""As many prices are named in one message."""


def _accepting(names: Sequence[str]) -> str:
    """The options that accept these prices."""
    return " ".join(f"--accept-moved {shlex.quote(name)}" for name in names[:ACCEPTED_AT_ONCE])


class PricesWithdrawn(PriceError):
    """AWS lists too little of what the price book has: a wrong answer rather than a withdrawal."""

    def __init__(self, path: str, gone: Sequence[str], held: int) -> None:
        super().__init__(
            f"{path}: AWS no longer lists {len(gone)} of {held} prices, such as {gone[0]}. The prices at hand stay. "
            "Try again later; if AWS did withdraw them, accept it, and bills that need one are refused from then on: "
            f"costmodel prices refresh {_accepting(gone)}"
        )


class PricesTooOld(PriceError):
    """A price in the result is older than the user allows."""


class PriceCacheUnwritable(PriceError):
    """The price cache cannot be written. What it held before is untouched."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"cannot write the price cache {folder}: {reason}. The prices at hand are as they were. "
            "Make room there, or name another folder in COSTMODEL_CACHE_DIR."
        )


class PriceListFault(PriceError):
    """Base of what can be wrong with AWS's own price list. Nothing of it is used."""

    NEXT_STEP = (
        "The prices at hand stay as they are. Try again later; if it stays so, AWS has changed its price list "
        "and costmodel needs an update."
    )

    def __init__(self, subject: str, problem: str, next_step: str = "") -> None:
        self.subject, self.problem = subject, problem
        super().__init__(f"{subject}: {problem}. {next_step or self.NEXT_STEP}")


class MalformedListing(PriceListFault):
    """An answer is no price list product, or of a format that is not known."""


class NothingOffered(PriceListFault):
    """AWS lists nothing for something that is needed."""


class NoOnDemandTerm(PriceListFault):
    """A needed product cannot be bought on demand."""


class NotInForce(PriceListFault):
    """Every price listed for a needed product begins after today."""

    NEXT_STEP = (
        "The prices at hand stay as they are. Check the clock of this machine, then try again on that day."
    )


class ConflictingPrices(PriceListFault):
    """Several products, or several terms of one, answer one query, and their prices differ."""


class BrokenTiers(PriceListFault):
    """Tiers overlap, contradict one another, leave a gap, or end."""


class UnusableUnit(PriceListFault):
    """A price counts in a unit that is unknown, or in another one than before."""


class OtherCurrency(PriceListFault):
    """A price is not in US dollars."""


class PlaceholderPrice(PriceListFault):
    """The only price listed is 0, for something AWS charges."""


class ImplausiblePrice(PriceListFault):
    """A price is so far from those known, or its tiers are so unlike theirs, that it is a mistake rather than a change."""

    def __init__(self, subject: str, problem: str, others: Sequence[str] = ()) -> None:
        options = _accepting((subject, *others))
        also = f"; so it is with {len(others)} more" if others else ""
        super().__init__(
            subject,
            f"{problem}{also}",
            "The prices at hand stay as they are. Try again later; if AWS did change its price so far, accept it: "
            f"costmodel prices refresh {options}",
        )

    def together_with(self, others: Sequence[ImplausiblePrice]) -> ImplausiblePrice:
        """One error for all of them."""
        return ImplausiblePrice(self.subject, self.problem, [other.subject for other in others])


class AllowanceChanged(PriceListFault):
    """A free allowance is not the one the price book has."""


class PriceApiError(PriceError):
    """Base of what keeps AWS from answering a question about prices."""

    def __init__(self, operation: str, problem: str, next_step: str) -> None:
        super().__init__(f"AWS {operation}: {problem}. {next_step}")


class NoCredentials(PriceApiError):
    """No AWS credentials on this machine."""


class CredentialsExpired(PriceApiError):
    """The credentials or the session behind them have expired."""


class CredentialsInvalid(PriceApiError):
    """AWS does not know the credentials, or their signature is wrong."""


class AccessDenied(PriceApiError):
    """The credentials lack an IAM action."""


class ClockSkewed(PriceApiError):
    """This machine's clock is too far from AWS's."""


class ApiThrottled(PriceApiError):
    """AWS asked to slow down at every attempt."""


class ApiUnreachable(PriceApiError):
    """No connection to the endpoint, or it broke."""


class UnknownOffer(PriceApiError):
    """AWS has no price list of that service, or not in that region."""


class RequestRefused(PriceApiError):
    """AWS does not accept the question."""


class ApiFailed(PriceApiError):
    """Any other failure on AWS's side."""


class UnknownInstanceType(CostModelError):
    """No instance type, family or database class of that name."""

    def __init__(self, kind: str, name: str, nearest: Sequence[str]) -> None:
        super().__init__(f"no {kind} is called {name!r}; did you mean {', '.join(nearest)}?")


class UnknownGrid(CostModelError):
    """No figures are known for the electricity of a region."""

    def __init__(self, region_id: str) -> None:
        super().__init__(
            f"the carbon of {region_id} is unknown: costmodel/decision/carbon.csv has no grid and PUE for it. "
            "Add both rows with their source, or leave out objectives.carbon_usd_per_tonne."
        )


class AmbiguousOwnRate(CostModelError):
    """An own price does not say which of several list prices it replaces, or several own rates fit one alike."""


class UnitMismatch(CostModelError):
    """A meter counts in one unit and its price in another."""


class ClusterFailed(CostModelError):
    """A Dask cluster cannot be reached, lacks this tool or its version, or lost its workers."""


class LineNotFound(CostModelError):
    """A saved run's bill has no such line."""


class AmbiguousLine(CostModelError):
    """Several lines of a saved run's bill are meant."""


class LineUnsound(CostModelError):
    """A line of a saved run's bill does not follow from its quantities and the prices of its price book."""


class RunOutdated(CostModelError):
    """This version no longer meters what a saved run did."""


class Infeasible(LateReason):
    """No candidate meets the objectives and constraints."""

    exit_code = 3


class RunNotRepeatable(CostModelError):
    """A saved run cannot be simulated again: this version offers other designs, or what it used is not at hand."""


class OptionFault(CostModelError):
    """What an option says in a form of its own, such as `--vary key=1:9:5`, cannot be read."""

    exit_code = 2


class GatesFailed(CostModelError):
    """A result is there, but not as the user demands."""

    exit_code = 4

    def __init__(self, failures: Sequence[str], judged: int) -> None:
        listed = "\n".join(f"  - {failure}" for failure in failures)
        super().__init__(f"{len(failures)} of {judged} gates failed:\n{listed}")


class OutputError(CostModelError):
    """A result cannot be written."""

    def __init__(self, path: Path, reason: str, option: str = "--output or --save") -> None:
        """`option` is what names another place."""
        self.path, self.reason = path, reason
        super().__init__(f"cannot write {path}: {reason}. Choose another place with {option}.")


class StdoutFailed(CostModelError):
    """A result cannot be printed."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"cannot write to standard output: {reason}. Send it to another place: costmodel COMMAND ... > FILE"
        )
