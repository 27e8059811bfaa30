from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from costmodel.capacity.instances import instance_type
from costmodel.decision.run import Run, TerraformAttributeNote, TerraformVariableNote
from costmodel.decision.simulate import simulate
from costmodel.export.terraform import _object_variable, quoted, terraform_files
from costmodel.pricing.book import PriceBook
from costmodel.scenario.load import validate
from costmodel.services.ec2 import Ec2Fleet, NewMinimum, SpotShare

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


STACKS = {
    "lambda with dynamodb": {"compute": ["lambda"], "database": ["dynamodb_provisioned"]},
    "ec2 with rds": {"compute": ["ec2"], "database": ["rds"], "delivery": ["pay_as_you_go"]},
    "ec2 with aurora serverless": {
        "compute": ["ec2"],
        "database": ["aurora_serverless"],
        "load_balancer": ["nlb"],
    },
}


@pytest.fixture(scope="module", params=STACKS.values(), ids=STACKS.keys())
def example_run(request: pytest.FixtureRequest) -> Run:
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
def module(example_run: Run, tmp_path: Path) -> Path:
    for name, content in terraform_files(example_run).items():
        (tmp_path / name).write_bytes(content)
    names = ["region", "tags", *(variable.name for variable in example_run.terraform)]
    outputs = "\n".join(f'output "{name}" {{\n  value = var.{name}\n}}' for name in names)
    (tmp_path / "main.tf").write_text(MODULE + outputs)
    done = terraform(tmp_path, "init", "-input=false", "-no-color")
    assert done.returncode == 0, done.stderr
    return tmp_path


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
    tree = {
        "name": "shop",
        "region": "eu-west-1",
        "start": "2026-11",
        "traffic": {"monthly_visitors": {"europe": 9}},
    }
    scenario = validate(tree, "test")
    spot = SpotShare((instance_type("m7g.large"), instance_type("m8g.large")), 0.1, 1)
    base = {
        "region_id": "eu-west-1", "instance": instance_type("m7g.large"), "target_ratio": 0.5, "min_size": 2,
        "max_size": 9, "zones": 2, "purchase": "on_demand", "vcpu_quota": 99, "api": scenario.api,
        "rendering": scenario.rendering, "database": scenario.database,
    }  # fmt: skip
    at = datetime(2026, 11, 27, 12, 45, tzinfo=UTC)
    fleets = (
        Ec2Fleet(
            **base, forecasts=True, scheduled=(NewMinimum(at, 6),), target_requests_per_minute=900, spot=spot
        ),
        Ec2Fleet(**base | {"instance": instance_type("t4g.large")}, warm_pool=True, credit_mode="standard"),
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
    if isinstance(value, list):
        return []
    return -(10**6) if isinstance(value, int | float) else "no such value !"


def test_terraform_plan_rejects_every_out_of_range_value(module: Path, example_run: Run) -> None:
    values_file = module / "costmodel.auto.tfvars.json"
    values = json.loads(values_file.read_text())
    checked = [
        (variable, attribute)
        for variable in example_run.terraform
        for attribute in variable.attributes
        if attribute.condition
    ]
    for variable, attribute in checked:
        values[variable.name][attribute.name] = out_of_range(values[variable.name][attribute.name])
    values_file.write_text(json.dumps(values))
    planned = terraform(module, "plan", "-input=false", "-no-color")
    assert planned.returncode != 0
    said = " ".join(planned.stderr.replace("│", " ").split())
    assert len(checked) >= 15
    unsaid = [
        f"{variable.name}.{attribute.name}"
        for variable, attribute in checked
        if f"{variable.name}.{attribute.name} {attribute.requirement}" not in said
    ]
    assert unsaid == []


@pytest.mark.parametrize("variable", ["region", "tags"])
def test_terraform_plan_rejects_wrong_types(module: Path, variable: str) -> None:
    values_file = module / "costmodel.auto.tfvars.json"
    bad = json.loads(values_file.read_text())
    bad[variable] = ["not", "this"]
    values_file.write_text(json.dumps(bad))
    assert terraform(module, "plan", "-input=false", "-no-color").returncode != 0


def test_text_cannot_become_an_expression() -> None:
    assert quoted('say "${var.x}" %{ if }') == '"say \\"$${var.x}\\" %%{ if }"'
