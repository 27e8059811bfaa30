"""Commitments as prices: worked arithmetic for each kind, what is inferred, what is absent and why."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws.books import book_of, price
from costmodel.errors import PriceCacheCorrupt
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import (
    PLAN_UPFRONT_RATIO,
    TERMS,
    Commitment,
    CommitmentKind,
    Commitments,
    CommittedRate,
    Payment,
    bundle_credits,
    commitments,
    flat_rate_plans,
    offers,
    plan_of,
)
from costmodel.pricing.discounts import plan_discounts
from costmodel.pricing.price import ON_DEMAND, PriceQuery
from costmodel.pricing.snapshot import PLAN_ALLOWANCES, SAVINGS_PLANS

BOOK = PriceBook.shipped()
NO, PARTIAL, ALL = Payment.NO_UPFRONT, Payment.PARTIAL_UPFRONT, Payment.ALL_UPFRONT
STANDARD = CommitmentKind.STANDARD_RESERVATION
CONVERTIBLE = CommitmentKind.CONVERTIBLE_RESERVATION
INSTANCE_PLAN = CommitmentKind.INSTANCE_PLAN
COMPUTE_PLAN = CommitmentKind.COMPUTE_PLAN
DATABASE = CommitmentKind.DATABASE_RESERVATION
DATABASE_PLAN = CommitmentKind.DATABASE_PLAN
CAPACITY = CommitmentKind.DYNAMODB_CAPACITY
BUNDLE = CommitmentKind.SECURITY_BUNDLE
MYSQL, AURORA = (("engine", "MySQL"),), (("engine", "Aurora MySQL"),)
M5 = price("AmazonEC2", "BoxUsage:m5.large", "0.096")


def found(service_code, usage_type, attributes=(), region_id="us-east-1") -> Commitments:
    return commitments(BOOK, BOOK.price(PriceQuery(service_code, region_id, usage_type, attributes)))


def rounded(value: Decimal, digits: int = 10) -> Decimal:
    return round(value, digits)


def places(figure: str) -> int:
    return len(figure.partition(".")[2])


def one(of: Commitments, kind, years, payment):
    (offer,) = [offer for offer in of.offers if offer.commitment == Commitment(kind, years, payment)]
    return offer


def reason(of: Commitments, kind, years, payment) -> str:
    (absent,) = [absent for absent in of.absent if absent.commitment == Commitment(kind, years, payment)]
    return absent.reason


@pytest.mark.parametrize(
    ("usage", "commitment", "upfront", "unit_price", "effective", "saving_percent"),
    [
        # EC2 m7g.large in us-east-1: 0.0816 on demand. 1 - 0.054 / 0.0816 = 33.82 %.
        (("AmazonEC2", "BoxUsage:m7g.large"), (STANDARD, 1, NO), "0", "0.054", "0.054", "33.82"),
        # 1 - 0.037 / 0.0816 = 54.66 %.
        (("AmazonEC2", "BoxUsage:m7g.large"), (STANDARD, 3, NO), "0", "0.037", "0.037", "54.66"),
        # 1 - 0.0599 / 0.0816 = 26.59 %.
        (("AmazonEC2", "BoxUsage:m7g.large"), (CONVERTIBLE, 1, NO), "0", "0.0599", "0.0599", "26.59"),
        # 1 - 0.0414 / 0.0816 = 49.26 %.
        (("AmazonEC2", "BoxUsage:m7g.large"), (CONVERTIBLE, 3, NO), "0", "0.0414", "0.0414", "49.26"),
        # The EC2 Instance Savings Plan is taken to cost what the standard reservation costs.
        (("AmazonEC2", "BoxUsage:m7g.large"), (INSTANCE_PLAN, 3, NO), "0", "0.037", "0.037", "54.66"),
        # The Compute Savings Plan is taken to cost what the convertible reservation costs.
        (("AmazonEC2", "BoxUsage:m7g.large"), (COMPUTE_PLAN, 1, NO), "0", "0.0599", "0.0599", "26.59"),
        # RDS MySQL db.m7g.large: 0.168 on demand. 1 - 0.1297 / 0.168 = 22.80 %.
        (
            ("AmazonRDS", "InstanceUsage:db.m7g.large", MYSQL),
            (DATABASE, 1, NO),
            *("0", "0.1297", "0.1297", "22.80"),
        ),
        # Fee of 1 218 over 3 x 8 760 = 26 280 hours: 0.0463470320 + 0.0463 = 0.0926470320.
        (
            ("AmazonRDS", "InstanceUsage:db.m7g.large", MYSQL),
            (DATABASE, 3, PARTIAL),
            *("1218", "0.0463", "0.0926470320", "44.85"),
        ),
        # Multi-AZ: 2 435 / 26 280 + 0.0927 = 0.0926560122 + 0.0927; 0.337 on demand.
        (
            ("AmazonRDS", "Multi-AZUsage:db.m7g.large", MYSQL),
            (DATABASE, 3, PARTIAL),
            *("2435", "0.0927", "0.1853560122", "45.00"),
        ),
        # Database Savings Plan on generation 7: 0.337 x 0.80.
        (
            ("AmazonRDS", "Multi-AZUsage:db.m7g.large", MYSQL),
            (DATABASE_PLAN, 1, NO),
            *("0", "0.2696", "0.2696", "20.00"),
        ),
        # Aurora db.r7g.large: 0.276 x 0.80.
        (
            ("AmazonRDS", "InstanceUsage:db.r7g.large", AURORA),
            (DATABASE_PLAN, 1, NO),
            *("0", "0.2208", "0.2208", "20.00"),
        ),
        # Aurora Serverless v2: an ACU-hour at 0.12 x 0.65, I/O-Optimized at 0.16 x 0.65.
        (
            ("AmazonRDS", "Aurora:ServerlessV2Usage", AURORA),
            (DATABASE_PLAN, 1, NO),
            *("0", "0.0780", "0.0780", "35.00"),
        ),
        (
            ("AmazonRDS", "Aurora:ServerlessV2IOOptimizedUsage", AURORA),
            (DATABASE_PLAN, 1, NO),
            *("0", "0.1040", "0.1040", "35.00"),
        ),
        # DynamoDB on-demand write: 0.000000625 x 0.82.
        (
            ("AmazonDynamoDB", "WriteRequestUnits"),
            (DATABASE_PLAN, 1, NO),
            *("0", "0.0000005125", "0.0000005125", "18.00"),
        ),
        # DynamoDB provisioned read: 0.00013 x 0.88.
        (
            ("AmazonDynamoDB", "ReadCapacityUnit-Hrs"),
            (DATABASE_PLAN, 1, NO),
            *("0", "0.0001144", "0.0001144", "12.00"),
        ),
        # Lambda x86 duration, low end of the range: 0.0000166667 x 0.88.
        (
            ("AWSLambda", "Lambda-GB-Second"),
            (COMPUTE_PLAN, 1, NO),
            *("0", "0.000014666696", "0.000014666696", "12.00"),
        ),
    ],
)
def test_worked_rates_of_the_snapshot(usage, commitment, upfront, unit_price, effective, saving_percent):
    offer = one(found(*usage), *commitment)
    assert offer.upfront == Decimal(upfront)
    assert offer.unit_price == Decimal(unit_price)
    assert rounded(offer.effective_unit_price, places(effective)) == Decimal(effective)
    assert round(100 * offer.saving_ratio, 2) == Decimal(saving_percent)


@pytest.mark.parametrize(
    ("term", "fee", "hourly", "commitment", "effective"),
    [
        # 263 / 8 760 = 0.0300228311; + 0.030.
        ("Reserved standard 1yr Partial Upfront", "263", "0.030", (STANDARD, 1, PARTIAL), "0.0600228311"),
        # 505 / 8 760 = 0.0576484018; all of it at the start.
        ("Reserved standard 1yr All Upfront", "505", "0", (STANDARD, 1, ALL), "0.0576484018"),
        # 548 / 26 280 = 0.0208523592; + 0.021.
        ("Reserved standard 3yr Partial Upfront", "548", "0.021", (STANDARD, 3, PARTIAL), "0.0418523592"),
        # 1 222 / 26 280 = 0.0464992390.
        ("Reserved convertible 3yr All Upfront", "1222", "0", (CONVERTIBLE, 3, ALL), "0.0464992390"),
    ],
)
def test_worked_upfront_reservations(tmp_path, term, fee, hourly, commitment, effective):
    book = book_of(
        tmp_path,
        M5,
        price("AmazonEC2", "BoxUsage:m5.large", hourly, term=term),
        price(
            "AmazonEC2",
            "BoxUsage:m5.large",
            fee,
            term=term,
            unit="Quantity",
            attributes=(("fee", "upfront"),),
        ),
    )
    offer = one(commitments(book, M5), *commitment)
    assert (offer.upfront, offer.unit_price) == (Decimal(fee), Decimal(hourly))
    assert rounded(offer.effective_unit_price) == Decimal(effective)
    assert offer.rates[0].total_over_term == Decimal(fee) + Decimal(hourly) * offer.commitment.hours
    assert offer.published


@pytest.mark.parametrize(
    ("payment", "upfront", "unit_price"),
    [
        (NO, "0", "0.084"),
        # Half of 0.084 x 26 280 hours at the start, the other half hour by hour.
        (PARTIAL, "1103.76", "0.042"),
        # 0.084 x 26 280 hours.
        (ALL, "2207.52", "0"),
    ],
)
def test_worked_savings_plans_by_payment(tmp_path, payment, upfront, unit_price):
    term = f"SavingsPlan Compute 3yr {payment}"
    book = book_of(tmp_path, M5, price("AmazonEC2", "BoxUsage:m5.large", "0.084", term=term))
    offer = one(commitments(book, M5), COMPUTE_PLAN, 3, payment)
    assert (offer.upfront, offer.unit_price) == (Decimal(upfront), Decimal(unit_price))
    assert offer.effective_unit_price == Decimal("0.084")
    assert offer.saving_ratio == Decimal("0.125")
    assert offer.published


@pytest.mark.parametrize(
    ("usage_type", "unit", "on_demand", "years", "fee", "hourly", "effective", "saving_percent"),
    [
        # 0.339 / 8 760 + 0.000029
        ("Read", "ReadCapacityUnit-Hrs", "0.000147", 1, "0.339", "0.000029", "0.0000676986", "53.95"),
        # 0.4068 / 26 280 + 0.000018
        ("Read", "ReadCapacityUnit-Hrs", "0.000147", 3, "0.4068", "0.000018", "0.0000334795", "77.22"),
        # 1.695 / 8 760 + 0.000145
        ("Write", "WriteCapacityUnit-Hrs", "0.000735", 1, "1.695", "0.000145", "0.0003384932", "53.95"),
        # 2.034 / 26 280 + 0.000092
        ("Write", "WriteCapacityUnit-Hrs", "0.000735", 3, "2.034", "0.000092", "0.0001693973", "76.95"),
    ],
)
def test_worked_dynamodb_capacity(
    tmp_path, usage_type, unit, on_demand, years, fee, hourly, effective, saving_percent
):
    """Figures of eu-west-1, AWS price list of 2025-08-28; AWS states up to 54 and 77 % for it."""
    name, term = f"{usage_type}CapacityUnit-Hrs", f"Reserved standard {years}yr Heavy Utilization"
    listed = price("AmazonDynamoDB", name, on_demand, unit=unit)
    paid_once = price(
        "AmazonDynamoDB", name, fee, term=term, unit="Quantity", attributes=(("fee", "upfront"),)
    )
    book = book_of(tmp_path, listed, price("AmazonDynamoDB", name, hourly, term=term, unit=unit), paid_once)
    offer = one(commitments(book, listed), CAPACITY, years, PARTIAL)
    assert rounded(offer.effective_unit_price) == Decimal(effective)
    assert round(100 * offer.saving_ratio, 2) == Decimal(saving_percent)
    assert offer.published


def test_every_tier_of_cloudfront_costs_less_by_the_same_share():
    offer = one(
        found("AmazonCloudFront", "DataTransfer-Out-Bytes", region_id="edge:europe"), BUNDLE, 1, "Monthly"
    )
    assert [(int(rate.begin), f"{rate.unit_price.normalize():f}") for rate in offer.rates] == [
        (0, "0.0595"), (10240, "0.056"), (51200, "0.042"), (153600, "0.028"),
        (512000, "0.021"), (1048576, "0.0175"), (5242880, "0.014"),
    ]  # fmt: skip
    assert {rate.saving_ratio for rate in offer.rates} == {Decimal("0.30")}
    assert not offer.published


def test_the_bundle_as_aws_works_it_out():
    credits = bundle_credits(Decimal(100))
    assert (credits.cloudfront_usd, credits.waf_usd) == (Decimal("142.86"), Decimal("10.00"))


def test_inferred_database_rates_are_those_of_the_real_price_list():
    """AWSDatabaseSavingsPlans of ap-south-2, 2026-04-22, where its list prices equal those of ap-south-1."""
    for usage_type, attributes, rate in (
        ("Multi-AZUsage:db.r7g.2xl", MYSQL, "1.7408"),
        ("WriteRequestUnits", (), "0.0000005822"),
        ("IA-WriteCapacityUnit-Hrs", (), "0.0008184"),
    ):
        service_code = "AmazonRDS" if attributes else "AmazonDynamoDB"
        offer = one(found(service_code, usage_type, attributes, "ap-south-1"), DATABASE_PLAN, 1, NO)
        assert offer.unit_price == Decimal(rate)
        assert "measured in one price list" in offer.basis
        assert (offer.published, offer.as_of) == (False, "2026-04-22")


def test_an_inferred_rate_says_what_it_rests_on():
    offer = one(found("AmazonEC2", "BoxUsage:m7g.large"), COMPUTE_PLAN, 1, NO)
    assert not offer.published
    assert offer.basis == "Compute Savings Plan rate taken to equal the convertible reserved instance"
    assert (offer.source, offer.as_of) == ("ec2.shop@74c9fd8:ec2-reserved", "2025-04-04")


def test_a_published_rate_wins_over_an_inference(tmp_path):
    reserved = price("AmazonEC2", "BoxUsage:m5.large", "0.061", term="Reserved standard 1yr No Upfront")
    published = price(
        "AmazonEC2", "BoxUsage:m5.large", "0.0605", term="SavingsPlan EC2 Instance 1yr No Upfront"
    )
    inferred = one(commitments(book_of(tmp_path / "1", M5, reserved), M5), INSTANCE_PLAN, 1, NO)
    assert (inferred.unit_price, inferred.published) == (Decimal("0.061"), False)
    told = one(commitments(book_of(tmp_path / "2", M5, reserved, published), M5), INSTANCE_PLAN, 1, NO)
    assert (told.unit_price, told.published) == (Decimal("0.0605"), True)


def test_upfront_options_that_the_book_lacks_are_absent_with_the_next_step():
    of = found("AmazonEC2", "BoxUsage:m7g.large")
    assert reason(of, STANDARD, 1, PARTIAL) == (
        "the price book has no rate for it; with an AWS account, try: "
        "costmodel prices refresh --service AmazonEC2 --region us-east-1"
    )
    assert reason(of, COMPUTE_PLAN, 3, ALL).startswith(
        "no Savings Plans rate, and no convertible reserved instance rate to infer it from"
    )
    assert len(of.offers) + len(of.absent) == 4 * 6


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("0.030", "Hrs", ())], "its hourly rate but not its upfront fee"),
        ([("263", "Quantity", (("fee", "upfront"),))], "its upfront fee but not its hourly rate"),
        (
            [("0.5", "GB", ()), ("263", "Quantity", (("fee", "upfront"),))],
            "the price book's rate counts in GB, not in Hrs",
        ),
    ],
)
def test_half_a_reservation_is_none(tmp_path, rows, told):
    term = "Reserved standard 1yr Partial Upfront"
    listed = [
        price("AmazonEC2", "BoxUsage:m5.large", figure, term=term, unit=unit, attributes=attributes)
        for figure, unit, attributes in rows
    ]
    of = commitments(book_of(tmp_path, M5, *listed), M5)
    assert told in reason(of, STANDARD, 1, PARTIAL)
    assert "to infer it from" in reason(of, INSTANCE_PLAN, 1, PARTIAL)


def test_what_database_plans_leave_out_is_absent_with_the_reason():
    t4g = found("AmazonRDS", "InstanceUsage:db.t4g.medium", MYSQL)
    assert reason(t4g, DATABASE_PLAN, 1, NO) == "Database Savings Plans do not cover T classes"
    m6g = found("AmazonRDS", "InstanceUsage:db.m6g.large", MYSQL)
    assert reason(m6g, DATABASE_PLAN, 1, NO) == "Database Savings Plans cover generation 7 and newer"
    capacity = found("AmazonDynamoDB", "WriteCapacityUnit-Hrs")
    assert "no rate for it" in reason(capacity, CAPACITY, 1, PARTIAL)


def test_lambda_has_a_range_and_one_offer_at_its_low_end():
    of = found("AWSLambda", "Lambda-Provisioned-Concurrency-ARM")
    (offer,) = of.offers
    assert (offer.saving_ratio, offer.saving_up_to_ratio) == (Decimal("0.12"), Decimal("0.17"))
    assert "12 % to 17 %" in offer.basis
    assert len(of.absent) == 5
    assert all("only the range" in absent.reason for absent in of.absent)


def test_a_published_lambda_rate_leaves_the_range_behind(tmp_path):
    listed = price("AWSLambda", "Lambda-GB-Second", "0.0000166667", unit="Lambda-GB-Second")
    rate = price(
        "AWSLambda",
        "Lambda-GB-Second",
        "0.0000138334",
        unit="Lambda-GB-Second",
        term="SavingsPlan Compute 3yr All Upfront",
    )
    offer = one(commitments(book_of(tmp_path, listed, rate), listed), COMPUTE_PLAN, 3, ALL)
    assert offer.published
    assert offer.saving_up_to_ratio is None
    assert offer.effective_unit_price == Decimal("0.0000138334")


@pytest.mark.parametrize(
    "usage",
    [
        ("AmazonEC2", "EBS:VolumeUsage.gp3"),
        ("AmazonEC2", "NatGateway-Hours"),
        ("AWSLambda", "Request"),
        ("AWSLambda", "Lambda-Storage-GB-Second"),
        ("AmazonDynamoDB", "TimedStorage-ByteHrs"),
        ("AmazonS3", "TimedStorage-ByteHrs"),
        ("awskms", "KMS-Keys"),
    ],
)
def test_nothing_covers_these(usage):
    assert found(*usage) == Commitments((), ())


def test_decoys_in_the_book_are_left_alone(tmp_path):
    """Other engines, terms nobody sells, and a reservation that is not an on-demand price itself."""
    listed = price("AmazonRDS", "InstanceUsage:db.m7g.large", "0.168", attributes=MYSQL)
    other = price(
        "AmazonRDS",
        "InstanceUsage:db.m7g.large",
        "0.001",
        term="Reserved 1yr No Upfront",
        attributes=(("engine", "PostgreSQL"),),
    )
    light = price(
        "AmazonRDS", "InstanceUsage:db.m7g.large", "0.002", term="Reserved 1yr Light Use", attributes=MYSQL
    )
    book = book_of(tmp_path, listed, other, light)
    of = commitments(book, listed)
    assert [offer.commitment.kind for offer in of.offers] == [DATABASE_PLAN]
    assert commitments(book, other) == Commitments((), ())


def test_a_term_the_book_has_beyond_what_we_know_is_offered_too(tmp_path):
    listed = price("AmazonRDS", "InstanceUsage:db.m7g.large", "0.168", attributes=MYSQL)
    rate = price(
        "AmazonRDS", "InstanceUsage:db.m7g.large", "0.1", term="Reserved 3yr No Upfront", attributes=MYSQL
    )
    assert one(commitments(book_of(tmp_path, listed, rate), listed), DATABASE, 3, NO).unit_price == Decimal(
        "0.1"
    )


def test_without_its_table_an_inference_is_an_error(tmp_path):
    listed = price("AmazonRDS", "InstanceUsage:db.m7g.large", "0.168", attributes=MYSQL)
    with pytest.raises(PriceCacheCorrupt, match=r"does not list savings_plans\.csv"):
        offers(book_of(tmp_path, listed, without=SAVINGS_PLANS), listed)


def test_over_the_whole_snapshot_every_offer_saves_and_adds_up():
    """True of this snapshot: no on-demand price fell below a commitment since the commitments were read."""
    most = {
        "ComputeSP": next(
            d for d in plan_discounts(BOOK) if (d.plan, d.term) == ("ComputeSP", "SavingsPlan up to")
        ),
        "EC2InstanceSP": next(d for d in plan_discounts(BOOK) if d.plan == "EC2InstanceSP"),
    }
    checked = 0
    for listed in BOOK.prices():
        for offer in offers(BOOK, listed):
            for rate in offer.rates:
                assert 0 < rate.saving_ratio < 1, offer
                assert rate.total_over_term == rate.upfront + rate.unit_price * offer.commitment.hours
            if offer.commitment.kind is COMPUTE_PLAN:
                assert offer.saving_ratio <= most["ComputeSP"].saving_ratio
            if offer.commitment.kind is INSTANCE_PLAN:
                assert offer.saving_ratio <= most["EC2InstanceSP"].saving_ratio
            assert listed.query.term == ON_DEMAND
            assert [(r.begin, r.end) for r in offer.rates] == [(t.begin, t.end) for t in listed.tiers]
            checked += 1
    assert checked > 19_000


money = st.decimals("0", "100000", places=6)


@given(
    fee=money, hourly=money, on_demand=st.decimals("0.000001", "100", places=6), years=st.sampled_from((1, 3))
)
def test_fee_and_hours_add_up_exactly(fee, hourly, on_demand, years):
    hours = Commitment(STANDARD, years, PARTIAL).hours
    assert hours == 8760 * years
    rate = CommittedRate(Decimal(0), None, on_demand, fee, hourly, hours)
    assert rate.total_over_term == fee + hourly * hours
    assert abs(rate.effective_unit_price * hours - rate.total_over_term) < Decimal("1e-15")
    assert (rate.saving_ratio > 0) == (rate.effective_unit_price < on_demand)


@given(
    rate=st.decimals("0.000001", "50", places=6),
    years=st.sampled_from((1, 3)),
    payment=st.sampled_from((NO, PARTIAL, ALL)),
)
def test_a_savings_plan_costs_its_rate_however_it_is_paid(rate, years, payment):
    early = PLAN_UPFRONT_RATIO[payment]
    hours = 8760 * years
    paid = CommittedRate(Decimal(0), None, Decimal(1), rate * early * hours, rate * (1 - early), hours)
    assert paid.total_over_term == rate * hours
    assert paid.effective_unit_price == rate


def test_flat_rate_plans_cost_what_the_price_list_says():
    plans = {plan.allowances.plan: plan for plan in flat_rate_plans(BOOK)}
    assert {name: int(plan.monthly_price) for name, plan in plans.items()} == {
        "Free": 0, "Pro": 15, "Business": 200, "Premium": 1000, "Premium 50 TB": 1000, "Premium 75 TB": 1450,
        "Premium 125 TB": 2250, "Premium 200 TB": 3500, "Premium 350 TB": 6000, "Premium 600 TB": 10000,
    }  # fmt: skip
    largest = plans["Premium 600 TB"].allowances
    assert (largest.requests, largest.transfer_gb) == (6_000_000_000, 614_400)
    assert (largest.dns_queries, largest.storage_gb) == (100_000_000, 5_120)
    assert plan_of(BOOK, plans["Pro"].price) == plans["Pro"]
    assert plan_of(BOOK, BOOK.price(PriceQuery("awskms", "us-east-1", "KMS-Keys"))) is None


def test_a_plan_without_its_figures_is_an_error(tmp_path):
    listed = price("CloudFrontPlans", "Pro", "15", term="FlatRate", unit="Mo", region_id="global")
    with pytest.raises(PriceCacheCorrupt, match=r"does not list plan_allowances\.csv"):
        flat_rate_plans(book_of(tmp_path, listed, without=PLAN_ALLOWANCES))


def test_every_kind_has_its_terms():
    assert set(TERMS) == set(CommitmentKind)
    for terms in TERMS.values():
        assert terms.covers
        assert terms.sentence.endswith(".")
        assert any(year in terms.source for year in ("2021", "2023", "2026"))
