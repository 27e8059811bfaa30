"""What a Terraform attribute's own type and condition say of its value, as far as can be told without Terraform.

A condition is written in Terraform's language, with `{value}` in the attribute's place. Read here are its
clauses that compare the value with a constant or another attribute, ask for whole steps, or look it up in
a list: those that `between`, `one_of` and `also` of the services write. Any other is left to `terraform plan`.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Iterator, Mapping

Value = str | int | float | bool | tuple[str, ...]

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "bool": (bool,),
    "list(string)": (tuple,),
}
"""Types of attributes, and of their values here."""

_COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"| && | \|\| |.', re.DOTALL)
_NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?"
_LITERAL = rf'(?:"[^"\\\x00-\x1f]*"|{_NUMBER})'
_COMPARISON = re.compile(rf"\{{value\}} (>=|<=|==|!=) ({_LITERAL}|true|false|var\.[a-z0-9_.]+)")
_STEPS = re.compile(rf"floor\(\{{value\}}(?: / ({_NUMBER}))?\) == \{{value\}}(?: / \1)?")
_LISTED = re.compile(rf"contains\((\[{_LITERAL}(?:, {_LITERAL})*\]), \{{value\}}\)")


def fits(kind: str, value: Value) -> bool:
    """Whether a value is of a Terraform type. Raises KeyError for an unknown one."""
    return isinstance(value, TYPES[kind]) and isinstance(value, bool) == (kind == "bool")


def may_hold(condition: str, value: Value, others: Mapping[str, Value]) -> bool:
    """Whether no clause that can be read refuses the value; `others` are attributes by name, `var.ec2.min_size`."""
    return all(_holds(clause, value, others) for clause in _clauses(condition))


def _clauses(condition: str) -> Iterator[str]:
    """The clauses that must all hold, also those in parentheses that hold them together."""
    for part in _conjuncts(condition):
        grouped = part.startswith("(") and part.endswith(")")
        yield from _conjuncts(part[1:-1]) if grouped else (part,)


def _conjuncts(condition: str) -> list[str]:
    """The parts of a condition between its outermost `&&`; none where `||` lets one of several be enough."""
    depth, parts = 0, [""]
    for token in _TOKEN.findall(condition):
        depth += (token in "([{") - (token in ")]}")
        if depth == 0 and token == " || ":
            return []
        if depth == 0 and token == " && ":
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _holds(clause: str, value: Value, others: Mapping[str, Value]) -> bool:
    if found := _COMPARISON.fullmatch(clause):
        return _compares(value, found[1], others.get(found[2], _constant(found[2])))
    if (found := _STEPS.fullmatch(clause)) and isinstance(value, int | float):
        step = float(found[1] or 1)
        return not step or value % step == 0
    if found := _LISTED.fullmatch(clause):
        return value in json.loads(found[1])
    return True


def _constant(text: str) -> Value | None:
    """A literal; None for the name of an attribute that is not there."""
    constant: Value | None = None if text.startswith("var.") else json.loads(text)
    return constant


def _compares(value: Value, comparison: str, other: Value | None) -> bool:
    """The comparison; it holds where the two cannot be compared, which Terraform then says."""
    if (
        isinstance(value, str) == isinstance(other, str)
        and not isinstance(value, tuple)
        and other is not None
    ):
        return bool(_COMPARISONS[comparison](value, other))
    return True
