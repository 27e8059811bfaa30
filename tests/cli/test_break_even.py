"""`costmodel break-even`: what its costs leave out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from shops.quick import quick_tree

PLANS = ["on_demand", "compute_savings_plan_1yr_no_upfront"]


@pytest.mark.parametrize("commitments", [PLANS, ["on_demand"]])
def test_where_plans_are_allowed_the_output_says_that_they_are_left_out(
    cli: Any, tmp_path: Path, commitments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import costmodel.decision.break_even as searched

    monkeypatch.setattr(searched, "LOADS", (0.5, 1.0, 2.0))
    shop = tmp_path / "shop.yaml"
    changes = {
        "constraints.commitments": commitments,
        "constraints.database": ["dynamodb_on_demand", "rds"],
        "constraints.database_families": ["t4g"],
    }
    shop.write_text(yaml.safe_dump(quick_tree(changes)))
    told = " ".join(cli("break-even", str(shop)).out.split())
    note = "Costs here are before plans: the Savings Plans and bundles that the scenario allows are left out."
    assert (note in told) is (commitments == PLANS)
    notes = json.loads(cli("break-even", str(shop), "--format", "json").out)["notes"]
    assert notes == ([note] if commitments == PLANS else [])
