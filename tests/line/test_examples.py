"""The whole line: every example in every region, the same bytes again, and ten lines checked by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal

import pytest

from costmodel.billing.charge import to_cents
from costmodel.decision.run import Run, encode
from costmodel.decision.simulate import simulate
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import examples, find
from costmodel.scenario.load import load

BOOK = PriceBook.shipped()
CASES = [
    (example.name, region)
    for example in examples()
    for region in BOOK.regions()
    if example.name != "growing-marketplace"  # has a file of its own
]


@pytest.mark.parametrize(("name", "region"), CASES, ids=[f"{name} in {region}" for name, region in CASES])
def test_every_example_has_an_answer_in_every_region(name: str, region: str) -> None:
    scenario = load(find(name), {"region": region})
    run = simulate(scenario, BOOK, draws=4)  # as many as are needed: tests/golden
    assert run.region_id == region
    assert run.monthly_usd > 0
    assert run.counts.considered >= 200
    assert all(requirement.met for requirement in run.requirements)
    compared = {"compute", "database", "delivery"}
    if scenario.rendering.jobs_per_1000_page_views:
        compared.add("rendering")
    assert {row.role for row in run.comparisons} == compared
    elsewhere = {charge.region_id for charge in run.charges if charge.region_id in BOOK.regions()}
    # A web ACL for CloudFront lives in us-east-1; Origin Shield may stand in a neighbouring region.
    regional = {region, scenario.network.second_region}
    others = {
        charge.service_name for charge in run.charges if charge.region_id in set(BOOK.regions()) - regional
    }
    assert region in elsewhere
    assert others <= {"AWS WAF", "Amazon CloudFront"}


def in_a_process(seed: str, hash_seed: str) -> bytes:
    program = (
        "import sys;from costmodel.cli.app import main;"
        f"sys.argv=['costmodel','simulate','small-shop','--format','json','--seed','{seed}'];main()"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "NUMBA_NUM_THREADS": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env=environment, timeout=300
    )
    return done.stdout


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first = in_a_process("5", "1")
    assert in_a_process("5", "2") == first
    assert in_a_process("6", "1") != first
    assert encode(simulate(load(find("small-shop"), {"seed": 5}), BOOK)) == first


@pytest.fixture(scope="module")
def without_free_tier() -> Run:
    """An EC2 shop in us-east-1 with RDS and pay-as-you-go delivery, so that many lines have a price."""
    from costmodel.scenario.load import validate

    return simulate(
        validate(
            {
                "name": "hand check",
                "region": "us-east-1",
                "start": "2026-04",
                "traffic": {"monthly_visitors": {"united_states": 100_000}},
                "constraints": {
                    "compute": ["ec2"],
                    "database": ["rds"],
                    "delivery": ["pay_as_you_go"],
                    "instance_families": ["m7g"],
                    "database_families": ["t4g"],
                },
                "account": {"free_tier": False},
            },
            "hand check",
        ),
        BOOK,
    )


@pytest.mark.parametrize(
    ("meter", "unit_price_usd"),
    [
        # List prices of us-east-1, from AWS's pricing pages (2025): EC2 m7g.medium, gp3, NAT, ALB, ...
        ("Instance hours", "0.0408"),
        ("gp3 volume storage", "0.08"),
        ("NAT gateway hours", "0.045"),
        ("NAT gateway data", "0.045"),
        ("Public IPv4 addresses", "0.005"),
        ("Transfer between zones", "0.01"),
        ("Web ACLs", "5"),
        ("Rules", "1"),
        ("Alarms", "0.1"),
        ("Dashboards", "3"),
    ],
)
def test_ten_lines_of_a_bill_by_hand(without_free_tier: Run, meter: str, unit_price_usd: str) -> None:
    lines = [
        charge
        for charge in without_free_tier.charges
        if charge.sku_meter == meter and charge.service_name != "Amazon Relational Database Service"
    ]
    assert len(lines) == 1, sorted({charge.sku_meter for charge in without_free_tier.charges})
    by_hand = lines[0].consumed_quantity * Decimal(unit_price_usd)
    assert to_cents(lines[0].billed_cost) == to_cents(by_hand)
    assert lines[0].consumed_quantity > 0


def test_fixed_quantities_of_april_by_hand(without_free_tier: Run) -> None:
    quantity = {charge.sku_meter: charge.consumed_quantity for charge in without_free_tier.charges}
    assert quantity["NAT gateway hours"] == 2 * 30 * 24
    assert quantity["Public IPv4 addresses"] == (2 + 2) * 30 * 24
    assert quantity["Load balancer hours"] == 30 * 24
    assert quantity["Web ACLs"] == 1
