from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.demand import trace as trace_room
from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.synthesise import synthesise
from costmodel.demand.trace import Gap, TraceSeries, read_trace, trace_share
from costmodel.errors import ScenarioError
from costmodel.scenario.model import Trace

TRACES = Path(__file__).parents[2].parent / "shared" / "data" / "traces"
NOVEMBER = Calendar.of(BillingPeriod(2026, 11), 1)  # begins on a Sunday
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def write(path: Path, values, step_s: float = 3600, start: datetime = MONDAY, skip=()) -> Trace:
    rows = [
        f"{(start + timedelta(seconds=i * step_s)).isoformat()},{value}"
        for i, value in enumerate(values)
        if i not in skip
    ]
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n")
    return Trace(file=path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace.csv"


def faults_of(file: Path, text: str | bytes, **fields) -> str:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ScenarioError) as caught:
        read_trace(Trace(file=file, **fields))
    return str(caught.value)


def test_report_says_what_the_file_holds(file) -> None:
    trace = write(file, [2, 4, 6, 8] * 12, skip={5, 6, 20})
    series, report = read_trace(trace)
    assert (report.rows, report.step_s, report.span_s) == (45, 3600, 48 * 3600)
    assert report.start == MONDAY
    assert report.gaps == (
        Gap(MONDAY + timedelta(hours=4), 2),
        Gap(MONDAY + timedelta(hours=19), 1),
    )
    # Filled by straight lines: 2 .. 8 at hours 4 and 7 gives 4 and 6; 8 .. 4 at hours 19 and 21 gives 6.
    assert series.values[[5, 6, 20]].tolist() == [4, 6, 6]
    assert report.mean_per_step == pytest.approx((48 * 5 + 4) / 48)
    assert report.peak_over_mean == pytest.approx(8 * 48 / 244)
    with pytest.raises(ValueError, match="read-only"):
        series.values[0] = 1


def test_own_column_names_extra_columns_and_blank_lines(file) -> None:
    rows = "".join(f"x,2026-03-0{d}T{h:02}:00Z,{h + 1}\n\n" for d in (1, 2) for h in range(24))
    file.write_text("﻿note,when,hits\n" + rows)
    series, report = read_trace(Trace(file=file, time_column="when", value_column="hits"))
    assert report.rows == 48
    assert series.values[:3].tolist() == [1, 2, 3]


def test_offsets_in_the_file_and_a_named_zone(file) -> None:
    rows = "".join(f"2026-03-02T{h:02}:00:00+02:00,1\n" for h in range(24))
    file.write_text("timestamp,value\n" + rows)
    assert read_trace(Trace(file=file))[0].start == datetime(2026, 3, 1, 22, tzinfo=UTC)
    file.write_text("timestamp,value\n" + rows.replace("+02:00", ""))
    zoned = read_trace(Trace(file=file, timezone="America/New_York"))[0]
    assert zoned.start == datetime(2026, 3, 2, 5, tzinfo=UTC)


def test_an_hour_that_occurs_twice_is_taken_in_the_order_of_the_rows(file) -> None:
    # Berlin puts its clocks back from 03:00 to 02:00 on 25 October 2026.
    clock = ["00:00", "01:00", "02:00", "02:00", *(f"{h:02}:00" for h in range(3, 24))]
    file.write_text("timestamp,value\n" + "".join(f"2026-10-25T{t},{i}\n" for i, t in enumerate(clock)))
    series, report = read_trace(Trace(file=file, timezone="Europe/Berlin"))
    assert report.gaps == ()
    assert series.values.tolist() == list(range(25))


def test_an_hour_that_does_not_exist_is_a_fault(file) -> None:
    rows = "".join(f"2026-03-29T{h:02}:00,1\n" for h in range(24))
    text = faults_of(file, "timestamp,value\n" + rows, timezone="Europe/Berlin")
    assert "row 4: time does not exist in Europe/Berlin" in text


HEAD = "timestamp,value\n"
GOOD = "2026-03-02T00:00Z,1\n2026-03-02T01:00Z,2\n"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["is empty"]),
        (HEAD, ["has 0 rows; a trace needs two or more"]),
        (HEAD + "2026-03-02T00:00Z,1\n", ["has 1 rows; a trace needs two or more"]),
        (
            "time,hits\n" + GOOD,
            ["traffic.trace.time_column: must be a column of the file: time, hits", "value_column"],
        ),
        (HEAD + GOOD + "2026-03-02T01:00Z,3\n", ["row 4: time repeats the time of the row before"]),
        (HEAD + GOOD + "2026-03-01T01:00Z,3\n", ["row 4: time is earlier than the row before"]),
        (HEAD + GOOD + "yesterday,3\n", ["row 4: time must be", "found yesterday"]),
        (HEAD + GOOD + "0001-01-01T00:00,3\n", ["row 4: time must be a date and time of 1970 to 2100"]),
        (HEAD + GOOD + "2026-03-02T02:00Z,-3\n", ["row 4: value must be a number of 0 or more", "found -3"]),
        (HEAD + GOOD + "2026-03-02T02:00Z,nan\n", ["row 4: value", "found nan"]),
        (HEAD + GOOD + "2026-03-02T02:00Z,inf\n", ["row 4: value", "found inf"]),
        (HEAD + GOOD + "2026-03-02T02:00Z,1e300\n", ["row 4: value"]),
        (HEAD + GOOD + "2026-03-02T02:00Z,\n", ["row 4: value"]),
        (HEAD + GOOD + "2026-03-02T02:00Z\n", ["row 4: must hold 2 values, one for each column (found 1)"]),
        (HEAD + GOOD + "2026-03-02T02:00,3\n", ["mixes 1 times without a UTC offset with 2 with one"]),
        (HEAD + GOOD, ["covers 2.0 hours; a trace must cover one day or more"]),
        (HEAD + "2026-01-01,1\n2026-02-01,2\n2026-03-01,1\n", ["has steps of 28.0 days", "month_weights"]),
        (
            HEAD + "1971-01-01T00:00:00Z,1\n1971-01-01T00:00:01Z,1\n2099-01-01T00:00:00Z,1\n",
            ["10000000 steps"],
        ),
        (b"\xff\xfe\x00,\x9c", ["not UTF-8"]),
        (HEAD + '"unclosed' + "x" * 200_000, ["is not valid CSV"]),
    ],
)
def test_a_bad_file_gets_one_message_with_every_fault(file, text, messages) -> None:
    found = faults_of(file, text)
    for message in messages:
        assert message in found
    assert "A trace is a CSV or Parquet file" in found


def test_all_faults_are_listed_and_many_are_counted(file) -> None:
    text = faults_of(file, HEAD + "x,1\n2026-03-02T01:00Z,-1\n" + "y,z\n" * 30)
    assert "row 2: time" in text
    assert "row 3: value" in text
    assert "and 42 more" in text  # 2 + 60 faults, 20 of them shown


def test_a_missing_file_and_a_folder(file, tmp_path) -> None:
    for path, message in ((file, "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ScenarioError, match=message):
            read_trace(Trace(file=path))


def test_nothing_but_zeros(file) -> None:
    with pytest.raises(ScenarioError, match="nothing but zeros"):
        read_trace(write(file, [0] * 48))


def test_irregular_times(file) -> None:
    rows = "".join(f"2026-03-02T{h:02}:00Z,1\n" for h in range(24)) + "2026-03-03T00:30Z,1\n"
    assert "row 26: comes 5400 s after the row before, off the step of 3600 s" in faults_of(file, HEAD + rows)


def test_too_many_rows(file, monkeypatch) -> None:
    monkeypatch.setattr(trace_room, "MAX_ROWS", 30)
    with pytest.raises(ScenarioError, match="more than 30 rows"):
        read_trace(write(file, [1] * 40))


@given(st.binary(max_size=300))
@settings(max_examples=80, deadline=None)
def test_any_bytes_give_a_named_error_and_never_a_traceback(tmp_path_factory, noise) -> None:
    file = tmp_path_factory.mktemp("noise") / "trace.csv"
    for content in (noise, HEAD.encode() + noise, (HEAD + GOOD).encode() + noise):
        file.write_bytes(content)
        with pytest.raises(ScenarioError):
            read_trace(Trace(file=file))


def test_parquet_without_the_extra_names_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(trace_room.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match=r"costmodel\[parquet\]"):
        read_trace(Trace(file=tmp_path / "trace.parquet"))


def test_parquet_and_csv_give_the_same_series(file) -> None:
    pytest.importorskip("pyarrow", reason="the parquet extra is not installed")
    import pandas

    trace = write(file, range(1, 49))
    frame = pandas.read_csv(file, parse_dates=["timestamp"])
    other = file.with_suffix(".parquet")
    frame.to_parquet(other)
    mine, theirs = read_trace(trace)[0], read_trace(Trace(file=other))[0]
    assert mine.start == theirs.start
    assert np.array_equal(mine.values, theirs.values)
    other.write_bytes(b"PAR1 not really")
    with pytest.raises(ScenarioError, match="is not valid Parquet"):
        read_trace(Trace(file=other))


def series_of(values, step_s: float = 3600, start: datetime = MONDAY) -> TraceSeries:
    return TraceSeries(start, step_s, np.array(values, dtype=float))


def test_hourly_steps_keep_their_totals_on_the_right_weekday() -> None:
    week = np.random.default_rng(2).integers(1, 100, 168).astype(float)
    share = trace_share(series_of(week), NOVEMBER, "UTC")
    hourly = share.reshape(-1, 60).sum(axis=1)
    from_sunday = np.roll(week, 24)
    expected = np.resize(from_sunday, 720)
    assert hourly == pytest.approx(expected / expected.sum(), rel=1e-9)
    assert share.sum() == pytest.approx(1)
    assert share.min() >= 0


def test_a_trace_of_days_is_repeated_by_days_and_keeps_the_time_of_day() -> None:
    day = np.zeros(24)
    day[15] = 1
    share = trace_share(series_of(np.tile(day, 3), start=MONDAY), NOVEMBER, "UTC").reshape(30, 24, 60)
    assert share.sum(axis=(0, 2)).argmax() == 15
    assert share.sum(axis=(1, 2)) == pytest.approx(np.full(30, 1 / 30))


def test_the_last_whole_weeks_are_repeated_after_the_end() -> None:
    # Seventeen days from a Sunday: 1 .. 17; whole weeks: the last fourteen days, 4 .. 17.
    sunday = MONDAY - timedelta(days=1)
    daily = np.repeat(np.arange(1.0, 18.0), 24)
    share = trace_share(series_of(daily, start=sunday), NOVEMBER, "UTC")
    days = share.reshape(30, -1).sum(axis=1)
    expected = [*range(1, 18), *range(4, 17)]
    assert days / days[0] == pytest.approx(expected, rel=0.02)


def test_weekday_and_hour_are_matched_on_the_traces_own_clock() -> None:
    week = np.zeros(168)
    week[9] = 1  # Monday 09:00 in New York, on standard time
    start = datetime(2026, 3, 2, 5, tzinfo=UTC)
    share = trace_share(
        series_of(week, start=start), Calendar.of(BillingPeriod(2026, 7), 1), "America/New_York"
    )
    busiest = datetime(2026, 7, 1, tzinfo=UTC) + timedelta(minutes=int(share.argmax()))
    # Daylight saving in July: Monday 6 July, 09:30 in New York is 13:30 UTC.
    assert (busiest.weekday(), busiest.hour) == (0, 13)


def test_finer_steps_are_summed_exactly() -> None:
    values = np.random.default_rng(3).poisson(3.0, 2 * 86_400 // 10)
    share = trace_share(series_of(values, 10), NOVEMBER, "UTC")
    minutes = values.reshape(-1, 6).sum(axis=1)
    expected = np.resize(minutes, NOVEMBER.minutes)
    assert share == pytest.approx(expected / expected.sum(), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("step_s", [7.0, 61.0, 420.0, 1000.0, 5400.0])
def test_steps_that_fit_neither_minute_nor_day(step_s) -> None:
    count = int(9 * 86_400 / step_s)
    wave = 2 + np.sin((np.arange(count) + 0.5) * step_s / 86_400 * 2 * np.pi)
    share = trace_share(series_of(wave, step_s), NOVEMBER, "UTC")
    expected = 2 + np.sin((np.arange(NOVEMBER.minutes) + 0.5) / 1440 * 2 * np.pi)
    # Sunday and the first days come straight from the trace; later ones may be off by part of a step.
    assert np.corrcoef(share, expected)[0, 1] > 0.99
    assert share.sum() == pytest.approx(1)
    assert share.min() >= 0


@given(st.lists(st.integers(0, 1000), min_size=48, max_size=400))
@settings(max_examples=30, deadline=None)
def test_the_cubic_keeps_every_step_and_never_goes_below_zero(values) -> None:
    # 24 h without a zero-only repeat: one value makes the sum positive.
    values[0] = values[0] or 1
    hours = len(values) // 24 * 24
    share = trace_share(series_of(values[:hours]), NOVEMBER, "UTC")
    assert share.min() >= 0
    assert share.sum() == pytest.approx(1)


def test_a_used_part_of_zeros_is_a_fault() -> None:
    values = np.zeros(24 * 60)
    values[0] = 1  # a Monday that November 2026, from Sunday on, never uses
    with pytest.raises(ScenarioError, match="nothing but zeros on the weekdays and hours the run covers"):
        trace_share(series_of(values), NOVEMBER, "UTC")


def test_total_of_a_run_with_a_trace(shop, file) -> None:
    trace = write(file, np.random.default_rng(1).integers(5, 50, 24 * 20))
    for months in (1, 3):
        demand = synthesise(
            shop(
                months=months,
                monthly_visitors={"europe": 2e6, "india": 1e6},
                trace={"file": trace.file},
                drift_ratio=0,
            )
        )
        assert demand.page_views[0].sum() == pytest.approx(months * 2e6 * 6.5, rel=0.002)
        assert demand.page_views[1].sum() == pytest.approx(months * 1e6 * 6.5, rel=0.002)


def test_growth_and_stated_months_lie_on_a_trace_but_the_built_in_year_does_not(shop, file) -> None:
    trace = {"file": write(file, [10] * 24 * 14).file}
    quiet = {"monthly_visitors": {"europe": 1e7}, "drift_ratio": 0, "minute_noise_ratio": 0, "trace": trace}
    flat = synthesise(shop(start="2026-07", months=2, **quiet)).page_views.reshape(2, -1).sum(axis=1)
    assert flat == pytest.approx([6.5e7, 6.5e7], rel=1e-3)
    grown = synthesise(
        shop(
            start="2026-07",
            months=2,
            growth_per_month_ratio=0.5,
            month_weights=(1,) * 7 + (2,) + (1,) * 4,
            **quiet,
        )
    )
    assert grown.page_views.reshape(2, -1).sum(axis=1) == pytest.approx([6.5e7, 6.5e7 * 1.5 * 2], rel=1e-3)


def test_daily_totals_take_their_hours_from_the_profile(shop, file) -> None:
    trace = write(file, [100, 200] * 20, step_s=86_400)
    demand = synthesise(shop(monthly_visitors={"japan": 1e7}, trace={"file": trace.file}, drift_ratio=0))
    by_hour = demand.page_views[0].reshape(30, 24, 60).sum(axis=(0, 2))
    assert by_hour.argmax() in (11, 12)  # 20 to 22 h in Tokyo
    assert by_hour.max() / by_hour.min() > 5
    days = demand.page_views[0].reshape(30, 1440).sum(axis=1)
    assert max(days) / min(days) == pytest.approx(2, rel=0.25)


def test_a_coarse_trace_gets_minute_noise_and_a_fine_one_none(shop, file) -> None:
    def residual(step_s: int) -> float:
        trace = write(file, [5] * int(7 * 86_400 / step_s), step_s)
        views = synthesise(shop(monthly_visitors={"europe": 1e9}, trace={"file": trace.file})).page_views[0]
        return float((views[15:-15] / np.convolve(views, np.ones(31) / 31, "valid")).std())

    assert residual(60) < 0.004  # counting alone: 1 / sqrt(150 000)
    assert residual(3600) == pytest.approx(0.10, rel=0.1)


@pytest.mark.parametrize(
    ("name", "rows", "step_s", "gaps", "minute_peak_over_mean"),
    [("worldcup98_1min.csv", 125_310, 60, 0, 21.25), ("aws_elb_requests_5min.csv", 4_032, 300, 8, 10.61)],
)
@pytest.mark.skipif(not TRACES.is_dir(), reason="the shared traces are not on this machine")
def test_real_traces_keep_their_shape(shop, name, rows, step_s, gaps, minute_peak_over_mean) -> None:
    trace = Trace(file=TRACES / name)
    series, report = read_trace(trace)
    assert (report.rows, report.step_s, len(report.gaps)) == (rows, step_s, gaps)
    assert report.peak_over_mean == pytest.approx(minute_peak_over_mean, rel=0.001)

    demand = synthesise(
        shop(monthly_visitors={"europe": 3e7, "japan": 1e7}, months=3, trace={"file": trace.file})
    )
    total = demand.total_page_views
    assert total.sum() == pytest.approx(3 * 4e7 * 6.5, rel=0.01)
    # The first step of the trace that the run covers whole, and the minute of the run it begins at.
    week_minutes = 7 * 1440
    lead = int((demand.calendar.start - series.start).total_seconds()) // 60 % week_minutes
    per_step = step_s // 60
    first = -(-lead // per_step)
    original = series.values[first:]
    steps = min(len(original), (demand.minutes - 1440) // per_step)
    original = original[:steps]
    replayed = total[first * per_step - lead :][: steps * per_step].reshape(steps, per_step).sum(axis=1)
    assert np.corrcoef(replayed, original)[0, 1] > 0.99
    assert replayed.max() / replayed.mean() == pytest.approx(original.max() / original.mean(), rel=0.12)
