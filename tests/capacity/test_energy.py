"""Energy worked out by hand, coefficient files that say where every figure is from, and what grows with what."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest

from costmodel.capacity import energy
from costmodel.capacity.energy import (
    Energy,
    EnergyUse,
    Part,
    Span,
    coefficients,
    gpus,
    instances,
    moved,
    processor_of,
    processors,
    servers,
    stored,
    table_requests,
    to_viewers,
    unmeasured,
)
from costmodel.capacity.instances import DATABASE_PREFIX, instance_type

CSV = Path(energy.__file__).with_name("instances.csv")
REGION = "eu-west-1"


def of(drawn: Energy, part: Part) -> EnergyUse:
    (use,) = (use for use in drawn.uses if use.part is part)
    return use


def test_ten_hours_of_a_graviton_instance_at_half_use() -> None:
    """m7g.large: 2 vCPUs, 8 GiB; 64 vCPUs a chip, one chip a server, 129.78 GB measured with."""
    drawn = instances(REGION, instance_type("m7g.large"), 10.0, 10.0)
    processors = of(drawn, Part.PROCESSORS)
    assert processors.kwh.likely == pytest.approx((10 * 0.474 + 10 * 1.693) / 1000)
    assert processors.kwh.high == pytest.approx((10 * 0.739 + 10 * 2.282) / 1000)
    assert of(drawn, Part.MEMORY).kwh.likely == pytest.approx((4 - 129.78 / 64) * 20 * 0.000392)
    server_kg = 1000 + 1.388 * (4 * 64 - 16)
    assert processors.making_kg.likely == pytest.approx(server_kg * 0.25 / 8760 / 64 * 20)


def test_an_intel_instance_with_little_memory() -> None:
    """c7i.large: 2 vCPUs, 4 GiB; 96 vCPUs a chip, two chips a server, 130.8 GB measured with."""
    drawn = instances(REGION, instance_type("c7i.large"), 100.0, 50.0)
    assert of(drawn, Part.PROCESSORS).kwh.likely == pytest.approx((150 * 1.036 + 50 * 4.160) / 1000)
    assert of(drawn, Part.MEMORY).kwh.likely == pytest.approx((2 - 130.8 / 96) * 200 * 0.000392)
    server_kg = 1000 + 100 + 1.388 * (2 * 192 - 16)
    assert of(drawn, Part.PROCESSORS).making_kg.likely == pytest.approx(server_kg * 0.25 / 8760 / 192 * 200)


@pytest.mark.parametrize(
    ("family", "memory_gb_per_vcpu", "server_kg"),
    [("m5", 4, 1610.79), ("r5", 8, 2143.79), ("c5", 2, 1344.29), ("m6g", 4, 1333.12), ("r6g", 8, 1688.46),
     ("c6g", 2, 1155.46), ("m6i", 4, 1788.46), ("c5a", 2, 1244.29)],
)  # fmt: skip
def test_making_a_server_is_what_the_source_publishes(
    family: str, memory_gb_per_vcpu: float, server_kg: float
) -> None:
    """Totals of cloud-carbon-coefficients, output/coefficients-aws-embodied.csv (f06daaea)."""
    found = processor_of(family).server_kg(memory_gb_per_vcpu)
    assert found.likely == pytest.approx(server_kg, abs=0.5)
    assert found.low < found.likely <= found.high


def test_storage_in_its_copies() -> None:
    """1 000 GB of 2**30 bytes for a month of 730 hours are 783.8 TB-hours."""
    tb_hours = 1000 * 730 * 2**30 / 1e12
    bucket = of(stored(REGION, "hdd", "copies_s3", 1000 * 730), Part.STORAGE)
    assert bucket.kwh.likely == pytest.approx(tb_hours * 0.65 * 6 / 1000)
    assert bucket.kwh.low == pytest.approx(tb_hours * 0.325 * 3 / 1000)
    cluster = of(stored(REGION, "ssd", "copies_aurora", 1000 * 730), Part.STORAGE)
    assert cluster.kwh.likely == pytest.approx(tb_hours * 1.2 * 6 / 1000)


def test_bytes_between_data_centres_count_and_bytes_to_viewers_stand_apart() -> None:
    assert of(moved(REGION, 500.0), Part.TRANSFER).kwh.likely == pytest.approx(0.5)
    drawn = to_viewers(500.0)
    assert drawn.uses == ()
    assert drawn.to_viewers_kwh.likely == pytest.approx(15.0)


def test_a_million_requests_to_a_table() -> None:
    """0.2 ms each are 0.0556 vCPU-hours busy, and as many idle."""
    use = of(table_requests(REGION, 1e6), Part.PROCESSORS)
    assert use.kwh.likely == pytest.approx(1e6 * 0.2 / 3.6e6 * (0.74 + 3.5) / 1000)
    assert "table_request" in [known.name for known in use.figures]


def test_a_graphics_processor_at_a_quarter_of_its_use() -> None:
    use = of(gpus(REGION, 100.0, 25.0), Part.PROCESSORS)
    assert use.kwh.likely == pytest.approx((75 * 8 + 25 * 71) / 1000)
    assert use.making_kg.likely == pytest.approx(150 * 0.25 / 8760 * 100)


def test_an_arm_vcpu_draws_less_than_an_intel_one() -> None:
    draws = [
        of(instances(REGION, instance_type(name), 1.0, 1.0), Part.PROCESSORS).kwh.likely
        for name in ("m7g.large", "m7i.large", "m6i.large")
    ]
    assert draws[0] < min(draws[1:])


def test_more_use_draws_more_and_no_use_draws_something() -> None:
    draws = [
        of(
            servers(REGION, "m7g", vcpu_hours=8, busy_vcpu_hours=busy, memory_gb_per_vcpu=4), Part.PROCESSORS
        ).kwh
        for busy in (0, 2, 8)
    ]
    assert draws[0].low > 0
    assert all(less.likely < more.likely for less, more in pairwise(draws))


def test_use_beyond_all_vcpus_draws_no_more() -> None:
    full, over = (
        servers(REGION, "m7g", vcpu_hours=8, busy_vcpu_hours=busy, memory_gb_per_vcpu=4) for busy in (8, 9)
    )
    assert full == over


def test_what_has_no_figure_is_said_once() -> None:
    both = unmeasured("gateways") + unmeasured("gateways", "keys")
    assert both.not_modelled == ("gateways", "keys")
    assert both.uses == ()


def test_every_family_has_one_processor() -> None:
    with CSV.open(newline="", encoding="utf-8") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    families = {name.removeprefix(DATABASE_PREFIX).rpartition(".")[0] for name in names}
    listed = [family for processor in processors() for family in processor.families]
    assert len(listed) == len(set(listed))
    assert families <= set(listed)


def test_a_family_without_a_processor_is_an_error() -> None:
    with pytest.raises(KeyError, match="z9x"):
        processor_of("z9x")


def test_every_figure_has_ends_a_source_and_a_date() -> None:
    spans = {name: known.span for name, known in coefficients().items()}
    for processor in processors():
        spans |= {f"{processor.name} {known.name}": known.span for known in processor.figures}
        assert processor.idle_watts.likely < processor.full_watts.likely
    for name, span in spans.items():
        assert 0 < span.low <= span.likely <= span.high, name
    for known in (*coefficients().values(), *processors()):
        assert known.source
        assert known.as_of[:2] == "20"
        assert len(known.as_of) == len("2024-03")


def test_spans_add_and_multiply_end_by_end() -> None:
    assert Span(1, 2, 3) + Span(1, 1, 1) == Span(2, 3, 4)
    assert Span(1, 2, 3) * Span(2, 2, 4) == Span(2, 4, 12)
    assert Span(1, 2, 3) * 2 == Span(2, 4, 6)
