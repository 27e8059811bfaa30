"""A saved run explained: every line adds up, damage is seen, and each option has one reason."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel.billing.rates import OwnRates
from costmodel.decision.explain import find_line, lines, losing_kinds, rejected, walk
from costmodel.decision.run import Run
from costmodel.decision.simulate import simulate
from costmodel.errors import AmbiguousLine, CostModelError, LineNotFound, LineUnsound
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load

BOOK = PriceBook.shipped()


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(load(find("small-shop"), {"months": 2}), BOOK)


def test_the_lines_are_the_whole_bill_the_dearest_first(run: Run) -> None:
    known = lines(run)
    assert sum((line.billed_cost for line in known), Decimal(0)) == run.monthly_usd * len(run.months)
    assert sorted(known, key=lambda line: -line.billed_cost) == list(known)
    assert [line.number for line in known] == list(range(1, len(known) + 1))
    assert sorted(map(id, (charge for line in known for charge in line.charges))) == sorted(
        map(id, run.charges)
    )


def test_every_line_is_walked_down_to_its_price(run: Run) -> None:
    for line in lines(run):
        walked = walk(line, BOOK)
        assert walked.price is not None
        assert str(walked.price.query) == line.price_name
        by_hand = sum(
            (step.charge.pricing_quantity * step.charge.contracted_unit_price for step in walked.steps),
            Decimal(0),
        )
        assert by_hand == line.billed_cost
        for step in walked.steps:
            quantity, cost = (
                step.sum_words.replace("$", "").split(" = ")[0].split(" x ")[0],
                step.charge.billed_cost,
            )
            assert Decimal(quantity.split()[0]) == step.charge.pricing_quantity
            assert Decimal(step.sum_words.rpartition("$")[2]) == cost
        assert line.formulas


def test_without_its_price_book_a_line_still_multiplies(run: Run) -> None:
    for line in lines(run):
        assert walk(line, None).price is None


def test_every_line_is_found_by_number_and_by_its_own_words(run: Run) -> None:
    for line in lines(run):
        assert find_line(run, str(line.number)) == line
        assert find_line(run, f"{line} {line.price_name}".upper()) == line


def test_an_ambiguous_text_lists_what_it_matches(run: Run) -> None:
    matching = [line for line in lines(run) if line.resource_name == "database"]
    with pytest.raises(AmbiguousLine, match=f"{len(matching)} lines match 'database'") as told:
        find_line(run, "database")
    assert all(f"{line.number}  {line}" in str(told.value) for line in matching)


def test_an_unknown_text_says_what_there_is(run: Run) -> None:
    known = lines(run)
    for text in ("0", "-99", str(len(known) + 1), "mainframe", "", "   ", "01", "1e1", "٣"):
        with pytest.raises(LineNotFound) as told:
            find_line(run, text)
        assert all(f"{line.number}  {line}" in str(told.value) for line in known)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_finds_a_line_or_says_so(run: Run, text: str) -> None:
    try:
        assert find_line(run, text) in lines(run)
    except CostModelError as error:
        assert "lines" in str(error) or "no line" in str(error)  # noqa: PT017


def test_a_line_that_does_not_multiply_is_refused(run: Run) -> None:
    line = next(line for line in lines(run) if line.billed_cost)
    off = replace(line.charges[0], billed_cost=line.charges[0].billed_cost + Decimal("0.01"))
    with pytest.raises(LineUnsound, match="not"):
        walk(replace(line, charges=(off, *line.charges[1:])), BOOK)


def test_a_list_price_that_is_not_the_books_is_refused(run: Run) -> None:
    line = next(line for line in lines(run) if line.billed_cost)
    paid = next(charge for charge in line.charges if not charge.x_free)
    off = replace(paid, list_unit_price=paid.list_unit_price * 2)
    with pytest.raises(LineUnsound, match="list price"):
        walk(replace(line, charges=(off,)), BOOK)


def test_own_rates_and_their_tiers_are_explained_too(root: Path) -> None:
    rates = OwnRates.of_file(root / "docs" / "examples" / "rates.yaml")
    paid_as_you_go = {"constraints.delivery": ["pay_as_you_go"], "account.free_tier": False}
    own = simulate(load(find("small-shop"), paid_as_you_go), BOOK, own_rates=rates)
    walked = [walk(line, BOOK) for line in lines(own)]
    assert any(step.charge.x_rate_name for of in walked for step in of.steps)


def test_each_losing_kind_has_one_reason_and_a_dearer_one_names_its_part(run: Run) -> None:
    losses = list(losing_kinds(run))
    assert len(losses) == sum(row.why != "recommended" for row in run.comparisons)
    for loss in losses:
        assert loss.reason.count("above all for") == 1
        assert loss.reason.startswith("costs $")
    ec2 = next(loss for loss in losses if loss.option.startswith("ec2"))
    assert "instead of" in ec2.reason


def test_every_rejection_is_told_with_what_it_breaks(run: Run) -> None:
    told = list(rejected(run))
    assert sum(loss.designs for loss in told) == len(run.rejections)
    for loss in told:
        assert ", allowed " in loss.reason
        assert str(loss).endswith(".")
