"""No way of asking gives a price that nobody published: near misses of real queries, everywhere one can ask."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel.billing.rate import bill
from costmodel.billing.tariff import Tariff
from costmodel.demand.calendar import BillingPeriod
from costmodel.errors import AmbiguousPrice, PriceNotFound
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import commitments
from costmodel.pricing.price import ON_DEMAND, Price, PriceQuery
from costmodel.pricing.price_id import named_price
from costmodel.pricing.spot import spot_price
from costmodel.services._base import Meter, Usage
from costmodel.shipped import shipped
from costmodel.units import FOCUS_UNITS

BOOK = PriceBook.shipped()
WITHOUT_INDEX = PriceBook(shipped("pricing_cache"))
NOVEMBER = BillingPeriod.parse("2026-11")
NO_PRICE = (PriceNotFound, AmbiguousPrice)


@cache
def published() -> Mapping[PriceQuery, tuple[Decimal, ...]]:
    """Every price of the committed files, reserved ones too, read without the package."""
    prices: dict[PriceQuery, tuple[Decimal, ...]] = {}
    for path in sorted(shipped("pricing_cache").glob("*/*.csv")):
        region_id = path.name.partition(".")[0].replace("edge-", "edge:")
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                attributes = tuple(tuple(pair.split("=")) for pair in row["attributes"].split(";") if pair)
                query = PriceQuery(path.parent.name, region_id, row["usage_type"], attributes, row["term"])
                prices[query] = (*prices.get(query, ()), Decimal(row["price_usd"]))
    return prices


REAL = sorted(published())
SERVICES = sorted({query.service_code for query in REAL})
PLACES = sorted({query.region_id for query in REAL})
TERMS = sorted({query.term for query in REAL})
ATTRIBUTES = sorted({pair for query in REAL for pair in query.attributes})
LETTERS = st.sampled_from("abcxyz0123456789.:-_ AEXé")


def misspelt(text: str) -> st.SearchStrategy[str]:
    """Off by one letter: left out, put in, another one, two swapped, or in another case."""
    places = st.integers(0, len(text) - 1)
    return st.one_of(
        places.map(lambda at: text[:at] + text[at + 1 :]),
        st.tuples(places, LETTERS).map(lambda found: text[: found[0]] + found[1] + text[found[0] :]),
        st.tuples(places, LETTERS).map(lambda found: text[: found[0]] + found[1] + text[found[0] + 1 :]),
        places.map(lambda at: text[: max(at - 1, 0)] + text[at : at + 1] + text[max(at - 1, 0) : at] + text[at + 1 :]),
        st.sampled_from([text.lower(), text.upper(), f" {text}", f"{text} ", f"EU-{text}", f"{text}*", "%"]),
    )  # fmt: skip


def other_attributes(query: PriceQuery) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """One pair less, one more, another value, or in another case."""
    had = query.attributes
    one_less = [had[:at] + had[at + 1 :] for at in range(len(had))]
    shouted = [tuple((name, value.upper()) for name, value in had), tuple((n.upper(), v) for n, v in had)]
    one_more = [tuple(sorted({*had, pair})) for pair in ATTRIBUTES]
    instead = [tuple(sorted({*had[1:], pair})) for pair in ATTRIBUTES] if had else []
    return st.sampled_from([*one_less, *shouted, *one_more, *instead, (("", ""),), had[::-1] + had])


@st.composite
def near(draw: st.DrawFn) -> PriceQuery:
    """A real query with one thing changed; some of these are real as well."""
    query = draw(st.sampled_from(REAL))
    match draw(st.sampled_from(["service", "place", "usage type", "term", "attributes"])):
        case "service":
            code = draw(st.sampled_from(SERVICES) | misspelt(query.service_code))
            return replace(query, service_code=code)
        case "place":
            return replace(query, region_id=draw(st.sampled_from(PLACES) | misspelt(query.region_id)))
        case "usage type":
            return replace(query, usage_type=draw(misspelt(query.usage_type)))
        case "term":
            sold = ["Spot", "SavingsPlan Compute 1yr No Upfront", "", *TERMS]
            return replace(query, term=draw(st.sampled_from(sold) | misspelt(query.term)))
        case _:
            return replace(query, attributes=draw(other_attributes(query)))


many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(near())
def test_a_near_miss_gets_no_price_from_the_book(query: PriceQuery) -> None:
    for book in (BOOK, WITHOUT_INDEX):
        if query in published():
            price = book.price(query)
            assert price.query == query
            assert tuple(tier.list_unit_price for tier in price.tiers) == published()[query]
        else:
            with pytest.raises(NO_PRICE):
                book.price(query)
            with pytest.raises(NO_PRICE):  # asked again, it is not remembered as something else
                book.price(query)


def used(query: PriceQuery, pricing_unit: str) -> Usage:
    meter = Meter(query.usage_type, "Some Service", "Other", FOCUS_UNITS[pricing_unit], query)
    return Usage(meter, "web", NOVEMBER, Decimal(30), np.ones(NOVEMBER.days), "one a day")


@many
@given(near(), st.booleans())
def test_a_near_miss_gets_no_price_in_a_bill_or_a_screening_cost(query: PriceQuery, free_tier: bool) -> None:
    """What is charged is a published step, or a free allowance of its own; or there is no cost at all."""
    if query in published():
        usage = used(query, BOOK.price(query).pricing_unit)
        for charge in bill([usage], BOOK, free_tier=free_tier).charges:
            assert charge.sku_price_id.startswith(f"{query} ")
            is_free = charge.sku_price_id.startswith(f"{query} free ")
            assert is_free or charge.list_unit_price in published()[query]
            assert not is_free or any(allowance.covers(query) for allowance in BOOK.allowances)
    else:
        usage = used(query, "GB")
        with pytest.raises(NO_PRICE):
            bill([usage], BOOK, free_tier=free_tier)
        with pytest.raises(NO_PRICE):
            Tariff(BOOK, free_tier=free_tier).sketch([usage])


@settings(parent=many, max_examples=60)
@given(near(), st.sampled_from(["", " from 0", " from 999999", " free kms-requests"]))
def test_a_name_that_is_none_names_no_price(query: PriceQuery, ending: str) -> None:
    price = named_price(BOOK, f"{query}{ending}")
    named = [real for real in REAL if str(real) == str(query)]
    granted = [of for of in BOOK.allowances if of.allowance_id == "kms-requests" and of.covers(query)]
    has_part = granted if ending.startswith(" free") else ending != " from 999999"
    if named and has_part and (ending or query.usage_type):
        assert price is not None
        assert price.query in named
    else:
        assert price is None


@many
@given(near())
def test_what_is_committed_is_of_exactly_that_use(query: PriceQuery) -> None:
    for price in BOOK.committed(query):
        found = price.query
        assert (found.service_code, found.region_id, found.usage_type) == (
            query.service_code, query.region_id, query.usage_type,
        )  # fmt: skip
        assert tuple(tier.list_unit_price for tier in price.tiers) == published()[found]


@many
@given(near())
def test_a_published_commitment_was_published_and_an_inferred_one_says_so(query: PriceQuery) -> None:
    """Also for an on-demand price that stands in no book, such as one with another engine."""
    asked = replace(query, term=ON_DEMAND)
    real = BOOK.price(PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large"))
    on_demand = BOOK.price(asked) if asked in published() else replace(real, query=asked)
    rates = committed_rates().get(asked, set())
    for offer in commitments(BOOK, on_demand).offers:
        if offer.published:
            assert {offer.unit_price, offer.upfront} - {Decimal(0)} <= rates
        else:
            assert offer.basis
            assert offer.source


@cache
def committed_rates() -> Mapping[PriceQuery, set[Decimal]]:
    """On-demand query -> every published rate and fee of a commitment to the same use."""
    found: dict[PriceQuery, set[Decimal]] = {}
    for query, figures in published().items():
        if query.term != ON_DEMAND:
            attributes = tuple(pair for pair in query.attributes if pair[0] != "fee")
            use = replace(query, attributes=attributes, term=ON_DEMAND)
            found.setdefault(use, set()).update(figures)
    return found


@settings(parent=many, max_examples=100)
@given(st.data())
def test_a_spot_price_is_of_exactly_that_type_and_region(data: st.DataObject) -> None:
    instances = [
        query for query in REAL if query.usage_type.startswith("BoxUsage:") and query.term == ON_DEMAND
    ]
    query = data.draw(st.sampled_from(instances))
    instance_type = query.usage_type.removeprefix("BoxUsage:")
    asked_type = data.draw(st.just(instance_type) | misspelt(instance_type))
    region_id = data.draw(st.just(query.region_id) | st.sampled_from(PLACES) | misspelt(query.region_id))
    on_demand = PriceQuery("AmazonEC2", region_id, f"BoxUsage:{asked_type}")
    try:
        found = spot_price(BOOK, asked_type, region_id)
    except PriceNotFound:
        return
    assert found.on_demand.query == on_demand
    assert found.on_demand.tiers[0].list_unit_price == published()[on_demand][0]
    assert not found.published  # the snapshot holds no price history
    assert "Spot Advisor" in found.basis


def test_most_near_misses_are_misses() -> None:
    """So that the tests above do not pass by asking only for what is there."""
    counted = {True: 0, False: 0}

    @settings(parent=many, max_examples=200, database=None)
    @given(near())
    def count(query: PriceQuery) -> None:
        counted[query in published()] += 1

    count()
    assert counted[False] > counted[True] > 0


def test_prices_come_back_as_published() -> None:
    """Every single one, with and without the index."""
    answers: dict[PriceQuery, Price] = {query: WITHOUT_INDEX.price(query) for query in REAL}
    assert {
        query: tuple(tier.list_unit_price for tier in price.tiers) for query, price in answers.items()
    } == published()
    assert all(BOOK.price(query) == answers[query] for query in REAL[:: len(REAL) // 500])
