"""Faults on the wire of the Query API. LIST asks it for the addresses of regional files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random

from aws.cloud import REGION, dated_lists
from aws.faults.scene import ALWAYS, API, ASKING, GONE, HTML, LISTING, OLDER, Scene, is_question, kind
from aws.fixtures import Document
from aws.server import Fault, Seen
from costmodel import errors as of
from costmodel.errors import PriceError


def _answered(name: str, fault: Callable[[Random], Fault], *allowed: type[PriceError], exact: bool) -> None:
    """The Query API answers with an error, about products or about files."""
    for where in (ASKING, LISTING):

        @kind(name, *allowed, exact=exact, **where)
        def _(scene: Scene) -> None:
            first = scene.random.randint(0, 1)
            scene.on_wire(scene.asked, fault(scene.random), scene.now_and_then if exact else ALWAYS, first)


_answered("throttled", lambda _: Fault(code="ThrottlingException"), of.ApiThrottled, exact=True)
_answered(
    "answers 5xx",
    lambda random: Fault(code="InternalErrorException", status=random.choice((500, 502, 503, 504))),
    of.ApiFailed,
    exact=True,
)
_answered("expired token", lambda _: Fault(code="ExpiredTokenException"), of.CredentialsExpired, exact=False)
_answered(
    "wrong credentials",
    lambda random: Fault(
        code=random.choice(("UnrecognizedClientException", "InvalidSignatureException")), status=403
    ),
    of.CredentialsInvalid,
    exact=False,
)
_answered("no IAM action", lambda _: Fault(code="AccessDeniedException"), of.AccessDenied, exact=False)
_answered(
    "clock skew",
    lambda random: Fault(
        code="InvalidSignatureException",
        message=f"Signature {random.choice(('expired', 'not yet current'))}: 20261124T1200Z",
        status=403,
    ),
    of.ClockSkewed,
    exact=False,
)
_answered("unknown error", lambda _: Fault(code="OddException"), of.ApiFailed, exact=False)
_answered(
    "cut answer",
    lambda random: Fault(cut_after_bytes=random.choice((-1, 0, 1, 20, 50, 90))),
    of.ApiFailed,
    of.ApiUnreachable,
    of.DownloadFailed,
    of.PriceFileNotFound,
    exact=True,
)
_answered(
    "answer of another shape",
    lambda random: Fault(body=random.choice((b"null", b"[]", b"7", b'"text"', b"{}", b'{"PriceList": 3}'))),
    of.ApiFailed,
    of.PriceFileNotFound,
    exact=True,
)
_answered("page for humans", lambda _: Fault(body=HTML), of.ApiFailed, of.PriceFileNotFound, exact=True)


DEEP = b'{"FormatVersion": "aws_v1", "%s": ' + b"[" * 100_000
ENTRIES = (b"null", b"7", b"{}", b'{"ServiceCode": null}', b'{"RegionCode": "eu-west-1"}', b"[]")


@kind("entry of another form", of.ApiFailed, of.UnknownOffer, **ASKING)
def _(scene: Scene) -> None:
    operation, listed = scene.random.choice(
        (("GetProducts", b"PriceList"), ("DescribeServices", b"Services"))
    )
    entry = scene.random.choice(ENTRIES[:3])
    body = b'{"FormatVersion": "aws_v1", "%s": [%s]}' % (listed, entry)
    fault = Fault(body=scene.random.choice((body, DEEP % listed)))
    scene.on_wire(lambda seen: scene.asked(seen) and seen.operation == operation, fault)


@kind("file entry of another form", of.ApiFailed, **LISTING)
def _(scene: Scene) -> None:
    arn = b'{"RegionCode": "eu-west-1", "PriceListArn": 5, "FileFormats": ["json"]}'
    body = b'{"PriceLists": [%s]}' % scene.random.choice((*ENTRIES, arn))
    fault = Fault(body=scene.random.choice((body, DEEP % b"PriceLists")))
    scene.on_wire(lambda seen: scene.asked(seen) and seen.operation == "ListPriceLists", fault)


@kind("address that is none", of.ApiFailed, of.MalformedListing, of.FileUnavailable, **LISTING)
def _(scene: Scene) -> None:
    wrong = (
        b"null",
        b"5",
        b'""',
        b'"/offers"',
        b'"ftp://x/y"',
        b'"http://[::1"',
        b'"http://127.0.0.1:99999/x"',
    )
    fault = Fault(body=b'{"Url": %s}' % scene.random.choice(wrong))
    scene.on_wire(lambda seen: seen.operation == "GetPriceListFileUrl", fault, first=0)


@kind("short answer", of.ApiFailed, exact=True, **ASKING)
def _(scene: Scene) -> None:
    def cut(seen: Seen) -> Fault:
        whole = json.dumps(scene.cloud.price_lists.answer(seen.operation, seen.arguments)).encode()
        return Fault(body=whole[: scene.random.randrange(len(whole))])

    scene.on_wire(scene.asked, cut, scene.now_and_then)


@kind("damaged answer", of.ApiFailed, of.MalformedListing, exact=True, **ASKING)
def _(scene: Scene) -> None:
    scene.on_wire(scene.asked, lambda _: Fault(flip_byte=scene.random.randrange(2**31)), scene.now_and_then)


@kind("answer of another format", of.ApiFailed, **ASKING)
def _(scene: Scene) -> None:
    def other(seen: Seen) -> Fault:
        answer = scene.cloud.price_lists.answer(seen.operation, seen.arguments)
        return Fault(body=json.dumps(answer | {"FormatVersion": "aws_v2"}).encode())

    scene.on_wire(scene.asked, other)


@kind("product that is no JSON", of.MalformedListing, **ASKING)
def _(scene: Scene) -> None:
    def broken(seen: Seen) -> Fault | None:
        if seen.operation != "GetProducts":
            return None
        answer = scene.cloud.price_lists.answer(seen.operation, seen.arguments)
        texts = list(answer["PriceList"])
        place = scene.random.randrange(len(texts))
        texts[place] = texts[place][: scene.random.randrange(len(texts[place]))]
        return Fault(body=json.dumps(answer | {"PriceList": texts}).encode())

    scene.on_wire(scene.asked, broken)


@kind("slow answer", of.ApiUnreachable, exact=True, **ASKING)
def _(scene: Scene) -> None:
    scene.on_wire(
        scene.asked, Fault(delay_s=scene.random.choice((0.01, 0.03, 0.5))), scene.random.choice((1, ALWAYS))
    )
    scene.timeout_s = 0.25


PAGED = {"sources": (API,), "services": ("AmazonS3", "AmazonRoute53", "AmazonEC2", "AWSLambda")}


def _paged(scene: Scene, answer: Callable[[Seen, Document], Document | None], times: int = 1) -> None:
    """Answers of several pages, of which some are changed."""
    scene.cloud.price_lists.largest_page = scene.random.randint(3, 9)

    def changed(seen: Seen) -> Fault | None:
        whole = scene.cloud.price_lists.answer(seen.operation, seen.arguments)
        page = answer(seen, whole) if whole.get("NextToken") else None
        return None if page is None else Fault(body=json.dumps(page).encode())

    def concerns(seen: Seen) -> bool:
        return scene.asked(seen) and is_question(seen)

    scene.on_wire(concerns, changed, times)


@kind("page missing", *GONE, exact=True, withdrawn=True, **PAGED)
def _(scene: Scene) -> None:
    def next_one(seen: Seen, page: Document) -> Document:
        return scene.cloud.price_lists.answer(
            seen.operation, seen.arguments | {"NextToken": page["NextToken"]}
        )

    _paged(scene, next_one)


@kind("page without its token", *GONE, exact=True, withdrawn=True, **PAGED)
def _(scene: Scene) -> None:
    _paged(scene, lambda _, page: {name: value for name, value in page.items() if name != "NextToken"})


@kind("page repeated", exact=True, **PAGED)
def _(scene: Scene) -> None:
    def again(_: Seen, page: Document) -> Document:
        return page | {"NextToken": f"0:{page['NextToken'].partition(':')[2]}"}

    _paged(scene, again)


@kind("pages in a circle", of.ApiFailed, **PAGED)
def _(scene: Scene) -> None:
    def back(seen: Seen, page: Document) -> Document:
        return page | {"NextToken": seen.arguments.get("NextToken") or page["NextToken"]}

    _paged(scene, back, ALWAYS)


@kind("page token expired", of.ApiFailed, exact=True, **PAGED)
def _(scene: Scene) -> None:
    scene.cloud.price_lists.largest_page = scene.random.randint(3, 9)
    scene.on_wire(
        lambda seen: scene.asked(seen) and is_question(seen) and "NextToken" in seen.arguments,
        Fault(code="ExpiredNextTokenException"),
        scene.now_and_then,
    )


@kind("service gone", of.UnknownOffer, **ASKING)
def _(scene: Scene) -> None:
    if scene.random.random() < 0.5:
        scene.on_wire(scene.asked, Fault(code="NotFoundException"))
        return
    body = json.dumps({"FormatVersion": "aws_v1", "Services": []}).encode()
    scene.on_wire(scene.asked, Fault(body=body))


@kind("attribute gone", of.UnknownOffer, **ASKING)
def _(scene: Scene) -> None:
    service = {"ServiceCode": scene.service_code, "AttributeNames": ["usagetype"]}
    if scene.service_code == "AmazonRoute53":  # asks by no other attribute where it is sold everywhere
        service["AttributeNames"] = ["location"]
    body = json.dumps({"FormatVersion": "aws_v1", "Services": [service]}).encode()
    scene.on_wire(lambda seen: scene.asked(seen) and seen.operation == "DescribeServices", Fault(body=body))


@kind("region without a file", of.PriceFileNotFound, **LISTING)
def _(scene: Scene) -> None:
    lists = scene.cloud.price_lists
    lists.price_lists = dated_lists(lists.products, ("us-east-1", "eu-west-2"))


@kind("address of nothing", of.PriceFileNotFound, **LISTING)
def _(scene: Scene) -> None:
    scene.cloud.price_lists.price_lists = {
        arn: entry | {"Path": "/gone"} for arn, entry in scene.cloud.price_lists.price_lists.items()
    }


@kind("only another format", of.PriceFileNotFound, **LISTING)
def _(scene: Scene) -> None:
    scene.cloud.price_lists.price_lists = {
        arn: entry | {"FileFormats": ["csv"]} for arn, entry in scene.cloud.price_lists.price_lists.items()
    }


@kind("two files of one region", of.MalformedListing, **LISTING)
def _(scene: Scene) -> None:
    """Of two editions: nobody could tell which one counts."""
    lists = scene.cloud.price_lists
    (entry,) = [
        one
        for one in lists.price_lists.values()
        if (one["ServiceCode"], one["RegionCode"]) == (scene.service_code, REGION)
    ]
    arn = re.sub("/[0-9]{14}/", f"/{OLDER[0]}/", entry["PriceListArn"])
    assert arn not in lists.price_lists
    lists.price_lists = {arn: {**entry, "PriceListArn": arn}, **lists.price_lists}
