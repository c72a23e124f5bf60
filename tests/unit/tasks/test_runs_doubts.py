"""Reads that may not be believed: lists that lack something, links that die while they are followed."""

from collections.abc import Callable

import pytest

from adapters.errors import ResyncError
from adapters.records import Contact
from tests.fakes.engine import Engine
from tests.fakes.reports import assert_one_error, counts


def test_contact_list_that_lacks_too_much_is_read_again(engine: Engine) -> None:
    engine.directory.add_users(10)
    engine.run(sync_mode="full")
    hidden = hide(engine, list(engine.psa.contacts)[:5])
    run_id = engine.request(sync_mode="full")
    engine.psa.moments.plan("fetch_contacts", hidden, moment="after")
    engine.work()
    assert counts(engine.report(run_id)) == (0, 0, 10, 0)


def test_contact_list_that_keeps_lacking_too_much_ends_the_run_without_a_write(engine: Engine) -> None:
    engine.directory.add_users(10)
    engine.run(sync_mode="full")
    engine.with_timing(instance_horizon_s=0.0)
    writes = len(engine.psa.writes)
    found = list(engine.psa.contacts)[:5]

    def cut(method: str, moment: str) -> None:
        if method == "fetch_contacts":
            move(engine, found, "250" if moment == "after" else "999")

    engine.psa.moments.watch(cut)
    assert_one_error(engine.run(sync_mode="full"), "PSAConnectionError")
    assert len(engine.psa.writes) == writes


@pytest.mark.parametrize("left", [0, 5])
def test_index_that_lacks_many_of_our_contacts_is_not_believed(engine: Engine, left: int) -> None:
    users = engine.directory.add_users(10)
    engine.run(sync_mode="full")
    for user in users[:left]:
        engine.directory.delete_user(user.id)
    writes = len(engine.psa.writes)
    found = list(engine.psa.contacts)[:5]

    def cut(method: str, moment: str) -> None:  # list and count agree, but both are short
        if method in ("fetch_contacts", "count_contacts"):
            move(engine, found, "250" if moment == "after" else "999")

    engine.psa.moments.watch(cut)
    assert_one_error(engine.run(sync_mode="full"), "UnexpectedAnswer")
    assert len(engine.psa.writes) == writes


def test_contact_that_moved_while_the_list_was_read_is_not_doubled(engine: Engine) -> None:
    engine.directory.add_users(10)
    engine.run(sync_mode="full")
    found = list(engine.psa.contacts)[:2]

    def cut(method: str, moment: str) -> None:
        if method == "fetch_contacts":
            move(engine, found, "250" if moment == "after" else "999")

    engine.psa.moments.watch(cut)
    assert counts(engine.run(sync_mode="full")) == (0, 0, 10, 0)


def test_user_list_that_names_nobody_is_not_believed_where_the_tenant_counts_somebody(engine: Engine) -> None:
    users = {user.id: user for user in engine.directory.add_users(3)}
    engine.directory.moments.plan("fetch_users", engine.directory.users.clear)
    engine.directory.moments.plan("fetch_users", lambda: engine.directory.users.update(users), moment="after")
    assert_one_error(engine.run(sync_mode="full"), "UnexpectedAnswer")
    assert engine.store.memory.watermark("contoso") is None
    assert counts(engine.run()) == (3, 0, 0, 0)


def test_expired_page_link_starts_the_list_over(engine: Engine) -> None:
    engine.directory.add_users(5)
    engine.directory.page_size = 2
    run_id = engine.request(sync_mode="full")
    engine.directory.moments.plan("fetch_users", engine.directory.expire_page_links, moment="after")
    engine.work()
    assert counts(engine.report(run_id)) == (5, 0, 0, 0)
    assert engine.directory.calls["fetch_users"] == 1 + 1 + 3


def test_page_links_that_keep_expiring_end_the_run(engine: Engine) -> None:
    engine.directory.add_users(5)
    engine.with_timing(instance_horizon_s=0.0)
    engine.directory.fail("fetch_users", ResyncError("page_link_expired", vendor="graph", status=400), times=99)
    assert_one_error(engine.run(sync_mode="full"), "GraphConnectionError")
    assert engine.directory.calls["fetch_users"] <= 8


def test_delta_link_that_is_dead_is_asked_for_once(engine: Engine) -> None:
    engine.directory.add_users(5)
    engine.run(sync_mode="full")
    engine.directory.calls.clear()
    engine.directory.fail("fetch_delta", ResyncError("delta_link_dead", vendor="graph", status=410), times=99)
    report = engine.run()
    assert report["success"]
    assert report["sync_mode"] == "full"
    assert engine.directory.calls["fetch_delta"] == 1


def move(engine: Engine, contact_ids: list[str], company_id: str) -> None:
    """Put contacts into another company behind our back."""
    for contact_id in contact_ids:
        contact: Contact = engine.psa.contacts[contact_id]
        engine.psa.contacts[contact_id] = contact.model_copy(update={"company_id": company_id})


def hide(engine: Engine, contact_ids: list[str]) -> Callable[[], None]:
    """Take contacts out of the next list, and put them back when it was answered."""
    move(engine, contact_ids, "999")
    return lambda: move(engine, contact_ids, "250")
