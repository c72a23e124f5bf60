"""Incremental runs: only what changed since the link."""

from tests.fakes.engine import Engine
from tests.fakes.reports import counts, names
from tests.unit.tasks.scene import settle

FAR_FUTURE = "2999-01-01T00:00:00Z"


def test_only_changed_users_are_read_and_processed(engine: Engine) -> None:
    settle(engine, "ann", "bob", "cid")
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
    settle(engine, "ann")
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
    assert engine.watermark.fresh
    engine.directory.forget_changes()  # listed too late for that run, and too early for the delta that began with it
    assert names(engine.run(), "created_contacts") == ["late"]
    assert not engine.watermark.fresh


def test_delta_that_names_a_user_twice_counts_it_once(engine: Engine) -> None:
    settle(engine, "ann")
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
    settle(engine, "ann", "bob", "cid")
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
    settle(engine, "ann")
    engine.directory.page_size, engine.directory.blank_pages = 1, True
    for name in ("bob", "cid", "dan"):
        engine.directory.add_user(name)
    assert counts(engine.run()) == (3, 0, 0, 0)
    assert counts(engine.run()) == (0, 0, 0, 0)


def test_filter_on_an_incremental_run_reads_changes_only(engine: Engine) -> None:
    settle(engine, "ann")
    engine.directory.add_user("bob", department="Sales")
    engine.directory.add_user("cid", department="IT")
    report = engine.run(department_filter="sales")
    assert report["sync_mode"] == "incremental"
    assert names(report, "created_contacts") == ["bob"]
    assert names(engine.run(), "created_contacts") == ["cid"]


def test_property_that_a_delta_does_not_name_erases_nothing(engine: Engine) -> None:
    clearing = {"value": "{{ user.jobTitle }}", "clear": True}
    engine.configure(field_mapping={**engine.connector().field_mapping, "job_title": clearing})
    settle(engine, "ann")
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
