"""`costmodel price`: a usage file line by line, and every fault of one at once."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

USAGE = Path(__file__).parents[2] / "docs" / "examples" / "usage.yaml"
EC2 = 'service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1'
D = Decimal


def usage_file(folder: Path, text: str) -> Path:
    file = folder / "usage.yaml"
    file.write_text(text)
    return file


def test_the_example_is_priced_to_the_cent(cli: Any) -> None:
    """EC2 1440 x 0.091; ALB 720 x 0.0252 + 936.5 x 0.008; RDS 720 x 0.138; S3 250 x 0.023; CloudFront 1 024 GB free,
    9 216 x 0.085, 4 096 x 0.08; Lambda 400 000 GB-s free, 850 000 x 0.0000133334, 1 M requests free, 4 M x 0.0000002;
    DynamoDB at own rates 100 M x 0.13 + 200 M x 0.11 a million; 200 000 objects x 128 KB / 2^20 = 24.4140625 GB x 0.004;
    (10 + 50 + 480) min / 60 = 9 h x 0.069."""
    costs = [
        D("131.04"), D("18.144"), D("7.492"), D("99.36"), D("5.75"), D("783.36") + D("327.68"),
        D("850000") * D("0.0000133334"), D("0.8"), D("35"), D("24.4140625") * D("0.004"), 9 * D("0.069"),
    ]  # fmt: skip
    outcome = cli("price", USAGE, "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    document = json.loads(outcome.out)
    assert [D(line["billed_cost"]) for line in document["lines"]] == costs
    assert D(document["billed_cost"]) == sum(costs)
    *_, total, objects, database, basis = cli("price", USAGE, columns=200).out.splitlines()
    assert total.split() == ["Total", f"{sum(costs):,.2f}"]
    words = "200,000 x 128 KB (the least that is billed) / 1,048,576 x 30 / 30 days of the month"
    assert objects == f"objects.0, TimedStorage-GIR-ByteHrs: {words}"
    words = "540 minutes / 60, 1 of 3 starts billed as 10 minutes, the least"
    assert database == f"databases.0, InstanceUsage:db.t4g.medium: {words}"
    assert [line["formula"] for line in document["lines"]][-1] == words
    book = document["price_book"]["digest"][:12]
    assert basis == f"List prices of 2025-07-01 to 2025-12-06 (book {book}), without tax."


def test_without_the_free_tier_it_costs_more(cli: Any) -> None:
    """1 024 GB more at 0.085 shift the second tier: 10 240 x 0.085 + 4 096 x 0.08; Lambda's allowances are paid too."""
    document = json.loads(cli("price", USAGE, "--no-free-tier", "--format", "json").out)
    assert document["free_tier"] is False
    costs = {line["meter"]: D(line["billed_cost"]) for line in document["lines"]}
    assert costs["DataTransfer-Out-Bytes"] == 10240 * D("0.085") + 4096 * D("0.08")
    assert costs["Request-ARM"] == 1
    assert cli("price", USAGE, "--no-free-tier").out.startswith("2026-11, without always-free allowances")


def test_the_table_fits_and_groups_by_region(cli: Any) -> None:
    lines = cli("price", USAGE, columns=80).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "".join(lines).count("edge:europe") == 1
    assert any(line.split() == ["always", "free", "1,024", "0", "0.00"] for line in lines)
    assert any(line.split() == ["from", "10,240", "4,096", "0.08", "327.68"] for line in lines)


def test_an_upfront_fee_stands_beside_the_total(cli: Any, tmp_path: Path) -> None:
    line = (
        'service: AmazonRDS, meter: "InstanceUsage:db.m6g.12xl", region: eu-west-1, attributes: {engine: MySQL}, '
        "term: Reserved 3yr Partial Upfront, quantity: 720"
    )
    outcome = cli("price", usage_file(tmp_path, f"period: 2026-11\nusage:\n  - {{{line}}}"), columns=300)
    assert outcome.code == 0
    (told,) = [row for row in outcome.out.splitlines() if "upfront fee" in row]
    assert told.startswith(
        "usage.0, Reserved 3yr Partial Upfront: the upfront fee of 24,375 USD for each unit reserved"
    )


@pytest.mark.parametrize("columns", [20, 60, 80])
def test_no_unit_is_broken_within_a_word(cli: Any, tmp_path: Path, columns: int) -> None:
    line = 'service: AmazonEC2, meter: "EBS:VolumeP-Throughput.gp3", region: eu-west-1, quantity: 0.5'
    outcome = cli("price", usage_file(tmp_path, f"period: 2026-11\nusage:\n  - {{{line}}}"), columns=columns)
    assert "  GiBps-Months  " in outcome.out


def test_a_rate_for_nothing_is_noted_on_stderr(cli: Any, tmp_path: Path) -> None:
    rate = '{service: AmazonEC2, meter: "BoxUsage:m7g.lagre", region: eu-west-1, unit: Hrs, tiers: [{from: 0, price: 1}]}'
    file = usage_file(tmp_path, f"period: 2026-11\nusage:\n  - {{{EC2}, quantity: 1}}\nrates:\n  - {rate}")
    outcome = cli("price", file, columns=200)
    assert outcome.code == 0
    assert outcome.err == "Note: rates.0 matches no usage line. Is its service, meter or region misspelt?\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "file: is empty"),
        ("- 1", "the file must begin with keys, such as `period: 2026-11`"),
        (
            "period: 2026-13\nusage: []",
            "period (line 1): must be a month from 2000-01 to 2099-12, written YYYY-MM",
        ),
        ("period: 2026-11\nusage: []", "usage (line 2): must hold at least one entry"),
        (
            f"period: 2026-11\nusage:\n  - {{{EC2}, quantity: -1}}",
            "usage.0.quantity (line 3): must be from 0 to",
        ),
        (
            f"period: 2026-11\nusage:\n  - {{{EC2}, quantity: many}}",
            "must be a decimal number such as 1200 or 0.25",
        ),
        (
            f"period: 2026-11\nusage:\n  - {{{EC2}, qty: 1}}",
            "usage.0.quantity (line 3): is required: How much was used",
        ),
        (
            f"period: 2026-11\nusage:\n  - {{{EC2}, qty: 1}}",
            "usage.0.qty (line 3): unknown key; valid keys of usage.0: service",
        ),
        ("period: 2026-11\nusage: [", "is not YAML"),
    ],
)
def test_a_faulty_file_names_the_place_and_the_next_step(
    cli: Any, tmp_path: Path, text: str, told: str
) -> None:
    file = usage_file(tmp_path, text)
    outcome = cli("price", file)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"Error: {file}: ")
    assert told in outcome.err
    assert "costmodel price --help" in outcome.err


def test_unknown_prices_and_units_are_told_together(cli: Any, tmp_path: Path) -> None:
    lines = [
        f"- {{{EC2}, quantity: 1, unit: GB}}",
        '- {service: AmazonEC2, meter: "BoxUsage:m7g.lagre", region: eu-west-1, quantity: 1}',
        '- {service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-north-9, quantity: 1}',
        '- {service: AmazonRDS, meter: "InstanceUsage:db.m7g.large", region: eu-west-1, quantity: 1}',
    ]
    outcome = cli(
        "price", usage_file(tmp_path, "period: 2026-11\nusage:\n" + "\n".join(f"  {line}" for line in lines))
    )
    assert (outcome.code, outcome.out) == (1, "")
    assert ": 4 faults\n" in outcome.err
    assert 'usage.0.unit (line 3): must be Hours or Hrs, as the price is (found "GB")' in outcome.err
    assert "BoxUsage:m7g.large" in outcome.err
    assert "eu-north-9" in outcome.err
    assert "Name the attributes to choose one" in outcome.err
    assert outcome.err.splitlines()[-1] == "Find what AWS prices with: costmodel prices show TEXT"


def test_faults_of_form_and_of_price_are_told_together_in_the_order_of_the_file(
    cli: Any, tmp_path: Path
) -> None:
    text = f"""\
period: 2026-11
usage:
  - {{{EC2.replace("large", "lagre")}, quantity: 1}}
  - {{{EC2}, quantity: -1}}
  - {{{EC2}, quantity: 1, unit: GB}}
  - {{{EC2}, quantity: 1}}
colour: blue
"""
    outcome = cli("price", usage_file(tmp_path, text))
    assert (outcome.code, outcome.out) == (1, "")
    first, *faults, form, prices = outcome.err.splitlines()
    assert first.endswith(": 4 faults")
    assert [fault.partition(":")[0] for fault in faults] == [
        "  - usage.0 (line 3)",
        "  - usage.1.quantity (line 4)",
        "  - usage.2.unit (line 5)",
        "  - colour (line 7)",
    ]
    assert "costmodel price --help" in form
    assert prices == "Find what AWS prices with: costmodel prices show TEXT"


@pytest.mark.parametrize(
    ("rate", "line_is_looked_up"),
    [
        ("{service: Baker, meter: jobs, region: global, unit: Runs, tiers: [{from: 1, price: 3}]}", False),
        ("{service: Baker, meter: [jobs], region: global, unit: Runs, tiers: []}", False),
        ("just text", False),
        ("{service: Baker, meter: runs, region: global, unit: Runs, tiers: []}", True),
    ],
)
def test_a_line_that_a_faulty_rate_may_be_meant_for_is_not_called_unpriced(
    cli: Any, tmp_path: Path, rate: str, line_is_looked_up: bool
) -> None:
    usage = "{service: Baker, meter: jobs, region: global, quantity: 1}"
    text = f"period: 2026-11\nusage:\n  - {usage}\nrates:\n  - {rate}\n"
    outcome = cli("price", usage_file(tmp_path, text))
    assert outcome.code == 1
    assert "rates.0" in outcome.err
    assert ("usage.0 (line 3): no price for" in outcome.err) == line_is_looked_up


def test_a_missing_file_a_folder_and_an_unreadable_file(cli: Any, tmp_path: Path) -> None:
    assert "no such file" in cli("price", tmp_path / "gone.yaml").err
    assert "is a folder, not a file" in cli("price", tmp_path).err
    with patch.object(Path, "open", side_effect=PermissionError(13, "Permission denied")):
        outcome = cli("price", USAGE)
    assert outcome.code == 1
    assert "cannot be read: Permission denied" in outcome.err
    assert "costmodel price --help" in outcome.err


def test_the_form_in_the_help_can_be_priced(cli: Any, tmp_path: Path) -> None:
    """A server 720 h x 0.08; pictures 24.4140625 GB x 0.004; two volumes for half a month 500 GB x 0.138, 32 000 IOPS
    x 0.072 and 8 000 x 0.0504; a database (10 + 50) min x 0.372 an hour; calls 120 000 s and INIT 1 920 s x 1.5 GB x
    0.000000034, and 2 MB beyond the six of a million responses, less 100 GB, 1 853.125 x 0.008."""
    shown = cli("price", "--help").out
    form = shown[shown.index("      period:") : shown.index("  Find services")]
    outcome = cli("price", usage_file(tmp_path, form), "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    assert [D(line["billed_cost"]) for line in json.loads(outcome.out)["lines"]] == [
        D("57.6"), D("24.4140625") * D("0.004"), 69, 2304, D("403.2"), D("0.372"), 0, 0,
        182_880 * D("0.000000034"), D("1853.125") * D("0.008"),
    ]  # fmt: skip


def test_prices_of_what_there_is_are_looked_up_beside_other_faults(cli: Any, tmp_path: Path) -> None:
    objects = "objects: [{region: eu-west-9, storage_class: STANDARD, count: 1, kb: 1}]"
    faulty = f"period: 2026-11\nusage: [{{{EC2}, quantity: many}}]\n{objects}"
    told = cli("price", usage_file(tmp_path, faulty)).err
    assert ": 2 faults\n" in told
    assert "objects.0 (line 3): no price for AmazonS3 eu-west-9 TimedStorage-ByteHrs" in told


@pytest.mark.parametrize("faulty", ["period: 2026-13", f"period: 2026-11\nrates: [{{{EC2}}}]"])
def test_prices_of_what_there_is_wait_for_the_month_and_the_rates(
    cli: Any, tmp_path: Path, faulty: str
) -> None:
    """A rate that is not sound yet may stand in for the price that is missing."""
    objects = "objects: [{region: eu-west-9, storage_class: STANDARD, count: 1, kb: 1}]"
    outcome = cli("price", usage_file(tmp_path, f"{faulty}\n{objects}"))
    assert outcome.code == 1
    assert "no price for" not in outcome.err
