"""Ratios that the benchmarks find, and docs/performance.md, which is written from them."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
RATIOS = pytest.StashKey[dict[str, "Ratio"]]()

HEAD = """# Performance

How fast the simulator is, as ratios of two things measured in one run: figures in seconds belong to a machine,
ratios hardly do. Every row is written by a benchmark; none by hand. `make bench` on a quiet machine measures them
again and writes this page anew. Figures of one core are processor time, the others wall-clock; each is the
median of rounds in which the two sides take turns.

"""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One measured ratio and what it should be."""

    what: str
    measured: str
    goal: str
    holds: str
    remark: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-performance", action="store_true", help="write docs/performance.md from what is measured"
    )


@pytest.fixture
def ratio(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Record `ratio(what, measured, goal, remark, at_most=False)`; print it, never fail on it."""

    def record(
        what: str, measured: float, goal: float, remark: str, *, at_most: bool = False, unit: str = "x"
    ) -> None:
        holds = measured <= goal if at_most else measured >= goal
        row = Ratio(
            what,
            f"{measured:.3g} {unit}",
            f"{'at most' if at_most else 'at least'} {goal:g} {unit}",
            "yes" if holds else "**no**",
            remark,
        )
        request.config.stash.setdefault(RATIOS, {})[what] = row
        print(row)

    return record


def pytest_sessionfinish(session: pytest.Session) -> None:
    found = session.config.stash.get(RATIOS, {})
    if found and session.config.getoption("--write-performance", default=False):
        PAGE.write_text(HEAD + _machine() + _table(list(found.values())), encoding="utf-8")


def _machine() -> str:
    """The machine in general terms."""
    import numba
    import numpy as np
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    width = "AVX-512" if features.get("avx512f") else "AVX2" if features.get("avx2") else "no AVX2"
    return (
        f"Measured on {os.cpu_count()} cores of the family {binding.get_host_cpu_name()} ({platform.machine()}, {width}),"
        f" with Python {platform.python_version()}, NumPy {np.__version__} and numba {numba.__version__}, while other work"
        f" kept {_others():.1f} of the cores busy.\n\n"
    )


def _others() -> float:
    """Cores that something else than this run, which uses one or two, kept busy in its last minutes."""
    return max(0.0, os.getloadavg()[1] - 1.0)


def _table(rows: list[Ratio]) -> str:
    heads = [f.name for f in fields(Ratio)]
    lines = [heads, ["---"] * len(heads), *([getattr(row, head) for head in heads] for row in rows)]
    table = "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
    missed = [row.what for row in rows if row.holds != "yes"]
    if not missed:
        return table + "\nEvery goal holds.\n"
    return table + "\nGoals that do not hold:\n\n" + "".join(f"- {what}\n" for what in missed)
