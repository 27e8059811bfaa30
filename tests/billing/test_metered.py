"""What a usage file says there is, metered by AWS's rules: properties over any of it, faults, and the view line by line."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aws.books import book_of, price
from costmodel.billing.plain import price_usage
from costmodel.errors import UsageFileError
from costmodel.scenario.usage_file import parse_usage_file
from costmodel.services.ebs import IO2_METERS
from shops.till import priced_file

D = Decimal
LARGEST = {
    "count": 10**7, "kb": 10**5, "days": 15, "gb": 10_000, "iops": 60_000, "mibps": 1_000, "invocations": 10**9,
    "duration_ms": 450_000, "memory_mb": 5_120, "ephemeral_mb": 5_120, "response_mb": 100,
    "cold_starts": 10**8, "init_ms": 5_000,
}  # fmt: skip
"""Half of what each key may be at most, or less, so that twice as much of it is allowed."""


def numbers(key: str, least: int = 1) -> st.SearchStrategy[int]:
    return st.integers(least, LARGEST[key])


OBJECTS = st.fixed_dictionaries(
    {
        "storage_class": st.sampled_from(
            [
                "STANDARD",
                "STANDARD_IA",
                "ONEZONE_IA",
                "INTELLIGENT_TIERING",
                "GLACIER_IR",
                "GLACIER",
                "DEEP_ARCHIVE",
            ]
        ),
        "count": numbers("count"),
        "kb": numbers("kb", 0) | st.integers(0, 300),
        "days": numbers("days"),
    },
    optional={"deleted_after_days": st.integers(30, 400)},
)
IO2 = st.fixed_dictionaries(
    {
        "type": st.just("io2"),
        "gb": numbers("gb", 128),
        "iops": numbers("iops", 100),
        "count": st.integers(1, 50),
    }
)
GP3 = st.fixed_dictionaries(
    {
        "type": st.just("gp3"),
        "gb": numbers("gb", 240),
        "iops": st.integers(8_000, 40_000),
        "mibps": numbers("mibps", 125),
        "days": numbers("days"),
    }
)
FUNCTIONS = st.fixed_dictionaries(
    {
        "invocations": numbers("invocations"),
        "duration_ms": numbers("duration_ms"),
        "memory_mb": numbers("memory_mb", 128),
        "ephemeral_mb": numbers("ephemeral_mb", 512),
        "response_mb": numbers("response_mb", 0),
        "architecture": st.sampled_from(["x86_64", "arm64"]),
    }
)
COLD_FUNCTIONS = st.fixed_dictionaries(
    {
        "invocations": st.just(LARGEST["invocations"]),
        "duration_ms": numbers("duration_ms"),
        "memory_mb": numbers("memory_mb", 128),
        "cold_starts": numbers("cold_starts"),
        "init_ms": numbers("init_ms"),
    }
)
DATABASES = st.fixed_dictionaries(
    {
        "engine": st.sampled_from(["PostgreSQL", "MySQL"]),
        "class": st.just("db.m7g.large"),
        "multi_az": st.booleans(),
        "ran_minutes": st.lists(st.integers(0, 2_000), min_size=1, max_size=10),
    }
)


def cost(key: str, *entries: dict[str, Any], period: str = "2026-11") -> Decimal:
    rows = [{"region": "us-east-1"} | entry for entry in entries]
    return priced_file(f"{key}: {json.dumps(rows)}", free_tier=False, period=period).billed_cost


@settings(max_examples=150, deadline=None)
@given(
    what=st.one_of(
        st.tuples(st.just("objects"), OBJECTS),
        st.tuples(st.just("volumes"), IO2),
        st.tuples(st.just("volumes"), GP3),
        st.tuples(st.just("functions"), FUNCTIONS),
        st.tuples(st.just("functions"), COLD_FUNCTIONS),
    ),
    data=st.data(),
)
def test_more_of_a_thing_never_costs_less(what: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    key, entry = what
    more = data.draw(st.sampled_from(sorted(entry.keys() & LARGEST.keys())))
    assert cost(key, entry | {more: entry[more] * 2}) >= cost(key, entry) >= 0


@settings(max_examples=50, deadline=None)
@given(entry=DATABASES, at=st.integers(0, 9), longer=st.integers(0, 1_000))
def test_a_longer_or_a_further_run_never_costs_less(entry: dict[str, Any], at: int, longer: int) -> None:
    runs = entry["ran_minutes"]
    at %= len(runs)
    once = cost("databases", entry)
    longer_run = [*runs[:at], runs[at] + longer, *runs[at + 1 :]]
    assert cost("databases", entry | {"ran_minutes": longer_run}) >= once
    assert cost("databases", entry | {"ran_minutes": [*runs, longer]}) > once


@settings(max_examples=50, deadline=None)
@given(entry=OBJECTS)
def test_a_storage_class_never_bills_less_than_it_holds(entry: dict[str, Any]) -> None:
    own, *beside = priced_file(
        f"objects: [{json.dumps({'region': 'us-east-1'} | entry)}]", period="2026-11"
    ).lines
    held_gb_months = D(entry["count"]) * entry["kb"] / 2**20 * entry["days"] / 30
    assert own.quantity >= held_gb_months.quantize(D("1e-9")) - D("1e-9")
    archived = entry["storage_class"] in ("GLACIER", "DEEP_ARCHIVE")
    watched = entry["storage_class"] == "INTELLIGENT_TIERING" and entry["kb"] >= 128
    assert len(beside) == (1 if archived or watched else 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(100, 128_000), st.integers(100, 128_000))
def test_one_io2_volume_never_costs_more_than_two_with_the_same_iops(one: int, other: int) -> None:
    def of(*volumes: int) -> Decimal:
        return cost(
            "volumes", *({"type": "io2", "gb": 512 // len(volumes), "iops": iops} for iops in volumes)
        )

    assert of(max(one, other)) <= of(one + other) <= of(one, other)


def test_two_io2_volumes_of_40_000_iops_cost_more_than_one_of_80_000() -> None:
    """By 8 000 IOPS at each of the first two rates, 0.065 and 0.0455, in place of 16 000 at 0.0455 and at 0.03185."""
    two = cost("volumes", {"type": "io2", "gb": 250, "iops": 40_000, "count": 2})
    one = cost("volumes", {"type": "io2", "gb": 500, "iops": 80_000})
    first, second, third = D("0.065"), D("0.0455"), D("0.03185")
    assert two - one == 32_000 * (first - second) + 16_000 * (second - third) > 0


@settings(max_examples=50, deadline=None)
@given(iops=st.integers(100, 256_000))
def test_every_provisioned_iops_is_billed_once(iops: int) -> None:
    volume = f"{{region: us-east-1, type: io2, gb: 500, iops: {iops}}}"
    size, *tiers = priced_file(f"volumes: [{volume}]").lines
    assert size.meter == "EBS:VolumeUsage.io2"
    assert sum(line.quantity for line in tiers) == iops
    assert [line.meter for line in tiers] == [meter for _, meter in IO2_METERS][: len(tiers)]


def test_the_largest_numbers_stay_exact() -> None:
    """A trillion objects of 50 TB, all but a byte: 10^12 x 53 687 091 199.999023437 KB / 2^20 GB, to nine decimals."""
    largest = (
        "{region: us-east-1, storage_class: GLACIER_IR, count: 1000000000000, kb: 53687091199.999023437}"
    )
    (line,) = priced_file(f"objects: [{largest}]").lines
    exact = 10**12 * Fraction("53687091199.999023437") / 2**20
    assert abs(Fraction(line.quantity) - exact) <= Fraction("0.5e-9")
    assert line.billed_cost == line.quantity * D("0.004")


def test_metered_lines_share_tiers_and_allowances_with_stated_ones() -> None:
    """40 TB stated and 20 TB of objects: 60 TB x 1 024 = 51 200 GB at 0.023 and 10 240 GB at 0.022, in proportion."""
    stated = "{service: AmazonS3, meter: TimedStorage-ByteHrs, region: us-east-1, quantity: 40960}"
    objects = "{region: us-east-1, storage_class: STANDARD, count: 20480, kb: 1048576}"
    result = priced_file(f"usage: [{stated}]\nobjects: [{objects}]")
    assert result.billed_cost == 51_200 * D("0.023") + 10_240 * D("0.022")
    assert [line.path for line in result.lines] == ["usage.0", "objects.0"]
    assert sum(line.billed_cost for line in result.lines) == result.billed_cost


def test_an_own_rate_stands_in_for_the_price_of_a_metered_line() -> None:
    volume = "{region: us-east-1, type: gp3, gb: 100}"
    rate = (
        "{service: AmazonEC2, meter: 'EBS:VolumeUsage.gp3', region: us-east-1, unit: GB-Mo,"
        " tiers: [{from: 0, price: 0.05}]}"
    )
    result = priced_file(f"volumes: [{volume}]\nrates: [{rate}]")
    assert (result.billed_cost, result.unused_rates) == (5, ())


def test_every_line_has_the_words_of_its_rule() -> None:
    result = priced_file(
        """
objects:
  - {region: eu-west-1, storage_class: GLACIER, count: 1000, kb: 10, days: 20, deleted_after_days: 20}
  - {region: eu-west-1, storage_class: STANDARD_IA, count: 1000, kb: 10}
  - {region: eu-west-1, storage_class: INTELLIGENT_TIERING, count: 1000, kb: 128}
volumes:
  - {region: eu-west-1, type: io2, gb: 500, iops: 40000, count: 2, days: 15}
  - {region: eu-west-1, type: gp3, gb: 100, iops: 6000, mibps: 250}
  - {region: eu-west-1, type: io1, gb: 100, iops: 500}
  - {region: eu-west-1, type: gp2, gb: 100}
databases:
  - {region: eu-west-1, engine: PostgreSQL, class: db.t4g.medium, multi_az: true, ran_minutes: [3, 3, 45]}
functions:
  - {region: eu-west-1, invocations: 1000, duration_ms: 119.5, memory_mb: 512, ephemeral_mb: 2048, response_mb: 8}
  - {region: eu-west-1, invocations: 1000, duration_ms: 119.5, memory_mb: 512, cold_starts: 10, init_ms: 250.4}
""",
        period="2026-11",
    )
    assert [(line.path, line.meter, line.quantity, line.formula) for line in result.lines] == [
        ("objects.0", "TimedStorage-GlacierByteHrs", D("0.120162964"),
         "1,000 x 42 KB (32 of them index and metadata) / 1,048,576 x (20 + 70 owed of the 90 billed at least) / 30 days of the month"),
        ("objects.0", "TimedStorage-ByteHrs", D("0.005086263"),
         "1,000 x 8 KB (its name, at the Standard rate) / 1,048,576 x 20 / 30 days of the month"),
        ("objects.1", "TimedStorage-SIA-ByteHrs", D("0.122070313"),
         "1,000 x 128 KB (the least that is billed) / 1,048,576 x 30 / 30 days of the month"),
        ("objects.2", "TimedStorage-INT-FA-ByteHrs", D("0.122070313"), "1,000 x 128 KB / 1,048,576 x 30 / 30 days of the month"),
        ("objects.2", "Monitoring-Automation-INT", 1_000, "1,000 watched, as each has 128 KB or more"),
        ("volumes.0", "EBS:VolumeUsage.io2", 500, "2 x 500 GB x 15 / 30 days of the month"),
        ("volumes.0", "EBS:VolumeP-IOPS.io2", 32_000,
         "2 x 32,000 IOPS (of 40,000, those from 0 to 32,000) x 15 / 30 days of the month"),
        ("volumes.0", "EBS:VolumeP-IOPS.io2.tier2", 8_000,
         "2 x 8,000 IOPS (of 40,000, those from 32,000 to 64,000) x 15 / 30 days of the month"),
        ("volumes.1", "EBS:VolumeUsage.gp3", 100, "1 x 100 GB x 30 / 30 days of the month"),
        ("volumes.1", "EBS:VolumeP-IOPS.gp3", 3_000, "1 x (6,000 - 3,000 included) IOPS x 30 / 30 days of the month"),
        ("volumes.1", "EBS:VolumeP-Throughput.gp3", D("0.122070313"),
         "1 x (250 - 125 included) MiB/s / 1,024 x 30 / 30 days of the month"),
        ("volumes.2", "EBS:VolumeUsage.piops", 100, "1 x 100 GB x 30 / 30 days of the month"),
        ("volumes.2", "EBS:VolumeP-IOPS.piops", 500, "1 x 500 IOPS x 30 / 30 days of the month"),
        ("volumes.3", "EBS:VolumeUsage.gp2", 100, "1 x 100 GB x 30 / 30 days of the month"),
        ("databases.0", "Multi-AZUsage:db.t4g.medium", D("1.083333333"),
         "65 minutes / 60, 2 of 3 starts billed as 10 minutes, the least"),
        ("functions.0", "Request", 1_000, "one for each call"),
        ("functions.0", "Lambda-GB-Second", 60, "1,000 x 120 ms / 1,000 x 512 MB / 1,024"),
        ("functions.0", "Lambda-Storage-GB-Second", 180, "1,000 x 120 ms / 1,000 x (2,048 - 512 free) MB / 1,024"),
        ("functions.0", "response-streaming-bytes-beyond-6-mb-per-request", D("1.953125"),
         "1,000 x (8 - 6 free) MB / 1,024"),
        ("functions.1", "Request", 1_000, "one for each call"),
        ("functions.1", "Lambda-GB-Second", D("61.25"),
         "(1,000 x 120 ms + 10 x 250 ms of INIT) / 1,000 x 512 MB / 1,024"),
    ]  # fmt: skip
    assert [line["formula"] for line in result.to_dict()["lines"]] == [line.formula for line in result.lines]


VOLUMES = "Amazon EBS User Guide, Amazon EBS volume types, 2025-09"
STORAGE = "AWS Lambda Developer Guide, configuring ephemeral storage, 2023-10"
LIFECYCLE = "AWS Lambda Developer Guide, execution environment lifecycle, 2023-10"
QUOTAS = "AWS Lambda Developer Guide, quotas, 2023-10"


@pytest.mark.parametrize(
    ("key", "entry", "allowed", "refused", "place", "told"),
    [
        ("volumes", "type: gp3, gb: 100, iops: %s", ("3000", "50000"), ("2999", "50001"), "iops",
         f"must be from 3,000 to 50,000 IOPS of gp3 with 100 GiB ({VOLUMES})"),
        ("volumes", "type: gp3, gb: 10000, iops: %s", ("3000", "80000"), ("80001",), "iops",
         f"must be from 3,000 to 80,000 IOPS of gp3 with 10,000 GiB ({VOLUMES})"),
        ("volumes", "type: gp3, gb: 100, mibps: %s", ("125", "750"), ("124", "751"), "mibps",
         f"must be from 125 to 750 MiB/s of gp3 with 3,000 IOPS ({VOLUMES})"),
        ("volumes", "type: gp3, gb: 100, iops: 10000, mibps: %s", ("2000",), ("2001",), "mibps",
         f"must be from 125 to 2,000 MiB/s of gp3 with 10,000 IOPS ({VOLUMES})"),
        ("volumes", "type: io2, gb: 500, iops: %s", ("100", "256000"), ("99", "256001"), "iops",
         f"must be from 100 to 256,000 IOPS of io2 with 500 GiB ({VOLUMES})"),
        ("volumes", "type: io1, gb: 100, iops: %s", ("100", "5000"), ("5001",), "iops",
         f"must be from 100 to 5,000 IOPS of io1 with 100 GiB ({VOLUMES})"),
        ("volumes", "type: st1, gb: %s", ("125", "16384"), ("124", "16385"), "gb",
         f"must be from 125 to 16,384 GiB of st1 ({VOLUMES})"),
        ("functions", "invocations: 1, duration_ms: 1, memory_mb: 128, ephemeral_mb: %s", ("512", "10240"), ("511", "10241"),
         "ephemeral_mb", f"must be from 512 to 10,240 MB ({STORAGE})"),
        ("functions", "invocations: 1, duration_ms: 1, memory_mb: %s", ("128", "10240"), ("127", "10241"), "memory_mb",
         f"must be from 128 to 10,240 MB ({QUOTAS})"),
        ("functions", "invocations: 1, duration_ms: %s, memory_mb: 128", ("900000",), ("900000.1",), "duration_ms",
         f"must be more than 0 and at most 900,000 ms ({QUOTAS})"),
        ("functions", "invocations: 1, duration_ms: 1, memory_mb: 128, cold_starts: 1, init_ms: %s", ("10000",), ("10000.1",),
         "init_ms", f"must be more than 0 and at most 10,000 ms ({LIFECYCLE})"),
        ("functions", "invocations: 1, duration_ms: 1, memory_mb: 128, response_mb: %s", ("200",), ("200.1",), "response_mb",
         "must be from 0 to 200 MB (AWS Lambda Developer Guide, response streaming, 2025-07)"),
        ("objects", "storage_class: STANDARD, count: 1, kb: %s", ("53687091200",), ("53687091201",), "kb",
         "must be from 0 to 53,687,091,200 KB (AWS News, Amazon S3 increases the maximum object size to 50 TB, 2025-12)"),
        ("volumes", "type: gp2, gb: 100%s", ("",), (", iops: 100",), "iops", f"cannot be bought for gp2; delete it ({VOLUMES})"),
        ("volumes", "type: io2, gb: 100, iops: 100%s", ("",), (", mibps: 200",), "mibps",
         f"cannot be bought for io2; delete it ({VOLUMES})"),
        ("volumes", "type: io2, gb: 100%s", (", iops: 100",), ("",), "iops",
         "is required: io2 volumes are billed for the IOPS they are given"),
    ],
)  # fmt: skip
def test_what_aws_does_not_offer_is_refused_with_its_source(
    key: str, entry: str, allowed: tuple[str, ...], refused: tuple[str, ...], place: str, told: str
) -> None:
    def body(value: str) -> str:
        return f"{key}: [{{region: us-east-1, {entry % value}}}]"

    for value in allowed:
        assert priced_file(body(value)).lines
    for value in refused:
        with pytest.raises(UsageFileError) as caught:
            priced_file(body(value))
        assert [(fault.path, fault.problem) for fault in caught.value.faults] == [(f"{key}.0.{place}", told)]


CALLS = "region: us-east-1, invocations: 1000, duration_ms: 100, memory_mb: 1024"


@pytest.mark.parametrize(
    ("starts", "period", "told"),
    [
        ("", "2025-08", "functions.0: AWS bills the INIT phase of every cold start since 2025-08-01, and nothing here says"),
        ("", "2025-07", None),
        (", cold_starts: 0", "2026-11", None),
        (", cold_starts: 5, init_ms: 200", "2026-11", None),
        (", cold_starts: 5, init_ms: 200", "2025-07",
         "functions.0: before 2025-08-01 AWS billed the INIT phase of container images and custom runtimes alone."),
    ],
)  # fmt: skip
def test_cold_starts_that_nobody_states_are_told(starts: str, period: str, told: str | None) -> None:
    """What a file does not say of cold starts is not billed, and not passed over in silence."""
    notes = priced_file(f"functions: [{{{CALLS}{starts}}}]", period=period).notes
    found = [note for note in notes if note.startswith("functions.0")]
    assert len(found) == (told is not None)
    assert told is None or found[0].startswith(told)


def test_a_price_that_the_book_lacks_is_named(tmp_path: Path) -> None:
    book = book_of(tmp_path, price("AmazonS3", "TimedStorage-GlacierByteHrs", "0.0036", unit="GB-Mo"))
    objects = "{region: us-east-1, storage_class: GLACIER, count: 1, kb: 1}"
    file = parse_usage_file(f"period: 2026-11\nobjects: [{objects}]", "usage.yaml")
    with pytest.raises(
        UsageFileError, match=r"objects\.0: no price for AmazonS3 us-east-1 TimedStorage-ByteHrs"
    ):
        price_usage(file, book)
