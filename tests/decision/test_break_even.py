"""Break-even against closed forms and against a scan that bills every candidate."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.decision.break_even import (
    API_CALLS,
    LOADS,
    PRECISION,
    Bench,
    Best,
    Border,
    BreakEven,
    Costs,
    Pair,
    Side,
    break_even,
    find_borders,
    pairs_of,
)
from costmodel.decision.candidate import combine
from costmodel.decision.constraints import joint_limits, single_tier_limits
from costmodel.decision.search import evaluate, simulate_all
from costmodel.demand.synthesise import synthesise
from costmodel.errors import Infeasible
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.scenario.rates_file import parse_rates_file
from costmodel.services._base import Role

BOOK = PriceBook.shipped()
EC2 = Side("EC2", Role.COMPUTE, ("ec2",))
LAMBDA = Side("Lambda", Role.COMPUTE, ("lambda",))
PAIR = Pair(EC2, LAMBDA, API_CALLS)

Cost = Callable[[float], float | None]
"""What a side costs at a load; None where it is infeasible."""


class MadeBench(Bench):
    """Costs by formula instead of a search."""

    def __init__(self, ec2: Cost, function: Cost) -> None:
        super().__init__(shop(), BOOK, NO_OWN_RATES, PAIR.sides)
        self.formulas = {EC2: ec2, LAMBDA: function}

    def at(self, load: float) -> Costs:
        known = {side: formula(load) for side, formula in self.formulas.items()}
        best = {side: Best(usd, "a design") for side, usd in known.items() if usd is not None}
        missing = {side: "too small" for side, usd in known.items() if usd is None}
        self.costs[load] = Costs(load, best, missing)
        return self.costs[load]

    def result(self) -> BreakEven:
        for load in LOADS:
            self.at(load)
        borders = tuple(find_borders(PAIR, self))
        tried = tuple(self.costs[load] for load in sorted(self.costs))
        return BreakEven(PAIR, 3.1, tried, borders)


def shop(visitors: float = 60_000, **parts: object) -> Scenario:
    tree: dict[str, object] = {
        "name": "a shop",
        "region": "eu-west-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"europe": visitors}},
        "rendering": {"jobs_per_1000_page_views": 0},
        "constraints": {
            "compute": ["ec2", "lambda"],
            "database": ["dynamodb_on_demand"],
            "delivery": ["pay_as_you_go"],
            "instance_families": ["t4g"],
            "cpu_target_ratios": [0.5],
            "lambda_memory_mb": [512, 1024],
        },
    }
    return validate(tree | parts, "test")


def holds(border: Border, load: float) -> bool:
    return border.below_load <= load * (1 + 1e-9) and load <= border.above_load * (1 + 1e-9)


def test_a_flat_cost_meets_a_linear_one_where_algebra_says() -> None:
    found = MadeBench(lambda _: 100.0, lambda load: 25.0 * load).result()
    (border,) = found.borders
    assert holds(border, 4.0)
    assert border.above_load <= border.below_load * PRECISION
    assert (border.below, border.above) == (LAMBDA, EC2)
    (sentence,) = found.sentences
    words = re.fullmatch(
        r"Lambda stays cheaper than EC2 up to (\S+) API calls a second on average; you are at 3\.1 \((\S+) x to go\)\.",
        sentence,
    )
    assert words
    assert [float(number) for number in words.groups()] == pytest.approx([12.4, 4.0], rel=PRECISION - 1)


@given(
    *[st.floats(1, 1e4)] * 2,
    *[st.floats(0, 1e4)] * 2,
)
def test_two_straight_lines_have_the_border_that_algebra_says(
    base: float, other_base: float, slope: float, other_slope: float
) -> None:
    found = MadeBench(lambda load: base + slope * load, lambda load: other_base + other_slope * load).result()
    meeting = (other_base - base) / (slope - other_slope) if slope != other_slope else math.inf
    if LOADS[0] * PRECISION < meeting < LOADS[-1] / PRECISION and abs(other_base / base - 1) > 1e-6:
        (border,) = found.borders
        assert border.above_load <= border.below_load * PRECISION
        assert holds(border, meeting)
    elif not LOADS[0] / PRECISION <= meeting <= LOADS[-1] * PRECISION:
        assert not found.borders


def test_every_border_of_a_cost_that_jumps_is_found_and_told() -> None:
    def plan(load: float) -> float:
        return 10.0 if load < 1 / 3 else 200.0 if load < 20 else 900.0

    found = MadeBench(plan, lambda load: 60.0 * load).result()
    assert [(border.below, border.above) for border in found.borders] == [
        (LAMBDA, EC2),
        (EC2, LAMBDA),
        (LAMBDA, EC2),
    ]
    for border, load in zip(found.borders, (10 / 60, 1 / 3, 200 / 60), strict=True):
        assert holds(border, load)
    stays, below, several = found.sentences
    assert re.match(
        r"Lambda stays cheaper than EC2 up to 10\.\d API calls a second on average; you are at 3\.1", stays
    )
    assert re.match(r"Below 1\.0\d API calls a second on average EC2 is cheaper; you are at 3\.1 \(3", below)
    assert several.startswith("They change places 3 times from 1/64 to 64 times yours")


def test_a_side_that_stops_being_feasible_is_told_apart_from_a_dearer_one() -> None:
    found = MadeBench(lambda _: 100.0, lambda load: 1.0 if load < 10 else None).result()
    (border,) = found.borders
    assert holds(border, 10)
    first, second = found.sentences
    assert "where it stops meeting the objectives (too small)" in first
    assert second == "Lambda meets the objectives no longer at 16 times your load: too small."


def test_nothing_feasible_above_is_said() -> None:
    found = MadeBench(
        lambda load: 100.0 if load < 10 else None, lambda load: 1.0 if load < 10 else None
    ).result()
    assert "above which neither meets the objectives" in found.sentences[0]


def test_a_side_that_is_never_feasible_is_no_comparison() -> None:
    found = MadeBench(lambda _: None, lambda _: 1.0).result()
    assert not found.borders
    assert found.sentences[0] == (
        "Lambda is the only choice at every load from 1/64 to 64 times yours: EC2 never meets the objectives."
    )


def test_one_side_at_every_load() -> None:
    found = MadeBench(lambda _: 1.0, lambda _: 2.0).result()
    assert found.sentences == ("EC2 is cheaper than Lambda at every load from 1/64 to 64 times yours.",)


@given(st.floats(0.02, 60))
def test_sentences_follow_the_crossing(meeting: float) -> None:
    """The further off the border, the larger the factor that is told."""
    found = MadeBench(lambda _: 100.0, lambda load: 100.0 * load / meeting).result()
    (sentence,) = found.sentences
    if meeting > PRECISION:
        assert sentence.startswith("Lambda stays cheaper than EC2 up to ")
        told = float(sentence.rpartition("(")[2].split()[0])
        assert told == pytest.approx(meeting, rel=PRECISION - 1 + 0.005)
    elif meeting < 1 / PRECISION:
        assert sentence.startswith("Below ")
        assert "Lambda is cheaper" in sentence
        told = float(sentence.rpartition("(")[2].split()[0])
        assert told == pytest.approx(1 / meeting, rel=PRECISION - 1 + 0.005)


def free_but(*discounts: str) -> OwnRates:
    """Own rates that leave nothing to pay but what the discounts say."""
    others = ("AWSELB", "AmazonVPC", "AmazonCloudWatch", "AWSDataTransfer", "AmazonDynamoDB", "AmazonCloudFront",
              "AmazonRoute53", "AmazonS3", "awswaf", "awskms")  # fmt: skip
    listed = [*(f"service: {code}, percent: 100" for code in others), *discounts]
    lines = "".join(f"  - {{{discount}}}\n" for discount in listed)
    file = parse_rates_file(f"name: Agreement\ndiscounts:\n{lines}", "test")
    return OwnRates(file.name, "", file.discounts, file.currency)


def test_the_real_model_meets_a_closed_form() -> None:
    """Two instances whatever the load, against functions that are paid by the call: flat against linear."""
    price_usd = 0.00002
    constraints = shop().constraints.model_dump(mode="json", exclude_unset=True)
    scenario = shop(
        account={"free_tier": False},
        constraints=constraints | {"min_instances": 2, "max_instances": 2},
    )
    rates = free_but(
        f"service: AWSLambda, usage_type: Request-ARM, unit: Requests, price: {price_usd}",
        f"service: AWSLambda, usage_type: Request, unit: Requests, price: {price_usd}",
        "service: AWSLambda, percent: 100",
        "service: AmazonEC2, usage_type: NatGateway-Bytes, percent: 100",
    )
    (found,) = break_even(scenario, BOOK, own_rates=rates)
    both = [costs for costs in found.costs if len(costs.best) == 2]
    flat_usd = {round(costs.best[EC2].monthly_usd, 6) for costs in both}
    assert len(flat_usd) == 1
    calls = {load: float(synthesise(scenario, load_factor=load).api_requests.sum()) for load in (1.0,)}
    own = next(costs for costs in found.costs if costs.load == 1)
    assert own.best[LAMBDA].monthly_usd == pytest.approx(price_usd * calls[1.0], rel=1e-6)
    (border, *_) = found.borders
    assert (border.below, border.above) == (LAMBDA, EC2)
    meeting = flat_usd.pop() / (price_usd * calls[1.0])
    assert border.load == pytest.approx(meeting, rel=PRECISION - 1)


def scan(scenario: Scenario, load: float) -> dict[str, float]:
    """The cheapest stack of each kind of compute, every candidate billed whole."""
    demand = synthesise(scenario, load_factor=load)
    tiers = {
        role: [
            tier
            for tier in simulated
            if not any(limit.broken for limit in single_tier_limits(tier, scenario.objectives))
        ]
        for role, simulated in simulate_all(scenario, demand).items()
    }
    cheapest: dict[str, float] = {}
    for candidate in combine(tiers):
        if not any(limit.broken for limit in joint_limits(candidate, scenario.objectives)):
            usd = float(evaluate(scenario, demand, BOOK, candidate).monthly_usd)
            kind = candidate.compute.design.kind
            cheapest[kind] = min(usd, cheapest.get(kind, math.inf))
    return cheapest


@pytest.fixture(scope="module")
def busy() -> tuple[Scenario, BreakEven]:
    scenario = shop(visitors=1_000_000)
    (found,) = break_even(scenario, BOOK)
    return scenario, found


def test_every_load_that_was_tried_agrees_with_billing_every_candidate(
    busy: tuple[Scenario, BreakEven],
) -> None:
    scenario, found = busy
    assert found.borders
    for costs in found.costs:
        told = {side.kinds[0]: best.monthly_usd for side, best in costs.best.items()}
        assert told == pytest.approx(scan(scenario, costs.load), rel=1e-9)


def test_borders_lie_where_a_finer_scan_sees_the_cheaper_kind_change(
    busy: tuple[Scenario, BreakEven],
) -> None:
    scenario, found = busy
    for low, high in pairwise((LOADS[0], *(border.load for border in found.borders), LOADS[-1])):
        middle = math.sqrt(low * high)
        told = next(
            (border.below for border in found.borders if border.load >= middle), found.borders[-1].above
        )
        usd = scan(scenario, middle)
        assert told is not None
        assert min(usd, key=lambda kind: usd[kind]) == told.kinds[0]


def test_kinds_are_compared_as_far_as_the_constraints_allow_both() -> None:
    def names(**constraints: object) -> list[tuple[str, str]]:
        return [(pair.first.name, pair.second.name) for pair in pairs_of(shop(constraints=constraints))]

    assert names() == [
        ("EC2", "Lambda"),
        ("EC2", "EC2 with Lambda for the overflow"),
        ("Lambda", "EC2 with Lambda for the overflow"),
        ("RDS or Aurora", "DynamoDB"),
        ("CloudFront paid as you go", "CloudFront's flat-rate plan"),
    ]
    alone = {"compute": ["lambda"], "database": ["rds", "dynamodb_on_demand"], "delivery": ["flat_rate"]}
    assert names(**alone) == [("RDS", "DynamoDB")]
    terms = {"commitments": ["on_demand", "reserved_1yr_no_upfront"]}
    assert names(**alone | terms) == [("RDS", "DynamoDB"), ("RDS on demand", "RDS reserved")]
    assert names(**terms)[-2:] == [("EC2 on demand", "EC2 reserved"), ("RDS on demand", "RDS reserved")]


def test_reservations_are_compared_with_on_demand() -> None:
    constraints = shop().constraints.model_dump(mode="json", exclude_unset=True)
    scenario = shop(
        constraints=constraints
        | {"commitments": ["on_demand", "reserved_1yr_no_upfront"], "compute": ["ec2"]}
    )
    (found,) = break_even(scenario, BOOK)
    on_demand, reserved = found.pair.sides
    assert found.cheaper == reserved
    for costs in found.costs:
        assert costs.best[reserved].monthly_usd < costs.best[on_demand].monthly_usd
        assert "reserved" in costs.best[reserved].label
        assert "on demand" in costs.best[on_demand].label


def test_an_infeasible_scenario_has_no_break_even() -> None:
    scenario = shop(objectives={"api_p99_ms": 1, "api_p95_ms": 1})
    with pytest.raises(Infeasible, match="nothing meets the objectives"):
        break_even(scenario, BOOK)
