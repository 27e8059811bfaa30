"""Why an option lost, in one sentence each: by how much it is dearer and for what, or what it breaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from costmodel.billing.charge import EXACT, dollars
from costmodel.decision.carbon import carbon_usd
from costmodel.decision.hunt import Rejection
from costmodel.decision.search import Evaluation
from costmodel.decision.trials import Finalist
from costmodel.decision.uncertainty import Doubt
from costmodel.scenario.model import Aim, Scenario


def dearer(rival: Evaluation, best: Evaluation) -> str:
    """By how much a rival costs more: `costs $119.18 (41%) a month more`."""
    more = rival.effective_monthly_usd - best.effective_monthly_usd
    if best.effective_monthly_usd == 0:
        return f"costs {dollars(more)} a month more"
    return f"costs {dollars(more)} ({more / best.effective_monthly_usd:.0%}) a month more"


WHY_CHOSEN: dict[Aim, str] = {
    "expected_cost": "the cheapest candidate on average that meets every objective",
    "p90_cost": "the cheapest candidate at the 90th percentile that meets every objective",
    "cvar_cost": "the cheapest candidate in the dearest tenth of draws that meets every objective",
    "regret": "the candidate that meets every objective and is least wrong where it is most wrong",
    "latency": "the fastest candidate up to a quarter above the cheapest that meets every objective",
}


def why_chosen(scenario: Scenario) -> str:
    """What the recommendation is best at."""
    price = scenario.objectives.carbon_usd_per_tonne
    beside = f", its carbon counted at {dollars(price)} a tonne" if price else ""
    return f"{WHY_CHOSEN[scenario.objectives.aim]}{beside}"


@dataclass(frozen=True, slots=True, eq=False)
class Reasons:
    """Why others lost to the recommendation."""

    scenario: Scenario
    best: Evaluation
    doubt: Doubt

    def why_not(self, rival: Evaluation) -> str:
        """By how much a rival is dearer, and the part of the shop, or its plans, that it is dearer for by most.

        Of one that is cheaper, what speaks against it all the same.
        """
        part = (
            _dearest_part(rival, self.best)
            if rival.effective_monthly_usd >= self.best.effective_monthly_usd
            else ""
        )
        return f"{self.in_short(rival)}, above all for {part}" if part else self.in_short(rival)

    def in_short(self, rival: Evaluation) -> str:
        """The same without the part."""
        best = self.best
        if rival.effective_monthly_usd >= best.effective_monthly_usd:
            return dearer(rival, best)
        less_usd = best.effective_monthly_usd - rival.effective_monthly_usd
        less = f"costs {dollars(less_usd)} a month less under the middle inputs, but"
        more_carbon_usd = self._carbon_usd(rival) - self._carbon_usd(best)
        if more_carbon_usd > less_usd:
            return f"{less} its carbon is dearer by {dollars(more_carbon_usd)}"
        note, chosen = (self.doubt.note_of(Finalist.of(one)) for one in (rival, best))
        if chosen is None or note is None:
            return f"{less} was not tried in the draws"
        if note.holds_ratio < chosen.holds_ratio:
            held = note.share_words(note.holds_ratio)
            return f"{less} holds in {held} {'draws' if note.dropped else 'of the draws'}, not in {chosen.holds_ratio:.0%}"
        if self.scenario.objectives.aim == "latency" and note.api_p99_ms > chosen.api_p99_ms:
            return (
                f"{less} takes {note.api_p99_ms:,.0f} ms at the 99th percentile, not {chosen.api_p99_ms:,.0f}"
            )
        return (
            f"{less} {dollars(note.mean_usd)} on average and {dollars(note.p90_usd)} at the 90th percentile, "
            f"against {dollars(chosen.mean_usd)} and {dollars(chosen.p90_usd)}"
        )

    def _carbon_usd(self, evaluation: Evaluation) -> float:
        """What the carbon of a month is worth."""
        usd_per_tonne = self.scenario.objectives.carbon_usd_per_tonne
        return carbon_usd(evaluation.energy, usd_per_tonne) / self.scenario.months


def why_none(kinds: Collection[str], rejections: Sequence[Rejection]) -> str:
    """Why nothing of these kinds is feasible: the rejection that came nearest to holding.

    Of a whole candidate it is the reason alone, for its kinds are known.
    """
    about = [rejection for rejection in rejections if not set(kinds).isdisjoint(rejection.kinds)]
    if not about:
        return "no design of this kind fits the load and the constraints"
    nearest = min(about, key=lambda rejection: rejection.excess)
    return nearest.limit.miss if nearest.of_candidate else f"{nearest.subject}: {nearest.limit.miss}"


@dataclass(frozen=True, slots=True)
class _Part:
    """What one role of the shop costs a month, and the service and meter that most of it is for."""

    monthly_usd: Decimal
    of: str


_NOTHING = _Part(Decimal(0), "")


def _dearest_part(rival: Evaluation, best: Evaluation) -> str:
    """The role whose bill grows most, with both costs, or the plans where more of their saving is lost; empty where
    nothing grows.

    `compute: $62.78 with Amazon Elastic Compute Cloud (Instance hours) instead of $10.18 with AWS Lambda (Duration)`.
    """
    there, here = _parts(rival), _parts(best)
    more = {name: part.monthly_usd - here.get(name, _NOTHING).monthly_usd for name, part in there.items()}
    name = max(more, key=lambda name: (more[name], name), default="")
    lost_usd = best.portfolio.saves_usd - rival.portfolio.saves_usd
    if lost_usd > max(0, more.get(name, 0)):
        return f"plans: they save {dollars(rival.portfolio.saves_usd)} instead of {dollars(best.portfolio.saves_usd)}"
    if not name or more[name] <= 0:
        return ""
    dear, cheap = there[name], here.get(name, _NOTHING)
    if not cheap.monthly_usd:
        return f"{name}: {dollars(dear.monthly_usd)} with {dear.of} instead of nothing"
    if dear.of == cheap.of:
        return f"{name}: {dollars(dear.monthly_usd)} instead of {dollars(cheap.monthly_usd)} with {dear.of}"
    return (
        f"{name}: {dollars(dear.monthly_usd)} with {dear.of} instead of {dollars(cheap.monthly_usd)} "
        f"with {cheap.of}"
    )


def _parts(evaluation: Evaluation) -> dict[str, _Part]:
    """The bill by role, a month. What stands in a second region goes by its own name."""
    designs = (*(tier.design for tier in evaluation.candidate.tiers), *evaluation.platform)
    roles = {design.resource_name: design.role.value.replace("_", " ") for design in designs}
    meters: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    with localcontext(EXACT):
        for charge in evaluation.bill.charges:
            part = roles.get(charge.resource_name, charge.resource_name)
            meters[part][f"{charge.service_name} ({charge.sku_meter})"] += charge.billed_cost
    months = len({charge.billing_period for charge in evaluation.bill.charges})
    return {
        name: _Part(
            sum(costs.values(), Decimal(0)) / months, max(costs, key=lambda meter: (costs[meter], meter))
        )
        for name, costs in meters.items()
    }
