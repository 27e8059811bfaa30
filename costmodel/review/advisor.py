"""What Trusted Advisor says about an account beside what a run recommends.

The comparison takes the account to be the one that runs the shop. Every finding of AWS becomes one
item, then come the flags that only the simulation foresees, then what AWS has no check for.
Savings are set side by side and never added up: checks overlap, and alternatives exclude each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from costmodel.capacity.instances import InstanceType, database_class, instance_type
from costmodel.decision.plans import commitment_named
from costmodel.decision.run import DesignNote, RejectionNote, Run
from costmodel.errors import UnknownInstanceType
from costmodel.pricing.commitment import CommitmentKind
from costmodel.review.advisor_checks import (
    EC2,
    LAMBDA,
    LIMITS,
    PROVISIONED,
    RDS,
    SOURCE,
    Prediction,
    Verdict,
    predict,
)
from costmodel.review.advisor_facts import Facts, Unknown, word
from costmodel.review.findings import Finding, Findings, Resource, Status, current_id
from costmodel.scenario.model import PLANS
from costmodel.services._base import Role


class Outcome(StrEnum):
    """How what AWS says relates to what the run recommends."""

    CONTRADICT = "contradict"
    """AWS asks for what the simulation says would break, asks to commit to what the recommended design does not have, or
    is content where the design would be flagged."""
    AGREE = "agree"
    """AWS flags it, and the recommended design changes it the same way or would be flagged as well."""
    ONLY_AWS = "only AWS"
    """AWS flags what the simulation does not know, or what the recommended design does not touch."""
    ONLY_US = "only us"
    """The run recommends or foresees what AWS does not show."""
    NOTHING = "nothing to do"
    """AWS finds nothing, cannot tell, or was told to leave it out; and the simulation flags nothing."""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the comparison."""

    outcome: Outcome
    check_id: str
    """Id as AWS reported it, or as we predict it; empty for a recommendation that AWS has no check for."""
    name: str
    aws: str
    """AWS's status; empty where AWS says nothing."""
    aws_saving_usd: Decimal | None
    """Per month, as AWS estimates it for the check."""
    ours: str
    """The predicted verdict on the recommended design; `recommended` where that design is our answer, to AWS
    or unasked; empty where we say nothing."""
    our_saving_usd: Decimal | None
    """Per month: by the rule of the check, or the difference of whole bills."""
    resources: tuple[str, ...]
    """Flagged resources in the run's region, as far as the file lists them."""
    reason: str


@dataclass(frozen=True, slots=True)
class AdvisorComparison:
    """The comparison, and every check as predicted for the recommended design."""

    scenario_name: str
    region_id: str
    api: str
    items: tuple[Item, ...]
    """By outcome in the order of `Outcome`, then by larger saving."""
    predictions: tuple[Prediction, ...]
    notes: tuple[str, ...]

    @property
    def tripped(self) -> tuple[Prediction, ...]:
        """Checks that the recommended design would trip."""
        return tuple(prediction for prediction in self.predictions if prediction.verdict.flagged)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain JSON values; amounts are exact decimal strings in US dollars."""
        return {
            "scenario_name": self.scenario_name,
            "region_id": self.region_id,
            "api": self.api,
            "source": SOURCE,
            "items": [
                {
                    "outcome": item.outcome.value,
                    "check_id": item.check_id,
                    "name": item.name,
                    "aws": item.aws,
                    "aws_saving_usd": _text(item.aws_saving_usd),
                    "ours": item.ours,
                    "our_saving_usd": _text(item.our_saving_usd),
                    "resources": list(item.resources),
                    "reason": item.reason,
                }
                for item in self.items
            ],
            "predictions": [
                {
                    "check_id": prediction.check_id,
                    "name": prediction.name,
                    "pillar": prediction.pillar,
                    "criterion": prediction.criterion,
                    "verdict": prediction.verdict.value,
                    "reason": prediction.reason,
                    "figures": dict(prediction.figures),
                    "saving_usd": _text(prediction.saving_usd),
                }
                for prediction in self.predictions
            ],
            "notes": list(self.notes),
        }


def compare(run: Run, findings: Findings) -> AdvisorComparison:
    """Set AWS's findings beside the run's recommendation."""
    comparer = _Comparer(run)
    items = [comparer.item(finding) for finding in findings.findings]
    seen = {_subject(finding.check_id) for finding in findings.findings}
    items += comparer.only_predicted(seen)
    items += comparer.only_recommended()
    order = list(Outcome)
    items.sort(key=lambda item: (order.index(item.outcome), -_largest_saving(item), item.check_id, item.name))
    return AdvisorComparison(
        run.scenario_name,
        run.region_id,
        findings.api,
        tuple(items),
        comparer.predictions,
        (*findings.notes, *_elsewhere(run, findings), *_overlaps(items)),
    )


SAME_SUBJECT = {"c1z7kmr18n": "c2vlfg022t", "c1z7kmr01n": "c1z7kmr00n"}
"""Checks about what another check is about: idle and inactive NAT gateways, groups and their instances."""


def _subject(check_id: str) -> str:
    current = current_id(check_id)
    return SAME_SUBJECT.get(current, current)


def _elsewhere(run: Run, findings: Findings) -> Iterator[str]:
    """A run about another region than the account is a likely slip."""
    flagged = (resource for finding in findings.findings for resource in finding.flagged_resources)
    regions = sorted({resource.region_id for resource in flagged if resource.region_id})
    if regions and run.region_id not in regions:
        yield (
            f"Every flagged resource is in {', '.join(regions)}, and the run is about {run.region_id}."
            " Simulate the account's region with: costmodel simulate SCENARIO --region REGION --save RUN.json"
        )


def _overlaps(items: Iterable[Item]) -> Iterator[str]:
    """Which savings count the same thing."""
    by_subject: dict[str, list[str]] = {}
    for item in items:
        if item.aws_saving_usd:
            by_subject.setdefault(_subject(item.check_id), []).append(item.check_id)
    for check_ids in by_subject.values():
        if len(check_ids) > 1:
            yield f"AWS's savings of {' and '.join(sorted(check_ids))} overlap: count one of them."


def _largest_saving(item: Item) -> Decimal:
    return max(item.aws_saving_usd or Decimal(0), item.our_saving_usd or Decimal(0))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


class View(NamedTuple):
    """What the run says to one finding."""

    outcome: Outcome
    reason: str
    saving_usd: Decimal | None = None


class _Comparer:
    """The run's side of the comparison."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.facts = Facts(run)
        self.predictions = predict(run)
        self.by_subject = {_subject(prediction.check_id): prediction for prediction in self.predictions}
        self.by_id = {prediction.check_id: prediction for prediction in self.predictions}
        self.cited: set[tuple[str, str]] = set()
        """Role and kind of comparisons whose saving stands beside a finding of AWS."""

    # One finding of AWS

    def item(self, finding: Finding) -> Item:
        prediction = self._prediction(finding)
        here = tuple(r for r in finding.flagged_resources if r.region_id in ("", self.run.region_id))
        view = self._view(finding, here, prediction)
        return Item(
            outcome=view.outcome,
            check_id=finding.reported_id,
            name=prediction.name if prediction and finding.name == finding.reported_id else finding.name,
            aws=finding.status.value.replace("_", " "),
            aws_saving_usd=finding.estimated_monthly_saving_usd,
            ours=_ours(view, prediction),
            our_saving_usd=view.saving_usd,
            resources=tuple(resource.resource_id for resource in here),
            reason=view.reason,
        )

    def _prediction(self, finding: Finding) -> Prediction | None:
        return self.by_id.get(finding.reported_id) or self.by_subject.get(_subject(finding.check_id))

    def _view(self, finding: Finding, here: tuple[Resource, ...], prediction: Prediction | None) -> View:
        if not finding.status.flagged:
            return _unflagged(finding, prediction)
        if finding.dismissed:
            return View(Outcome.NOTHING, "the recommendation was dismissed or resolved")
        if not finding.flagged_resources and any(r.excluded for r in finding.resources):
            return View(Outcome.NOTHING, "every flagged resource was excluded by its owner")
        if finding.flagged_resources and not here:
            regions = ", ".join(sorted({r.region_id for r in finding.flagged_resources}))
            return View(
                Outcome.ONLY_AWS, f"the resources are in {regions}, the run is about {self.run.region_id}"
            )
        answer = _ANSWERS.get(_subject(finding.check_id))
        if answer is None:
            limits = LIMITS in finding.pillars or (prediction is not None and prediction.pillar == LIMITS)
            answer = _quota if limits else _configuration
        try:
            return answer(self, finding, here, prediction)
        except Unknown as unknown:
            return View(Outcome.ONLY_AWS, str(unknown))

    # What AWS does not show

    def only_predicted(self, seen: set[str]) -> Iterator[Item]:
        """Flags that the simulation foresees and the file says nothing about."""
        for prediction in self.predictions:
            if prediction.verdict.flagged and _subject(prediction.check_id) not in seen:
                yield Item(
                    outcome=Outcome.ONLY_US,
                    check_id=prediction.check_id,
                    name=prediction.name,
                    aws="",
                    aws_saving_usd=None,
                    ours=prediction.verdict.value,
                    our_saving_usd=prediction.saving_usd,
                    resources=(),
                    reason=f"the recommended design would be flagged: {prediction.reason}",
                )

    def only_recommended(self) -> Iterator[Item]:
        """Choices between services, for which AWS has no check. Savings of one role are alternatives."""
        chosen = self.run.chosen
        kinds = {
            "compute": chosen.compute_kind,
            "database": chosen.database_kind,
            "delivery": chosen.delivery_kind,
            "rendering": chosen.rendering_kind,
        }
        labels = {
            "compute": chosen.compute,
            "database": chosen.database,
            "delivery": chosen.delivery,
            "rendering": chosen.rendering,
        }
        for other in self.run.comparisons:
            if other.effective_monthly_usd is None or (other.role, other.kind) in self.cited:
                continue
            if other.role in kinds and other.kind != kinds[other.role]:
                yield Item(
                    outcome=Outcome.ONLY_US,
                    check_id="",
                    name=f"{labels[other.role]} instead of {other.label}",
                    aws="",
                    aws_saving_usd=None,
                    ours="recommended",
                    our_saving_usd=other.effective_monthly_usd - self.run.chosen.effective_monthly_usd,
                    resources=(),
                    reason=f"no check compares kinds of {other.role}; the saving is the difference of whole bills",
                )

    def saving_over(self, role: Role, *kinds: str) -> Decimal | None:
        """How much dearer the whole cost is with the best design of other kinds; marks it as cited."""
        others = [
            (other.effective_monthly_usd, other.kind)
            for other in self.run.comparisons
            if other.role == role.value and other.kind in kinds and other.effective_monthly_usd is not None
        ]
        if not others:
            return None
        cost_usd, kind = min(others)
        self.cited.add((role.value, kind))
        return cost_usd - self.run.chosen.effective_monthly_usd

    def rejection(self, label: str) -> RejectionNote | None:
        """Why a design of this label was rejected, if it was."""
        return next((rejection for rejection in self.run.rejections if rejection.subject == label), None)


def _ours(view: View, prediction: Prediction | None) -> str:
    if view.outcome is Outcome.AGREE and not (prediction and prediction.verdict.flagged):
        return "recommended"
    return prediction.verdict.value if prediction else ""


def _unflagged(finding: Finding, prediction: Prediction | None) -> View:
    """AWS is content, or has nothing to judge."""
    unknown = finding.status is Status.NOT_AVAILABLE
    if prediction and prediction.verdict.flagged:
        foreseen = f"the recommended design would be flagged: {prediction.reason}"
        if unknown:
            return View(Outcome.ONLY_US, f"AWS has no data; {foreseen}", prediction.saving_usd)
        return View(Outcome.CONTRADICT, f"AWS is content today; {foreseen}", prediction.saving_usd)
    if unknown:
        return View(Outcome.NOTHING, "AWS has no data; some checks need an opt-in first")
    return View(Outcome.NOTHING, "AWS finds nothing and the simulation flags nothing")


Answer = Callable[[_Comparer, Finding, tuple[Resource, ...], Prediction | None], View]


MEASURED = {"ZRxQlPsb6c", "Bh2xRR2FGH", "L4dfs2Q3C2", "L4dfs2Q3C3"}
"""Checks of what happened, not of how something is set: that the design would pass changes nothing there."""


def _configuration(
    comparer: _Comparer, finding: Finding, here: tuple[Resource, ...], prediction: Prediction | None
) -> View:
    """A setting that AWS flags: does the recommended design have it right?"""
    if prediction is None:
        return View(Outcome.ONLY_AWS, "the simulation does not model what this check looks at")
    if prediction.verdict.flagged:
        return View(
            Outcome.AGREE,
            f"the recommended design would be flagged as well: {prediction.reason}",
            prediction.saving_usd,
        )
    if prediction.verdict is Verdict.OK:
        if finding.check_id in MEASURED:
            return View(Outcome.ONLY_AWS, f"the recommended design would pass: {prediction.reason}")
        return View(Outcome.AGREE, f"the recommended design puts it right: {prediction.reason}")
    return View(Outcome.ONLY_AWS, prediction.reason)


NO_BACK_END = "No active back-end instances"
"""Reason of check hjLMh88uM8 to call a load balancer idle. Source: AWS Trusted Advisor check reference (2026)."""


def _unused(
    comparer: _Comparer, finding: Finding, here: tuple[Resource, ...], prediction: Prediction | None
) -> View:
    """AWS asks to delete something idle: does the recommended design need it?"""
    if here and all(NO_BACK_END in resource.metadata.values() for resource in here):
        return View(Outcome.ONLY_AWS, "nothing stands behind it, so it serves no design: it may go")
    if prediction is None or prediction.verdict is Verdict.NOT_DECIDABLE:
        return _configuration(comparer, finding, here, prediction)
    if prediction.verdict is Verdict.OK and finding.sound_resources:
        others = finding.sound_resources
        reason = (
            f"the recommended design needs one, and the account has {others} more in use, in this region or another: "
            "with one of them here, this one may go"
        )
        return View(Outcome.ONLY_AWS, reason)
    if prediction.verdict is Verdict.OK:
        return View(Outcome.CONTRADICT, f"the recommended design needs one: {prediction.reason}")
    if prediction.verdict is Verdict.NOT_APPLICABLE:
        return View(Outcome.AGREE, prediction.reason)
    return View(Outcome.AGREE, f"it would be idle: {prediction.reason}", prediction.saving_usd)


def _quota(
    comparer: _Comparer, finding: Finding, here: tuple[Resource, ...], prediction: Prediction | None
) -> View:
    """A quota that the whole account fills; the design alone adds its part."""
    if prediction is None:
        return View(Outcome.ONLY_AWS, "the simulation does not count this quota")
    if prediction.verdict.flagged:
        return View(Outcome.AGREE, prediction.reason)
    if prediction.verdict is not Verdict.OK:
        return View(Outcome.ONLY_AWS, f"nothing of it in the recommended design: {prediction.reason}")
    added = prediction.figures["used"]
    for resource in here:
        usage, limit = (
            _number(resource.metadata.get(heading, "")) for heading in ("Current Usage", "Limit Amount")
        )
        if usage is not None and limit is not None:
            reason = (
                f"the account uses {usage:,f} of {limit:,f}; the recommended design alone uses {added:,.4g}"
            )
            if usage + Decimal(added) > limit:
                reason += ", and both together do not fit: raise the quota before building it"
            return View(Outcome.ONLY_AWS, reason)
    return View(Outcome.ONLY_AWS, f"others in the account use it: {prediction.reason}")


COMMITTED = {
    "c1z7kmr09n": Role.COMPUTE,
    "cX3c2R1chu": Role.COMPUTE,
    "c1z7kmr11n": Role.DATABASE,
    "c1z7kmr15n": Role.DATABASE,
}
"""Checks that advise to commit for a year or more, and the role they are about."""

RESERVED = {
    "cX3c2R1chu": ("instance", EC2),
    "c1z7kmr11n": ("instance", (*RDS, "aurora")),
    "c1z7kmr15n": ("provisioned capacity", PROVISIONED),
}
"""Those among them that reserve one thing, and the kinds of design that have it.

Source: AWS Trusted Advisor check reference (2026).
"""


class CoveringPlans(NamedTuple):
    """Plans that cover the use of a role, and the services whose use that is."""

    kinds: tuple[CommitmentKind, ...]
    service_codes: tuple[str, ...]


PLANS_OF = {
    Role.COMPUTE: CoveringPlans(
        (CommitmentKind.INSTANCE_PLAN, CommitmentKind.COMPUTE_PLAN), ("AmazonEC2", "AWSLambda")
    ),
    Role.DATABASE: CoveringPlans((CommitmentKind.DATABASE_PLAN,), ("AmazonRDS", "AmazonDynamoDB")),
}


def _commitment(
    comparer: _Comparer, finding: Finding, here: tuple[Resource, ...], prediction: Prediction | None
) -> View:
    role = COMMITTED[finding.check_id]
    design = comparer.facts.design(role)
    unit, kinds = RESERVED.get(finding.check_id, ("", (design.kind,)))
    if design.kind not in kinds:
        reason = f"we recommend {design.label}, so no {unit} is left to commit to"
        return View(Outcome.CONTRADICT, reason, comparer.saving_over(role, *kinds))
    if design.settings.get("purchase", "on_demand") != "on_demand":
        unknown = "the run does not hold what it would cost on demand"
        return View(Outcome.AGREE, f"we recommend a commitment too: {design.label}; {unknown}")
    plan, covering = comparer.run.plan, PLANS_OF[role]
    bought = [one.kind for one in plan.purchases if one.kind in covering.kinds] if plan else []
    if bought:
        return View(
            Outcome.AGREE,
            f"we recommend a commitment too: {', '.join(dict.fromkeys(bought))}",
            comparer.facts.saved_by_plans_usd(covering.service_codes),
        )
    constraints = comparer.run.scenario.get("constraints")
    allowed = constraints.get("commitments") if isinstance(constraints, dict) else None
    if allowed == ["on_demand"]:
        return View(Outcome.ONLY_AWS, "the scenario allows no commitment (constraints.commitments)")
    untried = ", ".join(_untried(comparer.run, allowed, covering.kinds))
    if untried:
        return View(
            Outcome.ONLY_AWS,
            f"the scenario allows more than could be weighed: the price book has no rate of {untried} for "
            f"{design.label}; costmodel prices refresh reads rates where AWS has any",
        )
    return View(
        Outcome.ONLY_AWS, f"of what the scenario allows, {design.label} is cheapest without a commitment"
    )


def _untried(run: Run, allowed: object, kinds: Collection[CommitmentKind]) -> Iterator[str]:
    """Allowed plans of these kinds that have no rate for what is recommended: the run knows all that have one."""
    priced = {(note.kind, note.years, note.payment) for note in run.commitments}
    names = allowed if isinstance(allowed, list) else []
    for plan in map(commitment_named, (name for name in PLANS if name in names)):
        if plan.kind in kinds and (plan.kind, plan.years, plan.payment) not in priced:
            yield str(plan)


# Sizes


def _compute_size(
    comparer: _Comparer, finding: Finding, here: tuple[Resource, ...], prediction: Prediction | None
) -> View:
    design = comparer.facts.design(Role.COMPUTE)
    if design.kind not in EC2:
        saving = comparer.saving_over(Role.COMPUTE, "ec2")
        return View(Outcome.AGREE, f"we recommend {design.label}, so no instance is left", saving)
    return _size(comparer, here, prediction, design, "instance_type", instance_type)


def _database_size(
    comparer: _Comparer, finding: Finding, here: tuple[Resource, ...], prediction: Prediction | None
) -> View:
    design = comparer.facts.design(Role.DATABASE)
    if "instance_class" not in design.settings:
        saving = comparer.saving_over(Role.DATABASE, "rds")
        return View(Outcome.AGREE, f"we recommend {design.label}, so no instance is left", saving)
    return _size(comparer, here, prediction, design, "instance_class", database_class)


def _size(
    comparer: _Comparer,
    here: tuple[Resource, ...],
    prediction: Prediction | None,
    design: DesignNote,
    setting: str,
    look_up: Callable[[str], InstanceType],
) -> View:
    """AWS asks to shrink or stop instances; one view for all of them, the strongest objection first."""
    if prediction and prediction.verdict.flagged:
        reason = f"the recommended design would be flagged as well: {prediction.reason}"
        return View(Outcome.AGREE, reason, prediction.saving_usd)
    ours = word(design, setting)
    passes = prediction.reason if prediction else f"we recommend {design.label}"
    views = [(r.resource_id, _one_size(comparer, r, design, ours, passes, look_up)) for r in here]
    if not views:
        return View(Outcome.ONLY_AWS, f"the file does not list the instances to set beside our {ours}")
    order = list(Outcome)
    views.sort(key=lambda view: order.index(view[1].outcome))
    if len(views) == 1:
        return views[0][1]
    reasons = (f"{name or 'another'}: {view.reason}" for name, view in views)
    return View(views[0][1].outcome, "; ".join(reasons))


def _one_size(
    comparer: _Comparer,
    resource: Resource,
    design: DesignNote,
    ours: str,
    passes: str,
    look_up: Callable[[str], InstanceType],
) -> View:
    current = _type_in(resource, "Instance Type", "Current Resource Summary")
    target = _type_in(resource, "Recommended Resource Summary")
    if target == ours:
        return View(Outcome.AGREE, f"we recommend {ours} too")
    if target and (objection := _objection(comparer, design, ours, target, look_up)):
        return View(Outcome.CONTRADICT, objection)
    if current and _compute_units(current, look_up) > _compute_units(ours, look_up) > 0:
        return View(Outcome.AGREE, f"{current} is larger than the {ours} we recommend")
    if current == ours and not target:
        return View(Outcome.CONTRADICT, f"we recommend {ours} and need it: {passes}")
    if target:
        return View(
            Outcome.ONLY_AWS, f"the simulation does not rule {target} out; the cheapest it found is {ours}"
        )
    return View(
        Outcome.ONLY_AWS,
        f"{current or 'its type is not stated; it'} is not part of what we recommend, {ours}",
    )


def _objection(
    comparer: _Comparer, design: DesignNote, ours: str, target: str, look_up: Callable[[str], InstanceType]
) -> str:
    """Why the simulation holds a type to be too small; empty when it does not."""
    if rejection := comparer.rejection(design.label.replace(ours, target)):
        return _rejected(rejection)
    if design.role != Role.COMPUTE or design.kind == "hybrid":
        return ""
    peak, saturation = (design.figures.get(f"{name}_requests_per_s") for name in ("peak", "saturation"))
    ratio = _compute_units(target, look_up) / (_compute_units(ours, look_up) or 1.0)
    if peak is None or saturation is None or ratio == 0 or peak <= saturation * ratio:
        return ""
    return (
        f"a full group of {target} keeps up with {saturation * ratio:,.0f} calls a second,"
        f" the busiest minute brings {peak:,.0f}"
    )


def _rejected(rejection: RejectionNote) -> str:
    allowed = f"{rejection.limit:,.4g} {rejection.unit}".strip()
    return f"{rejection.subject} breaks {rejection.constraint}: {rejection.observed:,.4g}, allowed {allowed}"


def _function_size(
    comparer: _Comparer, finding: Finding, here: tuple[Resource, ...], prediction: Prediction | None
) -> View:
    design = comparer.facts.design(Role.COMPUTE)
    if design.kind not in LAMBDA:
        saving = comparer.saving_over(Role.COMPUTE, "lambda")
        return View(Outcome.AGREE, f"we recommend {design.label}, so no function is left", saving)
    ours = design.settings.get("memory_mb")
    for resource in here:
        target = _memory_in(resource, "Recommended Resource Summary", "Recommended Memory Size (MB)")
        if target is None:
            continue
        if target == ours:
            return View(Outcome.AGREE, f"we recommend {ours} MB too")
        if rejection := comparer.rejection(design.label.replace(f"{ours} MB", f"{target} MB")):
            return View(Outcome.CONTRADICT, _rejected(rejection))
        return View(
            Outcome.ONLY_AWS, f"the cheapest size that meets the objectives is {ours} MB, not {target} MB"
        )
    return View(Outcome.ONLY_AWS, f"the file does not state the size to set beside our {ours} MB")


_TYPE = re.compile(
    r"\b(?:db\.)?[a-z][a-z0-9-]{0,20}\.(?:nano|micro|small|medium|[0-9]*x?large|metal(?:-[0-9]+xl)?)\b"
)
_MEMORY = re.compile(r"\b([0-9]{3,5})\b")


def _type_in(resource: Resource, *headings: str) -> str:
    """The first instance type named under these headings, which hold free text; empty when none is."""
    found = (_TYPE.search(resource.metadata.get(heading, "")) for heading in headings)
    return next((match.group() for match in found if match), "")


def _memory_in(resource: Resource, *headings: str) -> int | None:
    found = (_MEMORY.search(resource.metadata.get(heading, "")) for heading in headings)
    return next((int(match.group(1)) for match in found if match), None)


def _compute_units(name: str, look_up: Callable[[str], InstanceType]) -> float:
    """Throughput of a type in m5 vCPUs; 0 for one we do not know."""
    try:
        return look_up(name).compute_units
    except UnknownInstanceType:
        return 0.0


def _number(text: str) -> Decimal | None:
    plain = text.replace(",", "").strip()
    return Decimal(plain) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", plain) else None


_ANSWERS: dict[str, Answer] = {
    "c1z7kmr00n": _compute_size,
    "c1z7kmr03n": _database_size,
    "c1z7kmr05n": _function_size,
    "hjLMh88uM8": _unused,
    "c2vlfg022t": _unused,
    **dict.fromkeys(COMMITTED, _commitment),
}
"""How to answer a finding, by its subject; others are settings or quotas."""
