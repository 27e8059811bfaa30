"""Gates: what is read, what is refused, and that figures are judged exactly."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from costmodel.billing.rates import NO_OWN_RATES
from costmodel.decision.compare import compare
from costmodel.decision.gates import (
    BILL_METRICS,
    COMPARISONS,
    CONTRAST_METRICS,
    RUN_METRICS,
    Gate,
    Metric,
    budget_gate,
    judge,
    parse_gate,
)
from costmodel.decision.run import Run
from costmodel.decision.simulate import simulate
from costmodel.errors import GatesFailed, OptionFault
from costmodel.pricing.book import PriceBook
from shops.quick import quick_shop

BOOK = PriceBook.shipped()
COST: dict[str, Metric[Decimal]] = {"monthly_usd": Metric("cost", lambda cost: cost)}


@pytest.fixture(scope="module")
def run() -> Run:
    return simulate(quick_shop({"months": 2, "constraints.monthly_budget_usd": 5_000}), BOOK)


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        ("p90_monthly_usd > 20000", ("p90_monthly_usd", ">", Decimal(20_000))),
        ("p90_monthly_usd>20_000", ("p90_monthly_usd", ">", Decimal(20_000))),
        ("  error_ratio   >=   0.001 ", ("error_ratio", ">=", Decimal("0.001"))),
        ("holds_ratio<.9", None),
        ("holds_ratio < 0.9", ("holds_ratio", "<", Decimal("0.9"))),
        ("api_p99_ms != 1e3", ("api_p99_ms", "!=", Decimal("1e3"))),
        ("headroom_ratio <= -0.5", ("headroom_ratio", "<=", Decimal("-0.5"))),
        ("monthly_usd == +1_000_000.25", ("monthly_usd", "==", Decimal("1000000.25"))),
    ],
)
def test_an_expression_is_a_metric_a_comparison_and_a_number(
    expression: str, read: tuple[str, str, Decimal] | None
) -> None:
    if read is None:
        with pytest.raises(OptionFault, match="is no number"):
            parse_gate(expression, RUN_METRICS)
        return
    gate = parse_gate(expression, RUN_METRICS)
    assert (gate.metric, gate.comparison, gate.limit) == read


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("", "is no gate: write a metric, a comparison and a number"),
        ("monthly_usd", "is no gate"),
        ("monthly_usd >", "is no gate"),
        ("> 5", "is no gate"),
        ("monthly_usd 5", "is no gate"),
        (
            "p90_montly_usd > 5",
            r"no metric 'p90_montly_usd' \(did you mean p90_monthly_usd\?\); valid: monthly_usd, ",
        ),
        ("P90_MONTHLY_USD > 5", r"did you mean p90_monthly_usd"),
        ("more_usd > 5", "no metric 'more_usd'"),
        ("monthly_usd => 5", r"'=>' is no comparison .*valid: <= >= == != < >"),
        ("monthly_usd > 20,000", r"'20,000' .*digits only, such as 20000, 20_000"),
        ("monthly_usd > $20", "is no number"),
        ("monthly_usd > 2_00", "is no number"),
        ("monthly_usd > nan", "is no number"),
        ("monthly_usd > 1e999", "is no number"),
        ("monthly_usd > 5 > 4", "is no number"),
        ("error_ratio > 5%", "write 5 % as 0.05"),
        ("monthly_usd > __import__('os')", "is no number"),
        ("monthly_usd > 1; 2", "is no number"),
        ("monthly_usd > ٣", "is no number"),
    ],
)
def test_anything_else_is_refused_with_what_would_be_valid(expression: str, told: str) -> None:
    with pytest.raises(OptionFault, match=told) as refused:
        parse_gate(expression, RUN_METRICS)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


@given(st.one_of(st.text(max_size=60), st.from_regex(r"[a-z_]+ ?[<>=!]{1,2} ?[\d._e+-]+", fullmatch=True)))
@example("monthly_usd\n> 5")
@example("monthly_usd > 5\x00")
def test_any_text_is_a_gate_or_refused(expression: str) -> None:
    told, gate = "", None
    try:
        gate = parse_gate(expression, RUN_METRICS)
    except OptionFault as fault:
        told = str(fault)
    assert told.isprintable()
    if gate is not None:
        assert gate.metric in RUN_METRICS
        assert gate.comparison in COMPARISONS
        assert gate.limit.is_finite()


@pytest.mark.parametrize("text", ["0", "-5", "x", "", "1e5000", "inf", "5 USD"])
def test_a_budget_is_a_number_above_0(text: str) -> None:
    with pytest.raises(OptionFault):
        budget_gate(text, RUN_METRICS)


@given(
    st.decimals("-1e6", "1e6", places=8),
    st.decimals("-1e6", "1e6", places=2),
    st.sampled_from(sorted(COMPARISONS)),
)
@example(Decimal("20000.000000001"), Decimal(20_000), ">")
@example(Decimal(20_000), Decimal(20_000), ">")
def test_a_gate_fails_exactly_when_it_is_so(value: Decimal, limit: Decimal, comparison: str) -> None:
    """The line that is printed shows it too, never a figure rounded onto the other side of the limit."""
    gate = parse_gate(f"monthly_usd {comparison} {limit}", COST)
    if not COMPARISONS[comparison](value, limit):
        judge([gate], value, COST)
        return
    with pytest.raises(GatesFailed) as failed:
        judge([gate], value, COST)
    line = str(failed.value).splitlines()[1]
    shown, told = line.removeprefix("  - monthly_usd is ").split(", which is ", 1)
    assert COMPARISONS[comparison](Decimal(shown), limit)
    assert told.startswith(f"{comparison} {limit:f} (--fail-if ")


def test_a_float_is_judged_as_it_is_written(run: Run) -> None:
    """0.001 as a float lies a little above 0.001; to a reader it does not."""
    exact = replace(run, chosen=replace(run.chosen, error_ratio=0.001))
    judge([parse_gate("error_ratio > 0.001", RUN_METRICS)], exact, RUN_METRICS)
    with pytest.raises(GatesFailed):
        judge([parse_gate("error_ratio >= 0.001", RUN_METRICS)], exact, RUN_METRICS)


def test_all_gates_are_judged_and_each_failure_is_a_line(run: Run) -> None:
    gates = [
        budget_gate("1", RUN_METRICS),
        parse_gate("monthly_usd > 1_000_000", RUN_METRICS),
        parse_gate("holds_ratio >= 0", RUN_METRICS),
    ]
    with pytest.raises(GatesFailed) as failed:
        judge(gates, run, RUN_METRICS)
    first, *lines = str(failed.value).splitlines()
    assert first == "2 of 3 gates failed:"
    assert [line.split(" is ")[0] for line in lines] == ["  - effective_monthly_usd", "  - holds_ratio"]
    assert lines[0].endswith("which is > 1 (--budget 1)")
    assert failed.value.exit_code == 4
    judge([], run, RUN_METRICS)


def test_a_figure_that_is_not_there_fails_its_gate(run: Run) -> None:
    without = replace(run, cost_range=replace(run.cost_range, budget_breach_ratio=None))
    gate = parse_gate("budget_breach_ratio > 0.5", RUN_METRICS)
    judge([gate], run, RUN_METRICS)
    with pytest.raises(
        GatesFailed, match=r"is not there: the scenario has no constraints\.monthly_budget_usd"
    ):
        judge([gate], without, RUN_METRICS)


def test_every_metric_of_a_run_is_the_figure_it_names(run: Run) -> None:
    read = {name: metric.read(run) for name, metric in RUN_METRICS.items()}
    assert None not in read.values()
    assert read["monthly_usd"] == run.monthly_usd
    by_month = [
        sum(charge.billed_cost for charge in run.charges if charge.billing_period == month)
        for month in run.months
    ]
    assert read["worst_month_usd"] == max(by_month)
    assert len(by_month) == 2
    assert read["p10_monthly_usd"] <= read["p50_monthly_usd"] <= read["p90_monthly_usd"]  # type: ignore[operator]
    assert (read["mean_monthly_usd"], read["standard_error_usd"]) == (
        run.cost_range.mean_usd,
        run.cost_range.standard_error_usd,
    )
    (scalability,) = [part for part in run.requirements if part.name == "scalability"]
    assert read["headroom_ratio"] == scalability.figures["headroom_ratio"]
    assert (read["api_p95_ms"], read["api_p99_ms"]) == (run.chosen.api_p95_ms, run.chosen.api_p99_ms)


def test_a_comparison_is_judged_by_its_difference_and_by_b(run: Run) -> None:
    dearer = simulate(quick_shop({"security.kms_keys": 50, "months": 2}), BOOK)
    found = compare(run, dearer, lambda _: (BOOK, NO_OWN_RATES))
    assert CONTRAST_METRICS["more_usd"].read(found) == dearer.monthly_usd - run.monthly_usd
    assert CONTRAST_METRICS["monthly_usd"].read(found) == dearer.monthly_usd
    assert set(CONTRAST_METRICS) == {"more_usd", "more_ratio", *RUN_METRICS}
    gates: list[Gate] = [parse_gate(f"more_{unit} > 0", CONTRAST_METRICS) for unit in ("usd", "ratio")]
    with pytest.raises(GatesFailed, match="2 of 2 gates"):
        judge(gates, found, CONTRAST_METRICS)


def test_the_page_lists_every_metric(root: Path) -> None:
    page = (root / "docs" / "compare.md").read_text()
    for metrics in (RUN_METRICS, CONTRAST_METRICS, BILL_METRICS):
        for name, metric in metrics.items():
            if not metric.meaning.startswith("of B: "):
                assert f"| `{name}` | {metric.meaning} |" in page, name
