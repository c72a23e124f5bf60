"""Incremental runs: only what changed since the link, and when a run is done in full instead."""

import pytest

from adapters.errors import TransientError
from adapters.records import Watermark
from tests.fakes.engine import Engine
from tests.fakes.reports import Json, codes, counts, names

DAY_MS = 86_400_000
FAR_FUTURE = "2999-01-01T00:00:00Z"


def watermark(engine: Engine) -> Watermark:
    """Return what is remembered of the delta link."""
    found = engine.store.memory.watermark("contoso")
    assert found is not None
    return found


def settled(engine: Engine, *people: str) -> None:
    """Bring contoso to where incremental runs go on from: everybody has a contact, and the link is one of a delta."""
    for name in people:
        engine.directory.add_user(name)
    engine.run(sync_mode="full")
    engine.run()
    assert not watermark(engine).fresh


def says_why(report: Json, words: str) -> bool:
    """Tell whether a run became full, and said so with these words."""
    warnings = [row for row in report["warnings"] if row["code"] == "ModeChanged"]
    return report["sync_mode"] == "full" and len(warnings) == 1 and words in warnings[0]["message"]


def test_first_incremental_run_is_done_in_full_and_says_so(engine: Engine) -> None:
    engine.directory.add_user("ann")
    report = engine.run()
    assert says_why(report, "first run")
    assert counts(report) == (1, 0, 0, 0)
    second = engine.run()
    assert second["sync_mode"] == "incremental"
    assert codes(second, "warnings") == []


def test_full_run_that_was_asked_for_warns_of_nothing(engine: Engine) -> None:
    assert codes(engine.run(sync_mode="full"), "warnings") == []


def test_only_changed_users_are_read_and_processed(engine: Engine) -> None:
    settled(engine, "ann", "bob", "cid")
    bob = next(user for user in engine.directory.users.values() if user.given_name == "Bob")
    engine.directory.change_user(bob.id, job_title="Buyer")
    engine.directory.add_user("dan")
    engine.directory.calls.clear()
    report = engine.run()
    assert counts(report) == (1, 1, 0, 0)
    assert report["statistics"]["total_office365_users"] == 4
    assert report["statistics"]["users_processed"] == 2
    assert engine.directory.calls["fetch_users"] == 0


def test_quiet_day_is_a_success_with_nothing_in_it(engine: Engine) -> None:
    settled(engine, "ann")
    report = engine.run()
    assert report["success"]
    assert report["sync_mode"] == "incremental"
    assert counts(report) == (0, 0, 0, 0)
    assert report["statistics"]["total_office365_users"] == 1


def test_user_created_while_the_link_was_taken_is_read_by_the_next_run(engine: Engine) -> None:
    engine.directory.add_user("ann")
    run_id = engine.request(sync_mode="full")

    def create_late() -> None:
        engine.directory.add_user("late", created_date_time=FAR_FUTURE)

    engine.directory.moments.plan("fetch_users", create_late, moment="after")
    engine.work()
    assert names(engine.report(run_id), "created_contacts") == ["ann"]
    assert watermark(engine).fresh
    engine.directory.forget_changes()  # listed too late for that run, and too early for the delta that began with it
    assert names(engine.run(), "created_contacts") == ["late"]
    assert not watermark(engine).fresh


def test_dead_link_makes_the_run_full_and_is_replaced(engine: Engine) -> None:
    settled(engine, "ann")
    engine.directory.add_user("bob")
    engine.directory.expire_delta_links()
    report = engine.run()
    assert says_why(report, "delta link")
    assert counts(report) == (1, 0, 1, 0)
    engine.directory.add_user("cid")
    report = engine.run()
    assert report["sync_mode"] == "incremental"
    assert names(report, "created_contacts") == ["cid"]


def test_link_that_dies_between_two_pages_makes_the_run_full(engine: Engine) -> None:
    settled(engine, "ann")
    engine.directory.page_size = 1
    for name in ("bob", "cid", "dan"):
        engine.directory.add_user(name)
    engine.directory.moments.plan("fetch_delta", engine.directory.expire_delta_links, moment="after")
    report = engine.run()
    assert says_why(report, "delta link")
    assert counts(report) == (3, 0, 1, 0)


def test_full_run_survives_a_dead_link(engine: Engine) -> None:
    settled(engine, "ann")
    engine.directory.expire_delta_links()
    report = engine.run(sync_mode="full")
    assert report["success"]
    assert codes(report, "warnings") == []
    assert watermark(engine).fresh


def test_changed_configuration_makes_the_run_full(engine: Engine) -> None:
    settled(engine, "ann", "bob")
    engine.configure(fingerprint="f2", exclude=[{"name": "no bob", "when": "user.givenName == 'Bob'"}])
    report = engine.run()
    assert says_why(report, "configuration")
    assert [row["rule"] for row in report["excluded"]] == ["no bob"]
    assert watermark(engine).fingerprint == "f2"
    assert engine.run()["sync_mode"] == "incremental"


def test_old_link_is_not_trusted(engine: Engine) -> None:
    settled(engine, "ann")
    engine.change_watermark(obtained_at_ms=engine.store.runs.now_ms() - 6 * DAY_MS - 1)
    assert says_why(engine.run(), "older than 6 days")
    engine.change_watermark(obtained_at_ms=engine.store.runs.now_ms() - 6 * DAY_MS + 60_000)
    assert engine.run()["sync_mode"] == "incremental"


def test_everybody_is_read_again_after_full_every(engine: Engine) -> None:
    settled(engine, "ann")
    engine.change_watermark(full_at_ms=engine.store.runs.now_ms() - 7 * DAY_MS - 1)
    assert says_why(engine.run(), "full_every")
    assert engine.run()["sync_mode"] == "incremental"


def test_incremental_run_keeps_the_time_of_the_last_full_one(engine: Engine) -> None:
    settled(engine, "ann")
    full_at_ms = watermark(engine).full_at_ms
    link = watermark(engine).delta_link
    engine.directory.add_user("bob")
    engine.run()
    assert watermark(engine).full_at_ms == full_at_ms
    assert watermark(engine).delta_link != link
    engine.run(sync_mode="full")
    assert watermark(engine).full_at_ms > full_at_ms


def test_full_run_with_a_living_link_drains_it_and_keeps_its_end(engine: Engine) -> None:
    settled(engine, "ann")
    run_id = engine.request(sync_mode="full")
    engine.directory.moments.plan("fetch_users", lambda: engine.directory.add_user("late"), moment="after")
    engine.work()
    assert names(engine.report(run_id), "created_contacts") == ["late"]
    assert not watermark(engine).fresh
    assert counts(engine.run()) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "inputs",
    [
        {"user_principal_names": ["bob@contoso.com"]},
        {"department_filter": "Sales"},
        {"office_location_filter": "Berlin"},
        {"company_id": "250"},
        {"update_existing": False},
        {"dry_run": True},
    ],
    ids=lambda inputs: next(iter(inputs)),
)
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_narrowed_and_dry_runs_leave_the_link_alone(engine: Engine, mode: str, inputs: Json) -> None:
    settled(engine, "ann")
    engine.directory.add_user("bob")
    before = watermark(engine)
    engine.run(sync_mode=mode, **inputs)
    assert watermark(engine) == before
    engine.run()
    assert any("bob@contoso.com" in contact.emails for contact in engine.psa.contacts.values())


@pytest.mark.parametrize(
    "inputs",
    [{"department_filter": "Sales"}, {"company_id": "250"}, {"update_existing": False}, {"dry_run": True}],
    ids=lambda inputs: next(iter(inputs)),
)
def test_narrowed_first_run_saves_no_link(engine: Engine, inputs: Json) -> None:
    engine.directory.add_user("ann", department="Sales")
    engine.run(**inputs)
    assert engine.store.memory.watermark("contoso") is None
    assert says_why(engine.run(), "first run")


def test_user_that_failed_for_a_passing_reason_is_taken_by_the_next_run(engine: Engine) -> None:
    settled(engine, "ann")
    engine.with_timing(user_horizon_s=0.0)
    engine.directory.add_user("bob")
    engine.psa.fail("create_contact", TransientError("server_error", vendor="connectwise"), times=9)
    link = watermark(engine).delta_link
    report = engine.run()
    engine.psa.heal()
    assert codes(report) == ["PSAConnectionError"]
    assert counts(report) == (0, 0, 0, 1)
    assert watermark(engine).delta_link != link  # the retry set remembers bob, not the link
    report = engine.run()
    assert names(report, "created_contacts") == ["bob"]
    assert report["success"]
    assert engine.store.memory.unfinished("contoso") == {}
    assert counts(engine.run()) == (0, 0, 0, 0)


def test_refused_user_stays_an_error_until_it_is_right(engine: Engine) -> None:
    settled(engine, "ann")
    bob = engine.directory.add_user("bob", surname=None, given_name=None, display_name=None, mail="bob @ contoso.com")
    for _ in range(3):
        report = engine.run()
        assert codes(report) == ["InvalidFieldMapping"]
        assert not report["success"]
    engine.directory.change_user(bob.id, mail="bob@contoso.com")
    assert names(engine.run(), "created_contacts") == ["bob"]
    assert engine.store.memory.unfinished("contoso") == {}


def test_refused_user_is_tried_again_when_its_namesake_is_gone(engine: Engine) -> None:
    settled(engine, "ann")
    namesake = engine.psa.add_contact(first_name="Bob", last_name="Example")
    engine.directory.add_user("bob")
    assert codes(engine.run()) == ["DuplicateContact"]
    engine.psa.remove_contact(namesake.id)
    assert names(engine.run(), "created_contacts") == ["bob"]


@pytest.mark.parametrize("permanently", [True, False])
def test_failed_user_that_is_gone_is_forgotten(engine: Engine, *, permanently: bool) -> None:
    settled(engine, "ann")
    bob = engine.directory.add_user("bob", mail="bob @ contoso.com")
    engine.run()
    assert list(engine.store.memory.unfinished("contoso")) == [bob.id]
    engine.directory.delete_user(bob.id, permanently=permanently)
    report = engine.run()
    assert report["success"]
    assert counts(report) == (0, 0, 0, 0)
    assert engine.store.memory.unfinished("contoso") == {}


def test_failed_user_that_is_excluded_is_forgotten(engine: Engine) -> None:
    settled(engine, "ann")
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
    settled(engine, "ann")
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


def test_delta_that_names_a_user_twice_counts_it_once(engine: Engine) -> None:
    settled(engine, "ann")
    engine.directory.repeats = True
    ann = next(iter(engine.directory.users.values()))
    bob = engine.directory.add_user("bob")
    for title in ("Buyer", "Head of Buying"):
        engine.directory.change_user(ann.id, job_title=title)
        engine.directory.change_user(bob.id, job_title=title)
    report = engine.run()
    assert counts(report) == (1, 1, 0, 0)
    assert {contact.fields["job_title"] for contact in engine.psa.contacts.values()} == {"Head of Buying"}


def test_tombstones_are_harmless(engine: Engine) -> None:
    settled(engine, "ann", "bob", "cid")
    ann, bob, cid = sorted(engine.directory.users)
    engine.directory.delete_user(ann)
    engine.directory.delete_user(bob, permanently=True)
    engine.directory.delete_user(cid)
    engine.directory.restore_user(cid)
    report = engine.run()
    assert report["success"]
    assert counts(report) == (0, 0, 1, 0)
    assert all(contact.active for contact in engine.psa.contacts.values())
    engine.directory.restore_user(ann)
    assert counts(engine.run()) == (0, 0, 1, 0)


def test_empty_pages_with_a_next_link_end_nothing(engine: Engine) -> None:
    settled(engine, "ann")
    engine.directory.page_size, engine.directory.blank_pages = 1, True
    for name in ("bob", "cid", "dan"):
        engine.directory.add_user(name)
    assert counts(engine.run()) == (3, 0, 0, 0)
    assert counts(engine.run()) == (0, 0, 0, 0)


def test_filter_on_an_incremental_run_reads_changes_only(engine: Engine) -> None:
    settled(engine, "ann")
    engine.directory.add_user("bob", department="Sales")
    engine.directory.add_user("cid", department="IT")
    report = engine.run(department_filter="sales")
    assert report["sync_mode"] == "incremental"
    assert names(report, "created_contacts") == ["bob"]
    assert names(engine.run(), "created_contacts") == ["cid"]


def test_property_that_a_delta_does_not_name_erases_nothing(engine: Engine) -> None:
    clearing = {"value": "{{ user.jobTitle }}", "clear": True}
    engine.configure(field_mapping={**engine.connector().field_mapping, "job_title": clearing})
    settled(engine, "ann")
    ann = next(iter(engine.directory.users.values()))
    engine.directory.change_user(ann.id, job_title="Buyer")
    engine.run()
    engine.directory.change_user(ann.id, job_title=None)
    report = engine.run()
    assert report["updated_contacts"][0]["changed_fields"] == ["job_title"]
    engine.psa.add_contact(
        contact_id="9", first_name="Bob", last_name="Example", email="bob@contoso.com", job_title="X"
    )
    engine.directory.add_user("bob")
    report = engine.run()
    assert report["updated_contacts"][0]["changed_fields"] == ["entra_id"]
    assert engine.psa.contacts["9"].fields["job_title"] == "X"
