"""Carbon of a candidate: its energy through the power usage effectiveness of a region and the grid there.

    kg CO2e = kWh at the equipment x PUE of the region x grid of the region + making of the hardware

Location-based: certificates and contracts of AWS for renewable energy are not counted. Figures by region stand in
`carbon.csv` with low and high ends, source and date; a region without a row is an error, never a value.

Source: cloud-carbon-footprint, Methodology (2024-03).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from costmodel.capacity.energy import NOTHING, Coefficient, Energy, Span, span_of
from costmodel.errors import UnknownGrid

KG_PER_TONNE = 1_000.0


@dataclass(frozen=True, slots=True)
class Carbon:
    """What something emits over a run."""

    kwh: Span
    """At the equipment."""
    operational_kg: Span
    making_kg: Span

    @property
    def total_kg(self) -> Span:
        return self.operational_kg + self.making_kg


@cache
def regional() -> Mapping[tuple[str, str], Coefficient]:
    """Every row of `carbon.csv` by its name (`grid`, `pue`) and region."""
    with Path(__file__).with_name("carbon.csv").open(newline="", encoding="utf-8") as file:
        return {
            (row["name"], row["region_id"]): Coefficient(
                row["name"], span_of(row, "low", "likely", "high"), row["unit"], row["as_of"], row["source"]
            )
            for row in csv.DictReader(file)
        }


def kg_per_kwh(region_id: str) -> Span:
    """CO2e for each kWh at the equipment: PUE x grid. Raises UnknownGrid."""
    pue, grid = regional_figures(region_id)
    return pue.span * grid.span


def regional_figures(region_id: str) -> tuple[Coefficient, Coefficient]:
    """PUE and grid of a region. Raises UnknownGrid."""
    try:
        return regional()["pue", region_id], regional()["grid", region_id]
    except KeyError:
        raise UnknownGrid(region_id) from None


def carbon_of(energy: Energy) -> Carbon:
    """What this energy comes to. Raises UnknownGrid for a region without figures."""
    kwh = operational_kg = making_kg = NOTHING
    for use in energy.uses:
        kwh += use.kwh
        operational_kg += use.kwh * kg_per_kwh(use.region_id)
        making_kg += use.making_kg
    return Carbon(kwh, operational_kg, making_kg)


def unknown_regions(energies: Iterable[Energy]) -> tuple[str, ...]:
    """Regions in use that have no figures, in order of appearance."""
    region_ids = dict.fromkeys(use.region_id for energy in energies for use in energy.uses)
    return tuple(region_id for region_id in region_ids if not _known(region_id))


def likely_kg(energy: Energy, months: int) -> float | None:
    """Likely CO2e of a calendar month; None when a region has no figures."""
    return None if unknown_regions([energy]) else carbon_of(energy).total_kg.likely / months


def _known(region_id: str) -> bool:
    return {("pue", region_id), ("grid", region_id)} <= regional().keys()


def carbon_usd(energy: Energy, usd_per_tonne: float | None) -> float:
    """What its likely emission is worth at a price for carbon; 0 without one, whatever the region.

    Raises UnknownGrid with a price and without figures.
    """
    if not usd_per_tonne:
        return 0.0
    return carbon_of(energy).total_kg.likely / KG_PER_TONNE * usd_per_tonne
