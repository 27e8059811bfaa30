"""The bill of any candidate: sums that agree whichever way they are taken, and FOCUS rows that say the same."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from decimal import Decimal
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest

from costmodel.billing.charge import Bill, ChargeField
from costmodel.billing.focus import focus_rows
from costmodel.billing.rate import bill
from costmodel.billing.tariff import Tariff
from costmodel.decision.candidate import Candidate
from costmodel.decision.pricer import platform_usages
from costmodel.pricing.book import PriceBook
from costmodel.services._base import Usage
from costmodel.units import COUNTED_UNITS, FOCUS_UNITS

BOOK = PriceBook.shipped()


def usages_of(shop: Any, candidate: Candidate) -> tuple[Usage, ...]:
    return candidate.usages + platform_usages(shop.scenario, shop.demand, candidate.footprint)


@cache
def bills(shop: Any) -> tuple[tuple[tuple[Usage, ...], Bill, bool], ...]:
    """Usage and bill of a candidate of every combination of kinds, with and without the free tier."""
    every = []
    for candidate in shop.candidates:
        usages = usages_of(shop, candidate)
        every += [(usages, bill(usages, BOOK, free_tier=free), free) for free in (True, False)]
    return tuple(every)


@pytest.mark.parametrize("field", get_args(ChargeField))
def test_sums_by_any_field_are_the_whole(shop, field) -> None:
    for _, whole, _ in bills(shop):
        assert sum(whole.by(field).values()) == whole.billed_cost
        assert len(whole.by(field)) == len({str(getattr(charge, field)) for charge in whole.charges})


def test_the_three_costs_agree_where_nothing_is_discounted(shop) -> None:
    """List prices, no discount, no upfront payment: what is listed is billed, and effective in its month."""
    for _, whole, _ in bills(shop):
        assert whole.list_cost == whole.billed_cost == whole.effective_cost > 0
        for charge in whole.charges:
            assert charge.list_cost == charge.billed_cost == charge.effective_cost
            price_id = charge.sku_price_id
            committed = "Committed" if "(Reserved" in price_id else "Standard"
            assert charge.pricing_category == ("Dynamic" if "(Spot)" in price_id else committed)


def test_reservations_and_spot_are_among_them(shops) -> None:
    categories = {
        charge.pricing_category for shop in shops for _, whole, _ in bills(shop) for charge in whole.charges
    }
    assert categories == {"Standard", "Committed", "Dynamic"}


def test_every_charge_is_its_quantity_at_its_price(shop) -> None:
    for _, whole, _ in bills(shop):
        for charge in whole.charges:
            assert charge.list_cost == charge.list_unit_price * charge.pricing_quantity
            assert charge.pricing_quantity == charge.consumed_quantity > 0
            assert charge.pricing_unit == charge.consumed_unit in FOCUS_UNITS.values()
            assert charge.list_unit_price >= 0
            if charge.x_free:
                assert charge.list_unit_price == charge.list_cost == 0


def test_nothing_used_is_lost_or_counted_twice(shop) -> None:
    for usages, whole, _ in bills(shop):
        used: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for usage in usages:
            if usage.consumed_quantity:
                key = (
                    usage.billing_period,
                    usage.resource_name,
                    usage.meter.name,
                    usage.meter.query.region_id,
                )
                used[key] += usage.consumed_quantity
        charged: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for charge in whole.charges:
            key = (charge.billing_period, charge.resource_name, charge.sku_meter, charge.region_id)
            charged[key] += charge.consumed_quantity
        assert charged == used


def test_counted_things_are_billed_in_whole_numbers_unless_an_allowance_is_shared(shop) -> None:
    for _, whole, free_tier in bills(shop):
        for charge in whole.charges:
            if not free_tier and charge.consumed_unit in COUNTED_UNITS:
                assert charge.consumed_quantity % 1 == 0, charge.sku_meter


def test_days_add_up_to_their_charge(shop) -> None:
    for _, whole, _ in bills(shop):
        for charge in whole.charges:
            daily = charge.daily_cost
            assert daily.shape == (charge.billing_period.days,)
            assert np.isfinite(daily).all()
            assert (daily >= 0).all()
            assert math.isclose(daily.sum(), charge.billed_cost, rel_tol=1e-9, abs_tol=1e-15)


def test_every_charge_says_where_its_price_comes_from(shop) -> None:
    for _, whole, _ in bills(shop):
        for charge in whole.charges:
            assert charge.x_price_source
            assert len(charge.x_price_as_of) == len("2026-11-01")
            assert charge.x_formula
            assert charge.charge_description
            assert charge.sku_price_id
        names = [
            (charge.billing_period, charge.resource_name, charge.sku_meter, charge.sku_price_id)
            for charge in whole.charges
        ]
        assert len(set(names)) == len(names)


def test_the_free_tier_only_ever_takes_off_and_never_more_than_it_grants(shop) -> None:
    for candidate in shop.candidates:
        usages = usages_of(shop, candidate)
        free, paid = (bill(usages, BOOK, free_tier=free_tier) for free_tier in (True, False))
        assert free.billed_cost <= paid.billed_cost
        assert not any(charge.x_free for charge in paid.charges)
        granted: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for charge in free.charges:
            if charge.x_free:
                allowance_id = charge.sku_price_id.rpartition(" free ")[2]
                granted[charge.billing_period, allowance_id, charge.region_id] += charge.consumed_quantity
        allowances = {allowance.allowance_id: allowance for allowance in BOOK.allowances}
        pooled: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for (period, allowance_id, region_id), quantity in granted.items():
            per_region = allowances[allowance_id].per_region
            pooled[period, allowance_id, region_id if per_region else ""] += quantity
        for (_, allowance_id, _), quantity in pooled.items():
            assert quantity <= allowances[allowance_id].quantity, allowance_id


def test_the_order_of_the_usage_changes_nothing(shop) -> None:
    candidate = shop.candidates[0]
    usages = usages_of(shop, candidate)
    forwards = bill(usages, BOOK, free_tier=True)
    backwards = bill(usages[::-1], BOOK, free_tier=True)
    assert sorted(rows_as_text(forwards)) == sorted(rows_as_text(backwards))
    assert rows_as_text(forwards) == rows_as_text(bill(usages, PriceBook.shipped(), free_tier=True))


def test_the_screening_cost_is_the_bill(shop) -> None:
    """What the search compares candidates by, in floats, against the exact bill."""
    for free_tier in (True, False):
        tariff = Tariff(BOOK, free_tier=free_tier)
        for usages, whole, free in bills(shop):
            if free == free_tier:
                assert tariff.cost_usd([tariff.sketch(usages)]) == pytest.approx(
                    float(whole.billed_cost), rel=1e-9
                )


def test_focus_rows_say_what_the_charges_say(shop) -> None:
    for _, whole, _ in bills(shop):
        rows = focus_rows(whole, scenario_name="a shop")
        assert len(rows) == len(whole.charges)
        for column, total in (
            ("ListCost", whole.list_cost),
            ("ContractedCost", whole.list_cost),
            ("EffectiveCost", whole.effective_cost),
            ("BilledCost", whole.billed_cost),
        ):
            assert sum(row[column] for row in rows) == total
        for row in rows:
            assert row["ListCost"] == row["ListUnitPrice"] * row["PricingQuantity"]
            assert row["BillingPeriodStart"] == row["ChargePeriodStart"] < row["ChargePeriodEnd"]
            assert (row["BillingCurrency"], row["ChargeCategory"]) == ("USD", "Usage")
            assert row["ServiceName"]
            assert row["ServiceCategory"]
        by_service: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            by_service[str(row["ServiceName"])] += row["BilledCost"]
        assert by_service == whole.by("service_name")


def rows_as_text(whole: Bill) -> list[str]:
    return [json.dumps(row, default=str) for row in focus_rows(whole, scenario_name="a shop")]
