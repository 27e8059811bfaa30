"""The scenario format for machines (JSON Schema) and for people (a reference page), from the model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from costmodel.scenario.estimate import describe_bounds
from costmodel.scenario.faults import kinds_of, models_in
from costmodel.scenario.model import Scenario

_HEAD = """# Scenario reference

Every key of a scenario file, made from the model by `costmodel.scenario.schema.reference_page`.
Keys without a default must be given. A number marked *range* also takes `{low: 1, mid: 2, high: 4}`,
read as the 10th percentile, the median and the 90th percentile. Units in names: `_ratio` is a share
from 0 to 1, `_kb` and `_mb` are 1 024 and 1 048 576 bytes. An "engineering guess" is a default nobody
measured: replace it first. `costmodel scenario schema` prints the same as JSON Schema.
"""


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scenario file; descriptions tell unit, default and source."""
    schema = Scenario.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        for entry in part.get("properties", {}).values():
            entry.pop("title", None)
            if "x_source" in entry:
                entry["description"] = f"{entry['description']} {_default_sentence(entry)}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _default_sentence(entry: dict[str, Any]) -> str:
    default = "built in," if entry["default"] is None else json.dumps(entry["default"])
    return f"Default {default} {entry['x_unit']}. Source: {entry['x_source']} ({entry['x_as_of']})."


def reference_page() -> str:
    """The text of `docs/scenario.md`: every key with meaning, unit, default, bounds and source."""
    schema = Scenario.model_json_schema()
    sections = "".join(
        _section(heading, part, schema) for heading, part in _parts(Scenario, "", "Top of the file")
    )
    return f"{_HEAD}{sections}"


def _parts(part: type[BaseModel], path: str, heading: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield heading, part
    for name, field in part.model_fields.items():
        inners = models_in(field.annotation)
        below = f"{path}.{name}" if path else name
        for inner in inners:
            kinds = f" of kind {', '.join(kinds_of(inner))}" if len(inners) > 1 else ""
            yield from _parts(inner, below, f"`{below}`{kinds}")


def _section(heading: str, part: type[BaseModel], schema: dict[str, Any]) -> str:
    properties = (schema if part is Scenario else schema["$defs"][part.__name__])["properties"]
    rows = "".join(_row(name, field, properties[name]) for name, field in part.model_fields.items())
    columns = "| key | meaning | takes | default | source |\n|---|---|---|---|---|\n"
    return f"\n## {heading}\n\n{cleandoc(part.__doc__ or '')}\n\n{columns}{rows}"


def _row(name: str, field: FieldInfo, entry: dict[str, Any]) -> str:
    inners = models_in(field.annotation)
    meaning = field.description or (inners[0].__doc__ if inners else "") or ""
    takes = "the keys of its section below" if inners else _takes(entry)
    cells = [f"`{name}`", meaning.strip(), takes, _default(field, entry), _source(entry)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _takes(entry: dict[str, Any]) -> str:
    if "anyOf" in entry:
        options = [option for option in entry["anyOf"] if option.get("type") != "null"]
        ranged = any("low" in option.get("properties", {}) for option in options)
        return _takes(options[0]) + (", *range*" if ranged else "")
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return ", ".join(f"`{option}`" for option in entry["enum"])
    if entry.get("type") == "array":
        return f"list: {_takes(entry['items'])}"
    if entry.get("type") == "object":
        return f"{_takes(entry['propertyNames'])}, each {_takes(entry['additionalProperties'])}"
    if entry.get("type") in {"number", "integer"}:
        kind = "number" if entry["type"] == "number" else "whole number"
        return f"{kind} {describe_bounds(entry['minimum'], entry['maximum'])}"
    return {"boolean": "`true`, `false`"}.get(entry["type"], "text")


def _default(field: FieldInfo, entry: dict[str, Any]) -> str:
    if field.is_required():
        return "required"
    if "x_unit" not in entry:
        return "none"
    value = entry["default"] if entry["default"] is not None else "built in"
    shown = ", ".join(map(str, value)) if isinstance(value, list) else json.dumps(value).strip('"')
    return f"{shown} ({entry['x_unit']})"


def _source(entry: dict[str, Any]) -> str:
    return f"{entry['x_source']} ({entry['x_as_of']})" if "x_source" in entry else ""
