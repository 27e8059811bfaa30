"""`--rates`: own rates on the command line, from the file to tables, JSON, saved run and report."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel.decision.run import Run, read_run

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
RATES = EXAMPLES / "rates.yaml"
USAGE = EXAMPLES / "usage.yaml"
D = Decimal


def rates_file(folder: Path, *discounts: str, more: str = "") -> Path:
    file = folder / "rates.yaml"
    listed = "".join(f"  - {{{discount}}}\n" for discount in discounts)
    file.write_text(f"name: Agreement A\n{more}\ndiscounts:\n{listed}")
    return file


@pytest.fixture(scope="module")
def discounted(cli: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Run, Path]:
    """The small shop at 10 % off its load balancer, with euros."""
    folder = tmp_path_factory.mktemp("discounted")
    rates = rates_file(
        folder,
        "service: AWSELB, percent: 10",
        "service: AmazonRDS, percent: 1",
        more="currency: {code: EUR, per_usd: 0.5, date: 2026-11-02, source: a bank}",
    )
    outcome = cli("simulate", "small-shop", "--rates", rates, "--save", folder / "run.json", columns=120)
    assert outcome.code == 0, outcome.err
    return outcome, read_run(folder / "run.json"), folder / "run.json"


def test_usage_is_priced_at_own_rates(cli: Any) -> None:
    """EC2 131.04 x 0.88; RDS 99.36 x 0.925; S3 5.75 x 0.96; CloudFront 4 096 x 0.06 + 9 216 x 0.045; Lambda's paid
    850 000 GB-s x 0.0000133334 x 0.9; the rest as listed, DynamoDB at the usage file's own rate; the metered pictures
    24.4140625 GB x 0.004 x 0.96 and database 9 h x 0.069 x 0.925."""
    outcome = cli("price", USAGE, "--rates", RATES, "--format", "json")
    assert outcome.code == 0
    document = json.loads(outcome.out)
    assert [D(line["billed_cost"]) for line in document["lines"]] == [
        D("131.04") * D("0.88"), D("18.144"), D("7.492"), D("99.36") * D("0.925"), D("5.52"),
        4096 * D("0.06") + 9216 * D("0.045"), 850000 * D("0.0000133334") * D("0.9"), D("0.8"), D("35"),
        D("24.4140625") * D("0.004") * D("0.96"), 9 * D("0.069") * D("0.925"),
    ]  # fmt: skip
    at_list = json.loads(cli("price", USAGE, "--format", "json").out)
    assert document["list_cost"] == at_list["billed_cost"] == at_list["list_cost"]
    assert at_list["own_rates"] is None
    assert document["own_rates"]["name"] == "Example agreement 2026"
    assert document["own_rates"]["currency"] == {
        "code": "EUR", "per_usd": "0.92", "date": "2026-11-02", "source": "example rate",
    }  # fmt: skip
    assert document["converted"] == {
        "currency": "EUR",
        "list_cost": f"{(D(document['list_cost']) * D('0.92')).normalize():f}",
        "billed_cost": f"{(D(document['billed_cost']) * D('0.92')).normalize():f}",
    }
    assert at_list["converted"] is None
    assert "Note: AmazonEC2: 5 % off applies to nothing: a more exact rate covers every line" in outcome.err


def test_an_exchange_rate_of_a_day_to_come_is_refused(cli: Any, tmp_path: Path) -> None:
    def dated(day: str) -> Any:
        more = f"currency: {{code: EUR, per_usd: 0.9, date: {day}, source: a bank}}"
        rates = rates_file(tmp_path, "service: AmazonEC2, percent: 5", more=more)
        return cli("price", USAGE, "--rates", rates, today=date(2026, 11, 20))

    assert dated("2026-11-21").code == 0  # there is a place where it is that day
    refused = dated("2099-01-01")
    assert refused.code == 1
    told = " ".join(refused.err.split())
    assert "currency.date: must not be after today, 2026-11-20: nobody has published that rate yet" in told


def test_the_price_table_shows_list_discount_and_cost_and_cuts_no_number(cli: Any) -> None:
    """1 420.68 at list, 475.15 off, 945.53 to pay; x 0.92 = 869.89."""
    lines = [line.split() for line in cli("price", USAGE, "--rates", RATES, columns=80).out.splitlines()]
    assert ["Total", "1,420.68", "475.15", "945.53"] in lines
    assert ["In", "EUR", "869.89"] in lines
    assert ["from", "5,120", "5,120", "0.045", "435.20", "204.80", "230.40"] in lines
    assert ["from", "100,000,000", "200,000,000", "0.00000011", "22.00", "0.00", "22.00"] in lines
    units = {word for line in lines for word in line[2:3]}
    assert {"Hours", "GB-Months", "GB-Seconds", "LCU-Hours"} <= units, "units are broken between words alone"
    assert lines[-1] == ["EUR", "at", "0.92", "a", "dollar:", "example", "rate,", "2026-11-02."]


def test_a_run_records_its_rates(discounted: tuple[Any, Run, Path]) -> None:
    _, run, file = discounted
    note = run.own_rates
    assert note is not None
    assert (note.name, len(note.digest)) == ("Agreement A", 64)
    assert note.list_cost == sum(charge.list_cost for charge in run.charges)
    assert note.contracted_cost == sum(charge.billed_cost for charge in run.charges) == run.monthly_usd
    elb = sum(charge.list_cost for charge in run.charges if charge.service_name == "Elastic Load Balancing")
    assert note.list_cost - note.contracted_cost == elb * D("0.1") > 1
    assert note.unused == ("AmazonRDS: 1 % off",)
    assert note.currency is not None
    assert (note.currency.code, note.currency.per_usd, note.currency.day) == ("EUR", D("0.5"), "2026-11-02")
    assert json.loads(file.read_bytes())["own_rates"]["currency"]["source"] == "a bank"
    assert {charge.x_rate_name for charge in run.charges} == {"", "AWSELB: 10 % off"}


def test_the_result_shows_list_discount_cost_and_currency(
    discounted: tuple[Any, Run, Path], small_shop: Any
) -> None:
    outcome, run, _ = discounted
    assert "AmazonRDS: 1 % off matches no charge of the recommendation" in outcome.err
    assert run.own_rates is not None
    listed, paid = run.own_rates.list_cost, run.own_rates.contracted_cost
    lines = [line.split() for line in outcome.out.splitlines()]
    assert ["Total", f"${listed:,.2f}", f"${listed - paid:,.2f}", f"${paid:,.2f}"] in lines
    assert ["In", "EUR", f"{paid / 2:,.2f}"] in lines
    footer = " ".join(outcome.out.split())
    assert f"Own rates Agreement A (file {run.own_rates.digest[:12]})" in footer
    assert "EUR at 0.5 a dollar: a bank, 2026-11-02." in footer
    assert "a month at own rates (80 %" in run.headline
    assert "own rates" not in small_shop.outcome.out
    assert small_shop.run.own_rates is None


def test_the_report_states_the_same(cli: Any, discounted: tuple[Any, Run, Path], tmp_path: Path) -> None:
    _, run, file = discounted
    assert cli("report", "monthly", file, "-o", tmp_path).code == 0
    (markdown,) = tmp_path.rglob("report.md")
    (html,) = tmp_path.rglob("index.html")
    assert run.own_rates is not None
    listed, paid = run.own_rates.list_cost, run.own_rates.contracted_cost
    for text in (markdown.read_text(), html.read_text()):
        assert f"Own rates Agreement A: ${listed - paid:,.2f} off ${listed:,.2f} at list prices" in text
        assert f"The total is EUR {paid / 2:,.2f}, at 0.5 a dollar (a bank, 2026-11-02)" in text
        assert "--rates RATES.yaml --save RUN.json" in text
    assert (
        f"| **Total** | **${listed:,.2f}** | **${listed - paid:,.2f}** | **${paid:,.2f}** |"
        in markdown.read_text()
    )


def test_a_changed_amount_in_a_saved_run_is_refused(
    cli: Any, discounted: tuple[Any, Run, Path], tmp_path: Path
) -> None:
    tree = json.loads(discounted[2].read_bytes())
    tree["own_rates"]["currency"]["per_usd"] = "1e999"
    broken = tmp_path / "run.json"
    broken.write_text(json.dumps(tree))
    outcome = cli("report", "monthly", broken, "-o", tmp_path)
    assert outcome.code == 1
    assert "own_rates.currency.per_usd: must be a plain amount" in outcome.err


@pytest.mark.parametrize("command", [["price", USAGE], ["simulate", "small-shop"]], ids=["price", "simulate"])
def test_a_faulty_file_is_refused_with_every_fault(
    cli: Any, no_simulation: list[Any], tmp_path: Path, command: list[Any]
) -> None:
    file = rates_file(tmp_path, "service: AmazonEC2, percent: 500", "service: AmazonEC2")
    outcome = cli(*command, "--rates", file)
    assert (outcome.code, outcome.out, no_simulation) == (1, "", [])
    assert outcome.err.startswith(
        f"Error: {file}: 2 faults\n  - discounts.0.percent (line 4): must be from 0 to 100"
    )
    assert "docs/examples/rates.yaml" in outcome.err
    assert "no such file" in cli(*command, "--rates", tmp_path / "gone.yaml").err


def test_a_rate_of_other_months_is_told_apart_from_a_misspelt_one(cli: Any, tmp_path: Path) -> None:
    rates = rates_file(
        tmp_path, "service: AmazonEC2, percent: 5, until: 2026-10-31", "service: AmazonEC3, percent: 5"
    )
    outcome = cli("price", USAGE, "--rates", rates, columns=200)
    assert outcome.err.splitlines() == [
        "Note: AmazonEC2: 5 % off until 2026-10-31 does not hold in 2026-11: its months are others.",
        "Note: AmazonEC3: 5 % off matches no usage line. Is its service, meter or region misspelt?",
    ]


def test_an_own_price_that_fits_several_list_prices_is_told(cli: Any, tmp_path: Path) -> None:
    rates = rates_file(tmp_path, "service: AWSELB, usage_type: LCUUsage, unit: LCU-Hrs, price: 0.001")
    outcome = cli("price", USAGE, "--rates", rates, columns=400)
    assert outcome.code == 1
    assert "attributes: {load_balancer: application}" in outcome.err


def test_an_own_price_in_another_unit_is_told(cli: Any, tmp_path: Path) -> None:
    file = rates_file(tmp_path, "service: AWSELB, usage_type: LoadBalancerUsage, unit: GB, price: 1")
    for command in (["price", USAGE], ["simulate", "small-shop"]):
        outcome = cli(*command, "--rates", file)
        assert (outcome.code, outcome.out) == (1, "")
        assert "is per GB, but AWSELB" in outcome.err


TREE = yaml.safe_load(RATES.read_text())
STRANGE: list[Any] = [
    None, True, "", "x", "NaN", "-1", "1e400", "2026-11-31", "é" * 50, "\x1b[31m", -1, 0, 10**40, 0.5, 1e300, [], [[]], {},
    [1] * 30, {"from": 0, "price": 1}, "AmazonEC2", "percent",
]  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_rates_file_is_answered(cli: Any, tmp_path: Path, data: st.DataObject) -> None:
    tree = json.loads(json.dumps(TREE, default=str))
    for _ in range(data.draw(st.integers(1, 3))):
        rate = data.draw(
            st.sampled_from([tree, *(r for r in tree.get("discounts") or [{}] if isinstance(r, dict))])
        )
        key = data.draw(st.sampled_from(sorted(rate) or ["name"]))
        rate[key] = data.draw(st.sampled_from(STRANGE))
        if not isinstance(tree.get("discounts"), list):
            break
    file = tmp_path / "rates.yaml"
    file.write_text(json.dumps(tree))
    outcome = cli("price", USAGE, "--rates", file)
    assert outcome.code in (0, 1)
    assert "Traceback" not in outcome.err
    assert "fault in costmodel" not in outcome.err, outcome.err
    if outcome.code:
        assert outcome.out == ""
        assert "docs/examples/rates.yaml" in outcome.err or "own rate" in outcome.err


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    content=st.one_of(
        st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))
    )
)
def test_any_bytes_are_answered(cli: Any, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "rates.yaml"
    file.write_bytes(content)
    outcome = cli("price", USAGE, "--rates", file)
    assert (outcome.code, outcome.out) == (1, "")
    assert "fault in costmodel" not in outcome.err
