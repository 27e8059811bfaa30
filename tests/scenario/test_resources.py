"""What a usage file may say there is: every key checked, every fault told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from costmodel.errors import UsageFileError
from costmodel.scenario.usage_file import RESOURCES, UsageFile, parse_usage_file

WHOLE = {
    "objects": "region: eu-west-1, storage_class: STANDARD, count: 1000, kb: 10",
    "volumes": "region: eu-west-1, type: gp3, gb: 100",
    "databases": "region: eu-west-1, engine: MySQL, class: db.m7g.large, multi_az: false, ran_minutes: [3, 45.5]",
    "functions": "region: eu-west-1, invocations: 1000, duration_ms: 120, memory_mb: 512",
}
"""An entry of each kind with no key that may be left out."""


def parse(text: str, period: str = "2026-11") -> UsageFile:
    return parse_usage_file(f"period: {period}\n{text}", "usage.yaml")


def faults(text: str) -> list[tuple[str, str]]:
    with pytest.raises(UsageFileError) as caught:
        parse(text)
    return [(fault.path, fault.problem) for fault in caught.value.faults]


def test_what_is_left_out_has_awss_default_or_none() -> None:
    file = parse("\n".join(f"{key}: [{{{entry}}}]" for key, entry in WHOLE.items()))
    (objects,), (volumes,), (functions,) = file.objects, file.volumes, file.functions
    assert (objects.access_tier, objects.days, objects.deleted_after_days) == (None, None, None)
    assert (volumes.iops, volumes.mibps, volumes.count, volumes.days) == (None, None, 1, None)
    assert (functions.cold_starts, functions.init_ms) == (None, None)
    assert (functions.ephemeral_mb, functions.architecture, functions.response_mb) == (512, "x86_64", 0)
    assert file.databases[0].ran_minutes == (3, Decimal("45.5"))
    assert file.usage == ()


@pytest.mark.parametrize("key", RESOURCES)
def test_a_key_that_is_missing_or_unknown_is_told(key: str) -> None:
    keys = [pair.split(":")[0].strip() for pair in WHOLE[key].replace("[3, 45.5]", "[3]").split(",")]
    found = dict(faults(f"{key}: [{{regoin: eu-west-1}}]"))
    assert {path for path, problem in found.items() if problem.startswith("is required: ")} == {
        f"{key}.0.{name}" for name in keys
    }
    assert found[f"{key}.0.regoin"].startswith(
        f"unknown key (did you mean region?); valid keys of {key}.0: region, "
    )


@pytest.mark.parametrize(
    ("key", "given", "instead", "path", "told"),
    [
        ("objects", "STANDARD", "GLACER", "storage_class", "must be one of the names below (did you mean GLACIER?); valid: STANDARD"),
        ("objects", "count: 1000", "count: 0", "count", "must be from 1 to 1,000,000,000,000"),
        ("objects", "count: 1000", "count: 1.5", "count", "must be a whole number"),
        ("objects", "count: 1000", "count: many", "count", "must be a decimal number such as 1200 or 0.25"),
        ("objects", "kb: 10", "kb: -1", "kb", "must be from 0 to"),
        ("objects", "kb: 10", "kb: 10, days: 31.5", "days", "must be from 0 to 31"),
        ("objects", "kb: 10", "kb: 10, days: 0", "days", "must be more than 0, and at most 31"),
        ("volumes", "gb: 100", "gb: 100, days: 0.0", "days", "must be more than 0, and at most 31"),
        ("functions", "duration_ms: 120", "duration_ms: 0", "duration_ms", "must be more than 0, and at most"),
        ("objects", "kb: 10", "kb: 10, days: 31", "days", "must come to at most 30 days, as 2026-11 has no more"),
        ("objects", "kb: 10", "kb: 10, deleted_after_days: 9", "days",
         "is missing; of what is deleted, say on how many days of this month it was stored"),
        ("objects", "kb: 10", "kb: 10, days: 10, deleted_after_days: 9", "deleted_after_days",
         "must be at least 10, as days has: until then they are stored"),
        ("objects", "kb: 10", "kb: 10, access_tier: infrequent", "access_tier",
         "belongs to the storage class INTELLIGENT_TIERING; delete it"),
        ("volumes", "gp3", "gp4", "type", "must be one of the names below (did you mean gp3?); valid: gp2, gp3"),
        ("volumes", "gb: 100", "gb: 0", "gb", "must be from 1 to"),
        ("volumes", "gb: 100", "gb: 100, days: 31", "days", "must come to at most 30 days, as 2026-11 has no more"),
        ("databases", "[3, 45.5]", "[]", "ran_minutes", "must hold at least one entry"),
        ("databases", "[3, 45.5]", "3", "ran_minutes", "must be a list"),
        ("databases", "[3, 45.5]", "[3, -1]", "ran_minutes.1", "must be from 0 to 44,640"),
        ("databases", "[3, 45.5]", "[43200, 1]", "ran_minutes", "must come to at most 30 days"),
        ("databases", "multi_az: false", "multi_az: maybe", "multi_az", "must be true or false"),
        ("functions", "duration_ms: 120", "duration_ms: 120, cold_starts: 1001, init_ms: 200", "cold_starts",
         "must be at most 1,000, as invocations has: a start answers a call"),
        ("functions", "duration_ms: 120", "duration_ms: 120, cold_starts: 0.5", "cold_starts", "must be a whole number"),
        ("functions", "duration_ms: 120", "duration_ms: 120, cold_starts: 10", "init_ms",
         "is missing; say how long the INIT phase of a cold start takes, such as `init_ms: 250`"),
        ("functions", "duration_ms: 120", "duration_ms: 120, init_ms: 200", "init_ms",
         "belongs to cold starts; say how many in cold_starts, or delete it"),
        ("functions", "duration_ms: 120", "duration_ms: 120, cold_starts: 0, init_ms: 200", "init_ms",
         "belongs to cold starts; say how many in cold_starts, or delete it"),
        ("functions", "duration_ms: 120", "duration_ms: 120, cold_starts: 10, init_ms: 0", "init_ms",
         "must be more than 0, and at most"),
        ("functions", "invocations: 1000", "invocations: 0.5", "invocations", "must be from 1 to"),
        ("functions", "memory_mb: 512", "memory_mb: 512, architecture: arm", "architecture",
         "must be one of the names below (did you mean arm64?); valid: x86_64, arm64"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(key: str, given: str, instead: str, path: str, told: str) -> None:
    assert WHOLE[key].count(given) == 1
    ((found, problem),) = faults(f"{key}: [{{{WHOLE[key].replace(given, instead)}}}]")
    assert found == f"{key}.0.{path}"
    assert problem.startswith(told)


def test_days_are_those_of_the_month() -> None:
    objects = f"objects: [{{{WHOLE['objects']}, days: 31}}]"
    assert parse(objects, "2026-10").objects[0].days == 31


@pytest.mark.parametrize("text", ["", "usage: []", "objects: []", "usage: []\nvolumes: []\nfree_tier: false"])
def test_a_file_of_nothing_is_refused(text: str) -> None:
    told = "must hold at least one entry, here or in objects, volumes, databases, functions"
    assert faults(text) == [("usage", told)]
