"""Where draws and points of a sweep run: on this machine, or on a Dask cluster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from costmodel.decision.cluster import Cluster

Here = TypeVar("Here")

DistributedOption = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help="Run on the Dask cluster with its scheduler here; the result is the same to the byte.",
    ),
]


def cluster_or(address: str | None, here: Here) -> AbstractContextManager[Here | Cluster]:
    """The cluster at an address, or what does the same on this machine for None. Raises ClusterFailed on entry."""
    if address is None:
        return nullcontext(here)
    from costmodel.decision.cluster import cluster_at

    return cluster_at(address)
