"""The Celery half: what every task states, where it goes, and what its messages show."""

import json
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
from celery import Celery, Task
from celery.exceptions import Reject, Retry

from adapters.errors import TransientError
from adapters.records import Batch, Member
from adapters.store.connection import Connection
from tasks.celery_tasks import ROUTES, SyncTask
from tasks.publishing import CeleryPublisher
from tasks.requesting import RequestRefusedError
from tests.fakes.engine import Engine
from tests.fakes.valkey import RealValkey
from worker.celery_app import SyncApp, create_app

OWN = {"run", "app", "name"}
KNOWN = {*dir(Task), *(option for option, _ in Task.from_config)}
STEPS = {"start_run", "fan_out", "judge", "feed", "upsert_contact", "summarize_batch", "close_run"}
EVENTS = {"keep_subscriptions", "keep_subscription", "poll_delta", "take_changes"}
SERVICES = {"dispatch_due", "reconcile", "watch", "heartbeat"} | EVENTS
ANSWERS = {"sync.start_run"}  # with the run's id, for whoever asked by Flower


@pytest.fixture(scope="module")
def tasks() -> dict[str, Any]:
    """Our tasks on an application that configures nothing: what they say is what they state themselves."""
    app = Celery("bare", set_as_current=False)
    app.finalize()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_every_step_is_a_task(tasks: dict[str, Any]) -> None:
    assert tasks.keys() == {f"sync.{step}" for step in STEPS | SERVICES}


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
    publisher.take_changes("contoso", wait_s=0.5)
    publisher.keep_subscription("contoso")
    publisher.poll_delta("contoso")
    publisher.batch(Batch(run_id="r1", batch_id="b1", members=members("bulk", 1)))
    shown = [(header["task"], header["argsrepr"], header["kwargsrepr"]) for header in sent(broker, "control")]
    assert shown == [
        ("sync.start_run", "(r1)", "{}"),
        ("sync.fan_out", "(r1, page 3)", "{}"),
        ("sync.judge", "(r1)", "{}"),
        ("sync.feed", "(main)", "{}"),
        ("sync.summarize_batch", "(r1, b1)", "{}"),
        ("sync.close_run", "(r1)", "{}"),
        ("sync.take_changes", "(contoso)", "{}"),
        ("sync.keep_subscription", "(contoso)", "{}"),
        ("sync.poll_delta", "(contoso)", "{}"),
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


@pytest.mark.parametrize(
    "publish",
    [
        lambda publisher: publisher.start_run("r1"),
        lambda publisher: publisher.fan_out("r1", generation=0, page=0),
        lambda publisher: publisher.judge("r1"),
        lambda publisher: publisher.feed("main"),
        lambda publisher: publisher.batch(Batch(run_id="r1", batch_id="b1", members=members("bulk"))),
        lambda publisher: publisher.upsert(members("bulk")[0]),
        lambda publisher: publisher.summarize_batch("r1", "b1"),
        lambda publisher: publisher.close_run("r1"),
        lambda publisher: publisher.take_changes("contoso", wait_s=0.5),
        lambda publisher: publisher.keep_subscription("contoso"),
        lambda publisher: publisher.poll_delta("contoso"),
    ],
    ids=[
        *("start_run", "fan_out", "judge", "feed", "batch", "upsert", "summarize_batch", "close_run"),
        *("take_changes", "keep_subscription", "poll_delta"),
    ],
)
def test_broker_that_cannot_be_reached_is_a_passing_failure_of_the_store(
    publish: Callable[[CeleryPublisher], None],
) -> None:
    app = create_app("redis://127.0.0.1:1/0", visibility_timeout_s=60, user_events=True)
    once = {"max_retries": 0, "retry_policy": {"max_retries": 0}}
    app.conf.update(task_publish_retry=False, broker_transport_options=once, result_backend_transport_options=once)
    with pytest.raises(TransientError) as raised:
        publish(CeleryPublisher(app))
    assert (raised.value.reason, raised.value.vendor) == ("broker_unreachable", "store")
    app.close()


# --- asked for by Flower ----------------------------------------------------------------------------------------------


@pytest.fixture
def worker(engine: Engine, valkey: RealValkey, broker: Connection) -> Iterator[SyncApp]:
    """A worker's application over the engine's ports, with a broker for what it retries."""
    app = create_app(valkey.url.replace("/0", "/9"), visibility_timeout_s=60, user_events=True)
    app.build_ports = lambda: engine.ports
    yield app
    app.close()


def deliver(app: SyncApp, name: str, **message: Any) -> Any:
    """Do a task as a worker does when it has received this message; a retry goes to the broker."""
    task = app.tasks[name]
    delivery: dict[str, Any] = {"called_directly": False, "delivery_info": {"routing_key": "control"}, **message}
    task.push_request(**delivery)
    try:
        return task.run(*delivery.get("args", ()), **delivery.get("kwargs", {}))
    finally:
        task.pop_request()


ASKED: dict[str, Any] = {"id": "m1", "args": (), "kwargs": {"connector": "contoso", "request": {"sync_mode": "full"}}}


def test_run_asked_for_by_flower_is_one_however_often_its_message_is_delivered(engine: Engine, worker: SyncApp) -> None:
    engine.directory.add_user("ann")
    first = deliver(worker, "sync.start_run", **ASKED)
    second = deliver(worker, "sync.start_run", **ASKED)
    engine.work()
    third = deliver(worker, "sync.start_run", **ASKED)
    assert first == second == third
    assert [head["run_id"] for head in engine.store.reports.heads()] == [first]
    assert engine.store.reports.open_runs() == []
    assert deliver(worker, "sync.start_run", **{**ASKED, "id": "m2"}) != first


def test_run_asked_for_by_flower_while_the_broker_is_away_is_asked_for_again_under_the_same_id(
    engine: Engine, worker: SyncApp, broker: Connection
) -> None:
    engine.queue.refuse["start_run"] = 1
    with pytest.raises(Retry):
        deliver(worker, "sync.start_run", **ASKED)
    (retried,) = sent(broker, "control")
    run_id = deliver(worker, "sync.start_run", **{**ASKED, "id": retried["id"]})
    assert [run.run_id for run in engine.store.reports.open_runs()] == [run_id]


def test_message_whose_copy_the_broker_does_not_take_goes_back_to_its_queue(engine: Engine) -> None:
    app = create_app("redis://127.0.0.1:1/0", visibility_timeout_s=60, user_events=True)
    once = {"max_retries": 0, "retry_policy": {"max_retries": 0}}
    app.conf.update(task_publish_retry=False, broker_transport_options=once, result_backend_transport_options=once)
    app.build_ports = lambda: engine.ports
    engine.queue.refuse["start_run"] = 1
    with pytest.raises(Reject) as rejected:
        deliver(app, "sync.start_run", **ASKED)
    error: Any = rejected.value
    assert error.requeue
    app.close()


def test_message_that_comes_back_shows_what_it_showed(engine: Engine, worker: SyncApp, broker: Connection) -> None:
    engine.directory.add_user("ann")
    run_id = engine.request(sync_mode="full")
    engine.queue.waiting.clear()
    engine.directory.fail("fetch_latest_delta_link", TransientError("timeout", vendor="graph"))
    deliver(worker, "sync.start_run", id="m1", args=(run_id,))
    shown = {"argsrepr": f"({run_id}, page 0)", "kwargsrepr": "{}"}
    with pytest.raises(Retry):
        deliver(worker, "sync.fan_out", id="m2", args=(run_id, 0, 0), **shown)
    (retried,) = sent(broker, "control")
    assert retried["id"] == "m2"
    assert {name: retried[name] for name in shown} == shown


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"connector": "contoso", "request": {"sync_mode": "everything"}}, "sync_mode: Input should be 'full' or"),
        ({"connector": "contoso", "request": {"sync_mod": "full"}}, "sync_mod: Extra inputs are not permitted"),
        ({"connector": "contoso", "request": {"dry_run": "yes"}}, "dry_run: Input should be a valid boolean"),
        ({"connector": "contoso", "request": {"user_principal_names": "ann@contoso.com"}}, "user_principal_names"),
        ({"connector": "contoso", "request": ["full"]}, "request: must be an object"),
        ({"connector": "contoso", "request": "full"}, "request: must be an object"),
        ({"connector": "fabrikam"}, "connector: must name a published connector"),
        ({"connector": ["contoso"]}, "connector: must name a published connector"),
        ({"request": {"sync_mode": "full"}}, "connector: must name a published connector"),
        ({}, "connector: must name a published connector"),
    ],
)
def test_malformed_request_of_flower_is_refused_with_its_reason_and_nothing_runs(
    engine: Engine, worker: SyncApp, kwargs: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RequestRefusedError, match=reason):
        deliver(worker, "sync.start_run", id="m1", kwargs=kwargs)
    assert engine.store.reports.open_runs() == []
    assert engine.queue.sent == []


def test_refusal_names_every_fault_and_repeats_no_value(engine: Engine, worker: SyncApp) -> None:
    wrong = {"sync_mode": "secret-value", "dry_run": "secret-value", "company_id": {"secret-value": 1}}
    with pytest.raises(RequestRefusedError) as raised:
        deliver(worker, "sync.start_run", id="m1", kwargs={"connector": "contoso", "request": wrong})
    assert all(name in str(raised.value) for name in wrong)
    assert "secret-value" not in str(raised.value)


def test_name_in_the_place_of_a_run_is_refused_with_what_to_send(engine: Engine, worker: SyncApp) -> None:
    with pytest.raises(RequestRefusedError, match="there is no such run; to ask for one, send kwargs"):
        deliver(worker, "sync.start_run", id="m1", args=("contoso",))


def test_message_of_a_run_that_is_closed_does_nothing(engine: Engine, worker: SyncApp) -> None:
    run_id = engine.run(sync_mode="full")["run_id"]
    assert deliver(worker, "sync.start_run", id="m1", args=(run_id,)) == run_id
