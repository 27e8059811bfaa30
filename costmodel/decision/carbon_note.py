"""What a run says of carbon."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.billing.charge import dollars
from costmodel.capacity.energy import Coefficient, Energy, Span, coefficients
from costmodel.decision.carbon import (
    KG_PER_TONNE,
    Carbon,
    carbon_of,
    regional_figures,
    unknown_regions,
)
from costmodel.decision.run import AssumptionNote, CarbonNote, CarbonPart, Estimated
from costmodel.decision.search import SearchResult
from costmodel.scenario.model import Scenario
from costmodel.units import figure, two_digits


def carbon_note(scenario: Scenario, result: SearchResult, months: int) -> CarbonNote:
    """CO2e a calendar month of the best candidate by part; no number where a region has no figures."""
    energy = result.best.energy
    unknown = unknown_regions([energy])
    usd_per_tonne = scenario.objectives.carbon_usd_per_tonne or 0.0
    total = None if unknown else carbon_of(energy)
    return CarbonNote(
        summary=_summary(total, unknown, energy.not_modelled, usd_per_tonne, months),
        kg_per_month=_monthly(total.total_kg, months) if total else None,
        parts=() if unknown else tuple(_parts(result, months)),
        usd_per_tonne=usd_per_tonne,
        to_viewers_kwh_per_month=_monthly(energy.to_viewers_kwh, months),
        not_modelled=energy.not_modelled,
        unknown_regions=unknown,
        coefficients=() if unknown else tuple(_coefficients(energy)),
    )


def _parts(result: SearchResult, months: int) -> Iterator[CarbonPart]:
    """Parts that draw anything."""
    for name, energy in result.best.energies.items():
        if energy.uses:
            carbon = carbon_of(energy)
            yield CarbonPart(
                name.replace("_", " "),
                _monthly(carbon.kwh, months),
                _monthly(carbon.operational_kg, months),
                _monthly(carbon.making_kg, months),
            )


def _monthly(total: Span, months: int) -> Estimated:
    return Estimated(total.low / months, total.likely / months, total.high / months)


def _summary(
    total: Carbon | None,
    unknown: tuple[str, ...],
    left_out: tuple[str, ...],
    usd_per_tonne: float,
    months: int,
) -> str:
    if total is None:
        return f"Carbon is unknown: no grid and PUE are known for {' and '.join(unknown)}."
    whole, running, making = (
        _monthly(span, months) for span in (total.total_kg, total.operational_kg, total.making_kg)
    )
    text = (
        f"About {two_digits(whole.likely)} kg CO2e a month ({two_digits(whole.low)} to {two_digits(whole.high)}): "
        f"{two_digits(running.likely)} from electricity, {two_digits(making.likely)} from making the servers. "
        f"An estimate from published coefficients, not AWS data; {len(left_out)} parts without figures are left out, "
        f"{left_out[0]} first."
    )
    if usd_per_tonne:
        worth_usd = whole.likely / KG_PER_TONNE * usd_per_tonne
        text += (
            f" At {dollars(usd_per_tonne)} a tonne it is worth {dollars(worth_usd)} a month, "
            "which the choice counts and the bill does not."
        )
    return text


def _coefficients(energy: Energy) -> Iterator[AssumptionNote]:
    """Each figure once, those of processors and equipment before those of regions."""
    named: dict[str, Coefficient] = {}
    for use in energy.uses:
        named |= {known.name: known for known in use.figures}
    named["to_viewers"] = coefficients()["to_viewers"]
    for region_id in dict.fromkeys(use.region_id for use in energy.uses):
        named |= {f"{known.name} {region_id}": known for known in regional_figures(region_id)}
    for name, known in named.items():
        yield AssumptionNote(f"carbon.{name}", _words(known.span), known.unit, known.source, known.as_of)


def _words(span: Span) -> str:
    low, likely, high = (figure(end) for end in (span.low, span.likely, span.high))
    return likely if low == high else f"{likely} ({low} to {high})"
