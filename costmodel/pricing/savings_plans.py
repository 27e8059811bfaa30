"""Savings Plans rates: from AWS's bulk files (JSON or CSV) and from the `savingsplans` API.

A rate discounts one on-demand price, which it names by service, usage type and operation. It becomes a
price with the same query and a term such as `SavingsPlan Compute 1yr No Upfront`. Rates that no service
needs are left out: other tenancies, systems with a licence, unused reservations, other services.

Source: AWS Savings Plans User Guide, "Reading the Savings Plans price list files"; files of
AWSDatabaseSavingsPlans (ap-south-2, 2026-04-22) and AWSComputeSavingsPlan (ap-northeast-1, 2024-07-01);
`savingsplans` API model of botocore 1.44.5 (2019-06-28).
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import msgspec

from costmodel.errors import (
    ApiFailed,
    ConflictingPrices,
    MalformedListing,
    NothingOffered,
    OtherCurrency,
    PlaceholderPrice,
    PriceFileCorrupt,
    UnusableUnit,
)
from costmodel.pricing.aws_answers import entry, readable
from costmodel.pricing.aws_errors import AGAIN, aws_errors
from costmodel.pricing.bulk import opened
from costmodel.pricing.bulk_csv import lines_of, metadata_of
from costmodel.pricing.bulk_json import WINDOW_BYTES, Window
from costmodel.pricing.conversion import UNITS
from costmodel.pricing.need import REGION_CODE, PriceNeed
from costmodel.pricing.offer import is_time, refuse_no_edition, refuse_other_edition, refuse_repeats
from costmodel.pricing.places import without_prefix
from costmodel.pricing.price import Price, PriceQuery, PriceTier
from costmodel.pricing.snapshot import (
    CURRENCY,
    PRICE_COLUMNS,
    SAVINGS,
    Part,
    decimal,
    partition_path,
    price_rows,
)
from costmodel.units import FOCUS_UNITS

if TYPE_CHECKING:
    from botocore.client import BaseClient

PLANS = {
    "ComputeSavingsPlans": "Compute",
    "EC2InstanceSavingsPlans": "EC2 Instance",
    "DatabaseSavingsPlans": "Database",
}
"""Product family of a plan -> what our terms call it. Plans of other families are left out."""

API_PLANS = {"Compute": "Compute", "EC2Instance": "EC2 Instance", "Database": "Database"}
"""Plan type of the `savingsplans` API -> what our terms call it."""

API_SERVICES = {
    "Compute": ("AmazonEC2", "AWSLambda"),
    "EC2Instance": ("AmazonEC2",),
    "Database": ("AmazonRDS", "AmazonDynamoDB"),
}
"""Plan type -> services asked for."""

OPERATIONS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "AmazonEC2": {"RunInstances": ()},
    "AmazonRDS": {
        "CreateDBInstance:0002": (("engine", "MySQL"),),
        "CreateDBInstance:0014": (("engine", "PostgreSQL"),),
        "CreateDBInstance:0016": (("engine", "Aurora MySQL"),),
        "CreateDBInstance:0018": (("engine", "MariaDB"),),
        "CreateDBInstance:0021": (("engine", "Aurora PostgreSQL"),),
    },
    "AmazonDynamoDB": {"PayPerRequestThroughput": (), "CommittedThroughput": ()},
}
"""Service -> operation -> attributes of our query; a rate with another operation is left out.

`RunInstances` is Linux without software, `RunInstances:0002` Windows, and so on. Services that are not
named here take any operation. Source: Amazon EC2 User Guide, "AMI billing information fields" (2023-06);
AWSDatabaseSavingsPlans file of ap-south-2 (2026-04-22).
"""

CSV_COLUMNS = (
    "SKU",
    "RateCode",
    "Unit",
    "DiscountedRate",
    "Currency",
    "DiscountedServiceCode",
    "DiscountedUsageType",
    "DiscountedOperation",
    "PurchaseOption",
    "LeaseContractLength",
    "LeaseContractLengthUnit",
    "Product Family",
    "DiscountedRegionCode",
)

PAYMENTS = ("No Upfront", "Partial Upfront", "All Upfront")
YEARS_OF_SECONDS = {365 * 86_400: 1, 3 * 365 * 86_400: 3}
LARGEST_PAGE = 1000
OPERATION = "DescribeSavingsPlansOfferingRates"
HOME_REGION = "us-east-1"
"""The `savingsplans` API has one endpoint, in this region. Source: botocore 1.44.5, its service model."""

T = TypeVar("T")
Fault = Callable[[str], PriceFileCorrupt]
"""Makes an error that names the place in the file."""

_LENGTH = re.compile(r"([13]) ?(?:yr|years?)")


class _Money(msgspec.Struct, frozen=True):
    price: str
    currency: str


class _Rate(msgspec.Struct, frozen=True, rename="camel"):
    """One discounted rate. Source: `terms.savingsPlan[].rates[]`."""

    discounted_usage_type: str
    discounted_operation: str
    discounted_service_code: str
    rate_code: str
    unit: str
    discounted_rate: _Money
    discounted_region_code: str = ""


class _PlanAttributes(msgspec.Struct, frozen=True, rename="camel"):
    purchase_option: str = ""
    purchase_term: str = ""


class _PlanProduct(msgspec.Struct, frozen=True, rename="camel"):
    sku: str
    product_family: str
    attributes: _PlanAttributes


class _ApiOffering(msgspec.Struct, frozen=True, rename="camel"):
    plan_type: str
    duration_seconds: int
    payment_option: str
    currency: str


class _ApiProperty(msgspec.Struct, frozen=True):
    name: str
    value: str


class _ApiRate(msgspec.Struct, frozen=True, rename="camel"):
    """One result of the `savingsplans` API."""

    savings_plan_offering: _ApiOffering
    rate: str
    unit: str
    service_code: str
    usage_type: str
    operation: str
    properties: list[_ApiProperty] = []


class _Lease(msgspec.Struct, frozen=True):
    """How long a plan binds: the same as its product's `purchaseTerm`."""

    duration: int
    unit: str


_TEXT = msgspec.json.Decoder(str)
_PRODUCT = msgspec.json.Decoder(_PlanProduct)
_LEASE = msgspec.json.Decoder(_Lease)
_RATE = msgspec.json.Decoder(_Rate)
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class PlanRates:
    """Savings Plans rates of one region that the services need."""

    prices: tuple[Price, ...]
    read: int
    """Rates in the file or answer, needed or not."""
    version: str
    """AWS's version, a UTC time in 14 digits; empty from the API."""


def read_plan_file(
    path: Path, region_id: str, needs: Iterable[PriceNeed], now: datetime, *, named_version: str | None = None
) -> PlanRates:
    """Read a Savings Plans file, JSON or CSV, as it is or compressed, in bounded memory.

    Rates that begin after `now` are left out. `named_version` is the edition that the index names.
    Raises PriceFileCorrupt for a file that is cut short, malformed, not of Savings Plans or of another region or edition,
    or that says one thing twice; PriceListFault for a rate in another currency or unit, for two rates of the same use, or if none
    is needed.
    """
    keeping = _Keeping(region_id, needs, f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    try:
        with opened(path) as stream:
            is_json = stream.read(1024).lstrip()[:1] == b"{"
        with opened(path) as stream:
            if is_json:
                head = _read_json(Window(path, stream, WINDOW_BYTES), keeping)
            else:
                head = _read_csv(path, stream, keeping)
    except (OSError, EOFError, zlib.error) as error:
        raise PriceFileCorrupt(path, "reading it", str(error)) from error
    version, published = head.get("version", ""), head.get("publicationDate", "")
    try:
        refuse_no_edition(version, published)
        refuse_other_edition(version, named_version)
    except ValueError as error:
        raise PriceFileCorrupt(path, "its head", str(error)) from error
    stated = head.get(REGION_CODE, region_id)
    if stated != region_id:
        raise PriceFileCorrupt(path, "its head", f"it is of {stated!r}, not of {region_id}")
    return keeping.rates(f"AWS Savings Plans list {version}", published[:10], version)


def offering_rates(client: BaseClient, region_id: str, needs: Iterable[PriceNeed], today: str) -> PlanRates:
    """Ask the `savingsplans` API for the rates of a region, page by page.

    `client` comes from `open_client("savingsplans", HOME_REGION)`. `today` (YYYY-MM-DD) dates the
    rates: the API tells no date. Raises PriceApiError; PriceListFault as `read_plan_file` does.
    """
    keeping = _Keeping(region_id, needs, "")
    with aws_errors(OPERATION, "savingsplans"):
        for plan_type, services in API_SERVICES.items():
            for service_code in services:
                question = _question(plan_type, service_code, region_id)
                for answer in readable(OPERATION, _answers(client, question)):
                    keeping.add(*_offered(entry(OPERATION, answer, _ApiRate)))
    return keeping.rates(f"savingsplans {OPERATION}", today, "")


def savings_parts(rates: PlanRates, *, origin: str, retrieved_at: str) -> tuple[Part, ...]:
    """The rates as files of a price folder, one per service and region."""
    by_partition: dict[tuple[str, str], list[Price]] = {}
    for price in sorted(rates.prices, key=lambda price: price.query):
        by_partition.setdefault((price.query.service_code, price.query.region_id), []).append(price)
    return tuple(
        Part(
            path=partition_path(service_code, region_id, SAVINGS),
            kind=SAVINGS,
            columns=PRICE_COLUMNS,
            rows=[row for price in prices for row in price_rows(price)],
            service_code=service_code,
            region_id=region_id,
            origin=origin,
            retrieved_at=retrieved_at,
            edition=rates.version,
        )
        for (service_code, region_id), prices in by_partition.items()
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """A plan that can be bought: `EC2 Instance`, 3 years, `All Upfront`."""

    name: str
    years: int
    payment: str

    @property
    def term(self) -> str:
        return f"SavingsPlan {self.name} {self.years}yr {self.payment}"


class _Keeping:
    """The rates of one region that are needed, checked one by one."""

    def __init__(self, region_id: str, needs: Iterable[PriceNeed], now: str) -> None:
        self.region_id, self.now = region_id, now
        self.needs: dict[str, list[PriceNeed]] = defaultdict(list)
        """By service code."""
        for need in needs:
            self.needs[need.service_code].append(need)
        self.read = 0
        self._found: dict[PriceQuery, tuple[str, str, str]] = {}
        """Query -> rate, unit and rate code."""

    def add(self, plan: _Plan, rate: _Rate) -> None:
        """Raises ConflictingPrices, OtherCurrency, UnusableUnit, PlaceholderPrice, MalformedListing."""
        self.read += 1
        on_demand = self._discounted(rate)
        if on_demand is None:
            return
        need = next((need for need in self.needs[on_demand.service_code] if need.covers(on_demand)), None)
        if need is None:
            return
        query = replace(on_demand, term=plan.term)
        if rate.discounted_rate.currency != CURRENCY:
            raise OtherCurrency(str(query), f"priced in {rate.discounted_rate.currency}, not in {CURRENCY}")
        unit = need.units.get(rate.unit) or UNITS.get(rate.unit, rate.unit)
        if unit not in FOCUS_UNITS:
            raise UnusableUnit(str(query), f"unknown unit {rate.unit!r}")
        try:
            price = f"{decimal(rate.discounted_rate.price).normalize():f}"
        except ValueError as error:
            raise MalformedListing(str(query), str(error)) from error
        if not decimal(price):
            raise PlaceholderPrice(str(query), "the rate listed is 0")
        known = self._found.setdefault(query, (price, unit, rate.rate_code))
        if known[:2] != (price, unit):
            raise ConflictingPrices(
                str(query), f"{known[2]} at {known[0]} per {known[1]}, {rate.rate_code} at {price} per {unit}"
            )

    def rates(self, source: str, as_of: str, version: str) -> PlanRates:
        """Raises NothingOffered if none of what was read is needed: it is then not what was meant."""
        if not self._found:
            raise NothingOffered(
                f"Savings Plans in {self.region_id}",
                f"none of {self.read} rates is for what the services use",
            )
        prices = tuple(
            Price(
                query=query,
                description=query.term.removeprefix("SavingsPlan ") + " Savings Plan",
                pricing_unit=unit,
                tiers=(PriceTier(Decimal(0), None, Decimal(price), rate_code),),
                source=source,
                as_of=as_of,
                sku_id=rate_code.partition(".")[0],
            )
            for query, (price, unit, rate_code) in sorted(self._found.items())
        )
        return PlanRates(prices, self.read, version)

    def holds(self, effective_date: str) -> bool:
        """Whether a rate that begins then is in force; the API tells no others, and no date."""
        return effective_date <= self.now

    def _discounted(self, rate: _Rate) -> PriceQuery | None:
        """The on-demand query that a rate discounts; None for another region or operation."""
        if rate.discounted_region_code not in ("", self.region_id):
            return None
        operations = OPERATIONS.get(rate.discounted_service_code)
        attributes = () if operations is None else operations.get(rate.discounted_operation)
        if attributes is None:
            return None
        usage_type = without_prefix(rate.discounted_usage_type, self.region_id)
        return PriceQuery(rate.discounted_service_code, self.region_id, usage_type, attributes)


def _read_json(window: Window, keeping: _Keeping) -> dict[str, str]:
    """Products, then the rates of each; the texts at the top of the file are returned."""
    head: dict[str, str] = {}
    plans: dict[str, _Plan | None] | None = None
    complete = False
    for name in window.members_once(set()):
        if name == "products":
            plans = _json_plans(window)
        elif name == "terms":
            if plans is None:
                raise window.fault("terms stand before products; AWS writes products first")
            complete = _read_terms(window, plans, keeping)
        elif (content := window.value()).startswith(b'"'):
            head[name] = _decoded(_TEXT, content, window)
        else:
            _decoded(_ANYTHING, content, window)
    if window.peek():
        raise window.fault("the file goes on behind its end")
    if not complete:
        raise window.fault("no savingsPlan terms in the file")
    return head


def _json_plans(window: Window) -> dict[str, _Plan | None]:
    """The plan of every SKU."""
    plans: dict[str, _Plan | None] = {}
    for _ in _items(window):
        product = _decoded(_PRODUCT, window.value(), window)
        if product.sku in plans:
            raise window.fault(f"product {product.sku} is listed twice")
        of = product.attributes
        plans[product.sku] = _plan(product.product_family, of.purchase_term, of.purchase_option, window.fault)
    return plans


def _read_terms(window: Window, plans: Mapping[str, _Plan | None], keeping: _Keeping) -> bool:
    """Whether there were Savings Plans terms."""
    found = False
    for kind in window.members_once(set()):
        if kind != "savingsPlan":
            raise window.fault(f"{kind} terms in a Savings Plans file")
        found = True
        for _ in _items(window):
            _read_term(window, plans, keeping)
    return found


def _read_term(window: Window, plans: Mapping[str, _Plan | None], keeping: _Keeping) -> None:
    sku = begins = ""
    lease: _Lease | None = None
    read = False
    for name in window.members_once(set()):
        if name == "sku":
            sku = _decoded(_TEXT, window.value(), window)
        elif name == "effectiveDate":
            begins = _beginning(_decoded(_TEXT, window.value(), window), window.fault)
            if read and not keeping.holds(begins):
                raise window.fault("rates stand before the day on which they begin")
        elif name == "leaseContractLength":
            lease = _decoded(_LEASE, window.value(), window)
        elif name != "rates":
            _decoded(_ANYTHING, window.value(), window)
        elif sku not in plans:
            raise window.fault(f"rates of {sku or 'no SKU'}, which is no product of the file")
        else:
            plan = plans[sku]
            read = True
            for _ in _items(window):
                rate = _decoded(_RATE, window.value(), window)
                if plan is not None and keeping.holds(begins):
                    keeping.add(plan, rate)
    _check_lease(plans.get(sku), lease, window)


def _check_lease(plan: _Plan | None, lease: _Lease | None, window: Window) -> None:
    """Raises PriceFileCorrupt where a term binds for longer or shorter than its product says."""
    if plan is None or lease is None:
        return
    if _years(f"{lease.duration} {lease.unit}") != plan.years:
        raise window.fault(f"rates bind for {lease.duration} {lease.unit}, their plan for {plan.years}yr")


def _items(window: Window) -> Iterator[None]:
    """Step through the list that starts here; take the value of each item before asking for the next."""
    window.take(b"[")
    following = window.peek() != b"]"
    while following:
        yield
        following = window.peek() == b","
        if following:
            window.take(b",")
    window.take(b"]")


def _decoded(decoder: msgspec.json.Decoder[T], content: bytes, window: Window) -> T:
    """Raises PriceFileCorrupt for a value of another kind, or with a member twice."""
    try:
        found = decoder.decode(content)
        refuse_repeats(content)
        return found
    except (ValueError, RecursionError) as error:
        raise window.fault(str(error)) from error


def _read_csv(path: Path, stream: BinaryIO, keeping: _Keeping) -> dict[str, str]:
    """Five rows of metadata, the column names, a row for each rate; the metadata are returned."""

    def fault(problem: str) -> PriceFileCorrupt:
        return PriceFileCorrupt(path, f"row {rows.line_num}", problem)

    rows = csv.reader(lines_of(stream), strict=True)
    try:
        head = metadata_of(rows)
        columns = next(rows, [])
        missing = [name for name in CSV_COLUMNS if name not in columns]
        if missing:
            raise fault(f"no column {', '.join(missing)}")
        if len(set(columns)) < len(columns):
            raise fault("a column is named twice")
        plans: dict[str, _Plan | None] = {}
        for row in rows:
            if len(row) != len(columns):
                raise fault(f"{len(row)} columns, the header has {len(columns)}")
            cells = dict(zip(columns, row, strict=True))
            years = f"{cells['LeaseContractLength']}{cells['LeaseContractLengthUnit']}"
            plan = _plan(cells["Product Family"], years, cells["PurchaseOption"], fault)
            if plans.setdefault(cells["SKU"], plan) != plan:
                raise fault(f"product {cells['SKU']} is described differently than in a row before")
            begins = _beginning(cells.get("EffectiveDate", ""), fault)
            if plan is not None and keeping.holds(begins):
                keeping.add(plan, _csv_rate(cells))
    except (csv.Error, UnicodeDecodeError) as error:
        raise fault(str(error)) from error
    return head


def _csv_rate(cells: Mapping[str, str]) -> _Rate:
    return _Rate(
        discounted_usage_type=cells["DiscountedUsageType"],
        discounted_operation=cells["DiscountedOperation"],
        discounted_service_code=cells["DiscountedServiceCode"],
        rate_code=cells["RateCode"],
        unit=cells["Unit"],
        discounted_rate=_Money(cells["DiscountedRate"], cells["Currency"]),
        discounted_region_code=cells["DiscountedRegionCode"],
    )


def _plan(family: str, length: str, payment: str, fault: Fault) -> _Plan | None:
    """The plan of a product; None for a family that is left out."""
    if family not in PLANS:
        return None
    years = _years(length)
    if years is None or payment not in PAYMENTS:
        raise fault(f"a {family} product of {length!r} and {payment!r}, not 1 or 3 years and {PAYMENTS}")
    return _Plan(PLANS[family], years, payment)


def _beginning(date: str, fault: Fault) -> str:
    """When rates begin; empty where nothing is said. Raises PriceFileCorrupt for a time that there is not."""
    if date and not is_time(date):
        raise fault(f"rates begin on {date!r}, which is not a UTC time")
    return date


def _years(length: str) -> int | None:
    """`1yr` or `3 years` in years; None for any other text."""
    found = _LENGTH.fullmatch(length)
    return int(found[1]) if found else None


def _question(plan_type: str, service_code: str, region_id: str) -> dict[str, Any]:
    question: dict[str, Any] = {
        "savingsPlanTypes": [plan_type],
        "serviceCodes": [service_code],
        "filters": [{"name": "region", "values": [region_id]}],
        "maxResults": LARGEST_PAGE,
    }
    if service_code in OPERATIONS:
        question["operations"] = sorted(OPERATIONS[service_code])
    return question


def _answers(client: Any, question: dict[str, Any]) -> Iterator[Any]:
    """Every rate of every page; the client has no paginator for this operation.

    Raises ApiFailed for a page without its list, which is what botocore makes of a broken connection,
    and for a token that came before.
    """
    tokens: set[str] = set()
    while True:
        answer = client.describe_savings_plans_offering_rates(**question)
        if "searchResults" not in answer:
            raise ApiFailed(OPERATION, "the answer is cut short", AGAIN)
        yield from answer["searchResults"]
        token = answer.get("nextToken")
        if not token:
            return
        if token in tokens:
            raise ApiFailed(OPERATION, "its pages lead back to one before", AGAIN)
        tokens.add(token)
        question = question | {"nextToken": token}


def _offered(answer: _ApiRate) -> tuple[_Plan, _Rate]:
    """One rate of the API. Raises MalformedListing for a plan or a length that is not known."""
    offering = answer.savings_plan_offering
    properties = {of.name: of.value for of in answer.properties}
    if len(properties) < len(answer.properties):
        raise MalformedListing(OPERATION, "a rate with one property twice")
    try:
        plan = _Plan(
            API_PLANS[offering.plan_type],
            YEARS_OF_SECONDS[offering.duration_seconds],
            offering.payment_option,
        )
    except KeyError as unknown:
        raise MalformedListing(OPERATION, f"a plan of an unknown kind or length, {unknown}") from unknown
    rate = _Rate(
        discounted_usage_type=answer.usage_type,
        discounted_operation=answer.operation,
        discounted_service_code=answer.service_code,
        rate_code="",
        unit=answer.unit,
        discounted_rate=_Money(answer.rate, offering.currency),
        discounted_region_code=properties.get("region", ""),
    )
    return plan, rate
