"""A run as it appears in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from costmodel.decision.recommend import dollars
from costmodel.decision.run import Run

SHOWN_REJECTIONS = 8
SHOWN_ALTERNATIVES = 6


def run_tables(run: Run) -> Iterator[RenderableType]:
    """The parts of a result, in reading order."""
    span = run.months[0] if len(run.months) == 1 else f"{run.months[0]} to {run.months[-1]}"
    yield Panel(
        Text(run.headline), title=f"{run.scenario_name} · {run.region_id} · {span}", title_align="left"
    )
    yield _bill_by_service(run)
    yield _requirements(run)
    yield _comparisons(run)
    if run.alternatives:
        yield _alternatives(run)
    if run.rejections:
        yield _rejections(run)
    if run.drivers:
        yield _drivers(run)
    yield _footer(run)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None)
    for column in columns:
        right = column.endswith(("USD", "ms", "Share", "Candidates"))
        table.add_column(column, justify="right" if right else "left", no_wrap=right, header_style="dim")
    return table


def _bill_by_service(run: Run) -> Table:
    months = len(run.months)
    totals: dict[str, Decimal] = {}
    for charge in run.charges:
        totals[charge.service_name] = totals.get(charge.service_name, Decimal(0)) + charge.billed_cost
    table = _table("Monthly bill by service", "Service", "USD", "Share")
    whole = sum(totals.values(), Decimal(0))
    for service, cost in sorted(totals.items(), key=lambda item: (-item[1], item[0])):
        share = f"{cost / whole:.0%}" if whole else ""
        table.add_row(service, dollars(cost / months), share)
    table.add_section()
    table.add_row("Total", dollars(whole / months), "", style="bold")
    return table


def _requirements(run: Run) -> Table:
    table = _table("Five requirements", "Requirement", "Met", "In numbers")
    for requirement in run.requirements:
        table.add_row(requirement.name, "yes" if requirement.met else "no", requirement.summary)
    return table


def _comparisons(run: Run) -> Table:
    table = _table("Side by side", "Choice", "Best of its kind", "USD", "Outcome")
    role = ""
    for row in run.comparisons:
        if role and row.role != role:
            table.add_section()
        role = row.role
        cost = "" if row.monthly_usd is None else dollars(row.monthly_usd)
        style = "bold" if row.why == "recommended" else ""
        table.add_row(row.kind.replace("_", " "), row.label or "none feasible", cost, row.why, style=style)
    return table


def _alternatives(run: Run) -> Table:
    table = _table("Runners-up", "Compute", "Database", "Delivery", "p99 ms", "USD", "Why it lost")
    for option in run.alternatives[:SHOWN_ALTERNATIVES]:
        table.add_row(
            option.compute,
            option.database,
            option.delivery,
            f"{option.api_p99_ms:,.0f}",
            dollars(option.monthly_usd),
            option.why,
        )
    return table


def _rejections(run: Run) -> Table:
    table = _table("Not considered further", "Design", "Breaks", "Observed", "Allowed", "Candidates")
    for rejection in run.rejections[:SHOWN_REJECTIONS]:
        table.add_row(
            rejection.subject,
            rejection.constraint,
            f"{rejection.observed:,.4g} {rejection.unit}",
            f"{rejection.limit:,.4g}",
            f"{rejection.candidates:,}",
        )
    hidden = len(run.rejections) - SHOWN_REJECTIONS
    if hidden > 0:
        table.add_row(f"and {hidden} more: --format json shows all", style="dim")
    return table


def _drivers(run: Run) -> Table:
    table = _table("What moves the bill most", "Uncertain input", "at low USD", "at high USD")
    for driver in run.drivers:
        table.add_row(driver.path, dollars(driver.low_usd), dollars(driver.high_usd))
    return table


def _footer(run: Run) -> Text:
    counts = run.counts
    return Text(
        f"{counts.considered:,} candidates: {counts.rejected:,} break an objective, {counts.pruned:,} proven dearer, "
        f"{counts.priced:,} billed whole. Prices of {run.price_book.oldest_as_of} to "
        f"{run.price_book.newest_as_of} (book {run.price_book.digest[:12]}), list, without tax. "
        f"{len(run.assumptions)} defaults in force. Seed {run.seed}.",
        style="dim",
    )
