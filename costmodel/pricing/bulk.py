"""Price list files of any size: products that are wanted, with their terms, in bounded memory.

A file holds one service, in one region or all; JSON or CSV; as it is or compressed with gzip. AWS's
largest regional file has about 450 MB of JSON. The whole file is read and checked before the first
product is given out.

Source: AWS Billing User Guide, "Reading the service price list file for an AWS service".
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from io import BufferedReader
from pathlib import Path

import msgspec

from costmodel.errors import PriceFileCorrupt
from costmodel.pricing.bulk_csv import read_csv
from costmodel.pricing.bulk_json import read_json
from costmodel.pricing.bulk_store import EntryStore, Record
from costmodel.pricing.offer import (
    FLAT_RATE,
    Edition,
    OfferedProduct,
    Product,
    Term,
    refuse_no_edition,
    refuse_other_edition,
    refuse_repeats,
)
from costmodel.pricing.price import ON_DEMAND, RESERVED
from costmodel.pricing.unpacking import MAGIC, open_unpacked

FORMAT_VERSION = "v1.0"
LOST_RATIO = Decimal("0.01")
"""Share of a file's SKUs that may have terms and no product before the file is taken for damaged.

Source: engineering choice. Each term belongs to a product (AWS Billing User Guide, "Reading the service price list file
for an AWS service"); that AWS never leaves the terms of a retired product behind is not promised anywhere. One in a
hundred is more than it retires at once, and less than what is lost with a chunk of a file.
"""

_PRODUCT = msgspec.json.Decoder(Product)
_TERMS = msgspec.json.Decoder(dict[str, Term])


@dataclass(frozen=True, slots=True)
class OfferCounts:
    """What a price list file was made of."""

    products: int
    kept: int
    products_without_terms: int
    """Products nobody can buy: no term of any kind."""
    terms_without_product: int
    """SKUs with terms that no product belongs to; they are left out."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A price list file that was read to its end. Iterating gives the kept products in file order.

    Iterating raises PriceFileCorrupt at a product whose terms are malformed.
    """

    path: Path
    edition: Edition
    counts: OfferCounts
    store: EntryStore

    def refuse_lost(self, needed: Collection[str]) -> None:
        """Raises PriceFileCorrupt where products are lost whose terms are there: one of the needed SKUs, or more than
        LOST_RATIO of the file and more than a single one.
        """
        orphans = self.store.without_product
        lost = [sku for sku in orphans if sku in needed]
        if lost or len(orphans) > self._most_lost:
            named = (
                f"{len(lost)} of them needed, such as {lost[0]}" if lost else f"such as {next(iter(orphans))}"
            )
            told = f"SKUs with terms and no product: {len(orphans)}, {named}; products are missing"
            raise PriceFileCorrupt(self.path, "its terms", told)

    @property
    def _most_lost(self) -> Decimal:
        skus = self.counts.products + self.counts.terms_without_product
        return max(Decimal(1), LOST_RATIO * skus)

    def __iter__(self) -> Iterator[OfferedProduct]:
        for records in self.store:
            yield _offered(self.path, self.edition, records)


def read_offer(
    path: Path,
    wanted: Callable[[Product], bool],
    terms: Collection[str] = (ON_DEMAND, RESERVED, FLAT_RATE),
    *,
    service_code: str | None = None,
    version: str | None = None,
) -> Offer:
    """Read the price list file at `path`; keep products that are wanted and their terms of these kinds.

    A kept product without a term of these kinds is given out with no terms. `service_code` is the
    offer the file must be of, `version` the edition that the index names. Raises PriceFileCorrupt for a
    file that is missing, cut short, malformed, of another service, edition or format version, or lists a SKU twice.
    """
    try:
        start = _start(path)
        if start.startswith(b"{"):
            found = read_json(lambda: opened(path), path, wanted, terms)
            store, head = found.store, found.head
        elif start.lstrip(b'"').startswith(b"FormatVersion"):
            with opened(path) as stream:
                store, head = read_csv(stream, path, wanted, terms)
        else:
            raise PriceFileCorrupt(
                path, "its start", f"{start[:20]!r} begins neither a JSON nor a CSV price list"
            )
    except (OSError, EOFError, zlib.error) as error:
        raise PriceFileCorrupt(path, "reading it", f"{error}") from error
    return Offer(path, _edition(path, head, service_code, version), _counts(store), store)


def _start(path: Path) -> bytes:
    with opened(path) as stream:
        return stream.read(1024).lstrip()


def opened(path: Path) -> BufferedReader:
    """The content, decompressed where needed. What it is tells, not its name."""
    stream: BufferedReader = path.open("rb")
    if not stream.peek(len(MAGIC)).startswith(MAGIC):
        return stream
    stream.close()
    return open_unpacked(path)


def _edition(path: Path, head: dict[str, str], service_code: str | None, version: str | None) -> Edition:
    """Raises PriceFileCorrupt for a head that is not the one of this service's price list."""

    def fault(problem: str) -> PriceFileCorrupt:
        return PriceFileCorrupt(path, "its head", problem)

    missing = [
        name for name in ("formatVersion", "offerCode", "version", "publicationDate") if not head.get(name)
    ]
    if missing:
        raise fault(f"no {', '.join(missing)}")
    if head["formatVersion"] != FORMAT_VERSION:
        raise fault(f"format version {head['formatVersion']}; this costmodel reads {FORMAT_VERSION}")
    if service_code not in (None, head["offerCode"]):
        raise fault(f"prices of {head['offerCode']}, not of {service_code}")
    try:
        refuse_no_edition(head["version"], head["publicationDate"])
        refuse_other_edition(head["version"], version)
    except ValueError as error:
        raise fault(str(error)) from error
    return Edition(head["offerCode"], head["version"], head["publicationDate"])


def _counts(store: EntryStore) -> OfferCounts:
    return OfferCounts(store.products, store.kept, store.products_without_terms, len(store.without_product))


def _offered(path: Path, edition: Edition, records: list[Record]) -> OfferedProduct:
    (_, content), *others = records
    product = _PRODUCT.decode(content)
    place = f"product {product.sku}"
    _refuse_repeats(path, place, content, product)
    terms: dict[str, dict[str, Term]] = {}
    for kind, content in others:
        try:
            found = _TERMS.decode(content)
        except ValueError as error:
            raise PriceFileCorrupt(path, place, f"{kind} terms: {error}") from error
        _refuse_repeats(path, place, content, found, f"{kind} terms: ")
        of_kind = terms.setdefault(kind, {})
        for key, term in found.items():
            if term.sku != product.sku:
                raise PriceFileCorrupt(path, place, f"{kind} term {key} is of SKU {term.sku}")
            if key in of_kind:
                if of_kind[key].effective_date != term.effective_date:
                    raise PriceFileCorrupt(path, place, f"rates of {kind} term {key} begin on different days")
                term = _joined(of_kind[key], term)
            of_kind[key] = term
    return OfferedProduct(product, {kind: tuple(of.values()) for kind, of in terms.items()}, edition)


def _refuse_repeats(
    path: Path, place: str, content: bytes, decoded: Product | dict[str, Term], what: str = ""
) -> None:
    try:
        refuse_repeats(content, decoded)
    except ValueError as error:
        raise PriceFileCorrupt(path, place, f"{what}{error}") from error


def _joined(term: Term, rest: Term) -> Term:
    """One term of two that each hold some of its rates, or one rate in several currencies."""
    dimensions = dict(term.price_dimensions)
    for code, dimension in rest.price_dimensions.items():
        if code in dimensions:
            prices = dimensions[code].price_per_unit | dimension.price_per_unit
            dimension = msgspec.structs.replace(dimension, price_per_unit=prices)
        dimensions[code] = dimension
    return msgspec.structs.replace(term, price_dimensions=dimensions)
