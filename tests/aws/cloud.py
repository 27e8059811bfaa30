"""AWS on loopback: price lists, Savings Plans and spot prices, all three ways.

`Truth` is what it charges at some moment; `Cloud` serves it to unmodified boto3 and to the downloads.
`whole_aws` lists what the shipped snapshot has. `small_aws` lists some services of one region, and
`small_snapshot` writes the price book that such an AWS would have shipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random

import boto3
import pytest

from aws.commitments_server import CommitmentsServer
from aws.fixtures import PUBLICATION_DATE, VERSION, Document, answered_by, price_list_files, wire_products
from aws.server import AwsServer
from costmodel.pricing.book import PriceBook
from costmodel.pricing.difference import what_is_charged
from costmodel.pricing.need import PriceNeed
from costmodel.pricing.price import ON_DEMAND, FreeAllowance, Price, PriceQuery
from costmodel.pricing.snapshot import (
    ALLOWANCE_COLUMNS,
    ALLOWANCES,
    DISCOUNTS,
    FREE_TIER,
    PLAN_ALLOWANCE_COLUMNS,
    PLAN_ALLOWANCES,
    PRICE_COLUMNS,
    SAVINGS_PLAN_COLUMNS,
    SAVINGS_PLANS,
    SPOT_SAVING_COLUMNS,
    SPOT_SAVINGS,
    Manifest,
    Part,
    PriceFile,
    partition_kind,
    partition_path,
    price_rows,
    write_folder,
)
from costmodel.services.needs import PRICE_NEEDS

REGION = "eu-west-1"
SERVICES = ("AWSLambda", "AmazonEC2", "AmazonRoute53", "AmazonS3", "awskms")
TYPES = ("m7g.large", "c7g.large", "t4g.medium")
"""EC2 instance types of the small region."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
NO_OTHERS = {
    "AWS_CONFIG_FILE": "nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "nowhere",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Settings that keep boto3 from finding credentials of its own."""
TABLES = {
    PLAN_ALLOWANCES: PLAN_ALLOWANCE_COLUMNS,
    SAVINGS_PLANS: SAVINGS_PLAN_COLUMNS,
    SPOT_SAVINGS: SPOT_SAVING_COLUMNS,
}
YEAR_S = 365 * 86_400
SKU_OF_PLAN = "BB7BKBSC6NZW7P5B"

Charged = Mapping[PriceQuery, tuple[object, ...]]
"""Unit, currency and tiers by query."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What AWS charges; has what `wire_products` needs of a price book."""

    stated: tuple[Price, ...]
    allowances: tuple[FreeAllowance, ...]

    def prices(self) -> tuple[Price, ...]:
        return self.stated

    def of(self, service_code: str) -> Truth:
        return Truth(tuple(p for p in self.stated if p.query.service_code == service_code), self.allowances)

    def times(self, factor: Decimal) -> Truth:
        """Everything at so many times its price."""
        return Truth(tuple(_times(price, factor) for price in self.stated), self.allowances)

    def wire(self, *, seed: int = 1, decoys: bool = True) -> dict[str, list[Document]]:
        """As decoded GetProducts products by service code."""
        return wire_products(self, NEEDS, seed=seed, decoys=decoys)  # type: ignore[arg-type]


DECIMALS = Decimal("1e-10")
"""AWS states a price with ten decimals."""


def _times(price: Price, factor: Decimal) -> Price:
    tiers = (
        replace(tier, list_unit_price=(tier.list_unit_price * factor).quantize(DECIMALS))
        for tier in price.tiers
    )
    return replace(price, tiers=tuple(tiers))


def _small(price: Price) -> bool:
    query = price.query
    instance_type = query.usage_type.removeprefix("BoxUsage:")
    return (
        query.service_code in SERVICES
        and query.region_id in (REGION, "global")
        and (instance_type == query.usage_type or instance_type in TYPES)
        and any(need.covers(query) for need in PRICE_NEEDS)
    )


SMALL = tuple(price for price in PriceBook.shipped().prices() if _small(price))
NEEDS: tuple[PriceNeed, ...] = tuple(
    need for need in PRICE_NEEDS if any(need.covers(price.query) for price in SMALL)
)
TODAY = Truth(SMALL, tuple(of for of in PriceBook.shipped().allowances if of.service_code in SERVICES))


def small_snapshot(folder: Path) -> Path:
    """Write the small region as a price folder, as it would ship."""
    shipped = PriceBook.shipped()
    files: dict[tuple[str, str, str], list[Price]] = {}
    for price in SMALL:
        query = price.query
        files.setdefault((query.service_code, query.region_id, partition_kind(query.term)), []).append(price)
    parts = [
        Part(
            partition_path(service_code, region_id, kind),
            kind,
            PRICE_COLUMNS,
            [row for price in sorted(of, key=lambda price: price.query) for row in price_rows(price)],
            service_code,
            region_id,
        )
        for (service_code, region_id, kind), of in files.items()
    ]
    parts += [
        Part(path, DISCOUNTS, columns, shipped.table(path, columns)) for path, columns in TABLES.items()
    ]
    allowances = [row for row in shipped.table(FREE_TIER, ALLOWANCE_COLUMNS) if row[1] in SERVICES]
    parts.append(Part(FREE_TIER, ALLOWANCES, ALLOWANCE_COLUMNS, allowances))
    entries = tuple(part.entry() for part in parts)
    write_folder(folder, parts, Manifest("2026-10-06", (REGION,), "a small region", entries))
    return folder


class Cloud:
    """The servers, and what they say. `with Cloud.open() as cloud:` starts them."""

    def __init__(self, price_lists: AwsServer, commitments: CommitmentsServer) -> None:
        self.price_lists = price_lists
        self.commitments = commitments

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Cloud]:
        with AwsServer() as price_lists, CommitmentsServer() as commitments:
            yield cls(price_lists, commitments)

    @property
    def environment(self) -> dict[str, str]:
        """What sends boto3 and the downloads here."""
        return {
            **CREDENTIALS,
            **NO_OTHERS,
            "AWS_ENDPOINT_URL_PRICING": self.price_lists.url,
            "AWS_ENDPOINT_URL_SAVINGSPLANS": self.commitments.url,
            "AWS_ENDPOINT_URL_EC2": self.commitments.url,
            "COSTMODEL_PRICE_LIST_URL": self.price_lists.url,
        }

    def charge(self, truth: Truth, *, seed: int = 1) -> None:
        """Charge this from now on, for everything."""
        self.list(truth.wire(seed=seed))
        self.sell_plans(truth)

    def list(self, products: dict[str, list[Document]]) -> None:
        """List these products: through the Query API, in the public files, and by date."""
        self.serve(products, price_list_files(products), (REGION,))

    def serve(
        self, products: dict[str, list[Document]], files: dict[str, bytes], region_ids: Iterable[str]
    ) -> None:
        """List these products, and these files of them."""
        self.price_lists.products = products
        self.price_lists.files = self.price_lists.files | files
        self.price_lists.price_lists = dated_lists(products, region_ids)

    def reissue(self, under: str, version: str, publication_date: str) -> None:
        """All price list files under this path are of that edition from now on, and what leads to them names it."""
        files: dict[str, bytes] = {}
        for path, content in self.price_lists.files.items():
            if under not in path:
                files[path] = content
                continue
            if b'"products"' in content:
                head = {"version": version, "publicationDate": publication_date}
                content = json.dumps(json.loads(content) | head, indent=2).encode()
            renamed = content.replace(f"/{VERSION}/".encode(), f"/{version}/".encode())
            files[path.replace(f"/{VERSION}/", f"/{version}/")] = renamed
        self.price_lists.files = files
        dated = json.dumps(self.price_lists.price_lists)
        for code in self.price_lists.products:
            if under in f"/aws/{code}/":
                dated = dated.replace(f"aws/{code}/USD/{VERSION}/", f"aws/{code}/USD/{version}/")
                dated = dated.replace(f"aws/{code}/{VERSION}/", f"aws/{code}/{version}/")
        self.price_lists.price_lists = json.loads(dated)

    def sell_plans(self, truth: Truth) -> None:
        """Sell Savings Plans 30 % below these prices, and spot instances 60 % below."""
        self.sell(plan_rates(truth.stated))
        self.commitments.spot = list(_spot_changes(truth.stated))

    def sell(self, rates: Iterable[PlanRate]) -> None:
        """Sell Savings Plans at these rates: through the API and in the public file."""
        found = list(rates)
        self.commitments.rates = [_api_rate(*rate) for rate in found]
        self.price_lists.files = self.price_lists.files | _plan_files("Compute", found)
        if any(_plan_of(rate) == "Database" for rate in found):
            self.price_lists.files = self.price_lists.files | _plan_files("Database", found)


@contextmanager
def reachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud that boto3 and the downloads of this process go to, with retries that do not wait."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    session = boto3.session.Session()  # each new one reads its data files again
    monkeypatch.setattr("boto3.session.Session", lambda: session)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with Cloud.open() as cloud:
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        yield cloud


@contextmanager
def small_aws(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Cloud]:
    """The small AWS at today's prices, and its snapshot as the one that ships."""
    snapshot = small_snapshot(folder / "small")
    monkeypatch.setattr("costmodel.pricing.shelf.shipped", lambda _: snapshot)
    monkeypatch.setattr("costmodel.pricing.book.shipped", lambda _: snapshot)
    monkeypatch.setattr("costmodel.services.needs.PRICE_NEEDS", NEEDS)
    with reachable(monkeypatch) as cloud:
        cloud.charge(TODAY)
        yield cloud


@contextmanager
def whole_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """AWS as the snapshot that ships has it, among decoys; plans and spot prices for the small region."""
    book = PriceBook.shipped()
    here = Truth(tuple(book.prices(REGION)), book.allowances)
    monkeypatch.setattr("costmodel.services.needs.PRICE_NEEDS", answered_by(book, PRICE_NEEDS))
    with reachable(monkeypatch) as cloud:
        cloud.serve(*_whole_list(), book.regions())
        cloud.sell_plans(here)
        yield cloud


@cache
def _whole_list() -> tuple[dict[str, list[Document]], dict[str, bytes]]:
    products = wire_products(PriceBook.shipped(), answered_by(PriceBook.shipped(), PRICE_NEEDS))
    return products, price_list_files(products)


def dated_lists(products: Iterable[str], region_ids: Iterable[str]) -> dict[str, Document]:
    """What ListPriceLists knows, for `AwsServer.price_lists`."""
    regions = tuple(region_ids)
    return {
        f"arn:aws:pricing:::price-list/aws/{service}/USD/{VERSION}/{region}": {
            "PriceListArn": f"arn:aws:pricing:::price-list/aws/{service}/USD/{VERSION}/{region}",
            "RegionCode": region,
            "CurrencyCode": "USD",
            "FileFormats": ["json"],
            "ServiceCode": service,
            "Path": f"/offers/v1.0/aws/{service}/{VERSION}/{region}/index",
        }
        for service in products
        for region in regions
    }


PlanRate = tuple[str, str, str, Decimal, str]
"""Service, usage type on the wire, operation, rate and unit."""


def plan_ratio(service_code: str) -> Decimal:
    """Share of the on-demand price that a Savings Plans rate is here."""
    return Decimal("0.7") if service_code == "AmazonEC2" else Decimal("0.85")


def plan_rates(prices: Iterable[Price]) -> Iterator[PlanRate]:
    """Rates of a Compute and a Database Savings Plan, 30 % below these prices of EC2 and 15 % below the others."""
    for price in prices:
        query = price.query
        if query.term != ON_DEMAND:
            continue
        rate = price.tiers[0].list_unit_price * plan_ratio(query.service_code)
        if query.usage_type.startswith("BoxUsage:"):
            yield query.service_code, f"EU-{query.usage_type}", "RunInstances", rate, "Hrs"
        elif query.usage_type.startswith("Lambda-GB-Second"):
            yield query.service_code, f"EU-{query.usage_type}", "Invoke", rate, price.pricing_unit
        elif query.usage_type in ("ReadRequestUnits", "WriteRequestUnits"):
            operation = "PayPerRequestThroughput"
            yield query.service_code, f"EU-{query.usage_type}", operation, rate, price.pricing_unit


def _plan_of(rate: PlanRate) -> str:
    return "Database" if rate[0] == "AmazonDynamoDB" else "Compute"


def _api_rate(service_code: str, usage_type: str, operation: str, rate: Decimal, unit: str) -> Document:
    """A DescribeSavingsPlansOfferingRates result."""
    plan = _plan_of((service_code, usage_type, operation, rate, unit))
    return {
        "savingsPlanOffering": {
            "offeringId": "0f0f0f0f-0000-1111-2222-333344445555",
            "paymentOption": "No Upfront",
            "planType": plan,
            "durationSeconds": YEAR_S,
            "currency": "USD",
            "planDescription": f"1 year No Upfront {plan} Savings Plan",
        },
        "rate": f"{rate:f}",
        "unit": unit,
        "productType": "EC2",
        "serviceCode": service_code,
        "usageType": usage_type,
        "operation": operation,
        "properties": [{"name": "region", "value": REGION}],
    }


PLAN_LISTS = {"Compute": "AWSComputeSavingsPlan", "Database": "AWSDatabaseSavingsPlans"}


def _plan_files(plan: str, rates: Iterable[PlanRate]) -> dict[str, bytes]:
    """A Savings Plan's public index and file."""
    root = f"/savingsPlan/v1.0/aws/{PLAN_LISTS[plan]}"
    of_plan = [rate for rate in rates if _plan_of(rate) == plan]
    path = f"{root}/{VERSION}/{REGION}/index.json"
    document = {
        "version": VERSION,
        "publicationDate": PUBLICATION_DATE,
        "regionCode": REGION,
        "products": [
            {
                "sku": SKU_OF_PLAN,
                "productFamily": f"{plan}SavingsPlans",
                "attributes": {"purchaseOption": "No Upfront", "purchaseTerm": "1yr"},
            }
        ],
        "terms": {
            "savingsPlan": [
                {
                    "sku": SKU_OF_PLAN,
                    "leaseContractLength": {"duration": 1, "unit": "year"},
                    "rates": [
                        {
                            "discountedServiceCode": service_code,
                            "discountedUsageType": usage_type,
                            "discountedOperation": operation,
                            "discountedRate": {"price": f"{rate:f}", "currency": "USD"},
                            "discountedRegionCode": REGION,
                            "rateCode": f"{SKU_OF_PLAN}.{place}",
                            "unit": unit,
                        }
                        for place, (service_code, usage_type, operation, rate, unit) in enumerate(of_plan)
                    ],
                }
            ]
        },
    }
    index = {"regions": [{"regionCode": REGION, "versionUrl": path}]}
    return {
        f"{root}/current/region_index.json": json.dumps(index).encode(),
        path: json.dumps(document).encode(),
    }


def _spot_changes(prices: Iterable[Price]) -> Iterator[Document]:
    for price in prices:
        query = price.query
        if query.term == ON_DEMAND and query.usage_type.startswith("BoxUsage:"):
            yield {
                "instanceType": query.usage_type.removeprefix("BoxUsage:"),
                "productDescription": "Linux/UNIX",
                "spotPrice": f"{price.tiers[0].list_unit_price * Decimal('0.4'):.6f}",
                "timestamp": "2026-10-01T00:00:00.000Z",
                "availabilityZone": f"{REGION}a",
            }


def said(book: PriceBook, file: PriceFile) -> Charged:
    """What a file of a book says is charged."""
    return {price.query: what_is_charged(price) for price in book.prices_of(file)}


def stated(truth: Truth) -> Mapping[str, Charged]:
    """What each file of the price folder must say at a truth: list prices, plans and spot prices."""
    found: dict[str, dict[PriceQuery, tuple[object, ...]]] = {}

    def state(query: PriceQuery, charged: tuple[object, ...]) -> None:
        path = partition_path(query.service_code, query.region_id, partition_kind(query.term))
        found.setdefault(path, {})[query] = charged

    for price in truth.stated:
        query, first = price.query, price.tiers[0].list_unit_price
        state(query, what_is_charged(price))
        if query.term != ON_DEMAND:
            continue
        if query.usage_type.startswith(("BoxUsage:", "Lambda-GB-Second")):
            plan = replace(query, term="SavingsPlan Compute 1yr No Upfront")
            state(plan, (price.pricing_unit, "USD", ((0, None, first * plan_ratio(query.service_code)),)))
        if query.usage_type.startswith("BoxUsage:"):
            name = query.usage_type.replace("BoxUsage", "SpotUsage")
            usd = Decimal(f"{first * Decimal('0.4'):.6f}")
            for statistic in ("mean", "lowest", "highest"):
                apart = (("statistic", statistic), ("zone", f"{REGION}a"))
                spot = replace(query, usage_type=name, attributes=apart, term="Spot")
                state(spot, ("Hrs", "USD", ((0, None, usd),)))
    return found


def moved_truth(random: Random) -> Truth:
    """Today's prices with each one changed a little, or not: no two of them are the same.

    Those of a service move together but for 3 %, so that three years still cost less than one.
    """
    together = {code: Decimal(random.randint(75, 135)) / 100 for code in SERVICES}
    factors = [together[price.query.service_code] * random.randint(97, 103) / 100 for price in SMALL]
    return Truth(tuple(map(_times, SMALL, factors)), TODAY.allowances)
