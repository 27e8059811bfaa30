"""What a run says about its recommended design, asked for by name.

A fact that the run does not hold raises `Unknown`, so that a check is called undecidable, not guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

from costmodel.decision.run import DesignNote, Run
from costmodel.services._base import Role


class Unknown(Exception):
    """The run does not hold a fact. The text says which, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A run, with its facts looked up by name."""

    run: Run

    def design(self, role: Role) -> DesignNote:
        """The recommended design of a role. Raises Unknown."""
        found = next((design for design in self.run.designs if design.role == role), None)
        if found is None:
            raise Unknown(f"the run names no {role.value.replace('_', ' ')}")
        return found

    def attribute(self, variable: str, name: str) -> Any:
        """What the run hands to Terraform: an attribute of an object variable. Raises Unknown."""
        for note in self.run.terraform:
            if note.name == variable:
                for attribute in note.attributes:
                    if attribute.name == name:
                        return attribute.value
        raise Unknown(f"the run does not export {variable}.{name}")

    def scenario_number(self, path: str) -> float:
        """A number of the scenario by its dotted path, the middle of a range. Raises Unknown."""
        value: Any = self.run.scenario
        for key in (*path.split("."), "mid"):
            if isinstance(value, dict):
                value = value.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unknown(f"the scenario in the run does not state {path}")
        return float(value)

    def monthly_usd(self, resource_name: str, meter: str) -> Decimal | None:
        """Mean billed cost per month of one meter of a resource; None when it is not billed."""
        costs = [
            charge.billed_cost
            for charge in self.run.charges
            if charge.resource_name == resource_name and charge.sku_meter == meter
        ]
        return sum(costs, Decimal(0)) / len(self._months()) if costs else None

    def saved_by_plans_usd(self, service_codes: Collection[str]) -> Decimal:
        """What the plans that the run recommends save on services in a mean month."""
        saved = (
            charge.billed_cost - charge.effective_cost
            for charge in self.run.charges
            if charge.sku_price_id.split(" ", 1)[0] in service_codes
        )
        return sum(saved, Decimal(0)) / len(self._months())

    def monthly_quantity(self, resource_name: str, meter: str) -> dict[str, Decimal]:
        """Consumed quantity of one meter of a resource by billing period; zero where none was consumed."""
        found = dict.fromkeys(self._months(), Decimal(0))
        for charge in self.run.charges:
            if charge.resource_name == resource_name and charge.sku_meter == meter:
                period = charge.billing_period
                found[period] = found.get(period, Decimal(0)) + charge.consumed_quantity
        return found

    def _months(self) -> tuple[str, ...]:
        if not self.run.months:
            raise Unknown("the run names no month")
        return self.run.months


def number(design: DesignNote, name: str) -> float:
    """A setting that is a number. Raises Unknown."""
    value = design.settings.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unknown(f"the run does not state {name} of {design.resource_name}")
    return value


def word(design: DesignNote, name: str) -> str:
    """A setting that is a text. Raises Unknown."""
    value = design.settings.get(name)
    if not isinstance(value, str):
        raise Unknown(f"the run does not state {name} of {design.resource_name}")
    return value


def switch(design: DesignNote, name: str) -> bool:
    """A setting that is on or off. Raises Unknown."""
    value = design.settings.get(name)
    if not isinstance(value, bool):
        raise Unknown(f"the run does not state {name} of {design.resource_name}")
    return value


def daily(design: DesignNote, name: str, least_days: int = 1) -> tuple[float, ...]:
    """A series per day of a simulated design, at least `least_days` long. Raises Unknown."""
    series = design.daily.get(name, ())
    if len(series) < least_days:
        raise Unknown(
            f"the run holds {len(series)} days of {name} of {design.resource_name}, not {least_days}"
        )
    return series


def most_in_window(flags: Sequence[bool], width_days: int) -> int:
    """Most true days in any `width_days` days in a row; all days count when there are fewer."""
    sums = [0, *accumulate(int(flag) for flag in flags)]
    return max(sums[end] - sums[max(0, end - width_days)] for end in range(len(sums)))


def longest_streak(flags: Sequence[bool]) -> int:
    """Longest run of true days."""
    longest = streak = 0
    for flag in flags:
        streak = streak + 1 if flag else 0
        longest = max(longest, streak)
    return longest
