"""Why an option lost, in one sentence each: by how much it is dearer and for what, or what it breaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from costmodel.billing.charge import EXACT, dollars
from costmodel.decision.run import missed
from costmodel.decision.search import Evaluation, Rejection


def dearer(rival: Evaluation, best: Evaluation) -> str:
    """By how much a rival costs more: `costs $119.18 (41%) a month more`."""
    more = rival.monthly_usd - best.monthly_usd
    if best.monthly_usd == 0:
        return f"costs {dollars(more)} a month more"
    return f"costs {dollars(more)} ({more / best.monthly_usd:.0%}) a month more"


def why_dearer(rival: Evaluation, best: Evaluation) -> str:
    """By how much a rival costs more, and the one part of the shop that it is dearer for by most."""
    part = _dearest_part(rival, best)
    return f"{dearer(rival, best)}, above all for {part}" if part else dearer(rival, best)


def why_none(kinds: Collection[str], rejections: Sequence[Rejection]) -> str:
    """Why nothing of these kinds is feasible: the rejection that came nearest to holding."""
    about = [rejection for rejection in rejections if not set(kinds).isdisjoint(rejection.kinds)]
    if not about:
        return "no design of this kind fits the load and the constraints"
    nearest = min(about, key=lambda rejection: rejection.excess)
    limit = nearest.limit
    return f"{nearest.subject}: {missed(limit.constraint, limit.observed, limit.limit, limit.unit)}"


@dataclass(frozen=True, slots=True)
class _Part:
    """What one role of the shop costs a month, and the service and meter that most of it is for."""

    monthly_usd: Decimal
    of: str


_NOTHING = _Part(Decimal(0), "")


def _dearest_part(rival: Evaluation, best: Evaluation) -> str:
    """The role whose cost grows most, with both costs; empty where none grows.

    `compute: $62.78 with Amazon Elastic Compute Cloud (Instance hours) instead of $10.18 with AWS Lambda (Duration)`.
    """
    there, here = _parts(rival), _parts(best)
    more = {name: part.monthly_usd - here.get(name, _NOTHING).monthly_usd for name, part in there.items()}
    name = max(more, key=lambda name: (more[name], name), default="")
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
