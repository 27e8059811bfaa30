import numpy as np
import pytest

from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.content import (
    asset_stored_gb,
    database_stored_gb,
    fan_out,
    model_views_per_page_view,
    original_model_bytes,
    served_model_bytes,
)

MB = 1024**2
NOVEMBER = Calendar.of(BillingPeriod(2026, 11), 1)


@pytest.mark.parametrize(
    ("asset_format", "served_mb"), [("original", 6.6), ("draco_webp_2k", 0.72), ("meshopt_webp_1k", 0.45)]
)
def test_formats_reproduce_the_measured_means(shop, asset_format, served_mb) -> None:
    content = shop(content={"asset_format": asset_format}).content
    assert served_model_bytes(content, asset_format) / MB == pytest.approx(served_mb, rel=1e-9)
    assert original_model_bytes(content) / MB == pytest.approx(6.6)


def test_geometry_and_textures_shrink_apart(shop) -> None:
    content = shop(content={"model_geometry_mb": 5, "model_texture_mb": 0}).content
    assert served_model_bytes(content, "draco_webp_2k") == pytest.approx(5 * 0.19 * MB)


def test_fan_out_by_hand(shop) -> None:
    fan = fan_out(
        shop(
            page_views_per_session=4,
            content={
                "model_browser_hit_ratio": 0.5,
                "asset_format": "original",
                "static_kb_per_page_view": 300,
            },
            api={"request_kb": 2, "response_kb": 8, "post_ratio": 0.1, "calls_per_page_view": 6},
            database={"reads_per_call": 3, "writes_per_call": 0.2},
            rendering={"jobs_per_1000_page_views": 7},
        )
    )
    assert fan.model_requests_per_view == 0.5
    assert fan.model_bytes_per_view == pytest.approx(3.3 * MB)
    assert fan.static_requests_per_page_view == 15
    assert fan.static_bytes_per_page_view == 300 * 1024
    assert (fan.api_calls_per_page_view, fan.api_request_bytes, fan.api_response_bytes) == (6, 2048, 8192)
    assert (fan.api_post_ratio, fan.reads_per_api_call, fan.writes_per_api_call) == (0.1, 3, 0.2)
    assert fan.render_jobs_per_page_view == 0.007
    assert fan.sessions_per_page_view == 0.25


def test_models_per_page_view_by_hand(shop) -> None:
    # 2.5 product pages of 5, of which 30 % open the viewer, 1.3 models each: 0.5 x 0.3 x 1.3
    assert model_views_per_page_view(shop()) == pytest.approx(0.195)


@pytest.mark.parametrize(
    ("variants", "mb_per_product"),
    [(0.5, 0.36), (1, 0.72), (1.5, 0.72 + 3.3), (2, 0.72 + 6.6), (4, 3 * 0.72 + 6.6)],
)
def test_stored_assets_are_served_files_and_originals(shop, variants, mb_per_product) -> None:
    content = shop(
        content={"catalogue_products": 1024, "variants_stored": variants, "static_kb_per_page_view": 0}
    ).content
    stored = asset_stored_gb(content, NOVEMBER)
    assert stored.shape == (30,)
    assert stored == pytest.approx(np.full(30, mb_per_product))


def test_database_grows_day_by_day_and_evenly_per_month(shop) -> None:
    scenario = shop(months=2, database={"stored_gb": 50, "growth_gb_per_month": 3})
    calendar = Calendar.of(BillingPeriod(2026, 11), 2)
    stored = database_stored_gb(scenario, calendar)
    assert stored[0] == pytest.approx(50 + 3 / 60)
    assert stored[:30].mean() == pytest.approx(51.5)
    assert stored[30:].mean() == pytest.approx(54.5)
    assert np.all(np.diff(stored) > 0)
