"""The answer: what to run, what it costs, why it and not another, and how it meets the five requirements."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

import numpy as np

from costmodel.billing.charge import Bill, Charge, dollars
from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.capacity.availability import (
    REGION_IMPAIRMENT,
    ZONE_IMPAIRMENT,
    k_of_n,
    lost_minutes_per_month,
    with_common_cause,
    with_soft_dependency,
)
from costmodel.capacity.result import Capacity
from costmodel.decision.candidate import Candidate, SimulatedDesign
from costmodel.decision.carbon import likely_kg
from costmodel.decision.carbon_note import carbon_note
from costmodel.decision.constraints import promise
from costmodel.decision.drills import drill
from costmodel.decision.front import Member, availability_ratio, inside_energy
from costmodel.decision.hunt import Rejection
from costmodel.decision.plan_costs import effective_costs
from costmodel.decision.plans import Planner, Portfolio, Purchase
from costmodel.decision.reasons import Reasons, why_chosen, why_none
from costmodel.decision.recovery import RESTORATIONS, recovery_variables, regional_limits
from costmodel.decision.run import (
    FORMAT,
    AssumptionNote,
    ChargeNote,
    CommitmentNote,
    Comparison,
    CostRange,
    Counts,
    CurrencyNote,
    DesignNote,
    ExpectedLoss,
    FrontNote,
    Option,
    OwnRatesNote,
    PlanNote,
    PriceBookNote,
    PurchaseNote,
    RecoveryNote,
    RejectionNote,
    Requirement,
    Run,
    TerraformAttributeNote,
    TerraformVariableNote,
)
from costmodel.decision.search import Evaluation, SearchResult, whole_usages
from costmodel.decision.uncertainty import Doubt
from costmodel.demand.calendar import Calendar, FloatArray
from costmodel.demand.demand import Demand
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import Offers
from costmodel.scenario.assumptions import assumptions
from costmodel.scenario.model import Scenario
from costmodel.services._base import Design, PlatformDesign, Role, Strategy
from costmodel.units import BYTES_PER_GB, SECONDS_PER_MINUTE
from costmodel.version import VERSION

FAR_VIEW_MS = 250.0
"""How much later a first view comes from a far edge location before the headline says so. Engineering choice."""


@runtime_checkable
class Viewed(Protocol):
    """A delivery design that knows how long a first view of a 3D model takes, what its caches answer, what it sends."""

    def first_view_ms(self, demand: Demand) -> dict[str, tuple[float, float]]: ...
    def nearest_view_ms(self, demand: Demand) -> dict[str, tuple[float, float]]: ...
    def cache_figures(self, demand: Demand) -> dict[str, float]: ...
    def daily_sent_bytes(self, demand: Demand) -> FloatArray: ...


def recommend(
    scenario: Scenario,
    demand: Demand,
    book: PriceBook,
    result: SearchResult,
    doubt: Doubt,
    commitments: tuple[CommitmentNote, ...],
    own_rates: OwnRates = NO_OWN_RATES,
) -> Run:
    """Write the search's result, and how sure it is, down as a `Run`."""
    best, cost_range, months = result.best, doubt.cost_range, len(demand.calendar.periods)
    reasons = Reasons(scenario, best, doubt)
    designs = tuple(_tier_note(tier, demand) for tier in best.candidate.tiers) + tuple(
        _platform_note(design) for design in best.platform
    )
    first_view_ms = _first_view_ms(best, demand)
    effective = effective_costs(best.bill.charges, best.portfolio, months)
    drills, expected_loss = drill(best.candidate.compute.design, best.candidate.database.design, demand)
    return Run(
        format=FORMAT,
        version=VERSION,
        scenario=scenario.model_dump(mode="json"),
        scenario_name=scenario.name,
        region_id=scenario.region,
        months=tuple(str(period) for period in demand.calendar.periods),
        first_day=demand.calendar.start.date().isoformat(),
        days=demand.days,
        seed=scenario.seed,
        price_book=PriceBookNote(book.digest, book.oldest_as_of, book.newest_as_of),
        own_rates=_own_rates_note(own_rates, best.bill),
        headline=_headline(scenario, demand, result, doubt, own_rates),
        notes=(
            *_notes(scenario, demand, best, cost_range),
            *_unpriced_plan_notes(scenario, demand, book, result),
            *_price_change_notes(own_rates, best.bill),
        ),
        chosen=_option(best, why_chosen(scenario), months),
        alternatives=tuple(_option(rival, reasons.why_not(rival), months) for rival in result.rivals),
        comparisons=tuple(_comparisons(scenario, result, reasons)),
        rejections=tuple(_rejection_note(rejection) for rejection in result.rejections),
        counts=Counts(result.considered, result.rejected, result.pruned, result.priced),
        cost_range=cost_range,
        finalists=doubt.finalists,
        drivers=doubt.drivers,
        requirements=_requirements(scenario, demand, best, cost_range, first_view_ms, expected_loss),
        drills=drills,
        expected_loss=expected_loss,
        recovery=_recovery_note(scenario, best),
        plan=_plan_note(best.portfolio),
        commitments=commitments,
        designs=designs,
        charges=tuple(map(_charge_note, best.bill.charges, effective)),
        daily_cost_usd=_daily_cost(best.bill, effective, demand.calendar),
        daily_load=_daily_load(demand, best.candidate.delivery.design),
        first_view_ms=first_view_ms,
        terraform=tuple(_terraform(scenario, best)),
        assumptions=tuple(
            AssumptionNote(known.path, str(known.value), known.unit, known.source, known.as_of)
            for known in assumptions(scenario)
        ),
        carbon=carbon_note(scenario, result, months),
        front=tuple(_front_note(member, scenario.months) for member in result.front),
    )


def _front_note(member: Member, months: int) -> FrontNote:
    home = Candidate(*member.placed.home)
    compute, balancer, database, delivery, rendering = home.labels
    promised = promise(home)
    return FrontNote(
        kinds=home.kinds,
        compute=compute,
        load_balancer=balancer,
        database=database,
        delivery=delivery,
        rendering=rendering,
        strategy=member.placed.strategy.value,
        compared_monthly_usd=Decimal(repr(member.point[0])),
        api_p95_ms=promised.api_p95_ms,
        api_p99_ms=promised.api_p99_ms,
        availability_ratio=availability_ratio(member.placed),
        calls_carbon_kg_per_month=likely_kg(inside_energy(member.placed), months),
    )


def _own_rates_note(own_rates: OwnRates, bill: Bill) -> OwnRatesNote | None:
    if not own_rates.name:
        return None
    stated = own_rates.currency
    return OwnRatesNote(
        name=own_rates.name,
        digest=own_rates.digest,
        list_cost=bill.list_cost,
        contracted_cost=bill.contracted_cost,
        unused=own_rates.unused(bill),
        currency=CurrencyNote(stated.code, stated.per_usd, stated.day.isoformat(), stated.source)
        if stated
        else None,
    )


def _call_words(best: Evaluation) -> str:
    """How long API calls take; nothing of a shop that makes none."""
    if best.candidate.compute.capacity.peak_requests_per_s == 0:
        return ""
    return (
        f" API calls take {best.promise.api_p95_ms:,.0f} ms at the 95th and "
        f"{best.promise.api_p99_ms:,.0f} ms at the 99th percentile."
    )


def _far_view_sentence(scenario: Scenario, demand: Demand, best: Evaluation) -> str:
    """Where a narrow price class makes first views of models slower than any objective was asked about."""
    delivery = best.candidate.delivery.design
    if scenario.objectives.first_view_p95_ms is not None or not isinstance(delivery, Viewed):
        return ""
    nearest = delivery.nearest_view_ms(demand)
    tails = {place: (p95, nearest[place][1]) for place, (_, p95) in delivery.first_view_ms(demand).items()}
    place, (far_ms, near_ms) = max(
        tails.items(), key=lambda of: of[1][0] - of[1][1], default=("", (0.0, 0.0))
    )
    if far_ms - near_ms < FAR_VIEW_MS:
        return ""
    return (
        f" First views of a 3D model in {place.replace('_', ' ')} take {far_ms / 1000:,.1f} s at the 95th percentile, "
        f"with all edge locations {near_ms / 1000:,.1f} s: set objectives.first_view_p95_ms where that matters."
    )


def _headline(
    scenario: Scenario, demand: Demand, result: SearchResult, doubt: Doubt, own_rates: OwnRates
) -> str:
    best, cost_range = result.best, doubt.cost_range
    compute, balancer, database, delivery, rendering = best.candidate.labels
    beside = "" if _renders_nothing(best) else f", {rendering}"
    text = (
        f"Run {compute} behind {balancer}, with {database} and {delivery}{beside}, in {scenario.region}"
        f"{_standing_words(scenario, best)}: "
        f"{dollars(best.effective_monthly_usd)} a month{_terms_words(best, own_rates)} (80 % of {cost_range.draws} draws between {dollars(cost_range.p10_usd)} and "
        f"{dollars(cost_range.p90_usd)}).{_call_words(best)}{_far_view_sentence(scenario, demand, best)}"
    )
    if best.portfolio.purchases:
        text += f" {_plan_sentence(best)}"
    if cost_range.holds_ratio < 1:
        text += (
            f" It holds in {cost_range.holds_ratio:.0%} of the draws; in the others the first limit to break is "
            f'"{cost_range.breaks_first}", and what it cannot serve is not billed.'
        )
    tied = [note for note in doubt.finalists if note.tied]
    if tied:
        rarer = tied[0].holds_ratio < cost_range.holds_ratio
        holds = f", which holds in {tied[0].holds_ratio:.0%} of them" if rarer else ""
        text += f" The draws cannot tell its cost from that of {tied[0].label}{_and_more(len(tied) - 1)}{holds}: a tie."
    if result.rivals:
        rival = result.rivals[0]
        alike = rival.candidate.kinds == best.candidate.kinds
        text += (
            f" The next best {'candidate' if alike else 'combination of kinds'}, {rival.candidate.compute.design.label} with "
            f"{rival.candidate.database.design.label} and {rival.candidate.delivery.design.label}"
            f"{_rendering_words(rival, best)}, "
            f"{Reasons(scenario, best, doubt).in_short(rival)}."
        )
    return text


def _terms_words(best: Evaluation, own_rates: OwnRates) -> str:
    """What a month's cost rests on, beside list prices."""
    return (
        f"{' with its plans' if best.portfolio.purchases else ''}"
        f"{' at own rates' if own_rates.name else ''}"
        f"{' with supposed price changes' if own_rates.changes else ''}"
    )


def _rendering_words(rival: Evaluation, best: Evaluation) -> str:
    """Where a rival renders, if it renders anything worth a word or elsewhere than the best."""
    rendering = rival.candidate.rendering.design.label
    differs = rendering != best.candidate.rendering.design.label
    return f", {rendering}" if differs or not _renders_nothing(rival) else ""


def _and_more(others: int) -> str:
    return f" and {others} more" if others else ""


def _plan_sentence(best: Evaluation) -> str:
    """What to buy, and what the month would cost without."""
    bought = [
        f"{_plan_words(purchase)} of ${purchase.level_usd:,.3f} an hour"
        if purchase.per == "hour"
        else f"{_plan_words(purchase)} of {dollars(purchase.level_usd)} a month"
        for purchase in best.portfolio.now
    ]
    later = len(best.portfolio.purchases) - len(best.portfolio.now)
    *others, last = [*bought, *([f"{later} bought in later years"] if later else [])]
    plans = f"{', '.join(others)} and {last}" if others else last
    return (
        f"Its plans: {plans}, with {dollars(best.portfolio.upfront_usd)} paid at the start; without them the month is "
        f"{dollars(best.monthly_usd)}."
    )


def _plan_words(purchase: Purchase) -> str:
    return f"a {purchase.commitment.kind} ({purchase.commitment.term})"


def _plan_note(portfolio: Portfolio) -> PlanNote | None:
    if not portfolio.purchases:
        return None
    purchases = tuple(
        PurchaseNote(
            purchase.commitment.kind,
            purchase.commitment.years,
            purchase.commitment.payment,
            purchase.covers,
            purchase.starts_year,
            purchase.per,
            purchase.level_usd,
            purchase.upfront_usd,
        )
        for purchase in portfolio.purchases
    )
    return PlanNote(purchases, portfolio.saves_usd, portfolio.upfront_usd)


def _standing_words(scenario: Scenario, best: Evaluation) -> str:
    if best.strategy is Strategy.NONE:
        return ""
    return f" with {best.strategy.words} in {scenario.network.second_region}"


def _recovery_note(scenario: Scenario, best: Evaluation) -> RecoveryNote | None:
    region_id = scenario.network.second_region
    if region_id is None or best.recovery is None:
        return None
    source = RESTORATIONS[best.strategy].source
    return RecoveryNote(region_id, best.strategy.value, source, best.recovery.options)


def _renders_nothing(evaluation: Evaluation) -> bool:
    return evaluation.candidate.rendering.capacity.peak_requests_per_s == 0


def _notes(scenario: Scenario, demand: Demand, best: Evaluation, cost_range: CostRange) -> Iterable[str]:
    """What the scenario rests on and what the recommendation does not do."""
    second_region = scenario.network.second_region
    if second_region is not None and best.strategy is Strategy.NONE:
        yield (
            f"{second_region} keeps a copy of the assets only: compute and database are not replicated there, "
            f"so the shop does not fail over when {scenario.region} is lost. Set objectives.region_rto_minutes and "
            "objectives.region_rpo_minutes for a recovery strategy."
        )
    if demand.outage_loss is not None:
        yield (
            f"{scenario.region} does not serve for {demand.outage_loss.minutes:,.0f} minutes of the run: "
            f"{demand.lost_api_requests:,.0f} calls ({demand.lost_ratio:.3%}) are lost. The error ratio "
            f"{'counts' if scenario.objectives.count_outages else 'leaves out'} these (objectives.count_outages); "
            "the crowd that comes back afterwards is served and billed."
        )
    if demand.trace_note:
        yield f"The traffic follows a trace, {demand.trace_note}."
    if cost_range.cut_draws:
        yield (
            f"In {cost_range.cut_draws} of {cost_range.draws} draws the uncertain inputs together lay outside what "
            "a scenario may say; they were moved to its edge. Narrower ranges avoid this."
        )


def _unpriced_plan_notes(
    scenario: Scenario, demand: Demand, book: PriceBook, result: SearchResult
) -> Iterable[str]:
    """Which allowed plans no candidate could be tried with, for want of a rate, and what to type."""
    if not scenario.constraints.plans:
        return
    planner = Planner(scenario, demand.calendar, Offers(book), NO_OWN_RATES)
    found = (result.best, *result.rivals)
    unpriced = planner.unpriced(usage for one in found for usage in whole_usages(demand, one))
    if not unpriced:
        return
    plans = "; ".join(
        f"{commitment} ({', '.join(f'{place.service_code} in {place.region_id}' for place in places)})"
        for commitment, places in unpriced.items()
    )
    places = {place for places in unpriced.values() for place in places}
    services = "".join(f" --service {code}" for code in sorted({place.service_code for place in places}))
    regions = "".join(f" --region {region_id}" for region_id in sorted({place.region_id for place in places}))
    yield (
        f"Allowed, but without a rate in the price book: {plans}. The answer does without, and with them may be "
        f"another or cheaper. With an AWS account, type: costmodel prices refresh{services}{regions}"
    )


def _price_change_notes(own_rates: OwnRates, bill: Bill) -> Iterable[str]:
    """What each supposed change of the price list does to the bill."""
    for change in own_rates.changes:
        touched = Bill(tuple(charge for charge in bill.charges if charge.x_price_change == change.label))
        if touched.charges:
            yield (
                f"Supposed, not AWS's price list: {change.label}. What it covers costs {dollars(touched.billed_cost)} "
                f"over the run, {dollars(touched.list_cost)} at list prices."
            )
        else:
            yield f"Supposed, not AWS's price list: {change.label}. It covers no charge of the recommendation."


def _option(evaluation: Evaluation, why: str, months: int) -> Option:
    compute_kind, database_kind, delivery_kind, rendering_kind = evaluation.candidate.kinds
    compute, balancer, database, delivery, rendering = evaluation.candidate.labels
    promise = evaluation.promise
    return Option(
        compute_kind=compute_kind,
        database_kind=database_kind,
        delivery_kind=delivery_kind,
        rendering_kind=rendering_kind,
        compute=compute,
        load_balancer=balancer,
        database=database,
        delivery=delivery,
        rendering=rendering,
        monthly_usd=evaluation.monthly_usd,
        api_p95_ms=promise.api_p95_ms,
        api_p99_ms=promise.api_p99_ms,
        availability_ratio=promise.availability_ratio,
        error_ratio=promise.error_ratio,
        why=why,
        carbon_kg_per_month=likely_kg(evaluation.energy, months),
        effective_monthly_usd=evaluation.effective_monthly_usd,
    )


def _comparisons(scenario: Scenario, result: SearchResult, reasons: Reasons) -> Iterable[Comparison]:
    evaluations = (result.best, *result.rivals)
    allowed = {
        Role.COMPUTE: scenario.constraints.compute,
        Role.DATABASE: scenario.constraints.database,
        Role.DELIVERY: scenario.constraints.delivery,
        Role.RENDERING: () if _renders_nothing(result.best) else scenario.constraints.rendering,
    }
    for position, (role, kinds) in enumerate(allowed.items()):
        for kind in kinds:
            best = next((found for found in evaluations if found.candidate.kinds[position] == kind), None)
            if best is None:
                yield Comparison(role, kind, "", None, why_none((kind,), result.rejections))
            else:
                tier = getattr(best.candidate, role.value)
                why = "recommended" if best is result.best else reasons.why_not(best)
                yield Comparison(role, kind, tier.design.label, best.effective_monthly_usd, why)


def _rejection_note(rejection: Rejection) -> RejectionNote:
    limit = rejection.limit
    return RejectionNote(
        rejection.subject,
        rejection.kinds,
        limit.constraint,
        float(limit.observed),
        float(limit.limit),
        limit.unit,
        rejection.candidates,
    )


def _tier_note(tier: SimulatedDesign, demand: Demand) -> DesignNote:
    capacity = tier.capacity
    figures = {
        "peak_requests_per_s": capacity.peak_requests_per_s,
        "saturation_requests_per_s": capacity.saturation_requests_per_s,
        "headroom_ratio": capacity.headroom_ratio,
        "mean_ms": capacity.latency.mean_ms,
        "p50_ms": capacity.latency.p50_ms,
        "p95_ms": capacity.latency.p95_ms,
        "p99_ms": capacity.latency.p99_ms,
    }
    if isinstance(tier.design, Viewed):
        figures |= tier.design.cache_figures(demand)
    known = {name: figure for name, figure in figures.items() if math.isfinite(figure)}
    daily = _daily_capacity(tier.design.simulate(demand), demand.calendar)
    return _note(tier.design, tier.design.kind, daily, known)


def _platform_note(design: PlatformDesign) -> DesignNote:
    return _note(design, design.role.value, {}, {})


def _note(
    design: Design, kind: str, daily: dict[str, tuple[float, ...]], figures: dict[str, float]
) -> DesignNote:
    reliability = design.reliability
    return DesignNote(
        role=design.role.value,
        kind=kind,
        service_name=design.service_name,
        resource_name=design.resource_name,
        label=design.label,
        settings=dict(design.settings()),
        sla_ratio=reliability.sla_ratio,
        sla_source=reliability.source,
        rto_minutes=reliability.rto_minutes,
        rpo_minutes=reliability.rpo_minutes,
        daily=daily,
        figures=figures,
    )


def _daily_capacity(capacity: Capacity, calendar: Calendar) -> dict[str, tuple[float, ...]]:
    return {
        "servers_mean": _series(calendar.mean_per_day(capacity.servers)),
        "servers_max": _series(calendar.max_per_day(capacity.servers)),
        "utilisation_mean_ratio": _series(calendar.mean_per_day(capacity.utilisation)),
        "utilisation_max_ratio": _series(calendar.max_per_day(capacity.utilisation)),
        "requests": _series(calendar.per_day(capacity.requests)),
        "failed_requests": _series(calendar.per_day(capacity.failed_requests)),
    }


def _daily_load(demand: Demand, delivery: Design) -> dict[str, tuple[float, ...]]:
    sent = delivery.daily_sent_bytes(demand) if isinstance(delivery, Viewed) else demand.daily_asset_bytes
    return {
        "page_views": _series(demand.daily(demand.total_page_views)),
        "sessions": _series(demand.daily(demand.sessions)),
        "model_views": _series(demand.daily(demand.model_views.sum(axis=0))),
        "api_requests": _series(demand.daily(demand.api_requests)),
        "asset_requests": _series(demand.daily(demand.asset_requests.sum(axis=0))),
        "egress_gb": _series(sent.sum(axis=0) / BYTES_PER_GB),
    }


def _daily_cost(bill: Bill, effective: Sequence[Decimal], calendar: Calendar) -> dict[str, tuple[float, ...]]:
    """What a plan saves of a charge is the same share of it on each of its days."""
    costs: defaultdict[str, FloatArray] = defaultdict(lambda: np.zeros(calendar.days))
    days = dict(calendar.day_slices)
    for charge, cost in zip(bill.charges, effective, strict=True):
        paid_ratio = float(cost / charge.billed_cost) if cost != charge.billed_cost else 1.0
        costs[charge.service_name][days[charge.billing_period]] += charge.daily_cost * paid_ratio
    return {service: _series(cost) for service, cost in costs.items()}


def _series(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _charge_note(charge: Charge, effective_cost: Decimal) -> ChargeNote:
    values: dict[str, Any] = {f.name: getattr(charge, f.name) for f in fields(ChargeNote)}
    return ChargeNote(
        **values | {"billing_period": str(charge.billing_period), "effective_cost": effective_cost}
    )


def _first_view_ms(best: Evaluation, demand: Demand) -> dict[str, tuple[float, float]]:
    delivery = best.candidate.delivery.design
    return delivery.first_view_ms(demand) if isinstance(delivery, Viewed) else {}


def _terraform(scenario: Scenario, best: Evaluation) -> Iterable[TerraformVariableNote]:
    designs: tuple[Design, ...] = (*(tier.design for tier in best.candidate.tiers), *best.platform)
    variables = [variable for design in designs for variable in design.terraform()]
    for variable in (*variables, *recovery_variables(scenario, best.strategy)):
        yield TerraformVariableNote(
            variable.name,
            variable.description,
            tuple(
                TerraformAttributeNote(
                    attribute.name,
                    attribute.type,
                    attribute.value,
                    attribute.condition,
                    attribute.requirement,
                )
                for attribute in variable.attributes
            ),
        )


def _requirements(
    scenario: Scenario,
    demand: Demand,
    best: Evaluation,
    cost_range: CostRange,
    first_view_ms: dict[str, tuple[float, float]],
    expected_loss: ExpectedLoss,
) -> tuple[Requirement, ...]:
    return (
        _availability(scenario, demand, best, expected_loss),
        _scalability(scenario, best),
        _performance(scenario, best, first_view_ms),
        _security(scenario, demand, best),
        _cost(scenario, best, cost_range),
    )


def _availability(
    scenario: Scenario, demand: Demand, best: Evaluation, expected: ExpectedLoss
) -> Requirement:
    promise = best.promise
    objectives = scenario.objectives
    lost_minutes = lost_minutes_per_month(promise.availability_ratio)
    outage, outage_figures = _outage(demand)
    return Requirement(
        "availability",
        f"Agreements compose to {promise.availability_ratio:.3%} inside the region "
        f"({lost_minutes:,.0f} minutes a month) and {promise.availability_with_delivery_ratio:.3%} with "
        f"content delivery. After the loss of a zone it serves again within {promise.rto_minutes:.1f} minutes "
        f"and loses at most {promise.rpo_minutes:.1f} minutes of work. At assumed failure rates, zone losses and "
        f"failovers cost {expected.minutes_per_month:.2f} minutes of mean load a month "
        f"({expected.requests_per_month:,.0f} calls).{outage}{_regional(scenario, best)}",
        {
            "availability_ratio": promise.availability_ratio,
            "availability_with_delivery_ratio": promise.availability_with_delivery_ratio,
            "unavailable_minutes_per_month": lost_minutes,
            "availability_with_assets_ratio": _with_assets(demand, best),
            "all_zones_but_one_ratio": _zones_but_one(scenario.network.availability_zones),
            "expected_lost_minutes_per_month": expected.minutes_per_month,
            "expected_lost_requests_per_month": expected.requests_per_month,
            "rto_minutes": promise.rto_minutes,
            "rpo_minutes": promise.rpo_minutes,
            **outage_figures,
            "recovery_strategy": best.strategy.value,
        },
        promise.availability_ratio >= objectives.availability_ratio
        and promise.rto_minutes <= objectives.rto_minutes
        and promise.rpo_minutes <= objectives.rpo_minutes
        and not any(limit.broken for limit in regional_limits(best.strategy, objectives)),
    )


def _with_assets(demand: Demand, best: Evaluation) -> float:
    """Agreements with delivery and with the assets behind it: while S3 is down, only what is not cached is missing."""
    storage = next(design for design in best.platform if design.role is Role.STORAGE)
    asked = float(demand.daily_asset_requests.sum())
    missed = float(best.candidate.footprint.origin_requests.sum()) / asked if asked else 0.0
    with_delivery = best.promise.availability_with_delivery_ratio
    return with_soft_dependency(with_delivery, storage.reliability.sla_ratio, min(1.0, missed))


def _zones_but_one(zones: int) -> float:
    """Share of time in which at most one zone is impaired, at the assumed rates of zones and of their region."""
    enough = k_of_n(zones - 1, zones, ZONE_IMPAIRMENT.availability_ratio)
    return with_common_cause(enough, REGION_IMPAIRMENT.availability_ratio)


def _regional(scenario: Scenario, best: Evaluation) -> str:
    """What the loss of the region means, in a sentence with a space before; nothing without a second region."""
    region_id = scenario.network.second_region
    if region_id is None or best.strategy is Strategy.NONE:
        return ""
    restoration = RESTORATIONS[best.strategy]
    return (
        f" After the loss of {scenario.region}, {best.strategy.words} in {region_id} serves within "
        f"{restoration.rto_minutes:,.1f} minutes and loses at most {restoration.rpo_minutes:,.1f} minutes of work."
        f"{_pair(best)}"
    )


def _outage(demand: Demand) -> tuple[str, dict[str, float]]:
    """What regional outages cost, as a sentence and in figures; nothing without one."""
    loss = demand.outage_loss
    if loss is None:
        return "", {}
    sentence = (
        f" Regional outages take {loss.minutes:,.0f} minutes of the run on top, in which "
        f"{demand.lost_api_requests:,.0f} calls are lost ({demand.lost_ratio:.3%})."
    )
    return sentence, {
        "outage_minutes": loss.minutes,
        "outage_lost_requests": demand.lost_api_requests,
        "outage_lost_ratio": demand.lost_ratio,
    }


def _pair(best: Evaluation) -> str:
    """What two regions that both serve compose to, some of whose failures strike both; nothing for a standby."""
    if best.strategy is not Strategy.ACTIVE_ACTIVE:
        return ""
    return f" The two regions compose to {availability_ratio(best.placed):.3%}, a tenth of failures taken to strike both."


TIER_WORDS = {Role.COMPUTE: "compute", Role.DATABASE: "the database"}


def _scalability(scenario: Scenario, best: Evaluation) -> Requirement:
    inside = (best.candidate.compute, best.candidate.database)
    tightest, other = sorted(inside, key=lambda tier: tier.capacity.headroom_ratio)
    capacity = tightest.capacity
    failed = sum(tier.capacity.failed_requests for tier in inside)
    return Requirement(
        "scalability",
        f"The busiest minute brings {capacity.peak_requests_per_s:,.1f} API calls a second{_each_region(best)}; "
        f"{TIER_WORDS[tightest.design.role]} gives way before {TIER_WORDS[other.design.role]}, at "
        f"{capacity.saturation_requests_per_s:,.1f} a second "
        f"({capacity.headroom_ratio:.0%} headroom). {failed:,.0f} calls fail{_each_region(best)} "
        f"({best.promise.error_ratio:.4%}).{_allowance_words(best)}",
        {
            "peak_requests_per_s": capacity.peak_requests_per_s,
            "saturation_requests_per_s": capacity.saturation_requests_per_s,
            "headroom_ratio": capacity.headroom_ratio,
            "tightest_tier": tightest.design.role.value,
            "failed_requests": failed,
            "error_ratio": best.promise.error_ratio,
        },
        best.promise.error_ratio <= scenario.objectives.error_ratio,
    )


def _each_region(best: Evaluation) -> str:
    """That figures are those of half the traffic, where two regions serve."""
    return " in each of the two regions" if best.strategy is Strategy.ACTIVE_ACTIVE else ""


def _allowance_words(best: Evaluation) -> str:
    """How much of a delivery plan's monthly allowance is in use, the fullest first; nothing without a plan."""
    allowances = [
        limit for limit in best.candidate.delivery.capacity.limits if limit.unit.endswith("a month")
    ]
    if not allowances:
        return ""
    fullest = max(allowances, key=lambda limit: limit.observed / limit.limit)
    return (
        f" The busiest month takes {fullest.observed / fullest.limit:.0%} of the {fullest.constraint}, "
        f"{fullest.observed:,.0f} of {fullest.limit:,.0f} {fullest.unit}."
    )


def _performance(
    scenario: Scenario, best: Evaluation, first_view_ms: dict[str, tuple[float, float]]
) -> Requirement:
    promise = best.promise
    figures: dict[str, float | str] = {
        "api_p50_ms": promise.api_p50_ms,
        "api_p95_ms": promise.api_p95_ms,
        "api_p99_ms": promise.api_p99_ms,
    }
    summary = (
        f"An API call takes {promise.api_p50_ms:,.0f} ms at the median, {promise.api_p95_ms:,.0f} ms at the 95th "
        f"and {promise.api_p99_ms:,.0f} ms at the 99th percentile, inside the region."
    )
    if first_view_ms:
        slowest = max(first_view_ms, key=lambda geography: first_view_ms[geography][1])
        p50_ms, p95_ms = first_view_ms[slowest]
        summary += (
            f" A 3D model is first seen after {p50_ms / 1000:,.1f} s (95th percentile {p95_ms / 1000:,.1f} s) "
            f"where it is slowest, {slowest.replace('_', ' ')}."
        )
        for geography, (median, tail) in first_view_ms.items():
            figures[f"first_view_{geography}_p50_ms"] = median
            figures[f"first_view_{geography}_p95_ms"] = tail
    if not _renders_nothing(best):
        rendered = _rendering_figures(scenario, best)
        figures |= rendered
        summary += (
            f" A rendering job is done after {rendered['rendering_p50_minutes']:,.1f} minutes at the median and "
            f"{rendered['rendering_p99_minutes']:,.1f} at the 99th percentile; {rendered['rendering_late_ratio']:.2%} "
            f"miss the deadline of {scenario.rendering.deadline_minutes:g} minutes."
        )
    objectives = scenario.objectives
    met = promise.api_p95_ms <= objectives.api_p95_ms and promise.api_p99_ms <= objectives.api_p99_ms
    limits = best.candidate.delivery.capacity.limits
    slow = any(limit.broken for limit in limits if limit.key == "objectives.first_view_p95_ms")
    return Requirement("performance", summary, figures, met and not slow)


def _rendering_figures(scenario: Scenario, best: Evaluation) -> dict[str, float]:
    capacity = best.candidate.rendering.capacity
    late = next(limit for limit in capacity.limits if limit.key == "rendering.deadline_minutes")
    to_minutes = 1 / (1000 * SECONDS_PER_MINUTE)
    return {
        "rendering_p50_minutes": capacity.latency.p50_ms * to_minutes,
        "rendering_p95_minutes": capacity.latency.p95_ms * to_minutes,
        "rendering_p99_minutes": capacity.latency.p99_ms * to_minutes,
        "rendering_late_ratio": late.observed,
    }


def _security(scenario: Scenario, demand: Demand, best: Evaluation) -> Requirement:
    months = len(demand.calendar.periods)
    guards = {
        design.resource_name for design in best.platform if design.role in (Role.FIREWALL, Role.ENCRYPTION)
    }
    by_resource = best.bill.by("resource_name")
    price_usd = sum((by_resource.get(name, Decimal(0)) for name in guards), Decimal(0))
    monthly_usd = price_usd / months
    footprint = best.candidate.footprint
    firewall = footprint.included_roles
    waf = scenario.security.waf or Role.FIREWALL in firewall
    keys = scenario.security.kms_keys
    controls = ["HTTPS only at the edge", "Shield Standard"]
    if footprint.private_subnets:
        controls.append("private subnets for compute")
    if footprint.zonal_database:
        controls.append("private subnets for data")
    controls.append(
        f"encryption at rest with {keys:,} customer-managed {'key' if keys == 1 else 'keys'}"
        if keys
        else "encryption at rest with AWS-owned keys"
    )
    if waf:
        controls.append("a web application firewall")
    return Requirement(
        "security",
        f"{', '.join(controls)}; together {dollars(monthly_usd)} a month"
        f"{', the firewall included in the plan' if Role.FIREWALL in firewall else ''}.",
        {"controls": ", ".join(controls), "monthly_usd": float(monthly_usd)},
        waf or not scenario.security.waf,
    )


def _cost(scenario: Scenario, best: Evaluation, cost_range: CostRange) -> Requirement:
    months = best.bill.by("billing_period")
    worst = max(months, key=lambda month: months[month])
    budget = scenario.constraints.monthly_budget_usd
    rendering_usd = best.bill.by("resource_name").get("rendering", Decimal(0)) / len(months)
    planned = bool(best.portfolio.purchases)
    before = " before plans" if planned else ""
    plans = f" and its plans, {dollars(best.monthly_usd)} without" if planned else ""
    rendering = "" if _renders_nothing(best) else f", {dollars(rendering_usd)} of it for rendering{before},"
    return Requirement(
        "cost",
        f"{dollars(best.effective_monthly_usd)} a month{rendering} with the traffic of seed {scenario.seed}{plans}; over "
        f"{cost_range.draws} draws of inputs and traffic the mean is {dollars(cost_range.mean_usd)}, give or take "
        f"{dollars(cost_range.standard_error_usd)}, and 80 % lie between "
        f"{dollars(cost_range.p10_usd)} and {dollars(cost_range.p90_usd)}. The dearest month is {worst} with "
        f"{dollars(months[worst])}{before}.",
        {
            "monthly_usd": float(best.monthly_usd),
            "effective_monthly_usd": float(best.effective_monthly_usd),
            "rendering_monthly_usd": float(rendering_usd),
            "mean_usd": cost_range.mean_usd,
            "standard_error_usd": cost_range.standard_error_usd,
            "cvar_usd": cost_range.cvar_usd,
            "holds_ratio": cost_range.holds_ratio,
            "p10_usd": cost_range.p10_usd,
            "p50_usd": cost_range.p50_usd,
            "p90_usd": cost_range.p90_usd,
            "worst_month": worst,
            "worst_month_usd": float(months[worst]),
        },
        budget is None or best.effective_monthly_usd <= Decimal(repr(budget)),
    )
