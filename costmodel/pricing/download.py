"""Fetching files over HTTPS: resumed where the connection was cut, moved into place when whole.

Beside the place of a file stand `<name>.part`, what has arrived of a file that is not whole yet, and
`<name>.etag`, which file is in place. Nothing is ever read from a part but to go on with it. Two
processes must not fetch to the same place at once: whoever calls holds the lock.

Source: RFC 9110, sections 6.6.1 (Date), 8.8.3 (ETag), 13.1.2 (If-None-Match), 13.1.5 (If-Range), 14 (ranges), 15.3.7.3
(combining parts) and 10.2.3 (Retry-After).
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from costmodel.errors import ClockSkewed, DownloadFailed, FileTooLarge, FileUnavailable, PriceFileNotFound
from costmodel.pricing.unpacking import LARGEST_FILE_BYTES, unpacked

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Progress = Callable[[int, int | None], None]
"""Told the bytes in hand and, where known, the bytes of the whole file."""

CHUNK_BYTES = 64 * 1024
MOST_REDIRECTS = 3
MOST_SKEW = timedelta(hours=1)
"""Two clocks that are further apart are not both right.

Source: engineering choice. AWS takes signed questions for 5 minutes (AWS General Reference, Signature
Version 4, 2023); a file may come by way of a cache that does not say for how long it has kept it.
"""

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may differ in a moment."""

CHECK_NETWORK = "Check your network, then run again; the prices at hand stay usable without it."
CHECK_SERVER = "Check your proxy and COSTMODEL_PRICE_LIST_URL, then run again."
GO_ON = "Run the command again; it goes on where it stopped."
START_ANEW = "Run the command again; it fetches this file from its start."
_MD5 = re.compile(r'"([0-9a-f]{32})"')
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_NO_RANGE = re.compile(r"bytes \*/(\d+)")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try again."""

    tries_without_progress: int = 6
    """Failures in a row, none with more bytes in hand than ever before, before giving up."""
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    """Longest silence in the middle of an answer."""

    def wait_s(self, failures: int) -> float:
        """Before the next try: doubled each time, and drawn from its upper half so that clients part."""
        longest = min(self.longest_wait_s, self.first_wait_s * float(2 ** (failures - 1)))
        return longest * random.uniform(0.5, 1.0)


PATIENT = Patience()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file in its place."""

    path: Path
    changed: bool
    """False when the server says the file in place is still the one it has."""


class _Passing(Exception):
    """A failure that may be gone in a moment."""

    def __init__(self, problem: str, wait_s: float = 0.0) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


def download(
    url: str,
    path: Path,
    *,
    progress: Progress | None = None,
    patience: Patience = PATIENT,
    most_bytes: int = LARGEST_FILE_BYTES,
) -> Fetched:
    """Fetch a file to its place unless the same file is there already.

    Raises FileUnavailable for what is no address; PriceFileNotFound where the server has no such file; FileTooLarge for one of more than
    `most_bytes`, unpacked; DownloadFailed without a network, name, certificate, proxy or room on the
    disk, when the server keeps failing, or when nothing tells whether the file came whole; ClockSkewed
    where the server's clock and this machine's are far apart. The file in place stays as it was then, and what has arrived is kept to go on from, where the server gave it a
    strong ETag.
    """
    _check_address(url)
    try:
        with _pool(url, patience) as pool:
            return _Download(pool, url, path, progress, patience, most_bytes).run()
    except OSError as error:
        raise DownloadFailed(
            url,
            f"cannot write {path}: {error.strerror or error}",
            "Make room or choose another cache folder.",
        ) from error


def leaves_https(source: str, target: str) -> bool:
    """Whether something told over https leads to where anybody on the way could change it."""
    return urlsplit(source).scheme == "https" and urlsplit(target).scheme != "https"


class _Download:
    def __init__(
        self,
        pool: PoolManager,
        url: str,
        path: Path,
        progress: Progress | None,
        patience: Patience,
        most_bytes: int,
    ) -> None:
        self.pool, self.url, self.path, self.patience = pool, url, path, patience
        self.most_bytes = most_bytes
        self.progress = progress or (lambda done, total: None)
        self.part = path.with_name(path.name + ".part")
        self.part_note = path.with_name(path.name + ".part.json")
        self.etag_note = path.with_name(path.name + ".etag")
        self.answered = False
        """Whether the server ever answered: then a failure to reach it may pass."""
        self.doubted = ""
        """MD5 of a whole file that was not the one its ETag seems to state."""
        self.end_asked = False
        """Whether the server was asked if the part in hand is all there is."""

    def run(self) -> Fetched:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        failures, most_bytes = 0, self._part_bytes()
        while True:
            try:
                return self._try()
            except FileTooLarge:
                self._drop_part()
                raise
            except _Passing as failure:
                failures = 1 if self._part_bytes() > most_bytes else failures + 1
                most_bytes = max(most_bytes, self._part_bytes())
                if failures >= self.patience.tries_without_progress:
                    problem = f"{failure} ({failures} tries)"
                    if self.answered:
                        next_step = GO_ON if self._part().done else START_ANEW
                        raise FileUnavailable(self.url, problem, next_step) from failure
                    raise DownloadFailed(self.url, problem, CHECK_NETWORK) from failure
                time.sleep(
                    max(self.patience.wait_s(failures), min(failure.wait_s, self.patience.longest_wait_s))
                )

    def _try(self) -> Fetched:
        part = self._part()
        with self._answer(self._headers(part)) as answer:
            self.answered = True
            status = answer.status
            self._check_clock(answer)
            if status == 304:
                return Fetched(self.path, changed=False)
            if status == 416 and not _ends_here(answer, part):
                self._drop_part()
                raise _Passing("the file became shorter while it was fetched")
            if status not in (200, 206, 416):
                raise self._refusal(answer)
            if status == 200:
                part = self._begin(answer)
            elif status == 206 and not _goes_on(answer, part):
                self._drop_part()
                raise _Passing("the server answered with another part than was asked for")
            if status != 416:
                self._receive(answer, part)
                self._check_end(answer, part)
        self._check_content(part)
        self._move_into_place(part)
        return Fetched(self.path, changed=True)

    def _check_clock(self, answer: BaseHTTPResponse) -> None:
        stated = _said_at(answer)
        now = datetime.now(UTC)
        if stated is not None and abs(now - stated) > MOST_SKEW:
            host = urlsplit(self.url).hostname
            raise ClockSkewed(
                "price list file",
                f"this machine's clock is off, or that of {host}: they say {now:%Y-%m-%d %H:%M} and "
                f"{stated:%Y-%m-%d %H:%M} UTC",
                "Set the clock, then try again.",
            )

    def _headers(self, part: _Part) -> dict[str, str]:
        if part.done:
            return {"Accept-Encoding": "identity", "Range": f"bytes={part.done}-", "If-Range": part.etag}
        # A part that nothing can be added to was cut under a weak ETag, as servers give to what they compress.
        headers = {"Accept-Encoding": "identity" if self.part.is_file() else "gzip"}
        if etag := self._etag_in_place():
            headers["If-None-Match"] = etag
        return headers

    @contextmanager
    def _answer(self, headers: dict[str, str]) -> Iterator[BaseHTTPResponse]:
        from urllib3 import Retry
        from urllib3.exceptions import HTTPError

        retries = Retry(total=None, connect=0, read=0, status=0, other=0, redirect=MOST_REDIRECTS)
        try:
            answer = self.pool.request(
                "GET", self.url, headers=headers, preload_content=False, decode_content=False, retries=retries
            )
            try:
                if leaves_https(self.url, urljoin(self.url, answer.geturl() or "")):
                    step = "Check COSTMODEL_PRICE_LIST_URL and your proxy."
                    raise DownloadFailed(self.url, "the server leads away from https", step)
                yield answer
            finally:
                answer.close()
        except HTTPError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Exception:
        """What a failure on the wire means: the end, or another try."""
        from urllib3 import exceptions as wire

        cause = getattr(error, "reason", None) or error
        host = urlsplit(self.url).hostname
        if isinstance(cause, wire.SSLError):
            step = "If your network inspects TLS, set SSL_CERT_FILE to its certificates and run again."
            return DownloadFailed(self.url, f"no trusted TLS connection to {host} ({cause})", step)
        if isinstance(cause, wire.LocationValueError):
            return DownloadFailed(self.url, "this is not an address", CHECK_SERVER)
        if isinstance(cause, wire.ResponseError):
            return DownloadFailed(self.url, f"{cause}", "Check COSTMODEL_PRICE_LIST_URL and your proxy.")
        if not self.answered and isinstance(cause, wire.ProxyError):
            step = "Check HTTPS_PROXY and NO_PROXY, then run again."
            return DownloadFailed(self.url, f"the proxy does not let us through ({cause})", step)
        if not self.answered and isinstance(cause, wire.NameResolutionError):
            return DownloadFailed(self.url, f"no address is known for {host}", CHECK_NETWORK)
        return _Passing(f"the connection failed ({cause})")

    def _refusal(self, answer: BaseHTTPResponse) -> Exception:
        problem = f"the server answers {answer.status} {answer.reason or ''}".strip()
        if answer.status in (404, 410):
            return PriceFileNotFound(
                f"{self._address}: {problem}. Run `costmodel prices refresh` again, "
                "which looks up where the file is now."
            )
        if answer.status in PASSING_STATUSES:
            return _Passing(problem, _retry_after_s(answer))
        return FileUnavailable(
            self.url, problem, "Run the command again; an address from AWS may have expired."
        )

    def _begin(self, answer: BaseHTTPResponse) -> _Part:
        """Start anew: the server sends the whole file."""
        self._drop_part()
        encoding = answer.headers.get("Content-Encoding", "identity")
        if encoding not in ("identity", "gzip"):
            raise DownloadFailed(self.url, f"it is encoded as {encoding}", "Check your proxy.")
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() and encoding == "identity" else None
        self._check_size(total or 0)
        part = _Part(answer.headers.get("ETag", ""), 0, total)
        note = {"url": self._address, "etag": part.etag, "total": part.total}
        self.part_note.write_text(json.dumps(note))
        return part

    def _receive(self, answer: BaseHTTPResponse, part: _Part) -> None:
        """Write the body behind what is there. Raises _Passing when it ends early or does not decode."""
        chunks = answer.stream(CHUNK_BYTES, decode_content=False)
        done = part.done
        with self.part.open("ab") as file:
            try:
                for chunk in unpacked(chunks) if _is_packed(answer) else chunks:
                    done += len(chunk)
                    self._check_size(done)
                    file.write(chunk)
                    self.progress(done, part.total)
            except zlib.error as error:
                file.truncate(0)
                raise _Passing(f"the compressed content is damaged ({error})") from error
        if part.total is not None and done != part.total:
            if done > part.total:
                self._drop_part()
            raise _Passing(f"{done} bytes arrived of {part.total}")
        part.done = done

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self.most_bytes:
            problem = f"it has, unpacked, more than {self.most_bytes:,} bytes; no such file has"
            raise FileTooLarge(self.url, problem, CHECK_SERVER)

    def _check_end(self, answer: BaseHTTPResponse, part: _Part) -> None:
        """See to it that something tells where the file ends: its length, its chunks, gzip or its checksum.

        A body that only ends with its connection looks whole wherever it is cut (RFC 9112, section 8).
        The server is then asked once for what comes behind it; its answer tells how long the file is.
        """
        if part.total is not None or _is_packed(answer) or _is_chunked(answer):
            return
        stated = _MD5.search(part.etag)
        if stated is not None and stated[1] == self._md5():
            return
        if self.end_asked or not part.etag.startswith('"'):
            self._drop_part()
            problem = "nothing tells whether it came whole: neither a length nor a checksum"
            raise FileUnavailable(self.url, problem, CHECK_SERVER)
        self.end_asked = True
        raise _Passing("nothing tells yet whether it came whole")

    def _check_content(self, part: _Part) -> None:
        """Compare the whole file with its ETag, where that is an MD5 as on S3.

        An ETag may look like one and be something else. So a difference counts as damage once; a second
        fetch that gives the same bytes again is believed.
        """
        stated = _MD5.search(part.etag)
        if stated is None:
            return
        found = self._md5()
        if found not in (stated[1], self.doubted):
            self.doubted = found
            self._drop_part()
            raise _Passing("the content differs from its checksum")

    def _md5(self) -> str:
        with self.part.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()

    def _move_into_place(self, part: _Part) -> None:
        # Without its note a file in place is fetched again; with the note of another one it never would be.
        self.etag_note.unlink(missing_ok=True)
        size_bytes = self.part.stat().st_size
        self.part.replace(self.path)
        self.part_note.unlink(missing_ok=True)
        self.etag_note.write_text(json.dumps({"etag": part.etag, "bytes": size_bytes}))

    def _etag_in_place(self) -> str:
        """ETag of the file in place; empty when there is none, or it is not as it was put there."""
        note = _note(self.etag_note)
        if not self.path.is_file() or note.get("bytes") != self.path.stat().st_size:
            return ""
        return str(note.get("etag", ""))

    def _part(self) -> _Part:
        """What has arrived; nothing when it cannot be known to belong to the same file (RFC 9110, 13.1.5).

        An ETag says nothing about the file of another address (RFC 9110, 8.8.3).
        """
        note = _note(self.part_note)
        etag, total = str(note.get("etag", "")), note.get("total")
        done = self._part_bytes()
        if (
            note.get("url") != self._address
            or not etag.startswith('"')
            or (total is not None and done >= total)
        ):
            return _Part("", 0, None)
        return _Part(etag, done, total)

    @property
    def _address(self) -> str:
        """The URL without its query, which may hold a signature."""
        return self.url.partition("?")[0]

    def _part_bytes(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _drop_part(self) -> None:
        self.part_note.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)


@dataclass(slots=True)
class _Part:
    """What has arrived of a file."""

    etag: str
    done: int
    total: int | None


def _check_address(url: str) -> None:
    """Raises FileUnavailable for an address with brackets, or a port, that no address has."""
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise FileUnavailable(url, f"this is no address ({error})", CHECK_SERVER) from error


def _pool(url: str, patience: Patience) -> PoolManager:
    """Connections to the server, through the proxy that the environment names."""
    from urllib3 import PoolManager, ProxyManager, Timeout

    timeout = Timeout(connect=patience.connect_timeout_s, read=patience.read_timeout_s)
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.hostname or ""):
        return PoolManager(timeout=timeout)
    address = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(address).scheme not in ("http", "https"):
        step = "Set HTTPS_PROXY to an HTTP proxy, or leave this host out with NO_PROXY."
        raise DownloadFailed(url, f"the proxy {proxy} is not an HTTP proxy", step)
    return ProxyManager(address, timeout=timeout)


def _goes_on(answer: BaseHTTPResponse, part: _Part) -> bool:
    """Whether an answer to a range continues the part; then the file's length becomes known as well.

    It must begin where the part ends and carry the same ETag (RFC 9110, 15.3.7.3).
    """
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if not part.done or found is None or int(found[1]) != part.done:
        return False
    if answer.headers.get("Content-Encoding") or answer.headers.get("ETag") != part.etag:
        return False
    if part.total not in (None, int(found[2])):
        return False
    part.total = int(found[2])
    return True


def _ends_here(answer: BaseHTTPResponse, part: _Part) -> bool:
    """Whether the server says that the file, of which it stated no length, is as long as the part."""
    found = _NO_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    same = answer.headers.get("ETag", part.etag) == part.etag
    return same and part.total is None and found is not None and int(found[1]) == part.done > 0


def _said_at(answer: BaseHTTPResponse) -> datetime | None:
    """The time by the server's clock; a cache adds how long ago it heard it (RFC 9111, 5.1)."""
    try:
        said = parsedate_to_datetime(answer.headers.get("Date", ""))
        kept = timedelta(seconds=int(answer.headers.get("Age", "0")))
        return (said if said.tzinfo else said.replace(tzinfo=UTC)) + kept
    except (ValueError, OverflowError):
        return None


def _is_packed(answer: BaseHTTPResponse) -> bool:
    return answer.headers.get("Content-Encoding") == "gzip"


def _is_chunked(answer: BaseHTTPResponse) -> bool:
    return "chunked" in answer.headers.get("Transfer-Encoding", "").lower()


def _retry_after_s(answer: BaseHTTPResponse) -> float:
    """Seconds the server asks to wait; 0 when it does not say, or names a date."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0


def _note(path: Path) -> dict[str, Any]:
    """A note beside a file; empty when there is none or it was cut short."""
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
