"""What events do to the answer: a price list that changes, and a region that fails."""

from __future__ import annotations

from decimal import Decimal

import pytest

from costmodel.decision.run import Run, encode
from costmodel.decision.simulate import simulate
from costmodel.errors import Infeasible
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate

BOOK = PriceBook.shipped()
OUTAGE = {"kind": "regional_outage", "start": "2026-03-10T09:00Z"}


def answer(*events: dict[str, object], **parts: object) -> Run:
    tree: dict[str, object] = {
        "name": "a shop",
        "region": "eu-west-1",
        "start": "2026-02",
        "months": 2,
        "traffic": {"monthly_visitors": {"europe": 60_000}, "events": list(events)},
        "constraints": {
            "compute": ["lambda"],
            "database": ["dynamodb_on_demand", "rds"],
            "database_families": ["t4g"],
            "delivery": ["pay_as_you_go"],
        },
    }
    return simulate(validate(tree | parts, "test"), BOOK)


def change(service: str, ratio: float, start: str = "2026-03-01") -> dict[str, object]:
    return {"kind": "price_list_change", "start": start, "service": service, "change_ratio": ratio}


@pytest.fixture(scope="module")
def plain() -> Run:
    return answer()


def test_a_price_change_is_billed_from_its_month_on_and_named(plain: Run) -> None:
    dearer = answer(change("AmazonCloudFront", 0.05), change("AmazonEC2", 0.5))
    assert dearer.chosen.delivery == plain.chosen.delivery
    for before, after in zip(plain.charges, dearer.charges, strict=True):
        hit = before.service_name == "Amazon CloudFront" and before.billing_period == "2026-03"
        assert after.list_cost == before.list_cost
        assert after.billed_cost == before.billed_cost * (Decimal("1.05") if hit else 1)
        assert bool(after.x_price_change) == (hit and not after.x_free)
    assert "with supposed price changes" in dearer.headline
    assert dearer.price_basis == "list prices with supposed price changes"
    assert dearer.own_rates is None
    told, unused = dearer.notes
    assert told.startswith(
        "Supposed, not AWS's price list: AmazonCloudFront +5 % from 2026-03-01. What it covers"
    )
    assert unused.endswith("AmazonEC2 +50 % from 2026-03-01. It covers no charge of the recommendation.")
    assert (plain.notes, plain.price_basis) == ((), "list prices")


def test_a_price_change_moves_the_choice(plain: Run) -> None:
    assert plain.chosen.database_kind == "dynamodb_on_demand"
    dearer = answer(change("AmazonDynamoDB", 10, "2026-02-01"))
    assert dearer.chosen.database_kind == "rds"
    assert dearer.monthly_usd > plain.monthly_usd


def test_an_outage_is_reported_apart_from_the_errors_of_the_tiers(plain: Run) -> None:
    lost = answer(OUTAGE)
    figures = next(need.figures for need in lost.requirements if need.name == "availability")
    assert figures["outage_minutes"] == pytest.approx(270)  # 240 and half of the ramp of 60
    calls = sum(lost.daily_load["api_requests"])
    assert figures["outage_lost_ratio"] == pytest.approx(
        figures["outage_lost_requests"] / (calls + figures["outage_lost_requests"])
    )
    assert 0.001 < figures["outage_lost_ratio"] < 0.02
    assert lost.chosen.error_ratio <= 0.001
    assert calls < sum(plain.daily_load["api_requests"])
    assert "does not serve for 270 minutes" in lost.notes[0]
    assert encode(lost) == encode(answer(OUTAGE))


def test_an_outage_that_counts_breaks_every_design_of_one_region() -> None:
    with pytest.raises(Infeasible) as error:
        answer(OUTAGE, objectives={"count_outages": True})
    broken, _, step, other = str(error.value).splitlines()[1:]
    assert broken.startswith("  - error ratio: ")
    assert step == "  - objectives.count_outages to false"
    assert other.startswith("  - objectives.error_ratio to 0.0")


def test_a_short_outage_that_counts_may_be_within_the_objective() -> None:
    brief = {**OUTAGE, "hold_minutes": 5, "ramp_minutes": 0}
    run = answer(brief, objectives={"count_outages": True})
    assert "The error ratio counts these" in run.notes[0]
