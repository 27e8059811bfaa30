"""A run: one scenario's answer in a form that can be saved, read back and handed to exports.

Everything here is plain (text, numbers, Decimal, tuples), so that a saved run needs neither the
simulator nor the price snapshot to be reported on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Annotated, Any

import msgspec

from costmodel.capacity.result import Limit
from costmodel.decision.conditions import TYPES, Value, fits, may_hold
from costmodel.errors import Fault, RunFileError

FORMAT = "costmodel-run/6"

Month = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-01$")]
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$")]

MOST_DIGITS = 60
"""Digits before or after the point beyond which an amount in a saved run is damage."""
SUM_DIGITS = 500
"""Digits in which amounts of a saved run are added and multiplied: enough for no rounding."""
ROUNDING = Decimal("1e-20")
"""Relative error of the mean month, which is rounded to 28 digits."""
FLOAT_ROUNDING = 1e-9
"""Error of daily costs, which are floats, against the charges they are shares of."""


KINDS_OF_A_CANDIDATE = 4
"""Compute, database, delivery and rendering."""


@dataclass(frozen=True, slots=True)
class PriceBookNote:
    """Which prices a run used."""

    digest: str
    """SHA-256 of the book's manifest."""
    oldest_as_of: str
    newest_as_of: str


@dataclass(frozen=True, slots=True)
class CurrencyNote:
    """A currency to show amounts in beside US dollars, which remain the currency of every figure here."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
    per_usd: Decimal
    day: str
    """Date of the rate: YYYY-MM-DD."""
    source: str


@dataclass(frozen=True, slots=True)
class OwnRatesNote:
    """Which own rates a run used, and what they saved over all of its months."""

    name: str
    digest: str
    """SHA-256 of the file of rates."""
    list_cost: Decimal
    contracted_cost: Decimal
    unused: tuple[str, ...]
    """Rates that no charge of the recommended candidate carries."""
    currency: CurrencyNote | None


@dataclass(frozen=True, slots=True)
class AssumptionNote:
    """One default in force: neither stated by the user, nor measured, nor priced."""

    path: str
    value: str
    unit: str
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of the five requirements, in numbers."""

    name: str
    """availability, scalability, performance, security or cost."""
    summary: str
    """One sentence with the figures."""
    figures: dict[str, float | str]
    """Each figure by name, unit last."""
    met: bool
    """Whether every objective about it holds. The search recommends nothing else; this is the check on it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One evaluated candidate in short."""

    compute_kind: str
    database_kind: str
    delivery_kind: str
    rendering_kind: str
    """`no_rendering` for a shop without rendering jobs."""
    compute: str
    load_balancer: str
    database: str
    delivery: str
    rendering: str
    monthly_usd: Decimal
    """Mean billed cost per calendar month, before plans."""
    api_p95_ms: float
    api_p99_ms: float
    availability_ratio: float
    """Composed service-level agreements of load balancer, compute and database."""
    error_ratio: float
    why: str
    """Why it was chosen, or the one reason it lost."""
    carbon_kg_per_month: float | None
    """Likely CO2e of a calendar month; None when a region has no figures."""
    effective_monthly_usd: Decimal
    """`monthly_usd` less what the allowed plans save: what candidates are compared by."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the best candidate of one kind would have cost, or why there is none."""

    role: str
    """compute, database, delivery or rendering."""
    kind: str
    label: str
    """The kind's best design; empty when none is feasible."""
    effective_monthly_usd: Decimal | None
    """Mean cost per calendar month of the whole best candidate of this kind, with the allowed plans."""
    why: str
    """`recommended`, by how much it is dearer, or the reason nothing of the kind is feasible."""


@dataclass(frozen=True, slots=True)
class RejectionNote:
    """Why a design, or a combination of designs, was not considered further."""

    subject: str
    """The designs by their labels; a whole candidate by its kinds."""
    kinds: tuple[str, ...]
    """Kinds of the designs it is about."""
    constraint: str
    observed: float
    limit: float
    unit: str
    candidates: int
    """Candidates that fell with it."""

    @property
    def of_candidate(self) -> bool:
        """Whether it is about a whole candidate, and not about some of its designs."""
        return len(self.kinds) == KINDS_OF_A_CANDIDATE

    @property
    def reason(self) -> str:
        """What it breaks: `recovery time is 60, allowed 15 minutes`."""
        return Limit(self.constraint, self.observed, self.limit, self.unit).miss

    @property
    def excess(self) -> tuple[float, float]:
        """How badly it misses: observed over allowed, then observed."""
        return self.observed / self.limit if self.limit > 0 else math.inf, self.observed


@dataclass(frozen=True, slots=True)
class DesignNote:
    """One design of the recommended candidate."""

    role: str
    kind: str
    service_name: str
    resource_name: str
    label: str
    settings: dict[str, str | int | float | bool]
    sla_ratio: float
    sla_source: str
    rto_minutes: float
    rpo_minutes: float
    daily: dict[str, tuple[float, ...]]
    """Series per day of a simulated design: servers_mean, servers_max, utilisation_mean_ratio,
    utilisation_max_ratio, requests, failed_requests. Empty for platform services."""
    figures: dict[str, float]
    """peak_requests_per_s, saturation_requests_per_s, headroom_ratio, mean_ms, p50_ms, p95_ms, p99_ms."""


@dataclass(frozen=True, slots=True)
class ChargeNote:
    """One FOCUS charge of the recommended candidate."""

    billing_period: str
    service_name: str
    service_category: str
    resource_name: str
    region_id: str
    sku_meter: str
    sku_price_id: str
    charge_description: str
    consumed_quantity: Decimal
    consumed_unit: str
    pricing_quantity: Decimal
    pricing_unit: str
    list_unit_price: Decimal
    list_cost: Decimal
    contracted_unit_price: Decimal
    contracted_cost: Decimal
    effective_cost: Decimal
    """With the plans that the run recommends spread over the use they cover; without plans the billed cost."""
    billed_cost: Decimal
    pricing_category: str
    x_tier_begin: Decimal
    x_free: bool
    x_rate_name: str
    x_formula: str
    x_price_source: str
    x_price_as_of: str
    x_price_change: str = ""


@dataclass(frozen=True, slots=True)
class TerraformAttributeNote:
    name: Identifier
    type: str
    value: str | int | float | bool | tuple[str, ...]
    condition: str
    requirement: str


@dataclass(frozen=True, slots=True)
class TerraformVariableNote:
    name: Identifier
    description: str
    attributes: Annotated[tuple[TerraformAttributeNote, ...], msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Settling:
    """Where the figures stood after some of the draws."""

    draws: int
    mean_usd: float
    standard_error_usd: float
    p10_usd: float
    p90_usd: float
    finalist: int
    """Place of the finalist that led, in `finalists`."""


@dataclass(frozen=True, slots=True)
class CostRange:
    """What uncertain inputs and traffic luck do to the recommended candidate's monthly cost."""

    draws: int
    cut_draws: int
    """Draws whose inputs together made no valid scenario, moved to the edge of what does."""
    mean_usd: float
    p10_usd: float
    p50_usd: float
    p90_usd: float
    cvar_usd: float
    """Mean of the dearest tenth of the draws."""
    standard_error_usd: float
    """Standard error of the mean over the draws."""
    budget_breach_ratio: float | None
    """Share of draws above the budget; None without a budget."""
    holds_ratio: float
    """Share of draws in which the designs, unchanged, meet every objective and limit."""
    breaks_first: str
    """What breaks in most of the other draws; empty when all hold."""
    breaks: dict[str, float]
    """Share of draws in which each constraint is the one missed by most."""
    settling: tuple[Settling, ...]
    """How the figures came to rest, after each batch of draws."""


@dataclass(frozen=True, slots=True)
class FinalistNote:
    """What one finalist came to in the draws. Costs are those of a month."""

    label: str
    kinds: tuple[str, ...]
    """Of compute, database, delivery and rendering."""
    draws: int
    """Draws it was tried in: one that was dearer in all, and by far, is tried no further."""
    mean_usd: float
    p10_usd: float
    p50_usd: float
    p90_usd: float
    cvar_usd: float
    """Mean of the dearest tenth."""
    missed_usd: float
    """Mean margin of the orders that failed calls prevent; 0 where the scenario states no margin."""
    best_ratio: float
    """Share of draws in which it is the cheapest that holds, what failed calls and carbon cost counted in."""
    regret_usd: float | None
    """Mean cost above the cheapest that holds in each draw; None for one that was tried no further."""
    holds_ratio: float
    """Share of draws in which it meets every objective and limit."""
    api_p99_ms: float
    """Mean of the 99th percentile."""
    chosen: bool
    tied: bool
    """It may be better than the choice: the draws cannot tell them apart."""

    @property
    def dropped(self) -> bool:
        """Whether it was tried no further than its few draws."""
        return self.regret_usd is None

    def share_words(self, ratio: float) -> str:
        """A share of its draws: `78%`, or `1 of 4` where they are fewer than those of others."""
        return f"{round(ratio * self.draws)} of {self.draws}" if self.dropped else f"{ratio:.0%}"


@dataclass(frozen=True, slots=True)
class Driver:
    """What one uncertain input does to the monthly cost and to the choice."""

    path: str
    low_usd: float
    """Of the recommended candidate, when the input moves alone to its low end."""
    high_usd: float
    explained_ratio: float
    """Share of the variance of the cost over the draws that the input explains."""
    measuring_usd: float
    """What it would be worth a month to know the input before choosing."""
    low_best: int
    """Place in `finalists` of the cheapest one that holds when the input moves alone to its low end."""
    high_best: int


@dataclass(frozen=True, slots=True)
class Drill:
    """What one disruption, at one moment, does to the recommended candidate, against its undisturbed run."""

    event: str
    """`zone lost`, `zone lost, launches fail` or `database fails over`; the zone holds the database's writer."""
    moment: str
    """`busiest minute` or `mean minute`."""
    minute: int
    """Minute of the run in which it begins."""
    requests_per_s: float
    """API calls in that minute."""
    impaired_minutes: int
    """Minutes in which calls are lost."""
    lost_requests: float
    slow_minutes: int
    """Minutes until calls are as fast as usual again."""


@dataclass(frozen=True, slots=True)
class ExpectedLoss:
    """What assumed failure rates come to in a month of 730 hours, at mean load."""

    minutes_per_month: float
    """Calls lost to zone losses and database failovers, in minutes of mean load."""
    requests_per_month: float
    """The same calls."""
    region_minutes_per_month: float
    """Time in which the region as a whole is impaired."""


@dataclass(frozen=True, slots=True)
class RecoveryOption:
    """One recovery strategy for the recommended candidate."""

    strategy: str
    """none, backup_restore, pilot_light, warm_standby or active_active."""
    rto_minutes: float | None
    """Time to serve again after the loss of the region; None when it does not before the region is back."""
    rpo_minutes: float | None
    """Work lost with the region; None when all that the region alone held may be lost."""
    more_usd: float | None
    """Per calendar month, above no strategy; None when it cannot be had."""
    expected_minutes_per_month: float | None
    """Minutes a month out of service with the region, at its assumed failure rate; None when it cannot be had."""
    unavailable: str
    """Why it cannot be had; empty when it can."""
    misses: str
    """The objectives it misses; empty when it meets all there are."""


@dataclass(frozen=True, slots=True)
class RecoveryNote:
    """How the recommended candidate survives the loss of its region."""

    region_id: str
    strategy: str
    source: str
    options: tuple[RecoveryOption, ...]


@dataclass(frozen=True, slots=True)
class FrontNote:
    """A candidate that no other one matches in cost, latency, availability and carbon and betters in one of them.

    All are those of what stands under its strategy.
    """

    kinds: tuple[str, ...]
    """Of compute, database, delivery and rendering."""
    compute: str
    """As it stands at home, like the others."""
    load_balancer: str
    database: str
    delivery: str
    rendering: str
    strategy: str
    """What stands ready in a second region."""
    compared_monthly_usd: Decimal
    """Mean cost per calendar month, to the cent, as candidates are compared by: the bill, less what allowed plans save,
    and its carbon where that has a price."""
    api_p95_ms: float
    api_p99_ms: float
    availability_ratio: float
    """Of both regions together where two serve."""
    calls_carbon_kg_per_month: float | None
    """Likely emission of what a call passes (compute, load balancer, database) in both regions; None where a region
    has no figures."""


@dataclass(frozen=True, slots=True)
class Estimated:
    """A likely value between its ends."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True)
class CarbonPart:
    """What one part of the recommended candidate emits in a calendar month."""

    name: str
    """Role of the design, or `second region` for all that stands there."""
    kwh_per_month: Estimated
    """At the equipment, before the building's overhead."""
    operational_kg_per_month: Estimated
    making_kg_per_month: Estimated


@dataclass(frozen=True, slots=True)
class CarbonNote:
    """CO2e of the recommended candidate: an estimate from published coefficients."""

    summary: str
    kg_per_month: Estimated | None
    """Electricity and making together; None when a region has no figures."""
    parts: tuple[CarbonPart, ...]
    usd_per_tonne: float
    """What the choice took a tonne to be worth; 0 for nothing. No part of any bill."""
    to_viewers_kwh_per_month: Estimated
    """Networks between AWS and viewers: outside the boundary and in no total."""
    not_modelled: tuple[str, ...]
    unknown_regions: tuple[str, ...]
    coefficients: tuple[AssumptionNote, ...]
    """Every figure it was worked out with."""


@dataclass(frozen=True, slots=True)
class CommitmentPoint:
    """What one level of a commitment comes to, as a mean month of its term."""

    level_usd: float
    """Committed per hour, or per month for a commitment by the month."""
    monthly_usd: float
    """The commitment, and what of the use it could cover is billed on demand beside it."""
    regret_usd: float
    """Above the best level."""
    covered_ratio: float
    """Share of the use, at on-demand prices, that it pays for."""
    unused_ratio: float
    """Share of the commitment that pays for nothing."""


@dataclass(frozen=True, slots=True)
class GrowthRegret:
    """What the best level costs too much if traffic grows otherwise."""

    growth_per_month_ratio: float
    best_level_usd: float
    """What would then have been the best level."""
    regret_usd: float
    """A mean month of the term above that level."""


@dataclass(frozen=True, slots=True)
class CommitmentNote:
    """What one commitment would save on the recommended candidate's use, at its best level."""

    kind: str
    """`Compute Savings Plan`, `Standard reserved instance`, ..."""
    years: int
    payment: str
    covers: str
    """What of the candidate's use it covers: `m7g in eu-west-1`, `all of its kind`."""
    per: str
    """`hour` or `month`: what the level is committed for."""
    count: int | None
    """Reserved units; None for a commitment of dollars."""
    unit: str
    """What is reserved: `m7g.large`; empty for a commitment of dollars."""
    best: CommitmentPoint
    on_demand_usd: float
    """The same use on demand, a mean month of the term."""
    upfront_usd: float
    break_even_ratio: float
    """Rate over the on-demand price: a committed dollar pays if it is used in a larger share of the term."""
    published: bool
    """True when every rate is in the price book; False when one is inferred."""
    basis: str
    growth_per_month_ratio: float
    """Growth over the term that the level is the best for."""
    other_growth: tuple[GrowthRegret, ...]
    curve: tuple[CommitmentPoint, ...]
    """From no commitment to twice the best, ascending; levels that are sold."""

    @property
    def saves_usd(self) -> float:
        """Per month."""
        return self.on_demand_usd - self.best.monthly_usd

    @property
    def saving_ratio(self) -> float:
        """Saved share of what the use costs on demand."""
        return self.saves_usd / self.on_demand_usd if self.on_demand_usd else 0.0


@dataclass(frozen=True, slots=True)
class PurchaseNote:
    """One plan to buy, as part of the recommendation."""

    kind: str
    years: int
    payment: str
    covers: str
    starts_year: int
    """0 for now, 1 for a year after."""
    per: str
    """`hour` or `month`: what the level is committed for."""
    level_usd: float
    upfront_usd: float
    """Paid at its start."""


@dataclass(frozen=True, slots=True)
class PlanNote:
    """What to buy of the plans that the scenario allows. Charges are billed without it; it is in their effective cost."""

    purchases: tuple[PurchaseNote, ...]
    saves_usd: Decimal
    """A mean month of the run: the saving over the longest term, as a share of what is covered."""
    upfront_usd: float
    """Paid at the start."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How the search went. `considered == rejected + pruned + priced`."""

    considered: int
    rejected: int
    """Proven to break a limit or an objective."""
    pruned: int
    """Proven dearer than another candidate of the same kinds without being billed whole, many without being simulated."""
    priced: int


@dataclass(frozen=True, slots=True)
class Run:
    """The answer to one scenario."""

    format: str
    version: str
    scenario: dict[str, Any]
    """The scenario as given, with defaults filled in, as JSON values."""
    scenario_name: str
    region_id: str
    months: Annotated[tuple[Month, ...], msgspec.Meta(min_length=1)]
    """Billing periods simulated, `YYYY-MM`."""
    first_day: Day
    days: Annotated[int, msgspec.Meta(ge=1)]
    seed: int
    price_book: PriceBookNote
    own_rates: OwnRatesNote | None
    """None at list prices."""
    headline: str
    """The recommendation in one paragraph."""
    notes: tuple[str, ...]
    """What a reader must know to read the recommendation right, a sentence each: what it rests on and does not do."""
    chosen: Option
    alternatives: tuple[Option, ...]
    """The cheapest candidate of every other combination of kinds, cheapest first."""
    comparisons: tuple[Comparison, ...]
    """Side by side: every allowed kind of compute, database, delivery and rendering."""
    rejections: tuple[RejectionNote, ...]
    counts: Counts
    cost_range: CostRange
    finalists: tuple[FinalistNote, ...]
    """What was tried in the draws: the recommended candidate and those it was chosen from."""
    drivers: tuple[Driver, ...]
    requirements: tuple[Requirement, ...]
    drills: tuple[Drill, ...]
    expected_loss: ExpectedLoss
    recovery: RecoveryNote | None
    """None without a second region."""
    plan: PlanNote | None
    """None where the scenario allows no plan, or none pays."""
    commitments: tuple[CommitmentNote, ...]
    """Every commitment that covers part of the recommended candidate, whether the scenario allows it or not."""
    designs: tuple[DesignNote, ...]
    charges: tuple[ChargeNote, ...]
    daily_cost_usd: dict[str, tuple[float, ...]]
    """Effective cost per day by service name: with the plans, if there are any."""
    daily_load: dict[str, tuple[float, ...]]
    """Per day: page_views, sessions, api_requests, asset_requests, egress_gb, model_views."""
    first_view_ms: dict[str, tuple[float, float]]
    """Median and 95th percentile of the first view of a 3D model, by geography."""
    terraform: tuple[TerraformVariableNote, ...]
    assumptions: tuple[AssumptionNote, ...]
    front: tuple[FrontNote, ...]
    """Every candidate worth choosing by cost, latency, availability and carbon, cheapest first."""
    carbon: CarbonNote

    @property
    def monthly_usd(self) -> Decimal:
        """Mean billed cost of the recommended candidate per calendar month, before plans."""
        return self.chosen.monthly_usd

    @property
    def carbon_kg_per_month(self) -> float | None:
        """Likely emission of the recommended candidate; None when a region has no figures."""
        return self.chosen.carbon_kg_per_month

    @property
    def price_basis(self) -> str:
        """The prices that the charges rest on, in words: `list prices`, `own rates`."""
        basis = "list prices" if self.own_rates is None else "own rates"
        changed = any(charge.x_price_change for charge in self.charges)
        return f"{basis} with supposed price changes" if changed else basis


def encode(run: Run) -> bytes:
    """A run as indented JSON with a final newline; the same run gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n"


def read_run(path: Path) -> Run:
    """Read a saved run. Raises RunFileError with what is wrong and what to type next."""
    again = "Write it again with: costmodel simulate SCENARIO --save RUN.json"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunFileError(str(path), [Fault("", f"cannot be read: {error.strerror}")], again) from None
    try:
        head = msgspec.json.decode(content, type=_Head)
        if head.format != FORMAT:
            fault = Fault("format", f"must be {FORMAT}, written by this version", head.format[:40])
            raise RunFileError(str(path), [fault], again)
        run = msgspec.json.decode(content, type=Run)
    except msgspec.ValidationError as error:
        raise RunFileError(str(path), [Fault("", _sentence(error))], again) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RunFileError(str(path), [Fault("", f"is not JSON: {_sentence(error)}")], again) from None
    tree = msgspec.json.decode(content) | {"scenario": None}  # whose keys are not ours, nor its depth
    unknown = _unknown_keys(tree, msgspec.to_builtins(run), "")
    disagreeing = [*unknown, *_disagreements(run), *_refused_values(run)] or list(_unequal_sums(run))
    if disagreeing:
        raise RunFileError(str(path), disagreeing, again)
    return run


@dataclass(frozen=True, slots=True)
class _Head:
    """What is read first: another version's run may differ in everything else."""

    format: str


def _unknown_keys(tree: Any, read: Any, path: str) -> Iterator[Fault]:
    """Keys of a file that are not among what was read from it."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            place = f"{path}.{key[:40]}".removeprefix(".")
            if key in read:
                yield from _unknown_keys(value, read[key], place)
            else:
                yield Fault(place, "unknown key: no saved run has one of that name here")
    elif isinstance(tree, list):
        for at, (value, read_value) in enumerate(zip(tree, read, strict=True)):
            yield from _unknown_keys(value, read_value, f"{path}.{at}")


def _refused_values(run: Run) -> Iterator[Fault]:
    """Values of Terraform attributes that their own type or condition refuses, as far as that can be told here."""
    values: dict[str, Value] = {
        f"var.{variable.name}.{attribute.name}": attribute.value
        for variable in run.terraform
        for attribute in variable.attributes
    }
    values["var.region"] = run.region_id
    for place, variable in enumerate(run.terraform):
        for at, attribute in enumerate(variable.attributes):
            path, shown = f"terraform.{place}.attributes.{at}", str(attribute.value)[:40]
            if attribute.type not in TYPES:
                yield Fault(f"{path}.type", f"must be one of {', '.join(TYPES)}", attribute.type[:40])
            elif not fits(attribute.type, attribute.value):
                yield Fault(f"{path}.value", f"must be of type {attribute.type}", shown)
            elif not may_hold(attribute.condition, attribute.value, values):
                problem = attribute.requirement or "must meet the condition beside it"
                yield Fault(f"{path}.value", f"{problem}, as {variable.name}.{attribute.name}", shown)


def _disagreements(run: Run) -> Iterator[Fault]:
    """Where a run that was changed by hand no longer agrees with itself, or holds no number."""
    for path, amount in _amounts(run):
        if not amount.is_finite() or abs(amount.adjusted()) > MOST_DIGITS:
            yield Fault(path, "must be a plain amount", str(amount)[:40])
    daily = {"daily_cost_usd": run.daily_cost_usd, "daily_load": run.daily_load}
    daily |= {f"designs.{place}.daily": design.daily for place, design in enumerate(run.designs)}
    for name, series in daily.items():
        for key, values in series.items():
            if len(values) != run.days:
                yield Fault(f"{name}.{key[:40]}", f"must hold one value for each of {run.days} days")
    if run.first_day[:7] != run.months[0]:
        yield Fault("first_day", f"must lie in the first month, {run.months[0]}", run.first_day[:40])


def _unequal_sums(run: Run) -> Iterator[Fault]:
    """Where amounts do not add up to one another. Needs amounts that are finite and series of every day."""
    with localcontext(prec=SUM_DIGITS):
        for place, charge in enumerate(run.charges):
            yield from _unequal_costs(f"charges.{place}", charge, planned=run.plan is not None)
            if charge.billing_period not in run.months:
                yield Fault(
                    f"charges.{place}.billing_period", "must be one of months", charge.billing_period[:40]
                )
        billed = sum((charge.billed_cost for charge in run.charges), Decimal(0))
        if abs(run.monthly_usd * len(run.months) - billed) > ROUNDING * abs(billed):
            problem = f"must be the charges' billed_cost a month, {_plain(billed / len(run.months))}"
            yield Fault("chosen.monthly_usd", problem, _plain(run.monthly_usd))
        saved = run.plan.saves_usd if run.plan else Decimal(0)
        if abs(run.monthly_usd - saved - run.chosen.effective_monthly_usd) > ROUNDING * abs(run.monthly_usd):
            problem = f"must be monthly_usd less plan.saves_usd, {_plain(run.monthly_usd - saved)}"
            stated = _plain(run.chosen.effective_monthly_usd)
            yield Fault("chosen.effective_monthly_usd", problem, stated)
        paid = sum((charge.effective_cost for charge in run.charges), Decimal(0))
        if abs(run.chosen.effective_monthly_usd * len(run.months) - paid) > ROUNDING * abs(billed):
            problem = f"must be the charges' effective_cost a month, {_plain(paid / len(run.months))}"
            yield Fault("chosen.effective_monthly_usd", problem, _plain(run.chosen.effective_monthly_usd))
        if run.own_rates is not None:
            for name in ("list_cost", "contracted_cost"):
                whole = sum((getattr(charge, name) for charge in run.charges), Decimal(0))
                stated = getattr(run.own_rates, name)
                if stated != whole:
                    problem = f"must be the charges' {name}, {_plain(whole)}"
                    yield Fault(f"own_rates.{name}", problem, _plain(stated))
    yield from _unequal_days(run)


def _unequal_costs(path: str, charge: ChargeNote, *, planned: bool) -> Iterator[Fault]:
    """A charge's costs are its prices times its quantity, and what is contracted is billed.

    With plans no more is known of its effective cost than the sum over all charges.
    """
    contracted = charge.contracted_unit_price * charge.pricing_quantity
    costs = {
        "list_cost": charge.list_unit_price * charge.pricing_quantity,
        "contracted_cost": contracted,
        "billed_cost": contracted,
    }
    if not planned:
        costs["effective_cost"] = contracted
    for name, cost in costs.items():
        stated = getattr(charge, name)
        if stated != cost:
            problem = f"must be the charge's unit price x pricing_quantity, {_plain(cost)}"
            yield Fault(f"{path}.{name}", problem, _plain(stated))


def _unequal_days(run: Run) -> Iterator[Fault]:
    """The days of a service cost what its charges do, but for the rounding of floats."""
    charged: defaultdict[str, list[float]] = defaultdict(list)
    for charge in run.charges:
        charged[charge.service_name].append(float(charge.effective_cost))
    for service in dict.fromkeys((*charged, *run.daily_cost_usd)):
        whole = math.fsum(charged[service])
        by_day = math.fsum(run.daily_cost_usd.get(service, ()))
        if not math.isclose(by_day, whole, rel_tol=FLOAT_ROUNDING, abs_tol=FLOAT_ROUNDING):
            problem = f"must add up to the charges of the service, {whole:.2f}"
            yield Fault(f"daily_cost_usd.{service[:40]}", problem, f"{by_day:.2f}")


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"[:40]


def _amounts(run: Run) -> Iterator[tuple[str, Decimal]]:
    yield "chosen.monthly_usd", run.chosen.monthly_usd
    if run.own_rates is not None:
        yield "own_rates.list_cost", run.own_rates.list_cost
        yield "own_rates.contracted_cost", run.own_rates.contracted_cost
        if run.own_rates.currency is not None:
            yield "own_rates.currency.per_usd", run.own_rates.currency.per_usd
    yield "chosen.effective_monthly_usd", run.chosen.effective_monthly_usd
    if run.plan is not None:
        yield "plan.saves_usd", run.plan.saves_usd
    for place, option in enumerate(run.alternatives):
        yield f"alternatives.{place}.monthly_usd", option.monthly_usd
        yield f"alternatives.{place}.effective_monthly_usd", option.effective_monthly_usd
    for place, row in enumerate(run.comparisons):
        if row.effective_monthly_usd is not None:
            yield f"comparisons.{place}.effective_monthly_usd", row.effective_monthly_usd
    for place, member in enumerate(run.front):
        yield f"front.{place}.compared_monthly_usd", member.compared_monthly_usd
    for place, charge in enumerate(run.charges):
        for field in fields(charge):
            value = getattr(charge, field.name)
            if isinstance(value, Decimal):
                yield f"charges.{place}.{field.name}", value


def _sentence(error: Exception) -> str:
    return str(error).splitlines()[0].replace("`", "")
