import gzip
import logging
import pickle
import socket
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from adapters import deadlines
from adapters import transport as module
from adapters.errors import (
    AnswerLostError,
    BudgetError,
    RecordError,
    SyncError,
    TenantError,
    TransientError,
    WireError,
)
from adapters.transport import THROTTLED, Transport, make_client
from tests.fakes.budget import DiaryBudget

BASE = "https://api.example/v1"
SECRET = "s3cr3t-value"
Handler = Callable[[httpx.Request], httpx.Response]


class Bearer(httpx.Auth):
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {SECRET}"
        yield request


class Server:
    """Answers from a script, then with the last entry for ever; keeps what it was asked."""

    def __init__(self, *script: httpx.Response | Exception) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def silent(_: httpx.Response) -> SyncError | None:
    return None


def build(
    server: Handler,
    *,
    budget: DiaryBudget | None = None,
    classify: module.Classify = silent,
    auth: httpx.Auth | None = None,
    sleeps: list[float] | None = None,
    observer: module.Observer | None = None,
    origins: tuple[str, ...] = (),
) -> Transport:
    return Transport(
        "test",
        BASE,
        client=httpx.Client(transport=httpx.MockTransport(server)),
        budget=budget or DiaryBudget(),
        classify=classify,
        auth=auth,
        origins=origins,
        sleep=(sleeps if sleeps is not None else []).append,
        observer=observer,
    )


def json_answer(status: int, body: object = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body if body is not None else {}, headers=headers)


def html_answer(status: int) -> httpx.Response:
    return httpx.Response(status, html="<html>maintenance</html>")


def write(transport: Transport, permit: Callable[[], float] = lambda: 20.0) -> httpx.Response:
    return transport.send("POST", "/contacts", endpoint="/contacts", json={"a": 1}, permit=permit)


# --- reads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        json_answer(500),
        json_answer(503),
        html_answer(502),
        html_answer(200),
        json_answer(429, **{"Retry-After": "2"}),
        json_answer(408),
        httpx.ReadTimeout("late"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("cut"),
        httpx.ReadError("reset"),
    ],
    ids=repr,
)
def test_a_read_is_repeated_until_it_passes(trouble: httpx.Response | Exception) -> None:
    server = Server(trouble, trouble, json_answer(200, {"a": 1}))
    sleeps: list[float] = []

    assert build(server, sleeps=sleeps).get("/x", endpoint="/x").json() == {"a": 1}
    assert len(server.requests) == 3
    assert len(sleeps) == 2


def test_a_read_by_post_is_repeated_too() -> None:
    server = Server(json_answer(503), json_answer(200))

    build(server).query("/x/query", endpoint="/x/query", json={"filter": []})

    assert [request.content for request in server.requests] == [b'{"filter":[]}'] * 2


def test_a_read_that_never_passes_ends_after_three_attempts_with_its_own_error() -> None:
    server = Server(json_answer(503, **{"request-id": "r1"}))

    with pytest.raises(TransientError) as raised:
        build(server).get("/x", endpoint="/x")

    assert str(raised.value) == "test: server_error, status 503, request r1"
    assert len(server.requests) == 3


def test_the_wait_is_never_shorter_than_retry_after() -> None:
    sleeps: list[float] = []
    server = Server(json_answer(429, **{"Retry-After": "3"}), json_answer(200))

    build(server, sleeps=sleeps).get("/x", endpoint="/x")

    assert 3.0 <= sleeps[0] <= 3.5


def test_a_long_retry_after_is_left_to_the_queue() -> None:
    server = Server(json_answer(429, **{"Retry-After": "300"}))
    sleeps: list[float] = []

    with pytest.raises(TransientError) as raised:
        build(server, sleeps=sleeps).get("/x", endpoint="/x")

    assert raised.value.retry_after_s == 300.0
    assert (len(server.requests), sleeps) == (1, [])


def test_a_slow_trouble_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FOR_S", 0.05)

    def slow(_: httpx.Request) -> httpx.Response:
        asked.append(1)
        time.sleep(0.1)
        return json_answer(503)

    asked: list[int] = []
    with pytest.raises(TransientError):
        build(slow).get("/x", endpoint="/x")

    assert asked == [1]


@pytest.mark.parametrize(
    ("status", "reason"), [(302, "redirected"), (418, "unexpected_status"), (400, "unexpected_status")]
)
def test_what_nobody_knows_is_a_wire_error_and_not_repeated(status: int, reason: str) -> None:
    server = Server(json_answer(status, Location="https://elsewhere.example/"))

    with pytest.raises(WireError) as raised:
        build(server).get("/x", endpoint="/x")

    assert (raised.value.reason, raised.value.status, len(server.requests)) == (reason, status, 1)


def test_the_vendors_own_table_is_asked_first() -> None:
    def classify(response: httpx.Response) -> SyncError | None:
        return RecordError("refused", vendor="test", status=response.status_code) if response.status_code else None

    for status in (200, 400, 500):
        with pytest.raises(RecordError):
            build(Server(json_answer(status)), classify=classify).get("/x", endpoint="/x")


# --- writes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        json_answer(500),
        json_answer(503),
        json_answer(503, **{"Retry-After": "1"}),
        json_answer(408),
        html_answer(502),
        html_answer(200),
        httpx.ReadTimeout("late"),
        httpx.WriteTimeout("late"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.CloseError("reset"),
        httpx.RemoteProtocolError("cut"),
        httpx.LocalProtocolError("odd"),
        httpx.DecodingError("odd"),
    ],
    ids=repr,
)
def test_a_write_that_may_have_left_is_sent_once_and_its_answer_lost(trouble: httpx.Response | Exception) -> None:
    server = Server(trouble)

    with pytest.raises(AnswerLostError):
        write(build(server))

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("late"),
        httpx.PoolTimeout("full"),
        json_answer(429, **{"Retry-After": "1"}),
    ],
    ids=repr,
)
def test_a_write_that_was_certainly_not_taken_is_repeated(trouble: httpx.Response | Exception) -> None:
    server = Server(trouble, json_answer(201, {"id": 5}))

    assert write(build(server)).json() == {"id": 5}
    assert len(server.requests) == 2


def test_a_write_that_stays_refused_is_transient_and_not_lost() -> None:
    with pytest.raises(TransientError) as raised:
        write(build(Server(httpx.ConnectError("refused"))))

    assert not isinstance(raised.value, AnswerLostError)


def test_a_5xx_that_the_vendor_reads_as_throttling_is_a_certain_refusal() -> None:
    def classify(response: httpx.Response) -> SyncError | None:
        return TransientError(THROTTLED, vendor="test", retry_after_s=1) if response.is_server_error else None

    server = Server(json_answer(500), json_answer(201))
    budget = DiaryBudget()

    assert write(build(server, classify=classify, budget=budget)).status_code == 201
    assert budget.diary == ["reserve", "pause 1", "reserve", "succeeded"]


def test_a_5xx_that_the_vendor_reads_as_passing_is_a_lost_answer_with_its_wait() -> None:
    def classify(response: httpx.Response) -> SyncError | None:
        return TransientError("busy", vendor="test") if response.is_server_error else None

    with pytest.raises(AnswerLostError) as raised:
        write(build(Server(json_answer(503, **{"Retry-After": "9"})), classify=classify))

    assert (raised.value.reason, raised.value.retry_after_s) == ("busy", 9.0)


def test_a_refused_record_stays_refused_whatever_its_status() -> None:
    def classify(response: httpx.Response) -> SyncError | None:
        return RecordError("refused", vendor="test", status=response.status_code)

    with pytest.raises(RecordError):
        write(build(Server(json_answer(500)), classify=classify))


def test_the_permit_is_asked_after_the_budget_and_before_each_sending() -> None:
    order: list[str] = []

    class Budget(DiaryBudget):
        def reserve(self) -> None:
            order.append("reserve")

    def permit() -> float:
        order.append("permit")
        return 20.0

    def server(_: httpx.Request) -> httpx.Response:
        order.append("send")
        return json_answer(429 if order.count("send") == 1 else 201)

    write(build(server, budget=Budget()), permit)

    assert order == ["reserve", "permit", "send"] * 2


def test_without_a_permit_nothing_is_sent_and_nothing_repeated() -> None:
    asked: list[int] = []

    def permit() -> float:
        asked.append(1)
        raise TransientError("heartbeat_stale", vendor="test")

    server = Server(json_answer(201))
    with pytest.raises(TransientError) as raised:
        write(build(server), permit)

    assert (raised.value.reason, server.requests, asked) == ("heartbeat_stale", [], [1])


def test_a_permit_without_time_sends_nothing() -> None:
    server = Server(json_answer(201))

    with pytest.raises(TransientError) as raised:
        write(build(server), lambda: 0.0)

    assert (raised.value.reason, server.requests) == ("deadline_passed", [])


# --- budget and breaker ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "diary"),
    [
        (json_answer(200), ["reserve", "succeeded"]),
        (json_answer(404), ["reserve", "succeeded"]),
        (json_answer(429, **{"Retry-After": "90"}), ["reserve", "pause 90"]),
        (json_answer(429, **{"Retry-After": "Sun, 22 Nov 2999 12:00:00 GMT"}), ["reserve", "pause 3600"]),
        (json_answer(429), ["reserve", "pause 5"] * 3),
        (json_answer(503, **{"Retry-After": "90"}), ["reserve", "pause 90", "failed"]),
        (json_answer(500), ["reserve", "failed"] * 3),
        (html_answer(200), ["reserve", "failed"] * 3),
        (httpx.ConnectError("x"), ["reserve", "failed"] * 3),
        (httpx.ReadTimeout("x"), ["reserve", "failed"] * 3),
        (httpx.PoolTimeout("x"), ["reserve"] * 3),
    ],
    ids=repr,
)
def test_the_budget_hears_of_everything(answer: httpx.Response | Exception, diary: list[str]) -> None:
    budget = DiaryBudget()
    with suppress(SyncError):
        build(Server(answer), budget=budget).get("/x", endpoint="/x")

    assert budget.diary == diary


def test_a_refused_record_is_no_failure_of_the_instance() -> None:
    budget = DiaryBudget()

    def classify(_: httpx.Response) -> SyncError | None:
        return RecordError("refused", vendor="test")

    with pytest.raises(RecordError):
        build(Server(json_answer(500)), budget=budget, classify=classify).get("/x", endpoint="/x")

    assert budget.diary == ["reserve", "succeeded"]


def test_a_spent_budget_sends_nothing_and_is_not_waited_for() -> None:
    server = Server(json_answer(200))
    sleeps: list[float] = []

    with pytest.raises(BudgetError) as raised:
        build(server, budget=DiaryBudget(left=0), sleeps=sleeps).get("/x", endpoint="/x")

    assert (raised.value.retry_after_s, server.requests, sleeps) == (7.0, [], [])


def test_a_lane_spends_its_own_budget() -> None:
    bulk, targeted = DiaryBudget(), DiaryBudget()
    transport = build(Server(json_answer(200)), budget=bulk)

    transport.with_budget(targeted).get("/x", endpoint="/x")

    assert (bulk.diary, targeted.diary) == ([], ["reserve", "succeeded"])


def test_the_observer_is_told_of_each_request() -> None:
    seen: list[tuple[str, str, int | None]] = []
    server = Server(httpx.ReadTimeout("x"), json_answer(503), json_answer(200))

    build(server, observer=lambda vendor, endpoint, status, _: seen.append((vendor, endpoint, status))).get(
        "/users/7", endpoint="/users/{id}"
    )

    assert seen == [("test", "/users/{id}", None), ("test", "/users/{id}", 503), ("test", "/users/{id}", 200)]


# --- tokens ---------------------------------------------------------------------------------------------------------


class TwoStep(httpx.Auth):
    """Fetches a token by a request of its own, and once more when it is refused."""

    requires_response_body = True

    def __init__(self, token_url: str = f"{BASE}/token") -> None:
        self.token_url = token_url

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for _ in range(2):
            answer = yield httpx.Request("POST", self.token_url, data={"secret": SECRET})
            if answer.status_code == 401:
                raise TenantError("secret_wrong", vendor="test", status=401)
            request.headers["Authorization"] = f"Bearer {answer.json()['token']}"
            if (yield request).status_code != 401:
                return


def test_token_requests_are_budgeted_and_observed() -> None:
    budget = DiaryBudget()
    seen: list[str] = []
    server = Server(json_answer(200, {"token": "t1"}), json_answer(200))

    build(server, auth=TwoStep(), budget=budget, observer=lambda _, endpoint, *__: seen.append(endpoint)).get(
        "/x", endpoint="/x"
    )

    assert seen == ["token", "/x"]
    assert budget.diary == ["reserve", "succeeded", "reserve", "succeeded"]
    assert server.requests[1].headers["Authorization"] == "Bearer t1"


def test_a_refused_token_is_renewed_once_and_the_write_sent_again() -> None:
    server = Server(
        json_answer(200, {"token": "t1"}), json_answer(401), json_answer(200, {"token": "t2"}), json_answer(201)
    )

    assert write(build(server, auth=TwoStep())).status_code == 201
    assert [request.url.path for request in server.requests] == [
        "/v1/token",
        "/v1/contacts",
        "/v1/token",
        "/v1/contacts",
    ]
    assert server.requests[3].content == server.requests[1].content == b'{"a":1}'


def test_a_lost_token_answer_is_no_lost_write() -> None:
    server = Server(httpx.ReadTimeout("late"), json_answer(200, {"token": "t1"}), json_answer(201))

    assert write(build(server, auth=TwoStep())).status_code == 201


def test_dead_credentials_are_not_tried_again() -> None:
    server = Server(json_answer(401))

    with pytest.raises(TenantError):
        build(server, auth=TwoStep()).get("/x", endpoint="/x")

    assert len(server.requests) == 1


# --- origins and secrets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/x",
        "http://api.example/v1/x",
        "https://api.example:8443/v1/x",
        "https://api.example.evil.example/v1/x",
        "https://api.example@evil.example/v1/x",
        "https://user:word@api.example/v1/x",
        "ftp://api.example/v1/x",
    ],
)
def test_no_other_origin_is_ever_called(url: str) -> None:
    server = Server(json_answer(200))
    budget = DiaryBudget()

    with pytest.raises(WireError) as raised:
        build(server, auth=Bearer(), budget=budget).get(url, endpoint="/x")

    assert (raised.value.reason, server.requests, budget.diary) == ("foreign_origin", [], [])


def test_a_token_request_may_only_go_to_allowed_origins() -> None:
    server = Server(json_answer(200, {"token": "t"}))

    with pytest.raises(WireError):
        build(server, auth=TwoStep("https://evil.example/token")).get("/x", endpoint="/x")
    assert server.requests == []

    build(server, auth=TwoStep("https://login.example/token"), origins=("https://login.example",)).get(
        "/x", endpoint="/x"
    )
    assert [request.url.host for request in server.requests] == ["login.example", "api.example"]


@pytest.mark.parametrize("url", [f"{BASE}/x", "https://API.example:443/v1/x", "/x", "x"])
def test_paths_and_whole_links_of_the_own_origin_are_followed(url: str) -> None:
    server = Server(json_answer(200))

    build(server).get(url, endpoint="/x")

    assert str(server.requests[0].url) == f"{BASE}/x"


def test_an_opaque_link_arrives_byte_for_byte() -> None:
    server = Server(json_answer(200))
    query = b"$select=id%2cmail&$skiptoken=RFNwdAIA%3d%3D_-~.a'b(c)*,;:@/?x+y%20z"

    build(server).get(f"{BASE}/users?{query.decode()}", endpoint="/users")

    assert server.requests[0].url.query == query


@pytest.mark.parametrize("target", ["https://api.example:port/x", "https://api.example/\x00", "https://[::/x"])
def test_a_target_that_is_no_url_is_a_wire_error(target: str) -> None:
    with pytest.raises(WireError):
        build(Server(json_answer(200))).get(target, endpoint="/x")


def test_no_secret_is_in_an_error_or_its_traceback() -> None:
    class Unsendable(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            request.headers["Authorization"] = f"Bearer {SECRET}\ud800"
            yield request

    scripts: list[tuple[httpx.Response | Exception, httpx.Auth]] = [
        (httpx.Response(500, text=SECRET), Bearer()),
        (httpx.Response(418, json={"token": SECRET}), Bearer()),
        (httpx.Response(200, html=f"<p>{SECRET}</p>"), Bearer()),
        (httpx.ReadTimeout("late"), Bearer()),
        (json_answer(200), Unsendable()),
    ]
    for answer, auth in scripts:
        with pytest.raises(SyncError) as raised:
            build(Server(answer), auth=auth).get(f"/x?key={SECRET}", endpoint="/x")
        error = raised.value
        whole = "".join(traceback.format_exception(error)) + repr(error) + repr(error.__dict__)
        assert SECRET not in whole.replace(f"/x?key={SECRET}", "")
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes


def test_a_secret_with_a_line_end_stays_unsaid() -> None:
    class LineEnd(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            request.headers["Authorization"] = f"Bearer {SECRET}\n"
            yield request

    with listening(lambda _: None) as url, make_client() as client:
        transport = Transport("test", url, client=client, budget=None, classify=silent, auth=LineEnd())
        with pytest.raises(WireError) as raised:
            transport.get("/x", endpoint="/x")

    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_addresses_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with make_client() as client:
        assert client.trust_env is False

    build(Server(json_answer(200))).get("/users/ann@contoso.com", endpoint="/users/{id}")

    assert "ann@contoso.com" not in caplog.text


# --- a real socket --------------------------------------------------------------------------------------------------


@contextmanager
def listening(behave: Callable[[socket.socket], object]) -> Iterator[str]:
    """Serve each connection on which something is asked by `behave` and yield the address."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    if not connection.recv(65536):
                        continue
                    try:
                        behave(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def real(url: str, client: httpx.Client, now: Callable[[], float] = time.monotonic) -> Transport:
    budget = DiaryBudget()
    return Transport("test", url, client=client, budget=budget, classify=silent, sleep=lambda _: None, now=now)


def test_a_write_that_drips_ends_by_its_permit() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.05)

    with listening(drip) as url, make_client() as client:
        started = time.monotonic()
        with pytest.raises(AnswerLostError):
            write(real(url, client), lambda: 0.4)

    assert time.monotonic() - started < 4.0


def test_a_silent_server_is_left_when_the_permit_ends() -> None:
    over = threading.Event()
    with listening(lambda _: over.wait(20)) as url, make_client() as client:
        started = time.monotonic()
        with pytest.raises(AnswerLostError) as raised:
            write(real(url, client), lambda: 0.3)
        elapsed = time.monotonic() - started
        over.set()

    assert raised.value.reason == "timeout"
    assert elapsed < 10


@pytest.mark.parametrize(
    "moment", ["before", "connection.connect_tcp.complete", "http11.send_request_headers.started"], ids=str
)
def test_nothing_is_sent_by_a_process_that_stood_still_until_its_permit_had_ended(moment: str) -> None:
    clock = Clock()

    def stand_still_at(name: str) -> None:
        if name == moment:
            clock.seconds += 60.0

    def prepare(request: httpx.Request) -> None:
        stand_still_at("before")
        request.extensions["trace"] = lambda name, _: stand_still_at(name)

    def permit() -> float:
        if clock.seconds:
            raise TransientError("write_deadline_passed", vendor="test")
        return 20.0

    heard: list[socket.socket] = []
    with listening(heard.append) as url, make_client() as client:
        client.event_hooks = {"request": [prepare]}
        with pytest.raises(TransientError) as raised:
            write(real(url, client, now=clock), permit)

    assert heard == []
    assert raised.value.reason == "write_deadline_passed", "certainly not taken, so it was tried again"


def test_a_server_that_closes_without_answer_loses_a_write_and_not_a_read() -> None:
    with listening(lambda _: None) as url, make_client() as client:
        with pytest.raises(AnswerLostError):
            write(real(url, client))
        with pytest.raises(TransientError) as raised:
            real(url, client).get("/x", endpoint="/x")

    assert raised.value.reason == "connection_lost"


def test_nobody_listening_is_a_certain_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with make_client() as client, pytest.raises(TransientError) as raised:
        write(real(f"http://127.0.0.1:{port}", client))

    assert raised.value.reason == "connect_failed"
    assert not isinstance(raised.value, AnswerLostError)


def test_a_cut_body_is_never_taken_for_a_whole_one() -> None:
    def cut(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"a"')

    with listening(cut) as url, make_client() as client, pytest.raises(TransientError):
        real(url, client).get("/x", endpoint="/x")


def test_a_compressed_answer_is_read_and_a_cookie_forgotten() -> None:
    body = gzip.compress(b'{"a": 1}')
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nSet-Cookie: a=b\r\n"

    def answer(connection: socket.socket) -> None:
        connection.sendall(head + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)

    with listening(answer) as url, make_client() as client:
        assert real(url, client).get("/x", endpoint="/x").json() == {"a": 1}
        assert list(client.cookies.jar) == []


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "ANSWER_LIMIT_BYTES", 100_000)

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            connection.sendall(b"x" * 1000)

    with listening(flood) as url, make_client() as client:
        with pytest.raises(WireError) as raised:
            real(url, client).get("/x", endpoint="/x")
        with pytest.raises(AnswerLostError):
            write(real(url, client))

    assert raised.value.reason == "answer_too_large"


def test_sixty_four_threads_share_one_transport() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    results: list[str] = []
    with listening(answer) as url, make_client() as client:
        transport = real(url, client)
        threads = [
            threading.Thread(target=lambda: results.append(transport.get("/x", endpoint="/x").text)) for _ in range(64)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert results == ["ok"] * 64
