"""The Query API of the AWS Price List: products for what services need, asked for with boto3.

Source: AWS Price List API Reference (2017-10-15) and its model in botocore 1.44.5; endpoints from AWS
General Reference, "AWS Billing and Cost Management endpoints and quotas".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from costmodel.errors import ApiFailed, NothingOffered, RequestRefused, UnknownOffer
from costmodel.pricing.aws_answers import STUMBLES
from costmodel.pricing.aws_client import open_client
from costmodel.pricing.aws_errors import AGAIN, BULK, aws_errors
from costmodel.pricing.listing import FORMAT_VERSION, read_listing
from costmodel.pricing.need import Place, PriceNeed
from costmodel.pricing.offer import OfferedProduct

if TYPE_CHECKING:
    from botocore.client import BaseClient

ENDPOINT_REGIONS = {"eu": "eu-central-1", "me": "eu-central-1", "af": "eu-central-1", "ap": "ap-south-1"}
"""First part of a region's code -> the endpoint nearest to it; all others ask us-east-1.

The Query API answers in three regions only; boto3 would make up a host name in any other.
"""
DEFAULT_ENDPOINT_REGION = "us-east-1"
PAGE_SIZE = 100
"""The most products in one answer. Source: GetProducts, MaxResults."""
QUESTION_ATTEMPTS = 3
"""How often a question is asked anew from its first page, when an answer is cut short or its pages expire."""

Filter = tuple[str, str, str]
"""Type, field and value."""
Question = tuple[str, tuple[Filter, ...]]
"""Service code and filters of one GetProducts question."""

T = TypeVar("T")

_IN_A_FORMAT = ("describe_services", "get_products")
"""Operations that can be asked to answer in a format."""
_STALE_PAGE = "ExpiredNextTokenException"


class _Service(msgspec.Struct, rename="pascal"):
    service_code: str
    attribute_names: list[str] = []


class _AttributeValue(msgspec.Struct, rename="pascal"):
    value: str


def fetch(needs: Iterable[PriceNeed], region_id: str) -> Iterator[OfferedProduct]:
    """Every product AWS lists for these needs, seen from a region; a product may come more than once.

    Products come question by question, so a caller must not use the first before the last has come.
    Raises NothingOffered for a need that AWS lists nothing for, MalformedListing, and PriceApiError:
    NoCredentials, CredentialsExpired, CredentialsInvalid, AccessDenied, ClockSkewed, ApiThrottled,
    ApiUnreachable, UnknownOffer, RequestRefused, ApiFailed.
    """
    questions = _questions(needs, region_id)
    with closing(open_client("pricing", endpoint_region(region_id))) as client:
        fields: dict[str, set[str]] = defaultdict(set)
        for service_code, filters in questions:
            fields[service_code] |= {name for _, name, _ in filters}
        for service_code, names in fields.items():
            _check_service(client, service_code, names)
        for question in questions:
            texts = _texts(client, question)
            if not texts:
                raise NothingOffered(*_why_nothing(client, question))
            for text in texts:
                yield read_listing(text)


def endpoint_region(region_id: str) -> str:
    """Which of the API's three endpoints to ask about a region."""
    return ENDPOINT_REGIONS.get(region_id.partition("-")[0], DEFAULT_ENDPOINT_REGION)


def _questions(needs: Iterable[PriceNeed], region_id: str) -> list[Question]:
    """The questions that find every product needed; needs with the same filters share one."""
    return list(dict.fromkeys((need.service_code, _filters(need, region_id)) for need in needs))


def _filters(need: PriceNeed, region_id: str) -> tuple[Filter, ...]:
    filters: list[Filter] = []
    if need.place is Place.REGION:
        filters.append(("TERM_MATCH", need.region_field, region_id))
    allowed = [*need.where, *((of.wire_name, tuple(of.values)) for of in need.distinctions)]
    filters += [("TERM_MATCH", name, values[0]) for name, values in allowed if len(values) == 1]
    if need.containing:
        filters.append(("CONTAINS", "usagetype", need.containing))
    return tuple(filters)


def _check_service(client: BaseClient, service_code: str, field_names: Collection[str]) -> None:
    """Raises UnknownOffer if AWS has no such price list, or no longer knows an attribute to ask by."""
    try:
        services = entries(client, "describe_services", _Service, ServiceCode=service_code)
    except (RequestRefused, UnknownOffer) as error:
        raise _unknown_service(service_code) from error
    found = [service for service in services if service.service_code == service_code]
    if not found:
        raise _unknown_service(service_code)
    missing = sorted(set(field_names) - set(found[0].attribute_names))
    if missing:
        raise UnknownOffer(
            "DescribeServices",
            f"the price list of {service_code} has no attribute {', '.join(missing)} any more",
            f"costmodel needs an update. {BULK}",
        )


def _unknown_service(service_code: str) -> UnknownOffer:
    return UnknownOffer(
        "DescribeServices",
        f"there is no price list of a service {service_code!r}",
        "See `costmodel prices status` for the services that costmodel knows.",
    )


def _texts(client: BaseClient, question: Question) -> list[str]:
    """All products of one question, as JSON texts; asked anew if an answer is not whole."""
    service_code, filters = question
    wire_filters = [{"Type": kind, "Field": name, "Value": value} for kind, name, value in filters]
    return entries(client, "get_products", str, ServiceCode=service_code, Filters=wire_filters)


def entries(client: BaseClient, operation: str, kind: type[T], **arguments: Any) -> list[T]:
    """Every entry of every page of an answer. Raises PriceApiError."""
    return _whole(client, operation, lambda: list(_entries(client, operation, kind, arguments)))


def answer(client: BaseClient, operation: str, field: str, **arguments: Any) -> str:
    """One text of an answer that has no pages. Raises PriceApiError."""
    return _whole(
        client, operation, lambda: msgspec.convert(getattr(client, operation)(**arguments)[field], str)
    )


def _whole(client: BaseClient, operation: str, ask: Callable[[], T]) -> T:
    """What is asked for, asked anew while it is cut short. Raises PriceApiError."""
    from botocore.exceptions import ClientError, IncompleteReadError, PaginationError

    name = client.meta.method_to_api_mapping[operation]
    with aws_errors(name):
        for attempts_left in reversed(range(QUESTION_ATTEMPTS)):
            try:
                return ask()
            except ClientError as error:
                if error.response["Error"]["Code"] != _STALE_PAGE or not attempts_left:
                    raise
            except (IncompleteReadError, PaginationError, *STUMBLES):
                continue
    raise ApiFailed(name, "the answer is cut short, again and again, or of another form", AGAIN)


def _entries(client: BaseClient, operation: str, kind: type[T], arguments: dict[str, Any]) -> Iterator[T]:
    """Entries page by page. Raises KeyError for a page that is not whole, ValueError for an entry of another kind.

    When a connection breaks within an answer, botocore may take what arrived for an empty answer:
    without the page's list, and without the token that leads to the next page.
    """
    form = {"FormatVersion": FORMAT_VERSION} if operation in _IN_A_FORMAT else {}
    paginator = client.get_paginator(operation)
    listed = paginator.result_keys[0].expression
    for page in paginator.paginate(**form, **arguments, PaginationConfig={"PageSize": PAGE_SIZE}):
        if page.get("FormatVersion", FORMAT_VERSION) != FORMAT_VERSION:
            raise ApiFailed(
                client.meta.method_to_api_mapping[operation],
                f"it answers in format {page['FormatVersion']!r}, this costmodel reads {FORMAT_VERSION!r}",
                "costmodel needs an update.",
            )
        yield from msgspec.convert(page[listed], list[kind])  # type: ignore[valid-type]


def _why_nothing(client: BaseClient, question: Question) -> tuple[str, str]:
    """What was asked, and why nothing came: the region, or another filter."""
    service_code, filters = question
    asked = (
        f"{service_code} with {', '.join(f'{name} {value!r}' for _, name, value in filters) or 'no filter'}"
    )
    for _, name, value in filters:
        if not name.lower().endswith("regioncode"):
            continue
        regions = sorted(
            found.value
            for found in entries(
                client,
                "get_attribute_values",
                _AttributeValue,
                ServiceCode=service_code,
                AttributeName=name,
            )
        )
        if value not in regions:
            return asked, f"AWS lists nothing; {name} is one of {', '.join(regions)}"
    return asked, "AWS lists nothing"
