from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel.decision.run import FORMAT, Run, encode, read_run
from costmodel.decision.simulate import simulate
from costmodel.errors import RunFileError
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(load(find("small-shop")), PriceBook.shipped())


def test_a_run_reads_back_as_it_was(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(encode(run))
    assert read_run(path) == run
    assert encode(read_run(path)) == encode(run)


def test_the_parts_of_a_run_agree(run: Run) -> None:
    billed = sum((charge.billed_cost for charge in run.charges), Decimal(0))
    assert billed == run.monthly_usd * len(run.months)
    by_day = sum(sum(series) for series in run.daily_cost_usd.values())
    assert by_day == pytest.approx(float(billed))
    assert all(len(series) == run.days for series in run.daily_cost_usd.values())
    assert all(charge.list_cost == charge.list_unit_price * charge.pricing_quantity for charge in run.charges)
    assert run.counts.considered == run.counts.rejected + run.counts.pruned + run.counts.priced
    assert run.counts.considered >= 200
    assert run.front[0].compared_monthly_usd == round(run.monthly_usd, 2)
    assert run.front[0].api_p99_ms == run.chosen.api_p99_ms, "of equal cents the first on the front is run"
    assert [member.compared_monthly_usd for member in run.front] == sorted(
        member.compared_monthly_usd for member in run.front
    )
    assert [requirement.name for requirement in run.requirements] == [
        "availability",
        "scalability",
        "performance",
        "security",
        "cost",
    ]
    assert all(requirement.met for requirement in run.requirements)
    assert [option.monthly_usd for option in run.alternatives] == sorted(
        option.monthly_usd for option in run.alternatives
    )
    assert all(option.monthly_usd >= run.monthly_usd for option in run.alternatives)
    recommended = [row for row in run.comparisons if row.why == "recommended"]
    assert [row.role for row in recommended] == ["compute", "database", "delivery"]
    assert all(row.effective_monthly_usd == run.monthly_usd for row in recommended)
    assert all(row.why for row in run.comparisons)


def test_every_dollar_says_where_it_comes_from(run: Run) -> None:
    for charge in run.charges:
        assert charge.x_price_source
        assert len(charge.x_price_as_of) == len("2026-01-01")
        assert charge.x_formula
        assert charge.sku_price_id


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="cannot be read"):
        read_run(tmp_path / "none.json")


def test_another_format_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(encode(run).replace(FORMAT.encode(), b"costmodel-run/1"))
    with pytest.raises(RunFileError, match="written by this version"):
        read_run(path)


def test_a_wrong_type_names_its_place(run: Run, tmp_path: Path) -> None:
    tree = json.loads(encode(run))
    tree["charges"][0]["billed_cost"] = "a lot"
    path = tmp_path / "run.json"
    path.write_text(json.dumps(tree))
    with pytest.raises(RunFileError, match=r"\$\.charges\[0\]|\$\.charges\[\.\.\.\]"):
        read_run(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 10_000), length=st.integers(1, 200), filler=st.binary(max_size=20))
def test_a_damaged_run_is_a_run_or_one_clear_error(
    run: Run, tmp_path: Path, start: int, length: int, filler: bytes
) -> None:
    content = encode(run)
    path = tmp_path / "run.json"
    path.write_bytes(content[:start] + filler + content[start + length :])
    message = ""
    try:
        read_run(path)
    except RunFileError as error:
        message = str(error)
    assert not message or "costmodel simulate" in message


def test_no_number_of_a_run_is_lost_in_json(run: Run) -> None:
    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        if isinstance(value, list):
            return [leaf for item in value for leaf in leaves(item)]
        return [value]

    tree = msgspec.json.decode(encode(run))
    empty = [leaf for key, part in tree.items() if key != "scenario" for leaf in leaves(part) if leaf is None]
    missing_kinds = sum(row["effective_monthly_usd"] is None for row in tree["comparisons"])
    no_budget = tree["cost_range"]["budget_breach_ratio"] is None
    at_list = tree["own_rates"] is None
    one_region = tree["recovery"] is None
    out_of_the_race = sum(note["regret_usd"] is None for note in tree["finalists"])
    no_plan = tree["plan"] is None
    in_dollars = sum(note["count"] is None for note in tree["commitments"])
    expected = missing_kinds + no_budget + at_list + one_region + out_of_the_race + no_plan + in_dollars
    assert len(empty) == expected
