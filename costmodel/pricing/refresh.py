"""Refreshing prices: ask AWS for what the services need, check the answer, shelve it as a new book.

Nothing is shelved before every answer of a service has been read to its end and checked. A service
that fails is left as it was, and named; the others go ahead.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import chain
from pathlib import Path

from filelock import FileLock, Timeout

from costmodel.errors import (
    AccessDenied,
    ApiUnreachable,
    ClockSkewed,
    CredentialsExpired,
    CredentialsInvalid,
    DownloadFailed,
    FileUnavailable,
    NoCredentials,
    OlderPrices,
    PriceCacheUnwritable,
    PriceError,
    PriceNotFound,
    PricesWithdrawn,
    RefreshIncomplete,
)
from costmodel.pricing.aws_client import open_client
from costmodel.pricing.aws_errors import aws_errors
from costmodel.pricing.book import PriceBook
from costmodel.pricing.bulk import read_offer
from costmodel.pricing.conversion import Converted, Known, LeftOut, converted
from costmodel.pricing.difference import what_is_charged
from costmodel.pricing.download import download
from costmodel.pricing.need import Place, PriceNeed, wanted
from costmodel.pricing.offer import OfferedProduct, day_of_version
from costmodel.pricing.origin import Source
from costmodel.pricing.places import REGION_PREFIXES
from costmodel.pricing.plausible import (
    Moved,
    check_against_on_demand,
    plan_shares,
    refuse_moved,
    spot_shares,
    without_on_demand,
)
from costmodel.pricing.price import GLOBAL, Price, PriceQuery
from costmodel.pricing.price_files import (
    PriceFileLocation,
    PublicIndex,
    dated_price_file,
)
from costmodel.pricing.query_api import endpoint_region, fetch
from costmodel.pricing.relations import refuse_newly_broken
from costmodel.pricing.savings_plans import (
    HOME_REGION,
    PlanRates,
    offering_rates,
    read_plan_file,
    savings_parts,
)
from costmodel.pricing.shelf import Shelf
from costmodel.pricing.snapshot import (
    PRICE_COLUMNS,
    PRICE_KINDS,
    PRICES,
    RESERVED,
    SAVINGS,
    Part,
    PriceFile,
    partition_kind,
    partition_path,
    price_rows,
)
from costmodel.pricing.spot import spot_history, spot_part
from costmodel.pricing.stated_free import (
    Unstated,
    held_statements,
    refuse_vanished,
    statements_part,
    unstated,
)

WITHDRAWN_RATIO = 0.1
"""Share of a file's prices that may be gone from AWS's list before the answer is distrusted.

Engineering choice: AWS retires an instance family now and then, never a tenth of a service at once.
"""
EC2 = "AmazonEC2"
SPOT_DAYS = 30
"""Days of spot history to average: a month, as bills are."""
SAVINGS_PLANS = {
    "AWSComputeSavingsPlan": frozenset({"AmazonEC2", "AWSLambda"}),
    "AWSDatabaseSavingsPlans": frozenset({"AmazonRDS", "AmazonDynamoDB"}),
}
"""Price list of Savings Plans -> services whose rates it tells.

Source: Savings Plans User Guide, "Savings Plans types" (2026-04).
"""
STOPPING = (
    NoCredentials,
    CredentialsExpired,
    CredentialsInvalid,
    AccessDenied,
    ClockSkewed,
    ApiUnreachable,
    DownloadFailed,
)
"""Errors that every further question of the same kind would meet as well, but for FileUnavailable."""

Tell = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is done, and of how much where that is known."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a refresh did to one file of the price folder."""

    path: str
    prices: int
    changed: int
    added: int
    gone: tuple[str, ...]
    """Prices that AWS no longer lists, by name: a bill that needs one of them is refused from now on."""
    edition: str
    """AWS's version of the list, a UTC time in 14 digits; empty where AWS tells none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A service, place or kind of price that stays as it was."""

    subject: str
    error: PriceError
    unasked: tuple[str, ...] = ()
    """What was not asked for any more, because it would have met the same error."""

    @property
    def label(self) -> str:
        """The subject, and how many went the same way."""
        return f"{self.subject} and {len(self.unasked)} more" if self.unasked else self.subject


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome of a refresh."""

    book: PriceBook
    files: tuple[FileChange, ...]
    failures: tuple[Failure, ...]
    unstated: tuple[Unstated, ...]
    """Free allowances that bills go on taking off, though AWS's answers said nothing of them."""
    moved: tuple[Moved, ...]
    """Prices that are far from those known: accepted by the user, or far from the snapshot's by now."""
    uncompared: tuple[str, ...]
    """New prices, by name, that nothing at hand is like: nobody has checked them."""
    left_out: tuple[LeftOut, ...]
    """What AWS lists and nothing here knows."""
    accepted_gone: frozenset[str]
    """Names that the user accepted as gone, and that are."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One question: a service in one region, or what it sells at the edge and everywhere alike."""

    service_code: str
    region_id: str
    needs: tuple[PriceNeed, ...]
    whole_list: bool
    """The service's price list is one file for all regions together."""

    @property
    def subject(self) -> str:
        return f"{self.service_code} {self.region_id}"


@dataclass(slots=True)
class _Told:
    """What AWS has said so far in this refresh."""

    prices: dict[PriceQuery, Price] = field(default_factory=dict)
    """List prices; Savings Plans rates and spot prices are compared with them."""
    stated: set[str] = field(default_factory=set)
    """Ids of the free allowances that were stated."""
    unstated: dict[str, Unstated] = field(default_factory=dict)
    """Allowances that an answer said nothing of, by id."""
    moved: list[Moved] = field(default_factory=list)
    """Prices far from those known, that were taken."""
    uncompared: list[Price] = field(default_factory=list)
    """New prices that nothing is like."""
    left_out: list[LeftOut] = field(default_factory=list)
    """What was listed and not taken."""
    accepted_gone: set[str] = field(default_factory=set)
    """Names that the user accepted as gone, and that are."""

    def note(self, answer: Converted, base: PriceBook) -> None:
        self.prices |= {price.query: price for price in answer.prices}
        self.stated |= {of.allowance_id for of in answer.stated}
        self.moved += answer.moved
        self.uncompared += answer.uncompared
        self.left_out += answer.left_out
        for allowance in unstated(base.allowances, answer.prices, answer.stated):
            self.unstated[allowance.allowance_id] = allowance

    @property
    def never_stated(self) -> tuple[Unstated, ...]:
        return tuple(self.unstated[name] for name in sorted(self.unstated.keys() - self.stated))


@dataclass(frozen=True, slots=True)
class _Question:
    """One thing to ask AWS, by name."""

    subject: str
    ask: Callable[[], Sequence[Part]]


@dataclass(frozen=True, slots=True)
class Refresh:
    """How to refresh: into which shelf, for whose needs, from where, and who is told about it."""

    shelf: Shelf
    needs: Sequence[PriceNeed]
    source: Source
    now: datetime
    """With a time zone."""
    tell: Tell
    accepted: frozenset[str] = frozenset()
    """Names or SKUs of prices that may be far from those known; names of those that may be gone."""
    index: PublicIndex = field(default_factory=PublicIndex)

    def run(self, region_ids: Collection[str] = (), service_codes: Collection[str] = ()) -> Refreshed:
        """Refresh these services in these regions; by default all that are needed and at hand.

        Waits while another process refreshes the same shelf. Raises PriceNotFound for a service
        nobody needs or a region that cannot be read; PriceCacheUnwritable; and, when nothing could be
        refreshed, the error behind it, or RefreshIncomplete when there are several.
        """
        _check_regions(region_ids)
        with self._alone():
            base = self.shelf.open()
            jobs = self._jobs(tuple(dict.fromkeys(region_ids or base.regions())), service_codes)
            parts: list[Part] = []
            failures: list[Failure] = []
            told = _Told()
            known = Known(base, self.shelf.open("snapshot"), self.now, self.accepted)
            for questions in self._rounds(jobs, known, told):
                self._ask(questions, parts, failures)
            if not parts:
                raise _no_refresh(failures)
            return self._shelve(base, parts, failures, told)

    def _ask(self, questions: Sequence[_Question], parts: list[Part], failures: list[Failure]) -> None:
        """Ask one after another, until an error that the next ones would meet as well."""
        for place, question in enumerate(questions):
            self.tell(question.subject, 0, None)
            try:
                found = question.ask()
                _refuse_future(question.subject, _days_of(found), self.now)
                parts += found
            except PriceError as error:
                unasked = tuple(left.subject for left in questions[place + 1 :]) if _stops(error) else ()
                failures.append(Failure(question.subject, error, unasked))
                if _stops(error):
                    return

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the shelf's downloads, so that no two processes fetch to one place."""
        try:
            self.shelf.downloads.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.shelf.downloads / "lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self.tell("waiting for another refresh", 0, None)
                lock.acquire()
        except OSError as error:
            raise PriceCacheUnwritable(self.shelf.folder, error.strerror or str(error)) from error
        try:
            yield
        finally:
            lock.release()

    def _jobs(self, region_ids: Collection[str], service_codes: Collection[str]) -> list[_Job]:
        by_service: dict[str, list[PriceNeed]] = defaultdict(list)
        for need in self.needs:
            by_service[need.service_code].append(need)
        for service_code in service_codes:
            if service_code not in by_service:
                raise PriceNotFound(
                    f"nothing is billed by a service {service_code!r}; known are {', '.join(sorted(by_service))}"
                )
        return [
            job
            for service_code in sorted(set(service_codes or by_service))
            for job in _jobs_of(service_code, by_service[service_code], region_ids)
        ]

    def _rounds(self, jobs: Sequence[_Job], known: Known, told: _Told) -> Iterator[list[_Question]]:
        """List prices first, then Savings Plans, then spot prices: what stops one does not stop the next.

        The list prices are noted in `told`.
        """
        base = known.book
        yield [_Question(job.subject, partial(self._list_prices, job, known, told)) for job in jobs]
        asked = {(job.service_code, job.region_id) for job in jobs}
        plans = {
            (region_id, plan)
            for service_code, region_id in asked
            for plan, covered in SAVINGS_PLANS.items()
            if region_id != GLOBAL and service_code in covered
        }
        committable = [need for need in self.needs if need.service_code in {code for code, _ in asked}]
        if self.source is Source.API:
            yield [
                _Question(f"Savings Plans {of}", partial(self._plans_by_api, of, committable, base, told))
                for of in sorted({region_id for region_id, _ in plans})
            ]
        else:
            yield [
                _Question(f"{plan} {of}", partial(self._plan_file, plan, of, committable, base, told))
                for of, plan in sorted(plans)
            ]
        if self.source is not Source.BULK:
            yield [
                _Question(f"spot prices {job.region_id}", partial(self._spot, job.region_id, base, told))
                for job in jobs
                if job.service_code == EC2
            ]

    def _list_prices(self, job: _Job, known: Known, told: _Told) -> list[Part]:
        base = known.book
        held = list(_held(job, base))
        left_out: list[LeftOut] = []
        if self.source is Source.API:
            products = list(fetch(job.needs, job.region_id))
        else:
            skus = frozenset(price.sku_id for _, prices in held for price in prices)
            products = self._products_of_file(job, skus, left_out)
        # Before the prices: to a clock that is far behind, none of them would be in force.
        _refuse_future(job.subject, {offered.edition.day for offered in products}, self.now)
        answer = converted(products, job.needs, job.region_id, known)
        # A file that lost products says of none of them that AWS withdrew it.
        most_gone_ratio = 0.0 if left_out else WITHDRAWN_RATIO
        told.accepted_gone |= _refuse_withdrawal(answer.prices, held, self.accepted, most_gone_ratio)
        _refuse_older(answer.prices, held, _latest_day(self.now))
        before = chain.from_iterable(prices for _, prices in held)
        broken = refuse_newly_broken(answer.prices, before, self.accepted)
        free = held_statements(base, job.service_code, job.region_id)
        refuse_vanished(answer.stated, answer.prices, free, self.source)
        told.note(answer, base)
        told.moved += broken
        told.left_out += left_out
        # The oldest: one product of an older edition makes the whole answer an older one.
        edition = min((offered.edition.version for offered in products), default="")
        parts = self._parts([*answer.prices, *_beyond_needs(job, held)], edition)
        if answer.stated or free:
            parts.append(self._statements(job, answer, edition))
        return parts

    def _statements(self, job: _Job, answer: Converted, edition: str) -> Part:
        return statements_part(
            answer.stated,
            job.service_code,
            job.region_id,
            origin=self.source.value,
            retrieved_at=self._retrieved_at,
            edition=edition,
        )

    def _products_of_file(
        self, job: _Job, needed_skus: Collection[str], left_out: list[LeftOut]
    ) -> list[OfferedProduct]:
        """What is wanted of a price list file. Notes terms that no product belongs to."""
        if self.source is Source.BULK or job.whole_list:
            location = self.index.price_file(job.service_code, None if job.whole_list else job.region_id)
        else:
            endpoint = endpoint_region(job.region_id)
            with closing(open_client("pricing", endpoint)) as client, aws_errors("ListPriceLists"):
                location = dated_price_file(client, job.service_code, job.region_id, self.now.date())
        with self._fetched(location, job.subject) as path:
            offer = read_offer(
                path,
                wanted(job.needs, job.region_id),
                service_code=job.service_code,
                version=location.version,
            )
            offer.refuse_lost(needed_skus)
            if lost := offer.counts.terms_without_product:
                skus = "1 SKU" if lost == 1 else f"{lost:,} SKUs"
                left_out.append(
                    LeftOut(job.subject, f"terms of {skus} that no product of the file belongs to")
                )
            return list(offer)

    @contextmanager
    def _fetched(self, location: PriceFileLocation, subject: str) -> Iterator[Path]:
        """A price list file on disk. It goes once it has been read, the sooner if it could not be."""
        folder = self.shelf.downloads / location.name / (location.region_id or "all")
        report = partial(self.tell, subject)
        path = download(location.url, folder / "list", progress=report, patience=self.index.patience).path
        try:
            yield path
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # files of other regions may be on their way beside it
                folder.parent.rmdir()

    def _parts(self, prices: Iterable[Price], edition: str) -> list[Part]:
        files: dict[tuple[str, str, str], list[Price]] = defaultdict(list)
        for price in prices:
            query = price.query
            files[query.service_code, query.region_id, partition_kind(query.term)].append(price)
        return [
            Part(
                path=partition_path(service_code, region_id, kind),
                kind=kind,
                columns=PRICE_COLUMNS,
                rows=[row for price in sorted(of_file, key=lambda of: of.query) for row in price_rows(price)],
                service_code=service_code,
                region_id=region_id,
                origin=self.source.value,
                retrieved_at=self._retrieved_at,
                edition=edition,
            )
            for (service_code, region_id, kind), of_file in sorted(files.items())
        ]

    def _plans_by_api(
        self,
        region_id: str,
        needs: Sequence[PriceNeed],
        base: PriceBook,
        told: _Told,
    ) -> tuple[Part, ...]:
        with closing(open_client("savingsplans", HOME_REGION)) as client:
            rates = offering_rates(client, region_id, needs, f"{self.now.astimezone(UTC):%Y-%m-%d}")
        services = {need.service_code for need in needs}
        return self._plan_parts(rates, services, region_id, base, told)

    def _plan_file(
        self,
        plan: str,
        region_id: str,
        needs: Sequence[PriceNeed],
        base: PriceBook,
        told: _Told,
    ) -> tuple[Part, ...]:
        location = self.index.savings_plan_file(plan, region_id)
        with self._fetched(location, f"{plan} {region_id}") as path:
            rates = read_plan_file(path, region_id, needs, self.now, named_version=location.version)
        services = SAVINGS_PLANS[plan] & {need.service_code for need in needs}
        return self._plan_parts(rates, services, region_id, base, told)

    def _plan_parts(
        self, rates: PlanRates, services: Collection[str], region_id: str, base: PriceBook, told: _Told
    ) -> tuple[Part, ...]:
        """The rates of the services that were asked about; one of which AWS says nothing any more is withdrawn."""
        parts = savings_parts(rates, origin=self.source.value, retrieved_at=self._retrieved_at)
        held = [
            (file, list(base.prices_of(file)))
            for file in base.manifest.files
            if file.kind == SAVINGS and file.region_id == region_id and file.service_code in services
        ]
        told.accepted_gone |= _refuse_withdrawal(rates.prices, held, self.accepted)
        before = {price.query: price for _, known in held for price in known}
        moved = [
            refuse_moved(price, before[price.query], "before", self.accepted)
            for price in rates.prices
            if price.query in before
        ]
        moved += refuse_newly_broken(rates.prices, before.values(), self.accepted)
        beyond = self._check_against_on_demand(rates.prices, plan_shares, base, region_id, told)
        new = [price for price in rates.prices if price.query not in before]
        told.uncompared += without_on_demand(new, _on_demand(base, region_id).keys() | told.prices.keys())
        told.moved += [of for of in (*moved, *beyond) if of is not None]
        return parts

    def _check_against_on_demand(
        self,
        prices: Iterable[Price],
        shares_of: Callable[[PriceQuery], tuple[Decimal, Decimal]],
        base: PriceBook,
        region_id: str,
        told: _Told,
    ) -> list[Moved]:
        known = _on_demand(base, region_id)
        return check_against_on_demand(prices, shares_of, known, told.prices, self.accepted)

    def _spot(self, region_id: str, base: PriceBook, told: _Told) -> list[Part]:
        usage_types = {price.query.usage_type for price in base.prices(region_id, EC2, (PRICES,))}
        types = sorted(name.removeprefix("BoxUsage:") for name in usage_types if name.startswith("BoxUsage:"))
        end = self.now.replace(minute=0, second=0, microsecond=0)
        with closing(open_client("ec2", region_id)) as client:
            prices = spot_history(client, region_id, types, end - timedelta(days=SPOT_DAYS), end)
        part = spot_part(prices, region_id, origin=Source.API.value, retrieved_at=self._retrieved_at)
        held = [
            (file, _in_any_zone(base.prices_of(file)))
            for file in base.manifest.files
            if file.path == part.path
        ]
        told.accepted_gone |= _refuse_withdrawal(_in_any_zone(prices), held, self.accepted)
        told.moved += self._check_against_on_demand(prices, spot_shares, base, region_id, told)
        return [part]

    @property
    def _retrieved_at(self) -> str:
        return f"{self.now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _shelve(
        self, base: PriceBook, parts: Sequence[Part], failures: list[Failure], told: _Told
    ) -> Refreshed:
        """Add the parts; those that would go back in time stay out, and are named."""
        try:
            book = self.shelf.add(parts)
        except OlderPrices as error:
            parts = [part for part in parts if part.path not in error.paths]
            if not parts:
                raise
            failures.append(Failure("older prices", error))
            book = self.shelf.add(parts)
        changes = tuple(_change(part, base, book) for part in parts if part.kind in PRICE_KINDS)
        shelved = {part.path for part in parts}
        return Refreshed(
            book=book,
            files=changes,
            failures=tuple(failures),
            unstated=told.never_stated,
            moved=tuple(told.moved),
            uncompared=tuple(
                sorted(f"{of.query}" for of in told.uncompared if _path_of(of.query) in shelved)
            ),
            left_out=tuple(told.left_out),
            accepted_gone=frozenset(told.accepted_gone),
        )


def _check_regions(region_ids: Iterable[str]) -> None:
    """Raises PriceNotFound for a region whose price list cannot be read."""
    for region_id in region_ids:
        if region_id not in REGION_PREFIXES:
            raise PriceNotFound(
                f"prices of a region {region_id!r} cannot be read; those of these can: "
                f"{', '.join(sorted(REGION_PREFIXES))}"
            )


def _stops(error: PriceError) -> bool:
    return isinstance(error, STOPPING) and not isinstance(error, FileUnavailable)


def _no_refresh(failures: Sequence[Failure]) -> PriceError:
    """Why nothing could be refreshed: the one reason, or all of them."""
    first = failures[0]
    if len(failures) == 1 or _stops(first.error):
        return first.error
    return RefreshIncomplete({failure.label: str(failure.error) for failure in failures})


def _jobs_of(service_code: str, needs: Iterable[PriceNeed], region_ids: Iterable[str]) -> Iterator[_Job]:
    """A service's questions: one a region, and one for what it sells at the edge and everywhere alike."""
    regional = tuple(need for need in needs if need.place is Place.REGION)
    elsewhere = tuple(need for need in needs if need.place is not Place.REGION)
    if elsewhere:
        yield _Job(service_code, GLOBAL, elsewhere, whole_list=True)
    if regional:
        for region_id in region_ids:
            yield _Job(service_code, region_id, regional, whole_list=bool(elsewhere))


def _held(job: _Job, base: PriceBook) -> Iterator[tuple[PriceFile, list[Price]]]:
    """The files of the book that the job's answer replaces, with their prices."""
    for file in base.manifest.files:
        at_edge = file.region_id.startswith("edge:") and job.region_id == GLOBAL
        if (
            file.service_code == job.service_code
            and file.kind in (PRICES, RESERVED)
            and (file.region_id == job.region_id or at_edge)
        ):
            yield file, list(base.prices_of(file))


def _beyond_needs(job: _Job, held: Iterable[tuple[PriceFile, list[Price]]]) -> Iterator[Price]:
    """Prices that no need covers, because AWS's name for them is unknown: they stay, with their own date."""
    for _, prices in held:
        for price in prices:
            if not any(need.covers(price.query) for need in job.needs):
                yield price


def _on_demand(base: PriceBook, region_id: str) -> dict[PriceQuery, Price]:
    return {price.query: price for price in base.prices(region_id, kinds=(PRICES,))}


def _path_of(query: PriceQuery) -> str:
    """The file of the price folder that a price stands in."""
    return partition_path(query.service_code, query.region_id, partition_kind(query.term))


def _latest_day(now: datetime) -> str:
    """The latest day that has come somewhere on Earth: YYYY-MM-DD."""
    return (now.astimezone(UTC) + timedelta(days=1)).date().isoformat()


def _days_of(parts: Iterable[Part]) -> Iterator[str]:
    """Every day that something in these files bears: YYYY-MM-DD."""
    for part in parts:
        yield from (row[part.columns.index("as_of")] for row in part.rows)
        if part.edition:
            yield day_of_version(part.edition)


def _refuse_future(subject: str, days: Iterable[str], now: datetime) -> None:
    """Raises ClockSkewed for prices or an edition of a day that has not come anywhere on Earth."""
    newest = max(days, default="")
    if newest > _latest_day(now):
        raise ClockSkewed(
            f"price list, {subject}",
            f"it is of {newest}, after today, {now.date()}: the clock of this machine or of AWS's is wrong",
            "Set the clock, then try again.",
        )


def _refuse_older(
    prices: Iterable[Price], held: Iterable[tuple[PriceFile, list[Price]]], latest_day: str
) -> None:
    """Raises OlderPrices for a list that would change a price that the book has of a later day.

    A snapshot's price may bear the day of its capture, later than AWS's publication, and is then the same.
    A day that has not come was told by a wrong clock, and protects nothing.
    """
    listed = {price.query: price for price in prices}
    older = {}
    for file, known in held:
        for price in known:
            answer = listed.get(price.query)
            if (
                answer is not None
                and answer.as_of < price.as_of <= latest_day
                and what_is_charged(answer) != what_is_charged(price)
            ):
                older[file.path] = f"is of {answer.as_of}, and would change {price.query} of {price.as_of}"
    if older:
        raise OlderPrices(older)


def _in_any_zone(prices: Iterable[Price]) -> list[Price]:
    """One spot price per instance type, of no zone: a type may leave a zone without being withdrawn."""
    by_type = {price.query.usage_type: price for price in prices}
    return [replace(price, query=replace(price.query, attributes=())) for price in by_type.values()]


def _refuse_withdrawal(
    prices: Iterable[Price],
    held: Iterable[tuple[PriceFile, list[Price]]],
    accepted: Collection[str],
    most_gone_ratio: float = WITHDRAWN_RATIO,
) -> set[str]:
    """Names that the user accepted as gone, and that are.

    Raises PricesWithdrawn when AWS lists too little of what the book has of the same places, accepted names apart.
    """
    listed = {price.query for price in prices}
    accepted_gone: set[str] = set()
    for file, known in held:
        gone = [str(query) for query in sorted(price.query for price in known) if query not in listed]
        unexpected = [name for name in gone if name not in accepted]
        if len(unexpected) > most_gone_ratio * len(known):
            raise PricesWithdrawn(file.path, unexpected, len(known))
        accepted_gone |= {name for name in gone if name in accepted}
    return accepted_gone


def _change(part: Part, base: PriceBook, book: PriceBook) -> FileChange:
    before, after = _by_query(base, part.path), _by_query(book, part.path)
    return FileChange(
        path=part.path,
        prices=len(after),
        changed=sum(1 for query in before.keys() & after.keys() if before[query] != after[query]),
        added=len(after.keys() - before.keys()),
        gone=tuple(str(query) for query in sorted(before.keys() - after.keys())),
        edition=part.edition,
    )


def _by_query(book: PriceBook, path: str) -> dict[PriceQuery, tuple[object, ...]]:
    return {
        price.query: what_is_charged(price)
        for file in book.manifest.files
        if file.path == path
        for price in book.prices_of(file)
    }
