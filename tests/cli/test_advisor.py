"""`costmodel advisor compare` on the small shop and the planted account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from costmodel.review.advisor import compare
from costmodel.review.findings import read_findings

ACCOUNT = Path(__file__).parent.parent / "review" / "planted_account"
APIS = ("support.json", "trustedadvisor.json")


@pytest.mark.parametrize("name", APIS)
def test_json_is_the_comparison(cli: Any, small_shop: Any, name: str) -> None:
    outcome = cli("advisor", "compare", small_shop.file, "--from", ACCOUNT / name, "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == json.loads(
        json.dumps(compare(small_shop.run, read_findings(ACCOUNT / name)).to_dict())
    )


@pytest.mark.parametrize("columns", [80, 160])
def test_the_table_shows_every_item_and_both_savings(cli: Any, small_shop: Any, columns: int) -> None:
    outcome = cli("advisor", "compare", small_shop.file, "--from", ACCOUNT / APIS[0], columns=columns)
    assert (outcome.code, outcome.err) == (0, "")
    comparison = compare(small_shop.run, read_findings(ACCOUNT / APIS[0]))
    for item in comparison.items:
        assert item.check_id in outcome.out
        for saving in (item.aws_saving_usd, item.our_saving_usd):
            assert saving is None or f"{saving:,.2f}" in outcome.out
    for prediction in comparison.tripped:
        assert prediction.check_id in outcome.out
    flat = " ".join(outcome.out.split())
    assert "They are not added up" in flat
    assert "AWS Trusted Advisor check reference (AWS Support User Guide, 2026 copy)" in flat


def test_names_from_the_file_are_printed_as_they_are(cli: Any, small_shop: Any, tmp_path: Path) -> None:
    """Neither markup nor control characters of a file reach the terminal."""
    check = {
        "id": "x1",
        "name": "[bold]Mine[/bold] :smile: \u001b[31m",
        "category": "security",
        "metadata": [],
    }
    result = {"checkId": "x1", "status": "error", "flaggedResources": []}
    file = tmp_path / "findings.json"
    file.write_text(json.dumps({"checks": [check], "results": [result]}))
    outcome = cli("advisor", "compare", small_shop.file, "--from", file, columns=200)
    assert outcome.code == 0
    assert "[bold]Mine[/bold] :smile: ?[31m (x1)" in outcome.out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds no result of any check"),
        ("Unable to locate credentials", "is not JSON"),
        ('{"results": [{"checkId": "x", "status": "red"}]}', "results[0].status: must be one of ok"),
    ],
)
def test_unusable_findings_say_what_to_do(
    cli: Any, small_shop: Any, tmp_path: Path, content: str, told: str
) -> None:
    file = tmp_path / "findings.json"
    file.write_text(content)
    outcome = cli("advisor", "compare", small_shop.file, "--from", file, columns=300)
    assert (outcome.code, outcome.out) == (1, "")
    assert told in outcome.err
    assert "How to save findings with the AWS CLI: docs/advisor.md" in outcome.err
    assert "Traceback" not in outcome.err


def test_findings_are_required(cli: Any, small_shop: Any) -> None:
    outcome = cli("advisor", "compare", small_shop.file)
    assert outcome.code == 2
    assert "--from" in outcome.err
