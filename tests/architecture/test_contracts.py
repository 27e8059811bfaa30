"""The shape of the house, as rules that run."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
from importlinter.api import read_configuration
from importlinter.application.use_cases import lint_imports

from costmodel.version import VERSION

LONGEST_FILE_LINES = 900


def sources(root: Path) -> list[Path]:
    return sorted((root / "costmodel").rglob("*.py"))


def test_imports_run_one_way(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert len(read_configuration(str(root / "pyproject.toml"))["contracts_options"]) >= 5
    assert lint_imports(config_filename=str(root / "pyproject.toml"), cache_dir=None)


def test_every_room_stands_in_the_contract(root: Path) -> None:
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = " ".join(contracts[0]["layers"])
    rooms = {
        path.name for path in (root / "costmodel").iterdir() if path.is_dir() and path.name[0] not in "_."
    }
    assert {f"costmodel.{room}" for room in rooms} <= set(layers.replace("|", " ").split())


def test_only_the_command_line_prints(root: Path) -> None:
    guilty = []
    for path in sources(root):
        if "cli" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                guilty.append(f"{path.name}:{node.lineno}")
    assert guilty == []


def test_heavy_libraries_are_not_imported_to_show_help(root: Path) -> None:
    heavy = {"numpy", "numba", "pandas", "matplotlib", "pydantic", "yaml", "boto3", "jinja2", "msgspec"}
    for path in (root / "costmodel" / "cli").glob("*.py"):
        if path.stem.endswith("_tables"):
            continue
        top = [
            node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        names = {
            (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in top
        }
        assert not names & heavy, path.name


def test_no_file_has_grown_beyond_reading(root: Path) -> None:
    long = {
        path.name: lines
        for path in sources(root)
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE_LINES
    }
    assert long == {}


def test_no_room_is_called_after_nothing(root: Path) -> None:
    names = {path.stem for path in sources(root)} | {path.parent.name for path in sources(root)}
    assert not names & {"utils", "helpers", "common", "misc", "types"}


def test_public_functions_say_what_they_do(root: Path) -> None:
    """Every public function of a module has a docstring; methods and nested functions may speak for themselves."""
    silent = [
        f"{path.relative_to(root)}:{node.name}"
        for path in sources(root)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_the_version_is_stated_once(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert "version" not in project
    assert VERSION.count(".") == 2


def test_nothing_tracked_names_a_package_registry(root: Path) -> None:
    texts = [root / "constraints.txt", root / "pyproject.toml", root / "README.md", root / "Makefile"]
    for path in texts:
        assert "http" not in path.read_text().replace("https://keepachangelog.com", ""), path.name
