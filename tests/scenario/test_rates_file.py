"""The rates file's door: exact rates over whole months in, every fault out."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import RatesFileError
from costmodel.scenario.rates_file import RatesFile, load_rates_file, parse_rates_file

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "rates.yaml"


def parse(text: str) -> RatesFile:
    return parse_rates_file(text, "rates.yaml")


def faults(text: str) -> dict[str, str]:
    with pytest.raises(RatesFileError) as caught:
        parse(text)
    assert "docs/examples/rates.yaml" in str(caught.value).splitlines()[-1]
    assert all(fault.line for fault in caught.value.faults)
    return {fault.path: fault.problem for fault in caught.value.faults}


def rates(*discounts: str) -> str:
    return "name: Agreement\ndiscounts:\n" + "".join(f"  - {{{discount}}}\n" for discount in discounts)


def fault(discount: str) -> tuple[str, str]:
    (found,) = faults(rates(discount)).items()
    return found


def test_the_example_is_read_whole_and_exactly() -> None:
    file, digest = load_rates_file(EXAMPLE)
    assert digest == hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
    assert file.name == "Example agreement 2026"
    assert [rate.percent for rate in file.discounts[:3]] == [5, 12, Decimal("7.5")]
    assert (file.discounts[1].first_day, file.discounts[1].last_day) == (date(2026, 1, 1), date(2026, 12, 31))
    assert file.discounts[-1].steps() == ((0, Decimal("0.06")), (5120, Decimal("0.045")))
    assert file.currency is not None
    assert (file.currency.code, file.currency.per_usd) == ("EUR", Decimal("0.92"))
    assert (file.currency.day, file.currency.source) == (date(2026, 11, 2), "example rate")


def test_numbers_never_pass_through_a_float() -> None:
    (rate,) = parse(rates("service: S, usage_type: u, unit: GB, price: 0.100000000000001")).discounts
    assert rate.steps() == ((0, Decimal("0.100000000000001")),)


def test_labels_tell_rates_apart() -> None:
    file = parse(
        rates(
            "service: AmazonEC2, percent: 5.50, until: 2026-06-30",
            "service: AmazonEC2, percent: 6, from: 2026-07-01",
            "service: AmazonEC2, family: m7g, region: eu-west-1, percent: 6",
            "service: AmazonEC2, sku: ABC, term: Reserved standard 1yr No Upfront, unit: Hrs, price: 0.01",
        )
    )
    assert [rate.label for rate in file.discounts] == [
        "AmazonEC2: 5.5 % off until 2026-06-30",
        "AmazonEC2: 6 % off from 2026-07-01",
        "AmazonEC2 family m7g eu-west-1: 6 % off",
        "AmazonEC2 sku ABC Reserved standard 1yr No Upfront: own price",
    ]


def test_the_most_exact_scope_is_the_most_specific() -> None:
    scopes = [
        "service: S",
        "service: S, region: r",
        "service: S, family: m7g",
        "service: S, family: m7g, region: r",
        "service: S, usage_type: u",
        "service: S, usage_type: u, region: r",
        "service: S, usage_type: u, attributes: {a: x}",
        "service: S, usage_type: u, attributes: {a: x}, region: r",
        "service: S, usage_type: u, attributes: {a: x, b: y}",
        "service: S, sku: k",
        "service: S, sku: k, region: r",
    ]
    file = parse(rates(*(f"{scope}, percent: 1" for scope in scopes)))
    order = [rate.specificity for rate in file.discounts]
    assert order == sorted(set(order))


@pytest.mark.parametrize(
    ("discount", "path", "problem"),
    [
        ("service: S", "discounts.0.percent", "is missing; give one of percent, price and tiers"),
        ("percent: 5", "discounts.0.service", "is required: Price-list service code, such as `AmazonEC2`"),
        ("service: S, percent: 101", "discounts.0.percent", "must be from 0 to 100"),
        ("service: S, percent: -1", "discounts.0.percent", "must be from 0 to 100"),
        ("service: S, percent: 5%", "discounts.0.percent", "must be a decimal number such as 1200 or 0.25"),
        ("service: S, percent: 0.0000000001", "discounts.0.percent", "must have at most 9 decimals"),
        (
            "service: S, percent: 5, colour: blue",
            "discounts.0.colour",
            "unknown key; valid keys of discounts.0: service, family, usage_type, attributes, sku, region, term, "
            "percent, price, tiers, unit, from, until",
        ),
        (
            "service: S, usage_type: u, percent: 5, price: 1, unit: GB",
            "discounts.0.price",
            "and percent are given together; give one of percent, price and tiers",
        ),
        (
            "service: S, percent: 5, unit: GB",
            "discounts.0.unit",
            "belongs to a price, and a percentage has none; delete it",
        ),
        (
            "service: S, family: m7g, usage_type: u, percent: 5",
            "discounts.0.usage_type",
            "family, usage_type are given together; keep one, the most exact",
        ),
        ("service: S, family: M7G, percent: 5", "discounts.0.family", "must be an instance family in lower case, such as m7g"),
        ("service: S, usage_type: u, price: 1", "discounts.0.unit", "is missing; a price needs one, such as `unit: GB`"),
        (
            "service: S, price: 1, unit: GB",
            "discounts.0.usage_type",
            "is missing, and sku is; a price needs one of them, as what it covers must have one unit",
        ),
        (
            "service: S, usage_type: u, unit: GB, tiers: [{from: 1, price: 1}]",
            "discounts.0.tiers",
            "the first tier must be from 0",
        ),
        ("service: S, usage_type: u, unit: GB, tiers: []", "discounts.0.tiers", "must hold at least one entry"),
        (
            "service: S, percent: 5, from: 2026-11-02",
            "discounts.0.from",
            "must be the first day of a month, such as 2026-11-01: AWS counts tiers over whole months",
        ),
        (
            "service: S, percent: 5, until: 2028-02-28",
            "discounts.0.until",
            "must be the last day of a month, such as 2028-02-29: AWS counts tiers over whole months",
        ),
        ("service: S, percent: 5, from: 2026-02-30", "discounts.0.from", "must be a date such as 2026-11-01"),
        ("service: S, percent: 5, from: november", "discounts.0.from", "must be a date such as 2026-11-01"),
        (
            "service: S, percent: 5, from: 2026-11-01, until: 2026-10-31",
            "discounts.0.until",
            "must not be before the first day, 2026-11-01",
        ),
    ],
)  # fmt: skip
def test_a_rate_that_means_nothing_is_refused(discount: str, path: str, problem: str) -> None:
    assert fault(discount) == (path, problem)


def test_an_unknown_unit_is_refused_with_the_known_ones() -> None:
    path, problem = fault("service: S, usage_type: u, unit: furlongs, price: 1")
    assert path == "discounts.0.unit"
    assert problem.startswith("is not a known unit; known are ACU-Hr, ")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("service: S, percent: 1", "service: S, percent: 2"),
        ("service: S, percent: 1, until: 2026-11-30", "service: S, percent: 1, from: 2026-11-01"),
        ("service: S, usage_type: u, percent: 1", "service: S, usage_type: u, unit: GB, price: 2"),
        ("service: S, sku: k, region: r, percent: 1", "service: S, sku: k, region: r, percent: 1"),
        ("service: S, percent: 1", "service: S, percent: 6, term: OnDemand"),
        ("service: S, term: OnDemand, region: r, percent: 1", "service: S, region: r, percent: 6"),
    ],
)
def test_two_rates_for_one_thing_at_one_time_are_a_fault_that_names_both(first: str, second: str) -> None:
    ((path, problem),) = faults(rates(first, "service: other, percent: 3", second)).items()
    assert path == "discounts.2"
    assert problem.startswith("covers the same as discounts.0 in months that both hold")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("service: S, percent: 1, until: 2026-10-31", "service: S, percent: 2, from: 2026-11-01"),
        ("service: S, percent: 1", "service: S, region: r, percent: 2"),
        ("service: S, percent: 1", "service: S, term: FlatRate, percent: 2"),
        ("service: S, family: m7g, percent: 1", "service: S, family: r7g, percent: 2"),
    ],
)
def test_rates_that_follow_or_narrow_one_another_are_taken(first: str, second: str) -> None:
    assert len(parse(rates(first, second)).discounts) == 2


def test_a_currency_code_is_asked_for_in_so_many_words() -> None:
    found = faults("name: Agreement\ncurrency: {code: usd, per_usd: 1, date: 2026-11-02, source: s}")
    assert found == {"currency.code": "must be three capital letters, such as EUR"}


@pytest.mark.parametrize(
    ("currency", "path"),
    [
        ("code: USD, per_usd: 1, date: 2026-11-02, source: s", "currency.code"),
        ("code: euro, per_usd: 1, date: 2026-11-02, source: s", "currency.code"),
        ("code: EUR, per_usd: 0, date: 2026-11-02, source: s", "currency.per_usd"),
        ("code: EUR, per_usd: .nan, date: 2026-11-02, source: s", "currency.per_usd"),
        ("code: EUR, per_usd: 1, date: yesterday, source: s", "currency.date"),
        ("code: EUR, per_usd: 1, date: 2026-11-02", "currency.source"),
    ],
)
def test_a_currency_states_what_it_is_worth_when_and_by_whom(currency: str, path: str) -> None:
    assert list(faults(f"name: Agreement\ncurrency: {{{currency}}}")) == [path]


def test_all_faults_come_at_once_with_their_lines() -> None:
    with pytest.raises(RatesFileError) as caught:
        parse(
            "nam: x\ndiscounts:\n  - {service: S, percent: 200}\n  - {service: 7, service: T, percent: 1}\n"
        )
    assert [(fault.path, fault.line) for fault in caught.value.faults] == [
        ("discounts.1.service", 4),
        ("name", None),
        ("nam", 1),
        ("discounts.0.percent", 3),
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (1024 * 1024 + 1))
    for path, problem in [
        (tmp_path / "absent.yaml", "no such file"),
        (tmp_path, "is a folder, not a file"),
        (large, "is larger than 1 MiB; no rates file is"),
    ]:
        with pytest.raises(RatesFileError, match=problem):
            load_rates_file(path)


VALID = EXAMPLE.read_text()
snippets = st.one_of(
    st.text(max_size=5),
    st.sampled_from([":", "- ", "{", "]", "\n", "*a", "&a ", "!!int ", "'", "\t", "%YAML 9", "-1", ".inf"]),
)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(VALID)), st.integers(0, 30), snippets)
def test_no_broken_file_raises_anything_else(at: int, dropped: int, put: str) -> None:
    text = VALID[:at] + put + VALID[at + dropped :]
    try:
        found = parse(text)
    except RatesFileError:
        return
    assert found.name
