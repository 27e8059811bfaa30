"""What pydantic refuses, said so that a shop owner can correct it: place, what would be valid, value, line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from costmodel.errors import Fault
from costmodel.scenario.document import Document, Form, Place, dotted, parse_document, short
from costmodel.scenario.fields import Rule

_PLAIN = {
    "bool_type": "must be true or false",
    "string_type": "must be text; put it in quotes",
    "path_type": "must be the name of a file, in quotes",
    "string_pattern_mismatch": "must be plain text without special characters",
    "tuple_type": "must be a list, such as [a, b]",
}


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], content: bytes, source: str, form: Form, next_step: str) -> M:
    """A YAML file's content as a model; `source` names it in messages. Raises the form's error with every fault."""
    part, found = modelled(model, parse_document(content, source, form))
    if part is None or found:
        raise form.error(source, found, next_step)
    return part


def modelled(model: type[M], document: Document) -> tuple[M | None, tuple[Fault, ...]]:
    """A document as a model, None where it is not one, and every fault of it."""
    try:
        return model.model_validate(document.tree), document.duplicates
    except ValidationError as error:
        return None, (*document.duplicates, *faults(error, model, document.lines))


def faults(error: ValidationError, model: type[BaseModel], lines: Mapping[Place, int]) -> tuple[Fault, ...]:
    """Every fault of a document that `model` refused, in the order of its lines."""
    told = [details for details in error.errors(include_url=False) if _tells(details)]
    found = [fault for details in told for fault in _unpack(details, model, lines)]
    return tuple(sorted(found, key=lambda fault: fault.line or 0))


def _tells(details: ErrorDetails) -> bool:
    """Not when pydantic calls a list too short because every entry of it is already at fault."""
    return details["type"] != "too_short" or not details["input"]


def part_at(model: type[BaseModel], place: Sequence[str | int]) -> Any:
    """The annotation that governs `place`, or None where the model has no such place.

    Among parts told apart by their kind, the kind stands in `place` after the part's number.
    """
    annotation: Any = model
    for key in place:
        annotation = _step(annotation, key)
    return annotation


def models_in(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The models inside an annotation such as `Trace | None` or `tuple[Event, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for inner in get_args(annotation) for model in models_in(inner))


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The one model inside an annotation; None where there is none, or several told apart by kind."""
    models = models_in(annotation)
    return models[0] if len(models) == 1 else None


def kinds_of(part: type[BaseModel]) -> tuple[str, ...]:
    """The kinds that a part among several can be of."""
    return get_args(part.model_fields["kind"].annotation)


def _step(annotation: Any, key: str | int) -> Any:
    parts = models_in(annotation)
    if not parts or isinstance(key, int):
        return annotation if parts else None
    if len(parts) > 1:
        return next((part for part in parts if key in kinds_of(part)), None)
    field = keys_of(parts[0]).get(key)
    return field.annotation if field else None


def _in_file(place: Place, model: type[BaseModel]) -> Place:
    """A place without the kinds in it, as a file has it."""
    return tuple(
        key
        for position, key in enumerate(place)
        if isinstance(key, int) or len(models_in(part_at(model, place[:position]))) < 2
    )


def keys_of(part: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a part by the key that a file gives them."""
    return {field.alias or name: field for name, field in part.model_fields.items()}


def _unpack(details: ErrorDetails, model: type[BaseModel], lines: Mapping[Place, int]) -> list[Fault]:
    place = tuple(key for key in details["loc"] if key != "[key]")
    in_file = _in_file(place, model)
    context = details.get("ctx", {})
    kind = details["type"]
    if kind == "rules":
        return rule_faults(context["rules"], lines, in_file)
    if kind == "union_tag_not_found":
        options = ", ".join(kind for part in models_in(part_at(model, place)) for kind in kinds_of(part))
        return [_fault((*in_file, "kind"), f"is required: one of {options}", "", lines)]
    if kind == "union_tag_invalid":
        given = details["input"]["kind"]
        problem = _choice(context["expected_tags"], given, is_key=False)
        return [_fault((*in_file, "kind"), problem, short(given), lines)]
    value = "" if kind in {"missing", "extra_forbidden"} else short(details["input"])
    return [_fault(in_file, _problem(details, place, model), value, lines)]


def rule_faults(rules: Iterable[Rule], lines: Mapping[Place, int], part: Place = ()) -> list[Fault]:
    """Broken rules of the part at a place as faults."""
    return [
        _fault((*part, *rule.place), rule.problem, "" if rule.value is None else short(rule.value), lines)
        for rule in rules
    ]


def _fault(place: Place, problem: str, value: str, lines: Mapping[Place, int]) -> Fault:
    known = (lines[place[:size]] for size in range(len(place), 0, -1) if place[:size] in lines)
    return Fault(dotted(place) or "file", problem, value, next(known, None))


def _problem(details: ErrorDetails, place: Place, model: type[BaseModel]) -> str:
    kind = details["type"]
    context = details.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "extra_forbidden":
        return _unknown_key(place, model)
    if kind == "missing":
        return _missing(place, model)
    if kind == "literal_error":
        return _choice(context["expected"], details["input"], is_key=details["loc"][-1] == "[key]")
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        return _group(place, model)
    if kind == "too_short":
        if isinstance(details["input"], dict):
            return "must name at least one; see the valid keys with: costmodel scenario schema"
        return "must hold at least one entry"
    if kind in {"too_long", "string_too_long"}:
        return f"must hold at most {context['max_length']}" + (
            " characters" if "string" in kind else " entries"
        )
    if kind == "string_too_short":
        return "must not be empty"
    return details["msg"]


def _unknown_key(place: Place, model: type[BaseModel]) -> str:
    part = model_in(part_at(model, place[:-1])) or model
    keys = keys_of(part)
    where = (
        dotted(_in_file(place[:-1], model))
        or f"a {re.sub('(?<=[a-z])(?=[A-Z])', ' ', model.__name__).lower()}"
    )
    return f"unknown key{did_you_mean(place[-1], keys)}; valid keys of {where}: {', '.join(keys)}"


def _missing(place: Place, model: type[BaseModel]) -> str:
    part = model_in(part_at(model, place[:-1])) or model
    field = keys_of(part)[str(place[-1])]
    inner = model_in(field.annotation)
    meaning = field.description or (inner.__doc__ if inner else "") or ""
    return f"is required: {meaning.strip().rstrip('.')}"


def _group(place: Place, model: type[BaseModel]) -> str:
    annotation = part_at(model, place)
    parts = models_in(annotation)
    keys = ", ".join(dict.fromkeys(key for part in parts for key in keys_of(part)) or _literals(annotation))
    return f"must be a group of keys: {keys}".removesuffix(": ")


def _literals(annotation: Any) -> list[str]:
    """Every literal text named anywhere in an annotation, such as the keys of `dict[Literal[...], float]`."""
    return [
        text
        for inner in get_args(annotation)
        for text in ([inner] if isinstance(inner, str) else _literals(inner))
    ]


def _choice(expected: str, value: Any, *, is_key: bool) -> str:
    options = re.findall(r"'([^']*)'", expected)
    lead = "unknown name" if is_key else "must be one of the names below"
    return f"{lead}{did_you_mean(value, options)}; valid: {', '.join(options)}"


def did_you_mean(value: Any, options: Any) -> str:
    """` (did you mean x?)`, forgiving case, spaces and dashes; empty when nothing is near."""
    word = re.sub(r"[\s-]+", "_", str(value).lower())
    plain = {re.sub(r"[\s-]+", "_", option.lower()): option for option in options}
    longer = [option for option in plain if len(word) > 2 and option.startswith(word)]
    near = longer or difflib.get_close_matches(word[:80], plain, 1, 0.6)
    return f" (did you mean {plain[near[0]]}?)" if near else ""
