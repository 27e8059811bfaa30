"""Tiers of another shape: bounds that moved, tiers that are gone or new, steps that turned round."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws.books import price
from aws.cloud import NEEDS, REGION, TODAY, Cloud, Truth, small_aws
from costmodel.errors import ImplausiblePrice
from costmodel.pricing.book import PriceBook
from costmodel.pricing.download import Patience
from costmodel.pricing.ladder_shape import changes_of_shape
from costmodel.pricing.origin import Source
from costmodel.pricing.plausible import moved_far
from costmodel.pricing.price import Price, PriceQuery, PriceTier
from costmodel.pricing.price_files import PublicIndex
from costmodel.pricing.refresh import Refresh, Refreshed
from costmodel.pricing.shelf import Shelf

Steps = tuple[tuple[str, str], ...]
"""Begin and unit price."""
FALLING: Steps = (("0", "0.023"), ("51200", "0.022"), ("512000", "0.021"))
RISING: Steps = (("0", "0.1"), ("100", "0.2"))


def laddered(steps: Steps, like: Price | None = None) -> Price:
    ends = [Decimal(begin) for begin, _ in steps[1:]]
    tiers = tuple(
        PriceTier(Decimal(begin), end, Decimal(usd))
        for (begin, usd), end in zip(steps, [*ends, None], strict=True)
    )
    return replace(like or price("AmazonS3", "TimedStorage-ByteHrs", "1", unit="GB-Mo"), tiers=tiers)


@pytest.mark.parametrize(
    ("now", "known", "changes"),
    [
        (FALLING, FALLING, []),
        ((("0", "0.03"), ("51200", "0.02"), ("512000", "0.01")), FALLING, []),
        ((("0", "0.02"), ("51200", "0.02"), ("512000", "0.02")), FALLING, []),  # one price for all of it
        (
            (("0", "0.023"), ("51.2", "0.022"), ("512", "0.021")),
            FALLING,
            ["its tiers begin at 0, 51.2, 512, before at 0, 51200, 512000"],
        ),
        (FALLING[:2], FALLING, ["its tiers begin at 0, 51200, before at 0, 51200, 512000"]),
        (
            (*FALLING, ("5120000", "0.02")),
            FALLING,
            ["its tiers begin at 0, 51200, 512000, 5120000, before at 0, 51200, 512000"],
        ),
        (
            (("0", "0.023"), ("51200", "0.024"), ("512000", "0.021")),
            FALLING,
            ["it rises above 51200, from 0.023 to 0.024; before it did not, from 0.023 to 0.022"],
        ),
        (RISING, RISING, []),
        ((("0", "0.1"), ("100", "0.3")), RISING, []),
        ((("0", "0.1"), ("100", "0.1")), RISING, []),
        (
            (("0", "0.2"), ("100", "0.1")),
            RISING,
            ["it falls above 100, from 0.2 to 0.1; before it rose, from 0.1 to 0.2"],
        ),
    ],
)
def test_what_sets_a_shape_apart(now: Steps, known: Steps, changes: list[str]) -> None:
    assert list(changes_of_shape(laddered(now), laddered(known), "before")) == changes


LADDERS = [of for of in PriceBook.shipped().prices() if len(of.tiers) > 1]


def steps_of(ladder: Price) -> list[tuple[str, str]]:
    return [(f"{tier.begin:f}", f"{tier.list_unit_price:f}") for tier in ladder.tiers]


@given(
    ladder=st.sampled_from(LADDERS),
    factor=st.sampled_from(["0.001", "0.0009765625", "1000", "1024", "0.5", "2"]),
    data=st.data(),
)
def test_no_fault_of_a_bound_passes(ladder: Price, factor: str, data: st.DataObject) -> None:
    """All bounds in another unit, one bound elsewhere, a tier lost, a tier split, prices in the wrong order."""
    steps = steps_of(ladder)
    place = data.draw(st.integers(1, len(steps) - 1), "place")
    begin, usd = Decimal(steps[place][0]), steps[place][1]
    faults: dict[str, Callable[[], list[tuple[str, str]]]] = {
        "scaled": lambda: [(f"{Decimal(at) * Decimal(factor):f}", of) for at, of in steps],
        "one": lambda: [*steps[:place], (f"{begin - begin / 7:f}", usd), *steps[place + 1 :]],
        "lost": lambda: [*steps[:place], *steps[place + 1 :]],
        "split": lambda: [*steps, (f"{Decimal(steps[-1][0]) * 2:f}", steps[-1][1])],
        "turned": lambda: [(at, of) for (at, _), (_, of) in zip(steps, reversed(steps), strict=True)],
    }
    fault = faults[data.draw(st.sampled_from(sorted(faults)), "fault")]
    found = laddered(tuple(fault()), ladder)
    with pytest.raises(ImplausiblePrice, match="--accept-moved"):
        moved_far(found, ladder, ladder, frozenset())
    with pytest.raises(ImplausiblePrice, match="--accept-moved"):
        moved_far(found, None, ladder, frozenset())
    taken = moved_far(found, ladder, ladder, {str(ladder.query)})
    assert any(of.accepted and of.change for of in taken)


@given(ladder=st.sampled_from(LADDERS), percent=st.integers(51, 199))
def test_an_ordinary_change_of_a_whole_ladder_passes(ladder: Price, percent: int) -> None:
    moved = tuple((at, f"{Decimal(of) * percent / 100:f}") for at, of in steps_of(ladder))
    assert moved_far(laddered(moved, ladder), ladder, ladder, frozenset()) == ()


def test_a_shape_that_was_accepted_is_the_one_to_keep() -> None:
    """The snapshot's is asked about only where there is none before."""
    other = laddered(FALLING[:2])
    assert moved_far(other, other, laddered(FALLING), frozenset()) == ()
    dearer = laddered((("0", "0.024"), ("51200", "0.022")))
    assert moved_far(dearer, other, laddered(FALLING), frozenset()) == ()
    with pytest.raises(ImplausiblePrice, match="begin at 0, 51200, in the snapshot at 0, 51200, 512000"):
        moved_far(other, None, laddered(FALLING), frozenset())


def test_a_price_that_moved_too_far_as_well_is_told_with_its_tiers() -> None:
    known, name = laddered(FALLING), "AmazonS3 us-east-1 TimedStorage-ByteHrs"
    found = laddered((("0", "0.23"), ("51.2", "0.22")))
    with pytest.raises(
        ImplausiblePrice,
        match=r"0\.23 per GB-Mo from 0 on, 0\.023 before: more than 5 times apart; "
        r"its tiers begin at 0, 51\.2, before",
    ):
        moved_far(found, known, known, frozenset())
    assert [(of.change != "", of.where) for of in moved_far(found, known, known, {name})] == [
        (True, "before"),
        (False, "before"),
    ]


NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
STORAGE = PriceQuery("AmazonS3", REGION, "TimedStorage-ByteHrs")
TODAYS = next(of for of in TODAY.stated if of.query == STORAGE)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    with small_aws(monkeypatch, tmp_path) as cloud:
        yield cloud


def charge(cloud: Cloud, steps: Steps) -> None:
    """Storage costs this from now on; everything else stays."""
    found = laddered(steps, TODAYS)
    cloud.charge(Truth(tuple(found if of == TODAYS else of for of in TODAY.stated), TODAY.allowances))


def refresh(shelf: Shelf, source: Source, *accepted: str) -> Refreshed:
    quick = PublicIndex(Patience(tries_without_progress=2, first_wait_s=0.0))
    refreshing = Refresh(shelf, NEEDS, source, NOW, lambda *_: None, frozenset(accepted), quick)
    return refreshing.run((), ["AmazonS3"])


@pytest.mark.parametrize("source", [Source.API, Source.BULK])
@pytest.mark.parametrize(
    "steps",
    [
        (("0", "0.023"), ("51.2", "0.022"), ("512", "0.021")),
        (("0", "0.023"), ("52428800", "0.022"), ("524288000", "0.021")),
        FALLING[:1],
        (("0", "0.021"), ("51200", "0.022"), ("512000", "0.023")),
        (*FALLING, ("5120000", "0.0205")),
    ],
)
def test_a_refresh_refuses_another_shape_until_it_is_accepted(
    cloud: Cloud, tmp_path: Path, source: Source, steps: Steps
) -> None:
    shelf = Shelf(tmp_path / "cache")
    charge(cloud, steps)
    with pytest.raises(
        ImplausiblePrice, match=rf"^{STORAGE}: (its tiers begin at|it rises above)"
    ) as refused:
        refresh(shelf, source)
    assert shelf.choice().copy.name == "snapshot"
    name = shlex.split(str(refused.value).partition("--accept-moved ")[2])[0]
    outcome = refresh(shelf, source, name)
    (told,) = outcome.moved
    assert (told.name, told.accepted, told.where) == (f"{STORAGE}", True, "before")
    assert told.change in str(refused.value)
    assert steps_of(outcome.book.price(STORAGE)) == list(steps)
    assert refresh(shelf, source).moved == ()  # it is the shape before, by now
