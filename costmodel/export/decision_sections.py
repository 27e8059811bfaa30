"""The decision in the report: the front, how sure the figures are, and what committing would save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from costmodel.billing.charge import dollars
from costmodel.decision.run import CommitmentNote, CostRange, FinalistNote, FrontNote, PlanNote, Run
from costmodel.export import charts
from costmodel.export.charts import LARGEST_SERVICES, OTHER_KINDS, Curve
from costmodel.export.sections import NOTHING, Column, Section, Table, number, words
from costmodel.services._base import Strategy
from costmodel.units import two_digits

_SHOWN_CURVES = 4
_CURVE_NOTE = (
    "USD a month by USD committed; the dot marks the best level. To its left more use is billed on demand, to its "
    "right more of the commitment idles. The scales do not start at nothing."
)


def decision_sections(run: Run) -> Iterator[Section]:
    """Sections on the choice, those that a saved run has figures for."""
    if run.front:
        yield _front(run)
    yield _draws(run)
    if run.commitments:
        yield _commitments(run)


def _front(run: Run) -> Section:
    strategies = [Strategy(member.strategy) for member in run.front]
    apart = any(strategy is not Strategy.NONE for strategy in strategies)
    columns = (
        *(Column(name) for name in ("Compute", "Database", "Delivery", "Rendering")),
        *((Column("Second region"),) if apart else ()),
        number("USD a month"),
        number("p99 ms"),
        number("Availability"),
        number("kg CO2e of calls"),
    )
    rows = tuple(
        (
            member.compute,
            member.database,
            member.delivery,
            member.rendering,
            *((strategy.words,) if apart else ()),
            dollars(member.compared_monthly_usd),
            f"{member.api_p99_ms:,.0f}",
            f"{member.availability_ratio:.3%}",
            NOTHING
            if member.calls_carbon_kg_per_month is None
            else two_digits(member.calls_carbon_kg_per_month),
        )
        for member, strategy in zip(run.front, strategies, strict=True)
    )
    chosen = (run.chosen.api_p99_ms, float(run.chosen.effective_monthly_usd))
    return Section(
        "Cost against latency",
        text=(
            "Candidates that no other one matches in cost, latency, availability and carbon and betters in one of them. "
            "Carbon is that of compute, load balancer and database, in every region that they stand in; where two regions "
            "serve, availability is that of both together. The ring marks what is recommended.",
        ),
        chart=charts.front_points(_by_kinds(run.front), chosen, "Cost against latency"),
        tables=(Table(columns, rows, title="All of them", folded=True),),
    )


def _by_kinds(front: Sequence[FrontNote]) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds and dollars by kinds of compute and database; the least common kinds together."""
    found: dict[str, list[tuple[float, float]]] = {}
    for member in front:
        point = (member.api_p99_ms, float(member.compared_monthly_usd))
        found.setdefault(" with ".join(map(words, member.kinds[:2])), []).append(point)
    ranked = sorted(found, key=lambda kinds: (-len(found[kinds]), kinds))
    if len(ranked) <= LARGEST_SERVICES:
        return found
    kept = {kinds: points for kinds, points in found.items() if kinds in ranked[: LARGEST_SERVICES - 1]}
    rest = [point for kinds, points in found.items() if kinds not in kept for point in points]
    return kept | {OTHER_KINDS: rest}


def _draws(run: Run) -> Section:
    known = run.cost_range
    return Section(
        "How sure the figures are",
        text=tuple(_range_sentences(run)),
        chart=charts.settling(known.settling, "Monthly cost over the draws") if known.settling else None,
        tables=tuple(_draw_tables(run)),
    )


def _range_sentences(run: Run) -> Iterator[str]:
    known = run.cost_range
    yield (
        f"In {known.draws:,} draws of inputs and traffic a month costs {dollars(known.mean_usd)} on average, give or "
        f"take a standard error of {dollars(known.standard_error_usd)}. Eight months in ten lie between "
        f"{dollars(known.p10_usd)} and {dollars(known.p90_usd)}; the dearest tenth averages {dollars(known.cvar_usd)}."
    )
    yield _holding(known)
    if known.budget_breach_ratio is not None:
        yield budget_sentence(known.budget_breach_ratio)


def budget_sentence(breach_ratio: float) -> str:
    """How often the draws break the budget."""
    return f"The budget is exceeded in {breach_ratio:.0%} of the draws."


def _holding(known: CostRange) -> str:
    if not known.breaks:
        return "The recommended configuration meets every objective in all of them."
    broken = ", ".join(f"{constraint} in {share:.0%}" for constraint, share in known.breaks.items())
    return f"The recommended configuration meets every objective in {known.holds_ratio:.0%} of them; missed first: {broken}."


def _draw_tables(run: Run) -> Iterator[Table]:
    if run.finalists:
        yield Table(
            (
                *(Column(name) for name in ("Compute", "Database", "Delivery", "Rendering")),
                *map(number, ("Draws", "Mean USD", "P10", "P90", "Best in", "Regret USD", "Holds in")),
            ),
            tuple(_finalist_row(note) for note in sorted(run.finalists, key=_by_rank)),
            title="What was tried in the draws, the recommended one first",
        )
    if run.drivers:
        yield Table(
            (
                Column("Input"),
                *map(number, ("At low, USD", "At high, USD", "Explains", "Worth knowing, USD")),
            ),
            tuple(
                (
                    driver.path,
                    dollars(driver.low_usd),
                    dollars(driver.high_usd),
                    f"{driver.explained_ratio:.0%}",
                    dollars(driver.measuring_usd),
                )
                for driver in run.drivers
            ),
            title="What moves the bill most: each uncertain input alone, from its low to its high value",
        )


def _by_rank(note: FinalistNote) -> tuple[bool, int, float]:
    return not note.chosen, -note.draws, note.mean_usd


def _finalist_row(note: FinalistNote) -> tuple[str, ...]:
    return (
        *map(words, note.kinds),
        f"{note.draws:,}",
        *(dollars(usd) for usd in (note.mean_usd, note.p10_usd, note.p90_usd)),
        note.share_words(note.best_ratio),
        NOTHING if note.regret_usd is None else dollars(note.regret_usd),
        note.share_words(note.holds_ratio),
    )


def _commitments(run: Run) -> Section:
    columns = (
        Column("Commitment"),
        Column("Covers"),
        number("Commit"),
        number("Saves USD a month"),
        number("Pays if used over"),
        number("Upfront USD"),
        Column("Rate"),
    )
    best = best_of_each_kind(run.commitments)
    paying = sorted((note for note in best if note.best.level_usd > 0), key=lambda note: -note.saves_usd)
    curves = [_curve(note) for note in paying[:_SHOWN_CURVES]]
    table = Table(columns, tuple(map(_commitment_row, best)), title="The best of each kind")
    return Section(
        "If you committed",
        text=(
            "Each alone, at its best level on the simulated use by the hour, as a mean month of its term. "
            "The bill above is without them.",
        ),
        chart=charts.level_curves(curves, "Cost by level of commitment") if curves else None,
        tables=(table, *(_purchases(run.plan) if run.plan else ())),
        notes=(_CURVE_NOTE,) if curves else (),
    )


def best_of_each_kind(notes: Sequence[CommitmentNote]) -> list[CommitmentNote]:
    """Of every kind of commitment the one that saves most."""
    best: dict[str, CommitmentNote] = {}
    for note in notes:
        if note.kind not in best or note.saves_usd > best[note.kind].saves_usd:
            best[note.kind] = note
    return list(best.values())


def _commitment_row(note: CommitmentNote) -> tuple[str, ...]:
    pays = note.best.level_usd > 0
    return (
        f"{note.kind}, {note.years} yr {note.payment}",
        note.covers,
        commitment_level(note) if pays else "nothing",
        f"{dollars(note.saves_usd)} ({note.saving_ratio:.0%})" if pays else NOTHING,
        f"{note.break_even_ratio:.0%}",
        dollars(note.upfront_usd) if pays else NOTHING,
        "published" if note.published else "inferred",
    )


def commitment_level(note: CommitmentNote) -> str:
    """`$1.234 an hour`, or `6 x m7g.large`."""
    if note.count is not None:
        return f"{note.count} x {note.unit}"
    if note.per == "hour":
        return f"${note.best.level_usd:,.3f} an hour"
    return f"{dollars(note.best.level_usd)} a month"


def _curve(note: CommitmentNote) -> Curve:
    return Curve(
        name=f"{note.kind}, {note.years} yr {note.payment}",
        per="an hour" if note.per == "hour" else "a month",
        points=tuple((point.level_usd, point.monthly_usd) for point in note.curve),
        best=(note.best.level_usd, note.best.monthly_usd),
    )


def _purchases(plan: PlanNote) -> Iterator[Table]:
    yield Table(
        (Column("Buy"), Column("Covers"), number("Level USD"), Column("Per"), number("Upfront USD")),
        tuple(
            (
                f"{bought.kind}, {bought.years} yr {bought.payment}",
                bought.covers,
                f"{bought.level_usd:,.3f}",
                bought.per,
                dollars(bought.upfront_usd),
            )
            for bought in plan.purchases
        ),
        title=f"Bought with what is recommended; saves {dollars(plan.saves_usd)} a month",
    )
