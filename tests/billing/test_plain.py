"""Pricing plain usage files: own rates, units, faults, and the line-by-line view."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from aws.books import book_of, price
from costmodel.billing.plain import PricedUsage, price_usage
from costmodel.errors import UsageFileError
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import Price
from costmodel.scenario.usage_file import parse_usage_file

SHIPPED = PriceBook.shipped()
D = Decimal


def priced(text: str, free_tier: bool | None = None) -> PricedUsage:
    return price_usage(
        parse_usage_file(text, "usage.yaml"), SHIPPED, source="usage.yaml", free_tier=free_tier
    )


CDN = 'service: AmazonCloudFront, meter: DataTransfer-Out-Bytes, region: "edge:europe"'
RDS = 'service: AmazonRDS, meter: "InstanceUsage:db.r7g.large", region: us-east-1'


def test_every_line_shows_its_tiers_prices_and_sources() -> None:
    result = priced(f"period: 2026-11\nusage:\n  - {{{CDN}, quantity: 10241, unit: GB}}")
    (line,) = result.lines
    assert [
        (tier.begin, tier.quantity, tier.list_unit_price, tier.billed_cost, tier.free) for tier in line.tiers
    ] == [
        (0, 1024, 0, 0, True),
        (0, 9216, D("0.085"), D("783.36"), False),
        (10240, 1, D("0.08"), D("0.08"), False),
    ]
    assert (line.path, line.unit, line.billed_cost) == ("usage.0", "GB", D("783.44"))
    assert (line.source, line.as_of) == ("offer AmazonCloudFront 20250701211647", "2025-07-01")
    assert result.billed_cost == D("783.44")


def test_the_caller_overrides_the_free_tier() -> None:
    text = f"period: 2026-11\nfree_tier: true\nusage:\n  - {{{CDN}, quantity: 1000}}"
    assert (priced(text).billed_cost, priced(text, free_tier=False).billed_cost) == (0, 85)
    assert priced(text, free_tier=False).free_tier is False


def test_lines_of_one_price_share_tiers_and_sum_to_the_total() -> None:
    result = priced(
        f"period: 2026-11\nfree_tier: false\nusage:\n  - {{{CDN}, quantity: 7680}}\n  - {{{CDN}, quantity: 7680}}"
    )
    assert [line.billed_cost for line in result.lines] == [5120 * D("0.085") + 2560 * D("0.08")] * 2
    assert sum(line.billed_cost for line in result.lines) == result.billed_cost


def test_a_line_of_nothing_is_still_a_line() -> None:
    (line,) = priced(f"period: 2026-11\nusage:\n  - {{{CDN}, quantity: 0}}").lines
    assert (line.tiers, line.billed_cost, line.as_of) == ((), 0, "2025-07-01")


def test_an_own_rate_replaces_the_list_price_and_its_allowance() -> None:
    result = priced(f"""
      period: 2026-11
      usage:
        - {{{CDN}, quantity: 1500}}
        - {{{CDN.replace("europe", "japan")}, quantity: 2048}}
      rates:
        - {{{CDN}, unit: GB, tiers: [{{from: 0, price: "0.02"}}, {{from: 1000, price: 0.01}}]}}
    """)
    own, listed = result.lines
    assert own.billed_cost == 1000 * D("0.02") + 500 * D("0.01")
    assert (own.source, own.term) == ("rates.0", "Own rate")
    assert listed.billed_cost == (2048 - 1024) * D("0.114")  # the whole allowance is left for Japan
    assert result.unused_rates == ()


def test_each_engine_has_a_rate_of_its_own() -> None:
    result = priced(f"""
      period: 2026-11
      usage:
        - {{{RDS}, attributes: {{engine: PostgreSQL}}, quantity: 720}}
        - {{{RDS}, attributes: {{engine: MySQL}}, quantity: 720}}
        - {{{RDS}, attributes: {{engine: Oracle}}, quantity: 720}}
      rates:
        - {{{RDS}, attributes: {{engine: PostgreSQL}}, unit: Hours, tiers: [{{from: 0, price: 0.1}}]}}
        - {{{RDS}, attributes: {{engine: MySQL}}, unit: Hrs, tiers: [{{from: 0, price: 0.2}}]}}
        - {{{RDS}, attributes: {{engine: Oracle}}, unit: Hrs, tiers: [{{from: 0, price: 0.3}}]}}
    """)
    assert [line.billed_cost for line in result.lines] == [72, 144, 216]


BALANCER = "service: AWSELB, meter: LoadBalancerUsage, region: eu-west-1"


def test_a_rate_says_which_of_the_prices_that_aws_tells_apart_it_replaces() -> None:
    """The rate is blamed, and the line is not: its unit is the one that AWS counts in."""
    with pytest.raises(UsageFileError) as caught:
        priced(f"""
          period: 2026-11
          usage: [{{{BALANCER}, attributes: {{load_balancer: application}}, quantity: 720, unit: Hrs}}]
          rates: [{{{BALANCER}, unit: GB, tiers: [{{from: 0, price: 0.01}}]}}]
        """)
    (fault,) = caught.value.faults
    assert fault.path == "rates.0.attributes"
    assert "must say for which load_balancer it is" in fault.problem
    assert "{load_balancer: application}" in fault.problem


@pytest.mark.parametrize("attributes", ["{load_balancer: application}", "{load_balancer: nonsense}"])
def test_a_rate_counts_as_aws_counts_the_usage_type_whatever_its_attributes(attributes: str) -> None:
    with pytest.raises(UsageFileError) as caught:
        priced(f"""
          period: 2026-11
          usage: [{{{BALANCER}, attributes: {{load_balancer: network}}, quantity: 720}}]
          rates: [{{{BALANCER}, attributes: {attributes}, unit: GB, tiers: [{{from: 0, price: 0.01}}]}}]
        """)
    (fault,) = caught.value.faults
    assert (fault.path, fault.problem) == ("rates.0.unit", "must be Hours or Hrs, as AWS counts this meter")


@pytest.mark.parametrize(
    ("meter", "line", "rate"),
    [
        (BALANCER, "{load_balancer: nonsense}", "{load_balancer: application}"),
        ('service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1', "{os: Windows}", "{}"),
    ],
)
def test_a_rate_is_for_nothing_but_what_it_names(meter: str, line: str, rate: str) -> None:
    with pytest.raises(UsageFileError) as caught:
        priced(f"""
          period: 2026-11
          usage: [{{{meter}, attributes: {line}, quantity: 720}}]
          rates: [{{{meter}, attributes: {rate}, unit: Hrs, tiers: [{{from: 0, price: 0.01}}]}}]
        """)
    assert [fault.path for fault in caught.value.faults] == ["usage.0"]


@pytest.mark.parametrize(
    ("meter", "attributes", "told"),
    [
        (RDS, "{engine: MySQL, colour: blue}",
         "'colour' tells no prices of InstanceUsage:db.r7g.large apart; valid: engine"),
        (BALANCER, "{load_balancr: application}",
         "'load_balancr' tells no prices of LoadBalancerUsage apart (did you mean load_balancer?); valid: load_balancer"),
        ('service: AmazonEC2, meter: "BoxUsage:m7g.large", region: eu-west-1', "{os: Windows}",
         "'os' tells no prices of BoxUsage:m7g.large apart; delete it, as no attribute does"),
        ('service: AmazonEC2, meter: "BoxUsage:m99.large", region: eu-west-1', "{os: Windows}",
         "'os' tells no prices of AmazonEC2 apart; delete it, as no attribute does"),
        ('service: AmazonRDS, meter: "InstanceUsage:db.m99.large", region: eu-west-1', "{motor: MySQL}",
         "'motor' tells no prices of AmazonRDS apart; valid: engine"),
        ("service: AmazonS3, meter: Requests-Tier3, region: eu-west-1",
         '{transition: "Deep Archive", restore: "Glacier Flexible"}',
         "restore and transition tell no prices of Requests-Tier3 apart together; name one of them"),
    ],
)  # fmt: skip
def test_an_attribute_that_does_not_exist_is_no_attribute_of_a_rate(
    meter: str, attributes: str, told: str
) -> None:
    """Not even where a line has it, too: the two would agree on a price of something that there is not."""
    with pytest.raises(UsageFileError) as caught:
        priced(f"""
          period: 2026-11
          usage: [{{{meter}, attributes: {attributes}, quantity: 720}}]
          rates: [{{{meter}, attributes: {attributes}, unit: Hrs, tiers: [{{from: 0, price: 0.01}}]}}]
        """)
    rate, line = caught.value.faults
    assert (rate.path, rate.problem) == ("rates.0.attributes", told)
    assert line.path == "usage.0"


def test_a_rate_for_transitions_need_not_say_what_is_restored() -> None:
    """AWS tells requests of one usage type apart by two attributes, of which each has one."""
    moved = 'service: AmazonS3, meter: Requests-Tier3, region: eu-west-1, attributes: {transition: "Deep Archive"}'
    result = priced(f"""
      period: 2026-11
      usage: [{{{moved}, quantity: 1000}}]
      rates: [{{{moved}, unit: Requests, tiers: [{{from: 0, price: 0.00001}}]}}]
    """)
    assert result.billed_cost == D("0.01")


def test_a_rate_for_what_nobody_lists_stands_for_all_attributes() -> None:
    baker = "service: TextureBaker, meter: jobs, region: global"
    result = priced(f"""
      period: 2026-11
      usage: [{{{baker}, attributes: {{size: large}}, quantity: 2}}, {{{baker}, attributes: {{size: small}}, quantity: 3}}]
      rates: [{{{baker}, unit: Runs, tiers: [{{from: 0, price: 0.3}}]}}]
    """)
    assert result.billed_cost == D("1.5")


def test_a_service_nobody_lists_can_be_priced_at_an_own_rate() -> None:
    result = priced("""
      period: 2026-11
      usage: [{service: TextureBaker, meter: jobs, region: global, quantity: 12.5}]
      rates: [{service: TextureBaker, meter: jobs, region: global, unit: Runs, tiers: [{from: 0, price: 0.3}]}]
    """)
    assert result.billed_cost == D("3.75")
    assert result.bill.by("service_category") == {"Other": D("3.75")}


def test_a_rate_no_line_uses_is_named() -> None:
    result = priced(f"""
      period: 2026-11
      usage: [{{{CDN}, quantity: 1}}]
      rates: [{{service: AmazonCloudFront, meter: misspelt, region: global, unit: GB, tiers: [{{from: 0, price: 1}}]}}]
    """)
    assert result.unused_rates == ("rates.0",)


def test_lines_are_not_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may have 100,000 lines: what one more costs in time must not grow with them."""
    compared = 0

    def equal(one: Price, other: object) -> bool:
        nonlocal compared
        compared += 1
        return one is other

    monkeypatch.setattr(Price, "__eq__", equal)
    lines = "".join(f"  - {{{CDN}, quantity: {quantity}}}\n" for quantity in range(1, 301))
    assert len(priced(f"period: 2026-11\nusage:\n{lines}").lines) == 300
    assert compared <= 2 * 300


def test_every_line_that_cannot_be_priced_is_named() -> None:
    with pytest.raises(UsageFileError) as caught:
        priced(f"""
          period: 2026-11
          usage:
            - {{service: AmazonEC2, meter: "BoxUsage:m99.large", region: eu-west-1, quantity: 1}}
            - {{{RDS}, quantity: 1}}
            - {{{CDN}, quantity: 1, unit: TB}}
            - {{{CDN}, quantity: 1}}
          rates:
            - {{{CDN}, unit: furlongs, tiers: [{{from: 0, price: 1}}]}}
        """)
    paths = [fault.path for fault in caught.value.faults]
    assert paths == ["rates.0.unit", "usage.0", "usage.1", "usage.2.unit"]
    text = str(caught.value)
    assert "usage.yaml: 4 faults" in text
    assert "BoxUsage:m99.large" in text
    assert "engine=PostgreSQL" in text


def test_half_a_request_is_no_quantity() -> None:
    """What is counted one by one is whole; gigabytes and hours are not."""
    line = "service: AmazonS3, meter: Requests-Tier1, region: eu-west-1"
    told = r"usage\.0\.quantity.*must be a whole number, as AWS counts Requests one by one"
    with pytest.raises(UsageFileError, match=told):
        priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: 0.5}}")
    assert priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: 2.0}}").billed_cost == D("0.00001")
    assert priced(f"period: 2026-11\nusage:\n  - {{{CDN}, quantity: 1024.5}}").billed_cost == D("0.0425")


READS = "service: AmazonDynamoDB, meter: ReadRequestUnits, region: us-east-1"
ZONES = "service: AmazonRoute53, meter: HostedZone, region: global"


def test_half_a_read_is_a_read_that_may_be_stale() -> None:
    """2 000 001 of them are 1 000 000.5 units x 0.125 a million."""
    assert priced(f"period: 2026-11\nusage:\n  - {{{READS}, quantity: 1000000.5}}").billed_cost == D(
        "0.1250000625"
    )


@pytest.mark.parametrize(
    ("line", "quantity", "told"),
    [
        (READS, "0.25", "must be a multiple of 0.5, as AWS counts half units and no less"),
        (ZONES, "1.5", "must be a whole number, as AWS bills Hosted Zones for the whole month"),
    ],
)
def test_a_part_that_aws_does_not_bill_is_no_quantity(line: str, quantity: str, told: str) -> None:
    with pytest.raises(UsageFileError) as caught:
        priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: {quantity}}}")
    (fault,) = caught.value.faults
    assert (fault.path, fault.problem) == ("usage.0.quantity", told)


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ('service: AmazonCloudWatch, meter: "CW:GMD-Metrics", region: us-east-1', "CW:GMD-Metrics"),
        ("service: AmazonDynamoDB, meter: ChangeDataCaptureUnits-Kinesis, region: us-east-1",
         "Change Data Capture Units"),
        ('service: AmazonRDS, meter: "InstanceUsage:db.m6g.12xl", region: eu-west-1, '
         "attributes: {engine: MySQL, fee: upfront}, term: Reserved 3yr Partial Upfront", "Quantity"),
    ],
)  # fmt: skip
def test_what_is_whole_by_nature_is_whole_whatever_its_unit(line: str, counted: str) -> None:
    """Metrics asked for, units of changes and reservations; a metric that stands is prorated."""
    told = rf"must be a whole number, as AWS counts {counted} one by one"
    with pytest.raises(UsageFileError, match=told):
        priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: 0.3}}")
    assert priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: 3}}").billed_cost
    stands = 'service: AmazonCloudWatch, meter: "CW:MetricMonitorUsage", region: us-east-1'
    assert priced(f"period: 2026-11\nfree_tier: false\nusage:\n  - {{{stands}, quantity: 0.5}}").billed_cost


INSTANCE = 'service: AmazonEC2, meter: "BoxUsage:m7g.large", region: us-east-1'


@pytest.mark.parametrize(
    ("line", "least", "told"),
    [
        (INSTANCE, "0.016666666", "must be 0 or at least 0.016666667, as AWS bills every start for 60 seconds at least"),
        (f"{RDS}, attributes: {{engine: MySQL}}", "0.166666666",
         "must be 0 or at least 0.166666667, as AWS bills every start for 600 seconds at least"),
    ],
)  # fmt: skip
def test_no_instance_runs_for_less_than_aws_bills_a_start(line: str, least: str, told: str) -> None:
    shorter = D(least) - D("0.000000001")
    with pytest.raises(UsageFileError) as caught:
        priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: {shorter}}}")
    (fault,) = caught.value.faults
    assert (fault.path, fault.problem) == ("usage.0.quantity", told)
    for quantity in (least, "0"):
        assert priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: {quantity}}}").lines


def test_an_own_rate_may_count_any_part_of_an_hour() -> None:
    """What it counts is for its owner to say."""
    rate = f"rates: [{{{INSTANCE}, unit: Hrs, tiers: [{{from: 0, price: 0.01}}]}}]"
    assert priced(f"period: 2026-11\nusage: [{{{INSTANCE}, quantity: 0.01}}]\n{rate}").lines


RESERVED = 'service: AmazonRDS, meter: "InstanceUsage:db.m6g.12xl", region: eu-west-1, term: Reserved 3yr Partial Upfront'


def test_a_reservation_is_not_billed_by_half_without_a_word() -> None:
    """24 375 USD at the start, then 0.9275 an hour (snapshot, 2025-04-04)."""
    engine = "attributes: {engine: MySQL}"
    result = priced(f"period: 2026-11\nusage:\n  - {{{RESERVED}, {engine}, quantity: 720}}")
    (line,) = result.lines
    assert (line.billed_cost, result.billed_cost) == (D("667.8"), D("667.8"))
    assert line.upfront_fee is not None
    assert line.upfront_fee.tiers[0].list_unit_price == 24375
    assert json.loads(json.dumps(result.to_dict()))["lines"][0]["upfront_fee"] == {
        "unit_price": "24375",
        "contracted_unit_price": "24375",
        "attributes": {"engine": "MySQL", "fee": "upfront"},
        "source": "ec2.shop@74c9fd8:rds-reserved",
        "as_of": "2025-04-04",
    }


def test_a_reservation_is_stated_in_whole_hours() -> None:
    with pytest.raises(UsageFileError, match="a reservation is paid for every hour of the month"):
        priced(f"period: 2026-11\nusage:\n  - {{{RESERVED}, attributes: {{engine: MySQL}}, quantity: 719.5}}")


def test_a_fee_that_has_a_line_of_its_own_is_in_the_total() -> None:
    engine = "attributes: {engine: MySQL}"
    fee = "attributes: {engine: MySQL, fee: upfront}"
    result = priced(f"""
      period: 2026-11
      usage:
        - {{{RESERVED}, {engine}, quantity: 1440}}
        - {{{RESERVED}, {fee}, quantity: 2}}
    """)
    assert [line.upfront_fee for line in result.lines] == [None, None]
    assert result.billed_cost == 1440 * D("0.9275") + 2 * 24375


def test_a_reservation_whose_fee_the_book_lacks_has_no_price(tmp_path: Path) -> None:
    term = "Reserved standard 1yr All Upfront"
    book = book_of(tmp_path, price("AmazonEC2", "BoxUsage:m7g.large", "0", term=term))
    line = (
        f'{{service: AmazonEC2, meter: "BoxUsage:m7g.large", region: us-east-1, term: {term}, quantity: 720}}'
    )
    file = parse_usage_file(f"period: 2026-11\nusage:\n  - {line}", "usage.yaml")
    with pytest.raises(UsageFileError, match=r"no price for .* fee=upfront"):
        price_usage(file, book)


def test_the_result_is_plain_json_with_exact_numbers() -> None:
    result = priced(f"period: 2026-11\nusage:\n  - {{{CDN}, quantity: 1025.000000001}}")
    document = json.loads(json.dumps(result.to_dict()))
    assert document["billed_cost"] == "0.085000000085"
    assert document["lines"][0]["quantity"] == "1025.000000001"
    assert document["lines"][0]["tiers"][1] == {
        "begin": "0",
        "quantity": "1.000000001",
        "list_unit_price": "0.085",
        "contracted_unit_price": "0.085",
        "list_cost": "0.085000000085",
        "billed_cost": "0.085000000085",
        "free": False,
    }


def test_a_month_before_its_prices_says_so() -> None:
    (note,) = priced(f"period: 2020-01\nusage:\n  - {{{CDN}, quantity: 1}}").notes
    assert note.startswith("2020-01 lies before the date of 1 of these prices (20")
    assert not priced(f"period: 2026-11\nusage:\n  - {{{CDN}, quantity: 1}}").notes


@pytest.mark.parametrize(
    ("meter", "of"),
    [
        ("LoadBalancerUsage", "service: AWSELB, region: us-east-1, attributes: {load_balancer: application}"),
        ("NatGateway-Hours", "service: AmazonEC2, region: us-east-1"),
        ("VpcEndpoint-Hours", "service: AmazonVPC, region: us-east-1"),
    ],
)
def test_an_hour_begun_is_a_full_hour(meter: str, of: str) -> None:
    line = f"meter: {meter}, {of}"
    with pytest.raises(UsageFileError, match="AWS bills every hour begun as a full hour"):
        priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: 1.5}}")
    assert priced(f"period: 2026-11\nusage:\n  - {{{line}, quantity: 2}}").bill.billed_cost
