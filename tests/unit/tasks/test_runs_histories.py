"""Whatever happens to directory, PSA, processes and messages, in any order, with runs of any mode in between.

`pytest --hypothesis-profile long` tries many other histories; a failing one is told, and can be replayed.
"""

from collections import Counter
from functools import partial
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from adapters.errors import RecordError, SyncError, TransientError
from adapters.records import Contact
from tests.fakes.contacts import Write
from tests.fakes.engine import Engine
from tests.fakes.mortal import Death, Installations, MortalStore
from tests.fakes.reports import Json, codes, names
from tests.unit.tasks.scene import SHORT

IN_A_CHECK = settings(max_examples=5, stateful_step_count=14)
MOST_USERS = 7
MOST_RUNS = MOST_USERS + 2
ADDRESSES = st.sampled_from([None, "a@contoso.com", "b@contoso.com", "A@Contoso.com"])
FIELDS = (
    st.fixed_dictionaries({"job_title": st.sampled_from([None, "Buyer", "Clerk"])})
    | st.fixed_dictionaries({"surname": st.sampled_from(["Example", "Married"])})
    | st.fixed_dictionaries({"mail": ADDRESSES})
    | st.fixed_dictionaries({"account_enabled": st.booleans()})
)
MESSAGES = st.sampled_from(["start_run", "fan_out", "judge", "feed", "upsert", "summarize_batch", "close_run"])
WRITES = st.sampled_from(["create_contact", "update_contact"])
PSA_READS = st.sampled_from(
    ["fetch_schema", "fetch_contacts", "count_contacts", "find_contacts", "fetch_contact", "fetch_by_ids"]
)
GRAPH_READS = st.sampled_from(["fetch_users", "fetch_delta", "fetch_user", "count_users", "fetch_latest_delta_link"])
FAULTS = st.one_of(
    st.tuples(st.just("answer lost"), WRITES, st.booleans()),
    st.tuples(st.just("write fails"), WRITES, st.booleans()),
    st.tuples(st.just("read fails"), PSA_READS | GRAPH_READS, st.booleans()),
    st.tuples(st.just("message lost"), MESSAGES, st.booleans()),
    st.tuples(st.just("message twice"), MESSAGES, st.booleans()),
    st.tuples(st.just("process dies"), st.integers(0, 90), st.booleans()),
)
BUSY = TransientError("server_error", vendor="fake")
REFUSED = RecordError("record_refused", vendor="fake", status=400)

installations = count()


class Histories(RuleBasedStateMachine):
    """One tenant and one company, and all that may happen to them."""

    def __init__(self, opened: Installations) -> None:
        """Open an installation of its own."""
        super().__init__()
        self._opened, self._name = opened, f"h{next(installations)}"
        self._store: MortalStore = opened(self._name)
        self.engine = Engine(self._store, read_back=1.0)
        self.engine.with_timing(**SHORT)
        self.deaths: list[tuple[int, bool]] = []

    @initialize(on_leaver=st.sampled_from(["report", "deactivate"]), page_size=st.sampled_from([2, 999]))
    def begin(self, on_leaver: str, page_size: int) -> None:
        """Furnish both sides a little."""
        self.engine.configure(on_leaver=on_leaver)
        self.engine.directory.page_size = page_size
        for name in ("ann", "bob", "cid"):
            self.engine.directory.add_user(name)
        self.engine.psa.add_contact(first_name="Bob", last_name="Example", email="bob@contoso.com")
        self.engine.psa.add_contact(first_name="Somebody", last_name="Else", email="else@example.com")

    # --- the directory ------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.engine.directory.users) < MOST_USERS)
    @rule(mail=ADDRESSES)
    def hire(self, mail: str | None) -> None:
        """Make a user, with an address of its own or one that another may have."""
        self.engine.directory.add_user(**({"mail": mail} if mail else {}))

    @precondition(lambda self: self.engine.directory.users)
    @rule(at=st.integers(0, MOST_USERS), fields=FIELDS)
    def change(self, at: int, fields: Json) -> None:
        """Change a user."""
        self.engine.directory.change_user(self._user_id(at), **fields)

    @precondition(lambda self: self.engine.directory.users)
    @rule(at=st.integers(0, MOST_USERS), permanently=st.booleans())
    def dismiss(self, at: int, permanently: bool) -> None:
        """Delete a user."""
        self.engine.directory.delete_user(self._user_id(at), permanently=permanently)

    @precondition(lambda self: self.engine.directory._deleted)
    @rule(at=st.integers(0, MOST_USERS))
    def restore(self, at: int) -> None:
        """Bring a deleted user back."""
        deleted = sorted(self.engine.directory._deleted)
        self.engine.directory.restore_user(deleted[at % len(deleted)])

    @rule()
    def expire(self) -> None:
        """Let every link of Graph's die."""
        self.engine.directory.expire_delta_links()
        self.engine.directory.expire_page_links()

    # --- the PSA, by hand ---------------------------------------------------------------------------------------------

    @rule(at=st.integers(0, MOST_USERS), marked=st.booleans())
    def enter_contact(self, at: int, marked: bool) -> None:
        """Make a contact of a user's name or of a stranger's by hand; a copy bears the user's object id, too."""
        users = sorted(self.engine.directory.users.values(), key=lambda user: user.id)
        user = users[at] if at < len(users) else None
        self.engine.psa.add_contact(
            first_name="By",
            last_name="Hand",
            emails=[user.mail] if user and user.mail else [],
            entra_id=user.id if user and marked else None,
        )

    @rule(at=st.integers(0, 9), edit=st.sampled_from(["title", "unlink", "switch off", "delete"]))
    def edit_contact(self, at: int, edit: str) -> None:
        """Change or delete a contact by hand."""
        contacts = self.engine.psa.contacts
        contact = contacts[sorted(contacts)[at % len(contacts)]] if contacts else None
        if contact is None or edit == "delete":
            if contact is not None:
                self.engine.psa.remove_contact(contact.id)
            return
        edits: dict[str, Json] = {
            "title": {"fields": {**contact.fields, "job_title": "By hand"}},
            "unlink": {"entra_id": None},
            "switch off": {"active": False},
        }
        contacts[contact.id] = contact.model_copy(update=edits[edit])

    # --- runs ---------------------------------------------------------------------------------------------------------

    @rule(mode=st.sampled_from(["full", "incremental", "targeted", "dry"]), faults=st.lists(FAULTS, max_size=3))
    def run(self, mode: str, faults: list[Any]) -> None:
        """Carry a run out among faults; check what it did, and that all of it is in order once the faults are gone."""
        before = len(self.engine.psa.writes)
        for fault in faults:
            self._arm(*fault)
        report = self._carry_out(self._inputs(mode))
        self._heal()
        writes = self.engine.psa.writes[before:]
        assert mode != "dry" or not writes
        assert "ReadBackDiffers" not in codes(report, "warnings"), "nobody has edited anything meanwhile"
        assert_report_tells_what_was_written(report, writes if mode != "dry" else None)
        assert_nobody_has_two(self.engine)
        if mode != "dry":
            self._settle()

    def teardown(self) -> None:
        """End where everything is in order."""
        self._settle()

    def _inputs(self, mode: str) -> Json:
        users = self.engine.directory.users.values()
        if mode == "targeted" and users:
            return {"user_principal_names": sorted(str(user.user_principal_name) for user in users)[:2]}
        return (
            {"sync_mode": "full", "dry_run": True} if mode == "dry" else {"sync_mode": mode.replace("targeted", "full")}
        )

    def _arm(self, fault: str, where: Any, chance: bool) -> None:
        psa, queue = self.engine.psa, self.engine.queue
        error: SyncError = BUSY if chance else REFUSED
        match fault:
            case "answer lost":
                psa.lose_answer(where, happened=chance)
            case "write fails":
                psa.fail(where, error)
            case "read fails":
                (psa if hasattr(psa, where) else self.engine.directory).fail(where, BUSY)
            case "message lost":
                queue.lose[where] += 1
            case "message twice":
                queue.copies[where] = 1
            case _:
                self.deaths.append((where, chance))

    def _carry_out(self, inputs: Json) -> Json:
        run_id = self.engine.request(**inputs)
        for calls, delivered_again in self.deaths:
            self._store.die_after(calls)
            try:
                self.engine.recover(run_id)
            except Death:
                self._store.bury()
                self._move()
                if delivered_again:
                    self.engine.queue.redeliver()
        self._move()
        return self.engine.recover(run_id)

    def _move(self) -> None:
        self._store = self._opened(self._name)
        self.engine.move_to(self._store)

    def _heal(self) -> None:
        self.deaths.clear()
        self.engine.psa.heal()
        self.engine.directory.heal()
        self.engine.queue.lose.clear()
        self.engine.queue.copies.clear()
        self.engine.work()

    def _settle(self) -> None:
        """Run in full until nothing is written, then check everybody.

        What a second run writes may only be for users that were refused, and for leavers: one that had several contacts
        loses one a run, and all are left alone as long as the list was not proved complete."""
        report = self.engine.run(sync_mode="full")
        for _ in range(MOST_RUNS):
            refused = {*names(report, "errors")}
            doubted = "AdditiveOnly" in codes(report, "warnings")
            gone = {*names(report, "deactivated_contacts")}
            report = self.engine.run(sync_mode="full")
            written = {*names(report, "created_contacts"), *names(report, "updated_contacts")}
            going = {*names(report, "deactivated_contacts")}
            assert written <= refused | (going if doubted else going & gone), (
                "a write may settle why somebody was refused, and nothing else"
            )
            if not written:
                break
        assert_everybody_has_one(self.engine, report)
        before = len(self.engine.psa.writes)
        self.engine.run()
        assert self.engine.psa.writes[before:] == []

    def _user_id(self, at: int) -> str:
        users = sorted(self.engine.directory.users)
        return users[at % len(users)]


def assert_report_tells_what_was_written(report: Json, writes: list[Write] | None) -> None:
    """Check that each new contact is named once, each changed one is named, and nothing else."""
    if writes is None:
        return
    created = Counter(row["psa_contact_id"] for row in report["created_contacts"])
    assert created == Counter(write.after.id for write in writes if write.operation == "create")
    rows = [*report["updated_contacts"], *report["deactivated_contacts"]]
    updated = {row["psa_contact_id"] for row in rows}
    assert updated == {write.after.id for write in writes if write.operation == "update"}
    assert all(write.after.company_id == "250" for write in writes)


def assert_nobody_has_two(engine: Engine) -> None:
    """Check that no user has two contacts of our making."""
    made = {write.after.id for write in engine.psa.writes if write.operation == "create"}
    marks = Counter(contact.entra_id for contact in engine.psa.contacts.values() if contact.id in made)
    assert all(number == 1 for mark, number in marks.items() if mark in engine.directory.users), marks


def assert_everybody_has_one(engine: Engine, report: Json) -> None:
    """Check that each user that was neither refused nor left out has an active contact with its object id and mail.

    Somebody may have made a second one by hand, which is not ours to end."""
    refused = {*names(report, "errors")}
    for user in engine.directory.users.values():
        if str(user.user_principal_name).partition("@")[0] in refused:
            continue
        if not user.account_enabled or user.mail is None:
            continue
        contacts = [contact for contact in engine.psa.contacts.values() if contact.entra_id == user.id]
        assert any(_is_right(contact, str(user.mail)) for contact in contacts), (user, contacts)


def _is_right(contact: Contact, mail: str) -> bool:
    return contact.active and contact.fields.get("email", "").casefold() == mail.casefold()


def test_any_history_leaves_everybody_with_one_contact_and_true_reports(opened: Installations) -> None:
    wanted = IN_A_CHECK if settings.get_current_profile_name() == "any machine" else settings()
    run_state_machine_as_test(partial(Histories, opened), settings=wanted)  # type: ignore[arg-type]  # a factory does, too
