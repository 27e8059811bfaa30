"""A thousand refreshes, each under one fault: AWS's true prices, or a named error and not a byte changed.

Each refresh is the real one, with unmodified boto3 and real downloads against the small AWS on loopback.
The faults are of some 140 kinds, each drawn several times over the thousand rounds with fixed seeds, at another
place, in another service or with another value; `aws/faults/` says what they are and what may come of them.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from aws.cloud import NEEDS, SERVICES, Cloud, Truth, moved_truth, said, small_aws, stated
from aws.faults.every import KINDS
from aws.faults.scene import Kind, Scene, Unfit
from costmodel.errors import OlderPrices, PriceError, RefreshIncomplete
from costmodel.pricing.book import PriceBook
from costmodel.pricing.download import Patience
from costmodel.pricing.origin import Source
from costmodel.pricing.price import GLOBAL
from costmodel.pricing.price_files import PublicIndex
from costmodel.pricing.refresh import Failure, Refresh, Refreshed
from costmodel.pricing.shelf import Shelf
from costmodel.pricing.snapshot import FREE, PRICE_KINDS, SAVINGS, SPOT, PriceFile
from costmodel.pricing.stated_free import held_statements
from shops.shelves import contents

ROUNDS = {Source.API: 300, Source.BULK: 450, Source.LIST: 250}
"""A thousand faults, most of them where a refresh is quickest."""
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NEXT_STEP = re.compile(
    r"costmodel |Try again|try again|Run the command again|Check |Set |Log in|Ask |Choose |Make room"
)


@dataclass(frozen=True)
class Wire:
    """All that the servers hold at one truth."""

    truth: Truth
    products: Any
    files: Any
    price_lists: Any
    rates: Any
    spot: Any

    @classmethod
    def of(cls, cloud: Cloud, truth: Truth) -> Wire:
        cloud.charge(truth)
        lists, others = cloud.price_lists, cloud.commitments
        return cls(truth, lists.products, lists.files, lists.price_lists, others.rates, others.spot)

    def restore(self, cloud: Cloud) -> None:
        """All of AWS is well again, and charges this."""
        lists, others = cloud.price_lists, cloud.commitments
        lists.products, lists.files, lists.price_lists = self.products, self.files, self.price_lists
        lists.fault, lists.largest_page = lambda _: None, 100
        lists.seen.clear()
        others.rates, others.spot = self.rates, self.spot
        others.faults, others.bodies, others.bare, others.loop = [], {}, False, False
        others.questions.clear()


def refresh(
    folder: Path, source: Source, services: list[str], now: datetime = NOW, timeout_s: float = 60.0
) -> Refreshed:
    quick = PublicIndex(Patience(tries_without_progress=3, first_wait_s=0.0, read_timeout_s=timeout_s))
    with patch("costmodel.pricing.aws_client.READ_TIMEOUT_S", timeout_s):
        return Refresh(Shelf(folder), NEEDS, source, now, lambda *_: None, index=quick).run((), services)


def shelved(cache: Path) -> Mapping[Path, str]:
    """Every file of every book on the shelf."""
    return contents(cache.glob("books-*"))


def subject(file: PriceFile, source: Source) -> str:
    """What a failure calls the question that brings this file."""
    if file.kind == SPOT:
        return f"spot prices {file.region_id}"
    if file.kind == SAVINGS:
        plan = "Savings Plans" if source is Source.API else "AWSComputeSavingsPlan"
        return f"{plan} {file.region_id}"
    return f"{file.service_code} {file.region_id}"


def check_stayed(before: PriceBook, after: PriceBook, path: str) -> None:
    """One file is byte for byte what it was, or is still not there."""
    old, new = ((book.folder / path) for book in (before, after))
    assert old.exists() == new.exists(), path
    assert not old.exists() or old.read_bytes() == new.read_bytes(), path


def check_named(error: PriceError) -> None:
    """The error says what to do next; every one of them does where several are listed."""
    told = str(error).splitlines()
    for line in told[1:] if isinstance(error, RefreshIncomplete) else [" ".join(told)]:
        assert NEXT_STEP.search(line), f"no next step: {line}"


def stated_steps(book: PriceBook, file: PriceFile) -> set[tuple[str, str, str]]:
    """What a book says that AWS stated to be free: allowance, usage type and quantity."""
    held = held_statements(book, file.service_code, file.region_id)
    assert held is not None
    return {(of.allowance_id, of.usage_type, of.quantity) for of in held[1]}


def free_steps(truth: Truth, file: PriceFile) -> set[tuple[str, str, str]]:
    """What AWS states to be free in the list of a service and place: here, first steps at 0."""
    return {
        (of.allowance_id, price.query.usage_type, f"{of.quantity:f}")
        for price in truth.stated
        for of in truth.allowances
        if (price.query.service_code, price.query.region_id) == (file.service_code, file.region_id)
        if of.covers(price.query) and (of.per_region or file.region_id == GLOBAL)
    }


@dataclass
class Drill:
    """One source, a book at hand, and what AWS charges now."""

    cloud: Cloud
    source: Source
    folder: Path
    held: Mapping[bool, Path]
    """Cache folder with a book that was refreshed before, and one without."""
    wires: list[Wire]
    random: Random
    turn: int = 0

    def run(self, kind: Kind) -> str:
        """Refresh under one fault of this kind, and see what came of it: exact, refused or withdrawn."""
        self.turn += 1
        wire = self.random.choice(self.wires)
        cache = self.folder / f"{self.turn}"
        refreshed = kind.refreshed or self.random.random() < 0.5
        shutil.copytree(self.held[refreshed], cache)
        scene, services = self._plant(kind, wire)
        before, base = shelved(cache), Shelf(cache).open()
        error, outcome = None, None
        try:
            outcome = refresh(cache, self.source, services, scene.now, scene.timeout_s)
        except PriceError as raised:
            error = raised
        assert scene.met != 0, "the fault was never met"
        if outcome is None:
            assert error is not None
            result = self._refused(kind, error, cache, before)
        else:
            result = self._checked(kind, outcome, base, cache, before, wire, services)
        if self.turn % 10 == 0:
            self._heal(cache, wire, services, max(scene.now, NOW))
        shutil.rmtree(cache)
        return result

    def _plant(self, kind: Kind, wire: Wire) -> tuple[Scene, list[str]]:
        """Plant the fault in one of the services that it fits; sometimes a second service is refreshed too."""
        candidates = self.random.sample(kind.services, len(kind.services))
        if self.random.random() < 0.7:
            candidates.sort(key=lambda code: code == "AmazonEC2")  # its client is slow to make
        for service_code in candidates:
            wire.restore(self.cloud)
            scene = Scene(self.cloud, self.random, self.source, service_code, wire.truth, NOW)
            try:
                kind.plant(scene)
            except Unfit:
                continue
            others = [code for code in SERVICES if code not in (service_code, "AmazonEC2")]
            return scene, [service_code, *self.random.sample(others, self.random.randint(0, 1))]
        raise AssertionError("the fault fits no service")

    def _refused(self, kind: Kind, error: PriceError, cache: Path, before: Mapping[Path, str]) -> str:
        allowed = (*kind.errors, RefreshIncomplete) if kind.errors else ()
        assert type(error) in allowed, f"{type(error).__name__}: {error}"
        check_named(error)
        assert shelved(cache) == before
        return "refused"

    def _checked(
        self,
        kind: Kind,
        outcome: Refreshed,
        base: PriceBook,
        cache: Path,
        before: Mapping[Path, str],
        wire: Wire,
        services: list[str],
    ) -> str:
        assert before.items() <= shelved(cache).items()  # no book at hand was touched
        book = Shelf(cache).open()
        assert book.digest == outcome.book.digest
        book.verify()
        for failure in outcome.failures:
            assert type(failure.error) in kind.errors, f"{failure.subject}: {failure.error!r}"
            check_named(failure.error)
        gone = {name for change in outcome.files for name in change.gone}
        self._check_files(outcome, base, wire, services, gone)
        if outcome.failures:
            return "refused"
        if gone:
            assert kind.withdrawn, gone
            return "withdrawn"
        assert kind.exact, "the fault went unnoticed"
        return "exact"

    def _check_files(
        self, outcome: Refreshed, base: PriceBook, wire: Wire, services: list[str], gone: set[str]
    ) -> None:
        """Each file says exactly what AWS charges where its question was answered, and else what it said."""
        book, true = outcome.book, stated(wire.truth)
        stayed = _stayed(outcome.failures)
        listed = {change.path for change in outcome.files}
        for file in book.manifest.files:
            if file.kind not in (*PRICE_KINDS, FREE) or file.service_code not in services:
                check_stayed(base, book, file.path)
            elif file.path in stayed or subject(file, self.source) in stayed:
                assert file.path not in listed
                check_stayed(base, book, file.path)
            elif file.kind == SPOT and self.source is Source.BULK:
                check_stayed(base, book, file.path)
            elif file.kind == FREE:
                assert stated_steps(book, file) == free_steps(wire.truth, file)
            else:
                assert file.path in listed
                missing = {query for query in true[file.path] if str(query) in gone}
                expected = {query: price for query, price in true[file.path].items() if query not in missing}
                assert said(book, file) == expected, file.path
        for file in base.manifest.files:
            assert any(found.path == file.path for found in book.manifest.files), file.path

    def _heal(self, cache: Path, wire: Wire, services: list[str], now: datetime) -> None:
        """Whatever the fault left behind, the next refresh gets it right."""
        wire.restore(self.cloud)
        outcome = refresh(cache, self.source, services, now)
        assert not outcome.failures
        true = stated(wire.truth)
        for file in outcome.book.manifest.files:
            if file.path in {change.path for change in outcome.files}:
                assert said(outcome.book, file) == true[file.path], file.path


def _stayed(failures: tuple[Failure, ...]) -> set[str]:
    """Subjects, and paths of files, that a refresh says it left alone."""
    found = {name for failure in failures for name in (failure.subject, *failure.unasked)}
    older = (failure.error for failure in failures if isinstance(failure.error, OlderPrices))
    return found | {path for error in older for path in error.paths}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    monkeypatch.setattr("costmodel.pricing.aws_client.CALL_ATTEMPTS", 3)
    monkeypatch.setattr("os.fsync", lambda _: None)  # no power cuts here
    with small_aws(monkeypatch, tmp_path) as cloud:
        yield cloud


@pytest.mark.parametrize("source", Source)
def test_under_any_fault_prices_are_true_or_stay_as_they_were(
    cloud: Cloud, tmp_path: Path, source: Source
) -> None:
    random = Random(f"refresh from {source}")
    wires = [Wire.of(cloud, moved_truth(Random(seed))) for seed in range(4)]
    held = {True: tmp_path / "refreshed", False: tmp_path / "fresh"}
    held[False].mkdir()
    Wire.of(cloud, moved_truth(Random(100)))
    refresh(held[True], source, list(SERVICES))
    drill = Drill(cloud, source, tmp_path / "rounds", held, wires, random)
    kinds = [kind for kind in KINDS if source in kind.sources]
    seen: Counter[tuple[str, str]] = Counter()
    for turn in range(ROUNDS[source]):
        if turn % len(kinds) == 0:
            random.shuffle(kinds)
        kind = kinds[turn % len(kinds)]
        try:
            seen[kind.name, drill.run(kind)] += 1
        except Exception as error:
            error.add_note(f"round {turn} of {source}: {kind.name}")
            raise
    assert sum(seen.values()) == ROUNDS[source]
    assert {name for name, _ in seen} == {kind.name for kind in kinds}
    outcomes = Counter(outcome for (_, outcome), count in seen.items() for _ in range(count))
    assert outcomes["exact"] > ROUNDS[source] // 10
    assert outcomes["refused"] > ROUNDS[source] // 2


def test_there_are_as_many_kinds_of_fault_as_it_says() -> None:
    assert len({kind.name for kind in KINDS}) >= 140
