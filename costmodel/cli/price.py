"""`costmodel price`: plain quantities, priced line by line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.console import Format, messages, print_result, table_of, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from costmodel.billing.plain import PricedUsage


def price(
    usage_file: Annotated[Path, typer.Argument(metavar="USAGE", help="A YAML file in the form above.")],
    free_tier: Annotated[
        bool | None,
        typer.Option(
            "--free-tier/--no-free-tier",
            help="Count AWS's always-free allowances or not; default: the file's.",
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print the result.")] = Format.TABLE,
) -> None:
    """Price plain quantities, line by line.

    \b
    A usage file names each quantity by service, meter and region:
        period: 2026-11
        usage:
          - {service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1, quantity: 720}
        rates:        # if wanted: own rates in place of list prices
          - service: AmazonEC2
            meter: "BoxUsage:m7g.large"
            region: eu-west-1
            unit: Hrs
            tiers: [{from: 0, price: 0.08}]

    Find services, meters and regions with: costmodel prices show TEXT
    """  # noqa: D301 - the backspace tells the help not to join the lines after it
    import json

    from costmodel.billing.plain import price_usage
    from costmodel.pricing.book import PriceBook
    from costmodel.scenario.usage_file import load_usage_file

    file = load_usage_file(usage_file)
    priced = price_usage(file, PriceBook.shipped(), source=str(usage_file), free_tier=free_tier)
    for rate in priced.unused_rates:
        messages().print(f"Note: {rate} matches no usage line. Is its service, meter or region misspelt?")
    if output is Format.JSON:
        write_json(json.dumps(priced.to_dict(), indent=2).encode() + b"\n")
    else:
        print_result(_table(priced))


def _table(priced: PricedUsage) -> Table:
    from costmodel.billing.charge import to_cents

    allowances = "with" if priced.free_tier else "without"
    table = table_of(
        "Meter",
        "Quantity",
        "Unit",
        "USD per unit",
        "USD",
        title=f"{priced.period}, {allowances} always-free allowances",
        right=("Quantity", "USD per unit", "USD"),
        whole=("Meter",),
    )
    region_id = ""
    for line in priced.lines:
        if line.region_id != region_id:
            region_id = line.region_id
            table.add_row(region_id, style="dim")
        cost = f"{to_cents(line.billed_cost):,}"
        only = line.tiers[0] if len(line.tiers) == 1 else None
        table.add_row(
            f"  {line.meter}",
            f"{line.quantity.normalize():,f}",
            line.unit,
            f"{only.list_unit_price.normalize():f}" if only else "",
            cost,
        )
        for tier in line.tiers if only is None else ():
            table.add_row(
                "    always free" if tier.free else f"    from {tier.begin.normalize():,f}",
                f"{tier.quantity.normalize():,f}",
                "",
                f"{tier.list_unit_price.normalize():f}",
                f"{to_cents(tier.billed_cost):,}",
                style="dim",
            )
    table.add_row("Total", "", "", "", f"{to_cents(priced.billed_cost):,}", style="bold")
    return table
