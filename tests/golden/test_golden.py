"""Every example scenario, from YAML to what a user sees and to Terraform, byte for byte.

`pytest tests/golden --rewrite-golden` writes the files anew; their diff is to be read.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from costmodel.cli.run_tables import run_tables
from costmodel.decision.explain import lines, walk
from costmodel.decision.run import Run, encode, read_run
from costmodel.decision.simulate import simulate
from costmodel.export.report import monthly_report, report_folder
from costmodel.export.terraform import terraform_files
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import examples, find
from costmodel.scenario.load import load

GOLDEN = Path(__file__).parent / "files"


def as_text(run: Run) -> str:
    console = Console(width=120, record=True, file=io.StringIO(), force_terminal=False)
    for part in run_tables(run):
        console.print(part)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines()) + "\n"


@pytest.mark.parametrize("name", [example.name for example in examples()])
def test_example_is_as_recorded(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = next(example.path for example in examples() if example.name == name)
    book = PriceBook.shipped()
    run = simulate(load(path), book)
    seen = {"result.txt": as_text(run).encode()} | terraform_files(run)
    folder = GOLDEN / name
    if request.config.getoption("--rewrite-golden"):
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in seen.items():
            (folder / file).write_bytes(content)
    for file, content in seen.items():
        assert content.decode() == (folder / file).read_text(), f"{name}/{file} changed"

    for line in lines(run):
        walk(line, book)

    saved = tmp_path / "run.json"
    saved.write_bytes(encode(run))
    assert encode(read_run(saved)) == encode(run)


def test_the_example_report_is_what_the_tool_writes(root: Path, request: pytest.FixtureRequest) -> None:
    run = simulate(load(find("small-shop")), PriceBook.shipped())
    folder = root / "reports" / "example" / report_folder(run)
    files = monthly_report(run)
    if request.config.getoption("--rewrite-golden"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    assert set(files) == {path.name for path in folder.iterdir()}
    assert files["report.md"].decode() == (folder / "report.md").read_text()
