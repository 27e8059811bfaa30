"""docs/billing.md: every rule has code, a worked bill and a source; every worked bill has a rule."""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pytest

HEAD = ["rule", "where implemented", "worked bill", "source"]
WORKED = Path("tests/billing/worked")
DATED = re.compile(r"\((?:[^()]*, )?20\d\d(-\d\d){0,2}\)")
"""A date or a year in brackets, alone or after a comma: `(2025-12)`, `(2023)`, `(feed, 2025-12-02)`."""


@dataclass(frozen=True)
class Row:
    section: str
    rule: str
    implemented: tuple[str, ...]
    worked_bills: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        return f"{self.section}: {self.rule}"


def rows(page: str) -> list[Row]:
    """Rows of every table of rules."""
    found = []
    section, in_table = "", False
    for line in page.splitlines():
        if line.startswith("## "):
            section, in_table = line[3:], False
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells == HEAD:
                in_table = True
            elif in_table and not set(line) <= set("|- "):
                assert len(cells) == len(HEAD), f"{section}: a row has {len(cells)} cells: {line}"
                rule, code, bills, source = cells
                found.append(Row(section, rule, names(code), names(bills), source))
        else:
            in_table = False
    return found


def names(cell: str) -> tuple[str, ...]:
    """What a cell quotes as code."""
    return tuple(re.findall(r"`([^`]+)`", cell))


def exists(root: Path, code: str) -> bool:
    """Whether a name is a path of the checkout, or `room/module.py: attribute` below costmodel/."""
    module, _, attribute = code.partition(": ")
    if not attribute:
        return (root / module).exists()
    if not (root / "costmodel" / module).is_file():
        return False
    found = importlib.import_module("costmodel." + module.removesuffix(".py").replace("/", "."))
    try:
        reduce(getattr, attribute.split("."), found)
    except AttributeError:
        return False
    return True


def worked_bills(root: Path) -> set[str]:
    """Every worked bill, as the page names it: `test_compute.py: test_name`."""
    return {
        f"{path.name}: {node.name}"
        for path in sorted((root / WORKED).glob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.fixture(scope="module")
def table(root: Path) -> list[Row]:
    return rows((root / "docs" / "billing.md").read_text(encoding="utf-8"))


def test_every_rule_names_code_that_is_there(root: Path, table: list[Row]) -> None:
    assert table
    missing = [f"{row}: {code}" for row in table for code in row.implemented if not exists(root, code)]
    assert not missing
    assert not [str(row) for row in table if not row.implemented]


def test_every_rule_has_a_worked_bill(root: Path, table: list[Row]) -> None:
    there = worked_bills(root)
    assert len(there) >= 60
    missing = [f"{row}: {name}" for row in table for name in row.worked_bills if name not in there]
    assert not missing
    assert not [str(row) for row in table if not row.worked_bills]


def test_every_worked_bill_proves_a_rule(root: Path, table: list[Row]) -> None:
    named = {name for row in table for name in row.worked_bills}
    assert not worked_bills(root) - named


def test_every_rule_has_a_source_with_a_date(table: list[Row]) -> None:
    assert not [str(row) for row in table if not DATED.search(row.source)]


def test_no_rule_stands_twice_and_no_section_is_empty(root: Path, table: list[Row]) -> None:
    assert len({str(row) for row in table}) == len(table)
    page = (root / "docs" / "billing.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (.+)$", page, re.MULTILINE))
    assert sections - {row.section for row in table} == {"Not modelled"}


@pytest.mark.parametrize(
    "broken",
    [
        "services/ec2.py: Ec2Fleet.no_such_thing",
        "services/no_such_file.py: usage",
        "no/such/path.csv",
    ],
)
def test_a_name_that_is_not_there_is_noticed(root: Path, broken: str) -> None:
    assert not exists(root, broken)
    assert exists(root, "services/ec2.py: Ec2Fleet.usage")
    assert exists(root, "pricing_cache/free_tier.csv")


def test_a_row_is_read_as_it_is_written() -> None:
    page = "\n".join(
        [
            "## One",
            "| rule | where implemented | worked bill | source |",
            "|---|---|---|---|",
            "| a | `m.py: x`, `p` | `test_a.py: test_b` | Guide (2023-06) |",
            "",
            "| other | table |",
            "|---|---|",
            "| not | a rule |",
        ]
    )
    assert rows(page) == [Row("One", "a", ("m.py: x", "p"), ("test_a.py: test_b",), "Guide (2023-06)")]
    with pytest.raises(AssertionError, match="cells"):
        rows(page.replace("| Guide (2023-06) |", "|"))
    assert not DATED.search("Guide")
    assert DATED.search("Guide (v2, 2023-06)")


@pytest.mark.parametrize("billed", ["pause", "Global Database"])
def test_what_designs_are_billed_on_is_not_called_unmodelled(root: Path, billed: str) -> None:
    page = (root / "docs" / "billing.md").read_text(encoding="utf-8")
    unmodelled = page.partition("## Not modelled")[2].partition("\n## ")[0]
    assert len(unmodelled) > 1_000
    assert billed not in unmodelled
