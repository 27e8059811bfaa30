"""Why an option lost: the part named is the one whose cost grows most, found here by other means."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from costmodel.billing.charge import dollars
from costmodel.decision.plans import Portfolio
from costmodel.decision.reasons import Reasons, dearer, why_none
from costmodel.decision.search import Evaluation, SearchResult, search
from costmodel.decision.trials import Finalist
from costmodel.decision.uncertainty import doubt
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load

SCENARIO = load(find("small-shop"))
BOOK = PriceBook.shipped()


@pytest.fixture(scope="module")
def result() -> SearchResult:
    return search(SCENARIO, synthesise(SCENARIO), BOOK)


def reasons_for(result: SearchResult, best: Evaluation) -> Reasons:
    finalists = [Finalist.of(one) for one in (result.best, *result.rivals[:2])]
    return Reasons(SCENARIO, best, doubt(SCENARIO, finalists, BOOK, draws=4))


def by_role(evaluation: Evaluation) -> dict[str, Decimal]:
    costs: dict[str, Decimal] = {}
    for design in (*(tier.design for tier in evaluation.candidate.tiers), *evaluation.platform):
        name = design.role.value.replace("_", " ")
        cost = evaluation.bill.by("resource_name").get(design.resource_name, Decimal(0))
        costs[name] = costs.get(name, Decimal(0)) + cost
    return costs


def test_the_part_named_is_the_one_that_grows_most(result: SearchResult) -> None:
    here, reasons = by_role(result.best), reasons_for(result, result.best)
    for rival in result.rivals:
        there = by_role(rival)
        told = reasons.why_not(rival)
        assert told.startswith(dearer(rival, result.best))
        words = re.search(r", above all for ([a-z ]+): (\$[\d,.]+) ", told)
        assert words
        name, cost = words.groups()
        assert name == max(there, key=lambda role: there[role] - here[role])
        assert cost == dollars(there[name])
        assert dollars(here[name]) in told or "instead of nothing" in told


def test_where_more_of_a_plans_saving_is_lost_it_is_named_instead_of_a_part(result: SearchResult) -> None:
    """A rival without the plans of the best: they are what it is dearer for once they save more than any part grows."""
    rival = result.rivals[0]
    grows_usd = max(by_role(rival)[role] - cost for role, cost in by_role(result.best).items())
    for saves_usd, named in ((grows_usd + 1, True), (grows_usd - Decimal("0.01"), False)):
        best = replace(result.best, portfolio=Portfolio((), saves_usd, {}))
        told = reasons_for(result, best).why_not(rival)
        lost = f", above all for plans: they save $0.00 instead of {dollars(saves_usd)}"
        assert told.startswith(dearer(rival, best))
        assert told.endswith(lost) is named
    alike = replace(rival, portfolio=Portfolio((), saves_usd, {}))
    assert "plans" not in reasons_for(result, best).why_not(alike)


def test_an_option_that_costs_the_same_names_no_part(result: SearchResult) -> None:
    told = reasons_for(result, result.best).why_not(result.best)
    assert told == "costs $0.00 (0%) a month more"


def test_of_a_cheaper_option_it_is_said_what_speaks_against_it(result: SearchResult) -> None:
    reasons = reasons_for(result, result.rivals[1])
    less = dollars(result.rivals[1].monthly_usd - result.best.monthly_usd)
    told = reasons.why_not(result.best)
    assert told.startswith(f"costs {less} a month less under the middle inputs, but ")
    note, chosen = (reasons.doubt.note_of(Finalist.of(one)) for one in (result.best, result.rivals[1]))
    assert note
    assert chosen
    if note.holds_ratio < chosen.holds_ratio:
        assert told.endswith(f"holds in {note.holds_ratio:.0%} of the draws, not in {chosen.holds_ratio:.0%}")
        few = replace(
            reasons.doubt, finalists=tuple(replace(one, regret_usd=None) for one in reasons.doubt.finalists)
        )
        told = replace(reasons, doubt=few).in_short(result.best)
        assert told.endswith(
            f"holds in {round(note.holds_ratio * 4)} of 4 draws, not in {chosen.holds_ratio:.0%}"
        )
    else:
        assert told.endswith(f"against {dollars(chosen.mean_usd)} and {dollars(chosen.p90_usd)}")


def test_the_nearest_miss_says_why_a_kind_has_nothing(result: SearchResult) -> None:
    about = [rejection for rejection in result.rejections if "rds" in rejection.kinds]
    nearest = min(about, key=lambda rejection: rejection.excess)
    told = why_none(("rds",), result.rejections)
    assert told.startswith(f"{nearest.subject}: {nearest.limit.constraint} is ")
    assert "allowed" in told
    assert (
        why_none(("mainframe",), result.rejections)
        == "no design of this kind fits the load and the constraints"
    )
