from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


# The suite gives the same verdict each time it runs; `--hypothesis-profile=search` draws inputs never seen.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("search", print_blob=True)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write the golden files anew; read their diff"
    )
    parser.addoption(
        "--write-models", action="store_true", help="write docs/models.md from the rows the tests measure"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Price books and indexes of the tests go to a folder of their own, never to the user's."""
    folder = tempfile.mkdtemp(prefix="costmodel-tests-")
    os.environ["COSTMODEL_CACHE_DIR"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections may only go to this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def traces() -> Path:
    """Real traffic traces, which are not part of this repository."""
    folder = SHARED / "data" / "traces"
    if not folder.is_dir():
        pytest.skip("real traces are not beside this checkout (../shared/data/traces)")
    return folder


@pytest.fixture(scope="session")
def bills() -> Path:
    """Real bill files, which are not part of this repository."""
    folder = SHARED / "data" / "bills"
    if not folder.is_dir():
        pytest.skip("real bill files are not beside this checkout (../shared/data/bills)")
    return folder


@dataclass(frozen=True, slots=True)
class ModelRow:
    """How well one mechanism of the simulator holds, as a test found it."""

    part: str
    mechanism: str
    rule: str
    source: str
    oracle: str
    tolerance: str
    observed_error: str
    test: str


MODEL_ROWS = pytest.StashKey[dict[tuple[str, str], ModelRow]]()
MODELS_PAGE = ROOT / "docs" / "models.md"
MODELS_HEAD = """# Models

What the simulator takes from each service, against what it is checked, and how far off it was found.
Every row is written by a test run: `pytest --write-models` measures the rows of the tests it runs anew and
keeps the others. A test holds the tolerance; the observed error is what the last run found.

"""


@pytest.fixture
def model_row(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Record `ModelRow(part, mechanism, rule, source, oracle, tolerance, observed_error)` after its test."""

    def record(
        part: str,
        mechanism: str,
        *,
        rule: str,
        source: str,
        oracle: str,
        tolerance: str,
        observed_error: float | str,
    ) -> None:
        shown = observed_error if isinstance(observed_error, str) else f"{observed_error:.2g}"
        node: str = request.node.nodeid.partition("[")[0]
        row = ModelRow(part, mechanism, rule, source, oracle, tolerance, shown, f"`{node}`")
        odd = [cell for cell in _cells(row) if not cell.strip() or "|" in cell or "\n" in cell]
        assert not odd, f"a cell of docs/models.md cannot be {odd[0]!r}"
        request.config.stash.setdefault(MODEL_ROWS, {})[part, mechanism] = row

    return record


def pytest_sessionfinish(session: pytest.Session) -> None:
    rows = session.config.stash.get(MODEL_ROWS, {})
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["model_rows"] = [_cells(row) for row in rows.values()]
    elif rows and session.config.getoption("--write-models"):
        measured = {row.test for row in rows.values()}
        kept = {key: row for key, row in _recorded_rows().items() if row.test not in measured}
        merged = kept | rows
        MODELS_PAGE.write_text(
            MODELS_HEAD + _table([merged[key] for key in sorted(merged)]), encoding="utf-8"
        )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take over what a worker of pytest-xdist recorded."""
    for cells in getattr(node, "workeroutput", {}).get("model_rows", []):
        row = ModelRow(*cells)
        node.config.stash.setdefault(MODEL_ROWS, {})[row.part, row.mechanism] = row  # type: ignore[attr-defined]


def _cells(row: ModelRow) -> list[str]:
    return [getattr(row, f.name) for f in fields(row)]


def _table(rows: list[ModelRow]) -> str:
    heads = [f.name.replace("_", " ") for f in fields(ModelRow)]
    lines = [heads, ["---"] * len(heads), *(_cells(row) for row in rows)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _recorded_rows() -> dict[tuple[str, str], ModelRow]:
    if not MODELS_PAGE.exists():
        return {}
    lines = [line for line in MODELS_PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    found = [ModelRow(*line.strip("| ").split(" | ")) for line in lines[2:]]
    return {(row.part, row.mechanism): row for row in found}
