"""A comparison with Trusted Advisor as it appears in the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from rich.console import RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from costmodel.billing.charge import to_cents
from costmodel.cli.console import table_of
from costmodel.review.advisor import AdvisorComparison, Item, Outcome
from costmodel.review.advisor_checks import SOURCE, Verdict

SHOWN_RESOURCES = 3
BLANK_LINE_ABOVE = (1, 0, 0, 0)
TITLES = {
    Outcome.CONTRADICT: "Contradict: think before you follow AWS",
    Outcome.AGREE: "Agree",
    Outcome.ONLY_AWS: "Only AWS",
    Outcome.ONLY_US: "Only us",
}


def comparison_tables(comparison: AdvisorComparison) -> Iterator[RenderableType]:
    """The parts of a result, in reading order."""
    title = Text(f"{comparison.scenario_name} · {comparison.region_id} · Trusted Advisor")
    yield Panel(Text(_summary(comparison)), title=title, title_align="left")
    for outcome, heading in TITLES.items():
        if items := _of(comparison, outcome):
            yield Padding(_items(heading, items), BLANK_LINE_ABOVE)
    if quiet := _of(comparison, Outcome.NOTHING):
        yield Padding(Text(_quiet(quiet), style="dim"), BLANK_LINE_ABOVE)
    yield Padding(_predictions(comparison), BLANK_LINE_ABOVE)
    yield Padding(Text(_footer(comparison), style="dim"), BLANK_LINE_ABOVE)


def _of(comparison: AdvisorComparison, outcome: Outcome) -> list[Item]:
    return [item for item in comparison.items if item.outcome is outcome]


def _summary(comparison: AdvisorComparison) -> str:
    counts = ", ".join(f"{len(_of(comparison, outcome))} {outcome.value}" for outcome in Outcome)
    return (
        f"{counts}. Of {len(comparison.predictions)} published checks the recommended design "
        f"would trip {len(comparison.tripped)}."
    )


def _items(title: str, items: list[Item]) -> Table:
    aws, ours = "AWS saves USD", "we save USD"
    table = table_of("Check, and why", "AWS", aws, "We", ours, right=(aws, ours), title=title)
    for item in items:
        table.add_row(
            Text.assemble(_name(item.name, item.check_id), "\n", (_why(item), "dim")),
            item.aws,
            _cents(item.aws_saving_usd),
            item.ours,
            _cents(item.our_saving_usd),
        )
    return table


def _name(name: str, check_id: str) -> str:
    return f"{name} ({check_id})" if check_id and check_id != name else name


def _why(item: Item) -> str:
    """The reason, and the first few resources it is about; of an ARN its last part."""
    shown = [re.split("[:/]", name)[-1] for name in item.resources if name][:SHOWN_RESOURCES]
    if not shown:
        return item.reason
    hidden = len(item.resources) - len(shown)
    return f"{item.reason} ({', '.join(shown)}{f' and {hidden} more' if hidden else ''})"


def _quiet(items: list[Item]) -> str:
    """Checks with nothing to do, by the reason why."""
    by_reason: dict[str, list[str]] = {}
    for item in items:
        by_reason.setdefault(item.reason, []).append(item.check_id)
    return "\n".join(f"Nothing to do, {reason}: {', '.join(ids)}" for reason, ids in by_reason.items())


def _predictions(comparison: AdvisorComparison) -> Table:
    table = table_of("Check", "Verdict", "Why", title="Checks the recommended design would trip, or might")
    undecided = [p for p in comparison.predictions if p.verdict is Verdict.NOT_DECIDABLE]
    for prediction in (*comparison.tripped, *undecided):
        table.add_row(
            _name(prediction.name, prediction.check_id), prediction.verdict.value, prediction.reason
        )
    passed = sum(prediction.verdict is Verdict.OK for prediction in comparison.predictions)
    absent = sum(prediction.verdict is Verdict.NOT_APPLICABLE for prediction in comparison.predictions)
    rest = f"{passed} pass, {absent} are about what the design does not use; --format json shows all"
    table.add_row("the others", "", rest, style="dim")
    return table


def _footer(comparison: AdvisorComparison) -> str:
    return "\n".join(
        [
            *comparison.notes,
            "Savings are US dollars a month. They are not added up: checks overlap, and kinds of one role are "
            f"alternatives. Criteria: {SOURCE}.",
        ]
    )


def _cents(amount: Decimal | None) -> str:
    return "" if amount is None else f"{to_cents(amount):,}"
