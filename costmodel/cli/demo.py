"""`costmodel demo`: a full result with nothing to prepare."""

from __future__ import annotations

from costmodel.cli.console import Format, messages
from costmodel.cli.own_rates import read_own_rates
from costmodel.cli.simulate import answer, show

DEMO_SCENARIO = "steady-furniture-shop"


def demo() -> None:
    """Show a full result for an example shop."""
    messages().print(f"$ costmodel simulate {DEMO_SCENARIO}", style="dim")
    show(answer(DEMO_SCENARIO, {}, read_own_rates(None)), Format.TABLE)
