"""The scenarios that ship with the tool."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from costmodel.errors import Fault, ScenarioError
from costmodel.scenario.faults import did_you_mean
from costmodel.scenario.load import load
from costmodel.shipped import shipped


class Example(NamedTuple):
    """One shipped scenario."""

    name: str
    """What to type after `costmodel simulate`."""
    path: Path
    summary: str
    """First sentence of its story."""


def examples() -> list[Example]:
    """Every shipped scenario, by name."""
    return [Example(path.stem, path, _first_sentence(load(path).story)) for path in _paths()]


def find(name_or_path: str) -> Path:
    """The scenario file meant: the name of a shipped example, or else a path.

    Raises ScenarioError naming the examples when there is neither.
    """
    shipped_paths = {path.stem: path for path in _paths()}
    if name_or_path in shipped_paths:
        return shipped_paths[name_or_path]
    path = Path(name_or_path)
    try:
        if name_or_path and path.exists():
            return path
    except OSError:
        pass  # a name no file system takes is answered like one that does not exist
    meant = did_you_mean(name_or_path, shipped_paths)
    fault = Fault("file", f"no such file or shipped example{meant}; examples: {', '.join(shipped_paths)}")
    raise ScenarioError(
        name_or_path, [fault], "Give a path or one of these names. Details: costmodel scenario list"
    )


def _paths() -> list[Path]:
    return sorted(shipped("scenarios").glob("*.yaml"))


def _first_sentence(story: str) -> str:
    words = " ".join(story.split())
    return words.split(". ")[0].rstrip(".") + "."
