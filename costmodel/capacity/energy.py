"""What servers, disks and networks draw, and what making them emitted: the physical part of carbon.

Electricity is counted at the equipment, before cooling and before any grid. The formulas are those of Cloud
Carbon Footprint; the figures stand in `processors.csv` and `energy.csv`, each with low and high ends, source and date.

    processors   vCPU-hours x (idle watts x (1 - utilisation) + full watts x utilisation) / 1 000
    memory       GB-hours above what the measured servers have per vCPU x kWh per GB-hour
    storage      TB-hours x copies x Wh per TB-hour / 1 000
    transfer     GB between data centres x kWh per GB
    making       vCPU-hours x kg per server x servers worn out a year / hours a year / vCPUs of the server

Source: cloud-carbon-footprint, Methodology and Embodied Emissions (2024-03); figures are estimates, not AWS data.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Self

from costmodel.capacity.instances import DATABASE_PREFIX, InstanceType
from costmodel.capacity.result import Capacity
from costmodel.units import BYTES_PER_GB, HOURS_PER_YEAR, MINUTES_PER_HOUR

BYTES_PER_TB = 10**12
"""Disks are sold, and their watts stated, in decimal terabytes. Source: as the coefficients of storage."""
WATTS_PER_KILOWATT = 1_000.0
MS_PER_HOUR = 3_600_000.0
MEMORY_OF_A_SERVER_GB = 16.0
"""Memory whose making is part of the figure of a server. Source: as the coefficient `server`."""
MANAGED = "managed"
"""Stands for a processor that AWS says nothing of."""
BUSY_RATIO = 0.5
"""Utilisation of processors that AWS runs for all its customers together.

Source: US data center energy usage report (2016), as in cloud-carbon-footprint, Methodology (2024-03).
"""


@dataclass(frozen=True, slots=True)
class Span:
    """An estimate: the likely value between its low and its high end."""

    low: float
    likely: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Self:
        return cls(value, value, value)

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, other: Span | float) -> Span:
        by = other if isinstance(other, Span) else Span.exactly(other)
        return Span(self.low * by.low, self.likely * by.likely, self.high * by.high)


NOTHING = Span.exactly(0.0)


class Part(StrEnum):
    """What draws the electricity."""

    PROCESSORS = "processors"
    MEMORY = "memory"
    STORAGE = "storage"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A published or assumed figure."""

    name: str
    span: Span
    unit: str
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class EnergyUse:
    """What one kind of equipment draws in one region over a run."""

    region_id: str
    part: Part
    kwh: Span
    """At the equipment."""
    figures: tuple[Coefficient, ...]
    """Everything it was worked out with."""
    making_kg: Span = NOTHING
    """CO2e of making it, as far as the run wears it out."""


@dataclass(frozen=True, slots=True)
class Energy:
    """What a design draws over a run, and what of it is not known."""

    uses: tuple[EnergyUse, ...] = ()
    to_viewers_kwh: Span = NOTHING
    """Networks and devices between AWS and viewers: outside the boundary, never in a total."""
    not_modelled: tuple[str, ...] = ()
    """What draws electricity here without a figure, in words."""

    def __add__(self, other: Energy) -> Energy:
        return Energy(
            self.uses + other.uses,
            self.to_viewers_kwh + other.to_viewers_kwh,
            tuple(dict.fromkeys(self.not_modelled + other.not_modelled)),
        )


def unmeasured(*what: str) -> Energy:
    """The energy of something for which no figure is published, or that is left out: said, not counted."""
    return Energy(not_modelled=what)


@dataclass(frozen=True, slots=True)
class Processor:
    """One row of `processors.csv`: what one vCPU draws, and what the server around it holds."""

    name: str
    families: tuple[str, ...]
    idle_watts: Span
    full_watts: Span
    norm_memory_gb_per_chip: float
    """Memory of the servers whose watts were measured."""
    vcpus_per_chip: float
    chips: int
    """Of a server."""
    as_of: str
    source: str

    @property
    def norm_memory_gb_per_vcpu(self) -> float:
        return self.norm_memory_gb_per_chip / self.vcpus_per_chip

    def server_kg(self, memory_gb_per_vcpu: float) -> Span:
        """CO2e of making a whole server with so much memory."""
        memory_gb = max(0.0, memory_gb_per_vcpu * self.chips * self.vcpus_per_chip - MEMORY_OF_A_SERVER_GB)
        chips = span("further_chip") * (self.chips - 1)
        return span("server") + chips + span("further_memory") * memory_gb

    @property
    def figures(self) -> tuple[Coefficient, ...]:
        return (
            Coefficient(f"idle {self.name}", self.idle_watts, "W per vCPU", self.as_of, self.source),
            Coefficient(f"full {self.name}", self.full_watts, "W per vCPU", self.as_of, self.source),
        )


def span(name: str) -> Span:
    """The figure of this name in `energy.csv`."""
    return coefficients()[name].span


def _figures(*names: str) -> tuple[Coefficient, ...]:
    return tuple(coefficients()[name] for name in names)


@cache
def coefficients() -> dict[str, Coefficient]:
    """Every row of `energy.csv` by its name."""
    return {
        row["name"]: Coefficient(
            row["name"], span_of(row, "low", "likely", "high"), row["unit"], row["as_of"], row["source"]
        )
        for row in _rows("energy.csv")
    }


@cache
def processors() -> tuple[Processor, ...]:
    """Every row of `processors.csv`."""
    return tuple(
        Processor(
            name=row["processor"],
            families=tuple(row["families"].split()),
            idle_watts=span_of(row, "idle_watts_low", "idle_watts", "idle_watts_high"),
            full_watts=span_of(row, "full_watts_low", "full_watts", "full_watts_high"),
            norm_memory_gb_per_chip=float(row["norm_memory_gb_per_chip"]),
            vcpus_per_chip=float(row["vcpus_per_chip"]),
            chips=int(row["chips"]),
            as_of=row["as_of"],
            source=row["source"],
        )
        for row in _rows("processors.csv")
    )


def processor_of(family: str) -> Processor:
    """The processor of an instance family, of Lambda (`lambda-arm64`) or of a managed service (`managed`).

    Raises KeyError for a family without one.
    """
    return _processors_by_family()[family.removeprefix(DATABASE_PREFIX)]


@cache
def _processors_by_family() -> dict[str, Processor]:
    return {family: processor for processor in processors() for family in processor.families}


def span_of(row: dict[str, str], low: str, likely: str, high: str) -> Span:
    """Three cells of a row of a CSV file as a span."""
    return Span(float(row[low]), float(row[likely]), float(row[high]))


def _rows(name: str) -> Iterator[dict[str, str]]:
    with Path(__file__).with_name(name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def servers(
    region_id: str, family: str, *, vcpu_hours: float, busy_vcpu_hours: float, memory_gb_per_vcpu: float
) -> Energy:
    """Processors, their memory and the making of their servers.

    `busy_vcpu_hours` is `vcpu_hours` x mean utilisation. Raises KeyError for a family without a processor.
    """
    processor = processor_of(family)
    busy = min(busy_vcpu_hours, vcpu_hours)
    watt_hours = processor.idle_watts * (vcpu_hours - busy) + processor.full_watts * busy
    worn_out = span("wear") * (vcpu_hours / HOURS_PER_YEAR / (processor.chips * processor.vcpus_per_chip))
    above_norm_gb = max(0.0, memory_gb_per_vcpu - processor.norm_memory_gb_per_vcpu)
    return Energy(
        (
            EnergyUse(
                region_id,
                Part.PROCESSORS,
                watt_hours * (1 / WATTS_PER_KILOWATT),
                (*processor.figures, *_figures("server", "further_chip", "further_memory", "wear")),
                processor.server_kg(memory_gb_per_vcpu) * worn_out,
            ),
            EnergyUse(
                region_id, Part.MEMORY, span("memory") * (above_norm_gb * vcpu_hours), _figures("memory")
            ),
        )
    )


def instances(
    region_id: str, instance: InstanceType, instance_hours: float, busy_vcpu_hours: float
) -> Energy:
    """Instances, or nodes of a database, of one type."""
    return servers(
        region_id,
        instance.family,
        vcpu_hours=instance_hours * instance.vcpu,
        busy_vcpu_hours=busy_vcpu_hours,
        memory_gb_per_vcpu=instance.memory_gib / instance.vcpu,
    )


def fleet(region_id: str, instance: InstanceType, capacity: Capacity) -> Energy:
    """Instances as they ran, at the utilisation of each minute."""
    return instances(region_id, instance, server_hours(capacity), busy_server_hours(capacity) * instance.vcpu)


def server_hours(capacity: Capacity) -> float:
    """Hours that servers ran."""
    return float(capacity.servers.sum()) / MINUTES_PER_HOUR


def busy_server_hours(capacity: Capacity) -> float:
    """Hours that servers ran, each minute times its utilisation."""
    return float((capacity.servers * capacity.utilisation).sum()) / MINUTES_PER_HOUR


def table_requests(region_id: str, request_units: float) -> Energy:
    """Request units of DynamoDB, each an assumed time of processors that AWS runs for all its customers together.

    See `table_request` in `energy.csv`. Such processors are idle for as long as they are busy: see `BUSY_RATIO`.
    """
    busy_hours = span("table_request") * (request_units / MS_PER_HOUR)
    hour = servers(
        region_id,
        MANAGED,
        vcpu_hours=1 / BUSY_RATIO,
        busy_vcpu_hours=1.0,
        memory_gb_per_vcpu=processor_of(MANAGED).norm_memory_gb_per_vcpu,
    )
    figures = _figures("table_request")
    return Energy(
        tuple(
            replace(
                use,
                kwh=use.kwh * busy_hours,
                making_kg=use.making_kg * busy_hours,
                figures=(*figures, *use.figures),
            )
            for use in hour.uses
        )
    )


def gpus(region_id: str, gpu_hours: float, busy_gpu_hours: float) -> Energy:
    """Graphics processors beside those of `servers`."""
    idle_hours = gpu_hours - min(busy_gpu_hours, gpu_hours)
    watt_hours = span("gpu_idle") * idle_hours + span("gpu_full") * (gpu_hours - idle_hours)
    making_kg = span("gpu") * span("wear") * (gpu_hours / HOURS_PER_YEAR)
    figures = _figures("gpu_idle", "gpu_full", "gpu", "wear")
    kwh = watt_hours * (1 / WATTS_PER_KILOWATT)
    return Energy((EnergyUse(region_id, Part.PROCESSORS, kwh, figures, making_kg),))


def stored(region_id: str, medium: str, copies: str, gb_hours: float) -> Energy:
    """Bytes kept on a medium (`ssd` or `hdd`), in as many copies as the coefficient of that name says.

    The making of disks is not part of any figure: Cloud Carbon Footprint counts that of servers alone.
    """
    tb_hours = gb_hours * BYTES_PER_GB / BYTES_PER_TB
    kwh = span(medium) * span(copies) * (tb_hours / WATTS_PER_KILOWATT)
    return Energy((EnergyUse(region_id, Part.STORAGE, kwh, _figures(medium, copies)),))


def volumes(region_id: str, gb_hours: float) -> Energy:
    """Volumes of block storage, on SSD."""
    return stored(region_id, "ssd", "copies_volume", gb_hours)


def moved(region_id: str, gb: float) -> Energy:
    """Bytes from one data centre to another, counted where they leave."""
    return Energy((EnergyUse(region_id, Part.TRANSFER, span("transfer") * gb, _figures("transfer")),))


def to_viewers(gb: float) -> Energy:
    """Bytes to viewers: outside the boundary, as in Cloud Carbon Footprint; shown apart."""
    return Energy(to_viewers_kwh=span("to_viewers") * gb)
