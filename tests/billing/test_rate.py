"""The till: tiers, allowances and their division, against arithmetic and against its own laws."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.billing.charge import Bill, Charge, to_cents
from costmodel.billing.focus import focus_rows
from costmodel.billing.rate import Biller, bill, share_out
from costmodel.billing.tariff import Tariff
from costmodel.demand.calendar import BillingPeriod
from costmodel.errors import AmbiguousPrice, PriceNotFound, UnitMismatch
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import FreeAllowance, Price, PriceQuery, PriceTier
from costmodel.services._base import Meter, Usage

NOVEMBER = BillingPeriod(2026, 11)
DECEMBER = BillingPeriod(2026, 12)
SHIPPED = PriceBook.shipped()


class Book:
    """A price book in memory."""

    def __init__(self, *prices: Price, allowances: tuple[FreeAllowance, ...] = ()) -> None:
        self._prices = {price.query: price for price in prices}
        self.allowances = allowances

    def price(self, query: PriceQuery) -> Price:
        if query not in self._prices:
            raise PriceNotFound(str(query))
        return self._prices[query]


def query(usage_type: str, region_id: str = "eu-west-1", term: str = "OnDemand") -> PriceQuery:
    return PriceQuery("Test", region_id, usage_type, term=term)


def price(of: PriceQuery, *steps: tuple[str, str], unit: str = "GB") -> Price:
    """A ladder from (begin, unit price) pairs."""
    begins = [Decimal(begin) for begin, _ in steps]
    tiers = tuple(
        PriceTier(begin, end, Decimal(unit_price))
        for begin, end, (_, unit_price) in zip(begins, [*begins[1:], None], steps, strict=True)
    )
    return Price(of, f"test {of.usage_type}", unit, tiers, "test list", "2026-11-01")


def allowance(
    quantity: str, *usage_types: str, per_region: bool = False, name: str = "free", unit: str = "GB"
) -> FreeAllowance:
    return FreeAllowance(
        name,
        "Test",
        frozenset(usage_types),
        unit,
        Decimal(quantity),
        per_region,
        "test free tier",
        "2026-10-01",
    )


def usage(
    of: PriceQuery,
    quantity: str | Decimal,
    resource_name: str = "web",
    period: BillingPeriod = NOVEMBER,
    unit: str = "GB",
    daily: np.ndarray | None = None,
) -> Usage:
    meter = Meter(of.usage_type, "Test Service", "Other", unit, of)
    if daily is None:
        daily = np.full(period.days, float(quantity) / period.days)
    return Usage(meter, resource_name, period, Decimal(quantity), daily, "as the test says")


CDN = query("DataTransfer-Out-Bytes", "edge:united_states")
LADDER = (("0", "0.085"), ("10240", "0.08"), ("51200", "0.06"))


def test_a_quantity_climbs_the_tiers() -> None:
    whole = bill([usage(CDN, "60000")], Book(price(CDN, *LADDER)), free_tier=True)
    assert [(c.x_tier_begin, c.pricing_quantity, c.list_unit_price) for c in whole.charges] == [
        (0, 10240, Decimal("0.085")),
        (10240, 40960, Decimal("0.08")),
        (51200, 8800, Decimal("0.06")),
    ]
    assert whole.billed_cost == Decimal("870.4") + Decimal("3276.8") + Decimal("528")


@pytest.mark.parametrize(
    ("quantity", "cost"),
    [("1024", "0"), ("1025", "0.085"), ("10240", "783.36"), ("10241", "783.44"), ("51200", "4060.16")],
)
def test_free_quantity_counts_towards_the_tiers(quantity: str, cost: str) -> None:
    book = Book(price(CDN, *LADDER), allowances=(allowance("1024", "DataTransfer-Out-Bytes"),))
    whole = bill([usage(CDN, quantity)], book, free_tier=True)
    assert whole.billed_cost == Decimal(cost)
    free = whole.charges[0]
    assert (free.x_free, free.pricing_quantity, free.list_unit_price) == (True, 1024, 0)
    assert (free.x_price_source, free.x_price_as_of) == ("test free tier", "2026-10-01")


def test_without_the_free_tier_everything_is_paid() -> None:
    book = Book(price(CDN, *LADDER), allowances=(allowance("1024", "DataTransfer-Out-Bytes"),))
    whole = bill([usage(CDN, "1024")], book, free_tier=False)
    assert whole.billed_cost == Decimal("87.04")
    assert not any(charge.x_free for charge in whole.charges)


def test_usages_of_one_price_share_its_tiers_in_proportion() -> None:
    whole = bill(
        [usage(CDN, "12288", "a"), usage(CDN, "4096", "b")], Book(price(CDN, *LADDER)), free_tier=True
    )
    assert [(c.resource_name, c.x_tier_begin, c.pricing_quantity) for c in whole.charges] == [
        ("a", 0, 7680),
        ("a", 10240, 4608),
        ("b", 0, 2560),
        ("b", 10240, 1536),
    ]


def test_tiers_and_allowances_start_anew_each_month() -> None:
    book = Book(price(CDN, *LADDER), allowances=(allowance("1024", "DataTransfer-Out-Bytes"),))
    usages = [usage(CDN, "10240", period=NOVEMBER), usage(CDN, "10240", period=DECEMBER)]
    assert bill(usages, book, free_tier=True).by("billing_period") == {
        "2026-11": Decimal("783.36"),
        "2026-12": Decimal("783.36"),
    }


def test_an_allowance_is_shared_over_regions_and_usage_types() -> None:
    x86, arm = query("Duration"), query("Duration-ARM", "us-east-1")
    book = Book(
        price(x86, ("0", "2")),
        price(arm, ("0", "1")),
        allowances=(allowance("40", "Duration", "Duration-ARM"),),
    )
    whole = bill([usage(x86, "300"), usage(arm, "100")], book, free_tier=True)
    assert [c.pricing_quantity for c in whole.charges if c.x_free] == [30, 10]
    assert whole.billed_cost == 270 * 2 + 90 * 1


def test_a_regional_allowance_is_not_shared() -> None:
    here, there = query("Storage"), query("Storage", "us-east-1")
    book = Book(
        price(here, ("0", "2")),
        price(there, ("0", "1")),
        allowances=(allowance("25", "Storage", per_region=True),),
    )
    whole = bill([usage(here, "30"), usage(there, "20")], book, free_tier=True)
    assert whole.billed_cost == 5 * 2
    assert [c.pricing_quantity for c in whole.charges if c.x_free] == [25, 20]


def test_a_price_below_two_allowances_is_refused() -> None:
    both = (allowance("1", "Storage", name="one"), allowance("1", "Storage", name="two"))
    storage = query("Storage")
    book = Book(price(storage, ("0", "2")), allowances=both)
    with pytest.raises(AmbiguousPrice, match="one, two"):
        bill([usage(storage, "3")], book, free_tier=True)
    assert bill([usage(storage, "3")], book, free_tier=False).billed_cost == 6


def test_reservations_are_committed_and_draw_on_no_allowance() -> None:
    reserved = query("Storage", term="Reserved 1yr No Upfront")
    book = Book(price(reserved, ("0", "2")), allowances=(allowance("25", "Storage"),))
    (charge,) = bill([usage(reserved, "30")], book, free_tier=True).charges
    assert (charge.pricing_category, charge.billed_cost) == ("Committed", 60)


def test_units_must_agree() -> None:
    hours = query("BoxUsage")
    with pytest.raises(UnitMismatch, match=r"counts GB, but .* per Hrs"):
        bill([usage(hours, "1")], Book(price(hours, ("0", "1"), unit="Hrs")), free_tier=True)
    with pytest.raises(UnitMismatch, match="Furlongs"):
        bill([usage(hours, "1")], Book(price(hours, ("0", "1"), unit="Furlongs")), free_tier=True)
    free = allowance("1", "BoxUsage", unit="GB")
    book = Book(price(hours, ("0", "1"), unit="Hrs"), allowances=(free,))
    with pytest.raises(UnitMismatch, match="free allowance free counts GB"):
        bill([usage(hours, "1", unit="Hours")], book, free_tier=True)


def test_a_missing_price_is_an_error_and_nothing_used_is_no_charge() -> None:
    with pytest.raises(PriceNotFound):
        bill([usage(CDN, "1")], Book(), free_tier=True)
    assert bill([usage(CDN, "0")], Book(), free_tier=True).charges == ()


def test_queries_with_the_same_answer_share_its_tiers() -> None:
    """A price book fills in an attribute that only one price has; the tiers are that price's."""
    full = PriceQuery("Test", "eu-west-1", "Storage", (("engine", "PostgreSQL"),))

    class Filling(Book):
        def price(self, query: PriceQuery) -> Price:
            return super().price(replace(query, attributes=full.attributes))

    book = Filling(price(full, ("0", "2"), ("100", "1")))
    usages = [usage(full, "100", "a"), usage(replace(full, attributes=()), "100", "b")]
    assert bill(usages, book, free_tier=True).by("resource_name") == {"a": 150, "b": 150}
    tariff = Tariff(book, free_tier=True)
    assert tariff.cost_usd([tariff.sketch([one]) for one in usages]) == 300


def test_cost_falls_on_the_days_that_used_it() -> None:
    daily = np.zeros(30)
    daily[[4, 5]] = 30.0, 10.0
    whole = bill([usage(CDN, "40", daily=daily)], Book(price(CDN, ("0", "0.5"))), free_tier=True)
    (charge,) = whole.charges
    assert charge.daily_cost[4] == pytest.approx(15)
    assert charge.daily_cost[5] == pytest.approx(5)
    assert charge.daily_cost.sum() == pytest.approx(20)
    assert not charge.daily_cost.flags.writeable


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0.005", "0.01"), ("0.0049", "0.00"), ("2.345", "2.35"), ("1e20", "100000000000000000000.00")],
)
def test_cents_round_half_up(amount: str, shown: str) -> None:
    assert str(to_cents(Decimal(amount))) == shown


def test_sums_stay_exact_beyond_28_digits() -> None:
    tiny, huge = query("tiny"), query("huge")
    book = Book(price(tiny, ("0", "0.0000000309")), price(huge, ("0", "1000000000")))
    whole = bill([usage(huge, "1e12"), usage(tiny, "0.000000001")], book, free_tier=True)
    assert whole.billed_cost == Decimal("1000000000000000000000.0000000000000000309")


# --- laws -----------------------------------------------------------------------------------

laws = settings(max_examples=60, deadline=None)
quantities = st.one_of(
    st.decimals(min_value=0, max_value=2000, places=9),
    st.integers(min_value=0, max_value=10**7).map(Decimal),
)
falling_ladders = st.lists(st.integers(1, 5000), min_size=0, max_size=4, unique=True).flatmap(
    lambda begins: st.lists(
        st.decimals(min_value=0, max_value=9, places=4), min_size=len(begins) + 1, max_size=len(begins) + 1
    ).map(
        lambda prices: tuple(
            (str(begin), str(unit_price))
            for begin, unit_price in zip([0, *sorted(begins)], sorted(prices, reverse=True), strict=True)
        )
    )
)
METERS = (query("a"), query("b"), query("b", "us-east-1"), query("c"))
ALLOWANCES = (allowance("700", "a", name="a-free"), allowance("1500.5", "b", name="b-free"))
"""One for a single price, one pooled over two regions; `c` has none."""

books = st.tuples(*[falling_ladders] * len(METERS)).map(
    lambda ladders: Book(
        *(price(of, *steps) for of, steps in zip(METERS, ladders, strict=True)), allowances=ALLOWANCES
    )
)
used = st.lists(
    st.builds(
        usage,
        st.sampled_from(METERS),
        quantities,
        st.sampled_from(["web", "api", "database"]),
        st.sampled_from([NOVEMBER, DECEMBER]),
    ),
    max_size=12,
)


@laws
@given(quantities, st.lists(quantities, min_size=1, max_size=8))
def test_shares_add_up_and_fit(amount: Decimal, rooms: list[Decimal]) -> None:
    total = sum(rooms, Decimal(0))
    if not total:
        return
    amount = min(amount, total)
    parts = share_out(amount, rooms, rooms)
    assert sum(parts, Decimal(0)) == amount
    for part, room in zip(parts, rooms, strict=True):
        assert 0 <= part <= room
        assert abs(part - amount * room / total) <= len(rooms) * Decimal("1e-9")


COUNTED = (query("x86"), query("arm"), query("edge"))
MILLION = allowance("1000000", "x86", "arm", "edge", name="requests", unit="Requests")


@laws
@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=len(COUNTED)))
def test_an_allowance_of_what_is_counted_is_shared_in_wholes(counts: list[int]) -> None:
    """In proportion, but for what rounding leaves over; and all that is free is granted."""
    book = Book(*(price(of, ("0", "0.2"), unit="Requests") for of in COUNTED), allowances=(MILLION,))
    usages = [usage(of, Decimal(count), unit="Requests") for of, count in zip(COUNTED, counts, strict=False)]
    free = [charge.pricing_quantity for charge in bill(usages, book, free_tier=True).charges if charge.x_free]
    granted = min(1_000_000, sum(counts))
    assert sum(free) == granted
    assert not any(quantity % 1 for quantity in free)
    shares = [quantity * granted / Decimal(sum(counts)) for quantity in counts]
    assert all(any(abs(part - share) < 1 for share in shares) for part in free)


@laws
@given(books, used, st.booleans())
def test_allocation_conserves_every_quantity(book: Book, usages: list[Usage], free_tier: bool) -> None:
    whole = bill(usages, book, free_tier=free_tier)
    for name in ("web", "api", "database"):
        for of in METERS:
            for period in (NOVEMBER, DECEMBER):
                went_in = sum(
                    u.consumed_quantity
                    for u in usages
                    if (u.resource_name, u.meter.query, u.billing_period) == (name, of, period)
                )
                came_out = sum(
                    c.consumed_quantity
                    for c in whole.charges
                    if (c.resource_name, c.sku_meter, c.region_id, c.billing_period)
                    == (name, of.usage_type, of.region_id, period)
                )
                assert came_out == went_in


@laws
@given(books, used, st.booleans())
def test_rows_sum_to_the_bill(book: Book, usages: list[Usage], free_tier: bool) -> None:
    whole = bill(usages, book, free_tier=free_tier)
    for charge in whole.charges:
        assert charge.list_cost == charge.list_unit_price * charge.pricing_quantity
        assert charge.pricing_quantity > 0
        assert charge.daily_cost.sum() == pytest.approx(float(charge.billed_cost))
    for field in (
        "service_name",
        "service_category",
        "resource_name",
        "region_id",
        "sku_meter",
        "billing_period",
    ):
        assert sum(whole.by(field).values(), Decimal(0)) == whole.billed_cost
    rows = focus_rows(whole, scenario_name="test")
    for column in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert sum((row[column] for row in rows), Decimal(0)) == whole.billed_cost


@laws
@given(books, used)
def test_together_never_costs_more_than_apart_when_prices_fall(book: Book, usages: list[Usage]) -> None:
    together = bill(usages, book, free_tier=False).billed_cost
    apart = sum((bill([one], book, free_tier=False).billed_cost for one in usages), Decimal(0))
    assert together <= apart


@laws
@given(books, used, st.data())
def test_the_order_of_usages_changes_no_sum(book: Book, usages: list[Usage], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(usages))
    one, other = bill(usages, book, free_tier=True), bill(shuffled, book, free_tier=True)
    assert one.billed_cost == other.billed_cost
    for field in ("resource_name", "sku_meter", "billing_period"):
        assert one.by(field) == other.by(field)


@laws
@given(books, used, used, st.booleans(), st.data())
def test_what_was_billed_before_changes_no_charge(
    book: Book, usages: list[Usage], others: list[Usage], free_tier: bool, data: st.DataObject
) -> None:
    biller = Biller(book, free_tier=free_tier)
    for asked in (others, usages, data.draw(st.permutations([*usages, *others[:2]])), usages):
        found, fresh = biller.bill(asked), bill(asked, book, free_tier=free_tier)
        assert list(map(told, found.charges)) == list(map(told, fresh.charges))


def told(charge: Charge) -> list[object]:
    """All that a charge says."""
    values = [getattr(charge, field.name) for field in fields(charge)]
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]


@laws
@given(books, used)
def test_the_free_tier_never_costs_more(book: Book, usages: list[Usage]) -> None:
    assert bill(usages, book, free_tier=True).billed_cost <= bill(usages, book, free_tier=False).billed_cost


@laws
@given(books, used, st.integers(0, 11), quantities)
def test_more_never_costs_less_without_a_pooled_allowance(
    book: Book, usages: list[Usage], at: int, extra: Decimal
) -> None:
    """A pool over prices can break this: growth of the cheap one draws the allowance off the dear one."""
    unpooled = Book(*book._prices.values(), allowances=ALLOWANCES[:1])
    more = [
        replace(u, consumed_quantity=u.consumed_quantity + extra) if place == at else u
        for place, u in enumerate(usages)
    ]
    for free_tier in (True, False):
        assert (
            bill(usages, unpooled, free_tier=free_tier).billed_cost
            <= bill(more, unpooled, free_tier=free_tier).billed_cost
        )


GEOGRAPHIES = ("united_states", "europe", "japan", "india", "south_america")


@laws
@given(st.lists(st.integers(0, 200_000), min_size=5, max_size=5), st.integers(0, 4), st.integers(1, 50_000))
def test_more_delivery_never_costs_less_with_aws_prices(amounts: list[int], at: int, extra: int) -> None:
    """The 1 TB of CloudFront is pooled over geographies, and small beside its tiers."""

    def cost(gigabytes: list[int]) -> Decimal:
        usages = [
            usage(PriceQuery("AmazonCloudFront", f"edge:{place}", "DataTransfer-Out-Bytes"), str(gb))
            for place, gb in zip(GEOGRAPHIES, gigabytes, strict=True)
        ]
        return bill(usages, SHIPPED, free_tier=True).billed_cost

    more = [gb + extra if place == at else gb for place, gb in enumerate(amounts)]
    assert cost(amounts) <= cost(more)


@laws
@given(books, st.lists(used, min_size=1, max_size=4), st.booleans())
def test_the_screening_cost_is_the_bill(book: Book, designs: list[list[Usage]], free_tier: bool) -> None:
    tariff = Tariff(book, free_tier=free_tier)
    quick = tariff.cost_usd([tariff.sketch(usages) for usages in designs])
    exact = bill([u for usages in designs for u in usages], book, free_tier=free_tier).billed_cost
    assert math.isclose(quick, exact, rel_tol=1e-9, abs_tol=1e-6)


def test_the_screening_cost_refuses_what_the_bill_refuses() -> None:
    hours = query("BoxUsage")
    tariff = Tariff(Book(price(hours, ("0", "1"), unit="Hrs")), free_tier=True)
    with pytest.raises(UnitMismatch):
        tariff.sketch([usage(hours, "1")])
    with pytest.raises(PriceNotFound):
        tariff.sketch([usage(CDN, "1")])


def test_focus_rows_have_the_mandatory_columns_and_exact_values() -> None:
    book = Book(price(CDN, *LADDER), allowances=(allowance("1024", "DataTransfer-Out-Bytes"),))
    rows = focus_rows(
        bill([usage(CDN, "10240", "delivery")], book, free_tier=True), scenario_name="shop", run_id="r1"
    )
    mandatory = [
        "BilledCost",
        "BillingAccountId",
        "BillingAccountName",
        "BillingCurrency",
        "BillingPeriodStart",
        "BillingPeriodEnd",
        "ChargeCategory",
        "ChargeClass",
        "ChargeDescription",
        "ChargePeriodStart",
        "ChargePeriodEnd",
        "ContractedCost",
        "EffectiveCost",
        "InvoiceIssuerName",
        "ListCost",
        "PricingQuantity",
        "PricingUnit",
        "ProviderName",
        "PublisherName",
        "ServiceCategory",
        "ServiceName",
    ]
    for row in rows:
        assert list(row)[: len(mandatory)] == mandatory
        nullable = {
            "BillingAccountName",
            "ChargeClass",
            "ChargeDescription",
            "PricingQuantity",
            "PricingUnit",
        }
        assert all(row[column] is not None for column in set(mandatory) - nullable)
        assert all(name.startswith("x_") or name[0].isupper() for name in row)
    free, paid = rows
    assert (free["x_Free"], free["BilledCost"], free["ListUnitPrice"]) == (True, 0, 0)
    assert (paid["x_Free"], paid["BilledCost"], paid["PricingQuantity"]) == (False, Decimal("783.36"), 9216)
    assert (paid["BillingPeriodStart"], paid["BillingPeriodEnd"]) == (
        "2026-11-01T00:00:00Z",
        "2026-12-01T00:00:00Z",
    )
    assert (paid["ResourceName"], paid["RegionId"], paid["x_RunId"]) == (
        "delivery",
        "edge:united_states",
        "r1",
    )


def test_an_empty_bill_costs_nothing() -> None:
    assert Bill(()).billed_cost == 0
    assert focus_rows(Bill(()), scenario_name="test") == []


def test_no_charge_is_for_a_part_of_a_request() -> None:
    """1 000 000 free requests over 1 000 085 and 85: 999 915.007 and 84.993 in proportion."""
    book = Book(
        price(query("Request"), ("0", "0.0000002"), unit="Requests"),
        allowances=(allowance("1000000", "Request", unit="Requests"),),
    )
    usages = [
        usage(query("Request"), amount, name, unit="Requests")
        for name, amount in (("api", "1000085"), ("rendering", "85"))
    ]
    whole = bill(usages, book, free_tier=True)
    assert all(charge.consumed_quantity % 1 == 0 for charge in whole.charges)
    assert whole.billed_cost == 170 * Decimal("0.0000002")
