"""Whatever a file holds, reading it gives a Scenario or one ScenarioError that can be acted on."""

import copy
import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import ScenarioError
from costmodel.scenario.assumptions import assumptions, with_values
from costmodel.scenario.document import SCENARIO, parse_document
from costmodel.scenario.examples import examples
from costmodel.scenario.load import loads, validate
from costmodel.scenario.model import Scenario

TEXTS = [example.path.read_bytes() for example in examples()]
TREES = [parse_document(text, "shop.yaml", SCENARIO).tree for text in TEXTS]
EVENTS = [
    {"kind": "regional_outage", "start": "2026-11-05", "hold_minutes": {"low": 60, "mid": 240, "high": 600}},
    {"kind": "price_list_change", "start": "2026-11-01", "service": "AmazonEC2", "change_ratio": 0.05},
    {"kind": "bot_scrape", "start": "2026-11-06", "peak_multiplier": 4},
]
TREES += [
    {
        "name": "Events",
        "region": "us-east-1",
        "start": "2026-11",
        "traffic": {"monthly_visitors": {"europe": 1000}, "events": EVENTS},
        "constraints": {
            "lambda_memory_mb": [640],
            "read_replicas": [2],
            "min_instances": 2,
            "max_instances": 4,
        },
    }
]
STRANGE: list[Any] = [
    None, True, False, "", "x", "5", "yes", "2026-11-31", "a\nb", "é" * 90, -1, 0, 1, 10**40, -(10**40), 0.5, -0.5,
    1e-320, 1e300, float("nan"), float("inf"), -float("inf"), [], [[]], {}, [1] * 30, {"low": 1, "mid": 2, "high": 3},
    {"low": 3, "mid": 2, "high": 1}, {"low": "x", "mid": None, "high": []}, {"": {"": ""}},
]  # fmt: skip
FRAGMENTS = [
    b"\x00", b"\xff", b"\t", b"\n", b"---\n", b"&a ", b"*a", b"!!x ", b"{", b"}", b"[", b"]", b": ", b"- ", b"'", b'"',
    b"|", b">", b"%", b"@", b"? ", b"\\", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"1e999", b".nan", b"<<: ", b"\r", b"#",
]  # fmt: skip


def acceptable(outcome: Scenario | ScenarioError) -> None:
    if isinstance(outcome, Scenario):
        assert assumptions(outcome)
        assert with_values(outcome, {}) == outcome
        return
    assert outcome.faults
    assert all(fault.path and fault.problem for fault in outcome.faults)
    assert "costmodel scenario" in str(outcome).splitlines()[-1]
    assert len(str(outcome)) < 300_000


def read(content: bytes) -> Scenario | ScenarioError:
    try:
        tree = parse_document(content, "shop.yaml", SCENARIO)
        return validate(tree.tree, "shop.yaml", tree.lines)
    except ScenarioError as error:
        return error


def check(tree: Any) -> Scenario | ScenarioError:
    try:
        return validate(tree, "shop.yaml")
    except ScenarioError as error:
        return error


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a tree."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    found: list[tuple[Any, Any]] = []
    for key in keys:
        found.append((tree, key))
        found += places(tree[key])
    return found


def mutate(tree: Any, chance: random.Random) -> Any:
    tree = copy.deepcopy(tree)
    for _ in range(chance.randint(1, 4)):
        container, key = chance.choice(places(tree) or [({"x": 1}, "x")])
        action = chance.randrange(4)
        if action == 0:
            del container[key]
        elif action == 1:
            container[key] = copy.deepcopy(chance.choice(STRANGE))
        elif action == 2 and isinstance(container, dict):
            container[f"{key}x"] = container.pop(key)
        else:
            number = container[key]
            if isinstance(number, int | float):
                container[key] = number * chance.choice([-1, 0, 1e-9, 1e6, 1e30, 10**20])
    return tree


def test_thousands_of_broken_trees_are_answered() -> None:
    chance = random.Random(2)
    refused = 0
    for _ in range(2_500):
        outcome = check(mutate(chance.choice(TREES), chance))
        acceptable(outcome)
        refused += isinstance(outcome, ScenarioError)
    assert 1_000 < refused < 2_500


def test_broken_bytes_are_answered() -> None:
    chance = random.Random(3)
    for _ in range(250):
        text = chance.choice(TEXTS)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(text) + 1)
            until = at + chance.choice([0, 0, 1, 5, 200])
            text = text[:at] + chance.choice(FRAGMENTS) + text[until:]
        acceptable(read(text))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
    )
)
def test_any_bytes_are_answered(content: bytes) -> None:
    acceptable(read(content))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["traffic", "api", "name", "low", "mid", "high", "events", "x"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_any_tree_is_answered(tree: Any) -> None:
    acceptable(check({"name": "x", "traffic": tree, "api": tree, "constraints": tree}))


def test_a_valid_scenario_survives_being_written_as_json() -> None:
    for tree in TREES:
        assert loads(json.dumps(tree)) == validate(tree, "shop.yaml")
