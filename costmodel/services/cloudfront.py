"""Amazon CloudFront: pay as you go by viewer geography, or a flat-rate plan.

Assets are cached at edge locations, regional caches and, if wanted, Origin Shield; API calls pass
through uncached. What misses every cache is left to the bucket as `Footprint.origin_requests`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from costmodel.capacity.caching import CacheLayers, cache_layers
from costmodel.capacity.edges import EDGE_RESIDENCE_S, REGION_GEOGRAPHY, VIEWERS, Viewers, all_caches
from costmodel.capacity.energy import Energy, to_viewers, unmeasured
from costmodel.capacity.first_view import Way, arrivals, first_view_latency, quantile_ms
from costmodel.capacity.result import Capacity, Limit
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.content import Delivered, served_files_per_product, static_files
from costmodel.demand.demand import Demand, read_only
from costmodel.pricing.plans import PLAN_FORMS, Plan, plans
from costmodel.pricing.price import GLOBAL, PriceQuery
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import AssetFormat, Scenario
from costmodel.services import needs
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
FIREWALL_RULES = {tier: rules for tier, _, rules in PLAN_FORMS.values()}
"""Most rules of the web ACL by the name of a plan."""
BEYOND_ALLOWANCE = "no overage charge, performance may be reduced beyond the allowance"


class Cached(NamedTuple):
    """One kind of object that viewers ask for."""

    objects: int
    changes_per_month: float
    """How often one of them is replaced or invalidated in a month."""
    daily: FloatArray
    """Requests, shape (geographies, days)."""


class Past(NamedTuple):
    """Requests for one kind of object that pass caches, shape (days,)."""

    edge: FloatArray
    shield: FloatArray
    """What Origin Shield bills."""
    all: FloatArray
    """What reaches the bucket."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What every CloudFront design of a scenario shares: the content and where it comes from."""

    region_id: str
    model_objects: int
    """3D files that viewers ask for: products times served files per product."""
    static_objects: int
    """Images, scripts and styles: products times files per page."""
    zipf_exponent: float
    ttl_s: float
    delivered: Delivered
    invalidated_paths_per_month: float
    model_changes_per_month: float
    """How often one 3D file is replaced in a month."""
    static_changes_per_month: float
    """How often a deploy replaces one image, script or style in a month."""
    firewall_rules: int
    """Rules of the web ACL in front of it."""
    first_view_p95_ms: float
    """The objective for first views in every geography; infinite without one."""

    @classmethod
    def of(cls, scenario: Scenario, asset_format: AssetFormat | None = None) -> Distribution:
        """The content and origin of a scenario, its models in its own format or another."""
        content, security, objectives = scenario.content, scenario.security, scenario.objectives
        served_files = content.catalogue_products * served_files_per_product(content)
        return cls(
            region_id=scenario.region,
            model_objects=max(1, round(served_files)),
            static_objects=max(1, round(static_files(content))),
            zipf_exponent=float(content.popularity_zipf_exponent),
            ttl_s=min(float(content.cache_ttl_hours) * 3600, float(MAX_TTL_S)),
            delivered=Delivered.of(content, asset_format or content.asset_format),
            invalidated_paths_per_month=float(content.invalidated_paths_per_month),
            model_changes_per_month=float(content.uploads_per_month) / content.catalogue_products,
            static_changes_per_month=float(content.deploys_per_month) * float(content.deploy_changed_ratio),
            firewall_rules=security.waf_rules if security.waf else 0,
            first_view_p95_ms=objectives.first_view_p95_ms or math.inf,
        )

    @property
    def suffix(self) -> str:
        """What a label adds for a format that is not the scenario's own."""
        return "" if self.delivered.bytes_ratio == 1.0 else f", {self.delivered.asset_format} models"

    def daily_sent_bytes(self, demand: Demand) -> FloatArray:
        """Bytes of models and static files sent to viewers per day, shape (geographies, days)."""
        more = (self.delivered.bytes_ratio - 1.0) * demand.fan_out.model_bytes_per_view
        return read_only(demand.daily_asset_bytes + more * demand.daily_model_views)

    def cached(self, demand: Demand) -> tuple[Cached, Cached]:
        """3D models, and static files. Invalidated paths are spread over all files alike.

        A replaced file is asked for anew at every layer, whether it keeps its name and is invalidated
        or gets a new one, as content-hashed names do.
        """
        fan_out = demand.fan_out
        invalidated = self.invalidated_paths_per_month / (self.model_objects + self.static_objects)
        return (
            Cached(
                self.model_objects,
                self.model_changes_per_month + invalidated,
                demand.daily_model_views * fan_out.model_requests_per_view,
            ),
            Cached(
                self.static_objects,
                self.static_changes_per_month + invalidated,
                demand.daily_page_views * fan_out.static_requests_per_page_view,
            ),
        )

    def requests_past_caches(
        self, demand: Demand, price_class: PriceClass, *, origin_shield: bool
    ) -> tuple[Past, Past]:
        """Requests per day that pass caches, for 3D models and for static files.

        Each month has its own mean rate, by served geography and kind of object. Origin Shield pools
        all geographies. It bills what regional caches of other regions send it; the one in its own
        region it stands in for, so what passes that one is free.

        Source: Amazon CloudFront Developer Guide, "Using Amazon CloudFront Origin Shield", estimating
        Origin Shield costs (2023-06).
        """
        models, static = self.cached(demand)
        return (
            self._past(demand, models, price_class, origin_shield=origin_shield),
            self._past(demand, static, price_class, origin_shield=origin_shield),
        )

    def _past(self, demand: Demand, kind: Cached, price_class: PriceClass, *, origin_shield: bool) -> Past:
        past = Past(np.zeros(demand.days), np.zeros(demand.days), np.zeros(demand.days))
        by_edge = _by_served_geography(demand, kind.daily, price_class)
        for _, days in demand.calendar.day_slices:
            seconds = (days.stop - days.start) * MINUTES_PER_DAY * SECONDS_PER_MINUTE
            rates = {geography: float(row[days].sum()) / seconds for geography, row in by_edge.items()}
            total = sum(rates.values())
            if total == 0:
                continue
            changes_per_s = kind.changes_per_month / seconds
            layers = {
                geography: self.layers(kind.objects, rate, VIEWERS[geography], changes_per_s)
                for geography, rate in rates.items()
            }
            past_regional = {
                geography: rate * layers[geography].regional_miss_ratio for geography, rate in rates.items()
            }
            origin = sum(past_regional.values())
            month = kind.daily[:, days].sum(axis=0) / total
            past.edge[days] = month * sum(
                rate * layers[geography].edge_miss_ratio for geography, rate in rates.items()
            )
            if origin_shield:
                origin = min(origin, self._past_shield(kind.objects, rates, changes_per_s))
                past.shield[days] = month * self._from_other_regions(past_regional)
            past.all[days] = month * origin
        return past

    def _past_shield(self, objects: int, rates: Mapping[str, float], changes_per_s: float) -> float:
        """Requests per second that pass Origin Shield, of these per geography."""
        total = sum(rates.values())
        caches = all_caches(geography for geography, rate in rates.items() if rate > 0)
        pooled = self.layers(objects, total, caches, changes_per_s, origin_shield=True)
        return total * pooled.origin_miss_ratio

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
        self,
        objects: int,
        requests_per_s: float,
        viewers: Viewers,
        changes_per_s: float,
        *,
        origin_shield: bool = False,
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
            changes_per_s,
            origin_shield,
        )

    def cache_figures(
        self, demand: Demand, price_class: PriceClass, *, origin_shield: bool
    ) -> dict[str, float]:
        """How much the caches answer, by requests and by bytes, and the bytes that leave the bucket.

        Models are few and large, static files many and small: requests missed decide about charges,
        bytes missed about the work of the bucket, whose bytes to CloudFront are free.
        """
        past = self.requests_past_caches(demand, price_class, origin_shield=origin_shield)
        asked = [float(kind.daily.sum()) for kind in self.cached(demand)]
        static_bytes = float(demand.daily_page_views.sum()) * demand.fan_out.static_bytes_per_page_view
        sent_bytes = [float(self.daily_sent_bytes(demand).sum()) - static_bytes, static_bytes]
        missed = [
            float(kind.all.sum()) / requests if requests else 0.0
            for kind, requests in zip(past, asked, strict=True)
        ]
        missed_bytes = sum(ratio * sent for ratio, sent in zip(missed, sent_bytes, strict=True))
        edge_misses = sum(float(kind.edge.sum()) for kind in past)
        misses = sum(float(kind.all.sum()) for kind in past)
        return {
            "edge_hit_ratio": 1.0 - edge_misses / sum(asked) if sum(asked) else 1.0,
            "hit_ratio": 1.0 - misses / sum(asked) if sum(asked) else 1.0,
            "model_hit_ratio": 1.0 - missed[0],
            "static_hit_ratio": 1.0 - missed[1],
            "byte_hit_ratio": 1.0 - missed_bytes / sum(sent_bytes) if sum(sent_bytes) else 1.0,
            "origin_gb": missed_bytes / BYTES_PER_GB,
        }

    def footprint(self, demand: Demand, price_class: PriceClass, *, origin_shield: bool) -> Footprint:
        """What reaches the bucket, and what the format stores there."""
        models, static = self.requests_past_caches(demand, price_class, origin_shield=origin_shield)
        return replace(
            Footprint.none(demand.days),
            origin_requests=read_only(models.all + static.all),
            reformatted_gb=read_only(np.full(demand.days, self.delivered.more_stored_gb)),
        )

    def simulate(
        self, demand: Demand, price_class: PriceClass, *, origin_shield: bool, limits: tuple[Limit, ...] = ()
    ) -> Capacity:
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
            + models * fan_out.model_bytes_per_view * self.delivered.bytes_ratio
            + demand.api_requests * fan_out.api_response_bytes
        )
        request_share = requests / SECONDS_PER_MINUTE / QUOTA_REQUESTS_PER_S
        data_share = sent_bytes * BITS_PER_BYTE / SECONDS_PER_MINUTE / QUOTA_BITS_PER_S
        offered, sent = float(requests.sum()), float(sent_bytes.sum())
        saturation = QUOTA_REQUESTS_PER_S
        if sent > 0 and offered > 0:
            saturation = min(saturation, QUOTA_BITS_PER_S / BITS_PER_BYTE * offered / sent)
        ways = self.first_view_ways(demand, price_class, origin_shield=origin_shield)
        return Capacity(
            servers=read_only(np.ones(demand.minutes)),
            utilisation=read_only(np.minimum(1.0, np.maximum(request_share, data_share))),
            requests=read_only(requests),
            failed_requests=read_only(np.zeros(demand.minutes)),
            latency=first_view_latency(ways),
            remedy="AWS quota: CloudFront request and data rate per distribution",
            saturation_requests_per_s=saturation,
            limits=(*limits, *self._slow_first_views(ways)),
        )

    def _slow_first_views(self, found: Mapping[str, tuple[float, tuple[Way, ...]]]) -> Iterator[Limit]:
        """The objective in every geography with views; none without an objective."""
        if math.isinf(self.first_view_p95_ms):
            return
        for geography, (views, ways) in found.items():
            if views > 0:
                yield Limit(
                    f"first view in {geography.replace('_', ' ')}, 95th percentile",
                    quantile_ms(ways, 0.95),
                    self.first_view_p95_ms,
                    "ms",
                    "objectives.first_view_p95_ms",
                )

    def first_view_ms(
        self, demand: Demand, price_class: PriceClass, *, origin_shield: bool
    ) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile of the first view of a 3D model, by viewer geography."""
        found = self.first_view_ways(demand, price_class, origin_shield=origin_shield)
        return {
            geography: (quantile_ms(ways, 0.5), quantile_ms(ways, 0.95))
            for geography, (_, ways) in found.items()
        }

    def first_view_ways(
        self, demand: Demand, price_class: PriceClass, *, origin_shield: bool
    ) -> dict[str, tuple[float, tuple[Way, ...]]]:
        """Views, and the ways in which a model can arrive with their chances, by viewer geography.

        The model waits in the edge location, in the regional cache, in Origin Shield, or in the bucket;
        the connection is open or new. The transfer time is the model's size over the viewer's speed,
        both lognormal, so lognormal too.
        """
        asked = demand.fan_out.model_requests_per_view
        sent_bytes = demand.fan_out.model_bytes_per_view * self.delivered.bytes_ratio
        file_bytes = sent_bytes / asked if asked > 0 else 0.0
        models, _ = self.cached(demand)
        views = demand.daily_model_views.sum(axis=1)
        seconds = demand.minutes * SECONDS_PER_MINUTE
        changes_per_s = models.changes_per_month * len(demand.calendar.periods) / seconds
        rates = {
            edge: float(row.sum()) / seconds
            for edge, row in _by_served_geography(demand, models.daily, price_class).items()
        }
        layers = {
            edge: self.layers(models.objects, rate, VIEWERS[edge], changes_per_s)
            for edge, rate in rates.items()
        }
        bucket_ratio = 1.0
        past_regional = sum(rate * layers[edge].regional_miss_ratio for edge, rate in rates.items())
        if origin_shield and past_regional > 0:
            bucket_ratio = min(1.0, self._past_shield(models.objects, rates, changes_per_s) / past_regional)
        found: dict[str, tuple[float, tuple[Way, ...]]] = {}
        for geography, count in zip(demand.geographies, views, strict=True):
            edge = SERVED_FROM[price_class].get(geography, geography)
            ways = arrivals(
                geography,
                edge,
                self.region_id,
                layers[edge],
                bucket_ratio,
                file_bytes,
                self.delivered.size_sigma,
            )
            found[geography] = (float(count), ways)
        return found

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
        included = ", ".join(f"{tier} = {rules}" for tier, rules in FIREWALL_RULES.items())
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
                    also(
                        one_of("flat_rate_plan", plan, ("NONE", *FIREWALL_RULES)),
                        f'{{value}} == "NONE" || var.waf.enabled == false || '
                        f"var.waf.rules <= lookup({{ {included} }}, {{value}}, 0)",
                        f"include as many firewall rules as waf.rules: {included.replace(' =', '')}",
                    ),
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
        return f"CloudFront pay as you go, price class {self.price_class}{shield}{self.distribution.suffix}"

    @property
    def reliability(self) -> Reliability:
        return SLA

    def under(self, scenario: Scenario) -> PayAsYouGo:
        """The same settings under another scenario's figures."""
        asset_format = self.distribution.delivered.asset_format
        return replace(self, distribution=Distribution.of(scenario, asset_format))

    def settings(self) -> Mapping[str, Setting]:
        return {
            "pricing": self.kind,
            "price_class": f"PriceClass_{self.price_class}",
            "origin_shield": self.origin_shield,
            "ttl_s": self.distribution.ttl_s,
            "asset_format": self.distribution.delivered.asset_format,
            "origin_failover": False,
        }

    def simulate(self, demand: Demand) -> Capacity:
        return self.distribution.simulate(demand, self.price_class, origin_shield=self.origin_shield)

    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]:
        """Per served geography: bytes to viewers, reads, writes and their bodies; then what is global."""
        fan_out = demand.fan_out
        calls = demand.daily_api_requests
        posts = calls * fan_out.api_post_ratio
        reads = demand.daily_asset_requests + calls - posts
        sent_bytes = self.daily_sent_bytes(demand) + calls * fan_out.api_response_bytes
        body_gb = posts * fan_out.api_request_bytes / BYTES_PER_GB
        reading = f"asset requests + API calls x {1 - fan_out.api_post_ratio:g} that read"
        writing = f"API calls x {fan_out.api_post_ratio:g} that write"
        return (
            *self._by_edge(demand, TO_VIEWERS, sent_bytes / BYTES_PER_GB, "asset bytes + API response bytes"),
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
        models, static = self.distribution.requests_past_caches(demand, self.price_class, origin_shield=True)
        meter = _meter(SHIELD, self.distribution.region_id)
        return meter_usage(
            meter,
            RESOURCE_NAME,
            demand.calendar,
            models.shield + static.shield,
            "asset requests that miss the regional caches of other regions",
        )

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        return delivery_energy(demand, self.daily_sent_bytes(demand))

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        return self.distribution.footprint(demand, self.price_class, origin_shield=self.origin_shield)

    def first_view_ms(self, demand: Demand) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile of the first view of a 3D model, by viewer geography."""
        return self.distribution.first_view_ms(demand, self.price_class, origin_shield=self.origin_shield)

    def nearest_view_ms(self, demand: Demand) -> dict[str, tuple[float, float]]:
        """The same if every edge location served."""
        return self.distribution.first_view_ms(demand, "All", origin_shield=self.origin_shield)

    def cache_figures(self, demand: Demand) -> dict[str, float]:
        """What the caches answer, by name."""
        return self.distribution.cache_figures(demand, self.price_class, origin_shield=self.origin_shield)

    def daily_sent_bytes(self, demand: Demand) -> FloatArray:
        """Bytes of models and static files sent to viewers per day, shape (geographies, days)."""
        return self.distribution.daily_sent_bytes(demand)

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
        return f"CloudFront flat-rate plan {self.plan.code}{self.distribution.suffix}"

    @property
    def reliability(self) -> Reliability:
        return SLA

    def under(self, scenario: Scenario) -> FlatRatePlan:
        """The same settings under another scenario's figures."""
        asset_format = self.distribution.delivered.asset_format
        return replace(self, distribution=Distribution.of(scenario, asset_format))

    def settings(self) -> Mapping[str, Setting]:
        return {
            "pricing": self.kind,
            "plan": self.plan.code,
            "allowance_requests": self.plan.requests,
            "allowance_gb": self.plan.transfer_gb,
            "beyond_allowance": BEYOND_ALLOWANCE,
            "custom_cache_policy": self.plan.custom_cache_policy,
            "ttl_s": self.distribution.ttl_s,
            "asset_format": self.distribution.delivered.asset_format,
            "origin_failover": False,
        }

    def simulate(self, demand: Demand) -> Capacity:
        return self.distribution.simulate(demand, "All", origin_shield=False, limits=self.limits(demand))

    def limits(self, demand: Demand) -> tuple[Limit, ...]:
        """The allowances against the worst month, and the web ACL against what the plan includes."""
        calls = demand.daily_api_requests.sum(axis=0)
        requests = demand.daily_asset_requests.sum(axis=0) + calls
        sent_bytes = self.daily_sent_bytes(demand).sum(axis=0) + calls * demand.fan_out.api_response_bytes
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
            Limit(
                "plan firewall rules",
                self.distribution.firewall_rules,
                self.plan.firewall_rules,
                "rules",
                "security.waf_rules",
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

    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        return delivery_energy(demand, self.daily_sent_bytes(demand))

    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint:
        return replace(
            self.distribution.footprint(demand, "All", origin_shield=False),
            included_roles=frozenset({Role.FIREWALL, Role.DNS}),
            included_dns_queries=float(self.plan.dns_queries),
            included_storage_gb=float(self.plan.storage_gb),
        )

    def first_view_ms(self, demand: Demand) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile of the first view of a 3D model, by viewer geography."""
        return self.distribution.first_view_ms(demand, "All", origin_shield=False)

    def nearest_view_ms(self, demand: Demand) -> dict[str, tuple[float, float]]:
        """The same: plans serve from every edge location."""
        return self.first_view_ms(demand)

    def cache_figures(self, demand: Demand) -> dict[str, float]:
        """What the caches answer, by name."""
        return self.distribution.cache_figures(demand, "All", origin_shield=False)

    def daily_sent_bytes(self, demand: Demand) -> FloatArray:
        """Bytes of models and static files sent to viewers per day, shape (geographies, days)."""
        return self.distribution.daily_sent_bytes(demand)

    def terraform(self) -> tuple[TerraformVariable, ...]:
        return self.distribution.terraform("All", origin_shield=False, plan=self.plan.tier)


def _meter(kind: tuple[str, str, str], region_id: str) -> Meter:
    name, usage_type, unit = kind
    return Meter(name, SERVICE_NAME, "Networking", unit, PriceQuery(SERVICE_CODE, region_id, usage_type))


@lru_cache(maxsize=4096)
def _cached_layers(
    objects: int,
    zipf_exponent: float,
    requests_per_s: float,
    ttl_s: float,
    edge_locations: int,
    regional_caches: int,
    changes_per_s: float,
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
        changes_per_s=changes_per_s,
    )


def delivery_energy(demand: Demand, daily_sent_bytes: FloatArray) -> Energy:
    """Bytes to viewers, shape (geographies, days), and answers to API calls: outside the boundary."""
    sent_bytes = daily_sent_bytes + demand.daily_api_requests * demand.fan_out.api_response_bytes
    return to_viewers(float(sent_bytes.sum()) / BYTES_PER_GB) + unmeasured("edge locations")


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
    """Pay as you go in each distinct price class, with and without Origin Shield; and every plan.

    Each in every format that the scenario allows its models to be delivered in.
    """
    formats = scenario.constraints.asset_formats or (scenario.content.asset_format,)
    distributions = [Distribution.of(scenario, asset_format) for asset_format in formats]
    found: list[TierDesign] = []
    if "pay_as_you_go" in scenario.constraints.delivery:
        found += [
            PayAsYouGo(distribution, price_class, origin_shield)
            for distribution in distributions
            for price_class in price_classes(demand.geographies)
            for origin_shield in (False, True)
        ]
    if "flat_rate" in scenario.constraints.delivery:
        found += [FlatRatePlan(distribution, plan) for distribution in distributions for plan in plans()]
    return tuple(found)


SERVICE = TierService(SERVICE_NAME, SERVICE_CODE, Role.DELIVERY, designs, needs.CLOUDFRONT)
