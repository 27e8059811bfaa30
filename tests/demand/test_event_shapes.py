"""Default shapes of events against the surges of real traces."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from costmodel.demand.events import DEFAULT_SHAPES

MINUTES_APART = 720
MINUTES_AROUND = 360


def series(file: Path) -> np.ndarray:
    with file.open() as rows:
        return np.array([float(row["value"]) for row in csv.DictReader(rows)])


def by_day(load: np.ndarray, day: int, typical) -> np.ndarray:
    """The typical load of each day, at every step of it; `day`: steps in one."""
    levels = [max(typical(load[at : at + day]), 1.0) for at in range(0, len(load), day)]
    return np.repeat(levels, day)[: len(load)]


def surges(load: np.ndarray, step: int, count: int, typical) -> np.ndarray:
    """Peak over the day's typical load, minutes from 10 to 90 % of the rise, minutes to half: (count, 3)."""
    level = by_day(load, 1440 // step, typical)
    ratio, around = load / level, MINUTES_AROUND // step
    found = []
    for _ in range(count):
        top = int(ratio.argmax())
        before = load[max(0, top - around) : top + 1]
        rise = (before - before.min()) / (load[top] - before.min())
        rise = rise[int(before.argmin()) :]
        low = np.flatnonzero(rise <= 0.1)[-1]
        high = np.flatnonzero(rise[low:] >= 0.9)[0]
        after = (load[top : top + around] - level[top]) / (load[top] - level[top])
        found.append((ratio[top], high * step, np.flatnonzero(after <= 0.5)[0] * step))
        ratio[max(0, top - MINUTES_APART // step) : top + MINUTES_APART // step] = 0
    return np.array(found)


def ten_to_ninety(kind: str) -> float:
    """Minutes in which the default shape climbs from a tenth to nine tenths of its peak."""
    return 0.8 * DEFAULT_SHAPES[kind].ramp_minutes


def test_the_viral_spike_is_a_surge_of_the_world_cup(traces: Path, model_row) -> None:
    requests = series(traces / "worldcup98_1min.csv")
    smooth = np.convolve(requests, np.full(5, 0.2), mode="same")
    smooth[by_day(smooth, 1440, np.mean) < 500] = 0  # days with hardly anyone on the site
    over_mean, rise, fall = np.median(surges(smooth, 1, 12, np.mean), axis=0)
    over_median = np.median(surges(smooth, 1, 12, np.median)[:, 0])
    shape = DEFAULT_SHAPES["viral_spike"]
    assert over_mean < shape.peak_multiplier < over_median
    errors = (
        abs(ten_to_ninety("viral_spike") / rise - 1),
        abs(shape.half_life_minutes / fall - 1),
    )
    assert errors[0] < 0.2
    assert errors[1] < 0.3
    model_row(
        "Demand",
        "Viral spike",
        rule="8.1 x the day, 10 to 90 % in 120 min, then halving every 14 min",
        source="World Cup 1998 access logs (Arlitt and Jin)",
        oracle=f"twelve largest surges of the trace: {over_mean:.1f} x its day's mean, {over_median:.1f} x its median, "
        f"{rise:.0f} min up, {fall:.0f} min to half",
        tolerance="20 % of the rise, 30 % of the half-life",
        observed_error=f"{errors[0]:.2g} and {errors[1]:.2g}",
    )


def test_the_launch_rises_and_falls_as_launches_do_on_twitter(traces: Path, model_row) -> None:
    found = surges(series(traces / "twitter_aapl_5min.csv"), 5, 8, np.median)
    shape = DEFAULT_SHAPES["launch"]
    assert found[:, 1].min() <= ten_to_ninety("launch") <= found[:, 1].max()
    assert found[:, 2].min() <= shape.half_life_minutes <= found[:, 2].max()
    assert found[:, 0].min() > shape.peak_multiplier  # a stock's mentions jump higher than a shop's visits
    model_row(
        "Demand",
        "Launch",
        rule="a straight ramp of 30 min, then halving every 10 min",
        source="AAPL mentions, eight largest surges (Numenta Anomaly Benchmark, 2015)",
        oracle=f"the surges themselves: {found[:, 1].min():.0f} to {found[:, 1].max():.0f} min from 10 to 90 %, "
        f"{found[:, 2].min():.0f} to {found[:, 2].max():.0f} min to half",
        tolerance="within the range",
        observed_error="within",
    )


@pytest.mark.parametrize("kind", DEFAULT_SHAPES)
def test_a_shape_lies_in_the_range_of_its_sources(kind: str) -> None:
    """Behaviour of flash crowds: M 5 to 50 for crowds and launches, 2 to 6 for sales of established shops."""
    low, high = {
        "flash_sale": (2, 6),
        "launch": (5, 50),
        "viral_spike": (5, 50),
        "campaign": (1.5, 2),
        "bot_scrape": (1, 10),
    }[kind]
    assert low <= DEFAULT_SHAPES[kind].peak_multiplier <= high
