"""Relations between prices: AWS's own keep them all, and each kind of lie breaks one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from aws.books import book_of
from costmodel.errors import ImplausiblePrice
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import CommitmentKind, commitment_of
from costmodel.pricing.discounts import plan_discounts
from costmodel.pricing.newcomers import effective_unit_price
from costmodel.pricing.plausible import PLAN_SAVINGS, plan_shares
from costmodel.pricing.price import ON_DEMAND, RESERVED, UPFRONT_FEE, Price, PriceQuery
from costmodel.pricing.relations import (
    FEE_SHARES,
    MEASURED_SHARES,
    Relation,
    broken,
    refuse_newly_broken,
    relations,
)
from costmodel.pricing.verify import PriceFinding, Severity, verify

SHIPPED = {price.query: price for price in PriceBook.shipped().prices()}
REGION = "eu-west-1"
HELD = [price for query, price in SHIPPED.items() if query.region_id == REGION]
EC2, RDS, ELB = "AmazonEC2", "AmazonRDS", "AWSELB"

Lie = Callable[[Price], Price]


def times(price: Price, factor: str) -> Price:
    tiers = (replace(of, list_unit_price=of.list_unit_price * Decimal(factor)) for of in price.tiers)
    return replace(price, tiers=tuple(tiers))


def reserved(service_code: str, factor: str) -> Lie:
    def lie(price: Price) -> Price:
        of_it = price.query.service_code == service_code and price.query.term.startswith(RESERVED)
        return times(price, factor) if of_it else price

    return lie


def swapped(one: str, other: str, service_code: str) -> Lie:
    """What is called the one is called the other, and the other way round."""

    def instead(text: str) -> str:
        return text.replace(one, "\0").replace(other, one).replace("\0", other)

    def lie(price: Price) -> Price:
        query = price.query
        if query.service_code != service_code:
            return price
        attributes = tuple((name, instead(value)) for name, value in query.attributes)
        said = replace(
            query, term=instead(query.term), usage_type=instead(query.usage_type), attributes=attributes
        )
        return replace(price, query=said)

    return lie


def fee_twice(price: Price) -> Price:
    return times(price, "2") if UPFRONT_FEE in price.query.attributes else price


def test_the_snapshot_keeps_every_relation() -> None:
    found = list(relations(SHIPPED))
    assert len(found) > 40_000
    assert not list(broken(found, SHIPPED.get))


def test_the_shares_of_reservations_are_those_of_the_snapshot() -> None:
    """Rounded to a hundredth, away from what was measured."""
    seen: dict[tuple[str, str], list[Decimal]] = {}
    for query in SHIPPED:
        if query.term.startswith(RESERVED) and UPFRONT_FEE not in query.attributes:
            whole = effective_unit_price(query, SHIPPED.get)
            on_demand = effective_unit_price(replace(query, term=ON_DEMAND), SHIPPED.get)
            if whole and on_demand:
                seen.setdefault((query.service_code, query.term), []).append(whole / on_demand)
    assert seen.keys() == MEASURED_SHARES.keys()
    for kind, (least, most) in MEASURED_SHARES.items():
        assert least <= min(seen[kind]) < least + Decimal("0.01"), kind
        assert most - Decimal("0.01") < max(seen[kind]) <= most, kind


def test_fees_are_about_half_in_the_snapshot() -> None:
    shares = [
        (effective_unit_price(query, SHIPPED.get) or 0) / (effective_unit_price(whole, SHIPPED.get) or 0)
        for query, whole in _fees()
    ]
    assert (round(min(shares), 4), round(max(shares), 4)) == (Decimal("0.4988"), Decimal("0.5011"))
    assert FEE_SHARES[0] < min(shares) < max(shares) < FEE_SHARES[1]


def _fees() -> Iterator[tuple[PriceQuery, PriceQuery]]:
    for query in SHIPPED:
        if UPFRONT_FEE in query.attributes:
            attributes = tuple(pair for pair in query.attributes if pair != UPFRONT_FEE)
            yield query, replace(query, attributes=attributes)


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        (swapped("1yr", "3yr", EC2), "times on demand|pays at most as much"),
        (swapped("standard", "convertible", EC2), "times on demand|pays at most as much"),
        (reserved(EC2, "1.9"), "times on demand"),
        (reserved(RDS, "1.9"), "times on demand"),
        (reserved(RDS, "0.5"), "times on demand"),
        (fee_twice, "the fee is 0.4 to 0.6"),
        (swapped("m7g.large", "m7g.xlarge", EC2), "a larger size costs at least"),
        (swapped("InstanceUsage", "Multi-AZUsage", RDS), "two zones cost at least"),
        (swapped("application", "network", ELB), "the application load balancer costs at least"),
        (swapped("RDS:GP3-Storage", "RDS:Multi-AZ-GP3-Storage", RDS), "two zones cost at least"),
        (swapped("InstanceUsage:", "InstanceUsageIOOptimized:", RDS), "its reads and writes included"),
    ],
)
def test_a_lie_about_what_is_known_is_refused(lie: Lie, told: str) -> None:
    with pytest.raises(ImplausiblePrice, match=f"({told}).*--accept-moved"):
        refuse_newly_broken(map(lie, HELD), HELD, ())


def test_what_is_accepted_is_told_and_not_asked_about_again() -> None:
    lied = list(map(swapped("application", "network", ELB), HELD))
    name = f"{ELB} {REGION} LCUUsage load_balancer=network"
    (taken,) = refuse_newly_broken(lied, HELD, {name})
    assert (taken.name, taken.accepted) == (name, True)
    assert "the application load balancer costs at least as much" in taken.change
    assert refuse_newly_broken(lied, lied, ()) == []


@pytest.mark.parametrize("factor", ["0.2", "1", "4.9"])
def test_prices_that_move_together_break_nothing(factor: str) -> None:
    assert refuse_newly_broken([times(price, factor) for price in HELD], HELD, ()) == []


def test_a_cut_of_on_demand_by_a_fifth_passes_before_reservations_follow() -> None:
    cut = [times(price, "0.8") if price.query.term == ON_DEMAND else price for price in HELD]
    assert refuse_newly_broken(cut, HELD, ()) == []


def test_new_reservations_that_are_swapped_are_refused() -> None:
    before = [price for price in HELD if not price.query.term.startswith(RESERVED)]
    with pytest.raises(ImplausiblePrice, match=r"pays at most as much.*--accept-moved"):
        refuse_newly_broken(map(swapped("1yr", "3yr", EC2), HELD), before, ())
    assert refuse_newly_broken(HELD, before, ()) == []


def test_a_reservation_that_is_new_breaks_nothing_that_was_kept() -> None:
    before = [price for price in HELD if not price.query.term.startswith(RESERVED)]
    assert refuse_newly_broken(map(reserved(EC2, "1.9"), HELD), before, ()) == []


def test_what_binds_more_costs_at_most_as_much() -> None:
    names = ("Compute 1yr No Upfront", "Compute 3yr No Upfront", "EC2 Instance 3yr All Upfront")
    of_use = PriceQuery(EC2, REGION, "BoxUsage:m7g.large")
    one, three, narrow = (replace(of_use, term=f"SavingsPlan {name}") for name in names)
    why = "who binds for longer, to more or pays earlier pays at most as much"
    expected = {Relation(three, one, why), Relation(narrow, three, why), Relation(narrow, one, why)}
    assert set(relations([one, three, narrow])) == expected


def test_plans_save_at_most_what_is_published() -> None:
    """`savings_plans.csv` has the figures that docs/commitments.md shows."""
    known = plan_discounts(PriceBook.shipped())
    most = {
        (CommitmentKind.INSTANCE_PLAN, EC2): ("EC2InstanceSP", ""),
        (CommitmentKind.COMPUTE_PLAN, EC2): ("ComputeSP", "EC2"),
        (CommitmentKind.COMPUTE_PLAN, "AWSLambda"): ("ComputeSP", "Lambda"),
        (CommitmentKind.DATABASE_PLAN, "AmazonDynamoDB"): ("DatabaseSP", "DynamoDB"),
        (CommitmentKind.DATABASE_PLAN, RDS): ("DatabaseSP", "Aurora"),
    }
    for kind, (plan, text) in most.items():
        of_kind = [of.saving_ratio for of in known if of.plan.startswith(plan) and text in of.applies_to]
        assert PLAN_SAVINGS[kind] == max(of_kind), kind
    query = PriceQuery("AWSLambda", REGION, "Lambda-GB-Second", term="SavingsPlan Compute 1yr No Upfront")
    assert commitment_of(query.service_code, query.term) is not None
    assert plan_shares(query) == (Decimal("0.78"), 1)


def test_a_check_of_the_book_tells_what_is_broken(tmp_path: Path) -> None:
    of_elb = [price for price in HELD if price.query.service_code == ELB]
    shipped = book_of(tmp_path / "shipped", *of_elb)
    book = book_of(tmp_path / "book", *map(swapped("application", "network", ELB), of_elb))

    def warned(of: PriceBook) -> list[PriceFinding]:
        found = verify(of, shipped, date(2026, 11, 28))
        return [finding for finding in found if finding.severity is Severity.WARNING]

    assert warned(shipped) == []
    (found,) = warned(book)
    assert found.subject == f"{ELB} {REGION} LCUUsage load_balancer=network"
    assert "a unit of the application load balancer costs at least as much" in found.problem
