"""costmodel: what a 3D web shop on AWS will cost, which configuration to run, and why.

import costmodel

run = costmodel.simulate("small-shop")
print(run.headline)
costmodel.charges_frame(run)
"""

from __future__ import annotations

from costmodel.version import VERSION

TYPE_CHECKING = False  # as `typing` has it, whose import would come before a command can answer Ctrl-C
if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from costmodel.decision.run import Run

__version__ = VERSION


def simulate(
    scenario: str | PathLike[str],
    *,
    prices: str | None = None,
    rates: str | PathLike[str] | None = None,
    **overrides: object,
) -> Run:
    """Simulate a scenario file or a shipped example and recommend what to run.

    `prices` names a price book by date, name or folder; the one in force is used without it. `rates` is
    a file of own rates. `overrides` replace top-level keys of the scenario: `region`, `months`, `seed`.
    Raises `costmodel.errors.CostModelError` with a sentence that says what is wrong.
    """
    from pathlib import Path

    from costmodel.billing.rates import NO_OWN_RATES, OwnRates
    from costmodel.decision.simulate import simulate as run_scenario
    from costmodel.demand.trace import fault_of
    from costmodel.pricing.shelf import Shelf
    from costmodel.scenario.examples import find
    from costmodel.scenario.load import load
    from costmodel.services.registry import scenario_rules

    book = Shelf().open(prices)
    own_rates = NO_OWN_RATES if rates is None else OwnRates.of_file(Path(rates))
    read = load(find(str(scenario)), overrides, scenario_rules, fault_of)
    return run_scenario(read, book, own_rates=own_rates)


def charges_frame(run: Run) -> pd.DataFrame:
    """The charges of a run as a FOCUS-shaped frame, one row per charge, money as exact decimals."""
    from costmodel.export.frames import charges_frame as frame

    return frame(run)
