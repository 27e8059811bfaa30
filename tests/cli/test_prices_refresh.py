"""`costmodel prices refresh` against AWS on loopback: what it says, where, and with which exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aws.cloud import CREDENTIALS, TODAY, Cloud, Truth, plan_rates
from aws.fixtures import sku_of
from aws.server import Fault, Seen
from costmodel.pricing.shelf import Shelf

AFTER_A_REFRESH = """\
Prices from AWS: 110, in 10 files. Files with other prices than before: {moved}.
Book {digest} of 2026-11-24 is in force.{step}
"""
"""93 list prices in 7 files, 3 + 2 Savings Plans rates in 2, and 3 statistics of 3 spot prices in 1."""


UNSTATED = (
    "AWS's answers state nothing of these free allowances; bills go on taking them off as of: "
    "kms-requests (2026-09-11), lambda-duration (2026-10-01), lambda-requests (2026-10-01). "
)


def refuse_kms(seen: Seen) -> Fault | None:
    return Fault(code="InternalErrorException", status=500) if b"awskms" in seen.body else None


def rows(out: str) -> dict[str, list[str]]:
    """Cells of a table by its first column."""
    return {cells[0]: cells[1:] for line in out.splitlines() if (cells := line.split())}


def test_the_first_refresh_brings_plans_and_spot_prices_and_no_other_price(aws: Cloud, cli: Any) -> None:
    outcome = cli("prices", "refresh", columns=120)
    assert (outcome.code, outcome.err) == (0, "")
    book = Shelf().open()
    step = " See what moved with: costmodel prices diff snapshot"
    assert outcome.out.endswith(AFTER_A_REFRESH.format(moved=3, digest=book.digest[:12], step=step))
    table = rows(outcome.out)
    assert table["AWSLambda/eu-west-1.savings.csv"] == ["2", "0", "2", "0", "-"]
    assert table["AmazonEC2/eu-west-1.savings.csv"] == ["3", "0", "3", "0", "-"]
    assert table["AmazonEC2/eu-west-1.spot.csv"] == ["9", "0", "9", "0", "-"]
    assert "awskms/eu-west-1.csv" not in table


def test_the_table_counts_what_moved(aws: Cloud, cli: Any) -> None:
    """Twice the price of everything but what is free: Route 53's queries to AWS itself."""
    cli("prices", "refresh")
    first = Shelf().open().folder.name
    aws.charge(TODAY.times(Decimal(2)))
    outcome = cli("prices", "refresh", columns=120)
    assert (outcome.code, outcome.err) == (0, "")
    table = rows(outcome.out)
    assert table["File"] == ["Prices", "Changed", "Added", "Gone", "AWS", "edition"]
    for path, counts in {
        "AWSLambda/eu-west-1.csv": ["10", "10", "0", "0"],
        "AmazonEC2/eu-west-1.csv": ["18", "18", "0", "0"],
        "AmazonEC2/eu-west-1.reserved.csv": ["12", "12", "0", "0"],
        "AmazonRoute53/global.csv": ["12", "11", "0", "0"],
        "AmazonRoute53/eu-west-1.csv": ["1", "1", "0", "0"],
        "AmazonS3/eu-west-1.csv": ["37", "37", "0", "0"],
        "awskms/eu-west-1.csv": ["6", "6", "0", "0"],
    }.items():
        assert table[path] == [*counts, "20261007120000"]
    digest = Shelf().open().digest[:12]
    step = f" See what moved with: costmodel prices diff {first}"
    assert outcome.out.endswith(AFTER_A_REFRESH.format(moved=10, digest=digest, step=step))


def test_the_same_again_makes_no_table_and_no_book(aws: Cloud, cli: Any) -> None:
    cli("prices", "refresh")
    book = Shelf().open()
    outcome = cli("prices", "refresh", columns=120)
    told = UNSTATED + " ".join(AFTER_A_REFRESH.format(moved=0, digest=book.digest[:12], step="").split())
    assert " ".join(outcome.out.split()) == told
    assert [copy.name for copy in Shelf().copies()] == ["snapshot", book.folder.name]


def test_as_json(aws: Cloud, cli: Any) -> None:
    outcome = cli("prices", "refresh", "--service", "awskms", "--region", "eu-west-1", "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    book = Shelf().open()
    assert json.loads(outcome.out) == {
        "digest": book.digest,
        "book_date": "2026-11-24",
        "folder": str(book.folder),
        "files": [
            {
                "path": "awskms/eu-west-1.csv",
                "prices": 6,
                "changed": 0,
                "added": 0,
                "gone": [],
                "edition": "20261007120000",
            }
        ],
        "moved": [],
        "uncompared": [],
        "left_out": [],
        "unstated_allowances": [{"allowance_id": "kms-requests", "as_of": "2026-09-11"}],
        "failures": [],
    }


def test_a_price_that_moved_too_far_can_be_accepted_by_its_name(aws: Cloud, cli: Any) -> None:
    storage = TODAY.of("AmazonRoute53")
    (key,) = [of for of in TODAY.stated if of.query.usage_type == "KMS-Keys"]
    (moved,) = Truth((key,), ()).times(Decimal(6)).stated
    aws.charge(Truth(tuple(moved if of == key else of for of in TODAY.stated), TODAY.allowances))
    command = ["prices", "refresh", "--service", "awskms"]
    refused = cli(*command)
    assert refused.code == 1
    assert f"costmodel prices refresh --accept-moved '{key.query}'" in " ".join(refused.err.split())
    told = cli(*command, "--accept-moved", str(key.query), columns=200)
    assert told.code == 0, told.err
    line = f"Accepted: {key.query} costs 6 per Keys, 1 before: 6 times as much."
    assert line in " ".join(told.out.split())
    assert told.err == ""
    again = cli(*command, "--accept-moved", str(key.query))
    assert (again.code, again.err) == (0, f"--accept-moved '{key.query}' was not needed.\n")
    aws.charge(TODAY.times(Decimal("2.5")))
    document = json.loads(cli("prices", "refresh", "--service", "AmazonRoute53", "--format", "json").out)
    assert len(document["moved"]) == sum(any(t.list_unit_price for t in of.tiers) for of in storage.stated)
    query = {"name": "AmazonRoute53 global HostedZone", "begin": "0", "pricing_unit": "HostedZone"}
    told_of_it = {"known": "0.5", "now": "1.25", "where": "in the snapshot", "accepted": False, "change": ""}
    assert query | told_of_it | {"sku_id": sku_of("AmazonRoute53 global HostedZone")} in [
        of | {"known": of["known"].rstrip("0"), "now": of["now"].rstrip("0")} for of in document["moved"]
    ]


@pytest.mark.parametrize("output", ["table", "json"])
def test_what_fails_is_named_and_the_rest_goes_ahead(aws: Cloud, cli: Any, output: str) -> None:
    aws.charge(TODAY.times(Decimal(2)))
    aws.price_lists.fault = refuse_kms
    asked = ["--service", "awskms", "--service", "AmazonS3", "--format", output]
    outcome = cli("prices", "refresh", *asked, columns=120)
    assert outcome.code == 1
    problem = (
        "AWS DescribeServices: AWS says InternalErrorException: planted. Try again later. Or use the price list files, "
        "which need no credentials: costmodel prices refresh --source bulk"
    )
    assert outcome.err == (
        "Error: not everything was refreshed. These prices stay as they were:\n"
        f"  - awskms eu-west-1: {problem}\n"
    )
    if output == "json":
        (failure,) = json.loads(outcome.out)["failures"]
        assert failure == {"subject": "awskms eu-west-1", "problem": problem, "unasked": []}
    else:
        assert rows(outcome.out)["AmazonS3/eu-west-1.csv"][:2] == ["37", "37"]
        assert "awskms" not in outcome.out
    shown = json.loads(cli("prices", "show", "KMS-Keys", "--format", "json").out)
    assert [price["tiers"][0]["list_unit_price"] for price in shown] == ["1"]


def test_what_stops_everything_is_one_error_and_no_result(aws: Cloud, cli: Any, tmp_path: Path) -> None:
    aws.price_lists.fault = lambda _: Fault(code="ExpiredTokenException")
    aws.commitments.faults = [(403, "ExpiredToken")] * 9
    outcome = cli("prices", "refresh", "--service", "AmazonEC2")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(
        "Error: AWS DescribeServices: the AWS credentials have expired (AWS says ExpiredTokenException: planted). "
        "Log in again: aws sso login, or renew the session token."
    )
    assert [copy.name for copy in Shelf().copies()] == ["snapshot"]


def test_several_reasons_are_all_listed(aws: Cloud, cli: Any) -> None:
    aws.price_lists.files = {}
    outcome = cli("prices", "refresh", "--source", "bulk", "--service", "awskms", "--service", "AmazonS3")
    assert (outcome.code, outcome.out) == (1, "")
    lines = outcome.err.splitlines()
    assert lines[0] == "Error: not everything was refreshed. These prices stay as they were:"
    assert [line.partition(":")[0] for line in lines[1:]] == [
        "  - AmazonS3 eu-west-1",
        "  - awskms eu-west-1",
    ]
    assert all("the server answers 404" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--service", "AmazonMars"], "'AmazonMars' is not one of 'AWSLambda', "),
        (["--region", "mars-1"], "'mars-1' is not one of 'af-south-1', "),
        (["--source", "guess"], "'guess' is not one of 'api', 'bulk', 'list'"),
    ],
)
def test_what_cannot_be_asked_for_is_named(aws: Cloud, cli: Any, arguments: list[str], told: str) -> None:
    outcome = cli("prices", "refresh", *arguments, columns=200)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err
    assert not aws.price_lists.seen


def test_without_credentials_the_next_step_is_said_and_it_works(
    aws: Cloud, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    outcome = cli("prices", "refresh", "--service", "awskms")
    assert (outcome.code, outcome.out) == (1, "")
    assert "no usable AWS credentials" in outcome.err
    step = "costmodel prices refresh --source bulk"
    assert outcome.err.endswith(f"{step}\n")
    outcome = cli(*step.split()[1:])
    assert (outcome.code, outcome.err) == (0, "")
    assert "Prices from AWS: 101, in 9 files." in outcome.out  # all but the 9 spot prices


def test_a_price_that_aws_no_longer_lists_is_named(aws: Cloud, cli: Any) -> None:
    """One of 37 may be withdrawn."""
    name = "AmazonS3 eu-west-1 TimedStorage-ByteHrs"
    for product in list(aws.price_lists.products["AmazonS3"]):
        if product["product"]["attributes"]["usagetype"] == "EU-TimedStorage-ByteHrs":
            product["product"]["attributes"]["usagetype"] = "EU-Renamed-ByteHrs"
    outcome = cli("prices", "refresh", "--service", "AmazonS3", columns=120)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"AWS no longer lists {name}: a bill that needs it is refused from now on.\n" in outcome.out
    assert rows(outcome.out)["AmazonS3/eu-west-1.csv"][:4] == ["36", "0", "0", "1"]
    assert cli("prices", "show", f"{name} from 0").code == 1


def test_one_of_few_prices_that_aws_withdrew_can_be_accepted_as_gone(aws: Cloud, cli: Any) -> None:
    """One of six is more than a tenth; before, such a file could never be refreshed again."""
    name = "awskms eu-west-1 KMS-Requests-GenerateDatakeyPair-ECC"
    aws.price_lists.products["awskms"] = [
        product
        for product in aws.price_lists.products["awskms"]
        if not product["product"]["attributes"]["usagetype"].endswith("GenerateDatakeyPair-ECC")
    ]
    command = ("prices", "refresh", "--service", "awskms")
    refused = cli(*command, columns=120)
    assert refused.code == 1
    assert f"no longer lists 1 of 6 prices, such as {name}" in " ".join(refused.err.split())
    assert f"--accept-moved '{name}'" in " ".join(refused.err.split())
    accepted = cli(*command, "--accept-moved", name, columns=120)
    assert (accepted.code, accepted.err) == (0, "")
    assert f"AWS no longer lists {name}" in " ".join(accepted.out.split())
    again = cli(*command, "--accept-moved", name)
    assert (again.code, again.err) == (0, f"--accept-moved '{name}' was not needed.\n")


def test_tiers_of_another_shape_can_be_accepted_by_the_name(aws: Cloud, cli: Any) -> None:
    (stored,) = [of for of in TODAY.stated if of.query.usage_type == "TimedStorage-ByteHrs"]
    lower, *_ = stored.tiers
    flat = replace(stored, tiers=(replace(lower, end=None),))
    aws.charge(Truth(tuple(flat if of == stored else of for of in TODAY.stated), TODAY.allowances))
    command = ["prices", "refresh", "--service", "AmazonS3"]
    refused = cli(*command)
    assert refused.code == 1
    problem = "its tiers begin at 0, before at 0, 51200, 512000"
    told = " ".join(refused.err.split())
    assert f"{stored.query}: {problem}." in told
    assert f"accept it: costmodel prices refresh --accept-moved '{stored.query}'" in told
    accepted = cli(*command, "--accept-moved", str(stored.query), columns=200)
    assert (accepted.code, accepted.err) == (0, "")
    assert f"Accepted: {stored.query}: {problem}." in " ".join(accepted.out.split())
    verified = json.loads(cli("prices", "verify", "--format", "json").out)["findings"]
    assert [of["problem"] for of in verified] == [problem.replace("before", "in the snapshot")]
    again = cli(*command, "--accept-moved", str(stored.query))
    assert (again.code, again.err) == (0, f"--accept-moved '{stored.query}' was not needed.\n")


def test_a_new_price_that_nothing_is_like_is_told(aws: Cloud, cli: Any) -> None:
    """A transition that the book has not, and a Savings Plans rate of a type without a price on demand."""
    known = next(of for of in TODAY.stated if of.query.attributes == (("transition", "INT"),))
    query = replace(known.query, usage_type="Requests-Tier3")
    assert query not in {of.query for of in TODAY.stated}
    aws.charge(Truth((*TODAY.stated, replace(known, query=query)), TODAY.allowances))
    rates = plan_rates(TODAY.stated)
    aws.sell([*rates, ("AmazonEC2", "EU-BoxUsage:m5.large", "RunInstances", Decimal("0.05"), "Hrs")])
    outcome = cli("prices", "refresh", columns=200)
    assert (outcome.code, outcome.err) == (0, "")
    plan = "AmazonEC2 eu-west-1 BoxUsage:m5.large (SavingsPlan Compute 1yr No Upfront)"
    assert (
        f"2 new prices could not be compared with anything: {plan}, {query}. Hold them against AWS's pricing pages; "
        f"to see one: costmodel prices show '{plan}'"
    ) in " ".join(outcome.out.split())
    assert cli("prices", "show", plan).code == 0
    assert "could not be compared" not in cli("prices", "refresh").out  # they are known by now


def test_a_spot_price_that_aws_withdrew_can_be_accepted_as_gone(aws: Cloud, cli: Any) -> None:
    """It stands in the book by zone, and is accepted for all of them by one name."""
    command = ("prices", "refresh", "--service", "AmazonEC2")
    assert cli(*command).code == 0
    aws.commitments.spot = [
        change for change in aws.commitments.spot if change["instanceType"] != "m7g.large"
    ]
    name = "AmazonEC2 eu-west-1 SpotUsage:m7g.large (Spot)"
    refused = cli(*command, columns=120)
    assert refused.code == 1
    assert f"--accept-moved '{name}'" in " ".join(refused.err.split())
    accepted = cli(*command, "--accept-moved", name, columns=120)
    assert (accepted.code, accepted.err) == (0, "")
    assert "AWS no longer lists AmazonEC2 eu-west-1 SpotUsage:m7g.large" in " ".join(accepted.out.split())
    again = cli(*command, "--accept-moved", name)
    assert (again.code, again.err) == (0, f"--accept-moved '{name}' was not needed.\n")


def test_what_aws_lists_and_nothing_here_knows_is_told(aws: Cloud, cli: Any) -> None:
    """A free part of the keys, and a reservation of five years: neither gets into the book, and both are said."""
    products = json.loads(json.dumps(aws.price_lists.products))
    (key,) = (
        product
        for product in products["awskms"]
        if product["product"]["attributes"]["usagetype"] == "eu-west-1-KMS-Keys"
        and product["product"]["sku"] == sku_of("awskms eu-west-1 KMS-Keys")
    )
    code = f"{key['product']['sku']}.A429C66SYZ"
    key["terms"]["OnDemand"][code] = {
        "sku": key["product"]["sku"],
        "offerTermCode": "A429C66SYZ",
        "priceDimensions": {
            f"{code}.1": {
                "rateCode": f"{code}.1",
                "unit": "Keys",
                "beginRange": "0",
                "endRange": "3",
                "pricePerUnit": {"USD": "0.0000000000"},
                "appliesTo": [key["product"]["sku"]],
            }
        },
    }
    for product in products["AmazonEC2"]:
        reserved = product["terms"].get("Reserved", {})
        for name, term in list(reserved.items()):
            reserved[f"{name}5"] = term | {
                "offerTermCode": f"{term['offerTermCode']}5",
                "termAttributes": term["termAttributes"] | {"LeaseContractLength": "5yr"},
            }
    aws.list(products)
    told = cli("prices", "refresh", "--service", "awskms", columns=250)
    assert (told.code, told.err) == (0, "")
    assert (
        "Left out, awskms eu-west-1: 'eu-west-1-KMS-Keys' grants up to 3 Keys free on KMS-Keys, and no allowance is known"
    ) in " ".join(told.out.split())
    five_years = cli("prices", "refresh", "--service", "AmazonEC2", "--format", "json")
    assert (five_years.code, five_years.err) == (0, "")
    listed = json.loads(five_years.out)["left_out"]
    assert {of["subject"] for of in listed} == {"AmazonEC2 eu-west-1"}
    assert all(of["problem"].startswith("reservations of LeaseContractLength '5yr', ") for of in listed)
    assert not [p for p in Shelf().open().prices("eu-west-1", "AmazonEC2") if "5yr" in p.query.term]


def test_a_mirror_that_is_none_is_one_clear_error(
    aws: Cloud, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSTMODEL_PRICE_LIST_URL", "garbage")
    outcome = cli("prices", "refresh", "--source", "bulk")
    assert (outcome.code, outcome.out) == (1, "")
    assert " ".join(outcome.err.split()) == (
        "Error: cannot fetch the price list files: COSTMODEL_PRICE_LIST_URL is 'garbage', which is no address of a server. "
        "Set it to http:// or https:// and a host, if need be with a port, and no path, such as "
        "https://pricing.us-east-1.amazonaws.com; or unset it to ask AWS."
    )


def test_progress_goes_to_stderr_on_a_terminal_and_nowhere_else(
    aws: Cloud, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = cli("prices", "refresh", "--service", "awskms", "--source", "bulk")
    assert (quiet.code, quiet.err) == (0, "")
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich then takes every stream for a terminal
    shown = cli("prices", "refresh", "--service", "awskms", "--source", "bulk")
    assert shown.code == 0
    assert "awskms eu-west-1" in shown.err
    assert "awskms eu-west-1" not in shown.out
    assert "is in force." in shown.out


def test_another_refresh_is_waited_for(aws: Cloud, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one process fetches, a second one says what it waits for; here the lock is let go at once."""
    from filelock import FileLock

    downloads = Shelf().downloads
    downloads.mkdir(parents=True)
    held = FileLock(downloads / "lock")
    held.acquire()
    told: list[str] = []

    def tell(subject: str, done: int, total: int | None) -> None:
        told.append(subject)
        held.release()

    monkeypatch.setattr("costmodel.cli.prices_refresh._progress", _telling(tell))
    assert cli("prices", "refresh", "--service", "awskms").code == 0
    assert told[:2] == ["waiting for another refresh", "awskms eu-west-1"]


def test_a_refresh_leaves_no_empty_folders(aws: Cloud, cli: Any) -> None:
    assert cli("prices", "refresh", "--service", "awskms", "--source", "bulk").code == 0
    assert [path.name for path in Shelf().downloads.iterdir()] == ["lock"]


def _telling(tell: Any) -> Any:
    from contextlib import nullcontext

    return lambda: nullcontext(tell)
