import httpx
import pytest

from adapters.answers import THROTTLED
from adapters.autotask.refusals import classify, field_of
from adapters.errors import InstanceError, NotFoundError, RecordError, SyncError, TransientError

BASE = "https://webservices14.autotask.net/ATServicesRest/V1.0"


def answer(
    status: int,
    *texts: object,
    path: str = "/Contacts/query",
    body: object = None,
    text: str | None = None,
    **headers: str,
) -> httpx.Response:
    request = httpx.Request("POST", BASE + path)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if text is not None:
        return httpx.Response(status, text=text, request=request, headers={"content-type": "text/html", **named})
    if body is not None or texts:
        body = {"errors": list(texts)} if texts else body
        return httpx.Response(status, json=body, request=request, headers=named)
    return httpx.Response(status, request=request, headers=named)


@pytest.mark.parametrize(
    ("response", "branch", "reason"),
    [
        (answer(401), InstanceError, "credentials_refused"),
        (answer(401, text="<html>"), InstanceError, "credentials_refused"),
        (answer(401, "Unauthorized"), InstanceError, "credentials_refused"),
        (answer(403, "whatever"), InstanceError, "permission_missing"),
        (answer(500, "IntegrationCode is invalid."), InstanceError, "credentials_refused"),
        (answer(500, "Zone information could not be determined"), InstanceError, "zone_unknown"),
        (
            answer(500, "The logged in Resource does not have the adequate permissions to create this entity type."),
            InstanceError,
            "permission_missing",
        ),
        (
            answer(
                500,
                "No message. No matching records found. The logged in Resource may not have the required permissions to"
                " delete the data.",
            ),
            NotFoundError,
            "not_found",
        ),
        (answer(404, path="/Contacts/7"), NotFoundError, "not_found"),
        (answer(404, body={"Message": "none"}, path="/Companies/7"), NotFoundError, "not_found"),
        (answer(404, path="/Companies/7/Contacts"), NotFoundError, "not_found"),
        (answer(404, "There is no such contact", path="/Contacts/7"), NotFoundError, "not_found"),
        (answer(404, path="/Contacts/query"), InstanceError, "endpoint_unknown"),
        (answer(404, text="<html>", path="/Contacts/7"), InstanceError, "endpoint_unknown"),
        (answer(500, "Missing Required Field: lastName"), RecordError, "required_missing"),
        (answer(500, "Unable to find companyName in the Contact Entity."), RecordError, "field_unknown"),
        (
            answer(500, "Unexpected character encountered while parsing value: t. Path 'isActive', line 1."),
            RecordError,
            "record_refused",
        ),
        (answer(500, "title exceeds the maximum length of 50"), RecordError, "too_long"),
        (answer(500, "never heard of"), RecordError, "record_refused"),
        (answer(500, {"message": "Missing Required Field: lastName"}), RecordError, "required_missing"),
        (answer(400, "never heard of"), RecordError, "record_refused"),
        (answer(409, "The contact already exists"), RecordError, "already_exists"),
        (answer(200, "never heard of"), RecordError, "record_refused"),
        (answer(200, "Transaction (Process ID 7) was deadlocked"), TransientError, "server_error"),
        (answer(500, "The operation has timed out."), TransientError, "server_error"),
        (answer(503, "never heard of"), TransientError, "server_error"),
        (answer(500), TransientError, "server_error"),
        (answer(500, body={"errors": []}), TransientError, "server_error"),
        (answer(500, body={"Message": "An error has occurred."}), TransientError, "server_error"),
        (answer(500, text="<html>"), TransientError, "server_error"),
        (answer(400, text="<html>"), TransientError, "html_answer"),
        (answer(400, body={"Message": "bad"}), RecordError, "record_refused"),
    ],
)
def test_refusal_says_what_to_do(response: httpx.Response, branch: type[SyncError], reason: str) -> None:
    error = classify(response)
    assert type(error) is branch
    assert (error.reason, error.status, error.vendor) == (reason, response.status_code, "autotask")


@pytest.mark.parametrize(
    "text",
    [
        "You have reached the thread threshold. Itgenatr005",
        "Thread Threshold Exceeded",
        "The thread threshold of 3 threads has been exceeded for the Contacts object.",
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403, 409, 500, 503])
def test_too_many_threads_are_throttling_at_any_status(status: int, text: str) -> None:
    error = classify(answer(status, text))
    assert type(error) is TransientError
    assert (error.reason, error.retry_after_s) == (THROTTLED, 2.0)


def test_used_up_hour_is_a_longer_pause_unless_the_server_says_how_long() -> None:
    text = "The request threshold of 10000 has been exceeded."
    assert _wait(answer(500, text)) == 60.0
    assert _wait(answer(500, text, Retry_After="300")) == 300.0
    date = {"Retry_After": "Tue, 24 Nov 2026 10:05:00 GMT", "Date": "Tue, 24 Nov 2026 10:00:00 GMT"}
    assert _wait(answer(500, text, **date)) == 300.0


def _wait(response: httpx.Response) -> float | None:
    error = classify(response)
    assert isinstance(error, TransientError)
    return error.retry_after_s


@pytest.mark.parametrize("status", [200, 201, 204, 405, 415, 418])
def test_other_statuses_are_left_to_the_transport(status: int) -> None:
    assert classify(answer(status)) is None


@pytest.mark.parametrize("body", [{"items": [{"note": "errors"}]}, {"itemId": 7, "errors": []}, {"errors": None}])
def test_success_that_only_speaks_of_errors_is_one(body: object) -> None:
    assert classify(answer(200, body=body)) is None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Missing Required Field: lastName", "last_name"),
        ("Reference value on field: companyLocationID of type: CompanyLocation does not exist", "site"),
        ("Unexpected character. Path 'isActive', line 1", "active"),
        ("Contact.EmailAddress exceeds the maximum length", "email"),
        ("extension too long", "phone"),
        ("something else", None),
    ],
)
def test_refused_field_is_named_as_we_name_it(text: str, field: str | None) -> None:
    assert field_of(text) == field


def test_vendors_words_are_shortened_and_stay_out_of_the_message() -> None:
    error = classify(answer(500, "m" * 300, "ann@contoso.com"))
    assert isinstance(error, RecordError)
    assert error.vendor_message == "m" * 200
    assert "mmm" not in str(error)
