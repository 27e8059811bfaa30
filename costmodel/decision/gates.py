"""Gates: demands that a result is judged by after it is there, so that a pipeline stops where one fails.

A gate is not an objective: it changes nothing about what is recommended. `--fail-if 'p90_monthly_usd > 20000'`
fails when what it says is so. The expression is a metric, a comparison and a number; nothing is evaluated.
"""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from difflib import get_close_matches
from typing import Generic, TypeVar

from costmodel.billing.charge import EXACT, to_cents
from costmodel.decision.compare import Contrast
from costmodel.decision.run import Run
from costmodel.errors import GatesFailed, OptionFault
from costmodel.units import figure

T = TypeVar("T")

COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_EXPRESSION = re.compile(r"\s*(?P<metric>[^\s<>=!]+)\s*(?P<comparison>[<>=!]+)\s*(?P<number>\S.*?)\s*")
_NUMBER = re.compile(r"[-+]?(\d+(_\d{3})*)(\.\d+)?([eE][-+]?\d{1,2})?", re.ASCII)
_FORM = "write a metric, a comparison and a number, such as 'p90_monthly_usd > 20_000'"


@dataclass(frozen=True, slots=True)
class Metric(Generic[T]):
    """A figure of a result that a gate can be about."""

    meaning: str
    read: Callable[[T], Decimal | float | None]
    """The figure; None when the result has none."""
    absent: str = ""
    """Why a result may have none."""


Metrics = Mapping[str, Metric[T]]


@dataclass(frozen=True, slots=True)
class Gate:
    """What must not be so."""

    metric: str
    comparison: str
    limit: Decimal
    given: str
    """As the user wrote it: `--budget 250`."""


def parse_gate(expression: str, metrics: Metrics[T]) -> Gate:
    """`p90_monthly_usd > 20_000` as a gate. Raises OptionFault, which names the nearest metric or what would be valid."""
    found = _EXPRESSION.fullmatch(expression)
    if found is None:
        raise OptionFault(f"{_shown(expression)} is no gate: {_FORM}")
    metric, comparison, number = found["metric"], found["comparison"], found["number"]
    if metric not in metrics:
        near = get_close_matches(metric.lower()[:80], metrics, 1, 0.4)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise OptionFault(f"there is no metric {_shown(metric)}{hint}; valid: {', '.join(metrics)}")
    if comparison not in COMPARISONS:
        raise OptionFault(
            f"{_shown(comparison)} is no comparison in {_shown(expression)}; valid: {' '.join(COMPARISONS)}"
        )
    return Gate(metric, comparison, _number(number, expression), f"--fail-if '{expression.strip()}'")


def budget_gate(budget_usd: str, metrics: Metrics[T]) -> Gate:
    """The gate of `--budget`: the mean month may not cost more, with plans where there are any. Raises OptionFault."""
    limit = _number(budget_usd.strip(), f"--budget {budget_usd}")
    if limit <= 0:
        raise OptionFault(f"a budget is more than 0, not {_shown(budget_usd)}")
    metric = next(name for name in ("effective_monthly_usd", "monthly_usd") if name in metrics)
    return Gate(metric, ">", limit, f"--budget {budget_usd.strip()}")


def _number(text: str, expression: str) -> Decimal:
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    hint = "; write 5 % as 0.05" if text.endswith("%") else "; digits only, such as 20000, 20_000 or 0.05"
    raise OptionFault(f"{_shown(text)} in {_shown(expression)} is no number{hint}")


def _shown(text: str) -> str:
    short = text if len(text) <= 80 else f"{text[:77]}..."
    return ascii(short)


def judge(gates: Sequence[Gate], result: T, metrics: Metrics[T]) -> None:
    """Raises GatesFailed with a line for every gate that fails; one whose figure is not there fails."""
    failures = [failure for gate in gates if (failure := _failure(gate, result, metrics[gate.metric]))]
    if failures:
        raise GatesFailed(failures, len(gates))


def _failure(gate: Gate, result: T, metric: Metric[T]) -> str:
    value = metric.read(result)
    if value is None:
        return f"{gate.metric} is not there: {metric.absent} ({gate.given})"
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    with localcontext(EXACT):
        failed = COMPARISONS[gate.comparison](exact, gate.limit)
    if not failed:
        return ""
    return f"{gate.metric} is {_read(gate, exact)}, which is {gate.comparison} {gate.limit:f} ({gate.given})"


def _read(gate: Gate, value: Decimal) -> str:
    """A figure short enough to read, and exact where the short one would not show that the gate fails."""
    money = gate.metric.endswith("_usd")
    short = f"{to_cents(value)}" if money else figure(float(value)).replace(",", "")
    return short if COMPARISONS[gate.comparison](Decimal(short), gate.limit) else f"{value:f}"


def _worst_month_usd(run: Run) -> Decimal:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for charge in run.charges:
            sums[charge.billing_period] += charge.billed_cost
    return max(sums.values(), default=Decimal(0))


def _scalability(name: str) -> Callable[[Run], float | None]:
    def read(run: Run) -> float | None:
        figures = next((part.figures for part in run.requirements if part.name == "scalability"), {})
        value = figures.get(name)
        return None if value is None else float(value)

    return read


RUN_METRICS: Metrics[Run] = {
    "monthly_usd": Metric(
        "mean month of the recommendation, as billed without plans", lambda run: run.monthly_usd
    ),
    "effective_monthly_usd": Metric(
        "the same with the plans it buys", lambda run: run.chosen.effective_monthly_usd
    ),
    "worst_month_usd": Metric("its dearest month, without plans", _worst_month_usd),
    "mean_monthly_usd": Metric("mean month over all draws", lambda run: run.cost_range.mean_usd),
    "p10_monthly_usd": Metric("month that 10 % of the draws stay below", lambda run: run.cost_range.p10_usd),
    "p50_monthly_usd": Metric("month that half of the draws stay below", lambda run: run.cost_range.p50_usd),
    "p90_monthly_usd": Metric("month that 90 % of the draws stay below", lambda run: run.cost_range.p90_usd),
    "cvar_monthly_usd": Metric(
        "mean month of the dearest tenth of the draws", lambda run: run.cost_range.cvar_usd
    ),
    "standard_error_usd": Metric(
        "standard error of mean_monthly_usd", lambda run: run.cost_range.standard_error_usd
    ),
    "budget_breach_ratio": Metric(
        "share of draws above constraints.monthly_budget_usd",
        lambda run: run.cost_range.budget_breach_ratio,
        "the scenario has no constraints.monthly_budget_usd",
    ),
    "holds_ratio": Metric(
        "share of draws in which every objective and limit holds", lambda run: run.cost_range.holds_ratio
    ),
    "api_p95_ms": Metric("95th percentile of an API call", lambda run: run.chosen.api_p95_ms),
    "api_p99_ms": Metric("99th percentile of an API call", lambda run: run.chosen.api_p99_ms),
    "availability_ratio": Metric(
        "composed service-level agreement", lambda run: run.chosen.availability_ratio
    ),
    "error_ratio": Metric("share of API calls that fail", lambda run: run.chosen.error_ratio),
    "headroom_ratio": Metric(
        "room between the busiest minute and what gives way first",
        _scalability("headroom_ratio"),
        "the run holds no such figure",
    ),
    "carbon_kg_per_month": Metric(
        "likely CO2e of the recommendation in a month",
        lambda run: run.carbon_kg_per_month,
        "the region has no carbon figures",
    ),
}
"""Of `costmodel simulate`."""


def _of_after(metric: Metric[Run]) -> Metric[Contrast]:
    return Metric(f"of B: {metric.meaning}", lambda contrast: metric.read(contrast.after), metric.absent)


CONTRAST_METRICS: Metrics[Contrast] = {
    "more_usd": Metric("what B costs a month more than A", lambda contrast: contrast.more_usd),
    "more_ratio": Metric("the same as a share of A", lambda contrast: contrast.more_ratio, "A costs nothing"),
} | {name: _of_after(metric) for name, metric in RUN_METRICS.items()}
"""Of `costmodel compare`."""

BILL_METRICS: Metrics[Decimal] = {
    "monthly_usd": Metric("billed cost of the month", lambda billed_cost: billed_cost)
}
"""Of `costmodel price`, whose quantities are those of one month."""
