"""docs/advisor.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from costmodel.review.advisor import Outcome
from costmodel.review.advisor_checks import Verdict, checks_table
from costmodel.review.findings import read_findings


def test_the_list_of_checks_is_current(root: Path) -> None:
    page = (root / "docs" / "advisor.md").read_text(encoding="utf-8")
    assert page.endswith(checks_table()), (
        "write the table anew with costmodel.review.advisor_checks.checks_table"
    )


def test_every_outcome_and_verdict_is_explained(root: Path) -> None:
    page = (root / "docs" / "advisor.md").read_text(encoding="utf-8")
    assert all(f"| {outcome.value} |" in page for outcome in Outcome)
    assert all(f"*{verdict.value}*" in page for verdict in Verdict)


def test_the_example_can_be_read_and_compared_in_full(root: Path) -> None:
    """Its file names the headings of every check it reports, and is whole."""
    findings = read_findings(root / "docs" / "examples" / "findings.json")
    assert len(findings.findings) >= 5
    assert not any("heading" in note or "nextToken" in note for note in findings.notes)
