"""Own rates: worked bills with their arithmetic, and the laws that hold for any rates and any usage."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.billing.charge import Bill, Charge, converted
from costmodel.billing.focus import focus_rows
from costmodel.billing.plain import PricedUsage, price_usage
from costmodel.billing.rate import bill
from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.billing.tariff import Tariff
from costmodel.demand.calendar import BillingPeriod
from costmodel.errors import AmbiguousOwnRate, PriceNotFound, UnitMismatch
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import FreeAllowance, Price, PriceQuery, PriceTier
from costmodel.scenario.rates_file import parse_rates_file
from costmodel.scenario.usage_file import parse_usage_file
from costmodel.services._base import Meter, Usage

SHIPPED = PriceBook.shipped()
D = Decimal
OCTOBER, NOVEMBER, DECEMBER = (BillingPeriod(2026, month) for month in (10, 11, 12))


def own(*discounts: str) -> OwnRates:
    listed = "".join(f"  - {{{discount}}}\n" for discount in discounts)
    file = parse_rates_file(f"name: Agreement\ndiscounts:\n{listed}", "rates.yaml")
    return OwnRates(file.name, "d1935", file.discounts, file.currency)


def priced(lines: str, rates: OwnRates, head: str = "") -> PricedUsage:
    text = f"period: 2026-11\n{head}\nusage:\n" + "".join(
        f"  - {{{line}}}\n" for line in lines.splitlines() if line
    )
    return price_usage(parse_usage_file(text, "usage.yaml"), SHIPPED, own_rates=rates)


M7G = 'service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1, quantity: 1440'
C7G = 'service: AmazonEC2, meter: "BoxUsage:c7g.large", region: us-east-1, quantity: 720'
RDS = 'service: AmazonRDS, meter: "Multi-AZUsage:db.t4g.medium", region: eu-west-1, attributes: {engine: PostgreSQL}, quantity: 720'
CDN = 'service: AmazonCloudFront, meter: DataTransfer-Out-Bytes, region: "edge:europe", quantity: 14336'
PLAN = "service: CloudFrontPlans, meter: Pro, region: global, term: FlatRate, quantity: 1"


# --- worked bills ---------------------------------------------------------------------------


RESERVED = 'meter: "InstanceUsage:db.m6g.12xl", region: eu-west-1, term: Reserved 3yr Partial Upfront'
HOURLY = f"service: AmazonRDS, {RESERVED}, attributes: {{engine: MySQL}}, quantity: 720"
FEE = f"service: AmazonRDS, {RESERVED}, attributes: {{engine: MySQL, fee: upfront}}, quantity: 2"


def test_an_own_price_by_the_hour_leaves_the_fee_of_its_reservation_alone() -> None:
    """720 h x 0.90 = 648 beside two fees of 24 375 at list; with a rate of its own, two of 20 000."""
    of = 'service: AmazonRDS, usage_type: "InstanceUsage:db.m6g.12xl", term: Reserved 3yr Partial Upfront'
    hourly = f"{of}, attributes: {{engine: MySQL}}, unit: Hrs, price: 0.90"
    fee = f"{of}, attributes: {{engine: MySQL, fee: upfront}}, unit: Quantity, price: 20000"
    assert [line.billed_cost for line in priced(f"{HOURLY}\n{FEE}", own(hourly)).lines] == [648, 48_750]
    assert [line.billed_cost for line in priced(f"{HOURLY}\n{FEE}", own(hourly, fee)).lines] == [648, 40_000]
    assert priced(f"{HOURLY}\n{FEE}", own(f"{of}, percent: 10")).billed_cost == D("0.9") * (
        D("667.8") + 48_750
    )


def test_a_percentage_off_a_service() -> None:
    """1440 h x 0.091 = 131.04 and 720 h x 0.0725 = 52.20, both less 5 %; RDS 720 h x 0.138 = 99.36 at list."""
    whole = priced(f"{M7G}\n{C7G}\n{RDS}", own("service: AmazonEC2, percent: 5"))
    assert [line.list_cost for line in whole.lines] == [D("131.04"), D("52.20"), D("99.36")]
    assert [line.billed_cost for line in whole.lines] == [D("124.488"), D("49.59"), D("99.36")]
    assert [line.rate_name for line in whole.lines] == ["AmazonEC2: 5 % off", "AmazonEC2: 5 % off", ""]


def test_a_family_before_its_service_and_nothing_on_top() -> None:
    """m7g less 12 %: 131.04 x 0.88 = 115.3152; c7g less 5 %: 52.20 x 0.95 = 49.59; db.t4g less 10 %: 99.36 x 0.9 = 89.424."""
    rates = own(
        "service: AmazonEC2, percent: 5",
        "service: AmazonEC2, family: m7g, percent: 12",
        "service: AmazonRDS, family: t4g, percent: 10",
    )
    assert [line.billed_cost for line in priced(f"{M7G}\n{C7G}\n{RDS}", rates).lines] == [
        D("115.3152"),
        D("49.59"),
        D("89.424"),
    ]


def test_a_region_before_none_and_a_usage_type_before_both() -> None:
    """m7g in Ireland: 7 % of the region; c7g in Virginia: 5 % of the service; then m7g.large by name at 20 %."""
    regional = ("service: AmazonEC2, percent: 5", "service: AmazonEC2, region: eu-west-1, percent: 7")
    lines = f"{M7G}\n{C7G}"
    assert [line.billed_cost for line in priced(lines, own(*regional)).lines] == [D("121.8672"), D("49.59")]
    named = 'service: AmazonEC2, usage_type: "BoxUsage:m7g.large", percent: 20'
    assert priced(lines, own(*regional, named)).lines[0].billed_cost == D("104.832")


def test_an_own_ladder_is_cut_where_either_ladder_has_a_step() -> None:
    """14 336 GB, 1 024 of them free. Own price: 0.06 to 5 120 GB, then 0.045. List: 0.085 to 10 240 GB, then 0.08.
    4 096 x 0.06 + 5 120 x 0.045 + 4 096 x 0.045 = 660.48; list 9 216 x 0.085 + 4 096 x 0.08 = 1 111.04."""
    tiers = "[{from: 0, price: 0.06}, {from: 5120, price: 0.045}]"
    rates = own(f"service: AmazonCloudFront, usage_type: DataTransfer-Out-Bytes, unit: GB, tiers: {tiers}")
    (line,) = priced(CDN, rates).lines
    steps = [(t.begin, t.quantity, t.list_unit_price, t.contracted_unit_price) for t in line.tiers]
    assert steps == [
        (0, 1024, 0, 0),
        (0, 4096, D("0.085"), D("0.06")),
        (5120, 5120, D("0.085"), D("0.045")),
        (10240, 4096, D("0.08"), D("0.045")),
    ]
    assert (line.billed_cost, line.list_cost) == (D("660.48"), D("1111.04"))


def test_a_rate_ends_with_its_last_day_inside_a_run() -> None:
    """100 GB at 0.09 a month from October to December: 10 % off in November alone: 9 + 8.1 + 9."""
    book = Book(price(CDN_QUERY, ("0", "0.09")))
    rates = own("service: Test, percent: 10, from: 2026-11-01, until: 2026-11-30")
    usages = [usage(CDN_QUERY, "100", period=period) for period in (OCTOBER, NOVEMBER, DECEMBER)]
    whole = bill(usages, book, free_tier=True, own_rates=rates)
    assert whole.by("billing_period") == {"2026-10": 9, "2026-11": D("8.1"), "2026-12": 9}
    assert [charge.x_rate_name for charge in whole.charges] == ["", rates.discounts[0].label, ""]


def test_one_rate_follows_another_without_a_gap() -> None:
    """5 % off until October, 10 % off from November: 100 x 0.09 x (0.95 + 0.9 + 0.9)."""
    book = Book(price(CDN_QUERY, ("0", "0.09")))
    rates = own(
        "service: Test, percent: 5, until: 2026-10-31", "service: Test, percent: 10, from: 2026-11-01"
    )
    usages = [usage(CDN_QUERY, "100", period=period) for period in (OCTOBER, NOVEMBER, DECEMBER)]
    assert bill(usages, book, free_tier=True, own_rates=rates).billed_cost == D("24.75")


def test_a_sku_before_its_usage_type() -> None:
    """100 GB at 0.09: the SKU's own price of 0.05 against 50 % off the usage type and 10 % off the service."""
    known = replace(price(CDN_QUERY, ("0", "0.09")), sku_id="ABC123")
    rates = own(
        "service: Test, percent: 10",
        "service: Test, usage_type: out, percent: 50",
        "service: Test, sku: ABC123, unit: GB, price: 0.05",
    )
    assert bill([usage(CDN_QUERY, "100")], Book(known), free_tier=True, own_rates=rates).billed_cost == 5
    other = replace(known, sku_id="")
    assert bill([usage(CDN_QUERY, "100")], Book(other), free_tier=True, own_rates=rates).billed_cost == D(
        "4.5"
    )


def test_commitments_need_their_term_named() -> None:
    """The plan costs 15 a month. A rate for the service leaves it; one that names FlatRate takes 4 % off: 14.40."""
    assert priced(PLAN, own("service: CloudFrontPlans, percent: 4")).billed_cost == 15
    assert priced(PLAN, own("service: CloudFrontPlans, term: FlatRate, percent: 4")).billed_cost == D("14.4")
    reserved = f"{M7G.replace('1440', '720')}, term: Reserved standard 1yr No Upfront"
    at_list = priced(reserved, NO_OWN_RATES).billed_cost
    named = 'service: AmazonEC2, usage_type: "BoxUsage:m7g.large", percent: 50'
    assert priced(reserved, own("service: AmazonEC2, percent: 50", named)).billed_cost == at_list
    exact = f"{named}, term: Reserved standard 1yr No Upfront"
    assert priced(reserved, own(exact)).billed_cost == at_list / 2


def test_the_free_part_stays_free_and_the_allowance_still_applies() -> None:
    """400 000 GB-s free, 100 000 left at 0.0000133334 less 10 %."""
    line = "service: AWSLambda, meter: Lambda-GB-Second-ARM, region: eu-west-1, quantity: 500000"
    (found,) = priced(line, own("service: AWSLambda, percent: 10")).lines
    assert found.billed_cost == 100000 * D("0.0000133334") * D("0.9")
    free, paid = found.tiers
    assert (free.free, free.quantity, free.billed_cost) == (True, 400000, 0)
    assert not paid.free


def test_a_rate_of_the_usage_file_is_final() -> None:
    """720 h at the file's own 0.08 = 57.60; 12 % off the family does not come off it, and is named as unused."""
    rate = f"rates: [{{{M7G.replace('quantity: 1440', 'unit: Hrs')}, tiers: [{{from: 0, price: 0.08}}]}}]"
    rates = own("service: AmazonEC2, family: m7g, percent: 12")
    whole = priced(M7G.replace("1440", "720"), rates, head=rate)
    assert whole.billed_cost == D("57.6")
    assert whole.unused_rates == ("AmazonEC2 family m7g: 12 % off",)


def test_a_currency_shows_the_total_at_the_stated_rate() -> None:
    """944.86 x 0.92 = 869.2712; half a cent up: 1 x 0.005 = 0.01."""
    assert converted(D("944.86"), D("0.92"), "EUR") == "869.27"
    assert converted(D(1), D("0.005"), "GBP") == "0.01"
    assert converted(D("1e9"), D("151.123456789"), "INR") == "151,123,456,789.00"


def test_a_fee_beside_the_total_is_told_at_own_rates_too() -> None:
    """10 % off 24 375 is 21 937.50, which is what its own line would be billed at."""
    line = (
        'service: AmazonRDS, meter: "InstanceUsage:db.m6g.12xl", region: eu-west-1, attributes: {engine: MySQL}, '
        "term: Reserved 3yr Partial Upfront, quantity: 720"
    )
    (told,) = priced(line, own("service: AmazonRDS, term: Reserved 3yr Partial Upfront, percent: 10")).lines
    assert told.contracted_fee_usd == D("21937.5")


def test_an_own_fee_beside_the_total_is_used_and_may_have_steps() -> None:
    line = (
        'service: AmazonRDS, meter: "InstanceUsage:db.m6g.12xl", region: eu-west-1, attributes: {engine: MySQL}, '
        "term: Reserved 3yr Partial Upfront, quantity: 720"
    )
    fee = (
        'service: AmazonRDS, usage_type: "InstanceUsage:db.m6g.12xl", attributes: {engine: MySQL, fee: upfront}, '
        "term: Reserved 3yr Partial Upfront, unit: Quantity, tiers: [{from: 0, price: 20000}, {from: 5, price: 19000}]"
    )
    result = priced(line, own(fee))
    assert [told.contracted_fee_usd for told in result.lines] == [20_000]
    assert result.unused_rates == ()


def test_a_currency_is_rounded_to_its_smallest_unit() -> None:
    """31.35 x 150.1 = 4,705.635 yen, which have no sen; 10 x 0.3075 = 3.075 dinars of 1,000 fils."""
    assert converted(D("31.35"), D("150.1"), "JPY") == "4,706"
    assert converted(D(10), D("0.3075"), "KWD") == "3.075"


ALB = "service: AWSELB, meter: LCUUsage, region: eu-west-1, attributes: {load_balancer: application}, quantity: 1000"
NLB = ALB.replace("application", "network")


def test_an_own_price_reprices_what_it_names_alone() -> None:
    """ALB at an own 0.001, NLB at AWS's 0.006 (snapshot, 2025-11-03)."""
    rates = own(
        "service: AWSELB, usage_type: LCUUsage, attributes: {load_balancer: application}, unit: LCU-Hrs, price: 0.001"
    )
    whole = priced(f"{ALB}\n{NLB}", rates)
    assert [line.billed_cost for line in whole.lines] == [1, 6]
    assert whole.lines[0].rate_name == "AWSELB usage type LCUUsage load_balancer=application: own price"


def test_an_own_price_that_fits_several_list_prices_is_refused() -> None:
    rates = own("service: AWSELB, usage_type: LCUUsage, unit: LCU-Hrs, price: 0.001")
    with pytest.raises(AmbiguousOwnRate, match=r"for which load_balancer .*load_balancer: application"):
        priced(ALB, rates)
    rates = own('service: AmazonRDS, usage_type: "Multi-AZUsage:db.t4g.medium", unit: Hrs, price: 0.001')
    with pytest.raises(AmbiguousOwnRate, match=r"for which engine .*engine: PostgreSQL"):
        priced(RDS, rates)


def test_a_percentage_may_name_attributes_and_the_one_with_more_of_them_counts() -> None:
    rates = own(
        "service: AmazonRDS, percent: 10", "service: AmazonRDS, attributes: {engine: PostgreSQL}, percent: 50"
    )
    mysql = RDS.replace("PostgreSQL", "MySQL")
    assert [line.billed_cost / line.list_cost for line in priced(f"{RDS}\n{mysql}", rates).lines] == [
        D("0.5"),
        D("0.9"),
    ]
    assert (
        priced(RDS, own("service: AmazonRDS, attributes: {engine: MySQL}, percent: 50")).lines[0].rate_name
        == ""
    )


def test_rates_that_fit_alike_are_refused() -> None:
    of = PriceQuery("Test", "eu-west-1", "out", (("colour", "red"), ("size", "large")))
    rates = own(
        "service: Test, attributes: {colour: red}, percent: 10",
        "service: Test, attributes: {size: large}, percent: 20",
    )
    listed = Price(of, "", "GB", (PriceTier(D(0), None, D(1)),), "test list", "2026-10-01")
    with pytest.raises(AmbiguousOwnRate, match="fit Test eu-west-1 out colour=red size=large alike"):
        rates.contracted(listed, NOVEMBER)


# --- units, names, columns ------------------------------------------------------------------


def test_an_own_price_in_another_unit_is_an_error_that_names_both() -> None:
    rates = own('service: AmazonEC2, usage_type: "BoxUsage:m7g.large", unit: GB, price: 0.05')
    with pytest.raises(
        UnitMismatch, match=r"own rate .*m7g.large: own price' is per GB, but .* per Hrs \(Hours\)"
    ):
        priced(M7G, rates)
    for unit in ("Hrs", "Hours"):
        rates = own(f'service: AmazonEC2, usage_type: "BoxUsage:m7g.large", unit: {unit}, price: 0.05')
        assert priced(M7G, rates).billed_cost == 72


def test_a_rate_that_matched_nothing_is_named() -> None:
    rates = own(
        "service: AmazonEC2, percent: 5",
        "service: AmazonEC2, family: m7gd, percent: 5",
        "service: AmazonEC2, family: m7g, percent: 5, until: 2026-10-31",
    )
    assert priced(M7G, rates).unused_rates == (
        "AmazonEC2 family m7gd: 5 % off",
        "AmazonEC2 family m7g: 5 % off until 2026-10-31",
    )


@pytest.mark.parametrize(
    ("meter", "family"),
    [
        ("EBS:VolumeUsage.gp3", "gp3"),
        ("RDS:GP3-Storage", "gp3"),
        ("NatGateway-Hours", "nat"),
    ],
)
def test_a_family_is_of_instances_only(meter: str, family: str) -> None:
    query = PriceQuery("Test", "eu-west-1", meter)
    rates = own(f"service: Test, family: {family}, percent: 50")
    assert (
        bill(
            [usage(query, "10")], Book(price(query, ("0", "1"))), free_tier=True, own_rates=rates
        ).billed_cost
        == 10
    )


def test_focus_rows_keep_list_beside_contracted_and_stay_in_dollars() -> None:
    rates = own("service: AmazonEC2, percent: 5")
    (row,) = focus_rows(priced(M7G, rates).bill, scenario_name="shop")
    assert (row["ListUnitPrice"], row["ListCost"]) == (D("0.091"), D("131.04"))
    assert (row["ContractedUnitPrice"], row["ContractedCost"]) == (D("0.08645"), D("124.488"))
    assert row["BilledCost"] == row["EffectiveCost"] == row["ContractedCost"]
    assert (row["x_RateName"], row["BillingCurrency"], row["PricingCategory"]) == (
        "AmazonEC2: 5 % off",
        "USD",
        "Standard",
    )
    assert not any(name.startswith("PricingCurrency") for name in row)


# --- laws -----------------------------------------------------------------------------------


class Book:
    """A price book in memory."""

    def __init__(self, *prices: Price, allowances: tuple[FreeAllowance, ...] = ()) -> None:
        self._prices = {price.query: price for price in prices}
        self.allowances = allowances

    def price(self, query: PriceQuery) -> Price:
        if query not in self._prices:
            raise PriceNotFound(str(query))
        return self._prices[query]


def price(of: PriceQuery, *steps: tuple[str, str]) -> Price:
    begins = [D(begin) for begin, _ in steps]
    tiers = tuple(
        PriceTier(begin, end, D(unit_price))
        for begin, end, (_, unit_price) in zip(begins, [*begins[1:], None], steps, strict=True)
    )
    return Price(of, f"test {of.usage_type}", "GB", tiers, "test list", "2026-10-01")


def usage(
    of: PriceQuery, quantity: str | Decimal, name: str = "web", period: BillingPeriod = NOVEMBER
) -> Usage:
    meter = Meter(of.usage_type, "Test Service", "Other", "GB", of)
    daily = np.full(period.days, float(quantity) / period.days)
    return Usage(meter, name, period, D(quantity), daily, "as the test says")


CDN_QUERY = PriceQuery("Test", "edge:europe", "out")
QUERIES = (
    PriceQuery("Test", "eu-west-1", "BoxUsage:m7g.large"),
    PriceQuery("Test", "us-east-1", "BoxUsage:m7g.large"),
    PriceQuery("Test", "eu-west-1", "out"),
    PriceQuery("Test", "eu-west-1", "out", term="FlatRate"),
    PriceQuery("Other", "eu-west-1", "in"),
)
ALLOWANCES = (
    FreeAllowance(
        "free", "Test", frozenset({"out", "BoxUsage:m7g.large"}), "GB", D(700), False, "test", "2026-10-01"
    ),
)
laws = settings(max_examples=60, deadline=None)
unit_prices = st.decimals(0, 9, places=4)
ladders = st.lists(st.integers(1, 5000), max_size=3, unique=True).flatmap(
    lambda begins: st.lists(unit_prices, min_size=len(begins) + 1, max_size=len(begins) + 1).map(
        lambda prices: tuple((str(b), str(p)) for b, p in zip([0, *sorted(begins)], prices, strict=True))
    )
)
books = st.tuples(*[ladders] * len(QUERIES)).map(
    lambda all_steps: Book(
        *(price(of, *steps) for of, steps in zip(QUERIES, all_steps, strict=True)), allowances=ALLOWANCES
    )
)
used = st.lists(
    st.builds(
        usage,
        st.sampled_from(QUERIES),
        st.one_of(st.decimals(0, 9000, places=9), st.integers(0, 10**6).map(D)),
        st.sampled_from(["web", "api"]),
        st.sampled_from([OCTOBER, NOVEMBER, DECEMBER]),
    ),
    max_size=10,
)
scopes = st.sampled_from(
    [
        "service: Test", "service: Test, region: eu-west-1", "service: Test, family: m7g", "service: Other",
        "service: Test, term: FlatRate", "service: Test, usage_type: out, region: eu-west-1", "service: Test, usage_type: out",
        'service: Test, usage_type: "BoxUsage:m7g.large"',
    ]
)  # fmt: skip
months = st.sampled_from(
    ["", ", from: 2026-11-01", ", until: 2026-11-30", ", from: 2026-11-01, until: 2026-11-30"]
)
percents = st.decimals(0, 100, places=3).map(lambda percent: f", percent: {percent}")
own_prices = ladders.map(
    lambda steps: ", unit: GB, tiers: [" + ", ".join(f"{{from: {b}, price: {p}}}" for b, p in steps) + "]"
)


def agreements(with_prices: bool) -> st.SearchStrategy[OwnRates]:
    """Own rates of any kind, at most one for a scope."""

    def rate(scope: str) -> st.SearchStrategy[str]:
        effects = st.one_of(percents, own_prices) if with_prices and "usage_type" in scope else percents
        return st.tuples(st.just(scope), effects, months).map("".join)

    return st.lists(scopes, unique=True, max_size=5).flatmap(
        lambda chosen: st.tuples(*map(rate, chosen)).map(lambda found: own(*found) if found else NO_OWN_RATES)
    )


def texts(whole: Bill) -> list[tuple[str, ...]]:
    fields = [name for name in Charge.__dataclass_fields__ if name != "daily_cost"]
    return [tuple(str(getattr(charge, name)) for name in fields) for charge in whole.charges]


@laws
@given(books, used, agreements(with_prices=False), st.booleans())
def test_a_percentage_never_raises_a_bill(
    book: Book, usages: list[Usage], rates: OwnRates, free: bool
) -> None:
    listed = bill(usages, book, free_tier=free)
    paid = bill(usages, book, free_tier=free, own_rates=rates)
    assert paid.billed_cost <= listed.billed_cost == paid.list_cost == listed.list_cost


@laws
@given(books, used, st.lists(scopes, unique=True, max_size=5), st.booleans())
def test_nothing_off_changes_nothing_but_the_name(
    book: Book, usages: list[Usage], chosen: list[str], free: bool
) -> None:
    rates = own(*(f"{scope}, percent: 0" for scope in chosen)) if chosen else NO_OWN_RATES
    paid = bill(usages, book, free_tier=free, own_rates=rates)
    unnamed = Bill(tuple(replace(charge, x_rate_name="") for charge in paid.charges))
    assert texts(unnamed) == texts(bill(usages, book, free_tier=free))


@laws
@given(books, used, agreements(with_prices=True), st.data())
def test_the_order_of_rates_does_not_matter(
    book: Book, usages: list[Usage], rates: OwnRates, data: st.DataObject
) -> None:
    shuffled = replace(rates, discounts=tuple(data.draw(st.permutations(rates.discounts))))
    one, other = (bill(usages, book, free_tier=True, own_rates=which) for which in (rates, shuffled))
    assert texts(one) == texts(other)
    assert sorted(rates.unused(one)) == sorted(shuffled.unused(other))


@laws
@given(books, used, agreements(with_prices=True), st.booleans())
def test_contracted_is_list_less_the_discounts_exactly(
    book: Book, usages: list[Usage], rates: OwnRates, free: bool
) -> None:
    whole = bill(usages, book, free_tier=free, own_rates=rates)
    discounts = [
        (charge.list_unit_price - charge.contracted_unit_price) * charge.pricing_quantity
        for charge in whole.charges
    ]
    assert whole.contracted_cost == whole.list_cost - sum(discounts, D(0))
    assert whole.list_cost == bill(usages, book, free_tier=free).list_cost
    for charge in whole.charges:
        assert charge.contracted_cost == charge.contracted_unit_price * charge.pricing_quantity >= 0
        assert charge.contracted_cost == charge.billed_cost == charge.effective_cost
        assert charge.x_rate_name or charge.contracted_unit_price == charge.list_unit_price
        assert not (charge.x_free and charge.contracted_cost)
        assert charge.daily_cost.sum() == pytest.approx(float(charge.billed_cost))
    consumed = sum((one.consumed_quantity for one in usages), D(0))
    assert sum((charge.consumed_quantity for charge in whole.charges), D(0)) == consumed


@laws
@given(books, st.lists(used, min_size=1, max_size=4), agreements(with_prices=True), st.booleans())
def test_the_screening_cost_is_the_bill_and_its_bound_lies_below(
    book: Book, designs: list[list[Usage]], rates: OwnRates, free: bool
) -> None:
    tariff = Tariff(book, free_tier=free, own_rates=rates)
    sketches = [tariff.sketch(usages) for usages in designs]
    exact = bill([u for usages in designs for u in usages], book, free_tier=free, own_rates=rates).billed_cost
    assert math.isclose(tariff.cost_usd(sketches), exact, rel_tol=1e-9, abs_tol=1e-6)
    for sketch in sketches:
        assert tariff.least_usd([sketch]) <= tariff.cost_usd([sketch]) * (1 + 1e-9) + 1e-6


@laws
@given(books, st.lists(used, min_size=2, max_size=4), ladders)
def test_parts_that_share_an_agreed_ladder_are_bounded_by_its_cheapest_step(
    book: Book, designs: list[list[Usage]], steps: tuple[tuple[str, str], ...]
) -> None:
    tiers = ", ".join(f"{{from: {begin}, price: {unit_price}}}" for begin, unit_price in steps)
    rates = own(f"service: Test, usage_type: out, unit: GB, tiers: [{tiers}]")
    only = [[u for u in usages if u.meter.query == QUERIES[2]] for usages in designs]
    tariff = Tariff(book, free_tier=False, own_rates=rates)
    sketches = [tariff.sketch(usages) for usages in only]
    least = sum(tariff.least_usd([sketch]) for sketch in sketches)
    assert least <= tariff.cost_usd(sketches) * (1 + 1e-9) + 1e-6


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_a_rate_covers_the_months_between_its_days(day: date) -> None:
    (rate,) = own("service: Test, percent: 1, from: 2026-04-01, until: 2027-02-28").discounts
    first = day.replace(day=1)
    assert rate.covers_month(first) == (date(2026, 4, 1) <= first < date(2027, 2, 28) + timedelta(days=1))
