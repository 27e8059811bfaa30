from typing import get_args

from costmodel.demand.events import DEFAULT_SHAPES
from costmodel.demand.library import library
from costmodel.scenario.events import LoadEvent, PriceListChange, RegionalOutage
from costmodel.scenario.faults import kinds_of


def test_the_library_has_every_kind_with_a_source() -> None:
    parts = (LoadEvent, RegionalOutage, PriceListChange)
    assert [event.kind for event in library()] == [kind for part in parts for kind in kinds_of(part)]
    assert all(event.source and event.effect for event in library())


def test_figures_are_the_defaults_in_force_by_their_keys() -> None:
    by_kind = {event.kind: event for event in library()}
    assert by_kind["viral_spike"].figures["peak_multiplier"] == DEFAULT_SHAPES["viral_spike"].peak_multiplier
    outage = RegionalOutage(kind="regional_outage", start="2026-11-01")
    assert by_kind["regional_outage"].figures == {
        name: getattr(outage, name) for name in by_kind["regional_outage"].figures
    }
    for event in library():
        part = next(
            part for part in (LoadEvent, RegionalOutage, PriceListChange) if event.kind in kinds_of(part)
        )
        assert {"kind", *event.stated, *event.figures} <= set(part.model_fields)
    assert by_kind["price_list_change"].stated == ("start", "service", "change_ratio")
    assert get_args(LoadEvent.model_fields["kind"].annotation) == tuple(DEFAULT_SHAPES)
