"""A scenario file -> Scenario, or one error that lists everything wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

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
from costmodel.scenario.model import RegionId, Scenario, Trace

FurtherRules = Callable[[Scenario], Sequence[Rule]]
"""What a valid scenario breaks beyond its own room: names that only another room knows."""

TRACE = "traffic.trace"
TRACE_FILE = f"{TRACE}.file"

REGION = "region"
SECOND_REGION = "network.second_region"

_NEXT_STEP = "Correct these, then type: costmodel scenario check FILE (all keys: costmodel scenario schema)"


TraceFault = Callable[[Trace], ScenarioError | None]
"""What is wrong with the file that a trace names; None when it can be used."""


def _none(scenario: Scenario) -> tuple[Rule, ...]:
    return ()


def _unread(trace: Trace) -> None:
    """Of a trace that only later rooms read."""


def _untold(sentence: str) -> None:
    """Of what nobody asked to hear."""


def load(
    path: Path,
    overrides: Mapping[str, object] | None = None,
    further: FurtherRules = _none,
    fault_of: TraceFault = _unread,
    tell: Callable[[str], None] = _untold,
) -> Scenario:
    """Read and validate one scenario file, and the trace that it names.

    `overrides` replaces values by their path (`region`, `account.free_tier`) before validation;
    None keeps what the file says. A list is entered by number: `traffic.events.0.peak_multiplier`. A region that is the
    file's second one changes places with the file's region, and `tell` hears of it. `further` is asked about a scenario that is valid in itself,
    `fault_of` about its trace, also where the rest is at fault. Trace
    paths are read relative to the scenario file. Raises ScenarioError with every fault.
    """
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    document = read_document(path, SCENARIO)
    exchanged = _exchanged(document.tree, given)
    if exchanged:
        tell(
            f"{given[REGION]} is the scenario's second region, so the two change places: "
            f"{SECOND_REGION} is {exchanged[SECOND_REGION]}."
        )
    document, source = _overridden(document, str(path), given | exchanged)
    trace = _trace_beside(document, path)
    told = _trace_faults(trace, fault_of)
    try:
        scenario = _validate(document, source, further)
    except ScenarioError as error:
        if told is None:
            raise
        raise _together(source, error, told, document.lines) from None
    if told is not None:
        raise _together(source, None, told, document.lines)
    if trace is None:
        return scenario
    return scenario.model_copy(update={"traffic": scenario.traffic.model_copy(update={"trace": trace})})


def loads(text: str, source: str = "scenario") -> Scenario:
    """Validate a scenario given as YAML text; `source` names it in messages. Raises ScenarioError."""
    content = text.encode("utf-8", errors="surrogatepass")
    return _validate(parse_document(content, source, SCENARIO), source, _none)


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


def _exchanged(tree: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, object]:
    """The second region of a shop that is to be served from the one that the file calls second; else nothing.

    A file that names one region twice, or none that there is, stays as it is.
    """
    network, home = tree.get("network"), tree.get(REGION)
    second = network.get("second_region") if isinstance(network, dict) else None
    asked = given.get(REGION)
    if asked is None or asked != second or home == second or home not in get_args(RegionId):
        return {}
    return {} if SECOND_REGION in given else {SECOND_REGION: home}


def _overridden(document: Document, source: str, given: Mapping[str, object]) -> tuple[Document, str]:
    """The document with values replaced, and how messages name it then."""
    tree, lines = document.tree, document.lines
    for path, value in given.items():
        tree = _replaced(tree, path.split("."), value)
        lines = {place: line for place, line in lines.items() if dotted(place) != path}
    if given:
        source += " with " + ", ".join(f"{path} {short(value)}" for path, value in given.items())
    return replace(document, tree=tree, lines=lines), source


def _validate(document: Document, source: str, further: FurtherRules) -> Scenario:
    try:
        scenario = validate(document.tree, source, document.lines)
        refuse(further(scenario), source, document.lines)
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


def _trace_beside(document: Document, path: Path) -> Trace | None:
    """The trace of a document with its file found from where we are; None without one that could be read."""
    traffic = document.tree.get("traffic")
    told = traffic.get("trace") if isinstance(traffic, dict) else None
    try:
        trace = Trace.model_validate_json(json.dumps(told, default=str), strict=True)
    except ValidationError:
        return None
    return trace.model_copy(update={"file": path.parent / trace.file})


def _trace_faults(trace: Trace | None, fault_of: TraceFault) -> ScenarioError | None:
    """What is wrong with the file of a trace, at the key that names it."""
    if trace is None:
        return None
    try:
        found = trace.file.is_file()
    except OSError:
        found = False
    if not found:
        problem = f"no such file beside the scenario: {trace.file}"
        return ScenarioError(str(trace.file), [Fault(TRACE_FILE, problem)], _NEXT_STEP)
    return fault_of(trace)


def _together(
    source: str, error: ScenarioError | None, told: ScenarioError, lines: Mapping[Place, int]
) -> ScenarioError:
    """One error for a scenario and its trace, whose faults are told at the key of the scenario that names it."""
    by_key = {dotted(place): line for place, line in lines.items()}
    of_trace = [
        fault
        if fault.path.startswith(TRACE)
        else replace(fault, path=TRACE_FILE, problem=_of_file(Path(told.source).name, fault))
        for fault in told.faults
    ]
    placed = [replace(fault, line=by_key.get(fault.path, by_key.get(TRACE))) for fault in of_trace]
    steps = dict.fromkeys((told.next_step, _NEXT_STEP))
    return ScenarioError(source, (*(error.faults if error else ()), *placed), "\n".join(steps))


def _of_file(file_name: str, fault: Fault) -> str:
    """A fault of a trace with its file, and its row where it has one."""
    place = f"{file_name}, {fault.path}" if fault.path else file_name
    return f"{place}: {fault.problem}"
