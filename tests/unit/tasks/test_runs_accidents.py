"""The accidents of this field, replayed: nothing is switched off or rewritten that a careful person would not have."""

from itertools import count
from typing import Any

import pytest

from adapters.errors import TenantError, TransientError, WireError
from adapters.records import User
from tasks import leavers
from tasks.requesting import request_run
from tests.fakes.engine import Engine
from tests.fakes.mortal import Death, Installations
from tests.fakes.reports import Json, codes, counts

PEOPLE = 60


def furnish(engine: Engine, people: int = PEOPLE, **policies: Any) -> list[User]:
    """Give many people a contact each; leavers and whoever is out of scope are to be switched off."""
    engine.directory.page_size = 20
    users = [
        engine.directory.add_user(f"user{number}", business_phones=(f"+49 30 {1000 + number}",), department="Sales")
        for number in range(people)
    ]
    engine.configure(**{"on_leaver": "deactivate", "on_out_of_scope": "deactivate", **policies})
    engine.run(sync_mode="full")
    engine.run()
    return users


def inactive(engine: Engine) -> int:
    """Count the contacts that are switched off."""
    return sum(not contact.active for contact in engine.psa.contacts.values())


def state(engine: Engine) -> Json:
    """Return every contact as it is."""
    return dict(engine.psa.contacts)


def is_even(user: User) -> bool:
    return int(user.id[-12:]) % 2 == 0


def test_half_a_directory_switches_nobody_off(engine: Engine) -> None:
    furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.is_listed = is_even
    before = state(engine)
    report = engine.run()
    assert state(engine) == before
    assert set(codes(report, "warnings")) == {"ModeChanged", "AdditiveOnly"}
    message = next(row["message"] for row in report["warnings"] if row["code"] == "AdditiveOnly")
    assert "30 users" in message
    assert "counts 60" in message
    assert report["statistics"]["contacts_deactivated"] == 0
    assert engine.directory.calls["fetch_user"] == 0  # no id is asked for on the word of a list that is in doubt


def test_half_a_directory_with_a_count_that_agrees_switches_nobody_off(engine: Engine) -> None:
    furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.is_listed, engine.directory.counts_all = is_even, False
    before = state(engine)
    report = engine.run()
    assert state(engine) == before
    assert "AdditiveOnly" in codes(report, "warnings")
    engine.directory.expire_delta_links()
    report = engine.run()  # the next night takes nobody for gone either: each of them answers to its id
    assert state(engine) == before
    assert "exists" in next(row["message"] for row in report["warnings"] if row["code"] == "AdditiveOnly")


def test_users_that_left_by_two_proofs_do_not_cover_for_others(engine: Engine) -> None:
    users = furnish(engine)
    for user in users[:15]:
        engine.directory.delete_user(user.id)  # a tombstone tells it, and so does the list of deleted users
    missing = {user.id for user in users[15:25]}
    engine.directory.is_listed, engine.directory.counts_all = (lambda user: user.id not in missing), False
    report = engine.run(sync_mode="full")
    assert "10 fewer" in next(row["message"] for row in report["warnings"] if row["code"] == "AdditiveOnly")
    assert engine.directory.calls["fetch_user"] == 0


def test_first_list_that_was_cut_short_is_read_again_the_next_night(engine: Engine) -> None:
    for number in range(PEOPLE):
        engine.directory.add_user(f"user{number}", business_phones=("1",))
    engine.directory.is_listed = is_even
    report = engine.run(sync_mode="full")
    assert counts(report)[0] == PEOPLE // 2
    assert codes(report, "warnings") == ["AdditiveOnly"]
    engine.directory.is_listed = lambda _: True
    report = engine.run()
    assert report["sync_mode"] == "full"
    assert "not complete" in next(row["message"] for row in report["warnings"] if row["code"] == "ModeChanged")
    assert len(engine.psa.contacts) + len(report["held_changes"]) == PEOPLE


def test_one_missing_page_is_noticed_by_the_count(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.delete_user(users[0].id, permanently=True)  # really gone, but not to be told from the others
    engine.directory.is_listed = lambda user: user.id not in {users[3].id, users[4].id}
    report = engine.run()
    assert inactive(engine) == 0
    assert "AdditiveOnly" in codes(report, "warnings")


def test_ids_beyond_those_that_a_run_confirms_wait_for_the_next_full_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leavers, "MOST_CONFIRMED", 3)
    users = furnish(engine)
    for user in users[:5]:
        engine.directory.delete_user(user.id, permanently=True)
    engine.directory.forget_changes()
    engine.directory.expire_delta_links()
    report = engine.run()
    assert (report["statistics"]["contacts_deactivated"], inactive(engine)) == (3, 3)
    assert [row["code"] for row in report["warnings"] if row["user_principal_name"]] == ["UserLeft", "UserLeft"]
    assert engine.run(sync_mode="full")["statistics"]["contacts_deactivated"] == 2


def test_additive_run_still_creates_and_updates(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.add_user("new", business_phones=("1",))
    engine.directory.change_user(users[2].id, job_title="Boss")
    engine.directory.change_user(users[5].id, account_enabled=False)
    engine.directory.is_listed = lambda user: user.id != users[0].id
    report = engine.run()
    assert counts(report)[:2] == (1, 2)
    assert report["statistics"]["contacts_deactivated"] == 1  # who is switched off proves it by himself
    assert report["success"]


def test_count_that_lags_behind_is_asked_again(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.delete_user(users[0].id, permanently=True)
    engine.directory.miscounted.extend([1, 0])
    report = engine.run()
    assert report["statistics"]["contacts_deactivated"] == 1
    assert not engine.directory.miscounted


def test_tenant_that_does_not_count_makes_the_run_additive(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.delete_user(users[0].id, permanently=True)
    engine.directory.fail("count_users", WireError("request_refused", vendor="graph", status=400), times=9)
    report = engine.run()
    assert inactive(engine) == 0
    assert "does not say" in next(row["message"] for row in report["warnings"] if row["code"] == "AdditiveOnly")


@pytest.mark.parametrize("answer", ["empty list", "empty list and count"])
def test_empty_answers_switch_nobody_off(engine: Engine, answer: str) -> None:
    furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.is_listed = lambda _: False
    engine.directory.counts_all = answer == "empty list"
    before, link = state(engine), engine.watermark
    report = engine.run()
    assert state(engine) == before
    if answer == "empty list":
        assert codes(report) == ["UnexpectedAnswer"]
        assert engine.watermark == link
    else:
        assert "AdditiveOnly" in codes(report, "warnings")


@pytest.mark.parametrize("method", ["fetch_users", "fetch_deleted_users", "fetch_user", "count_users"])
def test_consent_that_is_lost_in_mid_run_writes_nothing(engine: Engine, method: str) -> None:
    users = furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.delete_user(users[0].id, permanently=True)
    engine.directory.fail(method, TenantError("permission_missing", vendor="graph", status=403), times=9)
    before, link = state(engine), engine.watermark
    report = engine.run()
    assert codes(report) == ["PermissionDenied"]
    assert state(engine) == before
    assert engine.watermark == link


def test_passing_failure_of_a_proof_is_outwaited(engine: Engine) -> None:
    users = furnish(engine)
    engine.directory.expire_delta_links()
    engine.directory.delete_user(users[0].id, permanently=True)
    for method in ("fetch_deleted_users", "count_users", "fetch_user"):
        engine.directory.fail(method, TransientError("throttled", vendor="graph", retry_after_s=0.01))
    assert engine.run()["statistics"]["contacts_deactivated"] == 1


def test_filter_that_lets_hardly_anybody_in_is_held(engine: Engine) -> None:
    furnish(engine)
    engine.configure(office365_sync_filter="user.department == 'Sale'", fingerprint="f2")
    before, link = state(engine), engine.watermark
    report = engine.run()
    assert state(engine) == before
    assert [(each["kind"], each["number"], each["limit"]) for each in report["held"]] == [("deactivations", PEOPLE, 5)]
    assert len(report["held_changes"]) == PEOPLE == len(report["users_unprocessed"])
    assert "ChangesHeld" in codes(report, "warnings")
    assert not report["success"]
    assert engine.watermark == link
    engine.configure(office365_sync_filter="user.department == 'Sales'", fingerprint="f3")
    assert engine.run()["success"]
    assert state(engine) == before


def test_filter_that_lets_everybody_in_is_held(engine: Engine) -> None:
    furnish(engine)
    for number in range(PEOPLE):
        engine.directory.add_user(f"guest{number}", user_type="Guest")
    before = state(engine)
    engine.configure(include_guests=True, fingerprint="f2")
    report = engine.run()
    assert state(engine) == before
    assert [(each["kind"], each["number"]) for each in report["held"]] == [("creations", PEOPLE)]
    assert {row["operation"] for row in report["held_changes"]} == {"create"}


def test_mapping_that_touches_every_phone_is_held_and_the_rest_is_written(engine: Engine) -> None:
    users = furnish(engine)
    mapping = engine.connector().field_mapping
    slip = {**mapping, "phone": mapping["phone"].model_copy(update={"value": "+49 30 0"})}
    engine.directory.change_user(users[1].id, account_enabled=False)
    engine.directory.add_user("new")
    before = {contact.id: contact.fields.get("phone") for contact in engine.psa.contacts.values()}
    engine.configure(field_mapping=slip, fingerprint="f2")
    report = engine.run()
    phones = {contact.id: contact.fields.get("phone") for contact in engine.psa.contacts.values()}
    assert {contact_id: phones[contact_id] for contact_id in before} == before
    assert [(each["kind"], each["field"]) for each in report["held"]] == [("rewrites", "phone")]
    assert {row["after"]["phone"] for row in report["held_changes"]} == {"+49 30 0"}
    assert counts(report)[0] == 1
    assert report["statistics"]["contacts_deactivated"] == 1
    assert not report["success"]


def test_dry_run_says_what_would_be_held(engine: Engine) -> None:
    furnish(engine)
    engine.configure(office365_sync_filter="user.department == 'Sale'", fingerprint="f2")
    report = engine.run(sync_mode="full", dry_run=True)
    assert [each["kind"] for each in report["held"]] == ["deactivations"]
    assert len(report["held_changes"]) == PEOPLE
    assert report["deactivated_contacts"] == []
    assert inactive(engine) == 0


def test_swapped_tenant_neither_empties_nor_fills_a_customer(engine: Engine) -> None:
    furnish(engine)
    for user_id in list(engine.directory.users):
        engine.directory.delete_user(user_id, permanently=True)
    engine.directory.forget_changes()
    engine.directory.expire_delta_links()
    for number in range(PEOPLE):
        engine.directory.add_user(f"fabrikam{number}", id=f"11111111-0000-4000-8000-{number:012d}")
    before, link = state(engine), engine.watermark
    report = engine.run()
    assert state(engine) == before
    assert {each["kind"] for each in report["held"]} == {"creations", "deactivations"}
    assert engine.watermark == link


def test_five_thousand_are_never_suspended_by_one_empty_delta(engine: Engine) -> None:
    users = furnish(engine)
    for user in users[:40]:
        engine.directory.delete_user(user.id)
    before, link = state(engine), engine.watermark
    report = engine.run()
    assert state(engine) == before
    assert [(each["kind"], each["number"]) for each in report["held"]] == [("deactivations", 40)]
    assert engine.watermark == link
    for user in users[:40]:
        engine.directory.restore_user(user.id)
    report = engine.run()
    assert report["success"]
    assert state(engine) == before


def test_limits_of_a_connector_are_its_own(engine: Engine) -> None:
    limit = {"absolute": 40, "share": 0, "churn": 0, "small_absolute": 0, "small_share": 0}
    users = furnish(engine, guard={"deactivations": limit})
    for user in users[:40]:
        engine.directory.delete_user(user.id)
    report = engine.run()
    assert report["statistics"]["contacts_deactivated"] == 40
    assert report["success"]
    assert report["held"] == []


def test_small_customer_is_judged_apart(engine: Engine) -> None:
    users = furnish(engine, people=4)
    engine.directory.delete_user(users[0].id)
    assert engine.run()["statistics"]["contacts_deactivated"] == 1
    for user in users[1:3]:
        engine.directory.delete_user(user.id)
    report = engine.run()
    assert [(each["number"], each["limit"]) for each in report["held"]] == [(2, 1)]
    assert inactive(engine) == 1


def test_customer_that_many_have_left_is_judged_by_those_who_are_left(engine: Engine) -> None:
    limit = {"absolute": PEOPLE, "share": 0, "churn": 0, "small_absolute": 0, "small_share": 0}
    users = furnish(engine, guard={"deactivations": limit})
    for user in users[:50]:
        engine.directory.delete_user(user.id)
    assert engine.run(sync_mode="full")["statistics"]["contacts_deactivated"] == 50
    engine.configure(guard={})
    for user in users[50:53]:
        engine.directory.delete_user(user.id)
    report = engine.run()
    assert [(each["number"], each["limit"], each["contacts"]) for each in report["held"]] == [(3, 2, 10)]


def test_first_run_and_writing_the_object_id_are_outside_the_guard(engine: Engine) -> None:
    for number in range(PEOPLE):
        engine.directory.add_user(f"user{number}", business_phones=("1",))
    report = engine.run(sync_mode="full")
    assert counts(report) == (PEOPLE, 0, 0, 0)
    for contact in list(engine.psa.contacts.values()):
        engine.psa.contacts[contact.id] = contact.model_copy(update={"entra_id": None})
    report = engine.run(sync_mode="full")
    assert counts(report) == (0, PEOPLE, 0, 0)
    assert report["held"] == []


def test_held_run_tells_somebody(engine: Engine) -> None:
    users = furnish(engine)
    for user in users[:40]:
        engine.directory.delete_user(user.id)
    run_id = engine.run()["run_id"]
    (alert,) = [each for each in engine.store.alerts.facts(limit=9) if each["kind"] != "ended"]
    assert alert["kind"] == "held"
    assert alert["run_id"] == run_id
    assert [each["number"] for each in alert["held"]] == [40]


def test_changes_that_failed_do_not_count_as_made(engine: Engine) -> None:
    users = furnish(engine)
    for number in range(20):
        engine.directory.add_user(f"new{number}", business_phones=("1",))
    for user in users[:20]:
        engine.directory.change_user(user.id, job_title="Buyer")
    engine.psa.refuse("create_contact", times=19)
    engine.psa.refuse("update_contact", times=19)
    request_run(engine.ports, "contoso", {}, trigger="schedule")
    engine.work()
    assert engine.store.memory.recent_changes("contoso", within_s=60).popitem()[1] == {
        "creations": 1,
        "rewrites.job_title": 1,
    }
    run = request_run(engine.ports, "contoso", {}, trigger="schedule")
    engine.work()
    report = engine.report(run.run_id)
    assert (report["held"], counts(report)) == ([], (19, 19, 0, 0))


@pytest.mark.parametrize("trigger", ["event", "poll", "schedule"])
def test_many_small_runs_that_nobody_asked_for_are_as_bad_as_a_large_one(engine: Engine, trigger: str) -> None:
    users = furnish(engine)
    reports = []
    for user in users[:8]:
        engine.directory.delete_user(user.id)
        inputs = {"user_principal_names": [user.id]} if trigger == "event" else {}
        run = request_run(engine.ports, "contoso", inputs, trigger=trigger)
        engine.work()
        reports.append(engine.report(run.run_id))
    assert inactive(engine) == 5
    assert [bool(report["held"]) for report in reports] == [False] * 5 + [True] * 3
    assert (reports[5]["held"][0]["number"], reports[5]["held"][0]["earlier"], reports[5]["held"][0]["limit"]) == (
        1,
        5,
        5,
    )
    assert "after 5 within a day" in next(
        row["message"] for row in reports[5]["warnings"] if row["code"] == "ChangesHeld"
    )
    assert engine.run()["held"] == []  # asked for by hand, it is judged by itself
    assert inactive(engine) == 8


def test_judge_that_dies_while_it_holds_changes_back_is_repeated_to_the_same_end(opened: Installations) -> None:
    for calls in count(1):
        store = opened(f"n{calls}")
        engine = Engine(store)
        users = furnish(engine, people=6)
        engine.directory.add_user("new", business_phones=("1",))
        for user in users[:4]:
            engine.directory.delete_user(user.id)
        run_id = engine.request()
        engine.work(until="judge")
        store.die_after(calls)
        try:
            engine.work(until="upsert")
        except Death:
            store.bury()
            engine.move_to(opened(f"n{calls}"))
        else:
            break
        report = engine.recover(run_id)
        assert len(report["held_changes"]) == 4 == len(report["users_unprocessed"])
        assert counts(report) == (1, 0, 0, 0)
        assert inactive(engine) == 0
    assert calls > 8, "too few steps: the deaths were not where they should be"
