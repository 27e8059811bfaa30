"""A run as pandas frames, for notebooks."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from costmodel.decision.run import Run


def charges_frame(run: Run) -> pd.DataFrame:
    """One row per charge in FOCUS columns (PascalCase, own columns `x_`); quantities and money are Decimal."""
    rows = [{_focus_column(name): value for name, value in asdict(charge).items()} for charge in run.charges]
    return pd.DataFrame(rows)


def _focus_column(name: str) -> str:
    """`billed_cost` -> `BilledCost`; own columns keep their `x_` and gain capitals: `x_TierBegin`."""
    prefix, words = ("x_", name[2:]) if name.startswith("x_") else ("", name)
    return prefix + "".join(word.capitalize() for word in words.split("_"))
