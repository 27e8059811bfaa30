"""The scenario: everything a user says about a shop, frozen and validated.

Text under a field becomes its description in `costmodel scenario schema`. Every field that has a
default carries the default's unit, source and date; `assumptions.assumptions` lists those in force.
Bounds are wide enough for any shop and narrow enough that no later product overflows.
"""

from __future__ import annotations

import difflib
import zoneinfo
from calendar import monthrange
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from costmodel.scenario.estimate import Estimate, Exact, Listed, Whole, assumed, highest, lowest
from costmodel.scenario.events import Event, LoadEvent, PriceListChange, RegionalOutage
from costmodel.scenario.fields import Family, Geography, Model, Ratio, Rule, distinct, matching, obeying
from costmodel.units import MINUTES_PER_DAY

RegionId = Literal[
    "us-east-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-1",
    "ap-northeast-1",
    "ap-south-1",
    "sa-east-1",
]
AssetFormat = Literal["original", "draco_webp_2k", "meshopt_webp_1k"]

Positive = Annotated[float, Estimate(ge=1e-6, le=1e6)]
ExactRatio = Annotated[float, Exact(ge=0, le=1)]

DYNAMODB_ITEM = "an item in DynamoDB has at most 400 KB: Amazon DynamoDB Developer Guide, quotas, 2023-06"
LAMBDA_MEMORY = "AWS Lambda Developer Guide, quotas, 2023-10"
REPLICAS = "Amazon RDS and Aurora User Guides, replication, 2023-06"
LOG_RETENTIONS = "what a log group can have: CloudWatch Logs API Reference, PutRetentionPolicy, 2023-06"
"""AWS's limits behind bounds below, as a fault tells them."""
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Retentions a log group can have. Source: CloudWatch Logs API Reference, PutRetentionPolicy (2023-06)."""
MAX_MONTHLY_PAGE_VIEWS = 1e12
"""About a hundred times the busiest shop there is."""


def _weights(count: int, order: str) -> AfterValidator:
    def check(weights: tuple[float, ...]) -> tuple[float, ...]:
        if len(weights) != count:
            raise PydanticCustomError(
                "weight_count", "needs {count} values, {order}", {"count": count, "order": order}
            )
        if not any(weights):
            raise PydanticCustomError("all_zero", "needs at least one value above 0")
        return weights

    return AfterValidator(check)


def _timezone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise PydanticCustomError(
            "timezone", "must be an IANA time zone such as UTC or Europe/Berlin{hint}", {"hint": hint}
        ) from None
    return name


def _file_name(file: Path) -> Path:
    text = str(file)
    if text == "." or len(text) > 1_000 or not text.isprintable():
        raise PydanticCustomError("file_name", "must be the name of a CSV or Parquet file")
    return file


Name = Annotated[
    str,
    Field(min_length=1, max_length=80),
    matching(r"\S(.*\S)?", "one line of text that neither begins nor ends with a space"),
]
Column = Annotated[str, Field(min_length=1, max_length=200)]
Month = Annotated[
    str,
    Field(json_schema_extra={"pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])$"}),
    matching(
        r"20[0-9]{2}-(0[1-9]|1[0-2])", "a month from 2000-01 to 2099-12, written YYYY-MM, such as 2026-11"
    ),
]
HourWeights = Annotated[tuple[Annotated[float, Exact(ge=0, le=1e6)], ...], _weights(24, "midnight first")]
WeekdayWeights = Annotated[tuple[Annotated[float, Exact(ge=1e-3, le=1e6)], ...], _weights(7, "Monday first")]
MonthWeights = Annotated[tuple[Annotated[float, Exact(ge=1e-3, le=1e6)], ...], _weights(12, "January first")]


class Trace(Model):
    """A measured series that gives the shape of the traffic over time."""

    file: Annotated[Path, AfterValidator(_file_name)]
    """CSV or Parquet file, relative to the scenario file."""
    time_column: Column = assumed("timestamp", "column name", "convention of this tool")
    """Column that holds the time of each step."""
    value_column: Column = assumed("value", "column name", "convention of this tool")
    """Column that holds the load of each step: requests, visits or orders."""
    timezone: Annotated[str, AfterValidator(_timezone)] = assumed(
        "UTC", "IANA time zone", "convention of this tool"
    )
    """Time zone of times without an offset."""


class Traffic(Model):
    """Who comes, from where, when."""

    monthly_visitors: dict[Geography, Annotated[float, Estimate(ge=0, le=1e10)]] = Field(min_length=1)
    """Visitors in the first month, by CloudFront geography."""
    sessions_per_visitor: Positive = assumed(
        1.3, "sessions per visitor and month", "engineering guess; not published for 3D shops"
    )
    """How often a visitor comes in a month."""
    page_views_per_session: Positive = assumed(
        5.0,
        "page views",
        "engineering guess, range 3 to 8; buyers see about 22 (Contentsquare benchmark 2022)",
        "2022-12",
    )
    """Pages a visitor looks at each time."""
    conversion_ratio: Ratio = assumed(
        0.022,
        "share of sessions that order",
        "range over the industry, 1 to 4 in 100 (Contentsquare, quoted 2024)",
        "2024-12",
    )
    """How often a session ends in an order."""
    margin_per_order_usd: Annotated[float, Estimate(ge=0, le=1e6)] | None = None
    """What an order leaves before AWS is paid. Failed calls then cost the orders they prevent; nothing when left out."""
    growth_per_month_ratio: Annotated[float, Estimate(ge=-0.9, le=10)] = assumed(
        0.0, "ratio per month", "no growth unless the scenario says so"
    )
    """Growth from one month to the next: 0.03 is three percent more each month."""
    hour_weights: HourWeights | None = assumed(
        None,
        "weights",
        "built-in consumer profile: engineering fit, peak 1.8 x the mean at 20 to 22 h, afternoon as NYC taxi demand (NAB)",
        "2015-01",
    )
    """24 weights by local hour of day, midnight first; the built-in consumer profile when left out."""
    weekday_weights: WeekdayWeights | None = assumed(
        None, "weights", "built-in consumer profile: engineering guess, Sunday and Monday 10 % above the mean"
    )
    """7 weights, Monday first; the built-in consumer profile when left out."""
    month_weights: MonthWeights | None = assumed(
        None,
        "weights",
        "built-in retail year: US Census Bureau retail sales 1992 to 2016 without trend",
        "2016-05",
    )
    """12 weights, January first; the built-in retail year when left out."""
    minute_noise_ratio: Annotated[float, Estimate(ge=0, le=2)] = assumed(
        0.10,
        "coefficient of variation of one minute around its 31-minute mean",
        "World Cup 1998 trace (Arlitt and Jin): 0.07 robust, 0.12 rms, computed from the trace",
        "1998-07",
    )
    """How much single minutes jump around their trend."""
    drift_ratio: Annotated[float, Estimate(ge=0, le=2)] = assumed(
        0.12,
        "coefficient of variation of slow swings, from half an hour to a day",
        "AWS load-balancer trace (NAB elb_request_count): long memory, Hurst 0.75",
        "2014-04",
    )
    """How much the load wanders slowly around its usual course."""
    arrival_scv: Annotated[float, Estimate(ge=0, le=100)] = assumed(
        1.0,
        "squared coefficient of variation of the time between calls",
        "Poisson within a minute: many independent shoppers (Palm-Khintchine); the minutes themselves swing as above",
    )
    """How bursty calls are within a minute: 1 for independent ones, more for pages that fire theirs at once."""
    trace: Trace | None = None
    """A measured series to take the shape from, instead of hour and weekday weights and noise."""
    events: tuple[Event, ...] = Field(default=(), max_length=200)
    """What happens at a stated time: extra load, the loss of the region, a change of prices."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        rules: list[Rule] = []
        if sum(lowest(visitors) for visitors in self.monthly_visitors.values()) <= 0:
            rules.append(
                Rule(("monthly_visitors",), "needs at least one geography with more than 0 visitors", 0)
            )
        if self.trace:
            rules += [
                Rule((key,), "is taken from the trace; leave out this key or the trace", value)
                for key in ("hour_weights", "weekday_weights")
                if (value := getattr(self, key)) is not None
            ]
        for index, event in enumerate(self.events):
            if not isinstance(event, LoadEvent):
                continue
            for position, geography in enumerate(event.geographies or ()):
                if not highest(self.monthly_visitors.get(geography, 0.0)):
                    place = ("events", index, "geographies", position)
                    rules.append(
                        Rule(place, "must be a geography with visitors in monthly_visitors", geography)
                    )
        return obeying(self, [*rules, *self._change_rules()])

    def _change_rules(self) -> list[Rule]:
        """Changes of prices of which neither is the more exact nor the later."""
        first: dict[tuple[tuple[str, ...], datetime], int] = {}
        rules = []
        for index, event in enumerate(self.events):
            if not isinstance(event, PriceListChange):
                continue
            earlier = first.setdefault((event.scope, event.start), index)
            if earlier != index:
                problem = (
                    f"changes the same prices from the same day as events.{earlier}; keep one of the two"
                )
                rules.append(Rule(("events", index), problem, event.label))
        return rules


class Content(Model):
    """What a page and a 3D model weigh, and how they are stored."""

    catalogue_products: Annotated[int, Whole(1, 100_000_000)] = assumed(
        2_000, "products", "engineering guess for a mid-size furniture shop"
    )
    """Products in the catalogue, each with a 3D model."""
    product_views_per_session: Positive = assumed(2.5, "product pages", "engineering guess, range 1 to 5")
    """Product pages a visitor opens each time."""
    viewer_open_ratio: Ratio = assumed(0.30, "share of product views", "vendor claims only, range 0.1 to 0.6")
    """Share of product pages on which the visitor starts the 3D viewer."""
    models_per_viewer_open: Annotated[float, Estimate(ge=0.01, le=1_000)] = assumed(
        1.3, "3D models", "engineering guess: one and 0.3 variants"
    )
    """3D models loaded each time the viewer is started: colours and variants count."""
    model_geometry_mb: Annotated[float, Estimate(ge=0.001, le=10_000)] = assumed(
        0.6, "MB as authored", "18 product-like Khronos sample models, 9 % of a mean of 6.6 MB", "2023-05"
    )
    """Geometry of one 3D model as authored, before any compression."""
    model_texture_mb: Annotated[float, Estimate(ge=0, le=10_000)] = assumed(
        6.0, "MB as authored", "18 product-like Khronos sample models, 91 % of a mean of 6.6 MB", "2023-05"
    )
    """Textures of one 3D model as authored, before any compression."""
    asset_format: AssetFormat = assumed(
        "draco_webp_2k",
        "delivery format",
        "Khronos 3D Commerce publishing guidelines 1.0 (3 MB a model, 2K textures)",
        "2023-05",
    )
    """How 3D models are compressed before they are uploaded; CloudFront does not compress them."""
    variants_stored: Annotated[float, Estimate(ge=0.01, le=1_000)] = assumed(
        2.0, "stored files per product", "engineering guess: one served, one original"
    )
    """Files kept for each product."""
    model_browser_hit_ratio: Ratio = assumed(0.02, "share of model requests", "engineering guess")
    """Share of 3D model requests that the browser's own cache answers."""
    static_requests_per_page_view: Annotated[float, Estimate(ge=0, le=1_000)] = assumed(
        15.0, "requests with a warm browser", "engineering guess, range 10 to 60"
    )
    """Images, scripts and styles fetched for one page."""
    static_kb_per_page_view: Annotated[float, Estimate(ge=0, le=100_000)] = assumed(
        300.0,
        "KB with a warm browser",
        "ecoindex reference: cold median 2 420 KB, most of it cached",
        "2024-01",
    )
    """Bytes of images, scripts and styles fetched for one page."""
    noncurrent_ratio: Annotated[float, Estimate(ge=0, le=100)] = assumed(
        0.2, "old versions over current bytes", "engineering guess with a 30-day lifecycle rule"
    )
    """Bytes of old versions kept beside the current files."""
    uploads_per_month: Annotated[float, Estimate(ge=0, le=1e9)] = assumed(500.0, "files", "engineering guess")
    """3D models replaced in a month, each with all its stored files; CloudFront fetches them anew."""
    deploys_per_month: Annotated[float, Estimate(ge=0, le=100_000)] = assumed(
        4.0,
        "deploys",
        "engineering guess: weekly, between the high and the medium performers of DORA, State of DevOps",
        "2024-10",
    )
    """Releases of the shop in a month that replace images, scripts or styles."""
    deploy_changed_ratio: Ratio = assumed(
        0.05, "share of images, scripts and styles", "engineering guess: code changes, product images stay"
    )
    """Share of the static files that one deploy replaces; CloudFront fetches them anew."""
    cache_ttl_hours: Annotated[float, Estimate(ge=0.001, le=8_760)] = assumed(
        720.0, "hours", "immutable, content-hashed file names kept 30 days; CloudFront default is 24 h"
    )
    """How long CloudFront may keep a file before it asks again."""
    invalidated_paths_per_month: Annotated[float, Estimate(ge=0, le=1e9)] = assumed(
        100.0, "paths", "engineering guess"
    )
    """Paths removed from CloudFront by hand; a wildcard counts as one. Each empties one file from the caches."""
    popularity_zipf_exponent: Annotated[float, Estimate(ge=0, le=3)] = assumed(
        0.8, "exponent", "Breslau et al., INFOCOM 1999: 0.64 to 0.83 for web proxies", "1999-03"
    )
    """How uneven the interest in products is: 0 all alike, 1 a few favourites."""


class Api(Model):
    """Dynamic requests: catalogue, search, basket, checkout."""

    calls_per_page_view: Annotated[float, Estimate(ge=0, le=1_000)] = assumed(
        6.0, "API calls", "engineering guess, range 3 to 12"
    )
    """Dynamic requests made for one page."""
    cpu_ms_per_call: Annotated[float, Estimate(ge=0.001, le=60_000)] = assumed(
        12.0, "ms of one m5 vCPU", "engineering guess for a JSON API with server-side templates"
    )
    """Processor time of one call."""
    wait_ms_per_call: Annotated[float, Estimate(ge=0, le=60_000)] = assumed(
        5.0, "ms outside CPU and database", "engineering guess: calls to payment and search"
    )
    """Time one call waits for others."""
    request_kb: Annotated[float, Estimate(ge=0, le=10_240)] = assumed(1.0, "KB", "engineering guess")
    """Size of one request."""
    response_kb: Annotated[float, Estimate(ge=0, le=10_240)] = assumed(
        8.0, "KB", "engineering guess, range 2 to 30"
    )
    """Size of one response."""
    post_ratio: Ratio = assumed(
        0.12, "share of calls", "engineering guess; Shopify BFCM 2024 saw 14 to 17 % writes", "2024-12"
    )
    """Share of calls that change something: POST, PUT, PATCH, DELETE."""
    external_kb_per_call: Annotated[float, Estimate(ge=0, le=10_240)] = assumed(
        0.2, "KB through NAT", "engineering guess: payment and mail providers"
    )
    """Bytes exchanged with services outside AWS for one call."""
    log_kb_per_call: Annotated[float, Estimate(ge=0, le=1_024)] = assumed(
        0.5, "KB", "engineering guess: a Lambda report and one line are 0.3 to 1 KB"
    )
    """Bytes logged for one call."""
    cpu_scv: Annotated[float, Estimate(ge=0, le=100)] = assumed(
        1.0,
        "squared coefficient of variation",
        "exponential; web endpoints have 1 to 4 (engineering guess)",
    )
    """How uneven the processor time of calls is: 0 all alike, 1 exponential, more for a few slow ones."""
    timeout_s: Annotated[float, Exact(ge=0.1, le=900)] = assumed(
        10.0, "s", "common client timeout; engineering guess"
    )
    """How long a client waits before it gives up."""
    retries: Annotated[int, Whole(0, 10)] = assumed(
        0,
        "further attempts",
        "a browser does not repeat a failed fetch by itself; AWS SDKs try 3 times in all",
    )
    """How often a client tries a failed call again, a minute apart."""
    abandoned_work_ratio: Ratio = assumed(
        0.0, "share of work", "engineering guess: servers notice that the client has gone"
    )
    """Share of the work of calls whose client gave up that servers do all the same."""
    bootstrap_s: Annotated[float, Estimate(ge=0, le=3600)] = assumed(
        60.0, "s from network up to serving", "engineering guess for a baked image"
    )
    """How long the application takes to start on a new server."""
    lambda_runtime: Literal["rust", "go", "python3.13", "nodejs22.x", "java21", "ruby3.4", "dotnet8"] = (
        assumed("nodejs22.x", "runtime", "a common choice; init times from maxday/lambda-perf", "2026-08")
    )
    """Language the functions are written in."""
    lambda_init_scale: Annotated[float, Estimate(ge=0.01, le=1_000)] = assumed(
        2.5,
        "times the hello-world init",
        "engineering guess: real functions load code and SDKs, 2 to 4 times",
    )
    """How much longer a function takes to start than an empty one."""


class Rendering(Model):
    """Jobs that make previews, thumbnails and other formats of 3D models."""

    jobs_per_1000_page_views: Annotated[float, Estimate(ge=0, le=1e6)] = assumed(
        0.5, "jobs", "engineering guess: saved room plans and custom previews"
    )
    """Jobs started for every thousand pages."""
    cpu_s_per_job: Annotated[float, Estimate(ge=0.001, le=86_400)] = assumed(
        8.0, "s of one m5 vCPU", "engineering guess"
    )
    """Processor time of one job."""
    memory_gb_per_job: Annotated[float, Estimate(ge=0.125, le=1_024)] = assumed(
        3.0, "GB", "engineering guess for a headless renderer"
    )
    """Memory one job needs. A function has 10 GB at most."""
    deadline_minutes: Annotated[float, Exact(ge=1, le=10_080)] = assumed(
        15.0, "minutes", "engineering guess: the picture is ready before the next visit"
    )
    """99 of 100 jobs must be done within this time of being asked for. A decision, so it takes no range."""
    gpu_speedup: Annotated[float, Estimate(ge=0, le=10_000)] = assumed(
        15.0,
        "m5 vCPUs that one GPU of a g4dn instance stands for",
        "engineering guess for a ray tracer, range 5 to 50; nothing measured for previews of 3D models",
    )
    """How much faster a job runs on a GPU than on one m5 vCPU; 0 if it cannot use one."""


class Database(Model):
    """What API calls ask of the database, and what it holds."""

    engine: Literal["postgresql", "mysql"] = assumed("postgresql", "engine", "convention of this tool")
    """Engine of RDS and Aurora designs."""
    reads_per_call: Annotated[float, Estimate(ge=0, le=1_000)] = assumed(
        2.0, "reads", "engineering guess for catalogue and search calls"
    )
    """Items read for one API call."""
    writes_per_call: Annotated[float, Estimate(ge=0, le=1_000)] = assumed(
        0.15, "writes", "Shopify BFCM 2024: 14 to 17 % writes", "2024-12"
    )
    """Items written for one API call."""
    read_item_kb: Annotated[float, Estimate(ge=0.001, le=400, limit=DYNAMODB_ITEM)] = assumed(
        2.0, "KB", "engineering guess for a product document"
    )
    """Size of one item read; DynamoDB holds at most 400 KB in an item."""
    write_item_kb: Annotated[float, Estimate(ge=0.001, le=400, limit=DYNAMODB_ITEM)] = assumed(
        1.0, "KB", "engineering guess for a basket line"
    )
    """Size of one item written; DynamoDB holds at most 400 KB in an item."""
    consistent_read_ratio: Ratio = assumed(0.2, "share of reads", "engineering guess: basket and stock")
    """Share of reads that must see the last write."""
    transaction_write_ratio: Ratio = assumed(0.1, "share of writes", "engineering guess: checkout")
    """Share of writes that belong to a transaction."""
    secondary_indexes: Annotated[
        int, Whole(0, 20, "of a table in DynamoDB: Amazon DynamoDB Developer Guide, quotas, 2023-06")
    ] = assumed(2, "indexes written per write", "engineering guess; DynamoDB allows 20 by default")
    """Secondary indexes of the main table."""
    read_cpu_ms: Annotated[float, Estimate(ge=0.001, le=60_000)] = assumed(
        0.25,
        "ms of one m5 vCPU per read",
        "PostgresBench: cached indexed queries 3 000 to 5 000 per s and vCPU",
        "2026-07",
    )
    """Processor time of one read in RDS or Aurora."""
    write_cpu_ms: Annotated[float, Estimate(ge=0.001, le=60_000)] = assumed(
        1.25,
        "ms of one m5 vCPU per write",
        "PostgresBench: short transactions 600 to 1 000 per s and vCPU",
        "2026-07",
    )
    """Processor time of one write in RDS or Aurora."""
    stored_gb: Annotated[float, Estimate(ge=0.001, le=1e6)] = assumed(
        50.0, "GB at the start", "engineering guess"
    )
    """Bytes in the database on the first day, its indexes included."""
    growth_gb_per_month: Annotated[float, Estimate(ge=0, le=1e5)] = assumed(
        2.0, "GB per month", "engineering guess"
    )
    """How much the database grows in a month."""
    working_set_ratio: Ratio = assumed(
        0.1, "share of stored bytes", "Netflix service-capacity-modeling: 10 %", "2026-08"
    )
    """Share of the bytes that is in use and should fit in memory."""
    io_per_write: Annotated[float, Estimate(ge=0, le=1_000)] = assumed(
        2.1, "I/O per write", "PostgresBench at 100 GB", "2026-07"
    )
    """Disk operations caused by one write."""
    hottest_key_ratio: Ratio = assumed(0.005, "share of requests", "engineering guess")
    """Share of requests that go to the single most wanted item."""
    backup_retention_days: Annotated[
        int, Whole(1, 35, "Amazon RDS User Guide, backup retention period; DynamoDB restores as far back")
    ] = assumed(
        7, "days", "engineering guess; AWS Well-Architected REL09-BP03 asks for automatic backups", "2026-05"
    )
    """Days that automatic backups are kept."""


class Network(Model):
    """How the region is laid out."""

    availability_zones: Annotated[int, Whole(2, 3)] = assumed(
        2, "zones", "AWS Well-Architected REL10-BP01 asks for two or more", "2026-05"
    )
    """Zones the shop runs in."""
    interface_endpoints: Annotated[int, Whole(0, 100)] = assumed(
        0, "endpoints", "gateway endpoints to S3 and DynamoDB are free and serve most shops", "2023-06"
    )
    """AWS services that private subnets reach through an interface endpoint instead of NAT, logs first."""
    second_region: RegionId | None = None
    """Region that keeps a copy of the assets, and what else the regional objectives ask for; none when left out."""


class Monitoring(Model):
    """What is measured, logged and watched beyond what a design needs itself."""

    custom_metrics: Annotated[int, Whole(0, 10_000_000)] = assumed(20, "metrics", "engineering guess")
    """Metrics the application publishes itself."""
    alarms: Annotated[int, Whole(0, 100_000)] = assumed(10, "alarms", "engineering guess")
    """Alarms beyond those of the design."""
    dashboards: Annotated[int, Whole(0, 1_000)] = assumed(1, "dashboards", "engineering guess")
    """CloudWatch dashboards."""
    log_retention_days: Annotated[int, Listed(LOG_RETENTION_DAYS, LOG_RETENTIONS)] = assumed(
        30, "days", "engineering guess, range 30 to 90; AWS Well-Architected SEC04-BP01", "2026-05"
    )
    """Days that logs are kept."""


class Security(Model):
    """Protection on the path and at rest."""

    waf: bool = assumed(True, "on or off", "AWS Well-Architected SEC05-BP02", "2026-05")
    """Whether AWS WAF inspects requests."""
    waf_rules: Annotated[int, Whole(0, 1_500)] = assumed(
        4, "rules", "engineering guess: three managed groups and a rate limit"
    )
    """Rules and managed rule groups in the web ACL."""
    kms_keys: Annotated[int, Whole(0, 10_000)] = assumed(
        2,
        "customer-managed keys",
        "one for data, one for logs; AWS Well-Architected SEC08-BP02",
        "2026-05",
    )
    """Encryption keys of your own."""


Preset = Literal["cost", "balanced", "performance"]
Aim = Literal["expected_cost", "p90_cost", "cvar_cost", "regret", "latency"]
PRESETS: dict[Preset, tuple[Aim, float]] = {
    "cost": ("expected_cost", 0.0),
    "balanced": ("p90_cost", 0.9),
    "performance": ("latency", 0.99),
}
"""What each preset minimises, and the least share of draws in which the other objectives must hold."""


class Objectives(Model):
    """What any recommended design must meet, and what is made small. Decisions, so they take no ranges."""

    preset: Preset = assumed("cost", "preset", "convention of this tool")
    """`cost`: least expected cost. `balanced`: least cost at the 90th percentile, of what holds in 90 of 100 draws. `performance`: least latency up to a quarter above the least expected cost, of what holds in 99 of 100."""
    minimise: Aim | None = None
    """What to make small, over draws of uncertain inputs and traffic; the preset's when left out."""
    hold_ratio: ExactRatio | None = None
    """Least share of draws in which a design must meet every objective; the preset's when left out. At 0 it must do so for the middle inputs alone."""

    api_p95_ms: Annotated[float, Exact(ge=1, le=900_000)] = assumed(300.0, "ms", "engineering guess")
    """95 of 100 API calls must be answered within this time."""
    api_p99_ms: Annotated[float, Exact(ge=1, le=900_000)] = assumed(800.0, "ms", "engineering guess")
    """99 of 100 API calls must be answered within this time."""
    availability_ratio: ExactRatio = assumed(
        0.998,
        "ratio",
        "product of the AWS service-level agreements of load balancer, compute and database, rounded down",
    )
    """Least composed service-level agreement, content delivery left out."""
    error_ratio: ExactRatio = assumed(0.001, "share of API calls", "engineering guess: three nines")
    """Most API calls that may fail."""
    rto_minutes: Annotated[float, Exact(ge=0, le=1e6)] = assumed(
        15.0, "minutes to recover from the loss of a zone", "engineering guess"
    )
    """Longest time to serve again after the loss of a zone."""
    rpo_minutes: Annotated[float, Exact(ge=0, le=1e6)] = assumed(
        5.0,
        "minutes of work lost with a zone",
        "Amazon RDS User Guide: point-in-time recovery to within 5 minutes",
        "2023-06",
    )
    """Most work that may be lost with a zone."""
    first_view_p95_ms: Annotated[float, Exact(ge=1, le=3_600_000)] | None = None
    """95 of 100 first views of a 3D model must be complete within this time, in every geography; no limit when left out."""
    region_rto_minutes: Annotated[float, Exact(ge=0, le=1e6)] | None = None
    """Longest time to serve again, from `network.second_region`, after the loss of the region; no objective when left out."""
    region_rpo_minutes: Annotated[float, Exact(ge=0, le=1e6)] | None = None
    """Most work that may be lost with the region; no objective when left out."""
    carbon_usd_per_tonne: Annotated[float, Exact(ge=0, le=1e6)] | None = None
    """What a tonne of CO2e is worth in the choice between designs, beside their bill; nothing when left out."""
    count_outages: bool = assumed(
        False, "on or off", "convention of this tool: no design in one region outlives the loss of its region"
    )
    """Whether calls lost to a regional outage count in `error_ratio`. They are reported either way."""

    @property
    def aim(self) -> Aim:
        """What is made small."""
        return self.minimise or PRESETS[self.preset][0]

    @property
    def least_hold_ratio(self) -> float:
        """Least share of draws in which a design must meet every objective."""
        return PRESETS[self.preset][1] if self.hold_ratio is None else self.hold_ratio

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.api_p95_ms <= self.api_p99_ms:
            return self
        problem = f"must not exceed api_p99_ms, which is {self.api_p99_ms:g}"
        return obeying(self, [Rule(("api_p95_ms",), problem, self.api_p95_ms)])


ComputeKind = Literal["ec2", "lambda", "lambda_managed", "hybrid"]
DatabaseKind = Literal[
    "rds", "aurora", "aurora_serverless", "dynamodb_on_demand", "dynamodb_provisioned", "dynamodb_dax"
]
DeliveryKind = Literal["pay_as_you_go", "flat_rate"]
LoadBalancerKind = Literal["alb", "nlb"]
RenderingKind = Literal["lambda_workers", "ec2_workers", "spot_workers"]
Purchase = Literal["on_demand", "reserved_1yr_no_upfront", "reserved_3yr_no_upfront"]
Plan = Literal[
    "compute_savings_plan_1yr_no_upfront",
    "compute_savings_plan_1yr_partial_upfront",
    "compute_savings_plan_1yr_all_upfront",
    "compute_savings_plan_3yr_no_upfront",
    "compute_savings_plan_3yr_partial_upfront",
    "compute_savings_plan_3yr_all_upfront",
    "instance_savings_plan_1yr_no_upfront",
    "instance_savings_plan_1yr_partial_upfront",
    "instance_savings_plan_1yr_all_upfront",
    "instance_savings_plan_3yr_no_upfront",
    "instance_savings_plan_3yr_partial_upfront",
    "instance_savings_plan_3yr_all_upfront",
    "database_savings_plan_1yr_no_upfront",
    "security_savings_bundle_1yr_monthly",
]


Commitment = Literal[Purchase, Plan]
PURCHASES: tuple[Purchase, ...] = get_args(Purchase)
PLANS: tuple[Plan, ...] = get_args(Plan)


class Constraints(Model):
    """What the search may choose from."""

    compute: Annotated[tuple[ComputeKind, ...], AfterValidator(distinct)] = assumed(
        ("ec2", "lambda", "hybrid"),
        "kinds",
        "all but Lambda Managed Instances, whose fee no price list here holds",
    )
    """Forms of compute to consider; a hybrid is a fixed EC2 group with Lambda for the overflow."""
    database: Annotated[tuple[DatabaseKind, ...], AfterValidator(distinct)] = assumed(
        ("rds", "aurora", "aurora_serverless", "dynamodb_on_demand", "dynamodb_provisioned"),
        "kinds",
        "all but DynamoDB Accelerator, whose nodes the shipped prices leave out",
    )
    """Forms of database to consider."""
    delivery: Annotated[tuple[DeliveryKind, ...], AfterValidator(distinct)] = assumed(
        ("pay_as_you_go", "flat_rate"), "kinds", "everything the tool models"
    )
    """Ways to pay for CloudFront to consider."""
    asset_formats: Annotated[tuple[AssetFormat, ...], AfterValidator(distinct)] | None = None
    """Formats to consider delivering 3D models in, `content.asset_format` among them; that one alone when left out."""
    load_balancer: Annotated[tuple[LoadBalancerKind, ...], AfterValidator(distinct)] = assumed(
        ("alb",), "kinds", "engineering guess: an ALB routes by path and host"
    )
    """Load balancers to consider."""
    rendering: Annotated[tuple[RenderingKind, ...], AfterValidator(distinct)] = assumed(
        ("lambda_workers", "ec2_workers", "spot_workers"), "kinds", "everything the tool models"
    )
    """Workers to consider for rendering jobs: functions, EC2 on demand, EC2 spot."""
    instance_families: Annotated[tuple[Family, ...], AfterValidator(distinct)] = assumed(
        ("c7g", "m7g", "c7i", "m7i", "c6g", "m6g", "t4g", "g4dn"),
        "EC2 families",
        "current general, compute and GPU families priced in all eight regions",
    )
    """EC2 families to consider: for API calls all but g4dn, which has GPUs; for rendering all but burstable ones."""
    database_families: Annotated[tuple[Family, ...], AfterValidator(distinct)] = assumed(
        ("t4g", "m7g", "r7g", "m6g", "r6g"),
        "RDS and Aurora families",
        "Graviton families priced in all eight regions",
    )
    """RDS and Aurora instance families to consider."""
    commitments: Annotated[tuple[Commitment, ...], AfterValidator(distinct)] = assumed(
        ("on_demand",), "terms", "no commitment unless allowed"
    )
    """Purchase terms to consider; plans lie on top of what runs on demand."""
    spot: bool = assumed(False, "on or off", "no interruptible capacity unless allowed")
    """Whether EC2 groups may run on spot instances above an on-demand base."""
    cpu_target_ratios: Annotated[
        tuple[
            Annotated[
                float,
                Exact(ge=0.01, le=1, limit="Amazon EC2 Auto Scaling User Guide, target tracking, 2023-06"),
            ],
            ...,
        ],
        AfterValidator(distinct),
    ] = assumed((0.5, 0.7), "share of the CPU", "engineering guess: 70 % for steady load, 50 % for bursts")
    """CPU targets of EC2 Auto Scaling to consider."""
    max_instances: Annotated[int, Whole(1, 5_000)] | None = None
    """Most EC2 instances that a group may grow to; what the load needs when left out."""
    min_instances: Annotated[int, Whole(1, 5_000)] | None = None
    """Fewest EC2 instances that a group keeps; one a zone when left out."""
    lambda_memory_mb: Annotated[
        tuple[Annotated[int, Whole(128, 10_240, LAMBDA_MEMORY)], ...], AfterValidator(distinct)
    ] = assumed((512, 1024, 1769, 3008), "MB", "engineering guess: from a third to nearly two vCPUs")
    """Memory sizes of functions to consider."""
    read_replicas: (
        Annotated[tuple[Annotated[int, Whole(0, 15, REPLICAS)], ...], AfterValidator(distinct)] | None
    ) = None
    """Numbers of read replicas in RDS and readers in Aurora to consider; none and, where it helps, one when left out."""
    dynamodb_target_ratios: Annotated[
        tuple[
            Annotated[
                float, Exact(ge=0.2, le=0.9, limit="Amazon DynamoDB Developer Guide, auto scaling, 2023-06")
            ],
            ...,
        ],
        AfterValidator(distinct),
    ] = assumed(
        (0.7, 0.5),
        "share of provisioned units",
        "0.7 is AWS's default; 0.5 leaves room for bursts",
        "2023-06",
    )
    """Targets of DynamoDB auto scaling to consider."""
    monthly_budget_usd: Annotated[float, Exact(ge=0.01, le=1e9)] | None = None
    """Highest mean monthly cost a candidate may have; no limit when left out."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        rules = []
        if "ec2" not in self.compute and "alb" not in self.load_balancer:
            kinds = " or ".join(self.compute)
            problem = f"must include alb when compute is {kinds} only: an NLB cannot call functions"
            rules.append(Rule(("load_balancer",), problem, list(self.load_balancer)))
        if self.min_instances and self.max_instances and self.max_instances < self.min_instances:
            problem = (
                f"must not be below min_instances, {self.min_instances} "
                "(Amazon EC2 Auto Scaling API Reference, CreateAutoScalingGroup, MaxSize)"
            )
            rules.append(Rule(("max_instances",), problem, self.max_instances))
        if self.plans and "on_demand" not in self.commitments:
            problem = "must include on_demand beside a plan, which covers what runs on demand"
            rules.append(Rule(("commitments",), problem, list(self.commitments)))
        return obeying(self, rules)

    @property
    def purchases(self) -> tuple[Purchase, ...]:
        """Of the commitments, the ways to buy an instance."""
        return tuple(one for one in PURCHASES if one in self.commitments)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Of the commitments, those that cover use of many designs."""
        return tuple(one for one in PLANS if one in self.commitments)


class Account(Model):
    """The AWS account the shop runs in."""

    free_tier: bool = assumed(
        True, "on or off", "always-free allowances, unused by anything else in the account"
    )
    """Whether the always-free allowances are still unused."""
    lambda_concurrency: Annotated[int, Whole(10, 1_000_000)] = assumed(
        1_000, "concurrent executions per region", "AWS Lambda Developer Guide, quotas", "2023-10"
    )
    """Functions that may run at the same time."""
    ec2_gpu_vcpus: Annotated[int, Whole(0, 1_000_000)] = assumed(
        64,
        "vCPUs of G and VT instances per region",
        "engineering guess: a raised quota; new accounts start at 0",
    )
    """vCPUs of instances with a GPU that may run at the same time, on demand and again as spot."""
    ec2_vcpus: Annotated[int, Whole(1, 1_000_000)] = assumed(
        640,
        "on-demand vCPUs per region",
        "engineering guess: a raised standard-instance quota; new accounts start lower",
    )
    """vCPUs that may run at the same time, on demand and again as spot."""
    spot_reclaimed_ratio: Annotated[float, Estimate(ge=0, le=0.95)] = assumed(
        0.15,
        "share of spot instances in a month",
        "middle of the EC2 Spot Advisor's bands, mean over 256 types of the default families in eight regions",
        "2025-07",
    )
    """How much spot capacity EC2 takes back in a month; the Spot Advisor gives a band for each type."""


class Scenario(Model):
    """A shop, its load, what it must achieve and what may be used."""

    name: Name
    """What the shop is called in results."""
    story: Annotated[str, Field(max_length=4_000)] = ""
    """What this scenario is about, in a paragraph."""
    region: RegionId
    """AWS region that serves the shop."""
    start: Month
    """First month simulated, `YYYY-MM`."""
    months: Annotated[int, Whole(1, 36)] = assumed(1, "months", "convention of this tool")
    """How many calendar months are simulated."""
    seed: Annotated[int, Whole(0, 2**63 - 1)] = assumed(1, "seed", "convention of this tool")
    """Fixes the random part of the traffic: the same seed gives the same result."""
    traffic: Traffic
    content: Content = Field(default_factory=Content)
    api: Api = Field(default_factory=Api)
    rendering: Rendering = Field(default_factory=Rendering)
    database: Database = Field(default_factory=Database)
    network: Network = Field(default_factory=Network)
    monitoring: Monitoring = Field(default_factory=Monitoring)
    security: Security = Field(default_factory=Security)
    objectives: Objectives = Field(default_factory=Objectives)
    constraints: Constraints = Field(default_factory=Constraints)
    account: Account = Field(default_factory=Account)

    @model_validator(mode="after")
    def _check(self) -> Self:
        rules = self._event_rules()
        least, most = self._page_views()
        if most > MAX_MONTHLY_PAGE_VIEWS:
            problem = (
                f"leads to {most:,.0f} page views in a month; visitors x sessions x pages x growth "
                f"must stay within {MAX_MONTHLY_PAGE_VIEWS:,.0f}"
            )
            rules.append(Rule(("traffic", "monthly_visitors"), problem, None))
        if least < 1:
            problem = f"leads to {least:.3g} page views in a month; there must be at least 1"
            rules.append(Rule(("traffic", "monthly_visitors"), problem, None))
        if self.network.second_region == self.region:
            problem = "must differ from region; leave it out for a shop in one region"
            rules.append(Rule(("network", "second_region"), problem, self.region))
        asset_format, allowed = self.content.asset_format, self.constraints.asset_formats
        if allowed is not None and asset_format not in allowed:
            problem = f"must include content.asset_format, which is {asset_format}"
            rules.append(Rule(("constraints", "asset_formats"), problem, list(allowed)))
        if self.network.second_region is None:
            for key in ("region_rto_minutes", "region_rpo_minutes"):
                value = getattr(self.objectives, key)
                if value is not None:
                    problem = "needs network.second_region, the region to recover in"
                    rules.append(Rule(("objectives", key), problem, value))
        zones, largest = self.network.availability_zones, self.constraints.max_instances
        if largest is not None and largest < zones:
            problem = f"must be at least network.availability_zones, {zones}: a group has an instance in each"
            rules.append(Rule(("constraints", "max_instances"), problem, largest))
        if self.objectives.api_p99_ms > self.api.timeout_s * 1000:
            problem = (
                f"must not exceed api.timeout_s, after which calls fail: {self.api.timeout_s * 1000:g} ms"
            )
            rules.append(Rule(("objectives", "api_p99_ms"), problem, self.objectives.api_p99_ms))
        return obeying(self, rules)

    def _event_rules(self) -> list[Rule]:
        year, month = (int(part) for part in self.start.split("-"))
        first = year * 12 + month - 1
        last = first + self.months - 1
        span = f"{self.start} to {last // 12:04d}-{last % 12 + 1:02d}"
        days = sum(monthrange(month // 12, month % 12 + 1)[1] for month in range(first, last + 1))
        too_long = [
            Rule(
                ("traffic", "events", index, "hold_minutes"),
                f"must be shorter than the run, {days * MINUTES_PER_DAY:,} minutes: the shop would never serve",
                float(event.hold_minutes),
            )
            for index, event in enumerate(self.traffic.events)
            if isinstance(event, RegionalOutage) and highest(event.hold_minutes) >= days * MINUTES_PER_DAY
        ]
        return too_long + [
            Rule(
                ("traffic", "events", index, "start"),
                f"must lie in the simulated months, {span} (UTC); move the event or change start and months",
                event.start.isoformat(),
            )
            for index, event in enumerate(self.traffic.events)
            if not first <= event.start.year * 12 + event.start.month - 1 <= last
        ]

    def _page_views(self) -> tuple[float, float]:
        """Fewest and most page views of any simulated month, at the ends of every range."""
        traffic = self.traffic
        least, most = (
            sum(end(visitors) for visitors in traffic.monthly_visitors.values())
            * end(traffic.sessions_per_visitor)
            * end(traffic.page_views_per_session)
            for end in (lowest, highest)
        )
        season = traffic.month_weights or (1.0,)
        growth = traffic.growth_per_month_ratio
        least *= min(1.0, (1 + lowest(growth)) ** (self.months - 1)) * min(season) / max(season)
        most *= max(1.0, (1 + highest(growth)) ** (self.months - 1)) * max(season) / min(season)
        return least, most
