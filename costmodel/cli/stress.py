"""`costmodel stress`: how much more load the recommendation bears, and what gives way first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.books import PricesOption, check_ages, open_book, used_prices
from costmodel.cli.console import Format, print_result, progress_bar, table_of, write_json
from costmodel.cli.options import format_option, number_for, region_code
from costmodel.cli.own_rates import RatesFileOption, read_own_rates
from costmodel.cli.simulate import note_trace, read_scenario

if TYPE_CHECKING:
    from rich.table import Table

    from costmodel.decision.stress import Finding, Stress
    from costmodel.scenario.model import Scenario


HOLDS = "holds"


def stress(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help="A scenario file, or the name of a shipped example (costmodel scenario list).",
            show_default=False,
        ),
    ],
    output: Annotated[Format, format_option("the result")] = Format.TABLE,
    seed: Annotated[
        int | None, typer.Option(parser=number_for("seed"), help="Seed of the traffic's randomness.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(parser=region_code, help="Serve from this region instead of the scenario's."),
    ] = None,
    rates: RatesFileOption = None,
    prices: PricesOption = None,
) -> None:
    """Find the load at which each tier breaks first.

    Multiplies all page views of the scenario, with their shape, events and swings, until a limit or an
    objective breaks, tier by tier and all together. Beside it stand the cheapest stacks of every other kind.
    """
    from costmodel.decision.search import search
    from costmodel.decision.stress import side_by_side
    from costmodel.decision.stress import stress as find_breaks
    from costmodel.demand.synthesise import synthesise

    overrides: dict[str, object] = {
        key: value for key, value in {"seed": seed, "region": region}.items() if value is not None
    }
    read = read_scenario(scenario, overrides)
    own_rates = read_own_rates(rates).under(read)
    book = open_book(prices)
    note_trace(read)
    with progress_bar() as progress:
        result = search(read, synthesise(read), book, progress, own_rates)
        found = find_breaks(read, side_by_side(result.best, result.rivals), progress)
    check_ages(book, used_prices(book, (charge.sku_price_id for charge in result.best.bill.charges)), None)
    if output is Format.JSON:
        import msgspec

        write_json(msgspec.json.format(msgspec.json.encode(_plain(read, found)), indent=1) + b"\n")
    else:
        print_result(_headline(read, found[0]), "", _findings(found[0]), "", _rivals(found))


def _headline(scenario: Scenario, of: Stress) -> str:
    weakest = of.weakest
    stack = " with ".join(of.candidate.labels)
    if weakest.first is None:
        return (
            f"{scenario.name}: {stack} holds. Nothing breaks up to {weakest.held_factor:,.0f} times the load."
        )
    first = weakest.first
    return (
        f"{scenario.name}: {stack} breaks at {first.factor:.2f} times the load, with {first.peak.api_calls_per_s:,.1f} "
        f"API calls a second in the busiest minute instead of {of.peak.api_calls_per_s:,.1f}. "
        f"First to give way: {_words(weakest.part)}, {first.limit.constraint}."
    )


def _findings(of: Stress) -> Table:
    table = table_of(
        "Tier", "Breaks at", "API calls/s", "What breaks first", "What to raise",
        right=("Breaks at", "API calls/s"), whole=("Tier",),
        title="Times the load that each tier bears, the busiest minute then, and the way out",
    )  # fmt: skip
    for finding in of.findings:
        if finding.first is None:
            table.add_row(_words(finding.part), HOLDS, "", _unbroken(finding), "")
            continue
        first = finding.first
        table.add_row(
            _words(finding.part),
            f"{first.factor:.2f} x",
            f"{first.peak.api_calls_per_s:,.1f}",
            f"{_sentence(finding)}{_healing(finding)}",
            first.limit.way_out,
        )
    return table


def _rivals(found: tuple[Stress, ...]) -> Table:
    table = table_of(
        "Stack", "Breaks at", "API calls/s", "First to give way",
        right=("Breaks at", "API calls/s"),
        title="Beside the cheapest stacks of other kinds",
    )  # fmt: skip
    for of in found:
        weakest = of.weakest
        stack = of.candidate.kind_words
        if weakest.first is None:
            table.add_row(stack, HOLDS, "", _unbroken(weakest))
            continue
        first = weakest.first
        table.add_row(
            stack,
            f"{first.factor:.2f} x",
            f"{first.peak.api_calls_per_s:,.1f}",
            f"{_words(weakest.part)}: {first.limit.constraint}",
        )
    return table


def _unbroken(finding: Finding) -> str:
    """How far was looked in vain. Tiers together are held against the objectives they share alone."""
    from costmodel.decision.stress import TOGETHER

    what = "no shared objective" if finding.part == TOGETHER else "nothing"
    return f"{what}, up to {finding.held_factor:,.0f} times the load"


def _sentence(finding: Finding) -> str:
    from costmodel.units import figure

    assert finding.first is not None
    limit = finding.first.limit
    return f"{limit.constraint}: {figure(limit.observed)} {limit.unit}, allowed {figure(limit.limit)}"


def _healing(finding: Finding) -> str:
    """What bisection cannot promise where more load heals what less load broke."""
    if finding.heals_at_factor is None:
        return ""
    return f"; holds again at {finding.heals_at_factor:.2f} x, so a smaller factor may break too"


def _words(part: str) -> str:
    return part.replace("_", " ")


def _plain(scenario: Scenario, found: tuple[Stress, ...]) -> dict[str, Any]:
    from costmodel.decision.stress import LADDER, PRECISION

    return {
        "scenario_name": scenario.name,
        "region_id": scenario.region,
        "seed": scenario.seed,
        "largest_factor": LADDER[-1],
        "precision_ratio": PRECISION,
        "candidates": [_plain_stress(of) for of in found],
    }


def _plain_stress(of: Stress) -> dict[str, Any]:
    return {
        "kinds": of.candidate.kinds,
        "labels": of.candidate.labels,
        "page_views_per_s": of.peak.page_views_per_s,
        "api_calls_per_s": of.peak.api_calls_per_s,
        "weakest": of.weakest.part,
        "findings": [_plain_finding(finding) for finding in of.findings],
    }


def _plain_finding(finding: Finding) -> dict[str, Any]:
    first = finding.first
    return {
        "part": finding.part,
        "label": finding.label,
        "held_factor": finding.held_factor,
        "monotone": finding.heals_at_factor is None,
        "heals_at_factor": finding.heals_at_factor,
        "break": None
        if first is None
        else {
            "factor": first.factor,
            "page_views_per_s": first.peak.page_views_per_s,
            "api_calls_per_s": first.peak.api_calls_per_s,
            "constraint": first.limit.constraint,
            "observed": first.limit.observed,
            "limit": first.limit.limit,
            "unit": first.limit.unit,
            "way_out": first.limit.way_out,
        },
    }
