"""Instance classes of RDS and Aurora: which sizes there are, and which are worth considering for a load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from costmodel.capacity.instances import InstanceType, database_class
from costmodel.capacity.relational import CACHE_MEMORY_RATIO, MAINTENANCE_CPU_RATIO, NodeLoad
from costmodel.demand.demand import Demand
from costmodel.scenario.fields import Rule
from costmodel.scenario.model import Scenario
from costmodel.units import SECONDS_PER_MINUTE

PLANNED_PEAK_UTILISATION = 0.8
"""CPU at the busiest minute that a class worth considering may reach; our guess."""

REACH = 4.0
"""Classes with more than this many times the CPU needed are not considered."""

_MICRO_UP = ("micro", "small", "medium", "large", "xlarge", "2xlarge")
_LARGE_UP = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")

RDS_SIZES: Mapping[str, tuple[str, ...]] = {
    "t3": _MICRO_UP,
    "t4g": _MICRO_UP,
    **dict.fromkeys(("m6g", "m7g", "r6g", "r7g"), _LARGE_UP),
    **dict.fromkeys(("m5", "m6i", "m7i", "r5", "r6i", "r7i"), (*_LARGE_UP, "24xlarge")),
}
"""Sizes by family. Source: Amazon RDS price list for PostgreSQL and MySQL (2025-12-06), all eight regions."""

AURORA_SIZES: Mapping[str, tuple[str, ...]] = {
    "t3": ("medium", "large"),
    "t4g": ("medium", "large"),
    **dict.fromkeys(("r6g", "r7g"), _LARGE_UP),
    **dict.fromkeys(("r5", "r6i", "r7i", "r8g"), (*_LARGE_UP, "24xlarge")),
}
"""Sizes by family. Source: Amazon Aurora price list (2025-12-06); `AURORA_GAPS` names what is missing where."""

AURORA_GAPS = frozenset(
    {("r8g", "sa-east-1", "postgresql"), ("r8g", "sa-east-1", "mysql"), ("r8g", "ap-southeast-1", "mysql")}
)
"""(family, region, engine) that Aurora does not sell. Source: Amazon Aurora price list (2025-12-06)."""


Sizes = Mapping[str, tuple[str, ...]]
"""Sizes by family, from small to large."""


def aurora_sizes(region_id: str, engine: str) -> Sizes:
    """The sizes that Aurora sells in a region for an engine."""
    sold = AURORA_SIZES.items()
    return {family: sizes for family, sizes in sold if (family, region_id, engine) not in AURORA_GAPS}


def class_names(sizes: Sizes) -> list[str]:
    """Classes by their names: `db.r7g.large`."""
    return [f"db.{family}.{size}" for family, found in sizes.items() for size in found]


def family_rules(scenario: Scenario) -> list[Rule]:
    """A broken rule for each allowed database family that no engine offers, naming the valid ones."""
    known = sorted(RDS_SIZES.keys() | AURORA_SIZES.keys())
    return [
        Rule(("constraints", "database_families", index), f"must be one of {', '.join(known)}", family)
        for index, family in enumerate(scenario.constraints.database_families)
        if family not in known
    ]


def classes_for(
    scenario: Scenario, demand: Demand, loads: Iterable[NodeLoad | None], sizes: Sizes
) -> tuple[InstanceType, ...]:
    """Classes worth considering when every node of a design is of the same class."""
    work = scenario.database
    usable = 1.0 - MAINTENANCE_CPU_RATIO[work.engine]
    cpu_s = max(load.cpu_ms(work) for load in loads if load) / 1000.0 / usable
    rate_per_s = demand.api_requests / SECONDS_PER_MINUTE
    return classes_in_reach(
        scenario.constraints.database_families,
        sizes,
        peak_units=cpu_s * float(rate_per_s.max()),
        mean_units=cpu_s * float(rate_per_s.mean()),
        memory_gib=float(demand.database_stored_gb.max()) * work.working_set_ratio / CACHE_MEMORY_RATIO,
    )


def classes_in_reach(
    families: Iterable[str],
    sizes: Sizes,
    *,
    peak_units: float,
    mean_units: float,
    memory_gib: float,
) -> tuple[InstanceType, ...]:
    """Classes worth considering for a node, at most two per family, at least two in all if there are.

    Of each family: the smallest class whose CPU carries the peak (for burstable ones, whose baseline
    carries the mean too), and the smallest that also caches the working set, or else the next one up
    while it has no more than `REACH` times the CPU needed. Where no class is big enough, the largest.

    Args:
        families: family names without `db.`.
        sizes: sizes by family, small to large; families missing here are not sold and left out.
        peak_units: CPU of the busiest minute, in m5 vCPUs.
        mean_units: CPU of the mean minute, in m5 vCPUs.
        memory_gib: memory that caches the whole working set.
    """
    found: list[InstanceType] = []
    largest: list[InstanceType] = []
    spare: list[InstanceType] = []
    needed = peak_units / PLANNED_PEAK_UTILISATION
    for family in dict.fromkeys(families):
        classes = [database_class(f"db.{family}.{size}") for size in sizes.get(family, ())]
        enough = [c for c in classes if c.compute_units >= needed and _sustained_units(c) >= mean_units]
        largest += classes[-1:]
        if not enough:
            continue
        first, *larger = enough
        fitting = [c for c in larger if c.memory_gib >= memory_gib] if first.memory_gib < memory_gib else []
        near = [c for c in larger if c.compute_units <= REACH * needed]
        found += [first, *(fitting or near)[:1]]
        spare += larger[:1]
    if not found:
        return tuple(largest)
    if len(found) == 1:
        found += spare
    return tuple(found)


def _sustained_units(instance: InstanceType) -> float:
    return instance.compute_units * (instance.cpu_baseline_ratio or 1.0)
