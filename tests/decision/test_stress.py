"""Where a growing load breaks each tier: factors worked out by hand, and what bisection cannot see."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from costmodel.capacity.energy import Energy
from costmodel.capacity.relational import speed_of
from costmodel.capacity.result import NO_LATENCY, Capacity, Limit
from costmodel.decision.candidate import Candidate, SimulatedDesign
from costmodel.decision.search import search, simulate_design
from costmodel.decision.stress import LADDER, PRECISION, Finding, side_by_side, stress
from costmodel.demand.demand import Demand
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.scenario.model import Scenario
from costmodel.services._base import TIER_ROLES, Footprint, Reliability, Role, TierDesign
from costmodel.services.registry import TIER_SERVICES

BOOK = PriceBook.shipped()
MINUTES_OF_FEBRUARY = 28 * 1440
PAGES_PER_VISITOR = 1.3 * 5


def shop(visitors: float = 60_000, **parts: object) -> Scenario:
    """A shop whose load is the same in every minute, but for counting; objectives that only failures break."""
    tree: dict[str, object] = {
        "name": "a shop",
        "region": "eu-west-1",
        "start": "2026-02",
        "traffic": {
            "monthly_visitors": {"europe": visitors},
            "hour_weights": [1] * 24,
            "weekday_weights": [1] * 7,
            "month_weights": [1] * 12,
            "minute_noise_ratio": 0,
            "drift_ratio": 0,
        },
        "rendering": {"jobs_per_1000_page_views": 0},
        "objectives": {"api_p95_ms": 9_000, "api_p99_ms": 9_500, "error_ratio": 0.002},
    }
    return validate(tree | parts, "test")


def calls_per_s(visitors: float) -> float:
    """Six calls a page."""
    return visitors * PAGES_PER_VISITOR / MINUTES_OF_FEBRUARY / 60 * 6


def design_of(scenario: Scenario, kind: str, **settings: object) -> TierDesign:
    demand = synthesise(scenario)
    designs = [design for service in TIER_SERVICES for design in service.designs(scenario, demand)]
    fitting = [
        design
        for design in designs
        if design.kind == kind and all(getattr(design, name) == value for name, value in settings.items())
    ]
    return fitting[0]


@dataclass(frozen=True)
class Fake:
    """A tier that fails every call while the busiest minute lies in a band of page views."""

    role: Role
    fails_from: float = float("inf")
    fails_to: float = float("inf")
    kind: str = "fake"
    label: str = "a fake tier"
    reliability: Reliability = field(default=Reliability(1.0, "a test"))

    def simulate(self, demand: Demand) -> Capacity:
        failing = self.fails_from <= demand.total_page_views.max() <= self.fails_to
        zeros = np.zeros(demand.minutes)
        return Capacity(
            zeros,
            zeros,
            demand.api_requests,
            demand.api_requests if failing else zeros,
            NO_LATENCY,
            float("inf"),
            remedy="a real tier",
        )


def candidate_of(scenario: Scenario, *designs: TierDesign | Fake) -> Candidate:
    """The designs as a candidate, with fakes that never fail in the other roles."""
    demand = synthesise(scenario)
    tiers = {}
    for role in TIER_ROLES:
        design = next((design for design in designs if design.role is role), Fake(role))
        summary = design.simulate(demand).summary()
        tiers[role.value] = SimulatedDesign(design, summary, (), Footprint.none(demand.days), Energy())
    return Candidate(**tiers)


def finding(scenario: Scenario, *designs: TierDesign | Fake, part: str) -> Finding:
    (found,) = stress(scenario, [candidate_of(scenario, *designs)])
    return next(finding for finding in found.findings if finding.part == part)


def check(found: Finding, factor: float, constraint: str) -> float:
    """Compare with a factor worked out by hand; gives the error."""
    assert found.first is not None
    assert found.first.limit.constraint == constraint
    assert found.first.limit.broken
    assert found.held_factor < found.first.factor <= found.held_factor * PRECISION
    assert found.heals_at_factor is None
    assert found.first.factor == pytest.approx(factor, rel=0.01)
    return abs(found.first.factor / factor - 1)


def record(model_row, part: str, rule: str, oracle: str, error: float) -> None:
    model_row(
        "Stress",
        part,
        rule=rule,
        source="the sources of the limits themselves",
        oracle=oracle,
        tolerance="1 %",
        observed_error=error,
    )


def test_dynamodb_breaks_at_the_throughput_of_its_hottest_key(model_row) -> None:
    """A call reads 2 items of 2 KB, a fifth of them consistently: 2 x (0.2 x 1 + 0.8 x 0.5) = 1.2 units, and a
    tenth of that goes to one key: 3 000 / (0.1 x 1.2) = 25 000 calls a second."""
    visitors = 4_000_000
    scenario = shop(
        visitors,
        database={"hottest_key_ratio": 0.1, "writes_per_call": 0},
        constraints={"database": ["dynamodb_on_demand"]},
    )
    found = finding(scenario, design_of(scenario, "dynamodb_on_demand"), part="database")
    error = check(found, 25_000 / calls_per_s(visitors), "reads of the hottest key")
    assert "hottest_key_ratio" in found.first.limit.way_out
    assert found.first.peak.api_calls_per_s == pytest.approx(25_000, rel=0.01)
    record(
        model_row, "DynamoDB hot key", "3 000 read units of one partition", "25 000 calls/s by hand", error
    )


def test_dynamodb_breaks_at_the_quota_of_a_table(model_row) -> None:
    """40 000 units / 1.2 = 33 333 calls a second."""
    visitors = 4_000_000
    scenario = shop(
        visitors,
        database={"hottest_key_ratio": 0, "writes_per_call": 0},
        constraints={"database": ["dynamodb_on_demand"]},
        objectives={"api_p95_ms": 9_000, "api_p99_ms": 9_500, "error_ratio": 0.1},
    )
    found = finding(scenario, design_of(scenario, "dynamodb_on_demand"), part="database")
    error = check(found, 33_333 / calls_per_s(visitors), "table read quota")
    assert found.first.limit.way_out.startswith("AWS quota")
    record(
        model_row, "DynamoDB table quota", "40 000 read units of one table", "33 333 calls/s by hand", error
    )


def test_rds_breaks_when_its_processors_are_full(model_row) -> None:
    """A call needs 2 reads x 0.25 ms + 0.15 writes x 1.25 ms = 0.6875 ms of one m5 vCPU. A db.m7g.large has 2 vCPUs of their own speed;
    beyond 100 % the backlog of a flat load grows without end, until calls wait longer than any objective."""
    visitors = 8_000_000
    scenario = shop(
        visitors,
        constraints={"database": ["rds"], "database_families": ["m7g"]},
        database={"stored_gb": 5, "growth_gb_per_month": 0, "io_per_write": 0},
    )
    design = design_of(scenario, "rds", instance_class="db.m7g.large", read_replicas=0, multi_az=True)
    full_per_s = 2 * speed_of(design.instance, "postgresql") * 1000 / 0.6875
    found = finding(scenario, design, part="database")
    error = check(found, full_per_s / calls_per_s(visitors), "API latency, 99th percentile")
    assert "larger instance class" in found.first.limit.way_out
    record(
        model_row,
        "RDS processors",
        "calls wait without end over 100 % of the CPU",
        "vCPU-ms over ms of a call, by hand",
        error,
    )


def test_a_plan_breaks_at_its_requests(model_row) -> None:
    """Requests of a month at the scenario's own load, into the plan's allowance."""
    scenario = shop(5_000, constraints={"delivery": ["flat_rate"]})
    design = design_of(scenario, "flat_rate")
    (requests, *_) = design.limits(synthesise(scenario))
    found = finding(scenario, design, part="delivery")
    # A page brings 15 static requests and 6 calls, and 0.5 x 0.3 x 1.3 x 0.98 models.
    by_hand = 5_000 * PAGES_PER_VISITOR * (15 + 6 + 0.5 * 0.3 * 1.3 * 0.98)
    assert requests.observed == pytest.approx(by_hand, rel=0.01)
    error = check(found, requests.limit / by_hand, "plan requests")
    record(model_row, "Flat-rate plan", "requests of a month", "requests a page by hand", error)


def test_paid_delivery_breaks_at_the_quota_of_a_distribution() -> None:
    """250 000 requests a second at 21.2 a page."""
    visitors = 40_000_000
    scenario = shop(visitors, content={"static_kb_per_page_view": 1, "viewer_open_ratio": 0})
    found = finding(scenario, design_of(scenario, "pay_as_you_go"), part="delivery")
    pages_per_s = visitors * PAGES_PER_VISITOR / MINUTES_OF_FEBRUARY / 60
    check(found, 250_000 / (21 * pages_per_s), "requests in the busiest minute")


def test_a_load_balancer_has_no_published_ceiling() -> None:
    scenario = shop()
    found = finding(scenario, design_of(scenario, "alb", serves="lambda"), part="load_balancer")
    assert (found.first, found.held_factor) == (None, LADDER[-1])


def test_the_weakest_tier_decides_and_the_way_out_is_its_own() -> None:
    scenario = shop(1_000_000)
    most = synthesise(scenario).total_page_views.max()
    weak, strong = Fake(Role.COMPUTE, fails_from=5 * most), Fake(Role.DATABASE, fails_from=20 * most)
    (found,) = stress(scenario, [candidate_of(scenario, weak, strong)])
    parts = {finding.part: finding for finding in found.findings}
    assert list(parts) == ["compute", "load_balancer", "database", "delivery", "rendering", "together"]
    assert found.weakest is parts["compute"]
    assert found.peak.page_views_per_s == pytest.approx(most / 60)
    # Counting scatters less at a higher rate, so that five times the peak needs a bit more than five times the load.
    assert parts["compute"].first.factor == pytest.approx(5, rel=0.25)
    assert parts["compute"].first.factor > 5
    assert parts["together"].first.factor == parts["compute"].first.factor
    assert parts["compute"].first.limit.way_out == "a real tier; or objectives.error_ratio"


def test_a_break_that_heals_is_told() -> None:
    scenario = shop(1_000_000)
    most = synthesise(scenario).total_page_views.max()
    found = finding(scenario, Fake(Role.COMPUTE, fails_from=3 * most, fails_to=5 * most), part="compute")
    assert found.first is not None
    assert found.first.factor < 5
    assert found.heals_at_factor == 8


def test_what_breaks_at_the_scenarios_own_load_has_never_held() -> None:
    found = finding(shop(), Fake(Role.DATABASE, fails_from=0), part="database")
    assert found.first is not None
    assert (found.held_factor, found.first.factor) == (0, 1)


def test_the_recommendation_stands_beside_every_other_kind() -> None:
    scenario = shop(
        constraints={
            "instance_families": ["m7g"],
            "database": ["dynamodb_on_demand", "rds"],
            "database_families": ["t4g"],
        }
    )
    result = search(scenario, synthesise(scenario), BOOK)
    candidates = side_by_side(result.best, result.rivals)
    assert candidates[0] is result.best.candidate
    kinds = {kind for candidate in candidates for kind in candidate.kinds}
    assert kinds >= {"ec2", "lambda", "rds", "dynamodb_on_demand", "pay_as_you_go", "flat_rate"}
    found = stress(scenario, candidates)
    assert found == stress(scenario, candidates)
    for one in found:
        whole = one.findings[-1].first
        if whole is not None and one.weakest.first is not None:
            assert one.weakest.first.factor <= whole.factor


def test_a_way_out_names_remedy_and_key() -> None:
    limit = Limit("x", 2, 1, "y")
    assert limit.way_out == "nothing: it is fixed"
    assert replace(limit, key="a.b").way_out == "a.b"
    assert replace(limit, key="a.b", remedy="more").way_out == "more; or a.b"


def test_designs_run_as_the_search_runs_them() -> None:
    scenario = shop()
    design = design_of(scenario, "alb", serves="lambda")
    (found,) = stress(scenario, [candidate_of(scenario, design)])
    own = simulate_design(design, synthesise(scenario)).capacity.peak_requests_per_s
    assert found.peak.api_calls_per_s == pytest.approx(own)
