"""The part of DynamoDB that is Terraform: inputs of terraform-aws-modules/dynamodb-table 5.5.0.

Its maps and lists are variables of their own.
"""

from __future__ import annotations

from costmodel.capacity.partitions import TABLE_QUOTA_UNITS_PER_S
from costmodel.capacity.provisioned import Bounds
from costmodel.services._base import (
    TerraformAttribute,
    TerraformVariable,
    also,
    between,
    flag,
    one_of,
    other_regions,
)


def on_demand_variable(table_class: str, own_key: bool) -> TerraformVariable:
    """A table that pays per request. Provisioned capacity takes inputs that this variable does not have."""
    mode = one_of("billing_mode", "PAY_PER_REQUEST", ("PAY_PER_REQUEST",))
    return _table((mode, *_common(table_class, own_key)), own_key)


def provisioned_variables(
    table_class: str,
    own_key: bool,
    target_ratio: float,
    reads: Bounds,
    writes: Bounds,
    index: tuple[float, Bounds] | None,
) -> tuple[TerraformVariable, ...]:
    """A table with auto scaling, and `index`, which are reads and bounds of writes of each index, if there are
    any.
    """
    table = _table(
        (
            one_of("billing_mode", "PROVISIONED", ("PAY_PER_REQUEST", "PROVISIONED")),
            _units("read_capacity", reads.minimum_units),
            _units("write_capacity", writes.minimum_units),
            also(
                flag("autoscaling_enabled", True),
                '{value} == false || var.dynamodb_table.billing_mode == "PROVISIONED"',
                "be false unless dynamodb_table.billing_mode is PROVISIONED",
            ),
            *_common(table_class, own_key),
        ),
        own_key,
    )
    scaled = (_scaling("read", target_ratio, reads), _scaling("write", target_ratio, writes))
    return (table, *scaled, *((_index(*index),) if index else ()))


def replica_variables(region_ids: tuple[str, ...], own_key: bool) -> tuple[TerraformVariable, ...]:
    """The other regions of a global table; nothing for a plain one."""
    if not region_ids:
        return ()
    names = other_regions("region_names", region_ids)
    words = "region_name of each entry of replica_regions of terraform-aws-modules/dynamodb-table."
    words += " Its kms_key_arn is that of a key of the same region." if own_key else ""
    return (TerraformVariable("dynamodb_table_replica_regions", words, (names,)),)


def _table(attributes: tuple[TerraformAttribute, ...], own_key: bool) -> TerraformVariable:
    """The ARN of a key is known only once it is made, so it is named in words."""
    words = "Table: inputs of terraform-aws-modules/dynamodb-table."
    words += " Its server_side_encryption_kms_key_arn is that of a key of var.kms." if own_key else ""
    return TerraformVariable("dynamodb_table", words, attributes)


def _common(table_class: str, own_key: bool) -> tuple[TerraformAttribute, ...]:
    """The table is encrypted in any case: `server_side_encryption_enabled` only asks for a key of KMS, whose
    requests are charged, in place of the one that AWS owns.

    Source: Amazon DynamoDB Developer Guide, "Encryption at rest" (2023-06).
    """
    return (
        one_of("table_class", table_class, ("STANDARD", "STANDARD_INFREQUENT_ACCESS")),
        flag("point_in_time_recovery_enabled", True),
        flag("server_side_encryption_enabled", own_key),
        flag("deletion_protection_enabled", True),
    )


def _scaling(dimension: str, target_ratio: float, bounds: Bounds) -> TerraformVariable:
    least = f"var.dynamodb_table.{dimension}_capacity"
    return TerraformVariable(
        f"dynamodb_table_autoscaling_{dimension}",
        f"autoscaling_{dimension} of terraform-aws-modules/dynamodb-table.",
        (
            _units("max_capacity", bounds.maximum_units, at_least=least),
            between("target_value", round(100 * target_ratio), 20, 90),
        ),
    )


def _index(reads: float, writes: Bounds) -> TerraformVariable:
    name = "dynamodb_table_autoscaling_index"
    return TerraformVariable(
        name,
        "One entry of autoscaling_indexes of terraform-aws-modules/dynamodb-table, the same for every index.",
        (
            _units("read_min_capacity", reads),
            _units("read_max_capacity", reads, at_least=f"var.{name}.read_min_capacity"),
            _units("write_min_capacity", writes.minimum_units),
            _units("write_max_capacity", writes.maximum_units, at_least=f"var.{name}.write_min_capacity"),
        ),
    )


def _units(name: str, units: float, *, at_least: str = "") -> TerraformAttribute:
    return between(name, units, 1, TABLE_QUOTA_UNITS_PER_S, at_least=at_least)
