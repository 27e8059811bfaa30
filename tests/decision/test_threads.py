"""The answer does not depend on how many designs are simulated side by side."""

import pytest

from costmodel.decision import search, uncertainty
from costmodel.decision.run import encode
from costmodel.decision.simulate import simulate
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load


def answer() -> bytes:
    return encode(simulate(load(find("small-shop")), PriceBook.shipped()))


def test_any_number_of_threads_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for threads in (1, 2, 5):
        monkeypatch.setattr(search, "THREADS", threads)
        monkeypatch.setattr(uncertainty, "THREADS", threads)
        found.add(answer())
    assert len(found) == 1
