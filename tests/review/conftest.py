"""A run written by hand: two m7g.large, a Multi-AZ database and a flat-rate plan carry a shop in us-east-1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from costmodel.decision.run import (
    FORMAT,
    CarbonNote,
    ChargeNote,
    Comparison,
    CostRange,
    Counts,
    DesignNote,
    Estimated,
    ExpectedLoss,
    Option,
    PriceBookNote,
    RejectionNote,
    Run,
    TerraformAttributeNote,
    TerraformVariableNote,
)

DAYS = 31
PLANTED = Path(__file__).with_name("planted_account")


def note(
    role: str,
    kind: str,
    label: str,
    settings: Mapping[str, Any],
    resource_name: str,
    daily: Mapping[str, tuple[float, ...]] | None = None,
    figures: Mapping[str, float] | None = None,
) -> DesignNote:
    return DesignNote(
        role,
        kind,
        "",
        resource_name,
        label,
        dict(settings),
        1.0,
        "",
        0.0,
        0.0,
        dict(daily or {}),
        dict(figures or {}),
    )


def series(**daily: float) -> dict[str, tuple[float, ...]]:
    """The same figure on each of 31 days."""
    return {name: (figure,) * DAYS for name, figure in daily.items()}


def charge(
    resource_name: str, meter: str, cost: str, quantity: str = "1", period: str = "2026-03"
) -> ChargeNote:
    amount = Decimal(cost)
    return ChargeNote(
        *(
            period,
            "",
            "",
            resource_name,
            "us-east-1",
            meter,
            "",
            "",
            Decimal(quantity),
            "",
            Decimal(quantity),
            "",
        ),
        *(amount, amount, amount, amount, amount, amount, "", Decimal(0), False, "", "", "", ""),
    )


def variable(name: str, **attributes: Any) -> TerraformVariableNote:
    return TerraformVariableNote(
        name, "", tuple(TerraformAttributeNote(key, "", value, "", "") for key, value in attributes.items())
    )


FLEET = note(
    "compute",
    "ec2",
    "2 to 4 m7g.large at 50 % CPU, on demand",
    {"instance_type": "m7g.large", "min_size_instances": 2, "availability_zones": 2, "purchase": "on_demand"},
    "web",
    series(
        servers_mean=2.5,
        servers_max=4.0,
        utilisation_mean_ratio=0.3,
        utilisation_max_ratio=0.6,
        requests=1_000_000.0,
        failed_requests=0.0,
    ),
    {"peak_requests_per_s": 60.0, "saturation_requests_per_s": 100.0},
)
BALANCER = note(
    "load_balancer",
    "alb",
    "ALB over 2 zones in front of instances",
    {"load_balancer_type": "application", "targets": "ec2", "availability_zones": 2},
    "load-balancer",
    series(requests=1_000_000.0),
)
DATABASE = note(
    "database",
    "rds",
    "RDS PostgreSQL db.r7g.large Multi-AZ",
    {
        "instance_class": "db.r7g.large",
        "multi_az": True,
        "read_replicas": 0,
        "backup_retention_days": 7,
        "purchase": "on_demand",
    },
    "database",
    series(requests=1_000_000.0, failed_requests=0.0),
)
DELIVERY = note(
    "delivery", "flat_rate", "CloudFront flat-rate plan Business", {"origin_failover": False}, "cdn"
)
STORAGE = note(
    "storage",
    "storage",
    "S3 Standard, versioned",
    {
        "versioning": True,
        "noncurrent_days": 30,
        "abort_incomplete_multipart_days": 7,
        "replica_region": "none",
    },
    "assets",
)
DNS = note("dns", "dns", "one zone", {"routing_policy": "simple", "health_checks": 2}, "dns")
NETWORK = note(
    "network", "network", "VPC over 2 zones", {"availability_zones": 2, "nat_gateways": 1}, "network"
)
FUNCTION = note(
    "compute",
    "lambda",
    "Lambda 512 MB arm64",
    {"memory_mb": 512, "reserved_concurrency": 0, "runtime": "nodejs22.x", "availability_zones": 2},
    "api",
    series(requests=1_000_000.0, failed_requests=0.0),
)
TABLE = note(
    "database",
    "dynamodb_provisioned",
    "DynamoDB provisioned at 70%",
    {
        "billing_mode": "PROVISIONED",
        "point_in_time_recovery": True,
        "secondary_indexes": 2,
        "read_minimum_units": 11,
        "read_maximum_units": 73,
        "write_minimum_units": 2,
        "write_maximum_units": 11,
        "index_minimum_units": 2,
        "index_maximum_units": 10,
    },
    "database",
    series(requests=1_000_000.0, failed_requests=0.0),
)
CLUSTER = note(
    "database",
    "aurora",
    "Aurora PostgreSQL db.r7g.large with 1 reader",
    {"instance_class": "db.r7g.large", "readers": 1, "backup_retention_days": 7},
    "database",
    series(requests=1_000_000.0, failed_requests=0.0),
)

SCENARIO = {
    "api": {"request_kb": 1.0, "response_kb": 8.0, "external_kb_per_call": 0.2, "log_kb_per_call": 0.5},
    "database": {
        "reads_per_call": {"low": 1.0, "mid": 2.0, "high": 3.0},
        "read_item_kb": 2.0,
        "writes_per_call": 0.3,
        "write_item_kb": 1.0,
    },
    "constraints": {"commitments": ["on_demand"]},
    "account": {"ec2_vcpus": 640},
}
TERRAFORM = (
    variable("autoscaling", enable_monitoring=True, health_check_type="ELB"),
    variable("lambda", timeout=10),
    variable("dynamodb_table", autoscaling_enabled=True),
    variable("dynamodb_table_autoscaling_index", read_min_capacity=1.0, read_max_capacity=1.0),
    variable("route53", alias_to_cloudfront=True),
)
CHARGES = (
    charge("web", "Instance hours", "151.78"),
    charge("load-balancer", "Load balancer hours", "16.74"),
    charge("database", "Instance hours", "355.63"),
    charge("network", "NAT gateway hours", "33.48"),
    charge("network", "NAT gateway data", "0.54", "12"),
)
COMPARISONS = (
    Comparison("compute", "ec2", FLEET.label, Decimal("600.00"), "recommended"),
    Comparison("compute", "lambda", "Lambda 512 MB arm64", Decimal("680.00"), "costs $80.00 more"),
    Comparison("database", "rds", DATABASE.label, Decimal("600.00"), "recommended"),
    Comparison("database", "aurora", "", None, "nothing of this kind is feasible"),
    Comparison(
        "database", "dynamodb_on_demand", "DynamoDB on demand", Decimal("640.10"), "costs $40.10 more"
    ),
    Comparison(
        "delivery", "pay_as_you_go", "CloudFront pay as you go", Decimal("716.25"), "costs $116.25 more"
    ),
    Comparison("delivery", "flat_rate", DELIVERY.label, Decimal("600.00"), "recommended"),
)
REJECTIONS = (
    RejectionNote(
        "RDS PostgreSQL db.t4g.medium Multi-AZ",
        ("rds",),
        "API latency, 99th percentile",
        950.0,
        800.0,
        "ms",
        12,
    ),
)


def run_of(*designs: DesignNote, **changes: Any) -> Run:
    """The hand-written run with some designs in the place of those of the same role."""
    by_role = {
        design.role: design
        for design in (FLEET, BALANCER, DATABASE, DELIVERY, STORAGE, DNS, NETWORK, *designs)
    }
    compute, database = by_role["compute"], by_role["database"]
    run = Run(
        format=FORMAT,
        version="0.1.0",
        scenario=SCENARIO,
        scenario_name="Planted shop",
        region_id="us-east-1",
        months=("2026-03",),
        first_day="2026-03-01",
        days=DAYS,
        seed=1,
        price_book=PriceBookNote("0" * 64, "2025-01-01", "2026-01-01"),
        own_rates=None,
        headline="",
        notes=(),
        chosen=Option(
            *(compute.kind, database.kind, "flat_rate", "no_rendering"),
            *(compute.label, "ALB", database.label, DELIVERY.label, "no rendering"),
            *(Decimal("600.00"), 100.0, 200.0, 0.999, 0.0, "", 1.0, Decimal("600.00")),
        ),
        alternatives=(),
        comparisons=COMPARISONS,
        rejections=REJECTIONS,
        counts=Counts(1, 0, 0, 1),
        cost_range=CostRange(1, 0, 600.0, 600.0, 600.0, 600.0, 600.0, 0.0, None, 1.0, "", {}, ()),
        finalists=(),
        drivers=(),
        requirements=(),
        drills=(),
        expected_loss=ExpectedLoss(0.0, 0.0, 0.0),
        recovery=None,
        plan=None,
        commitments=(),
        designs=tuple(by_role.values()),
        charges=CHARGES,
        daily_cost_usd={},
        daily_load={"egress_gb": (100.0,) * DAYS},
        first_view_ms={},
        terraform=TERRAFORM,
        assumptions=(),
        front=(),
        carbon=CarbonNote("", None, (), 0.0, Estimated(0.0, 0.0, 0.0), (), (), ()),
    )
    return replace(run, **changes)


def with_settings(design: DesignNote, **settings: Any) -> DesignNote:
    """The design with other settings; None takes one away."""
    merged = {**design.settings, **settings}
    return replace(design, settings={name: value for name, value in merged.items() if value is not None})


def with_daily(design: DesignNote, **daily: Sequence[float] | float) -> DesignNote:
    """The design with other series: a figure for every day, or the first days, the last of them going on."""
    full = {
        name: tuple(days) + (days[-1],) * (DAYS - len(days)) if isinstance(days, Sequence) else (days,) * DAYS
        for name, days in daily.items()
    }
    return replace(design, daily={**design.daily, **full})


@pytest.fixture(scope="session")
def shop() -> SimpleNamespace:
    """The run's designs, and functions that change them."""
    return SimpleNamespace(
        run_of=run_of,
        with_settings=with_settings,
        with_daily=with_daily,
        variable=variable,
        charge=charge,
        fleet=FLEET,
        balancer=BALANCER,
        database=DATABASE,
        delivery=DELIVERY,
        storage=STORAGE,
        dns=DNS,
        network=NETWORK,
        function=FUNCTION,
        table=TABLE,
        cluster=CLUSTER,
        terraform=TERRAFORM,
        scenario=SCENARIO,
        comparisons=COMPARISONS,
    )


@pytest.fixture(scope="session")
def planted_run() -> Run:
    return run_of()


@pytest.fixture(scope="session")
def planted_account() -> Path:
    """Folder with one account as both APIs report it."""
    return PLANTED
