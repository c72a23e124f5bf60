"""A budget that gives few calls at a time, a PSA that takes its time: nothing is asked twice, nobody is displaced."""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from adapters.errors import BudgetError
from adapters.records import Contact
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import Engine
from tests.fakes.mortal import Death, MortalStore
from tests.fakes.reports import codes, counts
from tests.fakes.valkey import RealValkey
from tests.unit.tasks.conftest import STORE_TIMING

SPENT = BudgetError("budget_spent", vendor="connectwise", retry_after_s=0.001)
LAPSE_S = 0.2  # an index or plan without a sign of life is given to another worker


def spend_budget_every(engine: Engine, calls: int) -> None:
    """Let the budget be spent at each call of that number; it counts calls of all runs and is there again at once."""
    numbers = count(1)

    def check(method: str, moment: str) -> None:
        if moment == "before" and next(numbers) % calls == 0:
            engine.psa.calls[method] -= 1  # it was never sent
            raise SPENT

    engine.psa.moments.watch(check)


def work_at_once(engine: Engine) -> None:
    """Do all messages in turn without waiting."""
    engine.store.presence.beat()
    for _ in range(3000):
        if not engine.queue.waiting:
            return
        engine.queue.do_next()
    raise AssertionError("no end")


def add_contacts(engine: Engine, number: int, *, page_size: int) -> None:
    """Put contacts of nobody in particular into the company, to be listed by pages."""
    engine.psa.page_size = page_size
    for at in range(number):
        engine.psa.add_contact(first_name="Some", last_name=f"Body{at}", email=f"body{at}@elsewhere.example")


# --- steps keep what they have read -----------------------------------------------------------------------------------


def test_index_goes_on_at_its_page_when_the_budget_is_there_again(engine: Engine) -> None:
    add_contacts(engine, 10, page_size=2)
    engine.directory.add_user("ann")
    spend_budget_every(engine, 3)
    assert counts(engine.run(sync_mode="full")) == (1, 0, 0, 0)
    assert engine.psa.calls["fetch_contacts"] == 5
    assert engine.psa.calls["count_contacts"] == 1


def test_company_is_asked_for_once_however_often_the_step_comes_back(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.psa.fail("fetch_contacts", SPENT, times=5)
    engine.run(sync_mode="full")
    assert engine.psa.calls["fetch_company"] == 1


def test_twenty_runs_on_a_spent_budget_cost_what_they_cost_on_a_full_one(engine: Engine) -> None:
    add_contacts(engine, 11, page_size=2)
    connectors = ["contoso", *(f"tenant{number}" for number in range(19))]
    for connector_id in connectors[1:]:
        engine.add_connector(connector_id, FakeDirectory())
    spend_budget_every(engine, 5)  # a run needs eight calls: one that begins anew each time never ends
    runs = [engine.request(connector_id, sync_mode="full") for connector_id in connectors]
    work_at_once(engine)
    assert all(engine.report(run_id)["success"] for run_id in runs)
    assert engine.psa.calls["fetch_company"] == 20
    assert engine.psa.calls["fetch_contacts"] == 20 * 6
    assert engine.psa.calls["count_contacts"] == 20


def test_index_that_a_dead_process_began_is_finished_by_the_next(
    engine: Engine, store: MortalStore, opened: Callable[..., MortalStore]
) -> None:
    add_contacts(engine, 8, page_size=2)
    engine.directory.add_user("ann")
    run_id = engine.request(sync_mode="full")
    engine.psa.moments.watch(lambda method, _: store.die() if engine.psa.calls["fetch_contacts"] == 3 else None)
    with pytest.raises(Death):
        engine.work()
    store.bury()
    engine.move_to(opened())
    engine.recover(run_id)
    assert engine.psa.calls["fetch_contacts"] == 4 + 1
    assert counts(engine.report(run_id)) == (1, 0, 0, 0)


def test_list_that_proved_incomplete_is_read_from_its_beginning(engine: Engine) -> None:
    add_contacts(engine, 12, page_size=4)
    engine.directory.add_user("ann")
    hidden: list[Contact] = [engine.psa.contacts.pop(contact_id) for contact_id in list(engine.psa.contacts)[:5]]
    engine.psa.moments.plan(
        "count_contacts", lambda: engine.psa.contacts.update({contact.id: contact for contact in hidden})
    )
    assert counts(engine.run(sync_mode="full")) == (1, 0, 0, 0)
    assert engine.psa.calls["fetch_contacts"] == 2 + 3


def index_again(engine: Engine, *, page_size: int = 1000) -> None:
    """Read all contacts, then change enough users that an incremental run lists them instead of looking them up."""
    add_contacts(engine, 10, page_size=page_size)
    users = engine.directory.add_users(8)
    engine.run(sync_mode="full")
    engine.run(sync_mode="full")
    for user in users:
        engine.directory.change_user(user.id, job_title="Somebody else")
    engine.psa.calls.clear()


def test_incremental_run_counts_no_contacts_where_one_page_brings_as_many_as_before(engine: Engine) -> None:
    index_again(engine)
    assert counts(engine.run()) == (0, 8, 0, 0)
    assert (engine.psa.calls["fetch_contacts"], engine.psa.calls["count_contacts"]) == (1, 0)


def test_incremental_run_counts_contacts_that_come_in_pages(engine: Engine) -> None:
    index_again(engine, page_size=9)
    assert counts(engine.run()) == (0, 8, 0, 0)
    assert (engine.psa.calls["fetch_contacts"], engine.psa.calls["count_contacts"]) == (2, 1)


def test_page_with_fewer_contacts_than_before_is_counted_and_read_again(engine: Engine) -> None:
    index_again(engine)
    hidden: list[Contact] = [engine.psa.contacts.pop(contact_id) for contact_id in list(engine.psa.contacts)[-8:]]
    engine.psa.moments.plan(
        "count_contacts", lambda: engine.psa.contacts.update({contact.id: contact for contact in hidden})
    )
    assert counts(engine.run()) == (0, 8, 0, 0)
    assert (engine.psa.calls["fetch_contacts"], engine.psa.calls["create_contact"]) == (2, 0)


# --- a judge that reads one by one ------------------------------------------------------------------------------------


@pytest.fixture
def hasty(valkey: RealValkey, store: MortalStore) -> Engine:
    """An installation in which whoever gives no sign of life loses its work soon."""
    prefix = store.connection.keys.open.removesuffix("open")
    hasty_store = MortalStore(valkey.url, prefix=f"{prefix}hasty:", timing=replace(STORE_TIMING, loading_s=LAPSE_S))
    engine = Engine(hasty_store)
    engine.with_timing(step_due_s=LAPSE_S)
    return engine


def test_judge_that_reads_contacts_one_by_one_is_not_displaced(hasty: Engine) -> None:
    run_id = judged_by_single_reads(hasty, users=12)
    displaced: list[bool] = []
    due_in_ms: list[float] = []

    def look_at_it_from_another_process(method: str, moment: str) -> None:
        if (method, moment) == ("fetch_contact", "before"):
            time.sleep(LAPSE_S / 4)
            displaced.append(hasty.store.plan.reset(run_id, holder=hasty.store.presence.new_holder()))
            connection = hasty.store.connection
            due_in_ms.append(connection.client.zscore(connection.keys.open, run_id) - connection.now_ms())

    hasty.psa.moments.watch(look_at_it_from_another_process)
    hasty.work()
    assert displaced == [False] * 12
    assert min(due_in_ms) > 0, "the run was to be taken up again although it was being judged"
    assert codes(hasty.report(run_id)) == ["CompanyMismatch"] * 12


def test_judge_whose_budget_is_spent_now_and_then_asks_nothing_twice(engine: Engine) -> None:
    run_id = judged_by_single_reads(engine, users=12)
    spend_budget_every(engine, 5)
    work_at_once(engine)
    assert codes(engine.report(run_id)) == ["CompanyMismatch"] * 12
    assert engine.psa.calls["fetch_contact"] == 12


def test_judge_leaves_a_long_pause_of_the_psa_to_the_queue(engine: Engine) -> None:
    run_id = judged_by_single_reads(engine, users=2)
    engine.psa.fail("fetch_contact", BudgetError("budget_paused", vendor="connectwise", retry_after_s=60.0))
    assert engine.queue.do_next() == 60.0
    work_at_once(engine)
    assert codes(engine.report(run_id)) == ["CompanyMismatch"] * 2


def test_index_that_lacks_too_much_is_disbelieved_after_a_few_reads(hasty: Engine) -> None:
    run_id = judged_by_single_reads(hasty, users=40)
    hasty.psa.moments.watch(lambda method, moment: move(hasty, "250") if moment == "before" else None)
    hasty.work()
    assert codes(hasty.report(run_id)) == ["UnexpectedAnswer"]
    assert hasty.psa.calls["fetch_contact"] == 3 + 1


def judged_by_single_reads(engine: Engine, *, users: int) -> str:
    """Take a run to its judging whose users' contacts are not in the index; they are in another company."""
    engine.psa.add_company("999")
    for _ in range(users):
        engine.directory.add_user()
    engine.run(sync_mode="full")
    move(engine, "999")
    run_id = engine.request(sync_mode="full")
    engine.work(until="judge")
    return run_id


def move(engine: Engine, company_id: str) -> None:
    """Put all contacts into another company behind our back."""
    for contact in list(engine.psa.contacts.values()):
        engine.psa.contacts[contact.id] = contact.model_copy(update={"company_id": company_id})


def test_what_is_asked_slowly_before_the_plan_is_taken_does_not_make_the_judge_begin_anew(engine: Engine) -> None:
    engine.with_timing(step_due_s=0.2)
    engine.directory.add_user("ann")
    engine.psa.moments.plan("fetch_schema", lambda: time.sleep(0.05))
    report = engine.run(user_principal_names=["ann@contoso.com"])
    assert report["success"]
    assert engine.psa.calls["fetch_schema"] == 1  # once a judge


def test_contacts_that_another_run_makes_meanwhile_are_not_missed_in_the_index(engine: Engine) -> None:
    names = [engine.directory.add_user().user_principal_name for _ in range(8)]
    full = engine.request(sync_mode="full")
    engine.work(until="fan_out")
    waiting = engine.queue.waiting.popleft()
    engine.run(user_principal_names=names)
    engine.queue.waiting.append(waiting)
    engine.work()
    report = engine.report(full)
    assert report["success"], report["errors"]
    assert counts(report) == (0, 0, 8, 0)
    assert len(engine.psa.contacts) == 8


def test_contacts_of_users_that_another_run_read_before_and_made_after_are_not_missed(engine: Engine) -> None:
    names = [engine.directory.add_user().user_principal_name for _ in range(8)]
    engine.request(user_principal_names=names)
    engine.work(until="upsert")
    writes = list(engine.queue.waiting)
    engine.queue.waiting.clear()
    time.sleep(0.01)
    full = engine.request(sync_mode="full")
    engine.work(until="fan_out")
    read = engine.queue.waiting.popleft()
    engine.queue.waiting.extend(writes)
    engine.work()
    engine.queue.waiting.append(read)
    engine.work()
    report = engine.report(full)
    assert report["success"], report["errors"]
    assert counts(report) == (0, 0, 8, 0)
    assert len(engine.psa.contacts) == 8
