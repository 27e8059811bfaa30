"""Worked bills of CloudFront and S3."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from costmodel.billing.charge import to_cents
from costmodel.demand.calendar import BillingPeriod, Calendar
from costmodel.demand.content import Delivered
from costmodel.demand.demand import Demand, read_only
from costmodel.services import s3
from costmodel.services._base import Footprint, Usage
from costmodel.services.cloudfront import SERVICE as CLOUDFRONT
from costmodel.services.cloudfront import Distribution, FlatRatePlan, PayAsYouGo, PriceClass
from shops.platform import FAN_OUT, demand_of, scenario_of
from shops.till import billed, billed_cents, cents, file_cents, priced_file

D = Decimal


# --- CloudFront ------------------------------------------------------------------------------------

ENDLESS = Distribution(
    region_id="eu-west-1",
    model_objects=100,
    static_objects=100,
    zipf_exponent=0.8,
    ttl_s=30 * 86_400.0,
    delivered=Delivered("draco_webp_2k", 1.0),
    invalidated_paths_per_month=1_200.0,
    model_changes_per_month=0.0,
    static_changes_per_month=0.0,
    firewall_rules=4,
    first_view_p95_ms=math.inf,
)
NOTHING_CACHED = replace(ENDLESS, ttl_s=0.0)
"""A time to live of zero: every request passes all caches, so that they can be counted by hand."""


def views(page_views: dict[str, float], *, months: int = 1) -> Demand:
    """So many page views a month by geography, steady from November 2026 on; half of them open a model.

    A page view is 10 files and a mebibyte, a model one file and a mebibyte, and 5 API calls are 1 KiB up
    and 8 KiB down each: 1.5390625 MiB in all. A fifth of the calls write.
    """
    calendar = Calendar.of(BillingPeriod(2026, 11), months)
    minutes = np.concatenate(
        [np.full(period.days * 1440, 1 / (period.days * 1440)) for period in calendar.periods]
    )
    pages = np.outer(list(page_views.values()), minutes)
    days = read_only(np.zeros(calendar.days))
    return Demand(calendar, tuple(page_views), read_only(pages), read_only(pages / 2), FAN_OUT, days, days)


def used_by(design: PayAsYouGo | FlatRatePlan, demand: Demand) -> tuple[Usage, ...]:
    return design.usage(demand, design.simulate(demand))


def pay(price_class: PriceClass = "All", distribution: Distribution = ENDLESS) -> PayAsYouGo:
    return PayAsYouGo(distribution, price_class, origin_shield=False)


def plan(code: str) -> FlatRatePlan:
    """A flat-rate plan as the service offers it, in front of the same content."""
    offered = CLOUDFRONT.designs(scenario_of(), views({"europe": 60}))
    plans = [design.plan for design in offered if isinstance(design, FlatRatePlan)]
    return FlatRatePlan(ENDLESS, next(found for found in plans if found.code == code))


@pytest.mark.parametrize(
    ("terabytes", "free_tier", "expected"),
    [
        (10, True, "783.36"),  # 9 216 x 0.085: the free terabyte is the bottom of the first tier
        (10, False, "870.40"),  # 10 240 x 0.085
        (50, True, "4060.16"),  # 9 216 x 0.085 + 40 960 x 0.08
        (50, False, "4147.20"),  # 10 240 x 0.085 + 40 960 x 0.08
    ],
)
def test_cloudfront_in_the_united_states_at_the_edges_of_its_tiers(
    terabytes: int, free_tier: bool, expected: str
) -> None:
    """0.085 up to 10 TB, 0.08 up to 50 TB; the free terabyte lies at the bottom of the first tier."""
    line = f"""
      - service: AmazonCloudFront
        meter: DataTransfer-Out-Bytes
        region: "edge:united_states"
        quantity: {terabytes * 1024}
        unit: GB
    """
    assert cents(line, free_tier=free_tier) == D(expected)


def test_india_climbs_all_seven_tiers() -> None:
    """6 PB: 10 240 x 0.109 = 1 116.16; 40 960 x 0.085 = 3 481.60; 102 400 x 0.082 = 8 396.80;
    358 400 x 0.08 = 28 672.00; 536 576 x 0.078 = 41 852.928; 4 194 304 x 0.075 = 314 572.80;
    1 048 576 x 0.072 = 75 497.472; in all 473 589.76.
    """
    line = """
      - {service: AmazonCloudFront, region: "edge:india", meter: DataTransfer-Out-Bytes, quantity: 6291456}
    """
    small = D("1116.16") + D("3481.60") + D("8396.80") + D("28672.00")
    large = D("41852.928") + D("314572.80") + D("75497.472")
    assert cents(line, free_tier=False) == small + large == D("473589.76")


def test_tiers_count_each_geography_apart() -> None:
    """8 TB each in the United States and in Canada stay in the first tier, though both cost the same.

    2 x 8 192 x 0.085 = 1 392.64; from one of them 10 240 x 0.085 + 6 144 x 0.08 = 1 361.92.
    """
    line = '- {service: AmazonCloudFront, region: "edge:%s", meter: DataTransfer-Out-Bytes, quantity: %d}\n'
    apart = line % ("united_states", 8_192) + line % ("canada", 8_192)
    assert cents(apart, free_tier=False) == D("1392.64")
    assert cents(line % ("canada", 16_384), free_tier=False) == D("1361.92")


def test_cloudfront_on_two_continents_shares_the_free_terabyte_and_the_free_requests() -> None:
    """Both allowances are the account's, shared in proportion to use.

    Of 1 024 GB Europe gets 768 and Japan 256: 2 304 x 0.085 = 195.84 and 768 x 0.114 = 87.552. Of
    10 million requests 7.5 and 2.5: 22.5 million and 7.5 million x 1.20 = 27.00 and 9.00.
    """
    total = cents("""
      - {service: AmazonCloudFront, region: "edge:europe", meter: DataTransfer-Out-Bytes, quantity: 3072}
      - {service: AmazonCloudFront, region: "edge:japan", meter: DataTransfer-Out-Bytes, quantity: 1024}
      - {service: AmazonCloudFront, region: "edge:europe", meter: Requests-Tier2-HTTPS, quantity: 30000000}
      - {service: AmazonCloudFront, region: "edge:japan", meter: Requests-Tier2-HTTPS, quantity: 10000000}
    """)
    transfer = (3_072 - 768) * D("0.085") + (1_024 - 256) * D("0.114")
    requests = (3_000 - 750) * D("0.012") + (1_000 - 250) * D("0.012")
    assert total == to_cents(transfer + requests) == D("319.39")


def test_every_kind_of_request_draws_on_the_ten_million() -> None:
    """HTTP is cheaper than HTTPS; 40 + 20 + 20 million share the free ten million as 5 + 2.5 + 2.5.

    35 million x 0.75 = 26.25; 17.5 million x 1.00 to read and 17.5 million x 1.00 to write; in all 61.25.
    """
    total = cents("""
      - {service: AmazonCloudFront, region: "edge:united_states", meter: Requests-Tier1, quantity: 40000000}
      - {service: AmazonCloudFront, region: "edge:united_states", meter: Requests-Tier2-HTTPS, quantity: 20000000}
      - {service: AmazonCloudFront, region: "edge:united_states", meter: Requests-HTTPS-Proxy, quantity: 20000000}
    """)
    assert total == D("26.25") + D("17.50") + D("17.50") == D("61.25")


def test_a_small_month_in_europe() -> None:
    """43 200 page views: 64.92919921875 GB x 0.085 = 5.518982; 626 400 reads x 1.20 a million = 0.75168;
    43 200 writes x 1.20 a million = 0.05184, with 43 200 KiB = 0.041198730 GB to the origin x 0.02 = 0.000824;
    1 200 invalidated paths x 0.005 = 6.00. In all 12.323326.

    With the free tier only the bytes to the origin and 200 paths are left: 1.000824.
    """
    usages = used_by(pay(), views({"europe": 43_200}))
    paid = D("5.518982") + D("0.75168") + D("0.05184") + D("0.000824") + 6
    assert billed_cents(usages, free_tier=False) == to_cents(paid) == D("12.32")
    assert billed_cents(usages) == D("1.00")


def test_a_price_class_bills_excluded_viewers_where_they_are_served() -> None:
    """Class 100 serves India from Europe, at Europe's rates and on Europe's tiers.

    4 096 000 page views each are 6 156.25 GB each: 10 240 x 0.085 + 2 072.5 x 0.08 = 1 036.20. Reads:
    2 x 59 392 000 x 1.20 a million = 142.5408. Writes: 2 x 4 096 000 x 1.20 a million = 9.8304, with
    7.8125 GB to the origin x 0.02 = 0.15625. Invalidations 6.00. In all 1 194.72745.
    """
    usages = used_by(pay("100"), views({"europe": 4_096_000, "india": 4_096_000}))
    total = D("1036.20") + D("142.5408") + D("9.8304") + D("0.15625") + 6
    assert billed_cents(usages, free_tier=False) == to_cents(total) == D("1194.73")


@pytest.mark.parametrize(
    ("price_class", "viewers", "edge"),
    [
        ("100", "japan", "united_states"),
        ("100", "asia_pacific", "united_states"),
        ("100", "australia", "united_states"),
        ("100", "south_america", "united_states"),
        ("100", "india", "europe"),
        ("100", "middle_east", "europe"),
        ("100", "south_africa", "europe"),
        ("200", "australia", "asia_pacific"),
        ("200", "south_america", "united_states"),
        ("200", "india", "india"),
        ("200", "japan", "japan"),
        ("200", "middle_east", "middle_east"),
        ("200", "south_africa", "south_africa"),
        ("All", "australia", "australia"),
        ("All", "south_america", "south_america"),
    ],
)
def test_each_price_class_bills_each_geography_where_the_guide_has_it_served(
    price_class: str, viewers: str, edge: str
) -> None:
    sent = used_by(pay(price_class), views({viewers: 1_000}))
    places = {
        usage.meter.query.region_id
        for usage in sent
        if usage.meter.query.usage_type == "DataTransfer-Out-Bytes"
    }
    assert places == {f"edge:{edge}"}


def test_the_widest_price_class_bills_every_viewer_at_home() -> None:
    """The same viewers in class All: Europe 6 156.25 x 0.085 = 523.28125, India 6 156.25 x 0.109 = 671.03125.
    Requests cost the same there: 152.3712. To the origin 3.90625 x 0.02 and x 0.16 = 0.703125. In all 1 353.386825.
    """
    usages = used_by(pay("All"), views({"europe": 4_096_000, "india": 4_096_000}))
    total = D("523.28125") + D("671.03125") + D("152.3712") + D("0.703125") + 6
    assert billed_cents(usages, free_tier=False) == to_cents(total) == D("1353.39")


def test_bodies_of_writes_are_billed_on_their_way_to_the_origin() -> None:
    """1 000 GB of POST bodies: India 0.16, Australia 0.08, Europe 0.02; no allowance covers them."""
    line = (
        '- {service: AmazonCloudFront, region: "edge:%s", meter: DataTransfer-Out-OBytes, quantity: 1000}\n'
    )
    assert cents("".join(line % edge for edge in ("india", "australia", "europe"))) == D("260.00")


def test_origin_shield_bills_what_other_regions_send_it() -> None:
    """Origin Shield in Ireland is the regional cache there: what passes that one costs nothing more.

    4 320 000 page views each, 10.5 files, nothing cached: 45 360 000 requests from Europe, a third of them
    through Ireland, so 30 240 000 are billed; all 45 360 000 from Japan are. 75.6 million x 0.90 = 68.04.
    """
    design = PayAsYouGo(NOTHING_CACHED, "All", origin_shield=True)
    bill = billed(used_by(design, views({"europe": 4_320_000, "japan": 4_320_000})))
    assert bill.by("sku_meter")["Origin Shield requests"] == D("75.6") * D("0.90") == D("68.04")


def test_origin_shield_is_free_where_one_regional_cache_serves_all() -> None:
    """A shop in Tokyo with viewers in Japan alone: their only regional cache is Origin Shield itself."""
    design = PayAsYouGo(replace(NOTHING_CACHED, region_id="ap-northeast-1"), "All", origin_shield=True)
    assert "Origin Shield requests" not in billed(used_by(design, views({"japan": 4_320_000}))).by(
        "sku_meter"
    )


def test_cloudfront_in_south_america_with_an_origin_shield_and_no_free_tier() -> None:
    """10 240 x 0.11 = 1 126.40; 10 240 x 0.105 = 1 075.20; a million requests to Origin Shield in São Paulo
    1.60; 1 500 invalidated paths x 0.005 = 7.50; in all 2 210.70.
    """
    total = cents(
        """
      - {service: AmazonCloudFront, region: "edge:south_america", meter: DataTransfer-Out-Bytes, quantity: 20480}
      - {service: AmazonCloudFront, region: sa-east-1, meter: Requests-OriginShield, quantity: 1000000}
      - {service: AmazonCloudFront, region: global, meter: Invalidations, quantity: 1500}
    """,
        free_tier=False,
    )
    transfer = 10_240 * D("0.11") + 10_240 * D("0.105")
    assert total == transfer + D("1.60") + 1_500 * D("0.005") == D("2210.70")


def test_a_thousand_invalidated_paths_a_month_are_free() -> None:
    """Two months of 1 200 paths: 200 in each are paid, 2 x 200 x 0.005 = 2.00."""
    bill = billed(used_by(pay(), views({"europe": 60}, months=2)))
    assert bill.by("sku_meter")["Invalidated paths"] == D("2.00")


def test_functions_and_their_key_value_store_have_two_free_millions_each() -> None:
    """(12 - 2) million executions x 0.10 = 1.00; (52 - 2) million reads x 0.03 = 1.50."""
    total = cents("""
      - {service: AmazonCloudFront, region: global, meter: Executions-CloudFrontFunctions, quantity: 12000000}
      - {service: AmazonCloudFront, region: global, meter: KeyValueStore-EdgeReads, quantity: 52000000}
    """)
    assert total == D("2.50")


def test_a_cloudfront_plan_is_one_flat_rate() -> None:
    """Plan Pro costs 15 a month, whatever passes."""
    line = "- {service: CloudFrontPlans, region: global, meter: Pro, term: FlatRate, quantity: 1}"
    assert cents(line) == D("15.00")


@pytest.mark.parametrize(
    ("code", "expected"), [("Pro", "32.00"), ("Business", "402.00"), ("Premium", "2002.00")]
)
def test_a_plan_costs_the_same_in_a_short_and_a_long_month(code: str, expected: str) -> None:
    """November and December: twice the subscription, and 200 invalidated paths x 0.005 = 1.00 in each.

    Bytes and requests cost nothing: 2 x 15 + 2, 2 x 200 + 2, 2 x 1 000 + 2.
    """
    bill = billed(used_by(plan(code), views({"europe": 4_096_000, "india": 4_096_000}, months=2)))
    assert to_cents(bill.billed_cost) == D(expected)
    months = bill.by("billing_period")
    assert to_cents(months["2026-11"]) == to_cents(months["2026-12"]) == D(expected) / 2


def test_a_format_is_billed_by_the_bytes_it_sends() -> None:
    """Half of 20 480 page views in the United States open a model of 1 MiB: 10 GB. In a format of a quarter of
    the bytes they are 2.5 GB. Other assets 20 GB, API 0.8 GB: 28.3 - 20.8 = 7.5 GB less x 0.085 = 0.6375.
    """
    demand = views({"united_states": 20_480})
    small = replace(ENDLESS, delivered=Delivered("meshopt_webp_1k", 1.0, bytes_ratio=0.25))
    whole = billed(used_by(pay(), demand), free_tier=False).billed_cost
    quarter = billed(used_by(pay(distribution=small), demand), free_tier=False).billed_cost
    assert whole - quarter == pytest.approx(D("0.6375"), abs=D("1e-7"))


# --- S3 --------------------------------------------------------------------------------------------

CONTENT = {
    "catalogue_products": 1000,
    "variants_stored": 2,
    "uploads_per_month": 300,
    "deploys_per_month": 0,
    "static_kb_per_page_view": 0,
    "noncurrent_ratio": 0.5,
}


def used_by_bucket(
    stored_gb: Any = 100.0,
    *,
    network: dict[str, str] | None = None,
    content: dict[str, float] = CONTENT,
    **leaving: Any,
) -> tuple[Usage, ...]:
    """What a bucket in Ireland used in November: 300 uploads of 2 objects, half as much again of old versions."""
    scenario = scenario_of(content=content, network=network or {})
    footprint = replace(Footprint.none(30), **leaving)
    stored = read_only(np.broadcast_to(np.asarray(stored_gb, float), (30,)).copy())
    demand = replace(demand_of(0.0), asset_stored_gb=stored)
    return s3.SERVICE.design(scenario, footprint).usage(demand, footprint)


def s3_line(meter: str, quantity: Any) -> str:
    """A line of requests or retrievals."""
    return f"{{service: AmazonS3, region: us-east-1, meter: {meter}, quantity: {quantity}}},"


def object_cents(objects: str, lines: str = "", *, period: str = "2026-11") -> Decimal:
    """Objects in Virginia and plain lines beside them, in a month of 30 days."""
    return file_cents(object_file(objects, lines), period=period)


def object_file(objects: str, lines: str = "") -> str:
    entries = "".join(f"- {{region: us-east-1, {entry}}}\n" for entry in objects.splitlines())
    return f"usage: [{lines}]\nobjects:\n{entries}"


def moved_line(meter: str, transition: str, objects: int) -> str:
    """A line of lifecycle transitions into a class, one for each object."""
    attributes = f"attributes: {{transition: {transition}}}"
    return f"{{service: AmazonS3, region: us-east-1, meter: {meter}, {attributes}, quantity: {objects}}},"


def test_s3_in_frankfurt_crosses_50_tb() -> None:
    """51 200 x 0.0245 = 1 254.40; 8 800 x 0.0235 = 206.80; 100 000 PUT x 5.40 a million = 0.54;
    5 million GET x 0.43 a million = 2.15.
    """
    total = cents("""
      - {service: AmazonS3, region: eu-central-1, meter: TimedStorage-ByteHrs, quantity: 60000, unit: GB-Mo}
      - {service: AmazonS3, region: eu-central-1, meter: Requests-Tier1, quantity: 100000}
      - {service: AmazonS3, region: eu-central-1, meter: Requests-Tier2, quantity: 5000000}
    """)
    storage = 51_200 * D("0.0245") + 8_800 * D("0.0235")
    requests = 100 * D("0.0054") + 5_000 * D("0.00043")
    assert total == storage + requests == D("1463.89")


def test_s3_in_sao_paulo_crosses_500_tb_and_keeps_an_archive() -> None:
    """51 200 x 0.0405 = 2 073.60; 460 800 x 0.039 = 17 971.20; 88 000 x 0.037 = 3 256.00; Glacier Instant
    Retrieval 2 000 x 0.0083 = 16.60 and 10 GB out of it x 0.03 = 0.30.
    """
    total = cents("""
      - {service: AmazonS3, region: sa-east-1, meter: TimedStorage-ByteHrs, quantity: 600000}
      - {service: AmazonS3, region: sa-east-1, meter: TimedStorage-GIR-ByteHrs, quantity: 2000}
      - {service: AmazonS3, region: sa-east-1, meter: Retrieval-GIR, quantity: 10}
    """)
    standard = 51_200 * D("0.0405") + 460_800 * D("0.039") + 88_000 * D("0.037")
    assert total == standard + 2_000 * D("0.0083") + 10 * D("0.03") == D("23317.70")


def test_a_bucket_pays_for_versions_writes_and_what_misses_the_caches() -> None:
    """(100 + 50) GB-months x 0.023 = 3.45; 600 PUT x 5.00 a million = 0.003; 1 000 GET a day x 30 x 0.40 a
    million = 0.012. In all 3.465: half a cent rounds up.
    """
    usages = used_by_bucket(origin_requests=np.full(30, 1_000.0))
    assert billed(usages).billed_cost == D("3.45") + D("0.003") + D("0.012") == D("3.465")
    assert billed_cents(usages) == D("3.47")


def test_deploys_are_paid_for_file_by_file() -> None:
    """15 000 static files, 8 deploys that replace a quarter each: 30 000 PUT beside 600 of uploads,
    x 5.00 a million = 0.153. Storage (100 + 50) x 0.023 = 3.45, whatever is replaced.
    """
    content = CONTENT | {"deploys_per_month": 8, "deploy_changed_ratio": 0.25}
    usages = used_by_bucket(content=content)
    assert billed(usages).billed_cost == D("3.45") + D("0.153") == D("3.603")


def test_a_smaller_format_is_stored_for_less() -> None:
    """40 GB less of models: (60 + 30) GB-months x 0.023 = 2.07; 600 PUT 0.003."""
    usages = used_by_bucket(reformatted_gb=np.full(30, -40.0))
    assert billed(usages).billed_cost == D("2.07") + D("0.003")


def test_storage_is_the_mean_over_the_month() -> None:
    """1 000 GB for 15 days and 3 000 GB for 15: (1 000 + 3 000) / 2 x 1.5 with versions = 3 000 GB-months
    x 0.023 = 69.00; writes 0.003.
    """
    usages = used_by_bucket(np.repeat([1_000.0, 3_000.0], 15))
    assert billed_cents(usages) == to_cents(D("69.00") + D("0.003")) == D("69.00")


def test_a_replica_is_stored_and_written_there_and_sent_from_here() -> None:
    """Storage and PUT of the copy cost what they cost in Oregon, the bytes what leaving Ireland costs.

    Twice 150 x 0.023 = 3.45 and 600 PUT = 0.003; 600 objects of 100 GB / 2 000 = 30 GB x 0.02 = 0.60.
    """
    bill = billed(used_by_bucket(network={"second_region": "us-west-2"}))
    assert to_cents(bill.billed_cost) == to_cents(2 * D("3.453") + D("0.60")) == D("7.51")
    assert bill.by("region_id")["us-west-2"] == D("3.453")


def test_bucket_and_replica_climb_the_tiers_apart() -> None:
    """60 000 GB-months in each region: 51 200 x 0.023 + 8 800 x 0.022 = 1 177.60 + 193.60 = 1 371.20 twice.

    600 objects of 40 000 GB / 2 000 = 12 000 GB x 0.02 = 240.00; twice 600 PUT = 0.006.
    """
    total = billed_cents(used_by_bucket(40_000.0, network={"second_region": "us-west-2"}))
    assert total == to_cents(2 * D("1371.20") + D("240.00") + D("0.006")) == D("2982.41")


@pytest.mark.parametrize(("credit_gb", "expected"), [(50, "2.30"), (1_024, "0.00")])
def test_a_plans_storage_credit_comes_off_the_month(credit_gb: int, expected: str) -> None:
    """150 GB-months less 50 that plan Pro credits x 0.023 = 2.30; Business credits more than there is."""
    usages = used_by_bucket(included_storage_gb=float(credit_gb))
    assert billed_cents(usages) == to_cents(D(expected) + D("0.003")) == D(expected)


def test_small_objects_count_as_128_kb_in_infrequent_access() -> None:
    """10 million objects of 64 KB, billed as 128 KB: 1 220.703125 GB-months x 0.0125 = 15.258789; 10 million
    PUT x 10.00 a million = 100.00.
    """
    small = "storage_class: STANDARD_IA, count: 10000000, kb: 64"
    total = object_cents(small, s3_line("Requests-SIA-Tier1", 10_000_000))
    assert total == to_cents(D("1220.703125") * D("0.0125") + 100) == D("115.26")
    one_zone, instant = (small.replace("STANDARD_IA", name) for name in ("ONEZONE_IA", "GLACIER_IR"))
    assert object_cents(one_zone) == to_cents(D("1220.703125") * D("0.01")) == D("12.21")
    assert object_cents(instant) == to_cents(D("1220.703125") * D("0.004")) == D("4.88")


def test_infrequent_access_is_billed_for_thirty_days_at_least() -> None:
    """A million objects of 1 MB deleted after 10 days, billed for 30: 976.5625 GB-months x 0.0125 = 12.207031;
    a million PUT 10.00; 100 GB read back x 0.01 = 1.00.
    """
    deleted = "storage_class: STANDARD_IA, count: 1000000, kb: 1024, days: 10, deleted_after_days: 10"
    total = object_cents(deleted, s3_line("Requests-SIA-Tier1", 1_000_000) + s3_line("Retrieval-SIA", 100))
    assert total == to_cents(D("12.207031") + 10 + 1) == D("23.21")


def test_thirty_days_are_less_than_a_month_of_31() -> None:
    """One Zone-IA, deleted on the first day of October: 976.5625 GB x 30 / 31 = 945.060483871 GB-months
    x 0.01 = 9.450605. Kept to the end of the month 976.5625 x 0.01 = 9.765625.
    """
    kept = "storage_class: ONEZONE_IA, count: 1000000, kb: 1024"
    deleted = f"{kept}, days: 1, deleted_after_days: 1"
    expected = to_cents(D("945.060483871") * D("0.01"))
    assert object_cents(deleted, period="2026-10") == expected == D("9.45")
    assert object_cents(kept, period="2026-10") == D("9.77")


def test_glacier_instant_retrieval_is_billed_for_ninety_days_at_least() -> None:
    """A million objects of 1 MB gone after 45 days: 3 x 976.5625 = 2 929.6875 GB-months x 0.004 = 11.71875;
    a million PUT x 20.00 a million. In all 31.71875: of it 20.00 and the 30 days of November x 976.5625 GB x 0.004 / 30
    = 3.90625 in the first month, the other 15 days and the 45 owed in the second.
    """
    objects = "storage_class: GLACIER_IR, count: 1000000, kb: 1024"
    november = object_cents(objects, s3_line("Requests-GIR-Tier1", 1_000_000))
    deleted = object_cents(f"{objects}, days: 15, deleted_after_days: 45")
    assert november == to_cents(D("976.5625") * D("0.004") + 20) == D("23.91")
    assert deleted == to_cents(2 * D("976.5625") * D("0.004")) == D("7.81")
    assert november + deleted == to_cents(D("2929.6875") * D("0.004") + 20) == D("31.72")


def test_glacier_adds_40_kb_to_every_object() -> None:
    """32 KB of index at its own rate for the minimum duration, and 8 KB of name at the Standard rate until the end.

    A million objects of 1 MB, deleted after 30 days and billed for 90: 1 056 KB each = 1 007.080078125 GB x 3 x 0.0036 = 10.876465;
    8 KB each = 7.62939453125 GB x 0.023 = 0.175476; a million transitions x 30.00 a million = 30.00.
    """
    archived = "storage_class: GLACIER, count: 1000000, kb: 1024, days: 30, deleted_after_days: 30"
    total = object_cents(archived, moved_line("Requests-Tier3", "Glacier Flexible", 1_000_000))
    assert total == to_cents(D("10.876465") + D("0.175476") + 30) == D("41.05")


def test_the_name_of_an_archived_object_ends_with_it() -> None:
    """100 million objects of 1 KB thrown away after a day: 33 KB each = 3 147.125244 GB x 90 / 30 x 0.0036 = 33.988953;
    8 KB each = 762.939453 GB x 1 / 30 x 0.023 = 0.584920.
    """
    total = object_cents("storage_class: GLACIER, count: 100000000, kb: 1, days: 1, deleted_after_days: 1")
    assert total == to_cents(D("33.988953") + D("0.584920")) == D("34.57")


def test_deep_archive_is_billed_for_half_a_year_at_least() -> None:
    """The same objects thrown away after 30 days, billed for 180: 1 007.080078125 x 6 x 0.00099 = 5.982056;
    7.62939453125 x 0.023 = 0.175476; a million transitions x 50.00 a million = 50.00.
    """
    archived = "storage_class: DEEP_ARCHIVE, count: 1000000, kb: 1024, days: 30, deleted_after_days: 30"
    total = object_cents(archived, moved_line("Requests-Tier3", "Deep Archive", 1_000_000))
    assert total == to_cents(D("5.982056") + D("0.175476") + 50) == D("56.16")


def restore_lines(code: str, requests: str, retrieval: str, objects: int, gb: int) -> str:
    """Lines of objects asked back from an archive in Virginia, and of their bytes."""
    asked = f"{{service: {code}, region: us-east-1, meter: {requests}, quantity: {objects}}},"
    return f"usage: [{asked}{{service: {code}, region: us-east-1, meter: {retrieval}, quantity: {gb}}}]"


STANDARD_RESTORE = "Requests-Tier3, attributes: {restore: Glacier Flexible}"


@pytest.mark.parametrize(
    ("code", "requests", "retrieval", "expected"),
    [
        ("AmazonS3", STANDARD_RESTORE, "Standard-Retrieval-Bytes", "1774.00"),  # 750 + 1 024, as AWS has it
        ("AmazonS3", "Requests-Tier6", "Expedited-Retrieval-Bytes", "153072.00"),  # 150 000 + 3 072
        (s3.ARCHIVE_CODE, "Requests-GDA-Tier3", "Standard-Retrieval-Bytes", "3548.00"),  # 1 500 + 2 048
        (s3.ARCHIVE_CODE, "Requests-GDA-Tier5", "Bulk-Retrieval-Bytes", "631.00"),  # 375 + 256
    ],
)
def test_restores_are_billed_by_the_object_and_by_the_gb(
    code: str, requests: str, retrieval: str, expected: str
) -> None:
    """15 million objects of 100 TB in all: AWS's own example.

    Standard 15 000 x 0.05 and 102 400 x 0.01; expedited x 10 and x 0.03; from Deep Archive x 0.10 and x 0.02, in bulk
    x 0.025 and x 0.0025. Source: AWS re:Post Knowledge Center, "s3-manage-data-retrieval" (2025), for the first two.
    """
    assert file_cents(restore_lines(code, requests, retrieval, 15_000_000, 102_400)) == D(expected)


def test_bytes_out_of_an_archive_name_the_requests_that_no_line_has() -> None:
    both = priced_file(restore_lines("AmazonS3", STANDARD_RESTORE, "Standard-Retrieval-Bytes", 9, 1))
    bytes_alone = priced_file(f"usage: [{s3_line('Standard-Retrieval-Bytes', 1)}]")
    assert both.notes == ()
    assert bytes_alone.notes == (
        "usage.0, Standard-Retrieval-Bytes: AWS bills the requests for it as well, and no line has them. Add "
        "`{service: AmazonS3, meter: Requests-Tier3, region: us-east-1, attributes: {restore: Glacier Flexible}}` "
        "with how many as its quantity.",
    )


@pytest.mark.parametrize(
    ("code", "retrieval", "requests"),
    [
        ("AmazonS3", "Standard-Retrieval-Bytes", "Requests-Tier3"),
        ("AmazonS3", "Expedited-Retrieval-Bytes", "Requests-Tier6"),
        (s3.ARCHIVE_CODE, "Standard-Retrieval-Bytes", "Requests-GDA-Tier3"),
        (s3.ARCHIVE_CODE, "Bulk-Retrieval-Bytes", "Requests-GDA-Tier5"),
    ],
)
def test_every_kind_of_restore_names_its_own_requests(code: str, retrieval: str, requests: str) -> None:
    line = f"{{service: {code}, region: us-east-1, meter: {retrieval}, quantity: 1}}"
    (note,) = priced_file(f"usage: [{line}]").notes
    assert f"`{{service: {code}, meter: {requests}, region: us-east-1" in note


def test_no_requests_at_all_are_no_requests_for_bytes_out_of_an_archive() -> None:
    """A line of 0 requests states what AWS never bills, and the bytes say so all the same."""
    result = priced_file(restore_lines("AmazonS3", STANDARD_RESTORE, "Standard-Retrieval-Bytes", 0, 1))
    (note,) = result.notes
    assert "Standard-Retrieval-Bytes: AWS bills the requests for it as well" in note


def test_transitions_cost_what_their_destination_asks() -> None:
    """2 million to Standard-IA x 10 + a million to Glacier Instant Retrieval x 20 + a million to
    Intelligent-Tiering x 10 a million = 50.00; 200 GB out of Glacier Instant Retrieval x 0.03 = 6.00.
    """
    moved = (
        moved_line("Requests-Tier4", "Standard-IA", 2_000_000)
        + moved_line("Requests-Tier4", "GIR", 1_000_000)
        + moved_line("Requests-Tier4", "INT", 1_000_000)
    )
    total = file_cents(f"usage: [{moved}{s3_line('Retrieval-GIR', 200)}]")
    assert total == D("50.00") + D("6.00") == D("56.00")


def test_intelligent_tiering_watches_objects_of_128_kb_and_more() -> None:
    """Objects of 1 MB: 1 024 000 are 1 000 GB in frequent access x 0.023 = 23.00, 3 072 000 are 3 000 GB in
    infrequent x 0.0125 = 37.50, 819 200 are 800 GB in archive instant access x 0.004 = 3.20. All are watched:
    4 915 200 x 2.50 a million = 12.288. 2 million objects of 64 KB are not and stay in frequent access:
    122.0703125 GB x 0.023 = 2.807617. In all 78.795617.
    """
    tiers = (
        "count: 1024000, kb: 1024",
        "count: 3072000, kb: 1024, access_tier: infrequent",
        "count: 819200, kb: 1024, access_tier: archive_instant",
        "count: 2000000, kb: 64, access_tier: infrequent",
    )
    text = "\n".join(f"storage_class: INTELLIGENT_TIERING, {tier}" for tier in tiers)
    assert {charge.sku_price_id.split()[2] for charge in priced_file(object_file(text)).bill.charges} == {
        "TimedStorage-INT-FA-ByteHrs",
        "TimedStorage-INT-IA-ByteHrs",
        "TimedStorage-INT-AIA-ByteHrs",
        "Monitoring-Automation-INT",
    }
    total = object_cents(text)
    assert total == to_cents(D("12.288") + D("23.00") + D("37.50") + D("3.20") + D("2.807617")) == D("78.80")


@pytest.mark.parametrize(
    ("kb", "expected"),
    [
        # 122.0703125 GB x 0.0125 = 1.525879, and a million watched x 2.50 a million
        ("128", "4.03"),
        # 121.974945068 GB x 0.023 in frequent access, as it is not watched
        ("127.9", "2.81"),
    ],
)
def test_intelligent_tiering_leaves_alone_what_is_below_128_kb(kb: str, expected: str) -> None:
    """A million objects that nobody asked for in a month, of 128 KB and a little below."""
    objects = f"storage_class: INTELLIGENT_TIERING, access_tier: infrequent, count: 1000000, kb: {kb}"
    assert object_cents(objects) == D(expected)
