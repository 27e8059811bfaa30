"""The files of percentages and allowances, against the same files read without the package."""

import csv
from decimal import Decimal

import pytest

from aws.books import book_of, book_with
from costmodel.errors import PriceCacheCorrupt
from costmodel.pricing.book import PriceBook
from costmodel.pricing.discounts import plan_allowances, plan_discounts, spot_saving
from costmodel.pricing.snapshot import (
    DISCOUNTS,
    PLAN_ALLOWANCE_COLUMNS,
    PLAN_ALLOWANCES,
    SPOT_SAVING_COLUMNS,
    SPOT_SAVINGS,
    Part,
)
from costmodel.shipped import shipped

BOOK = PriceBook.shipped()


def rows(name: str) -> list[dict[str, str]]:
    with (shipped("pricing_cache") / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_plan_discount():
    found = plan_discounts(BOOK)
    told = rows("savings_plans.csv")
    assert [(of.plan, of.applies_to, of.term, of.source, of.as_of) for of in found] == [
        (row["plan"], row["applies_to"], row["term"], row["source"], row["as_of"]) for row in told
    ]
    assert [100 * of.saving_ratio for of in found] == [Decimal(row["discount_percent"]) for row in told]


def test_every_spot_saving():
    for row in rows("spot_savings.csv")[::50]:
        found = spot_saving(BOOK, row["instance_type"], row["region_id"])
        assert found is not None
        assert found.saving_ratio == Decimal(row["savings_percent"]) / 100
        assert found.interruption_band == row["interruption_frequency"]
        assert (found.source, found.as_of) == (row["source"], row["as_of"])
    assert spot_saving(BOOK, "m99.huge", "us-east-1") is None
    assert spot_saving(BOOK, "c5.large", "mars-1") is None


def test_a_usage_level_has_the_rest_of_its_plan():
    plans = plan_allowances(BOOK)
    assert set(plans) == {row["plan"] for row in rows("plan_allowances.csv")}
    level, plan = plans["Premium 75 TB"], plans["Premium"]
    assert (level.requests, level.transfer_gb) == (750_000_000, 76_800)
    assert (
        (level.dns_queries, level.storage_gb) == (plan.dns_queries, plan.storage_gb) == (100_000_000, 5_120)
    )
    assert level.as_of == "2025-11-30"


def test_a_plan_that_lacks_a_figure_is_named(tmp_path):
    row = ("Pro", "requests per month", "Requests", "1", "s", "2026-01-01")
    part = Part(PLAN_ALLOWANCES, DISCOUNTS, PLAN_ALLOWANCE_COLUMNS, [row])
    with pytest.raises(PriceCacheCorrupt, match="no data transfer per month for plan Pro"):
        plan_allowances(book_with(tmp_path, part, without=PLAN_ALLOWANCES))


def test_a_missing_table_and_a_figure_that_is_none_are_errors(tmp_path):
    with pytest.raises(PriceCacheCorrupt, match=r"does not list spot_savings\.csv"):
        spot_saving(book_of(tmp_path / "1", without=SPOT_SAVINGS), "c5.large", "us-east-1")
    row = ("us-east-1", "c5.large", "many", "<5%", "s", "2026-01-01")
    part = Part(SPOT_SAVINGS, DISCOUNTS, SPOT_SAVING_COLUMNS, [row])
    with pytest.raises(PriceCacheCorrupt, match="'many' is not a plain decimal"):
        spot_saving(book_with(tmp_path / "2", part, without=SPOT_SAVINGS), "c5.large", "us-east-1")
