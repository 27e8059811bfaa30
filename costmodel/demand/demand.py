"""The load of a shop, minute by minute, fanned out from shoppers to every tier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.memory import Remembering
from costmodel.demand.noise import EVERYWHERE, random_stream, round_at_random
from costmodel.demand.outages import OutageLoss


@dataclass(frozen=True, slots=True)
class FanOut:
    """What one page view, one opened 3D model and one API call set in motion.

    Every figure comes from the scenario; nothing here is assumed.
    """

    static_requests_per_page_view: float
    """Images, scripts and styles fetched from the edge, after the browser's own cache."""
    static_bytes_per_page_view: float
    model_requests_per_view: float
    """Object requests per opened 3D model, after the browser's own cache."""
    model_bytes_per_view: float
    """Bytes delivered per opened 3D model, compressed as served, after the browser's own cache."""
    api_calls_per_page_view: float
    api_request_bytes: float
    api_response_bytes: float
    api_post_ratio: float
    """Share of API calls that are POST, PUT, PATCH or DELETE."""
    reads_per_api_call: float
    writes_per_api_call: float
    render_jobs_per_page_view: float
    sessions_per_page_view: float


@dataclass(frozen=True, eq=False)
class Demand(Remembering):
    """Per-minute load in UTC. Arrays over geographies have shape (geographies, minutes), others
    (minutes,) or (days,); counts are counts in that minute. Every array is read-only. What one multiplication
    gives is made anew each time: a demand is large enough.
    """

    calendar: Calendar
    geographies: tuple[str, ...]
    """CloudFront billing geographies, such as `europe`."""
    page_views: FloatArray
    """Pages asked for, shape (geographies, minutes): shoppers and bots."""
    model_views: FloatArray
    """3D models opened by shoppers, shape (geographies, minutes)."""
    fan_out: FanOut
    asset_stored_gb: FloatArray
    """Bytes of current assets in the bucket, models in the scenario's own format, shape (days,)."""
    database_stored_gb: FloatArray
    """Bytes in the database, shape (days,)."""
    arrival_scv: float = 1.0
    """Squared coefficient of variation of the time between calls within a minute; 1 for independent ones."""
    trace_note: str = ""
    """What the trace holds that gave the shape, gaps included; empty without a trace."""
    outage_loss: OutageLoss | None = None
    """What regional outages keep from the tiers, and so from every array here; None without one."""
    seed: int = 0
    """Fixes in which minutes page views start a rendering job."""

    @property
    def minutes(self) -> int:
        return self.calendar.minutes

    @property
    def days(self) -> int:
        return self.calendar.days

    @cached_property
    def total_page_views(self) -> FloatArray:
        """Page views of all geographies, shape (minutes,)."""
        return read_only(self.page_views.sum(axis=0))

    @cached_property
    def api_requests(self) -> FloatArray:
        """API calls, shape (minutes,)."""
        return read_only(self.total_page_views * self.fan_out.api_calls_per_page_view)

    @cached_property
    def total_api_requests(self) -> float:
        """API calls in the whole run."""
        return float(self.api_requests.sum())

    @cached_property
    def lost_api_requests(self) -> float:
        """API calls that found the region down, in the whole run."""
        if self.outage_loss is None:
            return 0.0
        return float(self.outage_loss.page_views.sum()) * self.fan_out.api_calls_per_page_view

    @cached_property
    def lost_ratio(self) -> float:
        """Share of all API calls that found the region down; 0 when nobody calls."""
        asked = self.lost_api_requests + self.total_api_requests
        return self.lost_api_requests / asked if asked > 0 else 0.0

    @property
    def reads(self) -> FloatArray:
        """Database reads, shape (minutes,)."""
        return read_only(self.api_requests * self.fan_out.reads_per_api_call)

    @property
    def writes(self) -> FloatArray:
        """Database writes, shape (minutes,)."""
        return read_only(self.api_requests * self.fan_out.writes_per_api_call)

    @property
    def has_rendering(self) -> bool:
        """Whether page views start rendering jobs, be they so few that none falls into these months."""
        return self.fan_out.render_jobs_per_page_view > 0 and bool(self.total_page_views.any())

    @cached_property
    def render_jobs(self) -> FloatArray:
        """Rendering jobs submitted, shape (minutes,), whole ones.

        So a worker that sleeps between rare jobs wakes for one job and not for a hundredth of it. More page
        views add jobs and leave the others where they are.
        """
        jobs = self.total_page_views * self.fan_out.render_jobs_per_page_view
        return read_only(round_at_random(jobs, random_stream(self.seed, EVERYWHERE, "rendering jobs")))

    @property
    def sessions(self) -> FloatArray:
        """Sessions, shape (minutes,), at the pace of their page views."""
        return read_only(self.total_page_views * self.fan_out.sessions_per_page_view)

    @property
    def asset_requests(self) -> FloatArray:
        """Cacheable object requests at the edge, shape (geographies, minutes)."""
        return read_only(
            self.page_views * self.fan_out.static_requests_per_page_view
            + self.model_views * self.fan_out.model_requests_per_view
        )

    @property
    def asset_bytes(self) -> FloatArray:
        """Bytes of cacheable objects sent to viewers, shape (geographies, minutes)."""
        return read_only(
            self.page_views * self.fan_out.static_bytes_per_page_view
            + self.model_views * self.fan_out.model_bytes_per_view
        )

    @cached_property
    def daily_page_views(self) -> FloatArray:
        """Page views per day, shape (geographies, days)."""
        return self._by_day(self.page_views)

    @cached_property
    def daily_model_views(self) -> FloatArray:
        """3D models opened per day, shape (geographies, days)."""
        return self._by_day(self.model_views)

    @cached_property
    def daily_api_requests(self) -> FloatArray:
        """API calls per day, shape (geographies, days)."""
        return read_only(self.daily_page_views * self.fan_out.api_calls_per_page_view)

    @cached_property
    def daily_asset_requests(self) -> FloatArray:
        """Cacheable object requests at the edge per day, shape (geographies, days)."""
        return read_only(
            self.daily_page_views * self.fan_out.static_requests_per_page_view
            + self.daily_model_views * self.fan_out.model_requests_per_view
        )

    @cached_property
    def daily_asset_bytes(self) -> FloatArray:
        """Bytes of cacheable objects sent to viewers per day, shape (geographies, days)."""
        return read_only(
            self.daily_page_views * self.fan_out.static_bytes_per_page_view
            + self.daily_model_views * self.fan_out.model_bytes_per_view
        )

    def _by_day(self, per_minute: FloatArray) -> FloatArray:
        return read_only(per_minute.reshape(len(self.geographies), self.days, -1).sum(axis=2))

    def scaled(self, ratio: float) -> Demand:
        """The same shop with this share of the traffic, 0 or more, all the time; what is stored stays."""
        lost = self.outage_loss
        return replace(
            self,
            page_views=read_only(self.page_views * ratio),
            model_views=read_only(self.model_views * ratio),
            outage_loss=lost and replace(lost, page_views=read_only(lost.page_views * ratio)),
        )

    def part(self, share: FloatArray) -> Demand:
        """What servers see that get this share of each minute's traffic, shape (minutes,), wherever it comes from;
        what is stored stays.
        """
        lost = self.outage_loss
        return replace(
            self,
            geographies=(EVERYWHERE,),
            page_views=_shared(self.page_views, share),
            model_views=_shared(self.model_views, share),
            outage_loss=lost and replace(lost, page_views=_shared(lost.page_views, share)),
        )

    def daily(self, per_minute: FloatArray) -> FloatArray:
        """Totals per day of an array of shape (minutes,), giving shape (days,)."""
        return self.calendar.per_day(per_minute)


def _shared(rows: FloatArray, share: FloatArray) -> FloatArray:
    """A share of each minute of all rows together, shape (1, minutes), without a second array of all rows."""
    total = rows[0] * share
    for row in rows[1:]:
        total += row * share
    return read_only(total[np.newaxis])


def read_only(array: FloatArray) -> FloatArray:
    """Freeze an array in place and return it, so that a shared result cannot be changed."""
    out = np.asarray(array, dtype=np.float64)
    out.flags.writeable = False
    return out
