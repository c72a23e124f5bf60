"""Users that failed: taken by the next incremental run, until they are right or gone."""

import pytest

from adapters.errors import TransientError
from tests.fakes.engine import Engine
from tests.fakes.reports import Json, codes, counts, names
from tests.unit.tasks.scene import settle


def test_user_that_failed_for_a_passing_reason_is_taken_by_the_next_run(engine: Engine) -> None:
    settle(engine, "ann")
    engine.with_timing(user_horizon_s=0.0)
    engine.directory.add_user("bob")
    engine.psa.fail("create_contact", TransientError("server_error", vendor="connectwise"), times=9)
    link = engine.watermark.delta_link
    report = engine.run()
    engine.psa.heal()
    assert codes(report) == ["PSAConnectionError"]
    assert counts(report) == (0, 0, 0, 1)
    assert engine.watermark.delta_link != link  # the retry set remembers bob, not the link
    report = engine.run()
    assert names(report, "created_contacts") == ["bob"]
    assert report["success"]
    assert engine.store.memory.unfinished("contoso") == {}
    assert counts(engine.run()) == (0, 0, 0, 0)


def test_refused_user_stays_an_error_until_it_is_right(engine: Engine) -> None:
    settle(engine, "ann")
    bob = engine.directory.add_user("bob", surname=None, given_name=None, display_name=None, mail="bob @ contoso.com")
    for _ in range(3):
        report = engine.run()
        assert codes(report) == ["InvalidFieldMapping"]
        assert not report["success"]
    engine.directory.change_user(bob.id, mail="bob@contoso.com")
    assert names(engine.run(), "created_contacts") == ["bob"]
    assert engine.store.memory.unfinished("contoso") == {}


def test_refused_user_is_tried_again_when_its_namesake_is_gone(engine: Engine) -> None:
    settle(engine, "ann")
    namesake = engine.psa.add_contact(first_name="Bob", last_name="Example")
    engine.directory.add_user("bob")
    assert codes(engine.run()) == ["DuplicateContact"]
    engine.psa.remove_contact(namesake.id)
    assert names(engine.run(), "created_contacts") == ["bob"]


@pytest.mark.parametrize("permanently", [True, False])
def test_failed_user_that_is_gone_is_forgotten(engine: Engine, *, permanently: bool) -> None:
    settle(engine, "ann")
    bob = engine.directory.add_user("bob", mail="bob @ contoso.com")
    engine.run()
    assert list(engine.store.memory.unfinished("contoso")) == [bob.id]
    engine.directory.delete_user(bob.id, permanently=permanently)
    report = engine.run()
    assert report["success"]
    assert counts(report) == (0, 0, 0, 0)
    assert engine.store.memory.unfinished("contoso") == {}


def test_failed_user_that_is_excluded_is_forgotten(engine: Engine) -> None:
    settle(engine, "ann")
    bob = engine.directory.add_user("bob", mail="bob @ contoso.com")
    engine.run()
    engine.directory.change_user(bob.id, account_enabled=False)
    assert engine.run()["success"]
    assert engine.store.memory.unfinished("contoso") == {}


@pytest.mark.parametrize(
    "inputs",
    [{"department_filter": "Sales"}, {"office_location_filter": "Berlin"}, {"update_existing": False}],
    ids=lambda inputs: next(iter(inputs)),
)
def test_narrowed_run_forgets_no_failed_user(engine: Engine, inputs: Json) -> None:
    settle(engine, "ann")
    ann = next(iter(engine.directory.users.values()))
    engine.with_timing(user_horizon_s=0.0)
    engine.directory.change_user(ann.id, job_title="Buyer")
    engine.psa.fail("update_contact", TransientError("server_error", vendor="connectwise"), times=9)
    assert codes(engine.run()) == ["PSAConnectionError"]
    engine.psa.heal()
    engine.run(sync_mode="full", **inputs)
    report = engine.run()
    assert names(report, "updated_contacts") == ["ann"]
    assert report["success"]
