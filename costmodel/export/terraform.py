"""Terraform variables: typed and validated declarations, and the recommended values.

One object variable per component, with the input names of the matching module of
terraform-aws-modules, so that a root module can pass `var.autoscaling.min_size` on unchanged.
Source: terraform-aws-modules at vpc 6.6.0, autoscaling 9.2.1, alb 10.5.0, lambda 8.8.1, rds 7.2.0,
rds-aurora 10.2.0, dynamodb-table 5.5.0, cloudfront 6.6.0, s3-bucket 5.15.4, route53 6.4.0.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import get_args

from costmodel.decision.run import Run, TerraformAttributeNote, TerraformVariableNote
from costmodel.scenario.model import RegionId

VARIABLES_FILE = "variables.tf"
VALUES_FILE = "costmodel.auto.tfvars.json"
LEAST_VERSION = "1.9"
"""The first Terraform whose validations may refer to other variables.

Source: HashiCorp, Terraform language reference, "Custom conditions" (1.9, 2024-06).
"""
PRICED_REGIONS: tuple[str, ...] = get_args(RegionId)
"""A recommendation holds where it was priced: an older or newer AWS region may lack what it names."""


TAG_CHARACTERS = r"\p{L}\p{Z}\p{N}_.:/=+@-"
TAGS_CONDITION = (
    "length(var.tags) <= 50 && alltrue([for key, value in var.tags : length(key) >= 1 && length(key) <= 128 && "
    'length(value) <= 256 && alltrue([for text in [key, value] : !startswith(lower(text), "aws:") && '
    f"can(regex({json.dumps(f'^[{TAG_CHARACTERS}]*$')}, text))])])"
)
"""Source: AWS General Reference, "Tag naming limits and requirements" (2023); the characters are those that S3, Lambda
and Elastic Load Balancing take as well: `Tag` in their API references (read 2026-11)."""


def terraform_files(run: Run) -> dict[str, bytes]:
    """The exported files by name: declarations and values."""
    return {
        VARIABLES_FILE: variables_tf(run).encode(),
        VALUES_FILE: tfvars_json(run).encode(),
    }


def variables_tf(run: Run) -> str:
    """Declarations with types and validations, formatted as `terraform fmt` would."""
    blocks = [
        "# Variables of the configuration that costmodel recommends. The values are in "
        f"{VALUES_FILE}.\n# Validations hold the limits AWS sets and the sense of each value.",
        f'terraform {{\n  required_version = ">= {LEAST_VERSION}"\n}}',
        _simple_variable(
            "region",
            "AWS region that serves the shop.",
            "string",
            f"contains([{', '.join(map(quoted, PRICED_REGIONS))}], var.region)",
            f"The region must be one that costmodel has prices and limits of: {', '.join(PRICED_REGIONS)}.",
        ),
        _simple_variable(
            "tags",
            "Tags for every resource.",
            "map(string)",
            TAGS_CONDITION,
            "There are at most 50 tags; a key has 1 to 128 characters and does not begin with aws:, a value has at "
            "most 256 characters and does not either; both are letters, digits, spaces and _ . : / = + @ - alone.",
        ),
        *(_object_variable(variable) for variable in run.terraform),
    ]
    return "\n\n".join(blocks) + "\n"


def tfvars_json(run: Run) -> str:
    """The recommended values. JSON literals cannot be mis-escaped."""
    values: dict[str, object] = {
        "//": (
            f"Written by costmodel {run.version} for scenario {run.scenario_name!r}, seed {run.seed}, "
            f"price book {run.price_book.digest[:12]} ({run.price_book.newest_as_of})."
        ),
        "region": run.region_id,
        "tags": {"managed-by": "terraform", "scenario": tag_value(run.scenario_name)},
    }
    for variable in run.terraform:
        values[variable.name] = {attribute.name: attribute.value for attribute in variable.attributes}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def tag_value(text: str) -> str:
    """A text as AWS takes it for the value of a tag: a hyphen for each character that it refuses."""
    composed = unicodedata.normalize("NFC", text)
    taken = "".join(
        letter if unicodedata.category(letter)[0] in "LZN" or letter in "_.:/=+@-" else "-"
        for letter in composed
    )
    return re.sub("^(aws):", r"\1-", taken, flags=re.IGNORECASE)[:256]


def _simple_variable(name: str, description: str, kind: str, condition: str, message: str) -> str:
    return "\n".join(
        [
            f'variable "{name}" {{',
            f"  description = {quoted(description)}",
            f"  type        = {kind}",
            "  nullable    = false",
            "",
            *_validation(condition, message),
            "}",
        ]
    )


def _object_variable(variable: TerraformVariableNote) -> str:
    width = max(len(attribute.name) for attribute in variable.attributes)
    lines = [
        f'variable "{variable.name}" {{',
        f"  description = {quoted(variable.description)}",
        "  type = object({",
        *(f"    {attribute.name:<{width}} = {attribute.type}" for attribute in variable.attributes),
        "  })",
        "  nullable = false",
    ]
    for attribute in variable.attributes:
        lines += ["", *_attribute_validation(variable.name, attribute)]
    return "\n".join([*lines, "}"])


def _attribute_validation(variable: str, attribute: TerraformAttributeNote) -> Iterator[str]:
    reference = f"var.{variable}.{attribute.name}"
    condition = attribute.condition.replace("{value}", reference) or f"{reference} != null"
    requirement = attribute.requirement or "must be given"
    return _validation(condition, f"The value of {variable}.{attribute.name} {requirement}.")


def _validation(condition: str, message: str) -> Iterator[str]:
    """A rule that also what it cannot be asked of breaks: null, which functions refuse in words of their own."""
    yield "  validation {"
    yield f"    condition     = try({condition}, false)"
    yield f"    error_message = {quoted(message)}"
    yield "  }"


def quoted(text: str) -> str:
    """A HCL string literal. Source: HCL native syntax, template and escape rules (terraform 1.11)."""
    escaped = json.dumps(text, ensure_ascii=False)
    return escaped.replace("${", "$${").replace("%{", "%%{")
