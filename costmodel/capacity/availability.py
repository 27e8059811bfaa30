"""How availability composes, and how often and for how long zones and regions are impaired.

A ratio is the share of time (or of requests) that a part works, 0 to 1.

Source: the formulas are the standard ones of reliability theory, as in AWS Well-Architected, Reliability
pillar, "Availability" (2023-04).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from costmodel.units import HOURS_PER_MONTH, HOURS_PER_YEAR, MINUTES_PER_HOUR, MONTHS_PER_YEAR

MINUTES_PER_MONTH = HOURS_PER_MONTH * MINUTES_PER_HOUR

COMMON_CAUSE_RATIO = 0.1
"""Share of failures that take copies together: independence is false in practice.

Source: engineering guess between 0.05 and 0.1; beta-factor model of common-cause failures.
"""


def series(ratios: Iterable[float]) -> float:
    """Everything must work."""
    return math.prod(_ratios(ratios))


def parallel(ratios: Iterable[float]) -> float:
    """One that works is enough, and they fail independently."""
    return 1.0 - math.prod(1.0 - ratio for ratio in _ratios(ratios))


def k_of_n(needed: int, count: int, ratio: float) -> float:
    """At least `needed` of `count` alike parts work, which fail independently.

    Raises ValueError for a ratio outside 0 to 1, and unless 0 <= needed <= count.
    """
    _ratios([ratio])
    if not 0 <= needed <= count:
        raise ValueError(f"needed must be from 0 to {count}, not {needed}")
    return math.fsum(
        math.comb(count, working) * ratio**working * (1.0 - ratio) ** (count - working)
        for working in range(needed, count + 1)
    )


def with_soft_dependency(hard: float, soft: float, weight: float) -> float:
    """A part whose failure only degrades: it costs `weight` (0 to 1) of the service while it is down."""
    _ratios([hard, soft, weight])
    return hard * (1.0 - weight * (1.0 - soft))


def with_common_cause(independent: float, shared: float, beta: float = COMMON_CAUSE_RATIO) -> float:
    """Copies that would reach `independent`, when a share `beta` of failures strikes what they share.

    `shared` is the availability of what they share: the region of zones.
    """
    _ratios([independent, shared, beta])
    return 1.0 - (1.0 - beta) * (1.0 - independent) - beta * (1.0 - shared)


def two_regions(each: float) -> float:
    """One of two alike regions that both serve works, a share of whose failures strikes both."""
    return with_common_cause(parallel([each, each]), each)


def steady_state(mtbf_hours: float, mttr_hours: float) -> float:
    """Share of time a part works that fails every `mtbf_hours` of work and is repaired in `mttr_hours`.

    Raises ValueError unless both are finite, `mtbf_hours` above 0 and `mttr_hours` not negative.
    """
    if not (0.0 < mtbf_hours < math.inf and 0.0 <= mttr_hours < math.inf):
        raise ValueError("mtbf_hours must be above 0 and mttr_hours not negative, both finite")
    return mtbf_hours / (mtbf_hours + mttr_hours)


def lost_minutes_per_month(ratio: float) -> float:
    """Minutes that do not work in a month of 730 hours: the error budget of an objective."""
    _ratios([ratio])
    return (1.0 - ratio) * MINUTES_PER_MONTH


@dataclass(frozen=True, slots=True)
class Impairment:
    """How often something is impaired, and for how long: lognormal about a median."""

    per_year: float
    median_hours: float
    sigma: float
    """Standard deviation of the logarithm of the hours."""
    source: str

    @property
    def mean_hours(self) -> float:
        return self.median_hours * math.exp(self.sigma**2 / 2.0)

    @property
    def per_month(self) -> float:
        return self.per_year / MONTHS_PER_YEAR

    @property
    def availability_ratio(self) -> float:
        """Share of time without such an impairment."""
        between_hours = HOURS_PER_YEAR / self.per_year
        return steady_state(between_hours - self.mean_hours, self.mean_hours)


ZONE_IMPAIRMENT = Impairment(
    0.2,
    2.0,
    0.8,
    "engineering guess: AWS publishes no rate; its post-event summaries list 1 to 3 widely felt zone or region "
    "events a year (2011 to 2025)",
)
"""Of one Availability Zone."""

REGION_IMPAIRMENT = Impairment(
    0.1,
    4.0,
    0.8,
    "engineering guess: AWS publishes no rate; S3 2017 took about 4 h, N. Virginia 2025-10 about 14.5 h (AWS "
    "post-event summaries); the spread is that of a zone",
)
"""Of a whole region, as its shops see it."""

LAUNCHES_FAIL_RATIO = 0.25
"""Share of zone impairments during which nothing can be launched in the other zones either.

Source: engineering guess; EC2 launches were impaired for hours in N. Virginia (AWS post-event summary, 2025-10).
"""


def _ratios(ratios: Iterable[float]) -> list[float]:
    """The same numbers. Raises ValueError for one outside 0 to 1."""
    found = list(ratios)
    for ratio in found:
        if not 0.0 <= ratio <= 1.0:
            raise ValueError(f"an availability must be from 0 to 1, not {ratio}")
    return found
