"""Price list files in JSON: the same products as json.load, and a fault is never read over."""

from __future__ import annotations

import gzip
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws import offer_generator
from costmodel.errors import PriceFileCorrupt
from costmodel.pricing import bulk_json, bulk_store, unpacking
from costmodel.pricing.bulk import OfferCounts, read_offer
from costmodel.pricing.bulk_json import read_json
from costmodel.pricing.offer import OfferedProduct, Product

Document = dict[str, Any]

anything = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

HEAD = {
    "formatVersion": "v1.0",
    "disclaimer": "For information only.",
    "offerCode": "AmazonEC2",
    "version": "20261001000000",
    "publicationDate": "2026-10-01T00:00:00Z",
}


def everything(product: Product) -> bool:
    return True


def linux(product: Product) -> bool:
    """What the shop buys."""
    attributes = product.attributes
    wanted = {
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    return all(attributes.get(name) == value for name, value in wanted.items())


def rate(code: str, price: str, **more: Any) -> Document:
    return {"rateCode": code, "unit": "Hrs", "pricePerUnit": {"USD": price}, "appliesTo": [], **more}


def term(sku: str, code: str, *rates: Document, **form: str) -> Document:
    return {
        f"{sku}.{code}": {
            "offerTermCode": code,
            "sku": sku,
            "effectiveDate": "2026-10-01T00:00:00Z",
            "priceDimensions": {each["rateCode"]: each for each in rates},
            "termAttributes": form,
        }
    }


def product(sku: str, **attributes: str) -> Document:
    return {
        "sku": sku,
        "productFamily": "Compute Instance",
        "attributes": {"usagetype": f"Box:{sku}", **attributes},
    }


def offer(products: Iterable[Document], on_demand: Document, reserved: Document | None = None) -> Document:
    terms = {"OnDemand": on_demand, "Reserved": reserved or {}}
    return {
        **HEAD,
        "products": {each["sku"]: each for each in products},
        "terms": terms,
        "attributesList": {},
    }


SMALL = offer(
    [product("A1", tenancy="Shared"), product("B2", tenancy="Dedicated"), {"sku": "C3", "attributes": {}}],
    {
        "A1": term("A1", "J", rate("A1.J.1", "0.1", beginRange="0", endRange="10"), rate("A1.J.2", "0.05", beginRange="10", endRange="Inf")),
        "B2": term("B2", "J", rate("B2.J.1", "0.3", appliesTo=["A1"])),
    },
    {"A1": term("A1", "R", rate("A1.R.1", "505", unit="Quantity"), rate("A1.R.2", "0.02"), PurchaseOption="Partial Upfront")},
)  # fmt: skip


def as_aws(document: Document) -> str:
    """AWS's layout: two spaces, and a space before each colon too."""
    return json.dumps(document, indent=2, separators=(",", " : "))


def written(folder: Path, text: str | bytes, name: str = "index.json") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


Plain = tuple[str, str, Document, Document]


def from_json_load(
    document: Document, wanted: Callable[[Product], bool], kinds: Iterable[str]
) -> list[Plain]:
    """The same answer by plain dictionaries: SKU, family, attributes, terms as the wire writes them."""
    found = []
    for sku, wire in document["products"].items():
        if wanted(Product(sku, wire["attributes"], wire.get("productFamily", ""))):
            terms = {
                kind: {key: plain_term(each) for key, each in document["terms"][kind][sku].items()}
                for kind in kinds
                if sku in document["terms"].get(kind, {})
            }
            found.append((sku, wire.get("productFamily", ""), wire["attributes"], terms))
    return found


def plain_term(wire: Document) -> Document:
    fill = {"description": "", "beginRange": "0", "endRange": "Inf", "appliesTo": []}
    known = ("rateCode", "unit", "pricePerUnit", *fill)
    return {
        "code": wire["offerTermCode"],
        "date": wire.get("effectiveDate", ""),
        "form": wire.get("termAttributes", {}),
        "rates": {
            key: {name: {**fill, **each}[name] for name in known}
            for key, each in wire["priceDimensions"].items()
        },
    }


def plain(offered: OfferedProduct) -> Plain:
    terms = {
        kind: {
            f"{each.sku}.{each.offer_term_code}": {
                "code": each.offer_term_code,
                "date": each.effective_date,
                "form": each.term_attributes,
                "rates": {
                    key: {
                        "rateCode": one.rate_code,
                        "unit": one.unit,
                        "pricePerUnit": one.price_per_unit,
                        "description": one.description,
                        "beginRange": one.begin_range,
                        "endRange": one.end_range,
                        "appliesTo": one.applies_to,
                    }
                    for key, one in each.price_dimensions.items()
                },
            }
            for each in of_kind
        }
        for kind, of_kind in offered.terms.items()
    }
    return offered.product.sku, offered.product.product_family, offered.product.attributes, terms


def read(path: Path, wanted: Callable[[Product], bool] = everything, **options: Any) -> list[Plain]:
    return [plain(each) for each in read_offer(path, wanted, **options)]


ALL_KINDS = ("OnDemand", "Reserved", "FlatRate")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 6 MB of JSON."""
    path = tmp_path_factory.mktemp("offer") / "index.json"
    offer_generator.write_json(path, 16)
    return path


def test_the_edition_and_the_counts_are_told(tmp_path: Path) -> None:
    found = read_offer(
        written(tmp_path, as_aws(SMALL)), lambda each: each.attributes.get("tenancy") == "Shared"
    )
    assert (found.edition.service_code, found.edition.version) == ("AmazonEC2", "20261001000000")
    assert found.edition.as_of == "2026-10-01"
    assert found.counts == OfferCounts(products=3, kept=1, products_without_terms=1, terms_without_product=0)
    assert [each.edition for each in found] == [found.edition]


def test_a_file_of_another_edition_than_the_index_names_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, as_aws(SMALL))
    assert read_offer(path, everything, version="20261001000000").edition.version == "20261001000000"
    told = "version '20261001000000', and what led to the file names '20261002000000'"
    with pytest.raises(PriceFileCorrupt, match=told):
        read_offer(path, everything, version="20261002000000")


def test_terms_of_no_product_are_counted_and_left_out(tmp_path: Path) -> None:
    stray = {**SMALL["terms"]["OnDemand"], "Z9": term("Z9", "J", rate("Z9.J.1", "1"))}
    document = {**SMALL, "terms": {**SMALL["terms"], "OnDemand": stray}}
    found = read_offer(written(tmp_path, as_aws(document)), everything)
    assert found.counts.terms_without_product == 1
    assert [each.product.sku for each in found] == ["A1", "B2", "C3"]


def test_terms_of_several_kinds_of_no_product_are_one_sku(tmp_path: Path) -> None:
    """Each kind of term may name a SKU once, whether or not it has a product."""
    stray = term("Z9", "J", rate("Z9.J.1", "1"))
    terms = {kind: {**SMALL["terms"].get(kind, {}), "Z9": stray} for kind in ("OnDemand", "Reserved")}
    document = as_aws({**SMALL, "terms": terms})
    found = read_offer(written(tmp_path, document), everything)
    assert (found.counts.terms_without_product, list(found.store.without_product)) == (1, ["Z9"])
    reserved = document.index('"Z9" : {', document.index('"Reserved" : {'))
    again = document[:reserved] + document[reserved:].replace('"Z9" : {', '"Z9" : {}, "Z9" : {', 1)
    with pytest.raises(PriceFileCorrupt, match="Reserved terms of Z9 are listed twice"):
        read_offer(written(tmp_path, again), everything)


@pytest.mark.parametrize(
    ("lost", "needed", "told"),
    [
        (1, (), ""),
        (2, (), ""),
        (3, (), "SKUs with terms and no product: 3, such as Z0; products are missing"),
        (1, ("Z0",), "SKUs with terms and no product: 1, 1 of them needed, such as Z0; products are missing"),
    ],
)
def test_a_file_that_lost_products_is_refused(
    tmp_path: Path, lost: int, needed: tuple[str, ...], told: str
) -> None:
    """Two of 200 SKUs are one in a hundred, and pass; what the book needs does not."""
    skus = [f"A{place}" for place in range(200 - lost)]
    gone = [f"Z{place}" for place in range(lost)]
    terms = {sku: term(sku, "J", rate(f"{sku}.J.1", "1")) for sku in (*skus, *gone)}
    found = read_offer(
        written(tmp_path, as_aws(offer([product(sku) for sku in skus], terms, {}))), everything
    )
    if not told:
        found.refuse_lost(needed)
        return
    with pytest.raises(PriceFileCorrupt, match=told):
        found.refuse_lost(needed)


def test_only_the_kinds_asked_for_are_given(tmp_path: Path) -> None:
    path = written(tmp_path, as_aws(SMALL))
    assert {kind for each in read_offer(path, everything, ("Reserved",)) for kind in each.terms} == {
        "Reserved"
    }
    assert read(path) == from_json_load(SMALL, everything, ALL_KINDS)


def test_a_generated_file_reads_as_json_load_reads_it(generated: Path) -> None:
    document = json.loads(generated.read_bytes())
    for wanted in (linux, lambda each: each.attributes["capacitystatus"] == "Used", everything):
        assert read(generated, wanted) == from_json_load(document, wanted, ALL_KINDS)
    assert len(read(generated, linux)) == 16


def test_the_layout_of_aws_is_read_by_windows(generated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_: object) -> None:
        raise AssertionError("read entry by entry, many times slower")

    monkeypatch.setattr(bulk_json._Reading, "_one_by_one", slow)
    assert len(read(generated, linux)) == 16


def test_what_is_kept_moves_to_disk_when_there_is_much(
    generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(generated)
    monkeypatch.setattr(bulk_store, "MEMORY_BYTES", 1000)
    assert read(generated) == expected


def test_gzip_is_seen_whatever_the_name_says(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(as_aws(SMALL).encode()))
    assert read(path) == from_json_load(SMALL, everything, ALL_KINDS)


def test_a_compressed_file_on_disk_is_unpacked_within_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several members are one file; one that goes on and on is none."""
    text = as_aws(SMALL).encode()
    path = written(tmp_path, gzip.compress(text[:100]) + gzip.compress(text[100:]))
    assert read(path) == from_json_load(SMALL, everything, ALL_KINDS)
    monkeypatch.setattr(unpacking, "LARGEST_FILE_BYTES", len(text) - 1)
    with pytest.raises(PriceFileCorrupt, match=r"it unpacks to more than [0-9,]+ bytes"):
        read(path)


words = st.text(max_size=12)
skus = st.text("ABCDEFGHJKMNPQRSTUVWXYZ23456789", min_size=3, max_size=8)


@st.composite
def offers(draw: st.DrawFn) -> Document:
    """Offers in odd but lawful shapes: fields we do not know, any text, keys in any order."""
    extra = st.dictionaries(words, st.recursive(st.none() | st.booleans() | st.integers() | words, st.lists, max_leaves=3), max_size=2)  # fmt: skip

    def shuffled(document: Document) -> Document:
        return dict(draw(st.permutations(list(document.items()))))

    def with_more(document: Document) -> Document:
        return shuffled({**draw(extra), **document})

    known = draw(st.lists(skus, unique=True, max_size=5))
    products = {
        sku: with_more({"sku": sku, "attributes": draw(st.dictionaries(words, words, max_size=3))})
        for sku in known
    }
    terms: Document = {"OnDemand": {}, "Reserved": {}}
    for kind, of_kind in terms.items():
        for sku in draw(st.permutations(known)):
            if draw(st.booleans()):
                rates = [rate(f"{sku}.{kind[0]}.{i}", "0.5", description=draw(words)) for i in range(draw(st.integers(0, 2)))]  # fmt: skip
                (key, wire), = term(sku, kind[0], *map(with_more, rates)).items()  # fmt: skip
                of_kind[sku] = {key: with_more(wire)}
    tail = {name: value for name, value in draw(extra).items() if name not in {*HEAD, "products", "terms"}}
    first = shuffled(HEAD)
    return {**first, "products": products, "terms": shuffled(terms), **tail}


layouts = st.sampled_from(
    [
        {"indent": 2, "separators": (",", " : ")},
        {"indent": 2},
        {"indent": 1},
        {"indent": "\t"},
        {"indent": 4, "separators": (" ,", ":")},
        {"indent": None},
        {"indent": None, "separators": (",", ":")},
        {"indent": 0},
    ]
)


@anything
@given(
    document=offers(),
    layout=layouts,
    ascii_only=st.booleans(),
    window=st.integers(1, 300),
    crlf=st.booleans(),
)
def test_any_layout_and_window_give_the_products_of_json_load(
    tmp_path: Path, document: Document, layout: Document, ascii_only: bool, window: int, crlf: bool
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, **layout)
    if crlf and layout["indent"] is not None:
        text = text.replace("\n", "\r\n")
    path = written(tmp_path, text)
    found = read_json(lambda: path.open("rb"), path, everything, ALL_KINDS, window)
    in_one = read_json(lambda: path.open("rb"), path, everything, ALL_KINDS)
    assert found.head == {name: value for name, value in document.items() if isinstance(value, str)}
    assert [*found.store] == [*in_one.store]
    assert read(path) == from_json_load(document, everything, ALL_KINDS)
    assert found.store.products == len(document["products"])
    assert [len(records) for records in found.store] == [
        1 + sum(sku in of_kind for of_kind in document["terms"].values()) for sku in document["products"]
    ]


@pytest.mark.parametrize("layout", [{"indent": 2, "separators": (",", " : ")}, {"indent": None}])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, layout: Document) -> None:
    whole = json.dumps(SMALL, **layout).encode()
    for length in range(len(whole)):
        path = written(tmp_path, whole[:length])
        with pytest.raises(PriceFileCorrupt):
            read_offer(path, everything)


def test_a_large_file_cut_anywhere_is_refused(tmp_path: Path, generated: Path) -> None:
    whole = generated.read_bytes().rstrip()
    draw = random.Random(7)
    for length in [draw.randrange(len(whole)) for _ in range(12)] + [len(whole) - 1]:
        with pytest.raises(PriceFileCorrupt):
            read_offer(written(tmp_path, whole[:length]), linux)


def test_a_compressed_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(as_aws(SMALL).encode())
    for length in range(len(whole)):
        with pytest.raises(PriceFileCorrupt):
            read_offer(written(tmp_path, whole[:length]), everything)


def twice(text: str, name: str) -> str:
    """The text with one member of an object repeated."""
    start = text.index(f'"{name}" : {{')
    end = json.JSONDecoder().raw_decode(text, text.index("{", start))[1]
    return f"{text[:end]},\n    {text[start:end]}{text[end:]}"


AWS = as_aws(SMALL)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (as_aws({**SMALL, "formatVersion": "v2.0"}), "format version v2.0"),
        (as_aws({**SMALL, "offerCode": "AmazonRDS"}), "prices of AmazonRDS, not of AmazonEC2"),
        (as_aws({**SMALL, "version": "soon"}), "version 'soon'"),
        (as_aws({**SMALL, "publicationDate": "yesterday"}), "publication date 'yesterday'"),
        (as_aws({**SMALL, "publicationDate": "2026-09-29T23:59:59Z"}),
         "version '20261001000000' and publication date '2026-09-29T23:59:59Z' are of different days"),
        (as_aws({**SMALL, "version": "20991231000000"}), "are of different days"),
        (as_aws({key: value for key, value in SMALL.items() if key != "version"}), "no version"),
        (as_aws({key: value for key, value in SMALL.items() if key != "terms"}), "no terms in the file"),
        (as_aws({key: value for key, value in SMALL.items() if key != "products"}), "terms stand before products"),
        (as_aws({**HEAD, "terms": {}, "products": {}}), "terms stand before products"),
        (as_aws({**HEAD}), "no products in the file"),
        (twice(AWS, "A1"), "product A1 is listed twice"),
        (twice(AWS.replace('"products" : {', '"products" : {\n"D4" : {"sku" : "D4", "attributes" : { } },', 1), "D4"), "D4 is listed twice"),
        (AWS.replace('"sku" : "A1"', '"sku" : "A2"', 1), "product A1 calls itself A2"),
        (AWS.replace('"tenancy" : "Shared"', '"tenancy" : 5'), "product A1: Expected `str`, got `int`"),
        (AWS.replace('"tenancy" : "Shared"', '"tenancy" : "Sha\nred"'), "malformed"),
        (AWS.replace('"tenancy" : "Shared"', '"tenancy" "Shared"'), "malformed"),
        (AWS + "{}", "goes on behind its end"),
        (AWS.replace('"attributesList" : {}', '"attributesList" : NaN'), "attributesList"),
        (AWS.replace('"attributesList" : {}', f'"attributesList" : {"[" * 100_000}'), "cannot be read"),
        (AWS.replace('"tenancy" : "Shared"', f'"tenancy" : {"[" * 100_000}'), "cannot be read"),
        (AWS.replace('"tenancy" : "Shared"', f'"tenancy" : {"1" * 5_000}'), "cannot be read"),
        ("[1]", "neither a JSON nor a CSV price list"),
        ("<html>not you</html>", "neither a JSON nor a CSV price list"),
        ("FormatVersion,v1.0", "the last row is cut short"),
        ("", "neither a JSON nor a CSV price list"),
    ],
)  # fmt: skip
def test_what_is_not_right_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PriceFileCorrupt) as caught:
        list(read_offer(path, everything, service_code="AmazonEC2"))
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{path}, ")
    assert "costmodel prices refresh" in str(caught.value)


@pytest.mark.parametrize("section", ["OnDemand", "Reserved"])
def test_terms_listed_twice_are_refused(tmp_path: Path, section: str) -> None:
    text = as_aws(SMALL)
    at = text.index(f'"{section}"')
    path = written(tmp_path, text[:at] + twice(text[at:], "A1"))
    with pytest.raises(PriceFileCorrupt, match=f"{section} terms of A1 are listed twice"):
        read_offer(path, everything)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"unit" : "Hrs",', "", "missing required field `unit`"),
        ('"sku" : "B2",\n          "eff', '"sku" : "A1",\n          "eff', "is of SKU A1"),
        ('"USD" : "0.3"', '"USD" : 0.3', "Expected `str`, got `float`"),
    ],
)
def test_faulty_terms_are_named_with_their_product(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = as_aws(SMALL)
    at = text.index('"B2.J"') if '"B2.J"' in text else 0
    changed = text[:at] + text[at:].replace(old, new, 1)
    assert changed != text
    with pytest.raises(PriceFileCorrupt, match=problem):
        read(written(tmp_path, changed))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceFileCorrupt, match="No such file"):
        read_offer(tmp_path / "index.json", everything)


def test_something_endless_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_json, "LARGEST_VALUE_BYTES", 10_000)
    path = written(tmp_path, as_aws(SMALL).replace("Shared", "x" * 1_000_000))
    with pytest.raises(PriceFileCorrupt, match="longer than 10000 bytes"):
        read_offer(path, everything)


def test_flat_rate_plans_become_terms_of_their_products(tmp_path: Path) -> None:
    plan = {
        "planCode": "Pro",
        "planFamilyCode": "CloudFrontPlan",
        "sku": "P1",
        "features": [{"featureCode": "Requests", "usageQuota": {"value": "10000000", "unit": "Requests"}}],
        "subscriptionPrice": {"rateCode": "P1.X.1", "description": "Pro plan", "pricePerUnit": {"USD": "15"}},
    }
    document = {
        **HEAD,
        "offerCode": "CloudFrontPlans",
        "products": {"P1": product("P1")},
        "terms": {"FlatRate": {"plans": [plan]}},
    }
    (offered,) = read_offer(written(tmp_path, as_aws(document)), everything)
    (found,) = offered.terms["FlatRate"]
    assert found.term_attributes["planCode"] == "Pro"
    assert [each.price_per_unit for each in found.price_dimensions.values()] == [{"USD": "15"}]
    assert read_offer(tmp_path / "index.json", everything).counts.products_without_terms == 0


MEASURE = """
import re, sys
from pathlib import Path
from costmodel.pricing.bulk import read_offer
def peak_kib():  # not ru_maxrss, which a new process takes over from the one that started it
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak_kib()
rates = 0
for offered in read_offer(Path(sys.argv[1]), lambda product: True):
    rates += sum(len(term.price_dimensions) for terms in offered.terms.values() for term in terms)
print(rates, before, peak_kib())
"""


def peak_memory(path: Path) -> tuple[int, int, int]:
    """Rates read; KiB of the process before and at its peak."""
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True
    )
    rates, before, peak = map(int, answer.stdout.split())
    return rates, before, peak


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for instance_types in (5, 25):
        path = tmp_path / "index.json"
        offer_generator.write_json(path, instance_types)
        rates, _, peak = peak_memory(path)
        assert rates == instance_types * (72 + 16 * 20)
        peaks.append(peak)
    assert max(peaks) < 110 * 1024
    assert peaks[1] - peaks[0] < 8 * 1024


NESTED = (
    *("sku", "productFamily", "attributes", "tenancy", "offerTermCode", "effectiveDate", "termAttributes"),
    *("priceDimensions", "rateCode", "unit", "pricePerUnit", "USD", "appliesTo", "beginRange", "endRange"),
)


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("escaped", [False, True])
def test_a_member_that_stands_twice_anywhere_is_refused(tmp_path: Path, name: str, escaped: bool) -> None:
    """The quick look counts quotes; a text with an escaped one is read the slow way. Both see it."""
    document = json.loads(json.dumps(SMALL))
    if escaped:
        for product in document["products"].values():
            product["attributes"]["remark"] = 'said "so"'
    text = as_aws(document)
    place = re.search(rf'"{name}" : ', text)
    assert place is not None
    value, _ = json.JSONDecoder().raw_decode(text, place.end())
    repeated = f'"{name}" : {json.dumps(value)}, '
    path = written(tmp_path, text[: place.start()] + repeated + text[place.start() :])
    with pytest.raises(PriceFileCorrupt, match=f"{name!r} is listed twice"):
        list(read_offer(path, everything))


def test_what_nobody_knows_is_no_repetition(tmp_path: Path) -> None:
    document = json.loads(json.dumps(SMALL))
    for product in document["products"].values():
        product["colour"] = ["red", "blue"]
    path = written(tmp_path, as_aws(document))
    assert read(path) == from_json_load(document, everything, ALL_KINDS)
