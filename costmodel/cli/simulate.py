"""`costmodel simulate`: the answer to one scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.books import MaxPriceAgeOption, PricesOption, check_ages, open_book, used_prices
from costmodel.cli.console import (
    Format,
    check_writable,
    compilation_noted,
    messages,
    print_result,
    progress_bar,
    write_file,
    write_json,
)
from costmodel.cli.distributed import DistributedOption, cluster_or
from costmodel.cli.gates import BudgetOption, FailIfOption, judge_gates, read_gates
from costmodel.cli.options import format_option, number_for, preset_name, region_code, whole_between
from costmodel.cli.own_rates import RatesFileOption, note_unused, read_own_rates

if TYPE_CHECKING:
    from costmodel.billing.rates import OwnRates
    from costmodel.decision.run import Run
    from costmodel.scenario.model import Scenario

MIN_DRAWS, MAX_DRAWS = 2, 100_000


def simulate(
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
    months: Annotated[
        int | None, typer.Option(parser=number_for("months"), help="Simulate this many months.")
    ] = None,
    free_tier: Annotated[
        bool | None,
        typer.Option("--free-tier/--no-free-tier", help="Count AWS's always-free allowances or not."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            parser=preset_name,
            metavar="PRESET",
            help="What to make small: cost, the cost of a bad month, or latency.",
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            parser=whole_between(MIN_DRAWS, MAX_DRAWS),
            metavar="DRAWS",
            help="Try the finalists in this many draws of inputs and traffic; as many as the choice needs when left out.",
        ),
    ] = None,
    distributed: DistributedOption = None,
    rates: RatesFileOption = None,
    prices: PricesOption = None,
    max_price_age: MaxPriceAgeOption = None,
    save: Annotated[Path | None, typer.Option(help="Also write the whole run to this JSON file.")] = None,
    budget: BudgetOption = None,
    fail_if: FailIfOption = None,
) -> None:
    """Simulate a scenario and recommend what to run.

    Makes its traffic minute by minute, runs it through every allowed architecture, prices what AWS would
    meter, and recommends the cheapest configuration that meets the objectives.

    \b
    Metrics of --fail-if:
        monthly_usd, effective_monthly_usd, worst_month_usd,
        mean_monthly_usd, standard_error_usd,
        p10_monthly_usd, p50_monthly_usd, p90_monthly_usd, cvar_monthly_usd,
        budget_breach_ratio, holds_ratio, api_p95_ms, api_p99_ms,
        availability_ratio, error_ratio, headroom_ratio, carbon_kg_per_month
    """  # noqa: D301 - the backspace tells the help not to join the lines after it
    from costmodel.decision.gates import RUN_METRICS
    from costmodel.decision.run import encode

    gates = read_gates(budget, fail_if, RUN_METRICS)
    if save is not None:
        check_writable(save)
    given = {"seed": seed, "region": region, "months": months, "account.free_tier": free_tier}
    given["objectives.preset"] = preset
    overrides: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    run = answer(
        scenario,
        overrides,
        read_own_rates(rates),
        draws=draws,
        distributed=distributed,
        prices=prices,
        max_price_age_days=max_price_age,
    )
    if save is not None:
        write_file(save, encode(run))
    if run.own_rates is not None:
        note_unused(run.own_rates.unused, "matches no charge of the recommendation.")
    show(run, output)
    judge_gates(gates, run, RUN_METRICS)


def say(sentence: str) -> None:
    """Print a sentence on stderr."""
    messages().print(sentence, soft_wrap=True)


def read_scenario(
    scenario_name: str, overrides: dict[str, object], tell: Callable[[str], None] = say
) -> Scenario:
    """A scenario file or a shipped example, with options in place of what it says.

    `tell` hears what the options change beyond their own key. Raises ScenarioError.
    """
    from costmodel.demand.trace import fault_of
    from costmodel.scenario.examples import find
    from costmodel.scenario.load import load
    from costmodel.services.registry import scenario_rules

    return load(find(scenario_name), overrides, scenario_rules, fault_of, tell)


def note_trace(scenario: Scenario) -> None:
    """Say on stderr what the scenario's trace holds, gaps included; nothing without a trace."""
    if scenario.traffic.trace is not None:
        from costmodel.demand.trace import read_once

        trace = scenario.traffic.trace
        messages().print(f"trace {trace.file.name}: {read_once(trace)[1]}", markup=False)


def answer(
    scenario_name: str,
    overrides: dict[str, object],
    own_rates: OwnRates,
    *,
    draws: int | None = None,
    distributed: str | None = None,
    prices: str | None = None,
    max_price_age_days: int | None = None,
) -> Run:
    """Load, simulate and recommend, with a progress bar; check the ages of the prices used.

    `draws` is how many draws of inputs and traffic to take; None is as many as the choice needs. `distributed` is the address of
    the cluster that they run on; None is this machine. `prices` names a price book by its date or folder; None is the one in force.
    """
    from costmodel.decision.simulate import simulate as run_scenario
    from costmodel.decision.uncertainty import on_threads

    scenario = read_scenario(scenario_name, overrides)
    book = open_book(prices)
    note_trace(scenario)
    with cluster_or(distributed, on_threads) as runner, compilation_noted(), progress_bar() as progress:
        run = run_scenario(scenario, book, progress, own_rates, draws=draws, run=runner)
    used = used_prices(book, (charge.sku_price_id for charge in run.charges))
    check_ages(book, used, max_price_age_days)
    return run


def show(run: Run, output: Format) -> None:
    """Print a run as tables or as JSON."""
    if output is Format.JSON:
        from costmodel.decision.run import encode

        write_json(encode(run))
    else:
        from costmodel.cli.run_tables import run_tables

        print_result(*run_tables(run))
