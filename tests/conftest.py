from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write the golden files anew; read their diff"
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
