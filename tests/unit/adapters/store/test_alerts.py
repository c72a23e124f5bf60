"""The incidents' state: replaced as a whole, by whoever knows the last one; facts and messages go with it."""

from adapters.store import Store
from tests.unit.adapters.store.making import a_run

FACT = {"run_id": "r1", "failed": True}
MESSAGE = {"target": "chat", "title": "t", "body": "b", "at_ms": 1}


def test_state_takes_facts_in_and_puts_messages_in_at_once(store: Store) -> None:
    store.outbox.push(FACT)
    store.outbox.push({**FACT, "run_id": "r2"})
    assert store.alerts.load() == (0, "")
    assert store.alerts.facts(limit=5) == [FACT, {**FACT, "run_id": "r2"}]
    assert store.alerts.commit(0, "{}", facts=[FACT], messages=[MESSAGE])
    assert store.alerts.load() == (1, "{}")
    assert store.alerts.facts(limit=5) == [{**FACT, "run_id": "r2"}]
    assert store.alerts.waiting(limit=5, grace_s=60) == [MESSAGE]


def test_state_that_was_replaced_meanwhile_stands_and_nothing_is_lost(store: Store) -> None:
    store.outbox.push(FACT)
    assert store.alerts.commit(0, "first", facts=[], messages=[])
    assert not store.alerts.commit(0, "second", facts=[FACT], messages=[MESSAGE])
    assert store.alerts.load() == (1, "first")
    assert store.alerts.facts(limit=5) == [FACT]
    assert store.alerts.waiting(limit=5, grace_s=0) == []


def test_message_comes_again_until_it_is_dropped(store: Store) -> None:
    store.alerts.commit(0, "", facts=[], messages=[MESSAGE])
    assert store.alerts.waiting(limit=5, grace_s=0) == [MESSAGE]
    assert store.alerts.waiting(limit=5, grace_s=60) == [MESSAGE]
    assert store.alerts.waiting(limit=5, grace_s=60) == []
    store.alerts.drop(MESSAGE)
    assert store.connection.client.zcard(store.connection.keys.messages) == 0


def test_first_errors_are_those_of_the_run_and_then_of_its_users(store: Store) -> None:
    assert store.alerts.first_errors("unknown", most=3) == []
    store.runs.request_run(a_run())
    store.runs.begin_reading("r1", mode="full", config_version=1, exclusive=True)
    store.runs.stop("r1", reason="PermissionDenied", error={"code": "PermissionDenied"})
    store.runs.close("r1", head={"errors": [{"code": "head"}]}, watermark=None)
    assert [row["code"] for row in store.alerts.first_errors("r1", most=3)] == ["head", "PermissionDenied"]
    assert [row["code"] for row in store.alerts.first_errors("r1", most=1)] == ["head"]
