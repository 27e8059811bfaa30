"""Settings that a scenario states are the only ones the services consider."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel.demand.synthesise import synthesise
from costmodel.scenario.load import validate
from costmodel.services._base import Role, TierDesign
from costmodel.services.registry import TIER_SERVICES


def designs(**constraints: object) -> list[TierDesign]:
    tree = {
        "name": "a shop",
        "region": "eu-west-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"europe": 900_000}},
        "constraints": {"instance_families": ["m7g"], "database_families": ["m7g"], **constraints},
    }
    scenario = validate(tree, "test")
    return [design for service in TIER_SERVICES for design in service.designs(scenario, synthesise(scenario))]


def values(found: list[TierDesign], name: str) -> set[Any]:
    return {getattr(design, name) for design in found if hasattr(design, name)}


@pytest.mark.parametrize(
    ("constraint", "stated", "setting"),
    [
        ("lambda_memory_mb", [2048, 640], "memory_mb"),
        ("read_replicas", [2], "read_replicas"),
        ("read_replicas", [3, 0], "readers"),
    ],
)
def test_only_stated_settings_are_considered(constraint: str, stated: list[int], setting: str) -> None:
    of_tier = (Role.COMPUTE, Role.DATABASE)
    found, usual = (
        values([design for design in designs(**keys) if design.role in of_tier], setting)
        for keys in ({constraint: stated}, {})
    )
    assert found == set(stated)
    assert usual != set(stated)


def test_targets_are_of_the_service_they_are_stated_for() -> None:
    found = designs(cpu_target_ratios=[0.35], dynamodb_target_ratios=[0.85])
    by_kind = {
        kind: values([design for design in found if design.kind == kind], "target_ratio")
        for kind in ("ec2", "dynamodb_provisioned")
    }
    assert by_kind == {"ec2": {0.35}, "dynamodb_provisioned": {0.85}}


def test_a_group_stays_between_the_stated_sizes() -> None:
    found = designs(min_instances=3, max_instances=5)
    sizes = {(design.min_size, design.max_size) for design in found if design.kind == "ec2"}
    assert sizes
    assert all(3 <= least <= most <= 5 for least, most in sizes)
    assert len(found) == len(set(found))


def test_replicas_need_a_standby_in_rds() -> None:
    found = [design for design in designs(read_replicas=[0, 2]) if design.kind == "rds"]
    assert {(design.multi_az, design.read_replicas) for design in found} == {(False, 0), (True, 0), (True, 2)}
