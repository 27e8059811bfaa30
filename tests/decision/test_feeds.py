"""Which inputs feed a line: what is known of the formula shows in the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from costmodel.decision.explain import find_line, lines
from costmodel.decision.feeds import Feed, feeds
from costmodel.decision.run import Run
from costmodel.decision.simulate import simulate
from costmodel.errors import RunOutdated, ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(load(find("small-shop")), PriceBook.shipped())


def by_path(found: tuple[Feed, ...]) -> dict[str, Feed]:
    return {feed.path: feed for feed in found}


def test_calls_are_fed_by_all_that_multiplies_to_them(run: Run) -> None:
    fed = by_path(feeds(run, find_line(run, "lambda api requests")))
    for path in ("traffic.sessions_per_visitor", "traffic.page_views_per_session", "api.calls_per_page_view"):
        feed = fed[path]
        assert feed.moved == pytest.approx(feed.value * 1.1)
        assert feed.change_ratio == pytest.approx(0.1, abs=0.01)
    assert fed["traffic.monthly_visitors.europe"].change_ratio == pytest.approx(0.1, abs=0.01)
    assert not any(path.startswith(("database.", "content.", "monitoring.")) for path in fed)


def test_a_count_moves_by_one(run: Run) -> None:
    """One customer-managed key makes two."""
    (feed,) = feeds(run, find_line(run, "customer-managed keys"))
    assert (feed.path, feed.value, feed.moved) == ("security.kms_keys", 1, 2)
    assert feed.change_ratio == pytest.approx(1.0)


def test_the_strongest_comes_first(run: Run) -> None:
    fed = feeds(run, find_line(run, "point-in-time"))
    assert fed[0].path == "database.stored_gb"
    sizes = [abs(feed.change_ratio) for feed in fed]
    assert sizes == sorted(sizes, reverse=True)


def test_a_run_that_no_longer_comes_out_is_refused(run: Run) -> None:
    line = lines(run)[0]
    charge = line.charges[0]
    more = replace(charge, consumed_quantity=charge.consumed_quantity * 2)
    with pytest.raises(RunOutdated, match="metered again"):
        feeds(run, replace(line, charges=(more,)))
    unknown = tuple(replace(note, label="a design of old") for note in run.designs)
    with pytest.raises(RunOutdated, match="a design of old"):
        feeds(replace(run, designs=unknown), line)
    with pytest.raises(ScenarioError):
        feeds(replace(run, scenario=run.scenario | {"region": "mars-1"}), line)
