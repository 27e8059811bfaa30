"""Commitments as prices: for one on-demand price, every commitment that covers it and what it then costs.

A rate that the price book holds always wins. Where AWS publishes none that can be reached, the rate is
inferred by a rule written down here, and says so. What neither the book nor a rule gives is absent,
with the reason. `docs/commitments.md` shows all of it as tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from costmodel.pricing.book import PriceBook
from costmodel.pricing.discounts import PlanAllowances, PlanDiscount, plan_allowances, plan_discounts
from costmodel.pricing.price import GLOBAL, ON_DEMAND, UPFRONT_FEE, Price, PriceQuery
from costmodel.units import HOURS_PER_YEAR

ONE = Decimal(1)
CENT = Decimal("0.01")
PLAN_CODE = "CloudFrontPlans"
FLAT_RATE = "FlatRate"


class CommitmentKind(StrEnum):
    """What can be committed to."""

    STANDARD_RESERVATION = "Standard reserved instance"
    CONVERTIBLE_RESERVATION = "Convertible reserved instance"
    INSTANCE_PLAN = "EC2 Instance Savings Plan"
    COMPUTE_PLAN = "Compute Savings Plan"
    DATABASE_RESERVATION = "Reserved database instance"
    DATABASE_PLAN = "Database Savings Plan"
    DYNAMODB_CAPACITY = "DynamoDB reserved capacity"
    SECURITY_BUNDLE = "CloudFront Security Savings Bundle"
    FLAT_RATE_PLAN = "CloudFront flat-rate plan"


class Payment(StrEnum):
    """When a commitment is paid."""

    NO_UPFRONT = "No Upfront"
    PARTIAL_UPFRONT = "Partial Upfront"
    ALL_UPFRONT = "All Upfront"
    MONTHLY = "Monthly"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a kind of commitment binds to."""

    covers: str
    same_region: bool
    """It covers use in one region only."""
    size_flexible: bool
    """It covers every size of what is committed to."""
    any_compute: bool
    """It covers EC2, Fargate and Lambda alike."""
    sentence: str
    rate: str
    """Where the rate comes from."""
    source: str


TERMS: dict[CommitmentKind, Terms] = {
    CommitmentKind.STANDARD_RESERVATION: Terms(
        covers="EC2 instances of one family, platform and tenancy in one region, of any size where Linux on "
        "shared hardware runs",
        same_region=True,
        size_flexible=True,
        any_compute=False,
        sentence="Paid for every hour of the term, used or not. It cannot be exchanged; it can be sold on the "
        "Reserved Instance Marketplace.",
        rate="price list",
        source='Amazon EC2 User Guide, "Reserved Instances" (2023-06)',
    ),
    CommitmentKind.CONVERTIBLE_RESERVATION: Terms(
        covers="EC2 instances of one family, platform and tenancy in one region, of any size where Linux on "
        "shared hardware runs; it can be exchanged for another family, platform or tenancy",
        same_region=True,
        size_flexible=True,
        any_compute=False,
        sentence="Paid for every hour of the term, used or not. It can be exchanged for one of equal or higher "
        "value; it cannot be sold.",
        rate="price list",
        source='Amazon EC2 User Guide, "Reserved Instances" (2023-06)',
    ),
    CommitmentKind.INSTANCE_PLAN: Terms(
        covers="EC2 instances of one family in one region, of any size, zone, system and tenancy; not Spot",
        same_region=True,
        size_flexible=True,
        any_compute=False,
        sentence="A spend per hour, at the plan's rates, paid for every hour of the term, used or not. Use beyond "
        "it is billed on demand. It cannot be cancelled or exchanged.",
        rate="Savings Plans rates; else inferred from the standard reservation",
        source='AWS Savings Plans FAQs; AWS agent-toolkit, "savings-plans" (2026-08-20)',
    ),
    CommitmentKind.COMPUTE_PLAN: Terms(
        covers="EC2 instances of any family, size, region, system and tenancy, Fargate, and Lambda duration and "
        "provisioned concurrency; not Spot, not Lambda requests",
        same_region=False,
        size_flexible=True,
        any_compute=True,
        sentence="A spend per hour, at the plan's rates, paid for every hour of the term, used or not. Use beyond "
        "it is billed on demand. It cannot be cancelled or exchanged.",
        rate="Savings Plans rates; else inferred from the convertible reservation (EC2) or the low end of a "
        "range (Lambda)",
        source='AWS Savings Plans FAQs; AWS agent-toolkit, "savings-plans" (2026-08-20)',
    ),
    CommitmentKind.DATABASE_RESERVATION: Terms(
        covers="RDS instances of one engine and family in one region, of any size; Multi-AZ counts twice",
        same_region=True,
        size_flexible=True,
        any_compute=False,
        sentence="Paid for every hour of the term, used or not. It cannot be exchanged, sold or cancelled. Three "
        "years are not sold without an upfront part.",
        rate="price list",
        source='Amazon RDS User Guide, "Reserved DB instances" (2023-06)',
    ),
    CommitmentKind.DATABASE_PLAN: Terms(
        covers="RDS and Aurora instances of generation 7 and newer, Aurora Serverless v2, DynamoDB reads and "
        "writes, in any region, engine and size; not T classes, not older generations, not storage",
        same_region=False,
        size_flexible=True,
        any_compute=False,
        sentence="A spend per hour, at the plan's rates, paid for every hour of one year, used or not. Sold with "
        "no upfront payment only. Use beyond it is billed on demand.",
        rate="Savings Plans rates; else inferred from the discount measured in one region's price list",
        source="AWS Savings Plans FAQs; AWSDatabaseSavingsPlans price list of ap-south-2 (2026-04-22)",
    ),
    CommitmentKind.DYNAMODB_CAPACITY: Terms(
        covers="provisioned DynamoDB read or write capacity of the Standard class in one region; not replicated "
        "writes, not on-demand capacity",
        same_region=True,
        size_flexible=False,
        any_compute=False,
        sentence="Legacy: bought in blocks of 100 units for a fee and a lower hourly rate, paid for every hour, "
        "used or not. AWS now points to Database Savings Plans.",
        rate="price list",
        source='Amazon DynamoDB Developer Guide, "Reserved capacity" (2023-06)',
    ),
    CommitmentKind.SECURITY_BUNDLE: Terms(
        covers="CloudFront transfer, requests, Origin Shield and invalidations everywhere, and WAF requests up to "
        "10 % of the commitment",
        same_region=False,
        size_flexible=False,
        any_compute=False,
        sentence="A spend per month for 12 months, used or not: 70 dollars buy up to 100 dollars of CloudFront "
        "use. Credits do not carry over. Use beyond it is billed at list price.",
        rate="inferred: list price less 30 %",
        source='Amazon CloudFront Developer Guide, "CloudFront Security Savings Bundle", as quoted at its '
        "launch (2021-02-05)",
    ),
    CommitmentKind.FLAT_RATE_PLAN: Terms(
        covers="one distribution with its WAF, DNS zone and S3 credit, up to a monthly allowance",
        same_region=False,
        size_flexible=False,
        any_compute=False,
        sentence="A price per month and distribution, from month to month. No overage charge: beyond the "
        "allowance performance may be reduced.",
        rate="price list (offer CloudFrontPlans)",
        source='Amazon CloudFront Developer Guide, "CloudFront flat-rate pricing plans" (2026-09-05)',
    ),
}

BUNDLE_SAVING_RATIO = Decimal("0.30")
BUNDLE_WAF_RATIO = Decimal("0.10")
"""The bundle takes up to 30 % off CloudFront, and covers WAF requests up to 10 % of the commitment.

Source: Amazon CloudFront Developer Guide, "CloudFront Security Savings Bundle", as quoted at its launch
(2021-02-05): 100 dollars a month cover 142.86 dollars of CloudFront and up to 10 dollars of WAF.
"""

PLAN_UPFRONT_RATIO = {
    Payment.NO_UPFRONT: Decimal(0),
    Payment.PARTIAL_UPFRONT: Decimal("0.5"),
    Payment.ALL_UPFRONT: ONE,
}
"""Share of a Savings Plan that is paid at its start; a partial payment is taken to be the smallest allowed.

Source: AWS re:Post, "What should I consider before purchasing Savings Plans?": at least half (2026).
"""

NEWEST_UNCOVERED_GENERATION = 6
"""Database Savings Plans cover instances from generation 7 on.

Source: AWSDatabaseSavingsPlans price list of ap-south-2 (2026-04-22), which has m7, r7, m8 and r8 only.
"""

LAMBDA_RANGE = (
    "Lambda duration and provisioned concurrency, low end",
    "Lambda duration and provisioned concurrency, high end",
)
"""What `savings_plans.csv` calls the two ends of the range that is known for Lambda."""

_EC2_INSTANCE = re.compile(r"BoxUsage:.+")
_RDS_INSTANCE = re.compile(
    r"(?:InstanceUsage|Multi-AZUsage|InstanceUsageIOOptimized):db\.([a-z]+)(\d+)[^.]*\..+"
)
_AURORA_CAPACITY = re.compile(r"Aurora:ServerlessV2(IOOptimized)?Usage")
_LAMBDA_DURATION = re.compile(r"Lambda-(GB-Second|Provisioned-Concurrency|Provisioned-GB-Second)(-ARM)?")
_DYNAMODB_REQUESTS = re.compile(r"(IA-)?(Read|Write|ReplWrite)RequestUnits")
_DYNAMODB_CAPACITY = re.compile(r"(IA-)?(Read|Write|ReplWrite)CapacityUnit-Hrs")
_DYNAMODB_RESERVABLE = re.compile(r"(Read|Write)CapacityUnit-Hrs")
_CLOUDFRONT_BUNDLED = re.compile(r"DataTransfer-Out-O?Bytes|Requests-.+|Invalidations")

_PAYMENTS = "(No Upfront|Partial Upfront|All Upfront)"
_RESERVED_TERM = re.compile(f"Reserved (?:(standard|convertible) )?([13])yr {_PAYMENTS}")
_RESERVED_CAPACITY_TERM = re.compile("Reserved (?:standard )?([13])yr Heavy Utilization")
_PLAN_TERM = re.compile(f"SavingsPlan (Compute|EC2 Instance|Database) ([13])yr {_PAYMENTS}")

_YEARS_AND_PAYMENTS = tuple(
    (years, payment)
    for years in (1, 3)
    for payment in (Payment.NO_UPFRONT, Payment.PARTIAL_UPFRONT, Payment.ALL_UPFRONT)
)
SOLD: dict[CommitmentKind, tuple[tuple[int, Payment], ...]] = {
    CommitmentKind.STANDARD_RESERVATION: _YEARS_AND_PAYMENTS,
    CommitmentKind.CONVERTIBLE_RESERVATION: _YEARS_AND_PAYMENTS,
    CommitmentKind.INSTANCE_PLAN: _YEARS_AND_PAYMENTS,
    CommitmentKind.COMPUTE_PLAN: _YEARS_AND_PAYMENTS,
    CommitmentKind.DATABASE_RESERVATION: tuple(
        option for option in _YEARS_AND_PAYMENTS if option != (3, Payment.NO_UPFRONT)
    ),
    CommitmentKind.DATABASE_PLAN: ((1, Payment.NO_UPFRONT),),
    CommitmentKind.DYNAMODB_CAPACITY: ((1, Payment.PARTIAL_UPFRONT), (3, Payment.PARTIAL_UPFRONT)),
    CommitmentKind.SECURITY_BUNDLE: ((1, Payment.MONTHLY),),
}
"""Lengths in years and payments that AWS sells. Source: the source of each kind's terms."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """One thing to commit to, for how long, and when it is paid."""

    kind: CommitmentKind
    years: int
    payment: Payment

    @property
    def hours(self) -> int:
        """Hours of the term, as AWS counts them."""
        return HOURS_PER_YEAR * self.years

    @property
    def term(self) -> str:
        """`1yr No Upfront`."""
        return f"{self.years}yr {self.payment}"

    @property
    def terms(self) -> Terms:
        return TERMS[self.kind]

    def __str__(self) -> str:
        return f"{self.kind}, {self.term}"


@dataclass(frozen=True, slots=True)
class CommittedRate:
    """One tier of an on-demand price under a commitment, in the price's currency."""

    begin: Decimal
    end: Decimal | None
    """None means without end."""
    on_demand_unit_price: Decimal
    upfront: Decimal
    """Paid at the start for one unit in every hour of the term."""
    unit_price: Decimal
    """What a unit then costs; per hour where the price counts hours."""
    hours: int

    @property
    def total_over_term(self) -> Decimal:
        """What one unit in every hour of the term costs in all. Exact."""
        return self.upfront + self.unit_price * self.hours

    @property
    def effective_unit_price(self) -> Decimal:
        """Fee / hours of the term + unit price, to 28 digits.

        Source: AWS Cost Management User Guide, effective hourly rate of a reservation (2023-06).
        """
        return self.upfront / self.hours + self.unit_price

    @property
    def saving_ratio(self) -> Decimal:
        """Share of the on-demand price that is saved if every committed hour is used; may be negative."""
        return 1 - self.effective_unit_price / self.on_demand_unit_price


@dataclass(frozen=True, slots=True)
class CommittedPrice:
    """What an on-demand price becomes under one commitment."""

    on_demand: Price
    commitment: Commitment
    rates: tuple[CommittedRate, ...]
    """One per tier of the on-demand price, in its order."""
    published: bool
    """True when AWS publishes this rate and the book holds it; False when `basis` infers it."""
    basis: str
    source: str
    as_of: str
    """Date of the figure the rate rests on: YYYY-MM-DD."""
    saving_up_to_ratio: Decimal | None = None
    """Upper end, where only a range is known; the rate is then its lower end."""

    def rate_at(self, tier_begin: Decimal) -> CommittedRate:
        """The rate of what comes after a monthly quantity, as where a tier begins."""
        return next(rate for rate in reversed(self.rates) if rate.begin <= tier_begin)

    @property
    def upfront(self) -> Decimal:
        """Fee of the first tier."""
        return self.rates[0].upfront

    @property
    def unit_price(self) -> Decimal:
        """Unit price of the first tier, without the fee."""
        return self.rates[0].unit_price

    @property
    def effective_unit_price(self) -> Decimal:
        """Effective unit price of the first tier."""
        return self.rates[0].effective_unit_price

    @property
    def saving_ratio(self) -> Decimal:
        """Saving of the first tier."""
        return self.rates[0].saving_ratio


@dataclass(frozen=True, slots=True)
class AbsentCommitment:
    """A commitment that AWS sells for a price, or might be thought to, and that has no rate here."""

    commitment: Commitment
    reason: str
    covers: bool = True
    """Whether it covers the use, so that only its rate is lacking."""


@dataclass(frozen=True, slots=True)
class Commitments:
    """What covers one on-demand price."""

    offers: tuple[CommittedPrice, ...]
    absent: tuple[AbsentCommitment, ...]


@dataclass(frozen=True, slots=True)
class BundleCredits:
    """What a month of the CloudFront Security Savings Bundle pays for, in US dollars."""

    cloudfront_usd: Decimal
    waf_usd: Decimal


@dataclass(frozen=True, slots=True)
class FlatRatePlan:
    """A CloudFront subscription: so much a month for one distribution, up to its allowances."""

    price: Price
    allowances: PlanAllowances

    @property
    def terms(self) -> Terms:
        return TERMS[CommitmentKind.FLAT_RATE_PLAN]

    @property
    def monthly_price(self) -> Decimal:
        """In the price's currency, per distribution."""
        return self.price.tiers[0].list_unit_price


def offers(book: PriceBook, on_demand: Price) -> tuple[CommittedPrice, ...]:
    """Every commitment that covers an on-demand price, by kind, years and payment.

    Raises PriceCacheCorrupt.
    """
    return commitments(book, on_demand).offers


class Offers:
    """The offers of one book, each worked out once."""

    def __init__(self, book: PriceBook) -> None:
        self.book = book
        self._known: dict[PriceQuery, Commitments] = {}

    def of(self, query: PriceQuery) -> tuple[CommittedPrice, ...]:
        """Every commitment that covers a use. Raises PriceNotFound, AmbiguousPrice, PriceCacheCorrupt."""
        return self._all(query).offers

    def unpriced(self, query: PriceQuery) -> tuple[Commitment, ...]:
        """Commitments that cover a use and have no rate in the book. Raises as `of`."""
        return tuple(absent.commitment for absent in self._all(query).absent if absent.covers)

    def _all(self, query: PriceQuery) -> Commitments:
        if query not in self._known:
            self._known[query] = commitments(self.book, self.book.price(query))
        return self._known[query]


def commitments(book: PriceBook, on_demand: Price) -> Commitments:
    """Every commitment that covers an on-demand price, and those that have no rate, with the reason.

    Empty for a price that nothing covers, that is not on demand, or that is free. Raises
    PriceCacheCorrupt.
    """
    if on_demand.query.term != ON_DEMAND or not on_demand.tiers[0].list_unit_price:
        return Commitments((), ())
    quotes = _quotes(book, on_demand.query)
    found = [
        _offer(book, on_demand, commitment, quotes)
        for kind in _covering(on_demand.query)
        for commitment in _considered(kind, quotes)
    ]
    return Commitments(
        tuple(offer for offer in found if isinstance(offer, CommittedPrice)),
        tuple(offer for offer in found if isinstance(offer, AbsentCommitment)),
    )


def bundle_credits(monthly_commitment_usd: Decimal) -> BundleCredits:
    """What the CloudFront Security Savings Bundle covers for a monthly commitment, to the cent."""
    return BundleCredits(
        cloudfront_usd=(monthly_commitment_usd / (ONE - BUNDLE_SAVING_RATIO)).quantize(CENT, ROUND_HALF_UP),
        waf_usd=(monthly_commitment_usd * BUNDLE_WAF_RATIO).quantize(CENT, ROUND_HALF_UP),
    )


def flat_rate_plans(book: PriceBook) -> tuple[FlatRatePlan, ...]:
    """Every CloudFront flat-rate plan, cheapest first. Raises PriceNotFound, PriceCacheCorrupt."""
    plans = [
        FlatRatePlan(book.price(PriceQuery(PLAN_CODE, GLOBAL, name, term=FLAT_RATE)), allowances)
        for name, allowances in plan_allowances(book).items()
    ]
    return tuple(sorted(plans, key=lambda plan: (plan.monthly_price, plan.allowances.plan)))


def plan_of(book: PriceBook, price: Price) -> FlatRatePlan | None:
    """The flat-rate plan that a price is the price of; None for any other price. Raises PriceCacheCorrupt."""
    if (price.query.service_code, price.query.term) != (PLAN_CODE, FLAT_RATE):
        return None
    allowances = plan_allowances(book).get(price.query.usage_type)
    return FlatRatePlan(price, allowances) if allowances else None


@dataclass(frozen=True, slots=True)
class _Quote:
    """Rows of the book for one commitment: a rate, a fee, or both."""

    rate: Price | None
    fee: Price | None


_Quotes = dict[Commitment, _Quote]


def _quotes(book: PriceBook, query: PriceQuery) -> _Quotes:
    """What the book publishes for exactly this use."""
    found: _Quotes = {}
    for price in book.committed(query):
        commitment = commitment_of(query.service_code, price.query.term)
        is_fee = UPFRONT_FEE in price.query.attributes
        apart = tuple(pair for pair in price.query.attributes if pair != UPFRONT_FEE)
        if commitment is None or apart != query.attributes:
            continue
        known = found.get(commitment, _Quote(None, None))
        found[commitment] = _Quote(known.rate, price) if is_fee else _Quote(price, known.fee)
    return found


_SIZE_FACTORS = {"nano": "0.25", "micro": "0.5", "small": "1", "medium": "2", "large": "4"}
_XLARGE = re.compile(r"([1-9][0-9]*)?xl(?:arge)?")
_XLARGE_FACTOR = 8


def size_factor(size: str) -> Decimal | None:
    """Normalisation factor of a size such as `2xlarge` or a database's `2xl`; None for a text that is no size.

    A reservation of one size covers as much of another, and types of a family cost in proportion to it.
    N xlarge counts N times an xlarge.

    Source: Amazon EC2 User Guide, "How Reserved Instances are applied" (2023-06); Amazon RDS User Guide,
    "Reserved DB instances" (2023-06).
    """
    if size in _SIZE_FACTORS:
        return Decimal(_SIZE_FACTORS[size])
    many = _XLARGE.fullmatch(size)
    return None if many is None else Decimal(_XLARGE_FACTOR * int(many[1] or 1))


def commitment_of(service_code: str, term: str) -> Commitment | None:
    """The commitment that a term of the price list stands for; None for another term."""
    if plan := _PLAN_TERM.fullmatch(term):
        kind = {
            "Compute": CommitmentKind.COMPUTE_PLAN,
            "EC2 Instance": CommitmentKind.INSTANCE_PLAN,
            "Database": CommitmentKind.DATABASE_PLAN,
        }[plan[1]]
        return Commitment(kind, int(plan[2]), Payment(plan[3]))
    capacity = _RESERVED_CAPACITY_TERM.fullmatch(term)
    if capacity and service_code == "AmazonDynamoDB":
        return Commitment(CommitmentKind.DYNAMODB_CAPACITY, int(capacity[1]), Payment.PARTIAL_UPFRONT)
    reserved = _RESERVED_TERM.fullmatch(term)
    if reserved is None:
        return None
    if service_code == "AmazonRDS":
        kind = CommitmentKind.DATABASE_RESERVATION
    elif reserved[1] == "convertible":
        kind = CommitmentKind.CONVERTIBLE_RESERVATION
    else:
        kind = CommitmentKind.STANDARD_RESERVATION
    return Commitment(kind, int(reserved[2]), Payment(reserved[3]))


def _covering(query: PriceQuery) -> tuple[CommitmentKind, ...]:
    """Kinds that cover this use, or that one would look for in vain."""
    usage_type = query.usage_type
    match query.service_code:
        case "AmazonEC2" if _EC2_INSTANCE.fullmatch(usage_type):
            return (
                CommitmentKind.STANDARD_RESERVATION,
                CommitmentKind.CONVERTIBLE_RESERVATION,
                CommitmentKind.INSTANCE_PLAN,
                CommitmentKind.COMPUTE_PLAN,
            )
        case "AWSLambda" if _LAMBDA_DURATION.fullmatch(usage_type):
            return (CommitmentKind.COMPUTE_PLAN,)
        case "AmazonRDS" if _RDS_INSTANCE.fullmatch(usage_type):
            return CommitmentKind.DATABASE_RESERVATION, CommitmentKind.DATABASE_PLAN
        case "AmazonRDS" if _AURORA_CAPACITY.fullmatch(usage_type):
            return (CommitmentKind.DATABASE_PLAN,)
        case "AmazonDynamoDB" if _DYNAMODB_RESERVABLE.fullmatch(usage_type):
            return CommitmentKind.DATABASE_PLAN, CommitmentKind.DYNAMODB_CAPACITY
        case "AmazonDynamoDB" if _DYNAMODB_REQUESTS.fullmatch(usage_type) or _DYNAMODB_CAPACITY.fullmatch(
            usage_type
        ):
            return (CommitmentKind.DATABASE_PLAN,)
        case "AmazonCloudFront" if _CLOUDFRONT_BUNDLED.fullmatch(usage_type):
            return (CommitmentKind.SECURITY_BUNDLE,)
    return ()


def _considered(kind: CommitmentKind, quotes: Iterable[Commitment]) -> Iterator[Commitment]:
    """What AWS sells of a kind, then what the book has beyond that."""
    sold = [Commitment(kind, years, payment) for years, payment in SOLD[kind]]
    yield from sold
    yield from (commitment for commitment in quotes if commitment.kind is kind and commitment not in sold)


def _offer(
    book: PriceBook, on_demand: Price, commitment: Commitment, quotes: _Quotes
) -> CommittedPrice | AbsentCommitment:
    if commitment in quotes:
        return _published(on_demand, commitment, quotes[commitment])
    match commitment.kind:
        case CommitmentKind.INSTANCE_PLAN:
            return _like_reservation(on_demand, commitment, CommitmentKind.STANDARD_RESERVATION, quotes)
        case CommitmentKind.COMPUTE_PLAN if on_demand.query.service_code == "AWSLambda":
            return _lambda_range(book, on_demand, commitment)
        case CommitmentKind.COMPUTE_PLAN:
            return _like_reservation(on_demand, commitment, CommitmentKind.CONVERTIBLE_RESERVATION, quotes)
        case CommitmentKind.DATABASE_PLAN:
            return _database_plan(book, on_demand, commitment)
        case CommitmentKind.SECURITY_BUNDLE:
            basis = (
                f"list price less {_percent(BUNDLE_SAVING_RATIO)}, the most that AWS states for the bundle"
            )
            return _less(
                on_demand, commitment, BUNDLE_SAVING_RATIO, basis, commitment.terms.source, "2021-02-05"
            )
        case _:
            return AbsentCommitment(commitment, _not_in_book(on_demand.query))


def _published(on_demand: Price, commitment: Commitment, quote: _Quote) -> CommittedPrice | AbsentCommitment:
    """A rate of the book. Absent if the book has only the rate or the fee, or counts in another unit."""
    if quote.rate is not None and quote.rate.pricing_unit != on_demand.pricing_unit:
        return AbsentCommitment(
            commitment,
            f"the price book's rate counts in {quote.rate.pricing_unit}, not in {on_demand.pricing_unit}",
        )
    if quote.rate is not None and quote.rate.query.term.startswith("SavingsPlan"):
        return _plan(on_demand, commitment, quote.rate)
    fee_due = commitment.payment in (Payment.PARTIAL_UPFRONT, Payment.ALL_UPFRONT)
    if fee_due and quote.fee is None:
        return AbsentCommitment(commitment, "the price book has its hourly rate but not its upfront fee")
    if quote.rate is None and commitment.payment is not Payment.ALL_UPFRONT:
        return AbsentCommitment(commitment, "the price book has its upfront fee but not its hourly rate")
    stated = quote.rate or quote.fee
    assert stated is not None  # a quote is made from at least one row
    return CommittedPrice(
        on_demand=on_demand,
        commitment=commitment,
        rates=_rates(
            on_demand,
            commitment,
            upfront=_first(quote.fee),
            unit_price=_first(quote.rate),
        ),
        published=True,
        basis="published rate",
        source=stated.source,
        as_of=stated.as_of,
    )


def _plan(on_demand: Price, commitment: Commitment, rate: Price) -> CommittedPrice:
    return CommittedPrice(
        on_demand=on_demand,
        commitment=commitment,
        rates=_plan_rates(on_demand, commitment, _first(rate)),
        published=True,
        basis="published rate",
        source=rate.source,
        as_of=rate.as_of,
    )


def _like_reservation(
    on_demand: Price, commitment: Commitment, like: CommitmentKind, quotes: _Quotes
) -> CommittedPrice | AbsentCommitment:
    """A Savings Plan at the effective rate of the reservation of the same length and payment.

    Source: ProsperOps, "Savings Plans versus Reserved Instances"; AWS agent-toolkit, "savings-plans"
    (2026-08-20).
    """
    twin = Commitment(like, commitment.years, commitment.payment)
    reserved = _published(on_demand, twin, quotes[twin]) if twin in quotes else None
    if not isinstance(reserved, CommittedPrice):
        return AbsentCommitment(
            commitment,
            f"no Savings Plans rate, and no {like.lower()} rate to infer it from: "
            f"{_not_in_book(on_demand.query)}",
        )
    return CommittedPrice(
        on_demand=on_demand,
        commitment=commitment,
        rates=_plan_rates(on_demand, commitment, reserved.effective_unit_price),
        published=False,
        basis=f"{commitment.kind} rate taken to equal the {like.lower()}",
        source=reserved.source,
        as_of=reserved.as_of,
    )


def _lambda_range(
    book: PriceBook, on_demand: Price, commitment: Commitment
) -> CommittedPrice | AbsentCommitment:
    """The smallest commitment at the low end of the range; a larger one has no rate of its own."""
    low, high = (_discount(book, applies_to) for applies_to in LAMBDA_RANGE)
    if low is None or high is None:
        return AbsentCommitment(commitment, _not_in_book(on_demand.query))
    span = f"{_percent(low.saving_ratio)} to {_percent(high.saving_ratio)}"
    if commitment != Commitment(CommitmentKind.COMPUTE_PLAN, 1, Payment.NO_UPFRONT):
        return AbsentCommitment(
            commitment, f"only the range over all lengths and payments is known: {span} ({low.source})"
        )
    basis = f"list price less {_percent(low.saving_ratio)}, the low end of the only known range, {span}"
    offer = _less(on_demand, commitment, low.saving_ratio, basis, low.source, low.as_of)
    return replace(offer, saving_up_to_ratio=high.saving_ratio)


def _database_plan(
    book: PriceBook, on_demand: Price, commitment: Commitment
) -> CommittedPrice | AbsentCommitment:
    """List price less the discount measured in one region's Database Savings Plans price list."""
    uncovered = _not_in_database_plan(on_demand.query)
    if uncovered:
        return AbsentCommitment(commitment, uncovered, covers=False)
    applies_to = _database_use(on_demand.query)
    discount = _discount(book, applies_to)
    if discount is None:
        return AbsentCommitment(commitment, _not_in_book(on_demand.query))
    basis = f"list price less {_percent(discount.saving_ratio)} for {applies_to}, measured in one price list"
    return _less(on_demand, commitment, discount.saving_ratio, basis, discount.source, discount.as_of)


def _not_in_database_plan(query: PriceQuery) -> str:
    """Why Database Savings Plans do not cover a database class; empty when they do."""
    instance = _RDS_INSTANCE.fullmatch(query.usage_type)
    if instance is None:
        return ""
    if instance[1].startswith("t"):
        return "Database Savings Plans do not cover T classes"
    if int(instance[2]) <= NEWEST_UNCOVERED_GENERATION:
        return f"Database Savings Plans cover generation {NEWEST_UNCOVERED_GENERATION + 1} and newer"
    return ""


def _database_use(query: PriceQuery) -> str:
    """What `savings_plans.csv` calls this use."""
    if query.service_code == "AmazonDynamoDB":
        on_demand_capacity = _DYNAMODB_REQUESTS.fullmatch(query.usage_type)
        if on_demand_capacity:
            return "DynamoDB on-demand read/write/replicated request units"
        return "DynamoDB provisioned RCU/WCU/replicated WCU hours"
    if _AURORA_CAPACITY.fullmatch(query.usage_type):
        return "Aurora Serverless v2 ACU-hours (Standard and I/O-Optimized)"
    if dict(query.attributes).get("engine", "").startswith("Aurora"):
        return "Aurora provisioned gen7+ instances"
    return "RDS PostgreSQL/MySQL/MariaDB gen7+ instances"


def _discount(book: PriceBook, applies_to: str) -> PlanDiscount | None:
    return next((found for found in plan_discounts(book) if found.applies_to == applies_to), None)


def _less(
    on_demand: Price, commitment: Commitment, saving_ratio: Decimal, basis: str, source: str, as_of: str
) -> CommittedPrice:
    """The list price of every tier less a share, paid as it is used."""
    rates = tuple(
        CommittedRate(
            tier.begin,
            tier.end,
            tier.list_unit_price,
            Decimal(0),
            tier.list_unit_price * (1 - saving_ratio),
            commitment.hours,
        )
        for tier in on_demand.tiers
    )
    return CommittedPrice(on_demand, commitment, rates, False, basis, source, as_of)


def _plan_rates(on_demand: Price, commitment: Commitment, rate: Decimal) -> tuple[CommittedRate, ...]:
    """A Savings Plans rate, part of it paid at the start."""
    early = PLAN_UPFRONT_RATIO[commitment.payment]
    return _rates(
        on_demand, commitment, upfront=rate * early * commitment.hours, unit_price=rate * (1 - early)
    )


def _rates(
    on_demand: Price, commitment: Commitment, *, upfront: Decimal, unit_price: Decimal
) -> tuple[CommittedRate, ...]:
    return tuple(
        CommittedRate(tier.begin, tier.end, tier.list_unit_price, upfront, unit_price, commitment.hours)
        for tier in on_demand.tiers
    )


def _first(price: Price | None) -> Decimal:
    return Decimal(0) if price is None else price.tiers[0].list_unit_price


def _percent(ratio: Decimal) -> str:
    return f"{(100 * ratio).normalize():f} %"


def _not_in_book(query: PriceQuery) -> str:
    return (
        "the price book has no rate for it; with an AWS account, try: "
        f"costmodel prices refresh --service {query.service_code} --region {query.region_id}"
    )
