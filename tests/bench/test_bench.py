"""Measurements, taken with `make bench`. Nothing here passes or fails on time.

Figures that matter are ratios taken in one run; they stand in `extra_info` of the saved results and
are printed at the end.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from costmodel.billing.rate import bill
from costmodel.decision.candidate import combine
from costmodel.decision.pricer import platform_usages
from costmodel.decision.search import search, simulate_all
from costmodel.decision.simulate import simulate
from costmodel.demand.synthesise import synthesise
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.scenario.examples import find
from costmodel.scenario.load import load, validate

Record = Callable[..., None]
PYTHON = sys.executable
CLI = [PYTHON, "-c", "from costmodel.cli.app import main; main()"]


def wall_s(words: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - start


def test_help_against_importing_typer(benchmark: BenchmarkFixture, ratio: Record) -> None:
    pairs = [(wall_s([*CLI, "--help"]), wall_s([PYTHON, "-c", "import typer"])) for _ in range(11)]
    found = median(ours / theirs for ours, theirs in pairs)
    ratio(
        "`costmodel --help` / `python -c 'import typer'`",
        found,
        2.5,
        "wall-clock, cold processes",
        at_most=True,
    )
    benchmark.pedantic(wall_s, args=([*CLI, "--help"],), rounds=3)


def test_steady_shop_from_a_cold_process(benchmark: BenchmarkFixture, ratio: Record, tmp_path: Path) -> None:
    """Goal: under 3 s warm on two cores, at least 200 candidates, peak memory under 1 GiB."""
    saved = tmp_path / "run.json"
    words = [*CLI, "simulate", "steady-furniture-shop", "--save", str(saved)]
    benchmark.pedantic(wall_s, args=(words,), warmup_rounds=1)
    rounds_s = [wall_s(words) for _ in range(7)]
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    candidates = json.loads(saved.read_text())["counts"]["considered"]
    ratio(
        "`costmodel simulate steady-furniture-shop`",
        median(rounds_s),
        3,
        f"wall-clock of whole processes, {min(rounds_s):.2f} s the best; {candidates:,} candidates, at most {peak_mib} MiB",
        at_most=True,
        unit="s",
    )


def test_demand_of_a_month(benchmark: BenchmarkFixture) -> None:
    scenario = load(find("steady-furniture-shop"))
    benchmark(synthesise, scenario)


def test_designs_of_a_month(benchmark: BenchmarkFixture) -> None:
    scenario = load(find("steady-furniture-shop"))
    demand = synthesise(scenario)
    simulated = benchmark(simulate_all, scenario, demand)
    benchmark.extra_info["designs"] = sum(map(len, simulated.values()))


def test_search_of_a_month(benchmark: BenchmarkFixture) -> None:
    scenario = load(find("steady-furniture-shop"))
    demand = synthesise(scenario)
    found = benchmark(search, scenario, demand, PriceBook.shipped())
    benchmark.extra_info["candidates"] = found.considered


def test_bill_of_a_candidate(benchmark: BenchmarkFixture) -> None:
    scenario = load(find("steady-furniture-shop"))
    demand = synthesise(scenario)
    candidate = next(combine(simulate_all(scenario, demand)))
    usages = candidate.usages + platform_usages(scenario, demand, candidate.footprint)
    book = PriceBook.shipped()
    benchmark(bill, usages, book, free_tier=True)
    benchmark.extra_info["meters"] = len(usages)


def test_opening_the_book_and_200_prices(benchmark: BenchmarkFixture) -> None:
    names = [
        price.query.usage_type for price in PriceBook.shipped().search("BoxUsage", "eu-west-1", "AmazonEC2")
    ][:200]
    queries = [PriceQuery("AmazonEC2", "eu-west-1", name) for name in names]

    def look_up() -> None:
        book = PriceBook.shipped()
        for query in queries:
            book.price(query)

    benchmark(look_up)
    benchmark.extra_info["prices"] = len(queries)


COLD_LOOK_UP = """
import json, sys, time
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery
from costmodel.shipped import shipped
words = json.load(open(sys.argv[2]))
queries = [PriceQuery(*word[:3], tuple(map(tuple, word[3])), word[4]) for word in words]
start = time.perf_counter()
book = PriceBook.shipped() if sys.argv[1] == "index" else PriceBook(shipped("pricing_cache"))
for query in queries:
    book.price(query)
print((time.perf_counter() - start) * 1000)
"""


@pytest.mark.parametrize("places", ["one region", "all regions", "all regions, reserved too"])
def test_the_book_and_200_prices_from_a_cold_process(
    benchmark: BenchmarkFixture, ratio: Record, tmp_path: Path, places: str
) -> None:
    kinds = ("prices", "reserved") if "reserved" in places else ("prices",)
    region_id = "eu-west-1" if places == "one region" else None
    prices = list(PriceBook.shipped().prices(region_id, kinds=kinds))
    chosen = [prices[place * len(prices) // 200].query for place in range(200)]
    words = [
        (query.service_code, query.region_id, query.usage_type, query.attributes, query.term)
        for query in chosen
    ]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps(words))

    def look_up_ms(route: str) -> float:
        command = [PYTHON, "-c", COLD_LOOK_UP, route, str(file)]
        return float(subprocess.run(command, check=True, capture_output=True).stdout)

    look_up_ms("index")  # builds it
    pairs = [(look_up_ms("index"), look_up_ms("files")) for _ in range(9)]
    index_ms, files_ms = (median(column) for column in zip(*pairs, strict=True))
    ratio(
        f"opening the price book and 200 look-ups, {places}",
        index_ms,
        10,
        f"wall-clock from a cold process, after imports, by the index; by the files {files_ms:.0f} ms",
        at_most=True,
        unit="ms",
    )
    benchmark.pedantic(look_up_ms, args=("index",), rounds=3)


@pytest.mark.parametrize(
    ("file", "start", "months"),
    [("worldcup98_1min.csv", "2026-05", 2), ("aws_elb_requests_5min.csv", "2026-04", 1)],
)
def test_a_real_trace_through_the_whole_line(
    benchmark: BenchmarkFixture, traces: Path, file: str, start: str, months: int
) -> None:
    scenario = validate(
        {
            "name": file,
            "region": "us-east-1",
            "start": start,
            "months": months,
            "traffic": {
                "monthly_visitors": {"united_states": 500_000, "europe": 300_000},
                "trace": {"file": str(traces / file)},
            },
        },
        file,
    )
    run = benchmark.pedantic(simulate, args=(scenario, PriceBook.shipped()), rounds=1, warmup_rounds=1)
    benchmark.extra_info["monthly_usd"] = str(round(run.monthly_usd, 2))
    benchmark.extra_info["candidates"] = run.counts.considered
