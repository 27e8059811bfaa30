from __future__ import annotations

import csv
import gzip
import io
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel.errors import BillFileError
from costmodel.review.actuals import ActualBill, CoveredDays, read_bill

FOCUS_HEADER = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ChargeCategory",
    "ServiceName",
    "ProviderName",
    "RegionId",
)
CUR_HEADER = (
    "bill/BillingPeriodStartDate",
    "lineItem/UsageStartDate",
    "lineItem/LineItemType",
    "lineItem/ProductCode",
    "lineItem/CurrencyCode",
    "lineItem/UnblendedCost",
    "product/ProductName",
    "product/region",
    "reservation/ReservationARN",
    "reservation/EffectiveCost",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    "reservation/UnusedRecurringFee",
    "savingsPlan/SavingsPlanEffectiveCost",
    "savingsPlan/TotalCommitmentToDate",
    "savingsPlan/UsedCommitment",
)
CUR_2_NAMES = {
    "bill/BillingPeriodStartDate": "bill_billing_period_start_date",
    "lineItem/UsageStartDate": "line_item_usage_start_date",
    "lineItem/LineItemType": "line_item_line_item_type",
    "lineItem/ProductCode": "line_item_product_code",
    "lineItem/CurrencyCode": "line_item_currency_code",
    "lineItem/UnblendedCost": "line_item_unblended_cost",
    "product/region": "product_region_code",
    "reservation/ReservationARN": "reservation_reservation_a_r_n",
    "reservation/EffectiveCost": "reservation_effective_cost",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": (
        "reservation_unused_amortized_upfront_fee_for_billing_period"
    ),
    "reservation/UnusedRecurringFee": "reservation_unused_recurring_fee",
    "savingsPlan/SavingsPlanEffectiveCost": "savings_plan_savings_plan_effective_cost",
    "savingsPlan/TotalCommitmentToDate": "savings_plan_total_commitment_to_date",
    "savingsPlan/UsedCommitment": "savings_plan_used_commitment",
}


def focus_row(**cells: str) -> dict[str, str]:
    return {
        "BilledCost": "1.25",
        "EffectiveCost": "1.00",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-03-01T00:00:00Z",
        "ChargePeriodStart": "2026-03-05T07:00:00Z",
        "ChargeCategory": "Usage",
        "ServiceName": "AWS Lambda",
        "ProviderName": "AWS",
        "RegionId": "eu-west-1",
    } | cells


def cur_row(kind: str, unblended: str, **cells: str) -> dict[str, str]:
    row = dict.fromkeys(CUR_HEADER, "")
    row |= {
        "bill/BillingPeriodStartDate": "2026-03-01T00:00:00Z",
        "lineItem/UsageStartDate": "2026-03-05T07:00:00Z",
        "lineItem/LineItemType": kind,
        "lineItem/ProductCode": "AmazonEC2",
        "lineItem/CurrencyCode": "USD",
        "lineItem/UnblendedCost": unblended,
        "product/ProductName": "Amazon Elastic Compute Cloud",
        "product/region": "eu-west-1",
    }
    return row | {name: cells.get(name.split("/")[-1], cell) for name, cell in row.items()}


def as_csv(rows: list[dict[str, str]], header: tuple[str, ...] = FOCUS_HEADER) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def read(tmp_path: Path, content: bytes, name: str = "bill.csv") -> ActualBill:
    path = tmp_path / name
    path.write_bytes(content)
    return read_bill(path)


def refused(tmp_path: Path, content: bytes, name: str = "bill.csv") -> str:
    with pytest.raises(BillFileError) as caught:
        read(tmp_path, content, name)
    return str(caught.value)


def test_real_focus_sample(bills: Path) -> None:
    bill = read_bill(bills / "focus_1_0_sample.csv")
    assert (bill.format_name, bill.rows) == ("FOCUS", 942)
    assert bill.billed_cost == Decimal("18.0066386184")
    assert {(aside.reason, aside.rows) for aside in bill.set_aside} == {
        ("provider Microsoft", 51),
        ("provider Oracle", 7),
    }
    credits = [charge for charge in bill.charges if charge.charge_category == "Credit"]
    assert sum(charge.billed_cost for charge in credits) == Decimal("-2.6137")
    assert {charge.billing_period for charge in bill.charges} == {"2024-09"}


def test_real_legacy_report(bills: Path) -> None:
    bill = read_bill(bills / "cur_legacy_anonymous_aws.csv")
    assert (bill.format_name, bill.rows) == ("legacy Cost and Usage Report", 1281)
    assert bill.billed_cost == Decimal("1.6823086974")
    tax = [charge for charge in bill.charges if charge.charge_category == "Tax"]
    assert sum(charge.billed_cost for charge in tax) == Decimal("0.08")


def test_a_real_bill_of_half_a_month_covers_its_days(bills: Path) -> None:
    """Its yearly and monthly rows run to the end of November; its use by the hour ends on the 14th."""
    assert read_bill(bills / "cur_legacy_anonymous_aws.csv").covered == {
        "2023-11": CoveredDays("2023-11-01", "2023-11-14")
    }


PERIODS = [
    ([("03-01T00:00:00Z", "04-01T00:00:00Z")], ("2026-03-01", "2026-03-31")),
    ([("03-01T00:00:00Z", "03-02T00:00:00Z"), ("03-14T23:00:00Z", "03-15T00:00:00Z")], ("2026-03-01", "2026-03-14")),
    ([("03-02T00:00:00Z", "03-02T23:59:59Z"), ("03-01T00:00:00Z", "03-31T23:59:59Z")], ("2026-03-02", "2026-03-02")),
    ([("03-31T00:00:00Z", "04-01T00:00:00Z"), ("03-01T02:00:00+02:00", "03-02T02:00:00+02:00")], ("2026-03-01", "2026-03-31")),
]  # fmt: skip


@pytest.mark.parametrize(("periods", "days"), PERIODS)
@pytest.mark.parametrize("form", ["FOCUS", "CUR", "CUR 2.0"])
def test_the_days_that_a_bill_covers_are_those_of_its_use(
    tmp_path: Path, periods: list[tuple[str, str]], days: tuple[str, str], form: str
) -> None:
    """A month's charge from the 1st on says nothing where there is use by the hour or day; a purchase never does."""
    used = [("Usage", f"2026-{first}", f"2026-{last}") for first, last in periods]
    spans = [*used, ("Purchase", "2026-03-20T00:00:00Z", "2026-03-21T00:00:00Z")]
    if form == "FOCUS":
        rows = [
            focus_row(ChargeCategory=kind, ChargePeriodStart=first, ChargePeriodEnd=last)
            for kind, first, last in spans
        ]
    else:
        rows = [
            cur_row(kind.replace("Purchase", "Fee"), "1", UsageStartDate=first)
            | {"lineItem/UsageEndDate": last}
            for kind, first, last in spans
        ]
    if form == "CUR 2.0":
        names = {**CUR_2_NAMES, "lineItem/UsageEndDate": "line_item_usage_end_date"}
        rows = [{names[name]: cell for name, cell in row.items() if name in names} for row in rows]
    assert read(tmp_path, as_csv(rows, tuple(rows[0]))).covered == {"2026-03": CoveredDays(*days)}


def test_a_bill_that_does_not_say_until_when_it_charges_covers_no_known_days(tmp_path: Path) -> None:
    assert read(tmp_path, as_csv([focus_row()])).covered == {}
    damaged = focus_row(ChargePeriodEnd="the end")
    assert "line 2, ChargePeriodEnd: must be a time" in refused(tmp_path, as_csv([damaged], tuple(damaged)))


def test_synthetic_legacy_report_has_times_with_offset(bills: Path) -> None:
    bill = read_bill(bills / "cur_legacy_nise_synthetic.csv")
    by_code = {charge.service_code for charge in bill.charges}
    assert by_code == {"AmazonEC2", "AmazonS3"}
    assert (bill.rows, bill.billed_cost) == (1440, Decimal(43920))


def test_focus_rows_of_one_kind_are_summed_exactly(tmp_path: Path) -> None:
    rows = [focus_row(BilledCost="0.1"), focus_row(BilledCost="0.2", ChargePeriodStart="2026-03-05 23:00:00")]
    bill = read(tmp_path, b"\xef\xbb\xbf" + as_csv(rows))
    (charge,) = bill.charges
    assert (charge.day, charge.billing_period) == ("2026-03-05", "2026-03")
    assert (charge.billed_cost, charge.effective_cost) == (Decimal("0.3"), Decimal("2.00"))
    assert (charge.service_name, charge.region_id, charge.service_code) == ("AWS Lambda", "eu-west-1", "")


def test_null_text_offsets_and_exponents(tmp_path: Path) -> None:
    row = focus_row(RegionId="NULL", BilledCost="8.0E-7", ChargePeriodStart="2026-03-05T23:30:00-02:00")
    (charge,) = read(tmp_path, as_csv([row])).charges
    assert (charge.region_id, charge.day, charge.billed_cost) == ("", "2026-03-06", Decimal("0.0000008"))


def test_sums_need_no_float(tmp_path: Path) -> None:
    rows = [focus_row(BilledCost="900000000000000"), focus_row(BilledCost="0.000000000000000000000000000001")]
    bill = read(tmp_path, as_csv(rows))
    assert bill.billed_cost == Decimal("900000000000000.000000000000000000000000000001")


def test_gzip(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(as_csv([focus_row()])), "bill.csv.gz").billed_cost == Decimal("1.25")


def amortised_rows() -> list[dict[str, str]]:
    return [
        cur_row("Usage", "10"),
        cur_row("SavingsPlanCoveredUsage", "8", SavingsPlanEffectiveCost="5"),
        cur_row("SavingsPlanNegation", "-8"),
        cur_row("SavingsPlanRecurringFee", "7", TotalCommitmentToDate="7", UsedCommitment="5"),
        cur_row("SavingsPlanUpfrontFee", "100"),
        cur_row("DiscountedUsage", "0", EffectiveCost="3"),
        cur_row("RIFee", "4", UnusedRecurringFee="1", UnusedAmortizedUpfrontFeeForBillingPeriod="0.5"),
        cur_row("Fee", "50", ReservationARN="arn:aws:rds:eu-west-1:1:ri:a"),
        cur_row("Fee", "2"),
        cur_row("Tax", "0.9"),
        cur_row("Credit", "-6"),
        cur_row("Refund", "-1"),
        cur_row("EdpDiscount", "-0.5"),
        cur_row("SomethingNew", "0.25"),
    ]


# Usage 10 + 8 - 8 + 0 - 0.5; effective 10 + 5 + 0 + 3 - 0.5.
# Purchase 7 + 100 + 4 + 50 + 2; effective (7 - 5) + 0 + 1.5 + 0 + 2.
AMORTISED = {
    "Usage": (Decimal("9.5"), Decimal("17.5")),
    "Purchase": (Decimal(163), Decimal("5.5")),
    "Tax": (Decimal("0.9"), Decimal("0.9")),
    "Credit": (Decimal(-6), Decimal(-6)),
    "Refund": (Decimal(-1), Decimal(-1)),
    "SomethingNew": (Decimal("0.25"), Decimal("0.25")),
}


def by_category(bill: ActualBill) -> dict[str, tuple[Decimal, Decimal]]:
    return {charge.charge_category: (charge.billed_cost, charge.effective_cost) for charge in bill.charges}


def test_commitments_are_amortised_by_line_item_type(tmp_path: Path) -> None:
    bill = read(tmp_path, as_csv(amortised_rows(), CUR_HEADER))
    assert by_category(bill) == AMORTISED
    assert {(charge.service_code, charge.region_id) for charge in bill.charges} == {
        ("AmazonEC2", "eu-west-1")
    }


def cur_2_rows() -> list[dict[str, str]]:
    product = '{"product_name": "Amazon Elastic Compute Cloud"}'
    return [
        {new: row[old] for old, new in CUR_2_NAMES.items()} | {"product": product} for row in amortised_rows()
    ]


def test_cur_2_reads_as_the_legacy_report(tmp_path: Path) -> None:
    bill = read(tmp_path, as_csv(cur_2_rows(), (*CUR_2_NAMES.values(), "product")))
    assert bill.format_name == "CUR 2.0"
    assert by_category(bill) == AMORTISED
    assert {charge.service_name for charge in bill.charges} == {"Amazon Elastic Compute Cloud"}


@pytest.mark.parametrize("product", ["", "{", "7", "[" * 60, '{"region": "x"}'])
def test_a_product_without_name_falls_back_to_its_code(tmp_path: Path, product: str) -> None:
    rows = [row | {"product": product} for row in cur_2_rows()]
    bill = read(tmp_path, as_csv(rows, (*CUR_2_NAMES.values(), "product")))
    assert {charge.service_name for charge in bill.charges} == {"AmazonEC2"}


def test_parquet_reads_as_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    names = (*CUR_2_NAMES.values(),)
    columns: dict[str, object] = {name: [row[name] for row in cur_2_rows()] for name in names}
    columns["line_item_unblended_cost"] = [float(row["line_item_unblended_cost"]) for row in cur_2_rows()]
    pairs = [("product_name", "Amazon Elastic Compute Cloud")]
    maps = pyarrow.array([pairs] * len(cur_2_rows()), pyarrow.map_(pyarrow.string(), pyarrow.string()))
    parquet.write_table(pyarrow.table(columns | {"product": maps}), tmp_path / "bill.parquet")
    bill = read_bill(tmp_path / "bill.parquet")
    assert by_category(bill) == AMORTISED
    assert {charge.service_name for charge in bill.charges} == {"Amazon Elastic Compute Cloud"}


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'costmodel[parquet]'" in refused(tmp_path, b"PAR1 and more", "bill.parquet")


def test_other_providers_and_currencies_are_set_aside(tmp_path: Path) -> None:
    rows = [
        focus_row(),
        focus_row(BillingCurrency="EUR", BilledCost="3"),
        focus_row(BillingCurrency="EUR", BilledCost="4"),
        focus_row(ProviderName="Oracle", BilledCost="5"),
    ]
    bill = read(tmp_path, as_csv(rows))
    assert bill.billed_cost == Decimal("1.25")
    found = [(aside.reason, aside.currency, aside.rows, aside.billed_cost) for aside in bill.set_aside]
    assert found == [("currency EUR", "EUR", 2, Decimal(7)), ("provider Oracle", "USD", 1, Decimal(5))]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"a,b,c\n1,2,3\n", "header of no bill format we know (found a, b, c)"),
        (as_csv([]), "has a header but no rows"),
        (b"\x7fELF\x00\xff\xfe", "is not a CSV file"),
        ("BilledCost\n1\n".encode("utf-16"), "is not a CSV file"),
        (b"PK\x03\x04rest", "ZIP archive"),
        (b"\x1f\x8bnot really gzip", "damaged gzip"),
        (gzip.compress(as_csv([focus_row()]))[:-12], "damaged gzip"),
        (b"PAR1 but not Parquet", "damaged Parquet"),
        (b'BilledCost,"Unclosed\n1,2\n', "is not a CSV file"),
        (
            as_csv([focus_row(BillingCurrency="EUR")]),
            "no row of AWS in the currency USD (found currency EUR in EUR)",
        ),
        (
            as_csv([focus_row(ProviderName="Oracle")]),
            "no row of AWS in the currency USD (found provider Oracle",
        ),
    ],
)
def test_files_that_are_no_bill(tmp_path: Path, content: bytes, said: str) -> None:
    if said.startswith("damaged Parquet"):
        pytest.importorskip("pyarrow")
    message = refused(tmp_path, content)
    assert said in message
    assert "FOCUS 1.0 to 1.2" in message


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    message = refused(tmp_path, b"BilledCost,ServiceName\n1,x\n")
    for column in set(FOCUS_HEADER) - {"BilledCost", "ServiceName", "RegionId"}:
        assert f"- {column}: is missing from the header; FOCUS has it" in message


@pytest.mark.parametrize(
    "amount", ["", "NULL", "abc", "NaN", "Infinity", "1,000", "1_000", "1e99", "1e-90", "٣"]
)
def test_amounts_that_cannot_be_used(tmp_path: Path, amount: str) -> None:
    message = refused(tmp_path, as_csv([focus_row(), focus_row(BilledCost=amount)]))
    assert "- line 3, BilledCost: must be an amount such as 0.0123" in message


def test_every_fault_of_every_row_is_listed(tmp_path: Path) -> None:
    rows = [
        focus_row(BilledCost="x", ChargePeriodStart="yesterday"),
        focus_row(ServiceName="", BillingPeriodStart="2026-13-01"),
    ]
    message = refused(tmp_path, as_csv(rows) + b"1,2\r\n")
    assert "5 faults" in message
    for said in (
        "line 2, BilledCost: must be an amount such as 0.0123 (found x)",
        "line 2, ChargePeriodStart: must be a time such as 2026-03-01T00:00:00Z (found yesterday)",
        "line 3, ServiceName: is empty",
        "line 3, BillingPeriodStart: must be a time such as 2026-03-01T00:00:00Z (found 2026-13-01)",
        "line 4: must have 9 cells as the header (found 2)",
    ):
        assert said in message


def test_a_file_full_of_faults_stops_early(tmp_path: Path) -> None:
    message = refused(tmp_path, as_csv([focus_row(BilledCost="x")] * 500))
    assert "20 faults" in message
    assert "reading stopped here" in message


def test_covered_usage_without_its_column_is_a_fault(tmp_path: Path) -> None:
    header = CUR_HEADER[:8]
    rows = [{name: cell for name, cell in cur_row("DiscountedUsage", "0").items() if name in header}]
    assert "line 2, reservation/EffectiveCost: must be an amount" in refused(tmp_path, as_csv(rows, header))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BillFileError, match="cannot be read: No such file"):
        read_bill(tmp_path / "none.csv")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.lists(st.lists(st.text(max_size=8), min_size=9, max_size=9), max_size=4).map(
            lambda rows: as_csv([dict(zip(FOCUS_HEADER, row, strict=True)) for row in rows])
        ),
    )
)
def test_rubbish_never_gets_past_a_named_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BillFileError):
        read(tmp_path, content)
