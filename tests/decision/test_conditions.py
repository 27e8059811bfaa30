"""Conditions of Terraform attributes, as far as they can be read without Terraform."""

from __future__ import annotations

import pytest

from costmodel.decision.conditions import TYPES, Value, fits, may_hold
from costmodel.decision.run import Run
from costmodel.decision.simulate import simulate
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load
from costmodel.services._base import TerraformAttribute, also, between, matching, one_of

OTHERS: dict[str, Value] = {"var.web.min_size": 3, "var.region": "eu-west-1", "var.table.mode": "ON"}


def holds(attribute: TerraformAttribute, value: Value) -> bool:
    return may_hold(attribute.condition, value, OTHERS)


@pytest.mark.parametrize(
    ("attribute", "valid", "refused"),
    [
        (between("n", 5, 1, 10), (1, 10, 4.0), (0, 11, 4.5, -1)),
        (between("n", 5, 0.1, 0.9, step=0), (0.1, 0.55), (0, 1)),
        (between("n", 1, 0, 256, step=0.5), (0, 0.5, 256), (0.25, 256.5)),
        (between("n", 5, 1, 10, at_least="var.web.min_size"), (3, 10), (2, 11)),
        (between("n", 5, 1, 10, at_most="var.web.min_size"), (1, 3), (4,)),
        (between("n", 5, 1, 10, at_least="var.gone.min_size"), (1, 10), (11,)),
        (one_of("n", 30, (10, 30)), (10, 30.0), (20,)),
        (one_of("s", "a", ("a, b", "a")), ("a", "a, b"), ("b", "")),
        (also(between("n", 5, -1, 10), "{value} != 0", "not be 0"), (-1, 1), (0, 11)),
        (also(one_of("s", "x", ("x", "eu-west-1")), "{value} != var.region", "differ"), ("x",), ("eu-west-1",)),
        # What holds if one of several parts does is left to Terraform, and so is what it alone understands.
        (also(one_of("s", "a", ("a", "b")), '{value} == "a" || var.table.mode == "OFF"', "be"), ("a", "b"), ("c",)),
        (also(TerraformAttribute("b", "bool", True), '{value} == false || var.table.mode == "OFF"', "be"), (True,), ()),
        (matching("s", "a", "^[a-z]$", "must be a letter"), ("a", "A"), ()),
        (TerraformAttribute("s", "string", ""), ("", "x"), ()),
    ],
)  # fmt: skip
def test_values_within_a_condition_hold_and_others_are_refused(
    attribute: TerraformAttribute, valid: tuple[Value, ...], refused: tuple[Value, ...]
) -> None:
    assert [value for value in valid if not holds(attribute, value)] == []
    assert [value for value in refused if holds(attribute, value)] == []


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 5_000,
        "contains([x], {value})",
        "contains([01, 1.2.3], {value})",
        'contains(["\\", {value})',
        "floor({value} / 0) == {value} / 0",
        "{value} >= 1.2.3",
        "{value} >= var.",
        '{value} >= "a"',
        "",
        " && ",
        "&& ||",
    ],
)
def test_a_condition_that_nobody_understands_refuses_nothing(condition: str) -> None:
    for value in (1, 0.5, 10**300, "a", True, ("a",)):
        assert may_hold(condition, value, OTHERS)


def test_types_are_told_apart() -> None:
    values: dict[str, Value] = {"string": "1", "number": 1, "bool": True, "list(string)": ("1",)}
    for kind in TYPES:
        assert [other for other, value in values.items() if fits(kind, value)] == [kind]
    assert fits("number", 1.5)


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(load(find("small-shop")), PriceBook.shipped())


def test_what_we_write_holds_and_most_of_it_can_be_checked(run: Run) -> None:
    """A number out of every range, and a word that no list has."""
    attributes = [attribute for variable in run.terraform for attribute in variable.attributes]
    limited = [known for known in attributes if known.condition and known.type in ("number", "string")]
    assert len(limited) > 20
    for attribute in attributes:
        assert fits(attribute.type, attribute.value)
    for attribute in limited:
        wrong: Value = -7.25 if attribute.type == "number" else "nonsense"
        assert not may_hold(attribute.condition, wrong, {})
