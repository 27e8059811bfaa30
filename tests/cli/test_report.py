from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from costmodel.cli.report import app
from costmodel.errors import BillFileError, OutputError, RunFileError

HEADER = (
    "BilledCost,EffectiveCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ServiceName,"
    "ProviderName\n"
)
ROW = "40.25,40.25,USD,2025-11-01T00:00:00Z,2025-11-03T00:00:00Z,Usage,AWS WAF,AWS\n"


@pytest.fixture(scope="module")
def run_file(root: Path) -> Path:
    return root / "tests" / "export" / "made_run.json"


def test_writes_page_and_markdown(run_file: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["monthly", str(run_file), "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    folder = tmp_path / "sofa-lamp-2025-11"
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "report.md"]
    assert result.stdout == ""
    assert result.stderr.count("wrote ") == 2
    assert "Forecast against actual" not in (folder / "report.md").read_text()


def test_compares_with_a_bill(run_file: Path, tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text(HEADER + ROW)
    command = ["monthly", str(run_file), "--actuals", str(bill), "--output", str(tmp_path / "out")]
    assert CliRunner().invoke(app, command).exit_code == 0
    text = (tmp_path / "out" / "sofa-lamp-2025-11" / "report.md").read_text()
    assert "| AWS WAF | $29.75 | $40.25 | $10.50 | +35.3% | in both |" in text


@pytest.mark.parametrize(
    ("run_text", "bill_text", "error"),
    [("{}", HEADER + ROW, RunFileError), (None, "a,b\n1,2\n", BillFileError), (None, "", BillFileError)],
)
def test_bad_input_writes_nothing(
    run_file: Path, tmp_path: Path, run_text: str | None, bill_text: str, error: type[Exception]
) -> None:
    saved, bill, out = tmp_path / "run.json", tmp_path / "bill.csv", tmp_path / "out"
    saved.write_text(run_file.read_text() if run_text is None else run_text)
    bill.write_text(bill_text)
    result = CliRunner().invoke(app, ["monthly", str(saved), "--actuals", str(bill), "-o", str(out)])
    assert isinstance(result.exception, error)
    assert not out.exists()


def test_a_folder_that_cannot_be_made(run_file: Path, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file, not a folder")
    result = CliRunner().invoke(app, ["monthly", str(run_file), "-o", str(tmp_path / "reports")])
    assert isinstance(result.exception, OutputError)
