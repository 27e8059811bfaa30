"""Two runs beside one another, as they appear in the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from costmodel.billing.charge import dollars
from costmodel.cli.console import table_of
from costmodel.decision.compare import Cause, Contrast, Costs, total_usd
from costmodel.decision.run import Run
from costmodel.scenario.document import short

SHOWN_PRICES = 10
BLANK_LINE_ABOVE = (1, 0, 0, 0)
ABOUT = {
    Cause.PRICE: "A's use at B's prices, own rates and free allowances",
    Cause.TRAFFIC: "A's designs under B's months, shoppers, content, calls, jobs and data",
    Cause.CONFIGURATION: "B's designs, region, network and account",
    Cause.PLANS: "what the plans that B buys save, instead of those of A",
    Cause.MODEL: "the same input in another version of the tool: of A before traffic, of B last",
    Cause.NOT_SPLIT: "everything else together",
}


def contrast_tables(found: Contrast) -> Iterator[RenderableType]:
    """The parts of a comparison, in reading order."""
    yield Text(_headline(found))
    if found.not_split:
        yield Text(f"Not all of it can be split: {found.not_split}")
    if found.overload:
        yield Text(
            f"Note: under B's traffic A's designs do not hold: {found.overload}. What they cannot serve is not "
            "billed, so traffic may show too little and configuration too much."
        )
    tables = [_steps(found), _services(found)]
    if found.keys:
        tables.append(_keys(found))
    if found.designs:
        tables.append(_designs(found))
    if found.prices:
        tables.append(_prices(found))
    for table in tables:
        yield Padding(table, BLANK_LINE_ABOVE)
    yield Padding(
        Text(
            f"A: {_basis(found.before)}. B: {_basis(found.after)}. Another order of the steps would split the same "
            "difference in other shares. Rounded to the cent; --format json has the exact amounts.",
            style="dim",
        ),
        BLANK_LINE_ABOVE,
    )


def _headline(found: Contrast) -> str:
    more_usd, ratio = found.more_usd, found.more_ratio
    share = "" if ratio is None else f" ({abs(ratio):.1%})"
    verdict = (
        f"{dollars(abs(more_usd))}{share} a month {'more' if more_usd > 0 else 'less'} than"
        if more_usd
        else "as much as"
    )
    return (
        f"B, {_place(found.after)}, costs {verdict} A, {_place(found.before)}: "
        f"{dollars(total_usd(found.after_costs))} instead of {dollars(total_usd(found.before_costs))}."
        f"{_before_plans(found)}"
    )


def _before_plans(found: Contrast) -> str:
    if not (found.before.plan or found.after.plan):
        return ""
    return (
        f" Each is with its plans: before plans {dollars(total_usd(found.after_billed))} instead of "
        f"{dollars(total_usd(found.before_billed))}."
    )


def _place(run: Run) -> str:
    span = run.months[0] if len(run.months) == 1 else f"{run.months[0]} to {run.months[-1]}"
    return f"{run.scenario_name} in {run.region_id} ({span})"


def _basis(run: Run) -> str:
    book = f"price book {run.price_book.digest[:12]}, {run.price_basis}"
    return f"version {run.version}, {book}, seed {run.seed}"


def _steps(found: Contrast) -> Table:
    table = table_of(
        "Cause", "What is changed, in this order", "USD a month",
        right=("USD a month",), whole=("Cause",),
        title="What the difference comes from, a mean month",
    )  # fmt: skip
    for step in found.steps:
        table.add_row(step.cause, ABOUT[step.cause], _signed(step.usd))
    table.add_row("together", "", _signed(found.more_usd), style="bold")
    return table


def _services(found: Contrast) -> Table:
    causes = tuple(step.cause.value for step in found.steps)
    table = table_of("Service", "A", *causes, "B", right=("A", *causes, "B"), title="By service, USD a month")

    def row(name: str, of: Any, style: str = "") -> None:
        parts = (_signed(of(step.by_service)) for step in found.steps)
        table.add_row(
            name, dollars(of(found.before_costs)), *parts, dollars(of(found.after_costs)), style=style
        )

    names = dict.fromkeys((*found.after_costs, *found.before_costs))
    for name in sorted(names, key=lambda name: (-abs(_of(found.after_costs, name)), name)):
        row(name, lambda costs, name=name: _of(costs, name))
    row("Total", total_usd, "bold")
    return table


def _of(costs: Costs, service_name: str) -> Decimal:
    return costs.get(service_name, Decimal(0))


def _keys(found: Contrast) -> Table:
    table = table_of("Key", "A", "B", "Counts as", whole=("Key",), title="What the scenarios say otherwise")
    for change in found.keys:
        table.add_row(change.key, _value(change.before), _value(change.after), change.cause)
    return table


def _value(value: Any) -> str:
    """A value of a scenario in a few words."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value)) if len(value) <= 8 else short(value)
    if isinstance(value, bool) or not isinstance(value, float | int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return f"{value:g}" if abs(value) < 1e3 else f"{value:,.0f}" if value == int(value) else f"{value:,}"


def _designs(found: Contrast) -> Table:
    table = table_of("Part", "A", "B", whole=("Part",), title="What is run otherwise")
    for change in found.designs:
        role = change.role.replace("_", " ")
        if change.before != change.after:
            table.add_row(role, change.before or "-", change.after or "-")
            role = ""
        elif change.settings:
            table.add_row(role, change.before, "with")
        for name, before, after in change.settings:
            table.add_row("", f"  {name}: {_value(before)}", f"  {_value(after)}", style="dim")
    return table


def _prices(found: Contrast) -> Table:
    numbers = ("A", "B", "USD a month")
    table = table_of(
        "Price, a mean unit of A's use", *numbers, "per",
        right=numbers, title="Prices that move A's bill most",
    )  # fmt: skip
    for shift in found.prices[:SHOWN_PRICES]:
        table.add_row(
            shift.price,
            _unit_price(shift.before_usd),
            _unit_price(shift.after_usd),
            _signed(shift.monthly_usd),
            shift.unit,
        )
    hidden = len(found.prices) - SHOWN_PRICES
    if hidden > 0:
        table.add_row(f"and {hidden} more: --format json has all", style="dim")
    return table


def _unit_price(usd: Decimal) -> str:
    return f"{Decimal(f'{usd:.6g}').normalize():f}"


def _signed(usd: Decimal) -> str:
    """A change in dollars: `+$1.20`, and plainly `0` where nothing changes."""
    return "0" if not usd else dollars(usd) if usd < 0 else f"+{dollars(usd)}"


def as_json(found: Contrast) -> bytes:
    """A comparison as indented JSON; money is exact text."""
    document = {
        "before": _side(found.before, found.before_billed, found.before_costs),
        "after": _side(found.after, found.after_billed, found.after_costs),
        "more_usd": _text(found.more_usd),
        "more_ratio": None if found.more_ratio is None else float(found.more_ratio),
        "steps": [
            {
                "cause": step.cause,
                "about": ABOUT[step.cause],
                "usd": _text(step.usd),
                "by_service_usd": _plain(step.by_service),
            }
            for step in found.steps
        ],
        "not_split": found.not_split,
        "overload": found.overload,
        "scenario": [
            {"key": change.key, "counts_as": change.cause, "before": change.before, "after": change.after}
            for change in found.keys
        ],
        "designs": [
            {
                "role": change.role,
                "before": change.before,
                "after": change.after,
                "settings": {
                    name: {"before": before, "after": after} for name, before, after in change.settings
                },
            }
            for change in found.designs
        ],
        "prices": [
            {
                "price": shift.price,
                "unit": shift.unit,
                "before_mean_usd": float(shift.before_usd),
                "after_mean_usd": float(shift.after_usd),
                "monthly_usd": _text(shift.monthly_usd),
            }
            for shift in found.prices
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _side(run: Run, billed: Costs, effective: Costs) -> dict[str, Any]:
    """A run's costs before plans, and with those it buys; the steps lead from effective cost to effective cost."""
    return {
        "scenario_name": run.scenario_name,
        "region_id": run.region_id,
        "months": list(run.months),
        "seed": run.seed,
        "version": run.version,
        "price_book": run.price_book.digest,
        "own_rates": run.own_rates.digest if run.own_rates else None,
        "monthly_usd": _text(total_usd(billed)),
        "effective_monthly_usd": _text(total_usd(effective)),
        "by_service_usd": _plain(billed),
        "effective_by_service_usd": _plain(effective),
    }


def _plain(costs: Costs) -> dict[str, str]:
    return {name: _text(usd) for name, usd in costs.items()}


def _text(amount: Decimal) -> str:
    return f"{amount:f}"
