import pickle
from collections.abc import Iterator
from types import NoneType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from costmodel.errors import ScenarioError
from costmodel.scenario.assumptions import assumptions, uncertain_inputs, with_values
from costmodel.scenario.estimate import Range
from costmodel.scenario.load import loads
from costmodel.scenario.model import Scenario

SHOP = """
name: Shop
region: us-east-1
start: 2026-11
traffic:
  monthly_visitors:
    europe: {low: 500, mid: 1000, high: 4000}
    japan: 10
  events:
    - kind: launch
      start: 2026-11-05
    - kind: viral_spike
      start: 2026-11-09
      peak_multiplier: {low: 2, mid: 5, high: 20}
api:
  cpu_ms_per_call: 9
  post_ratio: {low: 0.1, mid: 0.2, high: 0.3}
"""


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for inner in get_args(annotation):
        yield from models(inner)


FIELDS = [
    (part.__name__, name, field) for part in models(Scenario) for name, field in part.model_fields.items()
]


def test_every_default_carries_unit_source_and_date() -> None:
    checked = 0
    for part, name, field in FIELDS:
        default = field.get_default(call_default_factory=True)
        if field.is_required() or isinstance(default, BaseModel | NoneType) or default in ("", ()):
            continue
        extra = field.json_schema_extra
        assert isinstance(extra, dict), f"{part}.{name}"
        assert extra["x_unit"], f"{part}.{name}"
        assert len(str(extra["x_source"])) > 8, f"{part}.{name}"
        assert len(str(extra["x_as_of"])) == len("2026-11"), f"{part}.{name}"
        checked += 1
    assert checked > 70


def test_every_key_is_described() -> None:
    for part, name, field in FIELDS:
        assert field.description or any(models(field.annotation)), f"{part}.{name}"


def test_defaults_in_force_are_those_left_out_at_any_depth() -> None:
    known = {assumption.path: assumption for assumption in assumptions(loads(SHOP))}
    assert "api.cpu_ms_per_call" not in known
    assert "api.post_ratio" not in known
    calls = known["api.calls_per_page_view"]
    assert (calls.value, calls.unit, calls.as_of) == (6.0, "API calls", "2026-11")
    assert calls.source == "engineering guess, range 3 to 12"
    assert known["objectives.api_p95_ms"].value == 300.0
    assert known["months"].value == 1
    assert known["traffic.month_weights"].value == "built in"
    assert "name" not in known
    assert "network.second_region" not in known


def test_a_trace_replaces_the_built_in_profiles_and_brings_its_own_defaults() -> None:
    scenario = loads(SHOP + "content: {}\n")
    traced = loads(SHOP.replace("  events:", "  trace: {file: t.csv}\n  events:"))
    paths = {known.path for known in assumptions(traced)} ^ {known.path for known in assumptions(scenario)}
    assert paths == {
        "traffic.hour_weights",
        "traffic.weekday_weights",
        "traffic.trace.time_column",
        "traffic.trace.value_column",
        "traffic.trace.timezone",
    }


def test_uncertain_inputs_are_found_by_dotted_path() -> None:
    found = uncertain_inputs(loads(SHOP))
    assert {path: (value.low, value.mid, value.high) for path, value in found.items()} == {
        "traffic.monthly_visitors.europe": (500.0, 1000.0, 4000.0),
        "traffic.events.1.peak_multiplier": (2.0, 5.0, 20.0),
        "api.post_ratio": (0.1, 0.2, 0.3),
    }


def test_with_values_replaces_only_what_is_named_and_keeps_assumptions() -> None:
    scenario = loads(SHOP)
    drawn = with_values(
        scenario, {"traffic.monthly_visitors.europe": 700.5, "traffic.events.1.peak_multiplier": 3.0}
    )
    assert drawn.traffic.monthly_visitors == {"europe": 700.5, "japan": 10.0}
    assert not isinstance(drawn.traffic.monthly_visitors["europe"], Range)
    assert drawn.traffic.events[1].peak_multiplier == 3.0
    assert drawn.traffic.events[1].start == scenario.traffic.events[1].start
    assert list(uncertain_inputs(drawn)) == ["api.post_ratio"]
    assert assumptions(drawn) == assumptions(scenario)
    assert with_values(scenario, {}) == scenario


def test_with_values_refuses_what_is_no_range_or_out_of_bounds() -> None:
    scenario = loads(SHOP)
    with pytest.raises(KeyError, match=r"api\.cpu_ms_per_call is no uncertain input"):
        with_values(scenario, {"api.cpu_ms_per_call": 5.0})
    with pytest.raises(ScenarioError, match=r"api\.post_ratio: must be a number from 0 to 1"):
        with_values(scenario, {"api.post_ratio": 1.5})


def test_a_range_that_was_sent_to_another_process_is_the_same() -> None:
    shop = loads(SHOP)
    sent = pickle.loads(pickle.dumps(shop))
    assert sent == shop
    for path, given in uncertain_inputs(shop).items():
        again = uncertain_inputs(sent)[path]
        assert (again.low, again.mid, again.high) == (given.low, given.mid, given.high)
        assert (again.least, again.most) == (given.least, given.most)
