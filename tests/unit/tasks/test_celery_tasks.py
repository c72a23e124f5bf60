"""The Celery half: what every task states, where it goes, and what its messages show."""

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
from celery import Celery, Task

from adapters.records import Batch, Member
from adapters.store.connection import Connection
from tasks.celery_tasks import ROUTES, SyncTask
from tasks.publishing import CeleryPublisher
from tests.fakes.valkey import RealValkey
from worker.celery_app import create_app

OWN = {"run", "app", "name"}
KNOWN = {*dir(Task), *(option for option, _ in Task.from_config)}
STEPS = {"start_run", "fan_out", "judge", "feed", "upsert_contact", "summarize_batch", "close_run"}
ANSWERS = {"sync.start_run"}  # with the run's id, for whoever asked by Flower


@pytest.fixture(scope="module")
def tasks() -> dict[str, Any]:
    """Our tasks on an application that configures nothing: what they say is what they state themselves."""
    app = Celery("bare", set_as_current=False)
    app.finalize()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_every_step_is_a_task(tasks: dict[str, Any]) -> None:
    assert tasks.keys() == {f"sync.{step}" for step in {*STEPS, "dispatch_due", "reconcile"}}


def test_every_task_states_its_options(tasks: dict[str, Any]) -> None:
    for name, task in tasks.items():
        assert isinstance(task, SyncTask), name
        assert name == f"sync.{task.run.__name__}", "readable in Flower, whatever the module is called"
        assert task.acks_late, name
        assert task.max_retries is None, name
        assert task.ignore_result is (name not in ANSWERS), name
        assert (task.run.__doc__ or "").strip(), name


def test_no_option_is_misspelt(tasks: dict[str, Any]) -> None:
    for name, task in tasks.items():
        stated = {option for option in vars(type(task)) if not option.startswith("_")} - OWN
        unknown = stated - KNOWN
        assert not unknown, f"{name}: Celery takes {unknown} in silence and does nothing with it"


def test_misspelt_option_would_be_seen() -> None:
    app = Celery("other", set_as_current=False)

    @app.task(name="test.misspelt", ack_late=True)
    def misspelt() -> None:
        """Do nothing."""

    assert "ack_late" in vars(type(app.tasks["test.misspelt"]))
    assert "ack_late" not in KNOWN


def test_every_task_has_a_queue_of_its_kind(tasks: dict[str, Any]) -> None:
    for name in tasks:
        queues = [route["queue"] for pattern, route in ROUTES.items() if fnmatch(name, pattern)]
        assert queues, name
        assert queues[0] == ("upsert" if name == "sync.upsert_contact" else "control")


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def broker(valkey: RealValkey) -> Iterator[Connection]:
    """A database of its own for the messages, empty before and after."""
    with Connection(valkey.url.replace("/0", "/9")) as connection:
        yield connection
        connection.client.flushdb()


@pytest.fixture
def publisher(valkey: RealValkey, broker: Connection) -> Iterator[CeleryPublisher]:
    app = create_app(valkey.url.replace("/0", "/9"), visibility_timeout_s=60, user_events=True)
    yield CeleryPublisher(app)
    app.close()


def sent(broker: Connection, queue: str) -> list[dict[str, Any]]:
    """Return the headers of the messages that wait in a queue, the oldest first."""
    return [json.loads(message)["headers"] for message in reversed(broker.client.lrange(queue, 0, -1))]


def members(lane: Any, number: int = 2) -> tuple[Member, ...]:
    """Make frozen users."""
    return tuple(
        Member(run_id="r1", batch_id="b1", index=at, user_id=f"id{at}", name=f"u{at}@contoso.com", lane=lane)
        for at in range(number)
    )


@pytest.mark.parametrize(("lane", "queue"), [("bulk", "upsert"), ("targeted", "targeted")])
def test_batch_is_a_chord_of_fixed_ids(publisher: CeleryPublisher, broker: Connection, lane: str, queue: str) -> None:
    publisher.batch(Batch(run_id="r1", batch_id="b1", members=members(lane)))
    headers = sent(broker, queue)
    assert [header["id"] for header in headers] == ["r1:user:id0", "r1:user:id1"]
    assert [header["group"] for header in headers] == ["r1:batch:b1"] * 2
    assert [header["group_index"] for header in headers] == [0, 1]
    publisher.upsert(members(lane)[1])
    assert sent(broker, queue)[2]["id"] == "r1:user:id1"
    assert sent(broker, queue)[2]["group"] == "r1:batch:b1"


def test_messages_show_ids_and_the_user_principal_name_alone(publisher: CeleryPublisher, broker: Connection) -> None:
    publisher.start_run("r1")
    publisher.fan_out("r1", generation=0, page=3)
    publisher.judge("r1")
    publisher.feed("main")
    publisher.summarize_batch("r1", "b1")
    publisher.close_run("r1")
    publisher.batch(Batch(run_id="r1", batch_id="b1", members=members("bulk", 1)))
    shown = [(header["task"], header["argsrepr"], header["kwargsrepr"]) for header in sent(broker, "control")]
    assert shown == [
        ("sync.start_run", "(r1)", "{}"),
        ("sync.fan_out", "(r1, page 3)", "{}"),
        ("sync.judge", "(r1)", "{}"),
        ("sync.feed", "(main)", "{}"),
        ("sync.summarize_batch", "(r1, b1)", "{}"),
        ("sync.close_run", "(r1)", "{}"),
    ]
    assert [header["argsrepr"] for header in sent(broker, "upsert")] == ["(u0@contoso.com, r1)"]


def test_repeated_message_has_the_id_that_it_had(publisher: CeleryPublisher, broker: Connection) -> None:
    for _ in range(2):
        publisher.start_run("r1")
        publisher.fan_out("r1", generation=1, page=3)
        publisher.judge("r1")
        publisher.summarize_batch("r1", "b1")
        publisher.close_run("r1")
    ids = [header["id"] for header in sent(broker, "control")]
    assert ids[:5] == ids[5:] == ["r1:start", "r1:page:1.3", "r1:judge", "r1:summary:b1", "r1:close"]
