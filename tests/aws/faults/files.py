"""Faults of price list files: on the wire, of their content in JSON and CSV, and of the public index."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aws.cloud import REGION, SERVICES
from aws.faults.scene import ALWAYS, BULK, FILES, GONE, HTML, INDEX, OLDER, REGIONAL, Scene, kind
from aws.fixtures import VERSION, Document
from aws.server import Fault
from costmodel import errors as of
from costmodel.pricing.price import ON_DEMAND, RESERVED

# Files on the wire.


@kind("download cut", of.FileUnavailable, of.DownloadFailed, exact=True, sources=FILES)
def _(scene: Scene) -> None:
    size = len(gzip.compress(scene.content(scene.file)))
    scene.on_wire(
        scene.fetched,
        lambda _: Fault(cut_after_bytes=scene.random.choice((-1, 0, scene.random.randrange(size)))),
        scene.now_and_then,
    )


@kind("download answers 5xx", of.FileUnavailable, exact=True, sources=FILES)
def _(scene: Scene) -> None:
    status = scene.random.choice((429, 500, 502, 503, 504))
    scene.on_wire(scene.fetched, Fault(status=status, body=HTML), scene.now_and_then)


@kind("download forbidden", of.FileUnavailable, of.PriceFileNotFound, sources=FILES)
def _(scene: Scene) -> None:
    scene.on_wire(scene.fetched, Fault(status=scene.random.choice((400, 403, 410)), body=HTML))


@kind("download slow", of.FileUnavailable, of.DownloadFailed, exact=True, sources=FILES)
def _(scene: Scene) -> None:
    scene.on_wire(
        scene.fetched, Fault(delay_s=scene.random.choice((0.01, 0.03, 0.5))), scene.random.choice((1, ALWAYS))
    )
    scene.timeout_s = 0.25


@kind("gzip damaged", of.FileUnavailable, exact=True, sources=FILES)
def _(scene: Scene) -> None:
    scene.on_wire(scene.fetched, lambda _: Fault(flip_byte=scene.random.randrange(2**31)), scene.now_and_then)


@kind("gzip short", of.FileUnavailable, exact=True, sources=FILES)
def _(scene: Scene) -> None:
    whole = gzip.compress(scene.content(scene.file))
    scene.on_wire(
        scene.fetched,
        lambda _: Fault(body=whole[: scene.random.randrange(len(whole))]),
        scene.now_and_then,
    )


@kind("no gzip", of.FileUnavailable, exact=True, sources=FILES)
def _(scene: Scene) -> None:
    scene.on_wire(scene.fetched, Fault(body=scene.content(scene.file)), scene.now_and_then)


@kind("the server's clock is off", of.ClockSkewed, sources=FILES)
def _(scene: Scene) -> None:
    """Or this machine's: one of them."""
    off = timedelta(days=scene.random.choice((-400, -2, 2, 4_000)))
    date = format_datetime(datetime.now(UTC) + off)
    scene.on_wire(scene.fetched, Fault(headers=(("Date", date),)), ALWAYS)


@kind("gzip in several members", exact=True, sources=FILES)
def _(scene: Scene) -> None:
    content = scene.content(scene.file)
    place = scene.random.randrange(len(content))
    scene.on_wire(
        scene.fetched, Fault(body=gzip.compress(content[:place]) + gzip.compress(content[place:])), ALWAYS
    )


@kind("gzip with more behind it", of.FileUnavailable, of.PriceFileCorrupt, exact=True, sources=FILES)
def _(scene: Scene) -> None:
    whole = gzip.compress(scene.content(scene.file))
    more = scene.random.choice((b"more", bytes(4), whole[:15], gzip.compress(b"more")))
    scene.on_wire(scene.fetched, Fault(body=whole + more), scene.now_and_then)


@kind("without a length", of.FileUnavailable, exact=True, sources=FILES)
def _(scene: Scene) -> None:
    """JSON or CSV, of which neither a length nor a checksum tells whether it is cut; often behind a row."""
    content = scene.content(scene.file)
    if scene.random.random() < 0.5:
        content = _csv_text(_as_csv(scene.document(scene.file)))
    ends = [found.end() for found in re.finditer(rb"\n", content)]
    cut = scene.random.choice((None, *scene.random.sample(ends, min(3, len(ends)))))
    etag = scene.random.choice(("", 'W/"weak"', '"parts-28"'))
    unframed = Fault(
        status=200, body=content, framing="none", cut_after_bytes=cut,
        headers=(("ETag", etag), ("Content-Encoding", ""), ("Content-Range", "")),
    )  # fmt: skip
    scene.on_wire(scene.fetched, unframed, scene.now_and_then)


@kind("price changed on the way, once", exact=True, sources=FILES)
def _(scene: Scene) -> None:
    """The file's checksum tells."""
    content = scene.content(scene.file)
    digits = [found.start() for found in re.finditer(rb"(?<=\.)[0-9]", content)]
    place = scene.random.choice(digits)
    other = scene.random.choice(b"0123456789".replace(content[place : place + 1], b""))
    changed = content[:place] + bytes([other]) + content[place + 1 :]
    scene.on_wire(scene.fetched, Fault(body=gzip.compress(changed)), 1)


# Files that are not what they should be.


@kind("file missing", of.PriceFileNotFound, sources=FILES)
def _(scene: Scene) -> None:
    scene.without(scene.file)


@kind("file cut", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    content = scene.content(scene.file)
    scene.serve(scene.file, content[: scene.random.randrange(len(content))])


@kind(
    "file damaged",
    *(of.PriceFileCorrupt, of.NothingOffered, of.PricesWithdrawn, of.NoOnDemandTerm, of.BrokenTiers),
    *(of.UnusableUnit, of.OtherCurrency, of.AllowanceChanged),
    exact=True,
    withdrawn=True,
    sources=FILES,
)
def _(scene: Scene) -> None:
    """One of the signs that structure a file is another one."""
    content = scene.content(scene.file)
    place = scene.random.choice([found.start() for found in re.finditer(rb'[]{}[":,]', content)])
    other = scene.random.choice(b'\x00{}[]":,x'.replace(content[place : place + 1], b""))
    scene.serve(scene.file, content[:place] + bytes([other]) + content[place + 1 :])


@kind("page for humans as a file", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    scene.serve(scene.file, scene.random.choice((HTML, b"", b"null", b"[]", b"{}", b"\x1f\x8b")))


@kind("file of another service", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    other = scene.random.choice([code for code in SERVICES if code != scene.service_code])
    scene.serve(scene.file, scene.content(f"/offers/v1.0/aws/{other}/current/index.json"))


@kind(
    "file of another region",
    of.NothingOffered,
    of.PricesWithdrawn,
    exact=True,
    sources=FILES,
)
def _(scene: Scene) -> None:
    root = f"/offers/v1.0/aws/{scene.service_code}/{VERSION}/"
    others = [
        path
        for path in sorted(scene.cloud.price_lists.files)
        if path.startswith(root) and f"/{REGION}/" not in path
    ]
    scene.serve(scene.file, scene.content(scene.random.choice(others)))


@kind("file of another format", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    document = scene.document(scene.file)
    name, value = scene.random.choice(
        [
            ("formatVersion", "v2.0"),
            ("formatVersion", None),
            ("version", "latest"),
            ("version", None),
            ("publicationDate", "yesterday"),
            ("offerCode", None),
            ("products", None),
            ("terms", None),
            ("products", []),
            ("terms", {"OnDemand": []}),
        ]
    )
    if value is None:
        del document[name]
    else:
        document[name] = value
    scene.serve(scene.file, json.dumps(document, indent=2).encode())


@kind(
    "file of another edition than what led to it names",
    of.PriceFileCorrupt,
    sources=FILES,
    services=REGIONAL,
)
def _(scene: Scene) -> None:
    document = scene.document(scene.file) | {"version": OLDER[0], "publicationDate": OLDER[1]}
    scene.serve(scene.file, json.dumps(document, indent=2).encode())


@kind("terms before products", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    document = scene.document(scene.file)
    document["products"] = document.pop("products")
    scene.serve(scene.file, json.dumps(document, indent=2).encode())


@kind(
    "file without products whose terms are there",
    *(of.PriceFileCorrupt, *GONE),
    withdrawn=True,
    sources=FILES,
)
def _(scene: Scene) -> None:
    """A chunk is lost, or one product that the book knows by its SKU or does not know yet."""
    document = scene.document(scene.file)
    names = [scene.product()["product"]["sku"]]
    if scene.random.random() < 0.5:
        names += scene.random.sample(sorted(document["products"]), max(2, len(document["products"]) // 10))
    document["products"] = {sku: of for sku, of in document["products"].items() if sku not in names}
    scene.serve(scene.file, json.dumps(document, indent=2).encode())


@kind("terms of several kinds whose product is not there", exact=True, sources=FILES)
def _(scene: Scene) -> None:
    """One SKU of which nothing is needed is passed over."""
    document = scene.document(scene.file)
    sku = scene.product()["product"]["sku"]
    for kind_of_term in (ON_DEMAND, RESERVED):
        of_kind = document["terms"].setdefault(kind_of_term, {})
        of_kind["STRAY"] = json.loads(json.dumps(document["terms"][ON_DEMAND][sku]).replace(sku, "STRAY"))
    scene.serve(scene.file, json.dumps(document, indent=2).encode())


def _listed_twice(scene: Scene, place: re.Match[bytes] | None) -> None:
    """What begins at this place in the file is listed twice, the second time at another price."""
    assert place is not None
    content = scene.content(scene.file).decode()
    start = place.start()
    key = content[start : content.index(":", start) + 1]
    value, end = json.JSONDecoder().raw_decode(content, start + len(key) + 1)
    twice = json.loads(json.dumps(value).replace('"USD": "0.', '"USD": "0.7'))
    repeated = f"{key} {json.dumps(twice)}, "
    first = scene.random.random() < 0.5
    scene.serve(
        scene.file, f"{content[:start]}{repeated if first else ''}{content[start:end]}".encode()
        + (b"" if first else b", " + repeated.removesuffix(", ").encode())
        + content[end:].encode(),
    )  # fmt: skip


@kind("SKU listed twice in a file", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    sku = scene.product()["product"]["sku"]
    places = list(re.finditer(rb'"%b": \{' % sku.encode(), scene.content(scene.file)))
    _listed_twice(scene, scene.random.choice(places))


@kind("rate listed twice in a file", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    rate_code = scene.random.choice(scene.rates())["rateCode"]
    what = scene.random.choice((rate_code, rate_code.rpartition(".")[0]))
    _listed_twice(scene, re.search(rb'"%b": \{' % what.encode(), scene.content(scene.file)))


# Price list files in CSV, which the index may lead to as well.


def _as_csv(document: Document) -> list[list[str]]:
    """A price list file as AWS writes it in CSV."""
    products, terms = document["products"], document["terms"]
    names = sorted({name for product in products.values() for name in product["attributes"]})
    titles = [re.sub(r"(?=[A-Z])", " ", name).title() for name in names]
    rows = [
        ["FormatVersion", document["formatVersion"]],
        ["Disclaimer", document["disclaimer"]],
        ["Publication Date", document["publicationDate"]],
        ["Version", document["version"]],
        ["OfferCode", document["offerCode"]],
        [
            *("SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate"),
            *("StartingRange", "EndingRange", "Unit", "PricePerUnit", "Currency"),
            *("LeaseContractLength", "PurchaseOption", "OfferingClass", "Product Family", *titles),
        ],
    ]
    for term_type, by_sku in terms.items():
        for sku, of_sku in by_sku.items():
            product = products[sku]
            for term in of_sku.values():
                for rate in term["priceDimensions"].values():
                    ((currency, price),) = rate["pricePerUnit"].items()
                    given = term["termAttributes"]
                    rows.append(
                        [
                            *(sku, term["offerTermCode"], rate["rateCode"], term_type, rate["description"]),
                            *(term["effectiveDate"][:10], rate.get("beginRange", "")),
                            *(rate.get("endRange", ""), rate["unit"], price, currency),
                            *(given.get(name, "") for name in ("LeaseContractLength", "PurchaseOption")),
                            *(given.get("OfferingClass", ""), product.get("productFamily", "")),
                            *(product["attributes"].get(name, "") for name in names),
                        ]
                    )
    return rows


def _csv_text(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(rows)
    return text.getvalue().encode()


HEAD_ROWS = 6


@kind("CSV instead of JSON", exact=True, sources=FILES)
def _(scene: Scene) -> None:
    scene.serve(scene.file, _csv_text(_as_csv(scene.document(scene.file))))


@kind("CSV cut", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    """Not exactly behind a row: there it looks whole."""
    content = _csv_text(_as_csv(scene.document(scene.file)))
    ends = [end for end in range(1, len(content)) if content[end - 1 : end] != b"\n"]
    scene.serve(scene.file, content[: scene.random.choice(ends)])


@kind("CSV damaged", of.PriceFileCorrupt, sources=FILES)
def _(scene: Scene) -> None:
    rows = _as_csv(scene.document(scene.file))
    place = scene.random.randrange(HEAD_ROWS, len(rows))
    match scene.random.randrange(5):
        case 0:
            rows[place].pop()
        case 1:
            rows[HEAD_ROWS - 1][scene.random.randrange(11)] += "X"
        case 2:
            sku = scene.product(lambda one: one["product"]["sku"] in {row[0] for row in rows})["product"][
                "sku"
            ]
            (twice,) = [row for row in rows if row[0] == sku and row[3] == ON_DEMAND][:1]
            rows.append([*twice[:9], "9", *twice[10:]])
        case 3:
            rows[scene.random.randrange(HEAD_ROWS - 1)][0] = "Remark"
        case _:
            content = _csv_text(rows)
            place = content.index(b"\n", scene.random.randrange(len(content) // 2)) - 1
            scene.serve(scene.file, content[:place] + b"\xff" + content[place + 1 :])
            return
    scene.serve(scene.file, _csv_text(rows))


# The public index.


@kind("index leads nowhere", of.PriceFileNotFound, sources=(BULK,))
def _(scene: Scene) -> None:
    index = scene.document(INDEX)
    for name in ("currentVersionUrl", "currentRegionIndexUrl"):
        index["offers"][scene.service_code][name] = "/offers/v1.0/aws/nowhere.json"
    scene.serve(INDEX, json.dumps(index).encode())


@kind("region index leads nowhere", of.PriceFileNotFound, sources=(BULK,), services=REGIONAL)
def _(scene: Scene) -> None:
    path = f"/offers/v1.0/aws/{scene.service_code}/current/region_index.json"
    index = scene.document(path)
    if scene.random.random() < 0.5:
        index["regions"][REGION]["currentVersionUrl"] = "/offers/v1.0/aws/nowhere.json"
    else:
        del index["regions"][REGION]
    scene.serve(path, json.dumps(index).encode())


@kind("region listed twice in an index", of.PriceFileCorrupt, sources=(BULK,), services=REGIONAL)
def _(scene: Scene) -> None:
    path = f"/offers/v1.0/aws/{scene.service_code}/current/region_index.json"
    content = scene.content(path).decode()
    name = f'"{REGION}": {{'
    other = f"/offers/v1.0/aws/{scene.service_code}/{OLDER[0]}/{REGION}/index.json"
    twice = f'"{REGION}": {json.dumps({"currentVersionUrl": other})}, {name}'
    assert content.count(name) == 1
    scene.serve(path, content.replace(name, twice).encode())


@kind("index without the service", of.PriceFileNotFound, sources=(BULK,))
def _(scene: Scene) -> None:
    index = scene.document(INDEX)
    del index["offers"][scene.service_code]
    scene.serve(INDEX, json.dumps(index).encode())


@kind("index cut", of.PriceFileCorrupt, of.RefreshIncomplete, sources=(BULK,))
def _(scene: Scene) -> None:
    content = scene.content(INDEX)
    scene.serve(INDEX, content[: scene.random.randrange(len(content))])


@kind("index missing", of.PriceFileNotFound, of.RefreshIncomplete, sources=(BULK,))
def _(scene: Scene) -> None:
    scene.without(INDEX)
