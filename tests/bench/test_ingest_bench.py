"""Reading a regional EC2 price list of 250 and 450 MB: our reader beside json.load and whole-file msgspec.

Every reading is a process of its own, and the contenders take turns; a ratio is of processor time, the median of
those found round by round, so that other work on the machine cancels. Rows are counted and summed up, not
held, so that the memory is the reader's. Nothing fails on time; the rows must be equal and our memory
must stay under its bound. Goals: at least 5 times as fast as json.load,
at most 1.4 times the time of whole-file msgspec, and under 110 MB at any size.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from aws import offer_generator

Record = Callable[..., None]
MOST_MEMORY_MIB = 110
ROUNDS = 5

WHAT_IS_WANTED = {
    "what the shop buys": {
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    },
    "everything in use": {"capacitystatus": "Used"},
}

READING = """
import json, sys, time, zlib
from pathlib import Path

path, reader, wanted = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])

def is_wanted(attributes):
    return all(attributes.get(name) == value for name, value in wanted.items())

def ours():
    from costmodel.pricing.bulk import read_offer
    offer = read_offer(path, lambda product: is_wanted(product.attributes))
    return (
        (offered.product.sku, kind, term.offer_term_code, *term.term_attributes.values(),
         rate.rate_code, rate.unit, rate.price_per_unit["USD"])
        for offered in offer for kind, terms in offered.terms.items() for term in terms
        for rate in term.price_dimensions.values()
    )

def json_load():
    with path.open("rb") as file:
        document = json.load(file)
    return (
        (sku, kind, term["offerTermCode"], *term["termAttributes"].values(),
         rate["rateCode"], rate["unit"], rate["pricePerUnit"]["USD"])
        for sku, product in document["products"].items() if is_wanted(product["attributes"])
        for kind in ("OnDemand", "Reserved") for term in document["terms"][kind].get(sku, {}).values()
        for rate in term["priceDimensions"].values()
    )

def msgspec_whole():
    import mmap, msgspec
    from costmodel.pricing.offer import Product, Term
    class Document(msgspec.Struct):
        products: dict[str, Product]
        terms: dict[str, dict[str, dict[str, Term]]]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        view = memoryview(content)
        document = msgspec.json.decode(view, type=Document)
        view.release()
    return (
        (sku, kind, term.offer_term_code, *term.term_attributes.values(),
         rate.rate_code, rate.unit, rate.price_per_unit["USD"])
        for sku, product in document.products.items() if is_wanted(product.attributes)
        for kind in ("OnDemand", "Reserved") for term in document.terms[kind].get(sku, {}).values()
        for rate in term.price_dimensions.values()
    )

# What a process took at most counts the one it was forked from: forget that first (Linux: proc(5), clear_refs).
Path("/proc/self/clear_refs").write_text("5")
start, wall = time.process_time(), time.perf_counter()
count = checksum = 0
for row in {"ours": ours, "json.load": json_load, "msgspec": msgspec_whole}[reader]():
    count += 1
    checksum = zlib.crc32("|".join(row).encode(), checksum)
seconds, wall = time.process_time() - start, time.perf_counter() - wall
peak_mib = next(
    int(line.split()[1]) / 1024 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")
)
print(json.dumps({"seconds": seconds, "wall_s": wall, "peak_mib": peak_mib, "rows": [count, checksum]}))
"""


def read(path: Path, reader: str, wanted: str) -> dict[str, Any]:
    words = [sys.executable, "-c", READING, str(path), reader, json.dumps(WHAT_IS_WANTED[wanted])]
    answer = subprocess.run(words, check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout))


@pytest.fixture(scope="module", params=[250, 450], ids=lambda size: f"{size} MB")
def price_list(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Deleted at once, not kept as pytest keeps its folders."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index.json"
        offer_generator.write_json(path, offer_generator.instance_types_for(request.param * 10**6))
        yield path


@pytest.mark.parametrize("wanted", list(WHAT_IS_WANTED))
def test_reading_a_regional_price_list(
    benchmark: BenchmarkFixture, ratio: Record, price_list: Path, wanted: str
) -> None:
    readers = ("ours", "json.load", "msgspec")
    rounds = [{reader: read(price_list, reader, wanted) for reader in readers} for _ in range(ROUNDS)]
    seconds, wall_s = (
        {reader: median(each[reader][clock] for each in rounds) for reader in readers}
        for clock in ("seconds", "wall_s")
    )

    def over_ours(reader: str) -> float:
        return median(each[reader]["seconds"] / each["ours"]["seconds"] for each in rounds)

    peaks_mib = {reader: max(each[reader]["peak_mib"] for each in rounds) for reader in readers}
    assert len({tuple(each[reader]["rows"]) for each in rounds for reader in readers}) == 1
    benchmark.extra_info.update(
        {
            "file_mb": round(price_list.stat().st_size / 1e6, 1),
            "rows": rounds[0]["ours"]["rows"][0],
            "cpu_s": {reader: round(took, 3) for reader, took in seconds.items()},
            "wall_s": {reader: round(took, 3) for reader, took in wall_s.items()},
            "peak_mib": {reader: round(peak) for reader, peak in peaks_mib.items()},
            "times_as_fast_as_json_load": round(over_ours("json.load"), 2),
            "time_over_msgspec_whole_file": round(1 / over_ours("msgspec"), 2),
        }
    )
    file_mb = price_list.stat().st_size / 1e6
    ratio(
        f"json.load / reading a price list of {file_mb:.0f} MB, {wanted}",
        over_ours("json.load"),
        5,
        f"processor time; {peaks_mib['ours']:.0f} MiB against {peaks_mib['json.load']:,.0f}, same rows",
    )
    ratio(
        f"reading a price list of {file_mb:.0f} MB, {wanted} / msgspec on the whole file",
        1 / over_ours("msgspec"),
        1.4,
        f"processor time; {peaks_mib['ours']:.0f} MiB against {peaks_mib['msgspec']:,.0f}, same rows",
        at_most=True,
    )
    assert peaks_mib["ours"] < MOST_MEMORY_MIB
    benchmark.pedantic(read, args=(price_list, "ours", wanted), rounds=1)
