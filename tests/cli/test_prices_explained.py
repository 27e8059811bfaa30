"""`costmodel prices show` of one price: where it comes from, to the rate code; and of any price in a bill."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from aws.cloud import TODAY, Cloud
from aws.fixtures import sku_of


def explained(out: str) -> dict[str, str]:
    """Rows of the explanation by their names; a row may run over several lines."""
    rows: dict[str, str] = {}
    name = ""
    for line in out.partition("Where it comes from")[2].splitlines()[1:]:
        start, text = line[:21].strip(), line[21:].strip()
        name = start or name
        rows[name] = f"{rows.get(name, '')} {text}".strip()
    return rows


def test_a_refreshed_price_to_its_rate_code(aws: Cloud, cli: Any) -> None:
    """A key at twice its price."""
    aws.charge(TODAY.times(Decimal(2)))
    assert cli("prices", "refresh", "--service", "awskms").code == 0
    outcome = cli("prices", "show", "awskms eu-west-1 KMS-Keys", columns=140)
    assert (outcome.code, outcome.err) == (0, "")
    sku = sku_of("awskms eu-west-1 KMS-Keys")
    assert outcome.out.splitlines()[0] == "awskms in eu-west-1, as of 2026-10-07"
    assert outcome.out.splitlines()[2].split() == [
        "KMS-Keys",
        "0",
        "2",
        "Keys",
        "Customer-managed",
        "key-month",
    ]
    assert explained(outcome.out) == {
        "Price": "awskms eu-west-1 KMS-Keys",
        "SKU": sku,
        "Rate code": f"{sku}.JRTCKXETXF.6YS6EN2CT7 from 0",
        "Source": "AWS price list awskms 20261007120000, as of 2026-10-07",
        "File": "awskms/eu-west-1.csv, from api, fetched 2026-11-24T12:00:00Z, AWS edition 20261007120000",
        "Confirmed": "2026-11-24, the last day it was known to be AWS's price",
        "Free": "no always-free allowance covers it",
    }


def test_every_tier_has_its_rate_code(aws: Cloud, cli: Any) -> None:
    cli("prices", "refresh", "--service", "AWSLambda", "--source", "bulk")
    name = "AWSLambda eu-west-1 Lambda-GB-Second"
    outcome = cli("prices", "show", f"{name} from 6000000000", columns=140)
    assert "Lambda-GB-Second               0  0.0000166667  Lambda-GB-Second  Duration x86" in outcome.out
    assert "6,000,000,000      0.000015  Lambda-GB-Second" in outcome.out
    assert "15,000,000,000  0.0000133334  Lambda-GB-Second" in outcome.out
    rows = explained(outcome.out)
    sku = sku_of(name)
    codes = [f"{sku}.JRTCKXETXF.{sku_of(f'{sku}.JRTCKXETXF {step}')[:10]}" for step in range(3)]
    begins = ("0", "6,000,000,000", "15,000,000,000")
    assert rows["Rate codes"] == " ".join(
        f"{code} from {begin}" for code, begin in zip(codes, begins, strict=True)
    )
    assert rows["File"].startswith("AWSLambda/eu-west-1.csv, from bulk, fetched")
    assert rows["Free"] == (
        "the first 400,000 Lambda-GB-Second a month over the whole account, shared by Lambda-GB-Second, "
        "Lambda-GB-Second-ARM (lambda-duration; offer AWSLambda, as of 2026-10-01)"
    )


def test_the_snapshot_says_what_it_does_not_know(cli: Any) -> None:
    outcome = cli("prices", "show", "awskms eu-west-1 KMS-Requests", "--prices", "snapshot", columns=140)
    assert explained(outcome.out) == {
        "Price": "awskms eu-west-1 KMS-Requests",
        "SKU": "not told by this source",
        "Rate code": "not told by this source",
        "Source": "aws-price-watcher@c4a0470f:kms, as of 2025-08-28",
        "File": "awskms/eu-west-1.csv, from snapshot",
        "Confirmed": "2025-08-28, the last day it was known to be AWS's price",
        "Free": "the first 20,000 Requests a month over the whole account (kms-requests; offer awskms, as of 2026-09-11)",
    }


RESERVED = "AmazonRDS eu-west-1 InstanceUsage:db.m6g.12xl engine=MySQL (Reserved 3yr Partial Upfront)"


def test_a_reservation_names_its_fee(cli: Any) -> None:
    rows = explained(cli("prices", "show", RESERVED, columns=200).out)
    assert rows["Upfront"] == (
        "24,375 USD at the start for each unit as well: AmazonRDS eu-west-1 InstanceUsage:db.m6g.12xl engine=MySQL "
        "fee=upfront (Reserved 3yr Partial Upfront)"
    )
    (shown,) = json.loads(cli("prices", "show", RESERVED, "--format", "json").out)
    assert shown["upfront_fee"] == "24375"
    without = RESERVED.replace("3yr Partial", "1yr No")
    assert "Upfront" not in explained(cli("prices", "show", without, columns=200).out)


def test_as_json_with_its_allowance(aws: Cloud, cli: Any) -> None:
    cli("prices", "refresh", "--service", "awskms")
    (price,) = json.loads(cli("prices", "show", "awskms eu-west-1 KMS-Requests", "--format", "json").out)
    sku = sku_of("awskms eu-west-1 KMS-Requests")
    assert (price["name"], price["sku_id"]) == ("awskms eu-west-1 KMS-Requests", sku)
    assert price["tiers"] == [
        {
            "begin": "0",
            "end": None,
            "list_unit_price": "0.000003",
            "rate_code": f"{sku}.JRTCKXETXF.6YS6EN2CT7",
        }
    ]
    assert (price["as_of"], price["confirmed_on"]) == ("2026-10-07", "2026-11-24")
    assert price["file"] == {
        "path": "awskms/eu-west-1.csv",
        "origin": "api",
        "retrieved_at": "2026-11-24T12:00:00Z",
        "edition": "20261007120000",
    }
    assert price["free_allowance"] == {
        "allowance_id": "kms-requests",
        "quantity": "20000",
        "pricing_unit": "Requests",
        "per_region": False,
        "usage_types": ["KMS-Requests"],
        "source": "offer awskms",
        "as_of": "2026-09-11",
    }


@pytest.mark.parametrize(
    ("name", "usd"),
    [
        ("AmazonEC2 eu-west-1 BoxUsage:m7g.large (Reserved standard 1yr No Upfront)", "0.0602"),
        ("AmazonEC2 eu-west-1 BoxUsage:m7g.large (Reserved standard 1yr No Upfront) from 0", "0.0602"),
        ("AmazonEC2 eu-west-1 BoxUsage:m7g.large (SavingsPlan Compute 1yr No Upfront)", "0.0637"),
        ("AmazonEC2 eu-west-1 SpotUsage:m7g.large statistic=mean zone=eu-west-1a (Spot)", "0.0364"),
        ("AmazonRoute53 global HostedZone from 25", "0.5"),
        ("awskms eu-west-1 KMS-Requests free kms-requests", "0.000003"),
    ],
)
def test_a_price_is_found_by_the_name_a_charge_gives_it(aws: Cloud, cli: Any, name: str, usd: str) -> None:
    """Savings Plans at 70 % of 0.091, spot at 40 %."""
    cli("prices", "refresh")
    (price,) = json.loads(cli("prices", "show", name, "--format", "json").out)
    assert name.startswith(price["name"])
    assert Decimal(price["tiers"][0]["list_unit_price"]) == Decimal(usd)


def test_a_name_that_is_nearly_one_finds_nothing(aws: Cloud, cli: Any) -> None:
    for name in ("awskms eu-west-2 KMS-Keys from 0", "awskms eu-west-1 KMS-Keyz from 0"):
        outcome = cli("prices", "show", name)
        assert (outcome.code, outcome.out) == (1, "")
        assert f"no price matches '{name}'. Try a shorter text" in outcome.err


@pytest.mark.parametrize(
    "name",
    [
        "awskms eu-west-1 KMS-Keys from 999999",
        "awskms eu-west-1 KMS-Keys free kms-requests",
        "awskms eu-west-1 KMS-Requests free other",
        "AmazonRDS eu-west-1 SpotUsage:m5.large (Spot)",
        "AmazonEC2 eu-west-1 SpotUsage:m5.lrage (Spot) from 0",
    ],
)
def test_a_tier_or_an_allowance_that_is_not_there_is_not_shown(cli: Any, name: str) -> None:
    outcome = cli("prices", "show", name, "--prices", "snapshot")
    assert (outcome.code, outcome.out) == (1, "")
    assert f"no price matches '{name}'" in outcome.err


def test_spot_hours_are_explained_by_how_they_were_inferred(cli: Any) -> None:
    name = "AmazonEC2 eu-west-1 SpotUsage:m5.large (Spot) from 0"
    outcome = cli("prices", "show", name, "--prices", "snapshot", columns=140)
    assert (outcome.code, explained(outcome.out)["File"]) == (0, "spot_savings.csv, from snapshot")
    assert "m5.large Linux spot, on demand less 57 %, the Spot Advisor's mean saving" in outcome.out
    assert explained(outcome.out)["Inferred"] == (
        "not told by AWS's price history; m5.large Linux spot, on demand less 57 %, the Spot Advisor's mean saving, "
        "of 2025-07-28"
    )
    assert "Confirmed" not in outcome.out
    (price,) = json.loads(cli("prices", "show", name, "--prices", "snapshot", "--format", "json").out)
    assert (price["inferred"], price["confirmed_on"]) == (True, "2025-07-28")


def test_spot_hours_of_the_history_are_confirmed(aws: Cloud, cli: Any) -> None:
    cli("prices", "refresh", "--service", "AmazonEC2")
    name = "AmazonEC2 eu-west-1 SpotUsage:m7g.large (Spot) from 0"
    (price,) = json.loads(cli("prices", "show", name, "--format", "json").out)
    assert (price["inferred"], price["confirmed_on"]) == (False, "2026-11-24")
    assert explained(cli("prices", "show", name, columns=140).out)["Confirmed"].startswith("2026-11-24")


def test_every_price_in_a_bill_can_be_explained(cli: Any, small_shop: Any) -> None:
    charges = {charge.sku_price_id: charge for charge in small_shop.run.charges}
    assert len(charges) > 20
    for name, charge in charges.items():
        (price,) = json.loads(cli("prices", "show", name, "--prices", "snapshot", "--format", "json").out)
        assert name.startswith(f"{price['name']} ")
        told = price["free_allowance"] if charge.x_free else price
        assert (told["source"], told["as_of"]) == (charge.x_price_source, charge.x_price_as_of)
        if charge.x_free:
            assert name.endswith(f" free {told['allowance_id']}")
        else:
            steps = {Decimal(tier["begin"]): Decimal(tier["list_unit_price"]) for tier in price["tiers"]}
            assert steps[charge.x_tier_begin] == charge.list_unit_price
