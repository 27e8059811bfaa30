"""Trials on an existing Dask cluster: the same answer as on this machine, sooner.

Which worker runs a trial, and how often one is lost and its trials run again elsewhere, changes nothing: a trial
depends on its world alone, and results come back in the order of the worlds. The extra `distributed` brings Dask.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from costmodel.errors import ClusterFailed, CostModelError
from costmodel.version import VERSION

if TYPE_CHECKING:
    from distributed import Client

Task = TypeVar("Task")
Result = TypeVar("Result")

CONNECT_S = 10


class Cluster:
    """Workers that are ready; a `Runner`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Results in the order of the tasks.

        Raises what a task raised, ClusterFailed when workers are lost again and again.
        """
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        futures = self._client.map(work, tasks, pure=False)
        try:
            for future in futures:
                yield future.result()
        except (KilledWorker, FutureCancelledError, TimeoutError, OSError) as error:
            raise ClusterFailed(
                f"the cluster lost its workers, or the way to it: {error}. Start it again."
            ) from None
        finally:
            self._client.cancel(futures)


@contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """The cluster whose scheduler listens at an address such as `tcp://10.0.0.1:8786`.

    Raises ClusterFailed when Dask is not installed, nothing answers, there is no worker, or a worker runs
    another version of this tool.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ClusterFailed(
            "Dask is not installed. Type: pip install 'costmodel[distributed]', here and on every worker."
        ) from None
    try:
        _reach(address)
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterFailed(
            f"no Dask scheduler answers at {address}: {error}. Give its address as tcp://HOST:PORT."
        ) from None
    with client:
        _check_workers(client, address)
        yield Cluster(client)


def _reach(address: str) -> None:
    """Raises OSError or ValueError where nothing listens: a client that fails to start may lock up the next one."""
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or parts.hostname is None or parts.port is None:
        raise ValueError("that is no such address")
    socket.create_connection((parts.hostname, parts.port), timeout=CONNECT_S).close()


def _check_workers(client: Client, address: str) -> None:
    try:
        versions: dict[str, str] = client.run(worker_version)
    except CostModelError:
        raise
    except Exception as error:
        raise ClusterFailed(
            f"a worker of {address} cannot run this tool: {error!r}. Install it on every worker."
        ) from None
    if not versions:
        raise ClusterFailed(f"the scheduler at {address} has no worker. Start one: dask worker {address}")
    others = {worker: version for worker, version in versions.items() if version != VERSION}
    for worker, version in sorted(others.items()):
        raise ClusterFailed(
            f"worker {worker} runs costmodel {version}, this is {VERSION}: the same figures need the same version."
        )


def worker_version() -> str:
    """The version of this tool, asked where it runs."""
    return VERSION
