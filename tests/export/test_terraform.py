from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from costmodel.capacity.instances import instance_type
from costmodel.decision.pricer import platform_designs
from costmodel.decision.run import Run, TerraformAttributeNote, TerraformVariableNote
from costmodel.decision.simulate import simulate
from costmodel.demand.synthesise import synthesise
from costmodel.export.terraform import _object_variable, quoted, terraform_files, tfvars_json, variables_tf
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.services._base import Footprint, TerraformAttribute, ec2_type_list
from costmodel.services.aurora import AuroraCluster
from costmodel.services.cloudfront import PayAsYouGo
from costmodel.services.dynamodb import OnDemandTable, ProvisionedTable
from costmodel.services.ec2 import Ec2Fleet, NewMinimum, SpotShare
from costmodel.services.rds import RdsInstance
from costmodel.services.registry import TIER_SERVICES

TERRAFORM = shutil.which("terraform")
MODULE = """
terraform {
  required_providers {
    terraform = { source = "terraform.io/builtin/terraform" }
  }
}
"""


def terraform(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    if TERRAFORM is None:
        pytest.skip("terraform is not installed, so its verdict on the exported files is unknown")
    environment = {
        **os.environ,
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": os.devnull,
        "TF_IN_AUTOMATION": "1",
    }
    return subprocess.run(
        [TERRAFORM, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


SHOP = validate(
    {
        "name": "shop",
        "region": "eu-west-1",
        "start": "2026-11",
        "traffic": {"monthly_visitors": {"europe": 9}},
    },
    "test",
)
FLEET = {
    "region_id": "eu-west-1", "instance": instance_type("m7g.large"), "target_ratio": 0.5, "min_size": 2,
    "max_size": 9, "zones": 2, "purchase": "on_demand", "vcpu_quota": 99, "api": SHOP.api,
    "database": SHOP.database,
}  # fmt: skip
STACKS = {
    "lambda with dynamodb": {"compute": ["lambda"], "database": ["dynamodb_provisioned"]},
    "ec2 with rds": {"compute": ["ec2"], "database": ["rds"], "delivery": ["pay_as_you_go"]},
    "hybrid with dynamodb": {"compute": ["hybrid"], "database": ["dynamodb_on_demand"]},
    "ec2 with aurora serverless": {
        "compute": ["ec2"],
        "database": ["aurora_serverless"],
        "load_balancer": ["nlb"],
    },
}


@pytest.fixture(scope="module", params=STACKS.values(), ids=STACKS.keys())
def stack_run(request: pytest.FixtureRequest) -> Run:
    """A recommendation of every family of variables."""
    tree = {
        "name": 'A shop with "quotes" and ${braces}',
        "region": "ap-northeast-1",
        "start": "2026-02",
        "traffic": {"monthly_visitors": {"japan": 50_000}},
        "constraints": request.param,
    }
    return simulate(validate(tree, "test"), PriceBook.shipped())


@pytest.fixture
def module(stack_run: Run, tmp_path: Path) -> Path:
    return root_module(stack_run, tmp_path)


def root_module(run: Run, folder: Path) -> Path:
    """The exported files beside outputs of every variable, initialised."""
    for name, content in terraform_files(run).items():
        (folder / name).write_bytes(content)
    names = ["region", "tags", *(variable.name for variable in run.terraform)]
    outputs = "\n".join(f'output "{name}" {{\n  value = var.{name}\n}}' for name in names)
    (folder / "main.tf").write_text(MODULE + outputs)
    done = terraform(folder, "init", "-input=false", "-no-color")
    assert done.returncode == 0, done.stderr
    return folder


def plan(folder: Path, values: dict[str, object]) -> tuple[int, str]:
    """Exit code of `terraform plan` with these values, and what it said, unwrapped."""
    (folder / "costmodel.auto.tfvars.json").write_text(json.dumps(values))
    planned = terraform(folder, "plan", "-input=false", "-no-color")
    return planned.returncode, " ".join(planned.stderr.replace("│", " ").split())


def test_terraform_plan_accepts_the_export_and_reads_the_same_values(module: Path) -> None:
    planned = terraform(module, "plan", "-input=false", "-no-color", "-out=plan.bin")
    assert planned.returncode == 0, planned.stderr
    assert "Warning" not in planned.stdout + planned.stderr
    shown = json.loads(terraform(module, "show", "-json", "plan.bin").stdout)
    read = {name: output["value"] for name, output in shown["planned_values"]["outputs"].items()}
    written = json.loads((module / "costmodel.auto.tfvars.json").read_text())
    written.pop("//")
    assert read == written


def test_terraform_finds_the_files_formatted(module: Path) -> None:
    assert terraform(module, "fmt", "-check", "-diff", "variables.tf").stdout == ""


def test_terraform_reads_every_policy_of_a_fleet(tmp_path: Path) -> None:
    """Forecast, schedule, warm pool, requests, spot and credits, whichever is recommended."""
    spot = SpotShare((instance_type("m7g.large"), instance_type("m8g.large")), 0.1, 1)
    at = datetime(2026, 11, 27, 12, 45, tzinfo=UTC)
    fleets = (
        Ec2Fleet(
            **FLEET, forecasts=True, scheduled=(NewMinimum(at, 6),), target_requests_per_minute=900, spot=spot
        ),
        Ec2Fleet(**FLEET | {"instance": instance_type("t4g.large")}, warm_pool=True, credit_mode="standard"),
    )
    for number, fleet in enumerate(fleets):
        folder = tmp_path / str(number)
        folder.mkdir()
        (variable,) = fleet.terraform()
        notes = tuple(TerraformAttributeNote(**asdict(attribute)) for attribute in variable.attributes)
        note = TerraformVariableNote(variable.name, variable.description, notes)
        (folder / "main.tf").write_text(MODULE + _object_variable(note))
        values = {attribute.name: attribute.value for attribute in notes}
        (folder / "costmodel.auto.tfvars.json").write_text(json.dumps({variable.name: values}))
        assert terraform(folder, "init", "-input=false", "-no-color").returncode == 0
        planned = terraform(folder, "plan", "-input=false", "-no-color")
        assert planned.returncode == 0, planned.stderr


def out_of_range(value: object) -> object:
    """A value of the same type that no validation should let through."""
    if isinstance(value, tuple):
        return []
    return -(10**6) if isinstance(value, int | float) else "no such value !"


def test_terraform_plan_rejects_every_out_of_range_value(module: Path, stack_run: Run) -> None:
    """Each alone: Terraform does not look at variables that refer to one at fault."""
    values = json.loads((module / "costmodel.auto.tfvars.json").read_text())
    checked = [
        (variable, attribute)
        for variable in stack_run.terraform
        for attribute in variable.attributes
        if attribute.condition and attribute.type != "bool"
    ]
    assert len(checked) >= 15
    for variable, attribute in checked:
        worse = {variable.name: {attribute.name: out_of_range(attribute.value)}}
        code, said = plan(module, changed(values, worse))
        assert code != 0
        assert f"{variable.name}.{attribute.name} {attribute.requirement}" in said


@pytest.fixture(scope="module")
def every_variable(example_run: Run) -> Run:
    """A run with every variable there is, with hand-set designs that use all their attributes."""
    scenario = validate(
        {
            "name": "all of it",
            "region": "ap-northeast-1",
            "start": "2026-02",
            "traffic": {"monthly_visitors": {"japan": 50_000}},
            "network": {"second_region": "us-west-2"},
            "constraints": {"instance_families": ["t4g", "g4dn"]},
        },
        "test",
    )
    demand = synthesise(scenario)
    found = {
        type(design): design
        for service in TIER_SERVICES
        for design in service.designs(scenario, demand)
        if getattr(design, "provisioned_concurrency", 1)
    }
    # m7g bursts to 40 000 I/O per second, where db.r6g.large passes 20 000 at most and is refused.
    found[RdsInstance] = replace(
        found[RdsInstance],
        instance_class="db.m7g.large",
        storage_gb=400.0,
        iops=40_000.0,
        throughput_mibps=600.5,
        read_replicas=2,
    )
    found[ProvisionedTable] = replace(found[ProvisionedTable], replica_region_ids=("us-west-2",))
    del found[AuroraCluster], found[OnDemandTable], found[PayAsYouGo]
    platform = platform_designs(scenario, Footprint.none(demand.days))
    notes = {
        variable.name: msgspec.convert(variable, TerraformVariableNote, from_attributes=True)
        for design in (*found.values(), *platform)
        for variable in design.terraform()
    }
    return replace(example_run, region_id=scenario.region, terraform=tuple(notes.values()))


@pytest.fixture(scope="module")
def whole_module(every_variable: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return root_module(every_variable, tmp_path_factory.mktemp("whole"))


SCALING = "rds_aurora_serverlessv2_scaling_configuration"
READS, WRITES, INDEX = (f"dynamodb_table_autoscaling_{name}" for name in ("read", "write", "index"))
REPLICAS = "dynamodb_table_replica_regions"

NEAR_MISSES: list[tuple[dict[str, object], str]] = [
    ({"region": "eu-west-9"}, "region must be one"),
    ({"region": "eu-north-1"}, "region must be one"),
    ({"region": "us-east-1"}, "vpc.azs must"),
    ({"autoscaling": {"min_size": 5, "desired_capacity": 5, "max_size": 4}}, "autoscaling.max_size must"),
    ({"autoscaling": {"min_size": 2, "desired_capacity": 3, "max_size": 2}}, "desired_capacity must"),
    ({"autoscaling": {"instance_type": "m7g.large"}}, "autoscaling.cpu_credits must"),
    ({"autoscaling": {"volume_type": "io2"}}, "autoscaling.volume_type must"),
    ({"alb": {"load_balancer_type": "gateway"}}, "alb.load_balancer_type must"),
    ({"lambda": {"provisioned_concurrent_executions": 0}}, "provisioned_concurrent_executions must"),
    ({"lambda": {"architectures": ["arm64", "x86_64"]}}, "lambda.architectures must"),
    ({"rds": {"allocated_storage": 400, "max_allocated_storage": 20}}, "rds.max_allocated_storage must"),
    ({"rds": {"allocated_storage": 400, "max_allocated_storage": 439}}, "rds.max_allocated_storage must"),
    ({"rds": {"allocated_storage": 399}}, "rds.iops must"),
    (
        {"rds": {"iops": 40_000, "storage_throughput": 4_000, "allocated_storage": 399}},
        "storage_throughput must",
    ),
    ({"rds": {"iops": 12_000, "storage_throughput": 3_001}}, "rds.storage_throughput must"),
    ({"rds": {"identifier": "shop"}}, "rds_replica_1.replicate_source_db must"),
    ({"rds": {"identifier": "a--b"}}, "rds.identifier must"),
    ({"rds": {"identifier": "a-"}}, "rds.identifier must"),
    ({"rds": {"identifier": "a" * 64}}, "rds.identifier must"),
    ({"rds_replica_1": {"identifier": "database"}}, "rds_replica_1.identifier must"),
    ({"rds_replica_2": {"identifier": "database-replica-1"}}, "rds_replica_2.identifier must"),
    ({"rds_aurora": {"instances": ["writer", "writer"]}}, "rds_aurora.instances must"),
    ({"rds_aurora": {"instances": [""]}}, "rds_aurora.instances must"),
    ({SCALING: {"min_capacity": 8, "max_capacity": 2}}, f"{SCALING}.max_capacity must"),
    ({SCALING: {"min_capacity": 0.3}}, f"{SCALING}.min_capacity must"),
    ({SCALING: {"max_capacity": 16.25}}, f"{SCALING}.max_capacity must"),
    ({"dynamodb_table": {"read_capacity": 11}, READS: {"max_capacity": 5}}, f"{READS}.max_capacity must"),
    ({"dynamodb_table": {"write_capacity": 7}, WRITES: {"max_capacity": 6}}, f"{WRITES}.max_capacity must"),
    ({"dynamodb_table": {"billing_mode": "PAY_PER_REQUEST"}}, "autoscaling_enabled must"),
    ({INDEX: {"read_min_capacity": 50, "read_max_capacity": 1}}, f"{INDEX}.read_max_capacity must"),
    ({INDEX: {"write_min_capacity": 9, "write_max_capacity": 8}}, f"{INDEX}.write_max_capacity must"),
    ({REPLICAS: {"region_names": ["ap-northeast-1"]}}, f"{REPLICAS}.region_names must"),
    ({REPLICAS: {"region_names": ["us-west-2", "ap-northeast-1"]}}, "leave out region"),
    ({REPLICAS: {"region_names": []}}, f"{REPLICAS}.region_names must"),
    ({REPLICAS: {"region_names": ["bogus"]}}, f"{REPLICAS}.region_names must"),
    ({REPLICAS: {"region_names": ["us-west-2", "eu-west-9"]}}, f"{REPLICAS}.region_names must"),
    ({REPLICAS: {"region_names": ["us-west-2", "us-west-2"]}}, "each once, of"),
    ({REPLICAS: {"region_names": ["us-west-2", None]}}, f"{REPLICAS}.region_names must"),
    *(
        ({"tags": {"owner": text}}, "letters, digits, spaces and")
        for text in ("a & b", "it's", "<b>", "🛋", "a,b")
    ),
    ({"tags": {"<key>": "x"}}, "letters, digits, spaces and"),
    ({"tags": {"owner": "AWS:x"}}, "does not either"),
    (
        {"cloudfront": {"flat_rate_plan": "PRO", "price_class": "PriceClass_100"}},
        "cloudfront.price_class must",
    ),
    ({"cloudfront": {"flat_rate_plan": "PRO", "origin_shield_enabled": True}}, "origin_shield_enabled must"),
    ({"cloudfront": {"default_ttl": 31_536_001}}, "from 0 to 31536000."),
    (
        {"waf": {"rules": 6}, "cloudfront": {"flat_rate_plan": "FREE"}},
        "flat_rate_plan must be one of NONE, FREE, PRO, BUSINESS, PREMIUM, and must include as many firewall rules "
        "as waf.rules: FREE 5, PRO 25, BUSINESS 50, PREMIUM 75.",
    ),
    ({"waf": {"rules": 76}, "cloudfront": {"flat_rate_plan": "PREMIUM"}}, "cloudfront.flat_rate_plan must"),
    ({"waf": {"rules": None}}, "waf.rules must be a whole number from 0 to 1500."),
    ({"waf": {"enabled": None}}, "waf.enabled must be given."),
    ({"vpc": {"azs": None}}, "vpc.azs must"),
    ({"autoscaling": {"min_size": None}}, "autoscaling.min_size must be a whole number"),
    (
        {"rendering_workers": {"target_backlog_per_instance": 1e9}},
        "target_backlog_per_instance must be a number from",
    ),
    ({"rendering_workers": {"instance_type": "g4dn.banana"}}, "rendering_workers.instance_type must"),
    ({"autoscaling": {"instance_type": "t4g.banana"}}, "autoscaling.instance_type must"),
    ({"autoscaling": {"instance_type": "t4g.24xlarge"}}, "autoscaling.instance_type must"),
    ({"rds": {"instance_class": "db.x9.huge"}}, "rds.instance_class must"),
    ({"rds_aurora": {"cluster_instance_class": "db.m7g.large"}}, "rds_aurora.cluster_instance_class must"),
    ({"tags": {"owner": "x" * 257}}, "a value has at most 256 characters"),
    ({"tags": {"aws:x": "x"}}, "does not begin with aws:"),
    ({"tags": {"AWS:x": "x"}}, "does not begin with aws:"),
    ({"tags": {"": "x"}}, "a key has 1 to 128 characters"),
    ({"tags": {"x" * 129: "x"}}, "a key has 1 to 128 characters"),
    ({"tags": {"owner": None}}, "a value has at most 256 characters"),
    ({"tags": {f"tag-{number}": "x" for number in range(51)}}, "at most 50 tags"),
    ({"route53": {"health_check_interval_s": 20}}, "route53.health_check_interval_s must be one of 10, 30."),
    ({"vpc": {"azs": ["us-east-1a", "us-east-1b"]}}, "vpc.azs must"),
    ({"vpc": {"azs": ["ap-northeast-1a", "ap-northeast-1a"]}}, "vpc.azs must"),
    ({"vpc": {"azs": ["ap-northeast-1a", ""]}}, "vpc.azs must"),
    ({"vpc": {"azs": ["ap-northeast-1a", "ap-northeast-1"]}}, "vpc.azs must"),
    ({"vpc": {"azs": ["ap-northeast-1a"]}}, "vpc.azs must"),
    ({"s3_bucket": {"replication": True, "replica_region": "none"}}, "s3_bucket.replication must"),
    ({"s3_bucket": {"replication": False}}, "s3_bucket.replication must"),
    ({"s3_bucket": {"replica_region": "ap-northeast-1"}}, "s3_bucket.replica_region must"),
]


def changed(values: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    """Values with some replaced; those of an object one by one."""
    new = dict(values)
    for name, change in changes.items():
        new[name] = values[name] | change if isinstance(change, dict) and name != "tags" else change  # type: ignore[operator]
    return new


def exported(run: Run) -> dict[str, object]:
    values: dict[str, object] = json.loads(tfvars_json(run))
    return values


@pytest.mark.parametrize(
    ("changes", "told"), NEAR_MISSES, ids=[f"{told} {changes}"[:70] for changes, told in NEAR_MISSES]
)
def test_terraform_plan_rejects_near_misses_of_rules_between_values(
    whole_module: Path, every_variable: Run, changes: dict[str, object], told: str
) -> None:
    code, said = plan(whole_module, changed(exported(every_variable), changes))
    assert code != 0
    assert told in said


def test_terraform_plan_refuses_null_for_every_value(whole_module: Path, every_variable: Run) -> None:
    """Each flag and list alone; numbers and texts fail their conditions, as the near misses show."""
    values = exported(every_variable)
    for variable in every_variable.terraform:
        names = [of.name for of in variable.attributes if of.type in ("bool", "list(string)")]
        for name in names:
            code, said = plan(whole_module, changed(values, {variable.name: {name: None}}))
            assert code != 0, f"{variable.name}.{name}"
            assert f"The value of {variable.name}.{name} must" in said


@pytest.mark.parametrize("types", [["m7g.banana"], ["m7g.large", "m7g.large"], [], None])
def test_terraform_plan_refuses_instance_types_that_are_not_there_or_twice(
    tmp_path: Path, types: list[str] | None
) -> None:
    attribute = ec2_type_list("allowed_instance_types", ("m7g.large", "c7g.large"))
    folder = module_of(tmp_path, "workers", attribute)
    assert plan(folder, {"workers": {attribute.name: attribute.value}}) == (0, "")
    code, said = plan(folder, {"workers": {attribute.name: types}})
    assert code != 0
    assert f"workers.allowed_instance_types {attribute.requirement}" in said


def test_terraform_plan_refuses_a_schedule_at_no_time(tmp_path: Path) -> None:
    at = datetime(2026, 11, 27, 12, 45, tzinfo=UTC)
    (variable,) = Ec2Fleet(**FLEET, scheduled=(NewMinimum(at, 6),)).terraform()
    attribute = next(a for a in variable.attributes if a.name == "scheduled_min_sizes")
    folder = module_of(tmp_path, "group", attribute)
    assert plan(folder, {"group": {attribute.name: attribute.value}}) == (0, "")
    code, said = plan(folder, {"group": {attribute.name: ["2026-13-40T12:45:00Z=6"]}})
    assert code != 0
    assert "group.scheduled_min_sizes must be 1 to" in said


def module_of(folder: Path, name: str, attribute: TerraformAttribute) -> Path:
    """A module of one variable with one attribute, initialised."""
    note = TerraformVariableNote(name, "", (TerraformAttributeNote(**asdict(attribute)),))
    (folder / "main.tf").write_text(MODULE + _object_variable(note))
    assert terraform(folder, "init", "-input=false", "-no-color").returncode == 0
    return folder


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sofa & Lamp <new> 'shop' 🛋", "Sofa - Lamp -new- -shop- -"),
        ("Möbel größer, 家具 100 %", "Möbel größer- 家具 100 -"),
        ("AWS: a shop", "AWS- a shop"),
        ("e\u0301tage", "\u00e9tage"),
        ("x" * 300, "x" * 256),
    ],
)
def test_the_tag_of_the_scenario_is_one_that_aws_takes(
    whole_module: Path, every_variable: Run, name: str, value: str
) -> None:
    values = exported(replace(every_variable, scenario_name=name))
    assert values["tags"] == {"managed-by": "terraform", "scenario": value}
    assert plan(whole_module, values) == (0, "")


def test_terraform_plan_accepts_other_valid_values(whole_module: Path, every_variable: Run) -> None:
    values = exported(every_variable)
    assert plan(whole_module, values) == (0, "")
    others: dict[str, object] = {
        "region": "eu-west-1",
        "tags": {"k" * 128: "v" * 256, "Name": ""},
        "waf": {"rules": 1_500},
        "autoscaling": {"min_size": 3, "desired_capacity": 4, "max_size": 5, "instance_type": "t3.medium"},
        "lambda": {"provisioned_concurrent_executions": -1, "architectures": ["x86_64"]},
        "rds": {
            "identifier": "shop",
            "allocated_storage": 1_000,
            "max_allocated_storage": 1_100,
            "iops": 16_000,
            "storage_throughput": 4_000,
        },
        "rds_replica_1": {"identifier": "shop-reader", "replicate_source_db": "shop"},
        "rds_replica_2": {"replicate_source_db": "shop"},
        "rds_aurora": {"instances": ["one", "two-b"], "cluster_instance_class": "db.r7g.large"},
        SCALING: {"min_capacity": 0, "max_capacity": 1.5},
        "dynamodb_table": {"read_capacity": 11, "write_capacity": 5},
        READS: {"max_capacity": 11},
        WRITES: {"max_capacity": 40_000},
        INDEX: {"read_min_capacity": 7, "read_max_capacity": 7},
        "cloudfront": {
            "flat_rate_plan": "NONE",
            "price_class": "PriceClass_100",
            "origin_shield_enabled": True,
        },
        "route53": {"health_check_interval_s": 10},
        "vpc": {"azs": ["eu-west-1c", "eu-west-1a", "eu-west-1b"]},
        "s3_bucket": {"replication": False, "replica_region": "none"},
        REPLICAS: {"region_names": ["us-west-2", "sa-east-1"]},
    }
    assert plan(whole_module, changed(values, others)) == (0, "")
    without = {"rds": {"max_allocated_storage": 0}}
    on_demand = {"dynamodb_table": {"billing_mode": "PAY_PER_REQUEST", "autoscaling_enabled": False}}
    assert plan(whole_module, changed(values, without | on_demand)) == (0, "")


def test_whole_numbers_are_exported_as_whole(stack_run: Run, every_variable: Run) -> None:
    for run in (stack_run, every_variable):
        numbers = [attribute.value for variable in run.terraform for attribute in variable.attributes]
        assert [number for number in numbers if isinstance(number, float) and number.is_integer()] == []
        assert ".0" not in "".join(attribute.condition for v in run.terraform for attribute in v.attributes)
        assert "e+" not in variables_tf(run)


@pytest.mark.parametrize("variable", ["region", "tags"])
def test_terraform_plan_rejects_wrong_types(module: Path, variable: str) -> None:
    values_file = module / "costmodel.auto.tfvars.json"
    bad = json.loads(values_file.read_text())
    bad[variable] = ["not", "this"]
    values_file.write_text(json.dumps(bad))
    assert terraform(module, "plan", "-input=false", "-no-color").returncode != 0


def test_text_cannot_become_an_expression() -> None:
    assert quoted('say "${var.x}" %{ if }') == '"say \\"$${var.x}\\" %%{ if }"'
