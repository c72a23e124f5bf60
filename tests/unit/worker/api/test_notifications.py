"""The door for Graph's notifications, as anybody on the internet may knock at it."""

import json
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from adapters.errors import TransientError
from adapters.records import Subscribed
from adapters.store import Store
from tests.fakes.door import Door
from tests.fakes.engine import TENANT, Engine
from worker.api.bodies import MOST_BYTES
from worker.api.notifications import LONGEST_TOKEN, NOTIFICATIONS_IGNORED, IgnoredItems, notification_router
from worker.api.problems import answer_problems
from worker.compose import NOTIFICATIONS_PATH as PATH

SUBSCRIPTION = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"
USER = "3f0a7a52-6f0e-4d7e-8b6d-0b8f6f2f1a01"
SECRET = "the-client-state"
TOKEN = "Validation: Testing client application reachability for subscription Request-Id: 877cb92e-1"


@pytest.fixture
def engine(store: Store) -> Engine:
    engine = Engine(store)
    engine.open_address()
    store.events.save_subscription(
        Subscribed(
            connector_id="contoso",
            tenant_id=TENANT,
            config_version=1,
            url=str(engine.notification_url),
            subscription_id=SUBSCRIPTION,
            client_state=SECRET,
        )
    )
    return engine


@pytest.fixture
def door(engine: Engine) -> Door:
    app = FastAPI()
    answer_problems(app)
    app.include_router(notification_router(lambda: engine.ports))
    return Door(app)


def item(**changes: Any) -> dict[str, Any]:
    told = {"subscriptionId": SUBSCRIPTION, "clientState": SECRET, "tenantId": TENANT}
    return {**told, "changeType": "updated", "resourceData": {"id": USER}, **changes}


def post(door: Door, *items: Any) -> httpx.Response:
    return door.post(PATH, content=json.dumps({"value": items}))


def is_problem(answer: httpx.Response) -> bool:
    kind = answer.headers["content-type"].partition(";")[0]
    return kind == "application/problem+json" and answer.json()["status"] == answer.status_code


# --- the handshake ----------------------------------------------------------------------------------------------------


def test_address_proves_itself_by_the_token_as_text(door: Door) -> None:
    answer = door.post(PATH, params={"validationToken": TOKEN}, headers={"content-type": "text/plain; charset=utf-8"})
    assert (answer.status_code, answer.text) == (200, TOKEN)
    assert answer.headers["content-type"].partition(";")[0] == "text/plain"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_token_comes_with_plus_signs_too(door: Door) -> None:
    assert door.post(f"{PATH}?validationToken=Validation%3A+Testing%20client").text == "Validation: Testing client"


def test_token_is_harmless_to_whoever_shows_it(door: Door) -> None:
    answer = door.post(PATH, params={"validationToken": "<script>alert(1)</script>"})
    assert answer.text == "&lt;script&gt;alert(1)&lt;/script&gt;"


def test_token_that_is_too_long_is_refused(door: Door) -> None:
    assert door.post(PATH, params={"validationToken": "x" * LONGEST_TOKEN}).status_code == 200
    answer = door.post(PATH, params={"validationToken": "x" * (LONGEST_TOKEN + 1)})
    assert (answer.status_code, is_problem(answer)) == (400, True)


# --- what is noted ----------------------------------------------------------------------------------------------------


def test_change_is_noted_and_nothing_is_done_before_the_answer(door: Door, engine: Engine) -> None:
    answer = post(door, item())
    assert (answer.status_code, answer.content) == (202, b"")
    assert engine.store.events.waiting_changes("contoso") == 1
    assert engine.queue.sent == ["take_changes"]
    assert not engine.directory.calls
    assert engine.store.reports.open_runs() == []


def test_news_of_the_subscription_is_noted(door: Door, engine: Engine) -> None:
    told = item(lifecycleEvent="reauthorizationRequired", changeType=None, resourceData=None)
    assert post(door, told).status_code == 202
    assert set(engine.store.events.signals("contoso")) == {"reauthorizationRequired"}
    assert engine.queue.sent == ["keep_subscription"]


@pytest.mark.parametrize(
    "forged",
    [
        item(clientState="guess"),
        item(clientState=None),
        item(subscriptionId="00000000-0000-4000-8000-000000000000"),
        item(tenantId="22222222-2222-4222-8222-222222222222"),
        item(lifecycleEvent="missed", changeType=None, clientState="guess"),
        {},
    ],
)
def test_what_is_not_ours_is_answered_alike_and_does_nothing(door: Door, engine: Engine, forged: Any) -> None:
    answer = post(door, forged)
    assert (answer.status_code, answer.content) == (202, b"")
    assert engine.store.events.waiting_changes("contoso") == 0
    assert engine.store.events.signals("contoso") == {}
    assert engine.queue.sent == []


def test_replayed_notification_is_the_user_once_more_at_most(door: Door, engine: Engine) -> None:
    for _ in range(50):
        post(door, item(), item())
    assert engine.store.events.waiting_changes("contoso") == 1
    assert engine.queue.sent == ["take_changes"]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"value": 1}', b"\xff\xfe"])
def test_what_is_no_notification_is_refused(door: Door, engine: Engine, body: bytes) -> None:
    answer = door.post(PATH, content=body)
    assert (answer.status_code, is_problem(answer)) == (400, True)
    assert engine.queue.sent == []


def test_too_large_a_body_is_refused_whether_it_says_so_or_not(door: Door) -> None:
    whole = door.post(PATH, content=b" " * (MOST_BYTES + 1))
    assert (whole.status_code, is_problem(whole)) == (413, True)
    parts = door.post(PATH, content=(b" " * 65_536 for _ in range(MOST_BYTES // 65_536 + 1)))
    assert (parts.status_code, is_problem(parts)) == (413, True)


@pytest.mark.parametrize("params", [{}, {"validationToken": TOKEN}])
def test_without_a_public_address_nobody_is_at_home(door: Door, engine: Engine, params: dict[str, str]) -> None:
    engine.open_address(None)
    answer = door.post(PATH, params=params, content=json.dumps({"value": [item()]}))
    assert (answer.status_code, is_problem(answer)) == (404, True)
    assert engine.store.events.waiting_changes("contoso") == 0


def test_store_that_is_away_is_told_so_that_graph_delivers_again(
    door: Door, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise TransientError("unreachable", vendor="store")

    with monkeypatch.context() as patched:
        patched.setattr(engine.store.events, "known", away)
        answer = post(door, item())
    assert (answer.status_code, answer.headers["retry-after"], is_problem(answer)) == (503, "5", True)
    assert post(door, item()).status_code == 202


# --- what is said of it -----------------------------------------------------------------------------------------------


def test_log_tells_once_a_minute_how_much_was_ignored_and_nothing_of_it() -> None:
    clock = [100.0]
    ignored = IgnoredItems(lambda: clock[0])
    with structlog.testing.capture_logs() as logs:
        for _ in range(1000):
            ignored.add(2)
        clock[0] += 61
        ignored.add(1)
    assert [(entry["event"], entry["items"]) for entry in logs] == [
        (NOTIFICATIONS_IGNORED, 2),
        (NOTIFICATIONS_IGNORED, 1999),
    ]


def test_no_secret_is_in_answer_or_log(door: Door, engine: Engine) -> None:
    with structlog.testing.capture_logs() as logs:
        answers = [
            post(door, item()),
            post(door, item(clientState="guess")),
            door.post(PATH, content=b'{"x": "guess"}'),
        ]
    shown = repr(logs) + "".join(answer.text for answer in answers)
    assert SECRET not in shown
    assert "guess" not in shown
