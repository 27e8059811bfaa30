"""A run as it appears in the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from rich.console import RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from costmodel.billing.charge import converted, dollars
from costmodel.cli.console import table_of
from costmodel.cli.own_rates import currency_sentence
from costmodel.decision.run import FrontNote, Option, OwnRatesNote, RecoveryNote, RejectionNote, Run
from costmodel.units import figure

SHOWN_REJECTIONS = 8
SHOWN_ALTERNATIVES = 6
SHOWN_FRONT = 8
BLANK_LINE_ABOVE = (1, 0, 0, 0)


def run_tables(run: Run) -> Iterator[RenderableType]:
    """The parts of a result, in reading order."""
    span = run.months[0] if len(run.months) == 1 else f"{run.months[0]} to {run.months[-1]}"
    title = Text(f"{run.scenario_name} · {run.region_id} · {span}")
    yield Panel(Text(run.headline), title=title, title_align="left")
    for note in run.notes:
        yield Text(f"Note: {note}")
    tables = [_bill_by_service(run), _requirements(run), _drills(run)]
    if run.recovery:
        tables.append(_recovery(run.recovery))
    tables.append(_comparisons(run))
    if run.alternatives:
        tables.append(_alternatives(run))
    if run.front:
        tables.append(_front(run))
    if run.rejections:
        tables.append(_rejections(run))
    if run.drivers:
        tables.append(_drivers(run))
    for table in tables:
        yield Padding(table, BLANK_LINE_ABOVE)
    yield Padding(_footer(run), BLANK_LINE_ABOVE)


def _bill_by_service(run: Run) -> Table:
    """Billed cost by service; at own rates with list cost and discount beside it."""
    months = len(run.months)
    listed: defaultdict[str, Decimal] = defaultdict(Decimal)
    billed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for charge in run.charges:
        listed[charge.service_name] += charge.list_cost
        billed[charge.service_name] += charge.billed_cost
    whole = sum(billed.values(), Decimal(0))
    own = ("List USD", "Discount USD") if run.own_rates else ()
    table = table_of(
        "Service", *own, "USD a month", "Share",
        right=(*own, "USD a month", "Share"),
        title="Monthly bill by service" if months == 1 else f"Monthly bill by service, mean of {months} months",
    )  # fmt: skip

    def costs(at_list: Decimal, cost: Decimal) -> tuple[str, ...]:
        amounts = (at_list, at_list - cost, cost) if own else (cost,)
        return tuple(dollars(amount / months) for amount in amounts)

    for service, cost in sorted(billed.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(service, *costs(listed[service], cost), f"{cost / whole:.0%}" if whole else "")
    table.add_row("Total", *costs(sum(listed.values(), Decimal(0)), whole), "", style="bold")
    stated = run.own_rates.currency if run.own_rates else None
    if stated:
        total = converted(whole / months, stated.per_usd)
        table.add_row(f"In {stated.code}", *[""] * len(own), total, "")
    return table


def _requirements(run: Run) -> Table:
    table = table_of(
        "Requirement", "Met", "In numbers", title="Five requirements", whole=("Requirement", "Met")
    )
    for requirement in run.requirements:
        table.add_row(requirement.name, "yes" if requirement.met else "no", requirement.summary)
    return table


def _drills(run: Run) -> Table:
    numbers = ("Calls lost", "Minutes hit", "Minutes until as fast as before")
    table = table_of(
        "If", "At the", *numbers, right=numbers, title="Drills: what a lost zone or a lost writer does"
    )
    for drill in run.drills:
        table.add_row(
            drill.event,
            drill.moment,
            f"{drill.lost_requests:,.0f}",
            f"{drill.impaired_minutes:,}",
            f"{drill.slow_minutes:,}",
        )
    return table


def _recovery(note: RecoveryNote) -> Table:
    numbers = ("Serves in min", "Loses min", "More USD a month")
    table = table_of(
        "Strategy",
        *numbers,
        "",
        right=numbers,
        whole=("Strategy",),
        title=f"If the region is lost: in {note.region_id}",
    )
    for option in note.options:
        chosen = option.strategy == note.strategy
        table.add_row(
            option.strategy.replace("_", " "),
            *(
                figure(round(minutes, 2)) if minutes is not None else "-"
                for minutes in (option.rto_minutes, option.rpo_minutes)
            ),
            "-" if option.more_usd is None else dollars(option.more_usd),
            "recommended"
            if chosen
            else option.unavailable or (f"misses {option.misses}" if option.misses else ""),
            style="bold" if chosen else None,
        )
    return table


def _comparisons(run: Run) -> Table:
    """The best whole stack with each kind of compute, database and delivery; a blank line between roles."""
    table = table_of(
        "With", "Best of its kind", "USD a month", "More by",
        right=("USD a month", "More by"),
        title="Side by side: the cheapest stack that meets the objectives, by kind",
    )  # fmt: skip
    role = run.comparisons[0].role if run.comparisons else ""
    for row in run.comparisons:
        if row.role != role:
            table.add_row()
        role = row.role
        kind = row.kind.replace("_", " ")
        if row.monthly_usd is None:
            table.add_row(kind, f"none: {row.why}", "", "", style="dim")
            continue
        recommended = row.why == "recommended"
        more = "recommended" if recommended else _more(row.monthly_usd, run)
        table.add_row(kind, row.label, dollars(row.monthly_usd), more, style="bold" if recommended else "")
    return table


def _alternatives(run: Run) -> Table:
    table = table_of(
        "Instead of what is recommended", "p99 ms", "USD a month", "More by",
        right=("p99 ms", "USD a month", "More by"),
        title="Runners-up: the cheapest stack of every other combination of kinds",
    )  # fmt: skip
    for option in run.alternatives[:SHOWN_ALTERNATIVES]:
        table.add_row(
            _difference(option, run.chosen) or option.load_balancer,
            figure(round(option.api_p99_ms)),
            dollars(option.monthly_usd),
            _more(option.monthly_usd, run),
        )
    _say_hidden(table, len(run.alternatives) - SHOWN_ALTERNATIVES)
    return table


def _front(run: Run) -> Table:
    """One line a member, with the designs in which it differs from the recommendation."""
    numbers = ("USD a month", "p99 ms", "Availability")
    table = table_of(
        "Stack", *numbers,
        right=numbers,
        title="Worth choosing: nothing is as cheap, as fast and as available and better in one",
    )  # fmt: skip
    for member in run.front[:SHOWN_FRONT]:
        table.add_row(
            _difference(member, run.chosen) or "as recommended",
            dollars(member.monthly_usd),
            figure(round(member.api_p99_ms)),
            f"{member.availability_ratio:.3%}",
        )
    _say_hidden(table, len(run.front) - SHOWN_FRONT)
    return table


def _difference(option: Option | FrontNote, chosen: Option) -> str:
    """The designs in which an option differs; its load balancer follows its compute."""
    pairs = [
        (option.compute, chosen.compute),
        (option.database, chosen.database),
        (option.delivery, chosen.delivery),
        (option.rendering, chosen.rendering),
    ]
    return " + ".join(label for label, recommended in pairs if label != recommended)


def _more(monthly_usd: Decimal, run: Run) -> str:
    more = monthly_usd - run.monthly_usd
    return f"{dollars(more)} ({more / run.monthly_usd:.0%})" if run.monthly_usd else dollars(more)


def _rejections(run: Run) -> Table:
    """Rejected designs of one kind that break one objective, in one row with the one that came nearest."""
    alike: defaultdict[tuple[object, ...], list[RejectionNote]] = defaultdict(list)
    for rejection in run.rejections:
        alike[rejection.constraint, rejection.unit, rejection.kinds].append(rejection)
    table = table_of(
        "Breaks", "Nearest miss", "Observed", "Allowed", "Designs",
        right=("Observed", "Allowed", "Designs"),
        title="Rejected: designs that break an objective or a limit",
    )  # fmt: skip
    groups = sorted(alike.values(), key=lambda group: -sum(rejection.candidates for rejection in group))
    for group in groups[:SHOWN_REJECTIONS]:
        nearest = min(group, key=_excess)
        table.add_row(
            f"{nearest.constraint}, {nearest.unit}",
            nearest.subject,
            figure(nearest.observed),
            figure(nearest.limit),
            f"{len(group):,}",
        )
    _say_hidden(table, len(groups) - SHOWN_REJECTIONS)
    return table


def _excess(rejection: RejectionNote) -> tuple[float, float]:
    ratio = rejection.observed / rejection.limit if rejection.limit > 0 else float("inf")
    return ratio, rejection.observed


def _say_hidden(table: Table, rows: int) -> None:
    if rows > 0:
        table.add_row(f"and {rows} more: --format json has all", style="dim")


def _drivers(run: Run) -> Table:
    table = table_of(
        "Uncertain input", "USD a month at low", "at high",
        right=("USD a month at low", "at high"),
        title="What moves the bill most",
    )  # fmt: skip
    for driver in run.drivers:
        table.add_row(driver.path, dollars(driver.low_usd), dollars(driver.high_usd))
    return table


def _footer(run: Run) -> Text:
    counts = run.counts
    rates = _own_rates(run.own_rates) if run.own_rates else ""
    return Text(
        f"{counts.considered:,} candidates: {counts.rejected:,} break an objective, {counts.pruned:,} proven dearer, "
        f"{counts.priced:,} billed whole. Prices of {run.price_book.oldest_as_of} to "
        f"{run.price_book.newest_as_of} (book {run.price_book.digest[:12]}), {run.price_basis}, without tax.{rates} "
        f"{len(run.assumptions)} defaults in force: --format json lists them under assumptions. Seed {run.seed}.",
        style="dim",
    )


def _own_rates(note: OwnRatesNote) -> str:
    """Name, file and currency of own rates in a sentence or two."""
    saved = note.list_cost - note.contracted_cost
    text = f" Own rates {note.name} (file {note.digest[:12]}): {dollars(saved)} off {dollars(note.list_cost)} at list."
    return f"{text} {currency_sentence(note.currency)}" if note.currency else text
