"""The decision in the report says what the run holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from costmodel.billing.charge import dollars
from costmodel.decision.run import Run
from costmodel.decision.simulate import simulate
from costmodel.export.charts import LARGEST_SERVICES, OTHER_KINDS
from costmodel.export.decision_sections import best_of_each_kind, decision_sections
from costmodel.export.sections import Section
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load

SHOWN = ["Cost against latency", "How sure the figures are", "If you committed"]


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(load(find("steady-furniture-shop")), PriceBook.shipped())


@pytest.fixture(scope="module")
def sections(run: Run) -> dict[str, Section]:
    return {section.title: section for section in decision_sections(run)}


def test_each_section_has_its_chart_in_two_widths(sections: dict[str, Section]) -> None:
    assert list(sections) == SHOWN
    for section in sections.values():
        assert section.chart is not None
        assert section.chart.wide.startswith("<svg")
        assert section.chart.narrow.startswith("<svg")
        assert section.chart.wide != section.chart.narrow


def test_the_same_run_is_drawn_in_the_same_bytes(run: Run, sections: dict[str, Section]) -> None:
    assert {section.title: section for section in decision_sections(run)} == sections


def test_the_front_is_listed_whole_and_coloured_by_kinds(run: Run, sections: dict[str, Section]) -> None:
    front = sections["Cost against latency"]
    assert [row[4] for row in front.tables[0].rows] == [
        dollars(member.compared_monthly_usd) for member in run.front
    ]
    assert front.chart is not None
    names = [name for _, name in front.chart.legend]
    assert len({member.kinds[:2] for member in run.front}) > LARGEST_SERVICES, "some share a colour here"
    assert len(names) == LARGEST_SERVICES
    assert names[-1] == OTHER_KINDS


def test_what_stands_in_a_second_region_has_a_column_where_anything_does(run: Run) -> None:
    first, second, *_ = run.front
    apart = replace(run, front=(first, replace(second, strategy="active_active")))
    (front, *_) = decision_sections(apart)
    assert [row[4] for row in front.tables[0].rows] == ["none", "active-active"]


def test_the_draws_are_told_the_choice_first(run: Run, sections: dict[str, Section]) -> None:
    told = sections["How sure the figures are"]
    known, (tried, drivers) = run.cost_range, told.tables
    assert all(
        dollars(usd) in told.text[0] for usd in (known.mean_usd, known.p10_usd, known.p90_usd, known.cvar_usd)
    )
    chosen = next(note for note in run.finalists if note.chosen)
    assert tried.rows[0][5] == dollars(chosen.mean_usd)
    assert len(tried.rows) == len(run.finalists)
    assert [row[0] for row in drivers.rows] == [driver.path for driver in run.drivers]


def test_few_draws_are_counted_where_a_finalist_was_tried_no_further(run: Run) -> None:
    chosen = next(note for note in run.finalists if note.chosen)
    few = replace(chosen, draws=4, regret_usd=None, best_ratio=0.0, holds_ratio=0.25, chosen=False)
    told = {section.title: section for section in decision_sections(replace(run, finalists=(chosen, few)))}
    tried = told["How sure the figures are"].tables[0].rows
    assert [(row[4], row[8], row[10]) for row in tried] == [
        (f"{chosen.draws}", f"{chosen.best_ratio:.0%}", f"{chosen.holds_ratio:.0%}"),
        ("4", "0 of 4", "1 of 4"),
    ]


def test_a_choice_that_does_not_always_hold_says_what_it_misses(run: Run) -> None:
    shaky = replace(run, cost_range=replace(run.cost_range, holds_ratio=0.75, breaks={"API latency": 0.25}))
    told = {section.title: section for section in decision_sections(shaky)}["How sure the figures are"]
    assert "in 75% of them; missed first: API latency in 25%" in told.text[1]


def test_the_dot_of_each_curve_is_its_lowest_point(run: Run, sections: dict[str, Section]) -> None:
    best = best_of_each_kind(run.commitments)
    assert len(sections["If you committed"].tables[0].rows) == len(best) >= 2
    assert len({note.kind for note in best}) == len(best)
    for note in best:
        assert note.best.monthly_usd <= min(point.monthly_usd for point in note.curve) + 1e-9
        assert note.best in note.curve
        assert note.saves_usd == max(known.saves_usd for known in run.commitments if known.kind == note.kind)


def test_a_run_without_front_or_commitments_has_no_empty_sections(run: Run) -> None:
    bare = replace(run, front=(), commitments=())
    assert [section.title for section in decision_sections(bare)] == [SHOWN[1]]
