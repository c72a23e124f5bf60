"""Writes of which nobody knows whether they happened: waited out, looked for, never made twice, counted once."""

import time
from collections.abc import Callable

import pytest

from adapters.errors import AnswerLostError, BudgetError, SyncError, TransientError, WireError
from adapters.records import User
from tests.fakes.engine import Engine
from tests.fakes.queue import Message
from tests.fakes.reports import codes, counts

SHORT = {"write_deadline_s": 0.15, "write_margin_s": 0.02, "user_horizon_s": 60.0}
AWAY = TransientError("server_error", vendor="connectwise", status=503)
ANSWER_LOST = AnswerLostError("timeout", vendor="connectwise")
UNREADABLE = WireError("write_not_applied", vendor="connectwise")


def set_aside(engine: Engine) -> list[Message]:
    """Take the messages that wait out of the queue."""
    waiting = list(engine.queue.waiting)
    engine.queue.waiting.clear()
    return waiting


def creations(engine: Engine) -> int:
    """Count the creations that were sent, whatever became of them."""
    return engine.psa.calls["create_contact"]


# --- after a look -----------------------------------------------------------------------------------------------------


def test_creation_after_a_look_whose_answer_is_lost_is_counted_as_ours(engine: Engine) -> None:
    engine.with_timing(**SHORT, index_age_s=-1.0)  # every creation looks first
    engine.directory.add_user("ann")
    engine.psa.lose_answer("create_contact", happened=True)
    assert counts(engine.run(sync_mode="full")) == (1, 0, 0, 0)
    assert creations(engine) == 1


def test_creation_after_a_look_whose_answer_is_lost_is_waited_out_before_the_next(engine: Engine) -> None:
    deadline_s = 0.25
    engine.with_timing(**{**SHORT, "write_deadline_s": deadline_s}, index_age_s=-1.0)
    engine.directory.add_user("ann")
    engine.psa.lose_answer("create_contact", happened=False)
    sent_s: list[float] = []
    engine.psa.moments.watch(
        lambda method, moment: (
            sent_s.append(time.monotonic()) if (method, moment) == ("create_contact", "before") else None
        )
    )
    assert counts(engine.run(sync_mode="full")) == (1, 0, 0, 0)
    assert len(sent_s) == 2
    assert sent_s[1] - sent_s[0] > 2 * deadline_s, "the first one might still have been under way"


def test_contact_that_a_targeted_run_made_meanwhile_is_not_made_again(engine: Engine) -> None:
    engine.directory.add_user("ann")
    full = engine.request(sync_mode="full")
    engine.work(until="fan_out")  # its index shows no contact
    rest_of_full = set_aside(engine)
    targeted = engine.request(user_principal_names=["ann@contoso.com"])
    engine.work(until="upsert")
    rest_of_targeted = set_aside(engine)
    engine.pass_time(0.01)
    engine.queue.waiting.extend(
        rest_of_full
    )  # reads the user later than the targeted run did, and plans a creation too
    engine.work(until="upsert")
    rest_of_full = set_aside(engine)
    engine.queue.waiting.extend(rest_of_targeted)
    engine.work()
    engine.queue.waiting.extend(rest_of_full)
    engine.work()
    assert creations(engine) == 1
    assert counts(engine.report(targeted)) == (1, 0, 0, 0)
    assert counts(engine.report(full)) == (0, 0, 1, 0)


# --- nothing is found -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ANSWER_LOST, UNREADABLE], ids=str)
def test_creation_of_which_nothing_is_found_is_sent_three_times_at_most(engine: Engine, error: SyncError) -> None:
    engine.with_timing(**SHORT)
    engine.directory.add_user("ann")
    make_creations_vanish(engine, lambda _: error)
    report = engine.run(sync_mode="full")
    assert creations(engine) == 3
    assert codes(report) == ["ContactCreationFailed"]
    assert "nothing of it is found" in report["errors"][0]["message"]


def test_passing_failures_between_do_not_make_lost_creations_more(engine: Engine) -> None:
    engine.with_timing(**SHORT, index_age_s=-1.0)
    engine.directory.add_user("ann")
    make_creations_vanish(engine, lambda _: ANSWER_LOST)
    asked = 0

    def refuse_every_other_look(method: str, moment: str) -> None:
        nonlocal asked
        if (method, moment) == ("fetch_user", "before"):
            asked += 1
            if asked % 2 == 0:
                raise BudgetError("budget_spent", vendor="graph", retry_after_s=0.001)

    engine.directory.moments.watch(refuse_every_other_look)
    assert codes(engine.run(sync_mode="full")) == ["ContactCreationFailed"]
    assert creations(engine) == 3


def test_suspicion_after_a_restart_of_the_store_is_no_lost_write(engine: Engine) -> None:
    engine.with_timing(**SHORT)
    engine.directory.add_user("ann")
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.store.connection.client.hset(engine.store.connection.keys.server, "since_ms", engine.store.runs.now_ms())
    engine.psa.fail("create_contact", BudgetError("budget_spent", vendor="connectwise", retry_after_s=0.001), times=5)
    engine.work()
    assert counts(engine.report(run_id)) == (1, 0, 0, 0)


def test_update_of_another_run_is_not_counted_as_ours_after_a_restart_of_the_store(engine: Engine) -> None:
    ann = engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.directory.change_user(ann.id, job_title="Chief")
    full = engine.request(sync_mode="full")
    engine.work(until="upsert")
    rest_of_full = set_aside(engine)
    assert counts(engine.run(user_principal_names=["ann@contoso.com"])) == (0, 1, 0, 0)
    engine.store.connection.client.hset(engine.store.connection.keys.server, "since_ms", engine.store.runs.now_ms())
    engine.queue.waiting.extend(rest_of_full)
    engine.work()
    assert engine.psa.calls["update_contact"] == 1
    assert counts(engine.report(full)) == (0, 0, 1, 0)


def test_contact_made_in_another_company_is_an_error_and_not_made_again(engine: Engine) -> None:
    engine.psa.add_company("251")
    user = engine.directory.add_user("ann")
    make_creations_vanish(
        engine, lambda contact_id: WireError("write_not_applied", vendor="connectwise", contact_id=contact_id)
    )
    report = engine.run(sync_mode="full")
    assert codes(report) == ["ContactCreationFailed"]
    assert link_of(engine, user) in report["errors"][0]["message"]
    assert codes(engine.run()) == ["CompanyMismatch"]
    assert codes(engine.run(sync_mode="full")) == ["CompanyMismatch"]
    assert creations(engine) == 1


def test_contact_made_without_its_object_id_is_an_error_that_the_next_run_mends(engine: Engine) -> None:
    user = engine.directory.add_user("ann")

    def forget_object_id() -> None:
        (contact,) = engine.psa.contacts.values()
        engine.psa.contacts[contact.id] = contact.model_copy(update={"entra_id": None})
        raise WireError("write_not_applied", vendor="connectwise", contact_id=contact.id)

    engine.psa.moments.plan("create_contact", forget_object_id, moment="after")
    assert codes(engine.run(sync_mode="full")) == ["ContactCreationFailed"]
    report = engine.run()
    assert counts(report) == (0, 1, 0, 0)
    assert report["updated_contacts"][0]["changed_fields"] == ["entra_id"]
    assert engine.psa.contacts[link_of(engine, user)].entra_id == user.id
    assert creations(engine) == 1


# --- runs that are stopped --------------------------------------------------------------------------------------------


def test_stopped_run_writes_nobody_whose_lost_creation_did_not_happen(engine: Engine) -> None:
    run_id = stopped_after_a_lost_answer(engine, happened=False)
    report = engine.recover(run_id)
    assert creations(engine) == 1
    assert engine.psa.contacts == {}
    assert [row["user_principal_name"] for row in report["users_unprocessed"]] == ["ann@contoso.com"]


def test_stopped_run_still_counts_its_creation_that_did_happen(engine: Engine) -> None:
    run_id = stopped_after_a_lost_answer(engine, happened=True)
    assert counts(engine.recover(run_id)) == (1, 0, 0, 0)
    assert creations(engine) == 1


def test_write_that_outlived_its_run_is_linked_and_counted_by_no_run(engine: Engine) -> None:
    user = closed_with_an_unresolved_creation(engine)
    report = engine.run(sync_mode="full")
    assert counts(report) == (0, 0, 1, 0)
    assert creations(engine) == 1
    assert link_of(engine, user) in engine.psa.contacts


def test_stopped_run_writes_nobody_whom_an_earlier_run_had_written(engine: Engine) -> None:
    user = closed_with_an_unresolved_creation(engine)
    engine.directory.change_user(user.id, job_title="Buyer")
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.store.runs.stop(run_id, reason="cancelled", error=None)
    engine.recover(run_id)
    assert [write.operation for write in engine.psa.writes] == ["create"]
    assert link_of(engine, user) in engine.psa.contacts


# --- scenes -----------------------------------------------------------------------------------------------------------


def make_creations_vanish(engine: Engine, error_of: Callable[[str], SyncError]) -> None:
    """Let the PSA put each new contact where nobody looks for it, and answer with this error."""

    def vanish(method: str, moment: str) -> None:
        if (method, moment) == ("create_contact", "after"):
            contact = list(engine.psa.contacts.values())[-1]
            engine.psa.contacts[contact.id] = contact.model_copy(update={"company_id": "251"})
            raise error_of(contact.id)

    engine.psa.moments.watch(vanish)


def stopped_after_a_lost_answer(engine: Engine, *, happened: bool) -> str:
    """Lose the answer of a run's one creation, then stop the run."""
    engine.with_timing(**SHORT)
    engine.directory.add_user("ann")
    engine.psa.lose_answer("create_contact", happened=happened)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.queue.do_next()
    engine.store.runs.stop(run_id, reason="cancelled", error=None)
    return run_id


def closed_with_an_unresolved_creation(engine: Engine) -> User:
    """Let a run end by its PSA's absence just after a creation of which it did not hear."""
    run_id = stopped_after_a_lost_answer(engine, happened=True)
    engine.psa.fail("find_contacts", AWAY)
    assert counts(engine.recover(run_id)) == (0, 0, 0, 0)
    (user,) = engine.directory.users.values()
    return user


def link_of(engine: Engine, user: User) -> str:
    """Return the contact that is remembered as this user's."""
    return engine.store.memory.links(engine.connector().home, [user.id])[user.id].contact_id
