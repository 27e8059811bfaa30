"""The monthly report: one self-contained HTML page and the same in Markdown.

The page is built once, as sections of text and tables; the two templates only lay it out, so that
both always say the same. Nothing about money is computed here beyond sums, shares and the one
projection that is labelled as such.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any

from costmodel.billing.charge import EXACT, converted, dollars
from costmodel.decision.run import AssumptionNote, CarbonPart, RecoveryNote, Run
from costmodel.demand.calendar import BillingPeriod
from costmodel.export import charts
from costmodel.export.charts import LARGEST_SERVICES, OTHER
from costmodel.export.decision_sections import decision_sections
from costmodel.export.sections import NOTHING, Column, Section, Table, number, slug, words
from costmodel.review.variance import EFFECTIVE_COST, MonthVariance, Variance, VarianceRow
from costmodel.services._base import Strategy
from costmodel.units import two_digits

HTML_FILE = "index.html"
MARKDOWN_FILE = "report.md"

_LARGEST_LINES = 15
_SHOWN_REJECTIONS = 25
_SHOWN_ALTERNATIVES = 8
_CHARTED_VARIANCES = 12
_PROJECTED_MONTHS = 3

_LOAD_NAMES = {
    "page_views": "Page views",
    "sessions": "Sessions",
    "model_views": "3D model views",
    "api_requests": "API calls",
    "asset_requests": "Asset requests",
    "egress_gb": "Delivered GB",
}
_CHARTED_LOADS = ("page_views", "api_requests", "egress_gb")


def monthly_report(run: Run, variance: Variance | None = None) -> dict[str, bytes]:
    """The report's files by name. The same run and bill give the same bytes."""
    page = {
        "run": run,
        "span": _span(run),
        "figures": tuple(_key_figures(run, variance)),
        "sections": tuple(_sections(run, variance)),
    }
    return {
        HTML_FILE: _render("report.html.j2", page, html=True),
        MARKDOWN_FILE: _render("report.md.j2", page, html=False),
    }


def report_folder(run: Run) -> str:
    """Name of the report's folder: the scenario and its first month, safe as a path."""
    return f"{slug(run.scenario_name)}-{slug(run.months[0])}"


# Layout --------------------------------------------------------------------------------------------


class _Verbatim(str):
    """Text that a Markdown template takes as it is."""

    __slots__ = ()


def _render(template: str, page: Mapping[str, Any], *, html: bool) -> bytes:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("costmodel.export"),
        autoescape=html,
        finalize=None if html else _escape_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["one_line"] = lambda text: _Verbatim(" ".join(str(text).replace("`", "'").split()))
    return environment.get_template(template).render(page).encode()


def _escape_markdown(value: object) -> str:
    """Text as GitHub-flavoured Markdown shows it literally, also inside a table cell."""
    if isinstance(value, _Verbatim):
        return value
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|~]|\$(?!\d))", r"\\\1", text)


# What the page says --------------------------------------------------------------------------------


def _sections(run: Run, variance: Variance | None) -> Iterator[Section]:
    yield _bill(run)
    if variance is not None:
        yield from (_forecast_against_actual(month, variance) for month in variance.months)
    if run.daily_cost_usd:
        yield _cost_by_day(run)
    if run.daily_load:
        yield _load_by_day(run)
    yield _requirements(run)
    yield _carbon(run)
    yield _side_by_side(run)
    yield from decision_sections(run)
    yield _next_months(run)
    yield _rejected(run)
    yield _assumptions(run)
    yield _provenance(run)


def _span(run: Run) -> str:
    return run.months[0] if len(run.months) == 1 else f"{run.months[0]} to {run.months[-1]}"


def _key_figures(run: Run, variance: Variance | None) -> Iterator[tuple[str, str]]:
    """Label and figure."""
    chosen, spread = run.chosen, run.cost_range
    yield f"Forecast a month{', with its plans' if run.plan else ''}", dollars(chosen.effective_monthly_usd)
    if run.plan:
        yield "Without them", dollars(run.monthly_usd)
    yield "80 % of draws between", f"{dollars(spread.p10_usd)} and {dollars(spread.p90_usd)}"
    for month in variance.months if variance else ():
        yield f"Actual services, {_actual_days(month)}", dollars(month.actual_usd)
    yield "API calls, p95 and p99", f"{chosen.api_p95_ms:,.0f} and {chosen.api_p99_ms:,.0f} ms"
    yield "Availability agreed", f"{chosen.availability_ratio:.3%}"
    yield "Requirements met", f"{sum(known.met for known in run.requirements)} of {len(run.requirements)}"
    page_views = sum(run.daily_load.get("page_views", ()))
    yield "Page views a month", f"{page_views / len(run.months):,.0f}"


def _totals(costs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Exact sums by name, dearest first."""
    totals: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for name, cost in costs:
            totals[name] = totals.get(name, Decimal(0)) + cost
    return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))


def _total(costs: Iterable[Decimal]) -> Decimal:
    with localcontext(EXACT):
        return sum(costs, Decimal(0))


def _share(part: Decimal, whole: Decimal) -> str:
    return f"{part / whole:.1%}" if whole else NOTHING


def _bill(run: Run) -> Section:
    totals = _totals((charge.service_name, charge.billed_cost) for charge in run.charges)
    whole = _total(totals.values())
    at_list = _totals((charge.service_name, charge.list_cost) for charge in run.charges)
    own = (number("List USD"), number("Discount USD")) if run.own_rates else ()

    def costs(listed: Decimal, cost: Decimal) -> tuple[str, ...]:
        return tuple(map(dollars, (listed, listed - cost, cost) if own else (cost,)))

    rows = tuple((name, *costs(at_list[name], cost), _share(cost, whole)) for name, cost in totals.items())
    by_service = Table(
        (Column("Service"), *own, number("USD"), number("Share")),
        rows,
        ("Total", *costs(_total(at_list.values()), whole), ""),
    )
    largest = sorted(run.charges, key=lambda charge: -charge.billed_cost)[:_LARGEST_LINES]
    lines = Table(
        (
            Column("Month"),
            Column("Service"),
            Column("Meter"),
            number("Quantity"),
            Column("Unit"),
            number("Unit price USD"),
            number("USD"),
        ),
        tuple(
            (
                charge.billing_period,
                charge.service_name,
                charge.sku_meter,
                f"{charge.pricing_quantity:,.2f}".removesuffix(".00"),
                charge.pricing_unit,
                f"{charge.contracted_unit_price.normalize():f}",
                dollars(charge.billed_cost),
            )
            for charge in largest
        ),
        title=f"The {len(largest)} largest of {len(run.charges)} lines",
        folded=True,
    )
    return Section(
        "Bill by service",
        text=(
            f"Forecast of the recommended configuration for {_span(run)}, at {run.price_basis} without tax.",
            *_own_rates(run, whole),
            *_plans(run),
        ),
        chart=charts.service_bars(totals, "Bill by service") if totals else None,
        tables=(by_service, lines),
        notes=("Each figure is rounded to the cent on its own; the total is the exact sum, rounded once.",),
    )


def _plans(run: Run) -> Iterator[str]:
    """What the plans to buy take off the bill."""
    if run.plan:
        yield (
            f"This bill is that without plans. Those that the recommendation buys save {dollars(run.plan.saves_usd)} a "
            f"month of it, which leaves {dollars(run.chosen.effective_monthly_usd)}."
        )


def _with_plans(run: Run) -> str:
    return " with its plans" if run.plan else ""


def _own_rates(run: Run, whole_usd: Decimal) -> Iterator[str]:
    """Which own rates apply and what they save; the total in the currency they state."""
    note = run.own_rates
    if note is None:
        return
    saved = note.list_cost - note.contracted_cost
    unused = f" Not used here: {'; '.join(note.unused)}." if note.unused else ""
    yield (
        f"Own rates {note.name}: {dollars(saved)} off {dollars(note.list_cost)} at list prices, "
        f"{_share(saved, note.list_cost)}.{unused}"
    )
    stated = note.currency
    if stated:
        yield (
            f"The total is {stated.code} {converted(whole_usd, stated.per_usd, stated.code)}, at {stated.per_usd.normalize():f} a dollar "
            f"({stated.source}, {stated.day}). Every other amount is in US dollars."
        )


def _forecast_against_actual(month: MonthVariance, variance: Variance) -> Section:
    columns = (
        Column("Service"),
        number("Forecast USD"),
        number("Actual USD"),
        number("Difference USD"),
        number("Difference"),
        Column("Where"),
    )
    rows = tuple(
        (
            row.service_name,
            _dollars_or_nothing(row.forecast_usd),
            _dollars_or_nothing(row.actual_usd),
            dollars(row.difference_usd),
            _signed_share(row.difference_ratio),
            _standing(row),
        )
        for row in month.rows
    )
    total = (
        "Total",
        dollars(month.forecast_usd),
        dollars(month.actual_usd),
        dollars(month.difference_usd),
        _signed_share(month.difference_ratio),
        "",
    )
    charted = [
        (row.service_name, row.forecast_usd, row.actual_usd) for row in month.rows[:_CHARTED_VARIANCES]
    ]
    title = f"Forecast against actual, {month.actual_month}"
    return Section(
        title,
        text=(_variance_sentence(month, variance), *_days_sentence(month)),
        warning=""
        if month.same_month
        else f"This run does not hold {month.actual_month}. The bill is compared with the run's first month, "
        f"{month.forecast_month}: the differences hold whatever differs between the two months.",
        chart=charts.variance_bars(charted, title) if charted else None,
        tables=(Table(columns, rows, total), *_apart_table(month)),
        notes=tuple(_variance_notes(month, variance)),
    )


def _standing(row: VarianceRow) -> str:
    """Which side knows the service, and under which other name the forecast does."""
    return f"{row.standing}, forecast as {' and '.join(row.forecast_as)}" if row.forecast_as else row.standing


def _variance_sentence(month: MonthVariance, variance: Variance) -> str:
    more = month.difference_usd
    direction = "more" if more >= 0 else "less"
    share = f" ({abs(month.difference_ratio):.1%})" if month.difference_ratio is not None else ""
    return (
        f"The services of the actual bill {variance.source} ({variance.format_name}) cost "
        f"{dollars(month.actual_usd)}: {dollars(abs(more))}{share} {direction} than the forecast of "
        f"{dollars(month.forecast_usd)}{' with its plans' if month.column == EFFECTIVE_COST else ''}"
        f"{'' if month.whole_month else ' for the same days'}. "
        f"Its charges are dated {month.first_day} to {month.last_day}."
    )


def _actual_days(month: MonthVariance) -> str:
    """`2026-03`, or `2026-03-01 to 2026-03-14` of a bill for a part of it."""
    if month.whole_month or month.covered is None:
        return month.actual_month
    return f"{month.covered.first_day} to {month.covered.last_day}"


def _days_sentence(month: MonthVariance) -> Iterator[str]:
    """Which days are compared, where a bill covers a part of its month or does not say."""
    if month.covered is None:
        yield (
            "The bill does not say until when its rows charge (ChargePeriodEnd, or UsageEndDate), so the whole month's "
            "forecast stands against them."
        )
    elif not month.whole_month:
        yield (
            f"The bill covers {_actual_days(month)}. Against it stands the forecast of these days by their load, "
            f"{dollars(month.forecast_usd)} of the month's {dollars(month.forecast_month_usd)}; what costs the same by the "
            "month counts by its share of days. A fee that AWS charges for the month at once stands whole in the bill."
        )


def _apart_table(month: MonthVariance) -> Iterator[Table]:
    if month.apart_usd:
        yield Table(
            (Column("Also on the invoice, not forecast"), number("USD")),
            tuple((category, dollars(cost)) for category, cost in sorted(month.apart_usd.items())),
            (f"Invoice of {month.actual_month}, services included", dollars(month.invoice_usd)),
        )


def _variance_notes(month: MonthVariance, variance: Variance) -> Iterator[str]:
    if month.column == EFFECTIVE_COST:
        yield (
            "Effective cost stands against effective cost (EffectiveCost), because the forecast is with the plans that "
            "the run recommends: both spread a plan's fees, upfront ones too, over the use they pay for. Billed cost "
            "would show that use at nothing and the fees by themselves. What a plan does not use up is part of the use in "
            "the forecast; a bill may show it by itself. Difference is actual less forecast."
        )
        if month.spread_usd or month.billed_usd != month.actual_usd:
            fees = f", {dollars(month.spread_usd)} of it fees that are spread" if month.spread_usd else ""
            yield f"The billed cost of all that is compared is {dollars(month.billed_usd)}{fees}."
    else:
        yield "Billed cost stands against billed cost. Difference is actual less forecast."
        if month.effective_usd != month.actual_usd:
            yield (
                f"With commitments and prepayments spread over their use, the actual services cost "
                f"{dollars(month.effective_usd)}, by the bill's own effective cost."
            )
    for moved in month.regrouped:
        yield (
            f"{dollars(moved.forecast_usd)} that this report shows under {moved.from_service} stands here under "
            f"{moved.to_service}, where an AWS invoice has it."
        )
    for aside in variance.set_aside:
        yield (
            f"Not compared, {aside.reason}: {aside.rows:,} rows, {aside.billed_cost:,.2f} {aside.currency}, over "
            "the whole file."
        )


def _dollars_or_nothing(amount: Decimal | None) -> str:
    return NOTHING if amount is None else dollars(amount)


def _signed_share(ratio: Decimal | None) -> str:
    return NOTHING if ratio is None else f"{ratio:+,.1%}"


def _cost_by_day(run: Run) -> Section:
    series = _largest_series(run.daily_cost_usd)
    days = _days(run)
    columns = (Column("Day"), *(number(name) for name in series), number("Total USD"))
    by_day = dict(zip(days, zip(*series.values(), strict=True), strict=True))
    rows = tuple(
        (day.isoformat(), *map(dollars, costs), dollars(sum(costs))) for day, costs in by_day.items()
    )
    dearest = max(by_day, key=lambda day: sum(by_day[day]))
    return Section(
        "Cost by day",
        text=(
            f"What each day costs{_with_plans(run)}; a month's charge is spread over its days by their use. The dearest "
            f"day is {dearest.isoformat()} with {dollars(sum(by_day[dearest]))}.",
        ),
        chart=charts.daily_cost(series, days[0], "Cost by day"),
        tables=(Table(columns, rows, title="Cost by day as a table", folded=True),),
    )


def _largest_series(series: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """The dearest services by themselves and the rest as one; all of them where that is no more."""
    ranked = sorted(series, key=lambda name: (-sum(series[name]), name))
    if len(ranked) <= LARGEST_SERVICES:
        return {name: series[name] for name in ranked}
    largest: dict[str, Sequence[float]] = {name: series[name] for name in ranked[:LARGEST_SERVICES]}
    rest = (series[name] for name in ranked[LARGEST_SERVICES:])
    return largest | {OTHER: tuple(sum(costs) for costs in zip(*rest, strict=True))}


def _days(run: Run) -> list[date]:
    first = date.fromisoformat(run.first_day)
    return [first + timedelta(days=day) for day in range(run.days)]


def _load_by_day(run: Run) -> Section:
    days = _days(run)
    shown = {
        f"{_LOAD_NAMES[name]} a day": run.daily_load[name]
        for name in _CHARTED_LOADS
        if name in run.daily_load
    }
    columns = (Column("Day"), *(number(_LOAD_NAMES.get(name, name)) for name in run.daily_load))
    rows = tuple(
        (
            day.isoformat(),
            *(f"{value:,.0f}" if value >= 10 or value == 0 else two_digits(value) for value in values),
        )
        for day, values in zip(days, zip(*run.daily_load.values(), strict=True), strict=True)
    )
    return Section(
        "Load by day",
        text=("What the shop is asked for, each panel on its own scale.",),
        chart=charts.daily_load(shown, days[0], "Load by day") if shown else None,
        tables=(Table(columns, rows, title="Load by day as a table", folded=True),),
    )


def _requirements(run: Run) -> Section:
    rows = tuple((known.name, "yes" if known.met else "no", known.summary) for known in run.requirements)
    views = tuple(
        (words(geography), f"{median / 1000:,.1f}", f"{tail / 1000:,.1f}")
        for geography, (median, tail) in run.first_view_ms.items()
    )
    first_view = Table(
        (Column("First view of a 3D model from"), number("Median s"), number("95th percentile s")), views
    )
    return Section(
        "Five requirements",
        tables=(
            Table((Column("Requirement"), Column("Met"), Column("In numbers")), rows),
            _drills(run),
            *([_recovery(run.recovery)] if run.recovery else []),
            *([first_view] if views else []),
        ),
    )


def _recovery(note: RecoveryNote) -> Table:
    columns = (
        Column("Strategy"),
        number("Serves within minutes"),
        number("Loses minutes of work"),
        number("More USD a month"),
        number("Minutes out a month, expected"),
        Column("Verdict"),
    )
    rows = tuple(
        (
            Strategy(option.strategy).words,
            *(
                NOTHING if minutes is None else _figure(minutes)
                for minutes in (option.rto_minutes, option.rpo_minutes)
            ),
            NOTHING if option.more_usd is None else dollars(option.more_usd),
            NOTHING
            if option.expected_minutes_per_month is None
            else f"{option.expected_minutes_per_month:.2f}",
            "recommended"
            if option.strategy == note.strategy
            else option.unavailable
            or (f"misses {option.misses}" if option.misses else "meets the objectives"),
        )
        for option in note.options
    )
    return Table(columns, rows, title=f"If the region is lost: what {note.region_id} can take over")


def _drills(run: Run) -> Table:
    columns = (
        Column("If"),
        Column("At the"),
        number("Calls a second"),
        number("Minutes losing calls"),
        number("Calls lost"),
        number("Minutes until fast again"),
    )
    rows = tuple(
        (
            drill.event,
            drill.moment,
            f"{drill.requests_per_s:,.1f}",
            f"{drill.impaired_minutes:,}",
            f"{drill.lost_requests:,.0f}",
            f"{drill.slow_minutes:,}",
        )
        for drill in run.drills
    )
    return Table(columns, rows, title="Drills: what the loss of a zone or of the database's writer does")


def _carbon(run: Run) -> Section:
    """What the candidate emits by part; the coefficients folded."""
    note = run.carbon

    def cells(part: CarbonPart) -> tuple[str, ...]:
        running, making = part.operational_kg_per_month, part.making_kg_per_month
        ends = f"{two_digits(running.low + making.low)} to {two_digits(running.high + making.high)}"
        figures = (part.kwh_per_month.likely, running.likely, making.likely)
        return (part.name, *(two_digits(value) for value in figures), ends)

    parts = Table(
        (
            Column("Part"),
            number("kWh a month"),
            number("kg CO2e of electricity"),
            number("kg CO2e of making"),
            number("Together, from and to"),
        ),
        tuple(cells(part) for part in note.parts),
    )
    viewers = note.to_viewers_kwh_per_month
    return Section(
        "Carbon",
        text=(note.summary,),
        tables=(
            *((parts,) if note.parts else ()),
            _carbon_of_rivals(run),
            *((_sources(note.coefficients, "All coefficients with their sources"),) if note.parts else ()),
        ),
        notes=(
            f"Not modelled: {', '.join(note.not_modelled)}." if note.not_modelled else "All is modelled.",
            f"Outside the boundary: networks between AWS and viewers take about {two_digits(viewers.likely)} kWh a month "
            f"({two_digits(viewers.low)} to {two_digits(viewers.high)}).",
        ),
    )


def _carbon_of_rivals(run: Run) -> Table:
    rows = tuple(
        (
            *(option.compute, option.database, option.delivery, option.rendering),
            "unknown" if option.carbon_kg_per_month is None else two_digits(option.carbon_kg_per_month),
        )
        for option in (run.chosen, *run.alternatives[:_SHOWN_ALTERNATIVES])
    )
    designs = tuple(Column(name) for name in ("Compute", "Database", "Delivery", "Rendering"))
    return Table((*designs, number("kg CO2e a month")), rows, title="Recommended, and runners-up, in carbon")


def _side_by_side(run: Run) -> Section:
    kinds = Table(
        (
            Column("Choice"),
            Column("Kind"),
            Column("Best of its kind"),
            number("USD a month"),
            Column("Outcome"),
        ),
        tuple(
            (
                row.role,
                words(row.kind),
                row.label or "none feasible",
                _dollars_or_nothing(row.effective_monthly_usd),
                row.why,
            )
            for row in run.comparisons
        ),
    )
    rivals = Table(
        (
            Column("Compute"),
            Column("Database"),
            Column("Delivery"),
            Column("Rendering"),
            number("p99 ms"),
            number("USD a month"),
            Column("Why"),
        ),
        tuple(
            (
                option.compute,
                option.database,
                option.delivery,
                option.rendering,
                f"{option.api_p99_ms:,.0f}",
                dollars(option.effective_monthly_usd),
                option.why,
            )
            for option in (run.chosen, *run.alternatives[:_SHOWN_ALTERNATIVES])
        ),
        title="Recommended, and runners-up",
    )
    hidden = len(run.alternatives) - _SHOWN_ALTERNATIVES
    return Section(
        "Side by side",
        text=("What the whole stack would have cost with the best design of each other kind.",),
        tables=(kinds, rivals),
        notes=(f"{hidden} dearer combinations are in the saved run, under alternatives.",)
        if hidden > 0
        else (),
    )


def _next_months(run: Run) -> Section:
    bills = {
        month: _total(charge.effective_cost for charge in run.charges if charge.billing_period == month)
        for month in run.months
    }
    if len(bills) > 1:
        return _simulated_months(run, bills)
    growth = _growth_ratio(run)
    projected = _projection(run.months[0], bills[run.months[0]], growth) if growth else None
    text = "This run holds one month. To see the next ones, simulate more:"
    rates = " --rates RATES.yaml" if run.own_rates else ""
    return Section(
        "Next months",
        text=(text,),
        commands=(f"costmodel simulate SCENARIO.yaml --months 12 --seed {run.seed}{rates} --save RUN.json",),
        tables=(projected,) if projected else (),
        notes=(
            f"The projection is this month's cost{_with_plans(run)} times the scenario's growth of {growth:.1%} a month, nothing "
            "else: season, events, tiers, steps of capacity and the length of months are not simulated.",
        )
        if projected
        else (),
    )


def _simulated_months(run: Run, bills: Mapping[str, Decimal]) -> Section:
    services = _totals((charge.service_name, charge.effective_cost) for charge in run.charges)
    costs = {
        (service, month): _total(
            charge.effective_cost
            for charge in run.charges
            if charge.service_name == service and charge.billing_period == month
        )
        for service in services
        for month in run.months
    }
    rows = tuple(
        (service, *(dollars(costs[service, month]) for month in run.months), dollars(services[service]))
        for service in services
    )
    total = ("Total", *map(dollars, bills.values()), dollars(_total(bills.values())))
    dearest = max(bills, key=lambda month: bills[month])
    return Section(
        "Next months",
        text=(
            f"Every month of the run is simulated. The dearest is {dearest} with {dollars(bills[dearest])}"
            f"{_with_plans(run)}.",
        ),
        tables=(Table((Column("Service"), *map(number, run.months), number("USD")), rows, total),),
    )


def _growth_ratio(run: Run) -> Decimal:
    """Growth per month that the scenario states; 0 when it states none."""
    growth = run.scenario.get("traffic", {}).get("growth_per_month_ratio", 0)
    return Decimal(str(growth.get("mid", 0) if isinstance(growth, dict) else growth))


def _projection(month: str, bill_usd: Decimal, growth_ratio: Decimal) -> Table:
    rows = []
    period = BillingPeriod.parse(month)
    for _ in range(_PROJECTED_MONTHS):
        period = period.next()
        bill_usd *= 1 + growth_ratio
        rows.append((str(period), dollars(bill_usd)))
    return Table((Column("Month"), number("USD if every cost grew with traffic")), tuple(rows))


def _rejected(run: Run) -> Section:
    counts = run.counts
    rows = tuple(
        (
            rejection.subject,
            rejection.constraint,
            _figure(rejection.observed),
            _figure(rejection.limit),
            rejection.unit,
            f"{rejection.candidates:,}",
        )
        for rejection in run.rejections[:_SHOWN_REJECTIONS]
    )
    hidden = len(run.rejections) - len(rows)
    columns = (
        Column("Design"),
        Column("Breaks"),
        number("Observed"),
        number("Allowed"),
        Column("Unit"),
        number("Candidates"),
    )
    return Section(
        "Rejected, and why",
        text=(
            f"Of {counts.considered:,} candidates {counts.rejected:,} break an objective or a limit, "
            f"{counts.pruned:,} are proven dearer without a whole bill, and {counts.priced:,} were billed whole.",
        ),
        tables=(Table(columns, rows),) if rows else (),
        notes=(f"{hidden:,} more are in the saved run, under rejections.",) if hidden else (),
    )


def _figure(value: float) -> str:
    """A number with its separators: no exponent, and four digits where it is small."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _assumptions(run: Run) -> Section:
    known = run.assumptions
    return Section(
        "Assumptions",
        text=(
            f"{len(known)} inputs are defaults: the scenario does not state them. Each has a source; stating a "
            "figure in the scenario replaces it.",
        ),
        tables=(_sources(known, "All assumptions with their sources"),) if known else (),
    )


def _sources(figures: Iterable[AssumptionNote], title: str) -> Table:
    columns = (Column("Input"), number("Value"), Column("Unit"), Column("Source"), Column("As of"))
    rows = tuple((known.path, known.value, known.unit, known.source, known.as_of) for known in figures)
    return Table(columns, rows, title=title, folded=True)


def _provenance(run: Run) -> Section:
    book, rates = run.price_book, run.own_rates
    own = f" less the own rates {rates.name} (file {rates.digest})" if rates else ""
    return Section(
        "Prices, and how to reproduce",
        text=(
            f"AWS list prices in US dollars{own}, without tax, as of {book.oldest_as_of} to {book.newest_as_of}. "
            f"Price book {book.digest}. Written by costmodel {run.version} with seed {run.seed}; the same scenario, "
            "prices and seed give the same report. The saved run holds the scenario whole, under scenario.",
        ),
        commands=(
            f"costmodel simulate SCENARIO.yaml --region {shlex.quote(run.region_id)} --months {len(run.months)} "
            f"--seed {run.seed}{' --rates RATES.yaml' if rates else ''} --save RUN.json",
            "costmodel report monthly RUN.json",
        ),
    )
