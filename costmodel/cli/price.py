"""`costmodel price`: plain quantities, priced line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.books import MaxPriceAgeOption, PricesOption, check_ages, open_book, used_prices
from costmodel.cli.console import Format, kept_whole, print_result, table_of, write_json
from costmodel.cli.gates import BudgetOption, FailIfOption, judge_gates, read_gates
from costmodel.cli.options import format_option
from costmodel.cli.own_rates import RatesFileOption, currency_sentence, note_unused, read_own_rates

if TYPE_CHECKING:
    from decimal import Decimal

    from rich.table import Table

    from costmodel.billing.plain import PricedUsage
    from costmodel.pricing.book import PriceBook
    from costmodel.pricing.price import Price


def price(
    usage_file: Annotated[Path, typer.Argument(metavar="USAGE", help="A YAML file in the form above.")],
    free_tier: Annotated[
        bool | None,
        typer.Option(
            "--free-tier/--no-free-tier",
            help="Count AWS's always-free allowances or not; default: the file's.",
        ),
    ] = None,
    rates: RatesFileOption = None,
    prices: PricesOption = None,
    max_price_age: MaxPriceAgeOption = None,
    output: Annotated[Format, format_option("the result")] = Format.TABLE,
    budget: BudgetOption = None,
    fail_if: FailIfOption = None,
) -> None:
    """Price plain quantities, and what there is, line by line.

    \b
    A usage file names each quantity by service, meter and region:
        period: 2026-11
        usage:
          - {service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1, quantity: 720}
        objects:      # if wanted: what there is, metered by AWS's rules
          - {region: eu-west-1, storage_class: GLACIER_IR, count: 200000, kb: 60}
        volumes:
          - {region: eu-west-1, type: io2, gb: 500, iops: 40000, count: 2, days: 15}
        databases:
          - {region: eu-west-1, engine: MySQL, class: db.m7g.large, multi_az: true,
             ran_minutes: [3, 50]}
        functions:
          - {region: eu-west-1, invocations: 1000000, duration_ms: 120,
             cold_starts: 8000, init_ms: 240,
             memory_mb: 512, ephemeral_mb: 2048, response_mb: 8}
        rates:        # if wanted: own rates in place of list prices
          - service: AmazonEC2
            meter: "BoxUsage:m7g.large"
            region: eu-west-1
            unit: Hrs
            tiers: [{from: 0, price: 0.08}]

    Find services, meters and regions with: costmodel prices show TEXT
    The metric of --fail-if is monthly_usd, the billed cost of the period.
    """  # noqa: D301 - the backspace tells the help not to join the lines after it
    import json

    from costmodel.billing.plain import price_rules, price_usage
    from costmodel.decision.gates import BILL_METRICS
    from costmodel.scenario.usage_file import load_usage_file

    gates = read_gates(budget, fail_if, BILL_METRICS)
    opened = cache(open_book)  # not before the file can be read
    file = load_usage_file(usage_file, lambda rows: price_rules(rows, opened(prices)))
    book = opened(prices)
    priced = price_usage(
        file,
        book,
        source=str(usage_file),
        free_tier=free_tier,
        own_rates=read_own_rates(rates),
    )
    used = used_prices(book, (charge.sku_price_id for charge in priced.bill.charges))
    check_ages(book, used, max_price_age)
    elsewhen = priced.own_rates.of_other_months(priced.period)
    note_unused(elsewhen, f"does not hold in {priced.period}: its months are others.")
    outdone = [name for name in priced.outdone_rates if name not in elsewhen]
    note_unused(outdone, "applies to nothing: a more exact rate covers every line that it does.")
    unmatched = [name for name in priced.unused_rates if name not in elsewhen]
    note_unused(unmatched, "matches no usage line. Is its service, meter or region misspelt?")
    if output is Format.JSON:
        book_note = {"digest": book.digest, "book_date": book.manifest.book_date}
        write_json(json.dumps(priced.to_dict() | {"price_book": book_note}, indent=2).encode() + b"\n")
    else:
        sentences = (
            *_rule_sentences(priced),
            *_fee_sentences(priced),
            *priced.notes,
            _prices_sentence(book, used),
        )
        print_result(_table(priced), *sentences)
        if priced.own_rates.currency:
            print_result(currency_sentence(priced.own_rates.currency))
    judge_gates(gates, priced.billed_cost, BILL_METRICS)


def _prices_sentence(book: PriceBook, used: Sequence[Price]) -> str:
    """Which prices the result rests on; own rates are not the book's."""
    if not used:
        return "No list price was used."
    dates = sorted(price.as_of for price in used)
    span = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return f"List prices of {span} (book {book.digest[:12]}), without tax."


def _rule_sentences(priced: PricedUsage) -> Iterator[str]:
    """By which rule each quantity was metered that the file does not state itself."""
    for line in priced.lines:
        if not line.path.startswith("usage."):
            yield f"{line.path}, {line.meter}: {line.formula}"


def _fee_sentences(priced: PricedUsage) -> Iterator[str]:
    """What reservations cost at the start, which stands beside the total, and how to bill it."""
    for line in priced.lines:
        if line.upfront_fee is not None:
            listed, paid = line.upfront_fee.tiers[0].list_unit_price, line.contracted_fee_usd
            at_own_rates = "" if paid in (None, listed) else f", {paid.normalize():,f} at own rates,"
            yield (
                f"{line.path}, {line.term}: the upfront fee of {listed.normalize():,f} USD{at_own_rates} for each unit reserved is in no amount above. "
                "To bill it, add the same line with `fee: upfront` among its attributes, and how many are reserved as "
                "its quantity."
            )


def _table(priced: PricedUsage) -> Table:
    """One row for each line and each of its tiers; at own rates with list cost and discount beside the cost."""
    from costmodel.billing.charge import converted, to_cents

    own = ("List USD", "Discount USD") if priced.own_rates.name else ()
    allowances = "with" if priced.free_tier else "without"
    rates = f", own rates {priced.own_rates.name}" if own else ""
    table = table_of(
        "Meter",
        "Quantity",
        "Unit",
        "USD per unit",
        *own,
        "USD",
        title=f"{priced.period}, {allowances} always-free allowances{rates}",
        right=("Quantity", "USD per unit", *own, "USD"),
        whole=("Meter",),
    )

    unit_words = (word for line in priced.lines for word in line.unit.split())
    table.columns[2].min_width = max(map(len, unit_words), default=0)  # a unit is broken between words alone

    def costs(listed: Decimal, billed: Decimal) -> tuple[str, ...]:
        amounts = (listed, listed - billed, billed) if own else (billed,)
        return tuple(f"{to_cents(amount):,}" for amount in amounts)

    region_id = ""
    for line in priced.lines:
        if line.region_id != region_id:
            region_id = line.region_id
            table.add_row(region_id, style="dim")
        only = line.tiers[0] if len(line.tiers) == 1 else None
        table.add_row(
            f"  {line.meter}",
            f"{line.quantity.normalize():,f}",
            line.unit,
            f"{only.contracted_unit_price.normalize():f}" if only else "",
            *costs(line.list_cost, line.billed_cost),
        )
        for tier in line.tiers if only is None else ():
            table.add_row(
                "    always free" if tier.free else f"    from {tier.begin.normalize():,f}",
                f"{tier.quantity.normalize():,f}",
                "",
                f"{tier.contracted_unit_price.normalize():f}",
                *costs(tier.list_cost, tier.billed_cost),
                style="dim",
            )
    table.add_row("Total", "", "", "", *costs(priced.bill.list_cost, priced.billed_cost), style="bold")
    stated = priced.own_rates.currency
    if stated:
        table.add_row(
            f"In {stated.code}",
            *[""] * (3 + len(own)),
            converted(priced.billed_cost, stated.per_usd, stated.code),
        )
    return kept_whole(table)
