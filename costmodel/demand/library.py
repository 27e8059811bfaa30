"""The library of events: what a scenario can include by name, with the figures it then has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from costmodel.demand.events import DEFAULT_SHAPES, EventKind
from costmodel.scenario.events import PriceListChange, RegionalOutage

_EFFECTS: dict[EventKind, str] = {
    "flash_sale": "a sale opens at a set time: the crowd is there within a minute, stays and fades",
    "launch": "a product comes out: interest climbs within the hour and fades as soon",
    "viral_spike": "word gets round: the load climbs for hours and falls within minutes",
    "campaign": "a week of advertising: a level above the usual, with soft edges",
    "bot_scrape": "a crawler reads every page at full speed; bots open no 3D models",
}


@dataclass(frozen=True, slots=True)
class LibraryEvent:
    """One event by name."""

    kind: str
    """What a scenario writes under `kind`."""
    effect: str
    figures: Mapping[str, float]
    """Figures in force where a scenario states none, by the key that replaces them."""
    stated: tuple[str, ...]
    """Keys that a scenario has to state, beside `kind`."""
    source: str
    """Where the figures come from."""


def library() -> tuple[LibraryEvent, ...]:
    """Every event a scenario can include, loads first."""
    return tuple(_events())


def _events() -> Iterator[LibraryEvent]:
    for kind, shape in DEFAULT_SHAPES.items():
        figures = {
            "peak_multiplier": shape.peak_multiplier,
            "ramp_minutes": shape.ramp_minutes,
            "hold_minutes": shape.hold_minutes,
            "half_life_minutes": shape.half_life_minutes,
        }
        yield LibraryEvent(kind, _EFFECTS[kind], figures, ("start",), shape.source)
    outage = {name: field for name, field in RegionalOutage.model_fields.items() if not field.is_required()}
    extras: dict[str, Any] = {name: field.json_schema_extra for name, field in outage.items()}
    yield LibraryEvent(
        "regional_outage",
        "the region serves nothing, then comes back; some of the shoppers who were turned away return",
        {name: float(field.default) for name, field in outage.items()},
        ("start",),
        "; ".join(f"{name}: {extra['x_source']}" for name, extra in extras.items()),
    )
    required = (name for name, field in PriceListChange.model_fields.items() if field.is_required())
    yield LibraryEvent(
        "price_list_change",
        "from a month on, prices of a service, family, usage type or region differ by a ratio",
        {},
        tuple(name for name in required if name != "kind"),
        "a what-if: the scenario states the change",
    )
