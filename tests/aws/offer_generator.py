"""A made-up regional EC2 price list of any size, in AWS's layout: JSON and CSV of the same products.

The same number of instance types gives the same bytes. Among the products a shop would buy stand as
many of other operating systems, tenancies and reservations as in the real file.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

Document = dict[str, Any]

BYTES_OF_A_TYPE = 380_000
"""JSON that one instance type takes."""

VERSION = "20261001000000"
PUBLISHED = "2026-10-01T00:00:00Z"
DISCLAIMER = "This pricing list is for informational purposes only."
SIZES = ("medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge")
SYSTEMS = (
    ("Linux", "RunInstances", "NA", 1000),
    ("Windows", "RunInstances:0002", "NA", 1900),
    ("RHEL", "RunInstances:0010", "NA", 1300),
    ("SUSE", "RunInstances:000g", "NA", 1250),
    ("Linux", "RunInstances:0004", "SQL Std", 4000),
    ("Windows", "RunInstances:0006", "SQL Std", 5000),
    ("Linux", "RunInstances:0200", "SQL Web", 1600),
    ("Windows", "RunInstances:0202", "SQL Web", 2200),
)
TENANCIES = (("Shared", "BoxUsage"), ("Dedicated", "DedicatedUsage"), ("Host", "HostBoxUsage"))
STATUSES = (
    ("Used", ""),
    ("UnusedCapacityReservation", "Unused"),
    ("AllocatedCapacityReservation", "Reserved"),
)
RESERVATIONS = (
    ("4NA7Y494T4", "1yr", "No Upfront", "standard", 63),
    ("HU7G6KETJZ", "1yr", "Partial Upfront", "standard", 60),
    ("6QCMYABX3D", "1yr", "All Upfront", "standard", 58),
    ("7NE97W5U4E", "1yr", "No Upfront", "convertible", 73),
    ("CUZHX8X6JH", "1yr", "Partial Upfront", "convertible", 69),
    ("VJWZNREJX2", "1yr", "All Upfront", "convertible", 67),
    ("BPH4J8HBKS", "3yr", "No Upfront", "standard", 43),
    ("38NPMPTW36", "3yr", "Partial Upfront", "standard", 40),
    ("NQ3QZPMQV9", "3yr", "All Upfront", "standard", 38),
    ("Z2E3P23VKM", "3yr", "No Upfront", "convertible", 50),
    ("R5XV2EPZQZ", "3yr", "Partial Upfront", "convertible", 47),
    ("MZU6U2429S", "3yr", "All Upfront", "convertible", 44),
)

TITLES = {
    "servicecode": "serviceCode",
    "location": "Location",
    "locationType": "Location Type",
    "instanceType": "Instance Type",
    "currentGeneration": "Current Generation",
    "instanceFamily": "Instance Family",
    "vcpu": "vCPU",
    "physicalProcessor": "Physical Processor",
    "clockSpeed": "Clock Speed",
    "memory": "Memory",
    "storage": "Storage",
    "networkPerformance": "Network Performance",
    "processorArchitecture": "Processor Architecture",
    "tenancy": "Tenancy",
    "operatingSystem": "Operating System",
    "licenseModel": "License Model",
    "usagetype": "usageType",
    "operation": "operation",
    "availabilityzone": "AvailabilityZone",
    "capacitystatus": "CapacityStatus",
    "classicnetworkingsupport": "ClassicNetworkingSupport",
    "dedicatedEbsThroughput": "Dedicated EBS Throughput",
    "ecu": "ECU",
    "enhancedNetworkingSupported": "Enhanced Networking Supported",
    "gpuMemory": "GPU Memory",
    "intelAvxAvailable": "Intel AVX Available",
    "intelAvx2Available": "Intel AVX2 Available",
    "intelTurboAvailable": "Intel Turbo Available",
    "marketoption": "MarketOption",
    "normalizationSizeFactor": "Normalization Size Factor",
    "preInstalledSw": "Pre Installed S/W",
    "processorFeatures": "Processor Features",
    "regionCode": "Region Code",
    "servicename": "serviceName",
    "vpcnetworkingsupport": "VPCNetworkingSupport",
}
"""Attribute in the JSON -> column in the CSV."""


def instance_types_for(json_bytes: int) -> int:
    """How many instance types fill a JSON file of about this size."""
    return max(1, round(json_bytes / BYTES_OF_A_TYPE))


def products(instance_types: int) -> Iterator[Document]:
    """Products as they stand under `products`, one instance type after another."""
    for number in range(instance_types):
        size = SIZES[number % len(SIZES)]
        name = f"m{number // len(SIZES) + 5}i.{size}"
        for system, operation, software, _ in SYSTEMS:
            for tenancy, usage in TENANCIES:
                for status, prefix in STATUSES:
                    yield _product(
                        name, number, (system, operation, software), (tenancy, usage), (status, prefix)
                    )


def on_demand(product: Document) -> Document:
    """What stands under `terms.OnDemand` for one product."""
    sku = product["sku"]
    rate = _rate(sku, "JRTCKXETXF", "6YS6EN2CT7", "Hrs", _price(_thousandths(product), 10))
    rate["description"] = f"on demand {product['attributes']['instanceType']}"
    return {f"{sku}.JRTCKXETXF": _term(sku, "JRTCKXETXF", "2026-10-01T00:00:00Z", {}, rate)}


def reserved(product: Document) -> Document:
    """What stands under `terms.Reserved` for one product; empty where nothing can be reserved."""
    attributes, sku = product["attributes"], product["sku"]
    if attributes["capacitystatus"] != "Used" or attributes["tenancy"] == "Host":
        return {}
    terms = {}
    for code, lease, option, offering, percent in RESERVATIONS:
        hourly = _thousandths(product) * percent // 100
        upfront = {"No Upfront": 0, "Partial Upfront": hourly // 2, "All Upfront": hourly}[option]
        rates = [_rate(sku, code, "6YS6EN2CT7", "Hrs", _price(hourly - upfront, 10))]
        if upfront:
            fee = _rate(sku, code, "2TG2D8R56U", "Quantity", str(upfront * 8760 * int(lease[0]) // 1000))
            del fee["beginRange"], fee["endRange"]
            rates.insert(0, fee)
        form = {"LeaseContractLength": lease, "OfferingClass": offering, "PurchaseOption": option}
        terms[f"{sku}.{code}"] = _term(sku, code, "2026-09-30T23:59:59Z", form, *rates)
    return terms


def write_json(path: Path, instance_types: int) -> None:
    """Write the file as AWS lays it out: two spaces of indentation, a space before each colon."""
    with path.open("wb") as file:
        head = {
            "formatVersion": "v1.0",
            "disclaimer": DISCLAIMER,
            "offerCode": "AmazonEC2",
            "version": VERSION,
            "publicationDate": PUBLISHED,
        }
        file.write(_laid_out(head, 0)[:-2] + b',\n  "products" : {')
        _write_entries(file, ((p["sku"], p) for p in products(instance_types)), 2)
        file.write(b'\n  },\n  "terms" : {\n    "OnDemand" : {')
        _write_entries(file, ((p["sku"], on_demand(p)) for p in products(instance_types)), 3)
        file.write(b'\n    },\n    "Reserved" : {')
        reservable = ((p["sku"], terms) for p in products(instance_types) if (terms := reserved(p)))
        _write_entries(file, reservable, 3)
        file.write(b'\n    }\n  },\n  "attributesList" : { }\n}\n')


def write_csv(path: Path, instance_types: int) -> None:
    """Write the same products and prices as `write_json`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        rows.writerow(["FormatVersion", "v1.0"])
        rows.writerow(["Disclaimer", DISCLAIMER])
        rows.writerow(["Publication Date", PUBLISHED])
        rows.writerow(["Version", VERSION])
        rows.writerow(["OfferCode", "AmazonEC2"])
        price = ["SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate"]
        price += ["StartingRange", "EndingRange", "Unit", "PricePerUnit", "Currency", "RelatedTo"]
        form = ["LeaseContractLength", "PurchaseOption", "OfferingClass"]
        rows.writerow([*price, *form, "Product Family", *TITLES.values(), "Volume Type", "Max IOPS/volume"])
        for product in products(instance_types):
            for kind, terms in (("OnDemand", on_demand(product)), ("Reserved", reserved(product))):
                for term in terms.values():
                    for rate in term["priceDimensions"].values():
                        rows.writerow(_row(product, kind, term, rate, form))


def _product(
    name: str, number: int, system: tuple[str, str, str], tenancy: tuple[str, str], status: tuple[str, str]
) -> Document:
    sku = _sku(name, *system, *tenancy, *status)
    usage = f"{status[1]}{tenancy[1]}"
    values = (
        "AmazonEC2", "US East (N. Virginia)", "AWS Region", name, "Yes", "General purpose", str(2 + number % 96),
        "Intel Xeon Platinum 8175 (Skylake)", "3.1 GHz", f"{8 + number % 384} GiB", "EBS only", "Up to 10 Gigabit",
        "64-bit", tenancy[0], system[0], "No License required", f"{usage}:{name}", system[1], "NA", status[0],
        "false", "Up to 2120 Mbps", "NA", "Yes", "NA", "Yes", "Yes", "Yes", "OnDemand", str(4 + number % 192),
        system[2], "Intel AVX; Intel AVX2; Intel AVX512; Intel Turbo", "us-east-1",
        "Amazon Elastic Compute Cloud", "true",
    )  # fmt: skip
    attributes = dict(zip(TITLES, values, strict=True))
    return {"sku": sku, "productFamily": "Compute Instance", "attributes": attributes}


def _sku(*words: str) -> str:
    digest = hashlib.blake2b("|".join(words).encode(), digest_size=16).digest()
    return "".join("ABCDEFGHJKMNPQRSTUVWXYZ23456789"[byte % 31] for byte in digest)


def _thousandths(product: Document) -> int:
    attributes = product["attributes"]
    if attributes["capacitystatus"] == "AllocatedCapacityReservation":
        return 0
    factor = next(
        factor for system, _, software, factor in SYSTEMS
        if (system, software) == (attributes["operatingSystem"], attributes["preInstalledSw"])
    )  # fmt: skip
    return int(attributes["vcpu"]) * 24 * factor // 1000


def _price(thousandths: int, decimals: int) -> str:
    return f"{thousandths // 1000}.{thousandths % 1000:03d}".ljust(decimals + 2, "0")


def _rate(sku: str, term_code: str, rate_code: str, unit: str, price: str) -> Document:
    return {
        "rateCode": f"{sku}.{term_code}.{rate_code}",
        "description": "Upfront Fee" if unit == "Quantity" else "reserved instance applied",
        "beginRange": "0",
        "endRange": "Inf",
        "unit": unit,
        "pricePerUnit": {"USD": price},
        "appliesTo": [],
    }


def _term(sku: str, code: str, effective: str, form: dict[str, str], *rates: Document) -> Document:
    return {
        "offerTermCode": code,
        "sku": sku,
        "effectiveDate": effective,
        "priceDimensions": {rate["rateCode"]: rate for rate in rates},
        "termAttributes": form,
    }


def _row(product: Document, kind: str, term: Document, rate: Document, form: list[str]) -> list[str]:
    (currency, price), = rate["pricePerUnit"].items()  # fmt: skip
    return [
        product["sku"], term["offerTermCode"], rate["rateCode"], kind, rate["description"],
        term["effectiveDate"][:10], rate.get("beginRange", ""), rate.get("endRange", ""), rate["unit"],
        price, currency, "", *(term["termAttributes"].get(name, "") for name in form),
        product["productFamily"], *(product["attributes"][name] for name in TITLES), "", "",
    ]  # fmt: skip


def _write_entries(file: Any, entries: Iterator[tuple[str, Document]], depth: int) -> None:
    before = b"\n"
    for sku, entry in entries:
        file.write(before + b"  " * depth + b'"%b" : ' % sku.encode() + _laid_out(entry, depth))
        before = b",\n"


def _laid_out(document: Document, depth: int) -> bytes:
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    return (
        text.replace(b'": ', b'" : ')
        .replace(b"[]", b"[ ]")
        .replace(b"{}", b"{ }")
        .replace(b"\n", b"\n" + b"  " * depth)
    )
