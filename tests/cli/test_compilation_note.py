"""The first run after installing says that it compiles; later ones have nothing to say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba import njit

from costmodel.cli.console import compilation_noted

NOTE = "Compiling a part of the simulator"


def test_compiling_is_noted_once(capsys: pytest.CaptureFixture[str]) -> None:
    with compilation_noted():
        for _ in range(3):
            njit(lambda number: number + 1)(1)
    noted = capsys.readouterr()
    assert noted.err.count(NOTE) == 1
    assert noted.out == ""


def test_nothing_is_noted_when_nothing_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    known = njit(lambda number: number + 1)
    known(1)
    with compilation_noted():
        known(2)
    njit(lambda number: number - 1)(1)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_second_process_finds_what_the_first_compiled(tmp_path: Path) -> None:
    draw = (
        "from costmodel.cli.console import compilation_noted\n"
        "from costmodel.demand.noise import burst_factor\n"
        "with compilation_noted():\n"
        "    burst_factor(60, 1, 0.1, 0.1)\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def said() -> str:
        words = [sys.executable, "-c", draw]
        return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stderr

    assert NOTE in said()
    assert said() == ""
