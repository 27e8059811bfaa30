"""The replay of the World Cup 1998: what it counts, and that its page is what it writes."""

import importlib.util
import io
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from costmodel.capacity.fleet import FleetRun

ROOT = Path(__file__).parents[2]


def load_replay():
    spec = importlib.util.spec_from_file_location("replay_world_cup", ROOT / "tools" / "replay_world_cup.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


replay = load_replay()
ALL = replay.ALL
LARGEST_FIGURE_BYTES = 300_000


def replay_of(needed, serving, running, *, requests=100.0, failed_ratio=0.0, delay_ms=0.0):
    shape = np.ones(len(needed))
    run = FleetRun(
        running=np.array(running, float),
        serving=np.array(serving, float),
        utilisation=shape,
        backlog_delay_ms=shape * delay_ms,
        failed_ratio=shape * failed_ratio,
        spot_running=shape * 0,
        stopped=shape * 0,
        surplus_credits=shape * 0,
    )
    return replay.Replay("", run, shape * requests, np.array(needed, float), Decimal("0.06"))


def test_lags_and_waste_are_counted_by_the_minute():
    """Short in minute 0, and in minutes 3 to 5; one instance beyond need in minutes 1 and 2."""
    found = replay_of([3, 2, 2, 4, 4, 4, 3], [2, 3, 3, 3, 3, 2, 3], [3, 3, 3, 4, 4, 4, 3])
    assert list(found.missing) == [1, 0, 0, 1, 1, 2, 0]
    assert list(found.lag_minutes) == [1, 3]
    assert found.instance_hours == pytest.approx(24 / 60)
    assert found.wasted_hours == pytest.approx(2 / 60)
    assert found.usd(found.wasted_hours) == pytest.approx(Decimal("0.002"))


def test_failed_and_late_requests_are_told_apart():
    found = replay_of([1] * 4, [1] * 4, [1] * 4, failed_ratio=0.25, delay_ms=1_001.0)
    assert (found.failed_in(ALL), found.late_in(ALL), found.failed_in(slice(1, 2))) == (100, 300, 25)
    assert replay_of([1], [1], [1], delay_ms=1_000.0).late_in(ALL) == 0


def test_overload_is_beyond_what_serving_instances_do_flat_out():
    most = replay.INSTANCE_CPU_S / replay.CPU_S_PER_REQUEST
    assert not replay_of([1], [1], [1], requests=most * 0.999).overloaded.any()
    assert replay_of([1], [1], [1], requests=most * 1.001).overloaded.all()


def test_a_trace_must_have_every_minute(tmp_path):
    trace = tmp_path / "trace.csv"
    rows = [f"1998-05-01T{minute // 60:02d}:{minute % 60:02d}:00Z,{minute}" for minute in range(1440)]
    trace.write_text("\n".join(["timestamp,value", "1998-04-30T23:59:00Z,7", *rows]))
    assert list(replay.requests_of(trace)[:3]) == [0, 1, 2]
    trace.write_text("\n".join(["timestamp,value", *rows[:700], *rows[701:], "1998-05-02T00:00:00Z,1"]))
    with pytest.raises(ValueError, match="not one row for each minute"):
        replay.requests_of(trace)


def test_the_page_is_what_the_replay_writes(traces, tmp_path, root):
    """The figure is drawn alike by the same matplotlib only, so its bytes are compared with themselves."""
    trace = traces / "worldcup98_1min.csv"
    replay.write(trace, tmp_path)
    assert (tmp_path / "replay.md").read_text() == (root / "docs" / "replay.md").read_text()
    drawn = (tmp_path / replay.FIGURE).read_bytes()
    again = io.BytesIO()
    replay.draw(replay.replays_of(replay.requests_of(trace), Decimal(1), replay.TARGET_RATIO), again)
    assert drawn == again.getvalue()
    for size in (len(drawn), (root / "docs" / replay.FIGURE).stat().st_size):
        assert 10_000 < size < LARGEST_FIGURE_BYTES


def test_what_the_page_says_of_the_policies_holds(traces):
    cpu, by_requests, forecast = replay.replays_of(
        replay.requests_of(traces / "worldcup98_1min.csv"), Decimal(1), replay.TARGET_RATIO
    )
    (roomy, *_) = replay.replays_of(cpu.requests, Decimal(1), 0.5)
    assert forecast.late_in(ALL) < by_requests.late_in(ALL) < cpu.late_in(ALL)
    assert by_requests.instance_hours < cpu.instance_hours < forecast.instance_hours
    assert by_requests.wasted_hours < cpu.wasted_hours < forecast.wasted_hours
    assert (by_requests.missing > 0).sum() > (cpu.missing > 0).sum()
    assert forecast.wasted_hours > forecast.instance_hours - cpu.instance_hours
    assert roomy.instance_hours == pytest.approx(forecast.instance_hours, rel=0.05)
    assert roomy.late_in(ALL) < 0.25 * cpu.late_in(ALL)
    for day in replay.JUMPS:
        start = (day - replay.FIRST.date()).days * 1440
        requests = cpu.requests[start : start + 1440]
        assert (requests[2:] / requests[:-2]).max() > 10
