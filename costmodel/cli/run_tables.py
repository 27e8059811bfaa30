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
from costmodel.decision.run import (
    FrontNote,
    Option,
    OwnRatesNote,
    RecoveryNote,
    RejectionNote,
    Run,
)
from costmodel.export.decision_sections import best_of_each_kind, budget_sentence, commitment_level
from costmodel.services._base import Strategy
from costmodel.units import figure, two_digits

SHOWN_REJECTIONS = 8
SHOWN_ALTERNATIVES = 6
SHOWN_FINALISTS = 6
SHOWN_FRONT = 8
BLANK_LINE_ABOVE = (1, 0, 0, 0)


def run_tables(run: Run) -> Iterator[RenderableType]:
    """The parts of a result, in reading order."""
    span = run.months[0] if len(run.months) == 1 else f"{run.months[0]} to {run.months[-1]}"
    title = Text(f"{run.scenario_name} · {run.region_id} · {span}")
    yield Panel(Text(run.headline), title=title, title_align="left")
    if run.cost_range.budget_breach_ratio is not None:
        yield Text(budget_sentence(run.cost_range.budget_breach_ratio))
    for note in run.notes:
        yield Text(f"Note: {note}")
    yield Text(f"Carbon: {run.carbon.summary}")
    tables = [_bill_by_service(run), _requirements(run), _drills(run)]
    if run.recovery:
        tables.append(_recovery(run.recovery))
    if run.commitments:
        tables.append(_commitments(run))
    tables.append(_comparisons(run))
    if run.alternatives:
        tables.append(_alternatives(run))
    if run.front:
        tables.append(_front(run))
    if run.rejections:
        tables.append(_rejections(run))
    if len(run.finalists) > 1:
        tables.append(_finalists(run))
    if run.drivers:
        tables.append(drivers_table(run))
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
    if run.plan:
        blanks = [""] * len(own)
        table.add_row("Saved by its plans", *blanks, dollars(-run.plan.saves_usd), "")
        table.add_row("With them", *blanks, dollars(run.chosen.effective_monthly_usd), "", style="bold")
    stated = run.own_rates.currency if run.own_rates else None
    if stated:
        total = converted(run.chosen.effective_monthly_usd, stated.per_usd, stated.code)
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
            Strategy(option.strategy).words,
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


def _commitments(run: Run) -> Table:
    """The best of each kind of commitment; nothing here is part of the bill above."""
    numbers = ("Commit", "Saves USD a month", "Pays if used", "Upfront USD")
    table = table_of(
        "Commitment",
        *numbers,
        "Rate",
        right=numbers,
        whole=("Rate",),
        title="If you committed: each alone, at its best level, beside the bill above",
    )
    for note in best_of_each_kind(run.commitments):
        pays = note.best.level_usd > 0
        table.add_row(
            f"{note.kind}, {note.years}yr {note.payment}: {note.covers}",
            commitment_level(note) if pays else "nothing",
            f"{dollars(note.saves_usd)} ({note.saving_ratio:.0%})" if pays else "-",
            f"over {note.break_even_ratio:.0%}",
            dollars(note.upfront_usd) if pays else "-",
            "published" if note.published else "inferred",
        )
    return table


def _comparisons(run: Run) -> Table:
    """The best whole stack with each kind of compute, database and delivery; a blank line between roles."""
    table = table_of(
        "With", "Best of its kind", "USD a month", "More by",
        right=("USD a month", "More by"),
        title="Side by side: the recommendation, and the cheapest stack of each other kind",
    )  # fmt: skip
    role = run.comparisons[0].role if run.comparisons else ""
    for row in run.comparisons:
        if row.role != role:
            table.add_row()
        role = row.role
        kind = row.kind.replace("_", " ")
        if row.effective_monthly_usd is None:
            table.add_row(kind, f"none: {row.why}", "", "", style="dim")
            continue
        recommended = row.why == "recommended"
        more = "recommended" if recommended else _more(row.effective_monthly_usd, run)
        table.add_row(
            kind, row.label, dollars(row.effective_monthly_usd), more, style="bold" if recommended else ""
        )
    return table


def _alternatives(run: Run) -> Table:
    table = table_of(
        "Instead of what is recommended", "p99 ms", "kg CO2e", "USD a month", "More by",
        right=("p99 ms", "kg CO2e", "USD a month", "More by"),
        title="Runners-up: the cheapest stack of every other combination of kinds",
    )  # fmt: skip
    for option in run.alternatives[:SHOWN_ALTERNATIVES]:
        table.add_row(
            _difference(option, run.chosen) or option.load_balancer,
            figure(round(option.api_p99_ms)),
            _carbon_figure(option.carbon_kg_per_month),
            dollars(option.effective_monthly_usd),
            _more(option.effective_monthly_usd, run),
        )
    _say_hidden(table, len(run.alternatives) - SHOWN_ALTERNATIVES)
    return table


def _carbon_figure(kg_per_month: float | None) -> str:
    return "unknown" if kg_per_month is None else two_digits(kg_per_month)


def _front(run: Run) -> Table:
    """One line a member, with the designs in which it differs from the recommendation."""
    numbers = ("USD a month", "p99 ms", "Availability", "kg of calls")
    apart = any(member.strategy != Strategy.NONE.value for member in run.front)
    table = table_of(
        "Stack", *numbers,
        right=numbers,
        title="Worth choosing: what gains in one column loses in another"
        + (", both regions counted" if apart else ""),
    )  # fmt: skip
    for member in run.front[:SHOWN_FRONT]:
        table.add_row(
            _member_difference(member, run) or "as recommended",
            dollars(member.compared_monthly_usd),
            figure(round(member.api_p99_ms)),
            f"{member.availability_ratio:.3%}",
            _carbon_figure(member.calls_carbon_kg_per_month),
        )
    _say_hidden(table, len(run.front) - SHOWN_FRONT)
    return table


def _member_difference(member: FrontNote, run: Run) -> str:
    """The designs in which a member differs, and what it keeps in a second region where that differs."""
    recommended = run.recovery.strategy if run.recovery else Strategy.NONE.value
    kept = Strategy(member.strategy).words if member.strategy != recommended else ""
    return " + ".join(filter(None, (_difference(member, run.chosen), kept)))


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
    chosen_usd = run.chosen.effective_monthly_usd
    more = monthly_usd - chosen_usd
    return f"{dollars(more)} ({more / chosen_usd:.0%})" if chosen_usd else dollars(more)


def _rejections(run: Run) -> Table:
    """Rejected designs of one kind that break one objective, in one row with the one that came nearest.

    Whole candidates stand together whatever their kinds: there is one of each combination.
    """
    alike: defaultdict[tuple[object, ...], list[RejectionNote]] = defaultdict(list)
    for rejection in run.rejections:
        kinds = () if rejection.of_candidate else rejection.kinds
        alike[rejection.constraint, rejection.unit, kinds].append(rejection)
    table = table_of(
        "Breaks", "Nearest miss", "Observed", "Allowed", "Designs",
        right=("Observed", "Allowed", "Designs"),
        title="Rejected: designs that break an objective or a limit",
    )  # fmt: skip
    groups = sorted(alike.values(), key=lambda group: -sum(rejection.candidates for rejection in group))
    for group in groups[:SHOWN_REJECTIONS]:
        nearest = min(group, key=lambda rejection: rejection.excess)
        table.add_row(
            f"{nearest.constraint}, {nearest.unit}",
            nearest.subject,
            figure(nearest.observed),
            figure(nearest.limit),
            f"{len(group):,}",
        )
    _say_hidden(table, len(groups) - SHOWN_REJECTIONS)
    return table


def _say_hidden(table: Table, rows: int) -> None:
    if rows > 0:
        table.add_row(f"and {rows} more: --format json has all", style="dim")


def _finalists(run: Run) -> Table:
    """Those that were tried longest, the recommendation first."""
    numbers = ("Draws", "Mean USD", "P90 USD", "Best in", "Regret USD", "Holds in")
    table = table_of(
        "Finalist",
        *numbers,
        right=numbers,
        title=f"The finalists in {run.cost_range.draws} draws of inputs and traffic, by the month",
    )
    shown = sorted(
        run.finalists, key=lambda note: (not note.chosen, not note.tied, -note.draws, note.mean_usd)
    )
    for note in shown[:SHOWN_FINALISTS]:
        table.add_row(
            " · ".join(kind.replace("_", " ") for kind in note.kinds) + (" (tied)" if note.tied else ""),
            f"{note.draws:,}",
            *(dollars(usd) for usd in (note.mean_usd, note.p90_usd)),
            note.share_words(note.best_ratio),
            "far" if note.regret_usd is None else dollars(note.regret_usd),
            note.share_words(note.holds_ratio),
        )
    return table


def drivers_table(run: Run) -> Table:
    """Uncertain inputs: the monthly cost at both of their ends, how much they explain, what they are worth to know."""
    numbers = ("USD at low", "at high", "Explains", "Worth USD")
    table = table_of(
        "Uncertain input",
        *numbers,
        right=numbers,
        title="What moves the bill most, and what it is worth to know it",
    )
    for driver in run.drivers:
        table.add_row(
            driver.path,
            dollars(driver.low_usd),
            dollars(driver.high_usd),
            f"{driver.explained_ratio:.0%}",
            dollars(driver.measuring_usd),
        )
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
