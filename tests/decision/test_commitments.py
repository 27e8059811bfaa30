"""What commitments cover of simulated use, how it goes on over a term, and what the best levels save."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from costmodel.billing.rate import bill
from costmodel.billing.rates import NO_OWN_RATES
from costmodel.decision.commitments import commitment_notes
from costmodel.decision.run import CommitmentNote
from costmodel.decision.term_use import CommittableUse, TermPattern, committable_uses
from costmodel.demand.calendar import BillingPeriod, Calendar, FloatArray
from costmodel.pricing.book import PriceBook
from costmodel.pricing.commitment import CommitmentKind, Offers, Payment
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services._base import Meter, Usage, meter_usage

BOOK = PriceBook.shipped()
NOVEMBER = Calendar.of(BillingPeriod(2026, 11), 1)
FLAT_SEASON = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
"""Months as busy as they are long: every hour like the other."""


def shop(**traffic: object) -> Scenario:
    return validate(
        {
            "name": "a shop",
            "region": "eu-west-1",
            "start": "2026-11",
            "traffic": {"monthly_visitors": {"europe": 10_000}, "month_weights": FLAT_SEASON} | traffic,
        },
        "test",
    )


def fleet(servers: FloatArray, instance: str = "m7g.large") -> tuple[Usage, ...]:
    query = PriceQuery("AmazonEC2", "eu-west-1", f"BoxUsage:{instance}")
    meter = Meter("Instance hours", "Amazon Elastic Compute Cloud", "Compute", "Hours", query)
    return meter_usage(meter, "web", NOVEMBER, servers, "by hand")


def functions(gb_seconds: FloatArray) -> tuple[Usage, ...]:
    query = PriceQuery("AWSLambda", "eu-west-1", "Lambda-GB-Second-ARM")
    meter = Meter("Duration", "AWS Lambda", "Compute", "GB-Seconds", query)
    return meter_usage(meter, "api", NOVEMBER, gb_seconds, "by hand")


def day_and_night(low: float, high: float) -> FloatArray:
    """`high` in 12 hours of each day, `low` in the other 12."""
    return np.where(np.arange(NOVEMBER.hours) % 24 < 12, low, high).astype(float)


def notes(usages: tuple[Usage, ...], scenario: Scenario | None = None) -> tuple[CommitmentNote, ...]:
    return commitment_notes(scenario or shop(), usages, BOOK, NOVEMBER, NO_OWN_RATES)


def note(found: tuple[CommitmentNote, ...], kind: CommitmentKind, years: int) -> CommitmentNote:
    return next(one for one in found if (one.kind, one.years) == (kind, years))


def test_worked_a_fleet_of_two_by_night_and_six_by_day() -> None:
    """m7g.large in eu-west-1: 0.091 on demand, 0.0602 reserved for a year, 66 %; 0.0413 for three, 45 %.

    Two instances run always, four more in half of the hours. At 66 % the four do not pay, so two are reserved;
    at 45 % they do, so six. A year costs on demand (2 x 8760 + 4 x 4380) x 0.091 = 3 188.64, and with two reserved
    2 x 8760 x 0.0602 + 4 x 4380 x 0.091 = 2 649.02.
    """
    found = notes(fleet(day_and_night(2, 6)))
    year = note(found, CommitmentKind.STANDARD_RESERVATION, 1)
    three = note(found, CommitmentKind.STANDARD_RESERVATION, 3)
    assert (year.count, year.unit, year.covers) == (2, "m7g.large", "m7g in eu-west-1")
    assert three.count == 6
    assert year.on_demand_usd * 12 == pytest.approx(3_188.64)
    assert year.best.monthly_usd * 12 == pytest.approx(2_649.02, abs=0.01)
    assert year.break_even_ratio == pytest.approx(0.0602 / 0.091)
    assert year.best.unused_ratio == 0
    assert three.best.unused_ratio == pytest.approx(4 / 6 / 2, abs=0.001)  # 2028 has one day more
    assert three.best.covered_ratio == pytest.approx(1)
    assert year.published
    assert year.upfront_usd == 0


def test_a_savings_plan_is_as_good_as_the_reservation_it_is_inferred_from() -> None:
    found = notes(fleet(day_and_night(2, 6)))
    reservation = note(found, CommitmentKind.STANDARD_RESERVATION, 1)
    plan = note(found, CommitmentKind.INSTANCE_PLAN, 1)
    assert plan.best.level_usd == pytest.approx(reservation.best.level_usd, abs=0.001)
    assert plan.best.monthly_usd == pytest.approx(reservation.best.monthly_usd, rel=0.01)
    assert not plan.published
    assert plan.count is None


def test_sizes_of_one_family_are_reserved_together_in_the_smallest() -> None:
    """Two m7g.large and one m7g.xlarge, always: four large."""
    usages = fleet(np.full(NOVEMBER.hours, 2.0)) + fleet(np.full(NOVEMBER.hours, 1.0), "m7g.xlarge")
    found = note(notes(usages), CommitmentKind.STANDARD_RESERVATION, 1)
    assert (found.count, found.unit) == (4, "m7g.large")


def test_a_compute_plan_covers_instances_and_functions_together() -> None:
    usages = fleet(np.full(NOVEMBER.hours, 2.0)) + functions(np.full(NOVEMBER.hours, 2e5))
    found = note(notes(usages), CommitmentKind.COMPUTE_PLAN, 1)
    whole = bill(usages, BOOK, free_tier=True).billed_cost
    assert found.on_demand_usd == pytest.approx(float(whole) / NOVEMBER.hours * 8760 / 12)
    assert found.best.covered_ratio == pytest.approx(1, abs=0.01)


def test_levels_around_the_best_cost_more() -> None:
    for found in notes(fleet(day_and_night(2, 6)) + functions(day_and_night(1e5, 4e5))):
        costs = [point.monthly_usd for point in found.curve]
        assert min(costs) >= found.best.monthly_usd - 1e-9
        assert all(point.regret_usd >= -1e-9 for point in found.curve)
        assert costs[0] == pytest.approx(found.on_demand_usd)
        assert all(other.regret_usd >= -1e-9 for other in found.other_growth)


def test_no_use_is_no_commitment() -> None:
    assert notes(()) == ()
    assert notes(functions(np.full(NOVEMBER.hours, 1.0))) == ()  # within the free allowance


def test_use_that_rarely_comes_is_not_committed_to() -> None:
    busy = np.zeros(NOVEMBER.hours)
    busy[:24] = 10
    found = note(notes(fleet(busy)), CommitmentKind.STANDARD_RESERVATION, 3)
    assert found.count == 0
    assert found.best.monthly_usd == found.on_demand_usd
    assert found.curve[-1].regret_usd > 0


def use_of(usages: tuple[Usage, ...]) -> CommittableUse:
    (use,) = committable_uses(usages, Offers(BOOK), NOVEMBER, NO_OWN_RATES, free_tier=True)
    return use


def test_weeks_go_on_and_grow_month_by_month() -> None:
    """30 days of November; from 1 December on its first four weeks come again, 10 % higher month by month."""
    work = 1e6 * (1.0 + np.arange(NOVEMBER.hours))
    pattern = TermPattern.of(shop(growth_per_month_ratio=0.1), NOVEMBER, 1, 0.1)
    quantity = pattern.quantity(use_of(functions(work)))
    assert quantity[:720] == pytest.approx(work)
    assert quantity[720] == pytest.approx(work[720 % 672] * 1.1)
    january = (30 + 31) * 24
    assert quantity[january] == pytest.approx(work[january % 672] * 1.1**2)
    assert quantity.size == 8760


def test_what_runs_keeps_its_floor_while_the_rest_follows_the_traffic() -> None:
    pattern = TermPattern.of(shop(), NOVEMBER, 1, 0.1)
    quantity = pattern.quantity(use_of(fleet(day_and_night(2, 6))))
    assert quantity.min() == 2
    assert quantity[-1] == pytest.approx(2 + 4 * 1.1**11)


def test_regret_shows_what_another_growth_would_have_wanted() -> None:
    growing = shop(growth_per_month_ratio={"low": 0.0, "mid": 0.05, "high": 0.1})
    found = note(notes(functions(day_and_night(1e6, 4e6)), growing), CommitmentKind.COMPUTE_PLAN, 1)
    low, high = found.other_growth
    assert (low.growth_per_month_ratio, high.growth_per_month_ratio) == (0.0, 0.1)
    assert low.best_level_usd < found.best.level_usd < high.best_level_usd
    assert low.regret_usd > 0
    assert high.regret_usd > 0


def test_hours_add_up_to_what_is_billed() -> None:
    usages = fleet(day_and_night(2, 6)) + functions(day_and_night(1e6, 4e6))
    for use, usage in zip(
        committable_uses(usages, Offers(BOOK), NOVEMBER, NO_OWN_RATES, free_tier=True), usages, strict=True
    ):
        billed = bill([usage], BOOK, free_tier=True).billed_cost
        assert use.run_usd == pytest.approx(float(billed))
        assert use.hourly_quantity @ np.full(720, use.on_demand_usd[0]) == pytest.approx(float(billed))


def cloudfront(gb: float, requests: float) -> tuple[Usage, ...]:
    daily = np.full(NOVEMBER.days, 1 / NOVEMBER.days)
    edge = PriceQuery("AmazonCloudFront", "edge:europe", "DataTransfer-Out-Bytes")
    waf = PriceQuery("awswaf", "us-east-1", "RequestV2-Tier1")
    transfer = Meter("Transfer", "Amazon CloudFront", "Networking", "GB", edge)
    inspected = Meter("Inspected requests", "AWS WAF", "Security", "Requests", waf)
    return meter_usage(transfer, "cdn", NOVEMBER, daily * gb, "by hand") + meter_usage(
        inspected, "waf", NOVEMBER, daily * requests, "by hand"
    )


def test_worked_the_bundle_pays_for_cloudfront_and_some_of_the_firewall() -> None:
    """CloudFront costs S a month at list price, each month alike, WAF requests 6.00: a level of 0.7 S pays for all
    of the one and for up to 0.07 S of the other.
    """
    usages = cloudfront(10_000, 10_000_000)
    transfer_usd = float(bill(usages[:1], BOOK, free_tier=True).billed_cost)
    found = note(notes(usages, shop(month_weights=[1.0] * 12)), CommitmentKind.SECURITY_BUNDLE, 1)
    assert (found.per, found.payment, found.upfront_usd) == ("month", Payment.MONTHLY, 0)
    assert found.best.level_usd == pytest.approx(0.7 * transfer_usd)
    assert found.saves_usd == pytest.approx(0.3 * transfer_usd + min(6.0, 0.07 * transfer_usd))
    assert Decimal(found.break_even_ratio).quantize(Decimal("0.01")) == Decimal("0.70")
