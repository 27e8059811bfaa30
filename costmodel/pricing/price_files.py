"""Where a price list file is: in AWS's public index, or by its date through the Price List API.

The index needs no credentials and knows the current edition; the API needs them and knows older
editions as well. Source: AWS Billing User Guide, "Finding the service price list files" and "Reading
the price list files"; `pricing` API model of botocore 1.44.5 (2017-10-15).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import urljoin

import msgspec

from costmodel.errors import (
    DownloadFailed,
    MalformedListing,
    OlderPriceFile,
    PriceFileCorrupt,
    PriceFileNotFound,
    UnknownOffer,
)
from costmodel.pricing.download import PATIENT, Patience, download, leaves_https
from costmodel.pricing.offer import refuse_repeats
from costmodel.pricing.query_api import answer, entries

BASE_URL = "https://pricing.us-east-1.amazonaws.com"
BASE_URL_VARIABLE = "COSTMODEL_PRICE_LIST_URL"
"""Environment variable that names another server of price list files, such as a mirror."""

SERVICE_INDEX = "/offers/v1.0/aws/index.json"
SAVINGS_PLAN_INDEX = "/savingsPlan/v1.0/aws/{plan}/current/region_index.json"
CURRENCY = "USD"
LARGEST_INDEX_BYTES = 16 * 1024**2
"""No page of the index is longer. Source: engineering choice; the longest has about 200 kB (AWS, 2026-04)."""
LATER = "If it was there before, try again later."

T = TypeVar("T")

_VERSION = re.compile(r"/([0-9]{14})(?:/|$)")
_SERVER = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?/?", re.IGNORECASE)
"""A server by its name or address. Paths of the index begin at its root, so that one of its own would be passed over."""
_HIGHEST_PORT = 65_535


class FileFormat(StrEnum):
    """What a price list file is written in."""

    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class PriceFileLocation:
    """One price list file and where it is."""

    name: str
    """Service code, or name of a savings plan."""
    region_id: str | None
    """None for the file of all regions together."""
    url: str
    version: str | None
    """Edition: 14 digits; None where only the file itself tells it."""


class _Offer(msgspec.Struct, rename="camel"):
    current_version_url: str
    current_region_index_url: str | None = None


class _ServiceIndex(msgspec.Struct, rename="camel"):
    offers: dict[str, _Offer]


class _OfferRegion(msgspec.Struct, rename="camel"):
    current_version_url: str


class _RegionIndex(msgspec.Struct):
    regions: dict[str, _OfferRegion]


class _PlanRegion(msgspec.Struct, rename="camel"):
    region_code: str
    version_url: str


class _PlanRegionIndex(msgspec.Struct):
    regions: list[_PlanRegion]


class _PriceList(msgspec.Struct, rename="pascal"):
    """One of ListPriceLists."""

    price_list_arn: str
    region_code: str
    file_formats: list[str]


def base_url() -> str:
    """Server of the price list files: AWS's own unless COSTMODEL_PRICE_LIST_URL names another.

    Raises DownloadFailed where that is no address of a server.
    """
    stated = os.environ.get(BASE_URL_VARIABLE) or BASE_URL
    server = _SERVER.fullmatch(stated)
    if server is None or int(server["port"] or 0) > _HIGHEST_PORT:
        raise DownloadFailed(
            "the price list files",
            f"{BASE_URL_VARIABLE} is {stated!a}, which is no address of a server",
            f"Set it to http:// or https:// and a host, if need be with a port, and no path, such as {BASE_URL}; "
            "or unset it to ask AWS.",
        )
    return stated


class PublicIndex:
    """AWS's public index of price list files. Each page of it is fetched once."""

    def __init__(self, patience: Patience = PATIENT) -> None:
        self.patience = patience
        self._pages: dict[str, bytes] = {}

    def price_file(
        self,
        service_code: str,
        region_id: str | None,
        *,
        file_format: FileFormat = FileFormat.JSON,
        held_version: str | None = None,
    ) -> PriceFileLocation:
        """The current price list of a service in a region, or in all regions together.

        Raises PriceFileNotFound for an unknown service or region, OlderPriceFile when AWS offers an
        older edition than `held_version`, PriceFileCorrupt for an index that cannot be read or names something
        twice, and what `download` raises.
        """
        offers = self._page(SERVICE_INDEX, _ServiceIndex).offers
        offer = offers.get(service_code)
        if offer is None:
            raise PriceFileNotFound(
                f"AWS has no price list of {service_code!r}. {_closest(service_code, offers)}"
            )
        if region_id is None:
            return _location(service_code, None, offer.current_version_url, file_format, held_version)
        if offer.current_region_index_url is None:
            raise PriceFileNotFound(
                f"{service_code} is priced for all regions together. Leave out the region."
            )
        regions = self._page(offer.current_region_index_url, _RegionIndex).regions
        if region_id not in regions:
            raise _no_region(service_code, region_id, regions)
        path = regions[region_id].current_version_url
        return _location(service_code, region_id, path, file_format, held_version)

    def savings_plan_file(
        self,
        plan: str,
        region_id: str,
        *,
        file_format: FileFormat = FileFormat.JSON,
        held_version: str | None = None,
    ) -> PriceFileLocation:
        """The current rates of a savings plan, such as `AWSComputeSavingsPlan`, in a region; raises likewise."""
        found = self._page(SAVINGS_PLAN_INDEX.format(plan=plan), _PlanRegionIndex).regions
        regions = {region.region_code: region.version_url for region in found}
        if region_id not in regions:
            raise _no_region(plan, region_id, regions)
        if len({region.version_url for region in found if region.region_code == region_id}) > 1:
            url = _address(SAVINGS_PLAN_INDEX.format(plan=plan))
            raise PriceFileCorrupt(url, "the index", f"{region_id!r} is listed twice")
        return _location(plan, region_id, regions[region_id], file_format, held_version)

    def _page(self, path: str, kind: type[T]) -> T:
        """Raises PriceFileCorrupt for an index that is not what it should be, or that says something twice."""
        url = _address(path)
        content = self._pages.get(url)
        try:
            if content is None:
                content = self._fetched(url)
                refuse_repeats(content)
                self._pages[url] = content
            return msgspec.json.decode(content, type=kind)
        except (ValueError, RecursionError) as error:
            raise PriceFileCorrupt(url, "the index", str(error)) from error

    def _fetched(self, url: str) -> bytes:
        with TemporaryDirectory() as folder:
            place = Path(folder) / "index.json"
            download(url, place, patience=self.patience, most_bytes=LARGEST_INDEX_BYTES)
            return place.read_bytes()


def dated_price_file(
    client: Any,
    service_code: str,
    region_id: str,
    effective_on: date,
    *,
    file_format: FileFormat = FileFormat.JSON,
    held_version: str | None = None,
) -> PriceFileLocation:
    """The price list that was in force on a day, through ListPriceLists and GetPriceListFileUrl.

    `client` is a boto3 client of `pricing`; its address is only good for a short time. Raises
    PriceFileNotFound when there is no such list, OlderPriceFile, MalformedListing for an address that is none
    and for two lists of the region, and PriceApiError.
    """
    midnight = datetime(effective_on.year, effective_on.month, effective_on.day, tzinfo=UTC)
    question = {"ServiceCode": service_code, "EffectiveDate": midnight, "CurrencyCode": CURRENCY}
    try:
        found = entries(client, "list_price_lists", _PriceList, **question)
    except UnknownOffer as error:
        raise PriceFileNotFound(
            f"AWS has no price list of {service_code!r} for {effective_on}. Check the service code and the date."
        ) from error
    lists = {entry.region_code: entry for entry in found}
    if region_id not in lists:
        raise _no_region(service_code, region_id, lists)
    if len({entry.price_list_arn for entry in found if entry.region_code == region_id}) > 1:
        raise MalformedListing(
            "ListPriceLists", f"{service_code} has two price lists for {region_id} on {effective_on}"
        )
    entry = lists[region_id]
    if file_format not in entry.file_formats:
        raise PriceFileNotFound(
            f"The price list of {service_code} for {region_id} comes in {', '.join(entry.file_formats)}, "
            f"not in {file_format}. Choose another format."
        )
    arn = entry.price_list_arn
    version = _version(arn)
    refuse_older(f"{service_code} {region_id}", version, held_version)
    url = answer(client, "get_price_list_file_url", "Url", PriceListArn=arn, FileFormat=str(file_format))
    if not url.startswith(("http://", "https://")):
        raise MalformedListing("GetPriceListFileUrl", f"{url!r} is no address of a file")
    if leaves_https(client.meta.endpoint_url, url):
        raise MalformedListing("GetPriceListFileUrl", f"{url!r} leads away from https")
    return PriceFileLocation(service_code, region_id, url, version)


def refuse_older(name: str, offered: str | None, held: str | None) -> None:
    """Raises OlderPriceFile when an edition is older than the one at hand; an unknown one never is."""
    if offered is not None and held is not None and offered < held:
        raise OlderPriceFile(name, offered, held)


def _location(
    name: str, region_id: str | None, path: str, file_format: FileFormat, held_version: str | None
) -> PriceFileLocation:
    version = _version(path)
    refuse_older(f"{name} {region_id or 'in all regions'}", version, held_version)
    # The index names the JSON file; the CSV of the same edition stands beside it.
    beside = f"{path.removesuffix('.json')}.{file_format}"
    return PriceFileLocation(name, region_id, _address(beside), version)


def _address(path: str) -> str:
    """Where a path of the index leads. Raises PriceFileCorrupt for one that is none, or that leaves https."""
    base = base_url()
    try:
        address = urljoin(base, path)
        secure = not leaves_https(base, address)
    except ValueError as error:
        raise PriceFileCorrupt(base, "the index", f"{path!r} is no address ({error})") from error
    if not secure:
        raise PriceFileCorrupt(base, "the index", f"{path!r} leads away from https")
    return address


def _version(path: str) -> str | None:
    found = _VERSION.search(path)
    return found[1] if found else None


def _no_region(name: str, region_id: str, known: Iterable[str]) -> PriceFileNotFound:
    return PriceFileNotFound(
        f"AWS has no price list of {name} for region {region_id!r}. {_closest(region_id, known)}"
    )


def _closest(wanted: str, known: Iterable[str]) -> str:
    """The names that come close, in any case; the first few when none does."""
    by_fold = {name.casefold(): name for name in sorted(known)}
    folded = wanted.casefold()
    close = get_close_matches(folded, by_fold, n=3, cutoff=0.5)
    close += [name for name in by_fold if folded in name and name not in close][:3]
    if close:
        return f"Closest: {', '.join(by_fold[name] for name in close)}. {LATER}"
    return f"It has, among {len(by_fold)}: {', '.join(list(by_fold.values())[:5])}. {LATER}"
