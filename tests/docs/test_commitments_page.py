"""docs/commitments.md says of every kind of commitment what the code says."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import (
    BUNDLE_SAVING_RATIO,
    LAMBDA_RANGE,
    SOLD,
    TERMS,
    CommitmentKind,
    bundle_credits,
)
from costmodel.pricing.discounts import plan_discounts
from costmodel.pricing.snapshot import PRICE_KINDS, partition_path

DATED = re.compile(r"20\d\d")
ROWS = (
    *("covers", "one region only", "any size", "any compute"),
    *("sold as", "terms", "rate", "inferred", "source"),
)


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "commitments.md").read_text()


def tables(page: str) -> dict[str, dict[str, str]]:
    """Rows of each kind's table by their first cell."""
    found: dict[str, dict[str, str]] = {}
    for section in page.split("\n### ")[1:]:
        heading, _, body = section.partition("\n")
        rows = re.findall(r"^\| ([a-z ]+) \| (.+) \|$", body.partition("\n## ")[0], re.MULTILINE)
        found[heading] = dict(rows)
    return found


def yes(fact: bool) -> str:
    return "yes" if fact else "no"


def test_every_kind_has_its_table(page: str) -> None:
    assert list(tables(page)) == [str(kind) for kind in CommitmentKind]


@pytest.mark.parametrize("kind", CommitmentKind)
def test_a_table_says_what_the_code_says(page: str, kind: CommitmentKind) -> None:
    table, terms = tables(page)[kind], TERMS[kind]
    assert tuple(table) == ROWS
    assert table["covers"] == terms.covers
    assert table["one region only"] == yes(terms.same_region)
    assert table["any size"] == yes(terms.size_flexible)
    assert table["any compute"] == yes(terms.any_compute)
    assert table["terms"] == terms.sentence
    assert table["rate"] == terms.rate
    assert table["source"] == terms.source
    assert DATED.search(table["source"])
    sold = ", ".join(f"{years}yr {payment}" for years, payment in SOLD.get(kind, ()))
    assert table["sold as"] == (sold or "from month to month")


def test_percentages_are_those_of_the_price_folder(page: str) -> None:
    discounts = {
        found.applies_to: f"{100 * found.saving_ratio:.0f}" for found in plan_discounts(PriceBook.shipped())
    }
    of_databases = tables(page)[CommitmentKind.DATABASE_PLAN]["inferred"]
    for applies_to, words in (
        ("RDS PostgreSQL/MySQL/MariaDB gen7+ instances", "on instances"),
        ("Aurora provisioned gen7+ instances", "on instances"),
        ("Aurora Serverless v2 ACU-hours (Standard and I/O-Optimized)", "on Aurora Serverless v2"),
        ("DynamoDB on-demand read/write/replicated request units", "on DynamoDB requests"),
        ("DynamoDB provisioned RCU/WCU/replicated WCU hours", "on DynamoDB provisioned capacity"),
    ):
        assert f"{discounts[applies_to]} % {words}" in of_databases
    low, high = (discounts[applies_to] for applies_to in LAMBDA_RANGE)
    assert f"{low} to {high} %" in tables(page)[CommitmentKind.COMPUTE_PLAN]["inferred"]
    assert f"{100 * BUNDLE_SAVING_RATIO:.0f} %" in tables(page)[CommitmentKind.SECURITY_BUNDLE]["inferred"]


def test_the_worked_bundle_is_what_the_code_works_out(page: str) -> None:
    credits = bundle_credits(Decimal(100))
    assert f"= {credits.cloudfront_usd} USD of CloudFront" in page
    assert f"up to {credits.waf_usd} USD of WAF" in page


def test_files_are_where_the_page_says(page: str) -> None:
    for kind in PRICE_KINDS[1:]:
        path = partition_path("S", "R", kind).removeprefix("S/R")
        assert f"<region>{path}`" in page
