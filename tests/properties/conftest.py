"""Small hand-made shops that between them exercise every kind of every service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pytest

from costmodel.decision.candidate import Candidate, SimulatedDesign, combine
from costmodel.decision.pricer import platform_designs
from costmodel.decision.search import simulate_design
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services._base import TIER_ROLES, PlatformDesign, Role, TierService
from costmodel.services.registry import PLATFORM_SERVICES, TIER_SERVICES

COMMITTED = ["on_demand", "reserved_1yr_no_upfront", "reserved_3yr_no_upfront"]
DYNAMODB = ["dynamodb_on_demand", "dynamodb_provisioned", "dynamodb_dax"]
NOT_PRICED = {"dynamodb_dax"}
SIX_GEOGRAPHIES = {
    "united_states": 40_000,
    "europe": 60_000,
    "japan": 15_000,
    "india": 20_000,
    "south_america": 10_000,
    "australia": 12_000,
}

SHOPS: dict[str, dict[str, Any]] = {
    # The defaults, with all the choices of the search opened but for some families.
    "plain": {
        "region": "eu-west-1",
        "start": "2026-11",
        "traffic": {"monthly_visitors": {"europe": 150_000}},
        "constraints": {
            "commitments": COMMITTED,
            "load_balancer": ["alb", "nlb"],
            "instance_families": ["m7g", "c7i", "t4g"],
        },
    },
    # All default families, the other engine, three zones, a second region, endpoints, six geographies, heavy
    # rendering, API calls so small that connections and not bytes decide about load balancers, no free tier.
    "worldwide": {
        "region": "us-east-1",
        "start": "2026-06",
        "traffic": {"monthly_visitors": SIX_GEOGRAPHIES},
        "api": {"request_kb": 0.1, "response_kb": 0.1},
        "rendering": {"jobs_per_1000_page_views": 20, "cpu_s_per_job": 20},
        "database": {"engine": "mysql", "stored_gb": 900, "growth_gb_per_month": 50},
        "network": {"availability_zones": 3, "second_region": "ap-northeast-1", "interface_endpoints": 2},
        "constraints": {
            "commitments": COMMITTED,
            "load_balancer": ["nlb", "alb"],
            "compute": ["ec2", "lambda", "lambda_managed"],
            "spot": True,
        },
        "account": {"free_tier": False, "spot_reclaimed_ratio": 0.9},
    },
    # A short month and the next, growth, a sale, bots, quotas that throttle, models in two formats, a cache of unknown
    # price.
    "throttled": {
        "region": "ap-south-1",
        "start": "2027-02",
        "months": 2,
        "traffic": {
            "monthly_visitors": {"india": 2_000_000, "middle_east": 300_000},
            "growth_per_month_ratio": 0.2,
            "minute_noise_ratio": 0.3,
            "events": [
                {"kind": "flash_sale", "start": "2027-02-20T12:00:00Z", "peak_multiplier": 300},
                {"kind": "bot_scrape", "start": "2027-03-03T02:00:00Z", "geographies": ["india"]},
            ],
        },
        "api": {"cpu_ms_per_call": 40, "timeout_s": 3, "bootstrap_s": 240, "lambda_runtime": "java21"},
        "database": {"secondary_indexes": 5, "writes_per_call": 1.5, "hottest_key_ratio": 0.2},
        "constraints": {
            "asset_formats": ["draco_webp_2k", "original"],
            "database": ["rds", "aurora", "aurora_serverless", *DYNAMODB],
        },
        "account": {"lambda_concurrency": 10, "ec2_vcpus": 16},
    },
    # Next to no traffic and as little of everything else as a scenario may say.
    "bare": {
        "region": "sa-east-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"south_america": 20}},
        "content": {
            "catalogue_products": 1,
            "viewer_open_ratio": 0,
            "model_texture_mb": 0,
            "static_requests_per_page_view": 0,
            "static_kb_per_page_view": 0,
            "uploads_per_month": 0,
            "invalidated_paths_per_month": 0,
            "noncurrent_ratio": 0,
        },
        "api": {"calls_per_page_view": 1, "log_kb_per_call": 0, "external_kb_per_call": 0, "post_ratio": 0},
        "rendering": {"jobs_per_1000_page_views": 0},
        "database": {
            "writes_per_call": 0,
            "secondary_indexes": 0,
            "stored_gb": 0.001,
            "growth_gb_per_month": 0,
        },
        "monitoring": {"custom_metrics": 0, "alarms": 0, "dashboards": 0, "log_retention_days": 1},
        "security": {"waf": False, "waf_rules": 0, "kms_keys": 0},
    },
}


def scenario_of(name: str, **changes: Any) -> Scenario:
    """A shop as a scenario; `changes` replace whole top-level keys."""
    return validate({"name": name} | SHOPS[name] | changes, name)


@dataclass(frozen=True, eq=False)
class Shop:
    """A scenario, its demand, and every design of every service, simulated once."""

    scenario: Scenario

    @cached_property
    def demand(self) -> Demand:
        return synthesise(self.scenario)

    @cached_property
    def _simulated(self) -> dict[str, tuple[SimulatedDesign, ...]]:
        return {}

    def tiers(self, service: TierService) -> tuple[SimulatedDesign, ...]:
        """Every design of a service, simulated."""
        key = module_of(service)
        if key not in self._simulated:
            designs = service.designs(self.scenario, self.demand)
            self._simulated[key] = tuple(simulate_design(design, self.demand) for design in designs)
        return self._simulated[key]

    @cached_property
    def all_tiers(self) -> tuple[SimulatedDesign, ...]:
        return tuple(tier for service in TIER_SERVICES for tier in self.tiers(service))

    @cached_property
    def priced_tiers(self) -> tuple[SimulatedDesign, ...]:
        """Those whose bill the shipped prices can make."""
        return tuple(tier for tier in self.all_tiers if tier.design.kind not in NOT_PRICED)

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every combination of kinds with the first design of each, and some with the last, which are reserved."""
        firsts = combine(first_of_each_kind(self.priced_tiers))
        lasts = combine(first_of_each_kind(self.priced_tiers[::-1]))
        return (*firsts, *tuple(lasts)[::4])

    @cached_property
    def platform(self) -> tuple[PlatformDesign, ...]:
        """Platform designs, each once, of all the candidates."""
        found = (platform_designs(self.scenario, candidate.footprint) for candidate in self.candidates)
        return tuple(dict.fromkeys(design for designs in found for design in designs))


def first_of_each_kind(tiers: Iterable[SimulatedDesign]) -> dict[Role, list[SimulatedDesign]]:
    """The first design of each kind by role; load balancers are told apart by what they serve, too."""
    firsts: dict[tuple[str, str], SimulatedDesign] = {}
    for tier in tiers:
        firsts.setdefault((tier.design.kind, getattr(tier.design, "serves", "")), tier)
    return {role: [tier for tier in firsts.values() if tier.design.role is role] for role in TIER_ROLES}


def module_of(service: Any) -> str:
    """The file that a service lives in: `ec2`."""
    made_by = service.designs if isinstance(service, TierService) else service.design
    return str(made_by.__module__).rpartition(".")[2]


@cache
def shop_of(name: str) -> Shop:
    return Shop(scenario_of(name))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shop" in metafunc.fixturenames:
        metafunc.parametrize("shop", list(SHOPS), indirect=True, scope="session")
    if "priced_shop" in metafunc.fixturenames:
        metafunc.parametrize("priced_shop", ["plain", "worldwide"], indirect=True, scope="session")
    if "tier_service" in metafunc.fixturenames:
        metafunc.parametrize("tier_service", TIER_SERVICES, ids=module_of)
    if "platform_service" in metafunc.fixturenames:
        metafunc.parametrize("platform_service", PLATFORM_SERVICES, ids=module_of)


@pytest.fixture(scope="session")
def shop(request: pytest.FixtureRequest) -> Shop:
    return shop_of(request.param)


@pytest.fixture(scope="session")
def priced_shop(request: pytest.FixtureRequest) -> Shop:
    """A shop in which every region is tried: one of each engine."""
    return shop_of(request.param)


@pytest.fixture(scope="session")
def shops() -> tuple[Shop, ...]:
    return tuple(shop_of(name) for name in SHOPS)


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return PriceBook.shipped()


@pytest.fixture(scope="session")
def small_shop() -> Shop:
    """A shop of 28 days with a second region, to hold any footprint against."""
    network = {"second_region": "us-west-2"}
    return Shop(scenario_of("plain", start="2026-02", network=network))
