"""AWS's Price List on loopback: the Query API's JSON protocol and the price list files, with faults.

Unmodified boto3 talks to it through `endpoint_url` or `AWS_ENDPOINT_URL_PRICING`. Protocol: AWS
JSON 1.1, targets `AWSPriceListService.*` (botocore 1.44.5, `pricing` 2017-10-15). Files: a path
holds bytes, served with ETag, Range, If-Range, If-None-Match and gzip as static hosts do.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

Document = dict[str, Any]

LARGEST_PAGE = 100
FILTERS: dict[str, Callable[[str, str], bool]] = {
    "TERM_MATCH": lambda found, wanted: found == wanted,
    "EQUALS": lambda found, wanted: found == wanted,
    "CONTAINS": lambda found, wanted: wanted in found,
    "ANY_OF": lambda found, wanted: found in wanted.split(","),
    "NONE_OF": lambda found, wanted: found not in wanted.split(","),
}
"""GetProducts filter type -> whether an attribute's value passes it."""

OUTSIDE_ATTRIBUTES = ("sku", "productFamily")
"""Fields of a product beside its attributes; a filter may name them as well."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one answer. Fields combine: slow, then cut."""

    status: int = 0
    """Answer this HTTP status instead of 200."""
    code: str = ""
    """AWS error code of the answer, such as `ThrottlingException`."""
    message: str = "planted"
    delay_s: float = 0.0
    """Wait before the first byte; ends early when the server closes."""
    cut_after_bytes: int | None = None
    """End the connection after so many bytes of the body, whatever length was promised; -1 resets it unanswered."""
    flip_byte: int | None = None
    """Change the byte at this index of the body; the length stays."""
    body: bytes | None = None
    """Answer this instead."""
    headers: tuple[tuple[str, str], ...] = ()
    """Answer these headers instead; an empty one is left out."""
    framing: Literal["length", "chunks", "none"] = "length"
    """What tells where the body ends; with `none` only the end of the connection does."""


NO_FAULT = Fault()


@dataclass(frozen=True, slots=True)
class Seen:
    """One request the server got."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def operation(self) -> str:
        """`GetProducts` of a Query API call; empty for a file."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]

    @property
    def arguments(self) -> Document:
        """Decoded body of a Query API call."""
        return dict(json.loads(self.body))


FaultHook = Callable[[Seen], Fault | None]


def in_turn(*faults: Fault | None) -> FaultHook:
    """Give the requests these faults one after another, then none."""
    left, lock = list(faults), threading.Lock()

    def next_fault(_: Seen) -> Fault | None:
        with lock:
            return left.pop(0) if left else None

    return next_fault


class ServiceError(Exception):
    """An error of the Query API."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass
class AwsServer:
    """What the price list holds, and the loopback server that answers for it.

    `with AwsServer() as aws:` starts it; `aws.url` is the endpoint. Change `products`, `files`,
    `price_lists` and `fault` at any time; `seen` lists every request so far.
    """

    products: dict[str, list[Document]] = field(default_factory=dict)
    """Service code -> decoded GetProducts products. Give a service a new list to change what it sells."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Path, such as `/offers/v1.0/aws/index.json` -> content."""
    price_lists: dict[str, Document] = field(default_factory=dict)
    """Price list ARN -> the ListPriceLists entry plus `ServiceCode` and `Path`, file path without ending."""
    fault: FaultHook = lambda _: None
    largest_page: int = LARGEST_PAGE
    """The most items on a page, whatever is asked for."""
    seen: list[Seen] = field(default_factory=list)
    _found: dict[str, tuple[list[Document], list[str]]] = field(default_factory=dict, repr=False)
    """Answers to GetProducts questions, as long as the list they were found in is the service's."""

    def __enter__(self) -> Self:
        self.closing = threading.Event()
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, without a slash at its end."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def answer(self, operation: str, arguments: Document) -> Document:
        """The decoded answer of a Query API operation. Raises ServiceError."""
        known: dict[str, Callable[[Document], Document]] = {
            "DescribeServices": self._describe_services,
            "GetAttributeValues": self._attribute_values,
            "GetProducts": self._get_products,
            "ListPriceLists": self._list_price_lists,
            "GetPriceListFileUrl": self._file_url,
        }
        if operation not in known:
            raise ServiceError("UnknownOperationException", f"no operation {operation}")
        return known[operation](arguments)

    def _of_service(self, service_code: str) -> list[Document]:
        if service_code not in self.products:
            raise ServiceError("NotFoundException", f"no service {service_code}")
        return self.products[service_code]

    def _describe_services(self, arguments: Document) -> Document:
        wanted = arguments.get("ServiceCode")
        codes = [wanted] if wanted else sorted(self.products)
        services = [{"ServiceCode": code, "AttributeNames": self._attribute_names(code)} for code in codes]
        return {"FormatVersion": "aws_v1", **self._page(arguments, "Services", services)}

    def _attribute_names(self, service_code: str) -> list[str]:
        found = {name for product in self._of_service(service_code) for name in _attributes(product)}
        return sorted(found | {"productFamily", "termType"})

    def _attribute_values(self, arguments: Document) -> Document:
        name = arguments["AttributeName"]
        values = {_field(product, name) for product in self._of_service(arguments["ServiceCode"])}
        found = [{"Value": value} for value in sorted(values) if value]
        if not found:
            raise ServiceError("NotFoundException", f"no attribute {name}")
        return self._page(arguments, "AttributeValues", found)

    def _get_products(self, arguments: Document) -> Document:
        question = json.dumps([arguments["ServiceCode"], arguments.get("Filters", ())])
        products = self._of_service(arguments["ServiceCode"])
        if question not in self._found or self._found[question][0] is not products:
            texts = [
                json.dumps(product)
                for product in products
                if all(_passes(product, wanted) for wanted in arguments.get("Filters", ()))
            ]
            self._found[question] = products, texts
        return {"FormatVersion": "aws_v1", **self._page(arguments, "PriceList", self._found[question][1])}

    def _list_price_lists(self, arguments: Document) -> Document:
        found = [
            {name: entry[name] for name in ("PriceListArn", "RegionCode", "CurrencyCode", "FileFormats")}
            for entry in self.price_lists.values()
            if entry["ServiceCode"] == arguments["ServiceCode"]
            and entry["CurrencyCode"] == arguments["CurrencyCode"]
            and arguments.get("RegionCode") in (None, entry["RegionCode"])
        ]
        if not found:
            raise ServiceError("ResourceNotFoundException", "no price list")
        return self._page(arguments, "PriceLists", found)

    def _file_url(self, arguments: Document) -> Document:
        entry = self.price_lists.get(arguments["PriceListArn"])
        if entry is None or arguments["FileFormat"] not in entry["FileFormats"]:
            raise ServiceError("ResourceNotFoundException", "no such price list or format")
        return {"Url": f"{self.url}{entry['Path']}.{arguments['FileFormat']}"}

    def _page(self, arguments: Document, name: str, items: list[Any]) -> Document:
        """One page of `items` and the token of the next; a token only fits the question it was given for."""
        size = arguments.get("MaxResults", LARGEST_PAGE)
        if not 1 <= size <= LARGEST_PAGE:
            raise ServiceError("InvalidParameterException", f"MaxResults must be 1 to {LARGEST_PAGE}")
        size = min(size, self.largest_page)
        question = {key: value for key, value in arguments.items() if key != "NextToken"}
        seal = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:12]
        start = 0
        if token := arguments.get("NextToken"):
            first, _, of = token.partition(":")
            if of != seal or not first.isdigit():
                raise ServiceError("InvalidNextTokenException", "the token belongs to another question")
            start = int(first)
        page: Document = {name: items[start : start + size]}
        if start + size < len(items):
            page["NextToken"] = f"{start + size}:{seal}"
        return page


@lru_cache(maxsize=200)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _attributes(product: Document) -> Mapping[str, str]:
    attributes: Mapping[str, str] = product["product"]["attributes"]
    return attributes


def _field(product: Document, name: str) -> str:
    if name == "ServiceCode":
        return str(product["serviceCode"])
    if name in OUTSIDE_ATTRIBUTES:
        return str(product["product"].get(name, ""))
    return _attributes(product).get(name, "")


def _passes(product: Document, wanted: Document) -> bool:
    if wanted["Type"] not in FILTERS:
        raise ServiceError("InvalidParameterException", f"no filter type {wanted['Type']}")
    return FILTERS[wanted["Type"]](_field(product, wanted["Field"]), wanted["Value"])


class _Http(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, aws: AwsServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.aws = aws

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def do_POST(self) -> None:
        seen = self._note(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        fault = self.server.aws.fault(seen) or NO_FAULT
        content, status, more = b"", 200, {"Content-Type": "application/x-amz-json-1.1"}
        try:
            if fault.code:
                raise ServiceError(fault.code, fault.message, fault.status or 400)
            _check_signature(seen)
            content = json.dumps(self.server.aws.answer(seen.operation, seen.arguments)).encode()
        except ServiceError as error:
            status = error.status
            content = json.dumps({"__type": error.code, "Message": error.message}).encode()
            more["x-amzn-ErrorType"] = error.code
        self._send(status, content, more, fault)

    def do_GET(self) -> None:
        seen = self._note(b"")
        fault = self.server.aws.fault(seen) or NO_FAULT
        content = self.server.aws.files.get(self.path.partition("?")[0])
        if content is None:
            self._send(404, b"not found", {}, fault)
            return
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        more = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if seen.headers.get("if-none-match") == etag:
            self._send(304, b"", more, fault)
            return
        start = _range_start(seen.headers, etag)
        if start is None and "gzip" in seen.headers.get("accept-encoding", ""):
            self._send(200, _compressed(content), more | {"Content-Encoding": "gzip"}, fault)
        elif start is None:
            self._send(200, content, more, fault)
        elif start >= len(content):
            self._send(416, b"", more | {"Content-Range": f"bytes */{len(content)}"}, fault)
        else:
            more["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._send(206, content[start:], more, fault)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def _note(self, body: bytes) -> Seen:
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body)
        self.server.aws.seen.append(seen)
        return seen

    def _send(self, status: int, content: bytes, headers: Mapping[str, str], fault: Fault) -> None:
        """Answer, with everything the fault asks for. Every answer closes its connection."""
        self.close_connection = True
        if fault.delay_s and self.server.aws.closing.wait(fault.delay_s):
            return
        if fault.cut_after_bytes == -1:
            self._reset()
            return
        if fault.body is not None:
            content = fault.body
        if fault.flip_byte is not None and content:
            at = fault.flip_byte % len(content)
            content = content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
        named = dict(headers) | dict(fault.headers)
        begin = self.send_response_only if "Date" in named else self.send_response
        begin(fault.status or status)
        for name, value in named.items():
            if value:
                self.send_header(name, value)
        if fault.framing == "length":
            self.send_header("Content-Length", str(len(content)))
        elif fault.framing == "chunks":
            self.send_header("Transfer-Encoding", "chunked")
            content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
        self.send_header("Connection", "close")
        self.end_headers()
        if fault.cut_after_bytes is None:
            self.wfile.write(content)
        else:
            self.wfile.write(content[: fault.cut_after_bytes])

    def _reset(self) -> None:
        """Close without a goodbye: the client sees a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _check_signature(seen: Seen) -> None:
    """Raises ServiceError unless the call is signed for the Price List as SigV4 signs it."""
    signature = seen.headers.get("authorization", "")
    if not re.match(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/pricing/aws4_request,", signature):
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)


def _range_start(headers: Mapping[str, str], etag: str) -> int | None:
    """First byte that is asked for; None when the whole file is, or has changed since (If-Range)."""
    wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    if wanted is None or headers.get("if-range", etag) != etag:
        return None
    return int(wanted.group(1))


def every(fault: Fault, of: Iterable[int]) -> FaultHook:
    """Give the fault to the requests with these numbers, counted from 0."""
    numbers, lock, count = frozenset(of), threading.Lock(), [-1]

    def fault_of(_: Seen) -> Fault | None:
        with lock:
            count[0] += 1
            return fault if count[0] in numbers else None

    return fault_of
