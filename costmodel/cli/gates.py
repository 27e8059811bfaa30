"""The options `--budget` and `--fail-if`: exit code 4 when a result is not as it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costmodel.decision.gates import Gate, Metrics

T = TypeVar("T")

BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="USD",
        help="Exit with 4 when a mean month costs more. It judges the result and does not change it.",
        show_default=False,
    ),
]
FailIfOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if",
        metavar="EXPRESSION",
        help="Exit with 4 when this is so, such as 'p90_monthly_usd > 20_000'; may be given several times.",
        show_default=False,
    ),
]


def read_gates(
    budget_usd: str | None, expressions: Sequence[str] | None, metrics: Metrics[T]
) -> tuple[Gate, ...]:
    """What the two options ask. Raises OptionFault; so read them before long work."""
    from costmodel.decision.gates import budget_gate, parse_gate

    budget = () if budget_usd is None else (budget_gate(budget_usd, metrics),)
    return (*budget, *(parse_gate(expression, metrics) for expression in expressions or ()))


def judge_gates(gates: Sequence[Gate], result: T, metrics: Metrics[T]) -> None:
    """Raises GatesFailed with a line for each gate that fails, after the result was printed and saved."""
    from costmodel.decision.gates import judge

    judge(gates, result, metrics)
