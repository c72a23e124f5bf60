from typing import Any

import httpx
import pytest

from adapters.errors import InstanceError, NotFoundError, RecordError, SyncError, TransientError
from adapters.halo.refusals import ADVANCED_SEARCH_REFUSED, classify, field_of

HTML = {"content-type": "text/html"}
TEXT = {"content-type": "text/plain"}
WORDS = "The email ann@contoso.com is bad"
SHAPES: list[Any] = [
    {"ClassName": "System.Exception", "Message": WORDS},
    {"Message": WORDS},
    {"error": WORDS},
    {"error": "invalid", "error_description": WORDS},
    {"resultCode": "E12", "errorMessage": WORDS},
    {"errors": {"[0].emailaddress": [WORDS]}, "title": "One or more validation errors occurred.", "status": 400},
    {"title": WORDS, "status": 400},
    [{"Message": WORDS}],
    WORDS,
]


def answer(
    status: int, body: object = None, *, text: str | None = None, headers: dict[str, str] = HTML
) -> httpx.Response:
    if text is not None:
        return httpx.Response(status, text=text, headers=headers)
    return httpx.Response(status, json=body) if body is not None else httpx.Response(status)


@pytest.mark.parametrize(
    ("response", "branch", "reason"),
    [
        (answer(400, {"Message": "no"}), RecordError, "record_refused"),
        (answer(400), RecordError, "record_refused"),
        (answer(422, {"Message": "no"}), RecordError, "record_refused"),
        (answer(409, {"Message": "Email already in use"}), RecordError, "already_exists"),
        (answer(400, {"Message": "Duplicate e-mail"}), RecordError, "already_exists"),
        (answer(400, text="<html>no</html>"), TransientError, "html_answer"),
        (answer(401), InstanceError, "credentials_refused"),
        (answer(403, {"Message": "no"}), InstanceError, "permission_missing"),
        (answer(403, text="<html>"), InstanceError, "permission_missing"),
        (answer(404), NotFoundError, "not_found"),
        (answer(404, {"Message": "no such user"}), NotFoundError, "not_found"),
        (answer(404, text="<html>"), NotFoundError, "not_found"),
        (answer(500, {"ClassName": "System.Exception", "Message": "x"}), TransientError, "server_error"),
        (answer(500, {"ClassName": "System.FormatException", "Message": "x"}), RecordError, "record_refused"),
        (answer(500, {"ClassName": "Newtonsoft.Json.JsonReaderException"}), RecordError, "record_refused"),
        (answer(503, {"ClassName": "System.FormatException"}), TransientError, "server_error"),
        (answer(502, text="<html>"), TransientError, "server_error"),
        (answer(400, {"Message": "Invalid advanced search parameter: x"}), RecordError, ADVANCED_SEARCH_REFUSED),
        (answer(500, "Invalid Advanced Search Parameter"), RecordError, ADVANCED_SEARCH_REFUSED),
    ],
)
def test_refusal_says_what_to_do(response: httpx.Response, branch: type[SyncError], reason: str) -> None:
    error = classify(response)
    assert type(error) is branch
    assert (error.reason, error.status) == (reason, response.status_code)


@pytest.mark.parametrize("status", [200, 201, 204, 405, 415, 418])
def test_other_statuses_are_left_to_the_transport(status: int) -> None:
    assert classify(answer(status, {})) is None


@pytest.mark.parametrize("body", SHAPES, ids=str)
def test_words_of_every_shape_are_kept_out_of_the_message(body: Any) -> None:
    error = classify(answer(400, body))
    assert isinstance(error, RecordError)
    assert error.vendor_message == WORDS
    assert "ann" not in str(error)


def test_plain_text_is_read_too() -> None:
    error = classify(answer(400, text=f" {WORDS}\n", headers=TEXT))
    assert isinstance(error, RecordError)
    assert error.vendor_message == WORDS


@pytest.mark.parametrize(
    "body", [[], [1, 2], 7, True, {"errors": [1]}, {"errors": {}}, {"message": None}, {"error": 5}]
)
def test_body_without_words_has_no_message(body: Any) -> None:
    error = classify(answer(400, body))
    assert isinstance(error, RecordError)
    assert (error.vendor_message, error.field) == (None, None)


def test_vendors_words_are_shortened() -> None:
    error = classify(answer(400, {"Message": "m" * 300}))
    assert isinstance(error, RecordError)
    assert error.vendor_message == "m" * 200


def test_all_words_of_all_fields_are_told() -> None:
    error = classify(answer(400, {"errors": {"$[0].Title": ["too long", "too odd"], "name": "bad"}}))
    assert isinstance(error, RecordError)
    assert (error.vendor_message, error.field) == ("too long too odd bad", "job_title")


@pytest.mark.parametrize(
    ("named", "field"),
    [
        ("emailaddress", "email"),
        ("$[0].EmailAddress", "email"),
        ("[0].site_id", "site"),
        ("mobilenumber", "mobile_phone"),
        ("whatever", "whatever"),
        ("$[0]", None),
        ("", None),
    ],
)
def test_refused_field_is_named_as_we_name_it(named: str, field: str | None) -> None:
    assert field_of(named) == field
