"""Scenario -> Demand: the usual load, events on top, swings of the rate, and counting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from costmodel.demand.calendar import BillingPeriod, Calendar, FloatArray
from costmodel.demand.clock import SECONDS_PER_DAY
from costmodel.demand.content import (
    asset_stored_gb,
    database_stored_gb,
    fan_out,
    model_views_per_page_view,
)
from costmodel.demand.demand import Demand, read_only
from costmodel.demand.events import add_event
from costmodel.demand.noise import burst_factor, count_arrivals, random_stream
from costmodel.demand.outages import OutageLoss, served_ratio, with_returning
from costmodel.demand.shapes import hour_of_day_factor, monthly_page_views, trend, usual_rate
from costmodel.demand.trace import TraceSeries, read_once, trace_share
from costmodel.scenario.events import Event, LoadEvent, RegionalOutage
from costmodel.scenario.fields import Geography
from costmodel.scenario.model import Scenario, Traffic
from costmodel.units import SECONDS_PER_MINUTE


def synthesise(scenario: Scenario, seed: int | None = None, load_factor: float = 1.0) -> Demand:
    """Make the load of every minute of the scenario's months.

    The same scenario and seed give the same bytes; `seed` stands in for the scenario's own. With one
    seed, more visitors or a further load never give fewer page views in any minute, and a further
    geography leaves the others as they were; so do further months, unless a trace sets the shape.
    `load_factor` multiplies the rate of every page view, its shape and swings kept. Arrivals are counted
    from the same random numbers, so each minute's count grows with the factor, and its scatter with the root
    of the rate, as that of a busier shop does.
    Raises ScenarioError for a trace that cannot be used.
    """
    seed = scenario.seed if seed is None else seed
    calendar = Calendar.of(BillingPeriod.parse(scenario.start), scenario.months)
    traffic = scenario.traffic
    trace_note = ""
    if traffic.trace is None:
        usual, noise_below_minutes = _profiled(traffic, calendar), np.inf
    else:
        series, report = read_once(traffic.trace)
        trace_note = f"{traffic.trace.file.name}: {report}"
        usual = _measured(traffic, calendar, series, traffic.trace.timezone)
        noise_below_minutes = series.step_s / SECONDS_PER_MINUTE
    burst = burst_factor(
        calendar.minutes,
        seed,
        float(traffic.minute_noise_ratio),
        float(traffic.drift_ratio),
        noise_below_minutes,
    )
    burst *= load_factor
    outages = tuple(event for event in traffic.events if isinstance(event, RegionalOutage))
    served = served_ratio(outages, calendar) if outages else None

    geographies = tuple(traffic.monthly_visitors)
    page_views = np.empty((len(geographies), calendar.minutes))
    model_views = np.empty_like(page_views)
    lost = []
    models_per_page_view = model_views_per_page_view(scenario)
    for row, geography in enumerate(geographies):
        shoppers, bots = _with_events(usual(geography), traffic.events, geography, calendar)
        shoppers = with_returning(shoppers, outages, calendar)
        views, turned_away = _counted(shoppers * burst, served, seed, geography, "shoppers")
        np.multiply(views, models_per_page_view, out=model_views[row])
        if bots is not None:
            crawled, refused = _counted(bots * burst, served, seed, geography, "bots")
            views += crawled
            turned_away = turned_away + refused
        page_views[row] = views
        lost.append(turned_away)
    return Demand(
        calendar=calendar,
        geographies=geographies,
        page_views=read_only(page_views),
        model_views=read_only(model_views),
        fan_out=fan_out(scenario),
        asset_stored_gb=read_only(asset_stored_gb(scenario.content, calendar)),
        database_stored_gb=read_only(database_stored_gb(scenario, calendar)),
        arrival_scv=float(scenario.traffic.arrival_scv),
        trace_note=trace_note,
        outage_loss=None
        if served is None
        else OutageLoss(float((1.0 - served).sum()), read_only(np.stack(lost))),
        seed=seed,
    )


def _counted(
    rate: FloatArray, served: FloatArray | None, seed: int, geography: str, purpose: str
) -> tuple[FloatArray, FloatArray]:
    """Page views of each minute that the region serves, and those it does not; both from one random number."""
    asked = count_arrivals(rate, random_stream(seed, geography, purpose))
    if served is None:
        return asked, np.zeros(0)
    answered = count_arrivals(rate * served, random_stream(seed, geography, purpose))
    return answered, asked - answered


def _profiled(traffic: Traffic, calendar: Calendar) -> Callable[[Geography], FloatArray]:
    return lambda geography: usual_rate(traffic, geography, calendar)


def _measured(
    traffic: Traffic, calendar: Calendar, series: TraceSeries, timezone: str
) -> Callable[[Geography], FloatArray]:
    """Usual rate from a trace: its mean month over the run has the stated visitors.

    The trace is taken as the whole site's, so each geography has the same shape. A trace of daily
    totals says nothing about hours; those then come from the hour weights on each geography's clock.
    """
    shape = trace_share(series, calendar, timezone) * len(calendar.periods)
    growth = trend(traffic, calendar)

    def rate(geography: Geography) -> FloatArray:
        spread = shape
        if series.step_s == SECONDS_PER_DAY:
            spread = shape * hour_of_day_factor(traffic, geography, calendar)
            spread *= shape.sum() / spread.sum()
        return monthly_page_views(traffic, geography) * spread * growth

    return rate


def _with_events(
    usual: FloatArray, events: tuple[Event, ...], geography: Geography, calendar: Calendar
) -> tuple[FloatArray, FloatArray | None]:
    """Rates of shoppers and of bots per minute; None where no bot comes."""
    shoppers, bots = usual, None
    for event in events:
        if not isinstance(event, LoadEvent):
            continue
        if event.geographies is not None and geography not in event.geographies:
            continue
        if event.kind == "bot_scrape":
            bots = np.zeros(calendar.minutes) if bots is None else bots
            add_event(bots, event, usual, calendar)
        else:
            shoppers = usual.copy() if shoppers is usual else shoppers
            add_event(shoppers, event, usual, calendar)
    return shoppers, bots
