"""Prices that move: a mistake, a change that the user accepts, and steps that add up."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.main import get_command

from aws.books import price
from aws.cloud import NEEDS, REGION, TODAY, Cloud, Truth, plan_rates, small_aws
from costmodel.cli.commands import app
from costmodel.errors import ImplausiblePrice
from costmodel.pricing.download import Patience
from costmodel.pricing.origin import Source
from costmodel.pricing.plausible import moved_far
from costmodel.pricing.price import PriceQuery
from costmodel.pricing.price_files import PublicIndex
from costmodel.pricing.refresh import Refresh, Refreshed
from costmodel.pricing.shelf import Shelf

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = PriceQuery("awskms", REGION, "KMS-Keys")
KEYS = TODAY.of("awskms").stated


def hour(usd: str, sku: str = ""):
    return replace(price("AmazonEC2", "BoxUsage:m7g.large", usd), sku_id=sku)


NAME = "AmazonEC2 us-east-1 BoxUsage:m7g.large"


@pytest.mark.parametrize(
    ("now", "before", "first", "where"),
    [
        ("5.1", "1", "1", "1 before"),
        ("0.19", "1", "1", "1 before"),
        ("5.1", "3", "1", "1 in the snapshot"),
        ("0.19", "0.5", "1", "1 in the snapshot"),
        ("5.1", None, "1", "1 in the snapshot"),
    ],
)
def test_what_moved_too_far_is_refused_unless_it_is_accepted(
    now: str, before: str | None, first: str, where: str
) -> None:
    found, known = hour(now, "SKU1"), before and hour(before)
    with pytest.raises(ImplausiblePrice, match=f"{where}: more than 5 times apart.*--accept-moved '{NAME}'"):
        moved_far(found, known, hour(first), {"another"})
    for named in (NAME, "SKU1"):
        (told,) = moved_far(found, known, hour(first), {named})
        assert (told.name, told.accepted, told.where in where) == (NAME, True, True)
    with pytest.raises(ImplausiblePrice):
        moved_far(hour(now), known, hour(first), {""})  # no SKU is no name


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        ("2.1", "1.9", True),  # steps that add up are told
        ("0.4", "0.6", True),
        ("2.1", "2.1", False),  # once, when it moves
        ("9", "9", False),  # accepted before
        ("2", "1.9", False),
        ("1", "1", False),
    ],
)
def test_what_is_far_from_the_snapshot_is_told_when_it_moves(now: str, before: str, told: bool) -> None:
    found = moved_far(hour(now), hour(before), hour("1"), set())
    assert [(of.known, of.now, of.where, of.accepted) for of in found] == (
        [(Decimal(1), Decimal(now), "in the snapshot", False)] if told else []
    )


def test_what_the_snapshot_lacks_is_compared_with_the_one_before() -> None:
    assert moved_far(hour("4"), hour("1"), None, set()) == ()
    assert moved_far(hour("4"), None, None, set()) == ()
    with pytest.raises(ImplausiblePrice):
        moved_far(hour("6"), hour("1"), None, set())


def test_many_are_named_together_but_not_endlessly() -> None:
    first, *others = [ImplausiblePrice(f"price {number}", "moved") for number in range(12)]
    text = str(first.together_with(others))
    assert text.startswith("price 0: moved; so it is with 11 more. ")
    assert [word for word in shlex.split(text.partition("refresh ")[2]) if word.startswith("price")] == [
        f"price {number}" for number in range(10)
    ]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    with small_aws(monkeypatch, tmp_path) as cloud:
        yield cloud


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache")


def refresh(shelf: Shelf, *accepted: str, source: Source = Source.API) -> Refreshed:
    quick = PublicIndex(Patience(tries_without_progress=2, first_wait_s=0.0))
    refreshing = Refresh(shelf, NEEDS, source, NOW, lambda *_: None, frozenset(accepted), quick)
    return refreshing.run((), ["awskms"])


def charge_for_keys(cloud: Cloud, factor: str) -> None:
    """A key costs so many times what it costs today; everything else stays."""
    (key,) = Truth(tuple(of for of in KEYS if of.query == KEY), ()).times(Decimal(factor)).stated
    cloud.charge(Truth(tuple(key if of.query == KEY else of for of in TODAY.stated), TODAY.allowances))


@pytest.mark.parametrize("source", [Source.API, Source.BULK])
def test_steps_that_add_up_are_told_and_then_refused_until_accepted(
    cloud: Cloud, shelf: Shelf, source: Source
) -> None:
    charge_for_keys(cloud, "1.9")
    assert refresh(shelf, source=source).moved == ()
    charge_for_keys(cloud, "3.6")
    (told,) = refresh(shelf, source=source).moved
    assert (told.name, told.known, told.now, told.accepted) == (str(KEY), 1, Decimal("3.6"), False)
    charge_for_keys(cloud, "6.8")
    with pytest.raises(ImplausiblePrice, match=r"6\.8 per Keys from 0 on, 1 in the snapshot: more than 5"):
        refresh(shelf, source=source)
    assert shelf.open().price(KEY).tiers[0].list_unit_price == Decimal("3.6")
    (told,) = refresh(shelf, str(KEY), source=source).moved
    assert (told.now, told.accepted) == (Decimal("6.8"), True)
    assert shelf.open().price(KEY).tiers[0].list_unit_price == Decimal("6.8")
    assert refresh(shelf, source=source).moved == ()  # it is the price before, by now


def test_the_refusal_names_every_price_and_the_command_that_accepts_them(cloud: Cloud, shelf: Shelf) -> None:
    cloud.charge(TODAY.times(Decimal(8)))
    with pytest.raises(ImplausiblePrice) as refused:
        refresh(shelf)
    words = shlex.split(str(refused.value).partition("accept it: ")[2])
    assert words[:3] == ["costmodel", "prices", "refresh"]
    context = get_command(app).commands["prices"].commands["refresh"].make_context("refresh", words[3:])  # type: ignore[attr-defined]
    names = context.params["accept_moved"]
    assert sorted(names) == sorted(str(of.query) for of in KEYS)
    assert len(refresh(shelf, *names).moved) == len(KEYS)


def test_a_rate_far_from_its_on_demand_price_can_be_accepted_too(cloud: Cloud, shelf: Shelf) -> None:
    lambdas = TODAY.of("AWSLambda").stated
    first, *others = plan_rates(lambdas)
    cloud.sell([(*first[:3], first[3] * 10, first[4]), *others])
    quick = PublicIndex(Patience(tries_without_progress=2, first_wait_s=0.0))

    def run(*accepted: str) -> Refreshed:
        refreshing = Refresh(shelf, NEEDS, Source.API, NOW, lambda *_: None, frozenset(accepted), quick)
        return refreshing.run((), ["AWSLambda"])

    (failure,) = run().failures
    name = shlex.split(str(failure.error).partition("--accept-moved ")[2])[0]
    outcome = run(name)
    assert outcome.failures == ()
    assert [(of.name, of.where, of.accepted) for of in outcome.moved] == [(name, "on demand", True)]
