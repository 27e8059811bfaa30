"""The difference of two runs: its parts add up exactly, and each is what it says."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from costmodel.billing.charge import EXACT, dollars
from costmodel.billing.rates import NO_OWN_RATES, OwnRates
from costmodel.cli.compare_tables import as_json, contrast_tables
from costmodel.decision.compare import Cause, Contrast, compare, monthly_costs, total_usd, with_traffic_of
from costmodel.decision.gates import CONTRAST_METRICS
from costmodel.decision.rebill import rebill
from costmodel.decision.run import Run, encode, read_run
from costmodel.decision.simulate import simulate
from costmodel.decision.worlds import draw_world
from costmodel.demand.synthesise import synthesise
from costmodel.errors import PriceBookNotFound, ScenarioError
from costmodel.pricing.book import PriceBook
from costmodel.scenario.rates_file import parse_rates_file
from costmodel.services import ec2
from shops.quick import quick_shop

BOOK = PriceBook.shipped()
ZERO = Decimal(0)

CHANGES: dict[str, list[object]] = {
    "traffic.monthly_visitors": [
        {"europe": 20_000},
        {"europe": 1_500, "japan": 90_000},
        {"europe": {"low": 3_000, "mid": 5_000, "high": 9_000}},
    ],
    "traffic.events": [
        [],
        [{"kind": "price_list_change", "start": "2026-02-01", "service": "AWSLambda", "change_ratio": 0.25}],
        [{"kind": "flash_sale", "start": "2026-02-14T18:00:00Z"}],
    ],
    "region": ["eu-west-1", "us-east-1"],
    "months": [1, 3],
    "seed": [1, 7],
    "account.free_tier": [True, False],
    "api.cpu_ms_per_call": [12, 80],
    "content.cache_ttl_hours": [720, 1],
    "database.stored_gb": [10, 300],
    "security.kms_keys": [1, 9],
    "constraints.lambda_memory_mb": [[512, 1769], [3008]],
    "constraints.compute": [["lambda"], ["ec2"]],
    "constraints.instance_families": [["t4g"], ["m7g"]],
    "constraints.database": [["dynamodb_on_demand"], ["rds"]],
    "constraints.database_families": [["t4g"]],
    "constraints.delivery": [["pay_as_you_go"], ["flat_rate", "pay_as_you_go"]],
    "rendering.jobs_per_1000_page_views": [0, 5],
    "rendering.deadline_minutes": [600],
}
RECOVERING: dict[str, object] = {
    "network.second_region": "eu-central-1",
    "objectives.region_rto_minutes": 30,
    "objectives.region_rpo_minutes": 5,
}


KNOWN: dict[str, Run] = {}


def run_of(changes: dict[str, object], own_rates: OwnRates = NO_OWN_RATES) -> Run:
    """The run of a quick shop, each simulated once."""
    key = f"{changes} {own_rates.discounts}"
    if key not in KNOWN:
        KNOWN[key] = simulate(quick_shop(changes), BOOK, own_rates=own_rates)
    return KNOWN[key]


def at(own_rates: OwnRates = NO_OWN_RATES) -> Callable[[Run], Any]:
    """What every run was billed at."""
    return lambda _: (BOOK, own_rates)


def rates(percent: int) -> OwnRates:
    file = parse_rates_file(
        f"name: Agreement\ndiscounts:\n  - {{service: AWSLambda, percent: {percent}}}\n", "t"
    )
    return OwnRates(file.name, "", file.discounts, file.currency)


def parts(found: Contrast) -> dict[str, Decimal]:
    return {step.cause.value: step.usd for step in found.steps}


def assert_adds_up(found: Contrast) -> None:
    """Without any rounding: as a whole, and for every service that either run or a step knows."""
    with localcontext(EXACT):
        assert sum((step.usd for step in found.steps), ZERO) == found.more_usd
        services = {
            *found.before_costs,
            *found.after_costs,
            *(name for step in found.steps for name in step.by_service),
        }
        for name in services:
            moved = sum((step.by_service.get(name, ZERO) for step in found.steps), ZERO)
            assert found.before_costs.get(name, ZERO) + moved == found.after_costs.get(name, ZERO)
    for run, costs in ((found.before, found.before_costs), (found.after, found.after_costs)):
        assert abs(total_usd(costs) - run.monthly_usd) <= Decimal("1e-24")
        if len(run.months) == 1:
            assert total_usd(costs) == run.monthly_usd


@pytest.fixture(scope="module")
def shops() -> list[Run]:
    """Runs of random shops, among them one that recovers in a second region."""
    dice = random.Random(20261127)
    drawn = [{key: dice.choice(options) for key, options in CHANGES.items()} for _ in range(6)]
    return [run_of(changes) for changes in drawn] + [run_of(RECOVERING)]


def test_the_parts_of_any_two_runs_add_up_and_the_model_has_none(shops: list[Run]) -> None:
    """All ordered pairs. One version made all runs, so the model adds nothing, to the last digit."""
    moved: dict[str, int] = {}
    for before, after in permutations(shops, 2):
        found = compare(before, after, at())
        assert found.not_split == ""
        assert_adds_up(found)
        assert list(parts(found)) == ["price", "traffic", "configuration", "model"]
        assert parts(found)["model"] == 0
        assert found.steps[-1].by_service == {}
        for cause, usd in parts(found).items():
            moved[cause] = moved.get(cause, 0) + bool(usd)
    assert min(moved[cause] for cause in ("price", "traffic", "configuration")) >= 12


def test_a_run_beside_itself_differs_in_nothing(shops: list[Run]) -> None:
    for run in shops:
        found = compare(run, run, at())
        assert set(parts(found).values()) == {ZERO}
        assert (found.keys, found.designs, found.prices, found.overload) == ((), (), (), "")


def test_a_saved_run_compares_like_a_fresh_one(shops: list[Run], tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(encode(shops[0]))
    saved, fresh = (compare(run, shops[1], at()) for run in (read_run(file), shops[0]))
    assert saved.steps == fresh.steps
    assert saved.keys == fresh.keys


PLANNED: dict[str, object] = {
    "constraints.compute": ["ec2"],
    "constraints.instance_families": ["m7g"],
    "constraints.commitments": [
        "on_demand",
        "compute_savings_plan_1yr_no_upfront",
        "database_savings_plan_1yr_no_upfront",
    ],
}


def test_plans_are_a_step_of_their_own_and_the_parts_still_add_up() -> None:
    """The same shop and designs, of which one buys plans: the bills before plans are equal, the costs are not."""
    planned = run_of(PLANNED)
    plain = run_of({**PLANNED, "constraints.commitments": ["on_demand"]})
    assert planned.plan
    assert planned.monthly_usd == plain.monthly_usd
    found = compare(plain, planned, at())
    assert parts(found) == {
        "price": ZERO,
        "traffic": ZERO,
        "configuration": ZERO,
        "plans": -planned.plan.saves_usd,
        "model": ZERO,
    }
    assert found.more_usd == planned.chosen.effective_monthly_usd - plain.chosen.effective_monthly_usd < 0
    assert total_usd(found.before_billed) == total_usd(found.after_billed) == planned.monthly_usd
    assert [(change.key, change.cause) for change in found.keys] == [("constraints.commitments", Cause.PLANS)]
    with localcontext(EXACT):
        for name, cost in found.after_costs.items():
            moved = sum((step.by_service.get(name, ZERO) for step in found.steps), ZERO)
            assert found.before_costs[name] + moved == cost


def test_plans_add_up_with_everything_else_and_over_several_months(shops: list[Run]) -> None:
    planned = run_of({**PLANNED, "months": 2, "seed": 5, "traffic.monthly_visitors": {"europe": 30_000}})
    for other in shops[:2]:
        for before, after in ((other, planned), (planned, other)):
            found = compare(before, after, at())
            assert parts(found)["plans"] != 0
            with localcontext(EXACT):
                assert sum((step.usd for step in found.steps), ZERO) == found.more_usd
            cost_usd = total_usd(found.after_costs)
            assert abs(cost_usd - after.chosen.effective_monthly_usd) <= Decimal("1e-24")


def test_the_budget_gate_judges_the_cost_that_is_told() -> None:
    planned = run_of(PLANNED)
    found = compare(run_of({**PLANNED, "constraints.commitments": ["on_demand"]}), planned, at())
    assert CONTRAST_METRICS["effective_monthly_usd"].read(found) == total_usd(found.after_costs)
    assert CONTRAST_METRICS["more_usd"].read(found) == found.more_usd
    assert CONTRAST_METRICS["monthly_usd"].read(found) == total_usd(found.after_billed)
    told = "".join(str(part) for part in contrast_tables(found) if hasattr(part, "plain"))
    assert f"{dollars(planned.chosen.effective_monthly_usd)} instead of" in told
    assert f"before plans {dollars(planned.monthly_usd)} instead of {dollars(planned.monthly_usd)}" in told
    after = json.loads(as_json(found))["after"]
    assert Decimal(after["effective_monthly_usd"]) == planned.chosen.effective_monthly_usd
    assert Decimal(after["monthly_usd"]) == planned.monthly_usd
    assert sum(map(Decimal, after["effective_by_service_usd"].values())) == Decimal(
        after["effective_monthly_usd"]
    )


def test_free_allowances_are_price() -> None:
    """Without allowances another processor is chosen: that part alone is configuration."""
    before, after = run_of({}), run_of({"account.free_tier": False})
    found = compare(before, after, at())
    price_usd = parts(found)["price"]
    assert price_usd == rebill(before, BOOK, free_tier=False).billed_cost - before.monthly_usd > 0
    assert parts(found)["traffic"] == 0
    assert parts(found)["configuration"] == after.monthly_usd - before.monthly_usd - price_usd < 0
    assert [change.role for change in found.designs] == ["compute"]
    assert [(change.key, change.cause) for change in found.keys] == [("account.free_tier", Cause.PRICE)]
    with localcontext(EXACT):
        assert sum((shift.monthly_usd for shift in found.prices), ZERO) == price_usd
    sizes = [abs(shift.monthly_usd) for shift in found.prices]
    assert sizes == sorted(sizes, reverse=True)


def test_own_rates_and_supposed_prices_are_price() -> None:
    """Lambda alone is 20 % off, or a quarter dearer: nothing else moves, and Lambda by just that."""
    changes: dict[str, object] = {"account.free_tier": False}
    plain = run_of(changes)
    cost = monthly_costs(plain.charges, plain)["AWS Lambda"]
    dearer = run_of(changes | {"traffic.events": CHANGES["traffic.events"][1]})
    for after, own_rates, ratio in (
        (run_of(changes, rates(20)), rates(20), Decimal("-0.2")),
        (dearer, NO_OWN_RATES, Decimal("0.25")),
    ):
        found = compare(plain, after, at(own_rates=own_rates))
        assert_adds_up(found)
        assert dict(found.steps[0].by_service) == {"AWS Lambda": cost * ratio}
        assert [step.usd for step in found.steps[1:]] == [0, 0, 0]
    assert {change.cause for change in compare(plain, dearer, at()).keys} == {Cause.PRICE}


def test_more_shoppers_are_traffic_and_another_choice_is_configuration() -> None:
    plain = run_of({})
    busier = compare(plain, run_of({"traffic.monthly_visitors": {"europe": 30_000}}), at())
    assert busier.more_usd > 0
    assert parts(busier) == {"price": 0, "traffic": busier.more_usd, "configuration": 0, "model": 0}
    paid: dict[str, object] = {"account.free_tier": False}
    larger = compare(run_of(paid), run_of(paid | {"constraints.lambda_memory_mb": [3008]}), at())
    assert larger.more_usd > 0
    assert parts(larger) == {"price": 0, "traffic": 0, "configuration": larger.more_usd, "model": 0}
    (design,) = larger.designs
    assert design.role == "compute"
    assert ("memory_mb", 512, 3008) in design.settings


def test_traffic_is_a_run_of_the_old_designs_under_the_new_shoppers() -> None:
    """Where B's stack is A's, B is that very run; so its bill is known from elsewhere."""
    before = run_of({"security.kms_keys": 1})
    after = run_of({"security.kms_keys": 4, "traffic.monthly_visitors": {"europe": 30_000}})
    between = run_of({"security.kms_keys": 1, "traffic.monthly_visitors": {"europe": 30_000}})
    assert before.chosen.compute == after.chosen.compute == between.chosen.compute
    found = compare(before, after, at())
    assert parts(found)["traffic"] == between.monthly_usd - before.monthly_usd
    assert parts(found)["configuration"] == after.monthly_usd - between.monthly_usd == 3


def test_what_a_team_sets_stays_with_the_configuration() -> None:
    home, goal = (
        quick_shop({"content.cache_ttl_hours": hours, "content.catalogue_products": products, "seed": seed})
        for hours, products, seed in ((720, 10, 1), (1, 5_000, 2))
    )
    visited = with_traffic_of(home, goal)
    assert (visited.content.cache_ttl_hours, visited.content.catalogue_products, visited.seed) == (
        720,
        5_000,
        2,
    )
    found = compare(*(simulate(scenario, BOOK) for scenario in (home, goal)), at())
    causes = {change.key: change.cause for change in found.keys}
    assert causes == {
        "seed": Cause.TRAFFIC,
        "content.catalogue_products": Cause.TRAFFIC,
        "content.cache_ttl_hours": Cause.CONFIGURATION,
    }


def as_by_another_version(run: Run) -> Run:
    """The run as a version would have saved it that counts twice the requests to keys."""
    (charge,) = [charge for charge in run.charges if charge.sku_meter == "Customer-managed keys"]
    again = replace(charge, resource_name="more-keys")
    whole = run.chosen.monthly_usd + again.billed_cost
    return replace(
        run, version="0.0.9", charges=(*run.charges, again), chosen=replace(run.chosen, monthly_usd=whole)
    )


def test_what_another_version_made_of_the_same_input_is_model() -> None:
    plain, busier = run_of({}), run_of({"traffic.monthly_visitors": {"europe": 30_000}})
    (keys,) = [charge for charge in plain.charges if charge.sku_meter == "Customer-managed keys"]
    assert keys.billed_cost > 0
    old = compare(as_by_another_version(plain), busier, at())
    new = compare(plain, busier, at())
    assert_adds_up(old)
    assert parts(old) == parts(new) | {"model": -keys.billed_cost}
    back = compare(busier, as_by_another_version(plain), at())
    assert_adds_up(back)
    assert parts(back)["model"] == keys.billed_cost
    both = compare(as_by_another_version(plain), as_by_another_version(plain), at())
    assert set(parts(both).values()) == {ZERO}


def test_prices_that_are_gone_leave_all_of_it_together() -> None:
    def gone(_: Run) -> Any:
        raise PriceBookNotFound("the price book is not at hand.")

    before, after = run_of({}), run_of({"traffic.monthly_visitors": {"europe": 30_000}})
    found = compare(before, after, gone)
    assert_adds_up(found)
    assert parts(found) == {"not split": after.monthly_usd - before.monthly_usd}
    assert found.not_split == "the price book is not at hand."
    assert [change.key for change in found.keys] == ["traffic.monthly_visitors.europe"]


def test_a_design_that_is_not_offered_any_more_leaves_the_rest_together() -> None:
    before = run_of({})
    designs = tuple(
        replace(note, settings=note.settings | {"memory_mb": 7}) if note.role == "compute" else note
        for note in before.designs
    )
    after = run_of({"account.free_tier": False, "traffic.monthly_visitors": {"europe": 30_000}})
    found = compare(replace(before, designs=designs), after, at())
    assert_adds_up(found)
    assert list(parts(found)) == ["price", "not split"]
    assert parts(found)["price"] == parts(compare(before, after, at()))["price"] > 0
    assert "offers no compute like" in found.not_split


@pytest.mark.parametrize(("hold_ratio", "found_again"), [(0.01, True), (0.0, False)])
def test_designs_that_only_a_draw_asks_for_are_found_again(hold_ratio: float, found_again: bool) -> None:
    """A run that has to hold in its draws may recommend what its middle inputs alone would not bring up."""
    changes: dict[str, object] = {
        "constraints.compute": ["ec2"],
        "constraints.instance_families": ["t4g"],
        "traffic.monthly_visitors": {"europe": {"low": 30_000, "mid": 60_000, "high": 600_000}},
        "api.cpu_ms_per_call": 60,
        "objectives.hold_ratio": hold_ratio,
    }
    scenario, run = quick_shop(changes), run_of(changes)
    at_home = {design.label for design in ec2.SERVICE.designs(scenario, synthesise(scenario))}
    worlds = [draw_world(scenario, number) for number in range(run.cost_range.draws)]
    world = max(worlds, key=lambda world: world.scenario.traffic.monthly_visitors["europe"])
    there = ec2.SERVICE.designs(world.scenario, synthesise(world.scenario, seed=world.seed))
    larger = next(design for design in there if design.label not in at_home)
    designs = tuple(
        replace(note, label=larger.label, settings=dict(larger.settings()))
        if note.role == "compute"
        else note
        for note in run.designs
    )
    drawn = replace(run, designs=designs)
    found = compare(drawn, drawn, at())
    assert_adds_up(found)
    assert (found.not_split == "") == found_again


def test_a_strategy_that_nobody_knows_cannot_be_stood_up(shops: list[Run]) -> None:
    recovering = shops[-1]
    assert recovering.recovery is not None
    unknown = replace(recovering, recovery=replace(recovering.recovery, strategy="prayer"))
    found = compare(recovering, unknown, at())
    assert_adds_up(found)
    assert list(parts(found)) == ["price", "traffic", "model", "not split"]
    assert "no recovery strategy 'prayer'" in found.not_split


def test_a_damaged_scenario_is_named() -> None:
    run = run_of({})
    with pytest.raises(ScenarioError, match=r"the scenario of run B(.|\n)*traffic: is required"):
        compare(run, replace(run, scenario={"name": "x"}), at())


def test_designs_that_do_not_hold_under_the_other_traffic_are_told() -> None:
    small = run_of({"constraints.delivery": ["flat_rate"], "traffic.monthly_visitors": {"europe": 2_000}})
    large = run_of({"traffic.monthly_visitors": {"europe": 200_000}})
    assert "plan requests" in compare(small, large, at()).overload
    assert compare(large, large, at()).overload == ""


def test_spot_hours_are_billed_again_like_any_other() -> None:
    run = run_of(
        {
            "constraints.compute": ["ec2"],
            "constraints.spot": True,
            "constraints.instance_families": ["m7g"],
            "traffic.monthly_visitors": {"europe": 3_000_000},
            "api.cpu_ms_per_call": 60,
        }
    )
    assert any("(Spot)" in charge.sku_price_id for charge in run.charges)
    assert rebill(run, BOOK).billed_cost == sum(charge.billed_cost for charge in run.charges)
    assert parts(compare(run, run, at()))["model"] == 0
