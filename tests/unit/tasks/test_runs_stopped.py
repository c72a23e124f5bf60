"""Runs that are cancelled: whoever is left stands in the report, and the next run takes them."""

import pytest

from tests.fakes.engine import Engine
from tests.fakes.reports import counts


@pytest.mark.parametrize("step", ["start_run", "fan_out", "judge", "feed"])
def test_run_that_is_cancelled_before_it_writes_writes_nobody(engine: Engine, step: str) -> None:
    engine.directory.add_users(5)
    run_id = engine.request(sync_mode="full")
    engine.work(until=step)
    engine.store.runs.stop(run_id, reason="cancelled", error=None)
    engine.work()
    report = engine.recover(run_id)
    assert counts(report) == (0, 0, 0, 0)
    assert report["stopped"] == "cancelled"
    assert not report["success"]
    assert engine.psa.writes == []
    assert engine.store.memory.watermark("contoso") is None
    assert counts(engine.run()) == (5, 0, 0, 0)


def test_run_that_is_cancelled_while_it_writes_leaves_the_rest_unprocessed(engine: Engine) -> None:
    engine.with_timing(batch_size=2, most_in_flight=4)
    engine.directory.add_users(9)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.queue.do_next()
    engine.store.runs.stop(run_id, reason="cancelled", error=None)
    engine.work()
    report = engine.recover(run_id)
    assert counts(report) == (1, 0, 0, 0)
    assert len({row["office365_id"] for row in report["users_unprocessed"]}) == 8
    assert not report["success"]
    assert engine.store.memory.watermark("contoso") is None
    assert counts(engine.run()) == (8, 0, 1, 0)


def test_users_that_were_to_be_retried_are_still_after_a_run_that_did_not_come_to_them(engine: Engine) -> None:
    engine.run(sync_mode="full")
    user = engine.directory.add_user("ann", mail="ann @ contoso.com")
    engine.run()
    engine.directory.change_user(user.id, mail="ann@contoso.com")
    run_id = engine.request()
    engine.work(until="upsert")
    engine.store.runs.stop(run_id, reason="cancelled", error=None)
    engine.work()
    assert len(engine.recover(run_id)["users_unprocessed"]) == 1
    assert list(engine.store.memory.unfinished("contoso")) == [user.id]
    assert counts(engine.run()) == (1, 0, 0, 0)
