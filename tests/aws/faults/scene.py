"""The stage for faults: a small AWS, the service that goes wrong, and what a kind of fault is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import Random

from aws.cloud import NEEDS, REGION, SERVICES, Cloud, Truth
from aws.fixtures import VERSION, Document, price_list_files, sku_of
from aws.server import Fault, Seen
from costmodel import errors as of
from costmodel.errors import PriceError
from costmodel.pricing.need import Place
from costmodel.pricing.origin import Source
from costmodel.pricing.price import ON_DEMAND, PriceQuery

API, BULK, LIST = Source.API, Source.BULK, Source.LIST
FILES = (BULK, LIST)
ALL = (API, BULK, LIST)
ALWAYS = 10_000
INDEX = "/offers/v1.0/aws/index.json"
OLDER = ("20250101000000", "2025-01-01T00:00:00Z")
REGIONAL = tuple(
    code
    for code in SERVICES
    if all(need.place is Place.REGION for need in NEEDS if need.service_code == code)
)
"""Services whose region has a file of its own."""
GONE = (of.NothingOffered, of.PricesWithdrawn, of.PlaceholderPrice)
"""What may come of a product that AWS lists no longer; a placeholder of 0 may be left in its place."""
HTML = b"<html><body>Log in to the airport's network</body></html>"

Rates = list[Document]


class Unfit(Exception):
    """This fault cannot happen to this service."""


@dataclass
class Scene:
    """A small AWS at its true prices, and one service of it that is about to go wrong."""

    cloud: Cloud
    random: Random
    source: Source
    service_code: str
    truth: Truth
    """What AWS charges."""
    now: datetime
    """When the refresh is made, by the clock of this machine."""
    timeout_s: float = 60.0
    """How long the refresh waits for an answer."""
    met: int | None = None
    """How often a fault of the wire was given; None where none is planted."""
    _listing: list[Document] | None = None

    @property
    def listing(self) -> list[Document]:
        """Products of the service, to be changed in place and listed with `relist`."""
        if self._listing is None:
            products = self.cloud.price_lists.products[self.service_code]
            self._listing = json.loads(json.dumps(products))
        return self._listing

    def relist(self) -> None:
        """AWS lists what `listing` holds from now on, all three ways."""
        lists = self.cloud.price_lists
        assert self.listing != lists.products[self.service_code], "nothing was changed"
        found = {self.service_code: self.listing}
        files = {path: text for path, text in price_list_files(found).items() if path != INDEX}
        lists.products = lists.products | found
        lists.files = lists.files | files

    def product(self, fits: Callable[[Document], object] = lambda _: True) -> Document:
        """A random product that is needed and fits. Twins that state the same price are unlisted."""
        real = {
            sku_of(f"{PriceQuery(q.service_code, q.region_id, q.usage_type, q.attributes)}")
            for q in (price.query for price in self.truth.stated)
        }
        fitting = [one for one in self.listing if one["product"]["sku"] in real and fits(one)]
        if not fitting:
            raise Unfit
        chosen = self.random.choice(fitting)
        attributes = chosen["product"]["attributes"]
        self._listing = [
            one
            for one in self.listing
            if one is chosen or one["product"]["attributes"] != attributes or is_free(one)
        ]
        return chosen

    def rates(self, least: int = 1) -> Rates:
        """The on-demand rates of a random product, at least so many, ascending; none of it is free."""
        product = self.product(lambda one: len(rates_of(one)) >= least and is_charged(one))
        return rates_of(product)

    @property
    def file(self) -> str:
        """Path of the service's price list file that the refresh reads."""
        if self.service_code in REGIONAL:
            return f"/offers/v1.0/aws/{self.service_code}/{VERSION}/{REGION}/index.json"
        return f"/offers/v1.0/aws/{self.service_code}/current/index.json"

    def serve(self, path: str, content: bytes) -> None:
        """The file is this from now on, with a checksum of its own."""
        files = self.cloud.price_lists.files
        assert files.get(path) != content, "nothing was changed"
        self.cloud.price_lists.files = files | {path: content}

    def without(self, path: str) -> None:
        """The file is not there any more."""
        files = self.cloud.price_lists.files
        self.cloud.price_lists.files = {known: text for known, text in files.items() if known != path}

    def content(self, path: str) -> bytes:
        return self.cloud.price_lists.files[path]

    def document(self, path: str) -> Document:
        return dict(json.loads(self.content(path)))

    def on_wire(
        self,
        concerns: Callable[[Seen], bool],
        answer: Fault | Callable[[Seen], Fault | None],
        times: int = ALWAYS,
        first: int = 0,
    ) -> None:
        """Give so many of the requests that it concerns this fault, after the first ones."""
        count = 0
        self.met = 0

        def hook(seen: Seen) -> Fault | None:
            nonlocal count
            if not concerns(seen):
                return None
            fault = answer(seen) if callable(answer) else answer
            count += fault is not None
            if fault is None or not first < count <= first + times:
                return None
            self.met = (self.met or 0) + 1
            return fault

        self.cloud.price_lists.fault = hook

    def asked(self, seen: Seen) -> bool:
        """Whether the Query API is asked about the service."""
        return seen.method == "POST" and self.service_code in seen.body.decode()

    def fetched(self, seen: Seen) -> bool:
        """Whether the service's file is fetched."""
        return seen.method == "GET" and seen.path == self.file

    @property
    def now_and_then(self) -> int:
        """Once, a few times, or always."""
        return self.random.choice((1, 1, 2, 3, ALWAYS))


def rates_of(product: Document) -> Rates:
    """Rates of a product's on-demand term, ascending."""
    for term in product["terms"].get(ON_DEMAND, {}).values():
        found: Rates = list(term["priceDimensions"].values())
        return sorted(found, key=lambda rate: Decimal(rate.get("beginRange", "0")))
    return []


def is_charged(product: Document) -> bool:
    """Whether every unit costs something."""
    return all(Decimal(rate["pricePerUnit"]["USD"]) for rate in rates_of(product))


def begins_free(product: Document) -> bool:
    """Whether only the first units cost nothing."""
    rates = rates_of(product)
    return len(rates) > 1 and not Decimal(rates[0]["pricePerUnit"]["USD"])


def is_free(product: Document) -> bool:
    """Whether it is a placeholder, or costs nothing."""
    return not any(Decimal(rate["pricePerUnit"]["USD"]) for rate in rates_of(product))


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can go wrong."""

    name: str
    plant: Callable[[Scene], None]
    """Raises Unfit where the service has nothing to go wrong with."""
    errors: frozenset[type[PriceError]]
    """What may be raised or listed."""
    exact: bool
    """AWS's true prices may get through."""
    withdrawn: bool
    """AWS no longer lists a price, which may be named as such: nobody can tell it from a withdrawal."""
    sources: tuple[Source, ...]
    services: tuple[str, ...]
    refreshed: bool
    """The book at hand must be one that AWS was asked for before."""


KINDS: list[Kind] = []


def kind(
    name: str,
    *allowed: type[PriceError],
    exact: bool = False,
    withdrawn: bool = False,
    sources: tuple[Source, ...] = ALL,
    services: tuple[str, ...] = SERVICES,
    refreshed: bool = False,
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Register what plants a fault of this kind."""

    def register(plant: Callable[[Scene], None]) -> Callable[[Scene], None]:
        KINDS.append(Kind(name, plant, frozenset(allowed), exact, withdrawn, sources, services, refreshed))
        return plant

    return register


ASKING = {"sources": (API,)}
"""Products are asked for."""
LISTING = {"sources": (LIST,), "services": REGIONAL}
"""Files are asked for, by date."""


def is_question(seen: Seen) -> bool:
    """Whether products are asked for."""
    return seen.operation == "GetProducts"
