"""What one page view sets in motion, and what is stored: shoppers' clicks to bytes and calls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.demand import FanOut
from costmodel.scenario.model import AssetFormat, Content, Scenario
from costmodel.units import BYTES_PER_GB, BYTES_PER_KB, BYTES_PER_MB


class Compression(NamedTuple):
    """Bytes delivered over bytes authored, for the two parts of a model."""

    geometry_ratio: float
    texture_ratio: float


COMPRESSION: dict[AssetFormat, Compression] = {
    "original": Compression(1.0, 1.0),
    "draco_webp_2k": Compression(0.19, 0.101),
    "meshopt_webp_1k": Compression(0.32, 0.043),
}
"""Delivery formats. Content delivery networks do not compress GLB, so these bytes are also stored.

Geometry: Draco 0.19 and meshopt 0.32, medians of 21 models with over 200 KB of geometry. Textures:
what remains of the mean of 18 product-like models, 6.6 MB as authored (0.6 MB of geometry), 0.72 MB
with Draco and WebP up to 2 048 pixels, 0.45 MB with meshopt and WebP up to 1 024 pixels:
(0.72 - 0.19 x 0.6) / 6.0 and (0.45 - 0.32 x 0.6) / 6.0.
Source: Khronos glTF Sample Assets (2023-05), compressed with glTF-Transform 4.5.1 (2026-11).
"""


SIZE_SIGMA: dict[AssetFormat, float] = {"original": 1.26, "draco_webp_2k": 1.23, "meshopt_webp_1k": 1.12}
"""Log standard deviation of the sizes of 3D models by delivery format.

Source: 18 product-like models of Khronos glTF Sample Assets (2023-05), compressed with glTF-Transform
4.5.1 (2026-11).
"""


def served_model_bytes(content: Content, asset_format: AssetFormat) -> float:
    """Bytes of one 3D model as delivered in this format."""
    compression = COMPRESSION[asset_format]
    return BYTES_PER_MB * (
        float(content.model_geometry_mb) * compression.geometry_ratio
        + float(content.model_texture_mb) * compression.texture_ratio
    )


def original_model_bytes(content: Content) -> float:
    """Bytes of one 3D model as authored."""
    return BYTES_PER_MB * (float(content.model_geometry_mb) + float(content.model_texture_mb))


def model_views_per_page_view(scenario: Scenario) -> float:
    """3D models opened per page view of a shopper."""
    content = scenario.content
    product_views = float(content.product_views_per_session) / float(scenario.traffic.page_views_per_session)
    return product_views * float(content.viewer_open_ratio) * float(content.models_per_viewer_open)


def fan_out(scenario: Scenario) -> FanOut:
    """What one page view, one opened model and one API call set in motion."""
    content, api, database = scenario.content, scenario.api, scenario.database
    edge_ratio = 1.0 - float(content.model_browser_hit_ratio)
    return FanOut(
        static_requests_per_page_view=float(content.static_requests_per_page_view),
        static_bytes_per_page_view=float(content.static_kb_per_page_view) * BYTES_PER_KB,
        model_requests_per_view=edge_ratio,
        model_bytes_per_view=edge_ratio * served_model_bytes(content, content.asset_format),
        api_calls_per_page_view=float(api.calls_per_page_view),
        api_request_bytes=float(api.request_kb) * BYTES_PER_KB,
        api_response_bytes=float(api.response_kb) * BYTES_PER_KB,
        api_post_ratio=float(api.post_ratio),
        reads_per_api_call=float(database.reads_per_call),
        writes_per_api_call=float(database.writes_per_call),
        render_jobs_per_page_view=float(scenario.rendering.jobs_per_1000_page_views) / 1000.0,
        sessions_per_page_view=1.0 / float(scenario.traffic.page_views_per_session),
    )


def served_files_per_product(content: Content) -> float:
    """Stored files of a product that viewers ask for: the original as authored stays in the bucket.

    The first stored file of a product is the served one, the second the original, any more are served
    ones in further qualities.
    """
    return float(content.variants_stored) - _originals_per_product(content)


def _originals_per_product(content: Content) -> float:
    return min(max(float(content.variants_stored) - 1.0, 0.0), 1.0)


def models_stored_gb(content: Content, asset_format: AssetFormat) -> float:
    """Current bytes of the catalogue's models when they are served in this format."""
    product_bytes = served_files_per_product(content) * served_model_bytes(content, asset_format)
    product_bytes += _originals_per_product(content) * original_model_bytes(content)
    return content.catalogue_products * product_bytes / BYTES_PER_GB


class Delivered(NamedTuple):
    """The format that 3D models are delivered in. CloudFront does not compress them: they are stored like this.

    Source: Amazon CloudFront Developer Guide, "Serving compressed files", file types (2023-06): no
    `model/*`, no images, no `application/octet-stream`.
    """

    asset_format: AssetFormat
    size_sigma: float
    """Log standard deviation of the sizes of 3D models."""
    bytes_ratio: float = 1.0
    """Bytes of a model over those in the scenario's own format."""
    more_stored_gb: float = 0.0
    """Bytes stored beyond those in the scenario's own format."""

    @classmethod
    def of(cls, content: Content, asset_format: AssetFormat) -> Delivered:
        """A format beside the scenario's own."""
        own = content.asset_format
        return cls(
            asset_format,
            SIZE_SIGMA[asset_format],
            served_model_bytes(content, asset_format) / served_model_bytes(content, own),
            models_stored_gb(content, asset_format) - models_stored_gb(content, own),
        )


def static_files(content: Content) -> float:
    """Images, scripts and styles in the bucket: what one page needs, for every product."""
    return content.catalogue_products * float(content.static_requests_per_page_view)


def static_stored_gb(content: Content) -> float:
    """Current bytes of images, scripts and styles."""
    return content.catalogue_products * float(content.static_kb_per_page_view) * BYTES_PER_KB / BYTES_PER_GB


def asset_stored_gb(content: Content, calendar: Calendar) -> FloatArray:
    """Current bytes of the bucket, models in the scenario's own format and static files, shape (days,).

    Uploads and deploys replace files, so the catalogue keeps its size. Old versions come on top in S3.
    """
    stored_gb = models_stored_gb(content, content.asset_format) + static_stored_gb(content)
    return np.full(calendar.days, stored_gb)


def database_stored_gb(scenario: Scenario, calendar: Calendar) -> FloatArray:
    """Bytes in the database at noon of each day, growing evenly through each month; shape (days,)."""
    months_passed = calendar.month_share_per_day.cumsum() - calendar.month_share_per_day / 2.0
    database = scenario.database
    return np.asarray(float(database.stored_gb) + float(database.growth_gb_per_month) * months_passed)
