"""Where draws run: on threads of this machine, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from costmodel.decision.uncertainty import Runner

DistributedOption = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help="Run on the Dask cluster with its scheduler here; the result is the same to the byte.",
    ),
]


@contextmanager
def runner_at(address: str | None) -> Iterator[Runner]:
    """The cluster at an address, or the threads of this machine for None. Raises ClusterFailed."""
    if address is None:
        from costmodel.decision.uncertainty import on_threads

        yield on_threads
        return
    from costmodel.decision.cluster import cluster_at

    with cluster_at(address) as cluster:
        yield cluster
