"""Amazon CloudFront: pay as you go by viewer geography, or a flat-rate plan.

Assets are cached at edge locations, regional caches and, if wanted, Origin Shield; API calls pass
through uncached. What misses every cache is left to the bucket as `Footprint.origin_requests`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal, NamedTuple

import numpy as np

from costmodel.capacity.caching import CacheLayers, cache_layers
from costmodel.capacity.result import NO_LATENCY, Capacity, Latency, Limit
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.book import PriceBook
from costmodel.pricing.discounts import plan_allowances
from costmodel.pricing.need import Place, PriceNeed
from costmodel.pricing.offer import FLAT_RATE
from costmodel.pricing.price import GLOBAL, PriceQuery
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import Scenario
from costmodel.services._base import (
    DNS_QUERIES_PER_SESSION,
    Footprint,
    Meter,
    Reliability,
    Role,
    Setting,
    TerraformVariable,
    TierDesign,
    TierService,
    Usage,
    also,
    between,
    flag,
    meter_usage,
    one_of,
)
from costmodel.units import BITS_PER_BYTE, BYTES_PER_GB, MINUTES_PER_DAY, SECONDS_PER_MINUTE

SERVICE_NAME = "Amazon CloudFront"
SERVICE_CODE = "AmazonCloudFront"
PLAN_CODE = "CloudFrontPlans"
RESOURCE_NAME = "cdn"
TO_VIEWERS = ("Data transfer out to internet", "DataTransfer-Out-Bytes", "GB")
READS = ("HTTPS GET and HEAD requests", "Requests-Tier2-HTTPS", "Requests")
WRITES = ("HTTPS POST, PUT, PATCH and DELETE requests", "Requests-HTTPS-Proxy", "Requests")
TO_ORIGIN = ("Data transfer out to origin", "DataTransfer-Out-OBytes", "GB")
SHIELD = ("Origin Shield requests", "Requests-OriginShield", "Requests")
INVALIDATIONS = ("Invalidated paths", "Invalidations", "Paths")

PriceClass = Literal["100", "200", "All"]

SERVED_FROM: dict[PriceClass, dict[str, str]] = {
    "100": {
        "japan": "united_states",
        "asia_pacific": "united_states",
        "australia": "united_states",
        "south_america": "united_states",
        "india": "europe",
        "middle_east": "europe",
        "south_africa": "europe",
    },
    "200": {"australia": "asia_pacific", "south_america": "united_states"},
    "All": {},
}
"""Geographies a price class leaves out, and the nearest one it keeps: those viewers are served from
there, at its rates and with its longer way.

Source: Amazon CloudFront Developer Guide, "Choosing the price class" (2023-06) for the geographies of
each class and the rule; which one is nearest is an engineering guess. The guide bills the rare request
that an excluded location serves at the class's lowest rate; that is left out.
"""

DETOUR_RTT_MS: dict[tuple[str, str], float] = {
    ("japan", "united_states"): 110.0,
    ("asia_pacific", "united_states"): 180.0,
    ("australia", "united_states"): 150.0,
    ("south_america", "united_states"): 120.0,
    ("india", "europe"): 120.0,
    ("middle_east", "europe"): 90.0,
    ("south_africa", "europe"): 160.0,
    ("australia", "asia_pacific"): 95.0,
}
"""Round trip added for a viewer who is served from another geography. Source: engineering guess from
cable lengths."""


class Viewers(NamedTuple):
    """How viewers of a geography reach CloudFront."""

    mean_mbps: float
    """Mean speed of a connection."""
    rtt_ms: float
    """Round trip to the nearest edge location."""
    edge_locations: int
    """Edge locations among which the requests of the geography concentrate."""
    regional_caches: int


VIEWERS: dict[str, Viewers] = {
    "united_states": Viewers(18.7, 25.0, 20, 4),
    "canada": Viewers(16.2, 30.0, 4, 1),
    "europe": Viewers(13.5, 25.0, 20, 3),
    "japan": Viewers(20.2, 20.0, 4, 1),
    "australia": Viewers(11.1, 35.0, 4, 1),
    "asia_pacific": Viewers(7.2, 45.0, 10, 2),
    "india": Viewers(6.5, 50.0, 8, 1),
    "south_america": Viewers(6.8, 50.0, 6, 1),
    "middle_east": Viewers(8.6, 50.0, 4, 1),
    "south_africa": Viewers(6.7, 50.0, 3, 1),
}
"""An assumption, kept slow on purpose.

Source: speeds from Akamai, State of the Internet Q1 2017, average connection speed (2017-05), the last
of its kind: the country itself, or Germany, Spain, France, Italy and the United Kingdom together for
Europe, Indonesia for Asia Pacific, Brazil, the United Arab Emirates. Round trips, edge locations and
regional caches are engineering guesses; over 600 locations exist, but requests concentrate (Amazon
CloudFront Developer Guide, "How CloudFront delivers content", 2023-06).
"""

SPEED_SIGMA = 0.8
"""Log standard deviation of viewers' speeds: nine in ten are within a factor of 3.7 of the median.
Source: engineering guess."""
SIZE_SIGMA = {"original": 1.26, "draco_webp_2k": 1.23, "meshopt_webp_1k": 1.12}
"""Log standard deviation of the sizes of 3D models by delivery format.

Source: 18 product-like models of Khronos glTF Sample Assets (2023-05), compressed with glTF-Transform
4.5.1 (2026-11).
"""
FIRST_VIEW_ROUND_TRIPS = 4
"""One for the request and three while TCP opens its window from ten segments; the connection is warm.

Source: RFC 6928, initial window of 10 segments (2013-04); the count is an engineering guess.
"""
REGIONAL_FETCH_MS = 40.0
"""From an edge location to its regional cache and back. Source: engineering guess."""
STORE_FIRST_BYTE_MS = 150.0
"""First byte of a small object from S3: 100 to 200 ms.

Source: Amazon S3 User Guide, "Performance design patterns for Amazon S3" (2023-06).
"""
HOME_RTT_MS = 30.0
AWAY_RTT_MS = 180.0
"""From a regional cache to the bucket, in its own geography or in another. Source: engineering guess."""
REGION_GEOGRAPHY = {
    "us-east-1": "united_states",
    "us-west-2": "united_states",
    "eu-west-1": "europe",
    "eu-central-1": "europe",
    "ap-southeast-1": "asia_pacific",
    "ap-northeast-1": "japan",
    "ap-south-1": "india",
    "sa-east-1": "south_america",
}
"""Geography of each region. Source: AWS Regions and Availability Zones (2023-06)."""

EDGE_RESIDENCE_S = 3 * 86_400.0
"""Time without a request after which an edge location drops an object.

Source: Amazon CloudFront Developer Guide, "Managing how long content stays in the cache" (2023-06) says
that unpopular objects go early; three days, within 1 to 7, is an engineering guess.
"""
MAX_TTL_S = 31_536_000
"""Longest default TTL. Source: Amazon CloudFront Developer Guide, "Maximum TTL", one year (2023-06)."""

QUOTA_REQUESTS_PER_S = 250_000.0
QUOTA_BITS_PER_S = 150e9
"""Requests and data of one distribution; both can be raised, so that they reject nothing.

Source: Amazon CloudFront Developer Guide, "Quotas" (2023-06).
"""
SLA = Reliability(0.999, "Amazon CloudFront Service Level Agreement (2019)")

LONGEST_ORIGIN_TIMEOUT_S = 120.0
"""API calls come through CloudFront, which answers 504 after that. A quota increase allows more.

Source: Amazon CloudFront API Reference, OriginReadTimeout: 1 to 120 s, 30 s by default (2026-11).
"""
PLAN_REMEDY = "a larger plan, or delivery that is paid as you go"
BEYOND_ALLOWANCE = "no overage charge, performance may be reduced beyond the allowance"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a flat-rate plan covers in a month."""

    code: str
    """What the price list calls it: `Pro`, `Premium 75 TB`."""
    tier: str
    """What the subscription API calls it."""
    requests: int
    transfer_gb: int
    dns_queries: int
    storage_gb: int
    """Credit of S3 Standard, in GB-months."""
    custom_cache_policy: bool


PLAN_FORMS = {
    "Free": ("FREE", False),
    "Pro": ("PRO", False),
    "Business": ("BUSINESS", True),
    **dict.fromkeys(
        (
            "Premium",
            "Premium 75 TB",
            "Premium 125 TB",
            "Premium 200 TB",
            "Premium 350 TB",
            "Premium 600 TB",
        ),
        ("PREMIUM", True),
    ),
}
"""Plan or usage level -> its name in the subscription API, and whether custom cache policies come with it.

Below Business, the objects' own Cache-Control headers set the time to live. Source: Amazon CloudFront
Developer Guide, "CloudFront flat-rate pricing plans" (2026-09-05).
"""


@cache
def plans() -> tuple[Plan, ...]:
    """Flat-rate plans: one distribution, one apex domain, with WAF, DNS and storage credit.

    Source: the shipped `plan_allowances.csv`, which names the source and date of every figure.
    """
    included = plan_allowances(PriceBook.shipped())
    return tuple(
        Plan(
            code,
            tier,
            included[code].requests,
            included[code].transfer_gb,
            included[code].dns_queries,
            included[code].storage_gb,
            custom_cache_policy,
        )
        for code, (tier, custom_cache_policy) in PLAN_FORMS.items()
    )


@dataclass(frozen=True, slots=True)
class Distribution:
    """What every CloudFront design of a scenario shares: the content and where it comes from."""

    region_id: str
    model_objects: int
    """3D files that viewers ask for: products times stored files per product."""
    static_objects: int
    """Images, scripts and styles: products times files per page."""
    zipf_exponent: float
    ttl_s: float
    size_sigma: float
    """Log standard deviation of the sizes of 3D models."""
    invalidated_paths_per_month: float

    @classmethod
    def of(cls, scenario: Scenario) -> Distribution:
        """The content and origin of a scenario."""
        content = scenario.content
        return cls(
            region_id=scenario.region,
            model_objects=max(1, round(content.catalogue_products * content.variants_stored)),
            static_objects=max(1, round(content.catalogue_products * content.static_requests_per_page_view)),
            zipf_exponent=float(content.popularity_zipf_exponent),
            ttl_s=min(float(content.cache_ttl_hours) * 3600, float(MAX_TTL_S)),
            size_sigma=SIZE_SIGMA[content.asset_format],
            invalidated_paths_per_month=float(content.invalidated_paths_per_month),
        )

    def requests_past_caches(
        self, demand: Demand, price_class: PriceClass, *, origin_shield: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Object requests per day that Origin Shield bills, and that reach the bucket.

        Two arrays of shape (days,). Each month has its own mean rate, by served geography and kind of
        object. Origin Shield pools all geographies. It bills what regional caches of other regions
        send it; the one in its own region it stands in for, so what passes that one is free.

        Source: Amazon CloudFront Developer Guide, "Using Amazon CloudFront Origin Shield", estimating
        Origin Shield costs (2023-06).
        """
        models = demand.daily_model_views * demand.fan_out.model_requests_per_view
        static = demand.daily_page_views * demand.fan_out.static_requests_per_page_view
        shielded = np.zeros(demand.days)
        past_all = np.zeros(demand.days)
        for objects, daily in ((self.model_objects, models), (self.static_objects, static)):
            by_edge = _by_served_geography(demand, daily, price_class)
            for _, days in demand.calendar.day_slices:
                seconds = (days.stop - days.start) * MINUTES_PER_DAY * SECONDS_PER_MINUTE
                rates = {geography: float(row[days].sum()) / seconds for geography, row in by_edge.items()}
                total = sum(rates.values())
                if total == 0:
                    continue
                past_regional = {
                    geography: rate * self.layers(objects, rate, VIEWERS[geography]).regional_miss_ratio
                    for geography, rate in rates.items()
                }
                origin = sum(past_regional.values())
                month = daily[:, days].sum(axis=0) / total
                if origin_shield:
                    pooled = self.layers(objects, total, _pool(rates), origin_shield=True)
                    origin = min(origin, total * pooled.origin_miss_ratio)
                    shielded[days] += month * self._from_other_regions(past_regional)
                past_all[days] += month * origin
        return shielded, past_all

    def _from_other_regions(self, past_regional: Mapping[str, float]) -> float:
        """What passes the regional caches, but for the one in the region of Origin Shield.

        The regional caches of a geography share its requests equally. Every region the tool models
        has one.
        """
        home = REGION_GEOGRAPHY[self.region_id]
        caches = VIEWERS[home].regional_caches
        return sum(
            rate * (caches - 1) / caches if geography == home else rate
            for geography, rate in past_regional.items()
        )

    def layers(
        self, objects: int, requests_per_s: float, viewers: Viewers, *, origin_shield: bool = False
    ) -> CacheLayers:
        """What each layer passes on of `requests_per_s`; everything when there are none."""
        if requests_per_s == 0:
            return CacheLayers(1.0, 1.0, 1.0)
        return _cached_layers(
            objects,
            self.zipf_exponent,
            requests_per_s,
            self.ttl_s,
            viewers.edge_locations,
            viewers.regional_caches,
            origin_shield,
        )

    def simulate(self, demand: Demand, price_class: PriceClass, limits: tuple[Limit, ...]) -> Capacity:
        """Edge requests and what of the quotas they use; CloudFront itself drops nothing."""
        fan_out = demand.fan_out
        models = demand.model_views.sum(axis=0)
        pages = demand.total_page_views
        requests = (
            pages * fan_out.static_requests_per_page_view
            + models * fan_out.model_requests_per_view
            + demand.api_requests
        )
        sent_bytes = (
            pages * fan_out.static_bytes_per_page_view
            + models * fan_out.model_bytes_per_view
            + demand.api_requests * fan_out.api_response_bytes
        )
        request_share = requests / SECONDS_PER_MINUTE / QUOTA_REQUESTS_PER_S
        data_share = sent_bytes * BITS_PER_BYTE / SECONDS_PER_MINUTE / QUOTA_BITS_PER_S
        offered, sent = float(requests.sum()), float(sent_bytes.sum())
        saturation = QUOTA_REQUESTS_PER_S
        if sent > 0 and offered > 0:
            saturation = min(saturation, QUOTA_BITS_PER_S / BITS_PER_BYTE * offered / sent)
        return Capacity(
            servers=read_only(np.ones(demand.minutes)),
            utilisation=read_only(np.minimum(1.0, np.maximum(request_share, data_share))),
            requests=read_only(requests),
            failed_requests=read_only(np.zeros(demand.minutes)),
            latency=_latency(self.first_view_ways(demand, price_class)),
            remedy="AWS quota: CloudFront request and data rate per distribution",
            saturation_requests_per_s=saturation,
            limits=limits,
        )

    def first_view_ms(self, demand: Demand, price_class: PriceClass) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile of the first view of a 3D model, by viewer geography."""
        found = self.first_view_ways(demand, price_class)
        return {
            geography: (_quantile(ways, 0.5), _quantile(ways, 0.95)) for geography, (_, ways) in found.items()
        }

    def first_view_ways(
        self, demand: Demand, price_class: PriceClass
    ) -> dict[str, tuple[float, tuple[Way, ...]]]:
        """Views, and the ways in which a model can arrive with their chances, by viewer geography.

        The model waits in the edge location, in the regional cache, or in the bucket. Its transfer
        time is its size over the viewer's speed, both lognormal, so lognormal too.
        """
        asked = demand.fan_out.model_requests_per_view
        file_bytes = demand.fan_out.model_bytes_per_view / asked if asked > 0 else 0.0
        views = demand.daily_model_views.sum(axis=1)
        seconds = demand.minutes * SECONDS_PER_MINUTE
        edges = _by_served_geography(demand, demand.daily_model_views * asked, price_class)
        found: dict[str, tuple[float, tuple[Way, ...]]] = {}
        for geography, count in zip(demand.geographies, views, strict=True):
            edge = SERVED_FROM[price_class].get(geography, geography)
            layers = self.layers(self.model_objects, float(edges[edge].sum()) / seconds, VIEWERS[edge])
            found[geography] = (float(count), self._ways(geography, edge, layers, file_bytes))
        return found

    def _ways(self, geography: str, edge: str, layers: CacheLayers, file_bytes: float) -> tuple[Way, ...]:
        viewers = VIEWERS[geography]
        rtt_ms = viewers.rtt_ms + DETOUR_RTT_MS.get((geography, edge), 0.0)
        origin_rtt_ms = HOME_RTT_MS if REGION_GEOGRAPHY[self.region_id] == edge else AWAY_RTT_MS
        edge_ms = FIRST_VIEW_ROUND_TRIPS * rtt_ms
        regional_ms = edge_ms + REGIONAL_FETCH_MS
        origin_ms = regional_ms + origin_rtt_ms + STORE_FIRST_BYTE_MS
        transfer_ms = _median_transfer_ms(file_bytes, viewers.mean_mbps, self.size_sigma)
        sigma = math.hypot(self.size_sigma, SPEED_SIGMA)
        missed_edge, missed_regional = layers.edge_miss_ratio, layers.regional_miss_ratio
        return (
            Way(1.0 - missed_edge, edge_ms, transfer_ms, sigma),
            Way(missed_edge - missed_regional, regional_ms, transfer_ms, sigma),
            Way(missed_regional, origin_ms, transfer_ms, sigma),
        )

    def invalidations(self, calendar: Calendar) -> tuple[Usage, ...]:
        """Paths removed from the caches before their time; the first 1 000 a month are free."""
        daily = self.invalidated_paths_per_month * calendar.month_share_per_day
        formula = f"{self.invalidated_paths_per_month:g} paths a month x share of the month"
        return meter_usage(_meter(INVALIDATIONS, GLOBAL), RESOURCE_NAME, calendar, daily, formula)

    def terraform(
        self, price_class: PriceClass, *, origin_shield: bool, plan: str
    ) -> tuple[TerraformVariable, ...]:
        """One variable with the inputs of terraform-aws-modules/cloudfront and the plan beside them."""
        no_plan = 'var.cloudfront.flat_rate_plan == "NONE"'
        return (
            TerraformVariable(
                "cloudfront",
                "Distribution. A flat-rate plan is subscribed to outside this module; "
                + BEYOND_ALLOWANCE
                + ".",
                (
                    also(
                        one_of(
                            "price_class",
                            f"PriceClass_{price_class}",
                            ("PriceClass_100", "PriceClass_200", "PriceClass_All"),
                        ),
                        f'{{value}} == "PriceClass_All" || {no_plan}',
                        "be PriceClass_All under a flat-rate plan",
                    ),
                    also(
                        flag("origin_shield_enabled", origin_shield),
                        f"{{value}} == false || {no_plan}",
                        "be false under a flat-rate plan",
                    ),
                    one_of("origin_shield_region", self.region_id, tuple(REGION_GEOGRAPHY)),
                    between("default_ttl", int(self.ttl_s), 0, MAX_TTL_S),
                    one_of("http_version", "http2and3", ("http1.1", "http2", "http3", "http2and3")),
                    flag("compress", True),
                    one_of("flat_rate_plan", plan, ("NONE", "FREE", "PRO", "BUSINESS", "PREMIUM")),
                ),
            ),
        )


@dataclass(frozen=True, slots=True)
class PayAsYouGo:
    """Bytes and requests at the rates of the geography that serves the viewer.

    Origin Shield, if any, stands in the region of the bucket: every region the tool models has one.
    It serves the bucket only; API calls pass it by.
    Source: Amazon CloudFront Developer Guide, "Using Amazon CloudFront Origin Shield" (2023-06).
    """

    distribution: Distribution
    price_class: PriceClass
    origin_shield: bool

    @property
    def role(self) -> Role:
        return Role.DELIVERY

    @property
    def kind(self) -> str:
        return "pay_as_you_go"

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return RESOURCE_NAME

    @property
    def label(self) -> str:
        shield = ", Origin Shield" if self.origin_shield else ""
        return f"CloudFront pay as you go, price class {self.price_class}{shield}"

    @property
    def reliability(self) -> Reliability:
        return SLA

    def under(self, scenario: Scenario) -> PayAsYouGo:
        """The same settings under another scenario's figures."""
        return replace(self, distribution=Distribution.of(scenario))

    def settings(self) -> Mapping[str, Setting]:
        return {
            "pricing": self.kind,
            "price_class": f"PriceClass_{self.price_class}",
            "origin_shield": self.origin_shield,
            "ttl_s": self.distribution.ttl_s,
            "origin_failover": False,
        }

    def simulate(self, demand: Demand) -> Capacity:
        return self.distribution.simulate(demand, self.price_class, ())

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Per served geography: bytes to viewers, reads, writes and their bodies; then what is global."""
        fan_out = demand.fan_out
        calls = demand.daily_api_requests
        posts = calls * fan_out.api_post_ratio
        reads = demand.daily_asset_requests + calls - posts
        sent_gb = (demand.daily_asset_bytes + calls * fan_out.api_response_bytes) / BYTES_PER_GB
        body_gb = posts * fan_out.api_request_bytes / BYTES_PER_GB
        reading = f"asset requests + API calls x {1 - fan_out.api_post_ratio:g} that read"
        writing = f"API calls x {fan_out.api_post_ratio:g} that write"
        return (
            *self._by_edge(demand, TO_VIEWERS, sent_gb, "asset bytes + API response bytes"),
            *self._by_edge(demand, READS, reads, reading),
            *self._by_edge(demand, WRITES, posts, writing),
            *self._by_edge(demand, TO_ORIGIN, body_gb, f"{writing} x {fan_out.api_request_bytes:g} bytes"),
            *self._shield_usage(demand),
            *self.distribution.invalidations(demand.calendar),
        )

    def _by_edge(
        self, demand: Demand, kind: tuple[str, str, str], daily: FloatArray, formula: str
    ) -> tuple[Usage, ...]:
        return tuple(
            usage
            for edge, row in _by_served_geography(demand, daily, self.price_class).items()
            for usage in meter_usage(
                _meter(kind, f"edge:{edge}"),
                RESOURCE_NAME,
                demand.calendar,
                row,
                f"{formula}, served from {edge.replace('_', ' ')}",
            )
        )

    def _shield_usage(self, demand: Demand) -> tuple[Usage, ...]:
        if not self.origin_shield:
            return ()
        shielded, _ = self._past_caches(demand)
        meter = _meter(SHIELD, self.distribution.region_id)
        return meter_usage(
            meter,
            RESOURCE_NAME,
            demand.calendar,
            shielded,
            "asset requests that miss the regional caches of other regions",
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        _, past_all = self._past_caches(demand)
        return replace(Footprint.none(demand.days), origin_requests=read_only(past_all))

    def _past_caches(self, demand: Demand) -> tuple[FloatArray, FloatArray]:
        return self.distribution.requests_past_caches(
            demand, self.price_class, origin_shield=self.origin_shield
        )

    def first_view_ms(self, demand: Demand) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile of the first view of a 3D model, by viewer geography."""
        return self.distribution.first_view_ms(demand, self.price_class)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return self.distribution.terraform(self.price_class, origin_shield=self.origin_shield, plan="NONE")


@dataclass(frozen=True, slots=True)
class FlatRatePlan:
    """A monthly subscription: requests and bytes up to an allowance, at no overage charge.

    Beyond the allowance performance may be reduced, so a month that goes beyond it breaks a limit.
    Price classes and Origin Shield do not apply. The plan includes the web ACL, the hosted zone with
    its queries, and a credit of S3 storage. Invalidations are not listed among what it includes and
    stay billed. Source: see `plans`.
    """

    distribution: Distribution
    plan: Plan

    @property
    def role(self) -> Role:
        return Role.DELIVERY

    @property
    def kind(self) -> str:
        return "flat_rate"

    @property
    def service_name(self) -> str:
        return SERVICE_NAME

    @property
    def resource_name(self) -> str:
        return RESOURCE_NAME

    @property
    def label(self) -> str:
        return f"CloudFront flat-rate plan {self.plan.code}"

    @property
    def reliability(self) -> Reliability:
        return SLA

    def under(self, scenario: Scenario) -> FlatRatePlan:
        """The same settings under another scenario's figures."""
        return replace(self, distribution=Distribution.of(scenario))

    def settings(self) -> Mapping[str, Setting]:
        return {
            "pricing": self.kind,
            "plan": self.plan.code,
            "allowance_requests": self.plan.requests,
            "allowance_gb": self.plan.transfer_gb,
            "beyond_allowance": BEYOND_ALLOWANCE,
            "custom_cache_policy": self.plan.custom_cache_policy,
            "ttl_s": self.distribution.ttl_s,
            "origin_failover": False,
        }

    def simulate(self, demand: Demand) -> Capacity:
        return self.distribution.simulate(demand, "All", self.limits(demand))

    def limits(self, demand: Demand) -> tuple[Limit, ...]:
        """The allowances against the worst month."""
        calls = demand.daily_api_requests.sum(axis=0)
        requests = demand.daily_asset_requests.sum(axis=0) + calls
        sent_bytes = demand.daily_asset_bytes.sum(axis=0) + calls * demand.fan_out.api_response_bytes
        queries = demand.daily(demand.sessions) * DNS_QUERIES_PER_SESSION
        return (
            Limit(
                "plan requests",
                _worst_month(demand, requests),
                self.plan.requests,
                "requests a month",
                remedy=PLAN_REMEDY,
            ),
            Limit(
                "plan data transfer",
                _worst_month(demand, sent_bytes) / BYTES_PER_GB,
                self.plan.transfer_gb,
                "GB a month",
                remedy=PLAN_REMEDY,
            ),
            Limit(
                "plan DNS queries",
                _worst_month(demand, queries),
                self.plan.dns_queries,
                "queries a month",
                remedy=PLAN_REMEDY,
            ),
        )

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """The subscription, and invalidations."""
        query = PriceQuery(PLAN_CODE, GLOBAL, self.plan.code, term="FlatRate")
        meter = Meter("Monthly subscription", SERVICE_NAME, "Networking", "Months", query)
        return (
            *meter_usage(
                meter,
                RESOURCE_NAME,
                demand.calendar,
                demand.calendar.month_share_per_day,
                f"plan {self.plan.code} x share of the month; {BEYOND_ALLOWANCE}",
            ),
            *self.distribution.invalidations(demand.calendar),
        )

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        _, past_all = self.distribution.requests_past_caches(demand, "All", origin_shield=False)
        return replace(
            Footprint.none(demand.days),
            origin_requests=read_only(past_all),
            included_roles=frozenset({Role.FIREWALL, Role.DNS}),
            included_dns_queries=float(self.plan.dns_queries),
            included_storage_gb=float(self.plan.storage_gb),
        )

    def first_view_ms(self, demand: Demand) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile of the first view of a 3D model, by viewer geography."""
        return self.distribution.first_view_ms(demand, "All")

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return self.distribution.terraform("All", origin_shield=False, plan=self.plan.tier)


def _meter(kind: tuple[str, str, str], region_id: str) -> Meter:
    name, usage_type, unit = kind
    return Meter(name, SERVICE_NAME, "Networking", unit, PriceQuery(SERVICE_CODE, region_id, usage_type))


class Way(NamedTuple):
    """One way a model arrives: its chance, a fixed delay, and a lognormal transfer time."""

    chance: float
    delay_ms: float
    median_ms: float
    sigma: float


def _median_transfer_ms(mean_bytes: float, mean_mbps: float, size_sigma: float) -> float:
    """Median size over median speed; a lognormal's median is its mean times exp(-sigma^2 / 2)."""
    median_bits = mean_bytes * BITS_PER_BYTE * math.exp(-(size_sigma**2) / 2)
    median_bits_per_s = mean_mbps * 1e6 * math.exp(-(SPEED_SIGMA**2) / 2)
    return 1000 * median_bits / median_bits_per_s


@lru_cache(maxsize=4096)
def _quantile(ways: tuple[Way, ...], share: float) -> float:
    """Time in ms by which `share` of the arrivals are complete, by bisection to a hundredth of a ms.

    Chances are weighed against their sum. Raises ZeroDivisionError when all are zero.
    """
    total = sum(way.chance for way in ways)
    low, high = 0.0, 1.0
    while _complete(ways, high) / total < share:
        low, high = high, 2 * high
    while high - low > 0.01:
        middle = (low + high) / 2
        if _complete(ways, middle) / total < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _complete(ways: tuple[Way, ...], time_ms: float) -> float:
    """Chance-weighted share of arrivals complete after `time_ms`."""
    done = 0.0
    for chance, delay_ms, median_ms, sigma in ways:
        if time_ms <= delay_ms:
            continue
        if median_ms == 0:
            done += chance
        else:
            done += (
                chance / 2 * (1 + math.erf(math.log((time_ms - delay_ms) / median_ms) / sigma / math.sqrt(2)))
            )
    return done


def _latency(by_geography: Mapping[str, tuple[float, tuple[Way, ...]]]) -> Latency:
    """First views of all geographies together, weighted by views; zero when there are none."""
    ways = tuple(
        way._replace(chance=views * way.chance) for views, ways in by_geography.values() for way in ways
    )
    total = sum(way.chance for way in ways)
    if total == 0:
        return NO_LATENCY
    mean_ms = sum(way.chance * (way.delay_ms + way.median_ms * math.exp(way.sigma**2 / 2)) for way in ways)
    return Latency(mean_ms / total, _quantile(ways, 0.50), _quantile(ways, 0.95), _quantile(ways, 0.99))


@lru_cache(maxsize=4096)
def _cached_layers(
    objects: int,
    zipf_exponent: float,
    requests_per_s: float,
    ttl_s: float,
    edge_locations: int,
    regional_caches: int,
    origin_shield: bool,
) -> CacheLayers:
    """`cache_layers`, once for all designs that share a month's rate."""
    return cache_layers(
        objects,
        zipf_exponent,
        requests_per_s,
        ttl_s,
        edge_locations=edge_locations,
        regional_caches=regional_caches,
        edge_residence_s=EDGE_RESIDENCE_S,
        origin_shield=origin_shield,
    )


def _pool(rates: Mapping[str, float]) -> Viewers:
    """The caches of all geographies that have requests, as one."""
    present = [VIEWERS[geography] for geography, rate in rates.items() if rate > 0]
    return Viewers(
        0.0,
        0.0,
        sum(viewers.edge_locations for viewers in present),
        sum(viewers.regional_caches for viewers in present),
    )


def _by_served_geography(demand: Demand, daily: FloatArray, price_class: PriceClass) -> dict[str, FloatArray]:
    """Rows of an array of shape (geographies, days), added up by the geography that serves them."""
    served: dict[str, FloatArray] = {}
    for geography, row in zip(demand.geographies, daily, strict=True):
        edge = SERVED_FROM[price_class].get(geography, geography)
        served[edge] = served[edge] + row if edge in served else row
    return served


def _worst_month(demand: Demand, daily: FloatArray) -> float:
    return max(float(daily[days].sum()) for _, days in demand.calendar.day_slices)


def price_classes(geographies: tuple[str, ...]) -> tuple[PriceClass, ...]:
    """Price classes that serve these geographies differently; of equal ones the widest."""
    distinct: dict[tuple[str, ...], PriceClass] = {}
    for price_class, excluded in SERVED_FROM.items():
        distinct[tuple(excluded.get(geography, geography) for geography in geographies)] = price_class
    return tuple(distinct.values())


def timeout_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule when clients are to wait longer than CloudFront waits for the load balancer."""
    if scenario.api.timeout_s <= LONGEST_ORIGIN_TIMEOUT_S:
        return []
    problem = (
        f"must be at most {LONGEST_ORIGIN_TIMEOUT_S:g} s, the longest that CloudFront waits for an origin "
        "(Amazon CloudFront API Reference, OriginReadTimeout)"
    )
    return [Rule(("api", "timeout_s"), problem, scenario.api.timeout_s)]


def designs(scenario: Scenario, demand: Demand) -> tuple[TierDesign, ...]:
    """Pay as you go in each distinct price class, with and without Origin Shield; and every plan."""
    distribution = Distribution.of(scenario)
    found: list[TierDesign] = []
    if "pay_as_you_go" in scenario.constraints.delivery:
        found += [
            PayAsYouGo(distribution, price_class, origin_shield)
            for price_class in price_classes(demand.geographies)
            for origin_shield in (False, True)
        ]
    if "flat_rate" in scenario.constraints.delivery:
        found += [FlatRatePlan(distribution, plan) for plan in plans()]
    return tuple(found)


PRICES = (
    PriceNeed(
        SERVICE_CODE,
        (
            r"DataTransfer-Out-O?Bytes",
            r"Requests-(Tier1|Tier2-HTTPS|HTTP-Proxy|HTTPS-Proxy|HTTPS-Proxy-FLE)",
        ),
        place=Place.EDGE,
    ),
    PriceNeed(SERVICE_CODE, (r"Requests-OriginShield", r"Lambda-Edge-(Request|GB-Second)")),
    PriceNeed(
        SERVICE_CODE,
        (
            r"Executions-CloudFrontFunctions",
            r"Invalidations",
            r"KeyValueStore-(APIOperations|EdgeReads)",
            r"RealTimeLog-KinesisDataStream",
            r"SSL-Cert-Custom",
            r"StaticIP-IPv[46]",
        ),
        place=Place.GLOBAL,
    ),
    PriceNeed(
        PLAN_CODE,
        (r"Free", r"Pro", r"Business", r"Premium( \d+ TB)?"),
        place=Place.GLOBAL,
        prefix="Global-CloudFrontPlan-",
        terms=(FLAT_RATE,),
        free=True,
    ),
)
"""Source: AmazonCloudFront offer (2025-07-01); plan codes of the CloudFrontPlans offer (2026-09-11). How AWS
codes the larger Premium plans is not known: their names follow the CloudFront pricing page.
"""

SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.DELIVERY, designs, PRICES)
