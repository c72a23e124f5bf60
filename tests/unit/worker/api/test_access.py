"""Who may do what: every call of the document, with every token, and with names that are none."""

import hmac
from typing import Any

import httpx
import pytest

from adapters.store import Store
from tasks.requesting import request_run
from tests.fakes.door import Door
from tests.fakes.engine import Engine
from worker.api.access import Access
from worker.api.serving import create_api
from worker.configuration import ApiSection

TOKENS: dict[str, dict[str, Any]] = {
    "reader": {"token": "reader-token-0123456789", "allow": "read"},
    "robot": {"token": "robot-token-0123456789"},
    "chief": {"token": "chief-token-0123456789", "allow": "approve"},
    "other": {"token": "other-token-0123456789", "allow": "approve", "connectors": ("fabrikam",)},
}
OPEN = {"/healthz", "/openapi.json"}
NEEDS_APPROVE = {
    "/v1/plans/{plan}/apply",
    "/v1/runs/{run}/approve",
    "/v1/runs/{run}/undo",
    "/v1/connectors/{connector}/decisions/{user}",
}
DECISION = {"action": "ignore", "reason": "asked her"}
Call = tuple[str, str]


class Installed:
    """An API over a store with a held run, whose plan is the first."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.engine = Engine(store)
        self.engine.directory.add_user("ann")
        held = request_run(self.engine.ports, "contoso", {}, trigger="schedule").run_id
        self.engine.work()
        self.names = {"connector": "contoso", "run": held, "plan": "1", "user": "ann@contoso.com"}
        access = Access(ApiSection.model_validate({"tokens": TOKENS}))
        app = create_api(lambda: self.engine.ports, lambda: store, access)
        self.door = Door(app)
        self.calls: list[Call] = [
            (method.upper(), path)
            for path, methods in app.openapi()["paths"].items()
            for method in methods
            if path not in OPEN | {"/v1/graph/notifications"}
        ]

    def call(self, call: Call, token: str, **names: str) -> httpx.Response:
        """Make a call well in all but what is said."""
        method, path = call
        headers = {"Authorization": f"Bearer {TOKENS[token]['token']}"} if token else {}
        bodies = {"PUT": DECISION, "POST": {}}
        body = {"json": bodies[method]} if method in bodies else {}
        query = "?connector=contoso" if method == "GET" and "{run}" not in path and "{plan}" not in path else ""
        target = path.format(**{**self.names, **names}) + query
        answer: httpx.Response = getattr(self.door, method.lower())(target, headers=headers, **body)
        return answer

    def everything(self) -> dict[bytes, Any]:
        """Return all that the store holds of this installation, and what was published and written."""
        connection = self.store.connection
        prefix = connection.keys.server.removesuffix("server").encode()
        keys = [key for key in connection.client.keys("*") if key.startswith(prefix)]
        held: dict[bytes, Any] = {key: connection.client.dump(key) for key in keys}
        assert len(held) > 5
        return {**held, b"sent": len(self.engine.queue.sent), b"written": len(self.engine.psa.writes)}


@pytest.fixture
def installed(store: Store) -> Installed:
    return Installed(store)


def needs(call: Call) -> str:
    method, path = call
    return "read" if method == "GET" else "approve" if path in NEEDS_APPROVE else "run"


def test_each_call_needs_its_scope_and_does_nothing_without_it(installed: Installed) -> None:
    before = installed.everything()
    assert len(installed.calls) >= 20
    for call in installed.calls:
        assert installed.call(call, "").status_code == 401, call
        refused = {"read": (), "run": ("reader",), "approve": ("reader", "robot")}[needs(call)]
        for token in refused:
            answer = installed.call(call, token)
            assert answer.status_code == 403, (call, token)
            assert answer.headers["content-type"] == "application/problem+json"
    assert installed.everything() == before
    for call in installed.calls:
        if needs(call) == "read":
            assert installed.call(call, "reader").status_code not in {401, 403}, call


def test_token_of_other_connectors_finds_nothing_anywhere(installed: Installed) -> None:
    before = installed.everything()
    for call in installed.calls:
        answer = installed.call(call, "other")
        if call[1] in {"/readyz", "/metrics", "/v1/connectors"}:
            assert "contoso" not in answer.text
        else:
            assert answer.status_code == 404, (call, answer.text)
    assert installed.everything() == before


@pytest.mark.parametrize("name", [*TOKENS, "nobody"])
def test_wrong_token_is_compared_with_all_of_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def counting(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return compare(first, second)

    access = Access(ApiSection.model_validate({"tokens": TOKENS}))
    door = Door(create_api(_unused, _unused, access))  # type: ignore[arg-type]
    monkeypatch.setattr(hmac, "compare_digest", counting)
    token = TOKENS[name]["token"] if name in TOKENS else "x"
    answer = door.post("/v1/connectors/contoso/runs", headers={"Authorization": f"Bearer {token}"}, content="[")
    assert answer.status_code == {"reader": 403, "nobody": 401}.get(name, 415)
    assert len(compared) == len(TOKENS)
    assert {len(each) for pair in compared for each in pair} == {32}


def _unused() -> None:
    raise AssertionError("nothing is asked for")


def test_key_of_another_token_is_another_run(installed: Installed) -> None:
    path, runs = "/v1/connectors/contoso/runs", []
    for token in ("robot", "chief", "robot"):
        headers = {"Authorization": f"Bearer {TOKENS[token]['token']}", "Idempotency-Key": "ticket-4711"}
        runs.append(installed.door.post(path, headers=headers, json={}).json()["run_id"])
    assert runs[0] == runs[2] != runs[1]


TRICKS = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "..%5c..%5cboot.ini",
    "contoso%2f..%2fcontoso",
    "contoso%00",
    "contoso%0d%0aSet-Cookie:%20a=b",
    "contoso%3Aruns",
    "*",
    "%5Ba-z%5D*",
    "%7B0.__class__%7D",
    "%3Cscript%3E",
    "%1b%5d0;x%07",
    "%E2%80%AEcontoso",
    "x" * 5000,
]


def test_path_tricks_find_nothing_and_do_nothing(installed: Installed) -> None:
    before, tried = installed.everything(), 0
    for trick in TRICKS:
        for call in installed.calls:
            for name in installed.names:
                if f"{{{name}}}" in call[1]:
                    check_trick(installed.call(call, "chief", **{name: trick}), what=f"{call} {trick}")
                    tried += 1
    assert tried >= 15 * len(TRICKS)
    assert installed.everything() == before


def check_trick(answer: httpx.Response, *, what: str) -> None:
    if "/explanation" in what and answer.status_code == 200:
        assert [each["found"]["where"] for each in answer.json()["explanations"]] == ["nowhere"], what
        return
    assert answer.status_code in {404, 405, 409, 422}, f"{what}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "set-cookie" not in answer.headers
    assert "location" not in answer.headers
    assert not [char for char in answer.text if ord(char) < ord(" ")], what
