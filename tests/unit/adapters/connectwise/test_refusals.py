import httpx
import pytest

from adapters.connectwise.refusals import classify
from adapters.errors import InstanceError, NotFoundError, RecordError, SyncError, TransientError
from tests.unit.adapters.connectwise.installation import refused

TOO_LONG = {"code": "MaxLength", "message": "m" * 300, "field": "title"}
NO_ENDPOINT = {"code": "ConnectWiseApi", "message": "The endpoint does not exist."}
NO_USER = {"code": "ConnectWiseApi", "message": "UserNotAuthenticated"}


def answer(status: int, body: object = None, *, text: str | None = None, kind: str = "text/html") -> httpx.Response:
    if text is not None:
        return httpx.Response(status, text=text, headers={"content-type": kind})
    return httpx.Response(status, json=body) if body is not None else httpx.Response(status)


@pytest.mark.parametrize(
    ("response", "branch", "reason"),
    [
        (answer(401), InstanceError, "credentials_refused"),
        (answer(401, NO_USER), InstanceError, "credentials_refused"),
        (answer(403, {"code": "Forbidden", "message": ""}), InstanceError, "permission_missing"),
        (answer(403, {"code": "Security", "message": "SSL is required."}), InstanceError, "address_refused"),
        (answer(404, {"code": "NotFound", "message": "Contact 1 not found"}), NotFoundError, "not_found"),
        (answer(404, NO_ENDPOINT), InstanceError, "endpoint_unknown"),
        (answer(404, text="<html>"), InstanceError, "endpoint_unknown"),
        (answer(404), InstanceError, "endpoint_unknown"),
        (answer(400, text="Cannot route. Codebase/company is invalid."), InstanceError, "endpoint_unknown"),
        (answer(400, text="<html>no</html>"), TransientError, "html_answer"),
        (answer(400, text="what?", kind="text/plain"), RecordError, "record_refused"),
        (refused(code="InvalidObject"), RecordError, "record_refused"),
        (answer(409, {"code": "Conflict", "message": "in use"}), RecordError, "conflict"),
        (answer(409), RecordError, "conflict"),
        (answer(500, {"code": "Oops", "message": "no timeout"}), TransientError, "server_error"),
        (answer(522, text="<html>"), TransientError, "server_error"),
    ],
)
def test_refusal_says_what_to_do(response: httpx.Response, branch: type[SyncError], reason: str) -> None:
    error = classify(response)
    assert type(error) is branch
    assert error.reason == reason
    assert error.status == response.status_code


@pytest.mark.parametrize("status", [200, 201, 204, 405, 415, 418])
def test_other_statuses_are_left_to_the_transport(status: int) -> None:
    assert classify(answer(status, {})) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [("MissingRequiredField", "required_missing"), ("ObjectExists", "already_exists"), ("Other", "record_refused")],
)
def test_inner_code_gives_the_reason(code: str, reason: str) -> None:
    inner = {"code": code, "message": "The firstName field is required.", "resource": "contact", "field": "firstName"}
    error = classify(answer(400, {"code": "InvalidObject", "message": "contact object is invalid", "errors": [inner]}))
    assert isinstance(error, RecordError)
    assert (error.reason, error.field) == (reason, "first_name")


@pytest.mark.parametrize(
    ("named", "field"),
    [
        ("title", "job_title"),
        ("/title", "job_title"),
        ("contact.zip", "zip"),
        ("communicationItems[0].value", "communicationItems"),
        ("contact", "contact"),
        ("", None),
    ],
)
def test_refused_field_is_named_as_we_name_it(named: str, field: str | None) -> None:
    error = classify(refused(field=named))
    assert isinstance(error, RecordError)
    assert error.field == field


def test_vendors_words_are_shortened_and_stay_out_of_the_message() -> None:
    error = classify(answer(400, {"code": "InvalidObject", "message": "bad", "errors": [TOO_LONG]}))
    assert isinstance(error, RecordError)
    assert error.vendor_message == "m" * 200
    assert error.reason == "too_long"
    assert "mmm" not in str(error)


def test_all_inner_errors_are_told() -> None:
    inner = [{"code": "A", "message": "first", "field": "title"}, {"code": "B", "message": "second", "field": "zip"}]
    error = classify(answer(400, {"code": "InvalidObject", "message": "x", "errors": inner}))
    assert isinstance(error, RecordError)
    assert (error.vendor_message, error.field) == ("first second", "job_title")
