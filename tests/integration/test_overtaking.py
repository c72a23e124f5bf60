"""A full run of thousands writes for minutes under its budget; who is asked for, or has changed, is not kept waiting.

One installation for all tests, as `up` runs it: the full run goes on beneath them, and none of them waits for its end.
"""

import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.records import RunState
from tests.integration.burst import send_burst
from tests.integration.stack import Json, Stack, running_stack, wait_for
from worker.services import CONTROL_QUEUES, worker_service

USERS = 3000
PER_MINUTE = 1200  # 17 writes of the full run a second, and 3 calls for who may overtake
SOON_S = 90.0  # generous: the machine may be busy; the benchmark measures
SHARE = 0.1  # of the writes that wait, at most so many come first
SETTINGS = "guard.creations = { absolute = 100000, small_absolute = 100000 }"
WRITES = {"vendor": "connectwise", "method": "PATCH", "path": "/company/contacts/"}


class Busy:
    """A stack in the middle of a full run, and users whose turn in it is far away."""

    def __init__(self, stack: Stack, api: str) -> None:
        self.stack = stack
        self.api = api
        stack.approve("demo")
        stack.start_api()
        stack.wait_for_api()
        stack.start_service_worker(worker_service(stack.settings, name="bulk"))
        control = worker_service(stack.settings, name="control", queues=CONTROL_QUEUES, pool="threads", slots=8)
        stack.start_service_worker(control)
        stack.start_beat()
        wait_for(self.is_subscribed, timeout_s=SOON_S, what=stack.log)
        planned = [user for user in stack.truth()["users"] if user["outcome"] in {"created", "updated"}]
        self.planned = len(planned)
        updated = sorted(user["id"] for user in planned if user["outcome"] == "updated")
        self.last = updated[-100:]  # the spool is ordered by user id
        self.run_id = stack.request(sync_mode="full")
        wait_for(lambda: self.is_writing() and stack.last_write() > 20, timeout_s=SOON_S, what=self.where)

    def is_subscribed(self) -> bool:
        state = self.stack.store.events.subscription("demo")
        return state is not None and bool(state.subscription_id)

    def is_writing(self) -> bool:
        run = self.stack.ports.runs.load_run(self.run_id)
        return run is not None and run.state is RunState.WRITING

    def where(self) -> str:
        return self.stack.state(self.run_id)

    def change(self, user_id: str) -> tuple[Json, str]:
        """Give a user a title that nobody else has; return the user, and the title."""
        title = f"Moved {user_id[:8]}"
        user: Json = self.stack.mutate(op="graph.update_user", user=user_id, set={"jobTitle": title})
        return user, title

    def written(self, title: str, since: int) -> list[Json]:
        """Return the writes after this one that gave a contact this title."""
        return [write for write in self.stack.writes(since) if (write["after"] or {}).get("title") == title]

    def check_overtaken(self, title: str, since: int) -> None:
        """Wait for the write; few of those that waited came first, and the full run goes on."""
        wait_for(lambda: bool(self.written(title, since)), timeout_s=SOON_S, what=self.where)
        (write,) = self.written(title, since)
        first, waiting = write["seq"] - since - 1, self.planned - since
        assert waiting > 500, "the full run was nearly over: there was nothing to overtake"
        assert first < SHARE * waiting, f"{first} of {waiting} writes came first"
        assert self.is_writing()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Busy]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    options: dict[str, Any] = {
        "users": USERS,
        "requests_per_minute": PER_MINUTE,
        "service": f'public_url = "http://{listen}"\napi_listen = "{listen}"',
        "connectors": {"demo": SETTINGS},
        "timing": {"event_window_s": 0.4, "write_deadline_s": 5},
    }
    with running_stack(tmp_path_factory.mktemp("busy"), **options) as stack:
        yield Busy(stack, f"http://{listen}")


def test_user_asked_for_by_api_overtakes_the_full_run(busy: Busy) -> None:
    busy.stack.control.post("settings", json={"graph.notification_loss": 1.0})  # no event does it
    user, title = busy.change(busy.last[0])
    since = busy.stack.last_write()
    inputs = {"user_principal_names": [user["userPrincipalName"]]}
    answer = httpx.post(f"{busy.api}/v1/connectors/demo/runs", json=inputs, timeout=SOON_S)
    busy.stack.control.post("settings", json={"graph.notification_loss": 0.0})
    assert answer.status_code == 202
    busy.check_overtaken(title, since)
    report = busy.stack.wait(answer.json()["run_id"], timeout_s=SOON_S)
    assert [row["office365_id"] for row in report["updated_contacts"]] == [user["id"]]
    assert busy.is_writing()


def test_user_who_changed_overtakes_the_full_run(busy: Busy) -> None:
    since = busy.stack.last_write()
    _, title = busy.change(busy.last[1])
    busy.check_overtaken(title, since)


def test_thousand_notifications_at_once_lose_nobody_and_nobody_is_written_by_two(busy: Busy) -> None:
    """Each write is slow: a second upsert of a user beside the first would find the old title, and write it as well."""
    stack, users = busy.stack, busy.last[2:22]
    stack.control.post("settings", json={"graph.notification_loss": 1.0})  # we are Graph for once
    stack.fault("slow", match=WRITES, times=None, seconds=0.5)
    since = stack.last_write()
    titles = [busy.change(user_id)[1] for user_id in users]
    answers = send_burst(stack, users, 1000)
    assert Counter(answers.statuses) == {202: 1000}
    wait_for(lambda: all(busy.written(title, since) for title in titles), timeout_s=SOON_S, what=busy.where)
    wait_for(lambda: not stack.store.events.waiting_changes("demo"), timeout_s=SOON_S, what=busy.where)
    wait_for(lambda: len(stack.store.reports.open_runs()) == 1, timeout_s=SOON_S, what=busy.where)
    assert [len(busy.written(title, since)) for title in titles] == [1] * len(titles)
    assert busy.is_writing()
