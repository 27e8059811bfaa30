"""The scenario: everything a user says about a shop, frozen and validated.

Text under a field becomes its description in `costmodel scenario schema`. Every field that has a
default carries the default's unit, source and date; `Scenario.assumptions()` lists those in force.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from costmodel.scenario.estimate import Estimate, assumed

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
Geography = Literal[
    "united_states",
    "canada",
    "europe",
    "japan",
    "australia",
    "asia_pacific",
    "india",
    "south_america",
    "middle_east",
    "south_africa",
]
"""CloudFront billing geographies. Source: CloudFront price list, `fromLocation` (2025-07-01)."""

Positive = Annotated[float, Estimate(ge=1e-9, le=1e12)]
Amount = Annotated[float, Estimate(ge=0, le=1e12)]
Ratio = Annotated[float, Estimate(ge=0, le=1)]


class Model(BaseModel):
    """Base of every part: unknown keys are faults, values cannot change."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )


class Event(Model):
    """An extra load on top of the usual one."""

    kind: Literal["flash_sale", "launch", "viral_spike", "campaign", "bot_scrape"]
    """What happens; sets the shape where the fields below are left out. Bots open no 3D models."""
    start: datetime
    """When the load begins to rise; UTC unless the time says otherwise."""
    peak_multiplier: Annotated[float, Estimate(ge=1, le=1000)] | None = None
    """Load at the peak as a multiple of the usual load at that time."""
    ramp_minutes: Annotated[float, Estimate(ge=0, le=10_080)] | None = None
    """Minutes from the start to the peak."""
    hold_minutes: Annotated[float, Estimate(ge=0, le=43_200)] | None = None
    """Minutes the peak lasts."""
    half_life_minutes: Annotated[float, Estimate(ge=1, le=43_200)] | None = None
    """Minutes in which the extra load halves after the peak."""
    geographies: tuple[Geography, ...] | None = None
    """Where it happens; everywhere when left out."""


class Trace(Model):
    """A measured series that gives the shape of the traffic over time."""

    file: Path
    """CSV or Parquet file, relative to the scenario file."""
    time_column: str = assumed("timestamp", "column name", "convention of this tool")
    value_column: str = assumed("value", "column name", "convention of this tool")
    timezone: str = assumed("UTC", "IANA time zone", "convention of this tool")
    """Time zone of times without an offset."""


class Traffic(Model):
    """Who comes, from where, when."""

    monthly_visitors: dict[Geography, Annotated[float, Estimate(ge=0, le=1e10)]] = Field(min_length=1)
    """Visitors in the first month, by CloudFront geography."""
    sessions_per_visitor: Positive = assumed(
        1.3, "sessions per visitor and month", "engineering guess; not published for 3D shops"
    )
    page_views_per_session: Positive = assumed(
        5.0,
        "page views",
        "Contentsquare Digital Experience Benchmark 2024 via conversionbench: 3 to 8",
        "2024-06",
    )
    growth_per_month_ratio: Annotated[float, Estimate(ge=-0.9, le=10)] = assumed(
        0.0, "ratio per month", "no growth unless the scenario says so"
    )
    hour_weights: tuple[Ratio | Positive, ...] | None = None
    """24 weights by local hour of day; the built-in consumer profile when left out."""
    weekday_weights: tuple[Positive, ...] | None = None
    """7 weights, Monday first; the built-in consumer profile when left out."""
    month_weights: tuple[Positive, ...] | None = None
    """12 weights, January first; the built-in retail year when left out."""
    minute_noise_ratio: Annotated[float, Estimate(ge=0, le=2)] = assumed(
        0.10,
        "coefficient of variation of one minute around its 31-minute mean",
        "World Cup 1998 trace: 0.07 robust, 0.12 rms (computed from the trace)",
        "1998-07",
    )
    drift_ratio: Annotated[float, Estimate(ge=0, le=2)] = assumed(
        0.12,
        "coefficient of variation of slow swings, from half an hour to a day",
        "AWS load-balancer trace (NAB elb_request_count): long memory, Hurst 0.75",
        "2014-04",
    )
    trace: Trace | None = None
    """A measured series to take the shape from, instead of hour and weekday weights and noise."""
    events: tuple[Event, ...] = ()


class Content(Model):
    """What a page and a 3D model weigh, and how they are stored."""

    catalogue_products: Annotated[int, Field(ge=1, le=100_000_000)] = assumed(
        2_000, "products", "engineering guess for a mid-size furniture shop"
    )
    product_views_per_session: Positive = assumed(2.5, "product pages", "engineering guess, range 1 to 5")
    viewer_open_ratio: Ratio = assumed(0.30, "share of product views", "vendor claims only, range 0.1 to 0.6")
    models_per_viewer_open: Positive = assumed(1.3, "3D models", "engineering guess: one and 0.3 variants")
    model_geometry_mb: Positive = assumed(
        0.6, "MB as authored", "18 product-like Khronos sample models, 9 % of a mean of 6.6 MB", "2023-05"
    )
    model_texture_mb: Amount = assumed(
        6.0, "MB as authored", "18 product-like Khronos sample models, 91 % of a mean of 6.6 MB", "2023-05"
    )
    asset_format: Literal["original", "draco_webp_2k", "meshopt_webp_1k"] = assumed(
        "draco_webp_2k",
        "delivery format",
        "Khronos 3D Commerce publishing guidelines 1.0 (3 MB a model, 2K textures)",
        "2023-05",
    )
    variants_stored: Positive = assumed(
        2.0, "stored files per product", "engineering guess: one served, one original"
    )
    model_browser_hit_ratio: Ratio = assumed(0.02, "share of model requests", "engineering guess")
    static_requests_per_page_view: Amount = assumed(
        15.0, "requests with a warm browser", "engineering guess, range 10 to 60"
    )
    static_kb_per_page_view: Amount = assumed(
        300.0,
        "KB with a warm browser",
        "ecoindex reference: cold median 2 420 KB, most of it cached",
        "2024-01",
    )
    noncurrent_ratio: Amount = assumed(
        0.2, "old versions over current bytes", "engineering guess with a 30-day lifecycle rule"
    )
    uploads_per_month: Amount = assumed(500.0, "files", "engineering guess")
    cache_ttl_hours: Positive = assumed(
        720.0, "hours", "immutable, content-hashed file names kept 30 days; CloudFront default is 24 h"
    )
    invalidated_paths_per_month: Amount = assumed(100.0, "paths", "engineering guess")
    popularity_zipf_exponent: Annotated[float, Estimate(ge=0, le=3)] = assumed(
        0.8, "exponent", "Breslau et al., INFOCOM 1999: 0.64 to 0.83 for web proxies", "1999-03"
    )


class Api(Model):
    """Dynamic requests: catalogue, search, basket, checkout."""

    calls_per_page_view: Amount = assumed(6.0, "API calls", "engineering guess, range 3 to 12")
    cpu_ms_per_call: Positive = assumed(
        12.0, "ms of one m5 vCPU", "engineering guess for a JSON API with server-side templates"
    )
    wait_ms_per_call: Amount = assumed(
        5.0, "ms outside CPU and database", "engineering guess: calls to payment and search"
    )
    request_kb: Amount = assumed(1.0, "KB", "engineering guess")
    response_kb: Amount = assumed(8.0, "KB", "engineering guess, range 2 to 30")
    post_ratio: Ratio = assumed(0.12, "share of calls", "Shopify BFCM 2024: 14 to 17 % writes", "2024-12")
    external_kb_per_call: Amount = assumed(
        0.2, "KB through NAT", "engineering guess: payment and mail providers"
    )
    log_kb_per_call: Amount = assumed(0.5, "KB", "Lambda report and one line: 0.3 to 1 KB")
    timeout_s: Annotated[float, Estimate(ge=0.1, le=900)] = assumed(
        10.0, "s", "common client timeout; engineering guess"
    )
    bootstrap_s: Annotated[float, Estimate(ge=0, le=3600)] = assumed(
        60.0, "s from network up to serving", "engineering guess for a baked image"
    )
    lambda_runtime: Literal["rust", "go", "python3.13", "nodejs22.x", "java21", "ruby3.4", "dotnet8"] = (
        assumed("nodejs22.x", "runtime", "a common choice; init times from maxday/lambda-perf", "2026-08")
    )
    lambda_init_scale: Positive = assumed(
        2.5, "times the hello-world init", "real functions load code and SDKs: 2 to 4 times"
    )


class Rendering(Model):
    """Jobs that make previews, thumbnails and other formats of 3D models."""

    jobs_per_1000_page_views: Amount = assumed(
        0.5, "jobs", "engineering guess: saved room plans and custom previews"
    )
    cpu_s_per_job: Positive = assumed(8.0, "s of one m5 vCPU", "engineering guess")
    memory_gb_per_job: Annotated[float, Estimate(ge=0.125, le=10)] = assumed(
        3.0, "GB", "engineering guess for a headless renderer"
    )


class Database(Model):
    """What API calls ask of the database, and what it holds."""

    engine: Literal["postgresql", "mysql"] = assumed("postgresql", "engine", "convention of this tool")
    reads_per_call: Amount = assumed(2.0, "reads", "Shopify BFCM 2024 mix", "2024-12")
    writes_per_call: Amount = assumed(0.15, "writes", "Shopify BFCM 2024: 14 to 17 % writes", "2024-12")
    read_item_kb: Positive = assumed(2.0, "KB", "engineering guess for a product document")
    write_item_kb: Positive = assumed(1.0, "KB", "engineering guess for a basket line")
    consistent_read_ratio: Ratio = assumed(0.2, "share of reads", "engineering guess: basket and stock")
    transaction_write_ratio: Ratio = assumed(0.1, "share of writes", "engineering guess: checkout")
    secondary_indexes: Annotated[int, Field(ge=0, le=20)] = assumed(
        2, "indexes written per write", "engineering guess"
    )
    read_cpu_ms: Positive = assumed(
        0.25, "ms of one m5 vCPU per read", "cached indexed query: 3 000 to 5 000 per s and vCPU"
    )
    write_cpu_ms: Positive = assumed(
        1.25,
        "ms of one m5 vCPU per write",
        "PostgresBench: short transaction 600 to 1 000 per s and vCPU",
        "2026-07",
    )
    stored_gb: Positive = assumed(50.0, "GB at the start", "engineering guess")
    growth_gb_per_month: Amount = assumed(2.0, "GB per month", "engineering guess")
    working_set_ratio: Ratio = assumed(
        0.1, "share of stored bytes", "Netflix service-capacity-modeling: 10 %", "2026-08"
    )
    io_per_write: Amount = assumed(2.1, "I/O per write", "PostgresBench at 100 GB", "2026-07")
    hottest_key_ratio: Ratio = assumed(0.005, "share of requests", "engineering guess")
    backup_retention_days: Annotated[int, Field(ge=1, le=35)] = assumed(
        7, "days", "AWS Well-Architected REL09-BP03"
    )


class Network(Model):
    """How the region is laid out."""

    availability_zones: Annotated[int, Field(ge=2, le=3)] = assumed(
        2, "zones", "AWS Well-Architected REL10-BP01 asks for two or more"
    )
    second_region: RegionId | None = None
    """Region that keeps a copy of assets and backups; none when left out."""


class Monitoring(Model):
    """What is measured, logged and watched beyond what a design needs itself."""

    custom_metrics: Annotated[int, Field(ge=0, le=10_000_000)] = assumed(20, "metrics", "engineering guess")
    alarms: Annotated[int, Field(ge=0, le=100_000)] = assumed(10, "alarms", "engineering guess")
    dashboards: Annotated[int, Field(ge=0, le=1_000)] = assumed(1, "dashboards", "engineering guess")
    log_retention_days: Annotated[int, Field(ge=1, le=3_653)] = assumed(
        30, "days", "AWS Well-Architected SEC04-BP01: 30 to 90"
    )


class Security(Model):
    """Protection on the path and at rest."""

    waf: bool = assumed(True, "on or off", "AWS Well-Architected SEC05")
    waf_rules: Annotated[int, Field(ge=0, le=1_500)] = assumed(
        4, "rules", "three managed groups and a rate limit; AWS Well-Architected SEC05"
    )
    kms_keys: Annotated[int, Field(ge=0, le=10_000)] = assumed(
        2, "customer-managed keys", "one for data, one for logs; AWS Well-Architected SEC08-BP02"
    )


class Objectives(Model):
    """What any recommended design must meet."""

    api_p95_ms: Positive = assumed(300.0, "ms", "engineering guess")
    api_p99_ms: Positive = assumed(800.0, "ms", "engineering guess")
    availability_ratio: Annotated[float, Estimate(ge=0, le=1)] = assumed(
        0.998, "ratio", "composed service-level agreements, content delivery left out"
    )
    error_ratio: Ratio = assumed(0.001, "share of API calls", "engineering guess: three nines")
    rto_minutes: Amount = assumed(15.0, "minutes to recover from the loss of a zone", "engineering guess")
    rpo_minutes: Amount = assumed(
        5.0, "minutes of work lost with a zone", "RDS point-in-time recovery granularity"
    )


ComputeKind = Literal["ec2", "lambda"]
DatabaseKind = Literal["rds", "aurora", "aurora_serverless", "dynamodb_on_demand", "dynamodb_provisioned"]
DeliveryKind = Literal["pay_as_you_go", "flat_rate"]
LoadBalancerKind = Literal["alb", "nlb"]
Commitment = Literal["on_demand", "reserved_1yr_no_upfront", "reserved_3yr_no_upfront"]


class Constraints(Model):
    """What the search may choose from."""

    compute: tuple[ComputeKind, ...] = assumed(("ec2", "lambda"), "kinds", "everything the tool models")
    database: tuple[DatabaseKind, ...] = assumed(
        ("rds", "aurora", "aurora_serverless", "dynamodb_on_demand", "dynamodb_provisioned"),
        "kinds",
        "everything the tool models",
    )
    delivery: tuple[DeliveryKind, ...] = assumed(
        ("pay_as_you_go", "flat_rate"), "kinds", "everything the tool models"
    )
    load_balancer: tuple[LoadBalancerKind, ...] = assumed(("alb",), "kinds", "an ALB routes by path and host")
    instance_families: tuple[str, ...] = assumed(
        ("c7g", "m7g", "c7i", "m7i", "c6g", "m6g", "t4g"),
        "EC2 families",
        "current general and compute families priced in all eight regions",
    )
    database_families: tuple[str, ...] = assumed(
        ("t4g", "m7g", "r7g", "m6g", "r6g"),
        "RDS and Aurora families",
        "Graviton families priced in all eight regions",
    )
    commitments: tuple[Commitment, ...] = assumed(("on_demand",), "terms", "no commitment unless allowed")
    monthly_budget_usd: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """Highest mean monthly cost a candidate may have; no limit when left out."""


class Account(Model):
    """The AWS account the shop runs in."""

    free_tier: bool = assumed(
        True, "on or off", "always-free allowances, unused by anything else in the account"
    )
    lambda_concurrency: Annotated[int, Field(ge=10, le=1_000_000)] = assumed(
        1_000, "concurrent executions per region", "AWS Lambda quotas", "2023-10"
    )
    ec2_vcpus: Annotated[int, Field(ge=1, le=1_000_000)] = assumed(
        640, "on-demand vCPUs per region", "a raised standard-instance quota; new accounts start lower"
    )


class Scenario(Model):
    """A shop, its load, what it must achieve and what may be used."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    story: Annotated[str, Field(max_length=4_000)] = ""
    """What this scenario is about, in a paragraph."""
    region: RegionId
    """AWS region that serves the shop."""
    start: Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
    """First month simulated, `YYYY-MM`."""
    months: Annotated[int, Field(ge=1, le=36)] = assumed(1, "months", "convention of this tool")
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = assumed(1, "seed", "convention of this tool")
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
