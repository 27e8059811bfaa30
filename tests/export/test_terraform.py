from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from costmodel.decision.run import Run
from costmodel.export.terraform import quoted, terraform_files

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


def out_of_range(attribute: str, value: object) -> list[object]:
    if isinstance(value, bool):
        return ["neither"]
    if isinstance(value, int | float):
        return [-1, 10**9, "many"]
    if isinstance(value, list):
        return ["one"]
    return ["no such value !"]


def test_terraform_plan_rejects_every_out_of_range_value(module: Path, example_run: Run) -> None:
    values_file = module / "costmodel.auto.tfvars.json"
    good = json.loads(values_file.read_text())
    refused = tried = 0
    for variable in example_run.terraform:
        for attribute in variable.attributes:
            if not attribute.condition:
                continue
            worst = out_of_range(attribute.name, good[variable.name][attribute.name])[0]
            bad = json.loads(json.dumps(good))
            bad[variable.name][attribute.name] = worst
            values_file.write_text(json.dumps(bad))
            planned = terraform(module, "plan", "-input=false", "-no-color")
            tried += 1
            refused += planned.returncode != 0 and f"{variable.name}.{attribute.name}" in planned.stderr
    assert tried >= 15
    assert refused == tried


@pytest.mark.parametrize("variable", ["region", "tags"])
def test_terraform_plan_rejects_wrong_types(module: Path, variable: str) -> None:
    values_file = module / "costmodel.auto.tfvars.json"
    bad = json.loads(values_file.read_text())
    bad[variable] = ["not", "this"]
    values_file.write_text(json.dumps(bad))
    assert terraform(module, "plan", "-input=false", "-no-color").returncode != 0


def test_text_cannot_become_an_expression() -> None:
    assert quoted('say "${var.x}" %{ if }') == '"say \\"$${var.x}\\" %%{ if }"'
