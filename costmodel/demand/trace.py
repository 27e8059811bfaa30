"""Measured traffic: a file of times and values, read, checked and laid over the simulated span."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.clock import SECONDS_PER_DAY, IntArray, offset_table, week_minute
from costmodel.demand.demand import read_only
from costmodel.errors import Fault, ScenarioError
from costmodel.scenario.model import Trace
from costmodel.units import MINUTES_PER_DAY, SECONDS_PER_MINUTE

MAX_ROWS = 10_000_000
"""Rows, and steps between the first and the last row, that a trace may have: a year of 3 s steps."""

_MAX_VALUE = 1e15
_MAX_FAULTS_SHOWN = 20
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_NEXT_STEP = (
    "A trace is a CSV or Parquet file with one row per step: a time such as 2026-11-01T14:05:00Z, rising "
    "by the same step, and a value of 0 or more. Name the columns with traffic.trace.time_column and "
    "traffic.trace.value_column."
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Steps without a row, filled by a straight line between their neighbours."""

    after: datetime
    """Time (UTC) of the last row before the gap."""
    missing_steps: int


@dataclass(frozen=True, slots=True)
class TraceReport:
    """What a trace file holds."""

    rows: int
    step_s: float
    gaps: tuple[Gap, ...]
    start: datetime
    """Time of the first row, in UTC."""
    span_s: float
    """From the beginning of the first step to the end of the last."""
    mean_per_step: float
    peak_over_mean: float

    @property
    def missing_steps(self) -> int:
        """Steps that no row counts, filled by straight lines."""
        return sum(gap.missing_steps for gap in self.gaps)

    def __str__(self) -> str:
        days = self.span_s / SECONDS_PER_DAY
        text = f"{self.rows:,} rows of {self.step_s:g} s over {days:,.1f} days from {self.start:%Y-%m-%d %H:%M} UTC"
        if self.gaps:
            first = f"{self.gaps[0].after:%Y-%m-%d %H:%M}"
            gaps = f"1 gap after {first}"
            if len(self.gaps) > 1:
                gaps = f"{len(self.gaps):,} gaps, the first after {first}"
            filled = "1 step filled by a straight line"
            if self.missing_steps > 1:
                filled = f"{self.missing_steps:,} steps filled by straight lines"
            text += f"; {gaps}, {filled}"
        return text


@dataclass(frozen=True, slots=True, eq=False)
class TraceSeries:
    """A trace without gaps: `values[i]` was counted from `start + i * step_s`, for one step."""

    start: datetime
    step_s: float
    values: FloatArray
    """Shape (steps,), read-only, 0 or more with a sum above 0."""

    @property
    def span_s(self) -> float:
        return len(self.values) * self.step_s


def read_trace(trace: Trace) -> tuple[TraceSeries, TraceReport]:
    """Read a CSV or Parquet trace and say what it holds.

    Times with an offset keep it; others are on the clock of `trace.timezone`, where an hour that
    occurs twice is taken in the order of the rows. The step is the median distance of two rows;
    distances may stray by a quarter of it. Gaps are filled by a straight line.

    Raises ScenarioError naming every fault with its row (the first 20 of many): a file that cannot be
    read, missing columns, unreadable or repeated or falling times, irregular steps, values that are
    negative or not finite, fewer than two rows, more gaps than rows, less than a day, steps of more than a day, more than
    ten million rows, nothing but zeros.
    """
    faults = _Faults(trace.file)
    is_parquet = trace.file.suffix.lower() in {".parquet", ".pq"}
    records = _parquet_records(trace, faults) if is_parquet else _csv_records(trace, faults)
    rows = _parse(records, faults)
    faults.stop_if_any()
    utc_s = _to_utc(rows, ZoneInfo(trace.timezone), faults)
    faults.stop_if_any()
    step_s, slots = _regular_steps(utc_s, rows, faults)
    faults.stop_if_any()

    values = np.interp(np.arange(slots[-1] + 1), slots, rows.values)
    series = TraceSeries(_moment(utc_s[0]), step_s, read_only(values))
    if series.span_s < SECONDS_PER_DAY:
        faults.stop(f"covers {series.span_s / 3600:.1f} hours; a trace must cover one day or more")
    if values.sum() == 0:
        faults.stop("has nothing but zeros; one value must be above 0")
    jumps = np.diff(slots)
    gaps = tuple(Gap(_moment(utc_s[i]), int(jumps[i] - 1)) for i in np.flatnonzero(jumps > 1))
    missing = int(slots[-1]) + 1 - len(utc_s)
    if missing > len(utc_s):
        faults.stop(
            f"misses {missing:,} of {slots[-1] + 1:,} steps; a trace must hold at least half of its steps"
        )
    mean = float(values.mean())
    report = TraceReport(
        len(utc_s), step_s, gaps, series.start, series.span_s, mean, float(values.max()) / mean
    )
    return series, report


def read_once(trace: Trace) -> tuple[TraceSeries, TraceReport]:
    """The same, parsed once for as long as the file stays as it is. Raises ScenarioError as above."""
    return _read_once(trace, _content_of(trace))


def fault_of(trace: Trace) -> ScenarioError | None:
    """What is wrong with a trace; None when it can be used."""
    try:
        read_once(trace)
    except ScenarioError as error:
        return error
    return None


@lru_cache(maxsize=1)
def _read_once(trace: Trace, content: bytes) -> tuple[TraceSeries, TraceReport]:
    """`content` tells a changed file apart."""
    return read_trace(trace)


def _content_of(trace: Trace) -> bytes:
    """Digest of the file; empty when it cannot be read, which `read_trace` explains."""
    try:
        with trace.file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""


def trace_share(series: TraceSeries, calendar: Calendar, timezone: str) -> FloatArray:
    """Share of the run's load in each minute, shape (minutes,), summing to 1.

    The run starts at the first moment of the trace with the same weekday and time on the clock of
    `timezone` (the same time of day where the trace is shorter than a week). Where the trace ends,
    its last whole weeks (or days) are repeated. Within a step the load follows a monotone cubic
    through the cumulative counts: every step keeps its total and no minute is negative.
    Source: Fritsch and Butland, "A Method for Constructing Local Monotone Piecewise Cubic
    Interpolants" (1984). Raises ScenarioError when the part of the trace that is used is all zeros.
    """
    whole_days = int(series.span_s // SECONDS_PER_DAY)
    unit_days = 7 if whole_days >= 7 else 1
    repeat_s = whole_days // unit_days * unit_days * SECONDS_PER_DAY
    zone = ZoneInfo(timezone)
    lead_minutes = _local_week_minute(calendar.start, zone) - _local_week_minute(series.start, zone)
    lead_s = lead_minutes % (unit_days * MINUTES_PER_DAY) * SECONDS_PER_MINUTE

    at_s = lead_s + SECONDS_PER_MINUTE * np.arange(calendar.minutes, dtype=np.float64)
    beyond_s = at_s + SECONDS_PER_MINUTE - series.span_s
    at_s -= np.maximum(np.ceil(beyond_s / repeat_s), 0.0) * repeat_s
    cumulative = _Cumulative.of(series.values)
    load = cumulative((at_s + SECONDS_PER_MINUTE) / series.step_s) - cumulative(at_s / series.step_s)
    np.maximum(load, 0.0, out=load)
    total = load.sum()
    if total == 0:
        fault = Fault("traffic.trace", "has nothing but zeros on the weekdays and hours the run covers")
        raise ScenarioError("trace", [fault], "Use a longer trace or more months.")
    return np.asarray(load / total)


@dataclass(frozen=True, slots=True, eq=False)
class _Cumulative:
    """Sum of a series up to any position in it, counted in steps."""

    at_edge: FloatArray
    slope: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> _Cumulative:
        left, right = values[:-1], values[1:]
        both = left + right
        # The harmonic mean keeps the cubic monotone; where either step is empty it is 0.
        inner = np.divide(2.0 * left * right, both, out=np.zeros(len(both)), where=both > 0)
        return cls(np.concatenate([[0.0], values.cumsum()]), np.concatenate([values[:1], inner, values[-1:]]))

    def __call__(self, position: FloatArray) -> FloatArray:
        step = np.clip(position.astype(np.int64), 0, len(self.at_edge) - 2)
        x = position - step
        begin = self.at_edge[step]
        rise = self.at_edge[step + 1] - begin
        first, last = self.slope[step], self.slope[step + 1]
        return np.asarray(
            begin + x * (first + x * (3.0 * rise - 2.0 * first - last + x * (first + last - 2.0 * rise)))
        )


@dataclass(slots=True)
class _Faults:
    """Faults of one file, in the order they are found."""

    file: Path
    found: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, path: str, problem: str, value: object = "") -> None:
        self.count += 1
        if len(self.found) < _MAX_FAULTS_SHOWN:
            self.found.append(Fault(path, problem, str(value)[:60]))

    def stop(self, problem: str) -> NoReturn:
        self.add("", problem)
        self.stop_if_any()
        raise AssertionError

    def stop_if_any(self) -> None:
        if not self.found:
            return
        hidden = self.count - len(self.found)
        if hidden:
            self.found.append(Fault("", f"and {hidden} more"))
        raise ScenarioError(str(self.file), self.found, _NEXT_STEP)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Parsed rows: Unix seconds, or seconds on a local clock where the times carry no offset."""

    seconds: FloatArray
    values: FloatArray
    numbers: IntArray
    """Row of each in the file, for messages; the header of a CSV is row 1."""
    is_local: bool

    def time(self, place: int | np.int64) -> datetime:
        """The time of a row for messages: as the file has it, or in UTC where it has an offset."""
        moment = _moment(self.seconds[place])
        return moment.replace(tzinfo=None) if self.is_local else moment


_Record = tuple[int, str, Any]


def _csv_records(trace: Trace, faults: _Faults) -> Iterator[_Record]:
    try:
        with trace.file.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            if not header:
                faults.stop("is empty")
            _require_columns(trace, header, faults)
            time_at, value_at = header.index(trace.time_column), header.index(trace.value_column)
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    problem = f"must hold {len(header)} values, one for each column"
                    faults.add(f"row {reader.line_num}", problem, len(row))
                    continue
                yield reader.line_num, row[time_at].strip(), row[value_at].strip()
    except OSError as error:
        faults.stop(f"cannot be read: {error.strerror or error}")
    except UnicodeDecodeError:
        faults.stop("is not UTF-8 text; save it as CSV in UTF-8")
    except csv.Error as error:
        faults.stop(f"is not valid CSV: {error}")


def _parquet_records(trace: Trace, faults: _Faults) -> Iterator[_Record]:
    if importlib.util.find_spec("pyarrow") is None:
        faults.stop("is a Parquet file, which needs an extra: pip install 'costmodel[parquet]'")
    import pandas

    try:
        frame = pandas.read_parquet(trace.file, engine="pyarrow")
        names = [str(name) for name in frame.columns]
        _require_columns(trace, names, faults)
        times = frame[trace.time_column].astype(str).tolist()
        values = frame[trace.value_column].tolist()
    except ScenarioError:
        raise
    except OSError as error:
        faults.stop(f"cannot be read: {error.strerror or error}")
    except Exception as error:  # a damaged file raises whatever its decoder trips over
        faults.stop(f"is not valid Parquet: {error}")
    return zip(range(1, len(times) + 1), times, values, strict=True)


def _require_columns(trace: Trace, found: Iterable[str], faults: _Faults) -> None:
    names = list(found)
    for field_name, wanted in (("time_column", trace.time_column), ("value_column", trace.value_column)):
        if wanted not in names:
            faults.add(
                f"traffic.trace.{field_name}", f"must be a column of the file: {', '.join(names)}", wanted
            )
    faults.stop_if_any()


def _parse(records: Iterable[_Record], faults: _Faults) -> _Rows:
    seconds, values, numbers = array("d"), array("d"), array("q")
    local_rows = 0
    for number, time, value in records:
        if len(numbers) == MAX_ROWS:
            faults.stop(f"has more than {MAX_ROWS} rows; sum it to a coarser step")
        moment = _read_time(time)
        if moment is None:
            faults.add(
                f"row {number}",
                f"time must be a date and time of {_FIRST_YEAR} to {_LAST_YEAR}, such as 2026-11-01T14:05:00Z",
                time,
            )
        amount = _read_value(value)
        if amount is None:
            faults.add(f"row {number}", "value must be a number of 0 or more, at most 1e15", value)
        if moment is None or amount is None:
            continue
        if moment.tzinfo is None:
            local_rows += 1
            moment = moment.replace(tzinfo=UTC)
        seconds.append(moment.timestamp())
        values.append(amount)
        numbers.append(number)
    if not faults.found and len(numbers) < 2:
        faults.stop(f"has {len(numbers)} rows; a trace needs two or more")
    if local_rows not in (0, len(numbers)):
        faults.add(
            "", f"mixes {local_rows} times without a UTC offset with {len(numbers) - local_rows} with one"
        )
    return _Rows(
        np.frombuffer(seconds, dtype=np.float64),
        np.frombuffer(values, dtype=np.float64),
        np.frombuffer(numbers, dtype=np.int64),
        local_rows > 0,
    )


def _read_time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def _read_value(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if 0.0 <= value <= _MAX_VALUE else None


def _to_utc(rows: _Rows, zone: ZoneInfo, faults: _Faults) -> FloatArray:
    """Unix seconds of the rows. On a local clock an hour may not exist, or occur twice."""
    if not rows.is_local:
        return rows.seconds
    local_s = rows.seconds
    table = offset_table(
        zone, int(local_s.min()) - 2 * SECONDS_PER_DAY, int(local_s.max()) + 2 * SECONDS_PER_DAY
    )
    changes_s = table.start_s[1:]
    earliest = np.searchsorted(changes_s + table.offset_s[:-1], local_s, side="right")
    latest = np.searchsorted(changes_s + table.offset_s[1:], local_s, side="right")
    for i in np.flatnonzero(earliest > latest):
        faults.add(
            f"row {rows.numbers[i]}",
            f"time does not exist in {zone.key}: clocks skip it",
            rows.time(i),
        )
    utc_s = local_s - table.offset_s[earliest]
    for i in np.flatnonzero(earliest < latest):
        if i > 0 and utc_s[i] <= utc_s[i - 1]:
            utc_s[i] = local_s[i] - table.offset_s[latest[i]]
    return np.asarray(utc_s)


def _regular_steps(utc_s: FloatArray, rows: _Rows, faults: _Faults) -> tuple[float, IntArray]:
    """The step in seconds, and at which step from the first each row stands, shape (rows,)."""
    distance_s = np.diff(utc_s)
    for i in np.flatnonzero(distance_s <= 0):
        problem = (
            "repeats the time of the row before" if distance_s[i] == 0 else "is earlier than the row before"
        )
        faults.add(f"row {rows.numbers[i + 1]}", f"time {problem}; times must rise", rows.time(i + 1))
    faults.stop_if_any()
    step_s = float(np.sort(distance_s)[(len(distance_s) - 1) // 2])
    if step_s > SECONDS_PER_DAY:
        faults.stop(
            f"has steps of {step_s / SECONDS_PER_DAY:.1f} days; at most one day. State longer swings with "
            "traffic.month_weights and traffic.growth_per_month_ratio"
        )
    steps = distance_s / step_s
    whole = np.rint(steps)
    for i in np.flatnonzero(np.abs(steps - whole) > 0.25):
        faults.add(
            f"row {rows.numbers[i + 1]}",
            f"comes {distance_s[i]:g} s after the row before, off the step of {step_s:g} s",
        )
    slots = np.concatenate([[0], np.maximum(whole, 1).cumsum()]).astype(np.int64)
    if slots[-1] >= MAX_ROWS:
        faults.stop(f"spans more than {MAX_ROWS} steps of {step_s:g} s; sum it to a coarser step")
    return step_s, slots


def _moment(unix_s: float | np.float64) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(unix_s))


def _local_week_minute(moment: datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset() or timedelta(0)
    local_s: npt.NDArray[np.int64] = np.array([math.floor(moment.timestamp() + offset.total_seconds())])
    return int(week_minute(local_s)[0])
