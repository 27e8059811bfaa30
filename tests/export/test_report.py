from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from costmodel.billing.charge import dollars, to_cents
from costmodel.decision.run import PlanNote, PurchaseNote, Run, encode, read_run
from costmodel.export import charts
from costmodel.export.charts import Chart
from costmodel.export.report import monthly_report, report_folder, slug
from costmodel.review.actuals import ActualBill, ActualCharge, CoveredDays, SetAside, read_bill
from costmodel.review.variance import Variance, variance

VOID = {"meta", "link", "br", "img", "hr", "input"}
HOSTILE = "</title><script>alert(1)</script> | `x` [y](javascript:z) *b* _i_ <!-- \n# & \"'"


class Page(HTMLParser):
    """Checks that elements close in order; keeps tables, ids, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def run(root: Path) -> Run:
    """Two months of a made-up shop: 2025-11 and 2025-12."""
    return read_run(root / "tests" / "export" / "made_run.json")


@pytest.fixture(scope="module")
def one_month(run: Run) -> Run:
    return replace(
        run,
        months=run.months[:1],
        days=30,
        charges=tuple(charge for charge in run.charges if charge.billing_period == "2025-11"),
        daily_cost_usd={name: days[:30] for name, days in run.daily_cost_usd.items()},
        daily_load={name: days[:30] for name, days in run.daily_load.items()},
    )


def charge(service: str, usd: str, kind: str = "Usage", month: str = "2025-12") -> ActualCharge:
    return ActualCharge(month, f"{month}-02", service, "", "", kind, Decimal(usd), Decimal(usd) - 1)


@pytest.fixture(scope="module")
def compared(run: Run) -> Variance:
    charges = (charge("AWS WAF", "40.005"), charge("AWS Budgets", "1.5"), charge("AWS WAF", "3.25", "Tax"))
    aside = SetAside("provider Oracle", "USD", 3, Decimal(5))
    return variance(run, ActualBill("march_bill.csv", "FOCUS", 3, charges, (aside,)))


@pytest.fixture(scope="module")
def report(run: Run, compared: Variance) -> dict[str, bytes]:
    """Both files, with a forecast against an actual bill."""
    return monthly_report(run, compared)


@pytest.fixture(scope="module")
def html(report: dict[str, bytes]) -> str:
    return report["index.html"].decode()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the charts out, for tests of words and figures."""
    monkeypatch.setattr(charts, "_both", lambda *_: Chart("<svg></svg>", "<svg></svg>"))


def html_of(run: Run, found: Variance | None = None) -> str:
    return monthly_report(run, found)["index.html"].decode()


def usd(amount: Decimal) -> str:
    return f"${to_cents(amount):,.2f}"


def test_page_is_well_formed_with_its_own_ids(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    targets = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert targets <= set(page.ids)
    assert page.tags.count("svg") == 10, "five charts, each in a wide and a narrow drawing"


def test_nothing_is_loaded_from_anywhere(page: Page, html: str) -> None:
    assert not {"script", "link", "img", "iframe", "object", "image", "base"} & set(page.tags)
    assert not re.search(r"https?:|@import|//[a-z]|url\((?!#)", html)
    assert all(
        value.startswith("#") for _, name, value in page.attributes if name in ("href", "xlink:href", "src")
    )


def test_bill_by_service_shows_the_sums_of_the_charges(run: Run, page: Page) -> None:
    start = page.rows.index(["Service", "USD", "Share"])
    shown = {row[0]: row[1] for row in page.rows[start + 1 : start + 13]}
    for service in {charge.service_name for charge in run.charges}:
        cost = sum((found.billed_cost for found in run.charges if found.service_name == service), Decimal(0))
        assert shown[service] == usd(cost)
    assert (
        shown["Total"] == usd(sum((charge.billed_cost for charge in run.charges), Decimal(0))) == "$1,935.75"
    )


def test_both_files_say_the_same(page: Page, report: dict[str, bytes]) -> None:
    lines = report["report.md"].decode().replace("\\", "").replace("**", "").splitlines()
    shown = {tuple(cell.strip() for cell in line[1:-1].split("|")) for line in lines if line.startswith("|")}
    assert {tuple(row) for row in page.rows} <= shown


def test_forecast_against_actual(run: Run, compared: Variance, page: Page) -> None:
    rows = {tuple(row) for row in page.rows}
    assert ("AWS WAF", "$35.94", "$40.01", "$4.07", "+11.3%", "in both") in rows
    assert ("AWS Budgets", "–", "$1.50", "$1.50", "–", "only in the bill") in rows  # noqa: RUF001
    assert ("Tax", "$3.25") in rows
    assert ("Invoice of 2025-12, services included", "$44.76") in rows
    forecast = sum(
        (found.billed_cost for found in run.charges if found.billing_period == "2025-12"), Decimal(0)
    )
    (month,) = compared.months
    total = ("Total", usd(forecast), "$41.51", f"-{usd(forecast - month.actual_usd)}", "-96.0%", "")
    assert total in rows
    assert "Not compared, provider Oracle: 3 rows, 5.00 USD" in page.text
    assert "does not hold" not in page.text


@pytest.mark.usefixtures("undrawn")
def test_what_stands_under_another_service_is_said_in_its_row_and_below_even_of_no_cost(run: Run) -> None:
    """A shop on functions has no instances, but its transfer stands on the invoice under EC2."""
    kept = [found for found in run.charges if found.sku_price_id.split(" ")[0] != "AmazonEC2"]
    free = [
        replace(found, billed_cost=Decimal(0)) if found.service_name == "AWS Data Transfer" else found
        for found in kept
    ]
    bill = ActualBill("b.csv", "FOCUS", 1, (charge("AmazonEC2", "0"),), ())
    page = Page(html_of(run, variance(replace(run, charges=tuple(free)), bill)))
    where = "in both, forecast as AWS Data Transfer"
    assert ["Amazon Elastic Compute Cloud", "$0.00", "$0.00", "$0.00", "–", where] in page.rows  # noqa: RUF001
    assert (
        "$0.00 that this report shows under AWS Data Transfer stands here under Amazon Elastic Compute Cloud"
        in page.text
    )


@pytest.mark.parametrize(
    ("usd", "text"), [("-0.004", "$0.00"), ("-0.005", "-$0.01"), ("1234.5", "$1,234.50")]
)
def test_less_than_a_cent_has_no_sign(usd: str, text: str) -> None:
    assert dollars(Decimal(usd)) == text


def test_every_table_scrolls_by_itself_and_shows_where_it_goes_on(html: str, page: Page) -> None:
    """Looked at in Chromium at 400 and 1400 pixels, light and dark."""
    assert html.count("<table>") == html.count('<div class="table" role="region"') == page.tags.count("table")
    (style,) = re.findall(r"^\.table \{(.*?)^\}", html, re.MULTILINE | re.DOTALL)
    assert "overflow-x: auto" in style
    for edge in ("left", "right"):
        assert re.search(rf"var\(--paper\) 50%, transparent\) {edge} / .* local no-repeat", style)
        assert re.search(rf"var\(--shade\), transparent\) {edge} / .* scroll no-repeat", style)
    assert html.count("--shade: rgb(") == 2


@pytest.mark.usefixtures("undrawn")
def test_another_month_is_said_plainly(run: Run) -> None:
    bill = ActualBill("b.csv", "FOCUS", 1, (charge("AWS WAF", "1", month="2024-09"),), ())
    for text in monthly_report(run, variance(run, bill)).values():
        said = "This run does not hold 2024-09. The bill is compared with the run's first month, 2025-11"
        assert said in text.decode().replace("&#39;", "'")


PLAN_OF_20 = PlanNote(
    (PurchaseNote("Compute Savings Plan", 1, "No Upfront", "all of its kind", 0, "hour", 0.1, 0.0),),
    Decimal(20),
    0.0,
)


def planned(run: Run) -> Run:
    """The run with a plan that takes 20 dollars a month off its servers, on charges and days alike."""
    name = "Amazon Elastic Compute Cloud"
    charges = tuple(
        replace(found, effective_cost=found.billed_cost - 20) if "BoxUsage" in found.sku_price_id else found
        for found in run.charges
    )
    daily = tuple(cost - 20 * len(run.months) / run.days for cost in run.daily_cost_usd[name])
    return replace(
        run,
        plan=PLAN_OF_20,
        charges=charges,
        chosen=replace(run.chosen, effective_monthly_usd=run.chosen.effective_monthly_usd - 20),
        daily_cost_usd={**run.daily_cost_usd, name: daily},
    )


@pytest.mark.usefixtures("undrawn")
def test_with_plans_every_month_and_day_agrees_with_the_headline(run: Run, tmp_path: Path) -> None:
    with_plans = planned(run)
    (tmp_path / "run.json").write_bytes(encode(with_plans))
    assert read_run(tmp_path / "run.json") == with_plans
    page = Page(html_of(with_plans))
    months = [
        sum(found.effective_cost for found in with_plans.charges if found.billing_period == month)
        for month in run.months
    ]
    assert sum(months) == with_plans.chosen.effective_monthly_usd * 2
    assert ["Total", *map(dollars, months), dollars(sum(months))] in page.rows
    assert f"The dearest is 2025-12 with {dollars(months[1])} with its plans." in page.text
    assert "What each day costs with its plans;" in page.text
    assert "with its plans;" not in Page(html_of(run)).text


@pytest.mark.usefixtures("undrawn")
def test_a_projection_starts_from_the_cost_with_plans(one_month: Run) -> None:
    with_plans = planned(one_month)
    page = Page(html_of(with_plans))
    cost_usd = sum((charge.effective_cost for charge in with_plans.charges), Decimal(0))
    assert ["2025-12", usd(cost_usd * Decimal("1.05"))] in page.rows
    assert "this month's cost with its plans times" in page.text


@pytest.mark.usefixtures("undrawn")
def test_a_bill_beside_plans_says_which_costs_are_compared(run: Run) -> None:
    fee = ActualCharge("2025-12", "2025-12-01", "Plans", "", "", "Purchase", Decimal(30), Decimal(0))
    charges = (charge("AWS WAF", "40"), fee, charge("AWS WAF", "3.25", "Tax"))
    bill = ActualBill("b.csv", "FOCUS", 3, charges, ())
    page = Page(html_of(planned(run), variance(planned(run), bill)))
    assert "Effective cost stands against effective cost (EffectiveCost)" in page.text
    assert re.search(r"less than the forecast of \$[\d,.]+ with its plans\. Its charges", page.text)
    assert (
        "The billed cost of all that is compared is $70.00, $30.00 of it fees that are spread." in page.text
    )
    assert ["Invoice of 2025-12, services included", "$73.25"] in page.rows
    assert not any(row[:1] == ["Plans"] for row in page.rows)


@pytest.mark.usefixtures("undrawn")
def test_a_bill_for_a_part_of_a_month_says_so(run: Run) -> None:
    days = {"2025-12": CoveredDays("2025-12-01", "2025-12-14")}
    bill = ActualBill("b.csv", "FOCUS", 1, (charge("AWS WAF", "40"),), (), days)
    found = variance(run, bill)
    (month,) = found.months
    page = Page(html_of(run, found))
    assert "The bill covers 2025-12-01 to 2025-12-14." in page.text
    assert f"{usd(month.forecast_usd)} of the month's {usd(month.forecast_month_usd)}" in page.text
    assert f"than the forecast of {usd(month.forecast_usd)} for the same days." in page.text
    assert "Actual services, 2025-12-01 to 2025-12-14" in page.text
    whole = replace(bill, covered={"2025-12": CoveredDays("2025-12-01", "2025-12-31")})
    text = Page(html_of(run, variance(run, whole))).text
    assert "for the same days" not in text
    assert "does not say until when" not in text
    unsaid = Page(html_of(run, variance(run, replace(bill, covered={})))).text
    assert "The bill does not say until when its rows charge" in unsaid


def test_several_months_are_shown_month_by_month(run: Run, page: Page) -> None:
    months = {
        month: sum((found.billed_cost for found in run.charges if found.billing_period == month), Decimal(0))
        for month in run.months
    }
    assert ["Total", *map(usd, months.values()), "$1,935.75"] in page.rows
    assert f"The dearest is 2025-12 with {usd(months['2025-12'])}" in page.text


@pytest.mark.usefixtures("undrawn")
def test_one_month_says_how_to_simulate_more_and_projects_stated_growth(one_month: Run) -> None:
    page = Page(html_of(one_month))
    assert "costmodel simulate SCENARIO.yaml --months 12 --seed 7 --save RUN.json" in page.text
    # 897.7135... grown by the middle of the stated 2 % to 8 %.
    whole = sum((charge.billed_cost for charge in one_month.charges), Decimal(0))
    assert ["2025-12", usd(whole * Decimal("1.05"))] in page.rows
    assert ["2026-02", usd(whole * Decimal("1.05") ** 3)] in page.rows


@pytest.mark.usefixtures("undrawn")
def test_no_growth_is_invented(one_month: Run) -> None:
    steady = {**one_month.scenario, "traffic": {"growth_per_month_ratio": 0.0}}
    assert "if every cost grew" not in html_of(replace(one_month, scenario=steady))


def test_names_are_only_ever_text(run: Run, compared: Variance) -> None:
    hostile = replace(
        run,
        scenario_name=HOSTILE,
        headline=HOSTILE,
        region_id=HOSTILE,
        charges=tuple(replace(charge, service_name=HOSTILE) for charge in run.charges),
        daily_cost_usd={HOSTILE: run.daily_cost_usd["AWS WAF"]},
    )
    row = replace(compared.months[0].rows[0], service_name=HOSTILE)
    found = replace(compared, source=HOSTILE, months=(replace(compared.months[0], rows=(row,)),))
    report = monthly_report(hostile, found)
    page = Page(report["index.html"].decode())
    assert "script" not in page.tags
    assert HOSTILE in page.text
    markdown = re.sub(r"```sh.*?```", "", report["report.md"].decode(), flags=re.DOTALL)
    assert "<script" not in markdown
    assert markdown.splitlines()[0].startswith(
        "# &lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; \\| \\`x\\`"
    )
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in tables}
    assert widths <= {3, 4, 5, 6, 7, 8}
    assert not re.search(r"^# &", markdown.split("\n", 1)[1], flags=re.MULTILINE)


@pytest.mark.usefixtures("undrawn")
def test_a_run_without_days_leaves_their_parts_out(run: Run) -> None:
    text = Page(html_of(replace(run, daily_cost_usd={}, daily_load={}))).text
    assert "Bill by service" in text
    assert "by day" not in text


def test_a_name_in_any_script_is_drawn_without_warning(run: Run) -> None:
    named = replace(run, daily_cost_usd={"家具 😀 \x01": run.daily_cost_usd["AWS WAF"]})
    assert "家具 😀" in html_of(named)


def test_same_input_gives_same_bytes(run: Run, compared: Variance, report: dict[str, bytes]) -> None:
    assert monthly_report(run, compared) == report


def test_seven_series_are_drawn_and_the_rest_as_other(page: Page) -> None:
    columns = next(row for row in page.rows if row[0] == "Day")
    assert len(columns) == 9
    assert columns[1] == "Amazon CloudFront"
    assert columns[-2:] == ["Other services", "Total USD"]


@pytest.mark.usefixtures("undrawn")
def test_a_run_without_rivals_rejections_or_defaults(run: Run) -> None:
    bare = replace(
        run, alternatives=(), comparisons=(), rejections=(), drivers=(), assumptions=(), first_view_ms={}
    )
    page = Page(html_of(bare))
    assert "What moves the bill most" not in page.text
    assert "0 inputs are defaults" in page.text


@pytest.mark.usefixtures("undrawn")
def test_long_lists_say_what_they_leave_out(run: Run) -> None:
    html = html_of(replace(run, alternatives=run.alternatives[:1] * 11, rejections=run.rejections[:1] * 30))
    assert "3 dearer combinations are in the saved run" in html
    assert "5 more are in the saved run, under rejections" in html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sofa & Lamp", "sofa-lamp"),
        ("../../etc/passwd", "etc-passwd"),
        ("Möbelhaus Süd", "mobelhaus-sud"),
        ("家具", "scenario"),
        ("", "scenario"),
        ("x" * 200, "x" * 60),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_folder_is_named_after_scenario_and_month(run: Run) -> None:
    assert report_folder(run) == "sofa-lamp-2025-11"


@pytest.mark.usefixtures("undrawn")
def test_the_real_focus_sample(run: Run, bills: Path) -> None:
    page = Page(html_of(run, variance(run, read_bill(bills / "focus_1_0_sample.csv"))))
    assert ["Credit", "-$2.61"] in page.rows
    assert ["Invoice of 2024-09, services included", "$18.01"] in page.rows


def test_a_simulated_run(example_run: Run) -> None:
    page = Page(html_of(example_run))
    whole = sum((charge.billed_cost for charge in example_run.charges), Decimal(0))
    assert ["Total", usd(whole), ""] in page.rows
    assert example_run.headline in page.text
