"""What clients do under overload: give up, try again, and leave work behind that is done for nobody.

A request that fails for good does so after `retries` more attempts, each a minute after the last, so that
`retries` + 1 times the load comes while nothing gets through. Together with work that is done although its
client gave up, this keeps a node down that would carry its load alone: it does not recover when the load
falls below its capacity, only when `retries` + 1 times the load does (the metastable state). A node keeps at
most a minute of such work, or what comes within the timeout if that is longer: it does no more in a minute.

Source: Amazon Builders' Library, "Timeouts, retries, and backoff with jitter" (2019); Bronson et al.,
"Metastable Failures in Distributed Systems", HotOS (2021).
"""

from __future__ import annotations

from dataclasses import dataclass

from numba.extending import register_jitable

from costmodel.demand.calendar import FloatArray
from costmodel.scenario.model import Api
from costmodel.units import SECONDS_PER_MINUTE

MOST_RETRIES = 10
"""More attempts than any published client makes by default. Engineering guess."""


@dataclass(frozen=True, slots=True)
class Patience:
    """What a client does when an answer takes too long, and what the server does then."""

    timeout_s: float
    """Seconds after which the client gives up waiting."""
    retries: int = 0
    """How often it tries a failed request again, each time a minute later."""
    abandoned_work_ratio: float = 0.0
    """Share of the work of requests whose client gave up that is done all the same."""

    def __post_init__(self) -> None:
        """Raises ValueError for a client that cannot be."""
        if not 0.0 < self.timeout_s <= 1e9:
            raise ValueError(f"timeout_s must be above 0 and finite, not {self.timeout_s}")
        if not 0 <= self.retries <= MOST_RETRIES:
            raise ValueError(f"retries must be from 0 to {MOST_RETRIES}, not {self.retries}")
        if not 0.0 <= self.abandoned_work_ratio <= 1.0:
            raise ValueError(f"abandoned_work_ratio must be from 0 to 1, not {self.abandoned_work_ratio}")

    @classmethod
    def of(cls, api: Api) -> Patience:
        """The clients of a scenario's API."""
        return cls(float(api.timeout_s), int(api.retries), float(api.abandoned_work_ratio))

    @property
    def timeout_minutes(self) -> float:
        return self.timeout_s / SECONDS_PER_MINUTE


@register_jitable
def repeated(trying: FloatArray, first: FloatArray, minute: int) -> float:
    """Of `first`, shape (minutes,), what comes again in this minute.

    `trying[k]` is the share of what first came k minutes ago that is at its attempt k + 1.
    """
    total = 0.0
    for attempt in range(1, min(trying.shape[0], minute + 1)):
        total += trying[attempt] * first[minute - attempt]
    return total


@register_jitable
def try_again(trying: FloatArray, lost_ratio: float, lost: FloatArray, minute: int) -> float:
    """Send what fails in this minute into its next attempt; what was at its last is lost where it first came.

    `lost`, shape (minutes,), is written to. Returns the sum of the shares that come again.
    """
    last = trying.shape[0] - 1
    trying[0] = 1.0
    if minute >= last:
        lost[minute - last] = trying[last] * lost_ratio
    shares = 0.0
    for attempt in range(last, 0, -1):
        trying[attempt] = trying[attempt - 1] * lost_ratio
        shares += trying[attempt]
    return shares


@register_jitable
def give_up(trying: FloatArray, lost: FloatArray) -> None:
    """Count what is still trying when the run ends as lost."""
    minutes = lost.shape[0]
    for attempt in range(1, min(trying.shape[0], minutes + 1)):
        lost[minutes - attempt] = trying[attempt]
