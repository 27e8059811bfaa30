from __future__ import annotations

import pytest

from costmodel.billing.rates import OwnRates
from costmodel.decision.search import search
from costmodel.decision.uncertainty import DRAWS, P90_DEVIATES, cost_range_of, outcome, quantile
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.estimate import Range
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.scenario.rates_file import parse_rates_file

BOOK = PriceBook.shipped()


def shop(**parts: object) -> Scenario:
    tree: dict[str, object] = {
        "name": "a shop",
        "region": "us-west-2",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"canada": {"low": 30_000, "mid": 40_000, "high": 60_000}}},
        "constraints": {
            "compute": ["lambda"],
            "database": ["dynamodb_on_demand"],
            "delivery": ["pay_as_you_go"],
        },
    }
    return validate(tree | parts, "test")


@pytest.mark.parametrize(
    ("given", "z", "expected"),
    [
        (Range(10, 20, 40), 0.0, 20),
        (Range(10, 20, 40), P90_DEVIATES, 40),
        (Range(10, 20, 40), -P90_DEVIATES, 10),
        (Range(10, 20, 40), 2 * P90_DEVIATES, 80),  # a doubling for each half of the bell
        (Range(0, 2, 6), P90_DEVIATES, 6),
        (Range(0, 2, 6, least=0), -2 * P90_DEVIATES, 0),  # 2 - 2 x 2 would be below the least
        (Range(0.4, 0.6, 0.9, most=1.0), 3 * P90_DEVIATES, 1.0),
        (Range(5, 5, 5), 3.0, 5),
    ],
)
def test_quantiles_of_a_range(given: Range, z: float, expected: float) -> None:
    assert quantile(given, z) == pytest.approx(expected)


def test_the_range_spans_what_the_inputs_do() -> None:
    scenario = shop()
    chosen = search(scenario, synthesise(scenario), BOOK).best
    found, drivers = cost_range_of(scenario, chosen, BOOK)
    assert found.draws == DRAWS
    assert found.p10_usd < found.p50_usd < found.p90_usd
    (driver,) = drivers
    assert driver.path == "traffic.monthly_visitors.canada"
    assert driver.low_usd < float(chosen.monthly_usd) < driver.high_usd
    assert found.p10_usd < float(chosen.monthly_usd) < found.p90_usd
    assert driver.low_usd == pytest.approx(found.p10_usd, rel=0.15)
    assert driver.high_usd == pytest.approx(found.p90_usd, rel=0.15)
    assert found.budget_breach_ratio is None
    assert cost_range_of(scenario, chosen, BOOK) == (found, drivers)


def test_the_chosen_designs_cost_the_same_again_under_the_same_scenario() -> None:
    scenario = shop()
    chosen = search(scenario, synthesise(scenario), BOOK).best
    again = outcome(scenario, chosen, BOOK, seed=scenario.seed)
    assert again.monthly_usd == pytest.approx(float(chosen.monthly_usd), rel=1e-9)
    assert again.breaks == ""


def test_the_range_is_at_own_rates() -> None:
    scenario = shop()
    file = parse_rates_file("name: A\ndiscounts: [{service: AmazonDynamoDB, percent: 50}]", "test")
    rates = OwnRates(file.name, "", file.discounts)
    demand = synthesise(scenario)
    chosen = search(scenario, demand, BOOK, own_rates=rates).best
    again = outcome(scenario, chosen, BOOK, seed=scenario.seed, own_rates=rates)
    assert again.monthly_usd == pytest.approx(float(chosen.monthly_usd), rel=1e-9)
    assert again.monthly_usd < outcome(scenario, chosen, BOOK, seed=scenario.seed).monthly_usd
    found, _ = cost_range_of(scenario, chosen, BOOK, own_rates=rates)
    at_list, _ = cost_range_of(scenario, chosen, BOOK)
    assert found.p90_usd < at_list.p90_usd
    assert found.p10_usd < float(chosen.monthly_usd) < found.p90_usd


def test_draws_that_break_the_design_are_counted() -> None:
    scenario = shop(
        traffic={"monthly_visitors": {"canada": {"low": 30_000, "mid": 60_000, "high": 900_000}}},
        constraints={"compute": ["lambda"], "database": ["dynamodb_on_demand"], "delivery": ["flat_rate"]},
    )
    chosen = search(scenario, synthesise(scenario), BOOK).best
    found, _ = cost_range_of(scenario, chosen, BOOK)
    assert 0.3 < found.holds_ratio < 0.9
    assert found.breaks_first.startswith("plan ")


def test_another_uncertain_input_does_not_reshuffle_the_first() -> None:
    scenario = shop(traffic={"monthly_visitors": {"canada": 40_000}})
    chosen = search(scenario, synthesise(scenario), BOOK).best
    certain, none = cost_range_of(scenario, chosen, BOOK)
    idle = shop(
        traffic={"monthly_visitors": {"canada": 40_000}},
        # Uploads of a few files move the bill by less than a cent.
        content={"uploads_per_month": {"low": 499, "mid": 500, "high": 501}},
    )
    with_idle, drivers = cost_range_of(idle, chosen, BOOK)
    assert none == ()
    assert len(drivers) == 1
    assert with_idle.p10_usd == pytest.approx(certain.p10_usd, abs=0.02)
    assert with_idle.p90_usd == pytest.approx(certain.p90_usd, abs=0.02)


def test_the_share_of_draws_over_budget_is_counted() -> None:
    scenario = shop()
    chosen = search(scenario, synthesise(scenario), BOOK).best
    plain, _ = cost_range_of(scenario, chosen, BOOK)
    tight = shop(
        constraints={
            "compute": ["lambda"],
            "database": ["dynamodb_on_demand"],
            "delivery": ["pay_as_you_go"],
            "monthly_budget_usd": plain.p50_usd,
        }
    )
    found, _ = cost_range_of(tight, chosen, BOOK)
    assert found.budget_breach_ratio == 0.5
