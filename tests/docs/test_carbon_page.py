"""docs/carbon.md says of every coefficient and region what the files say, and works its example as the code does.

`pytest tests/docs/test_carbon_page.py --rewrite-golden` writes the tables anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from costmodel.capacity.energy import BUSY_RATIO, Energy, Span, coefficients, instances, processors
from costmodel.capacity.instances import instance_type
from costmodel.decision.carbon import carbon_of, kg_per_kwh, regional
from costmodel.services._base import USAGE_TYPE_CODES
from costmodel.units import HOURS_PER_MONTH, figure, two_digits

EXAMPLE = "m7g.large"


def ends(span: Span) -> str:
    low, likely, high = (figure(value) for value in (span.low, span.likely, span.high))
    return likely if low == high else f"{likely} ({low} to {high})"


def month_of(region_id: str) -> Energy:
    instance = instance_type(EXAMPLE)
    return instances(region_id, instance, HOURS_PER_MONTH, HOURS_PER_MONTH * instance.vcpu * BUSY_RATIO)


def table(*columns: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def regions_table() -> str:
    rows = []
    for region_id in USAGE_TYPE_CODES:
        pue, grid = (regional()[name, region_id] for name in ("pue", "grid"))
        month = carbon_of(month_of(region_id)).total_kg
        rows.append(
            (
                region_id,
                ends(pue.span),
                ends(grid.span),
                f"{two_digits(kg_per_kwh(region_id).likely)}",
                f"{two_digits(month.likely)} ({two_digits(month.low)} to {two_digits(month.high)})",
                f"{grid.source} ({grid.as_of})",
            )
        )
    return table(
        "region",
        "PUE",
        "grid, kg per kWh",
        "together",
        f"{EXAMPLE}, kg a month",
        "source of the grid",
        rows=rows,
    )


def coefficients_table() -> str:
    rows = [
        (known.name, ends(known.span), known.unit, f"{known.source} ({known.as_of})")
        for known in coefficients().values()
    ]
    return table("name", "value", "unit", "source", rows=rows)


def processors_table() -> str:
    rows = [
        (
            known.name,
            ", ".join(known.families),
            ends(known.idle_watts),
            ends(known.full_watts),
            figure(known.norm_memory_gb_per_vcpu),
            f"{known.chips} x {known.vcpus_per_chip:g}",
            f"{known.source} ({known.as_of})",
        )
        for known in processors()
    ]
    return table(
        "processor", "families", "idle W per vCPU", "full W per vCPU", "GB per vCPU measured with",
        "chips x vCPUs", "source", rows=rows,
    )  # fmt: skip


TABLES = {"regions": regions_table, "coefficients": coefficients_table, "processors": processors_table}


@pytest.fixture(scope="module")
def path(root: Path) -> Path:
    return root / "docs" / "carbon.md"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_what_the_files_say(path: Path, name: str, request: pytest.FixtureRequest) -> None:
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, _, rest = path.read_text().partition(begin)
    written, _, after = rest.partition(end)
    made = TABLES[name]()
    if request.config.getoption("--rewrite-golden"):
        path.write_text(before + begin + made + end + after)
        return
    assert written == made


def test_the_worked_example_is_what_the_code_works_out(path: Path) -> None:
    energy = month_of("eu-west-1")
    found = carbon_of(energy)
    page = path.read_text()
    for words in (
        f"= {energy.uses[0].kwh.likely:.3f} kWh of processors",
        f"= {energy.uses[1].kwh.likely:.3f} kWh of memory",
        f"= {found.operational_kg.likely:.3f} kg of electricity",
        f"= {found.making_kg.likely:.3f} kg of making",
        f"{two_digits(found.total_kg.likely)} kg CO2e a month "
        f"({two_digits(found.total_kg.low)} to {two_digits(found.total_kg.high)})",
    ):
        assert words in page, words
