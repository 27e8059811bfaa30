"""What a service is made of: roles, designs, meters, usage, and what a design leaves for others.

A *tier* design (compute, load balancer, database, delivery, rendering) is simulated on the demand. What it
makes other services do (log bytes, NAT bytes, alarms, ...) it returns as a `Footprint`, so that
services never call one another. A *platform* design (storage, DNS, monitoring, network, security)
is metered from the demand and the summed footprint of the tiers beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from operator import add, attrgetter, or_
from typing import Any, NamedTuple, Protocol, TypeGuard, runtime_checkable

import numpy as np

from costmodel.capacity.energy import Energy
from costmodel.capacity.function_size import LEAST_MEMORY_MB, LONGEST_RUN_S, MOST_MEMORY_MB
from costmodel.capacity.instances import ec2_types, type_pattern
from costmodel.capacity.result import Capacity, Latency
from costmodel.demand.calendar import BillingPeriod, Calendar, FloatArray
from costmodel.demand.demand import Demand
from costmodel.pricing.need import PriceNeed
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import LOG_RETENTION_DAYS, Scenario
from costmodel.units import COUNTED_UNITS, HOURS_PER_DAY, QUANTITY_STEP

Setting = str | int | float | bool


class Role(StrEnum):
    """The part a design plays in a candidate."""

    COMPUTE = "compute"
    LOAD_BALANCER = "load_balancer"
    DATABASE = "database"
    DELIVERY = "delivery"
    RENDERING = "rendering"
    STORAGE = "storage"
    DNS = "dns"
    MONITORING = "monitoring"
    NETWORK = "network"
    FIREWALL = "firewall"
    ENCRYPTION = "encryption"


TIER_ROLES = (Role.COMPUTE, Role.LOAD_BALANCER, Role.DATABASE, Role.DELIVERY, Role.RENDERING)
PLATFORM_ROLES = (
    Role.STORAGE,
    Role.DNS,
    Role.MONITORING,
    Role.NETWORK,
    Role.FIREWALL,
    Role.ENCRYPTION,
)


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing a resource is billed on: what is counted, in which unit, at which price."""

    name: str
    """FOCUS SkuMeter, in plain words: `Instance hours`."""
    service_name: str
    """FOCUS ServiceName: `Amazon Elastic Compute Cloud`."""
    service_category: str
    """FOCUS ServiceCategory: Compute, Databases, Storage, Networking, Web, Security, ..."""
    consumed_unit: str
    """FOCUS unit of the quantity; `billing` refuses a price in another unit."""
    query: PriceQuery


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """How much of a meter one resource used in one billing month."""

    meter: Meter
    resource_name: str
    billing_period: BillingPeriod
    consumed_quantity: Decimal
    daily_quantity: FloatArray
    """The same quantity by day of the period, shape (days of the period,), read-only."""
    formula: str
    """How the quantity comes about, in words and numbers a reader can repeat."""
    hourly_quantity: FloatArray | None = None
    """The same by hour, shape (hours of the period,), read-only: what a commitment by the hour covers.
    None for a meter that no such commitment covers."""


class Metered(NamedTuple):
    """What a billing rule counts of a resource that a usage file names."""

    meter: Meter
    quantity: Decimal
    """In the unit of the meter; nine decimals at most."""
    formula: str
    """The rule in words and numbers a reader can repeat."""


def beyond(
    place: str, value: Decimal, least: int | None, most: int, unit: str, source: str
) -> tuple[Rule, ...]:
    """A broken rule where a stated value is beyond what AWS allows; `source` is where AWS says so.

    Without a least value any above 0 will do, and the form of the file has refused the others.
    """
    if (least or 0) <= value <= most:
        return ()
    bounds = f"more than 0 and at most {most:,}" if least is None else f"from {least:,} to {most:,}"
    return (Rule((place,), f"must be {bounds} {unit} ({source})", f"{value:f}"),)


def meter_usage(
    meter: Meter, resource_name: str, calendar: Calendar, quantity: FloatArray, formula: str
) -> tuple[Usage, ...]:
    """Turn a quantity per day, shape (days,), or per hour, shape (hours,), into one `Usage` per billing period.

    Quantities that AWS counts one by one are rounded half up to whole numbers, others to nine
    decimals. Raises ValueError for a negative, infinite or undefined quantity.
    """
    if not 0 <= quantity.min() <= quantity.max() < math.inf:
        raise ValueError(f"{meter.name} of {resource_name}: quantity must be finite and not negative")
    step = Decimal(1) if meter.consumed_unit in COUNTED_UNITS else QUANTITY_STEP
    by_hour = len(quantity) == calendar.hours
    daily_quantity = calendar.hours_to_days(quantity) if by_hour else quantity
    usages = []
    for period, days in calendar.day_slices:
        daily = daily_quantity[days].copy()
        daily.flags.writeable = False
        hourly = None
        if by_hour:
            hourly = quantity[days.start * HOURS_PER_DAY : days.stop * HOURS_PER_DAY].copy()
            hourly.flags.writeable = False
        total = Decimal(repr(float(daily.sum()))).quantize(step, rounding=ROUND_HALF_UP)
        usages.append(Usage(meter, resource_name, period, total, daily, formula, hourly))
    return tuple(usages)


DNS_QUERIES_PER_SESSION = 1.5
"""Look-ups of one session that no resolver answers from its cache, so that Route 53 sees them.

Source: engineering guess, range 1 to 2; Route 53 alias records to CloudFront live 60 s (Amazon
Route 53 Developer Guide, "Choosing between alias and non-alias records", 2023-06).
"""

SENT_RATIO = 0.5
"""Share of the bytes exchanged with other companies that are sent, and so billed as internet egress.

Source: engineering guess; requests to payment and mail providers are about as large as their answers.
"""

USAGE_TYPE_CODES = {
    "us-east-1": "USE1",
    "us-west-2": "USW2",
    "eu-west-1": "EU",
    "eu-central-1": "EUC1",
    "ap-southeast-1": "APS1",
    "ap-northeast-1": "APN1",
    "ap-south-1": "APS3",
    "sa-east-1": "SAE1",
}
"""What usage types call a region. Source: AWSDataTransfer price list, usage types (2025-12-06)."""


def region_to_region(source_region_id: str, destination_region_id: str) -> Meter:
    """Bytes sent from one region to another, billed by the sender.

    Source: Amazon EC2 on-demand pricing, "Data transfer" (2025-12). Raises KeyError for a
    destination that the tool does not know.
    """
    usage_type = f"{USAGE_TYPE_CODES[destination_region_id]}-AWS-Out-Bytes"
    query = PriceQuery("AWSDataTransfer", source_region_id, usage_type)
    return Meter("Transfer to another region", "AWS Data Transfer", "Networking", "GB", query)


TRACKING_ALARMS = 2
"""A high and a low one, kept by every policy of target tracking.

Source: Amazon EC2 Auto Scaling User Guide and Application Auto Scaling User Guide, target tracking (2023-06).
"""


def standard_alarms(region_id: str) -> Meter:
    """Standard-resolution CloudWatch alarms of a region. Source: Amazon CloudWatch pricing (2025-12-03)."""
    query = PriceQuery("AmazonCloudWatch", region_id, "CW:AlarmMonitorUsage")
    return Meter("Alarms", "AmazonCloudWatch", "Management and Governance", "Alarms", query)


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """What designs make other services do. Arrays have shape (days,): totals per day unless they say otherwise.

    Footprints add up: the platform services of a candidate are metered from the sum over its tiers.
    """

    monitored_instance_hours: FloatArray
    """EC2 instance-hours with one-minute (detailed) monitoring."""
    log_gb: FloatArray
    """Application log bytes sent to CloudWatch Logs by an agent."""
    vended_log_gb: FloatArray
    """Log bytes that AWS services deliver themselves: Lambda and flow logs."""
    outside_gb: FloatArray
    """Bytes exchanged with services outside the network, both ways; through NAT from private subnets."""
    database_gb: FloatArray
    """Bytes exchanged between compute and database, both ways."""
    internet_egress_gb: FloatArray
    """Bytes sent to the internet without CloudFront in between."""
    origin_requests: FloatArray
    """Object requests that reach the asset bucket: past every cache, and of rendering jobs."""
    kms_requests: FloatArray
    reformatted_gb: FloatArray
    """Bytes of stored assets beyond those of the scenario's own format, level of each day; below 0 for a smaller one."""
    asset_writes: FloatArray
    """Objects that a design puts into the asset bucket."""
    alarms: int = 0
    """Standard-resolution CloudWatch alarms the design keeps."""
    public_ipv4_addresses: int = 0
    watched_endpoints: int = 0
    """Entrances in other regions that DNS health checks watch, to fail over to them or away from them."""
    private_subnets: bool = False
    """The design stands in private subnets, which reach the outside through NAT gateways."""
    zonal_database: bool = False
    """The database stands in one Availability Zone, so that calls from other zones cross to it."""
    included_roles: frozenset[Role] = frozenset()
    """Platform roles whose charges a flat-rate plan includes."""
    included_dns_queries: float = 0.0
    """DNS queries per month that a flat-rate plan includes."""
    included_storage_gb: float = 0.0
    """S3 Standard GB-months per month that a flat-rate plan credits."""

    @classmethod
    def none(cls, days: int) -> Footprint:
        """A footprint of zeros over `days`; `dataclasses.replace` sets what a design leaves behind."""
        zeros = np.zeros(days)
        zeros.flags.writeable = False
        return cls(zeros, zeros, zeros, zeros, zeros, zeros, zeros, zeros, zeros, zeros)

    @classmethod
    def smallest(cls, footprints: Collection[Footprint]) -> Footprint:
        """A footprint nowhere larger than any of these; for what a plan includes, nowhere smaller."""
        least: dict[str, Any] = {}
        for f in fields(cls):
            values = [getattr(footprint, f.name) for footprint in footprints]
            if isinstance(values[0], frozenset):
                least[f.name] = frozenset[Role]().union(*values)
            elif f.name.startswith("included_"):
                least[f.name] = max(values)
            elif isinstance(values[0], np.ndarray):
                least[f.name] = np.minimum.reduce(values)
            else:
                least[f.name] = min(values)
        return cls(**least)

    def __add__(self, other: Footprint) -> Footprint:
        both = zip(_JOINS, _values(self), _values(other), strict=True)
        return Footprint(*(join(mine, theirs) for join, mine, theirs in both))


_values = attrgetter(*(f.name for f in fields(Footprint)))
"""All that a footprint holds, in order."""
_JOINS = tuple(or_ if f.type in {"bool", "frozenset[Role]"} else add for f in fields(Footprint))
"""How each of these adds up."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """What a design promises and how it recovers."""

    sla_ratio: float
    """Monthly uptime AWS commits to for this form of the service."""
    source: str
    rto_minutes: float = 0.0
    """Time to serve again after the loss of one Availability Zone."""
    rpo_minutes: float = 0.0
    """Work lost with the loss of one Availability Zone."""


@dataclass(frozen=True, slots=True)
class TerraformAttribute:
    """One attribute of an exported Terraform object variable, with the values it may take."""

    name: str
    type: str
    """Terraform type: `string`, `number`, `bool`, `list(string)`."""
    value: Setting | tuple[str, ...]
    condition: str = ""
    """HCL condition with `{value}` standing for the attribute; empty when any value is valid."""
    requirement: str = ""
    """The condition as a sentence, for the error message: `must be from 1 to 1000`."""


@dataclass(frozen=True, slots=True)
class TerraformVariable:
    """One object variable per component, with the input names of the matching community module."""

    name: str
    description: str
    attributes: tuple[TerraformAttribute, ...]


def between(
    name: str,
    value: float,
    low: float,
    high: float,
    *,
    step: float = 1,
    at_least: str = "",
    at_most: str = "",
) -> TerraformAttribute:
    """A number attribute from `low` to `high`, both included, in steps; 0 for any number.

    `at_least` and `at_most` are other attributes it must stay between: `var.autoscaling.min_size`.
    """
    parts = [f"{{value}} >= {_digits(low)}", f"{{value}} <= {_digits(high)}"]
    kind = "a number"
    if step == 1:
        parts.append("floor({value}) == {value}")
        kind = "a whole number"
    elif step:
        parts.append(f"floor({{value}} / {step:g}) == {{value}} / {step:g}")
        kind = f"a multiple of {step:g}"
    words = f"must be {kind} from {_digits(low)} to {_digits(high)}"
    bounds = []
    if at_least:
        parts.append(f"{{value}} >= {at_least}")
        bounds.append(f"at least {at_least.replace('var.', '')}")
    if at_most:
        parts.append(f"{{value}} <= {at_most}")
        bounds.append(f"at most {at_most.replace('var.', '')}")
    if bounds:
        words += f", {' and '.join(bounds)}"
    return TerraformAttribute(name, "number", _as_whole(value), " && ".join(parts), words)


def _as_whole(value: float) -> float:
    """60.0 as 60, so that a whole number is written as one."""
    return int(value) if value == int(value) else value


def _digits(bound: float) -> str:
    """A bound in plain figures: 31536000, not 3.1536e+07."""
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def one_of(name: str, value: str | int, options: Sequence[str | int]) -> TerraformAttribute:
    """A string or number attribute that takes one of `options`."""
    kind = "string" if isinstance(value, str) else "number"
    listed = ", ".join(f'"{option}"' if isinstance(option, str) else str(option) for option in options)
    words = f"must be one of {', '.join(map(str, options))}" if len(options) > 1 else f"must be {options[0]}"
    return TerraformAttribute(name, kind, value, f"contains([{listed}], {{value}})", words)


def matching(name: str, value: str, pattern: str, requirement: str) -> TerraformAttribute:
    """A string attribute that matches an RE2 pattern."""
    return TerraformAttribute(name, "string", value, f'can(regex("{pattern}", {{value}}))', requirement)


def also(attribute: TerraformAttribute, condition: str, words: str) -> TerraformAttribute:
    """An attribute with one more condition, such as on another attribute; `words` go on after `must`.

    One without a condition so far must be given: a condition on another attribute may hold for null as well.
    """
    if not attribute.condition:
        attribute = replace(attribute, condition="{value} != null", requirement="must be given")
    return replace(
        attribute,
        condition=f"{attribute.condition} && ({condition})",
        requirement=f"{attribute.requirement}, and must {words}",
    )


TERRAFORM_RUNTIMES = {"rust": "provided.al2023", "go": "provided.al2023"}
"""Runtimes that Lambda knows under another name. Source: AWS Lambda Developer Guide, runtimes (2023-10)."""


def log_retention(name: str, days: int) -> TerraformAttribute:
    """A number attribute that takes a retention of log groups."""
    return one_of(name, days, LOG_RETENTION_DAYS)


def function_attributes(
    *, memory_mb: int, architecture: str, runtime: str, runtimes: Iterable[str], timeout_s: float
) -> tuple[TerraformAttribute, ...]:
    """The attributes that every Lambda function has: memory, time-out, runtime (one of `runtimes`), processor."""
    known = sorted({TERRAFORM_RUNTIMES.get(name, name) for name in runtimes})
    return (
        between("memory_size", memory_mb, LEAST_MEMORY_MB, MOST_MEMORY_MB),
        between("timeout", max(1, math.ceil(timeout_s)), 1, LONGEST_RUN_S),
        one_of("runtime", TERRAFORM_RUNTIMES.get(runtime, runtime), tuple(known)),
        TerraformAttribute(
            "architectures",
            "list(string)",
            (architecture,),
            'length({value}) == 1 && alltrue([for name in {value} : contains(["x86_64", "arm64"], name)])',
            "must be a list of one of x86_64, arm64",
        ),
    )


def flag(name: str, value: bool) -> TerraformAttribute:
    """A bool attribute."""
    return TerraformAttribute(name, "bool", value)


def ec2_type_list(name: str, types: tuple[str, ...]) -> TerraformAttribute:
    """A list attribute that names EC2 instance types, each once."""
    return TerraformAttribute(
        name,
        "list(string)",
        types,
        "length({value}) >= 1 && length(distinct({value})) == length({value})"
        f' && alltrue([for n in {{value}} : can(regex("{type_pattern(ec2_types())}", n))])',
        "must be one or more EC2 instance types that costmodel knows, such as m7g.large, each once",
    )


def other_regions(name: str, region_ids: tuple[str, ...]) -> TerraformAttribute:
    """A list attribute that names regions beside the one of the shop, each once."""
    known = ", ".join(f'"{region_id}"' for region_id in USAGE_TYPE_CODES)
    listed = TerraformAttribute(
        name,
        "list(string)",
        region_ids,
        "length({value}) >= 1 && length(distinct({value})) == length({value})"
        f" && alltrue([for name in {{value}} : contains([{known}], name)])",
        f"must name one region or more, each once, of {', '.join(USAGE_TYPE_CODES)}",
    )
    return also(listed, "!contains({value}, var.region)", "leave out region, where the shop itself is")


class Strategy(StrEnum):
    """What of a shop stands ready in a second region.

    Source: AWS Well-Architected REL13-BP02, recovery strategies (2023-04).
    """

    NONE = "none"
    """A copy of the assets."""
    BACKUP_RESTORE = "backup_restore"
    """And a copy of the newest backup of the database."""
    PILOT_LIGHT = "pilot_light"
    """A replica of the database; nothing runs that serves."""
    WARM_STANDBY = "warm_standby"
    """A replica, and compute behind a load balancer at its smallest."""
    ACTIVE_ACTIVE = "active_active"
    """Each region serves half of the traffic and could serve all of it."""

    @property
    def words(self) -> str:
        return "active-active" if self is Strategy.ACTIVE_ACTIVE else self.value.replace("_", " ")


class Design(Protocol):
    """One buyable form of a service, with every setting fixed. Implementations are frozen dataclasses."""

    @property
    def role(self) -> Role: ...
    @property
    def service_name(self) -> str:
        """FOCUS ServiceName."""

    @property
    def resource_name(self) -> str:
        """Name of the resource in the bill, the diagram and Terraform: `web`, `database`, `assets`."""

    @property
    def label(self) -> str:
        """The design in a few words: `2 to 12 m7g.large at 50 % CPU`."""

    @property
    def reliability(self) -> Reliability: ...
    def settings(self) -> Mapping[str, Setting]:
        """Every decided value by name, unit last."""

    def terraform(self) -> tuple[TerraformVariable, ...]: ...


class TierDesign(Design, Protocol):
    """A design that is simulated on the demand."""

    def __hash__(self) -> int: ...
    @property
    def kind(self) -> str:
        """The form as constraints name it: `ec2`, `lambda`, `rds`, `spot_workers`, ..."""

    def under(self, scenario: Scenario) -> TierDesign:
        """The same settings under another scenario's figures: how the design fares if an input is off."""

    def simulate(self, demand: Demand) -> Capacity: ...
    def usage(self, demand: Demand, capacity: Capacity) -> tuple[Usage, ...]: ...
    def footprint(self, demand: Demand, capacity: Capacity) -> Footprint: ...
    def energy(self, demand: Demand, capacity: Capacity) -> Energy:
        """What it draws over the run; what has no figure is named in `not_modelled`, never left out in silence."""


class Share(NamedTuple):
    """A design and which share of the demand it takes: 0 for one that only stands ready."""

    design: Any
    """A `TierDesign`."""
    ratio: float


@runtime_checkable
class Spread(Protocol):
    """A tier design that may also stand in a second region; any other is the same with and without one."""

    def spread(self, other_region_id: str, strategy: Strategy) -> tuple[Share, ...]:
        """What the design becomes, the one at home first; empty when the strategy asks what it cannot do."""


@runtime_checkable
class Copied(Protocol):
    """A database whose data goes to a second region."""

    def copied(self, demand: Demand, other_region_id: str, strategy: Strategy) -> tuple[Usage, ...]:
        """What the copies use, beside the designs of `Spread`: kept bytes and bytes on their way."""


@runtime_checkable
class Reaching(Protocol):
    """A tier design at home that reaches into a second region by itself, as a global table does."""

    def footprint_away(self, demand: Demand) -> Footprint:
        """What it leaves to other services there."""


@dataclass(frozen=True, slots=True, eq=False)
class Least:
    """What a tier design comes to at least, found without simulating it."""

    usages: tuple[Usage, ...]
    """Cost no more than its true usage at any prices, over every billing period."""
    footprint: Footprint
    """Nowhere larger than its true one, summed over every billing period."""
    latency: Latency
    """Nowhere slower than its true one."""
    energy: Energy
    """Emits no more over the run than its true one, but for the rounding of sums."""


class Bounded(TierDesign, Protocol):
    """A tier design that bounds what it comes to, roughly at once and closely with less than a simulation.

    The search goes on from one to the next only while the bound may win.
    """

    def runs_as(self) -> Hashable:
        """Designs that are equal here run alike: the `Capacity` of one is that of the others."""

    def least(self, demand: Demand, served_ratio: float) -> Least:
        """The bound, as long as the design answers this share of its requests."""

    def unqueued(self, demand: Demand) -> Capacity:
        """What `simulate` comes to, but for a latency that may be too low, in much less time."""


def is_bounded(design: TierDesign) -> TypeGuard[Bounded]:
    """Whether a design bounds what it comes to."""
    return hasattr(design, "least")


class PlatformDesign(Design, Protocol):
    """A design that is metered from the demand and what the tiers leave behind."""

    def usage(self, demand: Demand, footprint: Footprint) -> tuple[Usage, ...]: ...
    def energy(self, demand: Demand, footprint: Footprint) -> Energy:
        """As of a tier design; never less for a larger footprint."""


@dataclass(frozen=True, slots=True)
class TierService:
    """A service whose designs are simulated; `designs` lists those worth considering."""

    name: str
    """FOCUS ServiceName."""
    code: str
    """Price-list service code."""
    role: Role
    designs: Callable[[Scenario, Demand], tuple[TierDesign, ...]]
    prices: tuple[PriceNeed, ...]
    """Everything it is billed on, as AWS's price list names it."""


@dataclass(frozen=True, slots=True)
class PlatformService:
    """A service that every candidate has exactly one design of."""

    name: str
    code: str
    role: Role
    design: Callable[[Scenario, Footprint], PlatformDesign]
    """The design that stands beside tiers with this footprint."""
    prices: tuple[PriceNeed, ...]
    """Everything it is billed on, as AWS's price list names it."""


Service = TierService | PlatformService
