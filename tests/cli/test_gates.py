"""`--budget` and `--fail-if`: the result is there all the same, and the exit code is 4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from costmodel.decision.gates import RUN_METRICS

USAGE = Path(__file__).parents[2] / "docs" / "examples" / "usage.yaml"


def test_a_failed_gate_comes_after_the_result(
    cli: Any, small_shop: Any, no_simulation: Any, tmp_path: Path
) -> None:
    saved = tmp_path / "run.json"
    gates = ["--budget", "30", "--fail-if", "holds_ratio < 0.1", "--fail-if", "api_p99_ms >= 1"]
    outcome = cli("simulate", "small-shop", "--save", saved, *gates)
    assert outcome.code == 4
    assert outcome.out == small_shop.outcome.out
    assert saved.read_bytes() == small_shop.file.read_bytes()
    first, *lines = outcome.err.splitlines()
    assert first == "Error: 2 of 3 gates failed:"
    run = small_shop.run
    assert lines == [
        f"  - effective_monthly_usd is {run.chosen.effective_monthly_usd:.2f}, which is > 30 (--budget 30)",
        f"  - api_p99_ms is {run.chosen.api_p99_ms:.4g}, which is >= 1 (--fail-if 'api_p99_ms >= 1')",
    ]


def test_gates_that_hold_say_nothing(cli: Any, small_shop: Any, no_simulation: Any) -> None:
    gates = ["--budget", "20_000", "--fail-if", "p90_monthly_usd > 20_000"]
    assert cli("simulate", "small-shop", *gates) == small_shop.outcome


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        (["--fail-if", "p90_montly_usd > 3"], "did you mean p90_monthly_usd?"),
        (["--fail-if", "more_usd > 3"], "no metric 'more_usd'"),
        (["--fail-if", "nonsense"], "is no gate: write a metric"),
        (["--budget", "ten"], "'ten' in '--budget ten' is no number"),
        (["--budget", "-5"], "a budget is more than 0"),
    ],
)
def test_a_gate_that_cannot_be_read_is_wrong_usage_before_any_work(
    cli: Any, no_simulation: list[object], gate: list[str], told: str
) -> None:
    outcome = cli("simulate", "small-shop", *gate)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Error: ")
    assert told in outcome.err
    assert no_simulation == []


def test_a_priced_month_is_judged_too(cli: Any) -> None:
    outcome = cli("price", USAGE, "--format", "json", "--fail-if", "monthly_usd > 1000")
    cost = float(json.loads(outcome.out)["billed_cost"])
    assert outcome.code == 4
    assert f"monthly_usd is {cost:.2f}, which is > 1000" in outcome.err
    assert cli("price", USAGE, "--budget", str(cost + 1)).code == 0
    assert cli("price", USAGE, "--fail-if", "api_p99_ms > 5").code == 2


def test_help_lists_every_metric(cli: Any) -> None:
    text = cli("simulate", "--help").out
    assert not [name for name in RUN_METRICS if name not in text]
    assert {"more_usd", "more_ratio"} <= {*cli("compare", "--help").out.replace(",", " ").split()}
    assert "monthly_usd" in cli("price", "--help").out
