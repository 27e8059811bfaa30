"""A scenario file -> Scenario, or one error that lists everything wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from costmodel.errors import Fault, ScenarioError
from costmodel.scenario.document import (
    SCENARIO,
    Document,
    Place,
    dotted,
    parse_document,
    read_document,
    short,
)
from costmodel.scenario.faults import faults, rule_faults
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import Scenario

FurtherRules = Callable[[Scenario], Sequence[Rule]]
"""What a valid scenario breaks beyond its own room: names that only another room knows."""

_NEXT_STEP = "Correct these, then type: costmodel scenario check FILE (all keys: costmodel scenario schema)"


def _none(scenario: Scenario) -> tuple[Rule, ...]:
    return ()


def load(
    path: Path, overrides: Mapping[str, object] | None = None, further: FurtherRules = _none
) -> Scenario:
    """Read and validate one scenario file.

    `overrides` replaces values by their path (`region`, `account.free_tier`) before validation;
    None keeps what the file says. A list is entered by number: `traffic.events.0.peak_multiplier`. `further` is asked about a scenario that is valid in itself. Trace
    paths are read relative to the scenario file. Raises ScenarioError with every fault.
    """
    scenario = _validate(read_document(path, SCENARIO), str(path), overrides or {}, further)
    return _with_trace_beside(scenario, path)


def loads(text: str, source: str = "scenario") -> Scenario:
    """Validate a scenario given as YAML text; `source` names it in messages. Raises ScenarioError."""
    content = text.encode("utf-8", errors="surrogatepass")
    return _validate(parse_document(content, source, SCENARIO), source, {}, _none)


def validate(tree: Mapping[str, Any], source: str, lines: Mapping[Place, int] | None = None) -> Scenario:
    """Validate a tree of plain values as strictly as a file. Raises ScenarioError with every fault."""
    try:
        return Scenario.model_validate_json(json.dumps(tree, default=str), strict=True)
    except ValidationError as error:
        raise ScenarioError(source, faults(error, Scenario, lines or {}), _NEXT_STEP) from None


def problem_of(key: str, value: object) -> str:
    """What is wrong with a value of a top-level key whatever else a scenario says; empty when nothing is."""
    try:
        validate({key: value}, "scenario")
    except ScenarioError as error:
        return next((fault.problem for fault in error.faults if fault.path == key), "")
    return ""


def changed(scenario: Scenario, values: Mapping[str, object]) -> Scenario:
    """The same scenario with other values by their paths. Raises ScenarioError with every fault."""
    tree: Any = scenario.model_dump(mode="json", exclude_unset=True)
    for path, value in values.items():
        tree = _replaced(tree, path.split("."), value)
    return validate(tree, scenario.name)


def refuse(rules: Sequence[Rule], source: str, lines: Mapping[Place, int] | None = None) -> None:
    """Raises ScenarioError with every broken rule, if there are any."""
    if rules:
        raise ScenarioError(source, rule_faults(rules, lines or {}), _NEXT_STEP)


def _validate(
    document: Document, source: str, overrides: Mapping[str, object], further: FurtherRules
) -> Scenario:
    given = {path: value for path, value in overrides.items() if value is not None}
    tree, lines = document.tree, document.lines
    for path, value in given.items():
        tree = _replaced(tree, path.split("."), value)
        lines = {place: line for place, line in lines.items() if dotted(place) != path}
    if given:
        source += " with " + ", ".join(f"{path} {short(value)}" for path, value in given.items())
    try:
        scenario = validate(tree, source, lines)
        refuse(further(scenario), source, lines)
    except ScenarioError as error:
        if not document.duplicates:
            raise
        raise ScenarioError(source, (*document.duplicates, *error.faults), _NEXT_STEP) from None
    if document.duplicates:
        raise ScenarioError(source, document.duplicates, _NEXT_STEP)
    return scenario


def _replaced(tree: Any, path: Sequence[str], value: object) -> Any:
    """A copy of a tree with one value replaced, its group made where it is missing.

    Lists are counted from 0. What has no such place stays as it is.
    """
    if not path:
        return value
    key, *rest = path
    if isinstance(tree, list):
        return [
            _replaced(item, rest, value) if str(place) == key else item for place, item in enumerate(tree)
        ]
    if not isinstance(tree, dict | None):
        return tree
    inner = tree or {}
    return inner | {key: _replaced(inner.get(key), rest, value)}


def _with_trace_beside(scenario: Scenario, path: Path) -> Scenario:
    """The scenario with its trace path made relative to where we are, not to the scenario file."""
    trace = scenario.traffic.trace
    if trace is None:
        return scenario
    file = path.parent / trace.file
    try:
        found = file.is_file()
    except OSError:
        found = False
    if not found:
        problem = f"no such file beside the scenario: {file}"
        raise ScenarioError(
            str(path), [Fault("traffic.trace.file", problem, short(str(trace.file)))], _NEXT_STEP
        )
    beside = trace.model_copy(update={"file": file})
    return scenario.model_copy(update={"traffic": scenario.traffic.model_copy(update={"trace": beside})})
