"""docs/prices.md says what the code does, and its commands work."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from aws.cloud import small_aws, whole_aws
from aws.server import Fault, Seen
from costmodel.cli.books import STALE_AFTER_DAYS
from costmodel.pricing.newcomers import REGION_MARGIN, REGIONS_APART
from costmodel.pricing.origin import Source
from costmodel.pricing.peers import FEW
from costmodel.pricing.plausible import LARGEST_CHANGE_FACTOR, OUTLIER_FACTOR, PLAN_SHARES, SPOT_SHARES
from costmodel.pricing.refresh import SAVINGS_PLANS, SPOT_DAYS, WITHDRAWN_RATIO
from costmodel.pricing.snapshot import PRICE_COLUMNS, PRICE_KINDS, PriceFile, partition_path
from shops.clock import stop_clock
from shops.commands import Done, blocks, run_line, shell_lines

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "prices.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())
COMMANDS = shell_lines(PAGE)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """Every command of the page, run once, in its order, with AWS on loopback."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "docs", folder / "docs")
    with pytest.MonkeyPatch.context() as patched, whole_aws(patched):
        stop_clock(patched)
        patched.setenv("COSTMODEL_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return {line: run_line(line, folder) for line in COMMANDS}


def test_every_line_is_a_command() -> None:
    assert len(COMMANDS) >= 14
    assert all(line.startswith("costmodel ") for line in COMMANDS)
    assert {language for language, _ in blocks(PAGE)} == {"console", "json"}


@pytest.mark.parametrize("line", COMMANDS)
def test_command_works(done: dict[str, Done], line: str) -> None:
    outcome = done[line]
    assert outcome.code == 0, outcome.err
    assert outcome.out


def test_the_commands_do_what_the_page_says(done: dict[str, Done]) -> None:
    assert "The bill of" in done["costmodel prices diff snapshot --run run.json"].out
    same = done["costmodel prices diff snapshot 2026-10-06 --region eu-west-1 --service AmazonEC2"].out
    assert "prices compared: 0 changed, 0 added, 0 gone." in " ".join(same.split())
    explained = done['costmodel prices show "AmazonEC2 eu-west-1 BoxUsage:m7g.large from 0"'].out
    for row in ("SKU", "Rate code", "Source", "File", "Confirmed", "Free"):
        assert f"\n{row} " in explained
    status = done["costmodel prices status"].out
    assert "In force: 00000" in status
    assert "snapshot " in status


def _nothing_of_s3(seen: Seen) -> Fault | None:
    """Which values an attribute has is asked only where nothing is found."""
    if seen.operation == "GetProducts" and seen.arguments["ServiceCode"] == "AmazonS3":
        return Fault(body=b'{"FormatVersion": "aws_v1", "PriceList": []}')
    return None


@pytest.mark.parametrize("source", [Source.API, Source.LIST])
def test_the_iam_policies_are_the_least_that_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Source
) -> None:
    asked = set()
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path / "cache"))
    stop_clock(monkeypatch)
    with small_aws(monkeypatch, tmp_path) as cloud:
        cloud.price_lists.fault = _nothing_of_s3
        run_line(f"costmodel prices refresh --source {source.value}", tmp_path)
        asked |= {f"pricing:{seen.operation}" for seen in cloud.price_lists.seen if seen.operation}
        questions = cloud.commitments.questions
    plans = any("savingsPlanTypes" in question for question in questions)
    asked |= {"savingsplans:DescribeSavingsPlansOfferingRates"} if plans else set()
    asked |= {f"ec2:{question['Action']}" for question in questions if "Action" in question}
    policies = [json.loads(text) for language, text in blocks(PAGE) if language == "json"]
    (statement,) = policies[0 if source is Source.API else 1]["Statement"]
    assert set(statement["Action"]) == asked


def test_every_source_is_described() -> None:
    rows = re.findall(r"^\| `(\w+)`(?: \(default\))? \| .+ \| (yes|no) \|", PAGE, re.MULTILINE)
    assert dict(rows) == {Source.API: "yes", Source.LIST: "yes", Source.BULK: "no"}


def test_figures_are_those_of_the_code() -> None:
    for told in (
        f"more than {LARGEST_CHANGE_FACTOR:f} times above or below the one before",
        "Savings Plans rate below {:f} or above {:f} times its on-demand price".format(*PLAN_SHARES),
        "a spot price below {:f} or above {:f} times it".format(*SPOT_SHARES),
        f"a price more than {OUTLIER_FACTOR:f} times apart",
        f"It may be {REGION_MARGIN:f} times further",
        f"For EC2 that is {_beyond('AmazonEC2')} times beyond",
        f"for data transfer {_beyond('AWSDataTransfer')}, for WAF and KMS {_beyond('awswaf')};",
        f"other regions have it, {LARGEST_CHANGE_FACTOR:f}.",
        f"not more than {LARGEST_CHANGE_FACTOR:f} times beyond the cheapest and the dearest",
        f"More than {STALE_AFTER_DAYS} days draw a warning",
        f"Spot prices of the last {SPOT_DAYS} days",
    ):
        assert told in TEXT
    assert (FEW, REGIONS_APART["awswaf"]) == (3, REGIONS_APART["awskms"])
    assert WITHDRAWN_RATIO == 0.1
    assert "more than a tenth of a file's prices missing" in TEXT
    short = {"AmazonEC2": "EC2", "AWSLambda": "Lambda", "AmazonRDS": "RDS", "AmazonDynamoDB": "DynamoDB"}
    covered = {short[code] for codes in SAVINGS_PLANS.values() for code in codes}
    (told,) = re.findall(r"Savings Plans rates come along with ([\w, ]+)\.", TEXT)
    assert set(re.findall(r"\w+", told)) - {"and"} == covered


def _beyond(service_code: str) -> str:
    """How many times a new region may be beyond the others."""
    return f"{(REGIONS_APART[service_code] * REGION_MARGIN).normalize():f}"


def test_the_folder_is_described_as_it_is(root: Path) -> None:
    for kind in PRICE_KINDS:
        assert f"`{partition_path('<service>', '<region>', kind)}`" in PAGE
    tables = {path.name for path in (root / "pricing_cache").iterdir() if path.is_file()}
    assert tables == {name for name in tables if f"`{name}`" in PAGE}
    table = PAGE.partition("| column | meaning |")[2].partition("\n\n")[0]
    named = [
        name
        for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    assert tuple(named) == PRICE_COLUMNS
    assert {"origin", "rows", "sha256"} <= {field.name for field in fields(PriceFile)}


def test_what_it_says_is_said_somewhere(root: Path) -> None:
    """The left column of the last table quotes messages of the code."""
    table = PAGE.partition("| it says | what to do |")[2]
    rows = re.findall(r"^\| (?!---)([^|`]+?) \| .+ \|$", table, re.MULTILINE)
    assert len(rows) >= 15
    source = "".join(path.read_text(encoding="utf-8") for path in sorted((root / "costmodel").rglob("*.py")))
    joined = re.sub(r'"\s*f?"', "", source)
    assert not [row for row in rows if row not in joined]


def test_no_place_of_one_machine_and_no_host_is_named() -> None:
    assert not re.findall(r"(?<![\w<>.])/(?:home|root|Users|tmp|work|var)/", PAGE)
    assert not re.findall(r"https?://|amazonaws", PAGE)
