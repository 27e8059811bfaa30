"""`costmodel prices verify`: whether a price book can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from costmodel.cli import books
from costmodel.cli.books import PricesOption
from costmodel.cli.console import Format, print_result, table_of, write_json
from costmodel.cli.options import format_option
from costmodel.shipped import shipped

if TYPE_CHECKING:
    from costmodel.pricing.book import PriceBook

SHOWN_FINDINGS = 40


def verify(
    prices: PricesOption = None,
    output: Annotated[Format, format_option("the findings")] = Format.TABLE,
) -> None:
    """Check whether a price book can be trusted.

    Its checksums, tiers, units, currency and dates; and what is unusual beside the snapshot. Exit code 1 when a bill made with it may be wrong; warnings alone are fine.
    """
    from costmodel.errors import PriceBookUnsound
    from costmodel.pricing.book import PriceBook
    from costmodel.pricing.shelf import Shelf
    from costmodel.pricing.verify import Severity
    from costmodel.pricing.verify import verify as check

    book = Shelf().open(prices)
    findings = check(book, PriceBook.shipped(), books.today())
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if output is Format.JSON:
        import json
        from dataclasses import asdict

        document: dict[str, Any] = {"digest": book.digest, "findings": [asdict(of) for of in findings]}
        write_json(json.dumps(document, indent=2).encode() + b"\n")
    else:
        table = table_of("", "Price or file", "Finding")
        for finding in findings[:SHOWN_FINDINGS]:
            table.add_row(finding.severity, finding.subject, finding.problem)
        hidden = len(findings) - SHOWN_FINDINGS
        more = f" {hidden:,} more: print them all with --format json." if hidden > 0 else ""
        print_result(
            *([table] if findings else []),
            f"Book {book.digest[:12]} of {book.manifest.book_date}: {_counted(errors, 'error')}, "
            f"{_counted(len(findings) - errors, 'warning')}.{more}",
        )
    if errors:
        raise PriceBookUnsound(
            f"the price book in {book.folder} has {_counted(errors, 'error')}. {_way_out(book)}"
        )


def _way_out(book: PriceBook) -> str:
    """A refresh builds upon the book in force, so an unsound one goes first."""
    if book.folder == shipped("pricing_cache"):
        return "It came with costmodel: reinstall costmodel, or use another book with --prices."
    return "Delete this folder, then run: costmodel prices refresh. Or use another book with --prices."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
