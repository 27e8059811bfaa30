"""A real Dask scheduler and two worker processes on this machine give what its threads give, to the byte."""

from __future__ import annotations

import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costmodel.decision import cluster as cluster_module
from costmodel.decision.cluster import Cluster, cluster_at
from costmodel.decision.run import Run, encode
from costmodel.decision.simulate import simulate
from costmodel.decision.sweep import sweep, sweep_point
from costmodel.errors import ClusterFailed, PriceBookNotFound, PriceNotFound
from costmodel.pricing import book as book_module
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import load
from costmodel.scenario.vary import parse_axis
from costmodel.shipped import shipped

DRAWS = 48
START_S = 60


@dataclass
class Processes:
    address: str
    workers: list[subprocess.Popen[bytes]]
    folder: Path

    def add_worker(self) -> None:
        self.workers.append(
            start("dask_worker", "--scheduler-file", str(self.folder / "scheduler.json"), "--nthreads", "1",
                  "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder))
        )  # fmt: skip


def start(command: str, *options: str) -> subprocess.Popen[bytes]:
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", f"distributed.cli.{command}", *options], **silent)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    pytest.importorskip("distributed", reason="the extra `distributed` is not installed")
    file = tmp_path / "scheduler.json"
    scheduler = start(
        "dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(file),
    )
    until(file.exists)
    address = str(msgspec.json.decode(file.read_bytes())["address"])
    found = Processes(address, [], tmp_path)
    yield found
    for process in (*found.workers, scheduler):
        process.kill()
        process.wait()


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + START_S
    while not happened():
        assert time.monotonic() < end, "Dask did not start in time"
        time.sleep(0.05)


def answer(**more: Any) -> Run:
    return simulate(load(find("small-shop")), PriceBook.shipped(), draws=DRAWS, **more)


def test_a_cluster_gives_the_same_bytes_even_when_a_worker_is_killed(processes: Processes) -> None:
    for _ in range(2):
        processes.add_worker()
    with ready(processes, 2) as cluster:
        assert encode(answer(run=cluster)) == encode(answer())

        given: list[object] = []

        def killing(work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
            for result in cluster(work, tasks):
                given.append(result)
                if len(given) == 20:  # in the midst of the second batch
                    processes.workers[0].send_signal(signal.SIGKILL)
                    processes.workers[0].wait()
                yield result

        assert encode(answer(run=killing)) == encode(answer())
        assert len(given) >= DRAWS
        assert processes.workers[0].returncode == -signal.SIGKILL


def test_a_sweep_on_a_cluster_is_the_same(processes: Processes) -> None:
    axis = parse_axis("traffic.monthly_visitors.europe=1_000:100_000:3:log")
    scenarios = [load(find("small-shop"), {axis.key: visitors}) for visitors in axis.values]
    combinations = list(product(axis.values))
    answer_one = partial(sweep_point, book=PriceBook.shipped())
    for _ in range(2):
        processes.add_worker()
    with ready(processes, 2) as cluster:
        there = sweep([axis], combinations, scenarios, answer_one, cluster)
    assert there == sweep([axis], combinations, scenarios, answer_one)


@contextmanager
def ready(processes: Processes, workers: int) -> Iterator[Cluster]:
    """The cluster once it has so many workers."""
    from distributed import Client

    with Client(processes.address) as client:
        client.wait_for_workers(workers, timeout=START_S)
    with cluster_at(processes.address) as cluster:
        yield cluster


def missing(number: int) -> int:
    if number == 2:
        raise PriceNotFound("no price for number 2")
    return number


def test_what_a_trial_raises_comes_back(processes: Processes) -> None:
    processes.add_worker()
    with ready(processes, 1) as cluster:
        assert list(cluster(missing, [0, 1])) == [0, 1]
        with pytest.raises(PriceNotFound, match="no price for number 2"):
            list(cluster(missing, [0, 1, 2, 3]))


def test_a_cluster_that_cannot_be_used_says_why(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(ClusterFailed, match=r"has no worker. Start one: dask worker tcp://"),
        cluster_at(processes.address),
    ):
        pass
    processes.add_worker()
    with ready(processes, 1):
        pass
    monkeypatch.setattr(cluster_module, "VERSION", "9.9")
    with (
        pytest.raises(ClusterFailed, match=r"runs costmodel .*, this is 9\.9"),
        cluster_at(processes.address),
    ):
        pass
    monkeypatch.setattr(cluster_module, "CONNECT_S", 1)
    for nobody in ("tcp://127.0.0.1:9", "nonsense", "http://127.0.0.1:9"):
        with (
            pytest.raises(ClusterFailed, match=r"no Dask scheduler answers at .*tcp://HOST:PORT"),
            cluster_at(nobody),
        ):
            pass


def test_a_price_book_travels_by_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = PriceBook.shipped()
    again = pickle.loads(pickle.dumps(book))
    assert again.digest == book.digest
    elsewhere = tmp_path / "prices"
    shutil.copytree(shipped("pricing_cache"), elsewhere)
    letter = pickle.dumps(PriceBook(elsewhere))
    shutil.rmtree(elsewhere)
    assert pickle.loads(letter).folder == shipped("pricing_cache")  # the same prices, by another way
    monkeypatch.setattr(book_module, "shipped", lambda name: elsewhere)  # another version ships other prices
    with pytest.raises(PriceBookNotFound, match="Copy that folder here"):
        pickle.loads(letter)
