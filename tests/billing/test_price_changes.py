"""Supposed changes of the price list: worked bills, and laws that hold for any change."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.billing.charge import EXACT
from costmodel.billing.rate import bill
from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.billing.tariff import Tariff
from costmodel.demand.calendar import BillingPeriod
from costmodel.pricing.price import FreeAllowance, Price, PriceQuery, PriceTier
from costmodel.scenario.load import validate
from costmodel.scenario.rates_file import parse_rates_file
from costmodel.services._base import Meter, Usage

D = Decimal
JUNE, JULY, AUGUST = (BillingPeriod(2026, month) for month in (6, 7, 8))
M7G = PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large")
OUT = PriceQuery("AmazonCloudFront", "edge:europe", "out")


@dataclass(frozen=True)
class Book:
    """Prices made up for a test: m7g.large at 0.08 an hour, bytes at 0.09 and above 100 GB at 0.07."""

    allowances: tuple[FreeAllowance, ...] = ()

    def price(self, query: PriceQuery) -> Price:
        steps = (
            [("0", "100", "0.09"), ("100", None, "0.07")]
            if query.usage_type == "out"
            else [("0", None, "0.08")]
        )
        tiers = tuple(PriceTier(D(begin), end and D(end), D(rate)) for begin, end, rate in steps)
        return Price(query, "as the test says", "GB", tiers, "test", "2026-05-01")


FREE = FreeAllowance("free", "AmazonCloudFront", frozenset({"out"}), "GB", D(40), False, "test", "2026-05-01")


def usage(of: PriceQuery, quantity: str, period: BillingPeriod) -> Usage:
    meter = Meter(of.usage_type, "Test Service", "Other", "GB", of)
    return Usage(meter, "web", period, D(quantity), np.full(period.days, float(quantity) / period.days), "")


def changed(*changes: str, rates: OwnRates = NO_OWN_RATES) -> OwnRates:
    events = [
        dict(zip(("start", "service", "change_ratio"), words.split()[:3], strict=True)) for words in changes
    ]
    for event, words in zip(events, changes, strict=True):
        event |= {"kind": "price_list_change", "change_ratio": float(event["change_ratio"])}
        event |= dict(word.split("=") for word in words.split()[3:])
    tree = {
        "name": "a shop",
        "region": "eu-west-1",
        "start": "2026-06",
        "months": 3,
        "traffic": {"monthly_visitors": {"europe": 1000}, "events": events},
    }
    return rates.under(validate(tree, "test"))


def own(discount: str) -> OwnRates:
    file = parse_rates_file(f"name: Agreement\ndiscounts:\n  - {{{discount}}}\n", "test")
    return OwnRates(file.name, "", file.discounts, file.currency)


def monthly(of: PriceQuery, quantity: str, rates: OwnRates, book: Book | None = None) -> dict[str, Decimal]:
    usages = [usage(of, quantity, period) for period in (JUNE, JULY, AUGUST)]
    return bill(usages, book or Book(), free_tier=True, own_rates=rates).by("billing_period")


def test_a_change_holds_from_its_month_on_and_list_prices_stay() -> None:
    """700 h x 0.08 = 56 a month; from July 5 % more: 58.80."""
    rates = changed("2026-07-01 AmazonEC2 0.05")
    usages = [usage(M7G, "700", period) for period in (JUNE, JULY, AUGUST)]
    whole = bill(usages, Book(), free_tier=True, own_rates=rates)
    assert [charge.billed_cost for charge in whole.charges] == [D("56"), D("58.8"), D("58.8")]
    assert {charge.list_unit_price for charge in whole.charges} == {D("0.08")}
    label = "AmazonEC2 +5 % from 2026-07-01"
    assert [charge.x_price_change for charge in whole.charges] == ["", label, label]
    assert {charge.x_rate_name for charge in whole.charges} == {""}


def test_every_tier_changes_and_what_is_free_stays_free() -> None:
    """140 GB, 40 free: 60 x 0.09 + 40 x 0.07 = 8.20; 10 % less from July: 7.38."""
    rates = changed("2026-07-01 AmazonCloudFront -0.1")
    assert monthly(OUT, "140", rates, Book((FREE,))) == {
        "2026-06": D("8.2"),
        "2026-07": D("7.38"),
        "2026-08": D("7.38"),
    }


def test_an_own_percentage_comes_off_the_changed_price() -> None:
    """56 x 1.05 x 0.9 = 52.92."""
    rates = changed("2026-07-01 AmazonEC2 0.05", rates=own("service: AmazonEC2, percent: 10"))
    assert monthly(M7G, "700", rates) == {"2026-06": D("50.4"), "2026-07": D("52.92"), "2026-08": D("52.92")}


def test_an_own_price_stays_as_agreed() -> None:
    """700 x 0.06 = 42 in every month."""
    agreed = own('service: AmazonEC2, usage_type: "BoxUsage:m7g.large", unit: GB, price: 0.06')
    rates = changed("2026-07-01 AmazonEC2 0.05", rates=agreed)
    assert set(monthly(M7G, "700", rates).values()) == {D(42)}


def test_the_most_exact_change_applies_alone_and_the_latest_of_equals() -> None:
    """56 a month: June +10 %, from July m7g +50 % before the service, and a later change of the service is not seen."""
    service = ("2026-06-01 AmazonEC2 0.1", "2026-08-01 AmazonEC2 0.2")
    assert monthly(M7G, "700", changed(*service)) == {
        "2026-06": D("61.6"),
        "2026-07": D("61.6"),
        "2026-08": D("67.2"),
    }
    family = "2026-07-01 AmazonEC2 0.5 family=m7g"
    assert monthly(M7G, "700", changed(*service, family)) == {
        "2026-06": D("61.6"),
        "2026-07": D(84),
        "2026-08": D(84),
    }
    named = "2026-07-01 AmazonEC2 0 usage_type=BoxUsage:m7g.large"
    assert monthly(M7G, "700", changed(*service, family, named))["2026-07"] == D(56)
    elsewhere = "2026-07-01 AmazonEC2 1 region=us-east-1"
    assert monthly(M7G, "700", changed(elsewhere))["2026-07"] == D(56)


def test_a_reservation_keeps_its_price_and_a_plan_does_not() -> None:
    rates = changed("2026-06-01 AmazonEC2 0.5")
    for term, cost in (("Reserved 1yr No Upfront", D(56)), ("FlatRate", D(84))):
        query = PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large", term=term)
        assert bill([usage(query, "700", JUNE)], Book(), free_tier=True, own_rates=rates).billed_cost == cost


def test_a_free_service_costs_nothing() -> None:
    assert monthly(M7G, "700", changed("2026-06-01 AmazonEC2 -1"))["2026-06"] == 0


@settings(max_examples=60, deadline=None)
@given(
    st.decimals(-1, 10, places=6),
    st.decimals(0, 100, places=9),
    st.decimals(0, 10**6, places=9),
    st.booleans(),
)
def test_any_change_is_billed_exactly_and_the_screening_cost_agrees(
    ratio: Decimal, percent: Decimal, quantity: Decimal, free_tier: bool
) -> None:
    rates = changed(
        f"2026-07-01 AmazonCloudFront {ratio}", rates=own(f"service: AmazonCloudFront, percent: {percent}")
    )
    used = usage(OUT, str(quantity), JULY)
    whole = bill([used], Book((FREE,)), free_tier=free_tier, own_rates=rates)
    with localcontext(EXACT):
        for charge in whole.charges:
            assert charge.billed_cost == charge.list_cost * (1 + ratio) * (100 - percent) / 100
    tariff = Tariff(Book((FREE,)), free_tier=free_tier, own_rates=rates)
    sketch = tariff.sketch([used])
    assert tariff.cost_usd([sketch]) == pytest.approx(float(whole.billed_cost), rel=1e-9, abs=1e-9)
    assert tariff.least_usd([sketch]) <= tariff.cost_usd([sketch]) * (1 + 1e-9)
