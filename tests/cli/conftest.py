from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from unittest.mock import patch

import pytest

from aws.cloud import Cloud, small_aws
from costmodel.cli.app import run
from costmodel.decision.run import Run, read_run
from shops.clock import TODAY, stop_clock


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


def run_main(
    *arguments: object, columns: int = 80, today: date = TODAY, stale_after_days: int = 10_000
) -> Outcome:
    """Run `costmodel ARGUMENTS` in this process, on that day, in a terminal of that width.

    Whether code has to be compiled depends on what ran before on this machine, so it is not noted.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    code: object = 0
    with (
        patch.object(sys, "argv", ["costmodel", *map(str, arguments)]),
        patch.dict("os.environ", {"COLUMNS": str(columns)}),
        patch("costmodel.cli.books.today", lambda: today),
        patch("costmodel.cli.books.STALE_AFTER_DAYS", stale_after_days),
        patch("costmodel.cli.simulate.compilation_noted", nullcontext),
        patch("costmodel.cli.sweep.compilation_noted", nullcontext),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            run()
        except SystemExit as leaving:
            code = leaving.code or 0
    assert isinstance(code, int)
    return Outcome(code, *(_text(stream) for stream in (out, err)))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@pytest.fixture(scope="session")
def cli() -> Cli:
    """The command line: `cli("prices", "status")`."""
    return run_main


@dataclass(frozen=True, slots=True)
class Simulated:
    """The small shop, simulated once by the command line and saved."""

    outcome: Outcome
    file: Path

    @property
    def run(self) -> Run:
        return read_run(self.file)


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    file = tmp_path_factory.mktemp("small-shop") / "run.json"
    return Simulated(run_main("simulate", "small-shop", "--save", file), file)


@pytest.fixture
def no_simulation(small_shop: Simulated, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every simulation answers at once with the small shop's run; what was asked for is kept."""
    asked: list[object] = []

    def answer(scenario: object, *_: object, **__: object) -> Run:
        asked.append(scenario)
        return small_shop.run

    monkeypatch.setattr("costmodel.decision.simulate.simulate", answer)
    return asked


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    """The small AWS on loopback at the prices of its snapshot, and an empty cache folder."""
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path / "cache"))
    stop_clock(monkeypatch)
    with small_aws(monkeypatch, tmp_path) as cloud:
        yield cloud
