"""The ratio of docs/performance.md about a cluster: two worker processes on this machine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from costmodel.decision.cluster import Cluster, cluster_at
from costmodel.decision.sweep import Sweep, sweep, sweep_point
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load
from costmodel.scenario.vary import parse_axis

Record = Callable[..., None]
AXIS = "traffic.monthly_visitors.europe=20_000:200_000:16:log"


def start(command: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{command}", "--no-dashboard", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def workers(number: int, folder: Path) -> Iterator[Cluster]:
    """A scheduler and so many worker processes of one thread."""
    distributed = pytest.importorskip("distributed", reason="the extra `distributed` is not installed")
    file = folder / f"scheduler-{number}.json"
    running = [start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))]
    try:
        while not file.exists():
            time.sleep(0.05)
        address = str(msgspec.json.decode(file.read_bytes())["address"])
        options = (
            "--scheduler-file",
            str(file),
            "--nthreads",
            "1",
            "--no-nanny",
            "--local-directory",
            str(folder),
        )
        running += [start("dask_worker", *options) for _ in range(number)]
        with distributed.Client(address) as client:
            client.wait_for_workers(number, timeout=60)
        with cluster_at(address) as cluster:
            yield cluster
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_a_sweep_on_two_workers(benchmark: BenchmarkFixture, ratio: Record, tmp_path: Path) -> None:
    axis = parse_axis(AXIS)
    scenarios = [load(find("small-shop"), {axis.key: visitors}) for visitors in axis.values]
    answer_one = partial(sweep_point, book=PriceBook.shipped())

    def on(cluster: Cluster) -> tuple[Sweep, float]:
        sweep([axis], list(product(axis.values))[:4], scenarios[:4], answer_one, cluster)
        start = time.perf_counter()
        found = sweep([axis], list(product(axis.values)), scenarios, answer_one, cluster)
        return found, time.perf_counter() - start

    with workers(1, tmp_path) as cluster:
        alone, alone_s = on(cluster)
    with workers(2, tmp_path) as cluster:
        together, together_s = on(cluster)
        benchmark.pedantic(lambda: on(cluster), rounds=1)
    assert alone == together
    ratio(
        "a sweep on two Dask workers / half the time of one",
        together_s / (alone_s / 2),
        1.15,
        f"wall-clock of {len(scenarios)} scenarios, same answers; {together_s:.1f} s against {alone_s:.1f} s on one worker",
        at_most=True,
    )
