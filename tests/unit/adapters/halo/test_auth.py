import threading
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.errors import AnswerLostError, InstanceError, SyncError, TransientError, WireError
from adapters.halo import Access
from adapters.records import ContactChange
from tests.fakes.budget import DiaryBudget
from tests.unit.adapters.halo.installation import ACCESS, Installation, caught

HTML = {"content-type": "text/html"}


def permit() -> float:
    return 20.0


def invalid(error: str, status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": "c1-guid is unknown"})


def test_token_is_asked_for_once_and_sent_with_every_call() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    port.fetch_contact(str(number))
    [login] = server.logged_in
    assert str(login.url) == "https://login.halo.example/auth/token?tenant=msp"
    assert {name: values[0] for name, values in parse_qs(login.content.decode()).items()} == {
        "grant_type": "client_credentials",
        "client_id": "c1-guid",
        "client_secret": "s3cr3t",
        "scope": "all",
    }
    assert [request.headers["authorization"] for request in server.asked] == ["Bearer t1", "Bearer t1"]


def test_secret_goes_to_the_configured_login_alone() -> None:
    server = Installation()
    server.port().fetch_company("31")
    server.port().check()
    assert {request.url.host for request in server.requests if b"s3cr3t" in request.content} == {"login.halo.example"}
    assert not [request for request in server.requests if "authinfo" in request.url.path.lower()]


def test_installation_of_ones_own_has_no_tenant() -> None:
    access = Access(resource_url=ACCESS.resource_url, auth_url=ACCESS.auth_url, client_id="c", client_secret="s")
    server = Installation(access=access)
    server.port().fetch_schema()
    server.port().count_contacts("31")
    assert str(server.logged_in[0].url) == "https://login.halo.example/auth/token"


def test_token_is_renewed_before_it_ends() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    server.clock[0] = 3539
    port.fetch_contact(str(number))
    assert len(server.logged_in) == 1
    server.clock[0] = 3541
    port.fetch_contact(str(number))
    assert len(server.logged_in) == 2


def test_token_of_a_short_life_is_used_all_the_same() -> None:
    server = Installation(token_life_s=20)
    number = server.add()
    port = server.port()
    for at in (0.0, 17.0, 19.0):
        server.clock[0] = at
        port.fetch_contact(str(number))
    assert len(server.logged_in) == 2


def test_many_threads_ask_for_one_token() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    threads = [threading.Thread(target=port.fetch_contact, args=(str(number),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.logged_in) == 1


def test_refused_token_is_exchanged_once_and_the_write_repeated() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    server.dead_tokens = {"t1"}
    left = [5.0, 20.0]
    change = ContactChange(contact_id=str(number), company_id="31", active=False)
    assert port.update_contact(change, permit=left.pop).active is False
    assert left == []  # the second sending was permitted by itself
    assert len(server.logged_in) == 2


def test_many_threads_exchange_a_refused_token_once() -> None:
    server = Installation()
    number = server.add()
    port = server.port()
    port.fetch_contact(str(number))
    server.dead_tokens = {"t1"}
    threads = [threading.Thread(target=port.fetch_contact, args=(str(number),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.logged_in) == 2


def test_second_refused_token_stops_the_instance() -> None:
    server = Installation(dead_tokens={"t1", "t2", "t3"})
    error = caught(lambda: server.port().fetch_contact("1"))
    assert isinstance(error, InstanceError)
    assert error.reason == "credentials_refused"
    assert len(server.logged_in) == 2


@pytest.mark.parametrize(
    ("answer", "branch", "reason"),
    [
        (invalid("invalid_client"), InstanceError, "credentials_refused"),
        (invalid("invalid_client", 401), InstanceError, "credentials_refused"),
        (invalid("unauthorized_client"), InstanceError, "credentials_refused"),
        (invalid("invalid_scope"), InstanceError, "permission_missing"),
        (invalid("something_new"), InstanceError, "login_refused"),
        (httpx.Response(401, text="no"), InstanceError, "login_refused"),
        (httpx.Response(403), InstanceError, "login_refused"),
        (httpx.Response(404), InstanceError, "login_address_unknown"),
        (httpx.Response(500, json={"ClassName": "System.Exception"}), InstanceError, "login_refused"),
        (httpx.Response(503), TransientError, "server_error"),
        (httpx.Response(500, text="<html>", headers=HTML), TransientError, "html_answer"),
        (httpx.Response(200, text="<html>", headers=HTML), TransientError, "html_answer"),
        (httpx.Response(403, text="<html>", headers=HTML), TransientError, "html_answer"),
        (httpx.Response(429, headers={"retry-after": "1"}), TransientError, "throttled"),
        (httpx.ConnectError("no"), TransientError, "connect_failed"),
        (httpx.Response(200, json={"token_type": "Bearer"}), WireError, "unknown_shape"),
        (httpx.Response(200, json={"access_token": "", "expires_in": 5}), WireError, "unknown_shape"),
        (httpx.Response(200, json={"access_token": "a\nb", "expires_in": 5}), WireError, "login_answer_unknown"),
        (httpx.Response(200, json={"access_token": "é", "expires_in": 5}), WireError, "login_answer_unknown"),
        (httpx.Response(200, json={"access_token": "a", "expires_in": -5}), WireError, "login_answer_unknown"),
    ],
)
def test_login_that_fails_says_what_to_do(
    answer: httpx.Response | Exception, branch: type[SyncError], reason: str
) -> None:
    server = Installation(logins=[answer] * 3)
    error = caught(lambda: server.port().fetch_contact("1"))
    assert type(error) is branch
    assert error.reason == reason
    assert "c1-guid" not in repr(error)
    assert server.asked == []


def test_login_that_worked_before_is_not_taken_for_a_wrong_tenant() -> None:
    server = Installation()
    port = server.port()
    port.count_contacts("31")
    server.clock[0] = 4000
    server.logins += [httpx.Response(500, json={"Message": "x"})] * 3
    error = caught(lambda: port.count_contacts("31"))
    assert type(error) is TransientError


def test_short_trouble_of_the_login_is_waited_out() -> None:
    server = Installation(logins=[httpx.Response(502), httpx.ReadTimeout("late")])
    assert server.port().count_contacts("31") == 0
    assert len(server.slept) == 2


def test_login_that_broke_down_is_left_alone_for_a_moment() -> None:
    server = Installation(logins=[httpx.Response(503)] * 3)
    port = server.port()
    caught(lambda: port.count_contacts("31"))
    error = caught(lambda: port.count_contacts("31"))
    assert isinstance(error, TransientError)
    assert error.retry_after_s == 2
    assert len(server.logged_in) == 3
    server.clock[0] += 3
    assert port.count_contacts("31") == 0


def test_write_without_a_token_was_certainly_not_taken() -> None:
    server = Installation(logins=[httpx.ReadTimeout("late")] * 3)
    change = ContactChange(contact_id="1", company_id="31", active=False)
    error = caught(lambda: server.port().update_contact(change, permit=permit))
    assert isinstance(error, TransientError)
    assert not isinstance(error, AnswerLostError)


def test_login_spends_nothing_of_the_budget() -> None:
    budget = DiaryBudget()
    Installation(budget=budget).port().count_contacts("31")
    assert budget.diary == ["reserve", "succeeded"]


def test_secrets_are_in_no_representation() -> None:
    assert "s3cr3t" not in repr(ACCESS)
