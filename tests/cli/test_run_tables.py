"""A result as text: it fits 80 and 120 columns, nothing is cut, and its figures are the run's."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from rich.cells import cell_len

from costmodel.cli.console import Format
from costmodel.cli.simulate import show
from costmodel.decision.recommend import dollars
from costmodel.decision.run import Comparison, Driver, Option, RejectionNote, Run
from costmodel.decision.simulate import simulate
from costmodel.pricing.book import PriceBook
from costmodel.scenario.examples import find
from costmodel.scenario.load import changed, load

WIDTHS = [80, 120]
MONTHS = {"small-shop": 2, "fashion-flash-sale": 1}
SECTIONS = [
    "Monthly bill by service",
    "Five requirements",
    "Side by side",
    "Runners-up",
    "Rejected",
    "The finalists in",
    "What moves the bill most",
]


@cache
def simulated(name: str) -> Run:
    return simulate(load(find(name), {"months": MONTHS[name]}), PriceBook.shipped())


def rendered(run: Run, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    show(run, Format.TABLE)
    return str(capsys.readouterr().out)


def section(text: str, title: str) -> list[str]:
    """Lines of one table, from its title to the blank line that ends it; blank rows in it are kept."""
    lines = text[text.index(title) :].splitlines()
    ends = [place for place, line in enumerate(lines) if any(line.startswith(other) for other in SECTIONS)]
    return lines[: ends[1] - 1 if len(ends) > 1 else -1]


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", MONTHS)
def test_a_result_fits_the_terminal(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    text = rendered(simulated(name), columns, monkeypatch, capsys)
    assert max(cell_len(line) for line in text.splitlines()) == columns
    assert "…" not in text
    assert "e+" not in text
    places = [text.index(title) for title in SECTIONS]
    assert places == sorted(places)
    for title in SECTIONS:
        assert text[: text.index(title)].splitlines()[-1].strip() == "", f"no blank line above {title}"


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_recommendation_comes_first_and_whole(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = simulated("fashion-flash-sale")
    lines = rendered(run, columns, monkeypatch, capsys).splitlines()
    assert "Fashion flash sale · us-east-1 · 2026-11" in lines[0]
    bottom = next(place for place, line in enumerate(lines) if line.startswith("╰"))
    assert words(" ".join(line.strip("│ ") for line in lines[1:bottom])) == run.headline
    spread = run.cost_range
    assert (
        f"80 % of {spread.draws} draws between {dollars(spread.p10_usd)} and {dollars(spread.p90_usd)}"
        in run.headline
    )


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_bill_is_in_dollars_with_cents_flush_right(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = simulated("small-shop")
    text = rendered(run, columns, monkeypatch, capsys)
    title, header, *rows = section(text, "Monthly bill by service")
    assert title.rstrip() == "Monthly bill by service, mean of 2 months"
    assert header.split() == ["Service", "USD", "a", "month", "Share"]
    total = rows[-1]
    assert total.split() == ["Total", dollars(run.monthly_usd)]
    ends = {row.index(".") for row in rows}
    assert len(ends) == 1, "decimal points stand below one another"
    shown = [Decimal(row.split("$")[1].split()[0].replace(",", "")) for row in rows]
    assert shown[:-1] == sorted(shown[:-1], reverse=True)
    assert abs(sum(shown[:-1]) - shown[-1]) <= Decimal("0.01") * len(rows)


@pytest.mark.parametrize("columns", WIDTHS)
def test_every_kind_stands_beside_the_others(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = simulated("small-shop")
    table = section(rendered(run, columns, monkeypatch, capsys), "Side by side")
    for row in run.comparisons:
        (line,) = [line for line in table if line.startswith(row.kind.replace("_", " ") + "  ")]
        assert row.effective_monthly_usd is not None
        assert dollars(row.effective_monthly_usd) in line
        assert line.rstrip().endswith("recommended" if row.why == "recommended" else "%)")
    assert sum(line.strip() == "" for line in table[:-1]) == 2, "a blank line between the three roles"


def test_a_kind_that_fits_nowhere_says_why(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    none = Comparison(
        "database", "rds", "", None, "RDS db.t4g.micro: unavailability is 219, allowed 87.6 minutes a month"
    )
    run = replace(simulated("small-shop"), comparisons=(none,))
    table = section(rendered(run, 80, monkeypatch, capsys), "Side by side")
    assert words(" ".join(table[2:])) == f"rds none: {none.why}"


def test_a_runner_up_shows_only_what_differs(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run = simulated("small-shop")
    other = replace(
        run.chosen,
        database="Some database",
        delivery="Some delivery",
        monthly_usd=run.monthly_usd * 2,
        effective_monthly_usd=run.monthly_usd * 2,
    )
    balanced = replace(run.chosen, load_balancer="Some balancer", api_p99_ms=1234.4)
    text = rendered(replace(run, alternatives=(other, balanced)), 120, monkeypatch, capsys)
    first, second = section(text, "Runners-up")[2:4]
    assert first.startswith("Some database + Some delivery ")
    assert first.rstrip().endswith(f"{dollars(run.monthly_usd)} (100%)")
    assert second.startswith("Some balancer ")
    assert " 1,234 " in second


def test_runners_up_beyond_the_first_are_counted(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run = simulated("small-shop")
    assert len(run.alternatives) > 6
    text = rendered(run, 120, monkeypatch, capsys)
    assert f"and {len(run.alternatives) - 6} more: --format json has all" in "\n".join(
        section(text, "Runners-up")
    )


def test_similar_rejections_are_one_row_with_the_nearest_miss(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    notes = (
        RejectionNote(
            "Plan A", ("flat_rate",), "plan requests", 107_604_593.0925, 1_000_000, "requests a month", 10
        ),
        RejectionNote(
            "Plan B", ("flat_rate",), "plan requests", 107_604_593.0925, 10_000_000, "requests a month", 20
        ),
        RejectionNote("Engine A", ("rds",), "recovery time", 60.0, 15.0, "minutes", 5),
        RejectionNote("Engine B", ("aurora",), "recovery time", 16.25, 15.0, "minutes", 4),
        RejectionNote("Type A", ("ec2",), "credits borrowed", 5148.2, 0.0, "credits", 3),
        RejectionNote("Type B", ("ec2",), "credits borrowed", 0.000012, 0.0, "credits", 2),
    )
    text = rendered(replace(simulated("small-shop"), rejections=notes), 120, monkeypatch, capsys)
    rows = [words(line) for line in section(text, "Rejected")[2:] if line.strip()]
    assert rows == [
        "plan requests, requests a month Plan B 107,604,593 10,000,000 2",
        "recovery time, minutes Engine A 60 15 1",
        "credits borrowed, credits Type B 0.000012 0 2",
        "recovery time, minutes Engine B 16.25 15 1",
    ]


def test_whole_candidates_that_break_one_limit_are_one_row(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    kinds = ("lambda", "aurora", "flat_rate", "no_rendering")
    notes = tuple(
        RejectionNote(
            ", ".join((compute, *kinds[1:])), (compute, *kinds[1:]), "monthly budget", usd, 90.0, "USD", 7
        )
        for compute, usd in (("ec2", 200.0), ("lambda", 100.0))
    )
    text = rendered(replace(simulated("small-shop"), rejections=notes), 100, monkeypatch, capsys)
    rows = [words(line) for line in section(text, "Rejected")[2:] if line.strip()]
    assert rows == ["monthly budget, USD lambda, aurora, flat_rate, no_rendering 100 90 2"]


def test_long_names_and_huge_sums_still_fit(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run = simulated("small-shop")
    long = "a design with a very long label that goes on and on, zone by zone, class by class"
    option: Option = replace(
        run.chosen, compute=long, database=long, delivery=long, monthly_usd=Decimal("12345678.905")
    )
    big = replace(
        run,
        chosen=option,
        alternatives=(replace(option, compute="other"),),
        comparisons=(Comparison("compute", "ec2", long, option.monthly_usd, "costs more"),),
        drivers=(Driver("traffic.monthly_visitors.europe", 1.0, 98_765_432.1, 0.5, 1.0, 0, 0),),
    )
    text = rendered(big, 80, monkeypatch, capsys)
    assert max(cell_len(line) for line in text.splitlines()) == 80
    assert "$12,345,678.91" in text
    assert "$98,765,432.10" in text


def test_brackets_in_a_name_are_kept(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run = replace(simulated("small-shop"), scenario_name="[/b] [red]shop", headline="Run [/x] :smile:")
    text = rendered(run, 80, monkeypatch, capsys)
    assert "[/b] [red]shop" in text
    assert "Run [/x] :smile:" in text


def test_the_last_lines_count_candidates_prices_and_defaults(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = simulated("small-shop")
    text = words(rendered(run, 80, monkeypatch, capsys))
    counts = run.counts
    assert f"{counts.considered:,} candidates: {counts.rejected:,} break an objective" in text
    assert f"(book {run.price_book.digest[:12]}), list prices, without tax." in text
    assert text.endswith(
        f"{len(run.assumptions)} defaults in force: --format json lists them under assumptions. Seed 1."
    )


def test_an_empty_run_of_no_cost_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run = simulated("small-shop")
    free = replace(
        run,
        charges=(),
        chosen=replace(run.chosen, monthly_usd=Decimal(0)),
        alternatives=(),
        rejections=(),
        drivers=(),
        finalists=(),
    )
    text = rendered(free, 80, monkeypatch, capsys)
    assert [line.split() for line in section(text, "Monthly bill by service")[2:]] == [["Total", "$0.00"]]
    assert not any(title in text for title in SECTIONS[3:])


def test_with_a_budget_it_is_said_how_often_the_draws_break_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = simulated("small-shop")

    def told(breach_ratio: float | None) -> str:
        known = replace(run.cost_range, budget_breach_ratio=breach_ratio)
        return rendered(replace(run, cost_range=known), 80, monkeypatch, capsys)

    box, _, below = told(0.26).partition("╯\n")
    assert "draws between" in words(box), "the range"
    assert below.startswith("The budget is exceeded in 26% of the draws.")
    assert "The budget is exceeded" not in told(None)


def test_few_draws_are_counted_where_a_finalist_was_tried_no_further(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = simulated("small-shop")
    chosen = next(note for note in run.finalists if note.chosen)
    few = replace(chosen, draws=4, regret_usd=None, best_ratio=0.0, holds_ratio=0.25, chosen=False)
    text = rendered(replace(run, finalists=(chosen, few)), 120, monkeypatch, capsys)
    whole, counted = section(text, "The finalists in")[2:]
    assert whole.rstrip().endswith(f" {chosen.holds_ratio:.0%}")
    assert counted.split()[-7:] == ["0", "of", "4", "far", "1", "of", "4"]


def test_the_words_of_a_result_read_as_english() -> None:
    run = simulated("small-shop")
    assert re.search(
        r'in the others the first limit to break is "[^"]+", and what it cannot serve', run.headline
    )
    notes = {requirement.name: requirement.summary for requirement in run.requirements}
    assert re.search(
        r"(compute gives way before the database|the database gives way before compute), at",
        notes["scalability"],
    )
    assert "1 customer-managed key," in notes["security"]


def test_a_shop_without_api_calls_is_told_no_time_of_them() -> None:
    scenario = changed(load(find("small-shop")), {"api.calls_per_page_view": 0})
    assert "API calls take" not in simulate(scenario, PriceBook.shipped(), draws=2).headline
    assert "API calls take" in simulated("small-shop").headline


def test_the_front_says_what_it_is(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    text = rendered(simulated("small-shop"), 80, monkeypatch, capsys)
    assert "Worth choosing: what gains in one column loses in another" in text
    assert "both regions counted" not in text


def test_members_of_the_front_say_what_stands_ready_where_that_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = simulated("small-shop")
    standby = replace(run.front[0], strategy="warm_standby")
    text = rendered(replace(run, front=(run.front[0], standby)), 120, monkeypatch, capsys)
    assert "loses in another, both regions counted" in text
    assert re.search(r"as recommended +\$", text)
    assert re.search(r"warm standby +\$", text)
