"""The price book: answers price queries from a price folder, through its index or the files it needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from costmodel.errors import AmbiguousPrice, PriceBookNotFound, PriceCacheCorrupt, PriceNotFound
from costmodel.pricing.index import PriceIndex, cache_folder, index_folder, open_or_build
from costmodel.pricing.price import GLOBAL, ON_DEMAND, FreeAllowance, Price, PriceQuery
from costmodel.pricing.price import SPOT as SPOT_TERM
from costmodel.pricing.snapshot import (
    ALLOWANCE_COLUMNS,
    FREE_TIER,
    MANIFEST,
    PRICE_COLUMNS,
    PRICE_KINDS,
    PRICES,
    RESERVED,
    SAVINGS,
    SPOT,
    SPOT_SAVINGS,
    WHAT_NEXT,
    Manifest,
    PriceFile,
    Row,
    decimal,
    ladder,
    partition_kind,
    read_manifest,
    read_rows,
    read_verified,
)
from costmodel.pricing.spot import SERVICE_CODE as SPOT_SERVICE
from costmodel.pricing.spot import USAGE as SPOT_USAGE
from costmodel.pricing.spot import spot_hours
from costmodel.shipped import shipped

NAMES = {
    PRICES: "prices",
    RESERVED: "reserved prices",
    SAVINGS: "Savings Plans rates",
    SPOT: "spot prices",
}
"""What a message calls each kind of price file."""

SOURCE_AT, AS_OF_AT = PRICE_COLUMNS.index("source"), PRICE_COLUMNS.index("as_of")

Partition = Mapping[str, list[Row]]
"""Rows of one file by usage type."""


@dataclass(frozen=True, slots=True)
class ServiceCoverage:
    """What the book holds of one service."""

    service_code: str
    region_ids: tuple[str, ...]
    files: int
    rows: int
    oldest_as_of: str
    newest_as_of: str
    origins: tuple[str, ...]
    """`snapshot`, or how AWS was asked: `api`, `bulk`, `list`."""
    retrieved_at: str
    """When AWS was last asked, ISO 8601 in UTC; empty if never."""
    confirmed_on: str
    """The last day on which every price was known to be AWS's: YYYY-MM-DD."""
    kept_rows: int
    """Rows that AWS's list did not tell when it was last asked: they are as old as they say."""


class PriceBook:
    """Prices of one folder. Reading it changes nothing; asking twice reads once."""

    def __init__(self, folder: Path, indexes: Path | None = None) -> None:
        """Open a price folder; raises PriceCacheCorrupt if its manifest is missing, unusable or ambiguous.

        With a folder of indexes, single prices are looked up in this book's index there.
        """
        self.folder = folder
        self._indexes = indexes
        self.manifest: Manifest = read_manifest(folder)
        _check_listed_once(folder, self.manifest.files)
        self._partition_files = {
            (file.service_code, file.region_id, file.kind): file
            for file in self.manifest.files
            if file.kind in PRICE_KINDS
        }
        self._partitions: dict[str, Partition] = {}
        self._tables: dict[str, list[Row]] = {}
        self._answers: dict[PriceQuery, Price] = {}
        self._allowances: tuple[FreeAllowance, ...] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        """A book travels to another process by its digest: the prices are read again there."""
        return _open_again, (self.folder, self._indexes is not None, self.digest)

    @classmethod
    def shipped(cls) -> PriceBook:
        """The snapshot that comes with the package."""
        return cls(shipped("pricing_cache"), index_folder(cache_folder()))

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: two books with the same digest hold the same prices."""
        return self.manifest.digest

    @property
    def oldest_as_of(self) -> str:
        return min(file.oldest_as_of for file in self.manifest.files if file.rows)

    @property
    def newest_as_of(self) -> str:
        return max(file.newest_as_of for file in self.manifest.files if file.rows)

    @property
    def given(self) -> tuple[Price, ...]:
        """Every price asked for so far."""
        return tuple(self._answers.values())

    @property
    def allowances(self) -> tuple[FreeAllowance, ...]:
        """Every always-free allowance, by id."""
        if self._allowances is None:
            self._allowances = self._read_allowances()
        return self._allowances

    def regions(self) -> tuple[str, ...]:
        """Region codes every regional service is priced in."""
        return self.manifest.regions

    def coverage(self) -> tuple[ServiceCoverage, ...]:
        """What the book holds, service by service."""
        by_service: dict[str, list[PriceFile]] = defaultdict(list)
        for file in self.manifest.files:
            if file.kind in PRICE_KINDS:
                by_service[file.service_code].append(file)
        return tuple(self._coverage(code, files) for code, files in sorted(by_service.items()))

    def _coverage(self, service_code: str, files: list[PriceFile]) -> ServiceCoverage:
        days, kept = [], 0
        for file in files:
            if not file.retrieved_at:
                days.append(file.oldest_as_of)
                continue
            for row in self._rows_of(file):
                days.append(file.confirmed_on(row[SOURCE_AT], row[AS_OF_AT]))
                kept += days[-1] < file.retrieved_at[:10]
        return ServiceCoverage(
            service_code=service_code,
            region_ids=tuple(sorted({file.region_id for file in files})),
            files=len(files),
            rows=sum(file.rows for file in files),
            oldest_as_of=min(file.oldest_as_of for file in files),
            newest_as_of=max(file.newest_as_of for file in files),
            origins=tuple(sorted({file.origin for file in files})),
            retrieved_at=max(file.retrieved_at for file in files),
            confirmed_on=min(days),
            kept_rows=kept,
        )

    def _rows_of(self, file: PriceFile) -> Iterator[Row]:
        for rows in self._read(file).values():
            yield from rows

    def confirmed_on(self, price: Price) -> str:
        """The last day on which one of this book's prices was known to be AWS's: YYYY-MM-DD.

        A price list is often older than the day it was fetched and still the current one. Prices that
        AWS was not asked for keep their own date: those that a list left in its file as they were, of no
        edition or an older one, and spot prices inferred because the history lacks their type.
        """
        if self.is_inferred(price):
            return price.as_of
        return self.file_of(price).confirmed_on(price.source, price.as_of)

    def is_inferred(self, price: Price) -> bool:
        """Whether this is a spot price that the Spot Advisor lets expect, and AWS's history does not tell."""
        return price.query.term == SPOT_TERM and not self.committed(price.query)

    def file_of(self, price: Price) -> PriceFile:
        """The file that one of this book's prices stands in; of an inferred spot price, the Spot Advisor's."""
        query = price.query
        kind = partition_kind(query.term)
        place = query.service_code, query.region_id, kind
        if kind == SPOT and place not in self._partition_files:
            return next(file for file in self.manifest.files if file.path == SPOT_SAVINGS)
        return self._partition_files[place]

    def verify(self) -> None:
        """Check every file against its checksum; raises PriceCacheCorrupt at the first that differs."""
        for file in self.manifest.files:
            self.verify_file(file)

    def verify_file(self, file: PriceFile) -> None:
        """Check one file against its checksum; raises PriceCacheCorrupt if it differs."""
        read_verified(self.folder, file)

    def price(self, query: PriceQuery) -> Price:
        """The published price of exactly this query.

        Raises PriceNotFound; AmbiguousPrice if the query leaves out attributes that tell several
        prices apart; PriceCacheCorrupt. Another region's price is never used, and an attribute is
        never filled in: the one engine priced in this region may not be the one that was meant. Spot
        hours without a zone are the mean over zones, or what the Spot Advisor lets infer (`spot`).
        """
        if query not in self._answers:
            self._answers[query] = self._find(query)
        return self._answers[query]

    def prices(
        self,
        region_id: str | None = None,
        service_code: str | None = None,
        kinds: Collection[str] = (PRICES, RESERVED),
    ) -> Iterator[Price]:
        """Every price of the book, or of one region or service."""
        for file in self.manifest.files:
            if (
                file.kind in kinds
                and region_id in (None, file.region_id)
                and service_code in (None, file.service_code)
            ):
                yield from self.prices_of(file)

    def prices_of(self, file: PriceFile) -> Iterator[Price]:
        """Every price of one file. Raises PriceCacheCorrupt for a tier, number or file that is damaged."""
        for rows in self._read(file).values():
            yield from self._prices(file, rows)

    def on_demand(self, query: PriceQuery) -> tuple[Price, ...]:
        """Every on-demand price of this usage type, whatever its attributes; empty where the book has none.

        Raises PriceCacheCorrupt.
        """
        file = self._partition_files.get((query.service_code, query.region_id, PRICES))
        if file is None:
            return ()
        prices = self._prices(file, self._rows(file, query.usage_type))
        return tuple(price for price in prices if price.query.term == ON_DEMAND)

    def committed(self, query: PriceQuery) -> tuple[Price, ...]:
        """Every price of this usage type that is not on demand: reserved, Savings Plans, spot, fees.

        Attributes and term of the query do not matter; empty where the book has none. Raises
        PriceCacheCorrupt.
        """
        place = query.service_code, query.region_id
        files = [self._partition_files.get((*place, kind)) for kind in (RESERVED, SAVINGS, SPOT)]
        return tuple(
            price
            for file in files
            if file is not None
            for price in self._prices(file, self._rows(file, query.usage_type))
        )

    def table(self, path: str, columns: Sequence[str]) -> list[Row]:
        """Rows of a file that spans services, such as `free_tier.csv`. Raises PriceCacheCorrupt."""
        if path not in self._tables:
            file = next((file for file in self.manifest.files if file.path == path), None)
            if file is None:
                raise PriceCacheCorrupt(f"{self.folder / MANIFEST}: does not list {path}. {WHAT_NEXT}")
            self._tables[path] = read_rows(self.folder, file, columns)
        return self._tables[path]

    def search(
        self,
        text: str,
        region_id: str | None = None,
        service_code: str | None = None,
    ) -> list[Price]:
        """Prices whose service, usage type, description or attributes contain `text`, in any case."""
        wanted = text.casefold()
        return [
            price for price in self.prices(region_id, service_code, (PRICES,)) if wanted in _searchable(price)
        ]

    def _read_allowances(self) -> tuple[FreeAllowance, ...]:
        return tuple(_allowance(row) for row in self.table(FREE_TIER, ALLOWANCE_COLUMNS))

    def _find(self, query: PriceQuery) -> Price:
        kind = partition_kind(query.term)
        if _is_spot_hours(query):
            return spot_hours(self, query)
        file = self._partition_files.get((query.service_code, query.region_id, kind))
        if file is None:
            raise PriceNotFound(self._no_partition(query, kind))
        rows = [row for row in self._rows(file, query.usage_type) if row[2] == query.term]
        prices = self._prices(file, rows)
        for price in prices:
            if price.query == query:
                return price
        matches = [p for p in prices if set(query.attributes) < set(p.query.attributes)]
        if len(matches) > 1:
            raise AmbiguousPrice(_ambiguous(query, matches))
        raise PriceNotFound(lambda: self._not_in_partition(query, file))

    def _rows(self, file: PriceFile, usage_type: str) -> Sequence[Row]:
        """Rows of one usage type; none where the file has none."""
        if self._index is None:
            return self._read(file).get(usage_type, ())
        return self._index.rows(file.path, usage_type)

    @cached_property
    def _index(self) -> PriceIndex | None:
        if self._indexes is None:
            return None
        return open_or_build(self._indexes, self.digest, self._all_partitions())

    def _all_partitions(self) -> Iterator[tuple[str, Partition]]:
        for file in self._partition_files.values():
            yield file.path, self._read(file)

    def _read(self, file: PriceFile) -> Partition:
        if file.path not in self._partitions:
            by_usage_type: dict[str, list[Row]] = defaultdict(list)
            for row in read_rows(self.folder, file, PRICE_COLUMNS):
                by_usage_type[row[0]].append(row)
            self._partitions[file.path] = dict(by_usage_type)
        return self._partitions[file.path]

    def _prices(self, file: PriceFile, rows: Iterable[Row]) -> list[Price]:
        by_key: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            by_key[row[1], row[2]].append(row)
        try:
            return [_price(file, group) for group in by_key.values()]
        except ValueError as error:
            raise PriceCacheCorrupt(f"{self.folder / file.path}: {error}. {WHAT_NEXT}") from error

    def _no_partition(self, query: PriceQuery, kind: str) -> str:
        services = sorted({code for code, _, _ in self._partition_files})
        places = sorted(
            place for code, place, of in self._partition_files if (code, of) == (query.service_code, kind)
        )
        what = NAMES[kind]
        if query.service_code not in services:
            problem = f"no service {query.service_code!r} in the price book, which has {', '.join(services)}"
        elif not places:
            problem = f"no {what} for {query.service_code} in any region"
        else:
            problem = (
                f"no {what} for {query.service_code} in {query.region_id!r}; the book has {', '.join(places)}"
            )
        return f"no price for {query}: {problem}. See `costmodel prices status`."

    def _not_in_partition(self, query: PriceQuery, file: PriceFile) -> str:
        partition = self._read(file)
        there = self._prices(file, partition.get(query.usage_type, ()))
        if there:
            known = _listed(str(price.query) for price in there)
            return f"no price for {query}. Under that usage type the book has: {known}. {_show(query, query.usage_type)}"
        close = get_close_matches(query.usage_type, partition, n=3, cutoff=0.5)
        elsewhere = self._partition_files.get((query.service_code, GLOBAL, file.kind))
        if elsewhere and elsewhere is not file and query.usage_type in self._read(elsewhere):
            return f"no price for {query}: it is priced in region_id {GLOBAL!r}, not by region."
        nearest = f"Closest names there: {_listed(close)}." if close else "No name there comes close."
        return f"no price for {query}. {nearest} {_show(query, close[0] if close else query.service_code)}"


def _open_again(folder: Path, indexed: bool, digest: str) -> PriceBook:
    """The book of this digest: in the same folder, or among those that stand on this machine."""
    indexes = index_folder(cache_folder()) if indexed else None
    for place in (folder, shipped("pricing_cache")):
        try:
            book = PriceBook(place, indexes)
        except PriceCacheCorrupt:
            continue
        if book.digest == digest:
            return book
    raise PriceBookNotFound(
        f"the price book {digest[:12]} is neither in {folder} on this machine nor the one that ships with this "
        "version. Copy that folder here, or leave out --prices."
    )


def _check_listed_once(folder: Path, files: Iterable[PriceFile]) -> None:
    """Raises PriceCacheCorrupt where a manifest lists a file, or the prices of one place, twice."""
    paths: set[str] = set()
    places: set[tuple[str, str, str]] = set()
    for file in files:
        place = file.service_code, file.region_id, file.kind
        if file.path in paths or (file.kind in PRICE_KINDS and place in places):
            what = f"{file.path} or another file of the same service, region and kind"
            raise PriceCacheCorrupt(f"{folder / MANIFEST}: lists {what} twice. {WHAT_NEXT}")
        paths.add(file.path)
        places.add(place)


def _is_spot_hours(query: PriceQuery) -> bool:
    """Whether a query is about spot hours over all zones, which stand in no file."""
    named = query.service_code, query.term, query.attributes
    return named == (SPOT_SERVICE, SPOT_TERM, ()) and query.usage_type.startswith(SPOT_USAGE)


def _price(file: PriceFile, rows: list[Row]) -> Price:
    usage_type, attributes, term, description, unit, _, _, _, sku, _, source, _ = rows[0]
    units = sorted({row[4] for row in rows})
    if len(units) > 1:
        raise ValueError(f"the tiers of {usage_type} count in {' and '.join(units)}")
    return Price(
        query=PriceQuery(file.service_code, file.region_id, usage_type, _attributes(attributes), term),
        description=description,
        pricing_unit=unit,
        tiers=ladder([(row[5], row[6], row[7], row[9]) for row in rows]),
        source=source,
        as_of=min(row[11] for row in rows),
        sku_id=sku,
    )


def _attributes(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (pair.partition("=") for pair in text.split(";") if pair)
    return tuple((name, value) for name, _, value in pairs)


def _allowance(row: Row) -> FreeAllowance:
    allowance_id, service_code, usage_types, unit, quantity, per_region, source, as_of, note = row
    return FreeAllowance(
        allowance_id=allowance_id,
        service_code=service_code,
        usage_types=frozenset(usage_types.split(";")),
        pricing_unit=unit,
        quantity=decimal(quantity),
        per_region=per_region == "true",
        source=source,
        as_of=as_of,
        note=note,
    )


def _searchable(price: Price) -> str:
    return f"{price.query} {price.description}".casefold()


def _ambiguous(query: PriceQuery, matches: list[Price]) -> str:
    found = _listed(str(price.query) for price in matches)
    return f"{len(matches)} prices for {query}: {found}. Name the attributes to choose one."


def _show(query: PriceQuery, text: str) -> str:
    return f"See `costmodel prices show {text} --region {query.region_id}`."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
