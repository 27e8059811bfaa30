"""`costmodel sweep`: what a scenario costs, and what is recommended, as one or two of its keys vary."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.books import PricesOption, check_ages, open_book, used_prices
from costmodel.cli.console import (
    Format,
    check_writable,
    compilation_noted,
    messages,
    placed_by,
    print_result,
    progress_bar,
    write_file,
    write_json,
)
from costmodel.cli.distributed import DistributedOption, cluster_or
from costmodel.cli.options import format_option, number_for, region_code
from costmodel.cli.own_rates import RatesFileOption, read_own_rates
from costmodel.cli.simulate import read_scenario, say
from costmodel.errors import OptionFault, ScenarioError

if TYPE_CHECKING:
    from costmodel.decision.sweep import Sweep
    from costmodel.scenario.document import Scalar
    from costmodel.scenario.model import Scenario
    from costmodel.scenario.vary import Axis

MOST_AXES = 2
MOST_POINTS = 10_000
"""Points of a grid beyond which a count is a slip: they would take a day."""
CHART_FORMATS = ("svg", "png")


def sweep(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help="A scenario file, or the name of a shipped example (costmodel scenario list).",
            show_default=False,
        ),
    ],
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="KEY=VALUES",
            help="A key and its values: from:to:count, from:to:count:log, or a,b,c. Twice for a grid.",
            show_default=False,
        ),
    ],
    output: Annotated[Format, format_option("the result")] = Format.TABLE,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the result into this .svg or .png file.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=number_for("seed"), help="Seed of the traffic's randomness.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(parser=region_code, help="Serve from this region instead of the scenario's."),
    ] = None,
    distributed: DistributedOption = None,
    rates: RatesFileOption = None,
    prices: PricesOption = None,
) -> None:
    """Vary a key of a scenario and see where the choice flips.

    Every value is a whole simulation, with the same seed. Where nothing meets the objectives the point
    says so. Keys are written as in messages about a scenario, with dots; docs/scenario.md lists them.

    \b
    Examples of --vary:
        traffic.monthly_visitors.europe=1_000:1_000_000:7:log
        api.cpu_ms_per_call=5:40:8
        region=eu-west-1,eu-central-1
    """  # noqa: D301 - the backspace tells the help not to join the lines after it
    from costmodel.decision.sweep import sweep as run_points
    from costmodel.decision.sweep import sweep_point

    axes = _axes(vary)
    if chart is not None:
        _check_chart(chart)
    overrides: dict[str, object] = {
        key: value for key, value in {"seed": seed, "region": region}.items() if value is not None
    }
    told: dict[str, None] = {}
    _check_places(axes, scenario, overrides, told.setdefault)
    combinations = list(product(*(axis.values for axis in axes)))
    scenarios = [_scenario(scenario, overrides, axes, values, told.setdefault) for values in combinations]
    for sentence in told:
        say(sentence)
    book = open_book(prices)
    answer_one = partial(sweep_point, book=book, own_rates=read_own_rates(rates))
    with compilation_noted(), progress_bar() as progress, cluster_or(distributed, map) as mapper:
        found = run_points(axes, combinations, scenarios, answer_one, mapper, progress)
    used = used_prices(book, (price_id for point in found.points for price_id in point.answer.price_ids))
    check_ages(book, used, None)
    if chart is not None:
        _draw(found, scenarios[0].name, chart)
    _show(found, scenarios[0], output)


def _axes(given: list[str]) -> tuple[Axis, ...]:
    """What `--vary` says. Raises OptionFault."""
    from costmodel.scenario.vary import parse_axis

    if len(given) > MOST_AXES:
        raise OptionFault(f"--vary is given {len(given)} times; at most {MOST_AXES} keys can vary at once")
    axes = tuple(parse_axis(text) for text in given)
    if len({axis.key for axis in axes}) < len(axes):
        raise OptionFault(f"--vary {axes[0].key}: is given twice; keep one, or vary another key as well")
    points = prod(len(axis.values) for axis in axes)
    if points > MOST_POINTS:
        raise OptionFault(f"--vary: {points:,} points; at most {MOST_POINTS:,}")
    return axes


def _check_chart(file: Path) -> None:
    if file.suffix.lower().removeprefix(".") not in CHART_FORMATS:
        names = " or ".join(f".{name}" for name in CHART_FORMATS)
        raise OptionFault(f"--chart {file}: the name must end in {names}")
    with placed_by("--chart"):
        check_writable(file)


def _check_places(
    axes: tuple[Axis, ...], scenario_name: str, overrides: dict[str, object], tell: Callable[[str], None]
) -> None:
    from costmodel.scenario.vary import check_place

    unvaried = read_scenario(scenario_name, overrides, tell)
    for axis in axes:
        check_place(axis, unvaried)


def _scenario(
    name: str,
    overrides: dict[str, object],
    axes: tuple[Axis, ...],
    values: tuple[Scalar, ...],
    tell: Callable[[str], None],
) -> Scenario:
    """The scenario at one point. Raises ScenarioError."""
    varied = {axis.key: value for axis, value in zip(axes, values, strict=True)}
    try:
        return read_scenario(name, overrides | varied, tell)
    except ScenarioError as error:
        keys = " and ".join(f"--vary {key}" for key in varied)
        raise ScenarioError(
            error.source, error.faults, f"Correct {keys}. What each key takes: costmodel scenario schema"
        ) from None


def _draw(found: Sweep, scenario_name: str, file: Path) -> None:
    from costmodel.export.pictures import kind_of
    from costmodel.export.sweep_chart import sweep_chart

    with placed_by("--chart"):
        write_file(file, sweep_chart(found, scenario_name, kind_of(file)))
    messages().print(f"wrote {file}")


def _show(found: Sweep, scenario: Scenario, output: Format) -> None:
    from costmodel.cli.sweep_tables import as_json, sweep_tables

    if output is Format.JSON:
        write_json(as_json(found, scenario.name, scenario.seed))
    else:
        print_result(*sweep_tables(found, scenario.name, scenario.seed))
