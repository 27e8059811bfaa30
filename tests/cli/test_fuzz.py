"""Whatever a file holds, a command answers with one of its exit codes and never with a traceback."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel.scenario.examples import find

USAGE = yaml.safe_load((Path(__file__).parents[2] / "docs" / "examples" / "usage.yaml").read_text())
FINDINGS = Path(__file__).parents[2] / "docs" / "examples" / "findings.json"
SCENARIO = yaml.safe_load(find("small-shop").read_text())

STRANGE: list[Any] = [
    None, True, "", "x", "NaN", "-1", "1e400", "2026-11-31", "é" * 50, "[/b]", "\x1b[31m", "${x}", "../../x", -1, 0,
    1, 10**40, 0.5, -0.5, 1e-320, 1e300, [], [[]], {}, [1] * 30, {"low": 3, "mid": 2, "high": 1}, {"": {"": ""}},
]  # fmt: skip
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a tree."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    return [place for key in keys for place in [(tree, key), *places(tree[key])]]


@st.composite
def damaged(draw: st.DrawFn, tree: Any) -> Any:
    """A tree with a few values replaced, removed or renamed, most often near its top."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        found = places(tree)
        if not found:
            break
        container, key = found[draw(st.integers(0, len(found) - 1))]
        action = draw(st.sampled_from(["replace", "remove", "rename"]))
        if action == "replace":
            container[key] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
        elif action == "rename" and isinstance(container, dict):
            container[f"{key}x"] = container.pop(key)
        else:
            del container[key]
    return tree


def answered(outcome: Any) -> None:
    """The design's promise for any input."""
    assert outcome.code in (0, 1, 3), outcome.err
    assert "Traceback" not in outcome.err
    assert "fault in costmodel" not in outcome.err, outcome.err
    if outcome.code:
        assert outcome.out == ""
        assert outcome.err.startswith("Error: ")
        assert "costmodel " in outcome.err or "docs/" in outcome.err


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(tree=damaged(SCENARIO))
def test_any_scenario_is_answered(cli: Any, no_simulation: Any, tmp_path: Path, tree: Any) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(json.dumps(tree))
    checked, simulated = (
        cli("scenario", "check", file),
        cli("simulate", file, "--seed", "3", "--no-free-tier"),
    )
    answered(checked)
    answered(simulated)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(
    content=st.one_of(
        st.binary(max_size=100), st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))
    )
)
@pytest.mark.parametrize("command", [["scenario", "check"], ["price"], ["export", "terraform"]], ids=" ".join)
def test_any_bytes_are_answered(cli: Any, tmp_path: Path, command: list[str], content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    outcome = cli(*command, file)
    answered(outcome)
    assert outcome.code == 1


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(tree=damaged(USAGE), form=st.sampled_from(["table", "json"]))
def test_any_usage_file_is_answered(cli: Any, tmp_path: Path, tree: Any, form: str) -> None:
    file = tmp_path / "usage.yaml"
    file.write_text(json.dumps(tree))
    outcome = cli("price", file, "--format", form)
    answered(outcome)
    if outcome.code == 0 and form == "json":
        assert json.loads(outcome.out)["lines"]


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(data=st.data())
def test_any_run_is_answered(cli: Any, small_shop: Any, tmp_path: Path, data: st.DataObject) -> None:
    tree = json.loads(small_shop.file.read_bytes())
    branch = data.draw(st.sampled_from(sorted(tree)))
    changed = data.draw(damaged({branch: tree[branch]}))
    file = tmp_path / "run.json"
    del tree[branch]
    file.write_text(json.dumps(tree | changed))
    answered(cli("export", "terraform", file, "-o", tmp_path / "tf"))
    answered(cli("advisor", "compare", file, "--from", FINDINGS))


@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(data=st.data())
def test_any_run_is_reported_or_refused(
    cli: Any, small_shop: Any, tmp_path: Path, data: st.DataObject
) -> None:
    tree = json.loads(small_shop.file.read_bytes())
    branch = data.draw(st.sampled_from(sorted(tree)))
    changed = data.draw(damaged({branch: tree[branch]}))
    del tree[branch]
    file = tmp_path / "run.json"
    file.write_text(json.dumps(tree | changed))
    answered(cli("report", "monthly", file, "-o", tmp_path / "reports"))


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(data=st.data())
def test_any_run_is_compared_or_refused(
    cli: Any, small_shop: Any, tmp_path: Path, data: st.DataObject
) -> None:
    """Damaged where a comparison reads: the scenario, the designs and what they are billed."""
    tree = json.loads(small_shop.file.read_bytes())
    branch = data.draw(
        st.sampled_from(["scenario", "designs", "charges", "recovery", "own_rates", "price_book"])
    )
    changed = data.draw(damaged({branch: tree[branch]}))
    file = tmp_path / "run.json"
    del tree[branch]
    file.write_text(json.dumps(tree | changed))
    for arguments in ((small_shop.file, file), (file, small_shop.file)):
        outcome = cli("compare", *arguments, "--format", "json")
        answered(outcome)
        if outcome.code == 0:
            document = json.loads(outcome.out)
            moved = sum(Decimal(step["usd"]) for step in document["steps"])
            assert moved == Decimal(document["more_usd"])
