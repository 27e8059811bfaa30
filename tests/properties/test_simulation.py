"""What every simulated design reports, in hand-made shops and in thousands of made-up ones."""

from __future__ import annotations

import dataclasses
import math
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.capacity.result import Capacity
from costmodel.decision.pricer import platform_usages
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.scenario.load import validate
from costmodel.scenario.model import LOG_RETENTION_DAYS
from costmodel.services import lambda_managed
from costmodel.services._base import Footprint, Role, TierDesign, Usage
from costmodel.services.registry import TIER_SERVICES
from costmodel.units import COUNTED_UNITS, FOCUS_UNITS

FOUND_TO = 1e-6
"""Relative precision to which a percentile is found."""


def test_capacity(shop, tier_service) -> None:
    for tier in shop.tiers(tier_service):
        capacity = tier.design.simulate(shop.demand)
        check_capacity(tier.design, capacity, shop.demand)
        assert tier.capacity == capacity.summary()


def test_usage(shop, tier_service) -> None:
    for tier in shop.tiers(tier_service):
        check_usages(tier.usages, shop.demand)


def test_platform_usage(shop) -> None:
    for candidate in shop.candidates:
        check_usages(platform_usages(shop.scenario, shop.demand, candidate.footprint), shop.demand)


def test_footprint(shop, tier_service) -> None:
    for tier in shop.tiers(tier_service):
        check_footprint(tier.footprint, shop.demand)


def test_the_throttled_shop_is_throttled(shops) -> None:
    """So that failed requests, broken limits and full utilisation are among what the rules above saw."""
    (shop,) = (shop for shop in shops if shop.scenario.name == "throttled")
    failing = {tier.design.kind for tier in shop.all_tiers if tier.capacity.failed_requests > 0}
    assert {"lambda", "ec2", "dynamodb_on_demand", "dynamodb_provisioned"} <= failing
    assert failing & {"rds", "aurora", "aurora_serverless"}
    assert any(limit.broken for tier in shop.all_tiers for limit in tier.capacity.limits)


def check_capacity(design: TierDesign, capacity: Capacity, demand: Demand) -> None:
    for name in ("servers", "utilisation", "requests", "failed_requests"):
        array = getattr(capacity, name)
        place = f"{design.label}: {name}"
        assert array.shape == (demand.minutes,), place
        assert array.dtype == np.float64, place
        assert np.isfinite(array).all(), place
        assert (array >= 0).all(), place
        assert not array.flags.writeable, place
    assert (capacity.utilisation <= 1).all(), design.label
    assert (capacity.failed_requests <= capacity.requests).all(), design.label
    assert 0 <= capacity.summary().error_ratio <= 1
    assert -math.inf <= capacity.summary().headroom_ratio <= 1
    if design.role is Role.RENDERING:
        assert np.array_equal(capacity.requests, demand.render_jobs), design.label
    elif design.role is not Role.DELIVERY:
        assert np.array_equal(capacity.requests, demand.api_requests), design.label
    latency = capacity.latency
    ascending = [0, latency.p50_ms, latency.p95_ms, latency.p99_ms]
    for less, more in pairwise(ascending):
        assert less <= more * (1 + FOUND_TO), f"{design.label}: {latency}"
    assert latency.p99_ms < math.inf, f"{design.label}: {latency}"
    assert 0 <= latency.mean_ms < math.inf, f"{design.label}: {latency}"
    assert capacity.saturation_requests_per_s > 0, design.label
    assert 0 <= capacity.peak_connections < math.inf, design.label
    assert capacity.max_connections > 0, design.label
    assert len({limit.constraint for limit in capacity.limits}) == len(capacity.limits), design.label
    for limit in capacity.limits:
        assert limit.constraint
        assert limit.unit
        assert 0 <= limit.observed < math.inf, f"{design.label}: {limit}"
        assert 0 <= limit.limit < math.inf, f"{design.label}: {limit}"


def check_usages(usages: tuple[Usage, ...], demand: Demand) -> None:
    days = dict(demand.calendar.day_slices)
    rows = [(usage.meter, usage.resource_name, usage.billing_period) for usage in usages]
    assert len(set(rows)) == len(rows), "one row for each meter, resource and month"
    for usage in usages:
        place = f"{usage.meter.name} of {usage.resource_name}"
        assert usage.billing_period in days, place
        assert usage.consumed_quantity.is_finite(), place
        assert usage.consumed_quantity >= 0, place
        daily = usage.daily_quantity
        assert daily.shape == (usage.billing_period.days,), place
        assert np.isfinite(daily).all(), place
        assert (daily >= 0).all(), place
        assert not daily.flags.writeable, place
        counted = usage.meter.consumed_unit in COUNTED_UNITS
        step = Decimal(1) if counted else Decimal("1e-9")
        assert usage.consumed_quantity % step == 0, place
        assert float(usage.consumed_quantity) == pytest.approx(daily.sum(), rel=1e-12, abs=0.51 * float(step))
        assert usage.meter.consumed_unit in FOCUS_UNITS.values(), place
        assert usage.formula.strip() == usage.formula != "", place


def check_footprint(footprint: Footprint, demand: Demand) -> None:
    for field in dataclasses.fields(Footprint):
        value = getattr(footprint, field.name)
        if isinstance(value, np.ndarray):
            assert value.shape == (demand.days,), field.name
            assert np.isfinite(value).all(), field.name
            assert (value >= 0).all(), field.name
        elif not isinstance(value, frozenset):
            assert 0 <= value < math.inf, field.name


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers whose size is as likely to be small as large; now and then nothing at all."""
    logarithms = st.floats(math.log(low), math.log(high))
    return logarithms.map(lambda exponent: min(max(math.exp(exponent), low), high)) | st.just(low)


def some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A part of a scenario in which any key may be left to its default."""
    return st.fixed_dictionaries({}, optional=keys)


SCENARIOS = st.fixed_dictionaries(
    {
        "name": st.just("made up"),
        "region": st.sampled_from(["us-east-1", "eu-central-1", "ap-southeast-1", "sa-east-1"]),
        "start": st.just("2026-02"),
        "seed": st.integers(0, 2**63 - 1),
        "traffic": st.fixed_dictionaries(
            {
                "monthly_visitors": st.dictionaries(
                    st.sampled_from(["united_states", "europe", "india", "south_africa"]),
                    numbers(1, 3e9),
                    min_size=1,
                    max_size=3,
                )
            },
            optional={
                "minute_noise_ratio": st.floats(0, 2),
                "drift_ratio": st.floats(0, 2),
                "events": st.lists(
                    st.fixed_dictionaries(
                        {
                            "kind": st.sampled_from(["flash_sale", "viral_spike", "bot_scrape"]),
                            "start": st.sampled_from(["2026-02-02", "2026-02-27T23:00:00Z"]),
                            "peak_multiplier": numbers(1, 1_000),
                        }
                    ),
                    max_size=2,
                ),
                "hour_weights": st.lists(st.floats(0, 9), min_size=24, max_size=24).filter(any),
            },
        ),
    },
    optional={
        "content": some(
            catalogue_products=st.integers(1, 10_000_000),
            viewer_open_ratio=st.floats(0, 1),
            model_texture_mb=numbers(1e-9, 1_000),
            static_requests_per_page_view=numbers(1e-9, 500),
            cache_ttl_hours=numbers(0.001, 8_760),
            popularity_zipf_exponent=st.floats(0, 3) | st.just(1.0),
            model_browser_hit_ratio=st.floats(0, 1),
            asset_format=st.sampled_from(["original", "meshopt_webp_1k"]),
        ),
        "api": some(
            calls_per_page_view=numbers(1e-9, 500),
            cpu_ms_per_call=numbers(0.001, 60_000),
            wait_ms_per_call=numbers(1e-9, 60_000),
            response_kb=numbers(1e-9, 10_240),
            bootstrap_s=numbers(1e-9, 3_600),
            lambda_init_scale=numbers(0.01, 100),
            lambda_runtime=st.sampled_from(["rust", "java21"]),
            timeout_s=numbers(1, 900),
            retries=st.integers(0, 10),
            abandoned_work_ratio=st.floats(0, 1),
            post_ratio=st.floats(0, 1),
            external_kb_per_call=numbers(1e-9, 10_240),
            log_kb_per_call=numbers(1e-9, 1_024),
        ),
        "rendering": some(
            jobs_per_1000_page_views=numbers(1e-9, 1_000),
            cpu_s_per_job=numbers(0.001, 80_000),
            memory_gb_per_job=numbers(0.125, 10),
        ),
        "database": some(
            engine=st.sampled_from(["mysql", "postgresql"]),
            reads_per_call=numbers(1e-9, 500),
            writes_per_call=numbers(1e-9, 500),
            read_item_kb=numbers(0.001, 400),
            write_item_kb=numbers(0.001, 400),
            consistent_read_ratio=st.floats(0, 1),
            secondary_indexes=st.integers(0, 20),
            read_cpu_ms=numbers(0.001, 60_000),
            write_cpu_ms=numbers(0.001, 60_000),
            transaction_write_ratio=st.floats(0, 1),
            hottest_key_ratio=st.floats(0, 1),
            io_per_write=numbers(1e-9, 1_000),
            stored_gb=numbers(0.001, 300_000),
            growth_gb_per_month=numbers(1e-9, 50_000),
            working_set_ratio=st.floats(0, 1),
            backup_retention_days=st.integers(1, 35),
        ),
        "network": some(availability_zones=st.integers(2, 3), second_region=st.just("eu-west-1")),
        "security": some(waf=st.booleans(), kms_keys=st.integers(0, 10_000)),
        "monitoring": some(
            custom_metrics=st.integers(0, 10_000_000), log_retention_days=st.sampled_from(LOG_RETENTION_DAYS)
        ),
        "account": some(lambda_concurrency=st.integers(10, 100_000), ec2_vcpus=st.integers(1, 10_000)),
        "constraints": st.just(
            {"load_balancer": ["alb", "nlb"], "commitments": ["on_demand", "reserved_1yr_no_upfront"]}
        ),
    },
)


@settings(max_examples=25, deadline=None)
@given(SCENARIOS, st.integers(0, 10_000))
def test_made_up_shops_obey_the_same_rules(tree: dict[str, Any], pick: int) -> None:
    """One design of every service that is looked at unasked under a made-up scenario."""
    scenario = validate(tree, "made up")
    demand = synthesise(scenario)
    total = Footprint.none(demand.days)
    for service in TIER_SERVICES:
        designs = service.designs(scenario, demand)
        if service is lambda_managed.SERVICE:
            assert designs == ()
            continue
        assert designs, f"{service.name} offers nothing"
        assert len({design.label for design in designs}) == len(designs), service.name
        design = designs[pick % len(designs)]
        capacity = design.simulate(demand)
        check_capacity(design, capacity, demand)
        check_usages(design.usage(demand, capacity), demand)
        footprint = design.footprint(demand, capacity)
        check_footprint(footprint, demand)
        total = total + footprint
    check_usages(platform_usages(scenario, demand, total), demand)
