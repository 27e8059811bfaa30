"""Price list files in CSV: the same products as the JSON of the same edition."""

from __future__ import annotations

import dataclasses
import gzip
import random
from pathlib import Path

import msgspec
import pytest

from aws import offer_generator
from costmodel.errors import PriceFileCorrupt
from costmodel.pricing.bulk import OfferCounts, read_offer
from costmodel.pricing.bulk_csv import attribute_name
from costmodel.pricing.offer import OfferedProduct, Product, Term

HEAD = """\
"FormatVersion","v1.0"
"Disclaimer","For information, only."
"Publication Date","2025-09-12T22:53:08Z"
"Version","20250912225308"
"OfferCode","AmazonEC2"
"""
COLUMNS = (
    '"SKU","OfferTermCode","RateCode","TermType","PriceDescription","EffectiveDate","StartingRange","EndingRange",'
    '"Unit","PricePerUnit","Currency","RelatedTo","LeaseContractLength","PurchaseOption","OfferingClass",'
    '"Product Family","serviceCode","Instance Type","Tenancy","usageType","operation","Pre Installed S/W"\n'
)
PRODUCT = '"Compute Instance","AmazonEC2","c6i.large","Dedicated","APN1-DedicatedUsage:c6i.large","RunInstances:0202","SQL Web"\n'
HOURS = '"22","38N","22.38N.6YS","Reserved","Windows, c6i.large","2025-09-12","0","Inf","Hrs","0.10463","USD",,"3yr","Partial Upfront","standard",' + PRODUCT  # fmt: skip
FEE = '"22","38N","22.38N.2TG","Reserved","Upfront Fee","2025-09-12",,,"Quantity","2750","USD",,"3yr","Partial Upfront","standard",' + PRODUCT  # fmt: skip
ON_DEMAND = '"22","JRT","22.JRT.6YS","OnDemand","on demand","2025-09-01","0","Inf","Hrs","0.285","USD",,,,,' + PRODUCT  # fmt: skip
SAMPLE = HEAD + COLUMNS + HOURS + FEE + ON_DEMAND
"""Two rows as AWS published them for Tokyo, cells shortened, and one of our own."""


def everything(product: Product) -> bool:
    return True


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "index.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_rows_become_a_product_with_its_terms(tmp_path: Path) -> None:
    found = read_offer(written(tmp_path, SAMPLE), everything, service_code="AmazonEC2")
    assert found.edition.as_of == "2025-09-12"
    assert found.counts == OfferCounts(1, 1, 0, 0)
    (offered,) = found
    assert offered.product == Product(
        "22",
        {
            "servicecode": "AmazonEC2",
            "instanceType": "c6i.large",
            "tenancy": "Dedicated",
            "usagetype": "APN1-DedicatedUsage:c6i.large",
            "operation": "RunInstances:0202",
            "preInstalledSw": "SQL Web",
        },
        "Compute Instance",
    )
    (reserved,) = offered.terms["Reserved"]
    assert reserved.term_attributes == {
        "LeaseContractLength": "3yr",
        "OfferingClass": "standard",
        "PurchaseOption": "Partial Upfront",
    }
    assert {code: each.price_per_unit for code, each in reserved.price_dimensions.items()} == {
        "22.38N.6YS": {"USD": "0.10463"},
        "22.38N.2TG": {"USD": "2750"},
    }
    assert [(term.offer_term_code, term.term_attributes) for term in offered.terms["OnDemand"]] == [
        ("JRT", {})
    ]


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("serviceCode", "servicecode"),
        ("Instance Type", "instanceType"),
        ("vCPU", "vcpu"),
        ("Pre Installed S/W", "preInstalledSw"),
        ("CapacityStatus", "capacitystatus"),
        ("Max IOPS/volume", "maxIopsvolume"),
        ("Volume API Name", "volumeApiName"),
        ("Instance Capacity - 10xlarge", "instanceCapacity10xlarge"),
        ("Intel AVX2 Available", "intelAvx2Available"),
        ("Dedicated EBS Throughput", "dedicatedEbsThroughput"),
        ("From Region Code", "fromRegionCode"),
        ("usageType", "usagetype"),
        ("Database Engine", "databaseEngine"),
        ("Deployment Option", "deploymentOption"),
    ],
)
def test_columns_are_named_as_the_json_names_attributes(column: str, name: str) -> None:
    assert attribute_name(column) == name


def test_every_column_of_the_generator_gets_its_attribute() -> None:
    assert {attribute_name(title) for title in offer_generator.TITLES.values()} == set(offer_generator.TITLES)


def without_time(offered: OfferedProduct) -> OfferedProduct:
    def dated(term: Term) -> Term:
        return msgspec.structs.replace(term, stated_effective_date=term.effective_date[:10])

    terms = {kind: tuple(map(dated, of_kind)) for kind, of_kind in offered.terms.items()}
    return dataclasses.replace(offered, terms=terms)


def test_csv_and_json_of_one_edition_read_alike(tmp_path: Path) -> None:
    offer_generator.write_json(tmp_path / "index.json", 3)
    offer_generator.write_csv(tmp_path / "index.csv", 3)
    in_json = read_offer(tmp_path / "index.json", everything)
    in_csv = read_offer(tmp_path / "index.csv", everything)
    assert [*in_csv] == [without_time(offered) for offered in in_json]
    assert in_csv.edition == in_json.edition
    assert in_csv.counts == in_json.counts


def test_rows_of_a_product_need_not_stand_together(tmp_path: Path) -> None:
    lines = SAMPLE.splitlines(keepends=True)
    other = ON_DEMAND.replace('"22', '"33')
    apart = "".join([*lines[:6], lines[8], other, lines[6], lines[7]])
    (first, second) = read_offer(written(tmp_path, apart), everything)
    (whole,) = read_offer(written(tmp_path, SAMPLE), everything)
    assert {kind: set(map(repr, of)) for kind, of in first.terms.items()} == {
        kind: set(map(repr, of)) for kind, of in whole.terms.items()
    }
    assert second.product.sku == "33"


def test_a_price_in_two_currencies_is_one_rate(tmp_path: Path) -> None:
    text = SAMPLE + ON_DEMAND.replace('"0.285","USD"', '"2.07","CNY"')
    (offered,) = read_offer(written(tmp_path, text), everything)
    (term,) = offered.terms["OnDemand"]
    assert [each.price_per_unit for each in term.price_dimensions.values()] == [
        {"USD": "0.285", "CNY": "2.07"}
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SAMPLE + ON_DEMAND, "row 10: rate 22.JRT.6YS is listed twice"),
        (SAMPLE + ON_DEMAND.replace("22.JRT.6YS", "22.JRT.7").replace("Dedicated", "Shared"), "row 10: product 22 is described differently"),
        (SAMPLE + '"22","JRT"\n', "row 10: 2 columns, the header has 22"),
        (SAMPLE.replace('"Unit",', '"Units",'), "row 6: no column Unit"),
        (SAMPLE.replace('"Tenancy"', '"operation"'), "row 6: a column is named twice"),
        (SAMPLE.replace('"Tenancy"', '" "'), "row 6: a column has no name"),
        (SAMPLE + '"' + "x" * 1024 * 1024, "row 9: a line is longer than 1,048,576 bytes"),
        (SAMPLE.replace('"Version","20250912225308"\n', ""), "Publication Date, Version, OfferCode expected"),
        (SAMPLE.replace("v1.0", "v2.0"), "format version v2.0"),
        (SAMPLE.replace('"OfferCode","AmazonEC2"', '"OfferCode","AmazonRDS"'), "prices of AmazonRDS"),
        (SAMPLE[:-1], "the last row is cut short"),
        (SAMPLE[:-5] + "\n", "row "),
        (SAMPLE.encode() + b'"\xff\n', "can't decode"),
    ],
)  # fmt: skip
def test_what_is_not_right_is_named(tmp_path: Path, text: str | bytes, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PriceFileCorrupt) as caught:
        read_offer(path, everything, service_code="AmazonEC2")
    assert problem in str(caught.value)


def test_a_file_cut_within_a_row_is_refused(tmp_path: Path) -> None:
    row_ends = {at + 1 for at, letter in enumerate(SAMPLE) if letter == "\n"}
    for length in sorted(set(range(len(SAMPLE))) - row_ends):
        with pytest.raises(PriceFileCorrupt):
            read_offer(written(tmp_path, SAMPLE[:length]), everything)


def test_a_compressed_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(SAMPLE.encode())
    assert [*read_offer(written(tmp_path, whole), everything)]
    draw = random.Random(3)
    for length in [*range(1, 30), *(draw.randrange(len(whole)) for _ in range(100))]:
        with pytest.raises(PriceFileCorrupt):
            read_offer(written(tmp_path, whole[:length]), everything)


def test_a_compressed_file_cut_within_its_last_row_is_refused(tmp_path: Path) -> None:
    """Cut before it was compressed, so that gzip does not tell."""
    packed = gzip.compress(SAMPLE.removesuffix("\n").encode())
    with pytest.raises(PriceFileCorrupt, match="row 9: the last row is cut short"):
        read_offer(written(tmp_path, packed), everything)


def test_rates_of_one_term_begin_together(tmp_path: Path) -> None:
    text = SAMPLE.replace('"Upfront Fee","2025-09-12"', '"Upfront Fee","2025-09-13"')
    with pytest.raises(PriceFileCorrupt, match=r"rates of Reserved term 22\.38N begin on different days"):
        list(read_offer(written(tmp_path, text), everything))
