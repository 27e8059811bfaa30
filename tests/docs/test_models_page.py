"""docs/models.md against the tests that write it, without running them: no row without a test, no test without a row."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "models.md"
COLUMNS = ["part", "mechanism", "rule", "source", "oracle", "tolerance", "observed error", "test"]


def table() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]


def rows() -> list[dict[str, str]]:
    return [dict(zip(COLUMNS, cells, strict=True)) for cells in table()[2:]]


def recording() -> set[str]:
    """Tests that ask for the fixture `model_row`, as `tests/demand/test_draw.py::test_counts_are_poisson`."""
    found = set()
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        place = file.relative_to(ROOT).as_posix()
        found |= {f"{place}::{name}" for name in asking(ast.parse(file.read_text(encoding="utf-8")).body)}
    return found


def asking(body: list[ast.stmt], within: str = "") -> Iterator[str]:
    """Names of the tests in a module or class that ask for `model_row`."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from asking(node.body, f"{node.name}::")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            arguments = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
            yield from {within + node.name} if "model_row" in arguments else ()


def test_every_row_is_whole() -> None:
    heads, *_ = table()
    assert heads == COLUMNS
    for row in rows():
        assert all(row.values()), row


def test_rows_are_in_order_and_none_is_there_twice() -> None:
    keys = [(row["part"], row["mechanism"]) for row in rows()]
    assert keys == sorted(set(keys))


def test_every_row_was_written_by_a_test_that_is_still_there() -> None:
    assert {row["test"].strip("`") for row in rows()} - recording() == set()


def test_every_test_that_measures_a_mechanism_has_its_row() -> None:
    """Write missing ones with `pytest --write-models` on the tests named here."""
    assert recording() - {row["test"].strip("`") for row in rows()} == set()
