import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.demand import trace as trace_room
from costmodel.demand.synthesise import synthesise
from costmodel.errors import ScenarioError

SALE = {"kind": "flash_sale", "start": datetime(2026, 11, 27, 20, tzinfo=UTC)}
BOTS = {"kind": "bot_scrape", "start": datetime(2026, 11, 12, 3, tzinfo=UTC)}
PER_VISITOR = 1.3 * 5


def test_same_scenario_and_seed_give_the_same_bytes(shop) -> None:
    scenario = shop(monthly_visitors={"europe": 5_000, "india": 900_000}, events=(SALE, BOTS))
    first, again, other = synthesise(scenario), synthesise(scenario, seed=1), synthesise(scenario, seed=2)
    assert first.page_views.tobytes() == again.page_views.tobytes()
    assert first.model_views.tobytes() == again.model_views.tobytes()
    assert first.page_views.tobytes() != other.page_views.tobytes()


def test_every_array_is_read_only_finite_and_of_its_shape(shop) -> None:
    demand = synthesise(shop(monthly_visitors={"europe": 5e4, "japan": 0}, months=2, events=(SALE,)))
    assert demand.geographies == ("europe", "japan")
    assert demand.page_views.shape == demand.model_views.shape == (2, 61 * 1440)
    assert demand.asset_stored_gb.shape == demand.database_stored_gb.shape == (61,)
    for array in (demand.page_views, demand.model_views, demand.asset_stored_gb, demand.database_stored_gb):
        assert np.all(np.isfinite(array))
        assert array.min() >= 0
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert demand.page_views[1].sum() == 0
    assert np.array_equal(demand.page_views, np.floor(demand.page_views))


def test_mean_over_seeds_is_what_the_user_said(shop) -> None:
    scenario = shop(monthly_visitors={"europe": 40_000}, month_weights=(1,) * 12)
    totals = [synthesise(scenario, seed).page_views.sum() for seed in range(20)]
    # One month strays by about 1 % (slow swings), so the mean of 20 by 0.25 %.
    assert np.mean(totals) == pytest.approx(40_000 * PER_VISITOR, rel=0.01)
    assert np.std(totals) / np.mean(totals) < 0.03


def test_without_noise_only_counting_is_left(shop) -> None:
    scenario = shop(monthly_visitors={"europe": 1e8}, minute_noise_ratio=0, drift_ratio=0)
    assert synthesise(scenario).page_views.sum() == pytest.approx(1e8 * PER_VISITOR, rel=1e-4)


def test_a_further_geography_month_or_bot_leaves_the_rest_as_it_was(shop) -> None:
    alone = synthesise(shop(monthly_visitors={"europe": 3e5}, events=(SALE,)))
    more = synthesise(shop(monthly_visitors={"japan": 1e6, "europe": 3e5}, events=(SALE,)))
    longer = synthesise(shop(monthly_visitors={"europe": 3e5}, months=3, events=(SALE,)))
    bots = synthesise(shop(monthly_visitors={"europe": 3e5}, events=(SALE, BOTS)))
    assert np.array_equal(more.page_views[1], alone.page_views[0])
    assert np.array_equal(longer.page_views[:, : alone.minutes], alone.page_views)
    assert np.array_equal(bots.model_views, alone.model_views)
    assert np.all(bots.page_views >= alone.page_views)
    assert bots.page_views.sum() > alone.page_views.sum()


@given(
    visitors=st.floats(1, 1e8),
    factor=st.floats(1, 50),
    seed=st.integers(0, 2**63 - 1),
    noise=st.floats(0, 2),
)
@settings(max_examples=12, deadline=None)
def test_more_visitors_never_mean_fewer_page_views_in_any_minute(shop, visitors, factor, seed, noise) -> None:
    fewer, more = (
        synthesise(shop(monthly_visitors={"europe": n}, minute_noise_ratio=noise, events=(SALE, BOTS)), seed)
        for n in (visitors, visitors * factor)
    )
    assert np.all(more.page_views >= fewer.page_views)
    assert np.all(more.model_views >= fewer.model_views)


@pytest.mark.parametrize("factor", [1.001, 1.01, 1.3])
def test_more_load_adds_jobs_and_moves_none(shop, factor) -> None:
    scenario = shop(minute_noise_ratio=0.3, rendering={"jobs_per_1000_page_views": 2})
    usual = synthesise(scenario)
    for more in (synthesise(scenario, load_factor=factor), usual.scaled(factor)):
        assert np.all(more.render_jobs >= usual.render_jobs)
        assert more.render_jobs.sum() > usual.render_jobs.sum()


@pytest.mark.parametrize("seed", range(5))
def test_jobs_are_as_many_as_the_page_views_say(shop, seed) -> None:
    demand = synthesise(shop(rendering={"jobs_per_1000_page_views": 2}), seed)
    expected = float(demand.total_page_views.sum()) * 0.002
    assert demand.render_jobs.sum() == pytest.approx(expected, abs=4 * math.sqrt(expected))
    assert np.array_equal(demand.render_jobs, np.floor(demand.render_jobs))
    assert not np.array_equal(demand.render_jobs, replace(demand, seed=seed + 1).render_jobs)


def test_a_shop_too_small_for_a_job_still_has_rendering(shop) -> None:
    """Its queue and workers must be there when one comes."""
    few, none = (
        synthesise(shop(rendering={"jobs_per_1000_page_views": jobs}, monthly_visitors={"europe": 20}))
        for jobs in (0.001, 0)
    )
    assert not few.render_jobs.any()
    assert (few.has_rendering, none.has_rendering) == (True, False)


def test_an_event_raises_its_own_geographies_only(shop) -> None:
    steady = {"weekday_weights": (1,) * 7, "minute_noise_ratio": 0, "drift_ratio": 0}
    visitors = {"europe": 1e6, "japan": 1e6}
    usual = synthesise(shop(monthly_visitors=visitors, **steady))
    sale = synthesise(
        shop(monthly_visitors=visitors, events=({**SALE, "geographies": ("japan",)},), **steady)
    )
    assert np.array_equal(sale.page_views[0], usual.page_views[0])
    assert np.all(sale.page_views[1] >= usual.page_views[1])
    # Peak 4 x: (4 - 1) x 1e6 x 6.5 / 43 200 = 451 a minute on top, held for an hour.
    held = slice(26 * 1440 + 20 * 60 + 1, 26 * 1440 + 21 * 60 + 1)
    extra = (sale.page_views[1] - usual.page_views[1])[held].mean()
    assert extra == pytest.approx(3 * 1e6 * PER_VISITOR / 43_200, rel=0.03)


def test_models_are_opened_by_shoppers_at_the_stated_ratio(shop) -> None:
    demand = synthesise(shop(monthly_visitors={"europe": 1e6}))
    assert demand.model_views == pytest.approx(demand.page_views * 0.195)


def test_a_trace_is_parsed_once_and_again_when_its_content_changes(shop, tmp_path, monkeypatch) -> None:
    file = tmp_path / "trace.csv"
    parsed = []
    read_trace = trace_room.read_trace
    monkeypatch.setattr(trace_room, "read_trace", lambda trace: parsed.append(trace) or read_trace(trace))

    def replay(busy_hour: int, seed: int) -> np.ndarray:
        rows = [
            f"2026-11-0{1 + h // 24}T{h % 24:02d}:00:00Z,{9 if h % 24 == busy_hour else 1}" for h in range(48)
        ]
        file.write_text("\n".join(["timestamp,value", *rows]))
        return synthesise(shop(trace={"file": file}), seed).total_page_views

    first = replay(6, seed=1)
    replay(6, seed=2)
    assert len(parsed) == 1
    moved = replay(7, seed=1)  # as many bytes, and perhaps in the same instant
    assert len(parsed) == 2
    assert moved[7 * 60 : 8 * 60].sum() > 4 * first[7 * 60 : 8 * 60].sum()
    file.unlink()
    with pytest.raises(ScenarioError, match="cannot be read"):
        synthesise(shop(trace={"file": file}))
