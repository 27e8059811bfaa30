"""What an on-demand price costs under each commitment, as it appears in the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from costmodel.cli.console import kept_whole, table_of
from costmodel.pricing.commitment import (
    AbsentCommitment,
    CommitmentKind,
    Commitments,
    CommittedPrice,
    FlatRatePlan,
)

INDENTED = (0, 0, 0, 2)
SHOWN_DIGITS = 6
"""Significant digits of a price that is computed; the JSON has all of them."""


def commitment_tables(found: Commitments) -> Iterator[RenderableType]:
    """The offers, then what has no rate and why."""
    if not found.offers and not found.absent:
        yield Padding(Text("No commitment covers it.", style="dim"), INDENTED)
    if found.offers:
        yield _offers(found.offers)
    for line in (*_bases(found.offers), *_absences(found.absent)):
        yield Padding(Text(line, style="dim"), INDENTED)


def plan_line(plan: FlatRatePlan) -> RenderableType:
    """What a flat-rate plan includes, and its terms."""
    of = plan.allowances
    included = (
        f"Includes {of.requests:,} requests, {of.transfer_gb:,} GB, {of.dns_queries:,} DNS queries and "
        f"{of.storage_gb:,} GB of S3 Standard a month. {plan.terms.sentence}"
    )
    return Padding(Text(included, style="dim"), INDENTED)


def _offers(offers: Sequence[CommittedPrice]) -> Table:
    """One row per offer and tier of the on-demand price; amounts are for the unit of that price."""
    tiers = ("From",) if len(offers[0].rates) > 1 else ()
    numbers = (*tiers, "Upfront USD", "Then USD", "Effective USD", "Saving")
    table = table_of("Commitment", "Payment", *numbers, "Rate", right=numbers, whole=("Payment", "Rate"))
    for offer in offers:
        for position, rate in enumerate(offer.rates):
            first = position == 0
            table.add_row(
                str(offer.commitment.kind) if first else "",
                offer.commitment.term if first else "",
                *(f"{rate.begin:,}" for _ in tiers),
                _figure(rate.upfront),
                _figure(rate.unit_price),
                _figure(rate.effective_unit_price),
                f"{100 * rate.saving_ratio:.1f} %",
                ("published" if offer.published else "inferred") if first else "",
            )
    return kept_whole(table)


def _bases(offers: Sequence[CommittedPrice]) -> Iterator[str]:
    """Where the rates come from, each said once."""
    bases = (f"{offer.basis}: {offer.source}, {offer.as_of}" for offer in offers)
    for basis in dict.fromkeys(bases):
        yield basis[0].upper() + basis[1:]


def _absences(absent: Sequence[AbsentCommitment]) -> Iterator[str]:
    """One line for each kind and reason."""
    by_reason: dict[tuple[CommitmentKind, str], list[str]] = defaultdict(list)
    for found in absent:
        by_reason[found.commitment.kind, found.reason].append(found.commitment.term)
    for (kind, reason), terms in by_reason.items():
        yield f"{kind}, {', '.join(terms)}: {reason}"


def _figure(value: Decimal) -> str:
    return f"{Decimal(f'{value:.{SHOWN_DIGITS}g}').normalize():f}"
