"""The `savingsplans` and `ec2` APIs on loopback: Savings Plans rates and spot price history.

Unmodified boto3 talks to them through `AWS_ENDPOINT_URL_SAVINGSPLANS` and `AWS_ENDPOINT_URL_EC2`.
Protocols: REST-JSON, `POST /DescribeSavingsPlansOfferingRates`; EC2 query, `Action=DescribeSpotPriceHistory`
with an XML answer (botocore 1.44.5, `savingsplans` 2019-06-28 and `ec2` 2016-11-15).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

Document = dict[str, Any]

SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/(savingsplans|ec2)/aws4_request,")


@dataclass
class CommitmentsServer:
    """What AWS would answer. `with CommitmentsServer() as aws:` starts it; `aws.url` is the endpoint."""

    rates: list[Document] = field(default_factory=list)
    """DescribeSavingsPlansOfferingRates results, as they are on the wire."""
    spot: list[Document] = field(default_factory=list)
    """Spot price changes by wire name: `instanceType`, `productDescription`, `spotPrice`, `timestamp`, ..."""
    page_size: int = 1000
    faults: list[tuple[int, str]] = field(default_factory=list)
    """Status and error code of the next answers, one after another."""
    bare: bool = False
    """Answer without the list, as botocore makes of a broken connection."""
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    """What a service answers instead, whatever it is asked: `savingsplans` or `ec2` to a body."""
    loop: bool = False
    """Give the same token with every page."""
    questions: list[Document] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def savings_plans(self, question: Document) -> Document:
        """One page of the rates that pass the question's lists and filters."""
        found = [rate for rate in self.rates if _passes(rate, question)]
        page, token = self._page(found, question.get("nextToken", ""))
        answer: Document = {} if self.bare else {"searchResults": page}
        return answer | ({"nextToken": token} if token else {})

    def spot_history(self, question: Mapping[str, str]) -> str:
        """One page of the history, as XML. The last change before the start is part of it."""
        types = [value for name, value in question.items() if name.startswith("InstanceType.")]
        products = [value for name, value in question.items() if name.startswith("ProductDescription.")]
        found = [
            change
            for change in self.spot
            if change["instanceType"] in types
            and (change["productDescription"] in products or "decoy" in change)
            and _time(change["timestamp"]) <= _time(question["EndTime"])
        ]
        page, token = self._page(found, question.get("NextToken", ""))
        items = "".join(f"<item>{_xml(change)}</item>" for change in page)
        listed = "" if self.bare else f"<spotPriceHistorySet>{items}</spotPriceHistorySet>"
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<requestId>1</requestId>{listed}<nextToken>{token}</nextToken>"
            "</DescribeSpotPriceHistoryResponse>"
        )

    def _page(self, found: list[Document], token: str) -> tuple[list[Document], str]:
        start = int(token) if token.isdigit() and not self.loop else 0
        end = start + self.page_size
        return found[start:end], (str(end) if self.loop or end < len(found) else "")


def _passes(rate: Document, question: Document) -> bool:
    offering = rate["savingsPlanOffering"]
    properties = {of["name"]: of["value"] for of in rate["properties"]}
    asked = {
        "savingsPlanTypes": offering["planType"],
        "serviceCodes": rate["serviceCode"],
        "operations": rate["operation"],
    }
    return all(value in question.get(name, [value]) for name, value in asked.items()) and all(
        properties.get(wanted["name"]) in wanted["values"] for wanted in question.get("filters", ())
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _xml(change: Document) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in change.items() if name != "decoy")


class _Http(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, aws: CommitmentsServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.aws = aws


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def do_POST(self) -> None:
        aws = self.server.aws
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_json = self.path == "/DescribeSavingsPlansOfferingRates"
        status, code = aws.faults.pop(0) if aws.faults else (200, "")
        if status == 200 and not SIGNED.match(self.headers.get("Authorization", "")):
            status, code = 403, "MissingAuthenticationToken"
        if is_json:
            self._send(status, _json_answer(aws, body, code), {"x-amzn-ErrorType": code} if code else {})
        else:
            self._send(status, _xml_answer(aws, body, code), {})

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


def _json_answer(aws: CommitmentsServer, body: bytes, code: str) -> bytes:
    if code:
        return json.dumps({"message": "planted"}).encode()
    if "savingsplans" in aws.bodies:
        return aws.bodies["savingsplans"]
    question = json.loads(body or b"{}")
    aws.questions.append(question)
    return json.dumps(aws.savings_plans(question)).encode()


def _xml_answer(aws: CommitmentsServer, body: bytes, code: str) -> bytes:
    if code:
        return (
            f"<Response><Errors><Error><Code>{code}</Code><Message>planted</Message></Error></Errors>"
            "<RequestID>1</RequestID></Response>"
        ).encode()
    if "ec2" in aws.bodies:
        return aws.bodies["ec2"]
    question = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    assert question["Action"] == "DescribeSpotPriceHistory"
    aws.questions.append(dict(question))
    return aws.spot_history(question).encode()
