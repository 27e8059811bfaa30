"""What AWS would refuse is a fault that names AWS's limit and where it is written, listed with all others."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from costmodel.errors import ScenarioError
from costmodel.scenario.load import load
from costmodel.scenario.model import Api
from costmodel.services.registry import scenario_rules

SHOP = {
    "name": "Shop",
    "region": "us-east-1",
    "start": "2026-02",
    "traffic": {"monthly_visitors": {"europe": 1000}},
}


def told(folder: Path, **parts: object) -> list[str]:
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(SHOP | parts))
    with pytest.raises(ScenarioError) as caught:
        load(file, further=scenario_rules)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("part", "place", "words"),
    [
        ({"constraints": {"lambda_memory_mb": [64]}}, "constraints.lambda_memory_mb.0", "from 128 to 10240 (AWS Lambda Developer Guide"),
        ({"constraints": {"lambda_memory_mb": [10_241]}}, "constraints.lambda_memory_mb.0", "from 128 to 10240 (AWS Lambda Developer Guide"),
        ({"constraints": {"read_replicas": [0, 16]}}, "constraints.read_replicas.1", "from 0 to 15 (Amazon RDS and Aurora User Guides"),
        ({"constraints": {"cpu_target_ratios": [0]}}, "constraints.cpu_target_ratios.0", "(Amazon EC2 Auto Scaling User Guide"),
        ({"constraints": {"cpu_target_ratios": [1.5]}}, "constraints.cpu_target_ratios.0", "from 0.01 to 1"),
        ({"constraints": {"dynamodb_target_ratios": [0.95]}}, "constraints.dynamodb_target_ratios.0", "from 0.2 to 0.9 (Amazon DynamoDB Developer Guide"),
        ({"constraints": {"min_instances": 4, "max_instances": 3}}, "constraints.max_instances", "must not be below min_instances, 4 (Amazon EC2 Auto Scaling API"),
        ({"constraints": {"max_instances": 1}}, "constraints.max_instances", "must be at least network.availability_zones, 2"),
        (
            {"rendering": {"memory_gb_per_job": 11}, "constraints": {"rendering": ["lambda_workers"]}},
            "rendering.memory_gb_per_job",
            "at most 10 GB where constraints.rendering is lambda_workers only: a function has 128 to 10 240 MB",
        ),
        ({"database": {"write_item_kb": 401}}, "database.write_item_kb", "at most 400 KB: Amazon DynamoDB Developer Guide"),
        ({"database": {"secondary_indexes": 21}}, "database.secondary_indexes", "Amazon DynamoDB Developer Guide, quotas"),
        ({"database": {"backup_retention_days": 36}}, "database.backup_retention_days", "Amazon RDS User Guide, backup retention"),
        ({"monitoring": {"log_retention_days": 45}}, "monitoring.log_retention_days", "CloudWatch Logs API Reference, PutRetentionPolicy"),
        ({"api": {"timeout_s": 121}}, "api.timeout_s", "at most 120 s, the longest that CloudFront waits for an origin (Amazon CloudFront API Reference"),
        (
            {"api": {"response_kb": 1_025}, "constraints": {"compute": ["lambda"]}},
            "api.response_kb",
            "at most 1,024 KB where compute is lambda only (Application Load Balancer User Guide",
        ),
        # The smallest type of the family with 4 GiB, c7g.large, has 2 vCPUs; one in each of two zones.
        (
            {"account": {"ec2_vcpus": 3}, "constraints": {"compute": ["ec2"], "instance_families": ["c7g"]}},
            "account.ec2_vcpus",
            "must be at least 4: one instance of the smallest allowed type in each of 2 zones (AWS quota",
        ),
        (
            {"database": {"stored_gb": 70_000}, "constraints": {"database": ["rds"]}},
            "database.stored_gb",
            "leads to 70,000 GB, and rds holds at most 65,536 GB (Amazon RDS User Guide",
        ),
        # 131 000 GB and two more months of 100 GB: more than 131 072 GB of an Aurora volume.
        (
            {
                "months": 3,
                "database": {"stored_gb": 131_000, "growth_gb_per_month": 100},
                "constraints": {"database": ["rds", "aurora"]},
            },
            "database.stored_gb",
            "leads to 131,200 GB, and rds or aurora holds at most 131,072 GB (Amazon Aurora User Guide",
        ),
        (
            {
                "traffic": {
                    "monthly_visitors": {"europe": 1000},
                    "events": [{"kind": "regional_outage", "start": "2026-02-01", "hold_minutes": 40_320}],
                }
            },
            "traffic.events.0.hold_minutes",
            "must be shorter than the run, 40,320 minutes",
        ),
    ],
)  # fmt: skip
def test_a_limit_of_aws_is_told_with_its_source(
    tmp_path: Path, part: dict[str, object], place: str, words: str
) -> None:
    (fault,) = told(tmp_path, **part)
    assert fault.startswith(f"{place} (line ")
    assert words in fault


def test_what_only_one_kind_forbids_is_left_to_the_search(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    parts = {
        "api": {"response_kb": 2_000},
        "database": {"stored_gb": 200_000},
        "account": {"ec2_vcpus": 1},
        "rendering": {"memory_gb_per_job": 12},
    }
    file.write_text(yaml.safe_dump(SHOP | parts))
    scenario = load(file, further=scenario_rules)
    assert (scenario.database.stored_gb, scenario.rendering.memory_gb_per_job) == (200_000, 12)


def test_broken_limits_are_listed_together(tmp_path: Path) -> None:
    faults = told(
        tmp_path,
        api={"timeout_s": 900, "request_kb": 9_000, "response_kb": 9_000},
        database={"stored_gb": 1e6},
        constraints={"compute": ["lambda"], "database": ["rds"], "database_families": ["z9"]},
    )
    assert {fault.partition(" ")[0] for fault in faults} == {
        "api.timeout_s",
        "api.request_kb",
        "api.response_kb",
        "database.stored_gb",
        "constraints.database_families.0",
    }


def test_no_warm_up_outlasts_a_run() -> None:
    (bounds,) = Api.model_fields["bootstrap_s"].metadata
    assert bounds.le < 28 * 86_400  # seconds of the shortest month
