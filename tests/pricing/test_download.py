"""Fetching over a real socket: cut, slow, failing, changing and lying servers."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
import socket
import ssl
import subprocess
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws.server import AwsServer, Fault, FaultHook, Seen, in_turn
from costmodel.errors import ClockSkewed, DownloadFailed, FileTooLarge, FileUnavailable, PriceFileNotFound
from costmodel.pricing import download as module
from costmodel.pricing.download import Fetched, Patience, download
from costmodel.pricing.unpacking import PIECE_BYTES, unpacked

CONTENT = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(250_000)
FILE = "/offers/v1.0/aws/AmazonEC2/20261001000000/us-east-1/index.json"
QUICK = Patience(tries_without_progress=4, first_wait_s=0.0, connect_timeout_s=2.0, read_timeout_s=0.3)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def aws() -> Iterator[AwsServer]:
    with AwsServer(files={FILE: CONTENT}) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "prices" / "index.json"


def fetch(aws: AwsServer, place: Path, patience: Patience = QUICK) -> Fetched:
    return download(aws.url + FILE, place, patience=patience)


def beside(place: Path) -> set[str]:
    return {each.name for each in place.parent.iterdir()}


def without_gzip(hook: FaultHook = lambda _: None) -> FaultHook:
    """A server that sends files as they are, like S3 does with large ones."""

    def plain(seen: Seen) -> Fault | None:
        seen.headers.pop("accept-encoding", None)  # type: ignore[attr-defined]
        return hook(seen)

    return plain


def test_a_file_arrives_whole_and_alone(aws: AwsServer, place: Path) -> None:
    assert fetch(aws, place) == Fetched(place, changed=True)
    assert place.read_bytes() == CONTENT
    assert beside(place) == {"index.json", "index.json.etag"}
    assert aws.seen[0].headers["accept-encoding"] == "gzip"


def test_an_unchanged_file_is_not_fetched_again(aws: AwsServer, place: Path) -> None:
    fetch(aws, place)
    assert fetch(aws, place) == Fetched(place, changed=False)
    assert aws.seen[1].headers["if-none-match"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    aws.files[FILE] = OTHER
    assert fetch(aws, place).changed
    assert place.read_bytes() == OTHER


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"short"), Path.unlink])
def test_a_file_that_changed_in_place_is_fetched_again(aws: AwsServer, place: Path, damage) -> None:
    fetch(aws, place)
    damage(place)
    assert fetch(aws, place).changed
    assert place.read_bytes() == CONTENT


def test_progress_tells_bytes_in_hand_and_in_all(aws: AwsServer, place: Path) -> None:
    aws.fault = without_gzip(in_turn(Fault(cut_after_bytes=100_000)))
    told: list[tuple[int, int | None]] = []
    download(aws.url + FILE, place, progress=lambda done, total: told.append((done, total)), patience=QUICK)
    assert told == sorted(told)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert {total for _, total in told} == {len(CONTENT)}


def test_a_cut_download_goes_on_where_it_stopped(aws: AwsServer, place: Path) -> None:
    aws.fault = without_gzip(in_turn(Fault(cut_after_bytes=100_000), Fault(cut_after_bytes=50_000)))
    fetch(aws, place)
    assert place.read_bytes() == CONTENT
    assert [seen.headers.get("range") for seen in aws.seen] == [None, "bytes=100000-", "bytes=150000-"]
    assert aws.seen[1].headers["if-range"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'


def test_the_next_process_goes_on_too(aws: AwsServer, place: Path) -> None:
    aws.fault = without_gzip(in_turn(Fault(cut_after_bytes=100_000), *[Fault(status=503)] * 4))
    with pytest.raises(DownloadFailed, match=r"503.*goes on where it stopped"):
        fetch(aws, place)
    assert beside(place) == {"index.json.part", "index.json.part.json"}
    fetch(aws, place)
    assert aws.seen[-1].headers["range"] == "bytes=100000-"
    assert place.read_bytes() == CONTENT
    assert beside(place) == {"index.json", "index.json.etag"}


def test_a_file_that_changes_in_the_middle_starts_anew(aws: AwsServer, place: Path) -> None:
    faults = in_turn(Fault(cut_after_bytes=100_000))

    def change(seen: Seen) -> Fault | None:
        if "range" in seen.headers:
            aws.files[FILE] = OTHER
        return faults(seen)

    aws.fault = without_gzip(change)
    fetch(aws, place)
    assert place.read_bytes() == OTHER


def test_a_part_of_unknown_origin_is_not_used(aws: AwsServer, place: Path) -> None:
    place.parent.mkdir()
    place.with_name("index.json.part").write_bytes(b"somebody else's")
    fetch(aws, place)
    assert "range" not in aws.seen[0].headers
    assert place.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_dropped(aws: AwsServer, place: Path) -> None:
    place.parent.mkdir()
    note = {"url": aws.url + FILE, "etag": f'"{hashlib.md5(CONTENT).hexdigest()}"', "total": None}
    place.with_name("index.json.part").write_bytes(bytes(len(CONTENT) + 5))
    place.with_name("index.json.part.json").write_text(json.dumps(note))
    fetch(aws, place)
    assert aws.seen[0].headers["range"] == f"bytes={len(CONTENT) + 5}-"
    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ["", '"another"', f'W/"{hashlib.md5(CONTENT).hexdigest()}"'])
def test_a_part_of_another_edition_is_never_added(aws: AwsServer, place: Path, etag: str) -> None:
    """A server that answers the range whatever If-Range says, of a file that is as long as the one before."""
    other = OTHER + bytes(len(CONTENT) - len(OTHER))
    rest = (("ETag", etag), ("Content-Range", f"bytes 100000-{len(CONTENT) - 1}/{len(CONTENT)}"))
    faults = in_turn(Fault(cut_after_bytes=100_000), Fault(status=206, body=other[100_000:], headers=rest))

    def change(seen: Seen) -> Fault | None:
        if "range" in seen.headers:
            aws.files[FILE] = other
        return faults(seen)

    aws.fault = without_gzip(change)
    fetch(aws, place)
    assert place.read_bytes() == other
    assert [seen.headers.get("range") for seen in aws.seen] == [None, "bytes=100000-", None]


def test_parts_that_never_fit_end_in_an_error(aws: AwsServer, place: Path) -> None:
    def unfit(seen: Seen) -> Fault:
        return Fault(headers=(("ETag", ""),)) if "range" in seen.headers else Fault(cut_after_bytes=100_000)

    aws.fault = without_gzip(unfit)
    with pytest.raises(DownloadFailed, match=r"\(4 tries\)"):
        fetch(aws, place)


def test_a_part_of_another_address_is_not_used(aws: AwsServer, place: Path) -> None:
    aws.files["/other.json"] = CONTENT
    aws.fault = without_gzip(in_turn(Fault(cut_after_bytes=100_000), *[Fault(status=503)] * 4))
    with pytest.raises(DownloadFailed):
        fetch(aws, place)
    download(aws.url + "/other.json", place, patience=QUICK)
    assert "range" not in aws.seen[-1].headers
    assert place.read_bytes() == CONTENT


WEAK = (("ETag", 'W/"v1"'),)


def test_what_was_cut_while_compressed_is_fetched_as_it_is(aws: AwsServer, place: Path) -> None:
    """Servers that compress give weak ETags, and under those nothing can be resumed."""
    aws.fault = in_turn(Fault(cut_after_bytes=100_000, headers=WEAK), Fault(cut_after_bytes=150_000))
    fetch(aws, place)
    assert place.read_bytes() == CONTENT
    asked = [(seen.headers["accept-encoding"], seen.headers.get("range")) for seen in aws.seen]
    assert asked == [("gzip", None), ("identity", None), ("identity", "bytes=150000-")]


def test_it_does_not_promise_to_go_on_where_it_cannot(aws: AwsServer, place: Path) -> None:
    aws.fault = lambda _: Fault(cut_after_bytes=100_000, headers=WEAK)
    with pytest.raises(DownloadFailed, match="it fetches this file from its start"):
        fetch(aws, place)


IN_TWO = gzip.compress(CONTENT[:100_000]) + gzip.compress(CONTENT[100_000:])


def test_every_member_of_a_compressed_body_is_unpacked(aws: AwsServer, place: Path) -> None:
    """Each has a checksum of its own, so that a body cut behind the first looks whole by gzip alone."""
    aws.fault = lambda _: Fault(body=IN_TWO)
    fetch(aws, place)
    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize("tail", [b"more", b"\x00" * 8, IN_TWO[:20]], ids=["bytes", "zeros", "a member cut"])
def test_what_stands_behind_a_compressed_body_is_damage(aws: AwsServer, place: Path, tail: bytes) -> None:
    aws.fault = in_turn(Fault(body=gzip.compress(CONTENT) + tail))
    fetch(aws, place)
    assert place.read_bytes() == CONTENT
    assert len(aws.seen) == 2


@pytest.mark.parametrize("content", [CONTENT, bytes(300_000), b"", b"x"])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 65_536, 10**6])
@pytest.mark.parametrize("members", [1, 3])
def test_whatever_the_chunks_all_of_it_is_unpacked(content: bytes, chunk_bytes: int, members: int) -> None:
    packed = gzip.compress(content) * members
    chunks = [packed[start : start + chunk_bytes] for start in range(0, len(packed), chunk_bytes)]
    assert b"".join(unpacked(chunks)) == content * members
    with pytest.raises(zlib.error):
        b"".join(unpacked([packed[:-1]]))


def test_nothing_is_unpacked_in_one_piece() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert max(len(piece) for piece in unpacked([bomb])) <= PIECE_BYTES


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("framing", ["length", "none"])
def test_a_file_that_is_too_large_is_named_and_not_kept(
    aws: AwsServer, place: Path, packed: bool, framing: Any
) -> None:
    hook: FaultHook = lambda _: Fault(framing=framing)  # noqa: E731
    aws.fault = hook if packed else without_gzip(hook)
    most = len(CONTENT) - 1
    with pytest.raises(FileTooLarge, match=r"more than 299,999 bytes; no such file has\. Check your proxy"):
        download(aws.url + FILE, place, patience=QUICK, most_bytes=most)
    assert beside(place) == set()
    assert len(aws.seen) == 1
    assert download(aws.url + FILE, place, patience=QUICK, most_bytes=len(CONTENT)).changed


NO_CHECKSUM = (("ETag", '"0123456789abcdef0123456789abcdef-28"'),)
"""Of a file that was put on S3 in parts."""


def unframed(aws: AwsServer, cut_after_bytes: int | None, etag: str, *, ranges: bool = True) -> None:
    """The server says of no whole file how long it is, or anything else that would tell."""
    etags = (("ETag", etag),)

    def plain(seen: Seen) -> Fault:
        asked, known = seen.headers.get("range"), seen.headers.get("if-range") == etag
        seen.headers.clear()  # type: ignore[attr-defined]
        if not (asked and known and ranges):
            return Fault(framing="none", body=CONTENT, cut_after_bytes=cut_after_bytes, headers=etags)
        start = int(asked[len("bytes=") : -1])
        if start == len(CONTENT):
            return Fault(status=416, body=b"", headers=(*etags, ("Content-Range", f"bytes */{start}")))
        rest = ("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        return Fault(status=206, body=CONTENT[start:], headers=(*etags, rest))

    aws.fault = plain


@pytest.mark.parametrize("cut_after_bytes", [None, 0, 100_000])
def test_a_body_without_a_length_is_asked_for_its_end(
    aws: AwsServer, place: Path, cut_after_bytes: int | None
) -> None:
    unframed(aws, cut_after_bytes, '"parts-28"')
    if cut_after_bytes == 0:  # nothing is in hand to ask with
        with pytest.raises(FileUnavailable, match="nothing tells whether it came whole"):
            fetch(aws, place)
        return
    fetch(aws, place)
    assert place.read_bytes() == CONTENT
    assert len(aws.seen) == 2


@pytest.mark.parametrize("etag", ["", 'W/"weak"', '"parts-28"'])
def test_a_body_of_which_nothing_tells_the_end_is_refused(aws: AwsServer, place: Path, etag: str) -> None:
    unframed(aws, 100_000, etag, ranges=False)
    with pytest.raises(FileUnavailable, match=r"nothing tells whether it came whole.*Check your proxy"):
        fetch(aws, place)
    assert beside(place) == set()
    assert len(aws.seen) <= 2


def test_a_checksum_tells_that_a_body_without_a_length_is_whole(aws: AwsServer, place: Path) -> None:
    cut = Fault(framing="none", cut_after_bytes=100_000)
    aws.fault = without_gzip(in_turn(cut, Fault(framing="none")))
    fetch(aws, place)
    assert place.read_bytes() == CONTENT


def test_a_cut_at_the_same_place_twice_is_not_taken_for_another_checksum(aws: AwsServer, place: Path) -> None:
    unframed(aws, 100_000, f'"{hashlib.md5(CONTENT).hexdigest()}"', ranges=False)
    with pytest.raises(FileUnavailable, match="nothing tells whether it came whole"):
        fetch(aws, place)


def test_chunks_tell_that_a_body_is_cut(aws: AwsServer, place: Path) -> None:
    aws.fault = without_gzip(
        in_turn(
            Fault(framing="chunks", cut_after_bytes=100_000, headers=NO_CHECKSUM), Fault(framing="chunks")
        )
    )
    fetch(aws, place)
    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(aws: AwsServer, place: Path, status: int) -> None:
    aws.fault = in_turn(Fault(status=status), Fault(status=status))
    fetch(aws, place)
    assert place.read_bytes() == CONTENT
    assert len(aws.seen) == 3


def test_a_reset_and_a_silent_connection_are_tried_again(aws: AwsServer, place: Path) -> None:
    aws.fault = in_turn(Fault(cut_after_bytes=-1), Fault(delay_s=5.0))
    fetch(aws, place)
    assert place.read_bytes() == CONTENT


def test_the_wait_grows_and_is_drawn(monkeypatch: pytest.MonkeyPatch, aws: AwsServer, place: Path) -> None:
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    aws.fault = in_turn(*[Fault(status=503)] * 5)
    fetch(aws, place, Patience(tries_without_progress=6, first_wait_s=1.0, longest_wait_s=5.0))
    assert len(slept) == 5
    for waited, longest in zip(slept, (1.0, 2.0, 4.0, 5.0, 5.0), strict=True):
        assert longest / 2 <= waited <= longest


def test_it_gives_up_with_what_went_wrong(aws: AwsServer, place: Path) -> None:
    aws.fault = lambda _: Fault(status=503)
    with pytest.raises(DownloadFailed, match=r"answers 503.*\(4 tries\)\. Run the command again"):
        fetch(aws, place)
    assert len(aws.seen) == 4


def test_the_file_in_place_stays_when_the_new_one_fails(aws: AwsServer, place: Path) -> None:
    fetch(aws, place)
    aws.files[FILE] = OTHER
    aws.fault = lambda _: Fault(cut_after_bytes=0)
    with pytest.raises(DownloadFailed):
        fetch(aws, place)
    assert place.read_bytes() == CONTENT


def test_damaged_gzip_is_fetched_again(aws: AwsServer, place: Path) -> None:
    aws.fault = in_turn(Fault(flip_byte=150_000), Fault(flip_byte=-1))
    fetch(aws, place)
    assert place.read_bytes() == CONTENT


def test_damage_is_seen_by_the_checksum(aws: AwsServer, place: Path) -> None:
    aws.fault = without_gzip(in_turn(Fault(flip_byte=150_000)))
    fetch(aws, place)
    assert place.read_bytes() == CONTENT
    assert len(aws.seen) == 2


def test_an_etag_that_is_no_checksum_is_believed_the_second_time(aws: AwsServer, place: Path) -> None:
    aws.fault = without_gzip(lambda _: Fault(flip_byte=7))
    fetch(aws, place)
    assert len(aws.seen) == 2
    assert len(place.read_bytes()) == len(CONTENT)


def test_a_file_that_is_not_there_is_named(aws: AwsServer, place: Path) -> None:
    with pytest.raises(PriceFileNotFound, match=r"gone\.json: the server answers 404"):
        download(aws.url + "/gone.json?Signature=secret", place, patience=QUICK)


def test_a_refusal_is_not_tried_again(aws: AwsServer, place: Path) -> None:
    aws.fault = lambda _: Fault(status=403)
    with pytest.raises(DownloadFailed, match="403"):
        fetch(aws, place)
    assert len(aws.seen) == 1


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_nobody_there_is_named(place: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"the connection failed .*\(4 tries\)\. Check your network"):
        download(f"http://127.0.0.1:{closed_port()}/index.json", place, patience=QUICK)


def test_an_unknown_host_is_named_at_once(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(
        DownloadFailed, match=r"no address is known for pricing\.invalid\. Check your network"
    ):
        download("https://pricing.invalid/index.json", place, patience=QUICK)


@pytest.fixture
def own_certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody but itself has signed, with its key in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    pem, key = tmp_path / "own.pem", tmp_path / "own.key"
    words = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1".split()
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(pem), "-keyout", str(key)]
    subprocess.run(words, check=True, capture_output=True)
    pem.write_text(pem.read_text() + key.read_text())
    return pem


def test_a_certificate_nobody_signed_is_named(
    monkeypatch: pytest.MonkeyPatch, own_certificate: Path, place: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate)
    with AwsServer(files={FILE: CONTENT}) as aws:
        aws._http.socket = context.wrap_socket(aws._http.socket, server_side=True)
        url = aws.url.replace("http://", "https://") + FILE
        with pytest.raises(DownloadFailed, match=r"no trusted TLS connection to 127\.0\.0\.1.*SSL_CERT_FILE"):
            download(url, place, patience=QUICK)
        monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate))
        assert download(url, place, patience=QUICK).changed


def test_a_server_that_leads_away_from_https_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, own_certificate: Path, place: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate)
    with AwsServer(files={FILE: CONTENT}) as plain, AwsServer(files={FILE: CONTENT}) as aws:
        aws._http.socket = context.wrap_socket(aws._http.socket, server_side=True)
        aws.fault = lambda _: Fault(status=302, headers=(("Location", plain.url + FILE),))
        with pytest.raises(DownloadFailed, match="the server leads away from https"):
            download(aws.url.replace("http://", "https://") + FILE, place, patience=QUICK)
    assert not place.exists()


def test_a_proxy_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, aws: AwsServer, place: Path
) -> None:
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{closed_port()}")
    with pytest.raises(DownloadFailed, match="HTTPS_PROXY"):
        download("https://pricing.invalid/index.json", place, patience=QUICK)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetch(aws, place).changed


def test_a_proxy_of_another_kind_is_named(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(DownloadFailed, match="is not an HTTP proxy"):
        download("https://pricing.invalid/index.json", place, patience=QUICK)


def test_an_address_that_is_none_is_named(place: Path) -> None:
    with pytest.raises(DownloadFailed, match="not an address"):
        download("gopher:/index.json", place, patience=QUICK)


def test_a_folder_that_cannot_be_written_is_named(aws: AwsServer, tmp_path: Path) -> None:
    (tmp_path / "prices").write_text("a file stands here")
    with pytest.raises(DownloadFailed, match="cannot write"):
        fetch(aws, tmp_path / "prices" / "index.json")


def dated(hours: float, age: str = "") -> Fault:
    """An answer by a clock that is so many hours ahead, kept in a cache for so many seconds."""
    return Fault(
        headers=(("Date", format_datetime(datetime.now(UTC) + timedelta(hours=hours))), ("Age", age))
    )


@pytest.mark.parametrize("hours", [-30, -1.1, 1.1, 24 * 400])
def test_a_clock_that_is_off_is_named_at_once(aws: AwsServer, place: Path, hours: float) -> None:
    aws.fault = lambda _: dated(hours)
    told = r"this machine's clock is off, or that of 127\.0\.0\.1: they say .* UTC\. Set the clock"
    with pytest.raises(ClockSkewed, match=told):
        fetch(aws, place)
    assert len(aws.seen) == 1
    assert not place.exists()


@pytest.mark.parametrize(
    "answer",
    [
        partial(dated, -0.9),
        partial(dated, 0.9),
        partial(dated, -30, age="108000"),
        partial(dated, -30.5, age="108000"),
        lambda: Fault(headers=(("Date", "yesterday"),)),
        lambda: Fault(headers=(("Date", "Wed, 21 Oct 2026 07:28:00 GMT"), ("Age", "long"))),
        lambda: Fault(headers=(("Date", ""),)),
    ],
)
def test_a_clock_that_is_right_a_cache_or_no_date_is_fine(
    aws: AwsServer, place: Path, answer: Callable[[], Fault]
) -> None:
    aws.fault = lambda _: answer()
    assert fetch(aws, place).changed


faults = st.one_of(
    st.builds(Fault, cut_after_bytes=st.integers(-1, len(CONTENT))),
    st.builds(Fault, status=st.sampled_from([429, 500, 503])),
    st.builds(Fault, flip_byte=st.integers(0, 299_000)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(faults, max_size=6, unique=True), changes_at=st.integers(0, 9), packed=st.booleans())
def test_whatever_happens_the_file_is_whole_or_an_error_says_so(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[Fault], changes_at: int, packed: bool
) -> None:
    # No fault comes twice: the same damage in two fetches is taken for an ETag that is no checksum.
    place = tmp_path_factory.mktemp("fetched") / "index.json"
    hook = in_turn(*sequence)

    def faulty(seen: Seen) -> Fault | None:
        if len(aws.seen) == changes_at:
            aws.files[FILE] = OTHER
        return hook(seen)

    with AwsServer(files={FILE: CONTENT}) as aws:
        aws.fault = faulty if packed else without_gzip(faulty)
        try:
            fetch(aws, place)
        except DownloadFailed:
            assert not place.exists()
        else:
            assert place.read_bytes() in (CONTENT, OTHER)
            assert beside(place) == {"index.json", "index.json.etag"}
