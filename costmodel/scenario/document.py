"""YAML text -> plain tree, strictly: what a YAML file may not do to us, it may not do.

Built on the events of `yaml.SafeLoader`, so that no tag is ever constructed, and size, depth
and duplicate keys are checked while reading; there are no anchors and aliases, so no alias bombs.
One reader serves every file we take; a `Form` says how large one may be and how its unquoted words
are read: as JSON's scalars (`as_json`) or, where money is exact, as the text of their numbers (`as_text`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from costmodel.errors import Fault, FaultyInput, ScenarioError
from costmodel.units import BYTES_PER_MB

MAX_DEPTH = 12

Scalar = str | int | float | bool | None
Place = tuple[str | int, ...]
"""Keys and positions from the top of a document to one value."""

_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_CONSTANTS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]{3})*)")
_FLOAT = re.compile(
    r"[-+]?((0|[1-9][0-9]*(_[0-9]{3})*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+]?[0-9]+)?|\.inf)|\.nan"
)
_LONGEST_INT = 30
"""Digits beyond which a whole number is read as a float: every bound refuses it either way."""


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of file: its limits, how its words are read, and what its errors say."""

    name: str
    """What such a file is called: `scenario`."""
    error: type[FaultyInput]
    resolve: Callable[[str], Scalar]
    """Reads an unquoted word."""
    max_bytes: int
    max_nodes: int
    """Values in one file."""
    first_key: str
    """How such a file may begin."""
    example: str
    """Where to find one that works."""


@dataclass(frozen=True, slots=True)
class Document:
    """A tree of dict, list, str, int, float, bool and None, and where each value stands."""

    tree: dict[str, Any]
    lines: dict[Place, int]
    """Line of each value, counted from 1."""
    duplicates: tuple[Fault, ...]
    """Keys given twice; the tree holds the first."""


def read_document(path: Path, form: Form) -> Document:
    """Read one YAML file. Raises the form's error when the file cannot be read or is not one YAML mapping."""
    return parse_document(read_bytes(path, form), str(path), form)


def read_bytes(path: Path, form: Form) -> bytes:
    """The content of a file, up to one byte more than the form allows. Raises the form's error."""
    try:
        if not path.is_file():
            problem = "is a folder, not a file" if path.is_dir() else "no such file"
            raise form.error(
                str(path), [Fault("file", problem)], f"Check the path. One that works: {form.example}"
            )
        with path.open("rb") as stream:
            return stream.read(form.max_bytes + 1)
    except (OSError, ValueError) as reason:
        raise form.error(
            repr(str(path))[1:-1],
            [Fault("file", f"cannot be read: {getattr(reason, 'strerror', None) or reason}")],
            f"Check the path and its permissions. One that works: {form.example}",
        ) from None


def parse_document(content: bytes, source: str, form: Form) -> Document:
    """Parse the bytes of one YAML file; `source` names it in messages. Raises the form's error."""
    try:
        return _Composer(_decode(content, form), form).document()
    except _Broken as broken:
        step = f"Correct that place first. A working file to compare with: {form.example}"
        raise form.error(source, [broken.fault], step) from None


class _Broken(Exception):
    """The text stops being readable at one place."""

    def __init__(self, problem: str, line: int = 0, column: int = 0, value: str = "") -> None:
        place = f"line {line}, column {column}" if line else "file"
        self.fault = Fault(place, problem, value)
        super().__init__(problem)


def _decode(content: bytes, form: Form) -> str:
    if len(content) > form.max_bytes:
        raise _Broken(f"is larger than {form.max_bytes // BYTES_PER_MB} MiB; no {form.name} is")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        before = content[: reason.start]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        raise _Broken("is not UTF-8 text; save the file as UTF-8", line, column) from None
    bad = _NOT_TEXT.search(text)
    if bad:
        line, column = _position(text, bad.start())
        raise _Broken(
            "a control character that text may not hold; delete it", line, column, ascii(bad.group())[1:-1]
        )
    return text


def _position_of(event: yaml.Event) -> tuple[int, int]:
    """Line and column of an event, counted from 1; zeros where the parser does not tell."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


@dataclass(slots=True)
class _Composer:
    """Builds the tree from parser events, one pass, bounded in depth and in values."""

    text: str
    form: Form
    lines: dict[Place, int] = field(default_factory=dict)
    duplicates: list[Fault] = field(default_factory=list)
    nodes: int = 0
    events: Iterator[yaml.Event] = field(init=False)

    def document(self) -> Document:
        self.events = self._events()
        self._next()  # stream start
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise _Broken("is empty")
        first = self._next()
        tree = self._value(first, ())
        self._next()  # document end
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._broken(
                "a second document begins here; keep one document a file and delete the ---", after
            )
        if tree is None:
            raise _Broken("is empty")
        if not isinstance(tree, dict):
            raise self._broken(f"the file must begin with keys, such as `{self.form.first_key}`", first)
        return Document(tree, self.lines, tuple(self.duplicates))

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self.text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as reason:
            mark = reason.problem_mark or reason.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            raise _Broken(_plain_problem(reason), line, column) from None
        except (yaml.YAMLError, ValueError, OverflowError) as reason:
            raise _Broken(f"is not YAML: {str(reason).splitlines()[0]}") from None

    def _next(self) -> yaml.Event:
        return next(self.events)

    def _broken(self, problem: str, event: yaml.Event, value: str = "") -> _Broken:
        return _Broken(problem, *_position_of(event), value)

    def _value(self, event: yaml.Event, place: Place) -> Any:
        self.lines[place] = _position_of(event)[0]
        self._refuse_unwanted(event, place)
        if isinstance(event, yaml.ScalarEvent):
            self._check_text(event)
            return event.value if event.style else self.form.resolve(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place)
        return self._mapping(place)

    def _refuse_unwanted(self, event: yaml.Event, place: Place) -> None:
        self.nodes += 1
        if self.nodes > self.form.max_nodes:
            raise self._broken(
                f"more than {self.form.max_nodes} values; no {self.form.name} has so many", event
            )
        if len(place) > MAX_DEPTH:
            raise self._broken(f"more than {MAX_DEPTH} levels deep; no {self.form.name} is", event)
        if getattr(event, "anchor", None) is not None:
            raise self._broken("anchors (&) and aliases (*) are not read; write the value out", event)
        if getattr(event, "tag", None) is not None:
            raise self._broken("tags (!) are not read; delete it, or quote text that begins with !", event)

    def _check_text(self, event: yaml.ScalarEvent) -> None:
        bad = _NOT_TEXT.search(event.value)
        if bad:
            shown = ascii(bad.group())[1:-1]
            raise self._broken("a control character that text may not hold; delete it", event, shown)

    def _sequence(self, place: Place) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*place, len(items))))
        return items

    def _mapping(self, place: Place) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or not event.value or event.tag is not None:
                raise self._broken("a key must be a plain word followed by a colon", event)
            self._check_text(event)
            self._entry(event, tree, place)
        return tree

    def _entry(self, key: yaml.ScalarEvent, tree: dict[str, Any], place: Place) -> None:
        name = key.value
        line = _position_of(key)[0]
        if name not in tree:
            tree[name] = self._value(self._next(), (*place, name))
            self.lines[(*place, name)] = line
            return
        first = self.lines[(*place, name)]
        self.duplicates.append(
            Fault(dotted((*place, name)), f"given twice, first on line {first}; keep one", line=line)
        )
        self._value(self._next(), (*place, name, "given twice"))


def as_json(text: str) -> Scalar:
    """An unquoted word as JSON would have it: what is not a number, true, false or null is text.

    `yes`, `no`, dates, sexagesimal numbers and numbers with a leading zero stay text; `600_000` is a number.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text) and len(text) <= _LONGEST_INT:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return text


def as_text(text: str) -> Scalar:
    """An unquoted word as it stands, but for true, false and null; numbers then go to Decimal unrounded."""
    return _CONSTANTS.get(text, text)


SCENARIO = Form(
    name="scenario",
    error=ScenarioError,
    resolve=as_json,
    max_bytes=BYTES_PER_MB,
    max_nodes=20_000,
    first_key="name: My shop",
    example="costmodel scenario list",
)


def dotted(place: Place) -> str:
    """A place as a path, `traffic.events.0.start`; odd keys are quoted."""
    return ".".join(str(key) if re.fullmatch(r"\w[\w-]{0,60}", str(key)) else short(key) for key in place)


def short(value: Any) -> str:
    """A value in at most 60 characters, for a message; a list is shown whole or counted."""
    if isinstance(value, dict):
        return f"a group of {len(value)} keys"
    text = json.dumps(value, default=str)
    if isinstance(value, list | tuple) and len(text) > 60:
        return f"a list of {len(value)} values"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain_problem(reason: yaml.MarkedYAMLError) -> str:
    problem = (reason.problem or reason.context or "cannot be read").strip()
    if "'\\t'" in problem:
        return "a tab stands here; indent with spaces"
    if "mapping values are not allowed" in problem:
        return "is not YAML: a colon where none can stand; indent keys of one group equally, and quote text that holds a colon"
    if "expected <block end>" in problem:
        return "is not YAML: this line does not line up with those above; indent keys of one group equally"
    if "could not find expected ':'" in problem:
        return "is not YAML: a key needs a colon and a space after it"
    return f"is not YAML: {problem}; quote text that holds special characters"
