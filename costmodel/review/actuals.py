"""Actual bills: FOCUS, legacy Cost and Usage Reports and CUR 2.0, read into one row model.

Sources: FOCUS specification 1.0, 1.1 and 1.2 (2024-06 to 2025-05), the cost and usage dataset; AWS
Data Exports User Guide, Cost and Usage Report (legacy) and COST_AND_USAGE_REPORT table (2026).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from costmodel.billing.charge import EXACT
from costmodel.errors import BillFileError, Fault

USAGE = "Usage"
PURCHASE = "Purchase"

_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_ZIP_MAGIC = b"PK\x03\x04"
_SHOWN_FAULTS = 20
_EXPECTED = (
    "Give an AWS bill as FOCUS 1.0 to 1.2 (BilledCost, ServiceName, ...), legacy Cost and Usage Report "
    "(lineItem/UnblendedCost, ...) or CUR 2.0 (line_item_unblended_cost, ...): CSV, CSV with gzip, or Parquet."
)
_AMOUNT = re.compile(r"[+-]?(\d{1,15}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?", re.ASCII)
_LARGEST_USD = Decimal(10) ** 15
_FINEST_EXPONENT = -50
"""With the largest amount, keeps every sum within the digits of exact money."""
_AWS_PROVIDERS = frozenset({"aws", "amazon web services", "amazon web services, inc."})


@dataclass(frozen=True, slots=True)
class ActualCharge:
    """What one service cost on one day in one region: the sum of the bill's rows of that kind."""

    billing_period: str
    """Invoice month, `YYYY-MM`."""
    day: str
    """UTC day on which the charge period starts, `YYYY-MM-DD`."""
    service_name: str
    service_code: str
    """Product or service code, such as `AmazonEC2`; empty where the file has none."""
    region_id: str
    """AWS region code; empty where the charge belongs to no region."""
    charge_category: str
    """Usage, Purchase, Tax, Credit, Refund, Adjustment, or a line item type we do not know."""
    billed_cost: Decimal
    """What the invoice shows, in US dollars."""
    effective_cost: Decimal
    """With prepayments and commitments spread over their use, in US dollars."""


@dataclass(frozen=True, slots=True)
class CoveredDays:
    """First and last UTC day that a bill of a month covers, `YYYY-MM-DD`, both included."""

    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """Rows that are not an AWS charge in US dollars, and so are not compared."""

    reason: str
    currency: str
    rows: int
    billed_cost: Decimal


@dataclass(frozen=True, slots=True)
class ActualBill:
    """An actual bill, summed by month, day, service, region and category. Sums are exact."""

    source: str
    """Name of the file."""
    format_name: str
    rows: int
    """Rows of the file that are in `charges`."""
    charges: tuple[ActualCharge, ...]
    set_aside: tuple[SetAside, ...]
    covered: Mapping[str, CoveredDays] = field(default_factory=dict)
    """By invoice month; without the months whose rows do not say until when they charge."""

    @property
    def billed_cost(self) -> Decimal:
        with localcontext(EXACT):
            return sum((charge.billed_cost for charge in self.charges), Decimal(0))

    @property
    def effective_cost(self) -> Decimal:
        with localcontext(EXACT):
            return sum((charge.effective_cost for charge in self.charges), Decimal(0))


def read_bill(path: Path) -> ActualBill:
    """Read an actual bill; its format is told from its first bytes and its header.

    Raises BillFileError, naming row and column of each fault and what would be valid.
    """
    source = str(path)
    with _readable(source), path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic == _PARQUET_MAGIC:
            return _gather(source, _parquet_rows(source, file), "row")
        if magic == _ZIP_MAGIC:
            raise _unreadable(source, "is a ZIP archive: unpack it and give the CSV file inside")
        stream: Any = gzip.GzipFile(fileobj=file) if magic.startswith(_GZIP_MAGIC) else file
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            return _gather(source, _csv_rows(text), "line")


@contextmanager
def _readable(source: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise _unreadable(source, "is not a CSV file: it holds bytes that are not UTF-8 text") from None
    except csv.Error as error:
        raise _unreadable(source, f"is not a CSV file: {error}") from None
    except (gzip.BadGzipFile, zlib.error, EOFError):
        raise _unreadable(source, "is a damaged gzip file: fetch it again") from None
    except OSError as error:
        raise _unreadable(source, f"cannot be read: {error.strerror or error}") from None


def _unreadable(source: str, problem: str, value: str = "") -> BillFileError:
    return BillFileError(source, [Fault("", problem, value)], _EXPECTED)


# Rows, as text, from either kind of file -----------------------------------------------------------

_Numbered = tuple[int, Sequence[str]]
"""Number of the line or row, counted from 1, and its cells as text."""


def _csv_rows(text: io.TextIOWrapper) -> Iterator[_Numbered]:
    reader = csv.reader(text, strict=True)
    for cells in reader:
        if cells:
            yield reader.line_num, cells


def _parquet_rows(source: str, file: BinaryIO) -> Iterator[_Numbered]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise BillFileError(
            source,
            [Fault("", "is a Parquet file, which needs the package pyarrow")],
            "Install it with: pip install 'costmodel[parquet]', or export the bill as CSV.",
        ) from None
    try:
        table = parquet.ParquetFile(file)
        names = [name for name in table.schema_arrow.names if name in _WANTED_COLUMNS]
        yield 0, names or table.schema_arrow.names
        number = 0
        for batch in table.iter_batches(columns=names):
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield number, [_as_text(cell) for cell in cells]
    except pyarrow.ArrowException as error:
        problem = str(error).splitlines()[0]
        raise _unreadable(source, f"is a damaged Parquet file: {problem}") from None


def _as_text(cell: object) -> str:
    """A Parquet cell as a CSV file would show it; a float by the shortest decimal that names it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, float):
        return repr(cell)
    if isinstance(cell, list | dict):
        return json.dumps(cell, default=str)
    return str(cell)


class _Row:
    """One row by column name. A cell that cannot be used adds a fault and reads as nothing."""

    def __init__(self, place: str, cells: dict[str, str], faults: list[Fault]) -> None:
        self._place = place
        self._cells = cells
        self._faults = faults

    def has(self, column: str) -> bool:
        return column in self._cells

    def text(self, column: str) -> str:
        """The cell; empty when it is null or the file has no such column."""
        cell = self._cells.get(column, "").strip()
        return "" if cell == "NULL" else cell

    def needed(self, column: str) -> str:
        found = self.text(column)
        if not found:
            self._fault(column, "is empty; every row of a bill has it", "")
        return found

    def amount(self, column: str, *, may_be_empty: bool = False) -> Decimal:
        """A cost, exactly as written."""
        found = self.text(column)
        if may_be_empty and not found:
            return Decimal(0)
        amount = _amount(found)
        if amount is None:
            self._fault(column, "must be an amount such as 0.0123", found)
            return Decimal(0)
        return amount

    def day(self, column: str) -> str:
        """The UTC day of a time, `YYYY-MM-DD`."""
        found = self.text(column)
        day = _utc_day(found)
        if day is None:
            self._fault(column, "must be a time such as 2026-03-01T00:00:00Z", found)
        return day or ""

    def last_day(self, column: str) -> str:
        """The UTC day whose end, or part of which, a period reaches up to; empty without one."""
        found = self.text(column)
        day = _utc_day(found, before=True) if found else ""
        if day is None:
            self._fault(column, "must be a time such as 2026-03-02T00:00:00Z", found)
        return day or ""

    def _fault(self, column: str, problem: str, found: str) -> None:
        self._faults.append(Fault(f"{self._place}, {column}", problem, found[:60]))


def _amount(text: str) -> Decimal | None:
    if not _AMOUNT.fullmatch(text):
        return None
    amount = Decimal(text)
    exponent = amount.as_tuple().exponent
    return amount if abs(amount) < _LARGEST_USD and int(exponent) >= _FINEST_EXPONENT else None


@lru_cache(maxsize=4096)
def _utc_day(text: str, *, before: bool = False) -> str | None:
    """The UTC day of an ISO 8601 time, or of the moment before it; a time without zone is UTC, as bills are."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
        return (moment - timedelta(microseconds=1) if before else moment).date().isoformat()
    except (ValueError, OverflowError):
        return None


# The formats ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    """One row of a bill, understood."""

    key: tuple[str, str, str, str, str, str]
    """Month, day, service name, service code, region, category."""
    provider: str
    currency: str
    billed_cost: Decimal
    effective_cost: Decimal
    last_day: str
    """UTC day in which the charge period ends; empty where the row does not say."""


@dataclass(frozen=True, slots=True)
class _Format:
    name: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    mark: Callable[[str], bool]
    """Whether a column name belongs to this format."""
    line: Callable[[_Row], _Line]


_FOCUS_NEEDED = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ChargeCategory",
    "ServiceName",
    "ProviderName",
)
_FOCUS_OPTIONAL = ("ChargePeriodEnd", "x_ServiceCode", "RegionId")


def _focus_line(row: _Row) -> _Line:
    """A FOCUS row as it is: its columns already mean what ours mean."""
    return _Line(
        key=(
            row.day("BillingPeriodStart")[:7],
            row.day("ChargePeriodStart"),
            row.needed("ServiceName"),
            row.text("x_ServiceCode"),
            row.text("RegionId"),
            row.needed("ChargeCategory"),
        ),
        provider=row.needed("ProviderName"),
        currency=row.needed("BillingCurrency"),
        billed_cost=row.amount("BilledCost"),
        effective_cost=row.amount("EffectiveCost"),
        last_day=row.last_day("ChargePeriodEnd"),
    )


@dataclass(frozen=True, slots=True)
class _CurColumns:
    """The columns we read of a Cost and Usage Report, as one of its two forms spells them."""

    billing_period: str
    usage_start: str
    usage_end: str
    line_item_type: str
    product_code: str
    currency: str
    unblended_cost: str
    product_name: str
    product_map: str
    region: str
    region_code: str
    reservation_arn: str
    reservation_effective_cost: str
    unused_upfront_fee: str
    unused_recurring_fee: str
    plan_effective_cost: str
    plan_commitment: str
    plan_used: str

    @property
    def needed(self) -> tuple[str, ...]:
        return (
            self.billing_period,
            self.usage_start,
            self.line_item_type,
            self.product_code,
            self.currency,
            self.unblended_cost,
        )

    @property
    def optional(self) -> tuple[str, ...]:
        return (
            self.usage_end,
            self.product_name,
            self.product_map,
            self.region,
            self.region_code,
            self.reservation_arn,
            self.reservation_effective_cost,
            self.unused_upfront_fee,
            self.unused_recurring_fee,
            self.plan_effective_cost,
            self.plan_commitment,
            self.plan_used,
        )

    def line(self, row: _Row) -> _Line:
        """A report row; line item types become FOCUS charge categories."""
        kind = row.needed(self.line_item_type)
        product_code = row.needed(self.product_code)
        return _Line(
            key=(
                row.day(self.billing_period)[:7],
                row.day(self.usage_start),
                self._product_name(row) or product_code,
                product_code,
                row.text(self.region) or row.text(self.region_code),
                _CATEGORIES.get(kind, kind),
            ),
            provider="AWS",
            currency=row.needed(self.currency),
            billed_cost=row.amount(self.unblended_cost),
            effective_cost=self._effective_cost(row, kind),
            last_day=row.last_day(self.usage_end),
        )

    def _product_name(self, row: _Row) -> str:
        if name := row.text(self.product_name):
            return name
        try:
            product = dict(json.loads(row.text(self.product_map) or "{}"))
        except (ValueError, TypeError, RecursionError):
            return ""
        return str(product.get("product_name", ""))

    def _effective_cost(self, row: _Row, kind: str) -> Decimal:
        """Amortised cost of one row.

        What a commitment covers costs its share of the commitment; the fees that paid for it cost only
        their unused part. Discounts taken into net columns are not read.
        Source: AWS Cost and Usage Report User Guide, "Understanding Savings Plans" and reservation details
        (2026); AWS CUR Query Library, amortized cost (2024).
        """
        if kind == "SavingsPlanCoveredUsage":
            return row.amount(self.plan_effective_cost)
        if kind == "DiscountedUsage":
            return row.amount(self.reservation_effective_cost)
        if kind in ("SavingsPlanNegation", "SavingsPlanUpfrontFee"):
            return Decimal(0)
        if kind == "SavingsPlanRecurringFee":
            return row.amount(self.plan_commitment) - row.amount(self.plan_used)
        if kind == "RIFee":
            unused_upfront = row.amount(self.unused_upfront_fee, may_be_empty=True)
            return unused_upfront + row.amount(self.unused_recurring_fee, may_be_empty=True)
        if kind == "Fee" and row.text(self.reservation_arn):
            return Decimal(0)
        return row.amount(self.unblended_cost)


_CATEGORIES = {
    "Usage": USAGE,
    "DiscountedUsage": USAGE,
    "SavingsPlanCoveredUsage": USAGE,
    "SavingsPlanNegation": USAGE,
    "BundledDiscount": USAGE,
    "Discount": USAGE,
    "EdpDiscount": USAGE,
    "PrivateRateDiscount": USAGE,
    "RiVolumeDiscount": USAGE,
    "Fee": PURCHASE,
    "RIFee": PURCHASE,
    "SavingsPlanRecurringFee": PURCHASE,
    "SavingsPlanUpfrontFee": PURCHASE,
    "Tax": "Tax",
    "Credit": "Credit",
    "Refund": "Refund",
}
"""Line item type -> charge category. A discount lowers the service it is on, as it does in FOCUS.

Source: AWS Cost and Usage Report User Guide, line item details, `lineItem/LineItemType` (2026).
"""

_LEGACY = _CurColumns(
    billing_period="bill/BillingPeriodStartDate",
    usage_start="lineItem/UsageStartDate",
    usage_end="lineItem/UsageEndDate",
    line_item_type="lineItem/LineItemType",
    product_code="lineItem/ProductCode",
    currency="lineItem/CurrencyCode",
    unblended_cost="lineItem/UnblendedCost",
    product_name="product/ProductName",
    product_map="product",
    region="product/region",
    region_code="product/regionCode",
    reservation_arn="reservation/ReservationARN",
    reservation_effective_cost="reservation/EffectiveCost",
    unused_upfront_fee="reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    unused_recurring_fee="reservation/UnusedRecurringFee",
    plan_effective_cost="savingsPlan/SavingsPlanEffectiveCost",
    plan_commitment="savingsPlan/TotalCommitmentToDate",
    plan_used="savingsPlan/UsedCommitment",
)
_CUR_2 = _CurColumns(
    billing_period="bill_billing_period_start_date",
    usage_start="line_item_usage_start_date",
    usage_end="line_item_usage_end_date",
    line_item_type="line_item_line_item_type",
    product_code="line_item_product_code",
    currency="line_item_currency_code",
    unblended_cost="line_item_unblended_cost",
    product_name="product_product_name",
    product_map="product",
    region="product_region",
    region_code="product_region_code",
    reservation_arn="reservation_reservation_a_r_n",
    reservation_effective_cost="reservation_effective_cost",
    unused_upfront_fee="reservation_unused_amortized_upfront_fee_for_billing_period",
    unused_recurring_fee="reservation_unused_recurring_fee",
    plan_effective_cost="savings_plan_savings_plan_effective_cost",
    plan_commitment="savings_plan_total_commitment_to_date",
    plan_used="savings_plan_used_commitment",
)

_FORMATS = (
    _Format("FOCUS", _FOCUS_NEEDED, _FOCUS_OPTIONAL, _FOCUS_NEEDED.__contains__, _focus_line),
    _Format(
        "legacy Cost and Usage Report",
        _LEGACY.needed,
        _LEGACY.optional,
        lambda column: column.startswith("lineItem/"),
        _LEGACY.line,
    ),
    _Format(
        "CUR 2.0", _CUR_2.needed, _CUR_2.optional, lambda column: column.startswith("line_item_"), _CUR_2.line
    ),
)
_WANTED_COLUMNS = frozenset(column for form in _FORMATS for column in (*form.needed, *form.optional))


def _format_of(source: str, header: Sequence[str]) -> _Format:
    form = next((form for form in _FORMATS if any(map(form.mark, header))), None)
    if form is None:
        shown = ", ".join(header)[:80]
        raise _unreadable(source, "has a header of no bill format we know", ascii(shown)[1:-1])
    missing = [column for column in form.needed if column not in header]
    if missing:
        faults = [Fault(column, f"is missing from the header; {form.name} has it") for column in missing]
        raise BillFileError(source, faults, _EXPECTED)
    return form


# Sums ----------------------------------------------------------------------------------------------


def _gather(source: str, rows: Iterator[_Numbered], unit: str) -> ActualBill:
    _, header = next(rows, (0, ()))
    if not header:
        raise _unreadable(source, "is empty")
    form = _format_of(source, header)
    wanted = [
        (position, name) for position, name in enumerate(header) if name in (*form.needed, *form.optional)
    ]
    faults: list[Fault] = []
    sums: dict[tuple[str, str, str, str, str, str], list[Decimal]] = {}
    aside: dict[tuple[str, str], tuple[int, Decimal]] = {}
    periods: set[tuple[str, str, str]] = set()
    counted = 0
    with localcontext(EXACT):
        for number, cells in rows:
            place = f"{unit} {number}"
            if len(cells) != len(header) and unit == "line":
                faults.append(Fault(place, f"must have {len(header)} cells as the header", str(len(cells))))
                continue
            line = form.line(_Row(place, {name: cells[position] for position, name in wanted}, faults))
            if len(faults) > _SHOWN_FAULTS:
                break
            if reason := _why_aside(line):
                rows_aside, cost = aside.get((reason, line.currency), (0, Decimal(0)))
                aside[reason, line.currency] = (rows_aside + 1, cost + line.billed_cost)
                continue
            counted += 1
            month, first_day, *_, category = line.key
            if category == USAGE and line.last_day:
                periods.add((month, first_day, line.last_day))
            costs = sums.setdefault(line.key, [Decimal(0), Decimal(0)])
            costs[0] += line.billed_cost
            costs[1] += line.effective_cost
    _check(source, faults, counted, aside)
    return ActualBill(
        source=Path(source).name,
        format_name=form.name,
        rows=counted,
        charges=tuple(
            ActualCharge(*key, billed, effective) for key, (billed, effective) in sorted(sums.items())
        ),
        set_aside=tuple(SetAside(*key, *found) for key, found in sorted(aside.items())),
        covered=_covered(periods),
    )


def _covered(periods: Collection[tuple[str, str, str]]) -> dict[str, CoveredDays]:
    """The days of each month between its first and its last use, from month, first and last day of charge periods.

    A charge of the whole month is dated to its end from the first day on, so the days are those of charges by the
    hour or day, where there are any.
    """
    found = {}
    for month in sorted({month for month, _, _ in periods}):
        inside = [
            (first, last)
            for of, first, last in periods
            if of == month and first.startswith(month) and last.startswith(month)
        ]
        short = [(first, last) for first, last in inside if first == last]
        if days := short or inside:
            found[month] = CoveredDays(min(first for first, _ in days), max(last for _, last in days))
    return found


def _why_aside(line: _Line) -> str:
    if line.provider.lower() not in _AWS_PROVIDERS:
        return f"provider {line.provider}"
    return "" if line.currency == "USD" else f"currency {line.currency}"


def _check(source: str, faults: list[Fault], counted: int, aside: dict[tuple[str, str], Any]) -> None:
    if faults:
        shown = faults[:_SHOWN_FAULTS]
        more = "There may be more faults: reading stopped here. " if len(faults) > _SHOWN_FAULTS else ""
        raise BillFileError(source, shown, more + _EXPECTED)
    if not counted and aside:
        found = ", ".join(sorted({f"{reason} in {currency}" for reason, currency in aside}))
        raise _unreadable(source, "has no row of AWS in the currency USD", found)
    if not counted:
        raise _unreadable(source, "has a header but no rows")
