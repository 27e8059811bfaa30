"""What the pruning of the search rests on: the platform never costs less beside a larger footprint."""

from __future__ import annotations

import dataclasses
import random
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.billing.rate import bill
from costmodel.decision.candidate import Candidate, combine
from costmodel.decision.pricer import platform_usages
from costmodel.pricing.book import PriceBook
from costmodel.services._base import TIER_ROLES, Footprint, Role

BOOK = PriceBook.shipped()
DAYS = 28
FIELDS = {field.name: field for field in dataclasses.fields(Footprint)}
SERIES = [name for name, field in FIELDS.items() if field.type == "FloatArray"]
COUNTS = [name for name, field in FIELDS.items() if field.type == "int"]
FLAGS = [name for name, field in FIELDS.items() if field.type == "bool"]
INCLUDED = [name for name in FIELDS if name.startswith("included_")]

AMOUNTS = st.sampled_from([0.0, 1e-9, 0.37, 5.0, 333.0, 10_240.0, 1e7])
"""Per day: nothing, next to nothing, within and around allowances and tiers, and beyond them all."""


@st.composite
def series(draw: st.DrawFn) -> np.ndarray:
    """A few different days, repeated."""
    few = draw(st.lists(AMOUNTS, min_size=1, max_size=3))
    return np.resize(np.array(few), DAYS)


INCLUSIONS = st.sampled_from(
    [
        {},
        {
            "included_roles": frozenset({Role.FIREWALL, Role.DNS}),
            "included_dns_queries": 5e6,
            "included_storage_gb": 50.0,
        },
    ]
)


@st.composite
def footprints(draw: st.DrawFn) -> Footprint:
    values: dict[str, Any] = {name: draw(series()) for name in SERIES}
    values |= {name: draw(st.integers(0, 30)) for name in COUNTS}
    values |= {name: draw(st.booleans()) for name in FLAGS}
    return Footprint(**values, **draw(INCLUSIONS))


@st.composite
def growths(draw: st.DrawFn) -> tuple[Footprint, Footprint]:
    """A footprint and one that is larger, usually in one or two ways only."""
    small = draw(footprints())
    grown = draw(st.sets(st.sampled_from([*SERIES, *COUNTS, *FLAGS]), min_size=1, max_size=3))
    larger: dict[str, Any] = {}
    for name in grown:
        if name in FLAGS:
            larger[name] = True
        else:
            larger[name] = getattr(small, name) + draw(series() if name in SERIES else st.integers(1, 9))
    return small, dataclasses.replace(small, **larger)


def platform_usd(shop: Any, footprint: Footprint, *, free_tier: bool) -> Decimal:
    usages = platform_usages(shop.scenario, shop.demand, footprint)
    return bill(usages, BOOK, free_tier=free_tier).billed_cost


def test_every_field_of_a_footprint_is_among_those_tried() -> None:
    assert sorted([*SERIES, *COUNTS, *FLAGS, *INCLUDED]) == sorted(FIELDS)


@settings(max_examples=60, deadline=None)
@given(growths(), st.booleans())
def test_platform_charges_never_fall_as_a_footprint_grows(
    small_shop, pair: tuple[Footprint, Footprint], free_tier: bool
) -> None:
    small, large = pair
    assert platform_usd(small_shop, small, free_tier=free_tier) <= platform_usd(
        small_shop, large, free_tier=free_tier
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(footprints(), min_size=1, max_size=4), st.booleans())
def test_the_smallest_footprint_is_a_lower_bound_in_every_field_and_in_dollars(
    small_shop, members: list[Footprint], free_tier: bool
) -> None:
    least = Footprint.smallest(members)
    least_usd = platform_usd(small_shop, least, free_tier=free_tier)
    for member in members:
        assert_not_larger(least, member)
        assert least_usd <= platform_usd(small_shop, member, free_tier=free_tier)


@given(footprints(), footprints(), footprints())
def test_footprints_add_up_in_any_order(a: Footprint, b: Footprint, c: Footprint) -> None:
    assert_same(a + b, b + a)
    assert_same((a + b) + c, a + (b + c))
    assert_same(a + Footprint.none(DAYS), a)
    assert_charges_not_larger(a, a + b)


@given(st.lists(footprints(), min_size=1, max_size=3), st.lists(footprints(), min_size=1, max_size=3))
def test_the_smallest_of_each_tier_bounds_every_sum(first: list[Footprint], second: list[Footprint]) -> None:
    least = Footprint.smallest(first) + Footprint.smallest(second)
    for a in first:
        for b in second:
            assert_not_larger(least, a + b)


@pytest.mark.parametrize("free_tier", [True, False])
def test_no_candidate_costs_less_than_its_tiers_alone_beside_the_smallest_footprint(shop, free_tier) -> None:
    """The bound itself, in exact bills, for candidates drawn from all there are."""
    tiers = {role: [tier for tier in shop.priced_tiers if tier.design.role is role] for role in TIER_ROLES}
    lightest = Footprint.none(shop.demand.days)
    for of_role in tiers.values():
        lightest = lightest + Footprint.smallest([tier.footprint for tier in of_role])
    platform = platform_usd(shop, lightest, free_tier=free_tier)
    draw = random.Random(7)
    picked = {role: draw.sample(of_role, min(4, len(of_role))) for role, of_role in tiers.items()}
    alone: dict[int, Decimal] = {}
    candidates = list(combine(picked)) + list(shop.candidates)
    for candidate in draw.sample(candidates, 40):
        for tier in candidate.tiers:
            if id(tier) not in alone:
                alone[id(tier)] = bill(tier.usages, BOOK, free_tier=free_tier).billed_cost
        bound = platform + sum(alone[id(tier)] for tier in candidate.tiers)
        assert bound <= whole_usd(shop, candidate, free_tier=free_tier), candidate.labels


def whole_usd(shop: Any, candidate: Candidate, *, free_tier: bool) -> Decimal:
    usages = candidate.usages + platform_usages(shop.scenario, shop.demand, candidate.footprint)
    return bill(usages, BOOK, free_tier=free_tier).billed_cost


def assert_not_larger(least: Footprint, other: Footprint) -> None:
    """No larger in what is charged, no smaller in what a plan includes."""
    assert_charges_not_larger(least, other)
    for name in INCLUDED:
        assert getattr(least, name) >= getattr(other, name), name


def assert_charges_not_larger(least: Footprint, other: Footprint) -> None:
    for name in (*SERIES, *COUNTS, *FLAGS):
        assert np.all(np.asarray(getattr(least, name)) <= np.asarray(getattr(other, name))), name


def assert_same(a: Footprint, b: Footprint) -> None:
    for name in FIELDS:
        mine, theirs = getattr(a, name), getattr(b, name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12)
        else:
            assert mine == theirs, name
