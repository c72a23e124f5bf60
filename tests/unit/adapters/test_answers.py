import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.answers import is_html, map_exception, read_json, request_id, retry_after_s
from adapters.errors import AnswerLostError, SyncError, TransientError, WireError

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def _answer(retry_after: str, **headers: str) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": retry_after, **headers})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("300", 300.0),
        ("-5", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("30, 60", None),
        ("Sun, 22 Nov 2026 12:05:00 GMT", 300.0),
        ("Sun, 22 Nov 2026 11:55:00 GMT", 0.0),
        ("Sun, 99 Nov 2026 12:05:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(_answer(value), wall=NOON.timestamp) == seconds


def test_a_retry_after_date_is_measured_by_the_answers_own_clock() -> None:
    answer = _answer("Sun, 22 Nov 2026 12:05:00 GMT", Date="Sun, 22 Nov 2026 12:04:50 GMT")

    assert retry_after_s(answer, wall=NOON.timestamp) == 10.0


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)) | st.datetimes().map(format_datetime))
def test_no_retry_after_is_negative_or_crashes(value: str) -> None:
    seconds = retry_after_s(_answer(value))

    assert seconds is None or seconds >= 0


def test_without_the_header_there_is_no_retry_after() -> None:
    assert retry_after_s(httpx.Response(503)) is None


def _all_subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _all_subclasses(sub)


OF_HTTPX = {httpx.TransportError, *_all_subclasses(httpx.TransportError), httpx.DecodingError, httpx.TooManyRedirects}
EVERY_TRANSPORT_ERROR = sorted(OF_HTTPX, key=str)
CERTAINLY_UNSENT = {
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
}


@pytest.mark.parametrize("kind", EVERY_TRANSPORT_ERROR)
def test_a_write_that_may_have_left_is_never_called_transient(kind: type[Exception]) -> None:
    error = map_exception(kind("boom"), vendor="test", is_write=True)

    assert isinstance(error, TransientError)
    assert isinstance(error, AnswerLostError) is (kind not in CERTAINLY_UNSENT)


def test_a_certificate_that_nobody_trusts_has_a_reason_of_its_own() -> None:
    error = httpx.ConnectError("handshake")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")

    assert map_exception(error, vendor="test", is_write=False).reason == "tls_untrusted"


@pytest.mark.parametrize("kind", EVERY_TRANSPORT_ERROR)
def test_every_httpx_exception_is_mapped_and_chained_unless_it_quotes_bytes(kind: type[Exception]) -> None:
    cause = kind("boom")
    error = map_exception(cause, vendor="test", is_write=False)

    assert isinstance(error, SyncError)
    assert (error.__cause__ is cause) is not issubclass(kind, httpx.ProtocolError)
    assert error.reason != "request_unsendable" or kind in {
        httpx.LocalProtocolError,
        httpx.ProtocolError,
        httpx.TransportError,
    }


@pytest.mark.parametrize("content_type", ["application/json", "application/problem+json", "application/json;odata=x"])
def test_json_is_read_where_it_says_so(content_type: str) -> None:
    assert read_json(httpx.Response(200, content=b'{"a": 1}', headers={"Content-Type": content_type}), vendor="v") == {
        "a": 1
    }


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"<html>", "text/html"),
        (b'{"a": 1}', "text/plain"),
        (b'{"a": ', "application/json"),
        (b"", "application/json"),
        (b'{"a": NaN}', "application/json"),
        (b'{"secret": "s3cr3t"', "application/json"),
    ],
)
def test_what_is_no_json_is_a_wire_error_without_the_body(content: bytes, content_type: str) -> None:
    with pytest.raises(WireError) as raised:
        read_json(httpx.Response(200, content=content, headers={"Content-Type": content_type}), vendor="v")

    assert raised.value.reason == "not_json"
    assert raised.value.__cause__ is None
    assert "s3cr3t" not in f"{raised.value}{raised.value.__dict__}"


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"x", "text/html; charset=utf-8", True),
        (b" \n<!DOCTYPE html>", "text/plain", True),
        (b"<html>", "", True),
        (b"<", "application/json", False),
        (b"42", "text/plain", False),
    ],
)
def test_a_page_for_people_is_recognised(content: bytes, content_type: str, expected: bool) -> None:
    assert is_html(httpx.Response(200, content=content, headers={"Content-Type": content_type})) is expected


def test_the_request_id_is_cut() -> None:
    assert request_id(httpx.Response(500, headers={"request-id": "x" * 1000})) == "x" * 64
    assert request_id(httpx.Response(500)) is None
