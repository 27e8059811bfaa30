"""Every command in the README is run, or, where it builds an environment, checked piece by piece."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import typer.main

from aws.cloud import whole_aws
from costmodel.cli.app import INTERRUPTED
from costmodel.cli.commands import app
from costmodel.decision.run import read_run
from costmodel.errors import CostModelError, GatesFailed, Infeasible
from shops.clock import stop_clock
from shops.commands import Done, blocks, run_line, shell_lines

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = blocks(README)
SHELL_LINES = shell_lines(README)
COMMANDS = [line for line in SHELL_LINES if line.startswith("costmodel ")]
WRONG_USAGE = typer.BadParameter.exit_code
MAKE_TARGETS = {
    "demo": "costmodel demo",
    "test": "python -m pytest",
    "lint": "lint-imports",
    "bench": "pytest tests/bench",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has after fetching the repository, as far as the commands name it."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("scenarios", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """Every `costmodel` command of the README, run once, in the README's order.

    AWS is on loopback, with credentials that it takes; the price cache is empty at first; the clock stands still.
    """
    with pytest.MonkeyPatch.context() as patched, whole_aws(patched):
        stop_clock(patched)
        patched.setenv("COSTMODEL_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return {line: run_line(line, folder) for line in COMMANDS}


def commands() -> Iterator[tuple[str, ...]]:
    """The words that call each command."""

    def below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        children = getattr(command, "commands", {})
        if not children:
            yield path
        for name, child in children.items():
            yield from below(child, (*path, name))

    return below(typer.main.get_command(app), ())


def test_every_line_is_of_a_kind_that_is_checked_here() -> None:
    known = {f"make {target}" for target in MAKE_TARGETS} | {"pip install ."} | set(COMMANDS)
    assert set(SHELL_LINES) == known
    assert {language for language, _ in BLOCKS} == {"sh", "console", "python"}


@pytest.mark.parametrize("line", COMMANDS)
def test_command_works(done: dict[str, Done], line: str) -> None:
    outcome = done[line]
    assert outcome.code == 0, outcome.err
    assert "Error" not in outcome.err
    assert outcome.out or "wrote " in outcome.err
    if "json" in shlex.split(line) or line.endswith("schema"):
        json.loads(outcome.out)


def test_the_commands_write_what_they_are_there_for(done: dict[str, Done], folder: Path) -> None:
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    fresh = {path for path in written if not path.startswith(("scenarios/", "docs/"))}
    (page,) = [path for path in fresh if path.endswith(".html")]
    assert page.startswith("reports/")
    assert fresh - {page} >= {"run.json", "terraform/variables.tf", "terraform/costmodel.auto.tfvars.json"}
    run = read_run(folder / "run.json")
    assert (run.region_id, len(run.months), run.seed) == ("eu-west-1", 2, 7)


def test_refreshed_prices_are_in_force_until_an_older_book_is_named(done: dict[str, Done]) -> None:
    """The loopback AWS charges what the snapshot says, so nothing moves but the book."""
    refreshed = done["costmodel prices refresh --region eu-west-1"].out
    (book,) = re.findall(r"Book ([0-9a-f]{12}) of \d{4}-\d\d-\d\d is in force", refreshed)
    moved = done["costmodel prices diff snapshot --run run.json"].out
    assert "0 changed" in moved
    assert "0 gone" in moved
    assert f"Book {book}" in done["costmodel prices verify"].out
    assert ": 0 errors," in done["costmodel prices verify"].out
    replayed, first = (
        done[line].out for line in ("costmodel simulate small-shop --prices 2026-10-06", "costmodel simulate small-shop")
    )  # fmt: skip
    assert replayed == first
    assert book not in replayed


def test_the_same_usage_costs_more_without_the_free_tier(done: dict[str, Done]) -> None:
    priced = [line for line in COMMANDS if line.startswith("costmodel price ") and "--rates" not in line]
    with_allowances, without = (done[line].out for line in priced)
    assert "--no-free-tier" in priced[1]
    (total_line,) = [row for row in with_allowances.splitlines() if row.startswith("Total")]
    total = Decimal(total_line.split()[-1].replace(",", ""))
    assert total < Decimal(json.loads(without)["billed_cost"])


def test_python_works(folder: Path) -> None:
    (program,) = [text for language, text in BLOCKS if language == "python"]
    out = io.StringIO()
    values: dict[str, Any] = {}
    with chdir(folder), redirect_stdout(out):
        exec(program, values)
    assert out.getvalue().startswith(values["run"].headline)
    assert sum(values["frame"]["BilledCost"]) == values["run"].monthly_usd
    assert "Elastic Load Balancing" in out.getvalue()


@pytest.mark.parametrize("target", MAKE_TARGETS)
def test_make_target_is_there_and_runs_what_it_says(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    (recipe,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert MAKE_TARGETS[target] in recipe
    assert f" {target}" in makefile.partition(".PHONY:")[2].splitlines()[0]


@pytest.mark.skipif(not shutil.which("make"), reason="make is not on this machine")
@pytest.mark.parametrize("target", MAKE_TARGETS)
def test_make_understands_its_file(target: str) -> None:
    planned = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert MAKE_TARGETS[target] in planned


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """What `pip install .` would install."""
    pytest.importorskip("hatchling")
    target = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(target), "."],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (file,) = target.glob("costmodel-*.whl")
    return ZipFile(file)


def test_the_wheel_holds_the_package_prices_and_scenarios(wheel: ZipFile) -> None:
    names = set(wheel.namelist())
    sources = {
        "costmodel": "costmodel",
        "pricing_cache": "costmodel/_shipped/pricing_cache",
        "scenarios": "costmodel/_shipped/scenarios",
    }
    for source, inside in sources.items():
        files = [
            path.relative_to(ROOT / source)
            for path in (ROOT / source).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ]
        assert len(files) >= 7
        assert not {f"{inside}/{file.as_posix()}" for file in files} - names
    (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
    assert b"costmodel = costmodel.cli.app:main" in wheel.read(entry_points)


def test_the_package_runs_from_the_wheel_alone(wheel: ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "installed")
    program = (
        "import costmodel, costmodel.shipped as s; print(costmodel.__file__, s.shipped('scenarios'));"
        "from costmodel.cli.app import main; main()"
    )
    for arguments in (["scenario", "check", "replayed-fortnight"], ["prices", "status"]):
        running = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "installed"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert running.returncode == 0, running.stderr
        package, scenarios = running.stdout.splitlines()[0].split()
        assert package == str(tmp_path / "installed" / "costmodel" / "__init__.py")
        assert scenarios == str(tmp_path / "installed" / "costmodel" / "_shipped" / "scenarios")
    assert "checksums hold" in running.stdout


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_is_in_the_readme(path: tuple[str, ...]) -> None:
    call = ["costmodel", *path]
    assert any(shlex.split(line)[: len(call)] == call for line in COMMANDS)


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    listed = {
        int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.*) \|$", README, re.MULTILINE)
    }
    known = {CostModelError.exit_code, Infeasible.exit_code, GatesFailed.exit_code}
    assert set(listed) == {0, WRONG_USAGE, INTERRUPTED} | known
    assert listed[INTERRUPTED] == "interrupted"


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_what_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    for name in set(re.findall(r"`((?:docs|tests|scenarios|tools|pricing_cache|costmodel)/[\w./-]*)`", text)):
        assert (ROOT / name).exists(), f"{document} names {name}"
    for name in set(re.findall(r"`([A-Z]+\.md)`", text)):
        assert (ROOT / name).exists(), f"{document} names {name}"
    known = set(commands()) | {path[:1] for path in commands()}
    for call in set(re.findall(r"(?:^\$? ?|`)costmodel ([a-z-]+(?: [a-z]+)?)", text, re.MULTILINE)):
        words = tuple(call.split())
        assert words in known or words[:1] in known, f"{document} names costmodel {call}"
