"""CloudFront: quantities worked by hand, price classes, plan allowances to the byte, caches, first views."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.caching import cache_layers
from costmodel.capacity.edges import DETOUR_RTT_MS, VIEWERS
from costmodel.capacity.first_view import Way, quantile_ms
from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.content import Delivered
from costmodel.demand.demand import Demand, FanOut, read_only
from costmodel.pricing.book import PriceBook
from costmodel.pricing.plans import plans
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.model import Scenario
from costmodel.services._base import Role, Usage
from costmodel.services.cloudfront import (
    BEYOND_ALLOWANCE,
    SERVED_FROM,
    Distribution,
    FlatRatePlan,
    PayAsYouGo,
    designs,
    price_classes,
)
from costmodel.shipped import shipped
from costmodel.units import BYTES_PER_GB, FOCUS_UNITS

REGIONS = (
    *("us-east-1", "us-west-2", "eu-west-1", "eu-central-1"),
    *("ap-southeast-1", "ap-northeast-1", "ap-south-1", "sa-east-1"),
)
NOVEMBER = BillingPeriod(2026, 11)
FAN_OUT = FanOut(
    static_requests_per_page_view=10.0,
    static_bytes_per_page_view=2.0**20,
    model_requests_per_view=1.0,
    model_bytes_per_view=2.0**20,
    api_calls_per_page_view=5.0,
    api_request_bytes=1024.0,
    api_response_bytes=8192.0,
    api_post_ratio=0.2,
    reads_per_api_call=2.0,
    writes_per_api_call=0.1,
    render_jobs_per_page_view=0.0,
    sessions_per_page_view=0.25,
)


def demand_of(
    page_views: dict[str, float], *, months: int = 1, model_share: float = 0.5, fan_out: FanOut = FAN_OUT
) -> Demand:
    """Steady demand: so many page views per geography and day, and a share of 3D views."""
    calendar = Calendar.of(NOVEMBER, months)
    per_minute = np.array([[views / 1440.0] for views in page_views.values()])
    pages = np.repeat(per_minute, calendar.minutes, axis=1)
    days = calendar.days
    return Demand(
        calendar,
        tuple(page_views),
        read_only(pages),
        read_only(pages * model_share),
        fan_out,
        read_only(np.full(days, 20.0)),
        read_only(np.full(days, 50.0)),
    )


def scenario_of(region: str = "eu-west-1", **more: object) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "shop",
            "region": region,
            "start": "2026-11",
            "traffic": {"monthly_visitors": {"europe": 1000}},
            **more,
        }
    )


DISTRIBUTION = Distribution(
    region_id="eu-west-1",
    model_objects=4_000,
    static_objects=20_000,
    zipf_exponent=0.8,
    ttl_s=30 * 86_400.0,
    delivered=Delivered("draco_webp_2k", 1.23),
    invalidated_paths_per_month=1_200.0,
    model_changes_per_month=0.0,
    static_changes_per_month=0.0,
    firewall_rules=4,
    first_view_p95_ms=math.inf,
)


def pay(price_class: str = "All", *, origin_shield: bool = False) -> PayAsYouGo:
    return PayAsYouGo(DISTRIBUTION, price_class, origin_shield)  # type: ignore[arg-type]


def quantities(usages: tuple[Usage, ...]) -> dict[tuple[str, str], Decimal]:
    return {(u.meter.query.region_id, u.meter.query.usage_type): u.consumed_quantity for u in usages}


def used(design: PayAsYouGo | FlatRatePlan, demand: Demand) -> tuple[Usage, ...]:
    return design.usage(demand, design.simulate(demand))


def test_pay_as_you_go_quantities_by_hand() -> None:
    demand = demand_of({"europe": 1440.0, "japan": 14_400.0})
    got = quantities(used(pay(), demand))
    # November has 30 days. Europe: 43 200 page views, 21 600 models, 216 000 API calls.
    # Assets: 43 200 x 1 MiB + 21 600 x 1 MiB = 64 800 MiB = 63.28125 GB; API: 216 000 x 8 KiB = 1.64794921875 GB.
    assert float(got["edge:europe", "DataTransfer-Out-Bytes"]) == pytest.approx(64.92919921875, abs=1e-8)
    # Reads: 43 200 x 10 + 21 600 + 216 000 x 0.8 = 626 400. Writes: 216 000 x 0.2 = 43 200, 1 KiB each.
    assert got["edge:europe", "Requests-Tier2-HTTPS"] == 626_400
    assert got["edge:europe", "Requests-HTTPS-Proxy"] == 43_200
    assert float(got["edge:europe", "DataTransfer-Out-OBytes"]) == pytest.approx(43_200 / 2**20, abs=1e-8)
    assert got["edge:japan", "Requests-Tier2-HTTPS"] == 6_264_000
    assert got["global", "Invalidations"] == 1_200
    assert ("eu-west-1", "Requests-OriginShield") not in got


def test_price_class_100_bills_excluded_viewers_where_they_are_served() -> None:
    demand = demand_of({"europe": 1440.0, "india": 1440.0, "south_america": 2880.0})
    got = quantities(used(pay("100"), demand))
    assert {region for region, _ in got} == {"edge:europe", "edge:united_states", "global"}
    assert got["edge:europe", "Requests-HTTPS-Proxy"] == 2 * 43_200
    assert got["edge:united_states", "Requests-HTTPS-Proxy"] == 2 * 43_200


@pytest.mark.parametrize(
    ("price_class", "excluded"),
    [
        (
            "100",
            {"japan", "asia_pacific", "australia", "south_america", "india", "middle_east", "south_africa"},
        ),
        ("200", {"australia", "south_america"}),
        ("All", set()),
    ],
)
def test_price_classes_leave_out_what_the_developer_guide_says(price_class: str, excluded: set[str]) -> None:
    mapping = SERVED_FROM[price_class]  # type: ignore[index]
    assert set(mapping) == excluded
    assert not excluded & set(mapping.values())
    assert all(pair in DETOUR_RTT_MS for pair in mapping.items())


@pytest.mark.parametrize(
    ("geographies", "classes"),
    [
        (("united_states", "europe"), ("All",)),
        (("europe", "india"), ("100", "All")),
        (("europe", "australia"), ("100", "200", "All")),
        (("south_america",), ("200", "All")),
    ],
)
def test_only_price_classes_that_differ_are_offered(
    geographies: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    assert price_classes(geographies) == classes


def test_designs_follow_the_constraints() -> None:
    demand = demand_of({"europe": 1440.0})
    both = designs(scenario_of(), demand)
    assert [design.kind for design in both] == ["pay_as_you_go"] * 2 + ["flat_rate"] * 9
    only = designs(scenario_of(constraints={"delivery": ["flat_rate"]}), demand)
    assert {design.kind for design in only} == {"flat_rate"}
    assert len({design.label for design in both}) == len(both)


def test_a_design_keeps_its_choice_under_other_figures() -> None:
    other = scenario_of(content={"catalogue_products": 7, "variants_stored": 3, "cache_ttl_hours": 2})
    moved = pay("100", origin_shield=True).under(other)
    assert (moved.price_class, moved.origin_shield) == ("100", True)
    # Three files a product, of which one is the original that no viewer asks for.
    assert (moved.distribution.model_objects, moved.distribution.ttl_s) == (14, 7_200.0)
    subscribed = plan("Pro").under(other)
    assert (subscribed.plan.code, subscribed.distribution) == ("Pro", moved.distribution)


def plan(code: str) -> FlatRatePlan:
    return FlatRatePlan(DISTRIBUTION, next(found for found in plans() if found.code == code))


def exactly(total_bytes: float) -> Demand:
    """One page view a day whose bytes add up to exactly `total_bytes` in November."""
    fan_out = replace(
        FAN_OUT,
        static_requests_per_page_view=1.0,
        static_bytes_per_page_view=0.0,
        api_calls_per_page_view=0.0,
    )
    calendar = Calendar.of(NOVEMBER, 1)
    pages = np.zeros((1, calendar.minutes))
    pages[0, 0] = 1.0
    days = calendar.days
    return Demand(
        calendar,
        ("europe",),
        read_only(pages),
        read_only(np.zeros_like(pages)),
        replace(fan_out, static_bytes_per_page_view=total_bytes),
        read_only(np.zeros(days)),
        read_only(np.zeros(days)),
    )


@pytest.mark.parametrize("code", ["Pro", "Business", "Premium"])
def test_fifty_terabytes_pass_and_one_byte_more_breaks_the_plan(code: str) -> None:
    allowance = 50 * 1024 * BYTES_PER_GB
    assert [limit.constraint for limit in plan(code).limits(exactly(allowance)) if limit.broken] == []
    broken = [limit.constraint for limit in plan(code).limits(exactly(allowance + 1.0)) if limit.broken]
    assert broken == ["plan data transfer"]


def test_requests_and_dns_queries_are_held_against_the_worst_month() -> None:
    # 5 000 page views a day: 10 + 0.5 + 5 = 15.5 requests each; December has 31 days.
    demand = demand_of({"europe": 5_000.0}, months=2)
    limits = {limit.constraint: limit for limit in plan("Free").simulate(demand).limits}
    assert limits["plan requests"].observed == pytest.approx(5_000 * 15.5 * 31)
    assert limits["plan requests"].broken
    # 0.25 sessions a page view x 1.5 look-ups.
    assert limits["plan DNS queries"].observed == pytest.approx(5_000 * 0.25 * 1.5 * 31)
    assert not limits["plan DNS queries"].broken
    assert not any(
        limit.broken for limit in plan("Pro").limits(demand) if limit.constraint == "plan requests"
    )


def test_a_plan_bills_the_subscription_and_invalidations_only() -> None:
    demand = demand_of({"europe": 1440.0, "india": 1440.0}, months=2)
    usages = used(plan("Pro"), demand)
    assert {(u.meter.query.service_code, u.meter.query.usage_type) for u in usages} == {
        ("CloudFrontPlans", "Pro"),
        ("AmazonCloudFront", "Invalidations"),
    }
    subscription = [usage for usage in usages if usage.meter.query.term == "FlatRate"]
    assert [usage.consumed_quantity for usage in subscription] == [Decimal(1), Decimal(1)]
    assert "no overage charge, performance may be reduced beyond the allowance" in subscription[0].formula
    left = plan("Pro").footprint(demand, plan("Pro").simulate(demand))
    assert left.included_roles == {Role.FIREWALL, Role.DNS}
    assert left.included_storage_gb == 50
    assert left.included_dns_queries == 5_000_000


def test_plan_table_agrees_with_the_shipped_allowances() -> None:
    with (shipped("pricing_cache") / "plan_allowances.csv").open(newline="") as file:
        rows = {(row["plan"], row["allowance"]): int(row["quantity"]) for row in csv.DictReader(file)}
    checked = 0
    for known in plans():
        for allowance, value in (
            ("requests per month", known.requests),
            ("data transfer per month", known.transfer_gb),
            ("Route 53 DNS queries per month", known.dns_queries),
            ("S3 Standard storage credit", known.storage_gb),
        ):
            if (known.code, allowance) in rows:
                assert rows[known.code, allowance] == value
                checked += 1
    assert checked == 4 * 4 + 5 * 2


def test_origin_requests_are_what_the_layers_let_through() -> None:
    demand = demand_of({"europe": 14_400.0})
    rate = 14_400 / 86_400
    expected = 0.0
    for objects, requests_per_s in ((4_000, rate * 0.5), (20_000, rate * 10)):
        layers = cache_layers(
            objects,
            0.8,
            requests_per_s,
            30 * 86_400.0,
            edge_locations=20,
            regional_caches=3,
            edge_residence_s=3 * 86_400.0,
            origin_shield=False,
            # 1 200 paths a month among 24 000 files.
            changes_per_s=0.05 / (30 * 86_400.0),
        )
        expected += layers.origin_miss_ratio * requests_per_s * 30 * 86_400
    design = pay()
    left = design.footprint(demand, design.simulate(demand))
    assert float(left.origin_requests.sum()) == pytest.approx(expected, rel=1e-9)
    assert expected < 0.5 * 14_400 * 30 * 10.5


def test_origin_shield_spares_the_bucket_and_is_metered_in_its_region() -> None:
    demand = demand_of({"europe": 14_400.0, "japan": 14_400.0, "australia": 1_440.0})
    bare, shielded = pay(), pay(origin_shield=True)
    without = float(bare.footprint(demand, bare.simulate(demand)).origin_requests.sum())
    behind = float(shielded.footprint(demand, shielded.simulate(demand)).origin_requests.sum())
    got = quantities(used(shielded, demand))
    assert behind < 0.8 * without
    # A third of Europe's misses pass the regional cache in Ireland itself, where Origin Shield costs nothing.
    home = demand_of({"europe": 14_400.0})
    europe = float(bare.footprint(home, bare.simulate(home)).origin_requests.sum())
    billed = float(got["eu-west-1", "Requests-OriginShield"])
    assert billed == pytest.approx(without - europe / VIEWERS["europe"].regional_caches, abs=0.51)


@pytest.mark.parametrize("region_id", REGIONS)
def test_origin_shield_never_bills_more_than_misses_the_regional_caches(region_id: str) -> None:
    demand = demand_of(dict.fromkeys(VIEWERS, 14_400.0))
    distribution = replace(DISTRIBUTION, region_id=region_id)
    for price_class in ("100", "200", "All"):
        bare = PayAsYouGo(distribution, price_class, origin_shield=False)  # type: ignore[arg-type]
        shielded = replace(bare, origin_shield=True)
        without = float(bare.footprint(demand, bare.simulate(demand)).origin_requests.sum())
        billed = float(quantities(used(shielded, demand))[region_id, "Requests-OriginShield"])
        assert 0 < billed <= without + 0.51


def test_every_object_is_fetched_at_least_once_when_kept_for_ever() -> None:
    # Two months of heavy demand on few objects: what reaches the bucket tends to objects / TTL.
    distribution = replace(DISTRIBUTION, model_objects=10, static_objects=10, invalidated_paths_per_month=0.0)
    design = PayAsYouGo(distribution, "All", origin_shield=True)
    demand = demand_of({"europe": 1e9})
    fetched = float(design.footprint(demand, design.simulate(demand)).origin_requests.sum())
    assert fetched == pytest.approx(20.0, rel=0.01)


def test_utilisation_is_the_larger_share_of_the_two_quotas() -> None:
    # 1 440 000 page views a day = 1 000 a minute: 15 500 requests and 1 500 MiB + 5 000 x 8 KiB a minute.
    capacity = pay().simulate(demand_of({"europe": 1_440_000.0}))
    bits_per_s = (1_500 * 2**20 + 5_000 * 8_192) * 8 / 60
    assert capacity.utilisation.max() == pytest.approx(bits_per_s / 150e9)
    assert capacity.utilisation.max() > 15_500 / 60 / 250_000
    assert capacity.summary().peak_requests_per_s == pytest.approx(15_500 / 60)
    assert capacity.saturation_requests_per_s == pytest.approx(15_500 / 60 * 150e9 / bits_per_s)
    assert capacity.summary().error_ratio == 0


def test_first_view_from_the_edge_is_round_trips_and_a_lognormal_transfer() -> None:
    # So many views of so few objects that nearly all wait at the edge. The median speed is 13.5 Mb/s x
    # e^-0.32 = 9.803 Mb/s = 1 225.4 bytes a ms: in a round trip of 25 ms 30.6 KB, more than the windows of
    # 14.6 and 29.2 KB. So the line waits 25 - 11.9 and 25 - 23.8 ms; with the request 39.26 ms.
    distribution = replace(DISTRIBUTION, model_objects=1)
    design = PayAsYouGo(distribution, "All", origin_shield=False)
    p50, p95 = design.first_view_ms(demand_of({"europe": 1e9}))["europe"]
    sigma = math.hypot(1.23, 0.8)
    median_ms = 1000 * 2**20 * 8 * math.exp(-(1.23**2) / 2) / (13.5e6 * math.exp(-(0.8**2) / 2))
    # One in ten opens a connection first, two round trips or 50 ms more.
    ways = (Way(0.9, 39.26, median_ms, sigma), Way(0.1, 89.26, median_ms, sigma))
    assert p50 == pytest.approx(quantile_ms(ways, 0.50), rel=1e-3)
    assert p95 == pytest.approx(quantile_ms(ways, 0.95), rel=1e-3)
    assert 39.26 + median_ms < p50 < 49.26 + median_ms


def test_origin_shield_spares_first_views_the_bucket() -> None:
    demand = demand_of({"europe": 144_000.0, "japan": 144_000.0})
    without, behind = pay().first_view_ms(demand), pay(origin_shield=True).first_view_ms(demand)
    assert all(behind[geography][1] < without[geography][1] for geography in without)


def test_the_objective_for_first_views_names_the_geography() -> None:
    demand = demand_of({"europe": 144_000.0, "india": 14_400.0, "japan": 0.0})
    seen = pay().first_view_ms(demand)
    assert pay().simulate(demand).limits == ()
    between = (seen["europe"][1] + seen["india"][1]) / 2
    strict = replace(pay(), distribution=replace(DISTRIBUTION, first_view_p95_ms=between))
    limits = strict.simulate(demand).limits
    assert [limit.constraint for limit in limits] == [
        "first view in europe, 95th percentile",
        "first view in india, 95th percentile",
    ]
    assert [limit.broken for limit in limits] == [False, True]
    assert limits[1].observed == pytest.approx(seen["india"][1])
    assert {limit.key for limit in limits} == {"objectives.first_view_p95_ms"}


def test_a_narrow_price_class_slows_excluded_viewers_only() -> None:
    demand = demand_of({"europe": 144_000.0, "australia": 14_400.0})
    narrow, wide = pay("100").first_view_ms(demand), pay("All").first_view_ms(demand)
    # Four round trips of 150 ms more, less what a busier cache saves.
    assert narrow["australia"][0] > wide["australia"][0] + 400
    assert narrow["europe"] == wide["europe"]


def test_no_views_at_all() -> None:
    demand = demand_of({"europe": 0.0})
    capacity = pay().simulate(demand)
    assert capacity.latency.p99_ms == 0
    assert capacity.summary().headroom_ratio == 1
    assert all(usage.consumed_quantity == 0 for usage in used(pay(origin_shield=True), demand)[:-1])


@settings(max_examples=25, deadline=None)
@given(
    europe=st.floats(0, 1e8),
    australia=st.floats(0, 1e8),
    factor=st.floats(1.0, 50.0),
    price_class=st.sampled_from(["100", "200", "All"]),
    shield=st.booleans(),
)
def test_more_load_never_means_less_usage(
    europe: float, australia: float, factor: float, price_class: str, shield: bool
) -> None:
    design = pay(price_class, origin_shield=shield)
    light = demand_of({"europe": europe, "australia": australia})
    heavy = demand_of({"europe": europe * factor, "australia": australia * factor})
    few, many = quantities(used(design, light)), quantities(used(design, heavy))
    assert few.keys() == many.keys()
    assert all(many[key] >= few[key] for key in few)
    before = design.footprint(light, design.simulate(light)).origin_requests
    after = design.footprint(heavy, design.simulate(heavy)).origin_requests
    assert np.all(np.isfinite(after))
    assert np.all(before >= 0)
    assert np.all(after >= before * (1 - 1e-9))
    assert quantities(used(design, light)) == few


@pytest.mark.parametrize("region", REGIONS)
def test_every_meter_has_a_price_in_its_unit(region: str) -> None:
    book = PriceBook.shipped()
    demand = demand_of(dict.fromkeys(VIEWERS, 1440.0))
    asked: set[PriceQuery] = set()
    for design in designs(scenario_of(region), demand):
        for usage in design.usage(demand, design.simulate(demand)):
            price = book.price(usage.meter.query)
            assert FOCUS_UNITS[price.pricing_unit] == usage.meter.consumed_unit
            asked.add(usage.meter.query)
    assert len(asked) == 10 * 4 + 1 + 1 + 9


def test_uploads_deploys_and_invalidations_empty_the_caches() -> None:
    still = replace(DISTRIBUTION, invalidated_paths_per_month=0.0)
    demand = demand_of({"europe": 144_000.0})

    def fetched(**changes: float) -> tuple[float, float]:
        past = replace(still, **changes).requests_past_caches(demand, "All", origin_shield=False)
        return float(past[0].all.sum()), float(past[1].all.sum())

    models, static = fetched()
    assert fetched(model_changes_per_month=2.0)[0] > 1.2 * models
    assert fetched(model_changes_per_month=2.0)[1] == static
    assert fetched(static_changes_per_month=2.0)[0] == models
    assert fetched(static_changes_per_month=2.0)[1] > 1.2 * static
    # 24 000 paths: every file once a month, models and static files alike.
    assert fetched(invalidated_paths_per_month=24_000.0) == pytest.approx(
        (fetched(model_changes_per_month=1.0)[0], fetched(static_changes_per_month=1.0)[1])
    )


def test_a_replaced_popular_model_is_fetched_once_by_every_regional_cache() -> None:
    # One model, asked for without end: 3 regional caches fetch it once in 30 days, and once more with
    # every change. 60 changes a month: a life of 12 h, that 30 days do not cut: 60 fetches of each.
    distribution = replace(
        DISTRIBUTION, model_objects=1, invalidated_paths_per_month=0.0, model_changes_per_month=60.0
    )
    models, _ = distribution.requests_past_caches(demand_of({"europe": 1e9}), "All", origin_shield=False)
    assert float(models.all.sum()) == pytest.approx(3 * 60.0, rel=1e-3)


def test_scenario_figures_become_rates_of_change() -> None:
    content = {
        "catalogue_products": 1_000,
        "uploads_per_month": 250,
        "deploys_per_month": 8,
        "deploy_changed_ratio": 0.05,
    }
    found = Distribution.of(scenario_of(content=content))
    assert found.model_changes_per_month == 0.25
    assert found.static_changes_per_month == pytest.approx(0.4)


def test_bytes_and_requests_that_miss_are_told_apart() -> None:
    demand = demand_of({"europe": 14_400.0})
    figures = pay().cache_figures(demand)
    models, static = DISTRIBUTION.requests_past_caches(demand, "All", origin_shield=False)
    asked = 14_400 * 30.0
    assert figures["model_hit_ratio"] == pytest.approx(1 - models.all.sum() / (0.5 * asked))
    assert figures["static_hit_ratio"] == pytest.approx(1 - static.all.sum() / (10 * asked))
    # A static file is a tenth of a mebibyte, a model a whole one.
    missed_mb = models.all.sum() + static.all.sum() / 10
    assert figures["origin_gb"] == pytest.approx(missed_mb / 1024)
    assert figures["byte_hit_ratio"] == pytest.approx(1 - missed_mb / (1.5 * asked))
    assert figures["byte_hit_ratio"] < figures["hit_ratio"]
    assert figures["edge_hit_ratio"] < figures["hit_ratio"]


FORMATS = {"constraints": {"asset_formats": ["original", "draco_webp_2k", "meshopt_webp_1k"]}}


def test_every_allowed_format_is_a_design() -> None:
    demand = demand_of({"europe": 1440.0})
    alone, several = designs(scenario_of(), demand), designs(scenario_of(**FORMATS), demand)
    assert len(several) == 3 * len(alone)
    labels = [design.label for design in several]
    assert len(set(labels)) == len(labels)
    assert {design.label for design in alone} < set(labels)
    assert sum(label.endswith(", meshopt_webp_1k models") for label in labels) == len(alone)
    # Whatever else becomes of the scenario, a design keeps its format.
    moved = several[-1].under(scenario_of(**FORMATS, content={"asset_format": "original"}))
    assert moved.settings()["asset_format"] == "meshopt_webp_1k"


def test_a_format_changes_what_is_sent_stored_and_waited_for() -> None:
    # As authored 6.6 MB, 0.72 with Draco and WebP: 9.1667 times as much. One served file of 2 000 products.
    demand = demand_of({"europe": 144_000.0})
    scenario = scenario_of(**FORMATS)
    own = PayAsYouGo(Distribution.of(scenario), "All", origin_shield=False)
    original = PayAsYouGo(Distribution.of(scenario, "original"), "All", origin_shield=False)
    models_gb = 0.5 * 144_000 * 30 / 1024
    key = ("edge:europe", "DataTransfer-Out-Bytes")
    more_gb = float(quantities(used(original, demand))[key] - quantities(used(own, demand))[key])
    assert more_gb == pytest.approx(models_gb * (6.6 / 0.72 - 1))
    footprints = [design.footprint(demand, design.simulate(demand)) for design in (own, original)]
    assert footprints[0].reformatted_gb == pytest.approx(np.zeros(30))
    assert footprints[1].reformatted_gb == pytest.approx(np.full(30, 2_000 * (6.6 - 0.72) / 1024))
    # The same requests, whatever the bytes.
    assert footprints[0].origin_requests == pytest.approx(footprints[1].origin_requests)
    assert original.first_view_ms(demand)["europe"][0] > 5 * own.first_view_ms(demand)["europe"][0]
    assert original.simulate(demand).utilisation.max() > own.simulate(demand).utilisation.max()


def test_formats_must_include_the_scenarios_own() -> None:
    with pytest.raises(ValueError, match=r"must include content\.asset_format, which is draco"):
        scenario_of(constraints={"asset_formats": ["original"]})


def test_the_bytes_of_a_format_count_against_the_plan() -> None:
    # 50 TB of models and nothing else fill plan Pro; as authored they are 9.2 times as much.
    fan_out = replace(
        FAN_OUT,
        static_bytes_per_page_view=0.0,
        api_calls_per_page_view=0.0,
        model_bytes_per_view=50 * 1024 * BYTES_PER_GB / 30,
    )
    demand = demand_of({"europe": 2.0}, fan_out=fan_out)
    own = FlatRatePlan(Distribution.of(scenario_of(**FORMATS)), plan("Pro").plan)
    original = FlatRatePlan(Distribution.of(scenario_of(**FORMATS), "original"), plan("Pro").plan)
    moved = {limit.constraint: limit.observed for limit in own.limits(demand)}["plan data transfer"]
    assert moved == pytest.approx(51_200)
    moved = {limit.constraint: limit.observed for limit in original.limits(demand)}["plan data transfer"]
    assert moved == pytest.approx(51_200 * 6.6 / 0.72)


@pytest.mark.parametrize(
    ("code", "most"), [("Free", 5), ("Pro", 25), ("Business", 50), ("Premium 75 TB", 75)]
)
def test_a_plan_has_room_for_so_many_firewall_rules(code: str, most: int) -> None:
    demand = demand_of({"europe": 1.0})

    def broken(rules: int, *, waf: bool = True) -> list[str]:
        distribution = Distribution.of(scenario_of(security={"waf": waf, "waf_rules": rules}))
        design = replace(plan(code), distribution=distribution)
        return [limit.constraint for limit in design.simulate(demand).limits if limit.broken]

    assert broken(most) == []
    assert broken(most + 1) == ["plan firewall rules"]
    assert broken(most + 1, waf=False) == []


def test_a_plan_neither_narrows_locations_nor_shields_the_origin() -> None:
    for known in plans():
        design = FlatRatePlan(DISTRIBUTION, known)
        (variable,) = design.terraform()
        values = {attribute.name: attribute.value for attribute in variable.attributes}
        assert (values["price_class"], values["origin_shield_enabled"]) == ("PriceClass_All", False)
        assert design.settings()["beyond_allowance"] == BEYOND_ALLOWANCE
        assert design.settings()["custom_cache_policy"] is (known.tier in ("BUSINESS", "PREMIUM"))


def test_terraform_names_the_choice() -> None:
    (variable,) = pay("100", origin_shield=True).terraform()
    values = {attribute.name: attribute.value for attribute in variable.attributes}
    assert variable.name == "cloudfront"
    assert values["price_class"] == "PriceClass_100"
    assert values["origin_shield_enabled"] is True
    assert values["default_ttl"] == 2_592_000
    (subscribed,) = plan("Premium 75 TB").terraform()
    assert {a.name: a.value for a in subscribed.attributes}["flat_rate_plan"] == "PREMIUM"
